package minlog

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Reduction folds repeated accesses of one request into periods. The zero Reduction folds nothing.
type Reduction struct {
	Window    time.Duration            // the longest pause within a period; 0 = nothing is folded
	Systems   map[string]time.Duration // by system name, instead of Window
	MaxPeriod time.Duration            // no period is made longer
}

// Indexed is an entry with its place in the request.
type Indexed struct {
	Index int
	Entry Entry
}

// visible is all that a reader sees of an entry, and what decides who reads it, but the period: equal for what may be folded.
type visible struct {
	system, activity, reason, addition, criticality string
	org                                             ID
	orgName                                         string
	person                                          ID
	personName, correlationID                       string
	user                                            ID
	userName, userRole                              string
	onBehalfOf                                      ID
	onBehalfOfName, onBehalfOfRole                  string
	lists                                           string // calling systems and filters
}

// visibleOf uses buffer for what it needs on the way.
func visibleOf(e *Entry, buffer *[]byte) visible {
	b := (*buffer)[:0]
	for c := e.Source; c != nil; c = c.Source {
		b = appendMeasured(appendMeasured(b, c.CorrelationID), c.System)
	}
	b = append(b, ';')
	for _, f := range e.Filters {
		b = appendMeasured(b, f)
	}
	*buffer = b
	return visible{
		e.System, e.Activity, e.Reason, e.Addition, e.Criticality, e.Org, e.OrgName, e.Person, e.PersonName, e.CorrelationID, e.User, e.UserName,
		e.UserRole, e.OnBehalfOf, e.OnBehalfOfName, e.OnBehalfOfRole, string(b),
	}
}

// appendMeasured appends s with its length, so that no two lists of texts read the same.
func appendMeasured(b []byte, s string) []byte {
	return append(append(strconv.AppendInt(b, int64(len(s)), 10), ':'), s...)
}

// Fold makes one entry of those that say the same but for period and sequence number, that follow each other within the window, and that
// together last no longer than the longest period: with the period of all, and index and sequence number of the first of them. The order of
// entries does not matter; the result is in the order of Index, and what it shares with entries is not to be changed. Where nothing may be
// folded, it is entries itself.
func (r Reduction) Fold(entries []Indexed) []Indexed {
	if !r.folds() {
		return entries
	}
	ordered := make([]*Indexed, len(entries))
	for i := range entries {
		ordered[i] = &entries[i]
	}
	slices.SortFunc(ordered, func(a, b *Indexed) int {
		return cmp.Or(a.Entry.From.Compare(b.Entry.From), a.Entry.To.Compare(b.Entry.To),
			cmp.Compare(a.Entry.SequenceNumber, b.Entry.SequenceNumber), cmp.Compare(a.Index, b.Index))
	})
	runs := make([]run, 0, len(entries))
	last := make(map[visible]int, len(entries)) // the run that the next entry may go on with
	var buffer []byte
	for _, x := range ordered {
		if window := r.window(x.Entry.System); window > 0 {
			key := visibleOf(&x.Entry, &buffer)
			if i, found := last[key]; found && runs[i].takes(&x.Entry, window, r.MaxPeriod) {
				continue
			}
			last[key] = len(runs)
		}
		runs = append(runs, run{x, x.Entry.To})
	}
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.first.Index, b.first.Index) })
	folded := make([]Indexed, len(runs))
	for i, run := range runs {
		folded[i] = *run.first
		folded[i].Entry.To = run.to
	}
	return folded
}

// run is what becomes one entry.
type run struct {
	first *Indexed
	to    time.Time
}

// takes makes the run last until next ends, if next, which did not begin before the run, may be part of it.
func (u *run) takes(next *Entry, window, longest time.Duration) bool {
	to := u.to
	if next.To.After(to) {
		to = next.To
	}
	if next.From.Sub(u.to) > window || to.Sub(u.first.Entry.From) > longest {
		return false
	}
	u.to = to
	return true
}

func (r Reduction) window(system string) time.Duration {
	if w, own := r.Systems[system]; own {
		return w
	}
	return r.Window
}

func (r Reduction) folds() bool {
	for _, w := range r.Systems {
		if w > 0 {
			return true
		}
	}
	return r.Window > 0
}
