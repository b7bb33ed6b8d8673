package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/opennsp/nsp/tests/child"
)

// Env names the variable with the DSN of a server of the user's own, whose role may create databases.
const Env = "OPENNSP_TEST_POSTGRES"

// prefix of every database of a test: then the run in hex, _, and a number.
const prefix = "opennsp_test_"

// shared is what the tests of one binary share. It ends with the binary.
type shared struct {
	dsn string // of the database to administer from
	run int64  // holds an advisory lock of this number while the binary lives: databases of runs without one are leftovers
	// Held open for the lock and, with a server of our own, for its life.
	keeper *pgx.Conn
	server *Server

	next      atomic.Int64
	mu        sync.Mutex
	templates map[string]func() (string, error)
}

var theShared = sync.OnceValues(startShared)

// startShared has no context of a test: the server outlives the test that needs it first.
func startShared() (*shared, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	s := &shared{dsn: os.Getenv(Env), run: rand.Int64(), templates: map[string]func() (string, error){}}
	if s.dsn == "" {
		var err error
		if s.server, err = Start(ctx, Options{}); err != nil {
			return nil, err
		}
		s.dsn = s.server.DSN
	}
	var err error
	for { // a server that is being started by another process
		if s.keeper, err = pgx.Connect(ctx, s.dsn); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("reach the PostgreSQL of %s: %w", Env, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if _, err := s.keeper.Exec(ctx, "SELECT pg_advisory_lock($1)", s.run); err != nil {
		return nil, err
	}
	return s, s.sweep(ctx)
}

// sweep drops the databases of runs that have ended.
func (s *shared) sweep(ctx context.Context) error {
	rows, err := s.keeper.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname::text, $1)", prefix)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		hex, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "_")
		run, err := strconv.ParseInt(hex, 16, 64)
		if err != nil || run == s.run {
			continue
		}
		var ended bool
		if err := s.keeper.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", run).Scan(&ended); err != nil {
			return err
		}
		if !ended {
			continue
		}
		_, err = s.keeper.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		if _, unlock := s.keeper.Exec(ctx, "SELECT pg_advisory_unlock($1)", run); err != nil || unlock != nil {
			return errors.Join(err, unlock)
		}
	}
	return nil
}

// Database returns the DSN of a new database for one test: a copy of the template of this name, which prepare fills once a test binary, empty
// where prepare is nil. prepare has to close its connections. The database is dropped at the test's end. Without PostgreSQL the test is
// skipped, or fails where OPENNSP_TEST_REQUIRE is 1.
func Database(t testing.TB, template string, prepare func(ctx context.Context, dsn string) error) (dsn string) {
	t.Helper()
	s, err := theShared()
	if errors.Is(err, ErrMissing) {
		child.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	from := "template0"
	if prepare != nil {
		if from, err = s.template(template, prepare); err != nil {
			t.Fatalf("prepare the template %s: %v", template, err)
		}
	}
	name, dsn, err := s.create(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.exec(context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return dsn
}

// template returns the name of the database that prepare has filled.
func (s *shared) template(name string, prepare func(ctx context.Context, dsn string) error) (string, error) {
	s.mu.Lock()
	once := s.templates[name]
	if once == nil {
		once = sync.OnceValues(func() (string, error) {
			ctx := context.Background()
			db, dsn, err := s.create(ctx, "template0")
			if err != nil {
				return "", err
			}
			return db, prepare(ctx, dsn)
		})
		s.templates[name] = once
	}
	s.mu.Unlock()
	return once()
}

// create makes a new database from a template.
func (s *shared) create(ctx context.Context, from string) (name, dsn string, err error) {
	name = fmt.Sprintf("%s%x_%d", prefix, s.run, s.next.Add(1))
	if dsn, err = withDatabase(s.dsn, name); err != nil {
		return "", "", err
	}
	// A connection to the template that was closed a moment ago may still be there.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err = s.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+from)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "55006" || time.Now().After(deadline) {
			return name, dsn, err
		}
	}
}

// exec runs a statement on a connection of its own.
func (s *shared) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// withDatabase returns dsn, a URL or keywords, for another database of the server.
func withDatabase(dsn, name string) (string, error) {
	if !strings.Contains(dsn, "://") {
		return dsn + " dbname=" + name, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("%s is no URL", Env) // it holds a password
	}
	u.Path = "/" + name
	return u.String(), nil
}
