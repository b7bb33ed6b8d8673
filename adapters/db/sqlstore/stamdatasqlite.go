package sqlstore

import (
	"context"
	"errors"
	"iter"
)

// stageTurn is how many lines are staged in one turn: some milliseconds, in which nobody else writes.
const stageTurn = 1000

// load stages the lines turn by turn in a temporary table of the connection that writes, whose file is gone when the process is. Only then it takes
// one turn for the rest, in which others read, but wait to write: for a million new persons that is some ten seconds.
func (e *sqliteEngine) load(ctx context.Context, l *loading) (err error) {
	select {
	case e.loading <- struct{}{}:
		defer func() { <-e.loading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := l.open(ctx, e.reading); err != nil {
		return err
	}
	if err := e.aside(ctx, "CREATE TEMPORARY TABLE "+stage+" ("+l.into.stageColumns("INTEGER", "TEXT")+", PRIMARY KEY (line))"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.aside(context.WithoutCancel(ctx), "DROP TABLE temp."+stage)) }()
	if err := e.stageLines(ctx, l); err != nil {
		return err
	}
	if err := e.aside(ctx, "CREATE INDEX temp."+stage+"_key ON "+stage+" ("+l.into.key()+")"); err != nil {
		return err
	}
	return l.db.alone(ctx, func(t *tx) error {
		if err := l.open(t.ctx, t.session); err != nil { // another handle on the file may have been quicker
			return err
		}
		return l.apply(ctx, t)
	})
}

// stageLines reads lines while others may write, and writes them in turns.
func (e *sqliteEngine) stageLines(ctx context.Context, l *loading) error {
	into := "temp." + stage + " (line, " + l.into.list("") + ")"
	next, stop := iter.Pull2(l.lines())
	defer stop()
	for more := true; more; {
		lines := make([]any, 0, stageTurn*(1+len(l.into.columns)))
		for n := 0; n < stageTurn; n++ {
			line, err, ok := next()
			if err != nil {
				return err
			}
			if more = ok; !more {
				break
			}
			lines = append(lines, int64(line.Number))
			for _, value := range line.Row {
				lines = append(lines, value)
			}
		}
		if err := e.staging(ctx, func(t *tx) error {
			in := inserter{tx: t, into: into, columns: 1 + len(l.into.columns)}
			for full := len(lines) / in.columns / chunk * chunk * in.columns; len(lines) > 0; lines, full = lines[in.columns:], full-in.columns {
				err := in.row(lines[:in.columns]...)
				if err == nil && full <= 0 { // the rest one by one: each number of rows would be a statement that is kept
					err = in.flush()
				}
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// aside runs a statement on temporary tables.
func (e *sqliteEngine) aside(ctx context.Context, text string) error {
	return e.staging(ctx, func(t *tx) error {
		_, err := t.exec(t.ctx, text)
		return err
	})
}

// staging runs f, which leaves the file alone, in a transaction of temporary tables: it takes a turn, and waits for no disk.
func (e *sqliteEngine) staging(ctx context.Context, f func(*tx) error) error {
	if err := e.takeTurn(ctx); err != nil {
		return err
	}
	defer func() { <-e.turn }()
	t := &tx{session: e.writing, reading: e.writing, ctx: e.statements(ctx)}
	if _, err := t.exec(t.ctx, "BEGIN"); err != nil {
		return err
	}
	if err := f(t); err != nil {
		return errors.Join(err, t.control("ROLLBACK"))
	}
	return t.control("COMMIT")
}
