package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
)

// The records of the backlog are what a registration front makes, each of another registration, and every partition has some.
func TestRecordsOfTheBacklog(t *testing.T) {
	ids, partitions := map[minlog.RegistrationID]bool{}, map[int32]int{}
	var broken error
	for batch := range recordsOf(2*bulkSize, persons, &broken) {
		for _, m := range batch {
			r, _, err := minlog.DecodeRecord(m.Value.(sarama.ByteEncoder))
			require.NoError(t, err)
			require.NotNil(t, r)
			ids[r.ID] = true
			partitions[m.Partition]++
		}
	}
	require.NoError(t, broken)
	assert.Len(t, ids, 2*bulkSize)
	assert.Len(t, partitions, kafkaPartitions)
}

func TestStepsOfACall(t *testing.T) {
	file := filepath.Join(t.TempDir(), "spans")
	var out strings.Builder
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	write := func(trace int, name string, from, to int) {
		fmt.Fprintf(&out, `{"Name":%q,"SpanContext":{"TraceID":"%d"},"StartTime":%q,"EndTime":%q}`+"\n", name, trace,
			at.Add(time.Duration(from)*time.Millisecond).Format(time.RFC3339Nano), at.Add(time.Duration(to)*time.Millisecond).Format(time.RFC3339Nano))
	}
	out.WriteString("another line\n")
	write(-1, "POST /sts", 0, 1)
	for i := range frontBulks + 2 {
		n := 1000 * i
		write(i, "security.verify", n+2, n+3)
		write(i, "send t", n+5, n+6)
		write(i, "usecase Add", n+3, n+7)
		write(i, "audit.append", n+8, n+18)
		write(i, "commit", n+18, n+48)
		write(i, "POST /x", n, n+50)
	}
	require.NoError(t, os.WriteFile(file, []byte(out.String()), 0o600))
	crowded, alone, err := readSteps(file)
	require.NoError(t, err)
	want := []float64{2, 1, 4, 1, 10, 30, 2, 50}
	require.Len(t, stepNames(), len(want))
	assert.InDeltaSlice(t, want, crowded, 1e-6)
	assert.InDeltaSlice(t, want, alone, 1e-6)
}
