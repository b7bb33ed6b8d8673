package stamdata_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
)

func register(t require.TestingT, name string) stamdata.Register {
	r, err := stamdata.RegisterNamed(name)
	require.NoError(t, err)
	return r
}

// values makes the values of a line by column.
func values(r stamdata.Register, by map[string]string) []string {
	raw := make([]string, len(r.Columns))
	for name, v := range by {
		raw[r.Column(name)] = v
	}
	return raw
}

// row makes a row that is good.
func row(t require.TestingT, r stamdata.Register, by map[string]string) stamdata.Row {
	row, problems := r.Take(values(r, by))
	require.Empty(t, problems)
	return row
}

func TestRegisters(t *testing.T) {
	var names []string
	for _, r := range stamdata.Registers() {
		names = append(names, r.Name)
		columns := map[string]bool{}
		for _, c := range r.Columns {
			assert.False(t, columns[c.Name], "%s has %s twice", r.Name, c.Name)
			columns[c.Name] = true
			assert.Equal(t, c.Kind == stamdata.Choice, len(c.Values) > 0, c.Name)
		}
		require.NotEmpty(t, r.Key)
		for _, i := range r.Key {
			assert.Less(t, i, len(r.Columns))
		}
		if r.To != 0 {
			for _, i := range []int{r.From, r.To} {
				assert.Equal(t, stamdata.Date, r.Columns[i].Kind)
			}
			assert.Less(t, r.From, r.To)
		}
	}
	assert.Equal(t, []string{
		"cpr-person", "cpr-foraeldremyndighed", "cpr-barn", "cpr-vaerge", "autorisation", "sor-enhed", "yder", "sikrede", "bemyndigelse", "fuldmagt",
	}, names)
	assert.Equal(t, -1, register(t, stamdata.CPRChild).Column("nosuch"))
}

func TestRegisterOf(t *testing.T) {
	for name, want := range map[string]struct {
		register string
		full     bool
	}{
		"cpr-person.csv": {"cpr-person", true}, "cpr-person.delta.csv": {"cpr-person", false}, "fuldmagt.csv": {"fuldmagt", true},
		"cpr-person": {}, "cpr-person.CSV": {}, "cpr-person.delta": {}, "cpr-person.delta.delta.csv": {}, ".csv": {}, "": {},
		"../yder.csv": {}, "nosuch.csv": {},
	} {
		r, full, err := stamdata.RegisterOf(name)
		assert.Equal(t, want.register, r.Name, name)
		assert.Equal(t, want.full, full, name)
		assert.Equal(t, want.register == "", err != nil, name)
		if err != nil {
			assert.ErrorIs(t, err, stamdata.ErrNoRegister)
		}
	}
}

func TestTake(t *testing.T) {
	for _, c := range []struct{ name, register, column, value, want, wrong string }{
		{"a number with a hyphen", "cpr-person", "cpr", "140380-0099", "1403800099", ""},
		{"spaces around a value", "cpr-person", "cpr", "  1403800099\t", "1403800099", ""},
		{"PC-49 a number of no day", "cpr-person", "cpr", "9901010001", "", "is no CPR number"},
		{"a number too short", "cpr-person", "cpr", "140380009", "", "is no CPR number"},
		{"the number of nobody", "cpr-person", "gaeldendeCPR", "0000000000", "", "is no CPR number"},
		{"no number where one is required", "cpr-person", "cpr", "", "", "is missing"},
		{"spaces where a value is required", "cpr-person", "status", "  ", "", "is missing"},
		{"no number where none is required", "cpr-person", "gaeldendeCPR", "", "", ""},
		{"a status", "cpr-person", "status", "80", "80", ""},
		{"a status that is none", "cpr-person", "status", "1", "", "is none of 01, 03, 05, 07, 20, 30, 50, 60, 70, 80, 90"},
		{"a sex in lower case", "cpr-person", "koen", "k", "", "is none of M, K"},
		{"a date", "cpr-person", "foedselsdato", "2004-02-29", "2004-02-29", ""},
		{"a day that is none", "cpr-person", "foedselsdato", "2005-02-29", "", "is no date as yyyy-MM-dd"},
		{"a date of another form", "cpr-person", "foedselsdato", "29-02-2004", "", "is no date as yyyy-MM-dd"},
		{"a date with a time", "cpr-person", "foedselsdato", "2004-02-29T00:00:00", "", "is no date as yyyy-MM-dd"},
		{"a date that is no day of ours", "cpr-person", "foedselsdato", "0000-01-01", "", "is no date as yyyy-MM-dd"},
		{"a code with its zeros left out", "cpr-person", "vejKode", "42", "0042", ""},
		{"a code too long", "cpr-person", "vejKode", "00042", "", "is not 1 to 4 digits"},
		{"a code that is none", "cpr-person", "vejKode", "4x", "", "is not 1 to 4 digits"},
		{"digits of other scripts", "cpr-person", "vejKode", "४", "", "is not 1 to 4 digits"},
		{"text", "cpr-person", "fornavn", "Øjvind-Åse O'Æ", "Øjvind-Åse O'Æ", ""},
		{"text as long as it may be", "cpr-person", "fornavn", strings.Repeat("ø", 200), strings.Repeat("ø", 200), ""},
		{"text too long", "cpr-person", "fornavn", strings.Repeat("ø", 201), "", "is longer than 200 characters"},
		{"text with a line end", "cpr-person", "fornavn", "a\nb", "", "holds control characters"},
		{"text with a zero octet", "cpr-person", "fornavn", "a\x00b", "", "holds control characters"},
		{"text that is not UTF-8", "cpr-person", "fornavn", "a\xffb", "", "is not UTF-8"},
		{"an authorisation in lower case", "autorisation", "autorisationsnummer", "0tst1", "0TST1", ""},
		{"an authorisation too short", "autorisation", "autorisationsnummer", "0TST", "", "is not 5 to 5 letters A-Z and digits"},
		{"an authorisation of other characters", "autorisation", "autorisationsnummer", "0TST_", "", "is not 5 to 5 letters A-Z and digits"},
		{"an authorisation that grows", "autorisation", "autorisationsnummer", "0tstı", "", "is not 5 to 5 letters A-Z and digits"},
		{"a SOR number", "sor-enhed", "sorNummer", "900001000016002", "900001000016002", ""},
		{"a SOR number too short", "sor-enhed", "sorNummer", "12345", "", "is not 6 to 18 digits"},
		{"a SHAK code", "sor-enhed", "shak", "12ab", "12AB", ""},
		{"a yder number", "sor-enhed", "ydernummer", "77", "000077", ""},
		{"a CVR number too short", "sor-enhed", "cvr", "3325787", "", "is not 8 to 8 digits"},
		{"a type of unit", "sor-enhed", "type", "kiosk", "", "is none of institution, sygehus, afdeling, praksis, apotek, andet"},
		{"a group that is none", "sikrede", "gruppe", "3", "", "is none of 0, 1, 2, 4, 5, 6, 7, 8, 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := register(t, c.register)
			good := map[string]string{
				"cpr": "1403800099", "status": "01", "autorisationsnummer": "0TST1", "uddannelseskode": "7170", "sorNummer": "900001000016002",
				"type": "andet", "navn": "A", "gruppe": "1",
			}
			by := map[string]string{c.column: c.value}
			for name, v := range good {
				if i := r.Column(name); i >= 0 && r.Columns[i].Required && name != c.column {
					by[name] = v
				}
			}
			raw := values(r, by)
			row, problems := r.Take(raw)
			assert.Equal(t, values(r, by), raw, "it is not changed")
			if c.wrong != "" {
				assert.Equal(t, []stamdata.Problem{{Column: c.column, Text: c.wrong}}, problems)
				assert.Nil(t, row)
				return
			}
			require.Empty(t, problems)
			assert.Equal(t, c.want, row[r.Column(c.column)])
		})
	}

	t.Run("every problem of a line is told", func(t *testing.T) {
		r := register(t, stamdata.CPRChild)
		_, problems := r.Take([]string{"x", ""})
		assert.Equal(t, []stamdata.Problem{{Column: "cpr", Text: "is no CPR number"}, {Column: "barnCPR", Text: "is missing"}}, problems)
		_, problems = r.Take([]string{"x"})
		assert.Equal(t, []stamdata.Problem{{Text: "has 1 values, not 2"}}, problems)
	})

	t.Run("what ends before it begins", func(t *testing.T) {
		custody := func(from, to string) map[string]string {
			return map[string]string{"cpr": "0905124643", "typeKode": "3", "relationCpr": "2207820468", "validFrom": from, "validTo": to}
		}
		protection := func(from, to string) map[string]string {
			return map[string]string{"cpr": "0905124643", "status": "01", "navnebeskyttelsestartdato": from, "navnebeskyttelseslettedato": to}
		}
		for _, c := range []struct {
			register string
			by       func(from, to string) map[string]string
			problem  stamdata.Problem
		}{
			{stamdata.CPRCustody, custody, stamdata.Problem{Column: "validTo", Text: "is before validFrom"}},
			{stamdata.CPRPerson, protection, stamdata.Problem{Column: "navnebeskyttelseslettedato", Text: "is before navnebeskyttelsestartdato"}},
		} {
			r := register(t, c.register)
			_, problems := r.Take(values(r, c.by("2020-01-02", "2020-01-01")))
			assert.Equal(t, []stamdata.Problem{c.problem}, problems)
			for _, ok := range [][2]string{{"2020-01-01", "2020-01-01"}, {"2020-01-01", ""}, {"", "2020-01-01"}, {"1999-12-31", "2000-01-01"}} {
				_, problems := r.Take(values(r, c.by(ok[0], ok[1])))
				assert.Empty(t, problems)
			}
		}
	})

	t.Run("what was taken is taken as it is", func(t *testing.T) {
		registers := stamdata.Registers()
		anything := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"", "1403800099", "140380-0099", "01", "M", "2020-01-01", "42", "0tst1", "900001000016002", "andet", "Godkendt", "1",
		}))
		rapid.Check(t, func(t *rapid.T) {
			r := rapid.SampledFrom(registers).Draw(t, "register")
			raw := make([]string, len(r.Columns))
			for i := range raw {
				raw[i] = anything.Draw(t, r.Columns[i].Name)
			}
			row, problems := r.Take(raw)
			if problems != nil {
				require.Nil(t, row)
				return
			}
			again, problems := r.Take(row)
			require.Empty(t, problems)
			require.Equal(t, row, again)
		})
	})
}

func TestKeyOf(t *testing.T) {
	r := register(t, stamdata.CPRCustody)
	of := func(child, kind, holder, from string) string {
		return r.KeyOf(row(t, r, map[string]string{"cpr": child, "typeKode": kind, "relationCpr": holder, "validFrom": from}))
	}
	key := of("0905124643", "0003", "2207820468", "")
	assert.Equal(t, key, of("0905124643", "3", "220782-0468", "2020-01-01"))
	assert.NotEqual(t, key, of("0905124643", "0004", "2207820468", ""))
	assert.NotEqual(t, key, of("2101194638", "0003", "2207820468", ""))
	assert.Less(t, key, of("2101194638", "0003", "2207820468", ""))
	g := register(t, stamdata.CPRGuardian)
	assert.NotEqual(t, g.KeyOf(row(t, g, map[string]string{"cpr": "1702553083", "vaergesNavn": "1403800099"})),
		g.KeyOf(row(t, g, map[string]string{"cpr": "1702553083", "relationCpr": "1403800099"})), "parts do not run together")
}

func TestPeriod(t *testing.T) {
	opened, closed := noon, noon.Add(time.Hour)
	child, custody := register(t, stamdata.CPRChild), register(t, stamdata.CPRCustody)
	plain := row(t, child, map[string]string{"cpr": "2207820468", "barnCPR": "0905124643"})
	p := child.Period(plain, opened, time.Time{})
	assert.Equal(t, opened, p.From)
	assert.True(t, p.To.IsZero())
	assert.Equal(t, closed, child.Period(plain, opened, closed).To)
	of := func(from, to string) stamdata.Row {
		return row(t, custody, map[string]string{"cpr": "0905124643", "typeKode": "3", "relationCpr": "2207820468", "validFrom": from, "validTo": to})
	}
	p = custody.Period(of("2026-03-29", "2026-10-25"), opened, time.Time{})
	assert.Equal(t, "2026-03-28T23:00:00Z", p.From.Format(time.RFC3339), "the day begins in Copenhagen, in winter time")
	assert.Equal(t, "2026-10-24T22:00:00Z", p.To.Format(time.RFC3339), "and in summer time")
	p = custody.Period(of("", ""), opened, time.Time{})
	assert.True(t, p.From.IsZero(), "no column sets no bound, also where the row is new")
	assert.True(t, p.To.IsZero())
	assert.Equal(t, closed, custody.Period(of("2020-01-01", ""), opened, closed).To)
	assert.Equal(t, "2025-12-31T23:00:00Z", custody.Period(of("2020-01-01", "2026-01-01"), opened, closed).To.Format(time.RFC3339), "whichever is first")
}

func TestBadFile(t *testing.T) {
	bad := &stamdata.BadFile{}
	require.NoError(t, bad.Err())
	bad.Add(stamdata.Problem{Line: 3, Column: "cpr", Text: "is no CPR number"}, stamdata.Twice(7), stamdata.Problem{Text: "there is no header line"})
	err := fmt.Errorf("load: %w", bad.Err())
	const text = "the file is not taken: line 3, cpr: is no CPR number; line 7: a line before it has the same key; there is no header line"
	assert.EqualError(t, err, "load: stamdata_bad_file: "+text)
	f, ok := fault.Of(err)
	require.True(t, ok)
	assert.Equal(t, fault.Error{Kind: fault.Invalid, Code: "stamdata_bad_file", Text: text}, f)
	for range 30 {
		bad.Add(stamdata.Twice(9))
	}
	assert.Len(t, bad.Problems, 20)
	assert.Equal(t, 13, bad.More)
	assert.Contains(t, bad.Error(), "; and 13 more")
}

func TestMissingParents(t *testing.T) {
	assert.Empty(t, stamdata.MissingParents(nil))
	assert.Equal(t, []string{"unit 100001: the unit above it is missing", "unit 100002: the unit above it is missing"},
		stamdata.MissingParents([]string{"100002", "100001"}))
	var many []string
	for i := range 25 {
		many = append(many, fmt.Sprint(100_000+i))
	}
	warnings := stamdata.MissingParents(many)
	assert.Len(t, warnings, 21)
	assert.Equal(t, "and 5 more units", warnings[20])
}
