package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/tests/nsptest"
)

// got is what Get returns of a citizen's registrations.
type got struct {
	ids, active, modifiedBy []string
	answer                  nsptest.Answer
}

func getBody(citizen string) string {
	return wrapped("m:ConsentRegistrationsGet", "<PatientPersonCivilRegistrationIdentifier>"+citizen+"</PatientPersonCivilRegistrationIdentifier>")
}

func get(t *testing.T, by speaker, citizen string) got {
	t.Helper()
	a := by.call(t, consentAdmin, "ConsentRegistrationsGet", getBody(citizen))
	require.Equal(t, http.StatusOK, a.Status, "%s: %s", by.name, a.Body)
	return got{a.All(t, "consentId"), a.All(t, "active"), a.All(t, "modifiedBy"), a}
}

func modifyBody(s *nsptest.Server, operation, citizen, id string, r rule) string {
	return wrapped("m:"+operation, "<ConsentModifications><t:consentId>"+id+"</t:consentId>"+r.entry(s, citizen, false)+"</ConsentModifications>")
}

// told lets time pass until MinLog has n entries of consent about a citizen.
func told(t *testing.T, s *nsptest.Server, citizen string, n int) (entries []minlog.Entry) {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for len(entries) < n {
		select {
		case <-tick.C:
		case <-late:
			require.Len(t, entries, n)
		}
		s.Clock.Advance(50 * time.Millisecond) // the relay looks once in that time
		entries = nil
		for _, r := range stored(t, s, minlog.Key("CPR:"+citizen)) {
			if r.Entry.System == "MinSpærring" {
				entries = append(entries, r.Entry)
			}
		}
	}
	require.Len(t, entries, n)
	return entries
}

func texts(entries []minlog.Entry) (all []string) {
	for _, e := range entries {
		all = append(all, e.Activity+" by "+e.UserRole)
	}
	slices.Sort(all)
	return all
}

func consentOptions() nsptest.Options {
	return nsptest.Options{Registers: clinics(), Set: map[string]string{"outbox.poll": "20ms"}}
}

func TestConsentAdministration(t *testing.T) {
	onEveryStore(t, consentOptions(), func(t *testing.T, s *nsptest.Server) {
		d := atA(doctorD)
		everybody := administrators(s, owner)
		me := everybody[0]
		adding := func(by speaker, citizen string, all ...rule) nsptest.Answer {
			path, operation, body := addBody(s, citizen, false, all...)
			return by.call(t, path, operation, body)
		}
		stillNothing := func(t *testing.T, citizen string) {
			t.Helper()
			assert.Empty(t, get(t, administrators(s, citizen)[0], citizen).ids)
		}

		t.Run("CT-20 registrations that are refused", func(t *testing.T) {
			now := s.Clock.Now()
			in := func(d time.Duration) string { return stamp(now.Add(d)) }
			path, operation, noEnd := addBody(s, owner, false, rule{positive: true, to: in(time.Hour)})
			noEnd = strings.ReplaceAll(noEnd, "<t:validTo>"+in(time.Hour)+"</t:validTo>", "")
			refused(t, me.call(t, path, operation, noEnd), "invalid_validity", "Entry 1: a positive consent must have an end")
			for name, r := range map[string]rule{
				"ends when it begins": {positive: true, from: in(time.Hour), to: in(time.Hour)},
				"is over":             {positive: true, from: in(-2 * time.Hour), to: in(-time.Hour)},
				"is over now":         {from: in(-2 * time.Hour), to: in(0)},
				"is too long":         {positive: true, to: stamp(now.AddDate(10, 0, 1))},
			} {
				answer := adding(me, owner, r)
				assert.Equal(t, "invalid_validity", answer.FaultCode, name)
			}
			refused(t, adding(me, owner, block("", fmt.Sprintf(unitWat, unknownSOR, true))), "unknown_organization",
				"Entry 1: what.originatingOrganization is not a known SOR unit")
			stillNothing(t, owner)
		})
		t.Run("CT-21 a constraint without end, and without beginning", func(t *testing.T) {
			path, operation, body := addBody(s, another, false, block("", ""))
			begin := "<t:validFrom>" + stamp(s.Clock.Now()) + "</t:validFrom>"
			refused(t, administrators(s, another)[0].call(t, path, operation, strings.ReplaceAll(body, begin, "")), "invalid_request", "")
			stillNothing(t, another)
			registers(t, s, another, block("", ""))
		})
		t.Run("CT-22 whom a registration names", func(t *testing.T) {
			refused(t, adding(me, owner, block(fmt.Sprintf(someWho, doctorD)+fmt.Sprintf(unitWho, unitA, true), "")), "invalid_who", "Entry 1: who names more than one target")
			refused(t, adding(me, owner, block("<t:includeSubOrganizations>true</t:includeSubOrganizations>", "")), "invalid_who", "")
			answer := adding(me, owner, block("<t:includeSubOrganizations>false</t:includeSubOrganizations><t:foreignHealthProfessionals>false</t:foreignHealthProfessionals>", ""))
			require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
			assert.Equal(t, "Negative", checked(t, s, owner, d))
			assert.Equal(t, "Negative", checked(t, s, owner, foreigner()))
			revoked(t, s, owner, answer.All(t, "consentId")...)
		})
		t.Run("CT-23 a misspelt limit", func(t *testing.T) {
			refused(t, adding(me, owner, block("", "<t:dataPeriodFrm>2024-01-01</t:dataPeriodFrm>")), "syntax_error", "")
			assert.Equal(t, "Positive", checked(t, s, owner, d))
		})
		t.Run("CT-24 one of three is bad", func(t *testing.T) {
			before := len(get(t, me, owner).ids)
			answer := adding(me, owner, block("", ""), block("", fmt.Sprintf(unitWat, unknownSOR, true)), block("", ""))
			refused(t, answer, "unknown_organization", "Entry 2: what.originatingOrganization is not a known SOR unit")
			assert.Len(t, get(t, me, owner).ids, before)
		})
		t.Run("CT-25 too many, and of two citizens", func(t *testing.T) {
			refused(t, adding(me, owner, make([]rule, 101)...), "too_many", "")
			path, operation, body := addBody(s, owner, false, block("", ""), block("", ""))
			i := strings.LastIndex(body, owner)
			refused(t, me.call(t, path, operation, body[:i]+another+body[i+len(owner):]), "invalid_request", "")
			assert.Equal(t, "Positive", checked(t, s, owner, d))
		})

		t.Run("CT-17 revoked, and CT-18 no more to be changed", func(t *testing.T) {
			before := get(t, me, owner)
			for i, by := range everybody {
				id := registers(t, s, owner, block("", ""))[0]
				assert.Equal(t, "Negative", checked(t, s, owner, d), by.name)
				answer := by.call(t, consentAdmin, "ConsentRevoke", revokeBody(owner, id))
				require.Equal(t, []string{id}, answer.All(t, "consentId"), "%s: %s", by.name, answer.Body)
				assert.Equal(t, "Positive", checked(t, s, owner, d))
				all := get(t, by, owner)
				require.Len(t, all.ids, len(before.ids)+1)
				at := slices.Index(all.ids, id)
				require.GreaterOrEqual(t, at, 0)
				assert.Equal(t, "false", all.active[at])
				who := map[bool]string{true: owner, false: admin}[i < 2]
				assert.ElementsMatch(t, append(before.modifiedBy, who), all.modifiedBy, by.name)
				refused(t, by.call(t, consentAdmin, "ConsentRevoke", revokeBody(owner, id)), "consent_inactive", "Entry 1: the registration has been revoked")
				refused(t, by.call(t, consentAdmin, "ConsentModifyConstraint", modifyBody(s, "ConsentModifyConstraint", owner, id, block("", ""))),
					"consent_inactive", "Entry 1: the registration has been revoked")
				again := get(t, by, owner)
				assert.Equal(t, all.modifiedBy, again.modifiedBy)
				before = all
				var versions struct{ Versions []struct{ Change string } }
				history(t, s.Citizen(owner).For(consentAudience), id, &versions)
				require.Len(t, versions.Versions, 2)
				assert.Equal(t, "revoke", versions.Versions[1].Change)
			}
		})
		t.Run("CT-19 another's registration and none are alike", func(t *testing.T) {
			id := registers(t, s, another, block("", ""))[0]
			for _, unknown := range []string{id, "999999999999999"} {
				for _, by := range everybody {
					refused(t, by.call(t, consentAdmin, "ConsentRevoke", revokeBody(owner, unknown)), "consent_not_found", "Entry 1: no such registration for this citizen")
					refused(t, by.call(t, consentAdmin, "ConsentModifyConstraint", modifyBody(s, "ConsentModifyConstraint", owner, unknown, block("", ""))),
						"consent_not_found", "Entry 1: no such registration for this citizen")
				}
			}
			assert.Equal(t, "Negative", checked(t, s, another, d))
			old := wrapped("o:ConsentRevoke", "<t:ConsentRevocations><t:consentId>12</t:consentId><t:citizenCPR>"+owner+"</t:citizenCPR></t:ConsentRevocations>")
			refused(t, me.call(t, consentAdminOld, "ConsentRevoke", old), "syntax_error", "Entry 1: consentId is not a number of 15 digits")
		})
		t.Run("CT-20 another kind", func(t *testing.T) {
			id := registers(t, s, owner, block("", ""))[0]
			refused(t, me.call(t, consentAdmin, "ConsentModifyPositive", modifyBody(s, "ConsentModifyPositive", owner, id, permit("", ""))),
				"consent_type_mismatch", "Entry 1: the registration is not a positive consent")
			revoked(t, s, owner, id)
		})
		t.Run("CT-26 as others write it", func(t *testing.T) {
			id := registers(t, s, owner, block("", ""))[0]
			for i, body := range []string{
				"<ConsentModifications>\n <t:consentId>\n " + id + "\n</t:consentId>\n<t:citizenCPR>\n" + owner[:6] + "-" + owner[6:] + "\t</t:citizenCPR>" +
					"<x:who xmlns:x='urn:dk:nsi:consentservices:types'><x:healthProfessionalCPR> " + doctorD + "\n</x:healthProfessionalCPR></x:who>" +
					"<t:validFrom>\n2026-03-01T00:00:00Z </t:validFrom></ConsentModifications>",
				"<m:ConsentModifications><validFrom>2026-03-01T00:00:00Z</validFrom><who><healthProfessionalCPR>" + doctorD + "</healthProfessionalCPR></who>" +
					"<citizenCPR>" + owner + "</citizenCPR><consentId>" + id + "</consentId><validTo xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil='true'/></m:ConsentModifications>",
			} {
				answer := me.call(t, consentAdmin, "ConsentModifyConstraint", wrapped("m:ConsentModifyConstraint", body))
				require.Equal(t, []string{id}, answer.All(t, "consentId"), "%d: %s", i, answer.Body)
				assert.Equal(t, "Negative", checked(t, s, owner, d))
				assert.Equal(t, "Positive", checked(t, s, owner, atA(helperH)))
			}
			revoked(t, s, owner, id)
		})
		t.Run("CT-27 names of operations and actions", func(t *testing.T) {
			card := system(s).For(*asCitizen(owner))
			for _, suffix := range []string{"", "V2", "Request", "V2Request"} {
				body := wrapped("m:ConsentRegistrationsGet"+suffix, "<PatientPersonCivilRegistrationIdentifier>"+owner+"</PatientPersonCivilRegistrationIdentifier>")
				for action, code := range map[string]string{
					"": "", `"ConsentRegistrationsGet"`: "", "ConsentRegistrationsGet": "", `"ConsentRegistrationsGetV2"`: "", "ConsentRegistrationsGet_20201104": "",
					`"ConsentRevoke"`: "syntax_error",
				} {
					answer := s.Post(t, consentAdmin, card.Message(nsptest.NewMessageID(), body), "SOAPAction", action)
					assert.Equal(t, code, answer.FaultCode, "%s with SOAPAction %s: %s", suffix, action, answer.Body)
				}
			}
		})
		t.Run("CT-42 twenty at a time", func(t *testing.T) {
			fresh := "0707070707"
			by := administrators(s, fresh)[1]
			at := func(call func(i int) nsptest.Answer) (codes map[string]int) {
				codes = map[string]int{}
				var lock sync.Mutex
				var all sync.WaitGroup
				for i := range 20 {
					all.Go(func() {
						answer := call(i)
						lock.Lock()
						defer lock.Unlock()
						codes[answer.FaultCode]++
					})
				}
				all.Wait()
				return codes
			}
			assert.Equal(t, map[string]int{"": 20}, at(func(int) nsptest.Answer { return adding(by, fresh, block("", "")) }))
			ids := get(t, by, fresh).ids
			require.Len(t, ids, 20)
			assert.Equal(t, map[string]int{"": 1, "consent_inactive": 19}, at(func(int) nsptest.Answer {
				return by.call(t, consentAdmin, "ConsentRevoke", revokeBody(fresh, ids[0]))
			}))
			want := append(slices.Repeat([]string{"Spærring oprettet by Borger"}, 20), "Opslag af spærringer og samtykker by Borger", "Spærring ophævet by Borger")
			slices.Sort(want)
			entries := told(t, s, fresh, 22)
			assert.Equal(t, want, texts(entries))
			numbers := map[string]bool{}
			for _, e := range entries {
				numbers[e.SequenceNumber] = true
			}
			assert.Len(t, numbers, 22)
		})
		t.Run("CT-43 the same message again", func(t *testing.T) {
			fresh := "0808080808"
			_, _, body := addBody(s, fresh, false, block("", ""))
			message := system(s).For(*asCitizen(fresh)).Message("m-again", body)
			first, again := s.Post(t, consentAdmin, message), s.Post(t, consentAdmin, message)
			require.Equal(t, http.StatusOK, first.Status, "%s", first.Body)
			assert.Equal(t, string(first.Body), string(again.Body))
			assert.Len(t, get(t, administrators(s, fresh)[1], fresh).ids, 1)
		})
		t.Run("CT-48 local times", func(t *testing.T) {
			s.Clock.Set(time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC))
			fresh := "0909090909"
			for given, want := range map[string]string{
				"2027-03-28":          "2027-03-28T22:00:00Z", // the day is included, and has 23 hours
				"2027-03-28T02:30:00": "2027-03-28T01:30:00Z", // the clock goes from 2 to 3
				"2027-10-31T02:30:00": "2027-10-31T00:30:00Z", // twice
			} {
				id := registers(t, s, fresh, rule{to: given})[0]
				all := get(t, administrators(s, fresh)[0], fresh)
				assert.Equal(t, want, all.answer.All(t, "validTo")[slices.Index(all.ids, id)], given)
			}
		})
	})
}

func TestConsentLimitOfActive(t *testing.T) {
	o := consentOptions()
	o.Set["consent.limits.active"] = "3"
	s := nsptest.Start(t, o)
	ids := registers(t, s, owner, block("", ""), block("", ""), block("", ""))
	path, operation, body := addBody(s, owner, false, block("", ""))
	me := administrators(s, owner)[0]
	t.Run("CT-25 one more active than there may be", func(t *testing.T) {
		refused(t, me.call(t, path, operation, body), "too_many", "")
		assert.Len(t, get(t, me, owner).ids, 3)
		revoked(t, s, owner, ids[0])
		assert.Equal(t, http.StatusOK, me.call(t, path, operation, body).Status)
	})
}

func TestConsentMatrix(t *testing.T) {
	onEveryStore(t, consentOptions(), func(t *testing.T, s *nsptest.Server) {
		path, operation, body := addBody(s, another, false, block("", ""))
		t.Run("CT-28 for another citizen", func(t *testing.T) {
			for _, by := range administrators(s, owner)[:2] {
				refused(t, by.call(t, path, operation, body), "not_authorized", "The caller may not act for this citizen")
				refused(t, by.call(t, consentAdmin, "ConsentRegistrationsGet", getBody(another)), "not_authorized", "The caller may not act for this citizen")
			}
		})
		t.Run("CT-29 who may not", func(t *testing.T) {
			doctor := byCard("a doctor", func(s *nsptest.Server) nsptest.Actor { return s.Doctor(doctorD, codeD) }, s, asProfessional(doctorD))
			refused(t, doctor.call(t, path, operation, body), "not_authorized", "")
			both := byCard("an administrator who is a doctor", func(s *nsptest.Server) nsptest.Actor {
				return s.As(s.UserCard(admin, codeD).With("medcom:UserRole", "SpaerAdminR8"))
			}, s, asProfessional(admin))
			refused(t, both.call(t, path, operation, body), "not_authorized", "")
			unknown := byCard("a system whose word counts for nothing", func(s *nsptest.Server) nsptest.Actor { return s.System("99999902") }, s, asCitizen(another))
			refused(t, unknown.call(t, path, operation, body), "not_authorized", "")
			claim, ask := checkBody(owner, helping(doctorD, helperH))
			refused(t, byCard("", func(s *nsptest.Server) nsptest.Actor { return s.Doctor(doctorD, codeD) }, s, asProfessional(doctorD)).call(t, consentVerify, claim, ask),
				"not_authorized", "")
			assert.Empty(t, get(t, administrators(s, another)[0], another).ids)
			ok := administrators(s, another)[2].call(t, path, operation, body)
			require.Equal(t, http.StatusOK, ok.Status, "%s", ok.Body)
			assert.Equal(t, []string{"Opslag af spærringer og samtykker by Borger", "Spærring oprettet by SpaerAdminR8"}, texts(told(t, s, another, 2)))
		})
		t.Run("CT-30 the HSUID header", func(t *testing.T) {
			operation, ask := checkBody(owner, atA(doctorD))
			refused(t, s.Doctor(doctorD, codeD).Call(t, consentVerify, ask), "missing_required_header", "")
			good := nsi("nsi:UserType", "nsi:HealthcareProfessional", "nsi:ActingUserCivilRegistrationNumber", doctorD, "nsi:SystemName", "x")
			refused(t, s.Post(t, consentVerify, withHeader(system(s), ask, good+good)), "syntax_error", "")
			refused(t, s.Post(t, consentVerify, withHeader(system(s), ask, nsi("nsi:ActingUserCivilRegistrationNumber", doctorD, "nsi:SystemName", "x"))), "invalid_request", "")
			refused(t, s.Post(t, consentVerify, withHeader(system(s), ask, nsi("nsi:UserType", "nsi:HealthcareProfessional", "nsi:SystemName", "x"))), "invalid_request", "")
			assert.Equal(t, http.StatusOK, s.Post(t, consentVerify, withHeader(system(s), ask, good)).Status, operation)
		})
		t.Run("CT-31 who acts", func(t *testing.T) {
			operation, ask := checkBody(owner, atA(helperH))
			doctor := func(h string) speaker {
				return byCard("", func(s *nsptest.Server) nsptest.Actor { return s.Doctor(doctorD, codeD) }, s, asProfessional(h))
			}
			refused(t, doctor(helperH).call(t, consentVerify, operation, ask), "not_authorized", "")
			refused(t, doctor(doctorD).call(t, consentVerify, operation, ask), "hsuid_mismatch", "HSUID and request name different users")
		})
		t.Run("CT-32 as others write the header", func(t *testing.T) {
			_, ask := checkBody(owner, atA(doctorD))
			for _, h := range []string{
				nsi("UserType", "nsi:HealthcareProfessional", "ActingUserCivilRegistrationNumber", " "+doctorD+"\n", "SystemName", "x"),
				nsi(`nsi:UserType" NameFormat="`, "healthcareprofessional", `nsi:ActingUserCivilRegistrationNumber" NameFormat="`, doctorD, "nsi:SystemName", "x", "nsi:Unheard", "y"),
			} {
				answer := s.Post(t, consentVerify, withHeader(system(s), ask, h))
				assert.Equal(t, []string{"Positive"}, answer.All(t, "consentCheckResult"), "%s", answer.Body)
			}
		})
		t.Run("CT-44 a citizen asks", func(t *testing.T) {
			registers(t, s, owner, block("", ""))
			operation, ask := checkBody(owner, atA(owner))
			for _, by := range administrators(s, owner)[:2] {
				assert.Equal(t, []string{"Positive"}, by.call(t, consentVerify, operation, ask).All(t, "consentCheckResult"), by.name)
				assert.Equal(t, []string{"Allowed"}, by.call(t, consentVerify, "ConsentForDataCheck", itemsBody(owner, atA(owner), []item{{}})).All(t, "access"), by.name)
				_, other := checkBody(another, atA(owner))
				refused(t, by.call(t, consentVerify, operation, other), "not_authorized", "")
			}
		})
	})

	t.Run("CT-29 nobody without the row's grant", func(t *testing.T) {
		o := consentOptions()
		o.Set["grants"] = "consent.admin=,consent.verification=,consent.foreign="
		s := nsptest.Start(t, o)
		path, operation, body := addBody(s, owner, false, block("", ""))
		refused(t, administrators(s, owner)[1].call(t, path, operation, body), "not_authorized", "")
		for _, r := range []requester{atA(doctorD), foreigner(), helping(helperH, doctorD)} {
			operation, ask := checkBody(owner, r)
			for i, v := range r.verifiers(s) {
				answer := v.call(t, consentVerify, operation, ask)
				if r.acting == doctorD && i < 2 { // own card and token need none
					assert.Equal(t, []string{"Positive"}, answer.All(t, "consentCheckResult"), v.name)
					continue
				}
				refused(t, answer, "not_authorized", "")
			}
		}
	})
}

// withHeader is the message of an actor with a header as it is written.
func withHeader(a nsptest.Actor, body, header string) []byte {
	message := string(a.Message(nsptest.NewMessageID(), body))
	return []byte(strings.Replace(message, "</soap:Header>", header+"</soap:Header>", 1))
}
