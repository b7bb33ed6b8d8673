package memory_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestPC51NumberLedger(t *testing.T) {
	portstest.NumberLedger(t, handles((*memory.DB).Ledger))
}

func TestPC51Persons(t *testing.T) {
	portstest.PersonStore(t, handles(func(db *memory.DB) portstest.Registrations { return db }))
}

func TestOIDs(t *testing.T)      { portstest.OIDTable(t, handles((*memory.DB).OIDs)) }
func TestECPRRoles(t *testing.T) { portstest.ECPRRoles(t, handles((*memory.DB).ECPRRoles)) }

// wrapped has its store of registrations in a wrapper.
type wrapped struct{ *memory.DB }

func (w wrapped) Persons() ports.PersonStore {
	return &portstest.FailingPersonStore{Store: w.DB.Persons()}
}

// The wrappers that fail on demand keep the contract while they are told nothing.
func TestECPRWrappersKeepTheContract(t *testing.T) {
	t.Run("ledger", func(t *testing.T) {
		portstest.NumberLedger(t, handles(func(db *memory.DB) ports.NumberLedger { return &portstest.FailingNumberLedger{Ledger: db.Ledger()} }))
	})
	t.Run("persons", func(t *testing.T) {
		portstest.PersonStore(t, handles(func(db *memory.DB) portstest.Registrations { return wrapped{db} }))
	})
	t.Run("oids", func(t *testing.T) {
		portstest.OIDTable(t, handles(func(db *memory.DB) ports.OIDTable { return &portstest.FailingOIDTable{Table: db.OIDs()} }))
	})
	t.Run("roles", func(t *testing.T) {
		portstest.ECPRRoles(t, handles(func(db *memory.DB) ports.ECPRRoles { return &portstest.FailingECPRRoles{Store: db.ECPRRoles()} }))
	})
}
