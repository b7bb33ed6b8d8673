package xmldsig

import (
	"crypto"
	"slices"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// dereference returns the token that a wsse:SecurityTokenReference points to: the one Assertion, or a BinarySecurityToken, directly inside
// the same wsse:Security (WS-Security 1.1, 7.3 and 7.4).
func (s *Signature) dereference(str xmltree.Node) (xmltree.Node, error) {
	t := s.tree
	if s.security == xmltree.None || !t.Is(str, nsWSSE, "SecurityTokenReference") || !t.Inside(str, s.security) {
		return xmltree.None, structure("STR-Transform of something else than a SecurityTokenReference in Security")
	}
	pointer := t.First(str)
	if pointer == xmltree.None || t.Next(pointer) != xmltree.None {
		return xmltree.None, structure("SecurityTokenReference without one pointer")
	}
	var id string
	switch {
	case t.Is(pointer, nsWSSE, "KeyIdentifier"):
		text, err := t.Text(pointer)
		if err != nil || s.attr(pointer, "ValueType") != samlID {
			return xmltree.None, structure("KeyIdentifier that is not a SAML id")
		}
		id = "#" + trim(text)
	case t.Is(pointer, nsWSSE, "Reference"):
		id = s.attr(pointer, "URI")
	default:
		return xmltree.None, structure("SecurityTokenReference of another kind")
	}
	token, err := s.resolve(id)
	if err != nil {
		return xmltree.None, err
	}
	if t.Parent(token) != s.security {
		return xmltree.None, structure("token that is not in Security")
	}
	if t.Is(token, nsWSSE, "BinarySecurityToken") {
		return token, nil
	}
	if only, err := t.Only(s.security, nsSAML, "Assertion"); err != nil || only != token {
		return xmltree.None, structure("token that is not the one Assertion in Security")
	}
	return token, nil
}

// Node returns the ds:Signature element.
func (s *Signature) Node() xmltree.Node { return s.node }

// References returns how many references there are.
func (s *Signature) References() int { return s.count }

// Target returns the element that reference i digests; for STR-Transform the token.
func (s *Signature) Target(i int) xmltree.Node { return s.refs[:s.count][i].target }

// ThroughToken reports whether reference i is an STR-Transform: what it digests is the token that a SecurityTokenReference points to.
func (s *Signature) ThroughToken(i int) bool { return s.refs[:s.count][i].token }

// KeyName returns the text of KeyInfo/KeyName, or "".
func (s *Signature) KeyName() string {
	text, err := s.tree.Text(s.tree.Child(s.keyInfo, nsDS, "KeyName"))
	if err != nil {
		return ""
	}
	return text
}

// maxCertificate is the largest DER of a certificate, in octets.
const maxCertificate = 8 << 10

// Certificate returns the DER of the one ds:X509Certificate in KeyInfo/X509Data, at most 8 KiB. It is a hint, not a proof of anything.
func (s *Signature) Certificate() (der []byte, ok bool) { return s.AppendCertificate(nil) }

// AppendCertificate is Certificate with the memory for it: the DER is appended to dst.
func (s *Signature) AppendCertificate(dst []byte) (der []byte, ok bool) {
	data, err := s.tree.Only(s.keyInfo, nsDS, "X509Data")
	if err != nil {
		return nil, false
	}
	cert, err := s.tree.Only(data, nsDS, "X509Certificate")
	if err != nil {
		return nil, false
	}
	return s.decode(dst, cert)
}

// TokenReference returns the wsse:SecurityTokenReference in KeyInfo, or None.
func (s *Signature) TokenReference() xmltree.Node {
	return s.tree.Child(s.keyInfo, nsWSSE, "SecurityTokenReference")
}

// Token returns the element that TokenReference points to, the one Assertion or a BinarySecurityToken directly inside the wsse:Security of
// a message signature, or None.
func (s *Signature) Token() xmltree.Node {
	token, err := s.dereference(s.TokenReference())
	if err != nil {
		return xmltree.None
	}
	return token
}

// TokenCertificate returns the DER in the BinarySecurityToken that TokenReference points to, at most 8 KiB. It is a hint, not a proof of
// anything.
func (s *Signature) TokenCertificate() (der []byte, ok bool) {
	token := s.Token()
	if !s.tree.Is(token, nsWSSE, "BinarySecurityToken") || s.attr(token, "ValueType") != x509v3 {
		return nil, false
	}
	if encoding := s.attr(token, "EncodingType"); encoding != "" && encoding != base64Binary {
		return nil, false
	}
	return s.decode(nil, token)
}

func (s *Signature) decode(dst []byte, n xmltree.Node) ([]byte, bool) {
	return AppendDER(dst, s.tree, n)
}

// AppendDER appends the certificate that n holds in base64, at most 8 KiB of DER, to dst. It is a hint, not a proof of anything.
func AppendDER(dst []byte, t *xmltree.Tree, n xmltree.Node) (der []byte, ok bool) {
	text, err := t.Text(n)
	if err != nil || text == "" {
		return nil, false
	}
	der, ok = appendBase64(slices.Grow(dst, min(len(text)/4*3+3, maxCertificate)), text, maxCertificate)
	return der, ok && len(der) > len(dst)
}

// SHA1 reports whether the signature method or a digest uses SHA-1.
func (s *Signature) SHA1() bool {
	if s.hash == crypto.SHA1 {
		return true
	}
	for i := range s.refs[:s.count] {
		if s.refs[i].hash == crypto.SHA1 {
			return true
		}
	}
	return false
}
