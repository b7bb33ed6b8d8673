package identity

import (
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
)

// ErrUnknown: nobody holds the certificate or number.
var ErrUnknown error = fault.Error{Kind: fault.NotFound, Code: fault.CodeNotAuthorized, Text: "unknown person"}

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
