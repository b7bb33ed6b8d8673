// Package idwstest makes tokens and messages of OIO IDWS for tests: good ones, and ones that are wrong in one chosen way.
package idwstest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// Issuer is the name of the token service, Audience the service that tokens are for.
const (
	Issuer   = "TEST-STS"
	Audience = "https://minlog"
)

// HolderOfKey and Bearer are methods of confirmation.
const (
	HolderOfKey = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
	Bearer      = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
)

// Key is a private key and its certificate: of a token service, of who holds a token, of a service.
type Key struct {
	Private     *rsa.PrivateKey
	Certificate []byte // DER, self-signed
}

// NewKey makes an RSA key of so many bits with a certificate for name.
func NewKey(bits int, name string) *Key {
	return KeyOf(must(rsa.GenerateKey(rand.Reader, bits)), name)
}

// KeyOf makes a certificate for a key.
func KeyOf(private *rsa.PrivateKey, name string) *Key {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1001),
		Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: []int{2, 5, 4, 6}, Value: "DK"}, {Type: []int{2, 5, 4, 97}, Value: "NTRDK-99999904"}, {Type: []int{2, 5, 4, 10}, Value: "Testhuset"},
			{Type: []int{2, 5, 4, 5}, Value: "UI:DK-O:G:00000000-0000-4000-8000-000000000004"}, {Type: []int{2, 5, 4, 3}, Value: name},
		}},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	return &Key{private, must(x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private))}
}

// Sign signs a digest with PKCS #1 v1.5.
func (k *Key) Sign(hash crypto.Hash, digest []byte) ([]byte, error) {
	return rsa.SignPKCS1v15(nil, k.Private, hash, digest)
}

// SPKI returns the SHA-256 of the key's SubjectPublicKeyInfo.
func (k *Key) SPKI() [32]byte {
	return sha256.Sum256(must(x509.ParseCertificate(k.Certificate)).RawSubjectPublicKeyInfo)
}

// Anchor pins the key for tokens of Issuer, with the id "test".
func (k *Key) Anchor() trust.Anchor {
	spki := must(x509.ParseCertificate(k.Certificate)).RawSubjectPublicKeyInfo
	return trust.Anchor{ID: "test", Uses: []trust.Use{trust.Token}, Issuers: []string{Issuer}, Key: spki, SPKI: sha256.Sum256(spki)}
}

// Signer returns the key as the one that signs answers, and nothing else.
func (k *Key) Signer() ports.Signer { return signer{k} }

type signer struct{ key *Key }

var _ ports.Signer = signer{}

func (s signer) Certificate(use trust.Use) *x509.Certificate {
	if use != trust.Service {
		return nil
	}
	return must(x509.ParseCertificate(s.key.Certificate))
}

func (s signer) Sign(_ context.Context, use trust.Use, hash crypto.Hash, digest []byte) ([]byte, error) {
	if use != trust.Service {
		return nil, errors.New("idwstest: the key signs answers alone")
	}
	return s.key.Sign(hash, digest)
}

// Attribute is one attribute of a token. XML stands in the value as it is, instead of Value.
type Attribute struct{ Name, Value, XML string }

// Token is a token to be signed.
type Token struct {
	ID                              string
	Issuer                          string
	Issued, NotBefore, NotOnOrAfter string // "" = left out
	NameID                          string
	Audiences                       []string // in one AudienceRestriction; nil = none
	Method                          string
	Holder                          []byte // DER of the certificate; nil = no KeyInfo
	ConfirmedUntil                  string // NotOnOrAfter of SubjectConfirmationData, "" = left out
	Attributes                      []Attribute
	NoKeyInfo                       bool // of the signature
	SHA1                            bool
	DefaultNamespace                bool // SAML's is the default namespace
}

// CitizenToken is a good token for Audience, issued at the instant issued to the citizen 2512489996 and valid for an hour.
func CitizenToken(issued time.Time, holder *Key) Token {
	return Token{
		ID: "_t1", Issuer: Issuer, Issued: stamp(issued), NotBefore: stamp(issued), NotOnOrAfter: stamp(issued.Add(time.Hour)),
		NameID: "dk:gov:saml:attribute:CprNumberIdentifier:2512489996", Audiences: []string{Audience}, Method: HolderOfKey,
		Holder: holder.Certificate,
		Attributes: []Attribute{
			{Name: "dk:gov:saml:attribute:SpecVer", Value: "DK-SAML-2.0"},
			{Name: "dk:gov:saml:attribute:AssuranceLevel", Value: "3"},
			{Name: "dk:gov:saml:attribute:CprNumberIdentifier", Value: "2512489996"},
		},
	}
}

// ProfessionalToken is CitizenToken for a doctor at work.
func ProfessionalToken(issued time.Time, holder *Key) Token {
	tk := CitizenToken(issued, holder)
	tk.NameID = "C=DK,O=Testhuset,CN=Test Laege"
	return tk.With("dk:gov:saml:attribute:CprNumberIdentifier", "0101010001").
		With("dk:gov:saml:attribute:CvrNumberIdentifier", "99999902").
		With("urn:oid:2.5.4.3", "Test Laege").With("urn:oid:2.5.4.10", "Testhuset").
		With("dk:healthcare:saml:attribute:UserAuthorizationCode", "TST01").
		With("dk:healthcare:saml:attribute:UserEducationCode", "7170")
}

// SystemToken is CitizenToken for an organisation's system.
func SystemToken(issued time.Time, holder *Key) Token {
	tk := CitizenToken(issued, holder).Without("dk:gov:saml:attribute:CprNumberIdentifier")
	tk.NameID = "C=DK,O=Testhuset"
	return tk.With("dk:gov:saml:attribute:CvrNumberIdentifier", "99999904").With("dk:healthcare:saml:attribute:ITSystemName", "TestPortal")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// With returns the token with an attribute set, or added at the end.
func (tk Token) With(name, value string) Token { return tk.set(Attribute{Name: name, Value: value}) }

// WithXML is With for an attribute whose value is an element.
func (tk Token) WithXML(name, xml string) Token { return tk.set(Attribute{Name: name, XML: xml}) }

func (tk Token) set(a Attribute) Token {
	tk = tk.Without(a.Name)
	tk.Attributes = append(tk.Attributes, a)
	return tk
}

// Without returns the token without an attribute.
func (tk Token) Without(name string) Token {
	var kept []Attribute
	for _, a := range tk.Attributes {
		if a.Name != name {
			kept = append(kept, a)
		}
	}
	tk.Attributes = kept
	return tk
}

// Unsigned returns the assertion without signature, and the offset at which its signature goes.
func (tk Token) Unsigned() (assertion []byte, at int) {
	prefix, declared := "saml:", "xmlns:saml"
	if tk.DefaultNamespace {
		prefix, declared = "", "xmlns"
	}
	var w xmlout.Writer
	start := func(name string, attrs ...string) {
		w.Start(prefix + name)
		for i := 0; i < len(attrs); i += 2 {
			if attrs[i+1] != "" {
				w.Attr(attrs[i], attrs[i+1])
			}
		}
	}
	start("Assertion", declared, auth.NSAssertion, "ID", tk.ID, "IssueInstant", tk.Issued, "Version", "2.0")
	w.Elem(prefix+"Issuer", tk.Issuer)
	at = w.Len()
	start("Subject")
	w.Elem(prefix+"NameID", tk.NameID)
	start("SubjectConfirmation", "Method", tk.Method)
	start("SubjectConfirmationData", "NotOnOrAfter", tk.ConfirmedUntil)
	if tk.Holder != nil {
		w.Start("ds:KeyInfo", "xmlns:ds", auth.NSSignature)
		w.Start("ds:X509Data")
		w.Elem("ds:X509Certificate", base64.StdEncoding.EncodeToString(tk.Holder))
		w.End()
		w.End()
	}
	w.End()
	w.End()
	w.End()
	start("Conditions", "NotBefore", tk.NotBefore, "NotOnOrAfter", tk.NotOnOrAfter)
	if tk.Audiences != nil {
		start("AudienceRestriction")
		for _, a := range tk.Audiences {
			w.Elem(prefix+"Audience", a)
		}
		w.End()
	}
	w.End()
	start("AttributeStatement")
	for _, a := range tk.Attributes {
		start("Attribute", "Name", a.Name)
		start("AttributeValue")
		w.Text(a.Value)
		w.Raw([]byte(a.XML))
		w.End()
		w.End()
	}
	w.End()
	w.End()
	return bytes.Clone(w.Bytes()), at
}

// Sign returns the token signed by a token service.
func (tk Token) Sign(sts *Key) []byte {
	assertion, at := tk.Unsigned()
	return tk.SignAssertion(sts, assertion, at)
}

// SignAssertion signs an assertion that was made otherwise, in the way that tk asks for: at is where its signature goes.
func (tk Token) SignAssertion(sts *Key, assertion []byte, at int) []byte {
	signer := xmldsig.Signer{SHA1: tk.SHA1, Certificate: sts.Certificate, Sign: sts.Sign}
	if tk.NoKeyInfo {
		signer.Certificate = nil
	}
	return must(signer.SignEnveloped(assertion, at, tk.ID))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("idwstest: " + err.Error())
	}
	return v
}
