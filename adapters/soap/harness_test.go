package soap_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/allowlist"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// clock is the instant of the committed samples.
var clock = time.Date(2026, 11, 21, 10, 5, 30, 0, time.UTC)

// Keys of IDWS: the token service, who holds tokens, the service that answers.
var (
	tokenService = sync.OnceValue(func() *idwstest.Key { return idwstest.NewKey(2048, "Test STS") })
	portal       = sync.OnceValue(func() *idwstest.Key { return idwstest.NewKey(2048, "Test portal") })
	service      = sync.OnceValue(func() *idwstest.Key { return idwstest.NewKey(2048, "Test service") })
)

// federation is one key pair for all tests of the package.
var federation = sync.OnceValue(func() *dgwstest.Federation { return dgwstest.New(2048) })

// stranger is a key that nobody trusts, with the names of the federation.
var stranger = sync.OnceValue(func() *dgwstest.Federation { return dgwstest.New(2048) })

const testNS = "urn:opennsp:security:1"

// auditLog keeps its lines.
type auditLog struct {
	mu       sync.Mutex
	lines    []audit.Entry
	notReady error
	fails    error
}

func (l *auditLog) Ready(context.Context) error { return l.notReady }

func (l *auditLog) Append(_ context.Context, e audit.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails != nil {
		return l.fails
	}
	l.lines = append(l.lines, e)
	return nil
}

// units is a unit of work over the writes of the test operation.
type units struct {
	mu        sync.Mutex
	pending   []string
	committed []string
	commit    error // what a commit fails with
}

func (u *units) Run(ctx context.Context, work, seal func(context.Context) error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.pending = nil
	if err := work(ctx); err != nil {
		return err
	}
	if err := seal(ctx); err != nil {
		return err
	}
	if u.commit != nil {
		return u.commit
	}
	u.committed = append(u.committed, u.pending...)
	return nil
}

var (
	_ ports.AuditLog   = (*auditLog)(nil)
	_ ports.UnitOfWork = (*units)(nil)
	_ ports.SeenStore  = seen{}
)

// seen is a replay store.
type seen map[[32]byte]map[string]bool

func (s seen) Mark(_ context.Context, signer [32]byte, id string, _ time.Time) error {
	if s[signer] == nil {
		s[signer] = map[string]bool{}
	}
	if s[signer][id] {
		return ports.ErrSeen
	}
	s[signer][id] = true
	return nil
}

func (s seen) Purge(context.Context, time.Time, int) (bool, error) { return true, nil }

// harness is a router with one write and one read operation, on fakes.
type harness struct {
	now      time.Time
	policy   admitting.Policy
	anchors  []trust.Anchor
	audit    *auditLog
	units    *units
	log      *bytes.Buffer
	serve    func(ctx context.Context, req soap.Request) (soap.Reply, error) // instead of the ordinary use case
	enter    func(ctx context.Context, service string, size int64) (func(), error)
	screen   func(netip.Addr) error
	legacy   bool
	minBits  int
	timeout  time.Duration // of the body
	call     time.Duration // of the use case
	callers  []identity.Caller
	observed []soap.Observed
	events   []audit.Refusal
	lists    map[string]allowlist.List
	bind     bool // credentials to the TLS connection
	proxies  []netip.Prefix
	signer   ports.Signer
	unsigned bool // answers of IDWS
	alter    func(*soap.Service)
	last     *httptest.ResponseRecorder
	router   *soap.Router
}

func newHarness() *harness { return trusting(federation().Anchor) }

func trusting(anchors ...trust.Anchor) *harness {
	return &harness{
		signer: service().Signer(), now: clock, audit: &auditLog{}, units: &units{}, log: &bytes.Buffer{}, anchors: anchors,
		policy: admitting.Policy{
			Schemes: []identity.Scheme{identity.DGWS}, Kinds: []identity.Kind{identity.System, identity.Professional}, MinLevel: 3,
		},
	}
}

// build makes the router; the fields are set before.
func (h *harness) build() *soap.Router {
	if h.router != nil {
		return h.router
	}
	now := func() time.Time { return h.now }
	id := 0
	newID := func() string { id++; return fmt.Sprintf("a-%d", id) }
	logger := slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	trusted := dgwstest.Trust(append(slices.Clone(h.anchors), tokenService().Anchor())...)
	schemes := &auth.Schemes{
		DGWS:           &dgws.Verifier{Trust: trusted, Now: now, MinRSABits: h.minBits},
		IDWS:           &idws.Verifier{Trust: trusted, Now: now},
		Lists:          h.lists,
		BindToTLS:      h.bind,
		Administrators: []auth.Administrator{{Role: "NspAdministrator", CVR: "99999902"}, {Role: "", CVR: "99999902"}},
	}
	read := h.policy
	read.MinLevel = 4
	read.MaxBytes = 64 << 10
	s := soap.Service{
		Name: "test", Component: "Test",
		Operations: []soap.Operation{
			{Name: soap.Name{Space: testNS, Local: "OpenSession"}, Label: "OpenSession", Actions: []string{"OpenSession"}, Policy: h.policy, Serve: h.open},
			{Name: soap.Name{Space: testNS, Local: "ReadSession"}, Label: "ReadSession", Actions: []string{"ReadSession"}, Policy: read, Serve: h.open},
			{Name: soap.Name{Space: soap.AnySpace, Local: "CloseSession"}, Label: "CloseSession", Policy: h.policy, Serve: h.open},
		},
		Contract: soap.Contract{
			WSDL:  []byte(`<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><address location="{{address}}"/></definitions>`),
			Files: map[string][]byte{"session.xsd": []byte(`<schema xmlns="http://www.w3.org/2001/XMLSchema"/>`)},
		},
		Profile: &soap.NSP{
			DGWS: &soap.DGWS{Schemes: schemes, Now: now, NewID: newID, LegacyFaults: h.legacy},
			IDWS: &soap.IDWS{Schemes: schemes, Signer: h.signer, Unsigned: h.unsigned, Now: now, NewID: newID, Log: logger},
		},
	}
	if h.alter != nil {
		h.alter(&s)
	}
	h.router = soap.NewRouter(s, soap.Deps{
		Gate: &admitting.Gate{Audit: h.audit, Units: h.units, Seen: seen{}, Now: now, Log: logger}, Now: now, NewID: newID, Log: logger,
		TrustedProxies: h.proxies, ReadTimeout: h.timeout, CallTimeout: h.call, Enter: h.enter, Screen: h.screen,
		Observe: func(_ context.Context, o soap.Observed) { h.observed = append(h.observed, o) },
		Refused: func(r audit.Refusal) { h.events = append(h.events, r) },
	})
	return h.router
}

// open is the use case: it writes one row and tells the audit log who called.
func (h *harness) open(ctx context.Context, req soap.Request) (soap.Reply, error) {
	h.callers = append(h.callers, req.Caller)
	admitting.Trail{}.Note(ctx, "Test", "open", audit.Information{Key: "system", Class: audit.NPI, Value: req.Caller.SystemName})
	h.units.pending = append(h.units.pending, req.Caller.MessageID)
	if h.serve != nil {
		return h.serve(ctx, req)
	}
	return func(w *xmlout.Writer) {
		w.Start("sec:OpenSessionResponse", "xmlns:sec", testNS)
		w.Elem("sec:Token", "c2FtcGxlLXNlc3Npb24tdG9rZW4")
		w.Elem("sec:Expires", "2026-11-21T11:05:01Z")
		w.End()
	}, nil
}

// post sends a message as SOAP 1.1; header are names and values in turn.
func (h *harness) post(message []byte, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://nsp.test:8080/test/Service", bytes.NewReader(message))
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("SOAPAction", `"OpenSession"`)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return h.do(r)
}

func (h *harness) do(r *http.Request) *httptest.ResponseRecorder {
	h.last = httptest.NewRecorder()
	h.build().ServeHTTP(h.last, r)
	return h.last
}

// answered requires that the last message was carried out, and returns its caller.
func (h *harness) answered(t *testing.T) identity.Caller {
	t.Helper()
	require.Equal(t, http.StatusOK, h.last.Code, "answer: %s\nlog: %s", h.last.Body, h.log)
	require.NotEmpty(t, h.callers)
	return h.callers[len(h.callers)-1]
}

// refusedWith requires the fault, that no use case ran and nothing was stored, and that one audit line without components tells of it.
func (h *harness) refusedWith(t *testing.T, code string) {
	t.Helper()
	f := h.fault(t)
	assert.Equal(t, code, f.Code, "fault: %v\nlog: %s", f, h.log)
	assert.Equal(t, http.StatusInternalServerError, h.last.Code)
	assert.Empty(t, h.callers, "the use case ran")
	assert.Empty(t, h.units.committed, "something was stored")
	if assert.Len(t, h.audit.lines, 1) {
		assert.Empty(t, h.audit.lines[0].Notes)
		assert.Equal(t, audit.Component("Test"), h.audit.lines[0].Route)
	}
	h.noPersons(t)
}

// fault reads the last answer as a client does.
func (h *harness) fault(t *testing.T) *soap.Fault {
	t.Helper()
	f := faultOf(t, h.last)
	return f
}

func faultOf(t *testing.T, rec *httptest.ResponseRecorder) *soap.Fault {
	t.Helper()
	server := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: rec.Code, Header: rec.Header(), Body: io.NopCloser(bytes.NewReader(rec.Body.Bytes()))}, nil
	})}
	_, err := (&soap.Client{URL: "http://nsp.test", HTTP: server}).Call(t.Context(), "", nil)
	var f *soap.Fault
	require.ErrorAs(t, err, &f, "answer: %d %s", rec.Code, rec.Body)
	return f
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// secrets are the texts of the test cards that no log, event or fault may tell.
var secrets = []string{"0101010001", "0202801111", "0101010009", "Laege", "laege@example", "c2FtcGxlLWNhcmQ", "dGVzdC1jYXJk", "MIID", "BEGIN"}

// noPersons searches the application log, the refusals' faults and the observed calls.
func (h *harness) noPersons(t *testing.T) {
	t.Helper()
	for _, s := range secrets {
		assert.NotContains(t, h.log.String(), s, "in the application log")
		if h.last.Code != http.StatusOK {
			assert.NotContains(t, h.last.Body.String(), s, "in the fault")
		}
	}
}

// card signs with the package's federation.
func card(c dgwstest.Card) []byte { return federation().Sign(c) }

func userCard() dgwstest.Card   { return dgwstest.UserCard(clock.Add(-5 * time.Minute)) }
func systemCard() dgwstest.Card { return dgwstest.SystemCard(clock.Add(-5 * time.Minute)) }

func openSession(w *xmlout.Writer) { w.Elem("sec:OpenSession", "", "xmlns:sec", testNS) }

// message is a request that carries the card, whose level it repeats.
func message(c dgwstest.Card) []byte { return withCard(card(c), c.Level()) }

func withCard(assertion []byte, level int) []byte {
	return dgwstest.Message(assertion, clock, level, "m-1", openSession)
}

// replace changes the one place where a message holds old.
func replace(t *testing.T, message []byte, old, by string) []byte {
	t.Helper()
	require.Equal(t, 1, bytes.Count(message, []byte(old)), "the message must hold %q once", old)
	return bytes.Replace(message, []byte(old), []byte(by), 1)
}

// cutOut returns the message without its one element name, and the element.
func cutOut(t *testing.T, message []byte, name string) (rest, element []byte) {
	t.Helper()
	s := string(message)
	from := strings.Index(s, "<"+name)
	end := strings.Index(s, "</"+name+">") + len("</"+name+">")
	require.True(t, from >= 0 && end > from, "the message has no %s", name)
	return []byte(s[:from] + s[end:]), []byte(s[from:end])
}

// parsed reads a document for the length of a test.
func parsed(t *testing.T, doc []byte) *xmltree.Tree {
	t.Helper()
	tree, err := xmltree.Parse(doc, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	t.Cleanup(tree.Release)
	return tree
}

// weak makes a federation whose RSA key has the public exponent 3.
func weak(t *testing.T) *dgwstest.Federation {
	t.Helper()
	one, e := big.NewInt(1), big.NewInt(3)
	for {
		p, err := rand.Prime(rand.Reader, 1024)
		require.NoError(t, err)
		q, err := rand.Prime(rand.Reader, 1024)
		require.NoError(t, err)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if d == nil {
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 3}, D: d, Primes: []*big.Int{p, q}}
		key.Precompute()
		return dgwstest.WithKey(key, pkix.Name{CommonName: "Test STS"})
	}
}

var errTest = errors.New("a secret cause")

// turnedAway requires the fault, and that the call ended before security: no use case ran and there is no audit line.
func (h *harness) turnedAway(t *testing.T, text string) {
	t.Helper()
	assert.Equal(t, http.StatusInternalServerError, h.last.Code)
	assert.Contains(t, h.last.Body.String(), "<faultstring>"+text+"</faultstring>")
	assert.Contains(t, h.last.Body.String(), "processing_problem")
	assert.Empty(t, h.callers)
	assert.Empty(t, h.audit.lines)
	require.Len(t, h.observed, 1)
}
