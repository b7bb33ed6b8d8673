package portstest

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// OptOutStores are the store of opt-outs of one backend, and the outbox that notices go to.
type OptOutStores interface {
	OptOuts() ports.OptOutStore
	Outbox() ports.Outbox
}

// OpenOptOutStores opens a store of opt-outs.
type OpenOptOutStores = Open[OptOutStores]

// optOutCase is the store of one case. It makes ids; it is safe for concurrent use.
type optOutCase struct {
	handles[OptOutStores]
	t   *testing.T
	ctx context.Context //nolint:containedctx // of one case
	ids atomic.Int64
}

func optOutCaseOf(t *testing.T, open OpenOptOutStores) *optOutCase {
	t.Helper()
	hs, _ := open.opened(t)
	return &optOutCase{handles: hs, t: t, ctx: bounded(t)}
}

func (c *optOutCase) nth(i int) ports.OptOutStore { return c.handles.nth(i).Store.OptOuts() }
func (c *optOutCase) one() ports.OptOutStore      { return c.first().Store.OptOuts() }
func (c *optOutCase) two() ports.OptOutStore      { return c.last().Store.OptOuts() }

// made is an active opt-out under a number, made some microseconds after noon, which replaces another one or "".
func (c *optOutCase) made(n cpr.Number, replaces string, micros int) fgvhr.OptOut {
	at := noon.Add(time.Duration(micros) * time.Microsecond)
	return fgvhr.OptOut{ID: uuid(int(c.ids.Add(1))), Replaces: replaces, Citizen: n, Status: fgvhr.Active, Created: at, ValidFrom: at.AddDate(0, 0, 7)}
}

func (c *optOutCase) notice() notice.Notice {
	id := uuid(int(c.ids.Add(1)))
	return notice.Notice{ID: id, Key: id, To: notice.NAS, Created: noon}
}

// optOutEdit is an edit that adds the same row, whatever there is.
func optOutEdit(o fgvhr.OptOut, notices ...notice.Notice) func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
	return func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) { return o, notices, nil }
}

func (c *optOutCase) add(person []cpr.Number, o fgvhr.OptOut) fgvhr.OptOut {
	c.t.Helper()
	require.NoError(c.t, c.one().Update(c.ctx, person, optOutEdit(o)))
	return o
}

// supersededBy is o since another row replaced it.
func supersededBy(o, next fgvhr.OptOut) fgvhr.OptOut {
	o.Superseded = next.Created
	return o
}

// requireOptOuts requires that these are a person's rows, in the order of History, and that Heads are those of them that nothing superseded.
func (c *optOutCase) requireOptOuts(t require.TestingT, person []cpr.Number, want ...fgvhr.OptOut) {
	all, err := c.two().History(c.ctx, person)
	require.NoError(t, err)
	heads, err := c.two().Heads(c.ctx, person)
	require.NoError(t, err)
	if len(want)+len(all) > 0 {
		require.Equal(t, fgvhr.History(want), all, "History")
	}
	open := slices.DeleteFunc(slices.Clone(want), func(o fgvhr.OptOut) bool { return !o.Superseded.IsZero() })
	if len(open)+len(heads) > 0 {
		require.Equal(t, fgvhr.History(open), heads, "Heads")
	}
}

func (c *optOutCase) waiting() int {
	c.t.Helper()
	n, _, _, err := c.last().Store.Outbox().Waiting(c.ctx)
	require.NoError(c.t, err)
	return n
}

// OptOutStore runs the contract of ports.OptOutStore.
func OptOutStore(t *testing.T, open OpenOptOutStores) {
	optOutReading(t, open)
	optOutUpdates(t, open)
	optOutRefusals(t, open)
	optOutUnits(t, open)
	optOutsAtOnce(t, open)
	optOutModel(t, open)
}

func optOutReading(t *testing.T, open OpenOptOutStores) {
	citizen, both := persons(t, mother), persons(t, man, replaced)

	t.Run("who has registered nothing has no rows", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		c.add(both, c.made(both[0], "", 0))
		c.requireOptOuts(t, citizen)
		c.requireOptOuts(t, nil)
		c.requireOptOuts(t, []cpr.Number{{}})
	})

	t.Run("FA-18 rows are found by any of the person's numbers in any order, and by none of another", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		o := c.add(both[1:], c.made(both[1], "", 0))
		for _, numbers := range [][]string{{replaced}, {replaced, man}, {man, replaced}, {mother, man, replaced}} {
			c.requireOptOuts(t, persons(t, numbers...), o)
		}
		c.requireOptOuts(t, both[:1])
		c.requireOptOuts(t, persons(t, man, mother))
	})

	t.Run("every field is kept", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		var want []fgvhr.OptOut
		day := calendar.Day{Year: 2024, Month: time.February, Dom: 29}
		for i, spoil := range []func(*fgvhr.OptOut){
			func(*fgvhr.OptOut) {},
			func(o *fgvhr.OptOut) { o.Actor = fgvhr.Actor{Role: "CITIZEN", ID: mother, Source: "CPR"} },
			func(o *fgvhr.OptOut) {
				o.CitizenCreated = day
				o.Actor = fgvhr.Actor{Role: "ADMIN", ID: secretary, Source: "CPR", Org: "33257872", Name: "Sundhedsdatastyrelsen \"æ\" 'ø'"}
			},
			func(o *fgvhr.OptOut) { o.Status = fgvhr.Inactive },
			func(o *fgvhr.OptOut) { o.Status, o.CitizenCreated = fgvhr.EnteredInError, day },
		} {
			o := c.made(citizen[0], "", i)
			if spoil(&o); i > 0 {
				o.Replaces = want[i-1].ID
				want[i-1] = supersededBy(want[i-1], o)
			}
			want = append(want, c.add(citizen, o))
		}
		c.requireOptOuts(t, citizen, want...)
	})

	t.Run("instants are UTC and cut to microseconds", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		fine := func(d time.Duration) time.Time {
			return noon.Add(d + 1999*time.Nanosecond).In(time.FixedZone("CET", 3600))
		}
		cut := func(d time.Duration) time.Time { return noon.Add(d + time.Microsecond) }
		first, second := c.made(citizen[0], "", 0), c.made(citizen[0], "", 0)
		second.Replaces = first.ID
		first.Created, first.ValidFrom = fine(0), fine(time.Hour)
		second.Created, second.ValidFrom = fine(time.Minute), fine(time.Hour)
		c.add(citizen, first)
		c.add(citizen, second)
		first.Created, first.ValidFrom, first.Superseded = cut(0), cut(time.Hour), cut(time.Minute)
		second.Created, second.ValidFrom = cut(time.Minute), cut(time.Hour)
		c.requireOptOuts(t, citizen, first, second)
	})

	t.Run("History and Heads are by Created, whatever the numbers, and then by ID", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		a, b := c.made(both[1], "", 3), c.made(both[0], "", 3)
		c.add(both[:1], b)
		c.add(both[1:], a)
		early := c.add(citizen, c.made(citizen[0], "", 1))
		c.requireOptOuts(t, both, a, b)
		c.requireOptOuts(t, append(persons(t, mother), both...), early, a, b)
	})

	t.Run("returned memory is the caller's", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		o := c.add(citizen, c.made(citizen[0], "", 0))
		for _, read := range []func(context.Context, []cpr.Number) (fgvhr.History, error){c.two().Heads, c.two().History} {
			h, err := read(c.ctx, citizen)
			require.NoError(t, err)
			h[0].Status = fgvhr.Inactive
		}
		c.requireOptOuts(t, citizen, o)
	})

	t.Run("a context that has ended reads and changes nothing", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		o := c.add(citizen, c.made(citizen[0], "", 0))
		_, err := c.one().Heads(ended(), citizen)
		require.ErrorIs(t, err, context.Canceled)
		_, err = c.one().History(ended(), citizen)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, c.one().Update(ended(), citizen, optOutEdit(c.made(citizen[0], o.ID, 5))), context.Canceled)
		c.requireOptOuts(t, citizen, o)
	})
}

func optOutUpdates(t *testing.T, open OpenOptOutStores) {
	citizen, both := persons(t, mother), persons(t, man, replaced)

	t.Run("a row supersedes the head at its Created; none is removed", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		first := c.add(citizen, c.made(citizen[0], "", 0))
		second := c.made(citizen[0], first.ID, 5)
		second.Status = fgvhr.Inactive
		c.add(citizen, second)
		third := c.add(citizen, c.made(citizen[0], second.ID, 6))
		c.requireOptOuts(t, citizen, supersededBy(first, second), supersededBy(second, third), third)
	})

	t.Run("FA-18 a row supersedes every head of the person, whichever it replaces, and no other person's", func(t *testing.T) {
		for replaces := range 2 {
			c := optOutCaseOf(t, open)
			heads := []fgvhr.OptOut{c.add(both[:1], c.made(both[0], "", 1)), c.add(both[1:], c.made(both[1], "", 2))}
			theirs := c.add(citizen, c.made(citizen[0], "", 0))
			next := c.add(both, c.made(both[1], heads[replaces].ID, 9))
			c.requireOptOuts(t, both, supersededBy(heads[0], next), supersededBy(heads[1], next), next)
			c.requireOptOuts(t, both[:1], supersededBy(heads[0], next))
			c.requireOptOuts(t, citizen, theirs)
			again := c.add(both[:1], c.made(both[0], "", 10)) // under this number there is no head
			c.requireOptOuts(t, both, supersededBy(heads[0], next), supersededBy(heads[1], next), next, again)
		}
	})

	t.Run("edit is given the person's history and owns it; its notices are kept with the row", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		o := c.add(both[1:], c.made(both[1], "", 0))
		next, n := c.made(both[0], o.ID, 5), 0
		require.NoError(t, c.two().Update(c.ctx, both, func(h fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
			n++
			require.Equal(t, fgvhr.History{o}, h)
			h[0] = fgvhr.OptOut{}
			return next, []notice.Notice{c.notice(), c.notice()}, nil
		}))
		require.Positive(t, n)
		c.requireOptOuts(t, both, supersededBy(o, next), next)
		require.Equal(t, 2, c.waiting())
	})

	t.Run("where edit fails, or a notice cannot be kept, nothing changes", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		o := c.add(citizen, c.made(citizen[0], "", 0))
		err := c.one().Update(c.ctx, citizen, func(h fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
			h[0].Status = fgvhr.Inactive
			return c.made(citizen[0], o.ID, 5), []notice.Notice{c.notice()}, fgvhr.ErrExists
		})
		require.Equal(t, fgvhr.ErrExists, err)
		err = c.one().Update(c.ctx, citizen, optOutEdit(c.made(citizen[0], o.ID, 5), c.notice(), notice.Notice{ID: uuid(99), To: "nobody"}))
		require.ErrorIs(t, err, notice.ErrTarget)
		c.requireOptOuts(t, citizen, o)
		require.Zero(t, c.waiting())
	})

	t.Run("a read that begins after an Update was committed sees it, in any process", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		head := ""
		for i := range 5 {
			o := c.made(citizen[0], head, i)
			require.NoError(t, c.nth(i).Update(c.ctx, citizen, optOutEdit(o)))
			for reader := range c.handles {
				heads, err := c.nth(reader).Heads(c.ctx, citizen)
				require.NoError(t, err)
				require.Equal(t, fgvhr.History{o}, heads)
			}
			head = o.ID
		}
	})
}

func optOutRefusals(t *testing.T, open OpenOptOutStores) {
	both, other := persons(t, man, replaced), persons(t, mother)

	t.Run("a row that does not follow what is kept is ErrWillConflict, changes nothing and tells of nobody", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		first := c.add(both, c.made(both[1], "", 0))
		head := c.add(both, c.made(both[0], first.ID, 10))
		first = supersededBy(first, head)
		theirs := c.add(other, c.made(other[0], "", 0))
		refuse := func(name string, person []cpr.Number, spoil func(*fgvhr.OptOut)) {
			o := c.made(both[0], head.ID, 20)
			spoil(&o)
			err := c.two().Update(c.ctx, person, optOutEdit(o, c.notice()))
			require.ErrorIs(t, err, ports.ErrWillConflict, name)
			require.True(t, fault.Is(err, fault.Conflict), name)
			for _, secret := range []string{man, replaced, mother} {
				require.NotContains(t, err.Error(), secret, name)
			}
		}
		for name, spoil := range map[string]func(*fgvhr.OptOut){
			"another person's number":             func(o *fgvhr.OptOut) { o.Citizen = other[0] },
			"nobody's number":                     func(o *fgvhr.OptOut) { o.Citizen = cpr.Number{} },
			"superseded itself":                   func(o *fgvhr.OptOut) { o.Superseded = later(1) },
			"made when the head was":              func(o *fgvhr.OptOut) { o.Created = head.Created },
			"made before the head":                func(o *fgvhr.OptOut) { o.Created = noon },
			"made when the head was, as it's cut": func(o *fgvhr.OptOut) { o.Created = head.Created.Add(999 * time.Nanosecond) },
			"made never":                          func(o *fgvhr.OptOut) { o.Created = time.Time{} },
			"never in force":                      func(o *fgvhr.OptOut) { o.ValidFrom = time.Time{} },
			"the ID of the head":                  func(o *fgvhr.OptOut) { o.ID = head.ID },
			"the ID of another row":               func(o *fgvhr.OptOut) { o.ID = first.ID },
			"another's ID":                        func(o *fgvhr.OptOut) { o.ID = theirs.ID },
			"no ID":                               func(o *fgvhr.OptOut) { o.ID = "" },
			"no status":                           func(o *fgvhr.OptOut) { o.Status = "" },
			"an unknown status":                   func(o *fgvhr.OptOut) { o.Status = "PROPOSED" },
			"replacing nothing":                   func(o *fgvhr.OptOut) { o.Replaces = "" },
			"replacing no head":                   func(o *fgvhr.OptOut) { o.Replaces = first.ID },
			"replacing another's":                 func(o *fgvhr.OptOut) { o.Replaces = theirs.ID },
			"replacing itself":                    func(o *fgvhr.OptOut) { o.Replaces = o.ID },
			"replacing what is not there":         func(o *fgvhr.OptOut) { o.Replaces = uuid(99) },
		} {
			refuse(name, both, spoil)
		}
		refuse("replacing something where there is no head", persons(t, boy), func(o *fgvhr.OptOut) { o.Citizen = person(t, boy) })
		c.requireOptOuts(t, both, first, head)
		c.requireOptOuts(t, other, theirs)
		c.requireOptOuts(t, persons(t, boy))
		require.Zero(t, c.waiting())
	})

	t.Run("a row that was made before another head of the person is ErrWillConflict", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		a, b := c.add(both[:1], c.made(both[0], "", 1)), c.add(both[1:], c.made(both[1], "", 9))
		require.ErrorIs(t, c.one().Update(c.ctx, both, optOutEdit(c.made(both[0], a.ID, 5))), ports.ErrWillConflict)
		c.requireOptOuts(t, both, a, b)
	})
}

func optOutUnits(t *testing.T, open OpenOptOutStores) {
	citizen := persons(t, mother)

	t.Run("Update joins the unit of work, which sees what it wrote, as nobody else does", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		first := c.add(citizen, c.made(citizen[0], "", 0))
		second := c.made(citizen[0], first.ID, 5)
		third := c.made(citizen[0], second.ID, 6)
		work := func(ctx context.Context) {
			require.NoError(t, c.one().Update(ctx, citizen, optOutEdit(second, c.notice())))
			require.NoError(t, c.one().Update(ctx, citizen, func(h fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
				require.Equal(t, fgvhr.History{supersededBy(first, second), second}, h)
				return third, nil, nil
			}))
			heads, err := c.one().Heads(ctx, citizen)
			require.NoError(t, err)
			require.Equal(t, fgvhr.History{third}, heads)
		}
		rolledBack(c.ctx, t, c.first().Units, work)
		c.requireOptOuts(t, citizen, first)
		require.Zero(t, c.waiting())
		committed(c.ctx, t, c.first().Units, work)
		c.requireOptOuts(t, citizen, supersededBy(first, second), supersededBy(second, third), third)
		require.Equal(t, 1, c.waiting())
	})

	t.Run("an Update that fails within a unit of work is taken back alone", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		a := c.made(citizen[0], "", 0)
		b := c.made(citizen[0], a.ID, 9)
		committed(c.ctx, t, c.first().Units, func(ctx context.Context) {
			require.NoError(t, c.one().Update(ctx, citizen, optOutEdit(a)))
			require.ErrorIs(t, c.one().Update(ctx, citizen, optOutEdit(c.made(citizen[0], "", 5), c.notice())), ports.ErrWillConflict)
			require.ErrorIs(t, c.one().Update(ctx, citizen, optOutEdit(c.made(citizen[0], a.ID, 5), notice.Notice{ID: uuid(99), To: "nobody"})),
				notice.ErrTarget)
			require.NoError(t, c.one().Update(ctx, citizen, optOutEdit(b)))
		})
		c.requireOptOuts(t, citizen, supersededBy(a, b), b)
		require.Zero(t, c.waiting())
	})
}

func optOutsAtOnce(t *testing.T, open OpenOptOutStores) {
	both := persons(t, man, replaced)
	rules := fgvhr.Rules{WaitDays: 7}

	// change runs a rule of the domain at noon on the i-th handle, as a person under the i-th number.
	change := func(c *optOutCase, i int, rule func(h fgvhr.History, next fgvhr.OptOut) (fgvhr.OptOut, error)) error {
		numbers := slices.Clone(both)
		if i%2 == 1 {
			slices.Reverse(numbers)
		}
		next := fgvhr.OptOut{ID: uuid(int(c.ids.Add(1))), Citizen: numbers[0]}
		return c.nth(i).Update(c.ctx, numbers, func(h fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
			o, err := rule(h, next)
			return o, []notice.Notice{c.notice()}, err
		})
	}

	t.Run("FA-04 of 50 registrations at once, under two numbers of one person, one succeeds", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		errs := make(chan error)
		for i := range 50 {
			go func() {
				errs <- change(c, i, func(h fgvhr.History, next fgvhr.OptOut) (fgvhr.OptOut, error) { return h.Register(next, rules, noon) })
			}()
		}
		done := 0
		for range 50 {
			if err := <-errs; err == nil {
				done++
			} else {
				assert.ErrorIs(t, err, fgvhr.ErrExists)
			}
		}
		require.Equal(t, 1, done)
		all, err := c.two().History(c.ctx, both)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, 1, c.waiting())
	})

	t.Run("of registrations and withdrawals at once each replaces the one before, and none is lost", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		errs := make(chan error)
		for i := range 30 {
			go func() {
				errs <- change(c, i, func(h fgvhr.History, next fgvhr.OptOut) (fgvhr.OptOut, error) {
					if head, ok := h.Head(); ok && head.Status == fgvhr.Active {
						return h.Delete(next, noon)
					}
					return h.Register(next, rules, noon)
				})
			}()
		}
		for range 30 {
			require.NoError(t, <-errs)
		}
		all, err := c.two().History(c.ctx, both)
		require.NoError(t, err)
		require.Len(t, all, 30)
		for i, o := range all {
			require.Equal(t, []fgvhr.Status{fgvhr.Active, fgvhr.Inactive}[i%2], o.Status)
			if i > 0 {
				require.Equal(t, all[i-1].ID, o.Replaces)
				require.Equal(t, o.Created, all[i-1].Superseded)
			}
		}
		require.Equal(t, 30, c.waiting())
	})

	t.Run("who looks while an opt-out is changed always finds one head", func(t *testing.T) {
		c := optOutCaseOf(t, open)
		o := c.add(both, c.made(both[0], "", 0))
		done, looks := make(chan struct{}), make(chan struct{}, 1)
		go func() {
			defer close(done)
			for n := 1; n <= 20; n++ {
				<-looks // somebody looked since the last one
				next := c.made(both[n%2], o.ID, n)
				if !assert.NoError(t, c.nth(n).Update(c.ctx, both, optOutEdit(next))) {
					return
				}
				o = next
			}
		}()
		for i := 0; ; i++ {
			heads, err := c.nth(i).Heads(c.ctx, both)
			require.True(t, assert.NoError(t, err) && assert.Len(t, heads, 1))
			select {
			case looks <- struct{}{}:
			case <-done:
				return
			default:
			}
		}
	})
}

// optOutModel does the same to a store and to a list, in whatever order, and compares what they say.
func optOutModel(t *testing.T, open OpenOptOutStores) {
	if testing.Short() {
		t.Skip("the cases above are its essence")
	}
	c := optOutCaseOf(t, open)
	everybody := persons(t, man, replaced, mother)
	end := noon
	rapid.Check(t, func(t *rapid.T) {
		all, err := c.one().History(c.ctx, everybody) // what the runs before have left
		require.NoError(t, err)
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			numbers := rapid.Permutation(everybody).Draw(t, "numbers")[:rapid.IntRange(1, 3).Draw(t, "of them")]
			mine := rowsOf(all, numbers)
			o := c.made(rapid.SampledFrom(everybody).Draw(t, "under"), "", 0)
			o.Created = end.Add(time.Duration(rapid.IntRange(-1, 2).Draw(t, "microseconds")) * time.Microsecond)
			o.Status = rapid.SampledFrom([]fgvhr.Status{fgvhr.Active, fgvhr.Inactive, fgvhr.EnteredInError}).Draw(t, "status")
			if head, ok := mine.Head(); ok {
				o.Replaces = head.ID
			}
			if len(all) > 0 && rapid.IntRange(0, 4).Draw(t, "replaces") == 0 {
				o.Replaces = rapid.SampledFrom(append(fgvhr.History{{}}, all...)).Draw(t, "whom").ID
			}
			if len(all) > 0 && rapid.IntRange(0, 9).Draw(t, "known") == 0 {
				o.ID = rapid.SampledFrom(all).Draw(t, "as").ID
			}
			known := slices.ContainsFunc(all, func(row fgvhr.OptOut) bool { return row.ID == o.ID })
			next, conflict := mine.Apply(o)
			err := c.nth(rapid.IntRange(0, 1).Draw(t, "handle")).Update(c.ctx, numbers, func(h fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
				require.True(t, slices.Equal(mine, h), "edit is given something else")
				return o, nil, nil
			})
			if conflict != nil || known || !slices.Contains(numbers, o.Citizen) {
				require.ErrorIs(t, err, ports.ErrWillConflict)
				continue
			}
			require.NoError(t, err)
			all = append(slices.DeleteFunc(all, func(o fgvhr.OptOut) bool { return slices.Contains(numbers, o.Citizen) }), next...)
			if o.Created.After(end) {
				end = o.Created
			}
		}
		for _, numbers := range [][]cpr.Number{everybody, everybody[:1], everybody[1:2], everybody[2:], everybody[:2], {everybody[1], everybody[0]}} {
			c.requireOptOuts(t, numbers, rowsOf(all, numbers)...)
		}
	})
}

// rowsOf are the rows under some numbers, in the order of History.
func rowsOf(all fgvhr.History, numbers []cpr.Number) fgvhr.History {
	of := slices.DeleteFunc(slices.Clone(all), func(o fgvhr.OptOut) bool { return !slices.Contains(numbers, o.Citizen) })
	slices.SortFunc(of, func(a, b fgvhr.OptOut) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return of
}
