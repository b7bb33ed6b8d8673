package dgwstest

import "strings"

// Wrapping is one way to wrap a signature: Security stands in the Security header instead of the card, AtEnd at the end of the SOAP Header.
type Wrapping struct{ Name, Security, AtEnd string }

// Wrappings are the eight ways to wrap a signature (Somorovsky et al., "On Breaking SAML", 2012), some in two forms, for the signed card.
// forge makes of the card the one that the attacker would like to be read.
func Wrappings(card string, forge *strings.Replacer) []Wrapping {
	const end = "</saml:Assertion>"
	from := strings.Index(card, "<ds:Signature")
	to := strings.Index(card, "</ds:Signature>") + len("</ds:Signature>")
	bare, signature := card[:from]+card[to:], card[from:to]
	forged := forge.Replace(bare)
	open := strings.TrimSuffix(forged, end)
	object := func(content string) string {
		return `<ds:Object xmlns:ds="http://www.w3.org/2000/09/xmldsig#">` + content + "</ds:Object>"
	}
	inside := func(more string) string {
		return strings.TrimSuffix(signature, "</ds:Signature>") + more + "</ds:Signature>"
	}
	return []Wrapping{
		{"XSW1 original in an Object of the forged card's signature", open + inside(object(bare)) + end, ""},
		{"XSW1 signed original in an Object of the forged card's signature", open + inside(object(card)) + end, ""},
		{"XSW2 original as sibling before, signature in the forged card", bare + open + signature + end, ""},
		{"XSW2 signature detached beside both", bare + signature + forged, ""},
		{"XSW3 forged sibling before the original", forged + card, ""},
		{"XSW3 forged sibling after the original", card + forged, ""},
		{"XSW4 original as child of the forged card", open + card + end, ""},
		{"XSW5 forged card carries the signature, original at the end", open + signature + end, bare},
		{"XSW6 original inside the forged card's signature", open + inside(bare) + end, ""},
		{"XSW7 forged card in Extensions before", `<saml:Extensions xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">` + forged + "</saml:Extensions>" + card, ""},
		{"XSW8 original in an Object inside the forged card", open + object(card) + end, ""},
		{"XSW8 original in an Object inside, signature beside it", open + object(bare) + signature + end, ""},
	}
}
