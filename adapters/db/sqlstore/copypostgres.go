package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
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
	return t.copyFrom("COPY "+into.name+" ("+into.list()+") FROM STDIN (FORMAT binary)", func(b []byte) ([]byte, bool, error) {
		row, err := next()
		if err != nil || row == nil {
			return b, false, err
		}
		for i, cell := range row {
			if n, ok := cell.(int64); ok && into.types[i] == "BOOL" {
				row[i] = n != 0
			}
		}
		return appendRow(b, row), true, nil
	})
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
