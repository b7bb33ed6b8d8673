package consentjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
)

// lastYear is the last that a time can be of.
const lastYear = 9999

// reader goes through one JSON text. It stops at the first thing that is wrong, of which err tells the place and never a value; nothing that
// it filled counts then. Its methods that read a value return true, which tells that a member is known, also where the value is wrong.
type reader struct {
	tokens *json.Decoder
	place  []string // members and indexes that lead to the value that comes
	err    error
}

// read hands the members of data, which must be one JSON object and nothing after it, to member; those of must have to be there.
func read(data []byte, must []string, member func(r *reader, name string) bool) error {
	var syntax *json.SyntaxError
	var text json.RawMessage
	switch err := json.Unmarshal(data, &text); {
	case errors.As(err, &syntax):
		return syntaxError(fmt.Sprintf("The text is not JSON: octet %d.", syntax.Offset))
	case err != nil || !utf8.Valid(data):
		return syntaxError("The text is not JSON in UTF-8.")
	}
	r := &reader{tokens: json.NewDecoder(bytes.NewReader(data))}
	r.tokens.UseNumber()
	r.object(must, func(name string) bool { return member(r, name) })
	return r.err
}

func syntaxError(text string) fault.Error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}

// wrong says what the value at the place is not, unless something was wrong before.
func (r *reader) wrong(text string) {
	if r.err == nil {
		r.err = syntaxError(r.where() + " " + text + ".")
	}
}

// lacks says that a member must be there, unless something was wrong before.
func (r *reader) lacks(name string) {
	if r.err == nil {
		r.err = fault.Error{Kind: fault.Malformed, Code: codeRequest, Text: r.where(name) + " is missing."}
	}
}

// where names the place, or what lies in it.
func (r *reader) where(name ...string) string {
	var at strings.Builder
	for _, step := range slices.Concat(r.place, name) {
		if at.Len() > 0 && step[0] != '[' {
			at.WriteByte('.')
		}
		at.WriteString(step)
	}
	if at.Len() == 0 {
		return "The JSON text"
	}
	return at.String()
}

// token returns the one that comes: the text was found to be JSON, so that no step fails.
func (r *reader) token() json.Token {
	t, _ := r.tokens.Token()
	return t
}

// object calls member with the name of each member, until something is wrong. member goes past its value, or tells that there is no such
// member. Those of must have to be there.
func (r *reader) object(must []string, member func(name string) bool) bool {
	if r.token() != json.Delim('{') {
		r.wrong("is not an object")
		return true
	}
	var seen []string // each a name that is known
	for r.tokens.More() {
		name, _ := r.token().(string)
		if slices.Contains(seen, name) {
			r.err = syntaxError(r.where(name) + " is there twice.")
			return true
		}
		r.place = append(r.place, name)
		known := member(name)
		r.place = r.place[:len(r.place)-1]
		if !known {
			r.wrong("has a member that is not known") // whose name may be anything
		}
		if r.err != nil {
			return true
		}
		seen = append(seen, name)
	}
	r.token()
	for _, name := range must {
		if !slices.Contains(seen, name) {
			r.lacks(name)
		}
	}
	return true
}

// array calls item at each value, until something is wrong; item goes past it.
func (r *reader) array(item func()) bool {
	if r.token() != json.Delim('[') {
		r.wrong("is not an array")
		return true
	}
	for i := 0; r.tokens.More(); i++ {
		r.place = append(r.place, "["+strconv.Itoa(i)+"]")
		item()
		r.place = r.place[:len(r.place)-1]
		if r.err != nil {
			return true
		}
	}
	r.token()
	return true
}

// text reads a text of 1 to most characters, none of which is a control character or half a pair of surrogates.
func (r *reader) text(s *string, most int) bool {
	text, ok := r.token().(string)
	if !ok || text == "" || utf8.RuneCountInString(text) > most || strings.ContainsFunc(text, func(c rune) bool {
		return c < ' ' || c == 0x7f || c == utf8.RuneError
	}) {
		r.wrong(fmt.Sprintf("is not a text of 1 to %d characters", most))
	}
	*s = text
	return true
}

// word reads one of the words, which stands for the value beside it.
func word[T any](r *reader, into *T, words ...meaning[T]) bool {
	s, _ := r.token().(string)
	for _, w := range words {
		if w.word == s {
			*into = w.value
			return true
		}
	}
	r.wrong("is none of the words that it may be")
	return true
}

type meaning[T any] struct {
	word  string
	value T
}

func (r *reader) boolean(b *bool) bool {
	value, ok := r.token().(bool)
	if !ok {
		r.wrong("is neither true nor false")
	}
	*b = value
	return true
}

// count reads a whole number from 1.
func (r *reader) count(n *int) bool {
	number, _ := r.token().(json.Number)
	value, err := strconv.Atoi(number.String())
	if err != nil || value < 1 {
		r.wrong("is not a whole number from 1")
	}
	*n = value
	return true
}

func (r *reader) number(n *cpr.Number) bool {
	s, _ := r.token().(string)
	value, err := cpr.Parse(s)
	if err != nil {
		r.wrong("is not a CPR number")
	}
	*n = value
	return true
}

func (r *reader) time(at *time.Time) bool {
	s, _ := r.token().(string)
	value, ok := Instant(s)
	if !ok {
		r.wrong("is not a time with a zone (RFC 3339) of the years 1 to 9999")
	}
	*at = value
	return true
}

// Instant reads a time as RFC 3339 has it, of the years 1 to 9999, in UTC and cut to milliseconds. It is never the zero time.
// [time.Parse] takes more: hours of one digit, commas before fractions, zones a day away.
func Instant(s string) (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil || s[len("2006-01-02T15")] != ':' || strings.Contains(s, ",") {
		return time.Time{}, false
	}
	zone := s[len(s)-len("00:00"):]
	if s[len(s)-1] != 'Z' && (zone >= "24:00" || zone[3] >= '6') {
		return time.Time{}, false
	}
	at = at.UTC().Truncate(time.Millisecond)
	return at, !at.IsZero() && at.Year() >= 1 && at.Year() <= lastYear
}
