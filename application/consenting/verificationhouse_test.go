package consenting_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// The authorisations of doctor D in the register; the second has ended.
const codeD, endedCode = "0TST1", "0TST2"

// surgery is verification on the stores of a house.
type surgery struct {
	*house
	v       *consenting.Verification
	store   *portstest.FailingConsents // that verification reads
	reads   *countingStore
	doctors *portstest.FailingAuthorisations
	grants  []string // of the organisation granted
	asked   []string // grants that were asked for
	down    error    // what reading grants fails with
}

// countingStore counts readings.
type countingStore struct {
	ports.ConsentStore
	active, others int
}

func (s *countingStore) Active(ctx context.Context, citizen cpr.Number) ([]consent.Registration, error) {
	s.active++
	return s.ConsentStore.Active(ctx, citizen)
}

func (s *countingStore) All(ctx context.Context, citizen cpr.Number) ([]consent.Registration, error) {
	s.others++
	return s.ConsentStore.All(ctx, citizen)
}

func newSurgery(t testing.TB) *surgery {
	h := newHouse(t)
	s := &surgery{house: h, grants: []string{trust.HSUIDGrant, consenting.GrantAdmin, consenting.GrantVerification, consenting.GrantForeign}}
	register := "autorisationsnummer;cpr;uddannelseskode;validFrom;validTo\n" + codeD + ";" + doctorD.Digits() + ";7170;2020-01-01;\n" +
		endedCode + ";" + doctorD.Digits() + ";7170;2020-01-01;2021-01-01"
	_, err := h.db.Stamdata().Load(t.Context(), portstest.RegisterFile(t, "autorisation.csv", register), 1, h.now.AddDate(-1, 0, 0))
	require.NoError(t, err)
	s.store = &portstest.FailingConsents{Store: h.db.Consents(true)}
	s.reads = &countingStore{ConsentStore: s.store}
	s.doctors = &portstest.FailingAuthorisations{Register: h.db.Authorisations()}
	s.v = &consenting.Verification{
		Store: s.reads, Overrides: h.overrides, Outbox: h.outbox, Trees: h, Authorisations: s.doctors, Trail: h, Granted: s.holds, Now: h.clock,
		NewID: h.newID, VerifyAuthorisation: true,
	}
	return s
}

func (s *surgery) holds(_ context.Context, name, cvr string) (bool, error) {
	s.asked = append(s.asked, name)
	return cvr == granted && slices.Contains(s.grants, name), s.down
}

// without takes a grant away from the organisation granted.
func (s *surgery) without(grant string) {
	s.grants = slices.DeleteFunc(slices.Clone(s.grants), func(g string) bool { return g == grant })
}

// register puts registrations of citizen C, in force for two years unless they say otherwise.
func (s *surgery) register(t testing.TB, regs ...consent.Registration) {
	t.Helper()
	err := s.db.Consents(true).Update(t.Context(), citizenC, func([]consent.Registration) (consent.Change, error) {
		var c consent.Change
		for _, r := range regs {
			id, _ := s.draw()
			r.ID, r.Version, r.Citizen, r.Active, r.Created = id, 1, citizenC, true, consent.Stamp{At: fixedNow.AddDate(0, 0, -1), System: "S"}
			if r.Valid.From.IsZero() {
				r.Valid = always().Valid
			}
			c.Put = append(c.Put, r)
		}
		return c, nil
	})
	require.NoError(t, err)
}

func block(who consent.Who) consent.Registration { return consent.Registration{Who: who} }

func blockData(what consent.What) consent.Registration { return consent.Registration{What: what} }

func positive(who consent.Who) consent.Registration {
	return consent.Registration{Kind: consent.Positive, Who: who}
}

func person(n cpr.Number) consent.Who { return consent.Who{Person: n} }

func unit(sor string, subs bool) consent.Organisation {
	return consent.Organisation{SOR: sor, SubUnits: subs}
}

func at(o consent.Organisation) consent.Who { return consent.Who{Org: o} }

// asking is the question whether a professional at the hospital may see citizen C's data.
func asking(acting cpr.Number) consenting.Question {
	return consenting.Question{Citizen: citizenC, Acting: acting, Org: org.ID{Code: hospital, Scheme: org.SOR}}
}

// from is the question of a professional somewhere else.
func from(acting cpr.Number, id org.ID) consenting.Question {
	q := asking(acting)
	q.Org = id
	return q
}

// forAnother is the question of a helper.
func forAnother(acting, responsible cpr.Number) consenting.Question {
	q := asking(acting)
	q.Responsible = responsible
	return q
}

func foreigner() consenting.Question {
	return consenting.Question{Citizen: citizenC, Foreign: true, Country: "SE", Identifier: "SE-TEST-1"}
}

// viewer is a system that a professional uses, and whose header tells no organisation.
func viewer(acting cpr.Number, edit func(*identity.HSUID)) identity.Caller {
	h := header("nsi:HealthcareProfessional", acting)
	h.Org = identity.OrgID{}
	if edit != nil {
		edit(h)
	}
	return system(granted, h)
}

// contactPoint is a system for professionals of other countries.
func contactPoint(cvr string) identity.Caller { return dds(cvr, cpr.Number{}) }

// session is a system that opened a session with its ID card.
func session(cvr string) identity.Caller {
	c := system(cvr, nil)
	c.Credential.Scheme, c.Credential.Origin, c.MessageID = identity.Session, identity.DGWS, ""
	return c
}

// employee is an authorised professional with a token; no header tells of it.
func employee(who cpr.Number) identity.Caller {
	c := doctor(who)
	c.Credential, c.HSUID = identity.Credential{Scheme: identity.IDWS, Level: 3}, nil
	return c
}

// changed is the caller with something else about it.
func changed(c identity.Caller, edit func(*identity.Caller)) identity.Caller {
	if c.HSUID != nil {
		h := *c.HSUID
		c.HSUID = &h
	}
	edit(&c)
	return c
}

// questioned is the question with something else in it.
func questioned(q consenting.Question, edit func(*consenting.Question)) consenting.Question {
	edit(&q)
	return q
}

// check is the answer to a check; "" where there is none.
func (s *surgery) check(t testing.TB, caller identity.Caller, q consenting.Question) (string, error) {
	t.Helper()
	answer, err := s.v.Check(t.Context(), caller, q)
	if err != nil {
		require.Equal(t, consent.Negative, answer, "an answer beside a fault")
		return "", err
	}
	return answer.String(), nil
}

// items is the verdicts on items, such as "allowed denied"; "" where there is no answer.
func (s *surgery) items(t testing.TB, caller identity.Caller, q consenting.Question, items ...consenting.Item) (string, error) {
	t.Helper()
	allowed, err := s.v.CheckItems(t.Context(), caller, q, items)
	if err != nil {
		require.Nil(t, allowed, "an answer beside a fault")
		return "", err
	}
	require.Len(t, allowed, len(items))
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = map[bool]string{true: "allowed", false: "denied"}[a]
	}
	return strings.Join(words, " "), nil
}

// overridden is what the log of overrides has of citizen C, newest first.
func (s *surgery) overridden(t testing.TB) []consent.Override {
	t.Helper()
	all, err := s.db.Overrides(true).ByCitizen(t.Context(), citizenC, validity.Period{}, "", 1000)
	require.NoError(t, err)
	return all
}
