package ports

import (
	"context"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/notice"
)

// OptOutStore keeps who declines resuscitation. A person is given by one or more numbers, each once, in any order: all that the person has or had
// (Aliases.Of). It is safe for concurrent use, also by several processes, and sees every Update that was committed before it began, in any
// process. Rows are superseded, never removed or otherwise altered. Instants are cut to microseconds. Returned memory is the caller's.
type OptOutStore interface {
	// Heads returns the rows that nothing superseded, at most one for each number, by Created and ID; by one index.
	Heads(ctx context.Context, person []cpr.Number) (fgvhr.History, error)
	// History returns all rows under the numbers, by Created and ID.
	History(ctx context.Context, person []cpr.Number) (fgvhr.History, error)
	// Update keeps the row that edit makes of the person's history (as History), with the notices: all or nothing, in the unit of work in ctx or
	// in a transaction of its own. It supersedes every head of the person at its Created. No other Update of anybody with one of the numbers
	// happens in between, also where there is no row yet. edit owns what it is given and may run more than once; if it fails, nothing changes and
	// Update returns its error. ErrWillConflict if the row has no ID, known status or ValidFrom, is not under one of the person's numbers, is
	// superseded itself, was not made after every head, has a known ID, or replaces anything but a head of the person ("" where there is none); or
	// if others got in between too often.
	Update(ctx context.Context, person []cpr.Number, edit func(fgvhr.History) (fgvhr.OptOut, []notice.Notice, error)) error
}
