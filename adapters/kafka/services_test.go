package kafka

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/opennsp/nsp/domain/messagelog"
)

// Two services on one cluster: what one of them has not decided holds up no reader of the other, and what one of them loses is not the other's loss.
func TestTransactionsOfTwoServicesNeverMix(t *testing.T) {
	broker := fakeBroker(t, 1)
	c := opened(t, single(broker.ListenAddrs()))
	minlog, nas := topicOf(t, c, 1), topicOf(t, c, 1)
	held, release := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	broker.ControlKey(kmsg.EndTxn.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if strings.Contains(request.(*kmsg.EndTxnRequest).TransactionalID, "-nas-") && first.CompareAndSwap(false, true) {
			close(held)
			broker.SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	done := make(chan error, 1)
	go func() {
		done <- c.Service("nas").Units().Run(bounded(t), func(ctx context.Context) error {
			return c.Service("nas").MessageLog().Append(ctx, []messagelog.Record{{Topic: nas, Value: []byte("n")}})
		}, nothing)
	}()
	<-held
	require.NoError(t, c.Service("minlog").MessageLog().Append(bounded(t), []messagelog.Record{{Topic: minlog, Value: []byte("m")}}))
	requireTaken(t, c, minlog, "m")
	assert.Equal(t, messagelog.Bounds{}, boundsOf(t, c, nas))
	close(release)
	require.NoError(t, <-done)
	requireTaken(t, c, nas, "n")
	requireTaken(t, c, minlog, "m")
}

func TestNAS63SizesOfFetches(t *testing.T) {
	broker := fakeBroker(t, 1)
	c := opened(t, single(broker.ListenAddrs()))
	topic := topicOf(t, c, 1)
	writerTo(t, c, topic, sarama.CompressionNone).committed(t, c, "a", "b")
	var size, least atomic.Int32
	broker.ControlKey(kmsg.Fetch.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		r := request.(*kmsg.FetchRequest)
		size.Store(r.Topics[0].Partitions[0].PartitionMaxBytes)
		least.Store(r.MinBytes)
		return nil, nil, false
	})
	for catchUp, want := range map[bool]int32{false: 1 << 20, true: 8 << 20} {
		got, _, err := taken(t, c, topic, 0, 3, messagelog.ReadOptions{Timeout: time.Hour, CatchUp: catchUp})
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b"}, got)
		assert.Equal(t, want, size.Load(), "NAS-63 catch-up: %t", catchUp)
		assert.Equal(t, int32(1), least.Load(), "NAS-63 no floor")
	}
}

func TestBoundsAsksTheBrokersAtOnce(t *testing.T) {
	broker := fakeBroker(t, 3)
	c := opened(t, Options{Brokers: broker.ListenAddrs()})
	a, b := topicOf(t, c, 6), topicOf(t, c, 6)
	for i := range int32(6) {
		require.NoError(t, broker.MoveTopicPartition(string(a), i, i%3))
		require.NoError(t, broker.MoveTopicPartition(string(b), i, i%3))
	}
	require.NoError(t, c.client.RefreshMetadata(string(a), string(b)))
	var arrived atomic.Int64
	all := make(chan struct{})
	broker.ControlKey(kmsg.ListOffsets.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.KeepControl()
		if arrived.Add(1) == 3 {
			close(all)
		}
		broker.SleepControl(func() { <-all })
		return nil, nil, false
	})
	bounds, err := c.Bounds(bounded(t), []messagelog.Topic{a, b})
	require.NoError(t, err, "each waits for the others")
	assert.Len(t, bounds[a], 6)
	assert.Len(t, bounds[b], 6)
	assert.Equal(t, int64(6), arrived.Load())
}

func TestT15AnOpenTransactionHoldsNobodyUp(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic := topicOf(t, c, 1)
		open, other := writerTo(t, c, topic, sarama.CompressionNone), writerTo(t, c, topic, sarama.CompressionNone)
		other.committed(t, c, "a")
		open.begin(t)
		open.send(t, "b")
		other.committed(t, c, "c")
		before := boundsOf(t, c, topic)
		got, next, err := taken(t, c, topic, 0, before.End, ever)
		require.NoError(t, err)
		assert.Equal(t, []string{"a"}, got)
		assert.Equal(t, before.End, next)
		assert.Equal(t, before, boundsOf(t, c, topic), "nothing lags")
		open.abort(t, c)
		got, next, err = taken(t, c, topic, before.End, boundsOf(t, c, topic).End, ever)
		require.NoError(t, err)
		assert.Equal(t, []string{"c"}, got)
		assert.Equal(t, highWatermark(t, c, topic), next)
	})
}

func TestT38NothingLagsBehindAMarker(t *testing.T) {
	for name, end := range map[string]func(writer, *testing.T, *Cluster){
		"T38 commit marker": func(w writer, t *testing.T, c *Cluster) { w.committed(t, c, "b") },
		"T38 aborted":       func(w writer, t *testing.T, c *Cluster) { w.aborted(t, c, "b", "c") },
	} {
		t.Run(name, func(t *testing.T) {
			broker := fakeBroker(t, 1)
			c := opened(t, single(broker.ListenAddrs()))
			topic := topicOf(t, c, 1)
			w := writerTo(t, c, topic, sarama.CompressionNone)
			w.committed(t, c, "a")
			end(w, t, c)
			_, position, err := taken(t, c, topic, 0, boundsOf(t, c, topic).End, ever)
			require.NoError(t, err)
			fetches := broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
			for range 50 {
				end := boundsOf(t, c, topic).End
				require.Equal(t, end, position)
				_, _, err := taken(t, c, topic, position, end, ever)
				require.NoError(t, err)
			}
			assert.Zero(t, fetches.Hits())
		})
	}
}

func TestGrowthByAnotherProcess(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic, other := topicOf(t, c, 1), opened(t, c.opt)
		log := other.Service("nas").MessageLog()
		last := []messagelog.Record{{Topic: topic, Spread: 2, Value: []byte("x")}}
		require.NoError(t, log.Append(bounded(t), last))
		require.NoError(t, c.Topics().GrowTopic(bounded(t), topic, 3))
		eventually(t, func() bool { return len(allBounds(t, other, topic)) == 3 }, "a reader sees the growth")
		require.NoError(t, log.Append(bounded(t), last))
		eventually(t, func() bool { return allBounds(t, other, topic)[2].End == 2 }, "and what is appended from then on goes there")
		for batch, err := range other.Read(bounded(t), topic, 2, 0, 2, ever) {
			require.NoError(t, err)
			for _, r := range batch.Records {
				assert.Equal(t, "x", string(r.Value))
			}
		}
	})
}
