package stsws_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

const audienceMinLog = "https://minlog"

// exchanger is a token service that exchanges, over HTTP.
type exchanger struct {
	*httptest.Server
	t       *testing.T
	audit   *memory.AuditLog
	service *federating.TokenService
	handler *stsws.Handler
	issuer  *stsws.TestIssuer
	now     time.Time
}

// startExchanges makes one at clock, after change had its way.
func startExchanges(t *testing.T, change func(*exchanger)) *exchanger {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	source, err := authtrust.Open(f.TrustFile())
	require.NoError(t, err)
	signer, err := authtrust.OpenSigner(f.SigningKeys())
	require.NoError(t, err)
	people, err := authtrust.OpenPeople(f.PeopleFile())
	require.NoError(t, err)
	s := &exchanger{t: t, audit: &memory.AuditLog{}, now: clock}
	now := func() time.Time { return s.now }
	ids := 0
	s.service = &federating.TokenService{
		Certificates: &authtrust.Holders{Source: source}, People: people, Relations: people, Trail: admitting.Trail{}, Now: now,
		Issuer: devfed.STSIssuer, NewID: func() string { ids++; return fmt.Sprintf("id-%d", ids) },
		OwnAudiences: []string{devfed.STSIssuer, "https://sts.sosi.dk/"}, Audiences: []string{audienceMinLog},
		CardAudiences: []string{"https://audience.nspop.dk/dgws"},
	}
	s.handler = &stsws.Handler{Tokens: s.service, Trust: source, Signer: signer, Now: now, NewID: func() string { return "00000000-0000-4000-8000-000000000000" }}
	s.issuer = &stsws.TestIssuer{
		Issuer: &federating.TestIssuer{TokenService: s.service, IdentityProvider: devfed.IDPIssuer}, Signer: signer,
	}
	if change != nil {
		change(s)
	}
	log := slog.New(slog.DiscardHandler)
	deps := soap.Deps{
		Gate: &admitting.Gate{Audit: s.audit, Units: memory.New(now).Units(), Now: now, Log: log},
		Now:  now, NewID: func() string { return "id" }, Log: log,
	}
	mux := http.NewServeMux()
	for _, m := range s.handler.Exchanges() {
		path := m.Path
		if base, wild := strings.CutSuffix(path, "*"); wild {
			path = base
			if !strings.HasSuffix(base, "/") {
				path = base + "Idws" // the mux has no such patterns
			}
		}
		mux.Handle(path, soap.NewRouter(m.Service, deps))
	}
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// client asks at a path.
func (s *exchanger) client(path string) *stsws.Client {
	return &stsws.Client{URL: s.URL + path, Now: func() time.Time { return s.now }, NewID: func() string { return "11111111-0000-4000-8000-000000000000" }}
}

// der is the certificate of a sample.
func der(t *testing.T, name string) []byte {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	c, _, err := f.Certificate(name)
	require.NoError(t, err)
	return c
}

func person(t *testing.T, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

const (
	parent = "2512489996"
	child  = "1101116171"
)

// citizenRequest is how the portal asks for a token for a citizen that logged in.
func (s *exchanger) citizenRequest() stsws.Exchange {
	s.t.Helper()
	bst, err := s.issuer.Bootstrap(s.t.Context(), federating.TestRequest{Citizen: person(s.t, parent), Holder: der(s.t, "portal")})
	require.NoError(s.t, err)
	portal := credential(s.t, "portal")
	return stsws.Exchange{
		Certificate: portal.Certificate, Key: portal.Key, ActAs: bst, Audience: audienceMinLog,
		Claims: stsws.CitizenClaims(person(s.t, parent), cpr.Number{}, relation.None),
	}
}

// employeeRequest is how a system asks for the card of an employee that logged in.
func (s *exchanger) employeeRequest(sample, system string) stsws.Exchange {
	s.t.Helper()
	f, err := federation()
	require.NoError(s.t, err)
	certificate, organisation, err := f.Certificate(sample)
	require.NoError(s.t, err)
	bst, err := s.issuer.Bootstrap(s.t.Context(), federating.TestRequest{Certificate: certificate, Organisation: organisation, Holder: der(s.t, system)})
	require.NoError(s.t, err)
	signer := credential(s.t, system)
	return stsws.Exchange{
		Certificate: signer.Certificate, Key: signer.Key, ActAs: bst, Audience: "https://audience.nspop.dk/dgws", Claims: stsws.CardClaims("TestEPJ", "", ""),
	}
}

// cardRequest is how the holder of a card asks for a token.
func (s *exchanger) cardRequest(sample string) stsws.Exchange {
	s.t.Helper()
	card, err := s.issuer.Card(s.t.Context(), federating.TestRequest{Certificate: der(s.t, sample)})
	require.NoError(s.t, err)
	holder := credential(s.t, sample)
	return stsws.Exchange{Certificate: holder.Certificate, Key: holder.Key, ActAs: card, Audience: audienceMinLog}
}

// said returns what the last audit line says in a context, by key in its order.
func (s *exchanger) said(where audit.Context) (keys []string, values map[string]string) {
	s.t.Helper()
	lines := s.audit.Lines()
	require.NotEmpty(s.t, lines)
	values = map[string]string{}
	for _, c := range lines[len(lines)-1].Notes {
		for _, notes := range c.Contexts {
			require.Equal(s.t, where, notes.Context)
			for _, i := range notes.Information {
				keys = append(keys, i.Key)
				values[i.Key] = i.Value
			}
		}
	}
	return keys, values
}

// told is the fault that a request must get.
func told(t *testing.T, err error) *soap.Fault {
	t.Helper()
	var fault *soap.Fault
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, http.StatusOK, fault.Status)
	assert.NotContains(t, string(fault.Raw), "Assertion")
	assert.NotContains(t, string(fault.Raw), parent)
	return fault
}

// post sends a message to a path and returns the body of the answer.
func (s *exchanger) post(path string, body []byte) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+path, bytes.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, "%s", answer)
	return string(answer)
}

// verifyToken checks the signature of a token with the key of the token service and returns its attributes, and what follows.
func verifyToken(t *testing.T, assertion []byte) map[string]string {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	signer, err := authtrust.OpenSigner(f.SigningKeys())
	require.NoError(t, err)
	key, _ := signer.Certificate(trust.Token).PublicKey.(*rsa.PublicKey)
	tree, err := xmltree.Parse(assertion, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	sig, err := xmldsig.ReadEnveloped(tree, tree.Root())
	require.NoError(t, err)
	verified, err := sig.Verify(key, xmldsig.Algorithms{})
	require.NoError(t, err)
	require.True(t, verified.Covers(tree.Root()))
	const saml = "urn:oasis:names:tc:SAML:2.0:assertion"
	attributes := map[string]string{}
	for n := range tree.Children(tree.Child(tree.Root(), saml, "AttributeStatement")) {
		name, _ := tree.Attr(n, "", "Name")
		value := tree.Child(n, saml, "AttributeValue")
		text, err := tree.Text(value)
		if err != nil {
			text, _ = tree.Attr(tree.First(value), "", "code")
		}
		attributes[name] = text
	}
	return attributes
}

func TestBst2Idws(t *testing.T) {
	s := startExchanges(t, nil)
	t.Run("SA-47 bootstrap token of a citizen gives a token that the portal holds", func(t *testing.T) {
		got, err := s.client(stsws.PathBst2Idws).Exchange(t.Context(), s.citizenRequest())
		require.NoError(t, err)
		assert.Equal(t, map[string]string{
			"dk:gov:saml:attribute:SpecVer": "DK-SAML-2.0", "dk:gov:saml:attribute:AssuranceLevel": "3",
			"dk:gov:saml:attribute:CprNumberIdentifier": parent,
		}, verifyToken(t, got.Assertion))
		assert.Equal(t, clock.Add(-5*time.Minute), got.From)
		assert.Equal(t, clock.Add(55*time.Minute), got.To)
		text := strings.ReplaceAll(string(got.Assertion), ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`, "")
		contains(t, text, `<saml:Issuer>OPENNSP-DEV-STS</saml:Issuer><ds:Signature>`)
		contains(t, text, `<saml:NameID>dk:gov:saml:attribute:CprNumberIdentifier:2512489996</saml:NameID>`+
			`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"><saml:SubjectConfirmationData><ds:KeyInfo><ds:X509Data><ds:X509Certificate>`+
			base64Of(der(t, "portal"))+`</ds:X509Certificate>`)
		contains(t, text, `<saml:Conditions NotBefore="2026-11-21T10:00:30Z" NotOnOrAfter="2026-11-21T11:00:30Z">`+
			`<saml:AudienceRestriction><saml:Audience>https://minlog</saml:Audience></saml:AudienceRestriction></saml:Conditions>`)
		keys, values := s.said(audit.Bst2Idws)
		assert.Equal(t, []string{"subject-cpr", "certificate-serial", "certificate-issuer", "audience", "status"}, keys)
		assert.Equal(t, parent, values["subject-cpr"])
		assert.Equal(t, audienceMinLog, values["audience"])
		assert.Equal(t, "issued", values["status"])
	})
	t.Run("SA-42 on behalf of a child", func(t *testing.T) {
		x := s.citizenRequest()
		x.Claims = stsws.CitizenClaims(person(t, parent), person(t, child), relation.Custody)
		got, err := s.client(stsws.PathBst2Idws).Exchange(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, relation.ClaimCustody+child, verifyToken(t, got.Assertion)["dk:healthcare:saml:attribute:OnBehalfOf"])
		_, values := s.said(audit.Bst2Idws)
		assert.Equal(t, child, values["on-behalf-of"])
		assert.Equal(t, parent, values["subject-cpr"])
	})
	t.Run("employees", func(t *testing.T) {
		for sample, want := range map[string]map[string]string{
			"laege": {
				"dk:gov:saml:attribute:SpecVer": "DK-SAML-2.0", "dk:gov:saml:attribute:AssuranceLevel": "4", "dk:gov:saml:attribute:CprNumberIdentifier": "0101010001",
				"dk:gov:saml:attribute:CvrNumberIdentifier": "99999902", "dk:gov:saml:attribute:RidNumberIdentifier": "1001", "urn:oid:2.5.4.10": "OpenNSP Testhus",
				"urn:oid:2.5.4.3": "Test Laege", "urn:oid:2.5.4.4": "Laege", "urn:oid:2.5.4.42": "Test", "urn:oid:0.9.2342.19200300.100.1.3": "laege@opennsp.test",
				"dk:healthcare:saml:attribute:UserAuthorizationCode": "TST01", "dk:healthcare:saml:attribute:UserEducationCode": "7170",
			},
			"sygeplejerske": {
				"dk:gov:saml:attribute:SpecVer": "DK-SAML-2.0", "dk:gov:saml:attribute:AssuranceLevel": "4", "dk:gov:saml:attribute:CprNumberIdentifier": "0101010003",
				"dk:gov:saml:attribute:CvrNumberIdentifier": "99999901", "urn:oid:2.5.4.10": "OpenNSP Testregion",
				"https://data.gov.dk/model/core/eid/professional/uuid/persistent": "urn:uuid:5f0c2f3e-0001-4000-8000-000000001003",
				"urn:oid:2.5.4.3": "Test Sygeplejerske", "urn:oid:2.5.4.4": "Sygeplejerske", "urn:oid:2.5.4.42": "Test",
				"urn:oid:0.9.2342.19200300.100.1.3":                  "sygeplejerske@opennsp.test",
				"dk:healthcare:saml:attribute:UserAuthorizationCode": "TST04", "dk:healthcare:saml:attribute:UserEducationCode": "5166",
			},
			"spaerringsadm": {
				"dk:gov:saml:attribute:SpecVer": "DK-SAML-2.0", "dk:gov:saml:attribute:AssuranceLevel": "4", "dk:gov:saml:attribute:CprNumberIdentifier": "0101010005",
				"dk:gov:saml:attribute:CvrNumberIdentifier": "99999903", "dk:gov:saml:attribute:RidNumberIdentifier": "1005", "urn:oid:2.5.4.10": "OpenNSP Teststyrelse",
				"urn:oid:2.5.4.3": "Test Spaerringsadministrator", "urn:oid:2.5.4.4": "Spaerringsadministrator", "urn:oid:2.5.4.42": "Test",
				"urn:oid:0.9.2342.19200300.100.1.3":         "spaerringsadm@opennsp.test",
				"urn:oasis:names:tc:xacml:2.0:subject:role": "SpaerAdminR8",
			},
		} {
			x := s.employeeRequest(sample, "epj")
			x.Audience, x.Claims = audienceMinLog, []stsws.Claim{{URI: "dk:gov:saml:attribute:CprNumberIdentifier", Value: want["dk:gov:saml:attribute:CprNumberIdentifier"]}}
			got, err := s.client(stsws.PathBst2Idws).Exchange(t.Context(), x)
			require.NoError(t, err, sample)
			assert.Equal(t, want, verifyToken(t, got.Assertion), sample)
		}
	})
	t.Run("SOAP 1.2", func(t *testing.T) {
		client := s.client(stsws.PathBst2Idws)
		client.SOAP12 = true
		x := s.citizenRequest()
		got, err := client.Exchange(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, parent, verifyToken(t, got.Assertion)["dk:gov:saml:attribute:CprNumberIdentifier"])
		x.Audience = "https://elsewhere"
		request, err := client.ExchangeRequest(x)
		require.NoError(t, err)
		answer := s.post(stsws.PathBst2Idws, request)
		contains(t, answer, `<soap:Value>soap:Sender</soap:Value><soap:Subcode><soap:Value>wst:InvalidScope</soap:Value></soap:Subcode></soap:Code>`)
		contains(t, answer, `<soap:Role>dk:sosi:sts:bst2idws</soap:Role>`)
	})
}

// contains is assert.Contains with a failure that can be read.
func contains(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("not found: %s", want)
	}
}

func TestBst2IdwsRefusals(t *testing.T) {
	citizen := person(t, parent)
	onBehalfOf := func(value string) func(*exchanger, *stsws.Exchange) {
		return func(_ *exchanger, x *stsws.Exchange) {
			x.Claims = append(x.Claims, stsws.Claim{URI: "dk:healthcare:saml:attribute:OnBehalfOf", Value: value})
		}
	}
	bootstrap := func(change func(*federating.TestRequest)) func(*exchanger, *stsws.Exchange) {
		return func(s *exchanger, x *stsws.Exchange) {
			r := federating.TestRequest{Citizen: citizen, Holder: x.Certificate.Raw}
			change(&r)
			var err error
			x.ActAs, err = s.issuer.Bootstrap(s.t.Context(), r)
			require.NoError(s.t, err)
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*exchanger, *stsws.Exchange)
		code   string
		text   string
	}{
		{"SA-47 another person's CPR claim", func(_ *exchanger, x *stsws.Exchange) {
			x.Claims = stsws.CitizenClaims(person(t, child), cpr.Number{}, 0)
		},
			"wst:FailedAuthentication", "Authentication failed: the CPR claim is not the civil registration number of the token"},
		{"SA-47 no CPR claim", func(_ *exchanger, x *stsws.Exchange) { x.Claims = nil }, "wst:InvalidRequest", "CPR claim missing"},
		{"SA-47 audience unknown", func(_ *exchanger, x *stsws.Exchange) { x.Audience = "https://elsewhere" },
			"wst:InvalidScope", "No token is issued for the audience in AppliesTo"},
		{"SA-47 audience of cards alone", func(_ *exchanger, x *stsws.Exchange) { x.Audience = "https://audience.nspop.dk/dgws" },
			"wst:InvalidScope", "No token is issued for the audience in AppliesTo"},
		{"SA-47 expired bootstrap token", func(s *exchanger, _ *stsws.Exchange) { s.now = clock.Add(time.Hour) }, "wst:ExpiredData", "The token in ActAs has expired"},
		{"SA-47 bootstrap token of the future", func(s *exchanger, _ *stsws.Exchange) { s.now = clock.Add(-time.Minute - time.Second) },
			"wst:InvalidTimeRange", "The token in ActAs is not yet valid"},
		{"SA-47 unsigned", func(_ *exchanger, x *stsws.Exchange) { x.Key = nil }, "wst:InvalidRequest",
			"Unable to validate envelope signature: the request is not signed"},
		{"SA-47 signed with another key than the holder's", func(_ *exchanger, x *stsws.Exchange) {
			epj := credential(t, "epj")
			x.Certificate, x.Key = epj.Certificate, epj.Key
		}, "wst:InvalidSecurityToken", "The request is not signed with the key of the holder of the token in ActAs"},
		{"SA-47 the certificate of another key", func(_ *exchanger, x *stsws.Exchange) { x.Key = credential(t, "epj").Key },
			"wst:InvalidRequest", "Unable to validate envelope signature"},
		{"SA-47 revoked certificate", func(s *exchanger, x *stsws.Exchange) {
			c := credential(t, "spaerret")
			x.Certificate, x.Key = c.Certificate, c.Key
			bootstrap(func(*federating.TestRequest) {})(s, x)
		}, "wst:FailedAuthentication", "Authentication failed: the certificate is revoked"},
		{"SA-47 expired certificate", func(s *exchanger, x *stsws.Exchange) {
			c := credential(t, "udloebet")
			x.Certificate, x.Key = c.Certificate, c.Key
			bootstrap(func(*federating.TestRequest) {})(s, x)
		}, "wst:FailedAuthentication", "Authentication failed: the certificate has expired or is not yet valid"},
		{"SA-47 certificate of a foreign authority", func(s *exchanger, x *stsws.Exchange) {
			x.Certificate = foreign(t, credential(t, "portal"))
			bootstrap(func(*federating.TestRequest) {})(s, x)
		}, "wst:FailedAuthentication", "Authentication failed: the certificate is not trusted"},
		{"SA-47 bootstrap token for somebody else", bootstrap(func(r *federating.TestRequest) { r.Audience = "https://elsewhere" }),
			"wst:InvalidSecurityToken", "The token in ActAs is not for this token service"},
		{"SA-47 the token service's own token", func(s *exchanger, x *stsws.Exchange) {
			s.service.Audiences = append(s.service.Audiences, devfed.STSIssuer)
			var err error
			x.ActAs, err = s.issuer.Token(t.Context(), federating.TestRequest{Citizen: citizen, Holder: x.Certificate.Raw, Audience: devfed.STSIssuer})
			require.NoError(t, err)
		}, "wst:InvalidSecurityToken", "The issuer of the token in ActAs is not trusted"},
		{"SA-47 an ID card", func(s *exchanger, x *stsws.Exchange) { x.ActAs = s.cardRequest("portal").ActAs },
			"wst:InvalidSecurityToken", "The issuer of the token in ActAs is not trusted"},
		{"SA-47 content of the bootstrap token changed", func(_ *exchanger, x *stsws.Exchange) {
			x.ActAs = bytes.Replace(x.ActAs, []byte(parent+"</saml:AttributeValue>"), []byte(child+"</saml:AttributeValue>"), 1)
		}, "wst:InvalidSecurityToken", "The signature of the token in ActAs is not valid"},
		{"SA-47 signature of the bootstrap token removed", func(_ *exchanger, x *stsws.Exchange) {
			from, to := bytes.Index(x.ActAs, []byte("<ds:Signature ")), bytes.Index(x.ActAs, []byte("</ds:Signature>"))
			x.ActAs = append(append([]byte(nil), x.ActAs[:from]...), x.ActAs[to+len("</ds:Signature>"):]...)
		}, "wst:InvalidSecurityToken", "The signature of the token in ActAs is not valid"},
		{"SA-47 forged token around the signed one", func(_ *exchanger, x *stsws.Exchange) {
			x.ActAs = []byte(`<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_forged" Version="2.0" IssueInstant="2026-11-21T10:05:30Z">` +
				`<saml:Issuer>https://idp.opennsp.test</saml:Issuer>` + string(x.ActAs) + `</saml:Assertion>`)
		}, "wst:InvalidSecurityToken", "The signature of the token in ActAs is not valid"},
		{"SA-47 two tokens", func(_ *exchanger, x *stsws.Exchange) {
			x.ActAs = append(append([]byte(nil), x.ActAs...), bytes.ReplaceAll(x.ActAs, []byte("_id-"), []byte("_other-"))...)
		}, "wst:InvalidRequest", "ActAs must hold exactly one token"},
		{"SA-47 no token", func(_ *exchanger, x *stsws.Exchange) { x.ActAs = nil }, "wst:InvalidRequest", "ActAs must hold exactly one token"},
		{"SA-47 claim twice", func(_ *exchanger, x *stsws.Exchange) { x.Claims = append(x.Claims, x.Claims[0]) },
			"wst:InvalidRequest", "The Claims must be claims of WS-Federation, each at most once"},
		{"SA-42 custody not registered", onBehalfOf(relation.ClaimCustody + "0511804817"),
			"wst:FailedAuthentication", "Authentication failed: the relation in the OnBehalfOf claim is not registered"},
		{"SA-42 proxy where there is custody alone", onBehalfOf(relation.ClaimProxy + child),
			"wst:FailedAuthentication", "Authentication failed: the relation in the OnBehalfOf claim is not registered"},
		{"SA-42 unknown prefix", onBehalfOf("urn:dk:healthcare:saml:actThrough:Friendship:cprNumberIdentifier:" + child),
			"wst:InvalidRequest", "The OnBehalfOf claim must be a known relation and the civil registration number of another person"},
		{"SA-42 own number", onBehalfOf(relation.ClaimCustody + parent),
			"wst:InvalidRequest", "The OnBehalfOf claim must be a known relation and the civil registration number of another person"},
		{"SA-42 two values", func(_ *exchanger, x *stsws.Exchange) {
			claim := stsws.Claim{URI: "dk:healthcare:saml:attribute:OnBehalfOf", Value: relation.ClaimCustody + child}
			x.Claims = append(x.Claims, claim, claim)
		}, "wst:InvalidRequest", "The Claims must be claims of WS-Federation, each at most once"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startExchanges(t, nil)
			x := s.citizenRequest()
			tt.change(s, &x)
			_, err := s.client(stsws.PathBst2Idws).Exchange(t.Context(), x)
			fault := told(t, err)
			assert.Equal(t, tt.code, fault.FaultCode)
			assert.Equal(t, tt.text, fault.FaultString)
			if strings.HasPrefix(tt.text, "Authentication failed: the CPR") || strings.Contains(tt.text, "OnBehalfOf claim is not registered") {
				assert.Equal(t, "dk:sosi:sts:cvrridcpr", fault.Actor)
			} else {
				assert.Equal(t, "dk:sosi:sts:bst2idws", fault.Actor)
			}
			for _, line := range s.audit.Lines() {
				assert.NotContains(t, fmt.Sprint(line), "issued")
			}
		})
	}
}

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
