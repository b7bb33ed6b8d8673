// Package cpr holds the Danish civil registration number (CPR-nummer).
package cpr

import (
	"errors"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
)

// Number is a civil registration number of ten digits. The zero Number is empty and equals nobody. It prints as "[cpr]": only Digits
// tells the number, so that it does not reach a log by accident.
type Number struct{ digits string }

// ErrInvalid is returned for a text that is no civil registration number.
var ErrInvalid = errors.New("not a civil registration number")

// Parse reads DDMMYYNNNN or DDMMYY-NNNN. The day must exist in its month (29 February always does); the modulus 11 is not checked,
// since numbers given out from 2007 on need not fulfil it. 0000000000 is refused.
func Parse(s string) (Number, error) {
	if len(s) == 11 && s[6] == '-' {
		s = s[:6] + s[7:]
	}
	if len(s) != 10 {
		return Number{}, ErrInvalid
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return Number{}, ErrInvalid
		}
	}
	day, month := two(s, 0), two(s, 2)
	if month < 1 || month > 12 || day < 1 || day > daysIn(month) {
		return Number{}, ErrInvalid
	}
	return Number{s}, nil
}

// Digits returns the ten digits, "" for the empty number.
func (n Number) Digits() string { return n.digits }

// IsZero tells whether the number is empty.
func (n Number) IsZero() bool { return n.digits == "" }

// String returns "[cpr]", "" for the empty number.
func (n Number) String() string {
	if n.IsZero() {
		return ""
	}
	return "[cpr]"
}

// GoString hides the number from %#v too.
func (n Number) GoString() string { return "cpr.Number{" + n.String() + "}" }

// Birth returns the birth date that the digits tell: the seventh digit gives the century (CPR-kontoret, "Personnummeret i CPR-systemet").
// ok is false for the empty number and for 29 February of a year without one.
func (n Number) Birth() (birth calendar.Day, ok bool) {
	if n.IsZero() {
		return birth, false
	}
	yy, seventh := two(n.digits, 4), n.digits[6]-'0'
	year := 1900 + yy
	switch {
	case seventh == 4 || seventh == 9:
		if yy <= 36 {
			year = 2000 + yy
		}
	case seventh >= 5:
		year = 1800 + yy
		if yy <= 57 {
			year = 2000 + yy
		}
	}
	birth = calendar.Day{Year: year, Month: time.Month(two(n.digits, 2)), Dom: two(n.digits, 0)}
	exists := time.Date(birth.Year, birth.Month, birth.Dom, 0, 0, 0, 0, time.UTC).Day() == birth.Dom
	return birth, exists
}

func two(s string, i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }

func daysIn(month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		return 29
	}
	return 31
}
