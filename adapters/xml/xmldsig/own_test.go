package xmldsig_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// parse reads src and releases the tree at the end of the test.
func parse(t testing.TB, src []byte) *xmltree.Tree {
	t.Helper()
	tree, err := xmltree.Parse(src, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	t.Cleanup(tree.Release)
	return tree
}

// card returns the assertion in /Envelope/Header/Security.
func card(tree *xmltree.Tree) xmltree.Node {
	header := tree.Child(tree.Root(), xmltest.SOAP, "Header")
	return tree.Child(tree.Child(header, xmltest.WSSE, "Security"), xmltest.SAML, "Assertion")
}

// check reads and verifies the card in src with key 0.
func check(t testing.TB, src []byte, a xmldsig.Algorithms) error {
	t.Helper()
	tree, err := xmltree.Parse(src, xmltree.DefaultLimits(1<<20))
	if err != nil {
		return err
	}
	defer tree.Release()
	s, err := xmldsig.ReadEnveloped(tree, card(tree))
	if err != nil {
		return err
	}
	_, err = s.Verify(&xmltest.Key(t, 0).PublicKey, a)
	return err
}

func TestSamples(t *testing.T) {
	for file, want := range map[string][]int{
		"01-dgws-request.xml": {1}, "04-idws-request.xml": {1, 5}, "05-idws-response.xml": {6}, "07-sts-issue-request.xml": {1},
		"08-sts-issue-response.xml": {1}, "10-sts-exchange-request.xml": {4, 1}, "11-sts-exchange-response.xml": {5, 1},
	} {
		t.Run("SA-04 "+file, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("..", "testdata", file))
			require.NoError(t, err)
			var refs []int
			for _, o := range verifyAll(t, parse(t, src), xmldsig.Algorithms{}) {
				require.NoError(t, o.err)
				refs = append(refs, o.refs)
			}
			require.Equal(t, want, refs)
		})
	}
}

func TestSignAndVerify(t *testing.T) {
	src := xmltest.DGWS(t)
	tree := parse(t, src)
	a := card(tree)
	s, err := xmldsig.ReadEnveloped(tree, a)
	require.NoError(t, err)
	assert.Equal(t, 1, s.References())
	assert.Equal(t, a, s.Target(0))
	assert.False(t, s.SHA1())
	assert.Equal(t, "", s.KeyName())
	assert.Equal(t, xmltree.None, s.TokenReference())
	assert.Equal(t, xmltree.None, s.Token())
	id, _ := tree.Attr(s.Node(), "", "id")
	assert.Equal(t, "OCESSignature", id)
	last := tree.First(a)
	for c := range tree.Children(a) {
		last = c
	}
	assert.Equal(t, s.Node(), last, "the signature is the last child")
	der, ok := s.Certificate()
	require.True(t, ok)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	assert.True(t, cert.PublicKey.(*rsa.PublicKey).Equal(&xmltest.Key(t, 0).PublicKey))

	_, err = s.Verify(&xmltest.Key(t, 1).PublicKey, xmldsig.Algorithms{})
	assert.ErrorIs(t, err, xmldsig.ErrValue, "SA-26 another key")
	_, err = s.Verify(nil, xmldsig.Algorithms{})
	assert.ErrorIs(t, err, xmldsig.ErrKey)
	_, err = s.Verify(&rsa.PublicKey{}, xmldsig.Algorithms{})
	assert.ErrorIs(t, err, xmldsig.ErrKey)
	v, err := s.Verify(&xmltest.Key(t, 0).PublicKey, xmldsig.Algorithms{})
	require.NoError(t, err, "another key may be tried after a wrong one")
	assert.Same(t, &xmltest.Key(t, 0).PublicKey, v.Key())

	header := tree.Child(tree.Root(), xmltest.SOAP, "Header")
	for name, n := range map[string]xmltree.Node{"nothing": xmltree.None, "root": tree.Root(), "header": header, "signature": s.Node(),
		"in the signature": tree.First(tree.First(s.Node())), "body": tree.Next(header)} {
		assert.False(t, v.Covers(n), name)
	}
	for n := a; n < s.Node(); n++ {
		assert.True(t, v.Covers(n))
	}
	var zero xmldsig.Verified
	assert.False(t, zero.Covers(a))
	assert.Nil(t, zero.Key())
}

func TestReleasedTree(t *testing.T) {
	tree, err := xmltree.Parse(xmltest.DGWS(t), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	a := card(tree)
	s, err := xmldsig.ReadEnveloped(tree, a)
	require.NoError(t, err)
	v, err := s.Verify(&xmltest.Key(t, 0).PublicKey, xmldsig.Algorithms{})
	require.NoError(t, err)
	tree.Release()
	assert.False(t, v.Covers(a), "SX-09 nothing is covered once the tree is released")
	_, err = s.Verify(&xmltest.Key(t, 0).PublicKey, xmldsig.Algorithms{})
	assert.ErrorIs(t, err, xmldsig.ErrStructure)
	var zero xmldsig.Signature
	_, err = zero.Verify(&xmltest.Key(t, 0).PublicKey, xmldsig.Algorithms{})
	assert.ErrorIs(t, err, xmldsig.ErrStructure)
}

func TestSHA1(t *testing.T) {
	s := xmltest.Signer(t, 0)
	s.SHA1 = true
	src := xmltest.SignCard(t, s, xmltest.Envelope(xmltest.Card, 1))
	t.Run("SA-23 rsa-sha1 where it is allowed", func(t *testing.T) {
		require.NoError(t, check(t, src, xmldsig.Algorithms{SHA1: true}))
	})
	t.Run("SA-23 rsa-sha1 where it is not", func(t *testing.T) {
		require.ErrorIs(t, check(t, src, xmldsig.Algorithms{}), xmldsig.ErrAlgorithm)
	})
	t.Run("SA-23 rsa-sha256 over a SHA-1 digest", func(t *testing.T) {
		mixed := strings.Replace(string(src), "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", 1)
		require.ErrorIs(t, check(t, []byte(mixed), xmldsig.Algorithms{SHA1: true}), xmldsig.ErrAlgorithm)
	})
}

// The form that WSS4J writes, and a message signed by it, can be verified by whoever follows SOAP Message Security.
func TestSignMessage(t *testing.T) {
	const token = `<wsse:SecurityTokenReference wsu:Id="str" xmlns:wsse11="` + xmltest.WSSE11 + `" wsse11:TokenType="` + xmltest.STP + `SAMLV2.0">` +
		`<wsse:KeyIdentifier ValueType="` + xmltest.STP + `SAMLID">IDCard</wsse:KeyIdentifier></wsse:SecurityTokenReference>`
	signed := xmltest.SignCard(t, xmltest.Signer(t, 1), xmltest.Envelope(xmltest.Card+token, 3))
	s := xmltest.Signer(t, 0)
	s.KeyInfo = []byte(strings.Replace(token, ` wsu:Id="str"`, "", 1))
	signed, err := s.SignMessage(signed, strings.Index(string(signed), "</wsse:Security>"),
		xmldsig.Part{ID: "ts"}, xmldsig.Part{ID: "body"}, xmldsig.Part{ID: "str", Token: true})
	require.NoError(t, err)

	tree := parse(t, signed)
	got, err := xmldsig.ReadMessage(tree, tree.Parent(card(tree)))
	require.NoError(t, err)
	require.Equal(t, 3, got.References())
	assert.Equal(t, card(tree), got.Token())
	assert.True(t, tree.Is(got.TokenReference(), xmltest.WSSE, "SecurityTokenReference"))
	_, ok := got.Certificate()
	assert.False(t, ok)
	v, err := got.Verify(&xmltest.Key(t, 0).PublicKey, xmldsig.Algorithms{})
	require.NoError(t, err)
	assert.True(t, v.Covers(card(tree)), "the token, through the STR-Transform")
	assert.True(t, v.Covers(tree.Child(card(tree), xmltest.DS, "Signature")), "with its own signature")
	assert.True(t, v.Covers(tree.Child(tree.Root(), xmltest.SOAP, "Body")))
	assert.False(t, v.Covers(tree.Parent(card(tree))))
	assert.False(t, v.Covers(tree.Child(tree.Child(tree.Root(), xmltest.SOAP, "Header"), "http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd", "Header")))

	inner, err := xmldsig.ReadEnveloped(tree, card(tree))
	require.NoError(t, err)
	_, err = inner.Verify(&xmltest.Key(t, 1).PublicKey, xmldsig.Algorithms{})
	require.NoError(t, err, "the signature of the card still holds")
}

func TestSignRefuses(t *testing.T) {
	s := xmltest.Signer(t, 0)
	doc := xmltest.Envelope(xmltest.Card, 1)
	at := strings.Index(string(doc), "</saml:Assertion>")
	for name, sign := range map[string]func() ([]byte, error){
		"offset outside":         func() ([]byte, error) { return s.SignEnveloped(doc, len(doc)+1, "IDCard") },
		"negative offset":        func() ([]byte, error) { return s.SignEnveloped(doc, -1, "IDCard") },
		"offset inside a tag":    func() ([]byte, error) { return s.SignEnveloped(doc, at+3, "IDCard") },
		"offset after the root":  func() ([]byte, error) { return s.SignEnveloped(doc, len(doc), "IDCard") },
		"unknown id":             func() ([]byte, error) { return s.SignEnveloped(doc, at, "nosuch") },
		"id of another element":  func() ([]byte, error) { return s.SignEnveloped(doc, at, "body") },
		"document not well made": func() ([]byte, error) { return s.SignEnveloped([]byte("<a></b>"), 3, "x") },
		"no parts":               func() ([]byte, error) { return s.SignMessage(doc, at) },
		"too many parts":         func() ([]byte, error) { return s.SignMessage(doc, at, make([]xmldsig.Part, 17)...) },
		"key fails": func() ([]byte, error) {
			s := s
			s.Sign = func(crypto.Hash, []byte) ([]byte, error) { return nil, errors.New("module gone") }
			return s.SignEnveloped(doc, at, "IDCard")
		},
	} {
		out, err := sign()
		assert.Error(t, err, name)
		assert.Nil(t, out, name)
	}
}
