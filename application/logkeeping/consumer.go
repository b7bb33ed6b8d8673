package logkeeping

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// Consumer moves registrations from the message log into the store. The store alone knows how far it came: a step stores what was read and
// the new position in one transaction, which fails if somebody else moved the position. Any number of consumers may therefore work on the
// same partitions; nothing is lost or stored twice. Leases only keep them from doing the same work. It is safe for concurrent use; its
// fields are not changed after the first call.
type Consumer struct {
	Log             ports.MessageLog
	Topics          ports.TopicAdmin
	Store           ports.LogStore
	Now             func() time.Time
	Logger          *slog.Logger
	Topic           messagelog.Topic
	Spec            messagelog.Spec // how the topic is made where it is missing
	Batch           int             // records of one step
	BatchWait       time.Duration   // how long a record may wait for others of its step
	SkipGaps        bool            // go on at the oldest record if the log lost some; else stand still and raise the alarm
	DeadLetterAlarm int64           // dead letters of a day that raise the alarm; 0 = never
	RetentionYears  int             // calendar years that MinLog shows; older registrations are not stored

	Leases   ports.Leases     // by which instances share the partitions; nil = all are this one's
	Instance string           // the name of this one among them
	Lease    time.Duration    // how soon others take over from one that died; 0 = 30 s
	Ticks    <-chan time.Time // when the partitions are shared anew; nil = every tenth of Lease
	// Wait pauses for d or until ctx ends. nil = by the clock.
	Wait func(ctx context.Context, d time.Duration)

	room  room
	mu    sync.Mutex
	parts map[int]*progress
}

// State is how a partition goes.
type State string

// The states.
const (
	Running  State = "running"
	Retrying State = "retrying" // the last step failed and will be tried again
	Halted   State = "halted"   // the log lost records that were not stored yet

	Elsewhere State = "elsewhere" // another instance has it
	Waiting   State = "waiting"   // no instance has it
)

// progress is what a consumer knows of a partition. The position is only a memory of what the store said.
type progress struct {
	next    int64
	known   bool
	state   State
	dropped int64
	skipped int64
}

// Bounds of the pause after a step that failed.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 30 * time.Second
)

// ErrHalted: records that were not stored yet are no longer in the log.
var ErrHalted = errors.New("the message log lost records that were not stored")

// EnsureTopic makes the topic unless it is there.
func EnsureTopic(ctx context.Context, admin ports.TopicAdmin, t messagelog.Topic, spec messagelog.Spec) error {
	if err := admin.CreateTopic(ctx, t, spec); err != nil && !errors.Is(err, messagelog.ErrExists) {
		return fmt.Errorf("create topic %s: %w", t, err)
	}
	return nil
}

// persist calls f until it succeeds or ctx ends.
func (c *Consumer) persist(ctx context.Context, action string, f func() error) {
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, lastPause) {
		err := f()
		if err == nil || ctx.Err() != nil {
			return
		}
		c.Logger.ErrorContext(ctx, action+" failed", "topic", c.Topic, "error", err)
		c.wait(ctx, pause)
	}
}

// wait pauses, on a timer unless Wait is set.
func (c *Consumer) wait(ctx context.Context, d time.Duration) {
	if c.Wait != nil {
		c.Wait(ctx, d)
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Step reads one batch of a partition, or waits for one as long as BatchWait, and stores it. It returns how many records it went on; 0 if there
// was nothing, or somebody else was first. A record that cannot be read becomes a dead letter; one of a newer schema stops the partition.
func (c *Consumer) Step(ctx context.Context, partition int) (records int, err error) {
	p := minlog.Partition{Topic: c.Topic, Number: partition}
	err = c.goOn(ctx, p, func(from int64) error {
		for read, err := range c.Log.Read(ctx, p.Topic, p.Number, from, -1, messagelog.ReadOptions{MaxRecords: c.Batch, Timeout: c.BatchWait}) {
			if err != nil {
				return err
			}
			all := &portion{from: from, next: from}
			c.decode(all, read)
			if all.records == 0 && all.err != nil {
				return all.err
			}
			if err := c.store(ctx, p, all); err != nil {
				return err
			}
			records = all.records
			return nil
		}
		return nil
	})
	return records, err
}

// goOn has work go on with p from where the store is. It deals with lost records, and with other consumers that were first.
func (c *Consumer) goOn(ctx context.Context, p minlog.Partition, work func(from int64) error) error {
	from, err := c.position(ctx, p)
	if err == nil {
		err = work(from)
	}
	if errors.Is(err, messagelog.ErrGone) {
		err = c.gap(ctx, p)
	}
	if fault.Is(err, fault.Conflict) {
		c.forget(p, Running)
		return nil
	}
	if err != nil {
		c.forget(p, stateAfter(err))
		return fmt.Errorf("partition %d: %w", p.Number, err)
	}
	return nil
}

func stateAfter(err error) State {
	if errors.Is(err, ErrHalted) {
		return Halted
	}
	return Retrying
}

// position returns the offset at which p goes on: the store's, or the oldest record for a partition that is new.
func (c *Consumer) position(ctx context.Context, p minlog.Partition) (int64, error) {
	if next, known := c.remembered(p); known {
		return next, nil
	}
	next, known, err := c.Store.NextOffset(ctx, p)
	if err != nil {
		return 0, err
	}
	if !known {
		return c.oldest(ctx, p)
	}
	c.change(p, func(g *progress) { g.next, g.known = next, true })
	return next, nil
}

func (c *Consumer) oldest(ctx context.Context, p minlog.Partition) (int64, error) {
	bounds, err := c.Log.Bounds(ctx, []messagelog.Topic{p.Topic})
	if err != nil {
		return 0, err
	}
	if p.Number >= len(bounds[p.Topic]) {
		return 0, messagelog.ErrNoTopic
	}
	return bounds[p.Topic][p.Number].First, nil
}

// gap deals with records that the log no longer keeps.
func (c *Consumer) gap(ctx context.Context, p minlog.Partition) error {
	from, err := c.position(ctx, p)
	if err != nil {
		return err
	}
	oldest, err := c.oldest(ctx, p)
	if err != nil || oldest <= from { // a partition that is new goes on at the oldest
		return err
	}
	if !c.SkipGaps {
		return ErrHalted
	}
	if _, err := c.Store.Store(ctx, p, from, oldest, minlog.Batch{}); err != nil {
		return err
	}
	c.Logger.ErrorContext(ctx, "passed over lost records", "topic", p.Topic, "partition", p.Number, "records", oldest-from)
	c.remember(p, oldest, 0)
	c.change(p, func(g *progress) { g.skipped += oldest - from })
	return nil
}

func (c *Consumer) remembered(p minlog.Partition) (next int64, known bool) {
	c.change(p, func(g *progress) { next, known = g.next, g.known })
	return next, known
}

func (c *Consumer) remember(p minlog.Partition, next, dropped int64) {
	c.change(p, func(g *progress) {
		g.next, g.known, g.state = next, true, Running
		g.dropped += dropped
	})
}

// forget has the next step ask the store again.
func (c *Consumer) forget(p minlog.Partition, s State) {
	c.change(p, func(g *progress) { g.known, g.state = false, s })
}

func (c *Consumer) change(p minlog.Partition, f func(*progress)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parts == nil {
		c.parts = map[int]*progress{}
	}
	g := c.parts[p.Number]
	if g == nil {
		g = &progress{state: Running}
		c.parts[p.Number] = g
	}
	f(g)
}
