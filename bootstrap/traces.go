package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/domain/identity"
)

// The exporters of traces, by trace.exporter.
const (
	TraceNone   = "none"
	TraceOTLP   = "otlphttp"
	TraceStdout = "stdout"
)

// share is a part of a whole, from 0 to 1.
type share float64

func (f *share) kind() kind { return shareKind }
func (f *share) set(v []string) error {
	n, err := strconv.ParseFloat(v[0], 64)
	if err != nil || !(n >= 0 && n <= 1) {
		return errors.New("want a number from 0 to 1")
	}
	*f = share(n)
	return nil
}
func (f *share) get() []string { return []string{strconv.FormatFloat(float64(*f), 'f', -1, 64)} }

// validateTrace tells what in the configuration traces cannot be exported with.
func (c *Config) validateTrace(wrong func(bad bool, key, format string, args ...any)) {
	u, err := url.Parse(c.Trace.Endpoint)
	good := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
	wrong(c.Trace.Exporter == TraceOTLP && !good, "trace.endpoint", "want the URL of a collector, such as http://127.0.0.1:4318")
	wrong(c.Trace.Exporter != TraceOTLP && c.Trace.Endpoint != "", "trace.endpoint", "does nothing while trace.exporter is not %s", TraceOTLP)
}

// openTraces starts the export of traces. It ends after the stores and before the audit log.
func (s *server) openTraces(ctx context.Context) error {
	var exporter sdktrace.SpanExporter
	var err error
	switch s.cfg.Trace.Exporter {
	case TraceOTLP:
		exporter, err = telemetry.OTLP(ctx, s.cfg.Trace.Endpoint)
	case TraceStdout:
		exporter, err = telemetry.Stream(s.opt.Stdout)
	}
	if err != nil {
		return &ConfigError{[]error{s.cfg.problem("trace.exporter", err.Error())}}
	}
	s.traces = telemetry.NewTraces(telemetry.TraceOptions{
		Exporter: exporter, Sample: s.cfg.Trace.Sample, Build: telemetry.ReadBuild(), Instance: s.cfg.Instance, Log: s.log,
	})
	s.closers = append(s.closers, s.traces.Close)
	s.metrics.TracesDropped(s.traces.Dropped)
	s.audit = s.traces.AuditLog(s.audit)
	return nil
}

// traced returns db with spans around what a call does there.
func (s *server) traced(db stores) stores {
	db.log = s.traces.MessageLog(db.log, s.cfg.MessageLog.Driver)
	db.nasLog = s.traces.MessageLog(db.nasLog, s.cfg.MessageLog.Driver)
	db.units, db.appending, db.publishing = s.traces.Units(db.units), s.traces.Units(db.appending), s.traces.Units(db.publishing)
	db.entries = s.traces.LogStore(db.entries, s.cfg.MessageLog.Driver)
	return db
}

// follow is the middleware that begins the trace of a call, or goes on with that of a trusted sender. Who only reads pages is not followed.
func (s *server) follow(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Method != http.MethodPost && !strings.HasPrefix(r.URL.Path, "/api/") {
			return next(c)
		}
		ctx, done := s.traces.Call(s.traces.Arrive(r.Context(), r.Header, s.tellsTrace(r)), knownMethod(r.Method), c.Path())
		c.SetRequest(r.WithContext(ctx))
		err := next(c)
		status := c.Response().Status
		if err != nil && !c.Response().Committed {
			status = http.StatusInternalServerError
			var known *echo.HTTPError
			if errors.As(err, &known) {
				status = known.Code
			}
		}
		done(status)
		return err
	}
}

// knownMethod returns a method of HTTP, or what OpenTelemetry calls any other.
func knownMethod(method string) string {
	if slices.Contains([]string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}, method) {
		return method
	}
	return "_OTHER"
}

// tellsTrace tells whether the sender of r is believed when it says which trace r is part of: a trusted proxy, or somebody in a network of
// operators that speaks for itself.
func (s *server) tellsTrace(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	in := func(networks []netip.Prefix) bool {
		return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(peer.Addr().Unmap().WithZone("")) })
	}
	return in(s.cfg.HTTP.TrustedProxies) || in(s.cfg.HTTP.AdminNetworks) && len(r.Header.Values("X-Forwarded-For")) == 0
}

// describe tells the trace of a call what the call is.
func (s *server) describe(ctx context.Context, c telemetry.Call) {
	s.traces.Describe(ctx, c, c.Service != rest.Service)
}

// spans returns service with spans around its verification and its use cases.
func (s *server) spans(service soap.Service) soap.Service {
	service.Profile = &tracedProfile{service.Profile, s.traces}
	service.Operations = slices.Clone(service.Operations)
	for i := range service.Operations {
		op := &service.Operations[i]
		serve, name := op.Serve, "usecase "+op.Label
		op.Serve = func(ctx context.Context, req soap.Request) (soap.Reply, error) {
			ctx, done := s.traces.Step(ctx, name)
			reply, err := serve(ctx, req)
			done(err)
			return reply, err
		}
	}
	return service
}

// tracedProfile is a profile whose verification has a span.
type tracedProfile struct {
	soap.Profile
	traces *telemetry.Traces
}

// Admit implements soap.Profile.
func (p *tracedProfile) Admit(ctx context.Context, env *soap.Envelope, op *soap.Operation) (identity.Caller, error) {
	verifying, done := p.traces.Step(ctx, "security.verify")
	caller, err := p.Profile.Admit(verifying, env, op)
	done(err)
	if err == nil {
		p.traces.Credential(ctx, fmt.Sprint(caller.Credential.Scheme), caller.Credential.Level)
	}
	return caller, err
}
