package attack

import (
	"strings"
	"testing"
	"time"

	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/domain/fault"
)

// Names of claims.
const (
	claimCPR  = "dk:gov:saml:attribute:CprNumberIdentifier"
	claimCPR3 = "https://data.gov.dk/model/core/eid/cprNumber"
	claimCVR  = "dk:gov:saml:attribute:CvrNumberIdentifier"
	onBehalf  = "dk:healthcare:saml:attribute:OnBehalfOf"
)

// contentAttacks present tokens that were signed, but for another service, at another time, or saying two things at once.
func contentAttacks() []tokenAttack {
	card, authorised, syntax, signature := []string{fault.CodeIDCard}, []string{fault.CodeNotAuthorized}, []string{fault.CodeSyntax}, []string{fault.CodeSignature}
	for_ := func(audiences ...string) func(testing.TB, kit) string { // "$" is the right one
		return tokenOf(func(k kit, tk *idwstest.Token) {
			tk.Audiences = nil
			for _, a := range audiences {
				tk.Audiences = append(tk.Audiences, strings.ReplaceAll(a, "$", k.audience))
			}
		})
	}
	resigned := func(edits ...string) func(testing.TB, kit) string {
		return func(t testing.TB, k kit) string { return k.resigned(t, edits...) }
	}
	edit := func(old, by string) func(testing.TB, kit) string {
		return func(t testing.TB, k kit) string { return swap(t, k.good(), old, by) }
	}
	times := func(issued, from, until time.Duration) func(testing.TB, kit) string {
		return tokenOf(func(_ kit, tk *idwstest.Token) {
			tk.Issued, tk.NotBefore, tk.NotOnOrAfter = at(issued), at(from), at(until)
		})
	}
	behalf := func(text string) func(testing.TB, kit) string {
		return tokenOf(func(_ kit, tk *idwstest.Token) { *tk = tk.With(onBehalf, text) })
	}
	const custody = "urn:dk:healthcare:saml:actThroughCustodyOver:cprNumberIdentifier:"
	statement := func(claims string) string {
		return "<saml:AttributeStatement>" + claims + "</saml:AttributeStatement>"
	}
	attribute := func(name, value string) string {
		return `<saml:Attribute Name="` + name + `"><saml:AttributeValue>` + value + "</saml:AttributeValue></saml:Attribute>"
	}
	return []tokenAttack{
		{"SA-38 audience of another service", for_("https://other"), authorised},
		{"SA-38 no audience", for_(), authorised},
		{"SA-38 no AudienceRestriction, audience elsewhere", resigned("<saml:AudienceRestriction>", "<saml:ProxyRestriction>", "</saml:AudienceRestriction>", "</saml:ProxyRestriction>"), authorised},
		{"SA-38 audience with a slash more", for_("$/"), authorised},
		{"SA-38 audience in upper case", for_("HTTPS://TEST", "HTTPS://MINLOG"), authorised},
		{"SA-38 audience that begins the same", for_("$.attacker.test"), authorised},
		{"SA-38 audience with a part of it", for_("https://", "https://min", "https://tes"), authorised},
		{"SA-38 audience empty", for_(""), authorised},
		{"SA-38 audience in two restrictions, both must hold", resigned("</saml:AudienceRestriction>", "</saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>https://other</saml:Audience></saml:AudienceRestriction>"), authorised},
		{"SA-38 audience one of several", for_("https://other", "$"), accepted},
		{"SA-38 audience exchanged", edit("<saml:Audience>", "<saml:Audience>https://other"), signature},

		{"SA-10 token past its end", times(-time.Hour, -time.Hour, 0), []string{fault.CodeExpired}},
		{"SA-11 token not yet valid", times(0, 61*time.Second, time.Hour), card},
		{"SA-11 token issued in the future", times(61*time.Second, 0, time.Hour), card},
		{"SA-11 token for more than 24 hours", times(-time.Minute, -time.Minute, 24*time.Hour), card},
		{"SA-11 token that ends before it begins", times(0, time.Hour, 0), card},
		{"SA-11 token without beginning", tokenOf(func(_ kit, tk *idwstest.Token) { tk.NotBefore = "" }), card},
		{"SA-11 token without end", tokenOf(func(_ kit, tk *idwstest.Token) { tk.NotOnOrAfter = "" }), card},
		{"SA-11 token without Conditions", resigned("<saml:Conditions", "<saml:Other", "</saml:Conditions>", "</saml:Other>"), nil},
		{"SA-11 two Conditions", resigned("<saml:AttributeStatement>", "<saml:Conditions/><saml:AttributeStatement>"), card},
		{"SA-11 SAML 1.1", resigned(`Version="2.0"`, `Version="1.1"`), card},
		{"SA-11 confirmation past its end", tokenOf(func(_ kit, tk *idwstest.Token) { tk.ConfirmedUntil = at(0) }), []string{fault.CodeExpired}},

		{"SEC-03 person in the NameID alone", tokenOf(func(_ kit, tk *idwstest.Token) { *tk = tk.Without(claimCPR) }), card},
		{"SEC-03 another person in the NameID", tokenOf(func(_ kit, tk *idwstest.Token) { tk.NameID = claimCPR + ":0202020002" }), accepted},
		{"SEC-03 two different numbers by two names", tokenOf(func(_ kit, tk *idwstest.Token) { *tk = tk.With(claimCPR3, "0202020002") }), card},
		{"SEC-03 the same claim twice", resigned("</saml:AttributeStatement>", attribute(claimCPR, "0202020002")+"</saml:AttributeStatement>"), card},
		{"SEC-03 two values of a claim", resigned(">2512489996</saml:AttributeValue>", ">2512489996</saml:AttributeValue><saml:AttributeValue>0202020002</saml:AttributeValue>"), card},
		{"SEC-03 two statements", resigned("</saml:AttributeStatement>", "</saml:AttributeStatement>"+statement(attribute(claimCVR, "99999903"))), card},
		{"SEC-03 claims in an Advice", resigned("<saml:AttributeStatement>", "<saml:Advice>"+statement(attribute(claimCVR, "99999903"))+"</saml:Advice><saml:AttributeStatement>"), accepted},
		{"SEC-03 claims of another namespace", resigned("</saml:AttributeStatement>", `<x:Attribute xmlns:x="urn:x" Name="`+claimCVR+`"><saml:AttributeValue>99999903</saml:AttributeValue></x:Attribute></saml:AttributeStatement>`), accepted},
		{"SEC-03 claim's name in another namespace", resigned("</saml:AttributeStatement>", `<saml:Attribute xmlns:x="urn:x" x:Name="`+claimCVR+`"><saml:AttributeValue>99999903</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>`), accepted},
		{"SEC-03 claim's name with a blank", resigned("</saml:AttributeStatement>", attribute(claimCVR+" ", "99999903")+"</saml:AttributeStatement>"), accepted},
		{"SEC-03 claim's name as FriendlyName", resigned("</saml:AttributeStatement>", strings.Replace(attribute("urn:x", "99999903"), "Name=", `FriendlyName="`+claimCVR+`" Name=`, 1)+"</saml:AttributeStatement>"), accepted},
		{"SEC-03 element in a claim", resigned(">2512489996<", ">2512489996<x/><"), card},
		{"SEC-03 number with a sign between", resigned(">2512489996<", ">+512489996<"), card},
		{"SEC-03 organisation number of seven digits", tokenOf(func(_ kit, tk *idwstest.Token) { *tk = tk.With(claimCVR, "9999990") }), card},
		{"SA-42 on behalf: unknown kind", behalf("urn:dk:healthcare:saml:actThroughMagic:cprNumberIdentifier:1101116171"), card},
		{"SA-42 on behalf: oneself", behalf(custody + "2512489996"), card},
		{"SA-42 on behalf: two", behalf(custody + "1101116171," + custody + "0511804817"), card},
		{"SA-42 on behalf: more after the number", behalf(custody + "1101116171x"), card},
		{"SA-42 on behalf: nobody", behalf(custody), card},
		{"SA-42 on behalf added", edit("</saml:AttributeStatement>", attribute(onBehalf, custody+"1101116171")+"</saml:AttributeStatement>"), signature},
		{"SA-42 on behalf twice", resigned("</saml:AttributeStatement>", attribute(onBehalf, custody+"1101116171")+attribute(onBehalf, custody+"0511804817")+"</saml:AttributeStatement>"), card},
		{"SEC-20 assurance level 2", tokenOf(func(_ kit, tk *idwstest.Token) { *tk = tk.With("dk:gov:saml:attribute:AssuranceLevel", "2") }), []string{fault.CodeSecurityLevel}},
		{"SEC-20 assurance level 33", tokenOf(func(_ kit, tk *idwstest.Token) { *tk = tk.With("dk:gov:saml:attribute:AssuranceLevel", "33") }), []string{fault.CodeSecurityLevel}},
		{"SEC-20 assurance low on one scale, high on the other", tokenOf(func(_ kit, tk *idwstest.Token) {
			*tk = tk.With("dk:gov:saml:attribute:AssuranceLevel", "1").With("https://data.gov.dk/concept/core/nsis/loa", "High")
		}), []string{fault.CodeSecurityLevel}},

		{"SX-02 comment in a claim (CVE-2017-11427)", edit(">2512489996<", ">251248<!-- -->9996<"), syntax},
		{"SX-02 comment in the Body", func(t testing.TB, k kit) string { return swap(t, k.good(), ">original<", ">ori<!-- -->ginal<") }, accepted},
		{"SX-02 processing instruction in the Body", edit(">original<", ">ori<?x y?>ginal<"), syntax},
		{"SX-02 CDATA in a claim", edit(">2512489996<", "><![CDATA[251248]]>9996<"), accepted},
		{"SX-02 CDATA adds to a claim", edit(">2512489996<", "><![CDATA[2512489996]]>0<"), signature},
		{"SA-37 SAML's prefix rebound around the token", edit("<wsse:Security ", `<wsse:Security xmlns:saml="urn:x" xmlns:ds="urn:y" `), accepted},
		{"SA-37 default namespace around the token", edit("<wsse:Security ", `<wsse:Security xmlns="urn:x" `), accepted},
		{"SA-37 the Body's prefix rebound in Body", edit("<sec:System>", `<sec:System xmlns:sec="urn:x">`), signature},
		{"SA-37 attribute added to Body", edit("<soap:Body ", `<soap:Body xml:lang="da" `), signature},
		{"SA-37 xsi:type added to the Body's element", edit("<sec:System>", `<sec:System xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x">`), signature},
		{"SA-37 xml:base around all", edit("<soap:Header>", `<soap:Header xml:base="http://x/">`), accepted},
	}
}

// referenceAttacks bend the way from a reference to what it means.
func referenceAttacks() []tokenAttack {
	signature := []string{fault.CodeSignature}
	edit := func(old, by string) func(testing.TB, kit) string {
		return func(t testing.TB, k kit) string { return first(t, k.good(), old, by) }
	}
	const keyIdentifier = `SAMLID">_t1</wsse:KeyIdentifier>`
	beside := func(assertionAt, id string) func(testing.TB, kit) string { // the thief's token, where the reference leads
		return func(t testing.TB, k kit) string {
			tk := k.other()
			tk.ID = id
			thief := k.with(tk, epj())
			thief.TokenID = id
			m := string(thief.Bytes())
			stolen := element(t, m, "saml:Assertion")
			m = swap(t, m, stolen, string(k.token().Sign(k.sts)))
			return swap(t, m, assertionAt, stolen+assertionAt)
		}
	}
	str := `<wsse:SecurityTokenReference wsu:Id="str1"`
	return []tokenAttack{
		{"SA-31 reference to the thief's token in a header", beside("</soap:Header>", "_other"), signature},
		{"SA-31 reference to the thief's token in the Body", beside("</soap:Body>", "_other"), nil},
		{"SA-31 reference to the thief's token of the same id", beside("</soap:Header>", "_t1"), signature},
		{"SA-31 reference to the thief's token beside the stolen one", beside("</wsse:Security>", "_other"), []string{fault.CodeIDCard}},
		{"SA-31 reference to the thief's token in the Timestamp", beside("</wsu:Timestamp>", "_other"), signature},
		{"SA-31 reference to the thief's token inside the stolen one", beside("</saml:Subject>", "_other"), signature},
		{"SA-31 reference to nothing", edit(keyIdentifier, `SAMLID">_t2</wsse:KeyIdentifier>`), signature},
		{"SA-31 reference to the Body", edit(keyIdentifier, `SAMLID">body</wsse:KeyIdentifier>`), signature},
		{"SA-31 reference to itself", edit(keyIdentifier, `SAMLID">str1</wsse:KeyIdentifier>`), signature},
		{"SA-31 reference to the Timestamp", edit(keyIdentifier, `SAMLID">ts</wsse:KeyIdentifier>`), signature},
		{"SA-31 reference by another kind of identifier", edit("#SAMLID", "#SAMLAssertionID"), signature},
		{"SA-31 reference to an address", edit(keyIdentifier, `SAMLID">http://127.0.0.1:1/_t1</wsse:KeyIdentifier>`), signature},
		{"SA-31 two pointers in one reference", edit("</wsse:KeyIdentifier>", `</wsse:KeyIdentifier><wsse:Reference URI="#_t1"/>`), signature},
		{"SA-31 embedded token", edit(str, `<wsse:SecurityTokenReference wsu:Id="str1"><wsse:Embedded/></wsse:SecurityTokenReference>`+strings.Replace(str, "str1", "str2", 1)), signature},
		{"SA-31 two references of one id", edit(str, `<wsse:SecurityTokenReference wsu:Id="str1"/>`+str), signature},
		{"SA-31 reference outside of Security", func(t testing.TB, k kit) string {
			m := k.good()
			r := element(t, m, "wsse:SecurityTokenReference")
			return swap(t, first(t, m, r, ""), "</soap:Header>", r+"</soap:Header>")
		}, signature},
		{"SA-31 STR-Transform replaced by exc-c14n", func(t testing.TB, k kit) string {
			m := k.good()
			s := messageSignature(t, m)
			from := strings.Index(s, "#STR-Transform")
			from = strings.LastIndex(s[:from], "<ds:Transform ")
			return swap(t, m, element(t, s[from:], "ds:Transform"), `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`)
		}, signature},
		{"SA-31 STR-Transform on the Body", edit(`URI="#body"`, `URI="#str1"`), signature},
		{"SA-33 reference to the whole document", edit(`URI="#body"`, `URI=""`), signature},
		{"SA-33 reference to another address", edit(`URI="#body"`, `URI="http://127.0.0.1:1/#body"`), signature},
		{"SA-33 reference to an attachment", edit(`URI="#body"`, `URI="cid:body"`), signature},
		{"SA-33 reference of the Body to the Timestamp", edit(`URI="#body"`, `URI="#ts"`), signature},
		{"SA-33 reference with a Type", edit(`URI="#body"`, `Type="http://www.w3.org/2000/09/xmldsig#Object" URI="#body"`), signature},
		{"SA-33 HMAC with the holder's certificate", func(t testing.TB, k kit) string {
			m := k.good()
			s := messageSignature(t, m)
			return swap(t, m, s, swap(t, s, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"))
		}, signature},
		{"SA-33 Object in the message signature", func(t testing.TB, k kit) string {
			m := k.good()
			s := messageSignature(t, m)
			return swap(t, m, s, lastIn(t, s, "<ds:Object/>"))
		}, signature},
		{"SA-30 Body's id on the Header too", edit("<soap:Header>", `<soap:Header wsu:Id="body">`), signature},
		{"SA-30 Body's id as xml:id elsewhere", edit("<soap:Header>", `<soap:Header xml:id="body">`), signature},
		{"SA-30 Body's id as ID elsewhere", edit("<sec:System>", `<sec:System ID="body">`), signature},
		{"SA-30 token's id as wsu:Id elsewhere", edit("<soap:Header>", `<soap:Header wsu:Id="_t1">`), signature},
		{"SA-30 token with id beside ID", edit(` ID="_t1"`, ` ID="_t1" id="_t1"`), []string{fault.CodeIDCard, fault.CodeSignature}},
		{"SA-30 token with id IDCard beside ID", edit(` ID="_t1"`, ` ID="_t1" id="IDCard"`), []string{fault.CodeIDCard, fault.CodeSignature}},
		{"SA-30 token by wsu:Id", edit(` ID="_t1"`, ` wsu:Id="_t1"`), []string{fault.CodeIDCard, fault.CodeSignature}},
	}
}
