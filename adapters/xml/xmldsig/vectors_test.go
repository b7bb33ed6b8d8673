package xmldsig_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/internal/xmltest"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// outcome is what became of one signature: nil or the error of reading or verifying it.
type outcome struct {
	message  bool // a message signature, else an enveloped one
	refs     int
	sha1     bool
	err      error
	verified xmldsig.Verified
	top      xmltree.Node
}

// verifyAll reads and verifies every ds:Signature of a document in document order with the certificate it carries.
func verifyAll(t testing.TB, tree *xmltree.Tree, a xmldsig.Algorithms) (out []outcome) {
	t.Helper()
	var walk func(n xmltree.Node)
	walk = func(n xmltree.Node) {
		if tree.Is(n, xmltest.DS, "Signature") {
			out = append(out, verifyOne(t, tree, tree.Parent(n), a))
		}
		for c := range tree.Children(n) {
			walk(c)
		}
	}
	walk(tree.Root())
	return out
}

func verifyOne(t testing.TB, tree *xmltree.Tree, parent xmltree.Node, a xmldsig.Algorithms) (o outcome) {
	t.Helper()
	read := xmldsig.ReadEnveloped
	if o.message = tree.Is(parent, xmltest.WSSE, "Security"); o.message {
		read = xmldsig.ReadMessage
	}
	o.top = parent
	s, err := read(tree, parent)
	if err != nil {
		o.err = err
		return o
	}
	o.refs, o.sha1 = s.References(), s.SHA1()
	der, ok := s.Certificate()
	if !ok {
		der, ok = s.TokenCertificate()
	}
	if !ok && s.Token() != xmltree.None { // holder of key
		der, ok = holderCertificate(tree, s.Token())
	}
	require.True(t, ok, "a certificate to verify with")
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	o.verified, o.err = s.Verify(cert.PublicKey.(*rsa.PublicKey), a)
	return o
}

// holderCertificate finds the certificate in the SubjectConfirmation of an assertion.
func holderCertificate(tree *xmltree.Tree, assertion xmltree.Node) ([]byte, bool) {
	n := assertion
	for _, step := range [][2]string{{xmltest.SAML, "Subject"}, {xmltest.SAML, "SubjectConfirmation"}, {xmltest.SAML, "SubjectConfirmationData"},
		{xmltest.DS, "KeyInfo"}, {xmltest.DS, "X509Data"}, {xmltest.DS, "X509Certificate"}} {
		n = tree.Child(n, step[0], step[1])
	}
	text, err := tree.Text(n)
	if err != nil || text == "" {
		return nil, false
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	return der, err == nil
}

func TestVectors(t *testing.T) {
	dir := xmltest.Vectors(t)
	old := xmldsig.Algorithms{SHA1: true}
	weak := xmldsig.Algorithms{SHA1: true, MinRSABits: 1024}
	type want struct {
		refs int
		err  error
	}
	ok := func(refs int) want { return want{refs, nil} }
	for _, c := range []struct {
		name, file string
		a          xmldsig.Algorithms
		want       []want
	}{
		{"SA-04 iti18", "dgws/xds-iti18-request-nancy.xml", old, []want{ok(1)}},
		{"SA-04 iti18 default policy", "dgws/xds-iti18-request-nancy.xml", xmldsig.Algorithms{}, []want{{1, xmldsig.ErrAlgorithm}}},
		{"SA-04 iti43", "dgws/xds-iti43-20190613-request.norm.xml", old, []want{ok(1)}},
		{"SA-04 ehdsi organisation", "dgws/ehdsi-cpr-organization-request.norm.xml", old, []want{ok(1)}},
		{"SA-04 lpr3", "dgws/lpr3-hsuid-request.norm.xml", old, []want{ok(1)}},
		{"SA-04 user level 4", "dgws/trifork-dgws-securityheader1-user-level4.norm.xml", weak, []want{ok(1)}},
		{"SA-34 user level 4, RSA 1024", "dgws/trifork-dgws-securityheader1-user-level4.norm.xml", old, []want{{1, xmldsig.ErrKey}}},
		{"SA-04 STS request", "sts/unsealed-sts-request-1-moces-user.norm.xml", old, []want{ok(1)}},
		{"SA-04 STS response", "sts/unsealed-sts-response-1-user-level4.norm.xml", old, []want{ok(1)}},
		{"SA-04 STS exchange", "sts/ehdsi-sts-person-request.norm.xml", old, []want{ok(4), ok(1)}},
		{"SA-23 STS exchange default policy", "sts/ehdsi-sts-person-request.norm.xml", xmldsig.Algorithms{}, []want{{4, xmldsig.ErrAlgorithm}, ok(1)}},
		{"SA-04 NemLog-in bootstrap", "oiosaml/NemLog-In_bootstrap_valid_signature.xml", xmldsig.Algorithms{}, []want{ok(1)}},
		{"SA-04 unsealed bootstrap", "oiosaml/unsealed-bootstrap-token.xml", old, []want{ok(1)}},
		{"SA-23 unsealed bootstrap default policy", "oiosaml/unsealed-bootstrap-token.xml", xmldsig.Algorithms{}, []want{{1, xmldsig.ErrAlgorithm}}},
		{"SA-04 nested card", "oiosaml/seal-generated-test-oiosamlassertion.norm.xml", weak, []want{ok(1), ok(1)}},
		{"SA-34 nested card default policy", "oiosaml/seal-generated-test-oiosamlassertion.norm.xml", xmldsig.Algorithms{}, []want{{1, xmldsig.ErrAlgorithm}, {1, xmldsig.ErrAlgorithm}}},
		{"SA-04 bootstrap 2", "idws/xua-bootstrap-2-STS-TO-WSC.recon.xml", xmldsig.Algorithms{}, []want{{7, xmldsig.ErrDigest}, ok(1)}},
		{"SA-04 bootstrap 3", "idws/xua-bootstrap-3-WSC-TO-WSP.recon.xml", xmldsig.Algorithms{}, []want{ok(1), ok(7)}},
		{"SA-04 bearer 1", "idws/xua-system-user-bearer-1-WSC-TO-STS.norm.xml", xmldsig.Algorithms{}, []want{ok(7)}},
		{"SA-04 bearer 3", "idws/xua-system-user-bearer-3-WSC-TO-WSP.recon.xml", xmldsig.Algorithms{}, []want{ok(1), ok(7)}},
		{"SA-04 bearer nosign 3", "idws/xua-system-user-bearer-nosign-3-WSC-TO-WSP.recon.xml", xmldsig.Algorithms{}, []want{ok(1)}},
		{"SA-04 holder of key 1", "idws/xua-system-user-holder-of-key-1-WSC-TO-STS.norm.xml", xmldsig.Algorithms{}, []want{ok(7)}},
		{"SA-04 holder of key 4", "idws/xua-system-user-holder-of-key-4-WSP-TO-WSC.norm.xml", xmldsig.Algorithms{}, []want{ok(7)}},
		{"SA-04 soap 1", "idws/soap-system-user-scenario-1-WSC-TO-STS.norm.xml", old, []want{ok(6)}},
		{"SA-23 soap 1 default policy", "idws/soap-system-user-scenario-1-WSC-TO-STS.norm.xml", xmldsig.Algorithms{}, []want{{6, xmldsig.ErrAlgorithm}}},
		{"SA-04 soap 4", "idws/soap-system-user-scenario-4-WSP-TO-WSC.norm.xml", old, []want{ok(7)}},
		{"SA-06 LBSB, encrypted assertion", "idws/LBSB-system-user-scenario-3-WSC-TO-WSP.norm.xml", old, []want{{0, xmldsig.ErrStructure}}},
		{"SA-06 content changed", "negative/trifork-dgws-securityheader2.norm.xml", weak, []want{{1, xmldsig.ErrDigest}}},
		{"SA-06 bootstrap changed", "negative/NemLog-In_bootstrap.xml", xmldsig.Algorithms{}, []want{{1, xmldsig.ErrDigest}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join(dir, c.file))
			require.NoError(t, err)
			tree, err := xmltree.Parse(src, xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			defer tree.Release()
			got := verifyAll(t, tree, c.a)
			require.Len(t, got, len(c.want))
			for i, o := range got {
				require.Equal(t, c.want[i].refs, o.refs, "references of signature %d", i)
				require.ErrorIs(t, o.err, c.want[i].err, "signature %d", i)
			}
		})
	}
}
