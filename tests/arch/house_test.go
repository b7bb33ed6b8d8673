package arch

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
)

// TestHouse holds every rule against the source of the project.
func TestHouse(t *testing.T) {
	if testing.Short() {
		t.Skip("reads sources one after the other: there is no race to find")
	}
	r := load(t, os.DirFS("../.."))
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			if bad := rule.check(r); len(bad) > 0 {
				t.Errorf("%s\n\t%s", rule.reason, strings.Join(bad, "\n\t"))
			}
		})
	}
}

// breaches are sources that break a rule. bad must give a breach that holds want; the rules say nothing about good.
var breaches = []struct {
	rule, name string
	path, bad  string
	want       string
	good       string // the same file, within the rule
}{
	{
		"import matrix", "domain reads files", "domain/will/will.go",
		`package will; import "os"`, "imports os", `package will; import "strings"`,
	},
	{
		"import matrix", "domain uses a module", "domain/will/will.go",
		`package will; import "golang.org/x/text/unicode/norm"`, "golang.org/x/text", `package will`,
	},
	{
		"import matrix", "ecpr may normalise", "domain/ecpr/ecpr.go",
		`package ecpr; import "golang.org/x/text/cases"`, "cases", `package ecpr; import "golang.org/x/text/unicode/norm"`,
	},
	{
		"import matrix", "domain imports ports", "domain/will/will.go",
		`package will; import "github.com/opennsp/nsp/ports"`, "imports only domain", `package will; import "github.com/opennsp/nsp/domain/cpr"`,
	},
	{
		"import matrix", "ports uses a module", "ports/will.go",
		`package ports; import "gorm.io/gorm"`, "gorm", `package ports; import "context"`,
	},
	{
		"import matrix", "a suite uses a store", "ports/portstest/will.go",
		`package portstest; import "github.com/opennsp/nsp/adapters/db/memory"`, "memory",
		`package portstest; import ("testing"; "pgregory.net/rapid"; "github.com/opennsp/nsp/ports")`,
	},
	{
		"import matrix", "application uses an adapter", "application/willkeeping/keeper.go",
		`package willkeeping; import "github.com/opennsp/nsp/adapters/db/memory"`, "memory",
		`package willkeeping; import "github.com/opennsp/nsp/ports"`,
	},
	{
		"import matrix", "a use case's test runs on memory", "application/willkeeping/keeper_test.go",
		`package willkeeping; import "github.com/opennsp/nsp/adapters/db/sqlstore"`, "sqlstore",
		`package willkeeping; import "github.com/opennsp/nsp/adapters/db/memory"`,
	},
	{
		"import matrix", "application uses a module", "application/willkeeping/keeper.go",
		`package willkeeping; import "github.com/google/uuid"`, "uuid", `package willkeeping; import "log/slog"`,
	},
	{
		"import matrix", "a store imports another branch", "adapters/db/sqlstore/wills.go",
		`package sqlstore; import "github.com/opennsp/nsp/adapters/auditlog"`, "auditlog",
		`package sqlstore; import ("gorm.io/gorm"; "github.com/opennsp/nsp/adapters/db/memory")`,
	},
	{
		"import matrix", "a store imports a use case", "adapters/db/sqlstore/wills.go",
		`package sqlstore; import "github.com/opennsp/nsp/application/admitting"`, "admitting", `package sqlstore; import "github.com/opennsp/nsp/ports"`,
	},
	{
		"import matrix", "soap imports a store", "adapters/soap/willws/handler.go",
		`package willws; import "github.com/opennsp/nsp/adapters/db/memory"`, "memory",
		`package willws; import ("github.com/opennsp/nsp/adapters/xml/xmltree"; "github.com/opennsp/nsp/adapters/auth/dgws"; "github.com/opennsp/nsp/application/admitting")`,
	},
	{
		"import matrix", "auth imports soap", "adapters/auth/dgws/dgws.go",
		`package dgws; import "github.com/opennsp/nsp/adapters/soap"`, "soap", `package dgws; import "github.com/opennsp/nsp/adapters/xml/xmldsig"`,
	},
	{
		"import matrix", "xml imports auth", "adapters/xml/xmltree/tree.go",
		`package xmltree; import "github.com/opennsp/nsp/adapters/auth/dgws"`, "dgws", `package xmltree; import "unicode/utf8"`,
	},
	{
		"import matrix", "an adapter without a row", "adapters/mail/mail.go",
		`package mail`, "no row", `package mail`,
	},
	{
		"import matrix", "the binary uses a testing tool", "bootstrap/run.go",
		`package bootstrap; import "github.com/stretchr/testify/require"`, "testing tools",
		`package bootstrap; import "github.com/labstack/echo/v4"`,
	},
	{
		"import matrix", "the binary uses a suite", "bootstrap/run.go",
		`package bootstrap; import "github.com/opennsp/nsp/ports/portstest"`, "only tests import tests",
		`package bootstrap; import "github.com/opennsp/nsp/adapters/db/memory"`,
	},
	{
		"import matrix", "an adapter uses a testing tool", "adapters/auth/dgws/dgws.go",
		`package dgws; import "testing"`, "testing tools", `package dgws; import "crypto/rsa"`,
	},
	{
		"import matrix", "a helper for tests stays with tests", "bootstrap/run.go",
		`package bootstrap; import "github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"`, "only tests import tests",
		`package bootstrap; import "github.com/opennsp/nsp/adapters/auth/dgws"`,
	},
	{
		"clock", "domain reads the clock", "domain/will/will.go",
		`package will; import "time"; func f() time.Time { return time.Now() }`, "time.Now",
		`package will; import "time"; func f(now time.Time) time.Time { return now }`,
	},
	{
		"clock", "under another name", "application/willkeeping/keeper.go",
		`package willkeeping; import clock "time"; var f = clock.Since`, "time.Since",
		`package willkeeping; import clock "time"; var f = clock.UTC`,
	},
	{
		"clock", "in its own scope", "domain/will/will.go",
		`package will; import . "time"; func f() Time { return Now() }`, "own scope", `package will; import "time"; var f = time.UTC`,
	},
	{
		"clock", "a timer without a word", "application/willkeeping/keeper.go",
		"package willkeeping; import \"time\"\n\n// poll waits.\nfunc poll() { time.NewTimer(1) }", "time.NewTimer",
		"package willkeeping; import \"time\"\n\n// poll waits on a real timer: nothing else wakes it.\nfunc poll() { time.NewTimer(1) }",
	},
	{
		"package comment", "none", "domain/will/will.go", `package will`, "0 package comments", "// Package will keeps wills.\npackage will",
	},
	{
		"package comment", "of another name", "domain/will/will.go", "// Package wills keeps wills.\npackage will", "does not start",
		"// Package will keeps wills.\npackage will",
	},
	{
		"no init", "init", "bootstrap/run.go", `package bootstrap; func init() {}`, "func init", `package bootstrap; type T int; func (T) init() {}`,
	},
	{
		"no package state", "a lock", "adapters/soap/router.go", `package soap; import "sync"; var mu sync.Mutex`, "sync.Mutex",
		`package soap; import "sync"; var buffers = sync.Pool{New: func() any { return nil }}`,
	},
	{
		"no package state", "a channel", "adapters/soap/router.go", `package soap; var c = make(chan int)`, "channel",
		`package soap; func f() chan int { return make(chan int) }`,
	},
	{
		"no package state", "a table that grows", "adapters/soap/router.go",
		`package soap; var routes = map[string]int{}; func Register(n string) { routes[n] = 1 }`, "writes to the package variable routes",
		`package soap; var routes = map[string]int{"a": 1}; func f() { routes := map[string]int{}; routes["b"] = 2 }`,
	},
	{
		"no package state", "a counter", "adapters/soap/router.go",
		`package soap; var calls int; func f() { calls++ }`, "calls", `package soap; func f() { calls := 0; calls++ }`,
	},
	{
		"no package state", "delete", "adapters/soap/router.go",
		`package soap; var routes = map[string]int{}; func f() { delete(routes, "") }`, "routes", `package soap; func f(routes map[string]int) { delete(routes, "") }`,
	},
	{
		"no package state", "another package's", "bootstrap/run.go",
		`package bootstrap; import "log/slog"; func f() { slog.Level = nil }`, "slog.Level",
		`package bootstrap; import "net/http"; func f() { s := http.Server{}; s.Addr = "" }`,
	},
	{
		"unit of work", "a use case opens one", "application/willkeeping/keeper.go",
		`package willkeeping; func f(u unit) { u.Run(nil, nil, nil) }`, "opens a unit of work", `package willkeeping; func f(u unit) { u.Run(nil, nil) }`,
	},
	{
		"unit of work", "a use case holds one", "application/willkeeping/keeper.go",
		`package willkeeping; import "github.com/opennsp/nsp/ports"; type K struct{ u ports.UnitOfWork }`, "names ports.UnitOfWork",
		`package willkeeping; import "github.com/opennsp/nsp/ports"; type K struct{ l ports.AuditLog }`,
	},
	{
		"package names", "util", "domain/will/will.go", `package util`, `called "util"`, `package will`,
	},
	{
		"short main", "long", "bootstrap/nspd/main.go", "package main\nfunc main() {" + strings.Repeat("\n", 31) + "}", "32 lines",
		"package main\nfunc main() {}" + strings.Repeat("\n", 31),
	},
	{
		"port assertions", "silent", "adapters/db/memory/audit.go",
		`package memory; type Log struct{}; func (*Log) Ready(ctx int) error { return nil }; func (*Log) Append(ctx, e int) error { return nil }`,
		"implements ports.AuditLog",
		`package memory; var _ ports.AuditLog = (*Log)(nil); type Log struct{}; func (*Log) Ready(ctx int) error { return nil }; func (*Log) Append(ctx, e int) error { return nil }`,
	},
	{
		"no local paths", "a home", "README.md", "Look into /" + "home/me.", "README.md:1", "Look into ~.",
	},
	{
		"no local paths", "vectors beside the repository", "Makefile", "../" + "shared/vectors", "Makefile:1", "vectors",
	},
}

// TestRulesCanFail shows that each rule finds what it forbids and leaves alone what it allows.
func TestRulesCanFail(t *testing.T) {
	port := "package ports; type AuditLog interface { Ready(ctx int) error; Append(ctx int, e int) error }"
	shown := map[string]bool{"no empty folder": true} // below
	for _, b := range breaches {
		shown[b.rule] = true
		t.Run(b.rule+": "+b.name, func(t *testing.T) {
			check := find(t, b.rule).check
			tree := func(text string) *repo {
				return load(t, fstest.MapFS{b.path: {Data: []byte(text)}, "ports/audit.go": {Data: []byte(port)}})
			}
			assert.Contains(t, strings.Join(about(check(tree(b.bad)), b.path), "\n"), b.want)
			if b.good != b.bad {
				assert.Empty(t, about(check(tree(b.good)), b.path))
			}
		})
	}
	t.Run("two comments", func(t *testing.T) {
		r := load(t, fstest.MapFS{
			"domain/will/a.go": {Data: []byte("// Package will keeps wills.\npackage will")},
			"domain/will/b.go": {Data: []byte("// Package will keeps wills.\npackage will")},
		})
		assert.Len(t, packageComments(r), 1)
	})
	t.Run("no empty folder", func(t *testing.T) {
		r := load(t, fstest.MapFS{"domain/will": {Mode: os.ModeDir}, "domain/cpr/cpr.go": {Data: []byte("package cpr")}})
		assert.Equal(t, []string{"domain/will: holds no file"}, noEmptyFolder(r))
	})
	t.Run("the CI script may name the vectors", func(t *testing.T) {
		r := load(t, fstest.MapFS{mayNameVectors: {Data: []byte("../" + "shared/vectors")}})
		assert.Empty(t, noLocalPaths(r))
	})
	for _, rule := range rules {
		assert.True(t, shown[rule.name], "no source breaks the rule %q", rule.name)
	}
}

func find(t *testing.T, name string) rule {
	t.Helper()
	for _, r := range rules {
		if r.name == name {
			return r
		}
	}
	t.Fatalf("no rule is called %q", name)
	return rule{}
}

// about keeps the breaches of the file p or of its folder.
func about(bad []string, p string) []string {
	dir := path.Dir(p)
	return slices.DeleteFunc(bad, func(b string) bool {
		return !strings.HasPrefix(b, p) && !strings.HasPrefix(b, dir+"/") && !strings.HasPrefix(b, dir+":")
	})
}
