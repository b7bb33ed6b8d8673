package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/calendar"
)

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func day(s string) calendar.Day {
	d, err := calendar.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestLocal(t *testing.T) {
	for _, c := range []struct {
		name             string
		month, day, hour int
		want             string
		earliest, latest string // of LocalBounds, "" = the hour does not exist
	}{
		{"winter", 1, 15, 12, "2026-01-15T11:30:00Z", "2026-01-15T11:30:00Z", "2026-01-15T11:30:00Z"},
		{"summer", 7, 15, 12, "2026-07-15T10:30:00Z", "2026-07-15T10:30:00Z", "2026-07-15T10:30:00Z"},
		{"the hour that autumn repeats", 10, 25, 2, "2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
		{"before it", 10, 25, 1, "2026-10-24T23:30:00Z", "2026-10-24T23:30:00Z", "2026-10-24T23:30:00Z"},
		{"after it", 10, 25, 3, "2026-10-25T02:30:00Z", "2026-10-25T02:30:00Z", "2026-10-25T02:30:00Z"},
		{"the hour that spring leaves out", 3, 29, 2, "2026-03-29T01:30:00Z", "", ""},
		{"before the gap", 3, 29, 1, "2026-03-29T00:30:00Z", "2026-03-29T00:30:00Z", "2026-03-29T00:30:00Z"},
		{"after the gap", 3, 29, 3, "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := calendar.Local(2026, time.Month(c.month), c.day, c.hour, 30, 0, 0)
			assert.Equal(t, utc(c.want), got.UTC())
			earliest, latest, ok := calendar.LocalBounds(2026, time.Month(c.month), c.day, c.hour, 30, 0, 0)
			assert.Equal(t, c.earliest != "", ok)
			if ok {
				assert.Equal(t, utc(c.earliest), earliest.UTC())
				assert.Equal(t, utc(c.latest), latest.UTC())
			}
		})
	}
}

func TestAgeOn(t *testing.T) {
	for _, c := range []struct {
		birth, on string
		want      int
	}{
		{"2010-06-06", "2025-06-05", 14},
		{"2010-06-06", "2025-06-06", 15},
		{"2010-06-06", "2010-06-06", 0},
		{"2010-06-06", "2010-06-05", -1},
		{"2008-02-29", "2023-02-28", 14},
		{"2008-02-29", "2023-03-01", 15},
		{"2008-02-29", "2024-02-29", 16},
	} {
		assert.Equal(t, c.want, calendar.AgeOn(day(c.birth), day(c.on)), "born %s, on %s", c.birth, c.on)
	}
}

func TestDayOf(t *testing.T) {
	assert.Equal(t, day("2026-11-01"), calendar.DayOf(utc("2026-10-31T23:30:00Z")), "winter time is an hour ahead of UTC")
	assert.Equal(t, day("2026-07-02"), calendar.DayOf(utc("2026-07-01T22:00:00Z")), "summer time is two")
	assert.Equal(t, utc("2026-07-01T22:00:00Z"), day("2026-07-02").Start())
}

func TestParseDayRefusesWhatIsNoDay(t *testing.T) {
	for _, s := range []string{"", "2026-02-29", "2026-13-01", "26-01-01", "2026-01-01T00:00:00Z", "2026-1-1"} {
		_, err := calendar.ParseDay(s)
		assert.Error(t, err, s)
	}
}

// TestDaysAreOrdered shows that a day holds exactly the instants from its start to the next start, and that Before is their order.
func TestDaysAreOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "a"), 0)
		b := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "b"), 0)
		d, e := calendar.DayOf(a), calendar.DayOf(b)
		require.False(t, a.Before(d.Start()))
		require.Equal(t, d, calendar.DayOf(d.Start()))
		require.Equal(t, d.Start().Before(e.Start()), d.Before(e))
		again, err := calendar.ParseDay(d.String())
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

func TestTimeOfDayAfter(t *testing.T) {
	for _, c := range []struct{ name, clock, after, want string }{
		{"later today", "03:15", "2026-01-15T02:14:59Z", "2026-01-15T02:15:00Z"},
		{"tomorrow, at the time itself", "03:15", "2026-01-15T02:15:00Z", "2026-01-16T02:15:00Z"},
		{"summer", "03:15", "2026-07-15T12:00:00Z", "2026-07-16T01:15:00Z"},
		{"the day is that of Copenhagen", "00:30", "2026-07-15T22:10:00Z", "2026-07-15T22:30:00Z"},
		{"the new year", "03:15", "2026-12-31T12:00:00Z", "2027-01-01T02:15:00Z"},
		{"29 February", "03:15", "2028-02-28T12:00:00Z", "2028-02-29T02:15:00Z"},
		{"into summer time: a day of 23 hours", "03:15", "2026-03-28T02:15:00Z", "2026-03-29T01:15:00Z"},
		{"the night that lacks the time", "02:30", "2026-03-28T02:00:00Z", "2026-03-29T01:30:00Z"},
		{"after that night", "02:30", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"},
		{"out of summer time: a day of 25 hours", "03:15", "2026-10-24T01:15:00Z", "2026-10-25T02:15:00Z"},
		{"the night that has the time twice: the first", "02:30", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		{"and not the second", "02:30", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		{"also when asked within the second", "02:30", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"},
		{"midnight", "00:00", "2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock, err := calendar.ParseTimeOfDay(c.clock)
			require.NoError(t, err)
			assert.Equal(t, c.clock, clock.String())
			assert.Equal(t, utc(c.want), clock.After(utc(c.after)))
		})
	}
	for _, s := range []string{"", "3:15", "24:00", "03:60", "03:15:00", "03.15", " 03:15", "-1:00"} {
		_, err := calendar.ParseTimeOfDay(s)
		assert.Error(t, err, s)
	}
}

// TestTimeOfDayComesOnceADay shows that the instants follow each other by 23 to 25 hours, each on a day of its own.
func TestTimeOfDayComesOnceADay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := calendar.TimeOfDay{Hour: rapid.IntRange(0, 23).Draw(t, "hour"), Minute: rapid.IntRange(0, 59).Draw(t, "minute")}
		at := clock.After(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0))
		for range 400 {
			next := clock.After(at)
			require.GreaterOrEqual(t, next.Sub(at), 23*time.Hour)
			require.LessOrEqual(t, next.Sub(at), 25*time.Hour)
			require.Equal(t, next, clock.After(next.Add(-time.Nanosecond)))
			require.NotEqual(t, calendar.DayOf(at), calendar.DayOf(next))
			at = next
		}
	})
}
