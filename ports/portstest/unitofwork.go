package portstest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// UnitOfWork runs the contract of ports.UnitOfWork with a store that joins it.
func UnitOfWork(t *testing.T, open func(*testing.T) (ports.UnitOfWork, ports.LogStore)) {
	t.Run("Run calls work and then seal and commits", func(t *testing.T) {
		units, store := open(t)
		ctx := bounded(t)
		var order []string
		require.NoError(t, units.Run(ctx, func(ctx context.Context) error {
			order = append(order, "work")
			return step(ctx, store, "a", 0, 1)
		}, func(context.Context) error {
			order = append(order, "seal")
			return nil
		}))
		assert.Equal(t, []string{"work", "seal"}, order)
		requireAt(ctx, t, store, "a", 1)
	})

	t.Run("an error of work rolls back and is returned as it is", func(t *testing.T) {
		units, store := open(t)
		ctx := bounded(t)
		sealed := false
		err := units.Run(ctx, func(ctx context.Context) error {
			require.NoError(t, step(ctx, store, "a", 0, 1))
			return errBoom
		}, func(context.Context) error {
			sealed = true
			return nil
		})
		assert.Equal(t, errBoom, err)
		assert.False(t, sealed, "seal after an error of work")
		requireNew(ctx, t, store, "a")
	})

	t.Run("an error of seal rolls back and is returned as it is", func(t *testing.T) {
		units, store := open(t)
		ctx := bounded(t)
		err := units.Run(ctx, func(ctx context.Context) error { return step(ctx, store, "a", 0, 1) },
			func(context.Context) error { return errBoom })
		assert.Equal(t, errBoom, err)
		requireNew(ctx, t, store, "a")
		require.NoError(t, step(ctx, store, "a", 0, 1), "the next write works")
	})

	for _, when := range []string{"work", "seal"} {
		t.Run("a panic of "+when+" rolls back and goes on", func(t *testing.T) {
			units, store := open(t)
			ctx := bounded(t)
			assert.PanicsWithValue(t, "kaboom", func() {
				_ = units.Run(ctx, func(ctx context.Context) error {
					require.NoError(t, step(ctx, store, "a", 0, 1))
					if when == "work" {
						panic("kaboom")
					}
					return nil
				}, func(context.Context) error { panic("kaboom") })
			})
			requireNew(ctx, t, store, "a")
			require.NoError(t, step(ctx, store, "a", 0, 1), "the next write works")
		})
	}

	t.Run("a Run within a unit fails and the unit lives", func(t *testing.T) {
		units, store := open(t)
		ctx := bounded(t)
		require.NoError(t, units.Run(ctx, func(ctx context.Context) error {
			ran := false
			require.Error(t, units.Run(ctx, func(context.Context) error {
				ran = true
				return nil
			}, nothing))
			assert.False(t, ran, "work of the inner Run")
			return step(ctx, store, "a", 0, 1)
		}, nothing))
		requireAt(ctx, t, store, "a", 1)
	})

	t.Run("reads within the unit see its writes, reads outside do not", func(t *testing.T) {
		units, store := open(t)
		outer := bounded(t)
		require.NoError(t, units.Run(outer, func(ctx context.Context) error {
			require.NoError(t, step(ctx, store, "a", 0, 1))
			requireAt(ctx, t, store, "a", 1)
			return nil
		}, func(ctx context.Context) error {
			requireAt(ctx, t, store, "a", 1)
			seen := make(chan bool)
			outside, cancel := context.WithCancel(outer)
			go func() {
				_, ok, err := store.NextOffset(outside, partition("a"))
				seen <- ok && err == nil
			}()
			cancel() // a backend may also have readers wait for the unit
			assert.False(t, <-seen, "uncommitted write seen from outside")
			return nil
		}))
		requireAt(outer, t, store, "a", 1)
	})

	t.Run("a unit without writes commits nothing and disturbs nobody", func(t *testing.T) {
		units, store := open(t)
		outer := bounded(t)
		require.NoError(t, units.Run(outer, func(ctx context.Context) error {
			requireNew(ctx, t, store, "a")
			return step(outer, store, "a", 0, 1) // the transaction opens at the first write: another may write before
		}, nothing))
		requireAt(outer, t, store, "a", 1)
	})

	t.Run("a store that fails within the unit changes nothing, and the unit goes on", func(t *testing.T) {
		units, store := open(t)
		ctx := bounded(t)
		require.NoError(t, step(ctx, store, "taken", 0, 5))
		require.NoError(t, units.Run(ctx, func(ctx context.Context) error {
			require.NoError(t, step(ctx, store, "a", 0, 1))
			require.Error(t, step(ctx, store, "taken", 4, 6))
			return step(ctx, store, "b", 0, 2)
		}, nothing))
		requireAt(ctx, t, store, "a", 1)
		requireAt(ctx, t, store, "b", 2)
		requireAt(ctx, t, store, "taken", 5)
	})

	t.Run("what is done apart from the unit commits by itself, and stays when the unit rolls back", func(t *testing.T) {
		units, store := open(t)
		outer := bounded(t)
		require.ErrorIs(t, units.Run(outer, func(ctx context.Context) error {
			require.NoError(t, step(ports.Apart(ctx), store, "apart", 0, 1))
			requireAt(outer, t, store, "apart", 1)
			require.False(t, ports.Written(ctx), "the unit has not written")
			require.NoError(t, step(ctx, store, "a", 0, 1))
			require.True(t, ports.Written(ctx), "the unit has written")
			return errBoom
		}, nothing), errBoom)
		requireAt(outer, t, store, "apart", 1)
		requireNew(outer, t, store, "a")
	})

	t.Run("a write with the context of a unit that has ended fails", func(t *testing.T) {
		units, store := open(t)
		outer := bounded(t)
		var kept context.Context
		require.NoError(t, units.Run(outer, func(ctx context.Context) error {
			kept = ctx
			return step(ctx, store, "a", 0, 1)
		}, nothing))
		require.Error(t, step(kept, store, "a", 1, 2))
		requireAt(outer, t, store, "a", 1)
	})

	t.Run("a context that ends after seal does not take the commit back", func(t *testing.T) {
		units, store := open(t)
		ctx, cancel := context.WithCancel(bounded(t))
		defer cancel()
		require.NoError(t, units.Run(ctx, func(ctx context.Context) error { return step(ctx, store, "a", 0, 1) },
			func(context.Context) error {
				cancel()
				return nil
			}))
		requireAt(bounded(t), t, store, "a", 1)
	})

	t.Run("a context of one write that ends does not end the unit", func(t *testing.T) {
		units, store := open(t)
		ctx := bounded(t)
		require.NoError(t, units.Run(ctx, func(ctx context.Context) error {
			short, cancel := context.WithCancel(ctx)
			require.NoError(t, step(short, store, "a", 0, 1))
			cancel()
			return step(ctx, store, "b", 0, 1)
		}, nothing))
		requireAt(ctx, t, store, "a", 1)
		requireAt(ctx, t, store, "b", 1)
	})

	t.Run("a write with an ended context fails and changes nothing", func(t *testing.T) {
		units, store := open(t)
		ctx, cancel := context.WithCancel(bounded(t))
		cancel()
		require.ErrorIs(t, step(ctx, store, "a", 0, 1), context.Canceled)
		require.ErrorIs(t, units.Run(ctx, func(ctx context.Context) error { return step(ctx, store, "a", 0, 1) }, nothing), context.Canceled)
		requireNew(bounded(t), t, store, "a")
	})

	t.Run("it is safe for concurrent use: each unit takes effect whole or not at all", func(t *testing.T) {
		units, store := open(t)
		ctx := bounded(t)
		const n = 16
		var wg sync.WaitGroup
		results := make([]error, n)
		for i := range n {
			wg.Go(func() {
				name := messagelog.Topic(string(rune('a' + i)))
				results[i] = units.Run(ctx, func(ctx context.Context) error {
					return errors.Join(step(ctx, store, name, 0, 1), step(ctx, store, name+"2", 0, 1))
				}, func(context.Context) error {
					if i%2 == 1 {
						return errBoom
					}
					return nil
				})
			})
		}
		wg.Wait()
		for i := range n {
			name := messagelog.Topic(string(rune('a' + i)))
			if i%2 == 1 {
				require.Equal(t, errBoom, results[i])
				requireNew(ctx, t, store, name)
				requireNew(ctx, t, store, name+"2")
				continue
			}
			require.NoError(t, results[i])
			requireAt(ctx, t, store, name, 1)
			requireAt(ctx, t, store, name+"2", 1)
		}
	})
}

func partition(name messagelog.Topic) minlog.Partition { return minlog.Partition{Topic: name} }

// step is a write that joins a unit: the consumer of name goes from..to.
func step(ctx context.Context, store ports.LogStore, name messagelog.Topic, from, to int64) error {
	_, err := store.Store(ctx, partition(name), from, to, minlog.Batch{})
	return err
}

func requireAt(ctx context.Context, t *testing.T, store ports.LogStore, name messagelog.Topic, want int64) {
	t.Helper()
	next, ok, err := store.NextOffset(ctx, partition(name))
	require.NoError(t, err)
	require.True(t, ok, "NextOffset(%s): new", name)
	require.Equal(t, want, next, "NextOffset(%s)", name)
}

func requireNew(ctx context.Context, t *testing.T, store ports.LogStore, name messagelog.Topic) {
	t.Helper()
	next, ok, err := store.NextOffset(ctx, partition(name))
	require.NoError(t, err)
	require.False(t, ok, "NextOffset(%s) = %d, want a new partition", name, next)
}
