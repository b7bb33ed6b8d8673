package minlogws

import (
	"strconv"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/minlog"
)

// DecodeRegistration1 reads the entries of the RegisterLogStatementsRequest root as [DecodeRegistration] does.
func DecodeRegistration1(t *xmltree.Tree, root xmltree.Node, limit int) ([]minlog.Draft, error) {
	b := entryBinder{scope: scope{t, t.Space(root)}}
	return b.bulk(root, elemStatement, limit, b.statement)
}

// statement reads a LogEntry of MinLog1.
func (b *entryBinder) statement(d *minlog.Draft, n xmltree.Node) {
	b.draft, b.seen = d, 0
	e := &d.Entry
	for c := b.tree.First(n); c != xmltree.None; c = b.tree.Next(c) {
		if !b.known(c) {
			continue
		}
		switch b.tree.Local(c) {
		case elemCode:
			b.text(minlog.FieldSequenceNumber, &e.SequenceNumber, c)
		case elemCitizen:
			b.number(minlog.FieldPerson, &e.Person, c, civilNumber)
		case elemActor:
			b.number(minlog.FieldUser, &e.User, c, minlog.PersonOfText)
		case elemResponsible:
			b.number(minlog.FieldOnBehalfOf, &e.OnBehalfOf, c, minlog.PersonOfText)
		case elemActorOrg:
			b.organisation(&e.Org, c)
		case elemSystem1:
			b.text(minlog.FieldSystem, &e.System, c)
		case elemAct:
			b.text(minlog.FieldActivity, &e.Activity, c)
		case elemSession:
			b.text(minlog.FieldCorrelationID, &e.CorrelationID, c)
		case elemTime:
			b.moment(minlog.FieldAt, &d.At, c)
		default:
			d.Unknown = true
		}
	}
}

func civilNumber(s string) minlog.ID { return minlog.ID{Source: minlog.CPR, Value: s} }

// number reads a number that does not tell which register it is from.
func (b *entryBinder) number(f minlog.Field, id *minlog.ID, n xmltree.Node, of func(string) minlog.ID) {
	if text, ok := b.value(f, n); ok {
		*id = of(text)
	}
}

func (b *entryBinder) organisation(id *minlog.ID, n xmltree.Node) {
	text, ok := b.value(minlog.FieldOrg, n)
	if !ok {
		return
	}
	format, _ := b.tree.Attr(n, "", attrNameFormat)
	org, known := minlog.OrgOfFormat(format, text)
	switch {
	case known:
		*id = org
	case format == "":
		id.Value = text
	default:
		*id = minlog.ID{Source: otherFormat, Value: text}
	}
}

// writeReceipt1 writes the RegisterLogStatementsResponse.
func writeReceipt1(w *xmlout.Writer, r logkeeping.Receipt) {
	w.Start("m:"+rootRegistered1, "xmlns:m", nsRegistration1)
	for _, f := range r.Failures {
		w.Start(elemRefused)
		w.Elem(elemRefusedCode, f.Problem.Code)
		w.Elem(elemRefusedText, fieldNames1.failure(f))
		prefix("").writeOptional(w, elemCode, f.SequenceNumber)
		w.End()
	}
	w.Elem(elemAdded, strconv.Itoa(r.Added))
	w.Elem(elemNotAdded, strconv.Itoa(len(r.Failures)))
	w.End()
}
