package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"github.com/opennsp/nsp/domain/minlog"
)

// ByPerson walks along the primary key.
func (s logStore) ByPerson(ctx context.Context, key minlog.Key, q minlog.Query, after minlog.Cursor, n int) ([]minlog.Registration, error) {
	return s.find(ctx, "person_key", key, q, after, n)
}

// ByBehalf walks along the index of those acted for.
func (s logStore) ByBehalf(ctx context.Context, key minlog.Key, q minlog.Query, after minlog.Cursor, n int) ([]minlog.Registration, error) {
	return s.find(ctx, "behalf_key", key, q, after, n)
}

func (s logStore) find(ctx context.Context, column string, key minlog.Key, q minlog.Query, after minlog.Cursor, n int) ([]minlog.Registration, error) {
	if n <= 0 || q.Empty() {
		return nil, ctx.Err()
	}
	var found []minlog.Registration
	text, args := findQuery(column, key, q, after, n)
	err := s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var r minlog.Registration
		var id, doc sql.RawBytes
		var received int64
		if err := rows.Scan(&id, &received, &r.Registrar.CVR, &r.Registrar.ITSystem, &r.Registrar.MessageID, &r.Registrar.Interface, &doc); err != nil {
			return err
		}
		var err error
		if r.ID, err = idOf(id); err != nil {
			return err
		}
		if r.Entry, err = minlog.DecodeEntry(string(doc)); err != nil {
			return fmt.Errorf("entry of a registration: %w", err)
		}
		r.ReceivedAt = time.UnixMicro(received).UTC()
		found = append(found, r)
		return nil
	}, text, args...)
	if err != nil {
		return nil, fmt.Errorf("find registrations: %w", translate(err))
	}
	return found, nil
}

// idOf reads an id: 16 octets, or the UUID as text that PostgreSQL's driver gives.
func idOf(b []byte) (minlog.RegistrationID, error) {
	if len(b) == len(minlog.RegistrationID{}) {
		return minlog.RegistrationID(b), nil
	}
	return minlog.ParseID(string(b))
}

// findQuery selects in microseconds. The time has scalar bounds beside the cursor's row comparison, so that a search of the key starts and
// ends at them: no entry of the window is later than its To plus the longest period.
func findQuery(column string, key minlog.Key, q minlog.Query, after minlog.Cursor, n int) (text string, args []any) {
	lower, upper, to := q.Cutoff.UnixMicro()+1, int64(math.MaxInt64), int64(math.MaxInt64)
	if !q.From.IsZero() {
		lower = max(lower, ceilMicro(q.From))
	}
	if !q.To.IsZero() {
		to = ceilMicro(q.To)
		if q.MaxPeriod > 0 {
			upper = ceilMicro(q.To.Add(q.MaxPeriod))
		}
	}
	order, beyond := "DESC", "<"
	if q.Chronologic {
		order, beyond = "ASC", ">"
	}
	cursor := ""
	if after != (minlog.Cursor{}) {
		at := after.At.UnixMicro()
		if q.Chronologic {
			lower = max(lower, at)
		} else {
			upper = min(upper, at)
		}
		cursor = " AND (at, id) " + beyond + " (?, ?)"
		args = []any{at, after.ID[:]}
	}
	return "SELECT id, received_at, registrar_cvr, registrar_system, message_id, interface, doc FROM minlog_entry" +
			" WHERE " + column + " = ? AND at >= ? AND at <= ? AND from_at < ?" + cursor + " ORDER BY at " + order + ", id " + order + " LIMIT ?",
		append(append([]any{string(key), lower, upper, to}, args...), n)
}

// ceilMicro returns the first microsecond that is not before t.
func ceilMicro(t time.Time) int64 { return t.Add(time.Microsecond - 1).UnixMicro() }
