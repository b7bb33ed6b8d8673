package process

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
)

// Consent returns a client of the consent services.
func (c *Client) Consent() *consentws.Client {
	return &consentws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		path := consentws.PathAdministration
		if strings.HasPrefix(action, "ConsentFor") {
			path = consentws.PathVerification
		}
		var w xmlout.Writer
		body(&w)
		return c.call(ctx, path, action, c.Message(uuid.NewString(), w.Bytes()))
	}}
}
