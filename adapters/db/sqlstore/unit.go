package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/opennsp/nsp/ports"
)

type units struct{ db *DB }

var _ ports.UnitOfWork = units{}

// unitKey finds the unit of one database in a context.
type unitKey struct{ db *DB }

// unit is the unit of work of one Run. Its transaction opens at the first write.
type unit struct {
	tx    *tx // nil before the first write and after the end
	ended bool
}

var (
	errNested = errors.New("unit of work: Run within a unit")
	errEnded  = errors.New("unit of work: it has ended")
)

// Run carries out work and seal in one transaction.
func (us units) Run(ctx context.Context, work, seal func(context.Context) error) error {
	if ctx.Value(unitKey(us)) != nil {
		return errNested
	}
	u := &unit{}
	defer u.end() // after a panic too
	ctx = context.WithValue(ctx, unitKey(us), u)
	if err := work(ctx); err != nil {
		return err
	}
	if err := seal(ctx); err != nil {
		return err
	}
	if u.tx == nil {
		return nil
	}
	t := u.tx
	u.tx, u.ended = nil, true
	return t.commit()
}

// end rolls back what was not committed.
func (u *unit) end() {
	u.ended = true
	if u.tx != nil {
		u.tx.rollback()
		u.tx = nil
	}
}

// tx is the transaction that writes; there is one at a time.
type tx struct {
	session
	ctx      context.Context // of its statements: a caller that goes away does not interrupt one, which would end the transaction
	broken   error           // why it can only be rolled back
	onCommit []func()
}

// begin waits for its turn and opens a transaction.
func (db *DB) begin(ctx context.Context) (*tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case db.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := db.files.present(); err != nil {
		<-db.turn
		return nil, err
	}
	t := &tx{session: db.writing, ctx: context.WithoutCancel(ctx)}
	if _, err := t.exec(t.ctx, "BEGIN IMMEDIATE"); err != nil {
		t.rollback()
		return nil, fmt.Errorf("begin: %w", err)
	}
	return t, nil
}

// commit returns a *ports.CommitError where it fails.
func (t *tx) commit() error {
	defer func() { <-t.db.turn }()
	err := t.broken
	if err == nil {
		_, err = t.exec(t.ctx, "COMMIT")
	}
	if err != nil {
		_, _ = t.exec(t.ctx, "ROLLBACK") // fails where SQLite has done so already
		return &ports.CommitError{Err: translate(err), Unknown: outcomeUnknown(err)}
	}
	for _, f := range t.onCommit {
		f()
	}
	return nil
}

func (t *tx) rollback() {
	_, _ = t.exec(t.ctx, "ROLLBACK") // fails where SQLite has done so already
	<-t.db.turn
}

// write runs f in the transaction of the unit of work in ctx, or in one of its own. If f fails, what it did is taken back.
func (db *DB) write(ctx context.Context, f func(*tx) error) error {
	u, joined := ctx.Value(unitKey{db}).(*unit)
	switch {
	case joined && u.ended:
		return errEnded
	case joined && u.tx != nil:
		if err := ctx.Err(); err != nil {
			return err
		}
		return translate(u.tx.nested(f))
	}
	t, err := db.begin(ctx)
	if err != nil {
		return translate(err)
	}
	finished := false
	defer func() {
		if !finished { // f failed or panicked: the transaction holds nothing else
			t.rollback()
		}
	}()
	if err := f(t); err != nil {
		return translate(err)
	}
	finished = true
	if joined {
		u.tx = t
		return nil
	}
	return t.commit()
}

// nested runs f behind a savepoint, to which it goes back if f fails.
func (t *tx) nested(f func(*tx) error) error {
	if t.broken != nil {
		return t.broken
	}
	if _, err := t.exec(t.ctx, "SAVEPOINT store"); err != nil {
		return err
	}
	onCommit := len(t.onCommit)
	if err := f(t); err != nil {
		t.onCommit = t.onCommit[:onCommit]
		if _, back := t.exec(t.ctx, "ROLLBACK TO store"); back != nil {
			t.broken = err // SQLite has rolled back the whole transaction, as it may when the disk is full
			return err
		}
		_, released := t.exec(t.ctx, "RELEASE store")
		return errors.Join(err, released)
	}
	_, err := t.exec(t.ctx, "RELEASE store")
	return err
}
