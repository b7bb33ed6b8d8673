package portstest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

// WillStores are the store of wills of one backend, and the outbox that notices go to.
type WillStores interface {
	Wills() ports.WillStore
	Outbox() ports.Outbox
}

// OpenWillStores opens a store of wills.
type OpenWillStores = Open[WillStores]

// willCase is the store of one case. It makes ids; it is safe for concurrent use.
type willCase struct {
	handles[WillStores]
	t   *testing.T
	ctx context.Context //nolint:containedctx // of one case
	ids atomic.Int64
}

func willCaseOf(t *testing.T, open OpenWillStores) *willCase {
	t.Helper()
	hs, _ := open.opened(t)
	return &willCase{handles: hs, t: t, ctx: bounded(t)}
}

func (c *willCase) nth(i int) ports.WillStore { return c.handles.nth(i).Store.Wills() }
func (c *willCase) one() ports.WillStore      { return c.first().Store.Wills() }
func (c *willCase) two() ports.WillStore      { return c.last().Store.Wills() }

func persons(t require.TestingT, digits ...string) (numbers []cpr.Number) {
	for _, d := range digits {
		numbers = append(numbers, person(t, d))
	}
	return numbers
}

// made is a new registration under a number, from some microseconds after noon.
func (c *willCase) made(n cpr.Number, reg will.Register, micros int) will.Registration {
	r := will.Registration{ID: uuid(int(c.ids.Add(1))), Citizen: n, Register: reg, From: noon.Add(time.Duration(micros) * time.Microsecond)}
	r.IfDying.Declined = true
	return r
}

// notice tells of a change.
func (c *willCase) notice() notice.Notice {
	id := uuid(int(c.ids.Add(1)))
	return notice.Notice{ID: id, Key: id, To: notice.NAS, Created: noon}
}

// willEdit is an edit that changes the same, whatever there is.
func willEdit(change will.Change, notices ...notice.Notice) func(will.History) (will.Change, []notice.Notice, error) {
	return func(will.History) (will.Change, []notice.Notice, error) { return change, notices, nil }
}

// openedBy ends what is open and opens r.
func openedBy(r will.Registration) will.Change { return will.Change{At: r.From, New: &r} }

func (c *willCase) open(person []cpr.Number, r will.Registration) will.Registration {
	c.t.Helper()
	require.NoError(c.t, c.one().Update(c.ctx, person, willEdit(openedBy(r))))
	return r
}

func (c *willCase) history(person []cpr.Number) will.History {
	c.t.Helper()
	h, err := c.two().History(c.ctx, person)
	require.NoError(c.t, err)
	return h
}

// requireWills requires that these are a person's wills, in the order of History, and that Current and Exists say the same.
func (c *willCase) requireWills(t require.TestingT, person []cpr.Number, want ...will.Registration) {
	got, err := c.two().History(c.ctx, person)
	require.NoError(t, err)
	if len(want)+len(got) > 0 {
		require.Equal(t, will.History(want), got, "History")
	}
	valid, there := will.History(want).Valid()
	current, ok, err := c.two().Current(c.ctx, person)
	require.NoError(t, err)
	require.Equal(t, there, ok, "Current")
	require.Equal(t, valid, current, "Current")
	for _, reg := range []will.Register{will.LTR, will.BTR} {
		exists, err := c.two().Exists(c.ctx, person, reg)
		require.NoError(t, err)
		require.Equal(t, there && valid.Register == reg, exists, "Exists of %s", reg)
	}
}

// closedAt is r with its end.
func closedAt(r will.Registration, at time.Time) will.Registration {
	r.To = at
	return r
}

func (c *willCase) waiting() int {
	c.t.Helper()
	n, _, _, err := c.last().Store.Outbox().Waiting(c.ctx)
	require.NoError(c.t, err)
	return n
}

// WillStore runs the contract of ports.WillStore.
func WillStore(t *testing.T, open OpenWillStores) {
	willReading(t, open)
	willKeeping(t, open)
	willRefusals(t, open)
	willUnits(t, open)
	willsAtOnce(t, open)
	willModel(t, open)
}

func willReading(t *testing.T, open OpenWillStores) {
	citizen, other := persons(t, mother), persons(t, boy)

	t.Run("who has no will has none", func(t *testing.T) {
		c := willCaseOf(t, open)
		c.open(other, c.made(other[0], will.BTR, 0))
		c.requireWills(t, citizen)
		c.requireWills(t, nil)
		c.requireWills(t, []cpr.Number{{}})
	})

	t.Run("WA-41 a will is found by any of the person's numbers in any order, and by none of another", func(t *testing.T) {
		c := willCaseOf(t, open)
		r := c.open(persons(t, replaced), c.made(person(t, replaced), will.BTR, 0))
		for _, numbers := range [][]string{{replaced}, {replaced, man}, {man, replaced}, {mother, man, replaced}} {
			c.requireWills(t, persons(t, numbers...), r)
		}
		c.requireWills(t, persons(t, man))
		c.requireWills(t, persons(t, man, mother))
	})

	t.Run("WA-41 of several open ones that with the latest From is valid, in either register", func(t *testing.T) {
		for _, regs := range [][2]will.Register{{will.LTR, will.BTR}, {will.BTR, will.LTR}, {will.BTR, will.BTR}, {will.LTR, will.LTR}} {
			c := willCaseOf(t, open)
			late := c.open(persons(t, man), c.made(person(t, man), regs[0], 2))
			early := c.open(persons(t, replaced), c.made(person(t, replaced), regs[1], 1))
			c.requireWills(t, persons(t, man, replaced), early, late)
			c.requireWills(t, persons(t, replaced, man), early, late)
			c.requireWills(t, persons(t, replaced), early)
		}
	})

	t.Run("of several open ones of equal From that whose ID is greater is valid, in either register", func(t *testing.T) {
		for _, regs := range [][2]will.Register{{will.LTR, will.BTR}, {will.BTR, will.LTR}} {
			c := willCaseOf(t, open)
			lesser, greater := c.made(person(t, man), regs[0], 0), c.made(person(t, replaced), regs[1], 0)
			c.open(persons(t, replaced), greater)
			c.open(persons(t, man), lesser)
			c.requireWills(t, persons(t, man, replaced), lesser, greater)
		}
	})

	t.Run("History is in the order of From, whatever the registers and numbers, and then of ID", func(t *testing.T) {
		c := willCaseOf(t, open)
		both := persons(t, man, replaced)
		var want []will.Registration
		for i := range 4 {
			r := c.made(both[i%2], []will.Register{will.BTR, will.LTR}[i/2], 10*i)
			c.open(both, r)
			want = append(want, closedAt(r, noon.Add(time.Duration(10*i+10)*time.Microsecond)))
		}
		want[3].To = time.Time{}
		c.requireWills(t, both, want...)
	})

	t.Run("every field is kept, in both registers", func(t *testing.T) {
		c := willCaseOf(t, open)
		var want []will.Registration
		for i, w := range everyWish() {
			r := c.made(citizen[0], will.BTR, i)
			if r.Wishes = w; i%2 == 1 && w.IfSeverelyDegraded.Needs == will.None && w.IfSeverePain == (will.Wish{}) && w.NoForcedTreatment == (will.Wish{}) {
				r.Register = will.LTR
			}
			c.open(citizen, r)
			if i > 0 {
				want[i-1].To = r.From
			}
			want = append(want, r)
			current, ok, err := c.two().Current(c.ctx, citizen)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, r, current)
		}
		c.requireWills(t, citizen, want...)
	})

	t.Run("instants are UTC and cut to microseconds", func(t *testing.T) {
		c := willCaseOf(t, open)
		zone := time.FixedZone("CET", 3600)
		r := c.made(citizen[0], will.BTR, 0)
		r.From = noon.Add(1999 * time.Nanosecond).In(zone)
		c.open(citizen, r)
		r.From = noon.Add(time.Microsecond)
		c.requireWills(t, citizen, r)
		end := noon.Add(time.Hour)
		require.NoError(t, c.one().Update(c.ctx, citizen, willEdit(will.Change{At: end.Add(999 * time.Nanosecond).In(zone)})))
		c.requireWills(t, citizen, closedAt(r, end))
	})

	t.Run("returned memory is the caller's, and what was given is not kept", func(t *testing.T) {
		c := willCaseOf(t, open)
		r := c.made(citizen[0], will.BTR, 0)
		given := r
		require.NoError(t, c.one().Update(c.ctx, citizen, willEdit(will.Change{At: given.From, New: &given})))
		given.NoForcedTreatment.Declined = true
		c.history(citizen)[0].IfDying.Declined = false
		c.requireWills(t, citizen, r)
	})

	t.Run("a context that has ended reads and changes nothing", func(t *testing.T) {
		c := willCaseOf(t, open)
		r := c.open(citizen, c.made(citizen[0], will.BTR, 0))
		_, _, err := c.one().Current(ended(), citizen)
		require.ErrorIs(t, err, context.Canceled)
		_, err = c.one().Exists(ended(), citizen, will.BTR)
		require.ErrorIs(t, err, context.Canceled)
		_, err = c.one().History(ended(), citizen)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, c.one().Update(ended(), citizen, willEdit(will.Change{At: later(1)})), context.Canceled)
		c.requireWills(t, citizen, r)
	})
}

// everyWish is each wish alone, with everybody who may have to accept it, and all together.
func everyWish() (all []will.Wishes) {
	all = append(all, will.Wishes{IfDying: will.Wish{Declined: true}})
	for _, needs := range []will.Acceptance{will.None, will.Relative, will.Guardian, will.TrustedAgent} {
		w := will.Wish{Declined: true, Needs: needs}
		all = append(all, will.Wishes{IfSeverelyDegraded: w}, will.Wishes{IfSeverePain: w}, will.Wishes{NoForcedTreatment: w})
	}
	declined := will.Wish{Declined: true}
	return append(all, will.Wishes{IfDying: declined, IfSeverelyDegraded: declined}, will.Wishes{IfDying: declined,
		IfSeverelyDegraded: will.Wish{Declined: true, Needs: will.Relative}, IfSeverePain: will.Wish{Declined: true, Needs: will.Guardian},
		NoForcedTreatment: will.Wish{Declined: true, Needs: will.TrustedAgent}})
}

func willKeeping(t *testing.T, open OpenWillStores) {
	citizen, both := persons(t, mother), persons(t, man, replaced)

	t.Run("an Update that opens one ends the open one at the same instant; one that opens none ends it alone; none is removed", func(t *testing.T) {
		c := willCaseOf(t, open)
		first, second := c.made(citizen[0], will.LTR, 0), c.made(citizen[0], will.BTR, 7)
		c.open(citizen, first)
		c.open(citizen, second)
		c.requireWills(t, citizen, closedAt(first, second.From), second)
		require.NoError(t, c.one().Update(c.ctx, citizen, willEdit(will.Change{At: later(1)})))
		c.requireWills(t, citizen, closedAt(first, second.From), closedAt(second, later(1)))
		third := c.made(citizen[0], will.LTR, 0)
		third.From = later(1) // where the last one ended
		c.open(citizen, third)
		c.requireWills(t, citizen, closedAt(first, second.From), closedAt(second, later(1)), third)
	})

	t.Run("WA-41 every open registration of the person ends, under all numbers, and no other person's", func(t *testing.T) {
		for _, reg := range []will.Register{will.LTR, will.BTR} {
			c := willCaseOf(t, open)
			a := c.open(both[:1], c.made(both[0], reg, 1))
			b := c.open(both[1:], c.made(both[1], will.BTR, 2))
			theirs := c.open(citizen, c.made(citizen[0], will.BTR, 0))
			r := c.open(both, c.made(both[1], will.BTR, 9))
			c.requireWills(t, both, closedAt(a, r.From), closedAt(b, r.From), r)
			c.requireWills(t, both[:1], closedAt(a, r.From))
			c.requireWills(t, citizen, theirs)
			require.NoError(t, c.one().Update(c.ctx, both, willEdit(will.Change{At: later(1)})))
			c.requireWills(t, both, closedAt(a, r.From), closedAt(b, r.From), closedAt(r, later(1)))
			c.requireWills(t, citizen, theirs)
		}
	})

	t.Run("edit is given the person's history and owns it; its notices are kept with what it changes", func(t *testing.T) {
		c := willCaseOf(t, open)
		r := c.open(both[1:], c.made(both[1], will.BTR, 0))
		next, n := c.made(both[0], will.BTR, 5), 0
		require.NoError(t, c.two().Update(c.ctx, both, func(h will.History) (will.Change, []notice.Notice, error) {
			n++
			require.Equal(t, will.History{r}, h)
			h[0] = will.Registration{}
			return openedBy(next), []notice.Notice{c.notice(), c.notice()}, nil
		}))
		require.Positive(t, n)
		c.requireWills(t, both, closedAt(r, next.From), next)
		require.Equal(t, 2, c.waiting())
	})

	t.Run("where edit fails nothing changes and Update returns its error", func(t *testing.T) {
		c := willCaseOf(t, open)
		r := c.open(citizen, c.made(citizen[0], will.BTR, 0))
		err := c.one().Update(c.ctx, citizen, func(h will.History) (will.Change, []notice.Notice, error) {
			h[0].To = later(1)
			return openedBy(c.made(citizen[0], will.BTR, 5)), []notice.Notice{c.notice()}, will.ErrExists
		})
		require.Equal(t, will.ErrExists, err)
		c.requireWills(t, citizen, r)
		require.Zero(t, c.waiting())
	})

	t.Run("where a notice cannot be kept nothing changes", func(t *testing.T) {
		c := willCaseOf(t, open)
		r := c.open(citizen, c.made(citizen[0], will.BTR, 0))
		err := c.one().Update(c.ctx, citizen, willEdit(openedBy(c.made(citizen[0], will.LTR, 5)), c.notice(), notice.Notice{ID: uuid(99), To: "nobody"}))
		require.ErrorIs(t, err, notice.ErrTarget)
		c.requireWills(t, citizen, r)
		require.Zero(t, c.waiting())
	})

	t.Run("a read that begins after an Update was committed sees it, in any process", func(t *testing.T) {
		c := willCaseOf(t, open)
		for i := range 6 {
			r := c.made(citizen[0], []will.Register{will.LTR, will.BTR}[i%2], 10*i)
			require.NoError(t, c.nth(i).Update(c.ctx, citizen, willEdit(openedBy(r))))
			for reader := range c.handles {
				current, ok, err := c.nth(reader).Current(c.ctx, citizen)
				require.NoError(t, err)
				require.True(t, ok)
				require.Equal(t, r, current)
				exists, err := c.nth(reader).Exists(c.ctx, citizen, r.Register)
				require.NoError(t, err)
				require.True(t, exists)
			}
			if i%3 == 0 {
				require.NoError(t, c.nth(i+1).Update(c.ctx, citizen, willEdit(will.Change{At: r.From.Add(time.Microsecond)})))
				for reader := range c.handles {
					_, ok, err := c.nth(reader).Current(c.ctx, citizen)
					require.NoError(t, err)
					require.False(t, ok)
				}
			}
		}
	})
}

func willRefusals(t *testing.T, open OpenWillStores) {
	both, other := persons(t, man, replaced), persons(t, mother)

	t.Run("a change that does not follow what is kept is ErrWillConflict, changes nothing and tells of nobody", func(t *testing.T) {
		c := willCaseOf(t, open)
		living := c.open(both, c.made(both[1], will.LTR, 0))
		valid := c.open(both, c.made(both[0], will.BTR, 10))
		living.To = valid.From
		theirs := c.open(other, c.made(other[0], will.BTR, 0))
		theirsLiving := c.open(persons(t, boy), c.made(person(t, boy), will.LTR, 0))
		spoilt := func(spoil func(*will.Registration)) will.Change {
			r := c.made(both[0], will.BTR, 20)
			spoil(&r)
			return will.Change{At: noon.Add(20 * time.Microsecond), New: &r}
		}
		declined := will.Wish{Declined: true}
		for name, change := range map[string]will.Change{
			"an end at the beginning":              {At: valid.From},
			"an end before it":                     {At: noon},
			"an end that is equal when it is cut":  {At: valid.From.Add(999 * time.Nanosecond)},
			"no instant":                           {},
			"a beginning before the change":        spoilt(func(r *will.Registration) { r.From = r.From.Add(-time.Microsecond) }),
			"a beginning after it":                 spoilt(func(r *will.Registration) { r.From = r.From.Add(time.Microsecond) }),
			"no beginning":                         spoilt(func(r *will.Registration) { r.From = time.Time{} }),
			"one that has ended":                   spoilt(func(r *will.Registration) { r.To = later(1) }),
			"another person's number":              spoilt(func(r *will.Registration) { r.Citizen = other[0] }),
			"nobody's number":                      spoilt(func(r *will.Registration) { r.Citizen = cpr.Number{} }),
			"the ID of the open one":               spoilt(func(r *will.Registration) { r.ID = valid.ID }),
			"the ID of a closed one":               spoilt(func(r *will.Registration) { r.ID = living.ID }),
			"another's ID":                         spoilt(func(r *will.Registration) { r.ID = theirs.ID }),
			"another's ID of the other register":   spoilt(func(r *will.Registration) { r.ID = theirsLiving.ID }),
			"another's ID, in the other register":  spoilt(func(r *will.Registration) { r.ID, r.Register = theirs.ID, will.LTR }),
			"no ID":                                spoilt(func(r *will.Registration) { r.ID = "" }),
			"no register":                          spoilt(func(r *will.Registration) { r.Register = "" }),
			"an unknown register":                  spoilt(func(r *will.Registration) { r.Register = "XTR" }),
			"no wish":                              spoilt(func(r *will.Registration) { r.Wishes = will.Wishes{} }),
			"acceptance of what is not declined":   spoilt(func(r *will.Registration) { r.IfSeverePain.Needs = will.Guardian }),
			"acceptance where there is none":       spoilt(func(r *will.Registration) { r.IfDying.Needs = will.Guardian }),
			"acceptance by nobody known":           spoilt(func(r *will.Registration) { r.IfSeverePain = will.Wish{Declined: true, Needs: "x"} }),
			"a living will with a treatment one's": spoilt(func(r *will.Registration) { r.Register, r.NoForcedTreatment = will.LTR, declined }),
			"a living will that needs acceptance": spoilt(func(r *will.Registration) {
				r.Register, r.IfSeverelyDegraded = will.LTR, will.Wish{Declined: true, Needs: will.Relative}
			}),
		} {
			err := c.two().Update(c.ctx, both, willEdit(change, c.notice()))
			require.ErrorIs(t, err, ports.ErrWillConflict, name)
			require.True(t, fault.Is(err, fault.Conflict), name)
			for _, secret := range []string{man, replaced, mother, "guardian", "relative"} {
				require.NotContains(t, err.Error(), secret, name)
			}
		}
		c.requireWills(t, both, living, valid)
		c.requireWills(t, other, theirs)
		c.requireWills(t, persons(t, boy), theirsLiving)
		require.Zero(t, c.waiting())
	})

	t.Run("where nothing is open a change before the end of a closed one is ErrWillConflict, under any number", func(t *testing.T) {
		c := willCaseOf(t, open)
		r := c.open(both, c.made(both[1], will.BTR, 0))
		require.NoError(t, c.one().Update(c.ctx, both, willEdit(will.Change{At: later(2)})))
		next := c.made(both[0], will.LTR, 0)
		next.From = later(2).Add(-time.Microsecond)
		require.ErrorIs(t, c.one().Update(c.ctx, both, willEdit(openedBy(next))), ports.ErrWillConflict)
		c.requireWills(t, both, closedAt(r, later(2)))
		next.From = later(2)
		c.open(both, next)
		c.requireWills(t, both, closedAt(r, later(2)), next)
	})

	t.Run("a change that ends nothing and opens nothing changes nothing, but its notices are kept", func(t *testing.T) {
		c := willCaseOf(t, open)
		require.NoError(t, c.one().Update(c.ctx, both, willEdit(will.Change{At: noon}, c.notice())))
		c.requireWills(t, both)
		require.Equal(t, 1, c.waiting())
	})
}

func willUnits(t *testing.T, open OpenWillStores) {
	citizen := persons(t, mother)

	t.Run("Update joins the unit of work, which sees what it wrote, as nobody else does", func(t *testing.T) {
		c := willCaseOf(t, open)
		r := c.open(citizen, c.made(citizen[0], will.LTR, 0))
		second, third := c.made(citizen[0], will.BTR, 5), c.made(citizen[0], will.BTR, 6)
		work := func(ctx context.Context) {
			require.NoError(t, c.one().Update(ctx, citizen, willEdit(openedBy(second), c.notice())))
			require.NoError(t, c.one().Update(ctx, citizen, func(h will.History) (will.Change, []notice.Notice, error) {
				require.Equal(t, will.History{closedAt(r, second.From), second}, h)
				return openedBy(third), nil, nil
			}))
			current, ok, err := c.one().Current(ctx, citizen)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, third, current)
			exists, err := c.one().Exists(ctx, citizen, will.LTR)
			require.NoError(t, err)
			require.False(t, exists)
			h, err := c.one().History(ctx, citizen)
			require.NoError(t, err)
			require.Len(t, h, 3)
		}
		rolledBack(c.ctx, t, c.first().Units, work)
		c.requireWills(t, citizen, r)
		require.Zero(t, c.waiting())
		committed(c.ctx, t, c.first().Units, work)
		c.requireWills(t, citizen, closedAt(r, second.From), closedAt(second, third.From), third)
		require.Equal(t, 1, c.waiting())
	})

	t.Run("an Update that fails within a unit of work is taken back alone", func(t *testing.T) {
		c := willCaseOf(t, open)
		a, b := c.made(citizen[0], will.LTR, 0), c.made(citizen[0], will.BTR, 9)
		committed(c.ctx, t, c.first().Units, func(ctx context.Context) {
			require.NoError(t, c.one().Update(ctx, citizen, willEdit(openedBy(a))))
			require.ErrorIs(t, c.one().Update(ctx, citizen, willEdit(will.Change{At: a.From}, c.notice())), ports.ErrWillConflict)
			require.ErrorIs(t, c.one().Update(ctx, citizen, willEdit(openedBy(c.made(citizen[0], will.BTR, 4)), notice.Notice{ID: uuid(99), To: "nobody"})),
				notice.ErrTarget)
			require.NoError(t, c.one().Update(ctx, citizen, willEdit(openedBy(b))))
		})
		c.requireWills(t, citizen, closedAt(a, b.From), b)
		require.Zero(t, c.waiting())
	})
}

// requireChained requires that no two of a person's wills overlap, and returns how many are open.
func requireChained(t *testing.T, h will.History) (open int) {
	t.Helper()
	for i, r := range h {
		if r.To.IsZero() {
			open++
		}
		require.True(t, r.To.IsZero() || r.From.Before(r.To), "a will of no time")
		if i > 0 {
			require.False(t, h[i-1].To.IsZero() || r.From.Before(h[i-1].To), "will %d begins before the one before it has ended", i)
		}
	}
	return open
}
