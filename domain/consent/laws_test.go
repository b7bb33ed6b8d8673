package consent_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

// world is a small one, so that what is drawn often meets.
type world struct {
	oracle oracle
	tree   *org.Tree
	codes  []string // of units, known or not
	regs   []consent.Registration
	q      consent.Requester
	at     time.Time
	items  []consent.Item
}

const (
	hours    = 6        // of the clock of the world
	stranger = "888888" // an organisation that no registration names
)

func drawWorld(t *rapid.T) world {
	w := world{oracle: oracle{}, codes: []string{"777777", "x"}}
	var all []org.Unit
	for i := range 5 {
		u := org.Unit{SOR: fmt.Sprint(100_000 + i)}
		switch above := rapid.IntRange(-2, i-1).Draw(t, "above"); {
		case above == -2:
			u.Parent = "777777" // missing
		case above >= 0:
			u.Parent = all[above].SOR
		}
		w.oracle[u.SOR] = u.Parent
		w.codes = append(w.codes, u.SOR)
		all = append(all, u)
	}
	tree, _, err := org.NewTree(all)
	require.NoError(t, err)
	w.tree = tree
	for i := range rapid.IntRange(0, 6).Draw(t, "registrations") {
		w.regs = append(w.regs, w.drawRegistration(t, i))
	}
	w.q, w.at = w.drawRequester(t), drawInstant(t)
	for range rapid.IntRange(0, 4).Draw(t, "items") {
		w.items = append(w.items, w.drawItem(t))
	}
	return w
}

func drawInstant(t *rapid.T) time.Time {
	return now.Add(time.Duration(rapid.IntRange(0, hours).Draw(t, "hour"))*time.Hour + time.Duration(rapid.IntRange(-1, 1).Draw(t, "µs"))*time.Microsecond)
}

// drawEnd is an end of a period, often open.
func drawEnd(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "open") {
		return time.Time{}
	}
	return drawInstant(t)
}

// drawPeriod may be open, reversed or an instant.
func drawPeriod(t *rapid.T) validity.Period { return validity.Period{From: drawEnd(t), To: drawEnd(t)} }

func drawPerson(t *rapid.T) cpr.Number {
	return rapid.SampledFrom([]cpr.Number{doctor, helper, another}).Draw(t, "person")
}

func (w *world) drawOrganisation(t *rapid.T) consent.Organisation {
	return consent.Organisation{SOR: rapid.SampledFrom(w.codes).Draw(t, "organisation"), SubUnits: rapid.Bool().Draw(t, "subs")}
}

func (w *world) drawUnit(t *rapid.T) string {
	return rapid.SampledFrom(append(w.codes, "", stranger)).Draw(t, "unit")
}

func (w *world) drawRegistration(t *rapid.T, i int) consent.Registration {
	r := consent.Registration{ID: consent.MinID + consent.ID(i), Version: 1, Citizen: citizen, Active: rapid.IntRange(0, 5).Draw(t, "active") > 0,
		Kind: rapid.SampledFrom([]consent.Kind{consent.Constraint, consent.Constraint, consent.Positive, 2}).Draw(t, "kind")}
	switch rapid.IntRange(0, 4).Draw(t, "who") {
	case 0:
		r.Who.Foreign = true
	case 1:
		r.Who.Person = drawPerson(t)
	case 2:
		r.Who.Org = w.drawOrganisation(t)
	}
	if rapid.Bool().Draw(t, "dated") {
		r.What.Data = drawPeriod(t)
	}
	if rapid.IntRange(0, 2).Draw(t, "bound") == 0 {
		r.What.Origin = w.drawOrganisation(t)
	}
	if rapid.IntRange(0, 2).Draw(t, "limited") == 0 {
		r.Valid = drawPeriod(t)
	}
	return r
}

// drawRequester is often of an organisation that a registration is about.
func (w *world) drawRequester(t *rapid.T) consent.Requester {
	q := consent.Requester{Acting: drawPerson(t), Org: w.drawUnit(t), Foreign: rapid.IntRange(0, 4).Draw(t, "foreign") == 0}
	if about := w.drawAbout(t); about != nil && about.Who.Org.SOR != "" {
		q.Org = about.Who.Org.SOR
	}
	if rapid.Bool().Draw(t, "helps") {
		q.Responsible = drawPerson(t)
	}
	return q
}

// drawAbout is one of the registrations, or none.
func (w *world) drawAbout(t *rapid.T) *consent.Registration {
	if i := rapid.IntRange(-len(w.regs)-1, len(w.regs)-1).Draw(t, "about"); i >= 0 {
		return &w.regs[i]
	}
	return nil
}

// drawItem is often what a registration is about.
func (w *world) drawItem(t *rapid.T) consent.Item {
	item := consent.Item{Origin: w.drawUnit(t), Data: drawPeriod(t)}
	if about := w.drawAbout(t); about != nil {
		item = consent.Item{Origin: about.What.Origin.SOR, Data: about.What.Data}
	}
	if rapid.IntRange(0, 3).Draw(t, "instant") == 0 {
		item.Data.From = drawInstant(t)
		item.Data.To = item.Data.From
	}
	return item
}

func (w *world) check(regs []consent.Registration) consent.Answer {
	return consent.Check(regs, w.tree, w.q, w.at)
}

func (w *world) verdicts(regs []consent.Registration) []bool {
	return consent.CheckItems(nil, regs, w.tree, w.q, w.at, w.items)
}

// law holds in every world. Each world is seen by several requesters.
func law(t *testing.T, holds func(t *rapid.T, w world)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for range 10 {
			holds(t, w)
			w.q, w.at = w.drawRequester(t), drawInstant(t)
		}
	})
}

func TestCT49AsTheOracle(t *testing.T) {
	law(t, func(t *rapid.T, w world) {
		require.Equal(t, w.oracle.check(w.regs, w.q, w.at), w.check(w.regs))
		for i, allowed := range w.verdicts(w.regs) {
			require.Equal(t, w.oracle.allows(w.regs, w.q, w.at, w.items[i]), allowed, "item %d", i)
		}
	})
}

// TestCO30Total: whatever is put in, there is one answer.
func TestCO30Total(t *testing.T) {
	seconds := rapid.OneOf(rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 / 1_000_000, math.MaxInt64 / 1_000_000, math.MaxInt64}), rapid.Int64())
	instants := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(seconds.Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
	})
	periods := rapid.Custom(func(t *rapid.T) validity.Period {
		return validity.Period{From: instants.Draw(t, "from"), To: instants.Draw(t, "to")}
	})
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		regs, items := slices.Clone(w.regs), slices.Clone(w.items)
		for i := range regs {
			regs[i].Valid, regs[i].What.Data = periods.Draw(t, "valid"), periods.Draw(t, "data")
			regs[i].Who.Org.SubUnits = rapid.Bool().Draw(t, "subs of nothing")
		}
		for i := range items {
			items[i] = consent.Item{Data: periods.Draw(t, "item"), Origin: rapid.String().Draw(t, "origin")}
		}
		w.q.Org = rapid.String().Draw(t, "org")
		at := instants.Draw(t, "at")
		for _, tree := range []*org.Tree{w.tree, {}, nil} {
			for _, regs := range [][]consent.Registration{nil, w.regs, regs} {
				answer := consent.Check(regs, tree, w.q, at)
				require.LessOrEqual(t, answer, consent.PositiveAnswer)
				allowed := consent.CheckItems(nil, regs, tree, w.q, at, items)
				require.Len(t, allowed, len(items))
				e := consent.Explain(regs, tree, w.q, at, items)
				require.Equal(t, answer, e.Answer)
				for i := range allowed {
					require.Equal(t, allowed[i], e.Items[i].Allowed)
					require.False(t, answer == consent.PositiveAnswer && !allowed[i] || answer == consent.Negative && allowed[i])
				}
			}
		}
	})
}

// TestCO31Order: neither the order of registrations counts nor how often one is there.
func TestCO31Order(t *testing.T) {
	law(t, func(t *rapid.T, w world) {
		if len(w.regs) == 0 {
			return
		}
		again := append(slices.Clone(w.regs), rapid.SliceOf(rapid.SampledFrom(w.regs)).Draw(t, "again")...)
		again = rapid.Permutation(again).Draw(t, "order")
		require.Equal(t, w.check(w.regs), w.check(again))
		require.Equal(t, w.verdicts(w.regs), w.verdicts(again))
	})
}

// TestCO32Narrower: a constraint more never widens, a positive consent more never narrows.
func TestCO32Narrower(t *testing.T) {
	law(t, func(t *rapid.T, w world) {
		r := w.drawRegistration(t, len(w.regs))
		fewer, more := w.regs, append(slices.Clone(w.regs), r)
		if r.Kind != consent.Constraint {
			fewer, more = more, fewer // more of constraints
		}
		require.LessOrEqual(t, w.check(more), w.check(fewer))
		wide, narrow := w.verdicts(fewer), w.verdicts(more)
		for i := range w.items {
			require.False(t, narrow[i] && !wide[i], "item %d", i)
		}
	})
}

// TestCO33WhatDoesNotApply: what is not active, not yet or no longer valid, or about others, never matters.
func TestCO33WhatDoesNotApply(t *testing.T) {
	law(t, func(t *rapid.T, w world) {
		applying := slices.DeleteFunc(slices.Clone(w.regs), func(r consent.Registration) bool {
			return !inForce(r, w.at) || !w.oracle.matches(r, w.q)
		})
		require.Equal(t, w.check(applying), w.check(w.regs))
		require.Equal(t, w.verdicts(applying), w.verdicts(w.regs))
	})
}

// TestCO34Sound: the answer for a user is true of every item.
func TestCO34Sound(t *testing.T) {
	law(t, func(t *rapid.T, w world) {
		w.items = append(w.items[:len(w.items):len(w.items)], consent.Item{})
		allowed := w.verdicts(w.regs)
		switch w.check(w.regs) {
		case consent.PositiveAnswer:
			require.NotContains(t, allowed, false)
		case consent.Negative:
			require.NotContains(t, allowed, true)
		case consent.DataSpecific:
			require.False(t, allowed[len(allowed)-1], "the item without attributes")
		}
	})
}

// TestCO35Precaution: telling less of an item, or of where one works, never opens what is closed.
func TestCO35Precaution(t *testing.T) {
	law(t, func(t *rapid.T, w world) {
		told, answer := w.verdicts(w.regs), w.check(w.regs)
		less := w
		less.items = slices.Clone(w.items)
		for i := range less.items {
			if rapid.Bool().Draw(t, "period removed") {
				less.items[i].Data = validity.Period{}
			}
			if rapid.Bool().Draw(t, "origin removed") {
				less.items[i].Origin = ""
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "organisation removed") > 0 {
			less.q.Org = ""
		}
		require.LessOrEqual(t, less.check(w.regs), answer)
		for i, allowed := range less.verdicts(w.regs) {
			require.False(t, allowed && !told[i], "item %d", i)
		}
	})
}

// TestCO36Batch: many items are judged as each alone, in their order.
func TestCO36Batch(t *testing.T) {
	law(t, func(t *rapid.T, w world) {
		allowed := w.verdicts(w.regs)
		require.Len(t, allowed, len(w.items))
		for i, item := range w.items {
			alone := consent.CheckItems(nil, w.regs, w.tree, w.q, w.at, []consent.Item{item})
			require.Equal(t, alone, allowed[i:i+1], "item %d", i)
		}
	})
}

// TestCO37OnlyAtTheEndsOfValidity: as time goes by, answers change where a registration begins or ends, and nowhere else.
func TestCO37OnlyAtTheEndsOfValidity(t *testing.T) {
	law(t, func(t *rapid.T, w world) {
		ends := []time.Time{now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0)}
		for _, r := range w.regs {
			ends = append(ends, r.Valid.From, r.Valid.To)
		}
		ends = slices.DeleteFunc(ends, time.Time.IsZero)
		slices.SortFunc(ends, time.Time.Compare)
		for i, end := range ends[:len(ends)-1] {
			if ends[i+1].Equal(end) {
				continue
			}
			first, last := w, w // instants from one end to right before the next
			first.at, last.at = end, ends[i+1].Add(-time.Microsecond)
			require.Equal(t, first.check(w.regs), last.check(w.regs))
			require.Equal(t, first.verdicts(w.regs), last.verdicts(w.regs))
		}
	})
}

// TestCO38Explained: an explanation answers as the checks do, and its reasons are true.
func TestCO38Explained(t *testing.T) {
	law(t, func(t *rapid.T, w world) {
		e := consent.Explain(w.regs, w.tree, w.q, w.at, w.items)
		require.Equal(t, w.check(w.regs), e.Answer)
		require.Len(t, e.Registrations, len(w.regs))
		for i, r := range w.regs {
			got := e.Registrations[i]
			require.Equal(t, r.ID, got.ID)
			require.Equal(t, inForce(r, w.at) && w.oracle.matches(r, w.q), got.Applies, "registration %d", i)
			require.Equal(t, w.reason(r), got.Reason, "registration %d", i)
		}
		constraints, positives := w.oracle.applying(w.regs, w.q, w.at)
		for i, allowed := range w.verdicts(w.regs) {
			require.Equal(t, consent.ExplainedItem{Allowed: allowed, Constraints: w.oracle.covering(constraints, w.items[i]),
				Positives: w.oracle.covering(positives, w.items[i])}, e.Items[i], "item %d", i)
		}
	})
}

func (w *world) reason(r consent.Registration) consent.Reason {
	switch byOrg := r.Who.Org.SOR != ""; {
	case !r.Active:
		return consent.ReasonRevoked
	case !r.Valid.From.IsZero() && w.at.Before(r.Valid.From):
		return consent.NotYet
	case !inForce(r, w.at):
		return consent.ReasonExpired
	case !w.oracle.matches(r, w.q) && r.Who.Foreign:
		return consent.NotForeign
	case !w.oracle.matches(r, w.q) && byOrg:
		return consent.OtherOrganisation
	case !w.oracle.matches(r, w.q):
		return consent.OtherPerson
	case byOrg && w.oracle.within(w.q.Org, r.Who.Org.SOR, r.Who.Org.SubUnits) == maybe:
		return consent.AppliesByPrecaution
	case r.What == consent.What{}:
		return consent.AppliesToAllData
	}
	return consent.AppliesToSomeData
}

func TestFarInstants(t *testing.T) {
	far := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	const long = math.MaxInt64 / 1_000_000 * 3 // whose microseconds overflow 64 bits
	regs := []consent.Registration{constraint(everyone, dated(days(far(-long), far(long))))}
	items := []consent.Item{
		{Data: days(day(2024, 1, 1), day(2024, 2, 1))}, {Data: days(far(-long), far(-long+1))}, {Data: days(far(long+1), far(long+2))},
		{Data: validity.Period{From: far(2 * long)}},
	}
	got := consent.CheckItems(nil, regs, nil, consent.Requester{Acting: doctor}, now, items)
	assert.Equal(t, []bool{false, false, true, true}, got)
}
