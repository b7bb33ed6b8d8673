package scheduling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/ports"
)

// What callers of a job are told.
var (
	ErrRunning error = fault.Error{Kind: fault.Conflict, Code: "job_running", Text: "The job is running."}
	ErrNoJob   error = fault.Error{Kind: fault.NotFound, Code: "no_such_job", Text: "There is no such job."}
	ErrStopped error = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "The service is shutting down."}
)

// Runner runs jobs when they are due. Of several runners with the same stores one runs a job at a time: it holds the job's lease, renews it at
// a third of its time, and stops where it loses it. A run that was cut off is gone on with by whoever gets the lease. It is safe for
// concurrent use; its fields are not changed after the first call.
type Runner struct {
	Leases   ports.Leases
	Runs     ports.JobRuns
	Units    ports.UnitOfWork
	Audit    ports.AuditLog
	Now      func() time.Time
	NewID    func() string // ids of calls: 16 hexadecimal digits
	Log      *slog.Logger
	Instance string        // the holder of its leases: no two runners that are alive have the same
	TTL      time.Duration // how soon another process goes on with a run whose process died; 0 = 30 s
	Jobs     []Job
	Ticks    <-chan time.Time // when to look what is due and to renew leases; nil = every tenth of TTL

	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // that of Run, for runs that somebody calls for; nil while it does not run
	since   time.Time       // when Run began
	running map[string]*holding
	runs    sync.WaitGroup
}

// holding is a run that goes on in this process.
type holding struct {
	cancel  context.CancelFunc
	ttl     time.Duration
	renewed time.Time
}

const (
	defaultTTL = 30 * time.Second
	leasePart  = "job/" // begins the names of the leases
	// patience bounds what begins and ends a run.
	patience = 5 * time.Second
)

// Run runs what is due, on a timer unless Ticks is set, until ctx ends. Runs that go on then are cut off, and others may go on with them at once.
func (r *Runner) Run(ctx context.Context) {
	ticks := r.Ticks
	if ticks == nil {
		ticker := time.NewTicker(max(r.ttl(Job{})/10, time.Millisecond))
		defer ticker.Stop()
		ticks = ticker.C
	}
	r.mu.Lock()
	r.ctx, r.since, r.running = ctx, r.Now(), map[string]*holding{}
	r.mu.Unlock()
	for ctx.Err() == nil {
		r.renew(ctx)
		if err := r.startDue(ctx); err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "look for due jobs failed", "error", err)
		}
		select {
		case <-ticks:
		case <-ctx.Done():
		}
	}
	r.mu.Lock()
	r.ctx = nil
	r.mu.Unlock()
	r.runs.Wait()
}

// Trigger starts a run of a job, which goes on when Trigger has returned: ErrRunning while one goes on, in whatever process.
func (r *Runner) Trigger(ctx context.Context, name string) error {
	for _, j := range r.Jobs {
		if j.Name != name {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		started, err := r.start(j, func(job.Run) bool { return true })
		if err == nil && !started {
			return ErrRunning
		}
		return err
	}
	return ErrNoJob
}

func (r *Runner) startDue(ctx context.Context) error {
	latest, err := r.latest(ctx)
	if err != nil {
		return err
	}
	for _, j := range r.Jobs {
		due := func(last job.Run) bool { return j.Due.due(last, r.since, r.Now()) }
		if !due(latest[j.Name]) {
			continue
		}
		if _, err := r.start(j, due); err != nil {
			return fmt.Errorf("start job %s: %w", j.Name, err)
		}
	}
	return nil
}

func (r *Runner) latest(ctx context.Context) (map[string]job.Run, error) {
	runs, err := r.Runs.Runs(ctx)
	if err != nil {
		return nil, err
	}
	latest := make(map[string]job.Run, len(runs))
	for _, run := range runs {
		latest[run.Name] = run
	}
	return latest, nil
}

// start begins a run of j if this process gets its lease and, with the lease, it is still due: another process may have run it meanwhile. It
// is not part of the call that asks for it, nor of that call's transaction.
func (r *Runner) start(j Job, due func(last job.Run) bool) (started bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ctx == nil || r.ctx.Err() != nil:
		return false, ErrStopped
	case r.running[j.Name] != nil:
		return false, nil
	}
	ctx, stop := context.WithTimeout(r.ctx, patience)
	defer stop()
	now, ttl := r.Now(), r.ttl(j)
	if got, err := r.Leases.Acquire(ctx, leasePart+j.Name, r.Instance, now, ttl); err != nil || !got {
		return false, err
	}
	latest, err := r.latest(ctx)
	last := latest[j.Name]
	if err != nil || !due(last) {
		r.release(ctx, j)
		return false, err
	}
	this := job.Run{Name: j.Name, StartedAt: now, SucceededAt: last.SucceededAt}
	if interrupted(last) {
		this.StartedAt = last.StartedAt // it goes on
	}
	if err := r.Runs.Keep(ctx, this); err != nil {
		r.release(ctx, j)
		return false, err
	}
	running, cancel := context.WithCancel(r.ctx)
	r.running[j.Name] = &holding{cancel: cancel, ttl: ttl, renewed: now}
	r.runs.Go(func() {
		r.carryOut(running, j, this)
		cancel()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.running, j.Name) // first: who renews leases would take the one again that is given up
		r.release(running, j)
	})
	return true, nil
}

// carryOut does the steps of a run and keeps how it ended. A run that is cut off keeps nothing: the next one goes on with it.
func (r *Runner) carryOut(ctx context.Context, j Job, this job.Run) {
	var work Work
	err := r.guarded(ctx, j, func() error {
		work = j.Begin()
		return nil
	})
	for done := false; err == nil && !done; {
		if err = ctx.Err(); err == nil {
			done, err = r.step(ctx, j, work)
		}
	}
	if err != nil && ctx.Err() != nil {
		r.Log.WarnContext(ctx, "job cut off", "job", j.Name)
		return
	}
	if err != nil {
		r.Log.ErrorContext(ctx, "job failed", "job", j.Name, "error", err)
	}
	this.FinishedAt, this.OK = r.Now(), err == nil
	if this.OK {
		this.SucceededAt = this.FinishedAt
	}
	this.Detail = r.detail(ctx, j, work, err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := r.Runs.Keep(ctx, this); err != nil {
		r.Log.ErrorContext(ctx, "keep run of job failed", "job", j.Name, "error", err)
	}
}

// detail is what a run tells of itself, as JSON.
func (r *Runner) detail(ctx context.Context, j Job, work Work, err error) (text string) {
	var detail any = map[string]string{}
	if err != nil {
		detail = map[string]string{"detail": err.Error()}
	}
	if work != nil {
		_ = r.guarded(ctx, j, func() error { // a panic is logged
			detail = work.End(err)
			return nil
		})
	}
	b, marshalling := json.Marshal(detail)
	if marshalling != nil {
		r.Log.ErrorContext(ctx, "detail of job is no JSON", "job", j.Name, "error", marshalling)
		return "{}"
	}
	return string(b)
}

// step does the next step of a run in one order: effect, audit line durable, commit. A step that notes nothing leaves no line.
func (r *Runner) step(ctx context.Context, j Job, work Work) (done bool, err error) {
	var notes audit.Notes
	line := audit.Entry{Route: j.Route, Access: audit.Access{Method: audit.MethodJob, Path: "job:" + j.Name, CallID: r.NewID(), Arrived: r.Now()}}
	ctx = admitting.WithNotes(ports.WithCallID(ctx, line.Access.CallID), &notes)
	written := false
	write := func() error {
		line.Notes, line.Access.Duration = notes, r.Now().Sub(line.Access.Arrived)
		// The line is evidence of what happened: a run that is cut off does not take it back.
		return r.Audit.Append(context.WithoutCancel(ctx), line)
	}
	err = r.Units.Run(ctx, func(ctx context.Context) error {
		return r.guarded(ctx, j, func() (err error) {
			done, err = work.Step(ctx)
			return err
		})
	}, func(ctx context.Context) error {
		if len(notes) == 0 {
			return ctx.Err()
		}
		if err := write(); err != nil {
			return fmt.Errorf("append audit line: %w", err)
		}
		written = true
		return nil
	})
	if err != nil && written {
		// The first line tells of an effect that did not come: a second line corrects it.
		outcome := audit.RolledBack
		if commit, ok := errors.AsType[*ports.CommitError](err); ok && commit.Unknown {
			outcome = audit.OutcomeUnknown
		}
		notes.SetOutcome(outcome)
		if err := write(); err != nil {
			r.Log.ErrorContext(ctx, "audit append failed", "job", j.Name, "error", err)
		}
	}
	return done, err
}

// guarded turns a panic into an error, so that the unit rolls back and the process lives.
func (r *Runner) guarded(ctx context.Context, j Job, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.ErrorContext(ctx, "panic in a job", "job", j.Name, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	return f()
}

// renew prolongs the leases of the runs of this process, and cancels those whose lease is lost or has run out.
func (r *Runner) renew(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, h := range r.running {
		now := r.Now()
		if now.Sub(h.renewed) < h.ttl/3 {
			continue
		}
		got, err := r.Leases.Acquire(ctx, leasePart+name, r.Instance, now, h.ttl)
		switch {
		case got:
			h.renewed = now
		case err == nil || now.Sub(h.renewed) >= h.ttl:
			h.cancel()
			r.Log.ErrorContext(ctx, "lease of job lost", "job", name, "error", err)
		default:
			r.Log.ErrorContext(ctx, "lease of job not renewed", "job", name, "error", err)
		}
	}
}

// release gives up the lease of j, also after ctx has ended.
func (r *Runner) release(ctx context.Context, j Job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := r.Leases.Release(ctx, leasePart+j.Name, r.Instance); err != nil {
		r.Log.WarnContext(ctx, "lease of job not given up", "job", j.Name, "error", err)
	}
}

func (r *Runner) ttl(j Job) time.Duration {
	switch {
	case j.TTL > 0:
		return j.TTL
	case r.TTL > 0:
		return r.TTL
	}
	return defaultTTL
}
