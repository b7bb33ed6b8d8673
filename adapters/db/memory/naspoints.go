package memory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// PullPoints returns the store of pull points, subscriptions and cursors.
func (db *DB) PullPoints() ports.PullPointStore { return pullPoints{db} }

type pullPoints struct{ db *DB }

var _ ports.PullPointStore = pullPoints{}

var errIDTaken = errors.New("a pull point or subscription with the id is there already")

func (s pullPoints) CreatePullPoint(ctx context.Context, p nas.PullPoint, limit int) error {
	return s.db.write(ctx, func(u *unit) error {
		rows := &s.db.nas
		if _, taken := rows.points[p.ID]; taken {
			return errIDTaken
		}
		live := 0
		for _, other := range rows.points {
			if other.Owner == p.Owner && other.ended.IsZero() {
				live++
			}
		}
		if live >= limit {
			return nas.ErrTooMany
		}
		put(u, rows.points, p.ID, pointRow{PullPoint: nas.PullPoint{ID: p.ID, Owner: p.Owner, CreatedAt: instant(p.CreatedAt), LastSeen: instant(p.LastSeen)}})
		return nil
	})
}

// live returns a pull point that has not ended; the lock is held.
func (db *DB) live(id nas.PullPointID) (pointRow, error) {
	row, known := db.nas.points[id]
	if !known || !row.ended.IsZero() {
		return pointRow{}, nas.ErrUnknown
	}
	return row, nil
}

// activeAt tells whether a subscription has begun, and neither ended nor expired, at an instant.
func (row *subscriptionRow) activeAt(at time.Time) bool {
	return row.ended.IsZero() && !row.CreatedAt.After(at) && (row.Expires.IsZero() || row.Expires.After(at))
}

// pullPoint returns a row with its active subscriptions; the lock is held.
func (db *DB) pullPoint(row pointRow, now time.Time) nas.PullPoint {
	p := row.PullPoint
	for _, id := range row.all {
		if sub := db.nas.subscriptions[id]; sub.activeAt(now) {
			p.Subscriptions = append(p.Subscriptions, db.subscription(sub))
		}
	}
	slices.SortFunc(p.Subscriptions, func(a, b nas.Subscription) int { return oldest(a.CreatedAt, b.CreatedAt, a.ID, b.ID) })
	return p
}

// subscription returns a row with its newest cursor; the lock is held.
func (db *DB) subscription(row subscriptionRow) nas.Subscription {
	s := row.Subscription
	s.Filter = keptFilter(s.Filter)
	s.Log = db.nas.topics[s.Topic].Log
	cursors := db.nas.cursors[s.ID]
	s.Cursor = keptCursor(cursors[len(cursors)-1])
	return s
}

func (s pullPoints) PullPoint(ctx context.Context, id nas.PullPointID, now time.Time) (p nas.PullPoint, err error) {
	err = s.db.read(ctx, func() error {
		row, err := s.db.live(id)
		if err == nil {
			p = s.db.pullPoint(row, instant(now))
		}
		return err
	})
	return p, err
}

func (s pullPoints) Visit(ctx context.Context, id nas.PullPointID, now time.Time, messageID string) (p nas.PullPoint, answered bool, err error) {
	err = s.db.read(ctx, func() error {
		row, err := s.db.live(id)
		if err != nil {
			return err
		}
		p = s.db.pullPoint(row, instant(now))
		answered = len(s.db.answer(row, messageID)) > 0
		return nil
	})
	return p, answered, err
}

func (s pullPoints) PullPoints(ctx context.Context, o nas.Owner, now time.Time) (all []nas.PullPoint, err error) {
	err = s.db.read(ctx, func() error {
		for _, row := range s.db.nas.points {
			if row.Owner == o && row.ended.IsZero() {
				all = append(all, s.db.pullPoint(row, instant(now)))
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b nas.PullPoint) int { return oldest(a.CreatedAt, b.CreatedAt, a.ID, b.ID) })
	return all, err
}

func (s pullPoints) LivePullPoints(ctx context.Context, after nas.PullPointID, n int, now time.Time) (all []nas.PullPoint, err error) {
	err = s.db.read(ctx, func() error {
		for _, id := range slices.Sorted(maps.Keys(s.db.nas.points)) {
			row := s.db.nas.points[id]
			if len(all) < n && id > after && row.ended.IsZero() {
				all = append(all, s.db.pullPoint(row, instant(now)))
			}
		}
		return nil
	})
	return all, err
}

func (s pullPoints) Seen(ctx context.Context, id nas.PullPointID, at time.Time) error {
	return s.db.write(ctx, func(u *unit) error {
		row, err := s.db.live(id)
		if at = instant(at); err == nil && row.LastSeen.Before(at) {
			row.LastSeen = at
			put(u, s.db.nas.points, id, row)
		}
		return nil
	})
}

func (s pullPoints) Subscribe(ctx context.Context, sub nas.Subscription, first nas.Cursor, limit int) error {
	return s.db.write(ctx, func(u *unit) error {
		rows := &s.db.nas
		point, err := s.db.live(sub.PullPoint)
		if err != nil {
			return err
		}
		if _, known := rows.topics[sub.Topic]; !known {
			return nas.ErrNoTopic
		}
		if _, taken := rows.subscriptions[sub.ID]; taken {
			return errIDTaken
		}
		sub.CreatedAt, sub.Expires = instant(sub.CreatedAt), instant(sub.Expires)
		if len(s.db.pullPoint(point, sub.CreatedAt).Subscriptions) >= limit {
			return nas.ErrTooMany
		}
		first.Subscription, first.PullPoint, first.Seq = sub.ID, sub.PullPoint, 0
		sub.Owner, sub.Filter, sub.Cursor = point.Owner, keptFilter(sub.Filter), nas.Cursor{}
		put(u, rows.subscriptions, sub.ID, subscriptionRow{Subscription: sub})
		point.all = append(slices.Clip(point.all), sub.ID)
		put(u, rows.points, sub.PullPoint, point)
		s.db.putCursor(u, first)
		return nil
	})
}

func bySeq(c nas.Cursor, seq int64) int { return cmp.Compare(c.Seq, seq) }

// putCursor keeps a cursor; the lock is held.
func (db *DB) putCursor(u *unit, c nas.Cursor) {
	c = keptCursor(c)
	all := db.nas.cursors[c.Subscription]
	at, _ := slices.BinarySearchFunc(all, c.Seq, bySeq)
	if at < len(all) {
		all = slices.Clone(all)
	}
	put(u, db.nas.cursors, c.Subscription, slices.Insert(all, at, c))
	if c.MessageID != "" {
		put(u, db.nas.answers, answerKey{c.Subscription, c.MessageID}, c)
	}
}

func (s pullPoints) Subscription(ctx context.Context, id nas.SubscriptionID, now time.Time) (sub nas.Subscription, err error) {
	err = s.db.read(ctx, func() error {
		row, known := s.db.nas.subscriptions[id]
		if !known || !row.activeAt(instant(now)) {
			return nas.ErrUnknown
		}
		sub = s.db.subscription(row)
		return nil
	})
	return sub, err
}

// endSubscription ends one that has not ended; the lock is held.
func (db *DB) endSubscription(u *unit, row subscriptionRow, at time.Time) {
	row.ended = at
	put(u, db.nas.subscriptions, row.ID, row)
}

func (s pullPoints) EndSubscription(ctx context.Context, id nas.SubscriptionID, at time.Time) error {
	return s.db.write(ctx, func(u *unit) error {
		row, known := s.db.nas.subscriptions[id]
		if !known || !row.activeAt(instant(at)) {
			return nas.ErrUnknown
		}
		s.db.endSubscription(u, row, instant(at))
		return nil
	})
}

func (s pullPoints) EndPullPoint(ctx context.Context, id nas.PullPointID, at time.Time) error {
	return s.db.write(ctx, func(u *unit) error {
		point, err := s.db.live(id)
		if err != nil {
			return err
		}
		point.ended = instant(at)
		put(u, s.db.nas.points, id, point)
		for _, id := range point.all {
			if row := s.db.nas.subscriptions[id]; row.ended.IsZero() {
				s.db.endSubscription(u, row, point.ended)
			}
		}
		return nil
	})
}

func (s pullPoints) EndTopic(ctx context.Context, name nas.TopicName, at time.Time) (ended int, err error) {
	err = s.db.write(ctx, func(u *unit) error {
		ended = s.db.endTopic(u, name, instant(at))
		return nil
	})
	return ended, err
}

// endTopic ends the subscriptions of a topic; the lock is held.
func (db *DB) endTopic(u *unit, name nas.TopicName, at time.Time) (ended int) {
	for _, row := range db.nas.subscriptions {
		if row.Topic == name && row.ended.IsZero() {
			db.endSubscription(u, row, at)
			ended++
		}
	}
	return ended
}

func (s pullPoints) Advance(ctx context.Context, cursors []nas.Cursor) error {
	return s.db.write(ctx, func(u *unit) error {
		rows := &s.db.nas
		for _, c := range cursors {
			sub, known := rows.subscriptions[c.Subscription]
			_, answered := rows.answers[answerKey{c.Subscription, c.MessageID}]
			_, taken := slices.BinarySearchFunc(rows.cursors[c.Subscription], c.Seq, bySeq)
			if !known || sub.PullPoint != c.PullPoint || !sub.ended.IsZero() || taken || answered {
				return nas.ErrMoved
			}
			s.db.putCursor(u, c)
		}
		return nil
	})
}

func (s pullPoints) Answer(ctx context.Context, id nas.PullPointID, messageID string) (cursors []nas.Cursor, err error) {
	err = s.db.read(ctx, func() error {
		if point, err := s.db.live(id); err == nil {
			cursors = s.db.answer(point, messageID)
		}
		return nil
	})
	return cursors, err
}

// answer returns the cursors with which a call was answered; the lock is held.
func (db *DB) answer(point pointRow, messageID string) (cursors []nas.Cursor) {
	if messageID == "" {
		return nil
	}
	var subs []subscriptionRow
	for _, id := range point.all {
		if sub := db.nas.subscriptions[id]; sub.ended.IsZero() {
			subs = append(subs, sub)
		}
	}
	slices.SortFunc(subs, func(a, b subscriptionRow) int { return oldest(a.CreatedAt, b.CreatedAt, a.ID, b.ID) })
	for _, sub := range subs {
		if c, answered := db.nas.answers[answerKey{sub.ID, messageID}]; answered {
			cursors = append(cursors, keptCursor(c))
		}
	}
	return cursors
}

func (s pullPoints) Expire(ctx context.Context, now time.Time, n int) (ended int, err error) {
	now = instant(now)
	err = s.db.write(ctx, func(u *unit) error {
		for _, row := range s.db.nas.subscriptions {
			if ended < n && row.ended.IsZero() && !row.Expires.IsZero() && !row.Expires.After(now) {
				s.db.endSubscription(u, row, now)
				ended++
			}
		}
		return nil
	})
	return ended, err
}

func (s pullPoints) Idle(ctx context.Context, before time.Time, n int) (ids []nas.PullPointID, err error) {
	before = instant(before)
	err = s.db.read(ctx, func() error {
		for id, row := range s.db.nas.points {
			if len(ids) < n && row.ended.IsZero() && row.CreatedAt.Before(before) && row.LastSeen.Before(before) {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, err
}

func (s pullPoints) Prune(ctx context.Context, before time.Time, n int) (deleted int, done bool, err error) {
	before = instant(before)
	err = s.db.write(ctx, func(u *unit) error {
		deleted = s.db.pruneCursors(u, before, n)
		deleted += s.db.pruneEnded(u, before, n-deleted)
		done = deleted < n
		return nil
	})
	return deleted, done, err
}

// pruneCursors deletes at most n that are old and not the newest; the lock is held.
func (db *DB) pruneCursors(u *unit, before time.Time, n int) (deleted int) {
	for id, all := range db.nas.cursors {
		kept := slices.DeleteFunc(slices.Clone(all), func(c nas.Cursor) bool {
			if deleted >= n || c.Seq == all[len(all)-1].Seq || !c.CreatedAt.Before(before) {
				return false
			}
			db.dropAnswer(u, c)
			deleted++
			return true
		})
		if len(kept) < len(all) {
			put(u, db.nas.cursors, id, kept)
		}
	}
	return deleted
}

func (db *DB) dropAnswer(u *unit, c nas.Cursor) {
	if c.MessageID != "" {
		drop(u, db.nas.answers, answerKey{c.Subscription, c.MessageID})
	}
}

// pruneEnded deletes at most n of what ended long ago: cursors, then their subscriptions, then pull points without any; the lock is held.
func (db *DB) pruneEnded(u *unit, before time.Time, n int) (deleted int) {
	rows := &db.nas
	for id, sub := range rows.subscriptions {
		if sub.ended.IsZero() || !sub.ended.Before(before) {
			continue
		}
		for ; len(rows.cursors[id]) > 0 && deleted < n; deleted++ {
			c := rows.cursors[id][0]
			db.dropAnswer(u, c)
			put(u, rows.cursors, id, rows.cursors[id][1:])
		}
		if deleted >= n {
			break
		}
		drop(u, rows.cursors, id)
		drop(u, rows.subscriptions, id)
		point := rows.points[sub.PullPoint]
		point.all = slices.DeleteFunc(slices.Clone(point.all), func(other nas.SubscriptionID) bool { return other == id })
		put(u, rows.points, sub.PullPoint, point)
		deleted++
	}
	for id, point := range rows.points {
		if deleted < n && !point.ended.IsZero() && point.ended.Before(before) && len(point.all) == 0 {
			drop(u, rows.points, id)
			deleted++
		}
	}
	return deleted
}

// keptFilter is f as a store keeps it.
func keptFilter(f nas.Filter) nas.Filter {
	f.IDs = cloned(f.IDs)
	if f.XPath != nil {
		f.XPath = &nas.XPath{Expression: f.XPath.Expression, Namespaces: clonedMap(f.XPath.Namespaces)}
	}
	return f
}

// keptCursor is c as a store keeps it.
func keptCursor(c nas.Cursor) nas.Cursor {
	c.CreatedAt, c.Offsets, c.Delivered = instant(c.CreatedAt), cloned(c.Offsets), cloned(c.Delivered)
	return c
}
