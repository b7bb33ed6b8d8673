package identity

import (
	"errors"
	"slices"
	"strings"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
)

// ErrUnknown: nobody holds the certificate or number.
var ErrUnknown error = fault.Error{Kind: fault.NotFound, Code: fault.CodeNotAuthorized, Text: "unknown person"}

// Why no authorisation can be put on a person's ID card.
var (
	ErrAuthorisationMissing   = errors.New("an authorisation is asked for, the person has none")
	ErrAuthorisationNotOwned  = errors.New("the person does not have the authorisation that is asked for")
	ErrAuthorisationAmbiguous = errors.New("the person has several authorisations and none is chosen")
)

// NoRole is medcom:UserRole of a person without authorisation and without national role.
const NoRole = "urn:dk:healthcare:no-role"

// Person is who holds a certificate, as the registers know it.
type Person struct {
	CPR            cpr.Number
	GivenName      string
	Surname        string
	Email          string
	Authorisations []Authorisation
	NationalRoles  []string
}

// Authorisation is a health professional's authorisation (autorisationsregistret).
type Authorisation struct {
	Code          string // 5 characters of A-Z0-9
	EducationCode string // 4 digits
}

// IsAuthorisationCode tells whether s has the form of an authorisation code: 5 of A-Z and 0-9.
func IsAuthorisationCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(s) == 5
}

// Authority is the capacity that an ID card gives a person: the text of medcom:UserRole and, for an authorised health professional,
// medcom:UserAuthorizationCode.
type Authority struct {
	Role              string // education code, national role or NoRole
	AuthorisationCode string // "" without authorisation
}

// Choose decides in which capacity the person acts, from the authorisation code and the role that were sent; either may be "".
//
// A code that was sent must be owned. Without one the only authorisation is taken; of several, the only one whose education code was sent as
// the role. A person without authorisation gets the national role that was sent if it is owned, else the only national role, else NoRole.
// A role is sent as it is registered or as an URN that ends in ":value:" and the registered name; the text that was sent is kept.
func (p Person) Choose(code, role string) (Authority, error) {
	if code != "" {
		for _, a := range p.Authorisations {
			if a.Code == code {
				return a.authority(), nil
			}
		}
		if len(p.Authorisations) == 0 {
			return Authority{}, ErrAuthorisationMissing
		}
		return Authority{}, ErrAuthorisationNotOwned
	}
	switch len(p.Authorisations) {
	case 0:
		return Authority{Role: p.nationalRole(role)}, nil
	case 1:
		return p.Authorisations[0].authority(), nil
	}
	matches := func(a Authorisation) bool { return a.EducationCode == role }
	first := slices.IndexFunc(p.Authorisations, matches)
	if first < 0 || slices.ContainsFunc(p.Authorisations[first+1:], matches) {
		return Authority{}, ErrAuthorisationAmbiguous
	}
	return p.Authorisations[first].authority(), nil
}

func (p Person) nationalRole(sent string) string {
	if sent != "" && slices.Contains(p.NationalRoles, NationalRoleName(sent)) {
		return sent
	}
	if len(p.NationalRoles) == 1 {
		return p.NationalRoles[0]
	}
	return NoRole
}

func (a Authorisation) authority() Authority {
	return Authority{Role: a.EducationCode, AuthorisationCode: a.Code}
}

// NationalRoleName returns X of a role written as an URN with ":value:X", and any other role as it is.
func NationalRoleName(role string) string {
	if !strings.HasPrefix(role, "urn:") {
		return role
	}
	if _, name, ok := strings.Cut(role, ":value:"); ok {
		return name
	}
	return role
}
