package soap

import (
	"cmp"
	"context"
	"net/http"
	"strings"
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
	LegacyFaults bool // SOAP 1.1 faults in the order that DGWS 1.0 prints, with the plain code "Server"
}

var _ Profile = (*DGWS)(nil)

// Admit implements Profile.
func (p *DGWS) Admit(ctx context.Context, env *Envelope, op *Operation) (identity.Caller, error) {
	return admit(ctx, p.Schemes, env, op)
}

// admit lets the schemes verify the credential. A call without a message id of its own has the call's.
func admit(ctx context.Context, schemes *auth.Schemes, env *Envelope, op *Operation) (identity.Caller, error) {
	caller, err := schemes.Admit(ctx, &env.Message, op.Policy)
	if err != nil {
		return identity.Caller{}, err
	}
	if caller.MessageID == "" {
		caller.MessageID = cmp.Or(env.ID(), env.CallID)
	}
	env.admitted = op
	return caller, nil
}

// Answer implements Profile.
func (p *DGWS) Answer(_ context.Context, w *xmlout.Writer, env *Envelope, reply Reply) error {
	env.StartEnvelope(w)
	p.header(w, env, true)
	w.Start("soap:Body")
	reply(w)
	w.End()
	w.End()
	return nil
}

// Fault implements Profile. The status is 500 for both SOAP versions.
func (p *DGWS) Fault(_ context.Context, w *xmlout.Writer, env *Envelope, err error) int {
	env.StartEnvelope(w)
	p.header(w, env, false)
	w.Start("soap:Body")
	w.Start("soap:Fault")
	switch {
	case env.SOAP12:
		writeFault12(w, faultCode12(err), "", err)
	case p.LegacyFaults:
		w.Elem("faultcode", strings.TrimPrefix(faultCode11(err), "soap:"))
		writeDetail(w, "detail", err)
		w.Elem("faultstring", faultText(err))
	default:
		writeFault11(w, faultCode11(err), err)
	}
	w.End()
	w.End()
	w.End()
	return http.StatusInternalServerError
}

// header writes the headers of an answer: the flow of the request or a new one, a new message id, and what it answers where that is known.
func (p *DGWS) header(w *xmlout.Writer, env *Envelope, ok bool) {
	w.Start("soap:Header")
	w.Start("wsse:Security")
	w.Start("wsu:Timestamp", "wsu:Id", "ts")
	w.Elem("wsu:Created", p.Now().UTC().Format(time.RFC3339))
	w.End()
	w.End()
	w.Start("medcom:Header")
	if ok {
		w.Elem("medcom:SecurityLevel", "1")
	}
	w.Start("medcom:Linking")
	flow := env.FlowID
	if flow == "" {
		flow = p.NewID()
	}
	w.Elem("medcom:FlowID", flow)
	w.Elem("medcom:MessageID", p.NewID())
	if env.MessageID != "" {
		w.Elem("medcom:InResponseToMessageID", env.MessageID)
	}
	w.End()
	if ok {
		w.Elem("medcom:FlowStatus", flowFinalized)
	}
	w.End()
	w.End()
}
