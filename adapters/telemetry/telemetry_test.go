package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

func TestLogger(t *testing.T) {
	number, err := cpr.Parse("0108501234")
	require.NoError(t, err)
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, slog.LevelInfo)
	ctx := ports.WithCallID(t.Context(), "7f3a90c2d41e5b68")
	log.With("with", "0108501234").InfoContext(ctx, "about 010850-1234", "text", "0108501234", "error", errors.New("of 0108501234"),
		"number", number, "list", []string{"0108501234"}, slog.Group("g", "inner", "0108501234"), "took", 1500*time.Microsecond, "n", 7)
	log.Debug("hidden")
	assert.NotContains(t, out.String(), "1234")
	assert.NotContains(t, out.String(), "hidden")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	assert.Equal(t, "about [cpr]", line["msg"])
	assert.Equal(t, "7f3a90c2d41e5b68", line["callId"])
	assert.Equal(t, "INFO", line["level"])
	assert.Equal(t, "of [cpr]", line["error"])
	assert.Equal(t, "1.5ms", line["took"])
	assert.InEpsilon(t, 7, line["n"], 0)
	at, err := time.Parse(time.RFC3339Nano, line["time"].(string))
	require.NoError(t, err)
	assert.Equal(t, time.UTC, at.Location())

	t.Run("a call id that looks like a number is kept", func(t *testing.T) {
		out.Reset()
		log.InfoContext(ports.WithCallID(t.Context(), "ab0108501234cdef"), "x")
		assert.Contains(t, out.String(), `"callId":"ab0108501234cdef"`)
	})
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestMetrics(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.Build{Version: "v1", Commit: "c", Go: "go1"})
	log := &fakeAudit{}
	measured := m.AuditLog(log)
	e := audit.Entry{Route: "MinLog2"}
	require.NoError(t, measured.Append(t.Context(), e))
	log.err = errors.New("full")
	require.Error(t, measured.Append(t.Context(), e))
	m.Call(telemetry.Call{Service: "s", Operation: "o", Outcome: "ok", Duration: 2 * time.Millisecond, Security: time.Millisecond, Request: 9000, Response: 10})
	m.Call(telemetry.Call{Service: "s", Outcome: "refused", FaultCode: "invalid_signature", Reason: "digest", Replayed: true})
	m.RateLimited(telemetry.LimitCaller)
	m.Issued("Issue")
	m.CertificateExpiry("service", func() time.Time { return time.Unix(1795000000, 0) })
	m.CertificateExpiry("admin", func() time.Time { return time.Unix(1796000000, 0) })
	m.EventsDropped(func() int64 { return 7 })
	done := m.InFlight("s")
	m.AuditFree(func() int64 { return 5 })
	m.AccessDropped(func() int64 { return 6 })
	m.Lags(func(context.Context) ([]telemetry.Lag, error) {
		return []telemetry.Lag{{Topic: "t", Partition: 3, Records: 8}}, nil
	})
	require.NoError(t, m.MessageLog(fakeLog{}).Append(t.Context(), []messagelog.Record{{Topic: "t", Key: []byte("p")}, {Topic: "t", Key: []byte("q")}, {Topic: "t"}}))
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	store := m.LogStore(fakeStore{}, func() time.Time { return at.Add(time.Second) })
	_, err := store.Store(t.Context(), minlog.Partition{Topic: "t"}, 10, 14, minlog.Batch{
		Registrations: []minlog.Registration{{ReceivedAt: at}, {ReceivedAt: at}, {ReceivedAt: at}},
		Tallies:       []minlog.Tally{{Rejected: map[string]int{"FMK": 2, "?": 1}}}})
	require.NoError(t, err)
	_, err = store.Store(t.Context(), minlog.Partition{Topic: "t"}, 14, 15, minlog.Batch{})
	require.Error(t, err)

	h := (&telemetry.Health{}).Admin(m, func(context.Context) error { return nil })
	code, text := get(t, h, "/metrics")
	require.Equal(t, http.StatusOK, code)
	for _, want := range []string{
		`nspd_build_info{commit="c",goversion="go1",version="v1"} 1`,
		`nspd_calls_total{operation="o",outcome="ok",service="s"} 1`,
		`nspd_calls_total{operation="other",outcome="refused",service="s"} 1`,
		`nspd_call_duration_seconds_bucket{operation="o",service="s",le="0.0025"} 1`,
		`nspd_call_request_bytes_sum{operation="o",service="s"} 9000`,
		`nspd_call_response_bytes_sum{operation="o",service="s"} 10`,
		`nspd_security_duration_seconds_count{step="request"} 1`,
		`nspd_faults_total{code="invalid_signature",service="s"} 1`,
		`nspd_security_refusals_total{reason="digest",service="s"} 1`,
		`nspd_calls_in_flight{service="s"} 1`,
		`nspd_replays_total{service="s"} 1`, `nspd_ratelimited_total{limit="caller"} 1`, `nspd_sts_issued_total{kind="Issue"} 1`,
		`nspd_tls_certificate_expiry_timestamp_seconds{listener="service"} 1.795e+09`,
		`nspd_tls_certificate_expiry_timestamp_seconds{listener="admin"} 1.796e+09`,
		`nspd_security_events_dropped_total 7`,
		`nspd_audit_lines_total{category="dk.sds.nsp.audit.log.minlog2",result="ok"} 1`,
		`nspd_audit_lines_total{category="dk.sds.nsp.audit.log.minlog2",result="failed"} 1`,
		`nspd_audit_append_seconds_count 2`,
		`nspd_audit_writable 0`, `nspd_audit_free_bytes 5`, `nspd_access_dropped_total 6`,
		`nspd_messagelog_lag{partition="3",topic="t"} 8`,
		`nspd_messagelog_produce_seconds_count{topic="t"} 1`, `nspd_minlog_bulk_size_sum 2`,
		`nspd_messagelog_consumed_total{topic="t"} 4`,
		`nspd_minlog_entries_total{result="added"} 2`, `nspd_minlog_entries_total{result="duplicate"} 1`, `nspd_minlog_entries_total{result="failed"} 3`,
		`nspd_minlog_end_to_end_seconds_sum 3`,
	} {
		assert.Contains(t, text, want+"\n")
	}
	done()
	_, text = get(t, h, "/metrics")
	assert.Contains(t, text, `nspd_calls_in_flight{service="s"} 0`)
}

type fakeAudit struct {
	ports.AuditLog
	err error
}

func (l *fakeAudit) Ready(context.Context) error               { return l.err }
func (l *fakeAudit) Append(context.Context, audit.Entry) error { return l.err }

type fakeLog struct{ ports.MessageLog }

func (fakeLog) Append(context.Context, []messagelog.Record) error { return nil }

type fakeStore struct{ ports.LogStore }

func (fakeStore) Store(_ context.Context, _ minlog.Partition, from, _ int64, _ minlog.Batch) (int, error) {
	if from == 14 {
		return 0, errors.New("conflict")
	}
	return 2, nil
}

func TestJobs(t *testing.T) {
	at := time.Unix(1795000000, 500_000_000).UTC()
	kept := &fakeRuns{}
	m := telemetry.NewMetrics(telemetry.Build{})
	runs := m.JobRuns(kept)
	shown := func() string {
		_, text := get(t, m.Handler(), "/")
		return text
	}
	require.NoError(t, runs.Keep(t.Context(), job.Run{Name: "cleanup", StartedAt: at}))
	assert.NotContains(t, shown(), "nspd_job_", "a run that goes on is none yet")
	require.NoError(t, runs.Keep(t.Context(), job.Run{Name: "cleanup", StartedAt: at, FinishedAt: at, SucceededAt: at, OK: true}))
	require.NoError(t, runs.Keep(t.Context(), job.Run{Name: "cleanup", StartedAt: at, FinishedAt: at.Add(time.Hour), SucceededAt: at}))
	require.NoError(t, runs.Keep(t.Context(), job.Run{Name: "cleanup", StartedAt: at, FinishedAt: at.Add(time.Hour), SucceededAt: at}))
	for _, want := range []string{
		`nspd_job_runs_total{job="cleanup",result="ok"} 1`, `nspd_job_runs_total{job="cleanup",result="failed"} 2`,
		`nspd_job_last_success_timestamp_seconds{job="cleanup"} 1.7950000005e+09`,
	} {
		assert.Contains(t, shown(), want+"\n")
	}
	kept.err = errors.New("gone")
	require.Error(t, runs.Keep(t.Context(), job.Run{Name: "cleanup", FinishedAt: at}))
	assert.Contains(t, shown(), `nspd_job_runs_total{job="cleanup",result="failed"} 2`+"\n", "what was not kept is not counted")
	assert.NotContains(t, shown(), "nspd_job_last_success")

	t.Run("what is too old and was removed", func(t *testing.T) {
		assert.Contains(t, shown(), "nspd_minlog_cleanup_deleted_total 0\n")
		store := m.LogStore(fakeStore{}, time.Now)
		for range 2 {
			_, _, err := store.Expire(t.Context(), at)
			require.NoError(t, err)
		}
		assert.Contains(t, shown(), "nspd_minlog_cleanup_deleted_total 14\n")
	})
}

// fakeRuns keeps the last run.
type fakeRuns struct {
	runs []job.Run
	err  error
}

func (f *fakeRuns) Keep(_ context.Context, r job.Run) error {
	f.runs = []job.Run{r}
	return f.err
}

func (f *fakeRuns) Runs(context.Context) ([]job.Run, error) { return f.runs, f.err }

func (fakeStore) Expire(context.Context, time.Time) (int64, bool, error) { return 7, true, nil }

// Everything that is measured is shown persons, messages and callers; no label tells of one.
func TestNoLabelTellsOfAPerson(t *testing.T) {
	const person, message, organisation = "0108501234", "b3f0a6de-0000-4000-8000-5d8a5e0c1a77", "87654321"
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	number, err := cpr.Parse(person)
	require.NoError(t, err)
	m := telemetry.NewMetrics(telemetry.Build{Version: "v1", Commit: "c", Go: "go1"})
	entry := audit.Entry{Route: audit.MinLog2, Access: audit.Access{CallID: message, IDCardAttributes: map[string]string{"cpr": number.Digits()}}}
	entry.Notes.Add(audit.MinLog2, audit.LookupRequest, audit.User.Is(person))
	require.NoError(t, m.AuditLog(&fakeAudit{}).Append(t.Context(), entry))
	m.Call(telemetry.Call{Service: "s", Operation: "o", Outcome: "fault", FaultCode: "not_authorized", Reason: "digest", Replayed: true, Security: 1})
	m.RateLimited(telemetry.LimitCaller)
	m.Issued("Issue")
	m.CertificateExpiry("service", func() time.Time { return at })
	m.InFlight("s")()
	m.Lags(func(context.Context) ([]telemetry.Lag, error) { return []telemetry.Lag{{Topic: "t"}}, nil })
	record := messagelog.Record{Topic: "t", Key: []byte(person), Headers: []messagelog.Header{{Key: "nsp-call", Value: message}}, Value: []byte(person)}
	require.NoError(t, m.MessageLog(fakeLog{}).Append(t.Context(), []messagelog.Record{record}))
	_, err = m.LogStore(fakeStore{}, time.Now).Store(t.Context(), minlog.Partition{Topic: "t"}, 0, 4, minlog.Batch{
		Registrations: []minlog.Registration{{
			Entry:     minlog.Entry{Person: minlog.ID{Source: "CPR", Value: person}, User: minlog.ID{Source: "CPR", Value: person}, System: "FMK"},
			Registrar: minlog.Registrar{CVR: organisation, MessageID: message}, ReceivedAt: at,
		}, {}},
		Tallies:     []minlog.Tally{{Registrar: minlog.Registrar{CVR: organisation}, Rejected: map[string]int{person: 1}}},
		DeadLetters: []minlog.DeadLetter{{Reason: person, Payload: []byte(person)}},
	})
	require.NoError(t, err)
	run := job.Run{Name: "cleanup", FinishedAt: at, SucceededAt: at, OK: true, Detail: person}
	require.NoError(t, m.JobRuns(&fakeRuns{}).Keep(t.Context(), run))

	_, text := get(t, m.Handler(), "/")
	for _, secret := range []string{person, message, organisation} {
		assert.NotContains(t, text, secret)
	}
	allowed := []string{
		"category", "code", "commit", "goversion", "job", "kind", "le", "limit", "listener", "operation", "outcome", "partition", "quantile",
		"reason", "result", "service", "step", "topic", "version",
	}
	labels := regexp.MustCompile(`[{,]([a-z_]+)="`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, labels)
	for _, label := range labels {
		assert.Contains(t, allowed, label[1])
	}
}

func TestHealth(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var database, names, alarm error
	var lag []string
	probes := 0
	h := &telemetry.Health{
		Checks: []telemetry.Check{
			{Name: "Database", Failure: "not reachable", Probe: func(context.Context) error { probes++; return database }},
			{Name: "Names", Failure: "not reachable", Optional: true, Probe: func(context.Context) error { return names }},
		},
		Alarms:    []telemetry.Alarm{func(context.Context) ([]string, error) { return lag, alarm }},
		Threshold: 3, Cache: 5 * time.Second, Timeout: time.Second, Now: func() time.Time { return now },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Build: telemetry.Build{Version: "v1", Commit: "abc", Time: "t"},
	}
	paths := h.Handlers("minlog2-registration")
	ask := func(path string) (int, string) { return get(t, paths[path], path) }
	expect := func(path string, code int, body string) {
		t.Helper()
		gotCode, gotBody := ask(path)
		assert.Equal(t, code, gotCode, path)
		assert.Equal(t, body, gotBody, path)
	}

	expect("/status", 200, "Database : OK\nNames : OK\n")
	expect("/alarm", 200, "OK\n")
	expect("/version", 200, "minlog2-registration v1 (abc, t)\n")
	expect("/health", 200, `{"status":"UP"}`)
	expect("/actuator/health", 200, `{"status":"UP"}`)
	assert.Equal(t, 1, probes, "the result is kept for the cache's time")

	database = errors.New("password hush refused")
	for range 2 {
		now = now.Add(5 * time.Second)
		expect("/status", 200, "Database : OK\nNames : OK\n")
	}
	expect("/status", 200, "Database : OK\nNames : OK\n")
	now = now.Add(5 * time.Second)
	expect("/status", 500, "Database : ERROR not reachable\nNames : OK\n")
	expect("/alarm", 500, "Database: not reachable\n")
	expect("/health", 503, `{"status":"DOWN"}`)
	code, body := get(t, h.Admin(telemetry.NewMetrics(telemetry.Build{}), func(context.Context) error { return nil }), "/readyz")
	assert.Equal(t, 503, code, "a server that cannot do its work is not ready")
	assert.Equal(t, "not ready\nDatabase : ERROR not reachable\nNames : OK\n", body)
	database = nil
	now = now.Add(5 * time.Second)
	expect("/status", 200, "Database : OK\nNames : OK\n")

	names = errors.New("gone")
	for range 3 {
		now = now.Add(5 * time.Second)
		ask("/status")
	}
	expect("/status", 200, "Database : OK\nNames : ERROR not reachable\n")
	lag, alarm = []string{"consumer: far behind"}, errors.New("cause")
	expect("/alarm", 500, "Names: not reachable\nan alarm cannot be asked; the log tells why\nconsumer: far behind\n")

	lag, alarm, names = nil, nil, nil
	now = now.Add(5 * time.Second)
	h.Warnings = []telemetry.Alarm{func(context.Context) ([]string, error) { return []string{"trust files cannot be read"}, nil }}
	expect("/alarm", 500, "trust files cannot be read\n")
	code, body = get(t, h.Admin(telemetry.NewMetrics(telemetry.Build{}), func(context.Context) error { return nil }), "/readyz")
	assert.Equal(t, 200, code, "it goes on with what it has")
	assert.Equal(t, "OK\nwarning: trust files cannot be read\n", body)

	var ready error
	admin := h.Admin(telemetry.NewMetrics(telemetry.Build{}), func(context.Context) error { return ready })
	code, _ = get(t, admin, "/readyz")
	assert.Equal(t, 200, code)
	ready = errors.New("no")
	code, _ = get(t, admin, "/readyz")
	assert.Equal(t, 503, code)
	h.Drain()
	ready = nil
	code, _ = get(t, admin, "/readyz")
	assert.Equal(t, 503, code)
	code, _ = get(t, admin, "/livez")
	assert.Equal(t, 200, code)
	code, body = ask("/status")
	assert.Equal(t, 500, code)
	assert.Contains(t, body, "Server : ERROR shutting down\n")
}

func TestReadBuild(t *testing.T) {
	b := telemetry.ReadBuild()
	assert.NotEmpty(t, b.Version)
	assert.NotEmpty(t, b.Commit)
	assert.Contains(t, b.Of("sts"), "sts "+b.Version+" (")
}
