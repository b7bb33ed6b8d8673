package memory_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestStamdata(t *testing.T) {
	portstest.Stamdata(t, handles(func(db *memory.DB) portstest.Registers { return db }))
}

// failingRegisters are the registers behind wrappers that are told nothing.
type failingRegisters struct{ *memory.DB }

func (r failingRegisters) Stamdata() ports.StamdataLoader {
	return &portstest.FailingStamdataLoader{Loader: r.DB.Stamdata()}
}

func (r failingRegisters) Register() ports.CPRRegister {
	return &portstest.FailingCPRRegister{Register: r.DB.Register()}
}

func (r failingRegisters) Authorisations() ports.Authorisations {
	return &portstest.FailingAuthorisations{Register: r.DB.Authorisations()}
}

// The wrappers that fail on demand keep the contract while they are told nothing.
func TestStamdataWrappersKeepTheContract(t *testing.T) {
	portstest.Stamdata(t, handles(func(db *memory.DB) portstest.Registers { return failingRegisters{db} }))
}
