package kafka

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/tests/kafkatest"
)

// BenchmarkAppend stores bulks of 500 records of 500 bytes through a service, and through as many sarama.AsyncProducers: a transaction each.
// times-sarama is how many times as many bulks a second the service stores.
func BenchmarkAppend(b *testing.B) {
	for _, on := range []string{"fake", "Apache"} {
		for _, callers := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("%s/callers=%d", on, callers), func(b *testing.B) {
				var brokers []string
				if on == "fake" {
					brokers = fake(b, 12).ListenAddrs()
				} else {
					brokers = kafkatest.Apache(b)
				}
				benchmarkAppend(b, brokers, callers)
			})
		}
	}
}

func benchmarkAppend(b *testing.B, brokers []string, callers int) {
	const records, size, partitions = 500, 500, 12
	c := connected(b, single(brokers))
	topic := topicOf(b, c, partitions)
	recs := make([]messagelog.Record, records)
	for i := range recs {
		value := make([]byte, size)
		for j := range value {
			value[j] = byte(rand.Uint32())
		}
		recs[i] = messagelog.Record{Topic: topic, Key: fmt.Appendf(nil, "%08d", i), Value: value}
	}
	s := c.Service("bench")
	append1 := func() error {
		return s.Units().Run(context.Background(), func(ctx context.Context) error { return s.MessageLog().Append(ctx, recs) }, nothing)
	}
	peers := make(chan sarama.AsyncProducer, c.opt.Producers)
	for i := range c.opt.Producers {
		config := *c.opt.producer(c.client.Config(), fmt.Sprintf("%s-%d", topic, i)).config
		config.Producer.Partitioner = sarama.NewManualPartitioner
		p, err := sarama.NewAsyncProducer(brokers, &config)
		require.NoError(b, err)
		defer p.Close()
		peers <- p
	}
	append2 := func() error {
		p := <-peers
		defer func() { peers <- p }()
		if err := p.BeginTxn(); err != nil {
			return err
		}
		for _, r := range recs {
			p.Input() <- &sarama.ProducerMessage{
				Topic: string(r.Topic), Key: sarama.ByteEncoder(r.Key), Value: sarama.ByteEncoder(r.Value),
				Partition: int32(r.PartitionOf(partitions)),
			}
		}
		return p.CommitTxn()
	}
	run := func(n int, one func() error) time.Duration {
		todo := make(chan struct{}, n)
		for range n {
			todo <- struct{}{}
		}
		close(todo)
		started := time.Now()
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range todo {
					if err := one(); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		return time.Since(started)
	}
	run(callers, append1)
	run(callers, append2)
	b.ReportAllocs()
	b.ResetTimer()
	var ours, theirs time.Duration
	for left := b.N; left > 0; left -= 20 {
		n := min(left, 20)
		ours += run(n, append1)
		b.StopTimer()
		theirs += run(n, append2)
		b.StartTimer()
	}
	b.ReportMetric(records*float64(b.N)/ours.Seconds(), "records/s")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "times-sarama")
}
