package consenting_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// old is rows that are old enough, and what was asked of them.
type old struct {
	ports.ConsentStore
	ports.OverrideLog
	registrations, overrides int
	before                   []time.Time
	asked                    []int
	err                      error
}

func (o *old) ExpireRevoked(_ context.Context, before time.Time, n int) (int, bool, error) {
	return o.expire(&o.registrations, before, n)
}

func (o *old) Expire(_ context.Context, before time.Time, n int) (int, bool, error) {
	return o.expire(&o.overrides, before, n)
}

func (o *old) expire(left *int, before time.Time, n int) (int, bool, error) {
	if o.err != nil {
		return 0, false, o.err
	}
	o.before, o.asked = append(o.before, before), append(o.asked, n)
	n = min(n, *left)
	*left -= n
	return n, *left == 0, nil
}

// runAll does the steps of a run.
func runAll(ctx context.Context, w scheduling.Work) error {
	for {
		if done, err := w.Step(ctx); done || err != nil {
			return err
		}
	}
}

func TestRetention(t *testing.T) {
	t.Run("a thousand rows at a time, in numbers alone", func(t *testing.T) {
		h, rows := newHouse(t), &old{registrations: 1500, overrides: 2001}
		r := &consenting.Retention{Store: rows, Overrides: rows, Trail: h, Now: h.clock, RevokedYears: 10, OverrideYears: 5}
		job := r.Job(24*time.Hour, time.Minute)
		assert.Equal(t, scheduling.Schedule{Every: 24 * time.Hour}, job.Due)
		assert.Equal(t, [3]any{"consent-retention", audit.Samtykke, time.Minute}, [3]any{job.Name, job.Route, job.TTL})
		w := job.Begin()
		require.NoError(t, runAll(t.Context(), w))
		assert.Equal(t, consenting.Retained{Registrations: 1500, Overrides: 2001}, w.End(nil))
		ten, five := fixedNow.AddDate(-10, 0, 0), fixedNow.AddDate(-5, 0, 0)
		assert.Equal(t, []time.Time{ten, ten, five, five, five}, rows.before)
		assert.Equal(t, []int{1000, 1000, 1000, 1000, 1000}, rows.asked)
		lines := h.said()
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], "Samtykke/ConsentRetention datatype=registration NumberDeleted=1000 ")
		assert.NotRegexp(t, `\b\d{10}\b`, lines[0])
	})
	t.Run("every step is audited, one that deletes nothing is not", func(t *testing.T) {
		h, rows := newHouse(t), &old{overrides: 1001}
		w := (&consenting.Retention{Store: rows, Overrides: rows, Trail: h, Now: h.clock, RevokedYears: 1, OverrideYears: 5}).Begin()
		for _, want := range []string{"", "1000", "1"} {
			_, err := w.Step(t.Context())
			require.NoError(t, err)
			if want != "" {
				want = "Samtykke/ConsentRetention datatype=override NumberDeleted=" + want + " OlderThan=2021-03-02T10:00:00Z"
				assert.Equal(t, []string{want}, h.said())
			} else {
				assert.Empty(t, h.said())
			}
		}
	})
	t.Run("0 years keep everything", func(t *testing.T) {
		h, rows := newHouse(t), &old{registrations: 1, overrides: 1}
		w := (&consenting.Retention{Store: rows, Overrides: rows, Trail: h, Now: h.clock}).Begin()
		require.NoError(t, runAll(t.Context(), w))
		assert.Empty(t, rows.asked)
		assert.Equal(t, consenting.Retained{}, w.End(nil))
		assert.Empty(t, h.said())
	})
	t.Run("it ends with its context", func(t *testing.T) {
		h, rows := newHouse(t), &old{registrations: 5000}
		w := (&consenting.Retention{Store: rows, Overrides: rows, Trail: h, Now: h.clock, RevokedYears: 1}).Begin()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := w.Step(ctx)
		require.NoError(t, err)
		cancel()
		require.ErrorIs(t, runAll(ctx, w), context.Canceled)
		assert.Len(t, rows.asked, 1)
	})
	t.Run("what failed is not counted", func(t *testing.T) {
		h, rows := newHouse(t), &old{registrations: 1500}
		w := (&consenting.Retention{Store: rows, Overrides: rows, Trail: h, Now: h.clock, RevokedYears: 1}).Begin()
		_, err := w.Step(t.Context())
		require.NoError(t, err)
		_, err = w.Step(t.Context())
		require.NoError(t, err)
		got, ok := w.End(errSecret).(consenting.Retained)
		require.True(t, ok)
		assert.Equal(t, consenting.Retained{Registrations: 1000, Detail: errSecret.Error()}, got, "its commit failed")
		rows.err = errSecret
		w = (&consenting.Retention{Store: rows, Overrides: rows, Trail: h, Now: h.clock, OverrideYears: 1}).Begin()
		require.ErrorIs(t, runAll(t.Context(), w), errSecret)
	})
	t.Run("what is too young, or in force, stays", func(t *testing.T) {
		s := newSurgery(t)
		revoked, kept := s.add(t, citizenC, consent.Constraint, always()), s.add(t, citizenC, consent.Constraint, always())
		_, err := s.Revoke(t.Context(), token(citizenC), []consenting.Revocation{{ID: revoked.ID, Citizen: citizenC}})
		require.NoError(t, err)
		override := func(message string) {
			c := changed(breaking(doctor(doctorD)), func(c *identity.Caller) { c.MessageID = message })
			_, err := s.check(t, c, asking(doctorD))
			require.NoError(t, err)
		}
		override("m1")
		s.pass(366 * 24 * time.Hour)
		override("m2")
		w := (&consenting.Retention{
			Store: s.db.Consents(true), Overrides: s.db.Overrides(true), Trail: s, Now: s.clock, RevokedYears: 1, OverrideYears: 1,
		}).Begin()
		require.NoError(t, runAll(t.Context(), w))
		assert.Equal(t, consenting.Retained{Registrations: 1, Overrides: 1}, w.End(nil))
		left := s.house.kept(t, citizenC)
		require.Len(t, left, 1)
		assert.Equal(t, kept.ID, left[0].ID)
		require.Len(t, s.overridden(t), 1)
		assert.Equal(t, "m2", s.overridden(t)[0].MessageID)
	})
}
