package replicating

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// The jobs' names, which their states have too.
const (
	ExportJob = "ecpr-export"
	ImportJob = "ecpr-import"
)

// defaultBatch is how many changes one export holds at most.
const defaultBatch = 10_000

// Exporter exports what changed of the registrations, one batch after the other, each with a number of its own: straight into the copies, in one
// transaction with how far it has come, or as files. What failed is exported again. It is safe for concurrent use.
type Exporter struct {
	Persons  ports.PersonStore
	OIDs     ports.OIDTable
	State    ports.ExportState
	Register ports.CopyRegister // where exports go, if Files is nil
	Files    ports.ExportFiles  // where they are handed over to another server
	Trail    ports.Trail
	Now      func() time.Time
	Batch    int // changes of an export; 0 = 10,000
}

// Exported is what a run of the export, or of the import, tells of itself.
type Exported struct {
	Number  int64  `json:"number"`  // of the last export
	Exports int    `json:"exports"` // of this run
	Rows    int    `json:"rows"`
	Detail  string `json:"detail,omitempty"` // why it failed
}

// Job returns the export as a job.
func (e *Exporter) Job(every, ttl time.Duration) scheduling.Job {
	return scheduling.Job{Name: ExportJob, Due: scheduling.Schedule{Every: every}, Route: audit.ECPR, TTL: ttl, Begin: e.Begin}
}

// Begin returns one run: a step for each export.
func (e *Exporter) Begin() scheduling.Work {
	return &handing{step: e.step}
}

// step makes one export, and tells whether it was the last.
func (e *Exporter) step(ctx context.Context, did *Exported) (done bool, err error) {
	state, err := e.State.State(ctx, ExportJob)
	if err != nil {
		return false, fmt.Errorf("find last export: %w", err)
	}
	if e.Files != nil {
		latest, err := e.Files.Latest(ctx)
		if err != nil {
			return false, fmt.Errorf("find last file: %w", err)
		}
		if latest > state.Number {
			// A run that failed then has handed it over, and it may be imported: it stays, and what it holds is exported once more.
			return false, e.keep(ctx, stamdata.Export{Number: state.Number + 1, Cursor: state.Cursor}, 0, did)
		}
	}
	changes, err := e.Persons.Changes(ctx, state.Cursor, e.batch())
	if err != nil {
		return false, fmt.Errorf("read changes: %w", err)
	}
	oids, err := e.OIDs.OIDs(ctx)
	if err != nil {
		return false, fmt.Errorf("read identifier systems: %w", err)
	}
	next := state
	if n := len(changes); n > 0 {
		next.Cursor = changes[n-1].Seq
	}
	written, err := e.hand(ctx, state.Number+1, changes, oids)
	switch {
	case err != nil:
		return false, err
	case written > 0:
		next.Number++
		err = e.keep(ctx, next, written, did)
	case next != state: // every change was exported before
		next.At = e.Now()
		err = e.State.Keep(ctx, ExportJob, next)
	}
	return len(changes) < e.batch(), err
}

func (e *Exporter) batch() int {
	if e.Batch > 0 {
		return e.Batch
	}
	return defaultBatch
}

// hand hands an export over and returns how many rows it has; none without changes, but for identifier systems that are not copied yet.
func (e *Exporter) hand(ctx context.Context, number int64, changes []ecpr.Change, oids []ecpr.OID) (rows int, err error) {
	all := append(OIDRows(oids), RowsOf(changes, oids)...)
	if e.Files == nil {
		if rows, err = e.Register.Append(ctx, all, e.Now()); err != nil {
			return 0, fmt.Errorf("append export %d: %w", number, err)
		}
		return rows, nil
	}
	if len(changes) == 0 {
		return 0, nil
	}
	all = stamdata.Latest(all)
	if err := e.Files.Write(ctx, number, all); err != nil {
		return 0, fmt.Errorf("write export %d: %w", number, err)
	}
	return len(all), nil
}

func (e *Exporter) keep(ctx context.Context, next stamdata.Export, rows int, did *Exported) error {
	next.At = e.Now()
	if err := e.State.Keep(ctx, ExportJob, next); err != nil {
		return fmt.Errorf("keep export %d: %w", next.Number, err)
	}
	*did = Exported{Number: next.Number, Exports: 1, Rows: rows}
	number := strconv.FormatInt(next.Number, 10)
	e.Trail.Note(ctx, audit.ECPR, audit.ExportRun, audit.ExportNumber.Is(number), audit.Rows.Is(strconv.Itoa(rows)))
	return nil
}

// handing is one run of the export or of the import. What a step did counts when the next one begins, or the run ends well: it is committed then.
type handing struct {
	step      func(ctx context.Context, did *Exported) (done bool, err error)
	done, now Exported
}

var _ scheduling.Work = (*handing)(nil)

// Step does the next export.
func (w *handing) Step(ctx context.Context) (done bool, err error) {
	w.commit()
	return w.step(ctx, &w.now)
}

func (w *handing) commit() {
	if w.now.Exports > 0 {
		w.done.Number = w.now.Number
	}
	w.done.Exports += w.now.Exports
	w.done.Rows += w.now.Rows
	w.now = Exported{}
}

// End tells what was exported.
func (w *handing) End(err error) any {
	if err == nil {
		w.commit()
	} else {
		w.done.Detail = err.Error()
	}
	return w.done
}
