// Package interop shows that programs of others understand us and that we understand them: node-soap makes a client from our WSDL, xmlsec1
// and the JDK verify what our security token service signs, and we verify what they sign.
package interop

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// need returns the path of a program. Without it the test is skipped in one line, or fails where OPENNSP_TEST_REQUIRE is 1.
func need(t *testing.T, program, from string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, program+" is not installed ("+from+")")
	}
	return path
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// output runs a program in dir and returns what it prints.
func output(t *testing.T, dir string, stdin []byte, program string, args ...string) string {
	t.Helper()
	out, err := attempt(t, dir, stdin, program, args...)
	require.NoError(t, err, out)
	return out
}

// attempt is output for a program that may refuse.
func attempt(t *testing.T, dir string, stdin []byte, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		return out.String() + errs.String(), err
	}
	return out.String(), nil
}

// write puts content into a new file of dir and returns its path.
func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// nodeFolder returns a folder with the node modules of testdata/node, installed once a version into the user's cache.
func nodeFolder(t *testing.T) string {
	t.Helper()
	need(t, "node", "Debian package nodejs")
	npm := need(t, "npm", "Debian package npm")
	manifest, err := os.ReadFile("testdata/node/package.json")
	require.NoError(t, err)
	lock, err := os.ReadFile("testdata/node/package-lock.json")
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	version := sha256.Sum256(append(manifest, lock...))
	dir := filepath.Join(cache, "opennsp", "node-"+hex.EncodeToString(version[:6]))
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return dir
	}
	require.NoError(t, os.MkdirAll(dir, 0o700))
	write(t, dir, "package.json", manifest)
	write(t, dir, "package-lock.json", lock)
	if out, err := attempt(t, dir, nil, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"); err != nil {
		missing(t, "node-soap cannot be installed from npm: "+strings.TrimSpace(out))
	}
	write(t, dir, "complete", nil)
	return dir
}
