// Package xmldsig verifies and makes the XML signatures of DGWS, IDWS and the national STS.
//
// It knows exactly the forms those profiles use and refuses every other: signatures enveloped in an assertion and WS-Security message
// signatures, RSA with PKCS #1 v1.5. Sources: XML Signature Syntax and Processing (W3C 2002-02-12), Web Services Security: SOAP Message
// Security 1.1, SAML Token Profile 1.1.
package xmldsig

import (
	"crypto"
	"errors"
	"fmt"

	"github.com/opennsp/nsp/adapters/xml/c14n"
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

func structure(rule string) error { return fmt.Errorf("%w: %s", ErrStructure, rule) }
func algorithm(what string) error { return fmt.Errorf("%w: %s", ErrAlgorithm, what) }

// MaxReferences is how many references a message signature may have.
const MaxReferences = 16

// Signature is a ds:Signature whose structure has been checked and whose references have been resolved. It belongs to the tree it was
// read from and to one goroutine. Nothing is verified before [Signature.Verify].
type Signature struct {
	tree       *xmltree.Tree
	age        uint64
	node       xmltree.Node
	security   xmltree.Node // the wsse:Security of a message signature
	signedInfo xmltree.Node
	value      xmltree.Node // ds:SignatureValue
	keyInfo    xmltree.Node
	form       form // of SignedInfo
	hash       crypto.Hash
	refs       [MaxReferences]reference
	count      int

	checked bool     // the digests match
	sum     [64]byte // the digest of SignedInfo, once checked
}

// form is how something is canonicalised.
type form struct {
	method  c14n.Method
	element xmltree.Node // CanonicalizationMethod or Transform, which may hold InclusiveNamespaces; None for the default
}

// reference is a ds:Reference.
type reference struct {
	target xmltree.Node // the element whose octets are digested; for STR-Transform the token
	digest xmltree.Node // ds:DigestValue
	skip   xmltree.Node // the enveloped signature
	form   form
	hash   crypto.Hash
	token  bool // STR-Transform
}

// ReadEnveloped reads the signature of an assertion: exactly one ds:Signature as direct child, with one Reference to the assertion's own
// id (which occurs once in the document) and the transforms enveloped-signature and exc-c14n or c14n. Errors wrap ErrStructure or
// ErrAlgorithm.
func ReadEnveloped(t *xmltree.Tree, assertion xmltree.Node) (Signature, error) {
	s := Signature{tree: t, age: t.Age()}
	if err := s.read(assertion); err != nil {
		return Signature{}, err
	}
	if s.count != 1 {
		return Signature{}, structure("not one Reference")
	}
	if s.refs[0].target != assertion { // which holds the signature: the transform enveloped-signature is there
		return Signature{}, structure("Reference to something else than the assertion")
	}
	return s, nil
}

// ReadMessage reads the message signature that is the one ds:Signature directly inside security: 1 to 16 References by ids that occur once
// in the document, each with the transform exc-c14n or c14n, with none (inclusive c14n), or with STR-Transform alone, which leads to the
// one Assertion or BinarySecurityToken in security. Errors wrap ErrStructure or ErrAlgorithm.
func ReadMessage(t *xmltree.Tree, security xmltree.Node) (Signature, error) {
	s := Signature{tree: t, age: t.Age(), security: security}
	if err := s.read(security); err != nil {
		return Signature{}, err
	}
	for i := range s.refs[:s.count] {
		if s.refs[i].skip != xmltree.None {
			return Signature{}, structure("enveloped-signature transform in a message signature")
		}
	}
	return s, nil
}

// read reads the one ds:Signature directly inside parent.
func (s *Signature) read(parent xmltree.Node) error {
	t := s.tree
	node, err := t.Only(parent, nsDS, "Signature")
	if err != nil {
		return structure("not one Signature")
	}
	s.node = node
	s.signedInfo = t.First(node)
	s.value = t.Next(s.signedInfo)
	s.keyInfo = t.Next(s.value)
	if !t.Is(s.signedInfo, nsDS, "SignedInfo") || !t.Is(s.value, nsDS, "SignatureValue") {
		return structure("SignedInfo and SignatureValue expected")
	}
	if s.keyInfo != xmltree.None && !t.Is(s.keyInfo, nsDS, "KeyInfo") || t.Next(s.keyInfo) != xmltree.None {
		return structure("something else than KeyInfo after SignatureValue")
	}
	method := t.First(s.signedInfo)
	if !t.Is(method, nsDS, "CanonicalizationMethod") {
		return structure("CanonicalizationMethod expected")
	}
	if s.form, err = s.readForm(method); err != nil {
		return err
	}
	signed := t.Next(method)
	if !t.Is(signed, nsDS, "SignatureMethod") {
		return structure("SignatureMethod expected")
	}
	if t.First(signed) != xmltree.None {
		return structure("parameters in SignatureMethod")
	}
	if s.hash = signatureHash(s.attr(signed, "Algorithm")); s.hash == 0 {
		return algorithm("signature method")
	}
	for r := t.Next(signed); r != xmltree.None; r = t.Next(r) {
		if s.count == MaxReferences {
			return structure("more References than allowed")
		}
		if s.refs[s.count], err = s.readReference(r); err != nil {
			return err
		}
		s.count++
	}
	if s.count == 0 {
		return structure("no Reference")
	}
	return nil
}

// attr returns an attribute without namespace, "" if there is none.
func (s *Signature) attr(n xmltree.Node, local string) string {
	v, _ := s.tree.Attr(n, "", local)
	return v
}

// readForm reads a CanonicalizationMethod, or a Transform that canonicalises.
func (s *Signature) readForm(n xmltree.Node) (form, error) {
	t := s.tree
	inner := t.First(n)
	switch s.attr(n, "Algorithm") {
	case algExclusive:
		if inner != xmltree.None && (!t.Is(inner, nsEC, "InclusiveNamespaces") || t.First(inner) != xmltree.None || t.Next(inner) != xmltree.None) {
			return form{}, structure("something else than InclusiveNamespaces in exc-c14n")
		}
		return form{c14n.Exclusive, n}, nil
	case algInclusive:
		if inner != xmltree.None {
			return form{}, structure("parameters of c14n")
		}
		return form{c14n.Inclusive, n}, nil
	}
	return form{}, algorithm("canonicalisation or transform")
}

// readReference reads a ds:Reference and resolves it.
func (s *Signature) readReference(n xmltree.Node) (r reference, err error) {
	t := s.tree
	if !t.Is(n, nsDS, "Reference") {
		return r, structure("something else than Reference in SignedInfo")
	}
	if _, typed := t.Attr(n, "", "Type"); typed {
		return r, structure("Reference with a Type")
	}
	if r.target, err = s.resolve(s.attr(n, "URI")); err != nil {
		return r, err
	}
	c := t.First(n)
	r.form.method = c14n.Inclusive
	if t.Is(c, nsDS, "Transforms") {
		if err := s.readTransforms(c, &r); err != nil {
			return r, err
		}
		c = t.Next(c)
	}
	r.digest = t.Next(c)
	if !t.Is(c, nsDS, "DigestMethod") || t.First(c) != xmltree.None || !t.Is(r.digest, nsDS, "DigestValue") || t.Next(r.digest) != xmltree.None {
		return r, structure("DigestMethod and DigestValue expected")
	}
	if r.hash = digestHash(s.attr(c, "Algorithm")); r.hash == 0 {
		return r, algorithm("digest method")
	}
	if t.Inside(s.node, r.target) && r.skip == xmltree.None {
		return r, structure("Reference to something that holds the signature, without enveloped-signature")
	}
	if t.Inside(r.target, s.node) {
		return r, structure("Reference into the signature")
	}
	return r, nil
}

// resolve returns the one element that carries the id a URI names.
func (s *Signature) resolve(uri string) (xmltree.Node, error) {
	if len(uri) < 2 || uri[0] != '#' {
		return xmltree.None, structure("Reference without a local id")
	}
	n, count := s.tree.ByID(uri[1:])
	if count != 1 {
		return xmltree.None, structure("Reference to an id that does not occur exactly once")
	}
	return n, nil
}

// readTransforms reads the transforms of r: enveloped-signature and a canonicalisation, a canonicalisation alone, or STR-Transform alone.
func (s *Signature) readTransforms(n xmltree.Node, r *reference) (err error) {
	t := s.tree
	c := t.First(n)
	if c == xmltree.None {
		return structure("empty Transforms")
	}
	for i := c; i != xmltree.None; i = t.Next(i) {
		if !t.Is(i, nsDS, "Transform") {
			return structure("something else than Transform in Transforms")
		}
	}
	switch s.attr(c, "Algorithm") {
	case algEnveloped:
		if t.First(c) != xmltree.None {
			return structure("parameters of enveloped-signature")
		}
		r.skip = s.node
		if c = t.Next(c); c == xmltree.None {
			return structure("enveloped-signature without canonicalisation")
		}
		r.form, err = s.readForm(c)
	case algSTR:
		r.token = true
		if r.form, err = s.readParameters(c); err == nil {
			r.target, err = s.dereference(r.target)
		}
	default:
		r.form, err = s.readForm(c)
	}
	if err == nil && t.Next(c) != xmltree.None {
		return structure("transform after the canonicalisation")
	}
	return err
}

// readParameters reads the wsse:TransformationParameters of an STR-Transform.
func (s *Signature) readParameters(transform xmltree.Node) (form, error) {
	t := s.tree
	p := t.First(transform)
	method := t.First(p)
	if !t.Is(p, nsWSSE, "TransformationParameters") || t.Next(p) != xmltree.None ||
		!t.Is(method, nsDS, "CanonicalizationMethod") || t.Next(method) != xmltree.None {
		return form{}, structure("TransformationParameters expected")
	}
	return s.readForm(method)
}
