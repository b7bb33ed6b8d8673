package soap

import "net/http"

// Router serves one service. It is a plain http.Handler that may be mounted at several paths.
type Router struct {
	service Service
	deps    Deps
}

// NewRouter returns the handler of s.
func NewRouter(s Service, d Deps) *Router { return &Router{service: s, deps: d} }

// ServeHTTP carries out one call.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {}
