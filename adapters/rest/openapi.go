package rest

import (
	_ "embed"
	"net/http"

	"github.com/labstack/echo/v4"
)

// description tells of every operation (OpenAPI 3.1).
//
//go:embed openapi.yaml
var description []byte

func serveOpenAPI(c echo.Context) error {
	c.Response().Header().Set("X-Content-Type-Options", "nosniff")
	return c.Blob(http.StatusOK, "application/yaml; charset=utf-8", description)
}
