package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/nsptest"
)

const consentAPI = "/api/consent/v1/"

// history reads the versions of a registration as the citizen.
func history(t *testing.T, citizen nsptest.Holder, id string, answer any) {
	t.Helper()
	resp := citizen.Session(t).Do(t, http.MethodGet, consentAPI+"registrations/"+id+"/versions", nil, answer)
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// override is one row of the log.
type override struct {
	Acting, Responsible, AuthorisationCode, Operation, CVR string
	At                                                     time.Time
}

// overrides reads the log of a citizen's overrides.
func overrides(t *testing.T, s *nsptest.Server, citizen string) []override {
	t.Helper()
	var answer struct{ Overrides []override }
	resp := s.Citizen(citizen).For(consentAudience).Session(t).Do(t, http.MethodGet, consentAPI+"overrides", nil, &answer)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return answer.Overrides
}

func TestConsentOverride(t *testing.T) {
	failing := &portstest.FailingOverrides{}
	o := consentOptions()
	o.Overrides = func(l ports.OverrideLog) ports.OverrideLog { failing.Log = l; return failing }
	onEveryStore(t, o, func(t *testing.T, s *nsptest.Server) {
		d := atA(doctorD)
		overriding := func(h *identity.HSUID, code string) *identity.HSUID {
			h.Override, h.ResponsibleCode = true, code
			return h
		}
		emergency := func(s *nsptest.Server) nsptest.Holder {
			h := s.Employee(doctorD, codeD)
			h.Token = h.Token.WithXML("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse",
				`<PurposeOfUse xmlns="urn:hl7-org:v3" code="EMERGENCY" codeSystem="urn:oasis:names:tc:xspa:1.0"/>`)
			return h
		}
		helper := func(s *nsptest.Server) nsptest.Actor { return s.Doctor(helperH, "") }
		byD := requester{acting: doctorD, unit: unitA}
		who := []struct {
			speaker
			requester
		}{
			{byCard("CT-33 a doctor", func(s *nsptest.Server) nsptest.Actor { return s.Doctor(doctorD, codeD) }, s, overriding(asProfessional(doctorD), "")), byD},
			{byToken("CT-36 EMERGENCY in a token", emergency, s), byD},
			{byCard("CT-33 a system for a doctor", system, s, overriding(asProfessional(doctorD), codeD)), byD},
			{byCard("CT-33 a helper who names the doctor's code", helper, s, overriding(asProfessional(helperH), codeD)), helping(helperH, doctorD)},
		}
		for i, w := range who {
			t.Run(w.name, func(t *testing.T) {
				citizen := fmt.Sprintf("%02d01010101", i+10)
				ids := registers(t, s, citizen, block("", ""))
				operation, body := checkBody(citizen, w.requester)
				assert.Equal(t, []string{"Positive"}, w.call(t, consentVerify, operation, body).All(t, "consentCheckResult"))
				assert.Equal(t, []string{"Allowed", "Allowed"}, w.call(t, consentVerify, "ConsentForDataCheck", itemsBody(citizen, w.requester, []item{{}, {origin: unitX}})).All(t, "access"))
				revoked(t, s, citizen, ids...)
				assert.Equal(t, []string{"Positive"}, w.call(t, consentVerify, operation, body).All(t, "consentCheckResult"))
				log := overrides(t, s, citizen)
				require.Len(t, log, 3)
				for _, row := range log {
					assert.Equal(t, w.acting, row.Acting)
					assert.Equal(t, w.responsible, row.Responsible)
					assert.Equal(t, codeD, row.AuthorisationCode)
				}
				broken := 0
				for _, e := range told(t, s, citizen, 6) { // and what was registered, revoked, and read of this log
					if e.Activity == "Værdispring" && e.Addition == "Værdispring" {
						broken++
					}
				}
				assert.Equal(t, 3, broken)
			})
		}
		assert.Contains(t, s.Fetch(t, "/metrics"), "nspd_consent_overrides_total 12\n")
		assert.Contains(t, s.Fetch(t, "/metrics"), `nspd_consent_decisions_total{answer="positive"} 8`+"\n")
		t.Run("CT-34 who may not", func(t *testing.T) {
			citizen := "2001010101"
			registers(t, s, citizen, block("", ""))
			operation, body := checkBody(citizen, helping(helperH, doctorD))
			for _, code := range []string{"", "TSTXX", codeH} { // none, nobody's, another's
				refused(t, byCard("", helper, s, overriding(asProfessional(helperH), code)).call(t, consentVerify, operation, body), "not_authorized", "")
				refused(t, byCard("", system, s, overriding(asProfessional(helperH), code)).call(t, consentVerify, operation, body), "not_authorized", "")
			}
			abroad := foreigner().verifiers(s)[0]
			operation, body = checkBody(citizen, foreigner())
			assert.Equal(t, []string{"Negative"}, abroad.call(t, consentVerify, operation, body).All(t, "consentCheckResult"))
			h := asProfessional(doctorD)
			h.Acting, h.Override = cpr.Number{}, true
			before := len(s.AuditLines(t))
			refused(t, byCard("", system, s, h).call(t, consentVerify, operation, body), "not_authorized", "")
			assert.Len(t, s.AuditLines(t), before+1)
			assert.Empty(t, overrides(t, s, citizen))
		})
		t.Run("CT-35 the log cannot be written", func(t *testing.T) {
			citizen := "2101010101"
			operation, body := checkBody(citizen, d)
			failing.OnAppend.FailFrom(1, errors.New("down"))
			for _, w := range who[:3] {
				refused(t, w.call(t, consentVerify, operation, body), "processing_problem", "")
			}
			failing.OnAppend.Heal()
			assert.Empty(t, overrides(t, s, citizen))
		})
		t.Run("CT-36 an override that is neither true nor false", func(t *testing.T) {
			_, body := checkBody(owner, d)
			header := nsi("nsi:UserType", "nsi:HealthcareProfessional", "nsi:ActingUserCivilRegistrationNumber", doctorD, "nsi:SystemName", "x", "nsi:ConsentOverride", "maybe")
			refused(t, s.Post(t, consentVerify, withHeader(system(s), body, header)), "syntax_error", "")
		})
	})
}

func TestConsentStoreDown(t *testing.T) {
	failing := &portstest.FailingConsents{}
	o := consentOptions()
	o.Consents = func(l ports.ConsentStore) ports.ConsentStore { failing.Store = l; return failing }
	onEveryStore(t, o, func(t *testing.T, s *nsptest.Server) {
		t.Run("CT-40 the database is down", func(t *testing.T) {
			rest := s.System(portalCVR).Session(t)
			defer failing.OnRead.Heal()
			failing.OnRead.FailFrom(1, errors.New("secret cause"))
			for _, r := range []requester{atA(doctorD), helping(helperH, doctorD), foreigner()} {
				operation, body := checkBody(owner, r)
				for _, v := range r.verifiers(s) {
					for operation, body := range map[string]string{operation: body, "ConsentForDataCheck": itemsBody(owner, r, []item{{}})} {
						answer := v.call(t, consentVerify, operation, body)
						refused(t, answer, "processing_problem", "The service cannot answer now")
						assert.NotContains(t, string(answer.Body), "Positive")
						assert.NotContains(t, string(answer.Body), "secret")
					}
				}
			}
			resp := rest.Saying("Citizen-Id", owner).Do(t, http.MethodPost, consentAPI+"checks", map[string]any{
				"requester": map[string]any{"acting": doctorD, "organisation": map[string]string{"code": unitA, "scheme": "SOR"}},
			}, nil)
			assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		})
	})
}

func TestConsentWithoutMinLog(t *testing.T) {
	log := &portstest.FailingMessageLog{}
	o := consentOptions()
	o.Set["outbox.max_backoff"] = "1s"
	o.MessageLog = func(l ports.MessageLog) ports.MessageLog { log.Log = l; return log }
	onEveryStore(t, o, func(t *testing.T, s *nsptest.Server) {
		defer log.OnAppend.Heal()
		t.Run("CT-41 MinLog is down", func(t *testing.T) {
			log.OnAppend.FailFrom(1, errors.New("down"))
			registers(t, s, owner, block("", ""))
			assert.Equal(t, "Negative", checked(t, s, owner, atA(doctorD)))
			log.OnAppend.Heal()
			s.Clock.Advance(time.Second)
			entries := told(t, s, owner, 1)
			assert.Equal(t, "Spærring oprettet", entries[0].Activity)
			assert.NotEmpty(t, entries[0].SequenceNumber)
			for late := time.Now().Add(time.Minute); !strings.Contains(s.Fetch(t, "/metrics"), "nspd_outbox_waiting 0\n"); {
				require.True(t, time.Now().Before(late), "a notice waits")
				s.Clock.Advance(50 * time.Millisecond)
			}
			told(t, s, owner, 1) // once, also when nothing more is to come
		})
	})
}

func TestConsentByREST(t *testing.T) {
	onEveryStore(t, consentOptions(), func(t *testing.T, s *nsptest.Server) {
		me := s.Citizen(owner).For(consentAudience).Session(t)
		post := func(c nsptest.Client, path string, body, answer any) int {
			return c.Do(t, http.MethodPost, consentAPI+path, body, answer).StatusCode
		}
		var made struct {
			ID      string
			Version int
		}
		blocked := map[string]any{"kind": "constraint", "who": map[string]any{"person": doctorD}, "what": map[string]any{"origin": map[string]any{"sor": unitA, "subUnits": true}},
			"validFrom": stamp(s.Clock.Now())}
		require.Equal(t, http.StatusCreated, post(me, "registrations", blocked, &made))
		assert.Equal(t, "DataSpecific", checked(t, s, owner, atA(doctorD)), "what was registered in JSON counts for SOAP")

		t.Run("CT-46 a version that is no more, and none", func(t *testing.T) {
			change := func(match string, to any) int {
				c := me
				if match != "" {
					c = me.Saying("If-Match", match)
				}
				return c.Do(t, http.MethodPut, consentAPI+"registrations/"+made.ID, to, nil).StatusCode
			}
			assert.Equal(t, http.StatusPreconditionRequired, change("", blocked))
			assert.Equal(t, http.StatusOK, change(`"1"`, blocked))
			assert.Equal(t, http.StatusPreconditionFailed, change(`"1"`, blocked))
			assert.Equal(t, http.StatusOK, change(`"2"`, blocked))
		})
		t.Run("CT-45 why", func(t *testing.T) {
			question := map[string]any{
				"requester": map[string]any{"acting": doctorD, "organisation": map[string]any{"code": unitX, "scheme": "SOR"}},
				"items":     []any{map[string]any{"id": "a", "origin": map[string]any{"code": unitA1, "scheme": "SOR"}}},
			}
			var why struct {
				Answer        string
				Registrations []struct{ ID, Reason string }
				Items         []struct {
					Access      string
					Constraints []string
				}
			}
			require.Equal(t, http.StatusOK, post(me, "explanations", question, &why))
			assert.Equal(t, "data_specific", why.Answer)
			require.Len(t, why.Registrations, 1)
			assert.Equal(t, "applies_to_some_data", why.Registrations[0].Reason)
			assert.Equal(t, []string{made.ID}, why.Items[0].Constraints)
			for name, c := range map[string]nsptest.Client{
				"the doctor": s.Doctor(doctorD, codeD).Session(t), "a system": s.System(portalCVR).Session(t), "another citizen": s.Citizen(another).For(consentAudience).Session(t),
			} {
				assert.Equal(t, http.StatusForbidden, post(c.Saying("Citizen-Id", owner), "explanations", question, nil), name)
			}
			assert.Equal(t, http.StatusOK, post(adminToken(s).For(consentAudience).Session(t).Saying("Citizen-Id", owner), "explanations", question, nil))
			assert.Equal(t, http.StatusOK, post(adminCard(s).Session(t).Saying("Citizen-Id", owner), "explanations", question, nil))
			refused(t, system(s).For(*asCitizen(owner)).Call(t, consentVerify, wrapped("v:ConsentExplain", "<t:citizenCPR>"+owner+"</t:citizenCPR>")), "syntax_error", "")
		})
		t.Run("checks, as a system whose word counts", func(t *testing.T) {
			c := s.System(portalCVR).Session(t).Saying("Citizen-Id", owner)
			question := map[string]any{"requester": map[string]any{"acting": doctorD, "organisation": map[string]any{"code": unitX, "scheme": "SOR"}}}
			var answer struct {
				Answer string
				Items  []struct{ ID, Access string }
			}
			require.Equal(t, http.StatusOK, post(c, "checks", question, &answer))
			assert.Equal(t, "data_specific", answer.Answer)
			question["items"] = []any{map[string]any{"id": "a", "origin": map[string]any{"code": unitA1, "scheme": "SOR"}}, map[string]any{"id": "b", "origin": map[string]any{"code": unitX, "scheme": "SOR"}}}
			require.Equal(t, http.StatusOK, post(c, "checks/items", question, &answer))
			assert.Equal(t, "denied allowed", answer.Items[0].Access+" "+answer.Items[1].Access)
			assert.Equal(t, http.StatusForbidden, post(s.System("99999902").Session(t).Saying("Citizen-Id", owner), "checks", map[string]any{"requester": question["requester"]}, nil))
		})
		t.Run("revoked", func(t *testing.T) {
			require.Equal(t, http.StatusOK, post(me, "registrations/"+made.ID+"/revocation", nil, nil))
			require.Equal(t, http.StatusConflict, post(me, "registrations/"+made.ID+"/revocation", nil, nil))
			assert.Equal(t, "Positive", checked(t, s, owner, atA(doctorD)))
		})
	})
}

func TestConsentKeepsItsPlaces(t *testing.T) {
	o := consentOptions()
	o.Set["stamdata.interval"], o.Set["jobs.lease_ttl"] = "50ms", "5s" // a tenth of the lease is how often it is looked what is due
	s := nsptest.Start(t, o)
	registers(t, s, owner, block(fmt.Sprintf(unitWho, unitA, true), ""))
	registers(t, s, another, block(fmt.Sprintf(unitWho, unitX, true), ""))
	for _, c := range []struct{ name, units, log string }{
		{"CT-50 a cycle", unitA + ";" + unitA1 + ";sygehus;A;\n" + unitA1 + ";" + unitA + ";afdeling;A1;" + shakOfA1 + "\n" + unitX + ";;sygehus;X;\n" +
			unitR + ";;institution;R;\n", "stamdata_bad_file"},
		{"CT-50 half of the units", unitX + ";;sygehus;X;\n" + unitR + ";;institution;R;\n", `"closed":2`}, // they are closed, and stay where they were
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "stamdata", "sor-enhed.csv"), []byte("sorNummer;overordnetSor;type;navn;shak\n"+c.units), 0o600))
			if !assert.Eventually(t, func() bool {
				s.Clock.Advance(100 * time.Millisecond)
				return strings.Contains(s.Logs(), c.log)
			}, time.Minute, 20*time.Millisecond) {
				t.Fatal(s.Logs())
			}
			assert.Equal(t, "Negative", checked(t, s, owner, requester{doctorD, "", "SHAK", shakOfA1}))
			assert.Equal(t, "Positive", checked(t, s, owner, at(unitX)))
			assert.Equal(t, "Positive", checked(t, s, another, at(unitA1)), "where A1 lies is still known")
		})
	}
}
