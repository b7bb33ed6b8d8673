package minlogws_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
)

const topic messagelog.Topic = "minlog.registrations.v1"

const (
	listed       = "33257872" // the organisation whose systems may ask for any citizen's log
	citizen      = "0202801111"
	professional = "0404701111"
	assistant    = "0505851111"
	code         = "TST01"
	ns2025       = "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2025/03/12/minlog2-registration.xsd"
	ns2023       = "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2023/04/25/minlog2-registration.xsd"
	ns1          = "urn:opennsp:minlog1:registration:1"
	nsPortal     = "http://nsi.dk/minlog/2012/05/24/"
	nsLookup     = "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2025/03/12/minlog2-lookup.xsd"
)

var now = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// service is MinLog on one database in memory, behind the router; the credential of every message is that of caller.
type service struct {
	db       *memory.DB
	audit    *memory.AuditLog
	log      *bytes.Buffer
	caller   identity.Caller
	consumer *logkeeping.Consumer
	paths    map[string]http.Handler
	sent     int // messages with an id of their own

	operations map[string][]soap.Operation // by path
	registrar  *logkeeping.Registrar
	citizens   *logkeeping.CitizenLookup
}

// messageID returns m-1, m-2 …
func (s *service) messageID() string {
	s.sent++
	return "m-" + strconv.Itoa(s.sent)
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
	clock := func() time.Time { return now }
	id := func() string { return "an-id" }
	s := &service{db: memory.New(clock), audit: &memory.AuditLog{}, log: &bytes.Buffer{}, caller: system(), paths: map[string]http.Handler{},
		operations: map[string][]soap.Operation{}}
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	require.NoError(t, logkeeping.EnsureTopic(t.Context(), s.db.Topics(), topic, messagelog.Spec{Partitions: 1}))
	s.consumer = &logkeeping.Consumer{
		Log: s.db.MessageLog(), Topics: s.db.Topics(), Store: s.db.LogStore(), Now: clock, Logger: logger, Topic: topic, Batch: 5000, RetentionYears: 2,
	}
	reading := logkeeping.Reading{
		Store: s.db.LogStore(), Trail: admitting.Trail{}, Now: clock, Logger: logger, TokenKey: []byte("key"), PageSize: 500, MaxPageSize: 1000,
		MaxEntries: 10000, ScanBudget: 50000, MaxPeriod: 744 * time.Hour, RetentionYears: 2,
	}
	p := &profile{DGWS: soap.DGWS{Now: clock, NewID: id}, service: s}
	s.registrar = &logkeeping.Registrar{
		Log: s.db.MessageLog(), Trail: admitting.Trail{}, Now: clock, Topic: topic, KeySecret: []byte("secret"), MaxBulk: 1000, MaxPeriod: 744 * time.Hour,
		FutureTolerance: 5 * time.Minute, RetentionYears: 2, AppendTimeout: time.Minute,
	}
	granted := func(_ context.Context, grant, cvr string) (bool, error) {
		return grant == logkeeping.GrantPortal && cvr == listed, nil
	}
	mounts := slices.Concat(minlogws.Registration(s.registrar, p), minlogws.Registration1(s.registrar, p),
		minlogws.Portal(&logkeeping.PortalLookup{Reading: reading, Granted: granted}, p))
	s.citizens = &logkeeping.CitizenLookup{Reading: reading, OwnByCard: true, Ages: minlog.Ages{Self: 15, Custody: 15}, MaskUserCPR: true}
	lookups := minlogws.Lookup(s.citizens, &logkeeping.AssistantLookup{Reading: reading}, p)
	mounts = append(mounts, lookups...)
	gate := &admitting.Gate{Audit: s.audit, Units: s.db.Units(), Replies: s.db.Replies(), Seen: s.db.Seen(), Now: clock, Log: logger}
	for _, m := range mounts {
		s.operations[m.Path] = m.Service.Operations
		s.paths[m.Path] = soap.NewRouter(m.Service, soap.Deps{Gate: gate, Now: clock, NewID: id, Log: logger})
	}
	return s
}

func system() identity.Caller {
	return identity.Caller{
		Kind: identity.System, Org: identity.Organisation{CVR: "33257872"}, SystemName: "Service Consumer Test",
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}
}

func employee(number, authorisation string) identity.Caller {
	n, err := cpr.Parse(number)
	if err != nil {
		panic("not a number")
	}
	return identity.Caller{
		Kind: identity.Professional, CPR: n, AuthorisationCode: authorisation, Org: identity.Organisation{CVR: "33257872"},
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
}

// envelope puts a body into a message.
func envelope(messageID, body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"><soap:Header>` +
		`<medcom:Header><medcom:Linking><medcom:MessageID>` + messageID + `</medcom:MessageID></medcom:Linking></medcom:Header>` +
		`</soap:Header><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

// post sends a message; no action = no SOAPAction header.
func (s *service) post(t testing.TB, path, message string, action ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://nsp.example"+path, strings.NewReader(message))
	for _, a := range action {
		r.Header.Set("SOAPAction", a)
	}
	w := httptest.NewRecorder()
	require.Contains(t, s.paths, path)
	s.paths[path].ServeHTTP(w, r)
	return w
}

var bodyElement = regexp.MustCompile(`(?s)<soap:Body>(.*)</soap:Body>`)

// call posts a body and returns that of the good answer.
func (s *service) call(t testing.TB, path, body string, action ...string) string {
	t.Helper()
	w := s.post(t, path, envelope(s.messageID(), body), action...)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	return bodyElement.FindStringSubmatch(w.Body.String())[1]
}

var faultParts = regexp.MustCompile(`(?s)<faultstring>(.*)</faultstring>.*<medcom:FaultCode>(.*)</medcom:FaultCode>`)

// requireFault asserts that an answer is a fault with the code, and returns its text.
func requireFault(t testing.TB, w *httptest.ResponseRecorder, status int, code string) string {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body.String())
	parts := faultParts.FindStringSubmatch(w.Body.String())
	require.Len(t, parts, 3, w.Body.String())
	require.Equal(t, code, parts[2], parts[1])
	return parts[1]
}

// consume takes everything out of the message log.
func (s *service) consume(t testing.TB) {
	t.Helper()
	for n := 1; n > 0; {
		var err error
		n, err = s.consumer.Step(t.Context(), 0)
		require.NoError(t, err)
	}
}

// stored returns what is stored of the citizen, oldest first.
func (s *service) stored(t testing.TB) []minlog.Registration {
	t.Helper()
	s.consume(t)
	all, err := s.db.LogStore().ByPerson(t.Context(), "CPR:"+citizen, minlog.Query{Chronologic: true}, minlog.Cursor{}, 10000)
	require.NoError(t, err)
	return all
}

// keep stores registrations as they are.
func (s *service) keep(t testing.TB, all ...minlog.Registration) {
	t.Helper()
	_, err := s.db.LogStore().Store(t.Context(), minlog.Partition{Topic: "samples"}, 0, 1, minlog.Batch{Registrations: all})
	require.NoError(t, err)
}

func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(b)
}

var betweenTags = regexp.MustCompile(`>\s+<`)

// compact leaves out white space between elements.
func compact(xml string) string { return strings.TrimSpace(betweenTags.ReplaceAllString(xml, "><")) }

// client returns a client that posts to the service as who.
func (s *service) client(t testing.TB, path string, who identity.Caller) *minlogws.Client {
	server := httptest.NewServer(s.paths[path])
	t.Cleanup(server.Close)
	return &minlogws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		s.caller = who
		var w xmlout.Writer
		body(&w)
		c := soap.Client{URL: server.URL + path}
		return c.Call(ctx, action, []byte(envelope(s.messageID(), string(w.Bytes()))))
	}}
}
