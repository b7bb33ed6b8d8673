package minlog

import "errors"

// Field is an element of an entry. The order of the constants is the order in which an entry is checked: that of the elements in
// minlog2-registration.xsd (Sundhedsdatastyrelsen/ehdsi), Source before Destination.
type Field uint8

// The fields of an entry.
const (
	FieldSource Field = iota
	FieldSourceCorrelationID
	FieldSourceSystem
	FieldDestination
	FieldSystem
	FieldActivity
	FieldReason
	FieldAddition
	FieldCriticality
	FieldAt
	FieldFrom
	FieldTo
	FieldOrg
	FieldOrgName
	FieldPerson
	FieldPersonName
	FieldCorrelationID
	FieldSequenceNumber
	FieldUser
	FieldUserName
	FieldUserRole
	FieldOnBehalfOf
	FieldOnBehalfOfName
	FieldOnBehalfOfRole
	FieldFilters
	FieldEntry     // the entry as a whole
	FieldCount int = iota
)

// FieldSet is a set of fields.
type FieldSet uint32

// Add puts f into the set.
func (s *FieldSet) Add(f Field) { *s |= 1 << f }

// Has tells whether f is in the set.
func (s FieldSet) Has(f Field) bool { return s&(1<<f) != 0 }

// The most code points a text may have (minlog2-registration.xsd, maxLength).
const (
	maxSystem        = 25
	maxActivity      = 75
	maxWord          = 50 // reason, addition, criticality, filter
	maxOrg           = 200
	maxName          = 50 // identifiers and names of persons
	maxActor1        = 20 // identifiers of users and of those acted for in MinLog1 (its columns)
	maxCorrelationID = 46
	maxSequence      = 36
	maxRole          = 200
	maxSource        = 200 // the register an identifier is from
)

// The most parts an entry may have.
const (
	MaxFilters = 10
	MaxChain   = 8 // links of calling systems
)

// The codes of a refused entry.
const (
	CodeMissing         = "missing_value"
	CodeTooLong         = "value_too_long"
	CodeSource          = "invalid_source"
	CodePersonID        = "invalid_person_id"
	CodeTime            = "invalid_time"
	CodeTooEarly        = "time_too_early"
	CodeTooOld          = "time_too_old"
	CodeFuture          = "time_in_future"
	CodePeriod          = "invalid_period"
	CodePeriodLength    = "period_too_long"
	CodeDuplicate       = "duplicate_element"
	CodeUnknown         = "unknown_element"
	CodeTooManyFilters  = "too_many_filters"
	CodeSourceDepth     = "source_too_deep"
	CodeValue           = "invalid_value"
	CodeTooManyEntries  = "too_many_entries" // of a whole bulk
	CodeTooManyResults  = "too_many_results" // of a lookup
	tallyWithoutSystem  = "?"
	lastRepresentedYear = 9999
)

// Problem is why an entry is refused. It never holds a value of the entry.
type Problem struct {
	Code  string
	Field Field
}

// ErrRefused: MinLog will never take an entry, however often it is handed in.
var ErrRefused = errors.New("registration refused")

// Refusal is an ErrRefused with the code that tells why.
type Refusal struct{ Code string }

// Error tells the code.
func (r Refusal) Error() string { return ErrRefused.Error() + ": " + r.Code }

// Unwrap returns ErrRefused.
func (Refusal) Unwrap() error { return ErrRefused }

// RefusalCode returns the code of a refusal, "refused" of one that has none.
func RefusalCode(err error) string {
	if r, ok := errors.AsType[Refusal](err); ok {
		return r.Code
	}
	return "refused"
}
