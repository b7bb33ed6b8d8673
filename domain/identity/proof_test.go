package identity_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
)

// by is what somebody proved it was with: opened with it, where it is a session.
func by(scheme identity.Scheme, level int) identity.Credential {
	return identity.Credential{Scheme: scheme, Level: level}
}

func session(origin identity.Scheme, level int) identity.Credential {
	return identity.Credential{Scheme: identity.Session, Origin: origin, Level: level}
}

func TestProof(t *testing.T) {
	for _, c := range []struct {
		name string
		with identity.Credential
		want identity.Scheme
	}{
		{"of a message", by(identity.DGWS, 4), identity.DGWS},
		{"of a session is what it was opened with", session(identity.IDWS, 3), identity.IDWS},
		{"of nobody", identity.Credential{}, identity.NoScheme},
		{"of a session opened with nothing", session(identity.NoScheme, 4), identity.NoScheme},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, identity.Caller{Credential: c.with}.Proof()) })
	}
}

func TestWhatCallersProved(t *testing.T) {
	n, err := cpr.Parse("0501792275")
	assert.NoError(t, err)
	citizen := identity.Caller{Kind: identity.Citizen, CPR: n, Credential: by(identity.IDWS, 3)}
	doctor := identity.Caller{Kind: identity.Professional, CPR: n, AuthorisationCode: "0TST1", Credential: by(identity.DGWS, 4)}
	system := identity.Caller{Kind: identity.System, Org: identity.Organisation{CVR: "33257872"}, Credential: by(identity.DGWS, 3)}
	staff := identity.Caller{
		Kind: identity.Professional, CPR: n, NationalRole: "R1", Org: identity.Organisation{CVR: "33257872", Name: "SDS"},
		Credential: by(identity.DGWS, 4),
	}
	with := func(c identity.Caller, edit func(*identity.Caller)) identity.Caller { edit(&c); return c }
	proved := func(c identity.Caller, p identity.Credential) identity.Caller { c.Credential = p; return c }
	vouched := func(c *identity.Caller) { c.Vouched = true }
	behalf := func(c *identity.Caller) { c.OnBehalfOf = &identity.Principal{CPR: n} }
	noNumber := func(c *identity.Caller) { c.CPR = cpr.Number{} }
	const inPerson, carded, unattended, signed, administers = 1, 2, 4, 8, 16
	for _, c := range []struct {
		name   string
		caller identity.Caller
		want   int
	}{
		{"nobody", identity.Caller{}, 0},
		{"operator", identity.Caller{Kind: identity.Operator, CPR: n, Credential: by(identity.OperatorToken, 4)}, 0},

		{"citizen with token", citizen, inPerson},
		{"citizen in a session of a token", proved(citizen, session(identity.IDWS, 3)), inPerson},
		{"citizen of the test federation", proved(citizen, session(identity.Sample, 3)), inPerson},
		{"citizen with ID card", proved(citizen, by(identity.DGWS, 4)), 0},
		{"citizen in a session of an ID card", proved(citizen, session(identity.DGWS, 4)), 0},
		{"citizen with a system's word", with(citizen, vouched), 0},
		{"citizen for another", with(citizen, behalf), 0},
		{"citizen without number", with(citizen, noNumber), 0},

		{"doctor with ID card", doctor, carded | signed},
		{"doctor without number", with(doctor, noNumber), carded},
		{"doctor in a session of an ID card", proved(doctor, session(identity.DGWS, 4)), carded | signed},
		{"doctor of the test federation", proved(doctor, session(identity.Sample, 4)), carded | signed},
		{"doctor with ID card of level 3", proved(doctor, by(identity.DGWS, 3)), 0},
		{"doctor with token", proved(doctor, by(identity.IDWS, 4)), signed},
		{"doctor with a system's word", with(doctor, vouched), 0},
		{"doctor for another", with(doctor, behalf), signed},
		{"professional without authorisation", with(doctor, func(c *identity.Caller) { c.AuthorisationCode = "" }), signed},

		{"system with ID card", system, unattended},
		{"system with token", proved(system, by(identity.IDWS, 3)), unattended},
		{"system in a session", proved(system, session(identity.DGWS, 3)), unattended},
		{"system with ID card of level 2", proved(system, by(identity.DGWS, 2)), 0},
		{"system by its address", proved(system, by(identity.Address, 0)), 0},
		{"system with a user it vouches for", with(system, vouched), 0},
		{"system with a person", with(system, func(c *identity.Caller) { c.CPR = n }), 0},
		{"system of nobody", with(system, func(c *identity.Caller) { c.Org.CVR = "" }), 0},

		{"staff with ID card", staff, signed | administers},
		{"staff with token", proved(staff, by(identity.IDWS, 3)), signed | administers},
		{"staff of level 3", proved(staff, by(identity.DGWS, 3)), 0},
		{"staff with another role", with(staff, func(c *identity.Caller) { c.NationalRole = "R2" }), signed},
		{"staff without role", with(staff, func(c *identity.Caller) { c.NationalRole = "" }), signed},
		{"staff without organisation number", with(staff, func(c *identity.Caller) { c.Org.CVR = "" }), signed},
		{"staff without organisation name", with(staff, func(c *identity.Caller) { c.Org.Name = " " }), signed},
		{"staff for another", with(staff, behalf), signed},
		{"staff with a system's word", with(staff, vouched), 0},
		{"staff without number", with(staff, noNumber), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := 0
			for i, is := range []bool{
				c.caller.InPerson(), c.caller.Carded(), c.caller.Unattended(), c.caller.Signed(), c.caller.Administers([]string{"R1", ""}),
			} {
				if is {
					got |= 1 << i
				}
			}
			assert.Equal(t, c.want, got)
			assert.False(t, c.caller.Administers(nil), "no roles")
		})
	}
}

func TestActor(t *testing.T) {
	n, err := cpr.Parse("0501792275")
	assert.NoError(t, err)
	for _, c := range []struct {
		name   string
		caller identity.Caller
		admin  bool
		want   identity.Actor
	}{
		{"a citizen", identity.Caller{Kind: identity.Citizen, CPR: n}, false, identity.Actor{Role: "CITIZEN", ID: "0501792275", Source: "CPR"}},
		{"a citizen without number", identity.Caller{Kind: identity.Citizen}, false, identity.Actor{Role: "CITIZEN"}},
		{"an authorised professional", identity.Caller{Kind: identity.Professional, CPR: n, AuthorisationCode: "0TST1"}, false,
			identity.Actor{Role: "HEALTHCARE_PROFESSIONAL", ID: "0TST1", Source: "AUTH"}},
		{"another professional", identity.Caller{Kind: identity.Professional, CPR: n}, false,
			identity.Actor{Role: "HEALTHCARE_PROFESSIONAL", ID: "0501792275", Source: "CPR"}},
		{"an administrator", identity.Caller{Kind: identity.Professional, CPR: n, AuthorisationCode: "0TST1"}, true,
			identity.Actor{Role: "ADMIN", ID: "0501792275", Source: "CPR"}},
		{"a system", identity.Caller{Kind: identity.System, Org: identity.Organisation{CVR: "33257872"}}, false,
			identity.Actor{Role: "SYSTEM", ID: "33257872", Source: "CVR"}},
		{"a system of nobody", identity.Caller{Kind: identity.System}, false, identity.Actor{Role: "SYSTEM"}},
		{"an operator", identity.Caller{Kind: identity.Operator, CPR: n}, false, identity.Actor{}},
		{"nobody", identity.Caller{}, false, identity.Actor{}},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, c.caller.Actor(c.admin)) })
	}
}
