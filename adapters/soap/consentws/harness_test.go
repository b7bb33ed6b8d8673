package consentws_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/org"
)

// Namespaces, and what is bound to their prefixes in the requests of tests.
const (
	nsNew = "http://sundhedsdatastyrelsen.dk/minspaerring/2020/11/04"
	nsOld = "urn:dk:nsi:consentservices:consentadministration"
	nsV   = "urn:dk:nsi:consentservices:consentverification"
	nsT   = "urn:dk:nsi:consentservices:types"
)

// The people of the cases, and the organisations, each within the one before.
const (
	citizenC, citizenB, doctorD, helperH = "0101010101", "0404040404", "0202020202", "0303030303"
	staffS                               = "0101010005"

	region, hospital, ward = "999001000016002", "999002000016000", "999003000016001"
	otherRegion            = "999010000016008"

	listed = "99999901" // holds the grants of consent
)

var now = at("2026-03-02T10:00:00Z")

// service is the services on one database in memory, behind their routers; the credential of every message is that of caller, and its HSUID
// header is read.
type service struct {
	db      *memory.DB
	audit   *memory.AuditLog
	log     bytes.Buffer
	now     time.Time
	caller  identity.Caller
	drawn   []consent.ID // of the next registrations; then 100000000000001 …
	draws   consent.ID
	ids     int
	sent    int
	tree    *org.Tree
	admin   *consenting.Administration
	paths   map[string]http.Handler
	mounted []consentws.Mount
}

// profile admits every message as the service's caller, with its own id and HSUID header.
type profile struct {
	soap.DGWS
	service *service
}

func (p *profile) Admit(_ context.Context, env *soap.Envelope, _ *soap.Operation) (caller identity.Caller, err error) {
	caller = p.service.caller
	caller.MessageID = env.MessageID
	caller.HSUID, err = hsuid.Read(env.Tree, env.Header)
	return caller, err
}

// Current implements ports.OrgTrees.
func (s *service) Current() *org.Tree { return s.tree }

// granted: the listed organisation holds every grant.
func granted(_ context.Context, _, cvr string) (bool, error) { return cvr == listed, nil }

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{audit: &memory.AuditLog{}, now: now, caller: portal(), draws: consent.MinID, paths: map[string]http.Handler{}}
	clock := func() time.Time { return s.now }
	id := func() string { s.ids++; return fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012d", s.ids) }
	s.db = memory.New(clock)
	var err error
	s.tree, _, err = org.NewTree([]org.Unit{{SOR: region}, {SOR: hospital, Parent: region}, {SOR: ward, Parent: hospital, SHAK: "9990A1"}, {SOR: otherRegion}})
	require.NoError(t, err)
	s.admin = &consenting.Administration{
		Store: s.db.Consents(false), Overrides: s.db.Overrides(false), Outbox: s.db.Outbox(), Trees: s, Trail: admitting.Trail{}, Granted: granted,
		Now: clock, NewID: id, DrawID: s.draw, Roles: []string{"SpaerAdminR8"}, MaxEntries: 100, MaxActive: 1000, PositiveYears: 10,
	}
	s.mount(t, consentws.Administration(s.admin, &profile{DGWS: soap.DGWS{Now: clock, NewID: func() string { return "an-id" }}, service: s}))
	return s
}

// mount puts services behind routers.
func (s *service) mount(t testing.TB, mounts []consentws.Mount) {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(&s.log, nil))
	clock := func() time.Time { return s.now }
	gate := &admitting.Gate{
		Audit: s.audit, Units: s.db.Units(), Replies: s.db.Replies(), Seen: s.db.Seen(), Now: clock, Log: logger,
		Grants: func(_ context.Context, _, cvr string) (bool, error) { return cvr == listed, nil },
	}
	for _, m := range mounts {
		s.paths[m.Path] = soap.NewRouter(m.Service, soap.Deps{Gate: gate, Now: clock, NewID: func() string { return "an-id" }, Log: logger})
	}
	s.mounted = append(s.mounted, mounts...)
}

func (s *service) draw() (id consent.ID, err error) {
	if len(s.drawn) > 0 {
		id, s.drawn = s.drawn[0], s.drawn[1:]
		return id, nil
	}
	s.draws++
	return s.draws, nil
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

// portal is a system whose word about its users counts.
func portal() identity.Caller {
	return identity.Caller{
		Kind: identity.System, Org: identity.Organisation{CVR: listed}, SystemName: "card's system",
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}
}

// card is a professional with an ID card of level 4.
func card(who string) identity.Caller {
	return identity.Caller{
		Kind: identity.Professional, CPR: number(who), Org: identity.Organisation{CVR: "99999902"}, SystemName: "card's system",
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
}

// citizenHeader is the HSUID header of the portal of a citizen.
func citizenHeader(who string) string { return header("nsi:Citizen", who) }

// header is an HSUID header.
func header(userType, acting string, more ...string) string {
	attribute := func(name, value string) string {
		return `<h:Attribute Name="nsi:` + name + `"><h:AttributeValue>` + value + `</h:AttributeValue></h:Attribute>`
	}
	h := `<h:HsuidHeader xmlns:h="` + hsuid.Namespace + `"><h:Assertion IssueInstant="2026-03-02T10:00:00Z" Version="2.0" id="HSUID"><h:Issuer>OpenNSP-test</h:Issuer>` +
		`<h:AttributeStatement id="HSUIDdata">`
	if userType != "" {
		h += attribute("UserType", userType)
	}
	if acting != "" {
		h += attribute("ActingUserCivilRegistrationNumber", acting)
	}
	for i := 0; i+1 < len(more); i += 2 {
		h += attribute(more[i], more[i+1])
	}
	return h + attribute("SystemName", "TestPortal") + `</h:AttributeStatement></h:Assertion></h:HsuidHeader>`
}

// envelope puts headers and a body into a message; the prefixes m, o, v and t are bound.
func envelope(messageID, headers, body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"` +
		` xmlns:m="` + nsNew + `" xmlns:o="` + nsOld + `" xmlns:v="` + nsV + `" xmlns:t="` + nsT + `"><soap:Header>` +
		`<medcom:Header><medcom:Linking><medcom:MessageID>` + messageID + `</medcom:MessageID></medcom:Linking></medcom:Header>` + headers +
		`</soap:Header><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

// pathOf is where the operation of a body is served.
func pathOf(body string) string {
	switch {
	case strings.HasPrefix(body, "<o:") || strings.Contains(body, nsOld):
		return consentws.PathAdministrationV1
	case strings.HasPrefix(body, "<v:") || strings.Contains(body, nsV):
		return consentws.PathVerification
	}
	return consentws.PathAdministration
}

// post sends a message; no action = no SOAPAction header.
func (s *service) post(t testing.TB, path, message string, action ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://nsp.example"+path, strings.NewReader(message))
	for _, a := range action {
		r.Header.Set("SOAPAction", a)
	}
	w := httptest.NewRecorder()
	s.paths[path].ServeHTTP(w, r)
	return w
}

// send posts a body, in a message of its own, for the citizen C with her portal.
func (s *service) send(t testing.TB, body string, action ...string) *httptest.ResponseRecorder {
	t.Helper()
	return s.sendAs(t, citizenHeader(citizenC), body, action...)
}

func (s *service) sendAs(t testing.TB, headers, body string, action ...string) *httptest.ResponseRecorder {
	t.Helper()
	s.sent++
	return s.post(t, pathOf(body), envelope("m-"+strconv.Itoa(s.sent), headers, body), action...)
}

var bodyElement = regexp.MustCompile(`(?s)<soap:Body>(.*)</soap:Body>`)

// call posts a body and returns that of the good answer.
func (s *service) call(t testing.TB, body string, action ...string) string {
	t.Helper()
	return s.good(t, s.send(t, body, action...))
}

// good returns the body of a good answer.
func (s *service) good(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, "%s\n%s", w.Body, s.log.String())
	return bodyElement.FindStringSubmatch(w.Body.String())[1]
}

var faultElement = regexp.MustCompile(
	`<soap:Body><soap:Fault><faultcode>soap:Server</faultcode><faultstring>(.*)</faultstring><detail><medcom:FaultCode>(\w+)</medcom:FaultCode></detail></soap:Fault></soap:Body>`)

// refused asserts that an answer is a fault with a code and a text.
func refused(t testing.TB, w *httptest.ResponseRecorder, code, text string) {
	t.Helper()
	require.Equal(t, http.StatusInternalServerError, w.Code, w.Body.String())
	parts := faultElement.FindStringSubmatch(w.Body.String())
	require.Len(t, parts, 3, w.Body.String())
	assert.Equal(t, [2]string{code, text}, [2]string{parts[2], parts[1]})
	assert.NotRegexp(t, `\d{10}`, parts[1], "a text names nobody")
}

// code is the code of a fault.
func code(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	parts := faultElement.FindStringSubmatch(w.Body.String())
	require.Len(t, parts, 3, w.Body.String())
	return parts[2]
}

// kept is the latest versions of a citizen's registrations.
func (s *service) kept(t testing.TB, citizen string) []consent.Registration {
	t.Helper()
	all, err := s.db.Consents(false).All(t.Context(), number(citizen))
	require.NoError(t, err)
	return all
}

// told is how many registrations and looks MinLog is to be told of.
func (s *service) told(t testing.TB) int {
	t.Helper()
	due, err := s.db.Outbox().Next(t.Context(), notice.MinLog, s.now.Add(time.Hour), 1000)
	require.NoError(t, err)
	return len(due)
}

var updateGolden = flag.Bool("update", false, "write the golden files anew")

var betweenTags = regexp.MustCompile(`>\s+<`)

// compact leaves out white space between elements.
func compact(xml string) string { return strings.TrimSpace(betweenTags.ReplaceAllString(xml, "><")) }

func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return compact(string(b))
}

// golden compares an answer with the file of the name.
func golden(t testing.TB, name, answer string) {
	t.Helper()
	if *updateGolden {
		require.NoError(t, os.WriteFile(filepath.Join("testdata", name), []byte(strings.ReplaceAll(answer, "><t:", ">\n<t:")+"\n"), 0o600))
	}
	require.Equal(t, sample(t, name), answer)
}
