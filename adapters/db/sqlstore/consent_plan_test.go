package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
)

// fillConsents makes n registrations of n/2 citizens, as many versions and overrides, and the register of the citizens, of whom each twentieth has
// another number now. One of ten registrations is revoked.
func fillConsents(t testing.TB, db *DB, n int) {
	t.Helper()
	fillRegister(t, db, registerNamed(stamdata.CPRPerson), n/2)
	const who = "CAST(1010000000 + i / 2 AS TEXT)"
	columns := listed(consentColumns(), "")
	numbers := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", n)
	row := "100000000000000 + i, 1, " + who + ", 0, 0, NULL, NULL, FALSE, NULL, NULL, NULL, FALSE, 1, NULL, i % 10 <> 0, i, 'system', 'user', i, NULL, NULL"
	written(t, db,
		"INSERT INTO consent_citizen (citizen_cpr, revision) "+numbers+"SELECT DISTINCT "+who+", 1 FROM n",
		"INSERT INTO consent_registration ("+columns+") "+numbers+"SELECT "+row+" FROM n",
		"INSERT INTO consent_version ("+columns+", change) "+numbers+"SELECT "+row+", 0 FROM n",
		"INSERT INTO consent_override (id, at, citizen_cpr, caller_cvr, message_id, operation) "+numbers+
			"SELECT CAST(100000000000000 + i AS TEXT), i, "+who+", '33257872', CAST(i AS TEXT), 'check' FROM n")
	if db.dialector(nil).Name() == "postgres" {
		_, err := server(db).writers.ExecContext(context.Background(),
			"VACUUM ANALYZE cpr_person, consent_citizen, consent_registration, consent_version, consent_override")
		require.NoError(t, err)
	}
}

// consentReads are the reads of consent, each with the indexes that it goes by.
func consentReads(t *testing.T, db *DB, aliases bool, i int) []struct {
	name    string
	call    func(context.Context) error
	text    string
	args    []any
	indexes []string
} {
	t.Helper()
	s, log := db.Consents(aliases).(*consents), db.Overrides(aliases).(*overrides)
	n, err := cpr.Parse(nth(i))
	require.NoError(t, err)
	id := consent.MinID + consent.ID(2*i)
	indexes := func(of string) []string {
		if !aliases {
			return []string{of}
		}
		return []string{of, "cpr_person_current", "cpr_person_replaced"}
	}
	return []struct {
		name    string
		call    func(context.Context) error
		text    string
		args    []any
		indexes []string
	}{
		{"Active", func(ctx context.Context) error { _, err := s.Active(ctx, n); return err }, s.active, []any{n.Digits()},
			indexes("consent_registration_citizen")},
		{"All", func(ctx context.Context) error { _, err := s.All(ctx, n); return err }, s.all, []any{n.Digits()},
			indexes("consent_registration_citizen")},
		{"Versions", func(ctx context.Context) error { _, err := s.Versions(ctx, n, id); return err }, s.versions, []any{n.Digits(), int64(id)},
			indexes("consent_version_pkey")},
		{"ByCitizen", func(ctx context.Context) error {
			_, err := log.ByCitizen(ctx, n, validity.Period{}, "", 50)
			return err
		}, log.find,
			[]any{n.Digits(), 0, 1_000_000_000, "~", 50}, indexes("consent_override_citizen")},
	}
}

func eachAlias(t *testing.T, run func(t *testing.T, aliases bool)) {
	for name, aliases := range map[string]bool{"with aliases": true, "without": false} {
		t.Run(name, func(t *testing.T) { run(t, aliases) })
	}
}

func TestPostgresConsentPlans(t *testing.T) {
	skipIfShort(t)
	rows, _, _ := planRows()
	db := openedPostgres(t, postgresDSN(t))
	began := time.Now()
	fillConsents(t, db, rows)
	t.Logf("%d registrations in %.1f s", rows, time.Since(began).Seconds())
	server(db).readers.SetMaxOpenConns(1) // its prepared statements are looked at
	eachAlias(t, func(t *testing.T, aliases bool) {
		for _, r := range consentReads(t, db, aliases, rows/4) {
			t.Run(r.name, func(t *testing.T) {
				require.NoError(t, r.call(t.Context()))
				var used []string
				for _, s := range explain(t, db, r.text, r.args).steps() {
					assert.False(t, strings.HasSuffix(s.Type, "Seq Scan"), "%s of %s", s.Type, s.Table)
					if s.Index != "" {
						used = append(used, s.Index)
						assert.NotEmpty(t, s.Cond, "%s is searched, not read as a whole", s.Index)
					}
				}
				assert.ElementsMatch(t, r.indexes, used)
			})
		}
	})

	for name, c := range map[string]struct {
		text    string
		args    []any
		indexes []string
	}{
		"lock":            {db.Consents(true).(*consents).lock, []any{nth(20)}, []string{"cpr_person_current", "cpr_person_replaced"}},
		"read the locked": {db.Consents(true).(*consents).locked + values(2, 1), []any{nth(20), nth(21)}, []string{"consent_registration_citizen"}},
		"expire revoked":  {expireConsents, []any{100, 10}, []string{"consent_registration_revoked", "consent_registration_pkey"}},
		"expire versions": {expireVersions + values(2, 1), []any{1, 2}, []string{"consent_version_pkey"}},
		"expire":          {expireOverrides, []any{100, 10}, []string{"consent_override_at", "consent_override_pkey"}},
	} {
		t.Run(name, func(t *testing.T) {
			lines, err := server(db).writers.QueryContext(t.Context(), "EXPLAIN "+db.bind(c.text), c.args...)
			require.NoError(t, err)
			defer func() { _ = lines.Close() }()
			var got strings.Builder
			for lines.Next() {
				var line string
				require.NoError(t, lines.Scan(&line))
				fmt.Fprintln(&got, line)
			}
			require.NoError(t, lines.Err())
			for _, index := range c.indexes {
				assert.Contains(t, got.String(), index)
			}
			assert.NotContains(t, got.String(), "Seq Scan")
		})
	}
}

// SQLite plans without a look at how many rows there are.
func TestSQLiteConsentPlans(t *testing.T) {
	skipIfShort(t)
	db := opened(t)
	eachAlias(t, func(t *testing.T, aliases bool) {
		for _, r := range consentReads(t, db, aliases, 20) {
			t.Run(r.name, func(t *testing.T) {
				requireSearches(t, plan(t, db, r.text, r.args...), r.indexes...)
			})
		}
	})
	for name, c := range map[string]struct {
		text    string
		args    []any
		indexes []string
	}{
		"lock":            {db.Consents(true).(*consents).lock, []any{nth(20)}, []string{"cpr_person_current", "cpr_person_replaced"}},
		"read the locked": {db.Consents(true).(*consents).locked + values(2, 1), []any{nth(20), nth(21)}, []string{"consent_registration_citizen"}},
		"expire revoked":  {expireConsents, []any{100, 10}, []string{"consent_registration_revoked"}},
		"expire versions": {expireVersions + values(2, 1), []any{1, 2}, []string{"consent_version_pkey"}},
		"expire":          {expireOverrides, []any{100, 10}, []string{"consent_override_at"}},
	} {
		t.Run(name, func(t *testing.T) { requireSearches(t, plan(t, db, c.text, c.args...), c.indexes...) })
	}
}

// requireSearches requires that a plan of SQLite goes by these indexes, and through nothing but numbers and lists that the statement makes.
func requireSearches(t *testing.T, got string, indexes ...string) {
	t.Helper()
	for _, index := range indexes {
		if index == "consent_version_pkey" {
			index = "PRIMARY KEY (consent_id=?"
		}
		assert.Contains(t, got, index)
	}
	for line := range strings.Lines(got) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "SCAN") {
			assert.Contains(t, []string{"SCAN n", "SCAN numbers", "SCAN found", "SCAN CONSTANT ROW"}, line)
		}
	}
}
