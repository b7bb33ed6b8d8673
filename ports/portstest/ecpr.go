package portstest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/ports"
)

// OpenNumberLedger opens a ledger of replacement numbers.
type OpenNumberLedger = Open[ports.NumberLedger]

// seriesOf is the series of who is born on a day.
func seriesOf(t *testing.T, born ecpr.BirthDate, g ecpr.Gender) ecpr.Series {
	t.Helper()
	s, err := ecpr.NewSeries(born, g, calendar.DayOf(noon))
	require.NoError(t, err)
	return s
}

// claim spends a number and tells whether it was free.
func claim(ctx context.Context, t *testing.T, l ports.NumberLedger, n ecpr.Number) bool {
	t.Helper()
	free, err := l.Claim(ctx, n, noon)
	require.NoError(t, err)
	return free
}

func requireTaken(ctx context.Context, t *testing.T, l ports.NumberLedger, s ecpr.Series, want ...ecpr.Number) {
	t.Helper()
	got, err := l.Taken(ctx, s)
	require.NoError(t, err)
	require.ElementsMatch(t, want, got)
}

// NumberLedger runs the contract of ports.NumberLedger.
func NumberLedger(t *testing.T, open OpenNumberLedger) {
	men, women := seriesOf(t, "2004-03-09", ecpr.Male), seriesOf(t, "2004-03-09", ecpr.Female)
	all := seriesOf(t, "2004-03-09", ecpr.UnknownGender)

	t.Run("EC-08 a number is spent once, whoever asks", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		require.True(t, claim(ctx, t, hs.first().Store, men.At(7)))
		for _, h := range hs {
			require.False(t, claim(ctx, t, h.Store, men.At(7)))
			require.False(t, claim(ctx, t, h.Store, men.At(7)))
		}
		require.True(t, claim(ctx, t, hs.last().Store, men.At(8)), "another number")
	})

	t.Run("Taken returns the spent numbers of a series and no others", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		requireTaken(ctx, t, hs.first().Store, all)
		mine := []ecpr.Number{men.At(0), men.At(12), men.At(men.Space() - 1)}
		theirs := []ecpr.Number{women.At(0), women.At(women.Space() - 1)}
		var others []ecpr.Number
		for _, born := range []ecpr.BirthDate{"2004-03-08", "2004-03-10", "2004-04-09", "2005-03-09", "1904-03-09"} {
			s := seriesOf(t, born, ecpr.UnknownGender)
			others = append(others, s.At(0), s.At(s.Space()-1))
		}
		for _, n := range slices.Concat(mine, theirs, others) {
			require.True(t, claim(ctx, t, hs.first().Store, n))
		}
		requireTaken(ctx, t, hs.last().Store, men, mine...)
		requireTaken(ctx, t, hs.last().Store, women, theirs...)
		requireTaken(ctx, t, hs.last().Store, all, slices.Concat(mine, theirs)...)
	})

	t.Run("PC-7 the last number of a series can be had, and then none", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		const last = 1234
		for i := range men.Space() {
			if i != last {
				require.True(t, claim(ctx, t, hs.nth(i).Store, men.At(i)))
			}
		}
		taken, err := hs.first().Store.Taken(ctx, men)
		require.NoError(t, err)
		require.Len(t, taken, 3379)
		require.NotContains(t, taken, men.At(last))
		require.True(t, claim(ctx, t, hs.last().Store, men.At(last)))
		for i := range men.Space() / 100 {
			require.False(t, claim(ctx, t, hs.first().Store, men.At(100*i)))
		}
	})

	t.Run("PC-6 of 64 at once that claim the same few numbers one gets each", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		const numbers, callers = 10, 64
		got := make(chan ecpr.Number)
		for i := range callers {
			go func() {
				defer func() { got <- ecpr.Number{} }()
				for k := range numbers {
					n := men.At((i + k) % numbers)
					free, err := hs.nth(i).Store.Claim(ctx, n, noon)
					if !assert.NoError(t, err) {
						return
					}
					if free {
						got <- n
					}
				}
			}()
		}
		times := map[ecpr.Number]int{}
		for left := callers; left > 0; {
			if n := <-got; n.IsZero() {
				left--
			} else {
				times[n]++
			}
		}
		for k := range numbers {
			assert.Equal(t, 1, times[men.At(k)], "number %d", k)
		}
		requireTaken(ctx, t, hs.last().Store, all, men.At(0), men.At(1), men.At(2), men.At(3), men.At(4), men.At(5), men.At(6), men.At(7), men.At(8),
			men.At(9))
	})

	t.Run("PC-8 a number stays spent although the unit of work fails", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			require.True(t, claim(ctx, t, hs.first().Store, men.At(1)))
			require.False(t, claim(ctx, t, hs.last().Store, men.At(1)))
		})
		require.False(t, claim(ctx, t, hs.last().Store, men.At(1)))
		requireTaken(ctx, t, hs.last().Store, men, men.At(1))
	})

	t.Run("a context that has ended spends nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		_, err := hs.first().Store.Claim(ended(), men.At(1), noon)
		require.ErrorIs(t, err, context.Canceled)
		requireTaken(bounded(t), t, hs.last().Store, men)
	})
}

// OpenOIDTable opens a table of identifier systems.
type OpenOIDTable = Open[ports.OIDTable]

// OIDTable runs the contract of ports.OIDTable.
func OIDTable(t *testing.T, open OpenOIDTable) {
	row := func(n int, oid, label string) ecpr.OID {
		return ecpr.OID{UUID: uuid(n), OID: oid, Label: label, Secondary: "æ " + label, Pattern: `^\d+$`, Type: "Type"}
	}
	requireOIDs := func(ctx context.Context, t *testing.T, s ports.OIDTable, want ...ecpr.OID) {
		t.Helper()
		got, err := s.OIDs(ctx)
		require.NoError(t, err)
		if len(want)+len(got) > 0 {
			require.Equal(t, want, got)
		}
	}

	t.Run("an empty table has no rows", func(t *testing.T) {
		hs, _ := open.opened(t)
		requireOIDs(bounded(t), t, hs.first().Store)
	})

	t.Run("OIDs returns all ordered by OID, with every field", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		n := 0
		want := ecpr.DefaultOIDs(func() string { n++; return uuid(n) })
		for _, o := range want {
			require.NoError(t, hs.first().Store.PutOID(ctx, o))
		}
		slices.SortFunc(want, func(a, b ecpr.OID) int { return slices.Compare([]byte(a.OID), []byte(b.OID)) })
		requireOIDs(ctx, t, hs.last().Store, want...)
	})

	t.Run("PutOID replaces a row, which keeps its UUID", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		a, b := row(1, "1.2", "a"), row(2, "1.3", "b")
		require.NoError(t, hs.first().Store.PutOID(ctx, a))
		require.NoError(t, hs.first().Store.PutOID(ctx, b))
		require.NoError(t, hs.last().Store.PutOID(ctx, ecpr.OID{UUID: uuid(9), OID: "1.2", Label: "new", Type: "t"}))
		requireOIDs(ctx, t, hs.first().Store, ecpr.OID{UUID: uuid(1), OID: "1.2", Label: "new", Type: "t"}, b)
	})

	t.Run("PutOID joins the unit of work", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		a, b := row(1, "1.2", "a"), row(2, "1.3", "b")
		require.NoError(t, s.PutOID(ctx, a))
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			require.NoError(t, s.PutOID(ctx, row(3, "1.2", "changed")))
			require.NoError(t, s.PutOID(ctx, b))
			requireOIDs(ctx, t, s, row(1, "1.2", "changed"), b)
		})
		requireOIDs(ctx, t, hs.last().Store, a)
		committed(ctx, t, hs.first().Units, func(ctx context.Context) { require.NoError(t, s.PutOID(ctx, b)) })
		requireOIDs(ctx, t, hs.last().Store, a, b)
	})

	t.Run("it is safe for concurrent use", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		errs := make(chan error)
		for i := range 20 {
			go func() { errs <- hs.nth(i).Store.PutOID(ctx, row(i, fmt.Sprintf("1.2.%d", i%2), "label")) }()
		}
		for range 20 {
			require.NoError(t, <-errs)
		}
		got, err := hs.last().Store.OIDs(ctx)
		require.NoError(t, err)
		require.Len(t, got, 2)
	})

	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		require.ErrorIs(t, hs.first().Store.PutOID(ended(), row(1, "1.2", "a")), context.Canceled)
		requireOIDs(bounded(t), t, hs.last().Store)
	})
}

// OpenECPRRoles opens a store of who has which role.
type OpenECPRRoles = Open[ports.ECPRRoles]

// ECPRRoles runs the contract of ports.ECPRRoles.
func ECPRRoles(t *testing.T, open OpenECPRRoles) {
	number := func(s string) cpr.Number {
		n, err := cpr.Parse(s)
		require.NoError(t, err)
		return n
	}
	const cvr, other = "33257872", "12345678"
	karl, anna := number("1403800099"), number("2207820468")
	a := ecpr.Assignment{CVR: cvr, Person: karl, Role: ecpr.Coordinator}
	requireRoles := func(ctx context.Context, t *testing.T, s ports.ECPRRoles, want ...ecpr.Assignment) {
		t.Helper()
		got, err := s.Roles(ctx)
		require.NoError(t, err)
		if len(want)+len(got) > 0 {
			require.Equal(t, want, got)
		}
	}
	assign := func(ctx context.Context, t *testing.T, s ports.ECPRRoles, a ecpr.Assignment, want bool) {
		t.Helper()
		added, err := s.Assign(ctx, a)
		require.NoError(t, err)
		require.Equal(t, want, added)
	}
	end := func(ctx context.Context, t *testing.T, s ports.ECPRRoles, a ecpr.Assignment, want bool) {
		t.Helper()
		ended, err := s.End(ctx, a)
		require.NoError(t, err)
		require.Equal(t, want, ended)
	}
	requireHas := func(ctx context.Context, t *testing.T, s ports.ECPRRoles, a ecpr.Assignment, want bool) {
		t.Helper()
		has, err := s.Has(ctx, a.CVR, a.Person, a.Role)
		require.NoError(t, err)
		require.Equal(t, want, has)
	}

	t.Run("who was assigned a role has that role, in that organisation alone, until it is ended", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		requireHas(ctx, t, hs.first().Store, a, false)
		assign(ctx, t, hs.first().Store, a, true)
		requireHas(ctx, t, hs.last().Store, a, true)
		for _, near := range []ecpr.Assignment{{CVR: other, Person: karl, Role: a.Role}, {CVR: cvr, Person: anna, Role: a.Role},
			{CVR: cvr, Person: karl, Role: ecpr.WebAdministrator}, {Person: karl, Role: a.Role}, {CVR: cvr, Role: a.Role}} {
			requireHas(ctx, t, hs.last().Store, near, false)
			end(ctx, t, hs.last().Store, near, false)
		}
		end(ctx, t, hs.last().Store, a, true)
		requireHas(ctx, t, hs.first().Store, a, false)
		end(ctx, t, hs.first().Store, a, false)
	})

	t.Run("Roles returns all in order, each once", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		requireRoles(ctx, t, hs.first().Store)
		want := []ecpr.Assignment{{CVR: other, Person: anna, Role: ecpr.WebAdministrator}, {CVR: other, Person: anna, Role: ecpr.Coordinator},
			{CVR: cvr, Person: karl, Role: ecpr.WebAdministrator}, a, {CVR: cvr, Person: anna, Role: ecpr.Coordinator}}
		for _, i := range []int{3, 0, 4, 2, 1} {
			assign(ctx, t, hs.first().Store, want[i], true)
			assign(ctx, t, hs.last().Store, want[i], false)
		}
		requireRoles(ctx, t, hs.last().Store, want...)
	})

	t.Run("Assign and End join the unit of work", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		b := ecpr.Assignment{CVR: other, Person: anna, Role: ecpr.WebAdministrator}
		assign(ctx, t, s, a, true)
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			assign(ctx, t, s, b, true)
			end(ctx, t, s, a, true)
			requireHas(ctx, t, s, b, true)
			requireRoles(ctx, t, s, b)
		})
		requireRoles(ctx, t, hs.last().Store, a)
		committed(ctx, t, hs.first().Units, func(ctx context.Context) {
			assign(ctx, t, s, b, true)
			end(ctx, t, s, a, true)
		})
		requireRoles(ctx, t, hs.last().Store, b)
	})

	t.Run("of 20 at once that assign one role one adds it, and of 20 that end it one does", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		for name, change := range map[string]func(ports.ECPRRoles) (bool, error){
			"assign": func(s ports.ECPRRoles) (bool, error) { return s.Assign(ctx, a) },
			"end":    func(s ports.ECPRRoles) (bool, error) { return s.End(ctx, a) },
		} {
			if name == "end" {
				_, err := hs.first().Store.Assign(ctx, a)
				require.NoError(t, err)
			} else {
				_, err := hs.first().Store.End(ctx, a)
				require.NoError(t, err)
			}
			changed := make(chan bool)
			for i := range 20 {
				go func() {
					did, err := change(hs.nth(i).Store)
					assert.NoError(t, err)
					changed <- did
				}()
			}
			n := 0
			for range 20 {
				if <-changed {
					n++
				}
			}
			assert.Equal(t, 1, n, name)
		}
	})

	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		_, err := hs.first().Store.Assign(ended(), a)
		require.ErrorIs(t, err, context.Canceled)
		requireRoles(bounded(t), t, hs.last().Store)
	})
}

// uuid is the n-th id of a case.
func uuid(n int) string { return fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012x", n) }

// later is n hours after noon.
func later(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
