package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

func TestATransactionThatFailsLeavesNothing(t *testing.T) {
	broker := fake(t, 2)
	s := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas")
	log := s.MessageLog()
	keys := map[int]string{}
	for i := range 20 {
		key := fmt.Sprint(i)
		keys[(&messagelog.Record{Key: []byte(key)}).PartitionOf(2)] = key
	}
	broken := broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: kerr.PolicyViolation, Count: -1})
	err := s.Units().Run(patient(t), func(ctx context.Context) error {
		return log.Append(ctx, []messagelog.Record{event(keys[0], "lost"), event(keys[1], "lost")})
	}, nothing)
	var commit *ports.CommitError
	require.ErrorAs(t, err, &commit)
	assert.False(t, commit.Unknown, "%v", err)
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	assert.Empty(t, stored(t, log, 0), "acknowledged, but never committed")
	broken.Remove()
	require.NoError(t, log.Append(patient(t), []messagelog.Record{event(keys[0], "kept"), event(keys[1], "kept")}))
	assert.Equal(t, []string{"kept"}, stored(t, log, 0))
	assert.Equal(t, []string{"kept"}, stored(t, log, 1))
}

func TestABadCallTakesNoOtherWithIt(t *testing.T) {
	broker := fake(t, 1, kfake.SeedTopics(1, "bad"))
	s := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas")
	log := s.MessageLog()
	broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "bad", Err: kerr.MessageTooLarge, Count: -1})
	held, release := hold(t, broker, kmsg.EndTxn)
	first := make(chan error, 1)
	go func() { first <- put(t, log, "first") }()
	<-held
	good, bad := make(chan error, 2), make(chan error, 1)
	go func() { good <- put(t, log, "a") }()
	go func() {
		bad <- log.Append(patient(t), []messagelog.Record{event("k", "taken along"), {Topic: "bad", Value: []byte("x")}})
	}()
	go func() { good <- put(t, log, "b") }()
	eventually(t, s.waits(3), "all wait for the producer")
	release()
	require.NoError(t, <-first)
	require.NoError(t, <-good)
	require.NoError(t, <-good)
	err := <-bad
	assert.True(t, fault.Is(err, fault.TooLarge), "%v", err)
	assert.ElementsMatch(t, []string{"first", "a", "b"}, stored(t, log, 0))
}

func TestWhatPassesIsRepeated(t *testing.T) {
	for _, c := range []struct {
		key kmsg.Key
		err *kerr.Error
	}{
		{kmsg.InitProducerID, kerr.CoordinatorLoadInProgress},
		{kmsg.AddPartitionsToTxn, kerr.ConcurrentTransactions},
		{kmsg.AddPartitionsToTxn, kerr.NotCoordinator},
		{kmsg.Produce, kerr.NotLeaderForPartition},
		{kmsg.Produce, kerr.NotEnoughReplicas},
		{kmsg.Produce, kerr.RequestTimedOut},              // after it was stored
		{kmsg.Produce, kerr.NotEnoughReplicasAfterAppend}, // after it was stored
		{kmsg.EndTxn, kerr.ConcurrentTransactions},
		{kmsg.EndTxn, kerr.CoordinatorNotAvailable},
		{kmsg.EndTxn, kerr.RequestTimedOut},
		{kmsg.EndTxn, kerr.UnknownServerError},
	} {
		t.Run(fmt.Sprint(c.key.Name(), " ", c.err.Message), func(t *testing.T) {
			broker := fake(t, 1)
			fails := broker.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.err, Count: 2})
			log := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas").MessageLog()
			require.NoError(t, put(t, log, "1"))
			require.NoError(t, put(t, log, "2"))
			assert.Equal(t, 2, fails.Hits())
			assert.Equal(t, []string{"1", "2"}, stored(t, log, 0), "each once")
		})
	}
	for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.EndTxn} {
		t.Run("the answer to "+key.Name()+" is lost", func(t *testing.T) {
			broker, lose := losing(t, 1)
			requests := count(broker, key)
			lose(key)
			log := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas").MessageLog()
			require.NoError(t, put(t, log, "1"))
			assert.Equal(t, int64(2), requests.Load(), "requests")
			require.NoError(t, put(t, log, "2"))
			assert.Equal(t, []string{"1", "2"}, stored(t, log, 0), "each once")
		})
	}
}

func TestLeadersAndCoordinatorsThatMove(t *testing.T) {
	broker := fake(t, 3, kfake.NumBrokers(3))
	log := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas").MessageLog()
	var want []string
	for i := range 12 {
		var recs []messagelog.Record
		for key := range 9 {
			value := fmt.Sprintf("%d/%d", i, key)
			recs = append(recs, event(fmt.Sprint(key), value))
			want = append(want, value)
		}
		require.NoError(t, log.Append(patient(t), recs))
		if i%2 == 0 {
			for part := range int32(3) {
				require.NoError(t, broker.MoveTopicPartition(string(events), part, (broker.LeaderFor(string(events), part)+1)%3))
			}
		} else {
			broker.RehashCoordinators()
		}
	}
	var got []string
	for part := range 3 {
		got = append(got, stored(t, log, part)...)
	}
	assert.ElementsMatch(t, want, got, "each once")
}

func TestALostProducerIsReplaced(t *testing.T) {
	for _, c := range []struct {
		key kmsg.Key
		err *kerr.Error
	}{
		{kmsg.AddPartitionsToTxn, kerr.ProducerFenced},
		{kmsg.AddPartitionsToTxn, kerr.InvalidProducerEpoch},
		{kmsg.AddPartitionsToTxn, kerr.InvalidProducerIDMapping},
		{kmsg.Produce, kerr.InvalidProducerEpoch},
		{kmsg.Produce, kerr.OutOfOrderSequenceNumber},
		{kmsg.EndTxn, kerr.ProducerFenced},
		{kmsg.EndTxn, kerr.InvalidTxnState},
	} {
		t.Run(fmt.Sprint(c.key.Name(), " ", c.err.Message), func(t *testing.T) {
			broker := fake(t, 1)
			opened := count(broker, kmsg.InitProducerID)
			broker.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.err})
			log := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas").MessageLog()
			require.NoError(t, put(t, log, "1"))
			require.NoError(t, put(t, log, "2"))
			assert.Equal(t, []string{"1", "2"}, stored(t, log, 0), "each once")
			assert.Equal(t, int64(2), opened.Load(), "InitProducerID")
		})
	}
	t.Run("but one that is lost again refuses", func(t *testing.T) {
		broker := fake(t, 1)
		broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.ProducerFenced, Count: 2})
		s := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas")
		err := put(t, s.MessageLog(), "1")
		assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		assert.NotErrorIs(t, err, messagelog.ErrOutcomeUnknown)
		require.NoError(t, put(t, s.MessageLog(), "2"))
		assert.Equal(t, []string{"2"}, stored(t, s.MessageLog(), 0))
	})
}

func TestTwoProcessesWithOneInstance(t *testing.T) {
	broker := fake(t, 1)
	one := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas").MessageLog()
	require.NoError(t, put(t, one, "1"))
	two := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas").MessageLog()
	require.NoError(t, put(t, two, "2"))
	require.NoError(t, put(t, one, "3"), "it was fenced")
	require.NoError(t, put(t, two, "4"), "it was fenced")
	assert.Equal(t, []string{"1", "2", "3", "4"}, stored(t, one, 0), "each once")
}

func TestAnOpenTransactionOfAnEarlierProcessIsAborted(t *testing.T) {
	broker := fake(t, 1)
	earlier := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).opt
	p := earlier.producer(connected(t, Options{Brokers: broker.ListenAddrs()}).client.Config(), "nspd-nas-test-3") // of the last producer
	t.Cleanup(p.close)
	require.NoError(t, p.open(time.Now().Add(time.Minute)))
	all := batches([]*call{{entries: entries([]messagelog.Record{event("k", "open")}, map[messagelog.Topic]int{events: 1})}}, p.config, time.Now())
	require.NoError(t, p.add(all, time.Now().Add(time.Minute)))
	require.NoError(t, p.produce(all, time.Now().Add(time.Minute)))

	log := connected(t, Options{Brokers: broker.ListenAddrs()}).Service("nas").MessageLog()
	require.NoError(t, put(t, log, "1"))
	eventually(t, func() bool { return fmt.Sprint(stored(t, log, 0)) == "[1]" }, "readers are held up no longer")
	require.Error(t, p.end(time.Now().Add(time.Minute)), "the earlier process is fenced")
}

func TestOutcomeUnknown(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(broker *kfake.Cluster, lose func(kmsg.Key)) (mend func())
		want   []string // what may be stored then: the outcome is decided
	}{
		{"no coordinator until the time is over", func(broker *kfake.Cluster, _ func(kmsg.Key)) func() {
			return broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.CoordinatorNotAvailable, Count: -1}).Remove
		}, []string{"[1 3]", "[1 2 3]"}},
		{"the answer is lost, and the producer is fenced", func(broker *kfake.Cluster, lose func(kmsg.Key)) func() {
			lose(kmsg.EndTxn)
			seen := false
			return broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.ProducerFenced, When: func(kmsg.Request) bool {
				again := seen
				seen = true
				return again
			}}).Remove
		}, []string{"[1 2 3]"}},
		{"an answer that nobody knows", func(broker *kfake.Cluster, _ func(kmsg.Key)) func() {
			return broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.GroupIDNotFound}).Remove
		}, []string{"[1 3]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			broker, lose := losing(t, 1)
			s := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1, CommitTimeout: 500 * time.Millisecond}).Service("nas")
			log := s.MessageLog()
			require.NoError(t, put(t, log, "1"))
			type attempt struct {
				id    int64
				epoch int16
			}
			var mu sync.Mutex
			attempts := map[attempt]int{}
			broker.ControlKey(kmsg.EndTxn.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
				r := request.(*kmsg.EndTxnRequest)
				mu.Lock()
				defer mu.Unlock()
				attempts[attempt{r.ProducerID, r.ProducerEpoch}]++
				return nil, nil, false
			})
			mend := c.breaks(broker, lose)

			err := s.Units().Run(patient(t), func(ctx context.Context) error {
				return log.Append(ctx, []messagelog.Record{event("k", "2")})
			}, nothing)
			require.ErrorIs(t, err, messagelog.ErrOutcomeUnknown)
			var commit *ports.CommitError
			require.ErrorAs(t, err, &commit)
			assert.True(t, commit.Unknown)
			mu.Lock()
			assert.Len(t, attempts, 1, "repeated with the same id and epoch, or not at all")
			mu.Unlock()

			mend()
			eventually(t, func() bool { return put(t, log, "3") == nil }, "the producer is replaced")
			assert.Contains(t, c.want, fmt.Sprint(stored(t, log, 0)))
		})
	}

	t.Run("Append alone", func(t *testing.T) {
		broker := fake(t, 1)
		log := connected(t, Options{Brokers: broker.ListenAddrs(), CommitTimeout: 100 * time.Millisecond}).Service("nas").MessageLog()
		broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.CoordinatorNotAvailable, Count: -1})
		require.ErrorIs(t, put(t, log, "1"), messagelog.ErrOutcomeUnknown)
	})
}

func TestACallIsToldItsOutcomeInTime(t *testing.T) {
	for key, want := range map[kmsg.Key]string{kmsg.Produce: "[2]", kmsg.EndTxn: "[1 2]"} {
		t.Run("the answer to "+key.Name()+" is late", func(t *testing.T) {
			broker := fake(t, 1)
			log := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1, CommitTimeout: 200 * time.Millisecond}).Service("nas").MessageLog()
			_, release := hold(t, broker, key)
			err := put(t, log, "1")
			assert.Equal(t, key == kmsg.EndTxn, unknown(err), "%v", err)
			assert.Equal(t, key == kmsg.Produce, fault.Is(err, fault.Unavailable), "%v", err)
			release()
			eventually(t, func() bool { return put(t, log, "2") == nil }, "it goes on")
			assert.Equal(t, want, fmt.Sprint(stored(t, log, 0)), "what was refused is not stored after all")
		})
	}
}

func TestABrokerThatDoesNotAnswer(t *testing.T) {
	broker := fake(t, 1)
	s := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1, CommitTimeout: 500 * time.Millisecond}).Service("nas")
	log := s.MessageLog()
	require.NoError(t, put(t, log, "1"))
	_, port, err := net.SplitHostPort(broker.ListenAddrs()[0])
	require.NoError(t, err)
	broker.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil { // the first call finds out, the others wait for the producer to be opened again
		err := log.Append(ctx, []messagelog.Record{event("k", "2")})
		require.True(t, fault.Is(err, fault.Unavailable) || errors.Is(err, context.DeadlineExceeded), "Append: %v", err)
		require.NotErrorIs(t, err, messagelog.ErrOutcomeUnknown)
	}
	err = s.Units().Run(patient(t), func(ctx context.Context) error {
		return log.Append(ctx, []messagelog.Record{event("k", "2")})
	}, nothing)
	require.True(t, fault.Is(err, fault.Unavailable), "commit: %v", err)
	require.Error(t, s.cluster.Ping(patient(t)))

	var number int
	_, err = fmt.Sscan(port, &number)
	require.NoError(t, err)
	fake(t, 1, kfake.Ports(number))
	eventually(t, func() bool { return put(t, log, "3") == nil }, "it recovers by itself")
	assert.Equal(t, "3", stored(t, log, 0)[0])
	require.NoError(t, s.cluster.Ping(patient(t)))
}

func TestACallThatWaitsIsWithdrawn(t *testing.T) {
	broker := fake(t, 1)
	s := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas")
	held, release := hold(t, broker, kmsg.EndTxn)
	first := make(chan error, 1)
	go func() { first <- put(t, s.MessageLog(), "first") }()
	<-held
	ctx, cancel := context.WithCancel(context.Background())
	second := make(chan error, 1)
	go func() { second <- s.MessageLog().Append(ctx, []messagelog.Record{event("k", "second")}) }()
	eventually(t, s.waits(1), "it waits")
	cancel()
	err := <-second
	assert.ErrorIs(t, err, context.Canceled)
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	release()
	require.NoError(t, <-first)
	require.NoError(t, put(t, s.MessageLog(), "third"))
	assert.Equal(t, []string{"first", "third"}, stored(t, s.MessageLog(), 0))
}

func TestCloseWaitsForTheGroupInFlight(t *testing.T) {
	broker := fake(t, 1)
	c := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1})
	s := c.Service("nas")
	held, release := hold(t, broker, kmsg.EndTxn)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- put(t, s.MessageLog(), "first") }()
	<-held
	go func() { second <- put(t, s.MessageLog(), "second") }()
	eventually(t, s.waits(1), "it waits")
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	err := <-second
	assert.True(t, fault.Is(err, fault.Unavailable), "what waits is refused: %v", err)
	assert.Empty(t, closed, "Close has returned while a transaction is open")
	release()
	require.NoError(t, <-first)
	require.NoError(t, <-closed)
	require.NoError(t, c.Close(), "again")
	err = s.store(patient(t), make([]entry, 1))
	assert.ErrorIs(t, err, errClosed)
	assert.ErrorIs(t, c.Service("minlog").store(patient(t), make([]entry, 1)), errClosed)
}

func TestCloseEndsEveryGoroutine(t *testing.T) {
	broker := fake(t, 1)
	none := goleak.IgnoreCurrent()
	c, err := Open(patient(t), Options{Brokers: broker.ListenAddrs(), Instance: "test"})
	require.NoError(t, err)
	require.NoError(t, put(t, c.Service("nas").MessageLog(), "1"))
	require.NoError(t, put(t, c.Service("minlog").MessageLog(), "2"))
	assert.Len(t, stored(t, c.Service("nas").MessageLog(), 0), 2)
	require.NoError(t, c.Close())
	goleak.VerifyNone(t, none, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"), // of sarama, one of a process
		goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read"), goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).write"))
}

func nothing(context.Context) error { return nil }
