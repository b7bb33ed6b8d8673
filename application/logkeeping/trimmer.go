package logkeeping

import (
	"context"
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// Trimmer deletes what was consumed long ago from a message log that is kept in the store. It is safe for concurrent use.
type Trimmer struct {
	Log    ports.MessageLog
	Topics ports.TopicAdmin
	Store  ports.LogStore
	Now    func() time.Time
	Topic  messagelog.Topic
	Keep   time.Duration // how long a record stays after it was appended
}

// trimStep is how many records are deleted at once; fewer than that stay for later.
const trimStep = 5000

// Trim deletes, in every partition, records that were consumed and are older than Keep. It returns how many positions were given up.
func (t *Trimmer) Trim(ctx context.Context) (trimmed int64, err error) {
	bounds, err := t.Log.Bounds(ctx, []messagelog.Topic{t.Topic})
	if err != nil {
		return 0, fmt.Errorf("bounds of %s: %w", t.Topic, err)
	}
	for part, b := range bounds[t.Topic] {
		n, err := t.trim(ctx, part, b.First)
		trimmed += n
		if err != nil {
			return trimmed, fmt.Errorf("trim %s/%d: %w", t.Topic, part, err)
		}
	}
	return trimmed, nil
}

func (t *Trimmer) trim(ctx context.Context, part int, first int64) (trimmed int64, err error) {
	next, known, err := t.Store.NextOffset(ctx, minlog.Partition{Topic: t.Topic, Number: part})
	if err != nil || !known {
		return 0, err
	}
	for end := first + trimStep; end <= next; end += trimStep {
		old, err := t.old(ctx, part, end-1)
		if err != nil || !old {
			return trimmed, err
		}
		if err := t.Topics.Trim(ctx, t.Topic, part, end); err != nil {
			return trimmed, err
		}
		trimmed += trimStep
	}
	return trimmed, nil
}

// old tells whether the record at offset, and with it every one before, is older than Keep.
func (t *Trimmer) old(ctx context.Context, part int, offset int64) (bool, error) {
	opt := messagelog.ReadOptions{MaxRecords: 1, Timeout: time.Second}
	for batch, err := range t.Log.Read(ctx, t.Topic, part, offset, offset+1, opt) {
		if err != nil {
			return false, err
		}
		return len(batch.Records) == 0 || batch.Records[0].AppendedAt.Before(t.Now().Add(-t.Keep)), nil
	}
	return false, nil
}
