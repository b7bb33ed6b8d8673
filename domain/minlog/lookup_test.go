package minlog_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
)

func TestCutoff(t *testing.T) {
	for _, c := range []struct{ now, want string }{
		{"2026-11-21T12:00:00Z", "2024-11-21T12:00:00Z"},
		{"2028-02-29T10:00:00Z", "2026-03-01T10:00:00Z"},
		{"2026-11-21T00:30:00+01:00", "2024-11-20T23:30:00Z"},
	} {
		assert.Equal(t, at(c.want), minlog.Cutoff(at(c.now), 2), c.now)
	}
}

func TestWindow(t *testing.T) {
	cutoff := minlog.Cutoff(now, 2)
	for _, c := range []struct {
		name                       string
		from, to, entryFrom, entry string
		want                       bool
	}{
		{"AC-22 event at the beginning", "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z", true},
		{"AC-22 event at the end", "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T09:00:00Z", false},
		{"AC-22 period into the window", "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T07:00:00Z", "2026-11-01T08:10:00Z", true},
		{"period that ended before", "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T07:00:00Z", "2026-11-01T07:59:59.999999Z", false},
		{"no bounds", "", "", "2026-11-01T07:00:00Z", "2026-11-01T07:00:00Z", true},
		{"no bounds, too old", "", "", "2024-11-21T12:00:00Z", "2024-11-21T12:00:00Z", false},
		{"empty window", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z", "2026-11-01T07:00:00Z", "2026-11-01T09:00:00Z", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := minlog.Window(cutoff, bound(c.from), bound(c.to), time.Hour, true)
			require.NoError(t, err)
			assert.Equal(t, c.want, q.Selects(at(c.entryFrom), at(c.entry)))
		})
	}
	_, err := minlog.Window(cutoff, at("2026-11-01T08:00:00.000001Z"), at("2026-11-01T08:00:00Z"), 0, false)
	assert.True(t, fault.Is(err, fault.Malformed), "a window that ends before it begins: %v", err)
}

func bound(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	return at(s)
}

func number(t *testing.T, s string) cpr.Number {
	n, err := cpr.Parse(s)
	require.NoError(t, err)
	return n
}

func TestProfessional(t *testing.T) {
	p := minlog.Professional{CPR: number(t, "0404701111"), Authorisation: "tst01"}
	assert.Equal(t, []minlog.ID{{Source: "CPR", Value: "0404701111"}, {Source: "Autorisation", Value: "TST01"}}, p.IDs())
	assistant := minlog.ID{Source: "CPR", Value: "0505851111"}
	for _, c := range []struct {
		name         string
		user, behalf minlog.ID
		want         bool
	}{
		{"AC-31 by number", assistant, minlog.ID{Source: "CPR", Value: "0404701111"}, true},
		{"AC-31 by code", assistant, minlog.ID{Source: "Autorisation", Value: "TST01"}, true},
		{"AC-31 own act", minlog.ID{Source: "Autorisation", Value: "TST01"}, minlog.ID{Source: "CPR", Value: "0404701111"}, false},
		{"AC-31 for another", assistant, minlog.ID{Source: "Autorisation", Value: "TST02"}, false},
		{"for nobody", assistant, minlog.ID{}, false},
		{"a number as code", assistant, minlog.ID{Source: "Autorisation", Value: "0404701111"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, p.ActedFor(&minlog.Entry{User: c.user, OnBehalfOf: c.behalf}))
		})
	}
	nobody := minlog.Professional{}
	assert.Empty(t, nobody.IDs())
	for _, id := range []minlog.ID{{}, {Source: "CPR"}, {Source: "Autorisation"}} {
		assert.False(t, nobody.Is(id), "%v", id)
	}
}

func TestMasked(t *testing.T) {
	e := minlog.Entry{User: minlog.ID{Source: "CPR", Value: "0505851111"}, OnBehalfOf: minlog.ID{Source: "Autorisation", Value: "TST01"},
		Person: minlog.ID{Source: "CPR", Value: "0202801111"}}
	want := e
	want.User = minlog.ID{}
	assert.Equal(t, want, minlog.Masked(e))
	e.User, e.OnBehalfOf = e.OnBehalfOf, e.User
	want.User, want.OnBehalfOf = e.User, minlog.ID{}
	assert.Equal(t, want, minlog.Masked(e))
}

func TestSelection(t *testing.T) {
	e := minlog.Entry{System: "FMK", Activity: "Opslag", Addition: "Ingen", Criticality: "Ingen", UserRole: "Læge", OrgName: "Klinik"}
	eq := func(field, value string) minlog.Condition { return minlog.Condition{Field: field, Value: value} }
	for _, c := range []struct {
		name string
		s    minlog.Selection
		want bool
	}{
		{"none", minlog.Selection{}, true},
		{"one value", minlog.Selection{Pass: []minlog.Condition{eq("SystemName", "FMK")}}, true},
		{"one of two values", minlog.Selection{Pass: []minlog.Condition{eq("SystemName", "X"), eq("SystemName", "FMK")}}, true},
		{"no value", minlog.Selection{Pass: []minlog.Condition{eq("SystemName", "X")}}, false},
		{"two fields", minlog.Selection{Pass: []minlog.Condition{eq("Activity", "Opslag"), eq("Addition", "Ingen"), eq("Criticality", "Ingen"), eq("UserRole", "Læge"), eq("OrganisationName", "Klinik")}}, true},
		{"one of two fields", minlog.Selection{Pass: []minlog.Condition{eq("SystemName", "FMK"), eq("UserRole", "læge")}}, false},
		{"stopped", minlog.Selection{Stop: []minlog.Condition{eq("SystemName", "X"), eq("UserRole", "Læge")}}, false},
		{"passed and stopped", minlog.Selection{Pass: []minlog.Condition{eq("SystemName", "FMK")}, Stop: []minlog.Condition{eq("SystemName", "FMK")}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, c.s.Check())
			assert.Equal(t, c.want, c.s.Keeps(&e))
		})
	}
	for name, s := range map[string]minlog.Selection{
		"unknown field":  {Pass: []minlog.Condition{eq("PersonIdentifier", "x")}},
		"empty value":    {Stop: []minlog.Condition{eq("SystemName", "")}},
		"value too long": {Stop: []minlog.Condition{eq("SystemName", strings.Repeat("å", 201))}},
		"too many":       {Pass: slices.Repeat([]minlog.Condition{eq("SystemName", "x")}, 11), Stop: slices.Repeat([]minlog.Condition{eq("SystemName", "x")}, 10)},
	} {
		assert.True(t, fault.Is(s.Check(), fault.Malformed), name)
	}
	assert.NoError(t, minlog.Selection{Pass: slices.Repeat([]minlog.Condition{eq("SystemName", strings.Repeat("å", 200))}, 20)}.Check())
}

func registration(id byte, e minlog.Entry, from, to string) minlog.Registration {
	e.From, e.To = at(from), at(to)
	return minlog.Registration{ID: minlog.RegistrationID{id}, Entry: e}
}

func ids(groups []minlog.Group) (all [][]byte) {
	for _, g := range groups {
		var one []byte
		for _, r := range g.Entries {
			one = append(one, r.ID[0])
		}
		all = append(all, one)
	}
	return all
}

func TestGroups(t *testing.T) {
	called := func(id string) *minlog.Chain { return &minlog.Chain{CorrelationID: id} }
	regs := []minlog.Registration{ // newest first
		registration(1, minlog.Entry{System: "A", Source: called("x")}, "2026-11-03T10:00:00Z", "2026-11-03T11:00:00Z"),
		registration(2, minlog.Entry{System: "A", CorrelationID: "x"}, "2026-11-03T09:00:00Z", "2026-11-03T09:00:00Z"),
		registration(3, minlog.Entry{System: "B", Source: called("x"), CorrelationID: "y"}, "2026-11-02T23:00:00Z", "2026-11-02T23:00:00Z"),
		registration(4, minlog.Entry{System: "A", CorrelationID: "x"}, "2026-11-02T22:59:59Z", "2026-11-02T22:59:59Z"),
		registration(5, minlog.Entry{System: "A"}, "2026-11-02T10:00:00Z", "2026-11-02T10:00:00Z"),
		registration(6, minlog.Entry{System: "A"}, "2026-11-02T09:00:00Z", "2026-11-02T09:00:00Z"),
	}
	for _, c := range []struct {
		word  string
		known bool
		want  [][]byte
	}{
		{"", true, [][]byte{{1}, {2}, {3}, {4}, {5}, {6}}},
		{"None", true, [][]byte{{1}, {2}, {3}, {4}, {5}, {6}}},
		{"CorrelationId", true, [][]byte{{1, 3}, {2, 4}, {5}, {6}}},
		{"Day", true, [][]byte{{1, 2}, {3}, {4, 5, 6}}}, // 23:00Z is the next day in Copenhagen
		{"day", false, [][]byte{{1}, {2}, {3}, {4}, {5}, {6}}},
	} {
		t.Run("ML-30 "+c.word, func(t *testing.T) {
			by, known := minlog.ParseGrouping(c.word)
			assert.Equal(t, c.known, known)
			assert.Equal(t, c.want, ids(minlog.GroupBy(regs, by)))
		})
	}
}

// ML-29, ML-30: two registrations are in one group if and only if the rule says so; nothing is lost, and each group and all groups are in order.
func TestGroupsHoldWhatBelongsTogether(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "x", "y"})
	one := rapid.Custom(func(t *rapid.T) minlog.Registration {
		e := minlog.Entry{System: word.Draw(t, "system"), CorrelationID: word.Draw(t, "correlation"), User: minlog.ID{Source: "CPR", Value: word.Draw(t, "user")}}
		if rapid.Bool().Draw(t, "called") {
			e.Source = &minlog.Chain{CorrelationID: word.Draw(t, "called by"), System: word.Draw(t, "calling")}
		}
		e.To = at("2026-11-02T22:00:00Z").Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "half hours")) * 30 * time.Minute)
		e.From = e.To.Add(-time.Duration(rapid.IntRange(0, 2).Draw(t, "hours")) * time.Hour)
		return minlog.Registration{ID: minlog.RegistrationID{rapid.Byte().Draw(t, "id")}, Entry: e}
	})
	together := map[minlog.Grouping]func(a, b *minlog.Entry) bool{
		minlog.Ungrouped: func(_, _ *minlog.Entry) bool { return false },
		minlog.ByCorrelationID: func(a, b *minlog.Entry) bool {
			called := func(e *minlog.Entry) bool { return e.Source != nil && e.Source.CorrelationID != "" }
			if called(a) || called(b) {
				return called(a) && called(b) && a.Source.CorrelationID == b.Source.CorrelationID
			}
			return a.CorrelationID != "" && a.CorrelationID == b.CorrelationID
		},
		minlog.ByDay: func(a, b *minlog.Entry) bool { // midnight in Copenhagen is 23:00Z
			midnight := at("2026-11-02T23:00:00Z")
			return a.To.Before(midnight) == b.To.Before(midnight) && a.System == b.System && a.User == b.User
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		chronologic := rapid.Bool().Draw(t, "chronologic")
		order := func(a, b minlog.Registration) int {
			if chronologic {
				return a.Cursor().Compare(b.Cursor())
			}
			return b.Cursor().Compare(a.Cursor())
		}
		regs := rapid.SliceOfNDistinct(one, 0, 12, func(r minlog.Registration) minlog.RegistrationID { return r.ID }).Draw(t, "registrations")
		slices.SortFunc(regs, order)
		for by, same := range together {
			groups := minlog.GroupBy(regs, by)
			var firsts []minlog.Registration
			groupOf := map[minlog.RegistrationID]int{}
			for i, g := range groups {
				require.True(t, slices.IsSortedFunc(g.Entries, order))
				firsts = append(firsts, g.Entries[0])
				for _, r := range g.Entries {
					_, twice := groupOf[r.ID]
					require.False(t, twice, "in two groups")
					groupOf[r.ID] = i
				}
			}
			require.True(t, slices.IsSortedFunc(firsts, order))
			for i := range firsts {
				require.Equal(t, i+1, minlog.FirstAfter(groups, firsts[i].Cursor(), chronologic), "the group after group %d", i)
			}
			require.Len(t, groupOf, len(regs))
			for i, a := range regs {
				for _, b := range regs[:i] {
					require.Equal(t, same(&a.Entry, &b.Entry), groupOf[a.ID] == groupOf[b.ID])
				}
			}
		}
	})
}

func TestGroupsByDayKeepPeopleApart(t *testing.T) {
	const day = "2026-11-03T10:00:00Z"
	a, b := minlog.ID{Source: "CPR", Value: "0505851111"}, minlog.ID{Source: "CPR", Value: "0404701111"}
	regs := []minlog.Registration{
		registration(1, minlog.Entry{User: a}, day, day),
		registration(2, minlog.Entry{User: b}, day, day),
		registration(3, minlog.Entry{User: a, OnBehalfOf: b}, day, day),
		registration(4, minlog.Entry{User: a, Person: b}, day, day),
		registration(5, minlog.Entry{User: a, Activity: "x"}, day, day),
		registration(6, minlog.Entry{User: a}, day, day),
	}
	assert.Equal(t, [][]byte{{1, 6}, {2}, {3}, {4}, {5}}, ids(minlog.GroupBy(regs, minlog.ByDay)))
}

func TestSummarise(t *testing.T) {
	full := minlog.Entry{
		Source: &minlog.Chain{CorrelationID: "c", System: "S", Source: &minlog.Chain{System: "inner"}}, System: "A", Activity: "a", Reason: "r", Addition: "ad",
		Criticality: "k", Org: minlog.ID{Source: "SOR", Value: "1"}, OrgName: "o", Person: minlog.ID{Source: "CPR", Value: "0202801111"}, PersonName: "p",
		CorrelationID: "d", SequenceNumber: "7", User: minlog.ID{Source: "CPR", Value: "0505851111"}, UserName: "u", UserRole: "ur",
		OnBehalfOf: minlog.ID{Source: "CPR", Value: "0404701111"}, OnBehalfOfName: "b", OnBehalfOfRole: "br", Filters: []string{"x"},
	}
	alone := minlog.Group{Entries: []minlog.Registration{registration(1, full, "2026-11-03T10:00:00Z", "2026-11-03T11:00:00Z")}}
	alone.Summarise()
	want := full
	want.Source = &minlog.Chain{CorrelationID: "c", System: "S"}
	want.SequenceNumber, want.Filters = "", nil
	want.From, want.To = at("2026-11-03T10:00:00Z"), at("2026-11-03T11:00:00Z")
	assert.Equal(t, want, alone.Head)
	assert.NotNil(t, alone.Entries[0].Entry.Source.Source, "the entry keeps its calling systems")

	t.Run("AC-40 two systems", func(t *testing.T) {
		other := full
		other.System, other.Source = "B", &minlog.Chain{CorrelationID: "c"}
		g := minlog.Group{Entries: []minlog.Registration{
			registration(1, full, "2026-11-03T10:00:00Z", "2026-11-03T11:00:00Z"),
			registration(2, other, "2026-11-03T09:00:00Z", "2026-11-03T10:30:00Z"),
		}}
		g.Summarise()
		want := want
		want.System, want.Source = "", &minlog.Chain{CorrelationID: "c"}
		want.From = at("2026-11-03T09:00:00Z")
		assert.Equal(t, want, g.Head)
	})
	t.Run("nothing in common", func(t *testing.T) {
		g := minlog.Group{Entries: []minlog.Registration{
			registration(1, full, "2026-11-03T10:00:00Z", "2026-11-03T11:00:00Z"),
			registration(2, minlog.Entry{}, "2026-11-03T10:00:00Z", "2026-11-03T12:00:00Z"),
		}}
		g.Summarise()
		assert.Equal(t, minlog.Entry{From: at("2026-11-03T10:00:00Z"), To: at("2026-11-03T12:00:00Z")}, g.Head)
	})
}

func TestMergeKeepsTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chronologic := rapid.Bool().Draw(t, "chronologic")
		order := func(a, b minlog.Registration) int {
			n := a.Cursor().Compare(b.Cursor())
			if !chronologic {
				n = -n
			}
			return n
		}
		list := func(label string) []minlog.Registration {
			all := rapid.SliceOf(rapid.Custom(func(t *rapid.T) minlog.Registration {
				return minlog.Registration{
					ID:    minlog.RegistrationID{rapid.Byte().Draw(t, "id")},
					Entry: minlog.Entry{To: now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "s")) * time.Second)},
				}
			})).Draw(t, label)
			slices.SortFunc(all, order)
			return all
		}
		a, b := list("a"), list("b")
		merged := minlog.Merge(a, b, chronologic)
		require.Len(t, merged, len(a)+len(b))
		require.True(t, slices.IsSortedFunc(merged, order))
	})
}

func TestPageToken(t *testing.T) {
	key := []byte("a key of the server")
	cursor := minlog.Cursor{At: at("2026-11-01T08:15:00.123456Z"), ID: minlog.RegistrationID{1, 2, 3}}
	token := minlog.PageToken(key, cursor, "caller", "person")
	got, err := minlog.OpenPageToken(key, token, "caller", "person")
	require.NoError(t, err)
	assert.Equal(t, cursor, got)
	for name, open := range map[string]func() (minlog.Cursor, error){
		"AC-32 of another caller": func() (minlog.Cursor, error) { return minlog.OpenPageToken(key, token, "other", "person") },
		"of other borders":        func() (minlog.Cursor, error) { return minlog.OpenPageToken(key, token, "callerp", "erson") },
		"of another server":       func() (minlog.Cursor, error) { return minlog.OpenPageToken([]byte("x"), token, "caller", "person") },
		"empty":                   func() (minlog.Cursor, error) { return minlog.OpenPageToken(key, "", "caller", "person") },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open()
			assert.True(t, fault.Is(err, fault.Malformed), "%v", err)
		})
	}
	t.Run("AC-32 altered", func(t *testing.T) {
		for i := range token {
			altered := []byte(token)
			altered[i] ^= byte(1 + rand.IntN(3)) //nolint:gosec // any other character will do
			_, err := minlog.OpenPageToken(key, string(altered), "caller", "person")
			assert.Error(t, err, "character %d", i)
		}
	})
}
