package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/relation"
)

// registered is a server where accesses were registered and stored.
func registered(t *testing.T, all ...map[string]any) *house {
	t.Helper()
	h := startMinLog(t)
	h.addAll(t, all...)
	return h
}

func (h *house) addAll(t *testing.T, all ...map[string]any) {
	t.Helper()
	a := h.add(t, h.session(t, system(registrarCVR)), "", entries(t, all...))
	require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
	require.InDelta(t, len(all), a.body["added"], 0, "%s", a.Body)
	h.consume(t)
}

// about is an access of a person at an hour of 1 November, with the hour as its sequence number.
func about(number string, hour int, more map[string]any) map[string]any {
	e := access(map[string]any{
		"person": id("CPR", number), "at": time.Date(2026, 11, 1, hour, 0, 0, 0, time.UTC).Format(time.RFC3339), "sequenceNumber": fmt.Sprint(hour),
	})
	for name, value := range more {
		e[name] = value
	}
	return e
}

// hours are the hours of the groups of an answer, in order.
func hours(t *testing.T, a answer) []int {
	t.Helper()
	require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
	found := []int{}
	for _, g := range elements(a, "groups") {
		at, err := time.Parse(time.RFC3339, g["to"].(string))
		require.NoError(t, err)
		found = append(found, at.Hour())
	}
	return found
}

// levelled makes a caller one of a level that no credential of its kind has.
func levelled(c *identity.Caller) { c.Credential.Level = 4 }

func TestCitizenLookup(t *testing.T) {
	h := registered(t,
		about(citizen, 8, map[string]any{
			"source": map[string]any{"correlationId": "s-1", "system": "Praksis-A", "source": map[string]any{"system": "Portal"}}, "reason": "r", "addition": "Ingen",
			"criticality": "Ingen", "org": id("SOR", "999"), "orgName": "Testklinikken", "correlationId": "s-1", "userRole": "Sygeplejerske",
			"behalf": id("Autorisation", "TST01"), "behalfRole": "Læge", "filters": []string{"Andet"},
		}),
		about(citizen, 9, map[string]any{"user": id("Autorisation", "TST02"), "behalf": id("CPR", professional), "system": "EPJ"}),
		about(citizen, 10, map[string]any{"filters": []string{"Ikke borger"}}),
		about(teen, 11, nil),
	)
	own := h.session(t, person(t, citizen))
	t.Run("AC-22 the caller's own, newest first, users' numbers left out", func(t *testing.T) {
		a := h.post(t, own, pathCitizenLookups, `{}`)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		rows := h.stored(t, citizen)
		assert.JSONEq(t, `{"view":"self","nextPageToken":null,"groups":[
			{"count":1,"system":"EPJ","activity":"Opslag på medicinkort","from":"2026-11-01T09:00:00Z","to":"2026-11-01T09:00:00Z",
			 "person":{"source":"CPR","id":"0202801111"},"user":{"source":"Autorisation","id":"TST02"},
			 "entries":[{"registrationId":"`+rows[1].ID.String()+`","system":"EPJ","activity":"Opslag på medicinkort","from":"2026-11-01T09:00:00Z",
			  "to":"2026-11-01T09:00:00Z","person":{"source":"CPR","id":"0202801111"},"user":{"source":"Autorisation","id":"TST02"}}]},
			{"count":1,"source":{"correlationId":"s-1","system":"Praksis-A"},"system":"FMK","activity":"Opslag på medicinkort","reason":"r","addition":"Ingen",
			 "criticality":"Ingen","from":"2026-11-01T08:00:00Z","to":"2026-11-01T08:00:00Z","org":{"source":"SOR","id":"999"},"orgName":"Testklinikken",
			 "person":{"source":"CPR","id":"0202801111"},"correlationId":"s-1","userRole":"Sygeplejerske","behalf":{"source":"Autorisation","id":"TST01"},
			 "behalfRole":"Læge",
			 "entries":[{"registrationId":"`+rows[0].ID.String()+`","source":{"correlationId":"s-1","system":"Praksis-A","source":{"system":"Portal"}},"system":"FMK",
			  "activity":"Opslag på medicinkort","reason":"r","addition":"Ingen","criticality":"Ingen","from":"2026-11-01T08:00:00Z","to":"2026-11-01T08:00:00Z",
			  "org":{"source":"SOR","id":"999"},"orgName":"Testklinikken","person":{"source":"CPR","id":"0202801111"},"correlationId":"s-1",
			  "userRole":"Sygeplejerske","behalf":{"source":"Autorisation","id":"TST01"},"behalfRole":"Læge"}]}]}`, a.Body.String())
		assert.Equal(t, audit.MinLog2, h.line(t).Route)
		assert.Contains(t, h.said(t)[0], "MinLog2/LookupRequest")
	})
	t.Run("by name, in other orders, windows and pieces", func(t *testing.T) {
		for body, want := range map[string][]int{
			`{"person":{"source":"CPR","id":"0202801111"}}`:                                    {9, 8},
			`{"person":{"source":"CPR","id":"020280-1111"},"chronologic":true}`:                {8, 9},
			`{"chronologic":false,"pageToken":null}`:                                           {9, 8},
			`{"from":"2026-11-01T09:00:00+01:00","to":"2026-11-01T10:00:00+01:00"}`:            {8},
			`{"from":"2026-11-01T08:00:00Z","to":"2026-11-01T08:00:00Z"}`:                      {},
			`{"pass":[{"field":"SystemName","value":"FMK"}]}`:                                  {8},
			`{"stop":[{"field":"SystemName","value":"FMK"}],"pass":[]}`:                        {9},
			`{"pass":[{"field":"UserRole","value":"x"},{"field":"SystemName","value":"FMK"}]}`: {},
			`{"person":{"source":"CPR","id":"0202801111"},"from":"2026-11-01T00:00:00Z","to":"2026-12-01T00:00:00Z","grouping":"None","details":"All",
				"chronologic":false,"pageSize":100,"pass":[{"field":"SystemName","value":"FMK"}],"stop":[],"pageToken":null}`: {8},
			`{"grouping":"Weekday","details":"Some"}`: {9, 8},
		} {
			assert.Equal(t, want, hours(t, h.post(t, own, pathCitizenLookups, body)), body)
		}
	})
	t.Run("AC-40 groups tell what is equal in all, without details when nobody wants them", func(t *testing.T) {
		h := registered(t, about(citizen, 8, map[string]any{"correlationId": "c"}), about(citizen, 9, map[string]any{"correlationId": "c", "system": "EPJ"}))
		a := h.post(t, h.session(t, person(t, citizen)), pathCitizenLookups, `{"grouping":"CorrelationId","details":"None"}`)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.JSONEq(t, `{"view":"self","nextPageToken":null,"groups":[{"count":2,"activity":"Opslag på medicinkort","from":"2026-11-01T08:00:00Z",
			"to":"2026-11-01T09:00:00Z","person":{"source":"CPR","id":"0202801111"},"correlationId":"c"}]}`, a.Body.String())
		a = h.post(t, h.session(t, person(t, citizen)), pathCitizenLookups, `{"grouping":"Day"}`)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Len(t, a.body["groups"], 2)
	})
	t.Run("nothing is an empty list", func(t *testing.T) {
		a := h.post(t, h.session(t, person(t, stranger)), pathCitizenLookups, `{}`)
		assert.JSONEq(t, `{"view":"self","groups":[],"nextPageToken":null}`, a.Body.String())
	})
	t.Run("AC-30 a card of level 4 is for the own number alone", func(t *testing.T) {
		h := registered(t, about(professional, 8, nil))
		card := h.session(t, employee(t, professional, ""))
		assert.Equal(t, []int{8}, hours(t, h.post(t, card, pathCitizenLookups, `{}`)))
		h.problem(t, h.post(t, card, pathCitizenLookups, `{"person":{"source":"CPR","id":"`+citizen+`"}}`), http.StatusForbidden, fault.CodeNotAuthorized)
	})
	t.Run("a sample, in development", func(t *testing.T) {
		h := registered(t, about(nancy, 8, nil))
		assert.Equal(t, []int{8}, hours(t, h.post(t, h.as(t, nancy), pathCitizenLookups, `{}`)))
	})
	for name, c := range map[string]struct {
		token, body, code string
		status            int
	}{
		"AC-30 a card of level 3": {h.session(t, employee(t, professional, ""), func(c *identity.Caller) { c.Credential.Level = 3 }), `{}`,
			fault.CodeSecurityLevel, http.StatusForbidden},
		"AC-30 a token for another service": {h.session(t, person(t, citizen), func(c *identity.Caller) { c.Audience = "https://fsk" }), `{}`,
			fault.CodeNotAuthorized, http.StatusForbidden},
		"a token of little assurance": {h.session(t, person(t, citizen), func(c *identity.Caller) { c.Credential.Level = 2 }), `{}`,
			fault.CodeNotAuthorized, http.StatusForbidden},
		"AC-26 a child":           {h.session(t, person(t, littleOne)), `{}`, fault.CodeNotAuthorized, http.StatusForbidden},
		"a system":                {h.session(t, system(registrarCVR), levelled), `{}`, fault.CodeNotAuthorized, http.StatusForbidden},
		"the operator":            {operatorToken, `{}`, fault.CodeNotAuthorized, http.StatusForbidden},
		"nobody":                  {"", `{}`, fault.CodeMissingHeader, http.StatusUnauthorized},
		"AC-28 a stranger's":      {own, `{"person":{"source":"CPR","id":"` + stranger + `"}}`, fault.CodeNotAuthorized, http.StatusForbidden},
		"somebody's, as an eCPR":  {own, `{"person":{"source":"eCPR","id":"0202801111"}}`, fault.CodeNotAuthorized, http.StatusForbidden},
		"a number that is none":   {own, `{"person":{"source":"CPR","id":"nancy"}}`, fault.CodeNotAuthorized, http.StatusForbidden},
		"the window is backwards": {own, `{"from":"2026-11-02T00:00:00Z","to":"2026-11-01T00:00:00Z"}`, fault.CodeSyntax, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			h.now = h.now.Add(time.Second)
			a := h.post(t, c.token, pathCitizenLookups, c.body)
			h.problem(t, a, c.status, c.code)
			assert.NotContains(t, a.body, "groups")
		})
	}
}

func TestLookupForAnother(t *testing.T) {
	h := registered(t, about(littleOne, 8, nil), about(littleOne, 9, map[string]any{"filters": []string{"Ikke forældremyndigheds-indehaver"}}),
		about(citizen, 10, map[string]any{"filters": []string{"Ikke forældremyndigheds-indehaver"}}), about(teen, 11, nil))
	token := h.session(t, person(t, proxyHolder))
	ask := func(number string) answer {
		return h.write(t, token, http.MethodPost, pathCitizenLookups, "lookup-"+number[:4], `{"person":{"source":"CPR","id":"`+number+`"}}`)
	}
	t.Run("AC-24 a child's, which is itself registered", func(t *testing.T) {
		a := ask(littleOne)
		assert.Equal(t, []int{8}, hours(t, a))
		assert.Equal(t, "custody", a.body["view"])
		rows := h.stored(t, littleOne)
		require.Len(t, rows, 3)
		last := rows[2].Entry
		assert.Equal(t, [5]string{"MinLog", "Opslag i MinLog", proxyHolder, "Forældremyndighedsindehaver", "lookup-0303"},
			[5]string{last.System, last.Activity, last.User.Value, last.UserRole, last.CorrelationID})
	})
	t.Run("AC-27 by power of attorney", func(t *testing.T) {
		a := ask(citizen)
		assert.Equal(t, []int{10}, hours(t, a))
		assert.Equal(t, "proxy", a.body["view"])
	})
	t.Run("AC-29 the lookup cannot be registered: nothing is told", func(t *testing.T) {
		h.appends.OnAppend.FailFrom(1, errTest)
		a := ask(littleOne)
		h.problem(t, a, http.StatusServiceUnavailable, fault.CodeProcessing)
		assert.NotContains(t, a.body, "groups")
		h.appends.OnAppend.Heal()
	})
	t.Run("AC-29 relations are not known: nothing is told", func(t *testing.T) {
		h := startMinLog(t, func(h *house) { h.deps.MinLog.Citizens.Relations = noRelations{} })
		a := h.post(t, h.session(t, person(t, proxyHolder)), pathCitizenLookups, `{"person":{"source":"CPR","id":"`+littleOne+`"}}`)
		h.problem(t, a, http.StatusServiceUnavailable, fault.CodeProcessing)
	})
	t.Run("AC-28 nobody else hears whether there is anything", func(t *testing.T) {
		var texts []any
		for _, number := range []string{teen, stranger, "0101010101"} {
			h.now = h.now.Add(time.Second)
			a := ask(number)
			h.problem(t, a, http.StatusForbidden, fault.CodeNotAuthorized)
			texts = append(texts, a.body["detail"])
		}
		assert.Equal(t, []any{texts[0], texts[0], texts[0]}, texts)
	})
}

type noRelations struct{}

func (noRelations) Between(context.Context, cpr.Number, cpr.Number, time.Time) ([]relation.Relation, error) {
	return nil, fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "internal error"}
}

func TestPages(t *testing.T) {
	h := registered(t, about(citizen, 8, nil), about(citizen, 9, nil), about(citizen, 10, nil), about(citizen, 11, nil), about(citizen, 12, nil))
	token := h.session(t, person(t, citizen))
	page := func(token, next, more string) answer {
		quoted, err := json.Marshal(next)
		require.NoError(t, err)
		return h.post(t, token, pathCitizenLookups, `{"pageSize":2,"pageToken":`+string(quoted)+more+`}`)
	}
	first := h.post(t, token, pathCitizenLookups, `{"pageSize":2}`)
	assert.Equal(t, []int{12, 11}, hours(t, first))
	next, _ := first.body["nextPageToken"].(string)
	require.NotEmpty(t, next)
	t.Run("AC-32 page by page, none twice, whatever arrives", func(t *testing.T) {
		h.addAll(t, about(citizen, 13, nil))
		second := page(token, next, "")
		assert.Equal(t, []int{10, 9}, hours(t, second))
		more, _ := second.body["nextPageToken"].(string)
		third := page(token, more, "")
		assert.Equal(t, []int{8}, hours(t, third))
		assert.Contains(t, third.body, "nextPageToken")
		assert.Nil(t, third.body["nextPageToken"])
	})
	t.Run("AC-32 an altered token, and another caller's or lookup's", func(t *testing.T) {
		flip := "A"
		if strings.HasPrefix(next, "A") {
			flip = "B"
		}
		other := h.session(t, person(t, stranger))
		for _, a := range []answer{
			page(token, flip+next[1:], ""), page(token, next+"A", ""), page(token, "x", ""), page(token, "", ""), page(other, next, ""), page(token, next, `,"chronologic":true`),
			page(token, next, `,"from":"2026-11-01T00:00:00Z"`),
		} {
			h.problem(t, a, http.StatusBadRequest, fault.CodeSyntax)
		}
	})
	t.Run("F-8 more than may be gathered", func(t *testing.T) {
		h := startMinLog(t, func(h *house) { h.deps.MinLog.Citizens.MaxEntries = 1 })
		h.addAll(t, about(citizen, 8, nil), about(citizen, 9, nil))
		a := h.post(t, h.session(t, person(t, citizen)), pathCitizenLookups, `{"grouping":"Day"}`)
		h.problem(t, a, http.StatusUnprocessableEntity, minlog.CodeTooManyResults)
	})
}

func TestAssistantLookup(t *testing.T) {
	h := registered(t,
		about(citizen, 8, map[string]any{"behalf": id("Autorisation", "TST01")}),
		about(citizen, 9, map[string]any{"behalf": id("CPR", professional), "filters": []string{"Ikke borger"}}),
		about(citizen, 10, map[string]any{"behalf": id("Autorisation", "TST01"), "user": id("CPR", professional)}),
		about(citizen, 11, map[string]any{"behalf": id("Autorisation", "TST02")}),
	)
	for name, of := range map[string]string{
		"AC-31 by card":  h.session(t, employee(t, professional, "TST01")),
		"AC-31 by token": h.session(t, employee(t, professional, "TST01"), token),
	} {
		t.Run(name, func(t *testing.T) {
			a := h.post(t, of, pathAssistantLookups, `{"chronologic":true}`)
			assert.Equal(t, []int{8, 9}, hours(t, a), "what others did")
			assert.Equal(t, "assistant", a.body["view"])
			assert.Equal(t, map[string]any{"source": "CPR", "id": assistant}, elements(a, "groups")[0]["user"], "unmasked")
			assert.Contains(t, h.said(t)[0], "MinLog2/OnBehalfOfLookupRequest")
		})
	}
	for name, of := range map[string]string{
		"AC-31 without an authorisation": h.session(t, employee(t, professional, "")),
		"a citizen":                      h.session(t, person(t, professional)),
		"a system":                       h.session(t, system(registrarCVR), levelled),
		"the operator":                   operatorToken,
	} {
		t.Run(name, func(t *testing.T) {
			h.now = h.now.Add(time.Second)
			h.problem(t, h.post(t, of, pathAssistantLookups, `{}`), http.StatusForbidden, fault.CodeNotAuthorized)
		})
	}
	t.Run("AC-31 it names nobody", func(t *testing.T) {
		a := h.post(t, h.session(t, employee(t, professional, "TST01")), pathAssistantLookups, `{"person":{"source":"CPR","id":"`+stranger+`"}}`)
		h.problem(t, a, http.StatusBadRequest, fault.CodeSyntax)
	})
}

func TestBadLookup(t *testing.T) {
	h := startMinLog(t)
	own, doctor := h.session(t, person(t, citizen)), h.session(t, employee(t, professional, "TST01"))
	for name, body := range map[string]string{
		"no body":                       ``,
		"null":                          `null`,
		"an unknown member":             `{"cpr":"0202801111"}`,
		"a member twice":                `{"chronologic":true,"chronologic":false}`,
		"a member in another case":      `{"Grouping":"Day"}`,
		"null for a grouping":           `{"grouping":null}`,
		"a number for a grouping":       `{"grouping":1}`,
		"a text for an order":           `{"chronologic":"true"}`,
		"a time without zone":           `{"from":"2026-11-01T00:00:00"}`,
		"a time with a short hour":      `{"from":"2026-11-01T8:00:00Z"}`,
		"an empty time":                 `{"to":""}`,
		"the first time there is":       `{"from":"0001-01-01T00:00:00Z"}`,
		"a day for a time":              `{"to":"2026-11-01"}`,
		"the year 0":                    `{"from":"0000-01-01T00:00:00Z"}`,
		"the year 10000":                `{"to":"9999-12-31T23:59:59-01:00"}`,
		"a page of none":                `{"pageSize":0}`,
		"half a page":                   `{"pageSize":1.5}`,
		"a text for a page":             `{"pageSize":"2"}`,
		"null for a page":               `{"pageSize":null}`,
		"a page of too many":            `{"pageSize":99999999999999999999}`,
		"an object for conditions":      `{"pass":{"field":"SystemName","value":"x"}}`,
		"a condition of a text":         `{"pass":["FMK"]}`,
		"a condition of another member": `{"stop":[{"name":"SystemName","value":"x"}]}`,
		"a condition of no field":       `{"stop":[{"value":"x"}]}`,
		"a condition of another field":  `{"stop":[{"field":"Person","value":"x"}]}`,
		"a condition of no value":       `{"pass":[{"field":"SystemName"}]}`,
		"21 conditions":                 `{"pass":[` + strings.TrimSuffix(strings.Repeat(`{"field":"SystemName","value":"x"},`, 21), ",") + `]}`,
		"a number for a token":          `{"pageToken":1}`,
		"an empty token":                `{"pageToken":""}`,
		"something after it":            `{} {}`,
		"no UTF-8":                      "{\"grouping\":\"\xff\"}",
	} {
		t.Run(name, func(t *testing.T) {
			for path, token := range map[string]string{pathCitizenLookups: own, pathAssistantLookups: doctor} {
				h.now = h.now.Add(time.Second)
				h.problem(t, h.post(t, token, path, body), http.StatusBadRequest, fault.CodeSyntax)
			}
		})
	}
	for name, person := range map[string]string{
		"nobody":             `{}`,
		"a text":             `"0202801111"`,
		"null":               `null`,
		"no source":          `{"id":"0202801111"}`,
		"no id":              `{"source":"CPR"}`,
		"a blank id":         `{"source":"CPR","id":" "}`,
		"an id of 51":        `{"source":"CPR","id":"` + strings.Repeat("x", 51) + `"}`,
		"another source":     `{"source":"Autorisation","id":"TST01"}`,
		"a number for an id": `{"source":"CPR","id":202801111}`,
		"another member":     `{"source":"CPR","id":"0202801111","name":"x"}`,
		"two":                `[{"source":"CPR","id":"0202801111"}]`,
	} {
		t.Run("whose: "+name, func(t *testing.T) {
			h.now = h.now.Add(time.Second)
			h.problem(t, h.post(t, own, pathCitizenLookups, `{"person":`+person+`}`), http.StatusBadRequest, fault.CodeSyntax)
		})
	}
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"a query", "POST", pathCitizenLookups + "?pageSize=1", `{}`, 400, fault.CodeSyntax},
		{"a number in the path", "POST", pathCitizenLookups + "/" + citizen, `{}`, 404, "no_such_resource"},
		{"F-6 GET", "GET", pathCitizenLookups, ``, 405, fault.CodeHTTPMethod},
		{"F-6 GET of the assistants'", "GET", pathAssistantLookups, ``, 405, fault.CodeHTTPMethod},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.now = h.now.Add(time.Second)
			h.problem(t, h.write(t, own, c.method, c.path, "", c.body), c.status, c.code)
		})
	}
}

func TestReport(t *testing.T) {
	h := startMinLog(t)
	h.now = time.Date(2026, 10, 31, 22, 30, 0, 0, time.UTC)
	day := map[string]any{"at": "2026-10-31T08:00:00Z"}
	first := h.session(t, system(registrarCVR))
	require.Equal(t, 200, h.add(t, first, "", entries(t, access(day), access(map[string]any{"at": "2026-10-31T09:00:00Z"}), access(map[string]any{"at": ""}))).Code)
	h.now = time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC)
	first, second := h.session(t, system(registrarCVR)), h.session(t, system("99999901"))
	require.Equal(t, 200, h.add(t, first, "", entries(t, access(map[string]any{"at": "2026-10-31T10:00:00Z"}), access(map[string]any{"system": "EPJ", "at": "2026-10-31T10:00:00Z"}))).Code)
	require.Equal(t, 200, h.add(t, second, "", entries(t, access(day))).Code)
	h.consume(t)
	const days = "?from=2026-10-31&to=2026-11-02"
	mine := `{"day":"2026-10-31","system":"FMK","cvr":"33257872","stored":2,"rejected":1},
		{"day":"2026-11-01","system":"EPJ","cvr":"33257872","stored":1,"rejected":0},{"day":"2026-11-01","system":"FMK","cvr":"33257872","stored":1,"rejected":0}`
	others := `{"day":"2026-11-01","system":"FMK","cvr":"99999901","stored":1,"rejected":0}`
	t.Run("AC-39 a system is told of its own organisation", func(t *testing.T) {
		a := h.get(t, first, pathReport+days)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.JSONEq(t, `{"days":[`+mine+`]}`, a.Body.String())
		assert.Contains(t, h.said(t)[0], "MinLog2/ReportRequest")
		assert.JSONEq(t, `{"days":[`+others+`]}`, h.get(t, second, pathReport+days).Body.String())
		assert.JSONEq(t, `{"days":[]}`, h.get(t, h.session(t, system("22222222")), pathReport+days).Body.String())
	})
	t.Run("AC-39 administrators are told of all", func(t *testing.T) {
		administrator := h.session(t, employee(t, professional, ""), func(c *identity.Caller) { c.NationalRole, c.Org.CVR = "NspAdministrator", "99999903" })
		for _, token := range []string{operatorToken, administrator} {
			assert.JSONEq(t, `{"days":[`+mine+`,`+others+`]}`, h.get(t, token, pathReport+days).Body.String())
		}
	})
	t.Run("AC-39 a receipt at 23:30Z is of the next day, of which the report is or is not", func(t *testing.T) {
		assert.JSONEq(t, `{"days":[{"day":"2026-11-01","system":"EPJ","cvr":"33257872","stored":1,"rejected":0}]}`,
			h.get(t, first, pathReport+"?system=EPJ&to=2026-11-02&from=2026-11-01").Body.String())
		assert.JSONEq(t, `{"days":[]}`, h.get(t, first, pathReport+"?system=EPJ&from=2026-10-31&to=2026-11-01").Body.String())
		assert.JSONEq(t, `{"days":[]}`, h.get(t, first, pathReport+"?from=2026-11-01&to=2026-11-01").Body.String())
	})
	for name, who := range map[string]string{"a professional": h.session(t, employee(t, professional, "TST01")), "a citizen": h.session(t, person(t, citizen))} {
		t.Run(name+" is told nothing", func(t *testing.T) {
			h.now = h.now.Add(time.Second)
			h.problem(t, h.get(t, who, pathReport+days), http.StatusForbidden, fault.CodeNotAuthorized)
		})
	}
	t.Run("nobody is told nothing", func(t *testing.T) {
		h.problem(t, h.get(t, "", pathReport+days), http.StatusUnauthorized, fault.CodeMissingHeader)
	})
	for name, query := range map[string]string{
		"no days": "", "no end": "?from=2026-11-01", "no beginning": "?to=2026-11-01", "a time": "?from=2026-11-01T00:00:00Z&to=2026-11-02",
		"no day": "?from=2026-02-30&to=2026-03-02", "an empty day": "?from=&to=2026-11-01", "a day twice": days + "&from=2026-10-30", "an empty system": days + "&system=",
		"another parameter": days + "&cvr=99999901", "a parameter in another case": "?From=2026-11-01&to=2026-11-02", "backwards": "?from=2026-11-02&to=2026-11-01",
		"401 days": "?from=2025-10-01&to=2026-11-06", "an escape that is none": days + "&system=%zz", "a semicolon": days + ";system=x",
	} {
		t.Run("bad: "+name, func(t *testing.T) {
			h.problem(t, h.get(t, operatorToken, pathReport+query), http.StatusBadRequest, fault.CodeSyntax)
		})
	}
	assert.Equal(t, http.StatusOK, h.get(t, operatorToken, pathReport+"?from=2025-10-01&to=2026-11-05").Code, "400 days")
	h.problem(t, h.call(t, http.MethodGet, pathReport+days, `{}`, bearer(operatorToken)...), http.StatusBadRequest, fault.CodeSyntax)
	h.problem(t, h.post(t, operatorToken, pathReport+days, `{}`), http.StatusMethodNotAllowed, fault.CodeHTTPMethod)
}

// A session that is over, or was ended, reads and registers nothing.
func TestMinLogAfterTheSession(t *testing.T) {
	h := registered(t, about(citizen, 8, nil))
	calls := []struct {
		caller             identity.Caller
		method, path, body string
	}{
		{system(registrarCVR), http.MethodPost, pathRegistrations, sample},
		{person(t, citizen), http.MethodPost, pathCitizenLookups, `{}`},
		{employee(t, professional, "TST01"), http.MethodPost, pathAssistantLookups, `{}`},
		{system(registrarCVR), http.MethodGet, pathReport + "?from=2026-11-01&to=2026-11-02", ``},
	}
	for _, c := range calls {
		t.Run("SA-55 "+c.method+" "+c.path, func(t *testing.T) {
			ended, over := h.session(t, c.caller), h.session(t, c.caller)
			require.Equal(t, http.StatusNoContent, h.delete(t, ended, base+"sessions/current").Code)
			h.problem(t, h.write(t, ended, c.method, c.path, "", c.body), http.StatusUnauthorized, fault.CodeExpired)
			require.Equal(t, http.StatusOK, h.write(t, over, c.method, c.path, "", c.body).Code)
			h.now = h.now.Add(time.Hour)
			h.problem(t, h.write(t, over, c.method, c.path, "", c.body), http.StatusUnauthorized, fault.CodeExpired)
		})
	}
}

// A registration goes through the gate of what appends to the message log, and nothing else does.
func TestGateOfRegistrations(t *testing.T) {
	broken := &admitting.Gate{}
	h := startMinLog(t, func(h *house) {
		*broken = *h.deps.Gate
		broken.Audit = &failingAudit{}
		h.deps.MinLog.Appending = broken
	})
	h.problem(t, h.add(t, h.session(t, system(registrarCVR)), "k", entries(t, access(nil))), http.StatusServiceUnavailable, fault.CodeProcessing)
	assert.Empty(t, h.stored(t, citizen))
	assert.Equal(t, http.StatusOK, h.post(t, h.session(t, person(t, citizen)), pathCitizenLookups, `{}`).Code)
}

type failingAudit struct{}

func (failingAudit) Ready(context.Context) error               { return nil }
func (failingAudit) Append(context.Context, audit.Entry) error { return errTest }

// A server has the paths of the use cases that it runs, and without the API those of MinLog alone.
func TestMountMinLog(t *testing.T) {
	paths := []string{pathRegistrations, pathCitizenLookups, pathAssistantLookups, pathReport}
	without := []func(*rest.MinLog){
		func(m *rest.MinLog) { m.Registrar = nil }, func(m *rest.MinLog) { m.Citizens = nil }, func(m *rest.MinLog) { m.Assistants = nil },
		func(m *rest.MinLog) { m.Report = nil },
	}
	for i, take := range without {
		h := start(t, func(h *house) { take(h.deps.MinLog) })
		for k, path := range paths {
			want := http.StatusMethodNotAllowed
			if i == k {
				want = http.StatusNotFound
			}
			assert.Equal(t, want, h.call(t, http.MethodPut, path, "").Code, path)
		}
	}
	h := start(t, func(h *house) { h.deps.MinLog = nil })
	for _, path := range paths {
		h.problem(t, h.call(t, http.MethodPut, path, ""), http.StatusNotFound, "no_such_resource")
	}
	h = startMinLog(t)
	h.echo = echo.New()
	rest.MountMinLog(h.echo, h.deps)
	assert.Equal(t, http.StatusOK, h.add(t, h.session(t, system(registrarCVR)), "", sample).Code)
	for _, route := range h.echo.Routes() {
		assert.Contains(t, paths, route.Path)
	}
}
