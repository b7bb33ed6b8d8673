// Package securing is who may call what, as far as it is administered here: sessions of REST clients, the grants of organisations, what
// is trusted and what was refused.
package securing

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

var errNotAdministrator = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "Only an administrator may do this."}

// administers lets only an administrator go on, and says in the audit log who asks for what, whether or not it is allowed.
func administers(ctx context.Context, trail ports.Trail, where audit.Context, caller identity.Caller, filter string) error {
	trail.Note(ctx, audit.Admin, where, audit.User.Is(user(caller)), audit.Filter.Is(filter))
	if !caller.Administrator {
		return errNotAdministrator
	}
	return nil
}

// user tells the kind of caller and its organisation, and no person.
func user(c identity.Caller) string {
	if c.Org.CVR == "" {
		return c.Kind.String()
	}
	return c.Kind.String() + "/" + c.Org.CVR
}

// instant is t as it is stored: UTC, whole microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
