package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
)

const (
	planMonths = 26
	perPerson  = 100 // rows, over all months; each second one is on behalf of one of perBehalf
	perBehalf  = 400
)

var planStart = time.Date(2024, 10, 1, 0, 0, 0, 0, time.UTC)

// fill makes n rows, spread evenly over planMonths from planStart. The server makes them, about 100,000 in a second.
func fill(t testing.TB, db *DB, n int) {
	t.Helper()
	ctx := context.Background()
	end := planStart.AddDate(0, planMonths, 0)
	require.NoError(t, db.LogMonths().MakeMonths(ctx, planStart, end.Add(-1)))
	step := end.Sub(planStart).Microseconds() / int64(n)
	_, err := server(db).writers.ExecContext(ctx, fmt.Sprintf(`
		INSERT INTO minlog_entry (`+entryColumns+`)
		SELECT person, at, md5(i::text)::uuid, at, CASE WHEN i %% 2 = 0 THEN 'Autorisation:T' || lpad((i / 2 * 7919 %% %[2]d)::text, 9, '0') END, 'FMK', '33257872',
			'Service Consumer Test', 'b79c61ff-70e4-89f1-b6d4-bfc9b4979ee4', '20250312', at,
			'{"system":"FMK","activity":"Opslag på medicinkort","from":"' || instant || '","to":"' || instant || '","person":{"source":"CPR","id":"' || substr(person, 5) ||
			'"},"user":{"source":"CPR","id":"0505851111"},"userRole":"Sygeplejerske"}'
		FROM (SELECT i, at, 'CPR:' || lpad((i::bigint * 7919 %% %[1]d)::text, 10, '0') AS person,
			to_char(to_timestamp(at / 1e6) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS instant
			FROM (SELECT i, %[3]d + i * %[4]d AS at FROM generate_series(0::bigint, %[5]d) AS i) AS times) AS rows`,
		n/perPerson, max(1, n/perBehalf), planStart.UnixMicro(), step, n-1))
	require.NoError(t, err)
	_, err = server(db).writers.ExecContext(ctx, "VACUUM ANALYZE minlog_entry")
	require.NoError(t, err)
}

func personKey(i int) minlog.Key { return minlog.Key(fmt.Sprintf("CPR:%010d", i)) }
func behalfKey(i int) minlog.Key { return minlog.Key(fmt.Sprintf("Autorisation:T%09d", i)) }

// node is what EXPLAIN tells of a step of a plan (PostgreSQL documentation, EXPLAIN).
type node struct {
	Type    string `json:"Node Type"`
	Table   string `json:"Relation Name"`
	Index   string `json:"Index Name"`
	Cond    string `json:"Index Cond"`
	Filter  string `json:"Filter"`
	Removed int    `json:"Subplans Removed"`
	Loops   int    `json:"Actual Loops"`
	Plans   []node
}

func (n node) steps() []node {
	all := []node{n}
	for _, p := range n.Plans {
		all = append(all, p.steps()...)
	}
	return all
}

// explain carries out what the only connection has prepared of text, and tells how.
func explain(t *testing.T, db *DB, text string, args []any) node {
	t.Helper()
	ctx := context.Background()
	conn, err := server(db).readers.Conn(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	var name string
	var generic, custom int
	require.NoError(t, conn.QueryRowContext(ctx, "SELECT name, generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1", db.bind(text)).
		Scan(&name, &generic, &custom), "the statement is not prepared")
	assert.Positive(t, generic)
	assert.Zero(t, custom, "times that the statement was planned for its values")
	literals := make([]string, len(args))
	for i, a := range args {
		literals[i] = fmt.Sprintf("'%v'", a)
		if id, ok := a.([]byte); ok {
			literals[i] = fmt.Sprintf("'%x'", id)
		}
	}
	values := ""
	if len(args) > 0 {
		values = " (" + strings.Join(literals, ", ") + ")"
	}
	var out []byte
	require.NoError(t, conn.QueryRowContext(ctx, `EXPLAIN (ANALYZE, FORMAT JSON, TIMING off) EXECUTE "`+name+`"`+values).Scan(&out))
	var plans []struct{ Plan node }
	require.NoError(t, json.Unmarshal(out, &plans))
	return plans[0].Plan
}

// planRows is how many rows the plans are made for; a large run takes minutes.
func planRows() (postgres, sqlite int, large bool) {
	if os.Getenv("OPENNSP_TEST_LARGE") == "1" {
		return 5_000_000, 1_000_000, true
	}
	return 20_000, 500, false
}

func TestPostgresLogPlans(t *testing.T) {
	skipIfShort(t)
	rows, _, large := planRows()
	db := openedPostgres(t, postgresDSN(t))
	began := time.Now()
	fill(t, db, rows)
	t.Logf("%d rows in %.1f s", rows, time.Since(began).Seconds())
	server(db).readers.SetMaxOpenConns(1) // its prepared statements are looked at
	ctx := context.Background()
	middle := planStart.AddDate(0, planMonths/2, 0)

	week := minlog.Query{From: middle, To: middle.AddDate(0, 0, 7), MaxPeriod: 744 * time.Hour}
	for _, c := range []struct {
		name  string
		q     minlog.Query
		after minlog.Cursor
		most  int // months that may be searched at all
	}{
		{"all", minlog.Query{}, minlog.Cursor{}, planMonths},
		{"what is alive", minlog.Query{Cutoff: middle}, minlog.Cursor{}, planMonths/2 + 1},
		{"a week and the longest period", week, minlog.Cursor{}, 3},
		{"next page", minlog.Query{}, minlog.Cursor{At: middle, ID: minlog.RegistrationID{1}}, planMonths/2 + 1},
		{"next page of what is alive", minlog.Query{Cutoff: middle.AddDate(0, -1, 0)}, minlog.Cursor{At: middle, ID: minlog.RegistrationID{1}}, planMonths/2 + 2},
	} {
		for _, column := range []string{"person_key", "behalf_key"} {
			for _, chronologic := range []bool{false, true} {
				t.Run(fmt.Sprintf("AC-33 %s, %s, chronologic %t", c.name, column, chronologic), func(t *testing.T) {
					q, by, key, index := c.q, db.LogStore().ByPerson, personKey(17), "_pkey"
					if column == "behalf_key" {
						by, key, index = db.LogStore().ByBehalf, behalfKey(17), "_behalf_key_at_id_idx"
					}
					q.Chronologic = chronologic
					for range 7 { // PostgreSQL may take another plan from the sixth time on
						_, err := by(ctx, key, q, c.after, 10)
						require.NoError(t, err)
					}
					text, args := findQuery(column, key, q, c.after, 10)
					steps := explain(t, db, text, args).steps()
					require.Equal(t, "Limit", steps[0].Type)
					searched, carriedOut := 0, 0
					for _, s := range steps[1:] {
						if s.Type == "Append" {
							assert.GreaterOrEqual(t, s.Removed, planMonths-c.most, "months that are passed over by their bounds")
							continue
						}
						require.Equal(t, "Index Scan", s.Type, "no other scan, no sort, no merge")
						assert.True(t, strings.HasSuffix(s.Index, index), s.Index)
						assert.Contains(t, s.Cond, column+" = ")
						assert.Contains(t, s.Cond, "at >= ")
						assert.Contains(t, s.Cond, "at <= ")
						if c.after != (minlog.Cursor{}) {
							assert.Contains(t, s.Cond, "ROW(at, id)")
						}
						searched++
						carriedOut += s.Loops
					}
					assert.LessOrEqual(t, searched, c.most)
					if searched > 5 {
						assert.Less(t, carriedOut, searched, "it stops at the limit")
					}
				})
			}
		}
	}

	t.Run("the clean-up finds what is expired by the index of ranges, in the one month, and deletes it by its place", func(t *testing.T) {
		m := monthOf(planStart)
		cutoff := planStart.AddDate(0, 0, 14)
		var out []byte
		require.NoError(t, db.write(ctx, func(t *tx) error {
			if err := t.script("SET LOCAL enable_seqscan = off"); err != nil {
				return err
			}
			return t.conn.QueryRowContext(ctx, "EXPLAIN (FORMAT JSON) "+db.bind(expireMonth(m)), cutoff.Add(-expireRecent).UnixMicro(), cutoff.UnixMicro(), 10_000).Scan(&out)
		}))
		var plans []struct{ Plan node }
		require.NoError(t, json.Unmarshal(out, &plans))
		var types []string
		for _, s := range plans[0].Plan.steps() {
			types = append(types, s.Type)
			assert.Contains(t, []string{"", m.table()}, s.Table)
			if s.Type == "Bitmap Index Scan" {
				assert.Equal(t, m.table()+"_at_idx", s.Index)
			}
		}
		assert.Equal(t, []string{"ModifyTable", "Limit", "Bitmap Heap Scan", "Bitmap Index Scan", "Tid Scan"}, types)
	})

	if large {
		t.Run("AC-33 p99 of a page of 100 rows", func(t *testing.T) {
			requirePages(t, db, func(i int) minlog.Key { return personKey(i % (rows / perPerson)) })
		})
	}
}

// requirePages measures pages of persons that have as many rows, from all over the table.
func requirePages(t *testing.T, db *DB, person func(int) minlog.Key) {
	t.Helper()
	const pages = 5_000
	took := make([]time.Duration, pages)
	for i := range took {
		q := minlog.Query{Cutoff: planStart.Add(-1), Chronologic: i%2 == 0}
		began := time.Now()
		got, err := db.LogStore().ByPerson(context.Background(), person(i*7907), q, minlog.Cursor{}, 100)
		took[i] = time.Since(began)
		require.NoError(t, err)
		require.Len(t, got, perPerson)
	}
	slices.Sort(took)
	p99 := took[pages*99/100]
	t.Logf("a page of 100 rows: p50 %v, p99 %v", took[pages/2], p99)
	require.LessOrEqual(t, p99, 20*time.Millisecond)
}

// A plan does not depend on how many rows there are: SQLite is not told. What pages cost does.
func TestSQLitePages(t *testing.T) {
	_, rows, large := planRows()
	if !large {
		t.Skip("OPENNSP_TEST_LARGE is not 1")
	}
	db := opened(t)
	for i := 0; i < rows; i += 5000 {
		_, err := db.LogStore().Store(context.Background(), minlog.Partition{Topic: topic}, int64(i), int64(i+5000), minlog.Batch{Registrations: registrations(i, 5000, rows/perPerson)})
		require.NoError(t, err)
	}
	t.Run("AC-33 p99 of a page of 100 rows", func(t *testing.T) {
		requirePages(t, db, func(i int) minlog.Key { return minlog.Key(fmt.Sprintf("CPR:01010%05d", i%(rows/perPerson))) })
	})
}
