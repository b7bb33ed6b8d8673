package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/opennsp/nsp/domain/messagelog"
)

// defaultBatch is how many records a batch holds where the reader names no number.
const defaultBatch = 1000

// Read reads what is committed, and waits at the end for the next commit: of one in this process it is told, for those of others it looks.
func (l messageLog) Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		for at := from; to < 0 || at < to; {
			batch, err := l.next(ctx, place{t, part}, at, to, opt)
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

// next returns the batch at from; it waits for one up to the timeout, and returns an empty one with Next = from where none came.
func (l messageLog) next(ctx context.Context, where place, from, to int64, opt messagelog.ReadOptions) (messagelog.Batch, error) {
	timeout := time.NewTimer(opt.Timeout)
	defer timeout.Stop()
	var poll <-chan time.Time
	if every := l.db.logPoll(); every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		poll = ticker.C
	}
	for {
		grown, leave := l.db.grown.of(where) // before the query, so that no commit is missed
		batch, err := l.at(ctx, where, from, to, opt.MaxRecords)
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
			if to >= 0 {
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

// at returns the records from..to that are there.
func (l messageLog) at(ctx context.Context, where place, from, to int64, limit int) (messagelog.Batch, error) {
	if limit <= 0 {
		limit = defaultBatch
	}
	if to < 0 {
		to = math.MaxInt64
	}
	batch := messagelog.Batch{Next: from}
	err := l.db.reading.query(ctx, func(rows *sql.Rows) error {
		r := messagelog.Record{Topic: where.Topic, Partition: where.Part}
		var at int64
		var headers sql.NullString
		if err := rows.Scan(&r.Offset, &at, &r.Key, &headers, &r.Value); err != nil {
			return err
		}
		r.AppendedAt = time.UnixMicro(at).UTC()
		var err error
		r.Headers, err = headersFrom(headers)
		batch.Records = append(batch.Records, r)
		return err
	}, readRecords, string(where.Topic), where.Part, from, to, limit)
	if err != nil {
		return batch, fmt.Errorf("read the message log: %w", translate(err))
	}
	if n := len(batch.Records); n > 0 && batch.Records[0].Offset == from {
		batch.Next = batch.Records[n-1].Offset + 1
		return batch, nil
	}
	// Offsets have no gaps: what is not there is trimmed, or not yet written.
	bounds, err := l.Bounds(ctx, []messagelog.Topic{where.Topic})
	switch {
	case err != nil:
		return batch, err
	case where.Part < 0 || where.Part >= len(bounds[where.Topic]):
		return batch, messagelog.ErrNoTopic
	case from < bounds[where.Topic][where.Part].First:
		return batch, messagelog.ErrGone
	}
	return messagelog.Batch{Next: from}, nil
}
