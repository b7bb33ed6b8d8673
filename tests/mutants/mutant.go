package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutant is a fault that is put into the source on purpose. Its file looks like this:
//
//	The end of a period lies outside it.
//	file: domain/validity/validity.go
//	kill: ./domain/validity TestContains
//	-- old --
//	t.Before(p.To)
//	-- new --
//	!t.After(p.To)
//
// The first line is the law that the fault breaks. kill names a package and an expression for go test -run. There may be several pairs of
// old and new; each old text stands exactly once in the file. A pair may be empty in new.
type mutant struct {
	name  string // of its file, without .mutant
	law   string
	file  string // slash separated, from the root of the module
	pkg   string
	test  string
	edits [][2]string // old, new
}

const (
	oldMark = "-- old --\n"
	newMark = "-- new --\n"
)

// errForm is returned for a file that is no mutant.
var errForm = errors.New("not a mutant: want a law, file:, kill: and pairs of -- old -- and -- new --")

// parse reads the text of a mutant.
func parse(name, text string) (mutant, error) {
	m := mutant{name: name}
	head, pairs, ok := strings.Cut(text, oldMark)
	lines := strings.Split(strings.TrimSpace(head), "\n")
	if !ok || len(lines) != 3 {
		return m, errForm
	}
	m.law = lines[0]
	file, isFile := strings.CutPrefix(lines[1], "file: ")
	kill, isKill := strings.CutPrefix(lines[2], "kill: ")
	pkg, test, named := strings.Cut(kill, " ")
	if m.law == "" || !isFile || !isKill || !named {
		return m, errForm
	}
	m.file, m.pkg, m.test = file, pkg, test
	for pair := range strings.SplitSeq(pairs, oldMark) {
		from, to, ok := strings.Cut(pair, newMark)
		if !ok || from == "" || from == to || strings.Contains(to, newMark) {
			return m, errForm
		}
		m.edits = append(m.edits, [2]string{strings.TrimSuffix(from, "\n"), strings.TrimSuffix(to, "\n")})
	}
	return m, nil
}

// apply returns the source with the fault in it.
func (m mutant) apply(source []byte) ([]byte, error) {
	for _, e := range m.edits {
		if n := bytes.Count(source, []byte(e[0])); n != 1 {
			return nil, fmt.Errorf("%s holds this text %d times, want 1:\n%s", m.file, n, e[0])
		}
		source = bytes.Replace(source, []byte(e[0]), []byte(e[1]), 1)
	}
	return source, nil
}

// readAll reads the mutants of a folder in the order of their names.
func readAll(folder string) ([]mutant, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.mutant"))
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		m, err := parse(strings.TrimSuffix(filepath.Base(p), ".mutant"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		all = append(all, m)
	}
	return all, nil
}
