package ports

import (
	"context"
	"crypto"
	"crypto/x509"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// TrustSource returns what is trusted now. The set is immutable and is replaced as a whole; callers may keep it for one call.
type TrustSource interface {
	Trust(ctx context.Context) (*trust.Set, error)
}

// Certificates judges client certificates. Safe for concurrent use.
type Certificates interface {
	// Holder returns who holds the certificate. It chains to a trusted root at now and is not revoked; otherwise the error is
	// trust.ErrUntrusted, ErrExpired, ErrRevoked or ErrStaleCRL. That the caller has the key is not checked here.
	Holder(ctx context.Context, der []byte, now time.Time) (trust.Holder, error)
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
