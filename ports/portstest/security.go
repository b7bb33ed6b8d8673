package portstest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/ports"
)

// Handle is a store as one process holds it, with the unit of work that it joins.
type Handle[S any] struct {
	Store S
	Units ports.UnitOfWork
}

// Open returns an empty store that takes the time from now: a handle for each process that is to use it at once, at least one.
type Open[S any] func(t *testing.T, now func() time.Time) []Handle[S]

// handles are those of one store. Cases with one caller use the first and look at what it did through the last.
type handles[S any] []Handle[S]

func (hs handles[S]) first() Handle[S]    { return hs[0] }
func (hs handles[S]) last() Handle[S]     { return hs[len(hs)-1] }
func (hs handles[S]) nth(i int) Handle[S] { return hs[i%len(hs)] }

// opened opens a store with a clock of its own.
func (open Open[S]) opened(t *testing.T) (handles[S], *clock) {
	t.Helper()
	c := &clock{at: noon}
	return handles[S](open(t, c.now)), c
}

// clock is a time that only the case moves. It is safe for concurrent use.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// tick is the shortest time that a store tells apart.
const tick = time.Microsecond

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// rolledBack runs work in a unit of work that fails.
func rolledBack(ctx context.Context, t *testing.T, units ports.UnitOfWork, work func(ctx context.Context)) {
	t.Helper()
	require.Equal(t, errBoom, units.Run(ctx, func(ctx context.Context) error {
		work(ctx)
		return errBoom
	}, nothing))
}

// committed runs work in a unit of work that succeeds.
func committed(ctx context.Context, t *testing.T, units ports.UnitOfWork, work func(ctx context.Context)) {
	t.Helper()
	require.NoError(t, units.Run(ctx, func(ctx context.Context) error {
		work(ctx)
		return nil
	}, nothing))
}

// purged is a store that forgets. put keeps a row until until; has tells whether a row is there and is asked once for each.
type purged struct {
	ports.Purger
	units ports.UnitOfWork
	put   func(ctx context.Context, row int, until time.Time)
	has   func(ctx context.Context, row int) bool
}

// purger runs the contract of ports.Purger. The store's own clock stands at noon.
func purger(t *testing.T, open func(*testing.T) purged) {
	t.Run("Purge deletes what is at or past its until, and nothing else", func(t *testing.T) {
		s, ctx := open(t), bounded(t)
		for row, until := range []time.Duration{1, 2, 3} {
			s.put(ctx, row, noon.Add(until*time.Hour))
		}
		done, err := s.Purge(ctx, noon.Add(time.Hour-tick), 10)
		require.NoError(t, err)
		assert.True(t, done, "nothing is due")
		done, err = s.Purge(ctx, noon.Add(2*time.Hour), 10)
		require.NoError(t, err)
		assert.True(t, done)
		assert.Equal(t, []bool{false, false, true}, []bool{s.has(ctx, 0), s.has(ctx, 1), s.has(ctx, 2)})
	})

	t.Run("Purge deletes at most n, and is done when none is left", func(t *testing.T) {
		s, ctx := open(t), bounded(t)
		const rows, n = 25, 10
		for row := range rows {
			s.put(ctx, row, noon.Add(time.Duration(rows-row)*time.Second))
		}
		for left := rows; left > 0; left -= n {
			done, err := s.Purge(ctx, noon.Add(time.Minute), n)
			require.NoError(t, err)
			require.Equal(t, left <= n, done, "Purge of %d with %d there", n, left)
		}
		for row := range rows {
			assert.False(t, s.has(ctx, row), "row %d", row)
		}
	})

	t.Run("Purge of an empty store is done", func(t *testing.T) {
		done, err := open(t).Purge(bounded(t), noon, 10)
		require.NoError(t, err)
		assert.True(t, done)
	})

	t.Run("Purge is a transaction of its own", func(t *testing.T) {
		s, ctx := open(t), bounded(t)
		s.put(ctx, 0, noon.Add(time.Hour))
		rolledBack(ctx, t, s.units, func(ctx context.Context) {
			_, err := s.Purge(ctx, noon.Add(time.Hour), 10)
			require.NoError(t, err)
		})
		assert.False(t, s.has(ctx, 0))
	})

	t.Run("a context that has ended purges nothing", func(t *testing.T) {
		s, ctx := open(t), bounded(t)
		s.put(ctx, 0, noon.Add(time.Hour))
		_, err := s.Purge(ended(), noon.Add(time.Hour), 10)
		require.ErrorIs(t, err, context.Canceled)
		assert.True(t, s.has(ctx, 0))
	})
}
