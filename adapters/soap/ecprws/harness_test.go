package ecprws_test

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
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports/portstest"
)

const (
	space    = ecprws.DefaultNamespace
	passport = ecpr.PassportOID

	// Persons of the synthetic registers.
	adult, doctor, secretary, annulled, absent = "1403800099", "2207820468", "1909851138", "0803611471", "0909729999"
)

// service is the eCPR on one database in memory, behind the router; the credential of every message is that of caller.
type service struct {
	db       *memory.DB
	audit    *memory.AuditLog
	log      bytes.Buffer
	now      time.Time
	drawn    []int // of the next numbers; then 0, 1 …
	ids      int
	sent     int
	caller   identity.Caller
	grants   []string
	ledger   *portstest.FailingNumberLedger
	registry *issuing.Registry
	service  soap.Service
	router   http.Handler
}

// profile admits every message as the service's caller, with the id that it gives itself.
type profile struct {
	soap.DGWS
	service *service
}

func (p *profile) Admit(_ context.Context, env *soap.Envelope, _ *soap.Operation) (identity.Caller, error) {
	caller := p.service.caller
	caller.MessageID = env.MessageID
	return caller, nil
}

// register is a CPR register, and one of authorisations.
type register map[string]stamdata.Citizen

func (r register) Citizen(_ context.Context, n cpr.Number) (stamdata.Citizen, error) {
	if c, ok := r[n.Digits()]; ok {
		c.CPR = n
		return c, nil
	}
	return stamdata.Citizen{}, stamdata.ErrUnknown
}

func (r register) ByNumber(_ context.Context, number string, _ time.Time) (stamdata.Authorisation, error) {
	if number == "0TST1" {
		return stamdata.Authorisation{Number: number, CPR: number10(doctor)}, nil
	}
	return stamdata.Authorisation{}, stamdata.ErrUnknown
}

func (r register) ByPerson(context.Context, cpr.Number, time.Time) ([]stamdata.Authorisation, error) {
	return nil, nil
}

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{
		audit: &memory.AuditLog{}, now: at("2026-03-02T09:15:00.123Z"), caller: user(doctor), grants: []string{"ecpr.read", "ecpr.write"},
	}
	clock := func() time.Time { return s.now }
	id := func() string { s.ids++; return fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012d", s.ids) }
	s.db = memory.New(clock)
	require.NoError(t, issuing.LayIn(t.Context(), s.db.OIDs(), id))
	for _, who := range []string{doctor} {
		_, err := s.db.ECPRRoles().Assign(t.Context(), ecpr.Assignment{CVR: s.caller.Org.CVR, Person: number10(who), Role: ecpr.Coordinator})
		require.NoError(t, err)
	}
	known := register{adult: {Status: "01"}, doctor: {Status: "01"}, annulled: {Status: stamdata.StatusAnnulled}}
	logger := slog.New(slog.NewTextHandler(&s.log, nil))
	s.ledger = &portstest.FailingNumberLedger{Ledger: s.db.Ledger()}
	draws := 0
	s.registry = &issuing.Registry{
		Ledger: s.ledger, Persons: s.db.Persons(), OIDTable: s.db.OIDs(), Roles: s.db.ECPRRoles(), Citizens: known, Authorisations: known,
		Trail: admitting.Trail{}, Now: clock, NewID: id, Notify: true, Topic: space + ":PersonIdentifierModification",
		IDType: "urn:oid:" + ecpr.XECPROID, Namespace: space, Logger: logger,
		Draw: func(n int) (int, error) {
			if len(s.drawn) > 0 {
				var i int
				i, s.drawn = s.drawn[0], s.drawn[1:]
				return i, nil
			}
			draws++
			return draws % n, nil
		},
	}
	gate := &admitting.Gate{
		Audit: s.audit, Units: s.db.Units(), Replies: s.db.Replies(), Seen: s.db.Seen(), Now: clock, Log: logger,
		Grants: func(_ context.Context, name, _ string) (bool, error) { return slices.Contains(s.grants, name), nil },
	}
	s.service = ecprws.Service(s.registry, space, &profile{DGWS: soap.DGWS{Now: clock, NewID: func() string { return "an-id" }}, service: s})
	s.router = soap.NewRouter(s.service, soap.Deps{Gate: gate, Now: clock, NewID: func() string { return "an-id" }, Log: logger})
	return s
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func number10(s string) cpr.Number {
	n, err := cpr.Parse(s)
	if err != nil {
		panic("not a number")
	}
	return n
}

// user is a person with an ID card of level 4.
func user(number string) identity.Caller {
	return identity.Caller{
		Kind: identity.Professional, CPR: number10(number), Org: identity.Organisation{CVR: "99999902"},
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
}

func system() identity.Caller {
	return identity.Caller{
		Kind: identity.System, Org: identity.Organisation{CVR: "99999902"}, SystemName: "EPJ",
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}
}

func citizen() identity.Caller {
	c := user(adult)
	c.Kind, c.Org = identity.Citizen, identity.Organisation{}
	return c
}

// envelope puts a body into a message.
func envelope(messageID, body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"><soap:Header>` +
		`<medcom:Header><medcom:Linking><medcom:MessageID>` + messageID + `</medcom:MessageID></medcom:Linking></medcom:Header>` +
		`</soap:Header><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

// post sends a message; no action = no SOAPAction header.
func (s *service) post(t testing.TB, message string, action ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://nsp.example"+ecprws.Path, strings.NewReader(message))
	for _, a := range action {
		r.Header.Set("SOAPAction", a)
	}
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	return w
}

func (s *service) send(t testing.TB, body string, action ...string) *httptest.ResponseRecorder {
	t.Helper()
	s.sent++
	return s.post(t, envelope("m-"+strconv.Itoa(s.sent), body), action...)
}

var bodyElement = regexp.MustCompile(`(?s)<soap:Body>(.*)</soap:Body>`)

// call posts a body and returns that of the good answer.
func (s *service) call(t testing.TB, body string, action ...string) string {
	t.Helper()
	w := s.send(t, body, action...)
	require.Equal(t, http.StatusOK, w.Code, "%s\n%s", w.Body, s.log.String())
	return bodyElement.FindStringSubmatch(w.Body.String())[1]
}

var faultParts = regexp.MustCompile(
	`<soap:Fault><faultcode>soap:(\w+)</faultcode><faultstring>(.*)</faultstring><detail><medcom:FaultCode>(.*)</medcom:FaultCode></detail></soap:Fault>`)

// fault posts a body and returns faultcode, text and code of the fault.
func (s *service) fault(t testing.TB, body string) [3]string {
	t.Helper()
	return faultOf(t, s.send(t, body))
}

func faultOf(t testing.TB, w *httptest.ResponseRecorder) [3]string {
	t.Helper()
	require.Equal(t, http.StatusInternalServerError, w.Code, w.Body.String())
	parts := faultParts.FindStringSubmatch(w.Body.String())
	require.Len(t, parts, 4, w.Body.String())
	return [3]string(parts[1:])
}

func client(text, code string) [3]string { return [3]string{"Client", text, code} }
func server(text, code string) [3]string { return [3]string{"Server", text, code} }

const modified = `<Modified><By><Person><Name>Sara Sekretær</Name></Person><Role>Lægesekretær</Role><Organisation><Name>Testby Sygehus</Name>` +
	`<Identifier><Identifier>900011000016001</Identifier><Source>SOR</Source></Identifier></Organisation></By></Modified>`

// request is a request for an operation with content.
func request(operation, content string) string {
	return "<" + operation + `Request xmlns="` + space + `">` + content + "</" + operation + "Request>"
}

// create is a CreatePersonRequest for a person of the elements.
func create(elements ...string) string {
	return request("CreatePerson", "<Person>"+modified+strings.Join(elements, "")+"</Person>")
}

// update is an UpdatePersonRequest of the person with the number.
func update(number string, elements ...string) string {
	return request("UpdatePerson", "<Person>"+modified+identifier(ecpr.XECPROID, number)+strings.Join(elements, "")+"</Person>")
}

func merge(survivor, loser string) string {
	return request("MergePersons", "<Person>"+modified+survivor+"</Person><Person>"+loser+"</Person>")
}

func get(oid, value string) string { return request("GetPersonById", identifier(oid, value)) }

func search(query string) string { return request("SearchPerson", "<Query>"+query+"</Query>") }

func identifier(oid, value string) string {
	return "<Identifier><OID>" + oid + "</OID><Value>" + value + "</Value></Identifier>"
}

func name(given, family string) string {
	return "<Name><FamilyName>" + family + "</FamilyName><GivenName>" + given + "</GivenName></Name>"
}

var (
	numberElement = regexp.MustCompile(`<OID>1\.2\.208\.176\.1\.6\.1\.1</OID>.*?<Value>([^<]*)</Value>`)
	pidElement    = `<%s><PID>([^<]*)</PID>`
)

// created registers a person of the elements and returns its number and the answer.
func (s *service) created(t testing.TB, elements ...string) (number, answer string) {
	t.Helper()
	answer = s.call(t, create(elements...))
	return numberElement.FindStringSubmatch(answer)[1], answer
}

// pid is the PID of the first element with the name.
func pid(t testing.TB, answer, element string) string {
	t.Helper()
	found := regexp.MustCompile(fmt.Sprintf(pidElement, element)).FindStringSubmatch(answer)
	require.NotNil(t, found, answer)
	return found[1]
}

var updateGolden = flag.Bool("update", false, "write the golden files anew")

func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return compact(string(b))
}

// golden compares an answer, its PIDs numbered, with the file of the name.
func golden(t testing.TB, name, answer string) {
	t.Helper()
	answer = numbered(answer)
	if *updateGolden {
		broken := strings.NewReplacer("><Person>", ">\n<Person>", "></Person>", ">\n</Person>", "><Identifier>", ">\n <Identifier>", "><Name>", ">\n <Name>",
			"><Gender>", ">\n <Gender>", "><BirthDate>", ">\n <BirthDate>", "><Contact>", ">\n <Contact>", "><Address>", ">\n <Address>").Replace(answer)
		require.NoError(t, os.WriteFile(filepath.Join("testdata", name), []byte(broken+"\n"), 0o600))
	}
	require.Equal(t, sample(t, name), answer)
}

var (
	betweenTags = regexp.MustCompile(`>\s+<`)
	anyPID      = regexp.MustCompile(`<PID>[^<]*</PID>`)
)

// compact leaves out white space between elements.
func compact(xml string) string { return strings.TrimSpace(betweenTags.ReplaceAllString(xml, "><")) }

// numbered has the PIDs of a document numbered from 1.
func numbered(xml string) string {
	n := 0
	return anyPID.ReplaceAllStringFunc(xml, func(string) string {
		n++
		return fmt.Sprintf("<PID>5b1f0a52-0c0e-4f0c-9d57-%012d</PID>", n)
	})
}

// client returns a client that posts to the service.
func (s *service) client(t testing.TB) *ecprws.Client {
	server := httptest.NewServer(s.router)
	t.Cleanup(server.Close)
	return &ecprws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		s.sent++
		c := soap.Client{URL: server.URL + ecprws.Path}
		return c.Call(ctx, action, []byte(envelope("m-"+strconv.Itoa(s.sent), string(w.Bytes()))))
	}}
}
