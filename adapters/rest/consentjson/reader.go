package consentjson

import (
	"bytes"
	"cmp"
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

// reader goes through a text that is JSON. It stops at the first thing that is wrong, of which err tells the place and never a value; nothing
// that it filled counts then. Its methods that read a value return true, which tells that a member is known, also where the value is wrong.
type reader struct {
	rest  []byte
	place []step   // that lead to the value that comes
	seen  []string // members of the objects that are open, each a name that is known
	err   error
}

// step is a member, or, where it has no name, an item.
type step struct {
	name  string
	index int
}

// read hands the members of data, which must be one JSON object and nothing after it, to member; those of must have to be there.
func read(data []byte, must []string, member func(r *reader, name string) bool) error {
	if !utf8.Valid(data) {
		return syntaxError("The text is not JSON in UTF-8.")
	}
	if !json.Valid(data) {
		at := &json.SyntaxError{}
		_ = errors.As(json.Unmarshal(data, &struct{}{}), &at)
		return syntaxError(fmt.Sprintf("The text is not JSON: octet %d.", at.Offset))
	}
	r := &reader{rest: data}
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
		r.err = fault.Error{Kind: fault.Malformed, Code: codeRequest, Text: r.where(step{name: name}) + " is missing."}
	}
}

// where names the place, or what lies in it.
func (r *reader) where(in ...step) string {
	at := ""
	for _, s := range slices.Concat(r.place, in) {
		switch {
		case s.name == "":
			at += "[" + strconv.Itoa(s.index) + "]"
		case at == "":
			at = s.name
		default:
			at += "." + s.name
		}
	}
	return cmp.Or(at, "The JSON text")
}

// next returns the first octet of what comes: of a value, or the end of an object or an array.
func (r *reader) next() byte {
	r.rest = bytes.TrimLeft(r.rest, " \t\r\n,:") // where the text has them is known to be right
	return r.rest[0]
}

// begins goes past the octet, if it comes.
func (r *reader) begins(c byte) bool {
	if r.next() != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// string returns the text that comes, "" if none does.
func (r *reader) string() string {
	if r.next() != '"' {
		return ""
	}
	end, plain := 1, true
	for ; r.rest[end] != '"'; end++ {
		if r.rest[end] == '\\' {
			plain = false
			end++
		}
	}
	quoted := r.rest[:end+1]
	r.rest = r.rest[end+1:]
	if plain {
		return string(quoted[1:end])
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is known to be JSON
	return text
}

// literal returns the number, true, false or null that comes, or else something that is none.
func (r *reader) literal() string {
	r.next()
	end := bytes.IndexAny(r.rest, " \t\r\n,]}")
	text := string(r.rest[:end])
	r.rest = r.rest[end:]
	return text
}

// object calls member with the name of each member, until something is wrong. member goes past its value, or tells that there is no such
// member. Those of must have to be there.
func (r *reader) object(must []string, member func(name string) bool) bool {
	if !r.begins('{') {
		r.wrong("is not an object")
		return true
	}
	outside := len(r.seen)
	for !r.begins('}') {
		name := r.string()
		if slices.Contains(r.seen[outside:], name) {
			r.err = syntaxError(r.where(step{name: name}) + " is there twice.")
			return true
		}
		r.place = append(r.place, step{name: name})
		known := member(name)
		r.place = r.place[:len(r.place)-1]
		if !known {
			r.wrong("has a member that is not known") // whose name may be anything
		}
		if r.err != nil {
			return true
		}
		r.seen = append(r.seen, name)
	}
	for _, name := range must {
		if !slices.Contains(r.seen[outside:], name) {
			r.lacks(name)
		}
	}
	r.seen = r.seen[:outside]
	return true
}

// array calls item at each value, until something is wrong; item goes past it.
func (r *reader) array(item func()) bool {
	if !r.begins('[') {
		r.wrong("is not an array")
		return true
	}
	for i := 0; !r.begins(']'); i++ {
		r.place = append(r.place, step{index: i})
		item()
		r.place = r.place[:len(r.place)-1]
		if r.err != nil {
			return true
		}
	}
	return true
}

// text reads a text of 1 to most characters, none of which is a control character or half a pair of surrogates.
func (r *reader) text(s *string, most int) bool {
	text := r.string()
	if text == "" || utf8.RuneCountInString(text) > most || strings.ContainsFunc(text, func(c rune) bool {
		return c < ' ' || c == 0x7f || c == utf8.RuneError
	}) {
		r.wrong(fmt.Sprintf("is not a text of 1 to %d characters", most))
	}
	*s = text
	return true
}

// word reads one of the words, which stands for the value beside it.
func word[T any](r *reader, into *T, words ...meaning[T]) bool {
	s := r.string()
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
	switch r.literal() {
	case "true":
		*b = true
	case "false":
		*b = false
	default:
		r.wrong("is neither true nor false")
	}
	return true
}

// count reads a whole number from 1.
func (r *reader) count(n *int) bool {
	value, err := strconv.Atoi(r.literal())
	if err != nil || value < 1 {
		r.wrong("is not a whole number from 1")
	}
	*n = value
	return true
}

func (r *reader) number(n *cpr.Number) bool {
	s := r.string()
	value, err := cpr.Parse(s)
	if err != nil {
		r.wrong("is not a CPR number")
	}
	*n = value
	return true
}

func (r *reader) time(at *time.Time) bool {
	s := r.string()
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
