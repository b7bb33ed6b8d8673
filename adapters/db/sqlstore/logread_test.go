package sqlstore

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
)

// A record that is committed after a reader looked and before it waits wakes it up as well.
func TestNoWakeUpIsMissed(t *testing.T) {
	ctx := context.Background()
	db := opened(t)
	require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	var done atomic.Bool
	db.observe = func(statement string) {
		// The reader found no record, and has asked where the log ends.
		if strings.Contains(statement, "FROM log_partition") && done.CompareAndSwap(false, true) {
			assert.NoError(t, db.MessageLog().Append(ctx, records(1)))
		}
	}
	found := false
	for batch, err := range db.MessageLog().Read(ctx, topic, 0, 0, -1, messagelog.ReadOptions{Timeout: 5 * time.Second}) {
		require.NoError(t, err)
		found = len(batch.Records) == 1
		break
	}
	assert.True(t, found, "the reader slept over the record")
}

// A topic is deleted a piece at a time, between which others write, unless all is to take effect together.
func TestDeleteTopicInPieces(t *testing.T) {
	ctx := context.Background()
	for name, joined := range map[string]bool{"by itself": false, "within a unit of work": true} {
		t.Run(name, func(t *testing.T) {
			db := opened(t)
			require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 2}))
			recs := make([]messagelog.Record, 2*trimChunk+2)
			for i := range recs {
				recs[i] = messagelog.Record{Topic: topic, Spread: uint64(i) % 2} //nolint:gosec // not negative
			}
			require.NoError(t, db.MessageLog().Append(ctx, recs))
			commits, most := count(db, "COMMIT"), int64(0)
			first := func() int64 {
				left, _, err := side{db, db.reading.pool}.first(ctx, "SELECT count(*) FROM log_record")
				require.NoError(t, err)
				return left
			}
			observed, before := db.observe, first()
			db.observe = func(statement string) {
				observed(statement)
				if statement == "BEGIN IMMEDIATE" {
					most, before = max(most, before-first()), first()
				}
			}
			run := func(ctx context.Context) error { return db.Topics().DeleteTopic(ctx, topic) }
			if joined {
				require.ErrorIs(t, db.Units().Run(ctx, run, func(context.Context) error { return context.Canceled }), context.Canceled)
				require.Zero(t, commits())
				require.Len(t, recs, int(first()), "all is there again")
				return
			}
			require.NoError(t, run(ctx))
			require.Equal(t, 2*2+1, commits(), "two for each partition, and the last one")
			require.LessOrEqual(t, most, int64(trimChunk), "records that one transaction deletes")
			require.Zero(t, first())
		})
	}
}

// A batch ends when it holds enough, however few the records are.
func TestBatchesAreBounded(t *testing.T) {
	ctx := context.Background()
	for name, db := range map[string]*DB{"sqlite": opened(t), "postgres": openedPostgres(t, postgresDSN(t))} {
		t.Run(name, func(t *testing.T) {
			const each, n = batchOctets / 4, 6
			require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
			for i := range n {
				value := bytes.Repeat([]byte{byte('a' + i)}, each)
				require.NoError(t, db.MessageLog().Append(ctx, []messagelog.Record{{Topic: topic, Value: value}}))
			}
			var batches []int
			read := 0
			for batch, err := range db.MessageLog().Read(ctx, topic, 0, 0, n, messagelog.ReadOptions{CatchUp: true}) {
				require.NoError(t, err)
				batches = append(batches, len(batch.Records))
				for _, r := range batch.Records {
					require.Len(t, r.Value, each)
					require.Equal(t, byte('a'+read), r.Value[each-1], "record %d", read)
					require.Nil(t, r.Key)
					read++
				}
			}
			require.Equal(t, []int{4, 2}, batches)
		})
	}
}
