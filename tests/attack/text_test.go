package attack

import (
	"strings"
	"testing"

	"github.com/opennsp/nsp/domain/fault"
)

// textAttacks are about what one reader of XML takes for text and another does not.
func textAttacks() []attack {
	edit := func(old, by string) func(testing.TB, material) string {
		return func(t testing.TB, m material) string { return swap(t, m.message, old, by) }
	}
	resigned := func(oldNew ...string) func(testing.TB, material) string {
		return func(t testing.TB, m material) string {
			return m.with(t, m.signed(strings.NewReplacer(oldNew...).Replace(without(t, m.card, "ds:Signature"))))
		}
	}
	syntax, card, signature := []string{fault.CodeSyntax}, []string{fault.CodeIDCard}, []string{fault.CodeSignature}
	return []attack{
		{"SX-02 comment cuts a value (CVE-2017-11427)", edit(">99999902<", ">99999902<!-- -->1<"), syntax},
		{"SX-02 comment cuts a value that was signed so", resigned(">TestEPJ<", ">Test<!-- -->EPJ<"), syntax},
		{"SX-02 comment beside a value", edit(">99999902<", "><!---->99999902<"), syntax},
		{"SX-02 comment between Header and Body", edit("<soap:Body>", "<!-- --><soap:Body>"), accepted},
		{"SX-02 comment in the Body", edit("<sec:System>original", "<sec:System>ori<!-- -->ginal"), accepted},
		{"SX-02 comment with two hyphens", edit("<sec:System>original", "<sec:System><!-- -- -->original"), syntax},
		{"SX-02 processing instruction cuts a value (CVE-2018-0489)", edit(">99999902<", ">99999902<?x y?>1<"), syntax},
		{"SX-02 processing instruction xml inside", edit("<soap:Body>", `<?xml version="1.0"?><soap:Body>`), syntax},
		{"SX-02 CDATA splits a value", edit(">99999902<", "><![CDATA[9999]]>99<![CDATA[02]]><"), accepted},
		{"SX-02 CDATA adds to a value", edit(">99999902<", ">99999902<![CDATA[1]]><"), signature},
		{"SX-02 nested CDATA", edit(">99999902<", "><![CDATA[<![CDATA[99999902]]>]]><"), nil},
		{"SX-02 character references spell a value", edit(">99999902<", ">&#57;&#x39;99990&#50;<"), accepted},
		{"SX-02 character reference adds a blank", edit(">99999902<", ">99999902&#32;<"), signature},
		{"SX-02 digits of another script", edit(">99999902<", ">９９９９９９０３<"), signature},
		{"SX-02 digits of another script, signed", resigned(">99999902<", ">９９９９９９０２<"), card},
		{"SX-02 zero-width space in a number, signed", resigned(">99999902<", ">9999\u200b9902<"), card},
		{"SX-02 entity in a value, declared inside", func(t testing.TB, m material) string {
			return `<!DOCTYPE x [<!ENTITY cvr "99999903">]>` + swap(t, m.message, ">99999902<", ">&cvr;<")
		}, syntax},
		{"SX-02 entity in a value, not declared", edit(">99999902<", ">&cvr;<"), syntax},
		{"SX-02 attribute type declared by DTD (CVE-2025-25291)", func(_ testing.TB, m material) string {
			return `<!DOCTYPE soap:Envelope [<!ATTLIST saml:Assertion xmlns:saml CDATA "urn:x">]>` + m.message
		}, syntax},
		{"SX-02 DOCTYPE in lower case", func(_ testing.TB, m material) string { return "<!doctype x>" + m.message }, syntax},
		{"SX-02 DOCTYPE inside the root", edit("<soap:Body>", "<!DOCTYPE x><soap:Body>"), syntax},
		{"SX-02 parameter entity from outside", func(_ testing.TB, m material) string {
			return `<!DOCTYPE x [<!ENTITY % e SYSTEM "http://127.0.0.1:1/e"> %e;]>` + m.message
		}, syntax},
		{"SX-02 XInclude", edit("<sec:System>original", `<sec:System><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>original`), accepted},
		{"SX-02 two documents (CVE-2022-39299)", func(_ testing.TB, m material) string { return m.message + m.message }, syntax},
		{"SX-02 forged document after the good one", func(_ testing.TB, m material) string { return m.message + forged.Replace(m.message) }, syntax},
		{"SX-02 NUL after the document", func(_ testing.TB, m material) string { return m.message + "\x00" + forged.Replace(m.message) }, syntax},
		{"SX-02 byte order mark", func(_ testing.TB, m material) string { return "\xef\xbb\xbf" + m.message }, accepted},
		{"SX-02 two byte order marks", func(_ testing.TB, m material) string { return "\xef\xbb\xbf\xef\xbb\xbf" + m.message }, syntax},
		{"SX-02 byte order mark of UTF-16", func(_ testing.TB, m material) string { return "\xff\xfe" + m.message }, syntax},
		{"SX-02 UTF-7 declared", func(_ testing.TB, m material) string { return `<?xml version="1.0" encoding="UTF-7"?>` + m.message }, syntax},
		{"SX-02 EBCDIC declared", func(_ testing.TB, m material) string { return `<?xml version="1.0" encoding="IBM037"?>` + m.message }, syntax},
		{"SX-02 standalone no", func(_ testing.TB, m material) string { return `<?xml version="1.0" standalone="no"?>` + m.message }, accepted},
		{"SX-02 white space before the declaration", func(_ testing.TB, m material) string { return ` <?xml version="1.0"?>` + m.message }, syntax},
		{"SX-02 name with two colons (CVE-2020-27846)", edit("<sec:System>original</sec:System>", "<sec:a:b>original</sec:a:b>"), syntax},
		{"SX-02 name that begins with a colon", edit("<sec:System>original</sec:System>", "<:System>original</:System>"), syntax},
		{"SX-02 attribute without a name after its prefix", edit("<sec:System>", `<sec:System sec:="x">`), syntax},
		{"SX-02 end tag of another prefix", edit("</sec:System>", "</sex:System>"), syntax},
		{"SX-02 end tag of another prefix for the same namespace", edit("<sec:System>original</sec:System>", `<sec:System xmlns:s="`+testNS+`">original</s:System>`), syntax},
		{"SX-02 < in an attribute", edit("<sec:System>", `<sec:System a="<">`), syntax},
		{"SX-02 ]]> in text", edit(">original<", ">]]>original<"), syntax},
		{"SX-02 attribute without quotes", edit("<sec:System>", `<sec:System a=b>`), syntax},
		{"SX-02 attributes without a blank between", edit("<sec:System>", `<sec:System a="1"b="2">`), syntax},
		{"SX-02 surrogates", edit(">original<", ">\xed\xa0\x80original<"), syntax},
		{"SX-02 code point beyond Unicode", edit(">original<", ">&#x110000;<"), syntax},
		{"SX-02 character reference that runs over", edit(">original<", ">&#4294967344;<"), syntax},
		{"SX-02 U+FFFE", edit(">original<", ">\uFFFEoriginal<"), syntax},
		{"SX-02 line ends in the card", func(_ testing.TB, m material) string {
			return strings.ReplaceAll(m.message, "<saml:Attribute ", "<saml:Attribute\r\n\t")
		}, accepted},
		{"SX-02 carriage return in a value", edit(">99999902<", ">99999902\r<"), signature},
		{"SX-02 carriage return spelt out in a value", edit(">99999902<", ">99999902&#13;<"), signature},
		{"SX-02 quotes of the other kind", func(_ testing.TB, m material) string {
			return strings.ReplaceAll(m.message, `Format="medcom:other"`, `Format='medcom:other'`)
		}, accepted},
		{"SX-02 tab spelt out in an attribute", edit(`Format="medcom:other"`, `Format="medcom:other&#9;"`), signature},
		{"SX-02 value in two elements, signed", resigned(">99999902</saml:AttributeValue>", ">99999902</saml:AttributeValue><saml:AttributeValue>99999903</saml:AttributeValue>"), card},
		{"SX-02 element in a value, signed", resigned(">99999902<", ">99999902<x/><"), card},
	}
}

// idAttacks are about which attribute names an element, and how often.
func idAttacks() []attack {
	card, signature := []string{fault.CodeIDCard}, []string{fault.CodeSignature}
	onCard := func(attributes string) func(testing.TB, material) string {
		return func(t testing.TB, m material) string { return swap(t, m.message, ` id="IDCard"`, attributes) }
	}
	forgedBeside := func(attribute string) func(testing.TB, material) string {
		return func(t testing.TB, m material) string {
			mine := forged.Replace(swap(t, without(t, m.card, "ds:Signature"), ` id="IDCard"`, attribute))
			return swap(t, m.message, "</soap:Header>", `<x:W xmlns:x="urn:x">`+mine+"</x:W></soap:Header>")
		}
	}
	var all []attack
	for _, a := range []string{` ID="IDCard"`, ` Id="IDCard"`, ` wsu:Id="IDCard"`, ` xml:id="IDCard"`} {
		all = append(all,
			attack{"SA-30 card named by" + a, onCard(a), []string{fault.CodeIDCard, fault.CodeMissingHeader, fault.CodeNotAuthorized}},
			attack{"SA-30 card named by id and" + a, onCard(` id="IDCard"` + a), []string{fault.CodeIDCard, fault.CodeSignature}},
			attack{"SA-30 card named by" + a + " and another id", onCard(` id="Forged"` + a), card},
			attack{"SA-30 forged card elsewhere named by" + a, forgedBeside(a), signature})
	}
	return append(all,
		attack{"SA-30 forged card elsewhere with the id", forgedBeside(` id="IDCard"`), signature},
		attack{"SA-30 forged card elsewhere with the id in references", forgedBeside(` id="&#73;DCard"`), signature},
		attack{"SA-30 forged card elsewhere with xml:id and blanks", forgedBeside(` xml:id=" IDCard "`), signature},
		attack{"SA-30 forged card elsewhere with another case of the id", forgedBeside(` id="idcard"`), accepted},
		attack{"SA-30 forged card elsewhere with an id attribute of another namespace", forgedBeside(` xmlns:y="urn:y" y:id="IDCard"`), accepted},
		attack{"SA-30 two attributes id", onCard(` id="IDCard" id="IDCard"`), []string{fault.CodeSyntax}},
		attack{"SA-30 two attributes id by two prefixes of one namespace", onCard(` xmlns:p="urn:p" xmlns:q="urn:p" id="IDCard" p:id="a" q:id="b"`), []string{fault.CodeSyntax}},
		attack{"SA-30 id in upper case", onCard(` id="IDCARD"`), card},
		attack{"SA-30 id with blanks", onCard(` id=" IDCard"`), card},
		attack{"SA-30 id empty", onCard(` id=""`), card},
		attack{"SA-30 URI with an escaped id", func(t testing.TB, m material) string { return m.inSignature(t, "#IDCard", "#%49DCard") }, signature},
		attack{"SA-30 URI with a blank", func(t testing.TB, m material) string { return m.inSignature(t, "#IDCard", "#IDCard ") }, signature},
		attack{"SA-30 URI of two fragments", func(t testing.TB, m material) string { return m.inSignature(t, "#IDCard", "#IDCard#Forged") }, signature},
		attack{"SA-30 URI with xpointer", func(t testing.TB, m material) string { return m.inSignature(t, "#IDCard", "#xpointer(id('IDCard'))") }, signature},
		attack{"SA-30 the same document by its own address", func(t testing.TB, m material) string {
			return m.inSignature(t, "#IDCard", "http://127.0.0.1/test/service#IDCard")
		}, signature},
	)
}
