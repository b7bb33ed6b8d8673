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

// session runs statements on one connection or one pool. Statements of hot paths are kept prepared: their texts are a closed set.
type session struct {
	db    *DB
	pool  gorm.ConnPool
	orm   *gorm.DB
	stmts *statements
}

type statements struct {
	mu     sync.Mutex
	byText map[string]*sql.Stmt
}

func (db *DB) session(pool gorm.ConnPool) (session, error) {
	orm, err := gorm.Open(dialector(pool), &gorm.Config{SkipDefaultTransaction: true, Logger: tracer{db}})
	return session{db: db, pool: pool, orm: orm, stmts: &statements{byText: map[string]*sql.Stmt{}}}, err
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
	s.db.seen(text)
	s.stmts.mu.Lock()
	defer s.stmts.mu.Unlock()
	if stmt := s.stmts.byText[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.pool.PrepareContext(ctx, text)
	if err == nil {
		s.stmts.byText[text] = stmt
	}
	return stmt, err
}

// query calls row for each row of a prepared query.
func (s session) query(ctx context.Context, row func(*sql.Rows) error, text string, args ...any) error {
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what went wrong is in Err
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exec runs a prepared statement and returns how many rows it changed.
func (s session) exec(ctx context.Context, text string, args ...any) (int64, error) {
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
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
