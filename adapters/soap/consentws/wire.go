// Package consentws is the SOAP contract of consent (Samtykke, MinSpærring): administration, of both generations, and verification.
package consentws

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/org"
)

// binder reads the elements of one message: they are known by their local names, in the namespace of the types, in that of the wrapper or in
// none, in any order.
type binder struct {
	tree  *xmltree.Tree
	space string // of the wrapper
}

// content is what an element may hold.
type content struct {
	names    []string
	repeated string // that of names which may come more than once; "" = none
	closed   bool   // whatever else is refused: a limit that is misspelt must not widen a consent. Otherwise it is ignored
}

func syntax(text string) error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}

// children calls read for each child of n that c names and that is not nil.
func (b binder) children(n xmltree.Node, c content, read func(name string, child xmltree.Node) error) error {
	if c.closed && !b.tree.Blank(n) {
		return syntax(b.tree.Local(n) + textUnknown)
	}
	var seen uint64
	for child := b.tree.First(n); child != xmltree.None; child = b.tree.Next(child) {
		i := b.index(child, c.names)
		switch {
		case i < 0 && c.closed:
			return syntax(b.tree.Local(n) + textUnknown)
		case i < 0:
			continue
		case seen&(1<<i) != 0 && c.names[i] != c.repeated:
			return syntax(c.names[i] + textRepeated)
		}
		seen |= 1 << i
		absent, err := b.absent(child)
		if err != nil {
			return err
		}
		if absent {
			continue
		}
		if err := read(c.names[i], child); err != nil {
			return err
		}
	}
	return nil
}

// index is the place of n among names, -1 where it is none of them.
func (b binder) index(n xmltree.Node, names []string) int {
	if space := b.tree.Space(n); space != nsTypes && space != b.space && space != "" {
		return -1
	}
	local := b.tree.Local(n)
	for i, name := range names {
		if name == local {
			return i
		}
	}
	return -1
}

// absent tells whether an element stands for none.
func (b binder) absent(n xmltree.Node) (bool, error) {
	value, there := b.tree.Attr(n, nsInstance, "nil")
	if !there {
		return false, nil
	}
	absent, err := xsd.ParseBoolean(value)
	if err != nil {
		return false, syntax(b.tree.Local(n) + textUnknown)
	}
	if !absent {
		return false, nil
	}
	if text, err := b.tree.Text(n); err != nil || xsd.Collapse(text) != "" {
		return false, syntax(b.tree.Local(n) + textNil)
	}
	return true, nil
}

// optional returns the text of n without white space around it.
func (b binder) optional(n xmltree.Node) (string, error) {
	text, err := b.tree.Text(n)
	if err != nil {
		return "", syntax(b.tree.Local(n) + textNoText)
	}
	return xsd.Collapse(text), nil
}

// text returns the text of n, which is not empty.
func (b binder) text(n xmltree.Node) (string, error) {
	text, err := b.optional(n)
	if err == nil && text == "" {
		err = syntax(b.tree.Local(n) + textEmpty)
	}
	return text, err
}

// short returns the text of n, which is not empty and has at most so many code points.
func (b binder) short(n xmltree.Node, most int) (string, error) {
	text, err := b.text(n)
	if err == nil && utf8.RuneCountInString(text) > most {
		err = syntax(b.tree.Local(n) + textTooLong)
	}
	return text, err
}

func (b binder) number(n xmltree.Node) (cpr.Number, error) {
	text, err := b.optional(n)
	if err != nil {
		return cpr.Number{}, err
	}
	number, err := cpr.Parse(text)
	if err != nil {
		return cpr.Number{}, syntax(b.tree.Local(n) + textNumber)
	}
	return number, nil
}

func (b binder) boolean(n xmltree.Node) (bool, error) {
	text, err := b.optional(n)
	if err != nil {
		return false, err
	}
	is, err := xsd.ParseBoolean(text)
	if err != nil {
		return false, syntax(b.tree.Local(n) + textBoolean)
	}
	return is, nil
}

// organisation reads an organisation with a codeSystem, SOR where there is none.
func (b binder) organisation(n xmltree.Node) (org.ID, error) {
	code, err := b.short(n, maxCode) // the log of overrides keeps it, whatever it is
	if err != nil {
		return org.ID{}, err
	}
	scheme := org.SOR
	if system, there := b.tree.Attr(n, "", attrCodeSystem); there {
		scheme = schemeOf(xsd.Collapse(system))
	}
	return org.ID{Code: code, Scheme: scheme}, nil
}

// from reads the beginning of a period, to its end: of a date, they are its first instant and the next day's.
func (b binder) from(n xmltree.Node) (time.Time, error) { return b.instant(n, 0) }
func (b binder) to(n xmltree.Node) (time.Time, error)   { return b.instant(n, 1) }

// instant reads an xs:dateTime or the midnight days after the one that an xs:date begins with, cut to milliseconds. What has no zone, and
// every date, is of a Danish clock: some clients add to a date the zone that they are in.
func (b binder) instant(n xmltree.Node, days int) (at time.Time, err error) {
	text, err := b.optional(n)
	if err != nil {
		return at, err
	}
	d, err := xsd.ParseDateTime(text)
	if err != nil {
		if d, err = xsd.ParseDate(text); err != nil {
			return at, syntax(b.tree.Local(n) + textTime)
		}
		d.Day, d.HasZone = d.Day+days, false
	}
	at, zoned := d.UTC()
	if !zoned {
		at = calendar.Local(d.Year, time.Month(d.Month), d.Day, d.Hour, d.Minute, d.Second, d.Microsecond*int(time.Microsecond))
	}
	// The zero time would be none.
	if at = at.UTC().Truncate(time.Millisecond); at.IsZero() || at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}, syntax(b.tree.Local(n) + textTimeRange)
	}
	return at, nil
}

// form is how a service writes its messages: what is below the children of the wrapper is in the namespace of the types, with the prefix t.
type form struct {
	prefix string // of the wrapper, with the colon
	space  string // of the wrapper
	child  string // prefix of the wrapper's children
}

// The forms. The children of the newer administration have no namespace, as in the users guide.
var (
	newer        = form{prefix: "m:", space: nsAdministration}
	older        = form{prefix: "o:", space: nsAdministrationV1, child: "t:"}
	verification = form{prefix: "v:", space: nsVerification, child: "t:"}
)

// wrap writes a wrapper around content.
func (f form) wrap(w *xmlout.Writer, name string, content func(w writer)) {
	w.Start(f.prefix+name, "xmlns:"+f.prefix[:1], f.space, "xmlns:t", nsTypes)
	content(writer{w, f})
	w.End()
}

// writer writes what a wrapper holds.
type writer struct {
	*xmlout.Writer
	form
}

// part writes a child of the wrapper that holds elements.
func (w writer) part(name string, content func()) {
	w.Start(w.child + name)
	content()
	w.End()
}

// elem writes an element of the types, unless its text is empty.
func (w writer) elem(name, text string) {
	if text != "" {
		w.Elem("t:"+name, text)
	}
}

func (w writer) yes(name string, is bool) {
	if is {
		w.elem(name, strconv.FormatBool(is))
	}
}

func (w writer) instant(name string, at time.Time) {
	if !at.IsZero() {
		w.elem(name, formatInstant(at))
	}
}

func formatInstant(at time.Time) string {
	if at.Nanosecond() >= int(time.Millisecond) {
		return at.UTC().Format(timeFormatMilli)
	}
	return at.UTC().Format(timeFormat)
}
