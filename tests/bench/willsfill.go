package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/tests/minlogtest"
)

// fill makes a treatment will and an opt-out in force of every other of consentCitizens that minlogtest.Nobody names, in a store that has none.
func (e willEngine) fill(ctx context.Context) error {
	store, err := sqlstore.Open(ctx, e.options) // which makes the tables
	if err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	db, err := sql.Open(e.driver, e.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // of what was not committed
	if _, err := tx.ExecContext(ctx, "CREATE TEMPORARY TABLE somebody (uuid text, cpr text)"); err != nil {
		return err
	}
	const batch = 1000 // of them, which is a divisor of all
	statement := "INSERT INTO somebody VALUES " + strings.TrimPrefix(strings.Repeat(",(?,?)", batch), ",")
	if e.driver == "pgx" {
		statement = "INSERT INTO somebody SELECT * FROM unnest($1::text[], $2::text[])"
	}
	insert, err := tx.PrepareContext(ctx, statement)
	if err != nil {
		return err
	}
	for first := 0; first < consentCitizens; first += 2 * batch {
		var flat []any
		var ids, numbers []string
		for i := first; i < first+2*batch; i += 2 {
			ids, numbers = append(ids, fmt.Sprintf("00000000-0000-4000-8000-%012d", i)), append(numbers, minlogtest.Nobody(i))
			flat = append(flat, ids[len(ids)-1], numbers[len(numbers)-1])
		}
		arguments := flat
		if e.driver == "pgx" {
			arguments = []any{ids, numbers}
		}
		if _, err := insert.ExecContext(ctx, arguments...); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
	}
	for _, statement := range []string{
		`INSERT INTO treatment_will (id, cpr, if_dying, if_severely_degraded, if_severe_pain, no_forced_treatment, valid_from)
			SELECT uuid, cpr, true, true, false, true, 1700000000000000 FROM somebody`,
		"INSERT INTO will_current (cpr, register, will_id, valid_from) SELECT cpr, 'BTR', uuid, 1700000000000000 FROM somebody",
		`INSERT INTO citizen_consent (uuid, patient_id, patient_id_source, consent_status, created_date, valid_from)
			SELECT uuid, cpr, 'CPR', 'ACTIVE', 1700000000000000, 1700604800000000 FROM somebody`,
		"DROP TABLE somebody",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
	}
	if err := tx.Commit(); err != nil || e.driver != "pgx" {
		return err
	}
	for _, statement := range []string{"VACUUM ANALYZE will_current, treatment_will, citizen_consent", "CHECKPOINT"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
	}
	return nil
}
