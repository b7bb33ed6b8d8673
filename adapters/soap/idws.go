package soap

import (
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// answerLifetime is how long an answer may be on its way.
const answerLifetime = 5 * time.Minute

// IDWS is the profile of OIO IDWS: answers, and faults once the credential was verified, are signed with the service's key.
type IDWS struct {
	Schemes  *auth.Schemes
	Signer   ports.Signer // its key for trust.Service signs
	Unsigned bool         // answers and faults are not signed; Signer is not asked
	Now      func() time.Time
	NewID    func() string // a UUID
	Log      *slog.Logger
}

var _ Profile = (*IDWS)(nil)

// Admit implements Profile.
func (p *IDWS) Admit(ctx context.Context, env *Envelope, op *Operation) (identity.Caller, error) {
	return admit(ctx, p.Schemes, env, op)
}

// Answer implements Profile. Where the answer cannot be signed there is none.
func (p *IDWS) Answer(ctx context.Context, w *xmlout.Writer, env *Envelope, reply Reply) error {
	return p.write(ctx, w, env, env.admitted.Label+"Response", reply)
}

// Fault implements Profile. A fault that must be signed and cannot be becomes an unsigned one, which tells of that alone.
func (p *IDWS) Fault(ctx context.Context, w *xmlout.Writer, env *Envelope, err error) (status int) {
	write := func(w *xmlout.Writer) {
		w.Start("soap:Fault")
		status = writeIDWSFault(w, env.SOAP12, err)
		w.End()
	}
	if env.admitted != nil {
		failed := p.write(ctx, w, env, actionFault, write)
		if failed == nil {
			return status
		}
		p.Log.ErrorContext(ctx, "fault not signed", "error", failed)
		err = admitting.ErrInternal
	}
	env.StartEnvelope(w)
	w.Start("soap:Body")
	write(w)
	w.End()
	w.End()
	return status
}

// write writes an envelope with the headers of an answer around content and signs it. On an error nothing was written.
func (p *IDWS) write(ctx context.Context, w *xmlout.Writer, env *Envelope, action string, content func(w *xmlout.Writer)) error {
	a := answer{profile: p, suffix: "-" + p.NewID()}
	if p.Unsigned {
		a.envelope(w, env, action, content)
		return nil
	}
	certificate := p.Signer.Certificate(trust.Service)
	if certificate == nil {
		return errNoKey
	}
	a.token = base64.StdEncoding.EncodeToString(certificate.Raw)
	var out xmlout.Writer
	a.envelope(&out, env, action, content)
	signed, err := xmldsig.Signer{
		KeyInfo: a.keyInfo(),
		Sign: func(hash crypto.Hash, digest []byte) ([]byte, error) {
			return p.Signer.Sign(ctx, trust.Service, hash, digest)
		},
	}.SignMessage(out.Bytes(), a.at, a.parts...)
	if err != nil {
		return fmt.Errorf("sign answer: %w", err)
	}
	w.Raw(signed)
	return nil
}

var errNoKey = errors.New("sign answer: there is no key for answers")

// answer is an envelope that is being written.
type answer struct {
	profile *IDWS
	suffix  string // of all ids: what the service puts into the Body cannot have it
	token   string // base64 of the certificate; "" is not signed
	parts   []xmldsig.Part
	at      int // offset of the signature
}

// id names a part, which the signature covers.
func (a *answer) id(name string) string {
	id := name + a.suffix
	a.parts = append(a.parts, xmldsig.Part{ID: id})
	return id
}

func (a *answer) envelope(w *xmlout.Writer, env *Envelope, action string, content func(w *xmlout.Writer)) {
	env.StartEnvelope(w)
	w.Start("soap:Header", "xmlns:wsa", auth.NSAddressing)
	w.Elem("wsa:Action", action, "wsu:Id", a.id("action"))
	w.Elem("wsa:MessageID", "urn:uuid:"+a.profile.NewID(), "wsu:Id", a.id("message"))
	w.Elem("wsa:RelatesTo", env.Addressed, "wsu:Id", a.id("relates"))
	if env.framework != "" && !env.SOAP12 {
		w.Start("sbf:Framework", "xmlns:sbf", env.framework, "version", "2.0", "wsu:Id", a.id("framework"))
		w.End()
	}
	w.Start("wsse:Security", "soap:mustUnderstand", "1")
	if a.token != "" {
		w.Elem("wsse:BinarySecurityToken", a.token, "EncodingType", typeBase64, "ValueType", typeX509, "wsu:Id", a.id("certificate"))
	}
	now := a.profile.Now().UTC()
	w.Start("wsu:Timestamp", "wsu:Id", a.id("timestamp"))
	w.Elem("wsu:Created", now.Format(time.RFC3339))
	w.Elem("wsu:Expires", now.Add(answerLifetime).Format(time.RFC3339))
	w.End()
	a.at = w.Len()
	w.End()
	w.End()
	w.Start("soap:Body", "wsu:Id", a.id("body"))
	content(w)
	w.End()
	w.End()
}

// keyInfo points to the certificate.
func (a *answer) keyInfo() []byte {
	var w xmlout.Writer
	w.Start("wsse:SecurityTokenReference", "xmlns:wsse", auth.NSSecurity)
	w.Elem("wsse:Reference", "", "URI", "#certificate"+a.suffix, "ValueType", typeX509)
	w.End()
	return w.Bytes()
}
