package sqlstore

import (
	"testing"

	"github.com/opennsp/nsp/ports/portstest"
)

func registrationsOf(db *DB) portstest.Registrations { return db }

func TestPC51NumberLedger(t *testing.T) {
	portstest.NumberLedger(t, sharedBy(1, (*DB).Ledger))
}

func TestPC51Persons(t *testing.T) { portstest.PersonStore(t, sharedBy(1, registrationsOf)) }

func TestOIDs(t *testing.T)      { portstest.OIDTable(t, sharedBy(1, (*DB).OIDs)) }
func TestECPRRoles(t *testing.T) { portstest.ECPRRoles(t, sharedBy(1, (*DB).ECPRRoles)) }

func TestPostgresPC51NumberLedger(t *testing.T) {
	portstest.NumberLedger(t, postgresBy(t, 1, (*DB).Ledger))
}

func TestPostgresPC51Persons(t *testing.T) {
	portstest.PersonStore(t, postgresBy(t, 1, registrationsOf))
}

func TestPostgresOIDs(t *testing.T)      { portstest.OIDTable(t, postgresBy(t, 1, (*DB).OIDs)) }
func TestPostgresECPRRoles(t *testing.T) { portstest.ECPRRoles(t, postgresBy(t, 1, (*DB).ECPRRoles)) }

// Two handles on one database know nothing of each other but what is in it, like two processes.
func TestPostgresPC51Shared(t *testing.T) {
	t.Run("numbers", func(t *testing.T) { portstest.NumberLedger(t, postgresBy(t, 2, (*DB).Ledger)) })
	t.Run("registrations", func(t *testing.T) { portstest.PersonStore(t, postgresBy(t, 2, registrationsOf)) })
	t.Run("roles", func(t *testing.T) { portstest.ECPRRoles(t, postgresBy(t, 2, (*DB).ECPRRoles)) })
}

func TestPC51SharedFile(t *testing.T) {
	if testing.Short() {
		t.Skip("as long as the suites on one handle")
	}
	t.Run("numbers", func(t *testing.T) { portstest.NumberLedger(t, sharedBy(2, (*DB).Ledger)) })
}
