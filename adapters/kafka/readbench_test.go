package kafka

import (
	"bytes"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
)

// BenchmarkRead reads a partition of records of 500 bytes in transactions of 1,000, by this package and by sarama's channel consumer.
func BenchmarkRead(b *testing.B) {
	const size, records, bulk = 500, 1_000_000, 1000
	c := opened(b, single(fakeBroker(b, 1).ListenAddrs()))
	topic := topicOf(b, c, 1)
	w := writerTo(b, c, topic, sarama.CompressionNone)
	all := make([]*sarama.ProducerMessage, bulk)
	for range records / bulk {
		for i := range all {
			all[i] = &sarama.ProducerMessage{
				Topic: string(topic), Key: sarama.ByteEncoder("12345678"), Value: sarama.ByteEncoder(bytes.Repeat([]byte("x"), size)),
				Headers: []sarama.RecordHeader{
					{Key: []byte("nsp-format"), Value: []byte("1")},
					{Key: []byte("nsp-call"), Value: []byte("b79c61ff-70e4-89f1-b6d4-bfc9b4979ee4")},
					{Key: []byte("nsp-produced"), Value: []byte("2026-11-01T08:15:02.4Z")},
				},
			}
		}
		w.begin(b)
		require.NoError(b, w.SendMessages(all))
		require.NoError(b, w.CommitTxn())
	}
	end := boundsOf(b, c, topic).End
	clear(all)

	toTheEnd := func(catchUp bool) func() int {
		return func() (n int) {
			for batch, err := range c.Read(b.Context(), topic, 0, 0, end, messagelog.ReadOptions{Timeout: time.Minute, CatchUp: catchUp}) {
				require.NoError(b, err)
				n += len(batch.Records)
			}
			return n
		}
	}
	ours := map[string]func() int{
		"to the end": toTheEnd(false),
		"catch-up":   toTheEnd(true),
		"a batch a read": func() (n int) {
			for at := int64(0); n < records; {
				for batch, err := range c.Read(b.Context(), topic, 0, at, -1, messagelog.ReadOptions{MaxRecords: 1000}) {
					require.NoError(b, err)
					n += len(batch.Records)
					at = batch.Next
					break
				}
			}
			return n
		},
	}
	peer := func() (n int) {
		config := *c.client.Config()
		config.Consumer.Fetch.Default = fetchSize
		consumer, err := sarama.NewConsumer(c.opt.Brokers, &config)
		require.NoError(b, err)
		part, err := consumer.ConsumePartition(string(topic), 0, sarama.OffsetOldest)
		require.NoError(b, err)
		for n < records {
			<-part.Messages()
			n++
		}
		part.AsyncClose()
		require.NoError(b, consumer.Close())
		return n
	}
	for name, read := range ours {
		b.Run(name, func(b *testing.B) {
			var took, peers time.Duration
			for b.Loop() {
				b.StopTimer()
				start := time.Now()
				require.Equal(b, records, peer())
				peers += time.Since(start)
				b.StartTimer()
				start = time.Now()
				require.Equal(b, records, read())
				took += time.Since(start)
			}
			rate := float64(b.N) * records / took.Seconds()
			b.ReportMetric(rate, "records/s")
			b.ReportMetric(rate*size/1e6, "MB/s")
			b.ReportMetric(float64(b.N)*records/peers.Seconds(), "sarama-records/s")
			b.ReportMetric(peers.Seconds()/took.Seconds(), "times-sarama")
		})
	}
}
