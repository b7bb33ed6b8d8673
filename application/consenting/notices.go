package consenting

import (
	"cmp"
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/org"
)

// What a citizen reads in MinLog of her registrations.
const (
	minLogSystem = "MinSpærring"
	activityRead = "Opslag af spærringer og samtykker"
	roleCitizen  = "Borger"
	// Characters that MinLog takes (minlog2-registration.xsd).
	maxCorrelation = 46
	maxRole        = 200
)

// activity is what was done to a registration to make this version of it.
func activity(r consent.Registration) string {
	texts := [...]string{"Spærring oprettet", "Spærring ændret", "Spærring ophævet"}
	if r.Kind != consent.Constraint {
		texts = [...]string{"Positivt samtykke oprettet", "Positivt samtykke ændret", "Positivt samtykke tilbagekaldt"}
	}
	switch {
	case !r.Active:
		return texts[2]
	case r.Version > 1:
		return texts[1]
	}
	return texts[0]
}

// entry is what MinLog is told of something that the caller did with a citizen's registrations.
func entry(t *org.Tree, c identity.Caller, citizen cpr.Number, text string, at time.Time) minlog.Entry {
	return minlog.Entry{
		System: minLogSystem, Activity: text, From: at, To: at,
		Person: minlog.ID{Source: minlog.CPR, Value: citizen.Digits()}, User: minlog.ID{Source: minlog.CPR, Value: c.CPR.Digits()},
		UserRole: cut(role(c), maxRole), Org: place(t, c, at), CorrelationID: cut(c.MessageID, maxCorrelation),
	}
}

// told is the notice of an entry: of one key in order.
func told(id, key string, e minlog.Entry) notice.Notice {
	return notice.Notice{ID: id, Key: key, To: notice.MinLog, Entry: e, Created: e.From}
}

// role is in which capacity the caller acts: the citizen's, a national role, or an education code.
func role(c identity.Caller) string {
	switch c.Kind {
	case identity.Citizen:
		return roleCitizen
	case identity.Professional:
		return cmp.Or(c.NationalRole, c.EducationCode, c.RawRole)
	case identity.Unknown, identity.System, identity.Operator:
	}
	return c.Kind.String()
}

// place is the organisation that the caller says it calls from, by a register that MinLog knows; zero where there is none.
func place(t *org.Tree, c identity.Caller, at time.Time) minlog.ID {
	ids := c.Org.IDs
	if c.HSUID != nil && c.HSUID.Org.Code != "" {
		ids = []identity.OrgID{c.HSUID.Org}
	}
	for _, id := range ids {
		unit := id.Unit()
		if unit.Scheme == org.Yder && isYder(unit.Code) {
			return minlog.ID{Source: minlog.YDER, Value: unit.Code}
		}
		if sor, ok := t.Resolve(unit, at); ok {
			return minlog.ID{Source: minlog.SOR, Value: sor}
		}
	}
	return minlog.ID{}
}

// isYder tells whether code has the form of a yder number.
func isYder(code string) bool {
	for _, r := range code {
		if r < '0' || r > '9' {
			return false
		}
	}
	return code != "" && len(code) <= 6
}
