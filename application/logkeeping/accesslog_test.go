package logkeeping_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// ownLog is the access log of the house, for the services of an organisation.
func (h *house) ownLog() *logkeeping.AccessLog {
	n := 0
	return &logkeeping.AccessLog{Registrar: h.registrar, CVR: "44444444", NewID: func() string { n++; return fmt.Sprintf("id-%d", n) }}
}

// ours is an access of one of our services.
func ours(change ...func(*minlog.Entry)) minlog.Entry {
	d := access("2026-11-21T11:00:00Z", change...)
	d.Entry.From, d.Entry.To = d.At.Time, d.At.Time
	return d.Entry
}

func TestAccessLog(t *testing.T) {
	for _, c := range []struct {
		name     string
		embedded bool
	}{
		{"in the caller's store", true},
		{"in another store", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			portstest.AccessLog(t, func(t *testing.T) portstest.AccessLogged {
				h := newHouse(t)
				caller := h.db
				if !c.embedded {
					caller = memory.New(time.Now)
				}
				return portstest.AccessLogged{
					Log: &logkeeping.AccessLog{Registrar: h.registrar, CVR: "44444444", NewID: rand.Text}, Units: caller.Units(), Store: caller.LogStore(),
					Registered: portstest.RegisteredIn(t.Context(), t, h.db.MessageLog(), topic), Now: h.registrar.Now,
				}
			})
		})
	}
}

func TestOwnRegistrations(t *testing.T) {
	t.Run("they are stored as those of the organisation that runs the services, and the call's line tells of them", func(t *testing.T) {
		h := newHouse(t)
		require.NoError(t, h.ownLog().Log(t.Context(), ours(sequence(7))))
		h.consume(t)
		rows := h.stored(t, citizen)
		require.Len(t, rows, 1)
		assert.Equal(t, minlog.Registrar{CVR: "44444444", ITSystem: "OpenNSP", MessageID: "id-1", Interface: "20250312"}, rows[0].Registrar)
		assert.Equal(t, now, rows[0].ReceivedAt)
		assert.Empty(t, h.notes.all)
	})

	t.Run("nothing of them is folded, though systems' are", func(t *testing.T) {
		h := newHouse(t)
		h.registrar.Reduction = minlog.Reduction{Window: time.Hour, MaxPeriod: h.registrar.MaxPeriod}
		require.NoError(t, h.ownLog().Log(t.Context(), ours(sequence(7)), ours(sequence(8))))
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 2)
	})

	t.Run("entries without a sequence number are others in each call", func(t *testing.T) {
		h := newHouse(t)
		log := h.ownLog()
		require.NoError(t, log.Log(t.Context(), ours(), ours()))
		require.NoError(t, log.Log(t.Context(), ours()))
		h.consume(t)
		assert.Len(t, h.stored(t, citizen), 3)
	})

	t.Run("what is refused is not counted as what systems hand in", func(t *testing.T) {
		h := newHouse(t)
		late := ours()
		late.From, late.To = now.Add(-3*365*24*time.Hour), now.Add(-3*365*24*time.Hour)
		assert.Equal(t, minlog.Refusal{Code: minlog.CodeTooOld}, h.ownLog().Log(t.Context(), late))
		h.consume(t)
		daily, err := h.db.LogStore().Daily(t.Context(), day("2026-11-21"), day("2026-11-22"), "")
		require.NoError(t, err)
		assert.Empty(t, daily)
	})

	t.Run("AC-14 a message log that is down, or cannot tell: the caller fails, and may try again", func(t *testing.T) {
		for _, cause := range []error{errors.New("disk full"), messagelog.ErrOutcomeUnknown} {
			h := newHouse(t)
			log := &portstest.FailingMessageLog{Log: h.db.MessageLog()}
			log.OnAppend.FailFrom(1, cause)
			h.registrar.Log = log
			err := h.ownLog().Log(t.Context(), ours(sequence(1)))
			f, _ := fault.Of(err)
			assert.Equal(t, fault.Error{Kind: fault.Unavailable, Code: "processing_problem", Text: "internal error"}, f)
			require.ErrorIs(t, err, cause, "the cause is for the log")
			require.NotErrorIs(t, err, minlog.ErrRefused)
			assert.NotContains(t, err.Error(), citizen)
			log.OnAppend.Heal()
			require.NoError(t, h.ownLog().Log(t.Context(), ours(sequence(1))))
			h.consume(t)
			assert.Len(t, h.stored(t, citizen), 1)
		}
	})

	t.Run("a message log that takes too long is given up", func(t *testing.T) {
		h := newHouse(t)
		h.registrar.Log, h.registrar.AppendTimeout = stuckLog{}, time.Millisecond
		err := h.ownLog().Log(t.Context(), ours())
		assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	})

	t.Run("the records carry the call they are part of", func(t *testing.T) {
		h := newHouse(t)
		log := &keptLog{}
		h.registrar.Log = log
		require.NoError(t, h.db.Units().Run(t.Context(), func(ctx context.Context) error {
			return h.ownLog().Log(ports.WithCallID(ctx, "00112233aabbccdd"), ours())
		}, func(context.Context) error { return nil }))
		require.Len(t, log.records, 1)
		assert.Contains(t, log.records[0].Headers, messagelog.Header{Key: "nsp-call", Value: "00112233aabbccdd"})
	})
}
