// Command growth measures how the store of registrations on PostgreSQL behaves as it grows: how long a citizen's lookup takes and how large a
// row is, for several numbers of rows, and from that for a billion.
//
//	go run ./tests/growth -rows 200000,2000000,20000000 [-dsn postgres://… | -dir folder] [-during 10s]
//
// Without -dsn it starts a server of its own, which ends with it, in a folder on a disk: a row takes a kilobyte. A server that is named, and one
// in a folder that is named, keep the databases growth_<rows>: an interrupted run goes on with the months that are missing. The role of the DSN
// must be allowed to create databases.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/opennsp/nsp/tests/minlogtest"
	"github.com/opennsp/nsp/tests/postgrestest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// goal is how many times as long the newest 50 may take in the largest store as in the smallest.
const goal = 1.5

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("growth", flag.ContinueOnError)
	sizes := flags.String("rows", "200000,2000000,20000000", "numbers of rows, the smallest first")
	dsn := flags.String("dsn", "", "PostgreSQL to use; none: one of its own")
	dir := flags.String("dir", "", "folder of the server of its own, which stays; none: a temporary one")
	during := flags.Duration("during", 10*time.Second, "how long each measurement lasts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var rows []int
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < minlogtest.LeastRows {
			return fmt.Errorf("-rows: numbers of at least %d", minlogtest.LeastRows)
		}
		rows = append(rows, n)
	}
	if *dsn == "" {
		if *dir == "" {
			var err error
			if *dir, err = os.MkdirTemp("", "growth-"); err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(*dir) }()
		}
		server, err := postgrestest.Start(ctx, postgrestest.Options{Dir: *dir, Settings: map[string]string{
			"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "maintenance_work_mem": "256MB",
		}})
		if err != nil {
			return err
		}
		defer server.Stop()
		*dsn = server.DSN
	}
	var results []result
	for _, n := range rows {
		r, err := measure(ctx, *dsn, n, *during, progress)
		if err != nil {
			return fmt.Errorf("%d rows: %w", n, err)
		}
		results = append(results, r)
		fmt.Fprintln(out, r)
	}
	report(out, results)
	return nil
}

// measure fills a store with n rows and measures it.
func measure(ctx context.Context, server string, n int, during time.Duration, progress io.Writer) (r result, err error) {
	dsn, err := minlogtest.Create(ctx, server, n)
	if err != nil {
		return r, err
	}
	s, err := minlogtest.Open(ctx, dsn, n, time.Now())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.DB.Close()) }()
	r = result{rows: n, persons: s.Persons()}
	if r.filled, err = s.Fill(ctx, progress); err != nil {
		return r, fmt.Errorf("fill: %w", err)
	}
	if r.tableBytes, r.indexBytes, err = s.Size(ctx); err != nil {
		return r, err
	}
	if _, err = closedLoop(ctx, s, during/5); err != nil { // what is read often comes into memory
		return r, err
	}
	if r.most, err = closedLoop(ctx, s, during); err != nil {
		return r, err
	}
	r.half, err = openLoop(ctx, s, r.most.perSecond/2, during)
	return r, err
}

// result is what was measured of one size.
type result struct {
	rows, persons          int
	filled                 float64 // rows/s
	tableBytes, indexBytes int64
	most, half             latencies
}

func (r result) perRow() float64 { return float64(r.tableBytes+r.indexBytes) / float64(r.rows) }

func (r result) String() string {
	return fmt.Sprintf("%11d rows of %d persons, filled at %.0f rows/s; %.0f B a row, of which indexes %.0f\n"+
		"  newest 50 of a citizen, as many as possible: %s\n  newest 50 of a citizen, at half of that:      %s",
		r.rows, r.persons, r.filled, r.perRow(), float64(r.indexBytes)/float64(r.rows), r.most, r.half)
}

// report compares the largest store with the smallest, and goes on along the line between them: an index is searched in steps whose number
// grows with the logarithm of the rows.
func report(out io.Writer, results []result) {
	first, last := results[0], results[len(results)-1]
	if first.rows == last.rows {
		return
	}
	const billion = 1e9
	ratio := float64(last.half.p50) / float64(first.half.p50)
	verdict := "ok"
	if ratio > goal {
		verdict = "short"
	}
	fmt.Fprintf(out, "p50 of %d rows / p50 of %d rows = %.2f, goal ≤ %.1f: %s\n", last.rows, first.rows, ratio, goal, verdict)
	slope := float64(max(0, last.half.p50-first.half.p50)) / math.Log10(float64(last.rows)/float64(first.rows))
	p50 := float64(last.half.p50) + slope*math.Log10(billion/float64(last.rows))
	fmt.Fprintf(out, "1 billion rows, by the slope: p50 %.2f ms, %.2f TB\n", p50/1e6, last.perRow()*billion/1e12)
}
