package dgws

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"github.com/opennsp/nsp/domain/trust"
)

// keyring is a set of anchors with its keys read once.
type keyring struct {
	set  *trust.Set
	keys map[[32]byte]*rsa.PublicKey // by SHA-256 of the SubjectPublicKeyInfo
}

// ring returns the keys of set, which are read again only when the set was replaced.
func (v *Verifier) ring(set *trust.Set) (*keyring, error) {
	if r := v.keys.Load(); r != nil && r.set == set {
		return r, nil
	}
	r := &keyring{set: set, keys: make(map[[32]byte]*rsa.PublicKey, len(set.Anchors))}
	for _, a := range set.Anchors {
		key, err := x509.ParsePKIXPublicKey(a.Key)
		if err != nil {
			return nil, fmt.Errorf("read key of trust anchor %s: %w", a.ID, err)
		}
		if rsaKey, ok := key.(*rsa.PublicKey); ok && sha256.Sum256(a.Key) == a.SPKI {
			r.keys[a.SPKI] = rsaKey
		}
	}
	v.keys.Store(r)
	return r, nil
}

// spkiOf returns the SHA-256 of the SubjectPublicKeyInfo of a DER certificate, found without reading the rest: the certificate only says
// which anchor to try.
func spkiOf(der []byte) (sum [32]byte, ok bool) {
	const (
		sequence = 0x30
		integer  = 0x02
		version  = 0xa0
	)
	certificate, _, ok1 := element(der, sequence)
	body, _, ok2 := element(certificate, sequence)
	if !ok1 || !ok2 {
		return sum, false
	}
	if _, rest, ok := element(body, version); ok {
		body = rest
	}
	// serialNumber, signature, issuer, validity, subject
	for _, tag := range [...]byte{integer, sequence, sequence, sequence, sequence} {
		if _, body, ok = element(body, tag); !ok {
			return sum, false
		}
	}
	_, rest, ok := element(body, sequence)
	if !ok {
		return sum, false
	}
	return sha256.Sum256(body[:len(body)-len(rest)]), true
}

// element splits der into the content of its first element, which must have the tag, and what follows it.
func element(der []byte, tag byte) (content, rest []byte, ok bool) {
	if len(der) < 2 || der[0] != tag {
		return nil, nil, false
	}
	size, at := int(der[1]), 2
	if size > 0x7f {
		octets := size & 0x7f
		if octets == 0 || octets > 3 || len(der) < 2+octets {
			return nil, nil, false
		}
		size = 0
		for _, b := range der[2 : 2+octets] {
			size = size<<8 | int(b)
		}
		at += octets
	}
	if len(der)-at < size {
		return nil, nil, false
	}
	return der[at : at+size], der[at+size:], true
}
