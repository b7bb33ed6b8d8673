package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const parkedNotice = "5b1f0a52-0c0e-4f0c-9d57-0f6a1f2d0001"

func TestOutboxCommand(t *testing.T) {
	token := filepath.Join(t.TempDir(), "operator.token")
	require.NoError(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	var asked []string
	waiting := `{"waiting":3,"parked":1,"oldestSeconds":125.4}`
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		switch {
		case r.URL.Path == "/api/outbox/v1/status":
			_, _ = w.Write([]byte(waiting))
		case r.URL.Path == "/api/outbox/v1/parked":
			_, _ = w.Write([]byte(`{"parked":[{"id":"` + parkedNotice + `","target":"nas","topic":"urn:test:Changed","code":"topic_unknown","created":"2026-11-21T12:00:00Z","attempts":2}]}`))
		case r.URL.Path == "/api/outbox/v1/parked/"+parkedNotice || r.URL.Path == "/api/outbox/v1/parked/"+parkedNotice+"/retry":
			assert.NotEmpty(t, r.Header.Get("Idempotency-Key"))
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"title":"No such notice","detail":"No notice with this id is parked."}`))
		}
	}))
	defer api.Close()
	outbox := func(args ...string) (int, string, string) {
		asked = nil
		return nspd(append(append([]string{"outbox"}, args...), "--server", api.URL+"/", "--token", token)...)
	}

	t.Run("list", func(t *testing.T) {
		code, out, stderr := outbox("list")
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, "Waiting: 3, the oldest for 2m5s\nParked: 1\n"+
			"ID                                    MADE                 FOR  REFUSED        TOPIC\n"+
			parkedNotice+"  2026-11-21 13:00:00  nas  topic_unknown  urn:test:Changed\n", out)
	})
	t.Run("retry and drop", func(t *testing.T) {
		code, out, stderr := outbox("retry", parkedNotice)
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, parkedNotice+" waits for delivery\n", out)
		assert.Equal(t, []string{"POST /api/outbox/v1/parked/" + parkedNotice + "/retry"}, asked)
		code, out, stderr = outbox("drop", parkedNotice)
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, parkedNotice+" is gone\n", out)
		assert.Equal(t, []string{"DELETE /api/outbox/v1/parked/" + parkedNotice}, asked)
	})
	t.Run("one that is not parked does not keep the others", func(t *testing.T) {
		const other = "5b1f0a52-0c0e-4f0c-9d57-0f6a1f2d0002"
		code, out, stderr := outbox("drop", other, "x", parkedNotice)
		assert.Equal(t, 1, code)
		assert.Equal(t, parkedNotice+" is gone\n", out)
		assert.Contains(t, stderr, other+": the server refused: No notice with this id is parked. (404 Not Found)")
		assert.Contains(t, stderr, "x: not the id of a notice")
		assert.Len(t, asked, 2)
	})
	t.Run("an answer that is none", func(t *testing.T) {
		waiting = "<html>"
		code, _, stderr := outbox("list")
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "read the answer of ")
	})
	t.Run("no token", func(t *testing.T) {
		code, _, stderr := nspd("outbox", "list", "--server", api.URL, "--token", "/nowhere/at/all")
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "there is no operator's token at /nowhere/at/all")
	})
	t.Run("no server", func(t *testing.T) {
		code, _, stderr := nspd("outbox", "list", "--server", "http://127.0.0.1:1", "--token", token)
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "no server answers at http://127.0.0.1:1")
	})
	t.Run("no id", func(t *testing.T) {
		code, _, stderr := outbox("drop")
		assert.Equal(t, 2, code)
		assert.Contains(t, stderr, `expected "<id> ..."`)
	})
}

// The commands and the server understand each other.
func TestOutboxOfServer(t *testing.T) {
	dir := t.TempDir()
	flags, stop := serverIn(t, dir)
	defer stop()
	at := []string{"--server", flags[1], "--token", filepath.Join(dir, "operator.token")}
	code, out, stderr := nspd(append([]string{"outbox", "list"}, at...)...)
	require.Equal(t, 0, code, stderr)
	assert.Equal(t, "Waiting: 0\nParked: 0\n", out)
	for _, do := range []string{"retry", "drop"} {
		code, _, stderr = nspd(append([]string{"outbox", do, parkedNotice}, at...)...)
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "No notice with this id is parked. (404 Not Found)")
	}
}
