package bootstrap

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
)

func TestPlaces(t *testing.T) {
	build := func(inFlight int, patience time.Duration) (p *places, inside *int) {
		c := DefaultConfig()
		c.Limits.InFlight, c.Limits.Queue, c.HTTP.CallTimeout = inFlight, patience, patience
		inside = new(int)
		return newPlaces([]string{"a", "b"}, &c, func(string) func() { *inside++; return func() { *inside-- } }), inside
	}
	enter := func(t *testing.T, p *places, service string, size int64) (leave func()) {
		t.Helper()
		leave, err := p.enter(t.Context(), service, size)
		require.NoError(t, err)
		return leave
	}
	refused := func(t *testing.T, p *places, service string, size int64) {
		t.Helper()
		_, err := p.enter(t.Context(), service, size)
		require.ErrorIs(t, err, soap.ErrOverloaded)
	}
	t.Run("calls of one service", func(t *testing.T) {
		p, inside := build(2, time.Millisecond)
		first, second := enter(t, p, "a", 10), enter(t, p, "a", 10)
		refused(t, p, "a", 10)
		other := enter(t, p, "b", 10)
		assert.Equal(t, 3, *inside)
		first()
		third := enter(t, p, "a", 10)
		for _, leave := range []func(){second, third, other} {
			leave()
		}
		assert.Zero(t, *inside)
	})
	t.Run("OC-25 no call enters once the server closes", func(t *testing.T) {
		p, inside := build(2, time.Millisecond)
		p.drain()
		_, err := p.enter(t.Context(), "a", 10)
		require.ErrorIs(t, err, soap.ErrDraining)
		assert.Zero(t, *inside)
	})
	t.Run("large messages of all services", func(t *testing.T) {
		p, _ := build(100, time.Millisecond)
		var leaves []func()
		for range 8 {
			leaves = append(leaves, enter(t, p, "a", 700<<10)) // each counts as 2 MiB of 16
		}
		refused(t, p, "b", 700<<10)
		small := enter(t, p, "b", smallMessage)
		for _, leave := range leaves {
			leave()
		}
		largest := enter(t, p, "a", largestMessage)
		refused(t, p, "a", smallMessage+1)
		largest()
		small()
		enter(t, p, "b", smallMessage+1)()
	})
	t.Run("who waits gets the place that becomes free", func(t *testing.T) {
		p, _ := build(1, time.Minute)
		first := enter(t, p, "a", 10)
		entered := make(chan func())
		go func() {
			leave, err := p.enter(context.Background(), "a", 10)
			assert.NoError(t, err)
			entered <- leave
		}()
		first()
		(<-entered)()
	})
	t.Run("a client that goes away gives up", func(t *testing.T) {
		p, _ := build(1, time.Minute)
		leave := enter(t, p, "a", largestMessage)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.enter(ctx, "b", largestMessage)
		require.ErrorIs(t, err, soap.ErrOverloaded)
		leave()
		enter(t, p, "b", 10)()
	})
}
