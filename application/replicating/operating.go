package replicating

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/loading"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// History tells how the export goes: to whoever asks, and without anything of persons. It is safe for concurrent use.
type History struct {
	State ports.ExportState
	Runs  ports.JobRuns
}

// LastExport is how the export went last.
type LastExport struct {
	Number int64     // exports that held data
	At     time.Time // when a run last ended without error, or failed if the last one did; zero if none has ended
	Failed bool
}

// Last returns how the export went last.
func (h *History) Last(ctx context.Context) (LastExport, error) {
	state, err := h.State.State(ctx, ExportJob)
	if err != nil {
		return LastExport{}, fmt.Errorf("find last export: %w", err)
	}
	run, err := lastRun(ctx, h.Runs, ExportJob)
	if err != nil {
		return LastExport{}, err
	}
	last := LastExport{Number: state.Number, At: run.SucceededAt}
	if !run.FinishedAt.IsZero() && !run.OK {
		last.At, last.Failed = run.FinishedAt, true
	}
	return last, nil
}

func lastRun(ctx context.Context, runs ports.JobRuns, name string) (job.Run, error) {
	all, err := runs.Runs(ctx)
	if err != nil {
		return job.Run{}, fmt.Errorf("read runs of jobs: %w", err)
	}
	for _, r := range all {
		if r.Name == name {
			return r, nil
		}
	}
	return job.Run{Name: name}, nil
}

// Operation shows administrators how registers were loaded and exported, and has them loaded. It is safe for concurrent use.
type Operation struct {
	Loader ports.StamdataLoader
	Runner *scheduling.Runner // which has the jobs, where this process does them
	State  ports.ExportState
	Trail  ports.Trail
}

// shownLoads is how many loads are shown.
const shownLoads = 100

var errNotAdministrator = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "Only an administrator may do this."}

// administers lets only an administrator go on, and says in the audit log who asks, whether or not it is allowed.
func (o *Operation) administers(ctx context.Context, where audit.Context, caller identity.Caller) error {
	user := caller.Kind.String()
	if caller.Org.CVR != "" {
		user += "/" + caller.Org.CVR
	}
	o.Trail.Note(ctx, audit.SDM, where, audit.User.Is(user))
	if !caller.Administrator {
		return errNotAdministrator
	}
	return nil
}

// Imports returns the latest loads of registers, newest first, and the latest run of the job that does them, never begun if there is none.
func (o *Operation) Imports(ctx context.Context, caller identity.Caller) ([]stamdata.LoadReport, job.Run, error) {
	if err := o.administers(ctx, audit.ListImports, caller); err != nil {
		return nil, job.Run{}, err
	}
	loads, err := o.Loader.Loads(ctx, shownLoads)
	if err != nil {
		return nil, job.Run{}, fmt.Errorf("read loads: %w", err)
	}
	run, err := lastRun(ctx, o.Runner.Runs, loading.Job)
	if err != nil {
		return nil, job.Run{}, err
	}
	o.Trail.Note(ctx, audit.SDM, audit.ListImports, audit.Result.Is(strconv.Itoa(len(loads))))
	return loads, run, nil
}

// Import has registers loaded, beside what the caller does next; fault.Conflict while that goes on, in whatever process.
func (o *Operation) Import(ctx context.Context, caller identity.Caller) error {
	if err := o.administers(ctx, audit.StamdataImport, caller); err != nil {
		return err
	}
	return o.Runner.Trigger(ctx, loading.Job)
}

// Transfer is how far exports, or imports of them, have come.
type Transfer struct {
	State stamdata.Export
	Run   job.Run // the latest of its job; never begun if there is none
}

// Exports returns how far the export and the import have come.
func (o *Operation) Exports(ctx context.Context, caller identity.Caller) (exported, imported Transfer, err error) {
	if err := o.administers(ctx, audit.ListExports, caller); err != nil {
		return Transfer{}, Transfer{}, err
	}
	if exported, err = o.transfer(ctx, ExportJob); err != nil {
		return Transfer{}, Transfer{}, err
	}
	imported, err = o.transfer(ctx, ImportJob)
	return exported, imported, err
}

func (o *Operation) transfer(ctx context.Context, name string) (t Transfer, err error) {
	if t.State, err = o.State.State(ctx, name); err != nil {
		return t, fmt.Errorf("find state of %s: %w", name, err)
	}
	t.Run, err = lastRun(ctx, o.Runner.Runs, name)
	return t, err
}
