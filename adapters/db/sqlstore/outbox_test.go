package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestOutbox(t *testing.T)         { portstest.Outbox(t, sharedBy(1, (*DB).Outbox)) }
func TestPostgresOutbox(t *testing.T) { portstest.Outbox(t, postgresBy(t, 1, (*DB).Outbox)) }

// Two handles know nothing of each other but what is in the store, like two processes.
func TestSharedOutbox(t *testing.T) {
	if testing.Short() {
		t.Skip("as long as the suites on one handle")
	}
	t.Run("sqlite", func(t *testing.T) { portstest.Outbox(t, sharedBy(2, (*DB).Outbox)) })
	t.Run("postgres", func(t *testing.T) { portstest.Outbox(t, postgresBy(t, 2, (*DB).Outbox)) })
}

// delivered fills the outbox with so many rows that were delivered, and a few that were not.
func delivered(t *testing.T, db *DB, rows int) {
	t.Helper()
	ctx := context.Background()
	const each = 500
	for from := 0; from < rows; from += each {
		require.NoError(t, db.write(ctx, func(t *tx) error {
			in := inserter{tx: t, into: "outbox (id, target, order_key, payload, created, attempts, next_try, sent)", columns: 8}
			for i := from; i < from+each; i++ {
				if err := in.row(fmt.Sprint("sent ", i), "nas", fmt.Sprint("key ", i%5000), `{"topic":"t","payload":"PGEvPg=="}`, i, 0, 0, start.UnixMicro()+int64(i)); err != nil {
					return err
				}
			}
			return in.flush()
		}))
	}
	var ns []notice.Notice
	for i := range 100 {
		ns = append(ns, notice.Notice{ID: fmt.Sprint(i), Key: fmt.Sprint("key ", i%50), To: notice.NAS, Created: start})
	}
	require.NoError(t, db.Outbox().Put(ctx, ns...))
	for i := range 10 {
		require.NoError(t, db.Outbox().Park(ctx, fmt.Sprint(i), "code"))
	}
}

// What waits is found without a look at what was delivered, which is kept for a month.
func TestOutboxPlans(t *testing.T) {
	skipIfShort(t)
	const rows = 500 // SQLite is not told how many there are
	db := opened(t)
	delivered(t, db, rows)
	for _, c := range []struct {
		name, text string
		args       []any
		want       []string
	}{
		{"what is due", nextNotices, []any{"nas", start.UnixMicro(), 100}, []string{
			"SEARCH outbox USING INDEX outbox_waiting (target=? AND next_try<?)", "SEARCH head USING INDEX outbox_key (target=? AND order_key=?)",
		}},
		{"what is parked", parkedNotices, []any{100}, []string{"SCAN outbox USING INDEX outbox_parked"}},
		{"how much waits", countNotices, nil, []string{"SCAN outbox USING INDEX outbox_waiting", "SCAN outbox USING INDEX outbox_parked"}},
		{"one that is done", doneNotice, []any{1, "1"}, []string{"SEARCH outbox USING INDEX sqlite_autoindex_outbox_1 (id=?)"}},
		{"what is forgotten", forgetNotices, []any{1, 10, 1}, []string{"SEARCH outbox USING COVERING INDEX outbox_sent (sent<?)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := plan(t, db, c.text, c.args...)
			for _, want := range c.want {
				assert.Contains(t, got, want)
			}
			for line := range strings.Lines(got) {
				assert.False(t, strings.HasPrefix(line, "SCAN outbox") && !strings.Contains(line, "INDEX"), line)
			}
			assert.NotContains(t, got, "TEMP B-TREE")
		})
	}
}

func TestPostgresOutboxPlans(t *testing.T) {
	skipIfShort(t)
	ctx := context.Background()
	const rows = 20_000
	db := openedPostgres(t, postgresDSN(t))
	delivered(t, db, rows)
	explained := func(t *testing.T, text string, args ...any) []string {
		pool := server(db).readers
		if !strings.HasPrefix(text, "SELECT") {
			pool = server(db).writers
		}
		return indexesOf(planned(t, pool, db.bind(text), args...))
	}
	for _, analysed := range []bool{false, true} {
		if analysed {
			_, err := server(db).writers.ExecContext(ctx, "VACUUM ANALYZE outbox")
			require.NoError(t, err)
		}
		for _, c := range []struct {
			name, text string
			args       []any
			want       []string // indexes that may be used, and nothing else
		}{
			{"what is due", nextNotices, []any{"nas", start.UnixMicro(), 100}, []string{"outbox_key", "outbox_waiting"}},
			{"what is parked", parkedNotices, []any{100}, []string{"outbox_parked"}},
			{"how much waits", countNotices, nil, []string{"outbox_parked", "outbox_waiting", "outbox_key"}},
			{"one that is done", doneNotice, []any{1, "1"}, []string{"outbox_id_key"}},
			{"one that is parked", parkNotice, []any{"code", "1"}, []string{"outbox_id_key"}},
			{"what is forgotten", forgetNotices, []any{start.UnixMicro() + 10, 10, start.UnixMicro() + 10}, []string{"outbox_sent"}},
		} {
			if !analysed && c.text == forgetNotices {
				continue // nobody waits for it
			}
			t.Run(fmt.Sprintf("%s, analysed %t", c.name, analysed), func(t *testing.T) {
				used := explained(t, c.text, c.args...)
				assert.NotEmpty(t, used)
				assert.Subset(t, c.want, used)
			})
		}
	}
}

// Where the table is new, and all of it waits, one notice is found by its id all the same.
func TestPostgresOutboxPlansOfNewTable(t *testing.T) {
	skipIfShort(t)
	ctx := context.Background()
	db := openedPostgres(t, postgresDSN(t))
	var ns []notice.Notice
	for i := range 5000 {
		ns = append(ns, notice.Notice{ID: fmt.Sprint(i), Key: fmt.Sprint(i % 1000), To: notice.NAS, Created: start})
	}
	require.NoError(t, db.Outbox().Put(ctx, ns...))
	for name, c := range map[string]struct {
		text string
		to   any
	}{"done": {doneNotice, 1}, "put off": {laterNotice, 1}, "parked": {parkNotice, "code"}} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, []string{"outbox_id_key"}, indexesOf(planned(t, server(db).writers, db.bind(c.text), c.to, "7")))
		})
	}
	t.Run("what is due", func(t *testing.T) {
		used := indexesOf(planned(t, server(db).readers, db.bind(nextNotices), "nas", start.UnixMicro(), 100))
		assert.ElementsMatch(t, []string{"outbox_waiting", "outbox_key"}, used)
	})
}

// planned is how a statement would be carried out.
func planned(t *testing.T, pool *sql.DB, text string, args ...any) node {
	t.Helper()
	var out []byte
	require.NoError(t, pool.QueryRowContext(context.Background(), "EXPLAIN (FORMAT JSON) "+text, args...).Scan(&out))
	var plans []struct{ Plan node }
	require.NoError(t, json.Unmarshal(out, &plans))
	return plans[0].Plan
}

// indexesOf are the indexes that a plan uses, "a whole table" where it reads one.
func indexesOf(plan node) (used []string) {
	for _, step := range plan.steps() {
		switch {
		case step.Type == "Seq Scan":
			used = append(used, "a whole table")
		case step.Index != "":
			used = append(used, step.Index)
		}
	}
	return used
}

// A notice that is committed after one with a higher number is found all the same.
func TestPostgresOutboxLateCommit(t *testing.T) {
	ctx := context.Background()
	db := openedPostgres(t, postgresDSN(t))
	put := func(ctx context.Context, id string) {
		require.NoError(t, db.Outbox().Put(ctx, notice.Notice{ID: id, Key: id, To: notice.NAS, Created: start}))
	}
	require.NoError(t, db.Units().Run(ctx, func(late context.Context) error {
		put(late, "late")
		put(ctx, "early")
		due, err := db.Outbox().Next(ctx, notice.NAS, start, 10)
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.Equal(t, "early", due[0].ID)
		return db.Outbox().Done(ctx, "early", start)
	}, nothing))
	due, err := db.Outbox().Next(ctx, notice.NAS, start, 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.Equal(t, "late", due[0].ID)
}
