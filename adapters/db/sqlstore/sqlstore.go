// Package sqlstore keeps the stores and the embedded message log in an SQL database: SQLite, in one file that one process uses, or PostgreSQL,
// which several share.
package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// Options say which database to open: exactly one of Path and DSN is set.
type Options struct {
	Path string // of the SQLite file; made if it is not there, readable by its owner alone
	DSN  string // of a PostgreSQL database, as a URL or as keywords; it may hold a password
	// NoMigrate leaves the schema as it is: one that is not current is refused.
	NoMigrate bool
	// MaxConns is how many connections there are at most; 0 = 16. With SQLite, how many read at the same time: one more writes. With
	// PostgreSQL half of them write.
	MaxConns int
	Now      func() time.Time // the time of what is kept; nil = time.Now
	Log      *slog.Logger     // told which migrations were applied; nil = nobody
}

// DB is an open database; its stores are its methods. It is safe for concurrent use.
type DB struct {
	engine
	now       func() time.Time
	reading   session // of connections that cannot write
	grown     wakeups[place]
	ended     wakeups[ports.ReplyKey] // claims
	claimPoll time.Duration           // defaultClaimPoll but in tests
	observe   func(statement string)  // told each statement, without values; nil but in tests
}

// defaultMaxConns is Options.MaxConns where it is 0.
const defaultMaxConns = 16

// withDefaults returns opt with what was left out.
func (opt Options) withDefaults() (Options, error) {
	if (opt.Path == "") == (opt.DSN == "") {
		return opt, errors.New("either a path or a DSN names the store")
	}
	if opt.MaxConns == 0 {
		opt.MaxConns = defaultMaxConns
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return opt, nil
}

// name is how errors call the database. A DSN is nobody's business.
func (opt Options) name() string {
	if opt.Path != "" {
		return "store " + opt.Path
	}
	return "postgres store"
}

// Open opens the database, and makes or migrates its schema. It returns ErrNewerSchema for a database of a later version of this program, and
// ErrOldSchema for one of an earlier version that it is not to migrate.
func Open(ctx context.Context, opt Options) (*DB, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db := &DB{now: opt.Now, claimPoll: defaultClaimPoll, engine: &sqliteEngine{turn: make(chan struct{}, 1), loading: make(chan struct{}, 1)}}
	if opt.DSN != "" {
		db.engine = &postgresEngine{}
	}
	if err := db.open(ctx, db, opt); err != nil {
		return nil, fmt.Errorf("open %s: %w", opt.name(), errors.Join(translate(err), db.Close()))
	}
	return db, nil
}

// Close closes every connection. With SQLite it waits for the transaction that writes; with PostgreSQL one that runs has its connection to its
// end.
func (db *DB) Close() error { return db.close() }

// Ping tells whether the database answers and its files are still there.
func (db *DB) Ping(ctx context.Context) error { return translate(db.ping(ctx)) }

// Units returns the unit of work that every store of the database joins.
func (db *DB) Units() ports.UnitOfWork { return units{db} }

// MessageLog returns the embedded message log.
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

// Leases returns the store of who does which job.
func (db *DB) Leases() ports.Leases { return leases{db} }

// JobRuns returns the store of the jobs' latest runs.
func (db *DB) JobRuns() ports.JobRuns { return jobRuns{db} }

// CopyRegister returns the copies of registers.
func (db *DB) CopyRegister() ports.CopyRegister { return copyRegister{db} }

// ExportState returns how far exports have come.
func (db *DB) ExportState() ports.ExportState { return exportState{db} }

// Outbox returns the store of notices.
func (db *DB) Outbox() ports.Outbox { return outbox{db} }

// Stamdata returns the loader of the registers.
func (db *DB) Stamdata() ports.StamdataLoader { return stamdataLoader{db} }

// Register returns the registers of persons.
func (db *DB) Register() ports.CPRRegister { return db.cprRegister() }

// Aliases returns which numbers are one person's.
func (db *DB) Aliases() ports.Aliases { return aliases{db} }

// Authorisations returns the register of authorisations.
func (db *DB) Authorisations() ports.Authorisations {
	return authorisations{db, registerNamed(stamdata.Authorisations)}
}

// Delegations returns the register of delegations, of which these statuses count.
func (db *DB) Delegations(statuses []string) ports.Delegations {
	return delegations{db, registerNamed(stamdata.Delegations), slices.Clone(statuses)}
}

// OrgUnits returns the register of organisations.
func (db *DB) OrgUnits() ports.OrgUnits { return orgUnits{db, registerNamed(stamdata.OrgUnits)} }

// read returns where ctx reads: within a unit of work that has written, its transaction, so that it sees its own writes.
func (db *DB) read(ctx context.Context) session {
	if u, ok := ports.Unit(ctx, db).(*unit); ok && u.tx != nil {
		return u.tx.reading
	}
	return db.reading
}
