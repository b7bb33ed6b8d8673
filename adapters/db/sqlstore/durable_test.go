package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

const topic messagelog.Topic = "minlog.registrations.v1"

func pragma(t *testing.T, s session, name string) (value string) {
	t.Helper()
	require.NoError(t, s.pool.QueryRowContext(context.Background(), "PRAGMA "+name).Scan(&value))
	return value
}

func TestDurability(t *testing.T) {
	t.Run("OC-11 the connection that commits syncs each commit to the disk", func(t *testing.T) {
		db := opened(t)
		require.NoError(t, db.write(context.Background(), func(tx *tx) error {
			assert.Equal(t, "2", pragma(t, tx.session, "synchronous"), "FULL")
			assert.Equal(t, "wal", pragma(t, tx.session, "journal_mode"))
			assert.Equal(t, "1", pragma(t, tx.session, "foreign_keys"))
			assert.Equal(t, "5000", pragma(t, tx.session, "busy_timeout"))
			return nil
		}))
		assert.Same(t, lite(db).conn, lite(db).writing.pool, "no other connection commits")
	})

	t.Run("a connection that does not sync is refused", func(t *testing.T) {
		db := opened(t)
		_, err := lite(db).conn.ExecContext(context.Background(), "PRAGMA synchronous = NORMAL")
		require.NoError(t, err)
		require.ErrorContains(t, requireDurable(context.Background(), lite(db).conn), "PRAGMA synchronous = 1, want 2")
	})

	t.Run("the connections that read cannot write", func(t *testing.T) {
		db := opened(t)
		_, err := db.reading.exec(context.Background(), "DELETE FROM log_record")
		require.ErrorContains(t, err, "readonly")
	})

	t.Run("what was committed is there after a reopen, and the file is its owner's alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a folder with ? and % and #", "store.db")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		ctx := context.Background()
		db, err := Open(ctx, Options{Path: path})
		require.NoError(t, err)
		require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		require.NoError(t, db.MessageLog().Append(ctx, []messagelog.Record{{Topic: topic, Value: []byte("1")}}))
		info, err := os.Stat(path + "-wal")
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.NoError(t, db.Close())
		info, err = os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

		db, err = Open(ctx, Options{Path: path})
		require.NoError(t, err)
		bounds, err := db.MessageLog().Bounds(ctx, []messagelog.Topic{topic})
		require.NoError(t, err)
		assert.Equal(t, []messagelog.Bounds{{First: 0, End: 1}}, bounds[topic])
		require.NoError(t, db.Ping(ctx))
		require.NoError(t, db.Close())
		require.Error(t, db.Ping(ctx))
	})
}

func TestSchema(t *testing.T) {
	t.Run("the first start makes the schema and says so, the next one changes nothing", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&said, nil))
		all, err := migrations.ReadDir("migrations/sqlite")
		require.NoError(t, err)
		for _, want := range []int{len(all), 0} {
			said.Reset()
			db, err := Open(context.Background(), Options{Path: path, Log: log})
			require.NoError(t, err)
			require.NoError(t, db.Close())
			assert.Equal(t, want, strings.Count(said.String(), "schema migrated"))
		}
	})

	t.Run("OC-42 a schema newer than the program is refused and left alone", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		ctx := context.Background()
		db, err := Open(ctx, Options{Path: path})
		require.NoError(t, err)
		_, err = lite(db).conn.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, 1)")
		require.NoError(t, err)
		require.NoError(t, db.Close())
		_, err = Open(ctx, Options{Path: path})
		require.ErrorIs(t, err, ErrNewerSchema)
		require.ErrorContains(t, err, "version 4711")
	})

	t.Run("a file that is no database is refused", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600))
		_, err := Open(context.Background(), Options{Path: path})
		require.ErrorContains(t, err, "open store "+path)
	})

	t.Run("a folder that is not there is refused", func(t *testing.T) {
		_, err := Open(context.Background(), Options{Path: filepath.Join(t.TempDir(), "missing", "store.db")})
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

// full lets the file grow by pages more, and returns what ends that.
func full(t *testing.T, db *DB, pages int) (heal func()) {
	t.Helper()
	used, err := strconv.Atoi(pragma(t, lite(db).writing, "page_count"))
	require.NoError(t, err)
	require.NotEmpty(t, pragma(t, lite(db).writing, "max_page_count = "+strconv.Itoa(used+pages)))
	return func() { require.NotEmpty(t, pragma(t, lite(db).writing, "max_page_count = 1000000")) }
}

func records(n int) []messagelog.Record {
	recs := make([]messagelog.Record, n)
	for i := range recs {
		recs[i] = messagelog.Record{Topic: topic, Key: []byte("key"), Value: bytes.Repeat([]byte{'v'}, 700)}
	}
	return recs
}

func TestDiskFull(t *testing.T) {
	end := func(t *testing.T, db *DB) int64 {
		t.Helper()
		bounds, err := db.MessageLog().Bounds(context.Background(), []messagelog.Topic{topic})
		require.NoError(t, err)
		return bounds[topic][0].End
	}
	ctx := context.Background()

	t.Run("Append fails, stores nothing, and works when there is room again", func(t *testing.T) {
		db := opened(t)
		require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		require.NoError(t, db.MessageLog().Append(ctx, records(3)))
		heal := full(t, db, 4)
		err := db.MessageLog().Append(ctx, records(500))
		require.True(t, fault.Is(err, fault.Unavailable), "Append: %v", err)
		require.NotErrorIs(t, err, messagelog.ErrOutcomeUnknown)
		assert.Equal(t, int64(3), end(t, db))
		heal()
		require.NoError(t, db.MessageLog().Append(ctx, records(500)))
		assert.Equal(t, int64(503), end(t, db))
	})

	t.Run("a unit of work that ran into it keeps nothing, also if its work went on", func(t *testing.T) {
		db := opened(t)
		require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		heal := full(t, db, 20)
		first := db.Units().Run(ctx, func(ctx context.Context) error {
			require.NoError(t, db.MessageLog().Append(ctx, records(1)))
			return db.MessageLog().Append(ctx, records(500))
		}, nothing)
		require.True(t, fault.Is(first, fault.Unavailable), "Run: %v", first)
		assert.Equal(t, int64(0), end(t, db))
		err := db.Units().Run(ctx, func(ctx context.Context) error {
			require.NoError(t, db.MessageLog().Append(ctx, records(1)))
			require.Error(t, db.MessageLog().Append(ctx, records(500)))
			return nil // as if it had not mattered
		}, nothing)
		var commit *ports.CommitError
		if err != nil { // SQLite may take back the one statement or the whole transaction
			require.ErrorAs(t, err, &commit)
			assert.False(t, commit.Unknown)
			assert.Equal(t, int64(0), end(t, db))
		} else {
			assert.Equal(t, int64(1), end(t, db))
		}
		heal()
		require.NoError(t, db.MessageLog().Append(ctx, records(500)))
	})
}

func nothing(context.Context) error { return nil }

func TestCommitFails(t *testing.T) {
	ctx := context.Background()
	db := opened(t)
	err := db.Units().Run(ctx, func(ctx context.Context) error {
		_, err := db.LogStore().Store(ctx, minlog.Partition{Topic: topic}, 0, 1, minlog.Batch{})
		require.NoError(t, err)
		// What SQLite does by itself on some errors.
		_, err = lite(db).writing.exec(context.Background(), "ROLLBACK")
		return err
	}, nothing)
	var commit *ports.CommitError
	require.ErrorAs(t, err, &commit)
	assert.False(t, commit.Unknown)
	_, known, err := db.LogStore().NextOffset(ctx, minlog.Partition{Topic: topic})
	require.NoError(t, err)
	assert.False(t, known)
	_, err = db.LogStore().Store(ctx, minlog.Partition{Topic: topic}, 0, 1, minlog.Batch{})
	require.NoError(t, err, "the next write works")
}

func TestTransactionLostWithinUnit(t *testing.T) {
	ctx := context.Background()
	db := opened(t)
	p := minlog.Partition{Topic: topic}
	err := db.Units().Run(ctx, func(ctx context.Context) error {
		_, err := db.LogStore().Store(ctx, p, 0, 1, minlog.Batch{})
		require.NoError(t, err)
		boom := errors.New("boom")
		require.ErrorIs(t, db.write(ctx, func(tx *tx) error {
			_, err := tx.exec(tx.ctx, "ROLLBACK")
			require.NoError(t, err)
			return boom
		}), boom)
		// Outside a transaction this would be durable at once.
		_, err = db.LogStore().Store(ctx, minlog.Partition{Topic: "other"}, 0, 1, minlog.Batch{})
		require.ErrorIs(t, err, boom)
		return nil
	}, nothing)
	var commit *ports.CommitError
	require.ErrorAs(t, err, &commit)
	for _, name := range []messagelog.Topic{topic, "other"} {
		_, known, err := db.LogStore().NextOffset(ctx, minlog.Partition{Topic: name})
		require.NoError(t, err)
		assert.False(t, known, name)
	}
}

func TestTrimInSteps(t *testing.T) {
	ctx := context.Background()
	db := opened(t)
	require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	recs := make([]messagelog.Record, 2*trimChunk+500)
	for i := range recs {
		recs[i] = messagelog.Record{Topic: topic}
	}
	require.NoError(t, db.MessageLog().Append(ctx, recs))
	commits := count(db, "COMMIT")
	require.NoError(t, db.Topics().Trim(ctx, topic, 0, 2*trimChunk+100))
	assert.Equal(t, 3, commits())
	bounds, err := db.MessageLog().Bounds(ctx, []messagelog.Topic{topic})
	require.NoError(t, err)
	assert.Equal(t, messagelog.Bounds{First: 2*trimChunk + 100, End: 2*trimChunk + 500}, bounds[topic][0])
	var left int
	require.NoError(t, lite(db).readers.QueryRowContext(ctx, "SELECT count(*) FROM log_record").Scan(&left))
	assert.Equal(t, 400, left)
}
