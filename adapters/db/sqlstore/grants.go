package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// grants keeps the grants of organisations in security_grant.
type grants struct{ db *DB }

var _ ports.GrantStore = grants{}

// Grants reads the whole table; the order is not the database's, which may sort texts by its own rules.
func (s grants) Grants(ctx context.Context) ([]trust.Grant, error) {
	all, err := s.db.read(ctx).grants(ctx)
	if err != nil {
		return nil, fmt.Errorf("read grants: %w", translate(err))
	}
	return all, nil
}

func (s session) grants(ctx context.Context) (all []trust.Grant, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var g trust.Grant
		var from, to sql.NullInt64
		if err := rows.Scan(&g.ID, &g.Name, &g.CVR, &from, &to, &g.Note, &g.CreatedBy); err != nil {
			return err
		}
		g.Valid.From, g.Valid.To = fromMicros(from), fromMicros(to)
		all = append(all, g)
		return nil
	}, "SELECT id, name, cvr, valid_from, valid_to, note, created_by FROM security_grant")
	slices.SortFunc(all, trust.Grant.Compare)
	return all, err
}

// Update writes the rows that edit changed. That two grants without end are not one organisation's same right, an index sees to.
func (s grants) Update(ctx context.Context, edit func([]trust.Grant) ([]trust.Grant, error)) error {
	return s.db.edit(ctx, func(t *tx) error {
		if err := t.db.lock(t, "security_grant"); err != nil {
			return fmt.Errorf("lock grants: %w", err)
		}
		old, err := t.grants(t.ctx)
		if err != nil {
			return fmt.Errorf("read grants: %w", err)
		}
		edited, err := edit(slices.Clone(old))
		if err != nil {
			return err
		}
		if err := t.replaceGrants(old, edited); err != nil {
			return fmt.Errorf("write grants: %w", err)
		}
		return nil
	})
}

// replaceGrants deletes what is gone or changed before it inserts what is new or changed, so that one may end as the next begins.
func (t *tx) replaceGrants(old, edited []trust.Grant) error {
	before, same, ids := map[string]trust.Grant{}, map[string]bool{}, map[string]bool{}
	for _, g := range old {
		before[g.ID] = g
	}
	var changed []trust.Grant
	for _, g := range edited {
		if ids[g.ID] {
			return trust.ErrGrantExists
		}
		ids[g.ID] = true
		g.Valid.From, g.Valid.To = fromMicros(micros(g.Valid.From)), fromMicros(micros(g.Valid.To))
		if was, there := before[g.ID]; there && was == g {
			same[g.ID] = true
		} else {
			changed = append(changed, g)
		}
	}
	for _, g := range old {
		if same[g.ID] {
			continue
		}
		if _, err := t.exec(t.ctx, "DELETE FROM security_grant WHERE id = ?", g.ID); err != nil {
			return err
		}
	}
	insert := inserter{tx: t, into: "security_grant (id, name, cvr, valid_from, valid_to, note, created_by)", columns: 7}
	for _, g := range changed {
		if err := insert.row(g.ID, g.Name, g.CVR, micros(g.Valid.From), micros(g.Valid.To), g.Note, g.CreatedBy); err != nil {
			return duplicateGrant(err)
		}
	}
	return duplicateGrant(insert.flush())
}

func duplicateGrant(err error) error {
	if errors.Is(translate(err), errDuplicate) {
		return trust.ErrGrantExists
	}
	return err
}

// micros is t as a column that may be empty holds it; the zero time is NULL.
func micros(t time.Time) sql.NullInt64 {
	if t.IsZero() {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: true}
}

func fromMicros(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}
