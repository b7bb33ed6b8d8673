package xpath

import (
	"fmt"
	"slices"
	"strconv"
)

// kind is the type of a value (XPath 1.0, 1). Without variables it is known of every expression before it is evaluated.
type kind uint8

const (
	set kind = iota
	boolean
	number
	text
)

type op uint8

const (
	literal  op = iota // str, or num
	path               // steps from args[0], or from the context node
	absolute           // steps from the root
	filtered           // args[0] with tests
	call
	or
	and
	equal
	unequal
	less
	atMost
	more
	atLeast
	plus
	minus
	times
	div
	mod
	negative
	union
)

// expr is an expression.
type expr struct {
	op         op
	kind       kind
	positional bool // position() or last() of its context may decide its value
	num        float64
	str        string
	args       []*expr
	steps      []step
	tests      []*expr // predicates
	call       func(r *run, at place, args []value) value
}

type axis uint8

const (
	child axis = iota
	descendant
	descendantOrSelf
	self
	parent
	ancestor
	ancestorOrSelf
	attribute
	following
	followingSibling
	preceding
	precedingSibling
)

// step is a location step.
type step struct {
	axis         axis
	kind         nodeTest
	space, local string // of named
	tests        []*expr
}

type nodeTest uint8

const (
	anyNode   nodeTest = iota
	principal          // any element, of the attribute axis any attribute
	inSpace            // principal nodes of a namespace
	named              // principal nodes of a name
	texts
	comments
	instructions // there are none
)

// parser reads an expression, one token ahead. After an error it reads only the end.
type parser struct {
	src    string
	spaces map[string]string
	at     int // of the rest of src
	tok    token
	err    *SyntaxError
}

func parse(src string, spaces map[string]string) (*expr, error) {
	p := &parser{src: src, spaces: spaces}
	p.next()
	e := p.or()
	if p.tok.kind != end {
		p.fail("an operator or the end is expected")
	}
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = &SyntaxError{At: p.tok.at, Text: fmt.Sprintf(format, args...)}
	}
	p.at, p.tok = len(p.src), token{kind: end, at: len(p.src)}
}

// is takes a token of punctuation or an operator if it is the next one.
func (p *parser) is(symbol string) bool {
	if p.tok.kind != symbolToken || p.tok.text != symbol {
		return false
	}
	p.next()
	return true
}

func (p *parser) want(symbol string) {
	if !p.is(symbol) {
		p.fail("%q is expected", symbol)
	}
}

type operator struct {
	symbol string
	op     op
}

// binary reads operators of one precedence, which are left-associative.
func (p *parser) binary(next func() *expr, k kind, all ...operator) *expr {
	left := next()
	for {
		i := slices.IndexFunc(all, func(o operator) bool { return p.is(o.symbol) })
		if i < 0 {
			return left
		}
		right := next()
		left = &expr{op: all[i].op, kind: k, args: []*expr{left, right}, positional: left.positional || right.positional}
	}
}

func (p *parser) or() *expr { return p.binary(p.and, boolean, operator{"or", or}) }

func (p *parser) and() *expr { return p.binary(p.equality, boolean, operator{"and", and}) }

func (p *parser) equality() *expr {
	return p.binary(p.relation, boolean, operator{"=", equal}, operator{"!=", unequal})
}

func (p *parser) relation() *expr {
	return p.binary(p.sum, boolean, operator{"<=", atMost}, operator{"<", less}, operator{">=", atLeast}, operator{">", more})
}

func (p *parser) sum() *expr {
	return p.binary(p.product, number, operator{"+", plus}, operator{"-", minus})
}

func (p *parser) product() *expr {
	return p.binary(p.unary, number, operator{"*", times}, operator{"div", div}, operator{"mod", mod})
}

func (p *parser) unary() *expr {
	signs := 0
	for p.is("-") {
		signs++
	}
	e := p.union()
	if signs == 0 {
		return e
	}
	e = &expr{op: negative, kind: number, args: []*expr{e}, positional: e.positional}
	if signs%2 == 0 {
		e = &expr{op: negative, kind: number, args: []*expr{e}, positional: e.positional}
	}
	return e
}

func (p *parser) union() *expr {
	left := p.path()
	for p.tok.kind == symbolToken && p.tok.text == "|" {
		p.nodes(left)
		p.next()
		right := p.path()
		p.nodes(right)
		left = &expr{op: union, kind: set, args: []*expr{left, right}, positional: left.positional || right.positional}
	}
	return left
}

// nodes refuses what is no node-set.
func (p *parser) nodes(e *expr) {
	if e.kind != set {
		p.fail("a node-set is expected")
	}
}

func (p *parser) path() *expr {
	switch t := p.tok; {
	case t.kind == functionToken, t.kind == literalToken, t.kind == numberToken, t.kind == symbolToken && t.text == "(":
		e := p.filter()
		if p.tok.kind == symbolToken && (p.tok.text == "/" || p.tok.text == "//") {
			p.nodes(e)
			e = &expr{op: path, args: []*expr{e}, positional: e.positional}
			p.more(e)
		}
		return e
	case p.is("/"):
		e := &expr{op: absolute}
		if p.begins() {
			p.relative(e)
		}
		return e
	case t.kind == symbolToken && t.text == "//":
		e := &expr{op: absolute}
		p.more(e)
		return e
	default:
		e := &expr{op: path}
		p.relative(e)
		return e
	}
}

// begins tells whether a step is next.
func (p *parser) begins() bool {
	switch t := p.tok; t.kind {
	case nameToken, axisToken, typeToken:
		return true
	case symbolToken:
		return t.text == "." || t.text == ".." || t.text == "@"
	default:
		return false
	}
}

func (p *parser) relative(e *expr) {
	p.step(e)
	p.more(e)
}

// more reads the steps that follow.
func (p *parser) more(e *expr) {
	for {
		switch {
		case p.is("//"):
			e.steps = append(e.steps, step{axis: descendantOrSelf})
		case p.is("/"):
		default:
			return
		}
		p.step(e)
	}
}

func (p *parser) step(e *expr) {
	s := step{}
	switch {
	case p.is("."):
		s.axis = self
	case p.is(".."):
		s.axis = parent
	default:
		switch t := p.tok; {
		case p.is("@"):
			s.axis = attribute
		case t.kind == axisToken:
			p.axis(&s)
		}
		p.nodeTest(&s)
		s.tests = p.tests()
	}
	// descendant-or-self::node()/child::x finds what descendant::x finds, unless the place among the children matters.
	if n := len(e.steps); n > 0 && s.axis == child && e.steps[n-1].axis == descendantOrSelf && e.steps[n-1].kind == anyNode &&
		len(e.steps[n-1].tests) == 0 && !ordinal(s.tests) {
		s.axis, e.steps = descendant, e.steps[:n-1]
	}
	e.steps = append(e.steps, s)
}

// ordinal tells whether the place of a node decides a test.
func ordinal(tests []*expr) bool {
	for _, t := range tests {
		if t.positional || t.kind == number {
			return true
		}
	}
	return false
}

func (p *parser) axis(s *step) {
	switch p.tok.text {
	case "child":
		s.axis = child
	case "descendant":
		s.axis = descendant
	case "descendant-or-self":
		s.axis = descendantOrSelf
	case "self":
		s.axis = self
	case "parent":
		s.axis = parent
	case "ancestor":
		s.axis = ancestor
	case "ancestor-or-self":
		s.axis = ancestorOrSelf
	case "attribute":
		s.axis = attribute
	case "following":
		s.axis = following
	case "following-sibling":
		s.axis = followingSibling
	case "preceding":
		s.axis = preceding
	case "preceding-sibling":
		s.axis = precedingSibling
	case "namespace":
		p.fail("the namespace axis is not offered")
	default:
		p.fail("an axis is expected")
	}
	p.next()
	p.want("::")
}

func (p *parser) nodeTest(s *step) {
	switch t := p.tok; {
	case t.kind == nameToken:
		s.kind, s.local = named, t.text
		if t.prefix != "" {
			s.space = p.space(t.prefix)
		}
		switch {
		case t.text != "*":
		case t.prefix != "":
			s.kind = inSpace
		default:
			s.kind = principal
		}
		p.next()
	case t.kind == typeToken:
		p.next()
		p.want("(")
		switch t.text {
		case "node":
			s.kind = anyNode
		case "text":
			s.kind = texts
		case "comment":
			s.kind = comments
		default:
			s.kind = instructions
			if p.tok.kind == literalToken {
				p.next() // the name of what there is not
			}
		}
		p.want(")")
	default:
		p.fail("a step is expected")
	}
}

// xmlSpace is what the prefix xml is bound to.
const xmlSpace = "http://www.w3.org/XML/1998/namespace"

// space returns the namespace that the prefix of the next token is bound to.
func (p *parser) space(prefix string) string {
	if prefix == "xml" {
		return xmlSpace
	}
	uri := p.spaces[prefix]
	if uri == "" {
		p.fail("the prefix is not bound")
	}
	return uri
}

func (p *parser) tests() (all []*expr) {
	for p.is("[") {
		all = append(all, p.or())
		p.want("]")
	}
	return all
}

func (p *parser) filter() *expr {
	e := p.primary()
	if tests := p.tests(); len(tests) > 0 {
		p.nodes(e)
		e = &expr{op: filtered, args: []*expr{e}, tests: tests, positional: e.positional}
	}
	return e
}

func (p *parser) primary() *expr {
	t := p.tok
	switch {
	case p.is("("):
		e := p.or()
		p.want(")")
		return e
	case t.kind == literalToken:
		p.next()
		return &expr{op: literal, kind: text, str: t.text}
	case t.kind == numberToken:
		n, _ := strconv.ParseFloat(t.text, 64) // digits; too many are infinite
		p.next()
		return &expr{op: literal, kind: number, num: n}
	}
	f := functionOf(t.text)
	if t.prefix != "" || f.call == nil {
		p.fail("XPath 1.0 has no such function")
	}
	p.next()
	p.want("(")
	e := &expr{op: call, kind: f.result, call: f.call, positional: f.positional}
	if !p.is(")") {
		e.args = append(e.args, p.or())
		for p.is(",") {
			e.args = append(e.args, p.or())
		}
		p.want(")")
	}
	if len(e.args) < f.least || len(e.args) > f.most {
		p.fail("the function has another number of arguments")
	}
	for _, a := range e.args {
		if f.sets {
			p.nodes(a)
		}
		e.positional = e.positional || a.positional
	}
	if len(e.args) == 0 && f.most == 1 { // the context node
		e.args = []*expr{{op: path, steps: []step{{axis: self}}}}
	}
	return e
}
