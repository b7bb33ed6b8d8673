package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// PullPoints returns the store of pull points, subscriptions and cursors.
func (db *DB) PullPoints() ports.PullPointStore {
	return &pullPoints{db,
		"SELECT 1 FROM nas_pull_point WHERE id = ? AND ended_at IS NULL" + db.locking("UPDATE"),
		"SELECT 1 FROM nas_topic WHERE topic = ?" + db.locking("KEY SHARE")}
}

// pullPoints keeps cursors in nas_consumer, whose rows are never altered: its keys alone decide who of several moved on. An order of locks: pull
// point, topic, subscriptions.
type pullPoints struct {
	db                   *DB
	lockPoint, lockTopic string
}

var _ ports.PullPointStore = (*pullPoints)(nil)

// What is read of a pull point: a row for each active subscription, or one without any.
const (
	pointColumns = "SELECT " + pointFields
	pointFields  = "p.id, p.owner_cvr, p.owner_system, p.created_at, p.last_seen_at, s.id, s.topic, t.internal_topic, s.filter, s.created_at, " +
		"s.expires_at, " + cursorColumns + " FROM "
	cursorColumns = "c.subscription_id, c.pull_point_id, c.seq, c.message_id, c.offsets, c.message_count, c.delivered, c.created_at"
	activeAt      = "s.ended_at IS NULL AND s.created_at <= ? AND (s.expires_at IS NULL OR s.expires_at > ?)"
	withActive    = " LEFT JOIN nas_subscription AS s ON s.pull_point_id = p.id AND " + activeAt + " LEFT JOIN nas_topic AS t ON t.topic = s.topic" +
		" LEFT JOIN nas_consumer AS c ON c.subscription_id = s.id AND " + newest
	newest = "c.seq = (SELECT max(n.seq) FROM nas_consumer AS n WHERE n.subscription_id = s.id)"

	onePoint = pointColumns + "nas_pull_point AS p" + withActive + " WHERE p.id = ? AND p.ended_at IS NULL ORDER BY s.created_at, s.id"
	visited  = "SELECT EXISTS (SELECT 1 FROM nas_consumer AS a CROSS JOIN nas_subscription AS b WHERE a.pull_point_id = p.id AND a.message_id = ?" +
		" AND b.id = a.subscription_id AND b.ended_at IS NULL), " + pointFields + "nas_pull_point AS p" + withActive +
		" WHERE p.id = ? AND p.ended_at IS NULL ORDER BY s.created_at, s.id"
	ofOwner = pointColumns + "nas_pull_point AS p" + withActive +
		" WHERE p.owner_cvr = ? AND p.owner_system = ? AND p.ended_at IS NULL ORDER BY p.created_at, p.id, s.created_at, s.id"
	livePoints = pointColumns + "(SELECT * FROM nas_pull_point WHERE ended_at IS NULL AND id > ? ORDER BY id LIMIT ?) AS p" + withActive +
		" ORDER BY p.id, s.created_at, s.id"
	oneSubscription = pointColumns + "nas_subscription AS s CROSS JOIN nas_pull_point AS p CROSS JOIN nas_topic AS t CROSS JOIN nas_consumer AS c" +
		" WHERE s.id = ? AND " + activeAt + " AND p.id = s.pull_point_id AND t.topic = s.topic AND c.subscription_id = s.id AND " + newest
)

func (s *pullPoints) PullPoint(ctx context.Context, id nas.PullPointID, now time.Time) (nas.PullPoint, error) {
	found, err := s.db.read(ctx).pullPoints(ctx, onePoint, now.UnixMicro(), now.UnixMicro(), string(id))
	switch {
	case err != nil:
		return nas.PullPoint{}, fmt.Errorf("find a pull point: %w", translate(err))
	case len(found) == 0:
		return nas.PullPoint{}, nas.ErrUnknown
	}
	return found[0], nil
}

func (s *pullPoints) Visit(ctx context.Context, id nas.PullPointID, now time.Time, messageID string) (p nas.PullPoint, answered bool, err error) {
	found, err := s.db.read(ctx).pullPointsAnd(ctx, []any{&answered}, visited, messageID, now.UnixMicro(), now.UnixMicro(), string(id))
	switch {
	case err != nil:
		return nas.PullPoint{}, false, fmt.Errorf("find a pull point: %w", translate(err))
	case len(found) == 0:
		return nas.PullPoint{}, false, nas.ErrUnknown
	}
	return found[0], answered && messageID != "", nil
}

func (s *pullPoints) PullPoints(ctx context.Context, o nas.Owner, now time.Time) ([]nas.PullPoint, error) {
	found, err := s.db.read(ctx).pullPoints(ctx, ofOwner, now.UnixMicro(), now.UnixMicro(), o.CVR, o.System)
	if err != nil {
		return nil, fmt.Errorf("find an owner's pull points: %w", translate(err))
	}
	return found, nil
}

func (s *pullPoints) LivePullPoints(ctx context.Context, after nas.PullPointID, n int, now time.Time) ([]nas.PullPoint, error) {
	found, err := s.db.read(ctx).pullPoints(ctx, livePoints, string(after), max(n, 0), now.UnixMicro(), now.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("list pull points: %w", translate(err))
	}
	return found, nil
}

func (s *pullPoints) Subscription(ctx context.Context, id nas.SubscriptionID, now time.Time) (nas.Subscription, error) {
	found, err := s.db.read(ctx).pullPoints(ctx, oneSubscription, string(id), now.UnixMicro(), now.UnixMicro())
	switch {
	case err != nil:
		return nas.Subscription{}, fmt.Errorf("find a subscription: %w", translate(err))
	case len(found) == 0:
		return nas.Subscription{}, nas.ErrUnknown
	}
	return found[0].Subscriptions[0], nil
}

// pullPoints returns pull points whose rows follow one another.
func (s session) pullPoints(ctx context.Context, text string, args ...any) (all []nas.PullPoint, err error) {
	return s.pullPointsAnd(ctx, nil, text, args...)
}

// pullPointsAnd is pullPoints of rows with further columns, which come first.
func (s session) pullPointsAnd(ctx context.Context, more []any, text string, args ...any) (all []nas.PullPoint, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var p nas.PullPoint
		var created int64
		var seen, subscribed, expires sql.NullInt64
		var id, topic, log sql.NullString
		var filter []byte
		var c cursorRow
		err := rows.Scan(append(append(slices.Clip(more), &p.ID, &p.Owner.CVR, &p.Owner.System, &created, &seen, &id, &topic, &log, &filter, &subscribed,
			&expires), c.into()...)...)
		if err != nil {
			return err
		}
		if len(all) == 0 || all[len(all)-1].ID != p.ID {
			p.CreatedAt, p.LastSeen = time.UnixMicro(created).UTC(), fromMicros(seen)
			all = append(all, p)
		}
		if !id.Valid {
			return nil
		}
		sub := nas.Subscription{ID: nas.SubscriptionID(id.String), PullPoint: p.ID, Owner: p.Owner, Topic: nas.TopicName(topic.String),
			Log: messagelog.Topic(log.String), CreatedAt: fromMicros(subscribed), Expires: fromMicros(expires)}
		if err := json.Unmarshal(filter, &sub.Filter); err != nil {
			return fmt.Errorf("filter of a subscription: %w", err)
		}
		if sub.Cursor, err = c.cursor(); err != nil {
			return err
		}
		last := &all[len(all)-1]
		last.Subscriptions = append(last.Subscriptions, sub)
		return nil
	}, text, args...)
	return all, err
}

const (
	createPoint  = "INSERT INTO nas_pull_point (id, owner_cvr, owner_system, created_at, last_seen_at) VALUES (?, ?, ?, ?, ?)"
	countPoints  = "SELECT count(*) FROM nas_pull_point WHERE owner_cvr = ? AND owner_system = ? AND ended_at IS NULL"
	countActive  = "SELECT count(*) FROM nas_subscription AS s WHERE s.pull_point_id = ? AND " + activeAt
	createActive = "INSERT INTO nas_subscription (id, pull_point_id, topic, filter, expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?)"
)

// single returns the number that a query finds; found=false if it finds no row.
func (s session) single(ctx context.Context, text string, args ...any) (n int64, found bool, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&n)
	}, text, args...)
	return n, found, err
}

func (s *pullPoints) CreatePullPoint(ctx context.Context, p nas.PullPoint, limit int) error {
	err := s.db.write(ctx, func(t *tx) error {
		if err := t.db.lockName(t, "pull points "+p.Owner.CVR+" "+p.Owner.System); err != nil {
			return err
		}
		live, _, err := t.single(t.ctx, countPoints, p.Owner.CVR, p.Owner.System)
		if err != nil {
			return err
		}
		if live >= int64(limit) {
			return nas.ErrTooMany
		}
		_, err = t.exec(t.ctx, createPoint, string(p.ID), p.Owner.CVR, p.Owner.System, p.CreatedAt.UnixMicro(), micros(p.LastSeen))
		return err
	})
	return wrapped("create a pull point", err)
}

// wrapped tells of what an error came; nil and what the port tells of are left as they are.
func wrapped(what string, err error) error {
	for _, told := range []error{nas.ErrNoTopic, nas.ErrUnknown, nas.ErrTooMany} {
		if err == nil || errors.Is(err, told) {
			return err
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (s *pullPoints) Subscribe(ctx context.Context, sub nas.Subscription, first nas.Cursor, limit int) error {
	filter, err := json.Marshal(sub.Filter)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	first.Subscription, first.PullPoint, first.Seq = sub.ID, sub.PullPoint, 0
	err = s.db.write(ctx, func(t *tx) error {
		if _, live, err := t.single(t.ctx, s.lockPoint, string(sub.PullPoint)); err != nil || !live {
			return cmp.Or(err, nas.ErrUnknown)
		}
		if _, there, err := t.single(t.ctx, s.lockTopic, string(sub.Topic)); err != nil || !there {
			return cmp.Or(err, nas.ErrNoTopic)
		}
		created := sub.CreatedAt.UnixMicro()
		active, _, err := t.single(t.ctx, countActive, string(sub.PullPoint), created, created)
		if err != nil {
			return err
		}
		if active >= int64(limit) {
			return nas.ErrTooMany
		}
		if _, err := t.exec(t.ctx, createActive, string(sub.ID), string(sub.PullPoint), string(sub.Topic), string(filter), micros(sub.Expires), created); err != nil {
			return err
		}
		return t.putCursors([]nas.Cursor{first})
	})
	return wrapped("subscribe", err)
}

const seenPoint = "UPDATE nas_pull_point SET last_seen_at = ? WHERE id = ? AND ended_at IS NULL AND (last_seen_at IS NULL OR last_seen_at < ?)"

func (s *pullPoints) Seen(ctx context.Context, id nas.PullPointID, at time.Time) error {
	if _, err := s.db.one(ctx, nil, seenPoint, at.UnixMicro(), string(id), at.UnixMicro()); err != nil {
		return fmt.Errorf("keep that a pull point was seen: %w", err)
	}
	return nil
}

// What ends.
const (
	endSubscription = "UPDATE nas_subscription AS s SET ended_at = ? WHERE s.id = ? AND " + activeAt
	endPoint        = "UPDATE nas_pull_point SET ended_at = ? WHERE id = ? AND ended_at IS NULL"
	endOfPoint      = "UPDATE nas_subscription SET ended_at = ? WHERE pull_point_id = ? AND ended_at IS NULL"
	endTopic        = "UPDATE nas_subscription SET ended_at = ? WHERE topic = ? AND ended_at IS NULL"
	expire          = `UPDATE nas_subscription SET ended_at = ? WHERE ended_at IS NULL AND id IN
		(SELECT id FROM nas_subscription WHERE ended_at IS NULL AND expires_at <= ? ORDER BY expires_at LIMIT ?)`
	idle = `SELECT id FROM nas_pull_point WHERE ended_at IS NULL AND created_at < ? AND (last_seen_at IS NULL OR last_seen_at < ?) LIMIT ?`
)

func (s *pullPoints) EndSubscription(ctx context.Context, id nas.SubscriptionID, at time.Time) error {
	ended, err := s.db.one(ctx, nil, endSubscription, at.UnixMicro(), string(id), at.UnixMicro(), at.UnixMicro())
	if err != nil {
		return fmt.Errorf("end a subscription: %w", err)
	}
	if ended == 0 {
		return nas.ErrUnknown
	}
	return nil
}

func (s *pullPoints) EndPullPoint(ctx context.Context, id nas.PullPointID, at time.Time) error {
	err := s.db.edit(ctx, func(t *tx) error {
		ended, err := t.exec(t.ctx, endPoint, at.UnixMicro(), string(id))
		if err != nil {
			return err
		}
		if ended == 0 {
			return nas.ErrUnknown
		}
		_, err = t.exec(t.ctx, endOfPoint, at.UnixMicro(), string(id))
		return err
	})
	return wrapped("end a pull point", err)
}

func (s *pullPoints) EndTopic(ctx context.Context, name nas.TopicName, at time.Time) (int, error) {
	ended, err := s.db.one(ctx, nil, endTopic, at.UnixMicro(), string(name))
	if err != nil {
		return 0, fmt.Errorf("end the subscriptions of a topic: %w", err)
	}
	return int(ended), nil
}

func (s *pullPoints) Expire(ctx context.Context, now time.Time, n int) (int, error) {
	ended, err := s.db.one(ctx, nil, expire, now.UnixMicro(), now.UnixMicro(), max(n, 0))
	if err != nil {
		return 0, fmt.Errorf("expire subscriptions: %w", err)
	}
	return int(ended), nil
}

func (s *pullPoints) Idle(ctx context.Context, before time.Time, n int) (ids []nas.PullPointID, err error) {
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var id nas.PullPointID
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, idle, before.UnixMicro(), before.UnixMicro(), max(n, 0))
	if err != nil {
		return nil, fmt.Errorf("find idle pull points: %w", translate(err))
	}
	return ids, nil
}
