package portstest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/nas"
)

// modelSubscription is a subscription as the model knows it, with all its cursors.
type modelSubscription struct {
	nas.Subscription
	cursors []nas.Cursor
	ended   time.Time // zero = it has not
}

func (s *modelSubscription) activeAt(at time.Time) bool {
	return s.ended.IsZero() && !s.CreatedAt.After(at) && (s.Expires.IsZero() || s.Expires.After(at))
}

// modelPoint is a pull point as the model knows it.
type modelPoint struct {
	nas.PullPoint
	ended time.Time
}

// pullPointModel does the same to a store and to lists, in whatever order, and compares what they say.
func pullPointModel(t *testing.T, open OpenNASStores) {
	if testing.Short() {
		t.Skip("the cases above are its essence")
	}
	hs, _ := open.opened(t)
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	t.Cleanup(cancel)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		c := &nasCase{handles: hs, t: t, ctx: ctx}
		c.ids.Store(int64(run) * 1000)
		c.emptied()
		c.putTopic(aTopic(modified, "log"))
		c.putTopic(aTopic("t:x", "x"))
		m := pointModel{nasCase: c, t: t, at: noon}
		for range rapid.IntRange(1, 14).Draw(t, "steps") {
			m.step()
			m.compare()
		}
	})
}

// emptied takes everything away.
func (c *nasCase) emptied() {
	for _, name := range []nas.TopicName{modified, "t:x"} {
		require.NoError(c.t, c.first().Store.NASTopics().UpdateTopic(c.ctx, name, storing(nas.Topic{})))
	}
	live, err := c.look().LivePullPoints(c.ctx, "", enough, noon)
	require.NoError(c.t, err)
	for _, p := range live {
		require.NoError(c.t, c.points().EndPullPoint(c.ctx, p.ID, noon))
	}
	for done := false; !done; {
		_, done, err = c.points().Prune(c.ctx, noon.AddDate(9, 0, 0), enough)
		require.NoError(c.t, err)
	}
}

type pointModel struct {
	*nasCase
	t      *rapid.T
	at     time.Time
	points []modelPoint
	subs   []modelSubscription
	calls  []string
}

// which draws the index of one of n, or n for one that is not there.
func (m *pointModel) which(n int) int { return rapid.IntRange(0, n).Draw(m.t, "which") }

func (m *pointModel) point(i int) nas.PullPointID {
	if i == len(m.points) {
		return "unknown"
	}
	return m.points[i].ID
}

func (m *pointModel) live(i int) bool { return i < len(m.points) && m.points[i].ended.IsZero() }

// expect requires that an operation succeeds, or fails as it is to.
func (m *pointModel) expect(want, got error) bool {
	if want != nil {
		require.ErrorIs(m.t, got, want)
		return false
	}
	require.NoError(m.t, got)
	return true
}

// unless returns err where a condition does not hold.
func unless(holds bool, err error) error {
	if holds {
		return nil
	}
	return err
}

func (m *pointModel) end(which func(s *modelSubscription) bool) (n int) {
	for i := range m.subs {
		if s := &m.subs[i]; s.ended.IsZero() && which(s) {
			s.ended = m.at
			n++
		}
	}
	return n
}

func (m *pointModel) step() {
	s := m.nth(rapid.IntRange(0, 1).Draw(m.t, "handle")).Store.PullPoints()
	m.at = m.at.Add(time.Duration(rapid.IntRange(1, 3).Draw(m.t, "hours")) * time.Hour)
	switch rapid.SampledFrom([]string{"create", "create", "subscribe", "subscribe", "subscribe", "advance", "advance", "advance", "advance",
		"end", "end point", "end topic", "expire", "prune", "seen"}).Draw(m.t, "what") {
	case "create":
		p := m.aPoint()
		p.CreatedAt = m.at
		live := 0
		for i := range m.points {
			if m.live(i) {
				live++
			}
		}
		if m.expect(unless(live < 3, nas.ErrTooMany), s.CreatePullPoint(m.ctx, p, 3)) {
			m.points = append(m.points, modelPoint{PullPoint: p})
		}
	case "subscribe":
		m.subscribeStep()
	case "advance":
		m.advanceStep()
	case "end":
		i := m.which(len(m.subs))
		id, active := nas.SubscriptionID("unknown"), false
		if i < len(m.subs) {
			id, active = m.subs[i].ID, m.subs[i].activeAt(m.at)
		}
		if m.expect(unless(active, nas.ErrUnknown), s.EndSubscription(m.ctx, id, m.at)) {
			m.subs[i].ended = m.at
		}
	case "end point":
		i := m.which(len(m.points))
		if m.expect(unless(m.live(i), nas.ErrUnknown), s.EndPullPoint(m.ctx, m.point(i), m.at)) {
			m.points[i].ended = m.at
			m.end(func(s *modelSubscription) bool { return s.PullPoint == m.points[i].ID })
		}
	case "end topic":
		got, err := s.EndTopic(m.ctx, "t:x", m.at)
		require.NoError(m.t, err)
		require.Equal(m.t, m.end(func(s *modelSubscription) bool { return s.Topic == "t:x" }), got)
	case "expire":
		got, err := s.Expire(m.ctx, m.at, enough)
		require.NoError(m.t, err)
		require.Equal(m.t, m.end(func(s *modelSubscription) bool { return !s.Expires.IsZero() && !s.Expires.After(m.at) }), got)
	case "prune":
		before := m.at.Add(-time.Duration(rapid.IntRange(0, 6).Draw(m.t, "age")) * time.Hour)
		got, done, err := s.Prune(m.ctx, before, enough)
		require.NoError(m.t, err)
		require.True(m.t, done)
		require.Equal(m.t, m.pruned(before), got)
	case "seen":
		i := m.which(len(m.points))
		require.NoError(m.t, s.Seen(m.ctx, m.point(i), m.at))
		if m.live(i) {
			m.points[i].LastSeen = m.at
		}
	}
}

func (m *pointModel) subscribeStep() {
	i := m.which(len(m.points))
	s := m.aSubscription(nas.PullPoint{ID: m.point(i), Owner: anOwner(1)})
	s.CreatedAt, s.Cursor.CreatedAt = m.at, m.at
	if rapid.Bool().Draw(m.t, "other topic") {
		s.Topic, s.Log = "t:x", "x"
	}
	if hours := rapid.IntRange(0, 8).Draw(m.t, "lasts"); hours > 0 {
		s.Expires = m.at.Add(time.Duration(hours) * time.Hour)
	}
	active := 0
	for j := range m.subs {
		if m.subs[j].PullPoint == s.PullPoint && m.subs[j].activeAt(m.at) {
			active++
		}
	}
	want := cmp.Or(unless(m.live(i), nas.ErrUnknown), unless(active < 3, nas.ErrTooMany))
	if m.expect(want, m.nasCase.points().Subscribe(m.ctx, s, s.Cursor, 3)) {
		m.subs = append(m.subs, modelSubscription{Subscription: s, cursors: []nas.Cursor{s.Cursor}})
	}
}

// advanceStep moves on some subscriptions of a pull point, now and then by a Seq or a MessageID that is taken.
func (m *pointModel) advanceStep() {
	call := rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(m.t, "call")
	var rows []nas.Cursor
	var of []*modelSubscription
	var want error
	for i := range m.subs {
		s := &m.subs[i]
		if (len(of) > 0 && of[0].PullPoint != s.PullPoint) || !rapid.Bool().Draw(m.t, "it") {
			continue
		}
		next := cursorAfter(s.cursors[len(s.cursors)-1], call)
		next.CreatedAt = m.at
		if rapid.IntRange(0, 5).Draw(m.t, "stale") == 0 {
			next.Seq--
		}
		answered := slices.ContainsFunc(s.cursors, func(c nas.Cursor) bool { return c.Seq == next.Seq || call != "" && c.MessageID == call })
		want = cmp.Or(want, unless(s.ended.IsZero() && !answered, nas.ErrMoved))
		rows, of = append(rows, next), append(of, s)
	}
	m.calls = append(m.calls, call)
	if m.expect(want, m.last().Store.PullPoints().Advance(m.ctx, rows)) {
		for i, s := range of {
			s.cursors = append(s.cursors, rows[i])
		}
	}
}

// pruned prunes the lists, and returns how many rows that takes.
func (m *pointModel) pruned(before time.Time) (n int) {
	for i := range m.subs {
		s := &m.subs[i]
		there, newest := len(s.cursors), s.cursors[len(s.cursors)-1]
		s.cursors = slices.DeleteFunc(s.cursors, func(c nas.Cursor) bool { return c.CreatedAt.Before(before) && c.Seq < newest.Seq })
		n += there - len(s.cursors)
	}
	m.subs = slices.DeleteFunc(m.subs, func(s modelSubscription) bool {
		old := !s.ended.IsZero() && s.ended.Before(before)
		if old {
			n += 1 + len(s.cursors)
		}
		return old
	})
	m.points = slices.DeleteFunc(m.points, func(p modelPoint) bool {
		old := !p.ended.IsZero() && p.ended.Before(before) &&
			!slices.ContainsFunc(m.subs, func(s modelSubscription) bool { return s.PullPoint == p.ID })
		if old {
			n++
		}
		return old
	})
	return n
}

// compare requires that the store tells of the lists.
func (m *pointModel) compare() {
	oldest := func(a, b modelSubscription) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	}
	slices.SortFunc(m.subs, oldest)
	now := m.at.Add(time.Duration(rapid.IntRange(0, 3).Draw(m.t, "later")) * time.Hour)
	var live []nas.PullPoint
	for i, p := range m.points {
		if !m.live(i) {
			m.requireGone(p.ID)
			continue
		}
		want := p.PullPoint
		answers := map[string][]nas.Cursor{}
		for _, s := range m.subs {
			if s.PullPoint != p.ID {
				continue
			}
			if s.activeAt(now) {
				s.Cursor = s.cursors[len(s.cursors)-1]
				want.Subscriptions = append(want.Subscriptions, s.Subscription)
			}
			for _, c := range s.cursors {
				if s.ended.IsZero() && c.MessageID != "" {
					answers[c.MessageID] = append(answers[c.MessageID], c)
				}
			}
		}
		got, err := m.look().PullPoint(m.ctx, p.ID, now)
		require.NoError(m.t, err)
		require.Equal(m.t, want, got)
		for _, call := range append([]string{"never"}, m.calls...) {
			m.requireAnswer(p.ID, call, answers[call]...)
		}
		live = append(live, want)
	}
	got, err := m.look().PullPoints(m.ctx, anOwner(1), now)
	require.NoError(m.t, err)
	require.Equal(m.t, fmt.Sprint(live), fmt.Sprint(got))
}
