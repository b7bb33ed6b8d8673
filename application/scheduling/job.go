// Package scheduling runs jobs: what a server does by itself, at its time, on one process at a time.
package scheduling

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/job"
)

// Job is work that a server does by itself.
type Job struct {
	Name  string
	Due   Schedule
	Route audit.Component // whose audit log tells of it
	TTL   time.Duration   // how soon another process goes on with a run whose process died; 0 = the runner's
	Begin func() Work     // makes what one run does
}

// Work is what one run of a job does. It belongs to one goroutine.
type Work interface {
	// Step does the next part in a unit of work of its own, and tells whether it was the last. What it notes in the audit log is durable
	// before its effect is committed; if it or its commit fails the run ends. Steps are idempotent: a run that was cut off is done again.
	Step(ctx context.Context) (done bool, err error)
	// End returns what the run tells of itself, which is kept as JSON; err is why it failed, nil if every step was committed. It holds no
	// personal data.
	End(err error) (detail any)
}

// Schedule says when a job runs: every so often, once a day, or only when it is called if both are zero.
type Schedule struct {
	Every time.Duration       // since the start of the run before; the first run at once
	Daily *calendar.TimeOfDay // of Copenhagen; the first run when it is next that time
}

// overdueAfter is how many intervals without success raise the alarm.
const overdueAfter = 2

// due tells whether a run is to start now, or to go on: one that was cut off, of whatever schedule. since is when the process began to look.
func (s Schedule) due(last job.Run, since, now time.Time) bool {
	switch {
	case interrupted(last):
		return true
	case s.Every > 0:
		return last.StartedAt.IsZero() || !now.Before(last.StartedAt.Add(s.Every))
	case s.Daily != nil:
		if !last.StartedAt.IsZero() {
			since = last.StartedAt
		}
		return !now.Before(s.Daily.After(since))
	}
	return false
}

// overdue tells whether a job that is to run by itself has not succeeded for too long.
func (s Schedule) overdue(last job.Run, since, now time.Time) bool {
	interval := s.Every
	if s.Daily != nil {
		interval = 24 * time.Hour
	}
	if last.SucceededAt.After(since) {
		since = last.SucceededAt
	}
	return interval > 0 && now.Sub(since) > overdueAfter*interval
}

// interrupted tells whether a run has begun and not ended: it goes on somewhere, or was cut off.
func interrupted(r job.Run) bool { return !r.StartedAt.IsZero() && r.FinishedAt.IsZero() }
