// Package xmltree reads an XML message once into an arena of elements that point into the received bytes.
//
// It reads the XML 1.0 that signed SOAP messages are made of: UTF-8, namespaces, no document type, no processing instructions. Nothing is
// copied: names, values and text are offsets into the source and are decoded only when they hold references, carriage returns or CDATA.
// The parser keeps what Canonical XML needs, so that the tree which was verified is the tree that is read.
package xmltree

import (
	"errors"
	"iter"
)

// Node is an element of a [Tree]. The zero Node, [None], is no element: it has no name, no parent and no children.
type Node uint32

// None is the absence of an element.
const None Node = 0

// Tree is a parsed message. It is not safe for concurrent use with Release.
type Tree struct{ src []byte }

// Parse reads src, which must not be changed as long as the tree or a string taken from it is in use. The error is an *[Error].
func Parse(src []byte, l Limits) (*Tree, error) { return nil, errors.New("xmltree: not built yet") }

// Release gives the arena back. Strings taken from the tree stay valid; the tree and its nodes must not be used again.
func (t *Tree) Release() {}

// Source returns the bytes that were parsed.
func (t *Tree) Source() []byte { return t.src }

// Root returns the document element.
func (t *Tree) Root() Node { return None }

// Parent returns the element that holds n, or None.
func (t *Tree) Parent(n Node) Node { return None }

// First returns the first child element of n, or None.
func (t *Tree) First(n Node) Node { return None }

// Next returns the next sibling element of n, or None.
func (t *Tree) Next(n Node) Node { return None }

// Children ranges over the child elements of n in document order.
func (t *Tree) Children(n Node) iter.Seq[Node] { return func(func(Node) bool) {} }

// Is reports whether n has this expanded name. It is false for None.
func (t *Tree) Is(n Node, space, local string) bool { return false }

// Space returns the namespace name of n, or "".
func (t *Tree) Space(n Node) string { return "" }

// Local returns the local name of n, or "".
func (t *Tree) Local(n Node) string { return "" }

// Child returns the first child element of n with this expanded name, or None.
func (t *Tree) Child(n Node, space, local string) Node { return None }

// Only returns the one child element of n with this expanded name. The error wraps ErrMissing or ErrDuplicate.
func (t *Tree) Only(n Node, space, local string) (Node, error) { return None, ErrMissing }

// Attr returns the value of an attribute of n. An attribute without prefix has the namespace "".
func (t *Tree) Attr(n Node, space, local string) (string, bool) { return "", false }

// AttrCount returns the number of attributes of n, namespace declarations not counted.
func (t *Tree) AttrCount(n Node) int { return 0 }

// AttrAt returns attribute i of n in document order.
func (t *Tree) AttrAt(n Node, i int) (space, local, value string) { return "", "", "" }

// Text returns the text of n: all its text children joined and decoded, untrimmed. It is ErrElementContent if n has child elements.
func (t *Tree) Text(n Node) (string, error) { return "", nil }

// Range returns the octets of n in Source: start is the '<' of its start tag, end is past the '>' of its end tag.
func (t *Tree) Range(n Node) (start, end int) { return 0, 0 }

// ByID finds the elements that carry value as an id (attributes id, ID, Id without namespace, wsu:Id, xml:id). It returns the first of them
// in document order and how many such attributes there are.
func (t *Tree) ByID(value string) (n Node, count int) { return None, 0 }
