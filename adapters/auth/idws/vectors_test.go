package idws_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
)

// vectorFolder is where the real messages are; they are not part of the repository.
func vectorFolder(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("OPENNSP_TEST_VECTORS")
	if folder == "" {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("OPENNSP_TEST_VECTORS is not set")
		}
		t.Skip("OPENNSP_TEST_VECTORS is not set: real messages are not verified")
	}
	return folder
}

// vector reads a real message for the length of a test, and its clock.
func vector(t *testing.T, folder, file, clock string, edit ...func([]byte) []byte) (*xmltree.Tree, func() time.Time) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(folder, file))
	require.NoError(t, err)
	for _, e := range edit {
		changed := e(bytes.Clone(doc))
		require.NotEqual(t, doc, changed)
		doc = changed
	}
	now, err := time.Parse(time.RFC3339, clock)
	require.NoError(t, err)
	return parsed(t, doc), func() time.Time { return now }
}

// pinned returns the certificate in a file of the folder as an anchor.
func pinned(t *testing.T, folder, file string, use trust.Use, issuer string) trust.Anchor {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "certs", file))
	require.NoError(t, err)
	block, _ := pem.Decode(data)
	require.NotNil(t, block)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	spki := c.RawSubjectPublicKeyInfo
	return trust.Anchor{ID: file, Uses: []trust.Use{use}, Issuers: []string{issuer}, Key: spki, SPKI: sha256.Sum256(spki), Algorithms: []string{trust.RSASHA1}}
}

// TestVectorRequests: whole requests of others. The one that is good says nothing of who calls, which is found out last.
func TestVectorRequests(t *testing.T) {
	folder := vectorFolder(t)
	set := &trust.Set{Anchors: []trust.Anchor{
		pinned(t, folder, "IDWS_XUA_Test_STS_funktionscertifikat_db994261.pem", trust.Token, "http://sts.sundhedsdatastyrelsen.dk/"),
	}}
	const bootstrap3 = "idws/xua-bootstrap-3-WSC-TO-WSP.recon.xml"
	const at = "2018-08-10T07:23:51Z"
	replace := func(old, by string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(by), 1) }
	}
	for _, c := range []struct {
		name, file, clock string
		code, cause       string
		edit              []func([]byte) []byte
	}{
		{"SA-04 SA-32 holder-of-key, 7 references, STR, InclusiveNamespaces: both signatures good, nobody named", bootstrap3, at, fault.CodeIDCard, "nobody named", nil},
		{"SA-05 Body changed", bootstrap3, at, fault.CodeSignature, "digest", []func([]byte) []byte{replace("<name>John</name>", "<name>Joan</name>")}},
		{"SA-05 token changed", bootstrap3, at, fault.CodeSignature, "digest", []func([]byte) []byte{replace("1101116171</", "1101116172</")}},
		{"SA-05 To changed", bootstrap3, at, fault.CodeSignature, "digest", []func([]byte) []byte{replace("https://wsp-idws-xua:8444/", "https://wsp-idws-xua:8445/")}},
		{"SA-40 five minutes and a second later", bootstrap3, "2018-08-10T07:28:51Z", fault.CodeExpired, "message expired", nil},
		{"SA-06 bearer, token not covered", "idws/xua-system-user-bearer-3-WSC-TO-WSP.recon.xml", "2018-08-08T08:35:30Z", fault.CodeIDCard, "not holder-of-key", nil},
		{"SA-06 bearer, no message signature", "idws/xua-system-user-bearer-nosign-3-WSC-TO-WSP.recon.xml", "2018-08-08T08:25:19Z", fault.CodeMissingHeader, "no Timestamp", nil},
		{"SA-06 no token, rsa-sha1", "idws/LBSB-system-user-scenario-3-WSC-TO-WSP.norm.xml", "2015-11-13T10:19:48Z", fault.CodeMissingHeader, "no Assertion", nil},
		{"a request to the STS carries no token", "idws/xua-system-user-holder-of-key-1-WSC-TO-STS.norm.xml", "2018-08-08T08:58:42Z", fault.CodeMissingHeader, "no Assertion", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, now := vector(t, folder, c.file, c.clock, c.edit...)
			m := frame(tree)
			m.Path = "/HelloWorld/services/helloworld"
			schemes := auth.Schemes{IDWS: &idws.Verifier{Trust: source{set}, Now: now}}
			_, err := schemes.Admit(t.Context(), m, admitting.Policy{Audiences: []string{"http://localhost:8080/service/hello"}})
			assertCode(t, c.code, err)
			var refusal *auth.Refusal
			require.ErrorAs(t, err, &refusal)
			assert.Equal(t, c.cause, refusal.Cause)
			if c.cause == "nobody named" {
				assert.Equal(t, "3", m.Attributes["dk:gov:saml:attribute:AssuranceLevel"])
				assert.Contains(t, m.Attributes["X509Subject"], "SERIALNUMBER=CVR:33257872-FID:22933922")
			}
		})
	}
}

// TestVectorAnswers: signed answers of others.
func TestVectorAnswers(t *testing.T) {
	folder := vectorFolder(t)
	service := pinned(t, folder, "IDWS_XUA_Test_WSP_funktionscertifikat_b829dd08.pem", trust.Service, "")
	legacy := pinned(t, folder, "Java_ref_TEST_funktionscertifikat_d3de6e3d.pem", trust.Service, "")
	for _, c := range []struct {
		name, file, clock string
		ok                bool
	}{
		{"SA-04 signed answer, 7 references", "idws/xua-system-user-holder-of-key-4-WSP-TO-WSC.norm.xml", "2018-08-08T08:58:45Z", true},
		{"SA-06 rsa-sha1 answer", "idws/soap-system-user-scenario-4-WSP-TO-WSC.norm.xml", "2018-02-23T12:44:22Z", false},
		{"SA-06 token of the answer changed", "idws/xua-bootstrap-2-STS-TO-WSC.recon.xml", "2018-08-10T07:23:51Z", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, now := vector(t, folder, c.file, c.clock)
			root := tree.Root()
			header := tree.Child(root, tree.Space(root), "Header")
			related, err := tree.Text(tree.Child(header, auth.NSAddressing, "RelatesTo"))
			require.NoError(t, err)
			require.NotEmpty(t, related)
			answers := idws.Answers{Keys: [][32]byte{service.SPKI, legacy.SPKI}, Now: now}
			if c.ok {
				require.NoError(t, answers.Check(tree, related))
				require.ErrorIs(t, answers.Check(tree, related+"x"), idws.ErrAnswer)
				return
			}
			require.Error(t, answers.Check(tree, related))
		})
	}
}

// TestVectorTokens: tokens of others, outside of messages.
func TestVectorTokens(t *testing.T) {
	folder := vectorFolder(t)
	for _, c := range []struct {
		name, file, clock string
		pinned, use       trust.Use // of all certificates of the folder, and what is asked
		ok                bool
	}{
		{"SA-04 identity token from the STS", "idws/xua-bootstrap-2-STS-TO-WSC.recon.xml", "2018-08-10T07:23:51Z", trust.Token, trust.Token, true},
		{"SA-04 bearer token from the STS", "idws/xua-system-user-bearer-3-WSC-TO-WSP.recon.xml", "2018-08-08T08:35:30Z", trust.Token, trust.Token, true},
		{"SA-04 bearer token, its message not signed", "idws/xua-system-user-bearer-nosign-3-WSC-TO-WSP.recon.xml", "2018-08-08T08:25:19Z", trust.Token, trust.Token, true},
		{"SA-04 bootstrap token", "oiosaml/NemLog-In_bootstrap_valid_signature.xml", "2017-05-29T13:40:56Z", trust.Bootstrap, trust.Bootstrap, true},
		{"SEC-41 bootstrap token as identity token", "oiosaml/NemLog-In_bootstrap_valid_signature.xml", "2017-05-29T13:40:56Z", trust.Bootstrap, trust.Token, false},
		{"SA-06 rsa-sha1 bootstrap token", "oiosaml/unsealed-bootstrap-token.xml", "2022-05-02T14:04:14Z", trust.Bootstrap, trust.Bootstrap, false},
		{"SA-06 rsa-sha1 assertion", "oiosaml/seal-generated-test-oiosamlassertion.norm.xml", "2014-10-22T12:40:33Z", trust.Bootstrap, trust.Bootstrap, false},
		{"SA-06 changed bootstrap token", "negative/NemLog-In_bootstrap.xml", "2017-02-14T13:07:06Z", trust.Bootstrap, trust.Bootstrap, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, now := vector(t, folder, c.file, c.clock)
			assertion := find(tree, "Assertion")
			issuer, err := tree.Text(tree.Child(assertion, auth.NSAssertion, "Issuer"))
			require.NoError(t, err)
			files, err := filepath.Glob(filepath.Join(folder, "certs", "*.pem"))
			require.NoError(t, err)
			set := &trust.Set{}
			for _, f := range files {
				set.Anchors = append(set.Anchors, pinned(t, folder, filepath.Base(f), c.pinned, issuer))
			}
			var anchors auth.Anchors
			verified, _, err := anchors.Verify(tree, assertion, &auth.Pinning{
				Set: set, Use: c.use, Now: now(), Issued: now(), MinRSABits: 1024, BadSignature: fault.Error{Code: "bad"}, Untrusted: fault.Error{Code: "untrusted"},
			})
			if !c.ok {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.True(t, verified.Covers(assertion))
		})
	}
}

// find returns the first element with a local name.
func find(t *xmltree.Tree, local string) xmltree.Node {
	var walk func(n xmltree.Node) xmltree.Node
	walk = func(n xmltree.Node) xmltree.Node {
		if t.Local(n) == local {
			return n
		}
		for c := range t.Children(n) {
			if found := walk(c); found != xmltree.None {
				return found
			}
		}
		return xmltree.None
	}
	return walk(t.Root())
}
