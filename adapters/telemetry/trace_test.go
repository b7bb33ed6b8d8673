package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

const (
	traceID  = "4bf92f3577b34da6a3ce929d0e0e4736"
	sampled  = "00-" + traceID + "-00f067aa0ba902b7-01"
	ignored  = "00-" + traceID + "-00f067aa0ba902b7-00"
	someCall = "7f3a90c2d41e5b68"
)

// traces returns traces that are kept in memory. spans ends the export and returns them.
func traces(t *testing.T, sample float64) (_ *telemetry.Traces, spans func() tracetest.SpanStubs) {
	t.Helper()
	kept := &keptSpans{}
	tr := telemetry.NewTraces(telemetry.TraceOptions{Exporter: kept, Sample: sample, Log: slog.New(slog.DiscardHandler)})
	closing := sync.OnceFunc(func() { assert.NoError(t, tr.Close()) })
	t.Cleanup(closing)
	return tr, func() tracetest.SpanStubs { closing(); return kept.spans }
}

// keptSpans is an exporter that keeps its spans, also once it was shut down.
type keptSpans struct{ spans tracetest.SpanStubs }

func (k *keptSpans) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	k.spans = append(k.spans, tracetest.SpanStubsFromReadOnlySpans(spans)...)
	return nil
}
func (k *keptSpans) Shutdown(context.Context) error { return nil }

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func names(spans tracetest.SpanStubs) []string {
	all := []string{}
	for _, s := range spans {
		all = append(all, s.Name)
	}
	return all
}

func attributes(s tracetest.SpanStub) map[string]any {
	all := map[string]any{}
	for _, a := range s.Attributes {
		all[string(a.Key)] = a.Value.AsInterface()
	}
	return all
}

func appended(t *testing.T, tr *telemetry.Traces, ctx context.Context, recs ...messagelog.Record) []messagelog.Record { //nolint:revive // ctx is what is tested
	t.Helper()
	log := memoryLog(t)
	require.NoError(t, tr.MessageLog(log, "embedded").Append(ctx, recs))
	for batch, err := range log.Read(t.Context(), "t", 0, 0, int64(len(recs)), messagelog.ReadOptions{}) {
		require.NoError(t, err)
		return batch.Records
	}
	return nil
}

// memoryLog is a message log with the topic t.
func memoryLog(t *testing.T) ports.MessageLog {
	t.Helper()
	db := memory.New(time.Now)
	require.NoError(t, db.Topics().CreateTopic(t.Context(), "t", messagelog.Spec{Partitions: 1}))
	return db.MessageLog()
}

func value(r messagelog.Record, header string) string {
	for _, h := range r.Headers {
		if h.Key == header {
			return h.Value
		}
	}
	return ""
}

func TestTraceOfACall(t *testing.T) {
	none := telemetry.NewTraces(telemetry.TraceOptions{})
	t.Run("OC-24 a trusted sender's trace goes on into the records, a stranger's does not", func(t *testing.T) {
		recording, _ := traces(t, 1)
		unrecorded, _ := traces(t, 0)
		for name, tr := range map[string]*telemetry.Traces{"none": none, "recording": recording, "unrecorded": unrecorded} {
			for _, c := range []struct {
				name    string
				headers http.Header
				trusted bool
				joined  bool
			}{
				{"trusted", headers("Traceparent", sampled), true, true},
				{"stranger", headers("Traceparent", sampled), false, false},
				{"nothing", headers(), true, false},
				{"two parents", headers("Traceparent", sampled, "Traceparent", sampled), true, false},
				{"no trace", headers("Traceparent", "00-"+strings.Repeat("0", 32)+"-00f067aa0ba902b7-01"), true, false},
				{"not its form", headers("Traceparent", "00-"+traceID), true, false},
			} {
				ctx, done := tr.Call(tr.Arrive(t.Context(), c.headers, c.trusted), "POST", "/x")
				records := appended(t, tr, ctx, messagelog.Record{Topic: "t", Headers: []messagelog.Header{{Key: "nsp-format", Value: "1"}}})
				done(200)
				parent := value(records[0], "traceparent")
				require.Regexp(t, "^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$", parent, "%s, %s: every record is part of a trace", name, c.name)
				assert.Equal(t, c.joined, parent[3:35] == traceID, "%s, %s: %s", name, c.name, parent)
				assert.Equal(t, "1", value(records[0], "nsp-format"), "%s, %s: the other headers stay", name, c.name)
			}
		}
	})
	t.Run("without an exporter a trusted trace goes on as it came", func(t *testing.T) {
		ctx := none.Arrive(t.Context(), headers("Traceparent", sampled, "Tracestate", "a=1", "Tracestate", "b=2"), true)
		records := appended(t, none, ctx, messagelog.Record{Topic: "t"})
		assert.Equal(t, sampled, value(records[0], "traceparent"))
		assert.Equal(t, "a=1,b=2", value(records[0], "tracestate"))
	})
	t.Run("a tracestate that is long or may name a person is left out", func(t *testing.T) {
		for _, state := range []string{"a=" + strings.Repeat("x", 200) + ",b=" + strings.Repeat("y", 200) + ",c=" + strings.Repeat("z", 200), "a=0108501234"} {
			ctx := none.Arrive(t.Context(), headers("Traceparent", sampled, "Tracestate", state), true)
			records := appended(t, none, ctx, messagelog.Record{Topic: "t"})
			assert.Equal(t, sampled, value(records[0], "traceparent"))
			assert.Empty(t, value(records[0], "tracestate"))
		}
	})
	t.Run("no baggage", func(t *testing.T) {
		ctx := none.Arrive(t.Context(), headers("Traceparent", sampled, "Baggage", "cpr=0108501234"), true)
		records := appended(t, none, ctx, messagelog.Record{Topic: "t"})
		assert.Len(t, records[0].Headers, 1)
	})
	t.Run("the headers of the records that were given are not changed", func(t *testing.T) {
		shared := append(make([]messagelog.Header, 0, 8), messagelog.Header{Key: "nsp-format", Value: "1"})
		given := []messagelog.Record{{Topic: "t", Headers: shared}, {Topic: "t", Headers: shared}, {Topic: "t"}}
		records := appended(t, none, none.Arrive(t.Context(), headers("Traceparent", sampled), true), given...)
		assert.Len(t, given[0].Headers, 1)
		assert.Empty(t, shared[:cap(shared)][1].Key)
		assert.Equal(t, []int{2, 2, 1}, []int{len(records[0].Headers), len(records[1].Headers), len(records[2].Headers)})
	})
	t.Run("what a sender records is recorded here whatever the share", func(t *testing.T) {
		for parent, want := range map[string]int{sampled: 1, ignored: 0} {
			tr, spans := traces(t, 0)
			_, done := tr.Call(tr.Arrive(t.Context(), headers("Traceparent", parent), true), "POST", "/x")
			done(200)
			assert.Len(t, spans(), want, parent)
		}
	})
}

func TestSpans(t *testing.T) {
	tr, spans := traces(t, 1)
	ctx := ports.WithCallID(t.Context(), someCall)
	ctx, done := tr.Call(tr.Arrive(ctx, headers("Traceparent", sampled), true), "POST", "/stamdata/0108501234")
	tr.Credential(ctx, "dgws", 3)
	_, verified := tr.Step(ctx, "security.verify")
	verified(errors.New("of 0108501234"))
	require.NoError(t, tr.AuditLog(&fakeAudit{}).Append(ctx, audit.Entry{}))
	require.NoError(t, tr.MessageLog(memoryLog(t), "kafka").Append(ctx, []messagelog.Record{{Topic: "t"}, {Topic: "t"}}))
	require.NoError(t, tr.Units(memory.New(time.Now).Units()).Run(ctx, nothing, nothing))
	tr.Describe(ctx, telemetry.Call{Service: "minlog", Operation: "Add 010850-1234", Outcome: "fault"}, true)
	done(500)
	all := spans()
	assert.Equal(t, []string{"security.verify", "audit.append", "send t", "commit", "POST /stamdata/[cpr]"}, names(all))
	for _, s := range all {
		assert.Equal(t, traceID, s.SpanContext.TraceID().String(), s.Name)
	}
	call := all[4]
	assert.Equal(t, "00f067aa0ba902b7", call.Parent.SpanID().String())
	assert.Equal(t, trace.SpanKindServer, call.SpanKind)
	assert.Equal(t, map[string]any{
		"http.request.method": "POST", "http.route": "/stamdata/[cpr]", "http.response.status_code": int64(500), "rpc.system": "soap",
		"rpc.service": "minlog", "rpc.method": "Add [cpr]", "nsp.outcome": "fault", "nsp.call_id": someCall, "nsp.profile": "dgws", "nsp.level": int64(3),
	}, attributes(call))
	assert.Equal(t, map[string]any{
		"messaging.system": "kafka", "messaging.destination.name": "t", "messaging.batch.message_count": int64(2), "messaging.operation.type": "send",
	}, attributes(all[2]))
	assert.NotContains(t, fmt.Sprintf("%+v", all), "1234", "nothing names a person")
}

func nothing(context.Context) error { return nil }

// TestTracedLog shows that the log keeps its contract in the wrapper.
func TestTracedLog(t *testing.T) {
	tr, _ := traces(t, 1)
	for name, tr := range map[string]*telemetry.Traces{"none": telemetry.NewTraces(telemetry.TraceOptions{}), "recording": tr} {
		t.Run(name, func(t *testing.T) {
			portstest.MessageLog(t, func(*testing.T) (ports.MessageLog, ports.TopicAdmin, ports.UnitOfWork) {
				db := memory.New(time.Now)
				return tr.MessageLog(db.MessageLog(), "embedded"), db.Topics(), tr.Units(db.Units())
			})
		})
	}
}

// TestProcess shows the span of a batch.
func TestProcess(t *testing.T) {
	// consumed reads records of these parents ten at a time and then stores them in steps of so many.
	consumed := func(t *testing.T, ctx context.Context, sample float64, step int64, fail error, parents ...string) tracetest.SpanStubs { //nolint:revive // ctx is what is tested
		t.Helper()
		tr, spans := traces(t, sample)
		recs := make([]messagelog.Record, len(parents))
		for i, p := range parents {
			recs[i] = messagelog.Record{Topic: "t", Headers: []messagelog.Header{{Key: "nsp-call", Value: "x"}, {Key: "traceparent", Value: p}}}
		}
		db := memoryLog(t)
		require.NoError(t, db.Append(t.Context(), recs))
		n := int64(len(recs))
		for range 2 { // a consumer that failed reads again
			for _, err := range tr.MessageLog(db, "kafka").Read(ctx, "t", 0, 0, n, messagelog.ReadOptions{MaxRecords: 10}) {
				require.NoError(t, err)
			}
		}
		store := tr.LogStore(storing{err: fail}, "kafka")
		for from := int64(0); from < n; from += step {
			_, err := store.Store(t.Context(), minlog.Partition{Topic: "t"}, from, min(n, from+step), minlog.Batch{})
			require.ErrorIs(t, err, fail)
		}
		return spans()
	}
	other := strings.Replace(sampled, "00f067aa0ba902b7", "00f067aa0ba902b8", 1)
	t.Run("OC-24 it is linked to each recorded call, once", func(t *testing.T) {
		all := consumed(t, t.Context(), 0, 10, nil, sampled, sampled, ignored, "nonsense", other, sampled)
		require.Equal(t, []string{"process t"}, names(all))
		require.Len(t, all[0].Links, 2)
		assert.Equal(t, traceID, all[0].Links[0].SpanContext.TraceID().String())
		assert.Equal(t, "00f067aa0ba902b8", all[0].Links[1].SpanContext.SpanID().String())
		assert.NotEqual(t, traceID, all[0].SpanContext.TraceID().String(), "a trace of its own")
		assert.Equal(t, trace.SpanKindConsumer, all[0].SpanKind)
		assert.Equal(t, map[string]any{
			"messaging.system": "kafka", "messaging.destination.name": "t", "messaging.destination.partition.id": "0",
			"messaging.batch.message_count": int64(6), "messaging.operation.type": "process",
		}, attributes(all[0]))
	})
	t.Run("each batch to its own calls", func(t *testing.T) {
		all := consumed(t, t.Context(), 0, 2, nil, sampled, sampled, ignored, ignored, other, other)
		require.Len(t, all, 2, "none for the batch of which no call is recorded")
		for i, id := range []string{"00f067aa0ba902b7", "00f067aa0ba902b8"} {
			require.Len(t, all[i].Links, 1)
			assert.Equal(t, id, all[i].Links[0].SpanContext.SpanID().String())
		}
	})
	t.Run("to at most 128", func(t *testing.T) {
		var parents []string
		for i := range 300 {
			parents = append(parents, fmt.Sprintf("00-%s-%016x-01", traceID, i+1))
		}
		all := consumed(t, t.Context(), 0, 300, nil, parents...)
		require.Len(t, all, 1)
		assert.Len(t, all[0].Links, 128)
		assert.Zero(t, all[0].DroppedLinks)
	})
	t.Run("one that fails says so, and not why", func(t *testing.T) {
		all := consumed(t, t.Context(), 0, 10, errors.New("of 0108501234"), sampled)
		require.Len(t, all, 1)
		assert.Equal(t, codes.Error, all[0].Status.Code)
		assert.NotContains(t, fmt.Sprintf("%+v", all), "1234")
	})
	t.Run("what a call reads is nobody's batch", func(t *testing.T) {
		call := telemetry.NewTraces(telemetry.TraceOptions{}).Arrive(t.Context(), headers("Traceparent", sampled), true)
		assert.Empty(t, consumed(t, call, 1, 10, nil, sampled))
	})
}

// storing is a store that does nothing but to fail.
type storing struct {
	ports.LogStore
	err error
}

func (s storing) Store(context.Context, minlog.Partition, int64, int64, minlog.Batch) (int, error) {
	return 0, s.err
}

func TestTraceInTheLog(t *testing.T) {
	var out bytes.Buffer
	ctx := telemetry.NewTraces(telemetry.TraceOptions{}).Arrive(t.Context(), headers("Traceparent", "00-ab0108501234cdef0108501234abcdef-00f067aa0ba902b7-01"), true)
	telemetry.NewLogger(&out, slog.LevelInfo).InfoContext(ctx, "x")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	assert.Equal(t, "ab0108501234cdef0108501234abcdef", line["traceId"], "random digits are no person")
}

// TestTraceExport shows that no call waits for the export.
func TestTraceExport(t *testing.T) {
	call := func(tr *telemetry.Traces) {
		_, done := tr.Call(tr.Arrive(context.Background(), nil, false), "POST", "/x")
		done(200)
	}
	t.Run("a collector that does not answer slows no call, and what it does not take is counted", func(t *testing.T) {
		release := make(chan struct{})
		collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}))
		defer collector.Close()
		defer close(release)
		exporter, err := telemetry.OTLP(t.Context(), collector.URL)
		require.NoError(t, err)
		tr := telemetry.NewTraces(telemetry.TraceOptions{Exporter: exporter, Sample: 1, Log: slog.New(slog.DiscardHandler)})
		called := make(chan struct{})
		go func() {
			defer close(called)
			for range 10_000 {
				call(tr)
			}
		}()
		select {
		case <-called:
		case <-time.After(time.Minute):
			t.Fatal("10,000 calls wait for the collector")
		}
		assert.GreaterOrEqual(t, tr.Dropped(), int64(10_000-4096-2*512), "what has no place in the queue is dropped at once")
		require.NoError(t, tr.Close())
		assert.Equal(t, int64(10_000), tr.Dropped())
	})
	t.Run("a collector that fails is logged once", func(t *testing.T) {
		collector := httptest.NewServer(http.NotFoundHandler())
		defer collector.Close()
		var out safeBuffer
		exporter, err := telemetry.OTLP(t.Context(), collector.URL)
		require.NoError(t, err)
		tr := telemetry.NewTraces(telemetry.TraceOptions{Exporter: exporter, Sample: 1, Log: telemetry.NewLogger(&out, slog.LevelInfo)})
		for range 1024 {
			call(tr)
		}
		require.NoError(t, tr.Close())
		assert.Equal(t, int64(1024), tr.Dropped())
		assert.Equal(t, 1, strings.Count(out.String(), "traces cannot be exported"), out.String())
	})
	t.Run("a collector gets the spans at /v1/traces", func(t *testing.T) {
		paths := make(chan string, 8)
		collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			paths <- r.URL.Path
		}))
		defer collector.Close()
		for _, end := range []string{"", "/", "/v1/traces", "/own"} {
			exporter, err := telemetry.OTLP(t.Context(), collector.URL+end)
			require.NoError(t, err)
			tr := telemetry.NewTraces(telemetry.TraceOptions{Exporter: exporter, Sample: 1, Log: slog.New(slog.DiscardHandler)})
			call(tr)
			require.NoError(t, tr.Close())
			assert.Zero(t, tr.Dropped())
			want := "/v1/traces"
			if end == "/own" {
				want = end
			}
			assert.Equal(t, want, <-paths)
		}
	})
	t.Run("the stream has a line of JSON for each span", func(t *testing.T) {
		var out safeBuffer
		exporter, err := telemetry.Stream(&out)
		require.NoError(t, err)
		tr := telemetry.NewTraces(telemetry.TraceOptions{Exporter: exporter, Sample: 1, Instance: "one", Log: slog.New(slog.DiscardHandler)})
		call(tr)
		call(tr)
		require.NoError(t, tr.Close())
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 2)
		for _, line := range lines {
			var span struct{ Name string }
			require.NoError(t, json.Unmarshal([]byte(line), &span))
			assert.Equal(t, "POST /x", span.Name)
			assert.Contains(t, line, `"service.instance.id"`)
		}
	})
}

// safeBuffer is a buffer that an exporter may write while a test reads.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
