package attack

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/tests/nsptest"
)

// federation is the one that the in-process door trusts; stranger has its names and another key.
var (
	federation = sync.OnceValue(func() *dgwstest.Federation { return dgwstest.New(2048) })
	stranger   = sync.OnceValue(func() *dgwstest.Federation { return dgwstest.New(2048) })
)

// router is a door in the test's process: the SOAP router with its profile, verifiers and gate, over a use case that remembers who called.
type router struct {
	handler http.Handler
	log     *bytes.Buffer
	ran     []admitted
}

// ledger is an audit log, unit of work and store of message ids that keep nothing: that a message was here before must not hide that it is
// accepted.
type ledger struct{}

func (ledger) Ready(context.Context) error               { return nil }
func (ledger) Append(context.Context, audit.Entry) error { return nil }

func (ledger) Mark(context.Context, [32]byte, string, time.Time) error { return nil }

func (ledger) Purge(context.Context, time.Time, int) (bool, error) { return true, nil }

func (ledger) Run(ctx context.Context, work, seal func(context.Context) error) error {
	if err := work(ctx); err != nil {
		return err
	}
	return seal(ctx)
}

// setting is what a router is built from.
type setting struct {
	anchors []trust.Anchor
	policy  admitting.Policy
	gate    *admitting.Gate
	now     time.Time
}

func newRouter(changes ...func(*setting)) *router {
	r := &router{log: &bytes.Buffer{}}
	var set setting
	now := func() time.Time { return set.now }
	newID := func() string { return "answer-1" }
	logger := slog.New(slog.NewTextHandler(r.log, nil))
	anchor := federation().Anchor
	// One key for both schemes, as that of a token service that issues cards and tokens.
	anchor.Uses = []trust.Use{trust.IDCard, trust.Token}
	set = setting{[]trust.Anchor{anchor}, admitting.Policy{
		Schemes: []identity.Scheme{identity.DGWS, identity.IDWS}, MinLevel: 3, MaxBytes: 16 << 20, Audiences: []string{idwstest.Audience},
		Kinds: []identity.Kind{identity.System, identity.Professional, identity.Citizen},
	}, &admitting.Gate{Audit: ledger{}, Units: ledger{}, Seen: ledger{}, Now: now, Log: logger}, start}
	for _, change := range changes {
		change(&set)
	}
	// Signatures are remembered: what the cache takes the place of must not be what an attack needs.
	source, cache := dgwstest.Trust(set.anchors...), xmldsig.NewCache(1024)
	schemes := &auth.Schemes{DGWS: &dgws.Verifier{Trust: source, Now: now, Cache: cache}, IDWS: &idws.Verifier{Trust: source, Now: now, Cache: cache}}
	r.handler = soap.NewRouter(soap.Service{
		Name: "test", Component: "Test", Profile: &soap.DGWS{Schemes: schemes, Now: now, NewID: newID},
		Operations: []soap.Operation{
			{Name: soap.Name{Space: testNS, Local: "OpenSession"}, Label: "OpenSession", Actions: []string{"OpenSession"}, Policy: set.policy, Serve: r.serve},
			{Name: soap.Name{Space: testNS, Local: "CloseSession"}, Label: "CloseSession", Actions: []string{"CloseSession"}, Policy: set.policy, Serve: r.serve},
		},
	}, soap.Deps{Enter: enter, Gate: set.gate, Now: now, NewID: newID, Log: logger})
	return r
}

// enter gives every request its place, as a server does for which the memory is there.
func enter(context.Context, string, int64) (leave func(), err error) { return func() {}, nil }

func (r *router) serve(_ context.Context, req soap.Request) (soap.Reply, error) {
	payload, err := req.Payload()
	if err != nil {
		return nil, err
	}
	r.ran = append(r.ran, admitted{req.Caller, payload})
	return func(w *xmlout.Writer) { w.Elem("sec:OpenSessionResponse", "", "xmlns:sec", testNS) }, nil
}

func (r *router) send(t testing.TB, message []byte, header ...string) verdict {
	t.Helper()
	req := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: "nsp.test", Path: "/test/service"}, Proto: "HTTP/1.1", Host: "nsp.test",
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(message)), ContentLength: int64(len(message)), RemoteAddr: "192.0.2.1:1234",
	}).WithContext(t.Context())
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	r.ran = nil
	r.log.Reset()
	r.handler.ServeHTTP(rec, req)
	require.NotContains(t, r.log.String(), "panic")
	return verdict{rec.Code, codeIn(rec.Body.String()), rec.Body.Bytes(), r.ran}
}

// codeIn returns the text of the medcom:FaultCode of an answer.
func codeIn(answer string) string {
	_, rest, _ := strings.Cut(answer, "<medcom:FaultCode>")
	code, _, _ := strings.Cut(rest, "<")
	return code
}

// material of the in-process door.
func (r *router) material() material {
	return materialOf(federation(), userCard(), systemCard())
}

func materialOf(f *dgwstest.Federation, user, system dgwstest.Card) material {
	m := material{
		card: string(f.Sign(user)), other: string(f.Sign(system)), evil: stranger(), user: user,
		sign:   func(c dgwstest.Card) string { return string(f.Sign(c)) },
		signed: func(assertion string) string { return string(f.SignAssertion([]byte(assertion), dgwstest.Card{})) },
	}
	m.message = messageWith(m.card, 4)
	return m
}

// messageWith is a DGWS request with the card.
func messageWith(card string, level int) string {
	return string(dgwstest.Message([]byte(card), start, level, "m-1", func(w *xmlout.Writer) { w.Raw([]byte(openBody)) }))
}

// server is a door over HTTP to a whole server.
type server struct {
	*nsptest.Server
	operation *nsptest.Operation
	path      string
}

func startServer(t testing.TB, set map[string]string) *server {
	t.Helper()
	operation := &nsptest.Operation{}
	s := nsptest.Start(t, nsptest.Options{Services: operation.Services, Set: set})
	return &server{s, operation, nsptest.OperationPath}
}

func (s *server) send(t testing.TB, message []byte, header ...string) verdict {
	t.Helper()
	before := len(s.operation.Callers())
	answer := s.Post(t, s.path, message, header...)
	v := verdict{status: answer.Status, code: answer.FaultCode, body: answer.Body}
	for _, c := range s.operation.Callers()[before:] {
		v.ran = append(v.ran, admitted{caller: c})
	}
	return v
}

// material of the server, signed by its own token service.
func (s *server) material() material {
	named := func(c dgwstest.Card) dgwstest.Card { c.Issuer = devfed.STSIssuer; return c }
	m := material{
		evil: stranger(), user: named(userCard()),
		sign: func(c dgwstest.Card) string { return string(s.As(named(c)).Card) },
	}
	m.signed = func(assertion string) string { return string(s.SignAssertion([]byte(assertion))) }
	m.card, m.other = m.sign(userCard()), m.sign(systemCard())
	m.message = messageWith(m.card, 4)
	return m
}

// kit makes messages with tokens of the server's own token service.
func (s *server) kit() kit {
	return kit{sts: s.TokenService(), issuer: devfed.STSIssuer, audience: nsptest.Audience, to: s.URL + s.path}
}

// secrets are texts of the test credentials that nothing but the classified values of the audit log may tell.
func secrets() []string {
	return []string{"0101010001", "0202020002", "2512489996", "1101116171", "Laege", "laege@example", "PRIVATE KEY", "MIIC", "MIID"}
}
