package stamdata

import (
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/validity"
)

// Why somebody has no age.
var (
	ErrUnborn error = fault.Error{Kind: fault.Invalid, Code: "stamdata_unborn", Text: "the person was not born on that day"}
	ErrNoAge  error = fault.Error{Kind: fault.Invalid, Code: "stamdata_no_age", Text: "the age of the person is not known"}
)

// Adult is the age at which custody ends.
const adult = 18

// Active tells whether the status is one of statuses (PI-01).
func (c Citizen) Active(statuses []string) bool { return slices.Contains(statuses, c.Status) }

// Dead tells whether the register has the citizen as dead (PI-01).
func (c Citizen) Dead() bool { return c.Status == StatusDead }

// Birth returns the birth date: of the register, else of the number (PI-02). ok is false where neither tells a day that exists.
func (c Citizen) Birth() (birth calendar.Day, ok bool) {
	if c.Registered != (calendar.Day{}) {
		return c.Registered, true
	}
	return c.CPR.Birth()
}

// Age returns the whole years of the citizen on a day; of one who is dead, at most those at death, or at the status where the register does not
// tell the death (PI-02). ErrUnborn before birth, ErrNoAge where the days are not known.
func (c Citizen) Age(on calendar.Day) (int, error) {
	birth, ok := c.Birth()
	if !ok {
		return 0, ErrNoAge
	}
	if c.Dead() {
		end := c.Died
		if end == (calendar.Day{}) {
			end = c.StatusSince
		}
		if end == (calendar.Day{}) {
			return 0, ErrNoAge
		}
		if end.Before(on) {
			on = end
		}
	}
	if on.Before(birth) {
		return 0, ErrUnborn
	}
	return calendar.AgeOn(birth, on), nil
}

// Protected tells whether name and address are protected at an instant: from the start of the first day (PI-05).
func (c Citizen) Protected(at time.Time) bool {
	if c.Protection == (calendar.Day{}) {
		return false
	}
	p := validity.Period{From: c.Protection.Start()}
	if c.ProtectionEnd != (calendar.Day{}) {
		p.To = c.ProtectionEnd.Start()
	}
	return p.Contains(at)
}

// DeceasedSince tells whether the citizen is dead since a day or a later one: by death, else by status.
func (c Citizen) DeceasedSince(since calendar.Day) bool {
	day := c.Died
	if day == (calendar.Day{}) {
		day = c.StatusSince
	}
	return c.Dead() && !day.Before(since)
}
