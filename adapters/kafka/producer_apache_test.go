package kafka

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/tests/kafkatest"
)

// apache opens a cluster on Apache Kafka, with transactional ids that no other test has, and makes a topic.
func apache(t *testing.T, opt Options, partitions int) (*Cluster, messagelog.Topic) {
	t.Helper()
	opt.Brokers, opt.Replication, opt.MinInSync, opt.ClientID = kafkatest.Apache(t), 1, 1, "t"+rand.Text()
	c := connected(t, opt)
	topic := messagelog.Topic("t" + rand.Text())
	require.NoError(t, c.Topics().CreateTopic(patient(t), topic, messagelog.Spec{Partitions: partitions}))
	return c, topic
}

// held are the values of a topic, partition by partition, that readers see.
func held(t *testing.T, c *Cluster, topic messagelog.Topic) []string {
	t.Helper()
	log := c.Service("reader").MessageLog()
	bounds, err := log.Bounds(patient(t), []messagelog.Topic{topic})
	require.NoError(t, err)
	var values []string
	for part, b := range bounds[topic] {
		for batch, err := range log.Read(patient(t), topic, part, b.First, b.End, messagelog.ReadOptions{Timeout: 5 * time.Second}) {
			require.NoError(t, err)
			for _, r := range batch.Records {
				values = append(values, string(r.Value))
			}
		}
	}
	return values
}

// eventuallyHeld waits until readers see exactly these values: Kafka answers a commit before it has written the markers.
func eventuallyHeld(t *testing.T, c *Cluster, topic messagelog.Topic, want ...string) {
	t.Helper()
	var got []string
	eventually(t, func() bool {
		got = held(t, c, topic)
		return len(got) == len(want)
	}, "readers see them all")
	assert.ElementsMatch(t, want, got)
}

func TestApacheUnitsOfManyCallersAreStoredOnceAndInOrder(t *testing.T) {
	c, topic := apache(t, Options{Producers: 2}, 3)
	s := c.Service("nas")
	log := s.MessageLog()
	const callers, each = 16, 10
	var wg sync.WaitGroup
	var want []string
	for caller := range callers {
		for i := range each {
			want = append(want, fmt.Sprintf("%02d/%02d/a", caller, i), fmt.Sprintf("%02d/%02d/b", caller, i))
		}
		wg.Go(func() {
			for i := range each {
				assert.NoError(t, s.Units().Run(patient(t), func(ctx context.Context) error {
					key := []byte(fmt.Sprint(caller))
					return log.Append(ctx, []messagelog.Record{
						{Topic: topic, Key: key, Value: fmt.Appendf(nil, "%02d/%02d/a", caller, i)},
						{Topic: topic, Key: key, Value: fmt.Appendf(nil, "%02d/%02d/b", caller, i)},
					})
				}, nothing))
			}
		})
	}
	wg.Wait()
	eventuallyHeld(t, c, topic, want...)
	latest := map[string]string{}
	for _, v := range held(t, c, topic) {
		assert.Less(t, latest[v[:2]], v, "order of a caller")
		latest[v[:2]] = v
	}
}

func TestApacheTwoProcessesWithOneInstance(t *testing.T) {
	one, topic := apache(t, Options{Producers: 1}, 1)
	put := func(c *Cluster, value string) error {
		return c.Service("nas").MessageLog().Append(patient(t), []messagelog.Record{{Topic: topic, Value: []byte(value)}})
	}
	require.NoError(t, put(one, "1"))
	two := connected(t, one.opt)
	require.NoError(t, put(two, "2"))
	require.NoError(t, put(one, "3"), "it was fenced")
	require.NoError(t, put(two, "4"), "it was fenced")
	eventuallyHeld(t, one, topic, "1", "2", "3", "4")
}

func TestApacheWhatAnEarlierProcessLeftOpenHoldsNobodyUp(t *testing.T) {
	c, topic := apache(t, Options{Producers: 1}, 1)
	earlier := c.opt.producer(c.client.Config(), c.opt.ClientID+"-nas-test-0")
	t.Cleanup(earlier.close)
	soon := time.Now().Add(30 * time.Second)
	require.NoError(t, earlier.open(soon))
	open := entries([]messagelog.Record{{Topic: topic, Value: []byte("open")}}, map[messagelog.Topic]int{topic: 1})
	all := batches([]*call{{entries: open}}, earlier.config, time.Now())
	require.NoError(t, earlier.add(all, soon))
	require.NoError(t, earlier.produce(all, soon))
	require.NoError(t, c.Service("nas").MessageLog().Append(patient(t), []messagelog.Record{{Topic: topic, Value: []byte("1")}}))
	eventuallyHeld(t, c, topic, "1")
	err := earlier.end(soon)
	assert.True(t, lost(err) && !unknown(err), "the earlier process is fenced: %v", err)
}

func TestApacheARefusedRecordTakesNoOtherWithIt(t *testing.T) {
	c, topic := apache(t, Options{Producers: 1}, 1)
	admin, err := sarama.NewClusterAdmin(c.opt.Brokers, c.client.Config())
	require.NoError(t, err)
	defer func() { _ = admin.Close() }()
	small := "1000"
	narrow := string(topic) + "-narrow"
	require.NoError(t, admin.CreateTopic(narrow, &sarama.TopicDetail{
		NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"max.message.bytes": &small},
	}, false))
	s := c.Service("nas")
	p := c.opt.producer(c.client.Config(), c.opt.ClientID+"-alone")
	t.Cleanup(p.close)
	counts := map[messagelog.Topic]int{topic: 1, messagelog.Topic(narrow): 1}
	calls := []*call{
		{entries: entries([]messagelog.Record{{Topic: topic, Value: []byte("a")}}, counts), done: make(chan struct{})},
		{entries: entries([]messagelog.Record{
			{Topic: topic, Value: []byte("taken along")}, {Topic: messagelog.Topic(narrow), Value: []byte(strings.Repeat("x", 2000))},
		}, counts), done: make(chan struct{})},
		{entries: entries([]messagelog.Record{{Topic: topic, Value: []byte("b")}}, counts), done: make(chan struct{})},
	}
	s.settle(p, begin(calls, p.commit), c.opt.Log)
	require.NoError(t, calls[0].err)
	assert.True(t, fault.Is(calls[1].err, fault.TooLarge), "%v", calls[1].err)
	require.NoError(t, calls[2].err)
	eventuallyHeld(t, c, topic, "a", "b")
}

// proxy stands between clients and a broker and can cut every connection.
type proxy struct {
	net.Listener
	mu    sync.Mutex // guards what follows
	to    string
	conns map[net.Conn]bool
}

func startProxy(t *testing.T) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{Listener: l, conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			to := p.to
			p.mu.Unlock()
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			p.mu.Lock()
			p.conns[in], p.conns[out] = true, true
			p.mu.Unlock()
			pipe := func(from, to net.Conn) {
				_, _ = io.Copy(to, from)
				_, _ = from.Close(), to.Close()
			}
			wg.Go(func() { pipe(in, out) })
			wg.Go(func() { pipe(out, in) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		wg.Wait()
	})
	return p
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// TestApacheWhatIsAcknowledgedIsStored cuts connections and kills the broker while callers append: what was acknowledged is stored once, what was
// refused is not stored, and only what is unknown may be either.
func TestApacheWhatIsAcknowledgedIsStored(t *testing.T) {
	t.Parallel()
	p := startProxy(t)
	broker := kafkatest.Start(t, kafkatest.Options{Advertised: p.Addr().String(), SCRAM: map[string]string{"nspd": password}})
	p.mu.Lock()
	p.to = broker.Addr
	p.mu.Unlock()
	brokers := []string{p.Addr().String()}
	_, err := Open(patient(t), Options{Brokers: brokers, SASL: SASL{"SCRAM-SHA-512", "nspd", "wrong"}})
	require.ErrorIs(t, err, sarama.ErrSASLAuthenticationFailed)

	c := connected(t, Options{
		Brokers: brokers, SASL: SASL{"SCRAM-SHA-512", "nspd", password}, Producers: 3, CommitTimeout: 5 * time.Second, Replication: 1, MinInSync: 1,
	})
	require.NoError(t, c.Topics().CreateTopic(patient(t), events, messagelog.Spec{Partitions: 2}))
	log := c.Service("nas").MessageLog()
	require.NoError(t, put(t, log, "first"))

	var mu sync.Mutex
	acknowledged, refused, unsure := []string{"first"}, map[string]bool{}, map[string]bool{}
	ctx, stop := context.WithCancel(patient(t))
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				value := fmt.Sprintf("%d/%d", caller, i)
				err := log.Append(patient(t), []messagelog.Record{event(value, value), event(value+"x", value+"x")})
				mu.Lock()
				switch {
				case err == nil:
					acknowledged = append(acknowledged, value, value+"x")
				case unknown(err):
					unsure[value], unsure[value+"x"] = true, true
				default:
					refused[value], refused[value+"x"] = true, true
					assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
				}
				mu.Unlock()
			}
		})
	}
	progress := func() {
		mu.Lock()
		n := len(acknowledged)
		mu.Unlock()
		eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(acknowledged) > n+10
		}, "it goes on by itself")
	}
	for range 10 {
		progress()
		p.cut()
	}
	progress()
	broker.Kill()
	require.NoError(t, broker.Restart(patient(t)))
	progress()
	stop()
	wg.Wait()

	var got []string
	eventually(t, func() bool {
		got = held(t, c, events)
		return len(got) >= len(acknowledged)
	}, "readers see what was acknowledged")
	slices.Sort(got)
	assert.Equal(t, len(got), len(slices.Compact(slices.Clone(got))), "nothing is stored twice")
	for _, v := range got {
		assert.False(t, refused[v], "%s was refused, and is stored", v)
	}
	for v := range unsure {
		whole := strings.TrimSuffix(v, "x")
		assert.Equal(t, slices.Contains(got, whole), slices.Contains(got, whole+"x"), "half of a call")
	}
	got = slices.DeleteFunc(got, func(v string) bool { return unsure[v] })
	slices.Sort(acknowledged)
	assert.Equal(t, acknowledged, got)
	t.Logf("%d acknowledged, %d refused, %d unknown", len(acknowledged), len(refused), len(unsure))
}
