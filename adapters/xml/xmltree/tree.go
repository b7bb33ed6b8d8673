// Package xmltree reads an XML message once into an arena of elements that point into the received bytes.
//
// It reads the XML 1.0 that signed SOAP messages are made of: UTF-8, namespaces, no document type, no processing instructions. Nothing is
// copied: names, values and text are offsets into the source and are decoded only when they hold references, carriage returns or CDATA.
// The parser keeps what Canonical XML needs, so that the tree which was verified is the tree that is read.
package xmltree

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
	"sync"
	"unicode/utf8"
)

// Node is an element of a [Tree]. The zero Node, [None], is no element: it has no name, no parent and no children.
type Node uint32

// None is the absence of an element.
const None Node = 0

// Namespace names the parser itself knows.
const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
	ds     = "http://www.w3.org/2000/09/xmldsig#"
	wsu    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	xmlNS  = "http://www.w3.org/XML/1998/namespace"
	xmlns  = "http://www.w3.org/2000/xmlns/"
)

// Tree is a parsed message. One goroutine at a time may use it.
type Tree struct {
	src    []byte
	elems  []Element
	attrs  []Attribute
	spaces []Namespace
	names  []byte // decoded namespace names; begins with the one of xml
	left   int    // octets that may still be canonicalised
	age    uint64 // counts the messages this arena has held
	scope  scope
	work   parser

	compared int      // namespace names compared octet by octet
	ranks    []uint32 // of the namespaces in the order of their names, once there were too many comparisons
	indexed  bool     // ids is complete
	ids      []id     // in document order
}

// arenas keeps released trees for the next messages.
var arenas = sync.Pool{New: func() any { return newTree() }}

// largestKept is the number of elements up to which a released arena is kept.
const largestKept = 1 << 17

// Parse reads src, which must not be changed as long as the tree or a string taken from it is in use. The error is an *[Error].
func Parse(src []byte, l Limits) (*Tree, error) {
	t := arenas.Get().(*Tree)
	if err := t.parse(src, &l); err != nil {
		t.Release()
		return nil, err
	}
	return t, nil
}

// Release gives the arena back. Strings taken from the tree stay valid; the tree and its nodes must not be used again: until the arena holds
// another message, use panics. Built with the tag poison an arena is never used again, so that use always panics.
func (t *Tree) Release() {
	t.src, t.left = nil, 0
	t.elems = t.elems[:0]
	t.age++
	if !poison && cap(t.elems) <= largestKept {
		arenas.Put(t)
	}
}

// Age changes when the tree is released: what was kept about nodes is then void.
func (t *Tree) Age() uint64 { return t.age }

// Spend takes octets from what may be canonicalised of this message, four times its size in all. It is false when that is used up.
func (t *Tree) Spend(octets int) bool {
	t.left -= octets
	return t.left >= 0
}

// Source returns the bytes that were parsed.
func (t *Tree) Source() []byte { return t.src }

// Root returns the document element.
func (t *Tree) Root() Node { return 1 }

// Parent returns the element that holds n, or None.
func (t *Tree) Parent(n Node) Node { return t.elems[n].Parent }

// First returns the first child element of n, or None.
func (t *Tree) First(n Node) Node {
	if t.elems[n].Last > n {
		return n + 1
	}
	return None
}

// Next returns the next sibling element of n, or None.
func (t *Tree) Next(n Node) Node {
	e := &t.elems[n]
	if next := e.Last + 1; n != None && int(next) < len(t.elems) && t.elems[next].Parent == e.Parent {
		return next
	}
	return None
}

// Children ranges over the child elements of n in document order.
func (t *Tree) Children(n Node) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for c := t.First(n); c != None && yield(c); {
			c = t.Next(c)
		}
	}
}

// Inside reports whether n is in the element of or is that element.
func (t *Tree) Inside(n, of Node) bool { return of != None && n >= of && n <= t.elems[of].Last }

// Is reports whether n has this expanded name. It is false for None.
func (t *Tree) Is(n Node, space, local string) bool {
	e := &t.elems[n]
	return int(e.LocalLen) == len(local) && n != None && t.Local(n) == local && t.URI(e.NS) == space
}

// Space returns the namespace name of n, or "".
func (t *Tree) Space(n Node) string { return t.URI(t.elems[n].NS) }

// Local returns the local name of n, or "".
func (t *Tree) Local(n Node) string {
	e := &t.elems[n]
	at := int(e.Start) + 1
	if e.PrefixLen > 0 {
		at += int(e.PrefixLen) + 1
	}
	return alias(t.src, at, int(e.LocalLen))
}

// Child returns the first child element of n with this expanded name, or None.
func (t *Tree) Child(n Node, space, local string) Node {
	c := t.First(n)
	for c != None && !t.Is(c, space, local) {
		c = t.Next(c)
	}
	return c
}

// Only returns the one child element of n with this expanded name. The error wraps ErrMissing or ErrDuplicate.
func (t *Tree) Only(n Node, space, local string) (Node, error) {
	found := t.Child(n, space, local)
	if found == None {
		return None, fmt.Errorf("%w: %s", ErrMissing, local)
	}
	for c := t.Next(found); c != None; c = t.Next(c) {
		if t.Is(c, space, local) {
			return None, fmt.Errorf("%w: %s", ErrDuplicate, local)
		}
	}
	return found, nil
}

// Attr returns the value of an attribute of n. An attribute without prefix has the namespace "".
func (t *Tree) Attr(n Node, space, local string) (string, bool) {
	e := &t.elems[n]
	for i := range uint32(e.Attrs) {
		a := &t.attrs[e.Attr+i]
		if int(a.LocalLen) == len(local) && t.AttrLocal(a) == local && t.URI(a.NS) == space {
			return t.attrValue(a), true
		}
	}
	return "", false
}

// AttrCount returns the number of attributes of n, namespace declarations not counted.
func (t *Tree) AttrCount(n Node) int { return int(t.elems[n].Attrs) }

// AttrAt returns attribute i of n in document order.
func (t *Tree) AttrAt(n Node, i int) (space, local, value string) {
	e := &t.elems[n]
	if i < 0 || i >= int(e.Attrs) {
		return "", "", ""
	}
	a := &t.attrs[int(e.Attr)+i]
	return t.URI(a.NS), t.AttrLocal(a), t.attrValue(a)
}

// Lookup returns the namespace that prefix is bound to at n; the prefix "" asks for the default namespace. It serves qualified names in
// values, such as xsi:type.
func (t *Tree) Lookup(n Node, prefix string) (space string, ok bool) {
	if prefix == "xml" {
		return xmlNS, true
	}
	for i := t.elems[n].Scope; i != 0; i = t.spaces[i].Prev {
		if t.Prefix(i) == prefix {
			return t.URI(i), t.spaces[i].uriLen > 0
		}
	}
	return "", false
}

// Text returns the text of n: all its text children joined and decoded, untrimmed. It is ErrElementContent if n has child elements.
func (t *Tree) Text(n Node) (string, error) {
	e := &t.elems[n]
	if e.Last > n {
		return "", ErrElementContent
	}
	if e.Flags&Decode == 0 {
		return alias(t.src, int(e.Content), int(e.Close-e.Content)), nil
	}
	return decodeText(t.src[e.Content:e.Close]), nil
}

// Blank reports whether all the text directly inside n is white space.
func (t *Tree) Blank(n Node) bool {
	from, end := t.elems[n].Content, t.elems[n].Close
	for c := t.First(n); c != None; c = t.Next(c) {
		if !blank(t.src[from:t.elems[c].Start]) {
			return false
		}
		from = t.elems[c].End
	}
	return blank(t.src[from:end])
}

func blank(raw []byte) bool {
	const space = " \t\r\n"
	for s := (Scanner{Raw: raw}); s.Next(); {
		if len(bytes.Trim(s.Run, space)) > 0 || s.Char != 0 && !strings.ContainsRune(space, s.Char) {
			return false
		}
	}
	return true
}

// Range returns the octets of n in Source: start is the '<' of its start tag, end is past the '>' of its end tag.
func (t *Tree) Range(n Node) (start, end int) {
	e := &t.elems[n]
	return int(e.Start), int(e.End)
}

func (t *Tree) attrValue(a *Attribute) string {
	if !a.Special {
		return t.AttrRaw(a)
	}
	return string(appendAttr(nil, t.src[a.Value:a.Value+a.Len]))
}

// appendAttr appends the value that raw stands for: references decoded, literal white space as spaces (XML 1.0, 3.3.3).
func appendAttr(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		switch c := raw[i]; c {
		case '&':
			r, size := Reference(raw[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
		case '\r', '\n', '\t':
			dst = append(dst, ' ')
			i++
			if c == '\r' && i < len(raw) && raw[i] == '\n' {
				i++
			}
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

// decodeText returns the text that raw, the content of an element without child elements, stands for.
func decodeText(raw []byte) string {
	var b strings.Builder
	b.Grow(len(raw))
	for s := (Scanner{Raw: raw}); s.Next(); {
		if s.Char != 0 {
			b.WriteRune(s.Char)
		}
		b.Write(s.Run)
	}
	return b.String()
}
