// Package calendar holds the rules of the Danish calendar: days, ages and local times of Europe/Copenhagen.
package calendar

import (
	"errors"
	"time"
)

// location is immutable after start; the binary embeds the time zone data (bootstrap imports time/tzdata).
var location = mustLoad()

func mustLoad() *time.Location {
	l, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		panic("calendar: no time zone data for Europe/Copenhagen: " + err.Error())
	}
	return l
}

// Location returns Europe/Copenhagen.
func Location() *time.Location { return location }

// Day is a calendar day of Europe/Copenhagen, comparable and usable as a key.
type Day struct {
	Year  int
	Month time.Month
	Dom   int
}

// DayOf returns the Copenhagen day of the instant t.
func DayOf(t time.Time) Day {
	y, m, d := t.In(location).Date()
	return Day{y, m, d}
}

// ParseDay reads 2006-01-02.
func ParseDay(s string) (Day, error) {
	t, err := time.ParseInLocation(time.DateOnly, s, time.UTC)
	if err != nil {
		return Day{}, err
	}
	return Day{t.Year(), t.Month(), t.Day()}, nil
}

// String returns 2006-01-02.
func (d Day) String() string {
	return time.Date(d.Year, d.Month, d.Dom, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// Start returns the first instant of the day in UTC.
func (d Day) Start() time.Time { return time.Date(d.Year, d.Month, d.Dom, 0, 0, 0, 0, location).UTC() }

// Before tells whether d is earlier than e.
func (d Day) Before(e Day) bool {
	if d.Year != e.Year {
		return d.Year < e.Year
	}
	if d.Month != e.Month {
		return d.Month < e.Month
	}
	return d.Dom < e.Dom
}

// AgeOn returns the whole years of somebody born on birth at the day on, negative before birth. Who is born on 29 February ages on 1 March.
func AgeOn(birth, on Day) int {
	age := on.Year - birth.Year
	if on.Month < birth.Month || on.Month == birth.Month && on.Dom < birth.Dom {
		age--
	}
	return age
}

// Local returns the instant of a wall clock time without zone. In the hour that autumn repeats it is the earlier instant (summer time);
// a time in the hour that spring leaves out is one hour later on the clock.
func Local(year int, month time.Month, day, hour, minute, second, nanosecond int) time.Time {
	wall := time.Date(year, month, day, hour, minute, second, nanosecond, time.UTC)
	// Offset +02:00 if Copenhagen has +02:00 at that instant, else +01:00.
	summer := wall.Add(-2 * time.Hour)
	if _, offset := summer.In(location).Zone(); offset == 2*60*60 {
		return summer
	}
	return wall.Add(-1 * time.Hour)
}

// LocalBounds returns the earliest and the latest instant that a wall clock time without zone can mean: equal but in the hour that autumn
// repeats. ok is false for a time in the hour that spring leaves out.
func LocalBounds(year int, month time.Month, day, hour, minute, second, nanosecond int) (earliest, latest time.Time, ok bool) {
	wall := time.Date(year, month, day, hour, minute, second, nanosecond, time.UTC)
	for _, hours := range []time.Duration{2, 1} {
		t := wall.Add(-hours * time.Hour)
		if _, offset := t.In(location).Zone(); time.Duration(offset)*time.Second != hours*time.Hour {
			continue
		}
		if !ok {
			earliest = t
		}
		latest, ok = t, true
	}
	return earliest, latest, ok
}

// TimeOfDay is a time that the clocks of Copenhagen show.
type TimeOfDay struct{ Hour, Minute int }

var errTimeOfDay = errors.New("not a time of day such as 03:15")

// ParseTimeOfDay reads 15:04.
func ParseTimeOfDay(s string) (TimeOfDay, error) {
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return TimeOfDay{}, errTimeOfDay
	}
	return TimeOfDay{t.Hour(), t.Minute()}, nil
}

// String returns 15:04.
func (c TimeOfDay) String() string {
	return time.Date(0, 1, 1, c.Hour, c.Minute, 0, 0, time.UTC).Format("15:04")
}

// After returns the first instant after t at which it is c on some day: once a day, also on the night whose hour comes twice (the first time)
// and on the one that lacks it (an hour later on the clock), as [Local] has it.
func (c TimeOfDay) After(t time.Time) time.Time {
	for day := t.In(location); ; day = time.Date(day.Year(), day.Month(), day.Day()+1, 12, 0, 0, 0, location) {
		if at := Local(day.Year(), day.Month(), day.Day(), c.Hour, c.Minute, 0, 0); at.After(t) {
			return at.UTC()
		}
	}
}
