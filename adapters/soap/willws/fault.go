package willws

import (
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
)

// tell gives faults the form of the contract: that of DGWS, and one text for all that is the server's own.
func tell(err error) error {
	f, ok := fault.Of(err)
	if !ok || f.Code != fault.CodeProcessing || f.Kind != fault.Internal && f.Kind != fault.Unavailable || ofGate(f) {
		return err
	}
	return &soap.FaultError{Err: err, Text: textDown}
}

// ofGate tells whether the text of a fault says what became of the call, which every service tells alike.
func ofGate(f fault.Error) bool {
	switch f {
	case admitting.ErrAudit, admitting.ErrNotCommitted, admitting.ErrOutcomeUnknown, admitting.ErrRunning, soap.ErrOverloaded, soap.ErrDraining:
		return true
	}
	return false
}
