// Package skrsws is the SOAP contract of the service that registers are copied from (SKRS, Stamdata Kopi Register Service).
package skrsws

import (
	"context"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
)

// policy: a system with an ID card of level 3 or higher. Its organisation holds a grant for each view, which the use case asks for (nspop.dk, SKRS).
func policy() admitting.Policy {
	return admitting.Policy{Schemes: []identity.Scheme{identity.DGWS}, MinLevel: 3, Kinds: []identity.Kind{identity.System}}
}

// Service returns the service.
func Service(r *replicating.Replicator, p soap.Profile) soap.Service {
	return soap.Service{
		Name: ServiceName, Component: audit.SDM, Profile: p, Contract: contract(), Tell: tell,
		Operations: []soap.Operation{{
			Name: soap.Name{Space: space, Local: rootRequest}, Label: "replicate", Actions: []string{Action, "replicate"}, Policy: policy(),
			Serve: func(ctx context.Context, req soap.Request) (soap.Reply, error) {
				asked, err := bind(req.Tree, req.Body)
				if err != nil {
					return nil, err
				}
				feed, err := r.Replicate(ctx, req.Caller, asked)
				if err != nil {
					return nil, err
				}
				return func(w *xmlout.Writer) { writeFeed(w, feed) }, nil
			},
		}},
	}
}
