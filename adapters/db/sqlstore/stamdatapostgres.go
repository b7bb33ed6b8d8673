package sqlstore

import (
	"context"
	"encoding/binary"
	"iter"
)

// loadLock is the key of the advisory lock of who loads: "nspd" and 2.
const loadLock = 0x6e737064_00000002

// load copies the lines within the transaction, into a table that ends with it. Others read meanwhile, and write what is no register.
func (*postgresEngine) load(ctx context.Context, l *loading) error {
	return l.db.alone(ctx, func(t *tx) error {
		// A load may take longer than a call. Joins and sorts of a million rows are to happen in memory.
		if err := t.script("SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '64MB'"); err != nil {
			return err
		}
		if _, err := t.exec(t.ctx, "SELECT pg_advisory_xact_lock(?)", int64(loadLock)); err != nil {
			return err
		}
		if err := l.open(t.ctx, t.session); err != nil {
			return err
		}
		if err := t.script("CREATE TEMPORARY TABLE " + stage + " (" + l.into.stageColumns("bigint", `text COLLATE "C"`) + ") ON COMMIT DROP"); err != nil {
			return err
		}
		if err := t.copyStage(l); err != nil {
			return err
		}
		if err := t.script("ANALYZE pg_temp." + stage); err != nil {
			return err
		}
		return l.apply(ctx, t)
	})
}

func (t *tx) copyStage(l *loading) error {
	next, stop := iter.Pull2(l.lines())
	defer stop()
	return t.copyFrom("COPY pg_temp."+stage+" FROM STDIN (FORMAT binary)", func(b []byte) ([]byte, bool, error) {
		line, err, more := next()
		if err != nil || !more {
			return b, false, err
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(line.Row)+1)) //nolint:gosec // a few dozen
		b = appendBigint(b, int64(line.Number))
		for _, value := range line.Row {
			b = appendTexts(b, value)
		}
		return b, true, nil
	})
}
