package bootstrap

import (
	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// accessLog is where this server registers what it does itself: the message log, or another server.
func (s *server) accessLog() (ports.AccessLog, error) {
	c := &s.cfg.MinLog
	if c.Remote.URL == "" {
		registrar, err := s.registrar()
		return &logkeeping.AccessLog{Registrar: registrar, CVR: c.OwnCVR, NewID: uuid.NewString}, err
	}
	send, err := s.asSystem("minlog.remote.cert", c.Remote.Key, c.Remote.STS, c.Remote.URL)
	if err != nil {
		return nil, err
	}
	rules := func() minlog.Rules {
		now := s.opt.Now()
		return minlog.Rules{
			Now: now, FutureTolerance: c.FutureTolerance, MaxPeriod: c.MaxPeriod, Cutoff: minlog.Cutoff(now, c.RetentionYears),
		}
	}
	return &minlogws.AccessLog{Client: &minlogws.Client{Send: send}, Rules: rules, Timeout: c.Remote.Timeout}, nil
}
