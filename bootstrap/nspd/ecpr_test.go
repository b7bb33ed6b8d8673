package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/bootstrap"
)

// step is a command line and what it prints.
type step struct {
	args   []string
	code   int
	want   string // in what it prints
	stderr string
}

func TestPersonCommands(t *testing.T) {
	dir := t.TempDir()
	flags, stop := serverIn(t, dir, bootstrap.Setting{Key: "store.driver", Value: "memory"})
	t.Cleanup(stop)
	run := func(s step) string {
		t.Helper()
		args := append(append([]string{}, s.args...), flags[:2]...)
		if s.args[0] == "call" {
			args = append(args, flags[2:]...)
		} else {
			args = append(args, "--token", filepath.Join(dir, "operator.token"))
		}
		code, out, stderr := nspd(args...)
		assert.Equal(t, s.code, code, "%v: %s", s.args, stderr)
		assert.Contains(t, out, s.want, "%v", s.args)
		assert.Contains(t, stderr, s.stderr, "%v", s.args)
		return out
	}
	number := func(out string) string {
		lines := strings.Split(strings.TrimSpace(out), "\n")
		return strings.Fields(lines[len(lines)-1])[0]
	}
	n := number(run(step{args: []string{"call", "ecpr", "create", "--given", "Jon", "--family", "Prøve", "--gender", "male", "--birth", "1978-08-13"}, want: "Jon Prøve"}))
	other := number(run(step{args: []string{"call", "ecpr", "create", "--family", "Anden", "--identifier", "2.25.276287498922580704022267390250412640307.1=X1"}, want: "X1"}))
	for _, s := range []step{
		{args: []string{"call", "ecpr", "update", n, "--cpr", "1403800099", "--phone", "12345678", "--city", "Testby"}, want: "1403800099"},
		{args: []string{"call", "ecpr", "get", n, "--history"}, want: "1403800099 (1.2.208.176.1.2)"},
		{args: []string{"call", "ecpr", "get", "1403800099", "--oid", "1.2.208.176.1.2"}, want: n},
		{args: []string{"call", "ecpr", "get", "2902044063", "--oid", "1.2.208.176.1.2"}, want: "There is no such person."},
		{args: []string{"call", "ecpr", "search", "familyname:prøve*"}, want: n},
		{args: []string{"call", "ecpr", "search", "familyname:ingen"}, want: "Nobody is found."},
		{args: []string{"call", "ecpr", "search", "foo:bar"}, code: 1, stderr: "(ecpr_invalid)"},
		{args: []string{"call", "ecpr", "oids"}, want: "Region Midtjylland"},
		{args: []string{"call", "ecpr", "merge", n, other}, code: 1, stderr: "(not_authorized)"},
		{args: []string{"ecpr", "role", "list"}, want: "Nobody has a role."},
		{args: []string{"ecpr", "role", "add", "99999902", "0101010001"}, want: "has the role eCPR-koordinator"},
		{args: []string{"ecpr", "role", "list"}, want: "99999902  0101010001  eCPR-koordinator"},
		{args: []string{"call", "ecpr", "merge", n, other}, want: "X1"},
		{args: []string{"call", "ecpr", "get", other}, want: n},
		{args: []string{"ecpr", "role", "end", "99999902", "0101010001"}, want: "no longer has the role"},
		{args: []string{"ecpr", "role", "end", "99999902", "0101010001"}, code: 1, stderr: "Nobody has this role."},
		{args: []string{"ecpr", "role", "add", "99999902", "x"}, code: 1, stderr: "422"},
		{args: []string{"outbox", "list"}, want: "Parked: 0"}, // what waits is delivered meanwhile
		{args: []string{"call", "ecpr", "update", "123", "--family", "X"}, code: 1, stderr: "123 is no X-eCPR"},
		{args: []string{"call", "ecpr", "update", n, "--invalidate", "Name"}, code: 1, stderr: "want KIND=PID"},
		{args: []string{"call", "cpr", "1403800099", "--health"}, want: "Lægerne Testby"},
		{args: []string{"call", "cpr", "0905124643", "--version", "1.0.3"}, want: "2207820468"},
		{args: []string{"call", "skrs", "cpr", "barnrelation", "--limit", "2"}, want: "2207820468"},
		{args: []string{"call", "skrs", "cpr", "barnrelation", "--after", "99999999990000000000"}, want: "There is nothing new."},
		{args: []string{"call", "skrs", "cpr", "barnrelation", "--after", "x"}, code: 1, stderr: "x is no offset"},
		{args: []string{"call", "skrs", "cpr", "nothing"}, code: 1, stderr: "the server refused"},
		{args: []string{"call", "cpr", "0909729999"}, code: 1, stderr: "Ingen data fundet"},
	} {
		run(s)
	}
}

func TestStamdataCommands(t *testing.T) {
	dir := t.TempDir()
	settings := []string{"--set", "data_dir=" + filepath.Join(dir, "data")}
	run := func(s step) {
		t.Helper()
		code, out, stderr := nspd(append(append([]string{"stamdata"}, s.args...), settings...)...)
		assert.Equal(t, s.code, code, "%v: %s", s.args, stderr)
		assert.Contains(t, out, s.want, "%v", s.args)
		assert.Contains(t, stderr, s.stderr, "%v", s.args)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	var many strings.Builder
	many.WriteString("ydernummer;navn\n")
	for i := range 100 {
		many.WriteString("9" + strings.Repeat("0", 3) + string(rune('0'+i/10)) + string(rune('0'+i%10)) + ";Klinik\n")
	}
	lines := strings.SplitAfter(many.String(), "\n")
	for _, s := range []step{
		{args: []string{"import", file("yder.csv", many.String())}, want: "100 new, 0 changed, 0 closed"},
		{args: []string{"import", file("yder.csv", many.String())}, want: "loaded before"},
		{args: []string{"import", file("yder.csv", strings.Join(lines[:76], ""))}, code: 1, stderr: "lacks so many rows"},
		{args: []string{"import", "--force", file("yder.csv", strings.Join(lines[:76], ""))}, want: "0 new, 0 changed, 25 closed, 75 as they were"},
		{args: []string{"import", file("yder.delta.csv", "ydernummer;navn\n900001;Andet navn\n900002;\n")}, code: 1, stderr: "yder.delta.csv:3: "},
		{args: []string{"import", file("nothing.csv", "a;b\n")}, code: 1, stderr: "tells no register"},
		{args: []string{"status"}, want: "yder.csv  75"},
		{args: []string{"export", "--dir", dir, "--register", "yder"}, want: "yder.csv: 75 rows"},
		{args: []string{"export", "--dir", dir, "--register", "x"}, code: 1, stderr: "tells no register"},
	} {
		run(s)
	}
}
