package fgvhr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fgvhr"
)

// rules are those of a server whose configuration says nothing.
var rules = fgvhr.Rules{MinAge: 60, WaitDays: 7, Active: []string{"01", "03", "05", "07"}}

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func day(y int, m time.Month, d int) calendar.Day { return calendar.Day{Year: y, Month: m, Dom: d} }

func TestValidFrom(t *testing.T) {
	for _, c := range []struct{ name, at, want string }{
		{"FA-02 FG-05 in winter", "2026-11-21T22:05:10Z", "2026-11-28T22:05:10Z"},
		{"FA-02 FG-05 at a time that spring leaves out", "2026-03-22T01:30:00Z", "2026-03-29T01:30:00Z"},
		{"FA-02 FG-05 after it", "2026-03-23T00:30:00Z", "2026-03-29T23:30:00Z"},
		{"FA-02 FG-05 at a time that autumn repeats", "2026-10-18T00:30:00Z", "2026-10-25T01:30:00Z"},
		{"FG-05 the last time before the gap", "2026-03-22T00:59:59.999999Z", "2026-03-29T00:59:59.999999Z"},
		{"FG-05 the first time after the gap", "2026-03-22T02:00:00Z", "2026-03-29T01:00:00Z"},
		{"FG-05 on the spring day", "2026-03-29T01:00:00Z", "2026-04-05T01:00:00Z"},
		{"FG-05 the last time before the repeated hour", "2026-10-17T23:59:59.999999Z", "2026-10-24T23:59:59.999999Z"},
		{"FG-05 the first time of the repeated hour", "2026-10-18T00:00:00Z", "2026-10-25T01:00:00Z"},
		{"FG-05 the first time after the repeated hour", "2026-10-18T01:00:00Z", "2026-10-25T02:00:00Z"},
		{"FG-05 in the repeated hour, the first time", "2026-10-25T00:30:00Z", "2026-11-01T01:30:00Z"},
		{"FG-05 in the repeated hour, the second time", "2026-10-25T01:30:00Z", "2026-11-01T01:30:00Z"},
		{"FG-05 over the end of a month", "2026-01-28T12:00:00.123456Z", "2026-02-04T12:00:00.123456Z"},
		{"FG-05 over the end of a year", "2026-12-29T23:30:00Z", "2027-01-05T23:30:00Z"},
		{"CM-04 over a leap day", "2028-02-25T12:00:00Z", "2028-03-03T12:00:00Z"},
		{"CM-04 over the end of a February without one", "2026-02-25T12:00:00Z", "2026-03-04T12:00:00Z"},
		{"CM-04 on a leap day", "2028-02-28T23:30:00Z", "2028-03-06T23:30:00Z"},
		{"CM-04 until a leap day", "2028-02-21T23:30:00Z", "2028-02-28T23:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, utc(c.want), rules.ValidFrom(utc(c.at)))
			assert.Equal(t, utc(c.want), rules.ValidFrom(utc(c.at).In(calendar.Location())), "whatever the zone of the instant")
			assert.Equal(t, 7, fgvhr.DaysUntil(utc(c.at), utc(c.want)), "FG-11")
		})
	}
}

// anyTime draws an instant, often one close to a change of the clocks or a leap day of some year.
func anyTime(t *rapid.T, label string) time.Time {
	year := rapid.IntRange(2024, 2040).Draw(t, label+" year")
	start := time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC)
	switch rapid.IntRange(0, 3).Draw(t, label+" near") {
	case 0:
		start = time.Date(year, time.March, 20, 0, 0, 0, 0, time.UTC)
	case 1:
		start = time.Date(year, time.October, 15, 0, 0, 0, 0, time.UTC)
	case 2:
		start = time.Date(year, time.February, 20, 0, 0, 0, 0, time.UTC)
	default:
		return start.Add(time.Duration(rapid.Int64Range(0, 366*24*3600_000_000).Draw(t, label)) * time.Microsecond)
	}
	return start.Add(time.Duration(rapid.Int64Range(0, 20*24*60).Draw(t, label)) * time.Minute)
}

// TestWaitingTime: an opt-out is in force on the day that is so many days later, when the clocks show the same time for the last time, or an hour
// more where they do not show it.
func TestWaitingTime(t *testing.T) {
	const clock = "15:04:05.999999"
	rapid.Check(t, func(t *rapid.T) {
		r := rules
		r.WaitDays = rapid.SampledFrom([]int{7, 7, 7, 0, 1, 30, 365}).Draw(t, "days")
		at := anyTime(t, "at")
		got := r.ValidFrom(at)
		assert.Equal(t, time.UTC, got.Location())
		assert.Equal(t, at.In(calendar.Location()).AddDate(0, 0, r.WaitDays).Format(time.DateOnly), got.In(calendar.Location()).Format(time.DateOnly))
		local, shown := at.In(calendar.Location()), got.In(calendar.Location())
		skipped := got.Add(-time.Hour).In(calendar.Location())
		if local.Format(clock) != shown.Format(clock) {
			_, before := got.Add(-2 * time.Hour).In(calendar.Location()).Zone()
			_, after := shown.Zone()
			assert.Less(t, before, after, "another time on the clock, but not in the night that lacks an hour")
			assert.Equal(t, local.Add(time.Hour).Format(clock), shown.Format(clock))
			assert.NotEqual(t, local.Format(clock), skipped.Format(clock))
		}
		assert.NotEqual(t, shown.Format(clock), got.Add(time.Hour).In(calendar.Location()).Format(clock), "the clocks show it once more")
		assert.Equal(t, r.WaitDays, fgvhr.DaysUntil(at, got), "FG-11")
		assert.GreaterOrEqual(t, got.Sub(at), time.Duration(r.WaitDays)*24*time.Hour-time.Hour)
	})
}

func TestDaysUntil(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		want           int
	}{
		{"FG-11 the same instant", "2026-11-21T22:05:10Z", "2026-11-21T22:05:10Z", 0},
		{"FG-11 later the same day", "2026-11-21T22:05:10Z", "2026-11-21T22:59:59Z", 0},
		{"FG-11 past midnight in Copenhagen", "2026-11-21T22:59:59Z", "2026-11-21T23:00:00Z", 1},
		{"FG-11 past midnight of UTC alone", "2026-11-21T23:30:00Z", "2026-11-22T00:30:00Z", 0},
		{"FG-11 from late to early", "2026-11-21T22:05:10Z", "2026-11-28T00:00:00Z", 7},
		{"FG-11 from early to late", "2026-11-20T23:00:00Z", "2026-11-28T22:59:59Z", 7},
		{"FG-11 over the day that lacks an hour", "2026-03-28T23:30:00Z", "2026-03-29T22:00:00Z", 1},
		{"FG-11 on the day that has an hour more", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", 0},
		{"FG-11 over a leap day", "2028-02-28T12:00:00Z", "2028-03-01T12:00:00Z", 2},
		{"FG-11 never negative", "2026-11-28T22:05:10Z", "2026-11-21T22:05:10Z", 0},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, fgvhr.DaysUntil(utc(c.from), utc(c.to))) })
	}
}

// TestOfAge: an age is reached when the birthday begins in Copenhagen, whatever the clocks do on it (CM-04).
func TestOfAge(t *testing.T) {
	for _, c := range []struct {
		name  string
		born  calendar.Day
		since string
	}{
		{"FA-03 in winter", day(1966, time.November, 22), "2026-11-21T23:00:00Z"},
		{"FA-03 in summer", day(1966, time.July, 1), "2026-06-30T22:00:00Z"},
		{"FA-03 on the day that loses an hour", day(1966, time.March, 29), "2026-03-28T23:00:00Z"},
		{"FA-03 on the day that gains an hour", day(1966, time.October, 25), "2026-10-24T22:00:00Z"},
		{"CM-04 born on 29 February, in a year with one", day(1968, time.February, 29), "2028-02-28T23:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			since := utc(c.since)
			assert.NoError(t, rules.Eligible(c.born, "01", since), "at the first instant")
			assert.Equal(t, fgvhr.ErrTooYoung, rules.Eligible(c.born, "01", since.Add(-time.Microsecond)), "at the last instant before")
		})
	}
	t.Run("CM-04 born on 29 February, in a year without one", func(t *testing.T) {
		r := rules
		r.MinAge = 61
		assert.NoError(t, r.Eligible(day(1968, time.February, 29), "01", utc("2029-02-28T23:00:00Z")))
		assert.Equal(t, fgvhr.ErrTooYoung, r.Eligible(day(1968, time.February, 29), "01", utc("2029-02-28T22:59:59.999999Z")))
	})
}

func TestEligible(t *testing.T) {
	now, old := utc("2026-11-21T22:05:10Z"), day(1950, time.May, 5)
	for status, want := range map[string]error{
		"01": nil, "03": nil, "05": nil, "07": nil, "20": fgvhr.ErrInactive, "80": fgvhr.ErrInactive, "90": fgvhr.ErrInactive, "": fgvhr.ErrInactive,
	} {
		t.Run("FG-04 status "+status, func(t *testing.T) { assert.Equal(t, want, rules.Eligible(old, status, now)) })
	}
	t.Run("FG-04 too young comes first", func(t *testing.T) {
		assert.Equal(t, fgvhr.ErrTooYoung, rules.Eligible(day(1990, time.May, 5), "80", now))
	})
	t.Run("FG-04 no birth date", func(t *testing.T) {
		assert.Equal(t, fgvhr.ErrTooYoung, rules.Eligible(calendar.Day{}, "01", now))
	})
}

func TestFormDate(t *testing.T) {
	for _, c := range []struct {
		name    string
		d       calendar.Day
		byAdmin bool
		now     string
		err     error
	}{
		{"FG-08 none", calendar.Day{}, false, "2026-11-21T22:05:10Z", nil},
		{"FG-08 none, by an administrator", calendar.Day{}, true, "2026-11-21T22:05:10Z", nil},
		{"FA-08 before", day(2026, time.November, 1), true, "2026-11-21T22:05:10Z", nil},
		{"FG-08 today", day(2026, time.November, 21), true, "2026-11-21T22:05:10Z", nil},
		{"FA-09 tomorrow", day(2026, time.November, 22), true, "2026-11-21T22:59:59.999999Z", fgvhr.ErrDate},
		{"FG-08 tomorrow is today in Copenhagen", day(2026, time.November, 22), true, "2026-11-21T23:00:00Z", nil},
		{"FA-09 by a citizen", day(2026, time.November, 1), false, "2026-11-21T22:05:10Z", fgvhr.ErrDate},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.err, fgvhr.CheckFormDate(c.d, c.byAdmin, utc(c.now))) })
	}
}
