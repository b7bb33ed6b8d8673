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

// logRefusal writes the one security event of a call that was turned away. It tells no person and nothing of the body.
func (rt *Router) logRefusal(ctx context.Context, x *exchange, refused, told error) {
	if refused == nil {
		refused = told // by the policy of the operation
	}
	why := cause(refused)
	suppressed, ok := rt.refusals.allow(why, rt.deps.Now())
	if !ok {
		return
	}
	f, _ := fault.Of(told)
	attrs := []any{"service", rt.service.Name, "code", f.Code, "cause", why, "messageId", audit.Mask(x.env.MessageID)}
	if x.op != nil {
		attrs = append(attrs, "operation", x.op.Label)
	}
	if x.env.Addr.IsValid() {
		attrs = append(attrs, "address", x.env.Addr.String())
	}
	var refusal *auth.Refusal
	if errors.As(refused, &refusal) {
		attrs = append(attrs, "anchor", refusal.Anchor, "cvr", refusal.CVR)
	} else {
		attrs = append(attrs, "cvr", x.caller.Org.CVR)
	}
	if suppressed > 0 {
		attrs = append(attrs, "suppressed", suppressed)
	}
	rt.deps.Log.WarnContext(ctx, "security refusal", attrs...)
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
