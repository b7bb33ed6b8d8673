package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/tests/nsptest"
)

// registered puts entries into the server's store.
func registered(t *testing.T, s *nsptest.Server, entries ...entry) {
	t.Helper()
	answer := s.System(cvr).Call(t, register, bulk(entries...))
	require.Equal(t, []string{fmt.Sprint(len(entries))}, answer.All(t, "NumberAdded"), "%s", answer.Body)
	s.Consumed(t)
}

// activities returns the activities of the single registrations in a lookup's answer.
func activities(t *testing.T, a nsptest.Answer) (found []string) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	all := a.All(t, "Activity")
	for i := range len(all) / 2 { // once for the group, once for its one entry
		found = append(found, all[2*i])
	}
	return found
}

func refused(t *testing.T, a nsptest.Answer, code, text string) {
	t.Helper()
	assert.Equal(t, http.StatusInternalServerError, a.Status, "%s", a.Body)
	assert.Equal(t, code, a.FaultCode)
	if text != "" {
		assert.Equal(t, text, a.Text)
	}
	assert.NotContains(t, string(a.Body), "LogDataGroup")
}

func TestCitizenLookup(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		me := s.Doctor(professional, "TST01")
		registered(t, s,
			entry{person: professional, activity: "At", time: "2026-11-01T10:00:00Z"},
			entry{person: professional, activity: "After", time: "2026-11-01T11:00:00Z"},
			entry{person: professional, activity: "Period", from: "2026-11-01T09:00:00Z", to: "2026-11-01T10:10:00Z"},
			entry{person: professional, activity: "Hidden", time: "2026-11-02T10:00:00Z", filters: []string{"Ikke borger"}},
			entry{person: professional, activity: "Shown to me", time: "2026-11-02T11:00:00Z", filters: []string{"Ikke forældremyndigheds-indehaver"}},
			entry{person: professional, activity: "Other filter", time: "2026-11-02T12:00:00Z", filters: []string{"Andet"}},
			entry{person: citizen, activity: "Somebody else"},
			entry{person: teen, activity: "Teen"}, entry{person: child, activity: "Child"})

		t.Run("AC-22 window", func(t *testing.T) {
			answer := me.Call(t, citizenLog, ownLog(professional,
				"<l:Chronologic>true</l:Chronologic><l:FromDateTime>2026-11-01T10:00:00Z</l:FromDateTime><l:ToDateTime>2026-11-01T11:00:00Z</l:ToDateTime>"))
			assert.Equal(t, []string{"At", "Period"}, activities(t, answer))
		})
		t.Run("AC-23 filters", func(t *testing.T) {
			answer := me.Call(t, citizenLog, ownLog(professional, "<l:FromDateTime>2026-11-02T00:00:00Z</l:FromDateTime>"))
			assert.Equal(t, []string{"Other filter", "Shown to me"}, activities(t, answer))
		})
		t.Run("AC-26 teen", func(t *testing.T) {
			assert.Equal(t, []string{"Teen"}, activities(t, s.Doctor(teen, "TST03").Call(t, citizenLog, ownLog(teen, ""))))
		})
		t.Run("AC-26 child", func(t *testing.T) {
			refused(t, s.Doctor(child, "TST03").Call(t, citizenLog, ownLog(child, "")), "not_authorized", "no access to this person's log")
		})
		t.Run("AC-30 own CPR number", func(t *testing.T) {
			assert.Len(t, activities(t, me.Call(t, citizenLog, ownLog(professional, ""))), 5)
		})
		t.Run("AC-30 other CPR number", func(t *testing.T) {
			refused(t, me.Call(t, citizenLog, ownLog(citizen, "")), "not_authorized", "no access to this person's log")
		})
		t.Run("AC-30 level 3 card", func(t *testing.T) {
			refused(t, s.System(cvr).Call(t, citizenLog, ownLog(professional, "")), "security_level_failed", "")
		})
		t.Run("AC-43 person's users are masked", func(t *testing.T) {
			answer := me.Call(t, citizenLog, ownLog(professional, ""))
			assert.NotContains(t, string(answer.Body), assistant)
		})
		t.Run("filters and grouping that the contract does not name", func(t *testing.T) {
			refused(t, me.Call(t, citizenLog, ownLog(professional, `<l:FilterPass field="Shoe">46</l:FilterPass>`)), "syntax_error", "")
			assert.Len(t, activities(t, me.Call(t, citizenLog, ownLog(professional, "<l:Grouping>Week</l:Grouping>"))), 5)
		})
	})
}

func TestAssistantsLog(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		registered(t, s,
			entry{activity: "By code", behalf: "TST01", time: "2026-11-01T10:00:00Z"},
			entry{activity: "By CPR", behalf: professional, behalfSource: "CPR", time: "2026-11-01T11:00:00Z"},
			entry{activity: "Own act", user: professional, behalf: "TST01", time: "2026-11-01T12:00:00Z"},
			entry{activity: "For another", behalf: "TST02", time: "2026-11-01T13:00:00Z"},
			entry{activity: "Hidden from the citizen", behalf: "TST01", time: "2026-11-01T14:00:00Z", filters: []string{"Ikke borger"}})
		me := s.Doctor(professional, "TST01")
		want := []string{"Hidden from the citizen", "By CPR", "By code"}
		t.Run("AC-31 by CPR number", func(t *testing.T) {
			answer := me.Call(t, assistants, behalfLog("CPR", professional, ""))
			assert.Equal(t, want, activities(t, answer))
			assert.Contains(t, string(answer.Body), assistant, "the professional sees who acted")
		})
		t.Run("AC-31 by authorisation code", func(t *testing.T) {
			assert.Equal(t, want, activities(t, me.Call(t, assistants, behalfLog("Autorisation", "TST01", ""))))
		})
		t.Run("AC-31 another's code", func(t *testing.T) {
			refused(t, me.Call(t, assistants, behalfLog("Autorisation", "TST02", "")), "not_authorized", "OnBehalfOfPersonId is not the caller")
		})
		t.Run("AC-31 card without authorisation", func(t *testing.T) {
			refused(t, s.Doctor(professional, "").Call(t, assistants, behalfLog("CPR", professional, "")), "not_authorized", "OnBehalfOfPersonId is not the caller")
		})
		t.Run("grouped by day without details", func(t *testing.T) {
			answer := me.Call(t, assistants, behalfLog("Autorisation", "TST01", "<l:Grouping>Day</l:Grouping><l:Details>None</l:Details>"))
			assert.Equal(t, 3, answer.Count(t, "LogDataGroup"), "activities differ: %s", answer.Body)
			assert.Zero(t, answer.Count(t, "LogDataEntry"))
		})
	})
}

func TestPages(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		me := s.Doctor(professional, "TST01")
		at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		many := func(from, n int) (entries []entry) {
			for i := range n {
				entries = append(entries, entry{person: professional, activity: fmt.Sprint(from + i), time: at.Add(time.Duration(from+i) * time.Second).Format(time.RFC3339)})
			}
			return entries
		}
		registered(t, s, many(0, 1000)...)
		registered(t, s, many(1000, 250)...)
		page := func(a nsptest.Actor, token string) nsptest.Answer {
			more := "<l:PageSize>500</l:PageSize>"
			if token != "" {
				more += "<l:PageToken>" + token + "</l:PageToken>"
			}
			return a.Call(t, citizenLog, ownLog(professional, more))
		}
		first := page(me, "")
		t.Run("AC-32 pages of 1250 entries while rows arrive", func(t *testing.T) {
			seen := map[string]bool{}
			answer, sizes := first, []int{}
			for {
				found := activities(t, answer)
				sizes = append(sizes, len(found))
				for _, a := range found {
					assert.False(t, seen[a], "%s is shown twice", a)
					seen[a] = true
				}
				token := answer.All(t, "NextPageToken")
				if len(token) == 0 {
					break
				}
				registered(t, s, many(2000+len(sizes), 1)...) // newer than all
				answer = page(me, token[0])
			}
			assert.Equal(t, []int{500, 500, 250}, sizes)
			assert.Len(t, seen, 1250)
		})
		token := first.All(t, "NextPageToken")[0]
		t.Run("AC-32 altered token", func(t *testing.T) {
			i := len(token) / 2
			other := "A"
			if token[i] == 'A' {
				other = "B"
			}
			refused(t, page(me, token[:i]+other+token[i+1:]), "syntax_error", "")
		})
		t.Run("AC-32 another caller's token", func(t *testing.T) {
			you := s.Doctor("0101010001", "TST01")
			answer := you.Call(t, citizenLog, ownLog("0101010001", "<l:PageSize>500</l:PageSize><l:PageToken>"+token+"</l:PageToken>"))
			refused(t, answer, "syntax_error", "")
		})
		t.Run("too many results", func(t *testing.T) {
			small := nsptest.Start(t, nsptest.Options{Set: map[string]string{"minlog.max_entries": "100"}})
			registered(t, small, many(0, 101)...)
			refused(t, small.Doctor(professional, "TST01").Call(t, citizenLog, ownLog(professional, "<l:Grouping>Day</l:Grouping>")), "too_many_results", "")
		})
	})
}

func TestContracts(t *testing.T) {
	s := nsptest.Start(t, nsptest.Options{})
	for path, root := range map[string]string{
		"/minlog2-registration/20250312/RegisterService": "RegisterServicePort", "/minlog2-registration/20230425/RegisterService": "RegisterServicePort",
		"/minlog2-registration/RegisterService": "RegisterServicePort", "/minlog2-lookupid/LookupidService": "LookupidService",
		"/minlog2-lookupid/20250312/LookupidService": "LookupidService", "/minlog2-lookup/LookupService": "LookupService",
		"/minlog2-lookup/20250312/LookupService": "LookupService", "/sts/services/NewSecurityTokenService": "SecurityTokenService",
		"/sts/services/SecurityTokenService": "SecurityTokenService",
	} {
		t.Run("AC-41 contract of "+path, func(t *testing.T) {
			wsdl := s.Do(t, http.MethodGet, path+"?wsdl", nil)
			require.Equal(t, http.StatusOK, wsdl.Status)
			assert.Contains(t, string(wsdl.Body), root)
			assert.Contains(t, string(wsdl.Body), `location="`+s.URL+path+`"`)
			imports := 0
			for _, part := range strings.Split(string(wsdl.Body), `schemaLocation="`)[1:] {
				location, _, _ := strings.Cut(part, `"`)
				_, query, _ := strings.Cut(location, "?")
				xsd := s.Do(t, http.MethodGet, path+"?"+query, nil)
				assert.Equal(t, http.StatusOK, xsd.Status, location)
				assert.Positive(t, xsd.Count(t, "schema"), location)
				imports++
			}
			assert.Positive(t, imports)
		})
	}
	t.Run("AC-41 address of a server with a public URL", func(t *testing.T) {
		s := nsptest.Start(t, nsptest.Options{Set: map[string]string{"http.public_url": "https://nsp.example.test"}})
		wsdl := s.Do(t, http.MethodGet, register+"?wsdl", nil)
		assert.Contains(t, string(wsdl.Body), `location="https://nsp.example.test`+register+`"`)
	})
}
