package will

import (
	"cmp"
	"slices"
	"time"
)

// Valid returns the registration that counts: the open one, and of several (numbers that turned out to be one person's) the one with the latest
// From, of equal From the one whose ID is greater (WL-15). ok is false where none is open.
func (h History) Valid() (r Registration, ok bool) {
	return h.latest(func(r Registration) bool { return r.To.IsZero() })
}

// ValidAt returns the registration that counted at t, chosen as by Valid. ok is false where none did.
func (h History) ValidAt(t time.Time) (r Registration, ok bool) {
	return h.latest(func(r Registration) bool { return !t.Before(r.From) && (r.To.IsZero() || t.Before(r.To)) })
}

func (h History) latest(counts func(Registration) bool) (r Registration, ok bool) {
	for _, row := range h {
		if counts(row) && (!ok || cmp.Or(row.From.Compare(r.From), cmp.Compare(row.ID, r.ID)) > 0) {
			r, ok = row, true
		}
	}
	return r, ok
}

// Has tells whether the registration that counts is one of reg (WL-14).
func (h History) Has(reg Register) bool {
	r, ok := h.Valid()
	return ok && r.Register == reg
}

// At returns the instant of a change that is made at now: now, or as much later as it takes that no row becomes empty and none overlap (CM-05).
func (h History) At(now time.Time) time.Time {
	at := cut(now)
	for _, r := range h {
		end := r.To
		if end.IsZero() {
			end = r.From.Add(time.Microsecond)
		}
		if at.Before(end) {
			at = end
		}
	}
	return at
}

// Create opens r, whose From the rule sets; ErrExists if any registration is valid, in either register (WL-01, WL-02).
func (h History) Create(r Registration, now time.Time) (Change, error) {
	if _, ok := h.Valid(); ok {
		return Change{}, ErrExists
	}
	return h.open(r, now), nil
}

// Update has r follow the valid registration of its register; ErrNotFound if there is none (WL-03). It is a new row also if it says the same
// (WL-06).
func (h History) Update(r Registration, now time.Time) (Change, error) {
	if !h.Has(r.Register) {
		return Change{}, ErrNotFound
	}
	return h.open(r, now), nil
}

// UpgradeTo has r, a treatment will, follow the valid living will; ErrExists if a treatment will is valid, ErrNotFound if nothing is (WL-05).
func (h History) UpgradeTo(r Registration, now time.Time) (Change, error) {
	valid, ok := h.Valid()
	switch {
	case !ok:
		return Change{}, ErrNotFound
	case valid.Register != LTR:
		return Change{}, ErrExists
	}
	r.Register = BTR
	return h.open(r, now), nil
}

// Delete ends the valid registration of reg; ErrNotFound if there is none (WL-04).
func (h History) Delete(reg Register, now time.Time) (Change, error) {
	if !h.Has(reg) {
		return Change{}, ErrNotFound
	}
	return Change{At: h.At(now)}, nil
}

func (h History) open(r Registration, now time.Time) Change {
	at := h.At(now)
	r.From, r.To = at, time.Time{}
	return Change{At: at, New: &r}
}

// Apply returns the history that c makes of h, by From and ID as h; ErrConflict if c does not follow h: its instant is not after an open From or
// is before the end of a closed row, or its new registration does not begin then, has an end or has a known ID. h is not changed.
func (h History) Apply(c Change) (History, error) {
	at := cut(c.At)
	next := slices.Clone(h)
	for i, r := range next {
		switch {
		case !r.To.IsZero() && at.Before(r.To), r.To.IsZero() && !r.From.Before(at), c.New != nil && c.New.ID == r.ID:
			return nil, ErrConflict
		case r.To.IsZero():
			next[i].To = at
		}
	}
	if c.New == nil {
		return next, nil
	}
	if !cut(c.New.From).Equal(at) || !c.New.To.IsZero() {
		return nil, ErrConflict
	}
	r := *c.New
	r.From = at
	return append(next, r), nil
}

// cut is t as it is kept (CM-02).
func cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
