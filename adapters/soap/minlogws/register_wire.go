package minlogws

import (
	"strconv"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/minlog"
)

// DecodeRegistration reads the entries of the RegistrationRequest root as they are; at most limit may be there. What is wrong outside them, or
// their number, is a fault.Error; what is wrong in one is said in its draft. Strings of the drafts point into the message.
func DecodeRegistration(t *xmltree.Tree, root xmltree.Node, limit int) ([]minlog.Draft, error) {
	b := entryBinder{scope: scope{t, t.Space(root)}}
	return b.bulk(root, elemEntry, limit, b.entry)
}

// bulk reads the children of root, 1 to limit elements called name, each with entry.
func (b *entryBinder) bulk(root xmltree.Node, name string, limit int, entry func(*minlog.Draft, xmltree.Node)) ([]minlog.Draft, error) {
	count := 0
	for c := b.tree.First(root); c != xmltree.None; c = b.tree.Next(c) {
		if !b.known(c) {
			continue
		}
		if b.tree.Local(c) != name {
			return nil, syntax(b.tree.Local(root) + " holds an unknown element")
		}
		count++
	}
	if count == 0 {
		return nil, syntax("at least one " + name + " is required")
	}
	if err := minlog.CheckBulk(count, limit); err != nil {
		return nil, err
	}
	drafts := make([]minlog.Draft, count)
	i := 0
	for c := b.tree.First(root); c != xmltree.None; c = b.tree.Next(c) {
		if b.known(c) {
			entry(&drafts[i], c)
			i++
		}
	}
	return drafts, nil
}

// entryBinder reads one entry after the other.
type entryBinder struct {
	scope
	draft *minlog.Draft
	seen  minlog.FieldSet
}

func (b *entryBinder) entry(d *minlog.Draft, n xmltree.Node) {
	b.draft, b.seen = d, 0
	d.NoDestination = true
	for c := b.tree.First(n); c != xmltree.None; c = b.tree.Next(c) {
		if !b.known(c) {
			continue
		}
		switch b.tree.Local(c) {
		case elemSource:
			if b.first(minlog.FieldSource) {
				d.Entry.Source = b.chain(c)
			}
		case elemDestination:
			if b.first(minlog.FieldDestination) {
				d.NoDestination = false
				b.destination(c)
			}
		default:
			d.Unknown = true
		}
	}
}

// first tells whether the field is met for the first time, and else says that it was repeated.
func (b *entryBinder) first(f minlog.Field) bool {
	if b.seen.Has(f) {
		b.draft.Repeated.Add(f)
		return false
	}
	b.seen.Add(f)
	return true
}

func (b *entryBinder) destination(n xmltree.Node) {
	e := &b.draft.Entry
	for c := b.tree.First(n); c != xmltree.None; c = b.tree.Next(c) {
		if !b.known(c) {
			continue
		}
		switch b.tree.Local(c) {
		case elemSystem:
			b.text(minlog.FieldSystem, &e.System, c)
		case elemActivity:
			b.text(minlog.FieldActivity, &e.Activity, c)
		case elemReason:
			b.text(minlog.FieldReason, &e.Reason, c)
		case elemAddition:
			b.text(minlog.FieldAddition, &e.Addition, c)
		case elemCriticality:
			b.text(minlog.FieldCriticality, &e.Criticality, c)
		case elemAt:
			b.moment(minlog.FieldAt, &b.draft.At, c)
		case elemFrom:
			b.moment(minlog.FieldFrom, &b.draft.From, c)
		case elemTo:
			b.moment(minlog.FieldTo, &b.draft.To, c)
		case elemOrg:
			b.id(minlog.FieldOrg, &e.Org, c)
		case elemOrgName:
			b.text(minlog.FieldOrgName, &e.OrgName, c)
		case elemPerson:
			b.id(minlog.FieldPerson, &e.Person, c)
		case elemPersonName:
			b.text(minlog.FieldPersonName, &e.PersonName, c)
		case elemCorrelationID:
			b.text(minlog.FieldCorrelationID, &e.CorrelationID, c)
		case elemSequenceNumber:
			b.text(minlog.FieldSequenceNumber, &e.SequenceNumber, c)
		case elemUser:
			b.id(minlog.FieldUser, &e.User, c)
		case elemUserName:
			b.text(minlog.FieldUserName, &e.UserName, c)
		case elemUserRole:
			b.text(minlog.FieldUserRole, &e.UserRole, c)
		case elemOnBehalfOf:
			b.id(minlog.FieldOnBehalfOf, &e.OnBehalfOf, c)
		case elemOnBehalfOfName:
			b.text(minlog.FieldOnBehalfOfName, &e.OnBehalfOfName, c)
		case elemOnBehalfOfRole:
			b.text(minlog.FieldOnBehalfOfRole, &e.OnBehalfOfRole, c)
		case elemFilter:
			b.filter(c)
		default:
			b.draft.Unknown = true
		}
	}
}

// value returns the text of a field that may occur once.
func (b *entryBinder) value(f minlog.Field, n xmltree.Node) (text string, ok bool) {
	if !b.first(f) {
		return "", false
	}
	text, err := b.tree.Text(n)
	if err != nil {
		b.draft.Malformed.Add(f)
		return "", false
	}
	return text, true
}

func (b *entryBinder) text(f minlog.Field, s *string, n xmltree.Node) {
	if text, ok := b.value(f, n); ok {
		*s = text
	}
}

func (b *entryBinder) id(f minlog.Field, id *minlog.ID, n xmltree.Node) {
	if text, ok := b.value(f, n); ok {
		id.Value = text
		id.Source, _ = b.tree.Attr(n, "", attrSource)
	}
}

func (b *entryBinder) moment(f minlog.Field, m *minlog.Moment, n xmltree.Node) {
	if !b.first(f) {
		return
	}
	m.Sent = true
	if text, err := b.tree.Text(n); err == nil {
		m.Time, err = instant(text)
		m.OK = err == nil
	}
}

func (b *entryBinder) filter(n xmltree.Node) {
	d := b.draft
	text, err := b.tree.Text(n)
	switch {
	case err != nil:
		d.Malformed.Add(minlog.FieldFilters)
	case text != "":
		if d.FilterCount++; d.FilterCount <= minlog.MaxFilters {
			d.Entry.Filters = append(d.Entry.Filters, text)
		}
	}
}

// chain reads the calling systems.
func (b *entryBinder) chain(n xmltree.Node) *minlog.Chain {
	head := &minlog.Chain{}
	link := head
	for depth := 1; n != xmltree.None; depth++ {
		if depth > minlog.MaxChain {
			b.draft.ChainTooDeep = true
			break
		}
		if depth > 1 {
			link.Source = &minlog.Chain{}
			link = link.Source
		}
		n = b.link(link, n)
	}
	return head
}

// link reads one calling system and returns the element of the one that called it.
func (b *entryBinder) link(l *minlog.Chain, n xmltree.Node) (inner xmltree.Node) {
	var correlation, system bool
	for c := b.tree.First(n); c != xmltree.None; c = b.tree.Next(c) {
		if !b.known(c) {
			continue
		}
		switch b.tree.Local(c) {
		case elemCorrelationID:
			b.linkText(&correlation, &l.CorrelationID, c)
		case elemSystem:
			b.linkText(&system, &l.System, c)
		case elemSource:
			if inner != xmltree.None {
				b.draft.Repeated.Add(minlog.FieldSource)
			}
			inner = c
		default:
			b.draft.Unknown = true
		}
	}
	return inner
}

func (b *entryBinder) linkText(seen *bool, s *string, n xmltree.Node) {
	text, err := b.tree.Text(n)
	switch {
	case *seen:
		b.draft.Repeated.Add(minlog.FieldSource)
	case err != nil:
		b.draft.Malformed.Add(minlog.FieldSource)
	default:
		*s = text
	}
	*seen = true
}

// writeReceipt writes the RegistrationResponse in the namespace of its request.
func writeReceipt(w *xmlout.Writer, space string, r logkeeping.Receipt) {
	w.Start("r:"+rootRegistered, "xmlns:r", space)
	for _, f := range r.Failures {
		w.Start(elemFailed)
		w.Elem(elemFaultCode, f.Problem.Code)
		w.Elem(elemFaultText, fieldNames.failure(f))
		prefix("").writeOptional(w, elemSequenceNumber, f.SequenceNumber)
		w.End()
	}
	w.Elem(elemNumberAdded, strconv.Itoa(r.Added))
	w.Elem(elemNumberFailed, strconv.Itoa(len(r.Failures)))
	w.End()
}
