package bootstrap

import (
	"context"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/minlog"
)

// openAccessLog makes ready where this server registers what it does itself.
func (s *server) openAccessLog(context.Context) error {
	err := s.openAccesses()
	if err == nil && s.opt.WrapAccess != nil && s.accesses != nil {
		s.accesses = s.opt.WrapAccess(s.accesses)
	}
	return err
}

// openAccesses makes ready the message log, or another server.
func (s *server) openAccesses() error {
	c := &s.cfg.MinLog
	switch {
	case s.cfg.logsItself():
		registrar, err := s.registrar()
		if err != nil {
			return &ResourceError{err}
		}
		s.accesses = &logkeeping.AccessLog{Registrar: registrar, CVR: c.OwnCVR, NewID: uuid.NewString}
		return nil
	case c.Remote.URL == "":
		return nil
	}
	send, err := s.asSystem("minlog.remote.cert", c.Remote.Key, c.Remote.STS, c.Remote.URL)
	if err != nil {
		return err
	}
	rules := func() minlog.Rules {
		now := s.opt.Now()
		return minlog.Rules{
			Now: now, FutureTolerance: c.FutureTolerance, MaxPeriod: c.MaxPeriod, Cutoff: minlog.Cutoff(now, c.RetentionYears),
		}
	}
	s.accesses = &minlogws.AccessLog{Client: &minlogws.Client{Send: send}, Rules: rules, Timeout: c.Remote.Timeout}
	return nil
}
