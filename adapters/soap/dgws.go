package soap

import (
	"context"
	"net/http"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/identity"
)

// DGWS is the profile of Den Gode Webservice 1.0.1.
type DGWS struct {
	Schemes      *auth.Schemes
	Now          func() time.Time
	NewID        func() string
	LegacyFaults bool // faults in the order that DGWS 1.0 prints, with the plain code "Server"
}

var _ Profile = (*DGWS)(nil)

// Admit implements Profile.
func (p *DGWS) Admit(ctx context.Context, env *Envelope, op *Operation) (identity.Caller, error) {
	return p.Schemes.Admit(ctx, &env.Message, op.Policy)
}

// Answer implements Profile.
func (p *DGWS) Answer(ctx context.Context, w *xmlout.Writer, env *Envelope, reply Reply) error {
	return nil
}

// Fault implements Profile.
func (p *DGWS) Fault(ctx context.Context, w *xmlout.Writer, env *Envelope, err error) int {
	return http.StatusInternalServerError
}
