package xmltest

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// Missing skips the test with one visible line that says what is not checked, or fails it under OPENNSP_TEST_REQUIRE=1.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Vectors returns the folder of real signed messages that OPENNSP_TEST_VECTORS names.
func Vectors(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("OPENNSP_TEST_VECTORS")
	if dir == "" {
		Missing(t, "OPENNSP_TEST_VECTORS is not set: real signed messages not checked")
	}
	return dir
}

// Tool returns the path of a command of the system.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name+" is not installed: not compared with it")
	}
	return path
}

// Run runs a command and returns its standard output, and its error with what it said.
func Run(t testing.TB, name string, args ...string) ([]byte, string, error) {
	t.Helper()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	return out.Bytes(), said.String(), err
}
