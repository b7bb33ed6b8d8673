package soap

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/fault"
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
	return p.Schemes.Admit(ctx, &env.Message, op.Policy)
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
	f, _ := fault.Of(err)
	env.StartEnvelope(w)
	p.header(w, env, false)
	w.Start("soap:Body")
	w.Start("soap:Fault")
	switch {
	case env.SOAP12:
		writeFault12(w, err, f)
	case p.LegacyFaults:
		w.Elem("faultcode", "Server")
		writeDetail(w, "detail", f)
		w.Elem("faultstring", f.Text)
	default:
		w.Elem("faultcode", "soap:"+faultCode(err, "Server"))
		w.Elem("faultstring", f.Text)
		writeDetail(w, "detail", f)
	}
	w.End()
	w.End()
	w.End()
	return http.StatusInternalServerError
}

func writeFault12(w *xmlout.Writer, err error, f fault.Error) {
	w.Start("soap:Code")
	w.Elem("soap:Value", "soap:"+faultCode(err, "Receiver"))
	w.End()
	w.Start("soap:Reason")
	w.Elem("soap:Text", f.Text, "xml:lang", "en")
	w.End()
	writeDetail(w, "soap:Detail", f)
}

func faultCode(err error, ordinary string) string {
	if errors.Is(err, ErrMustUnderstand) {
		return "MustUnderstand"
	}
	return ordinary
}

func writeDetail(w *xmlout.Writer, name string, f fault.Error) {
	w.Start(name)
	w.Elem("medcom:FaultCode", f.Code)
	w.End()
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
