package validity_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/validity"
)

// at returns an instant n seconds into a day; at(0) is no instant.
func at(n int) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Date(2026, 11, 21, 12, 0, n, 0, time.UTC)
}

func period(from, to int) validity.Period { return validity.Period{From: at(from), To: at(to)} }

func TestContains(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to int
		inside   []int
		outside  []int
	}{
		{"half-open", 10, 20, []int{10, 19}, []int{9, 20, 21}},
		{"no beginning", 0, 20, []int{1, 19}, []int{20}},
		{"no end", 10, 0, []int{10, 50}, []int{9}},
		{"everything", 0, 0, []int{1, 50}, nil},
		{"nothing", 10, 10, nil, []int{9, 10, 11}},
		{"reversed", 20, 10, nil, []int{9, 10, 15, 20, 21}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := period(c.from, c.to)
			for _, n := range c.inside {
				assert.True(t, p.Contains(at(n)), n)
			}
			for _, n := range c.outside {
				assert.False(t, p.Contains(at(n)), n)
			}
		})
	}
}

func TestEnd(t *testing.T) {
	assert.Equal(t, period(10, 15), period(10, 0).End(at(15)))
	assert.Equal(t, period(10, 15), period(10, 20).End(at(15)))
	assert.Equal(t, period(10, 20), period(10, 20).End(at(25)), "what has ended stays ended")
	assert.True(t, period(10, 0).End(at(5)).Empty())
}

// TestOverlapsIsSharedInstants compares Overlaps with looking at every second of a minute.
func TestOverlapsIsSharedInstants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.IntRange(0, 12)
		p := period(bound.Draw(t, "p.From"), bound.Draw(t, "p.To"))
		q := period(bound.Draw(t, "q.From"), bound.Draw(t, "q.To"))
		shared, inP := false, false
		for n := -20; n <= 40; n++ {
			instant := at(30).Add(time.Duration(n-30) * time.Second)
			inP = inP || p.Contains(instant)
			shared = shared || p.Contains(instant) && q.Contains(instant)
		}
		require.Equal(t, shared, p.Overlaps(q))
		require.Equal(t, shared, q.Overlaps(p))
		require.Equal(t, !inP, p.Empty())
	})
}
