package bootstrap

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/opennsp/nsp/adapters/auditlog"
	"github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

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
	for _, step := range []func(context.Context) error{
		s.openTrust, s.openListeners, s.openAudit, s.openTraces, s.openStores, s.openAccessLog, s.openJobs, s.openNAS, s.openRegisters,
		s.openPersons, s.layInGrants,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return s.buildServices()
}

// openTrust reads whose signatures count, and in development makes the test federation first.
func (s *server) openTrust(ctx context.Context) error {
	if s.cfg.Security.Mode == Development {
		federation, err := devfed.Ensure(s.cfg.Security.FederationDir, s.opt.Now())
		if err != nil {
			return &ResourceError{err}
		}
		s.federation = &federation
		s.log.WarnContext(ctx, "TEST FEDERATION: this server trusts keys that were made on this machine", "folder", federation.Dir)
		if !s.cfg.loopback() {
			s.log.WarnContext(ctx, "TEST FEDERATION: others can reach this server, as security.development_anywhere allows")
		}
	}
	if s.cfg.Security.Mode == Production {
		var err error
		if s.production, err = openProduction(s.cfg.Security.FederationDir, s.cfg.Runs(RoleSTS)); err != nil {
			return &ResourceError{err}
		}
	}
	rules := trust.Rules{MinRSABits: s.cfg.Security.MinRSABits, RefuseStaleCRL: s.cfg.Security.Mode == Production, Now: s.opt.Now}
	source, err := rules.Open(s.cfg.Security.TrustFile, s.production.fit)
	if err != nil {
		return &ConfigError{[]error{s.cfg.problem("security.trust_file", err.Error())}}
	}
	s.trust = source
	return nil
}

func (s *server) openAudit(context.Context) error {
	c := &s.cfg.Audit
	format := auditlog.Format{CategoryPrefix: c.CategoryPrefix, CategorySuffix: c.CategorySuffix, MaxValues: c.MaxValues}
	var stream io.Writer
	if c.Output == "stdout" {
		stream = s.opt.Stdout
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
	open := openMemory
	if s.cfg.usesStore() {
		open = openers()[s.cfg.Store.Driver]
	}
	db, err := open(ctx, &s.cfg, s.opt.Now, s.log)
	if err != nil {
		return &ResourceError{err}
	}
	s.closers = append(s.closers, db.close)
	db.appending, db.publishing, db.nasLog, db.spec = db.units, db.units, db.log, messagelog.Spec{Partitions: 1}
	appends := s.cfg.runsAny(RoleMinLogRegistration) || s.cfg.logsItself()
	if s.cfg.MessageLog.Driver == onKafka && (appends || s.cfg.runsAny(RoleMinLogConsumer, RoleConsole) || s.cfg.administersNAS()) {
		cluster, err := openKafka(ctx, &s.cfg, s.log)
		if err != nil {
			return &ResourceError{err}
		}
		s.closers = append(s.closers, cluster.Close)
		db.log, db.nasLog, db.topics = readOnly{cluster}, readOnly{cluster}, cluster.Topics()
		if appends {
			service := cluster.Service("minlog")
			db.appending, db.log = service.Units(), service.MessageLog()
		}
		if s.cfg.publishes() {
			service := cluster.Service("nas")
			db.publishing, db.nasLog = service.Units(), service.MessageLog()
		}
		db.spec = messagelog.Spec{Partitions: kafkaPartitions, Retention: kafkaRetention}
	}
	if s.opt.WrapUnits != nil {
		units := db.units
		db.units = s.opt.WrapUnits(units)
		for _, others := range []*ports.UnitOfWork{&db.appending, &db.publishing} {
			if *others == units {
				*others = db.units
			} else {
				*others = s.opt.WrapUnits(*others)
			}
		}
	}
	if s.opt.WrapMessageLog != nil {
		db.log = s.opt.WrapMessageLog(db.log)
	}
	if s.opt.WrapNotificationLog != nil {
		db.nasLog = s.opt.WrapNotificationLog(db.nasLog)
	}
	if s.opt.WrapTopicAdmin != nil {
		db.topics = s.opt.WrapTopicAdmin(db.topics)
	}
	if s.opt.WrapPullPoints != nil {
		db.pullPoints = s.opt.WrapPullPoints(db.pullPoints)
	}
	if s.opt.WrapLogStore != nil {
		db.entries = s.opt.WrapLogStore(db.entries)
	}
	if s.opt.WrapRegister != nil {
		db.register = s.opt.WrapRegister(db.register)
	}
	if s.opt.WrapConsents != nil {
		db.consents = s.opt.WrapConsents(db.consents)
	}
	if s.opt.WrapOverrides != nil {
		db.overrides = s.opt.WrapOverrides(db.overrides)
	}
	if s.opt.WrapWills != nil {
		db.wills = s.opt.WrapWills(db.wills)
	}
	if s.opt.WrapOptOuts != nil {
		db.optOuts = s.opt.WrapOptOuts(db.optOuts)
	}
	if s.opt.WrapAliases != nil {
		db.aliases = s.opt.WrapAliases(db.aliases)
	}
	if s.opt.WrapReplies != nil {
		db.replies = s.opt.WrapReplies(db.replies)
	}
	if s.opt.WrapSeen != nil {
		db.seen = s.opt.WrapSeen(db.seen)
	}
	db.log, db.nasLog, db.copies = s.metrics.MessageLog(db.log), s.metrics.MessageLog(db.nasLog), s.metrics.CopyRegister(db.copies)
	db.entries = s.metrics.LogStore(db.entries, s.opt.Now)
	s.stores = s.traced(db)
	s.grants = admitting.NewGrants(db.grants, s.opt.Now)
	return nil
}

func (s *server) buildServices() error {
	signer, err := s.openSigner()
	if err != nil {
		return err
	}
	profile := s.profile(signer)
	sessions := s.sessionService(profile)
	mounts, err := s.minLog(profile)
	if err != nil {
		return &ResourceError{err}
	}
	mounts = append(mounts, s.personServices(profile)...)
	mounts = append(mounts, s.consentServices(profile)...)
	mounts = append(mounts, s.willServices(profile)...)
	mounts = append(mounts, s.nasServices(profile)...)
	if s.cfg.runsAny(RoleConsole) {
		mounts = append(mounts, sessions)
	}
	var tokens *federating.TokenService
	if s.runsSTS() {
		if tokens, err = s.tokens(); err != nil {
			return err
		}
		mounts = append(mounts, s.tokenService(tokens, signer)...)
	}
	if s.opt.Services != nil {
		mounts = append(mounts, s.opt.Services(profile)...)
	}
	services := []string{rest.Service}
	for _, m := range mounts {
		services = append(services, m.Service.Name)
	}
	if err := s.guard(services); err != nil {
		return err
	}
	s.reloading = s.newReloading(signer)
	s.health = s.newHealth()
	deps := s.routing()
	handler := s.mount(mounts, deps)
	if s.cfg.usesStore() && s.cfg.runsAny(RoleConsole, RoleMinLogCleanup, RoleMinLogRegistration, RoleMinLogLookup, RoleECPR, RoleStamdata, RoleConsent, RoleWills,
		RoleFGVHR, RoleNASBroker, RoleNASSubscriber, RoleNASCleanup) {
		api, err := s.api(deps, soap.NewRouter(sessions.Service, *deps), tokens, signer)
		if err != nil {
			return err
		}
		s.mountREST(handler, api)
	}
	s.handler = handler
	return nil
}

// mountREST has e serve what this process does of the JSON API.
func (s *server) mountREST(e *echo.Echo, api rest.Deps) {
	if s.cfg.runsAny(RoleConsole) {
		rest.Mount(e, api)
	} else {
		if s.cfg.runsAny(RoleMinLogCleanup) {
			rest.MountCleanup(e, api)
		}
		if s.cfg.runsAny(RoleMinLogRegistration, RoleMinLogLookup) {
			rest.MountMinLog(e, api)
		}
		if s.cfg.runsAny(RoleECPR) {
			rest.MountECPR(e, api)
		}
		if s.cfg.runsAny(RoleConsent) {
			rest.MountConsent(e, api)
		}
		if s.cfg.runsAny(RoleWills) {
			rest.MountWills(e, api)
		}
		if s.cfg.runsAny(RoleFGVHR) {
			rest.MountFGVHR(e, api)
		}
		if s.cfg.runsNAS() {
			rest.MountNAS(e, api)
		}
	}
	if s.cfg.runsAny(RoleECPR) {
		history := rest.ExportHistory(&replicating.History{State: s.stores.exports, Runs: s.stores.runs}, s.log)
		e.Match([]string{http.MethodGet, http.MethodHead}, rest.PathExportHistory, echo.WrapHandler(history))
	}
	if s.cfg.runsAny(RoleStamdata) {
		rest.MountPersonInformation(e, api, &enquiring.PersonInformation{
			Register: s.stores.register, Trail: admitting.Trail{}, Now: s.opt.Now, ActiveStatuses: s.cfg.Stamdata.ActiveStatuses,
		})
	}
}

func (s *server) newHealth() *telemetry.Health {
	c := &s.cfg.Health
	var checks []telemetry.Check
	var alarms []telemetry.Alarm
	if s.cfg.usesStore() {
		checks = append(checks, telemetry.Check{Name: "Database", Failure: "not reachable", Probe: s.stores.ping})
	}
	if s.cfg.runsAny(RoleMinLogRegistration, RoleMinLogConsumer) || s.cfg.logsItself() {
		checks = append(checks, telemetry.Check{Name: "Message log", Failure: "not reachable", Probe: func(ctx context.Context) error {
			_, err := s.stores.log.Bounds(ctx, s.topics())
			return err
		}})
	} else if s.cfg.runsNAS() {
		checks = append(checks, s.notificationLog())
	}
	if s.cfg.runsAny(RoleMinLogConsumer) {
		for _, c := range s.consumers {
			alarms = append(alarms, c.Alarms)
		}
	}
	alarms = append(alarms, s.runner.Alarms)
	if s.outbox != nil {
		alarms = append(alarms, s.outbox.Alarms)
	}
	if s.registry != nil {
		alarms = append(alarms, s.space.alarms)
	}
	if s.cfg.runsAny(RoleConsent) && s.cfg.Consent.Org.Source == OrgStamdata {
		checks, alarms = append(checks, s.organisations()), append(alarms, s.organisationAlarms)
	}
	return &telemetry.Health{
		Checks: append(checks, telemetry.Check{Name: "Audit log", Failure: "not writable", Probe: s.audit.Ready}),
		Alarms: alarms, Warnings: []telemetry.Alarm{s.reloading.warnings},
		Threshold: c.FailureThreshold, Cache: c.Cache, Timeout: c.Timeout, Now: s.opt.Now, Log: s.log, Build: telemetry.ReadBuild(),
	}
}

func (s *server) lags(ctx context.Context) ([]telemetry.Lag, error) {
	var lags []telemetry.Lag
	for _, c := range s.consumers {
		status, err := c.Status(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range status {
			lags = append(lags, telemetry.Lag{Topic: string(c.Topic), Partition: p.Partition, Records: p.Lag})
		}
	}
	return lags, nil
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
