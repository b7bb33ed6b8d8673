package stsws

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/cpr"
)

var errAssertion = errors.New("stsws: not a token that is understood")

// readAssertion reads a SAML 2.0 token (OIOSAML 2 or 3) from nodes that v covers alone. Attributes that are not known are ignored; those that
// mean the same may not occur twice. The error wraps errAssertion.
func readAssertion(t *xmltree.Tree, assertion xmltree.Node, v *xmldsig.Verified) (a federating.Assertion, err error) {
	r := assertionReader{tree: t, verified: v}
	if version, _ := t.Attr(assertion, "", "Version"); version != "2.0" || !v.Covers(assertion) {
		return a, errAssertion
	}
	a.ID, _ = t.Attr(assertion, "", "ID")
	a.Issuer = r.text(r.only(assertion, auth.NSAssertion, "Issuer"))
	a.IssuedAt = r.instant(assertion, "IssueInstant")
	subject := r.only(assertion, auth.NSAssertion, "Subject")
	a.NameID = r.text(r.only(subject, auth.NSAssertion, "NameID"))
	r.holder(&a, r.only(subject, auth.NSAssertion, "SubjectConfirmation"))
	conditions := r.only(assertion, auth.NSAssertion, "Conditions")
	if _, ok := t.Attr(conditions, "", "NotBefore"); ok {
		a.NotBefore = r.instant(conditions, "NotBefore")
	}
	a.NotOnOrAfter = r.instant(conditions, "NotOnOrAfter")
	restriction := r.only(conditions, auth.NSAssertion, "AudienceRestriction")
	for n := range t.Children(restriction) {
		if !t.Is(n, auth.NSAssertion, "Audience") {
			return federating.Assertion{}, errAssertion
		}
		a.Audiences = append(a.Audiences, r.text(n))
	}
	r.attributes(&a, r.only(assertion, auth.NSAssertion, "AttributeStatement"))
	if r.bad || a.ID == "" || a.Issuer == "" {
		return federating.Assertion{}, errAssertion
	}
	return a, nil
}

// assertionReader reads verified nodes. What it cannot read makes it bad, once and for all.
type assertionReader struct {
	tree     *xmltree.Tree
	verified *xmldsig.Verified
	bad      bool
}

// only returns the one child with this name.
func (r *assertionReader) only(parent xmltree.Node, space, local string) xmltree.Node {
	n, err := r.tree.Only(parent, space, local)
	if parent == xmltree.None || err != nil || !r.verified.Covers(n) {
		r.bad = true
		return xmltree.None
	}
	return n
}

// text returns the trimmed text of n.
func (r *assertionReader) text(n xmltree.Node) string {
	text, err := r.tree.Text(n)
	if n == xmltree.None || err != nil || !r.verified.Covers(n) {
		r.bad = true
		return ""
	}
	return xsd.Collapse(text)
}

// instant reads a required attribute that is a time with a zone.
func (r *assertionReader) instant(n xmltree.Node, attribute string) time.Time {
	text, _ := r.tree.Attr(n, "", attribute)
	d, err := xsd.ParseDateTime(text)
	at, zoned := d.UTC()
	if err != nil || !zoned {
		r.bad = true
	}
	return at
}

// holder reads how the subject is confirmed: by the key of a certificate, or by having the token.
func (r *assertionReader) holder(a *federating.Assertion, confirmation xmltree.Node) {
	switch method, _ := r.tree.Attr(confirmation, "", "Method"); method {
	case bearer:
	case holderOfKey:
		data := r.only(confirmation, auth.NSAssertion, "SubjectConfirmationData")
		x509 := r.only(r.only(data, auth.NSSignature, "KeyInfo"), auth.NSSignature, "X509Data")
		der, ok := xmldsig.AppendDER(nil, r.tree, r.only(x509, auth.NSSignature, "X509Certificate"))
		if ok {
			a.Holder, ok = auth.SPKI(der)
		}
		r.bad = r.bad || !ok
	default:
		r.bad = true
	}
}

// attributes reads the known attributes of the one statement.
func (r *assertionReader) attributes(a *federating.Assertion, statement xmltree.Node) {
	var number, level string
	fields := map[string]*string{
		attrCPR: &number, attr3CPR: &number, attrAssurance: &level, attr3Assurance: &level,
		attrCVR: &a.CVR, attr3CVR: &a.CVR, attrOrganisation: &a.Organisation, attr3Organisation: &a.Organisation,
		attrRID: &a.RID, attr3UUID: &a.UUID, attrSurname: &a.Surname, attr3Surname: &a.Surname,
		attrGivenName: &a.GivenName, attr3GivenName: &a.GivenName, attrEmail: &a.Email, attr3Email: &a.Email,
	}
	seen := map[*string]bool{}
	for n := range r.tree.Children(statement) {
		name, _ := r.tree.Attr(n, "", "Name")
		field := fields[name]
		if field == nil || !r.tree.Is(n, auth.NSAssertion, "Attribute") {
			continue
		}
		if seen[field] {
			r.bad = true
		}
		seen[field] = true
		if *field = r.text(r.only(n, auth.NSAssertion, "AttributeValue")); *field == "" {
			r.bad = true
		}
	}
	if seen[&number] {
		var err error
		if a.CPR, err = cpr.Parse(number); err != nil {
			r.bad = true
		}
	}
	if seen[&a.CVR] && (len(a.CVR) != 8 || strings.Trim(a.CVR, "0123456789") != "") {
		r.bad = true
	}
	a.UUID = strings.TrimPrefix(a.UUID, prefixUUID)
	a.Level = levelOf(level)
}

// levelOf reads a level of assurance: the number of OIOSAML 2, or the name of NSIS. 0 is none that is known.
func levelOf(text string) int {
	switch text {
	case "Substantial":
		return 3
	case "High":
		return 4
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= 4 {
		return n
	}
	return 0
}
