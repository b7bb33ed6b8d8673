package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// session runs statements on one connection or one pool.
type session struct {
	db    *DB
	pool  gorm.ConnPool
	orm   *gorm.DB
	stmts *statements // nil where the driver by itself keeps prepared what it was given
	// steady: a caller that goes away does not interrupt a query, which would end the transaction.
	steady bool
}

// statements are kept prepared. Their texts are a closed set. The zero value is ready for use.
type statements struct {
	mu     sync.Mutex
	byText map[string]*sql.Stmt
}

func (db *DB) session(pool gorm.ConnPool) (session, error) {
	orm, err := gorm.Open(db.dialector(cleanPool{pool, db}), &gorm.Config{SkipDefaultTransaction: true, Logger: tracer{db}})
	return session{db: db, pool: pool, orm: orm}, err
}

func (s session) close() error {
	if s.stmts == nil {
		return nil
	}
	s.stmts.mu.Lock()
	defer s.stmts.mu.Unlock()
	var errs []error
	for _, stmt := range s.stmts.byText {
		errs = append(errs, stmt.Close())
	}
	clear(s.stmts.byText)
	return errors.Join(errs...)
}

// prepared returns the statement of text, prepared once.
func (s session) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	s.stmts.mu.Lock()
	defer s.stmts.mu.Unlock()
	if stmt := s.stmts.byText[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.pool.PrepareContext(ctx, text)
	if err == nil {
		if s.stmts.byText == nil {
			s.stmts.byText = map[string]*sql.Stmt{}
		}
		s.stmts.byText[text] = stmt
	}
	return stmt, err
}

func (s session) rows(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	s.db.seen(text)
	if s.stmts == nil {
		return s.pool.QueryContext(ctx, s.db.bind(text), args...)
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (s session) result(ctx context.Context, text string, args []any) (sql.Result, error) {
	s.db.seen(text)
	if s.stmts == nil {
		return s.pool.ExecContext(ctx, s.db.bind(text), args...)
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// query calls row for each row of a query.
func (s session) query(ctx context.Context, row func(*sql.Rows) error, text string, args ...any) error {
	if s.steady {
		if err := ctx.Err(); err != nil {
			return err
		}
		steady, cancel := s.db.control(ctx)
		defer cancel()
		ctx = steady
	}
	rows, err := s.rows(ctx, text, args)
	if err != nil {
		return s.db.clean(ctx, err)
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return s.db.clean(ctx, rows.Err())
}

// exec runs a statement and returns how many rows it changed.
func (s session) exec(ctx context.Context, text string, args ...any) (int64, error) {
	result, err := s.result(ctx, text, args)
	if err != nil {
		return 0, s.db.clean(ctx, err)
	}
	return result.RowsAffected()
}

// cleanPool is what gorm uses of a pool, with errors that hold no values.
type cleanPool struct {
	gorm.ConnPool
	engine engine
}

func (p cleanPool) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	result, err := p.ConnPool.ExecContext(ctx, text, args...)
	return result, p.engine.clean(ctx, err)
}

func (p cleanPool) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	rows, err := p.ConnPool.QueryContext(ctx, text, args...)
	return rows, p.engine.clean(ctx, err)
}

// chunk is how many rows one statement inserts. More are not faster on SQLite, and the statement stays small.
const chunk = 50

// values returns the text of n rows of so many columns: "(?,?),(?,?)".
func values(columns, n int) string {
	row := "(" + strings.Repeat("?,", columns-1) + "?)"
	return strings.Repeat(row+",", n-1) + row
}

func (db *DB) seen(statement string) {
	if db.observe != nil {
		db.observe(statement)
	}
}

// tracer is gorm's log. It writes nothing, since statements hold personal data, and tells db the text alone.
type tracer struct{ db *DB }

var _ gorm.ParamsFilter = tracer{}

func (t tracer) LogMode(logger.LogLevel) logger.Interface      { return t }
func (t tracer) Info(context.Context, string, ...interface{})  {}
func (t tracer) Warn(context.Context, string, ...interface{})  {}
func (t tracer) Error(context.Context, string, ...interface{}) {}

func (t tracer) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	if t.db.observe != nil {
		text, _ := statement()
		t.db.seen(text)
	}
}

func (t tracer) ParamsFilter(_ context.Context, text string, _ ...interface{}) (string, []interface{}) {
	return text, nil
}
