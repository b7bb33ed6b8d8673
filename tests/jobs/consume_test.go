package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// dyingStore loses what it stored before it is committed, now and then.
type dyingStore struct {
	ports.LogStore
	units ports.UnitOfWork
	died  *atomic.Int64
}

var errKilled = errors.New("killed between insert and commit")

func (s dyingStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (inserted int, err error) {
	err = s.units.Run(ctx, func(ctx context.Context) (err error) {
		inserted, err = s.LogStore.Store(ctx, p, from, to, b)
		return err
	}, func(context.Context) error {
		if rand.IntN(3) == 0 {
			s.died.Add(1)
			return errKilled
		}
		return nil
	})
	return inserted, err
}

// registered appends so many registrations of the citizen.
func registered(t *testing.T, s store, records int) {
	t.Helper()
	w, err := minlog.NewRecorder(minlog.Registrar{CVR: "33257872"}, noon)
	require.NoError(t, err)
	all := make([]messagelog.Record, records)
	for i := range all {
		at := noon.Add(-time.Duration(i) * time.Second)
		e := minlog.Entry{System: "FMK", Activity: "x", From: at, To: at, Person: citizen, SequenceNumber: fmt.Sprint(i), User: citizen}
		value, _, err := w.AppendRegistration(nil, i, &e)
		require.NoError(t, err)
		all[i] = messagelog.Record{Topic: topic, Key: fmt.Append(nil, i), Value: value}
	}
	require.NoError(t, s.MessageLog().Append(t.Context(), all))
}

// requireConsumed waits until the consumers are at the end of the log, and checks that the store has and counts everything once.
func requireConsumed(t *testing.T, s store, records int) {
	t.Helper()
	bounds, err := s.MessageLog().Bounds(t.Context(), []messagelog.Topic{topic})
	require.NoError(t, err)
	eventually(t, "the end of the log", func() bool {
		for n, b := range bounds[topic] {
			if next, _, err := s.LogStore().NextOffset(t.Context(), minlog.Partition{Topic: topic, Number: n}); err != nil || next != b.End {
				return false
			}
		}
		return true
	})
	all, err := s.LogStore().ByPerson(t.Context(), citizen.Key(), minlog.Query{}, minlog.Cursor{}, 10*records)
	require.NoError(t, err)
	assert.Equal(t, records, len(all), "rows") //nolint:testifylint // not all of them in the failure
	daily, err := s.LogStore().Daily(t.Context(), calendar.DayOf(noon), calendar.DayOf(noon.AddDate(0, 0, 1)), "")
	require.NoError(t, err)
	require.Len(t, daily, 1)
	assert.EqualValues(t, records, daily[0].Stored, "counted")
}

func consumer(c *clock, s store, name string, entries ports.LogStore, leases ports.Leases, ticks <-chan time.Time) *logkeeping.Consumer {
	return &logkeeping.Consumer{Log: s.MessageLog(), Topics: s.Topics(), Store: entries, Now: c.now, Logger: slog.New(slog.DiscardHandler), Topic: topic,
		Spec: messagelog.Spec{Partitions: 4}, Batch: 10, BatchWait: 20 * time.Millisecond, RetentionYears: 2, Leases: leases, Instance: name,
		Lease: 30 * time.Second, Ticks: ticks, Wait: func(context.Context, time.Duration) {}}
}

func TestConsumersOfSeveralProcesses(t *testing.T) {
	t.Run("AC-19 killed between insert and commit, at a hundred points: nothing is lost or doubled", func(t *testing.T) {
		onEveryStore(t, func(t *testing.T, c *clock, a, b store, _ ports.LogMonths) {
			require.NoError(t, a.Topics().CreateTopic(t.Context(), topic, messagelog.Spec{Partitions: 4}))
			const records = 2000
			registered(t, a, records)
			var died atomic.Int64
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			for i, s := range []store{a, b} { // both at every partition
				one := consumer(c, s, fmt.Sprint(i), dyingStore{s.LogStore(), s.Units(), &died}, nil, nil)
				running.Go(func() { one.Run(ctx) })
			}
			defer running.Wait()
			defer cancel()
			requireConsumed(t, a, records)
			for round := 0; died.Load() < 100 && round < 100; round++ {
				registered(t, b, records) // known: they are read again, and ignored
				requireConsumed(t, b, records)
			}
			assert.GreaterOrEqual(t, died.Load(), int64(100), "deaths")
		})
	})

	t.Run("a process takes over the partitions of one that died, and of one that stopped", func(t *testing.T) {
		onEveryStore(t, func(t *testing.T, c *clock, a, b store, _ ports.LogMonths) {
			require.NoError(t, a.Topics().CreateTopic(t.Context(), topic, messagelog.Spec{Partitions: 4}))
			type process struct {
				ticks chan time.Time
				dead  *atomic.Bool
				stop  func()
			}
			run := func(s store, name string) process {
				p := process{ticks: make(chan time.Time), dead: &atomic.Bool{}}
				one := consumer(c, s, name, s.LogStore(), mortalLeases{s.Leases(), p.dead}, p.ticks)
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan struct{})
				go func() { one.Run(ctx); close(done) }()
				p.stop = sync.OnceFunc(func() { cancel(); <-done })
				t.Cleanup(p.stop)
				return p
			}
			tick := func(ps ...process) {
				for range 2 {
					for _, p := range ps {
						p.ticks <- time.Time{}
					}
				}
			}
			owned := func(ps ...process) map[string]int {
				tick(ps...)
				status, err := consumer(c, a, "", a.LogStore(), a.Leases(), nil).Status(t.Context())
				require.NoError(t, err)
				sizes := map[string]int{}
				for _, s := range status {
					sizes[s.Owner]++
				}
				return sizes
			}
			first, second := run(a, "a"), run(b, "b")
			eventually(t, "both have their share", func() bool { return assert.ObjectsAreEqual(map[string]int{"a": 2, "b": 2}, owned(first, second)) })
			first.dead.Store(true)
			first.stop()
			c.advance(29 * time.Second)
			require.Equal(t, 2, owned(second)["a"], "while the leases are valid")
			c.advance(time.Second)
			require.Equal(t, map[string]int{"b": 4}, owned(second))
			third := run(a, "c")
			eventually(t, "the new one has its share", func() bool { return assert.ObjectsAreEqual(map[string]int{"b": 2, "c": 2}, owned(second, third)) })
			second.stop()
			require.Equal(t, map[string]int{"c": 4}, owned(third))
			registered(t, b, 200)
			requireConsumed(t, b, 200)
			third.stop()
		})
	})
}
