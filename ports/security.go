package ports

import (
	"context"
	"crypto"
	"crypto/x509"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// TrustSource returns what is trusted now. The set is immutable and is replaced as a whole; callers may keep it for one call.
type TrustSource interface {
	Trust(ctx context.Context) (*trust.Set, error)
}

// People answers who holds a certificate and what they are authorised to. Both return identity.ErrUnknown if nobody. Safe for concurrent use.
type People interface {
	ByCertificate(ctx context.Context, subject trust.Subject) (identity.Person, error)
	ByCPR(ctx context.Context, n cpr.Number) (identity.Person, error)
}

// Signer signs digests with a named key: a key file, or a hardware module. Safe for concurrent use.
type Signer interface {
	// Certificate returns the certificate of the key for use, nil if there is none.
	Certificate(use trust.Use) *x509.Certificate
	// Sign returns the PKCS #1 v1.5 signature of digest.
	Sign(ctx context.Context, use trust.Use, hash crypto.Hash, digest []byte) ([]byte, error)
}
