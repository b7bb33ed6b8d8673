package idws

import (
	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/identity"
)

// claims is what the attributes of a token say, as written but trimmed; what is absent is "".
type claims struct {
	values         [claimCount]string
	seen           uint32 // claims that were there, bit by bit
	authorisations []identity.Authorisation
	purposeSystem  string
	providerRoot   string
}

// claim is an attribute that means something to us.
type claim uint8

const (
	cpr2 claim = iota
	cpr3
	cvr2
	cvr3
	rid
	person3
	assurance2
	assurance3
	specVersion
	commonName
	surname
	organisation2
	organisation3
	authorisationCode
	educationCode
	systemName
	onBehalfOf
	authorisations
	purpose
	role
	provider
	claimCount
)

// claimOf returns the claim of an attribute name; ok is false for one that means nothing to us.
func claimOf(name string) (c claim, ok bool) {
	switch name {
	case claimCPR:
		return cpr2, true
	case claimCPR3:
		return cpr3, true
	case claimCVR:
		return cvr2, true
	case claimCVR3:
		return cvr3, true
	case claimRID:
		return rid, true
	case claimPerson3:
		return person3, true
	case claimAssurance:
		return assurance2, true
	case claimAssurance3:
		return assurance3, true
	case claimSpec:
		return specVersion, true
	case claimCommonName:
		return commonName, true
	case claimSurname:
		return surname, true
	case claimOrganisation:
		return organisation2, true
	case claimOrganisation3:
		return organisation3, true
	case claimAuthorisationCode:
		return authorisationCode, true
	case claimEducationCode:
		return educationCode, true
	case claimSystemName:
		return systemName, true
	case claimOnBehalfOf:
		return onBehalfOf, true
	case claimAuthorisations:
		return authorisations, true
	case claimPurpose:
		return purpose, true
	case claimRole:
		return role, true
	case claimProvider:
		return provider, true
	}
	return 0, false
}

// readClaims reads the one AttributeStatement: each claim at most once and with one value.
func readClaims(tk token) (c claims, err error) {
	statement, err := tk.only(tk.node, auth.NSAssertion, "AttributeStatement")
	if err != nil {
		return c, err
	}
	for n := tk.tree.First(statement); n != xmltree.None; n = tk.tree.Next(n) {
		if !tk.tree.Is(n, auth.NSAssertion, "Attribute") {
			continue
		}
		name, _ := tk.attr(n, "Name")
		which, ok := claimOf(name)
		if !ok {
			continue
		}
		if c.seen&(1<<which) != 0 {
			return c, errStructure
		}
		c.seen |= 1 << which
		value, err := tk.only(n, auth.NSAssertion, "AttributeValue")
		if err != nil {
			return c, err
		}
		if err := c.read(tk, which, value); err != nil {
			return c, err
		}
	}
	return c, nil
}

// read reads the value of a claim: text, or one element.
func (c *claims) read(tk token, which claim, value xmltree.Node) (err error) {
	inner := tk.tree.First(value)
	switch which {
	case authorisations:
		return c.readAuthorisations(tk, inner)
	case purpose:
		c.values[which], _ = tk.attr(inner, "code")
		c.purposeSystem, _ = tk.attr(inner, "codeSystem")
	case role:
		c.values[which], _ = tk.attr(inner, "code")
	case provider:
		c.values[which], _ = tk.attr(inner, "extension")
		c.providerRoot, _ = tk.attr(inner, "root")
	default:
		c.values[which], err = tk.text(value)
		return err
	}
	if tk.tree.Next(inner) != xmltree.None {
		return errStructure
	}
	return nil
}

func (c *claims) readAuthorisations(tk token, list xmltree.Node) (err error) {
	if !tk.tree.Is(list, nsAuthorisations, "UserAuthorizationList") || tk.tree.Next(list) != xmltree.None {
		return errStructure
	}
	for n := tk.tree.First(list); n != xmltree.None; n = tk.tree.Next(n) {
		if !tk.tree.Is(n, nsAuthorisations, "UserAuthorization") {
			return errStructure
		}
		var a identity.Authorisation
		if a.Code, err = tk.childText(n, "AuthorizationCode"); err != nil {
			return err
		}
		if a.EducationCode, err = tk.childText(n, "EducationCode"); err != nil {
			return err
		}
		c.authorisations = append(c.authorisations, a)
	}
	return nil
}

// childText returns the text of the one child of a UserAuthorization.
func (tk token) childText(n xmltree.Node, local string) (string, error) {
	child, err := tk.only(n, nsAuthorisations, local)
	if err != nil {
		return "", err
	}
	return tk.text(child)
}

// has tells whether a claim was there, with or without a value.
func (c *claims) has(which claim) bool { return c.seen&(1<<which) != 0 }

// either returns the value that a token states under one of two names; ok is false if it states two.
func (c *claims) either(a, b claim) (value string, ok bool) {
	switch {
	case !c.has(b):
		return c.values[a], true
	case !c.has(a):
		return c.values[b], true
	}
	return c.values[a], c.values[a] == c.values[b]
}

func (c *claims) cvr() string {
	v, _ := c.either(cvr2, cvr3)
	return v
}

// attributes returns what the audit log tells of the token.
func (c *claims) attributes() map[string]string {
	m := make(map[string]string, 4)
	number, _ := c.either(cpr2, cpr3)
	assurance, _ := c.either(assurance2, assurance3)
	for _, a := range [...][2]string{{claimCPR, number}, {claimAssurance, assurance}, {claimSpec, c.values[specVersion]}} {
		if a[1] != "" {
			m[a[0]] = a[1]
		}
	}
	return m
}
