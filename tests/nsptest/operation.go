package nsptest

import (
	"context"
	"sync"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/bootstrap"
	"github.com/opennsp/nsp/domain/identity"
)

// The test operation: a read that any ID card of level 3 and any token for Audience may call; below its path the same for other policies.
const (
	OperationPath = "/test/service"
	OperationBody = `<sec:OpenSession xmlns:sec="urn:opennsp:security:1"/>`

	Level4Path   = OperationPath + "/4"       // ID cards of level 4 alone
	HalfHourPath = OperationPath + "/30min"   // ID cards no older than 30 minutes
	WritePath    = OperationPath + "/write"   // a write: the answer is kept for messages that come again
	GrantPath    = OperationPath + "/grant"   // organisations that hold Grant
	HSUIDPath    = OperationPath + "/hsuid"   // citizens and professionals, also on the word of a system
	UserPath     = OperationPath + "/user"    // the same, and the HSUID header must be there
	AddressPath  = OperationPath + "/address" // also clients whose address is in the list of publishers, without credential

	Audience = "https://test"
	Grant    = "test.use"
)

// Operation remembers who called it. It is safe for concurrent use.
type Operation struct {
	// Before, if set, runs in every call before it is remembered; its error is the call's. It is set before the first call.
	Before func(context.Context, identity.Caller) error

	mu      sync.Mutex
	callers []identity.Caller
}

// Callers returns who called so far, in order.
func (o *Operation) Callers() []identity.Caller {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]identity.Caller(nil), o.callers...)
}

// Services mounts the operation for [Options].
func (o *Operation) Services(profile soap.Profile) []bootstrap.Mount {
	mount := func(path string, change func(*admitting.Policy)) bootstrap.Mount {
		policy := admitting.Policy{
			Schemes: []identity.Scheme{identity.DGWS, identity.IDWS}, MinLevel: 3, Audiences: []string{Audience},
			Kinds: []identity.Kind{identity.System, identity.Professional, identity.Citizen},
		}
		change(&policy)
		return bootstrap.Mount{Path: path, Service: soap.Service{
			Name: "test", Component: "Test", Profile: profile,
			Operations: []soap.Operation{{
				Name: soap.Name{Space: "urn:opennsp:security:1", Local: "OpenSession"}, Label: "OpenSession", Actions: []string{"OpenSession"},
				Policy: policy, Serve: o.serve,
			}},
			Contract: soap.Contract{WSDL: []byte(`<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"/>`)},
		}}
	}
	persons := func(p *admitting.Policy) {
		p.HSUID, p.Kinds = admitting.Optional, []identity.Kind{identity.Professional, identity.Citizen}
	}
	return []bootstrap.Mount{
		mount(OperationPath, func(*admitting.Policy) {}),
		mount(Level4Path, func(p *admitting.Policy) { p.MinLevel = 4 }),
		mount(HalfHourPath, func(p *admitting.Policy) { p.MaxCardAge = 30 * time.Minute }),
		mount(WritePath, func(p *admitting.Policy) { p.Resend = admitting.Store }),
		mount(GrantPath, func(p *admitting.Policy) { p.Grant = Grant }),
		mount(HSUIDPath, persons),
		mount(UserPath, func(p *admitting.Policy) { persons(p); p.HSUID = admitting.Required }),
		mount(AddressPath, func(p *admitting.Policy) {
			p.Addresses, p.Schemes = bootstrap.Publishers, append(p.Schemes, identity.Address)
		}),
	}
}

func (o *Operation) serve(ctx context.Context, req soap.Request) (soap.Reply, error) {
	if o.Before != nil {
		if err := o.Before(ctx, req.Caller); err != nil {
			return nil, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.callers = append(o.callers, req.Caller)
	return func(w *xmlout.Writer) {
		w.Start("sec:OpenSessionResponse", "xmlns:sec", "urn:opennsp:security:1")
		w.Elem("sec:Token", "c2FtcGxl")
		w.End()
	}, nil
}
