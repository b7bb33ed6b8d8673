package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/tests/nsptest"
)

// Where consent is served (its WSDLs).
const (
	consentAdmin    = "/consent-administration/20201104/service"
	consentAdminOld = "/consent-administration/service"
	consentVerify   = "/consent-verification/service"

	consentAudience = "https://audience.nspop.dk/minspaerring"
)

// People and places of the cases.
const (
	owner      = "0101010101" // whose data they are
	another    = "0404040404"
	formerly   = "0505050505" // the number owner had before
	doctorD    = "0202020202"
	codeD      = "TSTD2"
	helperH    = "0303030303"
	codeH      = "TSTH3" // helper too is a doctor, at times
	admin      = "0606060606"
	portalCVR  = "99999904" // whose word about its users counts
	unitR      = "999001000016002"
	unitA      = "999002000016000" // below unitR
	unitA1     = "999003000016001" // below unitA
	unitX      = "999010000016008"
	shakOfA1   = "9990A1"
	unknownSOR = "999999000016009"
)

// clinics are registers with them.
func clinics() map[string]string {
	return map[string]string{
		"sor-enhed.csv": "sorNummer;overordnetSor;type;navn;shak\n" +
			unitR + ";;institution;R;\n" + unitA + ";" + unitR + ";sygehus;A;\n" + unitA1 + ";" + unitA + ";afdeling;A1;" + shakOfA1 + "\n" +
			unitX + ";;sygehus;X;\n",
		"cpr-person.csv": "cpr;status;koen;fornavn;efternavn;gaeldendeCPR;foedselsdato\n" +
			owner + ";01;K;Olga;Owner;;1980-02-02\n" + formerly + ";60;K;Olga;Owner;" + owner + ";1980-02-02\n" + another + ";01;M;Anders;Anden;;1980-02-02\n",
		"autorisation.csv": "autorisationsnummer;cpr;fornavn;efternavn;uddannelseskode;validFrom;validTo\n" +
			codeD + ";" + doctorD + ";Dora;Doktor;7170;2000-01-01;\n" + codeH + ";" + helperH + ";Hans;Hjaelper;5166;2000-01-01;\n",
	}
}

func numbered(digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	if err != nil {
		panic(err)
	}
	return n
}

// speaker calls a service with one credential.
type speaker struct {
	name string
	call func(t *testing.T, path, operation, body string) nsptest.Answer
}

func byCard(name string, card func(s *nsptest.Server) nsptest.Actor, s *nsptest.Server, h *identity.HSUID) speaker {
	return speaker{name, func(t *testing.T, path, _, body string) nsptest.Answer {
		t.Helper()
		a := card(s) // issued now: the clock may have moved
		a.HSUID = h
		return a.Call(t, path, body)
	}}
}

func byToken(name string, token func(s *nsptest.Server) nsptest.Holder, s *nsptest.Server) speaker {
	return speaker{name, func(t *testing.T, path, operation, body string) nsptest.Answer {
		t.Helper()
		return token(s).For(consentAudience).Call(t, path, operation, body)
	}}
}

// asCitizen and asProfessional are what a system says of its user.
func asCitizen(who string) *identity.HSUID {
	return &identity.HSUID{Issuer: "Test Portal", UserType: "nsi:Citizen", Acting: numbered(who), SystemName: "TestPortal"}
}

func asProfessional(who string) *identity.HSUID {
	return &identity.HSUID{Issuer: "Test", UserType: "nsi:HealthcareProfessional", Acting: numbered(who), SystemName: "TestViewer"}
}

func system(s *nsptest.Server) nsptest.Actor { return s.System(portalCVR) }

func adminCard(s *nsptest.Server) nsptest.Actor {
	return s.As(s.UserCard(admin, "").With("medcom:UserRole", "SpaerAdminR8"))
}

func adminToken(s *nsptest.Server) nsptest.Holder {
	h := s.Employee(admin, "")
	h.Token = h.Token.Without("dk:healthcare:saml:attribute:UserAuthorizationCode").Without("dk:healthcare:saml:attribute:UserEducationCode").
		WithXML("urn:oasis:names:tc:xacml:2.0:subject:role", `<Role xmlns="urn:hl7-org:v3" code="SpaerAdminR8" codeSystem="1.2.208.176.1.3"/>`)
	return h
}

// administrators are all who may administer a citizen's registrations.
func administrators(s *nsptest.Server, citizen string) []speaker {
	return []speaker{
		byToken("the citizen", func(s *nsptest.Server) nsptest.Holder { return s.Citizen(citizen) }, s),
		byCard("a portal", system, s, asCitizen(citizen)),
		byCard("an administrator with a card", adminCard, s, asProfessional(admin)),
		byToken("an administrator with a token", adminToken, s),
	}
}

// requester is who wants to see data.
type requester struct {
	acting, responsible string // acting "" = a foreigner
	scheme, unit        string
}

func atA(acting string) requester { return requester{acting: acting, unit: unitA} }
func at(unit string) requester    { return requester{acting: doctorD, unit: unit} }
func helping(acting, doctor string) requester {
	return requester{acting: acting, responsible: doctor, unit: unitA}
}
func foreigner() requester { return requester{} }

func (r requester) xml() string {
	if r.acting == "" {
		return `<t:foreignHealthProfessional><t:countryCode>SE</t:countryCode><t:identifier>SE-TEST-1</t:identifier></t:foreignHealthProfessional>`
	}
	responsible, scheme := "", r.scheme
	if r.responsible != "" {
		responsible = "<t:responsibleHealthProfessionalCPR>" + r.responsible + "</t:responsibleHealthProfessionalCPR>"
	}
	if scheme == "" {
		scheme = "SOR"
	}
	return "<t:healthProfessional><t:healthProfessionalCPR>" + r.acting + "</t:healthProfessionalCPR>" + responsible +
		`<t:organization codeSystem="` + scheme + `">` + r.unit + "</t:organization></t:healthProfessional>"
}

// verifiers are all who may ask for the requester.
func (r requester) verifiers(s *nsptest.Server) []speaker {
	if r.acting == "" {
		h := asProfessional(doctorD)
		h.Acting = cpr.Number{}
		return []speaker{byCard("a contact point", system, s, h)}
	}
	code := ""
	if r.responsible == "" {
		if code = codeD; r.acting == helperH {
			code = codeH
		}
	}
	token := func(s *nsptest.Server) nsptest.Holder {
		h := s.Employee(r.acting, code)
		if code == "" {
			h.Token = h.Token.Without("dk:healthcare:saml:attribute:UserAuthorizationCode").Without("dk:healthcare:saml:attribute:UserEducationCode")
		}
		return h
	}
	return []speaker{
		byCard("own card", func(s *nsptest.Server) nsptest.Actor { return s.Doctor(r.acting, code) }, s, asProfessional(r.acting)),
		byToken("own token", token, s),
		byCard("a system", system, s, asProfessional(r.acting)),
	}
}

const consentSpaces = ` xmlns:m="http://sundhedsdatastyrelsen.dk/minspaerring/2020/11/04" xmlns:o="urn:dk:nsi:consentservices:consentadministration"` +
	` xmlns:v="urn:dk:nsi:consentservices:consentverification" xmlns:t="urn:dk:nsi:consentservices:types"`

func wrapped(name, content string) string {
	prefixed, _, _ := strings.Cut(name, " ")
	return "<" + name + consentSpaces + ">" + content + "</" + prefixed + ">"
}

func checkBody(citizen string, r requester) (operation, body string) {
	if operation = "ConsentForUserCheck"; r.acting == "" {
		operation = "ConsentForForeignersCheck"
	}
	return operation, wrapped("v:"+operation, "<t:citizenCPR>"+citizen+"</t:citizenCPR>"+r.xml())
}

// checked is the answer of a check, which all who may ask get alike.
func checked(t *testing.T, s *nsptest.Server, citizen string, r requester) string {
	t.Helper()
	var got string
	for i, v := range r.verifiers(s) {
		answer := answered(t, v, citizen, r)
		if i > 0 {
			assert.Equal(t, got, answer, v.name)
		}
		got = answer
	}
	return got
}

// answered is the answer of a check to one of them.
func answered(t *testing.T, by speaker, citizen string, r requester) string {
	t.Helper()
	operation, body := checkBody(citizen, r)
	answer := by.call(t, consentVerify, operation, body)
	require.Equal(t, http.StatusOK, answer.Status, "%s: %s", by.name, answer.Body)
	result := answer.All(t, "consentCheckResult")
	require.Len(t, result, 1)
	return result[0]
}

// item is one piece of data; "" is what is not said.
type item struct{ from, to, origin string }

func (i item) xml(id int) string {
	part := func(name, value string) string {
		if value == "" {
			return ""
		}
		return "<t:" + name + ">" + value + "</t:" + name + ">"
	}
	return fmt.Sprintf("<t:dataItem><t:itemId>i%d</t:itemId>", id) + part("dataPeriodFrom", i.from) + part("dataPeriodTo", i.to) +
		part("originatingOrganization", i.origin) + "</t:dataItem>"
}

func itemsBody(citizen string, r requester, items []item) string {
	var b strings.Builder
	for i, one := range items {
		b.WriteString(one.xml(i))
	}
	return wrapped("v:ConsentForDataCheck", "<t:citizenCPR>"+citizen+"</t:citizenCPR>"+r.xml()+b.String())
}

// judged is the verdicts on items, which all who may ask get alike.
func judged(t *testing.T, s *nsptest.Server, citizen string, r requester, items ...item) []string {
	t.Helper()
	var got []string
	for i, v := range r.verifiers(s) {
		answer := v.call(t, consentVerify, "ConsentForDataCheck", itemsBody(citizen, r, items))
		require.Equal(t, http.StatusOK, answer.Status, "%s: %s", v.name, answer.Body)
		access := answer.All(t, "access")
		if i > 0 {
			assert.Equal(t, got, access, v.name)
		}
		got = access
	}
	return got
}

// rule is what a citizen registers; who and what are the content of those elements.
type rule struct {
	positive  bool
	who, what string
	from, to  string // "" = now; none, or for a positive consent in a year
}

const (
	someWho = "<t:healthProfessionalCPR>%s</t:healthProfessionalCPR>"
	unitWho = "<t:healthcareOrganization>%s</t:healthcareOrganization><t:includeSubOrganizations>%t</t:includeSubOrganizations>"
	unitWat = "<t:originatingOrganization>%s</t:originatingOrganization><t:includeSubOrganizations>%t</t:includeSubOrganizations>"
	periods = "<t:dataPeriodFrom>%s</t:dataPeriodFrom><t:dataPeriodTo>%s</t:dataPeriodTo>"
	abroad  = "<t:foreignHealthProfessionals>true</t:foreignHealthProfessionals>"
)

func block(who, what string) rule  { return rule{who: who, what: what} }
func permit(who, what string) rule { return rule{positive: true, who: who, what: what} }

func (r rule) entry(s *nsptest.Server, citizen string, old bool) string {
	now := s.Clock.Now()
	from, to := r.from, r.to
	if from == "" {
		from = stamp(now)
	}
	if to == "" && r.positive {
		to = stamp(now.AddDate(1, 0, 0))
	}
	b := "<t:citizenCPR>" + citizen + "</t:citizenCPR>"
	if old {
		b += "<t:consentType>" + map[bool]string{true: "Positive", false: "Negative"}[r.positive] + "</t:consentType>"
	}
	for _, part := range [][2]string{{"who", r.who}, {"what", r.what}, {"validFrom", from}, {"validTo", to}} {
		if part[1] != "" {
			b += "<t:" + part[0] + ">" + part[1] + "</t:" + part[0] + ">"
		}
	}
	return b
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// addBody is the call that adds registrations of one kind.
func addBody(s *nsptest.Server, citizen string, old bool, all ...rule) (path, operation, body string) {
	var b strings.Builder
	space := ""
	if old {
		space = "t:"
	}
	for _, r := range all {
		b.WriteString("<" + space + "ConsentAdditions>" + r.entry(s, citizen, old) + "</" + space + "ConsentAdditions>")
	}
	if old {
		return consentAdminOld, "ConsentAdd", wrapped("o:ConsentAdd", b.String())
	}
	if operation = "ConsentAddConstraint"; all[0].positive {
		operation = "ConsentAddPositive"
	}
	return consentAdmin, operation, wrapped("m:"+operation, b.String())
}

// registers adds registrations one by one, in turn by all who may and on both interfaces, and returns their ids.
func registers(t *testing.T, s *nsptest.Server, citizen string, all ...rule) (ids []string) {
	t.Helper()
	by := administrators(s, citizen)
	for i, r := range all {
		path, operation, body := addBody(s, citizen, i%2 == 1, r)
		answer := by[i%len(by)].call(t, path, operation, body)
		require.Equal(t, http.StatusOK, answer.Status, "%s: %s", by[i%len(by)].name, answer.Body)
		ids = append(ids, answer.All(t, "consentId")...)
	}
	require.Len(t, ids, len(all))
	return ids
}

func revokeBody(citizen string, ids ...string) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString("<ConsentRevocations><t:consentId>" + id + "</t:consentId><t:citizenCPR>" + citizen + "</t:citizenCPR></ConsentRevocations>")
	}
	return wrapped("m:ConsentRevoke", b.String())
}

func revoked(t *testing.T, s *nsptest.Server, citizen string, ids ...string) {
	t.Helper()
	answer := administrators(s, citizen)[0].call(t, consentAdmin, "ConsentRevoke", revokeBody(citizen, ids...))
	require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
	require.Equal(t, ids, answer.All(t, "consentId"))
}

// sight is a question and what is expected.
type sight struct {
	requester
	want  string
	items map[item]string
}

func TestCT47ConsentOnEveryStore(t *testing.T) {
	d, h := atA(doctorD), helping(helperH, doctorD)
	everyone, all := "", ""
	hid := func(unit string, subs bool) string { return fmt.Sprintf(unitWho, unit, subs) }
	of := func(unit string, subs bool) string { return fmt.Sprintf(unitWat, unit, subs) }
	in := func(from, to string) string { return fmt.Sprintf(periods, from, to) }
	only := func(cpr string) string { return fmt.Sprintf(someWho, cpr) }
	cases := []struct {
		name string
		regs []rule
		asks []sight
	}{
		{"CT-1 nothing registered", nil, []sight{{d, "Positive", map[item]string{{}: "Allowed"}}}},
		{"CT-2 a constraint on everyone", []rule{block(everyone, all)}, []sight{{d, "Negative", map[item]string{{}: "Denied"}}}},
		{"CT-3 a constraint on one numbered", []rule{block(only(doctorD), all)}, []sight{{d, "Negative", nil}, {atA(helperH), "Positive", nil}}},
		{"CT-4 a helper of the numbered", []rule{block(only(doctorD), all)}, []sight{{h, "Negative", nil}}},
		{"CT-4 a constraint on the helper", []rule{block(only(helperH), all)}, []sight{{h, "Negative", nil}}},
		{"CT-5 a positive consent to a numbered", []rule{block(everyone, all), permit(only(doctorD), all)},
			[]sight{{d, "Positive", nil}, {h, "Positive", nil}, {atA(helperH), "Negative", nil}}},
		{"CT-6 a unit with those below", []rule{block(hid(unitA, true), all)},
			[]sight{{at(unitA1), "Negative", nil}, {at(unitA), "Negative", nil}, {at(unitR), "Positive", nil}, {at(unitX), "Positive", nil}}},
		{"CT-6 a unit alone", []rule{block(hid(unitA, false), all)}, []sight{{at(unitA1), "Positive", nil}, {at(unitA), "Negative", nil}}},
		{"CT-7 units by other codes", []rule{block(hid(unitA, true), all)}, []sight{
			{requester{doctorD, "", "SHAK", shakOfA1}, "Negative", nil}, {requester{doctorD, "", "SHAK", "9990ZZ"}, "Negative", nil},
			{requester{doctorD, "", "", unknownSOR}, "Negative", nil}, {requester{doctorD, "", "urn:other", unitX}, "Negative", nil},
		}},
		{"CT-8 a positive consent to a unit is none to one unknown", []rule{block(everyone, all), permit(hid(unitA, true), all)}, []sight{
			{requester{doctorD, "", "SHAK", "9990ZZ"}, "Negative", nil}, {requester{doctorD, "", "SHAK", shakOfA1}, "Positive", nil},
		}},
		{"CT-9 a constraint on foreigners", []rule{block(abroad, all)}, []sight{{foreigner(), "Negative", nil}, {d, "Positive", nil}}},
		{"CT-9 foreigners are of no unit", []rule{block(hid(unitA, true), all)}, []sight{{foreigner(), "Positive", nil}}},
		{"CT-10 an origin", []rule{block(everyone, of(unitA, true))}, []sight{{d, "DataSpecific", map[item]string{
			{origin: unitA1}: "Denied", {origin: unitX}: "Allowed", {}: "Denied", {origin: unknownSOR}: "Denied",
		}}, {foreigner(), "DataSpecific", map[item]string{{origin: unitX}: "Allowed", {origin: unitA}: "Denied"}}}},
		{"CT-11 a period of data", []rule{block(everyone, in("2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"))}, []sight{{d, "DataSpecific", map[item]string{
			{"2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z", ""}: "Allowed", {"2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z", ""}: "Allowed",
			{"2023-12-01T00:00:00Z", "2024-02-01T00:00:00Z", ""}: "Denied", {"2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", ""}: "Denied",
		}}}},
		{"CT-12 positive consents are not joined", []rule{block(everyone, all), permit(everyone, in("2023-01-01", "2023-12-31")), permit(everyone, in("2024-01-01", "2024-12-31"))},
			[]sight{{d, "DataSpecific", map[item]string{
				{"2024-03-01", "2024-03-02", ""}: "Allowed", {"2023-12-01", "2024-02-01", ""}: "Denied", {}: "Denied",
			}}}},
		{"CT-13 period and origin", []rule{block(everyone, in("2024-01-01", "2024-12-31")+of(unitA, true))}, []sight{{d, "DataSpecific", map[item]string{
			{"2024-05-01", "2024-05-02", unitX}: "Allowed", {"2023-05-01", "2023-05-02", unitA}: "Allowed", {"2024-05-01", "2024-05-02", unitA}: "Denied",
		}}}},
		{"CT-38 a reversed period is none", []rule{block(everyone, in("2024-01-01", "2024-12-31"))},
			[]sight{{d, "DataSpecific", map[item]string{{"2023-05-02T00:00:00Z", "2023-05-01T00:00:00Z", ""}: "Denied"}}}},
	}
	onEveryStore(t, nsptest.Options{Registers: clinics()}, func(t *testing.T, s *nsptest.Server) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				ids := registers(t, s, owner, c.regs...)
				for i, a := range c.asks {
					assert.Equal(t, a.want, checked(t, s, owner, a.requester), "question %d", i+1)
					if items := slices.Collect(maps.Keys(a.items)); len(items) > 0 {
						got := judged(t, s, owner, a.requester, items...)
						require.Len(t, got, len(items), "question %d", i+1)
						for j, one := range items {
							assert.Equal(t, a.items[one], got[j], "question %d, item %v", i+1, one)
						}
					}
				}
				assert.Equal(t, "Positive", answered(t, d.verifiers(s)[2], another, d), "another's data")
				if len(ids) > 0 {
					revoked(t, s, owner, ids...)
				}
				assert.Equal(t, "Positive", answered(t, d.verifiers(s)[2], owner, d), "all is revoked")
			})
		}

		t.Run("CT-14 a positive consent ends", func(t *testing.T) {
			end := s.Clock.Now().Add(time.Hour)
			ids := registers(t, s, owner, block("", ""), rule{positive: true, to: stamp(end)})
			s.Clock.Set(end.Add(-time.Millisecond))
			assert.Equal(t, "Positive", checked(t, s, owner, d))
			s.Clock.Set(end)
			assert.Equal(t, "Negative", checked(t, s, owner, d))
			revoked(t, s, owner, ids...)
		})
		t.Run("CT-15 a constraint begins", func(t *testing.T) {
			begin := s.Clock.Now().Add(20 * time.Hour)
			ids := registers(t, s, owner, rule{from: stamp(begin)})
			assert.Equal(t, "Positive", checked(t, s, owner, d))
			s.Clock.Set(begin)
			assert.Equal(t, "Negative", checked(t, s, owner, d))
			revoked(t, s, owner, ids...)
		})
		t.Run("a block follows the citizen to a new number, and the citizen reaches it", func(t *testing.T) {
			ids := registers(t, s, formerly, block("", ""))
			assert.Equal(t, "Negative", checked(t, s, owner, d))
			revoked(t, s, owner, ids...)
			assert.Equal(t, "Positive", checked(t, s, formerly, d))
		})
		t.Run("CT-37 many items, and too many", func(t *testing.T) {
			ids := registers(t, s, owner, block("", fmt.Sprintf(unitWat, unitA, true)))
			items := make([]item, 10_001)
			for i := range items {
				if items[i].origin = unitX; i%3 == 0 {
					items[i].origin = unitA1
				}
			}
			v := d.verifiers(s)[2]
			answer := v.call(t, consentVerify, "ConsentForDataCheck", itemsBody(owner, d, items[:10_000]))
			access, names := answer.All(t, "access"), answer.All(t, "itemId")
			require.Len(t, access, 10_000)
			for i := range access {
				if want := map[bool]string{true: "Denied", false: "Allowed"}[i%3 == 0]; access[i] != want || names[i] != fmt.Sprintf("i%d", i) {
					t.Fatalf("item %d: %s is %s, want %s", i, names[i], access[i], want)
				}
			}
			refused(t, v.call(t, consentVerify, "ConsentForDataCheck", itemsBody(owner, d, items)), "too_many", "At most 10000 items per request")
			answer = v.call(t, consentVerify, "ConsentForDataCheck", itemsBody(owner, d, nil))
			require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
			assert.Zero(t, answer.Count(t, "dataItemResult"))
			twice := strings.ReplaceAll(itemsBody(owner, d, items[:2]), "<t:itemId>i1<", "<t:itemId>i0<")
			answer = v.call(t, consentVerify, "ConsentForDataCheck", twice)
			assert.Equal(t, []string{"i0", "i0"}, answer.All(t, "itemId"))
			assert.Equal(t, []string{"Denied", "Allowed"}, answer.All(t, "access"))
			revoked(t, s, owner, ids...)
		})
		t.Run("CT-38 a date that is none", func(t *testing.T) {
			refused(t, d.verifiers(s)[0].call(t, consentVerify, "ConsentForDataCheck", itemsBody(owner, d, []item{{from: "2024-13-01"}})), "syntax_error", "")
		})
		t.Run("CT-39 one block and fifty", func(t *testing.T) {
			ids := registers(t, s, owner, block("", ""))
			operation, body := checkBody(owner, d)
			message := func() []byte { return system(s).For(*asProfessional(doctorD)).Message("m-equal", body) }
			inner := func(a nsptest.Answer) string {
				_, after, _ := strings.Cut(string(a.Body), "Body>")
				return after
			}
			one := inner(s.Post(t, consentVerify, message()))
			fifty := make([]rule, 49)
			path, op, add := addBody(s, owner, false, fifty...)
			answer := administrators(s, owner)[0].call(t, path, op, add)
			require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
			many := inner(s.Post(t, consentVerify, message()))
			assert.Equal(t, one, many)
			assert.Contains(t, one, "Negative", operation)
			revoked(t, s, owner, append(ids, answer.All(t, "consentId")...)...)
		})
	})
}

// nsi is an HSUID header as text, of names and values in turn; a name may hold more attributes after it.
func nsi(attributes ...string) string {
	var b strings.Builder
	b.WriteString(`<h:HsuidHeader xmlns:h="http://www.nsi.dk/hsuid/2016/08/hsuid-1.1.xsd"><h:Assertion IssueInstant="2018-10-24T12:57:29" Version="2.0" id="HSUID">` +
		`<h:Issuer> A portal </h:Issuer><h:AttributeStatement id="HSUIDdata">`)
	for i := 0; i < len(attributes); i += 2 {
		b.WriteString(`<h:Attribute Name="` + attributes[i] + `"><h:AttributeValue>` + attributes[i+1] + `</h:AttributeValue></h:Attribute>`)
	}
	return b.String() + `</h:AttributeStatement></h:Assertion></h:HsuidHeader>`
}
