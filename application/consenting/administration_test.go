package consenting_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// What operations are open to.
const (
	everything = "gamrvoe" // get, add, modify, revoke, versions, overrides, explain
	notOthers  = "gamrv"   // not what citizens and their staff alone see
	none       = ""
)

// operations are all that the administration does, each on what citizen C has registered.
var operations = map[rune]func(context.Context, *house, identity.Caller, cpr.Number, consent.ID) error{
	'g': func(ctx context.Context, h *house, c identity.Caller, citizen cpr.Number, _ consent.ID) error {
		_, err := h.Get(ctx, c, citizen)
		return err
	},
	'a': func(ctx context.Context, h *house, c identity.Caller, citizen cpr.Number, _ consent.ID) error {
		_, err := h.Add(ctx, c, []consenting.Addition{{Citizen: citizen, Kind: consent.Positive, Draft: always()}})
		return err
	},
	'm': func(ctx context.Context, h *house, c identity.Caller, citizen cpr.Number, id consent.ID) error {
		_, err := h.Modify(ctx, c, []consenting.Modification{{Citizen: citizen, ID: id, Draft: always()}})
		return err
	},
	'r': func(ctx context.Context, h *house, c identity.Caller, citizen cpr.Number, id consent.ID) error {
		_, err := h.Revoke(ctx, c, []consenting.Revocation{{Citizen: citizen, ID: id}})
		return err
	},
	'v': func(ctx context.Context, h *house, c identity.Caller, citizen cpr.Number, id consent.ID) error {
		_, err := h.Versions(ctx, c, citizen, id)
		return err
	},
	'o': func(ctx context.Context, h *house, c identity.Caller, citizen cpr.Number, _ consent.ID) error {
		_, err := h.ListOverrides(ctx, c, citizen, validity.Period{}, "", 10)
		return err
	},
	'e': func(ctx context.Context, h *house, c identity.Caller, citizen cpr.Number, _ consent.ID) error {
		_, err := h.Explain(ctx, c, question(citizen), time.Time{}, nil)
		return err
	},
}

// question is whether doctor D at the hospital may see a citizen's data.
func question(citizen cpr.Number) consenting.Question {
	return consenting.Question{Citizen: citizen, Acting: doctorD, Org: org.ID{Code: hospital, Scheme: org.SOR}}
}

// edited is a caller, changed.
func edited(c identity.Caller, edit func(*identity.Caller)) identity.Caller {
	if c.HSUID != nil {
		h := *c.HSUID
		c.HSUID = &h
	}
	edit(&c)
	return c
}

// opened is a caller who opened a session.
func opened(c identity.Caller) identity.Caller {
	c.Credential.Scheme, c.Credential.Origin = identity.Session, c.Credential.Scheme
	return c
}

func withHeader(userType string, acting cpr.Number) func(*identity.Caller) {
	return func(c *identity.Caller) { c.HSUID = header(userType, acting) }
}

// TestWhoMayAdminister asks for every operation of every kind of caller.
func TestWhoMayAdminister(t *testing.T) {
	const refused, level, lacks, mismatch = "not_authorized", "security_level_failed", "invalid_request", "hsuid_mismatch"
	said := func(edit func(*identity.HSUID)) func(*identity.Caller) {
		return func(c *identity.Caller) { edit(c.HSUID) }
	}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		may    string // operations
		code   string // of the others
	}{
		{"AU-1 the citizen", token(citizenC), everything, ""},
		{"AU-1 the citizen, with a header", edited(token(citizenC), withHeader("nsi:Citizen", citizenC)), everything, ""},
		{"AU-1 the citizen, by session", opened(token(citizenC)), everything, ""},
		{"CT-28 another citizen", token(citizenB), none, refused},
		{"AU-1 a citizen without number", token(cpr.Number{}), none, refused},
		{"AU-1 a citizen whose header is a professional's", edited(token(citizenC), withHeader("nsi:HealthcareProfessional", citizenC)), none, refused},
		{"AU-1 a citizen whose header is of another", edited(token(citizenC), withHeader("nsi:Citizen", citizenB)), none, refused},
		{"AU-1 a citizen by address", edited(token(citizenC), func(c *identity.Caller) { c.Credential.Scheme = identity.Address }), none, refused},
		{"AU-2 a portal for the citizen", portal(granted, citizenC), everything, ""},
		{"AU-2 a portal for the citizen, by session", opened(portal(granted, citizenC)), everything, ""},
		{"CT-28 a portal for another citizen", portal(granted, citizenB), none, refused},
		{"CT-29 a portal without grant", portal(ungranted, citizenC), none, refused},
		{"AU-2 a portal by token", edited(portal(granted, citizenC), func(c *identity.Caller) { c.Credential.Scheme = identity.IDWS }), none, refused},
		{"AU-2 a portal whose header counts for nothing", edited(system(granted, nil), func(*identity.Caller) {}), none, refused},
		{"AU-11 a portal of level 2", edited(portal(granted, citizenC), func(c *identity.Caller) { c.Credential.Level = 2 }), none, level},
		{"AU-3 with power of attorney", edited(token(citizenB), onBehalf(citizenC, relation.Proxy)), none, refused},
		{"AU-3 a parent", edited(token(citizenB), onBehalf(citizenC, relation.Custody)), none, refused},
		{"AU-3 the citizen, on behalf of another", edited(token(citizenC), onBehalf(citizenB, relation.Custody)), none, refused},
		{"AU-3 a portal for a parent", edited(portal(granted, citizenB), said(func(h *identity.HSUID) {
			h.Citizen, h.Relation = citizenC, "nsi:parent"
		})), none, refused},
		{"AU-4 staff", staff(), everything, ""},
		{"AU-4 staff by session", opened(staff()), everything, ""},
		{"AU-4 staff by token", edited(staff(), func(c *identity.Caller) {
			c.Credential, c.HSUID = identity.Credential{Scheme: identity.IDWS, Level: 3}, nil
		}), everything, ""},
		{"AU-4 staff with a card of level 3", edited(staff(), func(c *identity.Caller) { c.Credential.Level = 3 }), none, refused},
		{"CT-29 staff with an authorisation", edited(staff(), func(c *identity.Caller) { c.AuthorisationCode = "0TST1" }), none, refused},
		{"AU-4 staff of another role", edited(staff(), func(c *identity.Caller) { c.NationalRole = "SundAssistR1" }), none, refused},
		{"AU-4 a role in what was written alone", edited(staff(), func(c *identity.Caller) { c.NationalRole = "" }), none, refused},
		{"AU-4 staff whose header is a citizen's", edited(staff(), said(func(h *identity.HSUID) { h.UserType = "nsi:Citizen" })), none, refused},
		{"AU-4 staff without number", edited(staff(), func(c *identity.Caller) { c.CPR, c.HSUID = cpr.Number{}, nil }), none, refused},
		{"AU-4 a system's word about staff", edited(dds(granted, staffS), func(c *identity.Caller) { c.NationalRole = "SpaerAdminR8" }), none, refused},
		{"AU-4 the word of a system with a token about staff", edited(dds(granted, staffS), func(c *identity.Caller) {
			c.NationalRole, c.Credential = "SpaerAdminR8", identity.Credential{Scheme: identity.IDWS, Level: 4}
		}), none, refused},
		{"CT-31 staff whose header is of another", edited(staff(), said(func(h *identity.HSUID) { h.Acting = helperH })), none, refused},
		{"CT-29 a doctor", doctor(doctorD), none, refused},
		{"CT-29 a doctor who claims another responsible", edited(doctor(doctorD), said(func(h *identity.HSUID) {
			h.Responsible = helperH
		})), none, refused},
		{"AU-6 a helper", card(helperH, nil), none, refused},
		{"AU-7 a system for a doctor", dds(granted, doctorD), none, refused},
		{"AU-8 a system", system(granted, nil), none, refused},
		{"an operator", identity.Caller{Kind: identity.Operator, CPR: citizenC}, none, refused},
		{"nobody", identity.Caller{CPR: citizenC}, none, refused},
		{"CT-30 a header without user type", system(granted, header("", citizenC)), none, lacks},
		{"HS-4 a header without acting user", portal(granted, cpr.Number{}), none, lacks},
		{"HS-4 a header without system", edited(portal(granted, citizenC), said(func(h *identity.HSUID) { h.SystemName = "" })), none, lacks},
		{"HS-4 staff whose header has no acting user", edited(staff(), said(func(h *identity.HSUID) { h.Acting = cpr.Number{} })), none, lacks},
		{"HS-6 a code that is none", edited(portal(granted, citizenC), said(func(h *identity.HSUID) { h.ResponsibleCode = "0TST" })), none, lacks},
		{"HS-6 staff whose header has a code that is none", edited(staff(), said(func(h *identity.HSUID) { h.ResponsibleCode = "0TST" })), none, lacks},
		{"HS-8 a header about the citizen", edited(portal(granted, citizenC), said(func(h *identity.HSUID) { h.Citizen = citizenC })), everything, ""},
		{"HS-8 a header about another citizen", edited(portal(granted, citizenC), said(func(h *identity.HSUID) { h.Citizen = citizenB })), none, mismatch},
		{"HS-8 staff whose header is about another citizen", edited(staff(), said(func(h *identity.HSUID) { h.Citizen = citizenB })), none, mismatch},
		{"HS-8 staff whose card is of the same unit", edited(staff(), cardOf("medcom:sor", hospital)), everything, ""},
		{"HS-8 staff whose card is of no known unit", edited(staff(), cardOf("medcom:skscode", "9998")), everything, ""},
		{"HS-8 staff whose card is of another unit", edited(staff(), cardOf("medcom:skscode", wardSHAK)), none, mismatch},
	} {
		t.Run(c.name, func(t *testing.T) { asked(t, newHouse(t), c.caller, c.may, c.code) })
	}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		may    string
	}{
		{"AU-5 a doctor, where doctors may", doctor(doctorD), notOthers},
		{"AU-5 a doctor by token", edited(doctor(doctorD), func(c *identity.Caller) {
			c.Credential, c.HSUID = identity.Credential{Scheme: identity.IDWS, Level: 3}, nil
		}), notOthers},
		{"AU-5 a doctor by session", opened(doctor(doctorD)), none},
		{"AU-5 a doctor responsible for herself", edited(doctor(doctorD), said(func(h *identity.HSUID) { h.Responsible = doctorD })), notOthers},
		{"AU-5 a doctor who helps another", edited(doctor(doctorD), said(func(h *identity.HSUID) { h.Responsible = helperH })), none},
		{"AU-5 a doctor with a card of level 3", edited(doctor(doctorD), func(c *identity.Caller) { c.Credential.Level = 3 }), none},
		{"AU-6 a helper, where doctors may", card(helperH, nil), none},
		{"AU-7 a system for a doctor, where doctors may", edited(dds(granted, doctorD), func(c *identity.Caller) { c.AuthorisationCode = "0TST1" }), none},
		{"AU-4 staff, where doctors may", staff(), everything},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.Professionals = true
			asked(t, h, c.caller, c.may, refused)
		})
	}
	t.Run("AU-4 no role is not a role", func(t *testing.T) {
		h := newHouse(t)
		h.Roles = []string{""}
		asked(t, h, card(helperH, nil), none, refused)
	})
}

func cardOf(scheme, code string) func(*identity.Caller) {
	return func(c *identity.Caller) { c.Org.IDs = []identity.OrgID{{Scheme: scheme, Code: code}} }
}

func onBehalf(of cpr.Number, kind relation.Kind) func(*identity.Caller) {
	return func(c *identity.Caller) { c.OnBehalfOf = &identity.Principal{CPR: of, Kind: kind} }
}

// asked has the caller do everything for citizen C, and asserts what it may, and with which code the rest is refused; that leaves nothing but a
// line in the audit log.
func asked(t *testing.T, h *house, caller identity.Caller, may, code string) {
	t.Helper()
	blocked := h.add(t, citizenC, consent.Constraint, always())
	for op, do := range operations {
		h.told(t)
		h.said()
		before := h.kept(t, citizenC)
		err := do(t.Context(), h, caller, citizenC, blocked.ID)
		assert.Len(t, h.said(), 1, "lines in the audit log of %c", op)
		if strings.ContainsRune(may, op) {
			require.NoError(t, err, "%c", op)
			assert.Len(t, h.told(t), 1, "%c", op)
			blocked = h.add(t, citizenC, consent.Constraint, always())
			continue
		}
		f, _ := fault.Of(err)
		require.Equal(t, code, f.Code, "%c: %v", op, err)
		assert.Empty(t, h.told(t), "%c", op)
		assert.Equal(t, before, h.kept(t, citizenC), "%c", op)
	}
}

// TestAdministrationWithGrantsDown: who may is not known, so nobody may; the citizen herself needs no grant.
func TestAdministrationWithGrantsDown(t *testing.T) {
	h := newHouse(t)
	blocked := h.add(t, citizenC, consent.Constraint, always())
	h.grantsErr = errSecret
	for op, do := range operations {
		down(t, do(t.Context(), h, portal(granted, citizenC), citizenC, blocked.ID))
		require.NoError(t, do(t.Context(), h, token(citizenC), citizenC, h.add(t, citizenC, consent.Constraint, always()).ID), "%c", op)
	}
}

// TestNoCitizen: a citizen who is not said is missing, to who may administer somebody's registrations; to others it is not told.
func TestNoCitizen(t *testing.T) {
	h := newHouse(t)
	for _, do := range operations {
		for _, c := range []identity.Caller{token(citizenC), portal(granted, citizenC), staff()} {
			refusedAs(t, do(t.Context(), h, c, cpr.Number{}, consent.MinID), fault.Malformed, "invalid_request")
		}
		for _, c := range []identity.Caller{portal(ungranted, citizenC), doctor(doctorD), dds(granted, doctorD)} {
			refusedAs(t, do(t.Context(), h, c, cpr.Number{}, consent.MinID), fault.Forbidden, fault.CodeNotAuthorized)
		}
	}
	for _, err := range []error{
		second(h.Add(t.Context(), token(citizenC), nil)), second(h.Modify(t.Context(), token(citizenC), nil)),
		second(h.Revoke(t.Context(), token(citizenC), nil)),
	} {
		refusedAs(t, err, fault.Malformed, "invalid_request")
	}
	assert.Empty(t, h.told(t))
}

func second[T any](_ T, err error) error { return err }

// adding has a caller add registrations.
func (h *house) adding(t testing.TB, c identity.Caller, entries ...consenting.Addition) ([]consent.Registration, error) {
	t.Helper()
	return h.Add(t.Context(), c, entries)
}

func addition(citizen cpr.Number, kind consent.Kind, edit func(*consent.Draft)) consenting.Addition {
	a := consenting.Addition{Citizen: citizen, Kind: kind, Draft: always()}
	if edit != nil {
		edit(&a.Draft)
	}
	return a
}

func TestAdd(t *testing.T) {
	tomorrow := fixedNow.AddDate(0, 0, 1)
	for _, c := range []struct {
		name string
		kind consent.Kind
		edit func(*consent.Draft)
		text string // of the fault
		code string
	}{
		{"CT-20 a positive consent without end", consent.Positive,
			func(d *consent.Draft) { d.Valid.To = time.Time{} }, consent.ErrNoEnd.Text, "invalid_validity"},
		{"CT-20 an end that is not after the beginning", consent.Positive,
			func(d *consent.Draft) { d.Valid = validity.Period{From: tomorrow, To: tomorrow} }, consent.ErrEnd.Text, "invalid_validity"},
		{"CT-20 an end in the past", consent.Constraint,
			func(d *consent.Draft) { d.Valid = validity.Period{From: fixedNow.AddDate(-1, 0, 0), To: fixedNow} }, consent.ErrPast.Text, "invalid_validity"},
		{"CT-20 an organisation that is not known", consent.Constraint,
			func(d *consent.Draft) { d.What.Origin.SOR = "999099000016000" }, consent.ErrWhatOrg.Text, "unknown_organization"},
		{"CT-21 a constraint without beginning", consent.Constraint,
			func(d *consent.Draft) { d.Valid.From = time.Time{} }, consent.ErrMissingFrom.Text, "invalid_request"},
		{"CT-22 two targets", consent.Constraint,
			func(d *consent.Draft) { d.Who = consent.Who{Person: doctorD, Org: consent.Organisation{SOR: ward}} }, consent.ErrTargets.Text, "invalid_who"},
		{"CT-22 sub-units of nothing", consent.Constraint,
			func(d *consent.Draft) { d.Who.Org.SubUnits = true }, consent.ErrWhoSubs.Text, "invalid_who"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			_, err := h.adding(t, token(citizenC), addition(citizenC, consent.Constraint, nil), addition(citizenC, c.kind, c.edit))
			f, _ := fault.Of(err)
			assert.Equal(t, [2]string{c.code, "Entry 2: " + c.text}, [2]string{f.Code, f.Text})
			assert.Empty(t, h.kept(t, citizenC))
			assert.Empty(t, h.told(t))
		})
	}

	t.Run("CT-21 a constraint without end", func(t *testing.T) {
		h := newHouse(t)
		r := h.add(t, citizenC, consent.Constraint, consent.Draft{Valid: validity.Period{From: fixedNow}})
		assert.Equal(t, consent.Registration{
			ID: r.ID, Version: 1, Citizen: citizenC, Valid: validity.Period{From: fixedNow}, Active: true,
			Created: consent.Stamp{At: fixedNow, System: "sundhed.dk", User: citizenC.Digits()},
		}, r)
		assert.Equal(t, []consent.Registration{r}, h.kept(t, citizenC))
	})

	t.Run("CT-24 the second of three is bad", func(t *testing.T) {
		h := newHouse(t)
		_, err := h.Add(t.Context(), token(citizenC), []consenting.Addition{
			addition(citizenC, consent.Positive, nil), addition(citizenC, consent.Positive, func(d *consent.Draft) { d.Valid.To = time.Time{} }),
			addition(citizenC, consent.Positive, nil),
		})
		f, _ := fault.Of(err)
		assert.Equal(t, "Entry 2: a positive consent must have an end", f.Text)
		assert.Empty(t, h.kept(t, citizenC))
		assert.Empty(t, h.told(t))
	})

	t.Run("CT-25 more than 100", func(t *testing.T) {
		h := newHouse(t)
		many := make([]consenting.Addition, 101)
		for i := range many {
			many[i] = addition(citizenC, consent.Constraint, nil)
		}
		_, err := h.Add(t.Context(), token(citizenC), many)
		refusedAs(t, err, fault.TooLarge, "too_many")
		require.ErrorContains(t, err, "At most 100 entries per request")
		refusedAs(t, second(h.Modify(t.Context(), staff(), make([]consenting.Modification, 101))), fault.TooLarge, "too_many")
		refusedAs(t, second(h.Revoke(t.Context(), staff(), make([]consenting.Revocation, 101))), fault.TooLarge, "too_many")
		stored, err := h.Add(t.Context(), token(citizenC), many[:100])
		require.NoError(t, err)
		assert.Len(t, stored, 100)
		assert.Len(t, h.told(t), 100)
	})

	t.Run("CT-25 two citizens", func(t *testing.T) {
		h := newHouse(t)
		_, err := h.adding(t, staff(), addition(citizenC, 0, nil), addition(citizenB, 0, nil))
		refusedAs(t, err, fault.Malformed, "invalid_request")
		require.ErrorContains(t, err, "Entry 2: ")
		refusedAs(t, second(h.adding(t, staff(), addition(citizenC, 0, nil), consenting.Addition{Draft: always()})), fault.Malformed, "invalid_request")
		assert.Empty(t, h.kept(t, citizenC))
		assert.Empty(t, h.kept(t, citizenB))
	})

	t.Run("CT-25 one more active than there may be", func(t *testing.T) {
		h := newHouse(t)
		h.MaxActive = 3
		first := h.add(t, citizenC, consent.Constraint, always())
		_, err := h.adding(t, token(citizenC), addition(citizenC, 0, nil), addition(citizenC, 0, nil), addition(citizenC, 0, nil))
		refusedAs(t, err, fault.Invalid, "too_many")
		require.ErrorContains(t, err, "Entry 3: ")
		assert.Len(t, h.kept(t, citizenC), 1)
		_, err = h.adding(t, token(citizenC), addition(citizenC, 0, nil), addition(citizenC, 0, nil))
		require.NoError(t, err)
		refusedAs(t, second(h.adding(t, token(citizenC), addition(citizenC, 0, nil))), fault.Invalid, "too_many")
		_, err = h.Revoke(t.Context(), token(citizenC), []consenting.Revocation{{Citizen: citizenC, ID: first.ID}})
		require.NoError(t, err)
		h.add(t, citizenC, consent.Positive, always())
	})

	t.Run("authorisation before limits, limits before entries", func(t *testing.T) {
		h := newHouse(t)
		refusedAs(t, second(h.Add(t.Context(), token(citizenB), make101(citizenC))), fault.Forbidden, fault.CodeNotAuthorized)
		refusedAs(t, second(h.Add(t.Context(), token(citizenC), make101(cpr.Number{}))), fault.TooLarge, "too_many")
	})
}

func make101(citizen cpr.Number) []consenting.Addition {
	many := make([]consenting.Addition, 101)
	for i := range many {
		many[i].Citizen = citizen
	}
	return many
}

func TestModify(t *testing.T) {
	h := newHouse(t)
	first := h.add(t, citizenC, consent.Constraint, always())
	modify := func(c identity.Caller, m ...consenting.Modification) ([]consent.Registration, error) {
		return h.Modify(t.Context(), c, m)
	}
	draft := always()
	draft.Who = consent.Who{Org: consent.Organisation{SOR: hospital, SubUnits: true}}

	t.Run("CO-13 the whole of it is replaced", func(t *testing.T) {
		h.pass(time.Hour)
		stored, err := modify(staff(), consenting.Modification{Citizen: citizenC, ID: first.ID, Version: 1, Draft: draft})
		require.NoError(t, err)
		want := first
		want.Version, want.Who = 2, draft.Who
		want.Modified = consent.Stamp{At: fixedNow.Add(time.Hour), System: "Test Portal", User: staffS.Digits()}
		assert.Equal(t, []consent.Registration{want}, stored)
		assert.Equal(t, stored, h.kept(t, citizenC))
	})

	t.Run("CT-20 a constraint is no positive consent", func(t *testing.T) {
		_, err := modify(token(citizenC), consenting.Modification{Citizen: citizenC, ID: first.ID, Kind: consent.Positive, Draft: draft})
		refusedAs(t, err, fault.Conflict, "consent_type_mismatch")
		require.ErrorContains(t, err, "Entry 1: the registration is not a positive consent")
	})

	t.Run("CT-46 made of a version that is not the latest", func(t *testing.T) {
		_, err := modify(token(citizenC), consenting.Modification{Citizen: citizenC, ID: first.ID, Version: 1, Draft: draft})
		require.ErrorIs(t, err, consenting.ErrStale)
		refusedAs(t, err, fault.Stale, "conflict")
		_, err = modify(token(citizenC), consenting.Modification{Citizen: citizenC, ID: first.ID, Version: 3, Draft: draft})
		require.ErrorIs(t, err, consenting.ErrStale)
	})

	t.Run("UC-3 the same twice", func(t *testing.T) {
		other := h.add(t, citizenC, consent.Constraint, always())
		m := consenting.Modification{Citizen: citizenC, ID: first.ID, Draft: draft}
		between := consenting.Modification{Citizen: citizenC, ID: other.ID, Draft: draft}
		_, err := modify(token(citizenC), m, between, m)
		refusedAs(t, err, fault.Malformed, "invalid_request")
		require.ErrorContains(t, err, "Entry 3: ")
		r := consenting.Revocation{Citizen: citizenC, ID: first.ID}
		refusedAs(t, second(h.Revoke(t.Context(), token(citizenC), []consenting.Revocation{r, r})), fault.Malformed, "invalid_request")
		assert.Equal(t, 2, h.kept(t, citizenC)[0].Version)
		assert.Equal(t, 1, h.kept(t, citizenC)[1].Version)
	})

	t.Run("UC-3 an id that is not said", func(t *testing.T) {
		_, err := modify(token(citizenC), consenting.Modification{Citizen: citizenC, Draft: draft})
		refusedAs(t, err, fault.Malformed, "invalid_request")
		refusedAs(t, second(h.Revoke(t.Context(), token(citizenC), []consenting.Revocation{{Citizen: citizenC}})), fault.Malformed, "invalid_request")
	})
}

func TestRevoke(t *testing.T) {
	h := newHouse(t)
	ctx, me := t.Context(), token(citizenC)
	first := h.add(t, citizenC, consent.Constraint, always())
	of := []consenting.Revocation{{Citizen: citizenC, ID: first.ID}}

	t.Run("CT-17 it is there, and inactive", func(t *testing.T) {
		h.pass(time.Minute)
		stored, err := h.Revoke(ctx, me, of)
		require.NoError(t, err)
		want := first
		want.Version, want.Active = 2, false
		want.Modified = consent.Stamp{At: fixedNow.Add(time.Minute), System: "sundhed.dk", User: citizenC.Digits()}
		assert.Equal(t, []consent.Registration{want}, stored)
		all, err := h.Get(ctx, me, citizenC)
		require.NoError(t, err)
		assert.Equal(t, stored, all)
		versions, err := h.Versions(ctx, me, citizenC, first.ID)
		require.NoError(t, err)
		assert.Equal(t, []consent.Registration{first, want}, versions)
	})

	t.Run("CT-18 again", func(t *testing.T) {
		before := h.kept(t, citizenC)
		_, err := h.Revoke(ctx, me, of)
		refusedAs(t, err, fault.Conflict, "consent_inactive")
		require.ErrorContains(t, err, "Entry 1: the registration has been revoked")
		_, err = h.Modify(ctx, me, []consenting.Modification{{Citizen: citizenC, ID: first.ID, Draft: always()}})
		refusedAs(t, err, fault.Conflict, "consent_inactive")
		assert.Equal(t, before, h.kept(t, citizenC))
	})

	t.Run("CT-19 another citizen's is as none", func(t *testing.T) {
		others := h.add(t, citizenB, consent.Constraint, always())
		var texts []string
		for _, id := range []consent.ID{others.ID, consent.MaxID} {
			for _, err := range []error{
				second(h.Revoke(ctx, me, []consenting.Revocation{{Citizen: citizenC, ID: id}})),
				second(h.Modify(ctx, me, []consenting.Modification{{Citizen: citizenC, ID: id, Draft: always()}})),
				second(h.Modify(ctx, me, []consenting.Modification{{Citizen: citizenC, ID: id, Version: 7, Draft: always()}})),
			} {
				refusedAs(t, err, fault.NotFound, "consent_not_found")
				texts = append(texts, err.Error())
			}
			refusedAs(t, second(h.Versions(ctx, me, citizenC, id)), fault.NotFound, "consent_not_found")
		}
		for _, text := range texts {
			assert.Equal(t, texts[0], text)
		}
		assert.Equal(t, []consent.Registration{others}, h.kept(t, citizenB))
	})
}

// TestIDs: ids are drawn until nobody has them, and not for ever.
func TestIDs(t *testing.T) {
	h := newHouse(t)
	taken := h.add(t, citizenC, consent.Constraint, always())
	others := h.add(t, citizenB, consent.Constraint, always())
	h.told(t)

	h.draws = []consent.ID{others.ID, taken.ID, consent.MaxID, consent.MaxID, consent.MaxID, consent.MaxID - 1}
	stored, err := h.adding(t, token(citizenC), addition(citizenC, 0, nil), addition(citizenC, 0, nil))
	require.NoError(t, err)
	assert.Equal(t, []consent.ID{consent.MaxID, consent.MaxID - 1}, []consent.ID{stored[0].ID, stored[1].ID}, "three drawings met taken ids")
	assert.Len(t, h.told(t), 2)

	for range 20 {
		h.draws = append(h.draws, others.ID)
	}
	_, err = h.adding(t, token(citizenC), addition(citizenC, 0, nil))
	refusedAs(t, err, fault.Unavailable, fault.CodeProcessing)
	assert.Len(t, h.draws, 15)
	assert.Len(t, h.kept(t, citizenC), 3)
	assert.Empty(t, h.told(t))

	h.DrawID = func() (consent.ID, error) { return 0, errSecret }
	_, err = h.adding(t, token(citizenC), addition(citizenC, 0, nil))
	down(t, err)
}

// TestAdministrationWithStoresDown fails each of what an operation writes and reads in turn: the caller hears that there is no answer, and
// nothing is half done.
func TestAdministrationWithStoresDown(t *testing.T) {
	for op, do := range operations {
		t.Run("CT-40 "+string(op), func(t *testing.T) {
			for _, cause := range []error{errSecret, fault.Error{Kind: fault.NotFound, Code: "x", Text: "y"}} {
				for _, fail := range []func(*house){
					func(h *house) {
						h.store.OnRead.FailFrom(1, cause)
						h.store.OnUpdate.FailFrom(1, cause)
						h.overrides.OnRead.FailFrom(1, cause)
					},
					func(h *house) { h.outbox.OnPut.FailFrom(1, cause) },
				} {
					h := newHouse(t)
					first := h.add(t, citizenC, consent.Constraint, always())
					h.told(t)
					fail(h)
					err := do(t.Context(), h, token(citizenC), citizenC, first.ID)
					if err == nil {
						assert.Contains(t, "amr", string(op), "%c needs no outbox of its own", op)
						assert.Len(t, h.told(t), 1, "the store has the notice")
						continue
					}
					refusedAs(t, err, fault.Unavailable, fault.CodeProcessing)
					require.ErrorIs(t, err, cause)
					assert.Empty(t, h.told(t))
					assert.Equal(t, []consent.Registration{first}, h.kept(t, citizenC))
				}
			}
		})
	}
	t.Run("UC-11 others got in between too often", func(t *testing.T) {
		h := newHouse(t)
		h.store.OnUpdate.FailFrom(1, ports.ErrConflict)
		_, err := h.adding(t, token(citizenC), addition(citizenC, 0, nil))
		refusedAs(t, err, fault.Conflict, "conflict")
	})
}

// TestAllOrNothing: what fails after the change leaves nothing of it, nor of what MinLog would be told.
func TestAllOrNothing(t *testing.T) {
	h := newHouse(t)
	err := h.db.Units().Run(t.Context(), func(ctx context.Context) error {
		if _, err := h.Add(ctx, token(citizenC), []consenting.Addition{addition(citizenC, 0, nil)}); err != nil {
			return err
		}
		return second(h.Get(ctx, token(citizenC), citizenC))
	}, func(context.Context) error { return errSecret })
	require.ErrorIs(t, err, errSecret)
	assert.Empty(t, h.kept(t, citizenC))
	assert.Empty(t, h.told(t))
}

func TestChangesAtOnce(t *testing.T) {
	const many = 20
	atOnce := func(do func(i int) error) (errs []error) {
		errs = make([]error, many)
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() { errs[i] = do(i) })
		}
		all.Wait()
		return errs
	}
	t.Run("CT-42 20 parallel adds", func(t *testing.T) {
		h := newHouse(t)
		for _, err := range atOnce(func(int) error {
			return second(h.adding(t, token(citizenC), addition(citizenC, 0, nil)))
		}) {
			require.NoError(t, err)
		}
		assert.Len(t, h.kept(t, citizenC), many)
		assert.Len(t, h.told(t), many)
	})
	t.Run("CT-42 20 parallel revokes of one", func(t *testing.T) {
		h := newHouse(t)
		first := h.add(t, citizenC, consent.Constraint, always())
		h.told(t)
		won := 0
		for _, err := range atOnce(func(int) error {
			return second(h.Revoke(t.Context(), token(citizenC), []consenting.Revocation{{Citizen: citizenC, ID: first.ID}}))
		}) {
			if err == nil {
				won++
				continue
			}
			refusedAs(t, err, fault.Conflict, "consent_inactive")
		}
		assert.Equal(t, 1, won)
		assert.Equal(t, 2, h.kept(t, citizenC)[0].Version)
		assert.Len(t, h.told(t), 1)
	})
}

func TestAdministrationIsAudited(t *testing.T) {
	const patient = "patient-id=0101010101 patient-id-source=CPR"
	h := newHouse(t)
	first := h.add(t, citizenC, consent.Constraint, always())
	assert.Equal(t, []string{"Samtykke/ConsentAddConstraint " + patient + " actor-role=Borger actor-id=0101010101 actor-id-source=CPR " +
		"System=sundhed.dk consent-id.0=" + first.ID.String() + " consent-status.0=in_force"}, h.said())

	staffs := patient + " actor-role=SpaerAdminR8 actor-id=0101010005 actor-id-source=CPR System=Test Portal"
	_, err := h.Get(t.Context(), staff(), citizenC)
	require.NoError(t, err)
	assert.Equal(t, []string{"Samtykke/ConsentRegistrationsGet " + staffs + " items=1"}, h.said())
	_, err = h.Versions(t.Context(), staff(), citizenC, first.ID)
	require.NoError(t, err)
	assert.Equal(t, []string{"Samtykke/ConsentVersions " + staffs + " consent-id=" + first.ID.String() + " items=1"}, h.said())
	_, err = h.ListOverrides(t.Context(), staff(), citizenC, validity.Period{}, "", 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"Samtykke/ConsentOverrides " + staffs + " items=0"}, h.said())
	_, err = h.Explain(t.Context(), staff(), question(citizenC), time.Time{}, make([]consenting.Item, 2))
	require.NoError(t, err)
	assert.Equal(t, []string{"Samtykke/ConsentExplain " + staffs + " items=2"}, h.said())
	_, err = h.Revoke(t.Context(), staff(), []consenting.Revocation{{Citizen: citizenC, ID: first.ID}})
	require.NoError(t, err)
	assert.Equal(t, []string{"Samtykke/ConsentRevoke " + staffs + " consent-id.0=" + first.ID.String() + " consent-status.0=revoked"}, h.said())

	for want, kinds := range map[string][]consent.Kind{
		"Constraint": {consent.Constraint}, "Positive": {consent.Positive, consent.Positive}, "": {consent.Positive, consent.Constraint},
	} {
		var additions []consenting.Addition
		var modifications []consenting.Modification
		for _, kind := range kinds {
			additions = append(additions, consenting.Addition{Kind: kind})
			modifications = append(modifications, consenting.Modification{Kind: kind})
		}
		_, err = h.Add(t.Context(), doctor(doctorD), additions)
		require.Error(t, err)
		assert.Contains(t, h.said()[0], "Samtykke/ConsentAdd"+want+" ")
		_, err = h.Modify(t.Context(), doctor(doctorD), modifications)
		require.Error(t, err)
		assert.Contains(t, h.said()[0], "Samtykke/ConsentModify"+want+" ")
	}

	_, err = h.Revoke(t.Context(), doctor(doctorD), []consenting.Revocation{{Citizen: citizenC, ID: first.ID}})
	require.Error(t, err)
	assert.Equal(t, []string{"Samtykke/ConsentRevoke " + patient + " actor-role=7170 actor-id=0202020202 actor-id-source=CPR " +
		"System=Test Portal consent-id.0=" + first.ID.String() + " items=1"}, h.said())
	_, err = h.Get(t.Context(), dds(granted, doctorD), citizenC)
	require.Error(t, err)
	assert.Len(t, h.said(), 1)
}

func TestExplain(t *testing.T) {
	h := newHouse(t)
	blocked := h.add(t, citizenC, consent.Constraint, consent.Draft{
		What: consent.What{Origin: consent.Organisation{SOR: hospital, SubUnits: true}}, Valid: validity.Period{From: fixedNow.Add(-time.Hour)},
	})
	revoked := h.add(t, citizenC, consent.Constraint, always())
	_, err := h.Revoke(t.Context(), token(citizenC), []consenting.Revocation{{Citizen: citizenC, ID: revoked.ID}})
	require.NoError(t, err)
	items := []consenting.Item{{Origin: org.ID{Code: wardSHAK, Scheme: org.SHAK}}, {Origin: org.ID{Code: otherRegion, Scheme: org.SOR}}}
	h.told(t)

	t.Run("CT-45 reasons, of all registrations", func(t *testing.T) {
		e, err := h.Explain(t.Context(), token(citizenC), question(citizenC), time.Time{}, items)
		require.NoError(t, err)
		assert.Equal(t, consent.DataSpecific, e.Answer)
		assert.ElementsMatch(t, []consent.Explained{
			{ID: blocked.ID, Version: 1, Applies: true, Reason: consent.AppliesToSomeData}, {ID: revoked.ID, Version: 2, Reason: consent.ReasonRevoked},
		}, e.Registrations)
		assert.Equal(t, []consent.ExplainedItem{{Constraints: []consent.ID{blocked.ID}}, {Allowed: true}}, e.Items)
		assert.Len(t, h.told(t), 1)
	})

	t.Run("CT-45 as it was before", func(t *testing.T) {
		e, err := h.Explain(t.Context(), staff(), question(citizenC), fixedNow.Add(-2*time.Hour), items)
		require.NoError(t, err)
		assert.Equal(t, consent.PositiveAnswer, e.Answer)
		assert.Equal(t, consent.NotYet, e.Registrations[0].Reason)
	})

	t.Run("CT-45 an override changes nothing", func(t *testing.T) {
		q := question(citizenC)
		q.Override = true
		c := token(citizenC)
		c.Override = true
		e, err := h.Explain(t.Context(), c, q, time.Time{}, items)
		require.NoError(t, err)
		assert.Equal(t, consent.DataSpecific, e.Answer)
		overrides, err := h.ListOverrides(t.Context(), token(citizenC), citizenC, validity.Period{}, "", 10)
		require.NoError(t, err)
		assert.Empty(t, overrides)
	})

	t.Run("CT-45 not for professionals", func(t *testing.T) {
		h.Professionals = true
		for _, c := range []identity.Caller{doctor(doctorD), dds(granted, doctorD)} {
			refusedAs(t, second(h.Explain(t.Context(), c, question(citizenC), time.Time{}, nil)), fault.Forbidden, fault.CodeNotAuthorized)
		}
	})

	t.Run("a question that lacks something", func(t *testing.T) {
		q := question(citizenC)
		q.Acting = cpr.Number{}
		refusedAs(t, second(h.Explain(t.Context(), token(citizenC), q, time.Time{}, nil)), fault.Malformed, "invalid_request")
	})

	t.Run("more items than there may be", func(t *testing.T) {
		h.MaxItems = 1
		refusedAs(t, second(h.Explain(t.Context(), token(citizenC), question(citizenC), time.Time{}, items)), fault.TooLarge, "too_many")
		h.MaxItems = 0
		_, err := h.Explain(t.Context(), token(citizenC), question(citizenC), time.Time{}, make([]consenting.Item, 10_001))
		refusedAs(t, err, fault.TooLarge, "too_many")
	})

	// Each item names each registration that covers it: 10,000 items times 1,000 registrations would be 1 GiB of answer in the making.
	t.Run("more items than may be explained by so many registrations", func(t *testing.T) {
		h := newHouse(t)
		additions := make([]consenting.Addition, 100)
		for i := range additions {
			additions[i] = consenting.Addition{Citizen: citizenC, Draft: always()}
		}
		for range 2 {
			_, err := h.Add(t.Context(), token(citizenC), additions)
			require.NoError(t, err)
		}
		for n, text := range map[int]string{5001: "At most 5000 items per request", 10: ""} {
			e, err := h.Explain(t.Context(), token(citizenC), question(citizenC), time.Time{}, make([]consenting.Item, n))
			if text == "" {
				require.NoError(t, err)
				assert.Len(t, e.Items[n-1].Constraints, 200)
				continue
			}
			refusedAs(t, err, fault.TooLarge, "too_many")
			assert.ErrorContains(t, err, text)
		}
	})
}

func TestListOverrides(t *testing.T) {
	h := newHouse(t)
	var all []consent.Override
	for i, id := range []string{"0000000000000000000000000A", "0000000000000000000000000B", "0000000000000000000000000C"} {
		o := consent.Override{
			ID: id, At: fixedNow.Add(time.Duration(i) * time.Minute), Citizen: citizenC, Acting: doctorD, CVR: granted, MessageID: id, Operation: "x",
		}
		require.NoError(t, h.db.Overrides(true).Append(t.Context(), o))
		all = append(all, o)
	}
	list := func(p validity.Period, before string, n int) []consent.Override {
		t.Helper()
		found, err := h.ListOverrides(t.Context(), token(citizenC), citizenC, p, before, n)
		require.NoError(t, err)
		return found
	}
	assert.Equal(t, []consent.Override{all[2], all[1]}, list(validity.Period{}, "", 2))
	assert.Equal(t, []consent.Override{all[0]}, list(validity.Period{}, all[1].ID, 2))
	assert.Equal(t, []consent.Override{all[1]}, list(validity.Period{From: all[1].At, To: all[2].At}, "", 2))
}
