// Package memory keeps every store in the memory of one process: the fake of unit tests, and a backend under the same contract as the others.
package memory

import (
	"context"
	"errors"
	"time"

	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// DB is one database in memory: its stores are its methods, and one lock covers all of them. A unit of work takes the lock at its first
// write and holds it to its end, so that nobody sees what is not committed. It is safe for concurrent use.
type DB struct {
	now       func() time.Time
	lock      chan struct{} // of capacity 1; a channel, so that waiting ends with the context
	topics    topics
	log       registrations
	replies   replyRows
	claimPoll time.Duration // defaultClaimPoll but in tests
	seen      seenRows
	grants    []trust.Grant // ordered, and replaced as a whole
	sessions  sessionRows
	events    []event // ordered by time
	leases    map[string]leaseRow
	runs      map[string]job.Run
	copies    copyRows
	exports   map[string]stamdata.Export
	outbox    noticeRows
	ecpr      ecprRows
	registers registerRows
	consents  consentRows
	nas       nasRows
	wills     willRows
	optOuts   optOutRows
}

// New returns an empty database that takes the time of what it keeps from now.
func New(now func() time.Time) *DB {
	return &DB{now: now, lock: make(chan struct{}, 1), topics: topics{}, log: newRegistrations(), replies: newReplyRows(), claimPoll: defaultClaimPoll, seen: newSeenRows(),
		sessions: newSessionRows(), leases: map[string]leaseRow{}, runs: map[string]job.Run{}, copies: newCopyRows(), exports: map[string]stamdata.Export{}, outbox: newNoticeRows(), ecpr: newECPRRows(), registers: newRegisterRows(), consents: newConsentRows(), nas: newNASRows(), wills: newWillRows(), optOuts: newOptOutRows()}
}

// LimitReplies has it keep at most so many octets of replies. It is called before the first reply.
func (db *DB) LimitReplies(octets int64) { db.replies.limit = octets }

// Units returns the unit of work that every store of the database joins.
func (db *DB) Units() ports.UnitOfWork { return units{db} }

// MessageLog returns the message log.
func (db *DB) MessageLog() ports.MessageLog { return messageLog{db} }

// Topics returns the administration of the message log's topics.
func (db *DB) Topics() ports.TopicAdmin { return topicAdmin{db} }

// LogStore returns the store of registrations.
func (db *DB) LogStore() ports.LogStore { return logStore{db} }

// Replies returns the store of answers.
func (db *DB) Replies() ports.ReplyStore { return replies{db} }

// Seen returns the store of message ids.
func (db *DB) Seen() ports.SeenStore { return seen{db} }

// Grants returns the store of grants.
func (db *DB) Grants() ports.GrantStore { return grants{db} }

// Sessions returns the store of sessions.
func (db *DB) Sessions() ports.SessionStore { return sessions{db} }

// SecurityEvents returns the store of what security turned away.
func (db *DB) SecurityEvents() ports.SecurityEvents { return securityEvents{db} }

// Leases returns the leases of jobs.
func (db *DB) Leases() ports.Leases { return leases{db} }

// JobRuns returns the store of what jobs did.
func (db *DB) JobRuns() ports.JobRuns { return jobRuns{db} }

// CopyRegister returns the copies of registers.
func (db *DB) CopyRegister() ports.CopyRegister { return copyRegister{db} }

// ExportState returns how far exports have come.
func (db *DB) ExportState() ports.ExportState { return exportState{db} }

// Outbox returns the store of notices.
func (db *DB) Outbox() ports.Outbox { return outbox{db} }

func (db *DB) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case db.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (db *DB) release() { <-db.lock }

type units struct{ db *DB }

var _ ports.UnitOfWork = units{}

// unit is a transaction: what takes back its writes, newest last, and what its commit does. A savepoint is the length of both.
type unit struct {
	db       *DB
	held     bool // it holds the lock
	ended    bool
	undo     []func()
	onCommit []func()
}

var (
	errNested = errors.New("unit of work: Run within a unit")
	errEnded  = errors.New("unit of work: it has ended")
	errHeld   = errors.New("unit of work: it has written, so that no other transaction can")
)

// Run carries out work and seal in one transaction.
func (us units) Run(ctx context.Context, work, seal func(context.Context) error) error {
	if ports.Unit(ctx, us.db) != nil {
		return errNested
	}
	u := &unit{db: us.db}
	defer u.end() // after a panic too
	ctx = ports.WithUnit(ctx, us.db, u, func() bool { return u.held })
	if err := work(ctx); err != nil {
		return err
	}
	if err := seal(ctx); err != nil {
		return err
	}
	u.commit()
	return nil
}

func (u *unit) commit() {
	for _, f := range u.onCommit {
		f()
	}
	u.undo, u.onCommit = nil, nil
}

// end takes back what was not committed.
func (u *unit) end() {
	u.ended = true
	u.rollback(0, 0)
	if u.held {
		u.held = false
		u.db.release()
	}
}

func (u *unit) rollback(undo, onCommit int) {
	for i := len(u.undo) - 1; i >= undo; i-- {
		u.undo[i]()
	}
	u.undo, u.onCommit = u.undo[:undo], u.onCommit[:onCommit]
}

// write runs f under the lock: in the unit of ctx, or as a transaction of its own. If f fails, what it did is taken back.
func (db *DB) write(ctx context.Context, f func(*unit) error) error {
	u, joined := ports.Unit(ctx, db).(*unit)
	if !joined {
		return db.alone(ctx, f)
	}
	if u.ended {
		return errEnded
	}
	return u.do(ctx, f)
}

// alone runs f under the lock as a transaction of its own, whether ctx carries a unit or not. One that holds the lock would wait for itself.
func (db *DB) alone(ctx context.Context, f func(*unit) error) error {
	if u, ok := ports.Unit(ctx, db).(*unit); ok && u.held {
		return errHeld
	}
	u := &unit{db: db}
	defer u.end()
	if err := u.do(ctx, f); err != nil {
		return err
	}
	u.commit()
	return nil
}

// do runs f under the lock, which the unit takes unless it has it. If f fails, what it did is taken back.
func (u *unit) do(ctx context.Context, f func(*unit) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !u.held {
		if err := u.db.acquire(ctx); err != nil {
			return err
		}
		u.held = true
	}
	undo, onCommit := len(u.undo), len(u.onCommit)
	if err := f(u); err != nil {
		u.rollback(undo, onCommit)
		return err
	}
	return nil
}

// read runs f under the lock; within a unit that has written, f sees its writes.
func (db *DB) read(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if u, ok := ports.Unit(ctx, db).(*unit); ok && u.held {
		return f()
	}
	if err := db.acquire(ctx); err != nil {
		return err
	}
	defer db.release()
	return f()
}
