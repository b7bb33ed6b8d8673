package minlog

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
)

// Interface versions of the registration (Sundhedsdatastyrelsen/ehdsi, minlog2-registration.xsd).
const (
	Interface20230425 = "20230425"
	Interface20250312 = "20250312"
)

// CheckBulk tells whether a request may hold n entries: 1 to limit. A request that may not is refused as a whole.
func CheckBulk(n, limit int) error {
	switch {
	case n < 1:
		return syntax("at least one LogDataEntry is required")
	case n > limit:
		return fault.Error{Kind: fault.TooLarge, Code: CodeTooManyEntries, Text: fmt.Sprintf("%d entries, at most %d allowed", n, limit)}
	}
	return nil
}

// Draft is an entry as it was sent, before any rule was applied.
type Draft struct {
	Entry         Entry    // the texts as they were sent; From and To are not used
	At, From, To  Moment   // the one time, or the two of a period
	Repeated      FieldSet // elements that may occur once and did not
	Malformed     FieldSet // elements whose content cannot be a value
	NoDestination bool     // there is no Destination
	ChainTooDeep  bool     // Source has more than MaxChain links
	FilterCount   int      // filters sent; the entry holds at most MaxFilters of them
	Unknown       bool     // an element that the contract does not know
}

// Moment is a time as it was sent.
type Moment struct {
	Sent bool
	OK   bool // it could be read as an instant
	Time time.Time
}

// Instant returns the moment t.
func Instant(t time.Time) Moment { return Moment{Sent: true, OK: true, Time: t} }

// Rules are what an entry is measured by.
type Rules struct {
	Interface       string // Interface20230425, Interface20250312 or Interface1
	Now             time.Time
	FutureTolerance time.Duration // how far in the future an access may end; negative: as far as it likes
	MaxPeriod       time.Duration // the longest period
	Cutoff          time.Time     // an access that ended then or earlier is too old
}

// Check returns the entry that d holds in its canonical form. ok is false for an entry that is refused; why is then the first problem in the
// order of the fields, within a field in the order repeated, missing, length, source, value. Elements that are not known come last.
func (r *Rules) Check(d *Draft) (e Entry, why Problem, ok bool) {
	e = d.Entry
	why, ok = r.check(d, &e)
	return e, why, ok
}

func (r *Rules) check(d *Draft, e *Entry) (Problem, bool) {
	if code := checkChain(d); code != "" {
		return Problem{code, FieldSource}, false
	}
	if p, ok := checkLinks(e.Source); !ok {
		return p, false
	}
	e.Source = trimChain(e.Source)
	if d.Repeated.Has(FieldDestination) {
		return Problem{CodeDuplicate, FieldDestination}, false
	}
	if d.NoDestination {
		return Problem{CodeMissing, FieldDestination}, false
	}
	c := checker{d: d}
	c.required(FieldSystem, e.System, maxSystem)
	c.required(FieldActivity, e.Activity, maxActivity)
	c.optional(FieldReason, e.Reason, maxWord)
	c.optional(FieldAddition, e.Addition, maxWord)
	c.optional(FieldCriticality, e.Criticality, maxWord)
	if !c.failed {
		c.period(r, e)
	}
	c.id(FieldOrg, &e.Org, false, maxOrg, r.organisation)
	c.optional(FieldOrgName, e.OrgName, maxOrg)
	c.id(FieldPerson, &e.Person, true, maxName, r.person)
	c.optional(FieldPersonName, e.PersonName, maxName)
	c.optional(FieldCorrelationID, e.CorrelationID, maxCorrelationID)
	c.optional(FieldSequenceNumber, e.SequenceNumber, maxSequence)
	c.id(FieldUser, &e.User, true, r.maxActor(), r.user)
	c.optional(FieldUserName, e.UserName, maxName)
	c.optional(FieldUserRole, e.UserRole, maxRole)
	c.id(FieldOnBehalfOf, &e.OnBehalfOf, false, r.maxActor(), r.onBehalfOf)
	c.optional(FieldOnBehalfOfName, e.OnBehalfOfName, maxName)
	c.optional(FieldOnBehalfOfRole, e.OnBehalfOfRole, maxRole)
	if !c.failed {
		c.filters(e)
	}
	if !c.failed && d.Unknown {
		c.fail(FieldEntry, CodeUnknown)
	}
	return c.problem, !c.failed
}

// checker keeps the first problem.
type checker struct {
	d       *Draft
	problem Problem
	failed  bool
}

func (c *checker) fail(f Field, code string) {
	if !c.failed {
		c.problem, c.failed = Problem{code, f}, true
	}
}

// form checks what every element must be: there once, and text.
func (c *checker) form(f Field) bool {
	switch {
	case c.failed:
	case c.d.Repeated.Has(f):
		c.fail(f, CodeDuplicate)
	case c.d.Malformed.Has(f):
		c.fail(f, CodeValue)
	}
	return !c.failed
}

func (c *checker) required(f Field, s string, limit int) {
	if c.form(f) && blank(s) {
		c.fail(f, CodeMissing)
	}
	c.optional(f, s, limit)
}

func (c *checker) optional(f Field, s string, limit int) {
	if c.form(f) && tooLong(s, limit) {
		c.fail(f, CodeTooLong)
	}
	if hasNUL(s) { // JSON can say it; XML, and some databases, cannot
		c.fail(f, CodeValue)
	}
}

// id checks an identifier with its register. canonical returns its stored form, or the code of what is wrong with it.
func (c *checker) id(f Field, id *ID, required bool, limit int, canonical func(ID) (ID, string)) {
	if !c.form(f) {
		return
	}
	if id.Value == "" && !required {
		*id = ID{}
		return
	}
	switch {
	case required && blank(id.Value) || blank(id.Source):
		c.fail(f, CodeMissing)
		return
	case tooLong(id.Value, limit) || tooLong(id.Source, maxSource):
		c.fail(f, CodeTooLong)
		return
	}
	stored, code := canonical(*id)
	if code == "" && (hasNUL(stored.Source) || hasNUL(stored.Value)) {
		code = CodeValue
	}
	if code != "" {
		c.fail(f, code)
		return
	}
	*id = stored
}

// period checks the one form of time: an instant, or a period with both ends.
func (c *checker) period(r *Rules, e *Entry) {
	d := c.d
	if !c.form(FieldAt) || !c.form(FieldFrom) || !c.form(FieldTo) {
		return
	}
	first, last, from, to := FieldFrom, FieldTo, d.From, d.To
	if d.At.Sent {
		first, last, from, to = FieldAt, FieldAt, d.At, d.At
	}
	if d.At.Sent && (d.From.Sent || d.To.Sent) || !from.OK || !to.OK {
		c.fail(first, CodeTime)
		return
	}
	e.From, e.To = cut(from.Time), cut(to.Time)
	switch code := r.checkPeriod(e.From, e.To); code {
	case "":
	case CodeTooOld, CodeFuture, CodePeriodLength:
		c.fail(last, code)
	default:
		c.fail(first, code)
	}
}

func (c *checker) filters(e *Entry) {
	if !c.form(FieldFilters) {
		return
	}
	if c.d.FilterCount > MaxFilters || len(e.Filters) > MaxFilters {
		c.fail(FieldFilters, CodeTooManyFilters)
		return
	}
	if len(e.Filters) == 0 {
		return
	}
	kept := make([]string, 0, len(e.Filters))
	for _, f := range e.Filters {
		if tooLong(f, maxWord) {
			c.fail(FieldFilters, CodeTooLong)
			return
		}
		if f != "" && !slices.Contains(kept, f) {
			kept = append(kept, f)
		}
	}
	e.Filters = kept
	if len(kept) == 0 {
		e.Filters = nil
	}
}

func checkChain(d *Draft) string {
	switch {
	case d.Repeated.Has(FieldSource):
		return CodeDuplicate
	case d.ChainTooDeep:
		return CodeSourceDepth
	case d.Malformed.Has(FieldSource):
		return CodeValue
	}
	return ""
}

// checkLinks checks the texts of the calling systems and that they are few.
func checkLinks(c *Chain) (Problem, bool) {
	for n := 1; c != nil; c, n = c.Source, n+1 {
		switch {
		case n > MaxChain:
			return Problem{CodeSourceDepth, FieldSource}, false
		case tooLong(c.CorrelationID, maxCorrelationID):
			return Problem{CodeTooLong, FieldSourceCorrelationID}, false
		case tooLong(c.System, maxSystem):
			return Problem{CodeTooLong, FieldSourceSystem}, false
		}
	}
	return Problem{}, true
}

// trimChain leaves out links at the end that say nothing: an empty element is no element.
func trimChain(c *Chain) *Chain {
	if c == nil {
		return nil
	}
	rest := trimChain(c.Source)
	if rest == c.Source && *c != (Chain{}) {
		return c
	}
	trimmed := Chain{c.CorrelationID, c.System, rest}
	if trimmed == (Chain{}) {
		return nil
	}
	return &trimmed
}

// maxActor is the longest identifier of a user or of the one acted for.
func (r *Rules) maxActor() int {
	if r.Interface == Interface1 {
		return maxActor1
	}
	return maxName
}

func (r *Rules) person(id ID) (ID, string) {
	switch {
	case id.Source == CPR:
		return civil(id)
	case id.Source == ECPR && r.Interface != Interface1:
		return upper(id), ""
	}
	return id, CodeSource
}

func (r *Rules) user(id ID) (ID, string) {
	if id.Source == EuropeanHealthProfessional && r.Interface == Interface20250312 {
		return id, ""
	}
	return r.onBehalfOf(id)
}

func (r *Rules) onBehalfOf(id ID) (ID, string) {
	if id.Source == Other && r.Interface == Interface1 {
		return id, ""
	}
	return responsible(id)
}

func responsible(id ID) (ID, string) {
	switch id.Source {
	case CPR:
		return civil(id)
	case Authorisation:
		return upper(id), ""
	}
	return id, CodeSource
}

// organisation accepts four registers in the newest interface, those of MinLog1 in MinLog1, and any text in the interface between them,
// whose spelling of YDER is stored as the newest one.
func (r *Rules) organisation(id ID) (ID, string) {
	if r.Interface == Interface20230425 {
		if id.Source == "Yder" {
			id.Source = YDER
		}
		return id, ""
	}
	known := false
	switch id.Source {
	case SOR, YDER, CVR:
		known = true
	case EuropeanHealthOrganisation:
		known = r.Interface != Interface1
	case SKS, PNumber, Municipality, Other:
		known = r.Interface == Interface1
	}
	if !known {
		return id, CodeSource
	}
	return id, ""
}

func civil(id ID) (ID, string) {
	n, err := cpr.Parse(id.Value)
	if err != nil {
		return id, CodePersonID
	}
	return ID{id.Source, n.Digits()}, ""
}

func upper(id ID) ID { return ID{id.Source, strings.ToUpper(id.Value)} }

func blank(s string) bool { return strings.TrimSpace(s) == "" }

func tooLong(s string, limit int) bool { return len(s) > limit && utf8.RuneCountInString(s) > limit }

func hasNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }

// Sequence returns the sequence number by which the client knows the entry, "" if it sent none that is legal.
func (d *Draft) Sequence() string {
	const f = FieldSequenceNumber
	if d.Repeated.Has(f) || d.Malformed.Has(f) || tooLong(d.Entry.SequenceNumber, maxSequence) {
		return ""
	}
	return d.Entry.SequenceNumber
}
