package portstest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/ecpr"
)

// atOnce runs n calls at once and counts the errors.
func atOnce(n int, call func(i int) error) map[error]int {
	errs := make(chan error)
	for i := range n {
		go func() { errs <- call(i) }()
	}
	counts := map[error]int{}
	for range n {
		err := <-errs
		for _, known := range []error{ecpr.ErrValueExists, ecpr.ErrElementClosed, ecpr.ErrMerged} {
			if errors.Is(err, known) {
				err = known
			}
		}
		counts[err]++
	}
	return counts
}

func personsAtOnce(t *testing.T, open OpenPersonStore) {
	t.Run("PC-6 200 creates at once are all kept", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		acts, ps := make([]ecpr.Act, 200), make([]ecpr.Person, 200)
		for i := range ps {
			acts[i] = r.act(i)
			ps[i] = r.person(acts[i], everything()[2:]...)
		}
		require.Equal(t, map[error]int{nil: 200}, atOnce(200, func(i int) error { return r.nth(i).Store.Persons().Create(ctx, ps[i], acts[i]) }))
		for _, p := range ps {
			p.Revision = 1
			r.requireFound(ctx, r.two(), ecpr.XECPROID, p.Number.Text(), p)
		}
		require.Len(t, r.changes(ctx, 0, 500), 200*(1+len(ps[0].Versions)))
	})

	t.Run("PC-23 of 20 registrations created at once with one passport one is", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		counts := atOnce(20, func(i int) error {
			act := r.act(i)
			return r.nth(i).Store.Persons().Create(ctx, r.person(act, passport("P1234567"), holding(ecpr.EHICOID, fmt.Sprint("E", i))), act)
		})
		require.Equal(t, map[error]int{nil: 1, ecpr.ErrValueExists: 19}, counts)
		_, err := r.two().Get(ctx, ecpr.Identifier{OID: ecpr.PassportOID, Value: "P1234567"})
		require.NoError(t, err)
	})

	t.Run("PC-23 of 20 updates at once that add one passport one does", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		var ps []ecpr.Person
		for i := range 20 {
			ps = append(ps, r.created(ctx, i, named("Jon", fmt.Sprint("Prøve", i))))
		}
		counts := atOnce(20, func(i int) error {
			return r.update(ctx, r.nth(i).Store.Persons(), 30, ps[i].ID, passport("P1234567"), phone("1"))
		})
		require.Equal(t, map[error]int{nil: 1, ecpr.ErrValueExists: 19}, counts)
		changed := 0
		for _, p := range ps {
			if r.byID(ctx, p.ID).Revision == 2 {
				changed++
			}
		}
		require.Equal(t, 1, changed)
	})

	t.Run("two that hold two identifiers crosswise do not block each other", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		for round := range 5 {
			a, b := passport(fmt.Sprint("P", round)), holding(ecpr.EHICOID, fmt.Sprint("E", round))
			counts := atOnce(8, func(i int) error {
				act := r.act(i)
				p := r.person(act, a, b)
				if i%2 == 1 {
					p.Versions[1], p.Versions[2] = p.Versions[2], p.Versions[1]
				}
				return r.nth(i).Store.Persons().Create(ctx, p, act)
			})
			require.Equal(t, map[error]int{nil: 1, ecpr.ErrValueExists: 7}, counts)
		}
	})

	t.Run("PC-15 of 20 updates at once of one version one succeeds, the others see it closed", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, named("Jon", "Prøve"))
		counts := atOnce(20, func(i int) error {
			return r.update(ctx, r.nth(i).Store.Persons(), i, p.ID, instead(p, named("Jon", "Prøve"), named("Jon", fmt.Sprint("Nr", i))))
		})
		require.Equal(t, map[error]int{nil: 1, ecpr.ErrElementClosed: 19}, counts)
		require.Len(t, r.byID(ctx, p.ID).Versions, len(p.Versions)+1)
	})

	t.Run("no addition of 20 at once is lost", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		p := r.created(ctx, 0, named("Jon", "Prøve"))
		counts := atOnce(20, func(i int) error { return r.update(ctx, r.nth(i).Store.Persons(), i, p.ID, phone(fmt.Sprint(i))) })
		require.Equal(t, map[error]int{nil: 20}, counts)
		got := r.byID(ctx, p.ID)
		require.Len(t, got.Versions, len(p.Versions)+20)
		require.EqualValues(t, 21, got.Revision)
	})

	t.Run("PC-34 a merge that races updates of the loser loses none of them", func(t *testing.T) {
		for round := range 4 {
			r, ctx := registryOf(t, open)
			a, b := r.created(ctx, 0, named("A", "A")), r.created(ctx, 0, named("B", "B"))
			added := make([]bool, 12)
			counts := atOnce(len(added), func(i int) error {
				s := r.nth(i + round).Store.Persons()
				if i == 6 {
					return r.merge(ctx, s, 1, a.ID, b.ID)
				}
				err := r.update(ctx, s, 1, b.ID, phone(fmt.Sprint(i)))
				added[i] = err == nil
				return err
			})
			require.Equal(t, len(added), counts[nil]+counts[ecpr.ErrMerged], "%v", counts)
			survivor, gone := r.byID(ctx, a.ID), r.byID(ctx, b.ID)
			require.Equal(t, a.ID, gone.MergedTo)
			for i, done := range added {
				number := ecpr.Contact{Value: fmt.Sprint(i)}
				require.Equal(t, done, holds(survivor, number), "element %d of the survivor", i)
				require.Equal(t, done, holds(gone, number), "element %d of the loser", i)
			}
		}
	})

	t.Run("PC-33 of two merges at once of two registrations into each other one succeeds", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		for range 5 {
			a, b := r.created(ctx, 0, named("A", "A")), r.created(ctx, 0, named("B", "B"))
			counts := atOnce(2, func(i int) error {
				if i == 0 {
					return r.merge(ctx, r.nth(i).Store.Persons(), 1, a.ID, b.ID)
				}
				return r.merge(ctx, r.nth(i).Store.Persons(), 1, b.ID, a.ID)
			})
			require.Equal(t, map[error]int{nil: 1, ecpr.ErrMerged: 1}, counts)
		}
	})

	t.Run("PC-34 updates of one registration by its number during merges reach the survivor or fail", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		var ps []ecpr.Person
		for i := range 6 {
			ps = append(ps, r.created(ctx, i, named("Jon", fmt.Sprint("Prøve", i))))
		}
		counts := atOnce(25, func(i int) error {
			if i < 5 { // each into the next
				return r.merge(ctx, r.nth(i).Store.Persons(), 10, ps[i+1].ID, ps[i].ID)
			}
			s := r.nth(i).Store.Persons()
			p, err := s.Get(ctx, ecpr.Identifier{OID: ecpr.XECPROID, Value: ps[i%6].Number.Text()})
			if err != nil {
				return err
			}
			return r.update(ctx, s, 11, p.ID, phone(fmt.Sprint(i)))
		})
		require.Equal(t, 25, counts[nil]+counts[ecpr.ErrMerged], "%v", counts)
		for i := range ps {
			p, err := r.two().Get(ctx, ecpr.Identifier{OID: ecpr.XECPROID, Value: ps[i].Number.Text()})
			require.NoError(t, err)
			require.Empty(t, p.MergedTo, "it leads to one that lives")
		}
	})

	t.Run("PC-43 a reader of Changes misses nothing of what is written meanwhile", func(t *testing.T) {
		r, ctx := registryOf(t, open)
		const writers, each = 8, 12
		done := make(chan error)
		for i := range writers {
			go func() {
				done <- func() error {
					h := r.nth(i)
					for n := range each {
						act := r.act(n)
						p := r.person(act, phone("1"), phone("2"))
						err := h.Units.Run(ctx, func(ctx context.Context) error {
							if err := h.Store.Persons().Create(ctx, p, act); err != nil {
								return err
							}
							return r.update(ctx, h.Store.Persons(), n, p.ID, phone("3"))
						}, func(context.Context) error {
							if n%4 == 3 {
								return errBoom // numbers may be lost with it
							}
							return nil
						})
						if err != nil && !errors.Is(err, errBoom) {
							return err
						}
					}
					return nil
				}()
			}()
		}
		var seen []ecpr.Change
		seq := int64(0)
		read := func() {
			got, err := r.two().Changes(ctx, seq, 50)
			require.NoError(t, err)
			for _, c := range got {
				require.Greater(t, c.Seq, seq)
				seq = c.Seq
			}
			seen = append(seen, got...)
		}
		for left := writers; left > 0; {
			select {
			case err := <-done:
				assert.NoError(t, err)
				left--
			default:
				read()
			}
		}
		for before := -1; before < len(seen); {
			before = len(seen)
			read()
		}
		all := r.changes(ctx, 0, 1000)
		require.Len(t, all, writers*each*3/4*(1+2+2+1))
		require.Equal(t, len(all), len(seen))
		for i := range all {
			require.Equal(t, all[i].Seq, seen[i].Seq)
		}
	})
}

// holds tells whether p has a version of an element.
func holds(p ecpr.Person, e ecpr.Element) bool {
	for _, v := range p.Versions {
		if v.Element == e {
			return true
		}
	}
	return false
}
