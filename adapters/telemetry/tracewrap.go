package telemetry

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
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

// MessageLog returns log, kept by system such as "kafka", where the records of a call tell of which trace they are part.
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

// Read remembers which recorded traces the records are part of, unless a call reads.
func (l *tracedLog) Read(
	ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	batches := l.MessageLog.Read(ctx, t, part, from, to, opt)
	if l.t.provider == nil || trace.SpanContextFromContext(ctx).IsValid() {
		return batches
	}
	return func(yield func(messagelog.Batch, error) bool) {
		for batch, err := range batches {
			l.t.read.add(minlog.Partition{Topic: t, Number: part}, batch.Records)
			if !yield(batch, err) {
				return
			}
		}
	}
}

const (
	maxLinks = 128  // traces that the span of a batch names
	maxRead  = 1024 // traces of a partition that are remembered until its records are stored
)

// readTraces are the recorded traces of records that were read and are not stored yet. It is safe for concurrent use.
type readTraces struct {
	mu    sync.Mutex
	parts map[minlog.Partition][]readTrace // by offset
}

type readTrace struct {
	offset int64 // of its first record
	link   trace.Link
}

// add remembers the traces of records that were read; what was read before from their first offset on is read again.
func (r *readTraces) add(p minlog.Partition, recs []messagelog.Record) {
	if len(recs) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.DeleteFunc(r.parts[p], func(t readTrace) bool { return t.offset >= recs[0].Offset })
	last := ""
	for i := range recs {
		carrier := recordCarrier(recs[i].Headers)
		parent := carrier.Get(headerTraceParent)
		if parent == last || len(all) == maxRead {
			continue
		}
		last = strings.Clone(parent) // the log's until the next read
		if c := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier)); c.IsSampled() {
			all = append(all, readTrace{recs[i].Offset, trace.Link{SpanContext: c}})
		}
	}
	if r.parts == nil {
		r.parts = map[minlog.Partition][]readTrace{}
	}
	r.parts[p] = all
}

// take returns the traces of the records from (inclusive) to (exclusive), each once, at most maxLinks, and forgets all before to.
func (r *readTraces) take(p minlog.Partition, from, to int64) (links []trace.Link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.parts[p]) == 0 {
		return nil
	}
	seen := map[trace.SpanID]bool{}
	r.parts[p] = slices.DeleteFunc(r.parts[p], func(t readTrace) bool {
		if id := t.link.SpanContext.SpanID(); t.offset >= from && t.offset < to && !seen[id] && len(links) < maxLinks {
			seen[id] = true
			links = append(links, t.link)
		}
		return t.offset < to
	})
	return links
}

// LogStore returns store with a span around each batch that has recorded traces, linked to them; it came from a log kept by system.
func (t *Traces) LogStore(store ports.LogStore, system string) ports.LogStore {
	if t.provider == nil {
		return store
	}
	return &tracedStore{store, t, attribute.String(attrMessaging, system)}
}

type tracedStore struct {
	ports.LogStore
	t      *Traces
	system attribute.KeyValue
}

var _ ports.LogStore = (*tracedStore)(nil)

// Store has a span where a call that its records are from is recorded.
func (s *tracedStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (int, error) {
	links := s.t.read.take(p, from, to)
	if len(links) == 0 {
		return s.LogStore.Store(ctx, p, from, to, b)
	}
	ctx, span := s.t.tracer.Start(ctx, "process "+string(p.Topic), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...),
		trace.WithAttributes(s.system, attribute.String(attrDestination, string(p.Topic)), attribute.String(attrPartition, strconv.Itoa(p.Number)),
			attribute.Int64(attrMessages, to-from), attribute.String(attrOperation, "process")))
	inserted, err := s.LogStore.Store(ctx, p, from, to, b)
	end(span, err)
	return inserted, err
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
