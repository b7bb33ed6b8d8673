package logkeeping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
)

func TestTrimmer(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	db := memory.New(func() time.Time { return now })
	const topic = "t"
	require.NoError(t, db.Topics().CreateTopic(t.Context(), topic, messagelog.Spec{Partitions: 1}))
	appendRecords := func(n int) {
		records := make([]messagelog.Record, n)
		for i := range records {
			records[i] = messagelog.Record{Topic: topic, Value: []byte("x")}
		}
		require.NoError(t, db.MessageLog().Append(t.Context(), records))
	}
	bounds := func() messagelog.Bounds {
		b, err := db.MessageLog().Bounds(t.Context(), []messagelog.Topic{topic})
		require.NoError(t, err)
		return b[topic][0]
	}
	trimmer := &logkeeping.Trimmer{Log: db.MessageLog(), Topics: db.Topics(), Store: db.LogStore(), Now: func() time.Time { return now },
		Topic: topic, Keep: 24 * time.Hour}
	trim := func(want int64) {
		t.Helper()
		got, err := trimmer.Trim(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	consume := func(from, to int64) {
		_, err := db.LogStore().Store(t.Context(), minlog.Partition{Topic: topic}, from, to, minlog.Batch{})
		require.NoError(t, err)
	}

	appendRecords(12_000)
	now = now.Add(25 * time.Hour)
	trim(0) // nothing was consumed
	first := bounds().First
	consume(first, first+9_999)
	trim(5_000) // the second step is not consumed to its end
	assert.Equal(t, first+5_000, bounds().First)
	consume(first+9_999, first+12_000)
	trim(5_000)
	appendRecords(5_000)
	consume(first+12_000, first+17_000)
	trim(0) // the step ends with records of today
	now = now.Add(25 * time.Hour)
	trim(5_000)
	assert.Equal(t, messagelog.Bounds{First: first + 15_000, End: first + 17_000}, bounds())

	trimmer.Topic = "none"
	_, err := trimmer.Trim(t.Context())
	assert.ErrorIs(t, err, messagelog.ErrNoTopic)
}
