// Command realservers runs a command with a PostgreSQL and an Apache Kafka beside it, for all tests of a run to share:
//
//	go run ./tests/realservers go test ./...
//
// The command starts at once, and the servers while it compiles: it finds them by OPENNSP_TEST_POSTGRES and OPENNSP_TEST_KAFKA and waits for
// them where it needs them. A variable that is set already is left alone. What cannot be started is named and its variable left out. The
// command's temporary files are in memory where there is enough: a sync costs nothing there.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/opennsp/nsp/tests/child"
	"github.com/opennsp/nsp/tests/kafkatest"
	"github.com/opennsp/nsp/tests/postgrestest"
)

// The ports that are taken where they are free: with the same addresses the go command knows the results of unchanged packages.
const (
	postgresPort = 15432
	kafkaPort    = 19092
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: realservers command …")
		os.Exit(2)
	}
	code, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "realservers:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// server is one that is being started.
type server struct {
	started chan error // gets one value
	stop    func()     // after started
}

func run(args []string) (code int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }

	folder, err := child.TempFolder("opennsp-test")
	if err != nil {
		return 1, err
	}
	if folder != nil {
		defer folder.Remove()
		// What the go command builds is too large for it.
		cmd.Env = append(cmd.Env, "TMPDIR="+folder.Path, "GOTMPDIR="+cmp.Or(os.Getenv("GOTMPDIR"), os.TempDir()))
	}

	var servers []server
	for _, begin := range []func(context.Context) (string, server, error){postgres, kafka} {
		variable, s, err := begin(ctx)
		if err != nil {
			fmt.Fprintln(os.Stderr, "not installed, its tests are skipped:", err)
			continue
		}
		if variable != "" {
			cmd.Env = append(cmd.Env, variable)
			servers = append(servers, s)
		}
	}
	// Ctrl-C reaches the command too, which ends by itself.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)

	ended := make(chan error, 1)
	failed := make(chan error, len(servers))
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	go func() { ended <- cmd.Wait() }()
	for _, s := range servers {
		go func() { failed <- <-s.started }()
	}
	waiting, broken := len(servers), error(nil)
	var commandErr error
	for running := true; running; {
		select {
		case err := <-failed:
			waiting--
			if err != nil { // the tests would wait for it
				broken = errors.Join(broken, err)
				cancel()
			}
		case sig := <-signals:
			if sig == syscall.SIGTERM {
				cancel()
			}
		case commandErr = <-ended:
			running = false
		}
	}
	cancel()
	for ; waiting > 0; waiting-- {
		<-failed
	}
	for _, s := range servers {
		s.stop()
	}
	var exit *exec.ExitError
	if errors.As(commandErr, &exit) {
		return max(exit.ExitCode(), 1), broken
	}
	return 0, errors.Join(commandErr, broken)
}

// port returns the wanted one, or another where it is taken.
func port(wanted int) (int, error) {
	if child.PortFree(wanted) {
		return wanted, nil
	}
	return child.FreePort()
}

// postgres begins to start a PostgreSQL and returns the variable that tells where.
func postgres(ctx context.Context) (variable string, s server, err error) {
	if os.Getenv(postgrestest.Env) != "" {
		return "", s, nil
	}
	if err := postgrestest.Installed(); err != nil {
		return "", s, err
	}
	at, err := port(postgresPort)
	if err != nil {
		return "", s, err
	}
	var started *postgrestest.Server
	s = server{make(chan error, 1), func() {
		if started != nil {
			started.Stop()
		}
	}}
	go func() {
		var err error
		started, err = postgrestest.Start(ctx, postgrestest.Options{Port: at})
		s.started <- err
	}()
	return postgrestest.Env + "=" + postgrestest.DSN(at), s, nil
}

// kafka begins to start an Apache Kafka and returns the variable that tells where.
func kafka(ctx context.Context) (variable string, s server, err error) {
	if os.Getenv(kafkatest.Env) != "" {
		return "", s, nil
	}
	if err := kafkatest.Installed(ctx); err != nil {
		return "", s, err
	}
	at, err := port(kafkaPort)
	if err != nil {
		return "", s, err
	}
	var started *kafkatest.Broker
	s = server{make(chan error, 1), func() {
		if started != nil {
			started.Stop()
		}
	}}
	go func() {
		var err error
		started, err = kafkatest.StartApache(ctx, kafkatest.Options{Port: at})
		s.started <- err
	}()
	return kafkatest.Env + "=127.0.0.1:" + strconv.Itoa(at), s, nil
}
