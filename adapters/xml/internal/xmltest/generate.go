// Package xmltest makes XML for the tests of the kernel: generated documents, signed messages, and the oracles they are compared with.
package xmltest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Style says which forms generated documents use.
type Style struct {
	Comments bool
	Blanks   bool // literal tabs, line ends and CR in attribute values and text
	IDs      bool // elements carry xml:id with numbered values
	Simple   bool // no undeclared default namespace, no attributes with prefixes
}

// Generator makes documents that are well-formed and full of what canonicalisation has to change.
type Generator struct {
	Style
	Rand *rand.Rand
	Used []string // the ids so far

	b     strings.Builder
	scope []map[string]string // per open element: prefix to namespace
}

var prefixes = []string{"a", "b", "ns1", "ns2", "longerprefix", "soap"}

var spaces = []string{"urn:a", "urn:b", "http://example.org/one", "http://example.org/two?x=1", "urn:c"}

var locals = []string{"A", "b", "Item", "value", "x-y.z_1", "Åse", "Envelope"}

// Document returns a document.
func (g *Generator) Document() []byte {
	g.b.Reset()
	if g.Rand.IntN(3) == 0 {
		g.b.WriteString("<?xml version=\"1.0\" encoding='UTF-8'?>\n")
	}
	g.Element(0)
	return []byte(g.b.String())
}

// Fragment returns one element that declares all it uses.
func (g *Generator) Fragment() string {
	g.b.Reset()
	g.Element(0)
	return g.b.String()
}

// Element appends an element at the given depth.
func (g *Generator) Element(depth int) {
	r := g.Rand
	declared := map[string]string{}
	for range r.IntN(4) * r.IntN(2) {
		declared[prefixes[r.IntN(len(prefixes))]] = spaces[r.IntN(len(spaces))]
	}
	switch r.IntN(6) {
	case 0:
		declared[""] = spaces[r.IntN(len(spaces))]
	case 1:
		if !g.Simple {
			declared[""] = ""
		}
	}
	g.scope = append(g.scope, declared)
	defer func() { g.scope = g.scope[:len(g.scope)-1] }()

	name := g.prefix() + locals[r.IntN(len(locals))]
	g.b.WriteString("<" + name)
	var parts []string
	for p, uri := range declared {
		if p != "" {
			p = ":" + p
		}
		parts = append(parts, "xmlns"+p+g.equals()+g.quoted(uri))
	}
	seen := map[string]bool{}
	for range r.IntN(4) {
		prefix := ""
		if !g.Simple {
			prefix = g.prefix()
		}
		local := locals[r.IntN(len(locals))]
		key := g.lookup(strings.TrimSuffix(prefix, ":")) + "|" + local
		if prefix == "" {
			key = "|" + local
		}
		if !seen[key] {
			seen[key] = true
			parts = append(parts, prefix+local+g.equals()+g.quoted(g.characters()))
		}
	}
	if r.IntN(6) == 0 {
		parts = append(parts, "xml:lang"+g.equals()+g.quoted([]string{"da", "en"}[r.IntN(2)]))
	}
	if g.IDs && (depth == 0 || r.IntN(2) == 0) {
		id := fmt.Sprintf("i%d", len(g.Used))
		g.Used = append(g.Used, id)
		parts = append(parts, fmt.Sprintf(`xml:id="%s"`, id))
	}
	// Maps have no order; the generator must have one.
	slices.Sort(parts)
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for _, p := range parts {
		g.b.WriteString(g.blank() + p)
	}
	if r.IntN(8) == 0 {
		g.b.WriteString(g.blank())
	}
	if r.IntN(4) == 0 {
		g.b.WriteString("/>")
		return
	}
	g.b.WriteString(">")
	for range r.IntN(5) {
		switch k := r.IntN(10); {
		case k < 5 && depth < 6:
			g.Element(depth + 1)
		case k == 5:
			g.b.WriteString("<![CDATA[" + strings.ReplaceAll("<&> ]] x]>]"+g.line(), "]]>", "") + "]]>")
		case k == 6 && g.Comments:
			g.b.WriteString("<!-- < > & - -->")
		default:
			g.b.WriteString(g.characters())
		}
	}
	g.b.WriteString("</" + name)
	if r.IntN(8) == 0 {
		g.b.WriteString(g.blank())
	}
	g.b.WriteString(">")
}

// prefix returns a prefix in scope with its colon, or "".
func (g *Generator) prefix() string {
	p := prefixes[g.Rand.IntN(len(prefixes))]
	if g.Rand.IntN(3) == 0 || g.lookup(p) == "" {
		return ""
	}
	return p + ":"
}

func (g *Generator) lookup(prefix string) string {
	for i := len(g.scope) - 1; i >= 0; i-- {
		if uri, ok := g.scope[i][prefix]; ok {
			return uri
		}
	}
	return ""
}

func (g *Generator) blank() string {
	if g.Rand.IntN(4) > 0 {
		return " "
	}
	return []string{"  ", "\n", "\t ", " \r\n "}[g.Rand.IntN(4)]
}

func (g *Generator) line() string {
	if !g.Blanks {
		return ""
	}
	return []string{"\n", "\r\n", "\r", "\t"}[g.Rand.IntN(4)]
}

func (g *Generator) equals() string {
	if g.Rand.IntN(8) > 0 {
		return "="
	}
	return " = "
}

// quoted puts an attribute value between quotes.
func (g *Generator) quoted(v string) string {
	if g.Rand.IntN(5) == 0 {
		return "'" + strings.ReplaceAll(v, "'", "&apos;") + "'"
	}
	return `"` + strings.ReplaceAll(v, `"`, "&quot;") + `"`
}

// characters returns text or an attribute value.
func (g *Generator) characters() string {
	pieces := []string{"plain", "æøå €", "𝄞", "&amp;", "&lt;", "&gt;", "&#65;", "&#x20AC;", "&#13;", "&#xA;", "&#9;", ">", `"`, "'", " ", "]] ", "&apos;", "&quot;"}
	var b strings.Builder
	for range g.Rand.IntN(4) {
		b.WriteString(pieces[g.Rand.IntN(len(pieces))])
		if g.Rand.IntN(3) == 0 {
			b.WriteString(g.line())
		}
	}
	return b.String()
}
