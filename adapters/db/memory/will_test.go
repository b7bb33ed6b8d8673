package memory_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func willStores(db *memory.DB) portstest.WillStores { return db }

func optOutStores(db *memory.DB) portstest.OptOutStores { return db }

func TestWills(t *testing.T)   { portstest.WillStore(t, handles(willStores)) }
func TestOptOuts(t *testing.T) { portstest.OptOutStore(t, handles(optOutStores)) }

// failingWills has its stores in wrappers that are told nothing.
type failingWills struct{ *memory.DB }

func (db failingWills) Wills() ports.WillStore { return &portstest.FailingWills{Store: db.DB.Wills()} }

func (db failingWills) OptOuts() ports.OptOutStore {
	return &portstest.FailingOptOuts{Store: db.DB.OptOuts()}
}

// The wrappers that fail on demand keep the contract while they are told nothing.
func TestWillWrappersKeepTheContract(t *testing.T) {
	t.Run("wills", func(t *testing.T) {
		portstest.WillStore(t, handles(func(db *memory.DB) portstest.WillStores { return failingWills{db} }))
	})
	t.Run("opt-outs", func(t *testing.T) {
		portstest.OptOutStore(t, handles(func(db *memory.DB) portstest.OptOutStores { return failingWills{db} }))
	})
}
