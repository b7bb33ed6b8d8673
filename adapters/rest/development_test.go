package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
)

func TestDevelopment(t *testing.T) {
	h := start(t)
	const dev = "/api/sts/v1/dev/"
	for name, c := range map[string]struct {
		path, body string
		holds      string // of the assertion
	}{
		"a doctor's card":             {"cards", `{"sample":"laege","level":4}`, `<saml:AttributeValue>TST01<`},
		"a system's card":             {"cards", `{"sample":"epj","level":3}`, `<saml:AttributeValue>99999901<`},
		"a citizen's token":           {"tokens", `{"citizen":"` + nancy + `","audience":"https://minlog","holder":"portal"}`, "https://minlog"},
		"SA-47 a citizen's bootstrap": {"bootstrap", `{"citizen":"` + nancy + `"}`, "https://idp.opennsp.test"},
		"a doctor's bootstrap":        {"bootstrap", `{"sample":"laege"}`, "https://idp.opennsp.test"},
		"one for another holder":      {"bootstrap", `{"sample":"laege","holder":"portal"}`, "https://idp.opennsp.test"},
	} {
		t.Run(name, func(t *testing.T) {
			a := h.post(t, "", dev+c.path, c.body)
			require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
			assert.Equal(t, "application/xml; charset=utf-8", a.Header().Get("Content-Type"))
			assert.Contains(t, a.Body.String(), c.holds)
			assert.Contains(t, a.Body.String(), "SignatureValue")
			assert.Contains(t, h.said(t)[0], "STS/")
		})
	}
	for name, c := range map[string]struct {
		path, body string
		status     int
		code       string
	}{
		"a doctor's card of level 3": {"cards", `{"sample":"laege","level":3}`, 422, "invalid_request"},
		"a level as text":            {"cards", `{"sample":"laege","level":"4"}`, 400, fault.CodeSyntax},
		"a card of nobody":           {"cards", `{"sample":"nobody"}`, 422, "no_such_sample"},
		"a card of no name":          {"cards", `{}`, 422, "no_such_sample"},
		"SA-08 a revoked card":       {"cards", `{"sample":"spaerret"}`, 401, "failed_authentication"},
		"a token for no holder":      {"tokens", `{"citizen":"` + nancy + `","audience":"https://minlog"}`, 422, "no_such_sample"},
		"a token of nobody":          {"tokens", `{"citizen":"0101019999","audience":"https://minlog","holder":"portal"}`, 422, "invalid_request"},
		"a token of no number":       {"tokens", `{"citizen":"x","audience":"https://minlog","holder":"portal"}`, 400, fault.CodeSyntax},
		"a bootstrap of nobody":      {"bootstrap", `{}`, 400, fault.CodeSyntax},
		"a bootstrap of two":         {"bootstrap", `{"citizen":"` + nancy + `","sample":"laege"}`, 400, fault.CodeSyntax},
		"a bootstrap of no number":   {"bootstrap", `{"citizen":"x"}`, 400, fault.CodeSyntax},
		"a bootstrap of no sample":   {"bootstrap", `{"sample":"nobody"}`, 422, "no_such_sample"},
		"a bootstrap for no holder":  {"bootstrap", `{"sample":"laege","holder":"nobody"}`, 422, "no_such_sample"},
		"an unknown member":          {"bootstrap", `{"sample":"laege","level":4}`, 400, fault.CodeSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			h.problem(t, h.post(t, "", dev+c.path, c.body), c.status, c.code)
		})
	}
	t.Run("a query", func(t *testing.T) {
		h.problem(t, h.post(t, "", dev+"cards?sample=laege", `{"sample":"laege"}`), 400, fault.CodeSyntax)
	})
}
