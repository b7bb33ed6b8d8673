package minlog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
)

var now = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func rules(version string) minlog.Rules {
	return minlog.Rules{
		Interface: version, Now: now, FutureTolerance: 5 * time.Minute, MaxPeriod: 31 * 24 * time.Hour, Cutoff: minlog.Cutoff(now, 2),
	}
}

// good is a draft that breaks no rule.
func good() minlog.Draft {
	return minlog.Draft{
		Entry: minlog.Entry{
			System: "FMK", Activity: "Opslag på medicinkort",
			Person:         minlog.ID{Source: minlog.CPR, Value: "0202801111"},
			SequenceNumber: "7",
			User:           minlog.ID{Source: minlog.CPR, Value: "0505851111"},
		},
		At: minlog.Instant(at("2026-11-01T08:15:00Z")),
	}
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func period(from, to string) func(*minlog.Draft) {
	return func(d *minlog.Draft) {
		d.At, d.From, d.To = minlog.Moment{}, minlog.Instant(at(from)), minlog.Instant(at(to))
	}
}

func instant(s string) func(*minlog.Draft) {
	return func(d *minlog.Draft) { d.At = minlog.Instant(at(s)) }
}

func org(source, value string) func(*minlog.Draft) {
	return func(d *minlog.Draft) { d.Entry.Org = minlog.ID{Source: source, Value: value} }
}

func person(source, value string) func(*minlog.Draft) {
	return func(d *minlog.Draft) { d.Entry.Person = minlog.ID{Source: source, Value: value} }
}

func user(source, value string) func(*minlog.Draft) {
	return func(d *minlog.Draft) { d.Entry.User = minlog.ID{Source: source, Value: value} }
}

func behalf(source, value string) func(*minlog.Draft) {
	return func(d *minlog.Draft) { d.Entry.OnBehalfOf = minlog.ID{Source: source, Value: value} }
}

func chain(links int) *minlog.Chain {
	var c *minlog.Chain
	for range links {
		c = &minlog.Chain{System: "S", Source: c}
	}
	return c
}

const (
	v2023 = minlog.Interface20230425
	v2025 = minlog.Interface20250312
)

func TestRefusedEntries(t *testing.T) {
	both := []string{v2023, v2025}
	for _, c := range []struct {
		name     string
		versions []string
		change   func(*minlog.Draft)
		code     string
		field    minlog.Field
	}{
		{"system missing", both, func(d *minlog.Draft) { d.Entry.System = "" }, minlog.CodeMissing, minlog.FieldSystem},
		{"system blank", both, func(d *minlog.Draft) { d.Entry.System = " \t" }, minlog.CodeMissing, minlog.FieldSystem},
		{"activity missing", both, func(d *minlog.Draft) { d.Entry.Activity = "" }, minlog.CodeMissing, minlog.FieldActivity},
		{"person missing", both, person("", ""), minlog.CodeMissing, minlog.FieldPerson},
		{"person without source", both, person("", "0202801111"), minlog.CodeMissing, minlog.FieldPerson},
		{"person without id", both, person(minlog.CPR, " "), minlog.CodeMissing, minlog.FieldPerson},
		{"user missing", both, user("", ""), minlog.CodeMissing, minlog.FieldUser},
		{"organisation without source", both, org("", "1"), minlog.CodeMissing, minlog.FieldOrg},
		{"destination missing", both, func(d *minlog.Draft) { d.NoDestination = true }, minlog.CodeMissing, minlog.FieldDestination},

		{"AC-5 activity of 76 letters", both, func(d *minlog.Draft) { d.Entry.Activity = strings.Repeat("æ", 76) }, minlog.CodeTooLong, minlog.FieldActivity},
		{"system of 26", both, func(d *minlog.Draft) { d.Entry.System = strings.Repeat("s", 26) }, minlog.CodeTooLong, minlog.FieldSystem},
		{"reason of 51", both, func(d *minlog.Draft) { d.Entry.Reason = strings.Repeat("s", 51) }, minlog.CodeTooLong, minlog.FieldReason},
		{"addition of 51", both, func(d *minlog.Draft) { d.Entry.Addition = strings.Repeat("s", 51) }, minlog.CodeTooLong, minlog.FieldAddition},
		{"criticality of 51", both, func(d *minlog.Draft) { d.Entry.Criticality = strings.Repeat("s", 51) }, minlog.CodeTooLong, minlog.FieldCriticality},
		{"organisation of 201", both, org(minlog.SOR, strings.Repeat("1", 201)), minlog.CodeTooLong, minlog.FieldOrg},
		{"organisation source of 201", both, org(strings.Repeat("1", 201), "1"), minlog.CodeTooLong, minlog.FieldOrg},
		{"organisation name of 201", both, func(d *minlog.Draft) { d.Entry.OrgName = strings.Repeat("s", 201) }, minlog.CodeTooLong, minlog.FieldOrgName},
		{"person of 51", both, person(minlog.ECPR, strings.Repeat("1", 51)), minlog.CodeTooLong, minlog.FieldPerson},
		{"person name of 51", both, func(d *minlog.Draft) { d.Entry.PersonName = strings.Repeat("s", 51) }, minlog.CodeTooLong, minlog.FieldPersonName},
		{"correlation id of 47", both, func(d *minlog.Draft) { d.Entry.CorrelationID = strings.Repeat("s", 47) }, minlog.CodeTooLong, minlog.FieldCorrelationID},
		{"sequence number of 37", both, func(d *minlog.Draft) { d.Entry.SequenceNumber = strings.Repeat("s", 37) }, minlog.CodeTooLong, minlog.FieldSequenceNumber},
		{"user of 51", both, user(minlog.Authorisation, strings.Repeat("s", 51)), minlog.CodeTooLong, minlog.FieldUser},
		{"user name of 51", both, func(d *minlog.Draft) { d.Entry.UserName = strings.Repeat("s", 51) }, minlog.CodeTooLong, minlog.FieldUserName},
		{"user role of 201", both, func(d *minlog.Draft) { d.Entry.UserRole = strings.Repeat("s", 201) }, minlog.CodeTooLong, minlog.FieldUserRole},
		{"behalf of 51", both, behalf(minlog.Authorisation, strings.Repeat("s", 51)), minlog.CodeTooLong, minlog.FieldOnBehalfOf},
		{"behalf name of 51", both, func(d *minlog.Draft) { d.Entry.OnBehalfOfName = strings.Repeat("s", 51) }, minlog.CodeTooLong, minlog.FieldOnBehalfOfName},
		{"behalf role of 201", both, func(d *minlog.Draft) { d.Entry.OnBehalfOfRole = strings.Repeat("s", 201) }, minlog.CodeTooLong, minlog.FieldOnBehalfOfRole},
		{"filter of 51", both, func(d *minlog.Draft) { d.Entry.Filters = []string{strings.Repeat("s", 51)} }, minlog.CodeTooLong, minlog.FieldFilters},
		{"source correlation id of 47", both, func(d *minlog.Draft) {
			d.Entry.Source = &minlog.Chain{Source: &minlog.Chain{CorrelationID: strings.Repeat("s", 47)}}
		}, minlog.CodeTooLong, minlog.FieldSourceCorrelationID},
		{"source system of 26", both, func(d *minlog.Draft) { d.Entry.Source = &minlog.Chain{System: strings.Repeat("s", 26)} }, minlog.CodeTooLong, minlog.FieldSourceSystem},

		{"AC-2 organisation source SKS on 2025", []string{v2025}, org("SKS", "1301"), minlog.CodeSource, minlog.FieldOrg},
		{"organisation source Yder on 2025", []string{v2025}, org("Yder", "1"), minlog.CodeSource, minlog.FieldOrg},
		{"organisation source sor in lower case", []string{v2025}, org("sor", "1"), minlog.CodeSource, minlog.FieldOrg},
		{"person source cpr in lower case", both, person("cpr", "0202801111"), minlog.CodeSource, minlog.FieldPerson},
		{"person source Autorisation", both, person(minlog.Authorisation, "TST01"), minlog.CodeSource, minlog.FieldPerson},
		{"user source eCPR", both, user(minlog.ECPR, "1"), minlog.CodeSource, minlog.FieldUser},
		{"AC-4 user source EuropeanHealthcareProfessional on 2023", []string{v2023}, user(minlog.EuropeanHealthProfessional, "SE - 1"), minlog.CodeSource, minlog.FieldUser},
		{"behalf source EuropeanHealthcareProfessional", both, behalf(minlog.EuropeanHealthProfessional, "SE - 1"), minlog.CodeSource, minlog.FieldOnBehalfOf},

		{"AC-11 CPR of a day that is none", both, person(minlog.CPR, "3102801111"), minlog.CodePersonID, minlog.FieldPerson},
		{"AC-11 CPR of zeros", both, person(minlog.CPR, "0000000000"), minlog.CodePersonID, minlog.FieldPerson},
		{"user CPR of letters", both, user(minlog.CPR, "020280111A"), minlog.CodePersonID, minlog.FieldUser},
		{"behalf CPR too short", both, behalf(minlog.CPR, "020280111"), minlog.CodePersonID, minlog.FieldOnBehalfOf},

		{"AC-6 last second before 2015", both, instant("2014-12-31T23:59:59Z"), minlog.CodeTooEarly, minlog.FieldAt},
		{"AC-6 first instant of 2015", both, instant("2015-01-01T00:00:00Z"), minlog.CodeTooOld, minlog.FieldAt},
		{"AC-7 five minutes and a second from now", both, instant("2026-11-21T12:05:01Z"), minlog.CodeFuture, minlog.FieldAt},
		{"AC-7 two years ago to the instant", both, instant("2024-11-21T12:00:00Z"), minlog.CodeTooOld, minlog.FieldAt},
		{"AC-8 an instant and the beginning of a period", both, func(d *minlog.Draft) { d.From = d.At }, minlog.CodeTime, minlog.FieldAt},
		{"AC-8 only the end of a period", both, func(d *minlog.Draft) { d.At, d.To = minlog.Moment{}, d.At }, minlog.CodeTime, minlog.FieldFrom},
		{"only the beginning of a period", both, func(d *minlog.Draft) { d.At, d.From = minlog.Moment{}, d.At }, minlog.CodeTime, minlog.FieldFrom},
		{"no time", both, func(d *minlog.Draft) { d.At = minlog.Moment{} }, minlog.CodeTime, minlog.FieldFrom},
		{"unreadable time", both, func(d *minlog.Draft) { d.At = minlog.Moment{Sent: true} }, minlog.CodeTime, minlog.FieldAt},
		{"AC-8 two activities", both, func(d *minlog.Draft) { d.Repeated.Add(minlog.FieldActivity) }, minlog.CodeDuplicate, minlog.FieldActivity},
		{"year of five digits", both, instantOf(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), minlog.CodeTime, minlog.FieldAt},
		{"beginning before 2015", both, period("2014-12-31T23:59:59Z", "2026-11-01T00:00:00Z"), minlog.CodeTooEarly, minlog.FieldFrom},
		{"end in the future", both, period("2026-11-01T00:00:00Z", "2026-11-21T13:00:00Z"), minlog.CodeFuture, minlog.FieldTo},
		{"end before the beginning", both, period("2026-11-01T09:00:00Z", "2026-11-01T08:00:00Z"), minlog.CodePeriod, minlog.FieldFrom},
		{"31 days and a microsecond", both, period("2026-10-01T00:00:00Z", "2026-11-01T00:00:00.000001Z"), minlog.CodePeriodLength, minlog.FieldTo},

		{"eleven filters", both, func(d *minlog.Draft) { d.FilterCount = 11 }, minlog.CodeTooManyFilters, minlog.FieldFilters},
		{"nine links", both, func(d *minlog.Draft) { d.Entry.Source = chain(9) }, minlog.CodeSourceDepth, minlog.FieldSource},
		{"links beyond those kept", both, func(d *minlog.Draft) { d.ChainTooDeep = true }, minlog.CodeSourceDepth, minlog.FieldSource},
		{"source repeated", both, func(d *minlog.Draft) { d.Repeated.Add(minlog.FieldSource) }, minlog.CodeDuplicate, minlog.FieldSource},
		{"destination repeated", both, func(d *minlog.Draft) { d.Repeated.Add(minlog.FieldDestination) }, minlog.CodeDuplicate, minlog.FieldDestination},
		{"the octet 0 in a system", both, func(d *minlog.Draft) { d.Entry.System = "F\x00" }, minlog.CodeValue, minlog.FieldSystem},
		{"the octet 0 in a person", both, person(minlog.ECPR, "F\x00"), minlog.CodeValue, minlog.FieldPerson},
		{"elements in a role", both, func(d *minlog.Draft) { d.Malformed.Add(minlog.FieldUserRole) }, minlog.CodeValue, minlog.FieldUserRole},
		{"elements in a filter", both, func(d *minlog.Draft) { d.Malformed.Add(minlog.FieldFilters) }, minlog.CodeValue, minlog.FieldFilters},
		{"unknown element", both, func(d *minlog.Draft) { d.Unknown = true }, minlog.CodeUnknown, minlog.FieldEntry},

		{"first in the order of elements", both, func(d *minlog.Draft) {
			d.Unknown = true
			d.Entry.UserRole = strings.Repeat("s", 201)
			d.Entry.Person.Source = "?"
			d.Entry.Activity = ""
		}, minlog.CodeMissing, minlog.FieldActivity},
		{"length before source", both, person("?", strings.Repeat("1", 51)), minlog.CodeTooLong, minlog.FieldPerson},
	} {
		for _, v := range c.versions {
			t.Run(c.name+"/"+v, func(t *testing.T) {
				d := good()
				c.change(&d)
				r := rules(v)
				e, why, ok := r.Check(&d)
				require.False(t, ok, "Check accepted %+v", e)
				assert.Equal(t, minlog.Problem{Code: c.code, Field: c.field}, why)
			})
		}
	}
}

func instantOf(t time.Time) func(*minlog.Draft) {
	return func(d *minlog.Draft) { d.At = minlog.Instant(t) }
}

func TestAcceptedEntries(t *testing.T) {
	for _, c := range []struct {
		name    string
		version string
		change  func(*minlog.Draft)
		want    func(*minlog.Entry)
	}{
		{"as it is", v2025, func(*minlog.Draft) {}, func(*minlog.Entry) {}},
		{"AC-2 organisation source Yder on 2023", v2023, org("Yder", "1"), func(e *minlog.Entry) { e.Org = minlog.ID{Source: "YDER", Value: "1"} }},
		{"AC-2 organisation source XYZ on 2023", v2023, org("XYZ", "1"), func(e *minlog.Entry) { e.Org = minlog.ID{Source: "XYZ", Value: "1"} }},
		{"AC-4 user source EuropeanHealthcareProfessional on 2025", v2025, user(minlog.EuropeanHealthProfessional, "SE - 1a"),
			func(e *minlog.Entry) { e.User = minlog.ID{Source: minlog.EuropeanHealthProfessional, Value: "SE - 1a"} }},
		{"AC-5 activity of 75 letters", v2025, func(d *minlog.Draft) { d.Entry.Activity = strings.Repeat("æ", 75) },
			func(e *minlog.Entry) { e.Activity = strings.Repeat("æ", 75) }},
		{"AC-7 five minutes from now", v2025, instant("2026-11-21T12:05:00Z"), times("2026-11-21T12:05:00Z", "2026-11-21T12:05:00Z")},
		{"AC-7 a microsecond less than two years ago", v2025, instant("2024-11-21T12:00:00.000001Z"),
			times("2024-11-21T12:00:00.000001Z", "2024-11-21T12:00:00.000001Z")},
		{"AC-11 CPR with hyphen", v2025, person(minlog.CPR, "020280-1111"), func(*minlog.Entry) {}},
		{"eCPR and authorisation in upper case", v2025, func(d *minlog.Draft) {
			person(minlog.ECPR, "010101abcd")(d)
			user(minlog.Authorisation, "tst01")(d)
			behalf(minlog.Authorisation, "tst02")(d)
		}, func(e *minlog.Entry) {
			e.Person.Source, e.Person.Value = minlog.ECPR, "010101ABCD"
			e.User = minlog.ID{Source: minlog.Authorisation, Value: "TST01"}
			e.OnBehalfOf = minlog.ID{Source: minlog.Authorisation, Value: "TST02"}
		}},
		{"period of 31 days", v2025, period("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"), times("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")},
		{"period that began before the cutoff", v2025, period("2024-11-21T11:00:00Z", "2024-11-21T13:00:00Z"), times("2024-11-21T11:00:00Z", "2024-11-21T13:00:00Z")},
		{"cut to microseconds, in UTC", v2025, instant("2026-11-01T09:15:00.123456789+01:00"), times("2026-11-01T08:15:00.123456Z", "2026-11-01T08:15:00.123456Z")},
		{"ten filters, equal ones once, empty ones none", v2025, func(d *minlog.Draft) {
			d.Entry.Filters, d.FilterCount = []string{"Ikke borger", "", "x", "Ikke borger"}, 10
		}, func(e *minlog.Entry) { e.Filters = []string{"Ikke borger", "x"} }},
		{"only empty filters", v2025, func(d *minlog.Draft) { d.Entry.Filters = []string{""} }, func(*minlog.Entry) {}},
		{"words that are not known", v2025, func(d *minlog.Draft) { d.Entry.Addition, d.Entry.Criticality = "værdispring", "Høj" },
			func(e *minlog.Entry) { e.Addition, e.Criticality = "værdispring", "Høj" }},
		{"empty organisation with a source", v2025, org("?", ""), func(*minlog.Entry) {}},
		{"eight links, empty ones at the end left out", v2025, func(d *minlog.Draft) {
			d.Entry.Source = &minlog.Chain{Source: &minlog.Chain{System: "A", Source: &minlog.Chain{Source: &minlog.Chain{}}}}
		}, func(e *minlog.Entry) { e.Source = &minlog.Chain{Source: &minlog.Chain{System: "A"}} }},
		{"empty source", v2025, func(d *minlog.Draft) { d.Entry.Source = &minlog.Chain{} }, func(*minlog.Entry) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := good()
			want := d.Entry
			want.From, want.To = d.At.Time, d.At.Time
			c.change(&d)
			c.want(&want)
			r := rules(c.version)
			got, why, ok := r.Check(&d)
			require.True(t, ok, "Check refused: %v", why)
			assert.Equal(t, want, got)
		})
	}
}

func times(from, to string) func(*minlog.Entry) {
	return func(e *minlog.Entry) { e.From, e.To = at(from), at(to) }
}

func TestFutureRuleCanBeOff(t *testing.T) {
	r := rules(v2025)
	for _, c := range []struct {
		tolerance time.Duration
		to        string
		ok        bool
	}{
		{0, "2026-11-21T12:00:00Z", true},
		{0, "2026-11-21T12:00:00.000001Z", false},
		{-1, "2099-01-01T00:00:00Z", true},
	} {
		r.FutureTolerance = c.tolerance
		d := good()
		instant(c.to)(&d)
		_, _, ok := r.Check(&d)
		assert.Equal(t, c.ok, ok, "tolerance %v, %s", c.tolerance, c.to)
	}
}

func TestBulk(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		want error
	}{
		{"AC-3 none", 0, fault.Error{Kind: fault.Malformed, Code: "syntax_error", Text: "at least one LogDataEntry is required"}},
		{"one", 1, nil},
		{"AC-3 as many as allowed", 1000, nil},
		{"AC-3 one more", 1001, fault.Error{Kind: fault.TooLarge, Code: "too_many_entries", Text: "1001 entries, at most 1000 allowed"}},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, minlog.CheckBulk(c.n, 1000)) })
	}
}

func TestSequence(t *testing.T) {
	d := good()
	assert.Equal(t, "7", d.Sequence())
	for name, change := range map[string]func(*minlog.Draft){
		"too long":  func(d *minlog.Draft) { d.Entry.SequenceNumber = strings.Repeat("x", 37) },
		"repeated":  func(d *minlog.Draft) { d.Repeated.Add(minlog.FieldSequenceNumber) },
		"malformed": func(d *minlog.Draft) { d.Malformed.Add(minlog.FieldSequenceNumber) },
	} {
		d := good()
		change(&d)
		assert.Empty(t, d.Sequence(), name)
	}
}

func TestCheckedEntriesAreCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draft().Draw(t, "draft")
		r := rules(rapid.SampledFrom([]string{v2023, v2025, minlog.Interface1}).Draw(t, "version"))
		before := fmt.Sprintf("%+v", d)
		e, why, ok := r.Check(&d)
		require.Equal(t, before, fmt.Sprintf("%+v", d), "the draft was changed")
		if !ok {
			require.NotEmpty(t, why.Code)
			return
		}
		require.True(t, e.To.After(r.Cutoff) && !e.From.After(e.To) && e.To.Sub(e.From) <= r.MaxPeriod)
		again, why, ok := r.Check(&minlog.Draft{Entry: e, From: minlog.Instant(e.From), To: minlog.Instant(e.To)})
		require.True(t, ok, "the checked entry was refused: %v", why)
		require.Equal(t, e, again)
	})
}

// draft makes drafts that are right about as often as wrong.
func draft() *rapid.Generator[minlog.Draft] {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", " ", "FMK", "Opslag", strings.Repeat("å", 50), strings.Repeat("x", 201)}), rapid.String())
	id := func(sources ...string) *rapid.Generator[minlog.ID] {
		return rapid.Custom(func(t *rapid.T) minlog.ID {
			return minlog.ID{
				Source: rapid.SampledFrom(append(sources, "", "?")).Draw(t, "source"),
				Value:  rapid.SampledFrom([]string{"0202801111", "050585-1111", "tst01", "3102801111", ""}).Draw(t, "id"),
			}
		})
	}
	when := rapid.Custom(func(t *rapid.T) time.Time {
		return now.Add(-time.Duration(rapid.Int64Range(-int64(time.Hour), int64(900*24*time.Hour)).Draw(t, "ago")))
	})
	return rapid.Custom(func(t *rapid.T) minlog.Draft {
		d := minlog.Draft{Entry: minlog.Entry{
			Source: rapid.SampledFrom([]*minlog.Chain{nil, nil, chain(1), chain(8), chain(9), {}}).Draw(t, "chain"),
			System: rapid.SampledFrom([]string{"FMK", "FMK", ""}).Draw(t, "system"), Activity: text.Draw(t, "activity"),
			Reason: text.Draw(t, "reason"),
			Org:    id(minlog.SOR, "Yder", minlog.Other).Draw(t, "org"), Person: id(minlog.CPR, minlog.ECPR).Draw(t, "person"),
			User: id(minlog.CPR, minlog.Authorisation, minlog.EuropeanHealthProfessional, minlog.Other).Draw(t, "user"), OnBehalfOf: id(minlog.CPR).Draw(t, "behalf"),
			Filters: rapid.SliceOfN(rapid.SampledFrom([]string{"Ikke borger", "", "x"}), 0, 4).Draw(t, "filters"),
		}}
		if len(d.Entry.Filters) == 0 {
			d.Entry.Filters = nil
		}
		from := when.Draw(t, "from")
		if rapid.Bool().Draw(t, "instant") {
			d.At = minlog.Instant(from)
		} else {
			d.From, d.To = minlog.Instant(from), minlog.Instant(from.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(800*time.Hour)).Draw(t, "length"))))
		}
		return d
	})
}
