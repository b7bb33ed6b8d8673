package cda

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
)

// ErrDocument is returned for a document in which no will can be read. It never holds anything of the document.
var ErrDocument = errors.New("cda: unexpected document")

// Parse reads a document at the places where readers of wills look: the first author, the first value of the first entry. Of the rest of it
// anything is taken. The wishes must be those of the value's type, each once, in their order: of a will that is not understood nothing is told.
func Parse(t *xmltree.Tree, n xmltree.Node) (d Document, err error) {
	if !t.Is(n, "", elemDocument) {
		return Document{}, fail(elemDocument)
	}
	p := parser{t}
	if d.Created, err = p.instant(n, "effectiveTime"); err != nil {
		return Document{}, err
	}
	if d.Registered, err = p.instant(n, "author", "time"); err != nil {
		return Document{}, err
	}
	if d.Citizen, err = p.citizen(n); err != nil {
		return Document{}, err
	}
	value := p.find(n, "component", "structuredBody", "component", "section", "entry", "observation", "value")
	if d.Value, err = p.value(value); err != nil {
		return Document{}, err
	}
	if d.Wishes, err = ParseWishes(t, value, d.Value); err != nil {
		return Document{}, err
	}
	return d, nil
}

// ParseWishes reads what n, a will of a form, holds.
func ParseWishes(t *xmltree.Tree, n xmltree.Node, v Value) (w will.Wishes, err error) {
	if _, null := t.Attr(n, "", AttrNullFlavor); null {
		return will.Wishes{}, fail(AttrNullFlavor)
	}
	child := t.First(n)
	for _, element := range v.Elements() {
		if !t.Is(child, v.Space(), element) {
			return will.Wishes{}, fail(element)
		}
		wish := WishOf(&w, element)
		text, err := t.Text(child)
		if err == nil {
			wish.Declined, err = xsd.ParseBoolean(text)
		}
		if err != nil {
			return will.Wishes{}, fail(element)
		}
		if needs, there := t.Attr(child, "", AttrAcceptance); there {
			var known bool
			if wish.Needs, known = ParseAcceptance(needs); !known || !v.Conditional(element) {
				return will.Wishes{}, fail(AttrAcceptance)
			}
		}
		child = t.Next(child)
	}
	if child != xmltree.None {
		return will.Wishes{}, fail(v.Type())
	}
	return w, nil
}

type parser struct{ *xmltree.Tree }

// find descends from n by the first element of each name, None where there is none.
func (p parser) find(n xmltree.Node, names ...string) xmltree.Node {
	for _, name := range names {
		if n = p.Child(n, NSHL7, name); n == xmltree.None {
			break
		}
	}
	return n
}

// instant reads the time of an element. One without offset is the time of Danish clocks.
func (p parser) instant(n xmltree.Node, names ...string) (at time.Time, err error) {
	n = p.find(n, names...)
	if n == xmltree.None {
		return at, fail(names[0])
	}
	text, _ := p.Attr(n, "", "value")
	if at, err = time.Parse(timeFormat, text); err == nil {
		return at.UTC(), nil
	}
	if at, err = time.Parse(timeFormatLocal, text); err != nil {
		return at, fail(names[0])
	}
	return calendar.Local(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond()).UTC(), nil
}

func (p parser) citizen(n xmltree.Node) (cpr.Number, error) {
	id := p.find(n, "recordTarget", "patientRole", "id")
	if id == xmltree.None {
		return cpr.Number{}, fail("recordTarget")
	}
	root, _ := p.Attr(id, "", "root")
	extension, _ := p.Attr(id, "", "extension")
	number, err := cpr.Parse(extension)
	if err != nil || root != CitizenRoot {
		return cpr.Number{}, fail("recordTarget")
	}
	return number, nil
}

// value finds the form of a value by its type, whatever the prefix.
func (p parser) value(n xmltree.Node) (Value, error) {
	if n == xmltree.None {
		return 0, fail("value")
	}
	name, _ := p.Attr(n, nsInstance, attrType)
	prefix, local, qualified := strings.Cut(xsd.Collapse(name), ":")
	if !qualified {
		prefix, local = "", prefix
	}
	space, declared := p.Lookup(n, prefix)
	for v, f := range forms {
		if declared && f.space == space && f.name == local {
			return Value(v), nil
		}
	}
	return 0, fail(prefixInstance + ":" + attrType)
}

func fail(where string) error { return fmt.Errorf("%w: %s", ErrDocument, where) }
