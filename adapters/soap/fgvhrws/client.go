package fgvhrws

import (
	"context"
	"errors"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
)

// Client calls the service. Of an opt-out Actor and Superseded are not told, Replaces and CitizenCreated not to everybody. Send posts the element
// that body writes, in an envelope with the caller's credential, with the given SOAPAction; a SOAP fault is a *soap.Fault.
type Client struct {
	Send func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error)
}

// ErrAnswer is returned for an answer that is not what the contract says.
var ErrAnswer = errors.New("fgvhr: unexpected answer")

// Register declines resuscitation for a citizen, with the date on the paper form that an administrator enters; the zero day is none.
func (c *Client) Register(ctx context.Context, citizen cpr.Number, paper calendar.Day) (optingout.View, error) {
	return c.change(ctx, opRegister, citizen, func(w *xmlout.Writer) { writeDay(w, paper) })
}

// Update changes the opt-out with the ID that change names.
func (c *Client) Update(ctx context.Context, citizen cpr.Number, change fgvhr.Change) (optingout.View, error) {
	return c.change(ctx, opUpdate, citizen, func(w *xmlout.Writer) {
		write(w, elemID, change.ID)
		if change.Status != "" {
			write(w, elemStatus, string(change.Status))
		}
		writeDay(w, change.CitizenCreated)
	})
}

// Delete withdraws a citizen's opt-out.
func (c *Client) Delete(ctx context.Context, citizen cpr.Number) error {
	return c.call(ctx, opDelete, citizen, func(*xmlout.Writer) {}, func(b binder, root xmltree.Node) error {
		return b.sequence(root, opDelete+suffixResponse)
	})
}

// Get returns a citizen's opt-out; there is false where the caller is shown none.
func (c *Client) Get(ctx context.Context, citizen cpr.Number) (found optingout.View, there bool, err error) {
	err = c.call(ctx, opGet, citizen, func(*xmlout.Writer) {}, func(b binder, root xmltree.Node) error {
		return b.sequence(root, opGet+suffixResponse, optional(b.consent(citizen, &found)))
	})
	if err != nil {
		return optingout.View{}, false, err
	}
	return found, found.ID != "", nil
}

func (c *Client) change(ctx context.Context, operation string, citizen cpr.Number, more func(*xmlout.Writer)) (made optingout.View, err error) {
	err = c.call(ctx, operation, citizen, more, func(b binder, root xmltree.Node) error {
		return b.sequence(root, operation+suffixResponse, b.consent(citizen, &made))
	})
	if err != nil {
		return optingout.View{}, err
	}
	return made, nil
}

func (c *Client) call(
	ctx context.Context, operation string, citizen cpr.Number, more func(*xmlout.Writer), read func(binder, xmltree.Node) error,
) error {
	response, err := c.Send(ctx, operation, func(w *xmlout.Writer) {
		wrap(w, operation+suffixRequest, func(w *xmlout.Writer) {
			writePatient(w, citizen)
			more(w)
		})
	})
	if err != nil {
		return err
	}
	defer response.Tree.Release()
	if !response.Tree.Is(response.Body, space, operation+suffixResponse) {
		return ErrAnswer
	}
	if err := read(binder{response.Tree}, response.Body); err != nil {
		return errors.Join(ErrAnswer, err)
	}
	return nil
}

// consent reads the opt-out of an answer, which is that of the citizen who was asked about.
func (b binder) consent(citizen cpr.Number, to *optingout.View) field {
	return field{name: elemConsent, read: func(n xmltree.Node) error {
		err := b.sequence(n, elemConsent, one(b, elemID, &to.ID, uuid), b.patient(&to.Citizen), one(b, elemStatus, &to.Status, statusOf),
			one(b, elemCreated, &to.Created, instant), optional(one(b, elemPaper, &to.CitizenCreated, day)),
			one(b, elemValidFrom, &to.ValidFrom, instant), one(b, elemInForce, &to.InForce, boolean), optional(one(b, elemReplaces, &to.Replaces, uuid)))
		if err == nil && (to.Citizen.IsZero() || to.Citizen != citizen) {
			err = syntax(elemPatient)
		}
		return err
	}}
}

// instant reads an xs:dateTime, which has a zone.
func instant(text string) (time.Time, bool) {
	d, err := xsd.ParseDateTime(text)
	if err != nil {
		return time.Time{}, false
	}
	at, zoned := d.UTC()
	return at, zoned
}

func boolean(text string) (bool, bool) {
	is, err := xsd.ParseBoolean(text)
	return is, err == nil
}
