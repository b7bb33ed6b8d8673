package scesws_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/scesws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports/portstest"
)

const (
	listed   = "33257872" // may ask
	unlisted = "99999902"
	child    = "0905124643"
)

var now = time.Date(2026, time.November, 22, 9, 0, 0, 0, time.UTC)

// versions and the paths that they are served at.
func versions() map[scesws.Version]string {
	return map[scesws.Version]string{scesws.V104: scesws.Path104, scesws.V103: scesws.Path103, scesws.V102: scesws.Path102}
}

// service is the look-up on registers in memory, behind the router; the credential of every message is that of caller.
type service struct {
	register *portstest.FailingCPRRegister
	audit    *memory.AuditLog
	log      *bytes.Buffer
	caller   identity.Caller
	grants   error // why they cannot be read
	paths    map[string]http.Handler
	lookup   *enquiring.CPRLookup
	ops      []soap.Operation
	observed []admitting.Observed
}

// profile admits every message as the service's caller.
type profile struct {
	soap.DGWS
	service *service
}

func (p *profile) Admit(_ context.Context, env *soap.Envelope, _ *soap.Operation) (identity.Caller, error) {
	caller := p.service.caller
	caller.MessageID = env.MessageID
	return caller, nil
}

func newService(t testing.TB) *service {
	t.Helper()
	clock := func() time.Time { return now }
	db := memory.New(clock)
	portstest.LoadPeople(t, db.Stamdata(), now.Add(-time.Hour))
	s := &service{register: &portstest.FailingCPRRegister{Register: db.Register()}, audit: &memory.AuditLog{}, log: &bytes.Buffer{}, caller: system(), paths: map[string]http.Handler{}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	s.lookup = &enquiring.CPRLookup{
		Register: s.register, Trail: admitting.Trail{}, Now: clock,
		Granted: func(_ context.Context, name, cvr string) (bool, error) {
			return name == "sces" && cvr == listed, s.grants
		},
	}
	id := func() string { return "an-id" }
	gate := &admitting.Gate{Audit: s.audit, Units: db.Units(), Replies: db.Replies(), Seen: db.Seen(), Now: clock, Log: log}
	for _, m := range scesws.Services(s.lookup, &profile{DGWS: soap.DGWS{Now: clock, NewID: id}, service: s}) {
		s.ops = m.Service.Operations
		s.paths[m.Path] = soap.NewRouter(m.Service, soap.Deps{
			Gate: gate, Now: clock, NewID: id, Log: log, Observe: func(_ context.Context, o soap.Observed) { s.observed = append(s.observed, o) },
		})
	}
	return s
}

func system() identity.Caller {
	return identity.Caller{
		Kind: identity.System, Org: identity.Organisation{CVR: listed}, SystemName: "Service Consumer Test",
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}
}

func envelope(body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"><soap:Header>` +
		`<medcom:Header><medcom:Linking><medcom:MessageID>m-1</medcom:MessageID></medcom:Linking></medcom:Header>` +
		`</soap:Header><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

// operations by whether they ask for practice and insurance too.
func operations() map[bool]string {
	return map[bool]string{false: "getPersonInformation", true: "getPersonWithHealthCareInformation"}
}

// request asks for a person.
func request(v scesws.Version, health bool, number string) string {
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(number))
	return `<m:` + operations()[health] + `In xmlns:m="` + v.Namespace() + `"><PersonCivilRegistrationIdentifier xmlns="http://rep.oio.dk/cpr.dk/xml/schemas/core/2005/03/18/">` +
		text.String() + `</PersonCivilRegistrationIdentifier></m:` + operations()[health] + `In>`
}

// post sends a message.
func (s *service) post(t testing.TB, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://nsp.example"+path, strings.NewReader(envelope(body)))
	r.Header.Set("SOAPAction", `"http://rep.oio.dk/medcom.sundcom.dk/xml/wsdl/2007/06/28/`+operations()[strings.Contains(body, "HealthCare")]+`"`)
	w := httptest.NewRecorder()
	require.Contains(t, s.paths, path)
	s.paths[path].ServeHTTP(w, r)
	return w
}

var bodyElement = regexp.MustCompile(`(?s)<soap:Body>(.*)</soap:Body>`)

// ask posts a request and returns the body of the good answer.
func (s *service) ask(t testing.TB, path, body string) string {
	t.Helper()
	w := s.post(t, path, body)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	return bodyElement.FindStringSubmatch(w.Body.String())[1]
}

// fault asserts that an answer is this fault: faultcode, faultstring and detail.
func requireFault(t testing.TB, w *httptest.ResponseRecorder, code, text, detail string) {
	t.Helper()
	require.Equal(t, http.StatusInternalServerError, w.Code, w.Body.String())
	if detail != "" {
		detail = "<detail><medcom:FaultCode>" + detail + "</medcom:FaultCode></detail>"
	}
	require.Contains(t, w.Body.String(),
		"<soap:Fault><faultcode>soap:"+code+"</faultcode><faultstring>"+text+"</faultstring>"+detail+"</soap:Fault>")
}

// said is what the newest audit line says of the look-up: keys and values.
func (s *service) said(t testing.TB) (where audit.Context, told map[string]string) {
	t.Helper()
	lines := s.audit.Lines()
	require.NotEmpty(t, lines)
	notes := lines[len(lines)-1].Notes
	require.Len(t, notes, 1)
	require.Equal(t, audit.SDM, notes[0].Component)
	require.Len(t, notes[0].Contexts, 1)
	told = map[string]string{}
	for i := range audit.Flatten(notes[0].Contexts[0].Information, 10) {
		told[i.Key] = i.Value
	}
	return notes[0].Contexts[0].Context, told
}

// client returns a client that posts to a path of the service.
func (s *service) client(t testing.TB, path string) *scesws.Client {
	t.Helper()
	server := httptest.NewServer(s.paths[path])
	t.Cleanup(server.Close)
	return clientOf(server.URL + path)
}

func clientOf(url string) *scesws.Client {
	return &scesws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		c := soap.Client{URL: url}
		return c.Call(ctx, action, []byte(envelope(string(w.Bytes()))))
	}}
}
