// Package xsd reads the lexical forms of XML Schema's simple types.
//
// Source: XML Schema Part 2: Datatypes, second edition (W3C 2004-10-28).
package xsd

import (
	"errors"
	"time"
)

// ErrLexical is returned for text that is not in the lexical space of the type. It never holds the text.
var ErrLexical = errors.New("xsd: not in the lexical space of the type")

// DateTime is an xs:dateTime as it was written: the fields of the wall clock, and the offset if one was given. 24:00:00 has become the
// next midnight. A value without zone is no instant before somebody says whose wall clock it was.
type DateTime struct {
	Year, Month, Day     int // year 1 to 9999, or 10000 for the midnight after its last day
	Hour, Minute, Second int
	Microsecond          int // the fraction, cut to microseconds
	HasZone              bool
	Offset               time.Duration // east of UTC, at most 14 hours, whole minutes; only if HasZone
}

// UTC returns the instant of d. ok is false if d has no zone.
func (d DateTime) UTC() (at time.Time, ok bool) {
	return time.Date(d.Year, time.Month(d.Month), d.Day, d.Hour, d.Minute, d.Second, d.Microsecond*1000, time.UTC).Add(-d.Offset), d.HasZone
}

// ParseDateTime reads an xs:dateTime: a year of four digits, seconds 00 to 59, a fraction of any length cut to microseconds, and a zone of
// at most 14 hours or none. White space around it is ignored.
func ParseDateTime(s string) (DateTime, error) { return DateTime{}, ErrLexical }

// ParseBoolean reads an xs:boolean: true, false, 1 or 0.
func ParseBoolean(s string) (bool, error) { return false, ErrLexical }

// ParseInt reads an xs:int: a decimal number of 32 bits with an optional sign.
func ParseInt(s string) (int, error) { return 0, ErrLexical }
