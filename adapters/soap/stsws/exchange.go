package stsws

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// Mount is a service and a path it is served at. A path that ends in "*" stands for all that begin so.
type Mount struct {
	Path    string
	Service soap.Service
}

// Exchanges returns the services that exchange tokens (WS-Trust 1.3), and the one that answers for those that are not offered.
func (h *Handler) Exchanges() []Mount {
	mounts := []Mount{
		{PathSosi2OIOSaml, h.exchangeService("sts-sosi2oiosaml", audit.Sosi2OIOSaml, actorSosi2OIOSaml, h.sosi2OIOSaml)},
		{PathBst2Idws, h.exchangeService("sts-bst2idws", audit.Bst2Idws, actorBst2Idws, h.bst2Idws)},
		{PathBST2SOSI, h.exchangeService("sts-bst2sosi", audit.BST2SOSI, actorBST2SOSI, h.cards(h.Tokens.BST2SOSI))},
		{PathOIOSaml2Sosi, h.exchangeService("sts-oiosaml2sosi", audit.OIOSaml2Sosi, actorOIOSaml2Sosi, h.cards(h.Tokens.OIOSaml2Sosi))},
	}
	for _, path := range UnsupportedPaths() {
		mounts = append(mounts, Mount{path, h.unsupported()})
	}
	return mounts
}

func (h *Handler) exchangeService(
	name string, label audit.Context, actor string, serve func(context.Context, soap.Request) (soap.Reply, error),
) soap.Service {
	schemes := []identity.Scheme{identity.Certificate}
	unsigned := label == audit.Sosi2OIOSaml && h.Tokens.AllowBearer
	if unsigned {
		schemes = append(schemes, identity.DGWS)
	}
	return soap.Service{
		Name: name, Component: audit.STS, Contract: exchangeContract(), Profile: &exchangeProfile{handler: h, actor: actor, unsigned: unsigned},
		Operations: []soap.Operation{{
			Name: soap.Name{Space: nsTrust13, Local: "RequestSecurityToken"}, Label: string(label),
			Policy: admitting.Policy{
				Schemes:  schemes,
				Kinds:    []identity.Kind{identity.System, identity.Professional},
				MaxBytes: maxBytes,
			},
			Serve: serve,
		}},
	}
}

// request binds an admitted request. Who signed it was verified when it was admitted.
func request(req soap.Request) (r federating.Exchange, actAs xmltree.Node, err error) {
	m, err := readMessage(req.Tree, req.Body)
	if err != nil {
		return r, actAs, err
	}
	x, err := readExchange(req.Tree, req.Body)
	if err != nil {
		return r, actAs, err
	}
	r = federating.Exchange{Certificate: m.certificate, Created: m.created, Audience: x.audience, Claims: x.claims}
	if m.certificate == nil {
		return r, x.actAs, nil
	}
	if sha256.Sum256(m.certificate) != req.Caller.Credential.Signer {
		return r, actAs, errors.New("the request is not that which was admitted")
	}
	r.Key, _ = auth.SPKI(m.certificate)
	return r, x.actAs, nil
}

func (h *Handler) bst2Idws(ctx context.Context, req soap.Request) (soap.Reply, error) {
	r, actAs, err := request(req)
	if err != nil {
		return nil, err
	}
	token, err := h.Tokens.Bst2Idws(ctx, r, h.bootstrap(req.Tree, actAs))
	if err != nil {
		return nil, err
	}
	return h.answerToken(ctx, req, token)
}

func (h *Handler) sosi2OIOSaml(ctx context.Context, req soap.Request) (soap.Reply, error) {
	r, actAs, err := request(req)
	if err != nil {
		return nil, err
	}
	token, err := h.Tokens.Sosi2OIOSaml(ctx, r, func(ctx context.Context, now time.Time) (federating.Card, error) {
		return h.ownCard(ctx, req.Tree, actAs, now)
	})
	if err != nil {
		return nil, err
	}
	return h.answerToken(ctx, req, token)
}

func (h *Handler) answerToken(ctx context.Context, req soap.Request, token federating.Token) (soap.Reply, error) {
	c := tokenContent(&token)
	assertion, err := c.signed(signerFor(ctx, h.Signer, trust.Token))
	if err != nil {
		return nil, fmt.Errorf("sign token: %w", err)
	}
	contextID, _ := req.Tree.Attr(req.Body, "", "Context")
	return (&issued{assertion, token.Audience, token.IssuedAt, token.NotOnOrAfter, contextID}).write, nil
}

type cardExchange func(context.Context, federating.Exchange, federating.Exchanged[federating.Assertion]) (federating.Card, error)

// cards serves an exchange whose answer is an ID card.
func (h *Handler) cards(exchange cardExchange) func(context.Context, soap.Request) (soap.Reply, error) {
	return func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		r, actAs, err := request(req)
		if err != nil {
			return nil, err
		}
		card, err := exchange(ctx, r, h.bootstrap(req.Tree, actAs))
		if err != nil {
			return nil, err
		}
		assertion, err := h.sign(ctx, card)
		if err != nil {
			return nil, fmt.Errorf("sign ID card: %w", err)
		}
		contextID, _ := req.Tree.Attr(req.Body, "", "Context")
		return (&issued{assertion, r.Audience, card.NotBefore, card.NotOnOrAfter, contextID}).write, nil
	}
}

// bootstrap verifies and reads the token of an identity provider.
func (h *Handler) bootstrap(t *xmltree.Tree, assertion xmltree.Node) federating.Exchanged[federating.Assertion] {
	return func(ctx context.Context, now time.Time) (federating.Assertion, error) {
		verified, err := h.pinned(ctx, t, assertion, trust.Bootstrap, now)
		if err != nil {
			return federating.Assertion{}, err
		}
		a, err := readAssertion(t, assertion, &verified)
		if err != nil {
			return federating.Assertion{}, refuse(errActAsUnread, "token content", err)
		}
		return a, nil
	}
}

// ownCard verifies and reads an ID card that a token service issued.
func (h *Handler) ownCard(ctx context.Context, t *xmltree.Tree, assertion xmltree.Node, now time.Time) (federating.Card, error) {
	if id, _ := t.Attr(assertion, "", "id"); id != dgws.CardID {
		return federating.Card{}, refuse(errActAsUnread, "id of the Assertion", nil)
	}
	verified, err := h.pinned(ctx, t, assertion, trust.IDCard, now)
	if err != nil {
		return federating.Card{}, err
	}
	content, err := dgws.ReadCard(t, assertion, &verified)
	if err != nil {
		return federating.Card{}, refuse(errActAsUnread, "card structure", err)
	}
	card, err := cardOf(&content)
	if err != nil || card.User != nil && card.User.CPR.IsZero() {
		return federating.Card{}, refuse(errActAsUnread, "card content", err)
	}
	return card, nil
}

// pinned verifies the signature of what stands in ActAs with the pinned keys for a use.
func (h *Handler) pinned(ctx context.Context, t *xmltree.Tree, assertion xmltree.Node, use trust.Use, now time.Time) (xmldsig.Verified, error) {
	set, err := h.Trust.Trust(ctx)
	if err != nil {
		return xmldsig.Verified{}, fmt.Errorf("read trust: %w", err)
	}
	text, _ := t.Attr(assertion, "", "IssueInstant")
	d, err := xsd.ParseDateTime(text)
	instant, zoned := d.UTC()
	if err != nil || !zoned {
		return xmldsig.Verified{}, refuse(errActAsUnread, "IssueInstant", err)
	}
	verified, _, err := h.anchors.Verify(t, assertion, &auth.Pinning{
		Set: set, Use: use, Now: now, Issued: instant, MinRSABits: h.MinRSABits,
		BadSignature: errActAsSigned, Untrusted: errActAsIssuer, NoIssuer: errActAsUnread,
	})
	return verified, err
}

// exchangeProfile admits who signed the message, and signs the answers.
type exchangeProfile struct {
	handler  *Handler
	actor    string // of faults
	unsigned bool   // a request without signature is admitted on the ID card in it
}

var _ soap.Profile = (*exchangeProfile)(nil)

// Admit implements soap.Profile. As where ID cards are issued, the certificate is judged by the token service, and the token in ActAs too.
func (p *exchangeProfile) Admit(ctx context.Context, env *soap.Envelope, _ *soap.Operation) (identity.Caller, error) {
	request := env.Tree.First(env.Body)
	m, err := readMessage(env.Tree, request)
	if err != nil {
		return identity.Caller{}, err
	}
	now := p.handler.Now()
	if m.certificate == nil {
		if !p.unsigned {
			return identity.Caller{}, refuse(federating.ErrUnsigned, "no signature", nil)
		}
		return p.cardHolder(ctx, env, request, now)
	}
	c, err := m.verify(xmldsig.Algorithms{SHA1: p.handler.AcceptSHA1, MinRSABits: p.handler.MinRSABits})
	if err != nil {
		return identity.Caller{}, err
	}
	if !m.expires.IsZero() && !now.Before(m.expires) {
		return identity.Caller{}, refuse(errExpires, "Timestamp", nil)
	}
	return callerOf(env, c), nil
}

// cardHolder is the caller that the ID card in ActAs names.
func (p *exchangeProfile) cardHolder(ctx context.Context, env *soap.Envelope, request xmltree.Node, now time.Time) (identity.Caller, error) {
	x, err := readExchange(env.Tree, request)
	if err != nil {
		return identity.Caller{}, err
	}
	card, err := p.handler.ownCard(ctx, env.Tree, x.actAs, now)
	if err != nil {
		return identity.Caller{}, err
	}
	caller := identity.Caller{
		Kind: identity.System, SystemName: card.SystemName, Org: identity.Organisation{CVR: card.CVR, Name: card.CareProviderName},
		Credential: identity.Credential{
			Scheme: identity.DGWS, Level: card.Level, Issuer: card.Issuer, ID: card.ID, CertHash: card.CertHash,
			IssuedAt: card.IssuedAt, NotBefore: card.NotBefore, NotOnOrAfter: card.NotOnOrAfter,
		},
	}
	if env.Addr.IsValid() {
		caller.Addr = env.Addr.String()
	}
	if card.User != nil {
		caller.Kind, caller.CPR = identity.Professional, card.User.CPR
	}
	return caller, nil
}

// Answer implements soap.Profile.
func (p *exchangeProfile) Answer(ctx context.Context, w *xmlout.Writer, env *soap.Envelope, reply soap.Reply) error {
	m, err := readMessage(env.Tree, env.Tree.First(env.Body))
	if err != nil {
		return err
	}
	answer := envelopeOf{
		action: actionAnswer, messageID: prefixUUID + p.handler.NewID(), relatesTo: m.messageID, created: p.handler.Now(), body: reply,
	}
	signer := signerFor(ctx, p.handler.Signer, trust.Token)
	doc, err := answer.signed(env.StartEnvelope, &signer)
	if err != nil {
		return err
	}
	w.Raw(doc)
	return nil
}

// Fault implements soap.Profile.
func (p *exchangeProfile) Fault(_ context.Context, w *xmlout.Writer, env *soap.Envelope, err error) int {
	return writeFault(w, env, err, p.actor)
}
