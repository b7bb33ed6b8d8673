// Package consent holds the rules of consent (Samtykke, MinSpærring): what a citizen registers about who may see which of her data, and whether a
// health professional may. Everything is pure: registrations, the tree of organisations and the time are given.
//
// Sources: NSP Consent Administration (IFS/0013), Consent Verification (IFS/0014), users guide (PHB/0035) and data model (DDD/0003), nspop.dk.
package consent

import (
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

// Kind tells a block from a positive consent. The numbers are those of the national data model: whatever is not 0 is a positive consent.
type Kind uint8

// The kinds.
const (
	Constraint Kind = 0 // spærring, negativt samtykke
	Positive   Kind = 1 // positivt samtykke
)

// ID of a registration: 15 decimal digits, the first not 0. It stays the same when the registration is changed.
type ID int64

// The bounds of an ID.
const (
	MinID ID = 100_000_000_000_000
	MaxID ID = 999_999_999_999_999
)

// Organisation is a SOR unit, alone or with those below it. The zero Organisation is none.
type Organisation struct {
	SOR      string // 6-18 digits
	SubUnits bool
}

// Who is the professionals that a registration is about: at most one field is set. The zero Who is everyone, foreigners too.
type Who struct {
	Person  cpr.Number
	Org     Organisation
	Foreign bool // health professionals of other countries
}

// What is the data that a registration is about: what is in the period and of the origin. A part that is not set is all; the zero What is all
// data.
type What struct {
	Data   validity.Period // of the data, not of the retrieval
	Origin Organisation    // where the data were made
}

// IsZero tells whether it is all data.
func (w What) IsZero() bool { return w.Data.From.IsZero() && w.Data.To.IsZero() && w.Origin.SOR == "" }

// Stamp says when and by whom something was done. The zero Stamp is never.
type Stamp struct {
	At     time.Time
	System string // at most 200 characters
	User   string // CPR number of the person who acted; at most 50 characters
}

// String tells when and by which system, so that the number does not reach a log by accident.
func (s Stamp) String() string {
	if s == (Stamp{}) {
		return "never"
	}
	return s.At.UTC().Format(time.RFC3339Nano) + " by " + s.System
}

// GoString hides the number from %#v too.
func (s Stamp) GoString() string { return "consent.Stamp{" + s.String() + "}" }

// Registration is one version of what a citizen registered. Instants are UTC, whole milliseconds as the wire has them.
type Registration struct {
	ID       ID
	Version  int // 1, 2, 3 …
	Citizen  cpr.Number
	Kind     Kind
	Who      Who
	What     What
	Valid    validity.Period // of the retrieval. From is always set; To always of a Positive
	Active   bool            // false: revoked, for good
	Created  Stamp
	Modified Stamp // of this version; zero in version 1
}

// Draft is what a citizen says in a registration.
type Draft struct {
	Who   Who
	What  What
	Valid validity.Period
}

// Change is what one call makes of a citizen's registrations: new registrations and new versions, with what MinLog is told of them.
type Change struct {
	Put     []Registration
	Notices []notice.Notice
}

// Requester is the professional who asks for data.
type Requester struct {
	Acting      cpr.Number
	Responsible cpr.Number // whom Acting helps; empty = nobody
	Org         string     // SOR code of the place of treatment, "" where it is not known which unit it is
	Foreign     bool       // of another country: neither numbers nor Org count
}

// Item is one piece of data. A Data period without beginning is open towards the past, one without end towards the future, and one without
// both, or whose From is after its To, tells nothing. From = To is an instant.
type Item struct {
	Data   validity.Period
	Origin string // SOR code of where it was made, "" where that is not known
}

// Answer of a user check.
type Answer uint8

// The answers, in the order of how much they let see. The zero Answer lets see nothing.
const (
	Negative       Answer = iota // nothing may be shown
	DataSpecific                 // it depends on the data
	PositiveAnswer               // everything may be shown
)

// State of a registration at an instant.
type State uint8

// The states.
const (
	Revoked State = iota
	Future
	Expired
	InForce
)

// Reason is why a registration matters to a question, or not.
type Reason uint8

// The reasons, in the order in which they are looked for.
const (
	ReasonRevoked Reason = iota
	NotYet
	ReasonExpired
	OtherPerson
	OtherOrganisation
	NotForeign
	AppliesToAllData
	AppliesToSomeData
	AppliesByPrecaution // a constraint on an organisation, where it is not known whether the requester is of it
)

// Explanation is an answer with what it came from.
type Explanation struct {
	Answer        Answer
	Registrations []Explained // in the order given
	Items         []ExplainedItem
}

// Explained is what one registration has to do with an answer.
type Explained struct {
	ID      ID
	Version int
	Kind    Kind
	Applies bool
	Reason  Reason
}

// ExplainedItem is the verdict on one item, with the ids of the applying registrations that cover it, in the order given.
type ExplainedItem struct {
	Allowed                bool
	Constraints, Positives []ID
}

// Override is that somebody broke through a citizen's registrations (værdispring). Which, if any, it does not tell.
type Override struct {
	ID                string // 26 characters whose order is that of At
	At                time.Time
	Citizen           cpr.Number
	Acting            cpr.Number // empty of a foreigner
	Responsible       cpr.Number // empty = nobody
	AuthorisationCode string     // of Responsible, or of Acting where nobody is responsible; "" of a foreigner
	Org               org.ID     // as it was claimed
	System            string
	CVR               string // of the caller
	MessageID         string
	Operation         string
}

// String tells the ID alone, so that no person reaches a log.
func (o Override) String() string { return "override(" + o.ID + ")" }

// GoString hides the persons from %#v too.
func (o Override) GoString() string { return o.String() }
