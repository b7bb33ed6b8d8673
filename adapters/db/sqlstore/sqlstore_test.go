package sqlstore

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// TestMain has properties drawn less often than rapid does by itself: each time takes a new database. RAPID_CHECKS says otherwise. Under the race
// detector, where a database takes ten times as long, it is the goroutines that matter.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("RAPID_CHECKS") == "" {
		draws := "25"
		if testing.Short() {
			draws = "8"
		}
		if err := flag.Set("rapid.checks", draws); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// empty is the file of a database with its schema and nothing in it: a copy is opened sooner than a schema is made.
var empty = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "sqlstore")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "store.db")
	db, err := Open(context.Background(), Options{Path: path})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path) //nolint:gosec // our own folder
})

// lite is the engine of an SQLite database.
func lite(db *DB) *sqliteEngine { return db.engine.(*sqliteEngine) }

func opened(t testing.TB) *DB {
	t.Helper()
	file, err := empty()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "store.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	db, err := Open(context.Background(), Options{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func messageLogOf(t *testing.T) (ports.MessageLog, ports.TopicAdmin, ports.UnitOfWork) {
	db := opened(t)
	return db.MessageLog(), db.Topics(), db.Units()
}

func logStoreOf(t *testing.T) (ports.LogStore, ports.UnitOfWork) {
	db := opened(t)
	return db.LogStore(), db.Units()
}

func TestUnits(t *testing.T) {
	portstest.UnitOfWork(t, func(t *testing.T) (ports.UnitOfWork, ports.LogStore) {
		db := opened(t)
		return db.Units(), db.LogStore()
	})
}

func TestMessageLog(t *testing.T) { portstest.MessageLog(t, messageLogOf) }

func TestTopics(t *testing.T) { portstest.TopicAdmin(t, messageLogOf) }

func TestLogStore(t *testing.T) { portstest.LogStore(t, logStoreOf) }

func TestConsume(t *testing.T) {
	portstest.Consume(t, func(t *testing.T) portstest.Backend { return opened(t) })
}

// skipIfShort keeps a test that has the database or another process at work, and nothing of ours at the same time, out of the run under the race
// detector.
func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("nothing for the race detector")
	}
}
