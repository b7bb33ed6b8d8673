package ports

import (
	"context"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
)

// WillReader reads a person's valid will. A person is given by one or more numbers, each once, in any order: all that the person has or had
// (Aliases.Of). It is safe for concurrent use, also by several processes, and sees every Update that was committed before it began, in any
// process. A registration is valid while it is open; of several open ones the one with the latest From counts, of equal From the one whose ID
// is greater (will.History.Valid).
type WillReader interface {
	// Current returns the valid registration, of either register; ok=false if there is none.
	Current(ctx context.Context, person []cpr.Number) (r will.Registration, ok bool, err error)
	// Exists tells whether the valid registration is one of reg. It never loads wishes.
	Exists(ctx context.Context, person []cpr.Number, reg will.Register) (bool, error)
}

// WillStore keeps all wills. Rows are closed, never removed or altered. Instants are cut to microseconds. Returned memory is the caller's.
type WillStore interface {
	WillReader
	// History returns the person's registrations under all the numbers, by From and ID; none if there are none.
	History(ctx context.Context, person []cpr.Number) (will.History, error)
	// Update does what edit says of the person's history (as History), with the notices: all or nothing, in the unit of work in ctx or in a
	// transaction of its own. Every open registration of the person ends at Change.At, and Change.New, if there is one, is kept: open, From equal
	// to At, under one of the person's numbers, with a new ID. No other Update of anybody with one of the numbers happens in between, also where
	// there is no row yet. edit owns what it is given and may run more than once; if it fails, nothing changes and Update returns its error.
	// ErrWillConflict if the change is anything else (an At that is not after an open From, or is before the end of a closed row; a known ID; wishes
	// that the register does not keep, will.Rules.Check), or if others got in between too often.
	Update(ctx context.Context, person []cpr.Number, edit func(will.History) (will.Change, []notice.Notice, error)) error
}

// ErrWillConflict: the change of a will, or of an opt-out, does not follow what is kept.
var ErrWillConflict = will.ErrConflict // and fgvhr.ErrConflict, which is equal
