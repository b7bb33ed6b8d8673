package stsws

import (
	"crypto/x509"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/federating"
)

// content is what a SAML token says, ready to be written.
type content struct {
	id, issuer               string
	issued, notBefore, until time.Time // notBefore may be zero: left out
	nameID, nameFormat       string    // nameFormat "" is left out
	holder                   []byte    // DER; nil makes a bearer token
	audiences                []string
	attributes               [][2]string
	role                     string // national role, "" for none
}

// tokenContent is an identity token in the form of OIOSAML 2.
func tokenContent(t *federating.Token) content {
	c := content{
		id: t.ID, issuer: t.Issuer, issued: t.IssuedAt, notBefore: t.IssuedAt, until: t.NotOnOrAfter, holder: t.Holder,
		audiences: []string{t.Audience}, nameID: attrCVR + ":" + t.CVR, role: t.NationalRole,
		attributes: [][2]string{
			{attrSpecVersion, specVersion}, {attrAssurance, strconv.Itoa(t.Level)}, {attrCPR, t.CPR.Digits()},
			{attrCommonName, strings.TrimSpace(t.GivenName + " " + t.Surname)}, {attrSurname, t.Surname}, {attrGivenName, t.GivenName},
			{attrEmail, t.Email}, {attrCVR, t.CVR}, {attrOrganisation, t.Organisation}, {attrRID, t.RID}, {attr3UUID, urn(t.UUID)},
			{attrAuthorisation, t.AuthorisationCode}, {attrEducation, t.EducationCode}, {attrSystemName, t.SystemName},
			{attrOnBehalfOf, t.OnBehalfOf},
		},
	}
	if !t.CPR.IsZero() {
		c.nameID = attrCPR + ":" + t.CPR.Digits()
	}
	return c
}

// bootstrapContent is a bootstrap token as identity providers issue it: OIOSAML 3 for who is known by a UUID, else OIOSAML 2. It has no
// NotBefore.
func bootstrapContent(a *federating.Assertion, holder []byte) content {
	c := content{
		id: a.ID, issuer: a.Issuer, issued: a.IssuedAt, notBefore: a.NotBefore, until: a.NotOnOrAfter, holder: holder, audiences: a.Audiences,
		nameID: attrCPR + ":" + a.CPR.Digits(), nameFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
	}
	if a.UUID != "" {
		level := "Substantial"
		if a.Level == 4 {
			level = "High"
		}
		c.nameID = urn(a.UUID)
		c.attributes = [][2]string{
			{attr3SpecVersion, specVersion3}, {attr3Assurance, level}, {attr3UUID, urn(a.UUID)}, {attr3CVR, a.CVR},
			{attr3Organisation, a.Organisation},
		}
		return c
	}
	if a.RID != "" {
		c.nameID = "CVR:" + a.CVR + "-RID:" + a.RID
	}
	c.attributes = [][2]string{
		{attrSpecVersion, specVersion}, {attrAssurance, strconv.Itoa(a.Level)}, {attrCPR, a.CPR.Digits()}, {attrCVR, a.CVR}, {attrRID, a.RID},
		{attrOrganisation, a.Organisation},
	}
	return c
}

func urn(uuid string) string {
	if uuid == "" {
		return ""
	}
	return prefixUUID + uuid
}

// signed returns the token as an assertion whose signature follows its Issuer, as the SAML 2.0 schema has it. It declares every prefix it
// uses. Attributes without value are left out.
func (c *content) signed(s xmldsig.Signer) ([]byte, error) {
	instant := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	var w xmlout.Writer
	w.Start("saml:Assertion", "xmlns:saml", auth.NSAssertion, "xmlns:ds", auth.NSSignature,
		"ID", c.id, "IssueInstant", instant(c.issued), "Version", "2.0")
	w.Elem("saml:Issuer", c.issuer)
	at := w.Len()
	w.Start("saml:Subject")
	w.Start("saml:NameID")
	if c.nameFormat != "" {
		w.Attr("Format", c.nameFormat)
	}
	w.Text(c.nameID)
	w.End()
	c.writeConfirmation(&w, instant(c.until))
	w.End()
	w.Start("saml:Conditions")
	if !c.notBefore.IsZero() {
		w.Attr("NotBefore", instant(c.notBefore))
	}
	w.Attr("NotOnOrAfter", instant(c.until))
	w.Start("saml:AudienceRestriction")
	for _, audience := range c.audiences {
		w.Elem("saml:Audience", audience)
	}
	w.End()
	w.End()
	w.Start("saml:AttributeStatement")
	for _, a := range c.attributes {
		if a[1] != "" {
			w.Start("saml:Attribute", "Name", a[0])
			w.Elem("saml:AttributeValue", a[1])
			w.End()
		}
	}
	if c.role != "" {
		w.Start("saml:Attribute", "Name", attrRole)
		w.Start("saml:AttributeValue")
		w.Elem("hl7:Role", "", "xmlns:hl7", nsRole, "code", c.role)
		w.End()
		w.End()
	}
	w.End()
	w.End()
	return s.SignEnveloped(w.Bytes(), at, c.id)
}

func (c *content) writeConfirmation(w *xmlout.Writer, until string) {
	if c.holder == nil {
		w.Start("saml:SubjectConfirmation", "Method", bearer)
		w.Elem("saml:SubjectConfirmationData", "", "NotOnOrAfter", until)
		w.End()
		return
	}
	w.Start("saml:SubjectConfirmation", "Method", holderOfKey)
	w.Start("saml:SubjectConfirmationData")
	w.Start("ds:KeyInfo")
	w.Start("ds:X509Data")
	w.Elem("ds:X509Certificate", base64.StdEncoding.EncodeToString(c.holder))
	w.End()
	w.End()
	w.End()
	w.End()
}

// raw returns the DER of a certificate, nil for none.
func raw(c *x509.Certificate) []byte {
	if c == nil {
		return nil
	}
	return c.Raw
}
