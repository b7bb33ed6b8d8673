package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// Bad input gets its problem, which holds no value of it, and changes nothing.
func TestBadWillInput(t *testing.T) {
	h := startWills(t)
	me := h.session(t, person(t, grown))
	with := func(old, new string) string { return strings.Replace(wishes, old, new, 1) }
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
	}{
		{name: "nothing"},
		{name: "no JSON", body: `{"ifDying":}`},
		{name: "no object", body: `[` + wishes + `]`},
		{name: "cut off", body: wishes[:len(wishes)-1]},
		{name: "something after it", body: wishes + `{}`},
		{name: "no UTF-8", body: with("relative", "\xff")},
		{name: "an unknown member", body: with(`{"ifDying"`, `{"0501792275":1,"ifDying"`)},
		{name: "an unknown member of a wish", body: with(`true}`, `true,"by":"0501792275"}`)},
		{name: "what was answered", body: with(`{"ifDying"`, `{"registeredAt":"2026-11-21T12:00:00Z","ifDying"`)},
		{name: "an id", body: with(`{"ifDying"`, `{"id":"00000000-0000-4000-8000-000000000001","ifDying"`)},
		{name: "a wish twice", body: with(`{"ifDying"`, `{"ifDying":{"declined":false},"ifDying"`)},
		{name: "declined twice", body: with(`"declined":true`, `"declined":false,"declined":true`)},
		{name: "a wish in another case", body: with("ifDying", "IfDying")},
		{name: "WA-17 without a wish", body: with(`"ifSeverePain":{"declined":false},`, ``)},
		{name: "a wish that does not say", body: with(`{"declined":false}`, `{}`)},
		{name: "a wish that says who alone", body: with(`{"declined":false}`, `{"needs":"relative"}`)},
		{name: "null for a wish", body: with(`{"declined":false}`, `null`)},
		{name: "null for declined", body: with(`{"declined":false}`, `{"declined":null}`)},
		{name: "a word for declined", body: with(`{"declined":false}`, `{"declined":"false"}`)},
		{name: "a number for declined", body: with(`{"declined":false}`, `{"declined":0}`)},
		{name: "a flag for a wish", body: with(`{"declined":false}`, `false`)},
		{name: "an unknown acceptance", body: with("relative", "relativeAcceptanceRequired")},
		{name: "an empty acceptance", body: with("relative", "")},
		{name: "null for acceptance", body: with(`"relative"`, `null`)},
		{name: "deeply nested", body: `{"ifDying":` + strings.Repeat("[", 30_000) + `}`},
		{name: "a treatment will as a living will", path: pathLivingWill, body: wishes},
		{name: "a living will as a treatment will", body: fewWishes},
		{name: "nothing in a living will", path: pathLivingWill, body: `{}`},
		{name: "as text", body: wishes, headers: []string{"Content-Type", "text/plain"}},
		{name: "a query", path: pathTreatmentWill + "?view=forced-treatment", body: wishes},
		{name: "a number in the query", method: http.MethodGet, path: pathTreatmentWill + "?citizen=" + grown},
		{name: "another view", method: http.MethodGet, path: pathTreatmentWill + "?view=all"},
		{name: "a view twice", method: http.MethodGet, path: pathTreatmentWill + "?view=forced-treatment&view=forced-treatment"},
		{name: "a view and more", method: http.MethodGet, path: pathTreatmentWill + "?view=forced-treatment&x=1"},
		{name: "a query that is none", method: http.MethodGet, path: pathTreatmentWill + "?%zz"},
		{name: "a view of a living will", method: http.MethodGet, path: pathLivingWill + "?view=forced-treatment"},
		{name: "a query of what exists", method: http.MethodGet, path: pathExistence + "?register=LTR"},
		{name: "a body of a look", method: http.MethodGet, body: `{}`},
		{name: "a body of a look at a living will", method: http.MethodGet, path: pathLivingWill, body: `{}`},
		{name: "a body of what exists", method: http.MethodGet, path: pathExistence, body: `{}`},
		{name: "a body of a deletion", method: http.MethodDelete, body: `{}`},
		{name: "a query of a deletion", method: http.MethodDelete, path: pathTreatmentWill + "?x=1"},
		{name: "another surface", body: wishes, headers: []string{"Surface", "Admin"}},
		{name: "no surface", body: wishes, headers: []string{"Surface", ""}},
		{name: "two surfaces", body: wishes, headers: []string{"Surface", "admin", "Surface", "admin"}},
		{name: "a version of what is not there", body: wishes, headers: []string{"If-Match", `"00000000-0000-4000-8000-000000000001"`}},
		{name: "any version of what is not there", body: wishes, headers: []string{"If-Match", `*`}},
		{name: "a version that is none", method: http.MethodPut, body: wishes, headers: []string{"If-Match", `"1"`}},
		{name: "no version", method: http.MethodPut, body: wishes, headers: []string{"If-Match", ``}},
		{name: "an empty version", method: http.MethodPut, body: wishes, headers: []string{"If-Match", `""`}},
		{name: "a version without quotes", method: http.MethodPut, body: wishes, headers: []string{"If-Match", `00000000-0000-4000-8000-000000000001`}},
		{name: "a version in capitals", method: http.MethodPut, body: wishes, headers: []string{"If-Match", `"0000000A-0000-4000-8000-000000000001"`}},
		{name: "a weak version", method: http.MethodDelete, headers: []string{"If-Match", `W/"00000000-0000-4000-8000-000000000001"`}},
		{name: "two versions", method: http.MethodDelete, headers: []string{"If-Match", `*`, "If-Match", `"00000000-0000-4000-8000-000000000001"`}},
		{name: "a list of versions", method: http.MethodDelete, headers: []string{"If-Match", `"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = http.MethodPost
			}
			if c.path == "" {
				c.path = pathTreatmentWill
			}
			if c.body != "" && (len(c.headers) == 0 || c.headers[0] != "Content-Type") {
				c.headers = append(c.headers, "Content-Type", "application/json")
			}
			a := h.call(t, c.method, c.path, c.body, append(bearer(me), c.headers...)...)
			h.problem(t, a, http.StatusBadRequest, fault.CodeSyntax)
			assert.NotRegexp(t, `\d{10}|relativeAcceptance`, a.body["detail"])
			assert.Empty(t, h.willsOf(t, grown))
			assert.Empty(t, h.looks.seen())
		})
	}
	t.Run("too large", func(t *testing.T) {
		h.problem(t, h.sendJSON(t, me, http.MethodPost, pathTreatmentWill, wishes+strings.Repeat(" ", 64<<10)), http.StatusRequestEntityTooLarge, fault.CodeSyntax)
	})
	t.Run("the good one, written differently", func(t *testing.T) {
		h.made(t, me, pathTreatmentWill, "\n"+strings.ReplaceAll(wishes, ":", " :\t")+" ")
	})
}

// A server that has wills and not the API, and one for ID cards alone.
func TestWillsAlone(t *testing.T) {
	h := startWills(t)
	codes := func(caller identity.Caller, audiences []string) (codes [2]int) {
		deps := h.deps
		deps.Wills = &rest.Wills{Keeper: h.deps.Wills.Keeper, Audiences: audiences}
		e := echo.New()
		rest.MountWills(e, deps)
		for i, path := range []string{pathExistence, pathOptOut} {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, h.request(http.MethodGet, path, http.NoBody, append(bearer(h.session(t, caller)), of(grown)...)...))
			codes[i] = w.Code
		}
		return codes
	}
	assert.Equal(t, [2]int{200, 404}, codes(person(t, grown), []string{audience}))
	assert.Equal(t, [2]int{403, 404}, codes(person(t, grown), []string{"https://other"}))
	assert.Equal(t, [2]int{403, 404}, codes(person(t, grown), nil), "then no token opens anything")
	assert.Equal(t, [2]int{200, 404}, codes(employee(t, doctor, "0TST1"), nil))

	t.Run("without wills there are no paths", func(t *testing.T) {
		h := start(t, func(h *house) { h.deps.Wills, h.deps.FGVHR = nil, nil })
		for _, path := range []string{pathExistence, pathOptOut} {
			h.problem(t, h.get(t, operatorToken, path), http.StatusNotFound, "no_such_resource")
		}
	})
}
