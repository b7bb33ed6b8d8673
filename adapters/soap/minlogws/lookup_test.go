package minlogws_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/domain/minlog"
)

const (
	citizenPath    = minlogws.PathCitizen
	assistantsPath = minlogws.PathAssistants
)

func cprID(number string) minlog.ID { return minlog.ID{Source: minlog.CPR, Value: number} }

// stored returns a registration about the citizen at an instant.
func stored(id, when string, change ...func(*minlog.Entry)) minlog.Registration {
	parsed, err := minlog.ParseID(id)
	if err != nil {
		panic(err)
	}
	r := minlog.Registration{ID: parsed, ReceivedAt: now, Registrar: minlog.Registrar{CVR: "33257872"}, Entry: minlog.Entry{
		System: "FMK", Activity: "Opslag på medicinkort", From: at(when), To: at(when), Person: cprID(citizen), User: cprID(assistant),
	}}
	for _, c := range change {
		c(&r.Entry)
	}
	return r
}

const (
	id1 = "0b1f6d0e-0000-8000-8000-000000000001"
	id2 = "0b1f6d0e-0000-8000-8000-000000000002"
	id3 = "0b1f6d0e-0000-8000-8000-000000000003"
)

func TestLookupSamples(t *testing.T) {
	s := newService(t)
	s.keep(t, stored(id1, "2026-11-01T08:15:00Z", func(e *minlog.Entry) { e.UserRole = "Sygeplejerske" }))
	t.Run("citizen", func(t *testing.T) {
		s.caller = employee(citizen, "")
		for _, path := range []string{minlogws.PathCitizen, minlogws.PathCitizen20250312, minlogws.PathAssistants, minlogws.PathAssistants20250312} {
			answer := s.call(t, path, sample(t, "citizen-request.xml"), "GetLogStatementsForCPRPersonWithID")
			assert.Equal(t, compact(sample(t, "citizen-response.xml")), answer, path)
		}
	})
	t.Run("assistants", func(t *testing.T) {
		s := newService(t)
		behalf := func(e *minlog.Entry) { e.OnBehalfOf = minlog.ID{Source: minlog.Authorisation, Value: code} }
		s.keep(t, stored(id1, "2026-11-01T08:15:00Z", behalf), stored(id2, "2026-11-01T10:02:00Z", behalf))
		s.caller = employee(professional, code)
		for _, path := range []string{minlogws.PathCitizen, minlogws.PathCitizen20250312, minlogws.PathAssistants, minlogws.PathAssistants20250312} {
			answer := s.call(t, path, sample(t, "assistants-request.xml"), `"GetLogStatementsOnBehalfOf"`)
			assert.Equal(t, compact(sample(t, "assistants-response.xml")), answer, path)
		}
	})
	t.Run("faults", func(t *testing.T) {
		s.caller = employee(assistant, "")
		assert.Equal(t, "no access to this person's log",
			requireFault(t, s.post(t, citizenPath, envelope("m-1", sample(t, "citizen-request.xml"))), http.StatusInternalServerError, "not_authorized"))
		assert.Equal(t, "OnBehalfOfPersonId is not the caller",
			requireFault(t, s.post(t, assistantsPath, envelope("m-1", sample(t, "assistants-request.xml"))), http.StatusInternalServerError, "not_authorized"))
	})
}

// question is a good request of a citizen with more elements.
func question(more string) string {
	return `<l:LogStatementForCPRPersonRequest xmlns:l="` + nsLookup + `"><l:PersonId source="CPR">0202801111</l:PersonId>` + more + `</l:LogStatementForCPRPersonRequest>`
}

func TestLookupTolerance(t *testing.T) {
	s := newService(t)
	s.caller = employee(citizen, "")
	s.keep(t, stored(id1, "2026-11-01T08:15:00Z"), stored(id2, "2026-11-02T08:15:00Z"))
	first := func(body string, action ...string) string {
		answer := s.call(t, citizenPath, body, action...)
		return answer[strings.Index(answer, "<l:RegistrationId>")+len("<l:RegistrationId>"):][:36]
	}
	for _, c := range []struct {
		name, body, want string
		action           []string
	}{
		{"newest first", question(""), id2, nil},
		{"chronologic", question("<l:Chronologic>true</l:Chronologic>"), id1, nil},
		{"chronologic as a digit", question("<l:Chronologic> 1 </l:Chronologic>"), id1, nil},
		{"not chronologic", question("<l:Chronologic>false</l:Chronologic>"), id2, nil},
		{"AC-10 children not qualified", `<l:LogStatementForCPRPersonRequest xmlns:l="` + nsLookup + `"><Chronologic>true</Chronologic><PersonId source="CPR">0202801111</PersonId></l:LogStatementForCPRPersonRequest>`, id1,
			[]string{`"GetLogStatementsForCPRPerson_20250312"`}},
		{"foreign elements", question(`<x:Chronologic xmlns:x="urn:x">true</x:Chronologic>`), id2, []string{"GetLogStatementsForCPRPersonWithID"}},
		{"time without zone", question("<l:ToDateTime>2026-11-02T09:15:00</l:ToDateTime>"), id1, nil},
		{"empty words", question("<l:Grouping/><l:Details></l:Details>"), id2, nil},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, first(c.body, c.action...)) })
	}
	t.Run("the older namespace is answered in its own", func(t *testing.T) {
		old := strings.ReplaceAll(nsLookup, "2025/03/12", "2023/04/25")
		assert.Contains(t, s.call(t, citizenPath, strings.ReplaceAll(question(""), nsLookup, old)), `xmlns:l="`+old+`"`)
	})
	t.Run("a window that ends with the first instant of all", func(t *testing.T) {
		assert.NotContains(t, s.call(t, citizenPath, question("<l:ToDateTime>0001-01-01T00:00:00Z</l:ToDateTime>")), "LogDataGroup")
	})
	t.Run("without details", func(t *testing.T) {
		assert.NotContains(t, s.call(t, citizenPath, question("<l:Details>None</l:Details>")), "LogDataEntry>")
	})
}

func TestRefusedLookups(t *testing.T) {
	filter := `<l:FilterPass field="SystemName">FMK</l:FilterPass>`
	for _, c := range []struct{ name, body, text string }{
		{"no person", strings.Replace(question(""), `<l:PersonId source="CPR">0202801111</l:PersonId>`, "", 1), "PersonId is missing"},
		{"blank person", strings.Replace(question(""), "0202801111", " ", 1), "PersonId is not valid"},
		{"person of 51 characters", strings.Replace(question(""), "0202801111", strings.Repeat("0", 51), 1), "PersonId is not valid"},
		{"person without source", strings.Replace(question(""), ` source="CPR"`, "", 1), "PersonId is not valid"},
		{"person of another source", strings.Replace(question(""), `"CPR"`, `"Autorisation"`, 1), "PersonId is not valid"},
		{"person twice", question(`<l:PersonId source="CPR">0202801111</l:PersonId>`), "PersonId is repeated"},
		{"the other request's person", question(`<l:OnBehalfOfPersonId source="CPR">0202801111</l:OnBehalfOfPersonId>`), "LogStatementForCPRPersonRequest holds an unknown element"},
		{"unknown element", question("<l:x0202801111/>"), "LogStatementForCPRPersonRequest holds an unknown element"},
		{"no boolean", question("<l:Chronologic>ja</l:Chronologic>"), "Chronologic is not valid"},
		{"empty boolean", question("<l:Chronologic/>"), "Chronologic is not valid"},
		{"no time", question("<l:FromDateTime>2026-11-01</l:FromDateTime>"), "FromDateTime is not valid"},
		{"end in a year of five digits", question("<l:ToDateTime>9999-12-31T24:00:00Z</l:ToDateTime>"), "ToDateTime is not valid"},
		{"elements in a time", question("<l:ToDateTime><x/></l:ToDateTime>"), "ToDateTime is not valid"},
		{"window that ends before it begins", question("<l:FromDateTime>2026-11-02T00:00:00Z</l:FromDateTime><l:ToDateTime>2026-11-01T00:00:00Z</l:ToDateTime>"), "FromDateTime is after ToDateTime"},
		{"no page", question("<l:PageSize>0</l:PageSize>"), "PageSize must be at least 1"},
		{"no number", question("<l:PageSize>x</l:PageSize>"), "PageSize is not valid"},
		{"filter without field", question(`<l:FilterPass>FMK</l:FilterPass>`), "FilterPass and FilterStop: unknown field"},
		{"filter of an unknown field", question(`<l:FilterStop field="PersonName">FMK</l:FilterStop>`), "FilterPass and FilterStop: unknown field"},
		{"empty filter", question(`<l:FilterStop field="SystemName"/>`), "FilterPass and FilterStop: 1 to 200 characters"},
		{"elements in a filter", question(`<l:FilterStop field="SystemName"><x/></l:FilterStop>`), "FilterStop is not valid"},
		{"too many filters", question(strings.Repeat(filter, 1000)), "more than 20 of FilterPass and FilterStop"},
		{"AC-32 token that is none", question("<l:PageToken>0202801111</l:PageToken>"), "PageToken is not valid for this lookup"},
		{"AC-32 empty token", question("<l:PageToken/>"), "PageToken is not valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.caller = employee(citizen, "")
			text := requireFault(t, s.post(t, citizenPath, envelope("m-1", c.body)), http.StatusInternalServerError, "syntax_error")
			assert.Equal(t, c.text, text)
		})
	}
	t.Run("the action of another operation", func(t *testing.T) {
		s := newService(t)
		s.caller = employee(citizen, "")
		requireFault(t, s.post(t, citizenPath, envelope("m-1", question("")), "GetLogStatementsOnBehalfOf"), http.StatusInternalServerError, "syntax_error")
	})
	t.Run("too many results", func(t *testing.T) {
		s := newService(t)
		s.caller = employee(citizen, "")
		var all []minlog.Registration
		for i := range 10001 {
			r := stored(id1, "2026-11-01T08:15:00Z")
			r.ID[0], r.ID[1] = byte(i>>8), byte(i)
			all = append(all, r)
		}
		s.keep(t, all...)
		text := requireFault(t, s.post(t, citizenPath, envelope("m-1", question("<l:Grouping>Day</l:Grouping>"))), http.StatusInternalServerError, "too_many_results")
		assert.Contains(t, text, "narrow the time window")
	})
}

func TestWholeGroup(t *testing.T) {
	s := newService(t)
	s.caller = employee(professional, code)
	full := stored(id1, "2026-11-01T08:15:00Z", func(e *minlog.Entry) {
		e.Source = &minlog.Chain{CorrelationID: "c", System: "S", Source: &minlog.Chain{System: "T"}}
		e.From = at("2026-11-01T08:00:00Z")
		e.Reason, e.Addition, e.Criticality = "r", "a", "k"
		e.Org, e.OrgName, e.PersonName, e.CorrelationID, e.SequenceNumber = minlog.ID{Source: "SOR", Value: "1"}, "o & <o>", "p", "d", "7"
		e.UserName, e.UserRole = "u", "ur"
		e.OnBehalfOf, e.OnBehalfOfName, e.OnBehalfOfRole, e.Filters = minlog.ID{Source: minlog.Authorisation, Value: code}, "b", "br", []string{"x"}
	})
	s.keep(t, full)
	answer := s.call(t, assistantsPath, `<l:LogStatementOnBehalfOfRequest xmlns:l="`+nsLookup+`"><l:OnBehalfOfPersonId source="Autorisation">TST01</l:OnBehalfOfPersonId></l:LogStatementOnBehalfOfRequest>`)
	assert.Equal(t, compact(`<l:ListLogStatementsResponse xmlns:l="`+nsLookup+`"><l:LogDataGroup><l:NumberOfLogDataEntries>1</l:NumberOfLogDataEntries>
		<l:Source><l:SystemName>S</l:SystemName><l:CorrelationId>c</l:CorrelationId></l:Source>
		<l:Destination><l:SystemName>FMK</l:SystemName><l:Activity>Opslag på medicinkort</l:Activity><l:Reason>r</l:Reason><l:Criticality>k</l:Criticality><l:Addition>a</l:Addition>
		<l:FromDateTime>2026-11-01T08:00:00.000Z</l:FromDateTime><l:ToDateTime>2026-11-01T08:15:00.000Z</l:ToDateTime><l:OrganisationId source="SOR">1</l:OrganisationId>
		<l:OrganisationName>o &amp; &lt;o&gt;</l:OrganisationName><l:PersonIdentifier source="CPR">0202801111</l:PersonIdentifier><l:PersonName>p</l:PersonName><l:CorrelationId>d</l:CorrelationId>
		<l:UserPersonIdentifier source="CPR">0505851111</l:UserPersonIdentifier><l:UserPersonName>u</l:UserPersonName><l:UserRole>ur</l:UserRole>
		<l:OnBehalfOfPersonIdentifier source="Autorisation">TST01</l:OnBehalfOfPersonIdentifier><l:OnBehalfOfPersonName>b</l:OnBehalfOfPersonName><l:OnBehalfOfUserRole>br</l:OnBehalfOfUserRole></l:Destination>
		<l:LogDataEntry><l:RegistrationId>`+id1+`</l:RegistrationId><l:Source><l:CorrelationId>c</l:CorrelationId><l:SystemName>S</l:SystemName><l:Source><l:SystemName>T</l:SystemName></l:Source></l:Source>
		<l:Destination><l:SystemName>FMK</l:SystemName><l:Activity>Opslag på medicinkort</l:Activity><l:Reason>r</l:Reason><l:Addition>a</l:Addition><l:Criticality>k</l:Criticality>
		<l:FromDateTime>2026-11-01T08:00:00.000Z</l:FromDateTime><l:ToDateTime>2026-11-01T08:15:00.000Z</l:ToDateTime><l:OrganisationId source="SOR">1</l:OrganisationId>
		<l:OrganisationName>o &amp; &lt;o&gt;</l:OrganisationName><l:PersonIdentifier source="CPR">0202801111</l:PersonIdentifier><l:PersonName>p</l:PersonName><l:CorrelationId>d</l:CorrelationId>
		<l:UserPersonIdentifier source="CPR">0505851111</l:UserPersonIdentifier><l:UserPersonName>u</l:UserPersonName><l:UserRole>ur</l:UserRole>
		<l:OnBehalfOfPersonIdentifier source="Autorisation">TST01</l:OnBehalfOfPersonIdentifier><l:OnBehalfOfPersonName>b</l:OnBehalfOfPersonName><l:OnBehalfOfUserRole>br</l:OnBehalfOfUserRole></l:Destination>
		</l:LogDataEntry></l:LogDataGroup></l:ListLogStatementsResponse>`), answer)
}

func TestClient(t *testing.T) {
	s := newService(t)
	entries := []minlog.Entry{{
		Source: &minlog.Chain{CorrelationID: "c", System: "S", Source: &minlog.Chain{System: "T"}}, System: "FMK", Activity: "Opslag <på> & medicinkort", Reason: "r",
		Addition: "a", Criticality: "k", From: at("2026-11-01T08:15:00.123456Z"), To: at("2026-11-01T08:16:00Z"), Org: minlog.ID{Source: "SOR", Value: "1"}, OrgName: "o",
		Person: cprID(citizen), PersonName: "p", CorrelationID: "d", SequenceNumber: "7", User: cprID(assistant), UserName: "u", UserRole: "ur",
		OnBehalfOf: minlog.ID{Source: minlog.Authorisation, Value: code}, OnBehalfOfName: "b", OnBehalfOfRole: "br", Filters: []string{"x", "y"},
	}, {
		System: "FMK", Activity: "a", From: at("2026-11-01T09:15:00Z"), To: at("2026-11-01T09:15:00Z"), Person: cprID("3102801111"), User: cprID(assistant),
	}}
	for version, path := range map[string]string{minlog.Interface20250312: newest, minlog.Interface20230425: older} {
		got, err := s.client(t, path, system()).Register(t.Context(), version, entries)
		require.NoError(t, err)
		assert.Equal(t, minlogws.Registered{Added: 1, Failed: 1, Failures: []minlogws.Refused{
			{Code: "invalid_person_id", Text: "entry 2: PersonIdentifier is not a valid number"},
		}}, got)
	}
	rows := s.stored(t)
	require.Len(t, rows, 1, "equal entries of both interfaces are one")
	assert.Equal(t, entries[0], rows[0].Entry)

	own := s.client(t, citizenPath, employee(citizen, ""))
	ask := minlogws.Question{Person: cprID(citizen), Grouping: "None", Details: "All", Chronologic: true, From: at("2026-11-01T08:15:00Z"), To: at("2026-11-02T08:15:00Z"),
		PageSize: 1, Pass: []minlog.Condition{{Field: "SystemName", Value: "FMK"}}, Stop: []minlog.Condition{{Field: "Activity", Value: "x"}}}
	s.keep(t, stored(id2, "2026-11-01T10:00:00Z"))
	page, err := own.Citizens(t.Context(), ask)
	require.NoError(t, err)
	require.Len(t, page.Groups, 1)
	shown := entries[0]
	shown.From, shown.SequenceNumber, shown.Filters = shown.From.Truncate(time.Millisecond), "", nil
	shown.User = minlog.ID{}
	assert.Equal(t, minlogws.Statement{ID: rows[0].ID, Entry: shown}, page.Groups[0].Entries[0])
	shown.Source = &minlog.Chain{CorrelationID: "c", System: "S"}
	assert.Equal(t, shown, page.Groups[0].Head)
	assert.Equal(t, 1, page.Groups[0].Count)
	require.NotEmpty(t, page.Next)
	ask.PageToken = page.Next
	page, err = own.Citizens(t.Context(), ask)
	require.NoError(t, err)
	require.Len(t, page.Groups, 1)
	assert.Equal(t, id2, page.Groups[0].Entries[0].ID.String())
	assert.Empty(t, page.Next)

	page, err = s.client(t, assistantsPath, employee(professional, code)).Assistants(t.Context(), minlogws.Question{Person: minlog.ID{Source: minlog.Authorisation, Value: code}})
	require.NoError(t, err)
	require.Len(t, page.Groups, 1)
	assert.Equal(t, cprID(assistant), page.Groups[0].Head.User)

	_, err = s.client(t, citizenPath, employee(assistant, "")).Citizens(t.Context(), ask)
	var f *soap.Fault
	require.ErrorAs(t, err, &f)
	assert.Equal(t, "not_authorized", f.Code)
}

func TestNothingTellsAPerson(t *testing.T) {
	t.Run("AC-43 faults, refused entries and logs", func(t *testing.T) {
		s := newService(t)
		var texts []string
		post := func(path, body string) { texts = append(texts, s.post(t, path, envelope("m-1", body)).Body.String()) }
		bad := func(old, new string) { post(newest, request(ns2025, entry(destination(old, new)))) }
		bad(`source="CPR"`, `source="0202801111"`)
		bad("<UserRole>", "<e0202801111/><UserRole>")
		bad("0202801111", "02028011110")
		bad("2026-11-01T08:15:00Z", "0202801111")
		post(newest, `<r0202801111 xmlns="`+ns2025+`"/>`)
		post(newest, request(ns2025, `<e0202801111/>`))
		post(newest, `<0202801111`)
		for _, who := range []string{citizen, professional} {
			s.caller = employee(who, "")
			post(citizenPath, question("<l:Grouping>0202801111</l:Grouping><l:PageToken>0202801111</l:PageToken>"))
			post(citizenPath, question("<l:e0202801111/>"))
		}
		texts = append(texts, s.log.String())
		for i, text := range texts {
			assert.NotContains(t, text, citizen, fmt.Sprint("text ", i))
			assert.NotContains(t, text, professional, fmt.Sprint("text ", i))
		}
	})
}
