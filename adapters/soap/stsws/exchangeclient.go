package stsws

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/relation"
)

// Exchange is what a client asks a token service to exchange.
type Exchange struct {
	Certificate *x509.Certificate
	Key         *rsa.PrivateKey // nil sends the request without signature
	ActAs       []byte          // the assertion to be exchanged; it declares every prefix it uses
	Audience    string          // who the new token is for
	Claims      []Claim
}

// Claim is what the client says of itself or asks for.
type Claim struct{ URI, Value string }

// CitizenClaims are those that a citizen's token is asked for with; other is whom the citizen acts for, empty for nobody.
func CitizenClaims(citizen, other cpr.Number, kind relation.Kind) []Claim {
	claims := []Claim{{claimCPR, citizen.Digits()}}
	if !other.IsZero() {
		prefix := relation.ClaimCustody
		if kind == relation.Proxy {
			prefix = relation.ClaimProxy
		}
		claims = append(claims, Claim{claimOnBehalfOf, prefix + other.Digits()})
	}
	return claims
}

// CardClaims are those that an employee's ID card is asked for with. Of role and authorisation one at most may be given; "" leaves out.
func CardClaims(systemName, role, authorisation string) []Claim {
	var claims []Claim
	for _, c := range []Claim{{claimSystemName, systemName}, {claimRole, role}, {claimAuthorisation, authorisation}} {
		if c.Value != "" {
			claims = append(claims, c)
		}
	}
	return claims
}

// Exchanged is what a token service gave for a token. The client does not verify it: that is for the service it is shown to.
type Exchanged struct {
	Assertion []byte // declares every prefix it uses, so that it can stand in any message
	From, To  time.Time
}

// ExchangeRequest returns the message that asks for an exchange.
func (c *Client) ExchangeRequest(x Exchange) ([]byte, error) {
	message := envelopeOf{
		action: ActionExchange, messageID: prefixUUID + c.NewID(), created: c.Now(),
		body: func(w *xmlout.Writer) { x.write(w, prefixUUID+c.NewID()) },
	}
	if x.Key == nil {
		return message.signed(c.envelope, nil)
	}
	return message.signed(c.envelope, &xmldsig.Signer{
		SHA1: c.SHA1, Certificate: x.Certificate.Raw,
		Sign: func(hash crypto.Hash, digest []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(rand.Reader, x.Key, hash, digest)
		},
	})
}

func (x *Exchange) write(w *xmlout.Writer, contextID string) {
	w.Start("wst13:RequestSecurityToken", "xmlns:wst13", nsTrust13, "xmlns:wst14", nsTrust14, "xmlns:wsp", nsPolicy, "xmlns:wsa", nsAddressing10,
		"xmlns:auth", nsClaims, "Context", contextID)
	w.Elem("wst13:TokenType", tokenTypeSAML)
	w.Elem("wst13:RequestType", requestType13)
	w.Start("wst14:ActAs")
	w.Raw(x.ActAs)
	w.End()
	writeAppliesTo(w, x.Audience)
	if len(x.Claims) > 0 {
		w.Start("wst13:Claims", "Dialect", dialectClaims)
		for _, c := range x.Claims {
			w.Start("auth:ClaimType", "Uri", c.URI)
			w.Elem("auth:Value", c.Value)
			w.End()
		}
		w.End()
	}
	w.End()
}

// Exchange asks for an exchange. A refusal is a *soap.Fault.
func (c *Client) Exchange(ctx context.Context, x Exchange) (Exchanged, error) {
	request, err := c.ExchangeRequest(x)
	if err != nil {
		return Exchanged{}, err
	}
	answer, err := (&soap.Client{URL: c.URL, HTTP: c.HTTP}).Call(ctx, ActionExchange, request)
	if err != nil {
		return Exchanged{}, err
	}
	defer answer.Tree.Release()
	return readExchanged(answer.Tree, answer.Body)
}

// ExchangeCard asks for an exchange that gives an ID card.
func (c *Client) ExchangeCard(ctx context.Context, x Exchange) (Issued, error) {
	got, err := c.Exchange(ctx, x)
	if err != nil {
		return Issued{}, err
	}
	t, err := xmltree.Parse(got.Assertion, xmltree.DefaultLimits(len(got.Assertion)))
	if err != nil {
		return Issued{}, fmt.Errorf("read issued card: %w", err)
	}
	defer t.Release()
	card, err := dgws.ReadCard(t, t.Root(), nil)
	if err != nil {
		return Issued{}, fmt.Errorf("read issued card: %w", err)
	}
	return Issued{Assertion: got.Assertion, Card: card}, nil
}

// readExchanged takes the assertion out of the answer.
func readExchanged(t *xmltree.Tree, body xmltree.Node) (x Exchanged, err error) {
	if !t.Is(body, nsTrust13, "RequestSecurityTokenResponseCollection") {
		return x, errAnswer
	}
	answer, err := t.Only(body, nsTrust13, "RequestSecurityTokenResponse")
	if err != nil {
		return x, errAnswer
	}
	lifetime, err := t.Only(answer, nsTrust13, "Lifetime")
	if err != nil {
		return x, errAnswer
	}
	if x.From, err = instantIn(t, lifetime, "Created"); err != nil {
		return x, errAnswer
	}
	if x.To, err = instantIn(t, lifetime, "Expires"); err != nil {
		return x, errAnswer
	}
	token, err := t.Only(answer, nsTrust13, "RequestedSecurityToken")
	if err != nil {
		return x, errAnswer
	}
	assertion, err := t.Only(token, auth.NSAssertion, "Assertion")
	if err != nil {
		return x, errAnswer
	}
	var out bytes.Buffer
	if err := c14n.Write(&out, t, assertion, c14n.Options{Method: c14n.Exclusive}); err != nil {
		return x, fmt.Errorf("read issued token: %w", err)
	}
	x.Assertion = out.Bytes()
	return x, nil
}
