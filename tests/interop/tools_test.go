// Package interop shows that programs of others understand us and that we understand them: node-soap and Apache CXF make clients from our
// WSDLs, xmlsec1 and the JDK verify what our security token service signs, and we verify what they sign.
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

// nodeFolder returns a folder with the node modules of testdata/node.
func nodeFolder(t *testing.T) string {
	t.Helper()
	need(t, "node", "Debian package nodejs")
	npm := need(t, "npm", "Debian package npm")
	return installed(t, "node", []string{"package.json", "package-lock.json"}, func(dir string) (string, error) {
		return attempt(t, dir, nil, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	})
}

// zeepPython returns a Python that has zeep.
func zeepPython(t *testing.T) string {
	t.Helper()
	python := need(t, "python3", "Debian packages python3 and python3-venv")
	dir := installed(t, "zeep", []string{"requirements.txt"}, func(dir string) (string, error) {
		if out, err := attempt(t, dir, nil, python, "-m", "venv", "venv"); err != nil {
			return out, err
		}
		return attempt(t, dir, nil, filepath.Join(dir, "venv", "bin", "pip"), "install", "--quiet", "--requirement", "requirements.txt")
	})
	return filepath.Join(dir, "venv", "bin", "python")
}

// wss4jClasses returns the class path of the client of testdata/wss4j.
func wss4jClasses(t *testing.T) string {
	t.Helper()
	javac := need(t, "javac", "Debian package openjdk-17-jdk-headless")
	maven := need(t, "mvn", "Debian package maven")
	dir := installed(t, "wss4j", []string{"pom.xml", "Idws.java"}, func(dir string) (string, error) {
		if out, err := attempt(t, dir, nil, maven, "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=lib"); err != nil {
			return out, err
		}
		return attempt(t, dir, nil, javac, "-d", "classes", "-cp", filepath.Join("lib", "*"), "Idws.java")
	})
	return filepath.Join(dir, "classes") + string(os.PathListSeparator) + filepath.Join(dir, "lib", "*")
}

// cxfClasses returns the class path of the generator of testdata/cxf.
func cxfClasses(t *testing.T) string {
	t.Helper()
	javac := need(t, "javac", "Debian package openjdk-17-jdk-headless")
	maven := need(t, "mvn", "Debian package maven")
	dir := installed(t, "cxf", []string{"pom.xml", "Generate.java"}, func(dir string) (string, error) {
		if out, err := attempt(t, dir, nil, maven, "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=lib"); err != nil {
			return out, err
		}
		return attempt(t, dir, nil, javac, "-d", "classes", "-cp", filepath.Join("lib", "*"), "Generate.java")
	})
	return filepath.Join(dir, "classes") + string(os.PathListSeparator) + filepath.Join(dir, "lib", "*")
}

// installed returns a folder with the files of testdata/name and what install adds to them, made once a version in the user's cache.
func installed(t *testing.T, name string, files []string, install func(dir string) (output string, err error)) string {
	t.Helper()
	contents := map[string][]byte{}
	version := sha256.New()
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join("testdata", name, f))
		require.NoError(t, err)
		contents[f] = content
		version.Write(content)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "opennsp", name+"-"+hex.EncodeToString(version.Sum(nil)[:6]))
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return dir
	}
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for f, content := range contents {
		write(t, dir, f, content)
	}
	if out, err := install(dir); err != nil {
		missing(t, name+" cannot be installed: "+strings.TrimSpace(out))
	}
	write(t, dir, "complete", nil)
	return dir
}
