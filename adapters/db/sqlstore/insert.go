package sqlstore

import "database/sql"

// inserter inserts many rows of one table by few statements: each takes chunk rows, the last one the rest.
type inserter struct {
	tx        *tx
	into      string // table and columns
	columns   int
	suffix    string                // of the statement: " ON CONFLICT …"
	returning func(*sql.Rows) error // called for each row that the suffix returns; nil if it returns none
	args      []any
}

// row adds a row, whose values must stay as they are until the statement has run: the next flush, or the row that fills the chunk.
func (in *inserter) row(values ...any) error {
	in.args = append(in.args, values...)
	if len(in.args) == chunk*in.columns {
		return in.flush()
	}
	return nil
}

// flush inserts the rows that were added since the last statement.
func (in *inserter) flush() (err error) {
	n := len(in.args) / in.columns
	if n == 0 {
		return nil
	}
	text := "INSERT INTO " + in.into + " VALUES " + values(in.columns, n) + in.suffix
	if in.returning != nil {
		err = in.tx.query(in.tx.ctx, in.returning, text, in.args...)
	} else {
		_, err = in.tx.exec(in.tx.ctx, text, in.args...)
	}
	in.args = in.args[:0]
	return err
}
