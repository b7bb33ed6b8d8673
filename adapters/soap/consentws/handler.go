package consentws

import (
	"context"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/identity"
)

// Mount is a service and a path it is served at.
type Mount struct {
	Path    string
	Service soap.Service
}

// policy is that of all operations: a citizen, a professional, or a system that says in the HSUID header who uses it. One whose header does not
// say so is let through to the use case, which refuses it in the words of the contract.
func policy(resend admitting.Resend) admitting.Policy {
	return admitting.Policy{
		Schemes: []identity.Scheme{identity.DGWS, identity.IDWS}, MinLevel: 3,
		Kinds: []identity.Kind{identity.Citizen, identity.Professional, identity.System}, HSUID: admitting.Required, Resend: resend,
	}
}

// serve carries out a call and returns what writes the content of its answer.
type serve func(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (content func(writer), err error)

// operations returns an operation under each of the names that clients have for it.
func (f form) operations(name string, p admitting.Policy, run serve) (all []soap.Operation) {
	op := soap.Operation{Label: name, Policy: p, Serve: func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		content, err := run(ctx, req.Caller, binder{req.Tree, f.space}, req.Body)
		if err != nil {
			return nil, err
		}
		return func(w *xmlout.Writer) { f.wrap(w, name+suffixResponse, content) }, nil
	}}
	for _, suffix := range actionSuffixes {
		op.Actions = append(op.Actions, name+suffix)
	}
	for _, suffix := range elementSuffixes {
		op.Name = soap.Name{Space: f.space, Local: name + suffix}
		all = append(all, op)
	}
	return all
}

// Administration returns the administration of both generations at their paths.
func Administration(a *consenting.Administration, p soap.Profile) []Mount {
	s := administration{a}
	var newest, oldest []soap.Operation
	for _, op := range []struct {
		form   form
		name   string
		resend admitting.Resend
		run    serve
	}{
		{newer, opGet, admitting.Recompute, s.get},
		{newer, opAddPositive, admitting.Store, s.add(batch{name: elemAdditions, names: additionNames, kind: consent.Positive})},
		{newer, opAddConstraint, admitting.Store, s.add(batch{name: elemAdditions, names: additionNames, kind: consent.Constraint})},
		{newer, opModifyPositive, admitting.Store, s.modify(batch{name: elemModifications, names: changeNames, kind: consent.Positive})},
		{newer, opModifyConstraint, admitting.Store, s.modify(batch{name: elemModifications, names: changeNames, kind: consent.Constraint})},
		{newer, opRevoke, admitting.Store, s.revoke},
		{older, opGet, admitting.Recompute, s.get},
		{older, opAdd, admitting.Store, s.add(batch{name: elemAdditions, names: additionNamesV1, typed: true})},
		{older, opModify, admitting.Store, s.modify(batch{name: elemModifications, names: changeNamesV1, typed: true})},
		{older, opRevoke, admitting.Store, s.revoke},
	} {
		to := &newest
		if op.form == older {
			to = &oldest
		}
		*to = append(*to, op.form.operations(op.name, policy(op.resend), op.run)...)
	}
	service := soap.Service{Name: AdministrationService, Component: audit.Samtykke, Operations: newest, Contract: administrationContract(), Profile: p, Tell: soap.TellDown(textDown)}
	serviceV1 := service
	serviceV1.Name, serviceV1.Operations, serviceV1.Contract = AdministrationServiceV1, oldest, administrationContractV1()
	return []Mount{{PathAdministration, service}, {PathAdministrationV1, serviceV1}}
}

type administration struct{ use *consenting.Administration }

func (s administration) get(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(writer), error) {
	citizen, err := b.patient(root)
	if err != nil {
		return nil, err
	}
	all, err := s.use.Get(ctx, caller, citizen)
	return func(w writer) { w.registrations(all) }, err
}

func (s administration) add(of batch) serve {
	return func(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(writer), error) {
		entries, err := b.entries(root, of, s.use.MaxEntries)
		if err != nil {
			return nil, err
		}
		additions := make([]consenting.Addition, len(entries))
		for i, e := range entries {
			additions[i] = consenting.Addition{Citizen: e.Citizen, Kind: e.Kind, Draft: e.Draft}
		}
		stored, err := s.use.Add(ctx, caller, additions)
		return identifiers(stored), err
	}
}

func (s administration) modify(of batch) serve {
	return func(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(writer), error) {
		entries, err := b.entries(root, of, s.use.MaxEntries)
		if err != nil {
			return nil, err
		}
		stored, err := s.use.Modify(ctx, caller, entries)
		return identifiers(stored), err
	}
}

func (s administration) revoke(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(writer), error) {
	entries, err := b.entries(root, batch{name: elemRevocations, names: revocationNames}, s.use.MaxEntries)
	if err != nil {
		return nil, err
	}
	revocations := make([]consenting.Revocation, len(entries))
	for i, e := range entries {
		revocations[i] = consenting.Revocation{ID: e.ID, Citizen: e.Citizen}
	}
	stored, err := s.use.Revoke(ctx, caller, revocations)
	return identifiers(stored), err
}

// identifiers answers with the ids of registrations.
func identifiers(all []consent.Registration) func(writer) {
	return func(w writer) {
		for _, r := range all {
			w.Elem(w.child+elemID, r.ID.String())
		}
	}
}
