package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/stamdata"
)

// nth is the i-th value of every column that fillRegisters fills.
func nth(i int) string { return fmt.Sprint(1_010_000_000 + i) }

// fillRegisters makes n current rows in each register, and as many closed ones before them.
func fillRegisters(t testing.TB, db *DB, n int) {
	t.Helper()
	for _, r := range stamdata.Registers() {
		fillRegister(t, db, registerNamed(r.Name), n)
	}
	if db.dialector(nil).Name() == "postgres" {
		for _, r := range stamdata.Registers() {
			_, err := server(db).writers.ExecContext(context.Background(), "VACUUM ANALYZE "+registerNamed(r.Name).name)
			require.NoError(t, err)
		}
	}
}

func fillRegister(t testing.TB, db *DB, into registerTable, n int) {
	t.Helper()
	const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	var values []string
	for _, c := range into.columns {
		switch value := "CAST(1010000000 + i AS TEXT)"; {
		case into.name == "cpr_person" && c == "status":
			values = append(values, "CASE WHEN i % 3 = 0 THEN '90' ELSE '01' END")
		case into.name == "cpr_person" && c == "gaeldende_cpr":
			values = append(values, "CASE WHEN i % 20 = 0 THEN CAST(1010000001 + i AS TEXT) ELSE '' END")
		default:
			values = append(values, value)
		}
	}
	for _, valid := range []struct{ from, to string }{{"1", "2"}, {"2", "NULL"}} {
		written(t, db, fmt.Sprintf("INSERT INTO %s (%s, %s) %s SELECT i + %d * %s, %s, %s, %s, %s FROM n", into.name, registerColumns, into.list(""),
			fmt.Sprintf(numbers, n), n, valid.from, valid.from, valid.from, valid.to, strings.Join(values, ", ")))
	}
}

// registerReads are the reads of the registers: each has one statement, which finds what it looks for by these indexes.
func registerReads(t testing.TB, db *DB, i int) []struct {
	name    string
	call    func(context.Context) error
	text    string
	args    []any
	indexes string
} {
	t.Helper()
	digits, other := nth(i), nth(i+1)
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	m, err := cpr.Parse(other)
	require.NoError(t, err)
	persons := db.cprRegister()
	professionals := authorisations{db, registerNamed(stamdata.Authorisations)}
	pairs := delegations{db: db, of: registerNamed(stamdata.Delegations)}
	view, _ := stamdata.CPRViewOf(stamdata.CPRCustody)
	now := time.Now()
	text := func(picks ...pick) string { text, _ := selects(picks); return text }
	args := func(picks ...pick) []any { _, args := selects(picks); return args }
	known := func(err error) error {
		if err == stamdata.ErrUnknown { //nolint:errorlint // it is returned as it is
			return nil
		}
		return err
	}
	return []struct {
		name    string
		call    func(context.Context) error
		text    string
		args    []any
		indexes string
	}{
		{"Citizen", func(ctx context.Context) error { _, err := persons.Citizen(ctx, n); return err },
			text(persons.person.current(digits)), []any{digits}, "cpr_person_current"},
		{"Between", func(ctx context.Context) error { _, err := persons.Between(ctx, n, m, now); return err },
			text(persons.between(digits, other)...), args(persons.between(digits, other)...),
			"cpr_person_current cpr_custody_of cpr_custody_by cpr_custody_current cpr_guardian_of cpr_guardian_by cpr_guardian_current " +
				"person_relation_pair person_relation_current"},
		{"Family", func(ctx context.Context) error { _, err := persons.Family(ctx, n, now); return err },
			text(persons.family(digits)...), args(persons.family(digits)...),
			"cpr_custody_of cpr_custody_by cpr_child_of cpr_child_by cpr_guardian_of cpr_guardian_by"},
		{"Insured", func(ctx context.Context) error { _, err := persons.Insured(ctx, n); return err },
			text(persons.insured.current(digits), persons.practices(digits)),
			args(persons.insured.current(digits), persons.practices(digits)), "sikrede_current yder_current"},
		{"Prior", func(ctx context.Context) error { _, err := persons.Prior(ctx, n); return known(err) },
			findPrior, []any{digits, digits}, "cpr_person_replaced"},
		{"Deceased", func(ctx context.Context) error { _, err := persons.Deceased(ctx, now, n, 10); return err },
			findDeceased, []any{digits, "2026-01-01", 10}, "cpr_person_dead"},
		{"Aliases", func(ctx context.Context) error { _, _, err := aliases{db}.Of(ctx, n); return err },
			findAliases, []any{digits, digits, digits}, "cpr_person_replaced cpr_person_current ecpr_version_active sqlite_autoindex_ecpr_person_1 ecpr_person_pkey"},
		{"ByNumber", func(ctx context.Context) error { _, err := professionals.ByNumber(ctx, digits, now); return known(err) },
			text(professionals.of.latest("o.autorisationsnummer = ?", digits)), []any{digits}, "autorisation_key"},
		{"ByPerson", func(ctx context.Context) error { _, err := professionals.ByPerson(ctx, n, now); return err },
			text(professionals.of.latest("o.cpr = ?", digits)), []any{digits}, "autorisation_cpr autorisation_key"},
		{"Delegations", func(ctx context.Context) error { _, err := pairs.Between(ctx, n, m, "", now); return err },
			text(pairs.between(digits, other)), []any{digits, other}, "bemyndigelse_pair bemyndigelse_key"},
		{"Loaded", func(ctx context.Context) error { _, err := db.OrgUnits().Loaded(ctx); return err },
			unitsLoaded, nil, "sor_unit_pkey sqlite_autoindex_sor_unit_1"},
		{"Taken", func(ctx context.Context) error { _, err := db.Stamdata().Taken(ctx, [32]byte{}); return err },
			findLoad, []any{make([]byte, 32)}, "stamdata_load_sha256"},
		{"Loads", func(ctx context.Context) error { _, err := db.Stamdata().Loads(ctx, 10); return err },
			latestLoads, []any{10}, "stamdata_load_pkey"},
		{"page of copies", func(ctx context.Context) error {
			_, err := db.cprPage(ctx, view, stamdata.Offset{Seconds: 1, PID: int64(i)}, 10)
			return err
		}, persons.custody.page(), []any{1, i, 10}, "cpr_custody_pkey sqlite_autoindex_cpr_custody_1 cpr_custody_of cpr_custody_by cpr_custody_current"},
	}
}

func TestPostgresStamdataPlans(t *testing.T) {
	skipIfShort(t)
	const rows = 2_000
	db := openedPostgres(t, postgresDSN(t))
	fillRegisters(t, db, rows)
	server(db).readers.SetMaxOpenConns(1) // its prepared statements are looked at
	for _, r := range registerReads(t, db, rows/2+5) {
		t.Run(r.name, func(t *testing.T) {
			statements := count(db, "SELECT")
			require.NoError(t, r.call(t.Context()))
			assert.Equal(t, 1, statements(), "statements")
			db.observe = nil
			found := 0
			for _, s := range explain(t, db, r.text, r.args).steps() {
				switch {
				case strings.HasSuffix(s.Type, "Seq Scan"), strings.HasSuffix(s.Type, "Sort") && r.name != "Insured": // which sorts its two practices
					t.Errorf("%s of %s", s.Type, s.Table)
				case s.Index == "":
				case !strings.Contains(" "+r.indexes+" ", " "+s.Index+" "):
					t.Errorf("by %s, want one of %s", s.Index, r.indexes)
				default:
					found++
					assert.True(t, s.Cond != "" || r.name == "Loaded" || r.name == "Loads", "%s is searched, not read as a whole", s.Index)
				}
			}
			assert.Positive(t, found)
		})
	}
}

func TestSQLiteStamdataPlans(t *testing.T) {
	skipIfShort(t)
	db := opened(t)
	_, rows, _ := planRows()
	fillRegisters(t, db, rows)
	for _, r := range registerReads(t, db, rows/2+5) {
		t.Run(r.name, func(t *testing.T) {
			statements := count(db, "SELECT")
			require.NoError(t, r.call(t.Context()))
			assert.Equal(t, 1, statements(), "statements")
			db.observe = nil
			found := 0
			for step := range strings.Lines(plan(t, db, r.text, r.args...)) {
				switch words := strings.Fields(step); {
				case strings.Contains(step, "TEMP B-TREE"):
					t.Error(step)
				case strings.Contains(step, "SCAN") && r.name != "Loaded" && r.name != "Loads":
					t.Error(step)
				case strings.Contains(step, " USING "):
					for _, word := range words {
						if strings.Contains(" "+r.indexes+" ", " "+word+" ") {
							found++
							step = ""
						}
					}
					assert.Empty(t, step, "want one of %s", r.indexes)
				}
			}
			assert.True(t, found > 0 || r.name == "Loads")
		})
	}
}
