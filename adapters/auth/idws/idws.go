// Package idws verifies messages of OIO Identity-based Web Services: a SAML 2.0 token that is bound to a key, and a message that this key
// signed. It writes such messages and checks their signed answers too.
//
// Sources: Liberty Basic SOAP Binding 1.0 for SOAP 1.1, OIO IDWS SOAP 1.1 for SOAP 1.2, OIO identity token 1.1 (Digitaliseringsstyrelsen).
package idws

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// defaultSkew is how far the Timestamp may be from our clock.
const defaultSkew = 5 * time.Minute

// Verifier verifies messages with tokens of the pinned token services. It is safe for concurrent use. That a message comes for the first
// time is not checked here, but by the gate.
type Verifier struct {
	Trust      ports.TrustSource
	Now        func() time.Time
	MinRSABits int            // 0 means 2048
	Skew       time.Duration  // of the Timestamp; 0 means 5 minutes
	ClockSkew  time.Duration  // how far the clock of a token service may be ahead of ours; 0 means 60 seconds
	Cache      *xmldsig.Cache // what RSA has found good of tokens that come again; nil keeps nothing

	anchors auth.Anchors
	holders holders
}

var _ auth.Verifier = (*Verifier)(nil)

// Verify implements auth.Verifier. The first check that fails decides: headers, Timestamp, signature and anchor of the token, its times and
// audience, the key it is bound to, the message signature by that key and what it covers, claims. Nothing is believed before a signature
// that covers it was verified.
func (v *Verifier) Verify(ctx context.Context, m *auth.Message, p admitting.Policy) (identity.Caller, error) {
	set, err := v.Trust.Trust(ctx)
	if err != nil {
		return identity.Caller{}, err
	}
	now := v.Now()
	head, err := v.readHeaders(m, now)
	if err != nil {
		return identity.Caller{}, err
	}
	assertion, err := m.Tree.Only(m.Security, auth.NSAssertion, "Assertion")
	if err != nil {
		return identity.Caller{}, refuse(errToken, "Assertion")
	}
	if m.Tree.Child(assertion, auth.NSSignature, "Signature") == xmltree.None {
		return identity.Caller{}, refuse(errTokenSignature, "no signature")
	}
	verified, anchor, err := v.anchors.Verify(m.Tree, assertion, &auth.Pinning{
		Set: set, Use: trust.Token, Now: now, Issued: issuedAt(m.Tree, assertion, now), MinRSABits: v.MinRSABits, Cache: v.Cache,
		BadSignature: errTokenSignature, Untrusted: errSigner, NoIssuer: errToken,
	})
	if err != nil {
		return identity.Caller{}, err
	}
	caller, cvr, err := v.admit(m, head, token{reader{m.Tree, &verified}, assertion, cmp.Or(v.ClockSkew, skew)}, set, p, now)
	if err != nil {
		var refusal *auth.Refusal
		if errors.As(err, &refusal) {
			refusal.Anchor, refusal.CVR = anchor.ID, cvr
		}
		return identity.Caller{}, err
	}
	v.Cache.Keep(&verified, caller.Credential.NotOnOrAfter)
	return caller, nil
}

// admit holds a token whose signature is good, and the message with it, against the rules. cvr is the organisation that the token names.
func (v *Verifier) admit(m *auth.Message, head headers, tk token, set *trust.Set, p admitting.Policy, now time.Time) (_ identity.Caller, cvr string, err error) {
	claims, bad := readClaims(tk)
	if bad == nil {
		cvr = claims.cvr()
		m.Attributes = claims.attributes()
	}
	at, err := tk.times(now)
	if err != nil {
		return identity.Caller{}, cvr, err
	}
	audience, err := tk.audience(p.Audiences)
	if err != nil {
		return identity.Caller{}, cvr, err
	}
	h, err := tk.holder(&v.holders, now)
	if err != nil {
		return identity.Caller{}, cvr, err
	}
	if m.Attributes != nil {
		m.Attributes[attributeSubject] = h.subject
	}
	if h.revoked(set) {
		return identity.Caller{}, cvr, refuse(errRevoked, "holder's certificate revoked")
	}
	if err := v.verifyMessage(m, head, tk.node, h); err != nil {
		return identity.Caller{}, cvr, err
	}
	if bad != nil {
		return identity.Caller{}, cvr, &auth.Refusal{Fault: errToken, Cause: "claims", Err: bad}
	}
	caller, err := claims.caller()
	if err != nil {
		return identity.Caller{}, cvr, err
	}
	caller.Audience, caller.MessageID = audience, head.messageIDText
	c := &caller.Credential
	c.Scheme, c.Issuer, c.ID, c.X509Subject = identity.IDWS, tk.issuer(), tk.id(), h.subject
	c.CertHash, c.Signer = h.hash, h.sum
	c.IssuedAt, c.NotBefore, c.NotOnOrAfter = at.issued, at.notBefore, at.notOnOrAfter
	return caller, cvr, nil
}
