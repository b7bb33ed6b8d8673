package auth

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
)

// Anchors verifies the signatures of assertions with pinned keys, and with no others. The zero value is ready. It is safe for concurrent use.
type Anchors struct{ keys atomic.Pointer[keyring] }

// Pinning is how an assertion is verified.
type Pinning struct {
	Set        *trust.Set
	Use        trust.Use // what the anchor must be pinned for
	Now        time.Time
	Issued     time.Time // IssueInstant of the assertion; Now where it cannot be read
	MinRSABits int       // 0 means 2048
	Cache      *xmldsig.Cache

	// What the caller hears: of a signature that is not good, of a signer that is not trusted, of an assertion without one Issuer.
	BadSignature, Untrusted, NoIssuer fault.Error
}

// Verify finds the anchor that the signature of assertion names, by its certificate's key or by the Issuer alone, and verifies the signature
// with the anchor's own key. KeyInfo is a hint: it adds no trust. The error is a *Refusal, or an error of ours.
func (a *Anchors) Verify(t *xmltree.Tree, assertion xmltree.Node, p *Pinning) (xmldsig.Verified, *trust.Anchor, error) {
	ring, err := a.ring(p.Set)
	if err != nil {
		return xmldsig.Verified{}, nil, err
	}
	sig, err := xmldsig.ReadEnveloped(t, assertion)
	if err != nil {
		return xmldsig.Verified{}, nil, BadSignature(p.BadSignature, err)
	}
	issuer, err := issuerOf(t, assertion)
	if err != nil {
		return xmldsig.Verified{}, nil, refuse(p.NoIssuer, "Issuer")
	}
	var buf [2 << 10]byte // certificates are shorter, as a rule
	if der, ok := sig.AppendCertificate(buf[:0]); ok {
		spki, ok := SPKI(der)
		if !ok {
			return xmldsig.Verified{}, nil, refuse(p.Untrusted, "certificate unreadable")
		}
		anchor, err := ring.set.Match(p.Use, issuer, spki, p.Now, p.Issued)
		if err != nil {
			return xmldsig.Verified{}, nil, untrusted(p.Untrusted, err)
		}
		verified, err := ring.verify(&sig, assertion, anchor, p)
		return verified, anchor, err
	}
	candidates, err := ring.set.Candidates(p.Use, issuer, p.Now, p.Issued)
	if err != nil {
		return xmldsig.Verified{}, nil, untrusted(p.Untrusted, err)
	}
	var verified xmldsig.Verified
	for _, anchor := range candidates {
		if verified, err = ring.verify(&sig, assertion, anchor, p); err == nil {
			return verified, anchor, nil
		}
	}
	return xmldsig.Verified{}, nil, err
}

// issuerOf returns the Issuer as it stands, which only chooses among anchors.
func issuerOf(t *xmltree.Tree, assertion xmltree.Node) (string, error) {
	n, err := t.Only(assertion, NSAssertion, "Issuer")
	if err != nil {
		return "", err
	}
	text, err := t.Text(n)
	return xsd.Collapse(text), err
}

// keyring is a set of anchors with its keys read once.
type keyring struct {
	set  *trust.Set
	keys map[[32]byte]*rsa.PublicKey // by SHA-256 of the SubjectPublicKeyInfo
}

// ring returns the keys of set, which are read again only when the set was replaced.
func (a *Anchors) ring(set *trust.Set) (*keyring, error) {
	if r := a.keys.Load(); r != nil && r.set == set {
		return r, nil
	}
	r := &keyring{set: set, keys: make(map[[32]byte]*rsa.PublicKey, len(set.Anchors))}
	for _, anchor := range set.Anchors {
		key, err := x509.ParsePKIXPublicKey(anchor.Key)
		if err != nil {
			return nil, fmt.Errorf("read key of trust anchor %s: %w", anchor.ID, err)
		}
		if rsaKey, ok := key.(*rsa.PublicKey); ok && sha256.Sum256(anchor.Key) == anchor.SPKI {
			r.keys[anchor.SPKI] = rsaKey
		}
	}
	a.keys.Store(r)
	return r, nil
}

func (r *keyring) verify(sig *xmldsig.Signature, assertion xmltree.Node, anchor *trust.Anchor, p *Pinning) (xmldsig.Verified, error) {
	key := r.keys[anchor.SPKI]
	if key == nil {
		return xmldsig.Verified{}, &Refusal{Fault: p.Untrusted, Cause: "anchor has no RSA key", Anchor: anchor.ID}
	}
	accepted := xmldsig.Algorithms{SHA1: anchor.AllowsSHA1(p.Use), MinRSABits: p.MinRSABits}
	verified, err := sig.VerifyCached(key, accepted, p.Cache, xmldsig.Pinned{SPKI: anchor.SPKI, Version: r.set.Version, Now: p.Now})
	if err == nil && !verified.Covers(assertion) {
		err = xmldsig.ErrStructure
	}
	if err != nil {
		err = BadSignature(p.BadSignature, err)
		var refusal *Refusal
		if errors.As(err, &refusal) {
			refusal.Anchor = anchor.ID
		}
	}
	return verified, err
}

func untrusted(f fault.Error, err error) error {
	cause := "signer not pinned"
	switch {
	case errors.Is(err, trust.ErrRevoked):
		cause = "signer revoked"
	case errors.Is(err, trust.ErrWindow):
		cause = "outside the anchor's window"
	}
	return &Refusal{Fault: f, Cause: cause, Err: err}
}

// BadSignature refuses a signature with f and tells the log which check it did not pass.
func BadSignature(f fault.Error, err error) error {
	cause := "signature"
	switch {
	case errors.Is(err, xmldsig.ErrStructure):
		cause = "signature structure"
	case errors.Is(err, xmldsig.ErrAlgorithm):
		cause = "signature algorithm"
	case errors.Is(err, xmldsig.ErrKey):
		cause = "signature key"
	case errors.Is(err, xmldsig.ErrDigest):
		cause = "digest"
	case errors.Is(err, xmldsig.ErrValue):
		cause = "signature value"
	}
	return &Refusal{Fault: f, Cause: cause, Err: err}
}
