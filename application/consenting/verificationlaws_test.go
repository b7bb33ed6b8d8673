package consenting_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
)

func drawNumber(t *rapid.T, label string, more ...cpr.Number) cpr.Number {
	return rapid.SampledFrom(append(more, cpr.Number{}, citizenC, doctorD, helperH)).Draw(t, label)
}

func drawPeriod(t *rapid.T, label string, open bool) validity.Period {
	from := fixedNow.AddDate(0, 0, rapid.IntRange(-3, 2).Draw(t, label+" from"))
	p := validity.Period{From: from, To: from.AddDate(0, 0, rapid.IntRange(1, 4).Draw(t, label+" days"))}
	if open && rapid.Bool().Draw(t, label+" open") {
		p.To = time.Time{}
	}
	return p
}

func drawUnit(t *rapid.T, label string) consent.Organisation {
	return unit(rapid.SampledFrom([]string{region, hospital, ward, otherRegion}).Draw(t, label), rapid.Bool().Draw(t, label+" with those below"))
}

func drawOrg(t *rapid.T, label string) org.ID {
	return rapid.SampledFrom([]org.ID{
		{Code: region, Scheme: org.SOR}, {Code: hospital, Scheme: org.SOR}, {Code: ward, Scheme: org.SOR}, {Code: otherRegion, Scheme: org.SOR},
		{Code: wardSHAK, Scheme: org.SHAK}, {Code: "9999Z9", Scheme: org.SHAK}, {Code: ward},
	}).Draw(t, label)
}

func drawRegistration(t *rapid.T) consent.Registration {
	r := consent.Registration{Kind: consent.Kind(rapid.IntRange(0, 1).Draw(t, "kind"))}
	switch rapid.IntRange(0, 3).Draw(t, "who") {
	case 1:
		r.Who.Person = rapid.SampledFrom([]cpr.Number{doctorD, helperH}).Draw(t, "person")
	case 2:
		r.Who.Org = drawUnit(t, "organisation")
	case 3:
		r.Who.Foreign = true
	}
	if rapid.Bool().Draw(t, "data of a time") {
		r.What.Data = drawPeriod(t, "data", true)
	}
	if rapid.Bool().Draw(t, "data of a place") {
		r.What.Origin = drawUnit(t, "origin")
	}
	r.Valid = drawPeriod(t, "valid", r.Kind == consent.Constraint)
	return r
}

// TestAnswersAreTheRules shows that the use case adds nothing to the rules, and takes nothing from them: what it answers is what they say of
// what is stored.
func TestAnswersAreTheRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSurgery(t)
		s.register(t, rapid.SliceOfN(rapid.Custom(drawRegistration), 0, 6).Draw(rt, "registrations")...)
		stored, err := s.db.Consents(true).Active(t.Context(), citizenC)
		require.NoError(rt, err)
		q, want := foreigner(), consent.Requester{Foreign: true}
		caller := rapid.SampledFrom([]identity.Caller{session(granted), contactPoint(granted)}).Draw(rt, "caller")
		if rapid.Bool().Draw(rt, "of this country") {
			q = from(doctorD, drawOrg(rt, "place"))
			want = consent.Requester{Acting: doctorD}
			want.Org, _ = s.tree.Resolve(q.Org, fixedNow)
			switch rapid.IntRange(0, 3).Draw(rt, "caller of this country") {
			case 0:
				caller = viewer(doctorD, nil)
			case 1:
				caller = employee(doctorD)
			case 2:
				caller, q.Responsible, want.Responsible = session(granted), helperH, helperH
			case 3:
				caller = viewer(helperH, func(h *identity.HSUID) { h.Responsible = doctorD })
				q.Acting, want.Acting, want.Responsible = helperH, helperH, doctorD
			}
		}
		answer, err := s.v.Check(t.Context(), caller, q)
		require.NoError(rt, err)
		require.Equal(rt, consent.Check(stored, s.tree, want, fixedNow), answer)

		items, judged := make([]consenting.Item, rapid.IntRange(0, 4).Draw(rt, "items")), []consent.Item{}
		for i := range items {
			items[i] = consenting.Item{Data: drawPeriod(rt, "item", true), Origin: drawOrg(rt, "item from")}
			sor, _ := s.tree.Resolve(items[i].Origin, fixedNow)
			judged = append(judged, consent.Item{Data: items[i].Data, Origin: sor})
		}
		allowed, err := s.v.CheckItems(t.Context(), caller, q, items)
		require.NoError(rt, err)
		require.Equal(rt, consent.CheckItems(make([]bool, len(items)), stored, s.tree, want, fixedNow, judged), allowed)
		require.Equal(rt, [2]int{2, 0}, [2]int{s.reads.active, s.reads.others}, "readings of the store")
	})
}

// verdict is what the matrix gives, read from its rows: judged, open, or "" where no row allows the question.
func verdict(c identity.Caller, q consenting.Question, grants []string) string {
	h := c.HSUID
	has := func(g string) bool { return c.Org.CVR == granted && slices.Contains(grants, g) }
	proof := c.Credential.Scheme
	if proof == identity.Session {
		proof = c.Credential.Origin
	}
	cardOf3 := proof == identity.DGWS && c.Credential.Level >= 3
	vouched := c.Vouched && h != nil && cardOf3
	userTypes := map[identity.Kind]string{identity.Citizen: "nsi:Citizen", identity.Professional: "nsi:HealthcareProfessional"}
	if h != nil && (h.UserType != userTypes[c.Kind] || h.SystemName == "" ||
		!h.Acting.IsZero() && h.Acting != c.CPR || h.Acting.IsZero() && (!q.Foreign || c.Kind != identity.Professional) ||
		!h.Citizen.IsZero() && h.Citizen != q.Citizen) {
		return ""
	}
	responsible, code := q.Responsible, q.AuthorisationCode
	if h != nil {
		code = h.ResponsibleCode
		if responsible.IsZero() {
			responsible = h.Responsible
		} else if !h.Responsible.IsZero() && h.Responsible != responsible && !q.Foreign && c.Kind != identity.Citizen {
			return ""
		}
	}
	if code != "" && code != codeD {
		return ""
	}
	if responsible == q.Acting {
		responsible = cpr.Number{}
	}
	principal := responsible
	if principal.IsZero() {
		principal = q.Acting
	}
	override := c.Override || q.Override
	registered := code == codeD && principal == doctorD
	said := !q.Citizen.IsZero() && !q.Acting.IsZero() && (c.Kind == identity.System && c.CPR.IsZero() || c.CPR == q.Acting)
	system := c.Kind == identity.Professional && vouched ||
		c.Kind == identity.System && !c.Vouched && c.Credential.Scheme == identity.Session && cardOf3 && has(trust.HSUIDGrant)
	employee := c.Kind == identity.Professional && !c.Vouched && !c.CPR.IsZero() && c.Credential.Scheme != identity.Session &&
		(proof == identity.IDWS || proof == identity.DGWS && c.Credential.Level == 4)
	give := func(overrides bool) string {
		switch {
		case !override:
			return judged
		case overrides:
			return open
		}
		return ""
	}
	switch {
	case c.Kind == identity.Citizen && !c.Vouched && proof == identity.IDWS && c.OnBehalfOf == nil && c.Is(q.Citizen) && !override: // AU-1
		return open
	case c.Kind == identity.Citizen && vouched && has(consenting.GrantAdmin) && c.Is(q.Citizen) && !override: // AU-2
		return open
	case q.Foreign && !q.Citizen.IsZero() && system && has(consenting.GrantForeign): // AU-8
		return give(false)
	case q.Foreign, !said:
		return ""
	case employee && c.AuthorisationCode != "" && responsible.IsZero(): // AU-5
		return give(true)
	case employee && c.AuthorisationCode == "" && !responsible.IsZero() && has(consenting.GrantVerification): // AU-6
		return give(registered)
	case system && has(consenting.GrantVerification): // AU-7
		return give(registered)
	}
	return ""
}

// TestNobodyBesideTheMatrix shows that whoever no row of the matrix allows is refused, whatever is said of him, and leaves no trace but in the
// audit log; and that the others are answered.
func TestNobodyBesideTheMatrix(t *testing.T) {
	s := newSurgery(t)
	s.register(t, block(consent.Who{}))
	grants := s.grants
	got := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		pick := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(rt, label) }
		c := []identity.Caller{
			token(citizenC), portal(granted, citizenC), staff(), doctor(doctorD), employee(doctorD),
			card(helperH, func(c *identity.Caller) { c.Org.CVR = granted }),
			dds(granted, doctorD), dds(granted, helperH), contactPoint(granted), session(granted), system(granted, nil), {},
		}[pick("caller", 12)]
		q := []consenting.Question{asking(doctorD), asking(helperH), forAnother(helperH, doctorD), foreigner()}[pick("question", 4)]
		for range rapid.IntRange(0, 3).Draw(rt, "changes") {
			c = changed(c, func(c *identity.Caller) {
				h := c.HSUID
				if h == nil {
					h = &identity.HSUID{}
				}
				switch pick("change", 24) {
				case 0:
					c.Kind = identity.Kind(pick("kind", 5)) //nolint:gosec // small
				case 1:
					c.Vouched = !c.Vouched
				case 2:
					c.Credential.Scheme = []identity.Scheme{identity.NoScheme, identity.DGWS, identity.IDWS, identity.Address, identity.Session}[pick("scheme", 5)]
				case 3:
					c.Credential.Origin = []identity.Scheme{identity.DGWS, identity.IDWS}[pick("origin", 2)]
				case 4:
					c.Credential.Level = 2 + pick("level", 3)
				case 5:
					c.Org.CVR = []string{granted, ungranted, ""}[pick("cvr", 3)]
				case 6:
					c.AuthorisationCode = []string{"", codeD}[pick("own code", 2)]
				case 7:
					c.OnBehalfOf = &identity.Principal{CPR: drawNumber(rt, "on behalf of"), Kind: relation.Custody}
				case 8:
					c.CPR = drawNumber(rt, "number")
				case 9, 10, 11:
					c.Override = true
				case 12:
					c.HSUID = nil
				case 13:
					h.UserType = []string{"", "nsi:Citizen", "nsi:HealthcareProfessional"}[pick("type", 3)]
				case 14:
					h.Acting = drawNumber(rt, "header's acting")
				case 15:
					h.Responsible = drawNumber(rt, "header's responsible")
				case 16, 17:
					h.ResponsibleCode = []string{"", codeD, "bad"}[pick("header's code", 3)]
				case 18:
					h.Citizen = drawNumber(rt, "header's citizen")
				case 19:
					h.SystemName = ""
				case 20:
					q.Citizen = drawNumber(rt, "citizen")
				case 21:
					q.Acting = drawNumber(rt, "acting")
				case 22:
					q.Responsible = drawNumber(rt, "responsible")
				case 23:
					q.AuthorisationCode, q.Override = []string{"", codeD, "bad"}[pick("code", 3)], rapid.Bool().Draw(rt, "override")
				}
			})
		}
		s.grants = grants
		if rapid.Bool().Draw(rt, "a grant is missing") {
			s.without(grants[pick("grant", len(grants))])
		}
		c.MessageID = s.newID()
		want := verdict(c, q, s.grants)
		got[want]++
		*s.reads = countingStore{ConsentStore: s.store}
		before := len(s.overridden(t))
		answer, err := s.v.Check(t.Context(), c, q)
		if want == "" {
			f, _ := fault.Of(err)
			require.Contains(rt, []fault.Kind{fault.Forbidden, fault.Malformed}, f.Kind, "answered %v", answer)
			require.Equal(rt, consent.Negative, answer)
			require.Zero(rt, s.reads.active)
			require.Len(rt, s.overridden(t), before)
			require.Empty(rt, s.told(t))
			return
		}
		require.NoError(rt, err)
		blocked := want == judged && q.Citizen == citizenC // nobody else has registered anything
		require.Equal(rt, !blocked, answer == consent.PositiveAnswer, "answered %v", answer)
		require.Equal(rt, want == judged, s.reads.active == 1)
		requireTaken(rt, s.told(t))
	})
	t.Logf("verdicts: %v", got)
}
