package rest

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/opennsp/nsp/application/replicating"
)

// PathExportHistory is where monitors ask how the export of registrations goes (eCPR - Driftsvejledning, nspop.dk; the path is ours).
const PathExportHistory = "/ecpr2/ExportHistory"

// historyForm is how the time of an export is told: month, day, year.
const historyForm = "01/02/2006 15:04:05"

// What of an export is told where it failed, or where nothing can be told. Causes stand in the log alone: anybody may ask.
const (
	historyNoError = "no error"
	historyFailed  = "the last export failed"
	historyUnknown = "the state of the export cannot be read"
	historyNever   = "never"
)

// ExportHistory answers how the last export went, without credential and audit line, as health does: 200, or 500 where it failed. Times are UTC.
func ExportHistory(h *replicating.History, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		status, message, at := http.StatusOK, historyNoError, historyNever
		last, err := h.Last(r.Context())
		switch {
		case err != nil:
			log.ErrorContext(r.Context(), "export history not read", "error", err)
			status, message = http.StatusInternalServerError, historyUnknown
		case last.Failed:
			status, message = http.StatusInternalServerError, historyFailed
		}
		if !last.At.IsZero() {
			at = last.At.UTC().Format(historyForm)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "Export History:\nHttp status: %d %s\nError message: %s\nExport number: %d\nExport time of last export: %s\n",
			status, http.StatusText(status), message, last.Number, at) // a client that went away undoes nothing
	})
}
