// Package ecprws is the SOAP contract of the national eCPR: replacement numbers for persons without a CPR number.
package ecprws

import (
	"context"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/identity"
)

// ServiceName is the name of the service in logs and metrics.
const ServiceName = "ecpr"

// Service returns the service to be mounted at [Path]. namespace is that of the contract, such as [DefaultNamespace]; messages may have any
// other, or none.
func Service(r *issuing.Registry, namespace string, p soap.Profile) soap.Service {
	s := server{r}
	operation := func(name string, p admitting.Policy, run use) soap.Operation {
		return soap.Operation{
			Name: soap.Name{Space: soap.AnySpace, Local: name + suffixRequest}, Label: name, Actions: []string{namespace + ":" + name}, Policy: p,
			Serve: func(ctx context.Context, req soap.Request) (soap.Reply, error) {
				content, err := run(ctx, req.Caller, binder{req.Tree}, req.Body)
				if err != nil {
					return nil, err
				}
				space := req.Tree.Space(req.Body)
				return func(w *xmlout.Writer) {
					start(w, name+suffixResponse, space)
					content(w)
					w.End()
				}, nil
			},
		}
	}
	return soap.Service{
		Name: ServiceName, Component: audit.ECPR, Profile: p, Contract: contract(namespace), Tell: tell,
		Operations: []soap.Operation{
			operation(opCreate, policy(4, grantWrite, admitting.Store), s.create),
			operation(opUpdate, policy(4, grantWrite, admitting.Store), s.update),
			operation(opGet, policy(3, grantRead, admitting.Recompute), s.get),
			operation(opSearch, policy(4, grantRead, admitting.Recompute), s.search),
			operation(opMerge, policy(4, grantWrite, admitting.Store), s.merge),
			operation(opOIDs, policy(3, "", admitting.Recompute), s.systems),
		},
	}
}

// use runs a use case and returns what writes the content of its answer.
type use func(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (content func(*xmlout.Writer), err error)

// policy: level 4 is a person with an ID card, level 3 a system too.
func policy(level int, grant string, resend admitting.Resend) admitting.Policy {
	p := admitting.Policy{
		Schemes: []identity.Scheme{identity.DGWS}, MinLevel: level, Kinds: []identity.Kind{identity.Professional}, Grant: grant, Resend: resend,
	}
	if level < 4 {
		p.Kinds = append(p.Kinds, identity.System)
	}
	return p
}

type server struct{ registry *issuing.Registry }

func (s server) create(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(*xmlout.Writer), error) {
	d, err := b.submission(root)
	if err != nil {
		return nil, err
	}
	p, err := s.registry.Create(ctx, caller, d.Submission)
	return s.persons(ctx, err, p)
}

func (s server) update(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(*xmlout.Writer), error) {
	d, err := b.submission(root)
	if err != nil {
		return nil, err
	}
	key, err := d.takeKey()
	if err != nil {
		return nil, err
	}
	p, err := s.registry.Update(ctx, caller, key, d.Submission)
	return s.persons(ctx, err, p)
}

func (s server) get(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(*xmlout.Writer), error) {
	id, err := b.lookup(root)
	if err != nil {
		return nil, err
	}
	p, found, err := s.registry.Get(ctx, caller, id)
	if !found {
		return func(*xmlout.Writer) {}, err
	}
	return s.persons(ctx, err, p)
}

func (s server) search(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(*xmlout.Writer), error) {
	q, err := b.query(root)
	if err != nil {
		return nil, err
	}
	all, _, err := s.registry.Search(ctx, caller, q)
	return s.persons(ctx, err, all...)
}

func (s server) merge(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(*xmlout.Writer), error) {
	actor, survivor, loser, err := b.merger(root)
	if err != nil {
		return nil, err
	}
	p, err := s.registry.Merge(ctx, caller, actor, survivor, loser)
	return s.persons(ctx, err, p)
}

func (s server) systems(ctx context.Context, _ identity.Caller, _ binder, _ xmltree.Node) (func(*xmlout.Writer), error) {
	rows, err := s.registry.OIDs(ctx)
	return func(w *xmlout.Writer) {
		for _, row := range rows {
			writer{Writer: w}.row(row)
		}
	}, err
}

// persons answers with persons, or with err.
func (s server) persons(ctx context.Context, err error, all ...ecpr.Person) (func(*xmlout.Writer), error) {
	if err != nil {
		return nil, err
	}
	table, err := s.registry.Table(ctx)
	return func(w *xmlout.Writer) {
		for i := range all {
			writer{w, table}.person(&all[i])
		}
	}, err
}
