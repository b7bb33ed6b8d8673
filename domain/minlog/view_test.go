package minlog_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/validity"
)

// views are all views, the one that shows most last; Guardian, Proxy and Self show the same.
var views = []minlog.View{minlog.Portal, minlog.Custody, minlog.Self, minlog.Proxy, minlog.Guardian, minlog.Assistant}

func TestFilters(t *testing.T) {
	everyone := "self assistant custody guardian proxy portal"
	for _, c := range []struct{ name, filter, shownTo string }{
		{"AC-23 AC-24 not for citizens", "Ikke borger", "assistant"},
		{"not for citizens, with blanks and in capitals", " IKKE BORGER\t", "assistant"},
		{"AC-23 AC-24 not for holders of custody", "Ikke forældremyndigheds-indehaver", "self assistant guardian proxy"},
		{"not for holders of custody, with blanks and in capitals", "\nIKKE FORÆLDREMYNDIGHEDS-INDEHAVER ", "self assistant guardian proxy"},
		{"AC-23 AC-24 another word", "Ikke nogen", everyone},
		{"part of a word", "Ikke borgere", everyone},
		{"a blank within", "Ikke  borger", everyone},
		{"empty", "", everyone},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, v := range views {
				want := strings.Contains(c.shownTo, v.String())
				assert.Equal(t, want, v.Shows(&minlog.Entry{Filters: []string{"x", c.filter}}), "%s after another word", v)
				assert.Equal(t, want, v.Shows(&minlog.Entry{Filters: []string{c.filter, "x"}}), "%s before another word", v)
			}
		})
	}
	for _, v := range views {
		assert.True(t, v.Shows(&minlog.Entry{}), "%s without filters", v)
	}
}

func TestRolesOfThoseWhoReadForOthers(t *testing.T) {
	for v, want := range map[minlog.View]string{
		minlog.Self: "", minlog.Assistant: "", minlog.Portal: "",
		minlog.Custody: "Forældremyndighedsindehaver", minlog.Guardian: "Værge", minlog.Proxy: "Fuldmagtshaver",
	} {
		assert.Equal(t, want, v.Role(), "%s", v)
	}
}

// ML-21 word for word: `Ikke borger` hides from all but Assistant, `Ikke forældremyndigheds-indehaver` from Custody and Portal only; case and
// outer blanks are ignored; other filters hide nothing.
func TestFiltersHideWhatTheRuleSays(t *testing.T) {
	hiddenFrom := map[string]map[minlog.View]bool{
		"ikke borger":                       {minlog.Self: true, minlog.Custody: true, minlog.Guardian: true, minlog.Proxy: true, minlog.Portal: true},
		"ikke forældremyndigheds-indehaver": {minlog.Custody: true, minlog.Portal: true},
	}
	filter := rapid.Custom(func(t *rapid.T) string {
		word := []rune(rapid.SampledFrom([]string{"Ikke borger", "Ikke forældremyndigheds-indehaver", "Ikke", "borger", ""}).Draw(t, "word"))
		for i := range word {
			if rapid.IntRange(0, 3).Draw(t, "capital") == 0 {
				word[i] = unicode.ToUpper(word[i])
			}
		}
		blanks := rapid.StringOfN(rapid.SampledFrom([]rune(" \t\r\n")), 0, 2, -1)
		return blanks.Draw(t, "before") + string(word) + blanks.Draw(t, "after") + rapid.SampledFrom([]string{"", "", "", "x"}).Draw(t, "more")
	})
	rapid.Check(t, func(t *rapid.T) {
		filters := rapid.SliceOfN(filter, 0, 3).Draw(t, "filters")
		shows := map[minlog.View]bool{}
		for _, v := range views {
			want := true
			for _, f := range filters {
				if hiddenFrom[strings.ToLower(strings.Trim(f, " \t\r\n"))][v] {
					want = false
				}
			}
			shows[v] = v.Shows(&minlog.Entry{Filters: filters})
			require.Equal(t, want, shows[v], "%s, %q", v, filters)
		}
		for i, v := range views[1:] {
			require.False(t, shows[views[i]] && !shows[v], "%s shows less than %s", v, views[i])
		}
	})
}

func born(t testing.TB, number string) minlog.Birth {
	n, err := cpr.Parse(number)
	require.NoError(t, err)
	return minlog.BirthOf(n)
}

var ages = minlog.Ages{Self: 15, Custody: 15}

func TestOwnAge(t *testing.T) {
	for _, c := range []struct {
		name, number, now string
		want              bool
	}{
		{"AC-26 teen", "0606104444", "2026-11-21T12:00:00Z", true},
		{"AC-26 child", "0303164444", "2026-11-21T12:00:00Z", false},
		{"grown up", "0202801111", "2026-11-21T12:00:00Z", true},
		{"the last instant before the birthday in Copenhagen", "0303164444", "2031-03-02T22:59:59.999999Z", false},
		{"the first of the birthday", "0303164444", "2031-03-02T23:00:00Z", true},
		{"born on 29 February, on the 28th", "2902124444", "2027-02-28T12:00:00Z", false},
		{"born on 29 February, on 1 March", "2902124444", "2027-02-28T23:00:00Z", true},
		{"born on 29 February, on the 29th", "2902124444", "2028-02-28T23:00:00Z", true},
		{"born on a day that is none in that year", "2902015000", "2026-11-21T12:00:00Z", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, ages.ReadsOwn(born(t, c.number), at(c.now)))
		})
	}
	assert.False(t, minlog.Ages{}.ReadsOwn(minlog.Birth{}, now), "nobody, at any age")
	assert.False(t, minlog.Ages{}.ReadsOwn(minlog.Birth{Known: true, Day: calendar.Day{Year: 2027, Month: 1, Dom: 1}}, now), "not yet born")
}

const (
	citizenNumber      = "0202801111"
	childNumber        = "0303164444"
	teenNumber         = "0606104444"
	professionalNumber = "0404701111"
	holderNumber       = "0707551111"
	guardianNumber     = "0808601111"
	strangerNumber     = "0909651111"
)

// of is a relation that began long ago and goes on.
func of(kind relation.Kind, scope ...string) relation.Relation {
	return relation.Relation{Kind: kind, Valid: validity.Period{From: at("2020-01-01T00:00:00Z")}, Scope: scope}
}

func until(r relation.Relation, end string) relation.Relation {
	r.Valid.To = at(end)
	return r
}

func TestReadingOnBehalf(t *testing.T) {
	const refused = ""
	from := func(r relation.Relation, begin string) relation.Relation {
		r.Valid.From = at(begin)
		return r
	}
	only := func(r ...relation.Relation) []relation.Relation { return r }
	unknown := minlog.Birth{}
	for _, c := range []struct {
		name           string
		found          []relation.Relation
		actor, subject minlog.Birth
		now            string
		want           string // view, "" = refused
	}{
		{"AC-25 parent of a teen", only(of(relation.Custody)), born(t, citizenNumber), born(t, teenNumber), "2026-11-21T12:00:00Z", refused},
		{"AC-25 parent of a child", only(of(relation.Custody)), born(t, citizenNumber), born(t, childNumber), "2026-11-21T12:00:00Z", "custody"},
		{"AC-25 the day before the 15th birthday", only(of(relation.Custody)), born(t, citizenNumber), born(t, childNumber), "2031-03-02T22:59:59.999999Z", "custody"},
		{"AC-25 on the 15th birthday", only(of(relation.Custody)), born(t, citizenNumber), born(t, childNumber), "2031-03-02T23:00:00Z", refused},
		{"parent that is a child", only(of(relation.Custody)), born(t, teenNumber), born(t, childNumber), "2026-11-21T12:00:00Z", refused},
		{"parent the day before the 18th birthday", only(of(relation.Custody)), born(t, teenNumber), born(t, childNumber), "2028-06-05T21:59:59Z", refused},
		{"parent on the 18th birthday", only(of(relation.Custody)), born(t, teenNumber), born(t, childNumber), "2028-06-05T22:00:00Z", "custody"},
		{"AC-27 proxy in force", only(of(relation.Proxy, "minlog")), born(t, holderNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", "proxy"},
		{"proxy for everything", only(of(relation.Proxy, "fmk", "*")), born(t, holderNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", "proxy"},
		{"AC-27 proxy that ended today 00:00 in Copenhagen", only(until(of(relation.Proxy, "minlog"), "2026-11-20T23:00:00Z")), born(t, holderNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", refused},
		{"proxy at its end", only(until(of(relation.Proxy, "minlog"), "2026-11-20T23:00:00Z")), born(t, holderNumber), born(t, citizenNumber), "2026-11-20T23:00:00Z", refused},
		{"proxy just before its end", only(until(of(relation.Proxy, "minlog"), "2026-11-20T23:00:00Z")), born(t, holderNumber), born(t, citizenNumber), "2026-11-20T22:59:59.999999Z", "proxy"},
		{"proxy at its begin", only(from(of(relation.Proxy, "minlog"), "2026-11-21T12:00:00Z")), born(t, holderNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", "proxy"},
		{"proxy just before its begin", only(from(of(relation.Proxy, "minlog"), "2026-11-21T12:00:00.000001Z")), born(t, holderNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", refused},
		{"AC-27 proxy with another scope", only(of(relation.Proxy, "fmk", "MinLog")), born(t, holderNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", refused},
		{"proxy without scope", only(of(relation.Proxy)), born(t, holderNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", refused},
		{"AC-27 proxy of somebody of 17", only(of(relation.Proxy, "minlog")), born(t, holderNumber), born(t, teenNumber), "2028-06-05T21:59:59Z", refused},
		{"proxy of somebody of 18", only(of(relation.Proxy, "minlog")), born(t, holderNumber), born(t, teenNumber), "2028-06-05T22:00:00Z", "proxy"},
		{"AC-28 guardian", only(of(relation.Guardian)), born(t, guardianNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", "guardian"},
		{"guardian of a child", only(of(relation.Guardian)), born(t, guardianNumber), born(t, childNumber), "2026-11-21T12:00:00Z", refused},
		{"guardian that is a child", only(of(relation.Guardian)), born(t, teenNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", refused},
		{"AC-28 stranger", nil, born(t, strangerNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", refused},
		{"a relation of no kind", only(of(relation.None)), born(t, strangerNumber), born(t, childNumber), "2026-11-21T12:00:00Z", refused},
		{"guardian and proxy", only(of(relation.Proxy, "*"), of(relation.Guardian)), born(t, guardianNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", "guardian"},
		{"ended guardianship and proxy", only(until(of(relation.Guardian), "2026-11-21T00:00:00Z"), of(relation.Proxy, "*")), born(t, guardianNumber), born(t, citizenNumber), "2026-11-21T12:00:00Z", "proxy"},
		{"actor of unknown birth", only(of(relation.Custody), of(relation.Guardian)), unknown, born(t, childNumber), "2026-11-21T12:00:00Z", refused},
		{"subject of unknown birth", only(of(relation.Custody), of(relation.Guardian), of(relation.Proxy, "*")), born(t, citizenNumber), unknown, "2026-11-21T12:00:00Z", refused},
		{"custody of somebody not yet born", only(of(relation.Custody)), born(t, citizenNumber), minlog.Birth{Known: true, Day: calendar.Day{Year: 2026, Month: 11, Dom: 22}}, "2026-11-21T12:00:00Z", refused},
		{"custody on the day of birth", only(of(relation.Custody)), born(t, citizenNumber), minlog.Birth{Known: true, Day: calendar.Day{Year: 2026, Month: 11, Dom: 22}}, "2026-11-21T23:00:00Z", "custody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			view, ok := ages.ReadsOnBehalf(c.found, c.actor, c.subject, at(c.now))
			require.Equal(t, c.want != refused, ok)
			if ok {
				assert.Equal(t, c.want, view.String())
			}
		})
	}
	t.Run("custody up to 18, by configuration, goes behind guardianship at 18", func(t *testing.T) {
		both := only(of(relation.Custody), of(relation.Guardian))
		for now, want := range map[string]string{"2028-06-05T21:59:59Z": "custody", "2028-06-05T22:00:00Z": "guardian"} {
			view, ok := minlog.Ages{Custody: 25}.ReadsOnBehalf(both, born(t, guardianNumber), born(t, teenNumber), at(now))
			require.True(t, ok)
			assert.Equal(t, want, view.String(), now)
		}
	})
}

// yearsOld counts birthdays: who is born on 29 February has them on 1 March in other years.
func yearsOld(b minlog.Birth, now time.Time) int {
	y, m, d := now.In(calendar.Location()).Date()
	today, years := time.Date(y, m, d, 0, 0, 0, 0, time.UTC), 0
	for !time.Date(b.Day.Year+years+1, b.Day.Month, b.Day.Dom, 0, 0, 0, 0, time.UTC).After(today) {
		years++
	}
	return years
}

// ML-23 to ML-27 read one by one.
func TestReadersAreWhomTheRulesAllow(t *testing.T) {
	midnight := time.Date(2026, time.March, 1, 0, 0, 0, 0, calendar.Location())
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return midnight.AddDate(0, 0, rapid.IntRange(-2, 2).Draw(t, "days")).Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "µs")) * time.Microsecond)
	})
	birth := rapid.Custom(func(t *rapid.T) minlog.Birth {
		if rapid.IntRange(0, 5).Draw(t, "unknown") == 5 {
			return minlog.Birth{}
		}
		day := midnight.AddDate(-rapid.SampledFrom([]int{40, 18, 17, 15, 14, 0}).Draw(t, "years"), 0, rapid.IntRange(-3, 0).Draw(t, "days"))
		return minlog.Birth{Day: calendar.DayOf(day), Known: true}
	})
	grown := rapid.Just(minlog.Birth{Day: calendar.Day{Year: 1980, Month: time.February, Dom: 29}, Known: true})
	some := rapid.Custom(func(t *rapid.T) relation.Relation {
		r := relation.Relation{Kind: rapid.SampledFrom([]relation.Kind{relation.Guardian, relation.Proxy, relation.Custody, relation.None}).Draw(t, "kind")}
		r.Scope = rapid.SliceOfN(rapid.SampledFrom([]string{"minlog", "*", "fmk", ""}), 0, 2).Draw(t, "scope")
		r.Valid.From = rapid.OneOf(rapid.Just(time.Time{}), moment).Draw(t, "from")
		r.Valid.To = rapid.OneOf(rapid.Just(time.Time{}), moment).Draw(t, "to")
		return r
	})
	rapid.Check(t, func(t *rapid.T) {
		now, actor, subject := moment.Draw(t, "now"), rapid.OneOf(grown, birth).Draw(t, "actor"), rapid.OneOf(grown, birth).Draw(t, "subject")
		limits := minlog.Ages{Self: rapid.IntRange(0, 18).Draw(t, "own"), Custody: rapid.SampledFrom([]int{15, 18, 100}).Draw(t, "custody")}
		found := rapid.SliceOfN(some, 0, 6).Draw(t, "found")

		born := func(b minlog.Birth) bool { return b.Known && !calendar.DayOf(now).Before(b.Day) }
		require.Equal(t, born(actor) && yearsOld(actor, now) >= limits.Self, limits.ReadsOwn(actor, now))

		may := map[minlog.View]bool{}
		for _, r := range found {
			inForce := (r.Valid.From.IsZero() || !r.Valid.From.After(now)) && (r.Valid.To.IsZero() || r.Valid.To.After(now))
			if !inForce || !born(actor) || !born(subject) || yearsOld(actor, now) < 18 {
				continue
			}
			scoped := false
			for _, s := range r.Scope {
				scoped = scoped || s == "minlog" || s == "*"
			}
			years := yearsOld(subject, now)
			may[minlog.Custody] = may[minlog.Custody] || r.Kind == relation.Custody && years < limits.Custody
			may[minlog.Guardian] = may[minlog.Guardian] || r.Kind == relation.Guardian && years >= 18
			may[minlog.Proxy] = may[minlog.Proxy] || r.Kind == relation.Proxy && scoped && years >= 18
		}
		view, ok := limits.ReadsOnBehalf(found, actor, subject, now)
		require.Equal(t, may[minlog.Custody] || may[minlog.Guardian] || may[minlog.Proxy], ok)
		if !ok {
			return
		}
		require.True(t, may[view], "%s", view)
		require.False(t, view == minlog.Custody && (may[minlog.Guardian] || may[minlog.Proxy]), "a view that shows less")
		require.False(t, view == minlog.Proxy && may[minlog.Guardian], "the proxy before the guardian")

		more := slices.Concat(found, []relation.Relation{some.Draw(t, "one more")})
		wider, ok := limits.ReadsOnBehalf(more, actor, subject, now)
		require.True(t, ok, "one more relation takes the view away")
		for _, filter := range []string{"", "Ikke borger", "Ikke forældremyndigheds-indehaver"} {
			e := minlog.Entry{Filters: []string{filter}}
			require.False(t, view.Shows(&e) && !wider.Shows(&e), "one more relation shows less: %s, %s", view, wider)
		}
	})
}
