package rest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/trust"
)

const (
	pathConsents     = "/api/consent/v1/registrations"
	pathOverrides    = "/api/consent/v1/overrides"
	pathChecks       = "/api/consent/v1/checks"
	pathItemChecks   = "/api/consent/v1/checks/items"
	pathExplanations = "/api/consent/v1/explanations"

	// The people and units of the cases of consent. Each unit but the last is below the one before.
	holder, other, doctor, helper   = "0101010101", "0404040404", "0202020202", "0303030303"
	region, hospital, ward, region2 = "999001000016002", "999002000016000", "999003000016001", "999010000016008"

	verifierCVR, grantlessCVR = "99999901", "99999902"

	today   = `"validFrom":"2026-11-21T00:00:00Z"`
	aYear   = today + `,"validTo":"2027-11-21T00:00:00Z"`
	blocked = `{"kind":"constraint",` + today + `}`
)

// units is the tree of the cases.
type units struct{ *org.Tree }

func (u units) Current() *org.Tree { return u.Tree }

// consent is consent on the stores of the house.
func (h *house) consent(t *testing.T) *rest.Consent {
	t.Helper()
	tree, _, err := org.NewTree([]org.Unit{
		{SOR: region}, {SOR: hospital, Parent: region}, {SOR: ward, Parent: hospital, SHAK: "9990A1"}, {SOR: region2},
	})
	require.NoError(t, err)
	now := func() time.Time { return h.now }
	h.consents.Store, h.overrides.Log = h.db.Consents(true), h.db.Overrides(true)
	drawn := consent.MinID
	return &rest.Consent{
		Administration: &consenting.Administration{
			Store: &h.consents, Overrides: &h.overrides, Outbox: h.db.Outbox(), Trees: units{tree}, Trail: admitting.Trail{}, Granted: h.grants.Has,
			Now: now, NewID: uuid.NewString, DrawID: func() (consent.ID, error) { drawn++; return drawn, nil }, Roles: []string{"SpaerAdminR8"},
			MaxEntries: 100, MaxActive: 1000, PositiveYears: 10,
		},
		Verification: &consenting.Verification{
			Store: &h.consents, Overrides: &h.overrides, Outbox: h.db.Outbox(), Trees: units{tree}, Authorisations: h.db.Authorisations(),
			Trail: admitting.Trail{}, Granted: h.grants.Has, Now: now, NewID: uuid.NewString, MinLog: consenting.LogOverride,
		},
		Audiences: []string{audience},
	}
}

// startConsent is a server where one organisation may verify.
func startConsent(t *testing.T, change ...func(*house)) *house {
	t.Helper()
	h := start(t, change...)
	require.NoError(t, h.db.Grants().Update(t.Context(), func(all []trust.Grant) ([]trust.Grant, error) {
		for i, name := range []string{consenting.GrantVerification, consenting.GrantForeign, trust.HSUIDGrant} {
			all = append(all, trust.Grant{ID: fmt.Sprint(i), Name: name, CVR: verifierCVR})
		}
		return all, nil
	}))
	require.NoError(t, h.grants.Refresh(t.Context()))
	return h
}

// of is the header that names the citizen.
func of(citizen string) []string { return []string{"Citizen-Id", citizen} }

// sendJSON sends a request with a token, a body unless it is empty, and more headers.
func (h *house) sendJSON(t *testing.T, token, method, path, body string, headers ...string) answer {
	t.Helper()
	headers = append(bearer(token), headers...)
	if body != "" {
		headers = append(headers, "Content-Type", "application/json")
	}
	return h.call(t, method, path, body, headers...)
}

// consented adds a registration of the citizen with the token, and returns its path.
func (h *house) consented(t *testing.T, token, body string) (path string) {
	t.Helper()
	a := h.sendJSON(t, token, http.MethodPost, pathConsents, body)
	require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
	return a.Header().Get("Location")
}

// asked is the verdict for who asks, written as JSON.
func (h *house) asked(t *testing.T, token, citizen, requester string) string {
	t.Helper()
	a := h.sendJSON(t, token, http.MethodPost, pathChecks, `{"requester":`+requester+`}`, of(citizen)...)
	require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
	return a.Body.String()
}

// at is a professional at a SOR unit.
func at(person, sor string) string {
	return `{"acting":"` + person + `","organisation":{"code":"` + sor + `"}}`
}

// told are the activities that MinLog is told of, in the order of the outbox.
func (h *house) told(t *testing.T) (all []string) {
	t.Helper()
	for {
		due, err := h.db.Outbox().Next(t.Context(), notice.MinLog, h.now.Add(time.Hour), 100)
		require.NoError(t, err)
		if len(due) == 0 {
			return all
		}
		for _, n := range due {
			require.NoError(t, h.db.Outbox().Done(t.Context(), n.ID, h.now))
			all = append(all, n.Entry.Activity)
		}
	}
}

func ids(a answer, kind string) (all []string) {
	for _, e := range elements(a, kind) {
		all = append(all, e["id"].(string))
	}
	return all
}

func TestConsentRegistration(t *testing.T) {
	h := startConsent(t)
	me := h.session(t, person(t, holder), func(c *identity.Caller) { c.SystemName = "Test Portal" })
	body := `{"kind":"positive","who":{"organisation":{"sor":"` + region + `","subUnits":true}},
		"what":{"dataFrom":"2024-01-01T00:00:00.1239Z","dataTo":"2025-01-01T01:00:00+01:00","origin":{"sor":"` + hospital + `"}},` + aYear + `}`
	added := h.sendJSON(t, me, http.MethodPost, pathConsents, body)
	require.Equal(t, http.StatusCreated, added.Code, "%s", added.Body)
	id, _ := added.body["id"].(string)
	path := pathConsents + "/" + id
	want := map[string]any{
		"id": id, "version": 1.0, "citizen": holder, "kind": "positive",
		"who": map[string]any{"organisation": map[string]any{"sor": region, "subUnits": true}},
		"what": map[string]any{
			"dataFrom": "2024-01-01T00:00:00.123Z", "dataTo": "2025-01-01T00:00:00Z", "origin": map[string]any{"sor": hospital, "subUnits": false},
		},
		"validFrom": "2026-11-21T00:00:00Z", "validTo": "2027-11-21T00:00:00Z", "state": "in_force",
		"created": map[string]any{"at": "2026-11-21T12:00:00Z", "system": "Test Portal", "by": holder},
	}
	assert.Equal(t, want, added.body)
	assert.Equal(t, path, added.Header().Get("Location"))
	assert.Equal(t, `"1"`, added.Header().Get("ETag"))
	assert.Equal(t, audit.Samtykke, h.line(t).Route)
	assert.Equal(t, []string{"Positivt samtykke oprettet"}, h.told(t))

	t.Run("all that the citizen has, and MinLog tells of the look", func(t *testing.T) {
		for _, headers := range [][]string{nil, of(holder), of(holder[:6] + "-" + holder[6:])} {
			a := h.sendJSON(t, me, http.MethodGet, pathConsents, "", headers...)
			require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
			assert.Equal(t, map[string]any{"registrations": []any{want}}, a.body)
		}
		assert.Equal(t, []string{"Opslag af spærringer og samtykker", "Opslag af spærringer og samtykker", "Opslag af spærringer og samtykker"}, h.told(t))
		a := h.sendJSON(t, h.session(t, person(t, other)), http.MethodGet, pathConsents, "")
		assert.JSONEq(t, `{"registrations":[]}`, a.Body.String())
		h.told(t)
	})
	t.Run("CT-46 a change is of a version", func(t *testing.T) {
		h.now = h.now.Add(time.Second)
		change := `{"kind":"positive","who":{"person":"` + doctor + `"},` + aYear + `}`
		h.problem(t, h.sendJSON(t, me, http.MethodPut, path, change), http.StatusPreconditionRequired, "precondition_required")
		h.problem(t, h.sendJSON(t, me, http.MethodPut, path, change, "If-Match", `"2"`), http.StatusPreconditionFailed, "conflict")
		for _, tag := range []string{`"0"`, `"-1"`, `1`, `W/"1"`, `"x"`, ``, `"99999999999999999999"`} {
			h.problem(t, h.sendJSON(t, me, http.MethodPut, path, change, "If-Match", tag), http.StatusBadRequest, fault.CodeSyntax)
		}
		a := h.sendJSON(t, me, http.MethodPut, path, change, "If-Match", `"1"`)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, `"2"`, a.Header().Get("ETag"))
		assert.Equal(t, map[string]any{
			"id": id, "version": 2.0, "citizen": holder, "kind": "positive", "who": map[string]any{"person": doctor},
			"validFrom": "2026-11-21T00:00:00Z", "validTo": "2027-11-21T00:00:00Z", "state": "in_force", "created": want["created"],
			"modified": map[string]any{"at": "2026-11-21T12:00:01Z", "system": "Test Portal", "by": holder},
		}, a.body)
		h.problem(t, h.sendJSON(t, me, http.MethodPut, path, change, "If-Match", `"1"`), http.StatusPreconditionFailed, "conflict")
		a = h.sendJSON(t, me, http.MethodPut, path, change, "If-Match", `*`)
		assert.Equal(t, `"3"`, a.Header().Get("ETag"))
		assert.Equal(t, []string{"Positivt samtykke ændret", "Positivt samtykke ændret"}, h.told(t))
	})
	t.Run("CT-17 CT-18 revoked, once and for all", func(t *testing.T) {
		h.now = h.now.Add(time.Second)
		a := h.sendJSON(t, me, http.MethodPost, path+"/revocation", "")
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, "revoked", a.body["state"])
		assert.Equal(t, `"4"`, a.Header().Get("ETag"))
		h.problem(t, h.sendJSON(t, me, http.MethodPost, path+"/revocation", ""), http.StatusConflict, "consent_inactive")
		h.problem(t, h.sendJSON(t, me, http.MethodPut, path, body, "If-Match", `"4"`), http.StatusConflict, "consent_inactive")
		versions := h.sendJSON(t, me, http.MethodGet, path+"/versions", "")
		require.Equal(t, http.StatusOK, versions.Code, "%s", versions.Body)
		var changes []string
		for i, v := range elements(versions, "versions") {
			assert.InDelta(t, i+1, v["version"], 0)
			changes = append(changes, v["change"].(string))
		}
		assert.Equal(t, []string{"add", "modify", "modify", "revoke"}, changes)
		delete(a.body, "change")
		last := elements(versions, "versions")[3]
		delete(last, "change")
		assert.Equal(t, a.body, last)
	})
	t.Run("CT-19 another citizen's is as none", func(t *testing.T) {
		them := h.session(t, person(t, other))
		theirs := h.consented(t, them, blocked)
		var texts []any
		for _, path := range []string{theirs, pathConsents + "/999999999999999"} {
			for _, a := range []answer{
				h.sendJSON(t, me, http.MethodPut, path, blocked, "If-Match", `"1"`), h.sendJSON(t, me, http.MethodPost, path+"/revocation", ""),
				h.sendJSON(t, me, http.MethodGet, path+"/versions", ""),
			} {
				h.problem(t, a, http.StatusNotFound, "consent_not_found")
				texts = append(texts, a.body["detail"])
			}
		}
		assert.Equal(t, texts[:3], texts[3:])
	})
}

func TestConsentStates(t *testing.T) {
	h := startConsent(t)
	me := h.session(t, person(t, holder))
	one := h.consented(t, me, blocked)
	h.consented(t, me, `{"kind":"constraint","validFrom":"2026-11-22T00:00:00Z"}`)
	h.consented(t, me, `{"kind":"constraint","validFrom":"2026-11-20T00:00:00Z","validTo":"2026-11-21T12:30:00Z"}`)
	h.consented(t, me, blocked)
	require.Equal(t, http.StatusOK, h.sendJSON(t, me, http.MethodPost, one+"/revocation", "").Code)
	h.now = h.now.Add(30 * time.Minute)
	for query, want := range map[string][]string{
		"":                {"revoked", "future", "expired", "in_force"},
		"?state=all":      {"revoked", "future", "expired", "in_force"},
		"?state=active":   {"future", "expired", "in_force"},
		"?state=in_force": {"in_force"},
	} {
		a := h.sendJSON(t, me, http.MethodGet, pathConsents+query, "")
		var states []string
		for _, r := range elements(a, "registrations") {
			states = append(states, r["state"].(string))
		}
		assert.Equal(t, want, states, query)
	}
	for _, query := range []string{"?state=", "?state=revoked", "?state=all&state=all", "?states=all", "?state=all&x=1", "?state=%zz", "?=all"} {
		h.problem(t, h.sendJSON(t, me, http.MethodGet, pathConsents+query, ""), http.StatusBadRequest, fault.CodeSyntax)
	}
}

// What the rules refuse, and how HTTP says it. Nothing is stored.
func TestConsentRefused(t *testing.T) {
	h := startConsent(t, func(h *house) { h.deps.Consent.Administration.MaxActive = 2 })
	me := h.session(t, person(t, holder))
	for _, c := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"CT-20 a positive without end", `{"kind":"positive",` + today + `}`, 422, "invalid_validity"},
		{"CT-20 an end before the beginning", `{"kind":"constraint","validFrom":"2027-02-02T00:00:00Z","validTo":"2027-02-02T00:00:00Z"}`, 422, "invalid_validity"},
		{"CT-20 an end that is past", `{"kind":"constraint","validFrom":"2026-02-02T00:00:00Z","validTo":"2026-11-21T12:00:00Z"}`, 422, "invalid_validity"},
		{"CT-20 an unknown organisation", `{"kind":"constraint","who":{"organisation":{"sor":"123456"}},` + today + `}`, 422, "unknown_organization"},
		{"CT-20 an unknown origin", `{"kind":"constraint","what":{"origin":{"sor":"123456"}},` + today + `}`, 422, "unknown_organization"},
		{"CT-21 no beginning", `{"kind":"constraint"}`, 400, "invalid_request"},
		{"no kind", `{` + today + `}`, 400, "invalid_request"},
		{"CT-22 two targets", `{"kind":"constraint","who":{"person":"` + doctor + `","organisation":{"sor":"` + region + `"}},` + today + `}`, 422, "invalid_who"},
		{"CT-22 sub-units of none", `{"kind":"constraint","who":{"organisation":{"subUnits":true}},` + today + `}`, 422, "invalid_who"},
		{"sub-units of no origin", `{"kind":"constraint","what":{"origin":{"subUnits":true}},` + today + `}`, 422, "invalid_what"},
		{"a data period that is none", `{"kind":"constraint","what":{"dataFrom":"2026-01-01T00:00:00Z","dataTo":"2026-01-01T00:00:00Z"},` + today + `}`, 422, "invalid_what"},
		{"CT-23 a misspelt limit", `{"kind":"constraint","what":{"dataFrm":"2026-01-01T00:00:00Z"},` + today + `}`, 400, fault.CodeSyntax},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.problem(t, h.sendJSON(t, me, http.MethodPost, pathConsents, c.body), c.status, c.code)
		})
	}
	a := h.sendJSON(t, me, http.MethodGet, pathConsents, "")
	assert.JSONEq(t, `{"registrations":[]}`, a.Body.String())
	assert.Len(t, h.told(t), 1, "the look alone")

	t.Run("CT-21 CT-22 a constraint without end, for what is nobody in particular", func(t *testing.T) {
		a := h.sendJSON(t, me, http.MethodPost, pathConsents, `{"kind":"constraint","who":{"foreign":false},"what":{},`+today+`}`)
		require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
		for _, absent := range []string{"who", "what", "validTo", "modified"} {
			assert.NotContains(t, a.body, absent)
		}
	})
	t.Run("CT-20 a constraint changed as if it were a positive", func(t *testing.T) {
		path := h.consented(t, me, blocked)
		h.problem(t, h.sendJSON(t, me, http.MethodPut, path, `{"kind":"positive",`+aYear+`}`, "If-Match", `"1"`), http.StatusConflict, "consent_type_mismatch")
	})
	t.Run("CT-25 more active ones than there may be", func(t *testing.T) {
		h.problem(t, h.sendJSON(t, me, http.MethodPost, pathConsents, blocked), http.StatusUnprocessableEntity, "too_many")
	})
}

// staff is who administers every citizen's registrations.
func staff(t *testing.T) identity.Caller {
	t.Helper()
	c := employee(t, helper, "")
	c.NationalRole = "SpaerAdminR8"
	return c
}

// Who may administer, and whose registrations: by the session alone.
func TestWhoAdministersConsent(t *testing.T) {
	h := startConsent(t)
	path := h.consented(t, h.session(t, person(t, holder)), blocked)
	operations := []struct{ method, path, body string }{
		{http.MethodGet, pathConsents, ""},
		{http.MethodPost, pathConsents, blocked},
		{http.MethodPut, path, blocked},
		{http.MethodGet, path + "/versions", ""},
		{http.MethodGet, pathOverrides, ""},
		{http.MethodPost, pathExplanations, `{"requester":` + at(doctor, region) + `}`},
		{http.MethodPost, path + "/revocation", ""},
	}
	ask := func(t *testing.T, token string, status int, code string, headers ...string) {
		t.Helper()
		for _, o := range operations {
			a := h.sendJSON(t, token, o.method, o.path, o.body, append(headers, "If-Match", `*`)...)
			if code != "" {
				h.problem(t, a, status, code)
				continue
			}
			assert.Less(t, a.Code, 300, "%s %s: %s", o.method, o.path, a.Body)
		}
	}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		status int
		code   string
	}{
		{"CT-28 another citizen", person(t, other), 403, fault.CodeNotAuthorized},
		{"CT-29 CT-45 a doctor", employee(t, doctor, "0TST1"), 403, fault.CodeNotAuthorized},
		{"CT-45 a system that verifies", system(verifierCVR), 403, fault.CodeNotAuthorized},
		{"an organisation's token", organisation(verifierCVR), 403, fault.CodeNotAuthorized},
	} {
		t.Run(c.name, func(t *testing.T) { ask(t, h.session(t, c.caller), c.status, c.code, of(holder)...) })
	}
	t.Run("CT-29 staff with an authorisation", func(t *testing.T) {
		ask(t, h.session(t, staff(t), func(c *identity.Caller) { c.AuthorisationCode = "0TST1" }), 403, fault.CodeNotAuthorized, of(holder)...)
	})
	t.Run("staff in a session of low assurance", func(t *testing.T) {
		ask(t, h.session(t, staff(t), func(c *identity.Caller) { c.Credential.Level = 2 }), 403, fault.CodeSecurityLevel, of(holder)...)
	})
	t.Run("a token for another service", func(t *testing.T) {
		ask(t, h.session(t, person(t, holder), func(c *identity.Caller) { c.Audience = "https://fsk" }), 403, fault.CodeNotAuthorized)
	})
	t.Run("a citizen on whose behalf another calls", func(t *testing.T) {
		ask(t, h.session(t, person(t, other), func(c *identity.Caller) {
			c.OnBehalfOf = &identity.Principal{CPR: person(t, holder).CPR}
		}), 403, fault.CodeNotAuthorized, of(holder)...)
	})
	t.Run("nobody", func(t *testing.T) { ask(t, "", 401, fault.CodeMissingHeader, of(holder)...) })
	t.Run("the operator", func(t *testing.T) { ask(t, operatorToken, 403, fault.CodeNotAuthorized, of(holder)...) })
	t.Run("CT-29 staff who do not say whom", func(t *testing.T) { ask(t, h.session(t, staff(t)), 400, "invalid_request") })
	for name, headers := range map[string][]string{
		"no number": of("1"), "two": append(of(holder), of(holder)...), "a list": of(holder + "," + other), "nothing": of(""),
	} {
		t.Run("a Citizen-Id of "+name, func(t *testing.T) {
			ask(t, h.session(t, staff(t)), 400, fault.CodeSyntax, headers...)
			ask(t, h.session(t, person(t, holder)), 400, fault.CodeSyntax, headers...)
		})
	}
	h.told(t)
	t.Run("CT-29 staff", func(t *testing.T) {
		ask(t, h.session(t, staff(t)), 0, "", of(holder)...)
		assert.Len(t, h.told(t), len(operations))
	})
}

func TestConsentAgain(t *testing.T) {
	h := startConsent(t)
	token := h.session(t, staff(t))
	add := func(key string, citizen string) answer {
		return h.sendJSON(t, token, http.MethodPost, pathConsents, blocked, append(of(citizen), "Idempotency-Key", key)...)
	}
	one, two := add("k", holder), add("k", holder)
	require.Equal(t, http.StatusCreated, one.Code, "%s", one.Body)
	same := func(t *testing.T, one, two answer) {
		t.Helper()
		assert.Equal(t, one.Code, two.Code)
		assert.Equal(t, one.Body.String(), two.Body.String())
		for _, name := range []string{"ETag", "Location", "Content-Type"} {
			assert.Equal(t, one.Header().Get(name), two.Header().Get(name), name)
		}
	}
	same(t, one, two)
	assert.NotEmpty(t, two.Header().Get("Location"))
	path := one.Header().Get("Location")

	t.Run("the same key for another citizen is another call", func(t *testing.T) {
		h.problem(t, add("k", other), http.StatusBadRequest, fault.CodeSyntax)
	})
	t.Run("a change, and its answer as it was", func(t *testing.T) {
		modify := func(key, tag string) answer {
			return h.sendJSON(t, token, http.MethodPut, path, blocked, append(of(holder), "Idempotency-Key", key, "If-Match", tag)...)
		}
		one := modify("m", `"1"`)
		require.Equal(t, http.StatusOK, one.Code, "%s", one.Body)
		require.Equal(t, http.StatusOK, modify("m2", `"2"`).Code)
		same(t, one, modify("m", `"1"`))
		assert.Equal(t, `"2"`, one.Header().Get("ETag"))
	})
	t.Run("a revocation", func(t *testing.T) {
		revoke := func() answer {
			return h.sendJSON(t, token, http.MethodPost, path+"/revocation", "", append(of(holder), "Idempotency-Key", "r")...)
		}
		one := revoke()
		require.Equal(t, http.StatusOK, one.Code, "%s", one.Body)
		same(t, one, revoke())
	})
	t.Run("without a key each is one", func(t *testing.T) {
		them := h.session(t, person(t, other))
		assert.NotEqual(t, h.consented(t, them, blocked), h.consented(t, them, blocked))
	})
}

func TestConsentCheck(t *testing.T) {
	h := startConsent(t)
	me, dds := h.session(t, person(t, holder)), h.session(t, system(verifierCVR))
	const foreigner = `{"foreign":{"country":"SE","identifier":"SE-TEST-1"}}`

	t.Run("CT-1 nothing is registered", func(t *testing.T) {
		assert.Equal(t, `{"answer":"positive"}`, h.asked(t, dds, holder, at(doctor, hospital)))
	})
	t.Run("CT-16 a block counts at once, CT-17 and is over at once", func(t *testing.T) {
		path := h.consented(t, me, `{"kind":"constraint","who":{"person":"`+doctor+`"},`+today+`}`)
		assert.Equal(t, `{"answer":"negative"}`, h.asked(t, dds, holder, at(doctor, hospital)))
		assert.Equal(t, `{"answer":"positive"}`, h.asked(t, dds, holder, at(other, hospital)))
		assert.Equal(t, `{"answer":"negative"}`, h.asked(t, dds, holder, `{"acting":"`+helper+`","responsible":"`+doctor+`","organisation":{"code":"9990a1","scheme":"SHAK"}}`))
		require.Equal(t, http.StatusOK, h.sendJSON(t, me, http.MethodPost, path+"/revocation", "").Code)
		assert.Equal(t, `{"answer":"positive"}`, h.asked(t, dds, holder, at(doctor, hospital)))
	})
	t.Run("UC-6 a check that comes again is answered anew", func(t *testing.T) {
		again := func() string {
			return h.sendJSON(t, dds, http.MethodPost, pathChecks, `{"requester":`+at(doctor, hospital)+`}`, append(of(holder), "Idempotency-Key", "k")...).Body.String()
		}
		assert.Equal(t, `{"answer":"positive"}`, again())
		path := h.consented(t, me, blocked)
		assert.Equal(t, `{"answer":"negative"}`, again())
		require.Equal(t, http.StatusOK, h.sendJSON(t, me, http.MethodPost, path+"/revocation", "").Code)
	})
	t.Run("CT-9 professionals of other countries", func(t *testing.T) {
		path := h.consented(t, me, `{"kind":"constraint","who":{"foreign":true},`+today+`}`)
		assert.Equal(t, `{"answer":"negative"}`, h.asked(t, dds, holder, foreigner))
		assert.Equal(t, `{"answer":"positive"}`, h.asked(t, dds, holder, at(doctor, hospital)))
		require.Equal(t, http.StatusOK, h.sendJSON(t, me, http.MethodPost, path+"/revocation", "").Code)
	})
	t.Run("CT-44 a citizen sees her own, and nobody else's", func(t *testing.T) {
		path := h.consented(t, me, blocked)
		assert.Equal(t, `{"answer":"positive"}`, h.asked(t, me, holder, `{}`))
		assert.Equal(t, `{"answer":"positive"}`, h.sendJSON(t, me, http.MethodPost, pathChecks, `{}`).Body.String())
		h.problem(t, h.sendJSON(t, me, http.MethodPost, pathChecks, `{}`, of(other)...), http.StatusForbidden, fault.CodeNotAuthorized)
		require.Equal(t, http.StatusOK, h.sendJSON(t, me, http.MethodPost, path+"/revocation", "").Code)
	})
	t.Run("CT-10 the items", func(t *testing.T) {
		path := h.consented(t, me, `{"kind":"constraint","what":{"origin":{"sor":"`+hospital+`","subUnits":true}},`+today+`}`)
		assert.Equal(t, `{"answer":"data_specific"}`, h.asked(t, dds, holder, at(doctor, hospital)))
		a := h.sendJSON(t, dds, http.MethodPost, pathItemChecks, `{"requester":`+at(doctor, hospital)+`,"items":[
			{"id":"a","origin":{"code":"`+ward+`","scheme":"SOR"}},{"id":"b","origin":{"code":"`+region2+`"}},{"id":"c"},
			{"id":"b","from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z","origin":{"code":"9990A1","scheme":"SHAK"}}]}`, of(holder)...)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, `{"items":[{"id":"a","access":"denied"},{"id":"b","access":"allowed"},{"id":"c","access":"denied"},{"id":"b","access":"denied"}]}`,
			a.Body.String())
		require.Equal(t, http.StatusOK, h.sendJSON(t, me, http.MethodPost, path+"/revocation", "").Code)
	})
	t.Run("CT-37 no items, as many as there may be, and one more", func(t *testing.T) {
		h.consented(t, me, `{"kind":"constraint","what":{"dataTo":"2026-01-01T00:00:00Z"},`+today+`}`)
		ask := func(n int) answer {
			var items []string
			for i := range n {
				items = append(items, fmt.Sprintf(`{"id":"%d","from":"202%d-05-01T00:00:00Z"}`, i, 5+i%2))
			}
			return h.sendJSON(t, dds, http.MethodPost, pathItemChecks, `{"requester":`+at(doctor, hospital)+`,"items":[`+strings.Join(items, ",")+`]}`, of(holder)...)
		}
		assert.Equal(t, `{"items":[]}`, ask(0).Body.String())
		a := ask(10_000)
		require.Equal(t, http.StatusOK, a.Code)
		verdicts := elements(a, "items")
		require.Len(t, verdicts, 10_000)
		for i, v := range verdicts {
			if want := []string{"denied", "allowed"}[i%2]; v["id"] != fmt.Sprint(i) || v["access"] != want {
				t.Fatalf("item %d: %v, want %s", i, v, want)
			}
		}
		h.problem(t, ask(10_001), http.StatusRequestEntityTooLarge, "too_many")
		h.problem(t, ask(20_000), http.StatusRequestEntityTooLarge, "too_many")
	})
	t.Run("what a question lacks", func(t *testing.T) {
		for _, requester := range []string{`{}`, `{"acting":"` + doctor + `"}`, `{"organisation":{"code":"` + region + `"}}`} {
			h.problem(t, h.sendJSON(t, dds, http.MethodPost, pathChecks, `{"requester":`+requester+`}`, of(holder)...), http.StatusBadRequest, "invalid_request")
		}
		h.problem(t, h.sendJSON(t, dds, http.MethodPost, pathChecks, `{"requester":`+at(doctor, region)+`}`), http.StatusBadRequest, "invalid_request")
		h.problem(t, h.sendJSON(t, dds, http.MethodPost, pathItemChecks, `{"requester":`+at(doctor, region)+`}`, of(holder)...), http.StatusBadRequest, "invalid_request")
	})
	t.Run("CT-29 who may not ask", func(t *testing.T) {
		for _, c := range []identity.Caller{
			system(grantlessCVR), employee(t, doctor, "0TST1"), organisation(verifierCVR), staff(t), person(t, other),
		} {
			token := h.session(t, c)
			for path, body := range map[string]string{pathChecks: `{"requester":%s}`, pathItemChecks: `{"requester":%s,"items":[]}`} {
				for _, requester := range []string{at(doctor, hospital), foreigner} {
					a := h.sendJSON(t, token, http.MethodPost, path, fmt.Sprintf(body, requester), of(holder)...)
					h.problem(t, a, http.StatusForbidden, fault.CodeNotAuthorized)
				}
			}
		}
	})
}

func TestConsentOverride(t *testing.T) {
	h := startConsent(t)
	me, dds := h.session(t, person(t, holder)), h.session(t, system(verifierCVR))
	path := h.consented(t, me, blocked)
	principal := `{"acting":"` + doctor + `","organisation":{"code":"9990A1","scheme":"SHAK"},"authorisationCode":"0tst1"}`
	ask := func(path, more string) answer {
		return h.sendJSON(t, dds, http.MethodPost, path, `{"requester":`+principal+`,"override":true`+more+`}`, append(of(holder), "Idempotency-Key", "k")...)
	}
	h.told(t)
	t.Run("CT-33 whoever overrides sees all, and the citizen reads of it each time", func(t *testing.T) {
		assert.Equal(t, `{"answer":"positive"}`, ask(pathChecks, "").Body.String())
		h.now = h.now.Add(time.Second)
		assert.Equal(t, `{"items":[{"id":"a","access":"allowed"}]}`, ask(pathItemChecks, `,"items":[{"id":"a"}]`).Body.String())
		require.Equal(t, http.StatusOK, h.sendJSON(t, me, http.MethodPost, path+"/revocation", "").Code)
		h.now = h.now.Add(time.Second)
		assert.Equal(t, `{"answer":"positive"}`, ask(pathChecks, "").Body.String(), "the key is another call's")
		assert.Equal(t, []string{"Værdispring", "Værdispring", "Spærring ophævet", "Værdispring"}, h.told(t))
	})
	log := func(t *testing.T, query string) answer {
		t.Helper()
		a := h.sendJSON(t, me, http.MethodGet, pathOverrides+query, "")
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		return a
	}
	all := ids(log(t, ""), "overrides")
	t.Run("the log of it, newest first", func(t *testing.T) {
		require.Len(t, all, 3)
		assert.Equal(t, map[string]any{
			"id": all[0], "at": "2026-11-21T12:00:02Z", "citizen": holder, "acting": doctor, "authorisationCode": "0TST1",
			"organisation": map[string]any{"code": "9990A1", "scheme": "SHAK"}, "system": "Service Consumer Test", "cvr": verifierCVR,
			"operation": "ConsentForUserCheck",
		}, elements(log(t, ""), "overrides")[0])
		assert.Equal(t, all[:2], ids(log(t, "?limit=2"), "overrides"))
		assert.Equal(t, all[2:], ids(log(t, "?limit=2&after="+all[1]), "overrides"))
		assert.Equal(t, all[1:2], ids(log(t, "?from=2026-11-21T12:00:01Z&to=2026-11-21T13:00:02%2B01:00"), "overrides"))
		assert.Equal(t, `{"overrides":[]}`, log(t, "?after="+all[2]).Body.String())
	})
	t.Run("queries that are none", func(t *testing.T) {
		for _, query := range []string{
			"limit=0", "limit=1001", "limit=x", "limit=", "limit=1&limit=1", "after=x", "after=", "after=" + strings.ToLower(all[0]), "from=2026-11-21", "to=0001-01-01T00:00:00Z",
			"from=2026-11-21T12:00:00Z&from=2026-11-21T12:00:00Z", "before=" + all[0], "%zz",
		} {
			h.problem(t, h.sendJSON(t, me, http.MethodGet, pathOverrides+"?"+query, ""), http.StatusBadRequest, fault.CodeSyntax)
		}
	})
	t.Run("CT-34 who may not is not in the log", func(t *testing.T) {
		for _, requester := range []string{at(doctor, hospital), `{"foreign":{"country":"SE","identifier":"SE-TEST-1"}}`} {
			a := h.sendJSON(t, dds, http.MethodPost, pathChecks, `{"requester":`+requester+`,"override":true}`, of(holder)...)
			h.problem(t, a, http.StatusForbidden, fault.CodeNotAuthorized)
			assert.Contains(t, strings.Join(h.said(t), " "), "override=true")
		}
		assert.Equal(t, all, ids(log(t, ""), "overrides"))
	})
	t.Run("CT-35 an override that cannot be kept is none", func(t *testing.T) {
		h.overrides.OnAppend.FailFrom(1, errTest)
		defer h.overrides.OnAppend.Heal()
		h.problem(t, ask(pathChecks, ""), http.StatusServiceUnavailable, fault.CodeProcessing)
	})
}

func TestConsentUnavailable(t *testing.T) {
	h := startConsent(t)
	me, dds := h.session(t, person(t, holder)), h.session(t, system(verifierCVR))
	path := h.consented(t, me, blocked)
	h.consents.OnRead.FailFrom(1, errTest)
	h.consents.OnUpdate.FailFrom(1, errTest)
	question := `{"requester":` + at(doctor, hospital) + `}`
	for _, c := range []struct{ token, method, path, body string }{
		{dds, http.MethodPost, pathChecks, question},
		{dds, http.MethodPost, pathItemChecks, question[:len(question)-1] + `,"items":[{"id":"a"}]}`},
		{me, http.MethodGet, pathConsents, ""},
		{me, http.MethodPost, pathConsents, blocked},
		{me, http.MethodPut, path, blocked},
		{me, http.MethodPost, path + "/revocation", ""},
		{me, http.MethodGet, path + "/versions", ""},
		{me, http.MethodPost, pathExplanations, question},
	} {
		t.Run("CT-40 "+c.method+" "+c.path, func(t *testing.T) {
			a := h.sendJSON(t, c.token, c.method, c.path, c.body, append(of(holder), "If-Match", `"1"`)...)
			h.problem(t, a, http.StatusServiceUnavailable, fault.CodeProcessing)
			assert.Equal(t, "30", a.Header().Get("Retry-After"))
			assert.NotContains(t, a.Body.String(), errTest.Error())
		})
	}
}

func TestConsentExplained(t *testing.T) {
	h := startConsent(t)
	me := h.session(t, person(t, holder))
	id := func(body string) string { return strings.TrimPrefix(h.consented(t, me, body), pathConsents+"/") }
	block := id(`{"kind":"constraint","what":{"origin":{"sor":"` + hospital + `","subUnits":true}},` + today + `}`)
	foreign := id(`{"kind":"constraint","who":{"foreign":true},` + today + `}`)
	yes := id(`{"kind":"positive","who":{"person":"` + doctor + `"},"what":{"dataFrom":"2026-01-01T00:00:00Z"},` + aYear + `}`)
	h.told(t)
	ask := func(more string) answer {
		return h.sendJSON(t, me, http.MethodPost, pathExplanations, `{"requester":`+at(doctor, hospital)+more+`}`)
	}
	registration := func(id, kind, reason string, applies bool) string {
		return fmt.Sprintf(`{"id":"%s","version":1,"kind":"%s","applies":%t,"reason":"%s"}`, id, kind, applies, reason)
	}
	t.Run("CT-45 the citizen learns why", func(t *testing.T) {
		a := ask(`,"items":[{"id":"a","origin":{"code":"` + ward + `"}},{"id":"b","from":"2026-02-01T00:00:00Z","to":"2026-02-01T00:00:00Z","origin":{"code":"` + ward + `"}},
			{"id":"c","origin":{"code":"` + region2 + `"}}]`)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.JSONEq(t, `{"answer":"data_specific","registrations":[`+registration(block, "constraint", "applies_to_some_data", true)+`,`+
			registration(foreign, "constraint", "not_foreign", false)+`,`+registration(yes, "positive", "applies_to_some_data", true)+`],"items":[
			{"id":"a","access":"denied","constraints":["`+block+`"],"positives":[]},
			{"id":"b","access":"allowed","constraints":["`+block+`"],"positives":["`+yes+`"]},
			{"id":"c","access":"allowed","constraints":[],"positives":[]}]}`, a.Body.String())
		assert.Equal(t, []string{"Opslag af spærringer og samtykker"}, h.told(t))
	})
	t.Run("at another time", func(t *testing.T) {
		a := ask(`,"at":"2026-11-20T23:59:59.999Z"`)
		assert.JSONEq(t, `{"answer":"positive","registrations":[`+registration(block, "constraint", "not_yet", false)+`,`+
			registration(foreign, "constraint", "not_yet", false)+`,`+registration(yes, "positive", "not_yet", false)+`],"items":[]}`, a.Body.String())
	})
	t.Run("an override is none of its questions", func(t *testing.T) {
		h.problem(t, ask(`,"override":true`), http.StatusBadRequest, fault.CodeSyntax)
		h.problem(t, h.sendJSON(t, me, http.MethodPost, pathChecks, `{"at":"2026-11-20T23:59:59Z"}`), http.StatusBadRequest, fault.CodeSyntax)
	})
}

// Bad input gets its problem, which names the place and no value, and changes nothing.
func TestBadConsentInput(t *testing.T) {
	h := startConsent(t)
	me := h.session(t, person(t, holder))
	path := h.consented(t, me, blocked)
	for _, c := range []struct{ name, method, path, body, detail string }{
		{"nothing", "", "", ``, ""},
		{"no JSON", "", "", `{"kind":}`, "The text is not JSON: octet 9."},
		{"cut off", "", "", blocked[:len(blocked)-1], ""},
		{"something after it", "", "", blocked + `{}`, ""},
		{"no UTF-8", "", "", "{\"kind\":\"\xff\"}", ""},
		{"no object", "", "", `[` + blocked + `]`, "The JSON text is not an object."},
		{"an unknown member", "", "", `{"kind":"constraint","0202020202":1,` + today + `}`, "The JSON text has a member that is not known."},
		{"a member in another case", "", "", `{"Kind":"constraint",` + today + `}`, ""},
		{"a member twice", "", "", `{"kind":"constraint","kind":"positive",` + today + `}`, "kind is there twice."},
		{"a member of what was answered", "", "", `{"id":"100000000000001","kind":"constraint",` + today + `}`, ""},
		{"another kind", "", "", `{"kind":"0202020202",` + today + `}`, "kind is none of the words that it may be."},
		{"null", "", "", `{"kind":"constraint","who":null,` + today + `}`, "who is not an object."},
		{"a person that is none", "", "", `{"kind":"constraint","who":{"person":"020202020"},` + today + `}`, "who.person is not a CPR number."},
		{"no person", "", "", `{"kind":"constraint","who":{"person":""},` + today + `}`, "who.person is not a CPR number."},
		{"an organisation that is none", "", "", `{"kind":"constraint","who":{"organisation":{"sor":"9990A1"}},` + today + `}`, "who.organisation.sor is not a SOR code of 6 to 18 digits."},
		{"an empty organisation", "", "", `{"kind":"constraint","who":{"organisation":{"sor":""}},` + today + `}`, "who.organisation.sor is not a text of 1 to 18 characters."},
		{"foreign in words", "", "", `{"kind":"constraint","who":{"foreign":"true"},` + today + `}`, "who.foreign is neither true nor false."},
		{"an unknown member of who", "", "", `{"kind":"constraint","who":{"persons":["0202020202"]},` + today + `}`, "who has a member that is not known."},
		{"a time without zone", "", "", `{"kind":"constraint","validFrom":"2026-11-21T00:00:00"}`, "validFrom is not a time with a zone (RFC 3339) of the years 1 to 9999."},
		{"a date", "", "", `{"kind":"constraint","validFrom":"2026-11-21"}`, ""},
		{"no month", "", "", `{"kind":"constraint","validFrom":"2026-13-01T00:00:00Z"}`, ""},
		{"a comma in a time", "", "", `{"kind":"constraint","validFrom":"2026-11-21T00:00:00,5Z"}`, ""},
		{"an hour of one digit", "", "", `{"kind":"constraint","validFrom":"2026-11-21T0:00:00Z"}`, ""},
		{"a zone a day away", "", "", `{"kind":"constraint","validFrom":"2026-11-21T00:00:00+24:00"}`, ""},
		{"the first instant of all, which stands for none", "", "", `{"kind":"constraint","validFrom":"0001-01-01T00:00:00.0001Z"}`, ""},
		{"a year that has no four digits", "", "", `{"kind":"constraint","validFrom":"9999-12-31T23:59:59-01:00"}`, ""},
		{"a number for a time", "", "", `{"kind":"constraint","validFrom":1795262400}`, ""},
		{"a query", "", pathConsents + "?state=all", blocked, ""},
		{"an id of 14 digits", http.MethodPut, pathConsents + "/10000000000000", blocked, "consentId is not a number of 15 digits"},
		{"an id that is none", http.MethodPut, pathConsents + "/x", blocked, ""},
		{"a body of a revocation", http.MethodPost, path + "/revocation", `{}`, ""},
		{"a body of a look", http.MethodGet, pathConsents, `{}`, ""},
		{"a query of versions", http.MethodGet, path + "/versions?x=1", "", ""},
		{"a requester that is two", "", pathChecks, `{"requester":{"acting":"` + doctor + `","foreign":{"country":"SE","identifier":"1"}}}`, "requester names a professional of another country and one of this."},
		{"a country in small letters", "", pathChecks, `{"requester":{"foreign":{"country":"se","identifier":"1"}}}`, "requester.foreign.country is not a country of two capital letters."},
		{"an override in words", "", pathChecks, `{"override":"maybe"}`, "override is neither true nor false."},
		{"items of the other check", "", pathChecks, `{"items":[]}`, "The JSON text has a member that is not known."},
		{"another scheme", "", pathChecks, `{"requester":{"organisation":{"code":"1","scheme":"CVR"}}}`, "requester.organisation.scheme is none of the words that it may be."},
		{"items that are none", "", pathItemChecks, `{"items":{}}`, "items is not an array."},
		{"a long id", "", pathItemChecks, `{"items":[{"id":"a"},{"id":"` + strings.Repeat("æ", 129) + `"}]}`, "items[1].id is not a text of 1 to 128 characters."},
		{"an id of half a character", "", pathItemChecks, `{"items":[{"id":"\ud800"}]}`, "items[0].id is not a text of 1 to 128 characters."},
		{"CT-38 no month", "", pathItemChecks, `{"items":[{"id":"a","from":"2024-13-01T00:00:00Z"}]}`, "items[0].from is not a time with a zone (RFC 3339) of the years 1 to 9999."},
		{"an item twice the same member", "", pathItemChecks, `{"items":[{"id":"a","id":"b"}]}`, "items[0].id is there twice."},
		{"deeply nested", "", pathItemChecks, `{"items":` + strings.Repeat("[", 20_000) + `}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = http.MethodPost
			}
			if c.path == "" {
				c.path = pathConsents
			}
			h.told(t)
			a := h.call(t, c.method, c.path, c.body, append(bearer(me), "Content-Type", "application/json", "If-Match", `"1"`)...)
			h.problem(t, a, http.StatusBadRequest, fault.CodeSyntax)
			if c.detail != "" {
				assert.Equal(t, c.detail, a.body["detail"])
			}
			assert.NotRegexp(t, `\d{10}`, a.body["detail"])
			assert.Empty(t, h.told(t))
		})
	}
	t.Run("as text", func(t *testing.T) {
		for _, path := range []string{pathConsents, pathChecks, pathItemChecks, pathExplanations} {
			h.problem(t, h.call(t, http.MethodPost, path, blocked, append(bearer(me), "Content-Type", "text/plain")...), http.StatusBadRequest, fault.CodeSyntax)
		}
	})
	t.Run("an item without id", func(t *testing.T) {
		a := h.sendJSON(t, me, http.MethodPost, pathItemChecks, `{"items":[{"id":"a"},{}]}`)
		h.problem(t, a, http.StatusBadRequest, "invalid_request")
		assert.Equal(t, "items[1].id is missing.", a.body["detail"])
	})
	t.Run("an organisation without number would be everyone", func(t *testing.T) {
		for _, body := range []string{`"who":{"organisation":{}}`, `"who":{"organisation":{"subUnits":false}}`, `"what":{"origin":{}}`} {
			a := h.sendJSON(t, me, http.MethodPost, pathConsents, `{"kind":"constraint",`+body+`,`+today+`}`)
			h.problem(t, a, http.StatusBadRequest, "invalid_request")
		}
	})
	t.Run("bodies that are too large", func(t *testing.T) {
		space := strings.Repeat(" ", 8<<20)
		for path, size := range map[string]int{pathConsents: 64<<10 + 1, pathChecks: 64<<10 + 1, pathItemChecks: 8<<20 + 1, pathExplanations: 8<<20 + 1} {
			a := h.sendJSON(t, me, http.MethodPost, path, (blocked + space)[:size])
			h.problem(t, a, http.StatusRequestEntityTooLarge, fault.CodeSyntax)
		}
	})
}

// A server that has consent and not the API, and one where some of it is missing.
func TestConsentAlone(t *testing.T) {
	h := startConsent(t)
	me := h.session(t, person(t, holder))
	codes := func(change func(*rest.Consent)) (codes [3]int) {
		deps, k := h.deps, *h.deps.Consent
		change(&k)
		deps.Consent = &k
		e := echo.New()
		rest.MountConsent(e, deps)
		for i, path := range []string{pathConsents, pathOverrides, pathChecks} {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, h.request([]string{http.MethodGet, http.MethodGet, http.MethodPost}[i], path, http.NoBody, bearer(me)...))
			codes[i] = w.Code
		}
		return codes
	}
	assert.Equal(t, [3]int{200, 200, 400}, codes(func(*rest.Consent) {}))
	assert.Equal(t, [3]int{200, 200, 404}, codes(func(k *rest.Consent) { k.Verification = nil }))
	assert.Equal(t, [3]int{404, 404, 400}, codes(func(k *rest.Consent) { k.Administration = nil }))
	assert.Equal(t, [3]int{403, 403, 403}, codes(func(k *rest.Consent) { k.Audiences = nil }), "then no token opens anything")
}
