package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestCopyRegister(t *testing.T) { portstest.CopyRegister(t, sharedBy(1, (*DB).CopyRegister)) }
func TestExportState(t *testing.T)  { portstest.ExportState(t, sharedBy(1, (*DB).ExportState)) }

func TestPostgresCopyRegister(t *testing.T) {
	for _, handles := range []int{1, 2} {
		t.Run(fmt.Sprintf("PC-51 %d processes", handles), func(t *testing.T) {
			portstest.CopyRegister(t, postgresBy(t, handles, (*DB).CopyRegister))
		})
	}
}

func TestPostgresExportState(t *testing.T) {
	for _, handles := range []int{1, 2} {
		t.Run(fmt.Sprintf("PC-51 %d processes", handles), func(t *testing.T) {
			portstest.ExportState(t, postgresBy(t, handles, (*DB).ExportState))
		})
	}
}

// copiedNames returns n rows of the view of names, from the first number on.
func copiedNames(first, n int) []stamdata.CopyRow {
	rows := make([]stamdata.CopyRow, n)
	for i := range rows {
		id := fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012d", first+i)
		rows[i] = stamdata.CopyRow{View: stamdata.ECPRView("name"), Key: id, ValidFrom: start, Fields: []stamdata.Field{
			stamdata.TextField("Uuid", id), stamdata.TextField("PersonUuid", "0d9c6f1e-7a40-4f57-9a0e-6f3b5a3f0001"), stamdata.TextField("Use", "official"),
			stamdata.TextField("FamilyName", "Prøvesen"), stamdata.TextField("GivenName", "Jon Alfa"), stamdata.TextField("Text", "Jon Alfa Prøvesen"),
			stamdata.InstantField("ValidFrom", start), stamdata.InstantField("ValidTo", time.Time{}),
		}}
	}
	return rows
}

func TestCopyPlans(t *testing.T) {
	skipIfShort(t)
	ctx := context.Background()
	args := []any{stamdata.ECPRView("name").String(), int64(1772445600), int64(42), 2000}
	t.Run("PC-41 a page is one search of the index, SQLite", func(t *testing.T) {
		assert.Equal(t, "SEARCH skrs_row USING PRIMARY KEY (view=? AND (modified_s,pid)>(?,?))", plan(t, opened(t), copyPage, args...))
	})
	t.Run("the last row is one search of the key, SQLite", func(t *testing.T) {
		assert.Equal(t, "SCAN skrs_row USING INDEX sqlite_autoindex_skrs_row_1", plan(t, opened(t), lastCopy), "backwards, to the first")
	})
	t.Run("PC-41 a page is one search of the index, PostgreSQL", func(t *testing.T) {
		db := openedPostgres(t, postgresDSN(t))
		for i := range 3 {
			_, err := db.CopyRegister().Append(ctx, copiedNames(i*2000, 2000), start.Add(time.Duration(i)*time.Second))
			require.NoError(t, err)
		}
		_, err := server(db).writers.ExecContext(ctx, "ANALYZE skrs_row")
		require.NoError(t, err)
		server(db).readers.SetMaxOpenConns(1) // its prepared statements are looked at
		for range 7 {
			page, err := db.CopyRegister().Page(ctx, stamdata.ECPRView("name"), stamdata.Offset{Seconds: start.Unix() + 1}, 2000)
			require.NoError(t, err)
			require.Len(t, page, 2000)
		}
		steps := explain(t, db, copyPage, []any{args[0], start.Unix() + 1, 0, 2000}).steps()
		require.Len(t, steps, 2)
		assert.Equal(t, "Limit", steps[0].Type)
		assert.Equal(t, "Index Scan", steps[1].Type)
		assert.Equal(t, "skrs_row_pkey", steps[1].Index)
		assert.Contains(t, steps[1].Cond, "view = ")
		assert.Contains(t, steps[1].Cond, "ROW(modified_s, pid) > ")
		assert.Empty(t, steps[1].Filter)
	})
}

func TestStatementsPerAppend(t *testing.T) {
	db := opened(t)
	n := count(db, "")
	_, err := db.CopyRegister().Append(context.Background(), copiedNames(0, 120), start)
	require.NoError(t, err)
	assert.Equal(t, 3+3, n(), "begin, last row, an insert for each 50, commit")
}

func TestCopyContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var fields []stamdata.Field
		var columns []string
		for i := range rapid.IntRange(1, 5).Draw(t, "columns") {
			columns = append(columns, fmt.Sprint(i))
			f := stamdata.Field{Name: columns[i], Null: rapid.Bool().Draw(t, "null")}
			if !f.Null {
				f.Value = rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("\"\\\n\x00\x1f],[n€")))).Draw(t, "value")
			}
			fields = append(fields, f)
		}
		got, err := decodeFields(nil, columns, string(encodeFields(fields)))
		require.NoError(t, err)
		require.Equal(t, fields, got)
	})
	assert.Equal(t, `["a\"b",null,""]`, string(encodeFields([]stamdata.Field{{Value: `a"b`}, {Null: true}, {}})))
	for _, bad := range []string{"", "[", "[]", `["a"`, `["a",`, `["a","b","c"]`, `["a" "b"]`, `["a","b"`, `["a","b"]]`, `["a",nul]`, `["a","\x"]`, `["a","\u0041"]`, `["a","\`, `{"a","b"]`} {
		_, err := decodeFields(nil, []string{"x", "y"}, bad)
		require.ErrorIs(t, err, errContent, bad)
	}
}

func FuzzCopyContent(f *testing.F) {
	f.Add(`["a\"b",null]`)
	f.Add(`["","\u001f\\"]`)
	f.Fuzz(func(t *testing.T, content string) {
		fields, err := decodeFields(nil, []string{"x", "y"}, content)
		if err != nil {
			require.ErrorIs(t, err, errContent)
			return
		}
		again, err := decodeFields(nil, []string{"x", "y"}, string(encodeFields(fields)))
		require.NoError(t, err)
		require.Equal(t, fields, again)
	})
}

// BenchmarkCopyPage reads a page of 2,000 rows, beside the bare SELECT of the same rows.
func BenchmarkCopyPage(b *testing.B) {
	ctx := context.Background()
	db := opened(b)
	for i := range 10 {
		_, err := db.CopyRegister().Append(ctx, copiedNames(i*1000, 1000), start)
		require.NoError(b, err)
	}
	bare := strings.ReplaceAll(copyPage, "\n", " ")
	var ours, theirs time.Duration
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		page, err := db.CopyRegister().Page(ctx, stamdata.ECPRView("name"), stamdata.Offset{}, 2000)
		ours += time.Since(began)
		require.NoError(b, err)
		require.Len(b, page, 2000)
		b.StopTimer()
		began = time.Now()
		require.NoError(b, db.reading.query(ctx, func(rows *sql.Rows) error {
			var pid, seconds, from int64
			var key, content string
			return rows.Scan(&pid, &seconds, &key, &from, &content)
		}, bare, stamdata.ECPRView("name").String(), 0, 0, 2000))
		theirs += time.Since(began)
		b.StartTimer()
	}
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "µs/page")
	b.ReportMetric(float64(theirs.Microseconds())/float64(b.N), "µs/select")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
}
