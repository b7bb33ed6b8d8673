package skrsws

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/stamdata"
)

// Client copies registers. Send posts the element that body writes, in an envelope with the caller's credential, with the given SOAPAction; a SOAP
// fault is a *soap.Fault, whose Code is that of the ReplicationFault where there is one.
type Client struct {
	Send func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error)
}

// ErrAnswer is returned for an answer that is not what the contract says.
var ErrAnswer = errors.New("skrs: unexpected answer")

// maxAnswer is how much of a fault is read again for its code, in octets.
const maxAnswer = 1 << 20

// Entry is one revision of a row.
type Entry struct {
	Offset  stamdata.Offset // how far the copy has come with it
	Updated time.Time
	Row     string           // the element of the row, as received
	Fields  []stamdata.Field // its columns, as received
}

// Value returns the column with a name, "" if it is not there.
func (e Entry) Value(name string) string {
	for _, f := range e.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// All is the number of records of a page that asks for no number.
const All = -1

// Replicate returns at most so many rows of a view behind an offset, or a whole page; none where the copy has caught up.
func (c *Client) Replicate(ctx context.Context, v stamdata.View, after stamdata.Offset, records int) ([]Entry, error) {
	response, err := c.Send(ctx, Action, func(w *xmlout.Writer) { writeRequest(w, v, after, records) })
	if err != nil {
		var f *soap.Fault
		if errors.As(err, &f) && f.Code == "" {
			f.Code = replicationCode(f.Raw)
		}
		return nil, err
	}
	defer response.Tree.Release()
	r := feedReader{tree: response.Tree, prefix: tagPrefix + v.String() + "/", space: spaceRows + v.Register, datatype: v.Datatype}
	return r.feed(response.Body)
}

func writeRequest(w *xmlout.Writer, v stamdata.View, after stamdata.Offset, records int) {
	w.Start("k:"+rootRequest, "xmlns:k", space)
	w.Elem(elemRegister, v.Register)
	w.Elem(elemDatatype, v.Datatype)
	w.Elem(elemVersion, strconv.Itoa(v.Version))
	w.Elem(elemOffset, after.String())
	if records >= 0 {
		w.Elem(elemMax, strconv.Itoa(records))
	}
	w.End()
}

// replicationCode finds the code in a fault, "" if there is none.
func replicationCode(raw []byte) string {
	t, err := xmltree.Parse(raw, xmltree.DefaultLimits(maxAnswer))
	if err != nil {
		return ""
	}
	defer t.Release()
	soapSpace := t.Space(t.Root())
	f := t.Child(t.Child(t.Root(), soapSpace, "Body"), soapSpace, "Fault")
	for _, detail := range []xmltree.Node{t.Child(f, "", "detail"), t.Child(f, soapSpace, "Detail")} {
		if code, err := t.Text(t.Child(detail, space, elemFault)); err == nil && code != "" {
			return strings.Clone(strings.TrimSpace(code))
		}
	}
	return ""
}

// feedReader reads a feed of one view. It takes no row of another one.
type feedReader struct {
	tree                    *xmltree.Tree
	prefix, space, datatype string
}

func (r feedReader) feed(root xmltree.Node) (entries []Entry, err error) {
	t := r.tree
	feed, err := t.Only(root, spaceAtom, "feed")
	if err != nil || !t.Is(root, space, rootResponse) {
		return nil, ErrAnswer
	}
	for n := range t.Children(feed) {
		if !t.Is(n, spaceAtom, "entry") {
			continue
		}
		e, err := r.entry(n)
		if err != nil {
			return nil, errors.Join(ErrAnswer, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (r feedReader) entry(n xmltree.Node) (e Entry, err error) {
	t := r.tree
	id, err := t.Text(t.Child(n, spaceAtom, "id"))
	offset, ok := strings.CutPrefix(id, r.prefix)
	if err != nil || !ok {
		return e, ErrAnswer
	}
	if e.Offset, err = stamdata.ParseOffset(offset); err != nil {
		return e, err
	}
	text, err := t.Text(t.Child(n, spaceAtom, "updated"))
	if err != nil {
		return e, err
	}
	updated, err := xsd.ParseDateTime(text)
	if err != nil {
		return e, err
	}
	if e.Updated, ok = updated.UTC(); !ok {
		return e, ErrAnswer
	}
	row, err := t.Only(t.Child(n, spaceAtom, "content"), r.space, r.datatype)
	if err != nil {
		return e, err
	}
	from, to := t.Range(row)
	e.Row = string(t.Source()[from:to])
	for c := range t.Children(row) {
		value, err := t.Text(c)
		if err != nil {
			return e, err
		}
		e.Fields = append(e.Fields, stamdata.Field{Name: strings.Clone(t.Local(c)), Value: strings.Clone(value)})
	}
	return e, nil
}
