package nas

import (
	"cmp"
	"time"
)

// CatchUp tells whether so much is left of a partition that large pieces are read (NAS-41).
func (p Position) CatchUp(deltaMax int64) bool { return p.MaxDelta > deltaMax }

// Read tells whether everything up to the ends is read, when the reading stands at the offsets given (NAS-42).
func (p Position) Read(at Offsets) bool {
	for i, end := range p.Ends {
		if at[i] < end {
			return false
		}
	}
	return true
}

// Worth tells whether a cursor is to be kept when the reading stands at the offsets given: messages were found, a partition was read at least
// advanceMin further (0 = any further), or records were lost.
func (p Position) Worth(at Offsets, found int, advanceMin int64) bool {
	if found > 0 || len(p.Gaps) > 0 {
		return true
	}
	for i, from := range p.Offsets {
		if at[i]-from >= max(1, advanceMin) {
			return true
		}
	}
	return false
}

// Quota is how many messages a call may give (NAS-44); asked < 0 = nothing was asked for.
func Quota(asked, byDefault, limit int) int {
	if asked < 0 {
		asked = byDefault
	}
	return min(asked, limit)
}

// Share is what the next of so many subscriptions may use of a rest, be it messages or time (NAS-45): ceil(rest/left), and all of it for the last.
func Share[N ~int | ~int64](rest N, left int) N {
	if rest <= 0 || left <= 1 {
		return max(rest, 0)
	}
	return (rest-1)/N(left) + 1
}

// Place is where a message stands in the answers of a pull point.
type Place struct {
	Published    time.Time
	Subscription int // by creation
	Partition    int
	Offset       int64
}

// Compare orders the messages of an answer (NAS-46).
func (p Place) Compare(q Place) int {
	return cmp.Or(p.Published.Compare(q.Published), cmp.Compare(p.Subscription, q.Subscription), p.compareOffset(q))
}

func (p Place) compareOffset(q Place) int {
	return cmp.Or(cmp.Compare(p.Partition, q.Partition), cmp.Compare(p.Offset, q.Offset))
}

// ActiveAt tells whether the subscription is active then (NAS-50), as far as it was not ended.
func (s Subscription) ActiveAt(t time.Time) bool {
	return !t.Before(s.CreatedAt) && (s.Expires.IsZero() || t.Before(s.Expires))
}
