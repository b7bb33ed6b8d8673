package portstest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// Backend is what a server keeps its registrations in: ports that share one unit of work.
type Backend interface {
	Units() ports.UnitOfWork
	MessageLog() ports.MessageLog
	Topics() ports.TopicAdmin
	LogStore() ports.LogStore
}

// Consume checks that what producers append reaches the store once, while several consumers take the same partition and steps are lost
// between their writes and their commit. A backend whose log lies outside its store has another method, LogUnits() ports.UnitOfWork: the units
// that Append joins.
func Consume(t *testing.T, open func(*testing.T) Backend) {
	t.Run("nothing is lost or doubled on the way from the log to the store", func(t *testing.T) {
		b, ctx := open(t), bounded(t)
		require.NoError(t, b.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
		const producers, bulks, size = 8, 6, 25
		appending := b.Units()
		if apart, ok := b.(interface{ LogUnits() ports.UnitOfWork }); ok {
			appending = apart.LogUnits()
		}
		var wg sync.WaitGroup
		for p := range producers {
			wg.Go(func() {
				for i := range bulks {
					recs := make([]messagelog.Record, size)
					for j := range recs {
						recs[j] = messagelog.Record{Topic: topic, Key: []byte("k"), Value: binary.BigEndian.AppendUint64(nil, uint64((p*bulks+i)*size+j))}
					}
					err := appending.Run(ctx, func(ctx context.Context) error { return b.MessageLog().Append(ctx, recs) }, nothing)
					assert.NoError(t, err)
				}
			})
		}
		var inserted, lost atomic.Int64
		for range 2 {
			wg.Go(func() {
				for inserted.Load() < producers*bulks*size && ctx.Err() == nil {
					n, err := consume(ctx, b, func() error {
						if lost.Add(1)%3 == 0 {
							return errBoom
						}
						return nil
					})
					if !errors.Is(err, errBoom) && !fault.Is(err, fault.Conflict) && !assert.NoError(t, err) {
						return
					}
					inserted.Add(int64(n))
				}
			})
		}
		wg.Wait()
		assert.Equal(t, int64(producers*bulks*size), inserted.Load())
		got := find(ctx, t, b.LogStore(), minlog.Query{})
		require.Len(t, got, producers*bulks*size)
		assert.Equal(t, int64(producers*bulks*size), days(ctx, t, b.LogStore())[0].Stored)
		next, known, err := b.LogStore().NextOffset(ctx, partition(topic))
		require.NoError(t, err)
		require.True(t, known)
		for batch, err := range b.MessageLog().Read(ctx, topic, 0, next, -1, now) {
			require.NoError(t, err)
			assert.Empty(t, batch.Records, "records after the last step's offset")
		}
	})
}

// consume takes one step of the partition and returns how many rows it committed.
func consume(ctx context.Context, b Backend, seal func() error) (inserted int, err error) {
	from, _, err := b.LogStore().NextOffset(ctx, partition(topic))
	if err != nil {
		return 0, err
	}
	for batch, err := range b.MessageLog().Read(ctx, topic, 0, from, -1, messagelog.ReadOptions{MaxRecords: 40, Timeout: time.Millisecond}) {
		if err != nil {
			return 0, fmt.Errorf("read: %w", err)
		}
		var step minlog.Batch
		for _, r := range batch.Records {
			step.Registrations = append(step.Registrations, registration(int(binary.BigEndian.Uint64(r.Value)), citizen, noon, 0)) //nolint:gosec // small
		}
		n := 0
		err := b.Units().Run(ctx, func(ctx context.Context) (err error) {
			n, err = b.LogStore().Store(ctx, partition(topic), from, batch.Next, step)
			return err
		}, func(context.Context) error { return seal() })
		if err != nil {
			return 0, err
		}
		return n, nil
	}
	return 0, nil
}
