// Package rest is the JSON API: sessions, the administration of who may call what, and in development the means to try services out.
//
// Every request below /api/ is a call: it is admitted, carried out through the gate, and leaves an audit line, like a SOAP message. What it
// may look like stands in openapi.yaml, which is served too.
package rest

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/application/relaying"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
)

// Service is the name of the API in logs, metrics and limits.
const Service = "security-api"

// Deps is what the API needs from its surroundings.
type Deps struct {
	Gate      *admitting.Gate
	Sessions  *securing.Sessions
	Grants    *securing.Grants
	Trust     *securing.Trust
	Events    *securing.Events
	Envelopes Envelopes // admits the senders of envelopes that open sessions
	Audiences []string  // of the tokens in them

	// Granted is called after grants were changed, so that the change counts at once in this process. nil = nobody.
	Granted        func(context.Context) error
	Operator       [32]byte // SHA-256 of the operator's token; zero = there is none
	Administrators []auth.Administrator
	Development    *Development            // nil in production
	Cleaning       *logkeeping.Cleaning    // nil where this server has no clean-up
	Consumption    *logkeeping.Consumption // nil where this server cannot tell of it
	MinLog         *MinLog                 // nil where this server has no registrations and lookups of MinLog
	ECPR           *ECPR                   // nil where this server has no registrations
	Consent        *Consent                // nil where this server has no consent
	NAS            *NAS                    // nil where this server has no notifications
	Wills          *Wills                  // nil where this server has no wills
	FGVHR          *FGVHR                  // nil where resuscitation cannot be declined on this server
	Outbox         *relaying.Operating     // nil where this server has no outbox
	Registers      *replicating.Operation  // nil where this server has no registers

	Now            func() time.Time
	Log            *slog.Logger
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	ReadTimeout    time.Duration  // for the body of a request; 0 = 10 s
	CallTimeout    time.Duration  // for the use case; 0 = none

	// Enter, Screen, Limit, Refused and Observe do what they do for SOAP services; nil does nothing.
	Enter   func(ctx context.Context, service string, size int64) (leave func(), err error)
	Screen  func(addr netip.Addr) error
	Limit   func(service string, m *auth.Message, c identity.Caller) error
	Refused func(audit.Refusal)
	Observe func(ctx context.Context, o admitting.Observed)
}

// Envelopes admits the sender of body, a SOAP envelope that came with r. access, the description of r, is told of the envelope as far as it
// was read. The error wraps a fault.Error, or is ours. Safe for concurrent use.
type Envelopes interface {
	Admit(ctx context.Context, r *http.Request, body []byte, access *audit.Access) (identity.Caller, error)
}

// api serves the endpoints. It is safe for concurrent use.
type api struct {
	Deps
	inFlight atomic.Int64
	refusals auth.Refusals
}

// Mount has e serve the API below /api/.
func Mount(e *echo.Echo, d Deps) {
	a := newAPI(d)
	a.mount(e, a.endpoints())
	elsewhere := func(c echo.Context) error {
		a.serve(c, nowhere(), "")
		return nil
	}
	e.Any("/api/*", elsewhere)
	e.RouteNotFound("/api/*", elsewhere) // methods that HTTP does not define, at any path
	e.GET(pathOpenAPI, serveOpenAPI)
}

// MountCleanup has e serve nothing of the API but the address of the operator's timer, for a server that has the clean-up and not the API.
func MountCleanup(e *echo.Echo, d Deps) {
	a := newAPI(d)
	a.mount(e, slices.DeleteFunc(a.endpoints(), func(ep endpoint) bool { return ep.path != pathRunCleanup }))
}

// MountECPR has e serve nothing of the API but registrations, for a server that has them and not the API.
func MountECPR(e *echo.Echo, d Deps) {
	a := newAPI(d)
	a.mount(e, a.ecprEndpoints())
}

// MountMinLog has e serve nothing of the API but MinLog, without its operation, for a server that has it and not the API.
func MountMinLog(e *echo.Echo, d Deps) {
	a := newAPI(d)
	a.mount(e, a.minlogEndpoints())
}

// MountConsent has e serve nothing of the API but consent, for a server that has it and not the API.
func MountConsent(e *echo.Echo, d Deps) {
	a := newAPI(d)
	a.mount(e, a.consentEndpoints())
}

// MountNAS has e serve nothing of the API but the notification service, for a server that has it and not the API.
func MountNAS(e *echo.Echo, d Deps) {
	a := newAPI(d)
	a.mount(e, a.nasEndpoints())
}

// MountWills has e serve nothing of the API but wills, for a server that has them and not the API.
func MountWills(e *echo.Echo, d Deps) {
	a := newAPI(d)
	a.mount(e, a.willEndpoints())
}

// MountFGVHR has e serve nothing of the API but declining resuscitation, for a server that has it and not the API.
func MountFGVHR(e *echo.Echo, d Deps) {
	a := newAPI(d)
	a.mount(e, a.fgvhrEndpoints())
}

func newAPI(d Deps) *api { return &api{Deps: d, refusals: auth.Refusals{Log: d.Log, Told: d.Refused}} }

func (a *api) mount(e *echo.Echo, all []endpoint) {
	byPath := map[string][]*endpoint{}
	for _, ep := range all {
		byPath[ep.path] = append(byPath[ep.path], &ep)
	}
	for path, endpoints := range byPath {
		e.Any(path, func(c echo.Context) error {
			a.serve(c, find(endpoints, c.Request().Method), allowed(endpoints))
			return nil
		})
	}
}

// find returns the endpoint for method, or one that tells that there is none.
func find(endpoints []*endpoint, method string) *endpoint {
	for _, ep := range endpoints {
		if ep.method == method {
			return ep
		}
	}
	return otherMethod()
}

// allowed lists the methods of the endpoints, for the header Allow.
func allowed(endpoints []*endpoint) string {
	var methods []string
	for _, ep := range endpoints {
		methods = append(methods, ep.method)
	}
	return strings.Join(methods, ", ")
}
