package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// A schema that Open does not work with.
var (
	// ErrNewerSchema: the database was made by a later version of this program.
	ErrNewerSchema = errors.New("the store's schema is newer than this program")
	// ErrOldSchema: the database is to be migrated first.
	ErrOldSchema = errors.New("the store's schema is older than this program: migrate it")
)

// Migration is a step of the schema.
type Migration struct {
	Version int64
	Name    string        // of its file
	Applied bool          // by this call
	Took    time.Duration // 0 if it was not
}

// Migrate brings the schema to this program's version and returns what that took; with dryRun it changes nothing and returns what it would
// take. Of several that migrate one PostgreSQL database at once one does it, and the others wait. It returns ErrNewerSchema for a database of
// a later version of this program.
func Migrate(ctx context.Context, opt Options, dryRun bool) (steps []Migration, err error) {
	if opt, err = opt.withDefaults(); err != nil {
		return nil, fmt.Errorf("migrate store: %w", err)
	}
	if opt.DSN != "" {
		steps, err = migratePostgres(ctx, opt, dryRun)
	} else {
		steps, err = migrateSQLite(ctx, opt, dryRun)
	}
	if err != nil {
		return nil, fmt.Errorf("migrate %s: %w", opt.name(), translate(err))
	}
	return steps, nil
}

// schema is the schema of an open database.
type schema struct {
	db      *sql.DB
	dialect goose.Dialect
	folder  string // of the migrations
	made    string // the statement that tells whether any migration was applied
}

func schemaSQLite(db *sql.DB) schema {
	return schema{db, goose.DialectSQLite3, "migrations/sqlite", "SELECT count(*) > 0 FROM sqlite_master WHERE name = 'goose_db_version'"}
}

func schemaPostgres(db *sql.DB) schema {
	return schema{db, goose.DialectPostgres, "migrations/postgres", "SELECT to_regclass('goose_db_version') IS NOT NULL"}
}

// pending returns the migrations that are not applied. It changes nothing.
func (s schema) pending(ctx context.Context) (steps []Migration, err error) {
	provider, err := s.provider()
	if err != nil {
		return nil, err
	}
	var made bool
	if err := s.db.QueryRowContext(ctx, s.made).Scan(&made); err != nil {
		return nil, fmt.Errorf("schema version: %w", err)
	}
	found := int64(0)
	if made {
		if found, err = provider.GetDBVersion(ctx); err != nil {
			return nil, fmt.Errorf("schema version: %w", err)
		}
	}
	sources := provider.ListSources()
	if known := sources[len(sources)-1].Version; found > known {
		return nil, fmt.Errorf("%w: version %d, known %d", ErrNewerSchema, found, known)
	}
	for _, source := range sources {
		if source.Version > found {
			steps = append(steps, Migration{Version: source.Version, Name: path.Base(source.Path)})
		}
	}
	return steps, nil
}

func (s schema) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, s.folder)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(s.dialect, s.db, files)
}

// up applies what is pending. Migrations only go forward.
func (s schema) up(ctx context.Context) (steps []Migration, err error) {
	if steps, err = s.pending(ctx); err != nil || len(steps) == 0 {
		return nil, err
	}
	provider, err := s.provider()
	if err != nil {
		return nil, err
	}
	applied, err := provider.Up(ctx)
	if err != nil {
		return nil, err
	}
	steps = nil
	for _, m := range applied {
		steps = append(steps, Migration{m.Source.Version, path.Base(m.Source.Path), true, m.Duration})
	}
	return steps, nil
}

// current makes the schema current before a database is opened, by migrate, or refuses one that is not.
func (s schema) current(ctx context.Context, opt Options, migrate func(context.Context) ([]Migration, error)) error {
	pending, err := s.pending(ctx)
	if err != nil || len(pending) == 0 {
		return err
	}
	if opt.NoMigrate {
		return fmt.Errorf("%w: %d migrations are missing, the first is %s", ErrOldSchema, len(pending), pending[0].Name)
	}
	applied, err := migrate(ctx)
	for _, m := range applied {
		opt.Log.InfoContext(ctx, "schema migrated", "version", m.Version, "took", m.Took)
	}
	return err
}

func currentSQLite(ctx context.Context, db *sql.DB, opt Options) error {
	s := schemaSQLite(db)
	return s.current(ctx, opt, s.up)
}

func migrateSQLite(ctx context.Context, opt Options, dryRun bool) ([]Migration, error) {
	if _, err := os.Stat(opt.Path); dryRun && errors.Is(err, fs.ErrNotExist) {
		opt.Path = ":memory:" // everything is missing, and no file is made
	}
	db, err := openSQLite(opt.Path, access(!dryRun), 1)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	if dryRun {
		return schemaSQLite(db).pending(ctx)
	}
	return schemaSQLite(db).up(ctx)
}

// migrateLock is the key of the advisory lock of who migrates: "nspd" and 1.
const migrateLock = 0x6e737064_00000001

// currentPostgres leaves the lock alone if nothing is to be done.
func currentPostgres(ctx context.Context, opt Options) error {
	return withSchema(ctx, opt, func(s schema) error {
		return s.current(ctx, opt, func(ctx context.Context) ([]Migration, error) { return upAlone(ctx, s) })
	})
}

func migratePostgres(ctx context.Context, opt Options, dryRun bool) (steps []Migration, err error) {
	err = withSchema(ctx, opt, func(s schema) (err error) {
		if dryRun {
			steps, err = s.pending(ctx)
		} else {
			steps, err = upAlone(ctx, s)
		}
		return err
	})
	return steps, err
}

// withSchema has two connections: the lock is held on one while the other migrates.
func withSchema(ctx context.Context, opt Options, use func(schema) error) error {
	db, err := openPostgres(opt.DSN, writes, 2)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	err = use(schemaPostgres(db))
	known := known(ctx, err)
	var partial *goose.PartialError
	switch {
	case known != nil && errors.As(err, &partial):
		return fmt.Errorf("%s: %w", path.Base(partial.Failed.Source.Path), known)
	case known != nil:
		return known
	}
	return err
}

// upAlone is up by one process at a time. What another one did meanwhile is not pending any more.
func upAlone(ctx context.Context, s schema) ([]Migration, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // closed with its pool, which ends the lock if it could not be given back
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrateLock)); err != nil {
		return nil, err
	}
	steps, err := s.up(ctx)
	_, unlock := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrateLock))
	return steps, errors.Join(err, unlock)
}
