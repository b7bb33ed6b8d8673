package soap

import (
	"context"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/domain/audit"
)

// logRefusal tells of a call that was turned away, without a person and without anything of the body.
func (rt *Router) logRefusal(ctx context.Context, x *exchange, refused, told error) {
	r := audit.Refusal{
		At: rt.deps.Now(), Service: rt.service.Name, CVR: x.caller.Org.CVR, MessageID: audit.Mask(auth.Cut(x.env.ID())),
	}
	if x.op != nil {
		r.Operation = x.op.Label
	}
	if x.env.Addr.IsValid() {
		r.Addr = x.env.Addr.String()
	}
	rt.refusals.Tell(ctx, r, refused, told)
}
