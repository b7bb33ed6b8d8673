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

// The test operation: a write that any ID card of level 3 may call, and the same for other policies.
const (
	OperationPath = "/test/service"
	OperationBody = `<sec:OpenSession xmlns:sec="urn:opennsp:security:1"/>`
)

// Operation remembers who called it. It is safe for concurrent use.
type Operation struct {
	mu      sync.Mutex
	callers []identity.Caller
}

// Callers returns who called so far, in order.
func (o *Operation) Callers() []identity.Caller {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]identity.Caller(nil), o.callers...)
}

// Services mounts the operation for [Options]: at OperationPath for cards of level 3 and 4, at OperationPath/4 for level 4 alone, at
// OperationPath/30min for cards no older than 30 minutes.
func (o *Operation) Services(profile soap.Profile) []bootstrap.Mount {
	mount := func(path string, change func(*admitting.Policy)) bootstrap.Mount {
		policy := admitting.Policy{
			Schemes: []identity.Scheme{identity.DGWS}, Kinds: []identity.Kind{identity.System, identity.Professional}, MinLevel: 3,
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
	return []bootstrap.Mount{
		mount(OperationPath, func(*admitting.Policy) {}),
		mount(OperationPath+"/4", func(p *admitting.Policy) { p.MinLevel = 4 }),
		mount(OperationPath+"/30min", func(p *admitting.Policy) { p.MaxCardAge = 30 * time.Minute }),
	}
}

func (o *Operation) serve(_ context.Context, req soap.Request) (soap.Reply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.callers = append(o.callers, req.Caller)
	return func(w *xmlout.Writer) {
		w.Start("sec:OpenSessionResponse", "xmlns:sec", "urn:opennsp:security:1")
		w.Elem("sec:Token", "c2FtcGxl")
		w.End()
	}, nil
}
