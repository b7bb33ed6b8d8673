package portstest

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// OpenLogStore returns an empty log store and the unit of work that it joins.
type OpenLogStore func(*testing.T) (ports.LogStore, ports.UnitOfWork)

// LogStore runs the contract of ports.LogStore.
func LogStore(t *testing.T, open OpenLogStore) {
	t.Run("store", func(t *testing.T) { logStoreStore(t, open) })
	t.Run("find", func(t *testing.T) { logStoreFind(t, open) })
	t.Run("counts", func(t *testing.T) { logStoreCounts(t, open) })
	t.Run("expire", func(t *testing.T) { logStoreExpire(t, open) })
	t.Run("bulk", func(t *testing.T) { logStoreBulk(t, open) })
	t.Run("any run of calls answers as a naive store does", func(t *testing.T) { logStoreModel(t, open) })
}

var (
	noon    = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	source  = minlog.Partition{Topic: "minlog.registrations.v1", Number: 0}
	citizen = minlog.ID{Source: minlog.CPR, Value: "0202801111"}
	other   = minlog.ID{Source: minlog.CPR, Value: "0303164444"}
	doctor  = minlog.ID{Source: minlog.Authorisation, Value: "TST01"}
)

// registration returns the n-th registration of person: it lasts from To - length to To.
func registration(n int, person minlog.ID, to time.Time, length time.Duration) minlog.Registration {
	var id minlog.RegistrationID
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return minlog.Registration{
		ID: id, ReceivedAt: noon,
		Registrar: minlog.Registrar{CVR: "33257872", ITSystem: "Service Consumer Test", MessageID: "m-1", Interface: "20250312"},
		Entry: minlog.Entry{System: "FMK", Activity: "Opslag på medicinkort", From: to.Add(-length), To: to, Person: person,
			User: minlog.ID{Source: minlog.CPR, Value: "0505851111"}},
	}
}

func ids(rs []minlog.Registration) (ns []int) {
	for _, r := range rs {
		ns = append(ns, int(binary.BigEndian.Uint64(r.ID[8:]))) //nolint:gosec // the suite's own small numbers
	}
	return ns
}

// keep stores registrations as the next step of the partition.
func keep(ctx context.Context, t *testing.T, s ports.LogStore, rs ...minlog.Registration) int {
	t.Helper()
	next, _, err := s.NextOffset(ctx, source)
	require.NoError(t, err)
	n, err := s.Store(ctx, source, next, next+int64(len(rs)), minlog.Batch{Registrations: rs})
	require.NoError(t, err)
	return n
}

func logStoreStore(t *testing.T, open OpenLogStore) {
	t.Run("NextOffset of a new partition is not ok", func(t *testing.T) {
		s, _ := open(t)
		requireNew(bounded(t), t, s, source.Topic)
	})

	t.Run("a new partition is at any from, and steps from there", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		require.NoError(t, step(ctx, s, "a", 4711, 4712))
		requireAt(ctx, t, s, "a", 4712)
		require.NoError(t, step(ctx, s, "a", 4712, 4712), "an empty step")
		require.NoError(t, step(ctx, s, "a", 4712, 5000))
		requireAt(ctx, t, s, "a", 5000)
		_, err := s.Store(ctx, minlog.Partition{Topic: "a", Number: 1}, 7, 8, minlog.Batch{})
		require.NoError(t, err, "another partition of the topic")
		requireAt(ctx, t, s, "a", 5000)
	})

	t.Run("Store where the partition is elsewhere is a Conflict and changes nothing", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		keep(ctx, t, s, registration(1, citizen, noon, 0))
		for _, from := range []int64{0, 2} {
			n, err := s.Store(ctx, source, from, from+1, minlog.Batch{
				Registrations: []minlog.Registration{registration(2, citizen, noon, 0)},
				Tallies:       []minlog.Tally{{ReceivedAt: noon, Registrar: minlog.Registrar{CVR: "33257872"}, Rejected: map[string]int{"FMK": 1}}},
				DeadLetters:   []minlog.DeadLetter{{Offset: from, Reason: "unreadable", At: noon}},
			})
			require.True(t, fault.Is(err, fault.Conflict), "Store from %d: %v", from, err)
			assert.Zero(t, n)
		}
		requireAt(ctx, t, s, source.Topic, 1)
		assert.Equal(t, []int{1}, ids(find(ctx, t, s, minlog.Query{})))
		assert.Equal(t, []minlog.Count{{Day: calendar.DayOf(noon), System: "FMK", CVR: "33257872", Stored: 1}}, days(ctx, t, s))
		letters, err := s.DeadLetters(ctx, time.Time{})
		require.NoError(t, err)
		assert.Zero(t, letters)
	})

	t.Run("Store joins the unit of work in the context", func(t *testing.T) {
		s, units := open(t)
		outer := bounded(t)
		batch := minlog.Batch{
			Registrations: []minlog.Registration{registration(1, citizen, noon, 0)},
			Tallies:       []minlog.Tally{{ReceivedAt: noon, Registrar: minlog.Registrar{CVR: "33257872"}, Rejected: map[string]int{"FMK": 1}}},
			DeadLetters:   []minlog.DeadLetter{{Offset: 1, Reason: "unreadable", At: noon}},
		}
		work := func(ctx context.Context) error {
			n, err := s.Store(ctx, source, 0, 2, batch)
			require.NoError(t, err)
			assert.Equal(t, 1, n)
			assert.Equal(t, []int{1}, ids(find(ctx, t, s, minlog.Query{})), "ByPerson within the unit")
			return nil
		}
		require.Equal(t, errBoom, units.Run(outer, work, func(context.Context) error { return errBoom }))
		requireNew(outer, t, s, source.Topic)
		assert.Empty(t, find(outer, t, s, minlog.Query{}))
		assert.Empty(t, days(outer, t, s))
		letters, err := s.DeadLetters(outer, time.Time{})
		require.NoError(t, err)
		assert.Zero(t, letters)
		require.NoError(t, units.Run(outer, work, nothing))
		assert.Equal(t, []int{1}, ids(find(outer, t, s, minlog.Query{})))
	})

	t.Run("a known id is ignored and not counted", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		first := registration(1, citizen, noon, 0)
		assert.Equal(t, 1, keep(ctx, t, s, first))
		again := first
		again.ReceivedAt = noon.Add(time.Hour)
		again.Registrar.MessageID = "m-2"
		assert.Equal(t, 0, keep(ctx, t, s, again))
		assert.Equal(t, 2, keep(ctx, t, s, registration(2, citizen, noon, 0), again, registration(3, other, noon, 0)))
		got := find(ctx, t, s, minlog.Query{Chronologic: true})
		assert.Equal(t, []int{1, 2}, ids(got))
		assert.Equal(t, first, got[0], "the first one is kept")
		assert.Equal(t, []minlog.Count{{Day: calendar.DayOf(noon), System: "FMK", CVR: "33257872", Stored: 3}}, days(ctx, t, s))
	})

	for _, n := range []int{1, 100, 2001} {
		t.Run(fmt.Sprintf("Store of %d registrations keeps each once, also when stored again", n), func(t *testing.T) {
			s, _ := open(t)
			ctx := bounded(t)
			rs := make([]minlog.Registration, n)
			for i := range rs {
				rs[i] = registration(i, citizen, noon.Add(-time.Duration(i)*time.Second), 0)
			}
			assert.Equal(t, n-n/2, keep(ctx, t, s, rs[n/2:]...))
			assert.Equal(t, n/2, keep(ctx, t, s, rs...))
			got := ids(find(ctx, t, s, minlog.Query{}))
			require.Len(t, got, n)
			for i, id := range got {
				require.Equal(t, i, id)
			}
			assert.Equal(t, int64(n), days(ctx, t, s)[0].Stored)
		})
	}

	t.Run("one of several that store the same step wins", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		const consumers, steps = 6, 5
		for i := range int64(steps) {
			var wg sync.WaitGroup
			errs := make(chan error, consumers)
			for c := range consumers {
				wg.Go(func() {
					_, err := s.Store(ctx, source, i, i+1, minlog.Batch{Registrations: []minlog.Registration{
						registration(int(i)*consumers+c, citizen, noon, 0),
					}})
					errs <- err
				})
			}
			wg.Wait()
			close(errs)
			won := 0
			for err := range errs {
				if err == nil {
					won++
				} else {
					require.True(t, fault.Is(err, fault.Conflict), "Store: %v", err)
				}
			}
			require.Equal(t, 1, won, "step %d", i)
		}
		requireAt(ctx, t, s, source.Topic, steps)
		assert.Len(t, find(ctx, t, s, minlog.Query{}), steps)
		assert.Equal(t, int64(steps), days(ctx, t, s)[0].Stored)
	})

	t.Run("Store keeps nothing of the batch", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		r := registration(1, citizen, noon, 0)
		r.Entry.Source, r.Entry.Filters = &minlog.Chain{System: "Praksis-A"}, []string{"Ikke borger"}
		rs := []minlog.Registration{r}
		keep(ctx, t, s, rs...)
		rs[0].Entry.Source.System, rs[0].Entry.Filters[0], rs[0].Entry.Activity = "x", "x", "x"
		got := find(ctx, t, s, minlog.Query{})
		assert.Equal(t, "Praksis-A", got[0].Entry.Source.System)
		assert.Equal(t, []string{"Ikke borger"}, got[0].Entry.Filters)
	})
}

func logStoreFind(t *testing.T, open OpenLogStore) {
	t.Run("ByPerson returns every member of a registration", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		full := registration(1, citizen, noon.Add(123456*time.Microsecond), 90*time.Minute)
		full.ID = minlog.RegistrationID{0xff, 0, 1, 2, 3, 4, 0x80, 5, 6, 7, 8, 9, 10, 11, 12, 0xfe}
		full.ReceivedAt = noon.Add(time.Hour + 654321*time.Microsecond)
		full.Registrar = minlog.Registrar{CVR: "12345678", ITSystem: "It 'system' \"æ\" <&>", MessageID: "m\x1f\n", Interface: "20230425"}
		full.Entry = minlog.Entry{
			Source: &minlog.Chain{CorrelationID: "s-1", System: "A", Source: &minlog.Chain{CorrelationID: "s-2", Source: &minlog.Chain{System: "C"}}},
			System: "FMK", Activity: "Opslag <&> 'æøå' \"\u2028\"", Reason: "r", Addition: "Værdispring", Criticality: "Privatmarkeret",
			From: full.Entry.From, To: full.Entry.To, Org: minlog.ID{Source: minlog.SOR, Value: "999000000000001"}, OrgName: "Testklinikken",
			Person: citizen, PersonName: "p", CorrelationID: "c", SequenceNumber: "7", User: minlog.ID{Source: minlog.CPR, Value: "0505851111"},
			UserName: "u", UserRole: "Sygeplejerske", OnBehalfOf: doctor, OnBehalfOfName: "b", OnBehalfOfRole: "Læge",
			Filters: []string{"Ikke borger", "x"},
		}
		bare := registration(2, citizen, noon, 0)
		bare.Registrar = minlog.Registrar{CVR: "12345678"}
		keep(ctx, t, s, full, bare)
		assert.Equal(t, []minlog.Registration{bare, full}, find(ctx, t, s, minlog.Query{Chronologic: true}))
		behalf, err := s.ByBehalf(ctx, doctor.Key(), minlog.Query{}, minlog.Cursor{}, 10)
		require.NoError(t, err)
		assert.Equal(t, []minlog.Registration{full}, behalf)
	})

	t.Run("the receipt is cut to microseconds", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		r := registration(1, citizen, noon, 0)
		r.ReceivedAt = noon.Add(1999).In(calendar.Location())
		keep(ctx, t, s, r)
		assert.Equal(t, noon.Add(1000), find(ctx, t, s, minlog.Query{})[0].ReceivedAt)
	})

	t.Run("an unknown key gives none", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		keep(ctx, t, s, registration(1, citizen, noon, 0))
		for _, key := range []minlog.Key{other.Key(), "", ":", "CPR:", "CPR:020280111", "CPR:02028011111", "cpr:0202801111", "eCPR:0202801111"} {
			got, err := s.ByPerson(ctx, key, minlog.Query{}, minlog.Cursor{}, 10)
			require.NoError(t, err)
			assert.Empty(t, got, "ByPerson")
			got, err = s.ByBehalf(ctx, key, minlog.Query{}, minlog.Cursor{}, 10)
			require.NoError(t, err)
			assert.Empty(t, got, "ByBehalf")
		}
	})

	t.Run("the order is (To, id), newest or oldest first", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		keep(ctx, t, s, registration(5, citizen, noon, 0), registration(2, citizen, noon, time.Hour), registration(9, citizen, noon.Add(-time.Minute), 0),
			registration(1, citizen, noon.Add(time.Microsecond), 0), registration(7, other, noon, 0))
		assert.Equal(t, []int{1, 5, 2, 9}, ids(find(ctx, t, s, minlog.Query{})))
		assert.Equal(t, []int{9, 2, 5, 1}, ids(find(ctx, t, s, minlog.Query{Chronologic: true})))
	})

	for _, chronologic := range []bool{false, true} {
		t.Run(fmt.Sprintf("pages follow the cursor, exclusive, chronologic %t", chronologic), func(t *testing.T) {
			s, _ := open(t)
			ctx := bounded(t)
			var rs []minlog.Registration
			for i := range 23 {
				r := registration(i, citizen, noon.Add(time.Duration(i/4)*time.Second), 0)
				r.Entry.OnBehalfOf = doctor
				rs = append(rs, r)
			}
			keep(ctx, t, s, rs...)
			q := minlog.Query{Chronologic: chronologic}
			for name, by := range map[string]func(after minlog.Cursor) ([]minlog.Registration, error){
				"ByPerson": func(after minlog.Cursor) ([]minlog.Registration, error) {
					return s.ByPerson(ctx, citizen.Key(), q, after, 5)
				},
				"ByBehalf": func(after minlog.Cursor) ([]minlog.Registration, error) {
					return s.ByBehalf(ctx, doctor.Key(), q, after, 5)
				},
			} {
				var paged []minlog.Registration
				var after minlog.Cursor
				for {
					page, err := by(after)
					require.NoError(t, err)
					require.LessOrEqual(t, len(page), 5, name)
					require.LessOrEqual(t, len(paged), len(rs), "%s: rows come twice", name)
					if len(page) == 0 {
						break
					}
					paged = append(paged, page...)
					last := page[len(page)-1]
					after = minlog.Cursor{At: last.Entry.To, ID: last.ID}
				}
				assert.Equal(t, ids(find(ctx, t, s, q)), ids(paged), name)
			}
		})
	}

	t.Run("new rows do not shift a cursor", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		keep(ctx, t, s, registration(1, citizen, noon, 0), registration(2, citizen, noon.Add(-time.Hour), 0), registration(3, citizen, noon.Add(-2*time.Hour), 0))
		page, err := s.ByPerson(ctx, citizen.Key(), minlog.Query{}, minlog.Cursor{}, 2)
		require.NoError(t, err)
		keep(ctx, t, s, registration(4, citizen, noon.Add(time.Hour), 0))
		rest, err := s.ByPerson(ctx, citizen.Key(), minlog.Query{}, minlog.Cursor{At: page[1].Entry.To, ID: page[1].ID}, 2)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2, 3}, append(ids(page), ids(rest)...))
	})

	t.Run("a cursor need not be a row", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		keep(ctx, t, s, registration(1, citizen, noon, 0), registration(3, citizen, noon, 0))
		at := minlog.Cursor{At: noon, ID: registration(2, citizen, noon, 0).ID}
		for chronologic, want := range map[bool][]int{false: {1}, true: {3}} {
			got, err := s.ByPerson(ctx, citizen.Key(), minlog.Query{Chronologic: chronologic}, at, 10)
			require.NoError(t, err)
			assert.Equal(t, want, ids(got))
		}
	})

	hour := time.Hour
	for _, c := range []struct {
		name string
		q    minlog.Query
		want []int
	}{
		{"AC-22 the window is half open, and a period that reaches into it is in it", minlog.Query{From: noon, To: noon.Add(hour)}, []int{1, 3, 5}},
		{"no upper bound", minlog.Query{From: noon}, []int{1, 2, 3, 5, 6}},
		{"no lower bound", minlog.Query{To: noon}, []int{3, 4, 5}},
		{"To is after Cutoff", minlog.Query{Cutoff: noon}, []int{2, 3, 5, 6}},
		{"Cutoff and window", minlog.Query{Cutoff: noon, From: noon.Add(-hour), To: noon.Add(hour)}, []int{3, 5}},
		{"an empty window selects none", minlog.Query{From: noon, To: noon}, nil},
		{"a reversed window selects none", minlog.Query{From: noon.Add(hour), To: noon}, nil},
		{"AC-35 the window of MinLog1 holds both its ends", closedWindow(t, noon, noon.Add(hour)), []int{1, 2, 3, 5}},
		{"AC-35 the window of MinLog1 may be an instant", closedWindow(t, noon, noon), []int{1, 3, 5}},
		{"bounds between microseconds", minlog.Query{From: noon.Add(1), To: noon.Add(hour + 1)}, []int{2, 3, 5}},
		{"a cutoff between microseconds", minlog.Query{Cutoff: noon.Add(-1)}, []int{1, 2, 3, 5, 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := open(t)
			ctx := bounded(t)
			keep(ctx, t, s,
				registration(1, citizen, noon, 0),
				registration(2, citizen, noon.Add(hour), 0),
				registration(3, citizen, noon.Add(10*time.Minute), hour+10*time.Minute),
				registration(4, citizen, noon.Add(-time.Microsecond), 0),
				registration(5, citizen, noon.Add(2*hour), 3*hour),
				registration(6, citizen, noon.Add(2*hour+1000), hour))
			for _, longest := range []time.Duration{0, 3 * hour, 31 * 24 * hour} {
				c.q.MaxPeriod, c.q.Chronologic = longest, false
				assert.ElementsMatch(t, c.want, ids(find(ctx, t, s, c.q)), "newest first, MaxPeriod %v", longest)
				c.q.Chronologic = true
				assert.ElementsMatch(t, c.want, ids(find(ctx, t, s, c.q)), "oldest first, MaxPeriod %v", longest)
			}
		})
	}

	t.Run("the caller owns what is returned", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		r := registration(1, citizen, noon, 0)
		r.Entry.Source, r.Entry.Filters = &minlog.Chain{Source: &minlog.Chain{System: "B"}}, []string{"Ikke borger"}
		keep(ctx, t, s, r)
		got := find(ctx, t, s, minlog.Query{})
		got[0].Entry.Source.Source.System, got[0].Entry.Filters[0] = "x", "x"
		assert.Equal(t, []minlog.Registration{r}, find(ctx, t, s, minlog.Query{}))
	})

	t.Run("no rows are asked for, none come", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		keep(ctx, t, s, registration(1, citizen, noon, 0))
		got, err := s.ByPerson(ctx, citizen.Key(), minlog.Query{}, minlog.Cursor{}, 0)
		require.NoError(t, err)
		assert.Empty(t, got)
	})
}

// closedWindow is the query of MinLog1.
func closedWindow(t *testing.T, from, to time.Time) minlog.Query {
	t.Helper()
	q, err := minlog.ClosedWindow(time.Time{}, from, to, 0)
	require.NoError(t, err)
	return q
}

func find(ctx context.Context, t *testing.T, s ports.LogStore, q minlog.Query) []minlog.Registration {
	t.Helper()
	got, err := s.ByPerson(ctx, citizen.Key(), q, minlog.Cursor{}, 1_000_000)
	require.NoError(t, err)
	return got
}

func days(ctx context.Context, t *testing.T, s ports.LogStore) []minlog.Count {
	t.Helper()
	got, err := s.Daily(ctx, calendar.Day{Year: 2000, Month: 1, Dom: 1}, calendar.Day{Year: 2100, Month: 1, Dom: 1}, "")
	require.NoError(t, err)
	return got
}
