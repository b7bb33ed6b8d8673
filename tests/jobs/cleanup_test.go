package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// monthsOfMemory keeps months on a store that has none: it knows which there are, and removes them row by row.
type monthsOfMemory struct {
	store ports.LogStore
	mu    sync.Mutex
	made  []time.Time
	busy  bool
}

func (m *monthsOfMemory) MakeMonths(_ context.Context, from, to time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); !at.After(to); at = at.AddDate(0, 1, 0) {
		if !slices.Contains(m.made, at) {
			m.made = append(m.made, at)
		}
	}
	slices.SortFunc(m.made, time.Time.Compare)
	return nil
}

func (m *monthsOfMemory) DropMonth(ctx context.Context, cutoff time.Time) (time.Time, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.made) == 0 || m.made[0].AddDate(0, 1, 0).After(cutoff) {
		return time.Time{}, false, nil
	}
	if m.busy {
		return time.Time{}, false, ports.ErrMonthBusy
	}
	month := m.made[0]
	for done := false; !done; {
		var err error
		if _, done, err = m.store.Expire(ctx, month.AddDate(0, 1, 0).Add(-time.Microsecond)); err != nil {
			return time.Time{}, false, err
		}
	}
	m.made = m.made[1:]
	return month, true, nil
}

// slowStore expires when it may.
type slowStore struct {
	ports.LogStore
	goOn <-chan struct{}
}

func (s slowStore) Expire(ctx context.Context, cutoff time.Time) (int64, bool, error) {
	<-s.goOn
	return s.LogStore.Expire(ctx, cutoff)
}

const topic messagelog.Topic = "minlog.registrations.v1"

var citizen = minlog.ID{Source: minlog.CPR, Value: "0202801111"}

// keep stores a registration of each of the times.
func keep(t *testing.T, s store, partition int, times ...time.Time) {
	t.Helper()
	var b minlog.Batch
	for i, at := range times {
		b.Registrations = append(b.Registrations, minlog.Registration{
			ID: minlog.RegistrationID{byte(partition), byte(i)}, ReceivedAt: at, Registrar: minlog.Registrar{CVR: "33257872"},
			Entry: minlog.Entry{System: "FMK", Activity: "x", From: at, To: at, Person: citizen, User: citizen},
		})
	}
	_, err := s.LogStore().Store(t.Context(), minlog.Partition{Topic: topic, Number: partition}, 0, 1, b)
	require.NoError(t, err)
}

// kept returns the times of what is there.
func kept(t *testing.T, s store) (times []time.Time) {
	t.Helper()
	all, err := s.LogStore().ByPerson(t.Context(), citizen.Key(), minlog.Query{Chronologic: true}, minlog.Cursor{}, 1000)
	require.NoError(t, err)
	for _, r := range all {
		times = append(times, r.Entry.To)
	}
	return times
}

// cleaned triggers a run and returns what it tells of itself.
func (p *process) cleaned(t *testing.T, s store) (logkeeping.Cleaned, bool) {
	t.Helper()
	eventually(t, "the run begins", func() bool { // once the one before has given up its lease
		err := p.Trigger(t.Context(), logkeeping.CleanupJob)
		return !errors.Is(err, scheduling.ErrRunning) && assert.NoError(t, err)
	})
	return ended(t, s)
}

func ended(t *testing.T, s store) (told logkeeping.Cleaned, ok bool) {
	t.Helper()
	eventually(t, "the run ends", func() bool { return !latest(t, s, logkeeping.CleanupJob).FinishedAt.IsZero() })
	r := latest(t, s, logkeeping.CleanupJob)
	require.NoError(t, json.Unmarshal([]byte(r.Detail), &told))
	return told, r.OK
}

func TestCleanup(t *testing.T) {
	cutoff := noon.AddDate(-2, 0, 0)
	live, tail, old := cutoff.Add(time.Second), cutoff.Add(-time.Second), cutoff.AddDate(0, -2, 0)
	cleanup := func(c *clock, s ports.LogStore, months ports.LogMonths) *logkeeping.Cleanup {
		return &logkeeping.Cleanup{Store: s, Months: months, Trail: admitting.Trail{}, Now: c.now, RetentionYears: 2, PurgeTail: true}
	}

	t.Run("AC-37 month and tail are removed, what is alive is kept; again removes nothing", func(t *testing.T) {
		onEveryStore(t, func(t *testing.T, c *clock, a, _ store, months ports.LogMonths) {
			clean := cleanup(c, a.LogStore(), months)
			require.NoError(t, clean.Prepare(t.Context()))
			if months != nil {
				require.NoError(t, months.MakeMonths(t.Context(), old, old))
			}
			keep(t, a, 0, old, tail, cutoff, live)
			p := start(t, c, a, "a", clean.Job(scheduling.Schedule{}, 0))
			told, ok := p.cleaned(t, a)
			assert.True(t, ok)
			want := logkeeping.Cleaned{Cutoff: cutoff, PartitionsDropped: 1, RowsDeleted: 2}
			lines := []audit.Information{audit.MonthDeleted.Is("2024-09"), audit.NumberDeleted.Is("2")}
			if months == nil {
				want.PartitionsDropped, want.RowsDeleted = 0, 3
				lines = []audit.Information{audit.NumberDeleted.Is("3")}
			}
			assert.Equal(t, want, told)
			assert.Equal(t, []time.Time{live}, kept(t, a))
			written := p.audit.Lines()
			require.Len(t, written, len(lines))
			for i, l := range lines {
				assert.Equal(t, audit.Notes{{Component: audit.MinLog2, Contexts: []audit.ContextNotes{{Context: audit.Cleanup,
					Information: []audit.Information{l, audit.OlderThan.Is("2024-11-21T12:00:00Z")}}}}}, written[i].Notes)
			}

			told, ok = p.cleaned(t, a)
			assert.True(t, ok)
			assert.Equal(t, logkeeping.Cleaned{Cutoff: cutoff}, told)
			assert.Equal(t, []time.Time{live}, kept(t, a))
			assert.Len(t, p.audit.Lines(), len(lines))
		})
	})

	t.Run("AC-37 two at once: the second is refused", func(t *testing.T) {
		onEveryStore(t, func(t *testing.T, c *clock, a, b store, months ports.LogMonths) {
			goOn := make(chan struct{})
			first := start(t, c, a, "a", cleanup(c, slowStore{a.LogStore(), goOn}, months).Job(scheduling.Schedule{}, 0))
			second := start(t, c, b, "b", cleanup(c, b.LogStore(), months).Job(scheduling.Schedule{}, 0))
			require.NoError(t, first.Trigger(t.Context(), logkeeping.CleanupJob))
			for _, p := range []*process{first, second} {
				p.tick()
				require.ErrorIs(t, p.Trigger(t.Context(), logkeeping.CleanupJob), scheduling.ErrRunning)
			}
			close(goOn)
			_, ok := ended(t, a)
			assert.True(t, ok)
		})
	})

	t.Run("nothing is removed without its audit line", func(t *testing.T) {
		onEveryStore(t, func(t *testing.T, c *clock, a, _ store, months ports.LogMonths) {
			clean := cleanup(c, a.LogStore(), months)
			keep(t, a, 0, old, tail, live)
			if months != nil {
				require.NoError(t, months.MakeMonths(t.Context(), tail, tail)) // rows of old are in the tail then
			}
			p := start(t, c, a, "a", clean.Job(scheduling.Schedule{}, 0))
			p.audit.Fail(nil, errAway)
			told, ok := p.cleaned(t, a)
			assert.False(t, ok)
			assert.Equal(t, logkeeping.Cleaned{Cutoff: cutoff, Detail: "append audit line: database is away"}, told)
			assert.Equal(t, []time.Time{old, tail, live}, kept(t, a))
			p.audit.Fail(nil, nil)
			_, ok = p.cleaned(t, a)
			assert.True(t, ok)
			assert.Equal(t, []time.Time{live}, kept(t, a))
		})
	})

	t.Run("AC-37 a run that fails halfway raises the alarm and keeps what it did; the next one goes on", func(t *testing.T) {
		onEveryStore(t, func(t *testing.T, c *clock, a, _ store, months ports.LogMonths) {
			if months == nil {
				months = &monthsOfMemory{store: a.LogStore()}
			}
			require.NoError(t, months.MakeMonths(t.Context(), old, old))
			keep(t, a, 0, old, tail, live)
			failing := &portstest.FailingLogStore{Log: a.LogStore()}
			failing.OnStore.FailFrom(1, errAway)
			p := start(t, c, a, "a", cleanup(c, failing, months).Job(scheduling.Schedule{}, 0))
			told, ok := p.cleaned(t, a)
			assert.False(t, ok)
			assert.Equal(t, logkeeping.Cleaned{Cutoff: cutoff, PartitionsDropped: 1, Detail: errAway.Error()}, told)
			assert.Equal(t, []time.Time{tail, live}, kept(t, a))
			alarms, err := p.Alarms(t.Context())
			require.NoError(t, err)
			assert.Len(t, alarms, 1)
			failing.OnStore.Heal()
			told, ok = p.cleaned(t, a)
			assert.True(t, ok)
			assert.Equal(t, logkeeping.Cleaned{Cutoff: cutoff, RowsDeleted: 1}, told)
			assert.Equal(t, []time.Time{live}, kept(t, a))
			alarms, err = p.Alarms(t.Context())
			require.NoError(t, err)
			assert.Empty(t, alarms)
		})
	})

	t.Run("dead letters and daily counts go with the registrations of their time", func(t *testing.T) {
		onEveryStore(t, func(t *testing.T, c *clock, a, _ store, months ports.LogMonths) {
			day, next := cutoff.AddDate(0, 0, -1), cutoff
			_, err := a.LogStore().Store(t.Context(), minlog.Partition{Topic: topic}, 0, 4, minlog.Batch{
				Tallies: []minlog.Tally{
					{ReceivedAt: day, Registrar: minlog.Registrar{CVR: "33257872"}, Rejected: map[string]int{"FMK": 1}},
					{ReceivedAt: next, Registrar: minlog.Registrar{CVR: "33257872"}, Rejected: map[string]int{"FMK": 2}},
				},
				DeadLetters: []minlog.DeadLetter{{Offset: 2, At: cutoff}, {Offset: 3, At: cutoff.Add(time.Second)}},
			})
			require.NoError(t, err)
			told, ok := start(t, c, a, "a", cleanup(c, a.LogStore(), months).Job(scheduling.Schedule{}, 0)).cleaned(t, a)
			assert.True(t, ok)
			assert.Equal(t, logkeeping.Cleaned{Cutoff: cutoff, RowsDeleted: 1}, told, "counts tell of nobody")
			letters, err := a.LogStore().DeadLetters(t.Context(), time.Time{})
			require.NoError(t, err)
			assert.EqualValues(t, 1, letters)
			left, err := a.LogStore().Daily(t.Context(), calendar.DayOf(day), calendar.DayOf(noon), "")
			require.NoError(t, err)
			assert.Equal(t, []minlog.Count{{Day: calendar.DayOf(next), System: "FMK", CVR: "33257872", Rejected: 2}}, left)
		})
	})

	t.Run("a month in use is left to the next run, and so is what else is too old", func(t *testing.T) {
		c, db := inMemory()
		months := &monthsOfMemory{store: db.LogStore()}
		require.NoError(t, months.MakeMonths(t.Context(), old, old))
		keep(t, db, 0, old, tail, live)
		p := start(t, c, db, "a", cleanup(c, db.LogStore(), months).Job(scheduling.Schedule{}, 0))
		months.busy = true
		told, ok := p.cleaned(t, db)
		assert.True(t, ok)
		assert.Equal(t, logkeeping.Cleaned{Cutoff: cutoff, Detail: "a month is in use; the next run removes it"}, told)
		assert.Len(t, kept(t, db), 3)
		months.busy = false
		told, _ = p.cleaned(t, db)
		assert.Equal(t, logkeeping.Cleaned{Cutoff: cutoff, PartitionsDropped: 1, RowsDeleted: 1}, told)
		assert.Equal(t, []time.Time{live}, kept(t, db))
	})

	t.Run("without the tail only whole months are removed", func(t *testing.T) {
		onEveryStore(t, func(t *testing.T, c *clock, a, _ store, months ports.LogMonths) {
			clean := cleanup(c, a.LogStore(), months)
			clean.PurgeTail = false
			begin := time.Date(2024, 11, 1, 0, 0, 0, 0, time.UTC)
			keep(t, a, 0, old, begin.Add(-time.Microsecond), begin, tail, live)
			_, ok := start(t, c, a, "a", clean.Job(scheduling.Schedule{}, 0)).cleaned(t, a)
			assert.True(t, ok)
			assert.Equal(t, []time.Time{begin, tail, live}, kept(t, a))
		})
	})

	t.Run("there is room for every month that is shown and for three that come, at start and after each run", func(t *testing.T) {
		c := &clock{}
		months := &monthsOfMemory{}
		clean := cleanup(c, nil, months)
		require.NoError(t, clean.Prepare(t.Context()))
		assert.Equal(t, time.Date(2024, 11, 1, 0, 0, 0, 0, time.UTC), months.made[0])
		assert.Equal(t, time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), months.made[len(months.made)-1])
		c.advance(20 * 24 * time.Hour)
		onEveryStore(t, func(t *testing.T, _ *clock, a, _ store, _ ports.LogMonths) {
			months.store, clean.Store = a.LogStore(), a.LogStore()
			_, ok := start(t, c, a, "a", clean.Job(scheduling.Schedule{}, 0)).cleaned(t, a)
			assert.True(t, ok)
			assert.Equal(t, time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), months.made[len(months.made)-1])
		})
	})

	t.Run("consumed records of the embedded log are trimmed", func(t *testing.T) {
		onEveryStore(t, func(t *testing.T, c *clock, a, _ store, months ports.LogMonths) {
			require.NoError(t, a.Topics().CreateTopic(t.Context(), topic, messagelog.Spec{Partitions: 2}))
			records := make([]messagelog.Record, 24_000)
			for i := range records {
				records[i] = messagelog.Record{Topic: topic, Key: []byte{byte(i)}, Value: []byte("x")}
			}
			require.NoError(t, a.MessageLog().Append(t.Context(), records))
			before, err := a.MessageLog().Bounds(t.Context(), []messagelog.Topic{topic})
			require.NoError(t, err)
			for n, b := range before[topic] {
				_, err := a.LogStore().Store(t.Context(), minlog.Partition{Topic: topic, Number: n}, b.First, b.End, minlog.Batch{})
				require.NoError(t, err)
			}
			clean := cleanup(c, a.LogStore(), months)
			clean.Trimmers = []*logkeeping.Trimmer{{Log: a.MessageLog(), Topics: a.Topics(), Store: a.LogStore(), Now: c.now, Topic: topic, Keep: 24 * time.Hour}}
			p := start(t, c, a, "a", clean.Job(scheduling.Schedule{}, 0))
			c.advance(25 * time.Hour)
			_, ok := p.cleaned(t, a)
			assert.True(t, ok)
			after, err := a.MessageLog().Bounds(t.Context(), []messagelog.Topic{topic})
			require.NoError(t, err)
			for n, b := range after[topic] {
				assert.EqualValues(t, 10_000, b.First-before[topic][n].First, "records trimmed of partition %d, in steps of 5000", n)
			}
		})
	})
}
