package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	// The calendar of Denmark works where the machine has no time zone files.
	_ "time/tzdata"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/opennsp/nsp/adapters/auditlog"
	"github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/bootstrap/devfed"
	domaintrust "github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// Limits of the HTTP server that no configuration changes.
const (
	headerTimeout  = 10 * time.Second
	writeTimeout   = 120 * time.Second
	idleTimeout    = 90 * time.Second
	maxHeader      = 64 << 10
	breakOffWait   = 2 * time.Second // for calls that were told to end
	trustInterval  = 30 * time.Second
	trimInterval   = time.Hour
	adminListeners = 10 * time.Second // timeouts of the admin listener
)

// Started tells where a server listens.
type Started struct {
	Addr, Admin string // host:port; Admin is "" without an admin listener
	Paths       []string
	Federation  string // folder of the test federation, "" in production
}

// Options are what a server takes from its surroundings. The zero Options are those of the program.
type Options struct {
	Now    func() time.Time
	NewID  func() string
	Stdout io.Writer       // of audit and access lines where audit.output is stdout
	Stderr io.Writer       // of the application log
	Ready  func(Started)   // called once, when calls are taken
	Reload <-chan struct{} // has log files opened anew and trust files read again

	// The wrappers may put something around what the server built.
	WrapAuditLog   func(ports.AuditLog) ports.AuditLog
	WrapUnits      func(ports.UnitOfWork) ports.UnitOfWork
	WrapMessageLog func(ports.MessageLog) ports.MessageLog
	WrapLogStore   func(ports.LogStore) ports.LogStore
	// Services returns further services, whose callers are admitted by their ID card.
	Services func(profile soap.Profile) []Mount
}

// server is what Run builds and takes down again.
type server struct {
	cfg Config
	opt Options

	log        *slog.Logger
	stores     stores
	audit      ports.AuditLog
	auditFile  *auditlog.File // nil where the audit log is a stream
	access     *auditlog.Access
	trust      *trust.Source
	federation *devfed.Federation // nil in production
	metrics    *telemetry.Metrics
	health     *telemetry.Health
	consumer   *logkeeping.Consumer
	trimmer    *logkeeping.Trimmer
	handler    http.Handler
	paths      []string

	closers []func() error // in the order of opening
}

// Run builds the server of cfg, which Load made, and serves until ctx ends; then it stops in order. A nil error is a clean end.
func Run(ctx context.Context, cfg Config, opt Options) error {
	s := &server{cfg: cfg, opt: opt.complete()}
	err := s.build(context.WithoutCancel(ctx))
	if err == nil {
		err = s.serve(ctx)
	}
	for _, c := range slices.Backward(s.closers) {
		err = errors.Join(err, c())
	}
	return err
}

func (o Options) complete() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Ready == nil {
		o.Ready = func(Started) {}
	}
	return o
}

func (s *server) keyDir() string { return filepath.Join(s.cfg.DataDir, "keys") }

// build makes everything but the listeners. What it opened is in closers, also after an error.
func (s *server) build(ctx context.Context) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.cfg.Log.Level)); err != nil {
		return &ConfigError{[]error{err}}
	}
	s.log = telemetry.NewLogger(s.opt.Stderr, level)
	s.metrics = telemetry.NewMetrics(telemetry.ReadBuild())
	lock, err := lockDirectory(s.cfg.DataDir)
	if err != nil {
		return &ResourceError{err}
	}
	s.closers = append(s.closers, lock.Close)
	for _, step := range []func(context.Context) error{s.openTrust, s.openAudit, s.openStores} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return s.buildServices()
}

// openTrust reads whose signatures count, and in development makes the test federation first.
func (s *server) openTrust(ctx context.Context) error {
	if s.cfg.Security.Mode == Development {
		federation, err := devfed.Ensure(s.cfg.federationDir(), s.opt.Now())
		if err != nil {
			return &ResourceError{err}
		}
		s.federation = &federation
		s.log.WarnContext(ctx, "TEST FEDERATION: this server trusts keys that were made on this machine", "folder", federation.Dir)
		if !s.cfg.loopback() {
			s.log.WarnContext(ctx, "TEST FEDERATION: others can reach this server, as security.development_anywhere allows")
		}
	}
	source, err := trust.Open(s.cfg.Security.TrustFile)
	if err != nil {
		return &ConfigError{[]error{s.cfg.problem("security.trust_file", err.Error())}}
	}
	set, err := source.Trust(ctx)
	if err != nil {
		return err
	}
	if s.cfg.Security.Mode == Production {
		if err := fitForProduction(set); err != nil {
			return &ConfigError{[]error{s.cfg.problem("security.trust_file", err.Error())}}
		}
	}
	s.trust = source
	return nil
}

// fitForProduction tells whether a server with real data may trust the set.
func fitForProduction(set *domaintrust.Set) error {
	if len(set.Anchors) == 0 {
		return errors.New("it holds no anchor, so that nobody could call")
	}
	for _, a := range set.Anchors {
		if a.Test {
			return fmt.Errorf("anchor %s is of a test federation", a.ID)
		}
	}
	return nil
}

func (s *server) openAudit(context.Context) error {
	c := &s.cfg.Audit
	format := auditlog.Format{CategoryPrefix: c.CategoryPrefix, CategorySuffix: c.CategorySuffix, MaxValues: c.MaxValues}
	var stream io.Writer
	if c.Output == "stdout" {
		stream = &lockedWriter{w: s.opt.Stdout}
		s.audit = auditlog.NewStream(stream, format, s.opt.Now)
	} else {
		file, err := auditlog.OpenFile(auditlog.FileOptions{
			Dir: c.Dir, Instance: s.cfg.Instance, Format: format, AppendTimeout: c.AppendTimeout, MaxSize: c.MaxSize, MinFree: c.MinFree,
			Sync: map[string]auditlog.Sync{"group": auditlog.Group, "each": auditlog.Each, "none": auditlog.None}[c.Sync],
			Now:  s.opt.Now, Log: s.log,
		})
		if err != nil {
			return &ResourceError{err}
		}
		s.closers = append(s.closers, file.Close)
		s.audit, s.auditFile = file, file
		s.metrics.AuditFree(file.Free)
	}
	if s.opt.WrapAuditLog != nil {
		s.audit = s.opt.WrapAuditLog(s.audit)
	}
	s.audit = s.metrics.AuditLog(s.audit)
	if !s.cfg.Access.Enabled {
		return nil
	}
	access, err := auditlog.OpenAccess(auditlog.AccessOptions{
		Dir: c.Dir, Instance: s.cfg.Instance, Stream: stream, Category: s.cfg.Access.Category, Limit: s.cfg.Access.Limit,
		Delay: s.cfg.Access.Delay, MaxSize: c.MaxSize, Now: s.opt.Now, Log: s.log,
	})
	if err != nil {
		return &ResourceError{err}
	}
	s.access = access
	s.closers = append(s.closers, access.Close)
	s.metrics.AccessDropped(access.Dropped)
	return nil
}

func (s *server) openStores(ctx context.Context) error {
	db, err := openers()[s.cfg.Store.Driver](ctx, &s.cfg, s.opt.Now, s.log)
	if err != nil {
		return &ResourceError{err}
	}
	s.closers = append(s.closers, db.close)
	if s.opt.WrapUnits != nil {
		db.units = s.opt.WrapUnits(db.units)
	}
	if s.opt.WrapMessageLog != nil {
		db.log = s.opt.WrapMessageLog(db.log)
	}
	if s.opt.WrapLogStore != nil {
		db.entries = s.opt.WrapLogStore(db.entries)
	}
	db.log = s.metrics.MessageLog(db.log)
	db.entries = s.metrics.LogStore(db.entries, s.opt.Now)
	s.stores = db
	return nil
}

func (s *server) buildServices() error {
	profile := s.dgwsProfile()
	mounts, err := s.minLog(profile)
	if err != nil {
		return &ResourceError{err}
	}
	if s.federation != nil {
		sts, err := s.tokenService(*s.federation)
		if err != nil {
			return &ResourceError{err}
		}
		mounts = append(mounts, sts...)
	}
	if s.opt.Services != nil {
		mounts = append(mounts, s.opt.Services(profile)...)
	}
	s.health = s.newHealth()
	s.metrics.Lags(s.lags)
	s.handler = s.mount(mounts)
	return nil
}

func (s *server) newHealth() *telemetry.Health {
	c := &s.cfg.Health
	return &telemetry.Health{
		Checks: []telemetry.Check{
			{Name: "Database", Failure: "not reachable", Probe: s.stores.ping},
			{Name: "Message log", Failure: "not reachable", Probe: func(ctx context.Context) error {
				_, err := s.consumer.Status(ctx)
				return err
			}},
			{Name: "Audit log", Failure: "not writable", Probe: s.audit.Ready},
		},
		Alarms:    []telemetry.Alarm{s.consumer.Alarms},
		Threshold: c.FailureThreshold, Cache: c.Cache, Timeout: c.Timeout, Now: s.opt.Now, Log: s.log, Build: telemetry.ReadBuild(),
	}
}

func (s *server) lags(ctx context.Context) ([]telemetry.Lag, error) {
	status, err := s.consumer.Status(ctx)
	if err != nil {
		return nil, err
	}
	lags := make([]telemetry.Lag, len(status))
	for i, p := range status {
		lags[i] = telemetry.Lag{Topic: s.cfg.MinLog.Topic, Partition: p.Partition, Records: p.Lag}
	}
	return lags, nil
}

// mount returns the handler of all services, of their health, and in development of the federation's certificates.
func (s *server) mount(mounts []Mount) http.Handler {
	var services []string
	for _, m := range mounts {
		services = append(services, m.Service.Name)
	}
	deps := soap.Deps{
		Gate: &admitting.Gate{Audit: s.audit, Units: s.stores.units, Now: s.opt.Now, Log: s.log},
		Now:  s.opt.Now, NewID: s.opt.NewID, Log: s.log, PublicURL: s.cfg.HTTP.PublicURL, TrustedProxies: s.cfg.HTTP.TrustedProxies,
		ReadTimeout: s.cfg.HTTP.ReadTimeout, CallTimeout: s.cfg.HTTP.CallTimeout,
		Enter: newPlaces(services, &s.cfg, s.metrics.InFlight).enter, Observe: s.observe,
	}
	e := echo.New()
	routers := map[string]http.Handler{}
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		code := http.StatusInternalServerError
		var known *echo.HTTPError
		if errors.As(err, &known) {
			code = known.Code
		}
		router := routers[c.Request().URL.Path]
		switch {
		case c.Response().Committed:
		case code == http.StatusMethodNotAllowed && router != nil: // a method that HTTP does not define: the service has a fault for it
			router.ServeHTTP(c.Response(), c.Request())
		default:
			_ = c.String(code, http.StatusText(code)+"\n") // a client that went away hears nothing
		}
	}
	roots := map[string]bool{}
	for _, m := range mounts {
		router := soap.NewRouter(m.Service, deps)
		routers[m.Path] = router
		e.Any(m.Path, echo.WrapHandler(router))
		s.paths = append(s.paths, m.Path)
		if r := root(m.Path); !roots[r] {
			roots[r] = true
			for path, h := range s.health.Handlers(r) {
				e.Match([]string{http.MethodGet, http.MethodHead}, "/"+r+path, echo.WrapHandler(h))
			}
		}
	}
	if s.federation != nil {
		e.Any("/federation/*", echo.WrapHandler(s.federation.Handler()))
	}
	return e
}

// serve listens, runs what goes on beside the calls, and stops in order when ctx ends.
func (s *server) serve(ctx context.Context) error {
	if err := logkeeping.EnsureTopic(context.WithoutCancel(ctx), s.stores.topics, s.consumer.Topic, s.consumer.Spec); err != nil {
		return &ResourceError{err}
	}
	listener, err := net.Listen("tcp", s.cfg.HTTP.Addr)
	if err != nil {
		return &ResourceError{err}
	}
	calls, breakOff := context.WithCancelCause(context.WithoutCancel(ctx))
	defer breakOff(nil)
	main := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return calls }, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	servers := []*http.Server{main}
	listeners := []net.Listener{listener}
	started := Started{Addr: listener.Addr().String(), Paths: s.paths}
	if s.cfg.Admin.Addr != "" {
		admin, err := net.Listen("tcp", s.cfg.Admin.Addr)
		if err != nil {
			listener.Close()
			return &ResourceError{err}
		}
		started.Admin = admin.Addr().String()
		listeners = append(listeners, admin)
		servers = append(servers, &http.Server{
			Handler: s.health.Admin(s.metrics, s.audit.Ready), ReadTimeout: adminListeners, WriteTimeout: adminListeners, MaxHeaderBytes: maxHeader,
			ErrorLog: main.ErrorLog,
		})
	}
	if s.federation != nil {
		started.Federation = s.federation.Dir
	}

	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	var beside sync.WaitGroup
	for _, work := range []func(context.Context){s.consumer.Run, s.trim, s.reload} {
		beside.Go(func() { work(background) })
	}
	defer beside.Wait()
	defer stopBackground()

	broken := make(chan error, len(servers))
	for i, server := range servers {
		beside.Go(func() {
			if err := server.Serve(listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				broken <- err
			}
		})
	}
	s.log.InfoContext(ctx, "serving", "addr", started.Addr, "admin", started.Admin, "mode", s.cfg.Security.Mode, "version", telemetry.ReadBuild().Of("nspd"))
	s.opt.Ready(started)

	drain := s.cfg.Shutdown.DrainDelay
	select {
	case err = <-broken:
		drain = 0
	case <-ctx.Done():
	}
	return errors.Join(err, s.stop(servers, drain, breakOff))
}

// stop drains: not ready, a while for the balancer to notice, no new calls, the calls in progress to their end or until the time is over.
func (s *server) stop(servers []*http.Server, drain time.Duration, breakOff context.CancelCauseFunc) error {
	s.log.Info("stopping", "drain", drain)
	s.health.Drain()
	time.Sleep(drain)
	inTime, cancel := context.WithTimeout(context.Background(), s.cfg.Shutdown.Timeout)
	defer cancel()
	var err error
	if servers[0].Shutdown(inTime) != nil {
		err = ErrDrain
		breakOff(ErrDrain)
		rolledBack, cancel := context.WithTimeout(context.Background(), breakOffWait)
		defer cancel()
		if servers[0].Shutdown(rolledBack) != nil {
			servers[0].Close()
		}
	}
	for _, other := range servers[1:] {
		other.Close()
	}
	s.log.Info("stopped taking calls")
	return err
}

// trim deletes what was consumed long ago from the embedded message log, now and every hour.
func (s *server) trim(ctx context.Context) {
	tick := time.NewTicker(trimInterval)
	defer tick.Stop()
	for {
		n, err := s.trimmer.Trim(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "message log cannot be trimmed", "error", err)
		}
		if n > 0 {
			s.log.InfoContext(ctx, "message log trimmed", "records", n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// reload reads the trust files again, every half minute and when asked to; when asked to, the audit log is opened anew too.
func (s *server) reload(ctx context.Context) {
	tick := time.NewTicker(trustInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.opt.Reload:
			if s.auditFile != nil {
				if err := s.auditFile.Reopen(); err != nil {
					s.log.ErrorContext(ctx, "audit log cannot be opened anew", "error", err)
				}
			}
		case <-ctx.Done():
			return
		}
		if err := s.trust.Reload(ctx); err != nil {
			s.log.ErrorContext(ctx, "trust files cannot be read; what was trusted before stays", "error", err)
		}
	}
}

// lockedWriter lets several writers share a stream, whole lines at a time.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes p alone.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
