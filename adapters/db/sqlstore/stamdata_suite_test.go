package sqlstore

import (
	"testing"

	"github.com/opennsp/nsp/ports/portstest"
)

func registersOf(db *DB) portstest.Registers { return db }

func TestPC51Stamdata(t *testing.T) { portstest.Stamdata(t, sharedBy(1, registersOf)) }

func TestPostgresPC51Stamdata(t *testing.T) { portstest.Stamdata(t, postgresBy(t, 1, registersOf)) }

// Two handles on one database know nothing of each other but what is in it, like two processes.
func TestPostgresPC51StamdataShared(t *testing.T) {
	portstest.Stamdata(t, postgresBy(t, 2, registersOf))
}

func TestPC51StamdataSharedFile(t *testing.T) {
	if testing.Short() {
		t.Skip("as long as the suite on one handle")
	}
	portstest.Stamdata(t, sharedBy(2, registersOf))
}
