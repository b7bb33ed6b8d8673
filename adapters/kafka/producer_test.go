package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

const events messagelog.Topic = "events"

// errBoom is an error of a caller.
var errBoom = errors.New("boom")

// fake is an in-process broker with the topic events of so many partitions.
func fake(t testing.TB, partitions int32, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	broker, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(partitions, string(events))}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	return broker
}

// connected opens a cluster that is closed with the test.
func connected(t testing.TB, opt Options) *Cluster {
	t.Helper()
	opt.Instance = "test"
	c, err := Open(patient(t), opt)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// patient is a context for what shall not fail by being slow.
func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func event(key, value string) messagelog.Record {
	return messagelog.Record{Topic: events, Key: []byte(key), Value: []byte(value)}
}

// put appends one record to events.
func put(t testing.TB, log ports.MessageLog, value string) error {
	return log.Append(patient(t), []messagelog.Record{event("k", value)})
}

// stored are the values of a partition of events, in their order.
func stored(t testing.TB, log ports.MessageLog, part int) []string {
	t.Helper()
	var values []string
	for batch, err := range log.Read(patient(t), events, part, 0, -1, messagelog.ReadOptions{}) {
		require.NoError(t, err)
		for _, r := range batch.Records {
			values = append(values, string(r.Value))
		}
	}
	return values
}

// waits tells whether so many calls wait for a producer of s.
func (s *Service) waits(n int) func() bool {
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.waiting) == n
	}
}

// eventually polls for a condition.
func eventually(t testing.TB, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, 30*time.Second, time.Millisecond, what)
}

// count counts the requests of a kind that a broker is sent from now on.
func count(broker *kfake.Cluster, key kmsg.Key) *atomic.Int64 {
	n := new(atomic.Int64)
	broker.ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		n.Add(1)
		return nil, nil, false
	})
	return n
}

// hold makes the next request of a kind wait until release is called; held is closed when it has come.
func hold(t testing.TB, broker *kfake.Cluster, key kmsg.Key) (held chan struct{}, release func()) {
	held, open := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	broker.ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		if first.CompareAndSwap(false, true) {
			close(held)
			broker.SleepControl(func() { <-open })
		}
		return nil, nil, false
	})
	release = sync.OnceFunc(func() { close(open) })
	t.Cleanup(release)
	return held, release
}

// cut is a listener that can lose an answer: the connection closes instead, after the work is done.
type cut struct {
	net.Listener
	armed *atomic.Bool
}

type cutConn struct {
	net.Conn
	armed *atomic.Bool
}

func (l cut) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return cutConn{c, l.armed}, err
}

func (c cutConn) Write(p []byte) (int, error) {
	if c.armed.CompareAndSwap(true, false) {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// losing is a broker that loses the answer to the next request of a kind once lose is called.
func losing(t testing.TB, partitions int32) (broker *kfake.Cluster, lose func(kmsg.Key)) {
	armed := new(atomic.Bool)
	broker = fake(t, partitions, kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		return cut{l, armed}, err
	}))
	return broker, func(key kmsg.Key) {
		broker.ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			broker.DropControl()
			armed.Store(true)
			return nil, nil, false
		})
	}
}

func TestRequestsOfATransaction(t *testing.T) {
	broker := fake(t, 3)
	var mu sync.Mutex
	var kinds []string
	broker.Control(func(request kmsg.Request) (kmsg.Response, error, bool) {
		mu.Lock()
		defer mu.Unlock()
		const id = "nspd-nas-test-0"
		switch r := request.(type) {
		case *kmsg.InitProducerIDRequest:
			assert.Equal(t, id, *r.TransactionalID)
			kinds = append(kinds, "InitProducerID")
		case *kmsg.AddPartitionsToTxnRequest:
			assert.Equal(t, id, r.TransactionalID)
			kinds = append(kinds, "AddPartitionsToTxn")
		case *kmsg.ProduceRequest:
			assert.Equal(t, int16(-1), r.Acks, "acks of all replicas in sync")
			assert.Equal(t, id, *r.TransactionID)
			for _, topic := range r.Topics {
				for _, p := range topic.Partitions {
					var b kmsg.RecordBatch
					require.NoError(t, b.ReadFrom(p.Records))
					assert.GreaterOrEqual(t, b.ProducerID, int64(0), "idempotent")
					assert.GreaterOrEqual(t, b.FirstSequence, int32(0), "idempotent")
					assert.NotZero(t, b.Attributes&0x10, "transactional")
				}
			}
			kinds = append(kinds, "Produce")
		case *kmsg.EndTxnRequest:
			assert.True(t, r.Commit)
			kinds = append(kinds, "EndTxn")
		}
		return nil, nil, false
	})
	log := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas").MessageLog()
	var recs []messagelog.Record
	for i := range 100 {
		recs = append(recs, event(fmt.Sprint(i), "x"))
	}
	require.NoError(t, log.Append(patient(t), recs))
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"InitProducerID", "AddPartitionsToTxn", "Produce", "EndTxn"}, kinds, "each once, whatever is appended")
}

func TestSettingsOfProducers(t *testing.T) {
	c := connected(t, Options{Brokers: fake(t, 1).ListenAddrs()})
	p := c.opt.producer(c.client.Config(), "id").config
	require.NoError(t, p.Validate())
	assert.Equal(t, sarama.WaitForAll, p.Producer.RequiredAcks)
	assert.True(t, p.Producer.Idempotent)
	assert.Equal(t, "id", p.Producer.Transaction.ID)
	assert.Equal(t, 1, p.Net.MaxOpenRequests)
	assert.Equal(t, sarama.ReadCommitted, p.Consumer.IsolationLevel)
	assert.False(t, p.Metadata.AllowAutoTopicCreation)
	assert.Less(t, p.Producer.Timeout, p.Net.ReadTimeout, "a broker answers before the connection gives up")
	assert.Greater(t, p.Producer.Transaction.Timeout, 2*c.opt.CommitTimeout, "a transaction lives longer than we use it")
}

func TestAppendPutsRecordsWhereTheirKeySays(t *testing.T) {
	broker := fake(t, 5)
	log := connected(t, Options{Brokers: broker.ListenAddrs()}).Service("nas").MessageLog()
	want := make([][]string, 5)
	var recs []messagelog.Record
	for i := range 50 {
		key := fmt.Sprintf("key-%d", i%10)
		value := fmt.Sprintf("%s/%02d", key, i)
		recs = append(recs, event(key, value))
		p := (&messagelog.Record{Key: []byte(key)}).PartitionOf(5)
		want[p] = append(want[p], value)
	}
	require.NoError(t, log.Append(patient(t), recs))
	for p := range 5 {
		assert.Equal(t, want[p], stored(t, log, p), "partition %d", p)
	}
}

func TestAppendNoticesThatATopicHasGrown(t *testing.T) {
	broker := fake(t, 1)
	c := connected(t, Options{Brokers: broker.ListenAddrs()})
	log := c.Service("nas").MessageLog()
	require.NoError(t, put(t, log, "1"))
	require.NoError(t, c.Topics().GrowTopic(patient(t), events, 7))
	require.NoError(t, log.Append(patient(t), []messagelog.Record{event("key-1", "2")}))
	assert.Equal(t, []string{"2"}, stored(t, log, (&messagelog.Record{Key: []byte("key-1")}).PartitionOf(7)))
	assert.NotZero(t, (&messagelog.Record{Key: []byte("key-1")}).PartitionOf(7))
}

func TestAppendOfMoreThanABatchKeepsItsOrder(t *testing.T) {
	for _, compression := range []string{"", "none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run("compression "+compression, func(t *testing.T) {
			broker := fake(t, 2, kfake.NumBrokers(2))
			log := connected(t, Options{Brokers: broker.ListenAddrs(), Compression: compression}).Service("nas").MessageLog()
			want := make([][]string, 2)
			var recs []messagelog.Record
			for i := range 60 {
				key := fmt.Sprint(i % 7)
				value := fmt.Sprintf("%02d", i) + strings.Repeat("x", 100_000)
				recs = append(recs, event(key, value))
				p := (&messagelog.Record{Key: []byte(key)}).PartitionOf(2)
				want[p] = append(want[p], value)
			}
			require.NoError(t, log.Append(patient(t), recs))
			for p := range want {
				got := stored(t, log, p)
				require.Len(t, got, len(want[p]))
				for i := range got {
					require.Equal(t, want[p][i][:2], got[i][:2])
					require.Len(t, got[i], 100_002)
				}
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	broker := fake(t, 1, kfake.AllowAutoTopicCreation())
	log := connected(t, Options{Brokers: broker.ListenAddrs()}).Service("nas").MessageLog()
	produced := count(broker, kmsg.Produce)

	t.Run("a missing topic", func(t *testing.T) {
		err := log.Append(patient(t), []messagelog.Record{event("k", "1"), {Topic: "missing"}})
		require.ErrorIs(t, err, messagelog.ErrNoTopic)
	})
	t.Run("a record that fits into no batch", func(t *testing.T) {
		err := log.Append(patient(t), []messagelog.Record{event("k", "1"), event("k", strings.Repeat("x", maxMessage-batchFrame-recordFrame))})
		require.True(t, fault.Is(err, fault.TooLarge), "%v", err)
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.ErrorIs(t, log.Append(ctx, []messagelog.Record{event("k", "1")}), context.Canceled)
	})
	assert.Zero(t, produced.Load(), "Produce requests of what was refused")

	largest := strings.Repeat("x", maxMessage-batchFrame-recordFrame-len("k"))
	require.NoError(t, put(t, log, largest), "the largest record that is not refused")
	assert.Equal(t, []string{largest}, stored(t, log, 0))
}

func TestAppendFindsATopicThatIsNew(t *testing.T) {
	broker := fake(t, 1)
	log := connected(t, Options{Brokers: broker.ListenAddrs()}).Service("nas").MessageLog()
	late := []messagelog.Record{{Topic: "late", Value: []byte("1")}}
	require.ErrorIs(t, log.Append(patient(t), late), messagelog.ErrNoTopic)
	require.NoError(t, broker.CreateTopic("late", 1, nil)) // by another process
	require.NoError(t, log.Append(patient(t), late))
}

func TestAppendToATopicThatIsGone(t *testing.T) {
	broker := fake(t, 1)
	log := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas").MessageLog()
	require.NoError(t, put(t, log, "1"))
	require.NoError(t, broker.DeleteTopic(string(events)))
	require.ErrorIs(t, put(t, log, "2"), messagelog.ErrNoTopic)
}

func TestGroupsShareTransactions(t *testing.T) {
	broker := fake(t, 4)
	s := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas")
	commits := count(broker, kmsg.EndTxn)
	held, release := hold(t, broker, kmsg.EndTxn)
	const n = 64
	results := make(chan error, n+1)
	go func() { results <- put(t, s.MessageLog(), "first") }()
	<-held
	for i := range n {
		go func() {
			results <- s.Units().Run(patient(t), func(ctx context.Context) error {
				return s.MessageLog().Append(ctx, []messagelog.Record{event(fmt.Sprint(i), "a"), event(fmt.Sprint(i), "b")})
			}, nothing)
		}()
	}
	eventually(t, s.waits(n), "all wait for the producer")
	release()
	for range n + 1 {
		require.NoError(t, <-results)
	}
	total := 0
	for p := range 4 {
		total += len(stored(t, s.MessageLog(), p))
	}
	assert.Equal(t, 1+2*n, total)
	assert.Equal(t, int64(2), commits.Load(), "commits of %d units", n+1)
}

func TestGroupsAreBounded(t *testing.T) {
	s := &Service{closed: true} // take returns instead of waiting
	s.arrived.L = &s.mu
	small, large := &call{bytes: 1, entries: make([]entry, 1)}, &call{bytes: 2 * maxGroupBytes, entries: make([]entry, 1)}
	many := &call{bytes: 1, entries: make([]entry, maxGroupRecords)}
	s.waiting = []*call{small, small, large, small, many, small}
	assert.Len(t, s.take(), 2, "until one is too large")
	assert.Equal(t, []*call{large}, s.take(), "a group of its own")
	assert.Len(t, s.take(), 1)
	assert.Equal(t, []*call{many}, s.take())
	assert.Len(t, s.take(), 1)
}

func TestProducersWorkSideBySide(t *testing.T) {
	broker := fake(t, 1)
	s := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 2}).Service("nas")
	held, release := hold(t, broker, kmsg.EndTxn)
	first := make(chan error, 1)
	go func() { first <- put(t, s.MessageLog(), "first") }()
	<-held
	require.NoError(t, put(t, s.MessageLog(), "second"), "while another transaction is open")
	release()
	require.NoError(t, <-first)
}

func TestServicesShareNoTransaction(t *testing.T) {
	broker := fake(t, 1, kfake.SeedTopics(1, "minlog", "nas"))
	c := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 2})
	broker.ControlKey(kmsg.Produce.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		r := request.(*kmsg.ProduceRequest)
		for _, topic := range r.Topics {
			assert.Contains(t, *r.TransactionID, "-"+topic.Topic+"-")
		}
		return nil, nil, false
	})
	var wg sync.WaitGroup
	for range 20 {
		for _, name := range []string{"minlog", "nas"} {
			wg.Go(func() {
				assert.NoError(t, c.Service(name).MessageLog().Append(patient(t), []messagelog.Record{{Topic: messagelog.Topic(name)}}))
			})
		}
	}
	wg.Wait()
	assert.Same(t, c.Service("nas"), c.Service("nas"))
}
