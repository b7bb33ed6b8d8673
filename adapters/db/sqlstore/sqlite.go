package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // the driver "sqlite", without cgo
)

// sqliteEngine is a file of which one connection writes and the others read.
type sqliteEngine struct {
	writer  *sql.DB // of one connection, which conn holds from open to close
	conn    *sql.Conn
	turn    chan struct{} // of capacity 1: held by the transaction that writes; a channel, so that waiting ends with the context
	writing session
	loading chan struct{} // of capacity 1: held by who loads a register, between turns too
	unsafe  error         // why nothing may be written any more; who has the turn sets it
	readers *sql.DB
	reading session
	files   files
}

var _ engine = (*sqliteEngine)(nil)

func (e *sqliteEngine) open(ctx context.Context, db *DB, opt Options) (err error) {
	if e.writer, err = openSQLite(opt.Path, writes, 1); err != nil {
		return err
	}
	if err = currentSQLite(ctx, e.writer, opt); err != nil {
		return err
	}
	if e.conn, err = e.writer.Conn(ctx); err != nil {
		return err
	}
	if err = requireDurable(ctx, e.conn); err != nil {
		return err
	}
	if e.writing, err = db.session(e.conn); err != nil {
		return err
	}
	if e.readers, err = openSQLite(opt.Path, reads, opt.MaxConns); err != nil {
		return err
	}
	if e.reading, err = db.session(e.readers); err != nil {
		return err
	}
	e.writing.stmts, e.reading.stmts = &statements{}, &statements{}
	db.reading = e.reading
	e.files, err = watch(opt.Path, opt.Path+"-wal")
	return err
}

func (e *sqliteEngine) close() error {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	errs := []error{e.writing.close(), e.reading.close()}
	if e.conn != nil {
		errs = append(errs, e.conn.Close())
	}
	if e.readers != nil {
		errs = append(errs, e.readers.Close())
	}
	if e.writer != nil {
		errs = append(errs, e.writer.Close()) // the last one: it folds the write-ahead log into the file
	}
	return errors.Join(errs...)
}

func (e *sqliteEngine) ping(ctx context.Context) error {
	if err := e.files.present(); err != nil {
		return err
	}
	return e.readers.PingContext(ctx)
}

func (*sqliteEngine) dialector(pool gorm.ConnPool) gorm.Dialector {
	return sqlite.Dialector{DriverName: "sqlite", Conn: pool}
}

func (*sqliteEngine) bind(text string) string                  { return text }
func (*sqliteEngine) clean(_ context.Context, err error) error { return err }

// takeTurn waits until the caller may write; who got the turn gives it back.
func (e *sqliteEngine) takeTurn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := cmp.Or(e.unsafe, e.files.present()); err != nil {
		<-e.turn
		return err
	}
	return nil
}

// begin waits for its turn.
func (e *sqliteEngine) begin(ctx context.Context) (*tx, error) {
	if err := e.takeTurn(ctx); err != nil {
		return nil, err
	}
	t := &tx{session: e.writing, reading: e.writing, ctx: e.statements(ctx)}
	if _, err := t.exec(t.ctx, "BEGIN IMMEDIATE"); err != nil {
		t.rollback()
		return nil, fmt.Errorf("begin: %w", err)
	}
	return t, nil
}

func (*sqliteEngine) commit(t *tx) (unknown bool, err error) {
	_, err = t.exec(t.ctx, "COMMIT")
	return outcomeUnknown(err), err
}

func (e *sqliteEngine) release(*tx) { <-e.turn }

func (e *sqliteEngine) autocommit(ctx context.Context, synced bool, text string, args ...any) (int64, error) {
	if err := e.takeTurn(ctx); err != nil {
		return 0, err
	}
	defer func() { <-e.turn }()
	ctx = e.statements(ctx)
	if synced {
		return e.writing.exec(ctx, text, args...)
	}
	return e.execUnsynced(ctx, text, args...)
}

// statements has no end: a statement that is interrupted would end the transaction.
func (*sqliteEngine) statements(ctx context.Context) context.Context {
	return context.WithoutCancel(ctx)
}

func (*sqliteEngine) control(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithoutCancel(ctx), func() {}
}

// lock has nothing to do where one transaction writes at a time.
func (*sqliteEngine) lock(*tx, string) error { return nil }

// logPoll is never: no other process uses the file.
func (*sqliteEngine) logPoll() time.Duration { return 0 }

// access is what a connection is for.
type access bool

const (
	reads  access = false
	writes access = true
)

// openSQLite returns a pool of at most conns connections to the file.
func openSQLite(path string, a access, conns int) (*sql.DB, error) {
	if a == writes {
		// SQLite would make the file readable by all; its side files take its mode.
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the path is the operator's
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	db, err := sql.Open("sqlite", dsn(path, a))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// dsn names the file and what every connection to it sets first.
func dsn(path string, a access) string {
	q := url.Values{"_pragma": {
		"busy_timeout(5000)", // another process, such as an online copy, may hold the lock for a moment
		"journal_mode(WAL)",
		"synchronous(FULL)", // a commit is on the disk when it returns
		"foreign_keys(1)",
	}}
	if a == writes {
		// Rows of many persons spread over the file: pages that are kept are not read again, and a rarer checkpoint writes a page once.
		q["_pragma"] = append(q["_pragma"], "cache_size(-32768)", "wal_autocheckpoint(4000)")
	} else {
		q.Set("_query_only", "1")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// requireDurable checks that the connection that commits does what dsn asks of it.
func requireDurable(ctx context.Context, conn *sql.Conn) error {
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := conn.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("PRAGMA %s = %s, want %s", pragma, got, want)
		}
	}
	return nil
}

// execUnsynced is exec for a transaction of its own that does not wait for the disk. The next commit that waits takes it along, since both are
// in the one write-ahead log. A connection that does not go back to waiting writes no more.
func (e *sqliteEngine) execUnsynced(ctx context.Context, text string, args ...any) (int64, error) {
	if err := e.synchronous(ctx, "NORMAL"); err != nil {
		return 0, err
	}
	defer func() {
		if err := e.synchronous(ctx, "FULL"); err != nil {
			e.unsafe = fmt.Errorf("%w: synchronous: %w", errUnavailable, err)
		}
	}()
	return e.writing.exec(ctx, text, args...)
}

// synchronous is not prepared: SQLite carries such a pragma out when it compiles it.
func (e *sqliteEngine) synchronous(ctx context.Context, level string) error {
	text := "PRAGMA synchronous = " + level
	e.writing.db.seen(text)
	_, err := e.conn.ExecContext(ctx, text)
	return err
}
