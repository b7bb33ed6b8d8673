package ecpr

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The fields that are searched (SearchPerson). Street holds all lines of an address; each line is a field of its own too, see [Line].
const (
	Given         Field = "givenname"
	Family        Field = "familyname"
	Street        Field = "streetaddress"
	City          Field = "city"
	District      Field = "district"
	State         Field = "state"
	PostalCode    Field = "postalcode"
	Country       Field = "country"
	Phone         Field = "contact"
	ContactSystem Field = "contactsystem"
	Sex           Field = "gender"
	Born          Field = "birthdate"
)

// Line is the field of line n of an address, 1 to 10.
func Line(n int) Field { return Field(lineField + strconv.Itoa(n)) }

const (
	maxQuery   = 1000 // characters
	minLiteral = 2    // characters before "*"
	wild       = '*'
	lineField  = "streetaddressline"
)

// ParseQuery reads key:value joined by AND; a value with spaces stands in double quotes, and "*" in it stands for any characters behind at
// least two (EC-27, EC-29). What would find too many is refused (EC-30). The error is ErrTooBroad, or a [Problem] of ErrInvalid.
func ParseQuery(s string) (Query, error) {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxQuery {
		return Query{}, invalid("Query er ugyldig", "")
	}
	var q Query
	for rest := strings.TrimSpace(s); ; {
		term, after, err := cutTerm(rest)
		if err != nil {
			return Query{}, err
		}
		q.Terms = append(q.Terms, term)
		if rest = strings.TrimLeftFunc(after, unicode.IsSpace); rest == "" {
			break
		}
		and, next := cutSpace(rest)
		if len(rest) == len(after) || !strings.EqualFold(and, "and") || next == "" {
			return Query{}, invalid("Query er ugyldig", rest)
		}
		rest = next
	}
	if !slices.ContainsFunc(q.Terms, Term.narrows) {
		return Query{}, ErrTooBroad
	}
	return q, nil
}

// cutTerm reads the first term of s and returns what is behind it.
func cutTerm(s string) (t Term, after string, err error) {
	key, value, ok := strings.Cut(s, ":")
	field := Field(strings.ToLower(key))
	if !ok || !field.known() {
		word, _ := cutSpace(key)
		return Term{}, "", invalid("Query: ukendt nøgle", word)
	}
	quoted := strings.HasPrefix(value, `"`)
	if quoted {
		if value, after, ok = strings.Cut(value[1:], `"`); !ok {
			return Term{}, "", invalid("Query: anførselstegn mangler", string(field))
		}
	} else {
		n := strings.IndexFunc(value, unicode.IsSpace)
		if n < 0 {
			n = len(value)
		}
		value, after = value[:n], value[n:]
		if strings.ContainsAny(value, `"()`) {
			return Term{}, "", invalid("Query er ugyldig", value)
		}
	}
	t = Term{Field: field}
	if field == Born {
		t.Patterns, err = bornPatterns(value)
	} else {
		t.Patterns, err = patterns(value)
	}
	return t, after, err
}

// cutSpace cuts s around its first spaces.
func cutSpace(s string) (before, after string) {
	n := strings.IndexFunc(s, unicode.IsSpace)
	if n < 0 {
		return s, ""
	}
	return s[:n], strings.TrimLeftFunc(s[n:], unicode.IsSpace)
}

func (f Field) known() bool {
	if n, ok := strings.CutPrefix(string(f), lineField); ok {
		i, err := strconv.Atoi(n)
		return err == nil && i >= 1 && i <= len(Address{}.Lines) && f == Line(i)
	}
	return slices.Contains([]Field{Given, Family, Street, City, District, State, PostalCode, Country, Phone, ContactSystem, Sex, Born}, f)
}

// patterns reads a value: the words that must follow each other.
func patterns(value string) ([]string, error) {
	found := split(value, wild)
	if len(found) == 0 {
		return nil, invalid("Query: værdi mangler", value)
	}
	for _, p := range found {
		literal, _, starred := strings.Cut(p, string(wild))
		if starred && utf8.RuneCountInString(literal) < minLiteral {
			return nil, invalid("Query: * kræver mindst to tegn foran", value)
		}
	}
	return found, nil
}

// bornPatterns reads yyyy, yyyy-MM, yyyy-MM-dd or MM-dd (in any year); the first two find all days in them.
func bornPatterns(value string) ([]string, error) {
	value = strings.TrimSuffix(strings.TrimSpace(value), string(wild))
	for layout, behind := range map[string]string{"2006": "*", "2006-01": "*", time.DateOnly: "", "01-02": ""} {
		date := value
		if layout == "01-02" { // 29 February is a day of leap years
			layout, date = time.DateOnly, "2000-"+value
		}
		if _, err := time.Parse(layout, date); err == nil {
			return []string{value + behind}, nil
		}
	}
	return nil, invalid("Query: fødselsdatoen er ugyldig", value)
}

// narrows tells whether the term finds few enough people by itself.
func (t Term) narrows() bool {
	switch t.Field {
	case Sex, Country, State, ContactSystem:
		return false
	case Born:
		return len(t.Patterns[0]) == len(time.DateOnly)
	}
	return true
}

// Match tells whether p, which is living, matches every term: each by some version, in force or not (EC-28).
func (q Query) Match(p Person) bool {
	if p.MergedTo != "" {
		return false
	}
	for _, t := range q.Terms {
		matched := false
		for field, value := range values(p) {
			matched = matched || field == t.Field && t.Match(split(value))
		}
		if !matched {
			return false
		}
	}
	return true
}

// Match tells whether the words of one value hold the patterns one after the other.
func (t Term) Match(words []string) bool {
	for i := 0; i+len(t.Patterns) <= len(words); i++ {
		if matchAll(t.Patterns, words[i:]) {
			return true
		}
	}
	return false
}

func matchAll(patterns, words []string) bool {
	for i, p := range patterns {
		if !MatchWord(p, words[i]) {
			return false
		}
	}
	return true
}

// MatchWord tells whether a word is as a pattern says.
func MatchWord(pattern, word string) bool {
	parts := strings.Split(pattern, string(wild))
	if len(parts) == 1 {
		return pattern == word
	}
	word, ok := strings.CutPrefix(word, parts[0])
	last := parts[len(parts)-1]
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		if _, word, ok = strings.Cut(word, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(word, last)
}

// Prefix returns what every word that matches the pattern begins with; exact tells that it is the whole word.
func Prefix(pattern string) (prefix string, exact bool) {
	prefix, _, starred := strings.Cut(pattern, string(wild))
	return prefix, !starred
}

// Words tells every word of every version of every field of p that is searched, each once, in no order.
func Words(p Person) iter.Seq[Word] {
	return func(yield func(Word) bool) {
		told := map[Word]bool{}
		for field, value := range values(p) {
			for _, text := range split(value) {
				w := Word{field, text}
				if told[w] {
					continue
				}
				told[w] = true
				if !yield(w) {
					return
				}
			}
		}
	}
}

// values tells every value of every field.
func values(p Person) iter.Seq2[Field, string] {
	return func(yield func(Field, string) bool) {
		for _, v := range p.Versions {
			for field, value := range valuesOf(v.Element) {
				if value != "" && !yield(field, value) {
					return
				}
			}
		}
	}
}

func valuesOf(e Element) iter.Seq2[Field, string] {
	return func(yield func(Field, string) bool) {
		switch e := e.(type) {
		case Name:
			if e.Given+e.Family == "" { // known as a whole only
				_ = yield(Given, e.Text) && yield(Family, e.Text)
				return
			}
			_ = yield(Given, e.Given) && yield(Family, e.Family)
		case Gender:
			yield(Sex, string(e))
		case BirthDate:
			day, known := e.Day()
			_ = yield(Born, string(e)) && known && yield(Born, day.String()[len("2006-"):])
		case Contact:
			_ = yield(Phone, e.Value) && yield(ContactSystem, "phone")
		case Address:
			for i, line := range e.Lines {
				if !yield(Street, line) || !yield(Line(i+1), line) {
					return
				}
			}
			_ = yield(City, e.City) && yield(District, e.District) && yield(State, e.State) && yield(PostalCode, e.PostalCode) &&
				yield(Country, e.Country)
		}
	}
}

// split returns the words of a text in the form in which they are compared: composed (Unicode NFC) and in lower case, without punctuation
// around them; what stands in keep is no punctuation.
func split(s string, keep ...rune) []string {
	s = norm.NFC.String(strings.ToLower(norm.NFC.String(s)))
	words := strings.Fields(s)
	n := 0
	for _, w := range words {
		w = strings.TrimFunc(w, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && !slices.Contains(keep, r)
		})
		if w != "" {
			words[n] = w
			n++
		}
	}
	return words[:n]
}
