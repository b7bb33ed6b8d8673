package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/bootstrap"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/tests/postgrestest"
)

// stored makes a store in the data directory with so many registrations.
func stored(t *testing.T, dir string, registrations int) {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), sqlstore.Options{Path: filepath.Join(dir, "store.db")})
	require.NoError(t, err)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	batch := minlog.Batch{}
	for i := range registrations {
		at := now.Add(-time.Duration(i) * time.Hour)
		batch.Registrations = append(batch.Registrations, minlog.Registration{
			ID: minlog.RegistrationID{byte(i), byte(i >> 8)}, ReceivedAt: now, Registrar: minlog.Registrar{CVR: "99999901"},
			Entry: minlog.Entry{From: at, To: at, Person: minlog.ID{Source: "CPR", Value: "2512489996"}, System: "FMK"},
		})
	}
	_, err = db.LogStore().Store(t.Context(), minlog.Partition{Topic: "minlog.registrations.v1"}, 0, int64(registrations), batch)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func TestMigrateCommand(t *testing.T) {
	dir := t.TempDir()
	at := []string{"--config", os.DevNull, "--set", "data_dir=" + dir}
	migrate := func(args ...string) (int, string, string) {
		return nspd(append(append([]string{"migrate"}, args...), at...)...)
	}
	t.Run("UP-01 a dry run makes nothing", func(t *testing.T) {
		code, out, stderr := migrate("--dry-run")
		require.Equal(t, 0, code, stderr)
		assert.Contains(t, out, "would apply 00001_message_log.sql\nwould apply ")
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, left)
	})
	t.Run("UP-01 once", func(t *testing.T) {
		code, out, stderr := migrate()
		require.Equal(t, 0, code, stderr)
		assert.Contains(t, out, "applied 00001_message_log.sql in ")
		for _, flag := range [][]string{nil, {"--dry-run"}} {
			code, out, stderr = migrate(flag...)
			require.Equal(t, 0, code, stderr)
			assert.Equal(t, "The schema is current.\n", out)
		}
	})
	t.Run("UP-03 newer schema: exit 3", func(t *testing.T) {
		db, err := sql.Open("sqlite", filepath.Join(dir, "store.db"))
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)")
		require.NoError(t, err)
		require.NoError(t, db.Close())
		for _, flag := range [][]string{nil, {"--dry-run"}} {
			code, _, stderr := migrate(flag...)
			assert.Equal(t, 3, code)
			assert.Contains(t, stderr, "the store's schema is newer than this program")
		}
	})
	t.Run("a store in memory", func(t *testing.T) {
		code, _, stderr := migrate("--set", "store.driver=memory")
		assert.Equal(t, 2, code)
		assert.Contains(t, stderr, "no schema")
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		dsn := postgrestest.Database(t, "", nil)
		t.Setenv("NSPD_STORE_DSN", dsn)
		for _, want := range []string{"would apply 00001_message_log.sql", "applied 00001_message_log.sql", "The schema is current."} {
			args := []string{"migrate", "--config", os.DevNull, "--set", "store.driver=postgres"}
			if strings.HasPrefix(want, "would") {
				args = append(args, "--dry-run")
			}
			code, out, stderr := nspd(args...)
			require.Equal(t, 0, code, stderr)
			assert.Contains(t, out, want)
		}
	})
}

func TestCopyCommand(t *testing.T) {
	dir, back := t.TempDir(), t.TempDir()
	stored(t, dir, 1500)
	dsn := postgrestest.Database(t, "", nil)
	there := []string{"copy", "--from", "sqlite", "--to", "postgres", "--config", os.DevNull, "--set", "data_dir=" + dir}
	again := []string{"copy", "--from", "postgres", "--to", "sqlite", "--config", os.DevNull, "--set", "data_dir=" + back}

	t.Setenv("NSPD_STORE_DSN", dsn)
	code, out, stderr := nspd(there...)
	require.Equal(t, 0, code, stderr)
	assert.Regexp(t, `minlog_entry +1500 +[0-9a-f]{16}\n`, out)
	assert.Regexp(t, `\n\d+ rows of \d+ tables were copied in .*; both stores were read again and hold the same\.\n$`, out)
	assert.Regexp(t, `minlog_entry: copy: 1500 of 1500 rows, 100 %, \d+ rows/s\n`, stderr)
	assert.Contains(t, stderr, "minlog_entry: read the copy: 1500 of 1500 rows, 100 %")

	t.Run("and back", func(t *testing.T) {
		code, later, stderr := nspd(again...)
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, strings.Split(out, "\n")[1], strings.Split(later, "\n")[1])
	})
	t.Run("onto what is there", func(t *testing.T) {
		for _, args := range [][]string{there, again} {
			code, out, stderr := nspd(args...)
			assert.Equal(t, 3, code)
			assert.Empty(t, out)
			assert.Contains(t, stderr, "the store that is copied to is not empty: minlog_entry has rows")
		}
	})
	t.Run("from nowhere", func(t *testing.T) {
		for _, flag := range [][]string{{"--from-dsn", filepath.Join(dir, "none.db")}, {"--set", "data_dir=" + t.TempDir()}} {
			code, _, stderr := nspd(append(there, flag...)...)
			assert.Equal(t, 3, code)
			assert.Contains(t, stderr, "no such file")
		}
		assert.NoFileExists(t, filepath.Join(dir, "none.db"))
	})
	t.Run("from an older schema", func(t *testing.T) {
		old := filepath.Join(t.TempDir(), "old.db")
		require.NoError(t, os.WriteFile(old, nil, 0o600))
		code, _, stderr := nspd(append(there, "--from-dsn", old, "--to-dsn", postgrestest.Database(t, "", nil))...)
		assert.Equal(t, 3, code)
		assert.Contains(t, stderr, "the store's schema is older than this program")
	})
	t.Run("while a server uses the data directory", func(t *testing.T) {
		lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_RDWR, 0)
		require.NoError(t, err)
		defer lock.Close()
		require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
		code, _, stderr := nspd(append(there, "--to-dsn", postgrestest.Database(t, "", nil))...)
		assert.Equal(t, 3, code)
		assert.Contains(t, stderr, "another process works in it")
	})
	t.Run("from a PostgreSQL store that a server uses", func(t *testing.T) {
		db, err := sqlstore.Open(t.Context(), sqlstore.Options{DSN: dsn})
		require.NoError(t, err)
		defer db.Close()
		got, err := db.Leases().Acquire(t.Context(), "consumer/x", "front-1", time.Now(), time.Hour)
		require.NoError(t, err)
		require.True(t, got)
		code, _, stderr := nspd(append(again, "--to-dsn", filepath.Join(t.TempDir(), "new.db"))...)
		assert.Equal(t, 3, code)
		assert.Contains(t, stderr, "another process uses the store: front-1 works in it")
	})
	t.Run("no password is told", func(t *testing.T) {
		for _, secret := range []string{"postgres://nsp:hush@127.0.0.1:1/nsp", "host=127.0.0.1 port=1 password=hush", "postgres://nsp:hush@[", "postgres://nsp:hush@127.0.0.1:1/nsp?sslmode=hush"} {
			for _, args := range [][]string{append(there, "--to-dsn", secret), append(again, "--from-dsn", secret)} {
				code, out, stderr := nspd(args...)
				assert.Equal(t, 3, code, stderr)
				assert.NotContains(t, out+stderr, "hush")
			}
		}
	})
	for name, args := range map[string][]string{
		"no kind":           {"copy", "--from", "sqlite"},
		"another kind":      {"copy", "--from", "sqlite", "--to", "memory"},
		"another log":       append(there, "--messagelog", "rabbit"),
		"kafka without one": append(there, "--messagelog", "kafka"),
	} {
		t.Run(name, func(t *testing.T) {
			code, _, _ := nspd(args...)
			assert.Equal(t, 2, code)
		})
	}
	t.Run("to itself", func(t *testing.T) {
		code, _, stderr := nspd("copy", "--from", "sqlite", "--to", "sqlite", "--config", os.DevNull, "--set", "data_dir="+dir)
		assert.Equal(t, 3, code)
		assert.Contains(t, stderr, "the store is copied to itself")
	})
}

// TestTheWayOver registers with a server on one file, goes over to PostgreSQL, and finds everything there.
func TestTheWayOver(t *testing.T) {
	dir, dsn := t.TempDir(), postgrestest.Database(t, "", nil)
	lookup := func(flags []string, want int) {
		t.Helper()
		require.Eventually(t, func() bool {
			code, out, _ := nspd(append([]string{"call", "minlog", "lookup"}, flags...)...)
			return code == 0 && strings.Count(out, "FMK") == want
		}, 30*time.Second, 20*time.Millisecond)
	}
	register := func(flags []string, count string) {
		t.Helper()
		code, _, stderr := nspd(append([]string{"call", "minlog", "register", "--count", count}, flags...)...)
		require.Equal(t, 0, code, stderr)
	}
	flags, stop := serverIn(t, dir)
	register(flags, "3")
	lookup(flags, 3)
	stop()

	there := []string{"copy", "--from", "sqlite", "--to", "postgres", "--to-dsn", dsn, "--config", os.DevNull, "--set", "data_dir=" + dir}
	code, _, stderr := nspd(there...)
	require.Equal(t, 0, code, stderr)
	flags, stop = serverIn(t, dir, bootstrap.Setting{Key: "store.driver", Value: "postgres"}, bootstrap.Setting{Key: "store.dsn", Value: dsn})
	defer stop()
	lookup(flags, 3)
	register(flags, "2")
	lookup(flags, 5)
}

func TestProgressLine(t *testing.T) {
	var b strings.Builder
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	l := &progressLine{w: &b, now: func() time.Time { return now }}
	pass := func(d time.Duration, rows int64) {
		now = now.Add(d)
		l.show(sqlstore.Progress{Step: sqlstore.CopyRows, Table: "t", Rows: rows, Of: 4000})
	}
	pass(0, 0)
	pass(500*time.Millisecond, 1000)
	assert.Empty(t, b.String(), "once a second")
	pass(500*time.Millisecond, 2000)
	pass(250*time.Millisecond, 3000)
	pass(750*time.Millisecond, 4000)
	l.show(sqlstore.Progress{Step: sqlstore.CopyRows, Table: "empty"})
	assert.Equal(t, "t: copy: 2000 of 4000 rows, 50 %, 2000 rows/s\nt: copy: 4000 of 4000 rows, 100 %, 2000 rows/s\n", b.String())
}
