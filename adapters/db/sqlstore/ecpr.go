package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/ports"
)

// Ledger returns the ledger of replacement numbers.
func (db *DB) Ledger() ports.NumberLedger { return ledger{db} }

// Persons returns the store of registrations.
func (db *DB) Persons() ports.PersonStore { return personStore{db} }

// OIDs returns the table of identifier systems.
func (db *DB) OIDs() ports.OIDTable { return oids{db} }

// ECPRRoles returns the store of who has which role.
func (db *DB) ECPRRoles() ports.ECPRRoles { return ecprRoles{db} }

// ledger keeps every number that was ever issued in ecpr_ledger.
type ledger struct{ db *DB }

var _ ports.NumberLedger = ledger{}

const claimNumber = "INSERT INTO ecpr_ledger (number, claimed_at) VALUES (?, ?) ON CONFLICT (number) DO NOTHING"

func (s ledger) Claim(ctx context.Context, n ecpr.Number, at time.Time) (bool, error) {
	claimed, err := s.db.once(ctx, claimNumber, n.Text(), ecpr.Instant(at).UnixMicro())
	if err != nil {
		return false, fmt.Errorf("claim a number: %w", err)
	}
	return claimed > 0, nil
}

const takenNumbers = "SELECT number FROM ecpr_ledger WHERE number > ? AND number < ?"

// Taken reads the numbers of both sexes: their letters follow the date.
func (s ledger) Taken(ctx context.Context, series ecpr.Series) (taken []ecpr.Number, err error) {
	date := strings.TrimRight(series.String(), "MF*")
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		n, err := scanNumber(rows)
		if err == nil && series.Has(n) {
			taken = append(taken, n)
		}
		return err
	}, takenNumbers, date+"A", date+"[") // "[" follows "Z"
	if err != nil {
		return nil, fmt.Errorf("find the numbers of a series: %w", translate(err))
	}
	return taken, nil
}

var errNumber = errors.New("a replacement number that is none")

func scanNumber(rows *sql.Rows) (n ecpr.Number, err error) {
	var text string
	if err := rows.Scan(&text); err != nil {
		return n, err
	}
	return numberOf(text)
}

// numberOf reads a number; the error does not tell it.
func numberOf(text string) (ecpr.Number, error) {
	n, err := ecpr.ParseNumber(text)
	if err != nil {
		return n, errNumber
	}
	return n, nil
}

// oids keeps the identifier systems in ecpr_oid.
type oids struct{ db *DB }

var _ ports.OIDTable = oids{}

// OIDs reads the whole table, of a dozen rows.
func (s oids) OIDs(ctx context.Context) (all []ecpr.OID, err error) {
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var o ecpr.OID
		err := rows.Scan(&o.UUID, &o.OID, &o.Label, &o.Secondary, &o.Pattern, &o.Type)
		all = append(all, o)
		return err
	}, "SELECT uuid, oid, label, secondary, pattern, type FROM ecpr_oid ORDER BY oid")
	if err != nil {
		return nil, fmt.Errorf("read OIDs: %w", translate(err))
	}
	return all, nil
}

const putOID = `INSERT INTO ecpr_oid (uuid, oid, label, secondary, pattern, type) VALUES (?, ?, ?, ?, ?, ?)
	ON CONFLICT (oid) DO UPDATE SET label = excluded.label, secondary = excluded.secondary, pattern = excluded.pattern, type = excluded.type`

func (s oids) PutOID(ctx context.Context, o ecpr.OID) error {
	if _, err := s.db.one(ctx, nil, putOID, o.UUID, o.OID, o.Label, o.Secondary, o.Pattern, o.Type); err != nil {
		return fmt.Errorf("put an OID: %w", err)
	}
	return nil
}

// ecprRoles keeps who has which role in ecpr_role.
type ecprRoles struct{ db *DB }

var _ ports.ECPRRoles = ecprRoles{}

const hasRole = "SELECT 1 FROM ecpr_role WHERE cvr = ? AND cpr = ? AND role = ?"

func (s ecprRoles) Has(ctx context.Context, cvr string, p cpr.Number, r ecpr.Role) (has bool, err error) {
	err = s.db.read(ctx).query(ctx, func(*sql.Rows) error {
		has = true
		return nil
	}, hasRole, cvr, p.Digits(), string(r))
	if err != nil {
		return false, fmt.Errorf("find a role: %w", translate(err))
	}
	return has, nil
}

// Roles reads the whole table: who has a role is known by name.
func (s ecprRoles) Roles(ctx context.Context) (all []ecpr.Assignment, err error) {
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var a ecpr.Assignment
		var digits string
		if err := rows.Scan(&a.CVR, &digits, &a.Role); err != nil {
			return err
		}
		if a.Person, err = cpr.Parse(digits); err != nil {
			return errors.New("a role of somebody without number")
		}
		all = append(all, a)
		return nil
	}, "SELECT cvr, cpr, role FROM ecpr_role")
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", translate(err))
	}
	slices.SortFunc(all, ecpr.Assignment.Compare)
	return all, nil
}

const (
	assignRole = "INSERT INTO ecpr_role (cvr, cpr, role) VALUES (?, ?, ?) ON CONFLICT (cvr, cpr, role) DO NOTHING"
	endRole    = "DELETE FROM ecpr_role WHERE cvr = ? AND cpr = ? AND role = ?"
)

func (s ecprRoles) Assign(ctx context.Context, a ecpr.Assignment) (added bool, err error) {
	return s.change(ctx, assignRole, a)
}

func (s ecprRoles) End(ctx context.Context, a ecpr.Assignment) (ended bool, err error) {
	return s.change(ctx, endRole, a)
}

func (s ecprRoles) change(ctx context.Context, text string, a ecpr.Assignment) (bool, error) {
	changed, err := s.db.one(ctx, nil, text, a.CVR, a.Person.Digits(), string(a.Role))
	if err != nil {
		return false, fmt.Errorf("change a role: %w", err)
	}
	return changed > 0, nil
}
