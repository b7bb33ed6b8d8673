package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/opennsp/nsp/adapters/auditlog"
	"github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/bootstrap/devfed"
	domaintrust "github.com/opennsp/nsp/domain/trust"
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
