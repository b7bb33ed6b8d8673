package minlog_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/minlog"
)

// ownersOf asks every member for its share, and checks that each partition has one owner.
func ownersOf(t require.TestingT, partitions int, members []string) []string {
	owners := make([]string, partitions)
	owned := make([]bool, partitions)
	for _, m := range members {
		mine := minlog.Share(partitions, members, m)
		require.True(t, slices.IsSorted(mine))
		for _, p := range mine {
			require.False(t, owned[p], "partition %d has two members", p)
			owners[p], owned[p] = m, true
		}
	}
	require.NotContains(t, owned, false, "a partition has no member")
	return owners
}

func TestShare(t *testing.T) {
	t.Run("every partition has exactly one member, and sizes differ by at most one", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			partitions := rapid.IntRange(0, 40).Draw(t, "partitions")
			members := rapid.SliceOfNDistinct(rapid.String(), 1, 12, rapid.ID).Draw(t, "members")
			sizes := map[string]int{}
			for _, m := range ownersOf(t, partitions, members) {
				sizes[m]++
			}
			least, most := partitions, 0
			for _, m := range members {
				least, most = min(least, sizes[m]), max(most, sizes[m])
			}
			require.LessOrEqual(t, most-least, 1, "sizes %v", sizes)
		})
	})

	t.Run("the order of members, and naming one twice, makes no difference", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			members := rapid.SliceOfNDistinct(rapid.StringN(0, 3, -1), 1, 6, rapid.ID).Draw(t, "members")
			shuffled := append(rapid.Permutation(members).Draw(t, "shuffled"), members[0])
			for _, m := range members {
				require.Equal(t, minlog.Share(12, members, m), minlog.Share(12, shuffled, m))
			}
		})
	})

	t.Run("who is no member has none", func(t *testing.T) {
		assert.Empty(t, minlog.Share(12, []string{"a", "b"}, "c"))
		assert.Empty(t, minlog.Share(12, nil, "c"))
		assert.Equal(t, []int{0, 1, 2}, minlog.Share(3, []string{"c"}, "c"))
	})

	t.Run("a member more moves few partitions", func(t *testing.T) {
		const partitions, rounds = 12, 200
		for members := 1; members <= 6; members++ {
			moved := 0
			for round := range rounds {
				var names []string
				for m := range members + 1 {
					names = append(names, fmt.Sprintf("node-%d-%d", round, m))
				}
				before, after := ownersOf(t, partitions, names[:members]), ownersOf(t, partitions, names)
				for p := range before {
					if before[p] != after[p] {
						moved++
					}
				}
			}
			fewest := partitions / (members + 1) // what the new one must get
			assert.LessOrEqual(t, moved/rounds, fewest+2, "moved on average, from %d members to one more", members)
		}
	})
}
