package soap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

const (
	defaultReadTimeout = 10 * time.Second
	firstRead          = 16 << 10 // without Deps.Enter, a body is given memory as it arrives, whatever length it announces
)

// Router serves one service. It is a plain http.Handler that may be mounted at several paths.
type Router struct {
	service  Service
	deps     Deps
	maxBytes int64 // of the operation that accepts the largest message
	inFlight atomic.Int64
	refusals auth.Refusals
}

// NewRouter returns the handler of s.
func NewRouter(s Service, d Deps) *Router {
	rt := &Router{service: s, deps: d, refusals: auth.Refusals{Log: d.Log, Told: d.Refused}}
	for i := range s.Operations {
		rt.maxBytes = max(rt.maxBytes, maxBytes(s.Operations[i].Policy))
	}
	return rt
}

func maxBytes(p admitting.Policy) int64 {
	if p.MaxBytes == 0 {
		return admitting.DefaultMaxBytes
	}
	return p.MaxBytes
}

// exchange is one request on its way.
type exchange struct {
	env    Envelope
	access audit.Access
	op     *Operation
	body   xmltree.Node // the operation's element
	caller identity.Caller
}

// ServeHTTP carries out one call. The order is fixed: size, audit log ready, one parse, frame, operation, credential; then the gate runs
// the use case, makes the audit line durable and commits; then the answer is sent and the call observed.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rt.serveContract(w, r) {
		return
	}
	x := rt.arrive(r)
	defer rt.inFlight.Add(-1)
	w.Header().Set(headerCall, x.env.CallID)
	ctx := ports.WithCallID(r.Context(), x.env.CallID)

	leave, err := rt.enter(ctx, r, x.env.Addr)
	defer leave()
	var body []byte
	if err == nil {
		body, err = rt.receive(w, r)
	}
	x.access.ReqSize = int64(len(body))
	x.access.Stats.RequestContent = rt.deps.Now().Sub(x.access.Arrived)
	if err == nil {
		err = rt.deps.Gate.Ready(ctx)
	}
	if err != nil {
		rt.turnAway(ctx, w, x, err)
		return
	}
	started := rt.deps.Now()
	refused := rt.admit(ctx, x, body)
	if x.env.Tree != nil {
		defer x.env.Tree.Release()
	}
	x.access.Stats.SecurityRequest = rt.deps.Now().Sub(started)
	x.access.SOAPHeaders = soapHeaders(&x.env)
	if x.env.Attributes != nil {
		x.access.IDCardAttributes = x.env.Attributes
	}
	if errors.Is(refused, ErrTooLarge) {
		rt.turnAway(ctx, w, x, refused)
		return
	}
	out := rt.carryOut(ctx, x, refused)
	send(w, &x.env, out.Answer, out.Err)
	if out.Refused {
		rt.logRefusal(ctx, x, refused, out.Err)
	}
	rt.observe(ctx, x, out)
}

// arrive notes what is known before the body is read.
func (rt *Router) arrive(r *http.Request) *exchange {
	x := &exchange{env: Envelope{CallID: auth.NewCallID(), HTTP: r, Medcom: dgws.NSMedcom}}
	x.env.Path = r.URL.Path
	x.env.TLS = auth.ClientCertificate(r, rt.deps.TrustedProxies)
	x.env.Addr, _ = auth.ClientAddr(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), rt.deps.TrustedProxies)
	x.access = auth.AccessOf(r, x.env.CallID, rt.deps.Now(), rt.deps.TrustedProxies)
	x.access.Stats.InFlight = int(rt.inFlight.Add(1))
	return x
}

// enter asks for a place for the request, unless it is turned away anyhow. leave is never nil. Who was refused too often gets none: it
// could hold one for as long as its body takes.
func (rt *Router) enter(ctx context.Context, r *http.Request, addr netip.Addr) (leave func(), err error) {
	if rt.deps.Screen != nil && r.Method == http.MethodPost {
		if err := rt.deps.Screen(addr); err != nil {
			return func() {}, err
		}
	}
	size := r.ContentLength
	if rt.deps.Enter == nil || r.Method != http.MethodPost || size > rt.maxBytes {
		return func() {}, nil
	}
	if size < 0 {
		size = rt.maxBytes
	}
	if leave, err = rt.deps.Enter(ctx, rt.service.Name, size); err != nil {
		return func() {}, err
	}
	return leave, nil
}

// receive reads the body: at most as long as the largest operation accepts, within the read timeout.
func (rt *Router) receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, ErrMethod
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, errEncoding
	}
	if r.ContentLength > rt.maxBytes {
		return nil, ErrTooLarge
	}
	timeout := rt.deps.ReadTimeout
	if timeout == 0 {
		timeout = defaultReadTimeout
	}
	// A deadline of the socket, not of the call: net/http lifts it when the body was read. Where the server behind w has none to set, its own
	// timeouts hold.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout))
	var buf bytes.Buffer
	first := int64(firstRead)
	if rt.deps.Enter != nil {
		first = rt.maxBytes // the place was given for the whole body
	}
	buf.Grow(int(min(max(r.ContentLength, 0), first)) + bytes.MinRead)
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, rt.maxBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, ErrTooLarge
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errRead, err)
	}
	return buf.Bytes(), nil
}

// admit parses the message, finds its operation and verifies the credential. Whatever goes wrong in it is a refusal.
func (rt *Router) admit(ctx context.Context, x *exchange, body []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			rt.deps.Log.ErrorContext(ctx, "panic while admitting", "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	if err := x.env.parse(body, rt.maxBytes, &rt.service); err != nil {
		return &FrameError{err}
	}
	if x.op, x.body, err = rt.operation(&x.env, x.env.HTTP); err != nil {
		return &FrameError{err}
	}
	if int64(len(body)) > maxBytes(x.op.Policy) {
		return ErrTooLarge
	}
	if x.caller, err = rt.service.Profile.Admit(ctx, &x.env, x.op); err != nil || rt.deps.Limit == nil {
		return err
	}
	return rt.deps.Limit(rt.service.Name, &x.env.Message, x.caller)
}

// carryOut hands the call to the gate.
func (rt *Router) carryOut(ctx context.Context, x *exchange, refused error) admitting.Outcome {
	if rt.deps.CallTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, rt.deps.CallTimeout)
		defer cancel()
	}
	call := admitting.Call{
		Service: rt.service.Name, Route: rt.service.Component, Caller: x.caller, Refused: refused, Access: x.access,
		Payload: rt.request(x).Payload,
	}
	if x.op != nil {
		call.Operation, call.Policy = x.op.Label, x.op.Policy
	}
	var reply Reply
	work := func(ctx context.Context, caller identity.Caller) (err error) {
		req := rt.request(x)
		req.Caller = caller
		reply, err = x.op.Serve(ctx, req)
		return err
	}
	return rt.deps.Gate.Do(ctx, call, work, func(err error) (admitting.Answer, error) {
		if err != nil {
			return rt.fault(ctx, x, err), nil
		}
		var w xmlout.Writer
		if err := rt.service.Profile.Answer(ctx, &w, &x.env, reply); err != nil {
			return admitting.Answer{}, err
		}
		return admitting.Answer{Code: http.StatusOK, Body: w.Bytes()}, nil
	})
}

// request is the call to the operation of x, as far as it was read.
func (rt *Router) request(x *exchange) Request {
	return Request{Caller: x.caller, Tree: x.env.Tree, Body: x.body, Path: x.env.Path, Base: rt.base(x.env.HTTP)}
}

func (rt *Router) fault(ctx context.Context, x *exchange, err error) admitting.Answer {
	if x.op != nil && x.op.Tell != nil {
		err = x.op.Tell(rt.request(x), err)
	}
	if rt.service.Tell != nil {
		err = rt.service.Tell(err)
	}
	var w xmlout.Writer
	status := rt.service.Profile.Fault(ctx, &w, &x.env, err)
	if own, ok := errors.AsType[*FaultError](err); ok && own.Status != 0 {
		status = own.Status
	}
	switch {
	case errors.Is(err, ErrMethod):
		status = http.StatusMethodNotAllowed
	case errors.Is(err, ErrTooLarge):
		status = http.StatusRequestEntityTooLarge
	}
	return admitting.Answer{Code: status, Body: w.Bytes()}
}

// turnAway answers a request that never reached security: it leaves no audit line. A body that does not come is held against the caller.
func (rt *Router) turnAway(ctx context.Context, w http.ResponseWriter, x *exchange, err error) {
	answer := rt.fault(ctx, x, err)
	switch {
	case errors.Is(err, ErrMethod):
		w.Header().Set("Allow", "GET, POST")
	case errors.Is(err, ErrTooLarge), errors.Is(err, errRead), errors.Is(err, ErrDraining):
		w.Header().Set("Connection", "close")
	}
	send(w, &x.env, answer, err)
	a := x.access
	a.Code, a.ResSize, a.Duration = answer.Code, int64(len(answer.Body)), rt.deps.Now().Sub(a.Arrived)
	rt.observe(ctx, x, admitting.Outcome{Answer: answer, Err: err, Refused: errors.Is(err, errRead), Access: a})
}

func send(w http.ResponseWriter, env *Envelope, answer admitting.Answer, err error) {
	h := w.Header()
	h.Set("Content-Type", contentSOAP11)
	if env.SOAP12 {
		h.Set("Content-Type", contentSOAP12)
	}
	h.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	h.Set("Cache-Control", "no-store")
	if f, ok := fault.Of(err); ok && (f.Kind == fault.Unavailable || f.Kind == fault.Limited) {
		h.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body) // a client that went away undoes nothing
}

func (rt *Router) observe(ctx context.Context, x *exchange, out admitting.Outcome) {
	if rt.deps.Observe == nil {
		return
	}
	o := Observed{Service: rt.service.Name, Component: rt.service.Component, Addr: x.env.Addr, Replayed: out.Replayed, Access: out.Access, Notes: out.Notes}
	if x.op != nil {
		o.Operation = x.op.Label
	}
	if o.Outcome, o.Fault = out.Ending(); o.Outcome == Refused {
		o.Cause = auth.Cause(out.Err)
	}
	rt.deps.Observe(context.WithoutCancel(ctx), o)
}
