package sqlstore

import (
	"cmp"
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
	errHeld   = errors.New("unit of work: it has written, so that no other transaction can")
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

// takeTurn waits until the caller may write; who got the turn gives it back.
func (db *DB) takeTurn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case db.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := cmp.Or(db.unsafe, db.files.present()); err != nil {
		<-db.turn
		return err
	}
	return nil
}

// begin waits for its turn and opens a transaction.
func (db *DB) begin(ctx context.Context) (*tx, error) {
	if err := db.takeTurn(ctx); err != nil {
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
	case !joined:
		return db.alone(ctx, f)
	case u.ended:
		return errEnded
	case u.tx != nil:
		if err := ctx.Err(); err != nil {
			return err
		}
		return translate(u.tx.nested(f))
	}
	t, err := db.opened(ctx, f)
	if err != nil {
		return err
	}
	u.tx = t
	return nil
}

// alone runs f in a transaction of its own, whether ctx carries a unit of work or not.
func (db *DB) alone(ctx context.Context, f func(*tx) error) error {
	if db.holdsTurn(ctx) {
		return errHeld
	}
	t, err := db.opened(ctx, f)
	if err != nil {
		return err
	}
	return t.commit()
}

// opened returns the open transaction in which f ran. If f fails, there is none.
func (db *DB) opened(ctx context.Context, f func(*tx) error) (*tx, error) {
	t, err := db.begin(ctx)
	if err != nil {
		return nil, translate(err)
	}
	finished := false
	defer func() {
		if !finished { // f failed or panicked: the transaction holds nothing else
			t.rollback()
		}
	}()
	if err := f(t); err != nil {
		return nil, translate(err)
	}
	finished = true
	return t, nil
}

// once runs a statement that is a transaction of its own, whether ctx carries a unit of work or not, and returns how many rows it changed.
// It is on the disk when once returns.
func (db *DB) once(ctx context.Context, text string, args ...any) (int64, error) {
	return db.autocommit(ctx, session.exec, text, args...)
}

// unsynced is once for what a loss of power may take back: it is on the disk with the next commit that is.
func (db *DB) unsynced(ctx context.Context, text string, args ...any) (int64, error) {
	return db.autocommit(ctx, session.execUnsynced, text, args...)
}

func (db *DB) autocommit(ctx context.Context, exec func(session, context.Context, string, ...any) (int64, error), text string, args ...any,
) (int64, error) {
	if db.holdsTurn(ctx) {
		return 0, errHeld
	}
	if err := db.takeTurn(ctx); err != nil {
		return 0, err
	}
	defer func() { <-db.turn }()
	changed, err := exec(db.writing, context.WithoutCancel(ctx), text, args...)
	return changed, translate(err)
}

// one runs a statement in the transaction of the unit of work in ctx, or as one of its own, and onCommit, unless it is nil, once a change is
// committed. A statement does all or nothing: it needs no savepoint, but where it fails the unit can only be rolled back.
func (db *DB) one(ctx context.Context, onCommit func(), text string, args ...any) (changed int64, err error) {
	run := func(t *tx) error {
		changed, err = t.exec(t.ctx, text, args...)
		if err == nil && changed > 0 && onCommit != nil {
			t.onCommit = append(t.onCommit, onCommit)
		}
		return err
	}
	u, joined := ctx.Value(unitKey{db}).(*unit)
	switch {
	case !joined:
		if changed, err = db.once(ctx, text, args...); err == nil && changed > 0 && onCommit != nil {
			onCommit()
		}
		return changed, err
	case u.tx == nil:
		err = db.write(ctx, run)
		return changed, err
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case u.tx.broken != nil:
		return 0, u.tx.broken
	}
	u.tx.broken = run(u.tx)
	return changed, translate(u.tx.broken)
}

// holdsTurn tells whether the unit of work in ctx has written: another transaction of the same call would wait for it forever.
func (db *DB) holdsTurn(ctx context.Context) bool {
	u, ok := ctx.Value(unitKey{db}).(*unit)
	return ok && u.tx != nil
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
