package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// outbox keeps notices in outbox. What waits is found anew each time, never by a position behind which one would not look again: a notice
// with a lower number may be committed after one with a higher. Of one key numbers rise in the order of commits, since who writes a notice
// has locked what its key names before the number is drawn, and keeps the lock to its commit.
type outbox struct{ db *DB }

var _ ports.Outbox = outbox{}

func (s outbox) Put(ctx context.Context, ns ...notice.Notice) error {
	if len(ns) == 0 {
		return ctx.Err()
	}
	return s.db.write(ctx, func(t *tx) error { return t.putNotices(ns) })
}

// putNotices adds notices to the outbox in the order given; one with a known ID is ignored. Other stores call it within their writes, once they
// hold the lock of what the notices' keys name.
func (t *tx) putNotices(ns []notice.Notice) error {
	insert := inserter{tx: t, into: "outbox (id, target, order_key, payload, created, attempts, next_try)", columns: 7, rest: " ON CONFLICT (id) DO NOTHING"}
	for i := range ns {
		n := &ns[i]
		payload, err := n.Payload()
		if err != nil {
			return fmt.Errorf("put a notice: %w", err)
		}
		if err := insert.row(n.ID, string(n.To), n.Key, payload, n.Created.UnixMicro(), 0, 0); err != nil {
			return fmt.Errorf("put notices: %w", err)
		}
	}
	if err := insert.flush(); err != nil {
		return fmt.Errorf("put notices: %w", err)
	}
	return nil
}

// isWaiting is the condition of the indexes outbox_waiting and outbox_key, word for word.
const isWaiting = "sent IS NULL AND parked_code IS NULL"

const noticeColumns = "id, target, order_key, payload, created, attempts"

// nextNotices looks the head of each key up by itself, so that the rows it reads are those that are due up to the last one it returns, however
// many were delivered or wait for other targets.
const nextNotices = "SELECT " + noticeColumns + ", NULL FROM outbox WHERE target = ? AND " + isWaiting + ` AND next_try <= ?
	AND seq = (SELECT min(head.seq) FROM outbox AS head
		WHERE head.target = outbox.target AND head.order_key = outbox.order_key AND head.sent IS NULL AND head.parked_code IS NULL)
	ORDER BY next_try, seq LIMIT ?`

func (s outbox) Next(ctx context.Context, to notice.Target, now time.Time, n int) ([]notice.Notice, error) {
	found, err := s.find(ctx, n, nextNotices, string(to), now.UnixMicro(), n)
	if err != nil {
		return nil, fmt.Errorf("find notices that are due: %w", translate(err))
	}
	due := make([]notice.Notice, len(found))
	for i := range found {
		due[i] = found[i].Notice
	}
	return due, nil
}

const parkedNotices = "SELECT " + noticeColumns + ", parked_code FROM outbox WHERE parked_code IS NOT NULL ORDER BY seq LIMIT ?"

func (s outbox) Parked(ctx context.Context, n int) ([]notice.Parked, error) {
	found, err := s.find(ctx, n, parkedNotices, n)
	if err != nil {
		return nil, fmt.Errorf("find parked notices: %w", translate(err))
	}
	return found, nil
}

// find runs a query of notices with their codes.
func (s outbox) find(ctx context.Context, n int, text string, args ...any) (found []notice.Parked, err error) {
	if n <= 0 {
		return nil, ctx.Err()
	}
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var p notice.Parked
		var payload string
		var created int64
		var code sql.NullString
		if err := rows.Scan(&p.ID, &p.To, &p.Key, &payload, &created, &p.Attempts, &code); err != nil {
			return err
		}
		p.Created, p.Code = time.UnixMicro(created).UTC(), code.String
		if err := p.SetPayload(payload); err != nil {
			return err
		}
		found = append(found, p)
		return nil
	}, text, args...)
	return found, err
}

// waits is isWaiting in words that no index has: one row is found by its id, and not among all that wait.
const waits = "CASE WHEN sent IS NULL THEN parked_code IS NULL ELSE FALSE END"

const (
	doneNotice  = "UPDATE outbox SET sent = ? WHERE id = ? AND " + waits
	laterNotice = "UPDATE outbox SET next_try = ?, attempts = attempts + 1 WHERE id = ? AND " + waits
	parkNotice  = "UPDATE outbox SET parked_code = ? WHERE id = ? AND " + waits
	retryNotice = "UPDATE outbox SET parked_code = NULL, next_try = ?, attempts = 0 WHERE id = ? AND parked_code IS NOT NULL"
	dropNotice  = "DELETE FROM outbox WHERE id = ? AND parked_code IS NOT NULL"
)

func (s outbox) Done(ctx context.Context, id string, at time.Time) error {
	_, err := s.change(ctx, "set a notice done", doneNotice, at.UnixMicro(), id)
	return err
}

func (s outbox) Later(ctx context.Context, id string, next time.Time) error {
	_, err := s.change(ctx, "put a notice off", laterNotice, next.UnixMicro(), id)
	return err
}

func (s outbox) Park(ctx context.Context, id, code string) error {
	_, err := s.change(ctx, "park a notice", parkNotice, code, id)
	return err
}

func (s outbox) Retry(ctx context.Context, id string, now time.Time) error {
	return parked(s.change(ctx, "retry a notice", retryNotice, now.UnixMicro(), id))
}

func (s outbox) Drop(ctx context.Context, id string) error {
	return parked(s.change(ctx, "drop a notice", dropNotice, id))
}

func (s outbox) change(ctx context.Context, action, text string, args ...any) (int64, error) {
	changed, err := s.db.one(ctx, nil, text, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", action, err)
	}
	return changed, nil
}

// parked is notice.ErrNotParked where nothing was changed.
func parked(changed int64, err error) error {
	if err == nil && changed == 0 {
		return notice.ErrNotParked
	}
	return err
}

const countNotices = "SELECT waiting.n, parked.n, waiting.oldest FROM (SELECT count(*) AS n, min(created) AS oldest FROM outbox WHERE " + isWaiting + `) AS waiting,
	(SELECT count(*) AS n FROM outbox WHERE parked_code IS NOT NULL) AS parked`

func (s outbox) Waiting(ctx context.Context) (waiting, parked int, oldest time.Time, err error) {
	var created sql.NullInt64
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error { return rows.Scan(&waiting, &parked, &created) }, countNotices)
	if err != nil {
		return 0, 0, time.Time{}, fmt.Errorf("count notices: %w", translate(err))
	}
	return waiting, parked, fromMicros(created), nil
}

const forgetNotices = "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE sent <= ? LIMIT ?) AND sent <= ?"

func (s outbox) Forget(ctx context.Context, sent time.Time, n int) (done bool, err error) {
	return s.db.purge(ctx, forgetNotices, sent, n)
}
