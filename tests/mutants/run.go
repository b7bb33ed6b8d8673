package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A test that hangs with the fault in it ends itself after testTimeout and counts as red; runTimeout also holds the build.
const (
	testTimeout = 2 * time.Minute
	runTimeout  = 5 * time.Minute
)

// runner tries mutants on the module at root.
type runner struct {
	root string
	temp string
}

// goTest runs the test of m, with overlay if that is not "".
func (r runner) goTest(ctx context.Context, m mutant, overlay string) (output string, failed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout", testTimeout.String(), "-run", m.test, m.pkg)
	cmd.Dir = r.root
	if overlay != "" { // for the program that a test may build, too
		cmd.Env = append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return out.String(), true, ctx.Err()
	case errors.As(err, &exit):
		return out.String(), true, nil
	default:
		return out.String(), false, err
	}
}

// named tells whether the output names the test that failed, or that a test never ended.
var named = regexp.MustCompile(`(?m)^\s*--- FAIL: |^panic: |^fatal error: |^FAIL: `)

// sound checks that the test of m exists and passes on the source as it is.
func (r runner) sound(ctx context.Context, m mutant) error {
	out, failed, err := r.goTest(ctx, m, "")
	switch {
	case err != nil:
		return fmt.Errorf("run %s %s: %w", m.pkg, m.test, err)
	case failed:
		return fmt.Errorf("%s %s fails on the source as it is:\n%s", m.pkg, m.test, out)
	case strings.Contains(out, "[no tests to run]"), strings.Contains(out, "[no test files]"):
		return fmt.Errorf("%s has no test %s", m.pkg, m.test)
	case strings.Contains(out, "--- SKIP"):
		return fmt.Errorf("%s %s was skipped", m.pkg, m.test)
	}
	return nil
}

// try puts the fault of m into the source and tells whether its test noticed. An error means that nothing was learned.
func (r runner) try(ctx context.Context, m mutant) (killed bool, err error) {
	target := filepath.Join(r.root, filepath.FromSlash(m.file))
	source, err := os.ReadFile(target)
	if err != nil {
		return false, err
	}
	changed, err := m.apply(source)
	if err != nil {
		return false, err
	}
	replacement := filepath.Join(r.temp, m.name+".go")
	if err := os.WriteFile(replacement, changed, 0o600); err != nil {
		return false, err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {target: replacement}})
	if err != nil {
		return false, err
	}
	list := filepath.Join(r.temp, m.name+".json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return false, err
	}
	out, failed, err := r.goTest(ctx, m, list)
	switch {
	case err != nil:
		return false, err
	case failed && !named.MatchString(out):
		return false, fmt.Errorf("does not build or did not run:\n%s", out)
	}
	return failed, nil
}
