package nsptest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/tests/postgrestest"
)

// Postgres returns a new database with the schema of the stores, until the test ends.
func Postgres(t testing.TB) (dsn string) {
	t.Helper()
	return postgrestest.Database(t, "nsp", func(ctx context.Context, dsn string) error {
		db, err := sqlstore.Open(ctx, sqlstore.Options{DSN: dsn})
		if err != nil {
			return err
		}
		return db.Close()
	})
}

// Kafka returns the brokers of a cluster in this process that speaks Kafka's protocol, until the test ends.
func Kafka(t testing.TB) []string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}
