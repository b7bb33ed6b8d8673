package rest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

const (
	defaultReadTimeout = 10 * time.Second
	maxJSON            = 64 << 10 // octets of a body
	maxEnvelope        = 1 << 20

	headerCall = "X-OpenNSP-Call"
	headerKey  = "Idempotency-Key"
	retryAfter = "30" // seconds

	contentJSON    = "application/json"
	contentProblem = "application/problem+json"
	contentXML     = "application/xml; charset=utf-8"
)

// exchange is one request on its way.
type exchange struct {
	http      *http.Request
	endpoint  *endpoint
	allow     string // methods of the path
	id        string // parameter of the path, "" if it has none
	other     string // second parameter, likewise
	addr      netip.Addr
	media     string // media type of the body, in lower case
	body      []byte
	bearer    string // token of the session that calls, "" where none does
	access    audit.Access
	messageID string // of an envelope
	caller    identity.Caller
	reply     reply

	undone func(err error) error // gives an error of the gate the form of the operation; nil = as it is
}

// serve carries out one call. The order is that of a SOAP call: size, audit log ready, credential; then the gate runs the use case, makes
// the audit line durable and commits; then the answer is sent and the call observed.
func (a *api) serve(c echo.Context, ep *endpoint, allow string) {
	x := a.arrive(c.Request(), ep)
	x.allow, x.id, x.other = allow, c.Param("id"), c.Param("other")
	defer a.inFlight.Add(-1)
	w := http.ResponseWriter(c.Response())
	w.Header().Set(headerCall, x.access.CallID)
	ctx := ports.WithCallID(x.http.Context(), x.access.CallID)

	leave, err := a.enter(ctx, x)
	defer leave()
	if err == nil {
		x.body, err = a.receive(c.Response(), x)
	}
	x.access.ReqSize = int64(len(x.body))
	x.access.Stats.RequestContent = a.Now().Sub(x.access.Arrived)
	if err == nil {
		err = a.gate(ep).Ready(ctx)
	}
	if err != nil {
		a.turnAway(ctx, w, x, err)
		return
	}
	started := a.Now()
	refused := a.admit(ctx, x)
	x.access.Stats.SecurityRequest = a.Now().Sub(started)
	out := a.carryOut(ctx, x, refused)
	if ep.operation == "" {
		out.Refused = false // security refused nobody: there is nothing to call
	}
	if out.Err == nil && ep.after != nil {
		ep.after(context.WithoutCancel(ctx))
	}
	send(w, x, out.Answer, out.Err)
	if out.Refused {
		a.refusals.Tell(ctx, x.refusal(a.Now()), refused, out.Err)
	}
	a.observe(ctx, x, out)
}

// arrive notes what is known before the body is read.
func (a *api) arrive(r *http.Request, ep *endpoint) *exchange {
	x := &exchange{http: r, endpoint: ep, access: auth.AccessOf(r, auth.NewCallID(), a.Now(), a.TrustedProxies)}
	x.addr, _ = auth.ClientAddr(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), a.TrustedProxies)
	x.media, _, _ = mime.ParseMediaType(r.Header.Get("Content-Type"))
	x.access.Stats.InFlight = int(a.inFlight.Add(1))
	return x
}

// component owns the path.
func (x *exchange) component() audit.Component { return cmp.Or(x.endpoint.component, audit.Admin) }

// maxBytes is how large the body may be, in octets.
func (x *exchange) maxBytes() int64 {
	if x.endpoint.path == pathSessions && x.envelope() {
		return maxEnvelope
	}
	return cmp.Or(x.endpoint.maxBytes, maxJSON)
}

// gate is what calls of the endpoint go through.
func (a *api) gate(ep *endpoint) *admitting.Gate { return cmp.Or(ep.gate, a.Gate) }

// envelope tells whether the body is a SOAP message.
func (x *exchange) envelope() bool { return x.media == "text/xml" || x.media == "application/soap+xml" }

// enter asks for a place for the request, unless it is too large anyhow or its address was refused too often. leave is never nil.
func (a *api) enter(ctx context.Context, x *exchange) (leave func(), err error) {
	if a.Screen != nil {
		if err := a.Screen(x.addr); err != nil {
			return func() {}, err
		}
	}
	size := x.http.ContentLength
	if a.Enter == nil || size > x.maxBytes() {
		return func() {}, nil
	}
	if size < 0 {
		size = x.maxBytes()
	}
	if leave, err = a.Enter(ctx, Service, size); err != nil {
		return func() {}, err
	}
	return leave, nil
}

// receive reads the body within the read timeout.
func (a *api) receive(w http.ResponseWriter, x *exchange) ([]byte, error) {
	if coding := x.http.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, errEncoding
	}
	if x.http.ContentLength > x.maxBytes() {
		return nil, errTooLarge
	}
	timeout := a.ReadTimeout
	if timeout == 0 {
		timeout = defaultReadTimeout
	}
	// A deadline of the socket, not of the call: net/http lifts it when the body was read. Where the server behind w has none to set, its own
	// timeouts hold.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout))
	var buf bytes.Buffer
	_, err := buf.ReadFrom(http.MaxBytesReader(w, x.http.Body, x.maxBytes()))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errRead, err)
	}
	return buf.Bytes(), nil
}

// admit tells who calls. Whatever goes wrong in it is a refusal.
func (a *api) admit(ctx context.Context, x *exchange) (err error) {
	defer func() {
		if p := recover(); p != nil {
			a.Log.ErrorContext(ctx, "panic while admitting", "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	admit := x.endpoint.admit
	if admit == nil {
		admit = a.holder
	}
	if x.caller, err = admit(ctx, x); err != nil {
		return err
	}
	if x.addr.IsValid() {
		x.caller.Addr = x.addr.String()
	}
	if x.messageID != "" { // an envelope, whose sender was limited with it
		return nil
	}
	if x.caller.MessageID, err = x.idempotencyKey(); err != nil || a.Limit == nil {
		return err
	}
	m := auth.Message{Addr: x.addr, Path: x.http.URL.Path, TLS: auth.ClientCertificate(x.http, a.TrustedProxies)}
	return a.Limit(Service, &m, x.caller)
}

// carryOut hands the call to the gate.
func (a *api) carryOut(ctx context.Context, x *exchange, refused error) admitting.Outcome {
	if a.CallTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.CallTimeout)
		defer cancel()
	}
	call := admitting.Call{
		Service: Service, Route: x.component(), Operation: x.endpoint.operation, Policy: x.policy(), Caller: x.caller, Refused: refused,
		Access: x.access, Payload: x.payload, Status: x.endpoint.status,
	}
	work := func(ctx context.Context, caller identity.Caller) (err error) {
		x.reply, err = x.endpoint.serve(ctx, x, caller)
		return err
	}
	out := a.gate(x.endpoint).Do(ctx, call, work, func(err error) (admitting.Answer, error) {
		if err != nil && x.undone != nil {
			err = x.undone(err)
		}
		if err != nil {
			return x.problem(err), nil
		}
		answer := admitting.Answer{Code: x.reply.status, Body: x.reply.document}
		if x.reply.value != nil {
			if answer.Body, err = json.Marshal(x.reply.value); err != nil {
				return admitting.Answer{}, fmt.Errorf("write answer: %w", err)
			}
		}
		return answer, nil
	})
	if out.Replayed {
		x.reply = x.endpoint.again(out.Answer.Body)
	}
	return out
}

// turnAway answers a request that never reached security: it leaves no audit line.
func (a *api) turnAway(ctx context.Context, w http.ResponseWriter, x *exchange, err error) {
	if _, ok := fault.Of(err); !ok {
		a.Log.ErrorContext(ctx, "request turned away", "error", err)
		err = admitting.ErrInternal
	}
	if errors.Is(err, errTooLarge) || errors.Is(err, errRead) {
		w.Header().Set("Connection", "close")
	}
	answer := x.problem(err)
	send(w, x, answer, err)
	d := x.access
	d.Code, d.ResSize, d.Duration = answer.Code, int64(len(answer.Body)), a.Now().Sub(d.Arrived)
	a.observe(ctx, x, admitting.Outcome{Answer: answer, Err: err, Refused: errors.Is(err, errRead), Access: d})
}

func send(w http.ResponseWriter, x *exchange, answer admitting.Answer, err error) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case err != nil:
		h.Set("Content-Type", contentProblem)
	case x.reply.document != nil:
		h.Set("Content-Type", contentXML)
	case x.reply.value != nil:
		h.Set("Content-Type", contentJSON)
	}
	if err == nil && x.reply.etag != "" {
		h.Set("ETag", x.reply.etag)
	}
	if err == nil && x.reply.location != "" {
		h.Set("Location", x.reply.location)
	}
	f, _ := fault.Of(err)
	switch {
	case errors.Is(err, errMethod):
		h.Set("Allow", x.allow)
	case f.Kind == fault.Unauthenticated:
		h.Set("WWW-Authenticate", "Bearer")
	case answer.Code == http.StatusServiceUnavailable || answer.Code == http.StatusTooManyRequests:
		h.Set("Retry-After", retryAfter)
	}
	if answer.Code != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body) // a client that went away undoes nothing
}

// refusal describes the call to the security events, without its caller.
func (x *exchange) refusal(now time.Time) audit.Refusal {
	r := audit.Refusal{
		At: now, Service: Service, Operation: x.endpoint.operation, CVR: x.caller.Org.CVR, MessageID: audit.Mask(auth.Cut(x.messageID)),
	}
	if x.addr.IsValid() {
		r.Addr = x.addr.String()
	}
	return r
}

func (a *api) observe(ctx context.Context, x *exchange, out admitting.Outcome) {
	if a.Observe == nil {
		return
	}
	o := admitting.Observed{
		Service: Service, Component: x.component(), Addr: x.addr, Operation: x.endpoint.operation, Access: out.Access, Notes: out.Notes,
	}
	o.Outcome, o.Fault = out.Ending()
	if o.Outcome == admitting.Refused {
		o.Cause = auth.Cause(out.Err)
	}
	a.Observe(context.WithoutCancel(ctx), o)
}
