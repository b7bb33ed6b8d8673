// Package xmlout writes XML by appending to one buffer.
//
// Names are written as given: they are literals of the program, prefixes included, and namespaces are declared by explicit attributes
// ("xmlns:soap", "http://…"). Text and attribute values are escaped so that they read back as they were, and so that the written form is
// already canonical where it can be.
package xmlout

import (
	"slices"
	"unicode/utf8"
)

// Writer builds a document. The zero value is ready; Reset allows its buffer to be used again.
type Writer struct {
	buf  []byte
	open []string // names of the elements not yet ended
	tag  bool     // the last start tag has no '>' yet
}

// usual is the capacity to begin with: that of a short SOAP message.
const usual = 2 << 10

// Reset makes the writer append to buf[:0].
func (w *Writer) Reset(buf []byte) {
	w.buf, w.open, w.tag = buf[:0], w.open[:0], false
}

// Grow makes room for n more octets: a writer that is told what is to come copies nothing on its way.
func (w *Writer) Grow(n int) { w.buf = slices.Grow(w.buf, n) }

// Start begins an element. attrs are names and values in turn; it panics if a value is missing.
func (w *Writer) Start(name string, attrs ...string) {
	if len(attrs)%2 != 0 {
		panic("xmlout: attribute without value")
	}
	if w.buf == nil {
		w.buf, w.open = make([]byte, 0, usual), make([]string, 0, 8)
	}
	w.finish()
	w.buf = append(w.buf, '<')
	w.buf = append(w.buf, name...)
	w.open = append(w.open, name)
	w.tag = true
	for i := 0; i < len(attrs); i += 2 {
		w.Attr(attrs[i], attrs[i+1])
	}
}

// Attr adds an attribute to the element just started. It panics if content was already written.
func (w *Writer) Attr(name, value string) {
	if !w.tag {
		panic("xmlout: attribute outside a start tag")
	}
	w.buf = append(w.buf, ' ')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '=', '"')
	w.buf = escape(w.buf, value, true)
	w.buf = append(w.buf, '"')
}

// End ends the innermost open element. It panics if there is none.
func (w *Writer) End() {
	w.finish()
	name := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	w.buf = append(w.buf, '<', '/')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '>')
}

// Text adds character data.
func (w *Writer) Text(s string) {
	w.finish()
	w.buf = escape(w.buf, s, false)
}

// Elem writes a whole element that holds only text.
func (w *Writer) Elem(name, text string, attrs ...string) {
	w.Start(name, attrs...)
	w.Text(text)
	w.End()
}

// Raw adds well-formed XML as it is.
func (w *Writer) Raw(b []byte) {
	w.finish()
	w.buf = append(w.buf, b...)
}

// Len returns the offset at which the next content will stand: the place to insert a signature later.
func (w *Writer) Len() int {
	w.finish()
	return len(w.buf)
}

// Bytes returns what was written. It stays valid until the next call that writes.
func (w *Writer) Bytes() []byte {
	w.finish()
	return w.buf
}

func (w *Writer) finish() {
	if w.tag {
		w.buf = append(w.buf, '>')
		w.tag = false
	}
}

// escape appends s with the replacements of Canonical XML 1.0. What XML cannot hold (control characters, U+FFFE, U+FFFF, invalid UTF-8)
// becomes U+FFFD.
func escape(dst []byte, s string, attr bool) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c > '>' && c < utf8.RuneSelf {
			i++
			continue
		}
		var rep string
		size := 1
		switch {
		case c == '&':
			rep = "&amp;"
		case c == '<':
			rep = "&lt;"
		case c == '>' && !attr:
			rep = "&gt;"
		case c == '"' && attr:
			rep = "&quot;"
		case c == '\r':
			rep = "&#xD;"
		case c == '\t' && attr:
			rep = "&#x9;"
		case c == '\n' && attr:
			rep = "&#xA;"
		case c < ' ' && c != '\t' && c != '\n':
			rep = "\uFFFD"
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
				rep = "\uFFFD"
			}
		}
		if rep != "" {
			dst = append(dst, s[from:i]...)
			dst = append(dst, rep...)
			from = i + size
		}
		i += size
	}
	return append(dst, s[from:]...)
}
