package portstest

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

func willsAtOnce(t *testing.T, open OpenWillStores) {
	both := persons(t, man, replaced)

	// change runs a rule of the domain at noon on the i-th handle, as a person under the i-th number.
	change := func(c *willCase, i int, rule func(will.History, will.Registration) (will.Change, error)) error {
		numbers := slices.Clone(both)
		if i%2 == 1 {
			slices.Reverse(numbers)
		}
		r := c.made(numbers[0], []will.Register{will.LTR, will.BTR}[i/2%2], 0)
		return c.nth(i).Update(c.ctx, numbers, func(h will.History) (will.Change, []notice.Notice, error) {
			done, err := rule(h, r)
			return done, []notice.Notice{c.notice()}, err
		})
	}

	t.Run("WA-11 of 50 Creates at once, in both registers and under two numbers of one person, one succeeds", func(t *testing.T) {
		c := willCaseOf(t, open)
		errs := make(chan error)
		for i := range 50 {
			go func() {
				errs <- change(c, i, func(h will.History, r will.Registration) (will.Change, error) { return h.Create(r, noon) })
			}()
		}
		done := 0
		for range 50 {
			if err := <-errs; err == nil {
				done++
			} else {
				assert.ErrorIs(t, err, will.ErrExists)
			}
		}
		require.Equal(t, 1, done)
		require.Len(t, c.history(both), 1)
		require.Equal(t, 1, c.waiting())
	})

	t.Run("WA-12 of Updates, Deletes and Creates at once none overlaps another, at most one will is open, and none is lost", func(t *testing.T) {
		c := willCaseOf(t, open)
		errs := make(chan error)
		for i := range 40 {
			go func() {
				err := change(c, i, func(h will.History, r will.Registration) (will.Change, error) {
					valid, ok := h.Valid()
					switch {
					case !ok:
						return h.Create(r, noon)
					case i%4 == 3:
						return h.Delete(valid.Register, noon)
					}
					r.Register = valid.Register
					return h.Update(r, noon)
				})
				errs <- err
			}()
		}
		for range 40 {
			require.NoError(t, <-errs)
		}
		h := c.history(both)
		require.LessOrEqual(t, requireChained(t, h), 1)
		require.Equal(t, 40, c.waiting())
		deleted := 0
		for i, r := range h {
			if !r.To.IsZero() && (i == len(h)-1 || !h[i+1].From.Equal(r.To)) {
				deleted++
			}
		}
		require.GreaterOrEqual(t, len(h), 30, "each that was no Delete made one")
		require.LessOrEqual(t, deleted, 10)
	})

	t.Run("who looks while a will is updated always finds one and never two", func(t *testing.T) {
		c := willCaseOf(t, open)
		require.NoError(t, change(c, 2, func(h will.History, r will.Registration) (will.Change, error) { return h.Create(r, noon) })) // BTR
		stop, looks := make(chan struct{}), make(chan struct{}, 1)
		var readers sync.WaitGroup
		for i := range 2 {
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						c.look(c.nth(i+1), both)
					}
					select {
					case looks <- struct{}{}:
					default:
					}
				}
			})
		}
		for i := range 25 {
			select {
			case <-looks: // somebody looked since the last one
			case <-c.ctx.Done():
				t.Error("nobody looks")
			}
			err := change(c, i, func(h will.History, r will.Registration) (will.Change, error) {
				r.Register = will.BTR
				return h.Update(r, noon)
			})
			if !assert.NoError(t, err) {
				break
			}
		}
		close(stop)
		readers.Wait()
		require.Equal(t, 1, requireChained(t, c.history(both)))
	})

	t.Run("one new ID given at once to many citizens, in both registers, is one's", func(t *testing.T) {
		c := willCaseOf(t, open)
		id, errs := uuid(99), make(chan error)
		for i, n := range persons(t, mother, man, boy, girl) {
			r := c.made(n, []will.Register{will.LTR, will.BTR}[i%2], 0)
			r.ID = id
			go func() { errs <- c.nth(i).Update(c.ctx, []cpr.Number{n}, willEdit(openedBy(r))) }()
		}
		done := 0
		for range 4 {
			if err := <-errs; err == nil {
				done++
			} else {
				assert.ErrorIs(t, err, ports.ErrWillConflict)
			}
		}
		require.Equal(t, 1, done)
	})
}

// look requires that a person has one valid treatment will, in every way to ask.
func (c *willCase) look(s ports.WillStore, person []cpr.Number) {
	r, ok, err := s.Current(c.ctx, person)
	if assert.NoError(c.t, err) && assert.True(c.t, ok, "Current finds none") {
		assert.True(c.t, r.To.IsZero(), "Current finds one that was closed")
	}
	exists, err := s.Exists(c.ctx, person, will.BTR)
	assert.True(c.t, err == nil && exists, "Exists finds none")
	h, err := s.History(c.ctx, person)
	open := len(slices.DeleteFunc(h, func(r will.Registration) bool { return !r.To.IsZero() }))
	assert.True(c.t, err == nil && open == 1, "History has %d open ones", open)
}

// willModel does the same to a store and to a list, in whatever order, and compares what they say.
func willModel(t *testing.T, open OpenWillStores) {
	if testing.Short() {
		t.Skip("the cases above are its essence")
	}
	c := willCaseOf(t, open)
	everybody := persons(t, man, replaced, mother)
	end := noon
	rapid.Check(t, func(t *rapid.T) {
		all, err := c.one().History(c.ctx, everybody) // what the runs before have left
		require.NoError(t, err)
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			numbers := rapid.Permutation(everybody).Draw(t, "numbers")[:rapid.IntRange(1, 3).Draw(t, "of them")]
			at := end.Add(time.Duration(rapid.IntRange(-1, 2).Draw(t, "microseconds")) * time.Microsecond)
			change := will.Change{At: at}
			if rapid.IntRange(0, 3).Draw(t, "opens") > 0 {
				r := c.made(rapid.SampledFrom(everybody).Draw(t, "under"), rapid.SampledFrom([]will.Register{will.LTR, will.BTR}).Draw(t, "in"), 0)
				r.From = at.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 0, 0, 1}).Draw(t, "late")) * time.Microsecond)
				if len(all) > 0 && rapid.IntRange(0, 9).Draw(t, "known") == 0 {
					r.ID = rapid.SampledFrom(all).Draw(t, "as").ID
				}
				change.New = &r
			}
			next, want := appliedTo(all, numbers, change)
			store := c.nth(rapid.IntRange(0, 1).Draw(t, "handle"))
			err := store.Update(c.ctx, numbers, func(h will.History) (will.Change, []notice.Notice, error) {
				require.True(t, slices.Equal(ofNumbers(all, numbers), h), "edit is given something else")
				return change, nil, nil
			})
			if !want {
				require.ErrorIs(t, err, ports.ErrWillConflict)
				continue
			}
			require.NoError(t, err)
			if all = next; at.After(end) {
				end = at
			}
		}
		for _, numbers := range [][]cpr.Number{everybody, everybody[:1], everybody[1:2], everybody[2:], everybody[:2], {everybody[1], everybody[0]}} {
			c.requireWills(t, numbers, ofNumbers(all, numbers)...)
		}
	})
}

// ofNumbers are the registrations under some numbers, in the order of History.
func ofNumbers(all will.History, numbers []cpr.Number) will.History {
	of := slices.DeleteFunc(slices.Clone(all), func(r will.Registration) bool { return !slices.Contains(numbers, r.Citizen) })
	slices.SortFunc(of, func(a, b will.Registration) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID)) })
	return of
}

// appliedTo is what a change makes of all registrations there are, and whether it is one of those numbers.
func appliedTo(all will.History, numbers []cpr.Number, c will.Change) (will.History, bool) {
	if c.New != nil {
		known := slices.ContainsFunc(all, func(r will.Registration) bool { return r.ID == c.New.ID })
		if known || !slices.Contains(numbers, c.New.Citizen) {
			return nil, false
		}
	}
	next, err := ofNumbers(all, numbers).Apply(c)
	if errors.Is(err, will.ErrConflict) {
		return nil, false
	}
	others := slices.DeleteFunc(slices.Clone(all), func(r will.Registration) bool { return slices.Contains(numbers, r.Citizen) })
	return append(others, next...), true
}
