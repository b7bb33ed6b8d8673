package fgvhr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fgvhr"
)

var (
	t0 = utc("2026-11-21T22:05:10Z")
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)

	head time.Time // when a head was superseded
)

const µs = time.Microsecond

// row is a row that was made at an instant; a zero superseded is a head.
func row(id, replaces string, s fgvhr.Status, created, superseded time.Time) fgvhr.OptOut {
	return fgvhr.OptOut{ID: id, Replaces: replaces, Status: s, Created: created, ValidFrom: rules.ValidFrom(created), Superseded: superseded}
}

func with(o fgvhr.OptOut, edit func(*fgvhr.OptOut)) fgvhr.OptOut {
	edit(&o)
	return o
}

func TestHead(t *testing.T) {
	for _, c := range []struct {
		name string
		h    fgvhr.History
		want string // ID of the one that counts
	}{
		{"nothing", nil, ""},
		{"superseded ones alone", fgvhr.History{row("a", "", fgvhr.Active, t0, t1)}, ""},
		{"the head", fgvhr.History{row("a", "", fgvhr.Active, t0, t1), row("b", "a", fgvhr.Inactive, t1, head)}, "b"},
		{"WL-15 the latest of several", fgvhr.History{row("z", "", fgvhr.Active, t0, head), row("a", "", fgvhr.Active, t1, head)}, "a"},
		{"WL-15 whatever their order", fgvhr.History{row("a", "", fgvhr.Active, t1, head), row("z", "", fgvhr.Active, t0, head)}, "a"},
		{"WL-15 of equal ones the greater id", fgvhr.History{row("a", "", fgvhr.Active, t0, head), row("b", "", fgvhr.Active, t0, head)}, "b"},
		{"WL-15 of equal ones the greater id, first", fgvhr.History{row("b", "", fgvhr.Active, t0, head), row("a", "", fgvhr.Active, t0, head)}, "b"},
		{"WL-15 an active one before a later withdrawn one",
			fgvhr.History{row("a", "", fgvhr.Active, t0, head), row("b", "", fgvhr.Inactive, t1, head)}, "a"},
		{"WL-15 an active one after a withdrawn one", fgvhr.History{row("b", "", fgvhr.EnteredInError, t1, head), row("a", "", fgvhr.Active, t0, head)}, "a"},
		{"WL-15 the latest of several that are not active",
			fgvhr.History{row("a", "", fgvhr.Inactive, t1, head), row("b", "", fgvhr.EnteredInError, t0, head)}, "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := c.h.Head()
			assert.Equal(t, c.want, got.ID)
			assert.Equal(t, c.want != "", ok)
		})
	}
}

func TestInForce(t *testing.T) {
	o := row("a", "", fgvhr.Active, t0, head)
	from := utc("2026-11-28T22:05:10Z")
	for _, c := range []struct {
		name string
		o    fgvhr.OptOut
		at   time.Time
		want bool
	}{
		{"FG-06 when it was registered", o, t0, false},
		{"FA-01 the last instant before", o, from.Add(-µs), false},
		{"FA-01 the first instant", o, from, true},
		{"FG-06 years later", o, from.AddDate(10, 0, 0), true},
		{"FG-07 withdrawn", with(o, func(o *fgvhr.OptOut) { o.Status = fgvhr.Inactive }), from, false},
		{"FG-06 entered in error", with(o, func(o *fgvhr.OptOut) { o.Status = fgvhr.EnteredInError }), from, false},
		{"FG-07 until it was superseded", with(o, func(o *fgvhr.OptOut) { o.Superseded = from.Add(time.Hour) }), from.Add(time.Hour - µs), true},
		{"FG-07 since it was superseded", with(o, func(o *fgvhr.OptOut) { o.Superseded = from.Add(time.Hour) }), from.Add(time.Hour), false},
		{"FG-06 nothing", fgvhr.OptOut{}, from, false},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, c.o.InForce(c.at)) })
	}
}

// Heads of each kind, made at t0.
var (
	none      fgvhr.History
	active    = fgvhr.History{row("a", "", fgvhr.Active, t0, head)}
	inactive  = fgvhr.History{row("a", "", fgvhr.Inactive, t0, head)}
	inError   = fgvhr.History{row("a", "", fgvhr.EnteredInError, t0, head)}
	twoActive = fgvhr.History{row("z", "", fgvhr.Active, t0.Add(-time.Hour), head), row("a", "", fgvhr.Active, t0, head)}

	formDate, otherDate = day(2026, time.November, 1), day(2026, time.October, 2)
	by                  = fgvhr.Actor{Role: "CITIZEN", ID: "id", Source: "CPR"}
	asked               = fgvhr.OptOut{ID: "n", Actor: by}
)

func TestRegister(t *testing.T) {
	for _, c := range []struct {
		name     string
		h        fgvhr.History
		replaces string
		err      error
	}{
		{"FG-02 nothing", none, "", nil},
		{"FA-07 withdrawn", inactive, "a", nil},
		{"FG-02 entered in error", inError, "a", nil},
		{"FA-04 active", active, "", fgvhr.ErrExists},
		{"WL-15 active twice", twoActive, "", fgvhr.ErrExists},
		{"WL-15 active, and another one withdrawn later", append(fgvhr.History{row("0", "", fgvhr.Inactive, t1, head)}, active...), "", fgvhr.ErrExists},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.h.Register(with(asked, func(o *fgvhr.OptOut) { o.CitizenCreated = formDate }), rules, t2)
			assert.Equal(t, c.err, err)
			if err != nil {
				assert.Zero(t, got)
				return
			}
			want := row("n", c.replaces, fgvhr.Active, t2, head)
			want.Actor, want.CitizenCreated = by, formDate
			assert.Equal(t, want, got)
			_, err = c.h.Apply(got)
			require.NoError(t, err)
		})
	}
	t.Run("FA-08 the waiting time is counted from the registration", func(t *testing.T) {
		got, err := none.Register(with(asked, func(o *fgvhr.OptOut) { o.CitizenCreated = formDate }), rules, t0)
		require.NoError(t, err)
		assert.Equal(t, utc("2026-11-28T22:05:10Z"), got.ValidFrom)
	})
	t.Run("CM-05 nor from a clock that went back", func(t *testing.T) {
		got, err := inactive.Register(asked, rules, t0.Add(-time.Hour))
		require.NoError(t, err)
		assert.Equal(t, t0.Add(µs), got.Created)
		assert.Equal(t, utc("2026-11-28T22:05:10.000001Z"), got.ValidFrom)
	})
}

func TestUpdate(t *testing.T) {
	to := func(s fgvhr.Status, d calendar.Day) fgvhr.Change {
		return fgvhr.Change{ID: "a", Status: s, CitizenCreated: d}
	}
	noDate := calendar.Day{}
	for _, c := range []struct {
		name string
		h    fgvhr.History
		c    fgvhr.Change
		want fgvhr.Status
		err  error
	}{
		{"FA-10 active, entered in error", active, to(fgvhr.EnteredInError, noDate), fgvhr.EnteredInError, nil},
		{"FG-02 withdrawn, entered in error", inactive, to(fgvhr.EnteredInError, noDate), fgvhr.EnteredInError, nil},
		{"FG-02 entered in error, with the right date", active, to(fgvhr.EnteredInError, otherDate), fgvhr.EnteredInError, nil},
		{"FG-02 the date of an active one", active, to("", otherDate), fgvhr.Active, nil},
		{"FG-02 the date of an active one that stays active", active, to(fgvhr.Active, otherDate), fgvhr.Active, nil},
		{"WL-15 the later of two", twoActive, to(fgvhr.EnteredInError, noDate), fgvhr.EnteredInError, nil},
		{"FA-10 entered in error, active again", inError, to(fgvhr.Active, noDate), "", fgvhr.ErrStatus},
		{"FA-10 entered in error, active with a date", inError, to(fgvhr.Active, otherDate), "", fgvhr.ErrStatus},
		{"FG-02 withdrawn, active again", inactive, to(fgvhr.Active, noDate), "", fgvhr.ErrStatus},
		{"FG-02 withdrawn, active with a date", inactive, to(fgvhr.Active, otherDate), "", fgvhr.ErrStatus},
		{"FG-02 active, as it is", active, to(fgvhr.Active, noDate), "", fgvhr.ErrStatus},
		{"FG-02 withdrawn by an update", active, to(fgvhr.Inactive, noDate), "", fgvhr.ErrStatus},
		{"FG-02 withdrawn by an update, with a date", active, to(fgvhr.Inactive, otherDate), "", fgvhr.ErrStatus},
		{"FG-02 entered in error twice", inError, to(fgvhr.EnteredInError, noDate), "", fgvhr.ErrStatus},
		{"FG-02 the date of a withdrawn one", inactive, to("", otherDate), "", fgvhr.ErrStatus},
		{"FG-02 the date of one in error", inError, to("", otherDate), "", fgvhr.ErrStatus},
		{"FG-02 a status that is none", active, to("GONE", noDate), "", fgvhr.ErrStatus},
		{"FG-02 nothing is asked for", active, to("", noDate), "", fgvhr.ErrStatus},
		{"FA-10 another row", active, fgvhr.Change{ID: "b", Status: fgvhr.EnteredInError}, "", fgvhr.ErrChanged},
		{"FA-10 a superseded row", fgvhr.History{row("a", "", fgvhr.Active, t0, t1), row("b", "a", fgvhr.Active, t1, head)},
			to(fgvhr.EnteredInError, noDate), "", fgvhr.ErrChanged},
		{"FA-10 another row comes before its status", inError, fgvhr.Change{ID: "b", Status: fgvhr.Active}, "", fgvhr.ErrChanged},
		{"WL-15 the earlier of two", twoActive, fgvhr.Change{ID: "z", Status: fgvhr.EnteredInError}, "", fgvhr.ErrChanged},
		{"nothing", none, to(fgvhr.EnteredInError, noDate), "", fgvhr.ErrChanged},
		{"nothing, by no id", none, fgvhr.Change{Status: fgvhr.EnteredInError}, "", fgvhr.ErrChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := append(fgvhr.History(nil), c.h...)
			for i := range h {
				h[i].CitizenCreated = formDate
			}
			got, err := h.Update(c.c, asked, t2)
			assert.Equal(t, c.err, err)
			if err != nil {
				assert.Zero(t, got)
				return
			}
			want := fgvhr.OptOut{ID: "n", Replaces: "a", Status: c.want, Created: t2, CitizenCreated: formDate, ValidFrom: rules.ValidFrom(t0), Actor: by}
			if c.c.CitizenCreated != noDate {
				want.CitizenCreated = otherDate
			}
			assert.Equal(t, want, got, "FG-09")
			_, err = h.Apply(got)
			require.NoError(t, err)
		})
	}
}

func TestDelete(t *testing.T) {
	for _, c := range []struct {
		name string
		h    fgvhr.History
		err  error
	}{
		{"FA-05 active", active, nil},
		{"WL-15 the later of two", twoActive, nil},
		{"FA-06 nothing", none, fgvhr.ErrNotFound},
		{"FG-03 withdrawn", inactive, fgvhr.ErrNotFound},
		{"FG-03 entered in error", inError, fgvhr.ErrNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := append(fgvhr.History(nil), c.h...)
			for i := range h {
				h[i].CitizenCreated = formDate
			}
			got, err := h.Delete(asked, t2)
			assert.Equal(t, c.err, err)
			if err != nil {
				assert.Zero(t, got)
				return
			}
			assert.Equal(t, fgvhr.OptOut{
				ID: "n", Replaces: "a", Status: fgvhr.Inactive, Created: t2, CitizenCreated: formDate, ValidFrom: rules.ValidFrom(t0), Actor: by,
			}, got)
			h, err = h.Apply(got)
			require.NoError(t, err)
			for _, o := range h[:len(h)-1] {
				assert.Equal(t, t2, o.Superseded, "WL-15 %s is still a head", o.ID)
			}
		})
	}
}

func TestAt(t *testing.T) {
	for _, c := range []struct {
		name string
		h    fgvhr.History
		want time.Time
	}{
		{"nothing", nil, t1},
		{"CM-05 just before", fgvhr.History{row("a", "", fgvhr.Active, t1.Add(-µs), head)}, t1},
		{"CM-05 the same", fgvhr.History{row("a", "", fgvhr.Active, t1, head)}, t1.Add(µs)},
		{"CM-05 later", fgvhr.History{row("a", "", fgvhr.Active, t2, head)}, t2.Add(µs)},
		{"CM-05 the latest of several", fgvhr.History{row("a", "", fgvhr.Active, t2, head), row("b", "", fgvhr.Active, t1, head)}, t2.Add(µs)},
		{"CM-05 superseded later, by a row under a number that is not the person's any more",
			fgvhr.History{row("a", "", fgvhr.Active, t0, t2)}, t2},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, c.h.At(t1)) })
	}
	t.Run("CM-02 cut to microseconds, in UTC", func(t *testing.T) {
		assert.Equal(t, t1.Add(µs), none.At(t1.Add(1999).In(time.FixedZone("", 3600))))
	})
}

func TestApply(t *testing.T) {
	h := fgvhr.History{row("a", "", fgvhr.Active, t0, t1), row("b", "a", fgvhr.Active, t1, head), row("c", "", fgvhr.Active, t1, head)}
	t.Run("FG-09 every head is superseded", func(t *testing.T) {
		got, err := h.Apply(row("d", "c", fgvhr.Inactive, t2, head))
		require.NoError(t, err)
		assert.Equal(t, fgvhr.History{
			row("a", "", fgvhr.Active, t0, t1), row("b", "a", fgvhr.Active, t1, t2), row("c", "", fgvhr.Active, t1, t2),
			row("d", "c", fgvhr.Inactive, t2, head),
		}, got)
		assert.Equal(t, head, h[1].Superseded, "what it was made of")
	})
	for _, c := range []struct {
		name string
		h    fgvhr.History
		next fgvhr.OptOut
	}{
		{"it is superseded itself", h, row("d", "c", fgvhr.Inactive, t2, t2.Add(time.Hour))},
		{"not after every head", h, row("d", "c", fgvhr.Inactive, t1, head)},
		{"a known id", h, row("a", "c", fgvhr.Inactive, t2, head)},
		{"it replaces nothing, and there are heads", h, row("d", "", fgvhr.Active, t2, head)},
		{"it replaces what was replaced", h, row("d", "a", fgvhr.Inactive, t2, head)},
		{"it replaces another's row", h, row("d", "x", fgvhr.Inactive, t2, head)},
		{"it replaces something, and there is nothing", none, row("d", "a", fgvhr.Active, t2, head)},
	} {
		t.Run("FG-09 "+c.name, func(t *testing.T) {
			got, err := c.h.Apply(c.next)
			assert.Equal(t, fgvhr.ErrConflict, err)
			assert.Nil(t, got)
		})
	}
}
