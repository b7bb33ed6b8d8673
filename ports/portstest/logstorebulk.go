package portstest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// logStoreBulk holds what batches may be made of: stores write them in bulk, and may keep months apart.
func logStoreBulk(t *testing.T, open OpenLogStore) {
	t.Run("one batch may hold rows of any months, to the microsecond", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		var rs []minlog.Registration
		for m := range 28 { // a leap day is among them
			first := time.Date(2023, time.November+time.Month(m), 1, 0, 0, 0, 0, time.UTC)
			rs = append(rs, registration(3*m, citizen, first.Add(-time.Microsecond), time.Hour), registration(3*m+1, citizen, first, time.Hour),
				registration(3*m+2, citizen, first.AddDate(0, 0, 27), time.Hour))
		}
		slices.Reverse(rs)
		require.Equal(t, len(rs), keep(ctx, t, s, rs...))
		slices.Reverse(rs)
		assert.Equal(t, ids(rs), ids(find(ctx, t, s, minlog.Query{Chronologic: true})))
		for m := range 27 {
			q := minlog.Query{From: rs[3*m+1].Entry.To, To: rs[3*m+4].Entry.To, MaxPeriod: time.Hour, Chronologic: true}
			assert.Equal(t, []int{3*m + 1, 3*m + 2, 3*m + 3, 3*m + 4}, ids(find(ctx, t, s, q)), "%s", q.From)
		}
		page, err := s.ByPerson(ctx, citizen.Key(), minlog.Query{}, rs[40].Cursor(), 3)
		require.NoError(t, err)
		assert.Equal(t, []int{39, 38, 37}, ids(page))
	})

	t.Run("known ids among new ones are left out, in whatever month they are", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		rs := spread(120, 3)
		assert.Equal(t, 40, keep(ctx, t, s, rs[:40]...))
		assert.Equal(t, 60, keep(ctx, t, s, rs[20:100]...), "20 are known")
		assert.Equal(t, 0, keep(ctx, t, s, rs[:100]...), "all are known")
		assert.Equal(t, 20, keep(ctx, t, s, rs...), "the last ones are new")
		requireOnce(ctx, t, s, rs)
	})

	t.Run("steps of one unit of work know each other's ids", func(t *testing.T) {
		s, units := open(t)
		outer := bounded(t)
		rs := spread(60, 4)
		work := func(ctx context.Context) error {
			for i, part := range [][]minlog.Registration{rs[:30], rs[10:40], rs} {
				n, err := s.Store(ctx, minlog.Partition{Topic: "t", Number: i}, 0, 1, minlog.Batch{Registrations: part})
				require.NoError(t, err)
				assert.Equal(t, []int{30, 10, 20}[i], n)
			}
			return nil
		}
		require.NoError(t, units.Run(outer, work, nothing))
		requireOnce(outer, t, s, rs)
	})

	t.Run("a bulk whose unit of work is rolled back leaves no row and no count", func(t *testing.T) {
		s, units := open(t)
		outer := bounded(t)
		rs := spread(2_000, 2)
		fail := func(context.Context) error { return errBoom }
		for range 2 {
			require.Equal(t, errBoom, units.Run(outer, func(ctx context.Context) error {
				assert.Equal(t, 2_000, keep(ctx, t, s, rs...))
				return nil
			}, fail))
			requireNew(outer, t, s, source.Topic)
			assert.Empty(t, days(outer, t, s))
			assert.Empty(t, find(outer, t, s, minlog.Query{}))
		}
		assert.Equal(t, 2_000, keep(outer, t, s, rs...))
		requireOnce(outer, t, s, rs)
	})

	t.Run("a step that fails takes nothing else of its unit of work along", func(t *testing.T) {
		s, units := open(t)
		outer := bounded(t)
		rs := spread(30, 3)
		require.NoError(t, units.Run(outer, func(ctx context.Context) error {
			keep(ctx, t, s, rs[:10]...)
			_, err := s.Store(ctx, source, 4711, 4712, minlog.Batch{Registrations: rs[10:20]})
			assert.True(t, fault.Is(err, fault.Conflict), "Store: %v", err)
			assert.Equal(t, 20, keep(ctx, t, s, rs...))
			return nil
		}, nothing))
		requireOnce(outer, t, s, rs)
		requireAt(outer, t, s, source.Topic, 40)
	})

	t.Run("AC-18 partitions that are stored at once may share ids, persons, days and months", func(t *testing.T) {
		s, units := open(t)
		ctx := bounded(t)
		const partitions, steps, size = 6, 5, 150
		rs := spread(600, 5)
		var inserted atomic.Int64
		var wg sync.WaitGroup
		for p := range partitions {
			wg.Go(func() {
				for step := range steps {
					// Other rows in another order each time, half of which another partition has at the same time.
					part := make([]minlog.Registration, size)
					for i := range part {
						part[i] = rs[(step*size/2+p*13+i*(2*p+1))%len(rs)]
					}
					store := func(ctx context.Context) error {
						n, err := s.Store(ctx, minlog.Partition{Topic: "t", Number: p}, int64(step), int64(step+1), minlog.Batch{Registrations: distinct(part)})
						inserted.Add(int64(n))
						return err
					}
					if p%2 == 0 {
						assert.NoError(t, store(ctx))
					} else {
						assert.NoError(t, units.Run(ctx, store, nothing))
					}
				}
			})
		}
		wg.Wait()
		n, err := s.Store(ctx, source, 0, 1, minlog.Batch{Registrations: rs})
		require.NoError(t, err)
		assert.Equal(t, len(rs), int(inserted.Load())+n)
		requireOnce(ctx, t, s, rs)
	})

	t.Run("what the message log recorded of an entry is as good as the entry", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		want := registration(1, citizen, noon, time.Hour)
		want.Entry.Activity, want.Entry.Filters, want.Entry.OnBehalfOf = "Opslag \"æ\" \\ \u2028", []string{"Ikke borger"}, doctor
		plain := registration(2, citizen, noon.Add(time.Second), 0)
		for _, r := range []*minlog.Registration{&want, &plain} {
			w, err := minlog.NewRecorder(r.Registrar, r.ReceivedAt)
			require.NoError(t, err)
			value, id, err := w.AppendRegistration(nil, 0, &r.Entry)
			require.NoError(t, err)
			r.ID = id
			read, _, err := minlog.DecodeRecord(value)
			require.NoError(t, err)
			keep(ctx, t, s, *read)
		}
		assert.Equal(t, []minlog.Registration{want, plain}, find(ctx, t, s, minlog.Query{Chronologic: true}))
	})

	t.Run("AC-38 what is expired and not yet removed is not found", func(t *testing.T) {
		s, _ := open(t)
		ctx := bounded(t)
		var rs []minlog.Registration
		for i, to := range []time.Time{noon.AddDate(0, -1, 0), noon.Add(-time.Microsecond), noon, noon.Add(time.Microsecond), noon.AddDate(0, 1, 0)} {
			r := registration(i, citizen, to, time.Hour)
			r.Entry.OnBehalfOf = doctor
			rs = append(rs, r)
		}
		keep(ctx, t, s, rs...)
		for _, q := range []minlog.Query{{}, {From: noon.AddDate(0, -2, 0), To: noon.AddDate(0, 2, 0), MaxPeriod: time.Hour}} {
			for _, after := range []minlog.Cursor{{}, rs[0].Cursor()} {
				q.Cutoff, q.Chronologic = noon, true
				got, err := s.ByPerson(ctx, citizen.Key(), q, after, 10)
				require.NoError(t, err)
				assert.Equal(t, []int{3, 4}, ids(got), "ByPerson")
				got, err = s.ByBehalf(ctx, doctor.Key(), q, after, 10)
				require.NoError(t, err)
				assert.Equal(t, []int{3, 4}, ids(got), "ByBehalf")
			}
			q.Chronologic = false
			got, err := s.ByPerson(ctx, citizen.Key(), q, rs[4].Cursor(), 10)
			require.NoError(t, err)
			assert.Equal(t, []int{3}, ids(got), "newest first")
		}
	})
}

// spread returns n registrations over so many months, of citizen and, each third, of other, received on several days for several systems.
func spread(n, months int) []minlog.Registration {
	rs := make([]minlog.Registration, n)
	for i := range rs {
		rs[i] = registration(i, []minlog.ID{citizen, citizen, other}[i%3], noon.AddDate(0, -(i%months), 0).Add(time.Duration(i)*time.Second), 0)
		rs[i].ReceivedAt = noon.AddDate(0, 0, i%4)
		rs[i].Entry.System = []string{"FMK", "Journal"}[i%2]
		rs[i].Registrar.CVR = []string{"12345678", "33257872", "87654321"}[i/7%3]
	}
	return rs
}

func distinct(rs []minlog.Registration) []minlog.Registration {
	seen := map[minlog.RegistrationID]bool{}
	return slices.DeleteFunc(rs, func(r minlog.Registration) bool {
		known := seen[r.ID]
		seen[r.ID] = true
		return known
	})
}

// requireOnce requires that each of rs, and nothing else, is stored and counted once.
func requireOnce(ctx context.Context, t *testing.T, s ports.LogStore, rs []minlog.Registration) {
	t.Helper()
	var got []int
	for _, person := range []minlog.ID{citizen, other} {
		found, err := s.ByPerson(ctx, person.Key(), minlog.Query{}, minlog.Cursor{}, 1_000_000)
		require.NoError(t, err)
		got = append(got, ids(found)...)
	}
	want := ids(rs)
	slices.Sort(got)
	slices.Sort(want)
	require.Equal(t, want, got, "what is found")
	sums := map[minlog.Count]int64{}
	for _, r := range rs {
		sums[minlog.Count{Day: calendar.DayOf(r.ReceivedAt), System: r.Entry.System, CVR: r.Registrar.CVR}]++
	}
	for _, c := range days(ctx, t, s) {
		n := c.Stored
		c.Stored = 0
		require.Equal(t, sums[c], n, "what is counted of %+v", c)
		delete(sums, c)
	}
	require.Empty(t, sums, "what is not counted")
}

// OpenLogMonths returns an empty log store that keeps months together, and the unit of work that both join. Where its DropMonth waits for
// others, it gives up soon.
type OpenLogMonths func(*testing.T) (ports.LogStore, ports.LogMonths, ports.UnitOfWork)

// LogMonths runs the contract of ports.LogMonths.
func LogMonths(t *testing.T, open OpenLogMonths) {
	october, november, december := monthAt(10), monthAt(11), monthAt(12)

	t.Run("MakeMonths leaves a month that is there as it is", func(t *testing.T) {
		s, m, _ := open(t)
		ctx := bounded(t)
		rs := spread(30, 3)
		keep(ctx, t, s, rs...)
		for _, span := range [][2]time.Time{{october, noon}, {noon, noon}, {noon.AddDate(-1, 0, 0), december.AddDate(0, 3, 0)}} {
			require.NoError(t, m.MakeMonths(ctx, span[0], span[1]))
		}
		requireOnce(ctx, t, s, rs)
	})

	t.Run("AC-37 DropMonth removes a month that ended at or before the cutoff, and nothing else", func(t *testing.T) {
		s, m, _ := open(t)
		ctx := bounded(t)
		keep(ctx, t, s, registration(1, citizen, october, 0), registration(2, citizen, november.Add(-time.Microsecond), 0), registration(3, citizen, november, 0))
		requireNoDrop(ctx, t, m, november.Add(-time.Microsecond))
		assert.Len(t, find(ctx, t, s, minlog.Query{}), 3)
		requireDrop(ctx, t, m, november, october)
		assert.Equal(t, []int{3}, ids(find(ctx, t, s, minlog.Query{})))
		assert.Equal(t, int64(3), days(ctx, t, s)[0].Stored, "counts are kept")
		requireAt(ctx, t, s, source.Topic, 3)
		requireNoDrop(ctx, t, m, november)
		assert.Zero(t, expire(ctx, t, s, november.Add(-time.Microsecond)), "nothing is left for Expire")
	})

	t.Run("months are dropped one by one, the oldest first, whether they were made or came with a row", func(t *testing.T) {
		s, m, _ := open(t)
		ctx := bounded(t)
		keep(ctx, t, s, registration(1, citizen, november, 0))
		require.NoError(t, m.MakeMonths(ctx, october.Add(time.Hour), october.Add(time.Hour)))
		require.NoError(t, m.MakeMonths(ctx, december, december))
		after := december.AddDate(1, 0, 0)
		requireDrop(ctx, t, m, after, october)
		requireDrop(ctx, t, m, after, november)
		requireDrop(ctx, t, m, after, december)
		requireNoDrop(ctx, t, m, after)
	})

	t.Run("every month from the one to the other is made, both included", func(t *testing.T) {
		_, m, _ := open(t)
		ctx := bounded(t)
		require.NoError(t, m.MakeMonths(ctx, time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC), time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)))
		for _, want := range []time.Time{november, december, december.AddDate(0, 1, 0), december.AddDate(0, 2, 0)} {
			requireDrop(ctx, t, m, noon.AddDate(5, 0, 0), want)
		}
		requireNoDrop(ctx, t, m, noon.AddDate(5, 0, 0))
	})

	t.Run("a month is that of UTC", func(t *testing.T) {
		s, m, _ := open(t)
		ctx := bounded(t)
		late := november.Add(-30 * time.Minute) // November in Copenhagen
		keep(ctx, t, s, registration(1, citizen, late, 0))
		require.NoError(t, m.MakeMonths(ctx, late.In(calendar.Location()), late.In(calendar.Location())))
		requireDrop(ctx, t, m, november.In(calendar.Location()), october)
		requireNoDrop(ctx, t, m, december)
	})

	t.Run("rows of a month that was dropped are stored again", func(t *testing.T) {
		s, m, _ := open(t)
		ctx := bounded(t)
		keep(ctx, t, s, registration(1, citizen, october, 0))
		requireDrop(ctx, t, m, november, october)
		assert.Equal(t, 1, keep(ctx, t, s, registration(1, citizen, october, 0)))
		assert.Equal(t, []int{1}, ids(find(ctx, t, s, minlog.Query{})))
	})

	t.Run("both join the unit of work", func(t *testing.T) {
		s, m, units := open(t)
		outer := bounded(t)
		keep(outer, t, s, registration(1, citizen, october, 0))
		require.Equal(t, errBoom, units.Run(outer, func(ctx context.Context) error {
			require.NoError(t, m.MakeMonths(ctx, december, december))
			requireDrop(ctx, t, m, november, october)
			assert.Empty(t, find(ctx, t, s, minlog.Query{}))
			return nil
		}, func(context.Context) error { return errBoom }))
		assert.Equal(t, []int{1}, ids(find(outer, t, s, minlog.Query{})))
		requireDrop(outer, t, m, december.AddDate(1, 0, 0), october)
		requireNoDrop(outer, t, m, december.AddDate(1, 0, 0))
	})

	t.Run("a month in use is busy; what else the unit of work did stays, and the next run drops it", func(t *testing.T) {
		s, m, units := open(t)
		outer := bounded(t)
		keep(outer, t, s, registration(1, citizen, october, 0))
		hold := func(ctx context.Context) error {
			_, err := s.Store(ctx, minlog.Partition{Topic: "t"}, 0, 1, minlog.Batch{Registrations: []minlog.Registration{registration(2, citizen, october, 0)}})
			require.NoError(t, err)
			_, ok, err := m.DropMonth(outer, november)
			require.ErrorIs(t, err, ports.ErrMonthBusy)
			assert.False(t, ok)
			assert.False(t, strings.Contains(err.Error(), "CPR:"), "the error holds a key")
			return units.Run(outer, func(ctx context.Context) error {
				_, err := s.Store(ctx, minlog.Partition{Topic: "t", Number: 1}, 0, 1, minlog.Batch{Registrations: []minlog.Registration{registration(3, citizen, november, 0)}})
				require.NoError(t, err)
				_, ok, err := m.DropMonth(ctx, november)
				require.ErrorIs(t, err, ports.ErrMonthBusy)
				assert.False(t, ok)
				_, err = s.Store(ctx, minlog.Partition{Topic: "t", Number: 1}, 1, 2, minlog.Batch{Registrations: []minlog.Registration{registration(4, citizen, november, 0)}})
				return err
			}, nothing)
		}
		require.NoError(t, units.Run(outer, hold, nothing))
		assert.ElementsMatch(t, []int{1, 2, 3, 4}, ids(find(outer, t, s, minlog.Query{})))
		requireDrop(outer, t, m, november, october)
		assert.ElementsMatch(t, []int{3, 4}, ids(find(outer, t, s, minlog.Query{})))
	})

	t.Run("any number of processes make months at the same time, beside those who store", func(t *testing.T) {
		s, m, _ := open(t)
		ctx := bounded(t)
		rs := spread(100, 10)
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() { assert.NoError(t, m.MakeMonths(ctx, noon.AddDate(0, -i-6, 0), noon.AddDate(0, 3, 0))) })
			wg.Go(func() {
				_, err := s.Store(ctx, minlog.Partition{Topic: "t", Number: i}, 0, 1, minlog.Batch{Registrations: rs[i*20 : i*20+20]})
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		requireOnce(ctx, t, s, rs)
	})
}

// monthAt returns the first instant of a month of 2026.
func monthAt(m time.Month) time.Time { return time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC) }

func requireDrop(ctx context.Context, t *testing.T, m ports.LogMonths, cutoff, want time.Time) {
	t.Helper()
	month, ok, err := m.DropMonth(ctx, cutoff)
	require.NoError(t, err)
	require.True(t, ok, "DropMonth(%s)", cutoff)
	require.Equal(t, want, month)
}

func requireNoDrop(ctx context.Context, t *testing.T, m ports.LogMonths, cutoff time.Time) {
	t.Helper()
	month, ok, err := m.DropMonth(ctx, cutoff)
	require.NoError(t, err)
	require.False(t, ok, "DropMonth(%s) dropped %s", cutoff, month)
	require.Zero(t, month)
}
