package minlog

import (
	"time"
)

// earliest is the first instant an access can have had (minlog2-registration.xsd, RestrictedDateTimeType).
var earliest = time.Date(2015, time.January, 1, 0, 0, 0, 0, time.UTC)

// Cutoff returns the instant years calendar years before now, in UTC; two years before 29 February 2028 is 1 March 2026. A registration is
// alive as long as its To is after the cutoff: MinLog shows two years (Sundhedsdatastyrelsen, news of 22 March 2017).
func Cutoff(now time.Time, years int) time.Time { return now.UTC().AddDate(-years, 0, 0) }

// checkPeriod returns the code of what is wrong with an access that lasted from..to.
func (r *Rules) checkPeriod(from, to time.Time) string {
	switch {
	case from.Year() > lastRepresentedYear || to.Year() > lastRepresentedYear:
		return CodeTime
	case from.Before(earliest) || to.Before(earliest):
		return CodeTooEarly
	case !to.After(r.Cutoff):
		return CodeTooOld
	case r.FutureTolerance >= 0 && to.After(r.Now.Add(r.FutureTolerance)):
		return CodeFuture
	case from.After(to):
		return CodePeriod
	case to.Sub(from) > r.MaxPeriod:
		return CodePeriodLength
	}
	return ""
}

// cut returns t in UTC without what is below a microsecond.
func cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Window returns the query for what is alive at cutoff and touches [from, to), cut to microseconds; a zero bound is none. A window that ends
// before it begins is refused.
func Window(cutoff, from, to time.Time, maxPeriod time.Duration, chronologic bool) (Query, error) {
	q := Query{Cutoff: cutoff, MaxPeriod: maxPeriod, Chronologic: chronologic}
	if !from.IsZero() {
		q.From = cut(from)
	}
	if !to.IsZero() {
		q.To = cut(to)
	}
	if !from.IsZero() && !to.IsZero() && from.After(to) {
		return Query{}, syntax("FromDateTime is after ToDateTime")
	}
	return q, nil
}

// ClosedWindow returns the query, oldest first, for what is alive at cutoff and touches the window of MinLog1, which holds both its ends; they
// are cut to microseconds, a zero one is no bound. A window that ends before it begins is refused.
func ClosedWindow(cutoff, from, to time.Time, maxPeriod time.Duration) (Query, error) {
	if !from.IsZero() && !to.IsZero() && from.After(to) {
		return Query{}, syntax("fraDato is after tilDato")
	}
	if !to.IsZero() {
		to = cut(to).Add(time.Microsecond) // of whole microseconds, the first that is not in it
	}
	return Window(cutoff, from, to, maxPeriod, true)
}

// Empty tells whether no registration can lie in the window: it does not end after it begins.
func (q Query) Empty() bool { return !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) }

// Selects tells whether q selects an access that lasted from..to.
func (q Query) Selects(from, to time.Time) bool {
	return !q.Empty() && to.After(q.Cutoff) && (q.From.IsZero() || !to.Before(q.From)) && (q.To.IsZero() || from.Before(q.To))
}

// Compare orders registrations by the end of the access and then by id: negative if c comes before d.
func (c Cursor) Compare(d Cursor) int {
	if n := c.At.Compare(d.At); n != 0 {
		return n
	}
	return c.ID.Compare(d.ID)
}

// Cursor returns the place of the registration in the order (To, ID).
func (r *Registration) Cursor() Cursor { return Cursor{r.Entry.To, r.ID} }
