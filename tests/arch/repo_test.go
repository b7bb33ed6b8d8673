// Package arch holds the rules of the house as tests: who may import whom, where the clock is read, what a package may keep. It reads the
// source itself; a test that asked the go command would pass from the test cache after the code has changed.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// module is the import path of the project.
const module = "github.com/opennsp/nsp"

// goFile is one Go source file.
type goFile struct {
	path string // slash separated, from the root of the repository
	dir  string
	test bool // its name ends in _test.go
	ast  *ast.File
}

// imports returns the import paths of f.
func (f *goFile) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// importName returns the name under which f uses the package p, or "".
func (f *goFile) importName(p string) string {
	for _, spec := range f.ast.Imports {
		if unquoted, _ := strconv.Unquote(spec.Path.Value); unquoted != p {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(p)
	}
	return ""
}

// repo is the source as the rules see it.
type repo struct {
	fset    *token.FileSet
	files   []*goFile // in path order
	texts   map[string]string
	folders map[string]int // number of files in a folder and below
}

// ignored are folders that a build or a run leaves behind; a failing property leaves its input in testdata/rapid.
var ignored = []string{".git", ".cache", "bin", "data", "node_modules", "target"}

// load reads every file of root.
func load(t *testing.T, root fs.FS) *repo {
	t.Helper()
	r := &repo{fset: token.NewFileSet(), texts: map[string]string{}, folders: map[string]int{}}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(ignored, p) || d.Name() == "node_modules" || strings.HasSuffix(p, "/testdata/rapid") {
				r.count(p)
				return fs.SkipDir
			}
			r.folders[p] += 0
			return nil
		}
		r.count(p)
		text, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		r.texts[p] = string(text)
		if !strings.HasSuffix(p, ".go") || strings.Contains(p, "testdata/") {
			return nil
		}
		parsed, err := parser.ParseFile(r.fset, p, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		r.files = append(r.files, &goFile{path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), ast: parsed})
		return nil
	})
	require.NoError(t, err)
	return r
}

// count says that the folders around p are not empty.
func (r *repo) count(p string) {
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		r.folders[dir]++
	}
}

// at tells where n stands.
func (r *repo) at(n ast.Node) string {
	p := r.fset.Position(n.Pos())
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

// packages groups the files by folder and package name.
func (r *repo) packages() map[[2]string][]*goFile {
	groups := map[[2]string][]*goFile{}
	for _, f := range r.files {
		key := [2]string{f.dir, f.ast.Name.Name}
		groups[key] = append(groups[key], f)
	}
	return groups
}

// under tells whether dir is one of the folders or lies in one.
func under(dir string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return dir == f || strings.HasPrefix(dir, f+"/") })
}
