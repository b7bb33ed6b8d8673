package soap

import (
	"context"
	"net/http"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// Client posts messages to one address.
type Client struct {
	URL  string
	HTTP *http.Client // nil = http.DefaultClient
}

// Response is a good answer. Release its Tree when it was read.
type Response struct {
	Tree *xmltree.Tree
	Root xmltree.Node
	Body xmltree.Node // the one child of soap:Body
	Raw  []byte       // as received
}

// Fault is a SOAP fault as the client received it.
type Fault struct {
	Status      int    // HTTP status
	FaultCode   string // faultcode or Code/Value, prefix included
	FaultString string
	Actor       string // faultactor
	Code        string // detail/medcom:FaultCode, "" if there is none
	Raw         []byte // as received
}

// Error returns the codes and the text.
func (f *Fault) Error() string {
	if f.Code != "" {
		return "soap fault " + f.Code + ": " + f.FaultString
	}
	return "soap fault " + f.FaultCode + ": " + f.FaultString
}

// Call posts envelope with the SOAPAction action and returns the answer. A fault is a *Fault.
func (c *Client) Call(ctx context.Context, action string, envelope []byte) (*Response, error) {
	return nil, http.ErrNotSupported
}
