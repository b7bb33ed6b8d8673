package nas_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

// badNumbers are what no number of an offset is.
var badNumbers = []string{"", "01", "00", "-1", "+1", "9223372036854775808", " 1", "1 ", "1.0", "1e3", "0x1", "1_0", "x", "१", "99999999999999999999"}

func TestT55Offsets(t *testing.T) {
	for text, want := range map[string]nas.Offsets{
		"146,72,72": {146, 72, 72}, "0": {0}, "0,0": {0, 0}, "9223372036854775807": {math.MaxInt64},
	} {
		got, err := nas.ParseOffsets(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
		assert.Equal(t, text, got.String())
	}
	for _, bad := range append([]string{"1,", ",1", ",", "1,,2", "1, 2", "1;2", "1\n", "1,2\x00"}, badNumbers...) {
		got, err := nas.ParseOffsets(bad)
		require.ErrorIs(t, err, nas.ErrOffsets, "%q", bad)
		assert.Nil(t, got, "%q", bad)
	}
	t.Run("what is written is read", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			o := nas.Offsets(rapid.SliceOfN(rapid.Int64Min(0), 1, 12).Draw(t, "offsets"))
			got, err := nas.ParseOffsets(o.String())
			require.NoError(t, err)
			require.Equal(t, o, got)
		})
	})
	t.Run("no partitions are no text of offsets", func(t *testing.T) { assert.Empty(t, nas.Offsets{}.String()) })
}

func TestT55Ranges(t *testing.T) {
	for text, want := range map[string]nas.Ranges{
		"":                               nil,
		"0:5":                            {{0, 5, 5}},
		"0:5-9,12;2:7":                   {{0, 5, 9}, {0, 12, 12}, {2, 7, 7}},
		"3:0-9223372036854775807":        {{3, 0, math.MaxInt64}},
		"0:1,2-3;1:0":                    {{0, 1, 1}, {0, 2, 3}, {1, 0, 0}},
		"2147483647:9223372036854775807": {{math.MaxInt32, math.MaxInt64, math.MaxInt64}},
	} {
		got, err := nas.ParseRanges(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
		assert.Equal(t, text, got.String())
	}
	bad := []string{
		":", "0", "0:", ":1", "0:1;", ";0:1", "0:1,", "0:,1", "0:1-", "0:-1", "0:1--2", "0:1-2-3", "0:2-1", "0:1-1", "0:2,1", "0:1,1", "0:1-3,3", "0:1-3,2",
		"1:1;0:1", "0:1;0:2", "0:1:2", "2147483648:1", " 0:1", "0: 1", "0:1 ",
	}
	for _, n := range badNumbers {
		bad = append(bad, n+":1", "0:"+n, "0:0-"+n, "0:1,"+n)
	}
	for _, text := range bad {
		got, err := nas.ParseRanges(text)
		require.ErrorIs(t, err, nas.ErrRanges, "%q", text)
		assert.Nil(t, got, "%q", text)
	}
}

func TestDelivered(t *testing.T) {
	t.Run("neighbours become a range", func(t *testing.T) {
		got := nas.Delivered([]nas.Place{{Partition: 2, Offset: 7}, {Offset: 12}, {Offset: 6}, {Offset: 5}, {Offset: 8}, {Offset: 7}, {Offset: 9}})
		assert.Equal(t, "0:5-9,12;2:7", got.String())
		assert.EqualValues(t, 7, got.Count())
	})
	t.Run("none", func(t *testing.T) {
		assert.Empty(t, nas.Delivered(nil))
		assert.Zero(t, nas.Delivered(nil).Count())
	})
	t.Run("ranges hold exactly the places, in the shortest text, and come back", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			places := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) nas.Place {
				return nas.Place{Partition: rapid.IntRange(0, 3).Draw(t, "partition"), Offset: rapid.Int64Range(0, 15).Draw(t, "offset")}
			}), 0, 30).Draw(t, "places")
			given := slices.Clone(places)
			r := nas.Delivered(places)
			require.Equal(t, given, places, "the places are not altered")

			var got []nas.Place
			for i, one := range r {
				require.False(t, i > 0 && r[i-1].Partition == one.Partition && r[i-1].To+1 >= one.From, "neighbours are one range: %v", r)
				for at := one.From; at <= one.To; at++ {
					got = append(got, nas.Place{Partition: one.Partition, Offset: at})
				}
			}
			slices.SortFunc(places, nas.Place.Compare)
			want := slices.Compact(places)
			require.Equal(t, len(want), len(got))
			require.EqualValues(t, len(want), r.Count())
			for i := range want {
				require.Equal(t, want[i], got[i])
			}
			back, err := nas.ParseRanges(r.String())
			require.NoError(t, err)
			require.Equal(t, r, back)
		})
	})
	t.Run("a count that no number holds is the largest", func(t *testing.T) {
		assert.EqualValues(t, math.MaxInt64, nas.Ranges{{0, 0, math.MaxInt64}, {1, 0, 5}}.Count())
	})
}

func TestAgainst(t *testing.T) {
	bounds := func(pairs ...int64) (b []messagelog.Bounds) {
		for i := 0; i < len(pairs); i += 2 {
			b = append(b, messagelog.Bounds{First: pairs[i], End: pairs[i+1]})
		}
		return b
	}
	for _, c := range []struct {
		name    string
		offsets nas.Offsets
		bounds  []messagelog.Bounds
		want    nas.Position
	}{
		{"behind", nas.Offsets{129, 56, 55}, bounds(0, 146, 0, 72, 0, 72), nas.Position{
			Offsets: nas.Offsets{129, 56, 55}, Ends: nas.Offsets{146, 72, 72}, Deltas: []int64{17, 16, 17}, Lag: 50, MaxDelta: 17,
		}},
		{"T38 all read", nas.Offsets{146}, bounds(100, 146), nas.Position{Offsets: nas.Offsets{146}, Ends: nas.Offsets{146}, Deltas: []int64{0}}},
		{"T37 partitions 3→5: the new ones from 0", nas.Offsets{5, 5, 5}, bounds(0, 5, 0, 6, 0, 5, 0, 9, 0, 0), nas.Position{
			Offsets: nas.Offsets{5, 5, 5, 0, 0}, Ends: nas.Offsets{5, 6, 5, 9, 0}, Deltas: []int64{0, 1, 0, 9, 0}, Lag: 10, MaxDelta: 9,
		}},
		{"T37 retention passed the position: the rest is read, the gap is told", nas.Offsets{5, 7}, bounds(10, 12, 0, 7), nas.Position{
			Offsets: nas.Offsets{10, 7}, Ends: nas.Offsets{12, 7}, Deltas: []int64{2, 0}, Lag: 2, MaxDelta: 2,
			Gaps: []nas.Range{{Partition: 0, From: 5, To: 9}},
		}},
		{"retention took all", nas.Offsets{5}, bounds(10, 10), nas.Position{
			Offsets: nas.Offsets{10}, Ends: nas.Offsets{10}, Deltas: []int64{0}, Gaps: []nas.Range{{Partition: 0, From: 5, To: 9}},
		}},
		{"a new partition that lost records", nil, bounds(3, 8), nas.Position{
			Offsets: nas.Offsets{3}, Ends: nas.Offsets{8}, Deltas: []int64{5}, Lag: 5, MaxDelta: 5, Gaps: []nas.Range{{Partition: 0, From: 0, To: 2}},
		}},
		{"beyond the end: nothing to read, the position stays", nas.Offsets{9, 1}, bounds(0, 4, 0, 4), nas.Position{
			Offsets: nas.Offsets{9, 1}, Ends: nas.Offsets{4, 4}, Deltas: []int64{0, 3}, Lag: 3, MaxDelta: 3, Beyond: []int{0},
		}},
		{"a lag that no number holds is the largest", nas.Offsets{0, 0}, bounds(0, math.MaxInt64, 0, 1), nas.Position{
			Offsets: nas.Offsets{0, 0}, Ends: nas.Offsets{math.MaxInt64, 1}, Deltas: []int64{math.MaxInt64, 1}, Lag: math.MaxInt64, MaxDelta: math.MaxInt64,
		}},
		{"no partitions", nil, nil, nas.Position{Offsets: nas.Offsets{}, Ends: nas.Offsets{}, Deltas: []int64{}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			given := slices.Clone(c.offsets)
			got, err := c.offsets.Against(c.bounds)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			assert.Equal(t, given, c.offsets, "the cursor is not altered")
		})
	}
	t.Run("T37 a cursor of 5 and a log of 3", func(t *testing.T) {
		got, err := nas.Offsets{1, 1, 1, 1, 1}.Against(bounds(0, 9, 0, 9, 0, 9))
		require.ErrorIs(t, err, nas.ErrPartitionsLost)
		e, _ := fault.Of(err)
		assert.Equal(t, nas.CodePartitionsLost, e.Code)
		assert.Zero(t, got, "nothing moves")
	})
	t.Run("T7 a subscription begins at the ends", func(t *testing.T) {
		b := bounds(0, 146, 70, 72)
		first := nas.Ends(b)
		assert.Equal(t, nas.Offsets{146, 72}, first)
		p, err := first.Against(b)
		require.NoError(t, err)
		assert.Zero(t, p.Lag)
	})
	t.Run("a position never goes back, never lies below what is kept, and is behind by what is left", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			small := rapid.Int64Range(0, 9)
			o := nas.Offsets(rapid.SliceOfN(small, 0, 4).Draw(t, "offsets"))
			var b []messagelog.Bounds
			for range rapid.IntRange(len(o), 5).Draw(t, "partitions") {
				first := small.Draw(t, "first")
				b = append(b, messagelog.Bounds{First: first, End: first + small.Draw(t, "kept")})
			}
			p, err := o.Against(b)
			require.NoError(t, err)
			require.Len(t, p.Offsets, len(b))
			var lag, lost int64
			for i := range b {
				before := int64(0)
				if i < len(o) {
					before = o[i]
				}
				require.Equal(t, max(before, b[i].First), p.Offsets[i])
				lost += p.Offsets[i] - before
				lag += p.Deltas[i]
				require.Equal(t, max(0, b[i].End-p.Offsets[i]), p.Deltas[i])
				require.LessOrEqual(t, p.Deltas[i], p.MaxDelta)
				require.Equal(t, p.Offsets[i] > b[i].End, slices.Contains(p.Beyond, i))
			}
			require.Equal(t, lag, p.Lag)
			require.Equal(t, lost, nas.Ranges(p.Gaps).Count())
			again, err := p.Offsets.Against(b)
			require.NoError(t, err)
			require.Equal(t, p.Offsets, again.Offsets)
			require.Empty(t, again.Gaps, "a gap is told once")
			require.True(t, p.Read(nas.Ends(b)))
			require.Equal(t, p.Lag == 0, p.Read(p.Offsets))
		})
	})
}
