package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/tests/minlogtest"
)

// How many registrations there are, of how many citizens: a tenth of what Denmark has.
const (
	consentRows     = 1_000_000
	consentCitizens = 600_000
)

// What the citizens of fillConsents have said to a professional of consentOrg, by their number modulo 4.
var consentAnswers = [4]consent.Answer{
	consent.Negative,       // a block of everything
	consent.DataSpecific,   // a block of what was made somewhere
	consent.PositiveAnswer, // a block of another organisation
	consent.PositiveAnswer, // a block that was revoked
}

// fillConsents makes the registrations of as many citizens as minlogtest.Nobody names, in a store that has none. Some citizens have two that
// are alike.
func fillConsents(ctx context.Context, dsn string) error {
	store, err := sqlstore.Open(ctx, sqlstore.Options{DSN: dsn}) // which makes the tables
	if err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "CREATE TEMPORARY TABLE nobody (i bigint PRIMARY KEY, cpr text)"); err != nil {
		return err
	}
	i := -1
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"nobody"}, []string{"i", "cpr"}, pgx.CopyFromFunc(func() ([]any, error) {
		if i++; i == consentCitizens {
			return nil, nil
		}
		return []any{i, minlogtest.Nobody(i)}, nil
	})); err != nil {
		return fmt.Errorf("number citizens: %w", err)
	}
	for _, statement := range []string{
		"ANALYZE nobody",
		"INSERT INTO consent_citizen (citizen_cpr, revision) SELECT cpr, 1 FROM nobody",
		fmt.Sprintf(`INSERT INTO consent_registration (consent_id, version, citizen_cpr, kind, who_kind, who_org, who_subs, origin_org, origin_subs,
				valid_from, active, created_at, created_system, created_by, modified_at, modified_system, modified_by)
			SELECT %d + r, CASE i %% 4 WHEN 3 THEN 2 ELSE 1 END, cpr, 0, CASE i %% 4 WHEN 2 THEN 2 ELSE 0 END, CASE i %% 4 WHEN 2 THEN '%s' END, i %% 4 = 2,
				CASE i %% 4 WHEN 1 THEN '%s' END, i %% 4 = 1, 1700000000000000, i %% 4 <> 3, 1700000000000000 + r, 'TestPortal', cpr,
				CASE i %% 4 WHEN 3 THEN 1710000000000000 + r END, CASE i %% 4 WHEN 3 THEN 'TestPortal' END, CASE i %% 4 WHEN 3 THEN cpr END
			FROM generate_series(0, %d) AS r JOIN nobody ON i = r %% %d`, consent.MinID, consentElsewhere, consentOrigin, consentRows-1, consentCitizens),
		"INSERT INTO consent_version SELECT *, CASE WHEN active THEN 0 ELSE 2 END FROM consent_registration",
		`INSERT INTO consent_version (consent_id, version, citizen_cpr, kind, who_kind, who_subs, origin_subs, valid_from, active, created_at, created_system,
				created_by, change)
			SELECT consent_id, 1, citizen_cpr, kind, who_kind, who_subs, origin_subs, valid_from, true, created_at, created_system, created_by, 0
			FROM consent_registration WHERE NOT active`,
		"VACUUM ANALYZE consent_citizen, consent_registration, consent_version",
		"CHECKPOINT",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
	}
	return nil
}
