package trust

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// crlGrace is how long a revocation list is used after the next one should have come.
const crlGrace = 24 * time.Hour

// Holders judges client certificates by the roots and revocations of a trust source. Safe for concurrent use.
type Holders struct {
	Source         ports.TrustSource
	RefuseStaleCRL bool         // refuse certificates whose issuer's revocation list is more than a day overdue
	Log            *slog.Logger // warns, once for each set, of such a list where it is tolerated; nil = silent

	pools atomic.Pointer[pools]
}

var _ ports.Certificates = (*Holders)(nil)

// pools are the roots and intermediates of one trust set.
type pools struct {
	of                   *trust.Set
	warned               atomic.Bool
	roots, intermediates *x509.CertPool
}

// Holder implements ports.Certificates.
func (h *Holders) Holder(ctx context.Context, der []byte, now time.Time) (trust.Holder, error) {
	set, err := h.Source.Trust(ctx)
	if err != nil {
		return trust.Holder{}, fmt.Errorf("read trust: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return trust.Holder{}, trust.ErrUntrusted
	}
	p, err := h.poolsOf(set)
	if err != nil {
		return trust.Holder{}, err
	}
	chains, err := c.Verify(x509.VerifyOptions{
		Roots: p.roots, Intermediates: p.intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		var invalid x509.CertificateInvalidError
		if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			return trust.Holder{}, trust.ErrExpired
		}
		return trust.Holder{}, trust.ErrUntrusted
	}
	if err := h.check(ctx, chains, p, now); err != nil {
		return trust.Holder{}, err
	}
	return trust.Holder{
		Subject:  Subject(c),
		DN:       distinguishedName(c.RawSubject, ", ", " + "),
		IssuerDN: distinguishedName(c.RawIssuer, ", ", " + "),
		Serial:   c.SerialNumber.String(),
	}, nil
}

// check is satisfied by one chain in which nothing is revoked.
func (h *Holders) check(ctx context.Context, chains [][]*x509.Certificate, p *pools, now time.Time) error {
	var why error
	for _, chain := range chains {
		if why = h.checkChain(ctx, chain, p, now); why == nil {
			return nil
		}
	}
	return why
}

func (h *Holders) checkChain(ctx context.Context, chain []*x509.Certificate, p *pools, now time.Time) error {
	if slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return isRevoked(c, p.of.Revoked) }) {
		return trust.ErrRevoked
	}
	for _, c := range chain {
		next, ok := p.of.NextUpdate[sha256.Sum256(c.RawIssuer)]
		if !ok || now.Before(next.Add(crlGrace)) {
			continue
		}
		if h.RefuseStaleCRL {
			return trust.ErrStaleCRL
		}
		if h.Log != nil && p.warned.CompareAndSwap(false, true) {
			h.Log.WarnContext(ctx, "a revocation list is out of date and is used nevertheless",
				"authority", distinguishedName(c.RawIssuer, ", ", " + "), "due", next)
		}
	}
	return nil
}

// poolsOf returns the pools of set, made once for each set.
func (h *Holders) poolsOf(set *trust.Set) (*pools, error) {
	if p := h.pools.Load(); p != nil && p.of == set {
		return p, nil
	}
	p := &pools{of: set, roots: x509.NewCertPool(), intermediates: x509.NewCertPool()}
	for _, der := range set.Roots {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("read root certificate: %w", err)
		}
		p.roots.AddCert(c)
	}
	for _, der := range set.Intermediates {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("read intermediate certificate: %w", err)
		}
		p.intermediates.AddCert(c)
	}
	h.pools.Store(p)
	return p, nil
}
