package kafka

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/tests/kafkatest"
)

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
