package sqlstore

import (
	"testing"

	"github.com/opennsp/nsp/ports/portstest"
)

func consentStores(db *DB) portstest.ConsentStores { return db }

func TestConsents(t *testing.T)  { portstest.ConsentStore(t, sharedBy(1, consentStores)) }
func TestOverrides(t *testing.T) { portstest.OverrideLog(t, sharedBy(1, consentStores)) }

func TestPostgresConsents(t *testing.T) {
	portstest.ConsentStore(t, postgresBy(t, 1, consentStores))
}

func TestPostgresOverrides(t *testing.T) {
	portstest.OverrideLog(t, postgresBy(t, 1, consentStores))
}

// Two handles on one database know nothing of each other but what is in it, like two processes.
func TestPostgresConsentsShared(t *testing.T) {
	t.Run("consents", func(t *testing.T) { portstest.ConsentStore(t, postgresBy(t, 2, consentStores)) })
	t.Run("overrides", func(t *testing.T) { portstest.OverrideLog(t, postgresBy(t, 2, consentStores)) })
}

func TestConsentsSharedFile(t *testing.T) {
	if testing.Short() {
		t.Skip("as long as the suites on one handle")
	}
	t.Run("consents", func(t *testing.T) { portstest.ConsentStore(t, sharedBy(2, consentStores)) })
	t.Run("overrides", func(t *testing.T) { portstest.OverrideLog(t, sharedBy(2, consentStores)) })
}
