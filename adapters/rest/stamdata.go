package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/stamdata"
)

// The paths of the operation of registers.
const (
	pathImports = "/api/stamdata/v1/imports"
	pathExports = "/api/stamdata/v1/exports"
)

// registerEndpoints are those of the operation of registers, none where this server has none.
func (a *api) registerEndpoints(policy admitting.Policy) []endpoint {
	if a.Registers == nil {
		return nil
	}
	return []endpoint{
		{method: http.MethodGet, path: pathImports, operation: "ListImports", component: audit.SDM, policy: policy, serve: a.listImports},
		{method: http.MethodPost, path: pathImports, operation: "RunImport", component: audit.SDM, policy: policy, serve: a.runImport},
		{method: http.MethodGet, path: pathExports, operation: "ListExports", component: audit.SDM, policy: policy, serve: a.listExports},
	}
}

// jobRunJSON is the latest run of a job.
type jobRunJSON struct {
	StartedAt   time.Time       `json:"startedAt"`
	FinishedAt  time.Time       `json:"finishedAt,omitzero"` // none while it runs, or where it was cut off
	SucceededAt time.Time       `json:"succeededAt,omitzero"`
	OK          bool            `json:"ok"`
	Detail      json.RawMessage `json:"detail,omitempty"` // what the job tells of it
}

// latestRun is nil for a job that has not run.
func latestRun(r job.Run) *jobRunJSON {
	if r.StartedAt.IsZero() {
		return nil
	}
	run := &jobRunJSON{StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, SucceededAt: r.SucceededAt, OK: r.OK}
	if json.Valid([]byte(r.Detail)) {
		run.Detail = json.RawMessage(r.Detail)
	}
	return run
}

func (a *api) listImports(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	loads, run, err := a.Registers.Imports(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		Run   *jobRunJSON           `json:"run,omitempty"`
		Loads []stamdata.LoadReport `json:"loads"`
	}{latestRun(run), loads}
	if loads == nil {
		answer.Loads = []stamdata.LoadReport{}
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

func (a *api) runImport(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusAccepted}, a.Registers.Import(ctx, caller)
}

// transferJSON is how far an export, or an import of exports, has come.
type transferJSON struct {
	Number int64       `json:"number"` // of the last one that held data
	At     time.Time   `json:"at,omitzero"`
	Run    *jobRunJSON `json:"run,omitempty"`
}

func transferOf(t replicating.Transfer) transferJSON {
	return transferJSON{Number: t.State.Number, At: t.State.At, Run: latestRun(t.Run)}
}

func (a *api) listExports(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	exported, imported, err := a.Registers.Exports(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: struct {
		Export transferJSON `json:"export"`
		Import transferJSON `json:"import"`
	}{transferOf(exported), transferOf(imported)}}, nil
}
