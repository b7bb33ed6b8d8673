package xmldsig

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// Signer makes signatures: rsa-sha256 over SHA-256 digests, exclusive canonical form.
type Signer struct {
	SHA1        bool   // rsa-sha1 over SHA-1 digests instead
	ID          string // attribute id of ds:Signature, "" for none
	Certificate []byte // DER for KeyInfo/X509Data, nil for none
	KeyInfo     []byte // children of ds:KeyInfo, with the namespaces they need declared, instead of Certificate
	// Sign returns the PKCS #1 v1.5 signature of a digest. It may be the call of a hardware module.
	Sign func(hash crypto.Hash, digest []byte) ([]byte, error)
}

// Part is one reference of a message signature.
type Part struct {
	ID string // value of the id attribute of the element, or of the SecurityTokenReference
	// Token asks for STR-Transform: the token that the SecurityTokenReference points to is signed, with xmlns="" on its start tag unless
	// it has a default namespace.
	Token bool
}

// SignEnveloped returns doc with a ds:Signature inserted at offset at, which is directly inside the element with the id ref: the offset of
// its end tag makes it the last child. doc is a whole document. The octets that are signed are those that were written: doc is parsed and
// canonicalised as a receiver does it.
func (s Signer) SignEnveloped(doc []byte, at int, ref string) ([]byte, error) {
	return s.sign(doc, at, []Part{{ID: ref}}, true)
}

// SignMessage returns doc with a ds:Signature over parts inserted at offset at, which is directly inside wsse:Security.
func (s Signer) SignMessage(doc []byte, at int, parts ...Part) ([]byte, error) {
	if len(parts) == 0 || len(parts) > MaxReferences {
		return nil, fmt.Errorf("sign message: %d references", len(parts))
	}
	return s.sign(doc, at, parts, false)
}

// sign writes the signature with empty digests, parses it where it will stand, and fills in the digests and the value.
func (s Signer) sign(doc []byte, at int, parts []Part, enveloped bool) ([]byte, error) {
	if at < 0 || at > len(doc) {
		return nil, fmt.Errorf("sign: offset %d of %d", at, len(doc))
	}
	alg := crypto.SHA256
	if s.SHA1 {
		alg = crypto.SHA1
	}
	skeleton, hole := s.skeleton(parts, enveloped, base64.StdEncoding.EncodeToString(make([]byte, alg.Size())))
	out := slices.Concat(doc[:at], skeleton, doc[at:])
	t, err := xmltree.Parse(out, xmltree.DefaultLimits(len(out)))
	if err != nil {
		return nil, fmt.Errorf("sign what was written: %w", err)
	}
	defer t.Release()
	sig, err := readWritten(t, at, enveloped)
	if err != nil {
		return nil, fmt.Errorf("sign what was written: %w", err)
	}
	v := verifiers.Get().(*verifier)
	defer verifiers.Put(v)
	for i := range sig.refs[:sig.count] {
		r := &sig.refs[i]
		sum, err := v.digest(&sig, r.target, r.hash, c14n.Options{Skip: r.skip, EmptyDefault: r.token}, r.form)
		if err != nil {
			return nil, fmt.Errorf("sign what was written: %w", err)
		}
		start, end := t.Range(r.digest)
		slot := out[start:end]
		base64.StdEncoding.Encode(slot[bytes.IndexByte(slot, '>')+1:], sum)
	}
	sum, err := v.digest(&sig, sig.signedInfo, alg, c14n.Options{}, sig.form)
	if err != nil {
		return nil, fmt.Errorf("sign what was written: %w", err)
	}
	raw, err := s.Sign(alg, bytes.Clone(sum))
	if err != nil {
		return nil, fmt.Errorf("sign digest: %w", err)
	}
	value := base64.StdEncoding.AppendEncode(nil, raw)
	return slices.Concat(out[:at+hole], value, out[at+hole:]), nil
}

// readWritten reads the signature that begins at offset at.
func readWritten(t *xmltree.Tree, at int, enveloped bool) (Signature, error) {
	n := t.Root()
	for c := t.First(n); c != xmltree.None; {
		switch start, end := t.Range(c); {
		case start == at:
			if enveloped {
				return ReadEnveloped(t, n)
			}
			return ReadMessage(t, n)
		case start < at && at < end:
			n, c = c, t.First(c)
		default:
			c = t.Next(c)
		}
	}
	return Signature{}, structure("no place for a signature")
}

// skeleton writes the signature with the given text in each DigestValue. hole is where the text of SignatureValue belongs.
func (s Signer) skeleton(parts []Part, enveloped bool, digest string) (written []byte, hole int) {
	signature, digestMethod := algRSASHA256, algSHA256
	if s.SHA1 {
		signature, digestMethod = algRSASHA1, algSHA1
	}
	var w xmlout.Writer
	w.Start("ds:Signature", "xmlns:ds", nsDS)
	if s.ID != "" {
		w.Attr("id", s.ID)
	}
	w.Start("ds:SignedInfo")
	w.Elem("ds:CanonicalizationMethod", "", "Algorithm", algExclusive)
	w.Elem("ds:SignatureMethod", "", "Algorithm", signature)
	for _, p := range parts {
		w.Start("ds:Reference", "URI", "#"+p.ID)
		w.Start("ds:Transforms")
		switch {
		case p.Token:
			w.Start("ds:Transform", "Algorithm", algSTR)
			w.Start("wsse:TransformationParameters", "xmlns:wsse", nsWSSE)
			w.Elem("ds:CanonicalizationMethod", "", "Algorithm", algExclusive)
			w.End()
			w.End()
		case enveloped:
			w.Elem("ds:Transform", "", "Algorithm", algEnveloped)
			fallthrough
		default:
			w.Elem("ds:Transform", "", "Algorithm", algExclusive)
		}
		w.End()
		w.Elem("ds:DigestMethod", "", "Algorithm", digestMethod)
		w.Elem("ds:DigestValue", digest)
		w.End()
	}
	w.End()
	w.Start("ds:SignatureValue")
	hole = w.Len()
	w.End()
	switch {
	case s.KeyInfo != nil:
		w.Start("ds:KeyInfo")
		w.Raw(s.KeyInfo)
		w.End()
	case s.Certificate != nil:
		w.Start("ds:KeyInfo")
		w.Start("ds:X509Data")
		w.Elem("ds:X509Certificate", base64.StdEncoding.EncodeToString(s.Certificate))
		w.End()
		w.End()
	}
	w.End()
	return w.Bytes(), hole
}
