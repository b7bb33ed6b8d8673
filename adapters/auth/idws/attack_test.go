package idws_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// replaceOnce replaces the first place of each old text, olds and news in turn.
func replaceOnce(t *testing.T, doc []byte, pairs ...string) []byte {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(t, string(doc), pairs[i])
		doc = bytes.Replace(doc, []byte(pairs[i]), []byte(pairs[i+1]), 1)
	}
	return doc
}

// cut returns doc without its one element name, and the element.
func cut(t *testing.T, doc []byte, name string) (rest, element string) {
	t.Helper()
	s := string(doc)
	from := strings.Index(s, "<"+name)
	end := strings.Index(s, "</"+name+">") + len("</"+name+">")
	require.True(t, from >= 0 && end > from, "no %s", name)
	return s[:from] + s[end:], s[from:end]
}

// attributesOf returns what the log is told of a message that is refused.
func attributesOf(t *testing.T, doc []byte) (map[string]string, error) {
	t.Helper()
	m := frame(parsed(t, doc))
	schemes := auth.Schemes{IDWS: &idws.Verifier{Trust: source{&trust.Set{Anchors: []trust.Anchor{sts().Anchor()}}}, Now: now}}
	_, err := schemes.Admit(t.Context(), m, policy)
	return m.Attributes, err
}

// TestWrapped: what was signed stands elsewhere, and something else where it is read.
func TestWrapped(t *testing.T) {
	good := message(citizen()).Bytes()
	wrapper := func(element string) string { return `<x:Wrapper xmlns:x="urn:x">` + element + `</x:Wrapper>` }
	for _, c := range []struct{ name, element, forged string }{
		{"SA-29 Body", "soap:Body", `<soap:Body><sec:OpenSession xmlns:sec="urn:opennsp:security:1">other</sec:OpenSession></soap:Body>`},
		{"SA-29 Timestamp", "wsu:Timestamp", `<wsu:Timestamp><wsu:Created>2026-11-21T10:05:31Z</wsu:Created></wsu:Timestamp>`},
		{"SA-29 MessageID", "wsa:MessageID", `<wsa:MessageID>urn:uuid:other</wsa:MessageID>`},
		{"SA-29 Action", "wsa:Action", `<wsa:Action>Other</wsa:Action>`},
	} {
		t.Run(c.name+" in a wrapper header", func(t *testing.T) {
			rest, signed := cut(t, good, c.element)
			var forged string
			switch c.element {
			case "soap:Body":
				forged = strings.Replace(rest, "</soap:Header>", wrapper(signed)+"</soap:Header>"+c.forged, 1)
			case "wsu:Timestamp":
				forged = strings.Replace(rest, "<saml:Assertion", c.forged+"<saml:Assertion", 1)
				forged = strings.Replace(forged, "</soap:Header>", wrapper(signed)+"</soap:Header>", 1)
			default:
				forged = strings.Replace(rest, "</soap:Header>", c.forged+wrapper(signed)+"</soap:Header>", 1)
			}
			_, _, err := verify(t, []byte(forged), nil)
			assertCode(t, fault.CodeSignature, err)
		})
	}
	t.Run("SA-28 Security in the Body", func(t *testing.T) {
		rest, security := cut(t, good, "wsse:Security")
		forged := strings.Replace(rest, "<sec:OpenSession", security+"<sec:OpenSession", 1)
		_, err := tryVerify([]byte(forged), nil)
		assertCode(t, fault.CodeMissingHeader, err)
	})
	t.Run("SA-27 wrapped tokens", func(t *testing.T) {
		token := string(citizen().Sign(sts()))
		forge := strings.NewReplacer("2512489996", "0511804817", `ID="_t1"`, `ID="_t2"`)
		for _, w := range dgwstest.Wrappings(token, forge) {
			for _, forgedID := range []string{"_t1", "_t2"} {
				m := message(citizen())
				m.Token, m.TokenID, m.Extra = []byte(strings.ReplaceAll(w.Security, `ID="_t2"`, `ID="`+forgedID+`"`)), forgedID, w.AtEnd
				doc, _ := m.Unsigned() // who forges a token may sign the message with its own key: nothing of the forged token may be read
				attributes, err := attributesOf(t, doc)
				require.Error(t, err)
				assert.NotEqual(t, "0511804817", attributes[claimCPR], "%s, %s: the forged token was read", w.Name, forgedID)
				if w.Name != "XSW7 forged card in Extensions before" || forgedID == "_t1" {
					assert.Nil(t, attributes, "%s, %s: a token was accepted", w.Name, forgedID)
				}
			}
		}
		doc, _ := message(citizen()).Unsigned()
		attributes, err := attributesOf(t, doc)
		require.Error(t, err)
		assert.Equal(t, "2512489996", attributes[claimCPR], "the good token")
	})
}

func TestIDs(t *testing.T) {
	good := string(message(citizen()).Bytes())
	for _, c := range []struct{ name, doc string }{
		{"SA-30 id of the Body twice", strings.Replace(good, `<wsse:Security `, `<x:X xmlns:x="urn:x" ID="body"/><wsse:Security `, 1)},
		{"SA-30 wsu:Id of the token", strings.Replace(good, `<wsse:Security `, `<wsse:Security wsu:Id="_t1" `, 1)},
		{"SA-30 xml:id of the token", strings.Replace(good, `<wsse:Security `, `<wsse:Security xml:id="_t1" `, 1)},
		{"SA-30 id of the reference", strings.Replace(good, `<wsse:Security `, `<wsse:Security id="str1" `, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NotEqual(t, good, c.doc)
			_, _, err := verify(t, []byte(c.doc), nil)
			assertCode(t, fault.CodeSignature, err)
		})
	}
	t.Run("SA-30 ids that nothing refers to, twice in the Body", func(t *testing.T) {
		m := message(citizen())
		m.Body = bodyWithIDs
		_, _, err := verify(t, m.Bytes(), nil)
		require.NoError(t, err)
	})
}

// from returns s from mark on, which is in it.
func from(s, mark string) string {
	before, _, found := strings.Cut(s, mark)
	if !found {
		panic("not there: " + mark)
	}
	return s[len(before):]
}

func TestReferences(t *testing.T) {
	good := string(message(citizen()).Bytes())
	signature := good[strings.LastIndex(good, "<ds:Signature "):strings.Index(good, "</wsse:Security>")]
	info := signature[strings.Index(signature, "<ds:SignedInfo>"):strings.Index(signature, "<ds:SignatureValue>")]
	firstRef := from(info, "<ds:Reference ")
	firstRef = firstRef[:strings.Index(firstRef, "</ds:Reference>")+len("</ds:Reference>")]
	second := strings.Replace(string(citizen().Sign(stranger())), `"_t1"`, `"_t2"`, 1)
	transform := `<ds:Transform Algorithm="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform">`
	for _, c := range []struct{ name, old, by, code string }{
		{"SA-31 STR to a second assertion", "<wsse:SecurityTokenReference wsu:Id", second + "<wsse:SecurityTokenReference wsu:Id", fault.CodeIDCard},
		{"SA-31 STR to something else", `SAMLID">_t1</wsse:KeyIdentifier></wsse:SecurityTokenReference><ds:Signature `, `SAMLID">body</wsse:KeyIdentifier></wsse:SecurityTokenReference><ds:Signature `, fault.CodeSignature},
		{"SA-31 STR-Transform and another", transform, `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>` + transform, fault.CodeSignature},
		{"SA-33 signature removed", signature, "", fault.CodeSignature},
		{"SA-33 empty SignedInfo", info, "<ds:SignedInfo></ds:SignedInfo>", fault.CodeSignature},
		{"SA-33 no References", info, strings.TrimSuffix(info, from(info, "<ds:Reference ")) + "</ds:SignedInfo>", fault.CodeSignature},
		{"SA-33 17 References", firstRef, strings.Repeat(firstRef, 13), fault.CodeSignature},
		{"SA-33 Reference to an empty element", `<wsse:Security `, `<x:X xmlns:x="urn:x" wsu:Id="nothing"/><wsse:Security `, ""},
		{"two message signatures", signature, signature + signature, fault.CodeSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(good, c.old), c.old)
			doc := strings.Replace(good, c.old, c.by, 1)
			if c.code == "" { // an element beside what is signed changes nothing; in place of it it does
				doc = strings.Replace(doc, `URI="#body"`, `URI="#nothing"`, 1)
				c.code = fault.CodeSignature
			}
			_, err := tryVerify([]byte(doc), nil)
			assertCode(t, c.code, err)
		})
	}
}

// TestTokenStructure: what a token must have once.
func TestTokenStructure(t *testing.T) {
	other := base64.StdEncoding.EncodeToString(stranger().Certificate)
	for _, c := range []struct{ name, old, by, code string }{
		{"SA-39 two confirmations", "</saml:SubjectConfirmation>", `</saml:SubjectConfirmation><saml:SubjectConfirmation Method="` + idwstest.Bearer + `"></saml:SubjectConfirmation>`, fault.CodeIDCard},
		{"SA-39 two certificates", "</ds:X509Certificate>", "</ds:X509Certificate><ds:X509Certificate>" + other + "</ds:X509Certificate>", fault.CodeIDCard},
		{"SA-39 two X509Data", "</ds:X509Data>", "</ds:X509Data><ds:X509Data></ds:X509Data>", fault.CodeIDCard},
		{"SA-39 not a certificate", "<ds:X509Certificate>M", "<ds:X509Certificate>N", fault.CodeIDCard},
		{"two Conditions", "</saml:Conditions>", `</saml:Conditions><saml:Conditions></saml:Conditions>`, fault.CodeIDCard},
		{"SA-38 two AudienceRestrictions", "</saml:AudienceRestriction>", "</saml:AudienceRestriction><saml:AudienceRestriction></saml:AudienceRestriction>", fault.CodeNotAuthorized},
		{"another version of SAML", `Version="2.0"`, `Version="1.1"`, fault.CodeIDCard},
		{"two Subjects", "</saml:Subject>", "</saml:Subject><saml:Subject></saml:Subject>", fault.CodeIDCard},
		{"SA-37 certificate in another namespace", "xmlns:ds=", "xmlns:ds=\"urn:x\" xmlns:other=", fault.CodeIDCard},
		{"SA-37 claims in another namespace", "<saml:AttributeStatement>", `<saml:AttributeStatement xmlns:saml="urn:x">`, fault.CodeIDCard},
	} {
		t.Run(c.name, func(t *testing.T) {
			tk := citizen()
			assertion, at := tk.Unsigned()
			m := message(tk)
			m.Token = tk.SignAssertion(sts(), replaceOnce(t, assertion, c.old, c.by), at)
			_, _, err := verify(t, m.Bytes(), nil)
			assertCode(t, c.code, err)
		})
	}
}

// TestSample: the committed request of others' making.
func TestSample(t *testing.T) {
	doc, err := os.ReadFile("../../xml/testdata/04-idws-request.xml")
	require.NoError(t, err)
	set := &trust.Set{Anchors: []trust.Anchor{sampleAnchor(t, doc)}}
	caller, m, err := verify(t, doc, set)
	require.NoError(t, err, "SA-04")
	assert.Equal(t, identity.Citizen, caller.Kind)
	assert.True(t, caller.Is(number(t, "2512489996")))
	assert.Equal(t, "https://minlog", caller.Audience)
	assert.Equal(t, "urn:uuid:11111111-2222-4333-8444-555555555555", caller.MessageID)
	assert.Equal(t, "DK-SAML-2.0", m.Attributes["dk:gov:saml:attribute:SpecVer"])
}

// TestChangedOctet: SA-05 over the signed parts of the committed request. What is accepted says the same.
func TestChangedOctet(t *testing.T) {
	doc, err := os.ReadFile("../../xml/testdata/04-idws-request.xml")
	require.NoError(t, err)
	set := &trust.Set{Anchors: []trust.Anchor{sampleAnchor(t, doc)}}
	want, _, err := verify(t, doc, set)
	require.NoError(t, err)
	from := bytes.Index(doc, []byte("<soap:Header>"))
	accepted := 0
	for at := from; at < len(doc); at += 7 {
		changed := bytes.Clone(doc)
		changed[at] ^= 1 << (at % 5)
		caller, err := tryVerify(changed, set)
		if err == nil {
			accepted++
			require.Equal(t, want, caller, "octet %d", at)
		}
	}
	t.Logf("SA-05 %d octets changed, %d without effect", (len(doc)-from)/7, accepted)
}

// TestSampleAnswer: the committed answer of others' making.
func TestSampleAnswer(t *testing.T) {
	doc, err := os.ReadFile("../../xml/testdata/05-idws-response.xml")
	require.NoError(t, err)
	answers := idws.Answers{Keys: [][32]byte{binaryTokenKey(t, doc)}, Now: now}
	tree := parsed(t, doc)
	require.NoError(t, answers.Check(tree, "urn:uuid:11111111-2222-4333-8444-555555555555"), "SA-52")
	require.ErrorIs(t, answers.Check(tree, "urn:uuid:other"), idws.ErrAnswer)
	for _, change := range [][2]string{
		{"c2FtcGxl", "C2FtcGxl"}, {">OpenSessionResponse<", ">OtherResponse<"}, {"99999999-2222", "99999998-2222"}, {"10:10:00Z", "10:11:00Z"},
	} {
		require.Error(t, answers.Check(parsed(t, replaceOnce(t, doc, change[0], change[1])), "urn:uuid:11111111-2222-4333-8444-555555555555"), change[0])
	}
	answers.Keys = nil
	require.ErrorIs(t, answers.Check(tree, "urn:uuid:11111111-2222-4333-8444-555555555555"), idws.ErrAnswer, "no pinned key")
}

// TestRequest: what a client writes is what a service accepts.
func TestRequest(t *testing.T) {
	r := idws.Request{
		Created: clock, Token: citizen().Sign(sts()), Action: "OpenSession", MessageID: "urn:uuid:1", To: "https://nsp.test/test/Service",
		Sign: portal().Sign, Body: openSession,
	}
	for _, soap12 := range []bool{false, true} {
		r.SOAP12 = soap12
		doc, err := r.Bytes()
		require.NoError(t, err)
		caller, _, err := verify(t, doc, nil)
		require.NoError(t, err)
		assert.Equal(t, "urn:uuid:1", caller.MessageID)
	}
	for name, token := range map[string]string{"not XML": "x", "not a token": "<a ID='1'/>", "no ID": `<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion"/>`} {
		r.Token = []byte(token)
		_, err := r.Bytes()
		require.Error(t, err, name)
	}
}
