package sqlstore

import (
	"testing"

	"github.com/opennsp/nsp/ports/portstest"
)

func nasStores(db *DB) portstest.NASStores { return db }

func nasSuites(t *testing.T, open portstest.OpenNASStores) {
	t.Helper()
	t.Run("topics", func(t *testing.T) { portstest.TopicStore(t, open) })
	t.Run("pull points", func(t *testing.T) { portstest.PullPointStore(t, open) })
	t.Run("id lists", func(t *testing.T) { portstest.IDListStore(t, open) })
}

func TestNASStores(t *testing.T) {
	nasSuites(t, sharedBy(1, nasStores))
}

func TestPostgresNASStores(t *testing.T) {
	nasSuites(t, postgresBy(t, 1, nasStores))
}

// Two handles on one database know nothing of each other but what is in it, like two processes.
func TestPostgresNASStoresShared(t *testing.T) {
	nasSuites(t, postgresBy(t, 2, nasStores))
}

func TestNASStoresSharedFile(t *testing.T) {
	if testing.Short() {
		t.Skip("as long as the suites on one handle")
	}
	nasSuites(t, sharedBy(2, nasStores))
}
