package sqlstore

import (
	"cmp"
	"io"
	"sync"

	"github.com/jackc/pgx/v5"
)

// copyFrom carries out a COPY in the transaction: next appends a row, the number of its fields and each with its length, until there is no more.
func (t *tx) copyFrom(text string, next func(b []byte) (_ []byte, more bool, err error)) error {
	rows := newRowCopy(next)
	t.db.seen(text)
	err := t.raw(t.ctx, func(c *pgx.Conn) error {
		_, err := c.PgConn().CopyFrom(t.ctx, rows, text)
		return err
	})
	return cmp.Or(rows.end(), err)
}

// rowCopy reads rows in the binary form of COPY (PostgreSQL documentation, COPY, Binary Format), which the driver sends as it is read. It keeps
// the octets of a few rows.
type rowCopy struct {
	mu     sync.Mutex
	next   func([]byte) ([]byte, bool, error)
	ended  bool
	failed error
	buffer []byte
	unread []byte // of buffer
}

var _ io.Reader = (*rowCopy)(nil)

func newRowCopy(next func([]byte) ([]byte, bool, error)) *rowCopy {
	header := []byte("PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00") // no flags, no extension
	return &rowCopy{next: next, buffer: header, unread: header}
}

// end has no more rows made, and returns why one could not be: the driver may still read where the connection is lost.
func (c *rowCopy) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended, c.unread = true, nil
	return c.failed
}

// copyBuffer is how many octets of rows are made at once: about what the driver sends at once.
const copyBuffer = 64 << 10

// Read makes rows until the buffer is full.
func (c *rowCopy) Read(p []byte) (int, error) {
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

func (c *rowCopy) fill() error {
	b := c.buffer[:0]
	for len(b) < copyBuffer && !c.ended {
		row, more, err := c.next(b)
		if err != nil {
			return err
		}
		b, c.ended = row, !more
	}
	if c.ended {
		b = append(b, 0xff, 0xff)
	}
	c.buffer, c.unread = b, b
	return nil
}
