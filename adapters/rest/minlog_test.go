package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/messagelog"
)

const (
	pathCleanup    = "/api/minlog/v1/cleanup"
	pathRunCleanup = "/minlog2-cleanup/run"
	pathConsumer   = "/api/minlog/v1/consumer"
)

// Nobody but an administrator sees the operation of MinLog or changes it.
func TestOperationIsForAdministrators(t *testing.T) {
	h := start(t)
	require.NoError(t, logkeeping.EnsureTopic(t.Context(), h.db.Topics(), "minlog", messagelog.Spec{Partitions: 1}))
	require.NoError(t, h.db.JobRuns().Keep(t.Context(), job.Run{Name: logkeeping.CleanupJob, StartedAt: noon}))
	operations := []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, pathCleanup, 200}, {http.MethodPost, pathCleanup, 202}, {http.MethodPost, pathRunCleanup, 202}, {http.MethodGet, pathConsumer, 200},
	}
	for _, who := range []string{"", "laege", "spaerringsadm", "region", nancy} {
		token, status, code := "", http.StatusUnauthorized, fault.CodeMissingHeader
		if who != "" {
			token, status, code = h.as(t, who), http.StatusForbidden, fault.CodeNotAuthorized
		}
		for _, o := range operations {
			t.Run("SU-6 "+o.method+" "+o.path+" by another", func(t *testing.T) {
				h.now = h.now.Add(time.Second)
				h.problem(t, h.call(t, o.method, o.path, "", bearer(token)...), status, code)
				assert.Zero(t, h.started)
			})
		}
	}
	for _, token := range []string{h.as(t, "administrator"), operatorToken} {
		for _, o := range operations {
			a := h.call(t, o.method, o.path, "", bearer(token)...)
			assert.Equal(t, o.status, a.Code, "%s %s: %s", o.method, o.path, a.Body)
		}
	}
	assert.Equal(t, 4, h.started)
}

func TestCleanup(t *testing.T) {
	h := start(t)
	keep := func(r job.Run) {
		r.Name, r.StartedAt = logkeeping.CleanupJob, noon
		require.NoError(t, h.db.JobRuns().Keep(t.Context(), r))
	}
	shown := func() map[string]any {
		a := h.get(t, operatorToken, pathCleanup)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		return a.body
	}
	require.NoError(t, h.db.JobRuns().Keep(t.Context(), job.Run{Name: "another", StartedAt: noon, OK: true}))
	h.problem(t, h.get(t, operatorToken, pathCleanup), http.StatusNotFound, "no_such_run")

	keep(job.Run{})
	assert.Equal(t, map[string]any{"startedAt": "2026-11-21T12:00:00Z", "ok": false, "partitionsDropped": 0.0, "rowsDeleted": 0.0}, shown(), "it goes on")
	assert.Equal(t, []string{"Admin/ReadJob user=operator filter=minlog-cleanup"}, h.said(t))
	keep(job.Run{FinishedAt: noon.Add(time.Minute), OK: true, Detail: `{"cutoff":"2024-01-01T00:00:00Z","partitionsDropped":1,"rowsDeleted":7}`})
	assert.Equal(t, map[string]any{
		"startedAt": "2026-11-21T12:00:00Z", "finishedAt": "2026-11-21T12:01:00Z", "ok": true, "cutoff": "2024-01-01T00:00:00Z",
		"partitionsDropped": 1.0, "rowsDeleted": 7.0,
	}, shown())
	for _, failed := range []string{"the disk is full", `{"detail":"the disk is full"}`} {
		keep(job.Run{FinishedAt: noon.Add(time.Minute), Detail: failed})
		assert.Equal(t, "the disk is full", shown()["detail"])
	}
	for _, path := range []string{pathCleanup, pathRunCleanup} {
		h.started, h.refusing = 0, nil
		run := func() answer { return h.call(t, http.MethodPost, path, "", bearer(operatorToken)...) }
		t.Run("AC-37 it runs beside the answer: "+path, func(t *testing.T) {
			a := run()
			assert.Equal(t, http.StatusAccepted, a.Code, "%s", a.Body)
			assert.Empty(t, a.Body.Bytes())
			assert.Equal(t, 1, h.started)
			assert.Equal(t, []string{"Admin/JobRun user=operator filter=minlog-cleanup"}, h.said(t))
		})
		t.Run("AC-37 two at once: "+path, func(t *testing.T) {
			h.refusing = fault.Error{Kind: fault.Conflict, Code: "already_running", Text: "It runs already."}
			h.problem(t, run(), http.StatusConflict, "already_running")
			assert.Equal(t, 1, h.started)
		})
		t.Run("it cannot start: "+path, func(t *testing.T) {
			h.refusing = errTest
			h.problem(t, run(), http.StatusInternalServerError, fault.CodeProcessing)
		})
	}
}

func TestConsumer(t *testing.T) {
	h := start(t)
	require.NoError(t, logkeeping.EnsureTopic(t.Context(), h.db.Topics(), "minlog", messagelog.Spec{Partitions: 2}))
	unreadable := []messagelog.Record{{Topic: "minlog", Key: []byte("a"), Value: []byte("x")}, {Topic: "minlog", Key: []byte("a"), Value: []byte("y")}}
	require.NoError(t, h.db.MessageLog().Append(t.Context(), unreadable))
	part := messagelog.PartitionOf([]byte("a"), 2)
	ask := func() (partitions []any, deadLetters any) {
		a := h.get(t, operatorToken, pathConsumer)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		return a.body["partitions"].([]any), a.body["deadLetters"]
	}
	of := func(partition, next, end int) map[string]any {
		return map[string]any{"topic": "minlog", "partition": float64(partition), "next": float64(next), "end": float64(end), "lag": float64(end - next),
			"state": "running"}
	}
	want := []any{of(0, 0, 0), of(1, 0, 0)}
	want[part] = of(part, 0, 2)
	partitions, dead := ask()
	assert.Equal(t, want, partitions)
	assert.Zero(t, dead)
	assert.Equal(t, []string{"Admin/ReadConsumer user=operator result=2"}, h.said(t))

	_, err := h.consumer.Step(t.Context(), part)
	require.NoError(t, err)
	want[part] = of(part, 2, 2)
	partitions, dead = ask()
	assert.Equal(t, want, partitions)
	assert.InDelta(t, 2, dead, 0)
}

func TestBadInputOfOperation(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code, allow              string
	}{
		{name: "a query", method: http.MethodGet, path: pathCleanup + "?x=1", status: 400, code: fault.CodeSyntax},
		{name: "a query of a run", method: http.MethodPost, path: pathCleanup + "?cutoff=2030-01-01T00:00:00Z", status: 400, code: fault.CodeSyntax},
		{name: "a query of the timer", method: http.MethodPost, path: pathRunCleanup + "?force", status: 400, code: fault.CodeSyntax},
		{name: "a query of the consumer", method: http.MethodGet, path: pathConsumer + "?partition=0", status: 400, code: fault.CodeSyntax},
		{name: "a body of a read", method: http.MethodGet, path: pathCleanup, body: "{}", status: 400, code: fault.CodeSyntax},
		{name: "a body of a run", method: http.MethodPost, path: pathCleanup, body: `{"cutoff":"2030-01-01T00:00:00Z"}`, status: 400, code: fault.CodeSyntax},
		{name: "a body of the timer", method: http.MethodPost, path: pathRunCleanup, body: " ", status: 400, code: fault.CodeSyntax},
		{name: "SA-36 a body of 64 KiB and an octet", method: http.MethodPost, path: pathRunCleanup, body: strings.Repeat(" ", 64<<10+1), status: 413, code: fault.CodeSyntax},
		{name: "compressed", method: http.MethodPost, path: pathCleanup, headers: []string{"Content-Encoding", "gzip"}, status: 400, code: fault.CodeSyntax},
		{name: "a key with blanks", method: http.MethodPost, path: pathCleanup, headers: []string{"Idempotency-Key", "a b"}, status: 400, code: fault.CodeSyntax},
		{name: "F-6 GET at the timer's address", method: http.MethodGet, path: pathRunCleanup, status: 405, code: fault.CodeHTTPMethod, allow: "POST"},
		{name: "HEAD at the timer's address", method: http.MethodHead, path: pathRunCleanup, status: 405, code: fault.CodeHTTPMethod, allow: "POST"},
		{name: "PUT", method: http.MethodPut, path: pathCleanup, status: 405, code: fault.CodeHTTPMethod, allow: "GET, POST"},
		{name: "DELETE", method: http.MethodDelete, path: pathCleanup, status: 405, code: fault.CodeHTTPMethod, allow: "GET, POST"},
		{name: "POST to the consumer", method: http.MethodPost, path: pathConsumer, status: 405, code: fault.CodeHTTPMethod, allow: "GET"},
		{name: "a path with a slash too many", method: http.MethodPost, path: pathCleanup + "/", status: 404, code: "no_such_resource"},
		{name: "a path in capitals", method: http.MethodGet, path: "/api/minlog/v1/Consumer", status: 404, code: "no_such_resource"},
		{name: "a number in the path", method: http.MethodGet, path: pathConsumer + "/" + nancy, status: 404, code: "no_such_resource"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := start(t)
			a := h.call(t, c.method, c.path, c.body, append(bearer(operatorToken), c.headers...)...)
			h.problem(t, a, c.status, c.code)
			assert.Equal(t, c.allow, a.Header().Get("Allow"))
			assert.Zero(t, h.started)
		})
	}
}

func TestWithoutMinLog(t *testing.T) {
	h := start(t, func(h *house) { h.deps.Cleaning, h.deps.Consumption = nil, nil })
	for _, path := range []string{pathCleanup, pathConsumer} {
		h.problem(t, h.get(t, operatorToken, path), http.StatusNotFound, "no_such_resource")
	}
}

func TestRunWithoutAuditLog(t *testing.T) {
	h := start(t)
	h.audit.Fail(errTest, nil)
	for _, path := range []string{pathCleanup, pathRunCleanup} {
		h.problem(t, h.call(t, http.MethodPost, path, "", bearer(operatorToken)...), http.StatusServiceUnavailable, fault.CodeProcessing)
	}
	assert.Zero(t, h.started, "what would leave no audit line does not start")
}

// A server without the API still has the timer's address, and nothing else.
func TestMountCleanup(t *testing.T) {
	h := start(t)
	h.echo = echo.New()
	rest.MountCleanup(h.echo, h.deps)
	assert.Equal(t, http.StatusAccepted, h.call(t, http.MethodPost, pathRunCleanup, "", bearer(operatorToken)...).Code)
	h.problem(t, h.call(t, http.MethodPost, pathRunCleanup, ""), http.StatusUnauthorized, fault.CodeMissingHeader)
	assert.Equal(t, 1, h.started)
	for _, route := range h.echo.Routes() {
		assert.Equal(t, pathRunCleanup, route.Path)
	}
}
