package consenting

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// RetentionJob is the name of the job, which its state has too.
const RetentionJob = "consent-retention"

// chunk is how many rows one step deletes at most.
const chunk = 1000

// Retention deletes what was kept for long enough: registrations that were revoked, with their versions, and overrides. It is safe for concurrent
// use.
type Retention struct {
	Store         ports.ConsentStore
	Overrides     ports.OverrideLog
	Trail         ports.Trail
	Now           func() time.Time
	RevokedYears  int // since the registration was revoked; 0 = kept for ever
	OverrideYears int // since the override; 0 = kept for ever
}

// Retained is what a run tells of itself.
type Retained struct {
	Registrations int    `json:"registrationsDeleted"`
	Overrides     int    `json:"overridesDeleted"`
	Detail        string `json:"detail,omitempty"` // why it failed
}

// Job returns the retention as a job.
func (r *Retention) Job(interval, lease time.Duration) scheduling.Job {
	return scheduling.Job{
		Name: RetentionJob, Due: scheduling.Schedule{Every: interval}, Route: audit.Samtykke, TTL: lease, Begin: r.Begin,
	}
}

// Begin returns one run: registrations, then overrides, 1,000 rows a step.
func (r *Retention) Begin() scheduling.Work {
	w := &retaining{trail: r.Trail}
	now := r.Now()
	w.phase("registration", now, r.RevokedYears, r.Store.ExpireRevoked, &w.done.Registrations)
	w.phase("override", now, r.OverrideYears, r.Overrides.Expire, &w.done.Overrides)
	return w
}

// retaining is one run. What a step did counts when the next one begins, or the run ends well: it is committed then.
type retaining struct {
	trail  ports.Trail
	phases []phase
	done   Retained
	count  *int // of the latest step
	now    int
}

// phase deletes what is older than an instant.
type phase struct {
	what   string
	before time.Time
	expire func(ctx context.Context, before time.Time, n int) (removed int, done bool, err error)
	count  *int
}

func (w *retaining) phase(
	what string, now time.Time, years int, expire func(context.Context, time.Time, int) (int, bool, error), count *int,
) {
	if years > 0 {
		w.phases = append(w.phases, phase{what, now.AddDate(-years, 0, 0), expire, count})
	}
}

// Step deletes the next rows.
func (w *retaining) Step(ctx context.Context) (done bool, err error) {
	w.commit()
	if len(w.phases) == 0 {
		return true, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	p := &w.phases[0]
	n, over, err := p.expire(ctx, p.before, chunk)
	if err != nil {
		return false, fmt.Errorf("delete old rows of %ss: %w", p.what, err)
	}
	if n > 0 {
		w.count, w.now = p.count, n
		w.trail.Note(ctx, audit.Samtykke, audit.ConsentRetention, audit.Datatype.Is(p.what), audit.NumberDeleted.Is(strconv.Itoa(n)),
			audit.OlderThan.Is(p.before.UTC().Format(time.RFC3339Nano)))
	}
	if over {
		w.phases = w.phases[1:]
	}
	return len(w.phases) == 0, nil
}

func (w *retaining) commit() {
	if w.count != nil {
		*w.count += w.now
	}
	w.count, w.now = nil, 0
}

// End tells what was deleted.
func (w *retaining) End(err error) any {
	if err == nil {
		w.commit()
	} else {
		w.done.Detail = err.Error()
	}
	return w.done
}
