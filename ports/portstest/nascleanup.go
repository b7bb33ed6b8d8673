package portstest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/nas"
)

// requirePruned prunes what is before an instant, and requires how many rows that deletes.
func (c *nasCase) requirePruned(before time.Time, want int) {
	deleted, done, err := c.points().Prune(c.ctx, before, enough)
	require.NoError(c.t, err)
	require.Equal(c.t, want, deleted)
	require.True(c.t, done)
}

func pullPointsCleaned(t *testing.T, open OpenNASStores) {
	t.Run("Expire ends at most so many subscriptions that have expired", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, forever := c.subscribed()
		var expired []nas.Subscription
		for range 5 {
			s := c.aSubscription(p)
			s.Expires = later(2)
			expired = append(expired, c.subscribe(s))
		}
		open := c.aSubscription(p)
		open.Expires = later(2).Add(tick)
		c.subscribe(open)
		require.NoError(t, c.points().EndSubscription(c.ctx, expired[0].ID, later(1)))
		for _, step := range []struct {
			now  time.Time
			n    int
			want int
		}{{later(2).Add(-tick), 9, 0}, {later(2), 0, 0}, {later(2), 3, 3}, {later(2), 3, 1}, {later(2), 3, 0}} {
			ended, err := c.points().Expire(c.ctx, step.now, step.n)
			require.NoError(t, err)
			require.Equal(t, step.want, ended, "Expire(%v, %d)", step.now, step.n)
		}
		c.requirePoint(p.ID, later(2), forever, open)
		require.ErrorIs(t, c.points().Advance(c.ctx, []nas.Cursor{cursorAfter(expired[1].Cursor, "m")}), nas.ErrMoved, "what expired has ended")
	})

	t.Run("Idle returns at most so many live pull points that were made and last seen before an instant", func(t *testing.T) {
		c := nasCaseOf(t, open)
		var idle []nas.PullPointID
		for i, at := range []struct{ made, seen time.Time }{
			{later(1), time.Time{}}, {later(1), later(1)}, {later(2), later(1)}, {later(1), later(2)}, {later(2), time.Time{}}, {later(1), time.Time{}},
		} {
			p := c.aPoint()
			p.CreatedAt, p.LastSeen = at.made, at.seen
			c.createPoint(p)
			if i < 2 {
				idle = append(idle, p.ID)
			}
			if i == 5 {
				require.NoError(t, c.points().EndPullPoint(c.ctx, p.ID, later(1)))
			}
		}
		for n, want := range map[int]int{0: 0, 1: 1, 2: 2, 3: 2} {
			got, err := c.look().Idle(c.ctx, later(2), n)
			require.NoError(t, err)
			require.Len(t, got, want)
			require.Subset(t, idle, got)
		}
	})

	t.Run("T52 Prune deletes cursors that are old and not the newest of their subscription", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		quiet := c.subscribe(c.aSubscription(p))
		var kept []nas.Subscription
		for i := range 6 { // made at 1, 2, … hours
			s = c.advance(s, fmt.Sprint("m", i))
			kept = append(kept, s)
		}
		c.requirePruned(noon, 0)
		c.requirePruned(later(3), 3) // the first cursor too
		c.requirePoint(p.ID, later(1), s, quiet)
		for i, k := range kept {
			if i < 2 {
				c.requireAnswer(p.ID, fmt.Sprint("m", i))
			} else {
				c.requireAnswer(p.ID, fmt.Sprint("m", i), k.Cursor)
			}
		}
		c.requirePruned(later(999), 3)
		c.requirePruned(later(999), 0)
		c.requirePoint(p.ID, later(1), s, quiet)
		c.requireAnswer(p.ID, "m5", s.Cursor)
		c.requirePoint(p.ID, later(1), c.advance(s, "m6"), quiet)
	})

	t.Run("Prune deletes what ended before an instant, with its cursors", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, old := c.subscribed()
		old = c.advance(old, "m")
		recent, live := c.subscribe(c.aSubscription(p)), c.subscribe(c.aSubscription(p))
		gone := c.createPoint(c.aPoint())
		gones := c.subscribe(c.aSubscription(gone))
		require.NoError(t, c.points().EndSubscription(c.ctx, old.ID, later(2).Add(-tick)))
		require.NoError(t, c.points().EndSubscription(c.ctx, recent.ID, later(2)))
		require.NoError(t, c.points().EndPullPoint(c.ctx, gone.ID, later(1)))
		c.requirePruned(later(2), 6) // two subscriptions with three cursors, and a pull point
		c.requirePoint(p.ID, later(3), live)
		// The ids are free, since nothing is left of them.
		again := gones
		c.createPoint(gone)
		c.subscribe(again)
		c.requirePoint(gone.ID, later(3), again)
		again = old
		again.Cursor = c.aSubscription(p).Cursor
		again.Cursor.Subscription = old.ID
		c.subscribe(again)
		c.requireAnswer(p.ID, "m")
		s := c.aSubscription(p)
		s.ID = recent.ID
		require.Error(t, c.points().Subscribe(c.ctx, s, s.Cursor, enough), "it ended later, and is still there")
	})

	t.Run("Prune deletes at most so many, until none is left", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		for i := range 4 {
			s = c.advance(s, fmt.Sprint("m", i))
		}
		gone := c.createPoint(c.aPoint())
		c.advance(c.subscribe(c.aSubscription(gone)), "m")
		require.NoError(t, c.points().EndPullPoint(c.ctx, gone.ID, later(1)))
		deleted, done, err := c.points().Prune(c.ctx, later(999), 0)
		require.NoError(t, err)
		require.Equal(t, []any{0, false}, []any{deleted, done})
		left := 8 // 4 cursors, and the pull point with a subscription of 2
		for done = false; !done; {
			deleted, done, err = c.points().Prune(c.ctx, later(999), 3)
			require.NoError(t, err)
			require.Equal(t, min(3, left), deleted)
			left -= deleted
			require.False(t, done && left > 0, "done with %d left", left)
			require.True(t, done || deleted == 3, "not done, but fewer than could be")
		}
		c.requirePoint(p.ID, later(1), s)
	})
}

// pullPointsJoin has each write within a unit of work, of which nothing is left when it rolls back.
func pullPointsJoin(t *testing.T, open OpenNASStores) {
	type world struct {
		*nasCase
		p        nas.PullPoint
		s, spare nas.Subscription
		made     nas.PullPoint
	}
	for name, write := range map[string]func(ctx context.Context, w world) error{
		"CreatePullPoint": func(ctx context.Context, w world) error { return w.points().CreatePullPoint(ctx, w.made, enough) },
		"Subscribe": func(ctx context.Context, w world) error {
			return w.points().Subscribe(ctx, w.spare, w.spare.Cursor, enough)
		},
		"Seen":            func(ctx context.Context, w world) error { return w.points().Seen(ctx, w.p.ID, later(7)) },
		"EndSubscription": func(ctx context.Context, w world) error { return w.points().EndSubscription(ctx, w.s.ID, later(1)) },
		"EndPullPoint":    func(ctx context.Context, w world) error { return w.points().EndPullPoint(ctx, w.p.ID, later(1)) },
		"EndTopic": func(ctx context.Context, w world) error {
			_, err := w.points().EndTopic(ctx, modified, later(1))
			return err
		},
		"Advance": func(ctx context.Context, w world) error {
			return w.points().Advance(ctx, []nas.Cursor{cursorAfter(w.s.Cursor, "new")})
		},
		"Expire": func(ctx context.Context, w world) error { _, err := w.points().Expire(ctx, later(99), 9); return err },
		"Prune":  func(ctx context.Context, w world) error { _, _, err := w.points().Prune(ctx, later(99), 9); return err },
	} {
		t.Run(name+" joins the unit of work", func(t *testing.T) {
			c := nasCaseOf(t, open)
			w := world{nasCase: c}
			w.p, w.s = c.subscribed()
			w.s = c.advance(c.advance(w.s, "m"), "") // the answer to m goes first
			ends := c.aSubscription(w.p)
			ends.Expires = later(48)
			c.subscribe(ends)
			w.made, w.spare = c.aPoint(), c.aSubscription(w.p)
			seen := func(ctx context.Context) string {
				all, err := c.points().LivePullPoints(ctx, "", 9, later(24))
				require.NoError(t, err)
				answer, err := c.points().Answer(ctx, w.p.ID, "m")
				require.NoError(t, err)
				ids, err := c.points().Idle(ctx, later(99), 9)
				require.NoError(t, err)
				slices.Sort(ids)
				return fmt.Sprintf("%+v %+v %v", all, answer, ids)
			}
			before := seen(c.ctx)
			var within string
			rolledBack(c.ctx, t, c.units(), func(ctx context.Context) {
				require.NoError(t, write(ctx, w))
				within = seen(ctx)
				require.NotEqual(t, before, within, "within the unit")
			})
			require.Equal(t, before, seen(c.ctx))
			committed(c.ctx, t, c.units(), func(ctx context.Context) { require.NoError(t, write(ctx, w)) })
			require.Equal(t, within, seen(c.ctx))
		})
	}

	t.Run("a write whose context has ended changes nothing", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		require.ErrorIs(t, c.points().Advance(ended(), []nas.Cursor{cursorAfter(s.Cursor, "m")}), context.Canceled)
		require.ErrorIs(t, c.points().EndPullPoint(ended(), p.ID, later(1)), context.Canceled)
		c.requirePoint(p.ID, later(1), s)
	})
}
