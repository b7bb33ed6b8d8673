package fgvhr

import (
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
)

// Rules are what a server is told about who may decline resuscitation, and when that takes effect.
type Rules struct {
	MinAge   int      // years
	WaitDays int      // from the registration until it is in force
	Active   []string // statuses of CPR numbers that are active (CM-06)
}

// Eligible tells whether somebody born on born, whose CPR number has a status, may decline resuscitation at now: ErrTooYoung, then ErrInactive
// (FG-04). Who has no birth date (zero) is too young; a number that the register does not know has no status ("").
func (r Rules) Eligible(born calendar.Day, status string, now time.Time) error {
	switch {
	case born == calendar.Day{}, calendar.AgeOn(born, calendar.DayOf(now)) < r.MinAge:
		return ErrTooYoung
	case !slices.Contains(r.Active, status):
		return ErrInactive
	}
	return nil
}

// ValidFrom returns from when what is registered at an instant is in force: when the clocks of Copenhagen show the same time WaitDays days later;
// the second time where they do so twice, an hour later on the clock where they never do (FG-05).
func (r Rules) ValidFrom(at time.Time) time.Time {
	t := at.In(calendar.Location())
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if _, latest, ok := calendar.LocalBounds(year, month, day+r.WaitDays, hour, minute, second, t.Nanosecond()); ok {
		return latest.UTC()
	}
	return calendar.Local(year, month, day+r.WaitDays, hour, minute, second, t.Nanosecond()).UTC()
}

// DaysUntil returns how many midnights of Copenhagen are after from and not after to, 0 if to is the earlier one (FG-11).
func DaysUntil(from, to time.Time) int {
	noon := func(t time.Time) time.Time {
		d := calendar.DayOf(t)
		return time.Date(d.Year, d.Month, d.Dom, 12, 0, 0, 0, time.UTC)
	}
	return max(0, int(noon(to).Sub(noon(from))/(24*time.Hour)))
}

// CheckFormDate tells whether d may be the date on the paper form: only administrators send one, and not one to come; ErrDate if not (FG-08). Zero
// is no date.
func CheckFormDate(d calendar.Day, byAdmin bool, now time.Time) error {
	if d != (calendar.Day{}) && (!byAdmin || calendar.DayOf(now).Before(d)) {
		return ErrDate
	}
	return nil
}
