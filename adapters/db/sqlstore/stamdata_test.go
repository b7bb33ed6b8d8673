package sqlstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
)

// synthetic is the number of the i-th of many persons, in no order.
func synthetic(i int) string {
	return fmt.Sprintf("%02d%02d%02d%04d", i%28+1, i/28%12+1, i/28/12%100, i/28/12/100)
}

// manyPersons is a full file of the first n of many persons, of whom every one that is a multiple of other, unless it is 0, has another name.
func manyPersons(n, other int) stamdata.File {
	r := registerNamed(stamdata.CPRPerson).Register
	given, surname, district := r.Column("fornavn"), r.Column("efternavn"), r.Column("postdistrikt")
	return stamdata.File{Name: "cpr-person.csv", Register: r, Full: true, SHA256: sha256.Sum256(fmt.Append(nil, n, other)),
		Rows: func(yield func(stamdata.Line, error) bool) {
			for i := range n {
				row := make(stamdata.Row, len(r.Columns))
				row[0], row[1], row[given], row[surname], row[district] = synthetic(i), "01", "Prøve", "Testesen "+strconv.Itoa(i), "Testby"
				if other > 0 && i%other == 0 {
					row[given] = "Ny"
				}
				if !yield(stamdata.Line{Number: i + 2, Row: row}, nil) {
					return
				}
			}
		}}
}

// meanwhile is f, which calls do before line n.
func meanwhile(f stamdata.File, n int, do func() error) stamdata.File {
	rows := f.Rows
	f.Rows = func(yield func(stamdata.Line, error) bool) {
		for line, err := range rows {
			if line.Number == n {
				if err := do(); err != nil {
					yield(stamdata.Line{}, err)
					return
				}
			}
			if !yield(line, err) {
				return
			}
		}
	}
	return f
}

// requireLoaded requires that the register has n persons, and that loads are told of.
func requireLoaded(t testing.TB, db *DB, n, loads int) {
	t.Helper()
	rows, _, err := side{db, db.reading.pool}.first(context.Background(), "SELECT count(*) FROM cpr_person WHERE valid_to IS NULL")
	require.NoError(t, err)
	require.Equal(t, n, int(rows))
	reports, err := db.Stamdata().Loads(context.Background(), 10)
	require.NoError(t, err)
	require.Len(t, reports, loads)
}

func stamdataEngines(t *testing.T) map[string]*DB {
	return map[string]*DB{"sqlite": opened(t), "postgres": openedPostgres(t, postgresDSN(t))}
}

func TestLoadHoldsNobodyUp(t *testing.T) {
	for name, db := range stamdataEngines(t) {
		t.Run("while lines are read others read the old rows, and write: "+name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			n, err := cpr.Parse(synthetic(0))
			require.NoError(t, err)
			given := func() string {
				c, err := db.Register().Citizen(ctx, n)
				require.NoError(t, err)
				return c.Name.Given
			}
			_, err = db.Stamdata().Load(ctx, manyPersons(2*stageTurn, 0), 1, start)
			require.NoError(t, err)
			report, err := db.Stamdata().Load(ctx, meanwhile(manyPersons(2*stageTurn, 2), stageTurn+stageTurn/2, func() error {
				assert.Equal(t, "Prøve", given())
				return db.Sessions().Put(ctx, [32]byte{1}, identity.Caller{}, start.Add(time.Hour))
			}), 1, start)
			require.NoError(t, err)
			assert.Equal(t, stageTurn, report.Changed)
			assert.Equal(t, "Ny", given())
		})
	}
}

func TestLoadThatEndsHalfway(t *testing.T) {
	errTest := errors.New("the file broke")
	for name, db := range stamdataEngines(t) {
		for what, load := range map[string]func(ctx context.Context, stop func()) (stamdata.LoadReport, error){
			"the file breaks": func(ctx context.Context, _ func()) (stamdata.LoadReport, error) {
				return db.Stamdata().Load(ctx, meanwhile(manyPersons(3000, 0), 2500, func() error { return errTest }), 1, start)
			},
			"the caller goes away": func(ctx context.Context, stop func()) (stamdata.LoadReport, error) {
				return db.Stamdata().Load(ctx, meanwhile(manyPersons(3000, 0), 2500, func() error { stop(); return nil }), 1, start)
			},
			"the caller goes away later": func(ctx context.Context, stop func()) (stamdata.LoadReport, error) {
				db.observe = func(text string) {
					if strings.HasPrefix(text, "INSERT INTO cpr_person") {
						stop()
					}
				}
				defer func() { db.observe = nil }()
				return db.Stamdata().Load(ctx, manyPersons(3000, 0), 1, start)
			},
		} {
			t.Run(what+": nothing is left, and the file can be loaded: "+name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				_, err := load(ctx, cancel)
				require.Error(t, err)
				requireLoaded(t, db, 0, 0)
				require.ErrorIs(t, err, map[bool]error{true: errTest, false: context.Canceled}[ctx.Err() == nil])
			})
		}
		report, err := db.Stamdata().Load(t.Context(), manyPersons(3000, 0), 1, start)
		require.NoError(t, err)
		assert.Equal(t, 3000, report.Added)
		requireLoaded(t, db, 3000, 1)
	}
}

// What tells the test's own process, started again, where to load, and before which statement to kill itself.
const envLoadPath, envLoadDSN, envLoadKill = "LOAD_PATH", "LOAD_DSN", "LOAD_KILL"

func TestLoadKilled(t *testing.T) {
	skipIfShort(t)
	if statement := os.Getenv(envLoadKill); statement != "" {
		db := openedAt(t, Options{Path: os.Getenv(envLoadPath), DSN: os.Getenv(envLoadDSN)})
		db.observe = func(text string) {
			if strings.HasPrefix(text, statement) {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		}
		_, err := db.Stamdata().Load(t.Context(), manyPersons(3000, 2), 1, start)
		t.Fatalf("the load lived on: %v", err)
	}
	for name, target := range targets() {
		opt := target(t)
		db, err := Open(t.Context(), opt)
		require.NoError(t, err)
		_, err = db.Stamdata().Load(t.Context(), manyPersons(3000, 0), 1, start)
		require.NoError(t, err)
		require.NoError(t, db.Close())
		for _, statement := range []string{"INSERT INTO cpr_person", "INSERT INTO stamdata_load"} {
			t.Run("what a load did that was killed is gone: "+statement+", "+name, func(t *testing.T) {
				self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLoadKilled$") //nolint:gosec // this test
				self.Env = append(os.Environ(), envLoadPath+"="+opt.Path, envLoadDSN+"="+opt.DSN, envLoadKill+"="+statement)
				out, err := self.CombinedOutput()
				var exit *exec.ExitError
				require.ErrorAs(t, err, &exit, "%s", out)
				require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal(), "%s", out)
				again := openedAt(t, opt)
				requireLoaded(t, again, 3000, 1)
				changed, _, err := side{again, again.reading.pool}.first(t.Context(), "SELECT count(*) FROM cpr_person WHERE fornavn = 'Ny' OR valid_to IS NOT NULL")
				require.NoError(t, err)
				assert.Zero(t, changed)
			})
		}
		again := openedAt(t, opt)
		report, err := again.Stamdata().Load(t.Context(), manyPersons(3000, 2), 1, start)
		require.NoError(t, err, "who waits for the lock of one that died gets it")
		assert.Equal(t, 1500, report.Changed)
	}
}

// A copied store goes on where the other one was.
func TestCopyOfRegisters(t *testing.T) {
	from := opened(t)
	for _, other := range []int{0, 10} {
		_, err := from.Stamdata().Load(t.Context(), manyPersons(100, other), 1, start)
		require.NoError(t, err)
	}
	view, _ := stamdata.CPRViewOf(stamdata.CPRPerson)
	last := func(db *DB) (stamdata.Offset, int) {
		page, err := db.cprPage(t.Context(), view, stamdata.Offset{}, 1000)
		require.NoError(t, err)
		return page[len(page)-1].Offset(), len(page)
	}
	was, n := last(from)
	assert.Equal(t, 110, n)
	for name, target := range targets() {
		t.Run(name, func(t *testing.T) {
			to := openedAt(t, target(t))
			_, err := Copy(t.Context(), from, to, CopyOptions{})
			require.NoError(t, err)
			at, n := last(to)
			assert.Equal(t, was, at)
			assert.Equal(t, 110, n)
			report, err := to.Stamdata().Load(t.Context(), manyPersons(100, 10), 1, start)
			require.NoError(t, err)
			assert.True(t, report.Skipped)
			report, err = to.Stamdata().Load(t.Context(), manyPersons(100, 1), 1, start)
			require.NoError(t, err)
			assert.Equal(t, 90, report.Changed)
			assert.Equal(t, 10, report.Unchanged)
			next, n := last(to)
			assert.Equal(t, 200, n)
			assert.Equal(t, was.PID+180, next.PID, "90 closed and 90 new")
		})
	}
}

func TestLoadTakesNoPlaceForWhatIsAsItWas(t *testing.T) {
	for name, db := range stamdataEngines(t) {
		t.Run(name, func(t *testing.T) {
			view, _ := stamdata.CPRViewOf(stamdata.CPRPerson)
			for i, want := range []struct{ changed, pid int }{{0, 101}, {0, 101}, {10, 121}} { // lines begin at 2
				f := manyPersons(100, []int{0, 0, 10}[i])
				f.Force = true
				report, err := db.Stamdata().Load(t.Context(), f, 1, start)
				require.NoError(t, err)
				assert.Equal(t, want.changed, report.Changed)
				page, err := db.cprPage(t.Context(), view, stamdata.Offset{}, 1000)
				require.NoError(t, err)
				assert.Equal(t, int64(want.pid), page[len(page)-1].PID)
			}
		})
	}
}

// TestLargeLoad tells how long a million persons take, and that their number takes no memory.
func TestLargeLoad(t *testing.T) {
	if os.Getenv("OPENNSP_TEST_LARGE") != "1" {
		t.Skip("OPENNSP_TEST_LARGE is not 1")
	}
	for name, db := range stamdataEngines(t) {
		t.Run(name, func(t *testing.T) {
			for _, other := range []int{0, 100} {
				began := time.Now()
				report, err := db.Stamdata().Load(t.Context(), manyPersons(1_000_000, other), 1, start)
				require.NoError(t, err)
				t.Logf("%.1f s, %d added, %d changed", time.Since(began).Seconds(), report.Added, report.Changed)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			assert.Less(t, m.Sys>>20, uint64(200), "MiB that were ever asked for")
		})
	}
}

func TestLoadLosesItsConnection(t *testing.T) {
	dsn := postgresDSN(t)
	db := openedPostgres(t, dsn)
	other, err := openPostgres(dsn, writes, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	_, err = db.Stamdata().Load(t.Context(), meanwhile(manyPersons(200_000, 0), 3000, func() error {
		_, err := other.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY pg_temp%' AND pid <> pg_backend_pid()")
		return err
	}), 1, start)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	requireLoaded(t, db, 0, 0)
	_, err = db.Stamdata().Load(t.Context(), manyPersons(3000, 0), 1, start)
	require.NoError(t, err)
	requireLoaded(t, db, 3000, 1)
}
