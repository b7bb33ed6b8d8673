package securityws_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/securityws"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// clock is the instant of the samples.
var clock = time.Date(2026, 11, 21, 10, 5, 30, 0, time.UTC)

// signer signs with a key of its own.
type signer struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
}

var _ ports.Signer = signer{}

func (s signer) Certificate(trust.Use) *x509.Certificate { return s.certificate }

func (s signer) Sign(_ context.Context, _ trust.Use, hash crypto.Hash, digest []byte) ([]byte, error) {
	return rsa.SignPKCS1v15(rand.Reader, s.key, hash, digest)
}

// service is the session service, which trusts the certificate of the samples' token service.
type service struct {
	now      time.Time
	sessions *securing.Sessions
	router   *soap.Router
}

func start(t *testing.T, audiences ...string) *service {
	t.Helper()
	s := &service{now: clock}
	now := func() time.Time { return s.now }
	ids := 0
	newID := func() string { ids++; return fmt.Sprintf("00000000-0000-4000-8000-%012d", ids) }
	db, log := memory.New(now), slog.New(slog.DiscardHandler)
	_, text, _ := strings.Cut(string(sample(t, "../../xml/testdata/01-dgws-request.xml")), "<ds:X509Certificate>")
	text, _, _ = strings.Cut(text, "<")
	der, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	anchor := dgwstest.AnchorOf(der, "sample", "OPENNSP-DEV-STS")
	anchor.Uses = append(anchor.Uses, trust.Token)
	source := dgwstest.Trust(anchor)
	own := dgwstest.New(2048)
	certificate, err := x509.ParseCertificate(own.Certificate)
	require.NoError(t, err)
	schemes := &auth.Schemes{DGWS: &dgws.Verifier{Trust: source, Now: now}, IDWS: &idws.Verifier{Trust: source, Now: now}}
	profile := &soap.NSP{
		DGWS: &soap.DGWS{Schemes: schemes, Now: now, NewID: newID},
		IDWS: &soap.IDWS{Schemes: schemes, Signer: signer{own.Key, certificate}, Now: now, NewID: newID, Log: log},
	}
	s.sessions = &securing.Sessions{Store: db.Sessions(), Trail: admitting.Trail{}, Now: now}
	gate := &admitting.Gate{Audit: &memory.AuditLog{}, Units: db.Units(), Seen: db.Seen(), Now: now, Log: log}
	s.router = soap.NewRouter(securityws.Service(s.sessions, profile, audiences), soap.Deps{Gate: gate, Now: now, NewID: newID, Log: log})
	return s
}

func sample(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func (s *service) post(message []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://nsp.test"+securityws.Path, strings.NewReader(string(message)))
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("SOAPAction", `"OpenSession"`)
	rec := httptest.NewRecorder()
	s.router.ServeHTTP(rec, r)
	return rec
}

// shape lists the elements of a document with their expanded names, in document order.
func shape(t *testing.T, doc string) (lines []string) {
	t.Helper()
	depth := 0
	for d := xml.NewDecoder(strings.NewReader(doc)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return lines
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			lines = append(lines, strings.Repeat(" ", depth)+token.Name.Space+" "+token.Name.Local)
			depth++
		case xml.EndElement:
			depth--
		}
	}
}

func between(doc, from, to string) string {
	_, rest, _ := strings.Cut(doc, from)
	text, _, _ := strings.Cut(rest, to)
	return text
}

// opened requires an answer with a token, and returns its session.
func (s *service) opened(t *testing.T, rec *httptest.ResponseRecorder) securing.Session {
	t.Helper()
	require.Equal(t, http.StatusOK, rec.Code, "%s", rec.Body)
	answer := rec.Body.String()
	session, err := s.sessions.Resolve(t.Context(), between(answer, "<sec:Token>", "</sec:Token>"))
	require.NoError(t, err)
	assert.Equal(t, session.Expires.Format(time.RFC3339), between(answer, "<sec:Expires>", "</sec:Expires>"))
	return session
}

func TestSamples(t *testing.T) {
	t.Run("SA-04 sample 01 is answered as sample 02", func(t *testing.T) {
		s := start(t)
		request := sample(t, "../../xml/testdata/01-dgws-request.xml")
		rec := s.post(request)
		session := s.opened(t, rec)
		assert.Equal(t, clock.Add(time.Hour), session.Expires)
		assert.Equal(t, [3]any{identity.Professional, identity.Session, identity.DGWS},
			[3]any{session.Caller.Kind, session.Caller.Credential.Scheme, session.Caller.Credential.Origin})
		assert.Equal(t, shape(t, string(sample(t, "../testdata/02-dgws-response.xml"))), shape(t, rec.Body.String()))

		again := s.opened(t, s.post(request))
		assert.NotEqual(t, session.Token, again.Token, "SEC-31 a message that comes again opens a session of its own")
	})
	t.Run("SA-04 sample 04 is answered as sample 05", func(t *testing.T) {
		s := start(t, "https://minlog")
		request := sample(t, "../../xml/testdata/04-idws-request.xml")
		rec := s.post(request)
		session := s.opened(t, rec)
		assert.Equal(t, time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC), session.Expires, "SU-5 with the token")
		assert.Equal(t, identity.Citizen, session.Caller.Kind)
		assert.Equal(t, shape(t, string(sample(t, "../../xml/testdata/05-idws-response.xml"))), shape(t, rec.Body.String()))

		again := s.post(request)
		assert.Equal(t, http.StatusInternalServerError, again.Code)
		assert.Contains(t, again.Body.String(), fault.CodeSignature, "SEC-32 it is taken once")
	})
	t.Run("SA-38 a token for another service", func(t *testing.T) {
		s := start(t, "https://fsk")
		rec := s.post(sample(t, "../../xml/testdata/04-idws-request.xml"))
		assert.Contains(t, rec.Body.String(), fault.CodeNotAuthorized)
	})
	t.Run("SA-10 the card has ended", func(t *testing.T) {
		s := start(t)
		s.now = clock.Add(24 * time.Hour)
		rec := s.post(sample(t, "../../xml/testdata/01-dgws-request.xml"))
		assert.Contains(t, rec.Body.String(), fault.CodeExpired)
	})
}

func TestContract(t *testing.T) {
	s := start(t)
	for query, want := range map[string]string{"?wsdl": "http://nsp.test" + securityws.Path, "?xsd=session.xsd": securityws.Namespace} {
		rec := httptest.NewRecorder()
		s.router.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://nsp.test"+securityws.Path+query, http.NoBody))
		assert.Equal(t, http.StatusOK, rec.Code)
		assert.Contains(t, rec.Body.String(), want)
		shape(t, rec.Body.String())
	}
}
