package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"github.com/opennsp/nsp/bootstrap"
)

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// leave is what kong's help ends the program with.
type leave int

// run carries out a command line and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			exit, ok := p.(leave)
			if !ok {
				panic(p)
			}
			code = int(exit)
		}
	}()
	var cli commands
	parser, err := kong.New(&cli, append(options(), kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(leave(code)) }))...)
	if err != nil {
		fmt.Fprintln(stderr, "nspd:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		var wrong *kong.ParseError
		if errors.As(err, &wrong) {
			_ = wrong.Context.PrintUsage(true)
		}
		fmt.Fprintln(stderr, "nspd:", err)
		return exitUsage
	}
	if err := parsed.Run(streams{stdin, stdout, stderr}); err != nil {
		fmt.Fprintln(stderr, "nspd:", err)
		return bootstrap.ExitCode(err)
	}
	return bootstrap.ExitOK
}
