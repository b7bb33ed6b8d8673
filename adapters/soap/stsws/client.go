package stsws

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // OCESCertHash is SHA-1 by its definition (DGWS 1.0.1)
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/federating"
)

// Credential is what a client asks for a card with: an OCES certificate, its key, and what the card is to say.
type Credential struct {
	Certificate      *x509.Certificate
	Key              *rsa.PrivateKey
	CVR              string // of the certificate
	CareProviderName string
	SystemName       string
	User             *federating.User // nil asks for a system card
}

// Client asks a token service for ID cards and tokens.
type Client struct {
	URL    string
	HTTP   *http.Client // nil = http.DefaultClient
	Now    func() time.Time
	NewID  func() string // id of a card, or UUID of a message
	SHA1   bool          // sign with rsa-sha1, as the clients in use do
	SOAP12 bool
}

// envelope opens an envelope and declares soap, wsse and wsu.
func (c *Client) envelope(w *xmlout.Writer) {
	space := nsSOAP
	if c.SOAP12 {
		space = nsSOAP12
	}
	w.Start("soap:Envelope", "xmlns:soap", space, "xmlns:wsse", auth.NSSecurity, "xmlns:wsu", auth.NSUtility)
}

// Issued is a card that a token service issued. The client does not verify it: that is for the service it is shown to.
type Issued struct {
	Assertion []byte // declares every prefix it uses, so that it can stand in any message
	Card      dgws.Card
}

// backdated is how long before its making a card says it was issued, for token services whose clock is slow.
const backdated = 5 * time.Minute

// Request returns the message that asks for a card.
func (c *Client) Request(cred Credential) ([]byte, error) {
	now := c.Now().UTC()
	issued := now.Add(-backdated)
	card := federating.Card{
		ID: c.NewID(), Level: 3, CertHash: certHash(sha1.Sum(cred.Certificate.Raw)), //nolint:gosec // see the import
		Issuer: cred.SystemName, NameID: cred.CVR, IssuedAt: issued, NotBefore: issued, NotOnOrAfter: issued.Add(federating.DefaultLifetime),
		User: cred.User, SystemName: cred.SystemName, CVR: cred.CVR, CareProviderName: cred.CareProviderName,
	}
	format := formatCVR
	if cred.User != nil {
		card.Level = 4
		if !cred.User.CPR.IsZero() {
			card.NameID, format = cred.User.CPR.Digits(), formatCPR
		}
	}
	signed, err := sign(contentOf(card, format), xmldsig.Signer{
		SHA1: c.SHA1, Certificate: cred.Certificate.Raw,
		Sign: func(hash crypto.Hash, digest []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(rand.Reader, cred.Key, hash, digest)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("sign ID card request: %w", err)
	}
	return c.writeRequest(signed, cred.SystemName, now), nil
}

// Issue asks for a card. A refusal is a *soap.Fault.
func (c *Client) Issue(ctx context.Context, cred Credential) (Issued, error) {
	request, err := c.Request(cred)
	if err != nil {
		return Issued{}, err
	}
	answer, err := (&soap.Client{URL: c.URL, HTTP: c.HTTP}).Call(ctx, Action, request)
	if err != nil {
		return Issued{}, err
	}
	defer answer.Tree.Release()
	return readAnswer(answer.Tree, answer.Body)
}

var errAnswer = errors.New("not an answer of a token service")

// readAnswer takes the card out of the answer.
func readAnswer(t *xmltree.Tree, body xmltree.Node) (Issued, error) {
	if !t.Is(body, nsTrust, "RequestSecurityTokenResponse") {
		return Issued{}, errAnswer
	}
	token, err := t.Only(body, nsTrust, "RequestedSecurityToken")
	if err != nil {
		return Issued{}, errAnswer
	}
	assertion, err := t.Only(token, auth.NSAssertion, "Assertion")
	if err != nil {
		return Issued{}, errAnswer
	}
	// Exclusive canonical form brings the namespaces along that the answer declares further out, and keeps the signature good.
	var out bytes.Buffer
	if err := c14n.Write(&out, t, assertion, c14n.Options{Method: c14n.Exclusive}); err != nil {
		return Issued{}, fmt.Errorf("read issued card: %w", err)
	}
	card, err := dgws.ReadCard(t, assertion, nil)
	if err != nil {
		return Issued{}, fmt.Errorf("read issued card: %w", err)
	}
	return Issued{Assertion: out.Bytes(), Card: card}, nil
}
