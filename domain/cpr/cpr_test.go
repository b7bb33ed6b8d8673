package cpr_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, in, want string // want "" = refused
	}{
		{"ten digits", "0202801111", "0202801111"},
		{"a hyphen", "020280-1111", "0202801111"},
		{"29 February of any year", "2902011234", "2902011234"},
		{"31 of a long month", "3112991234", "3112991234"},
		{"30 February", "3002801111", ""},
		{"31 February", "3102801111", ""},
		{"31 April", "3104801111", ""},
		{"month 13", "0113801111", ""},
		{"month 0", "0100801111", ""},
		{"day 0", "0001801111", ""},
		{"only zeros", "0000000000", ""},
		{"day plus 60", "6101011234", ""},
		{"nine digits", "020280111", ""},
		{"eleven digits", "02028011111", ""},
		{"hyphen elsewhere", "02028-01111", ""},
		{"two hyphens", "020280--111", ""},
		{"a letter", "02028011l1", ""},
		{"digits of another script", "٠٢٠٢٨٠١١١١", ""},
		{"a blank", " 0202801111", ""},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := cpr.Parse(c.in)
			if c.want == "" {
				require.ErrorIs(t, err, cpr.ErrInvalid)
				assert.True(t, n.IsZero())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, n.Digits())
		})
	}
}

func TestNumberIsNotPrinted(t *testing.T) {
	n, err := cpr.Parse("0202801111")
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%s", "%+v", "%#v", "%q"} {
		assert.NotContains(t, fmt.Sprintf(verb, n), "0202", verb)
		assert.NotContains(t, fmt.Sprintf(verb, struct{ N cpr.Number }{n}), "0202", verb)
	}
	assert.Empty(t, cpr.Number{}.String())
	assert.Equal(t, "cpr.Number{[cpr]}", fmt.Sprintf("%#v", n))
}

func TestBirth(t *testing.T) {
	for _, c := range []struct {
		name, in string
		year     int // 0 = none
	}{
		{"seventh digit 0", "0101010001", 1901},
		{"seventh digit 3, last year", "3112993000", 1999},
		{"seventh digit 4, until 36", "0101364000", 2036},
		{"seventh digit 4, from 37", "0101374000", 1937},
		{"seventh digit 5, until 57", "0101575000", 2057},
		{"seventh digit 5, from 58", "0101585000", 1858},
		{"seventh digit 8, from 58", "0101998000", 1899},
		{"seventh digit 9, until 36", "0101369000", 2036},
		{"seventh digit 9, from 37", "0101379000", 1937},
		{"29 February of a leap year", "2902044000", 2004},
		{"29 February of another", "2902010001", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := cpr.Parse(c.in)
			require.NoError(t, err)
			birth, ok := n.Birth()
			assert.Equal(t, c.year != 0, ok)
			if ok {
				assert.Equal(t, c.year, birth.Year)
			}
		})
	}
	_, ok := cpr.Number{}.Birth()
	assert.False(t, ok)
}

func TestParseAcceptsEveryDayThatExists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := rapid.IntRange(0, 366*60).Draw(t, "day")
		born := time.Date(1940, 1, 1+day, 0, 0, 0, 0, time.UTC)
		series := rapid.IntRange(0, 9999).Draw(t, "series")
		text := fmt.Sprintf("%s%04d", born.Format("020106"), series)
		n, err := cpr.Parse(text)
		require.NoError(t, err)
		require.Equal(t, text, n.Digits())
		again, err := cpr.Parse(text[:6] + "-" + text[6:])
		require.NoError(t, err)
		require.Equal(t, n, again)
		if birth, ok := n.Birth(); ok {
			require.Equal(t, calendar.Day{Year: birth.Year, Month: born.Month(), Dom: born.Day()}, birth)
			require.Equal(t, born.Year()%100, birth.Year%100)
		}
	})
}
