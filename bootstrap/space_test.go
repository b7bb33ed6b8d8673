package bootstrap

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNumberSpace(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	n := numberSpace{now: func() time.Time { return now }}
	alarm := func(want ...string) {
		t.Helper()
		got, err := n.alarms(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	alarm()
	n.tell(677)
	alarm()
	n.tell(600)
	n.tell(20)
	n.tell(500)
	alarm("ecpr: a series of replacement numbers has 20 left")
	now = now.Add(24 * time.Hour)
	alarm()
	n.tell(500)
	alarm("ecpr: a series of replacement numbers has 500 left")
}
