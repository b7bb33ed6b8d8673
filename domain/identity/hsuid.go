package identity

import (
	"strings"

	"github.com/opennsp/nsp/domain/fault"
)

// What is wrong with an HSUID header that counts.
var (
	ErrUserType   error = fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: "the UserType of the HSUID header is not known"}
	ErrActingUser error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized,
		Text: "the acting user of the HSUID header is not the user of the credential"}
)

// The values of nsi:UserType, in lower case and without "nsi:" (NSP HSUID 1.1); both are written in any case, with or without prefix.
const (
	citizenType      = "citizen"
	professionalType = "healthcareprofessional"
)

// WithUser returns the caller as the HSUID header leaves it in an operation that takes the header; trusted says that the word of the caller's
// organisation about its users counts.
//
// A system that is trusted acts as the user it names: kind, number, authorisation (where the acting user is the responsible one and
// the code has the form of one), organisation (but not the CVR number), system and override are the header's, and the caller is vouched for. Of a system that is not
// trusted the header is dropped. A user's credential stands, and the header may not name another acting user (ErrActingUser); it then adds
// what the user states: the responsible, the organisation, an override. A header that does not say whose word it is (UserType) or who acts
// is the service's to refuse. The caller is not changed; without header it is returned as it is.
func (c Caller) WithUser(trusted bool) (Caller, error) {
	h := c.HSUID
	if h == nil {
		return c, nil
	}
	kind, err := h.Kind()
	switch {
	case c.Kind == System && !trusted:
		c.HSUID = nil
		return c, nil
	case err != nil:
		return Caller{}, err
	case c.Kind == System:
		return c.vouched(kind), nil
	case !h.Acting.IsZero() && !c.Is(h.Acting):
		return Caller{}, ErrActingUser
	}
	c.Override = c.Override || h.Override
	return c, nil
}

// Kind is whom the header tells of, Unknown where it does not say.
func (h *HSUID) Kind() (Kind, error) {
	switch strings.TrimPrefix(strings.ToLower(h.UserType), "nsi:") {
	case "":
		return Unknown, nil
	case citizenType:
		return Citizen, nil
	case professionalType:
		return Professional, nil
	}
	return Unknown, ErrUserType
}

// vouched is the user that a trusted system names. What the credential says of a person, or of administrators, is not carried over.
func (c Caller) vouched(kind Kind) Caller {
	h := c.HSUID
	user := Caller{
		Kind: System, Org: c.Org, SystemName: c.SystemName, HSUID: h,
		Override: c.Override || h.Override, Vouched: true,
		Audience: c.Audience, Credential: c.Credential, Addr: c.Addr, MessageID: c.MessageID,
	}
	if kind != Unknown {
		user.Kind, user.CPR = kind, h.Acting
	}
	if kind == Professional && user.Is(h.Responsible) && IsAuthorisationCode(h.ResponsibleCode) {
		user.AuthorisationCode = h.ResponsibleCode
	}
	if h.OrgName != "" {
		user.Org.Name = h.OrgName
	}
	if h.Org.Code != "" {
		user.Org.IDs = []OrgID{h.Org}
	}
	if h.SystemName != "" {
		user.SystemName = h.SystemName
	}
	return user
}
