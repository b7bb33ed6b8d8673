package xsd

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseDateTime(t *testing.T) {
	for _, c := range []struct {
		in   string
		want DateTime
	}{
		{"2026-11-21T10:05:30Z", DateTime{2026, 11, 21, 10, 5, 30, 0, true, 0}},
		{" \t\r\n2026-11-21T10:05:30\n", DateTime{2026, 11, 21, 10, 5, 30, 0, false, 0}},
		{"2026-11-21T10:05:30.1", DateTime{2026, 11, 21, 10, 5, 30, 100000, false, 0}},
		{"2026-11-21T10:05:30.123456999999999+01:00", DateTime{2026, 11, 21, 10, 5, 30, 123456, true, time.Hour}},
		{"2026-11-21T10:05:30-14:00", DateTime{2026, 11, 21, 10, 5, 30, 0, true, -14 * time.Hour}},
		{"2026-11-21T10:05:30+13:59", DateTime{2026, 11, 21, 10, 5, 30, 0, true, 13*time.Hour + 59*time.Minute}},
		{"2026-12-31T24:00:00Z", DateTime{2027, 1, 1, 0, 0, 0, 0, true, 0}},
		{"2026-12-31T24:00:00.000", DateTime{2027, 1, 1, 0, 0, 0, 0, false, 0}},
		{"9999-12-31T24:00:00", DateTime{10000, 1, 1, 0, 0, 0, 0, false, 0}},
		{"2028-02-29T00:00:00", DateTime{2028, 2, 29, 0, 0, 0, 0, false, 0}},
		{"0001-01-01T00:00:00Z", DateTime{1, 1, 1, 0, 0, 0, 0, true, 0}},
	} {
		got, err := ParseDateTime(c.in)
		require.NoError(t, err, c.in)
		assert.Equal(t, c.want, got, c.in)
	}
}

func TestParseDateTimeRefuses(t *testing.T) {
	for _, in := range []string{
		"", "2026", "2026-11-21", "10:05:30", "2026-11-21 10:05:30", "2026-11-21t10:05:30", "2026-11-21T10:05", "2026-11-21T10:05:30z",
		"2026-11-21T10:05:60Z", "2026-11-21T10:60:00Z", "2026-11-21T25:00:00Z", "2026-11-21T24:00:01Z", "2026-11-21T24:01:00", "2026-11-21T24:00:00.0000001",
		"2026-13-01T00:00:00", "2026-00-01T00:00:00", "2026-02-29T00:00:00", "2026-04-31T00:00:00", "2026-11-00T00:00:00", "2100-02-29T00:00:00",
		"0000-01-01T00:00:00", "-2026-11-21T10:05:30", "12026-11-21T10:05:30", "226-11-21T10:05:30",
		"2026-11-21T10:05:30.", "2026-11-21T10:05:30,5", "2026-11-21T10:05:30+1:00", "2026-11-21T10:05:30+0100", "2026-11-21T10:05:30+14:01",
		"2026-11-21T10:05:30+15:00", "2026-11-21T10:05:30+01:60", "2026-11-21T10:05:30Z+01:00", "2026-11-21T10:05:30 Z", "2026-11-21T10:05:30Zx",
		"２026-11-21T10:05:30", "2026-11-21T10:05:3\u0661",
	} {
		_, err := ParseDateTime(in)
		assert.ErrorIs(t, err, ErrLexical, "ParseDateTime(%q)", in)
	}
}

// What Go's own parser reads of RFC 3339 is the same instant here.
func TestDateTimeLikeRFC3339(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.UnixMicro(rapid.Int64Range(-62135596800_000000, 253402300799_999999).Draw(t, "at")).
			In(time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "offset")))
		if y := want.Year(); y < 1 || y > 9999 {
			return
		}
		d, err := ParseDateTime(want.Format("2006-01-02T15:04:05.999999Z07:00"))
		require.NoError(t, err)
		at, ok := d.UTC()
		require.True(t, ok)
		require.True(t, want.Equal(at), "ParseDateTime(%s) = %s", want, at)
	})
	d, err := ParseDateTime("2026-11-21T10:05:30")
	require.NoError(t, err)
	_, ok := d.UTC()
	require.False(t, ok, "a value without zone is no instant")
}

func TestParseBoolean(t *testing.T) {
	for in, want := range map[string]bool{"true": true, "1": true, "false": false, "0": false} {
		got, err := ParseBoolean(" \t" + in + "\r\n")
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "TRUE", "yes", "01", "2", "tr ue"} {
		_, err := ParseBoolean(in)
		assert.ErrorIs(t, err, ErrLexical, in)
	}
}

func TestParseInt(t *testing.T) {
	for in, want := range map[string]int{"0": 0, "+7": 7, "-7": -7, "0042": 42, "2147483647": 2147483647, "-2147483648": -2147483648} {
		got, err := ParseInt(" \t" + in + "\r\n")
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "+", "-", "+-1", "1.0", "1e3", "2147483648", "-2147483649", "0x1", "1_000", "1 2", strings.Repeat("9", 400)} {
		_, err := ParseInt(in)
		assert.ErrorIs(t, err, ErrLexical, in)
	}
}

func FuzzParseDateTime(f *testing.F) {
	f.Add("2026-11-21T10:05:30.123+01:00")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDateTime(s)
		if err == nil && (d.Microsecond > 999_999 || d.Hour > 23 || d.Day < 1) {
			t.Errorf("ParseDateTime(%q) = %+v", s, d)
		}
	})
}

func TestParseDate(t *testing.T) {
	for in, want := range map[string]DateTime{
		"2026-03-29":       {Year: 2026, Month: 3, Day: 29},
		"2028-02-29Z":      {Year: 2028, Month: 2, Day: 29, HasZone: true},
		"9999-12-31+14:00": {Year: 9999, Month: 12, Day: 31, HasZone: true, Offset: 14 * time.Hour},
		"0001-01-01-01:30": {Year: 1, Month: 1, Day: 1, HasZone: true, Offset: -90 * time.Minute},
	} {
		got, err := ParseDate(" " + in + "\n")
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
	}
	for _, in := range []string{
		"", "2026-02-29", "2026-13-01", "2026-1-1", "0000-01-01", "2026-01-01.5", "2026-01-01T00:00:00", "2026-01-01 Z", "2026-01-01+15:00", "-2026-01-01",
		"12026-01-01", "2026-01-01ZZ",
	} {
		_, err := ParseDate(in)
		assert.ErrorIs(t, err, ErrLexical, in)
	}
}
