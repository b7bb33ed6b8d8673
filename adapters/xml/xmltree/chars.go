package xmltree

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// alias returns a string over the n octets of b from offset at. The octets of a source never change while strings of it are in use.
func alias(b []byte, at, n int) string {
	if n == 0 {
		return ""
	}
	s := b[at : at+n]
	return unsafe.String(unsafe.SliceData(s), n)
}

// Classes of ASCII characters. ':' is in none: names are split there.
const (
	startChar = 1 << iota // may begin a name
	nameChar              // may stand in a name
	space                 // white space
	nameEnds              // may follow a name in a start tag
)

var class = func() (c [256]uint8) {
	for b := 'a'; b <= 'z'; b++ {
		c[b], c[b-'a'+'A'] = startChar|nameChar, startChar|nameChar
	}
	for b := '0'; b <= '9'; b++ {
		c[b] = nameChar
	}
	c['_'], c['-'], c['.'] = startChar|nameChar, nameChar, nameChar
	for _, b := range " \t\n\r" {
		c[b] = space | nameEnds
	}
	c['>'], c['/'], c['='] = nameEnds, nameEnds, nameEnds
	return c
}()

// startRunes and nameRunes are the ranges above ASCII of NameStartChar, and what NameChar adds (XML 1.0, 5th edition, 2.3).
var (
	startRunes = [...][2]rune{{0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFF}, {0x200C, 0x200D},
		{0x2070, 0x218F}, {0x2C00, 0x2FEF}, {0x3001, 0xD7FF}, {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF}}
	nameRunes = [...][2]rune{{0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}}
)

func inRanges(r rune, ranges [][2]rune) bool {
	for _, x := range ranges {
		if r >= x[0] && r <= x[1] {
			return true
		}
	}
	return false
}

// survey checks that every octet of src belongs to a character that XML allows, wherever it stands. bad is the offset of one that does
// not, or -1. control tells that there are octets below 0x20: tabs and line ends.
func survey(src []byte) (control bool, bad int) {
	var above uint64
	i := 0
	for ; i < len(src)-31; i += 32 {
		b := (*[32]byte)(src[i:])
		w0, w1 := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
		w2, w3 := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
		above |= w0 | w1 | w2 | w3
		// Octets below 0x20 have the high bit in the difference; some of those above 0x7F have it too.
		if ((w0-spaces)|(w1-spaces)|(w2-spaces)|(w3-spaces))&highs != 0 && below(w0)|below(w1)|below(w2)|below(w3) != 0 {
			control = true
			if !lineForm(w0) || !lineForm(w1) || !lineForm(w2) || !lineForm(w3) {
				return true, i + badControl(b[:])
			}
		}
	}
	for k, b := range src[i:] {
		above |= uint64(b)
		if b < ' ' {
			control = true
			if class[b]&space == 0 {
				return true, i + k
			}
		}
	}
	if above&highs != 0 {
		return control, badRune(src)
	}
	return control, -1
}

// lineForm reports whether the octets of w below 0x20 are tabs and line ends.
func lineForm(w uint64) bool {
	found := ^(w&^highs + 0x6060606060606060 | w) & highs // the high bit of each of them
	for ; found != 0; found &= found - 1 {
		if class[uint8(w>>(bits.TrailingZeros64(found)&^7))]&space == 0 {
			return false
		}
	}
	return true
}

func badControl(b []byte) int {
	for i, c := range b {
		if c < ' ' && class[c]&space == 0 {
			return i
		}
	}
	return -1
}

func badRune(src []byte) int {
	if !utf8.Valid(src) {
		for i := 0; i < len(src); {
			r, n := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && n <= 1 {
				return i
			}
			i += n
		}
	}
	for i := 0; ; { // U+FFFE and U+FFFF
		k := bytes.IndexByte(src[i:], 0xEF)
		if k < 0 {
			return -1
		}
		if i += k; src[i+1] == 0xBF && src[i+2] >= 0xBE {
			return i
		}
		i += 3
	}
}

// isChar reports whether r may stand in a document (XML 1.0, 2.2).
func isChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// Reference decodes the reference that b begins with ('&' … ';'). size is 0 if there is none that is allowed: the five predefined entities
// and character references to characters of XML.
func Reference(b []byte) (r rune, size int) {
	const longest = 32 // &#x…; with leading zeros
	end := bytes.IndexByte(b[:min(len(b), longest)], ';')
	if end < 2 {
		return 0, 0
	}
	switch name := b[1:end]; {
	case name[0] == '#':
		r = charRef(name[1:])
	case string(name) == "amp":
		r = '&'
	case string(name) == "lt":
		r = '<'
	case string(name) == "gt":
		r = '>'
	case string(name) == "quot":
		r = '"'
	case string(name) == "apos":
		r = '\''
	}
	if !isChar(r) {
		return 0, 0
	}
	return r, end + 1
}

func charRef(digits []byte) (r rune) {
	base := rune(10)
	if len(digits) > 0 && digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	if len(digits) == 0 {
		return 0
	}
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case base == 16 && c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0
		}
		if r = r*base + rune(c); r > utf8.MaxRune {
			return 0
		}
	}
	return r
}
