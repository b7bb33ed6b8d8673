package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
)

func TestSessionByIDCard(t *testing.T) {
	h := start(t)
	card := h.card(t, "laege")
	for _, media := range []string{"text/xml", "text/xml; charset=utf-8", "application/soap+xml; charset=utf-8; action=\"OpenSession\""} {
		t.Run("SU-5 "+media, func(t *testing.T) {
			a := h.call(t, http.MethodPost, base+"sessions", h.envelope(card, "m-1"), "Content-Type", media, "SOAPAction", `"OpenSession"`)
			token := h.token(t, a)
			assert.Equal(t, noon.Add(time.Hour).Format(time.RFC3339), a.body["expires"])
			assert.Equal(t, map[string]any{
				"kind": "professional", "cpr": "0101010001", "name": "Test Laege", "authorisation": "TST01", "role": "7170", "cvr": "99999902",
				"system": "OpenNSP", "level": 4.0, "scheme": "dgws", "vouched": false,
			}, a.body["caller"])
			line := h.line(t)
			assert.Equal(t, audit.Admin, line.Route)
			assert.Equal(t, "99999902", line.Access.IDCardAttributes["medcom:CareProviderID"], "the card that the call came with")
			assert.Equal(t, "m-1", line.Access.SOAPHeaders["MessageID"])
			assert.Contains(t, h.said(t)[0], "Admin/OpenSession user=professional/99999902 credential=dgws level=4 idcard-id=")

			current := h.get(t, token, base+"sessions/current")
			require.Equal(t, http.StatusOK, current.Code)
			assert.Equal(t, a.body["caller"], any(current.body))
			told := h.line(t).Access.IDCardAttributes
			assert.Equal(t, [3]string{"OPENNSP-DEV-STS", "dgws:4", "0101010001"}, [3]string{told["issuer"], told["scope"], told["cpr"]})
			assert.NotEmpty(t, told["keyid"])
			assert.Equal(t, []string{"Admin/ReadSession user=professional/99999902"}, h.said(t))
			assert.Equal(t, admitting.OK, h.observed[len(h.observed)-1].Outcome)
			assert.Equal(t, "ReadSession", h.observed[len(h.observed)-1].Operation)
		})
	}
	ends := noon.Add(24*time.Hour - 5*time.Minute) // a card is dated back
	t.Run("SU-5 the card ends before the hour is over", func(t *testing.T) {
		h.now = ends.Add(-10 * time.Minute)
		a := h.call(t, http.MethodPost, base+"sessions", h.envelope(card, "m-2"), "Content-Type", "text/xml")
		h.token(t, a)
		assert.Equal(t, ends.Format(time.RFC3339), a.body["expires"])
	})
	t.Run("SA-10 the card has ended", func(t *testing.T) {
		h.now = ends
		h.problem(t, h.call(t, http.MethodPost, base+"sessions", h.envelope(card, "m-3"), "Content-Type", "text/xml"), http.StatusUnauthorized, fault.CodeExpired)
		last := h.refused[len(h.refused)-1]
		assert.Equal(t, audit.Refusal{
			At: h.now, Service: "security-api", Operation: "OpenSession", Code: fault.CodeExpired, Cause: "expired", Anchor: last.Anchor,
			CVR: "99999902", Addr: "192.0.2.1", MessageID: "m-3",
		}, last)
		assert.NotEmpty(t, last.Anchor)
	})
	t.Run("SA-53 a number as message id", func(t *testing.T) {
		h.now = h.now.Add(time.Second)
		h.problem(t, h.call(t, http.MethodPost, base+"sessions", h.envelope(card, "m-"+nancy), "Content-Type", "text/xml"), http.StatusUnauthorized, fault.CodeExpired)
		assert.Equal(t, "m-[cpr]", h.refused[len(h.refused)-1].MessageID)
	})
	t.Run("SA-05 another number in the card", func(t *testing.T) {
		h.now = noon
		forged := strings.Replace(h.envelope(card, "m-4"), "0101010001", "0101010002", 1)
		h.problem(t, h.call(t, http.MethodPost, base+"sessions", forged, "Content-Type", "text/xml"), http.StatusUnauthorized, fault.CodeSignature)
		assert.Empty(t, h.line(t).Notes)
	})
}

// citizen is an IDWS message of a citizen's portal that asks for a session.
func (h *house) citizen(t *testing.T, aud, messageID string, change ...func(*idwstest.Message)) string {
	t.Helper()
	a := h.post(t, "", "/api/sts/v1/dev/tokens", `{"citizen":"`+nancy+`","audience":"`+aud+`","holder":"portal"}`)
	require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
	assert.Equal(t, "application/xml; charset=utf-8", a.Header().Get("Content-Type"))
	_, id, _ := strings.Cut(a.Body.String(), ` ID="`)
	id, _, _ = strings.Cut(id, `"`)
	m := idwstest.Message{
		Action: "OpenSession", MessageID: messageID, Created: h.now.Format(time.RFC3339), Token: a.Body.Bytes(), TokenID: id,
		Key: sampleKey(t, "portal"), Body: openSession,
	}
	for _, c := range change {
		c(&m)
	}
	return string(m.Bytes())
}

func TestSessionByToken(t *testing.T) {
	h := start(t)
	open := func(message string) answer {
		return h.call(t, http.MethodPost, base+"sessions", message, "Content-Type", "text/xml")
	}
	message := h.citizen(t, audience, "urn:uuid:1")
	a := open(message)
	token := h.token(t, a)
	assert.Equal(t, map[string]any{"kind": "citizen", "cpr": nancy, "level": 3.0, "scheme": "idws", "vouched": false}, a.body["caller"])
	assert.Equal(t, http.StatusOK, h.get(t, token, base+"sessions/current").Code)
	assert.Equal(t, "idws:3", h.line(t).Access.IDCardAttributes["scope"])

	t.Run("SEC-32 the same message again", func(t *testing.T) {
		h.problem(t, open(message), http.StatusConflict, fault.CodeSignature)
	})
	t.Run("SA-38 a token for somebody else", func(t *testing.T) {
		h.problem(t, open(h.citizen(t, "https://fsk", "urn:uuid:2")), http.StatusForbidden, fault.CodeNotAuthorized)
	})
	t.Run("SA-39 signed by somebody else", func(t *testing.T) {
		forged := h.citizen(t, audience, "urn:uuid:3", func(m *idwstest.Message) { m.Key = sampleKey(t, "epj") })
		h.problem(t, open(forged), http.StatusUnauthorized, fault.CodeSignature)
	})
	t.Run("To names the path that was called", func(t *testing.T) {
		to := func(path string) func(*idwstest.Message) {
			return func(m *idwstest.Message) { m.To = "https://nsp.example" + path }
		}
		h.token(t, open(h.citizen(t, audience, "urn:uuid:4", to(base+"sessions"))))
		assert.NotEqual(t, http.StatusCreated, open(h.citizen(t, audience, "urn:uuid:5", to("/fgvhr/service"))).Code)
	})
}

func TestSessionOfASample(t *testing.T) {
	h := start(t)
	t.Run("a system", func(t *testing.T) {
		a := h.post(t, "", base+"sessions", `{"sample":"epj","system":"MitEPJ"}`)
		h.token(t, a)
		assert.Equal(t, map[string]any{
			"kind": "system", "cvr": "99999901", "system": "MitEPJ", "level": 3.0, "scheme": "sample", "vouched": false,
		}, a.body["caller"])
	})
	t.Run("a citizen for her child", func(t *testing.T) {
		a := h.post(t, "", base+"sessions", `{"citizen":"`+nancy+`","onBehalfOf":"`+child+`"}`)
		h.token(t, a)
		assert.Equal(t, map[string]any{
			"kind": "citizen", "cpr": nancy, "name": "Nancy Ann Testborger", "level": 3.0, "scheme": "sample", "vouched": false,
			"onBehalfOf": map[string]any{"cpr": child, "relation": "custody"},
		}, a.body["caller"])
	})
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"SA-42 a citizen for a stranger":  {`{"citizen":"` + nancy + `","onBehalfOf":"0511804817"}`, 401, fault.CodeIDCard},
		"SA-42 a citizen for herself":     {`{"citizen":"` + nancy + `","onBehalfOf":"` + nancy + `"}`, 401, fault.CodeIDCard},
		"a citizen nobody knows":          {`{"citizen":"0101019999"}`, 422, "invalid_request"},
		"a sample nobody knows":           {`{"sample":"nobody"}`, 422, "no_such_sample"},
		"SA-08 a sample that is revoked":  {`{"sample":"spaerret"}`, 401, "failed_authentication"},
		"SA-08 a sample that has expired": {`{"sample":"udloebet"}`, 401, "failed_authentication"},
		"a sample outside the folder":     {`{"sample":"../sts"}`, 422, "no_such_sample"},
		"SA-07 a sample in two roles":     {`{"sample":"tolaege"}`, 401, "authorisation"},
		"nobody":                          {`{}`, 400, fault.CodeSyntax},
		"both":                            {`{"sample":"laege","citizen":"` + nancy + `"}`, 400, fault.CodeSyntax},
		"a citizen's system":              {`{"citizen":"` + nancy + `","system":"x"}`, 400, fault.CodeSyntax},
		"no number":                       {`{"citizen":"nancy"}`, 400, fault.CodeSyntax},
		"no number of the other":          {`{"citizen":"` + nancy + `","onBehalfOf":"x"}`, 400, fault.CodeSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			h.problem(t, h.post(t, "", base+"sessions", c.body), c.status, c.code)
		})
	}
	t.Run("SA-50 in production a name opens nothing", func(t *testing.T) {
		h := start(t, production)
		h.problem(t, h.post(t, "", base+"sessions", `{"sample":"laege"}`), http.StatusBadRequest, fault.CodeSyntax)
		for _, path := range []string{"cards", "tokens", "bootstrap"} {
			h.problem(t, h.post(t, "", "/api/sts/v1/dev/"+path, `{"sample":"laege"}`), http.StatusNotFound, "no_such_resource")
		}
	})
}

func TestSessionEnds(t *testing.T) {
	h := start(t)
	current := base + "sessions/current"
	first, second := h.as(t, "laege"), h.as(t, "laege")
	t.Run("SA-55 a session that was revoked", func(t *testing.T) {
		a := h.delete(t, first, current)
		require.Equal(t, http.StatusNoContent, a.Code)
		assert.Empty(t, a.Body.Bytes())
		assert.Equal(t, []string{"Admin/CloseSession user=professional/99999902"}, h.said(t))
		a = h.get(t, first, current)
		h.problem(t, a, http.StatusUnauthorized, fault.CodeExpired)
		assert.Equal(t, "Bearer", a.Header().Get("WWW-Authenticate"))
		h.problem(t, h.delete(t, first, current), http.StatusUnauthorized, fault.CodeExpired)
		assert.Equal(t, http.StatusOK, h.get(t, second, current).Code)
	})
	t.Run("SA-55 a session whose time is over", func(t *testing.T) {
		h.now = noon.Add(time.Hour - time.Second)
		assert.Equal(t, http.StatusOK, h.get(t, second, current).Code)
		h.now = noon.Add(time.Hour)
		h.problem(t, h.get(t, second, current), http.StatusUnauthorized, fault.CodeExpired)
	})
	t.Run("one that could not be revoked goes on", func(t *testing.T) {
		third := h.as(t, "laege")
		h.sessions.OnWrite.FailFrom(1, errTest)
		h.problem(t, h.delete(t, third, current), http.StatusInternalServerError, fault.CodeProcessing)
		h.sessions.OnWrite.Heal()
		assert.Equal(t, http.StatusOK, h.get(t, third, current).Code)
	})
	t.Run("the operator's token is no session", func(t *testing.T) {
		h.problem(t, h.delete(t, operatorToken, current), http.StatusForbidden, fault.CodeNotAuthorized)
		a := h.get(t, operatorToken, current)
		assert.Equal(t, map[string]any{"kind": "operator", "level": 0.0, "scheme": "operator", "vouched": false}, a.body)
	})
}

func TestBearer(t *testing.T) {
	h := start(t)
	token := h.as(t, "laege")
	current := base + "sessions/current"
	for name, c := range map[string]struct {
		headers []string
		code    string
	}{
		"none":               {nil, fault.CodeMissingHeader},
		"empty":              {[]string{""}, fault.CodeExpired},
		"no token":           {[]string{"Bearer"}, fault.CodeExpired},
		"empty token":        {[]string{"Bearer "}, fault.CodeExpired},
		"another scheme":     {[]string{"Basic " + token}, fault.CodeExpired},
		"token alone":        {[]string{token}, fault.CodeExpired},
		"two blanks":         {[]string{"Bearer  " + token}, fault.CodeExpired},
		"something after it": {[]string{"Bearer " + token + " x"}, fault.CodeExpired},
		"a list":             {[]string{"Bearer " + token + ",Bearer " + token}, fault.CodeExpired},
		"two headers":        {[]string{"Bearer " + token, "Bearer " + token}, fault.CodeExpired},
		"cut":                {[]string{"Bearer " + token[:42]}, fault.CodeExpired},
		"padded":             {[]string{"Bearer " + token + "="}, fault.CodeExpired},
		"another":            {[]string{"Bearer " + strings.Repeat("A", 43)}, fault.CodeExpired},
		"huge":               {[]string{"Bearer " + strings.Repeat("A", 60_000)}, fault.CodeExpired},
		"nearly operator":    {[]string{"Bearer " + operatorToken[:42] + "A"}, fault.CodeExpired},
	} {
		t.Run(name, func(t *testing.T) {
			h.now = h.now.Add(time.Second) // so that each refusal is told of
			var headers []string
			for _, v := range c.headers {
				headers = append(headers, "Authorization", v)
			}
			a := h.call(t, http.MethodGet, current, "", headers...)
			h.problem(t, a, http.StatusUnauthorized, c.code)
			assert.Empty(t, h.line(t).Access.IDCardAttributes)
		})
	}
	t.Run("the scheme in any case", func(t *testing.T) {
		assert.Equal(t, http.StatusOK, h.call(t, http.MethodGet, current, "", "Authorization", "bearer "+token).Code)
	})
	t.Run("a token in the query or the body is none", func(t *testing.T) {
		a := h.call(t, http.MethodGet, current+"?access_token=x", "")
		h.problem(t, a, http.StatusUnauthorized, fault.CodeMissingHeader)
	})
	t.Run("without an operator's token nobody is the operator", func(t *testing.T) {
		h := start(t, func(h *house) { h.deps.Operator = [32]byte{} })
		for _, token := range []string{operatorToken, strings.Repeat("A", 43), ""} {
			h.problem(t, h.call(t, http.MethodGet, base+"grants", "", "Authorization", "Bearer "+token), http.StatusUnauthorized, fault.CodeExpired)
		}
	})
	t.Run("OC-44 a store that panics", func(t *testing.T) {
		h := start(t, func(h *house) { h.deps.Sessions = &securing.Sessions{} })
		h.problem(t, h.get(t, token, current), http.StatusInternalServerError, fault.CodeProcessing)
	})
	t.Run("a store that fails", func(t *testing.T) {
		h.sessions.OnRead.FailFrom(1, errTest)
		h.problem(t, h.get(t, token, current), http.StatusInternalServerError, fault.CodeProcessing)
		h.sessions.OnRead.Heal()
		assert.Equal(t, http.StatusOK, h.get(t, token, current).Code)
	})
}
