package notifying

import (
	"context"

	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// Cleaning lets administrators have the clean-up run. It is safe for concurrent use.
type Cleaning struct {
	Runner *scheduling.Runner // which has the job, where this process does it
	Trail  ports.Trail
}

// Run has the clean-up run, beside what the caller does next; fault.Conflict while it runs, in whatever process.
func (c *Cleaning) Run(ctx context.Context, caller identity.Caller) error {
	c.Trail.Note(ctx, audit.NAS, audit.NASCleanup, audit.User.Is(who(caller)))
	if !caller.Administrator {
		return errNotAdministrator
	}
	return c.Runner.Trigger(ctx, CleanupJob)
}
