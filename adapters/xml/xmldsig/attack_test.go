package xmldsig_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// parts are the pieces of a signed message that the attacks put together again.
type parts struct {
	doc       string
	assertion string // with its signature
	signature string
	bare      string // the assertion without signature
}

func pieces(t testing.TB) (p parts) {
	t.Helper()
	p.doc = string(xmltest.DGWS(t))
	cut := func(from, to string) string {
		start := strings.Index(p.doc, from)
		return p.doc[start : strings.Index(p.doc, to)+len(to)]
	}
	p.assertion = cut("<saml:Assertion", "</saml:Assertion>")
	p.signature = cut("<ds:Signature ", "</ds:Signature>")
	p.bare = strings.Replace(p.assertion, p.signature, "", 1)
	return p
}

const victim, attacker = "0101010001", "0202020002"

// forge returns an assertion about somebody else, with the given id and content before its end tag.
func (p parts) forge(id, content string) string {
	f := strings.Replace(strings.ReplaceAll(p.bare, victim, attacker), `id="IDCard"`, `id="`+id+`"`, 1)
	return strings.Replace(f, "</saml:Assertion>", content+"</saml:Assertion>", 1)
}

// with puts something else where the assertion was.
func (p parts) with(replacement string) string {
	return strings.Replace(p.doc, p.assertion, replacement, 1)
}

// Signature wrapping: no assertion that names the attacker is ever verified or covered by what is verified.
func TestWrapping(t *testing.T) {
	p := pieces(t)
	object := func(inner string) string {
		return strings.Replace(p.signature, "</ds:Signature>", "<ds:Object>"+inner+"</ds:Object></ds:Signature>", 1)
	}
	inside := strings.Replace(p.signature, "</ds:Signature>", p.bare+"</ds:Signature>", 1)
	early := strings.Replace(p.signature, "<ds:SignedInfo>", p.bare+"<ds:SignedInfo>", 1)
	for name, build := range map[string]func(id string) string{
		"SA-27 1 original in the Object of the forged one's signature":        func(id string) string { return p.forge(id, object(p.bare)) },
		"SA-27 1 signed original in the Object of the forged one's signature": func(id string) string { return p.forge(id, object(p.assertion)) },
		"SA-27 2 original before, detached":                                   func(id string) string { return p.bare + p.forge(id, p.signature) },
		"SA-27 3 forged sibling before the original":                          func(id string) string { return p.forge(id, "") + p.assertion },
		"SA-27 4 original as child of the forged one":                         func(id string) string { return p.forge(id, p.assertion) },
		"SA-27 4 bare original as child, signature of the forged one":         func(id string) string { return p.forge(id, p.bare+p.signature) },
		"SA-27 5 forged carries the signature, original at the end":           func(id string) string { return p.forge(id, p.signature) + p.bare },
		"SA-27 6 original inside the forged one's signature":                  func(id string) string { return p.forge(id, inside) },
		"SA-27 6 original first in the forged one's signature":                func(id string) string { return p.forge(id, early) },
		"SA-27 7 forged in an Extensions element before":                      func(id string) string { return "<Extensions>" + p.forge(id, "") + "</Extensions>" + p.assertion },
		"SA-27 7 original in an Extensions element of the forged one":         func(id string) string { return p.forge(id, "<Extensions>"+p.bare+"</Extensions>"+p.signature) },
		"SA-27 8 original in an Object inside the forged one":                 func(id string) string { return p.forge(id, "<ds:Object>"+p.bare+"</ds:Object>"+p.signature) },
		"SA-27 two signatures":                                                func(id string) string { return p.forge(id, p.signature+p.signature) + p.bare },
		"SA-27 forged takes the place of the content":                         func(id string) string { return p.forge("IDCard", p.signature) },
	} {
		for _, id := range []string{"IDCard", "other", ""} {
			t.Run(fmt.Sprintf("%s, id %q", name, id), func(t *testing.T) {
				tree := parse(t, []byte(p.with(build(id))))
				var forged []xmltree.Node
				var verified []xmldsig.Verified
				var walk func(n xmltree.Node)
				walk = func(n xmltree.Node) {
					if tree.Is(n, xmltest.SAML, "Assertion") {
						statement := tree.Child(n, xmltest.SAML, "AttributeStatement")
						start, end := tree.Range(tree.Next(statement))
						wrong := bytes.Contains(tree.Source()[start:end], []byte(attacker))
						if wrong {
							forged = append(forged, n)
						}
						s, err := xmldsig.ReadEnveloped(tree, n)
						if err == nil {
							var v xmldsig.Verified
							if v, err = s.Verify(&xmltest.Key(t, 0).PublicKey, xmldsig.Algorithms{}); err == nil {
								verified = append(verified, v)
							}
						}
						if wrong {
							require.Error(t, err)
						}
					}
					for c := range tree.Children(n) {
						walk(c)
					}
				}
				walk(tree.Root())
				require.Len(t, forged, 1)
				for _, v := range verified {
					assert.False(t, v.Covers(forged[0]))
					assert.False(t, v.Covers(tree.First(forged[0])))
				}
			})
		}
	}
}

func TestIDs(t *testing.T) {
	p := pieces(t)
	card := strings.Replace(xmltest.Card, "<saml:Assertion ", `<saml:Assertion `, 1)
	for _, c := range []struct {
		name, doc string
		ok        bool
	}{
		{"SA-30 ID and wsu:Id on one element", strings.Replace(p.doc, `id="IDCard"`, `ID="IDCard" wsu:Id="IDCard"`, 1), false},
		{"SA-30 id and ID on one element", strings.Replace(p.doc, `id="IDCard"`, `id="IDCard" ID="IDCard"`, 1), false},
		{"SA-30 xml:id elsewhere", strings.Replace(p.doc, `<soap:Body `, `<soap:Body xml:id="IDCard" `, 1), false},
		{"SA-30 xml:id with white space elsewhere", strings.Replace(p.doc, `<soap:Body `, `<soap:Body xml:id=" IDCard " `, 1), false},
		{"SA-30 Id elsewhere", strings.Replace(p.doc, `<soap:Body `, `<soap:Body Id="IDCard" `, 1), false},
		{"SA-30 ID written with a reference elsewhere", strings.Replace(p.doc, `<soap:Body `, `<soap:Body ID="IDC&#97;rd" `, 1), false},
		{"SA-30 wsu:Id elsewhere, another prefix", strings.Replace(p.doc, `<soap:Body wsu:Id="body"`, `<soap:Body xmlns:x="`+xmltest.WSU+`" x:Id="IDCard"`, 1), false},
		{"SA-30 attribute that is no id", strings.Replace(p.doc, `<soap:Body `, `<soap:Body wsu:ID="IDCard" `, 1), true},
		{"SA-30 repeated ids that nothing refers to", strings.Replace(strings.Replace(p.doc, `<soap:Body `, `<soap:Body ID="x" Id="OCESSignature" `, 1), "<Registrations ", `<Registrations id="x" `, 1), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NotEqual(t, p.doc, c.doc)
			err := check(t, []byte(c.doc), xmldsig.Algorithms{})
			if c.ok {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, xmldsig.ErrStructure)
			}
		})
	}
	for _, id := range []string{`ID`, `Id`, `wsu:Id`, `xml:id`} {
		t.Run("SX-05 signed by "+id, func(t *testing.T) {
			require.NoError(t, check(t, xmltest.SignCard(t, xmltest.Signer(t, 0), xmltest.Envelope(strings.Replace(card, ` id="IDCard"`, ` `+id+`="IDCard"`, 1), 1)), xmldsig.Algorithms{}))
		})
	}
}

// Forms that are refused whatever their digests are.
func TestForms(t *testing.T) {
	p := pieces(t)
	const (
		transform  = `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>`
		enveloped  = `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>`
		canon      = `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>`
		sigMethod  = `<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>`
		transforms = `<ds:Transforms>` + enveloped + transform + `</ds:Transforms>`
	)
	reference := p.doc[strings.Index(p.doc, "<ds:Reference"):strings.Index(p.doc, "</ds:SignedInfo>")]
	signedInfo := p.doc[strings.Index(p.doc, "<ds:SignedInfo>"):strings.Index(p.doc, "<ds:SignatureValue>")]
	value := p.doc[strings.Index(p.doc, "<ds:SignatureValue>"):strings.Index(p.doc, "<ds:KeyInfo><ds:X509Data>")]
	digest := p.doc[strings.Index(p.doc, "<ds:DigestValue>"):strings.Index(p.doc, "</ds:Reference>")]
	keyInfo := p.doc[strings.Index(p.doc, "<ds:KeyInfo><ds:X509Data>"):strings.Index(p.doc, "</ds:Signature>")]
	algorithm := func(name string) string { return `<ds:Transform Algorithm="` + name + `"/>` }
	for _, c := range []struct {
		name, old, new string
		err            error
	}{
		{"SA-33 signature removed", p.signature, "", xmldsig.ErrStructure},
		{"SA-33 empty SignedInfo", signedInfo, "<ds:SignedInfo/>", xmldsig.ErrStructure},
		{"SA-33 no SignedInfo", signedInfo, "", xmldsig.ErrStructure},
		{"SA-33 no SignatureValue", value, "", xmldsig.ErrStructure},
		{"SA-33 empty SignatureValue", value, "<ds:SignatureValue/>", xmldsig.ErrValue},
		{"SA-33 zero References", reference, "", xmldsig.ErrStructure},
		{"SA-33 two References", reference, reference + reference, xmldsig.ErrStructure},
		{"SA-33 17 References", reference, strings.Repeat(reference, 17), xmldsig.ErrStructure},
		{"SA-33 Reference to an empty element", `URI="#IDCard"`, `URI="#ts"`, xmldsig.ErrStructure},
		{"SX-06 URI empty", `URI="#IDCard"`, `URI=""`, xmldsig.ErrStructure},
		{"SX-06 URI missing", ` URI="#IDCard"`, ``, xmldsig.ErrStructure},
		{"SX-06 URI #", `URI="#IDCard"`, `URI="#"`, xmldsig.ErrStructure},
		{"SX-06 URI without #", `URI="#IDCard"`, `URI="IDCard"`, xmldsig.ErrStructure},
		{"SX-06 URI external", `URI="#IDCard"`, `URI="http://example.org/#IDCard"`, xmldsig.ErrStructure},
		{"SX-06 URI file", `URI="#IDCard"`, `URI="file:///etc/passwd"`, xmldsig.ErrStructure},
		{"SX-06 xpointer", `URI="#IDCard"`, `URI="#xpointer(id('IDCard'))"`, xmldsig.ErrStructure},
		{"SX-06 xpointer root", `URI="#IDCard"`, `URI="#xpointer(/)"`, xmldsig.ErrStructure},
		{"SX-06 id of another element", `URI="#IDCard"`, `URI="#IDCardData"`, xmldsig.ErrStructure},
		{"SX-06 id of the signature", `URI="#IDCard"`, `URI="#OCESSignature"`, xmldsig.ErrStructure},
		{"SX-06 Reference with a Type", `<ds:Reference `, `<ds:Reference Type="http://www.w3.org/2000/09/xmldsig#Manifest" `, xmldsig.ErrStructure},
		{"SA-34 XSLT", transform, algorithm("http://www.w3.org/TR/1999/REC-xslt-19991116"), xmldsig.ErrAlgorithm},
		{"SA-34 XPath", transform, `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>self::text()</ds:XPath></ds:Transform>`, xmldsig.ErrAlgorithm},
		{"SA-34 XPath Filter 2", transform, algorithm("http://www.w3.org/2002/06/xmldsig-filter2"), xmldsig.ErrAlgorithm},
		{"SA-34 base64", transform, algorithm("http://www.w3.org/2000/09/xmldsig#base64"), xmldsig.ErrAlgorithm},
		{"SA-34 exc-c14n with comments", transform, algorithm("http://www.w3.org/2001/10/xml-exc-c14n#WithComments"), xmldsig.ErrAlgorithm},
		{"SA-34 c14n with comments", transform, algorithm("http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"), xmldsig.ErrAlgorithm},
		{"SA-34 c14n 1.1", transform, algorithm("http://www.w3.org/2006/12/xml-c14n11"), xmldsig.ErrAlgorithm},
		{"SA-34 SignedInfo with comments", canon, strings.Replace(canon, "exc-c14n#", "exc-c14n#WithComments", 1), xmldsig.ErrAlgorithm},
		{"SX-06 transforms in the other order", enveloped + transform, transform + enveloped, xmldsig.ErrStructure},
		{"SX-06 enveloped alone", transform, "", xmldsig.ErrStructure},
		{"SX-06 exc-c14n alone", enveloped, "", xmldsig.ErrStructure},
		{"SX-06 no transforms", transforms, "", xmldsig.ErrStructure},
		{"SX-06 empty transforms", transforms, "<ds:Transforms/>", xmldsig.ErrStructure},
		{"SX-06 three transforms", transform, transform + transform, xmldsig.ErrStructure},
		{"SX-06 enveloped twice", enveloped, enveloped + enveloped, xmldsig.ErrAlgorithm},
		{"SX-06 transform of another namespace", transform, strings.ReplaceAll(transform, "ds:", "saml:"), xmldsig.ErrStructure},
		{"SX-06 parameters of enveloped", enveloped, strings.Replace(enveloped, "></", "><ds:X/></", 1), xmldsig.ErrStructure},
		{"SX-06 parameters of exc-c14n", transform, strings.Replace(transform, "></", "><ds:XPath/></", 1), xmldsig.ErrStructure},
		{"SX-06 parameters of c14n", transform, `<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"><X/></ds:Transform>`, xmldsig.ErrStructure},
		{"SX-06 PrefixList of 17", transform, strings.Replace(transform, "></", `><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="`+strings.Repeat("a ", 17)+`"/></`, 1), xmldsig.ErrStructure},
		{"SX-06 ds:Object", "</ds:Signature>", "<ds:Object/></ds:Signature>", xmldsig.ErrStructure},
		{"SX-06 Manifest", "</ds:Signature>", "<ds:Object><ds:Manifest/></ds:Object></ds:Signature>", xmldsig.ErrStructure},
		{"SX-06 Object instead of KeyInfo", keyInfo, "<ds:Object/>", xmldsig.ErrStructure},
		{"SX-06 two SignatureValues", value, value + value, xmldsig.ErrStructure},
		{"SX-06 two SignedInfos", signedInfo, signedInfo + signedInfo, xmldsig.ErrStructure},
		{"SX-06 unknown element in SignedInfo", reference, reference + "<ds:X/>", xmldsig.ErrStructure},
		{"SX-06 no CanonicalizationMethod", canon, "", xmldsig.ErrStructure},
		{"SX-06 no SignatureMethod", sigMethod, "", xmldsig.ErrStructure},
		{"SX-06 no DigestValue", digest, "", xmldsig.ErrStructure},
		{"SX-06 two DigestValues", digest, digest + digest, xmldsig.ErrStructure},
		{"SX-06 empty DigestValue", digest, "<ds:DigestValue/>", xmldsig.ErrStructure},
		{"SX-06 element in DigestValue", "<ds:DigestValue>", "<ds:DigestValue><a/>", xmldsig.ErrStructure},
		{"SX-06 element in SignatureValue", "<ds:SignatureValue>", "<ds:SignatureValue><a/>", xmldsig.ErrStructure},
		{"SX-06 SignatureValue not base64", "<ds:SignatureValue>", "<ds:SignatureValue>!", xmldsig.ErrStructure},
		{"SX-06 SignatureValue too long", "<ds:SignatureValue>", "<ds:SignatureValue>" + strings.Repeat("AAAA", 400), xmldsig.ErrStructure},
		{"SA-34 HMAC", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2000/09/xmldsig#hmac-sha1", xmldsig.ErrAlgorithm},
		{"SA-34 HMACOutputLength", sigMethod, strings.Replace(sigMethod, "></", "><ds:HMACOutputLength>8</ds:HMACOutputLength></", 1), xmldsig.ErrStructure},
		{"SA-34 RSA-PSS", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", xmldsig.ErrAlgorithm},
		{"SA-34 ECDSA", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", xmldsig.ErrAlgorithm},
		{"SA-34 DSA", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2000/09/xmldsig#dsa-sha1", xmldsig.ErrAlgorithm},
		{"SA-34 rsa-md5", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5", xmldsig.ErrAlgorithm},
		{"SA-34 digest MD5", "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#md5", xmldsig.ErrAlgorithm},
		{"SA-34 digest SHA-1", "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1", xmldsig.ErrAlgorithm},
		{"SA-34 digest method missing", "http://www.w3.org/2001/04/xmlenc#sha256", "", xmldsig.ErrAlgorithm},
		{"digest of another length", "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmlenc#sha512", xmldsig.ErrStructure},
		{"SHA-512 signature method", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", xmldsig.ErrValue},
		{"content changed", victim, attacker, xmldsig.ErrDigest},
		{"STR-Transform in an assertion", enveloped + transform, algorithm("http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform"), xmldsig.ErrStructure},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := strings.Replace(p.doc, c.old, c.new, 1)
			require.NotEqual(t, p.doc, doc)
			require.ErrorIs(t, check(t, []byte(doc), xmldsig.Algorithms{SHA1: true}), c.err)
		})
	}
	t.Run("SX-03 canonical form larger than four times the message", func(t *testing.T) {
		// The apex declares long namespaces; each of its children has to declare them again in canonical form.
		card := strings.Replace(xmltest.Card, "<saml:Issuer>", strings.Repeat(`<p:x/>`, 900)+"<saml:Issuer>", 1)
		doc := strings.Replace(p.with(strings.Replace(card, "</saml:Assertion>", p.signature+"</saml:Assertion>", 1)), "<soap:Envelope ", `<soap:Envelope xmlns:p="x:`+strings.Repeat("u", 1000)+`" `, 1)
		err := check(t, []byte(doc), xmldsig.Algorithms{})
		require.ErrorIs(t, err, xmldsig.ErrStructure)
		require.ErrorIs(t, err, c14n.ErrBudget)
	})
}

// The unsigned parts may be written otherwise.
func TestUnsignedForms(t *testing.T) {
	p := pieces(t)
	start := strings.Index(p.doc, "<ds:SignatureValue>") + len("<ds:SignatureValue>")
	keyInfo := p.doc[strings.Index(p.doc, "<ds:KeyInfo><ds:X509Data>"):strings.Index(p.doc, "</ds:Signature>")]
	for name, doc := range map[string]string{
		"white space in SignatureValue":     p.doc[:start] + "\n" + p.doc[start:start+60] + " &#13;\n\t" + p.doc[start+60:],
		"CDATA in SignatureValue":           p.doc[:start] + "<![CDATA[" + p.doc[start:start+60] + "]]>" + p.doc[start+60:],
		"white space inside the end tag":    strings.Replace(p.doc, "</saml:Issuer>", "</saml:Issuer\n >", 1),
		"quotes":                            strings.Replace(p.doc, `Version="2.0"`, "\n Version = '2.0'", 1),
		"attributes in another order":       strings.Replace(p.doc, ` Version="2.0" id="IDCard"`, ` id="IDCard" Version="2.0"`, 1),
		"empty element with two tags":       strings.Replace(p.doc, `NotOnOrAfter="2026-11-22T10:00:00Z"/>`, `NotOnOrAfter="2026-11-22T10:00:00Z"></saml:Conditions>`, 1),
		"character references":              strings.Replace(p.doc, victim, "&#48;1010<![CDATA[10001]]>", 1),
		"namespace declared once more":      strings.Replace(p.doc, `<saml:Issuer>`, `<saml:Issuer xmlns:saml="`+xmltest.SAML+`" xmlns:unused="x:u">`, 1),
		"no KeyInfo":                        strings.Replace(p.doc, keyInfo, "", 1),
		"another certificate in KeyInfo":    strings.Replace(p.doc, base64.StdEncoding.EncodeToString(certificate(t, p.doc)), base64.StdEncoding.EncodeToString(xmltest.Certificate(t, xmltest.Key(t, 1))), 1),
		"CR LF in the Body":                 strings.ReplaceAll(p.doc, "<Registration>", "\r\n<Registration>"),
		"comment in the Body":               strings.ReplaceAll(p.doc, "<Registration>", "<!-- c --><Registration>"),
		"prefix bound elsewhere, not in it": strings.Replace(p.doc, "<soap:Body ", `<soap:Body xmlns:saml="urn:other" `, 1),
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, p.doc, doc)
			require.NoError(t, check(t, []byte(doc), xmldsig.Algorithms{}))
		})
	}
}

func certificate(t testing.TB, doc string) []byte {
	t.Helper()
	tree := parse(t, []byte(doc))
	s, err := xmldsig.ReadEnveloped(tree, card(tree))
	require.NoError(t, err)
	der, ok := s.Certificate()
	require.True(t, ok)
	return der
}

func TestKeys(t *testing.T) {
	sign := func(key *rsa.PrivateKey) []byte {
		return xmltest.SignCard(t, xmldsig.Signer{Sign: xmltest.SignWith(key)}, xmltest.Envelope(xmltest.Card, 1))
	}
	verify := func(src []byte, key *rsa.PublicKey, a xmldsig.Algorithms) error {
		tree := parse(t, src)
		s, err := xmldsig.ReadEnveloped(tree, card(tree))
		require.NoError(t, err)
		_, err = s.Verify(key, a)
		return err
	}
	t.Run("SA-34 RSA 1024", func(t *testing.T) {
		key, err := rsa.GenerateKey(rand.Reader, 1024)
		require.NoError(t, err)
		src := sign(key)
		require.ErrorIs(t, verify(src, &key.PublicKey, xmldsig.Algorithms{}), xmldsig.ErrKey)
		require.NoError(t, verify(src, &key.PublicKey, xmldsig.Algorithms{MinRSABits: 1024}))
	})
	t.Run("SA-34 exponent 3", func(t *testing.T) {
		src := sign(xmltest.Key(t, 0))
		key := xmltest.Key(t, 0).PublicKey
		key.E = 3
		require.ErrorIs(t, verify(src, &key, xmldsig.Algorithms{}), xmldsig.ErrKey)
	})
	t.Run("SX-06 RSA above 4096", func(t *testing.T) {
		key := rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 4096), big.NewInt(1)), E: 65537}
		require.ErrorIs(t, verify(sign(xmltest.Key(t, 0)), &key, xmldsig.Algorithms{}), xmldsig.ErrKey)
	})
	t.Run("SA-34 HMAC with the public key as secret", func(t *testing.T) {
		public := x509.MarshalPKCS1PublicKey(&xmltest.Key(t, 0).PublicKey)
		s := xmldsig.Signer{Sign: func(_ crypto.Hash, digest []byte) ([]byte, error) {
			mac := hmac.New(sha256.New, public)
			mac.Write(digest)
			return mac.Sum(nil), nil
		}}
		src := string(xmltest.SignCard(t, s, xmltest.Envelope(xmltest.Card, 1)))
		require.ErrorIs(t, check(t, []byte(src), xmldsig.Algorithms{}), xmldsig.ErrValue)
		src = strings.Replace(src, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", 1)
		require.ErrorIs(t, check(t, []byte(src), xmldsig.Algorithms{}), xmldsig.ErrAlgorithm)
	})
	t.Run("SA-26 attacker's key and certificate", func(t *testing.T) {
		src := xmltest.SignCard(t, xmltest.Signer(t, 1), xmltest.Envelope(xmltest.Card, 1))
		require.ErrorIs(t, check(t, src, xmldsig.Algorithms{}), xmldsig.ErrValue)
	})
}
