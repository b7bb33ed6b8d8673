package admitting_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// grantStore counts the readings of a store, and fails or blocks them on demand.
type grantStore struct {
	ports.GrantStore
	reads atomic.Int64
	down  atomic.Bool
	block chan struct{} // nil: readings are not held up
}

func (s *grantStore) Grants(ctx context.Context) ([]trust.Grant, error) {
	s.reads.Add(1)
	if s.block != nil {
		<-s.block
	}
	if s.down.Load() {
		return nil, errors.New("down")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.GrantStore.Grants(ctx)
}

const cvr = "99999901"

// granted is a store that holds consent.admin for cvr, the grants of it, and how to move their clock.
func granted(t *testing.T) (store *grantStore, grants *admitting.Grants, at func(time.Duration)) {
	var passed atomic.Int64
	now := func() time.Time { return arrived.Add(time.Duration(passed.Load())) }
	store = &grantStore{GrantStore: memory.New(now).Grants()}
	change(t, store, func(all []trust.Grant) ([]trust.Grant, error) {
		return trust.Add(all, trust.Grant{ID: "1", Name: "consent.admin", CVR: cvr, Valid: validity.Period{From: arrived}})
	})
	return store, admitting.NewGrants(store, now), func(d time.Duration) { passed.Store(int64(d)) }
}

func change(t *testing.T, store ports.GrantStore, edit func([]trust.Grant) ([]trust.Grant, error)) {
	t.Helper()
	require.NoError(t, store.Update(t.Context(), edit))
}

func end(at time.Duration) func([]trust.Grant) ([]trust.Grant, error) {
	return func(all []trust.Grant) ([]trust.Grant, error) { return trust.End(all, "1", arrived.Add(at)) }
}

func requireHas(t *testing.T, g *admitting.Grants, want bool) {
	t.Helper()
	got, err := g.Has(t.Context(), "consent.admin", cvr)
	require.NoError(t, err)
	require.Equal(t, want, got, "Has = %v, want %v", got, want)
}

func TestGrantsAge(t *testing.T) {
	t.Run("SEC-22 at most 10 s old", func(t *testing.T) {
		store, grants, at := granted(t)
		requireHas(t, grants, true)
		change(t, store, end(0))
		at(5*time.Second - 1)
		requireHas(t, grants, true)
		assert.EqualValues(t, 1, store.reads.Load())
		at(5 * time.Second)
		requireHas(t, grants, false)
		assert.EqualValues(t, 2, store.reads.Load())
	})
	t.Run("SA-44 grant ended now", func(t *testing.T) {
		store, grants, at := granted(t)
		change(t, store, end(time.Second))
		requireHas(t, grants, true)
		at(time.Second - 1)
		requireHas(t, grants, true)
		at(time.Second)
		requireHas(t, grants, false)
		assert.EqualValues(t, 1, store.reads.Load(), "the end is known beforehand")
	})
	t.Run("after a change in this process", func(t *testing.T) {
		store, grants, _ := granted(t)
		requireHas(t, grants, true)
		change(t, store, end(0))
		require.NoError(t, grants.Refresh(t.Context()))
		requireHas(t, grants, false)
	})
	t.Run("SEC-22 store down", func(t *testing.T) {
		store, grants, at := granted(t)
		requireHas(t, grants, true)
		store.down.Store(true)
		require.ErrorContains(t, grants.Refresh(t.Context()), "down")
		at(10*time.Second - 1)
		requireHas(t, grants, true)
		at(10 * time.Second)
		_, err := grants.Has(t.Context(), "consent.admin", cvr)
		require.ErrorIs(t, err, admitting.ErrGrants)
		f, _ := fault.Of(err)
		assert.Equal(t, fault.CodeProcessing, f.Code)
		store.down.Store(false)
		requireHas(t, grants, true)
	})
	t.Run("clock set back", func(t *testing.T) {
		store, grants, at := granted(t)
		at(time.Hour)
		requireHas(t, grants, true)
		at(time.Minute)
		change(t, store, end(0))
		requireHas(t, grants, false)
	})
	t.Run("store down from the start", func(t *testing.T) {
		store, grants, _ := granted(t)
		store.down.Store(true)
		_, err := grants.Has(t.Context(), "consent.admin", cvr)
		require.ErrorIs(t, err, admitting.ErrGrants)
	})
	t.Run("the client that reads goes away", func(t *testing.T) {
		_, grants, _ := granted(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ok, err := grants.Has(ctx, "consent.admin", cvr)
		require.NoError(t, err, "others wait for what it reads")
		assert.True(t, ok)
	})
}

// waiting is a context that tells when somebody is about to wait for its end, once.
type waiting struct {
	context.Context
	waits chan struct{}
}

func (w waiting) Done() <-chan struct{} {
	close(w.waits)
	return w.Context.Done()
}

func TestGrantsShareOneReading(t *testing.T) {
	t.Run("SEC-22 the first", func(t *testing.T) {
		store, grants, _ := granted(t)
		store.block = make(chan struct{})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				ok, err := grants.Has(t.Context(), "consent.admin", cvr)
				assert.NoError(t, err)
				assert.True(t, ok)
			})
		}
		require.Eventually(t, func() bool { return store.reads.Load() == 1 }, time.Minute, time.Millisecond)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := grants.Has(gone, "consent.admin", cvr)
		require.ErrorIs(t, err, context.Canceled, "who waits stops waiting")
		close(store.block)
		wg.Wait()
		assert.EqualValues(t, 1, store.reads.Load())
	})
	t.Run("SEC-22 the old one serves meanwhile", func(t *testing.T) {
		store, grants, at := granted(t)
		requireHas(t, grants, true)
		store.block = make(chan struct{})
		at(6 * time.Second)
		refreshed := make(chan bool)
		go func() {
			ok, err := grants.Has(t.Context(), "consent.admin", cvr)
			refreshed <- ok && err == nil
		}()
		require.Eventually(t, func() bool { return store.reads.Load() == 2 }, time.Minute, time.Millisecond)
		requireHas(t, grants, true) // would block
		close(store.block)
		assert.True(t, <-refreshed)
	})
	t.Run("a reading that began before the change", func(t *testing.T) {
		store, grants, _ := granted(t)
		store.block = make(chan struct{})
		early := make(chan error)
		go func() {
			_, err := grants.Has(t.Context(), "consent.admin", cvr)
			early <- err
		}()
		require.Eventually(t, func() bool { return store.reads.Load() == 1 }, time.Minute, time.Millisecond)
		late, waits := make(chan error), make(chan struct{})
		go func() { late <- grants.Refresh(waiting{t.Context(), waits}) }()
		<-waits
		close(store.block)
		require.NoError(t, <-early)
		require.NoError(t, <-late)
		assert.EqualValues(t, 2, store.reads.Load(), "Refresh reads for itself")
	})
}

func TestGrantsCostNothing(t *testing.T) {
	_, grants, _ := granted(t)
	requireHas(t, grants, true)
	ctx := t.Context()
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = grants.Has(ctx, "consent.admin", cvr) }))
}
