package portstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// AccessLogged is an access log, and what its suite needs around it.
type AccessLogged struct {
	Log        ports.AccessLog
	Units      ports.UnitOfWork                              // of a caller
	Store      ports.LogStore                                // joins Units, and is not where accesses are registered
	Registered func(context.Context) ([]minlog.Entry, error) // everything that is registered, each once, in any order
	Now        func() time.Time                              // of the access log; it stands still
}

// RegisteredIn returns what is registered in a topic of a message log from now on, each entry once, for AccessLogged.
func RegisteredIn(ctx context.Context, t *testing.T, log ports.MessageLog, topic messagelog.Topic) func(context.Context) ([]minlog.Entry, error) {
	t.Helper()
	from, err := log.Bounds(ctx, []messagelog.Topic{topic})
	require.NoError(t, err)
	return func(ctx context.Context) (entries []minlog.Entry, err error) {
		seen := map[minlog.RegistrationID]bool{}
		for part, b := range from[topic] {
			for batch, err := range log.Read(ctx, topic, part, b.End, -1, now) {
				if err != nil {
					return nil, err
				}
				for _, r := range batch.Records {
					registration, tally, err := minlog.DecodeRecord(r.Value)
					switch {
					case err != nil:
						return nil, err
					case tally != nil:
						return nil, errTally
					case !seen[registration.ID]:
						seen[registration.ID] = true
						entries = append(entries, registration.Entry)
					}
				}
			}
		}
		return entries, nil
	}
}

var errTally = errors.New("something was refused and counted")

// AccessLog runs the contract of ports.AccessLog.
func AccessLog(t *testing.T, open func(*testing.T) AccessLogged) {
	t.Run("all entries are durable when Log returns", func(t *testing.T) {
		a, ctx := open(t), bounded(t)
		want := []minlog.Entry{looked(a, "1"), looked(a, ""), looked(a, "2")}
		want[1].Filters, want[1].Source = []string{"Ikke borger"}, &minlog.Chain{CorrelationID: "s-1", System: "Portal"}
		want[2].From = want[2].From.Add(-time.Minute)
		require.NoError(t, a.Log.Log(ctx, want...))
		a.require(ctx, t, want...)
	})

	t.Run("it takes 1,000 entries", func(t *testing.T) {
		a, ctx := open(t), bounded(t)
		require.NoError(t, a.Log.Log(ctx, lookedOften(a, minlog.MaxLogged)...))
		got, err := a.Registered(ctx)
		require.NoError(t, err)
		assert.Len(t, got, minlog.MaxLogged)
	})

	t.Run("no entry, or 1,001, are refused", func(t *testing.T) {
		a, ctx := open(t), bounded(t)
		for _, n := range []int{0, minlog.MaxLogged + 1} {
			require.ErrorIs(t, a.Log.Log(ctx, lookedOften(a, n)...), minlog.ErrRefused, "Log of %d", n)
		}
		a.require(ctx, t)
	})

	t.Run("an entry equal to one before, with the same sequence number, is ignored", func(t *testing.T) {
		a, ctx := open(t), bounded(t)
		again, other := looked(a, "1"), looked(a, "2")
		require.NoError(t, a.Log.Log(ctx, again))
		require.NoError(t, a.Log.Log(ctx, again))
		require.NoError(t, a.Log.Log(ctx, other, again), "in other company")
		a.require(ctx, t, again, other)
	})

	t.Run("entries that only look like one before are others", func(t *testing.T) {
		a, ctx := open(t), bounded(t)
		other := looked(a, "1")
		other.Activity = "Rettelse"
		require.NoError(t, a.Log.Log(ctx, looked(a, "1"), other, looked(a, "2"), looked(a, "")))
		for range 2 {
			require.NoError(t, a.Log.Log(ctx, looked(a, "")), "without a sequence number nothing tells that it is the same")
		}
		a.require(ctx, t, looked(a, "1"), other, looked(a, "2"), looked(a, ""), looked(a, ""), looked(a, ""))
	})

	t.Run("one entry that is refused: none is registered, however often it is tried", func(t *testing.T) {
		a, ctx := open(t), bounded(t)
		bad := looked(a, "2")
		bad.Activity = ""
		for range 2 {
			err := a.Log.Log(ctx, looked(a, "1"), bad, looked(a, "3"))
			require.ErrorIs(t, err, minlog.ErrRefused)
			assert.Equal(t, minlog.Refusal{Code: minlog.CodeMissing}, err, "and tells the code alone")
		}
		a.require(ctx, t)
	})

	t.Run("Log is a transaction of its own: the caller's unit rolls back and the entry stays", func(t *testing.T) {
		a, ctx := open(t), bounded(t)
		require.ErrorIs(t, a.Units.Run(ctx, func(ctx context.Context) error {
			require.NoError(t, a.Log.Log(ctx, looked(a, "1")))
			a.require(context.WithoutCancel(ctx), t, looked(a, "1"))
			require.NoError(t, step(ctx, a.Store, "a", 0, 1), "the unit may write afterwards")
			return errBoom
		}, nothing), errBoom)
		a.require(ctx, t, looked(a, "1"))
		requireNew(ctx, t, a.Store, "a")
	})

	t.Run("the unit that reads, and one that logs in its seal, may log", func(t *testing.T) {
		a, ctx := open(t), bounded(t)
		require.NoError(t, a.Units.Run(ctx, func(ctx context.Context) error {
			requireNew(ctx, t, a.Store, "a")
			return a.Log.Log(ctx, looked(a, "1"))
		}, func(ctx context.Context) error { return a.Log.Log(ctx, looked(a, "2")) }))
		a.require(ctx, t, looked(a, "1"), looked(a, "2"))
	})

	t.Run("after the unit has written, nothing is done and ErrLateLog returned at once", func(t *testing.T) {
		a, ctx := open(t), bounded(t)
		late := func(ctx context.Context) {
			require.Equal(t, ports.ErrLateLog, a.Log.Log(ctx, looked(a, "1")))
			bad := looked(a, "1")
			bad.Activity = ""
			require.Equal(t, ports.ErrLateLog, a.Log.Log(ctx, bad), "whatever the entries")
		}
		require.NoError(t, a.Units.Run(ctx, func(ctx context.Context) error {
			require.NoError(t, step(ctx, a.Store, "a", 0, 1))
			late(ctx)
			return nil
		}, func(ctx context.Context) error {
			late(ctx)
			return nil
		}))
		a.require(ctx, t)
		requireAt(ctx, t, a.Store, "a", 1)
	})

	t.Run("it ends when ctx does", func(t *testing.T) {
		a := open(t)
		ctx, cancel := context.WithCancel(bounded(t))
		cancel()
		require.ErrorIs(t, a.Log.Log(ctx, looked(a, "1")), context.Canceled)
	})

	t.Run("it is safe for concurrent use", func(t *testing.T) {
		a, ctx := open(t), bounded(t)
		const n = 8
		var want []minlog.Entry
		var wg sync.WaitGroup
		for i := range n {
			own := looked(a, fmt.Sprint(i+1))
			want = append(want, own)
			wg.Go(func() { assert.NoError(t, a.Log.Log(ctx, own, looked(a, "0"))) })
		}
		wg.Wait()
		a.require(ctx, t, append(want, looked(a, "0"))...)
	})
}

// looked is an access of now, with a sequence number.
func looked(a AccessLogged, sequence string) minlog.Entry {
	at := a.Now().UTC().Truncate(time.Hour)
	return minlog.Entry{
		System: "MinLog", Activity: "Opslag i MinLog", From: at, To: at, Person: minlog.ID{Source: minlog.CPR, Value: "0303164444"},
		SequenceNumber: sequence, User: minlog.ID{Source: minlog.CPR, Value: "0202801111"}, UserRole: "Forældremyndighedsindehaver",
	}
}

// lookedOften is n different accesses.
func lookedOften(a AccessLogged, n int) []minlog.Entry {
	all := make([]minlog.Entry, n)
	for i := range all {
		all[i] = looked(a, fmt.Sprint(i))
	}
	return all
}

// require asserts that just these are registered.
func (a AccessLogged) require(ctx context.Context, t *testing.T, want ...minlog.Entry) {
	t.Helper()
	got, err := a.Registered(ctx)
	require.NoError(t, err)
	assert.ElementsMatch(t, want, got)
}
