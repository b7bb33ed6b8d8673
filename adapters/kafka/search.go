package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/domain/messagelog"
)

const (
	// patience is how long a leader is looked for, at least, and at most where nobody waits for longer.
	patience = 5 * time.Second
	// minPause and maxPause are the shortest and the longest one between two attempts.
	minPause, maxPause = 20 * time.Millisecond, 500 * time.Millisecond
)

// search is for the broker that leads a partition, or the cluster: the leader may have changed, be unreachable, or not be elected.
type search struct {
	r     *reader
	since time.Time // of the first attempt that failed; zero if the last one did not
	pause time.Duration
}

// found: the broker has answered.
func (s *search) found() { s.since, s.pause = time.Time{}, 0 }

// again pauses, reads the metadata anew and returns nil if after err another attempt makes sense: err may pass, and neither patience nor until
// is over.
func (s *search) again(ctx context.Context, err error, until time.Time, topics ...messagelog.Topic) error {
	if !transient(err) {
		return err
	}
	if s.since.IsZero() {
		s.since = time.Now()
	}
	if now := time.Now(); now.Sub(s.since) >= s.r.patience && !now.Before(until) {
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	if err := sleep(ctx, s.pause); err != nil {
		return err
	}
	s.pause = min(maxPause, max(2*s.pause, minPause))
	err = s.r.refresh(ctx, topics)
	if errors.Is(err, messagelog.ErrNoTopic) {
		return err
	}
	return ctx.Err() // what else is wrong with the metadata shows when they are used
}

// retry runs f, which has bounds of its own, until it succeeds or its error is not one that passes. It does not wait for longer than ctx.
func (r *reader) retry(ctx context.Context, topics []messagelog.Topic, f func() error) error {
	search := search{r: r}
	for {
		err := within(ctx, f)
		if err == nil {
			return nil
		}
		if err := search.again(ctx, err, time.Time{}, topics...); err != nil {
			return err
		}
	}
}

// refresh reads the metadata of topics, of all if there are none.
func (r *reader) refresh(ctx context.Context, topics []messagelog.Topic) error {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = string(t)
	}
	return missing(within(ctx, func() error { return r.client.RefreshMetadata(names...) }))
}

// transient tells whether an error may be over when the leader is looked up again.
func transient(err error) bool {
	var decoding sarama.PacketDecodingError
	var code sarama.KError
	switch {
	case errors.As(err, &decoding), errors.Is(err, errClosed), errors.Is(err, sarama.ErrClosedClient), errors.Is(err, errUnavailable),
		errors.Is(err, messagelog.ErrNoTopic), errors.Is(err, messagelog.ErrGone), errors.Is(err, messagelog.ErrExists),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &code):
		switch code {
		case sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrReplicaNotAvailable, sarama.ErrBrokerNotAvailable,
			sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrUnknownTopicOrPartition, sarama.ErrRequestTimedOut,
			sarama.ErrNetworkException, sarama.ErrKafkaStorageError, sarama.ErrOffsetNotAvailable, sarama.ErrNotController,
			sarama.ErrThrottlingQuotaExceeded:
			return true
		}
		return false
	}
	return true // of the connection
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
