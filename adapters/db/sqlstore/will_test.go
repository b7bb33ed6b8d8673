package sqlstore

import (
	"testing"

	"github.com/opennsp/nsp/ports/portstest"
)

func willStores(db *DB) portstest.WillStores { return db }

func TestWills(t *testing.T) { portstest.WillStore(t, sharedBy(1, willStores)) }

func TestPostgresWills(t *testing.T) { portstest.WillStore(t, postgresBy(t, 1, willStores)) }

// Two handles on one database know nothing of each other but what is in it, like two processes.
func TestPostgresWillsShared(t *testing.T) { portstest.WillStore(t, postgresBy(t, 2, willStores)) }

func TestWillsSharedFile(t *testing.T) {
	if testing.Short() {
		t.Skip("as long as the suites on one handle")
	}
	portstest.WillStore(t, sharedBy(2, willStores))
}
