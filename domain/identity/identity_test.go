package identity_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
)

func number(t *testing.T, s string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(s)
	require.NoError(t, err)
	return n
}

func TestIs(t *testing.T) {
	own, other := number(t, "2512489996"), number(t, "0511804817")
	assert.True(t, identity.Caller{CPR: own}.Is(own))
	assert.False(t, identity.Caller{CPR: own}.Is(other))
	assert.False(t, identity.Caller{CPR: own}.Is(cpr.Number{}))
	assert.False(t, identity.Caller{}.Is(cpr.Number{}), "an empty number is nobody's")
}

func TestMayActFor(t *testing.T) {
	own, child := number(t, "2512489996"), number(t, "1101116171")
	citizen := identity.Caller{Kind: identity.Citizen, CPR: own}
	with := func(edit func(*identity.Caller)) identity.Caller {
		c := citizen
		edit(&c)
		return c
	}
	custodian := with(func(c *identity.Caller) { c.OnBehalfOf = &identity.Principal{CPR: child, Kind: relation.Custody} })
	for _, c := range []struct {
		name    string
		caller  identity.Caller
		subject cpr.Number
		allowed []relation.Kind
		want    bool
	}{
		{"self", citizen, own, nil, true},
		{"somebody else", citizen, child, []relation.Kind{relation.Custody}, false},
		{"nobody", citizen, cpr.Number{}, nil, false},
		{"a caller without number for nobody", identity.Caller{Kind: identity.Citizen}, cpr.Number{}, nil, false},
		{"custody", custodian, child, []relation.Kind{relation.Guardian, relation.Custody}, true},
		{"custody where only proxies may", custodian, child, []relation.Kind{relation.Proxy}, false},
		{"custody where nobody may", custodian, child, nil, false},
		{"who acts for another does not act in own right", custodian, own, []relation.Kind{relation.Custody}, false},
		{"vouched for", with(func(c *identity.Caller) { c.Vouched = true }), own, nil, false},
		{"at work", with(func(c *identity.Caller) { c.Kind = identity.Professional }), own, nil, false},
		{"unknown kind", with(func(c *identity.Caller) { c.Kind = identity.Unknown }), own, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, c.caller.MayActFor(c.subject, c.allowed...))
		})
	}
}

func TestAuthorised(t *testing.T) {
	assert.True(t, identity.Caller{Kind: identity.Professional, AuthorisationCode: "TST01"}.Authorised())
	assert.False(t, identity.Caller{Kind: identity.Professional}.Authorised())
	assert.False(t, identity.Caller{Kind: identity.System, AuthorisationCode: "TST01"}.Authorised())
}

func TestCallerIsNotPrinted(t *testing.T) {
	c := identity.Caller{
		Kind: identity.Citizen, CPR: number(t, "2512489996"), Name: "Nancy Berggren", Email: "nancy@example.org", AuthorisationCode: "TST01",
		Credential: identity.Credential{ID: "card-1", X509Subject: "CN=Nancy"},
	}
	for _, verb := range []string{"%v", "%s", "%+v", "%#v", "%q"} {
		text := fmt.Sprintf(verb, c)
		for _, secret := range []string{"2512", "Nancy", "nancy", "TST01", "card-1"} {
			assert.NotContains(t, text, secret, verb)
		}
	}
	assert.Equal(t, "caller(citizen)", c.String())
	assert.Equal(t, "caller(unknown)", identity.Caller{}.String())
	assert.Equal(t, "operator", identity.Kind(200).String(), "a kind beyond the list does not panic")
}
