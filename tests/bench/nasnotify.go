package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/domain/nas"
)

const (
	notifyRounds = 5
	notifyTime   = time.Second // of one side in one round
)

// nasNotify measures how many calls of Notify an nspd answers, of 1 and of 100 notifications of 1 KB, each once they are committed, with as many
// clients as the load generator has. The peer stores the same records and does nothing else: in transactions of sarama with as many producers as a
// server has, or by an INSERT into a table of the same columns, each call in a transaction of its own and with as many connections as there are
// clients; SQLite has one writer.
func nasNotify(ctx context.Context, o options) (all []figure) {
	sizes := []int{1, 100}
	for _, engine := range []string{nasSQLite, nasPostgres, nasKafka} {
		var figures []figure
		for _, n := range sizes {
			f := figure{name: fmt.Sprintf("nas-notify/%s-%d", engine, n), goal: goal{atLeast: 0.2}}
			if n == 1 && engine != nasKafka {
				f.goal = goal{} // an INSERT costs much less than any call over HTTP
			}
			figures = append(figures, f)
		}
		ours, raw, err := notifyBoth(ctx, o, engine, sizes)
		if err != nil {
			all = append(all, unmeasured(figures, err)...)
			continue
		}
		peer := "plain insert "
		if engine == nasKafka {
			peer = "sarama alone "
		}
		for i := range figures {
			f := &figures[i]
			f.value, f.peer, f.ratio = callsPerSecond(ours[i]), peer+callsPerSecond(raw[i]), ours[i]/raw[i]
		}
		all = append(all, figures...)
	}
	return all
}

// notifyBoth returns calls a second of the server and of the peer, medians by size.
func notifyBoth(ctx context.Context, o options, engine string, sizes []int) (ours, raw []float64, err error) {
	p, err := openNAS(ctx, o, engine)
	if err != nil {
		return nil, nil, err
	}
	defer p.close()
	s, err := p.start(ctx, checkServer)
	if err != nil {
		return nil, nil, err
	}
	store, done, err := p.rawLog(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	addr := strings.TrimPrefix(s.URL, "http://")
	for _, n := range sizes {
		message, err := notifyOf(s.topic, n)
		if err != nil {
			return nil, nil, err
		}
		values := make([][]byte, 0, n)
		for batch := range nasRecords(s.topic, s.internal, n) {
			for _, r := range batch {
				record, err := nas.Decode(r.Value)
				if err != nil {
					return nil, nil, err
				}
				record.Content = nasNotification(s.topic, "").Payload
				values = append(values, record.Encode())
			}
		}
		sent := same(postTo(addr, nasws.PathBroker, message))
		var mine, theirs []float64
		for round := range notifyRounds + 1 { // the first is to warm up
			rate, err := load(ctx, addr, sent, notifyTime)
			if err != nil {
				return nil, nil, err
			}
			alone, err := store(ctx, values, notifyTime)
			if err != nil {
				return nil, nil, fmt.Errorf("store alone: %w", err)
			}
			if round > 0 {
				mine, theirs = append(mine, rate), append(theirs, alone)
			}
		}
		slices.Sort(mine)
		slices.Sort(theirs)
		ours, raw = append(ours, mine[notifyRounds/2]), append(raw, theirs[notifyRounds/2])
	}
	return ours, raw, nil
}

// rawStore stores values in one transaction after the other for a while, and returns how many transactions a second.
type rawStore = func(ctx context.Context, values [][]byte, during time.Duration) (float64, error)

func (p *nasPlace) rawLog(ctx context.Context) (store rawStore, done func(), err error) {
	switch p.engine {
	case nasKafka:
		return p.rawKafka()
	case nasPostgres:
		return rawSQL(ctx, "pgx", p.backends.database.DSN, loadClients)
	}
	return rawSQL(ctx, "sqlite", "file:"+filepath.Join(p.dir, "peer.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)", 1)
}

func (p *nasPlace) rawKafka() (store rawStore, done func(), err error) {
	b := p.backends
	if err := b.topic(rawTopic); err != nil {
		return nil, nil, err
	}
	producers, err := b.producers()
	done = func() {
		for _, one := range producers {
			_ = one.Close()
		}
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return func(_ context.Context, values [][]byte, during time.Duration) (float64, error) {
		return busily(len(producers), during, func(client int) error {
			batch := make([]*sarama.ProducerMessage, len(values)) // sarama writes into it
			for i, v := range values {
				batch[i] = &sarama.ProducerMessage{Topic: rawTopic, Partition: int32(i % nasPartitions), Value: sarama.ByteEncoder(v)} //nolint:gosec // small
			}
			return transaction(producers[client], batch)
		})
	}, done, nil
}

func rawSQL(ctx context.Context, driver, dsn string, connections int) (store rawStore, done func(), err error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, nil, err
	}
	done = func() { _ = db.Close() }
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	kind := "bytea"
	if driver == "sqlite" {
		kind = "blob"
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE plain_insert (part integer NOT NULL, off bigint NOT NULL, appended_at bigint NOT NULL, value "+kind+
		" NOT NULL, PRIMARY KEY (part, off))"); err != nil {
		done()
		return nil, nil, err
	}
	var next atomic.Int64
	return func(ctx context.Context, values [][]byte, during time.Duration) (float64, error) {
		text := "INSERT INTO plain_insert VALUES " + strings.TrimSuffix(strings.Repeat("(?,?,?,?),", len(values)), ",")
		for i := 1; driver == "pgx" && strings.Contains(text, "?"); i++ {
			text = strings.Replace(text, "?", fmt.Sprintf("$%d", i), 1)
		}
		insert, err := db.PrepareContext(ctx, text)
		if err != nil {
			return 0, err
		}
		defer insert.Close()
		return busily(connections, during, func(int) error {
			args := make([]any, 0, 4*len(values))
			for i, v := range values {
				args = append(args, i%nasPartitions, next.Add(1), time.Now().UnixMicro(), v)
			}
			_, err := insert.ExecContext(ctx, args...)
			return err
		})
	}, done, nil
}

// busily has clients do something over and over for a while, and returns how often a second it was done.
func busily(clients int, during time.Duration, do func(client int) error) (float64, error) {
	var done atomic.Int64
	started := time.Now()
	err := each(clients, func(client int) error {
		for time.Since(started) < during {
			if err := do(client); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	return float64(done.Load()) / time.Since(started).Seconds(), err
}
