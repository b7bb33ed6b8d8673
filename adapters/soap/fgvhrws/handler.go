package fgvhrws

import (
	"context"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
)

// Mount is a service and a path it is served at.
type Mount struct {
	Path    string
	Service soap.Service
}

// policy lets everybody through to the use case, which alone knows who may, and audits whom it refuses.
func policy(resend admitting.Resend) admitting.Policy {
	return admitting.Policy{
		Schemes: []identity.Scheme{identity.DGWS, identity.IDWS}, MinLevel: 3,
		Kinds: []identity.Kind{identity.Citizen, identity.Professional, identity.System}, Resend: resend,
	}
}

// serve carries out a call and returns what writes the content of its answer.
type serve func(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (content func(w *xmlout.Writer), err error)

// Services returns the service at its path.
func Services(r *optingout.Registrar, p soap.Profile) []Mount {
	s := server{r}
	service := soap.Service{Name: ServiceName, Component: audit.FGVHR, Contract: contract(), Profile: p, Tell: soap.TellDown(textInternal)}
	for _, op := range []struct {
		name   string
		resend admitting.Resend
		run    serve
	}{
		{opRegister, admitting.Store, s.register},
		{opUpdate, admitting.Store, s.update},
		{opDelete, admitting.Store, s.delete},
		{opGet, admitting.Recompute, s.get},
	} {
		for _, suffix := range [...]string{suffixRequest, ""} {
			service.Operations = append(service.Operations, soap.Operation{
				Name: soap.Name{Space: space, Local: op.name + suffix}, Label: op.name, Actions: []string{op.name}, Policy: policy(op.resend),
				Serve: func(ctx context.Context, req soap.Request) (soap.Reply, error) {
					content, err := op.run(ctx, req.Caller, binder{req.Tree}, req.Body)
					if err != nil {
						return nil, err
					}
					return func(w *xmlout.Writer) { wrap(w, op.name+suffixResponse, content) }, nil
				},
			})
		}
	}
	return []Mount{{Path, service}}
}

type server struct{ use *optingout.Registrar }

func (s server) register(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(*xmlout.Writer), error) {
	f, err := b.register(root)
	if err != nil {
		return nil, err
	}
	v, err := s.use.Register(ctx, caller, optingout.Registration{Citizen: f.citizen, CitizenCreated: f.change.CitizenCreated})
	return func(w *xmlout.Writer) { writeConsent(w, v) }, err
}

func (s server) update(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(*xmlout.Writer), error) {
	f, err := b.update(root)
	if err != nil {
		return nil, err
	}
	v, err := s.use.Update(ctx, caller, f.citizen, f.change)
	return func(w *xmlout.Writer) { writeConsent(w, v) }, err
}

func (s server) delete(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(*xmlout.Writer), error) {
	f, err := b.citizen(root, opDelete)
	if err != nil {
		return nil, err
	}
	return func(*xmlout.Writer) {}, s.use.Delete(ctx, caller, f.citizen, "")
}

func (s server) get(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(*xmlout.Writer), error) {
	f, err := b.citizen(root, opGet)
	if err != nil {
		return nil, err
	}
	v, visible, err := s.use.Get(ctx, caller, f.citizen)
	return func(w *xmlout.Writer) {
		if visible {
			writeConsent(w, v)
		}
	}, err
}
