package fgvhrws_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

const (
	citizenC = "0108501234" // of the samples
	citizenB = "2512489996"
	young    = "0501792275"
	audience = "https://fsk"
	roleName = "FgvhrAdmin"
	cardCVR  = "99999902" // of every ID card
	sampleID = "5b1f6f0e-6a2d-4c8e-9f6b-0d2f6f1c7a11"
)

var now = at("2026-11-21T22:05:10Z")

// keys are the token service's, which signs cards, tokens and answers, and that of who holds tokens.
var keys = sync.OnceValue(func() (k struct {
	cards       *dgwstest.Federation
	sts, holder *idwstest.Key
}) {
	var private [2]*rsa.PrivateKey
	for i := range private {
		var err error
		if private[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err)
		}
	}
	k.cards = dgwstest.WithKey(private[0], pkix.Name{CommonName: "Test STS"})
	k.sts, k.holder = idwstest.KeyOf(private[0], "Test STS"), idwstest.KeyOf(private[1], "Test portal")
	return k
})

// service is the service on a database in memory, behind its router, with real cards and tokens.
type service struct {
	db      *memory.DB
	audit   *memory.AuditLog
	access  *portstest.FailingAccessLog
	log     bytes.Buffer
	now     time.Time
	status  string // of every CPR number
	down    error  // of the CPR register
	granted bool   // whoever calls holds fgvhr.read
	store   *store
	use     *optingout.Registrar
	router  http.Handler
	sent    int
}

// Citizen implements ports.Citizens.
func (s *service) Citizen(_ context.Context, n cpr.Number) (stamdata.Citizen, error) {
	return stamdata.Citizen{CPR: n, Status: s.status}, s.down
}

// Of implements ports.Aliases: everybody has one number.
func (s *service) Of(_ context.Context, n cpr.Number) ([]cpr.Number, []ecpr.Number, error) {
	return []cpr.Number{n}, nil, nil
}

// store is a store that can be down, and counts how often it is asked.
type store struct {
	ports.OptOutStore
	down  error
	asked int
}

func (s *store) Heads(ctx context.Context, person []cpr.Number) (fgvhr.History, error) {
	if s.asked++; s.down != nil {
		return nil, s.down
	}
	return s.OptOutStore.Heads(ctx, person)
}

func (s *store) History(ctx context.Context, person []cpr.Number) (fgvhr.History, error) {
	if s.asked++; s.down != nil {
		return nil, s.down
	}
	return s.OptOutStore.History(ctx, person)
}

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{
		audit: &memory.AuditLog{}, access: &portstest.FailingAccessLog{Access: &portstest.RecordingAccessLog{}}, now: now, status: "01", granted: true,
	}
	clock := func() time.Time { return s.now }
	id := 0
	newID := func() string { id++; return fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012d", id) }
	s.db = memory.New(clock)
	s.store = &store{OptOutStore: s.db.OptOuts()}
	granted := func(_ context.Context, name, cvr string) (bool, error) {
		return s.granted && name == optingout.GrantRead && cvr == cardCVR, nil
	}
	s.use = &optingout.Registrar{
		Store: s.store, Citizens: s, Aliases: s, Access: s.access, Trail: admitting.Trail{}, Granted: granted, Now: clock, NewID: newID,
		Rules: fgvhr.Rules{MinAge: 60, WaitDays: 7, Active: []string{"01"}}, AdminRoles: []string{roleName}, Topic: optingout.DefaultTopic(),
	}
	logger := slog.New(slog.NewTextHandler(&s.log, nil))
	trusted := dgwstest.Trust(keys().cards.Anchor, keys().sts.Anchor())
	schemes := &auth.Schemes{DGWS: &dgws.Verifier{Trust: trusted, Now: clock}, IDWS: &idws.Verifier{Trust: trusted, Now: clock}}
	gate := &admitting.Gate{
		Audit: s.audit, Units: s.db.Units(), Replies: s.db.Replies(), Seen: s.db.Seen(), Grants: granted, Now: clock, Log: logger,
	}
	mounts := fgvhrws.Services(s.use, &soap.NSP{
		DGWS: &soap.DGWS{Schemes: schemes, Now: clock, NewID: newID},
		IDWS: &soap.IDWS{Schemes: schemes, Signer: keys().sts.Signer(), Now: clock, NewID: newID, Log: logger},
	})
	require.Len(t, mounts, 1)
	require.Equal(t, fgvhrws.Path, mounts[0].Path)
	for i := range mounts[0].Service.Operations {
		mounts[0].Service.Operations[i].Policy.Audiences = []string{audience}
	}
	s.router = soap.NewRouter(mounts[0].Service, soap.Deps{Gate: gate, Now: clock, NewID: newID, Log: logger})
	return s
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func number(s string) cpr.Number {
	n, err := cpr.Parse(s)
	if err != nil {
		panic("not a number")
	}
	return n
}

// message is one to be sent.
type message struct {
	card   func(issued time.Time) dgwstest.Card // nil = a token
	token  func(idwstest.Token) idwstest.Token  // nil = as it is
	user   string                               // of the token
	body   string
	action *string // SOAPAction, nil = none
	intent string  // wsa:Action of a message with a token, "" = that of the body's element
	id     string  // of a message with a card, "" = a new one
}

// as returns the message with another body.
func (m message) as(body string) message {
	m.body = body
	return m
}

// citizen is a citizen with a token, administrator somebody with a card whose role administers, doctor and system others with cards.
func citizen(n string) message { return message{user: n} }

func administrator() message {
	return message{card: func(issued time.Time) dgwstest.Card {
		return dgwstest.UserCard(issued).With("medcom:UserRole", roleName).Without("medcom:UserAuthorizationCode")
	}}
}

func doctor() message { return message{card: dgwstest.UserCard} }
func system() message { return message{card: dgwstest.SystemCard} }

var root = regexp.MustCompile(`^<(?:\w+:)?(\w+?)(?:Request)?[ />]`)

func (s *service) envelope(m message) []byte {
	s.sent++
	issued := s.now.Add(-5 * time.Minute)
	body := func(w *xmlout.Writer) { w.Raw([]byte(m.body)) }
	if m.card != nil {
		card := m.card(issued)
		if m.id == "" {
			m.id = fmt.Sprintf("m-%d", s.sent)
		}
		return dgws.Request{Created: s.now, Card: keys().cards.Sign(card), SecurityLevel: card.Level(), FlowID: "f-1", MessageID: m.id, Body: body}.Bytes()
	}
	token := idwstest.CitizenToken(issued, keys().holder).With("dk:gov:saml:attribute:CprNumberIdentifier", m.user)
	token.NameID, token.Audiences = "dk:gov:saml:attribute:CprNumberIdentifier:"+m.user, []string{audience}
	if m.token != nil {
		token = m.token(token)
	}
	out := idwstest.Good(token, keys().sts, keys().holder, s.now, body)
	out.MessageID, out.Action = fmt.Sprintf("urn:uuid:11111111-2222-4333-8444-%012d", s.sent), m.intent
	if found := root.FindStringSubmatch(m.body); m.intent == "" && found != nil {
		out.Action = found[1]
	}
	return out.Bytes()
}

// post sends an envelope; action nil = no SOAPAction header.
func (s *service) post(t testing.TB, envelope []byte, action *string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://nsp.example"+fgvhrws.Path, bytes.NewReader(envelope))
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	if action != nil {
		r.Header.Set("SOAPAction", *action)
	}
	return s.serve(r)
}

func (s *service) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	return w
}

func (s *service) send(t testing.TB, m message) *httptest.ResponseRecorder {
	t.Helper()
	return s.post(t, s.envelope(m), m.action)
}

// RoundTrip implements http.RoundTripper: requests are served at once.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) { return s.serve(r).Result(), nil }

// client calls the service with the credential of m.
func (s *service) client(m message) *fgvhrws.Client {
	c := &soap.Client{URL: "http://nsp.example" + fgvhrws.Path, HTTP: &http.Client{Transport: s}}
	return &fgvhrws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		return c.Call(ctx, action, s.envelope(m.as(string(w.Bytes()))))
	}}
}

var (
	bodyElement  = regexp.MustCompile(`(?s)<soap:Body[^>]*>(.*)</soap:Body>`)
	faultElement = regexp.MustCompile(`^<soap:Fault><faultcode>([\w:]+)</faultcode><faultstring>(.*)</faultstring>` +
		`<detail><medcom:FaultCode>(\w+)</medcom:FaultCode></detail></soap:Fault>$`)
)

func content(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	found := bodyElement.FindStringSubmatch(w.Body.String())
	require.NotNil(t, found, w.Body.String())
	return found[1]
}

// call sends a message and returns the content of the good answer.
func (s *service) call(t testing.TB, m message) string {
	t.Helper()
	w := s.send(t, m)
	require.Equal(t, http.StatusOK, w.Code, "%s\n%s", w.Body, s.log.String())
	return content(t, w)
}

// refused is what a fault says: the code and the text.
func refused(t testing.TB, w *httptest.ResponseRecorder) [2]string {
	t.Helper()
	require.Equal(t, http.StatusInternalServerError, w.Code, w.Body.String())
	parts := faultElement.FindStringSubmatch(content(t, w))
	require.NotNil(t, parts, w.Body.String())
	require.NotRegexp(t, `\d{6}`, parts[2], "a text names nobody")
	return [2]string{parts[3], parts[2]}
}

// sample is a file of testdata.
func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".xml"))
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

// history is what is stored of the citizen C.
func (s *service) history(t testing.TB) fgvhr.History {
	t.Helper()
	all, err := s.db.OptOuts().History(t.Context(), []cpr.Number{number(citizenC)})
	require.NoError(t, err)
	return all
}

// head is the id of the row that counts.
func (s *service) head(t testing.TB) string {
	t.Helper()
	head, ok := s.history(t).Head()
	require.True(t, ok)
	return head.ID
}

// changing returns the sample of an update, of the row that counts.
func (s *service) changing(t testing.TB, name string) string {
	t.Helper()
	return strings.ReplaceAll(sample(t, name), sampleID, s.head(t))
}
