package rest_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

func TestTreatmentWill(t *testing.T) {
	h := startWills(t)
	me := h.session(t, person(t, grown))
	h.problem(t, h.sendJSON(t, me, http.MethodGet, pathTreatmentWill, ""), http.StatusNotFound, "will_not_found")
	assert.Equal(t, []string{"Opslag behandlingstestamente"}, h.looks.seen())

	added := h.sendJSON(t, me, http.MethodPost, pathTreatmentWill, wishes)
	require.Equal(t, http.StatusCreated, added.Code, "%s", added.Body)
	id, _ := added.body["id"].(string)
	want := map[string]any{
		"id": id, "registeredAt": "2026-11-21T12:00:00Z",
		"ifDying":            map[string]any{"declined": true},
		"ifSeverelyDegraded": map[string]any{"declined": true, "needs": "relative"},
		"ifSeverePain":       map[string]any{"declined": false},
		"noForcedTreatment":  map[string]any{"declined": true, "needs": "guardian"},
	}
	assert.Equal(t, want, added.body)
	assert.Equal(t, pathTreatmentWill, added.Header().Get("Location"))
	assert.Equal(t, `"`+id+`"`, added.Header().Get("ETag"))
	assert.Equal(t, audit.LTRBTR, h.line(t).Route)
	assert.Equal(t, []string{"LTR-BTR/createTreatmentWill patient-id=" + grown + " patient-id-source=CPR actor-role=CITIZEN actor-id=" + grown +
		" actor-id-source=CPR register=BTR"}, h.said(t))
	assert.Equal(t, []string{"Oprettelse af behandlingstestamente"}, h.looks.seen())
	assert.Equal(t, []string{"http://sundhedsdatastyrelsen.dk/behandlingstestamente/2018/05/01/:TreatmentWillUpdated"}, h.advised(t))

	t.Run("WA-01 the will, with and without the citizen's number, and that it is there", func(t *testing.T) {
		for _, headers := range [][]string{nil, of(grown)} {
			a := h.sendJSON(t, me, http.MethodGet, pathTreatmentWill, "", headers...)
			require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
			assert.Equal(t, want, a.body)
			assert.Equal(t, added.Header().Get("ETag"), a.Header().Get("ETag"))
			assert.Empty(t, a.Header().Get("Location"))
		}
		a := h.sendJSON(t, me, http.MethodGet, pathExistence, "")
		assert.Equal(t, `{"livingWill":false,"treatmentWill":true}`, a.Body.String())
		assert.Empty(t, a.Header().Get("ETag"))
		assert.Equal(t, []string{"Opslag behandlingstestamente", "Opslag behandlingstestamente",
			"Kontrol af livstestamente", "Kontrol af behandlingstestamente"}, h.looks.seen())
		assert.Len(t, h.said(t), 2, "a look at each register")
	})
	t.Run("WA-26 the one wish about treatment by force", func(t *testing.T) {
		a := h.sendJSON(t, me, http.MethodGet, pathTreatmentWill+"?view=forced-treatment", "")
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, map[string]any{"id": id, "registeredAt": want["registeredAt"], "noForcedTreatment": want["noForcedTreatment"]}, a.body)
		assert.Equal(t, []string{"Opslag behandlingstestamente (tvang)"}, h.looks.seen())
	})
	t.Run("WA-02 a second one, WA-03 of either kind", func(t *testing.T) {
		h.problem(t, h.sendJSON(t, me, http.MethodPost, pathTreatmentWill, wishes), http.StatusConflict, "will_exists")
		h.problem(t, h.sendJSON(t, me, http.MethodPost, pathLivingWill, fewWishes), http.StatusConflict, "will_exists")
		h.problem(t, h.sendJSON(t, me, http.MethodPost, pathUpgrade, wishes), http.StatusConflict, "will_exists")
		assert.Len(t, h.willsOf(t, grown), 1)
	})
	t.Run("WA-06 WA-39 a change, of the will that was read", func(t *testing.T) {
		h.now = h.now.Add(time.Second)
		put := func(match string) answer {
			return h.sendJSON(t, me, http.MethodPut, pathTreatmentWill, strings.Replace(wishes, `"needs":"relative"`, `"needs":"trustedAgent"`, 1), "If-Match", match)
		}
		h.problem(t, put(`"00000000-0000-4000-8000-000000000001"`), http.StatusPreconditionFailed, "registration_changed")
		assert.Len(t, h.willsOf(t, grown), 1)
		a := put(added.Header().Get("ETag"))
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, "2026-11-21T12:00:01Z", a.body["registeredAt"])
		assert.Equal(t, map[string]any{"declined": true, "needs": "trustedAgent"}, a.body["ifSeverelyDegraded"])
		assert.NotEqual(t, added.Header().Get("ETag"), a.Header().Get("ETag"))
		h.problem(t, put(added.Header().Get("ETag")), http.StatusPreconditionFailed, "registration_changed")
		assert.Equal(t, http.StatusOK, put(`*`).Code)
	})
	t.Run("a look at a will that was changed since", func(t *testing.T) {
		for _, query := range []string{"", "?view=forced-treatment"} {
			a := h.sendJSON(t, me, http.MethodGet, pathTreatmentWill+query, "", "If-Match", added.Header().Get("ETag"))
			h.problem(t, a, http.StatusPreconditionFailed, "registration_changed")
			now := h.sendJSON(t, me, http.MethodGet, pathTreatmentWill+query, "").Header().Get("ETag")
			assert.Equal(t, http.StatusOK, h.sendJSON(t, me, http.MethodGet, pathTreatmentWill+query, "", "If-Match", now).Code)
		}
	})
	t.Run("WA-09 WA-10 deleted, and made again", func(t *testing.T) {
		h.problem(t, h.sendJSON(t, me, http.MethodDelete, pathTreatmentWill, "", "If-Match", added.Header().Get("ETag")), http.StatusPreconditionFailed, "registration_changed")
		a := h.sendJSON(t, me, http.MethodDelete, pathTreatmentWill, "")
		assert.Equal(t, http.StatusNoContent, a.Code)
		assert.Empty(t, a.Body.String())
		assert.Empty(t, a.Header().Get("ETag"))
		assert.Equal(t, `{"livingWill":false,"treatmentWill":false}`, h.sendJSON(t, me, http.MethodGet, pathExistence, "").Body.String())
		h.problem(t, h.sendJSON(t, me, http.MethodDelete, pathTreatmentWill, ""), http.StatusNotFound, "will_not_found")
		h.problem(t, h.sendJSON(t, me, http.MethodPut, pathTreatmentWill, wishes), http.StatusNotFound, "will_not_found")
		h.made(t, me, pathTreatmentWill, wishes)
		assert.Len(t, h.willsOf(t, grown), 4, "the history keeps all")
	})
	t.Run("WA-15 acceptance of what is not declined is not kept", func(t *testing.T) {
		a := h.sendJSON(t, me, http.MethodPut, pathTreatmentWill, strings.Replace(wishes, `{"declined":false}`, `{"declined":false,"needs":"relative"}`, 1))
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, map[string]any{"declined": false}, a.body["ifSeverePain"])
	})
}

// WA-39 A will that a REST client registered is the one that a doctor's system gets as a CDA document.
func TestWillByBothDoors(t *testing.T) {
	h := startWills(t)
	h.made(t, h.session(t, person(t, grown)), pathTreatmentWill, wishes)
	mounts := willws.Services(h.deps.Wills.Keeper, h.profile)
	i := slices.IndexFunc(mounts, func(m willws.Mount) bool { return m.Path == "/btr/btr" })
	require.GreaterOrEqual(t, i, 0)
	router := soap.NewRouter(mounts[i].Service, soap.Deps{Gate: h.deps.Gate, Now: h.deps.Now, NewID: uuid.NewString, Log: h.deps.Log})
	const get = `<b:GetTreatmentWillRequest xmlns:b="http://sundhedsdatastyrelsen.dk/behandlingstestamente/2020/03/16/">` +
		`<id root="1.2.208.176.1.2" extension="` + grown + `"/></b:GetTreatmentWillRequest>`
	message := dgws.Request{Created: h.now, Card: h.card(t, "laege"), MessageID: "m-1", FlowID: "f-1", Body: func(w *xmlout.Writer) { w.Raw([]byte(get)) }}
	w := httptest.NewRecorder()
	router.ServeHTTP(w, h.request(http.MethodPost, "/btr/btr", bytes.NewReader(message.Bytes()), "Content-Type", "text/xml; charset=utf-8"))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	for _, said := range []string{
		`IfDying>true<`, `IfSeverelyDegraded acceptanceNeeded="relativeAcceptanceRequired">true<`, `IfSeverePain>false<`,
		`IfIncapable acceptanceNeeded="guardianAcceptanceRequired">true<`, `"20261121130000+0100"`,
	} {
		assert.Contains(t, w.Body.String(), said)
	}
}

func TestLivingWill(t *testing.T) {
	h := startWills(t)
	me, staff := h.session(t, person(t, grown)), h.session(t, administrator(t))
	h.problem(t, h.sendJSON(t, me, http.MethodPost, pathUpgrade, wishes), http.StatusNotFound, "will_not_found") // WA-05
	added := h.sendJSON(t, me, http.MethodPost, pathLivingWill, fewWishes)
	require.Equal(t, http.StatusCreated, added.Code, "%s", added.Body)
	assert.Equal(t, pathLivingWill, added.Header().Get("Location"))
	want := map[string]any{
		"id": added.body["id"], "registeredAt": "2026-11-21T12:00:00Z", "ifDying": map[string]any{"declined": true},
		"ifSeverelyDegraded": map[string]any{"declined": false},
	}
	assert.Equal(t, want, added.body)
	a := h.sendJSON(t, me, http.MethodGet, pathLivingWill, "")
	assert.Equal(t, want, a.body)
	assert.Equal(t, added.Header().Get("ETag"), a.Header().Get("ETag"))
	h.problem(t, h.sendJSON(t, me, http.MethodGet, pathTreatmentWill, ""), http.StatusNotFound, "will_not_found")

	t.Run("WA-36 since the register is closed", func(t *testing.T) {
		h.deps.Wills.Keeper.Rules.Closed = h.now
		h.problem(t, h.sendJSON(t, h.session(t, person(t, old)), http.MethodPost, pathLivingWill, fewWishes), http.StatusConflict, "register_closed")
		h.problem(t, h.sendJSON(t, me, http.MethodPut, pathLivingWill, fewWishes), http.StatusConflict, "register_closed")
		h.problem(t, h.sendJSON(t, staff, http.MethodPost, pathLivingWill, fewWishes, asAdmin(old)...), http.StatusConflict, "register_closed")
		a := h.sendJSON(t, staff, http.MethodPut, pathLivingWill, fewWishes, asAdmin(grown)...)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.NotEqual(t, added.body["id"], a.body["id"])
	})
	t.Run("WA-04 replaced by a treatment will, of the will that was read", func(t *testing.T) {
		h.advised(t)
		h.problem(t, h.sendJSON(t, me, http.MethodPost, pathUpgrade, wishes, "If-Match", added.Header().Get("ETag")), http.StatusPreconditionFailed, "registration_changed")
		now := h.sendJSON(t, me, http.MethodGet, pathLivingWill, "").Header().Get("ETag")
		a := h.sendJSON(t, me, http.MethodPost, pathUpgrade, wishes, "If-Match", now)
		require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
		assert.Equal(t, pathTreatmentWill, a.Header().Get("Location"))
		assert.Equal(t, `{"livingWill":false,"treatmentWill":true}`, h.sendJSON(t, me, http.MethodGet, pathExistence, "").Body.String())
		assert.Equal(t, a.body, h.sendJSON(t, me, http.MethodGet, pathTreatmentWill, "").body)
		assert.Len(t, h.advised(t), 2)
		all := h.willsOf(t, grown)
		assert.Equal(t, all[1].To, all[2].From)
	})
	t.Run("deleted", func(t *testing.T) {
		h.deps.Wills.Keeper.Rules.Closed = time.Time{}
		them := h.session(t, person(t, old))
		tag := h.made(t, them, pathLivingWill, fewWishes)
		assert.Equal(t, http.StatusNoContent, h.sendJSON(t, them, http.MethodDelete, pathLivingWill, "", "If-Match", tag).Code)
		h.problem(t, h.sendJSON(t, them, http.MethodGet, pathLivingWill, ""), http.StatusNotFound, "will_not_found")
	})
}

// What the rules refuse, and how HTTP says it. Nothing is stored.
func TestWillsRefused(t *testing.T) {
	h := startWills(t)
	for _, c := range []struct {
		name, citizen, path, body string
		status                    int
		code                      string
	}{
		{"WA-13 acceptance when dying", grown, pathTreatmentWill, strings.Replace(wishes, `{"declined":true}`, `{"declined":true,"needs":"relative"}`, 1), 422, "invalid_will"},
		{"WA-13 acceptance of a dying wish that is not declined", grown, pathTreatmentWill, strings.Replace(wishes, `{"declined":true}`, `{"declined":false,"needs":"relative"}`, 1), 422, "invalid_will"},
		{"acceptance in a living will", grown, pathLivingWill, strings.Replace(fewWishes, `false`, `true,"needs":"relative"`, 1), 422, "invalid_will"},
		{"WA-14 nothing declined", grown, pathTreatmentWill, strings.ReplaceAll(wishes, "true", "false"), 422, "empty_will"},
		{"WA-14 nothing declined in a living will", grown, pathLivingWill, strings.ReplaceAll(fewWishes, "true", "false"), 422, "empty_will"},
		{"WA-33 18 tomorrow", minor, pathTreatmentWill, wishes, 422, "not_eligible"},
		{"WA-34 dead", gone, pathTreatmentWill, wishes, 422, "inactive_citizen"},
		{"WA-34 unknown", "0101701111", pathTreatmentWill, wishes, 422, "inactive_citizen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.problem(t, h.sendJSON(t, h.session(t, person(t, c.citizen)), http.MethodPost, c.path, c.body), c.status, c.code)
			assert.Empty(t, h.willsOf(t, c.citizen))
			assert.Empty(t, h.looks.seen())
			assert.Empty(t, h.advised(t))
		})
	}
}

// Who may what: the answer to who may not is the same whether there is a will or not.
func TestWhoMayWills(t *testing.T) {
	type operation struct{ method, path, body string }
	operations := []operation{
		{http.MethodGet, pathExistence, ""},
		{http.MethodGet, pathTreatmentWill + "?view=forced-treatment", ""},
		{http.MethodGet, pathTreatmentWill, ""},
		{http.MethodGet, pathLivingWill, ""},
		{http.MethodPost, pathTreatmentWill, wishes},
		{http.MethodPut, pathTreatmentWill, wishes},
		{http.MethodPost, pathUpgrade, wishes},
		{http.MethodDelete, pathTreatmentWill, ""},
		{http.MethodPost, pathLivingWill, fewWishes},
		{http.MethodPut, pathLivingWill, fewWishes},
		{http.MethodDelete, pathLivingWill, ""},
	}
	const none, all = "", "existence forced treatment living writes"
	allowed := func(o operation, may string) bool {
		word := "writes"
		if o.method == http.MethodGet {
			word = map[string]string{pathExistence: "existence", pathTreatmentWill: "treatment", pathLivingWill: "living"}[o.path]
			if word == "" {
				word = "forced"
			}
		}
		return strings.Contains(may, word)
	}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		change func(*identity.Caller)
		admin  bool
		may    string
		code   string
	}{
		{name: "the citizen", caller: person(t, grown), may: all},
		{name: "WA-24 another citizen", caller: person(t, old)},
		{name: "WA-28 who acts for another", caller: person(t, old), change: func(c *identity.Caller) { c.OnBehalfOf = &identity.Principal{CPR: person(t, grown).CPR} }},
		{name: "the citizen as an administrator", caller: person(t, grown), admin: true},
		{name: "WA-23 WA-24 a doctor", caller: employee(t, doctor, "0TST1"), may: "existence forced treatment living"},
		{name: "a doctor as an administrator", caller: employee(t, doctor, "0TST1"), admin: true},
		{name: "WA-25 an employee without authorisation", caller: employee(t, doctor, "")},
		{name: "WA-25 a doctor with a card of level 3", caller: employee(t, doctor, "0TST1"), change: func(c *identity.Caller) { c.Credential.Level = 3 }},
		{name: "WA-26 a dentist", caller: employee(t, doctor, "0TST1"), change: func(c *identity.Caller) { c.EducationCode = dentist }, may: "forced"},
		{name: "WA-27 a system with the grant", caller: system(verifierCVR), may: "existence"},
		{name: "an organisation's token with the grant", caller: organisation(verifierCVR), may: "existence"},
		{name: "WA-27 a system without", caller: system(grantlessCVR)},
		{name: "WA-37 an administrator", caller: administrator(t), admin: true, may: all},
		{name: "an administrator as anybody", caller: administrator(t)},
		{name: "WA-37 without role", caller: administrator(t), change: func(c *identity.Caller) { c.NationalRole = "" }, admin: true},
		{name: "WA-37 without the name of an organisation", caller: administrator(t), change: func(c *identity.Caller) { c.Org.Name = "" }, admin: true},
		{name: "a token for another service", caller: person(t, grown), change: func(c *identity.Caller) { c.Audience = "https://other" }},
		{name: "a card of level 2", caller: administrator(t), change: func(c *identity.Caller) { c.Credential.Level = 2 }, admin: true, code: fault.CodeSecurityLevel},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := startWills(t)
			if c.change == nil {
				c.change = func(*identity.Caller) {}
			}
			token := h.session(t, c.caller, c.change)
			headers := of(grown)
			if c.admin {
				headers = asAdmin(grown)
			}
			var before []string
			for _, exists := range []bool{false, true} {
				if exists {
					me := h.session(t, person(t, grown))
					h.sendJSON(t, me, http.MethodDelete, pathTreatmentWill, "")
					h.sendJSON(t, me, http.MethodDelete, pathLivingWill, "")
					h.made(t, me, pathTreatmentWill, wishes)
					h.looks.seen()
				}
				for i, o := range operations {
					kept := len(h.willsOf(t, grown))
					a := h.sendJSON(t, token, o.method, o.path, o.body, headers...)
					if allowed(o, c.may) {
						assert.NotContains(t, []int{401, 403}, a.Code, "%s %s: %s", o.method, o.path, a.Body)
						h.looks.seen()
						continue
					}
					code := c.code
					if code == "" {
						code = fault.CodeNotAuthorized
					}
					h.problem(t, a, http.StatusForbidden, code)
					assert.Empty(t, h.looks.seen(), "%s %s", o.method, o.path)
					assert.Len(t, h.willsOf(t, grown), kept)
					told := strings.ReplaceAll(a.Body.String(), a.Header().Get("X-OpenNSP-Call"), "")
					if !exists {
						before = append(before, told)
					} else if c.may == none {
						assert.Equal(t, before[i], told, "AU-1")
					}
				}
			}
		})
	}
	t.Run("nobody, and the operator", func(t *testing.T) {
		h := startWills(t)
		for _, o := range operations {
			h.now = h.now.Add(time.Second)
			h.problem(t, h.sendJSON(t, "", o.method, o.path, o.body, of(grown)...), http.StatusUnauthorized, fault.CodeMissingHeader)
			h.problem(t, h.sendJSON(t, operatorToken, o.method, o.path, o.body, asAdmin(grown)...), http.StatusForbidden, fault.CodeNotAuthorized)
		}
	})
	t.Run("WA-18 a Citizen-Id that is none, for who may", func(t *testing.T) {
		h := startWills(t)
		staff, me, them := h.session(t, administrator(t)), h.session(t, person(t, grown)), h.session(t, employee(t, doctor, ""))
		for name, headers := range map[string][]string{
			"absent": nil, "nine digits": of(grown[:9]), "a hyphen": of(grown[:6] + "-" + grown[6:]), "31 November": of("3111009999"), "X-eCPR": of("1308781QT7"),
			"two": append(of(grown), of(grown)...), "a list": of(grown + "," + grown), "empty": of(""),
		} {
			for _, o := range operations {
				h.problem(t, h.sendJSON(t, staff, o.method, o.path, o.body, append([]string{"Surface", "admin"}, headers...)...), http.StatusBadRequest, "invalid_id")
				h.problem(t, h.sendJSON(t, them, o.method, o.path, o.body, headers...), http.StatusForbidden, fault.CodeNotAuthorized)
				if headers != nil {
					h.problem(t, h.sendJSON(t, me, o.method, o.path, o.body, headers...), http.StatusBadRequest, "invalid_id")
				}
			}
			assert.Empty(t, h.looks.seen(), name)
		}
	})
}

// A dependency that does not answer: nothing is changed, and nothing is told.
func TestWillsDown(t *testing.T) {
	h := startWills(t)
	me, doc := h.session(t, person(t, grown)), h.session(t, employee(t, doctor, "0TST1"))
	tag := h.made(t, me, pathTreatmentWill, wishes)
	h.advised(t)
	down := func(t *testing.T, a answer, code string) {
		t.Helper()
		h.problem(t, a, http.StatusServiceUnavailable, code)
		assert.Equal(t, "30", a.Header().Get("Retry-After"))
		assert.NotContains(t, a.Body.String(), errTest.Error())
		assert.Equal(t, tag, `"`+h.willsOf(t, grown)[0].ID+`"`)
		assert.Len(t, h.willsOf(t, grown), 1)
		assert.True(t, h.willsOf(t, grown)[0].To.IsZero())
		assert.Empty(t, h.advised(t))
	}
	t.Run("WA-29 MinLog", func(t *testing.T) {
		h.looks.err = errTest
		defer func() { h.looks.err = nil }()
		for _, o := range []struct{ token, method, path, body string }{
			{me, http.MethodGet, pathExistence, ""}, {doc, http.MethodGet, pathExistence, ""}, {doc, http.MethodGet, pathTreatmentWill, ""},
			{doc, http.MethodGet, pathTreatmentWill + "?view=forced-treatment", ""}, {doc, http.MethodGet, pathLivingWill, ""},
			{me, http.MethodPut, pathTreatmentWill, wishes}, {me, http.MethodDelete, pathTreatmentWill, ""},
		} {
			down(t, h.sendJSON(t, o.token, o.method, o.path, o.body, of(grown)...), "minlog_unavailable")
		}
		them := h.session(t, person(t, old))
		h.problem(t, h.sendJSON(t, them, http.MethodPost, pathTreatmentWill, wishes), http.StatusServiceUnavailable, "minlog_unavailable")
		assert.Empty(t, h.willsOf(t, old))
	})
	t.Run("the store", func(t *testing.T) {
		h.willStore.OnRead.FailFrom(1, errTest)
		defer h.willStore.OnRead.Heal()
		for _, o := range []struct{ method, path, body string }{
			{http.MethodGet, pathExistence, ""}, {http.MethodGet, pathTreatmentWill, ""}, {http.MethodGet, pathLivingWill, ""},
			{http.MethodPut, pathTreatmentWill, wishes}, {http.MethodPost, pathUpgrade, wishes}, {http.MethodDelete, pathTreatmentWill, ""},
		} {
			down(t, h.sendJSON(t, me, o.method, o.path, o.body), fault.CodeProcessing)
		}
	})
	t.Run("the store, when it is written", func(t *testing.T) {
		h.willStore.OnUpdate.FailFrom(1, errTest)
		defer h.willStore.OnUpdate.Heal()
		down(t, h.sendJSON(t, me, http.MethodPut, pathTreatmentWill, wishes), fault.CodeProcessing)
	})
	t.Run("WA-35 the CPR register", func(t *testing.T) {
		h.register.OnRead.FailFrom(1, errTest)
		defer h.register.OnRead.Heal()
		down(t, h.sendJSON(t, me, http.MethodPut, pathTreatmentWill, wishes), fault.CodeProcessing)
		assert.Equal(t, http.StatusNoContent, h.sendJSON(t, me, http.MethodDelete, pathTreatmentWill, "").Code)
	})
}

// meanwhile is a store in which something happens after a look at a register.
type meanwhile struct {
	ports.WillStore
	after func()
}

func (m *meanwhile) Exists(ctx context.Context, person []cpr.Number, reg will.Register) (bool, error) {
	found, err := m.WillStore.Exists(ctx, person, reg)
	if m.after != nil {
		m.after()
		m.after = nil
	}
	return found, err
}

// WL-01 holds in an answer about both registers too.
func TestWillReplacedBetweenLooks(t *testing.T) {
	h := startWills(t)
	me := h.session(t, person(t, grown))
	h.made(t, me, pathLivingWill, fewWishes)
	store := &meanwhile{WillStore: h.db.Wills(), after: func() { h.made(t, me, pathUpgrade, wishes) }}
	k := *h.deps.Wills.Keeper
	k.Store = store
	deps := h.deps
	deps.Wills = &rest.Wills{Keeper: &k, Audiences: []string{audience}}
	e := echo.New()
	rest.MountWills(e, deps)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, h.request(http.MethodGet, pathExistence, http.NoBody, bearer(me)...))
	assert.Equal(t, `{"livingWill":false,"treatmentWill":true}`, w.Body.String())
}

func TestWillsAgain(t *testing.T) {
	h := startWills(t)
	me := h.session(t, person(t, grown))
	same := func(t *testing.T, status int, call func() answer) answer {
		t.Helper()
		one := call()
		require.Equal(t, status, one.Code, "%s", one.Body)
		kept := len(h.willsOf(t, grown))
		two := call()
		assert.Equal(t, one.Code, two.Code)
		assert.Equal(t, one.Body.String(), two.Body.String())
		for _, name := range []string{"ETag", "Location", "Content-Type"} {
			assert.Equal(t, one.Header().Get(name), two.Header().Get(name), name)
		}
		assert.Len(t, h.willsOf(t, grown), kept)
		return one
	}
	send := func(method, path, body, key string, headers ...string) func() answer {
		return func() answer {
			return h.sendJSON(t, me, method, path, body, append(headers, "Idempotency-Key", key)...)
		}
	}
	living := same(t, http.StatusCreated, send(http.MethodPost, pathLivingWill, fewWishes, "a"))
	assert.NotEmpty(t, living.Header().Get("ETag"))
	assert.NotEmpty(t, living.Header().Get("Location"))
	same(t, http.StatusOK, send(http.MethodPut, pathLivingWill, fewWishes, "b"))
	same(t, http.StatusCreated, send(http.MethodPost, pathUpgrade, wishes, "c"))
	treatment := same(t, http.StatusOK, send(http.MethodPut, pathTreatmentWill, wishes, "d"))
	assert.NotEmpty(t, treatment.Header().Get("ETag"))
	same(t, http.StatusNoContent, send(http.MethodDelete, pathTreatmentWill, "", "e"))
	same(t, http.StatusCreated, send(http.MethodPost, pathTreatmentWill, wishes, "f"))

	t.Run("the same key for something else is another call", func(t *testing.T) {
		for _, call := range []func() answer{
			send(http.MethodPost, pathTreatmentWill, wishes, "f", "Surface", "admin"),
			send(http.MethodPost, pathTreatmentWill, wishes, "f", "Citizen-Id", old),
			send(http.MethodPut, pathTreatmentWill, wishes, "f"),
			send(http.MethodPost, pathTreatmentWill, fewWishes, "f"),
		} {
			h.problem(t, call(), http.StatusBadRequest, fault.CodeSyntax)
		}
	})
	t.Run("without a key each is one", func(t *testing.T) {
		one := h.sendJSON(t, me, http.MethodPut, pathTreatmentWill, wishes)
		two := h.sendJSON(t, me, http.MethodPut, pathTreatmentWill, wishes)
		assert.NotEqual(t, one.body["id"], two.body["id"])
	})
}

// WA-40: what a will says is in answers to who may see it alone.
func TestWishesAreToldToNobodyElse(t *testing.T) {
	h := startWills(t)
	me := h.session(t, person(t, grown))
	h.made(t, me, pathTreatmentWill, wishes)
	h.sendJSON(t, me, http.MethodPost, pathTreatmentWill, wishes)
	h.sendJSON(t, me, http.MethodPut, pathTreatmentWill, strings.Replace(wishes, "guardian", "trustedAgent", 1))
	h.sendJSON(t, me, http.MethodGet, pathTreatmentWill, "")
	h.willStore.OnRead.FailFrom(1, errors.New("cause"))
	h.sendJSON(t, me, http.MethodGet, pathTreatmentWill, "")
	for _, word := range []string{"declined", "trustedAgent", "guardian", "relative", "true"} {
		for _, line := range h.audit.Lines() {
			for _, c := range line.Notes {
				for _, where := range c.Contexts {
					for i := range audit.Flatten(where.Information, 100) {
						if i.Key != audit.WillExists.Name {
							assert.NotContains(t, i.Value, word)
						}
					}
				}
			}
		}
		if word != "true" {
			assert.NotContains(t, h.log.String(), word)
		}
	}
}
