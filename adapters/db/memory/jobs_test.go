package memory_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestLeases(t *testing.T)  { portstest.Leases(t, handles((*memory.DB).Leases)) }
func TestJobRuns(t *testing.T) { portstest.JobRuns(t, handles((*memory.DB).JobRuns)) }

// The wrappers that fail on demand keep the contract while they are told nothing.
func TestJobWrappersKeepTheContract(t *testing.T) {
	t.Run("leases", func(t *testing.T) {
		portstest.Leases(t, handles(func(db *memory.DB) ports.Leases { return &portstest.FailingLeases{Leases: db.Leases()} }))
	})
	t.Run("runs", func(t *testing.T) {
		portstest.JobRuns(t, handles(func(db *memory.DB) ports.JobRuns { return &portstest.FailingJobRuns{Store: db.JobRuns()} }))
	})
}
