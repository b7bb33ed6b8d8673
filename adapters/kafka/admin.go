package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

// topics implements ports.TopicAdmin.
type topics struct{ c *Cluster }

var _ ports.TopicAdmin = topics{}

// Topics returns the administration of topics.
func (c *Cluster) Topics() ports.TopicAdmin { return topics{c} }

// CreateTopic returns once every partition has a leader, also where somebody else has just made the topic.
func (a topics) CreateTopic(ctx context.Context, t messagelog.Topic, spec messagelog.Spec) error {
	if err := a.create(ctx, t, spec); err != nil {
		return fmt.Errorf("create topic %s: %w", t, err)
	}
	return nil
}

func (a topics) create(ctx context.Context, t messagelog.Topic, spec messagelog.Spec) error {
	replication, inSync := a.c.opt.Replication, a.c.opt.MinInSync
	if spec.Replication != 0 {
		replication, inSync = spec.Replication, min(inSync, max(spec.Replication, 1))
	}
	switch {
	case spec.Partitions < 1 || spec.Partitions > math.MaxInt32:
		return fmt.Errorf("%d partitions: want at least 1", spec.Partitions)
	case replication < 1 || replication > math.MaxInt16:
		return fmt.Errorf("replication %d: want at least 1", replication)
	case inSync < 1 || inSync > replication:
		return fmt.Errorf("min_insync %d: want 1 to %d, the replication", inSync, replication)
	}
	retention := int64(-1) // for ever
	if spec.Retention > 0 {
		retention = max(1, spec.Retention.Milliseconds())
	}
	detail := &sarama.TopicDetail{
		NumPartitions: int32(spec.Partitions), ReplicationFactor: int16(replication),
		ConfigEntries: map[string]*string{
			"cleanup.policy":      new("delete"),
			"retention.ms":        new(strconv.FormatInt(retention, 10)),
			"min.insync.replicas": new(strconv.Itoa(inSync)),
		},
	}
	for name, value := range spec.Config {
		known := setting(name)
		if known == "" {
			return errSetting
		}
		detail.ConfigEntries[known] = new(strconv.FormatInt(value, 10))
	}
	err := a.do(ctx, nil, func(admin sarama.ClusterAdmin) error { return admin.CreateTopic(string(t), detail, false) })
	exists := errors.Is(err, sarama.ErrTopicAlreadyExists)
	switch {
	case errors.Is(err, sarama.ErrInvalidConfig):
		return errSetting
	case errors.Is(err, sarama.ErrInvalidReplicationFactor):
		return fmt.Errorf("replication %d: more than there are brokers: %w", replication, err)
	case err != nil && !exists:
		return err
	}
	if exists {
		_ = a.wait(ctx, t, 1) // however many it has
		return messagelog.ErrExists
	}
	if err := a.wait(ctx, t, spec.Partitions); err != nil {
		return fmt.Errorf("wait for leaders: %w", err)
	}
	return nil
}

// errSetting is what a caller is told whose setting is not known, or refused by the brokers.
var errSetting error = fault.Error{Kind: fault.Invalid, Code: fault.CodeProcessing, Text: "a setting of the topic is not known or out of range"}

// setting is what Kafka calls a setting of a topic, "" if it may not be chosen. The retention is that of the spec.
func setting(name string) string {
	switch name {
	case "retention_bytes", "segment_bytes", "segment_ms", "segment_jitter_ms", "flush_ms", "file_delete_delay_ms", "index_interval_bytes",
		"max_message_bytes":
		return strings.ReplaceAll(name, "_", ".")
	case "segment_indexbytes":
		return "segment.index.bytes"
	case "flush_messages_interval":
		return "flush.messages"
	}
	return ""
}

// GrowTopic returns once every partition has a leader.
func (a topics) GrowTopic(ctx context.Context, t messagelog.Topic, partitions int) error {
	if partitions > math.MaxInt32 {
		return fmt.Errorf("grow topic %s: %d partitions", t, partitions)
	}
	for {
		there, err := a.partitions(ctx, t)
		if err == nil && there < partitions {
			err = a.do(ctx, []messagelog.Topic{t}, func(admin sarama.ClusterAdmin) error {
				return admin.CreatePartitions(string(t), int32(partitions), nil, false) //nolint:gosec // checked
			})
			if errors.Is(err, sarama.ErrInvalidPartitions) {
				if now, err := a.partitions(ctx, t); err == nil && now > there {
					continue // somebody else was first
				}
			}
			if err == nil {
				err = a.wait(ctx, t, partitions)
			}
		}
		if err != nil {
			return fmt.Errorf("grow topic %s: %w", t, missing(err))
		}
		return nil
	}
}

// DeleteTopic returns once no broker lists the topic. What producers and readers knew of it is forgotten.
func (a topics) DeleteTopic(ctx context.Context, t messagelog.Topic) error {
	err := a.do(ctx, nil, func(admin sarama.ClusterAdmin) error {
		err := admin.DeleteTopic(string(t))
		if isAny(err, sarama.ErrUnknownTopicOrPartition, sarama.ErrInvalidTopic) {
			return nil
		}
		return err
	})
	if err == nil {
		err = a.unlisted(ctx, t)
	}
	if err == nil {
		err = a.c.reader.retry(ctx, nil, func() error { return a.c.client.RefreshMetadata() }) // of all: t is no longer among them
	}
	a.c.reader.forgetTopic(t)
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", t, err)
	}
	return nil
}

// unlisted returns when no broker lists t.
func (a topics) unlisted(ctx context.Context, t messagelog.Topic) error {
	return a.c.reader.retry(ctx, nil, func() error {
		request := sarama.NewMetadataRequest(a.c.client.Config().Version, []string{string(t)})
		request.AllowAutoTopicCreation = false
		for _, broker := range a.c.client.Brokers() {
			if err := broker.Open(a.c.client.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
				return err
			}
			answer, err := broker.GetMetadata(request)
			if err != nil {
				_ = broker.Close() // the next attempt opens it again
				return err
			}
			for _, found := range answer.Topics {
				if !isAny(found.Err, sarama.ErrUnknownTopicOrPartition, sarama.ErrInvalidTopic) {
					return sarama.ErrLeaderNotAvailable // this one has not heard of it
				}
			}
		}
		return nil
	})
}

// Topics leaves out Kafka's own topics.
func (a topics) Topics(ctx context.Context) (map[messagelog.Topic]int, error) {
	var found map[messagelog.Topic]int
	err := a.c.reader.retry(ctx, nil, func() error {
		broker := a.c.client.LeastLoadedBroker()
		if broker == nil {
			return sarama.ErrOutOfBrokers
		}
		answer, err := broker.GetMetadata(sarama.NewMetadataRequest(a.c.client.Config().Version, nil))
		if err != nil {
			return err
		}
		found = make(map[messagelog.Topic]int, len(answer.Topics))
		for _, t := range answer.Topics {
			if !t.IsInternal && !strings.HasPrefix(t.Name, "__") {
				found[messagelog.Topic(t.Name)] = len(t.Partitions)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	return found, nil
}

// Trim deletes nothing that is not decided: it ends at the last stable offset.
func (a topics) Trim(ctx context.Context, t messagelog.Topic, part int, before int64) error {
	err := a.do(ctx, []messagelog.Topic{t}, func(admin sarama.ClusterAdmin) error {
		bounds, err := a.c.reader.Bounds(ctx, []messagelog.Topic{t})
		if err != nil {
			return err
		}
		if part < 0 || part >= len(bounds[t]) {
			return messagelog.ErrNoTopic
		}
		before := min(before, bounds[t][part].End)
		if before <= bounds[t][part].First {
			return nil
		}
		err = admin.DeleteRecords(string(t), map[int32]int64{int32(part): before}) //nolint:gosec // a number of partitions
		if errors.Is(err, sarama.ErrOffsetOutOfRange) {
			return sarama.ErrOffsetNotAvailable // somebody else has trimmed more: look again
		}
		return err
	})
	a.c.reader.forget(topicPart{t, part})
	if err != nil {
		return fmt.Errorf("trim %s/%d: %w", t, part, missing(err))
	}
	return nil
}

// do runs f, again where the controller or the leader of topics has changed.
func (a topics) do(ctx context.Context, topics []messagelog.Topic, f func(sarama.ClusterAdmin) error) error {
	return a.c.reader.retry(ctx, topics, func() error {
		admin, err := sarama.NewClusterAdminFromClient(a.c.client) // never closed: that would close the client
		if err != nil {
			return err
		}
		return f(admin)
	})
}

// partitions is how many a topic has now.
func (a topics) partitions(ctx context.Context, t messagelog.Topic) (n int, err error) {
	err = a.c.reader.retry(ctx, []messagelog.Topic{t}, func() error {
		if err := a.c.client.RefreshMetadata(string(t)); err != nil {
			return missing(err)
		}
		parts, err := a.c.client.Partitions(string(t))
		n = len(parts)
		return missing(err)
	})
	return n, err
}

// wait returns when t has so many partitions and their leaders answer.
func (a topics) wait(ctx context.Context, t messagelog.Topic, partitions int) error {
	search := search{r: a.c.reader}
	for {
		a.c.reader.outdate(t)
		bounds, err := a.c.reader.Bounds(ctx, []messagelog.Topic{t})
		if err == nil && len(bounds[t]) >= partitions {
			return nil
		}
		if err == nil || errors.Is(err, messagelog.ErrNoTopic) {
			err = sarama.ErrLeaderNotAvailable // not every broker has heard of it
		}
		if err := search.again(ctx, err, time.Time{}); err != nil && !errors.Is(err, messagelog.ErrNoTopic) {
			return err
		}
	}
}
