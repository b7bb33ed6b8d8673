package xpath

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// What an evaluation costs, in units: a node that is visited; an operation or a comparison 1; so many octets of text 1.
const (
	visit  = 16
	octets = 16
)

// run is one evaluation. Once nothing is left every loop ends, and the value is worth nothing.
type run struct {
	doc  *document
	left int // units
}

func (r *run) spend(units int) bool {
	r.left -= units
	return r.left >= 0
}

// place is where an expression is evaluated: the context node, its position and the size (XPath 1.0, 1).
type place struct {
	node   int32
	at, of int
}

// value is what an expression yields.
type value struct {
	kind  kind
	bool  bool
	num   float64
	str   string
	nodes []int32 // of a set, in document order
}

func yes(b bool) value { return value{kind: boolean, bool: b} }

func num(f float64) value { return value{kind: number, num: f} }

func str(s string) value { return value{kind: text, str: s} }

// truth is the function boolean() (4.3).
func (v value) truth() bool {
	switch v.kind {
	case boolean:
		return v.bool
	case number:
		return v.num != 0 && !math.IsNaN(v.num)
	case text:
		return v.str != ""
	default:
		return len(v.nodes) > 0
	}
}

// text is the function string() (4.2).
func (r *run) text(v value) string {
	switch v.kind {
	case boolean:
		return strconv.FormatBool(v.bool)
	case number:
		return written(v.num)
	case text:
		return v.str
	default:
		if len(v.nodes) == 0 {
			return ""
		}
		return r.textOf(v.nodes[0])
	}
}

// number is the function number() (4.4).
func (r *run) number(v value) float64 {
	switch v.kind {
	case boolean:
		if v.bool {
			return 1
		}
		return 0
	case number:
		return v.num
	default:
		s := r.text(v)
		if !r.spend(len(s) / octets) {
			return 0
		}
		return parsed(s)
	}
}

func written(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, 64), "+") + "inity"
	case f == 0:
		return "0" // also if it is negative
	default:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
}

// parsed is the number that a text is: white space, a minus sign, and a Number.
func parsed(s string) float64 {
	s = strings.Trim(s, blank)
	rest := strings.TrimPrefix(s, "-")
	whole := digits(rest)
	rest = rest[whole:]
	part := 0
	if strings.HasPrefix(rest, ".") {
		part = digits(rest[1:])
		rest = rest[1+part:]
	}
	if rest != "" || whole+part == 0 {
		return math.NaN()
	}
	f, _ := strconv.ParseFloat(s, 64) // what is too large is infinite
	return f
}

// textOf is the string-value of a node (5).
func (r *run) textOf(n int32) string {
	nodes := r.doc.nodes
	if this := &nodes[n]; this.kind != rootNode && this.kind != elementNode {
		return r.own(n)
	}
	var b strings.Builder
	var only string
	found := 0
	for i := n + 1; i <= nodes[n].last; i += 1 + int32(nodes[i].attrs) {
		if !r.spend(visit) {
			return ""
		}
		if nodes[i].kind != textNode {
			continue
		}
		switch found++; found {
		case 1:
			only = r.own(i)
		case 2:
			b.WriteString(only)
			fallthrough
		default:
			b.WriteString(r.own(i))
		}
	}
	if found < 2 {
		return only
	}
	return b.String()
}

func (r *run) own(n int32) string {
	this := &r.doc.nodes[n]
	size := this.to - this.from
	if this.kind == attributeNode {
		size = r.doc.attribute(this).Len
	}
	if !r.spend(int(size) / octets) {
		return ""
	}
	return r.doc.own(this)
}

func (r *run) eval(e *expr, at place) value {
	if !r.spend(1) {
		return value{kind: e.kind}
	}
	switch e.op {
	case literal:
		return value{kind: e.kind, num: e.num, str: e.str}
	case path, absolute, filtered:
		return value{nodes: r.path(e, at)}
	case union:
		left, right := r.eval(e.args[0], at).nodes, r.eval(e.args[1], at).nodes
		return value{nodes: r.ordered(append(slices.Clone(left), right...))}
	case call:
		args := make([]value, len(e.args))
		for i, a := range e.args {
			args[i] = r.eval(a, at)
		}
		return e.call(r, at, args)
	case or:
		return yes(r.eval(e.args[0], at).truth() || r.eval(e.args[1], at).truth())
	case and:
		return yes(r.eval(e.args[0], at).truth() && r.eval(e.args[1], at).truth())
	case negative:
		return num(-r.number(r.eval(e.args[0], at)))
	}
	left, right := r.eval(e.args[0], at), r.eval(e.args[1], at)
	if e.kind == boolean {
		return yes(r.compare(e.op, left, right))
	}
	a, b := r.number(left), r.number(right)
	switch e.op {
	case plus:
		return num(a + b)
	case minus:
		return num(a - b)
	case times:
		return num(a * b)
	case div:
		return num(a / b)
	default:
		return num(math.Mod(a, b))
	}
}

func (r *run) path(e *expr, at place) []int32 {
	var from []int32
	switch {
	case e.op == absolute:
		from = []int32{0}
	case len(e.args) == 0:
		from = []int32{at.node}
	default:
		from = r.eval(e.args[0], at).nodes
	}
	if e.op == filtered {
		from = slices.Clone(from)
		for _, t := range e.tests {
			from = r.keep(from, t)
		}
	}
	for i := range e.steps {
		from = r.step(from, &e.steps[i])
	}
	return from
}

// step takes a step from each node.
func (r *run) step(from []int32, s *step) (to []int32) {
	var found []int32
	ordered := true
	for _, n := range from {
		found = r.along(n, s, found[:0])
		for _, t := range s.tests {
			found = r.keep(found, t)
		}
		if s.axis == ancestor || s.axis == ancestorOrSelf || s.axis == preceding || s.axis == precedingSibling {
			slices.Reverse(found)
		}
		if len(found) > 0 && len(to) > 0 && found[0] <= to[len(to)-1] {
			ordered = false
		}
		to = append(to, found...)
		if !r.spend(1) {
			return nil
		}
	}
	if ordered {
		return to
	}
	return r.ordered(to)
}

// ordered puts nodes in document order, each once.
func (r *run) ordered(nodes []int32) []int32 {
	if !r.spend(len(nodes)) {
		return nil
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// keep leaves the nodes that a predicate holds for (2.4).
func (r *run) keep(nodes []int32, test *expr) []int32 {
	kept := nodes[:0]
	for i, n := range nodes {
		v := r.eval(test, place{node: n, at: i + 1, of: len(nodes)})
		if r.left < 0 {
			return nil
		}
		if v.kind == number && v.num == float64(i+1) || v.kind != number && v.truth() {
			kept = append(kept, n)
		}
	}
	return kept
}

// along appends the nodes of an axis from n that pass the node test, in the order of the axis.
func (r *run) along(n int32, s *step, found []int32) []int32 {
	nodes := r.doc.nodes
	this := &nodes[n]
	see := func(i int32) bool {
		if !r.spend(visit) {
			return false
		}
		if r.passes(i, s) {
			found = append(found, i)
		}
		return true
	}
	inside := n + 1 + int32(this.attrs)
	switch s.axis {
	case self:
		see(n)
	case parent:
		if this.parent >= 0 {
			see(this.parent)
		}
	case child:
		for i := inside; i <= this.last && see(i); i = nodes[i].last + 1 {
		}
	case attribute:
		for i := n + 1; i < inside && see(i); i++ {
		}
	case descendantOrSelf, descendant:
		if s.axis == descendantOrSelf {
			see(n)
		}
		for i := inside; i <= this.last && see(i); i += 1 + int32(nodes[i].attrs) {
		}
	case ancestorOrSelf, ancestor:
		if s.axis == ancestorOrSelf {
			see(n)
		}
		for i := this.parent; i >= 0 && see(i); i = nodes[i].parent {
		}
	case followingSibling:
		if this.parent >= 0 && this.kind != attributeNode {
			for i := this.last + 1; i <= nodes[this.parent].last && see(i); i = nodes[i].last + 1 {
			}
		}
	case precedingSibling:
		for i := this.before; i >= 0 && see(i); i = nodes[i].before {
		}
	case following:
		for i := this.last + 1; i <= nodes[0].last && r.spend(1); i++ {
			if nodes[i].kind != attributeNode {
				see(i)
			}
		}
	case preceding:
		for i := n - 1; i > 0 && r.spend(1); i-- {
			if nodes[i].kind != attributeNode && nodes[i].last < n {
				see(i)
			}
		}
	}
	return found
}

// passes is the node test (2.3).
func (r *run) passes(i int32, s *step) bool {
	n := &r.doc.nodes[i]
	switch s.kind {
	case anyNode:
		return true
	case texts:
		return n.kind == textNode
	case comments:
		return n.kind == commentNode
	case instructions:
		return false
	}
	if s.axis == attribute {
		if n.kind != attributeNode {
			return false
		}
	} else if n.kind != elementNode {
		return false
	}
	if s.kind == principal {
		return true
	}
	space, local := r.doc.name(n)
	return space == s.space && (s.kind == inSpace || local == s.local)
}

// compare is an equality or a relation (3.4).
func (r *run) compare(o op, left, right value) bool {
	if o != equal && o != unequal { // all that are no sets are numbers, once and for all
		if left.kind == text {
			left = num(r.number(left))
		}
		if right.kind == text {
			right = num(r.number(right))
		}
	}
	switch {
	case left.kind == set && right.kind == set:
		others := make([]value, len(right.nodes))
		for i, n := range right.nodes {
			others[i] = r.item(o, n)
		}
		for _, n := range left.nodes {
			v := r.item(o, n)
			for _, other := range others {
				if !r.spend(1) {
					return false
				}
				if r.plain(o, v, other) {
					return true
				}
			}
		}
		return false
	case left.kind == set && right.kind == boolean:
		left = yes(left.truth())
	case left.kind == boolean && right.kind == set:
		right = yes(right.truth())
	case left.kind == set:
		for _, n := range left.nodes {
			if r.spend(1) && r.plain(o, r.item(o, n), right) {
				return true
			}
		}
		return false
	case right.kind == set:
		for _, n := range right.nodes {
			if r.spend(1) && r.plain(o, left, r.item(o, n)) {
				return true
			}
		}
		return false
	}
	return r.plain(o, left, right)
}

// item is what a node is compared by.
func (r *run) item(o op, n int32) value {
	s := r.textOf(n)
	if o != equal && o != unequal {
		return num(parsed(s))
	}
	return str(s)
}

// plain compares what are no sets.
func (r *run) plain(o op, left, right value) bool {
	switch o {
	case equal:
		return r.same(left, right)
	case unequal:
		return !r.same(left, right)
	}
	a, b := r.number(left), r.number(right)
	switch o {
	case less:
		return a < b
	case atMost:
		return a <= b
	case more:
		return a > b
	default:
		return a >= b
	}
}

func (r *run) same(left, right value) bool {
	switch {
	case left.kind == boolean || right.kind == boolean:
		return left.truth() == right.truth()
	case left.kind == number || right.kind == number:
		return r.number(left) == r.number(right)
	default:
		return r.spend(min(len(left.str), len(right.str))/octets) && left.str == right.str
	}
}
