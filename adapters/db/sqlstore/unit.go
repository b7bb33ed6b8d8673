package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/opennsp/nsp/ports"
)

type units struct{ db *DB }

var _ ports.UnitOfWork = units{}

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
	if ports.Unit(ctx, us.db) != nil {
		return errNested
	}
	u := &unit{}
	defer u.end() // after a panic too
	ctx = ports.WithUnit(ctx, us.db, u, func() bool { return u.tx != nil })
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

// tx is a transaction that writes. One goroutine uses it at a time.
type tx struct {
	session
	reading  session         // within it
	conn     *sql.Conn       // of its own; nil with SQLite
	ctx      context.Context // of the statements of the write that runs
	broken   error           // why it can only be rolled back
	changes  []personChange  // told of by commit
	onCommit []func()
}

// commit returns a *ports.CommitError where it fails.
func (t *tx) commit() error {
	err, unknown := t.broken, false
	if err == nil {
		err = t.tell()
	}
	if err == nil {
		unknown, err = t.db.engine.commit(t)
	}
	if err != nil {
		t.rollback()
		return &ports.CommitError{Err: translate(err), Unknown: unknown}
	}
	defer t.db.release(t)
	for _, f := range t.onCommit {
		f()
	}
	return nil
}

func (t *tx) rollback() {
	defer t.db.release(t)
	_ = t.control("ROLLBACK") // fails where the database has done so already
}

// control runs a statement that begins or ends what others are part of.
func (t *tx) control(text string) error {
	ctx, cancel := t.db.engine.control(t.ctx)
	defer cancel()
	_, err := t.exec(ctx, text)
	return err
}

// write runs f in the transaction of the unit of work in ctx, or in one of its own. If f fails, what it did is taken back.
func (db *DB) write(ctx context.Context, f func(*tx) error) error {
	u, joined := ports.Unit(ctx, db).(*unit)
	switch {
	case !joined:
		return db.alone(ctx, f)
	case u.ended:
		return errEnded
	case u.tx != nil:
		if err := ctx.Err(); err != nil {
			return err
		}
		u.tx.ctx = db.statements(ctx)
		return translate(u.tx.nested(f))
	}
	t, err := db.opened(ctx, f)
	if err != nil {
		return err
	}
	u.tx = t
	return nil
}

// maxReruns is how often an edit runs again.
const maxReruns = 3

// edit is write for an Update: f runs again where another transaction got in between.
func (db *DB) edit(ctx context.Context, f func(*tx) error) error {
	for rerun := 0; ; rerun++ {
		err := db.write(ctx, f)
		if rerun == maxReruns || !collided(err) {
			return err
		}
	}
}

// alone runs f in a transaction of its own, whether ctx carries a unit of work or not.
func (db *DB) alone(ctx context.Context, f func(*tx) error) error {
	if db.hasWritten(ctx) {
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
	return db.apart(ctx, true, text, args...)
}

// unsynced is once for what a loss of power may take back: it is on the disk with the next commit that is.
func (db *DB) unsynced(ctx context.Context, text string, args ...any) (int64, error) {
	return db.apart(ctx, false, text, args...)
}

func (db *DB) apart(ctx context.Context, synced bool, text string, args ...any) (int64, error) {
	if db.hasWritten(ctx) {
		return 0, errHeld
	}
	changed, err := db.autocommit(ctx, synced, text, args...)
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
	u, joined := ports.Unit(ctx, db).(*unit)
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
	u.tx.ctx = db.statements(ctx)
	u.tx.broken = run(u.tx)
	return changed, translate(u.tx.broken)
}

// hasWritten tells whether the unit of work in ctx has written: another transaction of the same call might wait for it forever, for its turn, for
// a lock or for a connection.
func (db *DB) hasWritten(ctx context.Context) bool {
	u, ok := ports.Unit(ctx, db).(*unit)
	return ok && u.tx != nil
}

// nested runs f behind a savepoint, to which it goes back if f fails.
func (t *tx) nested(f func(*tx) error) error {
	if t.broken != nil {
		return t.broken
	}
	if err := t.control("SAVEPOINT store"); err != nil {
		t.broken = err
		return err
	}
	onCommit, changes := len(t.onCommit), len(t.changes)
	if err := f(t); err != nil {
		t.onCommit, t.changes = t.onCommit[:onCommit], t.changes[:changes]
		if back := t.control("ROLLBACK TO store"); back != nil {
			t.broken = err // the whole transaction is gone, as with SQLite when the disk is full, or with the connection
			return err
		}
		return errors.Join(err, t.control("RELEASE store"))
	}
	return t.control("RELEASE store")
}
