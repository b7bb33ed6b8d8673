package kafka

import (
	"bytes"
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
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/tests/kafkatest"
)

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
