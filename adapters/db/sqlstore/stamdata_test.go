package sqlstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/stamdata"
)

// synthetic is the number of the i-th of many persons: of the years 1900 to 1999, each fourth day of the year at most.
func synthetic(i int) string {
	day, month, year, serial := i%28+1, i/28%12+1, i/28/12%100, i/28/12/100
	return fmt.Sprintf("%02d%02d%02d%04d", day, month, year, serial)
}

// manyPersons is a full file of the first n of many persons, of whom each that changed tells says something else than usual.
func manyPersons(n int, changed func(i int) bool) stamdata.File {
	r := registerNamed(stamdata.CPRPerson)
	return stamdata.File{Name: "cpr-person.csv", Register: r.Register, Full: true, SHA256: someSum(), Rows: func(yield func(stamdata.Line, error) bool) {
		for i := range n {
			row := make(stamdata.Row, len(r.Columns))
			for c, value := range map[string]string{"cpr": synthetic(i), "status": "01", "statusDato": "1999-01-01", "koen": "K", "fornavn": "Prøve", "efternavn": fmt.Sprint("Testesen ", i),
				"vejnavn": "Prøvevej", "husnummer": "1", "postnummer": "0900", "postdistrikt": "Testby", "foedselsdato": "1950-02-03", "vejKode": "0001", "kommuneKode": "0101"} {
				row[r.Column(c)] = value
			}
			if changed != nil && changed(i) {
				row[r.Column("fornavn")] = "Ny"
			}
			if !yield(stamdata.Line{Number: i + 2, Row: row}, nil) {
				return
			}
		}
	}}
}

var sums atomic.Int64 // of files, none of which is there twice

func someSum() [32]byte { return sha256.Sum256(fmt.Append(nil, sums.Add(1))) }

func TestLargeLoad(t *testing.T) {
	if os.Getenv("OPENNSP_TEST_LARGE") != "1" {
		t.Skip("OPENNSP_TEST_LARGE is not 1")
	}
	n := 1_000_000
	ctx := context.Background()
	for name, db := range map[string]*DB{"postgres": openedPostgres(t, postgresDSN(t)), "sqlite": opened(t)} {
		t.Run(name, func(t *testing.T) {
			for _, step := range []struct {
				name string
				f    stamdata.File
			}{{"first", manyPersons(n, nil)}, {"same", manyPersons(n, nil)}, {"1%", manyPersons(n, func(i int) bool { return i%100 == 0 })}} {
				began := time.Now()
				report, err := db.Stamdata().Load(ctx, step.f, 0.1, time.Now())
				require.NoError(t, err)
				t.Logf("%s: %.2f s %+v", step.name, time.Since(began).Seconds(), report)
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				t.Logf("sys %d MB", m.Sys>>20)
			}
		})
	}
}
