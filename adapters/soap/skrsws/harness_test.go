package skrsws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/skrsws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

const (
	cvr   = "33257872"
	space = "http://nsi.dk/2011/10/21/StamdataKrs/"
)

var (
	now   = time.Date(2026, time.March, 2, 10, 0, 5, 0, time.UTC)
	begun = time.Date(2026, time.March, 2, 9, 15, 0, 123_000_000, time.UTC)
)

var errBoom = errors.New("boom")

// service is the copies of one database in memory, behind the router; the credential of every message is that of caller.
type service struct {
	db      *memory.DB
	audit   *memory.AuditLog
	log     bytes.Buffer
	caller  identity.Caller
	grants  map[string]bool // of cvr
	failing bool            // the store does not answer
	router  http.Handler
	copies  *replicating.Replicator
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

// register fails on demand.
type register struct {
	ports.CopyRegister
	service *service
}

func (r register) Page(ctx context.Context, v stamdata.View, after stamdata.Offset, limit int) ([]stamdata.CopyRow, error) {
	if r.service.failing {
		return nil, errBoom
	}
	return r.CopyRegister.Page(ctx, v, after, limit)
}

func newService(t testing.TB) *service {
	t.Helper()
	clock := func() time.Time { return now }
	s := &service{db: memory.New(clock), audit: &memory.AuditLog{}, grants: map[string]bool{}, caller: identity.Caller{
		Kind: identity.System, Org: identity.Organisation{CVR: cvr}, Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}}
	for _, v := range stamdata.Views() {
		s.grants[v.Grant()] = true
	}
	s.copies = &replicating.Replicator{
		Register: register{s.db.CopyRegister(), s}, Trail: admitting.Trail{}, Now: clock, Validity: true,
		Granted: func(_ context.Context, name, of string) (bool, error) { return of == cvr && s.grants[name], nil },
	}
	logger := slog.New(slog.NewTextHandler(&s.log, nil))
	id := func() string { return "an-id" }
	gate := &admitting.Gate{Audit: s.audit, Units: s.db.Units(), Now: clock, Log: logger}
	s.router = soap.NewRouter(skrsws.Service(s.copies, &profile{DGWS: soap.DGWS{Now: clock, NewID: id}, service: s}),
		soap.Deps{Gate: gate, Now: clock, NewID: id, Log: logger})
	return s
}

// add appends rows at a time.
func (s *service) add(t testing.TB, at time.Time, rows ...stamdata.CopyRow) {
	t.Helper()
	_, err := s.db.CopyRegister().Append(t.Context(), rows, at)
	require.NoError(t, err)
}

// born returns the row of a birth date.
func born(pid, date string, valid validity.Period) stamdata.CopyRow {
	return replicating.RowsOf([]ecpr.Change{{Person: "0d9c6f1e-7a40-4f57-9a0e-6f3b5a3f0001", Version: &ecpr.Version{
		PID: ecpr.PID(pid), Element: ecpr.BirthDate(date), Valid: valid,
	}}}, nil)[0]
}

// births appends n birth dates, one in each second.
func (s *service) births(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		s.add(t, now.Add(time.Duration(i-n)*time.Second), born(fmt.Sprint("b", i), "1978", validity.Period{From: begun}))
	}
}

func envelope(body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"><soap:Header>` +
		`<medcom:Header><medcom:Linking><medcom:MessageID>m-1</medcom:MessageID></medcom:Linking></medcom:Header>` +
		`</soap:Header><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

// ask is a request with the children it is given.
func ask(children string) string {
	return `<k:ReplicationRequest xmlns:k="` + space + `">` + children + `</k:ReplicationRequest>`
}

// askFor is a request for a view of the registrations.
func askFor(datatype, offset, more string) string {
	return ask("<register>ecpr2registeret</register><datatype>" + datatype + "</datatype><version>1</version><offset>" + offset + "</offset>" + more)
}

func (s *service) post(t testing.TB, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://nsp.example"+skrsws.Path, strings.NewReader(envelope(body)))
	r.Header.Set("SOAPAction", `"`+skrsws.Action+`"`)
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	return w
}

var bodyElement = regexp.MustCompile(`(?s)<soap:Body>(.*)</soap:Body>`)

// call posts a body and returns that of the good answer.
func (s *service) call(t testing.TB, body string) string {
	t.Helper()
	w := s.post(t, body)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	return bodyElement.FindStringSubmatch(w.Body.String())[1]
}

var faultElement = regexp.MustCompile(`(?s)<soap:Fault>.*</soap:Fault>`)

// refused posts a body and returns the fault.
func (s *service) refused(t testing.TB, body string) string {
	t.Helper()
	w := s.post(t, body)
	require.Equal(t, http.StatusInternalServerError, w.Code, w.Body.String())
	return faultElement.FindString(w.Body.String())
}

var betweenTags = regexp.MustCompile(`>\s+<`)

// golden is a file of testdata without white space between elements.
func golden(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return strings.TrimSpace(betweenTags.ReplaceAllString(string(b), "><"))
}

// client returns a client that posts to the service.
func (s *service) client(t testing.TB) *skrsws.Client {
	server := httptest.NewServer(s.router)
	t.Cleanup(server.Close)
	return &skrsws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		c := soap.Client{URL: server.URL + skrsws.Path}
		return c.Call(ctx, action, []byte(envelope(string(w.Bytes()))))
	}}
}
