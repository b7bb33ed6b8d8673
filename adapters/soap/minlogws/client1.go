package minlogws

import (
	"context"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/minlog"
)

// Register1 calls RegisterLogStatements of MinLog1, which knows of an entry its end, its numbers, System, Activity, CorrelationID and
// SequenceNumber: the rest is not sent.
func (c *Client) Register1(ctx context.Context, entries []minlog.Entry) (answer Registered, err error) {
	err = c.call(ctx, ActionRegister1, soap.Name{Space: nsRegistration1, Local: rootRegistered1},
		func(w *xmlout.Writer) { writeRegistration1(w, entries) },
		func(r *answerReader, root xmltree.Node) {
			answer = r.registered(root, receiptNames{elemRefused, elemRefusedCode, elemRefusedText, elemCode, elemAdded, elemNotAdded})
		})
	return answer, err
}

// List calls ListLogStatements of MinLog1: what is registered about the person with a civil registration number and touches [from, to],
// oldest first. A zero time is no bound.
func (c *Client) List(ctx context.Context, person string, from, to time.Time) (answer []Statement, err error) {
	err = c.call(ctx, ActionPortal, soap.Name{Space: nsPortal, Local: rootStatements},
		func(w *xmlout.Writer) { writePortalQuestion(w, portalQuestion{person, from, to}) },
		func(r *answerReader, root xmltree.Node) { answer = r.portal(root) })
	return answer, err
}

func writeRegistration1(w *xmlout.Writer, entries []minlog.Entry) {
	const p prefix = ""
	w.Start("m:"+rootRegister1, "xmlns:m", nsRegistration1)
	for i := range entries {
		e := &entries[i]
		w.Start(elemStatement)
		p.writeOptional(w, elemCode, e.SequenceNumber)
		w.Elem(elemCitizen, e.Person.Value)
		writeStatement(w, e, e.To.UTC().Format(time.RFC3339Nano))
		w.End()
	}
	w.End()
}

func writePortalQuestion(w *xmlout.Writer, q portalQuestion) {
	const p prefix = ""
	w.Start("ml:"+rootPortal, "xmlns:ml", nsPortal)
	w.Elem(elemPortalPerson, q.person)
	if !q.from.IsZero() {
		p.writeTime(w, elemPortalFrom, q.from, time.RFC3339Nano)
	}
	if !q.to.IsZero() {
		p.writeTime(w, elemPortalTo, q.to, time.RFC3339Nano)
	}
	w.End()
}

// portal reads the entries with the binder of the server, for which a registration's id is the sequence number.
func (r *answerReader) portal(root xmltree.Node) (all []Statement) {
	person, _ := r.tree.Attr(root, "", elemCitizen)
	for n := range r.tree.Children(root) {
		var d minlog.Draft
		b := entryBinder{scope: scope{r.tree, nsPortal}}
		b.statement(&d, n)
		if !r.tree.Is(n, "", elemStatement) || d.Unknown || d.Malformed != 0 || d.Repeated != 0 || !d.At.OK {
			r.keep(ErrAnswer)
			continue
		}
		id, err := minlog.ParseID(d.Entry.SequenceNumber)
		r.keep(err)
		d.Entry.SequenceNumber = ""
		d.Entry.Person = civilNumber(person)
		d.Entry.From, d.Entry.To = d.At.Time, d.At.Time
		all = append(all, Statement{id, d.Entry})
	}
	return all
}
