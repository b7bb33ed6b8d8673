package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
)

const (
	backlog          = 1_000_000 // records that wait for the consumer
	consumerRounds   = 2
	consumerMemory   = 150 << 20
	copiedTopic      = "minlog.rows"
	copyColumns      = "person_key, at, id, from_at, behalf_key, system_name, registrar_cvr, registrar_system, message_id, interface, received_at, doc"
	consumerPatience = time.Minute
)

// consumer measures how fast a consumer process moves a backlog of registrations from Kafka to PostgreSQL, and its memory. The peers put the
// same rows into the same table of an equal database and do nothing else: one COPY of all rows, which are in its format already; and kcat
// piped to psql, from a topic whose records are lines of that table.
func consumer(ctx context.Context, o options) []figure {
	copied := figure{name: "consumer", goal: goal{atLeast: 0.75}}
	piped := figure{name: "consumer/kcat", goal: goal{atLeast: 1.1}}
	memory := figure{name: "consumer/memory", goal: goal{atMost: 1}}
	run, err := consume(ctx, o)
	if missing(err) {
		copied.goal, piped.goal, memory.goal = goal{}, goal{}, goal{}
	}
	if copied.err, piped.err, memory.err = err, err, err; err != nil {
		return []figure{copied, piped, memory}
	}
	copied.value, copied.peer, copied.ratio = perSecond(run.ours), "one COPY "+perSecond(run.copied), run.ours/run.copied
	memory.value, memory.peer, memory.ratio = mebibytes(run.peak), "limit "+mebibytes(consumerMemory), float64(run.peak)/consumerMemory
	if run.piped == 0 {
		piped.err, piped.goal = errKcat, goal{}
	} else {
		piped.value, piped.peer, piped.ratio = perSecond(run.ours), "kcat | psql "+perSecond(run.piped), run.ours/run.piped
	}
	return []figure{copied, piped, memory}
}

var errKcat = errors.New("kcat missing")

// consumed is what was measured: rows per second, and the peak of the consumer's memory in octets.
type consumed struct {
	ours, copied, piped float64 // piped 0 = there is no kcat
	peak                int64
}

// consume runs the candidates in turns.
func consume(ctx context.Context, o options) (sum consumed, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return sum, err
	}
	defer os.RemoveAll(dir)
	b, err := openBackends(ctx, true)
	if err != nil {
		return sum, err
	}
	defer b.close()
	if err := b.topic(registrationTopic); err != nil {
		return sum, err
	}
	var broken error
	if err := errors.Join(b.produce(recordsOf(backlog, persons, &broken)), broken); err != nil {
		return sum, err
	}
	if err := b.emptyStore(ctx); err != nil {
		return sum, err
	}
	_, noKcat := exec.LookPath("kcat")
	rows := copyFiles{filepath.Join(dir, "rows.binary")}
	for round := range consumerRounds {
		rate, peak, dsn, err := b.consumerProcess(ctx, o, dir, round)
		if err != nil {
			return sum, err
		}
		sum.ours += rate / consumerRounds
		sum.peak = max(sum.peak, peak)
		if round == 0 {
			if err := b.keep(ctx, dsn, rows, noKcat == nil); err != nil {
				return sum, err
			}
		}
		if err := b.drop(ctx, dsn); err != nil {
			return sum, err
		}
		if rate, err = b.peer(ctx, fmt.Sprintf("copied%d", round), rows.copy); err != nil {
			return sum, fmt.Errorf("copy: %w", err)
		}
		sum.copied += rate / consumerRounds
		if noKcat == nil {
			if rate, err = b.peer(ctx, fmt.Sprintf("piped%d", round), b.pipe); err != nil {
				return sum, fmt.Errorf("kcat: %w", err)
			}
			sum.piped += rate / consumerRounds
		}
	}
	return sum, nil
}

// base is the database that the others are copies of: it has the tables and the months.
const base = "base"

func (b *backends) emptyStore(ctx context.Context) error {
	dsn, err := b.newDatabase(ctx, base, "template0")
	if err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Options{DSN: dsn})
	if err != nil {
		return err
	}
	now := time.Now()
	return errors.Join(store.LogMonths().MakeMonths(ctx, now.AddDate(0, -1, 0), now), store.Close())
}

// consumerProcess has a process consume the backlog into a new database and returns how many rows per second it stored from the first that was
// seen to the last.
func (b *backends) consumerProcess(ctx context.Context, o options, dir string, round int) (rate float64, peak int64, dsn string, err error) {
	if dsn, err = b.newDatabase(ctx, fmt.Sprintf("consumed%d", round), base); err != nil {
		return 0, 0, "", err
	}
	server, err := b.start(ctx, o, dir, "minlog-consumer", []string{"NSPD_STORE_DRIVER=postgres", "NSPD_STORE_DSN=" + dsn})
	if err != nil {
		return 0, 0, "", err
	}
	defer server.Stop()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, 0, "", err
	}
	defer conn.Close(ctx)
	var first, stored, before int64
	var began time.Time
	moved := time.Now()
	for stored < backlog {
		time.Sleep(10 * time.Millisecond) // the resolution of the figure
		if err := conn.QueryRow(ctx, "SELECT coalesce(sum(next_offset), 0)::bigint FROM minlog_offset").Scan(&stored); err != nil {
			return 0, 0, "", err
		}
		now := time.Now()
		switch {
		case stored > before:
			moved = now
		case now.Sub(moved) > consumerPatience:
			return 0, 0, "", errNothing
		}
		if before == 0 && stored > 0 {
			began, first = now, stored
		}
		before = stored
	}
	rate = float64(stored-first) / time.Since(began).Seconds()
	var rows int64
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM minlog_entry").Scan(&rows); err != nil {
		return 0, 0, "", err
	}
	if rows != backlog {
		return 0, 0, "", fmt.Errorf("%d of %d rows were stored", rows, backlog)
	}
	peak, err = server.PeakMemory()
	return rate, peak, dsn, err
}

// copyFiles hold the rows of the table.
type copyFiles struct{ binary string }

// keep writes the rows of a database to a file and, as lines, to a topic for kcat.
func (b *backends) keep(ctx context.Context, dsn string, rows copyFiles, lines bool) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	file, err := os.Create(rows.binary)
	if err != nil {
		return err
	}
	_, err = conn.PgConn().CopyTo(ctx, file, "COPY (SELECT "+copyColumns+" FROM minlog_entry) TO STDOUT (FORMAT binary)")
	if err = errors.Join(err, file.Close()); err != nil || !lines {
		return err
	}
	if err := b.topic(copiedTopic); err != nil {
		return err
	}
	topic := &lineProducer{backends: b}
	_, err = conn.PgConn().CopyTo(ctx, topic, "COPY (SELECT "+copyColumns+" FROM minlog_entry) TO STDOUT")
	return errors.Join(err, topic.flush())
}

// lineProducer sends each line that is written to it as a record.
type lineProducer struct {
	*backends
	batch []*sarama.ProducerMessage
}

// Write takes whole lines: PostgreSQL sends a row at a time.
func (l *lineProducer) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		l.batch = append(l.batch, &sarama.ProducerMessage{
			Topic: copiedTopic, Value: sarama.StringEncoder(strings.TrimSuffix(line, "\n")), Partition: int32(len(l.batch) % kafkaPartitions), //nolint:gosec // small
		})
	}
	if len(l.batch) < 5000 {
		return len(p), nil
	}
	return len(p), l.flush()
}

func (l *lineProducer) flush() error {
	batch := l.batch
	l.batch = nil
	return l.produce(func(yield func([]*sarama.ProducerMessage) bool) { yield(batch) })
}

// peer returns how many rows per second load puts into a new database.
func (b *backends) peer(ctx context.Context, name string, load func(ctx context.Context, dsn string) error) (float64, error) {
	dsn, err := b.newDatabase(ctx, name, base)
	if err != nil {
		return 0, err
	}
	started := time.Now()
	if err := load(ctx, dsn); err != nil {
		return 0, err
	}
	took := time.Since(started)
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	var rows int64
	err = conn.QueryRow(ctx, "SELECT count(*) FROM minlog_entry").Scan(&rows)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return 0, err
	}
	if rows != backlog {
		return 0, fmt.Errorf("%d of %d rows were stored", rows, backlog)
	}
	return backlog / took.Seconds(), b.drop(ctx, dsn)
}

// copy loads the rows of the file at once.
func (f copyFiles) copy(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	file, err := os.Open(f.binary)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = conn.PgConn().CopyFrom(ctx, file, "COPY minlog_entry ("+copyColumns+") FROM STDIN (FORMAT binary)")
	return err
}

// pipe loads the lines of the topic as a shell would.
func (b *backends) pipe(ctx context.Context, dsn string) error {
	out, err := exec.CommandContext(ctx, "sh", "-c", `kcat -C -q -e -o beginning -b "$1" -t "$2" | psql -q -v ON_ERROR_STOP=1 -c "COPY minlog_entry ($3) FROM STDIN" "$4"`,
		"sh", b.broker.Addr, copiedTopic, copyColumns, dsn).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// drop removes a database.
func (b *backends) drop(ctx context.Context, dsn string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	admin, err := pgx.Connect(ctx, b.database.DSN)
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	_, err = admin.Exec(ctx, "DROP DATABASE "+config.Database+" WITH (FORCE)")
	return err
}
