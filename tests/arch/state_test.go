package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// stateful are types that exist to be changed. A sync.Pool is not among them: it holds free memory, nothing a program can see.
var stateful = map[string]bool{
	"sync.Mutex": true, "sync.RWMutex": true, "sync.Map": true, "sync.Once": true, "sync.WaitGroup": true, "sync.Cond": true,
	"sync.NewCond": true, "atomic.Bool": true, "atomic.Int32": true, "atomic.Int64": true, "atomic.Uint32": true, "atomic.Uint64": true,
	"atomic.Pointer": true, "atomic.Value": true, "rand.New": true,
}

// noImports answers imports with empty packages: the check needs only what names of the package itself mean.
type noImports struct{ seen map[string]*types.Package }

func (n noImports) Import(p string) (*types.Package, error) {
	if n.seen[p] == nil {
		n.seen[p] = types.NewPackage(p, p[strings.LastIndex(p, "/")+1:])
		n.seen[p].MarkComplete()
	}
	return n.seen[p], nil
}

// noPackageState finds package variables that are locks, channels or counters, and those that a function writes to.
func noPackageState(r *repo) []string {
	var bad []string
	groups := r.packages()
	for _, key := range sortedKeys(groups) {
		if under(key[0], "tests") {
			continue
		}
		var files []*ast.File
		for _, f := range groups[key] {
			if !f.test {
				files = append(files, f.ast)
			}
		}
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
		cfg := types.Config{Importer: noImports{map[string]*types.Package{}}, Error: func(error) {}}
		pkg, _ := cfg.Check(key[0], r.fset, files, info) // errors are expected: imports are empty
		for _, f := range files {
			bad = append(bad, statefulVars(r, f)...)
			ast.Inspect(f, func(n ast.Node) bool {
				for _, target := range written(n) {
					if name, ok := packageVar(info, pkg, target); ok {
						bad = append(bad, fmt.Sprintf("%s: writes to the package variable %s", r.at(n), name))
					}
				}
				return true
			})
		}
	}
	return bad
}

// statefulVars finds package variables whose declaration names a stateful type or makes a channel.
func statefulVars(r *repo, f *ast.File) []string {
	var bad []string
	for _, decl := range f.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, spec := range gen.Specs {
			spec, _ := spec.(*ast.ValueSpec)
			ast.Inspect(spec, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncLit:
					return false
				case *ast.ChanType:
					bad = append(bad, fmt.Sprintf("%s: the package variable %s is a channel", r.at(spec), spec.Names[0].Name))
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && stateful[x.Name+"."+n.Sel.Name] {
						bad = append(bad, fmt.Sprintf("%s: the package variable %s is a %s.%s", r.at(spec), spec.Names[0].Name, x.Name, n.Sel.Name))
					}
				}
				return true
			})
		}
	}
	return bad
}

// written returns what n assigns to, counts up or deletes from.
func written(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.CallExpr:
		if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear") && len(n.Args) > 0 {
			return n.Args[:1]
		}
	}
	return nil
}

// packageVar tells whether e is, or is part of, a package variable: of pkg itself, or of another package of the module.
func packageVar(info *types.Info, pkg *types.Package, e ast.Expr) (string, bool) {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok {
				if p, ok := info.Uses[id].(*types.PkgName); ok {
					return p.Imported().Path() + "." + x.Sel.Name, true
				}
			}
			e = x.X
		case *ast.Ident:
			v, ok := info.Uses[x].(*types.Var)
			return x.Name, ok && v.Parent() == pkg.Scope()
		default:
			return "", false
		}
	}
}
