package rest

import (
	"context"
	"net/http"
	"slices"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// endpoint is one operation of the API.
type endpoint struct {
	method, path string          // path as echo reads it
	operation    string          // in logs and metrics
	component    audit.Component // that owns the path; "" = audit.Admin
	policy       admitting.Policy
	// Where replies are kept (policy.Resend) the header Idempotency-Key is mandatory, status is that of every good reply (0 = 200), and again
	// returns the reply that was written as body.
	status int
	again  func(body []byte) reply
	// keyOptional: a call without Idempotency-Key is carried out, and its reply is not kept.
	keyOptional bool
	maxBytes    int64           // of a body; 0 = maxJSON
	gate        *admitting.Gate // that the call goes through; nil = api.Gate
	// admit tells who calls; nil = whoever has the bearer token of the request.
	admit func(ctx context.Context, x *exchange) (identity.Caller, error)
	// serve runs the use case inside the unit of work of the call. An error that wraps a fault.Error is told to the caller; any other is ours.
	serve func(ctx context.Context, x *exchange, caller identity.Caller) (reply, error)
	// after runs once the effect of serve is committed; nil = nothing.
	after func(ctx context.Context)
}

// reply is a good answer: value is written as JSON, document as it is; neither is an answer without body.
type reply struct {
	status         int
	value          any
	document       []byte // XML
	etag, location string // headers, "" = none
}

// The endpoints' paths.
const (
	pathSessions  = "/api/security/v1/sessions"
	pathCurrent   = "/api/security/v1/sessions/current"
	pathGrants    = "/api/security/v1/grants"
	pathGrant     = "/api/security/v1/grants/:id"
	pathAnchors   = "/api/security/v1/anchors"
	pathReload    = "/api/security/v1/trust/reload"
	pathEvents    = "/api/security/v1/events"
	pathOpenAPI   = "/api/security/v1/openapi.yaml"
	pathCards     = "/api/sts/v1/dev/cards"
	pathTokens    = "/api/sts/v1/dev/tokens"
	pathBootstrap = "/api/sts/v1/dev/bootstrap"
	pathCleanup   = "/api/minlog/v1/cleanup"
	pathConsumer  = "/api/minlog/v1/consumer"

	pathRunCleanup = "/minlog2-cleanup/run" // where the timer of an operator of the national service calls
)

// endpoints returns all endpoints of this server. Those of development are there in development alone.
func (a *api) endpoints() []endpoint {
	open := securing.SessionPolicy(a.Audiences)
	own := admitting.Policy{
		Schemes: []identity.Scheme{identity.Session},
		Kinds:   []identity.Kind{identity.System, identity.Professional, identity.Citizen},
	}
	anybody := admitting.Policy{
		Schemes: []identity.Scheme{identity.Session, identity.OperatorToken}, Kinds: append(slices.Clone(own.Kinds), identity.Operator),
	}
	administrators := administrators()
	samples := admitting.Policy{Schemes: []identity.Scheme{identity.Sample}, Kinds: []identity.Kind{identity.System}}
	if a.Development != nil {
		open.Schemes = append(open.Schemes, identity.Sample)
	}
	all := []endpoint{
		{method: http.MethodPost, path: pathSessions, operation: "OpenSession", policy: open, admit: a.opener, serve: a.openSession},
		{method: http.MethodGet, path: pathCurrent, operation: "ReadSession", policy: anybody, serve: a.readSession},
		{method: http.MethodDelete, path: pathCurrent, operation: "CloseSession", policy: own, serve: a.closeSession},
		{method: http.MethodGet, path: pathGrants, operation: "ListGrants", policy: administrators, serve: a.listGrants},
		{method: http.MethodPost, path: pathGrants, operation: "AddGrant", policy: administrators, serve: a.addGrant, after: a.granted},
		{method: http.MethodDelete, path: pathGrant, operation: "EndGrant", policy: administrators, serve: a.endGrant, after: a.granted},
		{method: http.MethodGet, path: pathAnchors, operation: "ListAnchors", policy: administrators, serve: a.listAnchors},
		{method: http.MethodPost, path: pathReload, operation: "ReloadTrust", policy: administrators, serve: a.reloadTrust},
		{method: http.MethodGet, path: pathEvents, operation: "ListEvents", policy: administrators, serve: a.listEvents},
	}
	if a.Cleaning != nil {
		all = append(all,
			endpoint{method: http.MethodGet, path: pathCleanup, operation: "ReadCleanup", policy: administrators, serve: a.readCleanup},
			endpoint{method: http.MethodPost, path: pathCleanup, operation: "RunCleanup", policy: administrators, serve: a.runCleanup},
			endpoint{method: http.MethodPost, path: pathRunCleanup, operation: "RunCleanupByTimer", policy: administrators, serve: a.runCleanup},
		)
	}
	if a.Consumption != nil {
		all = append(all, endpoint{method: http.MethodGet, path: pathConsumer, operation: "ReadConsumer", policy: administrators, serve: a.readConsumer})
	}
	all = append(all, a.outboxEndpoints(administrators)...)
	all = append(all, a.registerEndpoints(administrators)...)
	all = append(all, a.ecprEndpoints()...)
	all = append(all, a.minlogEndpoints()...)
	all = append(all, a.consentEndpoints()...)
	all = append(all, a.nasEndpoints()...)
	all = append(all, a.willEndpoints()...)
	all = append(all, a.fgvhrEndpoints()...)
	if a.Development == nil {
		return all
	}
	return append(all,
		endpoint{method: http.MethodPost, path: pathCards, operation: "DevelopmentCard", policy: samples, admit: a.developer, serve: a.card},
		endpoint{method: http.MethodPost, path: pathTokens, operation: "DevelopmentToken", policy: samples, admit: a.developer, serve: a.token},
		endpoint{method: http.MethodPost, path: pathBootstrap, operation: "DevelopmentBootstrap", policy: samples, admit: a.developer, serve: a.bootstrap},
	)
}

// administrators are for calls of administrators: who of them is one the use case decides.
func administrators() admitting.Policy {
	return admitting.Policy{
		Schemes: []identity.Scheme{identity.Session, identity.OperatorToken},
		Kinds:   []identity.Kind{identity.Professional, identity.Operator},
	}
}

// nowhere is for paths that lead nowhere, otherMethod for paths with other methods: their calls are refused.
func nowhere() *endpoint { return refusing(errNoPath) }

func otherMethod() *endpoint { return refusing(errMethod) }

func refusing(f fault.Error) *endpoint {
	return &endpoint{admit: func(context.Context, *exchange) (identity.Caller, error) { return identity.Caller{}, f }}
}
