package attack

import (
	"strings"
	"testing"

	"github.com/opennsp/nsp/domain/fault"
)

// namespaceAttacks rebind, pollute and leave out namespaces.
func namespaceAttacks() []attack {
	edit := func(old, by string) func(testing.TB, material) string {
		return func(t testing.TB, m material) string { return first(t, m.message, old, by) }
	}
	resigned := func(old, by string) func(testing.TB, material) string {
		return func(t testing.TB, m material) string {
			return m.with(t, m.signed(first(t, without(t, m.card, "ds:Signature"), old, by)))
		}
	}
	renamed := func(start, name string) func(testing.TB, material) string { // an element of the card, in another namespace
		return func(t testing.TB, m material) string {
			c := without(t, m.card, "ds:Signature")
			from := strings.Index(c, start)
			old := element(t, c[from:], "saml:"+name)
			by := "<x:" + name + ` xmlns:x="urn:x"` + strings.TrimPrefix(strings.TrimSuffix(old, "</saml:"+name+">"), "<saml:"+name) + "</x:" + name + ">"
			return m.with(t, m.signed(swap(t, c, old, by)))
		}
	}
	syntax, card := []string{fault.CodeSyntax}, []string{fault.CodeIDCard}
	return []attack{
		{"SA-37 a statement alone in another namespace", renamed(`<saml:AttributeStatement id="SystemLog"`, "AttributeStatement"), card},
		{"SA-37 an attribute alone in another namespace", renamed(`<saml:Attribute Name="medcom:CareProviderID"`, "Attribute"), card},
		{"SA-37 Conditions alone in another namespace", renamed("<saml:Conditions", "Conditions"), card},
		{"SA-37 NameID alone in another namespace", renamed("<saml:NameID", "NameID"), card},
		{"SA-37 other prefixes bound around the card", edit("<wsse:Security>", `<wsse:Security xmlns:medcom="urn:x" xmlns:sosi="urn:y">`), accepted},
		{"SA-37 the card's prefix bound elsewhere around it", edit("<wsse:Security>", `<wsse:Security xmlns:saml="urn:x">`), accepted},
		{"SA-37 default namespace around the card", edit("<wsse:Security>", `<wsse:Security xmlns="urn:x">`), accepted},
		{"SA-37 default namespace of SAML around the card", edit("<wsse:Security>", `<wsse:Security xmlns="`+nsSAML+`">`), accepted},
		{"SA-37 declarations that nobody uses inside the card", edit("<saml:Issuer>", `<saml:Issuer xmlns:unused="urn:x">`), accepted},
		{"SA-37 a prefix of a value bound inside the card", edit("<saml:Issuer>", `<saml:Issuer xmlns:medcom="urn:x" xmlns:sosi="urn:x">`), accepted},
		{"SA-37 default namespace undeclared in the card", edit("<saml:Issuer>", `<saml:Issuer xmlns="">`), accepted},
		{"SA-37 SAML rebound in the card", edit("<saml:Issuer>", `<saml:Issuer xmlns:saml="urn:x">`), nil},
		{"SA-37 SAML rebound to SAML 1.1 in the card, signed", resigned("<saml:Issuer>", `<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion">`), card},
		{"SA-37 relative namespace name (void canonicalisation)", edit("<saml:Issuer>", `<saml:Issuer xmlns:rel="1">`), []string{fault.CodeSignature}},
		{"SA-37 relative namespace name around the card", edit("<wsse:Security>", `<wsse:Security xmlns:rel="1">`), []string{fault.CodeSignature}},
		{"SA-37 relative namespace name, used", edit("<saml:Issuer>", `<saml:Issuer xmlns:rel="1" rel:a="">`), []string{fault.CodeSignature}},
		{"SA-37 prefix xml bound elsewhere", edit("<saml:Issuer>", `<saml:Issuer xmlns:xml="urn:x">`), syntax},
		{"SA-37 prefix xmlns bound", edit("<saml:Issuer>", `<saml:Issuer xmlns:xmlns="urn:x">`), syntax},
		{"SA-37 another prefix bound to the namespace of xml", edit("<saml:Issuer>", `<saml:Issuer xmlns:y="http://www.w3.org/XML/1998/namespace">`), syntax},
		{"SA-37 prefix undeclared", edit("<saml:Issuer>", `<saml:Issuer xmlns:saml="">`), syntax},
		{"SA-37 declaration twice", edit("<saml:Issuer>", `<saml:Issuer xmlns:y="urn:x" xmlns:y="urn:y">`), syntax},
		{"SA-37 undeclared prefix", edit("<saml:Issuer>", `<nosuch:Issuer/><saml:Issuer>`), syntax},
		{"SA-37 namespace with a blank at its end", edit(`xmlns:saml="`+nsSAML+`"`, `xmlns:saml="`+nsSAML+` "`), nil},
		{"SA-37 namespace in other case", edit(`xmlns:saml="`+nsSAML+`"`, `xmlns:saml="`+strings.ToUpper(nsSAML)+`"`), nil},
		{"SA-37 namespace spelt with references", edit(`xmlns:saml="urn:oasis`, `xmlns:saml="&#117;rn:oasis`), accepted},
		{"SA-37 xsi:type on a value, signed", resigned("<saml:AttributeValue>TestEPJ", `<saml:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" xsi:type="xs:int">TestEPJ`), accepted},
		{"SA-37 xsi:type on a value", edit("<saml:AttributeValue>TestEPJ", `<saml:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x">TestEPJ`), []string{fault.CodeSignature}},
		{"SA-37 xsi:nil on a value", edit("<saml:AttributeValue>TestEPJ", `<saml:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true">TestEPJ`), []string{fault.CodeSignature}},
		{"SA-37 xml:space and xml:base", edit("<saml:Assertion ", `<saml:Assertion xml:base="http://x/" xml:space="preserve" `), []string{fault.CodeSignature}},
		{"SA-37 xml attributes around the card", edit("<wsse:Security>", `<wsse:Security xml:base="http://x/" xml:lang="da" xml:space="preserve">`), accepted},
		{"SA-37 Name given twice by namespace", edit(`Name="medcom:CareProviderID"`, `Name="medcom:CareProviderID" saml:Name="medcom:ITSystemName"`), []string{fault.CodeSignature}},
		{"SA-37 value of an attribute given as an attribute, signed", resigned(`Name="medcom:CareProviderID"`, `Name="medcom:CareProviderID" AttributeValue="99999903"`), accepted},
	}
}

// credentialAttacks present credentials that are good somewhere else, or for somebody else.
func credentialAttacks() []attack {
	return []attack{
		{"SA-28 two cards of two organisations", func(t testing.TB, m material) string { return m.with(t, m.card+m.other) }, nil},
		{"SA-28 card of another organisation in the card", func(t testing.TB, m material) string { return m.with(t, lastIn(t, m.card, m.other)) }, nil},
		{"SA-28 card of another organisation in an attribute of the card", func(t testing.TB, m material) string {
			return m.with(t, swap(t, m.card, ">TestEPJ<", ">"+m.other+"<"))
		}, nil},
		{"SA-28 unsigned card beside the signed one", func(t testing.TB, m material) string {
			return m.with(t, forged.Replace(without(t, m.card, "ds:Signature"))+m.card)
		}, nil},
		{"SA-28 statements of another signed card", func(t testing.TB, m material) string {
			mine := `<saml:AttributeStatement id="SystemLog">`
			theirs := m.other[strings.Index(m.other, mine):strings.Index(m.other, "<ds:Signature")]
			ours := m.card[strings.Index(m.card, mine):strings.Index(m.card, "<ds:Signature")]
			return m.with(t, swap(t, m.card, ours, theirs))
		}, []string{fault.CodeSignature}},
		{"SA-28 level of a user card claimed by a system card", func(t testing.TB, m material) string {
			return first(t, swap(t, m.message, m.card, m.other), ">3<", ">4<")
		}, nil},
		{"SA-09 self-signed card", func(t testing.TB, m material) string { return m.with(t, string(m.evil.Sign(m.user))) }, []string{fault.CodeCertificate}},
		{"SA-33 card without signature, of level 4", func(t testing.TB, m material) string { return m.with(t, without(t, m.card, "ds:Signature")) }, []string{fault.CodeSignature}},
		{"SA-33 card without signature, of level 2", func(t testing.TB, m material) string {
			c := swap(t, without(t, m.card, "ds:Signature"), "<saml:AttributeValue>4<", "<saml:AttributeValue>2<")
			return m.with(t, c)
		}, []string{fault.CodeSecurityLevel}},
		{"SA-33 signature beside the card", func(t testing.TB, m material) string {
			signature := element(t, m.card, "ds:Signature")
			return m.with(t, swap(t, m.card, signature, "")+signature)
		}, []string{fault.CodeSignature}},
		{"SA-33 signature first in the card", func(t testing.TB, m material) string {
			signature := element(t, m.card, "ds:Signature")
			return m.with(t, swap(t, swap(t, m.card, signature, ""), "<saml:Issuer>", signature+"<saml:Issuer>"))
		}, accepted},
		{"SA-33 signature inside the Issuer", func(t testing.TB, m material) string {
			signature := element(t, m.card, "ds:Signature")
			return m.with(t, swap(t, swap(t, m.card, signature, ""), "</saml:Issuer>", signature+"</saml:Issuer>"))
		}, []string{fault.CodeSignature}},
		{"SA-33 content hidden in the signature", func(t testing.TB, m material) string {
			mine := forged.Replace(m.card[strings.Index(m.card, "<saml:AttributeStatement"):strings.Index(m.card, "<ds:Signature")])
			return m.with(t, swap(t, m.card, "</ds:Signature>", "<ds:Object>"+mine+"</ds:Object></ds:Signature>"))
		}, []string{fault.CodeSignature}},
		{"SA-33 content hidden in KeyInfo", func(t testing.TB, m material) string {
			mine := forged.Replace(m.card[strings.Index(m.card, "<saml:AttributeStatement"):strings.Index(m.card, "<ds:Signature")])
			return m.with(t, swap(t, m.card, "</ds:KeyInfo></ds:Signature>", mine+"</ds:KeyInfo></ds:Signature>"))
		}, accepted},
		{"SA-33 encrypted assertion beside the card", func(t testing.TB, m material) string {
			return m.with(t, `<saml:EncryptedAssertion xmlns:saml="`+nsSAML+`"><x/></saml:EncryptedAssertion>`+m.card)
		}, accepted},
		{"SA-33 encrypted assertion instead of the card", func(t testing.TB, m material) string {
			return m.with(t, `<saml:EncryptedAssertion xmlns:saml="`+nsSAML+`"><x/></saml:EncryptedAssertion>`)
		}, []string{fault.CodeMissingHeader}},
		{"SA-33 user name token beside the card", func(t testing.TB, m material) string {
			return m.with(t, `<wsse:UsernameToken><wsse:Username>99999903</wsse:Username></wsse:UsernameToken>`+m.card)
		}, accepted},
		{"SA-33 user name token instead of the card", func(t testing.TB, m material) string {
			return m.with(t, `<wsse:UsernameToken><wsse:Username>99999902</wsse:Username></wsse:UsernameToken>`)
		}, []string{fault.CodeMissingHeader}},
	}
}

// frameAttacks are about which part of the message is for whom.
func frameAttacks() []attack {
	edit := func(old, by string) func(testing.TB, material) string {
		return func(t testing.TB, m material) string { return swap(t, m.message, old, by) }
	}
	security := func(t testing.TB, m material) string { return element(t, m.message, "wsse:Security") }
	syntax := []string{fault.CodeSyntax}
	return []attack{
		{"SA-28 envelope in the Body", func(t testing.TB, m material) string {
			return swap(t, m.message, openBody, forged.Replace(m.message))
		}, syntax},
		{"SA-28 envelope in the Header", func(t testing.TB, m material) string {
			return swap(t, m.message, "</soap:Header>", without(t, forged.Replace(m.message), "saml:Assertion")+"</soap:Header>")
		}, accepted},
		{"SA-28 envelope around the envelope", func(_ testing.TB, m material) string {
			return `<soap:Envelope xmlns:soap="` + nsSOAP11 + `"><soap:Body>` + m.message + "</soap:Body></soap:Envelope>"
		}, syntax},
		{"SA-28 Header of the other SOAP version", func(t testing.TB, m material) string {
			return swap(t, swap(t, m.message, "<soap:Header>", `<s:Header xmlns:s="urn:none">`), "</soap:Header>", "</s:Header>")
		}, syntax},
		{"SA-28 Body in the SOAP 1.2 namespace beside the Body", edit("</soap:Body>", `</soap:Body><s:Body xmlns:s="urn:none"/>`), syntax},
		{"SA-28 Body inside the Body", edit(openBody, "<soap:Body>"+openBody+"</soap:Body>"), syntax},
		{"SA-28 Security for another actor, forged, first", func(t testing.TB, m material) string {
			mine := strings.Replace(forged.Replace(security(t, m)), "<wsse:Security", `<wsse:Security soap:actor="urn:other" soap:role="urn:other"`, 1)
			return swap(t, m.message, "<wsse:Security>", mine+"<wsse:Security>")
		}, syntax},
		{"SA-28 Security for another actor, forged, last", func(t testing.TB, m material) string {
			mine := strings.Replace(forged.Replace(security(t, m)), "<wsse:Security", `<wsse:Security soap:actor="urn:other" soap:role="urn:other"`, 1)
			return swap(t, m.message, "</soap:Header>", mine+"</soap:Header>")
		}, syntax},
		{"SA-28 Security of another WS-Security version, forged", func(t testing.TB, m material) string {
			mine := strings.ReplaceAll(forged.Replace(security(t, m)), "wsse:", "old:")
			mine = strings.Replace(mine, "<old:Security", `<old:Security xmlns:old="http://schemas.xmlsoap.org/ws/2003/06/secext"`, 1)
			return swap(t, m.message, "<wsse:Security>", strings.Replace(mine, `id="IDCard"`, `id="x"`, 1)+"<wsse:Security>")
		}, accepted},
		{"SA-28 Security with a mustUnderstand that nobody knows beside it", edit("</soap:Header>", `<x:Unknown xmlns:x="urn:x" soap:mustUnderstand="1"/></soap:Header>`), syntax},
		{"SA-28 mustUnderstand of no namespace", edit("<wsse:Security>", `<wsse:Security mustUnderstand="1">`), accepted},
		{"SA-28 two medcom:Header", edit("</medcom:Header>", "</medcom:Header><medcom:Header/>"), syntax},
		{"SA-28 medcom:Header of the other namespace beside it", edit("</medcom:Header>", `</medcom:Header><m:Header xmlns:m="http://svn.medcom.dk/svn/releases/Standarder/DGWS/Schemas/medcom-1.0.1.xsd"/>`), syntax},
		{"SA-28 two Timestamps", edit("<wsu:Timestamp", "<wsu:Timestamp/><wsu:Timestamp"), syntax},
		{"SA-28 operation with another operation in it", edit("<sec:System>", "<sec:CloseSession/><sec:System>"), accepted},
		{"SA-28 operation beside another operation", edit("</soap:Body>", `<sec:CloseSession xmlns:sec="`+testNS+`"/></soap:Body>`), syntax},
		{"SA-28 text beside Header and Body", edit("<soap:Body>", "99999903<soap:Body>"), accepted},
		{"SA-28 href to the operation (SOAP encoding)", edit(openBody, `<sec:OpenSession xmlns:sec="`+testNS+`" href="#x"/><multiRef id="x"/>`), syntax},
		{"SA-28 optimised content (XOP)", edit(">99999902<", `><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:x"/><`), nil},
	}
}

// TestMixedEnvelopes: the root decides the SOAP version, and nothing of the other version is part of the frame.
func TestMixedEnvelopes(t *testing.T) {
	r := newRouter()
	m := r.material()
	inOther := func(name string) func(string) string { // the element of the frame in the namespace of SOAP 1.2
		return func(message string) string {
			message = strings.Replace(message, "<soap:"+name, `<o:`+name+` xmlns:o="`+nsSOAP12+`"`, 1)
			return strings.Replace(message, "</soap:"+name, "</o:"+name, 1)
		}
	}
	for name, edit := range map[string]func(string) string{
		"Header of SOAP 1.2": inOther("Header"), "Body of SOAP 1.2": inOther("Body"), "Envelope of SOAP 1.2": inOther("Envelope"),
		"forged Header of SOAP 1.2 beside": func(s string) string {
			return strings.Replace(s, "<soap:Body>", inOther("Header")(forged.Replace(element(t, s, "soap:Header")))+"<soap:Body>", 1)
		},
		"forged Body of SOAP 1.2 beside": func(s string) string {
			return strings.Replace(s, "</soap:Envelope>", `<o:Body xmlns:o="`+nsSOAP12+`">`+openBody+"</o:Body></soap:Envelope>", 1)
		},
		"SOAP 1.2 that must be understood in SOAP 1.1": func(s string) string {
			return strings.Replace(s, "</soap:Header>", `<x:X xmlns:x="urn:x" soap:mustUnderstand="true" xmlns:o="`+nsSOAP12+`" o:role="urn:other"/></soap:Header>`, 1)
		},
		"an older SOAP": func(s string) string {
			return strings.ReplaceAll(s, nsSOAP11, "http://schemas.xmlsoap.org/soap/envelope")
		},
		"no SOAP": func(s string) string { return strings.ReplaceAll(s, nsSOAP11, "urn:x") },
	} {
		t.Run("SA-28 "+name, func(t *testing.T) { refused(t, r.send(t, []byte(edit(m.message))), fault.CodeSyntax) })
	}
}
