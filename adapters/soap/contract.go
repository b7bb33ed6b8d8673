package soap

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
)

// queryVersion asks for a WSDL in another form.
const queryVersion = "version"

// serveContract answers ?wsdl and ?xsd=<file>; asked is false for any other request.
func (rt *Router) serveContract(w http.ResponseWriter, r *http.Request) (asked bool) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return false
	}
	var doc []byte
	for name, values := range query {
		switch {
		case strings.EqualFold(name, "wsdl"):
			asked = true
			doc = rt.service.Contract.WSDL
			if query.Has(queryVersion) {
				doc = rt.service.Contract.Versions[query.Get(queryVersion)]
			}
		case strings.EqualFold(name, "xsd"):
			asked = true
			doc = rt.service.Contract.Files[values[0]]
		}
	}
	if !asked {
		return false
	}
	if len(doc) == 0 {
		http.NotFound(w, r)
		return true
	}
	writeContract(w, doc, rt.base(r)+r.URL.EscapedPath())
	return true
}

// Handler serves the WSDL of c at any path, also in another version, as that of the service at path. publicURL is that of [Deps].
func (c Contract) Handler(publicURL, path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		doc := c.WSDL
		if query := r.URL.Query(); query.Has(queryVersion) {
			doc = c.Versions[query.Get(queryVersion)]
		}
		if len(doc) == 0 {
			http.NotFound(w, r)
			return
		}
		writeContract(w, doc, base(publicURL, r)+path)
	})
}

func writeContract(w http.ResponseWriter, doc []byte, address string) {
	w.Header().Set("Content-Type", contentContract)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(bytes.ReplaceAll(doc, []byte(AddressPlaceholder), escaped(address)))
}

// base is the scheme and host at which the service is reached.
func (rt *Router) base(r *http.Request) string { return base(rt.deps.PublicURL, r) }

func base(publicURL string, r *http.Request) string {
	if base := strings.TrimSuffix(publicURL, "/"); base != "" {
		return base
	}
	return protocol(r) + "://" + r.Host
}

func protocol(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// escaped returns s so that it can stand in an attribute value.
func escaped(s string) []byte {
	var w xmlout.Writer
	w.Start("a", "b", s)
	out := w.Bytes()
	return out[len(`<a b="`) : len(out)-len(`">`)]
}
