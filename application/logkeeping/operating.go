package logkeeping

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/ports"
)

// CleanupJob is the name of the job that removes what is too old.
const CleanupJob = "minlog-cleanup"

var (
	errNotOperator = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "Only an administrator may do this."}
	errNeverRan    = fault.Error{Kind: fault.NotFound, Code: "no_such_run", Text: "The clean-up has not run yet."}
)

// operates lets only an administrator go on, and says in the audit log who asks for what, whether or not it is allowed.
func operates(ctx context.Context, trail ports.Trail, where audit.Context, caller identity.Caller, filter string) error {
	user := caller.Kind.String()
	if caller.Org.CVR != "" {
		user += "/" + caller.Org.CVR
	}
	trail.Note(ctx, audit.Admin, where, audit.User.Is(user), audit.Filter.Is(filter))
	if !caller.Administrator {
		return errNotOperator
	}
	return nil
}

// Cleaning shows administrators what the clean-up did, and has it run. It is safe for concurrent use.
type Cleaning struct {
	Runs ports.JobRuns
	// Start begins a run, which goes on when Start has returned; fault.Conflict while one goes on, in whatever process.
	Start func(ctx context.Context) error
	Trail ports.Trail
}

// Last returns the latest run.
func (c *Cleaning) Last(ctx context.Context, caller identity.Caller) (job.Run, error) {
	if err := operates(ctx, c.Trail, audit.ReadJob, caller, CleanupJob); err != nil {
		return job.Run{}, err
	}
	runs, err := c.Runs.Runs(ctx)
	if err != nil {
		return job.Run{}, fmt.Errorf("read runs of jobs: %w", err)
	}
	for _, r := range runs {
		if r.Name == CleanupJob {
			return r, nil
		}
	}
	return job.Run{}, errNeverRan
}

// Run has the clean-up run, beside what the caller does next.
func (c *Cleaning) Run(ctx context.Context, caller identity.Caller) error {
	if err := operates(ctx, c.Trail, audit.JobRun, caller, CleanupJob); err != nil {
		return err
	}
	return c.Start(ctx)
}

// Consumption shows administrators how far the message log is consumed. It is safe for concurrent use.
type Consumption struct {
	Consumer *Consumer
	Trail    ports.Trail
}

// Progress returns every partition, in order, and how many records could not be read.
func (c *Consumption) Progress(ctx context.Context, caller identity.Caller) (partitions []PartitionStatus, deadLetters int64, err error) {
	if err := operates(ctx, c.Trail, audit.ReadConsumer, caller, ""); err != nil {
		return nil, 0, err
	}
	if partitions, err = c.Consumer.Status(ctx); err != nil {
		return nil, 0, err
	}
	if deadLetters, err = c.Consumer.Store.DeadLetters(ctx, time.Time{}); err != nil {
		return nil, 0, fmt.Errorf("count dead letters: %w", err)
	}
	c.Trail.Note(ctx, audit.Admin, audit.ReadConsumer, audit.Result.Is(strconv.Itoa(len(partitions))))
	return partitions, deadLetters, nil
}
