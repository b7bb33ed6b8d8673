package stsws_test

import (
	"bytes"
	"crypto/rsa"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
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
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports/portstest"
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
	list, err := authtrust.OpenPeople(f.PeopleFile())
	require.NoError(t, err)
	s := &exchanger{t: t, audit: &memory.AuditLog{}, now: clock}
	now := func() time.Time { return s.now }
	registers := filepath.Join(t.TempDir(), "stamdata")
	require.NoError(t, devfed.LayInRegisters(registers))
	db := memory.New(now)
	portstest.LoadRegisters(t, db.Stamdata(), registers, clock)
	people := &federating.RegisteredPeople{List: list, Citizens: db.Register(), Authorisations: db.Authorisations(), Now: now}
	ids := 0
	s.service = &federating.TokenService{
		Certificates: &authtrust.Holders{Source: source}, People: people, Relations: db.Register(), Trail: admitting.Trail{}, Now: now,
		Issuer: devfed.STSIssuer, NewID: func() string { ids++; return fmt.Sprintf("id-%d", ids) },
		OwnAudiences: []string{devfed.STSIssuer, "https://sts.sosi.dk/"}, Audiences: []string{audienceMinLog},
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
	t.Run("SA-47 xmlsec1 verifies the token with sts.pem", func(t *testing.T) {
		got, err := s.client(stsws.PathBst2Idws).Exchange(t.Context(), s.citizenRequest())
		require.NoError(t, err)
		xmlsec1(t, got.Assertion, "ID", "https://minlog")
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
