package consentws

import (
	"context"
	"errors"
	"slices"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
)

// Client calls the newer administration and the verification, which have a path each. Send posts the element that body writes, in an envelope
// with the caller's credential and HSUID header, with the given SOAPAction; a SOAP fault is a *soap.Fault. Whatever error a check returns, the
// data are not to be shown.
type Client struct {
	Send func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error)
}

// ErrAnswer is returned for an answer that is not what the contract says.
var ErrAnswer = errors.New("consent: unexpected answer")

// Item is a piece of data to judge, and what it is called in the message: 1-128 characters.
type Item struct {
	ID string
	consenting.Item
}

// Get returns the latest version of each of a citizen's registrations; which version it is, is not told.
func (c *Client) Get(ctx context.Context, citizen cpr.Number) (all []consent.Registration, err error) {
	err = c.call(ctx, newer, opGet, func(w writer) { w.Elem(elemPatient, citizen.Digits()) }, func(b binder, root xmltree.Node) error {
		return b.children(root, content{names: []string{elemRegistrations}}, func(_ string, list xmltree.Node) error {
			return b.children(list, content{names: []string{elemRegistration}, repeated: elemRegistration}, func(_ string, n xmltree.Node) error {
				r, err := b.registration(n)
				all = append(all, r)
				return err
			})
		})
	})
	return told(all, err)
}

// AddPositive registers positive consents of one citizen, and returns their ids in the same order.
func (c *Client) AddPositive(ctx context.Context, all []consenting.Addition) ([]consent.ID, error) {
	return c.add(ctx, opAddPositive, all)
}

// AddConstraint registers blocks of one citizen, and returns their ids in the same order.
func (c *Client) AddConstraint(ctx context.Context, all []consenting.Addition) ([]consent.ID, error) {
	return c.add(ctx, opAddConstraint, all)
}

// ModifyPositive replaces what positive consents of one citizen say. The server cannot be told which version is meant.
func (c *Client) ModifyPositive(ctx context.Context, all []consenting.Modification) ([]consent.ID, error) {
	return c.change(ctx, opModifyPositive, batch{name: elemModifications, names: changeNames}, all)
}

// ModifyConstraint replaces what blocks of one citizen say. The server cannot be told which version is meant.
func (c *Client) ModifyConstraint(ctx context.Context, all []consenting.Modification) ([]consent.ID, error) {
	return c.change(ctx, opModifyConstraint, batch{name: elemModifications, names: changeNames}, all)
}

// Revoke ends registrations of one citizen, for good.
func (c *Client) Revoke(ctx context.Context, all []consenting.Revocation) ([]consent.ID, error) {
	entries := make([]consenting.Modification, len(all))
	for i, r := range all {
		entries[i] = consenting.Modification{ID: r.ID, Citizen: r.Citizen}
	}
	return c.change(ctx, opRevoke, batch{name: elemRevocations, names: revocationNames}, entries)
}

// UserCheck asks whether a professional may see a citizen's data.
func (c *Client) UserCheck(ctx context.Context, q consenting.Question) (consent.Answer, error) {
	q.Foreign = false
	return c.check(ctx, opUserCheck, q)
}

// ForeignersCheck asks whether a professional of another country may see a citizen's data.
func (c *Client) ForeignersCheck(ctx context.Context, q consenting.Question) (consent.Answer, error) {
	q.Foreign = true
	return c.check(ctx, opForeignersCheck, q)
}

// DataCheck asks which data a professional may see: true is allowed, in the order of the items.
func (c *Client) DataCheck(ctx context.Context, q consenting.Question, items []Item) (allowed []bool, err error) {
	err = c.call(ctx, verification, opDataCheck, func(w writer) { w.question(q, items) }, func(b binder, root xmltree.Node) error {
		return b.children(root, content{names: []string{elemItemResult}, repeated: elemItemResult}, func(_ string, n xmltree.Node) error {
			id, access, err := b.verdict(n)
			if err != nil || len(allowed) == len(items) || id != items[len(allowed)].ID {
				return errors.Join(ErrAnswer, err)
			}
			allowed = append(allowed, access)
			return nil
		})
	})
	if err == nil && len(allowed) < len(items) {
		err = ErrAnswer
	}
	return told(allowed, err)
}

func (c *Client) add(ctx context.Context, operation string, all []consenting.Addition) ([]consent.ID, error) {
	entries := make([]consenting.Modification, len(all))
	for i, a := range all {
		entries[i] = consenting.Modification{Citizen: a.Citizen, Draft: a.Draft}
	}
	return c.change(ctx, operation, batch{name: elemAdditions, names: additionNames}, entries)
}

func (c *Client) change(ctx context.Context, operation string, of batch, entries []consenting.Modification) (ids []consent.ID, err error) {
	err = c.call(ctx, newer, operation, func(w writer) {
		for i := range entries {
			w.entry(&entries[i], of)
		}
	}, func(b binder, root xmltree.Node) error {
		return b.children(root, content{names: []string{elemID}, repeated: elemID}, func(_ string, n xmltree.Node) error {
			id, err := b.id(n)
			ids = append(ids, id)
			return err
		})
	})
	if err == nil && len(ids) != len(entries) {
		err = ErrAnswer
	}
	return told(ids, err)
}

func (c *Client) check(ctx context.Context, operation string, q consenting.Question) (answer consent.Answer, err error) {
	found := -1
	err = c.call(ctx, verification, operation, func(w writer) { w.question(q, nil) }, func(b binder, root xmltree.Node) error {
		return b.children(root, content{names: []string{elemCheckResult}}, func(_ string, n xmltree.Node) error {
			text, err := b.optional(n)
			found = slices.Index(answerNames[:], text)
			return err
		})
	})
	switch {
	case err != nil:
		return consent.Negative, err
	case found < 0:
		return consent.Negative, ErrAnswer
	}
	return consent.Answer(found), nil
}

// told returns all, or nothing of an answer that is not what it should be.
func told[T any](all []T, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (c *Client) call(ctx context.Context, f form, operation string, say func(writer), read func(binder, xmltree.Node) error) error {
	response, err := c.Send(ctx, operation, func(w *xmlout.Writer) { f.wrap(w, operation, say) })
	if err != nil {
		return err
	}
	defer response.Tree.Release()
	if !response.Tree.Is(response.Body, f.space, operation+suffixResponse) {
		return ErrAnswer
	}
	if err := read(binder{response.Tree, f.space}, response.Body); err != nil {
		return errors.Join(ErrAnswer, err)
	}
	return nil
}
