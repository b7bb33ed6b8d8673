package rest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
)

const (
	pathParked = "/api/outbox/v1/parked"
	pathOutbox = "/api/outbox/v1/status"
	parkedID   = "5b1f0a52-0c0e-4f0c-9d57-0f6a1f2d0001"
	waitingID  = "5b1f0a52-0c0e-4f0c-9d57-0f6a1f2d0002"
)

// outbox starts the API on an outbox with a notice that waits and one that is parked.
func outbox(t *testing.T, change ...func(*house)) *house {
	t.Helper()
	h := start(t, change...)
	for _, id := range []string{parkedID, waitingID} {
		require.NoError(t, h.db.Outbox().Put(t.Context(), notice.Notice{ID: id, Key: id, To: notice.NAS, Created: noon,
			Advis: nas.Notification{Topic: "urn:test:Changed", ID: nancy, Payload: []byte("<changed/>")}}))
	}
	require.NoError(t, h.db.Outbox().Later(t.Context(), parkedID, noon))
	require.NoError(t, h.db.Outbox().Park(t.Context(), parkedID, nas.TopicUnknown))
	return h
}

func TestOutbox(t *testing.T) {
	t.Run("a parked notice is told of, and not whom it is about", func(t *testing.T) {
		h := outbox(t)
		a := h.get(t, operatorToken, pathParked)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		assert.Equal(t, map[string]any{"parked": []any{map[string]any{
			"id": parkedID, "target": "nas", "topic": "urn:test:Changed", "code": "topic_unknown", "created": "2026-11-21T12:00:00Z", "attempts": 1.0,
		}}}, a.body)
		assert.NotContains(t, a.Body.String(), nancy)
		assert.Equal(t, []string{"Admin/ListParked user=operator result=1"}, h.said(t))
	})

	t.Run("Retry has it delivered again", func(t *testing.T) {
		h := outbox(t)
		a := h.post(t, operatorToken, pathParked+"/"+parkedID+"/retry", "")
		require.Equal(t, http.StatusNoContent, a.Code, "%s", a.Body)
		assert.Equal(t, []string{"Admin/RetryParked user=operator notice-id=" + parkedID}, h.said(t))
		due, err := h.db.Outbox().Next(t.Context(), notice.NAS, noon, 10)
		require.NoError(t, err)
		assert.Len(t, due, 2)
		assert.Equal(t, map[string]any{"parked": []any{}}, h.get(t, operatorToken, pathParked).body)
		h.problem(t, h.post(t, operatorToken, pathParked+"/"+parkedID+"/retry", ""), http.StatusNotFound, "no_such_notice")
	})

	t.Run("Drop removes it", func(t *testing.T) {
		h := outbox(t)
		a := h.delete(t, operatorToken, pathParked+"/"+parkedID)
		require.Equal(t, http.StatusNoContent, a.Code, "%s", a.Body)
		assert.Equal(t, []string{"Admin/DropParked user=operator notice-id=" + parkedID}, h.said(t))
		h.problem(t, h.delete(t, operatorToken, pathParked+"/"+parkedID), http.StatusNotFound, "no_such_notice")
		waiting, parked, _, err := h.db.Outbox().Waiting(t.Context())
		require.NoError(t, err)
		assert.Equal(t, [2]int{1, 0}, [2]int{waiting, parked})
	})

	t.Run("the figures", func(t *testing.T) {
		h := outbox(t)
		h.now = noon.Add(90 * time.Second)
		assert.Equal(t, map[string]any{"waiting": 1.0, "parked": 1.0, "oldestSeconds": 90.0}, h.get(t, operatorToken, pathOutbox).body)
		assert.Equal(t, []string{"Admin/ListParked user=operator filter=status"}, h.said(t))
	})

	t.Run("what waits is neither retried nor dropped", func(t *testing.T) {
		h := outbox(t)
		h.problem(t, h.post(t, operatorToken, pathParked+"/"+waitingID+"/retry", ""), http.StatusNotFound, "no_such_notice")
		h.problem(t, h.delete(t, operatorToken, pathParked+"/"+waitingID), http.StatusNotFound, "no_such_notice")
	})

	t.Run("without its audit line nothing changes", func(t *testing.T) {
		h := outbox(t)
		h.audit.Fail(nil, errTest)
		h.problem(t, h.delete(t, operatorToken, pathParked+"/"+parkedID), http.StatusServiceUnavailable, fault.CodeProcessing)
		parked, err := h.db.Outbox().Parked(t.Context(), 10)
		require.NoError(t, err)
		assert.Len(t, parked, 1)
	})

	t.Run("a server without outbox", func(t *testing.T) {
		h := start(t, func(h *house) { h.deps.Outbox = nil })
		h.problem(t, h.get(t, operatorToken, pathParked), http.StatusNotFound, "no_such_resource")
	})
}

// Nobody but an administrator sees the outbox or decides about what is parked.
func TestOutboxIsForAdministrators(t *testing.T) {
	h := outbox(t)
	operations := []struct{ method, path string }{
		{http.MethodGet, pathParked}, {http.MethodGet, pathOutbox}, {http.MethodPost, pathParked + "/" + parkedID + "/retry"},
		{http.MethodDelete, pathParked + "/" + parkedID},
	}
	for _, who := range []string{"", "laege", "spaerringsadm", "region", nancy} {
		token, status, code := "", http.StatusUnauthorized, fault.CodeMissingHeader
		if who != "" {
			token, status, code = h.as(t, who), http.StatusForbidden, fault.CodeNotAuthorized
		}
		for _, o := range operations {
			t.Run("SU-6 "+o.method+" "+o.path+" by another", func(t *testing.T) {
				h.now = h.now.Add(time.Second)
				h.problem(t, h.call(t, o.method, o.path, "", bearer(token)...), status, code)
				parked, err := h.db.Outbox().Parked(t.Context(), 10)
				require.NoError(t, err)
				assert.Len(t, parked, 1)
			})
		}
	}
	admin := h.as(t, "administrator")
	assert.Equal(t, http.StatusOK, h.get(t, admin, pathParked).Code)
	assert.Equal(t, http.StatusNoContent, h.post(t, admin, pathParked+"/"+parkedID+"/retry", "").Code)
}

func TestBadInputOfOutbox(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"a query", http.MethodGet, pathParked + "?limit=1", "", 400, fault.CodeSyntax},
		{"a body of a retry", http.MethodPost, pathParked + "/" + parkedID + "/retry", "{}", 400, fault.CodeSyntax},
		{"an id that is no UUID", http.MethodDelete, pathParked + "/x", "", 404, "no_such_resource"},
		{"a UUID in capitals", http.MethodDelete, pathParked + "/5B1F0A52-0C0E-4F0C-9D57-0F6A1F2D0001", "", 404, "no_such_resource"},
		{"a person's number as id", http.MethodPost, pathParked + "/" + nancy + "/retry", "", 404, "no_such_resource"},
		{"another method", http.MethodPost, pathParked, "", 405, fault.CodeHTTPMethod},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := outbox(t)
			h.problem(t, h.call(t, c.method, c.path, c.body, bearer(operatorToken)...), c.status, c.code)
			parked, err := h.db.Outbox().Parked(t.Context(), 10)
			require.NoError(t, err)
			assert.Len(t, parked, 1)
		})
	}
}
