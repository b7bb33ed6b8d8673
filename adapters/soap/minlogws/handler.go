// Package minlogws is the SOAP contract of MinLog2: registration of accesses to citizens' data (interfaces 2023-04-25 and 2025-03-12), the
// citizen's lookup and the assistants' log; and of MinLog1, its predecessor: registration and the portals' lookup.
package minlogws

import (
	"context"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
)

// Mount is a service and a path it is served at.
type Mount struct {
	Path    string
	Service soap.Service
}

// registrationPolicy: any valid ID card of level 3 or higher, system or employee (nspop.dk, MinLog2 Driftsvejledning; the level is ours), or
// an organisation's token.
var registrationPolicy = admitting.Policy{
	Schemes:  []identity.Scheme{identity.DGWS, identity.IDWS},
	MinLevel: 3,
	Kinds:    []identity.Kind{identity.System, identity.Professional},
	MaxBytes: registrationMaxSize,
	Resend:   admitting.Store,
}

// lookupPolicy: a person with an ID card of level 4 or with a token.
var lookupPolicy = admitting.Policy{
	Schemes:  []identity.Scheme{identity.DGWS, identity.IDWS},
	MinLevel: 4,
	Kinds:    []identity.Kind{identity.Professional, identity.Citizen},
}

// portalPolicy: an ID card of level 3 or higher, system or employee (mwl/nsi-minlog).
var portalPolicy = admitting.Policy{
	Schemes:  []identity.Scheme{identity.DGWS},
	MinLevel: 3,
	Kinds:    []identity.Kind{identity.System, identity.Professional},
}

// Registration returns the registration service at its paths. Every path takes both interface versions: the namespace of the request decides.
func Registration(r *logkeeping.Registrar, p soap.Profile) []Mount {
	service := soap.Service{
		Name: RegistrationService, Component: audit.MinLog2, Profile: p,
		Operations: []soap.Operation{
			register(r, nsRegistration20250312, minlog.Interface20250312),
			register(r, nsRegistration20230425, minlog.Interface20230425),
		},
	}
	newest, older := service, service
	newest.Contract, older.Contract = registration20250312(), registration20230425()
	return []Mount{
		{PathRegistration20250312, newest},
		{PathRegistration20230425, older},
		{PathRegistration, newest},
	}
}

func register(r *logkeeping.Registrar, space, version string) soap.Operation {
	return soap.Operation{
		Name:    soap.Name{Space: space, Local: rootRegister},
		Label:   ActionRegister,
		Actions: versions(ActionRegister),
		Policy:  registrationPolicy,
		Serve: registering(r, version, DecodeRegistration, func(w *xmlout.Writer, receipt logkeeping.Receipt) {
			writeReceipt(w, space, receipt)
		}),
	}
}

// registering serves a registration in the form of an interface.
func registering(
	r *logkeeping.Registrar, version string, decode func(*xmltree.Tree, xmltree.Node, int) ([]minlog.Draft, error),
	write func(*xmlout.Writer, logkeeping.Receipt),
) func(context.Context, soap.Request) (soap.Reply, error) {
	return func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		drafts, err := decode(req.Tree, req.Body, r.MaxBulk)
		if err != nil {
			return nil, err
		}
		payload, err := req.Payload()
		if err != nil {
			return nil, err
		}
		receipt, err := r.Add(ctx, req.Caller, logkeeping.Submission{Interface: version, Payload: payload, Entries: drafts})
		if err != nil {
			return nil, err
		}
		return func(w *xmlout.Writer) { write(w, receipt) }, nil
	}
}

// Registration1 returns MinLog1's registration at its path.
func Registration1(r *logkeeping.Registrar, p soap.Profile) []Mount {
	return []Mount{{PathRegistration1, soap.Service{
		Name: Registration1Service, Component: audit.MinLog2, Profile: p, Contract: registration1Contract(),
		Operations: []soap.Operation{{
			Name:    soap.Name{Space: nsRegistration1, Local: rootRegister1},
			Label:   ActionRegister1,
			Actions: []string{ActionRegister1},
			Policy:  registration1Policy(),
			Serve:   registering(r, minlog.Interface1, DecodeRegistration1, writeReceipt1),
		}},
	}}}
}

// registration1Policy is that of MinLog2 but for tokens, which MinLog1 never took.
func registration1Policy() admitting.Policy {
	p := registrationPolicy
	p.Schemes = []identity.Scheme{identity.DGWS}
	return p
}

// Portal returns MinLog1's lookup, for portals that show citizens their log, at its path.
func Portal(l *logkeeping.PortalLookup, p soap.Profile) []Mount {
	return []Mount{{PathPortal, soap.Service{
		Name: PortalService, Component: audit.MinLog2, Profile: p, Contract: portalContract(),
		Operations: []soap.Operation{{
			Name:    soap.Name{Space: nsPortal, Local: rootPortal},
			Label:   labelPortal,
			Actions: []string{ActionPortal},
			Policy:  portalPolicy,
			Serve: func(ctx context.Context, req soap.Request) (soap.Reply, error) {
				q, err := bindPortal(req.Tree, req.Body)
				if err != nil {
					return nil, err
				}
				found, err := l.List(ctx, req.Caller, q.person, q.from, q.to)
				if err != nil {
					return nil, err
				}
				return func(w *xmlout.Writer) { writePortal(w, q.person, found) }, nil
			},
		}},
	}}}
}

// Lookup returns the citizen's lookup and the assistants' log at their paths. Every path takes the requests of both.
func Lookup(c *logkeeping.CitizenLookup, a *logkeeping.AssistantLookup, p soap.Profile) []Mount {
	var operations []soap.Operation
	for _, space := range []string{nsLookup20250312, nsLookup20230425} {
		operations = append(operations,
			lookup(soap.Name{Space: space, Local: rootCitizen}, actionCitizenOld,
				append(versions(ActionCitizen), versions(actionCitizenOld)...), bindCitizen, c.Find),
			lookup(soap.Name{Space: space, Local: rootAssistants}, ActionAssistants, versions(ActionAssistants), bindAssistants, a.Find))
	}
	citizen := soap.Service{
		Name: "minlog2-lookupid", Component: audit.MinLog2, Operations: operations, Contract: citizenContract(), Profile: p,
	}
	assistants := soap.Service{
		Name: "minlog2-lookup", Component: audit.MinLog2, Operations: operations, Contract: assistantsContract(), Profile: p,
	}
	return []Mount{
		{PathCitizen20250312, citizen},
		{PathCitizen, citizen},
		{PathAssistants20250312, assistants},
		{PathAssistants, assistants},
	}
}

func lookup(
	name soap.Name, label string, actions []string,
	bind func(*xmltree.Tree, xmltree.Node) (logkeeping.Inquiry, error),
	find func(context.Context, identity.Caller, logkeeping.Inquiry) (logkeeping.Page, error),
) soap.Operation {
	return soap.Operation{
		Name: name, Label: label, Actions: actions, Policy: lookupPolicy,
		Serve: func(ctx context.Context, req soap.Request) (soap.Reply, error) {
			inquiry, err := bind(req.Tree, req.Body)
			if err != nil {
				return nil, err
			}
			page, err := find(ctx, req.Caller, inquiry)
			if err != nil {
				return nil, err
			}
			return func(w *xmlout.Writer) { writePage(w, name.Space, page) }, nil
		},
	}
}

// versions returns an action as clients write it: bare, or with an interface version.
func versions(action string) []string {
	return []string{action, action + version20250312, action + version20230425}
}
