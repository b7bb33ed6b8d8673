package idws

import (
	"strings"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
)

// minAssurance is the lowest assurance level that is accepted, on the scale of OIOSAML 2; NSIS Substantial is 3, High is 4.
const minAssurance = 3

// caller makes the caller of a token: CPR number alone is a citizen, a person with a CVR number somebody at work, CVR number alone an
// organisation's system.
func (c *claims) caller() (caller identity.Caller, err error) {
	if caller.Credential.Level, err = c.level(); err != nil {
		return identity.Caller{}, err
	}
	number, ok1 := c.either(cpr2, cpr3)
	cvr, ok2 := c.either(cvr2, cvr3)
	org, ok3 := c.either(organisation2, organisation3)
	if !ok1 || !ok2 || !ok3 {
		return identity.Caller{}, refuse(errToken, "claim stated twice")
	}
	if c.has(cpr2) || c.has(cpr3) {
		if caller.CPR, err = cpr.Parse(number); err != nil {
			return identity.Caller{}, refuse(errToken, "CPR number")
		}
	}
	atWork := c.has(cvr2) || c.has(cvr3)
	if atWork && !auth.IsDigits(cvr, 8) {
		return identity.Caller{}, refuse(errToken, "CVR number")
	}
	person := !caller.CPR.IsZero() || c.values[person3] != "" || c.values[rid] != ""
	switch {
	case !caller.CPR.IsZero() && !atWork:
		caller.Kind = identity.Citizen
	case person && atWork:
		caller.Kind = identity.Professional
	case atWork:
		caller.Kind = identity.System
	default:
		return identity.Caller{}, refuse(errToken, "nobody named")
	}
	if caller.Name = c.values[commonName]; caller.Name == "" {
		caller.Name = c.values[surname]
	}
	caller.SystemName = c.values[systemName]
	caller.Org = identity.Organisation{CVR: cvr, Name: org}
	if c.values[provider] != "" {
		code, _, _ := strings.Cut(c.values[provider], "^")
		caller.Org.IDs = []identity.OrgID{{Scheme: c.providerRoot, Code: code}}
	}
	caller.Override = c.values[purpose] == emergency && c.purposeSystem == purposes
	if caller.Kind == identity.Professional {
		if err := c.authority(&caller); err != nil {
			return identity.Caller{}, err
		}
	}
	if caller.OnBehalfOf, err = c.principal(caller.CPR); err != nil {
		return identity.Caller{}, err
	}
	return caller, nil
}

// level reads the assurance level. Where a token states it on both scales, the lower one counts.
func (c *claims) level() (int, error) {
	level := 0
	if c.has(assurance2) {
		if text := c.values[assurance2]; auth.IsDigits(text, 1) {
			level = int(text[0] - '0')
		}
	}
	if c.has(assurance3) {
		nsis := 0
		switch c.values[assurance3] {
		case substantial:
			nsis = 3
		case high:
			nsis = 4
		}
		if !c.has(assurance2) || nsis < level {
			level = nsis
		}
	}
	if level < minAssurance {
		return 0, refuse(errAssurance, "assurance level")
	}
	return level, nil
}

// authority sets authorisation and role of somebody at work. Of several authorisations none counts, unless its code was chosen.
func (c *claims) authority(caller *identity.Caller) error {
	chosen := identity.Authorisation{Code: c.values[authorisationCode], EducationCode: c.values[educationCode]}
	if chosen.Code == "" && len(c.authorisations) == 1 {
		chosen.Code = c.authorisations[0].Code
	}
	if chosen.Code != "" {
		listed := len(c.authorisations) == 0
		for _, a := range c.authorisations {
			if a.Code == chosen.Code {
				listed = true
				if chosen.EducationCode == "" {
					chosen.EducationCode = a.EducationCode
				}
			}
		}
		if !listed || !identity.IsAuthorisationCode(chosen.Code) {
			return refuse(errToken, "authorisation code")
		}
	}
	text := c.values[role]
	caller.RawRole, caller.AuthorisationCode = text, chosen.Code
	switch {
	case auth.IsDigits(text, 4): // an education code, which is a role only with an authorisation
		if chosen.EducationCode == "" {
			chosen.EducationCode = text
		}
	case text != "" && text != identity.NoRole:
		caller.NationalRole = identity.NationalRoleName(text)
	}
	if chosen.Code != "" && chosen.EducationCode != "" {
		if !auth.IsDigits(chosen.EducationCode, 4) {
			return refuse(errToken, "education code")
		}
		caller.EducationCode = chosen.EducationCode
	}
	return nil
}

// principal reads who the person with the number actor acts for, nil for nobody else.
func (c *claims) principal(actor cpr.Number) (*identity.Principal, error) {
	if !c.has(onBehalfOf) {
		return nil, nil //nolint:nilnil // nobody is acted for
	}
	kind, number, err := relation.ParseClaim(c.values[onBehalfOf])
	if err != nil || actor.IsZero() || number == actor {
		return nil, refuse(errOnBehalfOf, "on behalf of")
	}
	return &identity.Principal{CPR: number, Kind: kind}, nil
}
