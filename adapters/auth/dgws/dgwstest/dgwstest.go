// Package dgwstest makes signed ID cards and messages for tests: good ones, and ones that are wrong in one chosen way.
package dgwstest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strconv"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// Issuer is the name of the token service of a [Federation].
const Issuer = "TEST-STS"

// Federation is a token service with a key of its own, and the trust in it. Its fields may be changed before first use.
type Federation struct {
	Key         *rsa.PrivateKey
	Certificate []byte // DER, self-signed
	Anchor      trust.Anchor
}

// New makes a federation with an RSA key of so many bits, whose anchor has the id "test" and accepts no SHA-1.
func New(bits int) *Federation {
	key := must(rsa.GenerateKey(rand.Reader, bits))
	return WithKey(key, pkix.Name{CommonName: "Test STS"})
}

// WithKey makes a federation of a key.
func WithKey(key *rsa.PrivateKey, subject pkix.Name) *Federation {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: subject,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	return &Federation{Key: key, Certificate: der, Anchor: AnchorOf(der, "test", Issuer)}
}

// AnchorOf pins the key of a certificate for ID cards.
func AnchorOf(der []byte, id, issuer string) trust.Anchor {
	spki := must(x509.ParseCertificate(der)).RawSubjectPublicKeyInfo
	return trust.Anchor{ID: id, Uses: []trust.Use{trust.IDCard}, Issuers: []string{issuer}, Key: spki, SPKI: sha256.Sum256(spki)}
}

// Trust returns a source that trusts anchors and nothing else.
func Trust(anchors ...trust.Anchor) ports.TrustSource { return source{&trust.Set{Anchors: anchors}} }

type source struct{ set *trust.Set }

var _ ports.TrustSource = source{}

func (s source) Trust(context.Context) (*trust.Set, error) { return s.set, nil }

// Attribute is one attribute of a card; Format "" is left out.
type Attribute struct{ Name, Format, Value string }

// Card is an ID card to be signed.
type Card struct {
	Issuer                          string
	Issued, NotBefore, NotOnOrAfter string
	NameID, NameIDFormat            string
	Method                          string
	Data, User, System              []Attribute // User nil = no UserLog
	NoKeyInfo                       bool        // of the signature
	SHA1                            bool
}

// UserCard is a good card of level 4 of a doctor, issued at the instant issued and valid for 24 hours.
func UserCard(issued time.Time) Card {
	c := SystemCard(issued)
	c.Data[2].Value, c.Data[3].Value = "user", "4"
	c.User = []Attribute{
		{Name: "medcom:UserCivilRegistrationNumber", Value: "0101010001"}, {Name: "medcom:UserGivenName", Value: "Test"},
		{Name: "medcom:UserSurName", Value: "Laege"}, {Name: "medcom:UserEmailAddress", Value: "laege@example.test"},
		{Name: "medcom:UserRole", Value: "7170"}, {Name: "medcom:UserAuthorizationCode", Value: "TST01"},
		{Name: "medcom:UserOccupation", Value: "Overlæge"},
	}
	return c
}

// SystemCard is a good card of level 3.
func SystemCard(issued time.Time) Card {
	return Card{
		Issuer: Issuer, Issued: stamp(issued), NotBefore: stamp(issued), NotOnOrAfter: stamp(issued.Add(24 * time.Hour)),
		NameID: "SubjectDN={CN=Test},IssuerDN={CN=Test CA},CertSerial={1}", NameIDFormat: "medcom:other",
		Method: "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key",
		Data: []Attribute{
			{Name: "sosi:IDCardID", Value: "dGVzdC1jYXJkLTAwMDE="}, {Name: "sosi:IDCardVersion", Value: "1.0.1"},
			{Name: "sosi:IDCardType", Value: "system"}, {Name: "sosi:AuthenticationLevel", Value: "3"},
			{Name: "sosi:OCESCertHash", Value: "4OmbmLe8BRYnvmFm+3KJWbP45/g="},
		},
		System: []Attribute{
			{Name: "medcom:ITSystemName", Value: "TestEPJ"}, {Name: "medcom:CareProviderID", Format: "medcom:cvrnumber", Value: "99999902"},
			{Name: "medcom:CareProviderName", Value: "Testhuset"},
		},
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// With returns the card with the value of an attribute replaced.
func (c Card) With(name, value string) Card {
	for _, list := range []*[]Attribute{&c.Data, &c.User, &c.System} {
		*list = append([]Attribute(nil), *list...)
		for i := range *list {
			if (*list)[i].Name == name {
				(*list)[i].Value = value
			}
		}
	}
	return c
}

// Without returns the card without an attribute.
func (c Card) Without(name string) Card {
	for _, list := range []*[]Attribute{&c.Data, &c.User, &c.System} {
		var kept []Attribute
		for _, a := range *list {
			if a.Name != name {
				kept = append(kept, a)
			}
		}
		*list = kept
	}
	return c
}

// Unsigned returns the assertion, without a signature.
func (c Card) Unsigned() []byte {
	var w xmlout.Writer
	w.Start("saml:Assertion", "xmlns:saml", auth.NSAssertion, "xmlns:ds", auth.NSSignature, "IssueInstant", c.Issued, "Version", "2.0", "id", "IDCard")
	w.Elem("saml:Issuer", c.Issuer)
	w.Start("saml:Subject")
	w.Elem("saml:NameID", c.NameID, "Format", c.NameIDFormat)
	w.Start("saml:SubjectConfirmation")
	w.Elem("saml:ConfirmationMethod", c.Method)
	w.Start("saml:SubjectConfirmationData")
	w.Start("ds:KeyInfo")
	w.Elem("ds:KeyName", "OCESSignature")
	for range 4 {
		w.End()
	}
	w.Start("saml:Conditions")
	if c.NotBefore != "" {
		w.Attr("NotBefore", c.NotBefore)
	}
	if c.NotOnOrAfter != "" {
		w.Attr("NotOnOrAfter", c.NotOnOrAfter)
	}
	w.End()
	statement(&w, "IDCardData", c.Data)
	if c.User != nil {
		statement(&w, "UserLog", c.User)
	}
	statement(&w, "SystemLog", c.System)
	w.End()
	return bytes.Clone(w.Bytes())
}

func statement(w *xmlout.Writer, id string, attributes []Attribute) {
	w.Start("saml:AttributeStatement", "id", id)
	for _, a := range attributes {
		w.Start("saml:Attribute", "Name", a.Name)
		if a.Format != "" {
			w.Attr("NameFormat", a.Format)
		}
		w.Elem("saml:AttributeValue", a.Value)
		w.End()
	}
	w.End()
}

// Sign returns the signed assertion.
func (f *Federation) Sign(c Card) []byte { return f.SignAssertion(c.Unsigned(), c) }

// SignAssertion signs an assertion that was made otherwise, in the way that c asks for.
func (f *Federation) SignAssertion(assertion []byte, c Card) []byte {
	signer := xmldsig.Signer{SHA1: c.SHA1, ID: "OCESSignature", Certificate: f.Certificate, Sign: f.sign}
	if c.NoKeyInfo {
		signer.Certificate = nil
		signer.KeyInfo = []byte(`<ds:KeyName xmlns:ds="` + auth.NSSignature + `">Test STS</ds:KeyName>`)
	}
	return must(signer.SignEnveloped(assertion, bytes.LastIndex(assertion, []byte("</")), "IDCard"))
}

func (f *Federation) sign(hash crypto.Hash, digest []byte) ([]byte, error) {
	return rsa.SignPKCS1v15(nil, f.Key, hash, digest)
}

// Message is a request with the card at the instant now: SecurityLevel as the card says, FlowID f-1, the given MessageID.
func Message(card []byte, now time.Time, level int, messageID string, body func(w *xmlout.Writer)) []byte {
	return dgws.Request{Created: now, Card: card, SecurityLevel: level, FlowID: "f-1", MessageID: messageID, Body: body}.Bytes()
}

// Level returns the authentication level that the card states, 0 if none.
func (c Card) Level() int {
	for _, a := range c.Data {
		if a.Name == "sosi:AuthenticationLevel" {
			level, _ := strconv.Atoi(a.Value)
			return level
		}
	}
	return 0
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("dgwstest: " + err.Error())
	}
	return v
}
