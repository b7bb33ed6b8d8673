package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/tests/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	noon    = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	errAway = errors.New("database is away")
)

// store is what a process keeps its jobs, and what they work on, in.
type store interface {
	Units() ports.UnitOfWork
	Leases() ports.Leases
	JobRuns() ports.JobRuns
	LogStore() ports.LogStore
	MessageLog() ports.MessageLog
	Topics() ports.TopicAdmin
}

// onEveryStore runs a case with two handles on one empty store, as two processes have them, and with the months of the first, nil if it has none.
func onEveryStore(t *testing.T, check func(t *testing.T, c *clock, a, b store, months ports.LogMonths)) {
	t.Run("memory", func(t *testing.T) {
		c, db := inMemory()
		check(t, c, db, db, &monthsOfMemory{store: db.LogStore()})
	})
	opened := func(t *testing.T, opt sqlstore.Options) *sqlstore.DB {
		t.Helper()
		db, err := sqlstore.Open(t.Context(), opt)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return db
	}
	t.Run("sqlite", func(t *testing.T) { // one process
		c := &clock{}
		db := opened(t, sqlstore.Options{Path: filepath.Join(t.TempDir(), "store.db"), Now: c.now})
		check(t, c, db, db, nil)
	})
	t.Run("postgres", func(t *testing.T) {
		c := &clock{}
		dsn := postgrestest.Database(t, "jobs", func(ctx context.Context, dsn string) error {
			_, err := sqlstore.Migrate(ctx, sqlstore.Options{DSN: dsn}, false)
			return err
		})
		a := opened(t, sqlstore.Options{DSN: dsn, Now: c.now, NoMigrate: true})
		check(t, c, a, opened(t, sqlstore.Options{DSN: dsn, Now: c.now, NoMigrate: true}), a.LogMonths())
	})
}

func inMemory() (*clock, *memory.DB) {
	c := &clock{}
	return c, memory.New(c.now)
}

// clock is a time that only the case moves.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time          { return noon.Add(time.Duration(c.seconds.Load()) * time.Second) }
func (c *clock) advance(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// process is a runner, whose way to the leases and runs ends when it is killed.
type process struct {
	*scheduling.Runner
	audit *memory.AuditLog
	ticks chan time.Time
	dead  atomic.Bool
	stop  func()
}

type mortalLeases struct {
	ports.Leases
	dead *atomic.Bool
}

func (l mortalLeases) Acquire(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (bool, error) {
	if l.dead.Load() {
		return false, errAway
	}
	return l.Leases.Acquire(ctx, job, holder, now, ttl)
}

func (l mortalLeases) Release(ctx context.Context, job, holder string) error {
	if l.dead.Load() {
		return errAway
	}
	return l.Leases.Release(ctx, job, holder)
}

type mortalRuns struct {
	ports.JobRuns
	dead *atomic.Bool
}

func (s mortalRuns) Keep(ctx context.Context, r job.Run) error {
	if s.dead.Load() {
		return errAway
	}
	return s.JobRuns.Keep(ctx, r)
}

func start(t *testing.T, c *clock, s store, name string, jobs ...scheduling.Job) *process {
	t.Helper()
	p := &process{audit: &memory.AuditLog{}, ticks: make(chan time.Time)}
	p.Runner = &scheduling.Runner{Leases: mortalLeases{s.Leases(), &p.dead}, Runs: mortalRuns{s.JobRuns(), &p.dead}, Units: s.Units(), Audit: p.audit,
		Now: c.now, NewID: func() string { return "00000000000000ab" }, Log: slog.New(slog.DiscardHandler), Instance: name, TTL: 30 * time.Second,
		Jobs: jobs, Ticks: p.ticks}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	p.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(p.stop)
	p.tick()
	return p
}

// tick has a process look what is due, and waits until it has: a tick is taken when the one before is done with.
func (p *process) tick() {
	p.ticks <- time.Time{}
	p.ticks <- time.Time{}
}

// kill ends a process that gives up and keeps nothing.
func (p *process) kill() {
	p.dead.Store(true)
	p.stop()
}

func latest(t *testing.T, s store, name string) job.Run {
	t.Helper()
	runs, err := s.JobRuns().Runs(t.Context())
	require.NoError(t, err)
	for _, r := range runs {
		if r.Name == name {
			return r
		}
	}
	return job.Run{}
}

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 30*time.Second, time.Millisecond, what)
}

// steps is a run of one step that waits until it may go on.
type steps struct {
	begun *atomic.Int64
	goOn  <-chan struct{}
}

func (s steps) Step(ctx context.Context) (bool, error) {
	s.begun.Add(1)
	select {
	case <-s.goOn:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (s steps) End(error) any { return struct{}{} }

func TestJobsOfSeveralProcesses(t *testing.T) {
	onEveryStore(t, func(t *testing.T, c *clock, a, b store, _ ports.LogMonths) {
		t.Run("OC-43 one run per interval", func(t *testing.T) {
			var begun atomic.Int64
			goOn := make(chan struct{})
			close(goOn)
			j := scheduling.Job{Name: "hourly", Due: scheduling.Schedule{Every: time.Hour}, Begin: func() scheduling.Work { return steps{&begun, goOn} }}
			first, second := start(t, c, a, "a", j), start(t, c, b, "b", j)
			for hour := range int64(5) {
				for range 6 {
					var both sync.WaitGroup
					both.Go(first.tick)
					both.Go(second.tick)
					both.Wait()
					eventually(t, "the run ends", func() bool { return latest(t, a, "hourly").OK })
					require.Equal(t, hour+1, begun.Load(), "runs")
					c.advance(10 * time.Minute)
				}
			}
			first.stop()
			second.stop()
		})

		t.Run("OC-43 what a dead process held is taken over when its lease has run out", func(t *testing.T) {
			var begun atomic.Int64
			goOn := make(chan struct{})
			j := scheduling.Job{Name: "daily", Due: scheduling.Schedule{Every: 24 * time.Hour}, Begin: func() scheduling.Work { return steps{&begun, goOn} }}
			began := c.now()
			first := start(t, c, a, "a", j)
			eventually(t, "the run begins", func() bool { return begun.Load() == 1 })
			second := start(t, c, b, "b", j)
			for range 10 { // alive, it renews its lease
				c.advance(10 * time.Second)
				first.tick()
				second.tick()
			}
			first.kill()
			for range 29 {
				c.advance(time.Second)
				second.tick()
			}
			require.EqualValues(t, 1, begun.Load(), "runs while the lease is valid")
			c.advance(time.Second)
			second.tick()
			eventually(t, "it is taken over", func() bool { return begun.Load() == 2 })
			close(goOn)
			eventually(t, "the run ends", func() bool { return latest(t, b, "daily").OK })
			assert.Equal(t, began, latest(t, b, "daily").StartedAt, "it is the same run")
			for range 23 {
				c.advance(time.Hour)
				second.tick()
			}
			assert.EqualValues(t, 2, begun.Load(), "no other run in the interval")
			c.advance(time.Hour)
			second.tick()
			eventually(t, "the next run ends", func() bool { return begun.Load() == 3 && latest(t, b, "daily").StartedAt.After(began) })
			second.stop()
		})
	})
}
