// Package sqlstore keeps the stores and the embedded message log in an SQL database: SQLite, in one file that one process uses.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/opennsp/nsp/ports"
)

// Options say which database to open.
type Options struct {
	Path     string           // of the SQLite file; made if it is not there, readable by its owner alone
	MaxConns int              // connections that read at the same time; 0 = 16. One more writes.
	Now      func() time.Time // the time of what is kept; nil = time.Now
	Log      *slog.Logger     // told which migrations were applied; nil = nobody
}

// DB is an open database; its stores are its methods. One connection writes, the others read. It is safe for concurrent use.
type DB struct {
	now       func() time.Time
	writer    *sql.DB // of one connection, which conn holds from Open to Close
	conn      *sql.Conn
	turn      chan struct{} // of capacity 1: held by the transaction that writes; a channel, so that waiting ends with the context
	writing   session
	unsafe    error // why nothing may be written any more; who has the turn sets it
	readers   *sql.DB
	reading   session
	grown     wakeups[place]
	ended     wakeups[ports.ReplyKey] // claims
	claimPoll time.Duration           // defaultClaimPoll but in tests
	files     files
	observe   func(statement string) // told each statement, without values; nil but in tests
}

// defaultMaxConns is Options.MaxConns where it is 0.
const defaultMaxConns = 16

// Open opens the database, and makes or migrates its schema. It returns ErrNewerSchema for a database of a later version of this program.
func Open(ctx context.Context, opt Options) (*DB, error) {
	if opt.MaxConns == 0 {
		opt.MaxConns = defaultMaxConns
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	db := &DB{now: opt.Now, turn: make(chan struct{}, 1), claimPoll: defaultClaimPoll}
	if err := db.open(ctx, opt); err != nil {
		return nil, fmt.Errorf("open store %s: %w", opt.Path, errors.Join(translate(err), db.Close()))
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, opt Options) (err error) {
	if db.writer, err = openSQLite(opt.Path, writes, 1); err != nil {
		return err
	}
	if err = migrate(ctx, db.writer, opt.Log); err != nil {
		return err
	}
	if db.conn, err = db.writer.Conn(ctx); err != nil {
		return err
	}
	if err = requireDurable(ctx, db.conn); err != nil {
		return err
	}
	if db.writing, err = db.session(db.conn); err != nil {
		return err
	}
	if db.readers, err = openSQLite(opt.Path, reads, opt.MaxConns); err != nil {
		return err
	}
	if db.reading, err = db.session(db.readers); err != nil {
		return err
	}
	db.files, err = watch(opt.Path, opt.Path+"-wal")
	return err
}

// Close waits for the transaction that writes and closes every connection.
func (db *DB) Close() error {
	db.turn <- struct{}{}
	defer func() { <-db.turn }()
	errs := []error{db.writing.close(), db.reading.close()}
	if db.conn != nil {
		errs = append(errs, db.conn.Close())
	}
	if db.readers != nil {
		errs = append(errs, db.readers.Close())
	}
	if db.writer != nil {
		errs = append(errs, db.writer.Close()) // the last one: it folds the write-ahead log into the file
	}
	return errors.Join(errs...)
}

// Ping tells whether the database answers and its files are still there.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.files.present(); err != nil {
		return err
	}
	return translate(db.readers.PingContext(ctx))
}

// Units returns the unit of work that every store of the database joins.
func (db *DB) Units() ports.UnitOfWork { return units{db} }

// MessageLog returns the embedded message log.
func (db *DB) MessageLog() ports.MessageLog { return messageLog{db} }

// Topics returns the administration of the message log's topics.
func (db *DB) Topics() ports.TopicAdmin { return topicAdmin{db} }

// LogStore returns the store of registrations.
func (db *DB) LogStore() ports.LogStore { return logStore{db} }

// Replies returns the store of answers.
func (db *DB) Replies() ports.ReplyStore { return replies{db} }

// Seen returns the store of message ids.
func (db *DB) Seen() ports.SeenStore { return seen{db} }

// Grants returns the store of grants.
func (db *DB) Grants() ports.GrantStore { return grants{db} }

// Sessions returns the store of sessions.
func (db *DB) Sessions() ports.SessionStore { return sessions{db} }

// SecurityEvents returns the store of what security turned away.
func (db *DB) SecurityEvents() ports.SecurityEvents { return securityEvents{db} }

// read returns where ctx reads: within a unit of work that has written, its transaction, so that it sees its own writes.
func (db *DB) read(ctx context.Context) session {
	if u, ok := ctx.Value(unitKey{db}).(*unit); ok && u.tx != nil {
		return u.tx.session
	}
	return db.reading
}
