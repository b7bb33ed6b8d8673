package portstest

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// Failure decides which calls fail. The zero Failure fails none. It is safe for concurrent use.
type Failure struct {
	mu    sync.Mutex
	calls int
	from  int // 0 = never
	err   error
}

// FailFrom has the n-th call from now on (1 = the next), and every later one, fail with err.
func (f *Failure) FailFrom(n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.from, f.err = 0, n, err
}

// Heal ends the failing.
func (f *Failure) Heal() { f.FailFrom(0, nil) }

// next counts a call and returns what it fails with.
func (f *Failure) next() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.from > 0 && f.calls >= f.from {
		return f.err
	}
	return nil
}

// FailingAuditLog is an audit log that fails on demand; what fails does not reach the log within.
type FailingAuditLog struct {
	Log             ports.AuditLog
	OnReady, OnLine Failure
}

var _ ports.AuditLog = (*FailingAuditLog)(nil)

// Ready fails as OnReady says.
func (l *FailingAuditLog) Ready(ctx context.Context) error {
	if err := l.OnReady.next(); err != nil {
		return err
	}
	return l.Log.Ready(ctx)
}

// Append fails as OnLine says.
func (l *FailingAuditLog) Append(ctx context.Context, e audit.Entry) error {
	if err := l.OnLine.next(); err != nil {
		return err
	}
	return l.Log.Append(ctx, e)
}

// FailingUnitOfWork is a unit of work whose commit fails on demand, after seal. Where OnCommit fails nothing takes effect; where
// OnOutcome fails everything does, and the caller is told that the outcome is unknown.
type FailingUnitOfWork struct {
	Units               ports.UnitOfWork
	OnCommit, OnOutcome Failure
}

var _ ports.UnitOfWork = (*FailingUnitOfWork)(nil)

var errCommit = errors.New("commit fails on demand")

// Run carries out work and seal, and fails as OnCommit and OnOutcome say.
func (u *FailingUnitOfWork) Run(ctx context.Context, work, seal func(context.Context) error) error {
	var cause error
	err := u.Units.Run(ctx, work, func(ctx context.Context) error {
		if err := seal(ctx); err != nil {
			return err
		}
		if cause = u.OnCommit.next(); cause != nil {
			return errCommit // rolls back
		}
		return nil
	})
	if errors.Is(err, errCommit) {
		return &ports.CommitError{Err: cause}
	}
	if err != nil {
		return err
	}
	if err := u.OnOutcome.next(); err != nil {
		return &ports.CommitError{Err: err, Unknown: true}
	}
	return nil
}

// FailingMessageLog is a message log that fails on demand.
type FailingMessageLog struct {
	Log                        ports.MessageLog
	OnAppend, OnBounds, OnRead Failure
}

var _ ports.MessageLog = (*FailingMessageLog)(nil)

// Append fails as OnAppend says; nothing is stored then.
func (l *FailingMessageLog) Append(ctx context.Context, recs []messagelog.Record) error {
	if err := l.OnAppend.next(); err != nil {
		return err
	}
	return l.Log.Append(ctx, recs)
}

// Bounds fails as OnBounds says.
func (l *FailingMessageLog) Bounds(ctx context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	if err := l.OnBounds.next(); err != nil {
		return nil, err
	}
	return l.Log.Bounds(ctx, topics)
}

// Read fails as OnRead says, asked before each step.
func (l *FailingMessageLog) Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		if err := l.OnRead.next(); err != nil {
			yield(messagelog.Batch{}, err)
			return
		}
		for batch, err := range l.Log.Read(ctx, t, part, from, to, opt) {
			if !yield(batch, err) {
				return
			}
			if err := l.OnRead.next(); err != nil {
				yield(messagelog.Batch{}, err)
				return
			}
		}
	}
}

// FailingLogStore is a log store that fails on demand: OnStore in what writes (Store, Expire), OnRead in what reads.
type FailingLogStore struct {
	Log             ports.LogStore
	OnStore, OnRead Failure
}

var _ ports.LogStore = (*FailingLogStore)(nil)

// NextOffset fails as OnRead says.
func (s *FailingLogStore) NextOffset(ctx context.Context, p minlog.Partition) (int64, bool, error) {
	if err := s.OnRead.next(); err != nil {
		return 0, false, err
	}
	return s.Log.NextOffset(ctx, p)
}

// Store fails as OnStore says; nothing is stored then.
func (s *FailingLogStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (int, error) {
	if err := s.OnStore.next(); err != nil {
		return 0, err
	}
	return s.Log.Store(ctx, p, from, to, b)
}

// ByPerson fails as OnRead says.
func (s *FailingLogStore) ByPerson(ctx context.Context, key minlog.Key, q minlog.Query, after minlog.Cursor, n int) ([]minlog.Registration, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Log.ByPerson(ctx, key, q, after, n)
}

// ByBehalf fails as OnRead says.
func (s *FailingLogStore) ByBehalf(ctx context.Context, key minlog.Key, q minlog.Query, after minlog.Cursor, n int) ([]minlog.Registration, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Log.ByBehalf(ctx, key, q, after, n)
}

// Expire fails as OnStore says; nothing is removed then.
func (s *FailingLogStore) Expire(ctx context.Context, cutoff time.Time) (int64, bool, error) {
	if err := s.OnStore.next(); err != nil {
		return 0, false, err
	}
	return s.Log.Expire(ctx, cutoff)
}

// Daily fails as OnRead says.
func (s *FailingLogStore) Daily(ctx context.Context, from, to calendar.Day, cvr string) ([]minlog.Count, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Log.Daily(ctx, from, to, cvr)
}

// DeadLetters fails as OnRead says.
func (s *FailingLogStore) DeadLetters(ctx context.Context, since time.Time) (int64, error) {
	if err := s.OnRead.next(); err != nil {
		return 0, err
	}
	return s.Log.DeadLetters(ctx, since)
}
