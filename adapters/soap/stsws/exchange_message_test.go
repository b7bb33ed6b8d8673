package stsws_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/trust"
)

const (
	nsWSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsWSU  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	nsWSA  = "http://www.w3.org/2005/08/addressing"
	nsSAML = "urn:oasis:names:tc:SAML:2.0:assertion"
)

// draft is a message to be signed by hand.
type draft struct {
	stamp    string // children of the Timestamp; "" = Created now
	headers  string // more headers
	security string // before the Timestamp
	keyInfo  string // children of KeyInfo; "" = the certificate
	sha1     bool
	parts    []string // ids that are signed; nil = all that are in the message
}

// sign puts a Security header into an unsigned request and signs it with the key of x.
func (d draft) sign(t *testing.T, s *exchanger, x stsws.Exchange) []byte {
	t.Helper()
	key := x.Key
	x.Key = nil
	request, err := s.client("").ExchangeRequest(x)
	require.NoError(t, err)
	if d.stamp == "" {
		d.stamp = "<wsu:Created>" + s.now.Format(time.RFC3339) + "</wsu:Created>"
	}
	before := `<wsse:Security>` + d.security + `<wsu:Timestamp wsu:Id="ts">` + d.stamp + `</wsu:Timestamp>`
	request = bytes.Replace(request, []byte("</soap:Header>"), []byte(d.headers+before+"</wsse:Security></soap:Header>"), 1)
	if d.parts == nil {
		d.parts = []string{"action", "mid", "ts", "body"}
		if strings.Contains(d.headers, `wsu:Id="to"`) {
			d.parts = append(d.parts, "to")
		}
	}
	var parts []xmldsig.Part
	for _, id := range d.parts {
		parts = append(parts, xmldsig.Part{ID: id})
	}
	signer := xmldsig.Signer{SHA1: d.sha1, Certificate: x.Certificate.Raw, Sign: func(hash crypto.Hash, digest []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
	}}
	if d.keyInfo != "" {
		signer.Certificate, signer.KeyInfo = nil, []byte(d.keyInfo)
	}
	signed, err := signer.SignMessage(request, bytes.Index(request, []byte("</wsse:Security>")), parts...)
	require.NoError(t, err)
	return signed
}

const (
	bst = `<wsse:BinarySecurityToken wsu:Id="x509" ValueType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3" ` +
		`EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary">`
	bstReference = `<wsse:SecurityTokenReference xmlns:wsse="` + nsWSSE + `"><wsse:Reference URI="#x509"/></wsse:SecurityTokenReference>`
	to           = `<wsa:To wsu:Id="to">https://sts.example/sts/services/Bst2Idws</wsa:To>`
)

func TestExchangeMessages(t *testing.T) {
	const unsigned = "Unable to validate envelope signature"
	for _, tt := range []struct {
		name string
		make draft
		edit func(string) string // after signing
		want string              // text of the fault; "" = accepted
	}{
		{"SU-4 X509Data", draft{}, nil, ""},
		{"SU-4 To, signed", draft{headers: to}, nil, ""},
		{"SU-4 Expires in time", draft{stamp: "<wsu:Created>2026-11-21T10:05:30Z</wsu:Created><wsu:Expires>2026-11-21T10:05:31Z</wsu:Expires>"}, nil, ""},
		{"SU-4 Timestamp 5 minutes old", draft{stamp: "<wsu:Created>2026-11-21T10:00:30Z</wsu:Created>"}, nil, ""},
		{"SU-4 Timestamp older", draft{stamp: "<wsu:Created>2026-11-21T10:00:29Z</wsu:Created>"}, nil, "The request was not made within 5 minutes"},
		{"SU-4 Timestamp 5 minutes ahead", draft{stamp: "<wsu:Created>2026-11-21T10:10:30Z</wsu:Created>"}, nil, ""},
		{"SU-4 Timestamp further ahead", draft{stamp: "<wsu:Created>2026-11-21T10:10:31Z</wsu:Created>"}, nil, "The request was not made within 5 minutes"},
		{"SU-4 Expires passed", draft{stamp: "<wsu:Created>2026-11-21T10:05:00Z</wsu:Created><wsu:Expires>2026-11-21T10:05:30Z</wsu:Expires>"}, nil, "Expires of the Timestamp"},
		{"SU-4 Expires unreadable", draft{stamp: "<wsu:Created>2026-11-21T10:05:00Z</wsu:Created><wsu:Expires>soon</wsu:Expires>"}, nil, "Expires of the Timestamp"},
		{"SU-4 Created without zone", draft{stamp: "<wsu:Created>2026-11-21T10:05:30</wsu:Created>"}, nil, "Created of the Timestamp"},
		{"SU-4 no Created", draft{stamp: "<wsu:Expires>2026-11-21T10:06:00Z</wsu:Expires>"}, nil, "Created of the Timestamp"},

		{"SU-4 Body not signed", draft{parts: []string{"action", "mid", "ts"}}, nil, unsigned},
		{"SU-4 Timestamp not signed", draft{parts: []string{"action", "mid", "body"}}, nil, unsigned},
		{"SU-4 MessageID not signed", draft{parts: []string{"action", "ts", "body"}}, nil, unsigned},
		{"SU-4 Action not signed", draft{parts: []string{"mid", "ts", "body"}}, nil, unsigned},
		{"SU-4 To not signed", draft{headers: to, parts: []string{"action", "mid", "ts", "body"}}, nil, unsigned},
		{"SU-4 rsa-sha1", draft{sha1: true}, nil, unsigned},
		{"SU-4 no key named", draft{keyInfo: "<ds:KeyName>x</ds:KeyName>"}, nil, unsigned},
		{"SA-29 To added", draft{}, insertHeader(to), unsigned},
		{"SA-29 two To headers", draft{headers: to}, insertHeader(strings.Replace(to, `wsu:Id="to"`, "", 1)), "The request must have one Action"},
		{"SA-29 two Actions", draft{}, insertHeader(`<wsa:Action>x</wsa:Action>`), "The request must have one Action"},
		{"SA-29 two MessageIDs", draft{}, insertHeader(`<wsa:MessageID>x</wsa:MessageID>`), "The request must have one Action"},
		{"SA-28 two Security headers", draft{}, insertHeader(`<wsse:Security/>`), ""},
		{"SA-29 other Action", draft{}, replacing("RST/Issue<", "RST/Renew<"), "The Action is not that of a request for a token"},
		{"SA-29 MessageID changed", draft{}, replacing("11111111-0000", "11111112-0000"), unsigned},
		{"SA-29 claim changed", draft{}, replacing(`<auth:Value>2512`, `<auth:Value>2511`), unsigned},
		{"SA-29 audience changed", draft{}, replacing("https://minlog", "https://maxlog"), unsigned},
		{"SA-29 signature removed", draft{}, func(m string) string { return cut(m, "<ds:Signature ", "</ds:Signature>") }, unsigned + ": the request is not signed"},
		{"SA-29 Body moved away and another in its place", draft{}, func(m string) string {
			body := between(m, "<soap:Body", "</soap:Body>")
			moved := strings.Replace(m, body, strings.Replace(strings.Replace(body, ` wsu:Id="body"`, "", 1), "https://minlog", "https://maxlog", 1), 1)
			return insertHeader(`<x:w xmlns:x="urn:x">` + body + `</x:w>`)(moved)
		}, unsigned},
		{"SA-29 Timestamp moved away and another in its place", draft{}, func(m string) string {
			stamp := between(m, "<wsu:Timestamp", "</wsu:Timestamp>")
			moved := strings.Replace(m, stamp, strings.Replace(stamp, ` wsu:Id="ts"`, "", 1), 1)
			return insertHeader(`<x:w xmlns:x="urn:x">` + stamp + `</x:w>`)(moved)
		}, unsigned},
		{"SA-30 the id of the Body twice", draft{}, insertHeader(`<x:w xmlns:x="urn:x" id="body"/>`), unsigned},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startExchanges(t, nil)
			message := string(tt.make.sign(t, s, s.citizenRequest()))
			if tt.edit != nil {
				edited := tt.edit(message)
				require.NotEqual(t, message, edited)
				message = edited
			}
			answer := s.post(stsws.PathBst2Idws, []byte(message))
			if tt.name == "SA-28 two Security headers" {
				contains(t, answer, "<faultcode>wst:InvalidRequest</faultcode>")
				return
			}
			if tt.want == "" {
				contains(t, answer, "RequestedSecurityToken")
				return
			}
			contains(t, answer, "<faultstring>"+tt.want)
			assert.False(t, strings.Contains(answer, "Assertion"), "no token")
		})
	}
	t.Run("SU-4 BinarySecurityToken", func(t *testing.T) {
		s := startExchanges(t, nil)
		x := s.citizenRequest()
		d := draft{security: bst + base64Of(x.Certificate.Raw) + "</wsse:BinarySecurityToken>", keyInfo: bstReference}
		contains(t, s.post(stsws.PathBst2Idws, d.sign(t, s, x)), "RequestedSecurityToken")
		d.security = bst + base64Of(der(t, "epj")) + "</wsse:BinarySecurityToken>"
		contains(t, s.post(stsws.PathBst2Idws, d.sign(t, s, x)), unsigned)
		d.security = ""
		d.keyInfo = strings.Replace(bstReference, "#x509", "#body", 1)
		contains(t, s.post(stsws.PathBst2Idws, d.sign(t, s, x)), unsigned)
	})
	t.Run("SA-23 rsa-sha1 where it is accepted, not of the token in it", func(t *testing.T) {
		s := startExchanges(t, func(s *exchanger) { s.handler.AcceptSHA1 = true })
		contains(t, s.post(stsws.PathBst2Idws, draft{sha1: true}.sign(t, s, s.citizenRequest())), "RequestedSecurityToken")
		client := s.client(stsws.PathBst2Idws)
		client.SHA1 = true
		_, err := client.Exchange(t.Context(), s.citizenRequest())
		assert.NoError(t, err)
		x := s.citizenRequest()
		x.ActAs = resigned(t, x.ActAs, "idp", true)
		_, err = client.Exchange(t.Context(), x)
		assert.Equal(t, "The signature of the token in ActAs is not valid", told(t, err).FaultString)
		x.ActAs = resigned(t, x.ActAs, "idp", false)
		_, err = client.Exchange(t.Context(), x)
		assert.NoError(t, err, "what was made anew is good but for its algorithm")
	})
	t.Run("minimum of RSA bits", func(t *testing.T) {
		s := startExchanges(t, func(s *exchanger) { s.handler.MinRSABits = 3072 })
		_, err := s.client(stsws.PathBst2Idws).Exchange(t.Context(), s.citizenRequest())
		assert.Equal(t, unsigned, told(t, err).FaultString)
	})
}

// TestActAsContent signs tokens of the identity provider that say something else.
func TestActAsContent(t *testing.T) {
	attribute := func(name, value string) string {
		return `<saml:Attribute Name="` + name + `"><saml:AttributeValue>` + value + `</saml:AttributeValue></saml:Attribute>`
	}
	const statement = "</saml:AttributeStatement>"
	const (
		unread  = "The token in ActAs is not valid"
		bearer  = "The token in ActAs names no holder-of-key"
		level   = "The level of assurance of the token in ActAs is missing or too low"
		period  = "The validity of the token in ActAs is missing, reversed or longer than 24 hours"
		early   = "The token in ActAs is not yet valid"
		expired = "The token in ActAs has expired"
	)
	cprAttribute := attribute("dk:gov:saml:attribute:CprNumberIdentifier", parent)
	assurance := attribute("dk:gov:saml:attribute:AssuranceLevel", "3")
	for _, tt := range []struct{ name, old, with, want string }{
		{"SEC-13 NotBefore may stand", ` NotOnOrAfter="2026-11-21T11:05:30Z"`, ` NotBefore="2026-11-21T10:06:30Z"$0`, ""},
		{"SEC-13 NotBefore more than a minute ahead", ` NotOnOrAfter="2026-11-21T11:05:30Z"`, ` NotBefore="2026-11-21T10:06:31Z"$0`, early},
		{"SEC-13 NotBefore unreadable", ` NotOnOrAfter="2026-11-21T11:05:30Z"`, ` NotBefore=""$0`, unread},
		{"SEC-13 NotOnOrAfter missing", ` NotOnOrAfter="2026-11-21T11:05:30Z"`, ``, unread},
		{"SEC-13 NotOnOrAfter is now", `NotOnOrAfter="2026-11-21T11:05:30Z"`, `NotOnOrAfter="2026-11-21T10:05:30Z"`, period},
		{"SEC-13 ended a second ago", `IssueInstant="2026-11-21T10:05:30Z"(.*)NotOnOrAfter="2026-11-21T11:05:30Z"`,
			`IssueInstant="2026-11-21T10:00:00Z"${1}NotOnOrAfter="2026-11-21T10:05:29Z"`, expired},
		{"SEC-13 lifetime too long", `NotOnOrAfter="2026-11-21T11:05:30Z"`, `NotOnOrAfter="2026-11-22T10:10:31Z"`, period},
		{"SEC-13 a day and the tolerance", `NotOnOrAfter="2026-11-21T11:05:30Z"`, `NotOnOrAfter="2026-11-22T10:10:30Z"`, ""},
		{"SEC-11 issued in the future", `IssueInstant="2026-11-21T10:05:30Z"`, `IssueInstant="2026-11-21T10:06:31Z"`, early},
		{"IssueInstant unreadable", `IssueInstant="2026-11-21T10:05:30Z"`, `IssueInstant="now"`, unread},
		{"no Conditions", `<saml:Conditions.*</saml:Conditions>`, ``, unread},
		{"no audience", `<saml:AudienceRestriction>.*</saml:AudienceRestriction>`, ``, unread},
		{"several audiences, one of them ours", `<saml:Audience>`, `<saml:Audience>https://elsewhere</saml:Audience>$0`, ""},
		{"two restrictions", `<saml:AudienceRestriction>.*</saml:AudienceRestriction>`, `$0$0`, unread},
		{"bearer", `<saml:SubjectConfirmation .*</saml:SubjectConfirmation>`, `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/>`, bearer},
		{"sender vouches", `cm:holder-of-key`, `cm:sender-vouches`, unread},
		{"two confirmations", `<saml:SubjectConfirmation .*</saml:SubjectConfirmation>`, `$0$0`, unread},
		{"holder-of-key without key", `<ds:X509Certificate>[^<]*</ds:X509Certificate></ds:X509Data></ds:KeyInfo></saml:SubjectConfirmationData>`,
			`</ds:X509Data></ds:KeyInfo></saml:SubjectConfirmationData>`, unread},
		{"two statements", `<saml:AttributeStatement>`, `<saml:AttributeStatement/>$0`, unread},
		{"an attribute twice", statement, cprAttribute + `$0`, unread},
		{"the same said twice under two names", statement, attribute("https://data.gov.dk/model/core/eid/cprNumber", parent) + `$0`, unread},
		{"an attribute with two values", `<saml:AttributeValue>` + parent + `</saml:AttributeValue>`, `$0$0`, unread},
		{"an attribute without value", `<saml:AttributeValue>` + parent + `</saml:AttributeValue>`, `<saml:AttributeValue/>`, unread},
		{"no civil registration number", cprAttribute, attribute("dk:gov:saml:attribute:CprNumberIdentifier", "9901010001"), unread},
		{"unknown attributes", statement, attribute("urn:x", "y") + `<saml:Attribute Name="urn:z"><saml:AttributeValue><saml:Assertion ID="_n"/></saml:AttributeValue></saml:Attribute>$0`, ""},
		{"level too low", assurance, attribute("dk:gov:saml:attribute:AssuranceLevel", "2"), level},
		{"level unknown", assurance, attribute("dk:gov:saml:attribute:AssuranceLevel", "9"), level},
		{"level missing", assurance, ``, level},
		{"NSIS Low", assurance, attribute("https://data.gov.dk/concept/core/nsis/loa", "Low"), level},
		{"NSIS Substantial", assurance, attribute("https://data.gov.dk/concept/core/nsis/loa", "Substantial"), ""},
		{"names nobody", cprAttribute, ``, "The token in ActAs names no citizen and no employee"},
		{"OIOSAML 3", cprAttribute, attribute("https://data.gov.dk/model/core/eid/cprNumber", parent), ""},
		{"an organisation without employee", cprAttribute, attribute("dk:gov:saml:attribute:CvrNumberIdentifier", "99999902"), "The token in ActAs does not name an employee"},
		{"bad CVR number", statement, attribute("dk:gov:saml:attribute:CvrNumberIdentifier", "9999990x") + `$0`, unread},
		{"an employee by civil registration number", statement, attribute("dk:gov:saml:attribute:CvrNumberIdentifier", "99999902") + `$0`, ""},
		{"an employee by the number of somebody else", statement,
			attribute("dk:gov:saml:attribute:CvrNumberIdentifier", "99999902") + attribute("dk:gov:saml:attribute:RidNumberIdentifier", "1001") + `$0`,
			"Authentication failed: cvrrid-cpr mismatch"},
		{"an employee that nobody knows", cprAttribute,
			attribute("dk:gov:saml:attribute:CvrNumberIdentifier", "99999902") + attribute("dk:gov:saml:attribute:RidNumberIdentifier", "9999"),
			"Authentication failed: the person of the token is not known"},
		{"Version 1.1", `Version="2.0"`, `Version="1.1"`, unread},
		{"another Issuer", `<saml:Issuer>https://idp.opennsp.test<`, `<saml:Issuer>https://other<`, "The issuer of the token in ActAs is not trusted"},
		{"two Issuers", `<saml:Issuer>.*</saml:Issuer>`, `$0$0`, unread},
	} {
		t.Run("SU-4 "+tt.name, func(t *testing.T) {
			s := startExchanges(t, nil)
			x := s.citizenRequest()
			edited := regexpReplace(t, cut(string(x.ActAs), "<ds:Signature ", "</ds:Signature>"), tt.old, tt.with)
			x.ActAs = resigned(t, []byte(edited), "idp", false)
			_, err := s.client(stsws.PathBst2Idws).Exchange(t.Context(), x)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, tt.want, told(t, err).FaultString)
		})
	}
	t.Run("SA-26 the identity provider's name, signed by somebody else", func(t *testing.T) {
		s := startExchanges(t, nil)
		for _, key := range []string{"sts", "service", "samples/epj"} {
			x := s.citizenRequest()
			x.ActAs = resigned(t, x.ActAs, key, false)
			_, err := s.client(stsws.PathBst2Idws).Exchange(t.Context(), x)
			assert.Equal(t, "The issuer of the token in ActAs is not trusted", told(t, err).FaultString, key)
		}
	})
}

func TestAnswersAreSigned(t *testing.T) {
	s := startExchanges(t, nil)
	request, err := s.client("").ExchangeRequest(s.citizenRequest())
	require.NoError(t, err)
	answer := []byte(s.post(stsws.PathBst2Idws, request))
	tree, err := xmltree.Parse(answer, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	header := tree.First(tree.Root())
	security := tree.Child(header, nsWSSE, "Security")
	sig, err := xmldsig.ReadMessage(tree, security)
	require.NoError(t, err)
	f, err := federation()
	require.NoError(t, err)
	signer, err := authtrust.OpenSigner(f.SigningKeys())
	require.NoError(t, err)
	key, _ := signer.Certificate(trust.Token).PublicKey.(*rsa.PublicKey)
	verified, err := sig.Verify(key, xmldsig.Algorithms{})
	require.NoError(t, err)
	text := map[string]string{}
	for n := range tree.Children(header) {
		if n != security {
			assert.True(t, verified.Covers(n), tree.Local(n))
			text[tree.Local(n)], _ = tree.Text(n)
		}
	}
	assert.Equal(t, map[string]string{
		"Action": "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTRC/IssueFinal", "RelatesTo": "urn:uuid:11111111-0000-4000-8000-000000000000",
		"MessageID": "urn:uuid:00000000-0000-4000-8000-000000000000",
	}, text)
	assert.True(t, verified.Covers(tree.Next(header)), "Body")
	assert.True(t, verified.Covers(tree.Child(security, nsWSU, "Timestamp")))
}

// outline lists the elements of a message and their attributes, namespace declarations apart.
func outline(t *testing.T, message []byte) []string {
	t.Helper()
	tree, err := xmltree.Parse(message, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	var lines []string
	var walk func(n xmltree.Node, path string)
	walk = func(n xmltree.Node, path string) {
		path += "/{" + tree.Space(n) + "}" + tree.Local(n)
		line := path
		for i := range tree.AttrCount(n) {
			space, local, _ := tree.AttrAt(n, i)
			line += " {" + space + "}" + local
		}
		lines = append(lines, line)
		for c := range tree.Children(n) {
			walk(c, path)
		}
	}
	walk(tree.Root(), "")
	return lines
}

// sameOutline requires that two messages have the same elements and attributes.
func sameOutline(t *testing.T, want, got string) {
	t.Helper()
	w, g := outline(t, []byte(want)), outline(t, []byte(got))
	for i := range min(len(w), len(g)) {
		require.Equal(t, w[i], g[i], "element %d", i)
	}
	require.Len(t, g, len(w))
}

// organisation believes one certificate to be that of an organisation, as those of the samples are but for their CVR number.
type organisation struct{ der []byte }

// Holder implements ports.Certificates.
func (o organisation) Holder(_ context.Context, der []byte, _ time.Time) (trust.Holder, error) {
	if !bytes.Equal(der, o.der) {
		return trust.Holder{}, trust.ErrUntrusted
	}
	return trust.Holder{Subject: trust.Subject{Class: trust.VOCES, CVR: "99999904"}, Serial: "1"}, nil
}

// sampleTrust pins the identity provider of the sample.
func sampleTrust(t *testing.T, request []byte) trust.Anchor {
	t.Helper()
	tree, err := xmltree.Parse(request, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	node, count := tree.ByID("_b1")
	require.Equal(t, 1, count)
	sig, err := xmldsig.ReadEnveloped(tree, node)
	require.NoError(t, err)
	certificate, ok := sig.Certificate()
	require.True(t, ok)
	return anchorOf(t, certificate, devfed.IDPIssuer)
}

// messageCertificate is the certificate in the signature of a message.
func messageCertificate(t *testing.T, message []byte) []byte {
	t.Helper()
	tree, err := xmltree.Parse(message, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	sig, err := xmldsig.ReadMessage(tree, tree.Child(tree.First(tree.Root()), nsWSSE, "Security"))
	require.NoError(t, err)
	certificate, ok := sig.Certificate()
	require.True(t, ok)
	return certificate
}

func TestSamples(t *testing.T) {
	request := []byte(sample(t, "10-sts-exchange-request.xml"))
	s := startExchanges(t, func(s *exchanger) {
		s.service.Certificates = organisation{messageCertificate(t, request)}
		s.service.NewID = func() string { return "id" }
		s.handler.Trust = pinned{&trust.Set{Anchors: []trust.Anchor{sampleTrust(t, request)}}}
	})
	t.Run("SA-04 sample 10 is accepted and the answer has the form of sample 11", func(t *testing.T) {
		answer := s.post(stsws.PathBst2Idws, request)
		sameOutline(t, sample(t, "11-sts-exchange-response.xml"), answer)
		contains(t, answer, `Context="urn:uuid:c1"`)
		contains(t, answer, `>urn:uuid:22222222-2222-4333-8444-555555555555</wsa:RelatesTo>`)
	})
	t.Run("SA-04 without its claim the fault has the form of sample 12", func(t *testing.T) {
		// The message is ours, since the claim in sample 10 is signed.
		s := startExchanges(t, nil)
		x := s.citizenRequest()
		x.Claims = nil
		unclaimed, err := s.client("").ExchangeRequest(x)
		require.NoError(t, err)
		answer, want := s.post(stsws.PathBst2Idws, unclaimed), sample(t, "12-sts-exchange-fault.xml")
		sameOutline(t, want, answer)
		const from, to = "<soap:Body>", "</soap:Body>"
		assert.Equal(t, between(want, from, to), between(answer, from, to))
	})
	t.Run("SA-05 sample 10 with one octet of the message changed, every one in turn", func(t *testing.T) {
		good := s.post(stsws.PathBst2Idws, request)
		step := 5
		if testing.Short() {
			step = 101
		}
		for i := 0; i < len(request); i += step {
			changed := bytes.Clone(request)
			changed[i] ^= 1
			if answer := s.post(stsws.PathBst2Idws, changed); answer != good && !strings.Contains(answer, ":Fault>") {
				t.Errorf("octet %d changed: accepted with other content", i)
			}
		}
	})
}
