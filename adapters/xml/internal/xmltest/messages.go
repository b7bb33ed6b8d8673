package xmltest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
)

// Namespaces of the messages.
const (
	SOAP   = "http://schemas.xmlsoap.org/soap/envelope/"
	DS     = "http://www.w3.org/2000/09/xmldsig#"
	SAML   = "urn:oasis:names:tc:SAML:2.0:assertion"
	WSSE   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	WSU    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
	STP    = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#"
	medcom = "http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"
)

// Card is an unsigned ID card of a user, with the prefixes saml and ds.
const Card = `<saml:Assertion IssueInstant="2026-11-21T10:00:00Z" Version="2.0" id="IDCard"><saml:Issuer>OPENNSP-DEV-STS</saml:Issuer>` +
	`<saml:Subject><saml:NameID Format="medcom:other">SubjectDN={CN=Test Læge},IssuerDN={CN=OpenNSP Test CA},CertSerial={1001}</saml:NameID>` +
	`<saml:SubjectConfirmation><saml:ConfirmationMethod>urn:oasis:names:tc:SAML:2.0:cm:holder-of-key</saml:ConfirmationMethod>` +
	`<saml:SubjectConfirmationData><ds:KeyInfo><ds:KeyName>OCESSignature</ds:KeyName></ds:KeyInfo></saml:SubjectConfirmationData>` +
	`</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2026-11-21T10:00:00Z" NotOnOrAfter="2026-11-22T10:00:00Z"/>` +
	`<saml:AttributeStatement id="IDCardData"><saml:Attribute Name="sosi:IDCardID"><saml:AttributeValue>c2FtcGxlLWNhcmQtMDAwMQ==</saml:AttributeValue></saml:Attribute>` +
	`<saml:Attribute Name="sosi:IDCardVersion"><saml:AttributeValue>1.0.1</saml:AttributeValue></saml:Attribute>` +
	`<saml:Attribute Name="sosi:IDCardType"><saml:AttributeValue>user</saml:AttributeValue></saml:Attribute>` +
	`<saml:Attribute Name="sosi:AuthenticationLevel"><saml:AttributeValue>4</saml:AttributeValue></saml:Attribute>` +
	`<saml:Attribute Name="sosi:OCESCertHash"><saml:AttributeValue>4OmbmLe8BRYnvmFm+3KJWbP45/g=</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>` +
	`<saml:AttributeStatement id="UserLog"><saml:Attribute Name="medcom:UserCivilRegistrationNumber"><saml:AttributeValue>0101010001</saml:AttributeValue></saml:Attribute>` +
	`<saml:Attribute Name="medcom:UserRole"><saml:AttributeValue>7170</saml:AttributeValue></saml:Attribute>` +
	`<saml:Attribute Name="medcom:UserAuthorizationCode"><saml:AttributeValue>TST01</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>` +
	`<saml:AttributeStatement id="SystemLog"><saml:Attribute Name="medcom:ITSystemName"><saml:AttributeValue>Journal &amp; mere</saml:AttributeValue></saml:Attribute>` +
	`<saml:Attribute Name="medcom:CareProviderID" NameFormat="medcom:cvrnumber"><saml:AttributeValue>99999902</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>`

// Signer signs with key and puts its certificate into KeyInfo.
func Signer(t testing.TB, i int) xmldsig.Signer {
	key := Key(t, i)
	return xmldsig.Signer{ID: "OCESSignature", Certificate: Certificate(t, key), Sign: SignWith(key)}
}

// SignCard signs the ID card with the id IDCard in doc as the last child of the assertion.
func SignCard(t testing.TB, s xmldsig.Signer, doc []byte) []byte {
	t.Helper()
	signed, err := s.SignEnveloped(doc, bytes.Index(doc, []byte("</saml:Assertion>")), "IDCard")
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// Envelope puts a card into a SOAP 1.1 message. entries is the number of log entries in its Body.
func Envelope(card string, entries int) []byte {
	var w xmlout.Writer
	w.Start("soap:Envelope", "xmlns:soap", SOAP, "xmlns:medcom", medcom, "xmlns:saml", SAML, "xmlns:ds", DS, "xmlns:wsse", WSSE, "xmlns:wsu", WSU)
	w.Start("soap:Header")
	w.Start("wsse:Security")
	w.Start("wsu:Timestamp", "wsu:Id", "ts")
	w.Elem("wsu:Created", "2026-11-21T10:05:00Z")
	w.End()
	w.Raw([]byte(card))
	w.End()
	w.Start("medcom:Header")
	w.Elem("medcom:SecurityLevel", "4")
	w.Start("medcom:Linking")
	w.Elem("medcom:FlowID", "f-1")
	w.Elem("medcom:MessageID", "m-1")
	w.End()
	w.Elem("medcom:RequireNonRepudiationReceipt", "no")
	w.End()
	w.End()
	w.Start("soap:Body", "wsu:Id", "body")
	w.Start("Registrations", "xmlns", "urn:example:log")
	for i := range entries {
		w.Start("Registration")
		w.Elem("RegistrationId", fmt.Sprintf("%08d-0000-4000-8000-000000000001", i))
		w.Elem("RegistrationDateTime", "2026-11-21T10:05:00.123+01:00")
		w.Elem("CitizenIdentifier", "2512489996", "source", "CPR")
		w.Elem("Activity", "Opslag på medicinkort")
		w.Elem("System", "Testsystem")
		w.Elem("Organisation", "99999902", "type", "CVR")
		w.End()
	}
	w.End()
	w.End()
	w.End()
	return w.Bytes()
}

// DGWS returns a signed message of about 9 KB.
func DGWS(t testing.TB) []byte { return SignCard(t, Signer(t, 0), Envelope(Card, 10)) }
