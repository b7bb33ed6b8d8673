package idws

import (
	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// verifyMessage verifies the message signature with the holder's key, and that it covers every part it must at the very place it was read.
func (v *Verifier) verifyMessage(m *auth.Message, head headers, assertion xmltree.Node, h *holder) error {
	t := m.Tree
	if t.Child(m.Security, auth.NSSignature, "Signature") == xmltree.None {
		return refuse(errSignature, "no message signature")
	}
	sig, err := xmldsig.ReadMessage(t, m.Security)
	if err != nil {
		return auth.BadSignature(errSignature, err)
	}
	if !namesHolder(t, &sig, assertion, h) {
		return refuse(errSignature, "KeyInfo of another key")
	}
	verified, err := sig.Verify(h.key, xmldsig.Algorithms{MinRSABits: v.MinRSABits})
	if err != nil {
		return auth.BadSignature(errSignature, err)
	}
	for _, n := range [...]xmltree.Node{m.Body, head.timestamp, head.messageID, assertion} {
		if !verified.Covers(n) {
			return refuse(errUncovered, "part not covered")
		}
	}
	for _, n := range [...]xmltree.Node{head.action, head.to, head.relatesTo, head.replyTo, head.faultTo, head.framework, head.hsuid} {
		if n != xmltree.None && !verified.Covers(n) {
			return refuse(errUncovered, "header not covered")
		}
	}
	for i := range sig.References() {
		if sig.ThroughToken(i) && sig.Target(i) == assertion {
			return nil
		}
	}
	return refuse(errUncovered, "token not referenced")
}

// namesHolder tells whether KeyInfo, where there is one, names the holder's key: by its certificate, by a token with it or by the assertion
// that is bound to it. The signature is verified with the holder's key whatever KeyInfo says.
func namesHolder(t *xmltree.Tree, sig *xmldsig.Signature, assertion xmltree.Node, h *holder) bool {
	info := t.Child(sig.Node(), auth.NSSignature, "KeyInfo")
	if info == xmltree.None {
		return true
	}
	named := t.First(info)
	if named == xmltree.None || t.Next(named) != xmltree.None {
		return false
	}
	var der []byte
	var ok bool
	var buf [2 << 10]byte // certificates are shorter, as a rule
	switch {
	case t.Is(named, auth.NSSignature, "X509Data"):
		der, ok = sig.AppendCertificate(buf[:0])
	case t.Is(named, auth.NSSecurity, "SecurityTokenReference"):
		if sig.Token() == assertion {
			return true
		}
		der, ok = sig.TokenCertificate()
	}
	if !ok {
		return false
	}
	spki, ok := auth.SPKI(der)
	return ok && spki == h.spki
}
