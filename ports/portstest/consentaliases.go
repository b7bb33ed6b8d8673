package portstest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/ports"
)

// consentAliases runs what the contracts say of citizens with several numbers.
func consentAliases(t *testing.T, open OpenConsentStores) {
	following, alone := consentsOf(open, true), consentsOf(open, false)
	first, second, third := person(t, replaced), person(t, man), person(t, mother)

	t.Run("a registration is the citizen's under every number that she has or had, and keeps the one that it was made under", func(t *testing.T) {
		c := following(t)
		c.replaced(0, [2]string{replaced, man}, [2]string{man, mother}, [2]string{girl, mother})
		c.kept(person(t, boy))
		a, b, d := c.kept(first), c.kept(second), c.kept(person(t, girl))
		for _, n := range []cpr.Number{first, second, third, person(t, girl)} {
			c.requireKept(n, a, b, d)
			c.requireVersions(n, a.ID, a)
		}
		c.put(third, revoked(a, 1), next(b, 1))
		for _, n := range []cpr.Number{first, second, third} {
			c.requireKept(n, revoked(a, 1), next(b, 1), d)
			c.requireVersions(n, a.ID, a, revoked(a, 1))
		}
		made := c.constraint(first) // by who now has another number
		c.put(third, made)
		c.requireKept(second, revoked(a, 1), next(b, 1), d, made)
	})

	t.Run("without aliases a registration is the citizen's under its number alone", func(t *testing.T) {
		c := alone(t)
		c.replaced(0, [2]string{replaced, man})
		a, b := c.kept(first), c.kept(second)
		c.requireKept(first, a)
		c.requireKept(second, b)
		c.requireVersions(second, a.ID)
		require.ErrorIs(t, c.one().Update(c.ctx, second, putting(next(a, 1))), ports.ErrConflict)
		require.ErrorIs(t, c.one().Update(c.ctx, second, putting(c.constraint(first))), ports.ErrConflict)
		c.requireKept(first, a)
	})

	t.Run("numbers that replaced each other are one citizen's", func(t *testing.T) {
		c := following(t)
		c.replaced(0, [2]string{replaced, man}, [2]string{man, mother}, [2]string{mother, replaced}, [2]string{boy, boy})
		a, b := c.kept(first), c.kept(third)
		c.requireKept(second, a, b)
		c.requireKept(person(t, boy), c.kept(person(t, boy)))
	})

	t.Run("what the register says now counts", func(t *testing.T) {
		c := following(t)
		a, b := c.kept(first), c.kept(second)
		c.requireKept(second, b)
		c.replaced(1, [2]string{replaced, man}, [2]string{girl, girl})
		c.requireKept(first, a, b)
		c.requireKept(second, a, b)
		c.replaced(2, [2]string{replaced, mother}, [2]string{girl, girl})
		c.requireKept(first, a)
		c.requireKept(second, b)
		c.requireKept(third, a)
		c.replaced(3, [2]string{girl, girl})
		c.requireKept(first, a)
		c.requireKept(third)
	})

	t.Run("CT-42 of 20 additions at once under the numbers of one citizen each sees those before it", func(t *testing.T) {
		c := following(t)
		numbers := []cpr.Number{first, second, third}
		c.replaced(0, [2]string{replaced, man}, [2]string{man, mother})
		c.requireInTurn(20, func(i int) cpr.Number { return numbers[i%3] })
		require.Len(t, c.all(c.two(), first), 20)
	})

	t.Run("overrides of a citizen's registrations are found under every number that she has or had", func(t *testing.T) {
		for _, aliases := range []bool{true, false} {
			c := consentsOf(open, aliases)(t)
			c.replaced(0, [2]string{replaced, man})
			old, recent := c.override(1, first), c.override(2, second)
			c.append(old)
			c.append(recent)
			want := [][]consent.Override{{recent, old}, {recent, old}}
			if !aliases {
				want = [][]consent.Override{{old}, {recent}}
			}
			for i, n := range []cpr.Number{first, second} {
				c.requireOverrides(n, want[i]...)
			}
			c.requireOverrides(third)
		}
	})
}

// consentModel does the same to a store and to a list, in whatever order, and compares what they say.
func consentModel(t *testing.T, open consentCases) {
	if testing.Short() {
		t.Skip("the cases above are its essence")
	}
	c := open(t)
	c.replaced(0, [2]string{replaced, man})
	citizens := [][]cpr.Number{{person(t, replaced), person(t, man)}, {person(t, mother)}}
	rapid.Check(t, func(t *rapid.T) {
		var versions [2][][]consent.Registration // of the registrations of each citizen
		for _, numbers := range citizens {       // none is left of the run before
			require.NoError(t, c.one().Update(c.ctx, numbers[0], func(all []consent.Registration) (consent.Change, error) {
				var put []consent.Registration
				for _, r := range all {
					if r.Active {
						put = append(put, revoked(r, 0))
					}
				}
				return consent.Change{Put: put}, nil
			}))
		}
		_, _, err := c.one().ExpireRevoked(c.ctx, later(9), 1000)
		require.NoError(t, err)
		for step := range rapid.IntRange(1, 6).Draw(t, "steps") {
			of := rapid.IntRange(0, 1).Draw(t, "citizen")
			under := rapid.SampledFrom(citizens[of]).Draw(t, "under")
			var put []consent.Registration
			for i, v := range versions[of] {
				latest := v[len(v)-1]
				switch what := rapid.SampledFrom([]string{"leave", "leave", "modify", "revoke"}).Draw(t, "what"); {
				case what == "leave" || !latest.Active:
				case what == "modify":
					put = append(put, next(latest, step))
					versions[of][i] = append(v, put[len(put)-1])
				default:
					put = append(put, revoked(latest, step))
					versions[of][i] = append(v, put[len(put)-1])
				}
			}
			for range rapid.IntRange(0, 2).Draw(t, "added") {
				r := c.constraint(rapid.SampledFrom(citizens[of]).Draw(t, "for"))
				put, versions[of] = append(put, r), append(versions[of], []consent.Registration{r})
			}
			store := c.nth(rapid.IntRange(0, 1).Draw(t, "handle"))
			require.NoError(t, store.Update(c.ctx, under, putting(put...)))
		}
		for i, numbers := range citizens {
			var want []consent.Registration
			for _, v := range versions[i] {
				want = append(want, v[len(v)-1])
				got, err := c.two().Versions(c.ctx, numbers[0], v[0].ID)
				require.NoError(t, err)
				require.Equal(t, v, got)
			}
			for _, n := range numbers {
				all, err := c.two().All(c.ctx, n)
				require.NoError(t, err)
				require.ElementsMatch(t, want, all)
				active, err := c.two().Active(c.ctx, n)
				require.NoError(t, err)
				require.ElementsMatch(t, slices.DeleteFunc(slices.Clone(want), func(r consent.Registration) bool { return !r.Active }), active)
			}
		}
	})
}
