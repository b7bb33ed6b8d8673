package memory_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestStamdata(t *testing.T) {
	portstest.Stamdata(t, handles(func(db *memory.DB) portstest.Registers { return db }))
}
