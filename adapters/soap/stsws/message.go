package stsws

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// message is the frame of an exchange request (WS-Addressing and WS-Security). What is in it counts once its signature was verified.
type message struct {
	tree        *xmltree.Tree
	signature   xmldsig.Signature
	certificate []byte // DER of the certificate whose key is said to have signed; nil if there is no signature
	created     time.Time
	expires     time.Time // zero if there is none
	messageID   string
	parts       []xmltree.Node // what the signature must cover
}

// maxMessageID is the longest MessageID, in octets.
const maxMessageID = 256

// readMessage reads the headers around request, the one element in the Body. The error is an *auth.Refusal.
func readMessage(t *xmltree.Tree, request xmltree.Node) (m message, err error) {
	m.tree = t
	body := t.Parent(request)
	envelope := t.Parent(body)
	header, err := t.Only(envelope, t.Space(envelope), "Header")
	if err != nil {
		return m, refuse(errAddressing, "Header", err)
	}
	action, err := t.Only(header, nsAddressing10, "Action")
	if err != nil {
		return m, refuse(errAddressing, "Action", err)
	}
	if text, err := t.Text(action); err != nil || xsd.Collapse(text) != ActionExchange {
		return m, refuse(errAction, "Action", err)
	}
	id, err := t.Only(header, nsAddressing10, "MessageID")
	if err != nil {
		return m, refuse(errAddressing, "MessageID", err)
	}
	text, err := t.Text(id)
	if m.messageID = xsd.Collapse(text); err != nil || m.messageID == "" || len(m.messageID) > maxMessageID {
		return m, refuse(errAddressing, "MessageID", err)
	}
	m.parts = []xmltree.Node{body, action, id}
	switch to, err := t.Only(header, nsAddressing10, "To"); {
	case err == nil:
		m.parts = append(m.parts, to)
	case errors.Is(err, xmltree.ErrDuplicate):
		return m, refuse(errAddressing, "To", err)
	}
	security := t.Child(header, auth.NSSecurity, "Security")
	if t.Child(security, auth.NSSignature, "Signature") == xmltree.None {
		return m, nil
	}
	return m, m.readSecurity(security)
}

// readSecurity reads the Timestamp and the signature.
func (m *message) readSecurity(security xmltree.Node) (err error) {
	t := m.tree
	stamp, err := t.Only(security, auth.NSUtility, "Timestamp")
	if err != nil {
		return refuse(errSecurity, "Timestamp", err)
	}
	m.parts = append(m.parts, stamp)
	if m.created, err = instantIn(t, stamp, "Created"); err != nil {
		return refuse(errTimestamp, "Timestamp", err)
	}
	if m.expires, err = instantIn(t, stamp, "Expires"); err != nil && !errors.Is(err, xmltree.ErrMissing) {
		return refuse(errExpires, "Timestamp", err)
	}
	if m.signature, err = xmldsig.ReadMessage(t, security); err != nil {
		return auth.BadSignature(errEnvelope, err)
	}
	var ok bool
	if m.signature.TokenReference() != xmltree.None {
		m.certificate, ok = m.signature.TokenCertificate()
	} else {
		m.certificate, ok = m.signature.Certificate()
	}
	if !ok {
		return refuse(errEnvelope, "no certificate", nil)
	}
	return nil
}

var errInstant = errors.New("stsws: not a time with a zone")

// instantIn returns the time in the one child of a Timestamp.
func instantIn(t *xmltree.Tree, stamp xmltree.Node, local string) (time.Time, error) {
	text, err := only(t, stamp, auth.NSUtility, local)
	if err != nil {
		return time.Time{}, err
	}
	d, err := xsd.ParseDateTime(text)
	at, zoned := d.UTC()
	if err != nil || !zoned {
		return time.Time{}, errInstant
	}
	return at, nil
}

// verify requires that the signature was made with the key of the certificate and covers all parts of the message. That the certificate is
// worth anything is for the token service to judge.
func (m *message) verify(a xmldsig.Algorithms) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(m.certificate)
	if err != nil {
		return nil, refuse(errEnvelope, "certificate unreadable", nil)
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, refuse(errEnvelope, "key is not RSA", nil)
	}
	verified, err := m.signature.Verify(key, a)
	if err != nil {
		return nil, auth.BadSignature(errEnvelope, err)
	}
	for _, part := range m.parts {
		if !verified.Covers(part) {
			return nil, refuse(errEnvelope, "part not covered", nil)
		}
	}
	return c, nil
}

// callerOf is the holder of a certificate of which nothing but the possession of the key was checked. That it is a person or a system is
// only said: the token service judges the certificate.
func callerOf(env *soap.Envelope, c *x509.Certificate) identity.Caller {
	caller := identity.Caller{Kind: identity.System, Credential: identity.Credential{
		Scheme: identity.Certificate, X509Subject: authtrust.SubjectText(c), Signer: sha256.Sum256(c.Raw),
	}}
	if env.Addr.IsValid() {
		caller.Addr = env.Addr.String()
	}
	if authtrust.Subject(c).Class == trust.MOCES {
		caller.Kind = identity.Professional
	}
	return caller
}

// signerFor returns what signs with the key for use.
func signerFor(ctx context.Context, s ports.Signer, use trust.Use) xmldsig.Signer {
	return xmldsig.Signer{
		Certificate: raw(s.Certificate(use)),
		Sign: func(hash crypto.Hash, digest []byte) ([]byte, error) {
			return s.Sign(ctx, use, hash, digest)
		},
	}
}

// envelopeOf is a message with WS-Addressing headers and a signature over all of it.
type envelopeOf struct {
	action, messageID string
	relatesTo         string // "" is left out
	created           time.Time
	body              func(w *xmlout.Writer)
}

// signed writes the message; start opens its envelope and declares soap, wsse and wsu. Without a signer there is no Security header.
func (e *envelopeOf) signed(start func(w *xmlout.Writer), s *xmldsig.Signer) ([]byte, error) {
	var w xmlout.Writer
	start(&w)
	parts := []xmldsig.Part{{ID: "action"}, {ID: "mid"}, {ID: "ts"}, {ID: "body"}}
	w.Start("soap:Header", "xmlns:wsa", nsAddressing10)
	w.Elem("wsa:Action", e.action, "wsu:Id", "action")
	w.Elem("wsa:MessageID", e.messageID, "wsu:Id", "mid")
	if e.relatesTo != "" {
		w.Elem("wsa:RelatesTo", e.relatesTo, "wsu:Id", "rel")
		parts = append(parts, xmldsig.Part{ID: "rel"})
	}
	var at int
	if s != nil {
		w.Start("wsse:Security", "mustUnderstand", "1")
		w.Start("wsu:Timestamp", "wsu:Id", "ts")
		w.Elem("wsu:Created", e.created.UTC().Format(time.RFC3339))
		w.End()
		at = w.Len()
		w.End()
	}
	w.End()
	w.Start("soap:Body", "wsu:Id", "body")
	e.body(&w)
	w.End()
	w.End()
	if s == nil {
		return w.Bytes(), nil
	}
	doc, err := s.SignMessage(w.Bytes(), at, parts...)
	if err != nil {
		return nil, fmt.Errorf("sign message: %w", err)
	}
	return doc, nil
}
