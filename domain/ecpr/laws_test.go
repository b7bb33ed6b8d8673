package ecpr_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
)

func mustCPR(t require.TestingT, s string) cpr.Number {
	n, err := cpr.Parse(s)
	require.NoError(t, err)
	return n
}

// TestLawsOfVersions shows for any registrations that are edited and merged in any order, with PIDs of their own, of others and of the past:
// nothing is taken away, of one kind one is in force, what is replaced ends where its successor begins, time goes forward, every edit is done
// as a whole or not at all, and a merge loses no element.
func TestLawsOfVersions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		newPID := counting("p")
		clock := start
		var people []ecpr.Person
		for i := range rapid.IntRange(2, 4).Draw(t, "people") {
			p, err := ecpr.NewPerson(ecpr.PersonID(fmt.Sprint(i)), number(t, fmt.Sprintf("0203267AA%d", i)), nil, table(),
				ecpr.Act{ID: "create", At: clock}, newPID)
			require.NoError(t, err)
			people = append(people, p)
		}
		for step := range rapid.IntRange(1, 25).Draw(t, "steps") {
			clock = clock.Add(time.Duration(rapid.Int64Range(-2e6, 5e6).Draw(t, "elapsed"))) // also backwards, and less than a millisecond
			act := ecpr.Act{ID: fmt.Sprint("act", step), At: clock}
			i := rapid.IntRange(0, len(people)-1).Draw(t, "person")
			before := people[i]
			snapshot := before.Kept()
			if rapid.IntRange(0, 5).Draw(t, "what") == 0 {
				j := rapid.IntRange(0, len(people)-1).Draw(t, "loser")
				loser := people[j]
				kept, gone, err := ecpr.Merge(before, loser, act, newPID)
				require.Equal(t, snapshot, before, "the arguments are not changed")
				if err != nil {
					require.True(t, i == j || before.MergedTo != "" || loser.MergedTo != "" || twoCPR(before, loser))
					continue
				}
				requireMerged(t, before, loser, kept, gone, act)
				people[i], people[j] = kept, gone
				continue
			}
			edits := drawEdits(t, people, before)
			next, changed, err := before.Apply(edits, table(), act, newPID)
			require.Equal(t, snapshot, before, "the person is not changed")
			if err != nil {
				continue
			}
			amendments, err := ecpr.Amend([]ecpr.Person{before}, []ecpr.Person{next}, act)
			require.NoError(t, err)
			requireGrown(t, before, amendments[0])
			requireDone(t, before, next, edits, changed)
			people[i] = next
		}
	})
}

func twoCPR(a, b ecpr.Person) bool {
	numbers := map[string]bool{}
	for _, e := range append(elementsOf(a, ecpr.IdentifierKind), elementsOf(b, ecpr.IdentifierKind)...) {
		if id, _ := e.(ecpr.Identifier); id.OID == ecpr.CPROID {
			numbers[id.Value] = true
		}
	}
	return len(numbers) > 1
}

func drawElement(t *rapid.T) ecpr.Element {
	digit := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "value")
	switch ecpr.Kind(rapid.IntRange(0, 5).Draw(t, "kind")) {
	case ecpr.IdentifierKind:
		oid := rapid.SampledFrom([]string{ecpr.PassportOID, ecpr.EHICOID, ecpr.CPROID, ""}).Draw(t, "oid")
		if oid == ecpr.CPROID {
			return ecpr.Identifier{OID: oid, Value: rapid.SampledFrom([]string{"1403800099", "2207820468"}).Draw(t, "cpr")}
		}
		return ecpr.Identifier{OID: oid, Value: digit}
	case ecpr.NameKind:
		return ecpr.Name{Text: digit, Given: digit}
	case ecpr.GenderKind:
		return rapid.SampledFrom([]ecpr.Gender{ecpr.Male, ecpr.Female, ecpr.Other, ecpr.UnknownGender}).Draw(t, "gender")
	case ecpr.BirthDateKind:
		return ecpr.BirthDate("197" + digit)
	case ecpr.ContactKind:
		return ecpr.Contact{Value: digit}
	default:
		return ecpr.Address{City: digit}
	}
}

// drawEdits are edits that often hold: of kinds, and PIDs of p in force, seldom of others.
func drawEdits(t *rapid.T, people []ecpr.Person, p ecpr.Person) (edits []ecpr.Edit) {
	for range rapid.IntRange(1, 4).Draw(t, "edits") {
		e := drawElement(t)
		edit := ecpr.Edit{Kind: e.Kind(), Element: e}
		from := p
		if rapid.IntRange(0, 9).Draw(t, "whose") == 0 {
			from = rapid.SampledFrom(people).Draw(t, "other")
		}
		if rapid.Bool().Draw(t, "by PID") {
			var known []ecpr.PID
			for _, v := range from.Versions {
				if v.Element.Kind() == e.Kind() && (v.Active() || len(known) == 0) {
					known = append(known, v.PID)
				}
			}
			if len(known) > 0 {
				edit.PID = rapid.SampledFrom(known).Draw(t, "pid")
				if rapid.IntRange(0, 3).Draw(t, "invalidate") == 0 {
					edit.Element = nil
				}
			}
		}
		edits = append(edits, edit)
	}
	return edits
}

// requireGrown: what was added and closed was so at one new instant, and the laws of kinds hold.
func requireGrown(t *rapid.T, before ecpr.Person, amendment ecpr.Amendment) {
	after := amendment.Person
	require.True(t, slices.IsSortedFunc(after.Versions, func(a, b ecpr.Version) int {
		return int(a.Element.Kind()) - int(b.Element.Kind())
	}))
	var at time.Time
	for _, v := range amendment.Closed {
		require.True(t, at.IsZero() || at.Equal(v.Valid.To))
		at = v.Valid.To
	}
	for _, v := range amendment.Opened {
		if v.TakenOver() {
			require.True(t, v.Valid.From.Before(v.Valid.To))
			continue
		}
		require.True(t, at.IsZero() || at.Equal(v.Valid.From), "all happens at one instant: what ends, ends where its successor begins")
		at = v.Valid.From
	}
	if !at.IsZero() {
		require.Equal(t, at, at.Truncate(time.Millisecond))
		for _, v := range before.Versions {
			require.True(t, v.Valid.From.Before(at) && v.Valid.To.Before(at), "time goes on")
		}
	}
	for k := range ecpr.AddressKind + 1 {
		requireKind(t, after, k)
	}
}

// requireKind: of a name, gender or birth date one is in force at any time, but for what was taken over as history; a gender always is. Equal
// elements are not in force twice.
func requireKind(t *rapid.T, p ecpr.Person, k ecpr.Kind) {
	var own []ecpr.Version
	seen := map[ecpr.Element]bool{}
	for _, v := range p.Versions {
		if v.Element.Kind() != k || v.TakenOver() {
			continue
		}
		own = append(own, v)
		require.False(t, v.Active() && seen[v.Element], "two equal elements in force")
		seen[v.Element] = seen[v.Element] || v.Active()
	}
	if k != ecpr.NameKind && k != ecpr.GenderKind && k != ecpr.BirthDateKind {
		return
	}
	for i, v := range own[min(1, len(own)):] {
		last := own[i].Valid
		require.False(t, last.Overlaps(v.Valid), "two at once")
		require.True(t, k != ecpr.GenderKind || last.To.Equal(v.Valid.From), "none in between")
	}
	require.True(t, k != ecpr.GenderKind || p.MergedTo != "" || len(elementsOf(p, k)) == 1)
}

// requireDone: after the edits everything is in force that they say, nothing that they end, and of the rest what was so before.
func requireDone(t *rapid.T, before, after ecpr.Person, edits []ecpr.Edit, changed []ecpr.Kind) {
	touched := map[ecpr.PID]bool{}
	for _, e := range edits {
		touched[e.PID] = true
		if e.Element == nil {
			continue
		}
		want := e.Of(before).Element
		require.Contains(t, elementsOf(after, e.Kind), want)
		if e.Kind == ecpr.NameKind || e.Kind == ecpr.GenderKind || e.Kind == ecpr.BirthDateKind {
			require.Len(t, elementsOf(after, e.Kind), 1)
			for _, v := range before.Versions {
				touched[v.PID] = touched[v.PID] || v.Element.Kind() == e.Kind
			}
		}
	}
	var kinds []ecpr.Kind
	for i, v := range after.Versions {
		known := slices.IndexFunc(before.Versions, func(b ecpr.Version) bool { return b.PID == v.PID })
		if known >= 0 && before.Versions[known] == v {
			require.True(t, !touched[v.PID] || !v.Active() || slices.ContainsFunc(edits, func(e ecpr.Edit) bool {
				return e.Element != nil && e.Of(before).Element == v.Element
			}), "what an edit ends is over, unless it says the same")
			continue
		}
		kinds = append(kinds, v.Element.Kind())
		if known >= 0 {
			require.True(t, touched[v.PID], "version %d ended though no edit was about it", i)
		} else {
			require.True(t, slices.ContainsFunc(edits, func(e ecpr.Edit) bool {
				return e.Element != nil && e.Of(before).Element == v.Element
			}), "nobody asked for it")
		}
	}
	slices.Sort(kinds)
	require.Equal(t, slices.Compact(kinds), changed)
}

func requireMerged(t *rapid.T, survivor, loser, kept, gone ecpr.Person, act ecpr.Act) {
	amendments, err := ecpr.Amend([]ecpr.Person{survivor, loser}, []ecpr.Person{kept, gone}, act)
	require.NoError(t, err)
	requireGrown(t, survivor, amendments[0])
	requireGrown(t, loser, amendments[1])
	require.Equal(t, survivor.ID, gone.MergedTo)
	require.Empty(t, gone.Active(kept.Versions[0].Valid.From.AddDate(10, 0, 0)))
	require.Len(t, gone.Versions, len(loser.Versions))
	for _, v := range loser.Versions {
		require.True(t, slices.ContainsFunc(kept.Versions, func(k ecpr.Version) bool { return k.Element == v.Element }), "an element is lost")
		id, issued := v.Element.(ecpr.Identifier)
		issued = issued && id.OID == ecpr.XECPROID
		switch {
		case !v.Active() || issued:
			require.True(t, slices.ContainsFunc(kept.Versions, func(k ecpr.Version) bool {
				return k.Element == v.Element && k.Valid.From.Equal(v.Valid.From) && !k.Active() && (v.Active() || k.Valid == v.Valid)
			}), "history is kept with its period")
		case v.Element.Kind() == ecpr.IdentifierKind, v.Element.Kind() == ecpr.ContactKind, v.Element.Kind() == ecpr.AddressKind:
			require.Contains(t, elementsOf(kept, v.Element.Kind()), v.Element)
		}
	}
	for _, k := range []ecpr.Kind{ecpr.NameKind, ecpr.GenderKind, ecpr.BirthDateKind} {
		requireNewest(t, survivor, loser, kept, k)
	}
}

// requireNewest: what is in force of the kind is the newest that either had, of two equally new the survivor's.
func requireNewest(t *rapid.T, survivor, loser, kept ecpr.Person, k ecpr.Kind) {
	var newest ecpr.Version
	for _, p := range []ecpr.Person{survivor, loser} {
		for _, v := range p.Versions {
			if v.Active() && v.Element.Kind() == k && (newest.Element == nil || v.Valid.From.After(newest.Valid.From)) {
				newest = v
			}
		}
	}
	if newest.Element == nil {
		require.Empty(t, elementsOf(kept, k))
		return
	}
	require.Equal(t, []ecpr.Element{newest.Element}, elementsOf(kept, k))
}
