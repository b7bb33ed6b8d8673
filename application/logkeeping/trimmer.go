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
	for done := false; !done && err == nil; {
		var n int64
		n, done, err = t.step(ctx)
		trimmed += n
	}
	return trimmed, err
}

// step trims each partition once; done=true when nothing is left to trim.
func (t *Trimmer) step(ctx context.Context) (trimmed int64, done bool, err error) {
	bounds, err := t.Log.Bounds(ctx, []messagelog.Topic{t.Topic})
	if err != nil {
		return 0, false, fmt.Errorf("bounds of %s: %w", t.Topic, err)
	}
	for part, b := range bounds[t.Topic] {
		n, err := t.trim(ctx, part, b.First)
		trimmed += n
		if err != nil {
			return trimmed, false, fmt.Errorf("trim %s/%d: %w", t.Topic, part, err)
		}
	}
	return trimmed, trimmed == 0, nil
}

func (t *Trimmer) trim(ctx context.Context, part int, first int64) (trimmed int64, err error) {
	next, known, err := t.Store.NextOffset(ctx, minlog.Partition{Topic: t.Topic, Number: part})
	if err != nil || !known || first+trimStep > next {
		return 0, err
	}
	if old, err := t.old(ctx, part, first+trimStep-1); err != nil || !old {
		return 0, err
	}
	if err := t.Topics.Trim(ctx, t.Topic, part, first+trimStep); err != nil {
		return 0, err
	}
	return trimStep, nil
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
