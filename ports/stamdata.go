package ports

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/opennsp/nsp/domain/stamdata"
)

// StamdataLoader keeps the registers. It is safe for concurrent use, also by several processes: one file is loaded at a time.
//
// A row is current from the load that brought it to the one that changed or closed it; a changed row is another row of its key. Of a key only the
// latest row counts: the current one, or the one that a load closed, which then counted until that load (stamdata.Register.Period). Rows that were
// changed since are history.
type StamdataLoader interface {
	// Load brings a register to what the file says, in one transaction of its own: all of it or nothing, and others see the old rows until
	// it is done. Every row is checked first. A file whose SHA256 was taken before is skipped, unless it is forced. Rows that are as the
	// register has them write nothing. A full file closes what it lacks; more than share of the current rows and more than 20 of them
	// are closed only if it is forced: stamdata.ErrClosesMany. A *stamdata.BadFile tells what is wrong: an error of f.Rows is returned as it
	// is; lines with the key of a line before them, and units that form no tree (line 0: org.NewTree of the latest rows), are the store's to
	// find. Units whose parent is missing are warnings (stamdata.MissingParents), after those of the file. Rows begin and end at at, cut to
	// milliseconds, or 1 ms after the load before where that is not earlier: the report tells. Changes of the CPR register take new places at
	// the end of its copies (CopyRegister) in the same transaction, rendered by stamdata.CPRView.
	Load(ctx context.Context, f stamdata.File, share float64, at time.Time) (stamdata.LoadReport, error)
	// Taken tells whether a file with this SHA-256 was loaded.
	Taken(ctx context.Context, sum [32]byte) (bool, error)
	// Loads returns the reports of the latest loads, newest first, at most n. What was skipped or refused is no load.
	Loads(ctx context.Context, n int) ([]stamdata.LoadReport, error)
	// Rows yields the current rows of a register in the order of its key, octet by octet, as a file would hold them.
	Rows(ctx context.Context, r stamdata.Register) iter.Seq2[stamdata.Row, error]
}

// RegisterFiles is a folder that register files are put into. It is safe for concurrent use.
type RegisterFiles interface {
	// Names returns the names of the files there that may be register files, in the order in which they are to be loaded: of one register
	// the full file first.
	Names(ctx context.Context) ([]string, error)
	// Open returns a file, whose rows can be read once, and what closes it. stamdata.ErrNoRegister if the name tells no register.
	Open(ctx context.Context, name string) (stamdata.File, io.Closer, error)
}

// CopyRegister is what copies of registers are made of (SKRS). It is safe for concurrent use, also by several processes.
type CopyRegister interface {
	// Append adds revisions at the end of their views, in the order of rows, and joins the unit of work in ctx: PID larger than all before,
	// Modified not before the last one's and not before at, in whole seconds. Of one (view, key, ValidFrom) the latest revision alone stays;
	// one that is equal to it writes nothing. One writer appends at a time, so that no page skips a row that is committed late. added tells
	// how many were written. stamdata.ErrCopyRow, and nothing written, for a row that is none of its view. The views of the CPR register are
	// not appended to: loading does that.
	Append(ctx context.Context, rows []stamdata.CopyRow, at time.Time) (added int, err error)
	// Page returns at most limit rows of v after the offset, in the order of (Modified, PID).
	Page(ctx context.Context, v stamdata.View, after stamdata.Offset, limit int) ([]stamdata.CopyRow, error)
}

// ExportState is how far the export of registrations, and the import of exports, have come. It joins the unit of work in ctx.
type ExportState interface {
	// State returns the state with this name, zero at first.
	State(ctx context.Context, name string) (stamdata.Export, error)
	// Keep replaces it; fault.Conflict if its Number is not the same as or one more than that of the kept one. At is cut to microseconds.
	Keep(ctx context.Context, name string, e stamdata.Export) error
}

// ExportFiles is a folder that exports are handed over in. It is safe for one writer and one reader.
type ExportFiles interface {
	// Write writes the export with this number: when it returns, readers find it whole. One that is there is replaced.
	Write(ctx context.Context, number int64, rows []stamdata.CopyRow) error
	// Read returns the rows of the export with this number; fault.NotFound if it is not there.
	Read(ctx context.Context, number int64) ([]stamdata.CopyRow, error)
	// Latest returns the highest number there is, 0 if there is none.
	Latest(ctx context.Context) (int64, error)
}
