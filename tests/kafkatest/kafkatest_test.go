package kafkatest

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// sarama's metrics count in a goroutine that never ends.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	return c
}

// createTopic makes a topic of one partition and leaves no client behind.
func createTopic(t *testing.T, brokers []string, topic string) {
	t.Helper()
	admin, err := sarama.NewClusterAdmin(brokers, config())
	require.NoError(t, err)
	defer admin.Close()
	require.NoError(t, admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false))
}

// send appends a record and returns its offset.
func send(t *testing.T, brokers []string, topic string) int64 {
	t.Helper()
	p, err := sarama.NewSyncProducer(brokers, config())
	require.NoError(t, err)
	defer p.Close()
	_, offset, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("x")})
	require.NoError(t, err)
	return offset
}

func TestApache(t *testing.T) {
	brokers := Apache(t)
	assert.Equal(t, brokers, Apache(t), "one for all tests")
	createTopic(t, brokers, "kafkatest")
	assert.Zero(t, send(t, brokers, "kafkatest"))
}

func TestBrokerIsKilledAndComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing of a broker")
	}
	b := Start(t, Options{})
	createTopic(t, []string{b.Addr}, "kept")
	require.Zero(t, send(t, []string{b.Addr}, "kept"))
	b.Kill()
	assert.False(t, b.Alive())
	require.NoError(t, b.Restart(t.Context()))
	assert.EqualValues(t, 1, send(t, []string{b.Addr}, "kept"), "the record before the kill is kept")
	b.Shutdown()
	require.NoError(t, b.Restart(t.Context()))
	assert.EqualValues(t, 2, send(t, []string{b.Addr}, "kept"))
	b.Stop()
	assert.NoDirExists(t, b.dir)
}

func TestBrokerAsksForAPassword(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing of a broker")
	}
	b := Start(t, Options{SCRAM: map[string]string{"nsp": "right"}})
	for _, c := range []struct {
		password string
		ok       bool
	}{{"right", true}, {"wrong", false}} {
		o := config()
		o.Net.SASL.Enable, o.Net.SASL.Mechanism = true, sarama.SASLTypeSCRAMSHA512
		o.Net.SASL.User, o.Net.SASL.Password = "nsp", c.password
		o.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{} }
		o.Metadata.Retry.Max = 0
		client, err := sarama.NewClient([]string{b.Addr}, o)
		assert.Equal(t, c.ok, err == nil, "%s password: %v", c.password, err)
		if err == nil {
			client.Close()
		}
	}
}

// scramClient is what sarama asks for.
type scramClient struct{ *scram.ClientConversation }

func (c *scramClient) Begin(user, password, authzID string) error {
	client, err := scram.SHA512.NewClient(user, password, authzID)
	if err == nil {
		c.ClientConversation = client.NewConversation()
	}
	return err
}
