package federating_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// staff is a list of who holds which certificate, which tells more than it should.
type staff map[string]identity.Person

var _ ports.People = staff{}

func (s staff) ByCertificate(_ context.Context, subject trust.Subject) (identity.Person, error) {
	if p, ok := s[subject.RID]; ok {
		return p, nil
	}
	return identity.Person{}, identity.ErrUnknown
}

func (s staff) ByCPR(_ context.Context, n cpr.Number) (identity.Person, error) {
	for _, p := range s {
		if p.CPR == n {
			return p, nil
		}
	}
	return identity.Person{}, identity.ErrUnknown
}

func listed(t *testing.T) staff {
	of := func(n, given, surname string, codes ...string) identity.Person {
		p := identity.Person{CPR: number(t, n), GivenName: given, Surname: surname}
		for _, code := range codes {
			p.Authorisations = append(p.Authorisations, identity.Authorisation{Code: code, EducationCode: "7170"})
		}
		return p
	}
	doctor := of("2207820468", "T.", "Læge", "OLD01")
	doctor.Email, doctor.NationalRoles = "tove@example.test", []string{"SpaerAdminR8"}
	return staff{
		"CVR:99999902-RID:1": doctor, "CVR:99999902-RID:2": of("0909729999", "Ny", "Ansat", "OLD02"), "CVR:99999902-RID:3": of("2508480706", "Død", "Ansat"),
		"CVR:99999902-RID:4": of("0803611471", "Annulleret", "Ansat"), "CVR:99999902-RID:5": of("2804901808", "Gammelt", "Nummer"),
		"CVR:99999902-RID:6": of("1702553083", "Uden", "Navn"),
	}
}

// town is what the token service knows of people.
type town struct {
	*federating.RegisteredPeople
	db       *memory.DB
	register *portstest.FailingCPRRegister
}

func onRegisters(t *testing.T) town {
	t.Helper()
	db := memory.New(func() time.Time { return now })
	portstest.LoadPeople(t, db.Stamdata(), now.AddDate(-1, 0, 0))
	_, err := db.Stamdata().Load(t.Context(), portstest.RegisterFile(t, stamdata.Authorisations+".csv", strings.Join([]string{
		"autorisationsnummer;cpr;uddannelseskode;validFrom;validTo",
		"0TST1;2207820468;7170;2010-02-01;", "0TST2;2207820468;5166;2010-02-01;", "0TST3;2207820468;5166;2010-02-01;2020-01-01",
	}, "\n")), 1, now.AddDate(-1, 0, 0))
	require.NoError(t, err)
	register := &portstest.FailingCPRRegister{Register: db.Register()}
	return town{&federating.RegisteredPeople{List: listed(t), Citizens: register, Authorisations: db.Authorisations(), Now: func() time.Time { return now }}, db, register}
}

func holderOf(number string) trust.Subject {
	return trust.Subject{Class: trust.MOCES, CVR: "99999902", RID: "CVR:99999902-RID:" + number}
}

func TestRegisteredPeople(t *testing.T) {
	doctor := func(t *testing.T) identity.Person {
		return identity.Person{CPR: number(t, "2207820468"), GivenName: "Tove", Surname: "Testlæge", Email: "tove@example.test",
			Authorisations: []identity.Authorisation{{Code: "0TST1", EducationCode: "7170"}, {Code: "0TST2", EducationCode: "5166"}},
			NationalRoles:  []string{"SpaerAdminR8"}}
	}

	t.Run("SU-2 name and authorisations are those of the registers; one that has ended is none", func(t *testing.T) {
		p := onRegisters(t)
		got, err := p.ByCertificate(t.Context(), holderOf("1"))
		require.NoError(t, err)
		assert.Equal(t, doctor(t), got)
		got, err = p.ByCPR(t.Context(), number(t, "2207820468"))
		require.NoError(t, err)
		assert.Equal(t, doctor(t), got)
	})

	t.Run("who is in no register keeps the name of the list, and has no authorisation", func(t *testing.T) {
		got, err := onRegisters(t).ByCertificate(t.Context(), holderOf("2"))
		require.NoError(t, err)
		assert.Equal(t, identity.Person{CPR: number(t, "0909729999"), GivenName: "Ny", Surname: "Ansat"}, got)
	})

	t.Run("the list's name counts where the register has none", func(t *testing.T) {
		got, err := onRegisters(t).ByCertificate(t.Context(), holderOf("6"))
		require.NoError(t, err)
		assert.Equal(t, "Uden Navn", got.GivenName+" "+got.Surname)
	})

	t.Run("who is dead, or whose number is annulled or was replaced, is nobody", func(t *testing.T) {
		p := onRegisters(t)
		for _, certificate := range []string{"3", "4", "5"} {
			_, err := p.ByCertificate(t.Context(), holderOf(certificate))
			require.ErrorIs(t, err, identity.ErrUnknown, certificate)
		}
		for _, n := range []string{"2508480706", "0803611471", "2804901808"} {
			_, err := p.ByCPR(t.Context(), number(t, n))
			require.ErrorIs(t, err, identity.ErrUnknown)
		}
	})

	t.Run("a certificate that the list does not know is nobody's", func(t *testing.T) {
		_, err := onRegisters(t).ByCertificate(t.Context(), holderOf("7"))
		require.ErrorIs(t, err, identity.ErrUnknown)
	})

	t.Run("a number that the register alone knows is a person; one that neither knows is nobody", func(t *testing.T) {
		p := onRegisters(t)
		got, err := p.ByCPR(t.Context(), number(t, "0310710721"))
		require.NoError(t, err)
		assert.Equal(t, identity.Person{CPR: number(t, "0310710721"), GivenName: "Hemmelig Skjult", Surname: "Person"}, got)
		for _, n := range []cpr.Number{number(t, "0101010001"), {}} {
			_, err = p.ByCPR(t.Context(), n)
			require.ErrorIs(t, err, identity.ErrUnknown)
		}
	})

	t.Run("SU-2 a register that cannot be read is no answer", func(t *testing.T) {
		down := fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "down"}
		p := onRegisters(t)
		p.register.OnRead.FailFrom(1, down)
		_, err := p.ByCertificate(t.Context(), holderOf("1"))
		require.ErrorIs(t, err, down)
		require.NotErrorIs(t, err, identity.ErrUnknown)
		_, err = p.ByCPR(t.Context(), number(t, "0909729999"))
		require.ErrorIs(t, err, down)
		p = onRegisters(t)
		p.Authorisations = noAuthorisations{p.Authorisations, down}
		_, err = p.ByCertificate(t.Context(), holderOf("1"))
		require.ErrorIs(t, err, down)
	})
}

// noAuthorisations is a register that cannot be read.
type noAuthorisations struct {
	ports.Authorisations
	err error
}

var _ ports.Authorisations = noAuthorisations{}

func (r noAuthorisations) ByPerson(context.Context, cpr.Number, time.Time) ([]stamdata.Authorisation, error) {
	return nil, r.err
}

// The token service on the registers: what the list says of authorisations and custody does not count.
func TestTokenServiceOnRegisters(t *testing.T) {
	p := onRegisters(t)
	service := func(x *exchange) *federating.TokenService {
		s := x.service()
		s.People, s.Relations = p, p.register
		return s
	}
	employed := func(t *testing.T, certificate, who, code string) *exchange {
		x := employee(t)
		x.token.RID, x.request.Claims.CPR, x.request.Claims.AuthorisationCode = certificate, who, code
		return x
	}

	t.Run("SU-3 an authorisation of the register is given, one of the list alone is refused", func(t *testing.T) {
		x := employed(t, "1", "2207820468", "0TST2")
		token, err := service(x).Bst2Idws(t.Context(), x.request, x.verified)
		require.NoError(t, err)
		assert.Equal(t, [3]string{"0TST2", "Tove", "Testlæge"}, [3]string{token.AuthorisationCode, token.GivenName, token.Surname})
		x = employed(t, "1", "2207820468", "OLD01")
		_, err = service(x).Bst2Idws(t.Context(), x.request, x.verified)
		require.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
		x = employed(t, "2", "0909729999", "OLD02")
		_, err = service(x).Bst2Idws(t.Context(), x.request, x.verified)
		require.ErrorIs(t, err, federating.ErrNoCode)
	})

	for _, c := range []struct {
		name, actor, subject, prefix string
		ok                           bool
	}{
		{"PC-45 a mother with custody of her child", "2207820468", "0905124643", relation.ClaimCustody, true},
		{"PC-45 the other way round", "0905124643", "2207820468", relation.ClaimCustody, false},
		{"PC-45 of one who is 18", "2207820468", "3011064116", relation.ClaimCustody, false},
		{"PC-47 a guardian", "1403800099", "1702553083", relation.ClaimCustody, true},
		{"a stranger", "1403800099", "0905124643", relation.ClaimCustody, false},
		{"custody is no proxy", "2207820468", "0905124643", relation.ClaimProxy, false},
	} {
		t.Run("SA-42 "+c.name, func(t *testing.T) {
			x := citizen(t)
			x.token.CPR = number(t, c.actor)
			x.request.Claims.CPR, x.request.Claims.OnBehalfOf = c.actor, c.prefix+c.subject
			token, err := service(x).Bst2Idws(t.Context(), x.request, x.verified)
			if c.ok {
				require.NoError(t, err)
				assert.Equal(t, c.prefix+c.subject, token.OnBehalfOf)
				return
			}
			require.True(t, errors.Is(err, federating.ErrRelation), "%v", err)
		})
	}
}
