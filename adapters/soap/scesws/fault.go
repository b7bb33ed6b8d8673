package scesws

import (
	"errors"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
)

// errRequest is returned for a request that holds something else than one number.
var errRequest error = fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: "The request holds more than PersonCivilRegistrationIdentifier."}

// tell gives faults the form of the contract: what the sender can mend is soap:Client without detail, everything else as DGWS has it.
func tell(err error) error {
	switch {
	case errors.Is(err, enquiring.ErrNoData), errors.Is(err, enquiring.ErrBlank), errors.Is(err, errRequest):
		return &soap.FaultError{Err: err, Client: true, Bare: true}
	case errors.Is(err, admitting.ErrInternal), errors.Is(err, admitting.ErrGrants), errors.Is(err, admitting.ErrTimeout):
		down, _ := fault.Of(enquiring.ErrDown)
		return &soap.FaultError{Err: err, Text: down.Text}
	}
	return err
}

// quoted tells which number was not one, where err says so: to the sender alone.
func quoted(err error, number string) error {
	if !errors.Is(err, enquiring.ErrPattern) {
		return err
	}
	return &soap.FaultError{
		Err: err, Client: true, Bare: true, Text: "The value '" + audit.Cut(number) + "' of element '" + elemNumber + "' is not valid.",
	}
}
