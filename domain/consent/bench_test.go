package consent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/org"
)

// nation is a tree of n units, ten below each.
func nation(t testing.TB, n int) *org.Tree {
	t.Helper()
	all := make([]org.Unit, n)
	for i := range all {
		all[i].SOR = nationSOR(i)
		if i > 0 {
			all[i].Parent = nationSOR((i - 1) / 10)
		}
	}
	tree, _, err := org.NewTree(all)
	require.NoError(t, err)
	return tree
}

func nationSOR(i int) string { return fmt.Sprintf("9%014d", i) }

// busy is n registrations in force on somebody of nationSOR(units-1), all but a tenth of them constraints: by turns on data of a year and of a
// unit.
func busy(n, units int) []consent.Registration {
	regs := make([]consent.Registration, n)
	for i := range regs {
		year := days(day(1975+i%50, 1, 1), day(1976+i%50, 1, 1))
		r := constraint(at(nationSOR(0), true), consent.What{Data: year, Origin: consent.Organisation{SOR: nationSOR(0), SubUnits: true}})
		if i%2 == 0 {
			r = constraint(everyone, from(nationSOR(units-1-i), true))
		}
		if i%10 == 9 {
			r.Kind, r.Valid.To = consent.Positive, now.AddDate(1, 0, 0)
		}
		regs[i] = r
	}
	return regs
}

// unblocked is n items of many units and days that no registration of busy covers: each must be looked at for all.
func unblocked(n, units int) []consent.Item {
	items := make([]consent.Item, n)
	for i := range items {
		begins := day(2026, 1, 1).Add(time.Duration(i) * time.Minute)
		items[i] = consent.Item{Data: days(begins, begins.Add(time.Hour)), Origin: nationSOR(i * 7919 % (units / 2))}
	}
	return items
}

func TestCheckDoesNotAllocate(t *testing.T) {
	tree, regs := nation(t, 1000), busy(100, 1000)
	q := consent.Requester{Acting: doctor, Responsible: helper, Org: nationSOR(999)}
	require.Equal(t, consent.DataSpecific, consent.Check(regs, tree, q, now))
	assert.Zero(t, testing.AllocsPerRun(10, func() { consent.Check(regs, tree, q, now) }))
}

func TestItemsDoNotAllocate(t *testing.T) {
	tree, regs, items := nation(t, 1000), busy(100, 1000), unblocked(10_000, 1000)
	q := consent.Requester{Acting: doctor, Org: nationSOR(999)}
	dst := make([]bool, len(items))
	of := func(n int) float64 {
		return testing.AllocsPerRun(3, func() { consent.CheckItems(dst, regs, tree, q, now, items[:n]) })
	}
	assert.Equal(t, of(10), of(10_000), "allocations for 10 items and for 10,000")
	assert.LessOrEqual(t, of(10), 2.0)
	assert.NotContains(t, dst, false, "all were looked at")
}

func BenchmarkCheck100(b *testing.B) {
	const units = 60_000
	tree, regs := nation(b, units), busy(100, units)
	q := consent.Requester{Acting: doctor, Responsible: helper, Org: nationSOR(units - 1)}
	b.ReportAllocs()
	for b.Loop() {
		consent.Check(regs, tree, q, now)
	}
}

func BenchmarkCheckItems10000x100(b *testing.B) {
	const units = 60_000
	tree, regs, items := nation(b, units), busy(100, units), unblocked(10_000, units)
	q := consent.Requester{Acting: doctor, Org: nationSOR(units - 1)}
	dst := make([]bool, len(items))
	b.ReportAllocs()
	for b.Loop() {
		dst = consent.CheckItems(dst, regs, tree, q, now, items)
	}
}
