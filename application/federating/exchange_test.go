package federating_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
)

// exchange is a request that is granted, the token it exchanges, and the service.
type exchange struct {
	certificates holders
	people       people
	relations    relations
	trail        trail
	request      federating.Exchange
	token        federating.Assertion
	card         federating.Card
	err          error // of verifying what is exchanged
	bearer       bool
	lifetime     time.Duration
}

type relations struct {
	found []relation.Relation
	err   error
	asked *[2]cpr.Number
}

func (r relations) Between(_ context.Context, actor, subject cpr.Number, _ time.Time) ([]relation.Relation, error) {
	if r.asked != nil {
		*r.asked = [2]cpr.Number{actor, subject}
	}
	return r.found, r.err
}

var key = [32]byte{1}

// citizen asks for a token of a citizen, employee for one, or a card, of an employee.
func citizen(t require.TestingT) *exchange {
	n, err := cpr.Parse("2512489996")
	require.NoError(t, err)
	return &exchange{
		certificates: holders{holder: trust.Holder{Subject: trust.Subject{Class: trust.VOCES, CVR: "99999904"}, IssuerDN: "CN=B", Serial: "42"}},
		request: federating.Exchange{
			Certificate: der, Key: key, Created: now, Audience: "https://minlog", Claims: federating.Claims{CPR: "2512489996"},
		},
		token: federating.Assertion{
			ID: "_b", Issuer: "https://idp", NameID: "name", IssuedAt: now.Add(-time.Minute), NotOnOrAfter: now.Add(time.Hour),
			Audiences: []string{"STS"}, Holder: key, CPR: n, Level: 3,
		},
	}
}

func employee(t require.TestingT) *exchange {
	x := citizen(t)
	doctor, err := cpr.Parse("0101010001")
	require.NoError(t, err)
	x.people.person = identity.Person{
		CPR: doctor, GivenName: "Test", Surname: "Laege", Authorisations: []identity.Authorisation{{Code: "TST01", EducationCode: "7170"}},
	}
	x.token.CPR, x.token.CVR, x.token.RID, x.token.Organisation, x.token.Level = cpr.Number{}, "99999902", "1001", "House", 4
	x.request.Claims = federating.Claims{CPR: "0101010001", SystemName: "EPJ"}
	return x
}

// cardHolder asks for a token with an ID card.
func cardHolder(t require.TestingT) *exchange {
	x := citizen(t)
	x.card = federating.Card{
		ID: "id", Level: 3, CertHash: hash(), IssuedAt: now.Add(-time.Minute), NotBefore: now.Add(-time.Minute), NotOnOrAfter: now.Add(24*time.Hour - time.Minute),
		SystemName: "EPJ", CVR: "99999902", CareProviderName: "House",
	}
	return x
}

func (x *exchange) service() *federating.TokenService {
	return &federating.TokenService{
		Certificates: x.certificates, People: x.people, Relations: x.relations, Trail: &x.trail, Now: func() time.Time { return now }, Issuer: "STS",
		NewID: func() string { return "new" }, OwnAudiences: []string{"STS"}, Audiences: []string{"https://minlog"},
		AllowBearer: x.bearer, TokenLifetime: x.lifetime,
	}
}

func (x *exchange) verified(context.Context, time.Time) (federating.Assertion, error) {
	return x.token, x.err
}

func (x *exchange) bst2idws() (federating.Token, error) {
	return x.service().Bst2Idws(context.Background(), x.request, x.verified)
}

func (x *exchange) bst2sosi() (federating.Card, error) {
	return x.service().BST2SOSI(context.Background(), x.request, x.verified)
}

func (x *exchange) sosi2saml() (federating.Token, error) {
	return x.service().Sosi2OIOSaml(context.Background(), x.request, func(context.Context, time.Time) (federating.Card, error) { return x.card, x.err })
}

func TestTokens(t *testing.T) {
	issued := time.Date(2026, 11, 21, 10, 0, 30, 0, time.UTC)
	t.Run("SU-4 citizen", func(t *testing.T) {
		x := citizen(t)
		token, err := x.bst2idws()
		require.NoError(t, err)
		assert.Equal(t, federating.Token{
			ID: "_new", Issuer: "STS", IssuedAt: issued, NotOnOrAfter: issued.Add(time.Hour), Audience: "https://minlog", Holder: der, Level: 3, CPR: x.token.CPR,
		}, token)
	})
	t.Run("SU-4 lifetime as configured, 8 hours at most", func(t *testing.T) {
		for configured, want := range map[time.Duration]time.Duration{0: time.Hour, time.Minute: time.Minute, 8 * time.Hour: 8 * time.Hour, 9 * time.Hour: 8 * time.Hour} {
			x := citizen(t)
			x.lifetime = configured
			token, err := x.bst2idws()
			require.NoError(t, err)
			assert.Equal(t, want, token.NotOnOrAfter.Sub(token.IssuedAt))
		}
	})
	t.Run("SU-4 an employee of several authorisations who chooses none has none", func(t *testing.T) {
		x := employee(t)
		x.people.person.Authorisations = append(x.people.person.Authorisations, identity.Authorisation{Code: "TST02", EducationCode: "5166"})
		token, err := x.bst2idws()
		require.NoError(t, err)
		assert.Empty(t, token.AuthorisationCode+token.EducationCode+token.NationalRole)
		x.request.Claims.AuthorisationCode = "TST02"
		token, err = x.bst2idws()
		require.NoError(t, err)
		assert.Equal(t, "TST02/5166", token.AuthorisationCode+"/"+token.EducationCode)
		x.request.Claims.AuthorisationCode = "TST03"
		_, err = x.bst2idws()
		told, _ := fault.Of(err)
		assert.Equal(t, federating.CodeAuthorisation, told.Code)
	})
	t.Run("SU-4 card of a user and of a system", func(t *testing.T) {
		x := cardHolder(t)
		token, err := x.sosi2saml()
		require.NoError(t, err)
		assert.Equal(t, federating.Token{
			ID: "_new", Issuer: "STS", IssuedAt: issued, NotOnOrAfter: issued.Add(time.Hour), Audience: "https://minlog", Holder: der, Level: 3,
			CVR: "99999902", Organisation: "House", SystemName: "EPJ",
		}, token)
		x.card.User = &federating.User{CPR: x.token.CPR, GivenName: "A", Surname: "B", Role: "urn:dk:healthcare:x:value:SpaerAdminR8"}
		token, err = x.sosi2saml()
		require.NoError(t, err)
		assert.Equal(t, "SpaerAdminR8", token.NationalRole)
		assert.Equal(t, 4, token.Level)
	})
	t.Run("SA-49 without signature, where bearer tokens are allowed", func(t *testing.T) {
		x := cardHolder(t)
		x.request.Certificate, x.request.Key, x.request.Created = nil, [32]byte{}, time.Time{}
		_, err := x.sosi2saml()
		require.ErrorIs(t, err, federating.ErrUnsigned)
		x.bearer = true
		token, err := x.sosi2saml()
		require.NoError(t, err)
		assert.Nil(t, token.Holder)
		for _, other := range []func() error{
			func() error {
				y := citizen(t)
				y.bearer, y.request.Certificate = true, nil
				_, err := y.bst2idws()
				return err
			},
			func() error {
				y := employee(t)
				y.bearer, y.request.Certificate = true, nil
				_, err := y.bst2sosi()
				return err
			},
		} {
			assert.ErrorIs(t, other(), federating.ErrUnsigned)
		}
	})
	t.Run("SU-4 OIOSaml2Sosi takes a bearer token, BST2SOSI does not", func(t *testing.T) {
		x := employee(t)
		x.token.Holder = [32]byte{}
		_, err := x.service().OIOSaml2Sosi(context.Background(), x.request, x.verified)
		require.NoError(t, err)
		_, err = x.bst2sosi()
		assert.ErrorIs(t, err, federating.ErrTokenBearer)
	})
	t.Run("the sender is judged before the token is looked at", func(t *testing.T) {
		x := citizen(t)
		x.certificates.err, x.err = trust.ErrRevoked, errors.New("looked at")
		_, err := x.bst2idws()
		assert.ErrorIs(t, err, federating.ErrCertificateRevoked)
		keys := []string{}
		for _, i := range x.trail.notes[0].Contexts[0].Information {
			keys = append(keys, i.Key)
		}
		assert.Equal(t, []string{"status"}, keys, "nothing was proved")
	})
}

func TestExchangeRefusals(t *testing.T) {
	bst := func(change func(*exchange)) func(require.TestingT) error {
		return func(t require.TestingT) error {
			x := citizen(t)
			change(x)
			token, err := x.bst2idws()
			assert.Equal(t, err == nil, token.ID != "", "a token or an error")
			return x.recorded(t, audit.Bst2Idws, err)
		}
	}
	card := func(change func(*exchange)) func(require.TestingT) error {
		return func(t require.TestingT) error {
			x := employee(t)
			change(x)
			issued, err := x.bst2sosi()
			assert.Equal(t, err == nil, issued.ID != "", "a card or an error")
			return x.recorded(t, audit.BST2SOSI, err)
		}
	}
	saml := func(change func(*exchange)) func(require.TestingT) error {
		return func(t require.TestingT) error {
			x := cardHolder(t)
			change(x)
			token, err := x.sosi2saml()
			assert.Equal(t, err == nil, token.ID != "", "a token or an error")
			return x.recorded(t, audit.Sosi2OIOSaml, err)
		}
	}
	behalf := func(change func(*exchange)) func(require.TestingT) error {
		return bst(func(x *exchange) {
			x.request.Claims.OnBehalfOf = relation.ClaimCustody + "1101116171"
			change(x)
		})
	}
	proxy := func(r relation.Relation) func(require.TestingT) error {
		return bst(func(x *exchange) {
			x.request.Claims.OnBehalfOf = relation.ClaimProxy + "1101116171"
			x.relations.found = []relation.Relation{r}
		})
	}
	for _, c := range []struct {
		name string
		run  func(require.TestingT) error
		want error
	}{
		{"SU-4 message too old", bst(func(x *exchange) { x.request.Created = now.Add(-5*time.Minute - 1) }), federating.ErrTimeRange},
		{"SU-4 message too early", bst(func(x *exchange) { x.request.Created = now.Add(5*time.Minute + 1) }), federating.ErrTimeRange},
		{"SU-4 certificate not trusted", bst(func(x *exchange) { x.certificates.err = trust.ErrUntrusted }), federating.ErrCertificate},
		{"SU-4 revocation list out of date", bst(func(x *exchange) { x.certificates.err = trust.ErrStaleCRL }), federating.ErrRevocationList},
		{"SU-4 certificate of a person", bst(func(x *exchange) { x.certificates.holder.Subject.Class = trust.POCES }), federating.ErrSigner},
		{"SU-4 certificate of unknown class", bst(func(x *exchange) { x.certificates.holder.Subject.Class = trust.UnknownClass }), federating.ErrSigner},
		{"SU-4 token expires now", bst(func(x *exchange) { x.token.NotOnOrAfter = now }), federating.ErrTokenExpired},
		{"SU-4 token of the future", bst(func(x *exchange) { x.token.IssuedAt = now.Add(time.Minute + 1) }), federating.ErrTokenEarly},
		{"SU-4 token not yet valid", bst(func(x *exchange) { x.token.NotBefore = now.Add(time.Minute + 1) }), federating.ErrTokenEarly},
		{"SU-4 token that begins where it ends", bst(func(x *exchange) { x.token.NotBefore = x.token.NotOnOrAfter }), federating.ErrTokenPeriod},
		{"SU-4 token of more than 24 hours", bst(func(x *exchange) { x.token.NotOnOrAfter = x.token.IssuedAt.Add(24*time.Hour + 5*time.Minute + 1) }), federating.ErrTokenPeriod},
		{"SU-4 token for somebody else", bst(func(x *exchange) { x.token.Audiences = []string{"other"} }), federating.ErrTokenAudience},
		{"SU-4 token for nobody", bst(func(x *exchange) { x.token.Audiences = nil }), federating.ErrTokenAudience},
		{"SU-4 token of another holder", bst(func(x *exchange) { x.token.Holder[0] = 2 }), federating.ErrTokenHolder},
		{"SU-4 bearer token", bst(func(x *exchange) { x.token.Holder = [32]byte{} }), federating.ErrTokenBearer},
		{"SU-4 assurance too low", bst(func(x *exchange) { x.token.Level = 2 }), federating.ErrTokenLevel},
		{"SU-4 no CPR claim", bst(func(x *exchange) { x.request.Claims.CPR = "" }), federating.ErrNoCPRClaim},
		{"SU-4 another CPR claim", bst(func(x *exchange) { x.request.Claims.CPR = "0511804817" }), federating.ErrCPRClaim},
		{"SU-4 CPR claim that is no number", bst(func(x *exchange) { x.request.Claims.CPR = "x" }), federating.ErrCPRClaim},
		{"SU-4 audience", bst(func(x *exchange) { x.request.Audience = "http://sosi.dk" }), federating.ErrAudience},
		{"SU-4 token of nobody", bst(func(x *exchange) { x.token.CPR = cpr.Number{} }), federating.ErrTokenSubject},
		{"SU-4 employee's number is not that of the token", bst(func(x *exchange) {
			e := employee(t)
			number := x.token.CPR
			x.token, x.people = e.token, e.people
			x.token.CPR = number
		}), federating.ErrPerson},
		{"SU-4 employee on behalf of somebody", bst(func(x *exchange) {
			e := employee(t)
			x.token, x.people, x.request.Claims = e.token, e.people, e.request.Claims
			x.request.Claims.OnBehalfOf = relation.ClaimCustody + "1101116171"
			x.relations.found = []relation.Relation{{Kind: relation.Custody}}
		}), federating.ErrOnBehalfOf},
		{"SA-42 custody", behalf(func(x *exchange) { x.relations.found = []relation.Relation{{Kind: relation.Custody}} }), nil},
		{"SA-42 guardian", behalf(func(x *exchange) { x.relations.found = []relation.Relation{{Kind: relation.Guardian}} }), nil},
		{"SA-42 nothing", behalf(func(*exchange) {}), federating.ErrRelation},
		{"SA-42 proxy, claimed as custody", behalf(func(x *exchange) {
			x.relations.found = []relation.Relation{{Kind: relation.Proxy, Scope: []string{"*"}}}
		}), federating.ErrRelation},
		{"SA-42 custody that has ended", behalf(func(x *exchange) {
			x.relations.found = []relation.Relation{{Kind: relation.Custody, Valid: validity.Period{To: now}}}
		}), federating.ErrRelation},
		{"SA-42 custody claimed for oneself", bst(func(x *exchange) { x.request.Claims.OnBehalfOf = relation.ClaimCustody + "2512489996" }), federating.ErrOnBehalfOf},
		{"SA-42 proxy for everything", proxy(relation.Relation{Kind: relation.Proxy, Scope: []string{"*"}}), nil},
		{"SA-42 proxy for the audience", proxy(relation.Relation{Kind: relation.Proxy, Scope: []string{"x", "https://minlog"}}), nil},
		{"SA-42 proxy for something else", proxy(relation.Relation{Kind: relation.Proxy, Scope: []string{"https://fsk"}}), federating.ErrRelation},
		{"SA-42 custody, claimed as proxy", proxy(relation.Relation{Kind: relation.Custody}), federating.ErrRelation},
		{"SA-48 no system name", card(func(x *exchange) { x.request.Claims.SystemName = "" }), federating.ErrSystemName},
		{"SA-48 role and code", card(func(x *exchange) { x.request.Claims.Role, x.request.Claims.AuthorisationCode = "7170", "TST01" }), federating.ErrRoleAndCode},
		{"SA-48 audience of cards", card(func(x *exchange) { x.request.Audience = "http://sosi.dk" }), nil},
		{"SA-48 audience", card(func(x *exchange) { x.request.Audience = "https://other" }), federating.ErrAudience},
		{"SA-48 citizen", card(func(x *exchange) { x.token = citizen(t).token }), federating.ErrNotEmployee},
		{"SA-48 organisation", card(func(x *exchange) { x.token.RID = "" }), federating.ErrNotEmployee},
		{"SA-48 person unknown", card(func(x *exchange) { x.people.err = identity.ErrUnknown }), federating.ErrUnknownPerson},
		{"SA-48 register without number", card(func(x *exchange) { x.people.person.CPR = cpr.Number{} }), federating.ErrUnknownPerson},
		{"SA-48 no name anywhere", card(func(x *exchange) { x.people.person.Surname = "" }), federating.ErrName},
		{"SU-4 card expires now", saml(func(x *exchange) { x.card.NotOnOrAfter = now }), federating.ErrTokenExpired},
		{"SU-4 card of the future", saml(func(x *exchange) { x.card.IssuedAt = now.Add(time.Minute + 1) }), federating.ErrTokenEarly},
		{"SU-4 card not yet valid", saml(func(x *exchange) { x.card.NotBefore = now.Add(time.Minute + 1) }), federating.ErrTokenEarly},
		{"SU-4 card reversed", saml(func(x *exchange) { x.card.NotBefore = x.card.NotOnOrAfter }), federating.ErrTokenPeriod},
		{"SU-4 card of more than 24 hours", saml(func(x *exchange) { x.card.NotOnOrAfter = x.card.NotBefore.Add(24*time.Hour + 5*time.Minute + 1) }), federating.ErrTokenPeriod},
		{"SU-4 card of another key", saml(func(x *exchange) { x.card.CertHash = "x" }), federating.ErrTokenHolder},
		{"SU-4 card, audience", saml(func(x *exchange) { x.request.Audience = "https://other" }), federating.ErrAudience},
		{"SU-4 card, message too old", saml(func(x *exchange) { x.request.Created = now.Add(-5*time.Minute - 1) }), federating.ErrTimeRange},
		{"SU-4 card, certificate revoked", saml(func(x *exchange) { x.certificates.err = trust.ErrRevoked }), federating.ErrCertificateRevoked},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.ErrorIs(t, c.run(t), c.want)
		})
	}
}

// recorded requires that the audit log heard of the outcome, and returns err.
func (x *exchange) recorded(t require.TestingT, where audit.Context, err error) error {
	require.Len(t, x.trail.notes, 1)
	require.Equal(t, where, x.trail.notes[0].Contexts[0].Context)
	information := x.trail.notes[0].Contexts[0].Information
	last := information[len(information)-1]
	status := "issued"
	if err != nil {
		told, _ := fault.Of(err)
		status = told.Code
	}
	assert.Equal(t, audit.Information{Key: "status", Class: audit.NPI, Value: status}, last)
	return err
}

func TestExchangeDependencies(t *testing.T) {
	broken := errors.New("connection refused")
	for name, run := range map[string]func() error{
		"register": func() error { x := employee(t); x.people.err = broken; _, err := x.bst2sosi(); return err },
		"relations": func() error {
			x := citizen(t)
			x.request.Claims.OnBehalfOf, x.relations.err = relation.ClaimCustody+"1101116171", broken
			_, err := x.bst2idws()
			return err
		},
		"trust":    func() error { x := cardHolder(t); x.certificates.err = broken; _, err := x.sosi2saml(); return err },
		"verifier": func() error { x := cardHolder(t); x.err = broken; _, err := x.sosi2saml(); return err },
	} {
		t.Run("SU-4 "+name+" down", func(t *testing.T) {
			err := run()
			assert.ErrorIs(t, err, broken)
			_, told := fault.Of(err)
			assert.False(t, told)
		})
	}
}

// TestTokenLaws draws requests and requires of every token that is given what makes it safe to give.
func TestTokenLaws(t *testing.T) {
	persons := []string{"2512489996", "1101116171", "0511804817"}
	rapid.Check(t, func(t *rapid.T) {
		pick := func(label string) string { return rapid.SampledFrom(persons).Draw(t, label) }
		parse := func(digits string) cpr.Number {
			n, err := cpr.Parse(digits)
			require.NoError(t, err)
			return n
		}
		x := citizen(t)
		x.token.CPR = parse(pick("token"))
		x.token.Level = rapid.IntRange(0, 4).Draw(t, "level")
		x.token.Holder = rapid.SampledFrom([][32]byte{{}, key, {9}}).Draw(t, "holder")
		x.token.NotOnOrAfter = now.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "until")) * time.Second)
		x.token.Audiences = rapid.SliceOfN(rapid.SampledFrom([]string{"STS", "other"}), 0, 2).Draw(t, "own")
		x.request.Audience = rapid.SampledFrom([]string{"https://minlog", "http://sosi.dk", "https://other"}).Draw(t, "audience")
		x.request.Claims.CPR = rapid.SampledFrom(append(persons, "")).Draw(t, "claim")
		x.request.Created = now.Add(time.Duration(rapid.IntRange(-400, 400).Draw(t, "created")) * time.Second)
		var asked [2]cpr.Number
		x.relations.asked = &asked
		kinds := rapid.SampledFrom([]relation.Kind{relation.None, relation.Custody, relation.Guardian, relation.Proxy})
		if kind := kinds.Draw(t, "has"); kind != relation.None {
			x.relations.found = []relation.Relation{{Kind: kind, Scope: []string{rapid.SampledFrom([]string{"*", "https://fsk"}).Draw(t, "scope")}}}
		}
		if prefix := rapid.SampledFrom([]string{"", relation.ClaimCustody, relation.ClaimProxy, "urn:x:"}).Draw(t, "prefix"); prefix != "" {
			x.request.Claims.OnBehalfOf = prefix + pick("behalf")
		}
		token, err := x.bst2idws()
		if err != nil {
			if _, told := fault.Of(err); !told {
				t.Fatalf("an error of ours: %v", err)
			}
			return
		}
		switch {
		case token.CPR != x.token.CPR, token.CPR.Digits() != x.request.Claims.CPR:
			t.Fatal("a token about somebody else")
		case string(token.Holder) != string(der), x.token.Holder != key:
			t.Fatal("a token for somebody else's key")
		case token.Audience != "https://minlog":
			t.Fatalf("a token for %s", token.Audience)
		case x.token.Level < 3, !now.Before(x.token.NotOnOrAfter):
			t.Fatal("a weak or old token was exchanged")
		case token.NotOnOrAfter.Sub(now) > time.Hour:
			t.Fatal("a token that lives too long")
		}
		if token.OnBehalfOf == "" {
			return
		}
		kind, subject, err := relation.ParseClaim(token.OnBehalfOf)
		if err != nil || subject == token.CPR || asked != [2]cpr.Number{token.CPR, subject} || len(x.relations.found) == 0 || !x.relations.found[0].Admits(kind) {
			t.Fatal("a token on behalf of somebody without the relation")
		}
		if r := x.relations.found[0]; r.Kind == relation.Proxy && r.Scope[0] != "*" {
			t.Fatal("a token by a proxy for something else")
		}
	})
}
