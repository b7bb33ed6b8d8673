package arch

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// rule is one rule of the house. reason is printed with every breach.
type rule struct {
	name   string
	reason string
	check  func(*repo) []string
}

var rules = []rule{
	{"import matrix", "The hexagon holds only while dependencies point inwards; technology is replaced at the rim, never inside.", importsMatrix},
	{"clock", "Rules of time are tested with a time that is given. Domain functions take the time; use cases have a Now field. A function of a use case that needs a real timer says so in its comment.", clockFree},
	{"package comment", "Somebody who opens a folder learns in one place what it is for.", packageComments},
	{"no init", "What runs before main cannot be configured, ordered or tested. Wire it in bootstrap.", noInit},
	{"no package state", "Two servers in one process (every test) must not share anything. Keep state in a value that bootstrap makes; a package value is written once, where it is declared.", noPackageState},
	{"unit of work", "One order for every call: effect, audit line, commit, answer. Only the admission gate, and the runner of jobs, open a unit of work; a use case never sees a transaction.", unitOfWork},
	{"package names", "A package is named after what it provides. These names provide a place to put things.", packageNames},
	{"no empty folder", "A folder appears when its first real code does.", noEmptyFolder},
	{"short main", "main parses flags, handles signals and returns the exit code; everything else is callable from a test.", shortMain},
	{"port assertions", "An adapter says which port it implements, next to the type: var _ ports.X = (*T)(nil).", portAssertions},
	{"no local paths", "The project is read and built by strangers: no paths or registries of one machine.", noLocalPaths},
}

// wallClock are the functions of package time that look at the clock; timers wait on it.
var (
	wallClock = []string{"Now", "Since", "Until", "Sleep", "After", "Tick"}
	timers    = []string{"NewTimer", "NewTicker", "AfterFunc"}
)

func clockFree(r *repo) []string {
	var bad []string
	for _, f := range r.files {
		name := f.importName("time")
		if f.test || name == "" || !under(f.dir, "domain", "application") {
			continue
		}
		if name == "." {
			bad = append(bad, f.path+": imports time into its own scope")
		}
		for _, decl := range f.ast.Decls {
			documented := false
			if fn, ok := decl.(*ast.FuncDecl); ok && under(f.dir, "application") {
				documented = strings.Contains(fn.Doc.Text(), "timer")
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := sel.X.(*ast.Ident)
				if ok && x.Name == name && (slices.Contains(wallClock, sel.Sel.Name) || slices.Contains(timers, sel.Sel.Name) && !documented) {
					bad = append(bad, fmt.Sprintf("%s: time.%s", r.at(sel), sel.Sel.Name))
				}
				return true
			})
		}
	}
	return bad
}

func packageComments(r *repo) []string {
	var bad []string
	groups := r.packages()
	for _, key := range sortedKeys(groups) {
		dir, name := key[0], key[1]
		if strings.HasSuffix(name, "_test") {
			for _, f := range groups[key] {
				if f.ast.Doc != nil && len(groups[[2]string{dir, strings.TrimSuffix(name, "_test")}]) > 0 {
					bad = append(bad, f.path+": the package comment belongs to the package, not to its tests")
				}
			}
			continue
		}
		var with []string
		for _, f := range groups[key] {
			if f.ast.Doc == nil {
				continue
			}
			with = append(with, f.path)
			start := "Package " + name + " "
			if name == "main" {
				start = "Command "
			}
			if !strings.HasPrefix(f.ast.Doc.Text(), start) {
				bad = append(bad, fmt.Sprintf("%s: the package comment does not start with %q", f.path, start))
			}
		}
		if len(with) != 1 {
			bad = append(bad, fmt.Sprintf("%s: package %s has %d package comments %v, want 1", dir, name, len(with), with))
		}
	}
	return bad
}

func noInit(r *repo) []string {
	var bad []string
	for _, f := range r.files {
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				bad = append(bad, r.at(fn)+": func init")
			}
		}
	}
	return bad
}

// gate are the only folders whose code may open a unit of work.
var gate = []string{"application/admitting", "application/scheduling"}

// unitHolders may name the type: they define it, implement it, wrap it or wire it.
var unitHolders = slices.Concat(gate, []string{"ports", "adapters/db", "adapters/kafka", "adapters/telemetry", "bootstrap", "tests"})

func unitOfWork(r *repo) []string {
	var bad []string
	for _, f := range r.files {
		if f.test || forTests(f.dir) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				// Run(ctx, work, seal): no other Run of the project takes three arguments, but the function that runs a server.
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if !ok {
					break
				}
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == f.importName(module+"/bootstrap") {
					break
				}
				if sel.Sel.Name == "Run" && len(n.Args) == 3 && !under(f.dir, slices.Concat(gate, []string{"adapters/db", "adapters/telemetry"})...) {
					bad = append(bad, r.at(n)+": opens a unit of work")
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "ports" && n.Sel.Name == "UnitOfWork" && !under(f.dir, unitHolders...) {
					bad = append(bad, r.at(n)+": names ports.UnitOfWork")
				}
			}
			return true
		})
	}
	return bad
}

var emptyNames = []string{
	"common", "util", "utils", "helper", "helpers", "base", "shared", "types", "models", "model", "service", "services", "core", "lib", "misc",
}

func packageNames(r *repo) []string {
	var bad []string
	groups := r.packages()
	for _, key := range sortedKeys(groups) {
		for _, n := range []string{path.Base(key[0]), strings.TrimSuffix(key[1], "_test")} {
			if slices.Contains(emptyNames, n) {
				bad = append(bad, fmt.Sprintf("%s: package %s is called %q", key[0], key[1], n))
				break
			}
		}
	}
	return bad
}

func noEmptyFolder(r *repo) []string {
	var bad []string
	for _, dir := range sortedStrings(r.folders) {
		if dir != "." && r.folders[dir] == 0 {
			bad = append(bad, dir+": holds no file")
		}
	}
	return bad
}

// maxMain is the number of lines of func main, braces included.
const maxMain = 30

func shortMain(r *repo) []string {
	var bad []string
	for _, f := range r.files {
		if f.ast.Name.Name != "main" || under(f.dir, "tests") {
			continue
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || fn.Name.Name != "main" {
				continue
			}
			if lines := r.fset.Position(fn.End()).Line - r.fset.Position(fn.Pos()).Line + 1; lines > maxMain {
				bad = append(bad, fmt.Sprintf("%s: func main has %d lines, at most %d", r.at(fn), lines, maxMain))
			}
		}
	}
	return bad
}

// local are marks of one machine. They are put together here so that this file holds none.
var local = regexp.MustCompile(`/` + `work/|/` + `root/|/` + `home/|/` + `tmp/|\.\./` + `shared|registry\.` + `npmjs|proxy\.` + `golang\.org|sum\.` + `golang\.org|repo1\.` + `maven|deb\.` + `debian\.org`)

// mayNameVectors is the one file that may say where real messages lie beside the repository.
const mayNameVectors = ".ci/run"

func noLocalPaths(r *repo) []string {
	var bad []string
	for _, p := range sortedStrings(r.texts) {
		for i, line := range strings.Split(r.texts[p], "\n") {
			m := local.FindString(line)
			if m == "" || p == mayNameVectors && strings.HasPrefix(m, "..") {
				continue
			}
			bad = append(bad, fmt.Sprintf("%s:%d: mentions %q", p, i+1, m))
		}
	}
	return bad
}

func sortedStrings[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedKeys[V any](m map[[2]string]V) [][2]string {
	return slices.SortedFunc(maps.Keys(m), func(a, b [2]string) int {
		return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1])
	})
}
