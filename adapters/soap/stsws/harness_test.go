package stsws_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // OCESCertHash is SHA-1 by its definition
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// clock is the instant of the committed samples.
var clock = time.Date(2026, 11, 21, 10, 5, 30, 0, time.UTC)

// federation is the test federation of all tests of the package. It is not changed.
var federation = sync.OnceValues(func() (devfed.Federation, error) {
	dir, err := os.MkdirTemp("", "stsws")
	if err != nil {
		return devfed.Federation{}, err
	}
	return devfed.Ensure(dir, clock)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if f, err := federation(); err == nil {
		_ = os.RemoveAll(f.Dir)
	}
	os.Exit(code)
}

// server is a token service over HTTP.
type server struct {
	*httptest.Server
	audit   *memory.AuditLog
	service *federating.TokenService
}

// options change what start makes.
type options struct {
	sha1         bool
	certificates ports.Certificates // instead of the federation's
	people       ports.People
	now          time.Time // instead of clock
}

func start(t *testing.T, o options) *server {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	now := func() time.Time { return clock }
	if !o.now.IsZero() {
		now = func() time.Time { return o.now }
	}
	source, err := authtrust.Open(f.TrustFile())
	require.NoError(t, err)
	signer, err := authtrust.OpenSigner(f.SigningKeys())
	require.NoError(t, err)
	if o.certificates == nil {
		o.certificates = &authtrust.Holders{Source: source}
	}
	if o.people == nil {
		o.people, err = authtrust.OpenPeople(f.PeopleFile())
		require.NoError(t, err)
	}
	s := &server{audit: &memory.AuditLog{}}
	log := slog.New(slog.DiscardHandler)
	s.service = &federating.TokenService{
		Certificates: o.certificates, People: o.people, Trail: admitting.Trail{}, Now: now, Issuer: devfed.STSIssuer,
	}
	handler := &stsws.Handler{Tokens: s.service, Signer: signer, SHA1: o.sha1, Now: now}
	s.Server = httptest.NewServer(soap.NewRouter(handler.Service(), soap.Deps{
		Gate: &admitting.Gate{Audit: s.audit, Units: memory.New(now).Units(), Now: now, Log: log},
		Now:  now, NewID: func() string { return "id" }, Log: log,
	}))
	t.Cleanup(s.Close)
	return s
}

// said returns what the last audit line says, by key.
func (s *server) said(t *testing.T) map[string]audit.Information {
	t.Helper()
	lines := s.audit.Lines()
	require.NotEmpty(t, lines)
	said := map[string]audit.Information{}
	for _, c := range lines[len(lines)-1].Notes {
		require.Equal(t, audit.Component("STS"), c.Component)
		for _, notes := range c.Contexts {
			require.Equal(t, audit.Context("Issue"), notes.Context)
			for _, i := range notes.Information {
				said[i.Key] = i
			}
		}
	}
	return said
}

// client asks s for cards.
func (s *server) client() *stsws.Client {
	n := 0
	return &stsws.Client{URL: s.URL + stsws.PathNew, Now: func() time.Time { return clock }, NewID: func() string {
		n++
		return fmt.Sprintf("card-%d", n)
	}}
}

// credential is that of a sample of the federation.
func credential(t *testing.T, name string) stsws.Credential {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	s, err := f.Sample(name)
	require.NoError(t, err)
	c := stsws.Credential{
		Certificate: s.Certificate, Key: s.Key, CVR: s.Subject.CVR, CareProviderName: s.Organisation, SystemName: "TestEPJ",
	}
	if !s.Person.CPR.IsZero() {
		c.User = &federating.User{CPR: s.Person.CPR, GivenName: "Sent", Surname: "Name"}
	}
	return c
}

// fault asks for a card and returns the fault that must come.
func (s *server) fault(t *testing.T, cred stsws.Credential) *soap.Fault {
	t.Helper()
	issued, err := s.client().Issue(t.Context(), cred)
	require.Empty(t, issued.Assertion)
	var fault *soap.Fault
	require.ErrorAs(t, err, &fault)
	return fault
}

func base64Of(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

func certHashOf(der []byte) string {
	sum := sha1.Sum(der) //nolint:gosec // OCESCertHash is SHA-1 by its definition
	return base64Of(sum[:])
}

// pinned trusts a set that does not change.
type pinned struct{ set *trust.Set }

// Trust implements ports.TrustSource.
func (p pinned) Trust(context.Context) (*trust.Set, error) { return p.set, nil }

// anchorOf pins the key of a certificate for the tokens of an identity provider.
func anchorOf(t *testing.T, der []byte, issuer string) trust.Anchor {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return trust.Anchor{
		ID: "vector", Uses: []trust.Use{trust.Bootstrap}, Issuers: []string{issuer}, Key: c.RawSubjectPublicKeyInfo,
		SPKI: sha256.Sum256(c.RawSubjectPublicKeyInfo), Window: validity.Period{From: c.NotBefore, To: c.NotAfter},
	}
}

// resigned signs an assertion with a key of the federation, in place of the signature it has.
func resigned(t *testing.T, assertion []byte, name string, sha1 bool) []byte {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	key, err := authtrust.ReadKey(filepath.Join(f.Dir, name+".key"))
	require.NoError(t, err)
	certificates, err := authtrust.ReadCertificates(filepath.Join(f.Dir, name+".pem"))
	require.NoError(t, err)
	doc := cut(string(assertion), "<ds:Signature ", "</ds:Signature>")
	signed, err := xmldsig.Signer{SHA1: sha1, Certificate: certificates[0].Raw, Sign: func(hash crypto.Hash, digest []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
	}}.SignEnveloped([]byte(doc), strings.LastIndex(doc, "</saml:Assertion>"), regexp.MustCompile(` ID="([^"]*)"`).FindStringSubmatch(doc)[1])
	require.NoError(t, err)
	return signed
}

// between is the first part of text that begins with from and ends with to.
func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	inside, _, _ := strings.Cut(rest, to)
	return from + inside + to
}

// cut is text without that part, if there is one.
func cut(text, from, to string) string {
	if !strings.Contains(text, from) {
		return text
	}
	return strings.Replace(text, between(text, from, to), "", 1)
}

func insertHeader(header string) func(string) string {
	return replacing("</soap:Header>", header+"</soap:Header>")
}

func replacing(old, with string) func(string) string {
	return func(m string) string { return strings.Replace(m, old, with, 1) }
}

func regexpReplace(t *testing.T, text, pattern, with string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	at := re.FindStringSubmatchIndex(text)
	require.NotNil(t, at, "%s not found", pattern)
	return text[:at[0]] + string(re.ExpandString(nil, with, text, at)) + text[at[1]:]
}

// noKeys is a signer whose device does not answer.
type noKeys struct{}

// Certificate implements ports.Signer.
func (noKeys) Certificate(trust.Use) *x509.Certificate { return nil }

// Sign implements ports.Signer.
func (noKeys) Sign(context.Context, trust.Use, crypto.Hash, []byte) ([]byte, error) {
	return nil, errors.New("no device")
}
