package skrsws

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/replicating"
)

// parameters are the children of a request, in the order of the schema; any order is taken.
func parameters() []string {
	return []string{elemRegister, elemDatatype, elemVersion, elemOffset, elemMax}
}

// bind reads a ReplicationRequest. Its children have no namespace, or that of the request; those of other namespaces are nobody's.
func bind(t *xmltree.Tree, root xmltree.Node) (req replicating.Request, err error) {
	texts := map[string]string{}
	for c := range t.Children(root) {
		if s := t.Space(c); s != "" && s != space {
			continue
		}
		name := parameterName(t.Local(c))
		_, repeated := texts[name]
		text, err := t.Text(c)
		switch {
		case name == "":
			return req, badParameter(rootRequest + " holds an unknown element")
		case repeated:
			return req, badParameter(name + " is repeated")
		case err != nil:
			return req, badParameter(name + " is not valid")
		}
		texts[name] = text
	}
	for _, name := range parameters() {
		text, sent := texts[name]
		if !sent && name != elemMax {
			return req, badParameter(name + " is missing")
		}
		if sent && !take(&req, name, text) {
			return req, badParameter(name + " is not valid")
		}
	}
	return req, nil
}

// parameterName returns a name of the program's own, "" if there is no such parameter.
func parameterName(local string) string {
	for _, name := range parameters() {
		if name == local {
			return name
		}
	}
	return ""
}

func take(req *replicating.Request, name, text string) (ok bool) {
	switch name {
	case elemRegister:
		req.View.Register = text
		return namesSomething(text)
	case elemDatatype:
		req.View.Datatype = text
		return namesSomething(text)
	case elemVersion:
		req.View.Version, ok = unsignedInt(text)
	case elemOffset:
		req.Offset, ok = text, true // read by the rules of copying, which have a fault of their own for it
	case elemMax:
		var limit int
		limit, ok = unsignedInt(text)
		req.Max = &limit
	}
	return ok
}

func namesSomething(text string) bool {
	return strings.TrimSpace(text) != "" && utf8.RuneCountInString(text) <= maxName
}

// unsignedInt reads an xs:unsignedInt: digits, of at most 4294967295.
func unsignedInt(text string) (n int, ok bool) {
	v, err := strconv.ParseUint(xsd.Collapse(text), 10, 32)
	return int(v), err == nil
}

// writeFeed writes the ReplicationResponse. It makes nothing for each row but what it writes.
func writeFeed(w *xmlout.Writer, feed replicating.Feed) {
	id := tagPrefix + feed.View.String()
	w.Start("k:"+rootResponse, "xmlns:k", space)
	w.Start("atom:feed", "xmlns:atom", spaceAtom)
	w.Elem("atom:id", id)
	w.Elem("atom:updated", feed.Updated.UTC().Format(timeFormat))
	w.Elem("atom:title", feedTitle)
	w.Start("atom:author")
	w.Elem("atom:name", feedAuthor)
	w.End()
	rows := spaceRows + feed.View.Register
	updated, of := "", int64(-1)
	var digits [20]byte
	for i := range feed.Rows {
		r := &feed.Rows[i]
		if seconds := r.Modified.Unix(); seconds != of { // many rows have one second
			updated, of = time.Unix(seconds, 0).UTC().Format(timeFormat), seconds
		}
		w.Start("atom:entry")
		w.Start("atom:id")
		w.Text(id)
		w.Text("/")
		w.Raw(r.Offset().Append(digits[:0]))
		w.End()
		w.Start("atom:title")
		w.End()
		w.Elem("atom:updated", updated)
		w.Start("atom:content")
		w.Attr("type", contentType)
		w.Start(feed.View.Datatype)
		w.Attr("xmlns", rows)
		for j := range r.Fields {
			if value, ok := r.Fields[j].Copied(); ok {
				w.Elem(r.Fields[j].Name, value)
			}
		}
		w.End()
		w.End()
		w.End()
	}
	w.End()
	w.End()
}
