package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/opennsp/nsp/bootstrap"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/stamdata"
)

type stamdataCommand struct {
	Import stamdataImport `cmd:"" help:"Load register files into the store."`
	Export stamdataExport `cmd:"" help:"Write the registers of the store as files."`
	Status stamdataStatus `cmd:"" help:"Tell what was loaded, and when."`
}

type stamdataImport struct {
	sources
	Files []string `arg:"" help:"Files such as cpr-person.csv (all rows of the register) or cpr-person.delta.csv (some)." type:"existingfile"`
	Force bool     `help:"Load a file also if it was loaded before, or lacks so many rows that it may be broken."`
}

// Help says what the command does.
func (stamdataImport) Help() string {
	return `Each file is one transaction: all of it is loaded, or nothing and every bad line is named. The configuration is that of the servers. With
PostgreSQL they may run; with SQLite stop the server, or put the files into its folder stamdata.dir, which it looks into by itself.`
}

// Run loads the files.
func (c stamdataImport) Run(s streams) error {
	return onRegisters(c.sources, true, func(ctx context.Context, r *bootstrap.RegisterStore) error {
		var failed error
		for _, file := range c.Files {
			started, last := time.Now(), time.Now()
			report, err := r.Import(ctx, file, c.Force, func(rows int) {
				if now := time.Now(); now.Sub(last) >= progressInterval {
					last = now
					fmt.Fprintf(s.err, "%s: %d rows, %.0f rows/s\n", file, rows, float64(rows)/now.Sub(started).Seconds())
				}
			})
			var bad *stamdata.BadFile
			switch {
			case errors.As(err, &bad):
				for _, p := range bad.Problems {
					fmt.Fprintf(s.err, "%s:%d: %s\n", file, p.Line, p)
				}
				failed = errors.Join(failed, fmt.Errorf("%s: nothing was loaded: %d problems", file, len(bad.Problems)+bad.More))
			case err != nil:
				failed = errors.Join(failed, fmt.Errorf("%s: %w", file, err))
			default:
				printReport(s, report, time.Since(started))
			}
		}
		return failed
	})
}

func printReport(s streams, r stamdata.LoadReport, took time.Duration) {
	if r.Skipped {
		fmt.Fprintf(s.out, "%s: loaded before\n", r.File)
		return
	}
	fmt.Fprintf(s.out, "%s: %d rows in %s: %d new, %d changed, %d closed, %d as they were\n", r.File, r.Rows, took.Round(time.Millisecond), r.Added,
		r.Changed, r.Closed, r.Unchanged)
	for _, w := range r.Warnings {
		fmt.Fprintf(s.err, "%s: warning: %s\n", r.File, w)
	}
}

type stamdataExport struct {
	sources
	Dir      string   `help:"Folder of the files." default:"." type:"existingdir"`
	Register []string `help:"Only these registers, such as sor-enhed." placeholder:"NAME"`
}

// Run writes the files.
func (c stamdataExport) Run(s streams) error {
	wanted := stamdata.Registers()
	if len(c.Register) > 0 {
		wanted = nil
		for _, name := range c.Register {
			register, err := stamdata.RegisterNamed(name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			wanted = append(wanted, register)
		}
	}
	return onRegisters(c.sources, false, func(ctx context.Context, r *bootstrap.RegisterStore) error {
		for _, register := range wanted {
			rows, err := r.Export(ctx, register, c.Dir)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s.csv: %d rows\n", register.Name, rows)
		}
		return nil
	})
}

type stamdataStatus struct {
	sources
	Limit int `help:"Loads at most." default:"20"`
}

// Run prints the latest loads.
func (c stamdataStatus) Run(s streams) error {
	return onRegisters(c.sources, false, func(ctx context.Context, r *bootstrap.RegisterStore) error {
		loads, err := r.Loads(ctx, c.Limit)
		if err != nil {
			return err
		}
		if len(loads) == 0 {
			fmt.Fprintln(s.out, "Nothing was loaded.")
			return nil
		}
		table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "WHEN\tFILE\tROWS\tNEW\tCHANGED\tCLOSED")
		for _, l := range loads {
			fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\n", l.At.In(calendar.Location()).Format(time.DateTime), l.File, l.Rows, l.Added, l.Changed, l.Closed)
		}
		return table.Flush()
	})
}

// onRegisters runs work, which loads or only reads, on the registers of the configuration's store, until it is interrupted.
func onRegisters(from sources, loads bool, work func(context.Context, *bootstrap.RegisterStore) error) error {
	cfg, err := from.load()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	registers, closeRegisters, err := cfg.Registers(ctx, loads)
	if err != nil {
		return err
	}
	return errors.Join(work(ctx, registers), closeRegisters())
}
