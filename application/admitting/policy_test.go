package admitting_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

func none(string) (bool, error) { return false, nil }

func holding(names ...string) func(string) (bool, error) {
	return func(name string) (bool, error) { return slices.Contains(names, name), nil }
}

func TestPolicy(t *testing.T) {
	p := admitting.Policy{
		Schemes: []identity.Scheme{identity.DGWS, identity.IDWS}, Kinds: []identity.Kind{identity.System, identity.Professional},
	}
	for _, c := range []struct {
		kind   identity.Kind
		scheme identity.Scheme
		ok     bool
	}{
		{identity.System, identity.DGWS, true},
		{identity.Professional, identity.IDWS, true},
		{identity.Citizen, identity.IDWS, false},
		{identity.System, identity.Address, false},
		{identity.Unknown, identity.DGWS, false},
		{identity.System, identity.NoScheme, false},
	} {
		_, err := p.Admit(identity.Caller{Kind: c.kind, Credential: identity.Credential{Scheme: c.scheme}}, none)
		if c.ok {
			assert.NoError(t, err, "Admit(%v, %v)", c.kind, c.scheme)
			continue
		}
		assert.True(t, fault.Is(err, fault.Forbidden), "Admit(%v, %v) = %v, want Forbidden", c.kind, c.scheme, err)
	}
	_, err := admitting.Policy{}.Admit(identity.Caller{Kind: identity.System, Credential: identity.Credential{Scheme: identity.DGWS}}, none)
	assert.Error(t, err, "the zero policy admits nobody")
	_, err = admitting.Policy{Schemes: []identity.Scheme{0}, Kinds: []identity.Kind{0}}.Admit(identity.Caller{}, none)
	assert.Error(t, err, "nobody is never admitted")
}

func number(t *testing.T, s string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(s)
	require.NoError(t, err)
	return n
}

func TestPolicyOfHeader(t *testing.T) {
	citizen, doctor := number(t, "2512489996"), number(t, "0101010001")
	says := func(kind string, acting cpr.Number) *identity.HSUID {
		return &identity.HSUID{UserType: kind, Acting: acting, Override: true}
	}
	dgws := identity.Credential{Scheme: identity.DGWS}
	system := func(h *identity.HSUID) identity.Caller {
		return identity.Caller{Kind: identity.System, Org: identity.Organisation{CVR: "99999904"}, Credential: dgws, HSUID: h}
	}
	card := func(h *identity.HSUID) identity.Caller {
		return identity.Caller{Kind: identity.Professional, CPR: doctor, Org: identity.Organisation{CVR: "99999902"}, Credential: dgws, HSUID: h}
	}
	token := func(h *identity.HSUID) identity.Caller {
		c := card(h)
		c.Credential.Scheme = identity.IDWS
		return c
	}
	vouched := system(says("Citizen", citizen))
	vouched.Kind, vouched.CPR, vouched.Vouched = identity.Citizen, citizen, true
	citizens, users := []identity.Kind{identity.Citizen}, []identity.Kind{identity.System, identity.Professional, identity.Citizen}
	trusted := holding(trust.HSUIDGrant)
	for _, c := range []struct {
		name   string
		use    admitting.Header
		kinds  []identity.Kind
		caller identity.Caller
		holds  func(string) (bool, error)
		kind   identity.Kind
		used   bool   // the header
		code   string // of the refusal
	}{
		{"SA-43 citizen by portal", admitting.Required, citizens, system(says("nsi:Citizen", citizen)), trusted, identity.Citizen, true, ""},
		{"SA-43 citizen by portal, optional", admitting.Optional, citizens, system(says("nsi:Citizen", citizen)), trusted, identity.Citizen, true, ""},
		{"SA-43 citizen by epj (no grant)", admitting.Required, citizens, system(says("nsi:Citizen", citizen)), none, 0, false, fault.CodeNotAuthorized},
		{"SA-43 no grant, systems may call", admitting.Optional, users, system(says("nsi:Citizen", citizen)), none, identity.System, false, ""},
		{"SA-43 no grant, the header is required", admitting.Required, users, system(says("nsi:Citizen", citizen)), none, 0, false, fault.CodeNotAuthorized},
		{"the policy does not take the header", admitting.Ignored, users, system(says("nsi:Citizen", citizen)), trusted, identity.System, false, ""},
		{"the policy does not take the header of citizens", admitting.Ignored, citizens, system(says("nsi:Citizen", citizen)), trusted, 0, false, fault.CodeNotAuthorized},
		{"no header", admitting.Optional, users, system(nil), trusted, identity.System, false, ""},
		{"no header where citizens alone may call", admitting.Optional, citizens, system(nil), trusted, 0, false, fault.CodeNotAuthorized},
		{"SA-16 missing required HSUID", admitting.Required, citizens, system(nil), trusted, 0, false, fault.CodeMissingHeader},
		{"SA-16 missing required HSUID of a user", admitting.Required, users, card(nil), none, 0, false, fault.CodeMissingHeader},
		{"HS-2 a token needs none", admitting.Required, users, token(nil), none, identity.Professional, false, ""},
		{"a kind that no header can help", admitting.Required, citizens, card(nil), none, 0, false, fault.CodeNotAuthorized},
		{"a user type of others", admitting.Optional, citizens, system(says("robot", citizen)), trusted, 0, false, fault.CodeSyntax},
		{"a user type of others that does not count", admitting.Optional, users, system(says("robot", citizen)), none, identity.System, false, ""},
		{"user card", admitting.Required, users, card(says("HealthcareProfessional", doctor)), none, identity.Professional, true, ""},
		{"SA-43 user card with other acting CPR", admitting.Optional, users, card(says("HealthcareProfessional", citizen)), trusted, 0, false, fault.CodeNotAuthorized},
		{"user card with other acting CPR, not taken", admitting.Ignored, users, card(says("HealthcareProfessional", citizen)), none, identity.Professional, false, ""},
		{"a session that was vouched for", admitting.Optional, citizens, vouched, trusted, identity.Citizen, true, ""},
		{"a session that was vouched for, grant ended", admitting.Optional, citizens, vouched, none, 0, false, fault.CodeNotAuthorized},
		{"a session that was vouched for, not taken", admitting.Ignored, citizens, vouched, trusted, 0, false, fault.CodeNotAuthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := admitting.Policy{Schemes: []identity.Scheme{identity.DGWS, identity.IDWS}, Kinds: c.kinds, HSUID: c.use}
			got, err := p.Admit(c.caller, c.holds)
			assert.Equal(t, c.kind, got.Kind)
			assert.Equal(t, c.used, got.HSUID != nil)
			if c.code == "" {
				require.NoError(t, err)
				assert.Equal(t, c.used, got.Override)
				assert.Equal(t, c.caller.Org.CVR, got.Org.CVR)
				return
			}
			f, ok := fault.Of(err)
			require.True(t, ok, "Admit = %v, want a fault", err)
			assert.Equal(t, c.code, f.Code)
		})
	}
}

func TestPolicyOfGrant(t *testing.T) {
	p := admitting.Policy{Schemes: []identity.Scheme{identity.DGWS}, Kinds: []identity.Kind{identity.System}, Grant: "ecpr.read", HSUID: admitting.Optional}
	caller := identity.Caller{Kind: identity.System, Credential: identity.Credential{Scheme: identity.DGWS}, HSUID: &identity.HSUID{UserType: "robot"}}
	asked := []string{}
	down := errors.New("down")
	for _, c := range []struct {
		name  string
		holds func(string) (bool, error)
		edit  func(*identity.Caller)
		asked []string
		want  string
	}{
		{"SA-44 grant", holding("ecpr.read"), func(*identity.Caller) {}, []string{"hsuid", "ecpr.read"}, ""},
		{"SA-44 no grant", none, func(*identity.Caller) {}, []string{"hsuid", "ecpr.read"}, "the organisation may not use the operation"},
		{"kind before grant", none, func(c *identity.Caller) { c.Kind = identity.Citizen }, nil, "this kind of caller may not use the operation"},
		{"scheme before grant", none, func(c *identity.Caller) { c.Credential.Scheme = identity.Session }, nil, "this kind of caller may not use the operation"},
		{"grant before header", holding("hsuid"), func(*identity.Caller) {}, []string{"hsuid", "ecpr.read"}, "the organisation may not use the operation"},
		{"header last", holding("hsuid", "ecpr.read"), func(*identity.Caller) {}, []string{"hsuid", "ecpr.read"}, "the UserType of the HSUID header is not known"},
		{"no header, no question", holding("ecpr.read"), func(c *identity.Caller) { c.HSUID = nil }, []string{"ecpr.read"}, ""},
		{"grants cannot be read", func(string) (bool, error) { return false, down }, func(*identity.Caller) {}, []string{"hsuid"}, "down"},
		{"grants cannot be read, no header", func(string) (bool, error) { return true, down }, func(c *identity.Caller) { c.HSUID = nil }, []string{"ecpr.read"}, "down"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked = nil
			who := caller
			c.edit(&who)
			_, err := p.Admit(who, func(name string) (bool, error) {
				asked = append(asked, name)
				return c.holds(name)
			})
			assert.Equal(t, c.asked, asked)
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestPolicyOfSession: a session is worth what the credential was worth that opened it.
func TestPolicyOfSession(t *testing.T) {
	p := admitting.Policy{
		Schemes: []identity.Scheme{identity.Session}, Kinds: []identity.Kind{identity.Professional}, MinLevel: 4, Audiences: []string{"https://minlog"},
	}
	anywhere := p
	anywhere.Audiences = nil
	citizens := p
	citizens.Kinds = []identity.Kind{identity.Citizen}
	for _, c := range []struct {
		name     string
		policy   admitting.Policy
		origin   identity.Scheme
		level    int
		audience string
		code     string
	}{
		{"SU-5 card of level 4", p, identity.DGWS, 4, "", ""},
		{"SU-5 card of level 3", p, identity.DGWS, 3, "", fault.CodeSecurityLevel},
		{"SU-5 test card of level 3", p, identity.Sample, 3, "", fault.CodeSecurityLevel},
		{"SU-5 test citizen, who has no card", citizens, identity.Sample, 3, "", ""},
		{"SU-5 token for the service", p, identity.IDWS, 3, "https://minlog", ""},
		{"SU-5 token for another service", p, identity.IDWS, 3, "https://fsk", fault.CodeNotAuthorized},
		{"SU-5 token, the operation names no audience", anywhere, identity.IDWS, 3, "https://fsk", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.policy.Admit(identity.Caller{
				Kind: c.policy.Kinds[0], Audience: c.audience, Credential: identity.Credential{Scheme: identity.Session, Origin: c.origin, Level: c.level},
			}, none)
			f, _ := fault.Of(err)
			assert.Equal(t, c.code, f.Code)
		})
	}
}
