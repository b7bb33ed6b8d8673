package will

import (
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
)

// Rules are what a server is told about who may make which will.
type Rules struct {
	MinAge      int       // years
	Active      []string  // statuses of CPR numbers that are active (CM-06)
	Closed      time.Time // from when there are no new living wills; zero = never
	AdminUpdate bool      // administrators may still change living wills
}

// Check returns the wishes of d as they are kept, without the acceptance of what is not declined (WL-08). ErrInvalid if d is no value, if
// acceptance is asked for where it cannot be (for IfDying, WL-09; in a living will) or by nobody that is known, or if a living will says more
// than a living will can; ErrEmpty if nothing is declined (WL-07).
func (r Rules) Check(reg Register, d Draft) (Wishes, error) {
	w := d.Wishes
	if d.Null || w.IfDying.Needs != None {
		return Wishes{}, ErrInvalid
	}
	conditional := []*Wish{&w.IfSeverelyDegraded, &w.IfSeverePain, &w.NoForcedTreatment}
	for _, wish := range conditional {
		if !slices.Contains([]Acceptance{None, Relative, Guardian, TrustedAgent}, wish.Needs) {
			return Wishes{}, ErrInvalid
		}
	}
	if reg != BTR && (w.IfSeverelyDegraded.Needs != None || w.IfSeverePain != Wish{} || w.NoForcedTreatment != Wish{}) {
		return Wishes{}, ErrInvalid
	}
	empty := !w.IfDying.Declined
	for _, wish := range conditional {
		if wish.Declined {
			empty = false
		} else {
			wish.Needs = None
		}
	}
	if empty {
		return Wishes{}, ErrEmpty
	}
	return w, nil
}

// MayCreate tells whether wills of reg may be created at now; ErrClosed for a living will since the register is closed (WL-11).
func (r Rules) MayCreate(reg Register, now time.Time) error {
	if reg == LTR && !r.Closed.IsZero() && !now.Before(r.Closed) {
		return ErrClosed
	}
	return nil
}

// MayUpdate tells whether wills of reg may be changed at now: since the register of living wills is closed, by its administrators alone, if by
// them (WL-11).
func (r Rules) MayUpdate(reg Register, s Surface, now time.Time) error {
	if s == Admin && r.AdminUpdate {
		return nil
	}
	return r.MayCreate(reg, now)
}

// Eligible tells whether somebody born on born, whose CPR number has a status, may make a will at now: ErrTooYoung, then ErrInactive (WL-10).
// Who has no birth date (zero) is too young; a number that the register does not know has no status ("").
func (r Rules) Eligible(born calendar.Day, status string, now time.Time) error {
	switch {
	case born == calendar.Day{}, calendar.AgeOn(born, calendar.DayOf(now)) < r.MinAge:
		return ErrTooYoung
	case !slices.Contains(r.Active, status):
		return ErrInactive
	}
	return nil
}
