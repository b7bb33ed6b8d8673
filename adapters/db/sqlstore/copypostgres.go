package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
)

func (*postgresEngine) tables() string {
	return `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema()
		AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'goose_db_version'`
}

// lasting has a transaction live as long as a copy takes, and lock all tables, which fails at once where somebody writes.
func lasting(mode string) []string {
	var names []string
	for _, t := range copiedTables() {
		names = append(names, t.name)
	}
	return []string{
		"SET LOCAL idle_in_transaction_session_timeout = 0", "SET LOCAL statement_timeout = 0",
		"LOCK TABLE " + strings.Join(names, ", ") + " IN " + mode + " MODE NOWAIT",
	}
}

// inUse turns the error of a lock that somebody holds into ErrInUse.
func inUse(err error) error {
	if code(err) == postgresLocked {
		return ErrInUse
	}
	return err
}

// snapshot is taken when nobody can write any more.
func (e *postgresEngine) snapshot(ctx context.Context) (conn *sql.Conn, end func(), err error) {
	conn, err = e.readers.Conn(ctx)
	if err != nil {
		return nil, nil, e.clean(ctx, err)
	}
	end = func() {
		ctx, cancel := e.control(ctx)
		defer cancel()
		_, _ = conn.ExecContext(ctx, "ROLLBACK") // it has written nothing
		_ = conn.Close()
	}
	for _, text := range append([]string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE"}, lasting("SHARE")...) {
		if _, err = conn.ExecContext(ctx, text); err != nil {
			end()
			return nil, nil, inUse(e.clean(ctx, err))
		}
	}
	return conn, end, nil
}

func (*postgresEngine) beginCopy(t *tx) error {
	for _, text := range lasting("EXCLUSIVE") {
		if _, err := t.exec(t.ctx, text); err != nil {
			return inUse(err)
		}
	}
	return nil
}

func (*postgresEngine) copyIn(t *tx, into table, next func() ([]any, error)) error {
	rows := &copyReader{next: next, types: into.types, buffer: []byte("PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00")} // no flags, no extension
	rows.unread = rows.buffer
	err := t.raw(t.ctx, func(c *pgx.Conn) error {
		_, err := c.PgConn().CopyFrom(t.ctx, rows, "COPY "+into.name+" ("+into.list()+") FROM STDIN (FORMAT binary)")
		return err
	})
	return cmp.Or(rows.failed, err)
}

// copyReader reads rows in the binary form of COPY. It keeps the octets of a few rows.
type copyReader struct {
	next   func() ([]any, error)
	types  []string // of the columns
	ended  bool
	failed error
	buffer []byte
	unread []byte // of buffer
}

// Read makes rows until the buffer is full.
func (r *copyReader) Read(p []byte) (int, error) {
	if len(r.unread) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		if r.failed = r.fill(); r.failed != nil {
			return 0, r.failed
		}
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

func (r *copyReader) fill() error {
	b := r.buffer[:0]
	for len(b) < copyBuffer && !r.ended {
		row, err := r.next()
		if err != nil {
			return err
		}
		if r.ended = row == nil; r.ended {
			b = append(b, 0xff, 0xff)
			break
		}
		for i, cell := range row {
			if n, ok := cell.(int64); ok && r.types[i] == "BOOL" {
				row[i] = n != 0
			}
		}
		b = appendRow(b, row)
	}
	r.buffer, r.unread = b, b
	return nil
}

// endCopy has new rows numbered after those that were copied, and the planner know the tables, which were empty.
func (*postgresEngine) endCopy(t *tx) error {
	for _, table := range copiedTables() {
		if table.numbered != "" {
			number := fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%[1]s', '%[2]s'), (SELECT coalesce(max(%[2]s), 0) + 1 FROM %[1]s), false)",
				table.name, table.numbered)
			if _, err := t.exec(t.ctx, number); err != nil {
				return err
			}
		}
		if _, err := t.exec(t.ctx, "ANALYZE "+table.name); err != nil {
			return err
		}
	}
	return nil
}

func (*postgresEngine) monthsCopied(t *tx, months []month) error {
	return t.makeMonths(months)
}
