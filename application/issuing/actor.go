package issuing

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
)

// ActorPolicy says what becomes of a document whose author (Modified/By) gives an authorisation that does not hold: it is not valid now, or
// another's. Nothing of the author is compared with who calls.
type ActorPolicy string

// The policies.
const (
	Enforce ActorPolicy = "enforce" // it is refused
	Log     ActorPolicy = "log"     // it is taken, and a warning logged
	Off     ActorPolicy = "off"     // nothing is asked
)

// authorised tells whether the policy takes the actor.
func (r *Registry) authorised(ctx context.Context, a ecpr.Actor, now time.Time) error {
	if a.Authorisation == "" || r.Policy == Off {
		return nil
	}
	err := r.holds(ctx, a, now)
	if err != nil && r.Policy == Log {
		r.Logger.WarnContext(ctx, "the authorisation of who changed a registration does not hold", "error", err)
		return nil
	}
	return err
}

// holds tells whether the authorisation is valid now and, where the actor tells a person, that person's.
func (r *Registry) holds(ctx context.Context, a ecpr.Actor, now time.Time) error {
	refused := &ecpr.Problem{Err: ecpr.ErrInvalid, Text: "AuthorisationIdentifier er ugyldig", Value: a.Authorisation}
	row, err := r.Authorisations.ByNumber(ctx, a.Authorisation, now)
	switch {
	case fault.Is(err, fault.NotFound):
		return refused
	case err != nil:
		return unavailable("look up authorisation", err)
	case a.Person == "":
		return nil
	}
	if n, err := cpr.Parse(a.Person); err != nil || n != row.CPR {
		return refused
	}
	return nil
}
