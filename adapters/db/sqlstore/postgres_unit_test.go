package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// show returns a setting as the session has it.
func show(t *testing.T, s session, name string) (value string) {
	t.Helper()
	require.NoError(t, s.pool.QueryRowContext(context.Background(), "SELECT current_setting($1)", name).Scan(&value))
	return value
}

// step is a write that joins the unit in ctx.
func step(ctx context.Context, db *DB, topic messagelog.Topic, from, to int64) error {
	_, err := db.LogStore().Store(ctx, minlog.Partition{Topic: topic}, from, to, minlog.Batch{})
	return err
}

// offset is where the consumer of topic is, -1 if nowhere.
func offset(t *testing.T, db *DB, topic messagelog.Topic) int64 {
	t.Helper()
	next, ok, err := db.LogStore().NextOffset(context.Background(), minlog.Partition{Topic: topic})
	require.NoError(t, err)
	if !ok {
		return -1
	}
	return next
}

// waitsForLock waits until a statement of the database waits for a lock.
func waitsForLock(t *testing.T, db *DB) {
	t.Helper()
	someoneWaits(t, db.reading.pool)
}

func someoneWaits(t *testing.T, pool gorm.ConnPool) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int
		err := pool.QueryRowContext(context.Background(),
			"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n)
		return err == nil && n > 0
	}, time.Minute, time.Millisecond, "nobody waits")
}

// soon returns what comes within some seconds.
func soon(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Minute):
		t.Fatal("it still waits")
		return nil
	}
}

func TestPostgresTransactions(t *testing.T) {
	ctx := context.Background()
	db := openedPostgres(t, postgresDSN(t))

	t.Run("OC-11 a connection that commits waits for the disk, and a transaction is read committed", func(t *testing.T) {
		require.NoError(t, db.write(ctx, func(tx *tx) error {
			assert.Equal(t, "on", show(t, tx.session, "synchronous_commit"))
			assert.Equal(t, "read committed", show(t, tx.session, "transaction_isolation"))
			assert.Equal(t, "off", show(t, tx.session, "transaction_read_only"))
			return nil
		}))
	})

	t.Run("the connections that read cannot write", func(t *testing.T) {
		_, err := db.reading.exec(ctx, "DELETE FROM log_record")
		require.Equal(t, postgresReadOnly, code(err))
	})

	t.Run("two units that write at the same time do not wait for each other", func(t *testing.T) {
		bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		require.NoError(t, db.Units().Run(bounded, func(first context.Context) error {
			require.NoError(t, step(first, db, "first", 0, 1))
			require.NoError(t, db.Units().Run(bounded, func(second context.Context) error { return step(second, db, "second", 0, 2) }, nothing))
			assert.Equal(t, int64(2), offset(t, db, "second"))
			return nil
		}, nothing))
		assert.Equal(t, int64(1), offset(t, db, "first"))
	})

	t.Run("who waits for a lock waits no longer than its context, and its unit goes on", func(t *testing.T) {
		require.NoError(t, step(ctx, db, "locked", 0, 1))
		require.NoError(t, db.Units().Run(ctx, func(holder context.Context) error {
			require.NoError(t, step(holder, db, "locked", 1, 2))
			return db.Units().Run(ctx, func(other context.Context) error {
				require.NoError(t, step(other, db, "before", 0, 1))
				short, cancel := context.WithCancel(other)
				done := make(chan error, 1)
				go func() { done <- step(short, db, "locked", 1, 3) }()
				waitsForLock(t, db)
				cancel()
				require.ErrorIs(t, soon(t, done), context.Canceled)
				return step(other, db, "after", 0, 1)
			}, nothing)
		}, nothing))
		assert.Equal(t, []int64{1, 2, 1}, []int64{offset(t, db, "before"), offset(t, db, "locked"), offset(t, db, "after")})
	})

	t.Run("so does a statement that is a transaction of its own", func(t *testing.T) {
		require.NoError(t, db.Units().Run(ctx, func(holder context.Context) error {
			require.NoError(t, db.Sessions().Put(holder, hash(1), identity.Caller{}, start))
			short, cancel := context.WithCancel(ctx)
			done := make(chan error, 1)
			go func() { done <- db.Sessions().Put(short, hash(1), identity.Caller{}, start) }()
			waitsForLock(t, db)
			cancel()
			require.ErrorIs(t, soon(t, done), context.Canceled)
			return nil
		}, nothing))
	})

	t.Run("a statement that failed takes the unit with it, and the commit says so", func(t *testing.T) {
		err := db.Units().Run(ctx, func(ctx context.Context) error {
			require.NoError(t, step(ctx, db, "lost", 0, 1))
			_, _ = db.read(ctx).exec(ctx, "SELECT 1 / 0") // whose caller took no notice
			return nil
		}, nothing)
		var commit *ports.CommitError
		require.ErrorAs(t, err, &commit)
		assert.False(t, commit.Unknown)
		assert.Equal(t, int64(-1), offset(t, db, "lost"))
	})

	t.Run("a read whose context ends leaves the unit alone", func(t *testing.T) {
		require.NoError(t, db.Units().Run(ctx, func(ctx context.Context) error {
			require.NoError(t, step(ctx, db, "read", 0, 1))
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			require.NoError(t, db.read(ctx).query(short, func(*sql.Rows) error { return nil }, "SELECT pg_sleep(0.05)"))
			return nil
		}, nothing))
		assert.Equal(t, int64(1), offset(t, db, "read"))
	})
}

// kill ends the server's side of the connection.
func kill(t *testing.T, db *DB, s session) {
	t.Helper()
	var pid int
	require.NoError(t, s.pool.QueryRowContext(context.Background(), "SELECT pg_backend_pid()").Scan(&pid))
	killWhere(t, db, "pid = $1", pid)
}

func killWhere(t *testing.T, db *DB, where string, args ...any) {
	t.Helper()
	ctx := context.Background()
	conn, err := db.reading.pool.(*sql.DB).Conn(ctx)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(ctx, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND "+where, args...)
	require.NoError(t, err)
}

func TestPostgresConnectionLost(t *testing.T) {
	ctx := context.Background()
	dsn := postgresDSN(t)

	t.Run("within a unit its statements fail, nothing of it is kept, and the next one works", func(t *testing.T) {
		db := openedPostgres(t, dsn)
		err := db.Units().Run(ctx, func(ctx context.Context) error {
			require.NoError(t, step(ctx, db, "killed", 0, 1))
			kill(t, db, db.read(ctx))
			err := step(ctx, db, "other", 0, 1)
			require.True(t, fault.Is(err, fault.Unavailable), "Store: %v", err)
			return step(ctx, db, "third", 0, 1)
		}, nothing)
		require.True(t, fault.Is(err, fault.Unavailable), "Run: %v", err)
		for _, topic := range []messagelog.Topic{"killed", "other", "third"} {
			assert.Equal(t, int64(-1), offset(t, db, topic))
		}
		require.NoError(t, step(ctx, db, "killed", 0, 1))
	})

	t.Run("before the commit: whether it took effect is unknown, unless it was never sent", func(t *testing.T) {
		db := openedPostgres(t, dsn)
		for _, noticed := range []bool{false, true} {
			err := db.Units().Run(ctx, func(ctx context.Context) error {
				require.NoError(t, step(ctx, db, "commit", 0, 1))
				kill(t, db, db.read(ctx))
				if noticed {
					require.Error(t, db.read(ctx).query(ctx, func(*sql.Rows) error { return nil }, "SELECT 1"))
				}
				return nil
			}, nothing)
			var commit *ports.CommitError
			require.ErrorAs(t, err, &commit)
			assert.Equal(t, !noticed, commit.Unknown, "noticed %t", noticed)
			assert.Equal(t, int64(-1), offset(t, db, "commit"))
		}
	})

	t.Run("an append whose commit got no answer is ErrOutcomeUnknown", func(t *testing.T) {
		db := openedPostgres(t, dsn)
		require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		db.observe = func(statement string) {
			if statement == "COMMIT" {
				killWhere(t, db, "state = 'idle in transaction'")
			}
		}
		require.ErrorIs(t, db.MessageLog().Append(ctx, records(1)), messagelog.ErrOutcomeUnknown)
		db.observe = nil
		require.NoError(t, db.MessageLog().Append(ctx, records(1)))
	})

	t.Run("connections that died while nobody used them are passed over by begin", func(t *testing.T) {
		db := openedPostgres(t, dsn)
		var open []*tx
		for range server(db).writers.Stats().MaxOpenConnections { // fill the pool
			tx, err := db.begin(ctx)
			require.NoError(t, err)
			open = append(open, tx)
		}
		for _, tx := range open {
			tx.rollback()
		}
		require.Greater(t, server(db).writers.Stats().Idle, 1)
		dead := false
		db.observe = func(statement string) {
			if statement == "BEGIN" && !dead { // the connection was found alive
				dead = true
				killWhere(t, db, "pid <> pg_backend_pid()")
			}
		}
		tx, err := db.begin(ctx)
		require.NoError(t, err)
		tx.rollback()
		assert.True(t, dead)
	})
}

// A unit that holds the only connection that writes reads what is committed on another one; those that wait for it hold none.
func TestPostgresPoolNeverWaitsForItself(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db, err := Open(ctx, Options{DSN: postgresDSN(t), MaxConns: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 3}))
	var all sync.WaitGroup
	const units = 20
	for i := range units {
		all.Go(func() {
			assert.NoError(t, db.Units().Run(ctx, func(ctx context.Context) error {
				_, claim, err := db.Replies().Begin(ctx, hash(i), hash(i), time.Now().Add(time.Hour))
				if err != nil {
					return err
				}
				if err := db.MessageLog().Append(ctx, records(3)); err != nil {
					return err
				}
				_, err = db.MessageLog().Bounds(ctx, []messagelog.Topic{topic})
				_, _, begin := db.Replies().Begin(ctx, hash(i), hash(0), time.Now().Add(time.Hour))
				assert.ErrorIs(t, begin, errHeld)
				return errors.Join(err, db.Grants().Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) { return all, nil }),
					db.Replies().Keep(ctx, *claim, []byte("answer")))
			}, nothing))
		})
	}
	all.Wait()
	stats := server(db).writers.Stats()
	assert.Equal(t, 1, stats.MaxOpenConnections)
	assert.Equal(t, 1, server(db).readers.Stats().MaxOpenConnections)
	bounds, err := db.MessageLog().Bounds(ctx, []messagelog.Topic{topic})
	require.NoError(t, err)
	total := int64(0)
	for _, b := range bounds[topic] {
		total += b.End
	}
	assert.Equal(t, int64(3*units), total)
}

func TestPostgresEditRunsAgain(t *testing.T) {
	ctx := context.Background()
	db := openedPostgres(t, postgresDSN(t))
	conflict := func(code string) error { return db.clean(ctx, &pgconn.PgError{Code: code, Severity: "ERROR"}) }
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"deadlock", conflict(postgresDeadlock), 1 + maxReruns},
		{"serialisation failure", conflict(postgresSerialisation), 1 + maxReruns},
		{"unique violation", conflict(postgresUnique), 1 + maxReruns},
		{"anything else", errors.New("boom"), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, joined := range []bool{false, true} {
				runs := 0
				edit := func(ctx context.Context) error {
					return db.edit(ctx, func(tx *tx) error {
						runs++
						_, err := tx.exec(tx.ctx, "INSERT INTO security_seen (signer, id_hash, until) VALUES (?, ?, 1)", []byte(c.name), []byte{byte(runs)})
						return errors.Join(err, c.err)
					})
				}
				if !joined {
					require.ErrorIs(t, edit(ctx), c.err)
				} else {
					require.NoError(t, db.Units().Run(ctx, func(ctx context.Context) error {
						require.NoError(t, step(ctx, db, messagelog.Topic(c.name), 0, 1))
						require.ErrorIs(t, edit(ctx), c.err)
						return nil
					}, nothing))
				}
				assert.Equal(t, c.want, runs)
				n := -1
				require.NoError(t, db.reading.pool.QueryRowContext(ctx, "SELECT count(*) FROM security_seen").Scan(&n))
				assert.Zero(t, n, "rows of edits that failed")
			}
		})
	}
}
