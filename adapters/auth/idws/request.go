package idws

import (
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// Namespaces of the SOAP envelope.
const (
	nsSOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	nsSOAP12 = "http://www.w3.org/2003/05/soap-envelope"
)

// Ids of the parts of a request.
const (
	idAction    = "action"
	idMessageID = "messageId"
	idTo        = "to"
	idFramework = "framework"
	idTimestamp = "timestamp"
	idReference = "str"
	idBody      = "body"
)

// Request is a message to be sent in the name of a token, signed with the key that the token is bound to.
type Request struct {
	SOAP12    bool      // else SOAP 1.1, with the Liberty framework header
	Created   time.Time // of the Timestamp, which ends five minutes later
	Token     []byte    // the signed saml:Assertion, which declares every prefix it uses
	Action    string
	MessageID string // such as urn:uuid:…
	To        string // "" = left out
	// Sign returns the PKCS #1 v1.5 signature of a digest, made with the key of the certificate in the token.
	Sign func(hash crypto.Hash, digest []byte) ([]byte, error)
	Body func(w *xmlout.Writer) // writes the one child of soap:Body; the prefixes soap, wsse, wsu and wsa are declared
}

// Bytes returns the signed envelope. The token goes in as it is, since its signature is over its octets; the message signature covers it by
// STR-Transform in the form of WSS4J.
func (r Request) Bytes() ([]byte, error) {
	id, err := tokenID(r.Token)
	if err != nil {
		return nil, err
	}
	soap := nsSOAP11
	if r.SOAP12 {
		soap = nsSOAP12
	}
	parts := []xmldsig.Part{{ID: idReference, Token: true}, {ID: idTimestamp}, {ID: idBody}, {ID: idMessageID}}
	var w xmlout.Writer
	header := func(id, name, text string) {
		w.Elem(name, text, "wsu:Id", id)
		parts = append(parts, xmldsig.Part{ID: id})
	}
	w.Start("soap:Envelope", "xmlns:soap", soap, "xmlns:wsse", auth.NSSecurity, "xmlns:wsu", auth.NSUtility, "xmlns:wsa", auth.NSAddressing)
	w.Start("soap:Header")
	w.Elem("wsa:MessageID", r.MessageID, "wsu:Id", idMessageID)
	if r.Action != "" {
		header(idAction, "wsa:Action", r.Action)
	}
	if r.To != "" {
		header(idTo, "wsa:To", r.To)
	}
	if !r.SOAP12 {
		w.Start("sbf:Framework", "xmlns:sbf", auth.NSLiberty, "version", framework20, "wsu:Id", idFramework)
		w.End()
		parts = append(parts, xmldsig.Part{ID: idFramework})
	}
	w.Start("wsse:Security", "soap:mustUnderstand", "1")
	w.Start("wsu:Timestamp", "wsu:Id", idTimestamp)
	w.Elem("wsu:Created", r.Created.UTC().Format(time.RFC3339))
	w.Elem("wsu:Expires", r.Created.Add(defaultSkew).UTC().Format(time.RFC3339))
	w.End()
	w.Raw(r.Token)
	writeReference(&w, id, "wsu:Id", idReference)
	at := w.Len()
	w.End()
	w.End()
	w.Start("soap:Body", "wsu:Id", idBody)
	r.Body(&w)
	w.End()
	w.End()

	var info xmlout.Writer
	writeReference(&info, id, "xmlns:wsse", auth.NSSecurity)
	out, err := xmldsig.Signer{KeyInfo: info.Bytes(), Sign: r.Sign}.SignMessage(w.Bytes(), at, parts...)
	if err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	return out, nil
}

// writeReference writes the SecurityTokenReference to the assertion with an id (SAML Token Profile 1.1, 3.4).
func writeReference(w *xmlout.Writer, id string, attrs ...string) {
	w.Start("wsse:SecurityTokenReference", append(attrs, "xmlns:wsse11", auth.NSSecurity11, "wsse11:TokenType", samlV2)...)
	w.Elem("wsse:KeyIdentifier", id, "ValueType", samlID)
	w.End()
}

var errNoToken = errors.New("the token is not a SAML 2.0 assertion with an ID")

func tokenID(assertion []byte) (string, error) {
	t, err := xmltree.Parse(assertion, xmltree.DefaultLimits(len(assertion)))
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	defer t.Release()
	id, _ := t.Attr(t.Root(), "", "ID")
	if id == "" || !t.Is(t.Root(), auth.NSAssertion, "Assertion") {
		return "", errNoToken
	}
	return id, nil
}
