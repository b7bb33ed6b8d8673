package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/tests/postgrestest"
)

// emptyDSN names a new PostgreSQL database without schema.
func emptyDSN(t *testing.T) string {
	t.Helper()
	return postgrestest.Database(t, "", nil)
}

func names(steps []Migration) (names []string) {
	for _, s := range steps {
		names = append(names, s.Name)
	}
	return names
}

// versionOf is the number that the name of a migration begins with.
func versionOf(t *testing.T, name string) int64 {
	t.Helper()
	digits, _, _ := strings.Cut(name, "_")
	version, err := strconv.ParseInt(digits, 10, 64)
	require.NoError(t, err)
	return version
}

func TestMigrate(t *testing.T) {
	ctx := context.Background()
	want := []string{"00001_message_log.sql", "00002_minlog.sql", "00003_security.sql", "00004_jobs.sql", "00005_outbox.sql", "00006_stamdata.sql",
		"00007_ecpr.sql", "00008_copy.sql", "00009_minlog_daily.sql", "00010_outbox_targets.sql", "00011_consent.sql", "00012_nas.sql",
		"00013_wills.sql"}
	for dialect, fresh := range map[string]func(*testing.T) Options{
		"sqlite":   func(t *testing.T) Options { return Options{Path: filepath.Join(t.TempDir(), "store.db")} },
		"postgres": func(t *testing.T) Options { return Options{DSN: emptyDSN(t)} },
	} {
		t.Run("UP-01 a dry run lists what Migrate then applies, and changes nothing: "+dialect, func(t *testing.T) {
			opt := fresh(t)
			for range 2 {
				steps, err := Migrate(ctx, opt, true)
				require.NoError(t, err)
				assert.Equal(t, want, names(steps))
				for i, s := range steps {
					assert.Equal(t, Migration{Version: versionOf(t, want[i]), Name: want[i]}, s)
				}
			}
			if opt.Path != "" {
				assert.NoFileExists(t, opt.Path)
			}
			steps, err := Migrate(ctx, opt, false)
			require.NoError(t, err)
			assert.Equal(t, want, names(steps))
			for _, s := range steps {
				assert.True(t, s.Applied, s.Name)
			}
			for _, dryRun := range []bool{true, false} {
				steps, err := Migrate(ctx, opt, dryRun)
				require.NoError(t, err)
				assert.Empty(t, steps)
			}
		})

		t.Run("Open without leave to migrate refuses an old schema and takes a current one: "+dialect, func(t *testing.T) {
			opt := fresh(t)
			opt.NoMigrate = true
			_, err := Open(ctx, opt)
			require.ErrorIs(t, err, ErrOldSchema)
			steps, err := Migrate(ctx, opt, true)
			require.NoError(t, err)
			assert.Len(t, steps, len(want), "Open made nothing")
			_, err = Migrate(ctx, opt, false)
			require.NoError(t, err)
			db, err := Open(ctx, opt)
			require.NoError(t, err)
			require.NoError(t, db.Close())
		})

		t.Run("UP-03 a newer schema is refused by Open and Migrate and left alone: "+dialect, func(t *testing.T) {
			opt := fresh(t)
			db, err := Open(ctx, opt)
			require.NoError(t, err)
			_, err = db.once(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, ?)", 4711, true)
			require.NoError(t, err)
			require.NoError(t, db.Close())
			for _, noMigrate := range []bool{true, false} {
				opt.NoMigrate = noMigrate
				_, err = Open(ctx, opt)
				require.ErrorIs(t, err, ErrNewerSchema)
				require.ErrorContains(t, err, fmt.Sprintf("version 4711, known %d", versionOf(t, want[len(want)-1])))
				_, err = Migrate(ctx, opt, noMigrate)
				require.ErrorIs(t, err, ErrNewerSchema)
			}
		})
	}

	t.Run("UP-01 of several that start at once on an empty PostgreSQL database one migrates", func(t *testing.T) {
		dsn := emptyDSN(t)
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&said, nil))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				db, err := Open(ctx, Options{DSN: dsn, MaxConns: 2, Log: log})
				if assert.NoError(t, err) {
					assert.NoError(t, db.Close())
				}
			})
		}
		all.Wait()
		assert.Equal(t, len(want), strings.Count(said.String(), "schema migrated"))
	})

	t.Run("who waits for another's migration waits no longer than its context", func(t *testing.T) {
		dsn := emptyDSN(t)
		other, err := openPostgres(dsn, writes, 1)
		require.NoError(t, err)
		defer func() { require.NoError(t, other.Close()) }()
		_, err = other.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrateLock))
		require.NoError(t, err)
		short, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() {
			_, err := Migrate(short, Options{DSN: dsn}, false)
			done <- err
		}()
		someoneWaits(t, other)
		cancel()
		require.ErrorIs(t, soon(t, done), context.Canceled)
	})

	t.Run("a migration that fails is named, without a value", func(t *testing.T) {
		dsn := emptyDSN(t)
		db, err := openPostgres(dsn, writes, 1)
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		_, err = db.ExecContext(ctx, "CREATE TABLE security_seen ()")
		require.NoError(t, err)
		_, err = Migrate(ctx, Options{DSN: dsn}, false)
		require.ErrorContains(t, err, "00003_security.sql: SQLSTATE 42P07")
	})
}

func TestOptions(t *testing.T) {
	for name, opt := range map[string]Options{"neither": {}, "both": {Path: "store.db", DSN: "postgres://secret@127.0.0.1/nsp"}} {
		t.Run("exactly one of path and DSN names the database: "+name, func(t *testing.T) {
			_, err := Open(context.Background(), opt)
			require.ErrorContains(t, err, "either a path or a DSN")
			assert.NotContains(t, err.Error(), "secret")
			_, err = Migrate(context.Background(), opt, true)
			require.ErrorContains(t, err, "either a path or a DSN")
		})
	}
}

func TestPostgresSettings(t *testing.T) {
	ctx := context.Background()

	t.Run("OC-11 what the DSN says of durability is overruled", func(t *testing.T) {
		u, err := url.Parse(postgresDSN(t))
		require.NoError(t, err)
		q := u.Query()
		q.Set("synchronous_commit", "off")
		q.Set("options", "-c synchronous_commit=off -c default_transaction_isolation=serializable")
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
		db := openedPostgres(t, u.String())
		for _, s := range []session{db.reading, server(db).writing} {
			assert.Equal(t, "on", show(t, s, "synchronous_commit"))
			assert.Equal(t, "read committed", show(t, s, "transaction_isolation"))
			assert.Equal(t, "2min", show(t, s, "idle_in_transaction_session_timeout"))
			assert.Equal(t, "nspd", show(t, s, "application_name"))
		}
	})

	t.Run("a server that does not sync is refused", func(t *testing.T) {
		s := started(t, map[string]string{"fsync": "off"})
		_, err := Open(ctx, Options{DSN: s.DSN})
		require.ErrorContains(t, err, "fsync = off, want on")
	})

	t.Run("OC-21 a store whose server is stopped says so, and works when it is back", func(t *testing.T) {
		s := started(t, nil)
		db, err := Open(ctx, Options{DSN: s.DSN})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		require.NoError(t, db.Ping(ctx))
		require.NoError(t, step(ctx, db, "kept", 0, 1))
		s.Kill()
		err = db.Ping(ctx)
		require.True(t, fault.Is(err, fault.Unavailable), "Ping: %v", err)
		err = step(ctx, db, "kept", 1, 2)
		require.True(t, fault.Is(err, fault.Unavailable), "Store: %v", err)
		require.NoError(t, s.Restart(ctx))
		require.Eventually(t, func() bool { return db.Ping(ctx) == nil }, 30*time.Second, 10*time.Millisecond)
		assert.Equal(t, int64(1), offset(t, db, "kept"), "OC-11 what was committed before the crash")
		require.NoError(t, step(ctx, db, "kept", 1, 2))
	})

	t.Run("Ping ends with its context", func(t *testing.T) {
		db := openedPostgres(t, postgresDSN(t))
		conn, err := db.reading.pool.(*sql.DB).Conn(ctx)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		server(db).readers.SetMaxOpenConns(1)
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, db.Ping(short), context.DeadlineExceeded)
	})
}

// started returns a server of the test's own.
func started(t *testing.T, settings map[string]string) *postgrestest.Server {
	t.Helper()
	if os.Getenv(postgrestest.Env) == "" || testing.Short() {
		postgresDSN(t) // skips the test where there is no PostgreSQL
	}
	s, err := postgrestest.Start(context.Background(), postgrestest.Options{Settings: settings})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func TestPostgresErrorsKeepSecrets(t *testing.T) {
	ctx := context.Background()
	db := openedPostgres(t, postgresDSN(t))
	const person = "0101010000"

	for name, run := range map[string]func() error{
		"unique violation": func() error {
			return db.write(ctx, func(tx *tx) error {
				for range 2 {
					if _, err := tx.exec(tx.ctx, "INSERT INTO minlog_job (name, ok, detail) VALUES (?, true, '')", person); err != nil {
						return err
					}
				}
				return nil
			})
		},
		"unique violation by gorm": func() error {
			return db.write(ctx, func(tx *tx) error {
				return tx.orm.Create([]logPartition{{Topic: person}, {Topic: person}}).Error
			})
		},
		"no value": func() error {
			_, err := db.once(ctx, "INSERT INTO minlog_job (name, ok, detail) VALUES (?, true, NULL)", person)
			return err
		},
		"text in place of a number": func() error {
			_, err := db.once(ctx, "DELETE FROM security_seen WHERE (?::text)::bigint = 1", "x"+person)
			return err
		},
		"an argument that does not fit": func() error {
			_, err := db.once(ctx, "DELETE FROM security_seen WHERE until = ?", []string{person})
			return err
		},
		"an argument that does not fit, unsynced": func() error {
			_, err := db.unsynced(ctx, "DELETE FROM security_seen WHERE until = ?", []string{person})
			return err
		},
		"a query": func() error {
			return translate(db.reading.query(ctx, func(*sql.Rows) error { return nil }, "SELECT (?::text)::bigint", "x"+person))
		},
		"a query by gorm": func() error {
			var n int64
			return translate(db.reading.orm.WithContext(ctx).Raw("SELECT (?::text)::bigint FROM generate_series(1, 1)", "x"+person).Scan(&n).Error)
		},
	} {
		t.Run("no value: "+name, func(t *testing.T) {
			err := run()
			require.Error(t, err)
			assert.NotContains(t, err.Error(), person)
			for e := err; e != nil; { // nor in what it wraps
				assert.NotContains(t, e.Error(), person)
				wrapped, ok := e.(interface{ Unwrap() error })
				if !ok {
					break
				}
				e = wrapped.Unwrap()
			}
		})
	}

	t.Run("a character that PostgreSQL does not take is the caller's fault", func(t *testing.T) {
		_, err := db.once(ctx, "INSERT INTO minlog_job (name, ok, detail) VALUES (?, true, '')", "a\x00b")
		require.True(t, fault.Is(err, fault.Malformed), "%v", err)
	})

	for name, dsn := range map[string]string{
		"bad port":       "postgres://nsp:s3cret@127.0.0.1:port/nsp",
		"no URL":         "postgres://nsp:s3cret%@127.0.0.1/nsp",
		"keywords":       "host=127.0.0.1 password='s3cret",
		"colons":         "nsp:s3cret@127.0.0.1",
		"nobody listens": "postgres://nsp:s3cret@127.0.0.1:1/nsp?sslmode=disable",
		"no such host":   "postgres://nsp:s3cret@host.invalid/nsp?sslmode=disable",
	} {
		t.Run("no password: "+name, func(t *testing.T) {
			for _, run := range []func() error{
				func() error { _, err := Open(ctx, Options{DSN: dsn}); return err },
				func() error { _, err := Migrate(ctx, Options{DSN: dsn}, true); return err },
			} {
				err := run()
				require.Error(t, err)
				assert.NotContains(t, err.Error(), "s3cret")
			}
		})
	}

	t.Run("nobody listens: the store is not available", func(t *testing.T) {
		_, err := Open(ctx, Options{DSN: "postgres://nsp:s3cret@127.0.0.1:1/nsp?sslmode=disable"})
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		require.ErrorContains(t, err, "open postgres store: ")
		require.ErrorContains(t, err, "connection refused")
	})
}
