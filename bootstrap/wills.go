package bootstrap

import (
	"context"
	"net/http"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/application/willkeeping"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/will"
)

// pathWillsAlive tells whether the registers of wills answer (nspop.dk, LTR-BTR).
const pathWillsAlive = "/btr/isAlive"

// willServices builds what this process does of wills and of the opt-out of resuscitation.
func (s *server) willServices(profile soap.Profile) []Mount {
	var mounts []Mount
	if s.cfg.runsAny(RoleWills) {
		s.wills = &rest.Wills{Keeper: s.keeper(), Audiences: s.cfg.IDWS.Audiences.Wills}
		for _, m := range willws.Services(s.wills.Keeper, profile) {
			m.Service.Operations = s.ruled(m.Service.Operations, s.cfg.IDWS.Audiences.Wills)
			mounts = append(mounts, Mount(m))
		}
	}
	if s.cfg.runsAny(RoleFGVHR) {
		s.fgvhr = &rest.FGVHR{Registrar: s.optOuts(), Audiences: s.cfg.IDWS.Audiences.FGVHR}
		for _, m := range fgvhrws.Services(s.fgvhr.Registrar, profile) {
			m.Service.Operations = s.ruled(m.Service.Operations, s.cfg.IDWS.Audiences.FGVHR)
			mounts = append(mounts, Mount(m))
		}
	}
	return mounts
}

func (s *server) keeper() *willkeeping.Keeper {
	c := &s.cfg.Wills
	rules := will.Rules{MinAge: c.MinAge, Active: c.ActiveStatus, AdminUpdate: c.LTR.AdminUpdate}
	if closed, err := calendar.ParseDay(c.LTR.ClosedFrom); err == nil { // "" = never
		rules.Closed = closed.Start()
	}
	topics := willkeeping.DefaultTopics()
	topics.BTR.Name, topics.LTR.Name = c.Topics.BTR, c.Topics.LTR
	return &willkeeping.Keeper{
		Store: s.stores.wills, Citizens: s.stores.register, Aliases: s.stores.aliases, Access: s.accesses, Trail: admitting.Trail{},
		Granted: s.grants.Has, Now: s.opt.Now, NewID: s.opt.NewID, Rules: rules, AdminRoles: c.AdminRoles, Educations: c.Educations,
		DentistEducations: c.DentistEducations, LogEmptyReads: c.LogEmptyReads, MinLogTimeout: c.MinLogTimeout, Topics: topics,
	}
}

func (s *server) optOuts() *optingout.Registrar {
	c := &s.cfg.FGVHR
	topic := optingout.DefaultTopic()
	topic.Name, topic.IDType = c.Topic, c.IDType
	r := &optingout.Registrar{
		Store: s.stores.optOuts, Citizens: s.stores.register, Aliases: s.stores.aliases, Trail: admitting.Trail{}, Granted: s.grants.Has,
		Now: s.opt.Now, NewID: s.opt.NewID, Rules: fgvhr.Rules{MinAge: c.MinAge, WaitDays: c.WaitDays, Active: s.cfg.Wills.ActiveStatus},
		AdminRoles: c.AdminRoles, MinLogTimeout: s.cfg.Wills.MinLogTimeout, Topic: topic,
	}
	if c.MinLog {
		r.Access = s.accesses
	}
	return r
}

// isAlive answers whether the store of wills does.
func (s *server) isAlive() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), s.cfg.Health.Timeout)
		defer cancel()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if err := s.stores.ping(ctx); err != nil {
			s.log.WarnContext(ctx, "store of wills does not answer", "error", err)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("DOWN\n")) // a client that went away hears nothing
			return
		}
		_, _ = w.Write([]byte("OK"))
	})
}
