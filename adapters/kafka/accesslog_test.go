package kafka

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports/portstest"
)

// The stores of the caller and the message log are apart.
func TestAccessLog(t *testing.T) {
	const topic = "minlog.registrations.v1"
	now := func() time.Time { return time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC) }
	portstest.AccessLog(t, func(t *testing.T) portstest.AccessLogged {
		c := opened(t, single(fakeBroker(t, 1).ListenAddrs()))
		require.NoError(t, logkeeping.EnsureTopic(t.Context(), c.Topics(), topic, messagelog.Spec{Partitions: 2}))
		log, db := c.Service("minlog2-registration").MessageLog(), memory.New(now)
		registrar := &logkeeping.Registrar{
			Log: log, Now: now, Topic: topic, KeySecret: []byte("secret"), MaxPeriod: 744 * time.Hour, RetentionYears: 2, AppendTimeout: time.Minute,
		}
		return portstest.AccessLogged{
			Log: &logkeeping.AccessLog{Registrar: registrar, CVR: "44444444", NewID: rand.Text}, Units: db.Units(), Store: db.LogStore(),
			Registered: portstest.RegisteredIn(t.Context(), t, log, topic), Now: now,
		}
	})
}
