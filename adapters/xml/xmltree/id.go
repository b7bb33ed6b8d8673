package xmltree

import (
	"bytes"
	"slices"
)

// id is an attribute that is an id: the hash of its value and its element.
type id struct {
	hash uint32
	node Node
}

// ByID finds the elements that carry value as an id (attributes id, ID, Id without namespace, wsu:Id, xml:id). It returns the first of them
// in document order and how many such attributes there are.
func (t *Tree) ByID(value string) (n Node, count int) {
	if !t.indexed {
		t.index()
	}
	hash := t.idHash([]byte(value))
	for _, x := range t.ids {
		if x.hash != hash {
			continue
		}
		if c := t.carries(x.node, value); c > 0 {
			if count == 0 {
				n = x.node
			}
			count += c
		}
	}
	return n, count
}

// IsID reports whether n carries value as an id.
func (t *Tree) IsID(n Node, value string) bool { return t.carries(n, value) > 0 }

// index lists the ids, each element once for a hash.
func (t *Tree) index() {
	t.indexed = true
	for i := range t.elems {
		e := &t.elems[i]
		if e.Flags&hasID == 0 {
			continue
		}
		from := len(t.ids)
		for j := range uint32(e.Attrs) {
			if a := &t.attrs[e.Attr+j]; t.isID(a) {
				var buf [64]byte
				if x := (id{t.idHash(t.idValue(buf[:0], a)), Node(i)}); !slices.Contains(t.ids[from:], x) {
					t.ids = append(t.ids, x)
				}
			}
		}
	}
}

func (t *Tree) idHash(value []byte) uint32 { return uint32(t.scope.hash(value)) }

// carries returns how many ids of n have a value.
func (t *Tree) carries(n Node, value string) (count int) {
	e := &t.elems[n]
	for j := range uint32(e.Attrs) {
		if a := &t.attrs[e.Attr+j]; t.isID(a) {
			var buf [64]byte
			if string(t.idValue(buf[:0], a)) == value {
				count++
			}
		}
	}
	return count
}

func (t *Tree) isID(a *Attribute) bool {
	switch t.AttrLocal(a) {
	case "id":
		return a.NS == 0 || a.NS == XML
	case "ID":
		return a.NS == 0
	case "Id":
		return a.NS == 0 || t.URI(a.NS) == wsu
	}
	return false
}

// idValue returns the value of an id, appended to dst where it is to be decoded.
func (t *Tree) idValue(dst []byte, a *Attribute) []byte {
	v := t.src[a.Value : a.Value+a.Len]
	if a.Special {
		v = appendAttr(dst, v)
	}
	if a.NS == XML { // processors of xml:id trim the value
		v = bytes.Trim(v, " ")
	}
	return v
}
