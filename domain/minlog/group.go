package minlog

import "github.com/opennsp/nsp/domain/calendar"

// Grouping is how a lookup gathers registrations.
type Grouping uint8

// The groupings.
const (
	Ungrouped       Grouping = iota // every registration by itself
	ByCorrelationID                 // what the same call of a calling system, or of the registering system, did
	ByDay                           // the same done by the same to the same on one Copenhagen day
)

// ParseGrouping reads a grouping as clients write it: None, CorrelationId or Day. known is false for any other word, which is read as None;
// so is an absent one.
func ParseGrouping(s string) (g Grouping, known bool) {
	switch s {
	case "", "None":
		return Ungrouped, true
	case "CorrelationId":
		return ByCorrelationID, true
	case "Day":
		return ByDay, true
	}
	return Ungrouped, false
}

// Group is what belongs together. Head holds what is equal in all entries, with the earliest From and the latest To; of the calling systems
// only the first link.
type Group struct {
	Head    Entry
	Entries []Registration // in the order asked for, at least one
}

// dayKey is what the entries of one group by day have in common.
type dayKey struct {
	day                      calendar.Day
	system, activity         string
	user, onBehalfOf, person ID
}

// correlation is what the entries of one group by correlation id have in common.
type correlation struct {
	atSource bool
	id       string
}

// GroupBy gathers registrations, which are in order, into groups in the order of their first registration. Heads are not set.
func GroupBy(regs []Registration, by Grouping) []Group {
	groups := make([]Group, 0, len(regs))
	found := map[any]int{}
	for _, r := range regs {
		key := groupKey(&r.Entry, by)
		if key == nil {
			groups = append(groups, Group{Entries: []Registration{r}})
			continue
		}
		i, ok := found[key]
		if !ok {
			i = len(groups)
			found[key] = i
			groups = append(groups, Group{})
		}
		groups[i].Entries = append(groups[i].Entries, r)
	}
	return groups
}

// groupKey returns what e shares with its group, nil if it stands alone.
func groupKey(e *Entry, by Grouping) any {
	switch {
	case by == ByDay:
		return dayKey{calendar.DayOf(e.To), e.System, e.Activity, e.User, e.OnBehalfOf, e.Person}
	case by == Ungrouped:
		return nil
	case e.Source != nil && e.Source.CorrelationID != "":
		return correlation{true, e.Source.CorrelationID}
	case e.CorrelationID != "":
		return correlation{false, e.CorrelationID}
	}
	return nil
}

// Summarise sets the head.
func (g *Group) Summarise() {
	head := g.Entries[0].Entry
	if head.Source != nil {
		head.Source = &Chain{CorrelationID: head.Source.CorrelationID, System: head.Source.System}
	}
	for i := range g.Entries[1:] {
		merge(&head, &g.Entries[i+1].Entry)
	}
	if head.Source != nil && *head.Source == (Chain{}) {
		head.Source = nil
	}
	head.SequenceNumber, head.Filters = "", nil
	g.Head = head
}

// merge keeps in head what e has too and widens its period.
func merge(head, e *Entry) {
	if e.From.Before(head.From) {
		head.From = e.From
	}
	if e.To.After(head.To) {
		head.To = e.To
	}
	var link Chain
	if e.Source != nil {
		link = *e.Source
	}
	if head.Source != nil {
		keep(&head.Source.CorrelationID, link.CorrelationID)
		keep(&head.Source.System, link.System)
	}
	keep(&head.System, e.System)
	keep(&head.Activity, e.Activity)
	keep(&head.Reason, e.Reason)
	keep(&head.Addition, e.Addition)
	keep(&head.Criticality, e.Criticality)
	keep(&head.Org, e.Org)
	keep(&head.OrgName, e.OrgName)
	keep(&head.Person, e.Person)
	keep(&head.PersonName, e.PersonName)
	keep(&head.CorrelationID, e.CorrelationID)
	keep(&head.User, e.User)
	keep(&head.UserName, e.UserName)
	keep(&head.UserRole, e.UserRole)
	keep(&head.OnBehalfOf, e.OnBehalfOf)
	keep(&head.OnBehalfOfName, e.OnBehalfOfName)
	keep(&head.OnBehalfOfRole, e.OnBehalfOfRole)
}

// keep empties v if it differs from other.
func keep[T comparable](v *T, other T) {
	if *v != other {
		var none T
		*v = none
	}
}

// Merge returns the registrations of two lists, each in order, in one order.
func Merge(a, b []Registration, chronologic bool) []Registration {
	if len(a) == 0 {
		return b
	}
	merged := make([]Registration, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if precedes(a[0].Cursor(), b[0].Cursor(), chronologic) {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	return append(append(merged, a...), b...)
}

// FirstAfter returns the index of the first group whose first registration comes after the cursor, len(groups) if none does.
func FirstAfter(groups []Group, after Cursor, chronologic bool) int {
	for i := range groups {
		if precedes(after, groups[i].Entries[0].Cursor(), chronologic) {
			return i
		}
	}
	return len(groups)
}

// precedes tells whether c comes before d in the order asked for.
func precedes(c, d Cursor, chronologic bool) bool {
	if chronologic {
		return c.Compare(d) < 0
	}
	return d.Compare(c) < 0
}
