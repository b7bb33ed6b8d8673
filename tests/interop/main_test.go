package interop

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	_ "github.com/opennsp/nsp/bootstrap" // what the server runs: a change of it is a change of these tests
	"github.com/opennsp/nsp/tests/process"
)

// server is the one that all tests of the package talk to.
var server *process.Server

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("skipped: the server is a process of its own, which the race detector does not see")
		return
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary, err := process.Build(context.Background(), dir)
	if err != nil {
		return 1, err
	}
	// As if living wills could still be made: what is done with them is called too.
	options := process.Options{Dir: dir, Env: []string{"NSPD_WILLS_LTR_CLOSED_FROM=2999-01-01"}}
	if server, err = process.Run(context.Background(), binary, options); err != nil {
		return 1, err
	}
	defer server.Stop()
	return m.Run(), nil
}
