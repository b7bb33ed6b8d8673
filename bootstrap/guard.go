package bootstrap

import (
	"context"

	"github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/telemetry"
	domaintrust "github.com/opennsp/nsp/domain/trust"
)

// openListeners reads what the listeners speak TLS with.
func (s *server) openListeners(context.Context) error {
	for _, l := range []struct {
		name, key string
		files     tlsFiles
		into      **tlsListener
	}{
		{"service", "tls.cert", tlsFiles{s.cfg.TLS.KeyPair, s.cfg.TLS.ClientAuth, s.cfg.TLS.ClientCA, s.cfg.TLS.MinVersion}, &s.tls},
		{"admin", "admin.tls.cert", tlsFiles{s.cfg.Admin.TLS, ClientAuthNone, "", s.cfg.TLS.MinVersion}, &s.adminTLS},
	} {
		if l.files.pair.Cert == "" {
			continue
		}
		listener, err := openTLS(l.name, l.files, s.production.own, s.opt.Now)
		if err != nil {
			return &ConfigError{[]error{s.cfg.problem(l.key, err.Error())}}
		}
		*l.into = listener
		s.metrics.CertificateExpiry(l.name, listener.ends)
	}
	return nil
}

// openSigner reads the keys that this process signs with.
func (s *server) openSigner() (*trust.Signer, error) {
	files := map[domaintrust.Use]trust.KeyFile{}
	if s.federation != nil {
		files[domaintrust.Bootstrap] = s.federation.SigningKeys()[domaintrust.Bootstrap]
	}
	if s.runsSTS() {
		c := &s.cfg.STS
		files[domaintrust.IDCard] = trust.KeyFile{Key: c.KeyFile, Certificate: c.CertFile, Passphrase: c.KeyPassphrase}
		files[domaintrust.Token] = files[domaintrust.IDCard]
	}
	if c := &s.cfg.IDWS; c.SignResponses && c.KeyFile != "" {
		files[domaintrust.Service] = trust.KeyFile{Key: c.KeyFile, Certificate: c.CertFile}
	}
	signer, err := trust.OpenSigner(files)
	if err != nil {
		return nil, &ConfigError{[]error{err}}
	}
	for use, key := range map[domaintrust.Use]string{domaintrust.IDCard: "sts.key_file", domaintrust.Service: "idws.key_file"} {
		if c := signer.Certificate(use); c != nil {
			if err := s.production.own(c); err != nil {
				return nil, &ConfigError{[]error{s.cfg.problem(key, err.Error())}}
			}
		}
	}
	return signer, nil
}

// runsSTS tells whether this process is a token service: where its role is named, and in development with everything else.
func (s *server) runsSTS() bool {
	return s.cfg.Runs(RoleSTS) || s.cfg.Runs(RoleAll) && s.federation != nil
}

// guard makes what stands between the callers and the services of these names.
func (s *server) guard(services []string) error {
	s.places = newPlaces(services, &s.cfg, s.metrics.InFlight)
	limited := func(limit string) func() { return func() { s.metrics.RateLimited(limit) } }
	var err error
	if s.rates, err = newCallerRates(s.cfg.Limits.Callers, services, s.opt.Now, limited(telemetry.LimitCaller)); err != nil {
		return &ConfigError{[]error{s.cfg.problem("limits.callers", err.Error())}}
	}
	if s.failures, err = newFailures(s.cfg.Limits.FailedSecurity, s.opt.Now, limited(telemetry.LimitFailedSecurity)); err != nil {
		return err
	}
	s.events = newEventLog(s.stores.events, s.cfg.Security.EventRetention, s.opt.Now, s.log)
	s.metrics.EventsDropped(s.events.lost)
	return nil
}

// newReloading knows what may change while the server runs.
func (s *server) newReloading(signer *trust.Signer) *reloading {
	r := &reloading{trust: s.trust, signer: signer, now: s.opt.Now, log: s.log}
	if s.auditFile != nil {
		r.reopen = s.auditFile.Reopen
	}
	for _, l := range []*tlsListener{s.tls, s.adminTLS} {
		if l != nil {
			r.listeners = append(r.listeners, l)
		}
	}
	return r
}
