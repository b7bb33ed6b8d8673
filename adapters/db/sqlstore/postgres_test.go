package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/postgrestest"
)

// server is the engine of a PostgreSQL database.
func server(db *DB) *postgresEngine { return db.engine.(*postgresEngine) }

// postgresDSN names a new PostgreSQL database with the schema and nothing in it.
func postgresDSN(t testing.TB) string {
	t.Helper()
	return postgrestest.Database(t, "sqlstore", func(ctx context.Context, dsn string) error {
		_, err := Migrate(ctx, Options{DSN: dsn}, false)
		return err
	})
}

// openedPostgres opens a handle on a PostgreSQL database.
func openedPostgres(t testing.TB, dsn string) *DB {
	t.Helper()
	db, err := Open(context.Background(), Options{DSN: dsn, NoMigrate: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// postgresOf opens so many handles on one new PostgreSQL database. What it returns empties the database for the next case and sets its clock.
func postgresOf(t *testing.T, handles int) func(now func() time.Time) []*DB {
	t.Helper()
	dsn := postgresDSN(t)
	dbs := make([]*DB, handles)
	for i := range dbs {
		dbs[i] = openedPostgres(t, dsn)
	}
	var tables []string
	require.NoError(t, dbs[0].reading.query(context.Background(), func(rows *sql.Rows) error {
		var table string
		err := rows.Scan(&table)
		tables = append(tables, table)
		return err
	}, `SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'goose_db_version'`))
	empty := "DELETE FROM " + strings.Join(tables, "; DELETE FROM ")
	return func(now func() time.Time) []*DB {
		_, err := server(dbs[0]).writers.ExecContext(context.Background(), empty)
		require.NoError(t, err)
		for _, db := range dbs {
			db.now = now
		}
		return dbs
	}
}

// postgresBy opens a store with so many handles.
func postgresBy[S any](t *testing.T, handles int, store func(*DB) S) portstest.Open[S] {
	open := postgresOf(t, handles)
	return func(_ *testing.T, now func() time.Time) (hs []portstest.Handle[S]) {
		for _, db := range open(now) {
			hs = append(hs, portstest.Handle[S]{Store: store(db), Units: db.Units()})
		}
		return hs
	}
}

func TestPostgresUnits(t *testing.T) {
	open := postgresOf(t, 1)
	portstest.UnitOfWork(t, func(*testing.T) (ports.UnitOfWork, ports.LogStore) {
		db := open(time.Now)[0]
		return db.Units(), db.LogStore()
	})
}

func messageLogPostgres(t *testing.T) portstest.OpenMessageLog {
	open := postgresOf(t, 1)
	return func(*testing.T) (ports.MessageLog, ports.TopicAdmin, ports.UnitOfWork) {
		db := open(time.Now)[0]
		return db.MessageLog(), db.Topics(), db.Units()
	}
}

func TestPostgresMessageLog(t *testing.T) { portstest.MessageLog(t, messageLogPostgres(t)) }

func TestPostgresTopics(t *testing.T) { portstest.TopicAdmin(t, messageLogPostgres(t)) }

func TestPostgresConsume(t *testing.T) {
	open := postgresOf(t, 1)
	portstest.Consume(t, func(*testing.T) portstest.Backend { return open(time.Now)[0] })
}

func TestPostgresReplies(t *testing.T) { portstest.ReplyStore(t, postgresBy(t, 1, (*DB).Replies)) }
func TestPostgresSeen(t *testing.T)    { portstest.SeenStore(t, postgresBy(t, 1, (*DB).Seen)) }
func TestPostgresGrants(t *testing.T)  { portstest.GrantStore(t, postgresBy(t, 1, (*DB).Grants)) }

func TestPostgresSessions(t *testing.T) {
	portstest.SessionStore(t, postgresBy(t, 1, (*DB).Sessions))
}

func TestPostgresSecurityEvents(t *testing.T) {
	portstest.SecurityEvents(t, postgresBy(t, 1, (*DB).SecurityEvents))
}

func TestPostgresLeases(t *testing.T)  { portstest.Leases(t, postgresBy(t, 1, (*DB).Leases)) }
func TestPostgresJobRuns(t *testing.T) { portstest.JobRuns(t, postgresBy(t, 1, (*DB).JobRuns)) }

// Two handles on one database know nothing of each other but what is in it, like two processes: SA-20 and SA-41 of the store.
func TestPostgresShared(t *testing.T) {
	t.Run("SA-20 replies", func(t *testing.T) { portstest.ReplyStore(t, postgresBy(t, 2, (*DB).Replies)) })
	t.Run("SA-41 seen", func(t *testing.T) { portstest.SeenStore(t, postgresBy(t, 2, (*DB).Seen)) })
	t.Run("grants", func(t *testing.T) { portstest.GrantStore(t, postgresBy(t, 2, (*DB).Grants)) })
	t.Run("OC-43 leases", func(t *testing.T) { portstest.Leases(t, postgresBy(t, 2, (*DB).Leases)) })
	t.Run("runs of jobs", func(t *testing.T) { portstest.JobRuns(t, postgresBy(t, 2, (*DB).JobRuns)) })
	t.Run("sessions", func(t *testing.T) { portstest.SessionStore(t, postgresBy(t, 2, (*DB).Sessions)) })
	t.Run("events", func(t *testing.T) { portstest.SecurityEvents(t, postgresBy(t, 2, (*DB).SecurityEvents)) })
}
