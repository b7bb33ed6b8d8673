package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/domain/messagelog"
)

// How many records a batch holds where the reader names no number, and where it will read many.
const (
	defaultBatch = 1000
	catchUpBatch = 8000
)

// batchOctets ends a batch, whatever the number of its records.
const batchOctets = 8 << 20

// Read reads what is committed, and waits at the end for the next commit: of one in this process it is told, for those of others it looks.
func (l messageLog) Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		r := logReader{db: l.db, where: place{t, part}, to: to, limit: opt.MaxRecords, timeout: opt.Timeout}
		if r.limit <= 0 {
			r.limit = defaultBatch
			if opt.CatchUp {
				r.limit = catchUpBatch
			}
		}
		for at := from; to < 0 || at < to; {
			batch, err := r.next(ctx, at)
			if err != nil {
				yield(messagelog.Batch{}, err)
				return
			}
			if batch.Next == at || !yield(batch, nil) {
				return
			}
			at = batch.Next
		}
	}
}

// logReader is one Read. Its memory is that of one batch.
type logReader struct {
	db      *DB
	where   place
	to      int64
	limit   int // records of a batch
	timeout time.Duration

	records []messagelog.Record
	memory  []byte // of keys and values
}

// next returns the batch at from; it waits for one up to the timeout, and returns an empty one with Next = from where none came.
func (r *logReader) next(ctx context.Context, from int64) (messagelog.Batch, error) {
	timeout := time.NewTimer(r.timeout)
	defer timeout.Stop()
	var poll <-chan time.Time
	if every := r.db.logPoll(); every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		poll = ticker.C
	}
	for {
		grown, leave := r.db.grown.of(r.where) // before the query, so that no commit is missed
		batch, err := r.at(ctx, from)
		if err != nil || batch.Next > from {
			leave()
			return batch, err
		}
		select {
		case <-grown:
			leave()
		case <-poll:
			leave()
		case <-timeout.C:
			leave()
			if r.to >= 0 {
				return batch, messagelog.ErrStalled
			}
			return batch, nil
		case <-ctx.Done():
			leave()
			return batch, ctx.Err()
		}
	}
}

const readRecords = "SELECT off, appended_at, key, headers, value FROM log_record WHERE topic = ? AND part = ? AND off >= ? AND off < ? ORDER BY off LIMIT ?"

// logRow is a row of readRecords, whose memory is valid until the next one.
type logRow struct {
	off, at             int64
	key, headers, value []byte
}

// errFull: a batch holds enough.
var errFull = errors.New("the batch is full")

// at returns the records from..to that are there.
func (r *logReader) at(ctx context.Context, from int64) (messagelog.Batch, error) {
	to := r.to
	if to < 0 {
		to = math.MaxInt64
	}
	r.records, r.memory = r.records[:0], r.memory[:0]
	octets := 0
	err := r.db.readRecords(ctx, r.db, func(row *logRow) error {
		headers, err := headersFrom(row.headers)
		if err != nil {
			return err
		}
		r.records = append(r.records, messagelog.Record{Topic: r.where.Topic, Partition: r.where.Part, Offset: row.off,
			AppendedAt: time.UnixMicro(row.at).UTC(), Headers: headers, Key: r.kept(row.key), Value: r.kept(row.value)})
		if octets += len(row.key) + len(row.value); octets >= batchOctets {
			return errFull
		}
		return nil
	}, string(r.where.Topic), r.where.Part, from, to, r.limit)
	if err != nil && !errors.Is(err, errFull) {
		return messagelog.Batch{Next: from}, fmt.Errorf("read the message log: %w", translate(err))
	}
	if n := len(r.records); n > 0 && r.records[0].Offset == from {
		return messagelog.Batch{Records: r.records, Next: r.records[n-1].Offset + 1}, nil
	}
	// Offsets have no gaps: what is not there is trimmed, or not yet written.
	bounds, err := messageLog{r.db}.Bounds(ctx, []messagelog.Topic{r.where.Topic})
	switch {
	case err != nil:
		return messagelog.Batch{Next: from}, err
	case r.where.Part < 0 || r.where.Part >= len(bounds[r.where.Topic]):
		return messagelog.Batch{Next: from}, messagelog.ErrNoTopic
	case from < bounds[r.where.Topic][r.where.Part].First:
		return messagelog.Batch{Next: from}, messagelog.ErrGone
	}
	return messagelog.Batch{Next: from}, nil
}

// kept copies b into the memory of the batch; nil for no octets. Where that is full, what is in it stays where it is.
func (r *logReader) kept(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if cap(r.memory)-len(r.memory) < len(b) {
		r.memory = make([]byte, 0, max(len(b), min(2*cap(r.memory), batchOctets), 64<<10))
	}
	start := len(r.memory)
	r.memory = append(r.memory, b...)
	return r.memory[start:len(r.memory):len(r.memory)]
}

// readRecords scans numbers as what the driver made of them, which copies nothing.
func (*sqliteEngine) readRecords(ctx context.Context, db *DB, each func(*logRow) error, args ...any) error {
	var row logRow
	var off, at any
	var key, headers, value sql.RawBytes
	into := []any{&off, &at, &key, &headers, &value}
	return db.reading.query(ctx, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row.off, row.at = off.(int64), at.(int64) //nolint:forcetypeassert // columns of integers in a STRICT table
		row.key, row.headers, row.value = key, headers, value
		return each(&row)
	}, readRecords, args...)
}

// readRecords takes the octets as they come from the server. A connection that died while nobody used it is passed over, as begin does.
func (e *postgresEngine) readRecords(ctx context.Context, db *DB, each func(*logRow) error, args ...any) error {
	var row logRow
	began := false
	for left := e.readers.Stats().MaxOpenConnections; ; left-- {
		conn, err := e.readers.Conn(ctx)
		if err != nil {
			return e.clean(ctx, err)
		}
		var stopped error // by each
		err = rawConn(ctx, e, conn, func(c *pgx.Conn) error {
			db.seen(readRecords)
			rows, err := c.Query(ctx, e.bind(readRecords), append([]any{pgx.QueryResultFormats{1, 1, 1, 1, 1}}, args...)...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				began = true
				v := rows.RawValues()
				row = logRow{int64(binary.BigEndian.Uint64(v[0])), int64(binary.BigEndian.Uint64(v[1])), v[2], v[3], v[4]} //nolint:gosec // two's complement
				if stopped = each(&row); stopped != nil {
					return nil
				}
			}
			return rows.Err()
		})
		_ = conn.Close()
		if err == nil || began || left == 0 || !isLost(err) {
			return cmp.Or(stopped, err)
		}
	}
}
