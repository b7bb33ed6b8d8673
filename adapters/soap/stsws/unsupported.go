package stsws

import (
	"context"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// unsupported is the service at the paths of exchanges that are not offered.
func (h *Handler) unsupported() soap.Service {
	return soap.Service{
		Name: "sts-unsupported", Component: audit.STS, Profile: unsupported{},
		Operations: []soap.Operation{{
			Name: soap.Name{Space: nsTrust13, Local: "RequestSecurityToken"}, Label: "Unsupported",
			Policy: admitting.Policy{MaxBytes: maxBytes},
		}},
	}
}

// unsupported refuses every message, whatever it is.
type unsupported struct{}

var _ soap.Profile = unsupported{}

// Admit implements soap.Profile.
func (unsupported) Admit(context.Context, *soap.Envelope, *soap.Operation) (identity.Caller, error) {
	return identity.Caller{}, refuse(errUnsupported, "not offered", nil)
}

// Answer implements soap.Profile. It is not called, since nobody is admitted.
func (unsupported) Answer(context.Context, *xmlout.Writer, *soap.Envelope, soap.Reply) error {
	return errUnsupported
}

// Fault implements soap.Profile: what is wrong with the message does not matter, unless it is ours.
func (unsupported) Fault(_ context.Context, w *xmlout.Writer, env *soap.Envelope, err error) int {
	if f, _ := fault.Of(err); f.Code != fault.CodeProcessing {
		err = errUnsupported
	}
	return writeFault(w, env, err, actorSTS)
}
