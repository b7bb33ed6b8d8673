package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
)

// drafts reads the entries of the body as they are; at most limit may be there. What is wrong outside them, or their number, is a fault.Error;
// what is wrong in one is said in its draft.
func (x *exchange) drafts(limit int) ([]minlog.Draft, error) {
	if x.media != contentJSON {
		return nil, errMedia
	}
	if !utf8.Valid(x.body) || !json.Valid(x.body) {
		return nil, errJSON
	}
	var drafts []minlog.Draft
	count, lists, strange := 0, 0, false
	w := walker{json.NewDecoder(bytes.NewReader(x.body)), &json.RawMessage{}}
	entry := func() {
		if count++; count > limit {
			w.skip() // it is counted alone
			return
		}
		drafts = append(drafts, minlog.Draft{})
		r := entryReader{walker: w, draft: &drafts[count-1]}
		if !w.object(r.member) {
			strange = true
		}
	}
	isObject := w.object(func(name string) {
		if name != "entries" {
			strange = true
			w.skip()
			return
		}
		lists++
		if !w.array(entry) {
			strange = true
		}
	})
	switch {
	case !isObject || strange || lists != 1:
		return nil, errJSON
	case count == 0:
		return nil, errNoEntry
	case count > limit:
		return nil, fault.Error{
			Kind: fault.TooLarge, Code: minlog.CodeTooManyEntries, Text: fmt.Sprintf("%d entries, at most %d are allowed.", count, limit),
		}
	}
	return drafts, nil
}

// lacksSequence tells whether an entry is known by its place in the call alone.
func lacksSequence(drafts []minlog.Draft) bool {
	for i := range drafts {
		if d := &drafts[i]; d.Entry.SequenceNumber == "" && !d.Malformed.Has(minlog.FieldSequenceNumber) {
			return true
		}
	}
	return false
}

// entryReader reads one entry.
type entryReader struct {
	walker
	draft *minlog.Draft
	seen  minlog.FieldSet
}

// member reads the member of an entry.
func (r *entryReader) member(name string) {
	d := r.draft
	e := &d.Entry
	switch name {
	case "source":
		if r.first(minlog.FieldSource) {
			e.Source = r.chain(1)
		}
	case "system":
		r.text(minlog.FieldSystem, &e.System)
	case "activity":
		r.text(minlog.FieldActivity, &e.Activity)
	case "reason":
		r.text(minlog.FieldReason, &e.Reason)
	case "addition":
		r.text(minlog.FieldAddition, &e.Addition)
	case "criticality":
		r.text(minlog.FieldCriticality, &e.Criticality)
	case "at":
		r.moment(minlog.FieldAt, &d.At)
	case "from":
		r.moment(minlog.FieldFrom, &d.From)
	case "to":
		r.moment(minlog.FieldTo, &d.To)
	case "org":
		r.id(minlog.FieldOrg, &e.Org)
	case "orgName":
		r.text(minlog.FieldOrgName, &e.OrgName)
	case "person":
		r.id(minlog.FieldPerson, &e.Person)
	case "personName":
		r.text(minlog.FieldPersonName, &e.PersonName)
	case "correlationId":
		r.text(minlog.FieldCorrelationID, &e.CorrelationID)
	case "sequenceNumber":
		r.text(minlog.FieldSequenceNumber, &e.SequenceNumber)
	case "user":
		r.id(minlog.FieldUser, &e.User)
	case "userName":
		r.text(minlog.FieldUserName, &e.UserName)
	case "userRole":
		r.text(minlog.FieldUserRole, &e.UserRole)
	case "behalf":
		r.id(minlog.FieldOnBehalfOf, &e.OnBehalfOf)
	case "behalfName":
		r.text(minlog.FieldOnBehalfOfName, &e.OnBehalfOfName)
	case "behalfRole":
		r.text(minlog.FieldOnBehalfOfRole, &e.OnBehalfOfRole)
	case "filters":
		r.filters()
	default:
		d.Unknown = true
		r.skip()
	}
}

// first tells whether the field is met for the first time; else it goes past its value and says that it was repeated.
func (r *entryReader) first(f minlog.Field) bool {
	if r.seen.Has(f) {
		r.draft.Repeated.Add(f)
		r.skip()
		return false
	}
	r.seen.Add(f)
	return true
}

func (r *entryReader) text(f minlog.Field, s *string) {
	if r.first(f) {
		r.value(f, s)
	}
}

// value reads the text of f, which is malformed if it is none.
func (r *entryReader) value(f minlog.Field, s *string) {
	text, ok := r.string()
	if !ok {
		r.draft.Malformed.Add(f)
		return
	}
	*s = text
}

func (r *entryReader) moment(f minlog.Field, m *minlog.Moment) {
	if !r.first(f) {
		return
	}
	m.Sent = true
	var text string
	r.value(f, &text)
	m.Time, m.OK = instant(text)
}

// instant reads a time as RFC 3339 has it. [time.Parse] takes more: hours of one digit, commas before fractions, zones a day away.
func instant(s string) (t time.Time, ok bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || s[len("2006-01-02T15")] != ':' || strings.Contains(s, ",") {
		return t, false
	}
	zone := s[len(s)-len("00:00"):]
	return t, s[len(s)-1] == 'Z' || zone < "24:00" && zone[3] < '6'
}

func (r *entryReader) id(f minlog.Field, id *minlog.ID) {
	if !r.first(f) {
		return
	}
	var source, value bool
	isObject := r.object(func(name string) {
		switch name {
		case "source":
			r.once(f, &source, &id.Source)
		case "id":
			r.once(f, &value, &id.Value)
		default:
			r.draft.Unknown = true
			r.skip()
		}
	})
	if !isObject {
		r.draft.Malformed.Add(f)
	}
}

// once reads the text of a part of f.
func (r *entryReader) once(f minlog.Field, seen *bool, s *string) {
	if *seen {
		r.draft.Repeated.Add(f)
		r.skip()
		return
	}
	*seen = true
	r.value(f, s)
}

// chain reads a calling system, which is the one at depth, and who called it.
func (r *entryReader) chain(depth int) *minlog.Chain {
	if depth > minlog.MaxChain {
		r.draft.ChainTooDeep = true
		r.skip()
		return nil
	}
	c := &minlog.Chain{}
	var correlation, system, source bool
	isObject := r.object(func(name string) {
		switch {
		case name == "correlationId":
			r.once(minlog.FieldSource, &correlation, &c.CorrelationID)
		case name == "system":
			r.once(minlog.FieldSource, &system, &c.System)
		case name == "source" && !source:
			source = true
			c.Source = r.chain(depth + 1)
		case name == "source":
			r.draft.Repeated.Add(minlog.FieldSource)
			r.skip()
		default:
			r.draft.Unknown = true
			r.skip()
		}
	})
	if !isObject {
		r.draft.Malformed.Add(minlog.FieldSource)
	}
	return c
}

func (r *entryReader) filters() {
	if !r.first(minlog.FieldFilters) {
		return
	}
	d := r.draft
	isArray := r.array(func() {
		var text string
		if r.value(minlog.FieldFilters, &text); text == "" {
			return
		}
		if d.FilterCount++; d.FilterCount <= minlog.MaxFilters {
			d.Entry.Filters = append(d.Entry.Filters, text)
		}
	})
	if !isArray {
		d.Malformed.Add(minlog.FieldFilters)
	}
}

// walker goes through a text that is JSON: whoever makes it has asked json.Valid, so that no step fails.
type walker struct {
	*json.Decoder
	skipped *json.RawMessage // what was gone past; its memory is used again
}

// next returns the token that comes.
func (w walker) next() json.Token {
	token, _ := w.Token()
	return token
}

// skip goes past the next value.
func (w walker) skip() { _ = w.Decode(w.skipped) }

// past goes past the value that token begins, whose tokens it counts: [json.Decoder.Decode] reads no name of a member.
func (w walker) past(token json.Token) {
	for depth := 0; ; token = w.next() {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

// object calls member with the name of each member of the object that comes; member goes past its value. It goes past whatever else comes,
// and returns false.
func (w walker) object(member func(name string)) bool {
	if token := w.next(); token != json.Delim('{') {
		w.past(token)
		return false
	}
	for w.More() {
		name, _ := w.next().(string)
		member(name)
	}
	w.next()
	return true
}

// array calls item at each value of the array that comes; item goes past it. It goes past whatever else comes, and returns false.
func (w walker) array(item func()) bool {
	if token := w.next(); token != json.Delim('[') {
		w.past(token)
		return false
	}
	for w.More() {
		item()
	}
	w.next()
	return true
}

// string returns the text that comes. It goes past whatever else comes, and past a text that XML 1.0 cannot hold, so that no answer of the
// SOAP services could; half a pair of surrogates reads as the character that stands for what is unknown.
func (w walker) string() (s string, ok bool) {
	token := w.next()
	if s, ok = token.(string); !ok {
		w.past(token)
		return "", false
	}
	if strings.ContainsFunc(s, func(c rune) bool {
		return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == utf8.RuneError || c == 0xFFFE || c == 0xFFFF
	}) {
		return "", false
	}
	return s, true
}

// problemText says in words what each code of a refused entry means, and never a value.
func problemText(p minlog.Problem) string {
	name := memberNames()[p.Field]
	switch p.Code {
	case minlog.CodeMissing:
		return name + " is missing"
	case minlog.CodeTooLong:
		return name + " is too long"
	case minlog.CodeSource:
		return name + " has a source that is not allowed"
	case minlog.CodePersonID:
		return name + " is not a valid number"
	case minlog.CodeTime:
		return name + ": either at or both from and to must hold a time with a zone (RFC 3339)"
	case minlog.CodeTooEarly:
		return name + " is before 2015"
	case minlog.CodeTooOld:
		return name + " is longer ago than MinLog shows"
	case minlog.CodeFuture:
		return name + " is in the future"
	case minlog.CodePeriod:
		return "from is after to"
	case minlog.CodePeriodLength:
		return name + " is too long after from"
	case minlog.CodeDuplicate:
		return name + " is repeated"
	case minlog.CodeUnknown:
		return name + " holds an unknown member"
	case minlog.CodeTooManyFilters:
		return name + " holds more than " + strconv.Itoa(minlog.MaxFilters)
	case minlog.CodeSourceDepth:
		return name + " is nested deeper than " + strconv.Itoa(minlog.MaxChain)
	}
	return name + " is not valid"
}

// memberNames are the names of the fields of an entry.
func memberNames() [minlog.FieldCount]string {
	return [minlog.FieldCount]string{
		minlog.FieldSource: "source", minlog.FieldSourceCorrelationID: "source.correlationId", minlog.FieldSourceSystem: "source.system",
		minlog.FieldDestination: "the entry", minlog.FieldSystem: "system", minlog.FieldActivity: "activity", minlog.FieldReason: "reason",
		minlog.FieldAddition: "addition", minlog.FieldCriticality: "criticality", minlog.FieldAt: "at", minlog.FieldFrom: "from",
		minlog.FieldTo: "to", minlog.FieldOrg: "org", minlog.FieldOrgName: "orgName", minlog.FieldPerson: "person",
		minlog.FieldPersonName: "personName", minlog.FieldCorrelationID: "correlationId", minlog.FieldSequenceNumber: "sequenceNumber",
		minlog.FieldUser: "user", minlog.FieldUserName: "userName", minlog.FieldUserRole: "userRole", minlog.FieldOnBehalfOf: "behalf",
		minlog.FieldOnBehalfOfName: "behalfName", minlog.FieldOnBehalfOfRole: "behalfRole", minlog.FieldFilters: "filters",
		minlog.FieldEntry: "the entry",
	}
}
