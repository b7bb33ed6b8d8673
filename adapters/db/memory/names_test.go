package memory_test

import (
	"testing"
	"time"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestPersonNames(t *testing.T) {
	portstest.PersonNames(t, func(*testing.T) portstest.NamedPersons { return memory.New(time.Now) })
}

type failingNames struct{ *memory.DB }

func (n failingNames) PersonNames() ports.PersonNames {
	return &portstest.FailingPersonNames{Register: n.DB.PersonNames()}
}

func TestFailingPersonNamesKeepTheContract(t *testing.T) {
	portstest.PersonNames(t, func(*testing.T) portstest.NamedPersons { return failingNames{memory.New(time.Now)} })
}
