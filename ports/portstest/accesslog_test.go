package portstest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports/portstest"
)

// The fakes keep the contract while they are told nothing.
func TestAccessLogs(t *testing.T) {
	portstest.AccessLog(t, func(*testing.T) portstest.AccessLogged {
		now := func() time.Time { return time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC) }
		db, log := memory.New(now), &portstest.RecordingAccessLog{}
		return portstest.AccessLogged{
			Log: &portstest.FailingAccessLog{Access: log}, Units: db.Units(), Store: db.LogStore(), Now: now,
			Registered: func(context.Context) ([]minlog.Entry, error) { return log.Kept(), nil },
		}
	})
}

func TestFailingAccessLog(t *testing.T) {
	down := errors.New("down")
	at := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	who := minlog.ID{Source: minlog.CPR, Value: "0202801111"}
	entry := minlog.Entry{System: "MinLog", Activity: "Opslag i MinLog", From: at, To: at, Person: who, User: who}
	log := &portstest.RecordingAccessLog{}
	failing := &portstest.FailingAccessLog{Access: log}
	failing.OnLog.FailFrom(1, down)
	require.ErrorIs(t, failing.Log(t.Context(), entry), down)
	assert.Empty(t, log.Kept())
	failing.OnLog.Heal()
	failing.OnAnswer.FailFrom(1, down)
	require.ErrorIs(t, failing.Log(t.Context(), entry), down)
	assert.Len(t, log.Kept(), 1)
}
