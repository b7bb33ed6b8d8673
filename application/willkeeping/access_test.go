package willkeeping_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/willkeeping"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/will"
)

// What the kinds of callers may do at the ordinary surface; at that of administrators everything or nothing.
var (
	everything = "createLivingWill updateLivingWill deleteLivingWill createTreatmentWill updateTreatmentWill upgradeToTreatmentWill " +
		"deleteTreatmentWill getLivingWill getTreatmentWill getTreatmentWillWithOnlyForcedTreatment hasLivingWill hasTreatmentWill"
	reading       = "getLivingWill getTreatmentWill getTreatmentWillWithOnlyForcedTreatment hasLivingWill hasTreatmentWill"
	readingForced = "getTreatmentWillWithOnlyForcedTreatment hasTreatmentWill"
	asking        = "hasLivingWill hasTreatmentWill"
)

// TestWhoMayDoWhat goes through every kind of caller, operation and surface. Who may comes as far as the store, which does not answer; who may
// not hears the same of everybody, and nothing is looked at.
func TestWhoMayDoWhat(t *testing.T) {
	behalf := func(c *identity.Caller) { c.OnBehalfOf = &identity.Principal{CPR: citizenB, Kind: relation.Custody} }
	noCode := func(c *identity.Caller) { c.AuthorisationCode = "" }
	for _, c := range []struct {
		name     string
		caller   identity.Caller
		ordinary string // what it may do for citizen C
		admin    string
	}{
		{"nobody", identity.Caller{}, "", ""},
		{"an operator", identity.Caller{Kind: identity.Operator, CPR: citizenC, Administrator: true}, "", ""},

		{"the citizen", citizen(citizenC), everything, ""},
		{"the citizen in a session of a token", with(citizen(citizenC), inSession(identity.IDWS)), everything, ""},
		{"the citizen in a session of the test federation", with(citizen(citizenC), inSession(identity.Sample)), everything, ""},
		{"the citizen in a session of an ID card", with(citizen(citizenC), inSession(identity.DGWS)), "", ""},
		{"the citizen in a session of nothing", with(citizen(citizenC), inSession(identity.NoScheme)), "", ""},
		{"the citizen by a system's word", with(citizen(citizenC), vouched), "", ""},
		{"WA-24 another citizen", citizen(citizenB), "", ""},
		{"a citizen without number", citizen(cpr.Number{}), "", ""},
		{"WA-28 the citizen for her child", with(citizen(citizenC), behalf), "", ""},
		{"WA-28 a parent for the citizen", with(citizen(citizenB), func(c *identity.Caller) {
			c.OnBehalfOf = &identity.Principal{CPR: citizenC, Kind: relation.Custody}
		}), "", ""},
		{"a citizen with an administrator's role", with(citizen(citizenC), func(c *identity.Caller) {
			c.NationalRole, c.Org = adminRole, staff().Org
		}), everything, ""},

		{"WA-23 WA-24 a doctor", doctor(), reading, ""},
		{"a doctor who is the citizen", with(doctor(), func(c *identity.Caller) { c.CPR = citizenC }), reading, ""},
		{"a doctor in a session of an ID card", with(doctor(), inSession(identity.DGWS)), reading, ""},
		{"a doctor in a session of the test federation", with(doctor(), inSession(identity.Sample)), reading, ""},
		{"a doctor in a session of a token", with(doctor(), inSession(identity.IDWS)), "", ""},
		{"a doctor with a token", with(doctor(), proved(identity.IDWS, 4)), "", ""},
		{"a doctor with an ID card of level 3", with(doctor(), proved(identity.DGWS, 3)), "", ""},
		{"a doctor by a system's word", with(doctor(), vouched), "", ""},
		{"a doctor for another", with(doctor(), behalf), "", ""},
		{"WA-25 a professional without authorisation", with(doctor(), noCode), "", ""},

		{"WA-26 a dentist", dentist(), readingForced, ""},
		{"a dentist in a session", with(dentist(), inSession(identity.DGWS)), readingForced, ""},
		{"a dentist without authorisation", with(dentist(), noCode), "", ""},

		{"WA-27 a system with the grant", system(), asking, ""},
		{"a system with the grant and a token", with(system(), proved(identity.IDWS, 3)), asking, ""},
		{"a system with the grant in a session", with(system(), inSession(identity.DGWS)), asking, ""},
		{"a system with the grant in a session of the test federation", with(system(), inSession(identity.Sample)), asking, ""},
		{"a system with the grant for a person", with(system(), behalf), asking, ""},
		{"WA-27 a system of another organisation", with(system(), func(c *identity.Caller) { c.Org.CVR = otherCVR }), "", ""},
		{"a system of no organisation", with(system(), func(c *identity.Caller) { c.Org.CVR = "" }), "", ""},
		{"a system with an ID card of level 2", with(system(), proved(identity.DGWS, 2)), "", ""},
		{"a system by its address", with(system(), proved(identity.Address, 3)), "", ""},
		{"a system with a user it vouches for", with(system(), vouched), "", ""},
		{"a system with an administrator's role", with(system(), func(c *identity.Caller) { c.NationalRole = adminRole }), asking, ""},

		{"WA-37 an administrator", staff(), "", everything},
		{"an administrator with a token", with(staff(), proved(identity.IDWS, 3)), "", everything},
		{"an administrator in a session of an ID card", with(staff(), inSession(identity.DGWS)), "", everything},
		{"an administrator in a session of a token", with(staff(), inSession(identity.IDWS)), "", everything},
		{"an administrator in a session of the test federation", with(staff(), inSession(identity.Sample)), "", everything},
		{"an administrator who is a doctor", with(staff(), func(c *identity.Caller) {
			c.AuthorisationCode, c.EducationCode = "0TST2", "7170"
		}), reading, everything},
		{"WA-37 staff without role", with(staff(), func(c *identity.Caller) { c.NationalRole = "" }), "", ""},
		{"staff with another role", with(staff(), func(c *identity.Caller) { c.NationalRole = "Other" }), "", ""},
		{"WA-37 an administrator of an organisation without name", with(staff(), func(c *identity.Caller) { c.Org.Name = "" }), "", ""},
		{"an administrator of an organisation without number", with(staff(), func(c *identity.Caller) { c.Org.CVR = "" }), "", ""},
		{"an administrator without number", with(staff(), func(c *identity.Caller) { c.CPR = cpr.Number{} }), "", ""},
		{"an administrator with an ID card of level 3", with(staff(), proved(identity.DGWS, 3)), "", ""},
		{"an administrator by a system's word", with(staff(), vouched), "", ""},
		{"an administrator for another", with(staff(), behalf), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.Rules.Closed = h.Rules.Closed.AddDate(100, 0, 0)
			h.down["store"] = true
			for _, surface := range []will.Surface{will.Ordinary, will.Admin} {
				may := c.ordinary
				if surface == will.Admin {
					may = c.admin
				}
				var did []string
				for _, call := range calls() {
					err := call.do(h, c.caller, willkeeping.Request{Citizen: citizenC, Surface: surface})
					touched := h.looked()
					if errors.Is(err, errSecret) {
						did = append(did, call.name)
						continue
					}
					require.Equal(t, willkeeping.ErrNotAuthorized, err, "%s, administration %v", call.name, surface)
					assert.Empty(t, touched, "looked at by %s", call.name)
				}
				assert.Equal(t, strings.Fields(may), append([]string{}, did...), "administration %v", surface)
			}
		})
	}
}

// TestTheLists shows that what may be listed is what counts.
func TestTheLists(t *testing.T) {
	t.Run("nobody administers where no role is listed", func(t *testing.T) {
		h := newHouse(t)
		h.AdminRoles = nil
		_, err := h.Has(t.Context(), staff(), admin(citizenC), will.BTR)
		refused(t, err, willkeeping.ErrNotAuthorized)
	})
	t.Run("professionals are those whose education is listed, where any is", func(t *testing.T) {
		h := newHouse(t)
		h.Educations = []string{"7170", "5166"}
		_, err := h.Has(t.Context(), doctor(), of(citizenC), will.LTR)
		require.NoError(t, err)
		for _, education := range []string{"", "4498", "5433"} {
			_, err := h.Has(t.Context(), with(doctor(), func(c *identity.Caller) { c.EducationCode = education }), of(citizenC), will.BTR)
			refused(t, err, willkeeping.ErrNotAuthorized)
		}
	})
	t.Run("a dentist is who the list says", func(t *testing.T) {
		h := newHouse(t)
		h.DentistEducations = nil
		_, err := h.Has(t.Context(), dentist(), of(citizenC), will.LTR)
		assert.NoError(t, err)
	})
	t.Run("who has no grant that can be read has none", func(t *testing.T) {
		h := newHouse(t)
		h.down["grants"] = true
		_, err := h.Has(t.Context(), system(), of(citizenC), will.BTR)
		refused(t, err, willkeeping.ErrDown)
		assert.ErrorIs(t, err, errSecret)
		assert.Empty(t, h.looked())
	})
}

// TestRefusalsTellNothing shows that who may not call hears the same whether there is a will or not.
func TestRefusalsTellNothing(t *testing.T) {
	for _, c := range []struct {
		name, operation string
		caller          identity.Caller
	}{
		{"WA-24 a doctor creates", "createTreatmentWill", doctor()},
		{"WA-24 a doctor updates", "updateTreatmentWill", doctor()},
		{"WA-24 a doctor deletes", "deleteTreatmentWill", doctor()},
		{"WA-24 a citizen asks about another", "getTreatmentWill", citizen(citizenB)},
		{"WA-25 a system gets", "getTreatmentWill", system()},
		{"WA-26 a dentist gets", "getTreatmentWill", dentist()},
		{"WA-27 another system asks", "hasTreatmentWill", with(system(), func(c *identity.Caller) { c.Org.CVR = otherCVR })},
		{"WA-28 a parent gets", "getTreatmentWill", with(citizen(citizenB), func(c *identity.Caller) {
			c.OnBehalfOf = &identity.Principal{CPR: citizenC, Kind: relation.Custody}
		})},
		{"WA-37 staff delete", "deleteTreatmentWill", with(staff(), func(c *identity.Caller) { c.Org.Name = "" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			req := of(citizenC)
			if c.caller.NationalRole != "" {
				req = admin(citizenC)
			}
			without := called(c.operation).do(h, c.caller, req)
			h.stored(t, citizenC, will.BTR, fixedNow.AddDate(0, 0, -1))
			kept := h.kept(t, citizenC)
			noted := h.said()

			err := called(c.operation).do(h, c.caller, req)

			refused(t, err, willkeeping.ErrNotAuthorized)
			assert.Equal(t, without, err)
			assert.Equal(t, noted, h.said())
			assert.Empty(t, h.looked())
			assert.Empty(t, h.told())
			assert.Equal(t, kept, h.kept(t, citizenC))
		})
	}
}

// TestOrderOfChecks has a request that is wrong in every way from some step on. The first step counts.
func TestOrderOfChecks(t *testing.T) {
	none := cpr.Number{}
	null := will.Draft{Null: true}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		req    willkeeping.Request
		draft  will.Draft
		want   error
		looks  []string
	}{
		{"who may", doctor(), of(none), null, willkeeping.ErrNotAuthorized, nil},
		{"who administers", doctor(), admin(none), null, willkeeping.ErrNotAuthorized, nil},
		{"for whom", citizen(citizenB), of(none), null, willkeeping.ErrCitizen, nil},
		{"for whom, of administrators", staff(), admin(none), null, willkeeping.ErrCitizen, nil},
		{"for herself", citizen(citizenB), of(citizenC), null, willkeeping.ErrNotAuthorized, nil},
		{"in an open register", citizen(citizenC), of(citizenC), null, will.ErrClosed, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			_, err := h.Create(t.Context(), c.caller, c.req, will.LTR, c.draft)
			refused(t, err, c.want)
			assert.Equal(t, c.looks, h.looked())
			assert.Empty(t, h.told())
		})
	}
	for _, c := range []struct {
		name  string
		draft will.Draft
		spoil func(*house)
		want  error
		looks []string
	}{
		{"a value", null, nil, will.ErrInvalid, nil},
		{"that says something", will.Draft{}, nil, will.ErrEmpty, nil},
		{"by somebody old enough", draft, nil, will.ErrTooYoung, []string{"register"}},
		{"with an active number", draft, func(h *house) { h.MinAge(0) }, will.ErrInactive, []string{"register"}},
		{"whose other numbers are known", draft, func(h *house) { h.MinAge(0); h.status = "01" }, willkeeping.ErrDown, []string{"register", "aliases"}},
		{"by the version that is", draft, func(h *house) { h.MinAge(0); h.status = "01"; h.down["aliases"] = false }, will.ErrChanged,
			[]string{"register", "aliases", "store"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.stored(t, citizenC, will.BTR, fixedNow.AddDate(0, 0, -1))
			h.Rules.MinAge, h.status, h.down["aliases"] = 200, "90", true
			if c.spoil != nil {
				c.spoil(h)
			}
			_, err := h.Create(t.Context(), citizen(citizenC), willkeeping.Request{Citizen: citizenC, Match: "another"}, will.BTR, c.draft)
			refused(t, err, c.want)
			assert.Equal(t, c.looks, h.looked())
			assert.Empty(t, h.told())
		})
	}
}

// MinAge sets from when somebody is old enough.
func (h *house) MinAge(years int) { h.Rules.MinAge = years }
