package devfed

import (
	"net/http"
	"os"
	"path/filepath"
)

// Handler serves the certificates of the authority and the token service at /federation/ca.pem and /federation/sts.pem, to GET and HEAD.
// Nothing else of the folder can be reached through it.
func (f Federation) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, name := range []string{"ca.pem", "sts.pem"} {
		mux.HandleFunc("GET /federation/"+name, func(w http.ResponseWriter, _ *http.Request) {
			data, err := os.ReadFile(filepath.Join(f.Dir, name))
			if err != nil {
				http.Error(w, "certificate not available", http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Content-Type", "application/x-pem-file")
			_, _ = w.Write(data)
		})
	}
	return mux
}
