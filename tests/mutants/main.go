// Command mutants puts faults into the source, one at a time, and tells whether the test named for it goes red.
//
// A guarantee whose removal no test notices is no guarantee. Run it with make mutants, or MUTANT=regexp make mutants for some.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	folder := flag.String("folder", "tests/mutants", "where the mutants lie")
	choose := flag.String("mutant", "", "only mutants whose name matches this expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	survived, err := run(ctx, *folder, *choose)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	if survived > 0 {
		os.Exit(1)
	}
}

// run tries the chosen mutants and returns how many were not killed.
func run(ctx context.Context, folder, choose string) (survived int, err error) {
	pattern, err := regexp.Compile(choose)
	if err != nil {
		return 0, err
	}
	mutants, err := readAll(folder)
	if err != nil {
		return 0, err
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return 0, err
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(temp)
	r := runner{root: root, temp: temp}
	sound, tried, killed := map[string]error{}, 0, 0
	for _, m := range mutants {
		if !pattern.MatchString(m.name) || ctx.Err() != nil {
			continue
		}
		tried++
		started := time.Now()
		test := m.pkg + " " + m.test
		if _, known := sound[test]; !known {
			sound[test] = r.sound(ctx, m)
		}
		verdict, detail := "SURVIVED", ""
		if err := sound[test]; err != nil {
			verdict, detail = "ERROR", "\n"+err.Error()
		} else if ok, err := r.try(ctx, m); err != nil {
			verdict, detail = "ERROR", "\n"+err.Error()
		} else if ok {
			verdict = "killed"
			killed++
		}
		fmt.Printf("%-8s %-36s %5.1fs  %s%s\n", verdict, m.name, time.Since(started).Seconds(), m.law, detail)
	}
	fmt.Printf("%d of %d killed\n", killed, tried)
	if tried == 0 {
		return 0, fmt.Errorf("no mutant matches %q", choose)
	}
	return tried - killed, ctx.Err()
}
