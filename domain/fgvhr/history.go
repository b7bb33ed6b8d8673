package fgvhr

import (
	"cmp"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
)

// Head returns the row that counts: the one that nothing superseded. Of several (numbers that turned out to be one person's) active ones come
// before others, then the latest Created, of equal Created the greater ID (WL-15). ok is false where there is none.
func (h History) Head() (head OptOut, ok bool) {
	for _, o := range h {
		if o.Superseded.IsZero() && (!ok || compare(o, head) > 0) {
			head, ok = o, true
		}
	}
	return head, ok
}

// compare tells which of two heads counts: the greater.
func compare(a, b OptOut) int {
	switch {
	case a.Status == Active && b.Status != Active:
		return 1
	case a.Status != Active && b.Status == Active:
		return -1
	}
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// InForce tells whether o, as the row that counts, declines resuscitation at t (FG-06).
func (o OptOut) InForce(t time.Time) bool {
	return o.Status == Active && !t.Before(o.ValidFrom) && (o.Superseded.IsZero() || t.Before(o.Superseded))
}

// At returns the instant of a change that is made at now: now, or as much later as it takes to be after every row that there is (CM-05).
func (h History) At(now time.Time) time.Time {
	at := cut(now)
	for _, o := range h {
		for _, first := range []time.Time{o.Created.Add(time.Microsecond), o.Superseded} {
			if at.Before(first) {
				at = first
			}
		}
	}
	return at
}

// Register returns next as the row of a new opt-out, in force after the days of r; ErrExists if one is active, in force or waiting (FG-03). Of
// next it takes ID, Citizen, CitizenCreated and Actor.
func (h History) Register(next OptOut, r Rules, now time.Time) (OptOut, error) {
	head, ok := h.Head()
	if ok && head.Status == Active {
		return OptOut{}, ErrExists
	}
	at := h.At(now)
	next.Replaces, next.Status, next.Created, next.ValidFrom, next.Superseded = head.ID, Active, at, r.ValidFrom(at), time.Time{}
	return next, nil
}

// Update returns next as the row that changes the opt-out as c asks; ErrChanged if c is not of the row that counts, ErrStatus if that cannot
// become what c says: an active or withdrawn one can become entered in error; an active one can stay so with another date (FG-02). Of next it
// takes ID, Citizen and Actor.
func (h History) Update(c Change, next OptOut, now time.Time) (OptOut, error) {
	head, ok := h.Head()
	if !ok || head.ID != c.ID {
		return OptOut{}, ErrChanged
	}
	status := cmp.Or(c.Status, head.Status)
	inError := status == EnteredInError && head.Status != EnteredInError
	dated := status == Active && head.Status == Active && c.CitizenCreated != calendar.Day{}
	if !inError && !dated {
		return OptOut{}, ErrStatus
	}
	next = h.follow(head, next, status, now)
	if c.CitizenCreated != (calendar.Day{}) {
		next.CitizenCreated = c.CitizenCreated
	}
	return next, nil
}

// Delete returns next as the row that withdraws the active opt-out, in force or waiting; ErrNotFound if there is none (FG-03, FG-07). Of next it
// takes ID, Citizen and Actor.
func (h History) Delete(next OptOut, now time.Time) (OptOut, error) {
	head, ok := h.Head()
	if !ok || head.Status != Active {
		return OptOut{}, ErrNotFound
	}
	return h.follow(head, next, Inactive, now), nil
}

// follow is next as the row that replaces head, with its dates (FG-09).
func (h History) follow(head, next OptOut, s Status, now time.Time) OptOut {
	next.Replaces, next.Status, next.Created, next.Superseded = head.ID, s, h.At(now), time.Time{}
	next.CitizenCreated, next.ValidFrom = head.CitizenCreated, head.ValidFrom
	return next
}

// Apply returns the history with next, which supersedes every head at its Created, by Created and ID as h; ErrConflict if next does not follow h:
// it is superseded itself, was not made after every head, has a known ID, or replaces anything but a head ("" where there is none). h is not changed.
func (h History) Apply(next OptOut) (History, error) {
	next.Created, next.ValidFrom = cut(next.Created), cut(next.ValidFrom)
	replaces, heads := false, false
	rows := slices.Clone(h)
	for i, o := range rows {
		if o.ID == next.ID {
			return nil, ErrConflict
		}
		if !o.Superseded.IsZero() {
			continue
		}
		if !o.Created.Before(next.Created) {
			return nil, ErrConflict
		}
		heads, replaces = true, replaces || o.ID == next.Replaces
		rows[i].Superseded = next.Created
	}
	if !next.Superseded.IsZero() || heads != replaces || !heads && next.Replaces != "" {
		return nil, ErrConflict
	}
	rows = append(rows, next)
	slices.SortStableFunc(rows, func(a, b OptOut) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return rows, nil
}

// cut is t as it is kept (CM-02).
func cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
