package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // the driver "sqlite", without cgo
)

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
func (s session) execUnsynced(ctx context.Context, text string, args ...any) (int64, error) {
	if err := s.synchronous(ctx, "NORMAL"); err != nil {
		return 0, err
	}
	defer func() {
		if err := s.synchronous(ctx, "FULL"); err != nil {
			s.db.unsafe = fmt.Errorf("%w: synchronous: %w", errUnavailable, err)
		}
	}()
	return s.exec(ctx, text, args...)
}

// synchronous is not prepared: SQLite carries such a pragma out when it compiles it.
func (s session) synchronous(ctx context.Context, level string) error {
	text := "PRAGMA synchronous = " + level
	s.db.seen(text)
	_, err := s.pool.ExecContext(ctx, text)
	return err
}

func dialector(pool gorm.ConnPool) gorm.Dialector {
	return sqlite.Dialector{DriverName: "sqlite", Conn: pool}
}
