package xmldsig_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
)

// What we sign, goxmldsig verifies.
func TestGoxmldsigVerifies(t *testing.T) {
	require.NoError(t, goxmldsig(t, xmltest.DGWS(t)))
	changed := bytes.Replace(xmltest.DGWS(t), []byte(victim), []byte(attacker), 1)
	require.Error(t, goxmldsig(t, changed))
}

func goxmldsig(t testing.TB, src []byte) error {
	t.Helper()
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromBytes(src))
	cert, err := x509.ParseCertificate(xmltest.Certificate(t, xmltest.Key(t, 0)))
	require.NoError(t, err)
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
	ctx.IdAttribute = "id"
	el := doc.FindElement("//Assertion")
	parent, err := etreeutils.NSBuildParentContext(el)
	require.NoError(t, err)
	el, err = etreeutils.NSDetatch(parent, el)
	require.NoError(t, err)
	_, err = ctx.Validate(el)
	return err
}

// What we sign, xmlsec1 verifies; what xmlsec1 signs, we verify.
func TestXmlsec(t *testing.T) {
	xmlsec := xmltest.Tool(t, "xmlsec1")
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		return path
	}
	cert, key := file("cert.pem", xmltest.CertificatePEM(t, xmltest.Key(t, 0))), file("key.pem", xmltest.KeyPEM(t, xmltest.Key(t, 0)))
	ids := []string{"--id-attr:id", xmltest.SAML + ":Assertion", "--id-attr:Id", xmltest.WSU + ":Timestamp", "--id-attr:Id", xmltest.SOAP + ":Body"}
	verify := func(src []byte) error {
		_, said, err := xmltest.Run(t, xmlsec, append(append([]string{"--verify", "--pubkey-cert-pem", cert, "--enabled-key-data", "rsa"}, ids...), file("message.xml", src))...)
		if err != nil {
			return fmt.Errorf("%w: %s", err, said)
		}
		return nil
	}
	signer := xmltest.Signer(t, 0)
	for _, sha1 := range []bool{false, true} {
		t.Run(fmt.Sprintf("SA-01 card verified by xmlsec1, SHA-1 %t", sha1), func(t *testing.T) {
			signer.SHA1 = sha1
			src := xmltest.SignCard(t, signer, xmltest.Envelope(xmltest.Card, 2))
			require.NoError(t, verify(src))
			require.Error(t, verify(bytes.Replace(src, []byte(victim), []byte(attacker), 1)))
		})
	}
	t.Run("SA-52 message verified by xmlsec1", func(t *testing.T) {
		signer.SHA1 = false
		doc := xmltest.Envelope(strings.Replace(xmltest.Card, `id="IDCard"`, `id="IDCard" xmlns="urn:d"`, 1), 3)
		src, err := signer.SignMessage(doc, bytes.Index(doc, []byte("</wsse:Security>")), xmldsig.Part{ID: "ts"}, xmldsig.Part{ID: "body"}, xmldsig.Part{ID: "IDCard"})
		require.NoError(t, err)
		require.NoError(t, verify(src))
		require.Error(t, verify(bytes.Replace(src, []byte("Opslag"), []byte("opslag"), 1)))
	})
	for _, method := range []string{"http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"} {
		for _, hash := range [][2]string{
			{"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256"},
			{"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#sha384"},
			{"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha512"},
			{"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha256"},
		} {
			t.Run("signed by xmlsec1 with "+method+" "+hash[0]+" "+hash[1], func(t *testing.T) {
				template := `<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="` + method + `"/><ds:SignatureMethod Algorithm="` + hash[0] + `"/>` +
					`<ds:Reference URI="#IDCard"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="` + method +
					`"/></ds:Transforms><ds:DigestMethod Algorithm="` + hash[1] + `"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>`
				src := xmltest.Envelope(strings.Replace(xmltest.Card, "</saml:Assertion>", template+"</saml:Assertion>", 1), 2)
				out, said, err := xmltest.Run(t, xmlsec, append(append([]string{"--sign", "--privkey-pem", key}, ids...), file("template.xml", src))...)
				require.NoError(t, err, said)
				require.NoError(t, check(t, out, xmldsig.Algorithms{}))
				require.ErrorIs(t, check(t, bytes.Replace(out, []byte(victim), []byte(attacker), 1), xmldsig.Algorithms{}), xmldsig.ErrDigest)
			})
		}
	}
}
