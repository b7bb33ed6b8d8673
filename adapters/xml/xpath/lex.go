package xpath

import (
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	end          tokenKind = iota
	symbolToken            // punctuation and operators, also those that are words
	literalToken           // text
	numberToken            // digits
	nameToken              // of a node test; "*" and prefix:* too
	axisToken
	functionToken
	typeToken // of nodes
)

type token struct {
	kind         tokenKind
	prefix, text string
	at           int
}

// next reads a token. What a name or "*" is depends on the tokens beside it (XPath 1.0, 3.7).
func (p *parser) next() {
	operand := p.tok.kind == end || p.tok.kind == symbolToken && p.tok.text != ")" && p.tok.text != "]" && p.tok.text != "." && p.tok.text != ".."
	p.blanks()
	rest := p.src[p.at:]
	p.tok = token{at: p.at}
	if rest == "" {
		return
	}
	switch c := rest[0]; {
	case c == '"' || c == '\'':
		n := strings.IndexByte(rest[1:], c)
		if n < 0 {
			p.fail("the text does not end")
			return
		}
		p.take(literalToken, n+2)
		p.tok.text = rest[1 : n+1]
	case digit(c), c == '.' && len(rest) > 1 && digit(rest[1]):
		n := digits(rest)
		if n < len(rest) && rest[n] == '.' {
			n += 1 + digits(rest[n+1:])
		}
		p.take(numberToken, n)
	case c == '*' && operand:
		p.take(nameToken, 1)
	default:
		if n := symbol(rest); n > 0 {
			p.take(symbolToken, n)
			return
		}
		p.name(rest, operand)
	}
}

func (p *parser) take(k tokenKind, n int) {
	p.tok.kind, p.tok.text = k, p.src[p.at:p.at+n]
	p.at += n
}

func (p *parser) blanks() {
	p.at += len(p.src[p.at:]) - len(strings.TrimLeft(p.src[p.at:], blank))
}

// blank is the white space of XML.
const blank = " \t\r\n"

// symbol is the length of the punctuation or the operator that rest begins with.
func symbol(rest string) int {
	if len(rest) > 1 {
		switch rest[:2] {
		case "//", "..", "::", "!=", "<=", ">=":
			return 2
		}
	}
	if strings.IndexByte("()[]@,./|+-=<>*", rest[0]) >= 0 {
		return 1
	}
	return 0
}

// name reads a name where an operand may stand, an operator that is a word elsewhere.
func (p *parser) name(rest string, operand bool) {
	n := ncName(rest)
	switch {
	case rest[0] == '$':
		p.fail("there are no variables")
		return
	case n == 0:
		p.fail("no such symbol")
		return
	case !operand:
		switch rest[:n] {
		case "and", "or", "div", "mod":
			p.take(symbolToken, n)
		default:
			p.fail("an operator is expected")
		}
		return
	}
	p.take(nameToken, n)
	if after := p.src[p.at:]; strings.HasPrefix(after, ":") && !strings.HasPrefix(after, "::") {
		m := ncName(after[1:])
		if strings.HasPrefix(after, ":*") {
			m = 1
		}
		if m == 0 {
			p.fail("a name is expected after the prefix")
			return
		}
		p.tok.prefix, p.tok.text = p.tok.text, after[1:1+m]
		p.at += 1 + m
	}
	switch after := strings.TrimLeft(p.src[p.at:], blank); {
	case p.tok.text == "*":
	case strings.HasPrefix(after, "("):
		p.tok.kind = functionToken
		switch p.tok.text {
		case "node", "text", "comment", "processing-instruction":
			if p.tok.prefix == "" {
				p.tok.kind = typeToken
			}
		}
	case strings.HasPrefix(after, "::") && p.tok.prefix == "":
		p.tok.kind = axisToken
	}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// ncName is the length of the name without colon that s begins with (Namespaces in XML 1.0, 3).
func ncName(s string) int {
	for i, r := range s {
		if !nameStart(r) && (i == 0 || !nameMore(r)) {
			return i
		}
	}
	return len(s)
}

// nameStart and nameMore are NameStartChar without the colon, and what NameChar adds (XML 1.0, 2.3).
func nameStart(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
	case r < 0x2000:
		return r >= 0xC0 && r != 0xD7 && r != 0xF7 && (r < 0x300 || r > 0x36F) && r != 0x37E
	case r < 0x3001:
		return r == 0x200C || r == 0x200D || r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF
	}
	return r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFD && r != utf8.RuneError || r >= 0x10000 && r <= 0xEFFFF
}

func nameMore(r rune) bool {
	return r == '-' || r == '.' || r >= '0' && r <= '9' || r == 0xB7 || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
}
