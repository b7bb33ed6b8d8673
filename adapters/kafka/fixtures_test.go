package kafka

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/tests/kafkatest"
)

// onBrokers runs a case with a fake broker and with Apache Kafka. Topics of the latter are shared by all tests: see topicOf.
func onBrokers(t *testing.T, run func(t *testing.T, c *Cluster)) {
	t.Run("fake", func(t *testing.T) {
		run(t, opened(t, single(fakeBroker(t, 1).ListenAddrs())))
	})
	t.Run("Apache", func(t *testing.T) {
		run(t, opened(t, single(kafkatest.Apache(t))))
	})
}

func fakeBroker(t testing.TB, brokers int, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	broker, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(brokers)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	return broker
}

func opened(t testing.TB, opt Options) *Cluster {
	t.Helper()
	opt.Instance = rand.Text()
	c, err := Open(bounded(t), opt)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// bounded is a context for what shall not fail by being slow.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// single are the options of a cluster of one broker.
func single(brokers []string) Options { return Options{Brokers: brokers, Replication: 1, MinInSync: 1} }

// topicOf makes a topic of so many partitions that no other test has.
func topicOf(t testing.TB, c *Cluster, partitions int) messagelog.Topic {
	t.Helper()
	name := messagelog.Topic("t" + strings.ToLower(rand.Text()))
	require.NoError(t, c.Topics().CreateTopic(bounded(t), name, messagelog.Spec{Partitions: partitions}))
	return name
}

// writer is a transactional producer of the tests' own, which can abort.
type writer struct {
	sarama.SyncProducer
	topic messagelog.Topic
}

func writerTo(t testing.TB, c *Cluster, topic messagelog.Topic, codec sarama.CompressionCodec) writer {
	t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Net.MaxOpenRequests = 1
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Transaction.ID = "writer-" + rand.Text()
	config.Producer.Transaction.Retry.Backoff = 5 * time.Millisecond
	config.Producer.Compression = codec
	config.Producer.MaxMessageBytes = 8 << 20
	config.Producer.Flush.Messages = 1
	p, err := sarama.NewSyncProducer(c.opt.Brokers, config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return writer{p, topic}
}

func (w writer) begin(t testing.TB) {
	t.Helper()
	require.NoError(t, w.BeginTxn())
}

// send sends values to partition 0 within the transaction.
func (w writer) send(t testing.TB, values ...string) {
	t.Helper()
	all := make([]*sarama.ProducerMessage, len(values))
	for i, v := range values {
		all[i] = &sarama.ProducerMessage{Topic: string(w.topic), Value: sarama.StringEncoder(v)}
	}
	require.NoError(t, w.SendMessages(all))
}

// commit returns when the records can be read.
func (w writer) commit(t testing.TB, c *Cluster) {
	t.Helper()
	before := highWatermark(t, c, w.topic)
	require.NoError(t, w.CommitTxn())
	requireMarker(t, c, w.topic, before)
}

// abort returns when no reader waits for the transaction.
func (w writer) abort(t testing.TB, c *Cluster) {
	t.Helper()
	before := highWatermark(t, c, w.topic)
	require.NoError(t, w.AbortTxn())
	requireMarker(t, c, w.topic, before)
}

// requireMarker waits for the marker of a transaction: Kafka answers its end before it writes them.
func requireMarker(t testing.TB, c *Cluster, topic messagelog.Topic, before int64) {
	t.Helper()
	require.Eventually(t, func() bool { return highWatermark(t, c, topic) > before }, time.Minute, 2*time.Millisecond)
}

func (w writer) committed(t testing.TB, c *Cluster, values ...string) {
	t.Helper()
	w.begin(t)
	w.send(t, values...)
	w.commit(t, c)
}

func (w writer) aborted(t testing.TB, c *Cluster, values ...string) {
	t.Helper()
	w.begin(t)
	w.send(t, values...)
	w.abort(t, c)
}

// plain appends a record without a transaction.
func plain(t testing.TB, c *Cluster, topic messagelog.Topic, value string) {
	t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.Return.Successes = true
	p, err := sarama.NewSyncProducer(c.opt.Brokers, config)
	require.NoError(t, err)
	_, _, err = p.SendMessage(&sarama.ProducerMessage{Topic: string(topic), Value: sarama.StringEncoder(value)})
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

func highWatermark(t testing.TB, c *Cluster, topic messagelog.Topic) int64 {
	t.Helper()
	end, err := c.client.GetOffset(string(topic), 0, sarama.OffsetNewest)
	require.NoError(t, err)
	return end
}

func boundsOf(t testing.TB, c *Cluster, topic messagelog.Topic) messagelog.Bounds {
	t.Helper()
	bounds, err := c.Bounds(bounded(t), []messagelog.Topic{topic})
	require.NoError(t, err)
	return bounds[topic][0]
}

// taken is what Read yields of partition 0, copied.
func taken(t testing.TB, c *Cluster, topic messagelog.Topic, from, to int64, opt messagelog.ReadOptions) (values []string, next int64, err error) {
	t.Helper()
	values, next = []string{}, from
	for batch, e := range c.Read(bounded(t), topic, 0, from, to, opt) {
		if err = e; err != nil {
			break
		}
		require.Greater(t, batch.Next, next, "Next advances")
		for _, r := range batch.Records {
			require.GreaterOrEqual(t, r.Offset, next)
			require.Less(t, r.Offset, batch.Next)
			values = append(values, string(r.Value))
		}
		next = batch.Next
	}
	return values, next, err
}

func requireTaken(t testing.TB, c *Cluster, topic messagelog.Topic, want ...string) {
	t.Helper()
	got, _, err := taken(t, c, topic, 0, -1, messagelog.ReadOptions{})
	require.NoError(t, err)
	require.Equal(t, append([]string{}, want...), got)
}

// ever is a wait that no test sits out.
var ever = messagelog.ReadOptions{Timeout: time.Hour}
