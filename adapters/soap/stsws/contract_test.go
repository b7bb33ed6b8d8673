package stsws_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/stsws"
)

// get returns what a service serves at a query.
func get(t *testing.T, address, query string) (int, string) {
	t.Helper()
	resp, err := http.Get(address + query)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(data)
}

var location = regexp.MustCompile(`schemaLocation="[^"]*\?xsd=([a-z0-9]+\.xsd)"`)

// schemas fetches the WSDL at an address and all schemas it leads to, as a client generator does, and stores them so that they find each
// other as files, with an envelope around them.
func schemas(t *testing.T, address, around string, count int) string {
	t.Helper()
	dir := t.TempDir()
	todo := []string{"?wsdl"}
	seen := map[string]bool{}
	for len(todo) > 0 {
		query := todo[0]
		todo = todo[1:]
		if seen[query] {
			continue
		}
		seen[query] = true
		code, text := get(t, address, query)
		require.Equal(t, http.StatusOK, code, query)
		for _, m := range location.FindAllStringSubmatch(text, -1) {
			todo = append(todo, "?xsd="+m[1])
		}
		name := strings.TrimPrefix(query, "?xsd=")
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(location.ReplaceAllString(text, `schemaLocation="$1"`)), 0o600))
	}
	assert.Len(t, seen, count, "the WSDL and every schema of the contract")
	envelope, err := os.ReadFile(filepath.Join("testdata", around))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "envelope.xsd"), envelope, 0o600))
	return dir
}

// validate tells for each document whether xmllint finds it valid.
func validate(t *testing.T, dir string, docs []string) []bool {
	t.Helper()
	tool(t, "xmllint")
	args := []string{"--noout", "--nonet", "--schema", filepath.Join(dir, "envelope.xsd")}
	for i, doc := range docs {
		path := filepath.Join(dir, fmt.Sprintf("doc%d.xml", i))
		require.NoError(t, os.WriteFile(path, []byte(doc), 0o600))
		args = append(args, path)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "xmllint", args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // it fails if one document is invalid
	require.NotContains(t, out.String(), "compile", "the schema itself")
	valid := make([]bool, len(docs))
	for i := range docs {
		valid[i] = strings.Contains(out.String(), fmt.Sprintf("doc%d.xml validates\n", i))
		if !valid[i] {
			require.Contains(t, out.String(), fmt.Sprintf("doc%d.xml fails to validate\n", i), "%s", out.String())
		}
	}
	return valid
}

func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(data)
}

func TestContract(t *testing.T) {
	s := start(t, options{})
	t.Run("WSDL names the address that was asked", func(t *testing.T) {
		_, wsdl := get(t, s.URL+stsws.PathNew, "?wsdl")
		assert.Contains(t, wsdl, `<soap:address location="`+s.URL+stsws.PathNew+`"/>`)
		assert.NotContains(t, wsdl, "{{")
	})
	t.Run("unknown schema", func(t *testing.T) {
		code, _ := get(t, s.URL+stsws.PathNew, "?xsd=../handler.go")
		assert.Equal(t, http.StatusNotFound, code)
	})
	dir := schemas(t, s.URL+stsws.PathNew, "envelope.xsd", 7)
	t.Run("what is sent is valid", func(t *testing.T) {
		docs := []string{sample(t, "07-sts-issue-request.xml"), sample(t, "08-sts-issue-response.xml"), sample(t, "09-sts-fault.xml")}
		for _, name := range []string{"laege", "epj"} {
			request, err := s.client().Request(credential(t, name))
			require.NoError(t, err)
			docs = append(docs, string(request), s.post(t, request, "Issue"))
		}
		request, err := s.client().Request(credential(t, "tolaege"))
		require.NoError(t, err)
		docs = append(docs, s.post(t, request, "Issue"))
		for i, valid := range validate(t, dir, docs) {
			assert.True(t, valid, "document %d", i)
		}
	})
	t.Run("every facet and cardinality refuses", func(t *testing.T) {
		cases := append(breaches(sample(t, "07-sts-issue-request.xml"), requestBreaches), breaches(sample(t, "08-sts-issue-response.xml"), answerBreaches)...)
		var docs []string
		for _, c := range cases {
			require.NotEqual(t, c.good, c.doc, "%s changes nothing", c.name)
			docs = append(docs, c.doc)
		}
		for i, valid := range validate(t, dir, docs) {
			assert.False(t, valid, "%s must be refused", cases[i].name)
		}
	})
}

type breach struct{ name, good, doc string }

// breaches applies each edit to a good document. An edit is a name, a regular expression and what its first match becomes.
func breaches(good string, edits [][3]string) []breach {
	var all []breach
	for _, e := range edits {
		at := regexp.MustCompile(e[1]).FindStringSubmatchIndex(good)
		doc := good
		if at != nil {
			doc = good[:at[0]] + string(regexp.MustCompile(e[1]).ExpandString(nil, e[2], good, at)) + good[at[1]:]
		}
		all = append(all, breach{e[0], good, doc})
	}
	return all
}

var requestBreaches = [][3]string{
	{"Security missing its Timestamp", `<wsu:Timestamp.*</wsu:Timestamp>`, ``},
	{"Timestamp twice", `<wsu:Timestamp.*</wsu:Timestamp>`, `$0$0`},
	{"Created missing", `<wsu:Created>[^<]*</wsu:Created>`, ``},
	{"Created not a dateTime", `<wsu:Created>[^<]*`, `<wsu:Created>2026-11-21`},
	{"TokenType missing", `<wst:TokenType>.*</wst:TokenType>`, ``},
	{"TokenType twice", `<wst:TokenType>.*</wst:TokenType>`, `$0$0`},
	{"TokenType of another token", `assertion:</wst:TokenType>`, `other</wst:TokenType>`},
	{"RequestType missing", `<wst:RequestType>.*</wst:RequestType>`, ``},
	{"RequestType of another request", `trust/Issue<`, `trust/Renew<`},
	{"Claims missing", `<wst:Claims>.*</wst:Claims>`, ``},
	{"Claims empty", `<wst:Claims>.*</wst:Claims>`, `<wst:Claims/>`},
	{"two cards", `<saml:Assertion .*</saml:Assertion>`, `$0$0`},
	{"Issuer twice", `<wst:Issuer>.*</wst:Issuer>`, `$0$0`},
	{"Issuer without Address", `<wsa04:Address>.*</wsa04:Address>`, ``},
	{"unknown element", `</wst:RequestSecurityToken>`, `<wst:Lifetime/>$0`},
	{"other order", `(<wst:TokenType>.*</wst:TokenType>)(<wst:RequestType>.*</wst:RequestType>)`, `$2$1`},

	{"IssueInstant missing", ` IssueInstant="[^"]*"`, ``},
	{"IssueInstant not a dateTime", `IssueInstant="[^"]*"`, `IssueInstant="now"`},
	{"Version missing", ` Version="2.0"`, ``},
	{"Version of another SAML", `Version="2.0"`, `Version="1.1"`},
	{"id missing", ` id="IDCard"`, ``},
	{"another id", `id="IDCard"`, `id="Card"`},
	{"card without Issuer", `<saml:Issuer>.*</saml:Issuer>`, ``},
	{"Subject missing", `<saml:Subject>.*</saml:Subject>`, ``},
	{"NameID missing", `<saml:NameID .*</saml:NameID>`, ``},
	{"NameID without Format", ` Format="medcom:cprnumber"`, ``},
	{"NameID of another Format", `Format="medcom:cprnumber"`, `Format="cprnumber"`},
	{"SubjectConfirmation missing", `<saml:SubjectConfirmation>.*</saml:SubjectConfirmation>`, ``},
	{"ConfirmationMethod missing", `<saml:ConfirmationMethod>.*</saml:ConfirmationMethod>`, ``},
	{"another ConfirmationMethod", `cm:holder-of-key`, `cm:bearer`},
	{"SubjectConfirmationData missing", `<saml:SubjectConfirmationData>.*</saml:SubjectConfirmationData>`, ``},
	{"SubjectConfirmationData empty", `<saml:SubjectConfirmationData>.*</saml:SubjectConfirmationData>`, `<saml:SubjectConfirmationData/>`},
	{"Conditions missing", `<saml:Conditions [^>]*/>`, ``},
	{"NotBefore missing", ` NotBefore="[^"]*"`, ``},
	{"NotBefore not a dateTime", `NotBefore="[^"]*"`, `NotBefore=""`},
	{"NotOnOrAfter missing", ` NotOnOrAfter="[^"]*"`, ``},
	{"NotOnOrAfter not a dateTime", `NotOnOrAfter="[^"]*"`, `NotOnOrAfter="never"`},
	{"one statement", `<saml:AttributeStatement id="UserLog">.*</saml:AttributeStatement>`, ``},
	{"four statements", `<saml:AttributeStatement id="SystemLog">.*</saml:AttributeStatement>`, `$0$0`},
	{"statement without id", ` id="UserLog"`, ``},
	{"statement of another id", `id="UserLog"`, `id="Log"`},
	{"statement without attributes", `(<saml:AttributeStatement id="SystemLog">).*</saml:AttributeStatement>`, `$1</saml:AttributeStatement>`},
	{"attribute without name", ` Name="medcom:ITSystemName"`, ``},
	{"attribute of another name", `Name="medcom:ITSystemName"`, `Name="ITSystemName"`},
	{"attribute of another NameFormat", `NameFormat="medcom:cvrnumber"`, `NameFormat="cvr"`},
	{"attribute without value", `<saml:AttributeValue>TestEPJ</saml:AttributeValue>`, ``},
	{"attribute with two values", `<saml:AttributeValue>TestEPJ</saml:AttributeValue>`, `$0$0`},

	{"card without signature", `<ds:Signature .*</ds:Signature>`, ``},
	{"card with two signatures", `<ds:Signature .*</ds:Signature>`, `$0$0`},
	{"signature of another id", `id="OCESSignature"`, `id="Signature"`},
	{"SignedInfo missing", `<ds:SignedInfo>.*</ds:SignedInfo>`, ``},
	{"SignatureValue missing", `<ds:SignatureValue>.*</ds:SignatureValue>`, ``},
	{"SignatureValue not base64", `<ds:SignatureValue>`, `${0}A`},
	{"KeyInfo missing", `</ds:SignatureValue><ds:KeyInfo>.*</ds:KeyInfo></ds:Signature>`, `</ds:SignatureValue></ds:Signature>`},
	{"KeyInfo empty", `<ds:KeyName>OCESSignature</ds:KeyName>`, ``},
	{"KeyInfo with two keys", `<ds:KeyName>OCESSignature</ds:KeyName>`, `$0$0`},
	{"X509Data empty", `<ds:X509Certificate>.*</ds:X509Certificate>`, ``},
	{"certificate not base64", `<ds:X509Certificate>`, `${0}A`},
	{"CanonicalizationMethod missing", `<ds:CanonicalizationMethod [^>]*/>`, ``},
	{"CanonicalizationMethod without algorithm", `<ds:CanonicalizationMethod [^>]*/>`, `<ds:CanonicalizationMethod/>`},
	{"canonical form with comments", `(<ds:CanonicalizationMethod Algorithm="[^"]*#)"`, `${1}WithComments"`},
	{"SignatureMethod missing", `<ds:SignatureMethod [^>]*/>`, ``},
	{"SignatureMethod without algorithm", `<ds:SignatureMethod [^>]*/>`, `<ds:SignatureMethod/>`},
	{"HMAC", `xmldsig-more#rsa-sha256`, `xmldsig-more#hmac-sha256`},
	{"Reference missing", `<ds:Reference .*</ds:Reference>`, ``},
	{"two References", `<ds:Reference .*</ds:Reference>`, `$0$0`},
	{"Reference without URI", ` URI="#IDCard"`, ``},
	{"Reference to something else", `URI="#IDCard"`, `URI="#Body"`},
	{"Transforms missing", `<ds:Transforms>.*</ds:Transforms>`, ``},
	{"one Transform", `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`, ``},
	{"three Transforms", `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`, `$0$0`},
	{"Transform without algorithm", `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`, `<ds:Transform/>`},
	{"XPath", `http://www.w3.org/2000/09/xmldsig#enveloped-signature`, `http://www.w3.org/TR/1999/REC-xpath-19991116`},
	{"DigestMethod missing", `<ds:DigestMethod [^>]*/>`, ``},
	{"DigestMethod without algorithm", `<ds:DigestMethod [^>]*/>`, `<ds:DigestMethod/>`},
	{"MD5", `http://www.w3.org/2001/04/xmlenc#sha256`, `http://www.w3.org/2001/04/xmldsig-more#md5`},
	{"DigestValue missing", `<ds:DigestValue>.*</ds:DigestValue>`, ``},
	{"DigestValue not base64", `<ds:DigestValue>`, `${0}A`},
}

var answerBreaches = [][3]string{
	{"answer without TokenType", `<wst:TokenType>.*</wst:TokenType>`, ``},
	{"answer with two TokenTypes", `<wst:TokenType>.*</wst:TokenType>`, `$0$0`},
	{"answer without token", `<wst:RequestedSecurityToken>.*</wst:RequestedSecurityToken>`, ``},
	{"answer with two tokens", `<wst:RequestedSecurityToken>.*</wst:RequestedSecurityToken>`, `$0$0`},
	{"answer with an empty token", `<saml:Assertion .*</saml:Assertion>`, ``},
	{"answer with two cards", `<saml:Assertion .*</saml:Assertion>`, `$0$0`},
	{"Status missing", `<wst:Status>.*</wst:Status>`, ``},
	{"Status twice", `<wst:Status>.*</wst:Status>`, `$0$0`},
	{"Status empty", `<wst:Code>.*</wst:Code>`, ``},
	{"Status of another code", `status/valid`, `status/invalid`},
	{"answer without Issuer", `<wst:Issuer>.*</wst:Issuer>`, ``},
	{"answer with two Issuers", `<wst:Issuer>.*</wst:Issuer>`, `$0$0`},
	{"answer's Issuer without Address", `<wsa04:Address>.*</wsa04:Address>`, ``},
	{"answer's Issuer with two Addresses", `<wsa04:Address>.*</wsa04:Address>`, `$0$0`},
}
