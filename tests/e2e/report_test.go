package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/tests/nsptest"
)

type reportDay struct {
	Day, System, CVR string
	Stored, Rejected int64
}

// report asks for the days of a window.
func report(t *testing.T, c nsptest.Client, query string) []reportDay {
	t.Helper()
	var answer struct{ Days []reportDay }
	resp := c.Do(t, http.MethodGet, "/api/minlog/v1/report?"+query, nil, &answer)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return answer.Days
}

func TestReport(t *testing.T) {
	night := time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC) // half past midnight in Copenhagen
	onEveryStore(t, nsptest.Options{Now: night}, func(t *testing.T, s *nsptest.Server) {
		const other = "12345678"
		at := "2026-10-31T10:00:00Z"
		send := func(organisation string, entries ...entry) {
			t.Helper()
			answer := s.System(organisation).Call(t, register, bulk(entries...))
			require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
			s.Consumed(t)
		}
		send(cvr, entry{time: at}, entry{time: at}, entry{time: at, person: "3102801111"}, entry{time: at, system: "Journal-B"})
		send(other, entry{time: at})
		repeated := entry{time: at, sequence: "7"}
		send(other, repeated)
		send(other, repeated)
		fmk := reportDay{Day: "2026-11-01", System: "FMK", CVR: cvr, Stored: 2, Rejected: 1}
		journal := reportDay{Day: "2026-11-01", System: "Journal-B", CVR: cvr, Stored: 1}
		theirs := reportDay{Day: "2026-11-01", System: "FMK", CVR: other, Stored: 2}
		const november = "from=2026-11-01&to=2026-12-01"
		system := s.System(cvr).Session(t)
		t.Run("AC-39 a system sees what its own organisation registered", func(t *testing.T) {
			assert.ElementsMatch(t, []reportDay{fmk, journal}, report(t, system, november))
			assert.Equal(t, []reportDay{theirs}, report(t, s.System(other).Session(t), november))
			assert.Empty(t, report(t, s.System("99999999").Session(t), november))
		})
		t.Run("AC-39 the operator sees all, counted on the Copenhagen day of receipt", func(t *testing.T) {
			assert.ElementsMatch(t, []reportDay{fmk, journal, theirs}, report(t, s.Operator(t), november))
			assert.Empty(t, report(t, s.Operator(t), "from=2026-10-01&to=2026-11-01"))
			assert.ElementsMatch(t, []reportDay{journal}, report(t, s.Operator(t), november+"&system=Journal-B"))
		})
		t.Run("AC-39 nobody else sees anything", func(t *testing.T) {
			resp := s.Doctor(professional, "TST01").Session(t).Do(t, http.MethodGet, "/api/minlog/v1/report?"+november, nil, nil)
			assert.Equal(t, http.StatusForbidden, resp.StatusCode)
		})
		t.Run("401 days are too many", func(t *testing.T) {
			resp := system.Do(t, http.MethodGet, "/api/minlog/v1/report?from=2025-01-01&to=2026-02-06", nil, nil)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
		})
	})
}

func TestRegistrationByREST(t *testing.T) {
	onEveryStore(t, nsptest.Options{Registers: families()}, func(t *testing.T, s *nsptest.Server) {
		type object = map[string]any
		system := s.System(cvr).Session(t)
		id := func(source, value string) object { return object{"source": source, "id": value} }
		access := object{
			"system": "FMK", "activity": "Opslag", "at": "2026-11-01T08:15:00+01:00", "person": id("CPR", child), "user": id("CPR", assistant),
			"filters": []string{hiddenFromCustody},
		}
		body := object{"entries": []object{access, {"system": "FMK", "activity": "Opslag", "at": "2026-11-01T08:15:00Z", "person": id("CPR", "3102801111"), "user": id("CPR", assistant)}}}
		type receipt struct {
			Added, Failed int
			Failures      []struct {
				Index int
				Code  string
			}
		}
		t.Run("AC-44 without key and sequence numbers", func(t *testing.T) {
			assert.Equal(t, http.StatusBadRequest, system.Do(t, http.MethodPost, "/api/minlog/v1/registrations", body, nil).StatusCode)
			assert.Empty(t, stored(t, s, "CPR:"+child))
		})
		t.Run("AC-44 the same key twice", func(t *testing.T) {
			const key = "key-of-a-client-1"
			for range 2 {
				var got receipt
				resp := system.DoKeyed(t, http.MethodPost, "/api/minlog/v1/registrations", key, body, &got)
				require.Equal(t, http.StatusOK, resp.StatusCode)
				assert.Equal(t, 1, got.Added)
				require.Len(t, got.Failures, 1)
				assert.Equal(t, 1, got.Failures[0].Index)
				assert.Equal(t, "invalid_person_id", got.Failures[0].Code)
			}
			assert.Len(t, stored(t, s, "CPR:"+child), 1)
		})
		type statements struct {
			View   string
			Groups []struct {
				Count   int
				Entries []struct{ RegistrationID, Activity string }
			}
			NextPageToken *string
		}
		registered(t, s, entry{person: child, activity: "Shown"}, entry{person: professional, activity: "Own", behalf: "TST01"})
		parent := s.Citizen(citizen).For(audience).Session(t)
		t.Run("AC-24 a parent over REST", func(t *testing.T) {
			var got statements
			before := object{"person": id("CPR", child), "to": "2026-11-02T00:00:00Z"} // without the lookup itself
			resp := parent.Do(t, http.MethodPost, "/api/minlog/v1/citizen-lookups", before, &got)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, "custody", got.View)
			require.Len(t, got.Groups, 1)
			assert.Equal(t, "Shown", got.Groups[0].Entries[0].Activity)
			assert.Nil(t, got.NextPageToken)
		})
		t.Run("AC-28 a stranger over REST", func(t *testing.T) {
			resp := parent.Do(t, http.MethodPost, "/api/minlog/v1/citizen-lookups", object{"person": id("CPR", stranger)}, nil)
			assert.Equal(t, http.StatusForbidden, resp.StatusCode)
		})
		t.Run("AC-31 assistants over REST, and one's own log", func(t *testing.T) {
			doctor := s.Doctor(professional, "TST01").Session(t)
			for path, view := range map[string]string{"assistant-lookups": "assistant", "citizen-lookups": "self"} {
				var got statements
				resp := doctor.Do(t, http.MethodPost, "/api/minlog/v1/"+path, object{}, &got)
				require.Equal(t, http.StatusOK, resp.StatusCode, path)
				assert.Equal(t, view, got.View)
				require.Len(t, got.Groups, 1, path)
				assert.Equal(t, "Own", got.Groups[0].Entries[0].Activity)
			}
		})
	})
}
