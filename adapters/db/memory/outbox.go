package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// noticeRows is what the outbox keeps, by id. Each notice is in one of waiting, parked and sent; known has them all.
type noticeRows struct {
	seq     int64 // of the latest
	known   map[string]bool
	waiting map[string]noticeRow
	parked  map[string]noticeRow
	sent    map[string]time.Time
}

type noticeRow struct {
	notice  notice.Notice // without what is for the target
	payload string        // as other stores keep it
	seq     int64
	next    time.Time
	code    string
}

func newNoticeRows() noticeRows {
	return noticeRows{known: map[string]bool{}, waiting: map[string]noticeRow{}, parked: map[string]noticeRow{}, sent: map[string]time.Time{}}
}

type outbox struct{ db *DB }

var _ ports.Outbox = outbox{}

func (s outbox) Put(ctx context.Context, ns ...notice.Notice) error {
	return s.db.write(ctx, func(u *unit) error { return putNotices(u, ns) })
}

// putNotices adds notices to the outbox in the order given; one with a known ID is ignored. Other stores call it within their writes.
func putNotices(u *unit, ns []notice.Notice) error {
	rows := &u.db.outbox
	for i := range ns {
		n := &ns[i]
		payload, err := n.Payload()
		if err != nil {
			return fmt.Errorf("put a notice: %w", err)
		}
		if rows.known[n.ID] {
			continue
		}
		rows.seq++ // never given back: it only orders
		put(u, rows.known, n.ID, true)
		put(u, rows.waiting, n.ID, noticeRow{
			notice: notice.Notice{ID: n.ID, Key: n.Key, To: n.To, Created: instant(n.Created)}, payload: payload, seq: rows.seq,
		})
	}
	return nil
}

func (r noticeRow) get() (notice.Notice, error) {
	n := r.notice
	return n, n.SetPayload(r.payload)
}

func ordered(rows map[string]noticeRow) []noticeRow {
	return slices.SortedFunc(maps.Values(rows), func(a, b noticeRow) int { return cmp.Compare(a.seq, b.seq) })
}

func (s outbox) Next(ctx context.Context, to notice.Target, now time.Time, n int) (due []notice.Notice, err error) {
	err = s.db.read(ctx, func() error {
		keys := map[string]bool{}
		var heads []noticeRow
		for _, row := range ordered(s.db.outbox.waiting) {
			if row.notice.To != to {
				continue
			}
			if !keys[row.notice.Key] && !row.next.After(now) {
				heads = append(heads, row)
			}
			keys[row.notice.Key] = true
		}
		slices.SortStableFunc(heads, func(a, b noticeRow) int { return a.next.Compare(b.next) })
		for _, row := range heads[:min(max(n, 0), len(heads))] {
			found, err := row.get()
			if err != nil {
				return err
			}
			due = append(due, found)
		}
		return nil
	})
	return due, err
}

// change has edit change the row of a notice among those of from, if it is there.
func (s outbox) change(ctx context.Context, from map[string]noticeRow, id string, edit func(*unit, noticeRow)) (found bool, err error) {
	err = s.db.write(ctx, func(u *unit) error {
		var row noticeRow
		if row, found = from[id]; found {
			edit(u, row)
		}
		return nil
	})
	return found, err
}

func (s outbox) Done(ctx context.Context, id string, at time.Time) error {
	rows := &s.db.outbox
	_, err := s.change(ctx, rows.waiting, id, func(u *unit, _ noticeRow) {
		drop(u, rows.waiting, id)
		put(u, rows.sent, id, instant(at))
	})
	return err
}

func (s outbox) Later(ctx context.Context, id string, next time.Time) error {
	rows := &s.db.outbox
	_, err := s.change(ctx, rows.waiting, id, func(u *unit, row noticeRow) {
		row.next = instant(next)
		row.notice.Attempts++
		put(u, rows.waiting, id, row)
	})
	return err
}

func (s outbox) Park(ctx context.Context, id, code string) error {
	rows := &s.db.outbox
	_, err := s.change(ctx, rows.waiting, id, func(u *unit, row noticeRow) {
		row.code = code
		drop(u, rows.waiting, id)
		put(u, rows.parked, id, row)
	})
	return err
}

func (s outbox) Parked(ctx context.Context, n int) (found []notice.Parked, err error) {
	err = s.db.read(ctx, func() error {
		for _, row := range ordered(s.db.outbox.parked) {
			if len(found) >= n {
				break
			}
			parked, err := row.get()
			if err != nil {
				return err
			}
			found = append(found, notice.Parked{Notice: parked, Code: row.code})
		}
		return nil
	})
	return found, err
}

func (s outbox) Retry(ctx context.Context, id string, now time.Time) error {
	rows := &s.db.outbox
	return wasParked(s.change(ctx, rows.parked, id, func(u *unit, row noticeRow) {
		row.next, row.code, row.notice.Attempts = instant(now), "", 0
		drop(u, rows.parked, id)
		put(u, rows.waiting, id, row)
	}))
}

func (s outbox) Drop(ctx context.Context, id string) error {
	rows := &s.db.outbox
	return wasParked(s.change(ctx, rows.parked, id, func(u *unit, _ noticeRow) {
		drop(u, rows.parked, id)
		drop(u, rows.known, id)
	}))
}

func wasParked(found bool, err error) error {
	if err == nil && !found {
		return notice.ErrNotParked
	}
	return err
}

func (s outbox) Waiting(ctx context.Context) (waiting, parked int, oldest time.Time, err error) {
	err = s.db.read(ctx, func() error {
		waiting, parked = len(s.db.outbox.waiting), len(s.db.outbox.parked)
		for _, row := range s.db.outbox.waiting {
			if oldest.IsZero() || row.notice.Created.Before(oldest) {
				oldest = row.notice.Created
			}
		}
		return nil
	})
	return waiting, parked, oldest, err
}

func (s outbox) Forget(ctx context.Context, sent time.Time, n int) (done bool, err error) {
	rows := &s.db.outbox
	err = s.db.alone(ctx, func(u *unit) error {
		deleted := 0
		for id, at := range rows.sent {
			if at.After(sent) {
				continue
			}
			if deleted++; deleted > n {
				return nil
			}
			drop(u, rows.sent, id)
			drop(u, rows.known, id)
		}
		done = true
		return nil
	})
	return done, err
}
