package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMinLogReport(t *testing.T) {
	token := filepath.Join(t.TempDir(), "operator.token")
	require.NoError(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	var asked url.Values
	answer := `{"days":[{"day":"2026-11-20","system":"FMK","cvr":"33257872","stored":120,"rejected":3},` +
		`{"day":"2026-11-21","system":"Journal B","cvr":"33257872","stored":3,"rejected":0}]}`
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "GET /api/minlog/v1/report", r.Method+" "+r.URL.Path)
		asked = r.URL.Query()
		_, _ = w.Write([]byte(answer))
	}))
	defer api.Close()
	report := func(args ...string) (int, string, string) {
		return nspd(append([]string{"minlog", "report", "--server", api.URL, "--token", token}, args...)...)
	}
	t.Run("a row a day and system, with its bar", func(t *testing.T) {
		code, out, stderr := report("--days", "7", "--system", "FMK")
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, "DAY         SYSTEM     CVR       REGISTERED  REFUSED  \n"+
			"2026-11-20  FMK        33257872  120         3        ████████████████████████████████████████\n"+
			"2026-11-21  Journal B  33257872  3           0        █\n", out)
		assert.Equal(t, "FMK", asked.Get("system"))
		from, err := time.Parse(time.DateOnly, asked.Get("from"))
		require.NoError(t, err)
		to, err := time.Parse(time.DateOnly, asked.Get("to"))
		require.NoError(t, err)
		assert.Equal(t, 7*24*time.Hour, to.Sub(from))
	})
	t.Run("nothing", func(t *testing.T) {
		answer = `{"days":[]}`
		code, out, stderr := report()
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, "nothing was registered\n", out)
	})
}
