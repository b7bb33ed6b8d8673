package sqlstore

// inserter inserts many rows that follow one another in a table, by few statements: each takes chunk rows, the last one the rest.
type inserter struct {
	tx      *tx
	into    string // table and columns
	columns int
	rest    string // of the statement, after the values
	args    []any
	changed int64 // rows, by all statements
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
func (in *inserter) flush() error {
	n := len(in.args) / in.columns
	if n == 0 {
		return nil
	}
	changed, err := in.tx.exec(in.tx.ctx, "INSERT INTO "+in.into+" VALUES "+values(in.columns, n)+in.rest, in.args...)
	in.args, in.changed = in.args[:0], in.changed+changed
	return err
}
