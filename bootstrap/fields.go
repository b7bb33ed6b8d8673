package bootstrap

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
)

// kind is the form of a value in a file.
type kind uint8

const (
	textKind kind = iota
	boolKind
	switchKind // true, false, or "" for what the mode says
	intKind
	shareKind // a number from 0 to 1
	listKind
	mapKind     // of lists; as texts name=value, name= for an empty list
	valuesKind  // map of single values; as texts name=value
	recordsKind // list of small mappings; as texts member=value member=value
)

// many tells whether a value of the kind is any number of texts.
func (k kind) many() bool {
	return k == listKind || k == mapKind || k == valuesKind || k == recordsKind
}

// field reads and prints the value of one key.
type field interface {
	kind() kind
	set(values []string) error // one value, or those of a list
	get() []string
}

type text string

func (f *text) kind() kind           { return textKind }
func (f *text) set(v []string) error { *f = text(v[0]); return nil }
func (f *text) get() []string        { return []string{string(*f)} }

// timeOfDay is a text such as 03:15, or empty.
type timeOfDay string

func (f *timeOfDay) kind() kind { return textKind }
func (f *timeOfDay) set(v []string) error {
	if v[0] != "" {
		if _, err := calendar.ParseTimeOfDay(v[0]); err != nil {
			return fmt.Errorf("%q is no time of day such as 03:15", v[0])
		}
	}
	*f = timeOfDay(v[0])
	return nil
}
func (f *timeOfDay) get() []string { return []string{string(*f)} }

type choice struct {
	value   *string
	allowed []string
}

func (f *choice) kind() kind { return textKind }
func (f *choice) set(v []string) error {
	if !slices.Contains(f.allowed, v[0]) {
		return fmt.Errorf("%q is none of %s", v[0], strings.Join(slices.DeleteFunc(slices.Clone(f.allowed), func(s string) bool { return s == "" }), ", "))
	}
	*f.value = v[0]
	return nil
}
func (f *choice) get() []string { return []string{*f.value} }

type choices struct {
	value   *[]string
	allowed []string
}

func (f *choices) kind() kind { return listKind }
func (f *choices) set(v []string) error {
	for _, s := range v {
		if !slices.Contains(f.allowed, s) {
			return fmt.Errorf("%q is none of %s", s, strings.Join(f.allowed, ", "))
		}
	}
	*f.value = v
	return nil
}
func (f *choices) get() []string { return *f.value }

type list []string

func (f *list) kind() kind           { return listKind }
func (f *list) set(v []string) error { *f = append(list(nil), v...); return nil }
func (f *list) get() []string        { return *f }

type truth bool

func (f *truth) kind() kind { return boolKind }
func (f *truth) set(v []string) error {
	switch v[0] {
	case "true":
		*f = true
	case "false":
		*f = false
	default:
		return errors.New("want true or false")
	}
	return nil
}
func (f *truth) get() []string { return []string{strconv.FormatBool(bool(*f))} }

// modal is a truth that the mode decides where nothing is said.
type modal struct{ value **bool }

func (f modal) kind() kind { return switchKind }
func (f modal) set(v []string) error {
	if *f.value = nil; v[0] == "" {
		return nil
	}
	var t truth
	if err := t.set(v); err != nil {
		return err
	}
	*f.value = new(bool(t))
	return nil
}
func (f modal) get() []string {
	if *f.value == nil {
		return []string{""}
	}
	return []string{strconv.FormatBool(**f.value)}
}

type number struct {
	value    *int
	min, max int
}

func (f *number) kind() kind { return intKind }
func (f *number) set(v []string) error {
	n, err := strconv.Atoi(v[0])
	if err != nil || n < f.min || n > f.max {
		return fmt.Errorf("want a whole number from %d to %d", f.min, f.max)
	}
	*f.value = n
	return nil
}
func (f *number) get() []string { return []string{strconv.Itoa(*f.value)} }

type duration struct {
	value    *time.Duration
	min, max time.Duration
}

func positive(d *time.Duration) field { return &duration{d, 1, longest} }

// upTo is a positive duration of at most max.
func upTo(limit time.Duration, d *time.Duration) field { return &duration{d, 1, limit} }

func (f *duration) kind() kind { return textKind }
func (f *duration) set(v []string) error {
	d, err := parseDuration(v[0])
	if err != nil || d < f.min {
		return fmt.Errorf("%q is no duration such as 5s or PT5S", v[0])
	}
	if d > f.max {
		return fmt.Errorf("%q is longer than %s", v[0], formatDuration(f.max))
	}
	*f.value = d
	return nil
}
func (f *duration) get() []string { return []string{formatDuration(*f.value)} }

func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// isoDuration is the part of ISO 8601 durations that has one length: days, hours, minutes and seconds.
var isoDuration = regexp.MustCompile(`^P(?:(\d{1,5})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$`)

// longest is more than any duration of a configuration.
const longest = 50 * 365 * 24 * time.Hour

// parseDuration reads a Go duration or an ISO 8601 duration of days and shorter units.
func parseDuration(s string) (time.Duration, error) {
	m := isoDuration.FindStringSubmatch(s)
	if m == nil || strings.HasSuffix(s, "T") || s == "P" {
		return time.ParseDuration(s)
	}
	var sum time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseFloat(m[i+1], 64)
		if err != nil || n*float64(unit) > float64(longest) {
			return 0, errors.New("too long")
		}
		sum += time.Duration(n * float64(unit))
	}
	return sum, nil
}

type size struct {
	value *int64
	min   int64
}

func (f *size) kind() kind { return textKind }
func (f *size) set(v []string) error {
	n, err := parseSize(v[0])
	if err != nil || n < f.min {
		return fmt.Errorf("%q is no size such as 16MiB", v[0])
	}
	*f.value = n
	return nil
}
func (f *size) get() []string { return []string{formatSize(*f.value)} }

// units of sizes, the largest first.
func units() []struct {
	name string
	size int64
} {
	return []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
}

func parseSize(s string) (int64, error) {
	unit := int64(1)
	for _, u := range units() {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return 0, errors.New("no size")
	}
	return n * unit, nil
}

func formatSize(n int64) string {
	for _, u := range units() {
		if n > 0 && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

type prefixes []netip.Prefix

func (f *prefixes) kind() kind { return listKind }
func (f *prefixes) set(v []string) error {
	var out prefixes
	for _, s := range v {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return fmt.Errorf("%q is no network such as 10.0.0.0/8", s)
		}
		out = append(out, p)
	}
	*f = out
	return nil
}

func (f *prefixes) get() []string {
	out := make([]string, len(*f))
	for i, p := range *f {
		out[i] = p.String()
	}
	return out
}
