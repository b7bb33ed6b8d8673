package optingout_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
)

// TestWhoMay: who may call what for citizen C. A refusal is the same whether the citizen has an opt-out or not, and nothing is looked at for it.
func TestWhoMay(t *testing.T) {
	const (
		own   = "registerConsent deleteConsent getConsent"
		every = "registerConsent updateConsent deleteConsent getConsent"
		look  = "getConsent"
		none  = ""
	)
	proxy := &identity.Principal{CPR: citizenC, Kind: relation.Proxy}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		may    string
		actor  string // of a refusal, in the audit log
	}{
		{"the citizen", citizen(citizenC), own, "CITIZEN 0108501234 CPR"},
		{"the citizen in a session", with(citizen(citizenC), func(c *identity.Caller) {
			c.Credential = identity.Credential{Scheme: identity.Session, Origin: identity.IDWS}
		}), own, "CITIZEN 0108501234 CPR"},
		{"another citizen", citizen(citizenB), none, "CITIZEN 0202401234 CPR"},
		{"a citizen without number", citizen(cpr.Number{}), none, "CITIZEN  "},
		{"another citizen on behalf of the citizen", with(citizen(citizenB), func(c *identity.Caller) { c.OnBehalfOf = proxy }), none, "CITIZEN 0202401234 CPR"},
		{"the citizen on behalf of somebody", with(citizen(citizenC), func(c *identity.Caller) { c.OnBehalfOf = proxy }), none, "CITIZEN 0108501234 CPR"},
		{"the citizen by a system's word", with(citizen(citizenC), func(c *identity.Caller) { c.Vouched = true }), none, "CITIZEN 0108501234 CPR"},
		{"the citizen with a system's ID card", with(citizen(citizenC), func(c *identity.Caller) { c.Credential.Scheme = identity.DGWS }),
			none, "CITIZEN 0108501234 CPR"},
		{"an administrator", staff(), every, "ADMIN 0101010005 CPR"},
		{"an administrator with a token", with(staff(), func(c *identity.Caller) {
			c.Credential = identity.Credential{Scheme: identity.IDWS, Level: 3}
		}), every, "ADMIN 0101010005 CPR"},
		{"an administrator with a card of level 3", with(staff(), func(c *identity.Caller) { c.Credential.Level = 3 }),
			none, "HEALTHCARE_PROFESSIONAL 0101010005 CPR"},
		{"an administrator of no named organisation", with(staff(), func(c *identity.Caller) { c.Org.Name = "" }),
			none, "HEALTHCARE_PROFESSIONAL 0101010005 CPR"},
		{"an administrator of no organisation", with(staff(), func(c *identity.Caller) { c.Org.CVR = "" }),
			none, "HEALTHCARE_PROFESSIONAL 0101010005 CPR"},
		{"an administrator for a principal", with(staff(), func(c *identity.Caller) { c.OnBehalfOf = proxy }),
			none, "HEALTHCARE_PROFESSIONAL 0101010005 CPR"},
		{"an administrator by a system's word", with(staff(), func(c *identity.Caller) { c.Vouched = true }),
			none, "HEALTHCARE_PROFESSIONAL 0101010005 CPR"},
		{"another role", with(staff(), func(c *identity.Caller) { c.NationalRole = "WillAdmin" }), none, "HEALTHCARE_PROFESSIONAL 0101010005 CPR"},
		{"no role", with(staff(), func(c *identity.Caller) { c.NationalRole = "" }), none, "HEALTHCARE_PROFESSIONAL 0101010005 CPR"},
		{"a doctor", doctor(), none, "HEALTHCARE_PROFESSIONAL 0TST1 AUTH"},
		{"a system", system(), look, "SYSTEM 33257872 CVR"},
		{"a system with a token", with(system(), func(c *identity.Caller) { c.Credential = identity.Credential{Scheme: identity.IDWS} }),
			look, "SYSTEM 33257872 CVR"},
		{"a system of another organisation", with(system(), func(c *identity.Caller) { c.Org.CVR = otherCVR }), none, "SYSTEM 99999902 CVR"},
		{"a system of no organisation", with(system(), func(c *identity.Caller) { c.Org.CVR = "" }), none, "SYSTEM  "},
		{"a system with a user", with(system(), func(c *identity.Caller) { c.CPR = doctorD }), none, "SYSTEM 33257872 CVR"},
		{"a system with a card of level 2", with(system(), func(c *identity.Caller) { c.Credential.Level = 2 }), none, "SYSTEM 33257872 CVR"},
		{"a system by its address", with(system(), func(c *identity.Caller) { c.Credential.Scheme = identity.Address }), none, "SYSTEM 33257872 CVR"},
		{"the operator", identity.Caller{Kind: identity.Operator, Administrator: true}, none, "  "},
		{"nobody", identity.Caller{}, none, "  "},
	} {
		t.Run("FA-11 "+c.name, func(t *testing.T) {
			for _, op := range operations {
				h, id := prepared(t, op.name)
				err := op.do(h, c.caller, citizenC, id)
				if allowed(c.may, op.name) {
					require.NoError(t, err, op.name)
					continue
				}
				require.Equal(t, optingout.ErrNotAuthorized, err, op.name)
				assert.Empty(t, h.touched, "AU-1 %s looked", op.name)
				said := h.said()
				require.Len(t, said, 1)
				assert.Equal(t, "FGVHR/"+op.name+" patient-id(RPI)=0108501234 patient-id-source(RPI)=CPR"+acting(c.actor), said[0])

				empty := newHouse()
				assert.Equal(t, err, op.do(empty, c.caller, citizenC, id), "AU-1 where there is none")
				assert.Equal(t, said, empty.said())
				assert.Empty(t, empty.touched)
			}
		})
	}
	t.Run("FA-11 no roles, nobody administers", func(t *testing.T) {
		h, id := prepared(t, "updateConsent")
		h.AdminRoles = nil
		for _, op := range operations {
			assert.Equal(t, optingout.ErrNotAuthorized, op.do(h, with(staff(), func(c *identity.Caller) { c.NationalRole = "" }), citizenC, id))
		}
	})
	t.Run("the grants do not answer", func(t *testing.T) {
		h, id := prepared(t, "getConsent")
		h.down["grants"] = errSecret
		err := operations[3].do(h, system(), citizenC, id)
		refused(t, optingout.ErrDown, err)
		require.ErrorIs(t, err, errSecret)
		assert.Empty(t, h.touched)
	})
}

// allowed tells whether a list of operations has one.
func allowed(list, operation string) bool { return slices.Contains(strings.Fields(list), operation) }

// acting is how the audit log tells of "role id source"; what is empty is left out.
func acting(actor string) (said string) {
	for i, part := range strings.Split(actor, " ") {
		if part != "" {
			said += [...]string{" actor-role(NPI)=", " actor-id(NPI)=", " actor-id-source(NPI)="}[i] + part
		}
	}
	return said
}

// TestNobodyNamed: whoever may use an operation hears that its citizen is missing; others hear no more than ever.
func TestNobodyNamed(t *testing.T) {
	for _, op := range operations {
		for _, c := range []struct {
			caller identity.Caller
			want   error
		}{
			{staff(), optingout.ErrCitizen},
			{citizen(citizenC), map[bool]error{true: optingout.ErrNotAuthorized, false: optingout.ErrCitizen}[op.name == "updateConsent"]},
			{system(), map[bool]error{true: optingout.ErrCitizen, false: optingout.ErrNotAuthorized}[op.name == "getConsent"]},
			{doctor(), optingout.ErrNotAuthorized},
			{citizen(cpr.Number{}), optingout.ErrNotAuthorized},
		} {
			t.Run("FA-14 AU-3 "+op.name+" "+c.caller.Kind.String(), func(t *testing.T) {
				h := newHouse()
				assert.Equal(t, c.want, op.do(h, c.caller, cpr.Number{}, ""))
				assert.Empty(t, h.touched)
				assert.Len(t, h.said(), 1)
			})
		}
	}
}

// TestShown: what a caller may not see is not there.
func TestShown(t *testing.T) {
	h := newHouse()
	first := h.stored(t, citizenC, fixedNow.AddDate(0, -1, 0), func(o *fgvhr.OptOut) { o.CitizenCreated = formDate })
	second, err := h.Update(context.Background(), staff(), citizenC, fgvhr.Change{ID: first.ID, CitizenCreated: formDate})
	require.NoError(t, err)
	assert.Equal(t, first.ID, second.Replaces)

	all := h.get(t, staff(), citizenC)
	assert.Equal(t, second, all)
	assert.Equal(t, formDate, all.CitizenCreated)

	self := h.get(t, citizen(citizenC), citizenC)
	all.Replaces = ""
	assert.Equal(t, all, self, "a citizen does not see what was replaced")

	others := h.get(t, system(), citizenC)
	assert.Zero(t, others.CitizenCreated)
	assert.Empty(t, others.Replaces)
	assert.True(t, others.InForce)
}
