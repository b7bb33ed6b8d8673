package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/stamdata"
)

func openedAt(t testing.TB, opt Options) *DB {
	t.Helper()
	db, err := Open(context.Background(), opt)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// written runs a statement without parameters, of its own.
func written(t testing.TB, db *DB, statements ...string) {
	t.Helper()
	for _, text := range statements {
		require.NoError(t, db.alone(context.Background(), func(t *tx) error {
			_, err := t.pool.ExecContext(t.ctx, text)
			return err
		}), text)
	}
}

// filler makes rows that fit the columns of an SQLite store, whatever they are.
type filler struct {
	*rand.Rand
	registers []string // tables
}

func newFiller() *filler {
	f := &filler{Rand: rand.New(rand.NewPCG(1, 2))}
	for _, r := range stamdata.Registers() {
		f.registers = append(f.registers, registerNamed(r.Name).name)
	}
	return f
}

func (f *filler) text() string {
	const letters = "aZ09 _%'\"\\\t\n\r.,;:{}[]æøåÆØÅé\u0301ß\u200b\ufeff€𝄞😀\u0001\u007f\U0010ffff"
	runes := []rune(letters)
	text := make([]rune, f.IntN(40))
	for i := range text {
		text[i] = runes[f.IntN(len(runes))]
	}
	return string(text)
}

func (f *filler) octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f.IntN(256)) * byte(f.IntN(3)) //nolint:gosec // many zeros
	}
	return b
}

func (f *filler) number() int64 {
	return []int64{0, 1, -1, math.MaxInt64, math.MinInt64, f.Int64(), int64(f.IntN(1000))}[f.IntN(7)]
}

// cell returns a value of the column for row i of the table.
func (f *filler) cell(table string, c *column, i int) any {
	if value, known := f.consentCell(table, c.Name, i); known {
		return value
	}
	if value, known := f.willCell(table, c.Name, i); known {
		return value
	}
	switch {
	case c.NotNull == 0 && f.IntN(3) == 0:
		return nil
	case table == "minlog_entry" && c.Name == "at": // months with gaps between them
		month := time.Date(2021+f.IntN(7), time.Month(1+5*f.IntN(3)), 1, 0, 0, 0, 0, time.UTC)
		return month.UnixMicro() + []int64{0, -1, f.Int64N(28 * 24 * 3600e6)}[f.IntN(3)]
	case table == "minlog_entry" && c.Name == "id":
		return f.octets(16)
	case table == "minlog_job" && c.Name == "ok", table == "nas_topic" && c.Name == "active":
		return int64(f.IntN(2))
	case table == "nas_topic" && c.Name == "state":
		return []string{"creating", "ready", "deleting"}[f.IntN(3)]
	case table == "security_event" && c.Name == "id":
		return int64(3*i + 1)
	case c.Type == "INTEGER" && c.PK > 0:
		return int64(i)
	case table == "outbox" && c.Name == "id":
		return fmt.Sprintf("%s%d", f.text(), i)
	case c.Type == "INTEGER":
		return f.number()
	case c.Type == "TEXT" && (c.PK > 0 || c.Name == "name" || f.isUnique(table)):
		return fmt.Sprintf("%s%d", f.text(), i)
	case c.Type == "TEXT" && !strings.HasSuffix(c.Name, "_key") && f.IntN(200) == 0: // an index takes no long ones
		return strings.Repeat(f.text(), 1000)
	case c.Type == "TEXT":
		return f.text()
	case c.PK > 0:
		return append(f.octets(28), byte(i>>24), byte(i>>16), byte(i>>8), byte(i))
	case f.IntN(100) == 0 && c.Name != "sha256" && !f.isUnique(table): // an index takes no long ones
		return f.octets(100_000)
	}
	return f.octets(f.IntN(50))
}

// consentCell returns a value of a column of registrations that must agree with others of its row.
func (f *filler) consentCell(table, column string, i int) (value any, known bool) {
	if !strings.HasPrefix(table, "consent_") {
		return nil, false
	}
	who := i % 4
	switch column {
	case "who_kind":
		return int64(who), true
	case "who_person", "who_org":
		if who == map[string]int{"who_person": whoPerson, "who_org": whoOrg}[column] {
			return f.text(), true
		}
		return nil, true
	case "who_subs":
		return int64(f.IntN(1 + who%3/2)), true // 1 of an organisation alone
	case "origin_org":
		return f.text(), true
	case "origin_subs", "active":
		return int64(f.IntN(2)), true
	case "data_to", "valid_to", "modified_at":
		return int64(f.IntN(1000)), true
	case "data_from", "valid_from":
		return int64(-1 - f.IntN(1000)), true
	}
	return nil, false
}

// willCell returns a value of a column of wills and opt-outs that must agree with others of its row.
func (f *filler) willCell(table, column string, i int) (value any, known bool) {
	will := strings.HasSuffix(table, "_will")
	switch {
	case will && strings.HasSuffix(column, "_needs"):
		return []any{nil, "guardian"}[i%2], true
	case will && column == "if_dying":
		return int64(1), true
	case will && (strings.HasPrefix(column, "if_") || column == "no_forced_treatment"):
		return int64(i % 2), true
	case will && column == "valid_to", column == "superseded_date":
		return []any{nil, int64(f.IntN(1000))}[f.IntN(2)], true
	case will && column == "valid_from", column == "created_date":
		return int64(-1 - f.IntN(1000)), true
	case column == "register" && table == "will_current":
		return []any{"LTR", "BTR"}[i%2], true
	case column == "patient_id_source":
		return "CPR", true
	case column == "consent_status":
		return []any{"ACTIVE", "INACTIVE", "ENTERED-IN-ERROR"}[i%3], true
	}
	return nil, false
}

// isUnique tells whether a table has more keys than its primary one: no two current rows of a register, and no two registrations, have the same.
func (f *filler) isUnique(table string) bool {
	other := []string{"ecpr_", "consent_", "nas_", "living_will", "treatment_will", "will_current", "citizen_consent"}
	return slices.ContainsFunc(other, func(prefix string) bool { return strings.HasPrefix(table, prefix) }) || slices.Contains(f.registers, table)
}

// column is a row of PRAGMA table_info.
type column struct {
	Name, Type  string
	NotNull, PK int
}

func columnsOf(t testing.TB, db *DB, table string) []column {
	t.Helper()
	var all []column
	require.NoError(t, lite(db).reading.orm.Raw("SELECT name, type, \"notnull\" AS not_null, pk FROM pragma_table_info(?)", table).Scan(&all).Error)
	require.NotEmpty(t, all)
	return all
}

// fill inserts n rows into a table of an SQLite store.
func (f *filler) fill(t testing.TB, db *DB, table string, n int) {
	t.Helper()
	columns := columnsOf(t, db, table)
	require.NoError(t, db.alone(context.Background(), func(t *tx) error {
		for i := range n {
			var row []any
			for j := range columns {
				row = append(row, f.cell(table, &columns[j], i))
			}
			if _, err := t.exec(t.ctx, "INSERT INTO "+table+" VALUES "+values(len(row), 1), row...); err != nil {
				return err
			}
		}
		return nil
	}))
}

// filled returns an SQLite store with many rows in every table.
func filled(t testing.TB, entries int) *DB {
	t.Helper()
	db, f := opened(t), newFiller()
	for _, table := range copiedTables() {
		n := 120
		if table.name == "minlog_entry" {
			n = entries
		}
		f.fill(t, db, table.name, n)
	}
	return db
}

// dump returns every row of an SQLite store as SQLite writes it.
func dump(t testing.TB, db *DB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range copiedTables() {
		var quoted []string
		for _, c := range columnsOf(t, db, table.name) {
			quoted = append(quoted, "quote("+c.Name+")")
		}
		rows, err := lite(db).readers.Query("SELECT " + strings.Join(quoted, " || ',' || ") + " FROM " + table.name + " ORDER BY " + table.key)
		require.NoError(t, err)
		for rows.Next() {
			var row string
			require.NoError(t, rows.Scan(&row))
			all[table.name] = append(all[table.name], row)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return all
}

// rowsIn returns how many rows there are in all tables.
func rowsIn(t testing.TB, db *DB) (n int64) {
	t.Helper()
	for _, table := range copiedTables() {
		rows, _, err := side{db, db.reading.pool}.first(context.Background(), "SELECT count(*) FROM "+table.name)
		require.NoError(t, err)
		n += rows
	}
	return n
}

// targets are the databases that are copied to, each with nothing in it.
func targets() map[string]func(t *testing.T) Options {
	return map[string]func(t *testing.T) Options{
		"sqlite":   func(t *testing.T) Options { return Options{Path: filepath.Join(t.TempDir(), "copy.db")} },
		"postgres": func(t *testing.T) Options { return Options{DSN: postgresDSN(t)} },
	}
}

func TestCopy(t *testing.T) {
	from := filled(t, 800)
	want := dump(t, from)
	middle := openedAt(t, Options{DSN: postgresDSN(t)})
	there, err := Copy(t.Context(), from, middle, CopyOptions{})
	require.NoError(t, err)
	to := opened(t)
	back, err := Copy(t.Context(), middle, to, CopyOptions{})
	require.NoError(t, err)
	assert.Equal(t, want, dump(t, to), "there and back again every row is as it was")
	assert.Equal(t, want, dump(t, from), "the source is left alone")
	assert.Equal(t, there, back)
	for _, table := range there {
		assert.Len(t, want[table.Table], int(table.Rows), table.Table)
	}
	assert.Len(t, there, len(copiedTables()))

	t.Run("what comes new is numbered after what was copied", func(t *testing.T) {
		for _, db := range []*DB{middle, to} {
			before := rowsIn(t, db)
			require.NoError(t, db.SecurityEvents().Record(t.Context(), time.Now(), audit.Refusal{At: time.Now()}))
			require.NoError(t, db.Outbox().Put(t.Context(), notice.Notice{ID: "new", To: notice.NAS}))
			assert.Equal(t, before+2, rowsIn(t, db))
		}
	})
	t.Run("a second copy is refused", func(t *testing.T) {
		for _, db := range []*DB{middle, to} {
			before := rowsIn(t, db)
			_, err := Copy(t.Context(), from, db, CopyOptions{})
			require.ErrorIs(t, err, ErrNotEmpty)
			assert.Equal(t, before, rowsIn(t, db))
		}
	})
}

func TestCopyOfNothing(t *testing.T) {
	for name, target := range targets() {
		t.Run(name, func(t *testing.T) {
			to := openedAt(t, target(t))
			report, err := Copy(t.Context(), opened(t), to, CopyOptions{})
			require.NoError(t, err)
			assert.Len(t, report, len(copiedTables()))
			assert.Zero(t, rowsIn(t, to))
			require.NoError(t, to.SecurityEvents().Record(t.Context(), time.Now(), audit.Refusal{At: time.Now()}))
		})
	}
}

// A table that is added to the schema has to be copied too.
func TestCopyKnowsEveryTable(t *testing.T) {
	var known []string
	for _, table := range copiedTables() {
		known = append(known, table.name)
	}
	slices.Sort(known)
	lite := opened(t)
	for _, db := range []*DB{lite, openedAt(t, Options{DSN: postgresDSN(t)})} {
		rows, err := db.reading.pool.QueryContext(t.Context(), db.tables())
		require.NoError(t, err)
		var found []string
		for rows.Next() {
			var name string
			require.NoError(t, rows.Scan(&name))
			found = append(found, name)
		}
		require.NoError(t, rows.Err())
		slices.Sort(found)
		assert.Equal(t, known, found)
	}
	for _, table := range copiedTables() {
		columns := columnsOf(t, lite, table.name)
		columns = slices.DeleteFunc(columns, func(c column) bool { return c.PK == 0 })
		slices.SortFunc(columns, func(a, b column) int { return a.PK - b.PK })
		var key []string
		for _, c := range columns {
			key = append(key, c.Name)
		}
		assert.Equal(t, strings.Join(key, ", "), table.key, table.name)
	}

	t.Run("a store with a table of somebody else is refused", func(t *testing.T) {
		from, to := opened(t), opened(t)
		written(t, from, "CREATE TABLE another (x INTEGER)")
		for _, pair := range [][2]*DB{{from, to}, {to, from}} {
			_, err := Copy(t.Context(), pair[0], pair[1], CopyOptions{})
			require.ErrorContains(t, err, "none of its own: another")
		}
	})
	t.Run("a store with a column of somebody else is refused", func(t *testing.T) {
		from, to := opened(t), opened(t)
		written(t, from, "ALTER TABLE security_grant ADD COLUMN another TEXT")
		for _, pair := range [][2]*DB{{from, to}, {to, from}} {
			_, err := Copy(t.Context(), pair[0], pair[1], CopyOptions{})
			require.ErrorContains(t, err, "security_grant has other columns in the copy")
		}
	})
}

func TestCopyIntoWhatIsNotEmpty(t *testing.T) {
	skipIfShort(t)
	from := opened(t)
	newFiller().fill(t, from, "security_grant", 1)
	for name, target := range targets() {
		to := openedAt(t, target(t))
		for _, table := range copiedTables() {
			t.Run(name+" with a row in "+table.name, func(t *testing.T) {
				one := opened(t)
				newFiller().fill(t, one, table.name, 1)
				_, err := Copy(t.Context(), one, to, CopyOptions{})
				require.NoError(t, err)
				for _, withoutLog := range []bool{false, true} {
					_, err = Copy(t.Context(), from, to, CopyOptions{WithoutLog: withoutLog})
					require.ErrorIs(t, err, ErrNotEmpty)
					require.ErrorContains(t, err, table.name)
				}
				assert.Equal(t, int64(1), rowsIn(t, to))
				written(t, to, "DELETE FROM "+table.name)
			})
		}
	}
}

func TestCopyWithoutLog(t *testing.T) {
	skipIfShort(t)
	from := filled(t, 100)
	want := dump(t, from)
	for _, table := range []string{"log_partition", "log_record", "minlog_offset"} {
		delete(want, table)
	}
	for name, target := range targets() {
		t.Run(name, func(t *testing.T) {
			middle, to := openedAt(t, target(t)), opened(t)
			_, err := Copy(t.Context(), from, middle, CopyOptions{WithoutLog: true})
			require.NoError(t, err)
			_, err = Copy(t.Context(), middle, to, CopyOptions{})
			require.NoError(t, err)
			assert.Equal(t, want, dump(t, to))
		})
	}
}

// A target that does not keep what it is given is found out.
func TestCopyThatDiffers(t *testing.T) {
	skipIfShort(t)
	from := filled(t, 50)
	broken := map[string]map[string]string{
		"a byte of a text":   {"sqlite": "UPDATE security_grant SET note = note || ' ' WHERE id = new.id", "postgres": "new.note = new.note || ' '"},
		"a NULL":             {"sqlite": "UPDATE security_grant SET valid_to = 0 WHERE id = new.id AND valid_to IS NULL", "postgres": "new.valid_to = coalesce(new.valid_to, 0)"},
		"the sign of a time": {"sqlite": "UPDATE security_grant SET valid_from = -valid_from WHERE id = new.id AND valid_from = 1", "postgres": "IF new.valid_from = 1 THEN new.valid_from = -1; END IF"},
		"a row":              {"sqlite": "DELETE FROM security_grant WHERE id = new.id AND valid_from = 1", "postgres": "IF new.valid_from = 1 THEN RETURN NULL; END IF"},
	}
	for name, target := range targets() {
		to := openedAt(t, target(t))
		for what, change := range broken {
			t.Run(name+" changes "+what, func(t *testing.T) {
				if name == "sqlite" {
					written(t, to, "DROP TRIGGER IF EXISTS fault", "CREATE TRIGGER fault AFTER INSERT ON security_grant BEGIN "+change[name]+"; END")
				} else {
					written(t, to, "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+change[name]+"; RETURN new; END $$",
						"CREATE OR REPLACE TRIGGER fault BEFORE INSERT ON security_grant FOR EACH ROW EXECUTE FUNCTION fault()")
				}
				_, err := Copy(t.Context(), from, to, CopyOptions{})
				require.ErrorIs(t, err, ErrDifferent)
				require.ErrorContains(t, err, "security_grant: 120 rows")
				require.NotContains(t, err.Error(), "security_seen", "only what differs is named")
				assert.Zero(t, rowsIn(t, to), "nothing was kept")
			})
		}
	}
	t.Run("two rows that swapped a value", func(t *testing.T) {
		from, to := opened(t), opened(t)
		written(t, from, "INSERT INTO job_lease VALUES ('a', 'x', 1, 1), ('b', 'y', 1, 1)")
		written(t, to, `CREATE TRIGGER fault AFTER INSERT ON job_lease WHEN new.name = 'b' BEGIN
			UPDATE job_lease SET holder = CASE name WHEN 'a' THEN 'y' ELSE 'x' END; END`)
		_, err := Copy(t.Context(), from, to, CopyOptions{})
		require.ErrorIs(t, err, ErrDifferent)
	})
	t.Run("a cell that moved its octets into the next", func(t *testing.T) {
		from, to := opened(t), opened(t)
		written(t, from, "INSERT INTO log_record VALUES ('t', 0, 0, 0, x'0102', NULL, x'03')")
		written(t, to, "CREATE TRIGGER fault AFTER INSERT ON log_record BEGIN UPDATE log_record SET key = x'01', value = x'0203'; END")
		_, err := Copy(t.Context(), from, to, CopyOptions{})
		require.ErrorIs(t, err, ErrDifferent)
	})
}

func TestCopyWhatTheTargetCannotHold(t *testing.T) {
	from := opened(t)
	require.NoError(t, from.alone(t.Context(), func(t *tx) error {
		_, err := t.exec(t.ctx, "INSERT INTO job_lease VALUES (?, ?, ?, ?)", "a\x000101010001", "x", 1, 1)
		return err
	}))
	to := openedAt(t, Options{DSN: postgresDSN(t)})
	_, err := Copy(t.Context(), from, to, CopyOptions{})
	require.ErrorContains(t, err, "job_lease")
	require.NotContains(t, err.Error(), "0101010001")
	assert.Zero(t, rowsIn(t, to))
}

func TestCopyEndsHalfway(t *testing.T) {
	skipIfShort(t)
	from := filled(t, 2*reportRow+100)
	want := dump(t, from)
	errTest := errors.New("the seal broke")
	for name, target := range targets() {
		to := openedAt(t, target(t))
		for _, at := range []Progress{{CopyRows, "minlog_entry", reportRow, 0}, {ReadTo, "minlog_job", 120, 0}} {
			t.Run(fmt.Sprintf("%s: the context ends at %s %s", name, at.Step, at.Table), func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				_, err := Copy(ctx, from, to, CopyOptions{Progress: func(p Progress) {
					if p.Of = 0; p == at {
						cancel()
					}
				}})
				require.ErrorIs(t, err, context.Canceled)
				assert.Zero(t, rowsIn(t, to))
			})
		}
		t.Run(name+": the seal fails", func(t *testing.T) {
			_, err := Copy(t.Context(), from, to, CopyOptions{Seal: func(ctx context.Context) error {
				if err := to.Topics().CreateTopic(ctx, "sealed", messagelog.Spec{Partitions: 1}); err != nil {
					return err
				}
				return errTest
			}})
			require.ErrorIs(t, err, errTest)
			assert.Zero(t, rowsIn(t, to), "what it did is gone too")
		})
		t.Run(name+": then it succeeds", func(t *testing.T) {
			var mu sync.Mutex
			told := map[CopyStep]Progress{}
			_, err := Copy(t.Context(), from, to, CopyOptions{Progress: func(p Progress) {
				mu.Lock()
				defer mu.Unlock()
				if p.Table == "minlog_entry" {
					told[p.Step] = p
				}
			}})
			require.NoError(t, err)
			for _, step := range []CopyStep{CopyRows, ReadFrom, ReadTo} {
				assert.Equal(t, Progress{step, "minlog_entry", 2*reportRow + 100, 2*reportRow + 100}, told[step], "what was told last")
			}
			back := opened(t)
			_, err = Copy(t.Context(), to, back, CopyOptions{})
			require.NoError(t, err)
			assert.Equal(t, want, dump(t, back))
		})
	}
}

// What tells the test's own process, started again, what to copy, and when to kill itself.
const (
	envKilledFrom, envKilledPath, envKilledDSN, envKilledStep = "COPY_FROM", "COPY_PATH", "COPY_DSN", "COPY_STEP"
)

func TestCopyKilled(t *testing.T) {
	skipIfShort(t)
	if path := os.Getenv(envKilledFrom); path != "" {
		killedCopy(t, path)
		return
	}
	from := filled(t, 2*reportRow)
	var path string
	for path = range lite(from).files {
		path = strings.TrimSuffix(path, "-wal")
	}
	for name, target := range targets() {
		for _, step := range []CopyStep{CopyRows, ReadTo} {
			t.Run(name+" at "+string(step), func(t *testing.T) {
				opt := target(t)
				self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCopyKilled$") //nolint:gosec // this test
				self.Env = append(os.Environ(), envKilledFrom+"="+path, envKilledPath+"="+opt.Path, envKilledDSN+"="+opt.DSN,
					envKilledStep+"="+string(step))
				out, err := self.CombinedOutput()
				var exit *exec.ExitError
				require.ErrorAs(t, err, &exit, "%s", out)
				require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal(), "%s", out)

				again := openedAt(t, Options{Path: path})
				to := openedAt(t, opt)
				require.Eventually(t, func() bool { // the server has to notice that its client is gone
					_, err = Copy(t.Context(), again, to, CopyOptions{})
					return !errors.Is(err, ErrInUse)
				}, 30*time.Second, 20*time.Millisecond)
				require.NoError(t, err)
				assert.Equal(t, rowsIn(t, again), rowsIn(t, to))
			})
		}
	}
}

// killedCopy is the process that kills itself.
func killedCopy(t *testing.T, path string) {
	from := openedAt(t, Options{Path: path})
	to := openedAt(t, Options{Path: os.Getenv(envKilledPath), DSN: os.Getenv(envKilledDSN)})
	_, err := Copy(t.Context(), from, to, CopyOptions{Progress: func(p Progress) {
		if p.Step == CopyStep(os.Getenv(envKilledStep)) && p.Rows >= reportRow {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}})
	t.Fatalf("the copy lived on: %v", err)
}

func TestCopyWhileOthersWrite(t *testing.T) {
	dsn := postgresDSN(t)
	shared, lone := openedAt(t, Options{DSN: dsn}), opened(t)
	newFiller().fill(t, lone, "job_lease", 3)
	other, err := openPostgres(dsn, writes, 1)
	require.NoError(t, err)
	defer other.Close()
	writing, err := other.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = writing.ExecContext(t.Context(), "INSERT INTO security_session VALUES ('t', '{}', 1)")
	require.NoError(t, err)
	for _, pair := range [][2]*DB{{shared, lone}, {lone, shared}} {
		_, err = Copy(t.Context(), pair[0], pair[1], CopyOptions{})
		require.ErrorIs(t, err, ErrInUse)
	}
	require.NoError(t, writing.Rollback())
	_, err = Copy(t.Context(), lone, shared, CopyOptions{Seal: func(context.Context) error {
		_, err := other.ExecContext(t.Context(), "SET lock_timeout = 1; INSERT INTO security_session VALUES ('t', '{}', 1)")
		assert.ErrorContains(t, err, "lock timeout", "nobody writes while it is copied")
		return nil
	}})
	require.NoError(t, err)
}
