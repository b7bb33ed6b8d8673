package ports

import (
	"context"
	"crypto"
	"crypto/x509"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
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

// GrantStore keeps the grants of organisations; it is read as a whole. Times are cut to microseconds. Safe for concurrent use, also by several
// processes on one store.
type GrantStore interface {
	// Grants returns all grants, ended ones too, ordered by name, CVR number, beginning (none first) and id; within a unit of work that has
	// written, as it left them. The caller owns them.
	Grants(ctx context.Context) ([]trust.Grant, error)
	// Update replaces all grants by what edit makes of them, in the unit of work in ctx or in a transaction of its own. No other Update happens
	// in between. edit may run more than once; it is given what Grants returns, may change it, and calls no store. trust.ErrGrantExists if two
	// grants without end have the same name and CVR number, or two the same id. If edit fails, or on conflict, nothing changes.
	Update(ctx context.Context, edit func([]trust.Grant) ([]trust.Grant, error)) error
}

// ErrNoSession: there is no such session, or it has ended.
var ErrNoSession error = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeExpired, Text: "The session has ended."}

// SessionStore keeps the sessions of REST clients by the SHA-256 of their token, and until cut to microseconds. Safe for concurrent use, also
// by several processes on one store.
type SessionStore interface {
	// Put keeps a copy of the whole caller until until, in the unit of work in ctx or in a transaction of its own. A token that is there is
	// replaced.
	Put(ctx context.Context, token [32]byte, c identity.Caller, until time.Time) error
	// Get returns the caller and when the session ends; ErrNoSession where there is none or until is not after now. The caller owns it.
	Get(ctx context.Context, token [32]byte, now time.Time) (c identity.Caller, until time.Time, err error)
	// Delete ends a session, likewise in the unit of work; one that is not there is left alone.
	Delete(ctx context.Context, token [32]byte) error
	Purger
}

// SecurityEvents keeps the calls that security turned away; their times are cut to microseconds. Safe for concurrent use.
type SecurityEvents interface {
	// Record keeps all events or none, in a transaction of its own: at least until until, and as long as Purge does not come.
	Record(ctx context.Context, until time.Time, events ...audit.Refusal) error
	// Since returns the events at or after since, newest first, of one time the last recorded first, at most n.
	Since(ctx context.Context, since time.Time, n int) ([]audit.Refusal, error)
	Purger
}
