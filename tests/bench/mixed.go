package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/tests/minlogtest"
	"github.com/opennsp/nsp/tests/postgrestest"
	"github.com/opennsp/nsp/tests/process"
)

const (
	mixedRounds  = 6
	mixedSettle  = 2 * time.Second // from a change of the load to the measurement
	mixedBacklog = 60_000          // records a second that the consumer takes at most
	loadPerCount = 400_000         // rows for each organisation that has daily counts
)

// mixed measures what the lookups and reports of a process, and a consumer process that stores as fast as it can, do to one another in a store of
// o.rows registrations on PostgreSQL. Calls arrive at random, at half the rate that is answered at most, and a call's time runs from its
// arrival. The peers are the consumer without the calls, and the calls without the consumer, in turns.
//
// Where the two share processors, each loses to the other what it uses. Apart, they have half of the processors each, with their
// connections' processes in PostgreSQL, as if they had machines of their own: what remains is what they do to one another in the database,
// and that has goals.
func mixed(ctx context.Context, o options) []figure {
	var all []figure
	shared, apart, err := mix(ctx, o)
	for _, f := range shared.figures("minlog-mixed/shared", err) {
		f.goal = goal{}
		all = append(all, f)
	}
	all = append(all, apart.figures("minlog-mixed/apart", errors.Join(err, apart.err))...)
	return append(all, figure{picture: fmt.Sprintf("  %d rows, and one call in %d is a report; calls/s at most, and lookups at half of that with and without "+
		"the consumer: shared %.0f, %d and %d; apart %.0f, %d and %d", o.rows, reportEvery, shared.most, len(shared.busy[lookup]), len(shared.quiet[lookup]),
		apart.most, len(apart.busy[lookup]), len(apart.quiet[lookup]))})
}

// mixture is what was measured: rows per second, calls per second, and how long calls took, in seconds.
type mixture struct {
	alone, both float64
	most        float64
	quiet, busy timings // without and with the consumer
	err         error
}

func (m *mixture) figures(name string, err error) []figure {
	rate := figure{name: name + "/consumer", goal: goal{atLeast: 0.85}, err: err}
	p99 := figure{name: name + "/lookup-p99", goal: goal{atMost: 2}, err: err}
	p50, reported := figure{name: name + "/lookup-p50", err: err}, figure{name: name + "/report-p99", err: err}
	if missing(err) || errors.Is(err, errApart) {
		rate.goal, p99.goal = goal{}, goal{}
	}
	if err == nil {
		rate.value, rate.peer, rate.ratio = perSecond(m.both), "without calls "+perSecond(m.alone), m.both/m.alone
		p99.compare(m, lookup, 0.99)
		p50.compare(m, lookup, 0.5)
		reported.compare(m, report, 0.99)
	}
	return []figure{rate, p99, p50, reported}
}

func (f *figure) compare(m *mixture, kind callKind, share float64) {
	busy, quiet := quantile(m.busy[kind], share), quantile(m.quiet[kind], share)
	f.value, f.peer, f.ratio = millis(busy), "without consumer "+millis(quiet), busy/quiet
}

// quantile returns the time that a share of calls did not exceed.
func quantile(times []float64, share float64) float64 {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

var errApart = errors.New("two processors and taskset (Debian package util-linux) are needed")

func mix(ctx context.Context, o options) (shared, apart mixture, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return shared, apart, err
	}
	defer os.RemoveAll(dir)
	m, err := openMixing(ctx, o, dir)
	if err != nil {
		return shared, apart, err
	}
	defer m.close()
	if shared, err = m.measure(ctx); err != nil {
		return shared, apart, err
	}
	if _, apart.err = exec.LookPath("taskset"); apart.err != nil || runtime.NumCPU() < 2 {
		apart.err = errApart
		return shared, apart, nil
	}
	if err := m.part(); err != nil {
		return shared, apart, err
	}
	apart, err = m.measure(ctx)
	return shared, apart, errors.Join(err, m.bind(os.Getpid(), processors(0, runtime.NumCPU())))
}

// mixing is a store of registrations, a backlog for it, and the processes that use it.
type mixing struct {
	*backends
	o        options
	dir, dsn string
	persons  int // whom the rows are about
	backlog  int64
	admin    *pgx.Conn
	consumer *process.Server // nil while none runs

	// Processors, as taskset names them; "" = all.
	consuming, calling string
}

// openMixing fills the store and the backlog.
func openMixing(ctx context.Context, o options, dir string) (m *mixing, err error) {
	m = &mixing{o: o, dir: dir}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	if m.backends, err = openBackends(ctx, false); err != nil {
		return m, err
	}
	folder := o.dir
	if folder != "" {
		if folder, err = filepath.Abs(folder); err != nil {
			return m, err
		}
	}
	if m.database, err = postgrestest.Start(ctx, postgrestest.Options{Dir: folder, Settings: map[string]string{
		"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "maintenance_work_mem": "256MB",
	}}); err != nil {
		return m, err
	}
	if err = m.fill(ctx); err != nil {
		return m, err
	}
	if err = m.topic(registrationTopic); err != nil {
		return m, err
	}
	consuming := 2 * mixedRounds * (2*o.during + mixedSettle)
	m.backlog = int64(consuming.Seconds() * mixedBacklog / bulkSize)
	m.backlog *= bulkSize
	var broken error
	return m, errors.Join(m.produce(recordsOf(int(m.backlog), m.persons, &broken)), broken)
}

func (m *mixing) close() {
	m.stop()
	if m.admin != nil {
		_, _ = m.admin.Exec(context.Background(), "CHECKPOINT") // the server is not shut down in order: its next start need not recover
		_ = m.admin.Close(context.Background())
	}
	if m.backends != nil {
		m.backends.close()
	}
}

// fill makes the rows and the daily counts that are not there.
func (m *mixing) fill(ctx context.Context) (err error) {
	if m.dsn, err = minlogtest.Create(ctx, m.database.DSN, m.o.rows); err != nil {
		return err
	}
	store, err := minlogtest.Open(ctx, m.dsn, m.o.rows, time.Now())
	if err != nil {
		return err
	}
	m.persons = store.Persons()
	_, err = store.Fill(ctx, os.Stderr)
	if err = errors.Join(err, store.DB.Close()); err != nil {
		return err
	}
	if m.admin, err = minlogtest.Connect(ctx, m.dsn); err != nil {
		return err
	}
	if _, err := m.admin.Exec(ctx, "TRUNCATE minlog_offset"); err != nil { // the topic is a new one
		return err
	}
	// Two years of five systems of each organisation, counted by as many partitions as a topic has.
	_, err = m.admin.Exec(ctx, `INSERT INTO minlog_daily (day, registrar_cvr, system_name, shard, stored, rejected)
		SELECT to_char(current_date - day, 'YYYY-MM-DD'), (99999901 + org)::text, 'System-' || system, shard, 1000, 1
		FROM generate_series(1, 730) AS day, generate_series(0, $1::int) AS org, generate_series(1, 5) AS system, generate_series(0, $2::int - 1) AS shard
		ON CONFLICT DO NOTHING`, m.o.rows/loadPerCount, kafkaPartitions)
	return err
}

// part gives the consumer, with the broker, and the calls, with who makes them, half of the processors each.
func (m *mixing) part() error {
	half := runtime.NumCPU() / 2
	m.consuming, m.calling = processors(0, half), processors(half, runtime.NumCPU())
	return errors.Join(m.bind(m.broker.PID(), m.consuming), m.bind(os.Getpid(), m.calling))
}

func processors(from, to int) string { return fmt.Sprintf("%d-%d", from, to-1) }

// bind has a process and its threads run on some processors alone.
func (m *mixing) bind(pid int, on string) error {
	if out, err := exec.Command("taskset", "-a", "-p", "-c", on, strconv.Itoa(pid)).CombinedOutput(); err != nil { //nolint:noctx // at once
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	return nil
}

// bindConnections binds the processes of PostgreSQL that serve name, where the processors are parted. What writes in the background serves the
// consumer.
func (m *mixing) bindConnections(ctx context.Context, name, on string) error {
	if on == "" {
		return nil
	}
	rows, err := m.admin.Query(ctx, `SELECT pid FROM pg_stat_activity
		WHERE application_name = $1 OR $1 = $2 AND backend_type IN ('checkpointer', 'background writer', 'walwriter')`, name, consumerRole)
	if err != nil {
		return err
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	for _, pid := range pids {
		err = errors.Join(err, m.bind(int(pid), on))
	}
	return err
}

// run starts nspd in a role.
func (m *mixing) run(ctx context.Context, role, on string) (*process.Server, error) {
	var wrapper []string
	if on != "" {
		wrapper = []string{"taskset", "-c", on}
	}
	return m.start(ctx, m.o, m.dir, role, []string{"NSPD_STORE_DRIVER=postgres", "NSPD_STORE_DSN=" + m.dsn + "&application_name=" + role}, wrapper...)
}

// measure finds how many calls are answered at most, and then lets half of them and the consumer run, in turns and together.
func (m *mixing) measure(ctx context.Context) (sum mixture, err error) {
	server, err := m.run(ctx, lookupRoles, m.calling)
	if err != nil {
		return sum, err
	}
	defer server.Stop()
	calls, err := newCalls(ctx, server, m.persons)
	if err != nil {
		return sum, err
	}
	if _, err := calls.closed(ctx, m.o.during/2); err != nil { // to warm up
		return sum, err
	}
	if err := m.bindConnections(ctx, lookupRoles, m.calling); err != nil {
		return sum, err
	}
	if sum.most, err = calls.closed(ctx, m.o.during); err != nil {
		return sum, err
	}
	var alone, both intake
	for round := range mixedRounds {
		var quiet, busy *plan
		steps := []func() error{
			func() (err error) { busy, err = calls.plan(sum.most/2, m.o.during); return err },
			func() error { return m.consume(ctx) },
			func() error { return m.while(ctx, &alone, func() error { return pause(ctx, m.o.during) }) },
			func() error { return m.while(ctx, &both, func() error { return calls.open(ctx, busy, &sum.busy) }) },
			func() error { m.stop(); return nil },
			func() (err error) { quiet, err = calls.plan(sum.most/2, m.o.during); return err },
			func() error { return pause(ctx, mixedSettle) },
			func() error { return calls.open(ctx, quiet, &sum.quiet) },
		}
		if round%2 == 1 {
			steps = []func() error{steps[5], steps[6], steps[7], steps[0], steps[1], steps[3], steps[2], steps[4]}
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return sum, err
			}
		}
	}
	sum.alone, sum.both = alone.perSecond(), both.perSecond()
	return sum, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// consume starts a consumer and waits until it is at work.
func (m *mixing) consume(ctx context.Context) (err error) {
	if m.consumer, err = m.run(ctx, consumerRole, m.consuming); err != nil {
		return err
	}
	if err := pause(ctx, mixedSettle); err != nil {
		return err
	}
	return m.bindConnections(ctx, consumerRole, m.consuming)
}

const (
	consumerRole = "minlog-consumer"
	lookupRoles  = "minlog-lookup,console,sts" // the latter for the session of who reports
)

// stop ends the consumer.
func (m *mixing) stop() {
	if m.consumer != nil {
		m.consumer.Stop()
		m.consumer = nil
	}
}

// intake is what a consumer stored, over several measurements.
type intake struct {
	rows int64
	took time.Duration
}

func (c intake) perSecond() float64 { return float64(c.rows) / c.took.Seconds() }

// while adds what the consumer stores while do runs.
func (m *mixing) while(ctx context.Context, sum *intake, do func() error) error {
	before, err := m.stored(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := m.stored(ctx)
	switch {
	case err != nil:
	case after == before:
		err = errors.New("the consumer stood still")
	case after >= m.backlog:
		err = errors.New("the backlog is too small")
	}
	sum.rows += after - before
	sum.took += took
	return err
}

func (m *mixing) stored(ctx context.Context) (n int64, err error) {
	err = m.admin.QueryRow(ctx, "SELECT coalesce(sum(next_offset), 0)::bigint FROM minlog_offset").Scan(&n)
	return n, err
}
