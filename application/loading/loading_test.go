package loading_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/loading"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

const (
	persons = "cpr;status;fornavn\n"
	man     = "1403800099"
	woman   = "2207820468"
	units   = "sorNummer;overordnetSor;type;navn\n"
)

var errBoom = errors.New("boom")

// folder is a folder of files by name.
type folder struct {
	t     *testing.T
	files map[string]string
	open  int // files that were not closed
	fail  error
}

func (f *folder) Names(context.Context) ([]string, error) {
	var names []string
	for name := range f.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, f.fail
}

func (f *folder) Open(_ context.Context, name string) (stamdata.File, io.Closer, error) {
	if _, _, err := stamdata.RegisterOf(name); err != nil {
		return stamdata.File{}, nil, err
	}
	if f.files[name] == "locked" {
		return stamdata.File{}, nil, errBoom
	}
	f.open++
	return portstest.RegisterFile(f.t, name, f.files[name]), f, nil
}

func (f *folder) Close() error {
	f.open--
	return nil
}

// house is an import on a store in memory, with the runner of its job.
type house struct {
	db     *memory.DB
	files  *folder
	loader *portstest.FailingStamdataLoader
	trees  *loading.Trees
	audit  *memory.AuditLog
	lines  *portstest.FailingAuditLog
	log    *strings.Builder
	runner *scheduling.Runner
}

func newHouse(t *testing.T, files map[string]string) *house {
	h := &house{db: memory.New(time.Now), files: &folder{t: t, files: files}, audit: &memory.AuditLog{}, log: &strings.Builder{}}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	h.loader = &portstest.FailingStamdataLoader{Loader: h.db.Stamdata()}
	h.trees = &loading.Trees{Units: h.db.OrgUnits(), Log: log}
	h.lines = &portstest.FailingAuditLog{Log: h.audit}
	importer := &loading.Importer{
		Files: h.files, Loader: h.loader, Trees: h.trees, Trail: admitting.Trail{}, Now: time.Now, Log: log, Share: 0.1,
	}
	h.runner = &scheduling.Runner{
		Leases: h.db.Leases(), Runs: h.db.JobRuns(), Units: h.db.Units(), Audit: h.lines, Now: time.Now, Log: log, Instance: "a",
		NewID: func() string { return "00000000000000ab" }, Jobs: []scheduling.Job{importer.Job(time.Hour, time.Minute)},
	}
	return h
}

// run runs the job once and returns what it tells of itself.
func (h *house) run(t *testing.T) job.Run {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { h.runner.Run(ctx); close(done) }()
	synctest.Wait()
	runs, err := h.runner.Runs.Runs(ctx)
	require.NoError(t, err)
	cancel()
	<-done
	require.Len(t, runs, 1)
	require.Equal(t, loading.Job, runs[0].Name)
	assert.Zero(t, h.files.open, "files are closed")
	return runs[0]
}

func (h *house) name(t *testing.T, digits string) string {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	c, err := h.db.Register().Citizen(t.Context(), n)
	if err != nil {
		require.ErrorIs(t, err, stamdata.ErrUnknown)
		return ""
	}
	return c.Name.Given
}

func inBubble(t *testing.T, files map[string]string, check func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { check(t, newHouse(t, files)) })
}

// told are the values of the audit lines, a line each.
func (h *house) told() (lines []string) {
	for _, line := range h.audit.Lines() {
		var values []string
		require.Len(h.files.t, line.Notes, 1)
		require.Len(h.files.t, line.Notes[0].Contexts, 1)
		for _, info := range line.Notes[0].Contexts[0].Information {
			values = append(values, info.Key+"="+info.Value)
		}
		lines = append(lines, strings.Join(values, " "))
	}
	return lines
}

func TestImport(t *testing.T) {
	good := map[string]string{"cpr-person.csv": persons + man + ";01;A\n" + woman + ";01;B\n", "sor-enhed.csv": units + "100001;;sygehus;A\n"}

	t.Run("every file is loaded, announced in the audit log before and told after", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, h *house) {
			r := h.run(t)
			require.True(t, r.OK, r.Detail)
			assert.Contains(t, r.Detail, `"file":"cpr-person.csv","register":"cpr-person"`)
			assert.Equal(t, "A", h.name(t, man))
			assert.Equal(t, []string{
				"file=cpr-person.csv", "file=cpr-person.csv rows=2 result=loaded", "file=sor-enhed.csv", "file=sor-enhed.csv rows=1 result=loaded",
			}, h.told())
			assert.Equal(t, 1, h.trees.Current().Len(), "the tree is that of the new units")
		})
	})

	t.Run("PC-49 a file is loaded once, and leaves no line when it is skipped", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, h *house) {
			h.run(t)
			lines := len(h.told())
			time.Sleep(time.Hour)
			r := h.run(t)
			assert.True(t, r.OK)
			assert.JSONEq(t, `{"skipped":2}`, r.Detail)
			assert.Len(t, h.told(), lines)
		})
	})

	t.Run("PC-49 a file that is refused stops none of the others, and fails the run", func(t *testing.T) {
		files := map[string]string{
			"cpr-barn.csv": "cpr;barnCPR\n" + man + ";9901010001\n", "nosuch.csv": "a\n", "cpr-vaerge.csv": "locked",
			"cpr-person.csv": good["cpr-person.csv"], "sor-enhed.csv": good["sor-enhed.csv"],
		}
		inBubble(t, files, func(t *testing.T, h *house) {
			r := h.run(t)
			assert.False(t, r.OK)
			assert.Equal(t, "A", h.name(t, man))
			assert.Equal(t, 1, h.trees.Current().Len())
			assert.Contains(t, r.Detail, `line 2, barnCPR: is no CPR number`)
			assert.Contains(t, r.Detail, `"file":"nosuch.csv"`)
			assert.Contains(t, r.Detail, `"file":"cpr-vaerge.csv"`)
			assert.Contains(t, h.told(), "file=cpr-barn.csv result=stamdata_bad_file")
			assert.NotContains(t, r.Detail+h.log.String()+strings.Join(h.told(), ""), "9901010001")

			files["cpr-barn.csv"] = "cpr;barnCPR\n" + man + ";" + woman + "\n"
			delete(files, "nosuch.csv")
			delete(files, "cpr-vaerge.csv")
			time.Sleep(time.Hour)
			r = h.run(t)
			assert.True(t, r.OK, "a file that was mended is loaded")
		})
	})

	t.Run("nothing is loaded that the audit log does not tell of", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, h *house) {
			h.lines.OnLine.FailFrom(1, errBoom)
			r := h.run(t)
			assert.False(t, r.OK)
			assert.Empty(t, h.name(t, man))
			h.lines.OnLine.Heal()
			time.Sleep(time.Hour)
			assert.True(t, h.run(t).OK)
			assert.Equal(t, "A", h.name(t, man))
		})
	})

	t.Run("a store or a folder that is down fails the run, and no file is to blame", func(t *testing.T) {
		inBubble(t, good, func(t *testing.T, h *house) {
			h.loader.OnLoad.FailFrom(1, errBoom)
			r := h.run(t)
			assert.False(t, r.OK)
			assert.NotContains(t, r.Detail, "refused")
			h.loader.OnLoad.Heal()
			h.files.fail = errBoom
			time.Sleep(time.Hour)
			assert.False(t, h.run(t).OK)
			h.files.fail = nil
			time.Sleep(time.Hour)
			assert.True(t, h.run(t).OK)
		})
	})

	t.Run("Load loads at once what the job would, and tells of no file that is refused", func(t *testing.T) {
		inBubble(t, map[string]string{"cpr-person.csv": good["cpr-person.csv"], "yder.csv": "ydernummer;navn\nx;A\n"}, func(t *testing.T, h *house) {
			i := &loading.Importer{Files: h.files, Loader: h.loader, Trail: admitting.Trail{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Share: 0.1}
			require.NoError(t, i.Load(t.Context()))
			assert.Equal(t, "A", h.name(t, man))
			h.loader.OnLoad.FailFrom(1, errBoom)
			h.files.files["cpr-person.csv"] += "\n"
			require.ErrorIs(t, i.Load(t.Context()), errBoom)
		})
	})
}

type countingUnits struct {
	ports.OrgUnits
	read int
	fail error
}

func (u *countingUnits) Units(ctx context.Context) ([]org.Unit, error) {
	u.read++
	if u.fail != nil {
		return nil, u.fail
	}
	return u.OrgUnits.Units(ctx)
}

func TestTrees(t *testing.T) {
	db := memory.New(time.Now)
	u := &countingUnits{OrgUnits: db.OrgUnits()}
	log := &strings.Builder{}
	trees := &loading.Trees{Units: u, Log: slog.New(slog.NewTextHandler(log, nil))}
	load := func(name, text string) {
		_, err := db.Stamdata().Load(t.Context(), portstest.RegisterFile(t, name, text), 1, time.Now())
		require.NoError(t, err)
	}
	assert.Zero(t, trees.Current().Len(), "it is never nil")
	require.NoError(t, trees.Refresh(t.Context()))
	require.NoError(t, trees.Refresh(t.Context()))
	assert.Equal(t, 1, u.read, "it is built again only when the units changed")

	load("sor-enhed.csv", units+"100001;999999;sygehus;A\n")
	before := trees.Current()
	u.fail = errBoom
	require.ErrorIs(t, trees.Refresh(t.Context()), errBoom)
	assert.Same(t, before, trees.Current())
	u.fail = nil
	require.NoError(t, trees.Refresh(t.Context()))
	assert.Equal(t, 1, trees.Current().Len())
	assert.Contains(t, log.String(), "missing_parents=1")
	assert.NotContains(t, log.String(), "999999")
}

// unitsOf is a register of organisations of its own, in another state each time it is set.
type unitsOf struct {
	state int64
	units []org.Unit
}

func (u *unitsOf) set(units ...org.Unit) { u.state, u.units = u.state+1, units }

func (u *unitsOf) Units(context.Context) ([]org.Unit, error) { return slices.Clone(u.units), nil }
func (u *unitsOf) Loaded(context.Context) (int64, error)     { return u.state, nil }

func TestTreesKeepTheLast(t *testing.T) {
	many := make([]org.Unit, 10)
	for i := range many {
		many[i].SOR = fmt.Sprint(100000 + i)
	}
	for name, next := range map[string][]org.Unit{
		"CT-50 a cycle":                   append(many[:9:9], org.Unit{SOR: "200000", Parent: "200001"}, org.Unit{SOR: "200001", Parent: "200000"}),
		"CT-50 half of the units":         many[:5],
		"CT-50 more than a tenth is gone": many[:8],
		"CT-50 nothing is left":           nil,
	} {
		t.Run(name, func(t *testing.T) {
			u := &unitsOf{}
			u.set(many...)
			trees := &loading.Trees{Units: u, MaxLoss: 0.1, Log: slog.New(slog.DiscardHandler)}
			require.NoError(t, trees.Refresh(t.Context()))
			before := trees.Current()
			u.set(next...)
			for range 2 {
				require.Error(t, trees.Refresh(t.Context()))
				assert.Same(t, before, trees.Current())
				assert.True(t, trees.Refused())
			}
			u.set(many[:9]...)
			require.NoError(t, trees.Refresh(t.Context()))
			assert.Equal(t, 9, trees.Current().Len())
			assert.False(t, trees.Refused())
		})
	}
}
