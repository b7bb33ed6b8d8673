package xmltree

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// parser is the state of one run over a source.
type parser struct {
	limits    Limits
	control   bool // the source holds tabs or line ends
	cr        bool // one of them is CR
	nodes     int  // elements and text runs that may still come
	depth     int  // open elements
	envelope  bool // the root is a SOAP Envelope
	header    Node // the SOAP Header being read, or None
	headerEnd int  // where it must have ended; the largest int outside of Headers
	marks     int  // ds:Signature elements in Headers
}

func newTree() *Tree { return &Tree{spaces: make([]Namespace, 0, 64)} }

func fail(k Kind, at int, text string) *Error { return &Error{Kind: k, Offset: at, Text: text} }

// parse fills t from src.
func (t *Tree) parse(src []byte, l *Limits) error {
	if err := t.begin(src, l); err != nil {
		return err
	}
	i, err := t.declaration()
	if err != nil {
		return err
	}
	return t.body(i)
}

// begin checks what concerns the message as a whole and prepares the arena.
func (t *Tree) begin(src []byte, l *Limits) error {
	const addressable = 1 << 30
	if len(src) > min(l.Bytes, addressable) {
		return fail(TooLarge, min(l.Bytes, addressable), "message larger than allowed")
	}
	control, bad := survey(src)
	if bad >= 0 {
		if bytes.HasPrefix(src, []byte("\xFE\xFF")) || bytes.HasPrefix(src, []byte("\xFF\xFE")) || src[bad] == 0 && bad < 4 {
			return fail(Syntax, 0, "encoding other than UTF-8")
		}
		return fail(Syntax, bad, "octet that is no UTF-8 character of XML")
	}
	share := int(int64(l.Nodes) * int64(len(src)) / int64(max(l.Bytes, 1)))
	t.work = parser{
		limits:    *l,
		control:   control,
		cr:        control && bytes.IndexByte(src, '\r') >= 0,
		nodes:     min(l.Nodes, max(minNodes, share)),
		headerEnd: math.MaxInt,
	}
	w := &t.work
	w.limits.InScope = min(l.InScope, maxSlots-2)
	w.limits.Attrs, w.limits.Namespaces = min(l.Attrs, 255), min(l.Namespaces, 255)
	w.limits.Name, w.limits.Prefix, w.limits.URI = min(l.Name, 1<<16-1), min(l.Prefix, 255), min(l.URI, 1<<16-1)

	t.src = src
	t.elems = append(t.elems[:0], Element{})
	t.attrs = t.attrs[:0]
	t.names = append(t.names[:0], xmlNS...)
	t.spaces = append(t.spaces[:0], Namespace{}, Namespace{uriLen: uint16(len(xmlNS)), Slot: XMLSlot, decoded: true, Plain: true})
	t.left = 4 * len(src)
	t.compared, t.ranks = 0, t.ranks[:0]
	t.indexed, t.ids = false, t.ids[:0]
	t.scope.reset()
	return nil
}

// body reads from the first octet after the XML declaration to the end.
func (t *Tree) body(i int) error {
	src, w := t.src, &t.work
	cur := None
	for {
		if i < len(src) && src[i] != '<' {
			end := textMark(src, i, i+nearText)
			plain := !w.cr
			if end >= len(src) || src[end] != '<' {
				end, plain = t.longText(i, end)
			}
			if w.nodes--; !plain || cur == None || w.nodes < 0 {
				if err := t.text(cur, i, end); err != nil {
					return err
				}
			}
			i = end
		}
		if i+1 >= len(src) {
			break
		}
		var err error
		switch src[i+1] {
		case '/':
			if cur == None {
				return fail(Syntax, i, "end tag without start tag")
			}
			if i, err = t.endTag(cur, i); err != nil {
				return err
			}
			cur = t.elems[cur].Parent
			continue
		case '!':
			i, err = t.declared(cur, i)
		case '?':
			return fail(Syntax, i, "processing instruction")
		default:
			if cur == None && len(t.elems) > 1 {
				return fail(Syntax, i, "data after the root element")
			}
			if i, err = t.startTag(cur, i); err != nil {
				return err
			}
			if n := len(t.elems) - 1; t.elems[n].End == 0 {
				cur = Node(n)
			}
			continue
		}
		if err != nil {
			return err
		}
	}
	switch {
	case i < len(src):
		return fail(Syntax, i, "end of the message inside markup")
	case cur != None:
		return fail(Syntax, i, "element without end tag")
	case len(t.elems) == 1:
		return fail(Syntax, i, "no root element")
	}
	return nil
}

// nearText is how many octets of text are looked at before the next tag is searched for with longer strides.
const nearText = 64

// longText returns the offset of the next '<', or the length of src, for text that begins at i and holds no '<' before end. plain tells that
// there is no '&', '>' or CR in it.
func (t *Tree) longText(i, end int) (next int, plain bool) {
	src := t.src
	if n := bytes.IndexByte(src[end:], '<'); n >= 0 {
		end += n
	} else {
		end = len(src)
	}
	raw := src[i:end]
	return end, !t.work.cr && bytes.IndexByte(raw, '&') < 0 && bytes.IndexByte(raw, '>') < 0
}

// text takes the octets between two tags.
func (t *Tree) text(cur Node, from, to int) error {
	w := &t.work
	if cur == None {
		for i := from; i < to; i++ {
			if class[t.src[i]]&space == 0 {
				return fail(Syntax, i, "text outside the root element")
			}
		}
		return nil
	}
	if w.nodes < 0 {
		return fail(Limit, from, "more nodes than allowed")
	}
	raw, flags := t.src[from:to], Flags(0)
	if bytes.IndexByte(raw, '&') >= 0 {
		if bad := badReference(raw); bad >= 0 {
			return fail(Syntax, from+bad, "reference to an undefined entity or character")
		}
		flags |= Decode
	}
	if w.cr && bytes.IndexByte(raw, '\r') >= 0 {
		flags |= Decode
	}
	if bytes.IndexByte(raw, '>') >= 0 {
		if bytes.Contains(raw, []byte(cdataEnd)) {
			return fail(Syntax, from, "]]> in text")
		}
		flags |= RawGreater
	}
	t.elems[cur].Flags |= flags
	return nil
}

func badReference(raw []byte) int {
	for i := 0; ; {
		k := bytes.IndexByte(raw[i:], '&')
		if k < 0 {
			return -1
		}
		_, size := Reference(raw[i+k:])
		if size == 0 {
			return i + k
		}
		i += k + size
	}
}

// declared takes a comment or a CDATA section, which i points to the '<' of; other declarations are refused.
func (t *Tree) declared(cur Node, i int) (int, error) {
	w := &t.work
	rest := t.src[i:]
	var end int
	switch {
	case bytes.HasPrefix(rest, []byte(commentStart)):
		if w.header != None {
			return 0, fail(Syntax, i, "comment in a SOAP Header")
		}
		end = bytes.Index(rest[len(commentStart):], []byte("--"))
		if end < 0 || !bytes.HasPrefix(rest[len(commentStart)+end:], []byte(commentEnd)) {
			return 0, fail(Syntax, i, "comment that is not well-formed")
		}
		end += len(commentStart) + len(commentEnd)
	case bytes.HasPrefix(rest, []byte(cdataStart)) && cur != None:
		if end = bytes.Index(rest, []byte(cdataEnd)); end < 0 {
			return 0, fail(Syntax, i, "CDATA section without end")
		}
		end += len(cdataEnd)
	case bytes.HasPrefix(rest, []byte("<!DOCTYPE")):
		return 0, fail(Syntax, i, "document type declaration")
	default:
		return 0, fail(Syntax, i, "declaration that is not allowed here")
	}
	if w.nodes--; w.nodes < 0 {
		return 0, fail(Limit, i, "more nodes than allowed")
	}
	t.elems[cur].Flags |= Decode
	return i + end, nil
}

// endTag takes the end tag of cur at i. It returns the offset past its '>'.
func (t *Tree) endTag(cur Node, i int) (int, error) {
	src, e := t.src, &t.elems[cur]
	n := int(e.NameLen())
	k := i + 2 + n
	if k >= len(src) || !same(src, i+2, int(e.Start)+1, n) {
		return 0, fail(Syntax, i, "end tag that does not match")
	}
	if src[k] != '>' {
		for k < len(src) && class[src[k]]&space != 0 {
			k++
		}
		if k == i+2+n || k >= len(src) || src[k] != '>' {
			return 0, fail(Syntax, i, "end tag that does not match")
		}
		e.Flags |= EndForm
	}
	e.Close, e.End = uint32(i), uint32(k+1)
	e.Last = Node(len(t.elems) - 1)
	if t.work.depth--; e.Decls == 0 && cur != t.work.header {
		return k + 1, nil
	}
	return k + 1, t.leaveScope(cur, e)
}

// leaveScope forgets what element n, whose End is known, has declared.
func (t *Tree) leaveScope(n Node, e *Element) error {
	w := &t.work
	t.scope.pop(int(e.Decls))
	if n == w.header {
		if int(e.End) > w.headerEnd {
			return fail(Limit, int(e.Close), "SOAP Header larger than allowed")
		}
		w.header, w.headerEnd = None, math.MaxInt
	}
	return nil
}

// name scans a qualified name at i. It returns its end and the length of the prefix, 0 for none.
func (t *Tree) name(i int) (end, prefix int, err error) {
	src, l := t.src, &t.work.limits
	local := i
	if end = nameEnd(src, i); end < len(src) && src[end] == ':' && class[src[i]]&startChar != 0 && end-i <= l.Prefix {
		prefix, local = end-i, end+1
		end = nameEnd(src, local)
	}
	if end < len(src) && class[src[end]]&nameEnds != 0 && class[src[local]]&startChar != 0 && end-i <= l.Name {
		return end, prefix, nil
	}
	return t.oddName(i)
}

// oddName is name for names that are not as most are.
func (t *Tree) oddName(i int) (end, prefix int, err error) {
	l := &t.work.limits
	if end, err = t.part(i); err != nil {
		return 0, 0, err
	}
	if end < len(t.src) && t.src[end] == ':' {
		if prefix = end - i; prefix > l.Prefix {
			return 0, 0, fail(Limit, i, "prefix longer than allowed")
		}
		if end, err = t.part(end + 1); err != nil {
			return 0, 0, err
		}
	}
	if end-i > l.Name {
		return 0, 0, fail(Limit, i, "name longer than allowed")
	}
	return end, prefix, nil
}

// part scans a prefix or a local name at i (NCName) and returns its end.
func (t *Tree) part(i int) (end int, err error) {
	src := t.src
	k := nameEnd(src, i)
	if k < len(src) && src[k] >= utf8.RuneSelf {
		if k, err = t.beyondASCII(i, k); err != nil {
			return 0, err
		}
	}
	if k == i || class[src[i]]&startChar == 0 && src[i] < utf8.RuneSelf {
		return 0, fail(Syntax, k, "name expected")
	}
	return k, nil
}

// beyondASCII goes on at k in a part that begins at i.
func (t *Tree) beyondASCII(i, k int) (end int, err error) {
	src := t.src
	for k < len(src) && src[k] >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(src[k:])
		if !inRanges(r, startRunes[:]) && (k == i || !inRanges(r, nameRunes[:])) {
			return 0, fail(Syntax, k, "character that is not allowed in a name")
		}
		k = nameEnd(src, k+n)
	}
	return k, nil
}
