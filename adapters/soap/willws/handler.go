package willws

import (
	"context"
	"strconv"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/cda"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/willkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/will"
)

// Mount is a service and a path it is served at.
type Mount struct {
	Path    string
	Service soap.Service
}

// Services returns the two registers as they are served to citizens, professionals and systems, and the same for their administration. Which
// operation is whose is the use case's.
func Services(k *willkeeping.Keeper, p soap.Profile) []Mount {
	ltr := []edition{ltr2018}
	btr := []edition{btr2018, btr2020}
	service := func(name string, s will.Surface, editions, others []edition, c soap.Contract) soap.Service {
		service := soap.Service{Name: name, Component: audit.LTRBTR, Contract: c, Profile: p, Tell: soap.TellDown(textDown)}
		for _, e := range editions {
			for _, act := range e.acts() {
				service.Operations = append(service.Operations, handler{k, e, s}.serve(act))
			}
		}
		for _, e := range others {
			for _, act := range e.acts() {
				service.Elsewhere = append(service.Elsewhere, e.actions(act)...)
			}
		}
		return service
	}
	return []Mount{
		{PathLTR, service(ServiceLTR, will.Ordinary, ltr, btr, ltrContract())},
		{PathBTR, service(ServiceBTR, will.Ordinary, btr, ltr, btrContract())},
		{PathLTRAdmin, service(ServiceLTRAdmin, will.Admin, ltr, btr, ltrContract())},
		{PathBTRAdmin, service(ServiceBTRAdmin, will.Admin, btr, ltr, btrContract())},
	}
}

// policy lets through whoever may be somebody here: citizens by their tokens, professionals, administrators, systems.
func policy(act string) admitting.Policy {
	p := admitting.Policy{
		Schemes: []identity.Scheme{identity.DGWS, identity.IDWS}, MinLevel: 3,
		Kinds: []identity.Kind{identity.Citizen, identity.Professional, identity.System}, HSUID: admitting.Ignored, Resend: admitting.Store,
	}
	switch act {
	case actGet, actGetForced, actHas:
		p.Resend = admitting.Recompute
	}
	return p
}

// handler is an edition at a surface.
type handler struct {
	keeper *willkeeping.Keeper
	edition
	surface will.Surface
}

// serve returns the operation that an act is.
func (h handler) serve(act string) soap.Operation {
	name := h.operation(act)
	return soap.Operation{
		Name: soap.Name{Space: h.space, Local: name + suffixRequest}, Label: name + h.date, Actions: h.actions(act), Policy: policy(act),
		Serve: func(ctx context.Context, req soap.Request) (soap.Reply, error) {
			citizen, draft, err := binder{req.Tree, h.edition}.request(req.Body, act)
			if err != nil {
				return nil, err
			}
			content, err := h.do(ctx, act, req.Caller, willkeeping.Request{Citizen: citizen, Surface: h.surface}, draft)
			if err != nil {
				return nil, err
			}
			return func(w *xmlout.Writer) {
				w.Start("b:"+name+suffixResponse, "xmlns:b", h.space)
				content(w)
				w.End()
			}, nil
		},
	}
}

// do does an act, and returns what writes the content of its answer.
func (h handler) do(ctx context.Context, act string, caller identity.Caller, req willkeeping.Request, d will.Draft) (content soap.Reply, err error) {
	content = func(*xmlout.Writer) {}
	switch act {
	case actCreate:
		_, err = h.keeper.Create(ctx, caller, req, h.register, d)
	case actUpgrade:
		_, err = h.keeper.UpgradeTo(ctx, caller, req, d)
	case actUpdate:
		_, err = h.keeper.Update(ctx, caller, req, h.register, d)
	case actDelete:
		err = h.keeper.Delete(ctx, caller, req, h.register)
	case actGet:
		var r will.Registration
		r, err = h.keeper.Get(ctx, caller, req, h.register)
		content = h.document(h.value, req, r)
	case actGetForced:
		var r will.Registration
		r, err = h.keeper.GetForced(ctx, caller, req)
		content = h.document(cda.OnlyForcedTreatment, req, r)
	case actHas:
		var has bool
		has, err = h.keeper.Has(ctx, caller, req, h.register)
		content = func(w *xmlout.Writer) { w.Elem(elemExists, strconv.FormatBool(has)) }
	}
	return content, err
}

// document writes a will as the document of the citizen who was asked for, whatever number it was made with.
func (h handler) document(v cda.Value, req willkeeping.Request, r will.Registration) soap.Reply {
	return cda.Document{Value: v, Citizen: req.Citizen, Registered: r.From, Created: h.keeper.Now(), Wishes: r.Wishes}.Append
}
