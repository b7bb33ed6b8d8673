package arch

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
)

// shape is the number of parameters and results of a method.
type shape struct{ params, results int }

// methods maps a method's name to its shape.
type methods map[string]shape

func shapeOf(fn *ast.FuncType) shape { return shape{count(fn.Params), count(fn.Results)} }

func count(fields *ast.FieldList) int {
	if fields == nil {
		return 0
	}
	n := 0
	for _, f := range fields.List {
		n += max(1, len(f.Names))
	}
	return n
}

// has tells whether m holds every method of want.
func (m methods) has(want methods) bool {
	for name, s := range want {
		if m[name] != s {
			return false
		}
	}
	return len(want) > 0
}

// portAssertions finds types with all methods of a port (names and numbers of parameters) that assert neither it nor a port that embeds it.
func portAssertions(r *repo) []string {
	ports, embedding := map[string]methods{}, map[string][]string{}
	for _, f := range r.files {
		if f.dir != "ports" || f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if it, ok := spec.Type.(*ast.InterfaceType); ok {
				set := methods{}
				for _, m := range it.Methods.List {
					switch kind := m.Type.(type) {
					case *ast.Ident:
						embedding[kind.Name] = append(embedding[kind.Name], spec.Name.Name)
					case *ast.FuncType:
						set[m.Names[0].Name] = shapeOf(kind)
					}
				}
				ports[spec.Name.Name] = set
			}
			return true
		})
	}
	for part, wholes := range embedding {
		for _, whole := range wholes {
			maps.Copy(ports[whole], ports[part])
		}
	}
	var bad []string
	groups := r.packages()
	for _, key := range sortedKeys(groups) {
		if !under(key[0], "adapters", "application", "bootstrap", "ports/portstest") || strings.HasSuffix(key[1], "_test") {
			continue
		}
		implemented, asserted := map[string]methods{}, map[string]bool{}
		for _, f := range groups[key] {
			for _, decl := range f.ast.Decls {
				switch d := decl.(type) {
				case *ast.FuncDecl:
					if name := receiver(d); name != "" && !f.test {
						if implemented[name] == nil {
							implemented[name] = methods{}
						}
						implemented[name][d.Name.Name] = shapeOf(d.Type)
					}
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						if v, ok := spec.(*ast.ValueSpec); ok {
							asserted[assertion(v)] = true
						}
					}
				}
			}
		}
		for _, typ := range sortedStrings(implemented) {
			for _, port := range sortedStrings(ports) {
				says := func(port string) bool { return asserted[port+" "+typ] }
				if implemented[typ].has(ports[port]) && !says(port) && !slices.ContainsFunc(embedding[port], says) {
					bad = append(bad, fmt.Sprintf("%s: %s.%s implements ports.%s and does not say so", key[0], path.Base(key[1]), typ, port))
				}
			}
		}
	}
	return bad
}

// receiver returns the name of the type that fn is a method of, or "".
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	return typeName(fn.Recv.List[0].Type)
}

// assertion returns "Port Type" of var _ ports.Port = (*Type)(nil), Type{} or &Type{}; else "".
func assertion(v *ast.ValueSpec) string {
	sel, ok := v.Type.(*ast.SelectorExpr)
	if !ok || len(v.Names) != 1 || v.Names[0].Name != "_" || len(v.Values) != 1 {
		return ""
	}
	value := v.Values[0]
	if call, ok := value.(*ast.CallExpr); ok {
		value = call.Fun
	}
	if unary, ok := value.(*ast.UnaryExpr); ok {
		value = unary.X
	}
	if lit, ok := value.(*ast.CompositeLit); ok {
		value = lit.Type
	}
	return sel.Sel.Name + " " + typeName(value)
}

func typeName(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.ParenExpr:
		return typeName(x.X)
	case *ast.StarExpr:
		return typeName(x.X)
	case *ast.IndexExpr:
		return typeName(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}
