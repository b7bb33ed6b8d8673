package soap

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
)

// refusalsPerSecond is how many refusals of one cause are logged within a second; the rest are counted.
const refusalsPerSecond = 10

// refusalLog decides which refusals are logged, so that an attack does not fill the log. It is safe for concurrent use.
type refusalLog struct {
	mu     sync.Mutex
	causes map[string]*refusalCount // causes are constant texts of the program: few
}

type refusalCount struct {
	second     int64
	logged     int
	suppressed int
}

// allow tells whether a refusal of cause is logged at now, and how many of that cause were not since the last one that was.
func (l *refusalLog) allow(cause string, now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.causes == nil {
		l.causes = map[string]*refusalCount{}
	}
	c := l.causes[cause]
	if c == nil {
		c = &refusalCount{}
		l.causes[cause] = c
	}
	if second := now.Unix(); c.second != second {
		c.second, c.logged = second, 0
	}
	if c.logged == refusalsPerSecond {
		c.suppressed++
		return 0, false
	}
	c.logged++
	suppressed, c.suppressed = c.suppressed, 0
	return suppressed, true
}

// logRefusal writes the one security event of a call that was turned away, into the log and to Deps.Refused. It tells no person and nothing of
// the body. A caller that calls too often is no such event.
func (rt *Router) logRefusal(ctx context.Context, x *exchange, refused, told error) {
	f, _ := fault.Of(told)
	if f.Kind == fault.Limited {
		return
	}
	if refused == nil {
		refused = told // by the policy of the operation
	}
	why, now := cause(refused), rt.deps.Now()
	suppressed, ok := rt.refusals.allow(why, now)
	if !ok {
		return
	}
	r := audit.Refusal{
		At: now, Service: rt.service.Name, Code: f.Code, Cause: why, CVR: x.caller.Org.CVR, MessageID: audit.Mask(auth.Cut(x.env.MessageID)),
	}
	if x.op != nil {
		r.Operation = x.op.Label
	}
	if x.env.Addr.IsValid() {
		r.Addr = x.env.Addr.String()
	}
	var refusal *auth.Refusal
	if errors.As(refused, &refusal) {
		r.Anchor, r.CVR = refusal.Anchor, refusal.CVR
	}
	attrs := []any{"service", r.Service, "operation", r.Operation, "code", r.Code, "cause", r.Cause, "anchor", r.Anchor, "cvr", r.CVR,
		"address", r.Addr, "messageId", r.MessageID}
	if suppressed > 0 {
		attrs = append(attrs, "suppressed", suppressed)
	}
	rt.deps.Log.WarnContext(ctx, "security refusal", attrs...)
	if rt.deps.Refused != nil {
		rt.deps.Refused(r)
	}
}

// cause names why a call was refused: the verifier's own word, else the text or code of the fault, all constants.
func cause(err error) string {
	var refusal *auth.Refusal
	if errors.As(err, &refusal) {
		return refusal.Cause
	}
	f, ok := fault.Of(err)
	switch {
	case !ok:
		return "internal"
	case f.Code == fault.CodeSyntax:
		return "frame"
	}
	return f.Code
}
