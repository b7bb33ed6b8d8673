package xmldsig

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"hash"
	"sync"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// Algorithms is what a verifier accepts. The zero value is the strict policy: RSA of 2048 to 4096 bits with the exponent 65537, signed with
// SHA-256, SHA-384 or SHA-512 over digests of these.
type Algorithms struct {
	SHA1       bool // also rsa-sha1 over SHA-1 digests
	MinRSABits int  // 0 means 2048
}

const (
	defaultRSABits = 2048
	maxRSABits     = 4096
	exponent       = 65537
	maxValue       = 1 << 10 // octets of a SignatureValue
)

// Verify checks the digest of every reference and then the signature value with key. Digests are computed once: trying another key costs
// only the RSA operation. Errors wrap one of the Err values.
func (s *Signature) Verify(key *rsa.PublicKey, a Algorithms) (Verified, error) {
	return s.verify(key, a, nil, Pinned{})
}

func (s *Signature) verify(key *rsa.PublicKey, a Algorithms, c *Cache, p Pinned) (Verified, error) {
	if s.tree == nil || s.age != s.tree.Age() {
		return Verified{}, structure("tree has been released")
	}
	if err := s.allowed(key, a); err != nil {
		return Verified{}, err
	}
	v := verifiers.Get().(*verifier)
	defer verifiers.Put(v)
	if err := v.digests(s); err != nil {
		return Verified{}, err
	}
	value, err := s.tree.Text(s.value)
	if err != nil {
		return Verified{}, structure("element in SignatureValue")
	}
	raw, ok := appendBase64(v.value[:0], value, maxValue)
	if !ok {
		return Verified{}, structure("SignatureValue is not base64")
	}
	out := Verified{tree: s.tree, age: s.age, key: key, count: s.count}
	var memo [32]byte
	if c != nil {
		memo = v.memo(s, p, raw)
	}
	if c == nil || !c.has(memo, p.Now) {
		sum := v.sum[:copy(v.sum[:], s.sum[:s.hash.Size()])]
		if err := rsa.VerifyPKCS1v15(key, s.hash, sum, raw); err != nil {
			return Verified{}, ErrValue
		}
		out.memo = memo
	}
	for i := range s.refs[:s.count] {
		out.nodes[i] = s.refs[i].target
	}
	if s.count == 1 {
		out.skip = s.refs[0].skip
	}
	return out, nil
}

// allowed checks the policy.
func (s *Signature) allowed(key *rsa.PublicKey, a Algorithms) error {
	legacy := s.hash == crypto.SHA1
	if legacy && !a.SHA1 {
		return algorithm("rsa-sha1")
	}
	for i := range s.refs[:s.count] {
		if (s.refs[i].hash == crypto.SHA1) != legacy {
			return algorithm("digest method of another generation than the signature method")
		}
	}
	least := a.MinRSABits
	if least == 0 {
		least = defaultRSABits
	}
	if key == nil || key.N == nil {
		return fmt.Errorf("%w: none", ErrKey)
	}
	if bits := key.N.BitLen(); bits < least || bits > maxRSABits {
		return fmt.Errorf("%w: RSA modulus of %d bits", ErrKey, bits)
	}
	if key.E != exponent {
		return fmt.Errorf("%w: RSA exponent", ErrKey)
	}
	return nil
}

// verifier is what one verification needs of memory.
type verifier struct {
	sha1, sha256, sha384, sha512 hash.Hash
	sum, want                    [64]byte
	value                        [maxValue]byte
	head                         [32 + 8 + 1 + 64]byte
}

// verifiers keeps them between verifications.
var verifiers = sync.Pool{New: func() any {
	return &verifier{sha1: sha1.New(), sha256: sha256.New(), sha384: sha512.New384(), sha512: sha512.New()}
}}

// digests checks the digest of every reference and computes the one of SignedInfo.
func (v *verifier) digests(s *Signature) error {
	if s.checked {
		return nil
	}
	for i := range s.refs[:s.count] {
		if err := v.reference(s, &s.refs[i]); err != nil {
			return err
		}
	}
	sum, err := v.digest(s, s.signedInfo, s.hash, c14n.Options{}, s.form)
	if err != nil {
		return err
	}
	copy(s.sum[:], sum)
	s.checked = true
	return nil
}

// reference checks the digest of one reference. For STR-Transform the digest may be that of the token with or without xmlns="" on its start
// tag: WSS4J writes it, as SOAP Message Security 1.1 (8.3) says, other libraries do not.
func (v *verifier) reference(s *Signature, r *reference) error {
	text, err := s.tree.Text(r.digest)
	if err != nil {
		return structure("element in DigestValue")
	}
	want, ok := appendBase64(v.want[:0], text, len(v.want))
	if !ok || len(want) != r.hash.Size() {
		return structure("DigestValue is not base64 of its length")
	}
	o := c14n.Options{Skip: r.skip, EmptyDefault: r.token}
	sum, err := v.digest(s, r.target, r.hash, o, r.form)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(sum, want) == 1 {
		return nil
	}
	if r.token {
		o.EmptyDefault = false
		if sum, err = v.digest(s, r.target, r.hash, o, r.form); err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(sum, want) == 1 {
			return nil
		}
	}
	return ErrDigest
}

// digest returns the digest of the canonical form of n. It is valid until the next call.
func (v *verifier) digest(s *Signature, n xmltree.Node, alg crypto.Hash, o c14n.Options, f form) ([]byte, error) {
	var h hash.Hash
	switch alg {
	case crypto.SHA1:
		h = v.sha1
	case crypto.SHA256:
		h = v.sha256
	case crypto.SHA384:
		h = v.sha384
	default:
		h = v.sha512
	}
	o.Method = f.method
	if inner := s.tree.First(f.element); inner != xmltree.None {
		o.PrefixList = s.attr(inner, "PrefixList")
	}
	h.Reset()
	if err := c14n.Write(h, s.tree, n, o); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStructure, err)
	}
	return h.Sum(v.sum[:0]), nil
}

// Verified is what a good signature covers. The zero value covers nothing. Once the tree is released it covers nothing either.
type Verified struct {
	tree  *xmltree.Tree
	age   uint64
	key   *rsa.PublicKey
	nodes [MaxReferences]xmltree.Node
	count int
	skip  xmltree.Node
	memo  [32]byte // what a Cache may know the signature value by; zero without a cache and where it knew
}

// Covers reports whether n and all octets in it were digested. An enveloped signature and what is in it are not covered.
func (v *Verified) Covers(n xmltree.Node) bool {
	if v.tree == nil || v.age != v.tree.Age() || n == xmltree.None || v.tree.Inside(n, v.skip) {
		return false
	}
	for _, top := range v.nodes[:v.count] {
		if v.tree.Inside(n, top) {
			return true
		}
	}
	return false
}

// Key returns the key that made the signature, or nil.
func (v *Verified) Key() *rsa.PublicKey { return v.key }
