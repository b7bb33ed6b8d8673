package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/domain/messagelog"
)

// boundsAge is how old the number of partitions may be that Bounds knows.
const boundsAge = time.Second

// Bounds implements ports.MessageLog.
func (c *Cluster) Bounds(ctx context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	return c.reader.Bounds(ctx, topics)
}

// Bounds implements ports.MessageLog.
func (r *reader) Bounds(ctx context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	if len(topics) == 0 {
		return map[messagelog.Topic][]messagelog.Bounds{}, nil
	}
	var bounds map[messagelog.Topic][]messagelog.Bounds
	err := r.stale(ctx, topics)
	if err == nil {
		err = r.retry(ctx, topics, func() error {
			found, err := r.list(topics)
			bounds = found
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("bounds of %v: %w", topics, err)
	}
	return bounds, nil
}

// stale reads the metadata of those topics again that may have grown since.
func (r *reader) stale(ctx context.Context, topics []messagelog.Topic) error {
	now := time.Now()
	var old []messagelog.Topic
	r.mu.Lock()
	for _, t := range topics {
		if now.Sub(r.fresh[t]) > boundsAge {
			old = append(old, t)
		}
	}
	r.mu.Unlock()
	if len(old) == 0 {
		return nil
	}
	switch err := r.refresh(ctx, old); {
	case errors.Is(err, messagelog.ErrNoTopic), ctx.Err() != nil:
		return err
	case err != nil:
		return nil // no answer: the requests to the leaders are tried again
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range old {
		r.fresh[t] = now
	}
	return nil
}

// list asks each leader once for all first offsets and once for all last stable offsets, the leaders at the same time. A first offset is read before the end it belongs to,
// so it is never above it.
func (r *reader) list(topics []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	bounds := map[messagelog.Topic][]messagelog.Bounds{}
	leaders := map[*sarama.Broker][]topicPart{}
	for _, t := range topics {
		if _, twice := bounds[t]; twice {
			continue
		}
		parts, err := r.client.Partitions(string(t))
		if err != nil {
			return nil, missing(err)
		}
		bounds[t] = make([]messagelog.Bounds, len(parts))
		for i := range parts {
			leader, err := r.client.Leader(string(t), int32(i)) //nolint:gosec // a number of partitions
			if err != nil {
				return nil, missing(err)
			}
			leaders[leader] = append(leaders[leader], topicPart{t, i})
		}
	}
	var all sync.WaitGroup
	failed := make(chan error, len(leaders))
	for leader, parts := range leaders {
		all.Go(func() { failed <- r.listOf(leader, parts, bounds) })
	}
	all.Wait()
	for range leaders {
		if err := <-failed; err != nil {
			return nil, err
		}
	}
	return bounds, nil
}

// listOf sets the bounds of the partitions of one leader.
func (r *reader) listOf(leader *sarama.Broker, parts []topicPart, bounds map[messagelog.Topic][]messagelog.Bounds) error {
	first, err := r.offsets(leader, parts, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	end, err := r.offsets(leader, parts, sarama.OffsetNewest)
	if err != nil {
		return err
	}
	for i, p := range parts {
		bounds[p.topic][p.number] = messagelog.Bounds{First: first[i], End: end[i]}
	}
	return nil
}

// offsets asks the leader of parts for an offset of each; the newest is the last stable one.
func (r *reader) offsets(leader *sarama.Broker, parts []topicPart, which int64) ([]int64, error) {
	request := sarama.NewOffsetRequest(r.client.Config().Version)
	request.IsolationLevel = sarama.ReadCommitted
	for _, p := range parts {
		request.AddBlock(string(p.topic), int32(p.number), which, 1) //nolint:gosec // a number of partitions
	}
	answer, err := leader.GetAvailableOffsets(request)
	if err != nil {
		return nil, err
	}
	offsets := make([]int64, len(parts))
	for i, p := range parts {
		block := answer.GetBlock(string(p.topic), int32(p.number)) //nolint:gosec // a number of partitions
		if block == nil {
			return nil, sarama.ErrIncompleteResponse
		}
		if block.Err != sarama.ErrNoError {
			return nil, block.Err
		}
		offsets[i] = block.Offset
	}
	return offsets, nil
}

// missing is what an error of the metadata means.
func missing(err error) error {
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) || errors.Is(err, sarama.ErrInvalidTopic) {
		return messagelog.ErrNoTopic
	}
	return err
}

// outdate makes the next Bounds of t read its metadata again.
func (r *reader) outdate(t messagelog.Topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.fresh, t)
}
