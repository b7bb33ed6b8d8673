// Package c14n writes elements of a parsed message in Canonical XML form, without comments.
//
// Most of a message is in canonical form as it was received. Such stretches go from the source to the writer as they are; only what
// canonical form writes otherwise is written anew.
//
// Sources: Canonical XML 1.0 (W3C 2001-03-15), Exclusive XML Canonicalization 1.0 (W3C 2002-07-18).
package c14n

import (
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// Method is a canonicalisation.
type Method uint8

// The two methods, both without comments.
const (
	Exclusive Method = iota // http://www.w3.org/2001/10/xml-exc-c14n#
	Inclusive               // http://www.w3.org/TR/2001/REC-xml-c14n-20010315
)

// Options says how an element is written.
type Options struct {
	Method       Method
	PrefixList   string       // InclusiveNamespaces PrefixList: prefixes and #default separated by white space; Exclusive only
	Skip         xmltree.Node // left out with everything in it (an enveloped signature), or None
	EmptyDefault bool         // xmlns="" on the apex when it has no default namespace (WSS4J's form of the STR-Transform)
}

// MaxPrefixes is how many entries a PrefixList may have.
const MaxPrefixes = 16

// Errors of Write. Every other error is one of the writer.
var (
	ErrBudget   = errors.New("c14n: more octets than the message is allowed")
	ErrPrefixes = errors.New("c14n: more prefixes in a PrefixList than allowed")
	ErrEmpty    = errors.New("c14n: no element to write")
	ErrRelative = errors.New("c14n: relative namespace name")
)

// Write writes the canonical form of n to w. What it writes counts towards four times the size of the message ([xmltree.Tree.Spend]).
func Write(w io.Writer, t *xmltree.Tree, n xmltree.Node, o Options) error {
	if n == xmltree.None || t.Inside(n, o.Skip) {
		return ErrEmpty
	}
	p := printers.Get().(*printer)
	defer printers.Put(p)
	p.begin(w, t, o)
	defer p.end()
	if !p.list(o.PrefixList) {
		return ErrPrefixes
	}
	p.element(n)
	p.flush()
	return p.err
}

var printers = sync.Pool{New: func() any { return &printer{buf: make([]byte, 0, bufferSize)} }}

// list takes the PrefixList.
func (p *printer) list(s string) bool {
	for s != "" {
		s = strings.TrimLeft(s, " \t\r\n")
		end := strings.IndexAny(s, " \t\r\n")
		if end < 0 {
			end = len(s)
		}
		if end == 0 {
			break
		}
		prefix := s[:end]
		s = s[end:]
		if prefix == "#default" {
			prefix = ""
		}
		if p.prefixCount == MaxPrefixes {
			return false
		}
		p.prefixes[p.prefixCount] = prefix
		p.prefixCount++
	}
	return true
}

// listed reports whether namespace i has a prefix of the PrefixList.
func (p *printer) listed(i uint32) bool {
	if p.prefixCount == 0 {
		return false
	}
	prefix := p.tree.Prefix(i)
	for _, s := range p.prefixes[:p.prefixCount] {
		if s == prefix {
			return true
		}
	}
	return false
}
