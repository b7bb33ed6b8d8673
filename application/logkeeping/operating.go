package logkeeping

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/scheduling"
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
	Runner *scheduling.Runner // which has the job, where this process does it
	Trail  ports.Trail
}

// Last returns the latest run, of whatever process.
func (c *Cleaning) Last(ctx context.Context, caller identity.Caller) (job.Run, error) {
	if err := operates(ctx, c.Trail, audit.ReadJob, caller, CleanupJob); err != nil {
		return job.Run{}, err
	}
	runs, err := c.Runner.Runs.Runs(ctx)
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

// Run has the clean-up run, beside what the caller does next; fault.Conflict while it runs, in whatever process.
func (c *Cleaning) Run(ctx context.Context, caller identity.Caller) error {
	if err := operates(ctx, c.Trail, audit.JobRun, caller, CleanupJob); err != nil {
		return err
	}
	return c.Runner.Trigger(ctx, CleanupJob)
}

// Consumption shows administrators how far the message log is consumed. It is safe for concurrent use.
type Consumption struct {
	Consumers []*Consumer // at least one; all of one store
	Trail     ports.Trail
}

// Progress returns every partition, in order, and how many records could not be read.
func (c *Consumption) Progress(ctx context.Context, caller identity.Caller) (partitions []PartitionStatus, deadLetters int64, err error) {
	if err := operates(ctx, c.Trail, audit.ReadConsumer, caller, ""); err != nil {
		return nil, 0, err
	}
	for _, consumer := range c.Consumers {
		status, err := consumer.Status(ctx)
		if err != nil {
			return nil, 0, err
		}
		partitions = append(partitions, status...)
	}
	if deadLetters, err = c.Consumers[0].Store.DeadLetters(ctx, time.Time{}); err != nil {
		return nil, 0, fmt.Errorf("count dead letters: %w", err)
	}
	c.Trail.Note(ctx, audit.Admin, audit.ReadConsumer, audit.Result.Is(strconv.Itoa(len(partitions))))
	return partitions, deadLetters, nil
}
