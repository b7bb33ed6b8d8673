package memory_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestOutbox(t *testing.T) { portstest.Outbox(t, handles((*memory.DB).Outbox)) }

// The wrapper that fails on demand keeps the contract while it is told nothing.
func TestOutboxWrapperKeepsTheContract(t *testing.T) {
	portstest.Outbox(t, handles(func(db *memory.DB) ports.Outbox { return &portstest.FailingOutbox{Outbox: db.Outbox()} }))
}
