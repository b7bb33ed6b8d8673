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
	key := l.into.key("")
	if err := e.aside(ctx, func(t *tx) error {
		_, err := t.exec(t.ctx, "CREATE TEMPORARY TABLE "+stage+" ("+l.into.stageColumns("INTEGER", "TEXT")+", PRIMARY KEY ("+key+", line)) WITHOUT ROWID")
		return err
	}); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, e.aside(context.WithoutCancel(ctx), func(t *tx) error {
			_, err := t.exec(t.ctx, "DROP TABLE temp."+stage)
			return err
		}))
	}()
	if err := e.stageLines(ctx, l); err != nil {
		return err
	}
	return l.db.alone(ctx, func(t *tx) error {
		if err := l.open(t.ctx, t.session); err != nil { // another handle on the file may have been quicker
			return err
		}
		return l.apply(t)
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
		if err := e.aside(ctx, func(t *tx) error {
			in := inserter{tx: t, into: into, columns: 1 + len(l.into.columns)}
			for ; len(lines) > 0; lines = lines[in.columns:] {
				if err := in.row(lines[:in.columns]...); err != nil {
					return err
				}
			}
			return in.flush()
		}); err != nil {
			return err
		}
	}
	return nil
}

// aside runs f, which leaves the file alone, in a transaction of temporary tables: it takes a turn, and waits for no disk.
func (e *sqliteEngine) aside(ctx context.Context, f func(*tx) error) error {
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
