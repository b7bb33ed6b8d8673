package bootstrap

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// consumedFor is how long records that were consumed stay in the embedded message log.
const consumedFor = 24 * time.Hour

// consumerRoot is where the health of a process is served that consumes the message log (nspop.dk, MinLog).
const consumerRoot = "minlog"

// cleanupRoot is where that of a process is that cleans up (nspop.dk, MinLog2).
const cleanupRoot = "minlog2-cleanup"

// personRoot is where that of a process is that has person information (nspop.dk).
const personRoot = "stamdata-personinformation"

// Publishers is the list of client addresses that may publish without credential (allowlist.nas.notify).
const Publishers = "nas.notify"

// Mount is a SOAP service and the path it is served at.
type Mount = minlogws.Mount

// minLog builds what this process does of MinLog2: registration, consumers and lookups.
func (s *server) minLog(profile soap.Profile) ([]Mount, error) {
	var mounts []Mount
	if s.cfg.runsAny(RoleMinLogRegistration) {
		registrar, err := s.registrar()
		if err != nil {
			return nil, err
		}
		s.minlog.Registrar, s.minlog.Appending = registrar, s.appendingGate()
		mounts = append(mounts, minlogws.Registration(registrar, profile)...)
		mounts = append(mounts, minlogws.Registration1(registrar, profile)...)
	}
	if s.cfg.runsAny(RoleMinLogConsumer, RoleConsole) {
		for _, topic := range s.cfg.MinLog.Consumer.Topics {
			s.consumers = append(s.consumers, s.consumer(messagelog.Topic(topic)))
		}
	}
	if s.cfg.runsAny(RoleMinLogConsumer) {
		s.metrics.Lags(s.lags)
	}
	if s.cfg.runsAny(RoleMinLogLookup) {
		lookups, err := s.lookups(profile)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, lookups...)
	}
	if s.cfg.runsAny(RoleConsole) {
		s.minlog.Report = &logkeeping.Report{Store: s.stores.entries, Trail: admitting.Trail{}}
	}
	s.minlog.Audiences = s.cfg.IDWS.Audiences.MinLog
	for i := range mounts {
		mounts[i].Service.Operations = s.ruled(mounts[i].Service.Operations, s.cfg.IDWS.Audiences.MinLog)
	}
	return mounts, nil
}

// lookups builds the lookups of citizens, of who acts for them, of professionals, and of portals.
func (s *server) lookups(profile soap.Profile) ([]Mount, error) {
	reading, err := s.reading()
	if err != nil {
		return nil, err
	}
	c := &s.cfg.MinLog
	var names ports.PersonNames
	if c.Names {
		names = s.stores.names
	}
	var aliases ports.Aliases
	if c.Aliases {
		aliases = s.stores.aliases
	}
	s.minlog.Citizens = &logkeeping.CitizenLookup{
		Reading: reading, OwnByCard: c.DGWSOwn, MaskUserCPR: c.MaskUserCPR, Relations: s.stores.register, Citizens: s.stores.register,
		Aliases: aliases, Names: names, Access: s.accesses, Ages: minlog.Ages{Self: c.CitizenMinAge, Custody: c.CustodyMaxAge}, RelationCache: c.RelationCache,
	}
	s.minlog.Assistants = &logkeeping.AssistantLookup{Reading: reading, Names: names}
	mounts := minlogws.Lookup(s.minlog.Citizens, s.minlog.Assistants, profile)
	return append(mounts, minlogws.Portal(&logkeeping.PortalLookup{Reading: reading, Granted: s.grants.Has, Aliases: aliases}, profile)...), nil
}

// topics are those of the message log that this process writes or reads.
func (s *server) topics() []messagelog.Topic {
	topics := []messagelog.Topic{messagelog.Topic(s.cfg.MinLog.Topic)}
	for _, c := range s.consumers {
		if !slices.Contains(topics, c.Topic) {
			topics = append(topics, c.Topic)
		}
	}
	return topics
}

func (s *server) registrar() (*logkeeping.Registrar, error) {
	c := &s.cfg.MinLog
	secret := []byte(s.cfg.MessageLog.KeySecret)
	if len(secret) == 0 {
		var err error
		if secret, err = secretKey(s.keyDir(), "messagelog.key"); err != nil {
			return nil, err
		}
	}
	return &logkeeping.Registrar{
		Log: s.stores.log, Trail: admitting.Trail{}, Now: s.opt.Now, Topic: messagelog.Topic(c.Topic), KeySecret: secret, MaxBulk: c.MaxBulk,
		MaxPeriod: c.MaxPeriod, FutureTolerance: c.FutureTolerance, RetentionYears: c.RetentionYears, AppendTimeout: c.AppendTimeout,
		BlockedCVR: c.BlockedCVR, Reduction: minlog.Reduction{Window: c.Reduction.Window, Systems: c.Reduction.Systems, MaxPeriod: c.MaxPeriod},
	}, nil
}

func (s *server) consumer(topic messagelog.Topic) *logkeeping.Consumer {
	c := &s.cfg.MinLog
	return &logkeeping.Consumer{
		Log: s.stores.log, Topics: s.stores.topics, Store: s.stores.entries, Now: s.opt.Now, Logger: s.log, Topic: topic, Spec: s.stores.spec,
		Batch: c.Consumer.Batch, BatchWait: c.Consumer.BatchWait, SkipGaps: c.Consumer.OnGap == "skip",
		DeadLetterAlarm: int64(c.DeadLetterAlarm), RetentionYears: c.RetentionYears,
		Leases: s.leases(), Instance: s.holder, Lease: c.Consumer.Lease,
	}
}

// reading is what both lookups share. A page token of one process is good at every other one that has the same secret.
func (s *server) reading() (logkeeping.Reading, error) {
	c := &s.cfg.MinLog
	tokenKey, err := s.derivedKey("pagetoken.key")
	return logkeeping.Reading{
		Store: s.stores.entries, Trail: admitting.Trail{}, Now: s.opt.Now, Logger: s.log, TokenKey: tokenKey, PageSize: c.PageSize,
		MaxPageSize: c.MaxPageSize, MaxEntries: c.MaxEntries, ScanBudget: c.ScanBudget, MaxPeriod: c.MaxPeriod, RetentionYears: c.RetentionYears,
	}, err
}

// derivedKey is a key of this name: made of messagelog.key_secret where there is one, else kept in the data directory.
func (s *server) derivedKey(name string) ([]byte, error) {
	secret := s.cfg.MessageLog.KeySecret
	if secret == "" {
		return secretKey(s.keyDir(), name)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(name))
	return mac.Sum(nil), nil
}

// gate returns the gate that every call goes through.
func (s *server) gate() *admitting.Gate {
	return &admitting.Gate{
		Audit: s.audit, Units: s.stores.units, Grants: s.grants.Has, Replies: s.stores.replies, Seen: s.stores.seen, Now: s.opt.Now, Log: s.log,
		Window: s.cfg.IDWS.ReplayWindow, KeepFor: s.cfg.DGWS.Resend.Write, MaxReply: int(s.cfg.DGWS.Resend.MaxBytes),
	}
}

// appendingGate is the gate of calls whose effect is what they append to the message log.
func (s *server) appendingGate() *admitting.Gate {
	g := s.gate()
	g.Units, g.KeepAfter = s.stores.appending, s.cfg.MessageLog.Driver == onKafka
	return g
}

// routing is what every router needs.
func (s *server) routing() *soap.Deps {
	return &soap.Deps{
		Gate: s.gate(),
		Now:  s.opt.Now, NewID: s.opt.NewID, Log: s.log, PublicURL: s.cfg.HTTP.PublicURL, TrustedProxies: s.cfg.HTTP.TrustedProxies,
		ReadTimeout: s.cfg.HTTP.ReadTimeout, CallTimeout: s.cfg.HTTP.CallTimeout,
		Enter: s.places.enter, Screen: s.failures.screen, Limit: s.rates.limit, Refused: s.events.add, Observe: s.observe,
	}
}

// mount returns the handler of all services, of their health, and in development of the federation's certificates.
func (s *server) mount(mounts []Mount, deps *soap.Deps) *echo.Echo {
	e := echo.New()
	e.Use(s.follow)
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
	healthAt := func(r string) {
		if roots[r] {
			return
		}
		roots[r] = true
		for path, h := range s.health.Handlers(r) {
			e.Match([]string{http.MethodGet, http.MethodHead}, "/"+r+path, echo.WrapHandler(h))
		}
	}
	if s.cfg.runsAny(RoleMinLogConsumer) {
		healthAt(consumerRoot)
	}
	if s.cfg.runsAny(RoleMinLogCleanup) {
		healthAt(cleanupRoot)
	}
	if s.cfg.runsAny(RoleStamdata) {
		healthAt(personRoot)
	}
	if s.cfg.runsAny(RoleWills) {
		e.Match([]string{http.MethodGet, http.MethodHead}, pathWillsAlive, echo.WrapHandler(s.isAlive()))
		for path, document := range willws.Documents(s.cfg.HTTP.PublicURL) {
			e.Match([]string{http.MethodGet, http.MethodHead}, path, echo.WrapHandler(document))
		}
	}
	for _, m := range mounts {
		own := *deps
		if slices.Contains([]string{minlogws.RegistrationService, minlogws.Registration1Service}, m.Service.Name) {
			own.Gate = s.appendingGate()
		}
		if m.Service.Name == nasws.BrokerService {
			own.Gate = s.publishingGate()
		}
		router := soap.NewRouter(s.spans(m.Service), own)
		routers[m.Path] = router
		e.Any(m.Path, echo.WrapHandler(router))
		s.paths = append(s.paths, m.Path)
		healthAt(root(m.Path))
	}
	if s.federation != nil {
		e.Any("/federation/*", echo.WrapHandler(s.federation.Handler()))
	}
	return e
}

// root returns the first part of a path, below which the health of its service is served.
func root(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

// observe writes the access line of a request and counts it.
func (s *server) observe(ctx context.Context, o soap.Observed) {
	if s.access != nil {
		s.access.Log(audit.Entry{Route: o.Component, Notes: o.Notes, Access: o.Access})
	}
	if o.Outcome == soap.Refused {
		s.failures.refused(o.Addr, o.Fault)
	}
	if o.Component == audit.STS && o.Outcome == soap.OK {
		s.metrics.Issued(o.Operation)
	}
	call := telemetry.Call{
		Service: o.Service, Operation: o.Operation, Outcome: o.Outcome, FaultCode: o.Fault.Code, Reason: o.Cause, Replayed: o.Replayed || errors.Is(o.Fault, ports.ErrSeen),
		Duration: o.Access.Duration, Security: o.Access.Stats.SecurityRequest, Request: o.Access.ReqSize, Response: o.Access.ResSize,
	}
	s.metrics.Call(call)
	s.describe(ctx, call)
}
