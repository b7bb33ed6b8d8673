package ecpr_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
)

var today = calendar.Day{Year: 2026, Month: time.March, Dom: 2}

func number(t require.TestingT, s string) ecpr.Number {
	n, err := ecpr.ParseNumber(s)
	require.NoError(t, err)
	return n
}

func TestParseNumber(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"EC-04 born 1900 to 1999", "1308781QT7", "1308781QT7"},
		{"EC-04 born from 2000", "0203267ZK4", "0203267ZK4"},
		{"EC-04 any case", "1308781qt7", "1308781QT7"},
		{"EC-04 the date need not exist", "9999991AA0", "9999991AA0"},
		{"EC-05 a regional number of 19xx", "1308780QT7", ""},
		{"EC-05 a regional number from before 1900", "1308785QT7", ""},
		{"EC-05 a regional number from after 1999", "1308786QT7", ""},
		{"a CPR number", "1403800099", ""},
		{"too short", "1308781QT", ""},
		{"too long", "1308781QT77", ""},
		{"a letter for a digit", "13O8781QT7", ""},
		{"a digit for a letter", "1308781Q77", ""},
		{"a Danish letter", "1308781ÆT7", ""},
		{"spaces around", " 1308781QT7", ""},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := ecpr.ParseNumber(c.text)
			assert.Equal(t, c.want, n.Text())
			assert.Equal(t, c.want == "", err != nil)
			assert.Equal(t, err != nil, fault.Is(err, fault.Invalid))
		})
	}
}

func TestNumberIsNotPrinted(t *testing.T) {
	n := number(t, "1308781QT7")
	for _, format := range []string{"%v", "%s", "%+v", "%#v", "%q"} {
		assert.NotContains(t, fmt.Sprintf(format, n), "QT7", format)
		assert.NotContains(t, fmt.Sprintf(format, struct{ N ecpr.Number }{n}), "QT7", format)
	}
}

func TestNewSeries(t *testing.T) {
	for _, c := range []struct {
		name  string
		birth ecpr.BirthDate
		sex   ecpr.Gender
		want  string
	}{
		{"PC-1 a man born in 1978", "1978-08-13", ecpr.Male, "1308781M"},
		{"PC-2 a woman born in 2005", "2005-01-31", ecpr.Female, "3101057F"},
		{"PC-4 born in a month: the day of creation", "2004-11", ecpr.Male, "0203267M"},
		{"EC-06 born in a year: the day of creation", "1978", ecpr.Female, "0203267F"},
		{"EC-06 no birth date: the day of creation", "", ecpr.UnknownGender, "0203267*"},
		{"EC-06 any last digit for others", "1978-08-13", ecpr.Other, "1308781*"},
		{"born today", "2026-03-02", ecpr.Female, "0203267F"},
		{"the last day of a century", "1999-12-31", ecpr.Male, "3112991M"},
		{"the first of the next", "2000-01-01", ecpr.Male, "0101007M"},
		{"a leap day", "2000-02-29", ecpr.Male, "2902007M"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ecpr.NewSeries(c.birth, c.sex, today)
			require.NoError(t, err)
			assert.Equal(t, c.want, s.String())
		})
	}
	for _, birth := range []ecpr.BirthDate{
		"1899-12-31", "2100-01-01", "2023-02-29", "1900-02-29", "2026-03-03", "2026-04", "2027", "1978-13-08", "1978-8-13", "78-08-13", "x",
		"1978-08-13 ", "1978-00-01", "0000",
	} {
		t.Run("PC-5 "+string(birth), func(t *testing.T) {
			_, err := ecpr.NewSeries(birth, ecpr.Male, today)
			problem := (*ecpr.Problem)(nil)
			require.ErrorAs(t, err, &problem)
			require.ErrorIs(t, err, ecpr.ErrInvalid)
			assert.Equal(t, string(birth), problem.Value)
			assert.NotContains(t, problem.Text+err.Error(), string(birth), "no text holds the value")
		})
	}
}

func drawSeries(t *rapid.T) ecpr.Series {
	year := rapid.IntRange(1900, 2025).Draw(t, "year")
	born := time.Date(year, 1, rapid.IntRange(1, 365).Draw(t, "day"), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	sex := rapid.SampledFrom([]ecpr.Gender{ecpr.Male, ecpr.Female, ecpr.Other, ecpr.UnknownGender}).Draw(t, "sex")
	s, err := ecpr.NewSeries(ecpr.BirthDate(born), sex, today)
	require.NoError(t, err)
	return s
}

// TestSeries shows that a series counts each of its numbers once, and none of others.
func TestSeries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, other := drawSeries(t), drawSeries(t)
		require.Equal(t, len(s.Parts())*26*26*5, s.Space())
		seen := map[ecpr.Number]bool{}
		for i := range s.Space() {
			n := s.At(i)
			again, err := ecpr.ParseNumber(n.Text())
			if seen[n] || err != nil || again != n || !s.Has(n) || !slices.Contains(s.Parts(), n.Series()) || !n.Series().Has(n) {
				t.Fatalf("number %d of %v", i, s)
			}
			if other.Has(n) != slices.Contains(other.Parts(), n.Series()) {
				t.Fatalf("number %d of %v in %v", i, s, other)
			}
			seen[n] = true
		}
		for _, part := range s.Parts() {
			require.Equal(t, []ecpr.Series{part}, part.Parts())
		}
	})
	assert.False(t, ecpr.Series{}.Has(ecpr.Number{}), "the empty number is of no series")
	for _, i := range []int{-1, 3380} {
		assert.Panics(t, func() { number(t, "1308781QT7").Series().At(i) })
	}
}

func TestBirthDateParts(t *testing.T) {
	for _, c := range []struct {
		birth            ecpr.BirthDate
		year, month, day int
	}{
		{"1978-08-13", 1978, 8, 13}, {"2004-11", 2004, 11, 0}, {"2004", 2004, 0, 0}, {"", 0, 0, 0}, {"2004-13", 0, 0, 0}, {"x", 0, 0, 0},
	} {
		y, m, d := c.birth.Parts()
		assert.Equal(t, []int{c.year, c.month, c.day}, []int{y, m, d}, c.birth)
	}
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"1308781QT7", "1308781qt7", "", "130878ſQT7", "1308781ıı7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ecpr.ParseNumber(s)
		if err != nil {
			require.True(t, n.IsZero())
			return
		}
		require.Regexp(t, `^\d{6}[17][A-Z]{2}\d$`, n.Text())
		require.Equal(t, n, number(t, n.Text()))
		require.True(t, n.Series().Has(n))
	})
}
