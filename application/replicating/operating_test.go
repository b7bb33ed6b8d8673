package replicating_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/loading"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// runnerOf is a process that runs jobs on the stores of b.
func runnerOf(b *exportBench, instance string, log *memory.AuditLog, jobs ...scheduling.Job) *scheduling.Runner {
	return &scheduling.Runner{
		Leases: b.db.Leases(), Runs: b.db.JobRuns(), Units: b.db.Units(), Audit: log, Now: time.Now, NewID: func() string { return "00000000000000ab" },
		Log: slog.New(slog.DiscardHandler), Instance: instance, Jobs: jobs,
	}
}

// running runs the jobs of runners for a while of a synctest bubble.
func running(t *testing.T, while time.Duration, runners ...*scheduling.Runner) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	for _, r := range runners {
		go r.Run(ctx)
	}
	time.Sleep(while)
	synctest.Wait()
	cancel()
	synctest.Wait()
}

func TestJobs(t *testing.T) {
	t.Run("PC-44 of two processes one imports: each export once, in order", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, log := newExportBench(), &memory.AuditLog{}
			b.importer.Now = time.Now
			for n := range int64(20) {
				v := ecpr.Version{PID: ecpr.PID(fmt.Sprintf("v%02d", n)), Element: ecpr.Male, Valid: validity.Period{From: noon}}
				b.folder.files[n+1] = replicating.RowsOf([]ecpr.Change{{Person: person, Version: &v}}, nil)
			}
			j := b.importer.Job(time.Minute, 30*time.Second)
			running(t, 10*time.Minute, runnerOf(b, "a", log, j), runnerOf(b, "b", log, j))
			lines := log.Lines()
			require.Len(t, lines, 20)
			for i, l := range lines {
				assert.Equal(t, audit.ECPR, l.Route)
				assert.Equal(t, audit.Notes{{Component: audit.ECPR, Contexts: []audit.ContextNotes{{Context: audit.ImportRun,
					Information: []audit.Information{audit.ExportNumber.Is(fmt.Sprint(i + 1)), audit.Rows.Is("1")}}}}}, l.Notes)
			}
			keys := b.copied(t, "gender")
			require.Len(t, keys, 20)
			assert.IsIncreasing(t, keys)
		})
	})
	t.Run("PC-44 a missing export raises the alarm until it is there", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newExportBench()
			b.folder.files[2] = nil
			r := runnerOf(b, "a", &memory.AuditLog{}, b.importer.Job(time.Minute, 0))
			running(t, 3*time.Minute, r)
			alarms, err := r.Alarms(t.Context())
			require.NoError(t, err)
			require.Len(t, alarms, 1)
			assert.Contains(t, alarms[0], "ecpr-import failed")
			b.folder.files[1] = nil
			running(t, 2*time.Minute, r)
			alarms, err = r.Alarms(t.Context())
			require.NoError(t, err)
			assert.Empty(t, alarms)
		})
	})
	t.Run("each export leaves a line with its number, and none without data", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, log := newExportBench(), &memory.AuditLog{}
			b.genders(4)
			running(t, 5*time.Hour, runnerOf(b, "a", log, b.exporter.Job(time.Hour, 0)))
			lines := log.Lines()
			require.Len(t, lines, 2)
			assert.Equal(t, audit.Notes{{Component: audit.ECPR, Contexts: []audit.ContextNotes{{Context: audit.ExportRun,
				Information: []audit.Information{audit.ExportNumber.Is("2"), audit.Rows.Is("1")}}}}}, lines[1].Notes)
		})
	})
	t.Run("no export without its line", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b, log := newExportBench(), &memory.AuditLog{}
			b.genders(4)
			log.Fail(nil, errBoom)
			running(t, 5*time.Hour, runnerOf(b, "a", log, b.exporter.Job(time.Hour, 0)))
			assert.Empty(t, b.copied(t, "gender"))
			assert.Equal(t, stamdata.Export{}, b.state(t, replicating.ExportJob))
		})
	})
}

func TestHistory(t *testing.T) {
	b := newExportBench()
	h := replicating.History{State: b.db.ExportState(), Runs: b.db.JobRuns()}
	last := func() replicating.LastExport {
		t.Helper()
		l, err := h.Last(t.Context())
		require.NoError(t, err)
		return l
	}
	keep := func(r job.Run) {
		t.Helper()
		r.Name = replicating.ExportJob
		require.NoError(t, b.db.JobRuns().Keep(t.Context(), r))
	}
	assert.Equal(t, replicating.LastExport{}, last(), "none has run")
	require.NoError(t, b.db.JobRuns().Keep(t.Context(), job.Run{Name: "other", FinishedAt: noon, Detail: "x"}))
	keep(job.Run{StartedAt: noon})
	assert.Equal(t, replicating.LastExport{}, last(), "the first goes on")
	keep(job.Run{StartedAt: noon, FinishedAt: noon.Add(time.Minute), SucceededAt: noon.Add(time.Minute), OK: true})
	require.NoError(t, b.db.ExportState().Keep(t.Context(), replicating.ExportJob, stamdata.Export{Number: 1, At: noon}))
	assert.Equal(t, replicating.LastExport{Number: 1, At: noon.Add(time.Minute)}, last())
	keep(job.Run{StartedAt: noon.Add(time.Hour), SucceededAt: noon.Add(time.Minute)})
	assert.Equal(t, replicating.LastExport{Number: 1, At: noon.Add(time.Minute)}, last(), "the next goes on")
	keep(job.Run{StartedAt: noon.Add(time.Hour), FinishedAt: noon.Add(2 * time.Hour), SucceededAt: noon.Add(time.Minute)})
	assert.Equal(t, replicating.LastExport{Number: 1, At: noon.Add(2 * time.Hour), Failed: true}, last())
}

// loads tells of loads that never were.
type loads struct {
	ports.StamdataLoader
	reports []stamdata.LoadReport
}

func (l loads) Loads(_ context.Context, n int) ([]stamdata.LoadReport, error) {
	return l.reports[:min(n, len(l.reports))], nil
}

func TestOperation(t *testing.T) {
	b := newExportBench()
	reports := []stamdata.LoadReport{{File: "cpr-person.csv"}}
	o := replicating.Operation{
		Loader: loads{StamdataLoader: b.db.Stamdata(), reports: reports}, Runner: runnerOf(b, "a", &memory.AuditLog{}), State: b.db.ExportState(), Trail: admitting.Trail{},
	}
	administrator := identity.Caller{Kind: identity.Operator, Administrator: true}
	// call returns what a use case says in the audit log.
	call := func(f func(ctx context.Context)) audit.Notes {
		var notes audit.Notes
		f(admitting.WithNotes(t.Context(), &notes))
		return notes
	}

	t.Run("nobody but an administrator", func(t *testing.T) {
		for _, caller := range []identity.Caller{{}, {Kind: identity.System}, {Kind: identity.Professional, Org: identity.Organisation{CVR: "33257872"}}} {
			notes := call(func(ctx context.Context) {
				_, _, err := o.Imports(ctx, caller)
				require.True(t, fault.Is(err, fault.Forbidden))
				require.True(t, fault.Is(o.Import(ctx, caller), fault.Forbidden))
				_, _, err = o.Exports(ctx, caller)
				require.True(t, fault.Is(err, fault.Forbidden))
			})
			require.Len(t, notes[0].Contexts, 3)
			assert.Equal(t, audit.SDM, notes[0].Component)
			assert.Equal(t, audit.StamdataImport, notes[0].Contexts[1].Context)
		}
	})
	t.Run("the loads and the run of their job", func(t *testing.T) {
		notes := call(func(ctx context.Context) {
			loads, run, err := o.Imports(ctx, administrator)
			require.NoError(t, err)
			assert.Equal(t, reports, loads)
			assert.Equal(t, job.Run{Name: loading.Job}, run)
		})
		assert.Equal(t, []audit.Information{audit.User.Is("operator"), audit.Result.Is("1")}, notes[0].Contexts[0].Information)
		want := job.Run{Name: loading.Job, StartedAt: noon, FinishedAt: noon, OK: true, Detail: "{}"}
		require.NoError(t, b.db.JobRuns().Keep(t.Context(), want))
		_, run, err := o.Imports(t.Context(), administrator)
		require.NoError(t, err)
		assert.Equal(t, want, run)
	})
	t.Run("a load is a run of the job", func(t *testing.T) {
		require.ErrorIs(t, o.Import(t.Context(), administrator), scheduling.ErrNoJob, "of a server that has none")
	})
	t.Run("how far exports have come", func(t *testing.T) {
		b.genders(4)
		require.NoError(t, second(b.export(t)))
		b.folder.files[1] = nil
		require.NoError(t, second(b.imports(t)))
		exported, imported, err := o.Exports(t.Context(), administrator)
		require.NoError(t, err)
		assert.Equal(t, stamdata.Export{Number: 2, Cursor: 4, At: noon}, exported.State)
		assert.Equal(t, replicating.ExportJob, exported.Run.Name)
		assert.Equal(t, stamdata.Export{Number: 1, At: noon}, imported.State)
		assert.Equal(t, replicating.ImportJob, imported.Run.Name)
	})
}
