package willws

import (
	"context"
	"errors"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/cda"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
)

// Interface is one of the published interfaces.
type Interface int

// The interfaces. Those of treatment wills have the same paths.
const (
	BTR2020 Interface = iota
	BTR2018
	LTR2018
)

func (i Interface) edition() edition { return [...]edition{btr2020, btr2018, ltr2018}[i] }

// Client calls the operations of one interface: at its path, or at that of the administration. Send posts the element that body writes, in an
// envelope with the caller's credential, with the given SOAPAction; a SOAP fault is a *soap.Fault.
type Client struct {
	Send      func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error)
	Interface Interface
}

var (
	// ErrAnswer is returned for an answer that is not what the contract says, or that is about another citizen.
	ErrAnswer = errors.New("wills: unexpected answer")
	// ErrInterface is returned for what an interface does not have: an operation, or a wish that a will cannot say there. Nothing was sent.
	ErrInterface = errors.New("wills: not in this interface")
)

// Create registers a citizen's will.
func (c *Client) Create(ctx context.Context, citizen cpr.Number, wishes will.Wishes) error {
	return c.write(ctx, actCreate, citizen, wishes)
}

// Update replaces what a citizen's will says.
func (c *Client) Update(ctx context.Context, citizen cpr.Number, wishes will.Wishes) error {
	return c.write(ctx, actUpdate, citizen, wishes)
}

// UpgradeTo replaces a citizen's living will with a treatment will.
func (c *Client) UpgradeTo(ctx context.Context, citizen cpr.Number, wishes will.Wishes) error {
	if c.Interface != BTR2020 {
		return ErrInterface
	}
	return c.write(ctx, actUpgrade, citizen, wishes)
}

// Delete withdraws a citizen's will.
func (c *Client) Delete(ctx context.Context, citizen cpr.Number) error {
	return c.call(ctx, actDelete, citizen, nil, empty)
}

// Get returns a citizen's will.
func (c *Client) Get(ctx context.Context, citizen cpr.Number) (cda.Document, error) {
	return c.read(ctx, actGet, citizen, c.Interface.edition().value)
}

// GetForced returns what a citizen's will says of treatment by force, and nothing else of it.
func (c *Client) GetForced(ctx context.Context, citizen cpr.Number) (cda.Document, error) {
	if c.Interface != BTR2020 {
		return cda.Document{}, ErrInterface
	}
	return c.read(ctx, actGetForced, citizen, cda.OnlyForcedTreatment)
}

// Has tells whether a citizen has a will of this register.
func (c *Client) Has(ctx context.Context, citizen cpr.Number) (has bool, err error) {
	err = c.call(ctx, actHas, citizen, nil, func(t *xmltree.Tree, root xmltree.Node) error {
		child, err := t.Only(root, "", elemExists)
		if err != nil {
			return err
		}
		switch text, _ := t.Text(child); text {
		case "true":
			has = true
		case "false":
		default:
			return ErrAnswer
		}
		return nil
	})
	return has, err
}

func (c *Client) write(ctx context.Context, act string, citizen cpr.Number, wishes will.Wishes) error {
	e := c.Interface.edition()
	if !e.value.Holds(wishes) {
		return ErrInterface
	}
	return c.call(ctx, act, citizen, func(w *xmlout.Writer) {
		w.Start(e.element(act), "xmlns:w", e.value.Space())
		cda.AppendWishes(w, "w:", e.value, wishes)
		w.End()
	}, empty)
}

func (c *Client) read(ctx context.Context, act string, citizen cpr.Number, of cda.Value) (d cda.Document, err error) {
	err = c.call(ctx, act, citizen, nil, func(t *xmltree.Tree, root xmltree.Node) error {
		child := t.First(root)
		if child == xmltree.None || t.Next(child) != xmltree.None {
			return ErrAnswer
		}
		found, err := cda.Parse(t, child)
		if err != nil {
			return err
		}
		if found.Value != of || found.Citizen != citizen {
			return ErrAnswer
		}
		d = found
		return nil
	})
	return d, err
}

// empty reads an answer that tells nothing but that all went well.
func empty(t *xmltree.Tree, root xmltree.Node) error {
	if t.First(root) != xmltree.None {
		return ErrAnswer
	}
	return nil
}

// call sends a request about a citizen, with the will that say writes unless it is nil.
func (c *Client) call(
	ctx context.Context, act string, citizen cpr.Number, say func(*xmlout.Writer), read func(*xmltree.Tree, xmltree.Node) error,
) error {
	e := c.Interface.edition()
	operation := e.operation(act)
	response, err := c.Send(ctx, e.action(operation), func(w *xmlout.Writer) {
		w.Start("m:"+operation+suffixRequest, "xmlns:m", e.space)
		w.Start(elemID, attrRoot, cda.CitizenRoot, attrExtension, citizen.Digits(), attrAuthority, cda.CitizenAuthority)
		w.End()
		if say != nil {
			say(w)
		}
		w.End()
	})
	if err != nil {
		return err
	}
	defer response.Tree.Release()
	if !response.Tree.Is(response.Body, e.space, operation+suffixResponse) {
		return ErrAnswer
	}
	if err := read(response.Tree, response.Body); err != nil {
		return errors.Join(ErrAnswer, err)
	}
	return nil
}
