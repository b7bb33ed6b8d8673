package idwstest

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// KeyInfo is what the message signature says of its key.
type KeyInfo uint8

// The forms of KeyInfo.
const (
	Reference    KeyInfo = iota // SecurityTokenReference to the token by KeyIdentifier
	ByURI                       // likewise by wsse:Reference
	X509                        // certificate of Message.Named
	BinaryToken                 // SecurityTokenReference to a BinarySecurityToken with the certificate of Message.Named
	KeyNameAlone                // a name
	NoInfo                      // no KeyInfo
)

// Names of the parts of a message, for Message.Unreferenced.
const (
	Action    = "action"
	MessageID = "mid"
	To        = "to"
	ReplyTo   = "reply"
	FaultTo   = "faultto"
	RelatesTo = "relates"
	Framework = "framework"
	HSUID     = "hsuid"
	Timestamp = "ts"
	TokenSTR  = "str1"
	Body      = "body"
)

// Message is a message to be signed. What is "" is left out.
type Message struct {
	SOAP12                                             bool
	Action, MessageID, To, ReplyTo, FaultTo, RelatesTo string
	Framework                                          string // version
	FrameworkNS                                        string // "" = urn:liberty:sb
	HSUID                                              string // content of the HsuidHeader
	Created, Expires                                   string
	Token                                              []byte // the signed assertion
	TokenID                                            string
	Key                                                *Key // signs
	KeyInfo                                            KeyInfo
	Named                                              *Key     // whom KeyInfo names; nil = Key
	Unreferenced                                       []string // parts that the signature leaves out
	DirectToken                                        bool     // the token is referenced by its own id, without STR
	PlainSTR                                           bool     // the digest of the token is without xmlns=""
	SHA1                                               bool
	Extra                                              string // more headers, as they are
	Body                                               func(w *xmlout.Writer)
}

// Good is a good SOAP 1.1 message at the instant now, for the action OpenSession. sts signed the token, key is the holder's.
func Good(tk Token, sts, key *Key, now time.Time, body func(w *xmlout.Writer)) Message {
	return Message{
		Action: "OpenSession", MessageID: "urn:uuid:11111111-2222-4333-8444-555555555555", Created: stamp(now), Token: tk.Sign(sts), TokenID: tk.ID,
		Key: key, Body: body,
	}
}

// Bytes returns the signed envelope.
func (m Message) Bytes() []byte {
	doc, at := m.Unsigned()
	return m.Sign(doc, at)
}

// Unsigned returns the envelope without message signature, and the offset at which that goes.
func (m Message) Unsigned() (doc []byte, at int) {
	soap := "http://schemas.xmlsoap.org/soap/envelope/"
	if m.SOAP12 {
		soap = "http://www.w3.org/2003/05/soap-envelope"
	}
	var w xmlout.Writer
	w.Start("soap:Envelope", "xmlns:soap", soap, "xmlns:wsse", auth.NSSecurity, "xmlns:wsu", auth.NSUtility, "xmlns:wsa", auth.NSAddressing)
	w.Start("soap:Header")
	text := func(name, value, id string) {
		if value != "" {
			w.Elem(name, value, "wsu:Id", id)
		}
	}
	address := func(name, value, id string) {
		if value != "" {
			w.Start(name, "wsu:Id", id)
			w.Elem("wsa:Address", value)
			w.End()
		}
	}
	text("wsa:Action", m.Action, Action)
	text("wsa:MessageID", m.MessageID, MessageID)
	text("wsa:To", m.To, To)
	text("wsa:RelatesTo", m.RelatesTo, RelatesTo)
	address("wsa:ReplyTo", m.ReplyTo, ReplyTo)
	address("wsa:FaultTo", m.FaultTo, FaultTo)
	if m.Framework != "" {
		w.Start("sbf:Framework", "xmlns:sbf", orElse(m.FrameworkNS, auth.NSLiberty), "version", m.Framework, "wsu:Id", Framework)
		w.End()
	}
	if m.HSUID != "" {
		w.Start("hsuid:HsuidHeader", "xmlns:hsuid", auth.NSHSUID, "wsu:Id", HSUID)
		w.Raw([]byte(m.HSUID))
		w.End()
	}
	w.Raw([]byte(m.Extra))
	w.Start("wsse:Security", "soap:mustUnderstand", "1")
	if m.Created != "" {
		w.Start("wsu:Timestamp", "wsu:Id", Timestamp)
		w.Elem("wsu:Created", m.Created)
		if m.Expires != "" {
			w.Elem("wsu:Expires", m.Expires)
		}
		w.End()
	}
	w.Raw(m.Token)
	w.Raw([]byte(str(` wsu:Id="`+TokenSTR+`"`, m.TokenID)))
	if m.KeyInfo == BinaryToken {
		w.Elem("wsse:BinarySecurityToken", base64.StdEncoding.EncodeToString(m.named().Certificate), "wsu:Id", "bst",
			"EncodingType", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary",
			"ValueType", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3")
	}
	at = w.Len()
	w.End()
	w.End()
	w.Start("soap:Body", "wsu:Id", Body)
	m.Body(&w)
	w.End()
	w.End()
	return bytes.Clone(w.Bytes()), at
}

func (m Message) named() *Key {
	if m.Named != nil {
		return m.Named
	}
	return m.Key
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// str is a SecurityTokenReference to the assertion.
func str(attributes, id string) string {
	return `<wsse:SecurityTokenReference` + attributes + ` xmlns:wsse="` + auth.NSSecurity + `" xmlns:wsse11="` + auth.NSSecurity11 +
		`" wsse11:TokenType="http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0"><wsse:KeyIdentifier ` +
		`ValueType="http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID">` + id + `</wsse:KeyIdentifier></wsse:SecurityTokenReference>`
}

// Sign signs an envelope that was made otherwise, in the way that m asks for: every part that the envelope has an id for, but those that are
// left out.
func (m Message) Sign(doc []byte, at int) []byte {
	var parts []xmldsig.Part
	for _, id := range []string{Action, MessageID, To, RelatesTo, ReplyTo, FaultTo, Framework, HSUID, Timestamp, Body, TokenSTR} {
		if slices.Contains(m.Unreferenced, id) || !bytes.Contains(doc, []byte(`wsu:Id="`+id+`"`)) {
			continue
		}
		part := xmldsig.Part{ID: id, Token: id == TokenSTR}
		if id == TokenSTR && m.DirectToken {
			part = xmldsig.Part{ID: m.TokenID}
		}
		parts = append(parts, part)
	}
	signer := xmldsig.Signer{SHA1: m.SHA1, Sign: m.Key.Sign}
	byURI := func(uri string) []byte {
		return []byte(`<wsse:SecurityTokenReference xmlns:wsse="` + auth.NSSecurity + `"><wsse:Reference URI="#` + uri + `"/></wsse:SecurityTokenReference>`)
	}
	switch m.KeyInfo {
	case Reference:
		signer.KeyInfo = []byte(str("", m.TokenID))
	case ByURI:
		signer.KeyInfo = byURI(m.TokenID)
	case X509:
		signer.Certificate = m.named().Certificate
	case BinaryToken:
		signer.KeyInfo = byURI("bst")
	case KeyNameAlone:
		signer.KeyInfo = []byte(`<ds:KeyName xmlns:ds="` + auth.NSSignature + `">k</ds:KeyName>`)
	}
	signed := must(signer.SignMessage(doc, at, parts...))
	if m.PlainSTR {
		signed = m.plain(signed, len(parts))
	}
	return signed
}

// plain replaces the digest of the token, the last reference, by that of its plain canonical form, and signs again.
func (m Message) plain(signed []byte, references int) []byte {
	t := must(xmltree.Parse(signed, xmltree.DefaultLimits(len(signed))))
	defer t.Release()
	root := t.Root()
	security := t.Child(t.First(root), auth.NSSecurity, "Security")
	sum := digest(t, t.Child(security, auth.NSAssertion, "Assertion"))
	from := bytes.LastIndex(signed, []byte("<ds:SignedInfo>"))
	for range references {
		from += bytes.Index(signed[from:], []byte("<ds:DigestValue>")) + len("<ds:DigestValue>")
	}
	copy(signed[from:], base64.StdEncoding.EncodeToString(sum))

	again := must(xmltree.Parse(signed, xmltree.DefaultLimits(len(signed))))
	defer again.Release()
	security = again.Child(again.First(again.Root()), auth.NSSecurity, "Security")
	signature := again.Child(security, auth.NSSignature, "Signature")
	value := must(m.Key.Sign(crypto.SHA256, digest(again, again.First(signature))))
	open := "<ds:SignatureValue>"
	at := bytes.LastIndex(signed, []byte(open)) + len(open)
	end := at + strings.Index(string(signed[at:]), "<")
	return slices.Concat(signed[:at], []byte(base64.StdEncoding.EncodeToString(value)), signed[end:])
}

func digest(t *xmltree.Tree, n xmltree.Node) []byte {
	h := sha256.New()
	if err := c14n.Write(h, t, n, c14n.Options{}); err != nil {
		panic("idwstest: " + err.Error())
	}
	return h.Sum(nil)
}
