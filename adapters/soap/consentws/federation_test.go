package consentws_test

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
	"regexp"
	"slices"
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
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

const (
	anotherDoctor = "0505050505"
	wardSHAK      = "9990A1"
	cardCVR       = "99999902" // of every ID card
)

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

// federated is the verification behind the router, called with ID cards and tokens.
type federated struct {
	db        *memory.DB
	store     *portstest.FailingConsents
	overrides *portstest.FailingOverrides
	audit     *memory.AuditLog
	log       bytes.Buffer
	now       time.Time
	grants    []string // of whoever calls
	use       *consenting.Verification
	service   soap.Service            // the verification
	routers   map[string]http.Handler // by path
	sent      int
	ids       consent.ID
}

type trees struct{ tree *org.Tree }

func (t trees) Current() *org.Tree { return t.tree }

func newFederated(t testing.TB) *federated {
	t.Helper()
	s := &federated{
		audit: &memory.AuditLog{}, now: at("2026-03-02T10:00:00Z"), ids: consent.MinID,
		grants: []string{trust.HSUIDGrant, consenting.GrantVerification, consenting.GrantForeign, consenting.GrantAdmin},
	}
	clock := func() time.Time { return s.now }
	id := 0
	newID := func() string { id++; return fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012d", id) }
	s.db = memory.New(clock)
	s.store = &portstest.FailingConsents{Store: s.db.Consents(true)}
	s.overrides = &portstest.FailingOverrides{Log: s.db.Overrides(true)}
	tree, _, err := org.NewTree([]org.Unit{
		{SOR: region}, {SOR: hospital, Parent: region}, {SOR: ward, Parent: hospital, SHAK: wardSHAK}, {SOR: otherRegion},
	})
	require.NoError(t, err)
	granted := func(_ context.Context, name, cvr string) (bool, error) {
		return cvr == cardCVR && slices.Contains(s.grants, name), nil
	}
	s.use = &consenting.Verification{
		Store: s.store, Overrides: s.overrides, Outbox: s.db.Outbox(), Trees: trees{tree}, Trail: admitting.Trail{},
		Granted: granted, Now: clock, NewID: newID,
	}
	logger := slog.New(slog.NewTextHandler(&s.log, nil))
	trusted := dgwstest.Trust(keys().cards.Anchor, keys().sts.Anchor())
	schemes := &auth.Schemes{DGWS: &dgws.Verifier{Trust: trusted, Now: clock}, IDWS: &idws.Verifier{Trust: trusted, Now: clock}}
	gate := &admitting.Gate{
		Audit: s.audit, Units: s.db.Units(), Replies: s.db.Replies(), Seen: s.db.Seen(), Grants: granted, Now: clock, Log: logger,
	}
	profile := &soap.NSP{
		DGWS: &soap.DGWS{Schemes: schemes, Now: clock, NewID: newID},
		IDWS: &soap.IDWS{Schemes: schemes, Signer: keys().sts.Signer(), Now: clock, NewID: newID, Log: logger},
	}
	administration := &consenting.Administration{
		Store: s.store, Overrides: s.overrides, Outbox: s.db.Outbox(), Trees: trees{tree}, Trail: admitting.Trail{}, Granted: granted, Now: clock,
		NewID: newID, DrawID: func() (consent.ID, error) { s.ids++; return s.ids, nil }, MaxEntries: 100, MaxActive: 1000, PositiveYears: 10,
	}
	s.routers = map[string]http.Handler{}
	mounts := consentws.Verification(s.use, profile)
	s.service = mounts[0].Service
	for _, m := range append(mounts, consentws.Administration(administration, profile)...) {
		for i := range m.Service.Operations {
			m.Service.Operations[i].Policy.Audiences = []string{idwstest.Audience}
		}
		s.routers[m.Path] = soap.NewRouter(m.Service, soap.Deps{Gate: gate, Now: clock, NewID: newID, Log: logger})
	}
	return s
}

// register stores what the citizen said, in force since yesterday and for ever.
func (s *federated) register(t testing.TB, all ...consent.Registration) {
	t.Helper()
	var change consent.Change
	for _, r := range all {
		s.ids++
		r.ID, r.Version, r.Active = s.ids, 1, true
		r.Citizen = number(citizenC)
		r.Created = consent.Stamp{At: s.now, System: "TestPortal", User: citizenC}
		if r.Valid.From.IsZero() {
			r.Valid.From = s.now.Add(-24 * time.Hour)
		}
		if r.Kind == consent.Positive {
			r.Valid.To = s.now.Add(24 * time.Hour)
		}
		change.Put = append(change.Put, r)
	}
	require.NoError(t, s.db.Consents(true).Update(t.Context(), number(citizenC), func([]consent.Registration) (consent.Change, error) { return change, nil }))
}

// What citizens say.
func block(who consent.Who, what consent.What) consent.Registration {
	return consent.Registration{Kind: consent.Constraint, Who: who, What: what}
}

func positive(who consent.Who) consent.Registration {
	return consent.Registration{Kind: consent.Positive, Who: who}
}

func person(n string) consent.Who { return consent.Who{Person: number(n)} }
func of(sor string, subs bool) consent.Who {
	return consent.Who{Org: consent.Organisation{SOR: sor, SubUnits: subs}}
}
func from(sor string) consent.What {
	return consent.What{Origin: consent.Organisation{SOR: sor, SubUnits: true}}
}

var (
	everyone  consent.Who
	foreign   = consent.Who{Foreign: true}
	allData   consent.What
	data2024  = consent.What{Data: validity.Period{From: at("2024-01-01T00:00:00Z"), To: at("2025-01-01T00:00:00Z")}}
	denied    = "Denied"
	allowed   = "Allowed"
	negative  = "Negative"
	specific  = "DataSpecific"
	unlimited = "Positive"
)

// message is one to be sent.
type message struct {
	system bool                              // the card is a system's, else the doctor's
	card   func(dgwstest.Card) dgwstest.Card // nil = as it is
	token  *idwstest.Token                   // instead of a card
	header string                            // HSUID header, as it is
	body   string                            // the one child of soap:Body
	action string                            // SOAPAction
	id     string                            // "" = a new one
}

func (s *federated) envelope(m message) []byte {
	s.sent++
	issued := s.now.Add(-5 * time.Minute)
	body := func(w *xmlout.Writer) { w.Raw([]byte(m.body)) }
	if m.token != nil {
		out := idwstest.Good(*m.token, keys().sts, keys().holder, s.now, body)
		out.Action, out.MessageID = m.action, fmt.Sprintf("urn:uuid:11111111-2222-4333-8444-%012d", s.sent)
		out.HSUID = inside.ReplaceAllString(m.header, "")
		if out.Action == "" {
			out.Action = "urn:any"
		}
		return out.Bytes()
	}
	card := dgwstest.UserCard(issued).With("medcom:UserCivilRegistrationNumber", doctorD)
	if m.system {
		card = dgwstest.SystemCard(issued)
	}
	if m.card != nil {
		card = m.card(card)
	}
	if m.id == "" {
		m.id = fmt.Sprintf("m-%d", s.sent)
	}
	return dgws.Request{
		Created: s.now, Card: keys().cards.Sign(card), SecurityLevel: card.Level(), FlowID: "f-1", MessageID: m.id,
		Headers: func(w *xmlout.Writer) { w.Raw([]byte(m.header)) }, Body: body,
	}.Bytes()
}

var inside = regexp.MustCompile(`^<h:HsuidHeader[^>]*>|</h:HsuidHeader>$`)

func (s *federated) send(t testing.TB, m message) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://nsp.example"+consentws.PathVerification, bytes.NewReader(s.envelope(m)))
	if m.action != "" {
		r.Header.Set("SOAPAction", m.action)
	}
	return s.serve(r)
}

func (s *federated) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.routers[r.URL.Path].ServeHTTP(w, r)
	return w
}

// RoundTrip implements http.RoundTripper: requests are served at once.
func (s *federated) RoundTrip(r *http.Request) (*http.Response, error) {
	return s.serve(r).Result(), nil
}

// client calls the service at a path, with the credential and header of m.
func (s *federated) client(path string, m message) *consentws.Client {
	c := &soap.Client{URL: "http://nsp.example" + path, HTTP: &http.Client{Transport: s}}
	return &consentws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		m.body, m.action = string(w.Bytes()), action
		return c.Call(ctx, action, s.envelope(m))
	}}
}

var (
	anyBody    = regexp.MustCompile(`(?s)<soap:Body[^>]*>(.*)</soap:Body>`)
	anyVerdict = regexp.MustCompile(`<t:(?:consentCheckResult|access)>([^<]*)</t:(?:consentCheckResult|access)>`)
	anyFault   = regexp.MustCompile(`<faultstring>(.*)</faultstring><detail><medcom:FaultCode>(.*)</medcom:FaultCode></detail>`)
)

// call returns the Body of the good answer.
func (s *federated) call(t testing.TB, m message) string {
	t.Helper()
	w := s.send(t, m)
	require.Equal(t, http.StatusOK, w.Code, "%s\n%s", w.Body, s.log.String())
	return anyBody.FindStringSubmatch(w.Body.String())[1]
}

// verdicts are what the answer says: of the check, or of each item.
func (s *federated) verdicts(t testing.TB, m message) (all []string) {
	t.Helper()
	for _, found := range anyVerdict.FindAllStringSubmatch(s.call(t, m), -1) {
		all = append(all, found[1])
	}
	return all
}

// refused returns the text and the code of the fault.
func (s *federated) fault(t testing.TB, m message) (text, code string) {
	t.Helper()
	w := s.send(t, m)
	require.Equal(t, http.StatusInternalServerError, w.Code, w.Body.String())
	parts := anyFault.FindStringSubmatch(w.Body.String())
	require.NotNil(t, parts, w.Body.String())
	require.NotContains(t, w.Body.String(), "consentCheckResult")
	for _, n := range []string{citizenC, citizenB, doctorD, helperH} {
		require.NotContains(t, parts[1], n)
	}
	return parts[1], parts[2]
}

const hsuidNS = "http://www.nsi.dk/hsuid/2016/08/hsuid-1.1.xsd"

// userHeader is an HSUID header with the attributes, names and values in turn; a name may hold more attributes after it.
func userHeader(attributes ...string) string {
	var b strings.Builder
	b.WriteString(`<h:HsuidHeader xmlns:h="` + hsuidNS + `"><h:Assertion xmlns:h="` + hsuidNS + `" IssueInstant="2026-03-02T10:00:00Z" Version="2.0" id="HSUID">` +
		`<h:Issuer>OpenNSP-test</h:Issuer><h:AttributeStatement id="HSUIDdata">`)
	for i := 0; i < len(attributes); i += 2 {
		b.WriteString(`<h:Attribute Name="` + attributes[i] + `"><h:AttributeValue>` + attributes[i+1] + `</h:AttributeValue></h:Attribute>`)
	}
	return b.String() + `</h:AttributeStatement></h:Assertion></h:HsuidHeader>`
}

// acting is the header of a professional, with more attributes.
func acting(n string, more ...string) string {
	return userHeader(append([]string{
		"nsi:UserType", "nsi:HealthcareProfessional", "nsi:ActingUserCivilRegistrationNumber", n, "nsi:SystemName", "TestViewer",
	}, more...)...)
}

const (
	spaces  = ` xmlns:v="urn:dk:nsi:consentservices:consentverification" xmlns:t="urn:dk:nsi:consentservices:types"`
	someone = "<t:foreignHealthProfessional><t:countryCode>SE</t:countryCode><t:identifier>SE-TEST-1</t:identifier></t:foreignHealthProfessional>"
)

// professional is who asks; responsible may be "", place is a SOR code or an element's attribute and content.
func professional(n, responsible, place string) string {
	if responsible != "" {
		responsible = "<t:responsibleHealthProfessionalCPR>" + responsible + "</t:responsibleHealthProfessionalCPR>"
	}
	if !strings.Contains(place, ">") {
		place = ">" + place
	}
	return "<t:healthProfessional><t:healthProfessionalCPR>" + n + "</t:healthProfessionalCPR>" + responsible +
		"<t:organization" + place + "</t:organization></t:healthProfessional>"
}

func wrapped(operation, content string) string {
	return "<v:" + operation + spaces + "><t:citizenCPR>" + citizenC + "</t:citizenCPR>" + content + "</v:" + operation + ">"
}

func userCheck(who string) string { return wrapped("ConsentForUserCheck", who) }
func foreignersCheck() string     { return wrapped("ConsentForForeignersCheck", someone) }
func dataCheck(who string, items ...string) string {
	return wrapped("ConsentForDataCheck", who+strings.Join(items, ""))
}

func item(id, content string) string {
	return "<t:dataItem><t:itemId>" + id + "</t:itemId>" + content + "</t:dataItem>"
}

func origin(place string) string {
	if !strings.Contains(place, ">") {
		place = ">" + place
	}
	return "<t:originatingOrganization" + place + "</t:originatingOrganization>"
}

func period(from, to string) string {
	return "<t:dataPeriodFrom>" + from + "</t:dataPeriodFrom><t:dataPeriodTo>" + to + "</t:dataPeriodTo>"
}

// viewer is a system that shows data to a professional, who may help somebody.
func viewer(n, responsible, place, operation string, items ...string) message {
	return message{system: true, header: acting(n), body: wrapped(operation, professional(n, responsible, place)+strings.Join(items, ""))}
}

// contactPoint is a system that asks for professionals of other countries.
func contactPoint(body string) message {
	return message{system: true, header: userHeader("nsi:UserType", "nsi:HealthcareProfessional", "nsi:SystemName", "NCPeH"), body: body}
}

var _ ports.OrgTrees = trees{}

// doctorToken is a token of the doctor D with an authorisation, citizenToken one of a citizen.
func (s *federated) doctorToken() idwstest.Token {
	return idwstest.ProfessionalToken(s.now.Add(-5*time.Minute), keys().holder).With("dk:gov:saml:attribute:CprNumberIdentifier", doctorD)
}

func (s *federated) citizenToken(n string) idwstest.Token {
	tk := idwstest.CitizenToken(s.now.Add(-5*time.Minute), keys().holder).With("dk:gov:saml:attribute:CprNumberIdentifier", n)
	tk.NameID = "dk:gov:saml:attribute:CprNumberIdentifier:" + n
	return tk
}
