package attack

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/tests/nsptest"
)

// Keys of who holds tokens: the portal of the good messages, another organisation's that is as good, and the attacker's.
var (
	portal   = sync.OnceValue(func() *idwstest.Key { return idwstest.NewKey(2048, "Test portal") })
	epj      = sync.OnceValue(func() *idwstest.Key { return idwstest.NewKey(2048, "Test EPJ") })
	attacker = sync.OnceValue(func() *idwstest.Key { return idwstest.KeyOf(stranger().Key, "Test portal") })
)

// kit makes IDWS messages for a door.
type kit struct {
	sts      *idwstest.Key // signs tokens
	issuer   string
	audience string
	to       string // ends with the path of the service
	soap12   bool
}

func (r *router) kit() kit {
	return kit{sts: idwstest.KeyOf(federation().Key, "Test STS"), issuer: dgwstest.Issuer, audience: idwstest.Audience, to: "http://nsp.test/test/service"}
}

// token is a citizen's token that portal holds.
func (k kit) token() idwstest.Token {
	return k.of(idwstest.CitizenToken(start.Add(-time.Minute), portal()))
}

// other is a doctor's token that epj holds.
func (k kit) other() idwstest.Token {
	return k.of(idwstest.ProfessionalToken(start.Add(-time.Minute), epj()))
}

func (k kit) of(tk idwstest.Token) idwstest.Token {
	tk.Issuer, tk.Audiences = k.issuer, []string{k.audience}
	return tk
}

// message is a good message of the citizen, with every header that a signature must cover where it is there.
func (k kit) message() idwstest.Message { return k.with(k.token(), portal()) }

func (k kit) with(tk idwstest.Token, key *idwstest.Key) idwstest.Message {
	m := idwstest.Good(tk, k.sts, key, start, func(w *xmlout.Writer) { w.Raw([]byte(openBody)) })
	m.SOAP12, m.MessageID, m.To, m.ReplyTo = k.soap12, "urn:uuid:"+nsptest.NewMessageID(), k.to, "http://www.w3.org/2005/08/addressing/anonymous"
	m.Framework, m.Expires = "2.0", start.Add(5*time.Minute).Format(time.RFC3339)
	return m
}

// good is a good message, signed.
func (k kit) good() string { return string(k.message().Bytes()) }

// altered is a good message after edits of what is signed, which its holder signs anew.
func (k kit) altered(t testing.TB, edits ...string) string {
	t.Helper()
	m := k.message()
	doc, at := m.Unsigned()
	text, mark := string(doc), "<!--here-->"
	text = text[:at] + mark + text[at:]
	for i := 0; i < len(edits); i += 2 {
		text = swap(t, text, edits[i], edits[i+1])
	}
	at = strings.Index(text, mark)
	return string(m.Sign([]byte(strings.Replace(text, mark, "", 1)), at))
}

// signing is a message whose holder signed the parts with these ids as they stand, none through a reference.
func (k kit) signing(ids ...string) string {
	m := k.message()
	doc, at := m.Unsigned()
	var parts []xmldsig.Part
	for _, id := range ids {
		parts = append(parts, xmldsig.Part{ID: id})
	}
	signed, err := xmldsig.Signer{Certificate: m.Key.Certificate, Sign: m.Key.Sign}.SignMessage(doc, at, parts...)
	if err != nil {
		panic(err)
	}
	return string(signed)
}

// resigned is a good message with a token that the token service signed after edits of it.
func (k kit) resigned(t testing.TB, edits ...string) string {
	t.Helper()
	tk := k.token()
	assertion, at := tk.Unsigned()
	text, mark := string(assertion), "<!--here-->"
	text = text[:at] + mark + text[at:]
	for i := 0; i < len(edits); i += 2 {
		text = swap(t, text, edits[i], edits[i+1])
	}
	at = strings.Index(text, mark)
	m := k.message()
	m.Token = tk.SignAssertion(k.sts, []byte(strings.Replace(text, mark, "", 1)), at)
	return string(m.Bytes())
}

// tokenAttack is one attack with an IDWS message.
type tokenAttack struct {
	name  string
	build func(t testing.TB, k kit) string
	want  []string // as in attack
}

func (a tokenAttack) run(t *testing.T, d door, k kit) {
	t.Run(a.name, func(t *testing.T) {
		for _, k.soap12 = range []bool{false, true} {
			v := d.send(t, []byte(a.build(t, k)))
			if !slices.Equal(a.want, accepted) {
				refused(t, v, a.want...)
				continue
			}
			original := d.send(t, []byte(k.good()))
			require.Len(t, original.ran, 1, "the original is good: %s", original.body)
			require.Len(t, v.ran, 1, "%s", v.body)
			original.ran[0].caller.MessageID = v.ran[0].caller.MessageID // each message has its own
			harmless(t, v, original.ran[0])
		}
	})
}

// tokenAttacks are attacks on an IDWS message, one by one.
func tokenAttacks() []tokenAttack {
	return slices.Concat(holderAttacks(), coverAttacks(), contentAttacks(), referenceAttacks())
}

func TestTokenAttacks(t *testing.T) {
	t.Parallel()
	r := newRouter()
	for _, a := range tokenAttacks() {
		a.run(t, r, r.kit())
	}
}

func TestTokenAttacksOnAServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, map[string]string{"limits.failed_security_per_minute": "0"})
	for _, a := range tokenAttacks() {
		a.run(t, s, s.kit())
	}
	s.Stop()
	noSecrets(t, s)
}

// changed makes an attack of a change of a good message before it is signed.
func changed(change func(k kit, m *idwstest.Message)) func(testing.TB, kit) string {
	return func(_ testing.TB, k kit) string {
		m := k.message()
		change(k, &m)
		return string(m.Bytes())
	}
}

// tokenOf makes an attack of a change of the token before the token service signs it.
func tokenOf(change func(k kit, tk *idwstest.Token)) func(testing.TB, kit) string {
	return func(_ testing.TB, k kit) string {
		tk := k.token()
		change(k, &tk)
		return string(k.with(tk, portal()).Bytes())
	}
}

// holderAttacks present a token without its key, or a key without its token.
func holderAttacks() []tokenAttack {
	signature, card, certificate := []string{fault.CodeSignature}, []string{fault.CodeIDCard}, []string{fault.CodeCertificate}
	stolen := func(info idwstest.KeyInfo, named func() *idwstest.Key) func(testing.TB, kit) string {
		return changed(func(_ kit, m *idwstest.Message) {
			m.Key, m.KeyInfo = attacker(), info
			if named != nil {
				m.Named = named()
			}
		})
	}
	bad := func(tk func(k kit) idwstest.Token, sts func(k kit) *idwstest.Key) func(testing.TB, kit) string {
		return func(_ testing.TB, k kit) string {
			m := k.with(tk(k), attacker())
			m.Token = tk(k).Sign(sts(k))
			return string(m.Bytes())
		}
	}
	mine := func(k kit) idwstest.Token { tk := k.token(); tk.Holder = attacker().Certificate; return tk }
	return []tokenAttack{
		{"SA-39 stolen token, signed by another key, KeyInfo to the token", stolen(idwstest.Reference, nil), signature},
		{"SA-39 stolen token, KeyInfo by URI", stolen(idwstest.ByURI, nil), signature},
		{"SA-39 stolen token, KeyInfo with the attacker's certificate", stolen(idwstest.X509, attacker), signature},
		{"SA-39 stolen token, KeyInfo with the holder's certificate", stolen(idwstest.X509, portal), signature},
		{"SA-39 stolen token, BinarySecurityToken of the attacker", stolen(idwstest.BinaryToken, attacker), signature},
		{"SA-39 stolen token, BinarySecurityToken of the holder", stolen(idwstest.BinaryToken, portal), signature},
		{"SA-39 stolen token, KeyInfo with a name", stolen(idwstest.KeyNameAlone, nil), signature},
		{"SA-39 stolen token, no KeyInfo", stolen(idwstest.NoInfo, nil), signature},
		{"SA-39 own key, BinarySecurityToken of another", changed(func(_ kit, m *idwstest.Message) { m.KeyInfo, m.Named = idwstest.BinaryToken, epj() }), signature},
		{"SA-39 own key, certificate of another", changed(func(_ kit, m *idwstest.Message) { m.KeyInfo, m.Named = idwstest.X509, epj() }), signature},
		{"SA-39 stolen token, message of its thief's own good token", func(t testing.TB, k kit) string {
			thief := string(k.with(k.other(), epj()).Bytes())
			return swap(t, thief, element(t, thief, "saml:Assertion"), string(k.token().Sign(k.sts)))
		}, signature},
		{"SA-39 message signature of another good message", func(t testing.TB, k kit) string {
			a, b := k.good(), k.good()
			return swap(t, a, messageSignature(t, a), messageSignature(t, b))
		}, signature},
		{"SA-39 message signature removed", func(t testing.TB, k kit) string { m := k.good(); return swap(t, m, messageSignature(t, m), "") }, signature},
		{"SA-39 message signature removed, token's signature in its place", func(t testing.TB, k kit) string {
			m := k.good()
			return swap(t, m, messageSignature(t, m), element(t, m, "ds:Signature"))
		}, signature},
		{"SA-39 message signature in a header of its own", func(t testing.TB, k kit) string {
			m := k.good()
			s := messageSignature(t, m)
			return swap(t, swap(t, m, s, ""), "</soap:Header>", s+"</soap:Header>")
		}, signature},
		{"SA-39 message signature inside the Timestamp", func(t testing.TB, k kit) string {
			m := k.good()
			s := messageSignature(t, m)
			return swap(t, swap(t, m, s, ""), "</wsu:Timestamp>", s+"</wsu:Timestamp>")
		}, signature},
		{"SA-39 two message signatures, the attacker's last", func(t testing.TB, k kit) string {
			m := k.message()
			m.Key = attacker()
			good := k.good()
			return swap(t, good, "</wsse:Security>", messageSignature(t, string(m.Bytes()))+"</wsse:Security>")
		}, signature},
		{"SA-39 two message signatures, the attacker's first", func(t testing.TB, k kit) string {
			m := k.message()
			m.Key = attacker()
			good := k.good()
			return swap(t, good, messageSignature(t, good), messageSignature(t, string(m.Bytes()))+messageSignature(t, good))
		}, signature},

		{"SA-26 token of the attacker's own making", bad(mine, func(kit) *idwstest.Key { return attacker() }), certificate},
		{"SA-26 token of the attacker's own making without KeyInfo", bad(func(k kit) idwstest.Token { tk := mine(k); tk.NoKeyInfo = true; return tk }, func(kit) *idwstest.Key { return attacker() }), signature},
		{"SA-26 token signed by its holder", bad(func(k kit) idwstest.Token { tk := k.token(); tk.Holder = epj().Certificate; return tk }, func(kit) *idwstest.Key { return epj() }), certificate},
		{"SA-26 token of another issuer, signed by the pinned key", bad(func(k kit) idwstest.Token { tk := mine(k); tk.Issuer = "https://other"; return tk }, func(k kit) *idwstest.Key { return k.sts }), certificate},
		{"SA-26 own key, token's holder replaced after it was signed", func(t testing.TB, k kit) string {
			m := k.message()
			m.Key = attacker()
			m.Token = []byte(strings.Replace(string(m.Token), holderText(k.token()), holderText(mine(k)), 1))
			return string(m.Bytes())
		}, signature},
		{"SA-39 bearer token", tokenOf(func(_ kit, tk *idwstest.Token) { tk.Method = idwstest.Bearer }), card},
		{"SA-39 sender-vouches", tokenOf(func(_ kit, tk *idwstest.Token) { tk.Method = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches" }), card},
		{"SA-39 no method", tokenOf(func(_ kit, tk *idwstest.Token) { tk.Method = "" }), card},
		{"SA-39 holder-of-key without a key", tokenOf(func(_ kit, tk *idwstest.Token) { tk.Holder = nil }), card},
		{"SA-39 holder's certificate unreadable", tokenOf(func(_ kit, tk *idwstest.Token) { tk.Holder = []byte("0123456789") }), card},
		{"SA-39 holder's key too short", func(_ testing.TB, k kit) string {
			short := dgwstest.New(1024)
			key := idwstest.KeyOf(short.Key, "short")
			tk := k.token()
			tk.Holder = key.Certificate
			return string(k.with(tk, key).Bytes())
		}, signature},
		{"SA-34 token by rsa-sha1", tokenOf(func(_ kit, tk *idwstest.Token) { tk.SHA1 = true }), signature},
		{"SA-34 message by rsa-sha1", changed(func(_ kit, m *idwstest.Message) { m.SHA1 = true }), signature},
		{"SA-39 two confirmations", func(t testing.TB, k kit) string {
			return k.resigned(t, "<saml:SubjectConfirmation ", `<saml:SubjectConfirmation Method="`+idwstest.Bearer+`"/><saml:SubjectConfirmation `)
		}, card},
		{"SA-39 two certificates of the holder", func(t testing.TB, k kit) string {
			mine := holderText(mine(k))
			return k.resigned(t, "</ds:X509Certificate>", "</ds:X509Certificate><ds:X509Certificate>"+mine+"</ds:X509Certificate>")
		}, card},
		{"SA-39 certificate outside of the confirmation", func(t testing.TB, k kit) string {
			return k.resigned(t, "<saml:SubjectConfirmationData>", "<saml:Extension>", "</saml:SubjectConfirmationData>", "</saml:Extension>")
		}, card},
		{"SA-28 card in place of the token", func(t testing.TB, k kit) string {
			m := k.good()
			return swap(t, m, element(t, m, "saml:Assertion"), string(federation().Sign(userCard())))
		}, nil},
		{"SA-28 card beside the token", func(t testing.TB, k kit) string {
			return swap(t, k.good(), "</wsse:Security>", string(federation().Sign(userCard()))+"</wsse:Security>")
		}, card},
		{"SA-28 token of another beside the token", func(t testing.TB, k kit) string {
			return swap(t, k.good(), "</wsse:Security>", string(k.other().Sign(k.sts))+"</wsse:Security>")
		}, card},
		{"SA-28 unsigned token beside the token", func(t testing.TB, k kit) string {
			unsigned, _ := k.other().Unsigned()
			return swap(t, k.good(), "</wsse:Security>", string(unsigned)+"</wsse:Security>")
		}, card},
		{"SA-28 token in an EncryptedAssertion", func(t testing.TB, k kit) string {
			m := k.good()
			tk := element(t, m, "saml:Assertion")
			return swap(t, m, tk, `<saml:EncryptedAssertion xmlns:saml="`+nsSAML+`">`+tk+"</saml:EncryptedAssertion>")
		}, []string{fault.CodeMissingHeader}},
	}
}

// messageSignature returns the signature that is a child of Security: the last of the message.
func messageSignature(t testing.TB, m string) string {
	t.Helper()
	from := strings.LastIndex(m, "<ds:Signature ")
	require.Positive(t, from)
	return element(t, m[from:], "ds:Signature")
}

// holderText is the base64 of the holder's certificate.
func holderText(tk idwstest.Token) string {
	assertion, _ := tk.Unsigned()
	_, rest, _ := strings.Cut(string(assertion), "<ds:X509Certificate>")
	text, _, _ := strings.Cut(rest, "<")
	return text
}

// coverAttacks leave something out of the message signature, or put something in that it does not cover.
func coverAttacks() []tokenAttack {
	signature, syntax, card := []string{fault.CodeSignature}, []string{fault.CodeSyntax}, []string{fault.CodeIDCard}
	var all []tokenAttack
	for _, part := range []string{
		idwstest.Action, idwstest.MessageID, idwstest.To, idwstest.ReplyTo, idwstest.Framework, idwstest.Timestamp, idwstest.TokenSTR, idwstest.Body,
	} {
		all = append(all, tokenAttack{"SA-39 not covered: " + part, changed(func(_ kit, m *idwstest.Message) { m.Unreferenced = []string{part} }), signature})
	}
	for part, set := range map[string]func(m *idwstest.Message){
		idwstest.RelatesTo: func(m *idwstest.Message) { m.RelatesTo = "urn:uuid:1" },
		idwstest.FaultTo:   func(m *idwstest.Message) { m.FaultTo = "http://www.w3.org/2005/08/addressing/anonymous" },
		idwstest.HSUID:     func(m *idwstest.Message) { m.HSUID = "<x/>" },
	} {
		all = append(all, tokenAttack{"SA-39 not covered: " + part, changed(func(_ kit, m *idwstest.Message) {
			set(m)
			m.Unreferenced = []string{part}
		}), nil})
	}
	added := func(header string) func(testing.TB, kit) string {
		return func(t testing.TB, k kit) string { return swap(t, k.good(), "</soap:Header>", header+"</soap:Header>") }
	}
	return append(all, []tokenAttack{
		{"SA-39 token referenced by its id alone", changed(func(_ kit, m *idwstest.Message) { m.DirectToken = true }), signature},
		{"SA-32 token's plain digest", changed(func(_ kit, m *idwstest.Message) { m.PlainSTR = true }), accepted},
		{"SA-39 SecurityTokenReference signed, not the token", func(_ testing.TB, k kit) string {
			return k.signing(idwstest.Action, idwstest.MessageID, idwstest.To, idwstest.ReplyTo, idwstest.Framework, idwstest.Timestamp, idwstest.Body, idwstest.TokenSTR)
		}, signature},
		{"SA-39 token by its id and SecurityTokenReference signed", func(_ testing.TB, k kit) string {
			return k.signing(idwstest.Action, idwstest.MessageID, idwstest.To, idwstest.ReplyTo, idwstest.Framework, idwstest.Timestamp, idwstest.Body, idwstest.TokenSTR, "_t1")
		}, signature},
		{"SA-29 RelatesTo added", added(`<wsa:RelatesTo>urn:uuid:1</wsa:RelatesTo>`), signature},
		{"SA-29 FaultTo added", added(`<wsa:FaultTo><wsa:Address>http://127.0.0.1:1/</wsa:Address></wsa:FaultTo>`), signature},
		{"SA-29 HSUID added", added(`<hsuid:HsuidHeader xmlns:hsuid="http://www.nsi.dk/hsuid/2016/08/hsuid-1.1.xsd"/>`), nil},
		{"SA-29 second MessageID", added(`<wsa:MessageID>urn:uuid:1</wsa:MessageID>`), syntax},
		{"SA-29 second Action", added(`<wsa:Action>CloseSession</wsa:Action>`), syntax},
		{"SA-29 second To", added(`<wsa:To>http://other/test/service</wsa:To>`), syntax},
		{"SA-29 second ReplyTo", added(`<wsa:ReplyTo/>`), syntax},
		{"SA-29 Framework of the other version", added(`<sbf:Framework xmlns:sbf="urn:liberty:sb:2006-08" version="2.0"/>`), syntax},
		{"SA-29 MessageID of the older addressing", added(`<wsa4:MessageID xmlns:wsa4="http://schemas.xmlsoap.org/ws/2004/08/addressing">urn:uuid:1</wsa4:MessageID>`), accepted},
		{"SA-29 medcom:Header beside", added(`<medcom:Header xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"><medcom:Linking><medcom:MessageID>m-1</medcom:MessageID></medcom:Linking></medcom:Header>`), accepted},
		{"SA-29 header that nobody knows", added(`<x:CprNumber xmlns:x="urn:x">0202020002</x:CprNumber>`), accepted},
		{"SA-29 second Timestamp", func(t testing.TB, k kit) string {
			return swap(t, k.good(), "<wsu:Timestamp ", "<wsu:Timestamp/><wsu:Timestamp ")
		}, syntax},
		{"SA-29 second Created, signed", func(t testing.TB, k kit) string {
			return k.altered(t, "<wsu:Expires>", "<wsu:Created>2036-01-01T00:00:00Z</wsu:Created><wsu:Expires>")
		}, syntax},
		{"SA-29 Timestamp outside of Security, signed", func(t testing.TB, k kit) string {
			m := k.message()
			doc, _ := m.Unsigned()
			stamp := element(t, string(doc), "wsu:Timestamp")
			return k.altered(t, stamp, "", "</soap:Header>", stamp+"</soap:Header>")
		}, []string{fault.CodeMissingHeader}},
		{"SA-29 Security twice", added("<wsse:Security/>"), syntax},
		{"SA-29 Body in the other SOAP version", func(t testing.TB, k kit) string {
			m := k.good()
			if k.soap12 {
				return strings.ReplaceAll(m, nsSOAP12, nsSOAP11)
			}
			return as12(m)
		}, nil},
		{"SA-28 Body with a second operation, signed", func(t testing.TB, k kit) string {
			return k.altered(t, "</soap:Body>", `<sec:CloseSession xmlns:sec="`+testNS+`"/></soap:Body>`)
		}, syntax},
		{"SA-29 Body exchanged", func(t testing.TB, k kit) string { return swap(t, k.good(), ">original<", ">forged<") }, signature},
		{"SA-29 To of another service, signed", changed(func(_ kit, m *idwstest.Message) { m.To = "https://nsp.test/other/service2" }), syntax},
		{"SA-29 ReplyTo elsewhere, signed", changed(func(_ kit, m *idwstest.Message) { m.ReplyTo = "http://127.0.0.1:1/" }), syntax},
		{"SA-29 no MessageID", changed(func(_ kit, m *idwstest.Message) { m.MessageID = "" }), []string{fault.CodeMissingHeader}},
		{"SA-29 MessageID of 257 characters", changed(func(_ kit, m *idwstest.Message) { m.MessageID = strings.Repeat("x", 257) }), syntax},
		{"SA-40 Created 5 minutes and a second ago", changed(func(_ kit, m *idwstest.Message) { m.Created = at(-5*time.Minute - time.Second) }), []string{fault.CodeExpired}},
		{"SA-40 Created in 5 minutes and a second", changed(func(_ kit, m *idwstest.Message) { m.Created, m.Expires = at(5*time.Minute+time.Second), "" }), card},
		{"SA-40 Expires now", changed(func(_ kit, m *idwstest.Message) { m.Created, m.Expires = at(-time.Second), at(0) }), []string{fault.CodeExpired}},
		{"SA-40 Created without zone", changed(func(_ kit, m *idwstest.Message) { m.Created, m.Expires = "2026-11-21T12:00:00", "" }), syntax},
		{"SA-40 no Timestamp", changed(func(_ kit, m *idwstest.Message) { m.Created = "" }), []string{fault.CodeMissingHeader}},
	}...)
}

func at(d time.Duration) string { return start.Add(d).UTC().Format(time.RFC3339) }

// TestActionOfHTTP: what HTTP says of the action is what the signed Action says, or nothing.
func TestActionOfHTTP(t *testing.T) {
	r := newRouter()
	good := r.kit().good()
	for name, header := range map[string][]string{
		"SOAPAction":                      {"SOAPAction", `"urn:other"`},
		"action of the media type":        {"Content-Type", `application/soap+xml; action="urn:other"`},
		"SOAPAction of another operation": {"SOAPAction", "CloseSession"},
	} {
		t.Run("SA-29 "+name, func(t *testing.T) { refused(t, r.send(t, []byte(good), header...), fault.CodeSyntax) })
	}
	require.Len(t, r.send(t, []byte(good), "SOAPAction", `"OpenSession"`).ran, 1)
}
