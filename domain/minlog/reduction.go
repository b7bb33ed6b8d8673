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
	source, system, activity, reason, addition, criticality string
	org                                                     ID
	orgName                                                 string
	person                                                  ID
	personName, correlationID                               string
	user                                                    ID
	userName, userRole                                      string
	onBehalfOf                                              ID
	onBehalfOfName, onBehalfOfRole, filters                 string
}

func visibleOf(e *Entry) visible {
	return visible{
		chainText(e.Source), e.System, e.Activity, e.Reason, e.Addition, e.Criticality, e.Org, e.OrgName, e.Person, e.PersonName, e.CorrelationID,
		e.User, e.UserName, e.UserRole, e.OnBehalfOf, e.OnBehalfOfName, e.OnBehalfOfRole, measured(e.Filters...),
	}
}

// chainText tells chains apart.
func chainText(c *Chain) string {
	var texts []string
	for ; c != nil; c = c.Source {
		texts = append(texts, c.CorrelationID, c.System)
	}
	return measured(texts...)
}

// measured joins texts with their lengths, so that no two lists read the same.
func measured(texts ...string) string {
	var b []byte
	for _, s := range texts {
		b = append(strconv.AppendInt(b, int64(len(s)), 10), ':')
		b = append(b, s...)
	}
	return string(b)
}

// Fold makes one entry of those that say the same but for period and sequence number, that follow each other within the window, and that
// together last no longer than the longest period: with the period of all, and index and sequence number of the first of them. The order of
// entries does not matter; the result is in the order of Index, and what it shares with entries is not to be changed.
func (r Reduction) Fold(entries []Indexed) []Indexed {
	if !r.folds() {
		return entries
	}
	ordered := slices.Clone(entries)
	slices.SortFunc(ordered, func(a, b Indexed) int {
		return cmp.Or(a.Entry.From.Compare(b.Entry.From), a.Entry.To.Compare(b.Entry.To),
			cmp.Compare(a.Entry.SequenceNumber, b.Entry.SequenceNumber), cmp.Compare(a.Index, b.Index))
	})
	folded := ordered[:0]
	last := make(map[visible]int, len(ordered)) // the period that the next may go on with
	for _, x := range ordered {
		window := r.window(x.Entry.System)
		if window <= 0 {
			folded = append(folded, x)
			continue
		}
		key := visibleOf(&x.Entry)
		if i, found := last[key]; found && r.extend(&folded[i].Entry, &x.Entry, window) {
			continue
		}
		last[key] = len(folded)
		folded = append(folded, x)
	}
	slices.SortFunc(folded, func(a, b Indexed) int { return cmp.Compare(a.Index, b.Index) })
	return folded
}

// extend makes run last until next ends, if next may be part of it.
func (r Reduction) extend(run, next *Entry, window time.Duration) bool {
	to := run.To
	if next.To.After(to) {
		to = next.To
	}
	if next.From.Sub(run.To) > window || to.Sub(run.From) > r.MaxPeriod {
		return false
	}
	run.To = to
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
