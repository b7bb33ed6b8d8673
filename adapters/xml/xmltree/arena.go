package xmltree

import (
	"cmp"
	"slices"
	"strings"
)

// Flags say what of an element is not yet in canonical form as it stands in the source.
type Flags uint8

// The flags of an [Element].
const (
	TagForm    Flags = 1 << iota // the start tag: declarations, white space, quotes or values that canonical form writes otherwise
	EndForm                      // the end tag holds white space
	EmptyTag                     // written as <name/>
	Decode                       // the text directly inside holds references, CR, CDATA or comments
	RawGreater                   // the text directly inside holds an unescaped '>'
	Prefixed                     // an attribute has a prefix
	hasID                        // an attribute may be an id
)

// Element is a node of the arena. Offsets are into the source. The descendants of an element follow it in document order, up to Last.
// It is exported for the canonicaliser; others use the methods of [Tree].
type Element struct {
	Start, Content uint32 // the '<' of the start tag; past its '>'
	Close, End     uint32 // the '<' of the end tag; past its '>'. For <name/> all of Content, Close and End are the same
	Parent, Last   Node   // Last is the last descendant, or the element itself
	Attr           uint32 // index of the first attribute
	NS             uint32 // index of the namespace of the name, 0 for none
	Scope          uint32 // index of the declaration read last that is in scope; Namespace.Prev leads to the others
	LocalLen       uint16
	PrefixLen      uint8
	Attrs          uint8 // number of attributes
	Decls          uint8 // number of namespace declarations: the last of them is Scope, the others stand directly before it
	Flags          Flags
}

// Attribute is an attribute of an element, in document order. Namespace declarations are not among them.
type Attribute struct {
	Name, Value uint32 // offsets of the qualified name and of the first octet of the value
	Len         uint32 // octets of the value as written
	NS          uint32 // index of the namespace, 0 for none
	LocalLen    uint16
	PrefixLen   uint8
	Special     bool // the value holds something that is decoded or that canonical form writes otherwise
}

// Namespace is a namespace declaration. Slot tells prefixes apart: two declarations that can be in scope at one place have the same Slot
// exactly if they declare the same prefix; [DefaultSlot] is the default namespace.
type Namespace struct {
	uri     uint32
	prefix  uint32
	Prev    uint32 // the declaration in scope before this one
	hash    uint32
	uriLen  uint16
	Len     uint8 // octets of the prefix
	Slot    uint8
	decoded bool // uri is an offset into the decoded names, not into the source
	Plain   bool // the name needs no escaping
}

// Slots and indexes that are the same in every tree.
const (
	DefaultSlot = 0
	XMLSlot     = 1
	XML         = 1 // index of the namespace of the prefix xml
)

// Arena gives the canonicaliser the nodes of the tree. Index 0 of each slice is no node. Nothing in it may be changed.
func (t *Tree) Arena() ([]Element, []Attribute, []Namespace) { return t.elems, t.attrs, t.spaces }

// URI returns the name of namespace i.
func (t *Tree) URI(i uint32) string {
	ns := &t.spaces[i]
	from := t.src
	if ns.decoded {
		from = t.names
	}
	return alias(from, int(ns.uri), int(ns.uriLen))
}

// fewComparisons is how many namespace names are compared octet by octet before they are put in order once and for all.
const fewComparisons = 256

// CompareURI compares the names of two namespaces as [strings.Compare] does.
func (t *Tree) CompareURI(i, j uint32) int {
	if len(t.ranks) == 0 {
		if t.compared++; t.compared <= fewComparisons {
			return strings.Compare(t.URI(i), t.URI(j))
		}
		t.rank()
	}
	return cmp.Compare(t.ranks[i], t.ranks[j])
}

// rank orders all namespaces by their names; those with one name have one rank.
func (t *Tree) rank() {
	order := make([]uint32, len(t.spaces))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(i, j uint32) int { return strings.Compare(t.URI(i), t.URI(j)) })
	t.ranks = append(t.ranks, order...)
	for k, i := range order {
		t.ranks[i] = uint32(k)
		if k > 0 && t.URI(i) == t.URI(order[k-1]) {
			t.ranks[i] = t.ranks[order[k-1]]
		}
	}
}

// Prefix returns the prefix that namespace i declares, "" for the default namespace.
func (t *Tree) Prefix(i uint32) string {
	if i == XML {
		return "xml"
	}
	return alias(t.src, int(t.spaces[i].prefix), int(t.spaces[i].Len))
}

// AttrLocal returns the local name of an attribute.
func (t *Tree) AttrLocal(a *Attribute) string {
	at := int(a.Name)
	if a.PrefixLen > 0 {
		at += int(a.PrefixLen) + 1
	}
	return alias(t.src, at, int(a.LocalLen))
}

// AttrRaw returns the value of an attribute as written.
func (t *Tree) AttrRaw(a *Attribute) string { return alias(t.src, int(a.Value), int(a.Len)) }

// NameLen returns the octets of the qualified name.
func (e *Element) NameLen() uint32 { return nameLen(e.PrefixLen, e.LocalLen) }

// NameLen returns the octets of the qualified name.
func (a *Attribute) NameLen() uint32 { return nameLen(a.PrefixLen, a.LocalLen) }

func nameLen(prefix uint8, local uint16) uint32 {
	if prefix == 0 {
		return uint32(local)
	}
	return uint32(prefix) + 1 + uint32(local)
}

// Empty reports whether namespace i undeclares the default namespace (xmlns="").
func (t *Tree) Empty(i uint32) bool { return t.spaces[i].uriLen == 0 }
