package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	// The drivers of the peers.
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/tests/postgrestest"
)

const (
	registeredPersons = 1_000_000
	claims            = 1_500
	claimRounds       = 3
	reads             = 2_000
)

// allocation measures how fast numbers are claimed, one after the other, each durable. The peer inserts the same rows into an equal table, each
// in a transaction of its own.
func allocation(ctx context.Context, _ options) []figure {
	onSQLite := figure{name: "ecpr-allocation/sqlite", goal: goal{atLeast: 0.5}}
	onPostgres := figure{name: "ecpr-allocation/postgres", goal: goal{atLeast: 0.5}}
	if dir, err := os.MkdirTemp("", "bench"); err != nil {
		onSQLite.err = err
	} else {
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "peer.db")
		onSQLite.allocate(ctx, sqlstore.Options{Path: filepath.Join(dir, "store.db")}, "sqlite",
			"file:"+file+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	}
	database, err := postgrestest.Start(ctx, postgrestest.Options{})
	if err != nil {
		onPostgres.err = err
		if missing(err) {
			onPostgres.goal = goal{}
		}
		return []figure{onSQLite, onPostgres}
	}
	defer database.Stop()
	onPostgres.allocate(ctx, sqlstore.Options{DSN: database.DSN}, "pgx", database.DSN)
	return []figure{onSQLite, onPostgres}
}

func (f *figure) allocate(ctx context.Context, opt sqlstore.Options, driver, dsn string) {
	ours, plain, err := claimBoth(ctx, opt, driver, dsn)
	if f.err = err; err != nil {
		return
	}
	f.value, f.peer, f.ratio = fmt.Sprintf("%.0f/s", ours), fmt.Sprintf("plain insert %.0f/s", plain), ours/plain
}

// claimBoth claims and inserts in turns, and returns the median of each in rows per second.
func claimBoth(ctx context.Context, opt sqlstore.Options, driver, dsn string) (ours, plain float64, err error) {
	store, err := sqlstore.Open(ctx, opt)
	if err != nil {
		return 0, 0, err
	}
	defer store.Close()
	peer, err := sql.Open(driver, dsn)
	if err != nil {
		return 0, 0, err
	}
	defer peer.Close()
	peer.SetMaxOpenConns(1)
	if _, err := peer.ExecContext(ctx, "CREATE TABLE plain_insert (number text NOT NULL PRIMARY KEY, claimed_at bigint NOT NULL)"); err != nil {
		return 0, 0, err
	}
	insert, err := peer.PrepareContext(ctx, "INSERT INTO plain_insert VALUES ($1, $2)")
	if err != nil {
		return 0, 0, err
	}
	ledger, now := store.Ledger(), time.Now()
	var rates [2][]float64
	for round := range claimRounds {
		series, err := ecpr.NewSeries(ecpr.BirthDate(fmt.Sprintf("19%02d-05-06", 50+round)), ecpr.Male, today())
		if err != nil {
			return 0, 0, err
		}
		for kind, do := range []func(n ecpr.Number) error{
			func(n ecpr.Number) error {
				claimed, err := ledger.Claim(ctx, n, now)
				if err == nil && !claimed {
					err = errors.New("a number was claimed before")
				}
				return err
			},
			func(n ecpr.Number) error {
				_, err := insert.ExecContext(ctx, n.Text(), now.UnixMicro())
				return err
			},
		} {
			started := time.Now()
			for i := range claims {
				if err := do(series.At(i * 7 % series.Space())); err != nil {
					return 0, 0, err
				}
			}
			rates[kind] = append(rates[kind], claims/time.Since(started).Seconds())
		}
	}
	slices.Sort(rates[0])
	slices.Sort(rates[1])
	return rates[0][claimRounds/2], rates[1][claimRounds/2], nil
}

// registered measures how long a registration takes to be found by its number, and by its name and birth date, among a million; and how long
// 2,000 rows of a register take to be read for a copy. The peers are a SELECT of one row by its primary key, and one of the same 2,000 rows.
func registered(ctx context.Context, _ options) []figure {
	get, search, page := figure{name: "ecpr-get"}, figure{name: "ecpr-search"}, figure{name: "skrs-page"}
	times, err := findAmong(ctx)
	if get.err, search.err, page.err = err, err, err; err != nil {
		return []figure{get, search, page}
	}
	point := "point SELECT " + micros(times.point)
	get.value, get.peer, get.ratio = micros(times.get), point, times.get/times.point
	search.value, search.peer, search.ratio = micros(times.search), point, times.search/times.point
	page.value, page.peer, page.ratio = millis(times.page), "SELECT "+millis(times.rows), times.page/times.rows
	return []figure{get, search, page}
}

// found are medians, in seconds.
type found struct{ get, search, point, page, rows float64 }

func findAmong(ctx context.Context) (f found, err error) {
	database, err := postgrestest.Start(ctx, postgrestest.Options{})
	if err != nil {
		return f, err
	}
	defer database.Stop()
	store, err := sqlstore.Open(ctx, sqlstore.Options{DSN: database.DSN})
	if err != nil {
		return f, err
	}
	defer store.Close()
	conn, err := pgx.Connect(ctx, database.DSN)
	if err != nil {
		return f, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, statement := range fillRegistrations() {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return f, fmt.Errorf("fill: %w", err)
		}
	}
	all := store.Persons()
	query := func(i int) (ecpr.Query, error) {
		return ecpr.ParseQuery(fmt.Sprintf("familyname:efternavn%d AND birthdate:1978-08-13", i%50_000))
	}
	if f.get, err = median(reads, func(i int) error {
		_, err := all.Get(ctx, ecpr.Identifier{OID: ecpr.XECPROID, Value: numberOf(i * 499 % registeredPersons)})
		return err
	}); err != nil {
		return f, err
	}
	if f.point, err = median(reads, func(i int) error {
		var id []byte
		return conn.QueryRow(ctx, "SELECT id FROM ecpr_person WHERE number = $1", numberOf(i*499%registeredPersons)).Scan(&id)
	}); err != nil {
		return f, err
	}
	if f.search, err = median(reads, func(i int) error {
		q, err := query(i * 131)
		if err != nil {
			return err
		}
		_, _, err = all.Search(ctx, q, 100)
		return err
	}); err != nil {
		return f, err
	}
	view := stamdata.View{Register: "ecpr2registeret", Datatype: "birthdate", Version: 1}
	if f.page, err = median(100, func(i int) error {
		rows, err := store.CopyRegister().Page(ctx, view, stamdata.Offset{Seconds: 1, PID: int64(i * 2000)}, 2000)
		if err == nil && len(rows) != 2000 {
			err = fmt.Errorf("a page has %d rows", len(rows))
		}
		return err
	}); err != nil {
		return f, err
	}
	f.rows, err = median(100, func(i int) error {
		rows, err := conn.Query(ctx, "SELECT pid, modified_s, row_key, valid_from, content FROM skrs_row WHERE view = $1 AND modified_s = 1 AND pid > $2 ORDER BY pid LIMIT 2000",
			"ecpr2registeret/birthdate/v1", i*2000)
		if err != nil {
			return err
		}
		defer rows.Close()
		n := 0
		for rows.Next() {
			var pid, modified, from int64
			var key, content string
			if err := rows.Scan(&pid, &modified, &key, &from, &content); err != nil {
				return err
			}
			n++
		}
		if n != 2000 {
			return fmt.Errorf("the SELECT has %d rows", n)
		}
		return rows.Err()
	})
	return f, err
}

// median is how long do takes, in seconds.
func median(n int, do func(i int) error) (float64, error) {
	times := make([]float64, n)
	for i := range n {
		started := time.Now()
		if err := do(i); err != nil {
			return 0, err
		}
		times[i] = time.Since(started).Seconds()
	}
	slices.Sort(times)
	return times[n/2], nil
}

// numberOf is the number of the i-th registration of fillRegistrations.
func numberOf(i int) string {
	return fmt.Sprintf("%02d%02d%02d1%c%c%d", i/6760%28+1, i/(6760*28)%12+1, i/(6760*28*12)+60, 'A'+i/260%26, 'A'+i/10%26, i%10)
}

// fillRegistrations are the statements that make a million registrations, each with a number, name, gender and birth date, and as many rows of
// a copy.
func fillRegistrations() []string {
	id := func(kind int) string {
		return fmt.Sprintf("decode(lpad(to_hex(i::bigint * 8 + %d), 32, '0'), 'hex')", kind)
	}
	number := `lpad((i/6760%28+1)::text, 2, '0') || lpad((i/(6760*28)%12+1)::text, 2, '0') || lpad((i/(6760*28*12)+60)::text, 2, '0') || '1' ||
		chr(65+i/260%26) || chr(65+i/10%26) || (i%10)`
	from := fmt.Sprintf("FROM generate_series(0, %d) AS i", registeredPersons-1)
	version := func(kind int, columns string) string {
		return "INSERT INTO ecpr_version SELECT " + id(kind) + ", " + id(0) + ", " + columns + ", 1700000000000000, NULL, " + id(7) + ", NULL " + from
	}
	word := func(field, word string) string {
		return "INSERT INTO ecpr_search SELECT " + id(0) + ", '" + field + "', " + word + " " + from
	}
	return []string{
		"INSERT INTO ecpr_person SELECT " + id(0) + ", " + number + ", NULL, 1, 1700000000000000, 1700000000000000 + i " + from,
		"INSERT INTO ecpr_alias SELECT " + number + ", " + id(0) + " " + from,
		version(1, "'identifier', '"+ecpr.XECPROID+"', "+number+", NULL"),
		version(2, `'name', NULL, NULL, '{"t":"Fornavn' || i % 1000 || ' Efternavn' || i % 50000 || '","f":"Efternavn' || i % 50000 || '","g":"Fornavn' || i % 1000 || '"}'`),
		version(3, "'gender', NULL, 'male', NULL"),
		version(4, "'birthdate', NULL, '1978-08-' || lpad((i%28+1)::text, 2, '0'), NULL"),
		word("g", "'fornavn' || i % 1000"), word("f", "'efternavn' || i % 50000"), word("x", "'male'"),
		word("b", "'1978-08-' || lpad((i%28+1)::text, 2, '0')"), word("b", "'08-' || lpad((i%28+1)::text, 2, '0')"),
		`INSERT INTO skrs_row SELECT i + 1, 'ecpr2registeret/birthdate/v1', 1, i::text, 1700000000000000,
			'["5b1f0a52-0c0e-4f0c-9d57-0f6a1f2d0004","0d9c6f1e-7a40-4f57-9a0e-6f3b5a3f0001","13","8","1978","2026-03-02T09:15:00.123Z",null]' ` + from,
		"ANALYZE",
	}
}

// today is the day in Copenhagen.
func today() calendar.Day { return calendar.DayOf(time.Now()) }
