package memory

import (
	"container/heap"
	"time"
)

// expiry finds the rows that are past their until without a look at the others. A key may be in it more than once, and after its row is gone
// or has another until: who asks what is due looks at the row.
type expiry[K comparable] struct{ queue deadlines[K] }

type deadline[K comparable] struct {
	until time.Time
	key   K
}

func (e *expiry[K]) add(key K, until time.Time) { heap.Push(&e.queue, deadline[K]{until, key}) }

// due takes out at most n keys whose until is at or before now; done=true when none is left.
func (e *expiry[K]) due(now time.Time, n int) (keys []K, done bool) {
	for len(e.queue) > 0 && !e.queue[0].until.After(now) {
		if len(keys) >= n {
			return keys, false
		}
		keys = append(keys, heap.Pop(&e.queue).(deadline[K]).key)
	}
	return keys, true
}

// deadlines is a heap.
type deadlines[K comparable] []deadline[K]

func (d deadlines[K]) Len() int           { return len(d) }
func (d deadlines[K]) Less(i, j int) bool { return d[i].until.Before(d[j].until) }
func (d deadlines[K]) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines[K]) Push(x any)        { *d = append(*d, x.(deadline[K])) }
func (d *deadlines[K]) Pop() any {
	old := *d
	last := old[len(old)-1]
	*d = old[:len(old)-1]
	return last
}
