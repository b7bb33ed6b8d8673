package memory_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestCopyRegister(t *testing.T) {
	portstest.CopyRegister(t, handles((*memory.DB).CopyRegister))
}

func TestExportState(t *testing.T) { portstest.ExportState(t, handles((*memory.DB).ExportState)) }
