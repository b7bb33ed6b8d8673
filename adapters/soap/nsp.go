package soap

import (
	"context"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/identity"
)

// NSP is the profile of services that are called with DGWS and with IDWS: it answers in the scheme of the request, and as DGWS does where the
// request does not tell.
type NSP struct {
	DGWS *DGWS
	IDWS *IDWS
}

var _ Profile = (*NSP)(nil)

// of returns the profile for a request, by the form of its credential.
func (p *NSP) of(env *Envelope) Profile {
	if env.Tree != nil && auth.SchemeOf(&env.Message) == identity.IDWS {
		return p.IDWS
	}
	return p.DGWS
}

// Admit implements Profile.
func (p *NSP) Admit(ctx context.Context, env *Envelope, op *Operation) (identity.Caller, error) {
	return p.of(env).Admit(ctx, env, op)
}

// Answer implements Profile.
func (p *NSP) Answer(ctx context.Context, w *xmlout.Writer, env *Envelope, reply Reply) error {
	return p.of(env).Answer(ctx, w, env, reply)
}

// Fault implements Profile.
func (p *NSP) Fault(ctx context.Context, w *xmlout.Writer, env *Envelope, err error) int {
	return p.of(env).Fault(ctx, w, env, err)
}
