package willws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/willkeeping"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports/portstest"
)

// Namespaces, and what is bound to their prefixes in the requests of tests.
const (
	nsL     = "http://sundhedsdatastyrelsen.dk/livstestamente/2018/05/01/"        // l
	ns2018  = "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2018/05/01/" // o
	ns2020  = "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2020/03/16/" // b
	payL    = "urn:hl7-org:ltr"                                                   // wl
	pay2018 = "urn:hl7-org:btr"                                                   // wo
	pay2020 = "urn:hl7-org:btrv2"                                                 // w
)

// The people of the cases: the citizen, another one, a child, one who emigrated, a doctor, a dentist, an administrator.
const (
	citizenC, citizenB, childA, awayE    = "0501792275", "0101010101", "0905124643", "1112660712"
	doctorD, dentistT, administratorA    = "0202020202", "0303030303", "0101010005"
	listed, adminRole, dentistsEducation = "99999901", "TestRegistrar", "5433"
)

var now = at("2026-11-21T22:05:10Z")

// service is the services on one database in memory, behind their routers; the credential of every message is that of caller.
type service struct {
	db      *memory.DB
	audit   *memory.AuditLog
	log     bytes.Buffer
	now     time.Time
	caller  identity.Caller
	ids     int
	sent    int
	down    bool // the registers of citizens do not answer
	told    portstest.RecordingAccessLog
	access  portstest.FailingAccessLog
	keeper  *willkeeping.Keeper
	paths   map[string]http.Handler
	mounted []willws.Mount
}

// profile admits every message as the service's caller, with its own id.
type profile struct {
	soap.DGWS
	service *service
}

func (p *profile) Admit(_ context.Context, env *soap.Envelope, _ *soap.Operation) (identity.Caller, error) {
	caller := p.service.caller
	caller.MessageID = env.MessageID
	return caller, nil
}

var errDown = errors.New("does not answer")

// Citizen implements ports.Citizens: one emigrated, all others live here.
func (s *service) Citizen(_ context.Context, n cpr.Number) (stamdata.Citizen, error) {
	if s.down {
		return stamdata.Citizen{}, errDown
	}
	if n.Digits() == awayE {
		return stamdata.Citizen{CPR: n, Status: "80"}, nil
	}
	return stamdata.Citizen{CPR: n, Status: "01"}, nil
}

// Of implements ports.Aliases: nobody has another number.
func (s *service) Of(_ context.Context, n cpr.Number) ([]cpr.Number, []ecpr.Number, error) {
	if s.down {
		return nil, nil, errDown
	}
	return []cpr.Number{n}, nil, nil
}

// granted: the listed organisation holds every grant.
func granted(_ context.Context, _, cvr string) (bool, error) { return cvr == listed, nil }

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{audit: &memory.AuditLog{}, now: now, caller: citizen(citizenC), paths: map[string]http.Handler{}}
	clock := func() time.Time { return s.now }
	s.db = memory.New(clock)
	s.access.Access = &s.told
	s.keeper = &willkeeping.Keeper{
		Store: s.db.Wills(), Citizens: s, Aliases: s, Access: &s.access, Trail: admitting.Trail{}, Granted: granted, Now: clock,
		NewID: func() string { s.ids++; return fmt.Sprintf("5b1f6f0e-6a2d-4c8e-9f6b-%012d", s.ids) },
		Rules: will.Rules{
			MinAge: 18, Active: []string{"01", "03", "05", "07"}, Closed: calendar.Local(2019, time.January, 1, 0, 0, 0, 0), AdminUpdate: true,
		},
		AdminRoles: []string{adminRole}, DentistEducations: []string{dentistsEducation}, LogEmptyReads: true, Topics: willkeeping.DefaultTopics(),
	}
	logger := slog.New(slog.NewTextHandler(&s.log, nil))
	gate := &admitting.Gate{
		Audit: s.audit, Units: s.db.Units(), Replies: s.db.Replies(), Seen: s.db.Seen(), Now: clock, Log: logger, Grants: granted,
	}
	s.mounted = willws.Services(s.keeper, &profile{DGWS: soap.DGWS{Now: clock, NewID: func() string { return "an-id" }}, service: s})
	for _, m := range s.mounted {
		s.paths[m.Path] = soap.NewRouter(m.Service, soap.Deps{Gate: gate, Now: clock, NewID: func() string { return "an-id" }, Log: logger})
	}
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

// citizen is one with a token of her own.
func citizen(who string) identity.Caller {
	return identity.Caller{Kind: identity.Citizen, CPR: number(who), Credential: identity.Credential{Scheme: identity.IDWS, Signer: [32]byte{1}}}
}

// professional is one with an ID card of level 4.
func professional(who, education string) identity.Caller {
	return identity.Caller{
		Kind: identity.Professional, CPR: number(who), AuthorisationCode: "TST01", EducationCode: education, SystemName: "journal",
		Org: identity.Organisation{CVR: "99999902", Name: "Testklinik"}, Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
}

func administrator() identity.Caller {
	a := professional(administratorA, "")
	a.AuthorisationCode, a.NationalRole = "", adminRole
	return a
}

// system is one without user.
func system(cvr string) identity.Caller {
	return identity.Caller{
		Kind: identity.System, Org: identity.Organisation{CVR: cvr, Name: "Testkort"}, SystemName: "card",
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
	}
}

// as returns the service for another caller; it is the same one.
func (s *service) as(caller identity.Caller) *service {
	s.caller = caller
	return s
}

// envelope puts a body into a message.
func envelope(messageID, body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"` +
		` xmlns:l="` + nsL + `" xmlns:o="` + ns2018 + `" xmlns:b="` + ns2020 + `" xmlns:wl="` + payL + `" xmlns:wo="` + pay2018 + `" xmlns:w="` + pay2020 +
		`" xmlns:h="urn:hl7-org:v3" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header>` +
		`<medcom:Header><medcom:Linking><medcom:MessageID>` + messageID + `</medcom:MessageID></medcom:Linking></medcom:Header>` +
		`</soap:Header><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

// pathOf is where the operation of a body is served.
func pathOf(body string) string {
	if strings.HasPrefix(body, "<l:") {
		return willws.PathLTR
	}
	return willws.PathBTR
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

// send posts a body, in a message of its own.
func (s *service) send(t testing.TB, body string, action ...string) *httptest.ResponseRecorder {
	t.Helper()
	return s.sendTo(t, pathOf(body), body, action...)
}

func (s *service) sendTo(t testing.TB, path, body string, action ...string) *httptest.ResponseRecorder {
	t.Helper()
	s.sent++
	return s.post(t, path, envelope("m-"+strconv.Itoa(s.sent), body), action...)
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

// faultOf is a fault as the contract writes it.
func faultOf(code, text string) string {
	return `<soap:Fault><faultcode>soap:Server</faultcode><faultstring>` + text + `</faultstring><detail><medcom:FaultCode>` + code +
		`</medcom:FaultCode></detail></soap:Fault>`
}

// refused asserts that an answer is a fault with a code and a text, octet by octet.
func refused(t testing.TB, w *httptest.ResponseRecorder, code, text string) {
	t.Helper()
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Contains(t, w.Body.String(), `xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"`)
	got := bodyElement.FindStringSubmatch(w.Body.String())
	require.Len(t, got, 2, w.Body.String())
	assert.Equal(t, faultOf(code, text), got[1])
}

// unread asserts that an answer says where a request is not as the contract has it.
func unread(t testing.TB, w *httptest.ResponseRecorder, where string) {
	t.Helper()
	refused(t, w, "syntax_error", "request not understood: "+where)
}

// history is all that is kept of a citizen's wills.
func (s *service) history(t testing.TB, who string) will.History {
	t.Helper()
	h, err := s.db.Wills().History(t.Context(), []cpr.Number{number(who)})
	require.NoError(t, err)
	return h
}

// given keeps a will that the citizen made before.
func (s *service) given(t testing.TB, reg will.Register, wishes will.Wishes) {
	t.Helper()
	who := []cpr.Number{number(citizenC)}
	err := s.db.Wills().Update(t.Context(), who, func(h will.History) (c will.Change, n []notice.Notice, err error) {
		c, err = h.Create(will.Registration{ID: s.keeper.NewID(), Citizen: who[0], Register: reg, Wishes: wishes}, at("2018-03-01T11:00:00Z"))
		return c, nil, err
	})
	require.NoError(t, err)
}

// id is the element that names somebody.
func id(extension string) string {
	return `<id root="1.2.208.176.1.2" extension="` + extension + `" assigningAuthorityName="CPR"/>`
}

// The wills of the samples.
const (
	wishes2020 = `<w:noLifeProlongingIfDying>true</w:noLifeProlongingIfDying>` +
		`<w:noLifeProlongingIfSeverelyDegraded acceptanceNeeded="relativeAcceptanceRequired">true</w:noLifeProlongingIfSeverelyDegraded>` +
		`<w:noLifeProlongingIfSeverePain>false</w:noLifeProlongingIfSeverePain>` +
		`<w:noForcedTreatmentIfIncapable acceptanceNeeded="guardianAcceptanceRequired">true</w:noForcedTreatmentIfIncapable>`
	wishesL = `<wl:noLifeProlongingIfDying>true</wl:noLifeProlongingIfDying>` +
		`<wl:noLifeProlongingIfSeverelyDegraded>false</wl:noLifeProlongingIfSeverelyDegraded>`
)

var (
	wishes2018 = strings.ReplaceAll(wishes2020, "w:", "wo:")

	sampleWishes = will.Wishes{
		IfDying: will.Wish{Declined: true}, IfSeverelyDegraded: will.Wish{Declined: true, Needs: will.Relative},
		NoForcedTreatment: will.Wish{Declined: true, Needs: will.Guardian},
	}
	livingWishes = will.Wishes{IfDying: will.Wish{Declined: true}}
)

// request is a body: an operation with the prefix of its edition, and what is in it.
func request(operation, content string) string {
	return "<" + operation + "Request>" + content + "</" + operation + "Request>"
}

// on is a request that holds nothing but the citizen.
func on(operation string) string { return request(operation, id(citizenC)) }

// create2020 is a request that holds the citizen and a will.
func create2020(wishes string) string {
	return request("b:CreateTreatmentWill", id(citizenC)+"<treatmentWillV2>"+wishes+"</treatmentWillV2>")
}

func upgrade2020(wishes string) string {
	return request("b:UpgradeToTreatmentWill", id(citizenC)+"<treatmentWillV2>"+wishes+"</treatmentWillV2>")
}

func update2020(wishes string) string {
	return request("b:UpdateTreatmentWill", id(citizenC)+"<treatmentWill>"+wishes+"</treatmentWill>")
}

func create2018(wishes string) string {
	return request("o:CreateTreatmentWill", id(citizenC)+"<treatmentWill>"+wishes+"</treatmentWill>")
}

func update2018(wishes string) string {
	return request("o:UpdateTreatmentWill", id(citizenC)+"<treatmentWill>"+wishes+"</treatmentWill>")
}

func createL(wishes string) string {
	return request("l:CreateLivingWill", id(citizenC)+"<livingWill>"+wishes+"</livingWill>")
}

func updateL(wishes string) string {
	return request("l:UpdateLivingWill", id(citizenC)+"<livingWill>"+wishes+"</livingWill>")
}
