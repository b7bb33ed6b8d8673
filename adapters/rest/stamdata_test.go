package rest_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/application/loading"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

const (
	pathImports = "/api/stamdata/v1/imports"
	pathExports = "/api/stamdata/v1/exports"
)

func TestRegisters(t *testing.T) {
	t.Run("for administrators alone", func(t *testing.T) {
		h := start(t)
		for _, who := range []string{"", "laege", "region", nancy} {
			token, status, code := "", http.StatusUnauthorized, fault.CodeMissingHeader
			if who != "" {
				token, status, code = h.as(t, who), http.StatusForbidden, fault.CodeNotAuthorized
			}
			h.problem(t, h.get(t, token, pathImports), status, code)
			h.problem(t, h.call(t, http.MethodPost, pathImports, "", bearer(token)...), status, code)
			h.problem(t, h.get(t, token, pathExports), status, code)
		}
		token := h.as(t, "administrator")
		assert.Equal(t, http.StatusOK, h.get(t, token, pathImports).Code)
		assert.Equal(t, http.StatusOK, h.get(t, token, pathExports).Code)
	})
	t.Run("loads, and the latest run of their job", func(t *testing.T) {
		h := start(t)
		assert.JSONEq(t, `{"loads":[]}`, h.get(t, operatorToken, pathImports).Body.String())
		require.NoError(t, h.db.JobRuns().Keep(t.Context(), job.Run{Name: loading.Job, StartedAt: noon, FinishedAt: noon.Add(time.Second), Detail: `{"detail":"why"}`}))
		a := h.get(t, operatorToken, pathImports)
		require.Equal(t, http.StatusOK, a.Code)
		assert.JSONEq(t, `{"run":{"startedAt":"2026-11-21T12:00:00Z","finishedAt":"2026-11-21T12:00:01Z","ok":false,"detail":{"detail":"why"}},"loads":[]}`, a.Body.String())
		lines := h.audit.Lines()
		assert.Equal(t, audit.SDM, lines[len(lines)-1].Route)
	})
	t.Run("a run of the job goes on beside the caller, one at a time", func(t *testing.T) {
		h := start(t)
		h.problem(t, h.call(t, http.MethodPost, pathImports, "", bearer(operatorToken)...), http.StatusNotFound, "no_such_job")
		h.runner.Jobs = []scheduling.Job{{Name: loading.Job, Begin: h.cleaned.begin}}
		h.runJobs(t)
		require.Equal(t, http.StatusAccepted, h.call(t, http.MethodPost, pathImports, "", bearer(operatorToken)...).Code)
		assert.Equal(t, []string{"SDM/StamdataImport user=operator"}, h.said(t))
		require.Eventually(t, func() bool { return h.cleaned.begun() == 1 }, time.Minute, time.Millisecond)
		h.problem(t, h.call(t, http.MethodPost, pathImports, "", bearer(operatorToken)...), http.StatusConflict, "job_running")
		h.cleaned.letGo()
		h.finished(t)
	})
	t.Run("how far exports have come", func(t *testing.T) {
		h := start(t)
		assert.JSONEq(t, `{"export":{"number":0},"import":{"number":0}}`, h.get(t, operatorToken, pathExports).Body.String())
		require.NoError(t, h.db.ExportState().Keep(t.Context(), replicating.ExportJob, stamdata.Export{Number: 1, Cursor: 7, At: noon}))
		require.NoError(t, h.db.JobRuns().Keep(t.Context(), job.Run{Name: replicating.ImportJob, StartedAt: noon, Detail: "no JSON"}))
		assert.JSONEq(t, `{"export":{"number":1,"at":"2026-11-21T12:00:00Z"},"import":{"number":0,"run":{"startedAt":"2026-11-21T12:00:00Z","ok":false}}}`,
			h.get(t, operatorToken, pathExports).Body.String())
	})
	t.Run("no query and no body", func(t *testing.T) {
		h := start(t)
		for _, path := range []string{pathImports, pathExports} {
			assert.Equal(t, http.StatusBadRequest, h.call(t, http.MethodGet, path+"?x=1", "", bearer(operatorToken)...).Code)
			assert.Equal(t, http.StatusBadRequest, h.call(t, http.MethodGet, path, "{}", bearer(operatorToken)...).Code)
		}
		assert.Equal(t, http.StatusBadRequest, h.call(t, http.MethodPost, pathImports, "{}", bearer(operatorToken)...).Code)
	})
}

// unreadable is a state that cannot be read.
type unreadable struct{ ports.ExportState }

func (unreadable) State(context.Context, string) (stamdata.Export, error) {
	return stamdata.Export{}, fault.Error{Kind: fault.Unavailable, Text: "postgres 0202801111"}
}

func TestExportHistory(t *testing.T) {
	h := start(t)
	var log bytes.Buffer
	history := &replicating.History{State: h.db.ExportState(), Runs: h.db.JobRuns()}
	ask := func(method string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		rest.ExportHistory(history, slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, rest.PathExportHistory, nil))
		return w
	}
	told := func(want string, status int) {
		t.Helper()
		w := ask(http.MethodGet)
		assert.Equal(t, want, w.Body.String())
		assert.Equal(t, status, w.Code)
		assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	}
	told("Export History:\nHttp status: 200 OK\nError message: no error\nExport number: 0\nExport time of last export: never\n", http.StatusOK)

	at := time.Date(2026, 12, 20, 20, 45, 5, 0, time.FixedZone("CET", 3600))
	run := job.Run{Name: replicating.ExportJob, StartedAt: at, FinishedAt: at, SucceededAt: at, OK: true}
	require.NoError(t, h.db.JobRuns().Keep(t.Context(), run))
	for n := range int64(2) {
		require.NoError(t, h.db.ExportState().Keep(t.Context(), replicating.ExportJob, stamdata.Export{Number: n + 1, At: noon}))
	}
	told("Export History:\nHttp status: 200 OK\nError message: no error\nExport number: 2\nExport time of last export: 12/20/2026 19:45:05\n", http.StatusOK)

	run.OK, run.FinishedAt, run.Detail = false, at.Add(time.Hour), `{"detail":"postgres 0202801111"}`
	require.NoError(t, h.db.JobRuns().Keep(t.Context(), run))
	told("Export History:\nHttp status: 500 Internal Server Error\nError message: the last export failed\nExport number: 2\nExport time of last export: 12/20/2026 20:45:05\n",
		http.StatusInternalServerError)

	assert.Equal(t, http.StatusMethodNotAllowed, ask(http.MethodPost).Code)
	assert.Equal(t, http.StatusInternalServerError, ask(http.MethodHead).Code)
	history.State = unreadable{}
	told("Export History:\nHttp status: 500 Internal Server Error\nError message: the state of the export cannot be read\nExport number: 0\nExport time of last export: never\n",
		http.StatusInternalServerError)
	assert.Empty(t, h.audit.Lines(), "it is no call")
}
