// Package ecpr holds the rules of the national replacement number for persons without a CPR number: numbers that are issued once, versions of
// what is known of a person, merges and the search.
package ecpr

import (
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/validity"
)

// Number is a national replacement number (X-eCPR): DDMMYYCAAG. The zero Number is empty. It prints as "[ecpr]".
type Number struct{ text string }

// Text returns the ten characters, "" for the empty number.
func (n Number) Text() string { return n.text }

// IsZero tells whether the number is empty.
func (n Number) IsZero() bool { return n.text == "" }

// String returns "[ecpr]", "" for the empty number.
func (n Number) String() string {
	if n.IsZero() {
		return ""
	}
	return "[ecpr]"
}

// GoString hides the number from %#v too.
func (n Number) GoString() string { return "ecpr.Number{" + n.String() + "}" }

// PersonID names a registration (a UUID).
type PersonID string

// PID names one version of one of its elements (a UUID).
type PID string

// Kind of element that a person has versions of.
type Kind uint8

// The kinds, in the order of answers.
const (
	IdentifierKind Kind = iota
	NameKind
	GenderKind
	BirthDateKind
	ContactKind
	AddressKind
)

// Element is the value of a version: an Identifier, Name, Gender, BirthDate, Contact or Address. Elements are comparable.
type Element interface{ Kind() Kind }

// Identifier is a number of a person with the OID of who issued it. Label and type stand in the OID table.
type Identifier struct {
	OID      string
	Value    string // normalised
	Validity string // a whole number, "" = none; data only
	Expiry   string // yyyy-MM-dd, "" = none; data only
}

// Name is an official name.
type Name struct{ Text, Family, Given string }

// Gender is male, female, other or unknown.
type Gender string

// The genders.
const (
	Male          Gender = "male"
	Female        Gender = "female"
	Other         Gender = "other"
	UnknownGender Gender = "unknown"
)

// BirthDate is yyyy, yyyy-MM or yyyy-MM-dd.
type BirthDate string

// Contact is a telephone number.
type Contact struct {
	Value  string
	Expiry string // yyyy-MM-dd, "" = none
}

// Address is a home address.
type Address struct {
	Lines                                           [10]string
	City, District, State, PostalCode, Country, Box string
	Expiry                                          string // yyyy-MM-dd, "" = none
}

// Kind implements Element.
func (Identifier) Kind() Kind { return IdentifierKind }

// Kind implements Element.
func (Name) Kind() Kind { return NameKind }

// Kind implements Element.
func (Gender) Kind() Kind { return GenderKind }

// Kind implements Element.
func (BirthDate) Kind() Kind { return BirthDateKind }

// Kind implements Element.
func (Contact) Kind() Kind { return ContactKind }

// Kind implements Element.
func (Address) Kind() Kind { return AddressKind }

// Version is one element as it was known for a period, of whole milliseconds.
type Version struct {
	PID     PID
	Element Element
	Valid   validity.Period
	Opened  string // id of the Act that made it
	Closed  string // id of the Act that ended it, "" while it is active
}

// Person is a registration with all its versions, ordered by kind, ValidFrom and PID. One that was merged away has only closed versions.
type Person struct {
	ID       PersonID
	Number   Number
	MergedTo PersonID // "" = living
	Revision int64    // 1, and one more by every change; the store sees to it
	Changed  time.Time
	Versions []Version
}

// Act is what somebody did to registrations, kept as evidence.
type Act struct {
	ID     string // a UUID
	Actor  Actor
	Caller string // who sent it, of the credential: such as "99999902/0101010001"
	At     time.Time
}

// Actor is who changed a registration as the document tells (Modified/By): not who sent it.
type Actor struct {
	Authorisation string // number, "" = none
	Name          string
	Person        string // number of the person, "" = not told
	Role          string
	Organisation  Organisation
}

// Organisation of an Actor.
type Organisation struct{ Name, Type, ID, Source string }

// OID is a row of the table of identifier systems.
type OID struct {
	UUID      string
	OID       string
	Label     string // PrimaryOIDLabel
	Secondary string // SecondaryOIDLabel, "" = none
	Pattern   string // OIDRegEx, "" = none
	Type      string // OIDType
}

// Change tells that a version, or the registration itself where Version is nil, was opened or closed; it shows it as it is now.
type Change struct {
	Seq      int64
	Person   PersonID
	MergedTo PersonID
	Since    time.Time // when the registration began
	Version  *Version
}

// Role is what somebody may do beyond what a grant gives.
type Role string

// The roles.
const (
	Coordinator      Role = "eCPR-koordinator"  // merges
	WebAdministrator Role = "Web-administrator" // roles and OIDs
)

// Assignment gives a person a role in an organisation.
type Assignment struct {
	CVR    string
	Person cpr.Number
	Role   Role
}

// Edit is what a request says of one element: PID and element = change it, element alone = add it, PID alone = invalidate it.
type Edit struct {
	Kind    Kind
	PID     PID     // "" = none
	Element Element // nil = none
	// What the wire says beside the value; the rules of Name, Contact and Address permit one each.
	Use, System, Type string
}

// Series is the numbers of one date, century and sex: what a new number is drawn from. It is comparable.
type Series struct {
	date   string // DDMMYYC
	parity int8   // 1 = odd (male), 0 = even (female), -1 = both
}

// Query is a search that was read by ParseQuery.
type Query struct{ Terms []Term }

// Field is what of a person is searched.
type Field string

// Term is one condition of a query: some version of the field holds the patterns as consecutive words. A pattern is a word in the form of
// [Words], maybe with "*", which stands for any characters, behind at least two.
type Term struct {
	Field    Field
	Patterns []string
}

// Word is one word of one field of a person, as searches find it.
type Word struct {
	Field Field
	Text  string
}

// What the rules refuse. Texts hold no value: the wire puts those of the request in.
var (
	ErrInvalid     error = fault.Error{Kind: fault.Invalid, Code: "ecpr_invalid", Text: "Forespørgslen er ugyldig"}
	ErrTooBroad    error = fault.Error{Kind: fault.Invalid, Code: "ecpr_invalid", Text: "Søgningen er for bred"}
	ErrCPRForm     error = fault.Error{Kind: fault.Invalid, Code: "ecpr_invalid", Text: "CPR-nummeret er ugyldigt"}
	ErrCPRUnknown  error = fault.Error{Kind: fault.Invalid, Code: "ecpr_cpr_unknown", Text: "CPR-nummeret findes ikke"}
	ErrValueExists error = fault.Error{Kind: fault.Conflict, Code: "ecpr_value_exists", Text: "Værdien findes i forvejen"}
	ErrOIDExists   error = fault.Error{Kind: fault.Conflict, Code: "ecpr_oid_exists",
		Text: "Findes der allerede en Identifier med samme OID, skal dens PID sendes med"}
	ErrPersonUnknown   error = fault.Error{Kind: fault.NotFound, Code: "ecpr_not_found", Text: "Personen findes ikke"}
	ErrElementUnknown  error = fault.Error{Kind: fault.NotFound, Code: "ecpr_not_found", Text: "Elementet findes ikke"}
	ErrElementClosed   error = fault.Error{Kind: fault.Conflict, Code: "ecpr_conflict", Text: "Elementet er ikke længere gyldigt"}
	ErrMerged          error = fault.Error{Kind: fault.Conflict, Code: "ecpr_conflict", Text: "Personen er flettet med en anden"}
	ErrMergeImpossible error = fault.Error{Kind: fault.Conflict, Code: "ecpr_conflict", Text: "Personerne kan ikke flettes"}
	ErrExhausted       error = fault.Error{Kind: fault.Conflict, Code: "ecpr_exhausted",
		Text: "Der er ikke flere ledige eCPR-numre for datoen"}
)

// Problem is one of the errors above with what of the request it is about: the wire package writes Value, OID or PID into its text, logs and
// REST do not. Error tells Err alone.
type Problem struct {
	Err   error
	Text  string // instead of that of Err, "" = that; no value
	Value string
	OID   string
	PID   PID
}

// Error tells Err.
func (p *Problem) Error() string { return p.Err.Error() }

// Unwrap returns Err.
func (p *Problem) Unwrap() error { return p.Err }
