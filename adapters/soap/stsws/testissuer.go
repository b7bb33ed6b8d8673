package stsws

import (
	"context"
	"fmt"

	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// TestIssuer makes signed credentials for test persons, without any proof that whoever asks is that person. It is for development alone.
// Each method returns a saml:Assertion that declares every prefix it uses; errors wrap a fault.Error where the caller is to be told why.
type TestIssuer struct {
	Issuer *federating.TestIssuer
	Signer ports.Signer // its keys for ID cards, tokens and bootstrap tokens sign
	SHA1   bool         // sign ID cards with rsa-sha1
}

// Card returns an ID card of the token service for the holder of a certificate, who need not show its key.
func (i *TestIssuer) Card(ctx context.Context, r federating.TestRequest) ([]byte, error) {
	card, err := i.Issuer.Card(ctx, r)
	if err != nil {
		return nil, err
	}
	signed, err := signCard(ctx, i.Signer, i.SHA1, card)
	if err != nil {
		return nil, fmt.Errorf("sign test card: %w", err)
	}
	return signed, nil
}

// Token returns an identity token of the token service for a citizen who did not log in anywhere.
func (i *TestIssuer) Token(ctx context.Context, r federating.TestRequest) ([]byte, error) {
	token, err := i.Issuer.Token(ctx, r)
	if err != nil {
		return nil, err
	}
	c := tokenContent(&token)
	signed, err := c.signed(signerFor(ctx, i.Signer, trust.Token))
	if err != nil {
		return nil, fmt.Errorf("sign test token: %w", err)
	}
	return signed, nil
}

// Bootstrap returns a token of the test identity provider for a citizen or an employee, to be exchanged at the token service.
func (i *TestIssuer) Bootstrap(ctx context.Context, r federating.TestRequest) ([]byte, error) {
	a, err := i.Issuer.Bootstrap(ctx, r)
	if err != nil {
		return nil, err
	}
	c := bootstrapContent(&a, r.HolderOf())
	signed, err := c.signed(signerFor(ctx, i.Signer, trust.Bootstrap))
	if err != nil {
		return nil, fmt.Errorf("sign bootstrap token: %w", err)
	}
	return signed, nil
}
