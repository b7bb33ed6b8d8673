package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/tests/nsptest"
)

// issue gets a card for a sample from the server's token service.
func issue(t *testing.T, s *nsptest.Server, sample string) (stsws.Issued, error) {
	t.Helper()
	held, err := s.Federation.Sample(sample)
	require.NoError(t, err)
	credential := stsws.Credential{
		Certificate: held.Certificate, Key: held.Key, CVR: held.Subject.CVR, CareProviderName: held.Organisation, SystemName: "TestEPJ",
	}
	if !held.Person.CPR.IsZero() {
		credential.User = &federating.User{CPR: held.Person.CPR, GivenName: held.Person.GivenName, Surname: held.Person.Surname}
	}
	client := stsws.Client{URL: s.URL + stsws.PathNew, Now: s.Clock.Now, NewID: nsptest.NewMessageID}
	return client.Issue(t.Context(), credential)
}

// cardService is a server with the test operation, and what to ask it.
type cardService struct {
	*nsptest.Server
	operation *nsptest.Operation
}

func startCards(t *testing.T) cardService {
	t.Helper()
	operation := &nsptest.Operation{}
	return cardService{nsptest.Start(t, nsptest.Options{Services: operation.Services}), operation}
}

// takes checks that the message is answered, and returns who called.
func (s cardService) takes(t *testing.T, path string, message []byte, headers ...string) identity.Caller {
	t.Helper()
	before := len(s.operation.Callers())
	answer := s.Post(t, path, message, headers...)
	require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
	callers := s.operation.Callers()
	require.Len(t, callers, before+1)
	return callers[before]
}

// refuses checks that the message gets the fault and that no service code ran.
func (s cardService) refuses(t *testing.T, path string, message []byte, codes ...string) {
	t.Helper()
	before := len(s.operation.Callers())
	answer := s.Post(t, path, message)
	assert.Equal(t, http.StatusInternalServerError, answer.Status, "%s", answer.Body)
	assert.Contains(t, codes, answer.FaultCode, "%s", answer.Body)
	assert.Len(t, s.operation.Callers(), before, "no service code runs")
}

func TestIssuedCards(t *testing.T) {
	s := startCards(t)
	t.Run("SA-01 card of laege, used in a call", func(t *testing.T) {
		issued, err := issue(t, s.Server, "laege")
		require.NoError(t, err)
		message := dgwstest.Message(issued.Assertion, s.Clock.Now(), 4, "m-1", raw(nsptest.OperationBody))
		caller := s.takes(t, nsptest.OperationPath, message)
		assert.Equal(t, identity.Professional, caller.Kind)
		assert.Equal(t, "TST01", caller.AuthorisationCode)
		assert.Equal(t, "7170", caller.EducationCode)
		assert.Equal(t, "0101010001", caller.CPR.Digits())
		assert.Equal(t, 24*time.Hour, caller.Credential.NotOnOrAfter.Sub(caller.Credential.NotBefore))

		for name, form := range map[string][]byte{
			"SOAP 1.2": dgws.Request{
				SOAP12: true, Created: s.Clock.Now(), Card: issued.Assertion, SecurityLevel: 4, FlowID: "f-1", MessageID: "m-1", Body: raw(nsptest.OperationBody),
			}.Bytes(),
			"other prefixes": []byte(strings.NewReplacer("<soap:", "<e:", "</soap:", "</e:", "xmlns:soap=", "xmlns:e=", "<medcom:", "<m:", "</medcom:", "</m:",
				"xmlns:medcom=", "xmlns:m=").Replace(string(message))),
			"other header order": otherOrder(t, string(message)),
		} {
			t.Run("SA-02 "+name, func(t *testing.T) {
				for _, contentType := range []string{"text/xml; charset=utf-8", "application/soap+xml"} {
					same := s.takes(t, nsptest.OperationPath, form, "Content-Type", contentType)
					assert.Equal(t, caller, same)
				}
			})
		}
	})
	t.Run("SA-07 two authorisations and no choice", func(t *testing.T) {
		_, err := issue(t, s.Server, "tolaege")
		assert.ErrorContains(t, err, "multiple authorizations found (")
	})
	t.Run("SA-08 revoked and expired certificates", func(t *testing.T) {
		for _, sample := range []string{"spaerret", "udloebet"} {
			_, err := issue(t, s.Server, sample)
			assert.ErrorContains(t, err, "wst:FailedAuthentication", sample)
		}
	})
	t.Run("SA-09 self-signed card straight to a service", func(t *testing.T) {
		held, err := s.Federation.Sample("laege")
		require.NoError(t, err)
		self := dgwstest.Federation{Key: held.Key, Certificate: held.Certificate.Raw}
		message := dgwstest.Message(self.Sign(s.UserCard("0101010001", "TST01")), s.Clock.Now(), 4, "m-1", raw(nsptest.OperationBody))
		s.refuses(t, nsptest.OperationPath, message, "invalid_certificate")
	})
}

// otherOrder puts medcom:Header before Security.
func otherOrder(t *testing.T, message string) []byte {
	t.Helper()
	from, to := strings.Index(message, "<medcom:Header>"), strings.Index(message, "</medcom:Header>")+len("</medcom:Header>")
	require.Positive(t, from)
	header := message[from:to]
	message = message[:from] + message[to:]
	return []byte(strings.Replace(message, "<wsse:Security", header+"<wsse:Security", 1))
}

func TestCardsOverHTTP(t *testing.T) {
	s := startCards(t)
	const any, level4, young = nsptest.OperationPath, nsptest.OperationPath + "/4", nsptest.OperationPath + "/30min"
	now := s.Clock.Now()
	issued := func(at time.Time) dgwstest.Card {
		c := dgwstest.UserCard(at)
		c.Issuer = devfed.STSIssuer
		return c
	}
	until := func(c dgwstest.Card, end time.Time) dgwstest.Card {
		c.NotOnOrAfter = end.UTC().Format(time.RFC3339)
		return c
	}
	local := func(issue, from, to string) dgwstest.Card {
		c := issued(now).With("sosi:IDCardVersion", "1.0")
		c.Issued, c.NotBefore, c.NotOnOrAfter = issue, from, to
		return c
	}
	message := func(c dgwstest.Card) []byte { return s.As(c).Message("m-1", nsptest.OperationBody) }
	user := string(message(issued(now)))
	edited := func(old, by string) []byte {
		require.Contains(t, user, old)
		return []byte(strings.Replace(user, old, by, 1))
	}
	cut := func(name string) []byte {
		from, to := strings.Index(user, "<"+name), strings.Index(user, "</"+name+">")+len("</"+name+">")
		require.Positive(t, from)
		return []byte(user[:from] + user[to:])
	}
	day := 24 * time.Hour
	for _, c := range []struct {
		name, path string
		message    []byte
		code       string // "" = taken
	}{
		{"SA-10 a second before the end", any, message(issued(now.Add(-day + time.Second))), ""},
		{"SA-10 at the end", any, message(issued(now.Add(-day))), "expired_idcard"},
		{"SA-10 a second after the end", any, message(issued(now.Add(-day - time.Second))), "expired_idcard"},
		{"SA-11 a minute ahead", any, message(issued(now.Add(time.Minute))), ""},
		{"SA-11 a minute and a second ahead", any, message(issued(now.Add(61 * time.Second))), "invalid_idcard"},
		{"SA-11 lifetime of 25 hours", any, message(until(issued(now), now.Add(25*time.Hour))), "invalid_idcard"},
		{"SA-12 version 1.0 in winter time", any, message(local("2026-11-21T12:30:00", "2026-11-21T12:30:00", "2026-11-22T12:30:00")), ""},
		{"SA-12 version 1.0 that has ended", any, message(local("2026-11-20T12:30:00", "2026-11-20T12:30:00", "2026-11-21T12:30:00")), "expired_idcard"},
		{"SA-13 age 29:59", young, message(issued(now.Add(-30*time.Minute + time.Second))), ""},
		{"SA-13 age 30:00", young, message(issued(now.Add(-30 * time.Minute))), "expired_idcard"},
		{"SA-14 level 3 with a level 4 card", any, edited("SecurityLevel>4<", "SecurityLevel>3<"), ""},
		{"SA-14 no level", any, cut("medcom:SecurityLevel"), ""},
		{"SA-14 level 4 with a level 3 card", any, []byte(strings.Replace(string(message(s.SystemCard(cvr))), "SecurityLevel>3<", "SecurityLevel>4<", 1)), "security_level_failed"},
		{"SA-14 level 5", any, edited("SecurityLevel>4<", "SecurityLevel>5<"), "security_level_failed"},
		{"SA-15 system card where level 4 is asked for", level4, message(s.SystemCard(cvr)), "security_level_failed"},
		{"SA-15 user card of level 4 there", level4, message(issued(now)), ""},
		{"SA-15 user card typed level 3", any, message(issued(now).With("sosi:AuthenticationLevel", "3")), "security_level_failed"},
		{"SA-16 no Security", any, cut("wsse:Security"), "missing_required_header"},
		{"SA-16 no Assertion", any, cut("saml:Assertion"), "missing_required_header"},
		{"SA-16 no medcom:Header", any, cut("medcom:Header"), "missing_required_header"},
		{"SA-16 no MessageID", any, cut("medcom:MessageID"), "missing_required_header"},
		{"SA-16 no Timestamp", any, cut("wsu:Timestamp"), "missing_required_header"},
		{"SA-17 receipt wanted", any, edited("Receipt>no<", "Receipt>yes<"), "nonrepudiation_not_supported"},
		{"SA-28 two Security headers", any, edited("</wsse:Security>", "</wsse:Security><wsse:Security/>"), "syntax_error"},
		{"SA-28 two Headers", any, edited("</soap:Header>", "</soap:Header><soap:Header/>"), "syntax_error"},
		{"SA-28 Security in the Body", any, []byte(strings.Replace(string(cut("wsse:Security")), "</soap:Body>",
			user[strings.Index(user, "<wsse:Security"):strings.Index(user, "</wsse:Security>")+len("</wsse:Security>")]+"</soap:Body>", 1)), "syntax_error"},
		{"SA-30 ID and id on the card", any, edited(` id="IDCard"`, ` id="IDCard" ID="IDCard"`), "invalid_idcard"},
		{"SA-30 the card's id elsewhere", any, edited("<medcom:Header>", `<medcom:Header wsu:Id="IDCard" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">`), "invalid_signature"},
		{"SA-33 signature removed", any, cut("ds:Signature"), "invalid_signature"},
		{"SA-33 no Reference", any, cut("ds:Reference"), "invalid_signature"},
		{"SA-34 HMAC with the public key", any, edited("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256"), "invalid_signature"},
		{"SA-35 DOCTYPE", any, []byte("<!DOCTYPE x>" + user), "syntax_error"},
		{"SA-35 billion laughs", any, []byte(`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>` + user), "syntax_error"},
		{"SA-35 processing instruction", any, edited("<soap:Body>", "<?x y?><soap:Body>"), "syntax_error"},
		{"SA-35 comment in the CPR number", any, edited(">0101010001<", ">01010<!-- -->10001<"), "syntax_error"},
		{"SA-35 NUL reference", any, edited(">0101010001<", ">&#0;<"), "syntax_error"},
		{"SA-35 UTF-16", any, append([]byte("\xFE\xFF"), user...), "syntax_error"},
		{"SA-35 overlong UTF-8", any, edited(">0101010001<", ">\xC0\xB0101010001<"), "syntax_error"},
		{"SA-35 ISO-8859-1 declared", any, []byte(`<?xml version="1.0" encoding="ISO-8859-1"?>` + user), "syntax_error"},
		{"SA-36 depth 65", any, edited("</soap:Body>", strings.Repeat("<a>", 65)+strings.Repeat("</a>", 65)+"</soap:Body>"), "syntax_error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.code == "" {
				s.takes(t, c.path, c.message)
				return
			}
			s.refuses(t, c.path, c.message, c.code)
		})
	}
	for _, w := range dgwstest.Wrappings(string(s.As(issued(now)).Card), strings.NewReplacer("TST01", "TST99")) {
		t.Run("SA-27 "+w.Name, func(t *testing.T) {
			from, to := strings.Index(user, "<saml:Assertion"), strings.LastIndex(user, "</saml:Assertion>")+len("</saml:Assertion>")
			m := user[:from] + w.Security + user[to:]
			s.refuses(t, any, []byte(strings.Replace(m, "</soap:Header>", w.AtEnd+"</soap:Header>", 1)), "invalid_signature", "invalid_idcard")
		})
	}
	t.Run("SA-18 GET and PUT, GET of the contract", func(t *testing.T) {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			answer := s.Do(t, method, any, nil)
			assert.Equal(t, http.StatusMethodNotAllowed, answer.Status)
			assert.Equal(t, "illegal_http_method", answer.FaultCode)
		}
		assert.Equal(t, http.StatusOK, s.Do(t, http.MethodGet, any+"?wsdl", nil).Status)
	})
	t.Run("SA-36 a byte more than 1 MiB", func(t *testing.T) {
		pad := strings.Repeat(" ", 1<<20-len(user))
		assert.Equal(t, http.StatusOK, s.Post(t, any, []byte(user+pad)).Status)
		assert.Equal(t, http.StatusRequestEntityTooLarge, s.Post(t, any, []byte(user+pad+" ")).Status)
	})
}

func TestSHA1Anchor(t *testing.T) {
	operation := &nsptest.Operation{}
	first := nsptest.Start(t, nsptest.Options{Services: operation.Services})
	s := cardService{first, operation}
	card := func(s *nsptest.Server) []byte {
		c := s.UserCard("0101010001", "TST01")
		c.SHA1 = true
		return s.As(c).Message("m-1", nsptest.OperationBody)
	}
	t.Run("SA-23 rsa-sha1 under an anchor without it", func(t *testing.T) {
		s.refuses(t, nsptest.OperationPath, card(first), "invalid_signature")
	})
	t.Run("SA-23 rsa-sha1 under an anchor with it", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(filepath.Join(dir, "federation"), os.DirFS(first.Federation.Dir)))
		file := filepath.Join(dir, "federation", "trust.yaml")
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		text = []byte(strings.Replace(string(text), "[rsa-sha256]", "[rsa-sha256, rsa-sha1]", 1))
		require.NoError(t, os.WriteFile(file, text, 0o600))
		second := cardService{nsptest.StartIn(t, dir, nsptest.Options{Services: operation.Services}), operation}
		second.takes(t, nsptest.OperationPath, card(second.Server))
	})
}
