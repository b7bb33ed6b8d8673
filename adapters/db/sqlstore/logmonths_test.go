package sqlstore

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// postgresLog opens a store of registrations for one case after the other, each without any month.
func postgresLog(t *testing.T) func() *DB {
	open := postgresOf(t, 1)
	return func() *DB {
		db := open(time.Now)[0]
		dropMonths(t, db)
		return db
	}
}

func dropMonths(t testing.TB, db *DB) {
	t.Helper()
	require.NoError(t, db.write(context.Background(), func(tx *tx) error {
		made, err := tx.months()
		if err != nil {
			return err
		}
		for _, m := range made {
			if err := tx.script("DROP TABLE " + m.table()); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestPostgresLogStore(t *testing.T) {
	open := postgresLog(t)
	portstest.LogStore(t, func(*testing.T) (ports.LogStore, ports.UnitOfWork) {
		db := open()
		return db.LogStore(), db.Units()
	})
}

func TestPostgresLogMonths(t *testing.T) {
	open := postgresLog(t)
	portstest.LogMonths(t, func(*testing.T) (ports.LogStore, ports.LogMonths, ports.UnitOfWork) {
		db := open()
		return db.LogStore(), logMonths{db, 50 * time.Millisecond}, db.Units()
	})
}
