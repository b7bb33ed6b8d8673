package kafka

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

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

func TestNAS60AnOpenTransactionEndsTheLog(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic := topicOf(t, c, 1)
		open, other := writerTo(t, c, topic, sarama.CompressionNone), writerTo(t, c, topic, sarama.CompressionNone)
		other.committed(t, c, "a")
		stable := boundsOf(t, c, topic).End
		open.begin(t)
		open.send(t, "b")
		other.committed(t, c, "c")
		assert.Equal(t, messagelog.Bounds{First: 0, End: stable}, boundsOf(t, c, topic))
		requireTaken(t, c, topic, "a")
		require.NoError(t, c.Topics().Trim(bounded(t), topic, 0, highWatermark(t, c, topic)))
		assert.Equal(t, messagelog.Bounds{First: stable, End: stable}, boundsOf(t, c, topic), "Trim deletes nothing that is not decided")
		open.commit(t, c)
		got, next, err := taken(t, c, topic, stable, boundsOf(t, c, topic).End, ever)
		require.NoError(t, err)
		assert.Equal(t, []string{"b", "c"}, got)
		assert.Equal(t, highWatermark(t, c, topic), next)
	})
}

func TestNAS61AMarkerLastIsReadWithoutWaiting(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic := topicOf(t, c, 1)
		w := writerTo(t, c, topic, sarama.CompressionNone)
		w.committed(t, c, "a", "b")
		end := boundsOf(t, c, topic).End
		require.Equal(t, int64(3), end, "two records and a marker")
		for from, want := range [][]string{{"a", "b"}, {"b"}, {}} {
			got, next, err := taken(t, c, topic, int64(from), end, ever)
			require.NoError(t, err)
			assert.Equal(t, want, got, "from %d", from)
			assert.Equal(t, end, next, "from %d", from)
		}
		w.aborted(t, c, "c", "d")
		got, next, err := taken(t, c, topic, end, boundsOf(t, c, topic).End, ever)
		require.NoError(t, err)
		assert.Empty(t, got)
		assert.Equal(t, boundsOf(t, c, topic).End, next)
	})
}

// TestNAS62OnlyCommittedRecordsAreRead lets several producers commit and abort, one within another, and reads from every offset.
func TestNAS62OnlyCommittedRecordsAreRead(t *testing.T) {
	for name, play := range map[string]func(t *testing.T, c *Cluster, x, y writer) []string{
		"NAS-62 aborted at the start": func(t *testing.T, c *Cluster, x, y writer) []string {
			x.aborted(t, c, "1", "2")
			y.committed(t, c, "3")
			return []string{"3"}
		},
		"NAS-62 aborted in the middle": func(t *testing.T, c *Cluster, x, y writer) []string {
			x.committed(t, c, "1")
			x.aborted(t, c, "2", "3")
			x.committed(t, c, "4", "5")
			return []string{"1", "4", "5"}
		},
		"NAS-62 aborted at the end": func(t *testing.T, c *Cluster, x, y writer) []string {
			x.committed(t, c, "1")
			y.aborted(t, c, "2", "3")
			return []string{"1"}
		},
		"NAS-62 one of two interleaved is aborted": func(t *testing.T, c *Cluster, x, y writer) []string {
			x.begin(t)
			y.begin(t)
			x.send(t, "x1")
			y.send(t, "y1")
			x.send(t, "x2")
			y.send(t, "y2")
			x.abort(t, c)
			y.send(t, "y3")
			y.commit(t, c)
			x.begin(t)
			x.send(t, "x3")
			y.aborted(t, c, "y4")
			x.send(t, "x4")
			x.commit(t, c)
			return []string{"y1", "y2", "y3", "x3", "x4"}
		},
		"NAS-62 a producer commits after it has aborted within another's transaction": func(t *testing.T, c *Cluster, x, y writer) []string {
			x.begin(t)
			x.send(t, "x1")
			y.aborted(t, c, "y1")
			y.committed(t, c, "y2")
			y.aborted(t, c, "y3")
			x.commit(t, c)
			return []string{"x1", "y2"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBrokers(t, func(t *testing.T, c *Cluster) {
				topic := topicOf(t, c, 1)
				want := play(t, c, writerTo(t, c, topic, sarama.CompressionNone), writerTo(t, c, topic, sarama.CompressionNone))
				requireTaken(t, c, topic, want...)
				end := boundsOf(t, c, topic).End
				require.Equal(t, highWatermark(t, c, topic), end)
				last := len(want)
				for from := range end {
					for _, limit := range []int{0, 1, 2} {
						got, next, err := taken(t, c, topic, from, end, messagelog.ReadOptions{MaxRecords: limit, Timeout: time.Hour})
						require.NoError(t, err)
						require.Equal(t, end, next)
						require.LessOrEqual(t, len(got), last, "from %d", from)
						require.Equal(t, want[len(want)-len(got):], got, "from %d", from)
						if limit == 2 {
							last = len(got)
						}
					}
				}
			})
		})
	}
}

func TestNAS62CompressedBatches(t *testing.T) {
	for _, codec := range []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
	} {
		t.Run("NAS-62 "+codec.String(), func(t *testing.T) {
			onBrokers(t, func(t *testing.T, c *Cluster) {
				topic := topicOf(t, c, 1)
				w := writerTo(t, c, topic, codec)
				var want []string
				for i := range 40 {
					want = append(want, fmt.Sprint(i, strings.Repeat("abc", 100)))
				}
				w.aborted(t, c, want...)
				w.committed(t, c, want...)
				requireTaken(t, c, topic, want...)
				begin := highWatermark(t, c, topic) - 41
				for _, from := range []int64{begin, begin + 1, begin + 39} {
					got, next, err := taken(t, c, topic, from, begin+40, messagelog.ReadOptions{MaxRecords: 7, Timeout: time.Hour})
					require.NoError(t, err)
					assert.Equal(t, want[from-begin:], got, "records below the wanted offset are dropped")
					assert.Equal(t, begin+40, next)
				}
			})
		})
	}
}

func TestRecordsKeepKeyHeadersAndTime(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic := topicOf(t, c, 1)
		w := writerTo(t, c, topic, sarama.CompressionNone)
		at := time.Now().UTC().Truncate(time.Millisecond)
		w.begin(t)
		_, _, err := w.SendMessage(&sarama.ProducerMessage{
			Topic: string(topic), Key: sarama.ByteEncoder{0, 1}, Value: sarama.StringEncoder("v"), Timestamp: at,
			Headers: []sarama.RecordHeader{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b")}, {Key: []byte("a"), Value: []byte("3")}},
		})
		require.NoError(t, err)
		_, _, err = w.SendMessage(&sarama.ProducerMessage{
			Topic: string(topic), Timestamp: at.Add(time.Second), Headers: []sarama.RecordHeader{{Key: []byte("b"), Value: []byte("4")}},
		})
		require.NoError(t, err)
		w.commit(t, c)
		for batch, err := range c.Read(bounded(t), topic, 0, 0, 2, ever) {
			require.NoError(t, err)
			assert.Equal(t, []messagelog.Record{
				{
					Topic: topic, Offset: 0, AppendedAt: at, Key: []byte{0, 1}, Value: []byte("v"),
					Headers: []messagelog.Header{{Key: "a", Value: "1"}, {Key: "b"}, {Key: "a", Value: "3"}},
				},
				{Topic: topic, Offset: 1, AppendedAt: at.Add(time.Second), Headers: []messagelog.Header{{Key: "b", Value: "4"}}},
			}, batch.Records)
		}
	})
}

func TestALargeBatchComesWhole(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic := messagelog.Topic("t" + strings.ToLower(rand.Text()))
		admin, err := sarama.NewClusterAdminFromClient(c.client)
		require.NoError(t, err)
		require.NoError(t, admin.CreateTopic(string(topic), &sarama.TopicDetail{
			NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"max.message.bytes": new("8000000")},
		}, false))
		require.NoError(t, topics{c}.wait(bounded(t), topic, 1))
		w := writerTo(t, c, topic, sarama.CompressionNone)
		large := strings.Repeat("x", 3*fetchSize)
		w.committed(t, c, "a")
		w.committed(t, c, large)
		w.committed(t, c, large[:fetchSize-10], "b")
		got, _, err := taken(t, c, topic, 0, -1, messagelog.ReadOptions{})
		require.NoError(t, err)
		assert.Equal(t, heads([]string{"a", large, large[:fetchSize-10], "b"}), heads(got))
	})
}

func TestMaxRecordsFetchesNothingTwice(t *testing.T) {
	broker := fakeBroker(t, 1)
	c := opened(t, single(broker.ListenAddrs()))
	topic := topicOf(t, c, 1)
	var want []string
	for i := range 1000 {
		want = append(want, fmt.Sprint(i))
	}
	writerTo(t, c, topic, sarama.CompressionNone).committed(t, c, want...)
	fetches := broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
	t.Run("by one read", func(t *testing.T) {
		got, _, err := taken(t, c, topic, 0, 1000, messagelog.ReadOptions{MaxRecords: 7, Timeout: time.Hour})
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Equal(t, 1, fetches.Hits())
	})
	t.Run("by many reads that follow the partition", func(t *testing.T) {
		var got []string
		for at := int64(0); at < 1000; {
			for batch, err := range c.Read(bounded(t), topic, 0, at, -1, messagelog.ReadOptions{MaxRecords: 7}) {
				require.NoError(t, err)
				for _, r := range batch.Records {
					got = append(got, string(r.Value))
				}
				at = batch.Next
				break
			}
		}
		assert.Equal(t, want, got)
		assert.Equal(t, 2, fetches.Hits())
	})
	t.Run("a read from elsewhere is not mixed up with it", func(t *testing.T) {
		for _, from := range []int64{10, 500, 3} {
			for batch, err := range c.Read(bounded(t), topic, 0, from, -1, messagelog.ReadOptions{MaxRecords: 1}) {
				require.NoError(t, err)
				assert.Equal(t, want[from], string(batch.Records[0].Value))
				break
			}
		}
	})
	t.Run("what is trimmed meanwhile is gone", func(t *testing.T) {
		for range c.Read(bounded(t), topic, 0, 0, -1, messagelog.ReadOptions{MaxRecords: 10}) {
			break
		}
		require.NoError(t, c.Topics().Trim(bounded(t), topic, 0, 20))
		_, _, err := taken(t, c, topic, 10, -1, messagelog.ReadOptions{})
		require.ErrorIs(t, err, messagelog.ErrGone)
	})
}

func TestReadAheadKeepsOrder(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic := topicOf(t, c, 1)
		w := writerTo(t, c, topic, sarama.CompressionNone)
		var want []string
		for i := range 40 { // 8 MiB in all, several fetches
			value := fmt.Sprintf("%03d%s", i, strings.Repeat("x", fetchSize/5))
			if i%4 == 3 {
				w.aborted(t, c, value)
			} else {
				w.committed(t, c, value)
				want = append(want, value)
			}
		}
		for _, limit := range []int{0, 1, 3} {
			got, next, err := taken(t, c, topic, 0, boundsOf(t, c, topic).End, messagelog.ReadOptions{MaxRecords: limit, Timeout: time.Hour})
			require.NoError(t, err)
			assert.Equal(t, heads(want), heads(got))
			assert.Equal(t, boundsOf(t, c, topic).End, next)
		}
	})
}

// heads are the beginnings of long values.
func heads(values []string) []string {
	heads := make([]string, len(values))
	for i, v := range values {
		heads[i] = fmt.Sprint(v[:min(len(v), 5)], len(v))
	}
	return heads
}

func TestALongWaitHoldsUpNobody(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic := topicOf(t, c, 3)
		ctx, cancel := context.WithCancel(bounded(t))
		var waiting sync.WaitGroup
		for part := range 3 {
			waiting.Go(func() {
				for _, err := range c.Read(ctx, topic, part, 0, -1, ever) {
					assert.ErrorIs(t, err, context.Canceled)
				}
			})
		}
		for range 20 {
			start := time.Now()
			boundsOf(t, c, topic)
			requireTaken(t, c, topic)
			require.Less(t, time.Since(start), maxWait/2, "a request waits behind a fetch")
		}
		cancel()
		ended := make(chan struct{})
		go func() { waiting.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(maxWait):
			t.Error("readers wait on after their context has ended")
		}
	})
}

func TestFetchesUseTLSAndSASL(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	broker := fakeBroker(t, 1, kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS13}),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "nspd", "secret"))
	opt := single(broker.ListenAddrs())
	opt.TLS, opt.SASL = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}, SASL{"SCRAM-SHA-512", "nspd", "secret"}
	c := opened(t, opt)
	topic := topicOf(t, c, 1)
	require.NoError(t, c.Service("nas").MessageLog().Append(bounded(t), []messagelog.Record{{Topic: topic, Value: []byte("a")}}))
	requireTaken(t, c, topic, "a")
	ctx, cancel := context.WithCancel(bounded(t))
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	for _, err := range c.Read(ctx, topic, 0, boundsOf(t, c, topic).End, -1, ever) {
		require.ErrorIs(t, err, context.Canceled)
	}
	assert.Less(t, time.Since(start), maxWait)
}

func TestRecordsPastTheirRetentionAreGone(t *testing.T) {
	broker := fakeBroker(t, 1)
	c := opened(t, single(broker.ListenAddrs()))
	topic := messagelog.Topic("t")
	require.NoError(t, c.Topics().CreateTopic(bounded(t), topic, messagelog.Spec{Partitions: 1, Retention: time.Millisecond}))
	writerTo(t, c, topic, sarama.CompressionNone).committed(t, c, "a", "b")
	require.Eventually(t, func() bool {
		broker.ApplyRetention()
		return boundsOf(t, c, topic).First > 0
	}, time.Minute, 10*time.Millisecond)
	_, _, err := taken(t, c, topic, 0, -1, ever)
	require.ErrorIs(t, err, messagelog.ErrGone)
	_, _, err = taken(t, c, topic, boundsOf(t, c, topic).First, -1, messagelog.ReadOptions{})
	require.NoError(t, err)
}

func TestAnImpossibleTopicIsNoTopic(t *testing.T) {
	c := opened(t, single(kafkatest.Apache(t)))
	for _, topic := range []messagelog.Topic{"", "a/b", "..", messagelog.Topic(strings.Repeat("x", 300))} {
		_, _, err := taken(t, c, topic, 0, -1, messagelog.ReadOptions{})
		require.ErrorIs(t, err, messagelog.ErrNoTopic, topic)
		_, err = c.Bounds(bounded(t), []messagelog.Topic{topic})
		require.ErrorIs(t, err, messagelog.ErrNoTopic, topic)
		require.ErrorIs(t, c.Topics().Trim(bounded(t), topic, 0, 1), messagelog.ErrNoTopic, topic)
		require.ErrorIs(t, c.Topics().GrowTopic(bounded(t), topic, 1), messagelog.ErrNoTopic, topic)
		require.Error(t, c.Topics().CreateTopic(bounded(t), topic, messagelog.Spec{Partitions: 1}), topic)
	}
}

func TestConnectionsOfFetches(t *testing.T) {
	none := goleak.IgnoreCurrent()
	broker := fakeBroker(t, 1)
	c, err := Open(bounded(t), single(broker.ListenAddrs()))
	require.NoError(t, err)
	topic := topicOf(t, c, 3*idleConnections)
	idle := func() (n int) {
		c.reader.conns.mu.Lock()
		defer c.reader.conns.mu.Unlock()
		for _, conns := range c.reader.conns.idle {
			n += len(conns)
		}
		return n
	}
	for range 10 {
		requireTaken(t, c, topic)
	}
	assert.Equal(t, 1, idle(), "one after the other takes one connection")
	ctx, cancel := context.WithCancel(bounded(t))
	var readers sync.WaitGroup
	for part := range 3 * idleConnections {
		readers.Go(func() {
			for _, err := range c.Read(bounded(t), topic, part, 0, -1, messagelog.ReadOptions{Timeout: 50 * time.Millisecond}) {
				assert.NoError(t, err)
			}
			for _, err := range c.Read(ctx, topic, part, 0, -1, ever) {
				assert.ErrorIs(t, err, context.Canceled)
			}
		})
	}
	time.AfterFunc(200*time.Millisecond, cancel)
	readers.Wait()
	assert.LessOrEqual(t, idle(), idleConnections)
	require.NoError(t, c.Close())
	assert.Zero(t, idle())
	broker.Close()
	goleak.VerifyNone(t, none, goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

func TestAPositionAfterTheEndIsWaitedFor(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic := topicOf(t, c, 1)
		open, other := writerTo(t, c, topic, sarama.CompressionNone), writerTo(t, c, topic, sarama.CompressionNone)
		other.committed(t, c, "a")
		open.begin(t)
		open.send(t, "b")
		other.committed(t, c, "c")
		for _, from := range []int64{boundsOf(t, c, topic).End + 1, highWatermark(t, c, topic), highWatermark(t, c, topic) + 5} {
			got, next, err := taken(t, c, topic, from, -1, messagelog.ReadOptions{Timeout: 10 * time.Millisecond})
			require.NoError(t, err)
			assert.Empty(t, got)
			assert.Equal(t, from, next)
			_, _, err = taken(t, c, topic, from, from+1, messagelog.ReadOptions{Timeout: 10 * time.Millisecond})
			require.ErrorIs(t, err, messagelog.ErrStalled)
		}
		read := make(chan string)
		from := highWatermark(t, c, topic) + 2 // "b" commits before it
		go func() {
			defer close(read)
			for batch, err := range c.Read(bounded(t), topic, 0, from, -1, ever) {
				if !assert.NoError(t, err) {
					return
				}
				for _, r := range batch.Records {
					if read <- string(r.Value); string(r.Value) == "f" {
						return
					}
				}
			}
		}()
		open.commit(t, c)
		other.committed(t, c, "d")
		other.committed(t, c, "e", "f")
		var got []string
		for value := range read {
			got = append(got, value)
		}
		assert.Equal(t, []string{"e", "f"}, got)
	})
}

func TestCloseEndsReaders(t *testing.T) {
	c := opened(t, single(fakeBroker(t, 1).ListenAddrs()))
	topic := topicOf(t, c, 1)
	got := make(chan error)
	go func() {
		_, _, err := taken(t, c, topic, 0, -1, ever)
		got <- err
	}()
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-got, errClosed)
	_, _, err := taken(t, c, topic, 0, -1, ever)
	require.ErrorIs(t, err, errClosed)
}

func TestGrowthIsNoticed(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		read, asked := topicOf(t, c, 1), topicOf(t, c, 1)
		other := opened(t, c.opt)
		require.NoError(t, other.Topics().GrowTopic(bounded(t), read, 3))
		require.NoError(t, other.Topics().GrowTopic(bounded(t), asked, 3))
		for _, err := range c.Read(bounded(t), read, 2, 0, -1, messagelog.ReadOptions{}) {
			require.NoError(t, err, "a partition that is new")
		}
		require.Eventually(t, func() bool {
			bounds, err := c.Bounds(bounded(t), []messagelog.Topic{asked})
			return assert.NoError(t, err) && len(bounds[asked]) == 3
		}, 10*boundsAge, 10*time.Millisecond)
	})
}

func TestBoundsAsksEachBrokerOnce(t *testing.T) {
	broker := fakeBroker(t, 3)
	c := opened(t, Options{Brokers: broker.ListenAddrs()})
	a, b := topicOf(t, c, 12), topicOf(t, c, 7)
	asked := broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Observe: true, Count: -1})
	bounds, err := c.Bounds(bounded(t), []messagelog.Topic{a, b, a})
	require.NoError(t, err)
	assert.Len(t, bounds[a], 12)
	assert.Len(t, bounds[b], 7)
	assert.LessOrEqual(t, asked.Hits(), 6, "first and end, of three brokers")
}

func TestNAS65TheLeaderChanges(t *testing.T) {
	broker := fakeBroker(t, 3)
	c := opened(t, Options{Brokers: broker.ListenAddrs()})
	topic := topicOf(t, c, 1)
	w := writerTo(t, c, topic, sarama.CompressionNone)
	t.Run("NAS-65 between reads that do not wait", func(t *testing.T) {
		for i := range 6 {
			w.committed(t, c, fmt.Sprint(i))
		}
		for i := range 6 {
			require.NoError(t, broker.MoveTopicPartition(string(topic), 0, int32(i%3)))
			requireTaken(t, c, topic, "0", "1", "2", "3", "4", "5")
			require.NoError(t, broker.MoveTopicPartition(string(topic), 0, int32((i+1)%3)))
			assert.Equal(t, messagelog.Bounds{End: 12}, boundsOf(t, c, topic))
		}
		require.NoError(t, broker.MoveTopicPartition(string(topic), 0, (broker.LeaderFor(string(topic), 0)+1)%3))
		require.NoError(t, c.Topics().Trim(bounded(t), topic, 0, 2))
		assert.Equal(t, messagelog.Bounds{First: 2, End: 12}, boundsOf(t, c, topic))
	})
	t.Run("NAS-65 while a reader waits", func(t *testing.T) {
		topic := topicOf(t, c, 1)
		w := writerTo(t, c, topic, sarama.CompressionNone)
		got := make(chan string)
		go func() {
			for batch, err := range c.Read(bounded(t), topic, 0, 0, -1, ever) {
				if !assert.NoError(t, err) {
					close(got)
					return
				}
				for _, r := range batch.Records {
					got <- string(r.Value)
				}
				if batch.Next >= 12 {
					return
				}
			}
		}()
		for i := range 6 {
			require.NoError(t, broker.MoveTopicPartition(string(topic), 0, int32(i%3)))
			w.committed(t, c, fmt.Sprint(i))
			require.Equal(t, fmt.Sprint(i), <-got)
		}
	})
}

func TestNAS65ABrokerGoesAway(t *testing.T) {
	broker := fakeBroker(t, 3)
	c := opened(t, Options{Brokers: broker.ListenAddrs()})
	topic := topicOf(t, c, 1)
	writerTo(t, c, topic, sarama.CompressionNone).committed(t, c, "a")
	got := make(chan string)
	go func() {
		defer close(got)
		for batch, err := range c.Read(bounded(t), topic, 0, 0, -1, ever) {
			if !assert.NoError(t, err) {
				return
			}
			for _, r := range batch.Records {
				if got <- string(r.Value); string(r.Value) == "c" {
					return
				}
			}
		}
	}()
	require.Equal(t, "a", <-got)
	for _, value := range []string{"b", "c"} {
		require.NoError(t, broker.RemoveNode(broker.LeaderFor(string(topic), 0)))
		writerTo(t, c, topic, sarama.CompressionNone).committed(t, c, value)
		require.Equal(t, value, <-got)
	}
	requireTaken(t, c, topic, "a", "b", "c")
}

// TestNAS65TheBrokerRestarts kills Apache Kafka under a reader that waits.
func TestNAS65TheBrokerRestarts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the race detector sees nothing of a broker")
	}
	broker := kafkatest.Start(t, kafkatest.Options{})
	c := opened(t, single([]string{broker.Addr}))
	topic := topicOf(t, c, 1)
	plain(t, c, topic, "a")
	got := make(chan string)
	go func() {
		defer close(got)
		for batch, err := range c.Read(bounded(t), topic, 0, 0, -1, ever) {
			if !assert.NoError(t, err) {
				return
			}
			for _, r := range batch.Records {
				if got <- string(r.Value); string(r.Value) == "b" {
					return
				}
			}
		}
	}()
	require.Equal(t, "a", <-got)
	broker.Kill()
	c.reader.patience = 100 * time.Millisecond
	_, _, err := taken(t, c, topic, 0, -1, messagelog.ReadOptions{})
	require.ErrorIs(t, err, errUnavailable)
	_, err = c.Bounds(bounded(t), []messagelog.Topic{topic})
	require.ErrorIs(t, err, errUnavailable)
	require.NoError(t, broker.Restart(bounded(t)))
	c.reader.patience = time.Minute
	plain(t, c, topic, "b")
	require.Equal(t, "b", <-got)
	requireTaken(t, c, topic, "a", "b")
}

func TestNAS65ErrorsOfTheLeader(t *testing.T) {
	broker := fakeBroker(t, 1)
	c := opened(t, single(broker.ListenAddrs()))
	topic := topicOf(t, c, 1)
	writerTo(t, c, topic, sarama.CompressionNone).committed(t, c, "a", "b")
	for _, e := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.LeaderNotAvailable, kerr.UnknownTopicOrPartition,
		kerr.KafkaStorageError, kerr.OffsetNotAvailable,
	} {
		t.Run("NAS-65 "+e.Message+" passes", func(t *testing.T) {
			fault := broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: e, Count: 3})
			requireTaken(t, c, topic, "a", "b")
			assert.Equal(t, 3, fault.Hits())
			broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: e, Count: 3})
			assert.Equal(t, messagelog.Bounds{End: 3}, boundsOf(t, c, topic))
		})
	}
	for _, e := range []*kerr.Error{kerr.TopicAuthorizationFailed, kerr.CorruptMessage, kerr.UnknownServerError} {
		t.Run(e.Message+" is told at once", func(t *testing.T) {
			broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: e})
			start := time.Now()
			got, _, err := taken(t, c, topic, 0, -1, ever)
			require.ErrorIs(t, err, sarama.KError(e.Code))
			assert.Empty(t, got)
			assert.Less(t, time.Since(start), patience)
			broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: e})
			_, err = c.Bounds(bounded(t), []messagelog.Topic{topic})
			require.ErrorIs(t, err, sarama.KError(e.Code))
		})
	}
	t.Run("NAS-65 no leader for longer than patience is unavailable", func(t *testing.T) {
		c.reader.patience = 300 * time.Millisecond
		fault := broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: -1})
		defer fault.Remove()
		_, _, err := taken(t, c, topic, 0, -1, messagelog.ReadOptions{})
		require.ErrorIs(t, err, errUnavailable)
		assert.Less(t, fault.Hits(), 10, "attempts without a pause")
	})
	t.Run("a context that ends ends the search for a leader", func(t *testing.T) {
		fault := broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: -1})
		defer fault.Remove()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			assert.NoError(t, fault.Wait(bounded(t), 2))
			cancel()
		}()
		for _, err := range c.Read(ctx, topic, 0, 0, -1, ever) {
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}

// wire is what a fake broker writes to its clients; it can be damaged.
type wire struct {
	net.Conn
	damage func(answer []byte) (n int, err error) // n < 0: all of answer, which may be changed
}

func (w wire) Write(p []byte) (int, error) {
	n, err := w.damage(p)
	if n < 0 {
		return w.Conn.Write(p)
	}
	if n, e := w.Conn.Write(p[:n]); e != nil {
		return n, e
	}
	_ = w.Close()
	return n, err
}

type wires struct {
	net.Listener
	damage func(answer []byte) (int, error)
}

func (w wires) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	return wire{conn, w.damage}, err
}

// damaged is a fake broker whose long answers pass through damage as long as it is set.
func damaged(t *testing.T) (*Cluster, *atomic.Pointer[func([]byte) (int, error)]) {
	t.Helper()
	damage := new(atomic.Pointer[func([]byte) (int, error)])
	broker := fakeBroker(t, 1, kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address) //nolint:noctx // of a test
		return wires{l, func(answer []byte) (int, error) {
			if f := damage.Load(); f != nil && len(answer) > 10_000 {
				return (*f)(answer)
			}
			return -1, nil
		}}, err
	}))
	return opened(t, single(broker.ListenAddrs())), damage
}

func TestAConnectionThatIsCutIsReadAgain(t *testing.T) {
	c, damage := damaged(t)
	topic := topicOf(t, c, 1)
	var want []string
	w := writerTo(t, c, topic, sarama.CompressionNone)
	for i := range 10 {
		value := fmt.Sprint(i, strings.Repeat("x", 3000))
		w.committed(t, c, value, value)
		want = append(want, value, value)
	}
	cuts := 0
	var mu sync.Mutex
	damage.Store(new(func(answer []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		if cuts++; cuts > 4 {
			return -1, nil
		}
		return len(answer) * cuts / 5, errors.New("cut")
	}))
	got, _, err := taken(t, c, topic, 0, -1, messagelog.ReadOptions{})
	require.NoError(t, err)
	assert.Equal(t, heads(want), heads(got))
	assert.Greater(t, cuts, 4)
}

func TestDamagedBatchesAreAnErrorAndNeverSkipped(t *testing.T) {
	c, damage := damaged(t)
	topic := topicOf(t, c, 1)
	w := writerTo(t, c, topic, sarama.CompressionNone)
	var want []string
	for i := range 4 {
		value := fmt.Sprint(i, strings.Repeat("x", 5000))
		w.committed(t, c, value)
		want = append(want, value)
	}
	for _, at := range []string{"0xxx", "2xxx", "3xxx"} {
		damage.Store(new(func(answer []byte) (int, error) {
			if i := bytes.Index(answer, []byte(at)); i >= 0 {
				answer[i+2] ^= 1
			}
			return -1, nil
		}))
		got, next, err := taken(t, c, topic, 0, -1, messagelog.ReadOptions{})
		require.Error(t, err)
		assert.ErrorContains(t, err, "CRC")
		assert.Equal(t, heads(want[:len(got)]), heads(got))
		damage.Store(nil)
		rest, _, err := taken(t, c, topic, next, -1, messagelog.ReadOptions{})
		require.NoError(t, err)
		assert.Equal(t, heads(want), heads(append(got, rest...)))
	}
}
