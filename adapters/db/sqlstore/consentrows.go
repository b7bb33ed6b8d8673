package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
)

// consentColumns are those of consent_registration, and of consent_version but its last one.
func consentColumns() []string {
	return []string{"consent_id", "version", "citizen_cpr", "kind", "who_kind", "who_person", "who_org", "who_subs", "data_from", "data_to", "origin_org",
		"origin_subs", "valid_from", "valid_to", "active", "created_at", "created_system", "created_by", "modified_at", "modified_system", "modified_by"}
}

// listed returns columns as a statement names them, each after of.
func listed(columns []string, of string) string { return of + strings.Join(columns, ", "+of) }

// The kinds of whom a registration is about.
const (
	whoEveryone = iota
	whoPerson
	whoOrg
	whoForeign
)

// consentCells are the values of consentColumns.
func consentCells(r *consent.Registration) []any {
	who := whoEveryone
	switch { // the table takes no row with more than one
	case r.Who.Foreign:
		who = whoForeign
	case !r.Who.Person.IsZero():
		who = whoPerson
	case r.Who.Org.SOR != "":
		who = whoOrg
	}
	return []any{int64(r.ID), r.Version, r.Citizen.Digits(), int64(r.Kind), who, optional(r.Who.Person.Digits()), optional(r.Who.Org.SOR), r.Who.Org.SubUnits,
		micros(r.What.Data.From), micros(r.What.Data.To), optional(r.What.Origin.SOR), r.What.Origin.SubUnits, micros(r.Valid.From), micros(r.Valid.To),
		r.Active, micros(r.Created.At), optional(r.Created.System), optional(r.Created.User), micros(r.Modified.At), optional(r.Modified.System),
		optional(r.Modified.User)}
}

// The ways in which a version came about.
const (
	consentAdded = iota
	consentModified
	consentRevoked
)

func consentChange(r *consent.Registration) int {
	switch {
	case !r.Active:
		return consentRevoked
	case r.Version > 1:
		return consentModified
	}
	return consentAdded
}

// consentRow is what is read of consentColumns. One row is read after the other into the same one.
type consentRow struct {
	id                                                        int64
	version, kind, who                                        int
	citizen                                                   string
	person, org, origin, madeIn, madeBy, changedIn, changedBy sql.NullString
	orgSubs, originSubs, active                               bool
	dataFrom, dataTo, validFrom, validTo, madeAt, changedAt   sql.NullInt64
}

func (row *consentRow) cells() []any {
	return []any{&row.id, &row.version, &row.citizen, &row.kind, &row.who, &row.person, &row.org, &row.orgSubs, &row.dataFrom, &row.dataTo, &row.origin,
		&row.originSubs, &row.validFrom, &row.validTo, &row.active, &row.madeAt, &row.madeIn, &row.madeBy, &row.changedAt, &row.changedIn, &row.changedBy}
}

var errNobody = errors.New("a registration of or about somebody without number")

// set has r be the row.
func (row *consentRow) set(r *consent.Registration) (err error) {
	r.ID, r.Version, r.Active = consent.ID(row.id), row.version, row.active
	if r.Citizen, err = cpr.Parse(row.citizen); err != nil {
		return errNobody
	}
	if row.kind != int(consent.Constraint) {
		r.Kind = consent.Positive
	}
	if row.person.Valid {
		if r.Who.Person, err = cpr.Parse(row.person.String); err != nil {
			return errNobody
		}
	}
	r.Who.Org, r.Who.Foreign = consent.Organisation{SOR: row.org.String, SubUnits: row.orgSubs}, row.who == whoForeign
	r.What.Data.From, r.What.Data.To = fromMicros(row.dataFrom), fromMicros(row.dataTo)
	r.What.Origin = consent.Organisation{SOR: row.origin.String, SubUnits: row.originSubs}
	r.Valid.From, r.Valid.To = fromMicros(row.validFrom), fromMicros(row.validTo)
	r.Created = consent.Stamp{At: fromMicros(row.madeAt), System: row.madeIn.String, User: row.madeBy.String}
	r.Modified = consent.Stamp{At: fromMicros(row.changedAt), System: row.changedIn.String, User: row.changedBy.String}
	return nil
}

// consents returns the registrations that a query of consentColumns finds.
func (s session) consents(ctx context.Context, text string, args ...any) (found []consent.Registration, err error) {
	var row consentRow
	cells := row.cells()
	err = s.query(ctx, func(rows *sql.Rows) error {
		if err := rows.Scan(cells...); err != nil {
			return err
		}
		found = append(found, consent.Registration{})
		return row.set(&found[len(found)-1])
	}, text, args...)
	return found, err
}
