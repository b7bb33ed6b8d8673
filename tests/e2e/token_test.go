package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/tests/nsptest"
)

const nancy = "2512489996"

// TestTokensOverHTTP sends messages of OIO IDWS, good ones and wrong ones.
func TestTokensOverHTTP(t *testing.T) {
	s := startCards(t)
	now := s.Clock.Now()
	citizen := s.Citizen(nancy)
	signed := func(change func(*idwstest.Message)) []byte {
		m := citizen.Envelope(nsptest.NewMessageID(), nsptest.OperationBody)
		change(&m)
		return m.Bytes()
	}
	at := func(d time.Duration) string { return now.Add(d).UTC().Format(time.RFC3339) }
	stranger := idwstest.NewKey(2048, "stranger")
	bearer := citizen
	bearer.Token.Method = idwstest.Bearer
	for _, soap12 := range []bool{false, true} {
		t.Run(fmt.Sprintf("SA-38 citizen, SOAP 1.2 %v", soap12), func(t *testing.T) {
			h := s.Citizen(nancy)
			h.SOAP12 = soap12
			caller := s.takes(t, nsptest.OperationPath, h.Message(nsptest.NewMessageID(), nsptest.OperationBody))
			assert.Equal(t, identity.Citizen, caller.Kind)
			assert.Equal(t, nancy, caller.CPR.Digits())
			assert.Equal(t, nsptest.Audience, caller.Audience)
			assert.Equal(t, identity.IDWS, caller.Credential.Scheme)
		})
	}
	t.Run("professional and organisation", func(t *testing.T) {
		doctor := s.takes(t, nsptest.OperationPath, s.Employee("0101010001", "TST01").Message(nsptest.NewMessageID(), nsptest.OperationBody))
		assert.Equal(t, []any{identity.Professional, "TST01", "0101010001"}, []any{doctor.Kind, doctor.AuthorisationCode, doctor.CPR.Digits()})
		system := s.takes(t, nsptest.OperationPath, s.Organisation("99999904").Message(nsptest.NewMessageID(), nsptest.OperationBody))
		assert.Equal(t, []any{identity.System, "99999904", true}, []any{system.Kind, system.Org.CVR, system.CPR.IsZero()})
	})
	for _, c := range []struct {
		name    string
		message []byte
		codes   []string // none = taken
	}{
		{"SA-38 another service's audience", citizen.For("https://other").Message("t-1", nsptest.OperationBody), []string{fault.CodeNotAuthorized}},
		{"SA-38 no audience", citizen.For().Message("t-2", nsptest.OperationBody), []string{fault.CodeNotAuthorized, fault.CodeIDCard}},
		{"SA-39 bearer token", bearer.Message("t-3", nsptest.OperationBody), []string{fault.CodeIDCard}},
		{"SA-39 signed by another key", signed(func(m *idwstest.Message) { m.Key = stranger }), []string{fault.CodeSignature}},
		{"SA-39 certificate of another key", signed(func(m *idwstest.Message) { m.Key, m.KeyInfo = stranger, idwstest.BinaryToken }), []string{fault.CodeSignature}},
		{"SA-39 token not referenced", signed(func(m *idwstest.Message) { m.Unreferenced = []string{idwstest.TokenSTR} }), []string{fault.CodeSignature}},
		{"SA-39 Action not signed", signed(func(m *idwstest.Message) { m.Unreferenced = []string{idwstest.Action} }), []string{fault.CodeSignature}},
		{"SA-23 rsa-sha1 message", signed(func(m *idwstest.Message) { m.SHA1 = true }), []string{fault.CodeSignature}},
		{"SA-40 five minutes old", signed(func(m *idwstest.Message) { m.Created = at(-5 * time.Minute) }), nil},
		{"SA-40 older than five minutes", signed(func(m *idwstest.Message) { m.Created = at(-5*time.Minute - time.Second) }), []string{fault.CodeExpired}},
		{"SA-40 more than five minutes ahead", signed(func(m *idwstest.Message) { m.Created = at(5*time.Minute + time.Second) }), []string{fault.CodeIDCard}},
		{"SA-40 Expires is past", signed(func(m *idwstest.Message) { m.Created, m.Expires = at(-time.Minute), at(-time.Second) }), []string{fault.CodeExpired}},
		{"SA-42 custody", citizen.With("dk:healthcare:saml:attribute:OnBehalfOf", "urn:dk:healthcare:saml:actThroughCustodyOver:cprNumberIdentifier:1101116171").Message("t-4", nsptest.OperationBody), nil},
		{"SA-42 unknown prefix", citizen.With("dk:healthcare:saml:attribute:OnBehalfOf", "urn:x:1101116171").Message("t-5", nsptest.OperationBody), []string{fault.CodeIDCard}},
		{"SA-42 own number", citizen.With("dk:healthcare:saml:attribute:OnBehalfOf", "urn:dk:healthcare:saml:actThroughProcurationBy:cprNumberIdentifier:"+nancy).Message("t-6", nsptest.OperationBody), []string{fault.CodeIDCard}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.codes == nil {
				caller := s.takes(t, nsptest.OperationPath, c.message)
				if strings.HasPrefix(c.name, "SA-42") {
					require.NotNil(t, caller.OnBehalfOf)
					assert.Equal(t, relation.Custody, caller.OnBehalfOf.Kind)
					assert.Equal(t, "1101116171", caller.OnBehalfOf.CPR.Digits())
				}
				return
			}
			s.refuses(t, nsptest.OperationPath, c.message, c.codes...)
		})
	}
	t.Run("SA-40 the same message again, and after 15 minutes", func(t *testing.T) {
		defer s.Clock.Set(now)
		message := citizen.Message("t-again", nsptest.OperationBody)
		s.takes(t, nsptest.OperationPath, message)
		s.refuses(t, nsptest.OperationPath, message, fault.CodeSignature)
		s.Clock.Set(now.Add(15*time.Minute + time.Second))
		s.refuses(t, nsptest.OperationPath, message, fault.CodeExpired)
	})
	t.Run("SA-41 100 copies at once", func(t *testing.T) {
		before, message := len(s.operation.Callers()), citizen.Message("t-100", nsptest.OperationBody)
		statuses := make([]int, 100)
		var all sync.WaitGroup
		for i := range statuses {
			all.Go(func() { statuses[i] = s.Post(t, nsptest.OperationPath, message).Status })
		}
		all.Wait()
		assert.Len(t, s.operation.Callers(), before+1)
		good := 0
		for _, status := range statuses {
			if status == http.StatusOK {
				good++
			}
		}
		assert.Equal(t, 1, good)
	})
	t.Run("SA-52 the answer is signed and relates to the request", func(t *testing.T) {
		answer := s.Post(t, nsptest.OperationPath, citizen.Message("urn:uuid:5f0c2f3e-0000-4000-8000-000000000052", nsptest.OperationBody))
		require.Equal(t, http.StatusOK, answer.Status)
		tree, err := xmltree.Parse(answer.Body, xmltree.DefaultLimits(len(answer.Body)))
		require.NoError(t, err)
		defer tree.Release()
		check := idws.Answers{Keys: [][32]byte{s.ServiceKey(t)}, Now: s.Clock.Now}
		require.NoError(t, check.Check(tree, "urn:uuid:5f0c2f3e-0000-4000-8000-000000000052"))
		assert.Error(t, check.Check(tree, "urn:uuid:5f0c2f3e-0000-4000-8000-000000000053"))
	})
}

// TestGrants asks for an operation that a grant is needed for.
func TestGrants(t *testing.T) {
	operation := &nsptest.Operation{}
	onEveryStore(t, nsptest.Options{Services: operation.Services}, func(t *testing.T, server *nsptest.Server) {
		s := cardService{server, operation}
		call := func(cvr string) []byte { return s.System(cvr).Message(nsptest.NewMessageID(), nsptest.OperationBody) }
		operator := s.Operator(t)
		t.Run("SA-44 no grant", func(t *testing.T) { s.refuses(t, nsptest.GrantPath, call("99999901"), fault.CodeNotAuthorized) })
		t.Run("SA-44 a grant, until it is ended", func(t *testing.T) {
			id := operator.Grant(t, nsptest.Grant, "99999901")
			s.takes(t, nsptest.GrantPath, call("99999901"))
			s.refuses(t, nsptest.GrantPath, call("99999902"), fault.CodeNotAuthorized)
			operator.End(t, id)
			s.refuses(t, nsptest.GrantPath, call("99999901"), fault.CodeNotAuthorized)
		})
		t.Run("SA-44 a grant for everybody", func(t *testing.T) {
			id := operator.Grant(t, nsptest.Grant, "*")
			s.takes(t, nsptest.GrantPath, call("99999902"))
			operator.End(t, id)
			s.refuses(t, nsptest.GrantPath, call("99999902"), fault.CodeNotAuthorized)
		})
	})
}

// hsuid is an HSUID header; attributes are pairs of name and value.
func hsuid(attributes ...string) string {
	var b strings.Builder
	b.WriteString(`<h:HsuidHeader xmlns:h="http://www.nsi.dk/hsuid/2016/08/hsuid-1.1.xsd"><h:Assertion IssueInstant="2026-11-21T12:00:00Z" Version="2.0" ` +
		`id="HSUID"><h:Issuer>portal</h:Issuer><h:AttributeStatement id="HSUIDdata">`)
	for i := 0; i < len(attributes); i += 2 {
		fmt.Fprintf(&b, `<h:Attribute Name="%s"><h:AttributeValue>%s</h:AttributeValue></h:Attribute>`, attributes[i], attributes[i+1])
	}
	return b.String() + "</h:AttributeStatement></h:Assertion></h:HsuidHeader>"
}

// TestHSUIDOverHTTP has systems say who their users are.
func TestHSUIDOverHTTP(t *testing.T) {
	s := startCards(t)
	with := func(a nsptest.Actor, headers string) []byte {
		return []byte(strings.Replace(string(a.Message(nsptest.NewMessageID(), nsptest.OperationBody)), "</soap:Header>", headers+"</soap:Header>", 1))
	}
	citizen := hsuid("nsi:UserType", "nsi:Citizen", "nsi:ActingUserCivilRegistrationNumber", nancy)
	portal, epj, doctor := s.System("99999904"), s.System("99999901"), s.Doctor("0101010001", "TST01")
	t.Run("SA-43 a citizen by the portal", func(t *testing.T) {
		caller := s.takes(t, nsptest.HSUIDPath, with(portal, citizen))
		assert.Equal(t, identity.Citizen, caller.Kind)
		assert.True(t, caller.Vouched)
		assert.Equal(t, nancy, caller.CPR.Digits())
		assert.Equal(t, "99999904", caller.Org.CVR)
	})
	t.Run("SA-43 a citizen by a system without the grant", func(t *testing.T) {
		s.refuses(t, nsptest.HSUIDPath, with(epj, citizen), fault.CodeNotAuthorized)
	})
	t.Run("SA-43 a user card and another acting person", func(t *testing.T) {
		s.refuses(t, nsptest.HSUIDPath, with(doctor, citizen), fault.CodeNotAuthorized)
	})
	t.Run("SA-43 two headers", func(t *testing.T) { s.refuses(t, nsptest.HSUIDPath, with(portal, citizen+citizen), fault.CodeSyntax) })
	t.Run("SA-43 an operation that does not take the header", func(t *testing.T) {
		caller := s.takes(t, nsptest.OperationPath, with(portal, citizen))
		assert.Equal(t, identity.System, caller.Kind)
		assert.True(t, caller.CPR.IsZero())
		assert.Nil(t, caller.HSUID)
	})
	t.Run("SA-16 the header where it is required", func(t *testing.T) {
		s.refuses(t, nsptest.UserPath, with(doctor, ""), fault.CodeMissingHeader)
	})
}

// TestAddressesOverHTTP calls without credential from addresses on the list, and from others.
func TestAddressesOverHTTP(t *testing.T) {
	operation := &nsptest.Operation{}
	start := func(t *testing.T, settings map[string]string) cardService {
		t.Helper()
		return cardService{nsptest.Start(t, nsptest.Options{Services: operation.Services, Set: settings}), operation}
	}
	bare := []byte(`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + nsptest.OperationBody + `</soap:Body></soap:Envelope>`)
	s := start(t, nil)
	t.Run("SA-45 a peer on the list", func(t *testing.T) {
		caller := s.takes(t, nsptest.AddressPath, bare)
		assert.Equal(t, identity.Address, caller.Credential.Scheme)
		assert.Equal(t, identity.System, caller.Kind)
	})
	t.Run("SA-45 headers are there, but bad", func(t *testing.T) {
		message := strings.Replace(string(s.System("99999901").Message("a-1", nsptest.OperationBody)), "99999901", "99999902", 1)
		s.refuses(t, nsptest.AddressPath, []byte(message), fault.CodeSignature)
	})
	t.Run("no credential where no list is named", func(t *testing.T) { s.refuses(t, nsptest.OperationPath, bare, fault.CodeMissingHeader) })
	other := start(t, map[string]string{"allowlist.nas.notify": "cidr=192.0.2.0/24 name=elsewhere"})
	t.Run("SA-45 a forged X-Forwarded-For: the peer decides", func(t *testing.T) {
		answer := other.Post(t, nsptest.AddressPath, bare, "X-Forwarded-For", "192.0.2.1")
		assert.Equal(t, fault.CodeNotAuthorized, answer.FaultCode)
	})
	proxied := start(t, map[string]string{"allowlist.nas.notify": "cidr=192.0.2.0/24 name=elsewhere", "http.trusted_proxies": "127.0.0.0/8,10.0.0.0/8"})
	t.Run("SA-45 through trusted proxies: the last that is none", func(t *testing.T) {
		assert.Equal(t, http.StatusOK, proxied.Post(t, nsptest.AddressPath, bare, "X-Forwarded-For", "198.51.100.1, 192.0.2.1, 10.0.0.1").Status)
		assert.Equal(t, fault.CodeNotAuthorized, proxied.Post(t, nsptest.AddressPath, bare, "X-Forwarded-For", "192.0.2.1, 198.51.100.1, 10.0.0.1").FaultCode)
	})
}

// TestTrustChanges replaces whose signatures count while the server runs.
func TestTrustChanges(t *testing.T) {
	operation := &nsptest.Operation{}
	s := cardService{nsptest.Start(t, nsptest.Options{Services: operation.Services}), operation}
	file := filepath.Join(s.Federation.Dir, "trust.yaml")
	original, err := os.ReadFile(file)
	require.NoError(t, err)
	rewrite := func(t *testing.T, change func(string) string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(change(string(original))), 0o600))
		s.Reload()
	}
	becomes := func(t *testing.T, message []byte, status int) {
		t.Helper()
		require.Eventually(t, func() bool { return s.Post(t, nsptest.OperationPath, message).Status == status }, time.Minute, time.Millisecond)
	}
	message := s.System("99999901").Message("trust-1", nsptest.OperationBody)
	next := idwstest.NewKey(2048, "next STS")
	nextFile := filepath.Join(s.Federation.Dir, "next.pem")
	require.NoError(t, os.WriteFile(nextFile, nsptest.PEM("CERTIFICATE", next.Certificate), 0o600))
	withNext := func(text string) string {
		return strings.Replace(text, "anchors:", `anchors:
  - {id: next, use: [idcard, token], issuers: [OPENNSP-DEV-STS], cert: next.pem, algorithms: [rsa-sha256], test: true}`, 1)
	}
	nextMessage := s.SignedBy(next).System("99999901").Message("trust-2", nsptest.OperationBody)
	s.takes(t, nsptest.OperationPath, message)
	s.refuses(t, nsptest.OperationPath, nextMessage, fault.CodeCertificate)
	t.Run("SA-24 both anchors at once", func(t *testing.T) {
		rewrite(t, withNext)
		becomes(t, nextMessage, http.StatusOK)
		s.takes(t, nsptest.OperationPath, message)
	})
	t.Run("SA-24 the old one is removed: refused at once, though cached", func(t *testing.T) {
		rewrite(t, func(text string) string {
			return strings.Replace(withNext(text), "issuers: [OPENNSP-DEV-STS], cert: sts.pem", "issuers: [NOBODY], cert: sts.pem", 1)
		})
		becomes(t, message, http.StatusInternalServerError)
		s.refuses(t, nsptest.OperationPath, message, fault.CodeCertificate)
		s.takes(t, nsptest.OperationPath, nextMessage)
	})
	t.Run("SA-24 a file that cannot be read: the old set stays and readiness warns", func(t *testing.T) {
		rewrite(t, func(string) string { return "anchors: [" })
		require.Eventually(t, func() bool { return strings.Contains(s.Fetch(t, "/readyz"), "trust") }, time.Minute, time.Millisecond, "%s", s.Logs())
		s.takes(t, nsptest.OperationPath, nextMessage)
		s.refuses(t, nsptest.OperationPath, message, fault.CodeCertificate)
	})
	t.Run("SA-25 the key is revoked", func(t *testing.T) {
		rewrite(t, func(text string) string { return text })
		becomes(t, message, http.StatusOK)
		spki := s.SPKI()
		revoked := filepath.Join(s.Federation.Dir, "revoked.txt")
		text, err := os.ReadFile(revoked)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(revoked, append(text, fmt.Sprintf("spki %x\n", spki)...), 0o600))
		s.Reload()
		becomes(t, message, http.StatusInternalServerError)
		s.refuses(t, nsptest.OperationPath, message, fault.CodeCertificate)
	})
}

// TestKeysThatEnd looks at the alarm shortly before the keys of the federation end.
func TestKeysThatEnd(t *testing.T) {
	s := nsptest.Start(t, nsptest.Options{})
	alarm := func() string { return string(s.Do(t, http.MethodGet, "/minlog2-registration/alarm", nil).Body) }
	assert.NotContains(t, alarm(), "ends")
	s.Clock.Advance(2*365*24*time.Hour - 40*24*time.Hour) // they were made a month before the server's clock, for two years
	said := alarm()
	assert.Contains(t, said, "anchor opennsp-dev-sts ends 2028-")
	assert.Contains(t, said, "OpenNSP Test Service")
	assert.Contains(t, s.Fetch(t, "/readyz"), "anchor opennsp-dev-idp ends", "readiness warns, and stays")
}
