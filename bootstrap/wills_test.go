package bootstrap

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWillsAlive(t *testing.T) {
	var down error
	s := &server{log: slog.New(slog.NewTextHandler(io.Discard, nil)), cfg: DefaultConfig()}
	s.cfg.Health.Timeout = time.Minute
	s.stores.ping = func(ctx context.Context) error {
		_, bounded := ctx.Deadline()
		assert.True(t, bounded, "a store that hangs is not waited for")
		return down
	}
	asked := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.isAlive().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, pathWillsAlive, http.NoBody))
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		return w
	}
	w := asked()
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "OK", w.Body.String())
	down = errors.New("password=secret")
	w = asked()
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "DOWN\n", w.Body.String(), "why is for the log")
}
