package xmldsig_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

const (
	strOpen   = `<wsse:SecurityTokenReference wsu:Id="str"><wsse:KeyIdentifier ValueType="` + xmltest.STP + `SAMLID">`
	strClose  = `</wsse:KeyIdentifier></wsse:SecurityTokenReference>`
	reference = strOpen + `IDCard` + strClose
)

// tokenMessage returns a message signed with key 0 whose reference is the token behind header, and how it stands before.
func tokenMessage(t testing.TB, header string) []byte {
	t.Helper()
	doc := xmltest.Envelope(header, 1)
	s := xmltest.Signer(t, 0)
	s.KeyInfo = []byte(`<ds:KeyName>k</ds:KeyName>`)
	signed, err := s.SignMessage(doc, strings.Index(string(doc), "</wsse:Security>"), xmldsig.Part{ID: "str", Token: true}, xmldsig.Part{ID: "body"})
	require.NoError(t, err)
	return signed
}

func checkMessage(t testing.TB, src []byte) (*xmltree.Tree, xmldsig.Signature, xmldsig.Verified, error) {
	t.Helper()
	tree := parse(t, src)
	security := tree.Child(tree.Child(tree.Root(), xmltest.SOAP, "Header"), xmltest.WSSE, "Security")
	s, err := xmldsig.ReadMessage(tree, security)
	if err != nil {
		return tree, s, xmldsig.Verified{}, err
	}
	v, err := s.Verify(&xmltest.Key(t, 0).PublicKey, xmldsig.Algorithms{})
	return tree, s, v, err
}

func TestToken(t *testing.T) {
	signed := string(tokenMessage(t, xmltest.Card+reference))
	replace := func(old, new string) string {
		out := strings.Replace(signed, old, new, 1)
		require.NotEqual(t, signed, out)
		return out
	}
	const str = `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#` // of enveloped-signature
	strTransform := signed[strings.Index(signed, `<ds:Transform Algorithm="http://docs.oasis`):strings.Index(signed, "</ds:Transforms>")]
	second := strings.Replace(xmltest.Card, `id="IDCard"`, `id="second"`, 1)
	for name, src := range map[string]string{
		"SA-31 second assertion":                  replace(reference, strings.Replace(reference, ">IDCard<", ">second<", 1)+second),
		"SA-31 two assertions, the first meant":   replace(reference, reference+second),
		"SA-31 element outside Security":          replace(">IDCard<", ">body<"),
		"SA-31 element that is no token":          replace(">IDCard<", ">ts<"),
		"SA-31 assertion inside another element":  replace(xmltest.Card, "<x>"+xmltest.Card+"</x>"),
		"SA-31 assertion in the Body":             strings.Replace(replace(xmltest.Card, ""), "<Registrations ", xmltest.Card+"<Registrations ", 1),
		"SA-31 reference outside Security":        strings.Replace(replace(reference, ""), "</soap:Header>", reference+"</soap:Header>", 1),
		"SA-31 STR-Transform and another before":  replace(strTransform, str+`enveloped-signature"/>`+strTransform),
		"SA-31 STR-Transform and another after":   replace(strTransform, strTransform+`<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`),
		"SA-31 STR-Transform twice":               replace(strTransform, strTransform+strTransform),
		"SA-31 STR-Transform of the Body":         replace(`URI="#str"`, `URI="#body"`),
		"SA-31 enveloped in a message signature":  replace(strTransform, str+`enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`),
		"SX-07 no parameters":                     replace(strTransform, `<ds:Transform Algorithm="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform"/>`),
		"SX-07 two canonicalisations":             replace("</wsse:TransformationParameters>", `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></wsse:TransformationParameters>`),
		"SX-07 pointer missing":                   replace(reference, `<wsse:SecurityTokenReference wsu:Id="str"/>`),
		"SX-07 two pointers":                      replace(strClose, `</wsse:KeyIdentifier><wsse:Reference URI="#IDCard"/></wsse:SecurityTokenReference>`),
		"SX-07 external pointer":                  replace(reference, `<wsse:SecurityTokenReference wsu:Id="str"><wsse:Reference URI="http://example.org/"/></wsse:SecurityTokenReference>`),
		"SX-07 key identifier of another kind":    replace("SAMLID", "X509SubjectKeyIdentifier"),
		"SX-07 pointer of another kind":           replace(reference, `<wsse:SecurityTokenReference wsu:Id="str"><ds:X509Data/></wsse:SecurityTokenReference>`),
		"SX-07 unknown token":                     replace(">IDCard<", ">nosuch<"),
		"SA-30 token id twice":                    replace(`<soap:Body `, `<soap:Body ID="IDCard" `),
		"SA-30 reference id twice":                replace(`<soap:Body `, `<soap:Body ID="str" `),
		"SX-06 reference to what holds it":        strings.Replace(replace(`URI="#body"`, `URI="#sec"`), "<wsse:Security>", `<wsse:Security wsu:Id="sec">`, 1),
		"SX-06 reference into the signature":      replace(`URI="#body"`, `URI="#OCESSignature"`),
		"SX-06 reference to KeyInfo":              strings.Replace(replace(`URI="#body"`, `URI="#ki"`), "<ds:KeyInfo><ds:KeyName>k", `<ds:KeyInfo Id="ki"><ds:KeyName>k`, 1),
		"SX-06 two signatures in Security":        replace("</wsse:Security>", "<ds:Signature/></wsse:Security>"),
		"SX-06 no signature directly in Security": strings.Replace(replace("<ds:Signature ", "<x><ds:Signature "), "</ds:Signature></wsse:Security>", "</ds:Signature></x></wsse:Security>", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := checkMessage(t, []byte(src))
			require.True(t, errors.Is(err, xmldsig.ErrStructure) || errors.Is(err, xmldsig.ErrAlgorithm), "%v", err)
		})
	}
	t.Run("SX-07 content of the token changed", func(t *testing.T) {
		_, _, _, err := checkMessage(t, []byte(replace(victim, attacker)))
		require.ErrorIs(t, err, xmldsig.ErrDigest)
	})
	t.Run("SX-07 by wsse:Reference", func(t *testing.T) {
		src := tokenMessage(t, xmltest.Card+`<wsse:SecurityTokenReference wsu:Id="str"><wsse:Reference URI="#IDCard"/></wsse:SecurityTokenReference>`)
		tree, s, v, err := checkMessage(t, src)
		require.NoError(t, err)
		require.True(t, v.Covers(card(tree)))
		require.Equal(t, "k", s.KeyName())
	})
	t.Run("SX-07 BinarySecurityToken", func(t *testing.T) {
		bst := `<wsse:BinarySecurityToken wsu:Id="bst" ValueType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3">` +
			base64.StdEncoding.EncodeToString(xmltest.Certificate(t, xmltest.Key(t, 0))) + `</wsse:BinarySecurityToken>`
		str := `<wsse:SecurityTokenReference wsu:Id="str"><wsse:Reference URI="#bst"/></wsse:SecurityTokenReference>`
		doc := xmltest.Envelope(xmltest.Card+bst+str, 1)
		s := xmltest.Signer(t, 0)
		s.KeyInfo = []byte(strings.NewReplacer(` wsu:Id="str"`, "").Replace(str))
		signed, err := s.SignMessage(doc, strings.Index(string(doc), "</wsse:Security>"), xmldsig.Part{ID: "str", Token: true})
		require.NoError(t, err)
		tree, got, v, err := checkMessage(t, signed)
		require.NoError(t, err)
		require.True(t, v.Covers(got.Token()))
		require.True(t, tree.Is(got.Token(), xmltest.WSSE, "BinarySecurityToken"))
		der, ok := got.TokenCertificate()
		require.True(t, ok)
		require.NotEmpty(t, der)

		moved := strings.Replace(string(signed), bst, "", 1)
		moved = strings.Replace(moved, "<Registrations ", bst+"<Registrations ", 1)
		_, got, _, err = checkMessage(t, []byte(moved))
		require.ErrorIs(t, err, xmldsig.ErrStructure, "SA-31 a token outside of Security")
		require.Equal(t, 0, got.References())
	})
}

// rewrite puts other transforms on the reference to the token and signs the digest that the options give.
func rewrite(t testing.TB, transforms string, o c14n.Options) []byte {
	t.Helper()
	signed := string(tokenMessage(t, xmltest.Card+reference))
	signed = fill(t, signed, "ds:Transforms", transforms)
	tree := parse(t, []byte(signed))
	var form bytes.Buffer
	require.NoError(t, c14n.Write(&form, tree, card(tree), o))
	sum := sha256.Sum256(form.Bytes())
	signed = fill(t, signed, "ds:DigestValue", base64.StdEncoding.EncodeToString(sum[:]))

	tree = parse(t, []byte(signed))
	signature := tree.Child(tree.Parent(card(tree)), xmltest.DS, "Signature")
	form.Reset()
	require.NoError(t, c14n.Write(&form, tree, tree.First(signature), c14n.Options{}))
	sum = sha256.Sum256(form.Bytes())
	value, err := xmltest.SignWith(xmltest.Key(t, 0))(crypto.SHA256, sum[:])
	require.NoError(t, err)
	return []byte(fill(t, signed, "ds:SignatureValue", base64.StdEncoding.EncodeToString(value)))
}

// fill puts content into the first element of this name.
func fill(t testing.TB, doc, name, content string) string {
	t.Helper()
	before, rest, ok := strings.Cut(doc, "<"+name+">")
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, "</"+name+">")
	require.True(t, ok)
	return before + "<" + name + ">" + content + "</" + name + ">" + after
}

func TestTokenForms(t *testing.T) {
	str := func(method string) string {
		return `<ds:Transform Algorithm="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform">` +
			`<wsse:TransformationParameters>` + method + `</wsse:TransformationParameters></ds:Transform>`
	}
	exclusive := func(list string) string {
		return `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="` +
			list + `"/></ds:CanonicalizationMethod>`
	}
	const plain = `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`
	for _, c := range []struct {
		name, transforms string
		o                c14n.Options
		err              error
	}{
		{"SA-32 WSS4J form", str(plain), c14n.Options{EmptyDefault: true}, nil},
		{"SA-32 plain form", str(plain), c14n.Options{}, nil},
		{"SA-32 InclusiveNamespaces with #default and unknown prefix", str(exclusive("#default nosuch wsu")), c14n.Options{PrefixList: "#default nosuch wsu"}, nil},
		{"SA-32 inclusive c14n", str(`<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>`), c14n.Options{Method: c14n.Inclusive}, nil},
		{"another form", str(plain), c14n.Options{PrefixList: "wsu"}, xmldsig.ErrDigest},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, _, err := checkMessage(t, rewrite(t, c.transforms, c.o))
			require.ErrorIs(t, err, c.err)
		})
	}
	t.Run("the default namespace of the apex is not written twice", func(t *testing.T) {
		tree := parse(t, []byte(`<a xmlns="x:u" xmlns:p="x:v"><p:b/><c/></a>`))
		b := tree.First(tree.Root())
		for n, want := range map[xmltree.Node]string{b: `<p:b xmlns="" xmlns:p="x:v"></p:b>`, tree.Next(b): `<c xmlns="x:u"></c>`} {
			var out bytes.Buffer
			require.NoError(t, c14n.Write(&out, tree, n, c14n.Options{EmptyDefault: true}))
			require.Equal(t, want, out.String())
		}
	})
}
