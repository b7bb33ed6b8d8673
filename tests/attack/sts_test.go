package attack

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/tests/nsptest"
)

// sts is the token service of a server, as those who attack it see it.
type sts struct {
	*server
	t testing.TB
}

// ask posts a request and tells whether a card or token was issued, and the answer.
func (s sts) ask(path, request string) (issued bool, answer string) {
	s.t.Helper()
	a := s.Post(s.t, path, []byte(request))
	answer = string(a.Body)
	issued = strings.Contains(answer, "RequestedSecurityToken")
	require.Equal(s.t, http.StatusOK, a.Status, "%s", answer)
	require.True(s.t, issued != strings.Contains(answer, ":Fault>"), "neither an answer nor a fault: %s", answer)
	return issued, answer
}

func (s sts) sample(name string) devfed.Sample {
	s.t.Helper()
	held, err := s.Federation.Sample(name)
	require.NoError(s.t, err)
	return held
}

func (s sts) client(path string) *stsws.Client {
	return &stsws.Client{URL: s.URL + path, Now: s.Clock.Now, NewID: nsptest.NewMessageID}
}

// TestCardsFromTheTokenService wraps the self-signed card that an ID card is asked for with: whatever stands where, no card is issued that
// says what the holder of the certificate did not sign.
func TestCardsFromTheTokenService(t *testing.T) {
	t.Parallel()
	s := sts{startServer(t, map[string]string{"limits.failed_security_per_minute": "0"}), t}
	held := s.sample("laege")
	raw, err := s.client(stsws.PathNew).Request(stsws.Credential{
		Certificate: held.Certificate, Key: held.Key, CVR: held.Subject.CVR, CareProviderName: held.Organisation, SystemName: "TestEPJ",
		User: &federating.User{CPR: held.Person.CPR, GivenName: held.Person.GivenName, Surname: held.Person.Surname},
	})
	require.NoError(t, err)
	request := string(raw)
	issued, answer := s.ask(stsws.PathNew, request)
	require.True(t, issued, "the original is good: %s", answer)
	card := element(t, request, "saml:Assertion")
	signature := element(t, card, "ds:Signature")
	bare := swap(t, card, signature, "")
	fake := func(id string) string {
		return strings.ReplaceAll(swap(t, bare, ` id="IDCard"`, id), ">TestEPJ<", ">Forged<")
	}
	tried := 0
	try := func(doc string) {
		if tried++; testing.Short() && tried%17 > 0 || tried%5 > 0 {
			return
		}
		issued, answer := s.ask(stsws.PathNew, doc)
		require.NotContains(t, answer, ">Forged<", "the token service signed what nobody did")
		if issued {
			require.Contains(t, answer, ">TestEPJ<")
		}
	}
	for _, id := range []string{` id="IDCard"`, ` ID="IDCard"`, ` wsu:Id="IDCard"`, ` id="Forged"`, ""} {
		for name, c := range map[string]struct{ inPlace, elsewhere string }{
			"signature in the forged card":  {lastIn(t, fake(id), signature), bare},
			"signature in both":             {lastIn(t, fake(id), signature), card},
			"signature with the original":   {fake(id), card},
			"original inside the signature": {lastIn(t, fake(id), lastIn(t, signature, bare)), ""},
			"original in place":             {card, fake(id)},
		} {
			t.Run("SA-27 "+name+","+id, func(t *testing.T) {
				everywhere(t, swap(t, request, card, c.inPlace), c.elsewhere, func(doc string, _ int) { try(doc) })
			})
		}
	}
	t.Logf("%d wrappings", tried)
}

// TestTokensFromTheTokenService has a portal, which may sign requests, ask for the token of a citizen whose bootstrap token it does not have.
func TestTokensFromTheTokenService(t *testing.T) {
	t.Parallel()
	s := sts{startServer(t, map[string]string{"limits.failed_security_per_minute": "0"}), t}
	portal := s.sample("portal")
	idp := s.key(trust.Bootstrap)
	tk := idwstest.CitizenToken(s.Clock.Now().Add(-time.Minute), &idwstest.Key{Private: portal.Key, Certificate: portal.Certificate.Raw})
	tk.Issuer, tk.Audiences = "https://idp.opennsp.test", []string{"https://sts.sosi.dk/"}
	token := string(tk.Sign(idp))
	victim, err := cpr.Parse("0511804817")
	require.NoError(t, err)
	own, err := cpr.Parse("2512489996")
	require.NoError(t, err)
	ask := func(actAs string, who cpr.Number) (bool, string) {
		request, err := s.client(stsws.PathBst2Idws).ExchangeRequest(stsws.Exchange{
			Certificate: portal.Certificate, Key: portal.Key, ActAs: []byte(actAs), Audience: "https://minlog", Claims: stsws.CitizenClaims(who, cpr.Number{}, 0),
		})
		require.NoError(t, err)
		return s.ask(stsws.PathBst2Idws, string(request))
	}
	issued, answer := ask(token, own)
	require.True(t, issued, "the original is good: %s", answer)
	signature := element(t, token, "ds:Signature")
	bare := swap(t, token, signature, "")
	tried := 0
	for _, id := range []string{` ID="_t1"`, ` id="_t1"`, ` Id="_t1"`, ` xml:id="_t1"`, ` ID="_forged"`, ""} {
		fake := strings.ReplaceAll(swap(t, bare, ` ID="_t1"`, id), own.Digits(), victim.Digits())
		for name, c := range map[string]struct{ inPlace, inside string }{
			"signature in the forged token":       {lastIn(t, fake, signature), bare},
			"signed original in the forged one":   {fake, token},
			"signature in both":                   {lastIn(t, fake, signature), token},
			"original in the forged one's Object": {lastIn(t, fake, lastIn(t, signature, "<ds:Object>"+bare+"</ds:Object>")), ""},
		} {
			t.Run("SA-27 "+name+","+id, func(t *testing.T) {
				everywhere(t, c.inPlace, c.inside, func(doc string, _ int) {
					if tried++; tried%11 > 0 {
						return
					}
					issued, answer := ask(doc, victim)
					assert.False(t, issued, "%s", answer)
				})
			})
		}
	}
	t.Run("SA-47 forged content alone, unsigned, signed by the portal", func(t *testing.T) {
		fake := tk
		fake.NameID = strings.ReplaceAll(tk.NameID, own.Digits(), victim.Digits())
		fake = fake.With(claimCPR, victim.Digits())
		unsigned, _ := fake.Unsigned()
		byPortal := fake.Sign(&idwstest.Key{Private: portal.Key, Certificate: portal.Certificate.Raw})
		byTokenService := fake.Sign(s.TokenService())
		for _, actAs := range []string{strings.ReplaceAll(token, own.Digits(), victim.Digits()), string(unsigned), string(byPortal), string(byTokenService)} {
			issued, answer := ask(actAs, victim)
			assert.False(t, issued, "%s", answer)
		}
	})
	t.Logf("%d wrappings", tried)
}

// key loads a signing key of the server's federation.
func (s sts) key(use trust.Use) *idwstest.Key {
	s.t.Helper()
	files := s.Federation.SigningKeys()[use]
	block := func(path string) []byte {
		raw, err := os.ReadFile(path)
		require.NoError(s.t, err)
		b, _ := pem.Decode(raw)
		return b.Bytes
	}
	key, err := x509.ParsePKCS8PrivateKey(block(files.Key))
	require.NoError(s.t, err)
	return &idwstest.Key{Private: key.(*rsa.PrivateKey), Certificate: block(files.Certificate)}
}
