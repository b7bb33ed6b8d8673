package logkeeping

import (
	"context"
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
)

// PartitionStatus is how far a partition was consumed. Offsets are positions in the message log.
type PartitionStatus struct {
	Topic     messagelog.Topic
	Partition int
	Next, End int64  // where the consumer goes on, and where the log ends
	Lag       int64  // records not stored yet
	Owner     string // the instance that has it, "" if none
	State     State
	Dropped   int64 // registrations too old or double, since this process started
	Skipped   int64 // records that the log had lost, since this process started
}

// Status returns every partition of the topic, in order.
func (c *Consumer) Status(ctx context.Context) ([]PartitionStatus, error) {
	bounds, err := c.Log.Bounds(ctx, []messagelog.Topic{c.Topic})
	if err != nil {
		return nil, fmt.Errorf("bounds of %s: %w", c.Topic, err)
	}
	var owners map[string]string
	if c.Leases != nil {
		if owners, err = c.Leases.Held(ctx, c.leasePrefix(), c.Now()); err != nil {
			return nil, fmt.Errorf("owners of %s: %w", c.Topic, err)
		}
	}
	all := make([]PartitionStatus, len(bounds[c.Topic]))
	for i, b := range bounds[c.Topic] {
		p := minlog.Partition{Topic: c.Topic, Number: i}
		next, known, err := c.Store.NextOffset(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("position of %s/%d: %w", c.Topic, i, err)
		}
		if !known {
			next = b.First
		}
		s := &all[i]
		*s = PartitionStatus{Topic: c.Topic, Partition: i, Next: next, End: b.End, Lag: max(0, b.End-next), Owner: c.Instance}
		c.change(p, func(g *progress) { s.State, s.Dropped, s.Skipped = g.state, g.dropped, g.skipped })
		if c.Leases == nil {
			continue
		}
		switch s.Owner = owners[c.partitionLease(i)]; s.Owner {
		case c.Instance:
		case "":
			s.State = Waiting
		default:
			s.State = Elsewhere
		}
	}
	return all, nil
}

// Alarms returns what an operator has to look at, nothing if all is well.
func (c *Consumer) Alarms(ctx context.Context) ([]string, error) {
	status, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	var alarms []string
	for _, s := range status {
		if s.State == Halted {
			alarms = append(alarms, fmt.Sprintf("consumer: partition %d of %s is halted: %s", s.Partition, c.Topic, ErrHalted))
		}
	}
	if c.DeadLetterAlarm <= 0 {
		return alarms, nil
	}
	dead, err := c.Store.DeadLetters(ctx, c.Now().Add(-24*time.Hour))
	if err != nil {
		return nil, fmt.Errorf("count dead letters: %w", err)
	}
	if dead >= c.DeadLetterAlarm {
		alarms = append(alarms, fmt.Sprintf("consumer: %d dead letters in 24 hours", dead))
	}
	return alarms, nil
}
