package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/nsptest"
)

// A service registers what it does at another server, as the system of an organisation.
func TestAccessLogAtAnotherServer(t *testing.T) {
	s := nsptest.Start(t, nsptest.Options{})
	asked := &soap.Client{URL: s.URL + minlogws.PathRegistration}
	portstest.AccessLog(t, func(t *testing.T) portstest.AccessLogged {
		caller := memory.New(time.Now)
		send := func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
			var w xmlout.Writer
			body(&w)
			return asked.Call(ctx, action, s.System("33257872").Message(nsptest.NewMessageID(), string(w.Bytes())))
		}
		rules := func() minlog.Rules {
			now := s.Clock.Now()
			return minlog.Rules{Now: now, FutureTolerance: 5 * time.Minute, MaxPeriod: 744 * time.Hour, Cutoff: minlog.Cutoff(now, 2)}
		}
		return portstest.AccessLogged{
			Log:   &minlogws.AccessLog{Client: &minlogws.Client{Send: send}, Rules: rules, Timeout: time.Minute},
			Units: caller.Units(), Store: caller.LogStore(),
			Registered: portstest.RegisteredIn(t.Context(), t, s.MessageLog, nsptest.Topic), Now: s.Clock.Now,
		}
	})
}
