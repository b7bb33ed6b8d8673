package sqlstore

import (
	"context"
	"database/sql"
)

func (*sqliteEngine) tables() string {
	return `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> 'goose_db_version'`
}

// snapshot is left alone by this process; no other one uses the file.
func (e *sqliteEngine) snapshot(ctx context.Context) (conn *sql.Conn, end func(), err error) {
	conn, err = e.readers.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	end = func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // it has written nothing
		_ = conn.Close()
	}
	if _, err = conn.ExecContext(ctx, "BEGIN"); err != nil {
		end()
		return nil, nil, err
	}
	return conn, end, nil
}

func (*sqliteEngine) beginCopy(*tx) error             { return nil }
func (*sqliteEngine) monthsCopied(*tx, []month) error { return nil }
func (*sqliteEngine) endCopy(*tx) error               { return nil }

func (*sqliteEngine) copyIn(t *tx, into table, next func() ([]any, error)) error {
	in := inserter{tx: t, into: into.name + " (" + into.list() + ")", columns: len(into.columns)}
	for {
		row, err := next()
		if err != nil {
			return err
		}
		if row == nil {
			return in.flush()
		}
		if err := in.row(row...); err != nil {
			return err
		}
	}
}
