package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// securityEvents keeps what security turned away in security_event.
type securityEvents struct{ db *DB }

var _ ports.SecurityEvents = securityEvents{}

// Record inserts in the order given: the ids rise with it.
func (s securityEvents) Record(ctx context.Context, until time.Time, events ...audit.Refusal) error {
	if len(events) == 0 {
		return ctx.Err()
	}
	err := s.db.alone(ctx, func(t *tx) error {
		insert := inserter{tx: t, columns: 10,
			into: "security_event (at, service, operation, code, cause, anchor, cvr, addr, message_id, until)"}
		for _, e := range events {
			err := insert.row(e.At.UnixMicro(), storable(e.Service), storable(e.Operation), storable(e.Code), storable(e.Cause), storable(e.Anchor),
				storable(e.CVR), storable(e.Addr), storable(e.MessageID), until.UnixMicro())
			if err != nil {
				return err
			}
		}
		return insert.flush()
	})
	if err != nil {
		return fmt.Errorf("record security events: %w", err)
	}
	return nil
}

// storable is s without what not every database takes as a character. Events hold what strangers sent: one must not keep others from being told.
func storable(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

const findEvents = `SELECT at, service, operation, code, cause, anchor, cvr, addr, message_id FROM security_event
	WHERE at >= ? ORDER BY at DESC, id DESC LIMIT ?`

func (s securityEvents) Since(ctx context.Context, since time.Time, n int) (found []audit.Refusal, err error) {
	if n <= 0 {
		return nil, ctx.Err()
	}
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var e audit.Refusal
		var at int64
		if err := rows.Scan(&at, &e.Service, &e.Operation, &e.Code, &e.Cause, &e.Anchor, &e.CVR, &e.Addr, &e.MessageID); err != nil {
			return err
		}
		e.At = time.UnixMicro(at).UTC()
		found = append(found, e)
		return nil
	}, findEvents, ceilMicro(since), n)
	if err != nil {
		return nil, fmt.Errorf("find security events: %w", translate(err))
	}
	return found, nil
}

const purgeEvents = "DELETE FROM security_event WHERE id IN (SELECT id FROM security_event WHERE until <= ? LIMIT ?) AND until <= ?"

func (s securityEvents) Purge(ctx context.Context, now time.Time, n int) (done bool, err error) {
	return s.db.purge(ctx, purgeEvents, now, n)
}
