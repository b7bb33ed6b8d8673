package dgws

import (
	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
)

// Assertion writes the card as a saml:Assertion that declares the prefixes it uses, in the order of DGWS 1.0.1, and returns the offset at
// which its signature goes: the end of the content. Of the attributes of a person those that are "" are left out, except the role.
func (c *Card) Assertion() (doc []byte, at int) {
	var w xmlout.Writer
	w.Start("saml:Assertion", "xmlns:ds", auth.NSSignature, "xmlns:saml", auth.NSAssertion,
		"IssueInstant", c.Issued, "Version", "2.0", "id", CardID)
	w.Elem("saml:Issuer", c.Issuer)
	c.writeSubject(&w)
	w.Start("saml:Conditions", "NotBefore", c.NotBefore, "NotOnOrAfter", c.NotOnOrAfter)
	w.End()
	w.Start("saml:AttributeStatement", "id", statementCard)
	writeAttribute(&w, attrCardID, c.ID)
	writeAttribute(&w, attrVersion, c.Version)
	writeAttribute(&w, attrType, c.Type)
	writeAttribute(&w, attrLevel, c.Level)
	writeAttribute(&w, attrCertHash, c.CertHash)
	w.End()
	if c.User {
		c.writeUser(&w)
	}
	w.Start("saml:AttributeStatement", "id", statementSystem)
	writeAttribute(&w, attrSystemName, c.SystemName)
	writeAttribute(&w, attrCareProvider, c.CareProvider, "NameFormat", c.CareProviderFormat)
	writeAttribute(&w, attrCareProviderName, c.CareProviderName)
	w.End()
	at = w.Len()
	w.End()
	return w.Bytes(), at
}

func (c *Card) writeSubject(w *xmlout.Writer) {
	w.Start("saml:Subject")
	w.Elem("saml:NameID", c.NameID, "Format", c.NameIDFormat)
	w.Start("saml:SubjectConfirmation")
	w.Elem("saml:ConfirmationMethod", holderOfKey)
	w.Start("saml:SubjectConfirmationData")
	w.Start("ds:KeyInfo")
	w.Elem("ds:KeyName", SignatureID)
	w.End()
	w.End()
	w.End()
	w.End()
}

func (c *Card) writeUser(w *xmlout.Writer) {
	w.Start("saml:AttributeStatement", "id", statementUser)
	for _, a := range [...][2]string{
		{attrCPR, c.CPR}, {attrGivenName, c.GivenName}, {attrSurName, c.SurName}, {attrEmail, c.Email},
		{attrRole, c.Role}, {attrAuthorisation, c.AuthorisationCode}, {attrOccupation, c.Occupation},
	} {
		if a[1] != "" || a[0] == attrRole {
			writeAttribute(w, a[0], a[1])
		}
	}
	w.End()
}

func writeAttribute(w *xmlout.Writer, name, value string, more ...string) {
	w.Start("saml:Attribute", append([]string{"Name", name}, more...)...)
	w.Elem("saml:AttributeValue", value)
	w.End()
}
