package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/tests/nsptest"
)

// MinLog1, as its clients write it.
const (
	register1 = "/minlog1-registration/RegisterService"
	portal    = "/minlog/"
)

// logEntry1 is a LogEntry with an organisation of a format.
func logEntry1(code, person, activity, at, format, org string) string {
	return `<LogEntry><regKode>` + code + `</regKode><cprNrBorger>` + person + `</cprNrBorger><bruger>` + assistant + `</bruger><ansvarlig>TST01</ansvarlig>` +
		`<brugerOrganisation NameFormat="` + format + `">` + org + `</brugerOrganisation><system>Journal-B</system><handling>` + activity + `</handling>` +
		`<sessionsId>s-12</sessionsId><tidspunkt>` + at + `</tidspunkt></LogEntry>`
}

func bulk1(entries ...string) string {
	return `<m:RegisterLogStatementsRequest xmlns:m="urn:opennsp:minlog1:registration:1">` + strings.Join(entries, "") + `</m:RegisterLogStatementsRequest>`
}

// portalLog asks for the log of person between two times.
func portalLog(person, from, to string) string {
	var window string
	if from != "" {
		window += "<fraDato>" + from + "</fraDato>"
	}
	if to != "" {
		window += "<tilDato>" + to + "</tilDato>"
	}
	return `<ml:ListLogStatementsRequest xmlns:ml="http://nsi.dk/minlog/2012/05/24/"><cprNR>` + person + `</cprNR>` + window + `</ml:ListLogStatementsRequest>`
}

func TestMinLog1(t *testing.T) {
	set := map[string]string{"grants": "minlog.minlog1=" + cvr}
	onEveryStore(t, nsptest.Options{Set: set}, func(t *testing.T, s *nsptest.Server) {
		old := s.System(cvr)
		add := func(t *testing.T, entries ...string) {
			t.Helper()
			answer := old.Call(t, register1, bulk1(entries...))
			require.Equal(t, []string{fmt.Sprint(len(entries))}, answer.All(t, "antalTilfoejet"), "%s", answer.Body)
			s.Consumed(t)
		}
		const code = "6d7a3f62-0000-4000-8000-000000000001"
		t.Run("AC-34 the sample is registered and looked up", func(t *testing.T) {
			add(t, logEntry1(code, citizen, "Opslag i journal", "2026-11-01T09:15:00+01:00", "medcom:sor", "999000000000001"))
			rows := stored(t, s, "CPR:"+citizen)
			require.Len(t, rows, 1)
			assert.Equal(t, "minlog1", rows[0].Registrar.Interface)
			assert.Equal(t, code, rows[0].Entry.SequenceNumber)
			answer := old.Call(t, portal, portalLog(citizen, "2026-11-01T00:00:00Z", "2026-11-01T23:59:59Z"))
			require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
			for element, want := range map[string]string{
				"regKode": uuid(rows[0].ID), "bruger": assistant, "ansvarlig": "TST01", "brugerOrganisation": "999000000000001", "system": "Journal-B",
				"handling": "Opslag i journal", "sessionsId": "s-12", "tidspunkt": "2026-11-01T09:15:00.000+01:00",
			} {
				assert.Equal(t, []string{want}, answer.All(t, element), element)
			}
			assert.Contains(t, string(answer.Body), `NameFormat="medcom:sor"`)
			assert.Contains(t, string(answer.Body), `cprNrBorger="`+citizen+`"`)
		})
		t.Run("AC-34 sent again it is one", func(t *testing.T) {
			add(t, logEntry1(code, citizen, "Opslag i journal", "2026-11-01T09:15:00+01:00", "medcom:sor", "999000000000001"))
			assert.Len(t, stored(t, s, "CPR:"+citizen), 1)
		})
		t.Run("AC-34 an organisation that is not on the list", func(t *testing.T) {
			answer := s.System("12345678").Call(t, portal, portalLog(citizen, "", ""))
			assert.Equal(t, "not_authorized", answer.FaultCode, "%s", answer.Body)
			assert.NotContains(t, string(answer.Body), "LogEntry")
		})
		t.Run("AC-13 a card of level 2", func(t *testing.T) {
			for path, body := range map[string]string{portal: portalLog(citizen, "", ""), register1: bulk1()} {
				answer := s.As(s.SystemCard(cvr).With("sosi:AuthenticationLevel", "2")).Call(t, path, body)
				assert.Equal(t, "security_level_failed", answer.FaultCode, path)
			}
		})
		t.Run("AC-34 an empty window", func(t *testing.T) {
			answer := old.Call(t, portal, portalLog(citizen, "2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z"))
			require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
			assert.Zero(t, answer.Count(t, "LogEntry"))
		})
		t.Run("AC-35 both ends of the window count, and the organisation keeps its register", func(t *testing.T) {
			add(t, logEntry1("1", teen, "First", "2026-11-02T10:00:00Z", "medcom:pnumber", "1003388394"),
				logEntry1("2", teen, "Last", "2026-11-02T11:00:00Z", "medcom:pnumber", "1003388394"),
				logEntry1("3", teen, "After", "2026-11-02T11:00:00.001Z", "medcom:pnumber", "1003388394"))
			answer := old.Call(t, portal, portalLog(teen, "2026-11-02T10:00:00Z", "2026-11-02T11:00:00Z"))
			assert.Equal(t, []string{"First", "Last"}, answer.All(t, "handling"), "oldest first")
			assert.Equal(t, 2, strings.Count(string(answer.Body), `NameFormat="medcom:pnumber"`))
		})
		t.Run("what is registered today is shown to yesterday's portal, but what is hidden", func(t *testing.T) {
			registered(t, s, entry{person: stranger, activity: "Shown"}, entry{person: stranger, activity: "Hidden", filters: []string{hiddenFromAll}},
				entry{person: stranger, activity: "Not custody", filters: []string{hiddenFromCustody}})
			assert.Equal(t, []string{"Shown"}, old.Call(t, portal, portalLog(stranger, "", "")).All(t, "handling"))
		})
		t.Run("entries that are refused are told one by one", func(t *testing.T) {
			answer := old.Call(t, register1, bulk1(logEntry1("7", "3102801111", "Opslag", "2026-11-01T09:15:00+01:00", "medcom:sor", "1"),
				logEntry1("8", citizen, "Opslag", "2026-11-01T09:15:00+01:00", "medcom:unheard", "1")))
			assert.Equal(t, []string{"2"}, answer.All(t, "antalFejlet"), "%s", answer.Body)
			assert.Equal(t, []string{"invalid_person_id", "invalid_source"}, answer.All(t, "kode"))
			assert.Equal(t, []string{"7", "8"}, answer.All(t, "regKode"))
		})
		s.Stop()
		assert.NotContains(t, s.Logs(), citizen, "AC-43 no number in the log")
	})
}

func TestReduction(t *testing.T) {
	set := map[string]string{"minlog.reduction.window": "10m", "minlog.reduction.systems": "Untouched=0s"}
	onEveryStore(t, nsptest.Options{Set: set}, func(t *testing.T, s *nsptest.Server) {
		at := func(minute int) string { return time.Date(2026, 11, 1, 8, minute, 0, 0, time.UTC).Format(time.RFC3339) }
		periods := func(person string) (all []string) {
			for _, r := range stored(t, s, minlog.Key("CPR:"+person)) {
				all = append(all, r.Entry.From.Format("15:04")+"-"+r.Entry.To.Format("15:04")+" "+r.Entry.User.Value)
			}
			return all
		}
		send := func(person, system string) {
			t.Helper()
			var all []entry
			for _, minute := range []int{14, 0, 30, 5} {
				all = append(all, entry{person: person, system: system, time: at(minute)})
			}
			all = append(all, entry{person: person, system: system, time: at(7), user: professional})
			answer := s.System(cvr).Call(t, register, bulk(all...))
			assert.Equal(t, []string{"5"}, answer.All(t, "NumberAdded"), "%s", answer.Body)
		}
		t.Run("AC-36 equal accesses are one period", func(t *testing.T) {
			send(citizen, "FMK")
			assert.ElementsMatch(t, []string{"08:00-08:14 " + assistant, "08:30-08:30 " + assistant, "08:07-08:07 " + professional}, periods(citizen))
		})
		t.Run("AC-36 a system with a rule of its own", func(t *testing.T) {
			send(child, "Untouched")
			assert.Len(t, periods(child), 5)
		})
	})
}
