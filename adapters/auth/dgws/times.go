package dgws

import (
	"time"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fault"

	"github.com/opennsp/nsp/adapters/xml/xsd"
)

const (
	skew        = 60 * time.Second             // how far a clock may be ahead of ours where nothing else is said
	maxLifetime = 24*time.Hour + 5*time.Minute // of a card
)

// times are the instants of a card.
type times struct{ issued, notBefore, notOnOrAfter time.Time }

// readTimes reads the instants of a card. Version 1.0.1 writes a zone; version 1.0 writes the wall clock of Copenhagen, where the hour that
// autumn repeats is read so that the card is valid for the shorter time, and the hour that spring leaves out is not valid.
func (c *Card) readTimes() (at times, ok bool) {
	var bad bool
	read := func(text string, late bool) time.Time {
		t, ok := instant(text, c.Version, late)
		bad = bad || !ok
		return t
	}
	at.issued, at.notBefore, at.notOnOrAfter = read(c.Issued, false), read(c.NotBefore, true), read(c.NotOnOrAfter, false)
	return at, !bad
}

// Times returns the instants of the card. ok is false if one is missing or not in the form of the card's version.
func (c *Card) Times() (issued, notBefore, notOnOrAfter time.Time, ok bool) {
	at, ok := c.readTimes()
	return at.issued, at.notBefore, at.notOnOrAfter, ok
}

func instant(text, version string, late bool) (time.Time, bool) {
	d, err := xsd.ParseDateTime(text)
	if err != nil {
		return time.Time{}, false
	}
	switch version {
	case version101:
		return d.UTC()
	case version100:
		if d.HasZone {
			return time.Time{}, false
		}
		earliest, latest, ok := calendar.LocalBounds(d.Year, time.Month(d.Month), d.Day, d.Hour, d.Minute, d.Second, d.Microsecond*1000)
		if late {
			return latest, ok
		}
		return earliest, ok
	}
	return time.Time{}, false
}

// check tells whether the card may be used at now, by an operation that accepts cards up to maxAge old (counted from IssueInstant), if its
// issuer's clock is at most skew ahead.
func (at times) check(now time.Time, maxAge, skew time.Duration) (f fault.Error, cause string, ok bool) {
	if maxAge == 0 {
		maxAge = admitting.DefaultCardAge
	}
	switch {
	case !at.notBefore.Before(at.notOnOrAfter):
		return errCardTimes, "times reversed", false
	case at.notOnOrAfter.Sub(at.notBefore) > maxLifetime:
		return errCardTimes, "lifetime", false
	case at.issued.After(now.Add(skew)):
		return errNotYet, "issued in the future", false
	case !now.Before(at.notOnOrAfter):
		return errExpired, "expired", false
	case now.Before(at.notBefore.Add(-skew)):
		return errNotYet, "not yet valid", false
	case !now.Before(at.issued.Add(maxAge)):
		return errTooOld, "too old", false
	}
	return fault.Error{}, "", true
}
