package replicating

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// Importer takes the exports of another server into the copies of this one: in the order of their numbers, each once. It is safe for concurrent
// use.
type Importer struct {
	Files    ports.ExportFiles
	Register ports.CopyRegister
	State    ports.ExportState
	Trail    ports.Trail
	Now      func() time.Time
}

// Job returns the import as a job. It fails, and so raises the alarm, while an export is missing.
func (i *Importer) Job(every, ttl time.Duration) scheduling.Job {
	return scheduling.Job{Name: ImportJob, Due: scheduling.Schedule{Every: every}, Route: audit.ECPR, TTL: ttl, Begin: i.Begin}
}

// Begin returns one run: a step for each export.
func (i *Importer) Begin() scheduling.Work { return &handing{step: i.step} }

// step takes the next export, with how far that is, in one transaction.
func (i *Importer) step(ctx context.Context, did *Exported) (done bool, err error) {
	state, err := i.State.State(ctx, ImportJob)
	if err != nil {
		return false, fmt.Errorf("find last import: %w", err)
	}
	next := stamdata.Export{Number: state.Number + 1, At: i.Now()}
	rows, err := i.Files.Read(ctx, next.Number)
	switch {
	case fault.Is(err, fault.NotFound):
		return true, i.requireNoLater(ctx, next.Number)
	case err != nil:
		return false, fmt.Errorf("read export %d: %w", next.Number, err)
	}
	added, err := i.Register.Append(ctx, rows, next.At)
	if err != nil {
		return false, fmt.Errorf("append export %d: %w", next.Number, err)
	}
	if err := i.State.Keep(ctx, ImportJob, next); err != nil {
		return false, fmt.Errorf("keep import %d: %w", next.Number, err)
	}
	*did = Exported{Number: next.Number, Exports: 1, Rows: added}
	number := strconv.FormatInt(next.Number, 10)
	i.Trail.Note(ctx, audit.ECPR, audit.ImportRun, audit.ExportNumber.Is(number), audit.Rows.Is(strconv.Itoa(added)))
	return false, nil
}

// requireNoLater refuses to pass over an export: what it holds would be missing for ever.
func (i *Importer) requireNoLater(ctx context.Context, number int64) error {
	latest, err := i.Files.Latest(ctx)
	if err != nil {
		return fmt.Errorf("find last file: %w", err)
	}
	if latest >= number {
		return fmt.Errorf("export %d is missing, and %d is there", number, latest)
	}
	return nil
}
