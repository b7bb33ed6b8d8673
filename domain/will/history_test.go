package will_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/will"
)

var (
	t0 = utc("2026-11-21T22:05:10Z")
	t1 = t0.Add(time.Hour)
	t2 = t1.Add(time.Hour)
)

const µs = time.Microsecond

// row is a registration with a wish; a zero to is open.
func row(id string, reg will.Register, from, to time.Time) will.Registration {
	return will.Registration{ID: id, Register: reg, Wishes: wishes(yes, no, no, no), From: from, To: to}
}

// made is a registration as a use case hands it over.
func made(id string, reg will.Register) will.Registration {
	return row(id, reg, time.Time{}, time.Time{})
}

var open time.Time // the end of what has none

func TestValid(t *testing.T) {
	for _, c := range []struct {
		name string
		h    will.History
		want string // ID of the one that counts
	}{
		{"nothing", nil, ""},
		{"closed ones alone", will.History{row("a", will.BTR, t0, t1)}, ""},
		{"the open one", will.History{row("a", will.BTR, t0, t1), row("b", will.LTR, t1, open)}, "b"},
		{"WL-15 the latest of several", will.History{row("z", will.BTR, t0, open), row("a", will.LTR, t1, open)}, "a"},
		{"WL-15 the latest of several, whatever their order", will.History{row("a", will.LTR, t1, open), row("z", will.BTR, t0, open)}, "a"},
		{"WL-15 of equal ones the greater id", will.History{row("b", will.BTR, t0, open), row("a", will.LTR, t0, open)}, "b"},
		{"WL-15 of equal ones the greater id, last", will.History{row("a", will.LTR, t0, open), row("b", will.BTR, t0, open)}, "b"},
		{"a later one that is closed", will.History{row("a", will.BTR, t0, open), row("b", will.BTR, t1, t2)}, "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := c.h.Valid()
			assert.Equal(t, c.want, got.ID)
			assert.Equal(t, c.want != "", ok)
			for _, reg := range []will.Register{will.LTR, will.BTR} {
				assert.Equal(t, ok && got.Register == reg, c.h.Has(reg), "WL-14 has %s", reg)
			}
		})
	}
}

func TestValidAt(t *testing.T) {
	h := will.History{row("a", will.LTR, t0, t1), row("b", will.BTR, t1, t2), row("c", will.BTR, t2.Add(time.Hour), open)}
	for _, c := range []struct {
		name string
		at   time.Time
		want string
	}{
		{"before all", t0.Add(-µs), ""},
		{"CM-02 the first instant", t0, "a"},
		{"CM-02 the last instant", t1.Add(-µs), "a"},
		{"WL-03 no gap, no overlap", t1, "b"},
		{"CM-02 the end is outside", t2, ""},
		{"open", t2.Add(100 * time.Hour), "c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := h.ValidAt(c.at)
			assert.Equal(t, c.want, got.ID)
			assert.Equal(t, c.want != "", ok)
		})
	}
}

// TestChanges: what each operation says of each history.
func TestChanges(t *testing.T) {
	living, treatment := will.History{row("a", will.LTR, t0, open)}, will.History{row("a", will.BTR, t0, open)}
	gone := will.History{row("a", will.BTR, t0, t1)}
	both := will.History{row("a", will.BTR, t0, open), row("b", will.LTR, t1, open)} // two numbers of one person: the living will is later
	create := func(reg will.Register) func(will.History) (will.Change, error) {
		return func(h will.History) (will.Change, error) { return h.Create(made("n", reg), t2) }
	}
	update := func(reg will.Register) func(will.History) (will.Change, error) {
		return func(h will.History) (will.Change, error) { return h.Update(made("n", reg), t2) }
	}
	remove := func(reg will.Register) func(will.History) (will.Change, error) {
		return func(h will.History) (will.Change, error) { return h.Delete(reg, t2) }
	}
	upgrade := func(h will.History) (will.Change, error) { return h.UpgradeTo(made("n", will.BTR), t2) }
	for _, c := range []struct {
		name string
		do   func(will.History) (will.Change, error)
		h    will.History
		want will.Register // of the new row
		err  error
	}{
		{"WL-02 create", create(will.BTR), nil, will.BTR, nil},
		{"WL-02 create a living will", create(will.LTR), nil, will.LTR, nil},
		{"WA-10 create after delete", create(will.BTR), gone, will.BTR, nil},
		{"WA-02 create twice", create(will.BTR), treatment, "", will.ErrExists},
		{"WA-03 create beside a living will", create(will.BTR), living, "", will.ErrExists},
		{"WL-01 create a living will beside a treatment will", create(will.LTR), treatment, "", will.ErrExists},
		{"WA-41 create beside two", create(will.BTR), both, "", will.ErrExists},
		{"WA-06 update", update(will.BTR), treatment, will.BTR, nil},
		{"WL-03 update a living will", update(will.LTR), living, will.LTR, nil},
		{"WL-03 update nothing", update(will.BTR), nil, "", will.ErrNotFound},
		{"WL-03 update what was deleted", update(will.BTR), gone, "", will.ErrNotFound},
		{"WL-03 update the other register", update(will.BTR), living, "", will.ErrNotFound},
		{"WA-41 update the later of two", update(will.LTR), both, will.LTR, nil},
		{"WA-41 update the earlier of two", update(will.BTR), both, "", will.ErrNotFound},
		{"WA-09 delete", remove(will.BTR), treatment, "", nil},
		{"WL-04 delete a living will", remove(will.LTR), living, "", nil},
		{"WL-04 delete nothing", remove(will.BTR), nil, "", will.ErrNotFound},
		{"WA-09 delete again", remove(will.BTR), gone, "", will.ErrNotFound},
		{"WL-04 delete of the other register", remove(will.LTR), treatment, "", will.ErrNotFound},
		{"WL-15 delete the later of two", remove(will.LTR), both, "", nil},
		{"WL-15 delete the earlier of two", remove(will.BTR), both, "", will.ErrNotFound},
		{"WA-04 upgrade", upgrade, living, will.BTR, nil},
		{"WA-05 upgrade nothing", upgrade, nil, "", will.ErrNotFound},
		{"WA-05 upgrade what was deleted", upgrade, gone, "", will.ErrNotFound},
		{"WA-05 upgrade a treatment will", upgrade, treatment, "", will.ErrExists},
		{"WL-15 upgrade the later of two", upgrade, both, will.BTR, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			change, err := c.do(c.h)
			assert.Equal(t, c.err, err)
			if err != nil {
				assert.Zero(t, change)
				return
			}
			assert.Equal(t, t2, change.At)
			want := will.Change{At: t2}
			if c.want != "" {
				n := row("n", c.want, t2, open)
				want.New = &n
			}
			assert.Equal(t, want, change)
			after, err := c.h.Apply(change)
			require.NoError(t, err)
			got, ok := after.Valid()
			assert.Equal(t, c.want != "", ok)
			assert.Equal(t, c.want, got.Register)
			for _, r := range after[:len(c.h)] {
				assert.False(t, r.To.IsZero(), "WL-15 row %s is still open", r.ID)
			}
		})
	}
	t.Run("WL-05 an upgrade makes a treatment will", func(t *testing.T) {
		change, err := living.UpgradeTo(made("n", will.LTR), t2)
		require.NoError(t, err)
		assert.Equal(t, will.BTR, change.New.Register)
	})
	t.Run("CM-02 instants are cut to microseconds and are UTC", func(t *testing.T) {
		change, err := will.History{}.Create(made("n", will.BTR), t2.Add(1234).In(time.FixedZone("", 3600)))
		require.NoError(t, err)
		assert.Equal(t, will.Change{At: t2.Add(µs), New: &will.Registration{
			ID: "n", Register: will.BTR, Wishes: wishes(yes, no, no, no), From: t2.Add(µs),
		}}, change)
	})
}

// TestSameInstant: a clock that stands still, or goes back, makes no empty row and no overlap.
func TestSameInstant(t *testing.T) {
	t.Run("WA-08 create, update, delete, create", func(t *testing.T) {
		var h will.History
		for _, do := range []func() (will.Change, error){
			func() (will.Change, error) { return h.Create(made("a", will.BTR), t0) },
			func() (will.Change, error) { return h.Update(made("b", will.BTR), t0) },
			func() (will.Change, error) { return h.Delete(will.BTR, t0) },
			func() (will.Change, error) { return h.Create(made("c", will.BTR), t0) },
		} {
			change, err := do()
			require.NoError(t, err)
			h, err = h.Apply(change)
			require.NoError(t, err)
		}
		assert.Equal(t, will.History{
			row("a", will.BTR, t0, t0.Add(µs)), row("b", will.BTR, t0.Add(µs), t0.Add(2*µs)), row("c", will.BTR, t0.Add(2*µs), open),
		}, h)
	})
	for _, c := range []struct {
		name string
		h    will.History
		want time.Time
	}{
		{"nothing", nil, t1},
		{"CM-05 long before", will.History{row("a", will.BTR, t0, open)}, t1},
		{"CM-05 just before", will.History{row("a", will.BTR, t1.Add(-µs), open)}, t1},
		{"CM-05 the same", will.History{row("a", will.BTR, t1, open)}, t1.Add(µs)},
		{"CM-05 later", will.History{row("a", will.BTR, t2, open)}, t2.Add(µs)},
		{"CM-05 closed before", will.History{row("a", will.BTR, t0, t1)}, t1},
		{"CM-05 closed later", will.History{row("a", will.BTR, t0, t2)}, t2},
		{"CM-05 the latest of all", will.History{row("a", will.BTR, t0, t2), row("b", will.BTR, t1, open), row("c", will.LTR, t0, open)}, t2},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, c.h.At(t1)) })
	}
}

func TestApply(t *testing.T) {
	h := will.History{row("a", will.BTR, t0, t1), row("b", will.BTR, t1, open)}
	with := func(r will.Registration) *will.Registration { return &r }
	t.Run("a new row", func(t *testing.T) {
		got, err := h.Apply(will.Change{At: t2, New: with(row("c", will.LTR, t2, open))})
		require.NoError(t, err)
		assert.Equal(t, will.History{row("a", will.BTR, t0, t1), row("b", will.BTR, t1, t2), row("c", will.LTR, t2, open)}, got)
		assert.Equal(t, will.History{row("a", will.BTR, t0, t1), row("b", will.BTR, t1, open)}, h, "what it was made of")
	})
	t.Run("no new row", func(t *testing.T) {
		got, err := h.Apply(will.Change{At: t2})
		require.NoError(t, err)
		assert.Equal(t, will.History{row("a", will.BTR, t0, t1), row("b", will.BTR, t1, t2)}, got)
	})
	t.Run("after the end of the last row", func(t *testing.T) {
		got, err := h[:1].Apply(will.Change{At: t1, New: with(row("c", will.BTR, t1, open))})
		require.NoError(t, err)
		assert.Equal(t, will.History{row("a", will.BTR, t0, t1), row("c", will.BTR, t1, open)}, got)
	})
	for _, c := range []struct {
		name string
		h    will.History
		c    will.Change
	}{
		{"at an open From", h, will.Change{At: t1}},
		{"before the end of a closed row", h[:1], will.Change{At: t1.Add(-µs), New: with(row("c", will.BTR, t1.Add(-µs), open))}},
		{"a known ID", h, will.Change{At: t2, New: with(row("a", will.BTR, t2, open))}},
		{"a new row that begins later", h, will.Change{At: t2, New: with(row("c", will.BTR, t2.Add(µs), open))}},
		{"a new row that begins earlier", h, will.Change{At: t2, New: with(row("c", will.BTR, t2.Add(-µs), open))}},
		{"a new row with an end", h, will.Change{At: t2, New: with(row("c", will.BTR, t2, t2.Add(time.Hour)))}},
		{"no instant", h, will.Change{}},
	} {
		t.Run("CM-05 "+c.name, func(t *testing.T) {
			got, err := c.h.Apply(c.c)
			assert.Equal(t, will.ErrConflict, err)
			assert.Nil(t, got)
		})
	}
}
