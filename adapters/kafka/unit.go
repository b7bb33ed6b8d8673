package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

type units struct{ service *Service }

var _ ports.UnitOfWork = units{}

// Units returns the unit of work that Append of the service's message log joins. A unit opens no transaction: it keeps the records, and its
// commit has them stored, so that nothing is sent before seal has returned.
func (s *Service) Units() ports.UnitOfWork { return units{s} }

type unit struct {
	entries []entry
	ended   bool
}

var (
	errNested = errors.New("unit of work: Run within a unit")
	errEnded  = errors.New("unit of work: it has ended")
)

// Run keeps what work and seal append and has it stored in one transaction.
func (us units) Run(ctx context.Context, work, seal func(context.Context) error) error {
	if ports.Unit(ctx, us.service) != nil {
		return errNested
	}
	u := &unit{}
	defer func() { u.ended = true }() // after a panic too
	ctx = ports.WithUnit(ctx, us.service, u, func() bool { return len(u.entries) > 0 })
	if err := work(ctx); err != nil {
		return err
	}
	if err := seal(ctx); err != nil {
		return err
	}
	u.ended = true
	if len(u.entries) == 0 {
		return nil
	}
	if err := us.service.store(context.WithoutCancel(ctx), u.entries); err != nil {
		return &ports.CommitError{Err: err, Unknown: unknown(err)}
	}
	return nil
}

// messageLog is the log as one service sees it.
type messageLog struct {
	*reader
	service *Service
}

var _ ports.MessageLog = messageLog{}

// MessageLog returns the log; what is appended to it is stored by the producers of the service.
func (s *Service) MessageLog() ports.MessageLog { return messageLog{s.cluster.reader, s} }

// Append keeps copies of the records in the unit of work in ctx, or stores them in a transaction before it returns.
func (l messageLog) Append(ctx context.Context, recs []messagelog.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u, joined := ports.Unit(ctx, l.service).(*unit)
	if joined && u.ended {
		return errEnded
	}
	counts := map[messagelog.Topic]int{}
	for _, r := range recs {
		if size(r) > maxMessage-batchFrame {
			return errTooLarge
		}
		if counts[r.Topic] > 0 {
			continue
		}
		n, err := l.service.cluster.partitions(ctx, r.Topic)
		if err != nil {
			return fmt.Errorf("append: %w", err)
		}
		counts[r.Topic] = n
	}
	switch all := entries(recs, counts); {
	case joined && u.entries == nil:
		u.entries = all
		return nil
	case joined:
		u.entries = append(u.entries, all...)
		return nil
	case len(all) == 0:
		return nil
	default:
		return l.service.store(ctx, all)
	}
}

// partitions returns how many partitions a topic has; messagelog.ErrNoTopic only after having asked a broker.
func (c *Cluster) partitions(ctx context.Context, t messagelog.Topic) (int, error) {
	counted := make(chan int, 1) // what is late is read by nobody
	err := within(ctx, func() error {
		ids, err := c.client.Partitions(string(t))
		counted <- len(ids)
		return err
	})
	if err == nil {
		if n := <-counted; n > 0 {
			return n, nil
		}
		err = sarama.ErrLeaderNotAvailable
	}
	if isAny(err, sarama.ErrUnknownTopicOrPartition, sarama.ErrInvalidTopic) {
		return 0, messagelog.ErrNoTopic
	}
	return 0, fmt.Errorf("%w: %w", errUnavailable, err)
}

func unknown(err error) bool { return errors.Is(err, messagelog.ErrOutcomeUnknown) }

// told is the error of a transaction as its callers are told it.
func told(err error) error {
	switch {
	case err == nil, unknown(err):
		return err
	case errors.Is(err, messagelog.ErrNoTopic), isAny(err, sarama.ErrUnknownTopicOrPartition, sarama.ErrInvalidTopic):
		return messagelog.ErrNoTopic
	case isAny(err, sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge):
		return errTooLarge
	default:
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
}
