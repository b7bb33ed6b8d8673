package org_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

const (
	region, hospital, department = "900001000016002", "900011000016001", "900021000016003"
	section, surgery, orphan     = "900031000016005", "900041000016007", "900051000016009"
	foreign                      = "700001000016002" // not in the tree
)

var now = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func units() []org.Unit {
	return []org.Unit{
		{SOR: section, Parent: department, SHAK: "9901011"},
		{SOR: department, Parent: hospital, SHAK: "990101"},
		{SOR: hospital, Parent: region, SHAK: "9901"},
		{SOR: region},
		{SOR: surgery, Yder: "900001"},
		{SOR: orphan, Parent: "900061000016001", SHAK: "12AB"},
	}
}

func newTree(t testing.TB, units []org.Unit) *org.Tree {
	t.Helper()
	tree, _, err := org.NewTree(units)
	require.NoError(t, err)
	return tree
}

// has is the answer of an area for a place.
func has(a org.Area, p org.Place) org.Answer {
	switch {
	case a.Has(p):
		return org.Yes
	case a.MayHave(p):
		return org.Maybe
	}
	return org.No
}

func TestWithin(t *testing.T) {
	tree, missing, err := org.NewTree(units())
	require.NoError(t, err)
	assert.Equal(t, []string{orphan}, missing)
	for _, c := range []struct {
		name string
		u, a string
		subs bool
		want org.Answer
	}{
		{"PC-50 a section of the hospital", section, hospital, true, org.Yes},
		{"PC-50 the hospital and its section", hospital, section, true, org.No},
		{"PC-50 a unit whose parent is missing", orphan, hospital, true, org.Maybe},
		{"itself", section, section, false, org.Yes},
		{"itself, with what is below it", section, section, true, org.Yes},
		{"itself, unknown to the tree", foreign, foreign, false, org.Yes},
		{"a section, without what is below", section, hospital, false, org.No},
		{"the top", section, region, true, org.Yes},
		{"another tree", surgery, region, true, org.No},
		{"one that is not known, in another", foreign, hospital, true, org.Maybe},
		{"one that is not known is not another", foreign, hospital, false, org.No},
		{"one whose parent is missing is not another", orphan, hospital, false, org.No},
		{"in one that is not known", section, foreign, true, org.No},
		{"not resolved", "", hospital, true, org.Maybe},
		{"not resolved, without what is below", "", hospital, false, org.Maybe},
		{"in one that is not resolved", section, "", true, org.Maybe},
		{"neither is resolved", "", "", true, org.Maybe},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, tree.Within(c.u, c.a, c.subs))
			areas := tree.Areas()
			area := areas.Of(c.a, c.subs)
			assert.Equal(t, c.want, has(area, areas.Place(c.u)))
		})
	}
}

func TestResolve(t *testing.T) {
	all := append(units(),
		org.Unit{SOR: "100001", SHAK: "7700"}, org.Unit{SOR: "100002", SHAK: "7700"}, // two have it
		org.Unit{SOR: "100003", SHAK: "7701", Valid: validity.Period{To: now}}, // had it
		org.Unit{SOR: "100004", SHAK: "7702", Valid: validity.Period{To: now}}, org.Unit{SOR: "100005", SHAK: "7702", Valid: validity.Period{From: now}},
		org.Unit{SOR: "100006", Yder: "000077"}, org.Unit{SOR: "100007", CVR: "33257872", PNR: "1234567890", EAN: "5790000000000"},
	)
	tree := newTree(t, all)
	for _, c := range []struct {
		name, code string
		scheme     org.Scheme
		want       string
	}{
		{"SOR", hospital, org.SOR, hospital},
		{"SOR that is not known", foreign, org.SOR, foreign},
		{"SOR that is none", "12345", org.SOR, ""},
		{"SOR with letters", "90001A", org.SOR, ""},
		{"SHAK of a hospital", "9901", org.SHAK, hospital},
		{"SHAK of a section", "9901011", org.SHAK, section},
		{"SHAK in lower case", "12ab", org.SHAK, orphan},
		{"PC-50 SHAK of no unit is not that of the department", "9901019", org.SHAK, ""},
		{"SHAK of two units", "7700", org.SHAK, ""},
		{"SHAK of a unit that is closed", "7701", org.SHAK, ""},
		{"SHAK of the one that is open", "7702", org.SHAK, "100005"},
		{"SHAK too short", "990", org.SHAK, ""},
		{"SHAK too long", "99010111", org.SHAK, ""},
		{"SHAK of other characters", "99 1", org.SHAK, ""},
		{"yder", "900001", org.Yder, surgery},
		{"yder without zeros", "77", org.Yder, "100006"},
		{"yder that is not known", "78", org.Yder, ""},
		{"yder too long", "0000077", org.Yder, ""},
		{"no yder", "", org.Yder, ""},
		{"a SHAK code as yder number", "9901", org.Yder, ""},
		{"CVR", "33257872", org.CVR, ""},
		{"P", "1234567890", org.PNR, ""},
		{"EAN", "5790000000000", org.EAN, ""},
		{"no scheme", hospital, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := tree.Resolve(org.ID{Code: c.code, Scheme: c.scheme}, now)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.want != "", ok)
		})
	}
	got, ok := tree.Resolve(org.ID{Code: "7702", Scheme: org.SHAK}, now.Add(-time.Second))
	assert.True(t, ok)
	assert.Equal(t, "100004", got, "before")
}

func TestLineage(t *testing.T) {
	tree := newTree(t, units())
	assert.Equal(t, []string{section, department, hospital, region}, tree.Lineage(section))
	assert.Equal(t, []string{region}, tree.Lineage(region))
	assert.Equal(t, []string{orphan}, tree.Lineage(orphan))
	assert.Equal(t, []string{foreign}, tree.Lineage(foreign))
	assert.Empty(t, tree.Lineage(""))
	u, ok := tree.Unit(department)
	assert.True(t, ok)
	assert.Equal(t, units()[1], u)
	_, ok = tree.Unit(foreign)
	assert.False(t, ok)
	assert.Equal(t, 6, tree.Len())
}

func TestEmptyTree(t *testing.T) {
	for name, tree := range map[string]*org.Tree{"zero": {}, "nil": nil} {
		t.Run(name, func(t *testing.T) { testEmptyTree(t, tree) })
	}
}

func testEmptyTree(t *testing.T, tree *org.Tree) {
	t.Helper()
	_, there := tree.Unit(section)
	assert.False(t, there)
	line := tree.Line(section)
	assert.Equal(t, org.Yes, line.Within(section, true))
	assert.Equal(t, org.Maybe, line.Within(hospital, true))
	assert.Zero(t, tree.Len())
	assert.Equal(t, org.Yes, tree.Within(section, section, true))
	assert.Equal(t, org.Maybe, tree.Within(section, hospital, true))
	assert.Equal(t, []string{section}, tree.Lineage(section))
	sor, ok := tree.Resolve(org.ID{Code: hospital, Scheme: org.SOR}, now)
	assert.True(t, ok)
	assert.Equal(t, hospital, sor)
	_, ok = tree.Resolve(org.ID{Code: "9901", Scheme: org.SHAK}, now)
	assert.False(t, ok)
}

// chain is n units, each below the one before.
func chain(n int) []org.Unit {
	all := make([]org.Unit, n)
	for i := range all {
		all[i].SOR = fmt.Sprint(100_000 + i)
		if i > 0 {
			all[i].Parent = all[i-1].SOR
		}
	}
	return all
}

func TestNoTree(t *testing.T) {
	ring := chain(5)
	ring[0].Parent = ring[4].SOR
	for name, c := range map[string]struct {
		units []org.Unit
		want  error
	}{
		"a unit within itself":           {[]org.Unit{{SOR: "100000", Parent: "100000"}}, org.ErrCycle},
		"a ring":                         {ring, org.ErrCycle},
		"a ring beside a tree":           {append(units(), ring...), org.ErrCycle},
		"a branch that hangs off a ring": {append(ring, org.Unit{SOR: "200000", Parent: "100000"}), org.ErrCycle},
		"24 units above one another":     {chain(24), nil},
		"25 units above one another":     {chain(25), org.ErrDepth},
		"a unit twice":                   {append(units(), org.Unit{SOR: section}), org.ErrDuplicate},
		"a unit without number":          {[]org.Unit{{}}, org.ErrNumber},
		"a number of 19 digits":          {[]org.Unit{{SOR: "1000000000000000000"}}, org.ErrNumber},
		"a number that is none":          {[]org.Unit{{SOR: "12345x"}}, org.ErrNumber},
	} {
		t.Run(name, func(t *testing.T) {
			tree, _, err := org.NewTree(c.units)
			require.ErrorIs(t, err, c.want)
			assert.Equal(t, c.want == nil, tree != nil)
		})
	}
}

func TestNumbers(t *testing.T) {
	all := []org.Unit{{SOR: "0"}, {SOR: "00"}, {SOR: "1"}, {SOR: "0123456"}, {SOR: "123456"}, {SOR: "999999999999999999"}, {SOR: "000000000000000000"}}
	tree := newTree(t, all)
	for _, want := range all {
		got, ok := tree.Unit(want.SOR)
		assert.True(t, ok)
		assert.Equal(t, want, got)
	}
	for _, other := range []string{"", "000", "01", "9999999999999999999", "12345x", "-1"} {
		_, ok := tree.Unit(other)
		assert.False(t, ok, other)
	}
}

// model answers as the definition reads, by walking up.
type model map[string]string // parents by unit

func (m model) within(u, a string, subs bool) org.Answer {
	if u == "" || a == "" {
		return org.Maybe
	}
	if u == a {
		return org.Yes
	}
	if !subs {
		return org.No
	}
	for {
		parent, known := m[u]
		switch {
		case !known:
			return org.Maybe
		case parent == a:
			if _, there := m[a]; there {
				return org.Yes
			}
			return org.Maybe // it is missing
		case parent == "":
			return org.No
		}
		u = parent
	}
}

func TestWithinAsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []org.Unit
		m, depth := model{}, map[string]int{}
		for i := range rapid.IntRange(0, 30).Draw(t, "units") {
			u := org.Unit{SOR: fmt.Sprint(100_000 + i)}
			switch parent := rapid.IntRange(-2, i-1).Draw(t, "parent"); {
			case parent == -2:
				u.Parent = fmt.Sprint(200_000 + i%3) // missing
			case parent >= 0 && depth[fmt.Sprint(100_000+parent)] < 20:
				u.Parent = fmt.Sprint(100_000 + parent)
				depth[u.SOR] = depth[u.Parent] + 1
			}
			m[u.SOR] = u.Parent
			all = append(all, u)
		}
		shuffled := rapid.Permutation(all).Draw(t, "order")
		tree, missing, err := org.NewTree(slices.Clone(shuffled))
		require.NoError(t, err)
		for _, sor := range missing {
			require.True(t, strings.HasPrefix(m[sor], "2"))
		}
		names := []string{"", "200000", "200001", "999999"}
		for _, u := range all {
			names = append(names, u.SOR)
		}
		areas := tree.Areas()
		made := map[[2]any]org.Area{}
		for _, a := range names {
			made[[2]any{a, false}], made[[2]any{a, true}] = areas.Of(a, false), areas.Of(a, true)
		}
		for _, u := range names {
			line, place := tree.Line(u), areas.Place(u)
			for _, a := range names {
				for _, subs := range []bool{false, true} {
					want := m.within(u, a, subs)
					if in, has := line.Within(a, subs), has(made[[2]any{a, subs}], place); in != want || has != want {
						t.Fatalf("Within(%q, %q, %v) = %v, its area %v, want %v", u, a, subs, in, has, want)
					}
				}
			}
			require.Equal(t, org.Yes, has(org.Everywhere(), place))
			if _, known := m[u]; known {
				line := tree.Lineage(u)
				require.Equal(t, u, line[0])
				for i := 1; i < len(line); i++ {
					require.Equal(t, m[line[i-1]], line[i])
				}
			}
		}
	})
}

// large is a tree of n units, ten below each.
func large(n int) []org.Unit {
	all := make([]org.Unit, n)
	for i := range all {
		all[i] = org.Unit{SOR: fmt.Sprint(100_000_000 + i), SHAK: fmt.Sprintf("%07d", i)}
		if i > 0 {
			all[i].Parent = all[(i-1)/10].SOR
		}
	}
	return all
}

func TestAnswersWithoutAllocation(t *testing.T) {
	all := large(100_000)
	tree := newTree(t, all)
	bottom, top := all[len(all)-1].SOR, all[0].SOR
	areas := tree.Areas()
	nation := areas.Of(top, true)
	code := org.ID{Code: all[77_777].SHAK, Scheme: org.SHAK}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if tree.Within(bottom, top, true) != org.Yes || tree.Within(top, bottom, true) != org.No || !nation.Has(areas.Place(bottom)) {
			t.Fatal("wrong")
		}
		if _, ok := tree.Resolve(code, now); !ok {
			t.Fatal("not resolved")
		}
	}))
}

func BenchmarkNewTree(b *testing.B) {
	all := large(150_000)
	b.ReportAllocs()
	for b.Loop() {
		newTree(b, all)
	}
}

func BenchmarkWithin(b *testing.B) {
	all := large(150_000)
	tree := newTree(b, all)
	areas, line := tree.Areas(), tree.Line(all[len(all)-1].SOR)
	area := areas.Of(all[1].SOR, true)
	place := areas.Place(all[len(all)-1].SOR)
	b.Run("units", func(b *testing.B) {
		for b.Loop() {
			tree.Within(all[len(all)-1].SOR, all[1].SOR, true)
		}
	})
	b.Run("line", func(b *testing.B) {
		for b.Loop() {
			line.Within(all[1].SOR, true)
		}
	})
	b.Run("places", func(b *testing.B) {
		for b.Loop() {
			area.Has(place)
		}
	})
}
