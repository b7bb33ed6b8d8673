package idws

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// Why an answer is not believed.
var (
	ErrUnsigned = errors.New("idws: the answer is not signed")
	ErrAnswer   = errors.New("idws: the answer is not the service's answer to this request")
)

// Answers is how a client checks answers: who may sign them. It is safe for concurrent use.
type Answers struct {
	Keys [][32]byte // SHA-256 of the SubjectPublicKeyInfo of each service certificate that is pinned
	Now  func() time.Time
}

// Check verifies the signature of an answer or fault to the request with messageID: made by a pinned key, over Body, Timestamp and the
// addressing headers. It is ErrUnsigned where there is no signature, otherwise errors wrap ErrAnswer or what the signature fails with.
func (a Answers) Check(t *xmltree.Tree, messageID string) error {
	root := t.Root()
	space := t.Space(root)
	header, err1 := t.Only(root, space, "Header")
	body, err2 := t.Only(root, space, "Body")
	security := t.Child(header, auth.NSSecurity, "Security")
	if security == xmltree.None || t.Child(security, auth.NSSignature, "Signature") == xmltree.None {
		return ErrUnsigned
	}
	_, err3 := t.Only(header, auth.NSSecurity, "Security")
	stamp, err4 := t.Only(security, auth.NSUtility, "Timestamp")
	head, err5 := findHeaders(t, header)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return errors.Join(ErrAnswer, err)
	}
	sig, err := xmldsig.ReadMessage(t, security)
	if err != nil {
		return err
	}
	key := a.signer(&sig)
	if key == nil {
		return errors.Join(ErrAnswer, errors.New("its signer is not pinned"))
	}
	verified, err := sig.Verify(key, xmldsig.Algorithms{})
	if err != nil {
		return err
	}
	for _, n := range [...]xmltree.Node{body, stamp, head.messageID, head.relatesTo, head.action} {
		if !verified.Covers(n) {
			return errors.Join(ErrAnswer, errors.New("its signature does not cover all that it must"))
		}
	}
	if related, err := headerText(t, head.relatesTo); err != nil || related != messageID {
		return errors.Join(ErrAnswer, errors.New("it relates to another message"))
	}
	if err := checkTimestamp(t, stamp, a.Now(), defaultSkew); err != nil {
		return errors.Join(ErrAnswer, err)
	}
	return nil
}

// signer returns the pinned key that the signature names by its BinarySecurityToken or certificate, nil if it is not pinned.
func (a Answers) signer(sig *xmldsig.Signature) *rsa.PublicKey {
	der, ok := sig.TokenCertificate()
	if !ok {
		if der, ok = sig.Certificate(); !ok {
			return nil
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil || !slices.Contains(a.Keys, sha256.Sum256(certificate.RawSubjectPublicKeyInfo)) {
		return nil
	}
	key, _ := certificate.PublicKey.(*rsa.PublicKey)
	return key
}
