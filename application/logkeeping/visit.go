package logkeeping

import (
	"cmp"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/org"
)

// The most characters that an entry takes of what a caller is called (minlog2-registration.xsd, maxLength).
const (
	maxPerson   = 50
	maxOrgName  = 200
	maxUserRole = 200
)

// roleCitizen is the role of citizens.
const roleCitizen = "Borger"

// Visit is something that a caller did with a citizen's data in one of our services.
type Visit struct {
	System   string // of the service, at most 25 characters
	Activity string // at most 75 characters
	Citizen  cpr.Number
	Caller   identity.Caller
	At       time.Time
	ID       string // of this entry: a UUID
}

// Entry returns what MinLog is told of the visit. The user is a professional's authorisation, else a person's number: of a system, of whom it
// calls for. Where there is no such person the User is zero, and MinLog takes no such entry.
func (v Visit) Entry() minlog.Entry {
	at := v.At.UTC().Truncate(time.Microsecond)
	e := minlog.Entry{
		System: v.System, Activity: v.Activity, From: at, To: at, Person: civil(v.Citizen), User: user(v.Caller),
		OrgName: first(v.Caller.Org.Name, maxOrgName), Org: place(v.Caller),
		CorrelationID: first(v.Caller.MessageID, maxCorrelation), SequenceNumber: v.ID,
	}
	switch v.Caller.Kind {
	case identity.Citizen:
		e.UserName, e.UserRole = first(v.Caller.Name, maxPerson), roleCitizen
	case identity.Professional:
		e.UserName = first(v.Caller.Name, maxPerson)
		e.UserRole = first(cmp.Or(v.Caller.NationalRole, v.Caller.EducationCode, v.Caller.RawRole), maxUserRole)
	case identity.Unknown, identity.System, identity.Operator:
	}
	return e
}

func user(c identity.Caller) minlog.ID {
	switch {
	case c.Authorised():
		return minlog.ID{Source: minlog.Authorisation, Value: c.AuthorisationCode}
	case c.Kind == identity.System && c.OnBehalfOf != nil:
		return civil(c.OnBehalfOf.CPR)
	}
	return civil(c.CPR)
}

func civil(n cpr.Number) minlog.ID {
	if n.IsZero() {
		return minlog.ID{}
	}
	return minlog.ID{Source: minlog.CPR, Value: n.Digits()}
}

// place is the unit in the SOR register that the caller's credential names, else its organisation.
func place(c identity.Caller) minlog.ID {
	for _, id := range c.Org.IDs {
		if unit := id.Unit(); unit.Scheme == org.SOR && unit.Code != "" {
			return minlog.ID{Source: minlog.SOR, Value: first(unit.Code, maxOrgName)}
		}
	}
	if c.Org.CVR == "" {
		return minlog.ID{}
	}
	return minlog.ID{Source: minlog.CVR, Value: c.Org.CVR}
}

// first returns the first n characters of s.
func first(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
