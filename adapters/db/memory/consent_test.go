package memory_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func consentStores(db *memory.DB) portstest.ConsentStores { return db }

func TestConsents(t *testing.T)  { portstest.ConsentStore(t, handles(consentStores)) }
func TestOverrides(t *testing.T) { portstest.OverrideLog(t, handles(consentStores)) }

// failingConsents has its stores in wrappers that are told nothing.
type failingConsents struct{ *memory.DB }

func (db failingConsents) Consents(aliases bool) ports.ConsentStore {
	return &portstest.FailingConsents{Store: db.DB.Consents(aliases)}
}

func (db failingConsents) Overrides(aliases bool) ports.OverrideLog {
	return &portstest.FailingOverrides{Log: db.DB.Overrides(aliases)}
}

// The wrappers that fail on demand keep the contract while they are told nothing.
func TestConsentWrappersKeepTheContract(t *testing.T) {
	open := handles(func(db *memory.DB) portstest.ConsentStores { return failingConsents{db} })
	t.Run("consents", func(t *testing.T) { portstest.ConsentStore(t, open) })
	t.Run("overrides", func(t *testing.T) { portstest.OverrideLog(t, open) })
}
