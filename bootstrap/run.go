package bootstrap

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	// The calendar of Denmark works where the machine has no time zone files.
	_ "time/tzdata"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/auditlog"
	"github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/application/loading"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/application/relaying"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/bootstrap/devfed"
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
	adminListeners = 10 * time.Second // timeouts of the admin listener
)

// Started tells where a server listens.
type Started struct {
	Addr, Admin   string // host:port; Admin is "" without an admin listener
	TLS, AdminTLS bool   // whether they speak TLS
	Paths         []string
	Federation    string // folder of the test federation, "" in production
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
	// WrapNotificationLog wraps the message log as the notification service sees it.
	WrapNotificationLog func(ports.MessageLog) ports.MessageLog
	WrapPullPoints      func(ports.PullPointStore) ports.PullPointStore
	WrapTopicAdmin      func(ports.TopicAdmin) ports.TopicAdmin
	WrapLogStore        func(ports.LogStore) ports.LogStore
	WrapReplies         func(ports.ReplyStore) ports.ReplyStore
	WrapSeen            func(ports.SeenStore) ports.SeenStore
	WrapRegister        func(ports.CPRRegister) ports.CPRRegister
	WrapConsents        func(ports.ConsentStore) ports.ConsentStore
	WrapOverrides       func(ports.OverrideLog) ports.OverrideLog
	WrapWills           func(ports.WillStore) ports.WillStore
	WrapOptOuts         func(ports.OptOutStore) ports.OptOutStore
	WrapAliases         func(ports.Aliases) ports.Aliases
	WrapAccess          func(ports.AccessLog) ports.AccessLog
	// Notifier takes the notifications of this server's services; nil = the notification service that the configuration names does.
	Notifier ports.Notifier
	// Services returns further services, whose callers are admitted by their ID card.
	Services func(profile soap.Profile) []Mount
}

// server is what Run builds and takes down again.
type server struct {
	cfg Config
	opt Options

	log        *slog.Logger
	holder     string // of leases: this process alone, also where others have the same instance
	stores     stores
	audit      ports.AuditLog
	auditFile  *auditlog.File // nil where the audit log is a stream
	access     *auditlog.Access
	trust      *trust.Source
	grants     *admitting.Grants
	federation *devfed.Federation // nil in production
	production *production        // nil in development
	tls        *tlsListener       // nil without TLS, like the next
	adminTLS   *tlsListener
	reloading  *reloading
	places     *places
	rates      *callerRates
	failures   *failures
	events     *eventLog
	metrics    *telemetry.Metrics
	traces     *telemetry.Traces
	health     *telemetry.Health
	consumers  []*logkeeping.Consumer // of which a process that shows them runs none
	runner     *scheduling.Runner
	trees      *loading.Trees // nil where this process uses no registers, like the next
	importer   *loading.Importer
	accesses   ports.AccessLog // where this server registers what it does; nil where it does nothing
	minlog     rest.MinLog     // what this process does of MinLog
	consent    *rest.Consent   // nil where this process has none, like the next
	wills      *rest.Wills
	fgvhr      *rest.FGVHR
	nas        *notification
	registry   *issuing.Registry
	space      *numberSpace
	relay      *relaying.Relay
	outbox     *relaying.Operating
	handler    http.Handler
	paths      []string

	closers []func() error // in the order of opening
}

// Run builds the server of cfg, which Load made, and serves until ctx ends; then it stops in order. A nil error is a clean end.
func Run(ctx context.Context, cfg Config, opt Options) error {
	s := &server{cfg: cfg, opt: opt.complete()}
	s.holder = s.cfg.Instance + "/" + uuid.NewString()
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
	o.Stdout = &lockedWriter{w: o.Stdout}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Ready == nil {
		o.Ready = func(Started) {}
	}
	return o
}

// serve listens, runs what goes on beside the calls, and stops in order when ctx ends.
func (s *server) serve(ctx context.Context) error {
	if s.cfg.runsAny(RoleMinLogRegistration, RoleMinLogConsumer) || s.cfg.logsItself() {
		for _, topic := range s.topics() {
			if err := logkeeping.EnsureTopic(context.WithoutCancel(ctx), s.stores.topics, topic, s.stores.spec); err != nil {
				return &ResourceError{err}
			}
		}
	}
	if err := s.ensureTopics(context.WithoutCancel(ctx)); err != nil {
		return &ResourceError{err}
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(context.WithoutCancel(ctx), "tcp", s.cfg.HTTP.Addr)
	if err != nil {
		return &ResourceError{err}
	}
	calls, breakOff := context.WithCancelCause(context.WithoutCancel(ctx))
	defer breakOff(nil)
	main := &http.Server{
		Handler: s.closing(s.handler), ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return calls }, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if s.tls != nil {
		main.TLSConfig = s.tls.config()
	}
	servers := []*http.Server{main}
	listeners := []net.Listener{listener}
	started := Started{Addr: listener.Addr().String(), Paths: s.paths, TLS: s.tls != nil, AdminTLS: s.adminTLS != nil}
	if s.cfg.Admin.Addr != "" {
		admin, err := listening.Listen(context.WithoutCancel(ctx), "tcp", s.cfg.Admin.Addr)
		if err != nil {
			listener.Close()
			return &ResourceError{err}
		}
		started.Admin = admin.Addr().String()
		listeners = append(listeners, admin)
		server := &http.Server{
			Handler: s.health.Admin(s.metrics, s.audit.Ready), ReadTimeout: adminListeners, WriteTimeout: adminListeners, MaxHeaderBytes: maxHeader,
			ErrorLog: main.ErrorLog,
		}
		if s.adminTLS != nil {
			server.TLSConfig = s.adminTLS.config()
		}
		servers = append(servers, server)
	}
	if s.federation != nil {
		started.Federation = s.federation.Dir
	}

	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	var beside sync.WaitGroup
	for _, work := range s.background() {
		beside.Go(func() { work(background) })
	}
	defer beside.Wait()
	defer stopBackground()

	broken := make(chan error, len(servers))
	for i, server := range servers {
		beside.Go(func() {
			serve := server.Serve
			if server.TLSConfig != nil {
				serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
			}
			if err := serve(listeners[i]); !errors.Is(err, http.ErrServerClosed) {
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
	s.places.drain()
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

// background returns what goes on beside the calls, each until its context ends.
func (s *server) background() []func(context.Context) {
	work := []func(context.Context){
		s.events.run,
		func(ctx context.Context) {
			every(trustInterval, func(tick <-chan time.Time) { s.reloading.run(ctx, tick, s.opt.Reload) })
		},
		s.runner.Run,
	}
	if s.cfg.runsAny(RoleMinLogConsumer) {
		for _, c := range s.consumers {
			work = append(work, c.Run)
		}
	}
	if s.trees != nil {
		work = append(work, s.refreshTrees)
	}
	if s.relay != nil {
		work = append(work, s.relay.Run)
	}
	return work
}

// every runs work with a clock that ticks.
func every(interval time.Duration, work func(tick <-chan time.Time)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	work(tick.C)
}

// closing has connections end with the call that they carry once the server stops.
func (s *server) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.places.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
