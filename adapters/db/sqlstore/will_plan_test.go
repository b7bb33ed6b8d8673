package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
)

// fillWills makes n closed wills in each register, an open one of each citizen in one of them, and as many rows of opt-outs.
func fillWills(t testing.TB, db *DB, n int) {
	t.Helper()
	const who = "CAST(1010000000 + i / 2 AS TEXT)"
	numbers := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", n)
	// Of two rows of a citizen the second one is open, of every other citizen in the other register.
	to := func(register int) string {
		return fmt.Sprintf("CASE WHEN i %% 4 = %d THEN NULL ELSE i * 10 + 5 END", 1+2*register)
	}
	written(t, db,
		"INSERT INTO living_will (id, cpr, if_dying, if_severely_degraded, valid_from, valid_to) "+numbers+
			"SELECT 'l' || CAST(i AS TEXT), "+who+", TRUE, FALSE, i * 10, "+to(0)+" FROM n",
		"INSERT INTO treatment_will (id, cpr, if_dying, if_severely_degraded, if_severe_pain, no_forced_treatment, valid_from, valid_to) "+numbers+
			"SELECT 't' || CAST(i AS TEXT), "+who+", TRUE, FALSE, FALSE, FALSE, i * 10, "+to(1)+" FROM n",
		"INSERT INTO will_current (cpr, register, will_id, valid_from) SELECT cpr, 'LTR', id, valid_from FROM living_will WHERE valid_to IS NULL "+
			"UNION ALL SELECT cpr, 'BTR', id, valid_from FROM treatment_will WHERE valid_to IS NULL",
		"INSERT INTO citizen_consent (uuid, replaces, patient_id, patient_id_source, consent_status, created_date, valid_from, superseded_date) "+numbers+
			"SELECT CAST(i AS TEXT), NULL, "+who+", 'CPR', 'ACTIVE', i * 10, i * 10, CASE WHEN i % 2 = 1 THEN NULL ELSE i * 10 + 5 END FROM n")
	if db.dialector(nil).Name() == "postgres" {
		_, err := server(db).writers.ExecContext(context.Background(), "VACUUM ANALYZE living_will, treatment_will, will_current, citizen_consent")
		require.NoError(t, err)
	}
}

// willRead is a read of wills or opt-outs, with the indexes that it goes by.
type willRead struct {
	name    string
	call    func(context.Context) error
	args    int // how often a person's numbers stand in the statement
	indexes []string
}

func willReads(db *DB, person []cpr.Number) []willRead {
	s, o := db.Wills(), db.OptOuts()
	return []willRead{
		{"Exists", func(ctx context.Context) error { _, err := s.Exists(ctx, person, will.BTR); return err }, 1, []string{"will_current_pkey"}},
		{"Current", func(ctx context.Context) error { _, _, err := s.Current(ctx, person); return err }, 1,
			[]string{"will_current_pkey", "living_will_pkey", "treatment_will_pkey"}},
		{"History", func(ctx context.Context) error { _, err := s.History(ctx, person); return err }, 2,
			[]string{"living_will_cpr", "treatment_will_cpr"}},
		{"Heads", func(ctx context.Context) error { _, err := o.Heads(ctx, person); return err }, 1, []string{"citizen_consent_head"}},
		{"History of an opt-out", func(ctx context.Context) error { _, err := o.History(ctx, person); return err }, 1, []string{"citizen_consent_patient"}},
	}
}

// stated returns the statement of a call.
func stated(t *testing.T, db *DB, call func(context.Context) error) (text string) {
	t.Helper()
	db.observe = func(statement string) { text = statement }
	defer func() { db.observe = nil }()
	require.NoError(t, call(t.Context()))
	return text
}

// eachPerson calls run for a person with one number and for one with two.
func eachPerson(t *testing.T, first int, run func(t *testing.T, person []cpr.Number, digits []any)) {
	person := []cpr.Number{numberNamed(t, nth(first)), numberNamed(t, nth(first+1))}
	t.Run("one number", func(t *testing.T) { run(t, person[:1], digitsOf(person[:1])) })
	t.Run("two numbers", func(t *testing.T) { run(t, person, digitsOf(person)) })
}

func repeated(digits []any, times int) (all []any) {
	for range times {
		all = append(all, digits...)
	}
	return all
}

func TestPostgresWillPlans(t *testing.T) {
	skipIfShort(t)
	rows, _, _ := planRows()
	db := openedPostgres(t, postgresDSN(t))
	fillWills(t, db, rows)
	server(db).readers.SetMaxOpenConns(1) // its prepared statements are looked at
	eachPerson(t, rows/4, func(t *testing.T, person []cpr.Number, digits []any) {
		for _, r := range willReads(db, person) {
			t.Run(r.name, func(t *testing.T) {
				text := stated(t, db, r.call)
				var used []string
				for _, s := range explain(t, db, text, repeated(digits, r.args)).steps() {
					assert.False(t, strings.HasSuffix(s.Type, "Seq Scan"), "%s of %s", s.Type, s.Table)
					if s.Index != "" {
						used = append(used, s.Index)
						assert.NotEmpty(t, s.Cond, "%s is searched, not read as a whole", s.Index)
						assert.LessOrEqual(t, s.Loops, 2, s.Index)
					}
				}
				assert.ElementsMatch(t, r.indexes, used)
			})
		}
	})
	for name, c := range willWrites() {
		t.Run(name, func(t *testing.T) {
			got := explained(t, db, c.text, c.args)
			for _, index := range c.indexes {
				assert.Contains(t, got, index)
			}
			assert.NotContains(t, got, "Seq Scan")
		})
	}
}

type willWrite struct {
	text    string
	args    []any
	indexes []string
}

// willWrites are the statements of Update that look for rows.
func willWrites() map[string]willWrite {
	return map[string]willWrite{
		"known id":       {knownWill, []any{"l7", "l7"}, []string{"living_will_pkey", "treatment_will_pkey"}},
		"close a living": {closeWill(will.LTR), []any{9, "l1"}, []string{"living_will_pkey"}},
		"close a will":   {closeWill(will.BTR), []any{9, "t3"}, []string{"treatment_will_pkey"}},
		"not current":    {dropCurrent, []any{"t3"}, []string{"will_current_will_id_key"}},
		"supersede":      {supersedeHeads + values(2, 1), []any{9, nth(1), nth(2)}, []string{"citizen_consent_head"}},
	}
}

// SQLite plans without a look at how many rows there are.
func TestSQLiteWillPlans(t *testing.T) {
	skipIfShort(t)
	db := opened(t)
	searched := func(t *testing.T, got string, indexes []string) {
		t.Helper()
		for _, index := range indexes {
			switch index {
			case "will_current_will_id_key":
				index = "sqlite_autoindex_will_current_2 (will_id=?)"
			case "will_current_pkey":
				index = "SEARCH will_current USING PRIMARY KEY (cpr=?)"
			case "living_will_pkey", "treatment_will_pkey":
				index = "sqlite_autoindex_" + strings.TrimSuffix(index, "_pkey") + "_1 (id=?)"
			}
			assert.Contains(t, got, index)
		}
		for line := range strings.Lines(got) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "SCAN") {
				assert.Equal(t, "SCAN current", line, "all but what the statement makes is searched")
			}
		}
	}
	eachPerson(t, 20, func(t *testing.T, person []cpr.Number, digits []any) {
		for _, r := range willReads(db, person) {
			t.Run(r.name, func(t *testing.T) {
				searched(t, plan(t, db, stated(t, db, r.call), repeated(digits, r.args)...), r.indexes)
			})
		}
	})
	for name, c := range willWrites() {
		t.Run(name, func(t *testing.T) { searched(t, plan(t, db, c.text, c.args...), c.indexes) })
	}
}
