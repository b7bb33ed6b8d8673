package identity

import (
	"slices"
	"strings"
)

// Proof is the scheme by which the caller, or the one who opened its session, proved who it is.
func (c Caller) Proof() Scheme {
	if c.Credential.Scheme == Session {
		return c.Credential.Origin
	}
	return c.Credential.Scheme
}

// Signed tells whether an ID card of level 4 or a token says who the professional is: no system's word. A sample counts as an ID card.
func (c Caller) Signed() bool {
	if c.Kind != Professional || c.Vouched || c.CPR.IsZero() {
		return false
	}
	p := c.Proof()
	return p == IDWS || (p == DGWS || p == Sample) && c.Credential.Level >= 4
}

// InPerson tells whether the caller is a citizen with a token of her own, who acts for nobody else. A sample counts as a token.
func (c Caller) InPerson() bool {
	p := c.Proof()
	return c.Kind == Citizen && !c.Vouched && !c.CPR.IsZero() && c.OnBehalfOf == nil && (p == IDWS || p == Sample)
}

// Carded tells whether the caller is an authorised professional with an ID card of level 4, who acts for nobody else. Tokens do not count; a
// sample does.
func (c Caller) Carded() bool {
	p := c.Proof()
	return c.Authorised() && !c.Vouched && c.OnBehalfOf == nil && (p == DGWS || p == Sample) && c.Credential.Level >= 4
}

// Unattended tells whether the caller is a system with an ID card or a token, without a user. A sample counts as an ID card.
func (c Caller) Unattended() bool {
	p := c.Proof()
	return c.Kind == System && !c.Vouched && c.CPR.IsZero() && c.Org.CVR != "" &&
		(p == IDWS || (p == DGWS || p == Sample) && c.Credential.Level >= 3)
}

// Administers tells whether the caller is an employee, in person and of an organisation with a CVR number and a name, with one of the national
// roles. No roles: nobody is.
func (c Caller) Administers(roles []string) bool {
	return c.Signed() && c.OnBehalfOf == nil && c.Org.CVR != "" && strings.TrimSpace(c.Org.Name) != "" &&
		c.NationalRole != "" && slices.Contains(roles, c.NationalRole)
}

// Actor is how the audit log and registers name who did something.
type Actor struct {
	Role   string // CITIZEN, HEALTHCARE_PROFESSIONAL, SYSTEM or ADMIN; "" = none of them
	ID     string
	Source string // what the ID is: CPR, AUTH (authorisation code) or CVR
}

// Actor returns how the caller is named; admin tells that it calls as an administrator.
func (c Caller) Actor(admin bool) Actor {
	person := func(role string) Actor {
		if c.CPR.IsZero() {
			return Actor{Role: role}
		}
		return Actor{role, c.CPR.Digits(), "CPR"}
	}
	switch {
	case admin:
		return person("ADMIN")
	case c.Kind == Citizen:
		return person("CITIZEN")
	case c.Authorised():
		return Actor{"HEALTHCARE_PROFESSIONAL", c.AuthorisationCode, "AUTH"}
	case c.Kind == Professional:
		return person("HEALTHCARE_PROFESSIONAL")
	case c.Kind == System && c.Org.CVR != "":
		return Actor{"SYSTEM", c.Org.CVR, "CVR"}
	case c.Kind == System:
		return Actor{Role: "SYSTEM"}
	}
	return Actor{}
}
