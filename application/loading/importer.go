// Package loading keeps the reference registers as the files say that are put into a folder, and the tree of organisations as the registers say.
package loading

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// Job is the name of the job that loads registers.
const Job = "stamdata-import"

// Importer loads the files of a folder that were not loaded before. A file that is refused stops none of the others. It is safe for concurrent
// use.
type Importer struct {
	Files  ports.RegisterFiles
	Loader ports.StamdataLoader
	Trees  *Trees // told of what was loaded; nil = none
	Trail  ports.Trail
	Now    func() time.Time
	Log    *slog.Logger
	Share  float64 // of a register's rows that a file may close
}

// Imported is what a run of the import tells of itself.
type Imported struct {
	Loaded  []stamdata.LoadReport `json:"loaded,omitempty"`
	Skipped int                   `json:"skipped"` // files that were loaded before
	Refused []Refused             `json:"refused,omitempty"`
	Detail  string                `json:"detail,omitempty"` // why the run failed
}

// Refused is a file that was not loaded.
type Refused struct {
	File string `json:"file"`
	Why  string `json:"why"` // no value of the file
}

// Job returns the import as a job. A run with a file that is refused fails, when it has loaded the others.
func (i *Importer) Job(every, ttl time.Duration) scheduling.Job {
	return scheduling.Job{Name: Job, Due: scheduling.Schedule{Every: every}, Route: audit.SDM, TTL: ttl, Begin: i.Begin}
}

// Begin returns one run. Loading is a transaction of its own: a step says in the audit log which file comes, the next one loads it.
func (i *Importer) Begin() scheduling.Work { return &importing{i: i, next: (*importing).list} }

// Load loads what the job would, at once. The error is that of the store or the folder: files that are refused are told in the log.
func (i *Importer) Load(ctx context.Context) error {
	w := &importing{i: i, next: (*importing).list}
	for {
		done, err := w.Step(ctx)
		if done || err != nil {
			if errors.Is(err, errRefused) {
				return nil
			}
			return err
		}
	}
}

var errRefused = errors.New("files were refused")

var errUnreadable error = fault.Error{Kind: fault.Invalid, Code: "stamdata_unreadable", Text: "the file cannot be opened"}

// importing is one run.
type importing struct {
	i     *Importer
	names []string                                                 // the first is the one to load
	next  func(*importing, context.Context) (done bool, err error) // what the next step does
	did   Imported
}

// Step does the next part.
func (w *importing) Step(ctx context.Context) (done bool, err error) { return w.next(w, ctx) }

// End tells what was loaded.
func (w *importing) End(err error) any {
	if err != nil {
		w.did.Detail = err.Error()
	}
	return w.did
}

func (w *importing) list(ctx context.Context) (done bool, err error) {
	if w.names, err = w.i.Files.Names(ctx); err != nil {
		return false, err
	}
	w.next = (*importing).announce
	return false, nil
}

// announce looks for the next file that was not loaded, and says that it comes.
func (w *importing) announce(ctx context.Context) (done bool, err error) {
	for len(w.names) > 0 {
		name := w.names[0]
		f, closer, err := w.i.Files.Open(ctx, name)
		if err != nil {
			w.names = w.names[1:]
			return false, w.unopened(ctx, name, err)
		}
		taken, err := w.i.Loader.Taken(ctx, f.SHA256)
		if err := errors.Join(err, closer.Close()); err != nil {
			return false, fmt.Errorf("look for load of %s: %w", name, err)
		}
		if !taken {
			w.i.Trail.Note(ctx, audit.SDM, audit.StamdataImport, audit.File.Is(name))
			w.next = (*importing).load
			return false, nil
		}
		w.did.Skipped++
		w.names = w.names[1:]
	}
	w.next = (*importing).finish
	return false, nil
}

// load loads the file that was announced.
func (w *importing) load(ctx context.Context) (done bool, err error) {
	name := w.names[0]
	w.next, w.names = (*importing).announce, w.names[1:]
	report, err := w.i.loadFile(ctx, name)
	if err != nil {
		return false, w.refused(ctx, name, err)
	}
	if report.Skipped {
		w.did.Skipped++
		return false, nil
	}
	w.did.Loaded = append(w.did.Loaded, report)
	w.i.Trail.Note(ctx, audit.SDM, audit.StamdataImport, audit.File.Is(name), audit.Rows.Is(strconv.Itoa(report.Rows)), audit.Result.Is("loaded"))
	w.i.Log.InfoContext(ctx, "register loaded", "file", name, "rows", report.Rows, "added", report.Added, "changed", report.Changed,
		"closed", report.Closed, "warnings", len(report.Warnings))
	return false, nil
}

func (i *Importer) loadFile(ctx context.Context, name string) (report stamdata.LoadReport, err error) {
	f, closer, err := i.Files.Open(ctx, name)
	if err != nil {
		return stamdata.LoadReport{}, err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	return i.Loader.Load(ctx, f, i.Share, i.Now())
}

// unopened tells of a file that cannot be opened: that is the file's fault, whatever it is.
func (w *importing) unopened(ctx context.Context, name string, why error) error {
	if _, ok := fault.Of(why); !ok && ctx.Err() == nil {
		w.i.Log.WarnContext(ctx, "open register file failed", "file", name, "error", why)
		why = errUnreadable
	}
	return w.refused(ctx, name, why)
}

// refused tells of a file that is not loaded. The error is why, where that is not the file's fault: another file would fare no better.
func (w *importing) refused(ctx context.Context, name string, why error) error {
	f, ok := fault.Of(why)
	if !ok || f.Kind == fault.Unavailable {
		return fmt.Errorf("load %s: %w", name, why)
	}
	w.did.Refused = append(w.did.Refused, Refused{File: name, Why: f.Error()})
	w.i.Trail.Note(ctx, audit.SDM, audit.StamdataImport, audit.File.Is(name), audit.Result.Is(f.Code))
	w.i.Log.WarnContext(ctx, "register file refused", "file", name, "error", f)
	return nil
}

// finish ends the run, which fails if a file was refused.
func (w *importing) finish(ctx context.Context) (done bool, err error) {
	if w.i.Trees != nil && len(w.did.Loaded) > 0 {
		if err := w.i.Trees.Refresh(ctx); err != nil {
			return false, err
		}
	}
	if n := len(w.did.Refused); n > 0 {
		return false, fmt.Errorf("%w: %d", errRefused, n)
	}
	return true, nil
}
