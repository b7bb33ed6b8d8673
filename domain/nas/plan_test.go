package nas_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/nas"
)

func TestQuota(t *testing.T) {
	const byDefault, limit = 256, 1000
	for _, c := range []struct {
		name        string
		asked, want int
	}{
		{"T29 MaximumNumber absent", -1, 256},
		{"T29 0", 0, 0},
		{"T29 1", 1, 1},
		{"T29 5", 5, 5},
		{"the limit", limit, limit},
		{"T29 more than the limit", math.MaxInt, limit},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, nas.Quota(c.asked, byDefault, limit)) })
	}
	t.Run("a default above the limit is the limit", func(t *testing.T) { assert.Equal(t, 10, nas.Quota(-1, 256, 10)) })
}

func TestShare(t *testing.T) {
	for _, c := range [][3]int{
		{20, 1, 20}, {20, 2, 10}, {20, 3, 7}, {1, 5, 1}, {0, 5, 0}, {5, 5, 1}, {6, 5, 2}, {7, 0, 7},
		{-1, 3, 0}, {-1, 1, 0}, {math.MaxInt, 2, math.MaxInt/2 + 1},
	} {
		assert.Equal(t, c[2], nas.Share(c[0], c[1]), "Share(%d, %d)", c[0], c[1])
	}
	assert.Equal(t, 5*time.Second, nas.Share(15*time.Second, 3))

	t.Run("T35 nobody starves: each of the lagging has at least one, and together they use the rest", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			rest, subscriptions := rapid.IntRange(0, 1000).Draw(t, "quota"), rapid.IntRange(1, 50).Draw(t, "subscriptions")
			fair := rest / subscriptions
			for left := subscriptions; left > 0; left-- {
				share := nas.Share(rest, left)
				require.GreaterOrEqual(t, share, min(rest, max(1, fair)))
				require.LessOrEqual(t, share, rest)
				rest -= share // the worst that the ones before can do
			}
			require.Zero(t, rest)
		})
	})
}

func TestPosition(t *testing.T) {
	p := nas.Position{Offsets: nas.Offsets{10, 20}, Ends: nas.Offsets{11, 1021}, Deltas: []int64{1, 1001}, Lag: 1002, MaxDelta: 1001}
	t.Run("catch-up goes by the partition that is the furthest behind", func(t *testing.T) {
		assert.True(t, p.CatchUp(1000))
		assert.False(t, p.CatchUp(1001))
	})
	t.Run("all is read when every partition is", func(t *testing.T) {
		assert.False(t, p.Read(nas.Offsets{10, 20}))
		assert.False(t, p.Read(nas.Offsets{10, 1021}))
		assert.False(t, p.Read(nas.Offsets{11, 1020}))
		assert.True(t, p.Read(nas.Offsets{11, 1021}))
		assert.True(t, p.Read(nas.Offsets{12, 1021}), "past the end too")
	})
	t.Run("when a cursor is worth keeping", func(t *testing.T) {
		for _, c := range []struct {
			name  string
			at    nas.Offsets
			found int
			min   int64
			gaps  []nas.Range
			want  bool
		}{
			{"nothing moved", nas.Offsets{10, 20}, 0, 1000, nil, false},
			{"nothing moved, any move counts", nas.Offsets{10, 20}, 0, 0, nil, false},
			{"moved a little", nas.Offsets{11, 1019}, 0, 1000, nil, false},
			{"moved enough", nas.Offsets{10, 1020}, 0, 1000, nil, true},
			{"moved a little, any move counts", nas.Offsets{11, 20}, 0, 0, nil, true},
			{"a message", nas.Offsets{11, 20}, 1, 1000, nil, true},
			{"T37 a gap", nas.Offsets{10, 20}, 0, 1000, []nas.Range{{0, 5, 9}}, true},
		} {
			t.Run(c.name, func(t *testing.T) {
				p := p
				p.Gaps = c.gaps
				assert.Equal(t, c.want, p.Worth(c.at, c.found, c.min))
			})
		}
	})
}

func TestOrderOfAnswers(t *testing.T) {
	early, late := published, published.Add(time.Millisecond)
	want := []nas.Place{
		{early, 0, 5, 9}, {early, 1, 0, 3}, {early, 1, 0, 4}, {early, 1, 1, 0}, // T36: one message, of two subscriptions
		{late, 0, 0, 0}, {late, 0, 0, 2}, {late, 3, 0, 1},
	}
	rapid.Check(t, func(t *rapid.T) {
		got := rapid.Permutation(want).Draw(t, "order")
		slices.SortFunc(got, nas.Place.Compare)
		require.Equal(t, want, got)
	})
	assert.Zero(t, want[0].Compare(nas.Place{Published: early, Subscription: 0, Partition: 5, Offset: 9}))
}

func TestActiveAt(t *testing.T) {
	made := published
	s := nas.Subscription{CreatedAt: made, Expires: made.Add(time.Hour)}
	for name, c := range map[string]struct {
		at   time.Time
		want bool
	}{
		"before it was made":              {made.Add(-1), false},
		"when it is made":                 {made, true},
		"just before its end":             {s.Expires.Add(-1), true},
		"T27 exactly at its end":          {s.Expires, false},
		"T27 at its end on another clock": {s.Expires.In(time.FixedZone("", 7200)), false},
		"after its end":                   {s.Expires.Add(1), false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, s.ActiveAt(c.at)) })
	}
	t.Run("without end", func(t *testing.T) {
		assert.True(t, nas.Subscription{CreatedAt: made}.ActiveAt(made.AddDate(100, 0, 0)))
	})
}
