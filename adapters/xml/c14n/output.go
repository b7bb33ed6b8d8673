package c14n

import (
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

const (
	bufferSize = 4096
	direct     = 512 // stretches from here on go to the writer without being copied
)

// run writes the source that is pending.
func (p *printer) run() {
	p.bytes(p.src[p.from:p.pos])
	p.from = p.pos
}

func (p *printer) bytes(b []byte) {
	if p.err != nil {
		return
	}
	if !p.tree.Spend(len(b)) {
		p.err = ErrBudget
		return
	}
	if len(b) < direct {
		p.room(len(b))
		p.buf = append(p.buf, b...)
		return
	}
	p.flush()
	if p.err == nil {
		_, p.err = p.w.Write(b)
	}
}

// string writes something short.
func (p *printer) string(s string) {
	if p.err != nil {
		return
	}
	if !p.tree.Spend(len(s)) {
		p.err = ErrBudget
		return
	}
	p.room(len(s))
	p.buf = append(p.buf, s...)
}

// octet writes one octet.
func (p *printer) octet(c byte) {
	if p.err != nil {
		return
	}
	if !p.tree.Spend(1) {
		p.err = ErrBudget
		return
	}
	p.room(1)
	p.buf = append(p.buf, c)
}

func (p *printer) room(n int) {
	if cap(p.buf)-len(p.buf) < n {
		p.flush()
	}
}

func (p *printer) flush() {
	if p.err == nil && len(p.buf) > 0 {
		_, p.err = p.w.Write(p.buf)
	}
	p.buf = p.buf[:0]
}

// escaped writes literal text with the replacements of text nodes.
func (p *printer) escaped(b []byte) {
	for len(b) > 0 {
		n := 0
		for n < len(b) && b[n] != '&' && b[n] != '<' && b[n] != '>' {
			n++
		}
		if n > 0 {
			p.bytes(b[:n])
		}
		if n == len(b) {
			return
		}
		p.rune(rune(b[n]), false)
		b = b[n+1:]
	}
}

// value writes what an attribute value as it was received stands for: references decoded, literal white space as spaces.
func (p *printer) value(raw []byte) {
	for i := 0; i < len(raw) && p.err == nil; {
		switch c := raw[i]; {
		case c == '&':
			r, size := xmltree.Reference(raw[i:])
			p.rune(r, true)
			i += max(size, 1)
		case c == '\r' || c == '\n' || c == '\t':
			p.octet(' ')
			i++
			if c == '\r' && i < len(raw) && raw[i] == '\n' {
				i++
			}
		default:
			r, size := utf8.DecodeRune(raw[i:])
			p.rune(r, true)
			i += size
		}
	}
}

// rune writes a character of a text node or of an attribute value (Canonical XML 1.0, 2.3).
func (p *printer) rune(r rune, attr bool) {
	switch {
	case r == '&':
		p.string("&amp;")
	case r == '<':
		p.string("&lt;")
	case r == '\r':
		p.string("&#xD;")
	case r == '>' && !attr:
		p.string("&gt;")
	case r == '"' && attr:
		p.string("&quot;")
	case r == '\t' && attr:
		p.string("&#x9;")
	case r == '\n' && attr:
		p.string("&#xA;")
	case r < utf8.RuneSelf:
		p.octet(byte(r))
	default:
		var b [utf8.UTFMax]byte
		p.bytes(b[:utf8.EncodeRune(b[:], r)])
	}
}
