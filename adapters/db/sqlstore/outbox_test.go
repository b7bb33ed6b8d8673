package sqlstore

import (
	"testing"

	"github.com/opennsp/nsp/ports/portstest"
)

func TestOutbox(t *testing.T)         { portstest.Outbox(t, sharedBy(1, (*DB).Outbox)) }
func TestPostgresOutbox(t *testing.T) { portstest.Outbox(t, postgresBy(t, 1, (*DB).Outbox)) }

// Two handles know nothing of each other but what is in the store, like two processes.
func TestSharedOutbox(t *testing.T) {
	if testing.Short() {
		t.Skip("as long as the suites on one handle")
	}
	t.Run("sqlite", func(t *testing.T) { portstest.Outbox(t, sharedBy(2, (*DB).Outbox)) })
	t.Run("postgres", func(t *testing.T) { portstest.Outbox(t, postgresBy(t, 2, (*DB).Outbox)) })
}
