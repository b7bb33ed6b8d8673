// Package stsws is the wire of the security token service (STS): holders of OCES certificates exchange an ID card they signed themselves for
// one that the services trust (WS-Trust February 2005), and tokens of identity providers for identity tokens or ID cards (WS-Trust 1.3), in
// the forms of the national STS.
package stsws

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// maxBytes is the largest request, in octets.
const maxBytes = 256 << 10

// Handler serves the issue of ID cards and the exchange of tokens.
type Handler struct {
	Tokens     *federating.TokenService
	Trust      ports.TrustSource // whose tokens may be exchanged
	Signer     ports.Signer      // its key for ID cards signs them, its key for tokens signs tokens and answers
	SHA1       bool              // sign ID cards with rsa-sha1, for clients that verify nothing else
	AcceptSHA1 bool              // accept exchange requests that are signed with rsa-sha1; tokens in them never are
	MinRSABits int               // 0 means 2048
	Now        func() time.Time  // of the answers' Timestamp
	NewID      func() string     // UUID of the answers to exchanges

	anchors auth.Anchors
}

// Service returns the service to be mounted at [Path] and [PathNew]. Whoever holds an OCES certificate may call.
func (h *Handler) Service() soap.Service {
	return soap.Service{
		Name: "sts", Component: audit.STS, Contract: contract(), Profile: &profile{now: h.Now},
		Operations: []soap.Operation{{
			Name: soap.Name{Space: nsTrust, Local: "RequestSecurityToken"}, Label: Action, Actions: []string{Action},
			Policy: admitting.Policy{
				Schemes:  []identity.Scheme{identity.Certificate},
				Kinds:    []identity.Kind{identity.System, identity.Professional},
				MaxBytes: maxBytes,
			},
			Serve: h.issue,
		}},
	}
}

func (h *Handler) issue(ctx context.Context, req soap.Request) (soap.Reply, error) {
	request, err := readRequest(req.Tree, req.Body)
	if err != nil {
		return nil, err
	}
	card, err := h.Tokens.Issue(ctx, request)
	if err != nil {
		return nil, err
	}
	signed, err := h.sign(ctx, card)
	if err != nil {
		return nil, fmt.Errorf("sign ID card: %w", err)
	}
	contextID, _ := req.Tree.Attr(req.Body, "", "Context")
	return func(w *xmlout.Writer) { writeAnswer(w, signed, card.Issuer, contextID) }, nil
}

func (h *Handler) sign(ctx context.Context, card federating.Card) ([]byte, error) {
	return signCard(ctx, h.Signer, h.SHA1, card)
}

func signCard(ctx context.Context, s ports.Signer, sha1 bool, card federating.Card) ([]byte, error) {
	signer := signerFor(ctx, s, trust.IDCard)
	signer.SHA1 = sha1
	return sign(contentOf(card, formatOther), signer)
}

// profile admits who signed the card in the request, and answers without medcom:Header.
type profile struct{ now func() time.Time }

var _ soap.Profile = (*profile)(nil)

// Admit implements soap.Profile. The caller is whoever has the key of the certificate; nothing that the certificate or the card says is
// believed here, the token service judges both. The request is read again there: the kept form of an admitted call is its tree.
func (p *profile) Admit(_ context.Context, env *soap.Envelope, _ *soap.Operation) (identity.Caller, error) {
	request, err := readRequest(env.Tree, env.Tree.First(env.Body))
	if err != nil {
		return identity.Caller{}, err
	}
	certificate, err := x509.ParseCertificate(request.Certificate)
	if err != nil {
		return identity.Caller{}, refuse(errCertificate, "certificate unreadable", err)
	}
	return callerOf(env, certificate), nil
}

// Answer implements soap.Profile.
func (p *profile) Answer(_ context.Context, w *xmlout.Writer, env *soap.Envelope, reply soap.Reply) error {
	env.StartEnvelope(w)
	w.Start("soap:Header")
	w.Start("wsse:Security")
	w.Start("wsu:Timestamp", "wsu:Id", "ts")
	w.Elem("wsu:Created", p.now().UTC().Format(time.RFC3339))
	w.End()
	w.End()
	w.End()
	w.Start("soap:Body")
	reply(w)
	w.End()
	w.End()
	return nil
}

func refuse(f fault.Error, cause string, err error) error {
	return &auth.Refusal{Fault: f, Cause: cause, Err: err}
}
