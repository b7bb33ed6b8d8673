package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/tests/postgrestest"
)

const (
	importedRows   = 1_000_000
	importedMemory = 200 << 20
)

// stamdataImport measures how fast nspd loads a file of CPR persons into PostgreSQL, first all new and then with one row of a hundred changed,
// and its memory. The peer is one COPY of the same file into a table with the same columns and a primary key.
func stamdataImport(ctx context.Context, o options) []figure {
	speed := figure{name: "stamdata-import", goal: goal{atLeast: 0.2}}
	again := figure{name: "stamdata-import/again", goal: goal{atLeast: 0.2}}
	memory := figure{name: "stamdata-import/memory", goal: goal{atMost: 1}}
	run, err := imports(ctx, o)
	if missing(err) {
		speed.goal, again.goal, memory.goal = goal{}, goal{}, goal{}
	}
	if speed.err, again.err, memory.err = err, err, err; err != nil {
		return []figure{speed, again, memory}
	}
	peer := "COPY " + perSecond(importedRows/run.copied.Seconds())
	speed.value, speed.peer, speed.ratio = perSecond(importedRows/run.first.Seconds()), peer, run.copied.Seconds()/run.first.Seconds()
	again.value, again.peer, again.ratio = perSecond(importedRows/run.second.Seconds()), peer, run.copied.Seconds()/run.second.Seconds()
	memory.value, memory.peer, memory.ratio = mebibytes(run.peak), "limit "+mebibytes(importedMemory), float64(run.peak)/importedMemory
	return []figure{speed, again, memory}
}

// imported is what was measured; peak is in octets.
type imported struct {
	first, second, copied time.Duration
	peak                  int64
}

func imports(ctx context.Context, o options) (run imported, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return run, err
	}
	defer os.RemoveAll(dir)
	database, err := postgrestest.Start(ctx, postgrestest.Options{})
	if err != nil {
		return run, err
	}
	defer database.Stop()
	db, err := sqlstore.Open(ctx, sqlstore.Options{DSN: database.DSN})
	if err != nil {
		return run, err
	}
	if err := db.Close(); err != nil {
		return run, err
	}
	file, changed := filepath.Join(dir, "cpr-person.csv"), filepath.Join(dir, "changed", "cpr-person.csv")
	if err := os.Mkdir(filepath.Dir(changed), 0o700); err != nil {
		return run, err
	}
	for path, version := range map[string]int{file: 1, changed: 2} {
		if err := writePersons(path, version); err != nil {
			return run, err
		}
	}
	if run.copied, err = copyPersons(ctx, database.DSN, file); err != nil {
		return run, fmt.Errorf("copy: %w", err)
	}
	if run.first, run.peak, err = importFile(ctx, o, dir, database.DSN, file); err != nil {
		return run, err
	}
	var peak int64
	run.second, peak, err = importFile(ctx, o, dir, database.DSN, changed)
	run.peak = max(run.peak, peak)
	return run, err
}

// importFile has a process load a file.
func importFile(ctx context.Context, o options, dir, dsn, file string) (took time.Duration, peak int64, err error) {
	binary, err := filepath.Abs(o.nspd)
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.CommandContext(ctx, binary, "stamdata", "import", file)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "NSPD_STORE_DRIVER=postgres", "NSPD_STORE_DSN="+dsn, "NSPD_DATA_DIR="+filepath.Join(dir, "data"))
	started := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("import: %w\n%s", err, out)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peak = usage.Maxrss << 10
	}
	return time.Since(started), peak, nil
}

// writePersons writes a file of synthetic persons; one of a hundred differs between versions.
func writePersons(path string, version int) error {
	register, err := stamdata.RegisterNamed(stamdata.CPRPerson)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	var names []string
	for _, c := range register.Columns {
		names = append(names, c.Name)
	}
	fmt.Fprintln(w, strings.Join(names, ";"))
	born := time.Date(1930, 1, 2, 0, 0, 0, 0, time.UTC)
	for i := range importedRows {
		day := born.AddDate(0, 0, i/40)
		values := map[string]string{
			"cpr": day.Format("020106") + fmt.Sprintf("%04d", i%40*97+i%7), "status": "01", "statusDato": day.Format(time.DateOnly), "koen": "K",
			"fornavn": fmt.Sprint("Fornavn", i%1000), "efternavn": fmt.Sprint("Efternavn", i%5000), "vejnavn": fmt.Sprint("Prøvevej ", i%300),
			"husnummer": fmt.Sprint(i%99 + 1), "postnummer": "0900", "postdistrikt": "Testby", "foedselsdato": day.Format(time.DateOnly),
			"vejKode": "0012", "kommuneKode": "0101", "bynavn": "Testby",
		}
		if i%100 == 0 {
			values["coNavn"] = fmt.Sprint("Udgave ", version)
		}
		for j, name := range names {
			if j > 0 {
				w.WriteByte(';')
			}
			w.WriteString(values[name])
		}
		w.WriteByte('\n')
	}
	return w.Flush()
}

// copyPersons copies a file into a table of its columns.
func copyPersons(ctx context.Context, dsn, file string) (time.Duration, error) {
	register, err := stamdata.RegisterNamed(stamdata.CPRPerson)
	if err != nil {
		return 0, err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var columns []string
	for _, c := range register.Columns {
		columns = append(columns, `"`+c.Name+`" text COLLATE "C"`)
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE copied ("+strings.Join(columns, ", ")+", PRIMARY KEY (cpr))"); err != nil {
		return 0, err
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	started := time.Now()
	_, err = conn.PgConn().CopyFrom(ctx, bufio.NewReaderSize(f, 1<<20), "COPY copied FROM STDIN (FORMAT csv, DELIMITER ';', HEADER)")
	took := time.Since(started)
	if err == nil {
		_, err = conn.Exec(ctx, "DROP TABLE copied")
	}
	return took, err
}
