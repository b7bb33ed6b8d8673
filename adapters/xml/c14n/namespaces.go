package c14n

import (
	"cmp"
	"slices"
	"strings"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// collect finds the namespaces that the start tag of e has to declare.
func (p *printer) collect(e *xmltree.Element, apex bool) {
	p.fresh = p.fresh[:0]
	if e.Decls > 0 || apex {
		p.refuseRelative(e, apex)
	}
	if p.o.Method == Exclusive {
		p.used(e)
	}
	switch {
	case apex:
		p.inherited(e)
	case e.Decls > 0 && (p.o.Method == Inclusive || p.prefixCount > 0):
		for i := e.Scope - uint32(e.Decls) + 1; i <= e.Scope; i++ {
			if p.o.Method == Inclusive || p.listed(i) {
				p.show(i)
			}
		}
	}
}

// refuseRelative fails where e declares a relative namespace name, or the apex has one in scope: canonical form is not defined then
// (Canonical XML 1.0, 2.1).
func (p *printer) refuseRelative(e *xmltree.Element, apex bool) {
	for i, n := e.Scope, e.Decls; i != 0 && (n > 0 || apex); i, n = p.names[i].Prev, n-1 {
		if !p.tree.Empty(i) && !absolute(p.tree.URI(i)) {
			p.err = ErrRelative
		}
	}
}

// absolute reports whether a namespace name begins with a scheme (RFC 3986, 3.1).
func absolute(uri string) bool {
	for i := range len(uri) {
		switch c := uri[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return i > 0 && c == ':'
		}
	}
	return false
}

// used shows the namespaces that e visibly utilises (Exclusive XML Canonicalization 1.0, 1.1).
func (p *printer) used(e *xmltree.Element) {
	if e.PrefixLen == 0 && e.NS == 0 {
		p.hideDefault()
	} else if p.shown[p.names[e.NS].Slot] != e.NS {
		p.show(e.NS)
	}
	if e.Flags&xmltree.Prefixed == 0 {
		return
	}
	for i := range uint32(e.Attrs) {
		if ns := p.attrs[e.Attr+i].NS; ns != 0 {
			p.show(ns)
		}
	}
}

// inherited shows what the apex has in scope: all of it, or what the PrefixList names.
func (p *printer) inherited(e *xmltree.Element) {
	if p.o.Method == Inclusive {
		for i := e.Scope; i != 0; i = p.names[i].Prev {
			switch {
			case p.shown[p.names[i].Slot] != 0: // a newer one covers it
			case p.tree.Empty(i):
				p.set(i)
			default:
				p.show(i)
			}
		}
		return
	}
	for _, prefix := range p.prefixes[:p.prefixCount] {
		for i := e.Scope; i != 0; i = p.names[i].Prev {
			if p.tree.Prefix(i) == prefix {
				p.show(i)
				break
			}
		}
	}
}

// show makes the start tag declare namespace i, unless the open elements have it so already.
func (p *printer) show(i uint32) {
	ns := &p.names[i]
	if ns.Slot == xmltree.XMLSlot {
		return
	}
	if p.tree.Empty(i) {
		p.hideDefault()
		return
	}
	before := p.shown[ns.Slot]
	if before == i {
		return
	}
	p.set(i)
	if before == 0 || p.tree.URI(before) != p.tree.URI(i) {
		p.fresh = append(p.fresh, i)
	}
}

// hideDefault makes the start tag undeclare the default namespace, if there is one.
func (p *printer) hideDefault() {
	if before := p.shown[xmltree.DefaultSlot]; before != 0 && !p.tree.Empty(before) {
		p.undo = append(p.undo, shown{before, xmltree.DefaultSlot})
		p.shown[xmltree.DefaultSlot] = 0
		p.fresh = append(p.fresh, 0)
	}
}

func (p *printer) set(i uint32) {
	slot := p.names[i].Slot
	p.undo = append(p.undo, shown{p.shown[slot], slot})
	p.shown[slot] = i
}

// namespaces writes the declarations, sorted by prefix.
func (p *printer) namespaces(apex bool) {
	if len(p.fresh) > 1 {
		slices.SortFunc(p.fresh, func(a, b uint32) int { return strings.Compare(p.tree.Prefix(a), p.tree.Prefix(b)) })
	}
	if apex && p.o.EmptyDefault && (len(p.fresh) == 0 || p.tree.Prefix(p.fresh[0]) != "") {
		p.string(` xmlns=""`)
	}
	for _, i := range p.fresh {
		p.string(" xmlns")
		if prefix := p.tree.Prefix(i); prefix != "" {
			p.string(":")
			p.string(prefix)
		}
		p.string(`="`)
		if uri := p.tree.URI(i); p.names[i].Plain {
			p.string(uri)
		} else {
			for _, r := range uri {
				p.rune(r, true)
			}
		}
		p.string(`"`)
	}
}

// sorted reports whether the attributes of e stand in canonical order.
func (p *printer) sorted(e *xmltree.Element) bool {
	for i := e.Attr + 1; i < e.Attr+uint32(e.Attrs); i++ {
		if p.compare(&p.attrs[i-1], &p.attrs[i]) > 0 {
			return false
		}
	}
	return true
}

// compare orders attributes by namespace name and local name.
func (p *printer) compare(a, b *xmltree.Attribute) int {
	if a.NS != b.NS {
		if c := p.tree.CompareURI(a.NS, b.NS); c != 0 {
			return c
		}
	}
	return strings.Compare(p.tree.AttrLocal(a), p.tree.AttrLocal(b))
}

// compareInherited is compare for attributes of several elements: of two with one name that of the nearer element comes first, which stands
// later in the source.
func (p *printer) compareInherited(a, b *xmltree.Attribute) int {
	return cmp.Or(p.compare(a, b), cmp.Compare(b.Name, a.Name))
}

// attributes writes the attributes of e. The apex of inclusive canonical form has those of the prefix xml from its ancestors too.
func (p *printer) attributes(e *xmltree.Element, apex bool) {
	p.order = p.order[:0]
	for i := range uint32(e.Attrs) {
		p.order = append(p.order, &p.attrs[e.Attr+i])
	}
	if apex && p.o.Method == Inclusive {
		for n := e.Parent; n != xmltree.None; n = p.elems[n].Parent {
			outer := &p.elems[n]
			for i := range uint32(outer.Attrs) {
				if a := &p.attrs[outer.Attr+i]; a.NS == xmltree.XML {
					p.order = append(p.order, a)
				}
			}
		}
	}
	if len(p.order) > 1 {
		slices.SortFunc(p.order, p.compareInherited)
	}
	for i, a := range p.order {
		if i > 0 && p.compare(p.order[i-1], a) == 0 {
			continue // an inherited attribute that a nearer element has too
		}
		p.string(" ")
		p.bytes(p.src[a.Name : a.Name+a.NameLen()])
		p.string(`="`)
		if raw := p.src[a.Value : a.Value+a.Len]; a.Special {
			p.value(raw)
		} else {
			p.bytes(raw)
		}
		p.string(`"`)
	}
}
