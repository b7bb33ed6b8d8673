package ports

import (
	"context"
	"errors"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/minlog"
)

// LogStore keeps registrations of access, the consumer's progress, the daily counts and the dead letters. It is safe for concurrent use.
type LogStore interface {
	// NextOffset returns where the consumer of p goes on; ok=false: p is new.
	NextOffset(ctx context.Context, p minlog.Partition) (next int64, ok bool, err error)
	// Store keeps rows, counts, dead letters and the step from->to of p in one transaction (its own where ctx carries none);
	// fault.Conflict if p is not at from (a new p is at any from), and nothing is changed. Rows with a known id are ignored and not
	// counted; a row is counted under the Copenhagen day of its receipt, its system and its registrar's CVR. Equal ids have equal To and
	// Person. A dead letter of a known offset of p is ignored. It keeps nothing of b.
	Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (inserted int, err error)
	// ByPerson and ByBehalf return at most n registrations whose Person, or OnBehalfOf, has key, that q selects, ordered by (To, id),
	// after the cursor (exclusive; the zero cursor is the start), with the whole registrar and the receipt cut to microseconds. A window
	// whose From is not before its To selects none; a zero MaxPeriod is no bound. An unknown key gives none. The caller owns what is
	// returned.
	ByPerson(ctx context.Context, key minlog.Key, q minlog.Query, after minlog.Cursor, n int) ([]minlog.Registration, error)
	ByBehalf(ctx context.Context, key minlog.Key, q minlog.Query, after minlog.Cursor, n int) ([]minlog.Registration, error)
	// Expire removes some rows with To <= cutoff, dead letters that old, and counts of days that ended by then; done=true when none is left.
	// removed is how many rows and dead letters.
	Expire(ctx context.Context, cutoff time.Time) (removed int64, done bool, err error)
	// Daily returns the counts of [from, to), ordered by day, CVR and system; cvr "" = all.
	Daily(ctx context.Context, from, to calendar.Day, cvr string) ([]minlog.Count, error)
	// DeadLetters counts the dead letters stored at or after since.
	DeadLetters(ctx context.Context, since time.Time) (int64, error)
}

// LogMonths is a log store that keeps the registrations of a month (UTC, by their To) together, so that a month can be removed at once. It is
// safe for concurrent use; every method joins the unit of work in ctx.
type LogMonths interface {
	// MakeMonths makes room for registrations of every month that from and to, which is not before it, are in or between. A month that is
	// there is left as it is. The store makes the room of a month that it lacks by itself.
	MakeMonths(ctx context.Context, from, to time.Time) error
	// DropMonth removes the oldest month if it ended at or before cutoff, with all its registrations, and returns its first instant;
	// ok=false if there is none. ErrMonthBusy if others held it for too long: the next run removes it.
	DropMonth(ctx context.Context, cutoff time.Time) (month time.Time, ok bool, err error)
}

// ErrMonthBusy: a month could not be removed, since others use it.
var ErrMonthBusy = errors.New("log store: the month is in use")

// AccessLog registers accesses to health data: it is what the services call that show or change them. It is safe for concurrent use.
type AccessLog interface {
	// Log returns nil when all entries, 1 to 1,000 of them, are durable; after an error that does not wrap minlog.ErrRefused it is not known, and
	// they may be logged again: an entry equal to one before, with the same SequenceNumber, is ignored. An error that wraps minlog.ErrRefused
	// (an entry that MinLog does not take; none was registered) comes again however often it is tried. Log is always a transaction of its
	// own: called after the unit of work in ctx has written (Written) it does nothing and returns ErrLateLog at once. It ends when ctx does.
	Log(ctx context.Context, entries ...minlog.Entry) error
}

// ErrLateLog: an access is registered before what it is for is written, not after.
var ErrLateLog = errors.New("access log: the unit of work has written")

// PersonNames returns the names of persons. It is safe for concurrent use.
type PersonNames interface {
	// Names returns the names that are known of ids (sources minlog.CPR and minlog.Authorisation), at most 10,000, in one reading of each
	// register, as stamdata.NamesOf has them: of current rows, and authorisations valid at at. A person without name, with a protected one
	// (stamdata.Citizen.Protected at at), with a number that was replaced, or whom no register knows is left out.
	Names(ctx context.Context, ids []minlog.ID, at time.Time) (map[minlog.ID]string, error)
}
