package sqlstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"io"
	"iter"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/domain/stamdata"
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
	lines := &lineCopy{next: next, buffer: []byte("PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00")} // no flags, no extension
	lines.unread = lines.buffer
	text := "COPY pg_temp." + stage + " FROM STDIN (FORMAT binary)"
	t.db.seen(text)
	err := t.raw(t.ctx, func(c *pgx.Conn) error {
		_, err := c.PgConn().CopyFrom(t.ctx, lines, text)
		return err
	})
	lines.mu.Lock() // the driver may still read where the connection is lost
	defer lines.mu.Unlock()
	lines.ended, lines.unread = true, nil
	stop()
	return cmp.Or(lines.failed, err)
}

// lineCopy reads lines in the binary form of COPY. It keeps the octets of a few of them.
type lineCopy struct {
	mu     sync.Mutex
	next   func() (stamdata.Line, error, bool)
	ended  bool
	failed error
	buffer []byte
	unread []byte // of buffer
}

var _ io.Reader = (*lineCopy)(nil)

// Read makes rows until the buffer is full.
func (c *lineCopy) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unread) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		if c.failed = c.fill(); c.failed != nil {
			return 0, c.failed
		}
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

func (c *lineCopy) fill() error {
	b := c.buffer[:0]
	for len(b) < copyBuffer && !c.ended {
		line, err, more := c.next()
		if err != nil {
			return err
		}
		if c.ended = !more; c.ended {
			b = append(b, 0xff, 0xff)
			break
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(line.Row)+1)) //nolint:gosec // a few dozen
		b = appendBigint(b, int64(line.Number))
		for _, value := range line.Row {
			b = appendTexts(b, value)
		}
	}
	c.buffer, c.unread = b, b
	return nil
}
