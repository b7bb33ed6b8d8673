package minlog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
)

func TestPersonOfText(t *testing.T) {
	for _, c := range []struct {
		text string
		want minlog.ID
	}{
		{"0505851111", minlog.ID{Source: "CPR", Value: "0505851111"}},
		{"050585-1111", minlog.ID{Source: "CPR", Value: "0505851111"}},
		{" 0505851111\t", minlog.ID{Source: "CPR", Value: "0505851111"}},
		{"TST01", minlog.ID{Source: "Autorisation", Value: "TST01"}},
		{"tst01", minlog.ID{Source: "Autorisation", Value: "TST01"}},
		{"Zz9aA", minlog.ID{Source: "Autorisation", Value: "ZZ9AA"}},
		{"TST 1", minlog.ID{Source: "Other", Value: "TST 1"}},
		{"TST@1", minlog.ID{Source: "Other", Value: "TST@1"}},
		{"[TST{", minlog.ID{Source: "Other", Value: "[TST{"}},
		{"TS1å", minlog.ID{Source: "Other", Value: "TS1å"}}, // five octets
		{"TST1", minlog.ID{Source: "Other", Value: "TST1"}},
		{"TST001", minlog.ID{Source: "Other", Value: "TST001"}},
		{"3102801111", minlog.ID{Source: "Other", Value: "3102801111"}}, // no day
		{" sygeplejerske 7 ", minlog.ID{Source: "Other", Value: " sygeplejerske 7 "}},
		{" ", minlog.ID{Source: "Other", Value: " "}},
		{"", minlog.ID{}},
	} {
		assert.Equal(t, c.want, minlog.PersonOfText(c.text), "%q", c.text)
	}
}

// formats are the NameFormats of MinLog1 with the register of each, as they are read (minlog.xsd of 2012-05-24, as it ended).
var formats = map[string]string{
	"medcom:sor": "SOR", "medcom:ydernummer": "YDER", "medcom:cvrnumber": "CVR", "medcom:pnumber": "CVR-P", "medcom:shak": "SKS",
	"medcom:communalnumber": "Kommunekode", "medcom:other": "Other",
}

// formerFormats are other names of them, some of which earlier versions of minlog.xsd had.
var formerFormats = map[string]string{
	"medcom:ynumber": "medcom:ydernummer", "medcom:ydernumber": "medcom:ydernummer", "medcom:skscode": "medcom:shak",
	"medcom:unknown_organization": "medcom:other",
}

func TestNameFormats(t *testing.T) {
	for format, source := range formats {
		org, ok := minlog.OrgOfFormat(format, "7")
		assert.True(t, ok, format)
		assert.Equal(t, minlog.ID{Source: source, Value: "7"}, org, format)
		assert.Equal(t, format, minlog.FormatOfOrg(org), "read again")
	}
	for former, format := range formerFormats {
		org, ok := minlog.OrgOfFormat(former, "7")
		assert.True(t, ok, former)
		assert.Equal(t, minlog.ID{Source: formats[format], Value: "7"}, org, former)
		assert.Equal(t, format, minlog.FormatOfOrg(org), "read again")
	}
	for _, unknown := range []string{"", "sor", "SOR", "medcom:", "medcom:SOR", "medcom:sor ", "medcom:medcom:sor", "MEDCOM:sor", "medcom:sks", "other"} {
		org, ok := minlog.OrgOfFormat(unknown, "7")
		assert.False(t, ok, unknown)
		_, why, ok := check1(t, func(d *minlog.Draft) { d.Entry.Org = org })
		assert.False(t, ok, unknown)
		assert.Equal(t, minlog.FieldOrg, why.Field, unknown)
	}
	for _, source := range []string{"EuropeanHealthcareOrganisation", "XYZ", "Yder", "sor"} {
		assert.Equal(t, "medcom:other", minlog.FormatOfOrg(minlog.ID{Source: source, Value: "7"}), source)
	}
	assert.Empty(t, minlog.FormatOfOrg(minlog.ID{}), "no organisation")
	t.Run("AC-35 pnumber", func(t *testing.T) {
		org, _ := minlog.OrgOfFormat("medcom:pnumber", "1001234567")
		e, _, ok := check1(t, func(d *minlog.Draft) { d.Entry.Org = org })
		require.True(t, ok)
		assert.Equal(t, "medcom:pnumber", minlog.FormatOfOrg(e.Org))
	})
}

// check1 checks a MinLog1 registration that breaks no rule but for change.
func check1(t *testing.T, change func(*minlog.Draft)) (minlog.Entry, minlog.Problem, bool) {
	t.Helper()
	d := good()
	change(&d)
	r := rules(minlog.Interface1)
	return r.Check(&d)
}

func TestMinLog1Rules(t *testing.T) {
	long := func(n int) string { return strings.Repeat("å", n) }
	other := func(n int) minlog.ID { return minlog.ID{Source: "Other", Value: long(n)} }
	for _, c := range []struct {
		name   string
		change func(*minlog.Draft)
		want   minlog.Problem
	}{
		{"a user of no register", func(d *minlog.Draft) { d.Entry.User = other(20) }, minlog.Problem{}},
		{"a user of a longer name", func(d *minlog.Draft) { d.Entry.User = other(21) }, minlog.Problem{Code: "value_too_long", Field: minlog.FieldUser}},
		{"no user", func(d *minlog.Draft) { d.Entry.User = minlog.PersonOfText("") }, minlog.Problem{Code: "missing_value", Field: minlog.FieldUser}},
		{"a blank user", func(d *minlog.Draft) { d.Entry.User = minlog.PersonOfText(" ") }, minlog.Problem{Code: "missing_value", Field: minlog.FieldUser}},
		{"a user of a European register", func(d *minlog.Draft) { d.Entry.User = minlog.ID{Source: "EuropeanHealthcareProfessional", Value: "x"} },
			minlog.Problem{Code: "invalid_source", Field: minlog.FieldUser}},
		{"one acted for of no register", func(d *minlog.Draft) { d.Entry.OnBehalfOf = other(20) }, minlog.Problem{}},
		{"one acted for of a longer name", func(d *minlog.Draft) { d.Entry.OnBehalfOf = other(21) }, minlog.Problem{Code: "value_too_long", Field: minlog.FieldOnBehalfOf}},
		{"nobody acted for", func(d *minlog.Draft) { d.Entry.OnBehalfOf = minlog.PersonOfText("") }, minlog.Problem{}},
		{"a citizen with an X-eCPR", func(d *minlog.Draft) { d.Entry.Person.Source = "eCPR" }, minlog.Problem{Code: "invalid_source", Field: minlog.FieldPerson}},
		{"a citizen of no register", func(d *minlog.Draft) { d.Entry.Person.Source = "Other" }, minlog.Problem{Code: "invalid_source", Field: minlog.FieldPerson}},
		{"a citizen's number with a hyphen", func(d *minlog.Draft) { d.Entry.Person.Value = "020280-1111" }, minlog.Problem{}},
		{"an organisation of another register", func(d *minlog.Draft) { d.Entry.Org = minlog.ID{Source: "XYZ", Value: "7"} },
			minlog.Problem{Code: "invalid_source", Field: minlog.FieldOrg}},
		{"an organisation of a European register", func(d *minlog.Draft) { d.Entry.Org = minlog.ID{Source: "EuropeanHealthcareOrganisation", Value: "7"} },
			minlog.Problem{Code: "invalid_source", Field: minlog.FieldOrg}},
		{"an organisation of 200 letters", func(d *minlog.Draft) { d.Entry.Org = other(200) }, minlog.Problem{}},
		{"an organisation of 201", func(d *minlog.Draft) { d.Entry.Org = other(201) }, minlog.Problem{Code: "value_too_long", Field: minlog.FieldOrg}},
		{"regKode of 36 letters", func(d *minlog.Draft) { d.Entry.SequenceNumber = long(36) }, minlog.Problem{}},
		{"regKode of 37", func(d *minlog.Draft) { d.Entry.SequenceNumber = long(37) }, minlog.Problem{Code: "value_too_long", Field: minlog.FieldSequenceNumber}},
		{"system of 25 letters", func(d *minlog.Draft) { d.Entry.System = long(25) }, minlog.Problem{}},
		{"system of 26", func(d *minlog.Draft) { d.Entry.System = long(26) }, minlog.Problem{Code: "value_too_long", Field: minlog.FieldSystem}},
		{"handling of 75 letters", func(d *minlog.Draft) { d.Entry.Activity = long(75) }, minlog.Problem{}},
		{"handling of 76", func(d *minlog.Draft) { d.Entry.Activity = long(76) }, minlog.Problem{Code: "value_too_long", Field: minlog.FieldActivity}},
		{"sessionsId of 46 letters", func(d *minlog.Draft) { d.Entry.CorrelationID = long(46) }, minlog.Problem{}},
		{"sessionsId of 47", func(d *minlog.Draft) { d.Entry.CorrelationID = long(47) }, minlog.Problem{Code: "value_too_long", Field: minlog.FieldCorrelationID}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, why, ok := check1(t, c.change)
			assert.Equal(t, c.want, why)
			assert.Equal(t, c.want.Code == "", ok)
		})
	}
	t.Run("no register is only MinLog1's", func(t *testing.T) {
		for _, version := range []string{v2023, v2025} {
			for name, change := range map[string]func(*minlog.Draft){
				"user":          func(d *minlog.Draft) { d.Entry.User = other(5) },
				"one acted for": func(d *minlog.Draft) { d.Entry.OnBehalfOf = other(5) },
			} {
				d, r := good(), rules(version)
				change(&d)
				_, why, ok := r.Check(&d)
				assert.False(t, ok, "%s of %s", name, version)
				assert.Equal(t, minlog.CodeSource, why.Code, "%s of %s", name, version)
			}
		}
		d, r := good(), rules(v2025)
		d.Entry.Org = other(5)
		_, _, ok := r.Check(&d)
		assert.False(t, ok, "organisation of %s", v2025)
	})
}

// What MinLog1 means by a text, it means when it reads it back; and who is named by a number or a code can be found under it.
func FuzzPersonOfText(f *testing.F) {
	for _, s := range []string{"", " ", "0505851111", "050585-1111", "tst01", "3102801111", "sygeplejerske", "\x00", "å1234"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id := minlog.PersonOfText(s)
		require.Equal(t, id, minlog.PersonOfText(id.Value), "read back")
		switch id.Source {
		case "":
			require.Empty(t, s)
		case minlog.Other:
			require.Equal(t, s, id.Value)
		case minlog.CPR:
			require.Regexp(t, `^[0-9]{10}$`, id.Value)
		case minlog.Authorisation:
			require.Regexp(t, `^[0-9A-Z]{5}$`, id.Value)
			require.True(t, strings.EqualFold(strings.TrimSpace(s), id.Value))
		default:
			t.Fatalf("source %q", id.Source)
		}
	})
}

// An organisation that is written is read with the same register and number.
func FuzzOrgOfFormat(f *testing.F) {
	f.Add("medcom:sor", "999000000000001")
	f.Add("medcom:unknown_organization", "x")
	f.Add("medcom:", "")
	f.Fuzz(func(t *testing.T, format, value string) {
		org, ok := minlog.OrgOfFormat(format, value)
		require.Equal(t, value, org.Value)
		if !ok {
			require.Empty(t, org.Source)
			return
		}
		written := minlog.FormatOfOrg(org)
		if latest, former := formerFormats[format]; former {
			format = latest
		}
		require.Equal(t, format, written)
		again, ok := minlog.OrgOfFormat(written, org.Value)
		require.True(t, ok)
		require.Equal(t, org, again)
	})
}

// ML-15 for MinLog1, at whole microseconds: what is alive, and e.To >= fraDato and e.From <= tilDato.
func TestClosedWindow(t *testing.T) {
	cutoff := minlog.Cutoff(now, 2)
	for _, c := range []struct{ name, from, to, begin, end, want string }{
		{"AC-35 event at fraDato", "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z", "yes"},
		{"AC-35 event at tilDato", "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T09:00:00Z", "yes"},
		{"just before fraDato", "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T07:00:00Z", "2026-11-01T07:59:59.999999Z", "no"},
		{"just after tilDato", "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T09:00:00.000001Z", "2026-11-01T10:00:00Z", "no"},
		{"period over all of it", "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z", "2026-11-01T07:00:00Z", "2026-11-01T10:00:00Z", "yes"},
		{"fraDato is tilDato", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z", "yes"},
		{"finer than a microsecond", "2026-11-01T08:00:00.0000009Z", "2026-11-01T08:00:00.0000009Z", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z", "yes"},
		{"no bounds", "", "", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z", "yes"},
		{"no longer alive", "", "", "2024-11-01T08:00:00Z", "2024-11-21T12:00:00Z", "no"},
		{"only tilDato", "", "2026-11-01T08:00:00Z", "2026-11-01T08:00:00.000001Z", "2026-11-01T08:00:00.000001Z", "no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := minlog.ClosedWindow(cutoff, bound(c.from), bound(c.to), time.Hour)
			require.NoError(t, err)
			assert.Equal(t, c.want == "yes", q.Selects(at(c.begin), at(c.end)))
			assert.True(t, q.Chronologic, "oldest first")
			assert.Equal(t, time.Hour, q.MaxPeriod)
		})
	}
	_, err := minlog.ClosedWindow(cutoff, at("2026-11-01T08:00:00.000001Z"), at("2026-11-01T08:00:00Z"), 0)
	assert.True(t, fault.Is(err, fault.Malformed), "a window that ends before it begins: %v", err)
}

func TestClosedWindowHoldsBothItsEnds(t *testing.T) {
	const span = 8 // microseconds around the cutoff
	rapid.Check(t, func(t *rapid.T) {
		micro := func(label string) time.Time {
			return now.Add(time.Duration(rapid.IntRange(0, span).Draw(t, label)) * time.Microsecond)
		}
		maybe := func(label string) time.Time {
			if rapid.IntRange(0, 3).Draw(t, "no "+label) == 0 {
				return time.Time{}
			}
			return micro(label)
		}
		cutoff, from, to, begin := micro("cutoff"), maybe("fraDato"), maybe("tilDato"), micro("begin")
		end := begin.Add(time.Duration(rapid.IntRange(0, span).Draw(t, "length")) * time.Microsecond)
		q, err := minlog.ClosedWindow(cutoff, from, to, time.Second)
		if !from.IsZero() && !to.IsZero() && from.UnixMicro() > to.UnixMicro() {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		want := end.UnixMicro() > cutoff.UnixMicro() && (from.IsZero() || end.UnixMicro() >= from.UnixMicro()) &&
			(to.IsZero() || begin.UnixMicro() <= to.UnixMicro())
		require.Equal(t, want, q.Selects(begin, end))
	})
}
