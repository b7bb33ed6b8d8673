package attack

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/domain/fault"
)

// cardAttacks are attacks on a DGWS message with a user card, one by one. Those on the frame and on the card's content that need no more
// than an edit are tests of adapters/soap.
func cardAttacks() []attack {
	var all []attack
	for _, list := range [][]attack{keyAttacks(), signatureAttacks(), textAttacks(), idAttacks(), namespaceAttacks(), credentialAttacks(), frameAttacks()} {
		all = append(all, list...)
	}
	return all
}

func TestCardAttacks(t *testing.T) {
	t.Parallel()
	inProcess := newRouter()
	whole := startServer(t, map[string]string{"limits.failed_security_per_minute": "0"})
	for name, c := range map[string]struct {
		d door
		m material
	}{"in process": {inProcess, inProcess.material()}, "over HTTP": {whole, whole.material()}} {
		t.Run(name, func(t *testing.T) {
			original := c.d.send(t, []byte(c.m.message))
			require.Len(t, original.ran, 1, "the original is good: %s", original.body)
			for _, a := range cardAttacks() {
				a.run(t, c.d, c.m)
			}
		})
	}
	whole.Stop()
	noSecrets(t, whole)
}

// noSecrets requires that the logs of a stopped server, which told of every attack, hold nothing of what was in the messages.
func noSecrets(t *testing.T, s *server) {
	t.Run("SA-53 no person, credential or key in any log", func(t *testing.T) {
		for name, text := range map[string]string{"application log": s.Logs(), "access log": s.AccessLog(t)} {
			require.NotEmpty(t, text)
			for _, secret := range secrets() {
				require.False(t, strings.Contains(text, secret), "the %s tells %q", name, secret)
			}
		}
	})
}

// evilCard is the card that the attacker would like to have, signed with his own key, with the given KeyInfo instead of his certificate.
func (m material) evilCard(t testing.TB, keyInfo string) string {
	t.Helper()
	card := forged.Replace(string(m.evil.Sign(m.user)))
	card = string(m.evil.SignAssertion([]byte(without(t, card, "ds:Signature")), dgwstest.Card{}))
	info := card[strings.LastIndex(card, "<ds:KeyInfo>"):strings.LastIndex(card, "</ds:Signature>")]
	return swap(t, card, info, keyInfo)
}

// keyAttacks substitute the key: KeyInfo is a hint, and never more.
func keyAttacks() []attack {
	info := func(content func(m material, mine, theirs string) string) func(testing.TB, material) string {
		return func(t testing.TB, m material) string {
			mine := base64.StdEncoding.EncodeToString(m.evil.Certificate)
			theirs := m.card[strings.Index(m.card, "<ds:X509Certificate>")+len("<ds:X509Certificate>") : strings.Index(m.card, "</ds:X509Certificate>")]
			return m.with(t, m.evilCard(t, content(m, mine, theirs)))
		}
	}
	data := func(certificates ...string) string {
		all := ""
		for _, c := range certificates {
			all += "<ds:X509Certificate>" + c + "</ds:X509Certificate>"
		}
		return "<ds:X509Data>" + all + "</ds:X509Data>"
	}
	keyInfo := func(content string) string { return "<ds:KeyInfo>" + content + "</ds:KeyInfo>" }
	value := func(m material) string {
		return `<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>` + base64.StdEncoding.EncodeToString(m.evil.Key.N.Bytes()) +
			`</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>`
	}
	any := []string{fault.CodeSignature, fault.CodeCertificate}
	return []attack{
		{"SA-26 KeyInfo: own certificate", info(func(_ material, mine, _ string) string { return keyInfo(data(mine)) }), []string{fault.CodeCertificate}},
		{"SA-26 KeyInfo: certificate of the token service, own key", info(func(_ material, _, theirs string) string { return keyInfo(data(theirs)) }), []string{fault.CodeSignature}},
		{"SA-26 KeyInfo: both certificates in one X509Data", info(func(_ material, mine, theirs string) string { return keyInfo(data(theirs, mine)) }), any},
		{"SA-26 KeyInfo: both certificates, own first", info(func(_ material, mine, theirs string) string { return keyInfo(data(mine, theirs)) }), any},
		{"SA-26 KeyInfo: two X509Data", info(func(_ material, mine, theirs string) string { return keyInfo(data(theirs) + data(mine)) }), any},
		{"SA-26 KeyInfo: none", info(func(material, string, string) string { return "" }), any},
		{"SA-26 KeyInfo: empty", info(func(material, string, string) string { return keyInfo("") }), any},
		{"SA-26 KeyInfo: twice", info(func(_ material, mine, theirs string) string { return keyInfo(data(theirs)) + keyInfo(data(mine)) }), any},
		{"SA-26 KeyInfo: name of the anchor", info(func(material, string, string) string { return keyInfo("<ds:KeyName>test</ds:KeyName>") }), any},
		{"SA-26 KeyInfo: own RSA key as KeyValue", info(func(m material, _, _ string) string { return keyInfo(value(m)) }), any},
		{"SA-26 KeyInfo: own KeyValue beside the service's certificate", info(func(m material, _, theirs string) string { return keyInfo(value(m) + data(theirs)) }), any},
		{"SA-26 KeyInfo: DEREncodedKeyValue", info(func(material, string, string) string {
			return keyInfo(`<dsig11:DEREncodedKeyValue xmlns:dsig11="http://www.w3.org/2009/xmldsig11#">AAAA</dsig11:DEREncodedKeyValue>`)
		}), any},
		{"SA-26 KeyInfo: RetrievalMethod to own certificate", func(t testing.TB, m material) string {
			card := m.evilCard(t, keyInfo(`<ds:RetrievalMethod URI="#mine" Type="http://www.w3.org/2000/09/xmldsig#X509Data"/>`))
			mine := `<ds:X509Data xmlns:ds="` + nsDS + `" Id="mine"><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(m.evil.Certificate) + `</ds:X509Certificate></ds:X509Data>`
			return swap(t, m.with(t, card), "</soap:Header>", mine+"</soap:Header>")
		}, any},
		{"SA-26 KeyInfo: RetrievalMethod to a file (CVE-2021-40690)", info(func(material, string, string) string {
			return keyInfo(`<ds:RetrievalMethod URI="file:///etc/passwd"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/></ds:Transforms></ds:RetrievalMethod>`)
		}), any},
		{"SA-26 KeyInfo: SecurityTokenReference to own BinarySecurityToken", func(t testing.TB, m material) string {
			card := m.evilCard(t, keyInfo(`<wsse:SecurityTokenReference xmlns:wsse="`+nsWSSE+`"><wsse:Reference URI="#bst"/></wsse:SecurityTokenReference>`))
			bst := `<wsse:BinarySecurityToken wsu:Id="bst" ValueType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3">` +
				base64.StdEncoding.EncodeToString(m.evil.Certificate) + "</wsse:BinarySecurityToken>"
			return swap(t, m.with(t, card), "</wsse:Security>", bst+"</wsse:Security>")
		}, any},
		{"SA-26 KeyInfo: IssuerSerial of the token service", info(func(material, string, string) string {
			return keyInfo(`<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>CN=Test STS</ds:X509IssuerName><ds:X509SerialNumber>1</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>`)
		}), any},
		{"SA-26 KeyInfo: nested in another KeyInfo", info(func(_ material, mine, _ string) string { return keyInfo(keyInfo(data(mine))) }), any},
		{"SA-26 KeyInfo: certificate in another namespace", info(func(_ material, mine, _ string) string {
			return keyInfo(`<x:X509Data xmlns:x="urn:x"><x:X509Certificate>` + mine + `</x:X509Certificate></x:X509Data>`)
		}), any},
		{"SA-26 KeyInfo: certificate that is no DER", info(func(material, string, string) string { return keyInfo(data("AAAA")) }), any},
		{"SA-26 KeyInfo: certificate cut off within its key", info(func(_ material, _, theirs string) string { return keyInfo(data(theirs[:400])) }), any},
		{"SA-26 KeyInfo: lengths that run over", info(func(material, string, string) string { return keyInfo(data("MIL///8wgv//")) }), any},
		{"SA-26 KeyInfo: own certificate with the service's key spliced in", info(func(_ material, mine, theirs string) string {
			a, _ := base64.StdEncoding.DecodeString(mine)
			b, _ := base64.StdEncoding.DecodeString(theirs)
			return keyInfo(data(base64.StdEncoding.EncodeToString(append(a, b...))))
		}), any},
		{"SA-26 KeyInfo of the original replaced by own certificate", func(t testing.TB, m material) string {
			theirs := element(t, m.card, "ds:X509Certificate")
			return swap(t, m.message, theirs, "<ds:X509Certificate>"+base64.StdEncoding.EncodeToString(m.evil.Certificate)+"</ds:X509Certificate>")
		}, []string{fault.CodeCertificate}},
		{"SA-26 KeyInfo of the original removed", func(t testing.TB, m material) string {
			return m.with(t, swap(t, m.card, m.card[strings.LastIndex(m.card, "<ds:KeyInfo>"):strings.LastIndex(m.card, "</ds:Signature>")], ""))
		}, accepted},
		{"SA-26 KeyInfo of the original in a signed element's place", func(t testing.TB, m material) string {
			info := m.card[strings.LastIndex(m.card, "<ds:KeyInfo>"):strings.LastIndex(m.card, "</ds:Signature>")]
			return m.with(t, swap(t, swap(t, m.card, info, ""), "<saml:Issuer>", info+"<saml:Issuer>"))
		}, []string{fault.CodeSignature}},
	}
}

// signatureAttacks play with the parts of the signature.
func signatureAttacks() []attack {
	const (
		canon     = `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>`
		transform = `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>`
	)
	edit := func(old, by string) func(testing.TB, material) string {
		return func(t testing.TB, m material) string { return m.inSignature(t, old, by) }
	}
	// resum puts the digest of the forged card into its signature: what a verifier without RSA would take.
	resum := func(t testing.TB, m material) (forgedCard, digest string) {
		forgedCard = forged.Replace(m.card)
		return forgedCard, digestOf(t, forgedCard, "Assertion")
	}
	digestOfCard := func(t testing.TB, m material) string { return element(t, m.card, "ds:DigestValue") }
	any := []string{fault.CodeSignature, fault.CodeSyntax}
	return []attack{
		{"SX-09 forged content, digest computed again", func(t testing.TB, m material) string {
			c, digest := resum(t, m)
			return m.with(t, swap(t, c, digestOfCard(t, m), "<ds:DigestValue>"+digest+"</ds:DigestValue>"))
		}, []string{fault.CodeSignature}},
		{"SX-09 forged digest in a comment of DigestValue (CVE-2025-29775)", func(t testing.TB, m material) string {
			c, digest := resum(t, m)
			return m.with(t, swap(t, c, "<ds:DigestValue>", "<ds:DigestValue><!--"+digest+"-->"))
		}, []string{fault.CodeSyntax}},
		{"SX-09 forged DigestValue before the signed one (CVE-2024-45409)", func(t testing.TB, m material) string {
			c, digest := resum(t, m)
			return m.with(t, swap(t, c, "<ds:DigestValue>", "<ds:DigestValue>"+digest+"</ds:DigestValue><ds:DigestValue>"))
		}, []string{fault.CodeSignature}},
		{"SX-09 forged DigestValue after the signed one", func(t testing.TB, m material) string {
			c, digest := resum(t, m)
			return m.with(t, swap(t, c, "</ds:DigestValue>", "</ds:DigestValue><ds:DigestValue>"+digest+"</ds:DigestValue>"))
		}, []string{fault.CodeSignature}},
		{"SX-09 forged SignedInfo before the signed one (CVE-2025-29774)", func(t testing.TB, m material) string {
			c, digest := resum(t, m)
			info := element(t, c, "ds:SignedInfo")
			mine := swap(t, info, digestOfCard(t, m), "<ds:DigestValue>"+digest+"</ds:DigestValue>")
			return m.with(t, swap(t, c, info, mine+info))
		}, []string{fault.CodeSignature}},
		{"SX-09 forged SignedInfo after the signed one", func(t testing.TB, m material) string {
			c, digest := resum(t, m)
			info := element(t, c, "ds:SignedInfo")
			mine := swap(t, info, digestOfCard(t, m), "<ds:DigestValue>"+digest+"</ds:DigestValue>")
			return m.with(t, swap(t, c, info, info+mine))
		}, []string{fault.CodeSignature}},
		{"SX-09 signed SignedInfo inside the forged one", func(t testing.TB, m material) string {
			c, digest := resum(t, m)
			info := element(t, c, "ds:SignedInfo")
			mine := lastIn(t, swap(t, info, digestOfCard(t, m), "<ds:DigestValue>"+digest+"</ds:DigestValue>"), info)
			return m.with(t, swap(t, c, info, mine))
		}, []string{fault.CodeSignature}},
		{"SX-06 two SignatureValues", func(t testing.TB, m material) string {
			value := element(t, m.card, "ds:SignatureValue")
			return m.with(t, swap(t, m.card, value, "<ds:SignatureValue>AAAA</ds:SignatureValue>"+value))
		}, any},
		{"SX-06 SignatureValue of another card", func(t testing.TB, m material) string {
			return m.with(t, swap(t, m.card, element(t, m.card, "ds:SignatureValue"), element(t, m.other, "ds:SignatureValue")))
		}, any},
		{"SX-06 signature of another card", func(t testing.TB, m material) string {
			return m.with(t, swap(t, m.card, element(t, m.card, "ds:Signature"), element(t, m.other, "ds:Signature")))
		}, any},
		{"SX-06 signature of the user card in a system card", func(t testing.TB, m material) string {
			return m.with(t, swap(t, m.other, element(t, m.other, "ds:Signature"), element(t, m.card, "ds:Signature")))
		}, any},
		{"SX-06 the two signatures nested", func(t testing.TB, m material) string {
			return m.with(t, swap(t, m.card, "</ds:Signature>", element(t, m.other, "ds:Signature")+"</ds:Signature>"))
		}, any},
		{"SX-06 SignedInfo with a CanonicalizationMethod of the attacker (CVE-2013-2172)", edit(canon, `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></ds:CanonicalizationMethod>`), any},
		{"SX-06 no CanonicalizationMethod Algorithm", edit(canon, "<ds:CanonicalizationMethod></ds:CanonicalizationMethod>"), any},
		{"SX-06 CanonicalizationMethod twice", edit(canon, canon+canon), any},
		{"SX-06 transform of inclusive c14n", edit(transform, `<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></ds:Transform>`), any},
		{"SX-06 STR-Transform in a card's signature", edit(transform, `<ds:Transform Algorithm="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform"></ds:Transform>`), any},
		{"SX-06 a thousand transforms", edit(transform, strings.Repeat(transform, 1000)), any},
		{"SX-06 transform algorithm as an attribute with prefix", edit(transform, `<ds:Transform ds:Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>`), any},
		{"SX-06 PrefixList that takes more in", edit(transform, `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="`+nsEC+`" PrefixList="soap wsse #default"/></ds:Transform>`), any},
		{"SX-06 PrefixList of 17", edit(transform, `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="`+nsEC+`" PrefixList="`+strings.Repeat("a ", 17)+`"/></ds:Transform>`), any},
		{"SA-34 HMAC over the public certificate", edit("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"), any},
		{"SA-34 no signature method", edit("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", ""), any},
		{"SA-34 signature method none", edit("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "none"), any},
		{"SA-34 digest MD5", edit("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#md5"), any},
		{"SA-34 digest SHA-1 under rsa-sha256", edit("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1"), any},
		{"SA-34 rsa-sha1 over the same digest", edit("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"), any},
		{"SA-34 rsa-sha512 over the same value", edit("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"), any},
		{"SA-34 algorithm with white space", edit("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", " http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"), any},
		{"SX-06 DigestValue of the empty text (void canonicalisation)", edit("<ds:DigestValue>", "<ds:DigestValue>47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=</ds:DigestValue><ds:DigestValue>"), any},
		{"SX-06 SignatureValue cut", func(t testing.TB, m material) string {
			value := element(t, m.card, "ds:SignatureValue")
			return m.with(t, swap(t, m.card, value, value[:100]+"</ds:SignatureValue>"))
		}, any},
		{"SX-09 SignatureValue without padding", edit("==</ds:SignatureValue>", "</ds:SignatureValue>"), any},
		{"SX-09 SignatureValue with more after the padding", edit("==</ds:SignatureValue>", "==AAAA</ds:SignatureValue>"), any},
		{"SX-09 SignatureValue with padding inside", edit("<ds:SignatureValue>", "<ds:SignatureValue>AA=="), any},
		{"SX-09 SignatureValue in the URL alphabet", func(t testing.TB, m material) string {
			value := element(t, m.card, "ds:SignatureValue")
			return m.with(t, swap(t, m.card, value, "<ds:SignatureValue>-_-_"+value[len("<ds:SignatureValue>"):]))
		}, any},
		{"SX-09 SignatureValue with zero octets before it", func(t testing.TB, m material) string {
			value := element(t, m.card, "ds:SignatureValue")
			raw, err := base64.StdEncoding.DecodeString(value[len("<ds:SignatureValue>") : len(value)-len("</ds:SignatureValue>")])
			require.NoError(t, err)
			return m.with(t, swap(t, m.card, value, "<ds:SignatureValue>"+base64.StdEncoding.EncodeToString(append([]byte{0, 0}, raw...))+"</ds:SignatureValue>"))
		}, any},
		{"SX-09 white space in SignatureValue and DigestValue", func(t testing.TB, m material) string {
			c := swap(t, m.card, "<ds:SignatureValue>", "<ds:SignatureValue>\n \t ")
			return m.with(t, swap(t, c, "==</ds:SignatureValue>", "=\n=\n</ds:SignatureValue>"))
		}, accepted},
		{"SX-09 white space in DigestValue is signed content", edit("<ds:DigestValue>", "<ds:DigestValue>\n"), any},
		{"SX-09 CDATA and references in SignatureValue", func(t testing.TB, m material) string {
			value := element(t, m.card, "ds:SignatureValue")
			text := value[len("<ds:SignatureValue>") : len(value)-len("</ds:SignatureValue>")]
			return m.with(t, swap(t, m.card, text, fmt.Sprintf("<![CDATA[%s]]>&#%d;%s", text[:50], text[50], text[51:])))
		}, accepted},
		{"SX-06 attributes and comments of the signature's own that are not signed", edit(`<ds:Signature `, `<ds:Signature xmlns:y="urn:y" y:note="x" `), accepted},
	}
}
