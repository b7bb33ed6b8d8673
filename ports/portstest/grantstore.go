package portstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// OpenGrantStore opens a store of grants.
type OpenGrantStore = Open[ports.GrantStore]

// replaceBy is an edit that takes no notice of what is there.
func replaceBy(all ...trust.Grant) func([]trust.Grant) ([]trust.Grant, error) {
	return func([]trust.Grant) ([]trust.Grant, error) { return all, nil }
}

func grant(id, name, cvr string, valid validity.Period) trust.Grant {
	return trust.Grant{ID: id, Name: name, CVR: cvr, Valid: valid, Note: "nøte " + id, CreatedBy: "operator"}
}

// since is a period without end; hours counts from noon.
func since(hours int) validity.Period {
	return validity.Period{From: noon.Add(time.Duration(hours) * time.Hour)}
}

func requireGrants(ctx context.Context, t *testing.T, s ports.GrantStore, want ...trust.Grant) {
	t.Helper()
	got, err := s.Grants(ctx)
	require.NoError(t, err)
	if len(want)+len(got) > 0 {
		require.Equal(t, want, got)
	}
}

// GrantStore runs the contract of ports.GrantStore.
func GrantStore(t *testing.T, open OpenGrantStore) {
	const cvr, other = "33257872", "12345678"

	t.Run("an empty store has no grants", func(t *testing.T) {
		hs, _ := open.opened(t)
		requireGrants(bounded(t), t, hs.first().Store)
	})

	t.Run("Grants returns all in order, ended ones too, with every field", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		want := []trust.Grant{
			{ID: "x", Name: "a", CVR: "*"},
			grant("5", "consent.admin", other, since(3)),
			grant("9", "consent.admin", cvr, validity.Period{To: noon}),
			grant("2", "consent.admin", cvr, validity.Period{From: noon, To: noon.Add(time.Hour)}),
			grant("4", "consent.admin", cvr, validity.Period{From: noon, To: noon.Add(time.Hour)}),
			grant("1", "consent.admin", cvr, since(1)),
			grant("3", "hsuid", cvr, since(-1)),
		}
		shuffled := []trust.Grant{want[4], want[6], want[1], want[0], want[5], want[3], want[2]}
		require.NoError(t, hs.first().Store.Update(ctx, replaceBy(shuffled...)))
		requireGrants(ctx, t, hs.last().Store, want...)
	})

	t.Run("Update adds, changes and deletes", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		a, b, c := grant("1", "a", cvr, since(0)), grant("2", "b", cvr, since(0)), grant("3", "c", cvr, since(0))
		require.NoError(t, hs.first().Store.Update(ctx, replaceBy(a, b)))
		require.NoError(t, hs.last().Store.Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) {
			require.Equal(t, []trust.Grant{a, b}, all, "edit is given what Grants returns")
			all[1].Valid.To, all[1].Note, all[1].Name = noon.Add(time.Hour), "ended", "bb"
			return append(all[1:], c), nil
		}))
		b.Valid.To, b.Note, b.Name = noon.Add(time.Hour), "ended", "bb"
		requireGrants(ctx, t, hs.first().Store, b, c)
		require.NoError(t, hs.first().Store.Update(ctx, replaceBy()))
		requireGrants(ctx, t, hs.last().Store)
	})

	t.Run("times are cut to microseconds and are UTC", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		at := noon.Add(1999 * time.Nanosecond).In(time.FixedZone("CET", 3600))
		require.NoError(t, hs.first().Store.Update(ctx, replaceBy(grant("1", "a", cvr, validity.Period{From: at, To: at.Add(time.Hour)}))))
		requireGrants(ctx, t, hs.last().Store, grant("1", "a", cvr, validity.Period{From: noon.Add(tick), To: noon.Add(time.Hour + tick)}))
	})

	t.Run("an edit that fails changes nothing, whatever it did to what it was given", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		a := grant("1", "a", cvr, since(0))
		require.NoError(t, hs.first().Store.Update(ctx, replaceBy(a)))
		err := hs.first().Store.Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) {
			all[0].Note = "changed"
			return nil, errBoom
		})
		require.ErrorIs(t, err, errBoom)
		requireGrants(ctx, t, hs.last().Store, a)
	})

	t.Run("the caller owns what Grants returns, and what edit returned", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		a := grant("1", "a", cvr, since(0))
		mine := []trust.Grant{a}
		require.NoError(t, s.Update(ctx, replaceBy(mine...)))
		mine[0].Note = "changed"
		got, err := s.Grants(ctx)
		require.NoError(t, err)
		got[0].Note = "changed"
		requireGrants(ctx, t, s, a)
	})

	t.Run("two open grants of one right and organisation, or two of one id, are ErrGrantExists and change nothing", func(t *testing.T) {
		a, past := grant("1", "a", cvr, since(0)), grant("2", "a", cvr, validity.Period{From: noon.Add(-time.Hour), To: noon})
		for _, c := range []struct {
			name string
			all  []trust.Grant
			ok   bool
		}{
			{"open twice", []trust.Grant{a, past, grant("3", "a", cvr, since(5))}, false},
			{"an ended one opened again", []trust.Grant{a, grant("2", "a", cvr, since(-1))}, false},
			{"one id twice", []trust.Grant{a, past, grant("1", "b", cvr, since(0))}, false},
			{"one row twice", []trust.Grant{a, past, past}, false},
			{"another organisation", []trust.Grant{a, past, grant("3", "a", other, since(0)), grant("4", "a", "*", since(0))}, true},
			{"another right", []trust.Grant{a, past, grant("3", "b", cvr, since(0))}, true},
			{"ended more than once", []trust.Grant{past, grant("3", "a", cvr, past.Valid)}, true},
			{"the open one ended and another opened", []trust.Grant{past, grant("3", "a", cvr, since(1)), grant("1", "a", cvr, a.Valid.End(noon.Add(time.Hour)))}, true},
			{"the ids of two exchanged", []trust.Grant{grant("2", "a", cvr, a.Valid), grant("1", "a", cvr, past.Valid)}, true},
		} {
			t.Run(c.name, func(t *testing.T) {
				hs, _ := open.opened(t)
				ctx := bounded(t)
				require.NoError(t, hs.first().Store.Update(ctx, replaceBy(a, past)))
				err := hs.first().Store.Update(ctx, replaceBy(c.all...))
				if c.ok {
					require.NoError(t, err)
					got, err := hs.last().Store.Grants(ctx)
					require.NoError(t, err)
					assert.ElementsMatch(t, c.all, got)
					return
				}
				require.ErrorIs(t, err, trust.ErrGrantExists)
				require.True(t, fault.Is(err, fault.Conflict))
				requireGrants(ctx, t, hs.last().Store, past, a)
			})
		}
	})

	t.Run("Update joins the unit of work", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		a, b, c := grant("1", "a", cvr, since(0)), grant("2", "b", cvr, since(0)), grant("3", "c", cvr, since(0))
		require.NoError(t, s.Update(ctx, replaceBy(a)))
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			require.NoError(t, s.Update(ctx, replaceBy(a, b)))
			requireGrants(ctx, t, s, a, b)
		})
		requireGrants(ctx, t, hs.last().Store, a)
		committed(ctx, t, hs.first().Units, func(ctx context.Context) {
			require.NoError(t, s.Update(ctx, replaceBy(a, b)))
			require.ErrorIs(t, s.Update(ctx, replaceBy(b, b)), trust.ErrGrantExists)
			require.ErrorIs(t, s.Update(ctx, func([]trust.Grant) ([]trust.Grant, error) { return nil, errBoom }), errBoom)
			requireGrants(ctx, t, s, a, b)
			require.NoError(t, s.Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) {
				require.Equal(t, []trust.Grant{a, b}, all, "edit is given what the unit wrote")
				return append(all, c), nil
			}))
		})
		requireGrants(ctx, t, hs.last().Store, a, b, c)
	})

	t.Run("no Update of 20 at once is lost", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		errs := make(chan error)
		for i := range 20 {
			go func() {
				errs <- hs.nth(i).Store.Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) {
					return append(all, grant(fmt.Sprint(i), fmt.Sprintf("right %02d", i), cvr, since(0))), nil
				})
			}()
		}
		for range 20 {
			require.NoError(t, <-errs)
		}
		got, err := hs.last().Store.Grants(ctx)
		require.NoError(t, err)
		require.Len(t, got, 20)
		assert.True(t, slices.IsSortedFunc(got, func(a, b trust.Grant) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) }))
	})

	t.Run("no Update of 20 at once that change one grant is lost", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		require.NoError(t, hs.first().Store.Update(ctx, replaceBy(trust.Grant{ID: "1", Name: "a", CVR: cvr})))
		errs := make(chan error)
		for i := range 20 {
			go func() {
				errs <- hs.nth(i).Store.Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) {
					all[0].Note += "x"
					return all, nil
				})
			}()
		}
		for range 20 {
			require.NoError(t, <-errs)
		}
		requireGrants(ctx, t, hs.last().Store, trust.Grant{ID: "1", Name: "a", CVR: cvr, Note: strings.Repeat("x", 20)})
	})

	t.Run("of 20 at once that open the same grant one succeeds", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		errs := make(chan error)
		for i := range 20 {
			go func() {
				errs <- hs.nth(i).Store.Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) {
					return append(all, grant(fmt.Sprint(i), "a", cvr, since(0))), nil
				})
			}()
		}
		opened := 0
		for range 20 {
			if err := <-errs; err == nil {
				opened++
			} else {
				assert.ErrorIs(t, err, trust.ErrGrantExists)
			}
		}
		assert.Equal(t, 1, opened)
	})

	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		require.ErrorIs(t, hs.first().Store.Update(ended(), replaceBy(grant("1", "a", cvr, since(0)))), context.Canceled)
		requireGrants(bounded(t), t, hs.last().Store)
	})
}
