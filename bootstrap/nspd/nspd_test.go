package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/bootstrap"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/minlog"
)

// nspd runs a command line and returns its exit code and what it printed.
func nspd(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

func TestDemo(t *testing.T) {
	code, out, stderr := nspd("demo")
	require.Equal(t, 0, code, "%s\n%s", out, stderr)
	out = strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		"1000 accesses registered", "refused: invalid_signature", "refused: not_authorized", "bound to the key of portal",
		"She reads her own log, signed both ways 200 accesses",
		"asks if she may see them Negative: nothing may be shown.", "breaks through (værdispring) Positive: everything may be shown.",
		"reads it in MinLog Værdispring, Test Laege", "The subscriber is told PersonIdentifierModification of 130878",
		"The doctor reads it 2 wishes, 1 of them if a relative accepts", "The doctor may not change it refused: not_authorized",
		"Opslag behandlingstestamente, Test Laege", "She reads whether it is in force ACTIVE: not yet, from ", "no sooner nothing is shown", "And whether it is now INACTIVE: no",
		"All steps held",
	} {
		assert.Contains(t, out, want)
	}
}

// server runs a server until the test ends and returns the flags by which a call finds it.
func server(t *testing.T) (flags []string) {
	t.Helper()
	flags, stop := serverIn(t, t.TempDir(), bootstrap.Setting{Key: "store.driver", Value: "memory"})
	t.Cleanup(stop)
	return flags
}

// federation is made once and laid into each new data directory: its keys take seconds.
var federation = sync.OnceValues(func() (fstest.MapFS, error) {
	dir, err := os.MkdirTemp("", "nspd")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if _, err := devfed.Ensure(filepath.Join(dir, "federation"), time.Now()); err != nil {
		return nil, err
	}
	files := fstest.MapFS{}
	made := os.DirFS(dir)
	return files, fs.WalkDir(made, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(made, path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
})

// serverIn runs a server in a data directory until stop is called.
func serverIn(t *testing.T, dir string, more ...bootstrap.Setting) (flags []string, stop func()) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "federation")); err != nil {
		files, err := federation()
		require.NoError(t, err)
		require.NoError(t, os.CopyFS(dir, files))
	}
	cfg, err := bootstrap.Load(bootstrap.Sources{File: os.DevNull, Flags: append([]bootstrap.Setting{
		{Key: "data_dir", Value: dir}, {Key: "http.addr", Value: "127.0.0.1:0"}, {Key: "admin.addr", Value: ""}, {Key: "audit.min_free", Value: "0"},
		{Key: "shutdown.drain_delay", Value: "0"}, {Key: "minlog.consumer.batch_wait", Value: "20ms"},
	}, more...)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan bootstrap.Started, 1), make(chan error, 1)
	go func() {
		ended <- bootstrap.Run(ctx, cfg, bootstrap.Options{Stderr: io.Discard, Ready: func(at bootstrap.Started) { ready <- at }})
	}()
	stop = func() {
		cancel()
		assert.NoError(t, <-ended)
	}
	select {
	case at := <-ready:
		return []string{"--server", "http://" + at.Addr, "--federation", at.Federation}, stop
	case err := <-ended:
		cancel()
		require.NoError(t, err)
		return nil, nil
	}
}

func TestCall(t *testing.T) {
	flags := server(t)
	call := func(args ...string) (int, string, string) {
		return nspd(append(append([]string{"call", "minlog"}, args...), flags...)...)
	}

	code, out, stderr := call("register", "--count", "3")
	require.Equal(t, 0, code, stderr)
	assert.Equal(t, "3 registered, 0 refused\n", out)
	require.Eventually(t, func() bool {
		code, out, stderr = call("lookup")
		return code == 0 && strings.Count(out, "FMK") == 3
	}, time.Minute, 10*time.Millisecond, "%s%s", out, stderr)
	assert.Contains(t, out, "Opslag på medicinkort  Sekretær  TST01")

	for _, c := range []struct {
		args   []string
		code   int
		want   string
		stderr string
	}{
		{[]string{"assistants", "--grouping", "Day"}, 0, " 3      FMK     Opslag på medicinkort  Sekretær 0101010004  TST01", ""},
		{[]string{"assistants", "--as", "sygeplejerske"}, 0, "Nothing is registered.", ""},
		{[]string{"lookup", "--limit", "2"}, 0, "There is more", ""},
		{[]string{"lookup", "--system", "DDV"}, 0, "Nothing is registered.", ""},
		{[]string{"lookup", "--since", "1h"}, 0, "FMK", ""},
		{[]string{"lookup", "--xml"}, 0, "> SOAPAction: \"GetLogStatementsForCPRPersonWithID\"\n<soap:Envelope", ""},
		{[]string{"lookup", "--as", "borger"}, 0, "Nothing is registered.", ""},
		{[]string{"lookup", "--as", "borger", "--citizen", "0101010001"}, 0, "Opslag på medicinkort", ""},
		{[]string{"lookup", "--as", "borger", "--xml"}, 0, "<wsse:SecurityTokenReference", ""},
		{[]string{"lookup", "--as", "borger", "--person", "0101010001"}, 1, "", "the server refused: no access to this person's log (not_authorized)"},
		{[]string{"lookup", "--as", "borger", "--citizen", "0909090009"}, 1, "", "nspd: log in as a citizen: 422 "},
		{[]string{"lookup", "--as", "borger", "--citizen", "x"}, 1, "", "nspd: citizen: "},
		{[]string{"lookup", "--as", "tolaege", "--authorisation", "TST03"}, 0, "Nothing is registered.", ""},
		{[]string{"lookup", "--as", "tolaege"}, 1, "", "nspd: get an ID card as tolaege: the server refused: Authentication failed: multiple authorizations found"},
		{[]string{"lookup", "--as", "spaerret"}, 1, "", "the certificate is revoked"},
		{[]string{"lookup", "--as", "epj"}, 1, "", "(security_level_failed)"},
		{[]string{"lookup", "--as", "nobody"}, 1, "", `has no sample "nobody"; there are: laege, `},
		{[]string{"lookup", "--person", "0101010002"}, 1, "", "the server refused: no access to this person's log (not_authorized)"},
		{[]string{"register", "--person", "123"}, 1, "entry 1: PersonIdentifier", "1 of 1 accesses were refused"},
		{[]string{"register", "--count", "0"}, 1, "", "(syntax_error)"},
	} {
		code, out, stderr := call(c.args...)
		assert.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		assert.Contains(t, out, c.want, "%v", c.args)
		assert.Contains(t, stderr, c.stderr, "%v", c.args)
	}
	t.Run("no server", func(t *testing.T) {
		code, _, stderr := nspd("call", "minlog", "lookup", "--server", "http://127.0.0.1:1", "--federation", flags[3])
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "no server answers at http://127.0.0.1:1; start one with `nspd serve`")
	})
	t.Run("no federation", func(t *testing.T) {
		code, _, stderr := nspd("call", "minlog", "lookup", "--federation", "/nowhere/at/all")
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "there is no test federation in /nowhere/at/all")
	})
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args        []string
		code        int
		out, stderr string
	}{
		{nil, 0, "Usage: nspd <command>", ""},
		{[]string{"--help"}, 0, "Usage: nspd <command>", ""},
		{[]string{"frob"}, 2, "", "unexpected argument frob"},
		{[]string{"serve", "--frob"}, 2, "", "unknown flag --frob"},
		{[]string{"version"}, 0, "nspd ", ""},
		{[]string{"config", "check", "--config", os.DevNull}, 0, "The configuration can be used.", ""},
		{[]string{"config", "check", "--set", "http.adr=x"}, 2, "", `flag --set http.adr: unknown key "http.adr"; the nearest known key is http.addr`},
		{[]string{"config", "check", "--set", "http.addr"}, 2, "", "want KEY=VALUE"},
		{[]string{"config", "print", "--config", os.DevNull, "--log-level", "debug"}, 0, "level: debug # flag --log-level", ""},
		{[]string{"config", "print", "--role", "cook"}, 2, "", `flag --role: roles: "cook" is none of all`},
		{[]string{"config", "keys"}, 0, "  # address the services listen on\n  addr: 127.0.0.1:8080\n", ""},
		{[]string{"serve", "--config", "/nowhere/at/all"}, 2, "", "no such file"},
	} {
		code, out, stderr := nspd(c.args...)
		assert.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		assert.Contains(t, out, c.out, "%v", c.args)
		assert.Contains(t, stderr, c.stderr, "%v", c.args)
	}
}

func TestWelcome(t *testing.T) {
	var b bytes.Buffer
	welcome(&b, bootstrap.Started{Addr: "127.0.0.1:8080", Admin: "127.0.0.1:8081", Federation: filepath.Join("data", "federation")})
	assert.Contains(t, b.String(), "OpenNSP is ready at http://127.0.0.1:8080\n")
	assert.Contains(t, b.String(), "  nspd call minlog lookup --as laege\n")
	b.Reset()
	welcome(&b, bootstrap.Started{Addr: "127.0.0.1:1", Federation: "/srv/federation"})
	assert.Contains(t, b.String(), "nspd call minlog lookup --as laege --server http://127.0.0.1:1 --federation /srv/federation\n")
	b.Reset()
	welcome(&b, bootstrap.Started{Addr: "127.0.0.1:1"})
	assert.NotContains(t, b.String(), "TEST FEDERATION")
}

func TestDemoSample(t *testing.T) {
	s, err := readDemo()
	require.NoError(t, err)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	bulk := s.bulk(now)
	require.Len(t, bulk, 1000)
	numbers := map[string]bool{}
	for i := range bulk {
		e := &bulk[i]
		numbers[e.Person.Value] = true
		_, err := cpr.Parse(e.Person.Value)
		require.NoError(t, err)
		assert.True(t, e.From.Before(now) && e.From.After(now.Add(-24*time.Hour)))
	}
	assert.Len(t, numbers, len(s.Patients))
	assert.Equal(t, 200, count(bulk, func(e *minlog.Entry) bool { return e.Person.Value == s.Patients[0].CPR }))
}
