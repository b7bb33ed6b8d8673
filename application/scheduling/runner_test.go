package scheduling_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// bench is a runner on a database in memory, in a bubble whose time the case passes.
type bench struct {
	*scheduling.Runner
	db     *memory.DB
	audit  *memory.AuditLog
	leases *portstest.FailingLeases
	runs   *portstest.FailingJobRuns
	units  *failingUnits
	log    *lockedBuffer
	stop   func()
}

var errBoom = errors.New("boom")

// bubble runs a case with a runner of jobs, which it starts itself.
func bubble(t *testing.T, check func(t *testing.T, b *bench), jobs ...scheduling.Job) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := another(t, memory.New(time.Now), "a", jobs...)
		check(t, b)
	})
}

func another(t *testing.T, db *memory.DB, name string, jobs ...scheduling.Job) *bench {
	b := &bench{db: db, audit: &memory.AuditLog{}, log: &lockedBuffer{}, leases: &portstest.FailingLeases{Leases: db.Leases()},
		runs: &portstest.FailingJobRuns{Store: db.JobRuns()}, units: &failingUnits{UnitOfWork: db.Units()}, stop: func() {}}
	b.Runner = &scheduling.Runner{Leases: b.leases, Runs: b.runs, Units: b.units, Audit: b.audit, Now: time.Now,
		NewID: func() string { return "00000000000000ab" }, Log: slog.New(slog.NewTextHandler(b.log, nil)), Instance: name, TTL: 30 * time.Second, Jobs: jobs}
	t.Cleanup(func() { b.stop() })
	return b
}

func (b *bench) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { b.Run(ctx); close(done) }()
	b.stop = func() { cancel(); <-done }
	synctest.Wait()
}

// pass lets time of the bubble pass, and then everybody come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// run returns the latest run of the job.
func (b *bench) run(t *testing.T, name string) job.Run {
	t.Helper()
	runs, err := b.db.JobRuns().Runs(t.Context())
	require.NoError(t, err)
	for _, r := range runs {
		if r.Name == name {
			return r
		}
	}
	return job.Run{}
}

// lockedBuffer keeps log lines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// work is a run of so many steps, each of which does something.
type work struct {
	steps int
	do    func(ctx context.Context, step int) error
	taken int
}

func (w *work) Step(ctx context.Context) (bool, error) {
	w.taken++
	if w.do != nil {
		if err := w.do(ctx, w.taken); err != nil {
			return false, err
		}
	}
	return w.taken == w.steps, nil
}

func (w *work) End(err error) any {
	detail := map[string]any{"steps": w.taken}
	if err != nil {
		detail["detail"] = err.Error()
	}
	return detail
}

func begin(steps int, do func(ctx context.Context, step int) error) func() scheduling.Work {
	return func() scheduling.Work { return &work{steps: steps, do: do} }
}

// counted counts the runs it begins.
func counted(n *atomic.Int64) func() scheduling.Work {
	return func() scheduling.Work {
		n.Add(1)
		return &work{steps: 1}
	}
}

func note(ctx context.Context, value string) {
	admitting.Trail{}.Note(ctx, audit.MinLog2, audit.Cleanup, audit.NumberDeleted.Is(value))
}

// effect is what a step does to the store.
func (b *bench) effect(ctx context.Context, name string) error {
	return b.db.JobRuns().Keep(ctx, job.Run{Name: name, Detail: "effect"})
}

func TestSchedules(t *testing.T) {
	t.Run("every so often, since the start of the run before; the first at once", func(t *testing.T) {
		var runs atomic.Int64
		bubble(t, func(t *testing.T, b *bench) {
			b.start()
			assert.EqualValues(t, 1, runs.Load())
			pass(time.Hour - time.Minute)
			assert.EqualValues(t, 1, runs.Load())
			pass(2 * time.Minute)
			assert.EqualValues(t, 2, runs.Load())
			pass(10 * time.Hour)
			assert.EqualValues(t, 12, runs.Load())
		}, scheduling.Job{Name: "j", Due: scheduling.Schedule{Every: time.Hour}, Begin: counted(&runs)})
	})

	daily := scheduling.Schedule{Daily: &calendar.TimeOfDay{Hour: 3, Minute: 15}}
	t.Run("daily, at the time of Copenhagen; the first when it is next that time", func(t *testing.T) {
		var runs atomic.Int64
		bubble(t, func(t *testing.T, b *bench) { // midnight UTC on 1 January 2000
			b.TTL = time.Hour // it looks every six minutes
			b.start()
			pass(2*time.Hour + 14*time.Minute)
			assert.Zero(t, runs.Load())
			pass(10 * time.Minute)
			assert.EqualValues(t, 1, runs.Load())
			pass(366 * 24 * time.Hour)
			assert.EqualValues(t, 367, runs.Load())
		}, scheduling.Job{Name: "j", Due: daily, Begin: counted(&runs)})
	})

	t.Run("daily, a process that was down at the time runs it when it is up", func(t *testing.T) {
		var runs atomic.Int64
		bubble(t, func(t *testing.T, b *bench) {
			require.NoError(t, b.db.JobRuns().Keep(t.Context(), job.Run{Name: "j", StartedAt: time.Now().Add(-26 * time.Hour), FinishedAt: time.Now(), OK: true}))
			b.start()
			assert.EqualValues(t, 1, runs.Load())
		}, scheduling.Job{Name: "j", Due: daily, Begin: counted(&runs)})
	})

	t.Run("only when it is called", func(t *testing.T) {
		var runs atomic.Int64
		bubble(t, func(t *testing.T, b *bench) {
			b.start()
			pass(48 * time.Hour)
			assert.Zero(t, runs.Load())
			require.NoError(t, b.Trigger(t.Context(), "j"))
			synctest.Wait()
			assert.EqualValues(t, 1, runs.Load())
		}, scheduling.Job{Name: "j", Begin: counted(&runs)})
	})
}

func TestRun(t *testing.T) {
	t.Run("its start, end and detail are kept", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			began := time.Now().UTC()
			b.start()
			assert.Equal(t, job.Run{Name: "j", StartedAt: began}, b.run(t, "j"))
			status, err := b.Status(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []scheduling.Status{{Name: "j", LastRun: began, Holder: "a", Result: scheduling.Running, Run: b.run(t, "j")}}, status)
			pass(2 * time.Minute)
			ended := began.Add(2 * time.Minute)
			assert.Equal(t, job.Run{Name: "j", StartedAt: began, FinishedAt: ended, SucceededAt: ended, OK: true, Detail: `{"steps":2}`}, b.run(t, "j"))
			status, err = b.Status(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []scheduling.Status{{Name: "j", LastRun: began, LastSuccess: ended, Result: scheduling.OK, Run: b.run(t, "j")}}, status)
		}, scheduling.Job{Name: "j", Due: scheduling.Schedule{Every: time.Hour}, Begin: begin(2, func(context.Context, int) error {
			time.Sleep(time.Minute) // of the bubble
			return nil
		})})
	})

	t.Run("one that fails raises the alarm, and the next is when it is due", func(t *testing.T) {
		var fail atomic.Bool
		fail.Store(true)
		bubble(t, func(t *testing.T, b *bench) {
			b.start()
			r := b.run(t, "j")
			assert.False(t, r.OK)
			assert.Equal(t, `{"detail":"boom","steps":2}`, r.Detail)
			alarms, err := b.Alarms(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []string{"job j failed at 2000-01-01T00:00:00Z"}, alarms)
			pass(time.Hour - time.Minute)
			assert.Equal(t, r, b.run(t, "j"))
			fail.Store(false)
			pass(2 * time.Minute)
			assert.True(t, b.run(t, "j").OK)
			alarms, err = b.Alarms(t.Context())
			require.NoError(t, err)
			assert.Empty(t, alarms)
			fail.Store(true)
			pass(time.Hour + time.Second)
			succeeded := time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)
			status, err := b.Status(t.Context())
			require.NoError(t, err)
			assert.Equal(t, scheduling.Failed, status[0].Result)
			assert.Equal(t, succeeded, status[0].LastSuccess, "a failure does not hide when it last was well")
		}, scheduling.Job{Name: "j", Due: scheduling.Schedule{Every: time.Hour}, Begin: begin(2, func(_ context.Context, step int) error {
			if fail.Load() && step == 2 {
				return errBoom
			}
			return nil
		})})
	})

	t.Run("one that never comes to an end raises the alarm", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.start()
			pass(2 * time.Hour)
			alarms, err := b.Alarms(t.Context())
			require.NoError(t, err)
			assert.Empty(t, alarms)
			pass(time.Second)
			alarms, err = b.Alarms(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []string{"job j has not succeeded for 2 intervals"}, alarms)
		}, scheduling.Job{Name: "j", Due: scheduling.Schedule{Every: time.Hour}, Begin: begin(1, func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		})}, scheduling.Job{Name: "by call", Begin: begin(1, nil)})
	})

	t.Run("OC-44 a panic ends the run, not the process", func(t *testing.T) {
		for name, j := range map[string]scheduling.Job{
			"step":  {Begin: begin(2, func(context.Context, int) error { panic("0202801111") })},
			"begin": {Begin: func() scheduling.Work { panic("0202801111") }},
			"end":   {Begin: func() scheduling.Work { return badEnd{} }},
		} {
			t.Run(name, func(t *testing.T) {
				j.Name, j.Due = "j", scheduling.Schedule{Every: time.Hour}
				bubble(t, func(t *testing.T, b *bench) {
					b.start()
					assert.False(t, b.run(t, "j").FinishedAt.IsZero())
					assert.Equal(t, name == "end", b.run(t, "j").OK)
					assert.Contains(t, b.log.String(), "panic in a job")
					assert.NotContains(t, b.log.String()+b.run(t, "j").Detail, "0202801111")
					pass(time.Hour)
					synctest.Wait()
					assert.Equal(t, time.Now().UTC(), b.run(t, "j").StartedAt)
				}, j)
			})
		}
	})

	t.Run("OC-43 it is not begun again by who saw that it was due before another process ran it", func(t *testing.T) {
		var runs atomic.Int64
		bubble(t, func(t *testing.T, b *bench) {
			b.Runs = &racingRuns{JobRuns: b.db.JobRuns(), race: sync.OnceFunc(func() {
				assert.NoError(t, b.db.JobRuns().Keep(t.Context(), job.Run{Name: "j", StartedAt: time.Now(), FinishedAt: time.Now(), OK: true}))
			})}
			b.start()
			assert.Zero(t, runs.Load())
			held, err := b.db.Leases().Held(t.Context(), "job/", time.Now())
			require.NoError(t, err)
			assert.Empty(t, held)
			pass(time.Hour)
			assert.EqualValues(t, 1, runs.Load())
		}, scheduling.Job{Name: "j", Due: scheduling.Schedule{Every: time.Hour}, Begin: counted(&runs)})
	})

	t.Run("a run is not begun that cannot be kept", func(t *testing.T) {
		var runs atomic.Int64
		bubble(t, func(t *testing.T, b *bench) {
			b.runs.OnKeep.FailFrom(1, errBoom)
			b.start()
			assert.Zero(t, runs.Load())
			b.runs.OnKeep.Heal()
			pass(4 * time.Second)
			assert.EqualValues(t, 1, runs.Load(), "the next look at what is due")
		}, scheduling.Job{Name: "j", Due: scheduling.Schedule{Every: time.Hour}, Begin: counted(&runs)})
	})
}

// racingRuns has another process be quick, right after this one read what was run.
type racingRuns struct {
	ports.JobRuns
	race func()
}

func (s *racingRuns) Runs(ctx context.Context) ([]job.Run, error) {
	runs, err := s.JobRuns.Runs(ctx)
	s.race()
	return runs, err
}

type badEnd struct{}

func (badEnd) Step(context.Context) (bool, error) { return true, nil }
func (badEnd) End(error) any                      { panic("0202801111") }

// failingUnits fails to commit with err.
type failingUnits struct {
	ports.UnitOfWork
	err error
}

var errUncommitted = errors.New("not committed")

func (u *failingUnits) Run(ctx context.Context, work, seal func(context.Context) error) error {
	err := u.UnitOfWork.Run(ctx, work, func(ctx context.Context) error {
		if err := seal(ctx); err != nil || u.err == nil {
			return err
		}
		return errUncommitted
	})
	if errors.Is(err, errUncommitted) {
		return u.err
	}
	return err
}

func TestStepOrder(t *testing.T) {
	var b *bench
	steps := func(ctx context.Context, step int) error {
		if step == 2 {
			return nil // nothing to tell
		}
		note(ctx, "12")
		return b.effect(ctx, "effect")
	}
	one := scheduling.Job{Name: "j", Route: audit.MinLog2, Due: scheduling.Schedule{Every: time.Hour}, Begin: begin(3, steps)}

	t.Run("each step that notes something leaves one line, and a step that does not leaves none", func(t *testing.T) {
		bubble(t, func(t *testing.T, this *bench) {
			b = this
			b.start()
			lines := b.audit.Lines()
			require.Len(t, lines, 2)
			for _, l := range lines {
				assert.Equal(t, audit.Entry{Route: audit.MinLog2,
					Notes: audit.Notes{{Component: audit.MinLog2, Contexts: []audit.ContextNotes{{Context: audit.Cleanup,
						Information: []audit.Information{audit.NumberDeleted.Is("12")}}}}},
					Access: audit.Access{Method: "JOB", Path: "job:j", CallID: "00000000000000ab", Arrived: time.Now()},
				}, l)
			}
		}, one)
	})

	t.Run("OC-07 no effect without its line", func(t *testing.T) {
		bubble(t, func(t *testing.T, this *bench) {
			b = this
			b.audit.Fail(nil, errBoom)
			b.start()
			assert.Equal(t, job.Run{}, b.run(t, "effect"))
			assert.False(t, b.run(t, "j").OK)
			b.audit.Fail(nil, nil)
			pass(time.Hour + time.Second)
			assert.Equal(t, "effect", b.run(t, "effect").Detail)
		}, one)
	})

	t.Run("OC-09 the line of an effect that is not committed is corrected by a second", func(t *testing.T) {
		for outcome, err := range map[string]error{
			audit.RolledBack:     &ports.CommitError{Err: errBoom},
			audit.OutcomeUnknown: &ports.CommitError{Err: errBoom, Unknown: true},
		} {
			bubble(t, func(t *testing.T, this *bench) {
				b = this
				b.units.err = err
				b.start()
				lines := b.audit.Lines()
				require.Len(t, lines, 2)
				assert.Len(t, lines[0].Notes[0].Contexts[0].Information, 1)
				assert.Equal(t, audit.Outcome.Is(outcome), lines[1].Notes[0].Contexts[0].Information[1])
				assert.False(t, b.run(t, "j").OK)
			}, one)
		}
	})

	t.Run("a step that fails after it noted something leaves no line and no effect", func(t *testing.T) {
		bubble(t, func(t *testing.T, this *bench) {
			b = this
			b.start()
			assert.Empty(t, b.audit.Lines())
			assert.Equal(t, job.Run{}, b.run(t, "effect"))
		}, scheduling.Job{Name: "j", Due: scheduling.Schedule{Every: time.Hour}, Begin: begin(1, func(ctx context.Context, step int) error {
			return errors.Join(steps(ctx, step), errBoom)
		})})
	})

	t.Run("what a step notes in the name of the call has its id", func(t *testing.T) {
		id := ""
		bubble(t, func(_ *testing.T, b *bench) { b.start() },
			scheduling.Job{Name: "j", Due: scheduling.Schedule{Every: time.Hour}, Begin: begin(1, func(ctx context.Context, _ int) error {
				id = ports.CallID(ctx)
				return nil
			})})
		assert.Equal(t, "00000000000000ab", id)
	})
}

func TestTrigger(t *testing.T) {
	slow := begin(1, func(ctx context.Context, _ int) error {
		select {
		case <-time.After(time.Hour):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})

	t.Run("it runs beside the caller, once at a time, in whatever process", func(t *testing.T) {
		j := scheduling.Job{Name: "j", Begin: slow}
		bubble(t, func(t *testing.T, a *bench) {
			b := another(t, a.db, "b", j)
			a.start()
			b.start()
			require.NoError(t, a.Trigger(t.Context(), "j"))
			require.ErrorIs(t, a.Trigger(t.Context(), "j"), scheduling.ErrRunning)
			require.ErrorIs(t, b.Trigger(t.Context(), "j"), scheduling.ErrRunning)
			pass(time.Hour - time.Second)
			require.ErrorIs(t, b.Trigger(t.Context(), "j"), scheduling.ErrRunning, "the lease is renewed")
			pass(2 * time.Second)
			require.True(t, a.run(t, "j").OK)
			require.NoError(t, b.Trigger(t.Context(), "j"))
		}, j)
	})

	t.Run("it is not part of the caller's transaction", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.start()
			err := b.db.Units().Run(t.Context(), func(ctx context.Context) error { return b.Trigger(ctx, "j") },
				func(context.Context) error { return errBoom })
			require.ErrorIs(t, err, errBoom)
			synctest.Wait()
			assert.True(t, b.run(t, "j").OK)
		}, scheduling.Job{Name: "j", Begin: begin(1, nil)})
	})

	t.Run("no such job; a caller that has gone; a runner that does not run", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			require.ErrorIs(t, b.Trigger(t.Context(), "j"), scheduling.ErrStopped)
			b.start()
			require.ErrorIs(t, b.Trigger(t.Context(), "k"), scheduling.ErrNoJob)
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, b.Trigger(gone, "j"), context.Canceled)
			b.stop()
			b.stop = func() {}
			require.ErrorIs(t, b.Trigger(t.Context(), "j"), scheduling.ErrStopped)
			assert.Equal(t, job.Run{}, b.run(t, "j"))
		}, scheduling.Job{Name: "j", Begin: begin(1, nil)})
	})
}

func TestLease(t *testing.T) {
	var cut atomic.Int64 // runs
	endless := begin(1, func(ctx context.Context, _ int) error {
		<-ctx.Done()
		cut.Add(1)
		return ctx.Err()
	})
	j := scheduling.Job{Name: "j", Due: scheduling.Schedule{Every: 24 * time.Hour}, Begin: endless}

	t.Run("JB-01 a lost lease cancels the run, which keeps nothing", func(t *testing.T) {
		cut.Store(0)
		bubble(t, func(t *testing.T, b *bench) {
			b.start()
			require.NoError(t, b.db.Leases().Release(t.Context(), "job/j", "a"))
			got, err := b.db.Leases().Acquire(t.Context(), "job/j", "b", time.Now(), time.Hour)
			require.NoError(t, err)
			require.True(t, got)
			pass(13 * time.Second)
			assert.EqualValues(t, 1, cut.Load())
			assert.True(t, b.run(t, "j").FinishedAt.IsZero())
			held, err := b.db.Leases().Held(t.Context(), "job/", time.Now())
			require.NoError(t, err)
			assert.Equal(t, map[string]string{"job/j": "b"}, held)
		}, j)
	})

	t.Run("a lease that cannot be renewed is good until it runs out", func(t *testing.T) {
		cut.Store(0)
		bubble(t, func(t *testing.T, b *bench) {
			b.start()
			b.leases.OnAcquire.FailFrom(1, errBoom)
			pass(29 * time.Second)
			assert.Zero(t, cut.Load())
			pass(2 * time.Second)
			assert.EqualValues(t, 1, cut.Load())
		}, j)
	})

	t.Run("a runner that stops cuts its runs off, and another goes on with them at once", func(t *testing.T) {
		cut.Store(0)
		bubble(t, func(t *testing.T, a *bench) {
			a.start()
			began := a.run(t, "j").StartedAt
			pass(time.Minute)
			a.stop()
			a.stop = func() {}
			assert.EqualValues(t, 1, cut.Load())
			status, err := a.Status(t.Context())
			require.NoError(t, err)
			assert.Equal(t, scheduling.Interrupted, status[0].Result)
			b := another(t, a.db, "b", scheduling.Job{Name: "j", Begin: begin(1, nil)}) // there only by call
			b.start()
			r := b.run(t, "j")
			assert.True(t, r.OK)
			assert.Equal(t, began, r.StartedAt, "it is the same run")
			assert.Equal(t, time.Now().UTC(), r.FinishedAt)
		}, j)
	})
}
