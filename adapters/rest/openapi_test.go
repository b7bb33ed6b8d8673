package rest_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// described reads the document that is served.
func described(t *testing.T, h *house) map[string]map[string]struct {
	OperationID string `yaml:"operationId"`
} {
	t.Helper()
	rec := httptest.NewRecorder()
	h.echo.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, base+"openapi.yaml", http.NoBody))
	require.Equal(t, http.StatusOK, rec.Code)
	assert.Equal(t, "application/yaml; charset=utf-8", rec.Header().Get("Content-Type"))
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]yaml.Node
	}
	require.NoError(t, yaml.Unmarshal(rec.Body.Bytes(), &doc))
	assert.Equal(t, "3.1.0", doc.OpenAPI)
	found := map[string]map[string]struct {
		OperationID string `yaml:"operationId"`
	}{}
	for path, item := range doc.Paths {
		found[path] = map[string]struct {
			OperationID string `yaml:"operationId"`
		}{}
		for method, node := range item {
			if method == "parameters" {
				continue
			}
			var operation struct {
				OperationID string `yaml:"operationId"`
			}
			require.NoError(t, node.Decode(&operation))
			found[path][strings.ToUpper(method)] = operation
		}
	}
	return found
}

func TestDescription(t *testing.T) {
	h := start(t)
	documented := described(t, h)
	parameters := strings.NewReplacer("{id}", "00000000-0000-4000-8000-000000000001", "{other}", "ALL")
	assert.Empty(t, h.audit.Lines(), "reading the description is no call")

	t.Run("each operation that is described answers, under its name", func(t *testing.T) {
		for path, operations := range documented {
			for method, o := range operations {
				h.call(t, method, parameters.Replace(path), "", bearer(operatorToken)...)
				assert.Equal(t, o.OperationID, h.observed[len(h.observed)-1].Operation, "%s %s", method, path)
			}
		}
	})
	t.Run("each operation that is mounted is described, for each method of its path", func(t *testing.T) {
		paths := 0
		for _, route := range h.echo.Routes() {
			path := strings.NewReplacer(":id", "{id}", ":other", "{other}").Replace(route.Path)
			if route.Method != http.MethodPost || strings.HasSuffix(path, "/*") {
				continue // each path is mounted for every method once
			}
			paths++
			require.Contains(t, documented, path)
			a := h.call(t, echo.REPORT, parameters.Replace(path), "{}")
			allowed := strings.Split(a.Header().Get("Allow"), ", ")
			slices.Sort(allowed)
			var methods []string
			for m := range documented[path] {
				methods = append(methods, m)
			}
			slices.Sort(methods)
			assert.Equal(t, methods, allowed, path)
		}
		assert.Equal(t, len(documented), paths)
	})
	t.Run("references lead somewhere", func(t *testing.T) {
		rec := httptest.NewRecorder()
		h.echo.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, base+"openapi.yaml", http.NoBody))
		var doc map[string]any
		require.NoError(t, yaml.Unmarshal(rec.Body.Bytes(), &doc))
		for _, ref := range strings.Split(rec.Body.String(), `$ref: "#/`)[1:] {
			ref, _, _ = strings.Cut(ref, `"`)
			var at any = doc
			for part := range strings.SplitSeq(ref, "/") {
				m, _ := at.(map[string]any)
				at = m[part]
			}
			assert.NotNil(t, at, ref)
		}
	})
}

func TestOtherRoutesStay(t *testing.T) {
	h := start(t)
	h.echo.GET("/api/other/v1/things", func(c echo.Context) error { return c.String(http.StatusTeapot, "") })
	rec := httptest.NewRecorder()
	h.echo.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/api/other/v1/things", http.NoBody))
	assert.Equal(t, http.StatusTeapot, rec.Code)
}
