package consenting_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/org"
)

func minLogRules() *minlog.Rules {
	return &minlog.Rules{
		Interface: minlog.Interface20250312, Now: fixedNow, FutureTolerance: time.Minute, MaxPeriod: time.Hour, Cutoff: fixedNow.AddDate(-2, 0, 0),
	}
}

func entriesOf(n notice.Notice) []minlog.Entry { return []minlog.Entry{n.Entry} }

// breaking is a caller that overrides.
func breaking(c identity.Caller) identity.Caller {
	return changed(c, func(c *identity.Caller) { c.Override = true })
}

// claiming is a caller whose header gives an authorisation.
func claiming(c identity.Caller, code string) identity.Caller {
	return changed(c, func(c *identity.Caller) { c.HSUID.ResponsibleCode = code })
}

func TestOverride(t *testing.T) {
	t.Run("CT-33 an authorised professional breaks through", func(t *testing.T) {
		s := newSurgery(t)
		s.register(t, block(consent.Who{}))
		call := func(message string) identity.Caller {
			return changed(breaking(doctor(doctorD)), func(c *identity.Caller) { c.MessageID, c.Name = message, "Dorte Læge" })
		}
		got, err := s.check(t, call("m1"), asking(doctorD))
		require.NoError(t, err)
		assert.Equal(t, "positive", got)
		s.pass(time.Second)
		got, err = s.items(t, call("m2"), asking(doctorD), consenting.Item{}, consenting.Item{Origin: org.ID{Code: ward, Scheme: org.SOR}})
		require.NoError(t, err)
		assert.Equal(t, "allowed allowed", got)
		s.pass(time.Second)
		_, err = s.Revoke(t.Context(), token(citizenC), []consenting.Revocation{{ID: s.kept(t, citizenC)[0].ID, Citizen: citizenC}})
		require.NoError(t, err)
		s.house.told(t)
		require.Zero(t, s.reads.active, "what is registered does not count")
		got, err = s.check(t, call("m3"), asking(doctorD))
		require.NoError(t, err)
		assert.Equal(t, "positive", got, "with nothing blocked")

		rows := s.overridden(t)
		require.Len(t, rows, 3)
		for i, r := range rows {
			require.Len(t, r.ID, 26)
			assert.Equal(t, consent.Override{
				ID: r.ID, At: fixedNow.Add(time.Duration(2-i) * time.Second), Citizen: citizenC, Acting: doctorD, AuthorisationCode: "0TST1",
				Org: org.ID{Code: hospital, Scheme: org.SOR}, System: "Test Portal", CVR: ungranted, MessageID: []string{"m3", "m2", "m1"}[i],
				Operation: []string{"ConsentForUserCheck", "ConsentForDataCheck", "ConsentForUserCheck"}[i],
			}, r)
		}
	})

	t.Run("CT-33 MinLog is told", func(t *testing.T) {
		s := newSurgery(t)
		_, err := s.check(t, breaking(changed(doctor(doctorD), func(c *identity.Caller) { c.Name = "Dorte Læge" })), asking(doctorD))
		require.NoError(t, err)
		told := s.told(t)
		require.Len(t, told, 1)
		assert.Equal(t, minlog.Entry{
			System: "MinSpærring", Activity: "Værdispring", Addition: "Værdispring", From: fixedNow, To: fixedNow,
			Org: minlog.ID{Source: minlog.SOR, Value: hospital}, Person: minlog.ID{Source: minlog.CPR, Value: citizenC.Digits()},
			User: minlog.ID{Source: minlog.CPR, Value: doctorD.Digits()}, UserName: "Dorte Læge", CorrelationID: messageID[:46],
		}, told[0].Entry)
		assert.Equal(t, told[0].ID, told[0].Key)
		requireTaken(t, told)
	})

	code := func(q *consenting.Question) { q.AuthorisationCode = "0tst1" }
	helper := card(helperH, func(c *identity.Caller) { c.Org.CVR = granted })
	for _, c := range []struct {
		name   string
		caller identity.Caller
		q      consenting.Question
		edit   func(*surgery)
		row    consent.Override // Acting, Responsible and AuthorisationCode of it; without any, it is refused
	}{
		{"AU-10 AU-5 the code of a card is signed", breaking(changed(doctor(helperH), func(c *identity.Caller) { c.AuthorisationCode = "ZZZZZ" })),
			asking(helperH), nil,
			consent.Override{Acting: helperH, AuthorisationCode: "ZZZZZ"}},
		{"AU-10 AU-6 a helper with the doctor's code", breaking(claiming(helper, codeD)), forAnother(helperH, doctorD), nil,
			consent.Override{Acting: helperH, Responsible: doctorD, AuthorisationCode: codeD}},
		{"CT-34 AU-6 a helper without code", breaking(helper), forAnother(helperH, doctorD), nil, consent.Override{}},
		{"AU-10 AU-6 a code that has ended", breaking(claiming(helper, endedCode)), forAnother(helperH, doctorD), nil, consent.Override{}},
		{"AU-10 AU-6 a code of nobody", breaking(claiming(helper, "ABCDE")), forAnother(helperH, doctorD), nil, consent.Override{}},
		{"AU-10 AU-6 the code of another", breaking(claiming(helper, codeD)), forAnother(helperH, staffS), nil, consent.Override{}},
		{"AU-10 AU-6 the code is not looked up", breaking(claiming(helper, "ABCDE")), forAnother(helperH, doctorD),
			func(s *surgery) { s.v.VerifyAuthorisation, s.v.Authorisations = false, nil },
			consent.Override{Acting: helperH, Responsible: doctorD, AuthorisationCode: "ABCDE"}},
		{"AU-10 AU-6 without code, where it is not looked up", breaking(helper), forAnother(helperH, doctorD),
			func(s *surgery) { s.v.VerifyAuthorisation = false }, consent.Override{}},
		{"AU-10 AU-7 a system with the professional's code", breaking(claiming(dds(granted, doctorD), codeD)), asking(doctorD), nil,
			consent.Override{Acting: doctorD, AuthorisationCode: codeD}},
		{"AU-10 AU-7 a system with the responsible's code", breaking(claiming(dds(granted, helperH), codeD)), forAnother(helperH, doctorD), nil,
			consent.Override{Acting: helperH, Responsible: doctorD, AuthorisationCode: codeD}},
		{"AU-10 AU-7 a system with a helper's own code", breaking(claiming(dds(granted, doctorD), codeD)), forAnother(doctorD, helperH), nil,
			consent.Override{}},
		{"AU-10 AU-7 a system without code", breaking(dds(granted, doctorD)), asking(doctorD), nil, consent.Override{}},
		{"AU-10 AU-7 a system without code, where it is not looked up", breaking(dds(granted, doctorD)), asking(doctorD),
			func(s *surgery) { s.v.VerifyAuthorisation = false }, consent.Override{}},
		{"AU-10 AU-7 the message does not give the code beside a header", breaking(dds(granted, doctorD)), questioned(asking(doctorD), code), nil,
			consent.Override{}},
		{"HS-9 AU-7 a session, in the message", session(granted),
			questioned(asking(doctorD), func(q *consenting.Question) { code(q); q.Override = true }), nil,
			consent.Override{Acting: doctorD, AuthorisationCode: codeD}},
		{"AU-10 AU-7 a session without code", session(granted),
			questioned(asking(doctorD), func(q *consenting.Question) { q.Override = true }), nil, consent.Override{}},
		{"CT-36 HS-9 AU-5 a token, EMERGENCY", breaking(employee(doctorD)), asking(doctorD), nil,
			consent.Override{Acting: doctorD, AuthorisationCode: "0TST1"}},
		{"CT-34 AU-8 a contact point", breaking(contactPoint(granted)), foreigner(), nil, consent.Override{}},
		{"AU-8 a contact point with a code", breaking(claiming(contactPoint(granted), codeD)), foreigner(), nil, consent.Override{}},
		{"AU-9 the citizen herself", breaking(token(citizenC)), asking(doctorD), nil, consent.Override{}},
		{"AU-9 a portal", breaking(portal(granted, citizenC)), asking(doctorD), nil, consent.Override{}},
		{"AU-7 a system without grant", breaking(claiming(dds(ungranted, doctorD), codeD)), asking(doctorD), nil, consent.Override{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSurgery(t)
			s.register(t, block(consent.Who{}))
			if c.edit != nil {
				c.edit(s)
			}
			got, err := s.check(t, c.caller, c.q)
			rows, told := s.overridden(t), s.told(t)
			assert.Contains(t, strings.Join(s.said(), "\n"), "override=true", "audited")
			assert.Zero(t, s.reads.active)
			if c.row == (consent.Override{}) {
				refusedAs(t, err, fault.Forbidden, notAuthorized)
				assert.Empty(t, rows)
				assert.Empty(t, told)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "positive", got)
			require.Len(t, rows, 1)
			r := rows[0]
			assert.Equal(t, c.row, consent.Override{Acting: r.Acting, Responsible: r.Responsible, AuthorisationCode: r.AuthorisationCode})
			require.Len(t, told, 1)
			requireTaken(t, told)
		})
	}

	t.Run("AU-8 a contact point, where foreigners may override", func(t *testing.T) {
		s := newSurgery(t)
		s.v.OverrideByForeigners = true
		s.register(t, block(consent.Who{}))
		got, err := s.items(t, breaking(contactPoint(granted)), foreigner(), consenting.Item{})
		require.NoError(t, err)
		assert.Equal(t, "allowed", got)
		rows, told := s.overridden(t), s.told(t)
		require.Len(t, rows, 1)
		assert.Equal(t, [3]any{cpr.Number{}, "", "ConsentForDataCheck"}, [3]any{rows[0].Acting, rows[0].AuthorisationCode, rows[0].Operation})
		require.Len(t, told, 1)
		assert.Equal(t, minlog.ID{Source: minlog.EuropeanHealthProfessional, Value: "SE-TEST-1"}, told[0].Entry.User)
		requireTaken(t, told)
	})

	t.Run("AU-8 no other foreigner breaks through by the message of the first", func(t *testing.T) {
		s := newSurgery(t)
		s.v.OverrideByForeigners = true
		_, err := s.check(t, breaking(contactPoint(granted)), foreigner())
		require.NoError(t, err)
		_, err = s.check(t, breaking(contactPoint(granted)), questioned(foreigner(), func(q *consenting.Question) { q.Identifier = "SE-TEST-2" }))
		refusedAs(t, err, fault.Malformed, invalid)
		assert.Len(t, s.overridden(t), 1)
		assert.Len(t, s.told(t), 1)
	})

	t.Run("CT-35 what cannot be kept is not answered", func(t *testing.T) {
		s := newSurgery(t)
		s.overrides.OnAppend.FailFrom(1, errSecret)
		_, err := s.check(t, breaking(doctor(doctorD)), asking(doctorD))
		down(t, err)
		_, err = s.items(t, breaking(doctor(doctorD)), asking(doctorD), consenting.Item{})
		down(t, err)
		assert.Empty(t, s.overridden(t))
	})

	t.Run("CT-40 the register does not answer", func(t *testing.T) {
		s := newSurgery(t)
		s.doctors.OnRead.FailFrom(1, errSecret)
		_, err := s.check(t, breaking(claiming(dds(granted, doctorD), codeD)), asking(doctorD))
		down(t, err)
		assert.Empty(t, s.overridden(t))
		_, err = s.check(t, breaking(doctor(doctorD)), asking(doctorD))
		require.NoError(t, err, "a signed code is not looked up")
	})

	t.Run("UC-8 every call without MessageID is kept", func(t *testing.T) {
		s := newSurgery(t)
		q := questioned(asking(doctorD), func(q *consenting.Question) { q.AuthorisationCode, q.Override = codeD, true })
		for range 2 {
			_, err := s.check(t, session(granted), q)
			require.NoError(t, err)
		}
		assert.Len(t, s.overridden(t), 2)
	})

	t.Run("UC-8 a message that comes again is kept once", func(t *testing.T) {
		s := newSurgery(t)
		for range 2 {
			got, err := s.check(t, breaking(doctor(doctorD)), asking(doctorD))
			require.NoError(t, err)
			assert.Equal(t, "positive", got)
		}
		assert.Len(t, s.overridden(t), 1)
		assert.Len(t, s.told(t), 1)
	})

	t.Run("UC-8 no message breaks through twice for one line in the log", func(t *testing.T) {
		s := newSurgery(t)
		system := func(acting cpr.Number) identity.Caller { return breaking(claiming(dds(granted, acting), codeD)) }
		s.v.VerifyAuthorisation = false
		_, err := s.check(t, system(doctorD), asking(doctorD))
		require.NoError(t, err)
		for _, again := range []struct {
			caller identity.Caller
			edit   func(*consenting.Question)
		}{
			{system(doctorD), func(q *consenting.Question) { q.Citizen = citizenB }},
			{system(helperH), func(q *consenting.Question) { q.Acting = helperH }},
			{system(doctorD), func(q *consenting.Question) { q.Responsible = helperH }},
		} {
			_, err := s.check(t, again.caller, questioned(asking(doctorD), again.edit))
			refusedAs(t, err, fault.Malformed, invalid)
		}
		s.pass(25 * time.Hour)
		_, err = s.check(t, system(doctorD), asking(doctorD))
		refusedAs(t, err, fault.Malformed, invalid)
		assert.Len(t, s.overridden(t), 1)

		s.overrides.OnRead.FailFrom(1, errSecret)
		_, err = s.check(t, breaking(doctor(doctorD)), asking(doctorD))
		down(t, err)
	})

	t.Run("CT-37 too many items are not overridden", func(t *testing.T) {
		s := newSurgery(t)
		s.v.MaxItems = 1
		_, err := s.items(t, breaking(doctor(doctorD)), asking(doctorD), consenting.Item{}, consenting.Item{})
		refusedAs(t, err, fault.TooLarge, "too_many")
		assert.Empty(t, s.overridden(t))
	})

	t.Run("UC-9 the log of overrides is kept whatever MinLog is told", func(t *testing.T) {
		s := newSurgery(t)
		s.v.MinLog = consenting.LogNone
		_, err := s.check(t, breaking(doctor(doctorD)), asking(doctorD))
		require.NoError(t, err)
		assert.Len(t, s.overridden(t), 1)
		assert.Empty(t, s.told(t))
	})
}

// TestOverrideIDs shows that their order is that of time.
func TestOverrideIDs(t *testing.T) {
	s := newSurgery(t)
	var ids []string
	for i := range 20 {
		_, err := s.check(t, changed(breaking(doctor(doctorD)), func(c *identity.Caller) { c.MessageID = string(rune('a' + i)) }), asking(doctorD))
		require.NoError(t, err)
		ids = append(ids, s.overridden(t)[0].ID)
		s.pass([]time.Duration{time.Millisecond, 33 * time.Second, 40 * 24 * time.Hour, 3000 * time.Hour}[i%4])
	}
	assert.True(t, slices.IsSorted(ids), "%v", ids)
	assert.Len(t, slices.Compact(ids), 20)
}

// TestTaken shows that MinLog takes what it is told of any override, whatever texts came with it.
func TestTaken(t *testing.T) {
	s := newSurgery(t)
	s.v.OverrideByForeigners, s.v.MinLog = true, consenting.LogAll
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("æ \x00x")), 0, 300, -1), rapid.Just(""))
		caller := []identity.Caller{
			employee(doctorD), breaking(employee(doctorD)), contactPoint(granted), breaking(contactPoint(granted)), token(citizenC),
		}[rapid.IntRange(0, 4).Draw(rt, "caller")]
		caller.MessageID, caller.Org.Name = text.Draw(rt, "message"), text.Draw(rt, "organisation")
		caller.Name, caller.SystemName = text.Draw(rt, "name"), text.Draw(rt, "system")
		q := asking(doctorD)
		if caller.CPR.IsZero() {
			q = foreigner()
			q.Identifier = text.Draw(rt, "identifier")
		}
		q.Org.Code = text.Draw(rt, "unit")
		_, err := s.v.Check(t.Context(), caller, q)
		if err != nil {
			refusedAs(t, err, fault.Malformed, invalid)
		}
		told := s.told(t)
		require.True(rt, err == nil || len(told) == 0)
		requireTaken(rt, told)
	})
}
