package rest_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports/portstest"
)

const infoBase = "/stamdata-personinformation/v1/person/"

// withPeople has the registers know synthetic persons, and the region of the sample epj ask for them.
func withPeople(t *testing.T) func(*house) {
	return func(h *house) {
		portstest.LoadPeople(t, h.db.Stamdata(), noon.Add(-24*time.Hour))
		grant := trust.Grant{ID: "g-1", Name: "personinformation", CVR: "99999901"}
		require.NoError(t, h.db.Grants().Update(t.Context(), func(all []trust.Grant) ([]trust.Grant, error) { return append(all, grant), nil }))
	}
}

// load has the registers know rows of a file.
func (h *house) load(t *testing.T, name string, lines ...string) {
	t.Helper()
	_, err := h.db.Stamdata().Load(t.Context(), portstest.RegisterFile(t, name, strings.Join(lines, "\n")), 1, h.now)
	require.NoError(t, err)
}

func (h *house) info(t *testing.T, token, path string) answer {
	t.Helper()
	return h.call(t, http.MethodGet, path, "", bearer(token)...)
}

func TestPersonInformation(t *testing.T) {
	h := start(t, withPeople(t))
	token := h.as(t, "epj")
	for _, c := range []struct {
		name, path, want string // want "" = {} with 404
	}{
		{"R a person", infoBase + "0905124643", `{"cpr":"0905124643"}`},
		{"PI-01 a dead person", infoBase + "2508480706", `{"cpr":"2508480706"}`},
		{"PC-48 an active person's status", infoBase + "0905124643/status", `{"status":"01"}`},
		{"PC-48 the other path of the status", "/stamdata-personinformation/2024/08/01/0905124643/status", `{"status":"01"}`},
		{"PC-48 a dead person's status", infoBase + "2508480706/status", `{"status":"90"}`},
		{"PC-48 status 01 is active", infoBase + "0905124643/active", `{"active":true}`},
		{"PC-48 status 20 is active", infoBase + "1606752533/active", `{"active":true}`},
		{"PC-48 status 80 is not", infoBase + "1112660712/active", `{"active":false}`},
		{"PC-48 status 90 is not", infoBase + "2508480706/active", `{"active":false}`},
		{"PC-48 status 60 is not", infoBase + "2804901808/active", `{"active":false}`},
		{"PC-48 status 30 is not", infoBase + "0803611471/active", `{"active":false}`},
		{"PI-02 age", infoBase + "0905124643/age", `{"age":14}`},
		{"PI-02 age at death", infoBase + "2508480706/age", `{"age":71}`},
		{"PI-02 birthday", infoBase + "2902044063/birthday", `{"birthday":"2004-02-29"}`},
		{"PC-45 custody", infoBase + "2207820468/custody",
			`{"parentalCustody":[{"relationCpr":"0905124643","age":14},{"relationCpr":"2101194638","age":7}],"wardCustody":[]}`},
		{"PC-45 the other way round", infoBase + "0905124643/custody", `{"parentalCustody":[],"wardCustody":[]}`},
		{"PC-47 guardianship", infoBase + "1403800099/custody", `{"parentalCustody":[],"wardCustody":[{"relationCpr":"1702553083"}]}`},
		{"O name", infoBase + "2101194638/name", `{"given":"Ida","middle":"Prøve","family":"Testesen"}`},
		{"O address", infoBase + "2101194638/address", `{"careOf":"Tove Testlæge","street":"Prøvevej","house":"12A","floor":"1","door":"tv","town":"Testlund",` +
			`"postCode":"0900","district":"Testby","streetCode":"0012","municipalityCode":"0099"}`},
		{"R the dead", infoBase + "deceased?since=2020-05-01", `["2508480706"]`},
		{"R the dead since a later day", infoBase + "deceased?since=2020-05-03", `[]`},
		{"O the day of an instant", infoBase + "deceased?since=2020-04-30T22:00:00Z", `["2508480706"]`},
		{"O the next page", infoBase + "deceased?since=2020-05-01&after=2508480706", `[]`},
		{"PC-38 a protected person is there", infoBase + "0310710721", `{"cpr":"0310710721"}`},
		{"PC-38 a protected name", infoBase + "0310710721/name", ""},
		{"PC-38 a protected address", infoBase + "0310710721/address", ""},
		{"SC-02 the dead have no address", infoBase + "2508480706/address", ""},
		{"PC-40 nobody", infoBase + "0909729999", ""},
		{"PC-40 nobody's age", infoBase + "0909729999/age", ""},
		{"PC-40 nobody's custody", infoBase + "0909729999/custody", ""},
		{"EC-01 nobody's number", infoBase + "0000000000/status", ""},
		{"EC-01 no number", infoBase + "1308781QT7/name", ""},
		{"EC-01 a hyphen", infoBase + "090512-4643", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := h.info(t, token, c.path)
			status := http.StatusOK
			if c.want == "" {
				status, c.want = http.StatusNotFound, "{}"
			}
			assert.Equal(t, status, a.Code)
			assert.Equal(t, c.want, a.Body.String())
			assert.Equal(t, "application/json", a.Header().Get("Content-Type"))
			assert.Equal(t, audit.SDM, h.line(t).Route)
			assert.Equal(t, audit.SDM, h.observed[len(h.observed)-1].Component)
		})
	}
}

func TestPersonInformationOverTime(t *testing.T) {
	h := start(t, withPeople(t))
	h.load(t, "cpr-person.delta.csv", "cpr;status", "1003094000;01")
	h.load(t, "cpr-foraeldremyndighed.delta.csv", "cpr;typeKode;relationCpr", "1003094000;0004;0611809735")
	for _, c := range []struct{ name, day, path, want string }{
		{"PC-46 the day before 1 March", "2027-02-28", infoBase + "2902044063/age", `{"age":22}`},
		{"PC-46 on 1 March", "2027-03-01", infoBase + "2902044063/age", `{"age":23}`},
		{"PC-45 the day before the 18th birthday", "2027-03-09", infoBase + "0611809735/custody",
			`{"parentalCustody":[{"relationCpr":"1003094000","age":17}],"wardCustody":[]}`},
		{"PC-45 on the 18th birthday", "2027-03-10", infoBase + "0611809735/custody", `{"parentalCustody":[],"wardCustody":[]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := calendar.ParseDay(c.day)
			require.NoError(t, err)
			h.now = d.Start().Add(12 * time.Hour)
			require.NoError(t, h.grants.Refresh(t.Context()))
			assert.Equal(t, c.want, h.info(t, h.as(t, "epj"), c.path).Body.String())
		})
	}
}

func TestWhoMayReadPersonInformation(t *testing.T) {
	h := start(t, withPeople(t))
	for name, sample := range map[string]string{
		"PC-40 an organisation without the grant": "portal", "a professional": "sygeplejerske", "an administrator": "administrator", "a citizen": nancy,
	} {
		t.Run(name, func(t *testing.T) {
			token := h.as(t, sample)
			for _, path := range []string{infoBase + "0905124643", infoBase + "0905124643/name", infoBase + "deceased?since=2020-05-01"} {
				h.problem(t, h.info(t, token, path), http.StatusForbidden, "not_authorized")
			}
		})
	}
	t.Run("the operator", func(t *testing.T) {
		h.problem(t, h.info(t, operatorToken, infoBase+"0905124643"), http.StatusForbidden, "not_authorized")
	})
	t.Run("nobody", func(t *testing.T) {
		h.problem(t, h.info(t, "", infoBase+"0905124643"), http.StatusUnauthorized, "missing_required_header")
		h.problem(t, h.info(t, strings.Repeat("x", 43), infoBase+"0905124643"), http.StatusUnauthorized, "expired_idcard")
	})
}

func TestPersonInformationBadInput(t *testing.T) {
	h := start(t, withPeople(t))
	token := h.as(t, "epj")
	for _, query := range []string{
		"", "?since=", "?since=yesterday", "?since=2020-05-01&since=2020-05-01", "?since=2020-05-01&until=2021-01-01", "?since=2020-05-01&after=x",
		"?since=2020-02-30", "?after=2508480706", "?since=%zz",
	} {
		h.problem(t, h.info(t, token, infoBase+"deceased"+query), http.StatusBadRequest, "syntax_error")
	}
	h.problem(t, h.info(t, token, infoBase+"0905124643?x=1"), http.StatusBadRequest, "syntax_error")
	h.problem(t, h.call(t, http.MethodGet, infoBase+"0905124643", "{}", bearer(token)...), http.StatusBadRequest, "syntax_error")
	a := h.call(t, http.MethodPost, infoBase+"0905124643", "", bearer(token)...)
	h.problem(t, a, http.StatusMethodNotAllowed, "illegal_http_method")
	assert.Equal(t, "GET", a.Header().Get("Allow"))
	for _, path := range []string{"0905124643/spouse", "0905124643/name/x", ""} {
		h.problem(t, h.info(t, token, infoBase+path), http.StatusNotFound, "no_such_resource")
	}
	h.register.OnRead.FailFrom(1, errTest)
	a = h.info(t, token, infoBase+"0905124643")
	h.problem(t, a, http.StatusServiceUnavailable, "processing_problem")
	assert.NotContains(t, a.Body.String(), errTest.Error())
}

// TestNumbersStayOutOfLogs: whatever stands where a number should, no log, metric or trace is told; the audit log is, under its own key.
func TestNumbersStayOutOfLogs(t *testing.T) {
	h := start(t, withPeople(t))
	token := h.as(t, "epj")
	h.register.OnRead.FailFrom(1000, errors.New("down"))
	for _, number := range []string{"0905124643", "0310710721", "0909729999", "090512-4643", "1308781QT7", "09051246431", "x0905124643x", "%30905124643", "0905%2F124643"} {
		digits := strings.NewReplacer("%30", "0", "%2F", "/").Replace(number)
		for _, path := range []string{
			infoBase + number, infoBase + number + "/name", infoBase + number + "/spouse", "/stamdata-personinformation/2024/08/01/" + number + "/status",
			"/stamdata-personinformation/" + number, infoBase + "person/" + number,
		} {
			for _, who := range []string{token, ""} {
				before := len(h.observed)
				h.info(t, who, path)
				require.Len(t, h.observed, before+1)
				for _, o := range h.observed[before:] {
					shown, err := json.Marshal([]any{o.Operation, o.Service, o.Component, o.Access, o.Fault, o.Cause})
					require.NoError(t, err)
					assert.NotContains(t, string(shown), digits)
					assert.NotContains(t, string(shown), number)
				}
				line := h.line(t).Access
				assert.NotContains(t, line.Path+line.Query, digits, path)
				assert.NotContains(t, h.log.String(), digits)
			}
		}
	}
	h.register.OnRead.FailFrom(1, errors.New("down"))
	h.info(t, token, infoBase+"0905124643")
	assert.NotContains(t, h.log.String(), "0905124643")
	assert.Contains(t, h.log.String(), "down")
	said := h.said(t)
	assert.Contains(t, strings.Join(said, "\n"), "SDM/PersonInformation requested-cpr=0905124643 client-cvr=99999901")
}

func TestDeceasedComesInPages(t *testing.T) {
	h := start(t, func(h *house) {
		withPeople(t)(h)
		lines := []string{"cpr;status;doedsdato"}
		for i := range 2100 {
			lines = append(lines, "010203"+strconv.Itoa(1000+i)+";90;2021-01-01")
		}
		h.load(t, "cpr-person.delta.csv", lines...)
	})
	token := h.as(t, "epj")
	var first, second []string
	require.NoError(t, json.Unmarshal(h.raw(t, token, infoBase+"deceased?since=2020-01-01"), &first))
	require.Len(t, first, 2000)
	require.NoError(t, json.Unmarshal(h.raw(t, token, infoBase+"deceased?since=2020-01-01&after="+first[1999]), &second))
	require.Len(t, second, 101)
	assert.Equal(t, "2508480706", second[100])
}

// raw returns the body of a good answer.
func (h *house) raw(t *testing.T, token, path string) []byte {
	t.Helper()
	a := h.info(t, token, path)
	require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
	return a.Body.Bytes()
}
