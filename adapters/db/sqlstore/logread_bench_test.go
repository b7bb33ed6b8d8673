package sqlstore

import (
	"bytes"
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
)

// scanned appends n records of 500 octets without key or headers, as NAS has them, and reads all of them each time.
func scanned(b *testing.B, db *DB, n int) {
	ctx := context.Background()
	require.NoError(b, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	recs := make([]messagelog.Record, 10_000)
	for i := range recs {
		recs[i] = messagelog.Record{Topic: topic, Value: bytes.Repeat([]byte{'v'}, 500)}
	}
	for range n / len(recs) {
		require.NoError(b, db.MessageLog().Append(ctx, recs))
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := processorTime(b)
	for range b.N {
		read := 0
		for batch, err := range db.MessageLog().Read(ctx, topic, 0, 0, int64(n), messagelog.ReadOptions{CatchUp: true}) {
			require.NoError(b, err)
			read += len(batch.Records)
		}
		require.Equal(b, n, read)
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(n*b.N), "cpu-ns/row") // of this process; others may be at work
	perSecond(b, n)
}

// processorTime is what this process has used, in nanoseconds.
func processorTime(b *testing.B) int64 {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return used.Utime.Nano() + used.Stime.Nano()
}

func BenchmarkScan(b *testing.B)         { scanned(b, opened(b), 100_000) }
func BenchmarkPostgresScan(b *testing.B) { scanned(b, openedPostgres(b, postgresDSN(b)), 100_000) }
