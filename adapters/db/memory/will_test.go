package memory_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func willStores(db *memory.DB) portstest.WillStores { return db }

func TestWills(t *testing.T) { portstest.WillStore(t, handles(willStores)) }

// failingWills has its stores in wrappers that are told nothing.
type failingWills struct{ *memory.DB }

func (db failingWills) Wills() ports.WillStore { return &portstest.FailingWills{Store: db.DB.Wills()} }

// The wrappers that fail on demand keep the contract while they are told nothing.
func TestWillWrappersKeepTheContract(t *testing.T) {
	portstest.WillStore(t, handles(func(db *memory.DB) portstest.WillStores { return failingWills{db} }))
}
