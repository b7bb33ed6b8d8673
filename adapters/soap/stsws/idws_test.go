package stsws_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/idws"
	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
)

// presentToken shows a token to a service of the federation, in a message signed with the key of a sample, and returns whom it admits.
func presentToken(t *testing.T, token []byte, sample string) (identity.Caller, error) {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	source, err := authtrust.Open(f.TrustFile())
	require.NoError(t, err)
	message, err := idws.Request{
		Created: clock, Token: token, Action: "urn:test", MessageID: "urn:uuid:44444444-2222-4333-8444-555555555555",
		Sign: func(hash crypto.Hash, digest []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(rand.Reader, credential(t, sample).Key, hash, digest)
		},
		Body: func(w *xmlout.Writer) { w.Elem("a", "") },
	}.Bytes()
	if err != nil {
		return identity.Caller{}, err
	}
	tree, err := xmltree.Parse(message, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	header := tree.First(tree.Root())
	verifier := &idws.Verifier{Trust: source, Now: func() time.Time { return clock }}
	return verifier.Verify(t.Context(), &auth.Message{
		Tree: tree, Header: header, Body: tree.Next(header), Security: tree.Child(header, nsWSSE, "Security"),
	}, admitting.Policy{Schemes: []identity.Scheme{identity.IDWS}, Audiences: []string{audienceMinLog}})
}

func TestTokensAtServices(t *testing.T) {
	s := startExchanges(t, func(s *exchanger) { s.service.AllowBearer = true })
	exchange := func(path string, x stsws.Exchange) []byte {
		got, err := s.client(path).Exchange(t.Context(), x)
		require.NoError(t, err)
		return got.Assertion
	}
	t.Run("SA-47 the citizen's token admits its holder's message", func(t *testing.T) {
		caller, err := presentToken(t, exchange(stsws.PathBst2Idws, s.citizenRequest()), "portal")
		require.NoError(t, err)
		assert.Equal(t, identity.Citizen, caller.Kind)
		assert.Equal(t, parent, caller.CPR.Digits())
		assert.Nil(t, caller.OnBehalfOf)
		assert.Equal(t, 3, caller.Credential.Level)
	})
	t.Run("SA-47 and nobody else's", func(t *testing.T) {
		caller, err := presentToken(t, exchange(stsws.PathBst2Idws, s.citizenRequest()), "epj")
		assert.Equal(t, identity.Caller{}, caller)
		told, _ := fault.Of(err)
		assert.Equal(t, fault.CodeSignature, told.Code)
	})
	t.Run("SA-42 on behalf of a child", func(t *testing.T) {
		x := s.citizenRequest()
		x.Claims = stsws.CitizenClaims(person(t, parent), person(t, child), relation.Custody)
		caller, err := presentToken(t, exchange(stsws.PathBst2Idws, x), "portal")
		require.NoError(t, err)
		assert.Equal(t, &identity.Principal{CPR: person(t, child), Kind: relation.Custody}, caller.OnBehalfOf)
	})
	t.Run("SU-4 tokens of employees and systems", func(t *testing.T) {
		for sample, want := range map[string]identity.Caller{
			"laege":         {Kind: identity.Professional, CPR: person(t, "0101010001"), AuthorisationCode: "TST01", EducationCode: "7170"},
			"sekretaer":     {Kind: identity.Professional, CPR: person(t, "0101010004")},
			"administrator": {Kind: identity.Professional, CPR: person(t, "0101010006"), NationalRole: "NspAdministrator"},
			"epj":           {Kind: identity.System},
		} {
			caller, err := presentToken(t, exchange(stsws.PathSosi2OIOSaml, s.cardRequest(sample)), sample)
			require.NoError(t, err, sample)
			assert.Equal(t, want, identity.Caller{
				Kind: caller.Kind, CPR: caller.CPR, AuthorisationCode: caller.AuthorisationCode, EducationCode: caller.EducationCode, NationalRole: caller.NationalRole,
			}, sample)
			assert.Equal(t, "OpenNSP", caller.SystemName)
		}
	})
	t.Run("SA-49 a bearer token admits nobody", func(t *testing.T) {
		x := s.cardRequest("laege")
		x.Key = nil
		caller, err := presentToken(t, exchange(stsws.PathSosi2OIOSaml, x), "laege")
		assert.Equal(t, identity.Caller{}, caller)
		assert.Error(t, err)
	})
	t.Run("test tokens admit too", func(t *testing.T) {
		token, err := s.issuer.Token(t.Context(), federating.TestRequest{
			Citizen: person(t, parent), OnBehalfOf: person(t, child), Holder: der(t, "portal"), Audience: audienceMinLog,
		})
		require.NoError(t, err)
		caller, err := presentToken(t, token, "portal")
		require.NoError(t, err)
		assert.Equal(t, parent, caller.CPR.Digits())
		assert.Equal(t, &identity.Principal{CPR: person(t, child), Kind: relation.Custody}, caller.OnBehalfOf)
	})
}

func TestTestIssuer(t *testing.T) {
	s := startExchanges(t, nil)
	t.Run("cards of all samples are admitted", func(t *testing.T) {
		for _, name := range []string{"laege", "sygeplejerske", "sekretaer", "spaerringsadm", "administrator", "region", "epj", "portal"} {
			card, err := s.issuer.Card(t.Context(), federating.TestRequest{Certificate: der(t, name), Organisation: "Org", SystemName: "System"})
			require.NoError(t, err, name)
			caller, err := present(t, card, 3)
			require.NoError(t, err, name)
			assert.Equal(t, "System", caller.SystemName)
			assert.Equal(t, "Org", caller.Org.Name)
		}
	})
	t.Run("a card of a chosen authorisation", func(t *testing.T) {
		card, err := s.issuer.Card(t.Context(), federating.TestRequest{Certificate: der(t, "tolaege"), AuthorisationCode: "TST03", Level: 4})
		require.NoError(t, err)
		caller, err := present(t, card, 4)
		require.NoError(t, err)
		assert.Equal(t, "5166", caller.EducationCode)
	})
	t.Run("rsa-sha1", func(t *testing.T) {
		issuer := *s.issuer
		issuer.SHA1 = true
		card, err := issuer.Card(t.Context(), federating.TestRequest{Certificate: der(t, "epj")})
		require.NoError(t, err)
		assert.Contains(t, string(card), "xmldsig#rsa-sha1")
	})
	citizen, stranger := person(t, parent), person(t, "0101010009")
	type call func(*stsws.TestIssuer, federating.TestRequest) ([]byte, error)
	card := func(i *stsws.TestIssuer, r federating.TestRequest) ([]byte, error) { return i.Card(t.Context(), r) }
	token := func(i *stsws.TestIssuer, r federating.TestRequest) ([]byte, error) { return i.Token(t.Context(), r) }
	bootstrap := func(i *stsws.TestIssuer, r federating.TestRequest) ([]byte, error) {
		return i.Bootstrap(t.Context(), r)
	}
	for _, tt := range []struct {
		name    string
		call    call
		request federating.TestRequest
		want    error
	}{
		{"card of a citizen", card, federating.TestRequest{Citizen: citizen}, federating.ErrTestSubject},
		{"card of nobody", card, federating.TestRequest{}, federating.ErrTestSubject},
		{"card of both", card, federating.TestRequest{Citizen: citizen, Certificate: der(t, "epj")}, federating.ErrTestSubject},
		{"card of a revoked certificate", card, federating.TestRequest{Certificate: der(t, "spaerret")}, federating.ErrCertificateRevoked},
		{"card of an expired certificate", card, federating.TestRequest{Certificate: der(t, "udloebet")}, federating.ErrCertificateExpired},
		{"card of another level", card, federating.TestRequest{Certificate: der(t, "epj"), Level: 4}, federating.ErrLevel},
		{"token of an employee", token, federating.TestRequest{Certificate: der(t, "laege"), Audience: audienceMinLog}, federating.ErrTestSubject},
		{"token without holder", token, federating.TestRequest{Citizen: citizen, Audience: audienceMinLog}, federating.ErrTestHolder},
		{"token of a stranger", token, federating.TestRequest{Citizen: stranger, Holder: der(t, "portal"), Audience: audienceMinLog}, federating.ErrTestCitizen},
		{"token on behalf of somebody", token, federating.TestRequest{Citizen: citizen, OnBehalfOf: person(t, "0511804817"), Holder: der(t, "portal"), Audience: audienceMinLog}, federating.ErrRelation},
		{"token for another audience", token, federating.TestRequest{Citizen: citizen, Holder: der(t, "portal"), Audience: "https://elsewhere"}, federating.ErrAudience},
		{"bootstrap token of nobody", bootstrap, federating.TestRequest{Holder: der(t, "portal")}, federating.ErrTestSubject},
		{"bootstrap token of both", bootstrap, federating.TestRequest{Citizen: citizen, Certificate: der(t, "laege")}, federating.ErrTestSubject},
		{"bootstrap token without holder", bootstrap, federating.TestRequest{Citizen: citizen}, federating.ErrTestHolder},
		{"bootstrap token of a stranger", bootstrap, federating.TestRequest{Citizen: stranger, Holder: der(t, "portal")}, federating.ErrTestCitizen},
		{"bootstrap token of a system", bootstrap, federating.TestRequest{Certificate: der(t, "epj")}, federating.ErrNotEmployee},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made, err := tt.call(s.issuer, tt.request)
			assert.Empty(t, made)
			assert.ErrorIs(t, err, tt.want)
		})
	}
	t.Run("a key that does not sign", func(t *testing.T) {
		issuer := *s.issuer
		issuer.Signer = noKeys{}
		for name, err := range map[string]error{
			"card":      second(issuer.Card(t.Context(), federating.TestRequest{Certificate: der(t, "epj")})),
			"token":     second(issuer.Token(t.Context(), federating.TestRequest{Citizen: citizen, Holder: der(t, "portal"), Audience: audienceMinLog})),
			"bootstrap": second(issuer.Bootstrap(t.Context(), federating.TestRequest{Citizen: citizen, Holder: der(t, "portal")})),
		} {
			require.Error(t, err, name)
			_, told := fault.Of(err)
			assert.False(t, told, name)
		}
	})
	t.Run("the register down", func(t *testing.T) {
		s := startExchanges(t, func(s *exchanger) { s.service.People = down{} })
		_, err := s.issuer.Token(t.Context(), federating.TestRequest{Citizen: citizen, Holder: der(t, "portal")})
		require.Error(t, err)
		_, told := fault.Of(err)
		assert.False(t, told)
	})
	t.Run("nobody", func(t *testing.T) {
		_, err := s.issuer.Token(t.Context(), federating.TestRequest{Citizen: cpr.Number{}, Holder: der(t, "portal")})
		assert.ErrorIs(t, err, federating.ErrTestSubject)
	})
}

func second(_ []byte, err error) error { return err }
