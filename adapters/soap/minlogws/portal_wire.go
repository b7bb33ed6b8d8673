package minlogws

import (
	"slices"
	"time"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/minlog"
)

// portalQuestion is what a ListLogStatementsRequest asks for. A zero time is no bound.
type portalQuestion struct {
	person   string // ten digits
	from, to time.Time
}

// bindPortal reads a ListLogStatementsRequest.
func bindPortal(t *xmltree.Tree, root xmltree.Node) (portalQuestion, error) {
	b := portalBinder{scope: scope{t, t.Space(root)}}
	for c := t.First(root); c != xmltree.None; c = t.Next(c) {
		if !b.known(c) {
			continue
		}
		if err := b.element(c); err != nil {
			return portalQuestion{}, err
		}
	}
	if b.question.person == "" {
		return portalQuestion{}, syntax(elemPortalPerson + " is missing")
	}
	return b.question, nil
}

type portalBinder struct {
	scope
	question portalQuestion
	seen     []string // there are three
}

func (b *portalBinder) element(n xmltree.Node) error {
	name := b.tree.Local(n)
	text, err := b.tree.Text(n)
	q := &b.question
	var read func() error
	switch name {
	case elemPortalPerson:
		read = func() (err error) { q.person, err = portalPerson(text); return err }
	case elemPortalFrom:
		read = func() (err error) { q.from, err = bound(text); return err }
	case elemPortalTo:
		read = func() (err error) { q.to, err = bound(text); return err }
	default:
		return syntax(rootPortal + " holds an unknown element")
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

// portalPerson returns the ten digits of a civil registration number, or those of nobody.
func portalPerson(text string) (string, error) {
	if text == nobody {
		return nobody, nil
	}
	n, err := cpr.Parse(text)
	if err != nil {
		return "", xsd.ErrLexical
	}
	return n.Digits(), nil
}

// writePortal writes the ListLogStatementsResponse of MinLog1.
func writePortal(w *xmlout.Writer, person string, found []minlog.Registration) {
	w.Start("ml:"+rootStatements, "xmlns:ml", nsPortal, elemCitizen, person)
	for i := range found {
		e := &found[i].Entry
		w.Start(elemStatement)
		w.Elem(elemCode, found[i].ID.String())
		writeStatement(w, e, e.To.In(calendar.Location()).Format(portalTimeFormat))
		w.End()
	}
	w.End()
}

// writeStatement writes what a LogEntry of MinLog1 holds from the user on, in the order of minlog.xsd. What is not known is left out.
func writeStatement(w *xmlout.Writer, e *minlog.Entry, at string) {
	const p prefix = ""
	p.writeOptional(w, elemActor, e.User.Value)
	p.writeOptional(w, elemResponsible, e.OnBehalfOf.Value)
	if !e.Org.IsZero() {
		w.Elem(elemActorOrg, e.Org.Value, attrNameFormat, minlog.FormatOfOrg(e.Org))
	}
	p.writeOptional(w, elemSystem1, e.System)
	p.writeOptional(w, elemAct, e.Activity)
	p.writeOptional(w, elemSession, e.CorrelationID)
	w.Elem(elemTime, at)
}
