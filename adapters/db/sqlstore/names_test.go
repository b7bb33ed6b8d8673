package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestPersonNames(t *testing.T) {
	portstest.PersonNames(t, func(t *testing.T) portstest.NamedPersons { return opened(t) })
}

func TestPostgresPersonNames(t *testing.T) {
	open := postgresOf(t, 1)
	portstest.PersonNames(t, func(*testing.T) portstest.NamedPersons { return open(time.Now)[0] })
}

// namesRead makes n current rows of persons and of authorisations, and returns the two statements that read the names of some of them.
func namesRead(t *testing.T, db *DB, n int) (ids []minlog.ID, picks []pick) {
	t.Helper()
	for _, name := range []string{stamdata.CPRPerson, stamdata.Authorisations} {
		into := registerNamed(name)
		written(t, db, fmt.Sprintf("INSERT INTO %s (%s, %s) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i, 1, 1, NULL%s FROM n",
			into.name, registerColumns, into.list(""), n, strings.Repeat(", CAST(1010000000 + i AS TEXT)", len(into.columns))))
	}
	var numbers []string
	for i := range 20 {
		number := nth(n/20*i + 1)
		numbers = append(numbers, number)
		ids = append(ids, minlog.ID{Source: minlog.CPR, Value: number}, minlog.ID{Source: minlog.Authorisation, Value: number})
	}
	names := db.PersonNames().(personNames) //nolint:forcetypeassert // its own
	authorised, err := names.authorised(numbers)
	require.NoError(t, err)
	current, err := names.current(numbers)
	require.NoError(t, err)
	return ids, []pick{authorised, current}
}

func requireTwoReads(t *testing.T, db *DB, ids []minlog.ID) {
	t.Helper()
	statements := count(db, "SELECT")
	found, err := db.PersonNames().Names(context.Background(), ids, time.Now())
	require.NoError(t, err)
	assert.Len(t, found, len(ids)/2, "the persons'")
	assert.Equal(t, 2, statements(), "statements")
	db.observe = nil
}

func TestPostgresNamesPlans(t *testing.T) {
	skipIfShort(t)
	db := openedPostgres(t, postgresDSN(t))
	ids, picks := namesRead(t, db, 20_000)
	for _, p := range picks {
		_, err := server(db).writers.ExecContext(context.Background(), "VACUUM ANALYZE "+p.of.name)
		require.NoError(t, err)
	}
	server(db).readers.SetMaxOpenConns(1) // its prepared statements are looked at
	requireTwoReads(t, db, ids)
	for i, indexes := range []string{"autorisation_key autorisation_current", "cpr_person_current"} {
		text, args := selects(picks[i : i+1])
		found := 0
		for _, s := range explain(t, db, text, []any{"{" + strings.Join(args[0].([]string), ",") + "}"}).steps() { //nolint:forcetypeassert // its own
			assert.NotContains(t, s.Type, "Seq Scan", "of %s", s.Table)
			if s.Index != "" {
				found++
				assert.Contains(t, strings.Fields(indexes), s.Index)
				assert.NotEmpty(t, s.Cond, "%s is searched, not read as a whole", s.Index)
			}
		}
		assert.Positive(t, found)
	}
}

func TestSQLiteNamesPlans(t *testing.T) {
	skipIfShort(t)
	db := opened(t)
	ids, picks := namesRead(t, db, 1000)
	requireTwoReads(t, db, ids)
	for i, want := range [][]string{
		{
			"SEARCH o USING INDEX autorisation_key (autorisationsnummer=?)", "LIST SUBQUERY 1", "SCAN json_each VIRTUAL TABLE INDEX 1:",
			"CORRELATED SCALAR SUBQUERY 2",
			"SEARCH s USING COVERING INDEX autorisation_key (autorisationsnummer=? AND uddannelseskode=? AND valid_from>?)",
		},
		{"SEARCH o USING INDEX cpr_person_current (cpr=?)", "LIST SUBQUERY 1", "SCAN json_each VIRTUAL TABLE INDEX 1:"},
	} {
		text, args := selects(picks[i : i+1])
		assert.Equal(t, want, strings.Split(plan(t, db, text, args...), "\n"))
	}
}
