package logkeeping

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/minlog"
)

const (
	defaultLease = 30 * time.Second
	// releaseWait bounds how long a consumer that stops waits for the leases it gives up; otherwise they run out.
	releaseWait = 5 * time.Second
)

// Run consumes this instance's share of the partitions until ctx ends, and gives it to the others then. A step that fails is tried again,
// after 0.2 to 30 seconds; nothing is passed over. The partitions are shared on a timer unless Ticks is set.
func (c *Consumer) Run(ctx context.Context) {
	c.persist(ctx, "prepare the topic", func() error { return EnsureTopic(ctx, c.Topics, c.Topic, c.Spec) })
	ticks := c.Ticks
	if ticks == nil {
		ticker := time.NewTicker(max(c.lease()/10, time.Millisecond))
		defer ticker.Stop()
		ticks = ticker.C
	}
	s := sharing{c: c, workers: map[int]*worker{}}
	for ctx.Err() == nil {
		if err := s.share(ctx); err != nil && ctx.Err() == nil {
			c.Logger.ErrorContext(ctx, "share partitions failed", "topic", c.Topic, "error", err)
		}
		select {
		case <-ticks:
		case <-ctx.Done():
		}
	}
	if c.Leases != nil {
		c.release(ctx, c.memberLease(c.Instance))
	}
	s.running.Wait()
}

// sharing is what Run knows of its partitions.
type sharing struct {
	c         *Consumer
	announced time.Time
	workers   map[int]*worker // by partition
	running   sync.WaitGroup
}

// worker consumes one partition until it is stopped.
type worker struct {
	cancel  context.CancelFunc
	stopped bool
	done    chan struct{}
	renewed time.Time // when its lease was got, or prolonged
}

func (w *worker) stop() {
	w.stopped = true
	w.cancel()
}

// share gives up what is no longer this instance's, or whose lease is lost, and takes what has become it.
func (s *sharing) share(ctx context.Context) error {
	c, now := s.c, s.c.Now()
	for n, w := range s.workers {
		select {
		case <-w.done:
			delete(s.workers, n)
		default:
			if c.Leases != nil && now.Sub(w.renewed) >= c.lease() {
				w.stop()
			}
		}
	}
	all, err := c.Topics.Topics(ctx) // again: there may be more partitions by now
	if err != nil {
		return err
	}
	mine, err := s.mine(ctx, all[c.Topic], now)
	if err != nil {
		return err
	}
	for n, w := range s.workers {
		if !slices.Contains(mine, n) {
			w.stop()
		}
	}
	for _, n := range mine {
		if err := s.take(ctx, n, now); err != nil {
			return err
		}
	}
	return nil
}

// mine returns this instance's share, and has the others know of it.
func (s *sharing) mine(ctx context.Context, partitions int, now time.Time) ([]int, error) {
	c := s.c
	if c.Leases == nil {
		return minlog.Share(partitions, []string{c.Instance}, c.Instance), nil
	}
	if now.Sub(s.announced) >= c.lease()/3 {
		if _, err := c.Leases.Acquire(ctx, c.memberLease(c.Instance), c.Instance, now, c.lease()); err != nil {
			return nil, err
		}
		s.announced = now
	}
	members, err := c.Leases.Held(ctx, c.memberLease(""), now)
	if err != nil {
		return nil, err
	}
	names := []string{c.Instance}
	for lease := range members {
		names = append(names, strings.TrimPrefix(lease, c.memberLease("")))
	}
	return minlog.Share(partitions, names, c.Instance), nil
}

// take starts to consume partition n once its lease is free, and prolongs the lease.
func (s *sharing) take(ctx context.Context, n int, now time.Time) error {
	c, w := s.c, s.workers[n]
	if w != nil && (c.Leases == nil || w.stopped || now.Sub(w.renewed) < c.lease()/3) {
		return nil
	}
	got := true
	if c.Leases != nil {
		var err error
		if got, err = c.Leases.Acquire(ctx, c.partitionLease(n), c.Instance, now, c.lease()); err != nil {
			return err
		}
	}
	switch {
	case got && w == nil:
		s.start(ctx, n, now)
	case got:
		w.renewed = now
	case w != nil:
		w.stop()
	}
	return nil
}

// start consumes partition n until it is stopped: it then ends the step it is at, and gives up the lease.
func (s *sharing) start(ctx context.Context, n int, now time.Time) {
	c := s.c
	reading, cancel := context.WithCancel(ctx)
	w := &worker{cancel: cancel, done: make(chan struct{}), renewed: now}
	s.workers[n] = w
	s.running.Go(func() {
		defer close(w.done)
		defer cancel()
		p := minlog.Partition{Topic: c.Topic, Number: n}
		for reading.Err() == nil {
			c.persist(reading, "consume", func() error {
				return c.goOn(ctx, p, func(from int64) error { return c.pump(ctx, reading, p, from) })
			})
		}
		c.forget(p, Running)
		if c.Leases != nil {
			c.release(ctx, c.partitionLease(n))
		}
	})
}

// release gives up a lease, also after ctx has ended.
func (c *Consumer) release(ctx context.Context, lease string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWait)
	defer cancel()
	if err := c.Leases.Release(ctx, lease, c.Instance); err != nil {
		c.Logger.WarnContext(ctx, "lease not given up", "lease", lease, "error", err)
	}
}

func (c *Consumer) lease() time.Duration {
	if c.Lease <= 0 {
		return defaultLease
	}
	return c.Lease
}

// leasePrefix begins the names of the topic's leases.
func (c *Consumer) leasePrefix() string { return "minlog-consumer/" + string(c.Topic) + "/" }

func (c *Consumer) memberLease(instance string) string { return c.leasePrefix() + "member/" + instance }

func (c *Consumer) partitionLease(n int) string { return c.leasePrefix() + strconv.Itoa(n) }
