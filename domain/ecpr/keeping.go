package ecpr

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// MaxCandidates is how many words a search looks behind at most: those of its rarest pattern.
const MaxCandidates = 10_000

// ErrRewritten tells of an edit that did something else than to add and to close versions: a programming error.
var ErrRewritten = errors.New("an edit of a registration changed what is kept for ever")

// Amendment is what an edit made of a registration.
type Amendment struct {
	Person         Person    // as it is now
	Opened, Closed []Version // of it; one that was opened closed is among the opened alone
	Merged         bool      // it was merged away
}

// Empty tells whether nothing changed.
func (a Amendment) Empty() bool { return len(a.Opened)+len(a.Closed) == 0 && !a.Merged }

// Amend compares registrations with what an edit made of them, in the same order, each once. Versions are only added and closed, and only by
// act; what is merged goes to another of them that lives, has no active version, and never changes again (EC-10, EC-25); ErrRewritten
// otherwise. What was changed is of the next revision.
func Amend(before, after []Person, act Act) ([]Amendment, error) {
	if len(before) != len(after) {
		return nil, ErrRewritten
	}
	all := make([]Amendment, len(before))
	for i, old := range before {
		a, err := amend(old, after[i].Kept(), act.ID)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(before[:i], func(p Person) bool { return p.ID == old.ID }) {
			return nil, ErrRewritten
		}
		if a.Merged && !slices.ContainsFunc(after, func(p Person) bool { return p.ID == a.Person.MergedTo && p.MergedTo == "" }) {
			return nil, ErrRewritten
		}
		a.Person.Revision, a.Person.Changed = old.Revision, old.Changed
		if !a.Empty() {
			a.Person.Revision, a.Person.Changed = old.Revision+1, Instant(act.At)
		}
		all[i] = a
	}
	return all, nil
}

// Begin returns what a new registration is made of, of which something is known; ErrRewritten otherwise, and where it is not act's.
func Begin(p Person, act Act) (Amendment, error) {
	all, err := Amend([]Person{{ID: p.ID, Number: p.Number}}, []Person{p}, act)
	switch {
	case err != nil:
		return Amendment{}, err
	case all[0].Empty():
		return Amendment{}, ErrRewritten
	}
	return all[0], nil
}

func amend(before, after Person, act string) (Amendment, error) {
	a := Amendment{Person: after, Merged: before.MergedTo != after.MergedTo}
	known := make(map[PID]Version, len(before.Versions))
	for _, v := range before.Versions {
		known[v.PID] = v
	}
	for _, v := range after.Versions {
		old, there := known[v.PID]
		delete(known, v.PID)
		active := v.Valid.To.IsZero()
		switch {
		case !there && v.Opened == act && (active && v.Closed == "" || !active && v.Closed == act):
			a.Opened = append(a.Opened, v)
		case there && v == old:
		case there && old.Valid.To.IsZero() && !active && v.Closed == act && v == closed(old, v):
			a.Closed = append(a.Closed, v)
		default:
			return a, ErrRewritten
		}
		if active && after.MergedTo != "" {
			return a, ErrRewritten
		}
	}
	if len(known) > 0 || before.ID != after.ID || before.Number != after.Number || before.MergedTo != "" && !a.Empty() {
		return a, ErrRewritten
	}
	return a, nil
}

// closed is v closed as by is.
func closed(v, by Version) Version {
	v.Valid.To, v.Closed = by.Valid.To, by.Closed
	return v
}

// Kept returns p as a store keeps it: with versions of its own, in order, and times of whole milliseconds.
func (p Person) Kept() Person {
	p.Changed, p.Versions = Instant(p.Changed), slices.Clone(p.Versions)
	for i := range p.Versions {
		v := &p.Versions[i].Valid
		v.From, v.To = Instant(v.From), Instant(v.To)
	}
	slices.SortFunc(p.Versions, func(a, b Version) int {
		return cmp.Or(cmp.Compare(a.Element.Kind(), b.Element.Kind()), a.Valid.From.Compare(b.Valid.From), cmp.Compare(a.PID, b.PID))
	})
	return p
}

// Instant is t cut to milliseconds, in UTC; the zero time stays zero.
func Instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// Compare orders by CVR number, CPR number and role.
func (a Assignment) Compare(b Assignment) int {
	return cmp.Or(cmp.Compare(a.CVR, b.CVR), cmp.Compare(a.Person.Digits(), b.Person.Digits()), cmp.Compare(a.Role, b.Role))
}
