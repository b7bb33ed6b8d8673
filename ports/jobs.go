package ports

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/job"
)

// Leases lets one process at a time do a job. Every method is a transaction of its own, also within a unit of work; once that has written it
// may fail, where the store has but one transaction that writes. Names are told apart octet by octet; times are cut to microseconds. It is
// safe for concurrent use.
type Leases interface {
	// Acquire gives holder the lease of job until now+ttl, if nobody has it, holder has it already, or its holder's has run out at now;
	// false while another holder's lease is valid at now. Of several that acquire at once one gets it.
	Acquire(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (bool, error)
	// Release gives up the lease of job if holder has it; otherwise it does nothing.
	Release(ctx context.Context, job, holder string) error
	// Held returns who holds each job whose name begins with prefix, of the leases that are valid at now.
	Held(ctx context.Context, prefix string, now time.Time) (map[string]string, error)
}

// JobRuns keeps the latest run of each job. It is safe for concurrent use.
type JobRuns interface {
	// Keep replaces the run of r.Name, with times cut to microseconds; it joins the unit of work in ctx.
	Keep(ctx context.Context, r job.Run) error
	// Runs returns the latest run of every job, ordered by name, octet by octet. The caller owns it.
	Runs(ctx context.Context) ([]job.Run, error)
}
