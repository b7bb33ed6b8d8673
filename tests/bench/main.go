// Command bench prints the project's figures of speed and memory, each as a ratio to a peer or a limit measured in the same run: a bare time
// says more about the machine than about the program.
//
// One line a figure: name, value, peer, ratio, goal, ok or short. It exits 1 when a figure is below half of its goal or could not be
// measured although it has one. Run it with make bench, or BENCH=regexp make bench for some.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"
)

// bench measures one or more figures that belong together.
type bench struct {
	name string
	run  func(ctx context.Context, o options) []figure
}

// options are what a bench may need.
type options struct {
	nspd string // the binary to measure as a process

	// Of minlog-mixed.
	rows   int           // of its store
	dir    string        // of its PostgreSQL, which stays; "" = a temporary one
	during time.Duration // of one measurement
}

func benches() []bench {
	return []bench{
		{"dgws-verify", dgwsVerify},
		{"idws-verify", idwsVerify},
		{"hostile", hostile},
		{"http", overHTTP},
		{"bulk-decode", bulkDecode},
		{"registration", registration},
		{"consumer", consumer},
		{"front", front},
		{"minlog-mixed", mixed},
		{"stamdata-import", stamdataImport},
		{"ecpr-allocation", allocation},
		{"ecpr-read", registered},
		{"consent-check", consentCheck},
		{"consent-http", consentHTTP},
		{"wills", wills},
		{"nas-beside-cxf", besideCXF},
		{"nas-poll", nasPoll},
		{"nas-T40", nasCatchUp},
		{"nas-notify", nasNotify},
		{"nas-crowd", nasCrowd},
	}
}

func main() {
	choose := flag.String("select", ".", "only figures whose name matches this expression")
	nspd := flag.String("nspd", "bin/nspd", "the binary")
	kind := flag.String("serve", "", "be one of the servers that are compared over HTTP")
	dir := flag.String("dir", "", "the folder of that server")
	rows := flag.Int("rows", 200_000, "registrations in the store of minlog-mixed")
	postgres := flag.String("postgres", "", "folder of the PostgreSQL of minlog-mixed, which stays; none: a temporary one")
	during := flag.Duration("during", 2*time.Second, "how long each measurement of minlog-mixed lasts")
	flag.Parse()
	if *kind != "" {
		fmt.Fprintln(os.Stderr, "bench:", be(context.Background(), *kind, *dir))
		os.Exit(1)
	}
	pattern, err := regexp.Compile(*choose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	good := run(ctx, benches(), pattern, options{nspd: *nspd, rows: *rows, dir: *postgres, during: *during})
	stop()
	if !good {
		os.Exit(1)
	}
}

// run prints the chosen figures and tells whether none is below half of its goal.
func run(ctx context.Context, all []bench, pattern *regexp.Regexp, o options) (good bool) {
	good = true
	for _, b := range all {
		if !pattern.MatchString(b.name) || ctx.Err() != nil {
			continue
		}
		for _, f := range b.run(ctx, o) {
			fmt.Println(f)
			if f.goal != (goal{}) && (f.err != nil || !f.goal.halfMet(f.ratio)) {
				good = false
			}
		}
	}
	return good && ctx.Err() == nil
}
