package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// postgresEngine is a PostgreSQL database that several processes share. A transaction has a connection of the writers to its end. Nobody who
// holds one waits for another of them, so that the pool cannot run dry on itself: a unit that has written reads on its own connection, or what
// is committed on a reader's, and has no other transaction.
type postgresEngine struct {
	writers, readers *sql.DB
	writing          session  // of single statements
	texts            sync.Map // what bind returned
}

var _ engine = (*postgresEngine)(nil)

const (
	// controlLimit is how long a statement that begins or ends a transaction may take: a commit waits for the disk, perhaps of a standby too.
	controlLimit = 30 * time.Second
	// interruptLimit is how long the server has to interrupt the statement of a caller that went away, before the connection is given up.
	interruptLimit = 5 * time.Second
	// connectLimit is for one attempt, where the DSN names no connect_timeout.
	connectLimit = 5 * time.Second
	// maxIdle and maxAge of a connection: others than the pool may need it, and a server that took over is found in the end.
	maxIdle = 5 * time.Minute
	maxAge  = time.Hour
	// postgresLogPoll is how often who waits for a record looks for one of another process.
	postgresLogPoll = 50 * time.Millisecond
)

// settings are those of every connection; they precede what the DSN, the role or the database say.
func settings(a access) map[string]string {
	set := map[string]string{
		"synchronous_commit":            "on", // a commit is on the disk when it returns
		"default_transaction_isolation": "read committed",
		// A process that stopped or lost its network holds locks no longer than this; a unit of work takes no longer.
		"idle_in_transaction_session_timeout": "120000",
	}
	if a == reads {
		set["default_transaction_read_only"] = "on"
		// A lookup is planned once for each connection: to plan it over the months of years takes longer than to carry it out, which passes
		// over months as well. It goes by an index, also where a month was small when it was planned.
		set["plan_cache_mode"], set["enable_seqscan"], set["jit"] = "force_generic_plan", "off", "off"
	}
	return set
}

// postgresConfig says nothing of a DSN that it cannot read: the parts of a broken one, among them the password, cannot be told apart.
func postgresConfig(dsn string, a access) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the DSN cannot be read")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectLimit
	}
	maps.Copy(config.RuntimeParams, settings(a))
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "nspd"
	}
	if config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary // not a server that another one has taken over from
	}
	// The connection outlives a statement that is interrupted, so that the transaction can go back to its savepoint.
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: interruptLimit}
	}
	return config, nil
}

// openPostgres returns a pool of at most conns connections.
func openPostgres(dsn string, a access, conns int) (*sql.DB, error) {
	config, err := postgresConfig(dsn, a)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(maxIdle)
	db.SetConnMaxLifetime(maxAge)
	return db, nil
}

func (e *postgresEngine) open(ctx context.Context, db *DB, opt Options) (err error) {
	if err = currentPostgres(ctx, opt); err != nil {
		return err
	}
	if e.writers, err = openPostgres(opt.DSN, writes, max(1, (opt.MaxConns+1)/2)); err != nil {
		return err
	}
	if err = e.requireSettings(ctx); err != nil {
		return err
	}
	if e.writing, err = db.session(e.writers); err != nil {
		return err
	}
	if e.readers, err = openPostgres(opt.DSN, reads, max(1, opt.MaxConns/2)); err != nil {
		return err
	}
	db.reading, err = db.session(e.readers)
	return err
}

// requireSettings checks that the server does what settings ask of it, and what it alone decides.
func (e *postgresEngine) requireSettings(ctx context.Context) error {
	want := settings(writes)
	delete(want, "idle_in_transaction_session_timeout") // shown in another unit
	want["fsync"], want["server_encoding"] = "on", "UTF8"
	for name, want := range want {
		var got string
		if err := e.writers.QueryRowContext(ctx, "SELECT current_setting($1)", name).Scan(&got); err != nil {
			return e.clean(ctx, err)
		}
		if got != want {
			return fmt.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	return nil
}

// close lets a transaction that still runs end; its connection is closed then.
func (e *postgresEngine) close() error {
	var errs []error
	for _, db := range []*sql.DB{e.readers, e.writers} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

func (e *postgresEngine) ping(ctx context.Context) error {
	return e.clean(ctx, e.readers.PingContext(ctx))
}

func (*postgresEngine) dialector(pool gorm.ConnPool) gorm.Dialector {
	return postgres.New(postgres.Config{Conn: pool})
}

// bind numbers the parameters. Texts are a closed set, and hold no other question mark.
func (e *postgresEngine) bind(text string) string {
	if bound, ok := e.texts.Load(text); ok {
		return bound.(string)
	}
	var b strings.Builder
	parts := strings.Split(text, "?")
	for i, part := range parts[:len(parts)-1] {
		b.WriteString(part + "$" + strconv.Itoa(i+1))
	}
	b.WriteString(parts[len(parts)-1])
	e.texts.Store(text, b.String())
	return b.String()
}

// begin takes a connection. Those that died while nobody used them are passed over: each is found dead once.
func (e *postgresEngine) begin(ctx context.Context) (*tx, error) {
	for left := e.writers.Stats().MaxOpenConnections; ; left-- {
		conn, err := e.writers.Conn(ctx)
		if err != nil {
			return nil, fmt.Errorf("begin: %w", e.clean(ctx, err))
		}
		t := &tx{session: e.writing, conn: conn, ctx: ctx}
		t.pool, t.orm = conn, e.writing.orm.WithContext(ctx)
		t.orm.Statement.ConnPool = cleanPool{conn, e}
		t.reading = t.session
		t.reading.steady = true
		if _, err = t.exec(ctx, "BEGIN"); err == nil {
			return t, nil
		}
		e.release(t)
		if left == 0 || !isLost(err) {
			return nil, fmt.Errorf("begin: %w", err)
		}
	}
}

// errAborted: COMMIT of a transaction of which a statement failed rolls it back, and is no error to the server.
var errAborted = errors.New("a statement of the transaction had failed")

func (e *postgresEngine) commit(t *tx) (unknown bool, err error) {
	ctx, cancel := e.control(t.ctx)
	defer cancel()
	t.db.seen("COMMIT")
	err = t.raw(ctx, func(c *pgx.Conn) error {
		if c.IsClosed() || c.PgConn().TxStatus() != 'T' {
			return errAborted
		}
		unknown = true
		tag, err := c.Exec(ctx, "COMMIT")
		if err == nil && tag.String() != "COMMIT" {
			err = errAborted
		}
		return err
	})
	return unknown && !isAnswer(err), err
}

// raw gives f the connection of the transaction.
func (t *tx) raw(ctx context.Context, f func(*pgx.Conn) error) error {
	return rawConn(ctx, t.db, t.conn, f)
}

func rawConn(ctx context.Context, e engine, conn *sql.Conn, f func(*pgx.Conn) error) error {
	return e.clean(ctx, conn.Raw(func(driver any) error { return f(driver.(*stdlib.Conn).Conn()) }))
}

// release gives the connection back, or closes one that is still within a transaction.
func (e *postgresEngine) release(t *tx) { _ = t.conn.Close() }

func (e *postgresEngine) autocommit(ctx context.Context, synced bool, text string, args ...any) (int64, error) {
	if synced {
		return e.writing.exec(ctx, text, args...)
	}
	conn, err := e.writers.Conn(ctx)
	if err != nil {
		return 0, e.clean(ctx, err)
	}
	defer func() { _ = conn.Close() }()
	var changed int64
	err = rawConn(ctx, e, conn, func(c *pgx.Conn) error {
		changed, err = e.execUnsynced(ctx, c, text, args)
		return err
	})
	return changed, err
}

// execUnsynced sends both statements at once: they are one transaction, to which alone the setting applies. Each commit that waits for the disk
// takes with it what was written before.
func (e *postgresEngine) execUnsynced(ctx context.Context, c *pgx.Conn, text string, args []any) (changed int64, err error) {
	const unsynced = "SELECT set_config('synchronous_commit', 'off', true)"
	e.writing.db.seen(unsynced)
	e.writing.db.seen(text)
	batch := &pgx.Batch{}
	batch.Queue(unsynced)
	batch.Queue(e.bind(text), args...).Exec(func(tag pgconn.CommandTag) error {
		changed = tag.RowsAffected()
		return nil
	})
	err = c.SendBatch(ctx, batch).Close()
	return changed, err
}

// statements end with their caller: it may wait for a lock.
func (*postgresEngine) statements(ctx context.Context) context.Context { return ctx }

func (*postgresEngine) control(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), controlLimit)
}

// lock leaves readers alone.
func (*postgresEngine) lock(t *tx, table string) error {
	_, err := t.exec(t.ctx, "LOCK TABLE "+table+" IN SHARE ROW EXCLUSIVE MODE")
	return err
}

func (*postgresEngine) logPoll() time.Duration { return postgresLogPoll }
