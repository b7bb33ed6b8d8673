package minlogws

import (
	"time"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
)

// scope reads the elements of one request: children may be in the request's namespace or in none, those of other namespaces are nobody's.
type scope struct {
	tree  *xmltree.Tree
	space string
}

func (s scope) known(n xmltree.Node) bool {
	space := s.tree.Space(n)
	return space == "" || space == s.space
}

// instant reads an xs:dateTime; a time without zone is that of a Danish clock.
func instant(text string) (time.Time, error) {
	d, err := xsd.ParseDateTime(text)
	if err != nil {
		return time.Time{}, err
	}
	if at, ok := d.UTC(); ok {
		return at, nil
	}
	return calendar.Local(d.Year, time.Month(d.Month), d.Day, d.Hour, d.Minute, d.Second, d.Microsecond*int(time.Microsecond)), nil
}

func syntax(text string) error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}

// prefix is what stands before the names of elements in a message: that of its namespace, or nothing.
type prefix string

// writeOptional writes an element unless its text is empty.
func (p prefix) writeOptional(w *xmlout.Writer, name, text string) {
	if text != "" {
		w.Elem(string(p)+name, text)
	}
}

func (p prefix) writeID(w *xmlout.Writer, name string, id minlog.ID) {
	if !id.IsZero() {
		w.Elem(string(p)+name, id.Value, attrSource, id.Source)
	}
}

func (p prefix) writeTime(w *xmlout.Writer, name string, t time.Time, format string) {
	w.Elem(string(p)+name, t.UTC().Format(format))
}

// writePeriod writes an instant as one element and a period as two.
func (p prefix) writePeriod(w *xmlout.Writer, e *minlog.Entry, format string) {
	if e.From.Equal(e.To) {
		p.writeTime(w, elemAt, e.To, format)
		return
	}
	p.writeTime(w, elemFrom, e.From, format)
	p.writeTime(w, elemTo, e.To, format)
}

// writeChain writes the calling systems, the nearest outermost.
func (p prefix) writeChain(w *xmlout.Writer, c *minlog.Chain) {
	if c == nil {
		return
	}
	w.Start(string(p) + elemSource)
	p.writeOptional(w, elemCorrelationID, c.CorrelationID)
	p.writeOptional(w, elemSystem, c.System)
	p.writeChain(w, c.Source)
	w.End()
}

// writeDestination writes an entry in the order of minlog2-registration.xsd. Sequence number, filters and times of less than a millisecond are
// for the registration alone.
func (p prefix) writeDestination(w *xmlout.Writer, e *minlog.Entry, registration bool) {
	format := timeFormat
	if registration {
		format = time.RFC3339Nano
	}
	w.Start(string(p) + elemDestination)
	p.writeOptional(w, elemSystem, e.System)
	p.writeOptional(w, elemActivity, e.Activity)
	p.writeOptional(w, elemReason, e.Reason)
	p.writeOptional(w, elemAddition, e.Addition)
	p.writeOptional(w, elemCriticality, e.Criticality)
	p.writePeriod(w, e, format)
	p.writeID(w, elemOrg, e.Org)
	p.writeOptional(w, elemOrgName, e.OrgName)
	p.writeID(w, elemPerson, e.Person)
	p.writeOptional(w, elemPersonName, e.PersonName)
	p.writeOptional(w, elemCorrelationID, e.CorrelationID)
	if registration {
		p.writeOptional(w, elemSequenceNumber, e.SequenceNumber)
	}
	p.writeID(w, elemUser, e.User)
	p.writeOptional(w, elemUserName, e.UserName)
	p.writeOptional(w, elemUserRole, e.UserRole)
	p.writeID(w, elemOnBehalfOf, e.OnBehalfOf)
	p.writeOptional(w, elemOnBehalfOfName, e.OnBehalfOfName)
	p.writeOptional(w, elemOnBehalfOfRole, e.OnBehalfOfRole)
	if registration {
		for _, f := range e.Filters {
			w.Elem(string(p)+elemFilter, f)
		}
	}
	w.End()
}
