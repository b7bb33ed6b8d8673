package logkeeping_test

import (
	"context"
	"iter"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// wideLog has partitions of 40 records of 100 kB, yielded ten at a time.
type wideLog struct {
	ports.MessageLog
	octets atomic.Int64 // that were read
}

const (
	widePartitions = 12
	wideRecords    = 40
	wideSize       = 100_000
)

func (l *wideLog) Read(ctx context.Context, _ messagelog.Topic, _ int, from, _ int64, opt messagelog.ReadOptions) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		for from < wideRecords {
			var read messagelog.Batch
			for range 10 {
				read.Records = append(read.Records, messagelog.Record{Offset: from, Value: make([]byte, wideSize)})
				from++
			}
			read.Next = from
			l.octets.Add(10 * wideSize)
			if !yield(read, nil) {
				return
			}
		}
		select {
		case <-ctx.Done():
			yield(messagelog.Batch{}, ctx.Err())
		case <-time.After(opt.Timeout):
		}
	}
}

func (l *wideLog) Bounds(context.Context, []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	bounds := make([]messagelog.Bounds, widePartitions)
	for i := range bounds {
		bounds[i].End = wideRecords
	}
	return map[messagelog.Topic][]messagelog.Bounds{topic: bounds}, nil
}

// closedStore stores nothing before it is opened, then counts the dead letters.
type closedStore struct {
	ports.LogStore
	opened  chan struct{}
	letters atomic.Int64
}

func (s *closedStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (int, error) {
	select {
	case <-s.opened:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	s.letters.Add(int64(len(b.DeadLetters)))
	return s.LogStore.Store(ctx, p, from, to, minlog.Batch{})
}

// TestMemoryOfABacklog shows that what waits in memory for a slow store is bounded for all partitions together.
func TestMemoryOfABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := memory.New(time.Now)
		log, store := &wideLog{}, &closedStore{LogStore: db.LogStore(), opened: make(chan struct{})}
		c := &logkeeping.Consumer{Log: log, Topics: db.Topics(), Store: store, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Topic: topic,
			Spec: messagelog.Spec{Partitions: widePartitions}, Batch: 5000, BatchWait: 500 * time.Millisecond, RetentionYears: 2}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { c.Run(ctx); close(done) }()
		synctest.Wait()
		const held = 12 << 20
		assert.LessOrEqual(t, log.octets.Load(), int64(held+widePartitions*10*wideSize), "what is held, and one read of each partition")
		assert.Greater(t, log.octets.Load(), int64(held/2), "there is something to bound")
		close(store.opened)
		synctest.Wait()
		time.Sleep(time.Second) // of the bubble
		synctest.Wait()
		require.Equal(t, int64(widePartitions*wideRecords), store.letters.Load(), "and everything is stored in the end")
		cancel()
		<-done
	})
}
