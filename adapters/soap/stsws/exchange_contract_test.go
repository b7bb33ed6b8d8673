package stsws_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/relation"
)

func TestExchangeContract(t *testing.T) {
	s := startExchanges(t, func(s *exchanger) { s.service.AllowBearer = true })
	for _, path := range []string{stsws.PathSosi2OIOSaml, stsws.PathBst2Idws, stsws.PathBST2SOSI, stsws.PathOIOSaml2Sosi} {
		_, wsdl := get(t, s.URL+path, "?wsdl")
		assert.Contains(t, wsdl, `<soap:address location="`+s.URL+path+`"/>`)
		assert.NotContains(t, wsdl, "{{")
	}
	dir := schemas(t, s.URL+stsws.PathBst2Idws, "envelope13.xsd", 10)
	t.Run("what is sent is valid", func(t *testing.T) {
		docs := []string{
			sample(t, "10-sts-exchange-request.xml"), sample(t, "11-sts-exchange-response.xml"), sample(t, "12-sts-exchange-fault.xml"),
		}
		behalf := s.citizenRequest()
		behalf.Claims = stsws.CitizenClaims(person(t, parent), person(t, child), relation.Custody)
		nobody := s.citizenRequest()
		nobody.Claims = nil
		bearer := s.cardRequest("laege")
		bearer.Key = nil
		vouching := s.employeeRequest("tolaege", "epj")
		vouching.Claims, vouching.ActAs = nil, append(vouching.ActAs, []byte(vouched("TST03"))...)
		role := s.cardRequest("administrator")
		for _, c := range []struct {
			path string
			x    stsws.Exchange
		}{
			{stsws.PathBst2Idws, s.citizenRequest()}, {stsws.PathBst2Idws, behalf}, {stsws.PathBst2Idws, nobody},
			{stsws.PathBST2SOSI, s.employeeRequest("sygeplejerske", "epj")}, {stsws.PathOIOSaml2Sosi, vouching},
			{stsws.PathSosi2OIOSaml, bearer}, {stsws.PathSosi2OIOSaml, role},
		} {
			request, err := s.client("").ExchangeRequest(c.x)
			require.NoError(t, err)
			docs = append(docs, string(request), s.post(c.path, request))
		}
		for i, valid := range validate(t, dir, docs) {
			assert.True(t, valid, "document %d", i)
		}
	})
	t.Run("every facet and cardinality refuses", func(t *testing.T) {
		cases := append(breaches(sample(t, "10-sts-exchange-request.xml"), exchangeRequestBreaches),
			breaches(sample(t, "11-sts-exchange-response.xml"), exchangeAnswerBreaches)...)
		var docs []string
		for _, c := range cases {
			require.NotEqual(t, c.good, c.doc, "%s changes nothing", c.name)
			docs = append(docs, c.doc)
		}
		for i, valid := range validate(t, dir, docs) {
			assert.False(t, valid, "%s must be refused", cases[i].name)
		}
	})
	t.Run("published messages are valid", func(t *testing.T) {
		for i, valid := range validate(t, dir, []string{string(vector(t, "sts/ehdsi-sts-person-request.norm.xml"))}) {
			assert.True(t, valid, "document %d", i)
		}
	})
	t.Run("claims of nobody", func(t *testing.T) {
		assert.Len(t, stsws.CitizenClaims(person(t, parent), cpr.Number{}, relation.None), 1)
		assert.Equal(t, relation.ClaimProxy+child, stsws.CitizenClaims(person(t, parent), person(t, child), relation.Proxy)[1].Value)
		assert.Empty(t, stsws.CardClaims("", "", ""))
	})
}

var exchangeRequestBreaches = [][3]string{
	{"Action of another request", `RST/Issue<`, `RST/Renew<`},
	{"Timestamp missing", `<wsu:Timestamp.*</wsu:Timestamp>`, ``},
	{"Timestamp twice", `<wsu:Timestamp.*</wsu:Timestamp>`, `$0$0`},
	{"Created missing", `<wsu:Created>[^<]*</wsu:Created>`, ``},
	{"Created not a dateTime", `<wsu:Created>[^<]*`, `<wsu:Created>now`},
	{"TokenType missing", `<wst13:TokenType>.*</wst13:TokenType>`, ``},
	{"TokenType twice", `<wst13:TokenType>.*</wst13:TokenType>`, `$0$0`},
	{"TokenType of another token", `#SAMLV2.0<`, `#SAMLV1.1<`},
	{"RequestType missing", `<wst13:RequestType>.*</wst13:RequestType>`, ``},
	{"RequestType of another request", `200512/Issue</wst13`, `200512/Renew</wst13`},
	{"ActAs missing", `<wst14:ActAs>.*</wst14:ActAs>`, ``},
	{"ActAs twice", `<wst14:ActAs>.*</wst14:ActAs>`, `$0$0`},
	{"ActAs empty", `<wst14:ActAs>.*</wst14:ActAs>`, `<wst14:ActAs/>`},
	{"ActAs with three assertions", `<saml:Assertion .*</saml:Assertion>`, `$0$0$0`},
	{"AppliesTo missing", `<wsp:AppliesTo>.*</wsp:AppliesTo>`, ``},
	{"AppliesTo twice", `<wsp:AppliesTo>.*</wsp:AppliesTo>`, `$0$0`},
	{"AppliesTo empty", `<wsp:AppliesTo>.*</wsp:AppliesTo>`, `<wsp:AppliesTo/>`},
	{"EndpointReference empty", `<wsa:Address>.*</wsa:Address>`, ``},
	{"two Addresses", `<wsa:Address>.*</wsa:Address>`, `$0$0`},
	{"empty Address", `<wsa:Address>.*</wsa:Address>`, `<wsa:Address/>`},
	{"Claims twice", `<wst13:Claims .*</wst13:Claims>`, `$0$0`},
	{"Claims of another dialect", `/authclaims"`, `/claims"`},
	{"claim without name", ` Uri="[^"]*"`, ``},
	{"claim without value", `<auth:Value>.*</auth:Value>`, ``},
	{"claim with two values", `<auth:Value>.*</auth:Value>`, `$0$0`},
	{"unknown element", `</wst13:RequestSecurityToken>`, `<wst13:Lifetime/>$0`},
	{"token without IssueInstant", ` IssueInstant="[^"]*"`, ``},
	{"token of another SAML", `Version="2.0"`, `Version="1.1"`},
	{"token without Issuer", `<saml:Issuer>.*</saml:Issuer>`, ``},
	{"token without Subject", `<saml:Subject>.*</saml:Subject>`, ``},
	{"token without NameID", `<saml:NameID>.*</saml:NameID>`, ``},
	{"token without confirmation", `<saml:SubjectConfirmation .*</saml:SubjectConfirmation>`, ``},
	{"token of another confirmation", `cm:holder-of-key`, `cm:artifact`},
	{"token without end", ` NotOnOrAfter="[^"]*"`, ``},
	{"token without audience", `<saml:Audience>.*</saml:Audience>`, ``},
	{"token without attributes", `<saml:AttributeStatement>.*</saml:AttributeStatement>`, ``},
	{"attribute without name", `<saml:Attribute Name="[^"]*"`, `<saml:Attribute`},
	{"attribute with two values", `<saml:AttributeValue>3</saml:AttributeValue>`, `$0$0`},
	{"signature without SignedInfo", `<ds:SignedInfo>.*?</ds:SignedInfo>`, ``},
	{"signature without value", `<ds:SignatureValue>.*?</ds:SignatureValue>`, ``},
	{"signature without KeyInfo", `</ds:SignatureValue><ds:KeyInfo>.*?</ds:KeyInfo></ds:Signature>`, `</ds:SignatureValue></ds:Signature>`},
	{"HMAC", `xmldsig-more#rsa-sha256`, `xmldsig-more#hmac-sha256`},
	{"Reference to nothing", `URI="#action"`, `URI=""`},
	{"external Reference", `URI="#action"`, `URI="http://x/#action"`},
	{"three Transforms", `<ds:Transform [^>]*/></ds:Transforms>`, `<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>$0`},
	{"XPath", `xml-exc-c14n#"/></ds:Transforms>`, `xpath"/></ds:Transforms>`},
	{"MD5", `http://www.w3.org/2001/04/xmlenc#sha256`, `http://www.w3.org/2001/04/xmldsig-more#md5`},
	{"certificate not base64", `<ds:X509Certificate>`, `${0}A`},
}

var exchangeAnswerBreaches = [][3]string{
	{"Action of another answer", `RSTRC/IssueFinal<`, `RSTRC/RenewFinal<`},
	{"no answer", `<wst13:RequestSecurityTokenResponse .*</wst13:RequestSecurityTokenResponse>`, ``},
	{"two answers", `<wst13:RequestSecurityTokenResponse .*</wst13:RequestSecurityTokenResponse>`, `$0$0`},
	{"answer without TokenType", `<wst13:TokenType>.*</wst13:TokenType>`, ``},
	{"answer without token", `<wst13:RequestedSecurityToken>.*</wst13:RequestedSecurityToken>`, ``},
	{"answer with an empty token", `<saml:Assertion .*</saml:Assertion>`, ``},
	{"answer with two tokens", `<saml:Assertion .*</saml:Assertion>`, `$0$0`},
	{"answer without AppliesTo", `<wsp:AppliesTo>.*</wsp:AppliesTo>`, ``},
	{"answer without Lifetime", `<wst13:Lifetime>.*</wst13:Lifetime>`, ``},
	{"Lifetime without end", `<wsu:Expires>.*</wsu:Expires>`, ``},
}
