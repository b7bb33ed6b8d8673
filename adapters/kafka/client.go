package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/domain/fault"
)

const (
	// netTimeout is for one connection attempt, and for the answer to one request.
	netTimeout = 5 * time.Second
	// ackTimeout is how long a leader waits for its followers; it answers before the connection gives up.
	ackTimeout = 4 * time.Second
	// metadataAge is how old the knowledge of topics, partitions and leaders becomes.
	metadataAge = 30 * time.Second
	// metadataLag is how long a broker may take to hear of a new topic.
	metadataLag = time.Second
	// maxMessage is the size of a record with its frame, and of a batch before compression. It lies below message.max.bytes of Apache Kafka.
	maxMessage = 1 << 20
)

// errUnavailable is what a caller is told when no broker answers in time.
var errUnavailable error = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "the message log does not answer"}

var errClosed = errors.New("kafka: the cluster is closed")

// Cluster is a connection to a Kafka cluster. It is safe for concurrent use.
type Cluster struct {
	opt    Options
	client sarama.Client // of everything but the producers, each of which has its own
	reader *reader

	mu       sync.Mutex // guards what follows
	services map[string]*Service
	closed   bool
}

// Open connects to a cluster. It fails if no broker answers, or none lets us in.
func Open(ctx context.Context, opt Options) (*Cluster, error) {
	opt.ClientID = cmp.Or(opt.ClientID, "nspd")
	opt.Replication = cmp.Or(opt.Replication, 3)
	opt.MinInSync = cmp.Or(opt.MinInSync, 2)
	opt.Producers = cmp.Or(opt.Producers, 4)
	opt.CommitTimeout = cmp.Or(opt.CommitTimeout, 10*time.Second)
	opt.Log = cmp.Or(opt.Log, slog.New(slog.DiscardHandler))
	config, err := opt.config()
	if err != nil {
		return nil, fmt.Errorf("open kafka: %w", err)
	}
	client, err := connect(ctx, opt.Brokers, config)
	switch {
	case err == nil:
	case opt.SASL.Mechanism != "": // a broker may close the connection instead of saying that it does not know us
		return nil, fmt.Errorf("open kafka with SASL %s: %w", opt.SASL.Mechanism, err)
	default:
		return nil, fmt.Errorf("open kafka: %w", err)
	}
	return &Cluster{opt: opt, client: client, reader: newReader(client), services: map[string]*Service{}}, nil
}

// connect returns a client that has read the metadata of the cluster. It does not wait for longer than ctx.
func connect(ctx context.Context, brokers []string, config *sarama.Config) (sarama.Client, error) {
	type result struct {
		client sarama.Client
		err    error
	}
	done := make(chan result, 1)
	go func() {
		client, err := sarama.NewClient(brokers, config)
		done <- result{client, err}
	}()
	select {
	case r := <-done:
		return r.client, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				_ = r.client.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// Ping asks a broker for the metadata of the cluster.
func (c *Cluster) Ping(ctx context.Context) error {
	if err := within(ctx, func() error { return c.client.RefreshMetadata() }); err != nil {
		return fmt.Errorf("ping kafka: %w", err)
	}
	return nil
}

// Close ends the producers, once the groups in flight have their outcome, and the connections.
func (c *Cluster) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	for _, s := range c.services {
		s.close()
	}
	c.reader.close()
	return c.client.Close()
}

// within runs f, which has bounds of its own, and does not wait for longer than ctx.
func within(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// config is what every client of the cluster shares.
func (o Options) config() (*sarama.Config, error) {
	c := sarama.NewConfig()
	c.ClientID = o.ClientID
	c.Version = sarama.V2_8_0_0 // the oldest protocol with all that is used; brokers from 2.8 to 4.x take it
	c.Net.MaxOpenRequests = 1
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = netTimeout, netTimeout, netTimeout
	c.Net.TLS.Enable, c.Net.TLS.Config = o.TLS != nil, o.TLS
	c.Metadata.AllowAutoTopicCreation = false
	c.Metadata.RefreshFrequency = metadataAge
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	if err := o.SASL.apply(c); err != nil {
		return nil, err
	}
	if o.Compression != "" {
		if err := c.Producer.Compression.UnmarshalText([]byte(o.Compression)); err != nil {
			return nil, fmt.Errorf("compression %q: want none, gzip, snappy, lz4 or zstd", o.Compression)
		}
	}
	return c, nil
}
