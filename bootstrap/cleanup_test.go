package bootstrap

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// A clean-up of registrations that fails, when it is due, is told of where operators look (UC-9, W-6), until one ends well.
func TestCleanupAlarm(t *testing.T) {
	var days atomic.Int64
	store := &portstest.FailingLogStore{}
	s := startServer(t, testConfig(t, dataDir(t), Setting{Key: "store.driver", Value: "memory"}, Setting{Key: "jobs.lease_ttl", Value: "1s"},
		Setting{Key: "minlog.cleanup_schedule", Value: "03:15"}, Setting{Key: "health.cache", Value: "1ms"}), Options{
		Now: func() time.Time { return time.Now().AddDate(0, 0, int(days.Load())) },
		WrapLogStore: func(l ports.LogStore) ports.LogStore {
			store.Log = l
			return store
		},
	})
	alarm := s.url + "/minlog2-cleanup/alarm"
	said := func(code int, text string) func() bool {
		return func() bool {
			got, body := fetch(t, "GET", alarm, "")
			return got == code && strings.Contains(body, text)
		}
	}
	assert.True(t, said(200, "OK")())
	store.OnStore.FailFrom(1, errors.New("away"))
	days.Add(1)
	require.Eventually(t, said(500, "job minlog-cleanup failed at "), 30*time.Second, 10*time.Millisecond)
	code, body := fetch(t, "GET", s.url+"/minlog2-cleanup/status", "")
	assert.Equal(t, 200, code)
	assert.Contains(t, body, "Database : OK")
	store.OnStore.Heal()
	days.Add(1)
	require.Eventually(t, said(200, "OK"), 30*time.Second, 10*time.Millisecond)
	require.NoError(t, s.stop())
}
