// Package minlog holds the rules of MinLog2: what a registration of access to health data is, when it is valid, who may see it and how
// it is grouped for the reader.
package minlog

import (
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/messagelog"
)

// ID names a person, professional or organisation by a number and the register it is from.
type ID struct {
	Source string `json:"source"`
	Value  string `json:"id"`
}

// IsZero tells whether nobody is named.
func (i ID) IsZero() bool { return i == ID{} }

// Key is the form under which stores find registrations: "<source>:<id>".
func (i ID) Key() Key { return Key(i.Source + ":" + i.Value) }

// Key names a data subject or the one acted for, such as "CPR:0202801111".
type Key string

// Sources of identifiers.
const (
	CPR                        = "CPR"
	ECPR                       = "eCPR"
	Authorisation              = "Autorisation"
	EuropeanHealthProfessional = "EuropeanHealthcareProfessional"
	SOR                        = "SOR"
	YDER                       = "YDER"
	CVR                        = "CVR"
	EuropeanHealthOrganisation = "EuropeanHealthcareOrganisation"
	SKS                        = "SKS"
	PNumber                    = "CVR-P"
	Municipality               = "Kommunekode"
)

// Chain is the system that called the registering system, and who called that.
type Chain struct {
	CorrelationID string `json:"correlationId,omitempty"`
	System        string `json:"system,omitempty"`
	Source        *Chain `json:"source,omitempty"`
}

// Entry is one access to a citizen's data (Sundhedsdatastyrelsen/ehdsi, minlog2-registration.xsd 2025-03-12, LogDataEntry). From and To are
// instants in UTC cut to microseconds, From <= To; a single instant has From = To. The JSON form is that of the message log.
type Entry struct {
	Source         *Chain    `json:"source,omitempty"`
	System         string    `json:"system"`
	Activity       string    `json:"activity"`
	Reason         string    `json:"reason,omitempty"`
	Addition       string    `json:"addition,omitempty"`
	Criticality    string    `json:"criticality,omitempty"`
	From           time.Time `json:"from"`
	To             time.Time `json:"to"`
	Org            ID        `json:"org,omitzero"`
	OrgName        string    `json:"orgName,omitempty"`
	Person         ID        `json:"person"`
	PersonName     string    `json:"personName,omitempty"`
	CorrelationID  string    `json:"correlationId,omitempty"`
	SequenceNumber string    `json:"sequenceNumber,omitempty"`
	User           ID        `json:"user"`
	UserName       string    `json:"userName,omitempty"`
	UserRole       string    `json:"userRole,omitempty"`
	OnBehalfOf     ID        `json:"behalf,omitzero"`
	OnBehalfOfName string    `json:"behalfName,omitempty"`
	OnBehalfOfRole string    `json:"behalfRole,omitempty"`
	Filters        []string  `json:"filters,omitempty"`
}

// RegistrationID makes equal registrations one: a UUID of version 8.
type RegistrationID [16]byte

// Registrar is who handed in a registration.
type Registrar struct {
	CVR       string `json:"cvr"`
	ITSystem  string `json:"itSystem,omitempty"`
	MessageID string `json:"messageId,omitempty"`
	Interface string `json:"interface,omitempty"` // such as "20250312"
}

// Registration is an entry with its id and receipt.
type Registration struct {
	ID         RegistrationID
	ReceivedAt time.Time
	Registrar  Registrar
	Entry      Entry
	Recorded   string // Entry as JSON, as the message log had it; "" where it is not known, as in what a store returns
}

// Tally counts what was refused of one request, by system name.
type Tally struct {
	ReceivedAt time.Time
	Registrar  Registrar
	Rejected   map[string]int
}

// Partition is one partition of the message log, whose progress the log store keeps.
type Partition struct {
	Topic  messagelog.Topic
	Number int
}

// DeadLetter is a record that could not be read.
type DeadLetter struct {
	Offset  int64
	Reason  string // never holds the record's content
	Payload []byte
	At      time.Time
}

// Batch is what one step of the consumer stores.
type Batch struct {
	Registrations []Registration // alive, no id twice
	Tallies       []Tally
	DeadLetters   []DeadLetter
}

// Cursor is a position in the order (To, ID). The zero Cursor is before the first.
type Cursor struct {
	At time.Time
	ID RegistrationID
}

// Query selects registrations whose To is after Cutoff, and that lie in the half-open window: To >= From and From < To of the window.
// A zero From or To of the window is no bound.
type Query struct {
	Cutoff      time.Time
	From, To    time.Time
	MaxPeriod   time.Duration // no entry is longer; lets a store bound its search
	Chronologic bool          // oldest first, else newest first
}

// Count is one row of the report.
type Count struct {
	Day              calendar.Day // Copenhagen day of receipt
	System, CVR      string
	Stored, Rejected int64
}
