package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
)

// A group is what one transaction stores. It is bounded so that its requests are; a call that is larger is a group of its own.
const (
	maxGroupBytes   = 8 << 20
	maxGroupRecords = 20_000
)

// reopenPause is how long a producer that could not be opened is left alone.
const reopenPause = 200 * time.Millisecond

// errTooLarge is what a caller is told whose record fits into no batch.
var errTooLarge error = fault.Error{Kind: fault.TooLarge, Code: fault.CodeProcessing, Text: "a record is larger than the message log takes"}

// Service is the producers of one service: what it appends never shares a transaction with what another one appends. It is safe for concurrent
// use.
type Service struct {
	cluster *Cluster
	workers sync.WaitGroup
	closing chan struct{}

	mu      sync.Mutex // guards what follows
	waiting []*call    // for a producer, oldest first; as many as callers wait
	arrived sync.Cond
	closed  bool
}

// call is one Append or one commit, which are stored together with others or not at all.
type call struct {
	entries []entry
	bytes   int
	done    chan struct{} // closed when err is set
	err     error
}

// Service returns the service of that name, the same for the same name. Its producers take their transactional ids at once, so that what an
// earlier process with this instance left open is aborted and holds no reader up.
func (c *Cluster) Service(name string) *Service {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.services[name]; s != nil {
		return s
	}
	s := &Service{cluster: c, closing: make(chan struct{}), closed: c.closed}
	s.arrived.L = &s.mu
	if c.closed {
		return s
	}
	c.services[name] = s
	for n := range c.opt.Producers {
		p := c.opt.producer(c.client.Config(), fmt.Sprintf("%s-%s-%s-%d", c.opt.ClientID, name, c.opt.Instance, n))
		s.workers.Go(func() { s.work(p) })
	}
	return s
}

// producer returns a producer that is not open yet.
func (o Options) producer(shared *sarama.Config, id string) *producer {
	config := *shared
	config.Metadata.Full = false
	config.Metadata.Retry.Max = 0 // the loops of a producer repeat what fails, and know when to stop
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Timeout = ackTimeout
	config.Producer.Transaction.ID = id
	config.Producer.Transaction.Timeout = max(3*o.CommitTimeout, 10*time.Second) // a process that is killed holds readers up for so long
	return &producer{brokers: o.Brokers, config: &config, commit: o.CommitTimeout}
}

// close refuses what waits and returns when the groups in flight have their outcome.
func (s *Service) close() {
	s.mu.Lock()
	s.closed = true
	waiting := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	close(s.closing)
	s.arrived.Broadcast()
	tell(waiting, fmt.Errorf("%w: %w", errUnavailable, errClosed))
	s.workers.Wait()
}

// store has entries stored in a transaction, with those of others or alone, and returns its outcome. It waits for a producer until ctx ends or
// CommitTimeout has passed; once a producer has taken them, for the outcome.
func (s *Service) store(ctx context.Context, entries []entry) error {
	c := &call{entries: entries, done: make(chan struct{})}
	for i := range entries {
		c.bytes += entries[i].size
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("%w: %w", errUnavailable, errClosed)
	}
	s.waiting = append(s.waiting, c)
	s.mu.Unlock()
	s.arrived.Signal()
	ctx, cancel := context.WithTimeout(ctx, s.cluster.opt.CommitTimeout)
	defer cancel()
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
	}
	if s.withdraw(c) {
		return fmt.Errorf("%w: %w", errUnavailable, ctx.Err())
	}
	<-c.done
	return c.err
}

// withdraw takes c back unless a producer has taken it.
func (s *Service) withdraw(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.waiting {
		if w == c {
			s.waiting = append(s.waiting[:i:i], s.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// take waits for calls and returns those of one group, none when the service closes.
func (s *Service) take() []*call {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) == 0 && !s.closed {
		s.arrived.Wait()
	}
	n, bytes, records := 0, 0, 0
	for _, c := range s.waiting {
		bytes += c.bytes
		records += len(c.entries)
		if n > 0 && (bytes > maxGroupBytes || records > maxGroupRecords) {
			break
		}
		n++
	}
	taken := s.waiting[:n:n]
	s.waiting = s.waiting[n:]
	if len(s.waiting) == 0 {
		s.waiting = nil
	} else {
		s.arrived.Signal() // another producer may be idle
	}
	return taken
}

// work stores groups with p until the service closes. Calls wait while p is not open: another producer may be, or the cluster comes back.
func (s *Service) work(p *producer) {
	defer p.close()
	log := s.cluster.opt.Log.With(slog.String("transactional_id", p.config.Producer.Transaction.ID))
	failing := false
	for {
		if !p.ready {
			err := p.open(time.Now().Add(time.Second))
			switch {
			case err != nil && !failing:
				log.Warn("kafka: a producer cannot be opened", slog.Any("error", err))
			case err == nil && failing:
				log.Info("kafka: the producer is open again")
			}
			if failing = err != nil; failing {
				select {
				case <-s.closing:
					return
				case <-time.After(reopenPause):
				}
				continue
			}
		}
		calls := s.take()
		if len(calls) == 0 {
			return
		}
		s.settle(p, begin(calls, p.commit), log)
	}
}

// settle gives the calls of a group their outcome. They are stored or refused as a whole, but where records are at fault, each call is tried
// alone; and a producer that has lost its epoch gets a new one and one more try, since what it lost it with is surely not stored.
func (s *Service) settle(p *producer, g *group, log *slog.Logger) {
	err := g.attempt(p)
	if lost(err) && !unknown(err) {
		log.Warn("kafka: a producer lost its transactional id, or its transaction took too long", slog.Any("error", err))
		err = g.attempt(p)
	}
	if err != nil {
		log.Warn("kafka: a transaction was not committed", slog.Any("error", err), slog.Int("calls", len(g.calls)))
	}
	if !ofRecords(err) || len(g.calls) == 1 {
		g.end(told(err))
		return
	}
	if _, left := g.leave(); !left {
		return
	}
	alone := make([]*group, len(g.calls))
	for i, c := range g.calls {
		alone[i] = begin([]*call{c}, p.commit)
	}
	for _, each := range alone {
		s.settle(p, each, log)
	}
}

// group is what one transaction stores. Its calls are told an outcome in time, even if the producer hangs in a connection: until the commit is
// sent there is none, and after that it is unknown.
type group struct {
	calls    []*call
	deadline time.Time // for the commit to be sent
	limit    time.Duration

	mu    sync.Mutex // guards what follows
	phase phase
	late  *time.Timer // when the calls are told what can be told then
}

type phase int

const (
	producing phase = iota
	committing
	over // the calls have their outcome, or other groups have the calls
)

// errLate: the calls have been told that they are refused.
var errLate = errors.New("the time is over")

// begin is called when calls have been taken: from then on they are told an outcome.
func begin(calls []*call, limit time.Duration) *group {
	g := &group{calls: calls, deadline: time.Now().Add(limit), limit: limit}
	g.mu.Lock() // expire reads what is written here
	defer g.mu.Unlock()
	g.late = time.AfterFunc(limit, g.expire)
	return g
}

// attempt stores what the calls append in one transaction.
func (g *group) attempt(p *producer) error {
	if err := g.enter(producing, time.Until(g.deadline)); err != nil {
		return err
	}
	if !p.ready {
		if err := p.open(g.deadline); err != nil {
			return err
		}
	}
	return p.transact(batches(g.calls, p.config, time.Now()), g.deadline, func() error { return g.enter(committing, g.limit) })
}

// enter begins a phase unless the latest one took too long.
func (g *group) enter(next phase, limit time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.late.Stop() {
		return errLate
	}
	g.phase = next
	g.late = time.AfterFunc(limit, g.expire)
	return nil
}

// expire tells the calls what can be told when a phase takes too long.
func (g *group) expire() {
	was, left := g.leave()
	switch {
	case !left:
	case was == producing:
		tell(g.calls, fmt.Errorf("%w: %w", errUnavailable, errLate))
	default:
		tell(g.calls, fmt.Errorf("%w: %w", messagelog.ErrOutcomeUnknown, errLate))
	}
}

// end tells the calls their outcome unless they have been told one.
func (g *group) end(err error) {
	if _, left := g.leave(); left {
		tell(g.calls, err)
	}
}

// leave ends the last phase and tells whether the calls wait for an outcome.
func (g *group) leave() (last phase, left bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late.Stop()
	last, g.phase = g.phase, over
	return last, last != over
}

func tell(calls []*call, err error) {
	for _, c := range calls {
		c.err = err
		close(c.done)
	}
}
