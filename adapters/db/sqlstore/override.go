package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// Overrides returns the log of who broke through citizens' registrations; with aliases it follows all numbers of a citizen.
func (db *DB) Overrides(aliases bool) ports.OverrideLog {
	return &overrides{db, db.numbersOf(aliases) + findOverrides}
}

// overrides keeps that somebody broke through registrations in consent_override.
type overrides struct {
	db   *DB
	find string // the statement whose first parameter is the citizen's number
}

var _ ports.OverrideLog = (*overrides)(nil)

const (
	overrideColumns = "id, at, citizen_cpr, acting_cpr, responsible_cpr, authorisation_code, org_code, org_scheme, system_name, caller_cvr, message_id, " +
		"operation"
	// findOverrides first finds what is the citizen's, which is little, and then orders it: in the order of all ids or times there is much to pass
	// over. The period is in words that no index has.
	findOverrides = ", found AS MATERIALIZED (SELECT " + overrideColumns + ` FROM consent_override
		WHERE citizen_cpr IN (SELECT cpr FROM numbers) AND at + 0 >= ? AND at + 0 < ?)
		SELECT ` + overrideColumns + " FROM found WHERE id < ? ORDER BY id DESC LIMIT ?"
	appendOverride = "INSERT INTO consent_override (" + overrideColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) " +
		"ON CONFLICT (caller_cvr, message_id, operation) DO NOTHING"
)

func (s *overrides) Append(ctx context.Context, o consent.Override, notices ...notice.Notice) error {
	return s.db.write(ctx, func(t *tx) error {
		kept, err := t.exec(t.ctx, appendOverride, o.ID, o.At.UnixMicro(), o.Citizen.Digits(), optional(o.Acting.Digits()), optional(o.Responsible.Digits()),
			optional(o.AuthorisationCode), optional(o.Org.Code), optional(string(o.Org.Scheme)), optional(o.System), o.CVR, o.MessageID, o.Operation)
		if err != nil {
			return fmt.Errorf("keep an override: %w", err)
		}
		if kept == 0 {
			return nil
		}
		return t.putNotices(notices)
	})
}

func (s *overrides) ByCitizen(ctx context.Context, citizen cpr.Number, p validity.Period, before string, n int) (found []consent.Override, err error) {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !p.From.IsZero() {
		from = p.From.UnixMicro()
	}
	if !p.To.IsZero() {
		to = p.To.UnixMicro()
	}
	if before == "" {
		before = "~" // it follows every letter and digit
	}
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		o, err := scanOverride(rows)
		found = append(found, o)
		return err
	}, s.find, citizen.Digits(), from, to, before, max(n, 0))
	if err != nil {
		return nil, fmt.Errorf("find overrides: %w", translate(err))
	}
	return found, nil
}

func scanOverride(rows *sql.Rows) (o consent.Override, err error) {
	var at int64
	var citizen string
	var acting, responsible, code, unit, scheme, system sql.NullString
	err = rows.Scan(&o.ID, &at, &citizen, &acting, &responsible, &code, &unit, &scheme, &system, &o.CVR, &o.MessageID, &o.Operation)
	if err != nil {
		return o, err
	}
	o.At, o.AuthorisationCode, o.System = time.UnixMicro(at).UTC(), code.String, system.String
	o.Org = org.ID{Code: unit.String, Scheme: org.Scheme(scheme.String)}
	for _, person := range []struct {
		number *cpr.Number
		digits string
	}{{&o.Citizen, citizen}, {&o.Acting, acting.String}, {&o.Responsible, responsible.String}} {
		if person.digits == "" {
			continue
		}
		if *person.number, err = cpr.Parse(person.digits); err != nil {
			return o, errNobody
		}
	}
	return o, nil
}

const expireOverrides = "DELETE FROM consent_override WHERE id IN (SELECT id FROM consent_override WHERE at < ? ORDER BY at LIMIT ?)"

func (s *overrides) Expire(ctx context.Context, before time.Time, n int) (removed int, done bool, err error) {
	n = max(n, 0)
	deleted, err := s.db.one(ctx, nil, expireOverrides, before.UnixMicro(), n)
	if err != nil {
		return 0, false, fmt.Errorf("expire overrides: %w", err)
	}
	return int(deleted), deleted < int64(n), nil
}
