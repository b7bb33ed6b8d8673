package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
)

// refusalsPerSecond is how many refusals of one cause are logged within a second; the rest are counted.
const refusalsPerSecond = 10

// Refusals tells of calls that security turned away, so that an attack does not fill the log. It is safe for concurrent use; its fields are
// not changed after the first call.
type Refusals struct {
	Log  *slog.Logger
	Told func(audit.Refusal) // of refusals as often as they are logged; it must not wait. nil = nobody

	mu     sync.Mutex
	causes map[string]*refusalCount // causes are constant texts of the program: few
}

type refusalCount struct {
	second     int64
	logged     int
	suppressed int
}

// allow tells whether a refusal of cause is logged at now, and how many of that cause were not since the last one that was.
func (l *Refusals) allow(cause string, now time.Time) (suppressed int, ok bool) {
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

// Tell writes the one security event of a call that was turned away, into the log and to Told. r tells of the call and no person; its cause,
// code and anchor come from refused, why security turned the call away, and from told, what the caller hears. A nil refused means the
// policy of the operation. A caller that calls too often is no such event.
func (l *Refusals) Tell(ctx context.Context, r audit.Refusal, refused, told error) {
	f, _ := fault.Of(told)
	if f.Kind == fault.Limited {
		return
	}
	if refused == nil {
		refused = told
	}
	r.Code, r.Cause = f.Code, Cause(refused)
	suppressed, ok := l.allow(r.Cause, r.At)
	if !ok {
		return
	}
	var refusal *Refusal
	if errors.As(refused, &refusal) {
		r.Anchor, r.CVR = refusal.Anchor, refusal.CVR
	}
	attrs := []any{"service", r.Service, "operation", r.Operation, "code", r.Code, "cause", r.Cause, "anchor", r.Anchor, "cvr", r.CVR,
		"address", r.Addr, "messageId", r.MessageID}
	if suppressed > 0 {
		attrs = append(attrs, "suppressed", suppressed)
	}
	l.Log.WarnContext(ctx, "security refusal", attrs...)
	if l.Told != nil {
		l.Told(r)
	}
}

// Cause names why a call was refused: the verifier's own word, else the text or code of the fault, all constants.
func Cause(err error) string {
	var refusal *Refusal
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
