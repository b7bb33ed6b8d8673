package logkeeping_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

func day(s string) calendar.Day {
	d, err := calendar.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

func (h *house) append(t *testing.T, values ...string) {
	t.Helper()
	for _, v := range values {
		require.NoError(t, h.db.MessageLog().Append(t.Context(), []messagelog.Record{{Topic: topic, Value: []byte(v)}}))
	}
}

func (h *house) next(t *testing.T) int64 {
	t.Helper()
	next, ok, err := h.db.LogStore().NextOffset(t.Context(), minlog.Partition{Topic: topic})
	require.NoError(t, err)
	require.True(t, ok)
	return next
}

func TestConsumer(t *testing.T) {
	t.Run("AC-20 undecodable records between good ones", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", access("2026-11-01T08:15:00Z"))
		h.append(t, "0202801111")
		h.add(t, "m-2", access("2026-11-01T08:16:00Z"))
		alarms, err := h.consumer.Alarms(t.Context())
		require.NoError(t, err)
		assert.Empty(t, alarms)
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 2)
		dead, err := h.db.LogStore().DeadLetters(t.Context(), now)
		require.NoError(t, err)
		assert.EqualValues(t, 1, dead)
		alarms, err = h.consumer.Alarms(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"consumer: 1 dead letters in 24 hours"}, alarms)
		h.consumer.DeadLetterAlarm = 2
		alarms, err = h.consumer.Alarms(t.Context())
		require.NoError(t, err)
		assert.Empty(t, alarms)
	})
	t.Run("unknown kind is a dead letter", func(t *testing.T) {
		h := newHouse(t)
		h.append(t, `{"schema":1,"kind":"other","receivedAt":"2026-11-01T08:15:00Z"}`)
		h.consume(t)
		dead, err := h.db.LogStore().DeadLetters(t.Context(), now)
		require.NoError(t, err)
		assert.EqualValues(t, 1, dead)
	})
	t.Run("a newer schema stops the partition behind what could be read", func(t *testing.T) {
		h := newHouse(t)
		h.consumer.Batch = 10
		h.add(t, "m-1", access("2026-11-01T08:15:00Z"))
		h.append(t, `{"schema":2}`)
		h.add(t, "m-2", access("2026-11-01T08:16:00Z"))
		n, err := h.consumer.Step(t.Context(), 0)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		for range 3 {
			_, err = h.consumer.Step(t.Context(), 0)
			require.ErrorIs(t, err, minlog.ErrNewerSchema)
		}
		assert.EqualValues(t, 1, h.next(t))
		assert.Len(t, h.stored(t, citizen), 1)
		status, err := h.consumer.Status(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []logkeeping.PartitionStatus{{Topic: topic, Next: 1, End: 3, Lag: 2, State: logkeeping.Retrying}}, status)
	})
	t.Run("not alive and double ones are dropped", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", access("2024-11-21T12:00:01Z"), access("2026-11-01T08:15:00Z", sequence(1)), access("2026-11-01T08:15:00Z", sequence(1)))
		h.consumer.Now = func() time.Time { return now.Add(time.Hour) }
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 1)
		status, err := h.consumer.Status(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []logkeeping.PartitionStatus{{Topic: topic, Next: 3, End: 3, State: logkeeping.Running, Dropped: 2}}, status)
	})
	t.Run("AC-21 lost records halt", func(t *testing.T) {
		h := newHouse(t)
		h.add(t, "m-1", many(3)...)
		h.consume(t)
		h.add(t, "m-2", access("2026-11-02T08:15:00Z"), access("2026-11-02T08:16:00Z"))
		require.NoError(t, h.db.Topics().Trim(t.Context(), topic, 0, 4))
		for range 2 {
			_, err := h.consumer.Step(t.Context(), 0)
			require.ErrorIs(t, err, logkeeping.ErrHalted)
		}
		assert.Len(t, h.stored(t, citizen), 3)
		alarms, err := h.consumer.Alarms(t.Context())
		require.NoError(t, err)
		require.Len(t, alarms, 1)
		assert.Contains(t, alarms[0], "partition 0 of minlog.registrations.v1 is halted")
	})
	t.Run("AC-21 lost records are passed over where that is configured", func(t *testing.T) {
		h := newHouse(t)
		h.consumer.SkipGaps = true
		h.add(t, "m-1", many(3)...)
		h.consume(t)
		h.add(t, "m-2", access("2026-11-02T08:15:00Z"), access("2026-11-02T08:16:00Z"))
		require.NoError(t, h.db.Topics().Trim(t.Context(), topic, 0, 4))
		_, err := h.consumer.Step(t.Context(), 0)
		require.NoError(t, err)
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 4)
		status, err := h.consumer.Status(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []logkeeping.PartitionStatus{{Topic: topic, Next: 5, End: 5, State: logkeeping.Running, Skipped: 1}}, status)
	})
	t.Run("another consumer was first", func(t *testing.T) {
		h := newHouse(t)
		other := h.newConsumer(slog.Default())
		h.add(t, "m-1", access("2026-11-01T08:15:00Z"))
		h.consume(t) // both know position 1
		_, err := other.Step(t.Context(), 0)
		require.NoError(t, err)
		h.add(t, "m-2", access("2026-11-01T08:16:00Z"))
		h.consume(t)
		h.add(t, "m-3", access("2026-11-01T08:17:00Z"))
		n, err := other.Step(t.Context(), 0)
		require.NoError(t, err)
		assert.Zero(t, n)
		n, err = other.Step(t.Context(), 0)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		assert.Len(t, h.stored(t, citizen), 3)
	})
	t.Run("no such partition", func(t *testing.T) {
		h := newHouse(t)
		_, err := h.consumer.Step(t.Context(), 7)
		assert.ErrorIs(t, err, messagelog.ErrNoTopic)
	})
}

// tiredStore fails the first so many times.
type tiredStore struct {
	ports.LogStore
	mu       sync.Mutex
	failures int
}

func (s *tiredStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures > 0 {
		s.failures--
		return 0, errors.New("database is away")
	}
	return s.LogStore.Store(ctx, p, from, to, b)
}

func TestConsumerRun(t *testing.T) {
	defer goleak.VerifyNone(t)
	h := newHouse(t)
	h.add(t, "m-1", many(10)...)
	h.consumer.Topic, h.consumer.Spec.Partitions = "another.topic.v1", 3 // made at start
	h.registrar.Topic = h.consumer.Topic
	h.consumer.Store = &tiredStore{LogStore: h.db.LogStore(), failures: 12}
	h.consumer.BatchWait = time.Second
	var mu sync.Mutex
	var pauses []time.Duration
	h.consumer.Wait = func(_ context.Context, d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		pauses = append(pauses, d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { h.consumer.Run(ctx); close(done) }()
	require.Eventually(t, func() bool {
		all, err := h.db.Topics().Topics(t.Context())
		return err == nil && all["another.topic.v1"] == 3
	}, time.Minute, time.Millisecond)
	h.add(t, "m-2", many(100)...)
	require.Eventually(t, func() bool { return len(h.stored(t, citizen)) == 100 }, time.Minute, time.Millisecond)
	cancel()
	<-done
	mu.Lock()
	defer mu.Unlock()
	assert.Len(t, pauses, 12)
	assert.Equal(t, 200*time.Millisecond, slices.Min(pauses))
	assert.LessOrEqual(t, slices.Max(pauses), 30*time.Second)
	assert.Contains(t, h.log.String(), "database is away")
	assert.NotContains(t, h.log.String(), citizen)
}

func TestPauseGrows(t *testing.T) {
	h := newHouse(t)
	h.add(t, "m-1", access("2026-11-01T08:15:00Z"))
	h.consumer.Store = &tiredStore{LogStore: h.db.LogStore(), failures: 1000}
	ctx, cancel := context.WithCancel(t.Context())
	var pauses []time.Duration
	h.consumer.Wait = func(_ context.Context, d time.Duration) {
		if pauses = append(pauses, d); len(pauses) == 10 {
			cancel()
		}
	}
	h.consumer.Run(ctx)
	want := []time.Duration{200e6, 400e6, 800e6, 1600e6, 3200e6, 6400e6, 12800e6, 25600e6, 30e9, 30e9}
	assert.Equal(t, want, pauses)
}

func TestManyClientsAndTwoConsumers(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("AC-18 50 clients, two consumers", func(t *testing.T) {
		const clients, entries = 50, 100
		bulks := 20
		if raceEnabled { // the detector makes it ten times as long
			bulks = 4
		}
		h := newHouse(t)
		ctx, cancel := context.WithCancel(t.Context())
		var consumers, senders sync.WaitGroup
		for range 2 {
			c := h.newConsumer(slog.New(slog.DiscardHandler))
			c.BatchWait = time.Second
			consumers.Go(func() { c.Run(ctx) })
		}
		for client := range clients {
			senders.Go(func() {
				for bulk := range bulks {
					drafts := many(entries)
					for i := range drafts {
						drafts[i].Entry.Person.Value = fmt.Sprintf("0202%02d%04d", client, i)
						drafts[i].Entry.SequenceNumber = fmt.Sprintf("%d-%d", bulk, i)
					}
					receipt, err := h.registrar.Add(ctx, system(fmt.Sprintf("m-%d-%d", client, bulk)), submission(drafts...))
					if assert.NoError(t, err) {
						assert.Equal(t, entries, receipt.Added)
					}
				}
			})
		}
		senders.Wait()
		sum := func() (n int64) {
			daily, err := h.db.LogStore().Daily(t.Context(), day("2026-11-21"), day("2026-11-22"), "33257872")
			require.NoError(t, err)
			for _, d := range daily {
				n += d.Stored
			}
			return n
		}
		require.Eventually(t, func() bool {
			s, err := h.consumer.Status(t.Context())
			return err == nil && s[0].Lag == 0 && s[0].End == int64(clients*bulks*entries)
		}, 2*time.Minute, 5*time.Millisecond)
		cancel()
		consumers.Wait()
		assert.EqualValues(t, clients*bulks*entries, sum())
	})
}

func TestAlarmsHoldNoPerson(t *testing.T) {
	h := newHouse(t)
	h.append(t, `{"schema":1,"kind":"`+citizen+`"}`)
	h.consume(t)
	alarms, err := h.consumer.Alarms(t.Context())
	require.NoError(t, err)
	assert.NotContains(t, strings.Join(alarms, " "), citizen)
}
