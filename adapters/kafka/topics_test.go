package kafka

import (
	"crypto/rand"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
)

func TestSettingsOfASpec(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		name := messagelog.Topic("t" + strings.ToLower(rand.Text()))
		require.NoError(t, c.Topics().CreateTopic(bounded(t), name, messagelog.Spec{Partitions: 1, Config: map[string]int64{
			"retention_bytes": 1 << 30, "segment_bytes": 1 << 24, "segment_ms": 3_600_000, "segment_jitter_ms": 1000, "segment_indexbytes": 1 << 20,
			"flush_messages_interval": 500, "flush_ms": 2000, "file_delete_delay_ms": 30_000, "index_interval_bytes": 8192, "max_message_bytes": 2 << 20,
		}}))
		got := described(t, c, name)
		for setting, want := range map[string]string{
			"retention.bytes": "1073741824", "segment.bytes": "16777216", "segment.ms": "3600000", "segment.jitter.ms": "1000",
			"segment.index.bytes": "1048576", "flush.messages": "500", "flush.ms": "2000", "file.delete.delay.ms": "30000",
			"index.interval.bytes": "8192", "max.message.bytes": "2097152", "cleanup.policy": "delete",
		} {
			assert.Equal(t, want, got[setting], setting)
		}
		for _, setting := range []string{"cleanup_policy", "retention_ms", "retention.bytes", "min_insync_replicas", "unclean_leader_election_enable", ""} {
			err := c.Topics().CreateTopic(bounded(t), name+"x", messagelog.Spec{Partitions: 1, Config: map[string]int64{setting: 1}})
			assert.True(t, fault.Is(err, fault.Invalid), "%q: %v", setting, err)
		}
		all, err := c.Topics().Topics(bounded(t))
		require.NoError(t, err)
		assert.NotContains(t, all, name+"x")
	})
}

func TestReplicationOfASpec(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		cluster := opened(t, Options{Brokers: c.opt.Brokers, Replication: 3, MinInSync: 2})
		name := messagelog.Topic("t" + strings.ToLower(rand.Text()))
		require.NoError(t, cluster.Topics().CreateTopic(bounded(t), name, messagelog.Spec{Partitions: 1, Replication: 1}))
		assert.Equal(t, "1", described(t, c, name)["min.insync.replicas"], "no more than there are")
		for replication, want := range map[int]string{0: "replication 3: more than there are brokers", 2: "replication 2: more than", -1: "replication -1"} {
			err := cluster.Topics().CreateTopic(bounded(t), name+"x", messagelog.Spec{Partitions: 1, Replication: replication})
			require.ErrorContains(t, err, want)
		}
	})
}

// described are all settings of a topic.
func described(t *testing.T, c *Cluster, name messagelog.Topic) map[string]string {
	t.Helper()
	admin, err := sarama.NewClusterAdminFromClient(c.client)
	require.NoError(t, err)
	answers, err := admin.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: string(name)}}, sarama.DescribeConfigsOptions{})
	require.NoError(t, err)
	require.Len(t, answers, 1)
	found := map[string]string{}
	for _, e := range answers[0].Configs {
		found[e.Name] = e.Value
	}
	return found
}

func TestDeleteTopicWaitsForEachBroker(t *testing.T) {
	broker := fakeBroker(t, 3)
	c := opened(t, Options{Brokers: broker.ListenAddrs()})
	topic := topicOf(t, c, 3)
	var deleted atomic.Bool
	broker.ControlKey(kmsg.DeleteTopics.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		deleted.Store(true)
		return nil, nil, false
	})
	var left atomic.Int64
	left.Store(3)
	broker.ControlKey(kmsg.Metadata.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		broker.KeepControl()
		r := request.(*kmsg.MetadataRequest)
		if !deleted.Load() || len(r.Topics) != 1 || left.Add(-1) < 0 {
			return nil, nil, false
		}
		return stillListed(t, broker, r), nil, true
	})
	require.NoError(t, c.Topics().DeleteTopic(bounded(t), topic))
	assert.Negative(t, left.Load(), "answers of brokers that still list it")
	require.NoError(t, c.Topics().DeleteTopic(bounded(t), topic))
}

// stillListed is the answer of a broker that has not heard that a topic is gone.
func stillListed(t *testing.T, broker *kfake.Cluster, r *kmsg.MetadataRequest) kmsg.Response {
	answer := r.ResponseKind().(*kmsg.MetadataResponse)
	for i, addr := range broker.ListenAddrs() {
		host, port, err := net.SplitHostPort(addr)
		assert.NoError(t, err)
		number, err := strconv.ParseInt(port, 10, 32)
		assert.NoError(t, err)
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host, b.Port = int32(i), host, int32(number) //nolint:gosec // three brokers
		answer.Brokers = append(answer.Brokers, b)
	}
	topic := kmsg.NewMetadataResponseTopic()
	topic.Topic, topic.ErrorCode = r.Topics[0].Topic, kerr.LeaderNotAvailable.Code
	answer.Topics = append(answer.Topics, topic)
	return answer
}

func TestATopicThatIsDeletedIsForgotten(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *Cluster) {
		topic := topicOf(t, c, 1)
		log, other := c.Service("nas").MessageLog(), opened(t, c.opt)
		require.NoError(t, log.Append(bounded(t), []messagelog.Record{{Topic: topic, Value: []byte("a")}, {Topic: topic, Value: []byte("b")}}))
		eventually(t, func() bool { return boundsOf(t, c, topic).End == 3 }, "the commit is marked")
		for batch, err := range c.Read(bounded(t), topic, 0, 0, -1, messagelog.ReadOptions{MaxRecords: 1, Timeout: 10 * time.Second}) {
			require.NoError(t, err)
			require.Len(t, batch.Records, 1)
			break // and "b" is fetched already
		}
		boundsOf(t, other, topic) // another process knows the topic
		waits := make(chan error, 1)
		go func() {
			_, _, err := taken(t, other, topic, 3, -1, ever)
			waits <- err
		}()

		require.NoError(t, c.Topics().DeleteTopic(bounded(t), topic))
		require.ErrorIs(t, log.Append(bounded(t), []messagelog.Record{{Topic: topic}}), messagelog.ErrNoTopic)
		require.ErrorIs(t, <-waits, messagelog.ErrNoTopic, "a reader of another process")

		require.NoError(t, c.Topics().CreateTopic(bounded(t), topic, messagelog.Spec{Partitions: 2}))
		require.NoError(t, log.Append(bounded(t), []messagelog.Record{{Topic: topic, Value: []byte("x")}, {Topic: topic, Value: []byte("y")}}))
		// A producer that tries again may leave an aborted attempt before them.
		eventually(t, func() bool { return allBounds(t, c, topic)[0].End >= 3 }, "the commit is marked")
		got, _, err := taken(t, c, topic, 1, allBounds(t, c, topic)[0].End, ever)
		require.NoError(t, err)
		require.NotEmpty(t, got)
		assert.Equal(t, "y", got[len(got)-1])
		assert.NotContains(t, got, "b", "of the topic before")
	})
}

// allBounds are those of all partitions.
func allBounds(t *testing.T, c *Cluster, topic messagelog.Topic) []messagelog.Bounds {
	t.Helper()
	bounds, err := c.Bounds(bounded(t), []messagelog.Topic{topic})
	require.NoError(t, err)
	return bounds[topic]
}
