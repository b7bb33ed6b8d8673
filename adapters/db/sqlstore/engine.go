package sqlstore

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/opennsp/nsp/domain/messagelog"
)

// engine is what differs between the databases: how they are opened, how transactions begin and end, and the statements that only one of them
// takes. It is safe for concurrent use.
type engine interface {
	copyEngine
	loadEngine
	personEngine
	namesEngine
	consentEngine
	nasEngine
	willEngine
	// open connects to a database whose schema is current, and sets what db reads with.
	open(ctx context.Context, db *DB, opt Options) error
	// close closes every connection.
	close() error
	// ping tells whether the database answers and what is committed is kept.
	ping(ctx context.Context) error
	dialector(pool gorm.ConnPool) gorm.Dialector
	// bind returns a statement with the parameters of this database in place of each "?".
	bind(text string) string
	// clean returns an error of the driver without the values of parameters and without what is secret of the connection.
	clean(ctx context.Context, err error) error

	// begin waits until the caller may write, and opens a transaction.
	begin(ctx context.Context) (*tx, error)
	// commit ends a transaction. unknown: it failed, but may have taken effect.
	commit(t *tx) (unknown bool, err error)
	// release gives back what a transaction has, after its end.
	release(t *tx)
	// autocommit runs a statement that is a transaction of its own. Unsynced, it does not wait for the disk: it is there with the next commit
	// that does.
	autocommit(ctx context.Context, synced bool, text string, args ...any) (int64, error)
	// statements returns the context of the statements of a caller with ctx, and control that of the statements that begin and end what they
	// are part of, which a caller that goes away does not interrupt.
	statements(ctx context.Context) context.Context
	control(ctx context.Context) (context.Context, context.CancelFunc)

	// lock has other transactions that lock the table wait for the end of this one.
	lock(t *tx, table string) error
	// insertEntries inserts the registrations that are not known yet, and counts them.
	insertEntries(t *tx, rows []entryRow, counts *dailyCounts) (inserted int, err error)
	// expireEntries removes at most limit registrations up to cutoff, in microseconds. expireChunk is how many are removed at once.
	expireEntries(t *tx, cutoff, limit int64) (removed int64, err error)
	expireChunk() int64
	// append is MessageLog.Append in a transaction; it wakes nobody.
	append(t *tx, recs []messagelog.Record) (grown []place, err error)
	// readRecords calls each for the rows of the query readRecords, and returns its error as it is.
	readRecords(ctx context.Context, db *DB, each func(*logRow) error, args ...any) error
	// logPoll is how often who waits for a record looks for one of another process; 0 = never.
	logPoll() time.Duration
}
