package telemetry

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// Headers of W3C Trace Context, in HTTP and beside the records of the message log. Baggage is neither read nor written.
const (
	headerTraceParent = "traceparent"
	headerTraceState  = "tracestate"
)

// maxTraceState is the longest tracestate that is passed on; W3C Trace Context 3.3.1.5 asks for no more.
const maxTraceState = 512

// Attributes of spans, after the semantic conventions of OpenTelemetry where there is one.
const (
	attrMethod      = "http.request.method"
	attrRoute       = "http.route"
	attrStatus      = "http.response.status_code"
	attrRPCSystem   = "rpc.system"
	attrRPCService  = "rpc.service"
	attrRPCMethod   = "rpc.method"
	attrCallID      = "nsp.call_id"
	attrProfile     = "nsp.profile"
	attrLevel       = "nsp.level"
	attrOutcome     = "nsp.outcome"
	attrMessaging   = "messaging.system"
	attrDestination = "messaging.destination.name"
	attrPartition   = "messaging.destination.partition.id"
	attrMessages    = "messaging.batch.message_count"
	attrOperation   = "messaging.operation.type"
)

// Traces follows calls through the server and the message log. Without an exporter it records nothing, and still passes on whose trace a call
// is part of. It is safe for concurrent use.
type Traces struct {
	provider *sdktrace.TracerProvider // nil: nothing is recorded, like the next two
	tracer   trace.Tracer
	queue    *spanQueue
	read     readTraces
}

// TraceOptions say what of the spans is kept, and whose they are.
type TraceOptions struct {
	Exporter sdktrace.SpanExporter // nil = none
	Sample   float64               // share of the traces that begin here, from 0 to 1; others are recorded where their parent was
	Build    Build
	Instance string
	Log      *slog.Logger
}

// OTLP returns the exporter that sends spans to a collector: OTLP over HTTP, to /v1/traces where endpoint, a URL, has no path.
func OTLP(ctx context.Context, endpoint string) (sdktrace.SpanExporter, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("trace endpoint: %w", err)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()))
	if err != nil {
		return nil, fmt.Errorf("trace exporter: %w", err)
	}
	return exporter, nil
}

// Stream returns the exporter that writes each span as a line of JSON.
func Stream(w io.Writer) (sdktrace.SpanExporter, error) {
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(w))
	if err != nil {
		return nil, fmt.Errorf("trace exporter: %w", err)
	}
	return exporter, nil
}

// NewTraces starts the export. Close ends it.
func NewTraces(o TraceOptions) *Traces {
	if o.Exporter == nil {
		return &Traces{}
	}
	t := &Traces{queue: newSpanQueue(o.Exporter, o.Log)}
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.ParentBased(linkedSampler{sdktrace.TraceIDRatioBased(o.Sample)})),
		sdktrace.WithSpanProcessor(t.queue),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "nspd"), attribute.String("service.version", o.Build.Version),
			attribute.String("service.instance.id", o.Instance))),
	)
	t.tracer = t.provider.Tracer("github.com/opennsp/nsp")
	return t
}

// Close exports what waits, for at most two seconds.
func (t *Traces) Close() error {
	if t.queue != nil {
		t.queue.close()
	}
	return nil
}

// Dropped is how many spans were lost so far.
func (t *Traces) Dropped() int64 {
	if t.queue == nil {
		return 0
	}
	return t.queue.dropped.Load()
}

// linkedSampler records whatever is linked to something recorded, so that a recorded call leads to the batch that stored it.
type linkedSampler struct{ sdktrace.Sampler }

// ShouldSample implements sdktrace.Sampler.
func (s linkedSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if slices.ContainsFunc(p.Links, func(l trace.Link) bool { return l.SpanContext.IsSampled() }) {
		return sdktrace.AlwaysSample().ShouldSample(p)
	}
	return s.Sampler.ShouldSample(p)
}

// Arrive returns ctx with the trace that the call is part of: that of its headers where its sender is trusted, else a new one.
func (t *Traces) Arrive(ctx context.Context, h http.Header, trusted bool) context.Context {
	if parents := h.Values(headerTraceParent); trusted && len(parents) == 1 {
		state := strings.Join(h.Values(headerTraceState), ",")
		if len(state) > maxTraceState || audit.Mask(state) != state {
			state = ""
		}
		carrier := propagation.MapCarrier{headerTraceParent: parents[0], headerTraceState: state}
		ctx = propagation.TraceContext{}.Extract(ctx, carrier)
	}
	if t.provider != nil || trace.SpanContextFromContext(ctx).IsValid() {
		return ctx // the span of the call begins the trace
	}
	return trace.ContextWithSpanContext(ctx, newRoot())
}

// newRoot is the context of a trace that nobody records.
func newRoot() trace.SpanContext {
	var c trace.SpanContextConfig
	binary.NativeEndian.PutUint64(c.TraceID[:], rand.Uint64()) //nolint:gosec // an id, no secret
	binary.NativeEndian.PutUint64(c.TraceID[8:], rand.Uint64()|1)
	binary.NativeEndian.PutUint64(c.SpanID[:], rand.Uint64()|1)
	return trace.NewSpanContext(c)
}

// Call begins the span of a call; route is the pattern of its path. done is told the HTTP status.
func (t *Traces) Call(ctx context.Context, method, route string) (_ context.Context, done func(status int)) {
	if t.provider == nil {
		return ctx, func(int) {}
	}
	ctx, span := t.tracer.Start(ctx, strings.TrimSpace(method+" "+route), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String(attrMethod, method), attribute.String(attrRoute, route)))
	return ctx, func(status int) {
		span.SetAttributes(attribute.Int(attrStatus, status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// Step begins a span within a call. done is told how it ended; the error itself may name persons and is not recorded.
func (t *Traces) Step(ctx context.Context, name string) (_ context.Context, done func(error)) {
	if t.provider == nil {
		return ctx, func(error) {}
	}
	ctx, span := t.tracer.Start(ctx, name)
	return ctx, func(err error) { end(span, err) }
}

func end(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Describe says in the span of the call in ctx what the call is. SOAP tells whether it came as a SOAP message.
func (t *Traces) Describe(ctx context.Context, c Call, soap bool) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	if soap {
		span.SetAttributes(attribute.String(attrRPCSystem, "soap"))
	}
	span.SetAttributes(attribute.String(attrRPCService, c.Service), attribute.String(attrRPCMethod, c.Operation),
		attribute.String(attrOutcome, c.Outcome), attribute.String(attrCallID, ports.CallID(ctx)))
}

// Credential says in the span of the call in ctx how its caller was identified.
func (t *Traces) Credential(ctx context.Context, profile string, level int) {
	trace.SpanFromContext(ctx).SetAttributes(attribute.String(attrProfile, profile), attribute.Int(attrLevel, level))
}

// traceID returns the id of the trace in ctx, "" where there is none.
func traceID(ctx context.Context) string {
	if c := trace.SpanContextFromContext(ctx); c.HasTraceID() {
		return c.TraceID().String()
	}
	return ""
}
