package ecpr

import (
	"fmt"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
)

// The form of an X-eCPR: DDMMYYCAAG (EC-04).
const (
	numberLength = 10
	letters      = 26
	pairs        = letters * letters
	both         = -1 // parity of a series of any sex
)

// ParseNumber reads an X-eCPR in any case (EC-04). Its date need not exist.
func ParseNumber(s string) (Number, error) {
	s = strings.ToUpper(s)
	if !hasForm(s, "17") {
		return Number{}, ErrInvalid
	}
	return Number{s}, nil
}

// hasForm tells whether s is DDMMYYCAAG with C among centuries.
func hasForm(s, centuries string) bool {
	if len(s) != numberLength || !strings.Contains(centuries, s[6:7]) {
		return false
	}
	for i := range len(s) {
		switch {
		case i == 7 || i == 8:
			if s[i] < 'A' || s[i] > 'Z' {
				return false
			}
		case s[i] < '0' || s[i] > '9':
			return false
		}
	}
	return true
}

// Series returns the series that n is of: that of one sex. The empty number is of none.
func (n Number) Series() Series {
	if n.IsZero() {
		return Series{}
	}
	return Series{date: n.text[:7], parity: int8(n.text[9]-'0') % 2}
}

// NewSeries returns what the number of a person is drawn from: who is born on a day gets that day, anybody else the day of creation; male is
// odd, female even, the others either (EC-04, EC-06). The error is that of [BirthDate.Check].
func NewSeries(b BirthDate, g Gender, today calendar.Day) (Series, error) {
	day := today
	if b != "" {
		if err := b.Check(today); err != nil {
			return Series{}, err
		}
		if born, ok := b.Day(); ok {
			day = born
		}
	}
	century := '1'
	if day.Year >= 2000 {
		century = '7'
	}
	s := Series{date: fmt.Sprintf("%02d%02d%02d%c", day.Dom, day.Month, day.Year%100, century), parity: both}
	switch g {
	case Male:
		s.parity = 1
	case Female:
		s.parity = 0
	}
	return s, nil
}

// String returns DDMMYYC and M, F or * for either: a text to keep. No number is told by it.
func (s Series) String() string {
	switch s.parity {
	case 1:
		return s.date + "M"
	case 0:
		return s.date + "F"
	}
	return s.date + "*"
}

// Parts returns the series of one sex that s holds: itself, or two.
func (s Series) Parts() []Series {
	if s.parity != both {
		return []Series{s}
	}
	return []Series{{s.date, 0}, {s.date, 1}}
}

// Space is how many numbers the series has: 3,380, or 6,760 of both sexes.
func (s Series) Space() int { return pairs * s.digits() }

// digits is how many last digits a series has.
func (s Series) digits() int {
	if s.parity == both {
		return 10
	}
	return 5
}

// At returns the number i of the series, 0 <= i < Space.
func (s Series) At(i int) Number {
	if i < 0 || i >= s.Space() {
		panic("ecpr: no such number in the series")
	}
	pair, last := i/s.digits(), i%s.digits()
	if s.parity != both {
		last = 2*last + int(s.parity)
	}
	return Number{s.date + string([]byte{'A' + byte(pair/letters), 'A' + byte(pair%letters), '0' + byte(last)})}
}

// Has tells whether n is of the series.
func (s Series) Has(n Number) bool {
	of := n.Series()
	return !n.IsZero() && of.date == s.date && (s.parity == both || of.parity == s.parity)
}

// Day returns the birth date, ok is false where it is not known to the day.
func (b BirthDate) Day() (born calendar.Day, ok bool) {
	born, err := calendar.ParseDay(string(b))
	return born, err == nil
}

// Parts returns the year, month and day, 0 where they are not known.
func (b BirthDate) Parts() (year, month, day int) {
	for i, layout := range []string{"2006", "2006-01", time.DateOnly} {
		t, err := time.Parse(layout, string(b))
		if err != nil {
			continue
		}
		year = t.Year()
		if i > 0 {
			month = int(t.Month())
		}
		if i > 1 {
			day = t.Day()
		}
	}
	return year, month, day
}

// Check tells whether somebody can be born then: yyyy, yyyy-MM or yyyy-MM-dd of the years 1900 to 2099, and not after today (EC-07, EC-23).
// Otherwise a [Problem] of ErrInvalid.
func (b BirthDate) Check(today calendar.Day) error {
	year, month, day := b.Parts()
	earliest := calendar.Day{Year: year, Month: time.Month(max(month, 1)), Dom: max(day, 1)}
	if year < 1900 || year > 2099 || today.Before(earliest) {
		return invalid("Fødselsdatoen er ugyldig", string(b))
	}
	return nil
}
