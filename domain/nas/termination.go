package nas

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fault"
)

// The lexical forms of XML Schema Part 2: dateTime with a year of four digits, and duration. Each number is bounded, so that none overflows.
var (
	dateTimeForm = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?$`)
	durationForm = regexp.MustCompile(`^P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(\.\d+)?S)?)?$`)
)

// lastYear is the last one that a dateTime of four digits tells.
const lastYear = 9999

// Termination returns when a subscription ends that is made now (NAS-50, NAS-51), in UTC and cut to microseconds; zero = it does not end. text is
// an xs:dateTime, without zone on a Danish clock, or an xs:duration from now on; "" = no end is asked for, which is maxLifetime from now
// where there is one (0 = none). The error is an *Error, UnacceptableInitialTerminationTime.
func Termination(text string, now time.Time, maxLifetime time.Duration) (time.Time, error) {
	now = now.UTC()
	var most time.Time
	if maxLifetime > 0 {
		most = now.Add(maxLifetime)
	}
	text = trim(text)
	if text == "" {
		return most.Truncate(time.Microsecond), nil
	}
	at, ok := parseDateTime(text)
	if !ok {
		at, ok = afterDuration(text, now)
	}
	at = at.UTC().Truncate(time.Microsecond)
	switch {
	case !ok:
		return time.Time{}, unacceptable("the initial termination time is no dateTime and no duration", now)
	case !at.After(now):
		return time.Time{}, unacceptable("the initial termination time has passed", now)
	case maxLifetime > 0 && at.After(most):
		e := unacceptable("the initial termination time is too late", now)
		e.Maximum = most
		return time.Time{}, e
	case at.Year() > lastYear:
		return time.Time{}, unacceptable("the initial termination time is too late", now)
	}
	return at, nil
}

func unacceptable(text string, now time.Time) *Error {
	return &Error{Fault: UnacceptableInitialTerminationTime, Minimum: now,
		Err: fault.Error{Kind: fault.Invalid, Code: CodeUnacceptableTermination, Text: text}}
}

func parseDateTime(s string) (time.Time, bool) {
	m := dateTimeForm.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	year, month, day := number10(m[1]), number10(m[2]), number10(m[3])
	hour, minute, second, nanos := number10(m[4]), number10(m[5]), number10(m[6]), fraction(m[7])
	midnight := hour == 24 && minute == 0 && second == 0 && strings.Trim(m[7], ".0") == ""
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if year == 0 || month < 1 || month > 12 || date.Day() != day || hour > 23 && !midnight || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	if m[8] == "" {
		return calendar.Local(year, time.Month(month), day, hour, minute, second, nanos), true
	}
	east, ok := zone(m[8])
	return time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC).Add(-east), ok
}

// zone returns how far a zone, Z or +hh:mm, is east of UTC: 14 hours at most.
func zone(s string) (time.Duration, bool) {
	if s == "Z" {
		return 0, true
	}
	minutes := number10(s[4:])
	east := time.Duration(number10(s[1:3])*60+minutes) * time.Minute
	if minutes > 59 || east > 14*time.Hour {
		return 0, false
	}
	if s[0] == '-' {
		east = -east
	}
	return east, true
}

// afterDuration adds an xs:duration to an instant in UTC: first the months, the day cut to the last of its month, then the rest.
func afterDuration(s string, t time.Time) (time.Time, bool) {
	back := strings.HasPrefix(s, "-")
	m := durationForm.FindStringSubmatch(strings.TrimPrefix(s, "-"))
	if m == nil || strings.HasSuffix(s, "P") || strings.HasSuffix(s, "T") {
		return time.Time{}, false
	}
	if back {
		return t, true // no later than now, whatever it is
	}
	const mostMonths, mostDays = lastYear * 12, lastYear * 366
	months := number10(m[1])*12 + number10(m[2])
	seconds := number10(m[4])*60*60 + number10(m[5])*60 + number10(m[6])
	days := number10(m[3]) + seconds/(24*60*60)
	if months > mostMonths || days > mostDays {
		return time.Time{}, false
	}
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	last := time.Date(first.Year(), first.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	at := first.AddDate(0, 0, min(t.Day(), last)-1+days)
	return at.Add(time.Duration(seconds%(24*60*60))*time.Second + time.Duration(fraction(m[7]))), true
}

// number10 is the number of at most nine digits; 0 of none.
func number10(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// fraction is the nanoseconds of ".123", cut; 0 of "".
func fraction(s string) int {
	if s == "" {
		return 0
	}
	return number10((s[1:] + "000000000")[:9])
}
