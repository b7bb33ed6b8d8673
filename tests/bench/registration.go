package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/tests/minlogtest"
	"github.com/opennsp/nsp/tests/process"
)

const (
	senders     = 64
	bulksEach   = 4
	bulkSize    = 500
	totalRows   = senders * bulksEach * bulkSize
	persons     = 20_000
	memoryLimit = 200 << 20
)

// registration measures how fast a server takes registrations that 64 clients send in bulks of 500, while it also consumes them, how fast it
// takes and consumes them, and how much memory that takes. The peer inserts the same rows into the same table, in a transaction for each 500, and does nothing else.
func registration(ctx context.Context, o options) []figure {
	speed := figure{name: "registration", goal: goal{atLeast: 0.3}}
	through := figure{name: "registration/consumed", goal: goal{atLeast: 0.3}}
	memory := figure{name: "registration/memory", goal: goal{atMost: 1}}
	before, err := plainInserts(ctx)
	var run served
	if err == nil {
		run, err = serve(ctx, o.nspd)
	}
	var after float64
	if err == nil {
		after, err = plainInserts(ctx)
	}
	if speed.err, through.err, memory.err = err, err, err; err != nil {
		return []figure{speed, through, memory}
	}
	plain := (before + after) / 2
	peer := "batched insert " + perSecond(plain)
	speed.value, speed.peer, speed.ratio = perSecond(run.taken), peer, run.taken/plain
	through.value, through.peer, through.ratio = perSecond(run.consumed), peer, run.consumed/plain
	memory.value, memory.peer, memory.ratio = mebibytes(run.peak), "limit "+mebibytes(memoryLimit), float64(run.peak)/memoryLimit
	return []figure{speed, through, memory}
}

func perSecond(rate float64) string { return fmt.Sprintf("%.0f rows/s", rate) }
func mebibytes(n int64) string      { return fmt.Sprintf("%d MiB", n>>20) }

// served is what was measured of a server: entries per second that it acknowledged, and that were in the store at the end, and the peak of its
// memory in octets.
type served struct {
	taken, consumed float64
	peak            int64
}

// serve starts the server and sends it totalRows entries.
func serve(ctx context.Context, nspd string) (run served, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return run, err
	}
	defer os.RemoveAll(dir)
	server, err := process.Start(ctx, nspd, dir)
	if err != nil {
		return run, err
	}
	defer server.Kill()
	client, err := server.Client(ctx, "epj")
	if err != nil {
		return run, err
	}
	bodies := make([][]byte, senders*bulksEach)
	for i := range bodies {
		bodies[i] = process.Body(entries(i))
	}
	errs := make([]error, senders)
	var clients sync.WaitGroup
	started := time.Now()
	for s := range senders {
		clients.Go(func() {
			for b := s * bulksEach; b < (s+1)*bulksEach && errs[s] == nil; b++ {
				added, err := client.Register(ctx, fmt.Sprintf("bench-%d", b), bodies[b])
				if err == nil && added != bulkSize {
					err = fmt.Errorf("%d of %d entries were added", added, bulkSize)
				}
				errs[s] = err
			}
		})
	}
	clients.Wait()
	run.taken = totalRows / time.Since(started).Seconds()
	if err := errors.Join(errs...); err != nil {
		return run, err
	}
	if err := server.Consumed(ctx); err != nil {
		return run, err
	}
	run.consumed = totalRows / time.Since(started).Seconds()
	run.peak, err = server.PeakMemory()
	return run, err
}

// entries returns bulk b, about persons of whom no real one has the number.
func entries(b int) []process.Entry {
	now := time.Now()
	bulk := make([]process.Entry, bulkSize)
	for i := range bulk {
		n := b*bulkSize + i
		bulk[i] = process.Entry{
			Person: minlogtest.Nobody(n * 7919 % persons), CorrelationID: fmt.Sprintf("c-%d", n), Sequence: fmt.Sprint(n), At: now.Add(-time.Duration(n) * time.Millisecond),
		}
	}
	return bulk
}

// plainInserts returns the rows per second of inserting totalRows rows into a new database.
func plainInserts(ctx context.Context) (float64, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "store.db")
	store, err := sqlstore.Open(ctx, sqlstore.Options{Path: path}) // makes the tables
	if err != nil {
		return 0, err
	}
	if err := store.Close(); err != nil {
		return 0, err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	const columns = 12
	insert := "INSERT INTO minlog_entry VALUES " + strings.TrimSuffix(strings.Repeat("("+strings.TrimSuffix(strings.Repeat("?,", columns), ",")+"),", bulkSize), ",")
	batches := make([][]any, totalRows/bulkSize)
	for b := range batches {
		batches[b] = make([]any, 0, bulkSize*columns)
		for _, e := range entries(b) {
			id := sha256.Sum256([]byte(e.CorrelationID))
			at := e.At.UnixMicro()
			batches[b] = append(batches[b], "CPR:"+e.Person, at, id[:16], at, "Autorisation:TST01", "FMK", "99999901", "Test", "m", "20250312", at, document(e))
		}
	}
	started := time.Now()
	for _, args := range batches {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, err
		}
		if _, err := tx.ExecContext(ctx, insert, args...); err != nil {
			return 0, errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return 0, err
		}
	}
	return totalRows / time.Since(started).Seconds(), nil
}

// document is an entry as the store keeps it.
func document(e process.Entry) string {
	at := e.At.UTC().Format(time.RFC3339Nano)
	return `{"source":{"correlationId":"s-4711","system":"Praksis-A"},"system":"FMK","activity":"Opslag på medicinkort","addition":"Ingen","from":"` + at + `","to":"` + at +
		`","org":{"source":"SOR","id":"999000000000001"},"orgName":"Testklinikken","person":{"source":"CPR","id":"` + e.Person + `"},"correlationId":"` + e.CorrelationID +
		`","sequenceNumber":"` + e.Sequence + `","user":{"source":"CPR","id":"0505851111"},"userRole":"Sygeplejerske","behalf":{"source":"Autorisation","id":"TST01"}}`
}
