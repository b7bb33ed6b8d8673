package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Check is one thing the server depends on.
type Check struct {
	Name    string // in the status text, such as "Database"
	Failure string // what the status says where it failed; names no cause
	// Optional: its failure is an alarm only, the service goes on.
	Optional bool
	Probe    func(context.Context) error
}

// Alarm returns what an operator has to look at, nothing if all is well. It names no person.
type Alarm func(context.Context) ([]string, error)

// Health answers whether the server works. It is safe for concurrent use; its fields are not changed after the first question.
type Health struct {
	Checks    []Check
	Alarms    []Alarm
	Warnings  []Alarm       // alarms that the server can go on with for long: those who ask whether it is ready are told too
	Threshold int           // failures in a row that make a check failed
	Cache     time.Duration // how old a result may be
	Timeout   time.Duration // of one probe
	Now       func() time.Time
	Log       *slog.Logger
	Build     Build

	draining atomic.Bool
	mu       sync.Mutex
	probed   time.Time
	failures []int // in a row, by check
}

// Drain makes the server not ready for good.
func (h *Health) Drain() { h.draining.Store(true) }

// failed tells by check whether it failed. The probes run one after the other, at most once in the cache's time.
func (h *Health) failed(ctx context.Context) []bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.Now()
	if h.failures == nil || now.Sub(h.probed) >= h.Cache || now.Before(h.probed) {
		if h.failures == nil {
			h.failures = make([]int, len(h.Checks))
		}
		for i, c := range h.Checks {
			probe, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Timeout)
			err := c.Probe(probe)
			cancel()
			if err == nil {
				h.failures[i] = 0
				continue
			}
			h.failures[i]++
			h.Log.WarnContext(ctx, "health check failed", "check", c.Name, "times", h.failures[i], "error", err)
		}
		h.probed = now
	}
	failed := make([]bool, len(h.Checks))
	for i, n := range h.failures {
		failed[i] = n >= h.Threshold
	}
	return failed
}

// status returns the lines of the status and whether the service can be used.
func (h *Health) status(ctx context.Context) (lines []string, up bool) {
	up = !h.draining.Load()
	if !up {
		lines = append(lines, "Server : "+statusError+" shutting down")
	}
	for i, failed := range h.failed(ctx) {
		c := h.Checks[i]
		if !failed {
			lines = append(lines, c.Name+" : "+statusOK)
			continue
		}
		lines = append(lines, fmt.Sprintf("%s : %s %s", c.Name, statusError, c.Failure))
		up = up && c.Optional
	}
	return lines, up
}

// alarms returns what is wrong, of checks and of alarms.
func (h *Health) alarms(ctx context.Context) []string {
	var lines []string
	for i, failed := range h.failed(ctx) {
		if failed {
			lines = append(lines, h.Checks[i].Name+": "+h.Checks[i].Failure)
		}
	}
	return append(append(lines, h.ask(ctx, h.Alarms)...), h.ask(ctx, h.Warnings)...)
}

// ask returns what the alarms tell.
func (h *Health) ask(ctx context.Context, alarms []Alarm) []string {
	var lines []string
	for _, alarm := range alarms {
		probe, cancel := context.WithTimeout(ctx, h.Timeout)
		found, err := alarm(probe)
		cancel()
		if err != nil {
			h.Log.WarnContext(ctx, "alarm cannot be asked", "error", err)
			lines = append(lines, "an alarm cannot be asked; the log tells why")
		}
		lines = append(lines, found...)
	}
	return lines
}

// Handlers returns what is served below the root of a service, by path. module is the name in the version text.
func (h *Health) Handlers(module string) map[string]http.Handler {
	health := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, up := h.status(r.Context()); !up {
			answer(w, http.StatusServiceUnavailable, "application/json", `{"status":"DOWN"}`)
			return
		}
		answer(w, http.StatusOK, "application/json", `{"status":"UP"}`)
	})
	return map[string]http.Handler{
		PathStatus: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			lines, up := h.status(r.Context())
			answerLines(w, up, lines)
		}),
		PathAlarm: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			lines := h.alarms(r.Context())
			if len(lines) == 0 {
				answerLines(w, true, []string{statusOK})
				return
			}
			answerLines(w, false, lines)
		}),
		PathVersion: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			answerLines(w, true, []string{h.Build.Of(module)})
		}),
		PathHealth:   health,
		PathActuator: health,
	}
}

// Admin returns the handler of the admin listener: alive, ready by the given question, and the metrics.
func (h *Health) Admin(m *Metrics, ready func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathLive, func(w http.ResponseWriter, _ *http.Request) { answerLines(w, true, []string{statusOK}) })
	mux.HandleFunc("GET "+PathReady, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case h.draining.Load():
			answer(w, http.StatusServiceUnavailable, "text/plain; charset=utf-8", "shutting down\n")
		case ready(r.Context()) != nil:
			answer(w, http.StatusServiceUnavailable, "text/plain; charset=utf-8", "not ready\n")
		default:
			lines, up := h.status(r.Context())
			if !up {
				answer(w, http.StatusServiceUnavailable, "text/plain; charset=utf-8", "not ready\n"+strings.Join(lines, "\n")+"\n")
				return
			}
			lines = []string{statusOK}
			for _, warning := range h.ask(r.Context(), h.Warnings) {
				lines = append(lines, "warning: "+warning)
			}
			answerLines(w, true, lines)
		}
	})
	mux.Handle("GET "+PathMetrics, m.Handler())
	return mux
}

func answerLines(w http.ResponseWriter, good bool, lines []string) {
	code := http.StatusOK
	if !good {
		code = http.StatusInternalServerError
	}
	answer(w, code, "text/plain; charset=utf-8", strings.Join(lines, "\n")+"\n")
}

func answer(w http.ResponseWriter, code int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body)) // a client that went away asks again
}
