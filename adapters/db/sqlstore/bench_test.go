package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
)

// persons is how many people the benchmarks' rows are about: about as many as a small file holds years of.
const persons = 50_000

// plainEntry is a row of minlog_entry as a program without any of this package would insert it.
type plainEntry struct {
	PersonKey       string
	At              int64
	ID              []byte
	FromAt          int64
	BehalfKey       *string
	SystemName      string
	RegistrarCVR    string `gorm:"column:registrar_cvr"`
	RegistrarSystem string
	MessageID       string
	Interface       string
	ReceivedAt      int64
	Doc             string
}

func (plainEntry) TableName() string { return "minlog_entry" }

func perSecond(b *testing.B, rows int) {
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkPlainInsert is the peer: the same rows, batched by gorm, in a transaction for each 5,000.
func BenchmarkPlainInsert(b *testing.B) {
	db := opened(b)
	for i := range b.N {
		b.StopTimer()
		rs := registrations(i*5000, 5000, persons)
		plain := make([]plainEntry, len(rs))
		for j, r := range rs {
			doc, err := json.Marshal(r.Entry)
			require.NoError(b, err)
			plain[j] = plainEntry{string(r.Entry.Person.Key()), r.Entry.To.UnixMicro(), r.ID[:], r.Entry.From.UnixMicro(), nil, r.Entry.System, r.Registrar.CVR,
				r.Registrar.ITSystem, r.Registrar.MessageID, r.Registrar.Interface, r.ReceivedAt.UnixMicro(), string(doc)}
			if !r.Entry.OnBehalfOf.IsZero() {
				key := string(r.Entry.OnBehalfOf.Key())
				plain[j].BehalfKey = &key
			}
		}
		b.StartTimer()
		require.NoError(b, db.write(context.Background(), func(t *tx) error { return t.orm.CreateInBatches(plain, 1000).Error }))
	}
	perSecond(b, 5000)
}

func BenchmarkStore5000(b *testing.B) {
	db := opened(b)
	for i := range b.N {
		b.StopTimer()
		rs := registrations(i*5000, 5000, persons)
		b.StartTimer()
		_, err := db.LogStore().Store(context.Background(), minlog.Partition{Topic: topic}, int64(i), int64(i+1), minlog.Batch{Registrations: rs})
		require.NoError(b, err)
	}
	perSecond(b, 5000)
}

func BenchmarkAppend500(b *testing.B) {
	db, recs := opened(b), records(500)
	for i := range recs {
		recs[i].Headers = []messagelog.Header{{Key: "nsp-format", Value: "1"}, {Key: "nsp-call", Value: "7f3a90c2d41e5b68"}}
	}
	require.NoError(b, db.Topics().CreateTopic(context.Background(), topic, messagelog.Spec{Partitions: 1}))
	b.ResetTimer()
	for range b.N {
		require.NoError(b, db.MessageLog().Append(context.Background(), recs))
	}
	perSecond(b, 500)
}

func BenchmarkRead5000(b *testing.B) {
	db := opened(b)
	ctx := context.Background()
	require.NoError(b, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	require.NoError(b, db.MessageLog().Append(ctx, records(5000)))
	b.ResetTimer()
	for range b.N {
		for batch, err := range db.MessageLog().Read(ctx, topic, 0, 0, 5000, messagelog.ReadOptions{MaxRecords: 5000}) {
			require.NoError(b, err)
			require.Len(b, batch.Records, 5000)
		}
	}
	perSecond(b, 5000)
}

// BenchmarkMove is what a registration costs the store in all: appended by 500, read and stored by 5,000, trimmed.
func BenchmarkMove(b *testing.B) {
	db := opened(b)
	ctx := context.Background()
	require.NoError(b, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	for i := range b.N {
		b.StopTimer()
		rs := registrations(i*5000, 5000, persons)
		recs := make([]messagelog.Record, len(rs))
		for j := range rs {
			value, err := json.Marshal(rs[j])
			require.NoError(b, err)
			recs[j] = messagelog.Record{Topic: topic, Key: []byte("12345678"), Value: value}
		}
		b.StartTimer()
		for j := 0; j < 5000; j += 500 {
			require.NoError(b, db.MessageLog().Append(ctx, recs[j:j+500]))
		}
		from, to := int64(i*5000), int64(i+1)*5000
		for _, err := range db.MessageLog().Read(ctx, topic, 0, from, to, messagelog.ReadOptions{MaxRecords: 5000}) {
			require.NoError(b, err)
		}
		_, err := db.LogStore().Store(ctx, minlog.Partition{Topic: topic}, from, to, minlog.Batch{Registrations: rs})
		require.NoError(b, err)
		require.NoError(b, db.Topics().Trim(ctx, topic, 0, to))
	}
	perSecond(b, 5000)
}

func BenchmarkNewest50(b *testing.B) {
	db := opened(b)
	ctx := context.Background()
	const rows = 100_000
	for i := 0; i < rows; i += 5000 {
		_, err := db.LogStore().Store(ctx, minlog.Partition{Topic: topic}, int64(i), int64(i+5000), minlog.Batch{Registrations: registrations(i, 5000, 1000)})
		require.NoError(b, err)
	}
	q := minlog.Query{Cutoff: start.AddDate(-2, 0, 0)}
	b.ResetTimer()
	for i := range b.N {
		got, err := db.LogStore().ByPerson(ctx, minlog.Key(fmt.Sprintf("CPR:01010%05d", i*31%1000)), q, minlog.Cursor{}, 50)
		require.NoError(b, err)
		require.Len(b, got, 50)
	}
}
