package minlogws

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/minlog"
)

// Client calls the operations of MinLog2 and MinLog1. Send posts the element that body writes, in an envelope with the caller's credential,
// with the given SOAPAction; a SOAP fault is a *soap.Fault.
type Client struct {
	Send func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error)
}

// ErrAnswer is returned for an answer that is not what the contract says.
var ErrAnswer = errors.New("minlog: unexpected answer")

// Registered is the answer to a registration.
type Registered struct {
	Added, Failed int
	Failures      []Refused
}

// Refused is an entry that was not registered.
type Refused struct{ Code, Text, SequenceNumber string }

// Statements is a page of a lookup's answer.
type Statements struct {
	Groups []Group
	Next   string // token of the next page, "" after the last
}

// Group is what the server gathered. Head has From and To, and what all its registrations have in common.
type Group struct {
	Count   int
	Head    minlog.Entry
	Entries []Statement
}

// Statement is one registered access.
type Statement struct {
	ID    minlog.RegistrationID
	Entry minlog.Entry
}

// Question is what a lookup asks for. The zero value of a field leaves its element out.
type Question struct {
	Person            minlog.ID
	Grouping, Details string
	Chronologic       bool
	From, To          time.Time
	PageSize          int
	Pass, Stop        []minlog.Condition
	PageToken         string
}

// Register calls AddRegistrations of an interface version, such as minlog.Interface20250312.
func (c *Client) Register(ctx context.Context, version string, entries []minlog.Entry) (Registered, error) {
	space := nsRegistration20250312
	if version == minlog.Interface20230425 {
		space = nsRegistration20230425
	}
	var answer Registered
	err := c.call(ctx, ActionRegister, soap.Name{Space: space, Local: rootRegistered},
		func(w *xmlout.Writer) { writeRegistration(w, space, entries) },
		func(r *answerReader, root xmltree.Node) {
			answer = r.registered(root, receiptNames{elemFailed, elemFaultCode, elemFaultText, elemSequenceNumber, elemNumberAdded, elemNumberFailed})
		})
	return answer, err
}

// Citizens asks for the log of a citizen.
func (c *Client) Citizens(ctx context.Context, q Question) (Statements, error) {
	return c.lookup(ctx, ActionCitizen, rootCitizen, elemPersonID, q)
}

// Assistants asks for what was done on behalf of a professional.
func (c *Client) Assistants(ctx context.Context, q Question) (Statements, error) {
	return c.lookup(ctx, ActionAssistants, rootAssistants, elemOnBehalfOfID, q)
}

func (c *Client) lookup(ctx context.Context, action, root, person string, q Question) (answer Statements, err error) {
	err = c.call(ctx, action, soap.Name{Space: nsLookup20250312, Local: rootStatements},
		func(w *xmlout.Writer) { writeQuestion(w, root, person, q) },
		func(r *answerReader, root xmltree.Node) { answer = r.statements(root) })
	return answer, err
}

func (c *Client) call(ctx context.Context, action string, want soap.Name, body func(*xmlout.Writer), read func(*answerReader, xmltree.Node)) error {
	response, err := c.Send(ctx, action, body)
	if err != nil {
		return err
	}
	defer response.Tree.Release()
	if !response.Tree.Is(response.Body, want.Space, want.Local) {
		return ErrAnswer
	}
	r := answerReader{tree: response.Tree}
	read(&r, response.Body)
	return r.err
}

func writeRegistration(w *xmlout.Writer, space string, entries []minlog.Entry) {
	const p prefix = ""
	w.Start("r:"+rootRegister, "xmlns:r", space)
	for i := range entries {
		w.Start(elemEntry)
		p.writeChain(w, entries[i].Source)
		p.writeDestination(w, &entries[i], true)
		w.End()
	}
	w.End()
}

func writeQuestion(w *xmlout.Writer, root, person string, q Question) {
	const p prefix = "l:"
	w.Start(string(p)+root, "xmlns:l", nsLookup20250312)
	p.writeID(w, person, q.Person)
	p.writeOptional(w, elemGrouping, q.Grouping)
	p.writeOptional(w, elemDetails, q.Details)
	if q.Chronologic {
		w.Elem(string(p)+elemChronologic, strconv.FormatBool(q.Chronologic))
	}
	if !q.From.IsZero() {
		p.writeTime(w, elemFrom, q.From, time.RFC3339Nano)
	}
	if !q.To.IsZero() {
		p.writeTime(w, elemTo, q.To, time.RFC3339Nano)
	}
	if q.PageSize != 0 {
		w.Elem(string(p)+elemPageSize, strconv.Itoa(q.PageSize))
	}
	for _, c := range q.Pass {
		w.Elem(string(p)+elemPass, c.Value, attrField, c.Field)
	}
	for _, c := range q.Stop {
		w.Elem(string(p)+elemStop, c.Value, attrField, c.Field)
	}
	p.writeOptional(w, elemPageToken, q.PageToken)
	w.End()
}

// answerReader reads what our server writes, and keeps the first error. Strings point into the message.
type answerReader struct {
	tree *xmltree.Tree
	err  error
}

func (r *answerReader) keep(err error) {
	if err != nil && r.err == nil {
		r.err = errors.Join(ErrAnswer, err)
	}
}

func (r *answerReader) text(n xmltree.Node) string {
	s, err := r.tree.Text(n)
	r.keep(err)
	return s
}

func (r *answerReader) number(n xmltree.Node) int {
	v, err := xsd.ParseInt(r.text(n))
	r.keep(err)
	return v
}

// receiptNames are the elements of the answer to a registration.
type receiptNames struct{ refused, code, text, sequence, added, failed string }

func (r *answerReader) registered(root xmltree.Node, names receiptNames) (a Registered) {
	for n := range r.tree.Children(root) {
		switch r.tree.Local(n) {
		case names.refused:
			var f Refused
			for c := range r.tree.Children(n) {
				switch r.tree.Local(c) {
				case names.code:
					f.Code = r.text(c)
				case names.text:
					f.Text = r.text(c)
				case names.sequence:
					f.SequenceNumber = r.text(c)
				}
			}
			a.Failures = append(a.Failures, f)
		case names.added:
			a.Added = r.number(n)
		case names.failed:
			a.Failed = r.number(n)
		}
	}
	return a
}

func (r *answerReader) statements(root xmltree.Node) (a Statements) {
	for n := range r.tree.Children(root) {
		switch r.tree.Local(n) {
		case elemGroup:
			a.Groups = append(a.Groups, r.group(n))
		case elemNextPageToken:
			a.Next = r.text(n)
		}
	}
	return a
}

func (r *answerReader) group(n xmltree.Node) (g Group) {
	for c := range r.tree.Children(n) {
		switch r.tree.Local(c) {
		case elemCount:
			g.Count = r.number(c)
		case elemSource:
			g.Head.Source = r.chain(c)
		case elemDestination:
			r.destination(&g.Head, c)
		case elemEntry:
			g.Entries = append(g.Entries, r.statement(c))
		}
	}
	return g
}

func (r *answerReader) statement(n xmltree.Node) (s Statement) {
	for c := range r.tree.Children(n) {
		switch r.tree.Local(c) {
		case elemRegistrationID:
			id, err := minlog.ParseID(r.text(c))
			r.keep(err)
			s.ID = id
		case elemSource:
			s.Entry.Source = r.chain(c)
		case elemDestination:
			r.destination(&s.Entry, c)
		}
	}
	return s
}

func (r *answerReader) chain(n xmltree.Node) *minlog.Chain {
	link := &minlog.Chain{}
	for c := range r.tree.Children(n) {
		switch r.tree.Local(c) {
		case elemCorrelationID:
			link.CorrelationID = r.text(c)
		case elemSystem:
			link.System = r.text(c)
		case elemSource:
			link.Source = r.chain(c)
		}
	}
	return link
}

// destination reads an entry with the binder of the server.
func (r *answerReader) destination(e *minlog.Entry, n xmltree.Node) {
	var d minlog.Draft
	b := entryBinder{scope: scope{r.tree, r.tree.Space(n)}, draft: &d}
	b.destination(n)
	if d.Unknown || d.Malformed != 0 || d.Repeated != 0 {
		r.keep(ErrAnswer)
	}
	source := e.Source
	*e = d.Entry
	e.Source = source
	e.From, e.To = d.From.Time, d.To.Time
	if d.At.Sent {
		e.From, e.To = d.At.Time, d.At.Time
	}
}
