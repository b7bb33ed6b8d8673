package process

import (
	"context"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/will"
)

// Wills returns a client of the wills of a register, at the address of administrators. messageID is that of its calls.
func (c *Client) Wills(reg will.Register, messageID string) *willws.Client {
	path, of := willws.PathBTRAdmin, willws.BTR2020
	if reg == will.LTR {
		path, of = willws.PathLTRAdmin, willws.LTR2018
	}
	return &willws.Client{Send: c.sender(path, messageID), Interface: of}
}

// OptOuts returns a client of the opt-out of resuscitation. messageID is that of its calls.
func (c *Client) OptOuts(messageID string) *fgvhrws.Client {
	return &fgvhrws.Client{Send: c.sender(fgvhrws.Path, messageID)}
}

func (c *Client) sender(path, messageID string) func(context.Context, string, func(*xmlout.Writer)) (*soap.Response, error) {
	return func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		return c.call(ctx, path, action, c.Message(messageID, w.Bytes()))
	}
}
