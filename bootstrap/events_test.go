package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// slowEvents is a store that waits before it keeps anything.
type slowEvents struct {
	ports.SecurityEvents
	gate  chan struct{} // closed = does not wait
	fails error
}

func (s *slowEvents) Record(ctx context.Context, until time.Time, events ...audit.Refusal) error {
	<-s.gate
	if s.fails != nil {
		return s.fails
	}
	return s.SecurityEvents.Record(ctx, until, events...)
}

func TestEventLog(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	// stop ends the log while the store still waits, and then lets it go on.
	start := func(store *slowEvents) (e *eventLog, stop func()) {
		e = newEventLog(store, time.Hour, clock, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { e.run(ctx) })
		return e, func() { cancel(); close(store.gate); running.Wait() }
	}
	event := func(i int) audit.Refusal { return audit.Refusal{At: now, Service: "test", MessageID: strconv.Itoa(i)} }

	t.Run("what was added is stored before the end", func(t *testing.T) {
		db := memory.New(clock)
		store := &slowEvents{SecurityEvents: db.SecurityEvents(), gate: make(chan struct{})}
		e, stop := start(store)
		for i := range eventQueue {
			e.add(event(i))
		}
		stop()
		got, err := db.SecurityEvents().Since(t.Context(), now, 2*eventQueue)
		require.NoError(t, err)
		assert.Len(t, got, eventQueue)
		assert.Zero(t, e.lost())
		done, err := db.SecurityEvents().Purge(t.Context(), now.Add(time.Hour-time.Second), 1000)
		require.NoError(t, err)
		assert.True(t, done)
		got, err = db.SecurityEvents().Since(t.Context(), now, 2*eventQueue)
		require.NoError(t, err)
		assert.Len(t, got, eventQueue, "for as long as the configuration says")
	})
	t.Run("a store that hangs stops no call", func(t *testing.T) {
		store := &slowEvents{SecurityEvents: memory.New(clock).SecurityEvents(), gate: make(chan struct{})}
		e, stop := start(store)
		added := make(chan struct{})
		go func() {
			defer close(added)
			for i := range eventQueue + 2*eventBatch {
				e.add(event(i))
			}
		}()
		assert.Eventually(t, func() bool { return e.lost() > 0 }, time.Minute, time.Millisecond)
		stop()
		<-added
	})
	t.Run("what cannot be stored is counted", func(t *testing.T) {
		store := &slowEvents{gate: make(chan struct{}), fails: errors.New("full")}
		e, stop := start(store)
		e.add(event(1))
		stop()
		assert.EqualValues(t, 1, e.lost())
	})
}

// rows is a store of so many rows that are past their time.
type rows struct {
	mu    sync.Mutex
	left  int
	fails error
	asked []int
}

func (r *rows) Purge(_ context.Context, _ time.Time, n int) (done bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, n)
	r.left = max(0, r.left-n)
	return r.left == 0, r.fails
}

func TestPurging(t *testing.T) {
	full, broken := &rows{left: 2500}, &rows{left: 1, fails: errors.New("locked")}
	work := newPurging(map[string]ports.Purger{"a": broken, "b": full}, time.Now)
	var err error
	for done := false; !done; {
		done, err = work.Step(t.Context())
	}
	assert.Equal(t, []int{1000, 1000, 1000}, full.asked, "in batches, until nothing is left")
	assert.ErrorContains(t, err, "purge a: locked")
}
