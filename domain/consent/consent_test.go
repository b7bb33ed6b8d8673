package consent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

// The organisations: region ⊃ hospital ⊃ ward; another region; one that the tree does not know.
const (
	region, hospital, ward = "999001000016002", "999002000016000", "999003000016001"
	elsewhere, unknown     = "999010000016008", "999099000016003"
)

var (
	now     = time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)
	citizen = number("0101010101")
	doctor  = number("0202020202")
	helper  = number("0303030303")
	another = number("0404040404")
)

func number(s string) cpr.Number {
	n, err := cpr.Parse(s)
	if err != nil {
		panic(err)
	}
	return n
}

func units() []org.Unit {
	return []org.Unit{
		{SOR: region}, {SOR: hospital, Parent: region}, {SOR: ward, Parent: hospital, SHAK: "9990A1"}, {SOR: elsewhere},
	}
}

func newTree(t testing.TB) *org.Tree {
	t.Helper()
	tree, _, err := org.NewTree(units())
	require.NoError(t, err)
	return tree
}

func day(year int, month time.Month, dom int) time.Time {
	return time.Date(year, month, dom, 0, 0, 0, 0, time.UTC)
}

func days(from, to time.Time) validity.Period { return validity.Period{From: from, To: to} }

// constraint and positive are registrations in force.
func constraint(who consent.Who, what consent.What) consent.Registration {
	return consent.Registration{ID: 111_111_111_111_111, Version: 1, Citizen: citizen, Kind: consent.Constraint, Who: who, What: what,
		Valid: validity.Period{From: now.AddDate(0, 0, -1)}, Active: true}
}

func positive(who consent.Who, what consent.What) consent.Registration {
	r := constraint(who, what)
	r.ID, r.Kind, r.Valid.To = 222_222_222_222_222, consent.Positive, now.AddDate(1, 0, 0)
	return r
}

func person(n cpr.Number) consent.Who { return consent.Who{Person: n} }

func at(sor string, subs bool) consent.Who {
	return consent.Who{Org: consent.Organisation{SOR: sor, SubUnits: subs}}
}

func from(sor string, subs bool) consent.What {
	return consent.What{Origin: consent.Organisation{SOR: sor, SubUnits: subs}}
}

func dated(p validity.Period) consent.What { return consent.What{Data: p} }

var (
	everyone   consent.Who
	foreigners = consent.Who{Foreign: true}
	allData    consent.What
	year2023   = days(day(2023, 1, 1), day(2024, 1, 1))
	year2024   = days(day(2024, 1, 1), day(2025, 1, 1))
)

// asked is one question of a case.
type asked struct {
	name string
	by   consent.Requester
	want consent.Answer
}

// judged is one item of a case.
type judged struct {
	name string
	item consent.Item
	want bool
}

// ask puts the question in all three ways.
func ask(t *testing.T, regs []consent.Registration, q consent.Requester, at time.Time, items ...consent.Item) (consent.Answer, []bool) {
	t.Helper()
	tree := newTree(t)
	answer, allowed := consent.Check(regs, tree, q, at), consent.CheckItems(nil, regs, tree, q, at, items)
	e := consent.Explain(regs, tree, q, at, items)
	assert.Equal(t, answer, e.Answer, "explained")
	for i := range items {
		assert.Equal(t, allowed[i], e.Items[i].Allowed, "item %d explained", i)
	}
	return answer, allowed
}

func TestCheck(t *testing.T) {
	byDoctor := consent.Requester{Acting: doctor, Org: hospital}
	forDoctor := consent.Requester{Acting: helper, Responsible: doctor, Org: hospital}
	byHelper := consent.Requester{Acting: helper, Org: hospital}
	foreigner := consent.Requester{Foreign: true}
	of := func(sor string) consent.Requester { return consent.Requester{Acting: doctor, Org: sor} }
	const yes, no, depends = consent.PositiveAnswer, consent.Negative, consent.DataSpecific
	type regs = []consent.Registration

	for _, c := range []struct {
		name string
		regs []consent.Registration
		ask  []asked
	}{
		{"CT-1 nothing is registered", nil, []asked{{"the doctor", byDoctor, yes}, {"a foreigner", foreigner, yes}}},
		{"CT-2 everyone is blocked from all data", regs{constraint(everyone, allData)}, []asked{
			{"the doctor", byDoctor, no}, {"a foreigner", foreigner, no},
		}},
		{"CT-3 a person is blocked", regs{constraint(person(doctor), allData)}, []asked{
			{"the person", byDoctor, no}, {"another doctor", consent.Requester{Acting: another, Org: hospital}, yes}, {"a foreigner", foreigner, yes},
		}},
		{"CT-4 the doctor is blocked", regs{constraint(person(doctor), allData)}, []asked{{"a helper for the doctor", forDoctor, no}}},
		{"CT-4 the helper is blocked", regs{constraint(person(helper), allData)}, []asked{
			{"the helper for the doctor", forDoctor, no}, {"the doctor", byDoctor, yes},
		}},
		{"CT-5 everyone is blocked but the doctor", regs{constraint(everyone, allData), positive(person(doctor), allData)}, []asked{
			{"the doctor", byDoctor, yes}, {"a helper for the doctor", forDoctor, yes}, {"the helper alone", byHelper, no},
		}},
		{"CT-5 everyone is blocked but the helper", regs{constraint(everyone, allData), positive(person(helper), allData)}, []asked{
			{"the helper for the doctor", forDoctor, no}, {"the helper alone", byHelper, yes},
		}},
		{"CT-6 a hospital is blocked with what is below", regs{constraint(at(hospital, true), allData)}, []asked{
			{"its ward", of(ward), no}, {"itself", of(hospital), no}, {"the region above", of(region), yes}, {"another region", of(elsewhere), yes},
		}},
		{"CT-6 a hospital is blocked without what is below", regs{constraint(at(hospital, false), allData)}, []asked{
			{"its ward", of(ward), yes}, {"itself", of(hospital), no},
		}},
		{"CT-7 a hospital is blocked, and who asks has a SHAK code", regs{constraint(at(hospital, true), allData)}, []asked{
			{"of the ward", of(resolved(t, "9990A1", org.SHAK)), no},
			{"of no unit", of(resolved(t, "9990B2", org.SHAK)), no},
			{"without a scheme", of(resolved(t, hospital, "")), no},
		}},
		{"a hospital is blocked, and who asks is of a unit that is not known", regs{constraint(at(hospital, true), allData)}, []asked{
			{"by its number", of(unknown), no},
		}},
		{"CT-8 a hospital alone may see", regs{constraint(everyone, allData), positive(at(hospital, true), allData)}, []asked{
			{"its ward", of(ward), yes}, {"a SHAK code of no unit", of(resolved(t, "9990B2", org.SHAK)), no}, {"a unit that is not known", of(unknown), no},
		}},
		{"CT-9 foreigners are blocked", regs{constraint(foreigners, allData)}, []asked{{"a foreigner", foreigner, no}, {"the doctor", byDoctor, yes}}},
		{"CT-9 a hospital is blocked", regs{constraint(at(hospital, true), allData)}, []asked{{"a foreigner", foreigner, yes}}},
		{"a foreigner has neither a number nor an organisation here", regs{
			constraint(everyone, allData), positive(person(doctor), allData), positive(at(hospital, true), allData),
		}, []asked{{"with those of the doctor", consent.Requester{Acting: doctor, Org: hospital, Foreign: true}, no}}},
		{"CT-10 data of the hospital are blocked", regs{constraint(everyone, from(hospital, true))}, []asked{{"the doctor", byDoctor, depends}}},
		{"all is blocked but some data", regs{constraint(everyone, allData), positive(everyone, dated(year2024))}, []asked{{"the doctor", byDoctor, depends}}},
		{"some data are blocked, and all allowed", regs{constraint(everyone, dated(year2024)), positive(everyone, allData)}, []asked{
			{"the doctor", byDoctor, yes},
		}},
		{"a positive consent that is not the doctor's", regs{constraint(everyone, allData), positive(person(another), dated(year2024))}, []asked{
			{"the doctor", byDoctor, no},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, q := range c.ask {
				got, _ := ask(t, c.regs, q.by, now)
				assert.Equal(t, q.want, got, q.name)
			}
		})
	}
}

func resolved(t *testing.T, code string, scheme org.Scheme) string {
	t.Helper()
	sor, _ := newTree(t).Resolve(org.ID{Code: code, Scheme: scheme}, now)
	return sor
}

func TestCheckInTime(t *testing.T) {
	expired := positive(everyone, allData)
	expired.Valid.To = now
	coming := constraint(everyone, allData)
	coming.Valid.From = now.AddDate(0, 0, 1)
	revoked := constraint(everyone, allData)
	revoked.Active = false
	for _, c := range []struct {
		name string
		regs []consent.Registration
		at   time.Time
		want consent.Answer
	}{
		{"CT-14 a positive consent at its end", []consent.Registration{constraint(everyone, allData), expired}, now, consent.Negative},
		{"CT-14 a positive consent before its end", []consent.Registration{constraint(everyone, allData), expired}, now.Add(-time.Millisecond),
			consent.PositiveAnswer},
		{"CT-15 a block of tomorrow", []consent.Registration{coming}, now, consent.PositiveAnswer},
		{"CT-15 a block of tomorrow, right before", []consent.Registration{coming}, now.AddDate(0, 0, 1).Add(-time.Microsecond), consent.PositiveAnswer},
		{"CT-15 a block of tomorrow, tomorrow", []consent.Registration{coming}, now.AddDate(0, 0, 1), consent.Negative},
		{"CT-17 a block that was revoked", []consent.Registration{revoked}, now, consent.PositiveAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := ask(t, c.regs, consent.Requester{Acting: doctor, Org: hospital}, c.at)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestCheckItems(t *testing.T) {
	const allowed, denied = true, false
	date := func(p validity.Period) consent.Item { return consent.Item{Data: p} }
	of := func(sor string) consent.Item { return consent.Item{Data: year2024, Origin: sor} }
	type regs = []consent.Registration
	for _, c := range []struct {
		name   string
		regs   []consent.Registration
		answer consent.Answer
		items  []judged
	}{
		{"CT-1 nothing is registered", nil, consent.PositiveAnswer, []judged{{"an item", of(ward), allowed}, {"one without attributes", consent.Item{}, allowed}}},
		{"CT-2 all is blocked", regs{constraint(everyone, allData)}, consent.Negative, []judged{
			{"an item", of(ward), denied}, {"one without attributes", consent.Item{}, denied},
		}},
		{"CT-10 data of the hospital are blocked", regs{constraint(everyone, from(hospital, true))}, consent.DataSpecific, []judged{
			{"of its ward", of(ward), denied}, {"of elsewhere", of(elsewhere), allowed}, {"of no origin", of(""), denied},
			{"of a code that is not known", of(unknown), denied}, {"of the region above", of(region), allowed},
		}},
		{"data of the hospital alone are blocked", regs{constraint(everyone, from(hospital, false))}, consent.DataSpecific, []judged{
			{"its own", of(hospital), denied}, {"of its ward", of(ward), allowed}, {"of no origin", of(""), denied},
			{"of another unit, which is not known", of(unknown), allowed},
		}},
		{"CT-11 data of 2024 are blocked", regs{constraint(everyone, dated(year2024))}, consent.DataSpecific, []judged{
			{"to the very beginning", date(days(day(2023, 12, 1), day(2024, 1, 1))), allowed},
			{"from the very end", date(days(day(2025, 1, 1), day(2025, 2, 1))), allowed},
			{"across the beginning", date(days(day(2023, 12, 1), day(2024, 2, 1))), denied},
			{"an instant, the first", date(days(day(2024, 1, 1), day(2024, 1, 1))), denied},
			{"an instant, the end", date(days(day(2025, 1, 1), day(2025, 1, 1))), allowed},
			{"across it all", date(days(day(2020, 1, 1), day(2030, 1, 1))), denied},
			{"without a period", consent.Item{Origin: ward}, denied},
			{"since 2025", date(validity.Period{From: day(2025, 1, 1)}), allowed},
			{"since 2023", date(validity.Period{From: day(2023, 1, 1)}), denied},
			{"until 2024", date(validity.Period{To: day(2024, 1, 1)}), allowed},
			{"until the second day of it", date(validity.Period{To: day(2024, 1, 2)}), denied},
		}},
		{"CT-12 all is blocked but 2023 and 2024", regs{
			constraint(everyone, allData), positive(everyone, dated(year2023)), positive(everyone, dated(year2024)),
		}, consent.DataSpecific, []judged{
			{"inside 2024", date(days(day(2024, 2, 1), day(2024, 3, 1))), allowed},
			{"all of 2024", date(year2024), allowed},
			{"across the two", date(days(day(2023, 12, 1), day(2024, 2, 1))), denied},
			{"without a period", consent.Item{}, denied},
			{"an instant, the last", date(days(day(2024, 12, 31), day(2024, 12, 31))), allowed},
			{"an instant, the end", date(days(day(2025, 1, 1), day(2025, 1, 1))), denied},
			{"since 2024", date(validity.Period{From: day(2024, 1, 1)}), denied},
		}},
		{"CT-13 data of 2024 from the hospital are blocked", regs{
			constraint(everyone, consent.What{Data: year2024, Origin: consent.Organisation{SOR: hospital}}),
		}, consent.DataSpecific, []judged{
			{"2024 from elsewhere", of(elsewhere), allowed},
			{"2023 from the hospital", consent.Item{Data: year2023, Origin: hospital}, allowed},
			{"2024 from the hospital", of(hospital), denied},
			{"2024", of(""), denied},
			{"from the hospital", consent.Item{Origin: hospital}, denied},
		}},
		{"all is blocked but what the hospital made", regs{constraint(everyone, allData), positive(everyone, from(hospital, true))}, consent.DataSpecific,
			[]judged{{"of its ward", of(ward), allowed}, {"of no origin", of(""), denied}, {"of a code that is not known", of(unknown), denied}}},
		{"CT-38 an item that ends before it begins has no period", regs{
			constraint(everyone, dated(year2024)), positive(everyone, dated(year2023)),
		}, consent.DataSpecific, []judged{{"within 2023", date(days(day(2023, 3, 1), day(2023, 2, 1))), denied}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			items := make([]consent.Item, len(c.items))
			for i := range c.items {
				items[i] = c.items[i].item
			}
			answer, got := ask(t, c.regs, consent.Requester{Acting: doctor, Org: hospital}, now, items...)
			assert.Equal(t, c.answer, answer)
			for i := range c.items {
				assert.Equal(t, c.items[i].want, got[i], c.items[i].name)
			}
		})
	}
}

func TestCheckItemsWritesToTheCallersSlice(t *testing.T) {
	blocked := []consent.Registration{constraint(everyone, dated(year2024))}
	items := []consent.Item{{Data: year2024}, {Data: year2023}, {}}
	q := consent.Requester{Acting: doctor}
	want := []bool{false, true, false}
	for _, length := range []int{0, 2, 3, 5} {
		dst := make([]bool, length)
		for i := range dst {
			dst[i] = i != 1 // what is there before does not matter
		}
		got := consent.CheckItems(dst, blocked, newTree(t), q, now, items)
		assert.Equal(t, want, got, "%d", length)
		if length >= len(items) {
			assert.Same(t, &dst[0], &got[0], "%d", length)
		}
	}
	assert.Empty(t, consent.CheckItems(nil, blocked, newTree(t), q, now, nil))
}

func TestCT45Explain(t *testing.T) {
	with := func(r consent.Registration, id consent.ID, edit func(*consent.Registration)) consent.Registration {
		r.ID, r.Version = id, int(id%10)
		if edit != nil {
			edit(&r)
		}
		return r
	}
	const id = 100_000_000_000_000
	regs := []consent.Registration{
		with(constraint(everyone, allData), id+1, func(r *consent.Registration) { r.Active = false }),
		with(constraint(everyone, allData), id+2, func(r *consent.Registration) { r.Valid.From = now.Add(time.Microsecond) }),
		with(positive(everyone, allData), id+3, func(r *consent.Registration) { r.Valid.To = now }),
		with(constraint(person(another), allData), id+4, nil),
		with(constraint(at(elsewhere, true), allData), id+5, nil),
		with(constraint(foreigners, allData), id+6, nil),
		with(constraint(person(doctor), from(hospital, true)), id+7, nil),
		with(positive(at(region, true), dated(year2024)), id+8, nil),
		with(constraint(at(region, true), allData), id+9, func(r *consent.Registration) { r.Kind = 7 }), // any number but 0 is a positive consent
	}
	e := consent.Explain(regs, newTree(t), consent.Requester{Acting: doctor, Org: ward}, now, []consent.Item{
		{Data: year2024, Origin: ward}, {Data: year2023, Origin: elsewhere},
	})
	explained := func(n int, kind consent.Kind, reason consent.Reason) consent.Explained {
		return consent.Explained{ID: id + consent.ID(n), Version: n, Kind: kind, Applies: reason >= consent.AppliesToAllData, Reason: reason}
	}
	assert.Equal(t, consent.Explanation{
		Answer: consent.PositiveAnswer,
		Registrations: []consent.Explained{
			explained(1, consent.Constraint, consent.ReasonRevoked),
			explained(2, consent.Constraint, consent.NotYet),
			explained(3, consent.Positive, consent.ReasonExpired),
			explained(4, consent.Constraint, consent.OtherPerson),
			explained(5, consent.Constraint, consent.OtherOrganisation),
			explained(6, consent.Constraint, consent.NotForeign),
			explained(7, consent.Constraint, consent.AppliesToSomeData),
			explained(8, consent.Positive, consent.AppliesToSomeData),
			explained(9, consent.Positive, consent.AppliesToAllData),
		},
		Items: []consent.ExplainedItem{
			{Allowed: true, Constraints: []consent.ID{id + 7}, Positives: []consent.ID{id + 8, id + 9}},
			{Allowed: true, Positives: []consent.ID{id + 9}},
		},
	}, e)

	e = consent.Explain(regs[4:5], newTree(t), consent.Requester{Acting: doctor}, now, nil)
	assert.Equal(t, []consent.Explained{explained(5, consent.Constraint, consent.AppliesByPrecaution)}, e.Registrations)
	assert.Equal(t, consent.Negative, e.Answer)
	e = consent.Explain(regs[7:8], newTree(t), consent.Requester{Acting: doctor}, now, nil)
	assert.Equal(t, []consent.Explained{explained(8, consent.Positive, consent.OtherOrganisation)}, e.Registrations, "a positive consent does not by precaution")
	e = consent.Explain(regs[5:6], newTree(t), consent.Requester{Foreign: true}, now, nil)
	assert.Equal(t, []consent.Explained{explained(6, consent.Constraint, consent.AppliesToAllData)}, e.Registrations)
}

func TestState(t *testing.T) {
	r := positive(everyone, allData)
	for _, c := range []struct {
		name string
		at   time.Time
		want consent.State
	}{
		{"before", r.Valid.From.Add(-time.Microsecond), consent.Future},
		{"from its first instant", r.Valid.From, consent.InForce},
		{"to its last", r.Valid.To.Add(-time.Microsecond), consent.InForce},
		{"at its end", r.Valid.To, consent.Expired},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, r.State(c.at))
			revoked := r
			revoked.Active = false
			assert.Equal(t, consent.Revoked, revoked.State(c.at))
		})
	}
	open := constraint(everyone, allData)
	assert.Equal(t, consent.InForce, open.State(day(9999, 12, 31)))
}
