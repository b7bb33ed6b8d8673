package logkeeping_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// fleet is several instances of a consumer on one database, whose time and ticks the case moves.
type fleet struct {
	db        *memory.DB
	at        atomic.Int64 // seconds after now
	instances map[string]*instance
	running   sync.WaitGroup
}

// instance is one process: its own context, and its own way to the leases, which ends when it is killed.
type instance struct {
	*logkeeping.Consumer
	ticks  chan time.Time
	stop   context.CancelFunc
	ended  chan struct{}
	leases *mortalLeases
	store  *countedStore
}

// countedStore counts the steps of an instance.
type countedStore struct {
	ports.LogStore
	steps atomic.Int64
}

func (s *countedStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (int, error) {
	s.steps.Add(1)
	return s.LogStore.Store(ctx, p, from, to, b)
}

// mortalLeases are leases as a process sees them that may lose its database.
type mortalLeases struct {
	ports.Leases
	away atomic.Bool
}

var errAway = errors.New("database is away")

func (l *mortalLeases) Acquire(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (bool, error) {
	if l.away.Load() {
		return false, errAway
	}
	return l.Leases.Acquire(ctx, job, holder, now, ttl)
}

func (l *mortalLeases) Release(ctx context.Context, job, holder string) error {
	if l.away.Load() {
		return errAway
	}
	return l.Leases.Release(ctx, job, holder)
}

func (l *mortalLeases) Held(ctx context.Context, prefix string, now time.Time) (map[string]string, error) {
	if l.away.Load() {
		return nil, errAway
	}
	return l.Leases.Held(ctx, prefix, now)
}

const partitions = 12

func newFleet(t *testing.T, names ...string) *fleet {
	f := &fleet{instances: map[string]*instance{}}
	f.db = memory.New(f.now)
	require.NoError(t, f.db.Topics().CreateTopic(t.Context(), topic, messagelog.Spec{Partitions: partitions}))
	for _, name := range names {
		f.start(t, name)
	}
	t.Cleanup(func() {
		for _, i := range f.instances {
			i.stop()
		}
		f.running.Wait()
		goleak.VerifyNone(t)
	})
	return f
}

func (f *fleet) now() time.Time          { return now.Add(time.Duration(f.at.Load()) * time.Second) }
func (f *fleet) advance(d time.Duration) { f.at.Add(int64(d / time.Second)) }

func (f *fleet) start(t *testing.T, name string) {
	i := &instance{ticks: make(chan time.Time), leases: &mortalLeases{Leases: f.db.Leases()}, store: &countedStore{LogStore: f.db.LogStore()}, ended: make(chan struct{})}
	i.Consumer = &logkeeping.Consumer{
		Log: f.db.MessageLog(), Topics: f.db.Topics(), Store: i.store, Now: f.now, Logger: slog.New(slog.DiscardHandler), Topic: topic,
		Spec: messagelog.Spec{Partitions: partitions}, Batch: 100, BatchWait: time.Minute, RetentionYears: 2,
		Leases: i.leases, Instance: name, Lease: 30 * time.Second, Ticks: i.ticks,
	}
	ctx, cancel := context.WithCancel(context.Background())
	i.stop = cancel
	f.instances[name] = i
	f.running.Go(func() {
		defer close(i.ended)
		i.Run(ctx)
	})
	f.tick(name)
}

// tick has the instances named share anew, and waits until they have: a tick is taken when the one before is done with.
func (f *fleet) tick(names ...string) {
	for range 2 {
		for _, name := range names {
			f.instances[name].ticks <- f.now()
		}
	}
}

// settle lets the instances share at this time until nothing changes any more.
func (f *fleet) settle(t *testing.T, names ...string) map[string]int {
	t.Helper()
	var sizes map[string]int
	require.Eventually(t, func() bool {
		f.tick(names...)
		sizes = map[string]int{}
		for _, owner := range f.owners(t) {
			sizes[owner]++
		}
		all, err := f.db.Topics().Topics(t.Context())
		require.NoError(t, err)
		least, most, sum := all[topic], 0, 0
		for _, name := range names {
			least, most, sum = min(least, sizes[name]), max(most, sizes[name]), sum+sizes[name]
		}
		return most-least <= 1 && sum == all[topic]
	}, time.Minute, time.Millisecond, "the partitions are shared")
	return sizes
}

func (f *fleet) owners(t *testing.T) map[int]string {
	t.Helper()
	held, err := f.db.Leases().Held(t.Context(), "minlog-consumer/"+string(topic)+"/", f.now())
	require.NoError(t, err)
	owners := map[int]string{}
	for lease, owner := range held {
		if !strings.Contains(lease, "/member/") {
			var n int
			_, err := fmt.Sscanf(lease, "minlog-consumer/"+string(topic)+"/%d", &n)
			require.NoError(t, err)
			owners[n] = owner
		}
	}
	return owners
}

// kill ends an instance that gives nothing up.
func (f *fleet) kill(name string) {
	i := f.instances[name]
	i.leases.away.Store(true)
	i.stop()
	<-i.ended
	delete(f.instances, name)
}

// flows checks that a record of every partition is consumed.
func (f *fleet) flows(t *testing.T) {
	t.Helper()
	var records []messagelog.Record
	for n := range 40 * partitions {
		records = append(records, messagelog.Record{Topic: topic, Key: fmt.Append(nil, n), Value: []byte("x")})
	}
	require.NoError(t, f.db.MessageLog().Append(t.Context(), records))
	require.Eventually(t, func() bool {
		bounds, err := f.db.MessageLog().Bounds(t.Context(), []messagelog.Topic{topic})
		require.NoError(t, err)
		for n, b := range bounds[topic] {
			if next, _, err := f.db.LogStore().NextOffset(t.Context(), minlog.Partition{Topic: topic, Number: n}); err != nil || next != b.End {
				return false
			}
		}
		return true
	}, time.Minute, time.Millisecond, "every partition is consumed")
}

func TestInstancesShareThePartitions(t *testing.T) {
	t.Run("each has its part, and no partition two", func(t *testing.T) {
		f := newFleet(t, "a", "b", "c")
		assert.Equal(t, map[string]int{"a": 4, "b": 4, "c": 4}, f.settle(t, "a", "b", "c"))
		f.flows(t)
		for name, i := range f.instances {
			status, err := i.Status(t.Context())
			require.NoError(t, err)
			owners := f.owners(t)
			for n, s := range status {
				assert.Equal(t, owners[n], s.Owner, "partition %d", n)
				want := logkeeping.Elsewhere
				if s.Owner == name {
					want = logkeeping.Running
				}
				assert.Equal(t, want, s.State, "partition %d at %s", n, name)
			}
		}
	})

	t.Run("a new one gets its part while the leases of the others are valid", func(t *testing.T) {
		f := newFleet(t, "a")
		f.settle(t, "a")
		before := f.owners(t)
		f.start(t, "b")
		assert.Equal(t, map[string]int{"a": 6, "b": 6}, f.settle(t, "a", "b"))
		for n, owner := range f.owners(t) {
			assert.True(t, owner == "b" || before[n] == "a", "partition %d", n)
		}
		f.flows(t)
	})

	t.Run("what a stopped one had is taken over at once", func(t *testing.T) {
		f := newFleet(t, "a", "b")
		f.settle(t, "a", "b")
		f.instances["b"].stop()
		<-f.instances["b"].ended
		delete(f.instances, "b")
		require.Len(t, f.owners(t), 6, "its leases are given up when Run returns")
		require.Eventually(t, func() bool { // a worker that a stopped just before may still be ending: no time of the lease passes
			f.tick("a")
			return len(f.owners(t)) == partitions
		}, time.Minute, time.Millisecond)
		f.flows(t)
	})

	t.Run("what a dead one had is taken over when its leases have run out, and not before", func(t *testing.T) {
		f := newFleet(t, "a", "b")
		f.settle(t, "a", "b")
		f.advance(10 * time.Second)
		f.tick("a", "b") // the last that b renews
		had := f.owners(t)
		f.kill("b")
		for range 29 {
			f.advance(time.Second)
			f.tick("a")
			require.Equal(t, had, f.owners(t))
		}
		f.advance(time.Second)
		require.Eventually(t, func() bool { // as above
			f.tick("a")
			return len(f.owners(t)) == partitions
		}, time.Minute, time.Millisecond)
		for n, owner := range f.owners(t) {
			assert.Equal(t, "a", owner, "partition %d", n)
		}
		f.flows(t)
	})

	t.Run("leases are kept for as long as the instance lives", func(t *testing.T) {
		f := newFleet(t, "a", "b")
		f.settle(t, "a", "b")
		had := f.owners(t)
		for range 100 {
			f.advance(3 * time.Second)
			f.tick("a", "b")
			require.Equal(t, had, f.owners(t))
		}
	})

	t.Run("new partitions are taken", func(t *testing.T) {
		f := newFleet(t, "a", "b")
		f.settle(t, "a", "b")
		require.NoError(t, f.db.Topics().GrowTopic(t.Context(), topic, partitions+4))
		assert.Equal(t, map[string]int{"a": 8, "b": 8}, f.settle(t, "a", "b"))
		f.flows(t)
	})

	t.Run("new partitions are taken without leases too", func(t *testing.T) {
		f := newFleet(t)
		f.start(t, "a")
		f.instances["a"].stop()
		<-f.instances["a"].ended
		i := f.instances["a"]
		i.Leases, i.ended = nil, make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		i.stop = cancel
		f.running.Go(func() { i.Run(ctx) })
		f.flows(t)
		require.NoError(t, f.db.Topics().GrowTopic(t.Context(), topic, partitions+4))
		f.tick("a")
		f.flows(t)
		assert.Empty(t, f.owners(t))
	})

	t.Run("who cannot renew its leases stops when they run out, and comes back", func(t *testing.T) {
		f := newFleet(t, "a", "b")
		f.settle(t, "a", "b")
		f.instances["b"].leases.away.Store(true)
		for range 3 {
			f.advance(10 * time.Second)
			f.tick("b", "a")
		}
		require.Eventually(t, func() bool { // a worker that a stopped when b came may still be ending: no time of the lease passes
			f.tick("b", "a")
			return len(f.owners(t)) == partitions
		}, time.Minute, time.Millisecond)
		for n, owner := range f.owners(t) {
			assert.Equal(t, "a", owner, "partition %d", n)
		}
		steps := f.instances["b"].store.steps.Load()
		f.flows(t)
		assert.Equal(t, steps, f.instances["b"].store.steps.Load(), "steps of b")
		f.instances["b"].leases.away.Store(false)
		f.tick("b")
		assert.Equal(t, map[string]int{"a": 6, "b": 6}, f.settle(t, "a", "b"))
		f.flows(t)
	})
}

// TestOwnershipMovesBetweenSteps: an instance that gives a partition up ends the step it is at, and only then gives up the lease.
func TestOwnershipMovesBetweenSteps(t *testing.T) {
	f := newFleet(t)
	f.start(t, "a")
	slow := &slowStore{LogStore: f.db.LogStore(), entered: make(chan struct{}, partitions), leave: make(chan struct{})}
	f.instances["a"].stop()
	<-f.instances["a"].ended
	i := f.instances["a"]
	i.Store, i.ended = slow, make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	i.stop = cancel
	f.running.Go(func() { i.Run(ctx) })
	f.settle(t, "a")
	var records []messagelog.Record
	for n := range 40 * partitions {
		records = append(records, messagelog.Record{Topic: topic, Key: fmt.Append(nil, n), Value: []byte("x")})
	}
	require.NoError(t, f.db.MessageLog().Append(t.Context(), records))
	for range partitions {
		<-slow.entered
	}
	f.start(t, "b")
	f.tick("a", "b")
	owners := f.owners(t)
	assert.Len(t, owners, partitions)
	for n, owner := range owners {
		assert.Equal(t, "a", owner, "partition %d is in the middle of a step", n)
	}
	close(slow.leave)
	assert.Equal(t, map[string]int{"a": 6, "b": 6}, f.settle(t, "a", "b"))
	f.flows(t)
}

// slowStore stays in Store until it may leave.
type slowStore struct {
	ports.LogStore
	entered, leave chan struct{}
}

func (s *slowStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (int, error) {
	select {
	case s.entered <- struct{}{}:
	default:
	}
	select {
	case <-s.leave:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return s.LogStore.Store(ctx, p, from, to, b)
}

// lyingLeases give everybody everything.
type lyingLeases struct{ ports.Leases }

func (lyingLeases) Acquire(context.Context, string, string, time.Time, time.Duration) (bool, error) {
	return true, nil
}

func (lyingLeases) Release(context.Context, string, string) error { return nil }

func (lyingLeases) Held(context.Context, string, time.Time) (map[string]string, error) {
	return map[string]string{}, nil
}

func TestLeasesThatLie(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("AC-18 the store keeps everything once, whoever believes to have the lease", func(t *testing.T) {
		const records = 2000
		h := newHouse(t)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for i := range 4 {
			c := h.newConsumer(slog.New(slog.DiscardHandler))
			c.Leases, c.Instance, c.Batch, c.BatchWait = lyingLeases{}, fmt.Sprint(i), 7, time.Minute
			running.Go(func() { c.Run(ctx) })
		}
		for n := range records / 100 {
			drafts := many(100)
			for i := range drafts {
				drafts[i].Entry.SequenceNumber = fmt.Sprint(100*n + i)
			}
			h.add(t, fmt.Sprint("m-", n), drafts...)
		}
		require.Eventually(t, func() bool {
			s, err := h.consumer.Status(t.Context())
			return err == nil && s[0].Lag == 0
		}, 30*time.Second, time.Millisecond)
		cancel()
		running.Wait()
		assert.Equal(t, records, len(h.stored(t, citizen))) //nolint:testifylint // not all of them in the failure
		daily, err := h.db.LogStore().Daily(t.Context(), day("2026-11-21"), day("2026-11-22"), "33257872")
		require.NoError(t, err)
		require.Len(t, daily, 1)
		assert.EqualValues(t, records, daily[0].Stored)
	})
}
