package e2e

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/nsptest"
)

func TestRegistration(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		epj := s.System(cvr)

		t.Run("AC-1 sample of two entries, one of them bad", func(t *testing.T) {
			request, err := os.ReadFile("testdata/registration-request.xml")
			require.NoError(t, err)
			want, err := os.ReadFile("testdata/registration-response.xml")
			require.NoError(t, err)
			message := epj.Message("m-1", strings.TrimSpace(string(request)))
			answer := s.Post(t, register, message)
			require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
			assert.Contains(t, string(answer.Body), strings.TrimSpace(string(want)))
			rows := stored(t, s, "CPR:0202801111")
			require.Len(t, rows, 1)
			assert.Equal(t, "cb2b07c4-dc0f-87cb-a148-7537894193bc", uuid(rows[0].ID))
		})

		failed := func(t *testing.T, path string, namespace string, e entry, code string) {
			t.Helper()
			answer := epj.Call(t, path, bulkOf(namespace, e))
			require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
			if code == "" {
				assert.Equal(t, []string{"1"}, answer.All(t, "NumberAdded"), "%s", answer.Body)
				return
			}
			assert.Equal(t, []string{"0"}, answer.All(t, "NumberAdded"))
			assert.Equal(t, []string{"1"}, answer.All(t, "NumberFailed"))
			assert.Equal(t, []string{code}, answer.All(t, "FaultCode"))
		}
		letters := func(n int) string { return strings.Repeat("æ", n) }
		for _, c := range []struct {
			name, path, namespace string
			entry                 entry
			code                  string
		}{
			{"AC-2 SKS on 20250312", register, registration2025, entry{org: "1301011", orgSource: "SKS"}, "invalid_source"},
			{"AC-4 EuropeanHealthcareProfessional on 20250312", register, registration2025, entry{user: "DE - 4711", userSource: "EuropeanHealthcareProfessional"}, ""},
			{"AC-4 EuropeanHealthcareProfessional on 20230425", register23, registration2023, entry{user: "DE - 4711", userSource: "EuropeanHealthcareProfessional"}, "invalid_source"},
			{"AC-5 Activity of 75 letters", register, registration2025, entry{activity: letters(75)}, ""},
			{"AC-5 Activity of 76 letters", register, registration2025, entry{activity: letters(76)}, "value_too_long"},
			{"AC-6 before 2015", register, registration2025, entry{time: "2014-12-31T23:59:59Z"}, "time_too_early"},
			{"AC-6 first instant of 2015", register, registration2025, entry{time: "2015-01-01T00:00:00Z"}, "time_too_old"},
			{"AC-7 five minutes ahead", register, registration2025, entry{time: "2026-11-21T12:05:00Z"}, ""},
			{"AC-7 a second more", register, registration2025, entry{time: "2026-11-21T12:05:01Z"}, "time_in_future"},
			{"AC-7 at the cutoff", register, registration2025, entry{time: "2024-11-21T12:00:00Z"}, "time_too_old"},
			{"AC-7 a microsecond after the cutoff", register, registration2025, entry{time: "2024-11-21T12:00:00.000001Z"}, ""},
			{"AC-8 DateTime with FromDateTime", register, registration2025, entry{extra: "<FromDateTime>2026-11-01T08:15:00Z</FromDateTime>"}, "invalid_time"},
			{"AC-8 only ToDateTime", register, registration2025, entry{to: "2026-11-01T08:15:00Z"}, "invalid_time"},
			{"AC-8 two Activity", register, registration2025, entry{extra: "<Activity>Opslag</Activity>"}, "duplicate_element"},
			{"AC-11 no such day", register, registration2025, entry{person: "3102801111"}, "invalid_person_id"},
			{"AC-11 ten zeros", register, registration2025, entry{person: "0000000000"}, "invalid_person_id"},
		} {
			t.Run(c.name, func(t *testing.T) { failed(t, c.path, c.namespace, c.entry, c.code) })
		}

		t.Run("AC-2 organisation sources of 20230425", func(t *testing.T) {
			failed(t, register23, registration2023, entry{person: "0101010002", org: "015121", orgSource: "Yder"}, "")
			failed(t, register23, registration2023, entry{person: "0101010002", org: "4711", orgSource: "XYZ"}, "")
			var sources []string
			for _, r := range stored(t, s, "CPR:0101010002") {
				sources = append(sources, r.Entry.Org.Source)
			}
			assert.ElementsMatch(t, []string{"YDER", "XYZ"}, sources)
		})
		t.Run("AC-9 the hour that autumn repeats, without zone", func(t *testing.T) {
			failed(t, register, registration2025, entry{person: "0101010003", time: "2026-10-25T02:30:00"}, "")
			rows := stored(t, s, "CPR:0101010003")
			require.Len(t, rows, 1)
			assert.Equal(t, time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), rows[0].Entry.To)
		})
		t.Run("AC-11 hyphen", func(t *testing.T) {
			failed(t, register, registration2025, entry{person: "010101-0004"}, "")
			assert.Len(t, stored(t, s, "CPR:0101010004"), 1)
		})
		t.Run("AC-16 equal entries with and without sequence number", func(t *testing.T) {
			twice := func(e entry) {
				answer := epj.Call(t, register, bulk(e, e))
				assert.Equal(t, []string{"2"}, answer.All(t, "NumberAdded"), "%s", answer.Body)
			}
			twice(entry{person: "0101010005"})
			assert.Len(t, stored(t, s, "CPR:0101010005"), 2)
			twice(entry{person: "0101010006", sequence: "7"})
			assert.Len(t, stored(t, s, "CPR:0101010006"), 1)
		})
		t.Run("AC-15 same message twice", func(t *testing.T) {
			message := epj.Message("same", bulk(entry{person: "0101010007"}, entry{person: "0101010007", activity: "Ret"}))
			for range 2 {
				answer := s.Post(t, register, message)
				assert.Equal(t, http.StatusOK, answer.Status)
				assert.Equal(t, []string{"2"}, answer.All(t, "NumberAdded"))
			}
			assert.Len(t, stored(t, s, "CPR:0101010007"), 2)
		})
		t.Run("AC-10 form of the request does not matter", func(t *testing.T) {
			const person = "0101010008"
			plain := entry{person: person, sequence: "1"}.xml()
			qualified := strings.NewReplacer("</", "</r:", "<", "<r:").Replace(plain)
			qualified = strings.ReplaceAll(qualified, "<r:/r:", "</r:")
			shuffled := strings.Replace(plain, "<SystemName>FMK</SystemName>", "", 1)
			shuffled = strings.Replace(shuffled, "</Destination>", "<SystemName>FMK</SystemName></Destination>", 1)
			for _, body := range []string{plain, qualified, shuffled} {
				for _, action := range []string{`"AddRegistrations_20250312"`, "AddRegistrations_20250312", `"AddRegistrations"`, `""`, ""} {
					request := `<r:RegistrationRequest xmlns:r="` + registration2025 + `">` + body + `</r:RegistrationRequest>`
					answer := s.Post(t, register, epj.Message(nsptest.NewMessageID(), request), "SOAPAction", action)
					assert.Equal(t, []string{"1"}, answer.All(t, "NumberAdded"), "%s: %s", action, answer.Body)
				}
			}
			assert.Len(t, stored(t, s, "CPR:"+person), 1, "the sequence number makes all of them one")
		})
		t.Run("AC-13 users may register too", func(t *testing.T) {
			answer := s.Doctor(professional, "TST01").Call(t, register, bulk(entry{person: "0101010009"}))
			assert.Equal(t, []string{"1"}, answer.All(t, "NumberAdded"), "%s", answer.Body)
		})
	})
}

func TestBulkSize(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		epj := s.System(cvr)
		many := func(n int) []entry {
			entries := make([]entry, n)
			for i := range entries {
				entries[i].sequence = fmt.Sprint(i)
			}
			return entries
		}
		t.Run("AC-3 1001 entries", func(t *testing.T) {
			answer := epj.Call(t, register, bulk(many(1001)...))
			assert.Equal(t, http.StatusInternalServerError, answer.Status)
			assert.Equal(t, "too_many_entries", answer.FaultCode)
			assert.Equal(t, "1001 entries, at most 1000 allowed", answer.Text)
			assert.Empty(t, stored(t, s, "CPR:"+citizen))
		})
		t.Run("AC-3 no entry", func(t *testing.T) {
			assert.Equal(t, "syntax_error", epj.Call(t, register, bulk()).FaultCode)
		})
		t.Run("AC-3 1000 entries", func(t *testing.T) {
			assert.Equal(t, []string{"1000"}, epj.Call(t, register, bulk(many(1000)...)).All(t, "NumberAdded"))
			assert.Len(t, stored(t, s, "CPR:"+citizen), 1000)
		})
	})
}

func TestAppendFails(t *testing.T) {
	var log *portstest.FailingMessageLog
	broken := nsptest.Options{MessageLog: func(l ports.MessageLog) ports.MessageLog {
		log = &portstest.FailingMessageLog{Log: l}
		return log
	}}
	onEveryStore(t, broken, func(t *testing.T, s *nsptest.Server) {
		t.Run("AC-14 append fails, the client retries with a new MessageID", func(t *testing.T) {
			epj := s.System(cvr)
			request := bulk(entry{sequence: "1"}, entry{sequence: "2"})
			log.OnAppend.FailFrom(1, errors.New("disk full"))
			answer := epj.Call(t, register, request)
			assert.Equal(t, http.StatusInternalServerError, answer.Status)
			assert.Equal(t, "processing_problem", answer.FaultCode)
			assert.Empty(t, stored(t, s, "CPR:"+citizen))
			log.OnAppend.Heal()
			for range 2 {
				assert.Equal(t, []string{"2"}, epj.Call(t, register, request).All(t, "NumberAdded"))
			}
			assert.Len(t, stored(t, s, "CPR:"+citizen), 2)
		})
	})
}

func TestDeadLetter(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		t.Run("AC-20 undecodable record between good ones", func(t *testing.T) {
			epj := s.System(cvr)
			epj.Call(t, register, bulk(entry{}))
			require.NoError(t, s.MessageLog.Append(t.Context(), []messagelog.Record{{Topic: "minlog.registrations.v1", Value: []byte("{broken")}}))
			epj.Call(t, register, bulk(entry{activity: "Ret"}))
			assert.Len(t, stored(t, s, "CPR:"+citizen), 2)
			dead, err := s.LogStore.DeadLetters(t.Context(), s.Clock.Now().Add(-time.Hour))
			require.NoError(t, err)
			assert.EqualValues(t, 1, dead)
			s.Clock.Advance(time.Second) // past the cached health
			alarm := s.Do(t, http.MethodGet, "/minlog2-registration/alarm", nil)
			assert.Equal(t, http.StatusInternalServerError, alarm.Status)
			assert.Contains(t, string(alarm.Body), "1 dead letter")
		})
	})
}

func TestConcurrentRegistration(t *testing.T) {
	set := map[string]string{"minlog.append_timeout": "2m", "http.call_timeout": "3m"}
	t.Run("AC-18 SQLite, two consumers", func(t *testing.T) {
		s := nsptest.Start(t, nsptest.Options{Store: "sqlite", Set: set})
		stop := s.SecondConsumer(t)
		registeredAtOnce(t, 4, s, s)
		stop()
	})
	t.Run("AC-18 PostgreSQL and Kafka, two servers, one with a second consumer", func(t *testing.T) {
		both := maps.Clone(set)
		both["store.dsn"] = nsptest.Postgres(t)
		o := nsptest.Options{Store: "postgres", Kafka: nsptest.Kafka(t), Set: both}
		one, other := nsptest.Start(t, o), nsptest.Start(t, o)
		stop := other.SecondConsumer(t)
		registeredAtOnce(t, 20, one, other)
		stop()
	})
}

// registeredAtOnce has 50 clients register so many bulks of 100 entries each, half of them at each server, and finds every entry once.
func registeredAtOnce(t *testing.T, bulks int, servers ...*nsptest.Server) {
	t.Helper()
	const clients, entries = 50, 100
	if testing.Short() { // under the race detector
		bulks = 2
	}
	failures := make(chan string, clients)
	for c := range clients {
		epj := servers[c%len(servers)].System(cvr)
		go func() {
			for b := range bulks {
				batch := make([]entry, entries)
				for i := range batch {
					batch[i] = entry{sequence: fmt.Sprintf("%d-%d-%d", c, b, i), person: fmt.Sprintf("010101%04d", c+1)}
				}
				answer := epj.Call(t, register, bulk(batch...))
				if added := answer.All(t, "NumberAdded"); len(added) != 1 || added[0] != fmt.Sprint(entries) {
					failures <- string(answer.Body)
					return
				}
			}
			failures <- ""
		}()
	}
	for range clients {
		require.Empty(t, <-failures)
	}
	s := servers[0]
	total := 0
	for c := range clients {
		total += len(stored(t, s, minlog.Key(fmt.Sprintf("CPR:010101%04d", c+1))))
	}
	assert.Equal(t, clients*bulks*entries, total)
	assert.EqualValues(t, clients*bulks*entries, reported(t, s))
}

// stored returns what the store has of person once everything was consumed.
func stored(t *testing.T, s *nsptest.Server, person minlog.Key) []minlog.Registration {
	t.Helper()
	s.Consumed(t)
	q, err := minlog.Window(minlog.Cutoff(s.Clock.Now(), 2), time.Time{}, time.Time{}, 744*time.Hour, false)
	require.NoError(t, err)
	rows, err := s.LogStore.ByPerson(t.Context(), person, q, minlog.Cursor{}, 1_000_000)
	require.NoError(t, err)
	return rows
}

// reported returns the sum of the daily counts.
func reported(t *testing.T, s *nsptest.Server) (sum int64) {
	t.Helper()
	day := s.Clock.Now()
	counts, err := s.LogStore.Daily(t.Context(), dayOf(day.AddDate(0, 0, -1)), dayOf(day.AddDate(0, 0, 2)), "")
	require.NoError(t, err)
	for _, c := range counts {
		sum += c.Stored
	}
	return sum
}

func uuid(id minlog.RegistrationID) string {
	h := hex.EncodeToString(id[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
