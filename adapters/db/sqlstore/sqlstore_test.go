package sqlstore

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func opened(t testing.TB) *DB {
	t.Helper()
	db, err := Open(context.Background(), Options{Path: filepath.Join(t.TempDir(), "store.db")})
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
