package minlogws_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
)

const (
	path1  = minlogws.PathRegistration1
	portal = minlogws.PathPortal
)

// statement is a good LogEntry of MinLog1 with its parts replaced: old, new in turn.
func statement(replace ...string) string {
	return strings.NewReplacer(replace...).Replace(`<LogEntry><regKode>7</regKode><cprNrBorger>0202801111</cprNrBorger><bruger>0505851111</bruger>` +
		`<ansvarlig>TST01</ansvarlig><brugerOrganisation NameFormat="medcom:sor">1</brugerOrganisation><system>Journal-B</system>` +
		`<handling>Opslag</handling><sessionsId>s-12</sessionsId><tidspunkt>2026-11-01T08:15:00Z</tidspunkt></LogEntry>`)
}

func request1(entries ...string) string {
	return `<m:RegisterLogStatementsRequest xmlns:m="` + ns1 + `">` + strings.Join(entries, "") + `</m:RegisterLogStatementsRequest>`
}

func receipt1(added, failed int, refused string) string {
	return fmt.Sprintf(`<m:RegisterLogStatementsResponse xmlns:m="%s">%s<antalTilfoejet>%d</antalTilfoejet><antalFejlet>%d</antalFejlet></m:RegisterLogStatementsResponse>`,
		ns1, refused, added, failed)
}

// portalRequest asks for the citizen's log with more elements.
func portalRequest(more string) string {
	return `<ml:ListLogStatementsRequest xmlns:ml="` + nsPortal + `"><cprNR>0202801111</cprNR>` + more + `</ml:ListLogStatementsRequest>`
}

func TestMinLog1Samples(t *testing.T) {
	organisation := func(e *minlog.Entry) {
		e.OnBehalfOf, e.Org, e.CorrelationID = minlog.ID{Source: minlog.Authorisation, Value: code}, minlog.ID{Source: minlog.SOR, Value: "999000000000001"}, "s-4711"
	}
	t.Run("AC-34 registered and looked up by a listed organisation", func(t *testing.T) {
		s := newService(t)
		assert.Equal(t, compact(sample(t, "register1-response.xml")), s.call(t, path1, sample(t, "register1-request.xml"), `"RegisterLogStatements"`))
		rows := s.stored(t)
		require.Len(t, rows, 1)
		assert.Equal(t, minlog.Registrar{CVR: listed, ITSystem: "Service Consumer Test", MessageID: "m-1", Interface: minlog.Interface1}, rows[0].Registrar)
		assert.Equal(t, minlog.Entry{
			System: "Journal-B", Activity: "Opslag i journal", From: at("2026-11-01T08:15:00Z"), To: at("2026-11-01T08:15:00Z"),
			Org: minlog.ID{Source: "SOR", Value: "999000000000001"}, Person: cprID(citizen), CorrelationID: "s-12",
			SequenceNumber: "6d7a3f62-0000-4000-8000-000000000001", User: cprID(assistant), OnBehalfOf: minlog.ID{Source: "Autorisation", Value: code},
		}, rows[0].Entry)
		sent := compact(sample(t, "register1-request.xml"))
		sent = sent[strings.Index(sent, "<bruger>"):strings.Index(sent, "<tidspunkt>")]
		assert.Equal(t, `<ml:ListLogStatementsResponse xmlns:ml="`+nsPortal+`" cprNrBorger="0202801111"><LogEntry><regKode>`+rows[0].ID.String()+`</regKode>`+sent+
			`<tidspunkt>2026-11-01T09:15:00.000+01:00</tidspunkt></LogEntry></ml:ListLogStatementsResponse>`, s.call(t, portal, sample(t, "portal-request.xml"), `""`))
	})
	t.Run("AC-34 lookup", func(t *testing.T) {
		s := newService(t)
		s.keep(t, stored(id1, "2026-11-01T08:15:00Z", organisation))
		for _, action := range []string{"", `""`, nsPortal + "ListLogStatements", `"` + nsPortal + `ListLogStatements"`} {
			assert.Equal(t, compact(sample(t, "portal-response.xml")), s.call(t, portal, sample(t, "portal-request.xml"), action), action)
		}
		s.caller = employee(professional, code)
		assert.Equal(t, compact(sample(t, "portal-response.xml")), s.call(t, portal, sample(t, "portal-request.xml")), "an employee's card")
	})
	t.Run("AC-34 an organisation that is not listed", func(t *testing.T) {
		s := newService(t)
		s.keep(t, stored(id1, "2026-11-01T08:15:00Z"))
		s.caller.Org.CVR = "99999902"
		w := s.post(t, portal, envelope("m-1", sample(t, "portal-request.xml")))
		requireFault(t, w, http.StatusInternalServerError, "not_authorized")
		assert.NotContains(t, w.Body.String(), "LogEntry")
	})
	t.Run("AC-34 a window in which nothing happened", func(t *testing.T) {
		s := newService(t)
		s.keep(t, stored(id1, "2026-11-01T08:15:00Z"))
		answer := s.call(t, portal, portalRequest("<fraDato>2026-11-01T08:15:00.001Z</fraDato>"))
		assert.Equal(t, nothing(citizen), answer)
	})
	t.Run("AC-35 at both ends of the window, organisation pnumber", func(t *testing.T) {
		s := newService(t)
		pnumber := strings.NewReplacer("medcom:sor", "medcom:pnumber", "<regKode>7", "<regKode>8", "T08:15:00Z", "T09:15:00+01:00")
		s.call(t, path1, request1(pnumber.Replace(statement()), pnumber.Replace(statement("T08:15:00Z", "T08:16:00Z")),
			pnumber.Replace(statement("T08:15:00Z", "T08:16:00.000001Z"))))
		require.Len(t, s.stored(t), 3)
		answer := s.call(t, portal, portalRequest("<fraDato>2026-11-01T08:15:00Z</fraDato><tilDato>2026-11-01T09:16:00+01:00</tilDato>"))
		assert.Equal(t, 2, strings.Count(answer, `<brugerOrganisation NameFormat="medcom:pnumber">1</brugerOrganisation>`), answer)
		assert.Less(t, strings.Index(answer, "2026-11-01T09:15:00.000+01:00"), strings.Index(answer, "2026-11-01T09:16:00.000+01:00"), "oldest first")
	})
	t.Run("fault of a registration", func(t *testing.T) {
		text := requireFault(t, newService(t).post(t, path1, envelope("m-1", request1())), http.StatusInternalServerError, "syntax_error")
		assert.Equal(t, "at least one LogEntry is required", text)
	})
}

// nothing is the portal's answer about a person of whom nothing is known.
func nothing(person string) string {
	return `<ml:ListLogStatementsResponse xmlns:ml="` + nsPortal + `" cprNrBorger="` + person + `"></ml:ListLogStatementsResponse>`
}

func TestMinLog1Tolerance(t *testing.T) {
	want := func() minlog.Registration {
		s := newService(t)
		s.call(t, path1, request1(statement()))
		return s.stored(t)[0]
	}()
	qualified := strings.NewReplacer("</", "</m:", "<", "<m:").Replace(statement())
	for _, c := range []struct {
		name, body string
		action     []string
	}{
		{"children qualified", request1(qualified), []string{"RegisterLogStatements"}},
		{"children in the default namespace", `<RegisterLogStatementsRequest xmlns="` + ns1 + `">` + statement() + `</RegisterLogStatementsRequest>`, nil},
		{"shuffled", request1(`<LogEntry><tidspunkt>2026-11-01T08:15:00Z</tidspunkt><sessionsId>s-12</sessionsId><handling>Opslag</handling><system>Journal-B</system>` +
			`<brugerOrganisation NameFormat="medcom:sor">1</brugerOrganisation><ansvarlig>TST01</ansvarlig><bruger>0505851111</bruger><cprNrBorger>0202801111</cprNrBorger>` +
			`<regKode>7</regKode></LogEntry>`), nil},
		{"SOAPAction of nobody", request1(statement()), []string{"urn:x"}},
		{"foreign elements, comments and xsi attributes", request1(`<x:Note xmlns:x="urn:x"><x:a/></x:Note>`, strings.NewReplacer("<system>Journal",
			`<x:system xmlns:x="urn:x">no</x:system><!-- a --><system xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="s">Jour<!-- -->nal`).Replace(statement())), nil},
		{"time with offset and more than microseconds", request1(statement("08:15:00Z", "09:15:00.0000001+01:00")), nil},
		{"time of a Danish clock", request1(statement("08:15:00Z", "09:15:00")), nil},
		{"number with a hyphen", request1(statement("<cprNrBorger>020280", "<cprNrBorger>020280-", "<bruger>050585", "<bruger>050585-")), nil},
		{"code in small letters", request1(statement("TST01", "tst01")), nil},
	} {
		t.Run("AC-10 "+c.name, func(t *testing.T) {
			s := newService(t)
			assert.Equal(t, receipt1(1, 0, ""), s.call(t, path1, c.body, c.action...))
			rows := s.stored(t)
			require.Len(t, rows, 1)
			assert.Equal(t, want, rows[0])
		})
	}
}

func TestMinLog1Conversions(t *testing.T) {
	one := func(t *testing.T, replace ...string) (minlog.Entry, string) {
		s := newService(t)
		require.Equal(t, receipt1(1, 0, ""), s.call(t, path1, request1(statement(replace...))))
		return s.stored(t)[0].Entry, s.call(t, portal, portalRequest(""))
	}
	for written, c := range map[string]struct{ source, shown string }{
		"sor": {"SOR", "sor"}, "ydernummer": {"YDER", "ydernummer"}, "ydernumber": {"YDER", "ydernummer"}, "ynumber": {"YDER", "ydernummer"},
		"cvrnumber": {"CVR", "cvrnumber"}, "pnumber": {"CVR-P", "pnumber"}, "shak": {"SKS", "shak"}, "skscode": {"SKS", "shak"},
		"communalnumber": {"Kommunekode", "communalnumber"}, "other": {"Other", "other"}, "unknown_organization": {"Other", "other"},
	} {
		t.Run("organisation "+written, func(t *testing.T) {
			e, answer := one(t, "medcom:sor", "medcom:"+written)
			assert.Equal(t, minlog.ID{Source: c.source, Value: "1"}, e.Org)
			assert.Contains(t, answer, `<brugerOrganisation NameFormat="medcom:`+c.shown+`">1</brugerOrganisation>`)
		})
	}
	for _, c := range []struct{ name, written, source, shown string }{
		{"a civil registration number", assistant, "CPR", assistant},
		{"an authorisation code", "abc12", "Autorisation", "ABC12"},
		{"a name of their own", "læge 17", "Other", "læge 17"},
		{"twenty letters", strings.Repeat("æ", 20), "Other", strings.Repeat("æ", 20)},
	} {
		t.Run("user and responsible: "+c.name, func(t *testing.T) {
			e, answer := one(t, assistant, c.written, code, c.written)
			assert.Equal(t, minlog.ID{Source: c.source, Value: c.shown}, e.User)
			assert.Equal(t, e.User, e.OnBehalfOf)
			assert.Contains(t, answer, "<bruger>"+c.shown+"</bruger><ansvarlig>"+c.shown+"</ansvarlig>")
		})
	}
	t.Run("what is not known is left out", func(t *testing.T) {
		e, answer := one(t, "<regKode>7</regKode>", "", "<ansvarlig>TST01</ansvarlig>", "<ansvarlig/>", "<sessionsId>s-12</sessionsId>", "",
			`<brugerOrganisation NameFormat="medcom:sor">1</brugerOrganisation>`, `<brugerOrganisation NameFormat="medcom:sor"/>`)
		assert.Equal(t, minlog.Entry{System: "Journal-B", Activity: "Opslag", From: e.From, To: e.To, Person: cprID(citizen), User: cprID(assistant)}, e)
		assert.Contains(t, answer, "</regKode><bruger>0505851111</bruger><system>Journal-B</system><handling>Opslag</handling><tidspunkt>")
	})
	t.Run("times are those of Denmark, with milliseconds", func(t *testing.T) {
		for sent, shown := range map[string]string{
			"2026-11-01T08:15:00.1239Z": "2026-11-01T09:15:00.123+01:00", "2026-07-01T22:15:00Z": "2026-07-02T00:15:00.000+02:00",
			"2026-10-25T00:30:00Z": "2026-10-25T02:30:00.000+02:00", "2026-10-25T01:30:00Z": "2026-10-25T02:30:00.000+01:00",
		} {
			_, answer := one(t, "2026-11-01T08:15:00Z", sent)
			assert.Contains(t, answer, "<tidspunkt>"+shown+"</tidspunkt>")
		}
	})
	t.Run("a period is shown at its end", func(t *testing.T) {
		s := newService(t)
		s.keep(t, stored(id1, "2026-11-01T08:15:00Z", func(e *minlog.Entry) { e.From = at("2026-11-01T08:00:00Z") }))
		assert.Contains(t, s.call(t, portal, portalRequest("<tilDato>2026-11-01T08:00:00Z</tilDato>")), "<tidspunkt>2026-11-01T09:15:00.000+01:00</tidspunkt>")
	})
	t.Run("AC-23 filters hide from portals what they hide from citizens and holders of custody", func(t *testing.T) {
		s := newService(t)
		filtered := func(word string) func(*minlog.Entry) { return func(e *minlog.Entry) { e.Filters = []string{word} } }
		s.keep(t, stored(id1, "2026-11-01T08:15:00Z", filtered("Ikke borger")), stored(id2, "2026-11-01T08:16:00Z", filtered("Ikke forældremyndigheds-indehaver")))
		assert.Equal(t, nothing(citizen), s.call(t, portal, portalRequest("")))
	})
}

func TestRefusedEntriesOfMinLog1(t *testing.T) {
	const organisation = `<brugerOrganisation NameFormat="medcom:sor">`
	for _, c := range []struct{ name, entry, code, text string }{
		{"citizen missing", statement("<cprNrBorger>0202801111</cprNrBorger>", ""), "missing_value", "cprNrBorger is missing"},
		{"citizen of a day that is none", statement("0202801111", "3102801111"), "invalid_person_id", "cprNrBorger is not a valid number"},
		{"citizen of zeros", statement("0202801111", "0000000000"), "invalid_person_id", "cprNrBorger is not a valid number"},
		{"citizen by another name", statement("0202801111", "TST01"), "invalid_person_id", "cprNrBorger is not a valid number"},
		{"user missing", statement("<bruger>0505851111</bruger>", ""), "missing_value", "bruger is missing"},
		{"user blank", statement("0505851111", " \n"), "missing_value", "bruger is missing"},
		{"user of 21 letters", statement("0505851111", strings.Repeat("å", 21)), "value_too_long", "bruger is too long"},
		{"responsible of 21 letters", statement("TST01", strings.Repeat("å", 21)), "value_too_long", "ansvarlig is too long"},
		{"organisation without NameFormat", statement(` NameFormat="medcom:sor"`, ""), "missing_value", "brugerOrganisation is missing"},
		{"organisation with an empty NameFormat", statement("medcom:sor", ""), "missing_value", "brugerOrganisation is missing"},
		{"NameFormat that is not known", statement("medcom:sor", "medcom:cpr"), "invalid_source", "brugerOrganisation has a source that is not allowed"},
		{"NameFormat in capitals", statement("medcom:sor", "medcom:SOR"), "invalid_source", "brugerOrganisation has a source that is not allowed"},
		{"NameFormat that is our source", statement("medcom:sor", "SOR"), "invalid_source", "brugerOrganisation has a source that is not allowed"},
		{"NameFormat without its beginning", statement("medcom:sor", "sor"), "invalid_source", "brugerOrganisation has a source that is not allowed"},
		{"NameFormat of 1,000 letters", statement("medcom:sor", strings.Repeat("x", 1000)), "invalid_source", "brugerOrganisation has a source that is not allowed"},
		{"NameFormat of a foreign namespace", statement(" NameFormat", ` xmlns:x="urn:x" x:NameFormat`), "missing_value", "brugerOrganisation is missing"},
		{"organisation of 201 letters", statement(organisation+"1", organisation+strings.Repeat("å", 201)), "value_too_long", "brugerOrganisation is too long"},
		{"system missing", statement("<system>Journal-B</system>", ""), "missing_value", "system is missing"},
		{"system of 26 letters", statement("Journal-B", strings.Repeat("å", 26)), "value_too_long", "system is too long"},
		{"act missing", statement("Opslag", ""), "missing_value", "handling is missing"},
		{"act of 76 letters", statement("Opslag", strings.Repeat("å", 76)), "value_too_long", "handling is too long"},
		{"session of 47 letters", statement("s-12", strings.Repeat("å", 47)), "value_too_long", "sessionsId is too long"},
		{"no time", statement("<tidspunkt>2026-11-01T08:15:00Z</tidspunkt>", ""), "invalid_time", "tidspunkt must hold a date and time"},
		{"a day alone", statement("T08:15:00Z", ""), "invalid_time", "tidspunkt must hold a date and time"},
		{"elements in the time", statement("2026-11-01T08:15:00Z", "<x/>"), "invalid_time", "tidspunkt must hold a date and time"},
		{"AC-6 before 2015", statement("2026-11-01T08:15:00Z", "2014-12-31T23:59:59Z"), "time_too_early", "tidspunkt is before 2015"},
		{"AC-7 two years ago", statement("2026-11-01T08:15:00Z", "2024-11-21T12:00:00Z"), "time_too_old", "tidspunkt is longer ago than MinLog shows"},
		{"AC-7 in the future", statement("2026-11-01T08:15:00Z", "2026-11-21T12:05:01Z"), "time_in_future", "tidspunkt is in the future"},
		{"two citizens", statement("<bruger>", "<cprNrBorger>0202801111</cprNrBorger><bruger>"), "duplicate_element", "cprNrBorger is repeated"},
		{"two users", statement("<ansvarlig>", "<bruger>0505851111</bruger><ansvarlig>"), "duplicate_element", "bruger is repeated"},
		{"two organisations", statement(organisation, organisation+"1</brugerOrganisation>"+organisation), "duplicate_element", "brugerOrganisation is repeated"},
		{"two times", statement("<tidspunkt>", "<tidspunkt/><tidspunkt>"), "duplicate_element", "tidspunkt is repeated"},
		{"unknown element", statement("<handling>", "<x0202801111/><handling>"), "unknown_element", "LogEntry holds an unknown element"},
		{"an element of MinLog2", statement("<handling>", "<Activity>x</Activity><handling>"), "unknown_element", "LogEntry holds an unknown element"},
		{"elements in a text", statement("Opslag", "<b/>"), "invalid_value", "handling is not valid"},
		{"elements in the user", statement("0505851111", "<b/>"), "invalid_value", "bruger is not valid"},
		{"elements in the organisation", statement(organisation+"1", organisation+"<b/>"), "invalid_value", "brugerOrganisation is not valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			assert.Equal(t, receipt1(0, 1, `<Fejl><kode>`+c.code+`</kode><tekst>`+c.text+`</tekst><regKode>7</regKode></Fejl>`), s.call(t, path1, request1(c.entry)))
			assert.Empty(t, s.stored(t))
		})
	}
	t.Run("without a regKode the place is named", func(t *testing.T) {
		s := newService(t)
		answer := s.call(t, path1, request1(statement(), statement("<regKode>7", "<regKode>"+strings.Repeat("7", 37)), `<LogEntry/>`))
		assert.Equal(t, receipt1(1, 2, `<Fejl><kode>value_too_long</kode><tekst>entry 2: regKode is too long</tekst></Fejl>`+
			`<Fejl><kode>missing_value</kode><tekst>entry 3: system is missing</tekst></Fejl>`), answer)
	})
}

func TestBulkOfMinLog1(t *testing.T) {
	bulk := func(n int) string {
		var all strings.Builder
		for i := range n {
			all.WriteString(statement("<regKode>7", fmt.Sprintf("<regKode>%d", i)))
		}
		return request1(all.String())
	}
	t.Run("AC-3 1,000 entries", func(t *testing.T) {
		s := newService(t)
		assert.Equal(t, receipt1(1000, 0, ""), s.call(t, path1, bulk(1000)))
		assert.Len(t, s.stored(t), 1000)
	})
	t.Run("AC-3 1,001 entries", func(t *testing.T) {
		s := newService(t)
		text := requireFault(t, s.post(t, path1, envelope("m-1", bulk(1001))), http.StatusInternalServerError, "too_many_entries")
		assert.Equal(t, "1001 entries, at most 1000 allowed", text)
		assert.Empty(t, s.stored(t))
	})
	t.Run("AC-16 two equal entries", func(t *testing.T) {
		for code, rows := range map[string]int{"": 2, "<regKode>7</regKode>": 1} {
			s := newService(t)
			e := statement("<regKode>7</regKode>", code)
			assert.Equal(t, receipt1(2, 0, ""), s.call(t, path1, request1(e, e)))
			assert.Len(t, s.stored(t), rows)
		}
	})
	t.Run("AC-14 a message again is answered as before", func(t *testing.T) {
		s := newService(t)
		message := envelope("m-1", request1(statement("<regKode>7</regKode>", "")))
		first := s.post(t, path1, message)
		require.Equal(t, http.StatusOK, first.Code)
		assert.Equal(t, first.Body.String(), s.post(t, path1, message).Body.String())
		assert.Len(t, s.stored(t), 1)
	})
}

func TestRefusedMessagesOfMinLog1(t *testing.T) {
	good := envelope("m-1", request1(statement()))
	for _, c := range []struct {
		name, message string
		status        int
	}{
		{"AC-12 DTD", `<!DOCTYPE x [<!ENTITY a "b">]>` + good, http.StatusInternalServerError},
		{"AC-12 truncated XML", good[:len(good)-20], http.StatusInternalServerError},
		{"AC-12 root of MinLog2", envelope("m-1", request(ns2025, entry(destination()))), http.StatusInternalServerError},
		{"AC-12 root of another namespace", strings.ReplaceAll(good, ns1, "urn:x"), http.StatusInternalServerError},
		{"AC-12 11 MiB", strings.Replace(good, "Opslag", strings.Repeat("x", 11<<20), 1), http.StatusRequestEntityTooLarge},
		{"unknown element beside the entries", envelope("m-1", request1(statement(), "<Other/>")), http.StatusInternalServerError},
		{"two requests", envelope("m-1", request1(statement())+request1(statement())), http.StatusInternalServerError},
		{"65 levels of elements", envelope("m-1", request1(strings.Repeat("<LogEntry>", 65)+strings.Repeat("</LogEntry>", 65))), http.StatusInternalServerError},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			requireFault(t, s.post(t, path1, c.message), c.status, "syntax_error")
			assert.Empty(t, s.stored(t))
		})
	}
	t.Run("SOAPAction is no other operation's", func(t *testing.T) {
		assert.Equal(t, http.StatusOK, newService(t).post(t, path1, good, "AddRegistrations").Code, "it is not known at this path")
	})
}

func TestPortalTolerance(t *testing.T) {
	s := newService(t)
	s.keep(t, stored(id1, "2026-11-01T08:15:00Z"), stored(id2, "2026-11-02T08:15:00Z"))
	for _, c := range []struct{ name, body, want string }{
		{"no window", portalRequest(""), id1 + id2},
		{"beginning alone", portalRequest("<fraDato>2026-11-02T09:15:00+01:00</fraDato>"), id2},
		{"end alone", portalRequest("<tilDato>2026-11-01T08:15:00Z</tilDato>"), id1},
		{"an instant", portalRequest("<fraDato>2026-11-01T08:15:00Z</fraDato><tilDato>2026-11-01T08:15:00Z</tilDato>"), id1},
		{"end with the first instant", portalRequest("<tilDato>0001-01-01T00:00:00Z</tilDato>"), ""},
		{"beginning with the first instant", portalRequest("<fraDato>0001-01-01T00:00:00Z</fraDato>"), id1 + id2},
		{"times of a Danish clock", portalRequest("<tilDato>2026-11-02T09:14:59</tilDato>"), id1},
		{"children qualified, shuffled", strings.NewReplacer("<cprNR", "<ml:tilDato>2026-11-01T08:15:00Z</ml:tilDato><ml:cprNR", "</cprNR", "</ml:cprNR").Replace(portalRequest("")), id1},
		{"number with a hyphen", strings.Replace(portalRequest(""), "0202801111", "020280-1111", 1), id1 + id2},
		{"foreign elements and comments", portalRequest(`<x:fraDato xmlns:x="urn:x">x</x:fraDato><!-- a -->`), id1 + id2},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := s.call(t, portal, c.body)
			var found string
			for _, part := range strings.Split(answer, "<regKode>")[1:] {
				found += part[:36]
			}
			assert.Equal(t, c.want, found)
			assert.Contains(t, answer, ` cprNrBorger="0202801111"`)
		})
	}
	t.Run("nobody's number finds nothing", func(t *testing.T) {
		assert.Equal(t, nothing("0000000000"), s.call(t, portal, strings.Replace(portalRequest(""), citizen, "0000000000", 1)))
	})
	t.Run("another's number finds nothing", func(t *testing.T) {
		assert.Equal(t, nothing(assistant), s.call(t, portal, strings.Replace(portalRequest(""), citizen, assistant, 1)))
	})
}

func TestRefusedPortalLookups(t *testing.T) {
	person := func(text string) string {
		return strings.Replace(portalRequest(""), "<cprNR>0202801111</cprNR>", text, 1)
	}
	for _, c := range []struct{ name, body, text string }{
		{"no person", person(""), "cprNR is missing"},
		{"empty person", person("<cprNR/>"), "cprNR is not valid"},
		{"person of a day that is none", person("<cprNR>3102801111</cprNR>"), "cprNR is not valid"},
		{"person of letters", person("<cprNR>TST01</cprNR>"), "cprNR is not valid"},
		{"person of other digits", person("<cprNR>٠٢٠٢٨٠١١١١</cprNR>"), "cprNR is not valid"},
		{"elements in the person", person("<cprNR><x/></cprNR>"), "cprNR is not valid"},
		{"two persons", portalRequest("<cprNR>0202801111</cprNR>"), "cprNR is repeated"},
		{"a day alone", portalRequest("<fraDato>2026-11-01</fraDato>"), "fraDato is not valid"},
		{"empty time", portalRequest("<tilDato/>"), "tilDato is not valid"},
		{"end in a year of five digits", portalRequest("<tilDato>9999-12-31T24:00:00Z</tilDato>"), "tilDato is not valid"},
		{"two beginnings", portalRequest("<fraDato>0001-01-01T00:00:00Z</fraDato><fraDato>2026-11-01T08:15:00Z</fraDato>"), "fraDato is repeated"},
		{"window that ends before it begins", portalRequest("<fraDato>2026-11-01T08:15:00Z</fraDato><tilDato>2026-11-01T08:14:59Z</tilDato>"), "fraDato is after tilDato"},
		{"unknown element", portalRequest("<x0202801111/>"), "ListLogStatementsRequest holds an unknown element"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			assert.Equal(t, c.text, requireFault(t, s.post(t, portal, envelope("m-1", c.body)), http.StatusInternalServerError, "syntax_error"))
		})
	}
	t.Run("the request of MinLog2", func(t *testing.T) {
		requireFault(t, newService(t).post(t, portal, envelope("m-1", question(""))), http.StatusInternalServerError, "syntax_error")
	})
}

func TestWhoMayCallMinLog1(t *testing.T) {
	token := system()
	token.Credential.Scheme = identity.IDWS
	for _, c := range []struct {
		name            string
		caller          identity.Caller
		register, looks bool
	}{
		{"a system", system(), true, true},
		{"an employee", employee(professional, ""), true, true},
		{"an organisation's token", token, false, false},
		{"AC-13 a citizen", identity.Caller{Kind: identity.Citizen, CPR: employee(citizen, "").CPR, Credential: identity.Credential{Scheme: identity.IDWS, Level: 4}}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.caller = c.caller
			for path, may := range map[string]bool{path1: c.register, portal: c.looks} {
				body := map[string]string{path1: request1(statement()), portal: portalRequest("")}[path]
				w := s.post(t, path, envelope("m-1"+path, body))
				if may {
					assert.Equal(t, http.StatusOK, w.Code, w.Body)
					continue
				}
				requireFault(t, w, http.StatusInternalServerError, "not_authorized")
			}
		})
	}
	t.Run("AC-13 level 3 of the card is required, 4 to read one's own log", func(t *testing.T) {
		for path, operations := range newService(t).operations {
			want := 3
			if path == citizenPath || path == assistantsPath || path == minlogws.PathCitizen20250312 || path == minlogws.PathAssistants20250312 {
				want = 4
			}
			for _, op := range operations {
				assert.Equal(t, want, op.Policy.MinLevel, path)
			}
		}
	})
}

func TestClientOfMinLog1(t *testing.T) {
	s := newService(t)
	entries := []minlog.Entry{{
		System: "Journal <B>", Activity: "Opslag & mere", To: at("2026-11-01T08:15:00.123456Z"), Org: minlog.ID{Source: minlog.PNumber, Value: "1"},
		Person: cprID(citizen), CorrelationID: "s", SequenceNumber: "7", User: cprID(assistant), OnBehalfOf: minlog.ID{Source: minlog.Authorisation, Value: code},
	}, {System: "FMK", Activity: "a", To: at("2026-11-01T08:16:00Z"), Person: cprID(citizen), User: minlog.ID{Source: minlog.Other, Value: "bot"}},
		{System: "FMK", Activity: "a", To: at("2026-11-01T08:16:00Z"), Person: cprID("3102801111"), User: cprID(assistant), SequenceNumber: "9"}}
	got, err := s.client(t, path1, system()).Register1(t.Context(), entries)
	require.NoError(t, err)
	assert.Equal(t, minlogws.Registered{Added: 2, Failed: 1, Failures: []minlogws.Refused{
		{Code: "invalid_person_id", Text: "cprNrBorger is not a valid number", SequenceNumber: "9"},
	}}, got)
	rows := s.stored(t)
	require.Len(t, rows, 2)

	client := s.client(t, portal, system())
	found, err := client.List(t.Context(), citizen, at("2026-11-01T08:15:00.123456Z"), at("2026-11-01T08:16:00Z"))
	require.NoError(t, err)
	for i := range entries[:2] {
		e := rows[i].Entry
		assert.True(t, entries[i].To.Equal(e.To))
		e.SequenceNumber = ""
		e.From, e.To = at("2026-11-01T08:15:00.123Z"), at("2026-11-01T08:15:00.123Z")
		if i == 1 {
			e.From, e.To = entries[1].To, entries[1].To
		}
		assert.Equal(t, minlogws.Statement{ID: rows[i].ID, Entry: e}, found[i])
	}
	found, err = client.List(t.Context(), assistant, at("2026-11-01T08:15:00Z"), now)
	require.NoError(t, err)
	assert.Empty(t, found)
	_, err = client.List(t.Context(), "x", at("2026-11-01T08:15:00Z"), now)
	var f *soap.Fault
	require.ErrorAs(t, err, &f)
	assert.Equal(t, fault.CodeSyntax, f.Code)
}

func TestMinLog1TellsNoPerson(t *testing.T) {
	t.Run("AC-43 faults, refused entries and logs", func(t *testing.T) {
		s := newService(t)
		var texts []string
		post := func(path, body string) { texts = append(texts, s.post(t, path, envelope("m-1", body)).Body.String()) }
		for _, change := range [][]string{{"medcom:sor", citizen}, {"<system>", "<e0202801111/><system>"}, {"2026-11-01T08:15:00Z", citizen}, {citizen, citizen + "0"}} {
			post(path1, request1(statement(change...)))
		}
		post(path1, request1("<e0202801111/>"))
		post(portal, strings.Replace(portalRequest(""), citizen, citizen+"0", 1))
		post(portal, portalRequest("<e0202801111/>"))
		post(portal, portalRequest("<fraDato>0202801111</fraDato>"))
		s.caller.Org.CVR = "99999902"
		post(portal, portalRequest(""))
		for i, text := range append(texts, s.log.String()) {
			assert.NotContains(t, text, citizen, fmt.Sprint("text ", i))
		}
	})
}
