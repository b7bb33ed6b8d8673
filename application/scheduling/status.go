package scheduling

import (
	"context"
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/job"
)

// Status is how a job goes.
type Status struct {
	Name        string
	LastRun     time.Time // when the latest run began, zero if none has
	LastSuccess time.Time // when a run last finished well, zero if none has
	Holder      string    // the instance that runs it now, "" if none
	Result      Result
	Run         job.Run // the latest run, whole
}

// Result is how the latest run of a job ended.
type Result string

// The results.
const (
	Never       Result = ""
	OK          Result = "ok"
	Failed      Result = "failed"
	Running     Result = "running"
	Interrupted Result = "interrupted" // cut off; the next one goes on with it
)

// Status returns every job of the runner, in the order of Jobs.
func (r *Runner) Status(ctx context.Context) ([]Status, error) {
	latest, err := r.latest(ctx)
	if err != nil {
		return nil, fmt.Errorf("read runs of jobs: %w", err)
	}
	holders, err := r.Leases.Held(ctx, leasePart, r.Now())
	if err != nil {
		return nil, fmt.Errorf("read leases of jobs: %w", err)
	}
	all := make([]Status, len(r.Jobs))
	for i, j := range r.Jobs {
		last := latest[j.Name]
		s := Status{Name: j.Name, LastRun: last.StartedAt, LastSuccess: last.SucceededAt, Holder: holders[leasePart+j.Name], Run: last}
		switch {
		case last.StartedAt.IsZero():
			s.Result = Never
		case !interrupted(last) && last.OK:
			s.Result = OK
		case !interrupted(last):
			s.Result = Failed
		case s.Holder != "":
			s.Result = Running
		default:
			s.Result = Interrupted
		}
		all[i] = s
	}
	return all, nil
}

// Alarms returns the jobs whose latest run failed, and those that have not succeeded for too long.
func (r *Runner) Alarms(ctx context.Context) ([]string, error) {
	all, err := r.Status(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	since := r.since
	r.mu.Unlock()
	var alarms []string
	for i, s := range all {
		switch {
		case s.Result == Failed:
			alarms = append(alarms, fmt.Sprintf("job %s failed at %s", s.Name, s.Run.FinishedAt.Format(time.RFC3339)))
		case !since.IsZero() && r.Jobs[i].Due.overdue(s.Run, since, r.Now()):
			alarms = append(alarms, fmt.Sprintf("job %s has not succeeded for %d intervals", s.Name, overdueAfter))
		}
	}
	return alarms, nil
}
