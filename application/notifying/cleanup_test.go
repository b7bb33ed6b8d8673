package notifying_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

const week = 7 * 24 * time.Hour

// cleaned runs the job as a server does: each step in a unit of work of its own, audited.
func (h *house) cleaned(t testing.TB) notifying.Cleaned {
	t.Helper()
	runner := &scheduling.Runner{Units: h.units, Audit: h.audit, Now: h.clock, NewID: h.newID, Log: slog.New(slog.NewTextHandler(h, nil))}
	w := h.cleanup.Begin()
	for done := false; !done; {
		require.NoError(t, runner.Beside(t.Context(), notifying.CleanupJob, audit.NAS, func(ctx context.Context) (err error) {
			done, err = w.Step(ctx)
			return err
		}))
	}
	got, ok := w.End(nil).(notifying.Cleaned)
	require.True(t, ok)
	return got
}

// oldRows are the rows of a store that are old enough, and what was asked of them.
type oldRows struct {
	ports.PullPointStore
	expired, rows int
	asked         []int
	before        []time.Time
	err           error
}

func (o *oldRows) take(left *int, before time.Time, n int) int {
	o.asked, o.before = append(o.asked, n), append(o.before, before)
	n = min(n, *left)
	*left -= n
	return n
}

// Expire implements ports.PullPointStore.
func (o *oldRows) Expire(_ context.Context, now time.Time, n int) (int, error) {
	return o.take(&o.expired, now, n), o.err
}

// Prune implements ports.PullPointStore.
func (o *oldRows) Prune(_ context.Context, before time.Time, n int) (int, bool, error) {
	n = o.take(&o.rows, before, n)
	return n, o.rows == 0, nil
}

func TestCleanup(t *testing.T) {
	t.Run("a thousand rows a step, each audited in numbers alone", func(t *testing.T) {
		h, rows := newHouse(t), &oldRows{expired: 1500, rows: 2001}
		h.cleanup.PullPoints = rows
		job := h.cleanup.Job(time.Hour, time.Minute)
		assert.Equal(t, [4]any{"nas-cleanup", audit.NAS, time.Minute, scheduling.Schedule{Every: time.Hour}}, [4]any{job.Name, job.Route, job.TTL, job.Due})
		assert.Equal(t, notifying.Cleaned{SubscriptionsExpired: 1500, RowsDeleted: 2001}, h.cleaned(t))
		assert.Equal(t, []int{1000, 1000, 1000, 1000, 1000}, rows.asked)
		assert.Equal(t, slices.Repeat([]time.Time{fixedNow.Add(-week)}, 5), rows.before)
		line := func(what string, n int, before string) string {
			return fmt.Sprintf("NASCleanup datatype=%s NumberDeleted=%d OlderThan=2026-0%s:00:00Z", what, n, before)
		}
		assert.Equal(t, []string{line("expired-subscription", 1000, "2-23T10"), line("expired-subscription", 500, "2-23T10"),
			line("cursor", 1000, "2-23T10"), line("cursor", 1000, "2-23T10"), line("cursor", 1, "2-23T10")}, h.audited())
		assert.Len(t, h.told(), 1)
	})

	t.Run("what failed is not counted, and it ends with its context", func(t *testing.T) {
		h, rows := newHouse(t), &oldRows{expired: 2500}
		h.cleanup.PullPoints = rows
		w := h.cleanup.Begin()
		for range 2 {
			_, err := w.Step(t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, notifying.Cleaned{SubscriptionsExpired: 1000, Detail: errSecret.Error()}, w.End(errSecret), "the commit of the second failed")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := h.cleanup.Begin().Step(ctx)
		require.ErrorIs(t, err, context.Canceled)
		rows.err = errSecret
		_, err = h.cleanup.Begin().Step(t.Context())
		require.ErrorIs(t, err, errSecret)
	})

	t.Run("where nothing is old nothing is said", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		h.subscribed(t, cardChanged, nas.Filter{})
		require.NoError(t, h.publish(t.Context(), publisher(), about(cardChanged, personA)))
		h.told()
		before := len(h.audited())
		assert.Equal(t, notifying.Cleaned{}, h.cleaned(t))
		assert.Len(t, h.audited(), before)
		assert.Empty(t, h.told())
		assert.Len(t, h.stored(t, cardChanged), 1)
	})

	t.Run("T52 after 8 days the newest cursor of each subscription is left, and positions are where they were", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		sub := h.subscribed(t, cardChanged, nas.Filter{})
		store := h.db.PullPoints()
		var newest nas.Cursor
		for i := range int64(4) {
			newest = nas.Cursor{Subscription: subID, PullPoint: pointID, Seq: i + 1, MessageID: fmt.Sprint("m", i), Offsets: nas.Offsets{i, i, i}, CreatedAt: h.clock()}
			require.NoError(t, store.Advance(t.Context(), []nas.Cursor{newest}))
		}
		h.pass(week)
		assert.Equal(t, notifying.Cleaned{}, h.cleaned(t))
		h.pass(24 * time.Hour)
		assert.Equal(t, notifying.Cleaned{RowsDeleted: 4}, h.cleaned(t))
		got, err := store.Subscription(t.Context(), sub.ID, h.clock())
		require.NoError(t, err)
		assert.Equal(t, newest, got.Cursor)
		again, err := store.Answer(t.Context(), pointID, "m2")
		require.NoError(t, err)
		assert.Empty(t, again)
	})

	t.Run("T30 subscriptions that expired end once their answers need not be given again, and go a while later", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		store := h.db.PullPoints()
		require.NoError(t, store.CreatePullPoint(t.Context(), nas.PullPoint{ID: pointID, Owner: owner, CreatedAt: fixedNow}, 10))
		s := nas.Subscription{ID: subID, PullPoint: pointID, Owner: owner, Topic: cardChanged, Log: nas.InternalTopic(cardChanged), CreatedAt: fixedNow,
			Expires: fixedNow.Add(time.Hour)}
		require.NoError(t, store.Subscribe(t.Context(), s, nas.Cursor{Subscription: subID, PullPoint: pointID, CreatedAt: fixedNow}, 10))
		given := nas.Cursor{Subscription: subID, PullPoint: pointID, Seq: 1, MessageID: "m", CreatedAt: fixedNow}
		require.NoError(t, store.Advance(t.Context(), []nas.Cursor{given}))
		h.pass(time.Hour + week - 1)
		assert.Equal(t, notifying.Cleaned{RowsDeleted: 1}, h.cleaned(t), "the cursor before the newest")
		again, err := store.Answer(t.Context(), pointID, "m")
		require.NoError(t, err)
		assert.Len(t, again, 1)
		h.pass(1)
		assert.Equal(t, notifying.Cleaned{SubscriptionsExpired: 1}, h.cleaned(t))
		h.pass(week + time.Millisecond)
		assert.Equal(t, notifying.Cleaned{RowsDeleted: 2}, h.cleaned(t), "the cursor and the subscription")
	})

	t.Run("pull points that nobody fetches from end only where that is wanted", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		h.subscribed(t, cardChanged, nas.Filter{})
		store := h.db.PullPoints()
		live := func() bool {
			all, err := store.LivePullPoints(t.Context(), "", 10, h.clock())
			require.NoError(t, err)
			return len(all) == 1
		}
		h.pass(300 * 24 * time.Hour)
		h.cleaned(t)
		require.True(t, live(), "0 days: never")
		h.cleanup.IdleDays = 30
		require.NoError(t, store.Seen(t.Context(), pointID, h.clock()))
		h.pass(30 * 24 * time.Hour)
		assert.Zero(t, h.cleaned(t).PullPointsIdle)
		require.True(t, live())
		h.pass(time.Second)
		assert.Equal(t, 1, h.cleaned(t).PullPointsIdle)
		assert.False(t, live())
	})
}

func TestCleanupOfTheLog(t *testing.T) {
	const count = 2500
	begin := func(t *testing.T) *house {
		h := newHouse(t)
		r := notifying.TopicRequest{Topic: cardChanged, Partitions: 1}
		_, err := h.admin.CreateTopic(t.Context(), operator(), r)
		require.NoError(t, err)
		h.broker.MaxMessages = count
		return h
	}
	publish := func(t *testing.T, h *house, n int) {
		ms := make([]notifying.Message, n)
		for i := range ms {
			ms[i] = about(cardChanged, "")
		}
		require.NoError(t, h.publish(t.Context(), publisher(), ms...))
	}
	bounds := func(t *testing.T, h *house) messagelog.Bounds {
		internal := nas.InternalTopic(cardChanged)
		b, err := h.db.MessageLog().Bounds(t.Context(), []messagelog.Topic{internal})
		require.NoError(t, err)
		return b[internal][0]
	}

	t.Run("what is older than the topic's retention goes, 1,000 a step, and the first offset is raised", func(t *testing.T) {
		h := begin(t)
		publish(t, h, count)
		h.pass(24 * time.Hour)
		publish(t, h, 7)
		h.pass(13 * 24 * time.Hour)
		assert.Equal(t, notifying.Cleaned{}, h.cleaned(t), "as old as the retention is not older")
		assert.Equal(t, messagelog.Bounds{First: 0, End: count + 7}, bounds(t, h))
		h.pass(1 * time.Millisecond)
		h.told()
		assert.Equal(t, notifying.Cleaned{MessagesDeleted: count}, h.cleaned(t))
		assert.Equal(t, messagelog.Bounds{First: count, End: count + 7}, bounds(t, h))
		lines := h.audited()
		for i, n := range []int{1000, 1000, 500} {
			assert.Equal(t, fmt.Sprintf("NASCleanup datatype=notification NumberDeleted=%d OlderThan=2026-03-02T10:00:00.001Z internal-topic=%s",
				n, nas.InternalTopic(cardChanged)), lines[len(lines)-3+i])
		}
		assert.Len(t, h.told(), 1)
		assert.Equal(t, notifying.Cleaned{}, h.cleaned(t), "again there is nothing")
		h.pass(24 * time.Hour)
		assert.Equal(t, 7, h.cleaned(t).MessagesDeleted)
		assert.Equal(t, messagelog.Bounds{First: count + 7, End: count + 7}, bounds(t, h))
	})

	t.Run("a topic without retention, and one whose log cleans up itself, is left alone", func(t *testing.T) {
		h := begin(t)
		publish(t, h, 5)
		h.pass(30 * 24 * time.Hour)
		log := h.cleanup.Log
		h.cleanup.Log = nil
		assert.Equal(t, notifying.Cleaned{}, h.cleaned(t))
		h.cleanup.Log = log
		require.NoError(t, h.db.NASTopics().UpdateTopic(t.Context(), cardChanged, func(t nas.Topic) (nas.Topic, error) {
			t.Spec.Retention = 0
			return t, nil
		}))
		assert.Equal(t, notifying.Cleaned{}, h.cleaned(t))
		assert.Equal(t, messagelog.Bounds{First: 0, End: 5}, bounds(t, h))
	})

	t.Run("a topic that the log does not have stops nobody", func(t *testing.T) {
		h := begin(t)
		publish(t, h, 5)
		h.topic(t, "urn:a:Lost")
		require.NoError(t, h.db.Topics().DeleteTopic(t.Context(), nas.InternalTopic("urn:a:Lost")))
		h.pass(30 * 24 * time.Hour)
		assert.Equal(t, 5, h.cleaned(t).MessagesDeleted)
	})

	t.Run("the log failing ends the run, and the next goes on", func(t *testing.T) {
		for _, f := range []func(*portstest.FailingMessageLog) *portstest.Failure{
			func(l *portstest.FailingMessageLog) *portstest.Failure { return &l.OnBounds },
			func(l *portstest.FailingMessageLog) *portstest.Failure { return &l.OnRead },
		} {
			h := begin(t)
			publish(t, h, 5)
			h.pass(30 * 24 * time.Hour)
			f(h.log).FailFrom(1, errSecret)
			w := h.cleanup.Begin()
			var err error
			for done := false; !done && err == nil; {
				done, err = w.Step(t.Context())
			}
			require.ErrorIs(t, err, errSecret)
			assert.Equal(t, messagelog.Bounds{First: 0, End: 5}, bounds(t, h))
			f(h.log).Heal()
			assert.Equal(t, 5, h.cleaned(t).MessagesDeleted)
		}
	})
}
