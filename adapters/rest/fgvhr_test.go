package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/identity"
)

// optOutsOf is the citizen's history.
func (h *house) optOutsOf(t *testing.T, citizen string) fgvhr.History {
	t.Helper()
	all, err := h.db.OptOuts().History(t.Context(), []cpr.Number{person(t, citizen).CPR})
	require.NoError(t, err)
	return all
}

func TestOptOut(t *testing.T) {
	h := startWills(t)
	me, dds := h.session(t, person(t, old)), h.session(t, system(verifierCVR))
	read := func(token string) answer { return h.sendJSON(t, token, http.MethodGet, pathOptOut, "", of(old)...) }
	nothing := func(t *testing.T, a answer) {
		t.Helper()
		assert.Equal(t, http.StatusNoContent, a.Code)
		assert.Empty(t, a.Body.String())
		assert.Empty(t, a.Header().Get("ETag"))
	}
	nothing(t, read(me))
	h.problem(t, h.sendJSON(t, me, http.MethodDelete, pathOptOut, ""), http.StatusNotFound, "consent_not_found") // FA-06
	h.looks.seen()

	added := h.sendJSON(t, me, http.MethodPost, pathOptOut, "")
	require.Equal(t, http.StatusCreated, added.Code, "%s", added.Body)
	id, _ := added.body["id"].(string)
	want := map[string]any{
		"id": id, "status": "ACTIVE", "createdAt": "2026-11-21T12:00:00Z", "validFrom": "2026-11-28T12:00:00Z", "inForce": false,
	}
	assert.Equal(t, want, added.body)
	assert.Equal(t, pathOptOut, added.Header().Get("Location"))
	assert.Equal(t, `"`+id+`"`, added.Header().Get("ETag"))
	assert.Equal(t, audit.FGVHR, h.line(t).Route)
	assert.Equal(t, []string{"Registrering af fravalg af genoplivning"}, h.looks.seen())
	assert.Len(t, h.advised(t), 1)

	t.Run("FA-01 in force when the week is over, and not before to systems", func(t *testing.T) {
		defer func() { h.now = noon }()
		for _, h.now = range []time.Time{noon, noon.Add(7*24*time.Hour - time.Microsecond)} {
			assert.Equal(t, want, read(h.session(t, person(t, old))).body)
			nothing(t, read(h.session(t, system(verifierCVR))))
		}
		h.now = noon.Add(7 * 24 * time.Hour)
		me, dds := h.session(t, person(t, old)), h.session(t, system(verifierCVR))
		want["inForce"] = true
		for _, token := range []string{me, dds} {
			a := read(token)
			require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
			assert.Equal(t, want, a.body)
			assert.Equal(t, added.Header().Get("ETag"), a.Header().Get("ETag"))
		}
		want["inForce"] = false
	})
	t.Run("FA-04 a second one", func(t *testing.T) {
		h.problem(t, h.sendJSON(t, me, http.MethodPost, pathOptOut, "{}"), http.StatusConflict, "consent_exists")
	})
	t.Run("one that was changed since", func(t *testing.T) {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			a := h.sendJSON(t, me, method, pathOptOut, "", "If-Match", `"00000000-0000-4000-8000-000000000001"`)
			h.problem(t, a, http.StatusPreconditionFailed, "registration_changed")
		}
		a := h.sendJSON(t, dds, http.MethodGet, pathOptOut, "", append(of(old), "If-Match", added.Header().Get("ETag"))...)
		h.problem(t, a, http.StatusPreconditionFailed, "registration_changed")
		assert.Equal(t, http.StatusOK, h.sendJSON(t, me, http.MethodGet, pathOptOut, "", "If-Match", added.Header().Get("ETag")).Code)
		assert.Len(t, h.optOutsOf(t, old), 1)
	})
	t.Run("FA-05 withdrawn at once, FA-07 and registered again, for which it waits again", func(t *testing.T) {
		h.now = noon.Add(3 * 24 * time.Hour)
		me, staff, dds := h.session(t, person(t, old)), h.session(t, administrator(t)), h.session(t, system(verifierCVR))
		a := h.sendJSON(t, me, http.MethodDelete, pathOptOut, "", "If-Match", added.Header().Get("ETag"))
		assert.Equal(t, http.StatusNoContent, a.Code, "%s", a.Body)
		assert.Empty(t, a.Body.String())
		assert.Equal(t, "INACTIVE", read(me).body["status"])
		nothing(t, read(dds))
		withdrawn := h.optOutsOf(t, old)[1].ID
		h.now = h.now.Add(time.Second)
		h.made(t, me, pathOptOut, "{}")
		assert.NotContains(t, read(me).body, "replaces")
		a = read(staff)
		assert.Equal(t, withdrawn, a.body["replaces"])
		assert.Equal(t, "2026-12-01T12:00:01Z", a.body["validFrom"])
		nothing(t, read(dds))
	})
}

func TestOptOutAdministered(t *testing.T) {
	h := startWills(t)
	staff := h.session(t, administrator(t))
	a := h.sendJSON(t, staff, http.MethodPost, pathOptOut, `{"citizenCreatedDate":"2026-11-01"}`, of(old)...)
	require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
	assert.Equal(t, "2026-11-01", a.body["citizenCreatedDate"], "FA-08")
	assert.Equal(t, "2026-11-28T12:00:00Z", a.body["validFrom"], "FA-08")
	patch := func(match, body string) answer {
		return h.sendJSON(t, staff, http.MethodPatch, pathOptOut, body, append(of(old), "If-Match", match)...)
	}
	tag := a.Header().Get("ETag")

	t.Run("the date of the form", func(t *testing.T) {
		h.now = h.now.Add(time.Second)
		a := patch(tag, `{"citizenCreatedDate":"2026-10-31"}`)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, map[string]any{
			"id": a.body["id"], "status": "ACTIVE", "createdAt": "2026-11-21T12:00:01Z", "citizenCreatedDate": "2026-10-31",
			"validFrom": "2026-11-28T12:00:00Z", "inForce": false, "replaces": strings.Trim(tag, `"`),
		}, a.body)
		h.problem(t, patch(tag, `{"citizenCreatedDate":"2026-10-30"}`), http.StatusPreconditionFailed, "registration_changed")
		tag = a.Header().Get("ETag")
		h.problem(t, patch(tag, `{"citizenCreatedDate":"2026-11-22"}`), http.StatusUnprocessableEntity, "invalid_date")
	})
	t.Run("FA-10 entered in error, once and for all", func(t *testing.T) {
		a := patch(tag, `{"status":"ENTERED-IN-ERROR"}`)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, "ENTERED-IN-ERROR", a.body["status"])
		assert.Equal(t, false, a.body["inForce"])
		h.problem(t, patch(tag, `{"status":"ENTERED-IN-ERROR"}`), http.StatusPreconditionFailed, "registration_changed")
		for _, status := range []string{"ACTIVE", "INACTIVE", "ENTERED-IN-ERROR"} {
			h.problem(t, patch(a.Header().Get("ETag"), `{"status":"`+status+`"}`), http.StatusUnprocessableEntity, "invalid_status")
		}
		assert.Len(t, h.optOutsOf(t, old), 3)
		h.problem(t, h.sendJSON(t, staff, http.MethodDelete, pathOptOut, "", of(old)...), http.StatusNotFound, "consent_not_found")
		h.made(t, staff, pathOptOut, "", of(old)...)
	})
	t.Run("FA-09 the date of a form that is yet to be written, and of one that a citizen sends", func(t *testing.T) {
		assert.Equal(t, http.StatusNoContent, h.sendJSON(t, staff, http.MethodDelete, pathOptOut, "", of(old)...).Code)
		h.problem(t, h.sendJSON(t, staff, http.MethodPost, pathOptOut, `{"citizenCreatedDate":"2026-11-22"}`, of(old)...), http.StatusUnprocessableEntity, "invalid_date")
		me := h.session(t, person(t, old))
		h.problem(t, h.sendJSON(t, me, http.MethodPost, pathOptOut, `{"citizenCreatedDate":"2026-11-20"}`), http.StatusUnprocessableEntity, "invalid_date")
	})
	t.Run("which one is changed must be said", func(t *testing.T) {
		a := h.sendJSON(t, staff, http.MethodPatch, pathOptOut, `{"status":"ENTERED-IN-ERROR"}`, of(old)...)
		h.problem(t, a, http.StatusPreconditionRequired, "precondition_required")
		h.problem(t, patch(`*`, `{"status":"ENTERED-IN-ERROR"}`), http.StatusBadRequest, fault.CodeSyntax)
	})
}

// What the rules refuse. Nothing is stored.
func TestOptOutRefused(t *testing.T) {
	h := startWills(t)
	for _, c := range []struct{ name, citizen, code string }{
		{"FA-03 too young", grown, "not_eligible"},
		{"FA-17 dead", gone, "inactive_citizen"},
		{"unknown", "0101501111", "inactive_citizen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.problem(t, h.sendJSON(t, h.session(t, person(t, c.citizen)), http.MethodPost, pathOptOut, "{}"), http.StatusUnprocessableEntity, c.code)
			assert.Empty(t, h.optOutsOf(t, c.citizen))
			assert.Empty(t, h.looks.seen())
			assert.Empty(t, h.advised(t))
		})
	}
}

// Who may what: the answer to who may not is the same whether somebody declined or not.
func TestWhoMayOptOut(t *testing.T) {
	const tag = `"00000000-0000-4000-8000-000000000001"`
	operations := []struct{ method, body, word string }{
		{http.MethodGet, "", "reads"},
		{http.MethodPatch, `{"status":"ENTERED-IN-ERROR"}`, "corrects"},
		{http.MethodPost, `{}`, "writes"},
		{http.MethodDelete, "", "writes"},
	}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		change func(*identity.Caller)
		may    string
		code   string
	}{
		{name: "FA-11 the citizen", caller: person(t, old), may: "reads writes"},
		{name: "another citizen", caller: person(t, grown)},
		{name: "who acts for another", caller: person(t, grown), change: func(c *identity.Caller) { c.OnBehalfOf = &identity.Principal{CPR: person(t, old).CPR} }},
		{name: "FA-11 a doctor", caller: employee(t, doctor, "0TST1")},
		{name: "FA-11 a system with the grant", caller: system(verifierCVR), may: "reads"},
		{name: "an organisation's token with the grant", caller: organisation(verifierCVR), may: "reads"},
		{name: "a system without", caller: system(grantlessCVR)},
		{name: "an administrator", caller: administrator(t), may: "reads corrects writes"},
		{name: "an administrator without role", caller: administrator(t), change: func(c *identity.Caller) { c.NationalRole = "" }},
		{name: "FA-12 a token for another service", caller: person(t, old), change: func(c *identity.Caller) { c.Audience = "https://other" }},
		{name: "a card of level 2", caller: administrator(t), change: func(c *identity.Caller) { c.Credential.Level = 2 }, code: fault.CodeSecurityLevel},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := startWills(t)
			if c.change == nil {
				c.change = func(*identity.Caller) {}
			}
			if c.code == "" {
				c.code = fault.CodeNotAuthorized
			}
			token := h.session(t, c.caller, c.change)
			var before []string
			for _, exists := range []bool{false, true} {
				if exists {
					me := h.session(t, person(t, old))
					h.sendJSON(t, me, http.MethodDelete, pathOptOut, "")
					h.made(t, me, pathOptOut, "{}")
					h.looks.seen()
				}
				for i, o := range operations {
					kept := len(h.optOutsOf(t, old))
					headers := of(old)
					if o.method == http.MethodPatch {
						headers = append(headers, "If-Match", tag)
					}
					a := h.sendJSON(t, token, o.method, pathOptOut, o.body, headers...)
					if strings.Contains(c.may, o.word) {
						assert.NotContains(t, []int{401, 403}, a.Code, "%s: %s", o.method, a.Body)
						h.looks.seen()
						continue
					}
					h.problem(t, a, http.StatusForbidden, c.code)
					assert.Empty(t, h.looks.seen(), o.method)
					assert.Len(t, h.optOutsOf(t, old), kept)
					told := strings.ReplaceAll(a.Body.String(), a.Header().Get("X-OpenNSP-Call"), "")
					if !exists {
						before = append(before, told)
					} else if c.may == "" {
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
			h.problem(t, h.sendJSON(t, "", o.method, pathOptOut, o.body, append(of(old), "If-Match", tag)...), http.StatusUnauthorized, fault.CodeMissingHeader)
			h.problem(t, h.sendJSON(t, operatorToken, o.method, pathOptOut, o.body, of(old)...), http.StatusForbidden, fault.CodeNotAuthorized)
		}
	})
	t.Run("FA-14 a Citizen-Id that is none, for who may", func(t *testing.T) {
		h := startWills(t)
		staff, me, doc := h.session(t, administrator(t)), h.session(t, person(t, old)), h.session(t, employee(t, doctor, "0TST1"))
		for name, headers := range map[string][]string{
			"absent": nil, "nine digits": of(old[:9]), "a hyphen": of(old[:6] + "-" + old[6:]), "X-eCPR": of("1308781QT7"), "two": append(of(old), of(old)...), "empty": of(""),
		} {
			for _, o := range operations {
				more := headers
				if o.method == http.MethodPatch {
					more = append([]string{"If-Match", tag}, headers...)
				}
				h.problem(t, h.sendJSON(t, staff, o.method, pathOptOut, o.body, more...), http.StatusBadRequest, "invalid_id")
				h.problem(t, h.sendJSON(t, doc, o.method, pathOptOut, o.body, more...), http.StatusForbidden, fault.CodeNotAuthorized)
				if headers != nil && o.word != "corrects" {
					h.problem(t, h.sendJSON(t, me, o.method, pathOptOut, o.body, more...), http.StatusBadRequest, "invalid_id")
				}
			}
			assert.Empty(t, h.looks.seen(), name)
		}
	})
}

// A dependency that does not answer: nothing is changed, and nothing is told.
func TestOptOutDown(t *testing.T) {
	h := startWills(t)
	me := h.session(t, person(t, old))
	operations := []struct{ method, body string }{{http.MethodGet, ""}, {http.MethodDelete, ""}}
	down := func(t *testing.T, a answer, code string) {
		t.Helper()
		h.problem(t, a, http.StatusServiceUnavailable, code)
		assert.Equal(t, "30", a.Header().Get("Retry-After"))
		assert.NotContains(t, a.Body.String(), errTest.Error())
		assert.Empty(t, h.advised(t))
	}
	t.Run("the CPR register", func(t *testing.T) {
		h.register.OnRead.FailFrom(1, errTest)
		defer h.register.OnRead.Heal()
		down(t, h.sendJSON(t, me, http.MethodPost, pathOptOut, "{}"), fault.CodeProcessing)
		assert.Empty(t, h.optOutsOf(t, old))
	})
	h.made(t, me, pathOptOut, "{}")
	h.advised(t)
	for name, c := range map[string]struct {
		fail func(error)
		code string
	}{
		"MinLog":    {func(err error) { h.looks.err = err }, "minlog_unavailable"},
		"the store": {func(err error) { h.optOuts.OnRead.FailFrom(1, err) }, fault.CodeProcessing},
	} {
		t.Run(name, func(t *testing.T) {
			c.fail(errTest)
			defer func() { h.looks.err = nil; h.optOuts.OnRead.Heal() }()
			for _, o := range operations {
				down(t, h.sendJSON(t, me, o.method, pathOptOut, o.body), c.code)
			}
			assert.Len(t, h.optOutsOf(t, old), 1)
		})
	}
	t.Run("the store, when it is written", func(t *testing.T) {
		h.optOuts.OnUpdate.FailFrom(1, errTest)
		defer h.optOuts.OnUpdate.Heal()
		down(t, h.sendJSON(t, me, http.MethodDelete, pathOptOut, ""), fault.CodeProcessing)
		assert.Len(t, h.optOutsOf(t, old), 1)
	})
}

func TestOptOutAgain(t *testing.T) {
	h := startWills(t)
	staff := h.session(t, administrator(t))
	same := func(t *testing.T, status int, method, body, key string, headers ...string) answer {
		t.Helper()
		headers = append(append(headers, of(old)...), "Idempotency-Key", key)
		one := h.sendJSON(t, staff, method, pathOptOut, body, headers...)
		require.Equal(t, status, one.Code, "%s", one.Body)
		kept := len(h.optOutsOf(t, old))
		two := h.sendJSON(t, staff, method, pathOptOut, body, headers...)
		assert.Equal(t, one.Code, two.Code)
		assert.Equal(t, one.Body.String(), two.Body.String())
		for _, name := range []string{"ETag", "Location", "Content-Type"} {
			assert.Equal(t, one.Header().Get(name), two.Header().Get(name), name)
		}
		assert.Len(t, h.optOutsOf(t, old), kept)
		return two
	}
	added := same(t, http.StatusCreated, http.MethodPost, `{}`, "a")
	tag := added.Header().Get("ETag")
	assert.NotEmpty(t, tag)
	assert.Equal(t, pathOptOut, added.Header().Get("Location"))
	changed := same(t, http.StatusOK, http.MethodPatch, `{"citizenCreatedDate":"2026-11-01"}`, "b", "If-Match", tag)
	assert.NotEmpty(t, changed.Header().Get("ETag"))
	same(t, http.StatusNoContent, http.MethodDelete, "", "c")
	a := h.sendJSON(t, staff, http.MethodPatch, pathOptOut, `{"citizenCreatedDate":"2026-11-01"}`, append(of(old), "Idempotency-Key", "b", "If-Match", `"00000000-0000-4000-8000-000000000001"`)...)
	h.problem(t, a, http.StatusBadRequest, fault.CodeSyntax)
}

// Bad input gets its problem, which holds no value of it, and changes nothing.
func TestBadOptOutInput(t *testing.T) {
	h := startWills(t)
	staff := h.session(t, administrator(t))
	tag := h.made(t, staff, pathOptOut, `{}`, of(old)...)
	h.looks.seen()
	for _, c := range []struct {
		name, method, query, body string
		headers                   []string
	}{
		{name: "no object", body: `[]`},
		{name: "something after it", body: `{}{}`},
		{name: "a body of blanks", body: ` `},
		{name: "an unknown member", body: `{"0108501234":1}`},
		{name: "a status of what is new", body: `{"status":"ACTIVE"}`},
		{name: "a member twice", body: `{"citizenCreatedDate":"2026-11-01","citizenCreatedDate":"2026-11-02"}`},
		{name: "a time for a day", body: `{"citizenCreatedDate":"2026-11-01T00:00:00Z"}`},
		{name: "no day", body: `{"citizenCreatedDate":"2026-11-31"}`},
		{name: "the year 0", body: `{"citizenCreatedDate":"0000-01-01"}`},
		{name: "no text for a day", body: `{"citizenCreatedDate":20261101}`},
		{name: "null for a day", body: `{"citizenCreatedDate":null}`},
		{name: "an empty day", body: `{"citizenCreatedDate":""}`},
		{name: "as text", body: `{}`, headers: []string{"Content-Type", "text/plain"}},
		{name: "a query", query: "?citizen=" + old, body: `{}`},
		{name: "a query without body", query: "?x=1"},
		{name: "any version of what is new", body: `{}`, headers: []string{"If-Match", `*`}},
		{name: "a version of what is new", body: `{}`, headers: []string{"If-Match", tag}},
		{name: "a change of nothing", method: http.MethodPatch, body: `{}`},
		{name: "a change without body", method: http.MethodPatch},
		{name: "another status", method: http.MethodPatch, body: `{"status":"0108501234"}`},
		{name: "an empty status", method: http.MethodPatch, body: `{"status":""}`},
		{name: "a status in small letters", method: http.MethodPatch, body: `{"status":"active"}`},
		{name: "null for a status", method: http.MethodPatch, body: `{"status":null}`},
		{name: "a number for a status", method: http.MethodPatch, body: `{"status":1}`},
		{name: "the id in the body", method: http.MethodPatch, body: `{"id":` + tag + `,"status":"ENTERED-IN-ERROR"}`},
		{name: "a query of a change", method: http.MethodPatch, query: "?x=1", body: `{"status":"ENTERED-IN-ERROR"}`},
		{name: "two versions", method: http.MethodPatch, body: `{"status":"ENTERED-IN-ERROR"}`, headers: []string{"If-Match", tag}},
		{name: "a body of a look", method: http.MethodGet, body: `{}`},
		{name: "a query of a look", method: http.MethodGet, query: "?x=1"},
		{name: "a version of a look that is none", method: http.MethodGet, headers: []string{"If-Match", `"1"`}},
		{name: "a body of a withdrawal", method: http.MethodDelete, body: `{}`},
		{name: "a query of a withdrawal", method: http.MethodDelete, query: "?x=1"},
		{name: "a version of a withdrawal that is none", method: http.MethodDelete, headers: []string{"If-Match", `""`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = http.MethodPost
			}
			if c.method == http.MethodPatch {
				c.headers = append(c.headers, "If-Match", tag)
			}
			if c.body != "" && c.name != "as text" {
				c.headers = append(c.headers, "Content-Type", "application/json")
			}
			a := h.call(t, c.method, pathOptOut+c.query, c.body, append(append(bearer(staff), of(old)...), c.headers...)...)
			h.problem(t, a, http.StatusBadRequest, fault.CodeSyntax)
			assert.NotRegexp(t, `\d{10}|active`, a.body["detail"])
			assert.Len(t, h.optOutsOf(t, old), 1)
			assert.Empty(t, h.looks.seen())
		})
	}
}

// A server where resuscitation can be declined, without the API.
func TestOptOutAlone(t *testing.T) {
	h := startWills(t)
	codes := func(caller identity.Caller, audiences []string) (codes [2]int) {
		deps := h.deps
		deps.FGVHR = &rest.FGVHR{Registrar: h.deps.FGVHR.Registrar, Audiences: audiences}
		e := echo.New()
		rest.MountFGVHR(e, deps)
		for i, path := range []string{pathOptOut, pathExistence} {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, h.request(http.MethodGet, path, http.NoBody, append(bearer(h.session(t, caller)), of(old)...)...))
			codes[i] = w.Code
		}
		return codes
	}
	assert.Equal(t, [2]int{204, 404}, codes(person(t, old), []string{audience}))
	assert.Equal(t, [2]int{403, 404}, codes(person(t, old), []string{"https://other"}))
	assert.Equal(t, [2]int{403, 404}, codes(person(t, old), nil), "then no token opens anything")
	assert.Equal(t, [2]int{204, 404}, codes(system(verifierCVR), nil))
}
