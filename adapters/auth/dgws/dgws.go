// Package dgws verifies the signed ID cards of Den Gode Webservice 1.0.1 (MedCom, with its Bilag) and writes requests that carry one.
package dgws

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// Verifier verifies messages against the pinned keys of the token services. It is safe for concurrent use.
type Verifier struct {
	Trust      ports.TrustSource
	Now        func() time.Time
	MinRSABits int            // 0 means 2048
	ClockSkew  time.Duration  // how far the issuer's clock may be ahead of ours; 0 means 60 seconds
	Cache      *xmldsig.Cache // what RSA has found good of cards that come again; nil keeps nothing

	anchors auth.Anchors
}

var _ auth.Verifier = (*Verifier)(nil)

// Verify implements auth.Verifier. The first check that fails decides: Timestamp and medcom:Header, signature and anchor, level, times,
// content, receipt. Nothing of the card is believed before its signature was verified, and then only what the signature covers.
func (v *Verifier) Verify(ctx context.Context, m *auth.Message, p admitting.Policy) (identity.Caller, error) {
	set, err := v.Trust.Trust(ctx)
	if err != nil {
		return identity.Caller{}, err
	}
	now := v.Now()
	a, err := v.authenticate(m, set, now)
	if err != nil {
		return identity.Caller{}, err
	}
	m.Attributes = a.card.Attributes()
	caller, err := v.admit(&a.card, a.head, p, now)
	if err != nil {
		var refusal *auth.Refusal
		if errors.As(err, &refusal) {
			refusal.Anchor, refusal.CVR = a.anchor.ID, a.card.CVR()
		}
		return identity.Caller{}, err
	}
	v.Cache.Keep(&a.verified, caller.Credential.NotOnOrAfter)
	caller.MessageID = a.head.messageID
	return caller, nil
}

// authentic is a message whose card's signature is good.
type authentic struct {
	head     header
	card     Card
	anchor   *trust.Anchor
	verified xmldsig.Verified
}

// authenticate reads the header and the card and verifies the card's signature. It allocates nothing but what RSA does.
func (v *Verifier) authenticate(m *auth.Message, set *trust.Set, now time.Time) (a authentic, err error) {
	t := m.Tree
	if err := checkTimestamp(t, m.Security); err != nil {
		return a, err
	}
	if a.head, err = readHeader(t, m.Header); err != nil {
		return a, err
	}
	if a.head.level == "5" {
		return a, refuse(errLevel5, "level 5")
	}
	assertion, err := t.Only(m.Security, auth.NSAssertion, "Assertion")
	if err != nil {
		return a, refuse(errCard, "Assertion")
	}
	if t.Child(assertion, auth.NSSignature, "Signature") == xmltree.None {
		if c, err := (reader{tree: t}).card(assertion); err == nil && (c.Level == "1" || c.Level == "2") {
			return a, refuse(errUnsigned, "unsigned card of level 1 or 2")
		}
		return a, refuse(errSignature, "no signature")
	}
	if a.verified, a.anchor, err = v.verify(t, assertion, set, now); err != nil {
		return a, err
	}
	if a.card, err = ReadCard(t, assertion, &a.verified); err != nil {
		return a, &auth.Refusal{Fault: errCard, Cause: "card structure", Anchor: a.anchor.ID, Err: err}
	}
	return a, nil
}

// verify verifies the signature of the card with the key of an anchor.
func (v *Verifier) verify(t *xmltree.Tree, assertion xmltree.Node, set *trust.Set, now time.Time) (xmldsig.Verified, *trust.Anchor, error) {
	return v.anchors.Verify(t, assertion, &auth.Pinning{
		Set: set, Use: trust.IDCard, Now: now, Issued: issuedAt(t, assertion, now), MinRSABits: v.MinRSABits, Cache: v.Cache,
		BadSignature: errSignature, Untrusted: errSigner, NoIssuer: errCard,
	})
}

// issuedAt reads IssueInstant for the anchor's window. What cannot be read is refused later, with the other times of the card.
func issuedAt(t *xmltree.Tree, assertion xmltree.Node, now time.Time) time.Time {
	text, _ := t.Attr(assertion, "", "IssueInstant")
	d, err := xsd.ParseDateTime(text)
	if err != nil {
		return now
	}
	version := version101
	if !d.HasZone {
		version = version100
	}
	if at, ok := instant(text, version, false); ok {
		return at
	}
	return now
}

// admit holds a verified card against the policy of the operation.
func (v *Verifier) admit(card *Card, head header, p admitting.Policy, now time.Time) (identity.Caller, error) {
	level, err := levelOf(card, head, p)
	if err != nil {
		return identity.Caller{}, err
	}
	if card.Version != version100 && card.Version != version101 {
		return identity.Caller{}, refuse(errCard, "card version")
	}
	at, ok := card.readTimes()
	if !ok {
		return identity.Caller{}, refuse(errCardTimes, "times unreadable")
	}
	if f, cause, ok := at.check(now, p.MaxCardAge, cmp.Or(v.ClockSkew, skew)); !ok {
		return identity.Caller{}, refuse(f, cause)
	}
	if err := card.checkContent(); err != nil {
		return identity.Caller{}, &auth.Refusal{Fault: errCard, Cause: "card content", Err: err}
	}
	if head.receipt {
		return identity.Caller{}, refuse(errReceipt, "receipt asked for")
	}
	return card.caller(at, level), nil
}

func levelOf(card *Card, head header, p admitting.Policy) (int, error) {
	if card.Type == "" || card.Level == "" {
		return 0, refuse(errCard, "no type or level")
	}
	var level int
	switch {
	case card.Type == typeUser && card.Level == "4":
		level = 4
	case card.Type == typeSystem && card.Level == "3":
		level = 3
	case card.Type == typeUser || card.Type == typeSystem:
		return 0, refuse(errLevelOfType, "level of the card's type")
	default:
		return 0, refuse(errCard, "card type")
	}
	if level < p.MinLevel {
		return 0, refuse(levelTooLow(p.MinLevel), "level too low")
	}
	if head.level > card.Level {
		return 0, refuse(errLevelClaimed, "level claimed in the header")
	}
	return level, nil
}
