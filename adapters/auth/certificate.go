package auth

import "crypto/sha256"

// Tags of DER.
const (
	tagInteger  = 0x02
	tagSequence = 0x30
	tagVersion  = 0xa0
)

// SPKI returns the SHA-256 of the SubjectPublicKeyInfo of a DER certificate, found without reading the rest: the certificate only says
// which key is meant.
func SPKI(der []byte) (sum [32]byte, ok bool) {
	certificate, _, ok1 := element(der, tagSequence)
	body, _, ok2 := element(certificate, tagSequence)
	if !ok1 || !ok2 {
		return sum, false
	}
	if _, rest, ok := element(body, tagVersion); ok {
		body = rest
	}
	// serialNumber, signature, issuer, validity, subject
	for _, tag := range [...]byte{tagInteger, tagSequence, tagSequence, tagSequence, tagSequence} {
		if _, body, ok = element(body, tag); !ok {
			return sum, false
		}
	}
	_, rest, ok := element(body, tagSequence)
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
