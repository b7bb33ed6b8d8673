package sqlstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
)

// count counts the statements that begin with prefix.
func count(db *DB, prefix string) func() int {
	var n atomic.Int64
	db.observe = func(statement string) {
		if strings.HasPrefix(statement, prefix) {
			n.Add(1)
		}
	}
	return func() int { return int(n.Load()) }
}

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// registrations returns n of them, from the first number on, spread over so many persons.
func registrations(first, n, persons int) []minlog.Registration {
	rs := make([]minlog.Registration, n)
	for i := range rs {
		number := first + i
		var id minlog.RegistrationID
		binary.BigEndian.PutUint64(id[:8], uint64(number)*0x9e3779b97f4a7c15) // spread as hashes are
		at := start.Add(time.Duration(number) * time.Millisecond)
		rs[i] = minlog.Registration{ID: id, ReceivedAt: start,
			Registrar: minlog.Registrar{CVR: "33257872", ITSystem: "Service Consumer Test", MessageID: "b79c61ff-70e4-89f1-b6d4-bfc9b4979ee4", Interface: "20250312"},
			Entry: minlog.Entry{Source: &minlog.Chain{CorrelationID: "s-4711", System: "Praksis-A"}, System: "FMK", Activity: "Opslag på medicinkort",
				Addition: "Ingen", From: at, To: at, Org: minlog.ID{Source: minlog.SOR, Value: "999000000000001"}, OrgName: "Testklinikken",
				Person:        minlog.ID{Source: minlog.CPR, Value: fmt.Sprintf("01010%05d", (number*7919)%persons)},
				CorrelationID: "s-4711", SequenceNumber: fmt.Sprint(number), User: minlog.ID{Source: minlog.CPR, Value: "0505851111"}, UserRole: "Sygeplejerske"}}
		if number%2 == 0 {
			rs[i].Entry.OnBehalfOf = minlog.ID{Source: minlog.Authorisation, Value: "TST01"}
		}
	}
	return rs
}

func TestStatementsPerCall(t *testing.T) {
	ctx := context.Background()
	db := opened(t)
	require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
	p := minlog.Partition{Topic: topic}
	next := 0
	store := func(n int) func() {
		return func() {
			_, err := db.LogStore().Store(ctx, p, int64(next), int64(next+n), minlog.Batch{Registrations: registrations(next, n, 100)})
			require.NoError(t, err)
			next += n
		}
	}
	appended := func(n int) func() {
		return func() { require.NoError(t, db.MessageLog().Append(ctx, records(n))) }
	}
	found := func() {
		got, err := db.LogStore().ByPerson(ctx, "CPR:0101000000", minlog.Query{Cutoff: start.AddDate(-2, 0, 0)}, minlog.Cursor{}, 50)
		require.NoError(t, err)
		require.NotEmpty(t, got)
	}
	for _, c := range []struct {
		name string
		call func()
		want int
	}{
		{"Append of 1: begin, partitions, insert, position, commit", appended(1), 5},
		{"Append of 500: an insert for each 50", appended(500), 4 + 10},
		{"Append of 1,001", appended(1001), 4 + 21},
		{"Store of 1: begin, offset, insert, counts, commit", store(1), 5},
		{"Store of 500: an insert for each", store(500), 4 + 500},
		{"ByPerson", found, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := count(db, "")
			c.call()
			assert.Equal(t, c.want, n())
		})
	}
}

// plan tells how SQLite would carry the statement out, a line for each step.
func plan(t *testing.T, db *DB, text string, args ...any) string {
	t.Helper()
	rows, err := lite(db).readers.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+text, args...)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		steps = append(steps, detail)
	}
	require.NoError(t, rows.Err())
	return strings.Join(steps, "\n")
}

func TestQueryPlans(t *testing.T) {
	skipIfShort(t)
	db := opened(t)
	window := minlog.Query{Cutoff: start.AddDate(-2, 0, 0), From: start, To: start.Add(time.Hour), MaxPeriod: 744 * time.Hour}
	for _, chronologic := range []bool{false, true} {
		for name, after := range map[string]minlog.Cursor{"first page": {}, "next page": {At: start, ID: minlog.RegistrationID{1}}} {
			for column, key := range map[string]string{"person_key": "PRIMARY KEY (person_key=? AND ", "behalf_key": "INDEX minlog_entry_behalf (behalf_key=? AND "} {
				t.Run(fmt.Sprintf("AC-33 %s, %s, chronologic %t: one search of the key, no scan, no sort", column, name, chronologic), func(t *testing.T) {
					q := window
					q.Chronologic = chronologic
					text, args := findQuery(column, "CPR:0202801111", q, after, 50)
					got := plan(t, db, text, args...)
					assert.Contains(t, got, "SEARCH minlog_entry USING "+key)
					assert.Contains(t, got, ">?", "a lower bound of the time")
					assert.Contains(t, got, "<?", "an upper bound of the time")
					assert.NotContains(t, got, "SCAN")
					assert.NotContains(t, got, "TEMP B-TREE")
				})
			}
		}
	}

	t.Run("a read of the message log is a range of its key", func(t *testing.T) {
		got := plan(t, db, readRecords, string(topic), 0, 0, 10, 10)
		assert.Equal(t, "SEARCH log_record USING PRIMARY KEY (topic=? AND part=? AND off>? AND off<?)", got)
	})

	t.Run("the clean-up searches the time", func(t *testing.T) {
		got := plan(t, db, "SELECT person_key, at, id FROM minlog_entry WHERE at <= ? LIMIT ?", 0, 10)
		assert.Contains(t, got, "minlog_entry_at (at<?)")
		assert.NotContains(t, got, "SCAN")
	})
}

func TestBounds(t *testing.T) {
	t.Run("the search starts at the cursor", func(t *testing.T) {
		cursor := minlog.Cursor{At: start}
		_, args := findQuery("person_key", "k", minlog.Query{To: start.Add(time.Hour), MaxPeriod: time.Hour}, cursor, 1)
		assert.Equal(t, start.UnixMicro(), args[2], "upper bound, newest first")
		_, args = findQuery("person_key", "k", minlog.Query{From: start.Add(-time.Hour), Chronologic: true}, cursor, 1)
		assert.Equal(t, start.UnixMicro(), args[1], "lower bound, oldest first")
	})

	t.Run("the search ends at the longest period after the window", func(t *testing.T) {
		_, args := findQuery("person_key", "k", minlog.Query{To: start, MaxPeriod: time.Hour}, minlog.Cursor{}, 1)
		assert.Equal(t, start.Add(time.Hour).UnixMicro(), args[2])
	})
}
