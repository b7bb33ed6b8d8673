package arch

import (
	"fmt"
	"slices"
	"strings"
)

// layer is a row of the import matrix. Standard packages are free unless std lists the allowed ones.
type layer struct {
	folder string
	std    []string
	third  []string // modules or packages; "*" is any
	own    []string // folders of this module
	// What its _test.go files may import beside that; standard packages are free there.
	testThird, testOwn []string
}

// pure are the standard packages without input, output, clock or shared state.
var pure = []string{
	"bytes", "cmp", "crypto/hmac", "crypto/sha256", "encoding/base64", "encoding/hex", "encoding/json", "errors", "fmt", "hash/fnv", "iter", "maps",
	"math", "math/bits", "regexp", "slices", "strconv", "strings", "time", "unicode", "unicode/utf8",
}

const (
	testify = "github.com/stretchr/testify"
	rapid   = "pgregory.net/rapid"
	goleak  = "go.uber.org/goleak"
)

var oracles = []string{testify, rapid, goleak, "github.com/russellhaering/goxmldsig", "github.com/beevik/etree", "testing", "net/http/httptest"}

// matrix says who may import whom. The longest folder that matches decides.
var matrix = slices.Concat([]layer{
	{folder: "domain", std: pure, own: []string{"domain"}, testThird: []string{testify, rapid}},
	{folder: "domain/ecpr", std: pure, third: []string{"golang.org/x/text/unicode/norm"}, own: []string{"domain"}, testThird: []string{testify, rapid}},
	{folder: "ports", own: []string{"domain", "ports"}, testThird: []string{testify, rapid}},
	{folder: "ports/portstest", third: []string{testify, rapid}, own: []string{"domain", "ports"}, testOwn: []string{"adapters/db/memory"}},
	{
		folder: "application", own: []string{"domain", "ports", "application"},
		testThird: []string{testify, rapid, goleak}, testOwn: []string{"adapters/db/memory"},
	},
	{folder: "bootstrap", third: anyModule, own: []string{"domain", "ports", "application", "adapters", "bootstrap"}, testOwn: []string{"tests"}},
	{folder: "tests", third: anyModule, own: []string{"domain", "ports", "application", "adapters", "bootstrap", "tests"}},
},
	driven("db", "kafka", "auditlog", "telemetry", "files"),
	driving("soap", "auth", "xml"), driving("rest", "auth", "xml"), driving("dcc", "auth", "xml"), driving("console"),
	driving("auth", "xml"), driving("xml"),
)

var anyModule = []string{"*"}

// adapterTests is what tests of adapters may use: every adapter, keys and samples of the test federation, and real servers.
var adapterTests = []string{"domain", "ports", "application", "adapters", "bootstrap/devfed", "tests/postgrestest", "tests/kafkatest"}

func driven(names ...string) []layer {
	var rows []layer
	for _, n := range names {
		f := "adapters/" + n
		rows = append(rows, layer{folder: f, third: anyModule, own: []string{"domain", "ports", f}, testOwn: adapterTests})
	}
	return rows
}

func driving(name string, others ...string) []layer {
	f := "adapters/" + name
	own := []string{"domain", "ports", "application", f}
	for _, o := range others {
		own = append(own, "adapters/"+o)
	}
	return []layer{{folder: f, third: anyModule, own: own, testOwn: adapterTests}}
}

// layerOf returns the row that governs dir.
func layerOf(dir string) (layer, bool) {
	best, found := layer{}, false
	for _, l := range matrix {
		if under(dir, l.folder) && len(l.folder) > len(best.folder) {
			best, found = l, true
		}
	}
	return best, found
}

// forTests tells whether dir only serves tests: everything under tests, and helpers, whose names end in test.
func forTests(dir string) bool { return under(dir, "tests") || strings.HasSuffix(dir, "test") }

// allows tells whether a file of the layer may import p; why names the rule it breaks.
func (l layer) allows(f *goFile, p string) (why string, ok bool) {
	productive := !f.test && !forTests(f.dir)
	own, isOwn := strings.CutPrefix(p, module+"/")
	first, _, _ := strings.Cut(p, "/")
	switch {
	case productive && under(p, oracles...):
		return "only tests import testing tools", false
	case isOwn:
		allowed := l.own
		if f.test {
			allowed = slices.Concat(l.own, l.testOwn)
		}
		if productive && forTests(own) {
			return "only tests import tests", false
		}
		return fmt.Sprintf("%s imports only %s of this module", l.folder, strings.Join(allowed, ", ")), under(own, allowed...)
	case strings.Contains(first, "."):
		allowed := l.third
		if f.test {
			allowed = slices.Concat(l.third, l.testThird)
		}
		return fmt.Sprintf("%s imports only these other modules: %v", l.folder, allowed), slices.Contains(allowed, "*") || under(p, allowed...)
	default:
		return l.folder + " imports only standard packages without input, output or clock", f.test || l.std == nil || slices.Contains(l.std, p)
	}
}

// importsMatrix finds imports that the matrix does not allow.
func importsMatrix(r *repo) []string {
	var bad []string
	for _, f := range r.files {
		l, ok := layerOf(f.dir)
		if !ok {
			bad = append(bad, f.path+": this folder has no row in the import matrix")
			continue
		}
		for _, p := range f.imports() {
			if why, ok := l.allows(f, p); !ok {
				bad = append(bad, fmt.Sprintf("%s: imports %s, but %s", f.path, p, why))
			}
		}
	}
	return bad
}
