// Package telemetry lets operators see the server: application log, metrics, health. Nothing in it names a person: texts pass the mask of
// the audit rules, and no label carries a caller or a message.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// keyCallID is the attribute that ties a line to its call; it is also in the audit log and in the answer's header.
const (
	keyCallID  = "callId"
	keyTraceID = "traceId" // ties it to the trace of the call
)

// NewLogger returns the application log: one JSON object a line on w, times in UTC, the call id of the context, and no person number in
// message or attributes.
func NewLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(callHandler{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: maskAttr})})
}

type callHandler struct{ slog.Handler }

// Handle adds the ids of call and trace.
func (h callHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC()
	if id := ports.CallID(ctx); id != "" {
		r.AddAttrs(slog.String(keyCallID, id))
	}
	if id := traceID(ctx); id != "" {
		r.AddAttrs(slog.String(keyTraceID, id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the handler around its successor.
func (h callHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return callHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the handler around its successor.
func (h callHandler) WithGroup(name string) slog.Handler {
	return callHandler{h.Handler.WithGroup(name)}
}

// maskAttr masks texts. What is no text, number or time is written as text, so that nothing passes unseen.
func maskAttr(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		if a.Key != keyCallID && a.Key != keyTraceID { // random digits may look like a number
			a.Value = slog.StringValue(audit.Mask(a.Value.String()))
		}
	case slog.KindTime:
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	case slog.KindDuration:
		a.Value = slog.StringValue(a.Value.Duration().Round(time.Microsecond).String())
	case slog.KindAny:
		if _, level := a.Value.Any().(slog.Level); !level {
			a.Value = slog.StringValue(audit.Mask(fmt.Sprint(a.Value.Any())))
		}
	}
	return a
}
