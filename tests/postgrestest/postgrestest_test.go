package postgrestest

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/opennsp/nsp/tests/child"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func TestDatabase(t *testing.T) {
	prepared := 0
	prepare := func(ctx context.Context, dsn string) error {
		prepared++
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "CREATE TABLE t (n int)")
		return errors.Join(err, conn.Close(ctx))
	}
	var first string
	t.Run("a database from a template", func(t *testing.T) {
		first = Database(t, "one", prepare)
		_, err := connect(t, first).Exec(t.Context(), "INSERT INTO t VALUES (1)")
		require.NoError(t, err)
	})
	t.Run("is gone after its test", func(t *testing.T) {
		_, err := pgx.Connect(t.Context(), first)
		assert.ErrorContains(t, err, "does not exist")
	})
	t.Run("another sees nothing of it", func(t *testing.T) {
		var n int
		require.NoError(t, connect(t, Database(t, "one", prepare)).QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&n))
		assert.Zero(t, n)
	})
	t.Run("without a template it is empty", func(t *testing.T) {
		_, err := connect(t, Database(t, "", nil)).Exec(t.Context(), "SELECT * FROM t")
		assert.ErrorContains(t, err, "does not exist")
	})
	assert.Equal(t, 1, prepared)
}

func TestServerIsKilledAndComesBack(t *testing.T) {
	ctx := t.Context()
	server, err := Start(ctx, Options{})
	if errors.Is(err, ErrMissing) {
		child.Missing(t, err.Error())
	}
	require.NoError(t, err)
	defer server.Stop()
	conn := connect(t, server.DSN)
	_, err = conn.Exec(ctx, "CREATE TABLE t (n int)")
	require.NoError(t, err)
	var fsync string
	require.NoError(t, conn.QueryRow(ctx, "SHOW fsync").Scan(&fsync))
	assert.Equal(t, "on", fsync)

	server.Kill()
	assert.False(t, server.Alive())
	require.Error(t, conn.Ping(ctx))
	_, err = pgx.Connect(ctx, server.DSN)
	require.Error(t, err)

	require.NoError(t, server.Restart(ctx))
	_, err = connect(t, server.DSN).Exec(ctx, "INSERT INTO t VALUES (1)")
	require.NoError(t, err)
	server.Stop()
	assert.NoDirExists(t, server.Dir)
}

func TestDatabaseOfDSN(t *testing.T) {
	for _, c := range []struct{ dsn, want string }{
		{"postgres://u:p@127.0.0.1:5432/postgres?sslmode=disable", "postgres://u:p@127.0.0.1:5432/x?sslmode=disable"},
		{"host=127.0.0.1 dbname=postgres", "host=127.0.0.1 dbname=postgres dbname=x"},
	} {
		got, err := withDatabase(c.dsn, "x")
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
		config, err := pgx.ParseConfig(got)
		require.NoError(t, err)
		assert.Equal(t, "x", config.Database)
	}
	_, err := withDatabase("postgres://u:secret@[x", "x")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "secret")
}
