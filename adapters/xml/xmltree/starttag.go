package xmltree

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// startTag takes the start tag at i and adds its element as a child of parent. It returns the offset past its '>', or past the end tag if
// the element holds nothing but short text that needs no decoding: then its End is set.
func (t *Tree) startTag(parent Node, i int) (int, error) {
	src, w := t.src, &t.work
	ns, prefix := t.scope.again(src, i+1)
	local := i + 1
	if ns != 0 {
		local += prefix + 1
	}
	k := local
	for k >= 0 && k < len(src)-7 {
		if other := noLetters(binary.LittleEndian.Uint64(src[k:])); other != 0 {
			k += bits.TrailingZeros64(other) >> 3
			break
		}
		k += 8
	}
	if k >= len(src) || class[src[k]]&nameEnds == 0 || class[src[local]]&startChar == 0 || k-i > w.limits.Name {
		var err error
		if k, prefix, err = t.name(i + 1); err != nil {
			return 0, err
		}
	}
	name := k - i - 1
	if w.nodes--; w.nodes < 0 {
		return 0, fail(Limit, i, "more nodes than allowed")
	}
	if w.depth++; w.depth > w.limits.Depth {
		return 0, fail(Limit, i, "elements nested deeper than allowed")
	}
	if i > w.headerEnd {
		return 0, fail(Limit, i, "SOAP Header larger than allowed")
	}
	n := len(t.elems)
	if n == cap(t.elems) {
		t.growElements(i)
	}
	t.elems = t.elems[:n+1]
	e := &t.elems[n]
	e.Start, e.Close, e.End = uint32(i), 0, 0
	e.Parent, e.Last = parent, Node(n)
	e.Attr, e.Attrs, e.Decls, e.Flags = uint32(len(t.attrs)), 0, 0, 0
	e.PrefixLen, e.LocalLen = uint8(prefix), uint16(name-prefix)
	if prefix > 0 {
		e.LocalLen--
	}
	if k >= len(src) || src[k] != '>' {
		var err error
		if k, err = t.attributes(e, k); err != nil {
			return 0, err
		}
		if e.Decls > 0 {
			ns = 0
		}
	}
	k++
	e.Content, e.Scope = uint32(k), t.scope.newest
	switch {
	case prefix == 0:
		ns = t.scope.byName
	case ns == 0:
		if ns = t.scope.resolve(src, i+1, prefix); ns == 0 {
			return 0, fail(Syntax, i+1, "undeclared prefix")
		}
	}
	e.NS = ns
	if e.Attrs > 0 && (e.Flags&Prefixed != 0 || e.Attrs > 1) {
		if err := t.resolveAttributes(e); err != nil {
			return 0, err
		}
	}
	if w.depth <= 2 || w.header != None && e.LocalLen == uint16(len("Signature")) {
		if err := t.soap(Node(n)); err != nil {
			return 0, err
		}
	}
	if e.Flags&EmptyTag != 0 {
		w.depth--
		return k, t.leaveScope(Node(n), e)
	}
	end := k
	for end >= 0 && end < len(src)-7 && end < k+nearText {
		if found := textMarks(binary.LittleEndian.Uint64(src[end:])); found != 0 {
			end += bits.TrailingZeros64(found) >> 3
			break
		}
		end += 8
	}
	past := end + name + len("</>")
	if past > len(src) || src[end] != '<' || src[end+1] != '/' || src[past-1] != '>' || w.cr || w.nodes == 0 || !same(src, end+2, i+1, name) {
		return k, nil
	}
	if end > k {
		w.nodes--
	}
	e.Close, e.End = uint32(end), uint32(past)
	if w.depth--; e.Decls == 0 && Node(n) != w.header {
		return past, nil
	}
	return past, t.leaveScope(Node(n), e)
}

// growElements makes room for all elements that can still come: each has its '<', and there are no more than nodes.
func (t *Tree) growElements(from int) {
	more := min(bytes.Count(t.src[from:], []byte{'<'}), t.work.nodes+1)
	t.elems = append(make([]Element, 0, len(t.elems)+more), t.elems...)
}

// soap looks for what is limited in SOAP messages: the Header and the signatures in it.
func (t *Tree) soap(n Node) error {
	w := &t.work
	switch {
	case n == 1:
		w.envelope = t.Is(n, soap11, "Envelope") || t.Is(n, soap12, "Envelope")
	case w.depth == 2:
		if w.envelope && t.Is(n, t.Space(1), "Header") {
			w.header, w.headerEnd = n, int(t.elems[n].Start)+w.limits.HeaderBytes
		}
	case t.Is(n, ds, "Signature"):
		if w.marks++; w.marks > w.limits.Signatures {
			return fail(Limit, int(t.elems[n].Start), "more signatures than allowed")
		}
	}
	return nil
}

// attributes takes what stands between the name and the '>' of a start tag, whose offset it returns. Prefixes are not resolved yet.
func (t *Tree) attributes(e *Element, k int) (int, error) {
	src := t.src
	for {
		gap := k
		for k < len(src) && class[src[k]]&space != 0 {
			k++
		}
		if k >= len(src) {
			return 0, fail(Syntax, int(e.Start), "end of the message inside markup")
		}
		if src[k] == '>' {
			e.Flags |= TagForm // white space before it
			return k, nil
		}
		if src[k] == '/' {
			if k+1 >= len(src) || src[k+1] != '>' {
				return 0, fail(Syntax, k, "'/' inside a start tag")
			}
			if k > gap {
				e.Flags |= TagForm
			}
			e.Flags |= EmptyTag
			e.Close, e.End = uint32(k+2), uint32(k+2)
			return k + 1, nil
		}
		if k == gap {
			return 0, fail(Syntax, k, "white space expected before an attribute")
		}
		if k > gap+1 || src[gap] != ' ' {
			e.Flags |= TagForm
		}
		at, prefix := k, 0
		end := nameEnd(src, k)
		if end >= len(src) || src[end] != '=' || class[src[k]]&startChar == 0 || end-k > t.work.limits.Name {
			var err error
			if end, prefix, err = t.name(k); err != nil {
				return 0, err
			}
		}
		from, to, special := end+len(`="`), 0, false
		if from < len(src) && src[end] == '=' && src[end+1] == '"' {
			to = valueEnd(src, from, '"')
		}
		if to == 0 || to == len(src) || src[to] != '"' || to-from > t.work.limits.AttrValue {
			var err error
			if from, to, special, err = t.value(e, end); err != nil {
				return 0, err
			}
		}
		var err error
		if src[at] == 'x' && (prefix == 5 || prefix == 0 && end-at == 5) && string(src[at:at+5]) == "xmlns" {
			err = t.declare(e, at, end, from, to, special)
		} else {
			var a *Attribute
			if a, err = t.attribute(e, at, end, prefix); err == nil {
				a.Value, a.Len, a.Special = uint32(from), uint32(to-from), special
			}
		}
		if err != nil {
			return 0, err
		}
		k = to + 1
		if k < len(src) && src[k] == '>' {
			return k, nil
		}
	}
}

// value takes the '=' and the quoted value that follow the name of an attribute, which ends at k.
func (t *Tree) value(e *Element, k int) (from, to int, special bool, err error) {
	src, w := t.src, &t.work
	if k+1 < len(src) && src[k] == '=' && src[k+1] == '"' {
		k++
	} else {
		e.Flags |= TagForm
		for k < len(src) && class[src[k]]&space != 0 {
			k++
		}
		if k >= len(src) || src[k] != '=' {
			return 0, 0, false, fail(Syntax, k, "'=' expected after the name of an attribute")
		}
		k++
		for k < len(src) && class[src[k]]&space != 0 {
			k++
		}
		if k >= len(src) || src[k] != '"' && src[k] != '\'' {
			return 0, 0, false, fail(Syntax, k, "quoted value expected")
		}
	}
	quote := src[k]
	from = k + 1
	blanks := false
	if to = valueEnd(src, from, quote); to < len(src) && src[to] != quote {
		if to, blanks, special, err = t.markedValue(to, quote); err != nil {
			return 0, 0, false, err
		}
	}
	if to == len(src) {
		return 0, 0, false, fail(Syntax, k, "attribute value without end")
	}
	raw := src[from:to]
	if len(raw) > w.limits.AttrValue {
		return 0, 0, false, fail(Limit, k, "attribute value longer than allowed")
	}
	if special {
		if bad := badReference(raw); bad >= 0 {
			return 0, 0, false, fail(Syntax, from+bad, "reference to an undefined entity or character")
		}
	}
	if special = special || blanks || quote == '\'' && bytes.IndexByte(raw, '"') >= 0; special {
		e.Flags |= TagForm
	}
	return from, to, special, nil
}

// markedValue scans on in a value, at something other than its end.
func (t *Tree) markedValue(i int, quote byte) (to int, blanks, references bool, err error) {
	for ; ; i++ {
		if i = valueEnd(t.src, i, quote); i == len(t.src) || t.src[i] == quote {
			return i, blanks, references, nil
		}
		switch t.src[i] {
		case '<':
			return 0, false, false, fail(Syntax, i, "'<' in an attribute value")
		case '&':
			references = true
		case '\t', '\n', '\r':
			blanks = true
		}
	}
}

// attribute adds an attribute to e, whose name stands from at to end.
func (t *Tree) attribute(e *Element, at, end, prefix int) (*Attribute, error) {
	if int(e.Attrs) >= t.work.limits.Attrs {
		return nil, fail(Limit, at, "more attributes than allowed")
	}
	e.Attrs++
	local := at
	if prefix > 0 {
		local += prefix + 1
		e.Flags |= Prefixed
	}
	if end == local+2 && t.src[local]|0x20 == 'i' && t.src[local+1]|0x20 == 'd' {
		e.Flags |= hasID
	}
	n := len(t.attrs)
	if n == cap(t.attrs) {
		t.growAttributes(local)
	}
	t.attrs = t.attrs[:n+1]
	a := &t.attrs[n]
	a.Name, a.NS, a.LocalLen, a.PrefixLen = uint32(at), 0, uint16(end-local), uint8(prefix)
	return a, nil
}

// growAttributes makes room for all attributes that can still come: each has its '=' and at least 5 octets.
func (t *Tree) growAttributes(from int) {
	rest := t.src[from:]
	more := 1 + min(bytes.Count(rest, []byte{'='}), len(rest)/5)
	t.attrs = append(make([]Attribute, 0, len(t.attrs)+more), t.attrs...)
}

// declare adds a namespace declaration.
func (t *Tree) declare(e *Element, at, end, from, to int, special bool) error {
	w, s := &t.work, &t.scope
	e.Flags |= TagForm
	prefix := min(at+len("xmlns:"), end)
	size := end - prefix
	ns := Namespace{uri: uint32(from), prefix: uint32(prefix), Prev: s.newest, uriLen: uint16(min(to-from, 1<<16-1)), Len: uint8(size), Plain: !special}
	if special {
		ns.uri, ns.decoded = uint32(len(t.names)), true
		t.names = appendAttr(t.names, t.src[from:to])
		ns.uriLen = uint16(min(len(t.names)-int(ns.uri), 1<<16-1))
	}
	switch {
	case int(e.Decls) >= w.limits.Namespaces:
		return fail(Limit, at, "more namespace declarations than allowed")
	case s.depth-XMLSlot >= w.limits.InScope:
		return fail(Limit, at, "more namespaces in scope than allowed")
	case int(ns.uriLen) > w.limits.URI || to-from > w.limits.AttrValue:
		return fail(Limit, from, "namespace name longer than allowed")
	case size > 0 && ns.uriLen == 0:
		return fail(Syntax, at, "prefix bound to no namespace")
	}
	if i := s.find(t.src, prefix, size); int(i) > s.depth-int(e.Decls) {
		return fail(Syntax, at, "attribute repeated")
	}
	if len(t.spaces) == cap(t.spaces) && len(t.spaces) >= 64 {
		t.growSpaces(at)
	}
	t.spaces = append(t.spaces, ns)
	i := uint32(len(t.spaces) - 1)
	name, uri := t.src[prefix:end], t.URI(i)
	if (uri == xmlNS) != (string(name) == "xml") || uri == xmlns || string(name) == "xmlns" {
		return fail(Syntax, at, "reserved prefix or namespace")
	}
	e.Decls++
	t.spaces[i].Slot = s.push(t.src, prefix, size, i, ns.uriLen == 0)
	return nil
}

// growSpaces makes room for all declarations that can still come.
func (t *Tree) growSpaces(from int) {
	more := 1 + bytes.Count(t.src[from:], []byte("xmlns"))
	t.spaces = append(make([]Namespace, 0, len(t.spaces)+more), t.spaces...)
}

// fewAttributes is how many are compared each with each; more go through a table.
const fewAttributes = 8

// resolveAttributes resolves the prefixes of the attributes of e and refuses two with one expanded name.
func (t *Tree) resolveAttributes(e *Element) error {
	attrs := t.attrs[e.Attr:]
	if e.Flags&Prefixed != 0 {
		for i := range attrs {
			a := &attrs[i]
			if a.PrefixLen == 0 {
				continue
			}
			if a.NS = t.scope.resolve(t.src, int(a.Name), int(a.PrefixLen)); a.NS == 0 {
				return fail(Syntax, int(a.Name), "undeclared prefix")
			}
		}
	}
	if len(attrs) > fewAttributes {
		return t.distinct(attrs)
	}
	for i := 1; i < len(attrs); i++ {
		for j := range i {
			if attrs[i].LocalLen == attrs[j].LocalLen && t.sameName(&attrs[i], &attrs[j]) {
				return fail(Syntax, int(attrs[i].Name), "attribute repeated")
			}
		}
	}
	return nil
}

// distinct is the check for many attributes: an open table keyed with the secret of the scope.
func (t *Tree) distinct(attrs []Attribute) error {
	var table [512]uint8 // index + 1
	for i := range attrs {
		a := &attrs[i]
		local := t.src[a.Name+a.NameLen()-uint32(a.LocalLen) : a.Name+a.NameLen()]
		slot := mix(t.scope.hash(local)^uint64(t.spaceHash(a.NS)), t.scope.secret) >> 3 & 511
		for ; table[slot] != 0; slot = (slot + 1) & 511 {
			if b := &attrs[table[slot]-1]; a.LocalLen == b.LocalLen && t.sameName(a, b) {
				return fail(Syntax, int(a.Name), "attribute repeated")
			}
		}
		table[slot] = uint8(i + 1)
	}
	return nil
}

// sameName reports whether two attributes with local names of one length have the same expanded name.
func (t *Tree) sameName(a, b *Attribute) bool {
	if a.NS != b.NS && (a.NS == 0 || b.NS == 0 || t.spaceHash(a.NS) != t.spaceHash(b.NS)) {
		return false
	}
	return t.AttrLocal(a) == t.AttrLocal(b) && (a.NS == b.NS || t.URI(a.NS) == t.URI(b.NS))
}

// spaceHash returns a hash of the name of namespace i, 0 for none. It is computed once a declaration.
func (t *Tree) spaceHash(i uint32) uint32 {
	if i == 0 {
		return 0
	}
	ns := &t.spaces[i]
	if ns.hash == 0 {
		from := t.src
		if ns.decoded {
			from = t.names
		}
		ns.hash = uint32(t.scope.hash(from[ns.uri:ns.uri+uint32(ns.uriLen)])) | 1
	}
	return ns.hash
}
