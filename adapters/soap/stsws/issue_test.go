package stsws_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// verify checks a card with the key of the token service and returns what it says.
func verify(t *testing.T, card []byte, a xmldsig.Algorithms) (dgws.Card, error) {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	signer, err := authtrust.OpenSigner(f.SigningKeys())
	require.NoError(t, err)
	key, _ := signer.Certificate(trust.IDCard).PublicKey.(*rsa.PublicKey)
	tree, err := xmltree.Parse(card, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	sig, err := xmldsig.ReadEnveloped(tree, tree.Root())
	require.NoError(t, err)
	verified, err := sig.Verify(key, a)
	if err != nil {
		return dgws.Card{}, err
	}
	return dgws.ReadCard(tree, tree.Root(), &verified)
}

func TestIssue(t *testing.T) {
	s := start(t, options{})
	t.Run("SA-01 self-signed card of laege gives a card of the token service", func(t *testing.T) {
		issued, err := s.client().Issue(t.Context(), credential(t, "laege"))
		require.NoError(t, err)
		card, err := verify(t, issued.Assertion, xmldsig.Algorithms{})
		require.NoError(t, err)
		assert.Equal(t, "TST01", card.AuthorisationCode)
		assert.Equal(t, "7170", card.Role)
		assert.Equal(t, "4", card.Level)
		assert.Equal(t, "user", card.Type)
		assert.Equal(t, "1.0.1", card.Version)
		assert.Equal(t, "card-1", card.ID)
		assert.Equal(t, "OPENNSP-DEV-STS", card.Issuer)
		assert.Equal(t, "0101010001", card.CPR)
		assert.Equal(t, "Test", card.GivenName, "the name in the register")
		assert.Equal(t, "Laege", card.SurName)
		assert.Equal(t, "99999902", card.CVR())
		assert.Equal(t, "TestEPJ", card.SystemName)
		assert.Equal(t, "2026-11-21T10:00:30Z", card.Issued)
		assert.Equal(t, "2026-11-21T10:00:30Z", card.NotBefore)
		assert.Equal(t, "2026-11-22T10:00:30Z", card.NotOnOrAfter)
		assert.Equal(t, "medcom:other", card.NameIDFormat)
		cred := credential(t, "laege")
		assert.Equal(t, "SubjectDN={CN=Test Laege + SERIALNUMBER=CVR:99999902-RID:1001, O=OpenNSP Testhus // CVR:99999902, C=DK},"+
			"IssuerDN={CN=OpenNSP Test CA, O=OpenNSP, C=DK},CertSerial={"+cred.Certificate.SerialNumber.String()+"}", card.NameID)
		assert.Equal(t, map[string]audit.Information{
			"subject-cpr":        {Key: "subject-cpr", Class: audit.RPI, Value: "0101010001"},
			"subject-cvr":        {Key: "subject-cvr", Class: audit.NPI, Value: "99999902"},
			"idcard-id":          {Key: "idcard-id", Class: audit.NPI, Value: "card-1"},
			"idcard-type":        {Key: "idcard-type", Class: audit.NPI, Value: "user"},
			"level":              {Key: "level", Class: audit.NPI, Value: "4"},
			"certificate-serial": {Key: "certificate-serial", Class: audit.NPI, Value: cred.Certificate.SerialNumber.String()},
			"certificate-issuer": {Key: "certificate-issuer", Class: audit.NPI, Value: "CN=OpenNSP Test CA, O=OpenNSP, C=DK"},
			"authorisation-code": {Key: "authorisation-code", Class: audit.NPI, Value: "TST01"},
			"status":             {Key: "status", Class: audit.NPI, Value: "issued"},
		}, s.said(t))
	})
	t.Run("SA-01 xmlsec1 verifies the card with sts.pem", func(t *testing.T) {
		issued, err := s.client().Issue(t.Context(), credential(t, "laege"))
		require.NoError(t, err)
		xmlsec1(t, issued.Assertion, "id", "TST01")
	})
	t.Run("SA-01 system cards and every class of certificate", func(t *testing.T) {
		for name, want := range map[string][2]string{
			"region": {"system", "3"}, "epj": {"system", "3"}, "portal": {"system", "3"}, "sygeplejerske": {"user", "4"},
		} {
			issued, err := s.client().Issue(t.Context(), credential(t, name))
			require.NoError(t, err, name)
			card, err := verify(t, issued.Assertion, xmldsig.Algorithms{})
			require.NoError(t, err)
			assert.Equal(t, want, [2]string{card.Type, card.Level}, name)
			assert.Equal(t, want[0] == "user", card.User)
		}
	})
	t.Run("roles of persons without authorisation", func(t *testing.T) {
		for name, want := range map[string]string{
			"sekretaer": identity.NoRole, "spaerringsadm": "SpaerAdminR8", "administrator": "NspAdministrator",
		} {
			issued, err := s.client().Issue(t.Context(), credential(t, name))
			require.NoError(t, err, name)
			assert.Equal(t, want, issued.Card.Role)
			assert.Empty(t, issued.Card.AuthorisationCode)
		}
	})
	t.Run("a request without the person's number is answered with it", func(t *testing.T) {
		cred := credential(t, "laege")
		cred.User.CPR = cpr.Number{}
		issued, err := s.client().Issue(t.Context(), cred)
		require.NoError(t, err)
		assert.Equal(t, "0101010001", issued.Card.CPR)
	})
	t.Run("SA-23 a request signed with rsa-sha1 is accepted, the answer is rsa-sha256", func(t *testing.T) {
		c := s.client()
		c.SHA1 = true
		issued, err := c.Issue(t.Context(), credential(t, "epj"))
		require.NoError(t, err)
		_, err = verify(t, issued.Assertion, xmldsig.Algorithms{})
		assert.NoError(t, err)
	})
	t.Run("configured to sign with rsa-sha1", func(t *testing.T) {
		issued, err := start(t, options{sha1: true}).client().Issue(t.Context(), credential(t, "epj"))
		require.NoError(t, err)
		_, err = verify(t, issued.Assertion, xmldsig.Algorithms{})
		assert.ErrorIs(t, err, xmldsig.ErrAlgorithm)
		_, err = verify(t, issued.Assertion, xmldsig.Algorithms{SHA1: true})
		assert.NoError(t, err)
	})
	t.Run("the same request again gives a card again", func(t *testing.T) {
		request, err := s.client().Request(credential(t, "epj"))
		require.NoError(t, err)
		first, second := s.post(t, request, ""), s.post(t, request, "")
		assert.Equal(t, first, second, "PKCS #1 v1.5 signatures and a fixed clock leave nothing to differ")
	})
	t.Run("the answer has the form of the national STS", func(t *testing.T) {
		request, err := s.client().Request(credential(t, "epj"))
		require.NoError(t, err)
		answer := s.post(t, request, "")
		assert.Contains(t, answer, `<wst:RequestSecurityTokenResponse xmlns:wst="http://schemas.xmlsoap.org/ws/2005/02/trust" `+
			`xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" Context="www.sosi.dk">`+
			`<wst:TokenType>urn:oasis:names:tc:SAML:2.0:assertion:</wst:TokenType><wst:RequestedSecurityToken><saml:Assertion `)
		assert.Contains(t, answer, `</ds:Signature></saml:Assertion></wst:RequestedSecurityToken><wst:Status><wst:Code>`+
			`http://schemas.xmlsoap.org/ws/2005/02/trust/status/valid</wst:Code></wst:Status><wst:Issuer>`+
			`<wsa:Address>OPENNSP-DEV-STS</wsa:Address></wst:Issuer></wst:RequestSecurityTokenResponse></soap:Body></soap:Envelope>`)
		assert.Contains(t, answer, `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" id="OCESSignature">`)
	})
}

// post sends a message and returns the body of the answer, whose status must be 200.
func (s *server) post(t *testing.T, body []byte, action string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+stsws.Path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", action)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", answer)
	return string(answer)
}

// xmlsec1 verifies an assertion with the program of that name, and sees it refuse one in which what is old was changed. id is the attribute
// that the signature refers to.
func xmlsec1(t *testing.T, card []byte, id, old string) {
	t.Helper()
	tool(t, "xmlsec1")
	f, err := federation()
	require.NoError(t, err)
	check := func(doc []byte) error {
		path := filepath.Join(t.TempDir(), "card.xml")
		require.NoError(t, os.WriteFile(path, doc, 0o600))
		out, err := exec.CommandContext(t.Context(), "xmlsec1", "--verify", "--id-attr:"+id, "urn:oasis:names:tc:SAML:2.0:assertion:Assertion",
			"--pubkey-cert-pem", filepath.Join(f.Dir, "sts.pem"), "--enabled-key-data", "rsa", path).CombinedOutput()
		if err != nil {
			return errors.New(string(out))
		}
		return nil
	}
	assert.NoError(t, check(card))
	assert.Error(t, check(bytes.Replace(card, []byte(old), []byte("2"+old[1:]), 1)), "a changed one")
}

// tool skips the test where a program is missing; where everything is required that is an error.
func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatalf("%s is required and missing", name)
		}
		t.Skipf("%s is not installed", name)
	}
}

func TestAuthorisationFaults(t *testing.T) {
	s := start(t, options{})
	t.Run("SA-07 tolaege without code", func(t *testing.T) {
		fault := s.fault(t, credential(t, "tolaege"))
		assert.Equal(t, "wst:FailedAuthentication", fault.FaultCode)
		assert.Equal(t, "Authentication failed: multiple authorizations found (TST02:7170, TST03:5166)", fault.FaultString)
		assert.Equal(t, "dk:sosi:sts:autorisation", fault.Actor)
		assert.Equal(t, http.StatusOK, fault.Status)
		assert.Equal(t, "authorisation", s.said(t)["status"].Value)
	})
	t.Run("SA-07 tolaege with TST03", func(t *testing.T) {
		cred := credential(t, "tolaege")
		cred.User.AuthorisationCode = "TST03"
		issued, err := s.client().Issue(t.Context(), cred)
		require.NoError(t, err)
		assert.Equal(t, "5166", issued.Card.Role)
		assert.Equal(t, "TST03", issued.Card.AuthorisationCode)
	})
	t.Run("SA-07 tolaege with XXXXX", func(t *testing.T) {
		cred := credential(t, "tolaege")
		cred.User.AuthorisationCode = "XXXXX"
		fault := s.fault(t, cred)
		assert.Equal(t, "wst:FailedAuthentication", fault.FaultCode)
		assert.Equal(t, "Authentication failed: authorization not found (available TST02:7170, TST03:5166)", fault.FaultString)
	})
	t.Run("sekretaer with a code", func(t *testing.T) {
		cred := credential(t, "sekretaer")
		cred.User.AuthorisationCode = "TST01"
		assert.Equal(t, "Authentication failed: missing authorization", s.fault(t, cred).FaultString)
	})
}

// ca is an authority that nobody trusts, with the name of the federation's.
func foreign(t *testing.T, cred stsws.Credential) *x509.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), RawSubject: cred.Certificate.RawIssuer, NotBefore: clock.AddDate(-1, 0, 0), NotAfter: clock.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), RawSubject: cred.Certificate.RawSubject, NotBefore: template.NotBefore, NotAfter: template.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, template, cred.Key.Public(), key)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

func TestRefusedCredentials(t *testing.T) {
	s := start(t, options{})
	other, err := cpr.Parse("0101010009")
	require.NoError(t, err)
	for _, tt := range []struct {
		name   string
		sample string
		change func(*stsws.Credential)
		text   string
		actor  string
	}{
		{"SA-08 laege with another person's number", "laege", func(c *stsws.Credential) { c.User.CPR = other },
			"Authentication failed: cvrrid-cpr mismatch", "dk:sosi:sts:cvrridcpr"},
		{"SA-08 revoked certificate", "spaerret", nil, "Authentication failed: the certificate is revoked", "dk:sosi:sts"},
		{"SA-08 expired certificate", "udloebet", nil, "Authentication failed: the certificate has expired or is not yet valid", "dk:sosi:sts"},
		{"SA-08 certificate of a foreign authority", "laege", func(c *stsws.Credential) { c.Certificate = foreign(t, *c) },
			"Authentication failed: the certificate is not trusted", "dk:sosi:sts"},
		{"SA-08 CareProviderID of another CVR", "epj", func(c *stsws.Credential) { c.CVR = "99999902" },
			"Authentication failed: the CVR number of the care provider is not that of the certificate", "dk:sosi:sts"},
		{"SA-08 system card with an employee's certificate", "laege", func(c *stsws.Credential) { c.User = nil },
			"Authentication failed: the certificate is not of the kind that the type of the ID card asks for", "dk:sosi:sts"},
		{"SA-08 user card with a function's certificate", "epj", func(c *stsws.Credential) { c.User = credential(t, "laege").User },
			"Authentication failed: the certificate is not of the kind that the type of the ID card asks for", "dk:sosi:sts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cred := credential(t, tt.sample)
			if tt.change != nil {
				tt.change(&cred)
			}
			fault := s.fault(t, cred)
			assert.Equal(t, http.StatusOK, fault.Status)
			assert.Equal(t, "wst:FailedAuthentication", fault.FaultCode)
			assert.Equal(t, tt.text, fault.FaultString)
			assert.Equal(t, tt.actor, fault.Actor)
			assert.NotContains(t, string(fault.Raw), "Assertion")
			assert.NotContains(t, string(fault.Raw), "01010100")
			assert.NotEqual(t, "issued", s.said(t)["status"].Value)
		})
	}
}

func TestSystemName(t *testing.T) {
	cred := credential(t, "epj")
	cred.SystemName = ""
	fault := start(t, options{}).fault(t, cred)
	assert.Equal(t, "wst:InvalidRequest", fault.FaultCode)
	assert.Equal(t, "IT System must be specified.", fault.FaultString)
	assert.Equal(t, "dk:sosi:sts:its", fault.Actor)
}

func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		name string
		now  time.Time // the request is made at clock, its card 5 minutes before
		code string
	}{
		{"Timestamp 5 minutes old", clock.Add(5 * time.Minute), ""},
		{"Timestamp 5 minutes and a second old", clock.Add(5*time.Minute + time.Second), "wst:InvalidTimeRange"},
		{"Timestamp 5 minutes ahead", clock.Add(-5 * time.Minute), ""},
		{"Timestamp 5 minutes and a second ahead", clock.Add(-5*time.Minute - time.Second), "wst:InvalidTimeRange"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, options{now: tt.now})
			_, err := s.client().Issue(t.Context(), credential(t, "epj"))
			if tt.code == "" {
				assert.NoError(t, err)
				return
			}
			var fault *soap.Fault
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, tt.code, fault.FaultCode)
		})
	}
}

// down is a register that does not answer.
type down struct{}

func (down) ByCertificate(context.Context, trust.Subject) (identity.Person, error) {
	return identity.Person{}, errors.New("connection refused")
}

func (down) ByCPR(context.Context, cpr.Number) (identity.Person, error) {
	return identity.Person{}, errors.New("connection refused")
}

func TestRegisterDown(t *testing.T) {
	s := start(t, options{people: down{}})
	fault := s.fault(t, credential(t, "laege"))
	assert.Equal(t, "wst:RequestFailed", fault.FaultCode)
	assert.NotContains(t, fault.FaultString, "refused")
	_, err := s.client().Issue(t.Context(), credential(t, "epj"))
	assert.NoError(t, err, "a system card needs no register of persons")
}

func TestMalformedRequests(t *testing.T) {
	s := start(t, options{})
	good, err := s.client().Request(credential(t, "laege"))
	require.NoError(t, err)
	replace := func(old, with string) string {
		require.Contains(t, string(good), old)
		return strings.Replace(string(good), old, with, 1)
	}
	section := func(name string) string {
		found := regexp.MustCompile(`(?s)<` + name + `[ >].*</` + name + `>`).FindString(string(good))
		require.NotEmpty(t, found)
		return found
	}
	assertion := section("saml:Assertion")
	for _, tt := range []struct{ name, body, code, text string }{
		{"not XML", "hello", "wst:InvalidRequest", ""},
		{"DOCTYPE", "<!DOCTYPE a>" + string(good), "wst:InvalidRequest", ""},
		{"another operation", strings.ReplaceAll(string(good), "wst:RequestSecurityToken", "wst:Cancel"), "wst:InvalidRequest", ""},
		{"no Security", replace(section("wsse:Security"), ""), "wst:InvalidRequest", "The request must have one Security header with one Timestamp"},
		{"no Header", replace(section("soap:Header"), ""), "wst:InvalidRequest", "The request must have one Security header with one Timestamp"},
		{"two Timestamps", replace(section("wsu:Timestamp"), section("wsu:Timestamp")+section("wsu:Timestamp")), "wst:InvalidRequest", ""},
		{"Created without zone", replace("10:05:30Z</wsu:Created>", "10:05:30</wsu:Created>"), "wst:InvalidRequest", "Created of the Timestamp is not a time"},
		{"no Claims", replace(section("wst:Claims"), ""), "wst:InvalidRequest", "The request must have one TokenType, RequestType and Claims"},
		{"no card", replace(assertion, ""), "wst:InvalidRequest", "The Claims must hold exactly one ID card"},
		{"two cards", replace(assertion, assertion+assertion), "wst:InvalidRequest", "The Claims must hold exactly one ID card"},
		{"another token type", replace("assertion:</wst:TokenType>", "other</wst:TokenType>"), "wst:InvalidRequest", "The TokenType is not supported"},
		{"another request type", replace("trust/Issue</", "trust/Renew</"), "wst:InvalidRequest", "The RequestType is not supported"},
		{"content changed", replace("0101010001</saml:AttributeValue>", "0101010002</saml:AttributeValue>"), "wst:InvalidRequest", "The signature of the ID card is not valid"},
		{"no signature", replace(section("ds:Signature"), ""), "wst:InvalidRequest", "The signature of the ID card is not valid"},
		{"no certificate", replace(section("ds:X509Data"), "<ds:KeyName>a</ds:KeyName>"), "wst:InvalidRequest", "The signature of the ID card is not valid"},
		{"card elsewhere", replace(section("wst:Claims"), "<wst:Claims/><wst:Other>"+assertion+"</wst:Other>"), "wst:InvalidRequest", "The Claims must hold exactly one ID card"},
		{"forged card around the signed one", replace(section("wst:Claims"), `<wst:Claims><saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" id="IDCard">`+
			assertion+`</saml:Assertion></wst:Claims>`), "wst:InvalidRequest", "The signature of the ID card is not valid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer := s.post(t, []byte(tt.body), `"Issue"`)
			assert.Contains(t, answer, "<faultcode>"+tt.code+"</faultcode>")
			assert.Contains(t, answer, tt.text)
			assert.NotContains(t, answer, "saml:Assertion")
		})
	}
	t.Run("the unchanged request is good", func(t *testing.T) {
		assert.Contains(t, s.post(t, good, `"Issue"`), "RequestedSecurityToken")
	})
	t.Run("SOAP 1.2", func(t *testing.T) {
		const soap11, soap12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
		assert.Contains(t, s.post(t, []byte(replace(soap11, soap12)), ""), "RequestedSecurityToken")
		answer := s.post(t, []byte(strings.Replace(replace("trust/Issue</", "trust/Renew</"), soap11, soap12, 1)), "")
		assert.Contains(t, answer, "<soap:Value>soap:Sender</soap:Value><soap:Subcode><soap:Value>wst:InvalidRequest</soap:Value></soap:Subcode>")
	})
	t.Run("too large", func(t *testing.T) {
		resp, err := http.Post(s.URL+stsws.Path, "text/xml", strings.NewReader(strings.Repeat(" ", 256<<10+1)))
		require.NoError(t, err)
		defer resp.Body.Close()
		assert.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
	})
}
