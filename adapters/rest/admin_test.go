package rest_test

import (
	"context"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/securityws"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

func TestAdministrators(t *testing.T) {
	h := start(t)
	operations := []struct{ method, path, body string }{
		{http.MethodGet, "grants", ""},
		{http.MethodPost, "grants", `{"name":"sces","cvr":"99999901"}`},
		{http.MethodDelete, "grants/00000000-0000-4000-8000-000000000001", ""},
		{http.MethodGet, "anchors", ""},
		{http.MethodPost, "trust/reload", ""},
		{http.MethodGet, "events", ""},
	}
	call := func(t *testing.T, token, method, path, body string) answer {
		headers := bearer(token)
		if body != "" {
			headers = append(headers, "Content-Type", "application/json")
		}
		return h.call(t, method, base+path, body, headers...)
	}
	for _, who := range []string{"", "laege", "spaerringsadm", "region", nancy} {
		token, status, code := "", http.StatusUnauthorized, fault.CodeMissingHeader
		if who != "" {
			token, status, code = h.as(t, who), http.StatusForbidden, fault.CodeNotAuthorized
		}
		for _, o := range operations {
			t.Run("SU-6 "+o.method+" "+o.path+" by another", func(t *testing.T) {
				h.now = h.now.Add(time.Second)
				h.problem(t, call(t, token, o.method, o.path, o.body), status, code)
			})
		}
	}
	grants, err := h.db.Grants().Grants(t.Context())
	require.NoError(t, err)
	assert.Empty(t, grants, "nothing was changed")
	for _, token := range []string{h.as(t, "administrator"), operatorToken} {
		for _, o := range operations {
			a := call(t, token, o.method, o.path, o.body)
			assert.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, a.Code, "%s %s: %s", o.method, o.path, a.Body)
		}
	}
	t.Run("SU-6 who is taken off the list is none at once, also with an open session", func(t *testing.T) {
		opened := h.call(t, http.MethodPost, base+"sessions", h.envelope(h.card(t, "administrator"), "m-1"), "Content-Type", "text/xml")
		token := h.token(t, opened)
		require.Equal(t, http.StatusOK, h.get(t, token, base+"grants").Code)
		later := start(t, func(n *house) { n.deps.Sessions, n.deps.Administrators = h.deps.Sessions, nil })
		later.problem(t, later.get(t, token, base+"grants"), http.StatusForbidden, fault.CodeNotAuthorized)
	})
}

func TestGrants(t *testing.T) {
	h := start(t)
	token := h.as(t, "administrator")
	holds := func(cvr string) bool {
		ok, err := h.grants.Has(t.Context(), "consent.admin", cvr)
		require.NoError(t, err)
		return ok
	}
	assert.False(t, holds("99999901"))
	a := h.post(t, token, base+"grants", `{"name":"consent.admin","cvr":"99999901","note":"Aftale 7"}`)
	require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
	id, _ := a.body["id"].(string)
	want := map[string]any{"id": id, "name": "consent.admin", "cvr": "99999901", "from": "2026-11-21T12:00:00Z", "note": "Aftale 7"}
	assert.Equal(t, want, a.body)
	assert.Equal(t, []string{"Admin/AddGrant user=professional/99999903 filter=consent.admin 99999901 result=" + id}, h.said(t))
	assert.True(t, holds("99999901"), "it counts at once")
	assert.False(t, holds("99999902"))

	list := h.get(t, token, base+"grants")
	assert.Equal(t, map[string]any{"grants": []any{want}}, list.body)

	t.Run("SA-44 ended now", func(t *testing.T) {
		h.now = noon.Add(time.Second)
		a := h.delete(t, token, base+"grants/"+id)
		require.Equal(t, http.StatusNoContent, a.Code)
		assert.False(t, holds("99999901"), "it ends at once")
		want["to"] = "2026-11-21T12:00:01Z"
		assert.Equal(t, map[string]any{"grants": []any{want}}, h.get(t, token, base+"grants").body)
	})
	t.Run("SA-44 grant *", func(t *testing.T) {
		a := h.post(t, token, base+"grants", `{"name":"consent.admin","cvr":"*","from":"2026-11-21T13:00:01.123456789+01:00","to":"2026-11-22T00:00:00Z"}`)
		require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
		assert.Equal(t, "2026-11-21T12:00:01.123456Z", a.body["from"])
		assert.False(t, holds("99999902"))
		h.now = noon.Add(2 * time.Second)
		assert.True(t, holds("99999902"))
		require.Equal(t, http.StatusNoContent, h.delete(t, token, base+"grants/"+a.body["id"].(string)).Code)
		assert.False(t, holds("99999902"))
	})
	t.Run("twice", func(t *testing.T) {
		require.Equal(t, http.StatusCreated, h.post(t, token, base+"grants", `{"name":"sces","cvr":"99999901"}`).Code)
		h.problem(t, h.post(t, token, base+"grants", `{"name":"sces","cvr":"99999901"}`), http.StatusConflict, "grant_exists")
	})
	for name, body := range map[string]string{
		"no name": `{"cvr":"99999901"}`, "no CVR number": `{"name":"sces"}`, "a name in capitals": `{"name":"SCES","cvr":"99999901"}`,
		"a civil registration number": `{"name":"sces","cvr":"0101010001"}`, "reversed": `{"name":"sces","cvr":"99999905","to":"2020-01-01T00:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			h.problem(t, h.post(t, token, base+"grants", body), http.StatusUnprocessableEntity, "invalid_grant")
		})
	}
	t.Run("one that is not there", func(t *testing.T) {
		h.problem(t, h.delete(t, token, base+"grants/00000000-0000-4000-8000-000000000001"), http.StatusNotFound, "no_such_grant")
	})
	for _, id := range []string{"1", "0101010001", id + "x", "urn:uuid:" + id, "{" + id + "}", "%7B" + id + "%7D"} {
		t.Run("an id that is none", func(t *testing.T) {
			h.problem(t, h.delete(t, token, base+"grants/"+id), http.StatusNotFound, "no_such_resource")
		})
	}
	t.Run("grants that cannot be read anew count when they are read", func(t *testing.T) {
		h := start(t, func(h *house) { h.deps.Granted = func(context.Context) error { return errTest } })
		a := h.post(t, operatorToken, base+"grants", `{"name":"sces","cvr":"99999901"}`)
		require.Equal(t, http.StatusCreated, a.Code)
		assert.Contains(t, h.log.String(), "a secret cause")
	})
}

// pin writes a trust file that pins the certificates of these federations, each by its name.
func pin(t *testing.T, path string, pinned map[string]*dgwstest.Federation) {
	t.Helper()
	text := "anchors:\n"
	for name, f := range pinned {
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate})
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), name+".pem"), block, 0o600))
		text += "  - {id: " + name + ", use: [idcard], issuers: [" + dgwstest.Issuer + "], cert: " + name + ".pem}\n"
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestTrust(t *testing.T) {
	a, b := dgwstest.New(2048), dgwstest.New(2048)
	path := filepath.Join(t.TempDir(), "trust.yaml")
	pin(t, path, map[string]*dgwstest.Federation{"a": a, "b": b})
	h := start(t, func(h *house) {
		source, err := authtrust.Open(path)
		require.NoError(t, err)
		h.trust = source
		h.deps.Trust = &securing.Trust{Source: source, Reload: source.Reload, Trail: admitting.Trail{}, Now: h.deps.Now}
		profile := &soap.DGWS{Schemes: &auth.Schemes{DGWS: &dgws.Verifier{Trust: source, Now: h.deps.Now}}, Now: h.deps.Now}
		h.deps.Envelopes = soap.NewRouter(securityws.Service(h.deps.Sessions, profile, nil), soap.Deps{Gate: h.deps.Gate, Now: h.deps.Now, Log: h.deps.Log})
	})
	open := func(f *dgwstest.Federation) answer {
		card := f.Sign(dgwstest.UserCard(h.now))
		return h.call(t, http.MethodPost, base+"sessions", h.envelope(card, "m-1"), "Content-Type", "text/xml")
	}
	ids := func(a answer) map[string]string {
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		found := map[string]string{}
		for _, anchor := range a.body["anchors"].([]any) {
			m := anchor.(map[string]any)
			assert.Equal(t, []any{dgwstest.Issuer}, m["issuers"])
			assert.Regexp(t, "^[0-9a-f]{64}$", m["spki"])
			found[m["id"].(string)] = m["state"].(string)
		}
		return found
	}
	reload := func() answer { return h.call(t, http.MethodPost, base+"trust/reload", "", bearer(operatorToken)...) }

	t.Run("SA-24 anchors A and B: cards of both", func(t *testing.T) {
		h.token(t, open(a))
		h.token(t, open(b))
		assert.Equal(t, map[string]string{"a": "active", "b": "active"}, ids(h.get(t, operatorToken, base+"anchors")))
	})
	t.Run("SA-24 broken trust.yaml: the old set stays", func(t *testing.T) {
		require.NoError(t, os.WriteFile(path, []byte("anchors: ["), 0o600))
		h.problem(t, reload(), http.StatusInternalServerError, fault.CodeProcessing)
		h.token(t, open(a))
		assert.Equal(t, map[string]string{"a": "active", "b": "active"}, ids(h.get(t, operatorToken, base+"anchors")))
	})
	t.Run("SA-24 A removed: its cards are refused at once", func(t *testing.T) {
		pin(t, path, map[string]*dgwstest.Federation{"b": b})
		assert.Equal(t, map[string]string{"b": "active"}, ids(reload()))
		assert.Equal(t, []string{"Admin/ReloadTrust user=operator result=1"}, h.said(t))
		h.problem(t, open(a), http.StatusUnauthorized, fault.CodeCertificate)
		h.token(t, open(b))
	})
	t.Run("an anchor before, in and after its window, and revoked", func(t *testing.T) {
		window := func(more string) map[string]string {
			pin(t, path, map[string]*dgwstest.Federation{"b": b})
			text := "anchors:\n  - {id: b, use: [idcard], issuers: [" + dgwstest.Issuer + "], cert: b.pem" + more + "}\n"
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			return ids(reload())
		}
		assert.Equal(t, map[string]string{"b": "pending"}, window(", not_before: 2026-11-21T12:00:01Z"))
		assert.Equal(t, map[string]string{"b": "active"}, window(", not_before: 2026-11-21T12:00:00Z"))
		assert.Equal(t, map[string]string{"b": "ended"}, window(", not_after: 2026-11-21T12:00:00Z"))
	})
}

func TestEvents(t *testing.T) {
	h := start(t)
	h.problem(t, h.get(t, "", base+"grants"), http.StatusUnauthorized, fault.CodeMissingHeader)
	h.now = noon.Add(time.Second)
	token := h.as(t, nancy)
	h.problem(t, h.get(t, token, base+"grants"), http.StatusForbidden, fault.CodeNotAuthorized)
	second := map[string]any{
		"at": "2026-11-21T12:00:01Z", "service": "security-api", "operation": "ListGrants", "code": fault.CodeNotAuthorized,
		"cause": fault.CodeNotAuthorized, "address": "192.0.2.1",
	}
	a := h.get(t, operatorToken, base+"events?since=2026-11-21T13:00:01%2B01:00")
	require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
	assert.Equal(t, map[string]any{"events": []any{second}}, a.body)
	all := h.get(t, operatorToken, base+"events").body["events"].([]any)
	require.Len(t, all, 2)
	assert.Equal(t, second, all[0], "newest first")
	assert.Equal(t, map[string]any{"events": []any{}}, h.get(t, operatorToken, base+"events?since=2027-01-01T00:00:00Z").body)
	for _, query := range []string{
		"since=yesterday", "since=", "since", "since=2026-11-21", "since=2026-11-21T12:00:00Z&since=2026-11-21T12:00:00Z", "until=2026-11-21T12:00:00Z",
		"since=%zz", "since=2026-11-21T12:00:00Z&x=1", "since=0101010001",
	} {
		t.Run("a query that is none", func(t *testing.T) {
			h.problem(t, h.get(t, operatorToken, base+"events?"+query), http.StatusBadRequest, fault.CodeSyntax)
		})
	}
}

func TestLimitedAndScreened(t *testing.T) {
	limited := fault.Error{Kind: fault.Limited, Code: fault.CodeProcessing, Text: "Too many calls from this caller."}
	t.Run("an admitted caller calls too often", func(t *testing.T) {
		h := start(t)
		token := h.as(t, "laege")
		h = start(t, func(n *house) {
			n.deps.Sessions = h.deps.Sessions
			n.deps.Limit = func(service string, m *auth.Message, c identity.Caller) error {
				assert.Equal(t, [3]string{"security-api", "99999902", "192.0.2.1"}, [3]string{service, c.Org.CVR, m.Addr.String()})
				return limited
			}
		})
		a := h.get(t, token, base+"sessions/current")
		h.problem(t, a, http.StatusTooManyRequests, fault.CodeProcessing)
		assert.Equal(t, "30", a.Header().Get("Retry-After"))
		assert.Equal(t, admitting.Limited, h.observed[len(h.observed)-1].Outcome)
		assert.Empty(t, h.refused, "that is no security event")
	})
	t.Run("a call without audit log", func(t *testing.T) {
		h := start(t)
		token := h.as(t, "administrator")
		lines := len(h.audit.Lines())
		h.audit.Fail(errTest, nil)
		h.problem(t, h.post(t, token, base+"grants", `{"name":"sces","cvr":"99999901"}`), http.StatusServiceUnavailable, fault.CodeProcessing)
		h.audit.Fail(nil, errTest)
		h.problem(t, h.post(t, token, base+"grants", `{"name":"sces","cvr":"99999901"}`), http.StatusServiceUnavailable, fault.CodeProcessing)
		h.audit.Fail(nil, nil)
		assert.Len(t, h.audit.Lines(), lines)
		grants, err := h.db.Grants().Grants(t.Context())
		require.NoError(t, err)
		assert.Empty(t, grants, "what has no audit line did not happen")
	})
	t.Run("a call to an overloaded server", func(t *testing.T) {
		var sizes []int64
		h := start(t, func(h *house) {
			h.deps.Enter = func(_ context.Context, service string, size int64) (func(), error) {
				sizes = append(sizes, size)
				return nil, fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "Too many calls in progress."}
			}
		})
		h.problem(t, h.post(t, operatorToken, base+"grants", `{}`), http.StatusServiceUnavailable, fault.CodeProcessing)
		assert.Equal(t, []int64{2}, sizes)
		assert.Empty(t, h.audit.Lines(), "it left no audit line")
		assert.Equal(t, admitting.Limited, h.observed[0].Outcome)
	})
	t.Run("the call's own id or key is its message id", func(t *testing.T) {
		var ids []string
		h := start(t, func(h *house) {
			h.deps.Limit = func(_ string, _ *auth.Message, c identity.Caller) error { ids = append(ids, c.MessageID); return nil }
		})
		a := h.get(t, operatorToken, base+"grants")
		h.call(t, http.MethodGet, base+"grants", "", append(bearer(operatorToken), "Idempotency-Key", "k-1")...)
		assert.Equal(t, []string{a.Header().Get("X-OpenNSP-Call"), "k-1"}, ids)
	})
}
