// Package validity holds the half-open period every rule of time uses.
package validity

import "time"

// Period is [From, To). A zero From has no beginning, a zero To no end.
type Period struct{ From, To time.Time }

// Contains tells whether t lies in the period.
func (p Period) Contains(t time.Time) bool {
	return (p.From.IsZero() || !t.Before(p.From)) && (p.To.IsZero() || t.Before(p.To))
}

// Overlaps tells whether some instant lies in both periods.
func (p Period) Overlaps(q Period) bool {
	return !p.Empty() && !q.Empty() && startsBeforeEnd(p, q) && startsBeforeEnd(q, p)
}

// Empty tells whether no instant lies in the period.
func (p Period) Empty() bool { return !p.From.IsZero() && !p.To.IsZero() && !p.From.Before(p.To) }

// End returns the period ended at t: To is t unless it already ended earlier.
func (p Period) End(t time.Time) Period {
	if p.To.IsZero() || t.Before(p.To) {
		p.To = t
	}
	return p
}

func startsBeforeEnd(p, q Period) bool {
	return p.From.IsZero() || q.To.IsZero() || p.From.Before(q.To)
}
