package stamdata

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
)

// maxText is how many characters a text has at most, unless its column says otherwise.
const maxText = 200

// Take reads the values of one line in the order of the columns: it normalises them and tells what is wrong, without the number of the line.
// raw is not changed.
func (r Register) Take(raw []string) (Row, []Problem) {
	if len(raw) != len(r.Columns) {
		return nil, []Problem{{Text: fmt.Sprintf("has %d values, not %d", len(raw), len(r.Columns))}}
	}
	row, problems := make(Row, len(raw)), []Problem(nil)
	for i, c := range r.Columns {
		value, wrong := c.take(strings.TrimSpace(raw[i]))
		if wrong == "" && value == "" && c.Required {
			wrong = "is missing"
		}
		if wrong != "" {
			problems = append(problems, Problem{Column: c.Name, Text: wrong})
		}
		row[i] = value
	}
	if problems != nil {
		return nil, problems
	}
	if problem, ok := r.order(row); !ok {
		return nil, []Problem{problem}
	}
	return row, nil
}

// order tells whether what ends does not end before it begins.
func (r Register) order(row Row) (Problem, bool) {
	from, to := r.From, r.To
	if r.Name == CPRPerson {
		from, to = personProtection, personProtectionEnd
	}
	if to == 0 || row[from] == "" || row[to] == "" || row[from] <= row[to] {
		return Problem{}, true
	}
	return Problem{Column: r.Columns[to].Name, Text: "is before " + r.Columns[from].Name}, false
}

// take returns the value as the register keeps it, or what is wrong with it.
func (c Column) take(s string) (value, wrong string) {
	if s == "" {
		return "", ""
	}
	most := c.Max
	if most == 0 {
		most = maxText
	}
	switch c.Kind {
	case CPR:
		n, err := cpr.Parse(s)
		if err != nil {
			return "", "is no CPR number"
		}
		return n.Digits(), ""
	case Date:
		// Four digits of a year compare as text as the dates do.
		if d, err := calendar.ParseDay(s); err != nil || d.Year < 1000 || len(s) != len("2006-01-02") {
			return "", "is no date as yyyy-MM-dd"
		}
		return s, ""
	case Choice:
		if !slices.Contains(c.Values, s) {
			return "", "is none of " + strings.Join(c.Values, ", ")
		}
		return s, ""
	case Digits:
		if len(s) < c.Min || len(s) > most || strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
			return "", fmt.Sprintf("is not %d to %d digits", c.Min, most)
		}
		if c.Pad {
			s = strings.Repeat("0", most-len(s)) + s
		}
		return s, ""
	case Code:
		return takeCode(s, c.Min, most)
	case Text:
	}
	return takeText(s, most)
}

func takeCode(s string, least, most int) (value, wrong string) {
	if len(s) > most {
		return "", fmt.Sprintf("is not %d to %d letters A-Z and digits", least, most)
	}
	s = strings.ToUpper(s)
	if len(s) < least || strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		return "", fmt.Sprintf("is not %d to %d letters A-Z and digits", least, most)
	}
	return s, ""
}

func takeText(s string, most int) (value, wrong string) {
	switch {
	case !utf8.ValidString(s):
		return "", "is not UTF-8"
	case utf8.RuneCountInString(s) > most:
		return "", fmt.Sprintf("is longer than %d characters", most)
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", "holds control characters"
	}
	return s, ""
}
