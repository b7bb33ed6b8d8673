package minlogws_test

import "strings"

// declaration is an element as its schema declares it: how often it may occur, and either its children in order or the values of its text.
type declaration struct {
	name      string
	occurs    string // "1", "?", "*" or "+"
	children  []declaration
	text      values
	attribute string // the one it must have, or ""
	options   values // those of the attribute
}

// values are samples of a simple type: those that its facets allow, the first of which stands in a full message, and those that they do not.
type values struct{ good, bad []string }

// document is one message that a schema must accept or refuse.
type document struct {
	name, schema, xml string
	valid             bool
}

func parent(occurs, name string, children ...declaration) declaration {
	return declaration{name: name, occurs: occurs, children: children}
}

func leaf(occurs, name string, text values) declaration {
	return declaration{name: name, occurs: occurs, text: text}
}

// with returns the declaration with a required attribute.
func (d declaration) with(attribute string, options values) declaration {
	d.attribute, d.options = attribute, options
	return d
}

func (d declaration) optional() bool { return d.occurs == "?" || d.occurs == "*" }
func (d declaration) repeats() bool  { return d.occurs == "*" || d.occurs == "+" }

func (d declaration) tag(attributes, content string) string {
	return "<" + d.name + attributes + ">" + content + "</" + d.name + ">"
}

func attribute(name, value string) string { return " " + name + `="` + value + `"` }

// full returns the element with everything it may hold, once.
func (d declaration) full() string { return d.tag(d.attributes(), d.content()) }

func (d declaration) attributes() string {
	if d.attribute == "" {
		return ""
	}
	return attribute(d.attribute, d.options.good[0])
}

func (d declaration) content() string {
	if d.children == nil {
		return d.text.good[0]
	}
	return sequence(d.children)
}

// sequence returns the elements, each in full.
func sequence(all []declaration) string {
	var xml strings.Builder
	for _, d := range all {
		xml.WriteString(d.full())
	}
	return xml.String()
}

// samples returns the full element changed in one place at a time: every value, attribute, cardinality and order that its declaration
// and those below it allow, and one breach of each.
func (d declaration) samples() []document {
	var all []document
	add := func(name, xml string, valid bool) {
		all = append(all, document{name: d.name + ": " + name, xml: xml, valid: valid})
	}
	attributes, content := d.attributes(), d.content()
	add("another attribute", d.tag(attributes+attribute("other", "x"), content), false)
	if d.attribute != "" {
		add("no "+d.attribute, d.tag("", content), false)
	}
	for _, v := range d.options.good {
		add(d.attribute+" "+short(v), d.tag(attribute(d.attribute, v), content), true)
	}
	for _, v := range d.options.bad {
		add("bad "+d.attribute+" "+short(v), d.tag(attribute(d.attribute, v), content), false)
	}
	add("another element at the end", d.tag(attributes, content+"<Other/>"), false)
	if d.children == nil {
		for _, v := range d.text.good {
			add("text "+short(v), d.tag(attributes, v), true)
		}
		for _, v := range d.text.bad {
			add("bad text "+short(v), d.tag(attributes, v), false)
		}
		return all
	}
	add("text between elements", d.tag(attributes, content+"text"), false)
	add("content twice", d.tag(attributes, content+content), len(d.children) == 1 && d.children[0].repeats())
	for i, c := range d.children {
		before, after := sequence(d.children[:i]), sequence(d.children[i+1:])
		put := func(xml string) string { return d.tag(attributes, before+xml+after) }
		add("no "+c.name, put(""), c.optional())
		add(c.name+" twice", put(c.full()+c.full()), c.repeats())
		if i > 0 {
			previous := d.children[i-1].full()
			add(c.name+" before "+d.children[i-1].name, d.tag(attributes, strings.TrimSuffix(before, previous)+c.full()+previous+after), false)
		}
		for _, s := range c.samples() {
			all = append(all, document{name: d.name + "/" + s.name, xml: put(s.xml), valid: s.valid})
		}
	}
	return all
}

func short(value string) string {
	if len(value) > 50 {
		return "at its longest or longer"
	}
	return `"` + value + `"`
}
