package stsws_test

import (
	"crypto/sha1" //nolint:gosec // OCESCertHash is SHA-1 by its definition
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/audit"
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
