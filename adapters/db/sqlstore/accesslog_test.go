package sqlstore

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports/portstest"
)

// logged is the access log of a server whose message log is in the database of its stores.
func logged(t *testing.T, db *DB) portstest.AccessLogged {
	const topic = "minlog.registrations.v1"
	require.NoError(t, logkeeping.EnsureTopic(t.Context(), db.Topics(), topic, messagelog.Spec{Partitions: 1}))
	now := func() time.Time { return time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC) }
	registrar := &logkeeping.Registrar{
		Log: db.MessageLog(), Now: now, Topic: topic, KeySecret: []byte("secret"), MaxPeriod: 744 * time.Hour, RetentionYears: 2, AppendTimeout: time.Minute,
	}
	return portstest.AccessLogged{
		Log: &logkeeping.AccessLog{Registrar: registrar, CVR: "44444444", NewID: rand.Text}, Units: db.Units(), Store: db.LogStore(),
		Registered: portstest.RegisteredIn(t.Context(), t, db.MessageLog(), topic), Now: now,
	}
}

func TestAccessLog(t *testing.T) {
	portstest.AccessLog(t, func(t *testing.T) portstest.AccessLogged { return logged(t, opened(t)) })
}

func TestPostgresAccessLog(t *testing.T) {
	open := postgresOf(t, 1)
	portstest.AccessLog(t, func(t *testing.T) portstest.AccessLogged { return logged(t, open(time.Now)[0]) })
}
