package telemetry

import (
	"context"
	"iter"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

// AuditLog returns log with a span around each line.
func (t *Traces) AuditLog(log ports.AuditLog) ports.AuditLog {
	if t.provider == nil {
		return log
	}
	return &tracedAudit{log, t}
}

type tracedAudit struct {
	ports.AuditLog
	t *Traces
}

var _ ports.AuditLog = (*tracedAudit)(nil)

// Append has a span.
func (l *tracedAudit) Append(ctx context.Context, e audit.Entry) error {
	ctx, done := l.t.Step(ctx, "audit.append")
	err := l.AuditLog.Append(ctx, e)
	done(err)
	return err
}

// Units returns units with a span around each commit.
func (t *Traces) Units(units ports.UnitOfWork) ports.UnitOfWork {
	if t.provider == nil {
		return units
	}
	return &tracedUnits{units, t}
}

type tracedUnits struct {
	ports.UnitOfWork
	t *Traces
}

var _ ports.UnitOfWork = (*tracedUnits)(nil)

// Run has a span for what comes after seal.
func (u *tracedUnits) Run(ctx context.Context, work, seal func(context.Context) error) error {
	done := func(error) {}
	err := u.UnitOfWork.Run(ctx, work, func(unit context.Context) error {
		err := seal(unit)
		if err == nil {
			_, done = u.t.Step(ctx, "commit")
		}
		return err
	})
	done(err)
	return err
}

// MessageLog returns log, kept by system such as "kafka", where the records of a call tell of which trace they are part. Batches that are
// read outside of a call have a span until the reader asks for the next.
func (t *Traces) MessageLog(log ports.MessageLog, system string) ports.MessageLog {
	return &tracedLog{log, t, attribute.String(attrMessaging, system)}
}

type tracedLog struct {
	ports.MessageLog
	t      *Traces
	system attribute.KeyValue
}

var _ ports.MessageLog = (*tracedLog)(nil)

// Append puts the trace of the call in ctx into the headers of the records.
func (l *tracedLog) Append(ctx context.Context, recs []messagelog.Record) error {
	if len(recs) == 0 || !trace.SpanContextFromContext(ctx).IsValid() {
		return l.MessageLog.Append(ctx, recs)
	}
	if l.t.provider == nil {
		return l.MessageLog.Append(ctx, withTrace(ctx, recs))
	}
	ctx, span := l.t.tracer.Start(ctx, "send "+string(recs[0].Topic), trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		l.system, attribute.String(attrDestination, string(recs[0].Topic)), attribute.Int(attrMessages, len(recs)),
		attribute.String(attrOperation, "send")))
	err := l.MessageLog.Append(ctx, withTrace(ctx, recs))
	end(span, err)
	return err
}

// withTrace returns recs with the trace of ctx before their other headers; recs itself is not changed.
func withTrace(ctx context.Context, recs []messagelog.Record) []messagelog.Record {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	var added []messagelog.Header
	for _, key := range []string{headerTraceParent, headerTraceState} {
		if v := carrier[key]; v != "" {
			added = append(added, messagelog.Header{Key: key, Value: v})
		}
	}
	if len(added) == 0 {
		return recs
	}
	recs = slices.Clone(recs)
	var before, after []messagelog.Header
	for i := range recs {
		own := recs[i].Headers
		if i == 0 || !same(own, before) { // the records of a call share their headers
			before, after = own, slices.Concat(added, own)
		}
		recs[i].Headers = after
	}
	return recs
}

// same tells whether a and b are one slice.
func same(a, b []messagelog.Header) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Read has a span for each batch.
func (l *tracedLog) Read(
	ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	batches := l.MessageLog.Read(ctx, t, part, from, to, opt)
	if l.t.provider == nil || trace.SpanContextFromContext(ctx).IsValid() {
		return batches
	}
	return func(yield func(messagelog.Batch, error) bool) {
		for batch, err := range batches {
			span := l.process(ctx, t, part, batch.Records)
			more := yield(batch, err)
			span.End()
			if !more {
				return
			}
		}
	}
}

// process begins the span of a batch, unless no trace of its records is recorded.
func (l *tracedLog) process(ctx context.Context, t messagelog.Topic, part int, recs []messagelog.Record) trace.Span {
	links := linksOf(recs)
	if len(links) == 0 {
		return trace.SpanFromContext(ctx) // none
	}
	_, span := l.t.tracer.Start(ctx, "process "+string(t), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...),
		trace.WithAttributes(l.system, attribute.String(attrDestination, string(t)), attribute.String(attrPartition, strconv.Itoa(part)),
			attribute.Int(attrMessages, len(recs)), attribute.String(attrOperation, "process")))
	return span
}

// maxLinks is how many traces the span of a batch names.
const maxLinks = 128

// linksOf returns the recorded traces that recs are part of, each once, at most maxLinks.
func linksOf(recs []messagelog.Record) []trace.Link {
	var links []trace.Link
	seen, last := map[string]bool{}, ""
	for i := range recs {
		carrier := recordCarrier(recs[i].Headers)
		parent := carrier.Get(headerTraceParent)
		if parent == last || seen[parent] {
			continue
		}
		last, seen[parent] = parent, true
		c := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
		if !c.IsSampled() {
			continue
		}
		if links = append(links, trace.Link{SpanContext: c}); len(links) == maxLinks {
			break
		}
	}
	return links
}

// recordCarrier reads the trace out of the headers of a record.
type recordCarrier []messagelog.Header

var _ propagation.TextMapCarrier = recordCarrier(nil)

// Get returns the first header with the key, "" if there is none.
func (c recordCarrier) Get(key string) string {
	for _, h := range c {
		if h.Key == key {
			return h.Value
		}
	}
	return ""
}

// Set does nothing: the headers of a record that was read stay.
func (c recordCarrier) Set(string, string) {}

// Keys returns the keys of all headers.
func (c recordCarrier) Keys() []string {
	keys := make([]string, len(c))
	for i, h := range c {
		keys[i] = h.Key
	}
	return keys
}
