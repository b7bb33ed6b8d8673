package bootstrap

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/loading"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// unitsNow is a register of organisations as it is now, and when registers were loaded.
type unitsNow struct {
	ports.StamdataLoader
	units  []org.Unit
	loaded int64
	loads  []stamdata.LoadReport
}

func (u *unitsNow) Units(context.Context) ([]org.Unit, error)                 { return u.units, nil }
func (u *unitsNow) Loaded(context.Context) (int64, error)                     { return u.loaded, nil }
func (u *unitsNow) Loads(context.Context, int) ([]stamdata.LoadReport, error) { return u.loads, nil }

func TestOrganisations(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	u := &unitsNow{units: []org.Unit{{SOR: "999001000016002"}}}
	s := &server{trees: &loading.Trees{Units: u, MaxLoss: maxTreeLoss, Log: slog.New(slog.DiscardHandler)}}
	s.cfg.Consent.Org.MaxAge, s.cfg.Security.Mode = 336*time.Hour, Development
	s.opt.Now, s.stores.loader = func() time.Time { return now }, u
	alarm := func(want ...string) {
		t.Helper()
		got, err := s.organisationAlarms(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	ready := func() error { return s.organisations().Probe(t.Context()) }

	require.ErrorIs(t, ready(), errNoOrganisations, "before a tree is loaded")
	require.NoError(t, s.trees.Refresh(t.Context()))
	require.NoError(t, ready())
	alarm()
	t.Run("CT-50 an alarm while an earlier tree is in use", func(t *testing.T) {
		u.units, u.loaded = nil, 1
		require.Error(t, s.trees.Refresh(t.Context()))
		require.NoError(t, ready())
		alarm("organisations: the register forms no tree, or lost too many units; an earlier tree is in use")
		u.units, u.loaded = []org.Unit{{SOR: "999001000016002"}}, 2
		require.NoError(t, s.trees.Refresh(t.Context()))
		alarm()
	})
	t.Run("an alarm when the register is old, in production", func(t *testing.T) {
		s.cfg.Security.Mode = Production
		alarm("organisations: the register was not loaded lately")
		u.loads = []stamdata.LoadReport{{Register: stamdata.CPRPerson, At: now}, {Register: stamdata.OrgUnits, At: now.Add(-336 * time.Hour)}}
		alarm()
		u.loads[1].At = u.loads[1].At.Add(-time.Second)
		alarm("organisations: the register is old")
		require.NoError(t, ready(), "what is known is still gone by")
	})
}
