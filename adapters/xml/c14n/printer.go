package c14n

import (
	"io"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// printer is the state of one Write.
type printer struct {
	w     io.Writer
	tree  *xmltree.Tree
	src   []byte
	elems []xmltree.Element
	attrs []xmltree.Attribute
	names []xmltree.Namespace
	o     Options

	prefixes    [MaxPrefixes]string
	prefixCount int

	buf  []byte // written, not yet given to w
	from uint32 // source octets from here to pos are to be written as they are
	pos  uint32 // how far the source has been dealt with
	err  error

	shown [256]uint32 // per slot: the namespace as the open elements wrote it, 0 for none
	undo  []shown     // what to put back when they end
	stack []open
	fresh []uint32             // namespaces to write in the current start tag; 0 is xmlns=""
	order []*xmltree.Attribute // its attributes
}

type shown struct {
	ns   uint32
	slot uint8
}

type open struct {
	node xmltree.Node
	undo int // length of the undo list before it
}

func (p *printer) begin(w io.Writer, t *xmltree.Tree, o Options) {
	p.w, p.tree, p.src, p.o = w, t, t.Source(), o
	p.elems, p.attrs, p.names = t.Arena()
}

func (p *printer) end() {
	clear(p.prefixes[:p.prefixCount])
	clear(p.shown[:])
	clear(p.order)
	*p = printer{buf: p.buf[:0], undo: p.undo[:0], stack: p.stack[:0], fresh: p.fresh[:0], order: p.order[:0]}
}

// element writes the apex and everything in it.
func (p *printer) element(apex xmltree.Node) {
	p.from = p.elems[apex].Start
	p.pos = p.from
	last := p.elems[apex].Last
	for n := apex; n <= last && p.err == nil; n++ {
		e := &p.elems[n]
		for len(p.stack) > 0 && p.stack[len(p.stack)-1].node != e.Parent {
			p.pop()
		}
		if n != apex {
			p.text(&p.elems[e.Parent], e.Start)
		}
		if n == p.o.Skip {
			p.run()
			p.from, p.pos = e.End, e.End
			n = e.Last
			continue
		}
		mark := len(p.undo)
		p.startTag(e, n == apex)
		if e.Last == n {
			p.endTag(e, mark)
			continue
		}
		p.stack = append(p.stack, open{n, mark})
	}
	for len(p.stack) > 0 {
		p.pop()
	}
	p.run()
}

func (p *printer) pop() {
	top := p.stack[len(p.stack)-1]
	p.stack = p.stack[:len(p.stack)-1]
	p.endTag(&p.elems[top.node], top.undo)
}

// startTag writes the start tag of e; of <name/> all.
func (p *printer) startTag(e *xmltree.Element, apex bool) {
	p.collect(e, apex)
	nameEnd := e.Start + 1 + e.NameLen()
	asWritten := e.Flags&xmltree.TagForm == 0 && (e.Attrs < 2 || p.sorted(e)) && !(apex && p.o.Method == Inclusive)
	empty := e.Flags&xmltree.EmptyTag != 0
	if len(p.fresh) > 0 || !asWritten || apex && p.o.EmptyDefault {
		p.pos = nameEnd
		p.run()
		p.namespaces(apex)
	}
	if !asWritten {
		p.attributes(e, apex)
		p.string(">")
		p.from = e.Content
	}
	p.pos = e.Content
	if !empty {
		return
	}
	if asWritten {
		p.pos = e.Content - uint32(len("/>"))
		p.run()
		p.string(">")
	}
	p.string("</")
	p.bytes(p.src[e.Start+1 : nameEnd])
	p.string(">")
	p.from, p.pos = e.Content, e.Content
}

// endTag writes the text before the end tag of e and the end tag, and forgets the namespaces e has shown.
func (p *printer) endTag(e *xmltree.Element, undo int) {
	if e.Flags&xmltree.EmptyTag == 0 {
		p.text(e, e.Close)
		if e.Flags&xmltree.EndForm != 0 {
			p.pos = e.Close + uint32(len("</")) + e.NameLen()
			p.run()
			p.string(">")
			p.from = e.End
		}
		p.pos = e.End
	}
	for len(p.undo) > undo {
		u := p.undo[len(p.undo)-1]
		p.undo = p.undo[:len(p.undo)-1]
		p.shown[u.slot] = u.ns
	}
}

// text writes the text that stands directly in e, from where the source has been dealt with up to to.
func (p *printer) text(e *xmltree.Element, to uint32) {
	if e.Flags&(xmltree.Decode|xmltree.RawGreater) == 0 || p.pos == to {
		p.pos = to
		return
	}
	p.run()
	for s := (xmltree.Scanner{Raw: p.src[p.pos:to]}); s.Next() && p.err == nil; {
		if s.Char != 0 {
			p.rune(s.Char, false)
		}
		p.escaped(s.Run)
	}
	p.from, p.pos = to, to
}
