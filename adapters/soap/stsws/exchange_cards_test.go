package stsws_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/ports"
)

func TestCardsForTokens(t *testing.T) {
	s := startExchanges(t, nil)
	for _, path := range []string{stsws.PathBST2SOSI, stsws.PathOIOSaml2Sosi} {
		t.Run("SA-48 "+path+" gives an employee an ID card", func(t *testing.T) {
			issued, err := s.client(path).ExchangeCard(t.Context(), s.employeeRequest("laege", "epj"))
			require.NoError(t, err)
			card, err := verify(t, issued.Assertion, xmldsig.Algorithms{})
			require.NoError(t, err)
			assert.Equal(t, "TST01", card.AuthorisationCode)
			assert.Equal(t, "7170", card.Role)
			assert.Equal(t, [2]string{"user", "4"}, [2]string{card.Type, card.Level})
			assert.Equal(t, "0101010001", card.CPR)
			assert.Equal(t, "99999902", card.CVR())
			assert.Equal(t, "OpenNSP Testhus", card.CareProviderName)
			assert.Equal(t, "TestEPJ", card.SystemName)
			assert.Equal(t, "CVR:99999902-RID:1001", card.NameID)
			assert.Equal(t, "2026-11-21T10:00:30Z", card.NotBefore)
			assert.Equal(t, "2026-11-22T10:00:30Z", card.NotOnOrAfter)
			assert.Equal(t, certHashOf(der(t, "epj")), card.CertHash, "of who signed the request")
			caller, err := present(t, issued.Assertion, 4)
			require.NoError(t, err)
			assert.Equal(t, identity.Professional, caller.Kind)
			label := audit.Context(strings.TrimPrefix(path, "/sts/services/"))
			keys, values := s.said(label)
			assert.Equal(t, []string{
				"subject-cpr", "subject-cvr", "idcard-id", "idcard-type", "level", "certificate-serial", "certificate-issuer", "authorisation-code",
				"audience", "status",
			}, keys)
			assert.Equal(t, "user", values["idcard-type"])
		})
	}
	t.Run("SA-48 an OCES3 employee, a chosen authorisation, a chosen role, a name for the subject", func(t *testing.T) {
		issued, err := s.client(stsws.PathBST2SOSI).ExchangeCard(t.Context(), s.employeeRequest("sygeplejerske", "epj"))
		require.NoError(t, err)
		assert.Equal(t, "urn:uuid:5f0c2f3e-0001-4000-8000-000000001003", issued.Card.NameID)
		for _, c := range []stsws.Claim{{URI: "medcom:UserAuthorizationCode", Value: "TST03"}, {URI: "medcom:UserRole", Value: "5166"}} {
			x := s.employeeRequest("tolaege", "epj")
			x.Claims = append(x.Claims, c, stsws.Claim{URI: "sosi:SubjectNameID", Value: "msk"})
			issued, err := s.client(stsws.PathBST2SOSI).ExchangeCard(t.Context(), x)
			require.NoError(t, err)
			assert.Equal(t, "TST03", issued.Card.AuthorisationCode)
			assert.Equal(t, "msk", issued.Card.NameID)
		}
	})
	t.Run("SA-48 claims of an assertion that the sender vouches for", func(t *testing.T) {
		x := s.employeeRequest("tolaege", "epj")
		x.Claims = nil
		x.ActAs = append(x.ActAs, []byte(vouched("TST03"))...)
		issued, err := s.client(stsws.PathOIOSaml2Sosi).ExchangeCard(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, "TST03", issued.Card.AuthorisationCode)
		assert.Equal(t, "FMK-online", issued.Card.SystemName)
	})
	for _, tt := range []struct {
		name, path, sample string
		change             func(*exchanger, *stsws.Exchange)
		code, text, actor  string
	}{
		{"SA-48 both role and code", stsws.PathBST2SOSI, "laege", func(_ *exchanger, x *stsws.Exchange) { x.Claims = stsws.CardClaims("TestEPJ", "7170", "TST01") },
			"wst:InvalidRequest", "Either medcom:UserRole or medcom:UserAuthorizationCode may be claimed, not both", "dk:sosi:sts:bst2sosi"},
		{"SA-48 no system name", stsws.PathBST2SOSI, "laege", func(_ *exchanger, x *stsws.Exchange) { x.Claims = nil },
			"wst:InvalidRequest", "IT System must be specified.", "dk:sosi:sts:its"},
		{"SA-48 no system name, OIOSaml2Sosi", stsws.PathOIOSaml2Sosi, "laege", func(_ *exchanger, x *stsws.Exchange) { x.Claims = nil },
			"wst:InvalidRequest", "IT System must be specified.", "dk:sosi:sts:its"},
		{"SA-48 several authorisations", stsws.PathBST2SOSI, "tolaege", func(*exchanger, *stsws.Exchange) {},
			"wst:FailedAuthentication", "Authentication failed: multiple authorizations found (TST02:7170, TST03:5166)", "dk:sosi:sts:autorisation"},
		{"SA-48 an authorisation of somebody else", stsws.PathBST2SOSI, "laege", func(_ *exchanger, x *stsws.Exchange) { x.Claims = stsws.CardClaims("E", "", "TST04") },
			"wst:FailedAuthentication", "Authentication failed: authorization not found (available TST01:7170)", "dk:sosi:sts:autorisation"},
		{"SA-48 audience unknown", stsws.PathBST2SOSI, "laege", func(_ *exchanger, x *stsws.Exchange) { x.Audience = "https://elsewhere" },
			"wst:InvalidScope", "No token is issued for the audience in AppliesTo", "dk:sosi:sts:bst2sosi"},
		{"SA-48 a citizen", stsws.PathBST2SOSI, "laege", func(s *exchanger, x *stsws.Exchange) {
			c := s.citizenRequest()
			x.ActAs, x.Certificate, x.Key = c.ActAs, c.Certificate, c.Key
		}, "wst:InvalidSecurityToken", "The token in ActAs does not name an employee", "dk:sosi:sts:bst2sosi"},
		{"SA-48 unsigned", stsws.PathOIOSaml2Sosi, "laege", func(_ *exchanger, x *stsws.Exchange) { x.Key = nil },
			"wst:InvalidRequest", "Unable to validate envelope signature: the request is not signed", "dk:sosi:sts:oiosaml2sosi"},
		{"SA-48 holder's key not shown", stsws.PathOIOSaml2Sosi, "laege", func(_ *exchanger, x *stsws.Exchange) {
			c := credential(t, "region")
			x.Certificate, x.Key = c.Certificate, c.Key
		}, "wst:InvalidSecurityToken", "The request is not signed with the key of the holder of the token in ActAs", "dk:sosi:sts:oiosaml2sosi"},
		{"SA-48 vouched claims beside claims", stsws.PathOIOSaml2Sosi, "laege", func(_ *exchanger, x *stsws.Exchange) {
			x.ActAs = append(x.ActAs, []byte(vouched("TST01"))...)
		}, "wst:InvalidRequest", "ActAs must hold exactly one token", "dk:sosi:sts:oiosaml2sosi"},
		{"SA-48 something else beside the token", stsws.PathOIOSaml2Sosi, "laege", func(_ *exchanger, x *stsws.Exchange) {
			x.Claims = nil
			x.ActAs = append(x.ActAs, []byte(strings.Replace(vouched("TST01"), "sender-vouches", "bearer", 1))...)
		}, "wst:InvalidRequest", "ActAs must hold exactly one token", "dk:sosi:sts:oiosaml2sosi"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := s.employeeRequest(tt.sample, "epj")
			tt.change(s, &x)
			_, err := s.client(tt.path).ExchangeCard(t.Context(), x)
			fault := told(t, err)
			assert.Equal(t, []string{tt.code, tt.text, tt.actor}, []string{fault.FaultCode, fault.FaultString, fault.Actor})
		})
	}
	t.Run("register down", func(t *testing.T) {
		s := startExchanges(t, func(s *exchanger) { s.service.People = down{} })
		_, err := s.client(stsws.PathBST2SOSI).ExchangeCard(t.Context(), s.employeeRequest("laege", "epj"))
		fault := told(t, err)
		assert.Equal(t, "wst:RequestFailed", fault.FaultCode)
		assert.NotContains(t, fault.FaultString, "refused")
	})
}

// vouched is the assertion that some clients put beside the token in place of claims.
func vouched(code string) string {
	return `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="sva" IssueInstant="2026-11-21T10:05:30Z" Version="2.0">` +
		`<saml:Issuer>FMK-online</saml:Issuer><saml:Subject><saml:NameID>x</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"/></saml:Subject><saml:AttributeStatement>` +
		`<saml:Attribute Name="dk:healthcare:saml:attribute:UserEducationCode"><saml:AttributeValue>doctor</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="dk:healthcare:saml:attribute:UserAuthorizationCode"><saml:AttributeValue>` + code + `</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="dk:healthcare:saml:attribute:ITSystemName"><saml:AttributeValue>FMK-online</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="dk:healthcare:saml:attribute:UserSurName"><saml:AttributeValue>Ignored</saml:AttributeValue></saml:Attribute>` +
		`</saml:AttributeStatement></saml:Assertion>`
}

func TestSosi2OIOSaml(t *testing.T) {
	t.Run("SU-4 a card and its holder's key give a token", func(t *testing.T) {
		s := startExchanges(t, nil)
		for sample, want := range map[string]map[string]string{
			"laege": {
				"dk:gov:saml:attribute:AssuranceLevel": "4", "dk:gov:saml:attribute:CprNumberIdentifier": "0101010001", "dk:gov:saml:attribute:CvrNumberIdentifier": "99999902",
				"dk:healthcare:saml:attribute:UserAuthorizationCode": "TST01", "dk:healthcare:saml:attribute:UserEducationCode": "7170",
			},
			"sekretaer": {"dk:gov:saml:attribute:AssuranceLevel": "4", "dk:gov:saml:attribute:CprNumberIdentifier": "0101010004", "dk:gov:saml:attribute:CvrNumberIdentifier": "99999902"},
			"administrator": {
				"dk:gov:saml:attribute:AssuranceLevel": "4", "dk:gov:saml:attribute:CprNumberIdentifier": "0101010006", "dk:gov:saml:attribute:CvrNumberIdentifier": "99999903",
				"urn:oasis:names:tc:xacml:2.0:subject:role": "NspAdministrator",
			},
			"epj": {"dk:gov:saml:attribute:AssuranceLevel": "3", "dk:gov:saml:attribute:CvrNumberIdentifier": "99999901"},
		} {
			got, err := s.client(stsws.PathSosi2OIOSaml).Exchange(t.Context(), s.cardRequest(sample))
			require.NoError(t, err, sample)
			attributes := verifyToken(t, got.Assertion)
			for _, name := range []string{
				"dk:gov:saml:attribute:AssuranceLevel", "dk:gov:saml:attribute:CprNumberIdentifier", "dk:gov:saml:attribute:CvrNumberIdentifier",
				"dk:healthcare:saml:attribute:UserAuthorizationCode", "dk:healthcare:saml:attribute:UserEducationCode", "urn:oasis:names:tc:xacml:2.0:subject:role",
			} {
				assert.Equal(t, want[name], attributes[name], "%s of %s", name, sample)
			}
			assert.Equal(t, "OpenNSP", attributes["dk:healthcare:saml:attribute:ITSystemName"])
			assert.Contains(t, string(got.Assertion), base64Of(der(t, sample)), "holder-of-key")
			_, values := s.said(audit.Sosi2OIOSaml)
			assert.Equal(t, want["dk:gov:saml:attribute:CprNumberIdentifier"], values["subject-cpr"])
			assert.Equal(t, audienceMinLog, values["audience"])
			assert.NotEmpty(t, values["idcard-id"])
		}
	})
	t.Run("SU-4 a token does not outlive the card", func(t *testing.T) {
		s := startExchanges(t, nil)
		x := s.cardRequest("epj")
		s.now = clock.Add(23*time.Hour + 45*time.Minute)
		got, err := s.client(stsws.PathSosi2OIOSaml).Exchange(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, clock.Add(24*time.Hour-5*time.Minute), got.To)
	})
	t.Run("SA-49 unsigned in development gives a bearer token", func(t *testing.T) {
		s := startExchanges(t, func(s *exchanger) { s.service.AllowBearer = true })
		x := s.cardRequest("laege")
		x.Key = nil
		request, err := s.client("").ExchangeRequest(x)
		require.NoError(t, err)
		assert.NotContains(t, string(request), "Security>", "the request has no Security header, as that of a published client")
		got, err := s.client(stsws.PathSosi2OIOSaml).Exchange(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, "0101010001", verifyToken(t, got.Assertion)["dk:gov:saml:attribute:CprNumberIdentifier"])
		assert.Contains(t, string(got.Assertion), `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter=`)
		assert.NotContains(t, string(got.Assertion), "holder-of-key")
		keys, _ := s.said(audit.Sosi2OIOSaml)
		assert.NotContains(t, keys, "certificate-serial", "nobody signed")
	})
	bearer := func(s *exchanger) { s.service.AllowBearer = true }
	for _, tt := range []struct {
		name         string
		start        func(*exchanger)
		change       func(*exchanger, *stsws.Exchange)
		code, prefix string
	}{
		{"SA-49 unsigned where bearer tokens are not allowed", nil, func(_ *exchanger, x *stsws.Exchange) { x.Key = nil },
			"wst:InvalidRequest", "Unable to validate envelope signature"},
		{"SA-49 unsigned with a changed card", bearer, func(_ *exchanger, x *stsws.Exchange) {
			x.Key, x.ActAs = nil, bytes.Replace(x.ActAs, []byte("0101010001"), []byte("0101010002"), 1)
		}, "wst:InvalidSecurityToken", "The signature of the token in ActAs is not valid"},
		{"SA-49 unsigned with a self-signed card", bearer, func(s *exchanger, x *stsws.Exchange) {
			x.Key, x.ActAs = nil, selfSigned(s.t)
		}, "wst:InvalidSecurityToken", "The issuer of the token in ActAs is not trusted"},
		{"SU-4 self-signed card", nil, func(s *exchanger, x *stsws.Exchange) { x.ActAs = selfSigned(s.t) },
			"wst:InvalidSecurityToken", "The issuer of the token in ActAs is not trusted"},
		{"SU-4 card of somebody else", nil, func(s *exchanger, x *stsws.Exchange) { x.ActAs = s.cardRequest("sekretaer").ActAs },
			"wst:InvalidSecurityToken", "The request is not signed with the key of the holder"},
		{"SU-4 expired card", nil, func(s *exchanger, _ *stsws.Exchange) { s.now = clock.Add(24*time.Hour - 5*time.Minute) },
			"wst:ExpiredData", "The token in ActAs has expired"},
		{"SU-4 card of the future", nil, func(s *exchanger, _ *stsws.Exchange) { s.now = clock.Add(-6*time.Minute - time.Second) },
			"wst:InvalidTimeRange", "The token in ActAs is not yet valid"},
		{"SU-4 audience unknown", nil, func(_ *exchanger, x *stsws.Exchange) { x.Audience = "https://elsewhere" },
			"wst:InvalidScope", "No token is issued"},
		{"SU-4 bootstrap token instead of a card", nil, func(s *exchanger, x *stsws.Exchange) { x.ActAs = s.citizenRequest().ActAs },
			"wst:InvalidSecurityToken", "The token in ActAs is not valid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startExchanges(t, tt.start)
			x := s.cardRequest("laege")
			tt.change(s, &x)
			_, err := s.client(stsws.PathSosi2OIOSaml).Exchange(t.Context(), x)
			fault := told(t, err)
			assert.Equal(t, tt.code, fault.FaultCode)
			assert.True(t, strings.HasPrefix(fault.FaultString, tt.prefix), fault.FaultString)
			assert.Equal(t, "dk:sosi:sts:sosi2oiosaml", fault.Actor)
		})
	}
}

// selfSigned is a card that laege signed.
func selfSigned(t *testing.T) []byte {
	t.Helper()
	request, err := (&stsws.Client{Now: func() time.Time { return clock }, NewID: func() string { return "x" }}).Request(credential(t, "laege"))
	require.NoError(t, err)
	tree, err := xmltree.Parse(request, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	node, _ := tree.ByID("IDCard")
	from, to := tree.Range(node)
	return request[from:to]
}

func TestRelationsDown(t *testing.T) {
	s := startExchanges(t, func(s *exchanger) { s.service.Relations = noRelations{} })
	x := s.citizenRequest()
	x.Claims = stsws.CitizenClaims(person(t, parent), person(t, child), relation.Custody)
	_, err := s.client(stsws.PathBst2Idws).Exchange(t.Context(), x)
	assert.Equal(t, "wst:RequestFailed", told(t, err).FaultCode)
}

// noRelations is a register that does not answer.
type noRelations struct{}

var _ ports.Relations = noRelations{}

func (noRelations) Between(context.Context, cpr.Number, cpr.Number, time.Time) ([]relation.Relation, error) {
	return nil, io.ErrUnexpectedEOF
}

func TestUnsupportedExchanges(t *testing.T) {
	s := startExchanges(t, nil)
	request, err := s.client("").ExchangeRequest(s.citizenRequest())
	require.NoError(t, err)
	for _, path := range []string{"/sts/services/JWT2Idws", "/sts/services/DKNCPBST2EHDSIIdws", "/sts3/token", "/sts3/a/b"} {
		for _, body := range []string{string(request), "hello", `<a xmlns="urn:b"/>`} {
			answer := s.post(path, []byte(body))
			assert.Contains(t, answer, "<faultcode>wst:BadRequest</faultcode><faultstring>This exchange is not offered</faultstring>")
		}
	}
}
