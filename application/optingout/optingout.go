// Package optingout is the use cases of declining resuscitation (FGVHR): a citizen's own registration, the administration of everybody's, and
// the look-up by systems.
package optingout

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/ports"
)

// GrantRead is the grant of organisations whose systems may read who declines resuscitation. A grant that nobody holds allows nobody.
const GrantRead = "fgvhr.read"

// Registrar registers who declines resuscitation, and tells who does. MinLog is told before anything is changed or shown; NAS of every change, in
// the same transaction. It is safe for concurrent use; its fields are not changed after the first call.
type Registrar struct {
	Store         ports.OptOutStore
	Citizens      ports.Citizens
	Aliases       ports.Aliases
	Access        ports.AccessLog // nil: MinLog is not told
	Trail         ports.Trail
	Granted       func(ctx context.Context, name, cvr string) (bool, error)
	Now           func() time.Time
	NewID         func() string // a UUID
	Rules         fgvhr.Rules
	AdminRoles    []string      // national roles of those who administer everybody's; none = nobody
	MinLogTimeout time.Duration // 0 = 2 s
	Topic         Topic
}

// Topic is what NAS is told on, and in which words.
type Topic struct {
	Name      string // <uri>:<localname>
	IDType    string // of the citizen's number
	Namespace string // of the payload
	Element   string // of the payload: an XML name without prefix
}

// DefaultTopic returns the published words.
func DefaultTopic() Topic {
	const namespace, element = "http://sundhedsdatastyrelsen.dk/Fravalg-Af-Genoplivning/2023/06/01/", "ConsentUpdatedNotification"
	return Topic{Name: namespace + ":" + element, IDType: "cpr", Namespace: namespace, Element: element}
}

// Registration is what somebody asks to have registered.
type Registration struct {
	Citizen        cpr.Number   // zero = the message names nobody, or not rightly
	CitizenCreated calendar.Day // the date on the paper form; zero = none
}

// View is an opt-out as a caller may see it: Citizen is the number that was asked for, and what the caller may not see is zero (Replaces, but for
// administrators; CitizenCreated, of systems).
type View struct {
	fgvhr.OptOut
	InForce bool
}

// What callers are told beside what the rules refuse (package fgvhr). The texts are constant and tell nothing of the citizen.
var (
	ErrCitizen       error = fault.Error{Kind: fault.Malformed, Code: "invalid_id", Text: "the citizen's id is not valid"}
	ErrNotAuthorized error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "no access"}
	ErrMinLog              = fault.Error{Kind: fault.Unavailable, Code: "minlog_unavailable", Text: "MinLog is unavailable, nothing was done"}
	ErrDown                = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "internal error"}
)
