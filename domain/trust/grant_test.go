package trust_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
)

func grant(name, cvr string, from, to time.Time) trust.Grant {
	return trust.Grant{ID: name + cvr, Name: name, CVR: cvr, Valid: validity.Period{From: from, To: to}}
}

func TestGrantsHas(t *testing.T) {
	hour := time.Hour
	held := trust.NewGrants([]trust.Grant{
		grant("consent.admin", "99999901", noon, time.Time{}),
		grant("consent.admin", "99999902", noon.Add(-hour), noon),
		grant("consent.admin", "99999902", noon.Add(hour), noon.Add(2*hour)),
		grant("sces", trust.AnyCVR, noon, noon.Add(hour)),
		grant("ecpr.read", trust.AnyCVR, time.Time{}, time.Time{}),
		grant("ecpr.read", "", time.Time{}, time.Time{}),
		grant("", "99999901", time.Time{}, time.Time{}),
	})
	for _, c := range []struct {
		name, grant, cvr string
		at               time.Time
		want             bool
	}{
		{"held", "consent.admin", "99999901", noon, true},
		{"SA-44 no grant", "consent.verification", "99999901", noon, false},
		{"another organisation", "consent.admin", "99999903", noon, false},
		{"another case", "Consent.Admin", "99999901", noon, false},
		{"a part of a name", "consent", "99999901", noon, false},
		{"at its first instant", "consent.admin", "99999901", noon, true},
		{"just before it", "consent.admin", "99999901", noon.Add(-1), false},
		{"just before its end", "consent.admin", "99999902", noon.Add(-1), true},
		{"SA-44 grant ended now", "consent.admin", "99999902", noon, false},
		{"between two", "consent.admin", "99999902", noon.Add(hour - 1), false},
		{"the second begins", "consent.admin", "99999902", noon.Add(hour), true},
		{"SA-44 grant *", "sces", "99999904", noon, true},
		{"grant * ended", "sces", "99999904", noon.Add(hour), false},
		{"an own grant ended, * holds", "ecpr.read", "99999902", noon, true},
		{"grant * without CVR number", "ecpr.read", "", noon, false},
		{"the organisation *", "ecpr.read", trust.AnyCVR, noon, false},
		{"no CVR number", "ecpr.read", "9999990", noon, false},
		{"no digits", "ecpr.read", "9999990x", noon, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := held.Has(c.grant, c.cvr, c.at)
			assert.Equal(t, c.want, got, "Has(%q, %q) = %v, want %v", c.grant, c.cvr, got, c.want)
		})
	}
	assert.False(t, trust.NewGrants(nil).Has("hsuid", "99999901", noon), "no row, no access")
}

func TestGrantValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		g    trust.Grant
		want error
	}{
		{"one part", grant("sces", "99999901", noon, time.Time{}), nil},
		{"hsuid for all", grant(trust.HSUIDGrant, trust.AnyCVR, noon, time.Time{}), nil},
		{"many parts", grant("skrs.autorisationsregister.autorisation.v1", "99999901", noon, noon.Add(1)), nil},
		{"no name", grant("", "99999901", noon, time.Time{}), trust.ErrGrantName},
		{"upper case", grant("consent.Admin", "99999901", noon, time.Time{}), trust.ErrGrantName},
		{"empty part", grant("consent..admin", "99999901", noon, time.Time{}), trust.ErrGrantName},
		{"dot at the end", grant("consent.", "99999901", noon, time.Time{}), trust.ErrGrantName},
		{"blank", grant("consent.admin ", "99999901", noon, time.Time{}), trust.ErrGrantName},
		{"star", grant("consent.*", "99999901", noon, time.Time{}), trust.ErrGrantName},
		{"letters of others", grant("samtykke.spærring", "99999901", noon, time.Time{}), trust.ErrGrantName},
		{"long", grant(strings.Repeat("a", 129), "99999901", noon, time.Time{}), trust.ErrGrantName},
		{"no CVR number", grant("sces", "", noon, time.Time{}), trust.ErrGrantCVR},
		{"short CVR number", grant("sces", "9999990", noon, time.Time{}), trust.ErrGrantCVR},
		{"digits of others", grant("sces", "9999990٣", noon, time.Time{}), trust.ErrGrantCVR},
		{"star and digits", grant("sces", "9999990*", noon, time.Time{}), trust.ErrGrantCVR},
		{"ends as it begins", grant("sces", "99999901", noon, noon), trust.ErrGrantWindow},
		{"ends before it begins", grant("sces", "99999901", noon, noon.Add(-1)), trust.ErrGrantWindow},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, c.g.Validate())
			_, err := trust.Add(nil, c.g)
			assert.Equal(t, c.want, err)
		})
	}
}

func TestAddAndEnd(t *testing.T) {
	open := grant("consent.admin", "99999901", noon, time.Time{})
	all, err := trust.Add(nil, open)
	require.NoError(t, err)

	again := open
	again.ID = "again"
	_, err = trust.Add(all, again)
	assert.True(t, fault.Is(err, fault.Conflict), "Add(the same, open) = %v, want Conflict", err)
	again.Valid.To = noon.Add(time.Hour)
	_, err = trust.Add(all, again)
	assert.True(t, fault.Is(err, fault.Conflict), "Add(the same with an end) = %v, want Conflict", err)
	other := grant("consent.admin", "99999902", noon, time.Time{})
	other.ID = open.ID
	_, err = trust.Add(all, other)
	assert.True(t, fault.Is(err, fault.Conflict), "Add(the same ID) = %v, want Conflict", err)
	star := grant("consent.admin", trust.AnyCVR, noon, time.Time{})
	_, err = trust.Add(all, star)
	assert.NoError(t, err, "* is another organisation than any")

	_, err = trust.End(all, "nothing", noon)
	assert.True(t, fault.Is(err, fault.NotFound), "End(nothing) = %v, want NotFound", err)
	ended, err := trust.End(all, open.ID, noon.Add(time.Hour))
	require.NoError(t, err)
	assert.Equal(t, noon.Add(time.Hour), ended[0].Valid.To)
	later, err := trust.End(ended, open.ID, noon.Add(2*time.Hour))
	require.NoError(t, err)
	assert.Equal(t, ended, later, "what has ended is not prolonged")
	again.Valid.To = time.Time{}
	both, err := trust.Add(ended, again)
	require.NoError(t, err, "after the end there may be a new one")
	assert.Len(t, both, 2)
	never, err := trust.End(all, open.ID, noon.Add(-time.Hour))
	require.NoError(t, err)
	for _, at := range []time.Time{noon.Add(-time.Hour), noon.Add(-1), noon, noon.Add(time.Hour)} {
		assert.False(t, trust.NewGrants(never).Has("consent.admin", "99999901", at), "ended before it began")
	}
}

// genGrants draws edits of grants and their outcome.
func genGrants(t *rapid.T) []trust.Grant {
	var all []trust.Grant
	for i := range rapid.IntRange(0, 8).Draw(t, "n") {
		g := grant(rapid.SampledFrom([]string{"a.b", "c"}).Draw(t, "name"), rapid.SampledFrom([]string{"11111111", "22222222", "*"}).Draw(t, "cvr"),
			instant(t, "from"), time.Time{})
		g.ID = strconv.Itoa(i)
		if rapid.Bool().Draw(t, "bounded") {
			g.Valid.To = instant(t, "to")
		}
		if more, err := trust.Add(all, g); err == nil {
			all = more
		}
	}
	return all
}

func instant(t *rapid.T, label string) time.Time {
	return noon.Add(time.Duration(rapid.IntRange(-4, 4).Draw(t, label)) * time.Minute)
}

func TestGrantLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := genGrants(t)
		before := slices.Clone(all)
		open := map[string]int{}
		for _, g := range all {
			if g.Valid.To.IsZero() {
				open[g.Name+" "+g.CVR]++
			}
		}
		for _, n := range open {
			if n > 1 {
				t.Fatalf("%d open grants of one name and organisation, want at most 1", n)
			}
		}

		name, cvr, at := rapid.SampledFrom([]string{"a.b", "c", "a"}).Draw(t, "asked"), rapid.SampledFrom([]string{"11111111", "33333333", "", "*"}).Draw(t, "who"), instant(t, "at")
		want := false
		for _, g := range all {
			want = want || g.Name == name && (g.CVR == cvr || g.CVR == "*") && !at.Before(g.Valid.From) && (g.Valid.To.IsZero() || at.Before(g.Valid.To))
		}
		want = want && len(cvr) == 8
		if got := trust.NewGrants(all).Has(name, cvr, at); got != want {
			t.Fatalf("Has(%q, %q, %v) = %v, want %v", name, cvr, at, got, want)
		}

		if len(all) == 0 {
			return
		}
		i := rapid.IntRange(0, len(all)-1).Draw(t, "ended")
		ended, err := trust.End(all, all[i].ID, at)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(all, before) {
			t.Fatal("End changed what it was given")
		}
		for j := range all {
			switch {
			case j != i && ended[j] != all[j]:
				t.Fatalf("End(%s) changed another grant", all[i].ID)
			case j == i && trust.NewGrants(ended[i:i+1]).Has(all[i].Name, "11111111", at):
				t.Fatal("an ended grant is held")
			case j == i && trust.NewGrants(all[i:i+1]).Has(all[i].Name, "11111111", at.Add(-1)) != trust.NewGrants(ended[i:i+1]).Has(all[i].Name, "11111111", at.Add(-1)):
				t.Fatal("End changed the time before")
			}
		}
	})
}
