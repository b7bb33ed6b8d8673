package securing_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// federation is a test federation whose certificates are the names of their holders.
type federation struct{ broken error }

var (
	_ ports.Certificates = federation{}
	_ ports.People       = federation{}
	_ ports.Relations    = federation{}
)

func (f federation) Holder(_ context.Context, der []byte, _ time.Time) (trust.Holder, error) {
	s := trust.Subject{Class: trust.MOCES, CVR: "99999902", RID: string(der)}
	switch string(der) {
	case "spaerret":
		return trust.Holder{}, trust.ErrRevoked
	case "epj":
		s.Class = trust.FOCES
	}
	return trust.Holder{Subject: s}, nil
}

func (f federation) ByCertificate(_ context.Context, s trust.Subject) (identity.Person, error) {
	p := identity.Person{CPR: number("0101010001"), GivenName: "Test", Surname: s.RID}
	switch s.RID {
	case "laege":
		p.Authorisations = []identity.Authorisation{{Code: "TST01", EducationCode: "7170"}}
	case "tolaege":
		p.Authorisations = []identity.Authorisation{{Code: "TST02", EducationCode: "7170"}, {Code: "TST03", EducationCode: "5166"}}
	case "administrator":
		p.NationalRoles = []string{"NspAdministrator"}
	}
	return p, nil
}

func (f federation) ByCPR(_ context.Context, n cpr.Number) (identity.Person, error) {
	if f.broken != nil {
		return identity.Person{}, f.broken
	}
	if n != number("2512489996") {
		return identity.Person{}, identity.ErrUnknown
	}
	return identity.Person{CPR: n, GivenName: "Nancy Ann", Surname: "Testborger"}, nil
}

func (f federation) Between(_ context.Context, _, subject cpr.Number, _ time.Time) ([]relation.Relation, error) {
	switch subject.Digits() {
	case "1101116171":
		return []relation.Relation{{Kind: relation.Custody}}, nil
	case "0101010002":
		return []relation.Relation{{Kind: relation.Proxy, Scope: []string{"https://minlog"}}, {Kind: relation.Proxy, Scope: []string{"*"}}}, nil
	case "0101010003":
		return []relation.Relation{{Kind: relation.Proxy, Scope: []string{"https://minlog"}}}, nil
	case "0101010009":
		return []relation.Relation{{Kind: relation.Custody, Valid: validity.Period{To: noon}}}, nil
	}
	return nil, nil
}

func (h *house) samples(f federation) *securing.Samples {
	return &securing.Samples{
		Issuer: &federating.TestIssuer{TokenService: &federating.TokenService{
			Certificates: f, People: f, Relations: f, Trail: h, Now: h.clock, NewID: h.newID, Issuer: "OPENNSP-DEV-STS",
		}},
		Find: func(name string) (securing.Sample, error) {
			if name == "stranger" {
				return securing.Sample{}, errSecret
			}
			return securing.Sample{Certificate: []byte(name), Organisation: "OpenNSP Testhus"}, nil
		},
	}
}

func TestSamples(t *testing.T) {
	h := newHouse()
	s := h.samples(federation{})
	t.Run("a doctor", func(t *testing.T) {
		c, err := s.Sample(t.Context(), "laege", "MitEPJ")
		require.NoError(t, err)
		assert.Equal(t, identity.Professional, c.Kind)
		assert.True(t, c.Is(number("0101010001")))
		assert.Equal(t, [6]string{"Test laege", "TST01", "7170", "", "99999902", "MitEPJ"},
			[6]string{c.Name, c.AuthorisationCode, c.EducationCode, c.NationalRole, c.Org.CVR, c.SystemName})
		assert.Equal(t, [2]any{identity.Sample, 4}, [2]any{c.Credential.Scheme, c.Credential.Level})
		assert.False(t, c.Administrator)
	})
	t.Run("an administrator has a role, and is none by the sample's word", func(t *testing.T) {
		c, err := s.Sample(t.Context(), "administrator", "")
		require.NoError(t, err)
		assert.Equal(t, [2]string{"NspAdministrator", ""}, [2]string{c.NationalRole, c.EducationCode})
		assert.False(t, c.Administrator)
	})
	t.Run("a person without role", func(t *testing.T) {
		c, err := s.Sample(t.Context(), "sekretaer", "")
		require.NoError(t, err)
		assert.Equal(t, [2]string{"", ""}, [2]string{c.NationalRole, c.EducationCode})
	})
	t.Run("a system", func(t *testing.T) {
		c, err := s.Sample(t.Context(), "epj", "")
		require.NoError(t, err)
		assert.Equal(t, [3]any{identity.System, 3, true}, [3]any{c.Kind, c.Credential.Level, c.CPR.IsZero()})
	})
	t.Run("one that is not there", func(t *testing.T) {
		_, err := s.Sample(t.Context(), "stranger", "")
		refusedAs(t, err, fault.Invalid, "no_such_sample")
	})
	t.Run("one that is revoked", func(t *testing.T) {
		_, err := s.Sample(t.Context(), "spaerret", "")
		require.ErrorIs(t, err, federating.ErrCertificateRevoked)
	})
	t.Run("one with two authorisations", func(t *testing.T) {
		_, err := s.Sample(t.Context(), "tolaege", "")
		refusedAs(t, err, fault.Unauthenticated, federating.CodeAuthorisation)
	})
}

func TestCitizens(t *testing.T) {
	h := newHouse()
	s, nancy := h.samples(federation{}), number("2512489996")
	c, err := s.Citizen(t.Context(), nancy, cpr.Number{})
	require.NoError(t, err)
	assert.Equal(t, [4]any{identity.Citizen, "Nancy Ann Testborger", identity.Sample, 3}, [4]any{c.Kind, c.Name, c.Credential.Scheme, c.Credential.Level})
	assert.True(t, c.MayActFor(nancy))

	c, err = s.Citizen(t.Context(), nancy, number("1101116171"))
	require.NoError(t, err)
	assert.True(t, c.MayActFor(number("1101116171"), relation.Custody))
	assert.False(t, c.MayActFor(nancy, relation.Custody))

	c, err = s.Citizen(t.Context(), nancy, number("0101010002"))
	require.NoError(t, err)
	assert.Equal(t, relation.Proxy, c.OnBehalfOf.Kind)

	for name, subject := range map[string]string{
		"without relation": "0511804817", "a relation that ended": "0101010009", "herself": "2512489996", "a proxy for one service": "0101010003",
	} {
		t.Run("SA-42 "+name, func(t *testing.T) {
			_, err := s.Citizen(t.Context(), nancy, number(subject))
			refusedAs(t, err, fault.Unauthenticated, fault.CodeIDCard)
		})
	}
	_, err = s.Citizen(t.Context(), number("0511804817"), cpr.Number{})
	require.ErrorIs(t, err, federating.ErrTestCitizen)
	_, err = h.samples(federation{broken: errSecret}).Citizen(t.Context(), nancy, cpr.Number{})
	ours(t, err)
}
