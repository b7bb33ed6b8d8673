package consenting_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
)

// What a row of the matrix gives.
const (
	judged = "judged" // what is registered decides: everything is blocked
	open   = "open"   // everything may be seen

	notAuthorized, mismatch, invalid, level = fault.CodeNotAuthorized, "hsuid_mismatch", "invalid_request", fault.CodeSecurityLevel
)

// row is a caller with a condition that holds or does not, and what comes of each operation: the user check, the foreigners check, the data check of
// a professional and that of a foreigner.
type row struct {
	name   string
	caller identity.Caller
	ask    func(*consenting.Question) // nil = doctor D at the hospital, for nobody
	lacks  string                     // a grant that the organisation has not
	user, foreigners, data, foreignData,
	all string // of all four
}

func matrix() []row {
	with := changed
	ofB := func(q *consenting.Question) { q.Citizen = citizenB }
	ofNobody := func(q *consenting.Question) { q.Citizen = cpr.Number{} }
	byH := func(q *consenting.Question) { q.Acting = helperH }
	byNobody := func(q *consenting.Question) { q.Acting = cpr.Number{} }
	forD := func(q *consenting.Question) { q.Acting, q.Responsible = helperH, doctorD }
	nowhere := func(q *consenting.Question) { q.Org = org.ID{} }
	nameless := func(q *consenting.Question) { q.Country, q.Identifier = "", "" }
	helper := card(helperH, func(c *identity.Caller) { c.Org.CVR = granted })
	tokenInSession := with(token(citizenC), func(c *identity.Caller) {
		c.Credential.Scheme, c.Credential.Origin = identity.Session, identity.IDWS
	})
	return []row{
		{name: "AU-1 AU-9 CT-44 the citizen herself", caller: token(citizenC), all: open},
		{name: "AU-1 in a session", caller: tokenInSession, all: open},
		{name: "AU-1 in a session of the test federation", all: open,
			caller: with(tokenInSession, func(c *identity.Caller) { c.Credential.Origin = identity.Sample })},
		{name: "AU-1 with a header of her own", all: open,
			caller: with(token(citizenC), func(c *identity.Caller) { c.HSUID = header("nsi:Citizen", citizenC) })},
		{name: "AU-1 CT-28 CT-44 of another citizen", caller: token(citizenC), ask: ofB, all: notAuthorized},
		{name: "AU-1 of nobody", caller: token(citizenC), ask: ofNobody, all: invalid},
		{name: "AU-1 with a header of a professional", all: notAuthorized,
			caller: with(token(citizenC), func(c *identity.Caller) { c.HSUID = header("nsi:HealthcareProfessional", citizenC) })},
		{name: "AU-1 with a header of another", all: notAuthorized,
			caller: with(token(citizenC), func(c *identity.Caller) { c.HSUID = header("nsi:Citizen", citizenB) })},
		{name: "AU-1 without token", all: notAuthorized,
			caller: with(token(citizenC), func(c *identity.Caller) { c.Credential.Scheme = identity.Address })},
		{name: "AU-3 for her child", all: notAuthorized,
			caller: with(token(citizenB), func(c *identity.Caller) { c.OnBehalfOf = &identity.Principal{CPR: citizenC, Kind: relation.Custody} })},
		{name: "AU-3 herself, for another", all: notAuthorized,
			caller: with(token(citizenC), func(c *identity.Caller) { c.OnBehalfOf = &identity.Principal{CPR: citizenB, Kind: relation.Proxy} })},

		{name: "AU-2 AU-9 a portal that the citizen uses", caller: portal(granted, citizenC), all: open},
		{name: "AU-2 CT-28 for another citizen", caller: portal(granted, citizenC), ask: ofB, all: notAuthorized},
		{name: "AU-2 without grant", caller: portal(granted, citizenC), lacks: consenting.GrantAdmin, all: notAuthorized},
		{name: "AU-2 of another organisation", caller: portal(ungranted, citizenC), all: notAuthorized},
		{name: "AU-2 AU-11 with too low a level", all: level,
			caller: with(portal(granted, citizenC), func(c *identity.Caller) { c.Credential.Level = 2 })},
		{name: "AU-2 with a token", all: notAuthorized,
			caller: with(portal(granted, citizenC), func(c *identity.Caller) { c.Credential.Scheme = identity.IDWS })},
		{name: "AU-2 HS-8 whose header names another citizen", all: mismatch,
			caller: with(portal(granted, citizenC), func(c *identity.Caller) { c.HSUID.Citizen = citizenB })},

		{name: "AU-4 national staff", caller: staff(), all: notAuthorized},

		{name: "AU-5 an authorised professional", caller: doctor(doctorD),
			user: judged, data: judged, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-5 with a token", caller: employee(doctorD), user: judged, data: judged, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-5 responsible for himself", ask: func(q *consenting.Question) { q.Responsible = doctorD },
			caller: with(doctor(doctorD), func(c *identity.Caller) { c.HSUID.Responsible = doctorD }),
			user:   judged, data: judged, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-5 CT-29 who claims another responsible in the header", all: notAuthorized,
			caller: with(doctor(doctorD), func(c *identity.Caller) { c.HSUID.Responsible = helperH })},
		{name: "AU-5 CT-29 who claims another responsible in the message", caller: doctor(doctorD), all: notAuthorized,
			ask: func(q *consenting.Question) { q.Responsible = helperH }},
		{name: "AU-5 CT-31 whose header names another", all: notAuthorized,
			caller: with(doctor(doctorD), func(c *identity.Caller) { c.HSUID.Acting = helperH })},
		{name: "AU-5 CT-31 whose message names another", caller: doctor(doctorD), ask: byH,
			user: mismatch, data: mismatch, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-5 with a token, whose message names another", caller: employee(doctorD), ask: byH,
			user: mismatch, data: mismatch, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-5 HS-8 whose header names another citizen",
			caller: with(doctor(doctorD), func(c *identity.Caller) { c.HSUID.Citizen = citizenB }),
			user:   mismatch, data: mismatch, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-5 whose header is a citizen's", all: notAuthorized,
			caller: with(doctor(doctorD), func(c *identity.Caller) { c.HSUID.UserType = "nsi:Citizen" })},
		{name: "AU-5 whose message names nobody", caller: doctor(doctorD), ask: byNobody,
			user: invalid, data: invalid, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-5 whose message names no organisation", caller: doctor(doctorD), ask: nowhere,
			user: invalid, data: invalid, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-5 whose message names no citizen", caller: doctor(doctorD), ask: ofNobody,
			user: invalid, data: invalid, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-5 with an ID card of level 3", all: notAuthorized,
			caller: with(doctor(doctorD), func(c *identity.Caller) { c.Credential.Level = 3 })},
		{name: "AU-5 in a session", all: notAuthorized,
			caller: with(doctor(doctorD), func(c *identity.Caller) {
				c.Credential.Scheme, c.Credential.Origin = identity.Session, identity.DGWS
			})},
		{name: "AU-5 without number", all: notAuthorized,
			caller: with(employee(doctorD), func(c *identity.Caller) { c.CPR = cpr.Number{} })},

		{name: "AU-6 a helper", caller: helper, ask: forD, user: judged, data: judged, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-6 whose header names the doctor", ask: byH,
			caller: with(helper, func(c *identity.Caller) { c.HSUID.Responsible = doctorD }),
			user:   judged, data: judged, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-6 without grant", caller: helper, ask: forD, lacks: consenting.GrantVerification, all: notAuthorized},
		{name: "AU-6 of nobody", caller: helper, ask: byH, all: notAuthorized},
		{name: "AU-6 of herself", caller: helper, all: notAuthorized,
			ask: func(q *consenting.Question) { q.Acting, q.Responsible = helperH, helperH }},
		{name: "AU-6 HS-8 whose header names another doctor", ask: forD,
			caller: with(helper, func(c *identity.Caller) { c.HSUID.Responsible = staffS }),
			user:   mismatch, data: mismatch, foreigners: notAuthorized, foreignData: notAuthorized},

		{name: "AU-7 a system for a professional", caller: dds(granted, doctorD), user: judged, data: judged, foreigners: judged, foreignData: judged},
		{name: "AU-7 for professionals of this country alone", caller: dds(granted, doctorD), lacks: consenting.GrantForeign,
			user: judged, data: judged, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-7 for a helper", caller: dds(granted, helperH), ask: forD, user: judged, data: judged, foreigners: judged, foreignData: judged},
		{name: "AU-7 CT-29 without grant", caller: dds(granted, doctorD), lacks: consenting.GrantVerification,
			user: notAuthorized, data: notAuthorized, foreigners: judged, foreignData: judged},
		{name: "AU-7 CT-29 of another organisation", caller: dds(ungranted, doctorD), all: notAuthorized},
		{name: "AU-7 AU-11 with too low a level", all: level,
			caller: with(dds(granted, doctorD), func(c *identity.Caller) { c.Credential.Level = 2 })},
		{name: "AU-7 with a token", all: notAuthorized,
			caller: with(dds(granted, doctorD), func(c *identity.Caller) { c.Credential.Scheme = identity.IDWS })},
		{name: "AU-7 HS-2 without header", caller: system(granted, nil), all: notAuthorized},
		{name: "AU-7 HS-4 CT-30 whose header does not say who uses it", caller: system(granted, header("", doctorD)), all: invalid},
		{name: "AU-7 HS-4 whose header names nobody", caller: contactPoint(granted),
			user: invalid, data: invalid, foreigners: judged, foreignData: judged},
		{name: "AU-7 HS-4 whose header names no system", all: invalid,
			caller: with(dds(granted, doctorD), func(c *identity.Caller) { c.HSUID.SystemName = "" })},
		{name: "AU-7 HS-6 whose header has a code that is none", all: invalid,
			caller: with(dds(granted, doctorD), func(c *identity.Caller) { c.HSUID.ResponsibleCode = "0TST" })},
		{name: "AU-7 HS-8 whose message names another professional", caller: dds(granted, doctorD), ask: byH,
			user: mismatch, data: mismatch, foreigners: judged, foreignData: judged},
		{name: "AU-7 HS-8 whose header names another citizen", all: mismatch,
			caller: with(dds(granted, doctorD), func(c *identity.Caller) { c.HSUID.Citizen = citizenB })},
		{name: "AU-7 whose message lacks what it must say", caller: dds(granted, doctorD), ask: ofNobody, all: invalid},

		{name: "AU-7 a session of a system", caller: session(granted), user: judged, data: judged, foreigners: judged, foreignData: judged},
		{name: "AU-7 a session of the test federation", user: judged, data: judged, foreigners: judged, foreignData: judged,
			caller: with(session(granted), func(c *identity.Caller) { c.Credential.Origin = identity.Sample })},
		{name: "AU-7 a session whose word does not count", caller: session(granted), lacks: trust.HSUIDGrant, all: notAuthorized},
		{name: "AU-7 a session without grant", caller: session(granted), lacks: consenting.GrantVerification,
			user: notAuthorized, data: notAuthorized, foreigners: judged, foreignData: judged},
		{name: "AU-7 a session of another organisation", caller: session(ungranted), all: notAuthorized},
		{name: "AU-7 a session with a token", all: notAuthorized,
			caller: with(session(granted), func(c *identity.Caller) { c.Credential.Origin = identity.IDWS })},
		{name: "AU-7 AU-11 a session with too low a level", all: level,
			caller: with(session(granted), func(c *identity.Caller) { c.Credential.Level = 2 })},
		{name: "AU-7 HS-6 a session with a code that is none", caller: session(granted), all: invalid,
			ask: func(q *consenting.Question) { q.AuthorisationCode = "0TST-" }},
		{name: "AU-7 a session that names nobody", caller: session(granted), ask: byNobody,
			user: invalid, data: invalid, foreigners: judged, foreignData: judged},

		{name: "AU-8 a contact point", caller: contactPoint(granted), lacks: consenting.GrantVerification,
			user: invalid, data: invalid, foreigners: judged, foreignData: judged},
		{name: "AU-8 without grant", caller: contactPoint(granted), lacks: consenting.GrantForeign,
			user: invalid, data: invalid, foreigners: notAuthorized, foreignData: notAuthorized},
		{name: "AU-8 that does not say for whom", caller: contactPoint(granted), ask: nameless,
			user: invalid, data: invalid, foreigners: invalid, foreignData: invalid},
		{name: "AU-8 a session without grant", caller: session(granted), lacks: consenting.GrantForeign,
			user: judged, data: judged, foreigners: notAuthorized, foreignData: notAuthorized},

		{name: "the operator", all: notAuthorized,
			caller: identity.Caller{Kind: identity.Operator, Administrator: true, Org: identity.Organisation{CVR: granted}}},
		{name: "nobody", caller: identity.Caller{}, all: notAuthorized},
	}
}

// TestVerificationMatrix asks as every row of the matrix, with each condition missing in turn, where everything is blocked for everyone. Who is
// refused hears nothing, and nothing is read or kept.
func TestVerificationMatrix(t *testing.T) {
	everyone := block(consent.Who{})
	for _, r := range matrix() {
		t.Run(r.name, func(t *testing.T) {
			s := newSurgery(t)
			s.without(r.lacks)
			s.register(t, everyone)
			ours, foreign := asking(doctorD), foreigner()
			if r.ask != nil {
				r.ask(&ours)
				r.ask(&foreign)
				foreign.Foreign = true
			}
			item := consenting.Item{}
			if r.all != "" {
				r.user, r.foreigners, r.data, r.foreignData = r.all, r.all, r.all, r.all
			}
			for _, c := range []struct {
				operation, want string
				do              func() (string, error)
			}{
				{"ConsentForUserCheck", r.user, func() (string, error) { return s.check(t, r.caller, ours) }},
				{"ConsentForForeignersCheck", r.foreigners, func() (string, error) { return s.check(t, r.caller, foreign) }},
				{"ConsentForDataCheck", r.data, func() (string, error) { return s.items(t, r.caller, ours, item) }},
				{"ConsentForDataCheck", r.foreignData, func() (string, error) { return s.items(t, r.caller, foreign, item) }},
			} {
				*s.reads = countingStore{ConsentStore: s.store}
				s.said()
				got, err := c.do()
				said := s.said()
				require.Len(t, said, 1, "lines of the audit log")
				assert.True(t, strings.HasPrefix(said[0], "Samtykke/"+c.operation+" "), "audited as %s, want %s", said[0], c.operation)
				switch c.want {
				case judged:
					require.NoError(t, err, c.operation)
					assert.Contains(t, []string{"negative", "denied"}, got, c.operation)
					assert.Equal(t, [2]int{1, 0}, [2]int{s.reads.active, s.reads.others}, "readings of the store by %s", c.operation)
				case open:
					require.NoError(t, err, c.operation)
					assert.Contains(t, []string{"positive", "allowed"}, got, c.operation)
					assert.Zero(t, s.reads.active, "readings of the store by %s", c.operation)
				default:
					kind := map[string]fault.Kind{invalid: fault.Malformed}[c.want]
					if kind == fault.Internal {
						kind = fault.Forbidden
					}
					refusedAs(t, err, kind, c.want)
					assert.Zero(t, s.reads.active, "readings of the store by %s", c.operation)
				}
			}
			assert.Empty(t, s.overridden(t))
			assert.Empty(t, s.told(t))
		})
	}
}

// TestChecks shows the answers of the acceptance cases through the use case, asked by a system for professionals.
func TestChecks(t *testing.T) {
	a, subs := unit(hospital, false), unit(hospital, true)
	sor := func(code string) org.ID { return org.ID{Code: code, Scheme: org.SOR} }
	shak := func(code string) org.ID { return org.ID{Code: code, Scheme: org.SHAK} }
	type ask struct {
		q      consenting.Question
		header func(*identity.HSUID)
		want   string
	}
	for _, c := range []struct {
		name string
		regs []consent.Registration
		asks []ask
	}{
		{"CT-1 nothing is registered", nil, []ask{{asking(doctorD), nil, "positive"}}},
		{"CT-2 everyone is blocked from all data", []consent.Registration{block(consent.Who{})}, []ask{{asking(doctorD), nil, "negative"}}},
		{"CT-3 one doctor is blocked", []consent.Registration{block(person(doctorD))},
			[]ask{{asking(doctorD), nil, "negative"}, {asking(staffS), nil, "positive"}}},
		{"CT-4 a helper of one who is blocked", []consent.Registration{block(person(doctorD))},
			[]ask{{forAnother(helperH, doctorD), nil, "negative"}, {asking(helperH), nil, "positive"}}},
		{"CT-4 a helper who is blocked", []consent.Registration{block(person(helperH))}, []ask{{forAnother(helperH, doctorD), nil, "negative"}}},
		{"CT-5 everyone but one doctor", []consent.Registration{block(consent.Who{}), positive(person(doctorD))},
			[]ask{{asking(doctorD), nil, "positive"}, {forAnother(helperH, doctorD), nil, "positive"}, {asking(helperH), nil, "negative"},
				{asking(helperH), func(h *identity.HSUID) { h.Responsible = doctorD }, "positive"}}},
		{"CT-6 a hospital with what is below it", []consent.Registration{block(at(subs))},
			[]ask{{from(doctorD, sor(ward)), nil, "negative"}, {from(doctorD, sor(hospital)), nil, "negative"}, {from(doctorD, sor(region)), nil, "positive"},
				{from(doctorD, sor(otherRegion)), nil, "positive"}}},
		{"CT-6 a hospital alone", []consent.Registration{block(at(a))},
			[]ask{{from(doctorD, sor(ward)), nil, "positive"}, {from(doctorD, sor(hospital)), nil, "negative"}}},
		{"CT-7 a hospital by the codes of others", []consent.Registration{block(at(subs))},
			[]ask{{from(doctorD, shak("9990a1")), nil, "negative"}, {from(doctorD, shak("9999Z9")), nil, "negative"},
				{from(doctorD, sor(otherRegion)), func(h *identity.HSUID) { h.Org = identity.OrgID{Code: otherRegion} }, "negative"},
				{from(doctorD, org.ID{Code: otherRegion}), nil, "negative"},
				{from(doctorD, shak("9999Z9")), func(h *identity.HSUID) { h.Org = identity.OrgID{Scheme: "nsi:sor", Code: otherRegion} }, "negative"},
				{from(doctorD, sor(otherRegion)), func(h *identity.HSUID) { h.Org = identity.OrgID{Scheme: "nsi:sor", Code: otherRegion} }, "positive"}}},
		{"CT-8 everyone but a hospital, and it is not known where", []consent.Registration{block(consent.Who{}), positive(at(subs))},
			[]ask{{from(doctorD, shak("9999Z9")), nil, "negative"}, {asking(doctorD), nil, "positive"}}},
		{"CT-9 foreigners", []consent.Registration{block(consent.Who{Foreign: true})},
			[]ask{{foreigner(), nil, "negative"}, {asking(doctorD), nil, "positive"}}},
		{"CT-9 foreigners and a hospital", []consent.Registration{block(at(subs))}, []ask{{foreigner(), nil, "positive"}}},
		{"CT-10 data of a hospital", []consent.Registration{blockData(consent.What{Origin: subs})}, []ask{{asking(doctorD), nil, "data_specific"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSurgery(t)
			s.register(t, c.regs...)
			for i, ask := range c.asks {
				got, err := s.check(t, viewer(ask.q.Acting, ask.header), ask.q)
				require.NoError(t, err, i)
				assert.Equal(t, ask.want, got, "question %d", i+1)
			}
		})
	}
}

func TestDataCheck(t *testing.T) {
	sor := func(code string) org.ID { return org.ID{Code: code, Scheme: org.SOR} }
	t.Run("CT-10 what comes from where", func(t *testing.T) {
		s := newSurgery(t)
		s.register(t, blockData(consent.What{Origin: unit(hospital, true)}))
		got, err := s.items(t, dds(granted, doctorD), asking(doctorD), consenting.Item{Origin: sor(ward)}, consenting.Item{Origin: sor(otherRegion)},
			consenting.Item{}, consenting.Item{Origin: org.ID{Code: "9999Z9", Scheme: org.SHAK}},
			consenting.Item{Origin: org.ID{Code: wardSHAK, Scheme: org.SHAK}},
			consenting.Item{Origin: org.ID{Code: otherRegion}})
		require.NoError(t, err)
		assert.Equal(t, "denied allowed denied denied denied denied", got)
	})
	t.Run("CT-37 many, too many and no items", func(t *testing.T) {
		s := newSurgery(t)
		s.register(t, blockData(consent.What{Data: validity.Period{To: fixedNow}}))
		items := make([]consenting.Item, 10_001)
		for i := range items { // every third is blocked
			day := fixedNow.AddDate(0, 0, []int{-1, 1, 2}[i%3])
			items[i].Data = validity.Period{From: day, To: day}
		}
		allowed, err := s.v.CheckItems(t.Context(), dds(granted, doctorD), asking(doctorD), items[:10_000])
		require.NoError(t, err)
		require.Len(t, allowed, 10_000)
		for i, a := range allowed {
			if a != (i%3 != 0) {
				t.Fatalf("item %d: allowed = %t, want %t", i, a, i%3 != 0)
			}
		}
		assert.Equal(t, 1, s.reads.active, "readings of the store")

		s.said()
		_, err = s.items(t, dds(granted, doctorD), asking(doctorD), items...)
		refusedAs(t, err, fault.TooLarge, "too_many")
		f, _ := fault.Of(err)
		assert.Equal(t, "At most 10000 items per request", f.Text)
		_, err = s.items(t, dds(ungranted, doctorD), asking(doctorD), items...)
		refusedAs(t, err, fault.Forbidden, notAuthorized)
		assert.Contains(t, strings.Join(s.said(), "\n"), "items=10001")
		s.v.MaxItems = 2
		_, err = s.items(t, token(citizenC), asking(doctorD), items[:3]...)
		refusedAs(t, err, fault.TooLarge, "too_many")

		got, err := s.items(t, dds(granted, doctorD), asking(doctorD))
		require.NoError(t, err)
		assert.Empty(t, got)
		assert.Contains(t, strings.Join(s.said(), "\n"), "items=0")
		_, err = s.items(t, dds(ungranted, doctorD), asking(doctorD))
		refusedAs(t, err, fault.Forbidden, notAuthorized)

		same := consenting.Item{Data: validity.Period{From: fixedNow.AddDate(0, 0, -1), To: fixedNow.AddDate(0, 0, -1)}}
		got, err = s.items(t, dds(granted, doctorD), asking(doctorD), same, same)
		require.NoError(t, err)
		assert.Equal(t, "denied denied", got)
	})
	t.Run("CT-38 an item that ends before it begins is without period", func(t *testing.T) {
		s := newSurgery(t)
		s.register(t, blockData(consent.What{Data: validity.Period{To: fixedNow}}))
		got, err := s.items(t, dds(granted, doctorD), asking(doctorD),
			consenting.Item{Data: validity.Period{From: fixedNow.AddDate(0, 0, 2), To: fixedNow.AddDate(0, 0, 1)}})
		require.NoError(t, err)
		assert.Equal(t, "denied", got)
	})
}

// TestNow shows that the server's clock decides, to the instant.
func TestNow(t *testing.T) {
	t.Run("CT-14 a positive consent that ends now", func(t *testing.T) {
		s := newSurgery(t)
		p := positive(consent.Who{})
		p.Valid = validity.Period{From: fixedNow.AddDate(0, 0, -1), To: fixedNow}
		s.register(t, block(consent.Who{}), p)
		got, err := s.check(t, dds(granted, doctorD), asking(doctorD))
		require.NoError(t, err)
		assert.Equal(t, "negative", got)
		s.pass(-time.Millisecond)
		got, err = s.check(t, dds(granted, doctorD), asking(doctorD))
		require.NoError(t, err)
		assert.Equal(t, "positive", got, "1 ms earlier")
	})
	t.Run("CT-15 a block of tomorrow", func(t *testing.T) {
		s := newSurgery(t)
		b := block(consent.Who{})
		b.Valid = validity.Period{From: fixedNow.AddDate(0, 0, 1)}
		s.register(t, b)
		for _, want := range []string{"positive", "negative"} {
			got, err := s.check(t, dds(granted, doctorD), asking(doctorD))
			require.NoError(t, err)
			assert.Equal(t, want, got)
			s.pass(24 * time.Hour)
		}
	})
	t.Run("CT-17 a block binds from the moment it is set to the moment it is revoked", func(t *testing.T) {
		s := newSurgery(t)
		ask := func() string {
			got, err := s.check(t, dds(granted, doctorD), asking(doctorD))
			require.NoError(t, err)
			return got
		}
		assert.Equal(t, "positive", ask())
		r := s.add(t, citizenC, consent.Constraint, always())
		assert.Equal(t, "negative", ask())
		_, err := s.Revoke(t.Context(), token(citizenC), []consenting.Revocation{{ID: r.ID, Citizen: citizenC}})
		require.NoError(t, err)
		assert.Equal(t, "positive", ask())
	})
}

// TestOrganisations shows when the organisations of message, header and credential go together (HS-8).
func TestOrganisations(t *testing.T) {
	own := func(ids ...identity.OrgID) identity.Caller {
		return changed(doctor(doctorD), func(c *identity.Caller) { c.Org.IDs, c.HSUID.Org = ids, identity.OrgID{} })
	}
	byWard := func(h *identity.HSUID) { h.Org = identity.OrgID{Scheme: "nsi:sor", Code: ward} }
	byWardSHAK := func(h *identity.HSUID) { h.Org = identity.OrgID{Scheme: "nsi:skskode", Code: "9990a1"} }
	atWard, atWardSHAK, elsewhere := from(doctorD, org.ID{Code: ward, Scheme: org.SOR}), from(doctorD, org.ID{Code: wardSHAK, Scheme: org.SHAK}),
		from(doctorD, org.ID{Code: otherRegion, Scheme: org.SOR})
	for _, c := range []struct {
		name   string
		caller identity.Caller
		q      consenting.Question
		want   string
	}{
		{"the same", viewer(doctorD, byWard), atWard, "negative"},
		{"the same by another code", viewer(doctorD, byWardSHAK), atWard, "negative"},
		{"the same by two other codes", viewer(doctorD, byWardSHAK), atWardSHAK, "negative"},
		{"another", viewer(doctorD, byWard), elsewhere, mismatch},
		{"another by another code", viewer(doctorD, byWardSHAK), elsewhere, mismatch},
		{"a card that names none that can be resolved", own(identity.OrgID{Scheme: "medcom:other", Code: "x"}), atWard, "negative"},
		{"a card of the same", own(identity.OrgID{Scheme: "medcom:skscode", Code: wardSHAK}), atWard, "negative"},
		{"a card of another", own(identity.OrgID{Scheme: "medcom:skscode", Code: wardSHAK}), elsewhere, mismatch},
		{"a card of another than the header's", changed(own(identity.OrgID{Scheme: "medcom:skscode", Code: wardSHAK}),
			func(c *identity.Caller) { c.HSUID.Org = identity.OrgID{Scheme: "nsi:sor", Code: otherRegion} }), from(doctorD, org.ID{Code: "?"}), mismatch},
		{"a system's own organisation is not the professional's", changed(session(granted),
			func(c *identity.Caller) { c.Org.IDs = []identity.OrgID{{Scheme: "medcom:skscode", Code: wardSHAK}} }), elsewhere, "positive"},
	} {
		t.Run("HS-8 "+c.name, func(t *testing.T) {
			s := newSurgery(t)
			s.register(t, block(at(unit(ward, false))))
			got, err := s.check(t, c.caller, c.q)
			if c.want == mismatch {
				refusedAs(t, err, fault.Forbidden, mismatch)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

// TestDown shows that what does not answer is never a yes.
func TestDown(t *testing.T) {
	for name, fail := range map[string]func(*surgery){
		"the store":  func(s *surgery) { s.store.OnRead.FailFrom(1, errSecret) },
		"the grants": func(s *surgery) { s.down = errSecret },
		"the outbox": func(s *surgery) { s.v.MinLog = consenting.LogAll; s.outbox.OnPut.FailFrom(1, errSecret) },
	} {
		t.Run("CT-40 "+name, func(t *testing.T) {
			s := newSurgery(t)
			fail(s)
			for _, caller := range []identity.Caller{dds(granted, doctorD), session(granted)} {
				_, err := s.check(t, caller, asking(doctorD))
				down(t, err)
				_, err = s.items(t, caller, asking(doctorD), consenting.Item{})
				down(t, err)
				_, err = s.check(t, caller, foreigner())
				down(t, err)
			}
		})
	}
}

func TestEqualAnswersTellNothingMore(t *testing.T) {
	t.Run("CT-39 one block or fifty", func(t *testing.T) {
		said := func(blocks int) []string {
			s := newSurgery(t)
			for range blocks {
				s.register(t, block(consent.Who{}))
			}
			got, err := s.check(t, dds(granted, doctorD), asking(doctorD))
			require.NoError(t, err)
			one, err := s.items(t, dds(granted, doctorD), asking(doctorD), consenting.Item{})
			require.NoError(t, err)
			return append(s.said(), got, one)
		}
		assert.Equal(t, said(1), said(50))
	})
}

func TestVerificationInTheAuditLog(t *testing.T) {
	s := newSurgery(t)
	s.register(t, block(consent.Who{}))
	c := viewer(helperH, func(h *identity.HSUID) { h.Responsible, h.ResponsibleCode, h.Override = doctorD, codeD, true })
	_, err := s.check(t, c, asking(helperH))
	require.NoError(t, err)
	assert.Equal(t, []string{"Samtykke/ConsentForUserCheck patient-id=0101010101 patient-id-source=CPR" +
		" actor-id=0303030303 actor-id-source=CPR responsible-id=0202020202 actor-organisation=SOR:999002000016000" +
		" System=Test Portal override=true answer=positive"}, s.said())
	abroad := foreigner()
	abroad.OrgName = "Sjukhus"
	_, err = s.check(t, contactPoint(granted), abroad)
	require.NoError(t, err)
	assert.Equal(t, []string{"Samtykke/ConsentForForeignersCheck patient-id=0101010101 patient-id-source=CPR actor-id=SE-TEST-1" +
		" actor-country=SE actor-organisation=Sjukhus System=Test Portal answer=negative"}, s.said())
	_, err = s.items(t, session(ungranted), asking(doctorD), consenting.Item{}, consenting.Item{})
	refusedAs(t, err, fault.Forbidden, notAuthorized)
	assert.Equal(t, []string{"Samtykke/ConsentForDataCheck patient-id=0101010101 patient-id-source=CPR actor-role=system" +
		" actor-id=0202020202 actor-id-source=CPR actor-organisation=SOR:999002000016000 System=card's system items=2"}, s.said())
}

func TestMinLogOfVerification(t *testing.T) {
	for _, c := range []struct {
		what consenting.LogWhat
		want int
	}{{consenting.LogNone, 0}, {consenting.LogOverride, 0}, {"", 0}, {consenting.LogAll, 4}} {
		t.Run("UC-9 "+string(c.what), func(t *testing.T) {
			s := newSurgery(t)
			s.v.MinLog = c.what
			s.register(t, block(consent.Who{}))
			for _, ask := range []struct {
				caller identity.Caller
				q      consenting.Question
			}{{dds(granted, helperH), forAnother(helperH, doctorD)}, {contactPoint(granted), foreigner()}, {token(citizenC), asking(doctorD)}} {
				_, err := s.check(t, ask.caller, ask.q)
				require.NoError(t, err)
			}
			_, err := s.items(t, dds(granted, doctorD), asking(doctorD))
			require.NoError(t, err)
			_, err = s.check(t, dds(ungranted, doctorD), asking(doctorD))
			refusedAs(t, err, fault.Forbidden, notAuthorized)
			told := s.told(t)
			require.Len(t, told, c.want)
			for _, n := range told {
				assert.Equal(t, "Kontrol af samtykke", n.Entry.Activity)
				assert.Empty(t, n.Entry.Addition)
				assert.Equal(t, citizenC.Digits(), n.Entry.Person.Value)
			}
			requireTaken(t, told)
		})
	}
}

// requireTaken asserts that MinLog takes the notices, and that nothing by which they are ordered is a person's number.
func requireTaken(t require.TestingT, all []notice.Notice) {
	for _, n := range all {
		_, err := minLogRules().Taken(entriesOf(n))
		require.NoError(t, err)
		require.NotRegexp(t, `^\d{10}$`, n.Key)
		require.Equal(t, notice.MinLog, n.To)
		require.Equal(t, n.Entry.From, n.Entry.To)
	}
}
