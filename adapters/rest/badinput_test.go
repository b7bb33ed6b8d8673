package rest_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
)

// Bad input gets its problem and changes nothing.
func TestBadInput(t *testing.T) {
	const (
		asJSON = "application/json"
		good   = `{"name":"sces","cvr":"99999901"}`
	)
	for _, c := range []struct {
		name, method, path, media, body string
		headers                         []string
		status                          int
		code                            string
	}{
		{name: "no body", body: "", status: 400},
		{name: "no object", body: `[` + good + `]`, status: 400},
		{name: "a text", body: `"sces"`, status: 400},
		{name: "null", body: `null`, status: 400},
		{name: "cut off", body: good[:len(good)-1], status: 400},
		{name: "cut off in a name", body: `{"na`, status: 400},
		{name: "cut off after a name", body: `{"name"`, status: 400},
		{name: "something after it", body: good + `{}`, status: 400},
		{name: "a brace after it", body: good + `}`, status: 400},
		{name: "a comma too many", body: `{"name":"sces","cvr":"99999901",}`, status: 400},
		{name: "no comma", body: `{"name":"sces" "cvr":"99999901"}`, status: 400},
		{name: "an unknown member", body: `{"name":"sces","cvr":"99999901","admin":true}`, status: 400},
		{name: "an id that is ours to give", body: `{"id":"00000000-0000-4000-8000-000000000001","name":"sces","cvr":"99999901"}`, status: 400},
		{name: "a member twice", body: `{"name":"sces","cvr":"99999901","cvr":"*"}`, status: 400},
		{name: "a member in another case", body: `{"Name":"sces","cvr":"99999901"}`, status: 400},
		{name: "an empty name", body: `{"":"sces"}`, status: 400},
		{name: "a number for a text", body: `{"name":"sces","cvr":99999901}`, status: 400},
		{name: "null for a text", body: `{"name":"sces","cvr":null}`, status: 400},
		{name: "an object for a text", body: `{"name":{"a":"b"},"cvr":"99999901"}`, status: 400},
		{name: "a time without zone", body: `{"name":"sces","cvr":"99999901","from":"2026-11-21T12:00:00"}`, status: 400},
		{name: "a date for a time", body: `{"name":"sces","cvr":"99999901","from":"2026-11-21"}`, status: 400},
		{name: "a number for a time", body: `{"name":"sces","cvr":"99999901","from":1795262400}`, status: 400},
		{name: "no UTF-8", body: "{\"name\":\"sces\",\"cvr\":\"99999901\",\"note\":\"\xff\"}", status: 400},
		{name: "deeply nested", body: `{"name":` + strings.Repeat("[", 30_000) + `}`, status: 400},
		{name: "a byte order mark", body: "\ufeff" + good, status: 400},
		{name: "as text", media: "text/plain", body: good, status: 400},
		{name: "as a form", media: "application/x-www-form-urlencoded", body: "name=sces&cvr=99999901", status: 400},
		{name: "without media type", media: "-", body: good, status: 400},
		{name: "of a media type that is none", media: "application/json/x", body: good, status: 400},
		{name: "as XML", media: "text/xml", body: "<grant/>", status: 400},
		{name: "compressed", headers: []string{"Content-Encoding", "gzip"}, body: good, status: 400},
		{name: "SA-36 a body of 64 KiB and an octet", body: good + strings.Repeat(" ", 64<<10+1-len(good)), status: 413},
		{name: "a query", path: base + "grants?name=sces", body: good, status: 400},
		{name: "an empty key", headers: []string{"Idempotency-Key", ""}, body: good, status: 400},
		{name: "a key with blanks", headers: []string{"Idempotency-Key", "a b"}, body: good, status: 400},
		{name: "a key in other letters", headers: []string{"Idempotency-Key", "æ"}, body: good, status: 400},
		{name: "a key of 257 characters", headers: []string{"Idempotency-Key", strings.Repeat("k", 257)}, body: good, status: 400},
		{name: "two keys", headers: []string{"Idempotency-Key", "a", "Idempotency-Key", "b"}, body: good, status: 400},
		{name: "a body where there is none", method: http.MethodGet, body: good, status: 400},
		{name: "a body of a reload", path: base + "trust/reload", body: "{}", status: 400},
		{name: "an unknown path", path: base + "nothing", body: good, status: 404, code: "no_such_resource"},
		{name: "an unknown service", path: "/api/", body: good, status: 404, code: "no_such_resource"},
		{name: "a path with a slash too many", path: base + "grants/", body: good, status: 404, code: "no_such_resource"},
		{name: "a path in capitals", path: base + "Grants", body: good, status: 404, code: "no_such_resource"},
		{name: "another method", method: http.MethodPut, body: good, status: 405, code: fault.CodeHTTPMethod},
		{name: "HEAD", method: http.MethodHead, body: "", status: 405, code: fault.CodeHTTPMethod},
		{name: "OPTIONS", method: http.MethodOptions, body: "", status: 405, code: fault.CodeHTTPMethod},
		{name: "TRACE", method: http.MethodTrace, body: "", status: 405, code: fault.CodeHTTPMethod},
		{name: "a method that HTTP does not define", method: "GRANT", body: good, status: 404, code: "no_such_resource"},
		{name: "an unknown path with such a method", method: "GRANT", path: base + "nothing", body: good, status: 404, code: "no_such_resource"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := start(t)
			if c.method == "" {
				c.method = http.MethodPost
			}
			if c.path == "" {
				c.path = base + "grants"
			}
			if c.media == "" {
				c.media = asJSON
			}
			if c.code == "" {
				c.code = fault.CodeSyntax
			}
			headers := append(bearer(operatorToken), c.headers...)
			if c.media != "-" {
				headers = append(headers, "Content-Type", c.media)
			}
			a := h.call(t, c.method, c.path, c.body, headers...)
			h.problem(t, a, c.status, c.code)
			if c.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "GET, POST", a.Header().Get("Allow"))
			}
			grants, err := h.db.Grants().Grants(t.Context())
			require.NoError(t, err)
			assert.Empty(t, grants)
			lines := len(h.audit.Lines())
			if c.status == http.StatusRequestEntityTooLarge || strings.HasPrefix(c.name, "compressed") {
				assert.Zero(t, lines, "turned away before security")
				return
			}
			assert.Equal(t, 1, lines, "every other request is a call")
		})
	}
	t.Run("the good one", func(t *testing.T) {
		h := start(t)
		for _, body := range []string{good, " " + strings.ReplaceAll(good, ":", " :\n") + "\n"} {
			a := h.post(t, operatorToken, base+"grants", body)
			assert.Contains(t, []int{http.StatusCreated, http.StatusConflict}, a.Code, "%s", a.Body)
		}
	})
	t.Run("64 KiB", func(t *testing.T) {
		h := start(t)
		assert.Equal(t, http.StatusCreated, h.post(t, operatorToken, base+"grants", good+strings.Repeat(" ", 64<<10-len(good))).Code)
	})
}

func TestBadEnvelope(t *testing.T) {
	h := start(t)
	card := h.card(t, "laege")
	good := h.envelope(card, "m-1")
	for _, c := range []struct {
		name, media, body string
		status            int
		code              string
	}{
		{"no XML", "text/xml", "{}", 400, fault.CodeSyntax},
		{"nothing", "text/xml", "", 400, fault.CodeSyntax},
		{"SA-35 a DOCTYPE", "text/xml", `<!DOCTYPE x [<!ENTITY a "b">]>` + good, 400, fault.CodeSyntax},
		{"another operation", "text/xml", strings.ReplaceAll(good, "sec:OpenSession", "sec:CloseSession"), 400, fault.CodeSyntax},
		{"SA-16 no card", "text/xml", string([]byte(strings.Replace(good, string(card), "", 1))), 401, fault.CodeMissingHeader},
		{"SA-36 1 MiB and an octet", "text/xml", good + strings.Repeat(" ", 1<<20+1-len(good)), 413, fault.CodeSyntax},
		{"as text", "text/plain", good, 400, fault.CodeSyntax},
		{"as any XML", "application/xml", good, 400, fault.CodeSyntax},
		{"as JSON", "application/json", good, 400, fault.CodeSyntax},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.now = h.now.Add(time.Second)
			a := h.call(t, http.MethodPost, base+"sessions", c.body, "Content-Type", c.media)
			h.problem(t, a, c.status, c.code)
			assert.Empty(t, h.line(t).Notes)
		})
	}
	t.Run("an envelope elsewhere is no credential", func(t *testing.T) {
		h.problem(t, h.call(t, http.MethodPost, base+"grants", good, "Content-Type", "text/xml"), http.StatusUnauthorized, fault.CodeMissingHeader)
		h.problem(t, h.call(t, http.MethodPost, base+"grants", strings.Repeat(" ", 64<<10+1), "Content-Type", "text/xml"), http.StatusRequestEntityTooLarge, fault.CodeSyntax)
	})
	t.Run("a query", func(t *testing.T) {
		h.problem(t, h.call(t, http.MethodPost, base+"sessions?x=1", good, "Content-Type", "text/xml"), http.StatusBadRequest, fault.CodeSyntax)
	})
}

func TestNoNumberInAnAddress(t *testing.T) {
	h := start(t)
	for _, path := range []string{base + "grants/" + nancy, base + "sessions/" + nancy, base + "events?since=" + nancy} {
		h.get(t, operatorToken, path)
	}
	for _, o := range h.observed {
		assert.NotEqual(t, http.StatusOK, o.Access.Code)
	}
}

func TestSlowBody(t *testing.T) {
	h := start(t, func(h *house) { h.deps.ReadTimeout = 50 * time.Millisecond })
	server := httptest.NewServer(h.echo)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST "+base+"grants HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err, "SA-36 a slow sender is answered, and cut off")
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.True(t, resp.Close)
}
