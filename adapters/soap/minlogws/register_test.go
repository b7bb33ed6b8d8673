package minlogws_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/domain/minlog"
)

const (
	newest = minlogws.PathRegistration
	older  = minlogws.PathRegistration20230425
)

// destination is a good Destination with its parts replaced: old, new in turn.
func destination(replace ...string) string {
	return strings.NewReplacer(replace...).Replace(`<Destination><SystemName>FMK</SystemName><Activity>Opslag</Activity>` +
		`<DateTime>2026-11-01T08:15:00Z</DateTime><OrganisationId source="SOR">1</OrganisationId><PersonIdentifier source="CPR">0202801111</PersonIdentifier>` +
		`<SequenceNumber>7</SequenceNumber><UserPersonIdentifier source="CPR">0505851111</UserPersonIdentifier><UserRole>Læge</UserRole></Destination>`)
}

func entry(destination string) string { return `<LogDataEntry>` + destination + `</LogDataEntry>` }

func request(space string, entries ...string) string {
	return `<r:RegistrationRequest xmlns:r="` + space + `">` + strings.Join(entries, "") + `</r:RegistrationRequest>`
}

func TestRegistrationSample(t *testing.T) {
	t.Run("AC-1 sample", func(t *testing.T) {
		s := newService(t)
		answer := s.call(t, minlogws.PathRegistration20250312, sample(t, "registration-request.xml"), "AddRegistrations_20250312")
		assert.Equal(t, compact(sample(t, "registration-response.xml")), answer)
		rows := s.stored(t)
		require.Len(t, rows, 1)
		assert.Equal(t, "cb2b07c4-dc0f-87cb-a148-7537894193bc", rows[0].ID.String())
		assert.Equal(t, minlog.Registrar{CVR: "33257872", ITSystem: "Service Consumer Test", MessageID: "m-1", Interface: "20250312"}, rows[0].Registrar)
		assert.Equal(t, minlog.Entry{
			Source: &minlog.Chain{CorrelationID: "s-4711", System: "Praksis-A"}, System: "FMK", Activity: "Opslag på medicinkort", Addition: "Ingen",
			From: at("2026-11-01T08:15:00Z"), To: at("2026-11-01T08:15:00Z"), Org: minlog.ID{Source: "SOR", Value: "999000000000001"}, OrgName: "Testklinikken",
			Person: minlog.ID{Source: "CPR", Value: citizen}, CorrelationID: "s-4711", SequenceNumber: "7", User: minlog.ID{Source: "CPR", Value: assistant},
			UserRole: "Sygeplejerske", OnBehalfOf: minlog.ID{Source: "Autorisation", Value: code},
		}, rows[0].Entry)
	})
}

func TestTolerance(t *testing.T) {
	good := entry(`<Source><CorrelationId>s</CorrelationId><SystemName>P</SystemName></Source>` + destination())
	want := func() minlog.Registration {
		s := newService(t)
		s.call(t, newest, request(ns2025, good), "AddRegistrations")
		return s.stored(t)[0]
	}()
	qualified := strings.NewReplacer("</", "</r:", "<", "<r:").Replace(good)
	for _, c := range []struct {
		name, body string
		action     []string
	}{
		{"AC-10 children qualified", request(ns2025, qualified), []string{"AddRegistrations"}},
		{"AC-10 children in the default namespace", `<RegistrationRequest xmlns="` + ns2025 + `">` + good + `</RegistrationRequest>`, []string{"AddRegistrations"}},
		{"AC-10 shuffled", request(ns2025, entry(`<Destination><UserRole>Læge</UserRole><UserPersonIdentifier source="CPR">0505851111</UserPersonIdentifier>`+
			`<SequenceNumber>7</SequenceNumber><PersonIdentifier source="CPR">0202801111</PersonIdentifier><OrganisationId source="SOR">1</OrganisationId>`+
			`<DateTime>2026-11-01T08:15:00Z</DateTime><Activity>Opslag</Activity><SystemName>FMK</SystemName></Destination>`+
			`<Source><SystemName>P</SystemName><CorrelationId>s</CorrelationId></Source>`)), nil},
		{"AC-10 SOAPAction quoted and with the version", request(ns2025, good), []string{`"AddRegistrations_20250312"`}},
		{"AC-10 SOAPAction bare", request(ns2025, good), []string{"AddRegistrations"}},
		{"AC-10 SOAPAction absent", request(ns2025, good), nil},
		{"SOAPAction of the other version", request(ns2025, good), []string{"AddRegistrations_20230425"}},
		{"foreign elements, comments and xsi attributes", request(ns2025, `<x:Note xmlns:x="urn:x"><x:a/></x:Note>`, strings.NewReplacer(
			"<SystemName>FMK", `<x:Note xmlns:x="urn:x"/><!-- a comment --><SystemName xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="s">FM<!-- -->K`,
		).Replace(good)), nil},
		{"CDATA and references", request(ns2025, strings.Replace(good, "Opslag", "<![CDATA[Ops]]>l&#97;g", 1)), nil},
		{"empty optional elements", request(ns2025, strings.Replace(good, "<UserRole>", `<Reason/><OrganisationName></OrganisationName><Filter/><OnBehalfOfPersonIdentifier source="CPR"/><UserRole>`, 1)), nil},
		{"time with offset and fraction", request(ns2025, strings.Replace(good, "08:15:00Z", "09:15:00.0000001+01:00", 1)), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			answer := s.call(t, newest, c.body, c.action...)
			assert.Contains(t, answer, `<NumberAdded>1</NumberAdded><NumberFailed>0</NumberFailed>`)
			rows := s.stored(t)
			require.Len(t, rows, 1)
			assert.Equal(t, want, rows[0])
		})
	}
	t.Run("every path takes both versions and answers in the request's", func(t *testing.T) {
		for path, space := range map[string]string{newest: ns2023, older: ns2025} {
			s := newService(t)
			assert.Contains(t, s.call(t, path, request(space, good)), `<r:RegistrationResponse xmlns:r="`+space+`">`)
			version := map[string]string{ns2023: "20230425", ns2025: "20250312"}[space]
			assert.Equal(t, version, s.stored(t)[0].Registrar.Interface)
		}
	})
}

func TestRefusedEntriesOnTheWire(t *testing.T) {
	const at = `<DateTime>2026-11-01T08:15:00Z</DateTime>`
	from, to := strings.ReplaceAll(at, "DateTime", "FromDateTime"), strings.ReplaceAll(at, "DateTime", "ToDateTime")
	for _, c := range []struct {
		name, space, entry, code, text string
	}{
		{"AC-2 organisation source SKS on 20250312", ns2025, destination(`"SOR"`, `"SKS"`), "invalid_source", "OrganisationId has a source that is not allowed"},
		{"AC-4 EuropeanHealthcareProfessional on 20230425", ns2023, destination(`<UserPersonIdentifier source="CPR">`, `<UserPersonIdentifier source="EuropeanHealthcareProfessional">`),
			"invalid_source", "UserPersonIdentifier has a source that is not allowed"},
		{"AC-5 activity of 76 letters", ns2025, destination("Opslag", strings.Repeat("æ", 76)), "value_too_long", "Activity is too long"},
		{"AC-6 before 2015", ns2025, destination("2026-11-01T08:15:00Z", "2014-12-31T23:59:59Z"), "time_too_early", "DateTime is before 2015"},
		{"AC-6 first instant of 2015", ns2025, destination("2026-11-01T08:15:00Z", "2015-01-01T00:00:00Z"), "time_too_old", "DateTime is longer ago than MinLog shows"},
		{"AC-7 in the future", ns2025, destination("2026-11-01T08:15:00Z", "2026-11-21T12:05:01Z"), "time_in_future", "DateTime is in the future"},
		{"AC-7 two years ago", ns2025, destination("2026-11-01T08:15:00Z", "2024-11-21T12:00:00Z"), "time_too_old", "DateTime is longer ago than MinLog shows"},
		{"AC-8 instant and beginning", ns2025, destination(at, at+from), "invalid_time", "DateTime: either DateTime or both FromDateTime and ToDateTime must hold a date and time"},
		{"AC-8 only the end", ns2025, destination(at, to), "invalid_time", "FromDateTime: either DateTime or both FromDateTime and ToDateTime must hold a date and time"},
		{"AC-8 two activities", ns2025, destination("</Activity>", "</Activity><Activity>Opslag</Activity>"), "duplicate_element", "Activity is repeated"},
		{"AC-11 CPR of a day that is none", ns2025, destination("0202801111", "3102801111"), "invalid_person_id", "PersonIdentifier is not a valid number"},
		{"AC-11 CPR of zeros", ns2025, destination("0202801111", "0000000000"), "invalid_person_id", "PersonIdentifier is not a valid number"},
		{"no time", ns2025, destination(at, ""), "invalid_time", "FromDateTime: either DateTime or both FromDateTime and ToDateTime must hold a date and time"},
		{"unreadable time", ns2025, destination("08:15:00Z", "08:15:60Z"), "invalid_time", "DateTime: either DateTime or both FromDateTime and ToDateTime must hold a date and time"},
		{"elements in the time", ns2025, destination("2026-11-01T08:15:00Z", "<x/>"), "invalid_time", "DateTime: either DateTime or both FromDateTime and ToDateTime must hold a date and time"},
		{"period too long", ns2025, destination(at, from+strings.Replace(to, "2026-11-01", "2026-12-03", 1)), "time_in_future", "ToDateTime is in the future"},
		{"period of 32 days", ns2025, destination(at, strings.Replace(from, "2026-11-01", "2026-09-30", 1)+to), "period_too_long", "ToDateTime is too long after FromDateTime"},
		{"system missing", ns2025, destination("<SystemName>FMK</SystemName>", ""), "missing_value", "SystemName is missing"},
		{"source attribute missing", ns2025, destination(`<PersonIdentifier source="CPR">`, `<PersonIdentifier>`), "missing_value", "PersonIdentifier is missing"},
		{"unknown element", ns2025, destination("<UserRole>", "<x0202801111/><UserRole>"), "unknown_element", "LogDataEntry holds an unknown element"},
		{"elements in a text", ns2025, destination("Læge", "<b/>"), "invalid_value", "UserRole is not valid"},
		{"eleven filters", ns2025, destination("</UserRole>", "</UserRole>"+strings.Repeat("<Filter>x</Filter>", 11)), "too_many_filters", "Filter occurs more than 10 times"},
		{"elements in a filter", ns2025, destination("</UserRole>", "</UserRole><Filter><x/></Filter>"), "invalid_value", "Filter is not valid"},
		{"nine links", ns2025, strings.Repeat("<Source>", 9) + strings.Repeat("</Source>", 9) + destination(), "source_too_deep", "Source is nested deeper than 8"},
		{"text of a link repeated", ns2025, "<Source><SystemName>a</SystemName><SystemName>b</SystemName></Source>" + destination(), "duplicate_element", "Source is repeated"},
		{"link repeated", ns2025, "<Source><Source/><Source/></Source>" + destination(), "duplicate_element", "Source is repeated"},
		{"elements in a link", ns2025, "<Source><SystemName><x/></SystemName></Source>" + destination(), "invalid_value", "Source is not valid"},
		{"unknown element in a link", ns2025, "<Source><x/></Source>" + destination(), "unknown_element", "LogDataEntry holds an unknown element"},
		{"system of a link too long", ns2025, "<Source><SystemName>" + strings.Repeat("x", 26) + "</SystemName></Source>" + destination(), "value_too_long", "Source/SystemName is too long"},
		{"two destinations", ns2025, destination() + destination(), "duplicate_element", "Destination is repeated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			answer := s.call(t, newest, request(c.space, entry(c.entry)))
			sequence := "<SequenceNumber>7</SequenceNumber>"
			text := c.text
			if c.name == "two destinations" {
				require.Contains(t, answer, sequence)
			}
			assert.Equal(t, `<r:RegistrationResponse xmlns:r="`+c.space+`"><FailedLogDataEntries><FaultCode>`+c.code+`</FaultCode><FaultText>`+text+
				`</FaultText>`+sequence+`</FailedLogDataEntries><NumberAdded>0</NumberAdded><NumberFailed>1</NumberFailed></r:RegistrationResponse>`, answer)
			assert.Empty(t, s.stored(t))
		})
	}
	t.Run("without a sequence number the place is named", func(t *testing.T) {
		s := newService(t)
		bad := destination("<SequenceNumber>7</SequenceNumber>", "", "Opslag", "")
		answer := s.call(t, newest, request(ns2025, entry(destination()), entry(bad), `<LogDataEntry/>`))
		assert.Contains(t, answer, `<FaultText>entry 2: Activity is missing</FaultText></FailedLogDataEntries>`)
		assert.Contains(t, answer, `<FaultText>entry 3: Destination is missing</FaultText></FailedLogDataEntries>`)
		assert.Len(t, s.stored(t), 1)
	})
}

func TestAcceptedOnTheWire(t *testing.T) {
	for _, c := range []struct {
		name, space, entry string
		check              func(*testing.T, minlog.Entry)
	}{
		{"AC-2 Yder on 20230425", ns2023, destination(`"SOR"`, `"Yder"`), func(t *testing.T, e minlog.Entry) { assert.Equal(t, "YDER", e.Org.Source) }},
		{"AC-2 XYZ on 20230425", ns2023, destination(`"SOR"`, `"XYZ"`), func(t *testing.T, e minlog.Entry) { assert.Equal(t, "XYZ", e.Org.Source) }},
		{"AC-4 EuropeanHealthcareProfessional on 20250312", ns2025, destination(`<UserPersonIdentifier source="CPR">`, `<UserPersonIdentifier source="EuropeanHealthcareProfessional">`),
			func(t *testing.T, e minlog.Entry) { assert.Equal(t, "EuropeanHealthcareProfessional", e.User.Source) }},
		{"AC-5 activity of 75 letters", ns2025, destination("Opslag", strings.Repeat("æ", 75)),
			func(t *testing.T, e minlog.Entry) { assert.Equal(t, strings.Repeat("æ", 75), e.Activity) }},
		{"AC-7 five minutes from now", ns2025, destination("2026-11-01T08:15:00Z", "2026-11-21T12:05:00Z"),
			func(t *testing.T, e minlog.Entry) { assert.Equal(t, at("2026-11-21T12:05:00Z"), e.To) }},
		{"AC-7 a microsecond less than two years ago", ns2025, destination("2026-11-01T08:15:00Z", "2024-11-21T12:00:00.000001Z"),
			func(t *testing.T, e minlog.Entry) { assert.Equal(t, at("2024-11-21T12:00:00.000001Z"), e.To) }},
		{"AC-9 the hour that autumn repeats, without zone", ns2025, destination("2026-11-01T08:15:00Z", "2026-10-25T02:30:00"),
			func(t *testing.T, e minlog.Entry) { assert.Equal(t, at("2026-10-25T00:30:00Z"), e.To) }},
		{"the hour that spring leaves out, without zone", ns2025, destination("2026-11-01T08:15:00Z", "2026-03-29T02:30:00"),
			func(t *testing.T, e minlog.Entry) { assert.Equal(t, at("2026-03-29T01:30:00Z"), e.To) }},
		{"AC-11 CPR with hyphen", ns2025, destination("0202801111", "020280-1111"), func(t *testing.T, e minlog.Entry) { assert.Equal(t, citizen, e.Person.Value) }},
		{"eight links, the innermost named", ns2025, strings.Repeat("<Source>", 8) + "<SystemName>x</SystemName>" + strings.Repeat("</Source>", 8) + destination(),
			func(t *testing.T, e minlog.Entry) {
				assert.NotNil(t, e.Source.Source.Source.Source.Source.Source.Source.Source)
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.call(t, newest, request(c.space, entry(c.entry)))
			rows := s.stored(t)
			require.Len(t, rows, 1)
			c.check(t, rows[0].Entry)
		})
	}
}

func TestBulkOnTheWire(t *testing.T) {
	bulk := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, entry(destination("<SequenceNumber>7", fmt.Sprintf("<SequenceNumber>%d", i))))
		}
		return request(ns2025, all...)
	}
	t.Run("AC-3 1,000 entries", func(t *testing.T) {
		s := newService(t)
		assert.Contains(t, s.call(t, newest, bulk(1000)), "<NumberAdded>1000</NumberAdded>")
		assert.Len(t, s.stored(t), 1000)
	})
	t.Run("AC-3 1,001 entries", func(t *testing.T) {
		s := newService(t)
		text := requireFault(t, s.post(t, newest, envelope("m-1", bulk(1001))), http.StatusInternalServerError, "too_many_entries")
		assert.Equal(t, "1001 entries, at most 1000 allowed", text)
		assert.Empty(t, s.stored(t))
	})
	t.Run("AC-3 no entry", func(t *testing.T) {
		s := newService(t)
		text := requireFault(t, s.post(t, newest, envelope("m-1", bulk(0))), http.StatusInternalServerError, "syntax_error")
		assert.Equal(t, "at least one LogDataEntry is required", text)
	})
	t.Run("AC-16 two equal entries", func(t *testing.T) {
		for sequence, rows := range map[string]int{"": 2, "<SequenceNumber>7</SequenceNumber>": 1} {
			s := newService(t)
			e := entry(destination("<SequenceNumber>7</SequenceNumber>", sequence))
			assert.Contains(t, s.call(t, newest, request(ns2025, e, e)), "<NumberAdded>2</NumberAdded>")
			assert.Len(t, s.stored(t), rows)
		}
	})
	t.Run("AC-15 the same message twice, the kept answers emptied between", func(t *testing.T) {
		s := newService(t)
		e := entry(destination("<SequenceNumber>7</SequenceNumber>", ""))
		for range 2 {
			s.sent = 0
			assert.Contains(t, s.call(t, newest, request(ns2025, e)), "<NumberAdded>1</NumberAdded>")
			_, err := s.db.Replies().Purge(t.Context(), now.Add(25*time.Hour), 10)
			require.NoError(t, err)
		}
		assert.Len(t, s.stored(t), 1)
	})
}

func TestRefusedMessages(t *testing.T) {
	good := envelope("m-1", request(ns2025, entry(destination())))
	for _, c := range []struct {
		name, message string
		status        int
		action        []string
	}{
		{"AC-12 DTD", `<!DOCTYPE x [<!ENTITY a "b">]>` + good, http.StatusInternalServerError, nil},
		{"AC-12 truncated XML", good[:len(good)-20], http.StatusInternalServerError, nil},
		{"AC-12 other root", envelope("m-1", `<r:OtherRequest xmlns:r="`+ns2025+`"/>`), http.StatusInternalServerError, nil},
		{"AC-12 root of another namespace", envelope("m-1", request("urn:x", entry(destination()))), http.StatusInternalServerError, nil},
		{"AC-12 11 MiB", strings.Replace(good, "Opslag", strings.Repeat("x", 11<<20), 1), http.StatusRequestEntityTooLarge, nil},
		{"unknown element beside the entries", envelope("m-1", request(ns2025, entry(destination()), "<Other/>")), http.StatusInternalServerError, nil},
		{"two children of the Body", strings.Replace(good, "</soap:Body>", "<x/></soap:Body>", 1), http.StatusInternalServerError, nil},
		{"not XML", "FMK", http.StatusInternalServerError, nil},
		{"empty", "", http.StatusInternalServerError, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			requireFault(t, s.post(t, newest, c.message, c.action...), c.status, "syntax_error")
			assert.Empty(t, s.stored(t))
			assert.Contains(t, s.call(t, newest, request(ns2025, entry(destination()))), "<NumberAdded>1</NumberAdded>", "the service goes on")
		})
	}
	t.Run("AC-13 a citizen registers", func(t *testing.T) {
		s := newService(t)
		s.caller.Kind = 3
		requireFault(t, s.post(t, newest, good), http.StatusInternalServerError, "not_authorized")
		assert.Empty(t, s.stored(t))
	})
}
