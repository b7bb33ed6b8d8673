package nas_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
)

// at reads an instant as RFC 3339 has it.
func at(t require.TestingT, s string) time.Time {
	i, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(t, err)
	return i.UTC()
}

func TestTermination(t *testing.T) {
	for _, c := range []struct {
		name, now, text, want string
	}{
		{"an instant", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000001Z", "2026-03-01T10:00:00.000001Z"},
		{"an instant of another zone", "2026-03-01T10:00:00Z", "2026-03-01T09:00:00-02:30", "2026-03-01T11:30:00Z"},
		{"the furthest zone", "2026-03-01T10:00:00Z", "2026-03-02T10:00:00+14:00", "2026-03-01T20:00:00Z"},
		{"white space around it", "2026-03-01T10:00:00Z", "\n 2026-03-02T10:00:00Z\t", "2026-03-02T10:00:00Z"},
		{
			"a fraction of any length, cut to microseconds", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.12345678901234567890Z",
			"2026-03-01T10:00:00.123456Z",
		},
		{"a zone of a whole day", "2026-03-01T10:00:00Z", "2027-02-28T24:00:00-24:00", ""},
		{"24:00:00 is the next midnight", "2026-03-01T10:00:00Z", "2026-12-31T24:00:00.000Z", "2027-01-01T00:00:00Z"},
		{"the last instant", "2026-03-01T10:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
		{"T26 zone-less winter time", "2026-01-01T00:00:00Z", "2026-03-01T12:00:00", "2026-03-01T11:00:00Z"},
		{"T26 zone-less summer time", "2026-01-01T00:00:00Z", "2026-07-01T12:00:00", "2026-07-01T10:00:00Z"},
		{"T26 zone-less in the doubled hour of autumn: the earlier", "2026-01-01T00:00:00Z", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"},
		{"T26 zone-less in the missing hour of spring: an hour later", "2026-01-01T00:00:00Z", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"},
		{"T26 PT1H", "2026-03-01T10:15:30.12Z", "PT1H", "2026-03-01T11:15:30.12Z"},
		{"every part", "2026-01-01T00:00:00Z", "P1Y2M3DT4H5M6.5S", "2027-03-04T04:05:06.5Z"},
		{"parts of the time alone", "2026-01-01T00:00:00Z", "PT90M", "2026-01-01T01:30:00Z"},
		{"a fraction alone", "2026-01-01T00:00:00Z", "PT0.000001S", "2026-01-01T00:00:00.000001Z"},
		{"a month, cut to the last day", "2026-01-31T10:00:00Z", "P1M", "2026-02-28T10:00:00Z"},
		{"a month, of a leap year", "2028-01-31T10:00:00Z", "P1M", "2028-02-29T10:00:00Z"},
		{"two months are not cut on the way", "2026-01-31T10:00:00Z", "P2M", "2026-03-31T10:00:00Z"},
		{"days count from the day that was cut to", "2026-01-31T10:00:00Z", "P1M1D", "2026-03-01T10:00:00Z"},
		{"a year from the leap day", "2028-02-29T10:00:00Z", "P1Y", "2029-02-28T10:00:00Z"},
		{"months past the year", "2026-11-30T10:00:00Z", "P15M", "2028-02-29T10:00:00Z"},
		{"a day is 24 hours, also over the night that lacks one", "2026-03-28T12:00:00Z", "P1D", "2026-03-29T12:00:00Z"},
		{"hours past the day", "2026-01-31T23:00:00Z", "PT50H", "2026-02-03T01:00:00Z"},
		{"leading zeros", "2026-01-01T00:00:00Z", "P0001D", "2026-01-02T00:00:00Z"},
		{"many seconds", "2026-01-01T00:00:00Z", "PT999999999S", "2057-09-09T01:46:39Z"},

		{"T26 past", "2026-03-01T10:00:00Z", "2026-03-01T09:59:59Z", ""},
		{"now", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", ""},
		{"less than a microsecond from now", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.0000009Z", ""},
		{"T26 -PT1H", "2026-03-01T10:00:00Z", "-PT1H", ""},
		{"no time at all", "2026-03-01T10:00:00Z", "PT0S", ""},
		{"no time at all, backwards", "2026-03-01T10:00:00Z", "-P0D", ""},
		{"T26 xyz", "2026-03-01T10:00:00Z", "xyz", ""},
		{"a date", "2026-03-01T10:00:00Z", "2027-01-01", ""},
		{"a day that the month lacks", "2026-03-01T10:00:00Z", "2027-02-29T00:00:00Z", ""},
		{"month 13", "2026-03-01T10:00:00Z", "2027-13-01T00:00:00Z", ""},
		{"month 0", "2026-03-01T10:00:00Z", "2027-00-01T00:00:00Z", ""},
		{"day 0", "2026-03-01T10:00:00Z", "2027-01-00T00:00:00Z", ""},
		{"a leap second", "2026-03-01T10:00:00Z", "2027-01-01T00:00:60Z", ""},
		{"minute 60", "2026-03-01T10:00:00Z", "2027-01-01T00:60:00Z", ""},
		{"hour 25", "2026-03-01T10:00:00Z", "2027-01-01T25:00:00Z", ""},
		{"after midnight of the same day", "2026-03-01T10:00:00Z", "2027-01-01T24:00:00.1Z", ""},
		{"a zone too far", "2026-03-01T10:00:00Z", "2027-01-01T00:00:00+14:01", ""},
		{"a zone of 60 minutes", "2026-03-01T10:00:00Z", "2027-01-01T00:00:00+01:60", ""},
		{"a fraction without digits", "2026-03-01T10:00:00Z", "2027-01-01T00:00:00.Z", ""},
		{"a comma", "2026-03-01T10:00:00Z", "2027-01-01T00:00:00,1Z", ""},
		{"a year of five digits", "2026-03-01T10:00:00Z", "12027-01-01T00:00:00Z", ""},
		{"a year before Christ", "2026-03-01T10:00:00Z", "-2027-01-01T00:00:00Z", ""},
		{"year 0", "2026-03-01T10:00:00Z", "0000-01-01T00:00:00Z", ""},
		{"the midnight after the last day", "2026-03-01T10:00:00Z", "9999-12-31T24:00:00Z", ""},
		{"the last hour, west of UTC", "2026-03-01T10:00:00Z", "9999-12-31T23:59:59-01:00", ""},
		{"a duration of nothing", "2026-03-01T10:00:00Z", "P", ""},
		{"a duration of no time", "2026-03-01T10:00:00Z", "P1DT", ""},
		{"a T alone", "2026-03-01T10:00:00Z", "PT", ""},
		{"parts in another order", "2026-03-01T10:00:00Z", "P1D1M", ""},
		{"weeks", "2026-03-01T10:00:00Z", "P1W", ""},
		{"hours without T", "2026-03-01T10:00:00Z", "P1H", ""},
		{"a fraction of hours", "2026-03-01T10:00:00Z", "PT1.5H", ""},
		{"a sign within", "2026-03-01T10:00:00Z", "P-1D", ""},
		{"a plus", "2026-03-01T10:00:00Z", "+P1D", ""},
		{"two signs", "2026-03-01T10:00:00Z", "--P1D", ""},
		{"lower case", "2026-03-01T10:00:00Z", "pt1h", ""},
		{"white space within", "2026-03-01T10:00:00Z", "P1D T1H", ""},
		{"digits of another script", "2026-03-01T10:00:00Z", "P१D", ""},
		{"past the last year", "2026-03-01T10:00:00Z", "P7974Y", ""},
		{"absurd years", "2026-03-01T10:00:00Z", "P999999999Y", ""},
		{"absurd days", "2026-03-01T10:00:00Z", "P999999999D", ""},
		{"absurd hours", "2026-03-01T10:00:00Z", "PT999999999H", ""},
		{"a number that no machine holds", "2026-03-01T10:00:00Z", "P99999999999999999999Y", ""},
		{"digits without end", "2026-03-01T10:00:00Z", "PT" + strings.Repeat("9", 100_000) + "S", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := at(t, c.now)
			got, err := nas.Termination(c.text, now, 0)
			if c.want != "" {
				require.NoError(t, err)
				assert.Equal(t, at(t, c.want), got)
				return
			}
			e := told(t, err)
			assert.Equal(t, nas.UnacceptableInitialTerminationTime, e.Fault)
			assert.Equal(t, fault.Error{Kind: fault.Invalid, Code: nas.CodeUnacceptableTermination, Text: e.Err.Text}, e.Err)
			assert.Equal(t, now, e.Minimum)
			assert.Zero(t, e.Maximum)
			assert.Zero(t, got)
			assert.NotContains(t, err.Error(), c.text)
		})
	}
	t.Run("T26 nil: no end", func(t *testing.T) {
		for _, none := range []string{"", " \n"} {
			got, err := nas.Termination(none, published, 0)
			require.NoError(t, err)
			assert.True(t, got.IsZero())
		}
	})
	t.Run("now may be of any zone", func(t *testing.T) {
		// In Copenhagen it is February already, in UTC not yet.
		got, err := nas.Termination("P1M", at(t, "2026-01-31T23:30:00Z").In(time.FixedZone("", 3600)), 0)
		require.NoError(t, err)
		assert.Equal(t, at(t, "2026-02-28T23:30:00Z"), got)
	})
}

func TestTerminationWithinLifetime(t *testing.T) {
	const most = 30 * 24 * time.Hour
	now := at(t, "2026-03-01T10:00:00Z")
	t.Run("as long as may be", func(t *testing.T) {
		got, err := nas.Termination("P30D", now, most)
		require.NoError(t, err)
		assert.Equal(t, now.Add(most), got)
	})
	t.Run("longer: the least and the most are told", func(t *testing.T) {
		for _, longer := range []string{"P30DT1S", "2026-03-31T10:00:00.000001Z", "P9000Y"} {
			_, err := nas.Termination(longer, now, most)
			e := told(t, err)
			assert.Equal(t, nas.UnacceptableInitialTerminationTime, e.Fault, longer)
			assert.Equal(t, [2]time.Time{now, now.Add(most)}, [2]time.Time{e.Minimum, e.Maximum}, longer)
		}
	})
	t.Run("past, or none at all: the most is not told", func(t *testing.T) {
		for _, bad := range []string{"-PT1H", "xyz"} {
			_, err := nas.Termination(bad, now, most)
			assert.Zero(t, told(t, err).Maximum, bad)
		}
	})
	t.Run("no end is asked for: as long as may be", func(t *testing.T) {
		got, err := nas.Termination("", now, most)
		require.NoError(t, err)
		assert.Equal(t, now.Add(most), got)
	})
}

// TestTerminationLaws shows that a time that is given is after now and within the years that a dateTime tells, that a longer duration does not end
// earlier, and that an instant means itself.
func TestTerminationLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "now")).UTC()
		n := func(label string) int {
			return rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 9999)).Draw(t, label)
		}
		months, days, seconds := n("months"), n("days"), n("seconds")
		end := func(months, days, seconds int) time.Time {
			got, err := nas.Termination(fmt.Sprintf("P%dM%dDT%dS", months, days, seconds), now, 0)
			require.NoError(t, err)
			return got
		}
		got := end(months, days, seconds+1)
		require.True(t, got.After(now))
		require.False(t, end(months+1, days, seconds+1).Before(got))
		require.True(t, end(months, days+1, seconds+1).Equal(got.Add(24*time.Hour)))
		require.True(t, end(months, days, seconds+2).Equal(got.Add(time.Second)))

		again, err := nas.Termination(got.Format(time.RFC3339Nano), now, 0)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
