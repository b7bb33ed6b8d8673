package xpath_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xpath"
	"github.com/opennsp/nsp/domain/nas"
)

func namespaces() map[string]string {
	return map[string]string{"advis": "http://nsi.dk/advis/v10", "c": "urn:c", "e": "urn:e"}
}

// shell has libxml2 evaluate expressions at the root of a document, in one process: "true", "false", or "error".
func shell(t *testing.T, file string, expressions []string) []string {
	t.Helper()
	xmllint := xmltest.Tool(t, "xmllint")
	var in strings.Builder
	for prefix, uri := range namespaces() {
		fmt.Fprintf(&in, "setns %s=%s\n", prefix, uri)
	}
	for i, e := range expressions {
		fmt.Fprintf(&in, "xpath 'number<%d>'\nxpath boolean(/self::node()[boolean(%s)])\n", i, e)
	}
	command := exec.CommandContext(t.Context(), xmllint, "--nonet", "--nocdata", "--shell", file)
	command.Stdin = strings.NewReader(in.String())
	out, err := command.CombinedOutput()
	require.NoError(t, err)
	answers, at := make([]string, len(expressions)), 0
	for line := range strings.Lines(string(out)) {
		if _, after, found := strings.Cut(line, "number<"); found {
			_, err := fmt.Sscanf(after, "%d", &at)
			require.NoError(t, err)
		}
		for said, answer := range map[string]string{"Object is a Boolean : true": "true", "Object is a Boolean : false": "false", "rror": "error"} {
			if strings.Contains(line, said) {
				answers[at] = answer
			}
		}
	}
	return answers
}

// answer is what this package makes of an expression, in the same words.
func answer(doc []byte, expression string) string {
	x, err := (xpath.Filter{}).Compile(nas.XPath{Expression: expression, Namespaces: namespaces()})
	if err != nil {
		return "error"
	}
	matches, err := x.Match(doc)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(matches)
}

// onDocuments compares the answers of both on the documents in testdata.
func onDocuments(t *testing.T, expressions []string) {
	t.Helper()
	for _, name := range []string{"card.xml", "mixed.xml"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name)
			doc, err := os.ReadFile(file)
			require.NoError(t, err)
			said := map[string]int{}
			for i, want := range shell(t, file, expressions) {
				said[want]++
				assert.Equal(t, want, answer(doc, expressions[i]), "%s", expressions[i])
			}
			assert.Greater(t, min(said["true"], said["false"]), len(expressions)/5, "both answers occur: %v", said)
		})
	}
}

// The expressions in testdata: all of XPath 1.0 that is offered, and much that is none.
func TestLikeXmllint(t *testing.T) {
	raw, err := os.ReadFile("testdata/expressions.txt")
	require.NoError(t, err)
	var all []string
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "# ") {
			all = append(all, line)
		}
	}
	onDocuments(t, all)
}

// Expressions that are generated, so that parts meet which nobody thought of.
func TestGeneratedLikeXmllint(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(7, 8))}
	var all []string
	for len(all) < 2500 {
		if e := g.boolean(3); len(e) < 400 { // the shell reads no longer lines
			all = append(all, e)
		}
	}
	onDocuments(t, all)
}

// generator makes expressions up to a depth.
type generator struct{ *rand.Rand }

func (g generator) of(all ...string) string { return all[g.IntN(len(all))] }

func (g generator) boolean(depth int) string {
	if depth <= 0 {
		return g.of("true()", "false()", "//b", "@n", "b", "lang('en')")
	}
	d := depth - 1
	switch g.IntN(8) {
	case 0:
		return "not(" + g.boolean(d) + ")"
	case 1:
		return "(" + g.boolean(d) + g.of(" and ", " or ") + g.boolean(d) + ")"
	case 2:
		return g.set(d)
	case 3:
		return g.of("contains", "starts-with") + "(" + g.text(d) + ", " + g.text(d) + ")"
	case 4:
		return "boolean(" + g.any(d) + ")"
	default:
		return "(" + g.any(d) + g.of(" = ", " != ", " < ", " <= ", " > ", " >= ") + g.any(d) + ")"
	}
}

func (g generator) any(depth int) string {
	switch g.IntN(5) {
	case 0:
		return g.boolean(depth)
	case 1:
		return g.text(depth)
	case 2:
		return g.number(depth)
	default:
		return g.set(depth)
	}
}

func (g generator) text(depth int) string {
	if depth <= 0 {
		return g.of("'x'", "'y'", "''", "'5'", "string()", "name()", "local-name()", "normalize-space()")
	}
	d := depth - 1
	switch g.IntN(7) {
	case 0:
		return "string(" + g.any(d) + ")"
	case 1:
		return "concat(" + g.text(d) + ", " + g.text(d) + ")"
	case 2:
		return g.of("substring-before", "substring-after") + "(" + g.text(d) + ", " + g.text(d) + ")"
	case 3:
		return "substring(" + g.text(d) + ", " + g.number(d) + ", " + g.number(d) + ")"
	case 4:
		return "translate(" + g.text(d) + ", " + g.text(d) + ", " + g.text(d) + ")"
	case 5:
		return g.of("name", "local-name", "namespace-uri", "normalize-space") + "(" + g.set(d) + ")"
	default:
		return g.set(d)
	}
}

func (g generator) number(depth int) string {
	if depth <= 0 {
		return g.of("0", "1", "2", "3", "5", ".5", "-1", "position()", "last()", "number()", "string-length()")
	}
	d := depth - 1
	switch g.IntN(6) {
	case 0:
		return g.of("count", "sum") + "(" + g.set(d) + ")"
	case 1:
		return g.of("floor", "ceiling", "round", "number") + "(" + g.number(d) + ")"
	case 2:
		return "(" + g.number(d) + g.of(" + ", " - ", " * ", " div ", " mod ") + g.number(d) + ")"
	case 3:
		return "- " + g.number(d)
	case 4:
		return "string-length(" + g.text(d) + ")"
	default:
		return "number(" + g.any(d) + ")"
	}
}

// set has no axis following from an attribute: there libxml2 leaves out what the element of the attribute holds.
func (g generator) set(depth int) string {
	var b strings.Builder
	switch g.IntN(6) {
	case 0:
		b.WriteString(".")
	case 1:
		b.WriteString("(" + g.set(depth-1) + g.of(" | //a", " | //@n", " | //b/..", ")[1]/self::node() | (/*") + ")" + g.predicate(depth-1))
	default:
		b.WriteString(g.of("/", "//", "//", "") + g.step(depth))
	}
	for range g.IntN(3) {
		b.WriteString(g.of("/", "/", "//") + g.step(depth))
	}
	return b.String()
}

func (g generator) step(depth int) string {
	axis := g.of("", "", "", "", "child::", "descendant::", "descendant-or-self::", "self::", "parent::", "ancestor::", "ancestor-or-self::",
		"following-sibling::", "preceding-sibling::", "preceding::")
	test := g.of("*", "*", "b", "b", "a", "d", "node()", "node()", "text()", "comment()", "c:*", "c:version", "e:p", "advis:NotifyContent")
	if g.IntN(8) == 0 {
		axis, test = g.of("@", "attribute::"), g.of("*", "n", "k", "c:n", "xml:lang", "node()")
	}
	return axis + test + g.predicate(depth-1)
}

func (g generator) predicate(depth int) string {
	if depth < 0 || g.IntN(2) == 0 {
		return ""
	}
	p := "[" + g.of(g.number(0), g.number(depth), g.boolean(depth), g.boolean(depth), "position() = "+g.number(depth)) + "]"
	if g.IntN(3) == 0 {
		p += g.predicate(depth - 1)
	}
	return p
}
