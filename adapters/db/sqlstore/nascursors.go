package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/nas"
)

// cursorRow is a row of nas_consumer, or what is read where there is none.
type cursorRow struct {
	subscription, point, message, offsets, delivered sql.NullString
	seq, count, created                              sql.NullInt64
}

// into is where the columns cursorColumns are read to.
func (r *cursorRow) into() []any {
	return []any{&r.subscription, &r.point, &r.seq, &r.message, &r.offsets, &r.count, &r.delivered, &r.created}
}

func (r *cursorRow) cursor() (c nas.Cursor, err error) {
	c = nas.Cursor{Subscription: nas.SubscriptionID(r.subscription.String), PullPoint: nas.PullPointID(r.point.String), Seq: r.seq.Int64,
		MessageID: r.message.String, Count: int(r.count.Int64), CreatedAt: fromMicros(r.created)}
	if c.Offsets, err = nas.ParseOffsets(r.offsets.String); err != nil {
		return nas.Cursor{}, err
	}
	c.Delivered, err = nas.ParseRanges(r.delivered.String)
	return c, err
}

// putCursors inserts cursors in the order of their subscriptions, so that two that insert for the same ones do not wait for each other.
func (t *tx) putCursors(cursors []nas.Cursor) error {
	cursors = slices.Clone(cursors)
	slices.SortFunc(cursors, func(a, b nas.Cursor) int { return cmp.Compare(a.Subscription, b.Subscription) })
	in := inserter{tx: t, into: "nas_consumer (subscription_id, seq, pull_point_id, message_id, offsets, message_count, delivered, created_at)", columns: 8}
	for i := range cursors {
		c := &cursors[i]
		if err := in.row(string(c.Subscription), c.Seq, string(c.PullPoint), sql.NullString{String: c.MessageID, Valid: c.MessageID != ""},
			c.Offsets.String(), c.Count, c.Delivered.String(), c.CreatedAt.UnixMicro()); err != nil {
			return err
		}
	}
	return in.flush()
}

// notEnded returns those of some subscriptions that have not ended, nor their pull point.
const notEnded = "SELECT s.id, s.pull_point_id FROM nas_subscription AS s JOIN nas_pull_point AS p ON p.id = s.pull_point_id" +
	" WHERE s.ended_at IS NULL AND p.ended_at IS NULL AND s.id IN "

// Advance goes by the keys of nas_consumer. What ends while it runs ends after it.
func (s *pullPoints) Advance(ctx context.Context, rows []nas.Cursor) error {
	if len(rows) == 0 {
		return ctx.Err()
	}
	err := s.db.write(ctx, func(t *tx) error {
		if err := t.requireNotEnded(rows); err != nil {
			return err
		}
		return t.putCursors(rows)
	})
	switch {
	case errors.Is(err, nas.ErrMoved):
		return nas.ErrMoved
	case collided(err) || errors.Is(err, errDuplicate):
		return fmt.Errorf("%w: %w", nas.ErrMoved, err)
	case err != nil:
		return fmt.Errorf("advance cursors: %w", err)
	}
	return nil
}

// requireNotEnded returns nas.ErrMoved if a subscription or its pull point has ended.
func (t *tx) requireNotEnded(rows []nas.Cursor) error {
	var ids []any
	for i := range rows {
		ids = append(ids, string(rows[i].Subscription))
	}
	live := map[nas.SubscriptionID]nas.PullPointID{}
	for some := range slices.Chunk(ids, chunk) {
		err := t.query(t.ctx, func(rows *sql.Rows) error {
			var id nas.SubscriptionID
			var point nas.PullPointID
			err := rows.Scan(&id, &point)
			live[id] = point
			return err
		}, notEnded+values(len(some), 1), some...)
		if err != nil {
			return err
		}
	}
	for i := range rows {
		if point, is := live[rows[i].Subscription]; !is || point != rows[i].PullPoint {
			return nas.ErrMoved
		}
	}
	return nil
}

const answer = "SELECT " + cursorColumns + ` FROM nas_pull_point AS p CROSS JOIN nas_consumer AS c CROSS JOIN nas_subscription AS s
	WHERE p.id = ? AND p.ended_at IS NULL AND c.pull_point_id = p.id AND c.message_id = ? AND s.id = c.subscription_id AND s.ended_at IS NULL
	ORDER BY s.created_at, s.id`

func (s *pullPoints) Answer(ctx context.Context, id nas.PullPointID, messageID string) (cursors []nas.Cursor, err error) {
	if messageID == "" {
		return nil, ctx.Err()
	}
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var row cursorRow
		if err := rows.Scan(row.into()...); err != nil {
			return err
		}
		c, err := row.cursor()
		cursors = append(cursors, c)
		return err
	}, answer, string(id), messageID)
	if err != nil {
		return nil, fmt.Errorf("find the answer to a call: %w", translate(err))
	}
	return cursors, nil
}

// What Prune deletes, each at most so many rows: cursors that others superseded, the cursors of what ended, subscriptions without a cursor, and
// pull points without a subscription.
const (
	pruneCursors = `DELETE FROM nas_consumer WHERE (subscription_id, seq) IN (SELECT c.subscription_id, c.seq FROM nas_consumer AS c WHERE c.created_at < ?
		AND c.seq < (SELECT max(n.seq) FROM nas_consumer AS n WHERE n.subscription_id = c.subscription_id) ORDER BY c.created_at LIMIT ?)`
	pruneCursorsOfEnded = `DELETE FROM nas_consumer WHERE (subscription_id, seq) IN (SELECT c.subscription_id, c.seq FROM nas_subscription AS s
		CROSS JOIN nas_consumer AS c WHERE s.ended_at < ? AND c.subscription_id = s.id LIMIT ?)`
	pruneSubscriptions = `DELETE FROM nas_subscription WHERE id IN (SELECT s.id FROM nas_subscription AS s WHERE s.ended_at < ?
		AND NOT EXISTS (SELECT 1 FROM nas_consumer AS c WHERE c.subscription_id = s.id) LIMIT ?)`
	prunePoints = `DELETE FROM nas_pull_point WHERE id IN (SELECT p.id FROM nas_pull_point AS p WHERE p.ended_at < ?
		AND NOT EXISTS (SELECT 1 FROM nas_subscription AS s WHERE s.pull_point_id = p.id) LIMIT ?)`
)

func (s *pullPoints) Prune(ctx context.Context, before time.Time, n int) (deleted int, done bool, err error) {
	err = s.db.write(ctx, func(t *tx) error {
		deleted = 0
		for _, text := range []string{pruneCursors, pruneCursorsOfEnded, pruneSubscriptions, prunePoints} {
			if deleted >= n {
				return nil
			}
			rows, err := t.exec(t.ctx, text, before.UnixMicro(), n-deleted)
			if err != nil {
				return err
			}
			deleted += int(rows)
		}
		done = deleted < n
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("prune cursors: %w", err)
	}
	return deleted, done, nil
}
