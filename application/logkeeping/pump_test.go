package logkeeping_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"sync"
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

// scriptedLog has one partition of records that are all alike, and yields them in reads of some records. It writes over what it yielded.
type scriptedLog struct {
	ports.MessageLog
	records, perRead int64
	size             int // octets of a record

	mu   sync.Mutex
	read int64 // highest offset that was read
}

func (l *scriptedLog) Read(ctx context.Context, _ messagelog.Topic, _ int, from, _ int64, opt messagelog.ReadOptions) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		for from < l.records {
			values := make([]byte, l.size*int(l.perRead))
			var read messagelog.Batch
			for n := range min(l.perRead, l.records-from, int64(opt.MaxRecords)) {
				read.Records = append(read.Records, messagelog.Record{Offset: from + n, Value: values[int(n)*l.size:][:l.size]})
			}
			from += int64(len(read.Records))
			read.Next = from
			l.mu.Lock()
			l.read = max(l.read, from)
			l.mu.Unlock()
			if !yield(read, nil) {
				return
			}
			copy(values, bytes.Repeat([]byte("x"), len(values)))
		}
		select {
		case <-ctx.Done():
			yield(messagelog.Batch{}, ctx.Err())
		case <-time.After(opt.Timeout):
		}
	}
}

func (l *scriptedLog) furthest() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.read
}

func (l *scriptedLog) Bounds(context.Context, []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	return map[messagelog.Topic][]messagelog.Bounds{topic: {{End: l.records}}}, nil
}

// gatedStore lets one Store through for each value of gate, which it fails with unless it is nil, and keeps what was stored. The records are
// all dead letters.
type gatedStore struct {
	ports.LogStore
	gate chan error

	mu    sync.Mutex
	steps []step
}

// taken returns what was to be stored so far.
func (s *gatedStore) taken() []step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.steps)
}

type step struct {
	from, to int64
	letters  int
	octets   int
}

func (s *gatedStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (int, error) {
	this := step{from: from, to: to, letters: len(b.DeadLetters)}
	for _, d := range b.DeadLetters {
		this.octets += len(d.Payload)
		if bytes.IndexByte(d.Payload, 'x') >= 0 {
			return 0, errors.New("a payload that the log has written over")
		}
	}
	s.mu.Lock()
	s.steps = append(s.steps, this)
	s.mu.Unlock()
	select {
	case err := <-s.gate:
		if err != nil {
			return 0, err
		}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return s.LogStore.Store(ctx, p, from, to, minlog.Batch{})
}

// pass lets one Store end, with err.
func (s *gatedStore) pass(t *testing.T, err error) {
	t.Helper()
	select {
	case s.gate <- err:
	case <-time.After(time.Hour): // of the bubble
		require.Fail(t, "nothing is stored")
	}
}

func TestPump(t *testing.T) {
	// pump runs a consumer of the log in a bubble of its own.
	pump := func(t *testing.T, log *scriptedLog, batch int, check func(*testing.T, *gatedStore)) {
		synctest.Test(t, func(t *testing.T) {
			db := memory.New(time.Now)
			store := &gatedStore{LogStore: db.LogStore(), gate: make(chan error)}
			c := &logkeeping.Consumer{Log: log, Topics: db.Topics(), Store: store, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Topic: topic,
				Spec: messagelog.Spec{Partitions: 1}, Batch: batch, BatchWait: 500 * time.Millisecond, RetentionYears: 2}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { c.Run(ctx); close(done) }()
			t.Cleanup(func() { cancel(); <-done })
			check(t, store)
		})
	}
	next := func(t *testing.T, store *gatedStore) int64 {
		n, _, err := store.NextOffset(t.Context(), minlog.Partition{Topic: topic})
		require.NoError(t, err)
		return n
	}

	t.Run("what is read while the store is busy is one step", func(t *testing.T) {
		pump(t, &scriptedLog{records: 1000, perRead: 10, size: 10}, 400, func(t *testing.T, store *gatedStore) {
			for range 3 {
				synctest.Wait()
				store.pass(t, nil)
			}
			time.Sleep(500 * time.Millisecond) // of the bubble: the last ones wait for others
			synctest.Wait()
			assert.Equal(t, []step{{0, 10, 10, 100}, {10, 410, 400, 4000}, {410, 810, 400, 4000}, {810, 1000, 190, 1900}}, store.taken())
			store.pass(t, nil)
			synctest.Wait()
			assert.EqualValues(t, 1000, next(t, store))
		})
	})

	t.Run("no more is read ahead than one step of so many records", func(t *testing.T) {
		log := &scriptedLog{records: 20_000, perRead: 10, size: 10}
		pump(t, log, 400, func(t *testing.T, store *gatedStore) {
			for n := range int64(10) {
				synctest.Wait()
				assert.LessOrEqual(t, log.furthest(), 10+n*400+400+10, "a step that is stored, one that waits, and one read")
				store.pass(t, nil)
			}
			synctest.Wait()
			for _, s := range store.taken() {
				assert.LessOrEqual(t, s.to-s.from, int64(400))
			}
		})
	})

	t.Run("no more is read ahead than one step of so many octets", func(t *testing.T) {
		const mib = 1 << 20
		log := &scriptedLog{records: 200, perRead: 4, size: mib}
		pump(t, log, 5000, func(t *testing.T, store *gatedStore) {
			for n := range int64(5) {
				synctest.Wait()
				assert.LessOrEqual(t, log.furthest(), 4+n*12+12+4, "MiB")
				store.pass(t, nil)
			}
			synctest.Wait()
			for _, s := range store.taken() {
				assert.LessOrEqual(t, s.octets, 12*mib)
			}
		})
	})

	t.Run("a record larger than a step is a step of its own", func(t *testing.T) {
		pump(t, &scriptedLog{records: 2, perRead: 1, size: 17 << 20}, 5000, func(t *testing.T, store *gatedStore) {
			for range 2 {
				synctest.Wait()
				store.pass(t, nil)
			}
			synctest.Wait()
			assert.Equal(t, []step{{0, 1, 1, 17 << 20}, {1, 2, 1, 17 << 20}}, store.taken())
		})
	})

	t.Run("a record does not wait for more than the batch wait", func(t *testing.T) {
		pump(t, &scriptedLog{records: 12, perRead: 10, size: 10}, 400, func(t *testing.T, store *gatedStore) {
			synctest.Wait() // 10 are being stored, 2 are read
			store.pass(t, nil)
			synctest.Wait()
			require.Len(t, store.taken(), 1)
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			assert.Equal(t, []step{{0, 10, 10, 100}, {10, 12, 2, 20}}, store.taken())
		})
	})

	t.Run("a step that fails throws away what was read ahead", func(t *testing.T) {
		pump(t, &scriptedLog{records: 30, perRead: 10, size: 10}, 400, func(t *testing.T, store *gatedStore) {
			synctest.Wait()
			store.pass(t, nil)
			time.Sleep(time.Second)
			synctest.Wait()
			store.pass(t, errAway)
			time.Sleep(time.Second)
			synctest.Wait()
			require.Len(t, store.taken(), 3)
			assert.Equal(t, []int64{0, 10, 10}, []int64{store.taken()[0].from, store.taken()[1].from, store.taken()[2].from})
			assert.EqualValues(t, 10, next(t, store))
			for range 2 {
				store.pass(t, nil)
				time.Sleep(time.Second)
				synctest.Wait()
			}
			assert.EqualValues(t, 30, next(t, store))
		})
	})
}
