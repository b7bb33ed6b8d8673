package minlog

import (
	"crypto/sha256"
	"slices"
	"strconv"
)

// Share returns which of so many partitions me has, in order; none if it is no member. Every partition has exactly one member, whatever the
// order they are named in, and no member has two more than another. A member more or less moves few partitions: each goes to the member that
// it prefers among those with room (rendezvous hashing).
func Share(partitions int, members []string, me string) (mine []int) {
	members = slices.Compact(slices.Sorted(slices.Values(members)))
	if !slices.Contains(members, me) {
		return nil
	}
	has := make(map[string]int, len(members))
	least, more := partitions/len(members), partitions%len(members) // so many members have one more than the least
	for p := range partitions {
		var to string
		var best [sha256.Size]byte
		for _, m := range members {
			if n := has[m]; n > least || n == least && more == 0 {
				continue
			}
			if score := sha256.Sum256([]byte(strconv.Itoa(p) + "/" + m)); to == "" || slices.Compare(score[:], best[:]) > 0 {
				to, best = m, score
			}
		}
		if has[to] == least {
			more--
		}
		has[to]++
		if to == me {
			mine = append(mine, p)
		}
	}
	return mine
}
