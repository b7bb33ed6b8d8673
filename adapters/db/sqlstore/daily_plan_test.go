package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
)

// fillDaily counts each of so many days from 1 November 2024 for so many registrars, by two partitions.
func fillDaily(t testing.TB, db *DB, days, registrars int) {
	t.Helper()
	day := "(timestamp '2024-11-01' + d * interval '1 day')::date::text"
	if db.dialector(nil).Name() == "sqlite" {
		day = "date('2024-11-01', d || ' days')"
	}
	written(t, db, fmt.Sprintf(`INSERT INTO minlog_daily (day, registrar_cvr, system_name, shard, stored, rejected)
		WITH RECURSIVE ds(d) AS (SELECT 0 UNION ALL SELECT d + 1 FROM ds WHERE d < %d), rs(r) AS (SELECT 0 UNION ALL SELECT r + 1 FROM rs WHERE r < %d)
		SELECT %s, CAST(10000000 + r AS TEXT), 'FMK', shard, 5, 1 FROM ds, rs, (SELECT 0 AS shard UNION ALL SELECT 1) AS two`, days-1, registrars-1, day))
}

// dailyReads are the reports of an operator and of a registrar, and the index that each is read by.
var dailyReads = []struct{ name, from, to, cvr, text, index string }{
	{"a week of all", "2025-03-01", "2025-03-08", "", findDaily + daysOfDaily, "minlog_daily_pkey"},
	{"400 days of one", "2024-11-05", "2025-12-10", "10000007", findDaily + dailyOfOne + daysOfDaily, "minlog_daily_registrar"},
}

// daily reads a report and tells how many statements it took.
func daily(t *testing.T, db *DB, from, to, cvr string, want int) {
	t.Helper()
	first, err := calendar.ParseDay(from)
	require.NoError(t, err)
	end, err := calendar.ParseDay(to)
	require.NoError(t, err)
	statements := count(db, "SELECT")
	all, err := db.LogStore().Daily(context.Background(), first, end, cvr)
	require.NoError(t, err)
	assert.Equal(t, 1, statements(), "statements")
	db.observe = nil
	require.Len(t, all, want)
	assert.Equal(t, int64(10), all[0].Stored)
	assert.Equal(t, int64(2), all[0].Rejected)
}

// A report is read from the counts alone, however many registrations there are: it costs what it tells.
func TestPostgresDailyPlans(t *testing.T) {
	skipIfShort(t)
	db := openedPostgres(t, postgresDSN(t))
	fillDaily(t, db, 430, 50)
	_, err := server(db).writers.ExecContext(context.Background(), "VACUUM ANALYZE minlog_daily")
	require.NoError(t, err)
	server(db).readers.SetMaxOpenConns(1) // its prepared statements are looked at
	for _, r := range dailyReads {
		t.Run(r.name, func(t *testing.T) {
			args := []any{r.from, r.to}
			rows := 7 * 50
			if r.cvr != "" {
				args, rows = append(args, r.cvr), 400
			}
			daily(t, db, r.from, r.to, r.cvr, rows)
			searched := 0
			for _, s := range explain(t, db, r.text, args).steps() {
				assert.Contains(t, []string{"", "minlog_daily"}, s.Table)
				assert.NotContains(t, s.Type, "Seq Scan")
				if s.Index != "" {
					searched++
					assert.Equal(t, r.index, s.Index)
					assert.Contains(t, s.Cond, "day >= ")
					assert.Equal(t, r.cvr != "", strings.Contains(s.Cond, "registrar_cvr = "), s.Cond)
				}
			}
			assert.Equal(t, 1, searched)
		})
	}
}

func TestSQLiteDailyPlans(t *testing.T) {
	skipIfShort(t)
	db := opened(t)
	fillDaily(t, db, 430, 8)
	for _, r := range dailyReads {
		t.Run(r.name, func(t *testing.T) {
			args, want := []any{r.from, r.to}, "SEARCH minlog_daily USING PRIMARY KEY (day>? AND day<?)"
			rows := 7 * 8
			if r.cvr != "" {
				args, rows, want = append(args, r.cvr), 400, "SEARCH minlog_daily USING INDEX minlog_daily_registrar (registrar_cvr=? AND day>? AND day<?)"
			}
			daily(t, db, r.from, r.to, r.cvr, rows)
			assert.Equal(t, want, strings.TrimSpace(plan(t, db, r.text, args...)), "and nothing is sorted")
		})
	}
}
