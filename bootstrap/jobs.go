package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/application/relaying"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

const (
	purgeJob      = "purge" // deletes what stores keep for a time
	purgeInterval = time.Minute
	purgeBatch    = 1000 // rows of one transaction
)

// openJobs makes the runner of what this process does by itself, and room for what comes.
func (s *server) openJobs(ctx context.Context) error {
	s.runner = &scheduling.Runner{
		Leases: s.stores.leases, Runs: s.metrics.JobRuns(s.stores.runs), Units: s.stores.units, Audit: s.audit, Now: s.opt.Now, NewID: auth.NewCallID,
		Log: s.log, Instance: s.holder, TTL: s.cfg.Jobs.LeaseTTL,
	}
	stores := map[string]ports.Purger{
		"replies": s.stores.replies, "message ids": s.stores.seen, "sessions": s.stores.session, "security events": s.stores.events,
		"notices": &relaying.Forgetting{Outbox: s.stores.outbox, Keep: s.cfg.Outbox.Keep},
	}
	s.runner.Jobs = append(s.runner.Jobs, scheduling.Job{
		Name: purgeJob, Due: scheduling.Schedule{Every: purgeInterval}, Route: audit.Admin,
		Begin: func() scheduling.Work { return newPurging(stores, s.opt.Now) },
	})
	cleanup := s.cleanup()
	if s.cfg.runsAny(RoleMinLogCleanup) {
		var due scheduling.Schedule
		if text := s.cfg.MinLog.CleanupSchedule; text != "" {
			at, err := calendar.ParseTimeOfDay(text)
			if err != nil {
				return &ConfigError{[]error{s.cfg.problem("minlog.cleanup_schedule", err.Error())}}
			}
			due.Daily = &at
		}
		s.runner.Jobs = append(s.runner.Jobs, cleanup.Job(due, s.cfg.MinLog.CleanupLease))
	}
	if s.cfg.runsAny(RoleMinLogCleanup, RoleMinLogConsumer) {
		if err := cleanup.Prepare(ctx); err != nil {
			return &ResourceError{err}
		}
	}
	return nil
}

// cleanup removes registrations that are shown no longer, and consumed records of a message log that is in the store.
func (s *server) cleanup() *logkeeping.Cleanup {
	c := &logkeeping.Cleanup{
		Store: s.stores.entries, Months: s.stores.months, Trail: admitting.Trail{}, Now: s.opt.Now, RetentionYears: s.cfg.MinLog.RetentionYears,
		PurgeTail: s.cfg.MinLog.PurgeTail,
	}
	if s.cfg.MessageLog.Driver != embedded {
		return c
	}
	for _, topic := range s.cfg.MinLog.Consumer.Topics {
		c.Trimmers = append(c.Trimmers, &logkeeping.Trimmer{
			Log: s.stores.log, Topics: s.stores.topics, Store: s.stores.entries, Now: s.opt.Now, Topic: messagelog.Topic(topic), Keep: consumedFor,
		})
	}
	return c
}

// purging deletes what is past its until, in batches, so that nobody waits long for a lock.
type purging struct {
	stores map[string]ports.Purger // by a name for the log
	left   []string
	failed []error
	now    func() time.Time
}

func newPurging(stores map[string]ports.Purger, now func() time.Time) *purging {
	return &purging{stores: stores, left: slices.Sorted(maps.Keys(stores)), now: now}
}

// Step deletes one batch. It leaves no line in the audit log: what is deleted was kept for a time that has passed.
func (p *purging) Step(ctx context.Context) (done bool, err error) {
	over, err := p.stores[p.left[0]].Purge(ctx, p.now(), purgeBatch)
	if err != nil { // the others are purged all the same
		p.failed = append(p.failed, fmt.Errorf("purge %s: %w", p.left[0], err))
	}
	if over || err != nil {
		p.left = p.left[1:]
	}
	if len(p.left) > 0 {
		return false, nil
	}
	return true, errors.Join(p.failed...)
}

// End tells nothing.
func (p *purging) End(error) any { return struct{}{} }
