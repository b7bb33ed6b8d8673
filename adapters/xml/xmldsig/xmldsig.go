// Package xmldsig verifies and makes the XML signatures of DGWS, IDWS and the national STS.
//
// It knows exactly the forms those profiles use and refuses every other: signatures enveloped in an assertion and WS-Security message
// signatures, RSA with PKCS #1 v1.5. Sources: XML Signature Syntax and Processing (W3C 2002-02-12), Web Services Security: SOAP Message
// Security 1.1, SAML Token Profile 1.1.
package xmldsig

import (
	"crypto"
	"crypto/rsa"
	"errors"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// Why a signature is refused. All of them mean the same to the caller (invalid signature); they tell the cases apart in a log.
var (
	ErrStructure = errors.New("xmldsig: signature has a form that is not accepted")
	ErrAlgorithm = errors.New("xmldsig: algorithm is not accepted")
	ErrKey       = errors.New("xmldsig: key is not accepted")
	ErrDigest    = errors.New("xmldsig: digest does not match")
	ErrValue     = errors.New("xmldsig: signature value does not match")
)

// Algorithms is what a verifier accepts. The zero value is the strict policy: RSA of 2048 to 4096 bits with SHA-256, SHA-384 or SHA-512.
type Algorithms struct {
	SHA1       bool // also rsa-sha1 with SHA-1 digests
	MinRSABits int  // 0 means 2048
}

// Signature is a ds:Signature whose structure has been checked and whose references have been resolved. It belongs to the tree it was
// read from. Nothing is verified before [Signature.Verify].
type Signature struct {
	tree *xmltree.Tree
	node xmltree.Node
}

// ReadEnveloped reads the signature of an assertion: exactly one ds:Signature as direct child, with one Reference to the assertion's own
// id (which occurs once in the document) and the transforms enveloped-signature and exc-c14n or c14n.
func ReadEnveloped(t *xmltree.Tree, assertion xmltree.Node) (Signature, error) {
	return Signature{}, ErrStructure
}

// ReadMessage reads the message signature that is a direct child of security: 1 to 16 References by id, each with the transform exc-c14n
// or c14n, with none (inclusive c14n), or with STR-Transform alone.
func ReadMessage(t *xmltree.Tree, security xmltree.Node) (Signature, error) {
	return Signature{}, ErrStructure
}

// Node returns the ds:Signature element.
func (s *Signature) Node() xmltree.Node { return s.node }

// Certificate returns the DER of the one ds:X509Certificate in KeyInfo/X509Data. It is a hint, not a proof of anything.
func (s *Signature) Certificate() (der []byte, ok bool) { return nil, false }

// KeyName returns the text of KeyInfo/KeyName, or "".
func (s *Signature) KeyName() string { return "" }

// SHA1 reports whether the signature method or a digest uses SHA-1.
func (s *Signature) SHA1() bool { return false }

// TokenReference returns the wsse:SecurityTokenReference in KeyInfo, or None.
func (s *Signature) TokenReference() xmltree.Node { return xmltree.None }

// Token returns the element TokenReference points to, an Assertion or a BinarySecurityToken that is a child of the same wsse:Security, or None.
func (s *Signature) Token() xmltree.Node { return xmltree.None }

// Verify checks the digest of every reference and then the signature value with key. Errors wrap one of the Err values.
func (s *Signature) Verify(key *rsa.PublicKey, a Algorithms) (Verified, error) {
	return Verified{}, ErrStructure
}

// Verified is what a good signature covers. The zero value covers nothing.
type Verified struct{ key *rsa.PublicKey }

// Covers reports whether all octets of n were digested. The enveloped signature itself is not covered.
func (v *Verified) Covers(n xmltree.Node) bool { return false }

// Key returns the key that made the signature, or nil.
func (v *Verified) Key() *rsa.PublicKey { return v.key }

// Signer makes signatures.
type Signer struct {
	SHA1        bool   // rsa-sha1 with SHA-1 instead of rsa-sha256 with SHA-256
	ID          string // id attribute of ds:Signature, or ""
	Certificate []byte // DER for KeyInfo/X509Data, or nil
	KeyInfo     []byte // the children of ds:KeyInfo ready-made, instead of Certificate
	Sign        func(hash crypto.Hash, digest []byte) ([]byte, error)
}

// SignEnveloped returns doc with a ds:Signature inserted at offset at, which must be directly inside the element with the id ref (as its last
// child: the offset of its end tag). It signs what it wrote.
func (s Signer) SignEnveloped(doc []byte, at int, ref string) ([]byte, error) { return nil, ErrStructure }

// Part is one reference of a message signature.
type Part struct {
	ID    string // value of the id attribute of the element, or of the SecurityTokenReference
	Token bool   // STR-Transform: the token that the SecurityTokenReference points to is signed
}

// SignMessage returns doc with a ds:Signature over parts inserted at offset at, which must be directly inside wsse:Security.
func (s Signer) SignMessage(doc []byte, at int, parts ...Part) ([]byte, error) {
	return nil, ErrStructure
}
