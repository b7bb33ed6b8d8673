package portstest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// enough is a limit that no case comes to.
const enough = 1000

func (c *nasCase) points() ports.PullPointStore { return c.first().Store.PullPoints() }
func (c *nasCase) look() ports.PullPointStore   { return c.last().Store.PullPoints() }

func (c *nasCase) id() string { return uuid(int(c.ids.Add(1))) }

// aPoint is a new pull point of the first owner.
func (c *nasCase) aPoint() nas.PullPoint {
	return nas.PullPoint{ID: nas.PullPointID(c.id()), Owner: anOwner(1), CreatedAt: noon}
}

// aSubscription is a new one of a pull point, with its first cursor. Each is made a second after the one before it.
func (c *nasCase) aSubscription(p nas.PullPoint) nas.Subscription {
	s := nas.Subscription{ID: nas.SubscriptionID(c.id()), PullPoint: p.ID, Owner: p.Owner, Topic: modified, Log: "log"}
	s.CreatedAt = noon.Add(time.Duration(c.ids.Load()) * time.Second)
	s.Cursor = nas.Cursor{Subscription: s.ID, PullPoint: p.ID, Offsets: nas.Offsets{146, 0, 72}, CreatedAt: s.CreatedAt}
	return s
}

func (c *nasCase) createPoint(p nas.PullPoint) nas.PullPoint {
	require.NoError(c.t, c.points().CreatePullPoint(c.ctx, p, enough))
	return p
}

func (c *nasCase) subscribe(s nas.Subscription) nas.Subscription {
	require.NoError(c.t, c.points().Subscribe(c.ctx, s, s.Cursor, enough))
	return s
}

// subscribed makes a topic, and a pull point with a subscription.
func (c *nasCase) subscribed() (nas.PullPoint, nas.Subscription) {
	c.putTopic(aTopic(modified, "log"))
	p := c.createPoint(c.aPoint())
	return p, c.subscribe(c.aSubscription(p))
}

// cursorAfter is the cursor after another one, of the call with a message id.
func cursorAfter(after nas.Cursor, messageID string) nas.Cursor {
	after.Seq++
	after.MessageID = messageID
	after.Offsets = slices.Clone(after.Offsets)
	after.Delivered, after.Count = nas.Ranges{{From: after.Offsets[0], To: after.Offsets[0] + 1}, {Partition: 2, From: 5, To: 5}}, 3
	after.Offsets[0] += 2
	after.CreatedAt = later(int(after.Seq))
	return after
}

// advance moves a subscription on, and returns it with its newest cursor.
func (c *nasCase) advance(s nas.Subscription, messageID string) nas.Subscription {
	s.Cursor = cursorAfter(s.Cursor, messageID)
	require.NoError(c.t, c.points().Advance(c.ctx, []nas.Cursor{s.Cursor}))
	return s
}

// requirePoint requires that a pull point is live and has these subscriptions.
func (c *nasCase) requirePoint(id nas.PullPointID, now time.Time, want ...nas.Subscription) nas.PullPoint {
	p, err := c.look().PullPoint(c.ctx, id, now)
	require.NoError(c.t, err)
	if len(want)+len(p.Subscriptions) > 0 {
		require.Equal(c.t, want, p.Subscriptions)
	}
	return p
}

func (c *nasCase) requireGone(id nas.PullPointID) {
	_, err := c.look().PullPoint(c.ctx, id, later(9))
	require.ErrorIs(c.t, err, nas.ErrUnknown)
}

// requireVisit requires that Visit tells of a call as Answer does, and of the pull point as PullPoint does.
func (c *nasCase) requireVisit(id nas.PullPointID, messageID string, answered bool) {
	p, got, err := c.look().Visit(c.ctx, id, later(9), messageID)
	want, missing := c.look().PullPoint(c.ctx, id, later(9))
	require.Equal(c.t, missing, err)
	require.Equal(c.t, want, p)
	require.Equal(c.t, answered, got, "Visit(%s): answered", messageID)
}

// requireAnswer requires how a call was answered.
func (c *nasCase) requireAnswer(id nas.PullPointID, messageID string, want ...nas.Cursor) {
	got, err := c.look().Answer(c.ctx, id, messageID)
	c.requireVisit(id, messageID, len(want) > 0)
	require.NoError(c.t, err)
	if len(want)+len(got) > 0 {
		require.Equal(c.t, want, got)
	}
}

// PullPointStore runs the contract of ports.PullPointStore.
func PullPointStore(t *testing.T, open OpenNASStores) {
	pullPointsMade(t, open)
	pullPointsListed(t, open)
	subscriptionsMade(t, open)
	subscriptionsEnded(t, open)
	cursorsAdvanced(t, open)
	cursorsAtOnce(t, open)
	callsAnswered(t, open)
	pullPointsCleaned(t, open)
	pullPointsJoin(t, open)
	pullPointModel(t, open)
}

func pullPointsMade(t *testing.T, open OpenNASStores) {
	t.Run("CreatePullPoint keeps a new one", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p := c.createPoint(c.aPoint())
		require.Equal(t, p, c.requirePoint(p.ID, noon))
		p = c.aPoint()
		p.CreatedAt, p.LastSeen = noon.Add(1999), later(1).Add(1999).In(time.FixedZone("CET", 3600))
		c.createPoint(p)
		p.CreatedAt, p.LastSeen = noon.Add(tick), later(1).Add(tick)
		require.Equal(t, p, c.requirePoint(p.ID, noon), "times are cut to microseconds")
	})

	t.Run("an id that is taken is an error, and changes nothing", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p := c.createPoint(c.aPoint())
		other := p
		other.Owner, other.CreatedAt = anOwner(2), later(1)
		require.Error(t, c.points().CreatePullPoint(c.ctx, other, enough))
		require.Equal(t, p, c.requirePoint(p.ID, noon))
	})

	t.Run("ErrTooMany if the owner has as many live ones already", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p := c.createPoint(c.aPoint())
		for _, o := range []nas.Owner{anOwner(2), {CVR: "20921897", System: anOwner(1).System}} {
			theirs := c.aPoint()
			theirs.Owner = o
			require.NoError(t, c.points().CreatePullPoint(c.ctx, theirs, 1), "another owner's do not count")
		}
		second := c.aPoint()
		require.ErrorIs(t, c.points().CreatePullPoint(c.ctx, second, 1), nas.ErrTooMany)
		c.requireGone(second.ID)
		require.NoError(t, c.points().EndPullPoint(c.ctx, p.ID, later(1)))
		require.NoError(t, c.points().CreatePullPoint(c.ctx, second, 1), "those that ended do not count")
		require.ErrorIs(t, c.points().CreatePullPoint(c.ctx, c.aPoint(), 0), nas.ErrTooMany)
	})

	t.Run("several at once make no more than so many", func(t *testing.T) {
		c := nasCaseOf(t, open)
		requireSome(t, 3, 9, nas.ErrTooMany, func(i int) error { return c.nth(i).Store.PullPoints().CreatePullPoint(c.ctx, c.aPoint(), 3) })
		all, err := c.look().PullPoints(c.ctx, anOwner(1), noon)
		require.NoError(t, err)
		require.Len(t, all, 3)
	})

	t.Run("Seen keeps that the owner was seen, and does not go back", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p := c.createPoint(c.aPoint())
		for _, at := range []time.Time{later(1).Add(1999), later(3), later(2)} {
			require.NoError(t, c.points().Seen(c.ctx, p.ID, at))
			if p.LastSeen.Before(at) {
				p.LastSeen = at.Truncate(tick)
			}
			require.Equal(t, p, c.requirePoint(p.ID, noon))
		}
	})

	t.Run("Seen does nothing to one that is not live", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p := c.createPoint(c.aPoint())
		require.NoError(t, c.points().EndPullPoint(c.ctx, p.ID, later(1)))
		require.NoError(t, c.points().Seen(c.ctx, p.ID, later(2)))
		require.NoError(t, c.points().Seen(c.ctx, "unknown", later(2)))
		c.requireGone(p.ID)
	})
}

// requireSome requires that of n calls at once so many succeed, and the others return an error.
func requireSome(t *testing.T, some, n int, others error, call func(i int) error) {
	t.Helper()
	errs := make(chan error)
	for i := range n {
		go func() { errs <- call(i) }()
	}
	done := 0
	for range n {
		if err := <-errs; err == nil {
			done++
		} else {
			assert.ErrorIs(t, err, others)
		}
	}
	require.Equal(t, some, done, "calls that succeeded")
}

func pullPointsListed(t *testing.T, open OpenNASStores) {
	t.Run("a pull point that is not there, or that ended, is ErrUnknown", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p := c.createPoint(c.aPoint())
		for _, id := range []nas.PullPointID{"", nas.PullPointID(c.id()), "no uuid"} {
			c.requireGone(id)
		}
		require.NoError(t, c.points().EndPullPoint(c.ctx, p.ID, later(1)))
		c.requireGone(p.ID)
	})

	t.Run("PullPoint returns its active subscriptions, oldest first, each with its newest cursor", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, first := c.subscribed()
		var subs []nas.Subscription
		for i := range 5 {
			s := c.aSubscription(p)
			s.CreatedAt = first.CreatedAt.Add(-time.Duration(i/2) * time.Minute)
			subs = append(subs, c.subscribe(s))
		}
		c.subscribe(c.aSubscription(c.createPoint(c.aPoint())))
		first = c.advance(c.advance(first, ""), "m1")
		subs[3] = c.advance(subs[3], "m1")
		want := append([]nas.Subscription{first}, subs...)
		slices.SortFunc(want, func(a, b nas.Subscription) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
		c.requirePoint(p.ID, later(1), want...)
	})

	t.Run("T27 a subscription is active from its creation until it expires", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.putTopic(aTopic(modified, "log"))
		p := c.createPoint(c.aPoint())
		s := c.aSubscription(p)
		s.CreatedAt, s.Expires = later(1), later(2)
		s.Cursor.CreatedAt = later(1)
		c.subscribe(s)
		for _, at := range []struct {
			now    time.Time
			active bool
		}{{later(1).Add(-tick), false}, {later(1), true}, {later(2).Add(-tick), true}, {later(2).Add(-1), true}, {later(2), false}, {later(3), false}} {
			got, err := c.look().Subscription(c.ctx, s.ID, at.now)
			if at.active {
				c.requirePoint(p.ID, at.now, s)
				require.NoError(t, err, "%v", at.now)
				require.Equal(t, s, got)
			} else {
				c.requirePoint(p.ID, at.now)
				require.ErrorIs(t, err, nas.ErrUnknown, "%v", at.now)
			}
		}
	})

	t.Run("PullPoints returns the live ones of an owner, oldest first, as PullPoint does", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		s = c.advance(s, "m")
		c.createPoint(nas.PullPoint{ID: nas.PullPointID(c.id()), Owner: anOwner(2), CreatedAt: noon})
		older, same, ended := c.aPoint(), c.aPoint(), c.aPoint()
		older.CreatedAt, older.LastSeen = later(-1), later(3)
		for _, other := range []nas.PullPoint{ended, same, older} {
			c.createPoint(other)
		}
		require.NoError(t, c.points().EndPullPoint(c.ctx, ended.ID, later(1)))
		olders := c.subscribe(c.aSubscription(older))
		p.Subscriptions, older.Subscriptions = []nas.Subscription{s}, []nas.Subscription{olders}
		got, err := c.look().PullPoints(c.ctx, anOwner(1), later(1))
		require.NoError(t, err)
		require.Equal(t, []nas.PullPoint{older, p, same}, got)
		got, err = c.look().PullPoints(c.ctx, anOwner(3), later(1))
		require.NoError(t, err)
		require.Empty(t, got)
	})

	t.Run("LivePullPoints returns those of all owners by id, at most so many after an id", func(t *testing.T) {
		c := nasCaseOf(t, open)
		first, s := c.subscribed()
		first.Subscriptions = []nas.Subscription{s}
		all := []nas.PullPoint{first}
		for i := range 5 {
			p := c.aPoint()
			p.Owner = anOwner(i)
			all = append(all, c.createPoint(p))
		}
		require.NoError(t, c.points().EndPullPoint(c.ctx, all[2].ID, later(1)))
		all = slices.Delete(all, 2, 3)
		var got []nas.PullPoint
		for after := nas.PullPointID(""); ; {
			page, err := c.look().LivePullPoints(c.ctx, after, 2, later(1))
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			require.LessOrEqual(t, len(page), 2)
			got, after = append(got, page...), page[len(page)-1].ID
		}
		require.Equal(t, all, got)
		for _, n := range []int{0, -1} {
			page, err := c.look().LivePullPoints(c.ctx, "", n, later(1))
			require.NoError(t, err)
			require.Empty(t, page)
		}
	})

	t.Run("returned memory is the caller's, and so is what was given", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.putTopic(aTopic(modified, "log"))
		p := c.createPoint(c.aPoint())
		whole := func(s nas.Subscription) nas.Subscription {
			s.Filter = nas.Filter{IDs: []nas.SingleID{{ID: "1308781QT7", IDType: "cpr"}}, XPath: &nas.XPath{Expression: "//x", Namespaces: map[string]string{"a": "b"}}}
			s.Cursor = cursorAfter(nas.Cursor{Subscription: s.ID, PullPoint: p.ID, Offsets: nas.Offsets{0}, Seq: -1}, "m")
			return s
		}
		spoil := func(s nas.Subscription) {
			s.Filter.IDs[0].ID, s.Filter.XPath.Expression, s.Filter.XPath.Namespaces["a"] = "spoilt", "spoilt", "spoilt"
			s.Cursor.Offsets[0], s.Cursor.Delivered[0].To = -1, -1
		}
		plain := c.aSubscription(p)
		given := whole(plain)
		c.subscribe(given)
		spoil(given)
		got, err := c.points().Subscription(c.ctx, plain.ID, later(1))
		require.NoError(t, err)
		spoil(got)
		at, err := c.points().PullPoint(c.ctx, p.ID, later(1))
		require.NoError(t, err)
		spoil(at.Subscriptions[0])
		answer, err := c.points().Answer(c.ctx, p.ID, "m")
		require.NoError(t, err)
		answer[0].Offsets[0] = -1
		c.requirePoint(p.ID, later(1), whole(plain))
	})
}

func subscriptionsMade(t *testing.T, open OpenNASStores) {
	t.Run("Subscribe keeps every field of a subscription and of its first cursor", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.putTopic(aTopic(modified, "log"))
		p := c.createPoint(c.aPoint())
		var want []nas.Subscription
		for _, f := range []nas.Filter{
			{},
			{IDs: []nas.SingleID{{ID: "1308781QT7", IDType: "http://nsi.dk/advis/v10/CPR"}, {ID: "<&>\"é\u2028", IDType: "cpr"}}},
			{List: "børn \"1\""},
			{XPath: &nas.XPath{Expression: "/*[. = '<>&']"}},
			{List: "l", XPath: &nas.XPath{Expression: "//a:x", Namespaces: map[string]string{"a": "urn:a", "": "urn:b"}}},
		} {
			s := c.aSubscription(p)
			s.Filter, s.Expires = f, later(48)
			s.Cursor = nas.Cursor{Subscription: s.ID, PullPoint: p.ID, Offsets: nas.Offsets{0, math.MaxInt64, 146}, CreatedAt: later(1)}
			want = append(want, c.subscribe(s))
		}
		c.requirePoint(p.ID, later(1), want...)
	})

	t.Run("times are cut to microseconds", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.putTopic(aTopic(modified, "log"))
		p := c.createPoint(c.aPoint())
		s, zone := c.aSubscription(p), time.FixedZone("CET", 3600)
		s.CreatedAt, s.Expires, s.Cursor.CreatedAt = later(1).Add(1999).In(zone), later(2).Add(1999).In(zone), later(3).Add(1999).In(zone)
		c.subscribe(s)
		s.CreatedAt, s.Expires, s.Cursor.CreatedAt = later(1).Add(tick), later(2).Add(tick), later(3).Add(tick)
		c.requirePoint(p.ID, later(1).Add(tick), s)
	})

	t.Run("T25 ErrUnknown if the pull point is not live, and nothing is kept", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.putTopic(aTopic(modified, "log"))
		p := c.createPoint(c.aPoint())
		require.NoError(t, c.points().EndPullPoint(c.ctx, p.ID, noon))
		for _, id := range []nas.PullPointID{p.ID, nas.PullPointID(c.id())} {
			s := c.aSubscription(nas.PullPoint{ID: id, Owner: p.Owner})
			require.ErrorIs(t, c.points().Subscribe(c.ctx, s, s.Cursor, enough), nas.ErrUnknown)
			_, err := c.look().Subscription(c.ctx, s.ID, later(1))
			require.ErrorIs(t, err, nas.ErrUnknown)
		}
	})

	t.Run("ErrNoTopic if there is no such topic, and nothing is kept", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p := c.createPoint(c.aPoint())
		s := c.aSubscription(p)
		require.ErrorIs(t, c.points().Subscribe(c.ctx, s, s.Cursor, enough), nas.ErrNoTopic)
		c.putTopic(aTopic(modified, "log"))
		c.requirePoint(p.ID, later(1))
		c.requirePoint(p.ID, later(1), c.subscribe(s))
	})

	t.Run("ErrTooMany if the pull point has as many active ones", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, first := c.subscribed()
		second, third, fourth := c.aSubscription(p), c.aSubscription(p), c.aSubscription(p)
		require.ErrorIs(t, c.points().Subscribe(c.ctx, second, second.Cursor, 1), nas.ErrTooMany)
		c.requirePoint(p.ID, later(1), first)
		second.Expires = third.CreatedAt
		require.NoError(t, c.points().Subscribe(c.ctx, second, second.Cursor, 2))
		require.NoError(t, c.points().Subscribe(c.ctx, third, third.Cursor, 2), "one that has expired does not count")
		require.NoError(t, c.points().EndSubscription(c.ctx, first.ID, later(1)))
		require.NoError(t, c.points().Subscribe(c.ctx, fourth, fourth.Cursor, 2), "one that ended does not count")
		c.requirePoint(p.ID, later(1), third, fourth)
		other := c.aSubscription(c.createPoint(c.aPoint()))
		require.NoError(t, c.points().Subscribe(c.ctx, other, other.Cursor, 1), "those of another pull point do not count")
	})

	t.Run("both or neither: an id that is taken keeps nothing", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, first := c.subscribed()
		again := c.aSubscription(c.createPoint(c.aPoint()))
		again.ID, again.Cursor.Subscription = first.ID, first.ID
		require.Error(t, c.points().Subscribe(c.ctx, again, again.Cursor, enough))
		c.requirePoint(p.ID, later(1), first)
		c.requirePoint(again.PullPoint, later(1))
	})

	t.Run("several at once make no more than so many", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, _ := c.subscribed()
		requireSome(t, 3, 8, nas.ErrTooMany, func(i int) error {
			s := c.aSubscription(p)
			s.CreatedAt = later(1)
			return c.nth(i).Store.PullPoints().Subscribe(c.ctx, s, s.Cursor, 4)
		})
		require.Len(t, c.requirePointOf(p.ID).Subscriptions, 4)
	})

	t.Run("identical ones are two subscriptions", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, first := c.subscribed()
		second := first
		second.ID = nas.SubscriptionID(c.id())
		second.Cursor.Subscription = second.ID
		c.requirePoint(p.ID, later(1), first, c.subscribe(second))
	})
}

func (c *nasCase) requirePointOf(id nas.PullPointID) nas.PullPoint {
	p, err := c.look().PullPoint(c.ctx, id, later(9))
	require.NoError(c.t, err)
	return p
}

func subscriptionsEnded(t *testing.T, open OpenNASStores) {
	t.Run("T44 EndSubscription ends one; the second time it is ErrUnknown", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		other := c.subscribe(c.aSubscription(p))
		require.NoError(t, c.points().EndSubscription(c.ctx, s.ID, later(1)))
		c.requirePoint(p.ID, later(1), other)
		c.requirePoint(p.ID, noon.Add(time.Minute), other)
		for _, id := range []nas.SubscriptionID{s.ID, nas.SubscriptionID(c.id()), ""} {
			require.ErrorIs(t, c.points().EndSubscription(c.ctx, id, later(2)), nas.ErrUnknown)
			_, err := c.look().Subscription(c.ctx, id, later(2))
			require.ErrorIs(t, err, nas.ErrUnknown)
		}
	})

	t.Run("EndSubscription of one that is not active at that time is ErrUnknown", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, _ := c.subscribed()
		s := c.aSubscription(p)
		s.CreatedAt, s.Expires = later(1), later(2)
		c.subscribe(s)
		for _, at := range []time.Time{later(1).Add(-tick), later(2)} {
			require.ErrorIs(t, c.points().EndSubscription(c.ctx, s.ID, at), nas.ErrUnknown)
		}
		require.NoError(t, c.points().EndSubscription(c.ctx, s.ID, later(2).Add(-tick)))
	})

	t.Run("T44 EndPullPoint ends one with its subscriptions; the second time it is ErrUnknown", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		later2 := c.aSubscription(p)
		later2.CreatedAt = later(5)
		c.subscribe(later2)
		other := c.createPoint(c.aPoint())
		kept := c.subscribe(c.aSubscription(other))
		require.NoError(t, c.points().EndPullPoint(c.ctx, p.ID, later(1)))
		c.requireGone(p.ID)
		for _, id := range []nas.SubscriptionID{s.ID, later2.ID} {
			_, err := c.look().Subscription(c.ctx, id, later(9))
			require.ErrorIs(t, err, nas.ErrUnknown)
			require.ErrorIs(t, c.points().EndSubscription(c.ctx, id, later(9)), nas.ErrUnknown)
		}
		for _, id := range []nas.PullPointID{p.ID, nas.PullPointID(c.id())} {
			require.ErrorIs(t, c.points().EndPullPoint(c.ctx, id, later(2)), nas.ErrUnknown)
		}
		c.requirePoint(other.ID, later(1), kept)
	})

	t.Run("T51 EndTopic ends the subscriptions of a topic, and returns how many", func(t *testing.T) {
		c := nasCaseOf(t, open)
		c.putTopic(aTopic("t:x", "x"))
		p, s := c.subscribed()
		ended := c.subscribe(c.aSubscription(p))
		require.NoError(t, c.points().EndSubscription(c.ctx, ended.ID, later(1)))
		other := c.aSubscription(p)
		other.Topic, other.Log = "t:x", "x"
		c.subscribe(other)
		c.subscribe(c.aSubscription(c.createPoint(c.aPoint())))
		for _, want := range []int{2, 0} {
			n, err := c.points().EndTopic(c.ctx, modified, later(1))
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		c.requirePoint(p.ID, later(1), other)
		_, err := c.look().Subscription(c.ctx, s.ID, later(1))
		require.ErrorIs(t, err, nas.ErrUnknown)
		n, err := c.points().EndTopic(c.ctx, "t:unknown", later(1))
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

func cursorsAdvanced(t *testing.T, open OpenNASStores) {
	t.Run("NAS-38 Advance inserts cursors; the one with the highest Seq counts", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, one := c.subscribed()
		two := c.subscribe(c.aSubscription(p))
		one.Cursor, two.Cursor = cursorAfter(one.Cursor, "m1"), cursorAfter(two.Cursor, "m1")
		two.Cursor.Count, two.Cursor.Delivered = 0, nil
		two.Cursor.CreatedAt = later(1).Add(1999)
		require.NoError(t, c.points().Advance(c.ctx, []nas.Cursor{two.Cursor, one.Cursor}))
		two.Cursor.CreatedAt = later(1).Add(tick)
		c.requirePoint(p.ID, later(1), one, two)
		for i := range 12 {
			one = c.advance(one, fmt.Sprint("n", i))
		}
		c.requirePoint(p.ID, later(1), one, two)
		require.NoError(t, c.points().Advance(c.ctx, nil))
	})

	t.Run("ErrMoved if a Seq or a MessageID of a subscription is taken: all are inserted or none", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, one := c.subscribed()
		two := c.subscribe(c.aSubscription(p))
		two = c.advance(two, "m1")
		first := cursorAfter(one.Cursor, "m2")
		for name, taken := range map[string]nas.Cursor{
			"Seq":                func() nas.Cursor { c := two.Cursor; c.MessageID = "m2"; return c }(),
			"Seq, without an id": func() nas.Cursor { c := two.Cursor; c.MessageID = ""; return c }(),
			"MessageID":          cursorAfter(two.Cursor, "m1"),
			"an unknown one": func() nas.Cursor {
				c := cursorAfter(two.Cursor, "m2")
				c.Subscription = nas.SubscriptionID(uuid(9999))
				return c
			}(),
			"another pull point's": func() nas.Cursor {
				c := cursorAfter(two.Cursor, "m2")
				c.PullPoint = nas.PullPointID(uuid(9999))
				return c
			}(),
			"the same Seq as first": func() nas.Cursor { c := first; c.MessageID = "m3"; return c }(),
		} {
			for _, rows := range [][]nas.Cursor{{first, taken}, {taken, first}} {
				require.ErrorIs(t, c.points().Advance(c.ctx, rows), nas.ErrMoved, name)
				c.requirePoint(p.ID, later(1), one, two)
				c.requireAnswer(p.ID, "m2")
			}
		}
		require.NoError(t, c.points().Advance(c.ctx, []nas.Cursor{first, cursorAfter(two.Cursor, "m2")}))
	})

	t.Run("a call without a MessageID repeats none", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		for range 3 {
			s = c.advance(s, "")
		}
		c.requirePoint(p.ID, later(1), s)
	})

	t.Run("ErrMoved if the pull point or the subscription was ended meanwhile", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		other := c.subscribe(c.aSubscription(p))
		require.NoError(t, c.points().EndSubscription(c.ctx, s.ID, later(1)))
		require.ErrorIs(t, c.points().Advance(c.ctx, []nas.Cursor{cursorAfter(other.Cursor, "m"), cursorAfter(s.Cursor, "m")}), nas.ErrMoved)
		c.requirePoint(p.ID, later(1), other)
		require.NoError(t, c.points().EndPullPoint(c.ctx, p.ID, later(1)))
		require.ErrorIs(t, c.points().Advance(c.ctx, []nas.Cursor{cursorAfter(other.Cursor, "m")}), nas.ErrMoved)
	})

	for name, written := range map[string]bool{"that has written": true, "whose first write it is": false} {
		t.Run("after ErrMoved a unit of work goes on, one "+name, func(t *testing.T) {
			c := nasCaseOf(t, open)
			p, s := c.subscribed()
			winner := c.advance(s, "won")
			committed(c.ctx, t, c.units(), func(ctx context.Context) {
				if written {
					require.NoError(t, c.points().Seen(ctx, p.ID, later(1)))
				}
				require.ErrorIs(t, c.points().Advance(ctx, []nas.Cursor{cursorAfter(s.Cursor, "lost")}), nas.ErrMoved)
				got, err := c.points().PullPoint(ctx, p.ID, later(1))
				require.NoError(t, err)
				require.Equal(t, []nas.Subscription{winner}, got.Subscriptions)
				require.NoError(t, c.points().Advance(ctx, []nas.Cursor{cursorAfter(got.Subscriptions[0].Cursor, "lost")}))
				answer, err := c.points().Answer(ctx, p.ID, "lost")
				require.NoError(t, err)
				require.Equal(t, []nas.Cursor{cursorAfter(winner.Cursor, "lost")}, answer)
			})
			winner.Cursor = cursorAfter(winner.Cursor, "lost")
			got := c.requirePoint(p.ID, later(1), winner)
			require.Equal(t, written, !got.LastSeen.IsZero(), "what the unit wrote before is kept")
		})
	}
}

func cursorsAtOnce(t *testing.T, open OpenNASStores) {
	t.Run("T33 of several calls at once one moves on from a cursor, for all subscriptions", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, one := c.subscribed()
		two := c.subscribe(c.aSubscription(p))
		requireSome(t, 1, 8, nas.ErrMoved, func(i int) error {
			rows := []nas.Cursor{cursorAfter(one.Cursor, fmt.Sprint("m", i)), cursorAfter(two.Cursor, fmt.Sprint("m", i))}
			if i%2 == 1 {
				slices.Reverse(rows)
			}
			return c.nth(i).Store.PullPoints().Advance(c.ctx, rows)
		})
		got := c.requirePointOf(p.ID)
		require.Equal(t, got.Subscriptions[0].Cursor.MessageID, got.Subscriptions[1].Cursor.MessageID)
	})

	t.Run("T34 a call that comes several times at once is answered once", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		requireSome(t, 1, 6, nas.ErrMoved, func(i int) error {
			next := cursorAfter(s.Cursor, "m")
			next.Seq += int64(i)
			return c.nth(i).Store.PullPoints().Advance(c.ctx, []nas.Cursor{next})
		})
		answer, err := c.look().Answer(c.ctx, p.ID, "m")
		require.NoError(t, err)
		require.Len(t, answer, 1)
	})

	t.Run("NAS-38 calls that try again each get on once", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, _ := c.subscribed()
		const calls = 8
		var all sync.WaitGroup
		for i := range calls {
			all.Go(func() {
				h := c.nth(i)
				for {
					err := h.Units.Run(c.ctx, func(ctx context.Context) error {
						got, err := h.Store.PullPoints().PullPoint(ctx, p.ID, later(9))
						if err != nil {
							return err
						}
						return h.Store.PullPoints().Advance(ctx, []nas.Cursor{cursorAfter(got.Subscriptions[0].Cursor, fmt.Sprint("m", i))})
					}, nothing)
					if err == nil {
						return
					}
					if !assert.ErrorIs(t, err, nas.ErrMoved) {
						return
					}
				}
			})
		}
		all.Wait()
		require.EqualValues(t, calls, c.requirePointOf(p.ID).Subscriptions[0].Cursor.Seq)
	})
}

func callsAnswered(t *testing.T, open OpenNASStores) {
	t.Run("T30 Answer returns the cursors of a call, in the order of PullPoint", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, one := c.subscribed()
		two := c.aSubscription(p)
		two.CreatedAt = later(-1)
		c.subscribe(two)
		one, two = c.advance(one, "m1"), c.advance(two, "m1")
		c.requireAnswer(p.ID, "m1", two.Cursor, one.Cursor)
		again := c.advance(one, "m2")
		c.subscribe(c.aSubscription(p))
		c.requireAnswer(p.ID, "m1", two.Cursor, one.Cursor)
		c.requireAnswer(p.ID, "m2", again.Cursor)
	})

	t.Run("there is none of a call that was not, or has no MessageID, or at another pull point", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		s = c.advance(c.advance(s, ""), "m")
		other := c.createPoint(c.aPoint())
		c.requireAnswer(p.ID, "M")
		c.requireAnswer(p.ID, "")
		c.requireAnswer(other.ID, "m")
		c.requireAnswer("unknown", "m")
		c.requireAnswer(p.ID, "m", s.Cursor)
	})

	t.Run("T32 the same MessageID at two pull points is two calls", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, s := c.subscribed()
		other := c.createPoint(c.aPoint())
		theirs := c.advance(c.subscribe(c.aSubscription(other)), "m")
		s = c.advance(s, "m")
		c.requireAnswer(p.ID, "m", s.Cursor)
		c.requireAnswer(other.ID, "m", theirs.Cursor)
	})

	t.Run("subscriptions that ended since are left out, and nothing is answered at a pull point that ended", func(t *testing.T) {
		c := nasCaseOf(t, open)
		p, one := c.subscribed()
		two := c.subscribe(c.aSubscription(p))
		one, two = c.advance(one, "m"), c.advance(two, "m")
		require.NoError(t, c.points().EndSubscription(c.ctx, one.ID, later(1)))
		c.requireAnswer(p.ID, "m", two.Cursor)
		require.NoError(t, c.points().EndPullPoint(c.ctx, p.ID, later(1)))
		c.requireAnswer(p.ID, "m")
	})
}
