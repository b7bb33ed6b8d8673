// Package fgvhr holds the rules of declining resuscitation at cardiac arrest (fravalg af genoplivning ved hjertestop): who may, that it takes
// effect after seven days, and that it can be withdrawn at any time (nspop.dk, FGVHR; sundhedsloven §§ 25 a, 25 b).
package fgvhr

import (
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
)

// Status of a registration.
type Status string

// The statuses (nspop.dk, FGVHR audit log).
const (
	Active         Status = "ACTIVE"           // registered, not withdrawn
	Inactive       Status = "INACTIVE"         // withdrawn
	EnteredInError Status = "ENTERED-IN-ERROR" // it should never have been registered
)

// Actor is who made a row.
type Actor struct {
	Role   string // CITIZEN, ADMIN
	ID     string
	Source string // CPR
	Org    string // CVR number of the caller's organisation, "" of a citizen without one
	Name   string // of that organisation
}

// OptOut is one row: each change of a person's opt-out is a row that replaces the one before. Instants are UTC, cut to microseconds.
type OptOut struct {
	ID             string     // a UUID
	Replaces       string     // the row that this one replaced, "" = none
	Citizen        cpr.Number // the number that it was made with; the person may have another one now
	Status         Status
	Created        time.Time    // when the row was made
	CitizenCreated calendar.Day // the date on the paper form; zero = none
	ValidFrom      time.Time    // from when an active opt-out is in force
	Superseded     time.Time    // when another row replaced it; zero = it is a head
	Actor          Actor
}

// History is a person's rows, under every number that the person has or had, by Created.
type History []OptOut

// Change is what somebody asks to have changed of an opt-out. A zero field is left as it is.
type Change struct {
	ID             string // of the head that it is made to
	Status         Status
	CitizenCreated calendar.Day
}
