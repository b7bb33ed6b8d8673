// Package xsd reads the lexical forms of XML Schema's simple types.
//
// Source: XML Schema Part 2: Datatypes, second edition (W3C 2004-10-28).
package xsd

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// ErrLexical is returned for text that is not in the lexical space of the type. It never holds the text.
var ErrLexical = errors.New("xsd: not in the lexical space of the type")

// Collapse removes the white space of XML at both ends of s. The types of this package hold none inside.
func Collapse(s string) string { return strings.Trim(s, " \t\r\n") }

// ParseBoolean reads an xs:boolean: true, false, 1 or 0. White space around it is ignored.
func ParseBoolean(s string) (bool, error) {
	switch Collapse(s) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, ErrLexical
}

// ParseInt reads an xs:int: a decimal number of 32 bits with an optional sign. White space around it is ignored.
func ParseInt(s string) (int, error) {
	s = Collapse(s)
	if digits := strings.TrimLeft(s, "+-"); len(s)-len(digits) > 1 || strings.Trim(digits, "0123456789") != "" {
		return 0, ErrLexical
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, ErrLexical
	}
	return int(n), nil
}

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
	if !d.HasZone {
		return time.Time{}, false
	}
	return d.wall().Add(-d.Offset), true
}

// wall returns the instant at which a clock of UTC shows the fields of d.
func (d DateTime) wall() time.Time {
	return time.Date(d.Year, time.Month(d.Month), d.Day, d.Hour, d.Minute, d.Second, d.Microsecond*1000, time.UTC)
}

// ParseDateTime reads an xs:dateTime: a year of four digits from 0001, seconds 00 to 59, a fraction of any length cut to microseconds, and a
// zone of at most 14 hours or none. White space around it is ignored.
func ParseDateTime(s string) (DateTime, error) {
	r := reader{rest: Collapse(s)}
	var d DateTime
	r.date(&d)
	r.expect('T')
	d.Hour = r.number(2, 0, 24)
	r.expect(':')
	d.Minute = r.number(2, 0, 59)
	r.expect(':')
	d.Second = r.number(2, 0, 59)
	zero := r.fraction(&d)
	r.zone(&d)
	if r.bad || r.rest != "" || d.Hour == 24 && (d.Minute != 0 || d.Second != 0 || !zero) {
		return DateTime{}, ErrLexical
	}
	if d.Hour == 24 {
		next := d.wall()
		d.Year, d.Month, d.Day, d.Hour = next.Year(), int(next.Month()), next.Day(), 0
	}
	return d, nil
}

// ParseDate reads an xs:date as the midnight that it begins with: the date and the zone are as those of ParseDateTime.
func ParseDate(s string) (DateTime, error) {
	r := reader{rest: Collapse(s)}
	var d DateTime
	r.date(&d)
	r.zone(&d)
	if r.bad || r.rest != "" {
		return DateTime{}, ErrLexical
	}
	return d, nil
}

// reader takes a dateTime or a date apart. After the first mismatch bad stays set.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) number(digits, least, most int) (n int) {
	if len(r.rest) < digits {
		r.bad = true
		return 0
	}
	for _, c := range []byte(r.rest[:digits]) {
		if c < '0' || c > '9' {
			r.bad = true
			return 0
		}
		n = n*10 + int(c-'0')
	}
	r.rest = r.rest[digits:]
	r.bad = r.bad || n < least || n > most
	return n
}

func (r *reader) date(d *DateTime) {
	d.Year = r.number(4, 1, 9999)
	r.expect('-')
	d.Month = r.number(2, 1, 12)
	r.expect('-')
	d.Day = r.number(2, 1, 31)
	// time.Date carries a day that the month does not have over to the next month.
	noon := time.Date(d.Year, time.Month(d.Month), d.Day, 12, 0, 0, 0, time.UTC)
	r.bad = r.bad || noon.Day() != d.Day
}

func (r *reader) expect(c byte) {
	if r.rest == "" || r.rest[0] != c {
		r.bad = true
		return
	}
	r.rest = r.rest[1:]
}

// fraction takes the fraction of a second, if there is one, and reports whether it is nothing but zeros.
func (r *reader) fraction(d *DateTime) (zero bool) {
	after, ok := strings.CutPrefix(r.rest, ".")
	if !ok {
		return true
	}
	rest := strings.TrimLeft(after, "0123456789")
	digits := after[:len(after)-len(rest)]
	r.rest, r.bad = rest, r.bad || digits == ""
	for i := range 6 {
		d.Microsecond *= 10
		if i < len(digits) {
			d.Microsecond += int(digits[i] - '0')
		}
	}
	return strings.Trim(digits, "0") == ""
}

// zone takes Z, an offset, or nothing.
func (r *reader) zone(d *DateTime) {
	if r.rest == "" {
		return
	}
	d.HasZone = true
	sign := r.rest[0]
	r.rest = r.rest[1:]
	if sign == 'Z' {
		return
	}
	hours := r.number(2, 0, 14)
	r.expect(':')
	minutes := r.number(2, 0, 59)
	d.Offset = time.Duration(hours*60+minutes) * time.Minute
	switch sign {
	case '+':
	case '-':
		d.Offset = -d.Offset
	default:
		r.bad = true
	}
	r.bad = r.bad || hours == 14 && minutes != 0
}
