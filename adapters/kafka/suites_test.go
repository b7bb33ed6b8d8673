package kafka

import (
	"context"
	"crypto/rand"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/kafkatest"
)

func TestMessageLog(t *testing.T) {
	t.Run("fake", func(t *testing.T) { portstest.MessageLog(t, onFake) })
	t.Run("Apache", func(t *testing.T) { portstest.MessageLog(t, onApache) })
}

func TestTopicAdmin(t *testing.T) {
	t.Run("fake", func(t *testing.T) { portstest.TopicAdmin(t, onFake) })
	t.Run("Apache", func(t *testing.T) { portstest.TopicAdmin(t, onApache) })
}

func onFake(t *testing.T) (ports.MessageLog, ports.TopicAdmin, ports.UnitOfWork) {
	c := opened(t, single(fakeBroker(t, 1).ListenAddrs()))
	s := c.Service("nas")
	return s.MessageLog(), c.Topics(), s.Units()
}

func onApache(t *testing.T) (ports.MessageLog, ports.TopicAdmin, ports.UnitOfWork) {
	c := opened(t, single(kafkatest.Apache(t)))
	s := c.Service("nas")
	a := &apart{
		cluster: c, MessageLog: s.MessageLog(), TopicAdmin: c.Topics(), UnitOfWork: s.Units(), prefix: strings.ToLower(rand.Text()) + "-",
	}
	return a, a, a
}

// apart gives a case topics of its own on brokers that are shared, and returns from a commit when readers see it: Kafka answers a commit before
// its markers are written.
type apart struct {
	cluster *Cluster
	ports.MessageLog
	ports.TopicAdmin
	ports.UnitOfWork
	prefix string

	mu   sync.Mutex // guards made
	made map[messagelog.Topic]int
}

func (a *apart) name(t messagelog.Topic) messagelog.Topic { return messagelog.Topic(a.prefix) + t }

func (a *apart) Append(ctx context.Context, recs []messagelog.Record) error {
	recs = slices.Clone(recs)
	for i := range recs {
		recs[i].Topic = a.name(recs[i].Topic)
	}
	if err := a.MessageLog.Append(ctx, recs); err != nil {
		return err
	}
	if ctx.Value(inUnit{}) == nil {
		return a.settle(ctx)
	}
	return nil
}

type inUnit struct{}

func (a *apart) Run(ctx context.Context, work, seal func(context.Context) error) error {
	err := a.UnitOfWork.Run(ctx, func(ctx context.Context) error { return work(context.WithValue(ctx, inUnit{}, true)) }, seal)
	if err := a.settle(ctx); err != nil {
		return err
	}
	return err
}

// settle waits until what is in the log is decided.
func (a *apart) settle(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for t, partitions := range a.made {
		for part := range partitions {
			written, err := a.cluster.client.GetOffset(string(a.name(t)), int32(part), sarama.OffsetNewest) //nolint:gosec // small
			if err != nil {
				return err
			}
			for {
				bounds, err := a.MessageLog.Bounds(ctx, []messagelog.Topic{a.name(t)})
				if err != nil {
					return err
				}
				if bounds[a.name(t)][part].End >= written {
					break
				}
				if err := sleep(ctx, time.Millisecond); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (a *apart) Bounds(ctx context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	named := make([]messagelog.Topic, len(topics))
	for i, t := range topics {
		named[i] = a.name(t)
	}
	bounds, err := a.MessageLog.Bounds(ctx, named)
	if err != nil {
		return nil, err
	}
	own := map[messagelog.Topic][]messagelog.Bounds{}
	for t, b := range bounds {
		own[t[len(a.prefix):]] = b
	}
	return own, nil
}

func (a *apart) Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		for batch, err := range a.MessageLog.Read(ctx, a.name(t), part, from, to, opt) {
			for i := range batch.Records {
				batch.Records[i].Topic = batch.Records[i].Topic[len(a.prefix):]
			}
			if !yield(batch, err) {
				return
			}
		}
	}
}

func (a *apart) CreateTopic(ctx context.Context, t messagelog.Topic, spec messagelog.Spec) error {
	err := a.TopicAdmin.CreateTopic(ctx, a.name(t), spec)
	if err == nil {
		a.note(t, spec.Partitions)
	}
	return err
}

func (a *apart) GrowTopic(ctx context.Context, t messagelog.Topic, partitions int) error {
	err := a.TopicAdmin.GrowTopic(ctx, a.name(t), partitions)
	if err == nil {
		a.note(t, partitions)
	}
	return err
}

func (a *apart) DeleteTopic(ctx context.Context, t messagelog.Topic) error {
	a.mu.Lock()
	delete(a.made, t)
	a.mu.Unlock()
	return a.TopicAdmin.DeleteTopic(ctx, a.name(t))
}

func (a *apart) note(t messagelog.Topic, partitions int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.made == nil {
		a.made = map[messagelog.Topic]int{}
	}
	a.made[t] = max(a.made[t], partitions)
}

func (a *apart) Topics(ctx context.Context) (map[messagelog.Topic]int, error) {
	all, err := a.TopicAdmin.Topics(ctx)
	own := map[messagelog.Topic]int{}
	for t, n := range all {
		if name, ok := strings.CutPrefix(string(t), a.prefix); ok {
			own[messagelog.Topic(name)] = n
		}
	}
	return own, err
}

func (a *apart) Trim(ctx context.Context, t messagelog.Topic, part int, before int64) error {
	return a.TopicAdmin.Trim(ctx, a.name(t), part, before)
}

func TestTopicsSettings(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		name := messagelog.Topic("t" + strings.ToLower(rand.Text()))
		require.NoError(t, c.Topics().CreateTopic(bounded(t), name, messagelog.Spec{Partitions: 2, Retention: 36 * time.Hour}))
		kept := topicOf(t, c, 1)
		require.Equal(t, map[string]string{"cleanup.policy": "delete", "retention.ms": "129600000", "min.insync.replicas": "1"}, settings(t, c, name))
		require.Equal(t, map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "min.insync.replicas": "1"}, settings(t, c, kept))
	})
}

// settings are those that CreateTopic always sets.
func settings(t *testing.T, c *Cluster, name messagelog.Topic) map[string]string {
	t.Helper()
	found := described(t, c, name)
	maps.DeleteFunc(found, func(name, _ string) bool {
		return name != "cleanup.policy" && name != "retention.ms" && name != "min.insync.replicas"
	})
	return found
}

func TestReplicationThatCannotBe(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		for _, x := range []struct {
			replication, inSync int
			want                string
		}{
			{3, 2, "replication 3: more than there are brokers"},
			{1, 2, "min_insync 2: want 1 to 1, the replication"},
			{1, -1, "min_insync -1"},
			{-1, 1, "replication -1"},
		} {
			other := opened(t, Options{Brokers: c.opt.Brokers, Replication: x.replication, MinInSync: x.inSync})
			err := other.Topics().CreateTopic(bounded(t), messagelog.Topic("t"+strings.ToLower(rand.Text())), messagelog.Spec{Partitions: 1})
			require.ErrorContains(t, err, x.want)
		}
	})
}

func TestTopicsLeavesOutKafkasOwn(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic := topicOf(t, c, 3)
		writerTo(t, c, topic, sarama.CompressionNone).committed(t, c, "a") // makes __transaction_state
		found, err := c.Topics().Topics(bounded(t))
		require.NoError(t, err)
		require.Equal(t, 3, found[topic])
		for name := range found {
			require.False(t, strings.HasPrefix(string(name), "__"), name)
		}
	})
}
