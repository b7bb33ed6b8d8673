package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/opennsp/nsp/domain/audit"
)

// Bounds of what waits for the exporter.
const (
	queuedSpans   = 4096 // further ones are dropped
	exportBatch   = 512
	exportEvery   = time.Second // how long a span waits for others
	exportTimeout = 10 * time.Second
	closeTimeout  = 2 * time.Second
)

// spanQueue hands spans to the exporter from a goroutine of its own: whatever becomes of them, no call waits.
type spanQueue struct {
	exporter sdktrace.SpanExporter
	log      *slog.Logger
	spans    chan sdktrace.ReadOnlySpan
	dropped  atomic.Int64
	failing  bool // the last export failed; owned by run

	ctx    context.Context //nolint:containedctx // the life of the goroutine
	cancel context.CancelFunc
	stop   func()
	told   chan struct{} // closed by stop
	ended  chan struct{}
}

var _ sdktrace.SpanProcessor = (*spanQueue)(nil)

func newSpanQueue(exporter sdktrace.SpanExporter, log *slog.Logger) *spanQueue {
	q := &spanQueue{exporter: exporter, log: log, spans: make(chan sdktrace.ReadOnlySpan, queuedSpans), told: make(chan struct{}), ended: make(chan struct{})}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.stop = sync.OnceFunc(func() { close(q.told) })
	go q.run()
	return q
}

// OnStart implements sdktrace.SpanProcessor.
func (q *spanQueue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd queues s, or counts it as dropped.
func (q *spanQueue) OnEnd(s sdktrace.ReadOnlySpan) {
	select {
	case q.spans <- maskedSpan{s}:
	default:
		q.dropped.Add(1)
	}
}

// ForceFlush implements sdktrace.SpanProcessor; nobody asks for it.
func (q *spanQueue) ForceFlush(context.Context) error { return nil }

// Shutdown implements sdktrace.SpanProcessor.
func (q *spanQueue) Shutdown(context.Context) error {
	q.close()
	return nil
}

// close exports what waits; what is not gone in time is dropped.
func (q *spanQueue) close() {
	q.stop()
	late := time.AfterFunc(closeTimeout, q.cancel)
	<-q.ended
	late.Stop()
	_ = q.exporter.Shutdown(q.ctx) // the spans are gone or dropped
	q.cancel()
}

func (q *spanQueue) run() {
	defer close(q.ended)
	tick := time.NewTicker(exportEvery)
	defer tick.Stop()
	batch := make([]sdktrace.ReadOnlySpan, 0, exportBatch)
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) < exportBatch {
				continue
			}
		case <-tick.C:
		case <-q.told:
			for range len(q.spans) {
				batch = append(batch, <-q.spans)
			}
			q.export(batch)
			return
		}
		q.export(batch)
		clear(batch)
		batch = batch[:0]
	}
}

// export hands over batch. A failure is logged once, until an export succeeds.
func (q *spanQueue) export(batch []sdktrace.ReadOnlySpan) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(q.ctx, exportTimeout)
	defer cancel()
	err := q.exporter.ExportSpans(ctx, batch)
	if err != nil {
		q.dropped.Add(int64(len(batch)))
		if !q.failing {
			q.log.WarnContext(ctx, "traces cannot be exported", "error", err)
		}
	}
	q.failing = err != nil
}

// maskedSpan is a span whose texts name no person.
type maskedSpan struct{ sdktrace.ReadOnlySpan }

// Attributes returns the attributes, masked; but not the call id, whose digits are random.
func (s maskedSpan) Attributes() []attribute.KeyValue {
	all := s.ReadOnlySpan.Attributes()
	masked := make([]attribute.KeyValue, len(all))
	for i, a := range all {
		if a.Value.Type() == attribute.STRING && a.Key != attrCallID {
			a.Value = attribute.StringValue(audit.Mask(a.Value.AsString()))
		}
		masked[i] = a
	}
	return masked
}

// Name returns the name, masked.
func (s maskedSpan) Name() string { return audit.Mask(s.ReadOnlySpan.Name()) }
