package ecprws

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/ecpr"
)

// Client calls the operations of the eCPR. Send posts the element that body writes, in an envelope with the caller's credential, with the
// given SOAPAction; a SOAP fault is a *soap.Fault.
type Client struct {
	Send      func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error)
	Namespace string // "" = DefaultNamespace
}

// ErrAnswer is returned for an answer that is not what the contract says.
var ErrAnswer = errors.New("ecpr: unexpected answer")

// CreatePerson registers a person. The persons that the client returns have their versions and the X-eCPR that is in force.
func (c *Client) CreatePerson(ctx context.Context, actor *ecpr.Actor, edits []ecpr.Edit) (ecpr.Person, error) {
	return c.one(ctx, opCreate, func(w writer) { w.submission(actor, nil, edits) })
}

// UpdatePerson edits the person with an X-eCPR.
func (c *Client) UpdatePerson(ctx context.Context, number ecpr.Number, actor *ecpr.Actor, edits []ecpr.Edit) (ecpr.Person, error) {
	key := ecpr.Identifier{OID: ecpr.XECPROID, Value: number.Text()}
	return c.one(ctx, opUpdate, func(w writer) { w.submission(actor, &key, edits) })
}

// GetPersonByID finds the person with an identifier.
func (c *Client) GetPersonByID(ctx context.Context, id ecpr.Identifier) (p ecpr.Person, found bool, err error) {
	all, err := c.persons(ctx, opGet, func(w writer) {
		w.Start(elemIdentifier)
		w.Elem(elemOID, id.OID)
		w.Elem(elemValue, id.Value)
		w.End()
	})
	switch {
	case err != nil || len(all) == 0:
		return p, false, err
	case len(all) > 1:
		return p, false, ErrAnswer
	}
	return all[0], true, nil
}

// SearchPerson finds persons by what is or was known of them; the server says how many at most.
func (c *Client) SearchPerson(ctx context.Context, query string) ([]ecpr.Person, error) {
	return c.persons(ctx, opSearch, func(w writer) { w.Elem(elemQuery, query) })
}

// MergePersons makes one registration of two.
func (c *Client) MergePersons(ctx context.Context, actor *ecpr.Actor, survivor, loser ecpr.Number) (ecpr.Person, error) {
	return c.one(ctx, opMerge, func(w writer) {
		for i, n := range []ecpr.Number{survivor, loser} {
			w.Start(elemPerson)
			if i == 0 {
				w.modified(actor)
			}
			w.Start(elemIdentifier)
			w.Elem(elemKey, strconv.FormatBool(true))
			w.value(ecpr.Edit{Element: ecpr.Identifier{OID: ecpr.XECPROID, Value: n.Text()}})
			w.End()
			w.End()
		}
	})
}

// GetOIDs returns the table of identifier systems.
func (c *Client) GetOIDs(ctx context.Context) (rows []ecpr.OID, err error) {
	err = c.call(ctx, opOIDs, func(writer) {}, func(r *reader, root xmltree.Node) {
		for _, n := range r.children(root, elemOID) {
			var o ecpr.OID
			r.keep(r.fields(n, field{elemOID, maxQuery, &o.OID}, field{elemPrimaryLabel, maxQuery, &o.Label},
				field{elemSecondaryLabel, maxQuery, &o.Secondary}, field{elemOIDRegEx, maxQuery, &o.Pattern}, field{elemOIDType, maxQuery, &o.Type}))
			rows = append(rows, o)
		}
	})
	return rows, err
}

func (c *Client) one(ctx context.Context, operation string, content func(writer)) (ecpr.Person, error) {
	all, err := c.persons(ctx, operation, content)
	if err == nil && len(all) != 1 {
		err = ErrAnswer
	}
	if err != nil {
		return ecpr.Person{}, err
	}
	return all[0], nil
}

func (c *Client) persons(ctx context.Context, operation string, content func(writer)) (all []ecpr.Person, err error) {
	err = c.call(ctx, operation, content, func(r *reader, root xmltree.Node) {
		for _, n := range r.children(root, elemPerson) {
			all = append(all, r.person(n))
		}
	})
	return all, err
}

func (c *Client) call(ctx context.Context, operation string, content func(writer), read func(*reader, xmltree.Node)) error {
	space := c.Namespace
	if space == "" {
		space = DefaultNamespace
	}
	response, err := c.Send(ctx, space+":"+operation, func(w *xmlout.Writer) {
		start(w, operation+suffixRequest, space)
		content(writer{Writer: w})
		w.End()
	})
	if err != nil {
		return err
	}
	defer response.Tree.Release()
	if !response.Tree.Is(response.Body, space, operation+suffixResponse) {
		return ErrAnswer
	}
	r := reader{binder: binder{response.Tree}}
	read(&r, response.Body)
	return r.err
}

// submission writes a person in the order of the schema.
func (w writer) submission(actor *ecpr.Actor, key *ecpr.Identifier, edits []ecpr.Edit) {
	w.Start(elemPerson)
	w.modified(actor)
	if key != nil {
		w.edit(ecpr.Edit{Kind: ecpr.IdentifierKind, Element: *key})
	}
	for kind := range kindNames {
		for _, e := range edits {
			if e.Kind == ecpr.Kind(kind) {
				w.edit(e)
			}
		}
	}
	w.End()
}

func (w writer) edit(e ecpr.Edit) {
	w.Start(kindNames[e.Kind])
	w.optional(elemPID, string(e.PID))
	w.value(e)
	w.End()
}

func (w writer) modified(a *ecpr.Actor) {
	if a == nil {
		return
	}
	w.Start(elemModified)
	w.Start(elemBy)
	w.Start(elemPerson)
	w.optional(elemAuthorisation, a.Authorisation)
	w.Elem(elemName, a.Name)
	w.optional(elemPersonID, a.Person)
	w.End()
	w.optional(elemRole, a.Role)
	w.Start(elemOrganisation)
	w.Elem(elemName, a.Organisation.Name)
	w.optional(elemType, a.Organisation.Type)
	w.Start(elemIdentifier)
	w.Elem(elemIdentifier, a.Organisation.ID)
	w.Elem(elemSource, a.Organisation.Source)
	w.End()
	w.End()
	w.End()
	w.End()
}

// reader reads what our server writes, with the binder of the server, and keeps the first error.
type reader struct {
	binder
	err error
}

func (r *reader) keep(err error) {
	if err != nil && r.err == nil {
		r.err = errors.Join(ErrAnswer, err)
	}
}

func (r *reader) person(n xmltree.Node) (p ecpr.Person) {
	for c := range r.tree.Children(n) {
		kind := slices.Index(kindNames[:], r.tree.Local(c))
		if kind < 0 {
			continue
		}
		edit, _, err := r.element(ecpr.Kind(kind), c)
		r.keep(err)
		if edit.Element == nil {
			r.keep(ErrAnswer)
			continue
		}
		var from, to string
		r.keep(r.fields(c, field{elemValidFrom, maxCode, &from}, field{elemValidTo, maxCode, &to}))
		v := ecpr.Version{PID: edit.PID, Element: edit.Element}
		v.Valid.From = r.instant(from)
		if to != "" {
			v.Valid.To = r.instant(to)
		}
		p.Versions = append(p.Versions, v)
		if id, ok := v.Element.(ecpr.Identifier); ok && id.OID == ecpr.XECPROID && v.Active() {
			p.Number, err = ecpr.ParseNumber(id.Value)
			r.keep(err)
		}
	}
	return p
}

func (r *reader) instant(s string) time.Time {
	at, err := time.Parse(timeFormat, s)
	r.keep(err)
	return at
}
