package soap

import (
	"context"
	"net/http"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
)

// Admit admits the sender of body, an envelope that did not come to ServeHTTP but with another kind of call, which takes it as a
// credential. It reads and verifies the envelope as ServeHTTP does, for the operations of the service; what the gate does with a caller is
// left to that call. access, the description of r, is told the SOAP headers and the credential as far as they were read.
func (rt *Router) Admit(ctx context.Context, r *http.Request, body []byte, access *audit.Access) (identity.Caller, error) {
	x := rt.arrive(r)
	defer rt.inFlight.Add(-1)
	x.env.CallID = access.CallID
	err := rt.admit(ctx, x, body)
	if x.env.Tree != nil {
		defer x.env.Tree.Release()
	}
	access.SOAPHeaders = soapHeaders(&x.env)
	if x.env.Attributes != nil {
		access.IDCardAttributes = x.env.Attributes
	}
	return x.caller, err
}
