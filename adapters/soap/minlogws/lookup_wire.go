package minlogws

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/minlog"
)

// bindCitizen reads a LogStatementForCPRPersonRequest.
func bindCitizen(t *xmltree.Tree, root xmltree.Node) (logkeeping.Inquiry, error) {
	return bindInquiry(t, root, elemPersonID, minlog.CPR, minlog.ECPR)
}

// bindAssistants reads a LogStatementOnBehalfOfRequest.
func bindAssistants(t *xmltree.Tree, root xmltree.Node) (logkeeping.Inquiry, error) {
	return bindInquiry(t, root, elemOnBehalfOfID, minlog.CPR, minlog.Authorisation)
}

// bindInquiry reads a request whose person is in the element named person, from one of the sources.
func bindInquiry(t *xmltree.Tree, root xmltree.Node, person string, sources ...string) (logkeeping.Inquiry, error) {
	b := inquiryBinder{scope: scope{t, t.Space(root)}, person: person, sources: sources}
	for c := t.First(root); c != xmltree.None; c = t.Next(c) {
		if !b.known(c) {
			continue
		}
		if err := b.element(c); err != nil {
			return logkeeping.Inquiry{}, err
		}
	}
	if b.inquiry.Person.IsZero() {
		return logkeeping.Inquiry{}, syntax(person + " is missing")
	}
	return b.inquiry, nil
}

type inquiryBinder struct {
	scope
	person  string
	sources []string
	inquiry logkeeping.Inquiry
	seen    []string // elements that may occur once and did; there are eight
}

func (b *inquiryBinder) element(n xmltree.Node) error {
	name := b.tree.Local(n)
	text, err := b.tree.Text(n)
	q := &b.inquiry
	var read func() error
	switch name {
	case elemPass:
		return b.condition(&q.Pass, name, n)
	case elemStop:
		return b.condition(&q.Stop, name, n)
	case b.person:
		read = func() error { return b.id(n, text) }
	case elemGrouping:
		read = func() error { q.Grouping = text; return nil }
	case elemDetails:
		read = func() error { q.Details = text; return nil }
	case elemChronologic:
		read = func() (err error) { q.Chronologic, err = xsd.ParseBoolean(text); return err }
	case elemFrom:
		read = func() (err error) { q.From, err = bound(text); return err }
	case elemTo:
		read = func() (err error) { q.To, err = bound(text); return err }
	case elemPageSize:
		read = func() error {
			size, err := xsd.ParseInt(text)
			q.PageSize = &size
			return err
		}
	case elemPageToken:
		read = func() error {
			if q.PageToken = text; text == "" {
				return xsd.ErrLexical
			}
			return nil
		}
	default:
		return syntax(b.tree.Local(b.tree.Parent(n)) + " holds an unknown element")
	}
	if slices.Contains(b.seen, name) {
		return syntax(name + " is repeated")
	}
	b.seen = append(b.seen, name)
	if err != nil || read() != nil {
		return syntax(name + " is not valid")
	}
	return nil
}

func (b *inquiryBinder) id(n xmltree.Node, text string) error {
	source, _ := b.tree.Attr(n, "", attrSource)
	if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > maxPersonID || !slices.Contains(b.sources, source) {
		return xsd.ErrLexical
	}
	b.inquiry.Person = minlog.ID{Source: source, Value: text}
	return nil
}

// condition reads a FilterPass or FilterStop. Conditions that are too many are counted by one more than may be.
func (b *inquiryBinder) condition(all *[]minlog.Condition, name string, n xmltree.Node) error {
	text, err := b.tree.Text(n)
	if err != nil {
		return syntax(name + " is not valid")
	}
	if len(*all) <= minlog.MaxConditions {
		field, _ := b.tree.Attr(n, "", attrField)
		*all = append(*all, minlog.Condition{Field: field, Value: text})
	}
	return nil
}

// bound reads an end of the time window.
func bound(text string) (time.Time, error) {
	at, err := instant(text)
	switch {
	case err == nil && (at.Year() > lastYear || at.Year() < 1):
		err = xsd.ErrLexical
	case at.IsZero(): // would be no bound; nothing happened so long ago
		at = at.Add(time.Microsecond)
	}
	return at, err
}

// writePage writes the ListLogStatementsResponse in the namespace of its request.
func writePage(w *xmlout.Writer, space string, page logkeeping.Page) {
	const p prefix = "l:"
	w.Start(string(p)+rootStatements, "xmlns:l", space)
	for i := range page.Groups {
		p.writeGroup(w, &page.Groups[i], page.Details)
	}
	p.writeOptional(w, elemNextPageToken, page.Next)
	w.End()
}

func (p prefix) writeGroup(w *xmlout.Writer, g *minlog.Group, details bool) {
	w.Start(string(p) + elemGroup)
	w.Elem(string(p)+elemCount, strconv.Itoa(len(g.Entries)))
	if s := g.Head.Source; s != nil {
		w.Start(string(p) + elemSource)
		p.writeOptional(w, elemSystem, s.System)
		p.writeOptional(w, elemCorrelationID, s.CorrelationID)
		w.End()
	}
	p.writeHead(w, &g.Head)
	if details {
		for i := range g.Entries {
			r := &g.Entries[i]
			w.Start(string(p) + elemEntry)
			w.Elem(string(p)+elemRegistrationID, r.ID.String())
			p.writeChain(w, r.Entry.Source)
			p.writeDestination(w, &r.Entry, false)
			w.End()
		}
	}
	w.End()
}

// writeHead writes what the entries of a group have in common (nspop.dk, MinLog2 lookup response; the names and role of whom it was done for
// are ours).
func (p prefix) writeHead(w *xmlout.Writer, e *minlog.Entry) {
	w.Start(string(p) + elemDestination)
	p.writeOptional(w, elemSystem, e.System)
	p.writeOptional(w, elemActivity, e.Activity)
	p.writeOptional(w, elemReason, e.Reason)
	p.writeOptional(w, elemCriticality, e.Criticality)
	p.writeOptional(w, elemAddition, e.Addition)
	p.writeTime(w, elemFrom, e.From, timeFormat)
	p.writeTime(w, elemTo, e.To, timeFormat)
	p.writeID(w, elemOrg, e.Org)
	p.writeOptional(w, elemOrgName, e.OrgName)
	p.writeID(w, elemPerson, e.Person)
	p.writeOptional(w, elemPersonName, e.PersonName)
	p.writeOptional(w, elemCorrelationID, e.CorrelationID)
	p.writeID(w, elemUser, e.User)
	p.writeOptional(w, elemUserName, e.UserName)
	p.writeOptional(w, elemUserRole, e.UserRole)
	p.writeID(w, elemOnBehalfOf, e.OnBehalfOf)
	p.writeOptional(w, elemOnBehalfOfName, e.OnBehalfOfName)
	p.writeOptional(w, elemOnBehalfOfRole, e.OnBehalfOfRole)
	w.End()
}
