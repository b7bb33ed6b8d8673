package sqlstore

import (
	"testing"

	"github.com/opennsp/nsp/ports/portstest"
)

func willStores(db *DB) portstest.WillStores     { return db }
func optOutStores(db *DB) portstest.OptOutStores { return db }

func TestWills(t *testing.T)   { portstest.WillStore(t, sharedBy(1, willStores)) }
func TestOptOuts(t *testing.T) { portstest.OptOutStore(t, sharedBy(1, optOutStores)) }

func TestPostgresWills(t *testing.T)   { portstest.WillStore(t, postgresBy(t, 1, willStores)) }
func TestPostgresOptOuts(t *testing.T) { portstest.OptOutStore(t, postgresBy(t, 1, optOutStores)) }

// Two handles on one database know nothing of each other but what is in it, like two processes.
func TestPostgresWillsShared(t *testing.T) {
	t.Run("wills", func(t *testing.T) { portstest.WillStore(t, postgresBy(t, 2, willStores)) })
	t.Run("opt-outs", func(t *testing.T) { portstest.OptOutStore(t, postgresBy(t, 2, optOutStores)) })
}

func TestWillsSharedFile(t *testing.T) {
	if testing.Short() {
		t.Skip("as long as the suites on one handle")
	}
	t.Run("wills", func(t *testing.T) { portstest.WillStore(t, sharedBy(2, willStores)) })
	t.Run("opt-outs", func(t *testing.T) { portstest.OptOutStore(t, sharedBy(2, optOutStores)) })
}
