package rest_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/messagelog"
)

const (
	pathCleanup    = "/api/minlog/v1/cleanup"
	pathRunCleanup = "/minlog2-cleanup/run"
	pathConsumer   = "/api/minlog/v1/consumer"
)

// fakeCleanup is a clean-up whose runs go on until they are let go.
type fakeCleanup struct {
	mu    sync.Mutex
	runs  int
	going chan struct{}
}

func (f *fakeCleanup) begin() scheduling.Work {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs++
	f.going = make(chan struct{})
	return fakeRun(f.going)
}

func (f *fakeCleanup) begun() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.runs
}

func (f *fakeCleanup) letGo() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.going)
}

type fakeRun chan struct{}

func (r fakeRun) Step(ctx context.Context) (bool, error) {
	select {
	case <-r:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (fakeRun) End(error) any { return logkeeping.Cleaned{RowsDeleted: 7} }

// runJobs has the server run jobs until the test ends.
func (h *house) runJobs(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { h.runner.Run(ctx); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	h.ticks <- time.Now() // it takes one when it has begun
}

// finished waits until no run goes on.
func (h *house) finished(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		status, err := h.runner.Status(t.Context())
		return err == nil && status[0].Holder == "" && status[0].Result == scheduling.OK
	}, time.Minute, time.Millisecond)
}

// Nobody but an administrator sees the operation of MinLog or changes it.
func TestOperationIsForAdministrators(t *testing.T) {
	h := start(t)
	h.runJobs(t)
	require.NoError(t, logkeeping.EnsureTopic(t.Context(), h.db.Topics(), "minlog", messagelog.Spec{Partitions: 1}))
	// a run that has ended: the runner would go on with another one by itself
	require.NoError(t, h.db.JobRuns().Keep(t.Context(), job.Run{Name: logkeeping.CleanupJob, StartedAt: noon, FinishedAt: noon, SucceededAt: noon, OK: true}))
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
				assert.Zero(t, h.cleaned.begun())
			})
		}
	}
	begun := 0
	for _, token := range []string{h.as(t, "administrator"), operatorToken} {
		for _, o := range operations {
			a := h.call(t, o.method, o.path, "", bearer(token)...)
			assert.Equal(t, o.status, a.Code, "%s %s: %s", o.method, o.path, a.Body)
			if o.method == http.MethodPost {
				begun++
				require.Eventually(t, func() bool { return h.cleaned.begun() == begun }, time.Minute, time.Millisecond)
				h.cleaned.letGo()
				h.finished(t)
			}
		}
	}
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
}

func TestRunCleanup(t *testing.T) {
	for _, path := range []string{pathCleanup, pathRunCleanup} {
		t.Run("AC-37 two at once: "+path, func(t *testing.T) {
			h := start(t)
			run := func() answer { return h.call(t, http.MethodPost, path, "", bearer(operatorToken)...) }
			h.problem(t, run(), http.StatusServiceUnavailable, fault.CodeProcessing)
			h.runJobs(t)
			a := run()
			assert.Equal(t, http.StatusAccepted, a.Code, "%s", a.Body)
			assert.Empty(t, a.Body.Bytes())
			assert.Equal(t, []string{"Admin/JobRun user=operator filter=minlog-cleanup"}, h.said(t))
			for _, other := range []string{pathCleanup, pathRunCleanup} {
				h.problem(t, h.call(t, http.MethodPost, other, "", bearer(operatorToken)...), http.StatusConflict, "job_running")
			}
			require.Eventually(t, func() bool { return h.cleaned.begun() == 1 }, time.Minute, time.Millisecond)
			assert.NotContains(t, h.get(t, operatorToken, pathCleanup).body, "finishedAt")
			h.cleaned.letGo()
			h.finished(t)
			shown := h.get(t, operatorToken, pathCleanup).body
			assert.Equal(t, true, shown["ok"])
			assert.InDelta(t, 7, shown["rowsDeleted"], 0)
			assert.Equal(t, http.StatusAccepted, run().Code, "then again")
		})
		t.Run("AC-37 one runs in another process: "+path, func(t *testing.T) {
			h := start(t)
			h.runJobs(t)
			got, err := h.db.Leases().Acquire(t.Context(), "job/"+logkeeping.CleanupJob, "b", time.Now(), time.Hour)
			require.NoError(t, err)
			require.True(t, got)
			h.problem(t, h.call(t, http.MethodPost, path, "", bearer(operatorToken)...), http.StatusConflict, "job_running")
			assert.Zero(t, h.cleaned.begun())
		})
		t.Run("a server that does not clean up: "+path, func(t *testing.T) {
			h := start(t)
			h.runner.Jobs = nil
			h.runJobs(t)
			h.problem(t, h.call(t, http.MethodPost, path, "", bearer(operatorToken)...), http.StatusNotFound, "no_such_job")
		})
	}
}

func TestConsumer(t *testing.T) {
	h := start(t)
	require.NoError(t, logkeeping.EnsureTopic(t.Context(), h.db.Topics(), "minlog", messagelog.Spec{Partitions: 2}))
	unreadable := []messagelog.Record{{Topic: "minlog", Key: []byte("a"), Value: []byte("x")}, {Topic: "minlog", Key: []byte("a"), Value: []byte("y")}}
	require.NoError(t, h.db.MessageLog().Append(t.Context(), unreadable))
	part := (&messagelog.Record{Key: []byte("a")}).PartitionOf(2)
	ask := func() (partitions []any, deadLetters any) {
		a := h.get(t, operatorToken, pathConsumer)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		return a.body["partitions"].([]any), a.body["deadLetters"]
	}
	h.consumer.Instance = "front-1"
	of := func(partition, next, end int) map[string]any {
		return map[string]any{"topic": "minlog", "partition": float64(partition), "next": float64(next), "end": float64(end), "lag": float64(end - next),
			"owner": "front-1", "state": "running"}
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
			h.runJobs(t)
			a := h.call(t, c.method, c.path, c.body, append(bearer(operatorToken), c.headers...)...)
			h.problem(t, a, c.status, c.code)
			assert.Equal(t, c.allow, a.Header().Get("Allow"))
			assert.Zero(t, h.cleaned.begun())
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
	h.runJobs(t)
	h.audit.Fail(errTest, nil)
	for _, path := range []string{pathCleanup, pathRunCleanup} {
		h.problem(t, h.call(t, http.MethodPost, path, "", bearer(operatorToken)...), http.StatusServiceUnavailable, fault.CodeProcessing)
	}
	assert.Zero(t, h.cleaned.begun(), "what would leave no audit line does not start")
}

// A server without the API still has the timer's address, and nothing else.
func TestMountCleanup(t *testing.T) {
	h := start(t)
	h.runJobs(t)
	h.echo = echo.New()
	rest.MountCleanup(h.echo, h.deps)
	assert.Equal(t, http.StatusAccepted, h.call(t, http.MethodPost, pathRunCleanup, "", bearer(operatorToken)...).Code)
	h.problem(t, h.call(t, http.MethodPost, pathRunCleanup, ""), http.StatusUnauthorized, fault.CodeMissingHeader)
	require.Eventually(t, func() bool { return h.cleaned.begun() == 1 }, time.Minute, time.Millisecond)
	for _, route := range h.echo.Routes() {
		assert.Equal(t, pathRunCleanup, route.Path)
	}
}
