package ports_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/ports"
)

func TestUnit(t *testing.T) {
	type database struct{ name string }
	type unit struct{ n int }
	one, other := &database{"one"}, &database{"other"}
	var oneWrote, otherWrote bool
	end := time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC)
	outer, cancel := context.WithDeadline(ports.WithCallID(t.Context(), "00112233aabbccdd"), end)
	defer cancel()
	u, v := &unit{1}, &unit{2}
	within := ports.WithUnit(outer, one, u, func() bool { return oneWrote })
	both := ports.WithUnit(within, other, v, func() bool { return otherWrote })
	apart := ports.Apart(both)

	t.Run("a unit is found by whose it is", func(t *testing.T) {
		assert.Nil(t, ports.Unit(outer, one))
		assert.Same(t, u, ports.Unit(within, one))
		assert.Nil(t, ports.Unit(within, other))
		assert.Same(t, u, ports.Unit(both, one))
		assert.Same(t, v, ports.Unit(both, other))
	})

	t.Run("a context has written when one of its units has", func(t *testing.T) {
		assert.False(t, ports.Written(outer))
		assert.False(t, ports.Written(both))
		otherWrote = true
		assert.True(t, ports.Written(both))
		assert.False(t, ports.Written(within))
		oneWrote, otherWrote = true, false
		assert.True(t, ports.Written(within))
		assert.True(t, ports.Written(both))
	})

	t.Run("apart from its units a context has none, and all else", func(t *testing.T) {
		oneWrote, otherWrote = true, true
		assert.Nil(t, ports.Unit(apart, one))
		assert.Nil(t, ports.Unit(apart, other))
		assert.False(t, ports.Written(apart))
		assert.Equal(t, "00112233aabbccdd", ports.CallID(apart))
		got, ok := apart.Deadline()
		assert.True(t, ok)
		assert.Equal(t, end, got)
	})

	t.Run("a unit begun apart is one of its own", func(t *testing.T) {
		oneWrote = true
		mine := &unit{3}
		wrote := false
		inner := ports.WithUnit(apart, one, mine, func() bool { return wrote })
		assert.Same(t, mine, ports.Unit(inner, one))
		assert.False(t, ports.Written(inner))
		wrote = true
		assert.True(t, ports.Written(inner))
	})

	t.Run("it ends when the other does", func(t *testing.T) {
		cancel()
		assert.ErrorIs(t, apart.Err(), context.Canceled)
	})
}
