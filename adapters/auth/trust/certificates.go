package trust

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/trust"
)

// ErrCertificate is returned for octets that are no X.509 certificate.
var ErrCertificate = errors.New("trust: not an X.509 certificate")

const (
	maxCertificate = 8 << 10 // octets of DER
	maxCached      = 1024    // certificates and keys each
)

// Certificate is a parsed certificate with the hashes it is known by. It is shared and must not be changed.
type Certificate struct {
	*x509.Certificate
	SHA256 [32]byte // of the DER
	SPKI   [32]byte // SHA-256 of the DER SubjectPublicKeyInfo
}

// RSA returns the certificate's key, nil if it is not RSA.
func (c *Certificate) RSA() *rsa.PublicKey {
	key, _ := c.PublicKey.(*rsa.PublicKey)
	return key
}

// Parsed keeps certificates and keys that were parsed before. The zero value is ready; safe for concurrent use.
type Parsed struct {
	mu           sync.RWMutex
	certificates map[[32]byte]*Certificate
	keys         map[[32]byte]*rsa.PublicKey
}

// Certificate parses der, at most 8 KiB. The error is ErrCertificate.
func (p *Parsed) Certificate(der []byte) (*Certificate, error) {
	if len(der) > maxCertificate {
		return nil, ErrCertificate
	}
	hash := sha256.Sum256(der)
	p.mu.RLock()
	c := p.certificates[hash]
	p.mu.RUnlock()
	if c != nil {
		return c, nil
	}
	parsed, err := x509.ParseCertificate(append([]byte(nil), der...))
	if err != nil {
		return nil, ErrCertificate
	}
	c = &Certificate{Certificate: parsed, SHA256: hash, SPKI: sha256.Sum256(parsed.RawSubjectPublicKeyInfo)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.certificates = keep(p.certificates, hash, c)
	return c, nil
}

// key parses the key of an anchor, nil if it is not RSA.
func (p *Parsed) key(a *trust.Anchor) *rsa.PublicKey {
	p.mu.RLock()
	key := p.keys[a.SPKI]
	p.mu.RUnlock()
	if key != nil {
		return key
	}
	parsed, err := x509.ParsePKIXPublicKey(a.Key)
	key, _ = parsed.(*rsa.PublicKey)
	if err != nil || key == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keep(p.keys, a.SPKI, key)
	return key
}

// keep adds to a map that starts afresh when it is full: who sends many certificates costs the others a parse, never memory.
func keep[V any](m map[[32]byte]V, hash [32]byte, v V) map[[32]byte]V {
	if m == nil || len(m) >= maxCached {
		m = make(map[[32]byte]V)
	}
	m[hash] = v
	return m
}

// Candidate is an anchor that may have signed, with its key.
type Candidate struct {
	Anchor *trust.Anchor
	Key    *rsa.PublicKey
}

// Candidates returns the keys, at most 4, that may have made a signature of the given use for issuer: the pinned key of the certificate
// embedded in the signature (nil where there is none), else those of the anchors with that issuer. Both now and the instant of issue must
// lie inside an anchor's window. The error is trust.ErrUntrusted, ErrWindow or ErrRevoked, or ErrCertificate.
func (p *Parsed) Candidates(s *trust.Set, use trust.Use, issuer string, embedded []byte, now, issued time.Time) ([]Candidate, error) {
	if embedded != nil {
		c, err := p.Certificate(embedded)
		if err != nil {
			return nil, err
		}
		a, err := s.Match(use, issuer, c.SPKI, now, issued)
		if err != nil {
			return nil, err
		}
		if c.RSA() == nil {
			return nil, trust.ErrUntrusted
		}
		return []Candidate{{a, c.RSA()}}, nil
	}
	anchors, err := s.Candidates(use, issuer, now, issued)
	if err != nil {
		return nil, err
	}
	var found []Candidate
	for _, a := range anchors {
		if key := p.key(a); key != nil {
			found = append(found, Candidate{a, key})
		}
	}
	if len(found) == 0 {
		return nil, trust.ErrUntrusted
	}
	return found, nil
}
