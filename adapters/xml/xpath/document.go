package xpath

import (
	"bytes"
	"strings"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

type nodeKind uint8

const (
	rootNode nodeKind = iota
	elementNode
	attributeNode
	textNode
	commentNode
)

// node is a node of the data model (XPath 1.0, 5). Nodes stand in document order, so that a node is its index: attributes follow their
// element, and its children follow them.
type node struct {
	kind     nodeKind
	attrs    uint8 // of an element
	decode   bool  // text that does not stand in the source as it is
	parent   int32 // -1 = none
	last     int32 // the last descendant or attribute, or the node itself
	before   int32 // the sibling before it, -1 = none
	elem     xmltree.Node
	from, to uint32 // of text and comments in the source; from is the number of an attribute
}

// document is the data model over a tree.
type document struct {
	tree   *xmltree.Tree
	elems  []xmltree.Element
	attrs  []xmltree.Attribute
	source string
	nodes  []node
}

// read lays the data model over a tree.
func read(tree *xmltree.Tree) *document {
	elems, attrs, _ := tree.Arena()
	d := &document{
		tree: tree, elems: elems, attrs: attrs, source: string(tree.Source()), nodes: make([]node, 1, 2*len(elems)+len(attrs)+2),
	}
	d.nodes[0] = node{kind: rootNode, parent: -1, before: -1}
	root := tree.Root()
	start, end := tree.Range(root)
	prolog := 0
	if strings.HasPrefix(d.source, "<?xml") {
		prolog = strings.Index(d.source, "?>") + 2
	}
	before := d.outside(prolog, start, -1)
	before = d.element(root, 0, before)
	d.outside(end, len(d.source), before)
	d.nodes[0].last = d.end()
	return d
}

// end is the last node so far.
func (d *document) end() int32 { return int32(len(d.nodes) - 1) } //nolint:gosec // a content has fewer octets

func (d *document) add(n node) int32 {
	n.last = int32(len(d.nodes)) //nolint:gosec // a content has fewer octets
	d.nodes = append(d.nodes, n)
	return n.last
}

// element adds an element with all that is in it, and returns it. Elements nest no deeper than the parser lets them.
func (d *document) element(e xmltree.Node, parent, before int32) int32 {
	this := &d.elems[e]
	n := d.add(node{kind: elementNode, attrs: this.Attrs, parent: parent, before: before, elem: e})
	for i := range uint32(this.Attrs) {
		d.add(node{kind: attributeNode, parent: n, before: -1, elem: e, from: i})
	}
	decode := this.Flags&xmltree.Decode != 0
	from, last := this.Content, int32(-1)
	for c := d.tree.First(e); c != xmltree.None; c = d.tree.Next(c) {
		last = d.between(from, d.elems[c].Start, decode, n, last)
		last = d.element(c, n, last)
		from = d.elems[c].End
	}
	d.between(from, this.Close, decode, n, last)
	d.nodes[n].last = d.end()
	return n
}

// outside adds the comments before or after the document element, and returns the last one.
func (d *document) outside(from, to int, before int32) int32 {
	for {
		start := strings.Index(d.source[from:to], commentStart)
		if start < 0 {
			return before
		}
		from += start + len(commentStart)
		end := from + strings.Index(d.source[from:to], commentEnd)
		before = d.add(node{kind: commentNode, parent: 0, before: before, from: uint32(from), to: uint32(end)}) //nolint:gosec // 2 MiB at most
		from = end + len(commentEnd)
	}
}

const (
	commentStart, commentEnd = "<!--", "-->"
	cdataStart, cdataEnd     = "<![CDATA[", "]]>"
)

// between adds the text and the comments between two tags, and returns the last of them. Text goes on over sections of CDATA.
func (d *document) between(from, to uint32, decode bool, parent, before int32) int32 {
	text := func(from, to uint32) {
		if from < to && (!decode || holds(d.tree.Source()[from:to])) {
			before = d.add(node{kind: textNode, decode: decode, parent: parent, before: before, from: from, to: to})
		}
	}
	if !decode {
		text(from, to)
		return before
	}
	for at := from; at < to; {
		rest := d.source[at:to]
		switch {
		case strings.HasPrefix(rest, commentStart):
			text(from, at)
			start := at + uint32(len(commentStart))
			end := start + uint32(strings.Index(d.source[start:to], commentEnd)) //nolint:gosec // the parser has seen it
			before = d.add(node{kind: commentNode, parent: parent, before: before, from: start, to: end})
			at = end + uint32(len(commentEnd))
			from = at
		case strings.HasPrefix(rest, cdataStart):
			at += uint32(strings.Index(rest, cdataEnd) + len(cdataEnd)) //nolint:gosec // the parser has seen it
		default:
			next := strings.IndexByte(rest[1:], '<')
			if next < 0 {
				at = to
				break
			}
			at += uint32(next) + 1 //nolint:gosec // 2 MiB at most
		}
	}
	text(from, to)
	return before
}

// holds tells whether raw stands for any text: empty sections of CDATA do not.
func holds(raw []byte) bool {
	for s := (xmltree.Scanner{Raw: raw}); s.Next(); {
		if len(s.Run) > 0 || s.Char != 0 {
			return true
		}
	}
	return false
}

// own returns the text of a node that has no children.
func (d *document) own(n *node) string {
	switch {
	case n.kind == attributeNode:
		_, _, value := d.tree.AttrAt(n.elem, int(n.from))
		return value
	case n.kind == commentNode:
		return strings.ReplaceAll(strings.ReplaceAll(d.source[n.from:n.to], "\r\n", "\n"), "\r", "\n")
	case !n.decode:
		return d.source[n.from:n.to]
	}
	var b bytes.Buffer
	b.Grow(int(n.to - n.from))
	for s := (xmltree.Scanner{Raw: d.tree.Source()[n.from:n.to]}); s.Next(); {
		if s.Char != 0 {
			b.WriteRune(s.Char)
		}
		b.Write(s.Run)
	}
	return b.String()
}

// attribute returns the attribute that n is.
func (d *document) attribute(n *node) *xmltree.Attribute {
	return &d.attrs[d.elems[n.elem].Attr+n.from]
}

// name returns the expanded name of an element or attribute; others have none.
func (d *document) name(n *node) (space, local string) {
	switch n.kind {
	case elementNode:
		return d.tree.Space(n.elem), d.tree.Local(n.elem)
	case attributeNode:
		a := d.attribute(n)
		return d.tree.URI(a.NS), d.tree.AttrLocal(a)
	default:
		return "", ""
	}
}

// qualified returns the name as it is written.
func (d *document) qualified(n *node) string {
	switch n.kind {
	case elementNode:
		e := &d.elems[n.elem]
		return d.source[e.Start+1:][:e.NameLen()]
	case attributeNode:
		a := d.attribute(n)
		return d.source[a.Name:][:a.NameLen()]
	default:
		return ""
	}
}
