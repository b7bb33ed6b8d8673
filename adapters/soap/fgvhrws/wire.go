// Package fgvhrws is the SOAP contract of declining resuscitation at cardiac arrest (FGVHR).
package fgvhrws

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/fgvhr"
)

// binder reads messages as the schema has them: what it does not know, or what stands in another place, is refused. Prefixes, white space
// around values and attributes of other namespaces do not matter.
type binder struct{ *xmltree.Tree }

// field is a child of an element, in its place.
type field struct {
	name     string
	optional bool
	read     func(n xmltree.Node) error
}

// syntax refuses a message because of an element, by its name in the contract.
func syntax(name string) error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: textSyntax + name}
}

// sequence reads the children of n, which is called name in the contract.
func (b binder) sequence(n xmltree.Node, name string, fields ...field) error {
	if err := b.attributes(n, name); err != nil {
		return err
	}
	if !b.Blank(n) {
		return syntax(name)
	}
	for child := range b.Children(n) {
		if b.Space(child) != space {
			return syntax(name)
		}
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == b.Local(child) })
		if at < 0 {
			return syntax(name)
		}
		if err := missing(fields[:at]); err != nil {
			return err
		}
		if err := fields[at].read(child); err != nil {
			return err
		}
		fields = fields[at+1:]
	}
	return missing(fields)
}

// missing refuses that one of the fields is not there, unless all may be left out.
func missing(fields []field) error {
	for _, f := range fields {
		if !f.optional {
			return syntax(f.name)
		}
	}
	return nil
}

// attributes refuses those of n that are neither allowed nor another namespace's, and an xsi:type or xsi:nil that says that n is something else.
func (b binder) attributes(n xmltree.Node, name string, allowed ...string) error {
	for i := range b.AttrCount(n) {
		switch in, local, value := b.AttrAt(n, i); {
		case in == "" && !slices.Contains(allowed, local), in == space:
			return syntax(name)
		case in == nsInstance && local == "type" && !b.isType(n, value, typeNames[name]):
			return syntax(name)
		case in == nsInstance && local == "nil":
			if is, err := xsd.ParseBoolean(value); err != nil || is {
				return syntax(name)
			}
		}
	}
	return nil
}

// isType tells whether a qualified name that stands in n is that of a type of the contract.
func (b binder) isType(n xmltree.Node, qualified, name string) bool {
	prefix, local, prefixed := strings.Cut(xsd.Collapse(qualified), ":")
	if !prefixed {
		prefix, local = "", prefix
	}
	in, known := b.Lookup(n, prefix)
	return known && in == space && local == name && name != ""
}

// value returns what n says, without white space around it; "" where it says nothing.
func (b binder) value(n xmltree.Node, allowed ...string) (string, error) {
	name := b.Local(n)
	if err := b.attributes(n, name, append(allowed, attrValue)...); err != nil {
		return "", err
	}
	if b.First(n) != xmltree.None || !b.Blank(n) {
		return "", syntax(name)
	}
	value, _ := b.Attr(n, "", attrValue)
	return xsd.Collapse(value), nil
}

// patient reads a patientId. One that is none leaves the zero number, which the use case refuses once it knows that the caller may ask.
func (b binder) patient(to *cpr.Number) field {
	return field{name: elemPatient, read: func(n xmltree.Node) error {
		value, err := b.value(n, attrSource)
		if err != nil {
			return err
		}
		source, there := b.Attr(n, "", attrSource)
		if len(value) == 10 && (!there || xsd.Collapse(source) == sourceCPR) {
			*to, _ = cpr.Parse(value)
		}
		return nil
	}}
}

// one is a field with a value that parse knows.
func one[T any](b binder, name string, to *T, parse func(string) (T, bool)) field {
	return field{name: name, read: func(n xmltree.Node) error {
		value, err := b.value(n)
		if err != nil {
			return err
		}
		v, ok := parse(value)
		if !ok {
			return syntax(name)
		}
		*to = v
		return nil
	}}
}

func optional(f field) field {
	f.optional = true
	return f
}

// uuid returns a UUID in lower case.
func uuid(text string) (string, bool) {
	if len(text) != 36 {
		return "", false
	}
	for i := range len(text) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if text[i] != '-' {
				return "", false
			}
		} else if !strings.ContainsRune("0123456789abcdefABCDEF", rune(text[i])) {
			return "", false
		}
	}
	return strings.ToLower(text), true
}

// day reads an xs:date. A zone says where it was written, not which day is meant.
func day(text string) (calendar.Day, bool) {
	d, err := xsd.ParseDate(text)
	return calendar.Day{Year: d.Year, Month: time.Month(d.Month), Dom: d.Day}, err == nil
}

// form is what a request says.
type form struct {
	citizen cpr.Number
	change  fgvhr.Change
}

// register, update and citizen read the requests.
func (b binder) register(root xmltree.Node) (f form, err error) {
	return f, b.sequence(root, opRegister+suffixRequest, b.patient(&f.citizen), optional(one(b, elemPaper, &f.change.CitizenCreated, day)))
}

func (b binder) update(root xmltree.Node) (f form, err error) {
	err = b.sequence(root, opUpdate+suffixRequest, b.patient(&f.citizen), one(b, elemID, &f.change.ID, uuid),
		optional(one(b, elemStatus, &f.change.Status, statusOf)), optional(one(b, elemPaper, &f.change.CitizenCreated, day)))
	if err == nil && f.change.Status == "" && f.change.CitizenCreated == (calendar.Day{}) {
		err = syntax(opUpdate + suffixRequest)
	}
	return f, err
}

func (b binder) citizen(root xmltree.Node, operation string) (f form, err error) {
	return f, b.sequence(root, operation+suffixRequest, b.patient(&f.citizen))
}

// wrap writes the root of a message around content.
func wrap(w *xmlout.Writer, name string, content func(w *xmlout.Writer)) {
	w.Start(prefix+name, "xmlns:f", space)
	content(w)
	w.End()
}

// writeConsent writes an opt-out as the caller may see it.
func writeConsent(w *xmlout.Writer, v optingout.View) {
	w.Start(prefix + elemConsent)
	write(w, elemID, v.ID)
	writePatient(w, v.Citizen)
	write(w, elemStatus, string(v.Status))
	write(w, elemCreated, v.Created.UTC().Format(timeFormat))
	writeDay(w, v.CitizenCreated)
	write(w, elemValidFrom, v.ValidFrom.UTC().Format(timeFormat))
	write(w, elemInForce, strconv.FormatBool(v.InForce))
	if v.Replaces != "" {
		write(w, elemReplaces, v.Replaces)
	}
	w.End()
}

func writeDay(w *xmlout.Writer, d calendar.Day) {
	if d != (calendar.Day{}) {
		write(w, elemPaper, d.String())
	}
}

func writePatient(w *xmlout.Writer, citizen cpr.Number) {
	w.Elem(prefix+elemPatient, "", attrValue, citizen.Digits(), attrSource, sourceCPR)
}

func write(w *xmlout.Writer, name, value string) { w.Elem(prefix+name, "", attrValue, value) }
