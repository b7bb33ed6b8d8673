// Package scesws is the SOAP contract of the national CPR look-up (SCES, Det Gode CPR-opslag), versions 1.0.2, 1.0.3 and 1.0.4, and its client.
package scesws

import (
	"context"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
)

// Mount is a service and a path it is served at.
type Mount struct {
	Path    string
	Service soap.Service
}

// policy: a system with an ID card of level 3 (nspop.dk, SCES: a system ID card with a CVR number). Which organisations may ask the use case
// says, in the words of the contract.
var policy = admitting.Policy{
	Schemes: []identity.Scheme{identity.DGWS}, MinLevel: 3, Kinds: []identity.Kind{identity.System}, Resend: admitting.Recompute,
}

// Services returns the look-up at its paths. Every path takes the requests of all versions: the namespace of the request decides.
func Services(l *enquiring.CPRLookup, p soap.Profile) []Mount {
	service := soap.Service{Name: Service, Component: audit.SDM, Profile: p, Tell: tell}
	for _, v := range []Version{V104, V103, V102} {
		service.Operations = append(service.Operations, operation(l, v, opPerson, actionPerson, false), operation(l, v, opHealth, actionHealth, true))
	}
	var mounts []Mount
	for _, m := range []struct {
		path    string
		version Version
	}{{Path104, V104}, {Path103, V103}, {Path102, V102}} {
		service.Contract = contract(m.version)
		mounts = append(mounts, Mount{Path: m.path, Service: service})
	}
	return mounts
}

func operation(l *enquiring.CPRLookup, v Version, name, action string, health bool) soap.Operation {
	return soap.Operation{
		Name: soap.Name{Space: v.Namespace(), Local: name + in}, Label: name, Actions: []string{action}, Policy: policy,
		Serve: func(ctx context.Context, req soap.Request) (soap.Reply, error) {
			number, err := bind(req.Tree, req.Body)
			if err != nil {
				return nil, err
			}
			answer, err := l.Person(ctx, req.Caller, number, health)
			if err != nil {
				return nil, quoted(err, number)
			}
			return func(w *xmlout.Writer) { write(w, v, &answer) }, nil
		},
	}
}

// bind returns the number that is asked for; "" where there is none.
func bind(t *xmltree.Tree, body xmltree.Node) (number string, err error) {
	n := t.First(body)
	switch {
	case n == xmltree.None:
		return "", nil
	case t.Next(n) != xmltree.None || !t.Is(n, nsC0503, elemNumber):
		return "", errRequest
	}
	if number, err = t.Text(n); err != nil {
		return "", errRequest
	}
	return number, nil
}
