package xpath

import (
	"math"
	"strings"
	"unicode/utf8"
)

// function is one of the core function library (XPath 1.0, 4).
type function struct {
	least, most int  // arguments; where none is given and one may be, it is the context node
	sets        bool // the arguments are node-sets
	positional  bool
	result      kind
	call        func(r *run, at place, args []value) value
}

// many is more than an expression has room for.
const many = math.MaxInt

// functionOf returns a function of XPath 1.0, zero if there is none of the name.
func functionOf(name string) function {
	switch name {
	case "last":
		return function{result: number, positional: true, call: func(_ *run, at place, _ []value) value { return num(float64(at.of)) }}
	case "position":
		return function{result: number, positional: true, call: func(_ *run, at place, _ []value) value { return num(float64(at.at)) }}
	case "count":
		return function{1, 1, true, false, number, func(_ *run, _ place, a []value) value { return num(float64(len(a[0].nodes))) }}
	case "id":
		return function{1, 1, false, false, set, func(*run, place, []value) value { return value{} }}
	case "local-name":
		return function{0, 1, true, false, text, func(r *run, _ place, a []value) value { return str(r.nameOf(a[0], localName)) }}
	case "namespace-uri":
		return function{0, 1, true, false, text, func(r *run, _ place, a []value) value { return str(r.nameOf(a[0], spaceName)) }}
	case "name":
		return function{0, 1, true, false, text, func(r *run, _ place, a []value) value { return str(r.nameOf(a[0], (*document).qualified)) }}
	case "sum":
		return function{1, 1, true, false, number, sum}
	case "lang":
		return function{1, 1, false, false, boolean, lang}
	case "not":
		return function{1, 1, false, false, boolean, func(_ *run, _ place, a []value) value { return yes(!a[0].truth()) }}
	case "true", "false":
		return function{0, 0, false, false, boolean, func(*run, place, []value) value { return yes(name == "true") }}
	case "boolean":
		return function{1, 1, false, false, boolean, func(_ *run, _ place, a []value) value { return yes(a[0].truth()) }}
	case "number":
		return function{0, 1, false, false, number, func(r *run, _ place, a []value) value { return num(r.number(a[0])) }}
	case "floor":
		return function{1, 1, false, false, number, func(r *run, _ place, a []value) value { return num(math.Floor(r.number(a[0]))) }}
	case "ceiling":
		return function{1, 1, false, false, number, func(r *run, _ place, a []value) value { return num(math.Ceil(r.number(a[0]))) }}
	case "round":
		return function{1, 1, false, false, number, func(r *run, _ place, a []value) value { return num(round(r.number(a[0]))) }}
	}
	return ofTexts(name)
}

// ofTexts are the functions whose arguments are texts: what reads one is paid for when they are called.
func ofTexts(name string) function {
	var f function
	var of func(r *run, s []string) value
	switch name {
	case "string":
		f, of = function{least: 0, most: 1, result: text}, func(_ *run, s []string) value { return str(s[0]) }
	case "string-length":
		f, of = function{least: 0, most: 1, result: number}, func(_ *run, s []string) value { return num(float64(utf8.RuneCountInString(s[0]))) }
	case "normalize-space":
		f, of = function{least: 0, most: 1, result: text}, func(_ *run, s []string) value { return str(normal(s[0])) }
	case "concat":
		f, of = function{least: 2, most: many, result: text}, func(_ *run, s []string) value { return str(strings.Join(s, "")) }
	case "starts-with":
		f, of = function{least: 2, most: 2, result: boolean}, func(_ *run, s []string) value { return yes(strings.HasPrefix(s[0], s[1])) }
	case "contains":
		f, of = function{least: 2, most: 2, result: boolean}, func(_ *run, s []string) value { return yes(strings.Contains(s[0], s[1])) }
	case "substring-before":
		f, of = function{least: 2, most: 2, result: text}, func(_ *run, s []string) value {
			before, _, found := strings.Cut(s[0], s[1])
			if !found {
				return str("")
			}
			return str(before)
		}
	case "substring-after":
		f, of = function{least: 2, most: 2, result: text}, func(_ *run, s []string) value {
			_, after, _ := strings.Cut(s[0], s[1])
			return str(after)
		}
	case "translate":
		f, of = function{least: 3, most: 3, result: text}, func(_ *run, s []string) value { return str(translate(s[0], s[1], s[2])) }
	case "substring":
		return function{2, 3, false, false, text, substring}
	default:
		return f
	}
	f.call = func(r *run, _ place, a []value) value {
		texts := make([]string, len(a))
		for i := range a {
			texts[i] = r.text(a[i])
			if !r.spend(1 + len(texts[i])/octets) {
				return value{kind: f.result}
			}
		}
		return of(r, texts)
	}
	return f
}

// nameOf is what is asked for of the first node of a set.
func (r *run) nameOf(v value, which func(*document, *node) string) string {
	if len(v.nodes) == 0 {
		return ""
	}
	return which(r.doc, &r.doc.nodes[v.nodes[0]])
}

func localName(d *document, n *node) string {
	_, local := d.name(n)
	return local
}

func spaceName(d *document, n *node) string {
	space, _ := d.name(n)
	return space
}

func sum(r *run, _ place, a []value) value {
	total := 0.0
	for _, n := range a[0].nodes {
		if !r.spend(1) {
			break
		}
		total += parsed(r.textOf(n))
	}
	return num(total)
}

// lang tells whether the nearest xml:lang is the language or one of its kinds.
func lang(r *run, at place, a []value) value {
	want := r.text(a[0])
	for n := at.node; n >= 0 && r.spend(visit); n = r.doc.nodes[n].parent {
		if this := &r.doc.nodes[n]; this.kind == elementNode {
			if is, ok := r.doc.tree.Attr(this.elem, xmlSpace, "lang"); ok {
				head, rest := is[:min(len(is), len(want))], is[min(len(is), len(want)):]
				return yes(strings.EqualFold(head, want) && (rest == "" || rest[0] == '-'))
			}
		}
	}
	return yes(false)
}

// round takes the nearest whole number, the greater of two.
func round(f float64) float64 {
	whole := math.Floor(f)
	if f-whole >= 0.5 {
		whole++
	}
	if whole == 0 {
		return math.Copysign(0, f)
	}
	return whole
}

func normal(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(blank, r) }), " ")
}

func translate(s, from, to string) string {
	others := []rune(to)
	with := map[rune]rune{}
	i := 0
	for _, c := range from {
		if _, twice := with[c]; !twice {
			with[c] = -1
			if i < len(others) {
				with[c] = others[i]
			}
		}
		i++
	}
	return strings.Map(func(c rune) rune {
		if other, ok := with[c]; ok {
			return other
		}
		return c
	}, s)
}

// substring keeps the characters at position p with round(start) <= p < round(start) + round(length).
func substring(r *run, _ place, a []value) value {
	s := r.text(a[0])
	first := round(r.number(a[1]))
	last := math.Inf(1)
	if len(a) == 3 {
		last = first + round(r.number(a[2]))
	}
	if !r.spend(1+len(s)/octets) || math.IsNaN(first) || math.IsNaN(last) {
		return str("")
	}
	from, to, p := len(s), len(s), 0.0
	for i := range s {
		p++
		if p >= last {
			to = i
			break
		}
		if p >= first && from == len(s) {
			from = i
		}
	}
	return str(s[min(from, to):to])
}
