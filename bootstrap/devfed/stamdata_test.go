package devfed

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/files"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
)

// Persons of the set.
const (
	man, mother, boy, girl, grown = "1403800099", "2207820468", "0905124643", "2101194638", "3011064116"
	leapling, ward, dead          = "2902044063", "1702553083", "2508480706"
	guarded, replaced, emigrated  = "0310710721", "2804901808", "1112660712"
	abroad, secretary, annulled   = "1606752533", "1909851138", "0803611471"
	top, hospital, department     = "900001000016002", "900011000016001", "900021000016003"
	proxy                         = "0611809735"
	section, surgery              = "900031000016005", "900041000016007"
)

func number(t *testing.T, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

func day(t *testing.T, s string) calendar.Day {
	t.Helper()
	d, err := calendar.ParseDay(s)
	require.NoError(t, err)
	return d
}

// noon of a day, in Copenhagen.
func noon(t *testing.T, s string) time.Time {
	t.Helper()
	return day(t, s).Start().Add(12 * time.Hour)
}

// loaded is a store with the synthetic registers.
func loaded(t *testing.T) *memory.DB {
	t.Helper()
	ctx, at := context.Background(), noon(t, "2026-03-02")
	db, folder := memory.New(func() time.Time { return at }), files.Registers{Dir: "stamdata"}
	names, err := folder.Names(ctx)
	require.NoError(t, err)
	require.Len(t, names, 10)
	for _, name := range names {
		f, closer, err := folder.Open(ctx, name)
		require.NoError(t, err, name)
		report, err := db.Stamdata().Load(ctx, f, 0.1, at)
		require.NoError(t, err, name)
		require.NoError(t, closer.Close())
		assert.Empty(t, report.Warnings, name)
		assert.Positive(t, report.Added, name)
	}
	return db
}

func TestStamdata(t *testing.T) {
	db := loaded(t)
	ctx := context.Background()
	citizen := func(t *testing.T, digits string) stamdata.Citizen {
		t.Helper()
		c, err := db.Register().Citizen(ctx, number(t, digits))
		require.NoError(t, err)
		return c
	}
	between := func(t *testing.T, actor, subject string, at time.Time) (kinds []relation.Kind) {
		t.Helper()
		all, err := db.Register().Between(ctx, number(t, actor), number(t, subject), at)
		require.NoError(t, err)
		for _, r := range all {
			kinds = append(kinds, r.Kind)
		}
		return kinds
	}

	t.Run("PC-45 custody", func(t *testing.T) {
		custody := []relation.Kind{relation.Custody}
		assert.Equal(t, custody, between(t, mother, boy, noon(t, "2026-03-02")))
		assert.Equal(t, custody, between(t, mother, girl, noon(t, "2026-03-02")))
		birthday := day(t, "2024-11-30").Start()
		assert.Equal(t, custody, between(t, mother, grown, birthday.Add(-time.Millisecond)), "the day before the 18th birthday")
		assert.Empty(t, between(t, mother, grown, birthday), "the 18th birthday")
		assert.Empty(t, between(t, boy, mother, noon(t, "2026-03-02")), "the other way")
		assert.Empty(t, between(t, man, boy, noon(t, "2026-03-02")), "somebody else")
	})

	t.Run("PC-46 who is born on 29 February ages on 1 March", func(t *testing.T) {
		c := citizen(t, leapling)
		for on, want := range map[string]int{"2025-02-28": 20, "2025-03-01": 21, "2024-02-28": 19, "2024-02-29": 20} {
			age, err := c.Age(day(t, on))
			require.NoError(t, err)
			assert.Equal(t, want, age, on)
		}
	})

	t.Run("PC-47 guardianship", func(t *testing.T) {
		assert.Equal(t, []relation.Kind{relation.Guardian}, between(t, man, ward, noon(t, "2026-03-02")))
		assert.Empty(t, between(t, man, ward, day(t, "2040-01-01").Start()), "after its end")
		assert.Empty(t, between(t, ward, man, noon(t, "2026-03-02")), "the other way")
	})

	t.Run("a proxy for MinLog", func(t *testing.T) {
		assert.Equal(t, []relation.Kind{relation.Proxy}, between(t, proxy, man, noon(t, "2026-03-02")))
		assert.Empty(t, between(t, man, proxy, noon(t, "2026-03-02")), "the other way")
	})

	t.Run("PC-48 active", func(t *testing.T) {
		statuses := []string{"01", "03", "05", "07", "20"}
		for _, n := range []string{man, abroad} {
			assert.True(t, citizen(t, n).Active(statuses))
		}
		for _, n := range []string{emigrated, dead, replaced, annulled} {
			assert.False(t, citizen(t, n).Active(statuses))
		}
	})

	t.Run("PC-50 who is inside whom", func(t *testing.T) {
		units, err := db.OrgUnits().Units(ctx)
		require.NoError(t, err)
		tree, missing, err := org.NewTree(units)
		require.NoError(t, err)
		assert.Empty(t, missing)
		assert.Equal(t, org.Yes, tree.Within(section, hospital, true))
		assert.Equal(t, org.No, tree.Within(hospital, section, true))
		assert.Equal(t, org.No, tree.Within(section, hospital, false))
		assert.Equal(t, org.No, tree.Within(surgery, hospital, true))
		assert.Equal(t, []string{section, department, hospital, top}, tree.Lineage(section))
		at := noon(t, "2026-03-02")
		for code, want := range map[org.ID]string{
			{Code: "9901", Scheme: org.SHAK}: hospital, {Code: "9901011", Scheme: org.SHAK}: section, {Code: "900001", Scheme: org.Yder}: surgery,
			{Code: "9901019", Scheme: org.SHAK}: "",
		} {
			got, ok := tree.Resolve(code, at)
			assert.Equal(t, want, got)
			assert.Equal(t, want != "", ok)
		}
		tree, missing, err = org.NewTree([]org.Unit{{SOR: section, Parent: department}, {SOR: hospital}})
		require.NoError(t, err)
		assert.Equal(t, []string{section}, missing)
		assert.Equal(t, org.Maybe, tree.Within(section, hospital, true))
	})

	t.Run("the others", func(t *testing.T) {
		at := noon(t, "2026-03-02")
		assert.True(t, citizen(t, guarded).Protected(at))
		assert.False(t, citizen(t, man).Protected(at))
		assert.True(t, citizen(t, dead).Dead())
		numbers, _, err := db.Aliases().Of(ctx, number(t, replaced))
		require.NoError(t, err)
		assert.Equal(t, []cpr.Number{number(t, replaced), number(t, man)}, numbers)
		delegated, err := db.Delegations([]string{"Godkendt"}).Between(ctx, number(t, mother), number(t, secretary), "33257872", at)
		require.NoError(t, err)
		assert.Len(t, delegated, 1)
		insured, err := db.Register().Insured(ctx, number(t, boy))
		require.NoError(t, err)
		assert.Equal(t, "Lægerne Testby", insured.Practice.Name)
		_, err = db.Register().Citizen(ctx, number(t, "0909729999"))
		require.ErrorIs(t, err, stamdata.ErrUnknown)
	})
}

func TestStamdataHasThePersonsOfTheFederation(t *testing.T) {
	db, ctx, at := loaded(t), context.Background(), noon(t, "2026-03-02")
	for _, p := range people() {
		n := number(t, p.CPR)
		c, err := db.Register().Citizen(ctx, n)
		require.NoError(t, err)
		assert.Equal(t, p.GivenName+" "+p.Surname, c.Name.Given+" "+c.Name.Surname)
		var want, got [][2]string
		for _, a := range p.Authorisations {
			want = append(want, [2]string{a.Code, a.EducationCode})
		}
		all, err := db.Authorisations().ByPerson(ctx, n, at)
		require.NoError(t, err)
		for _, a := range all {
			got = append(got, [2]string{a.Number, a.Education})
		}
		assert.Equal(t, want, got)
		family, err := db.Register().Family(ctx, n, at)
		require.NoError(t, err)
		var children []string
		for _, child := range family.Children {
			children = append(children, child.CPR.Digits())
		}
		whose := map[string][]string{"2512489996": {"1101116171"}}[p.CPR]
		assert.Equal(t, whose, children, "custody")
	}
}
