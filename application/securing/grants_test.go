package securing_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports/portstest"
)

func (h *house) grants() *securing.Grants {
	return &securing.Grants{Store: h.db.Grants(), Trail: h, Now: h.clock, NewID: h.newID}
}

func admin(cvr string) trust.Grant { return trust.Grant{Name: "consent.admin", CVR: cvr} }

func TestAdministrators(t *testing.T) {
	h := newHouse()
	held, err := h.grants().Add(t.Context(), administrator(), admin("99999901"))
	require.NoError(t, err)
	trustees := h.trust()
	events := &securing.Events{Store: h.db.SecurityEvents(), Trail: h}
	operations := map[audit.Context]func(context.Context, identity.Caller) error{
		audit.ListGrants: func(ctx context.Context, c identity.Caller) error { _, err := h.grants().List(ctx, c); return err },
		audit.AddGrant: func(ctx context.Context, c identity.Caller) error {
			_, err := h.grants().Add(ctx, c, admin("99999902"))
			return err
		},
		audit.EndGrant: func(ctx context.Context, c identity.Caller) error { return h.grants().End(ctx, c, held.ID) },
		audit.ListAnchors: func(ctx context.Context, c identity.Caller) error {
			_, _, err := trustees.Anchors(ctx, c)
			return err
		},
		audit.ReloadTrust: func(ctx context.Context, c identity.Caller) error {
			_, _, err := trustees.ReadAgain(ctx, c)
			return err
		},
		audit.ListEvents: func(ctx context.Context, c identity.Caller) error {
			_, err := events.Since(ctx, c, time.Time{})
			return err
		},
	}
	for operation, call := range operations {
		for name, kind := range map[string]identity.Kind{"nobody": 0, "system": identity.System, "professional": identity.Professional, "citizen": identity.Citizen} {
			t.Run("SU-6 "+string(operation)+" by another "+name, func(t *testing.T) {
				h.notes = nil
				caller := administrator()
				caller.Kind, caller.Administrator = kind, false
				refusedAs(t, call(t.Context(), caller), fault.Forbidden, fault.CodeNotAuthorized)
				said := h.said()
				require.Len(t, said, 1, "the audit log is told")
				assert.True(t, strings.HasPrefix(said[0], "Admin/"+string(operation)+" user="), said[0])
			})
		}
	}
	all, err := h.db.Grants().Grants(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []trust.Grant{held}, all, "nothing was changed")
	for operation, call := range operations {
		require.NoError(t, call(t.Context(), administrator()), operation)
	}
}

func TestGrants(t *testing.T) {
	h := newHouse()
	g, by := h.grants(), administrator()
	holds := func(name, cvr string) bool {
		all, err := g.Store.Grants(t.Context())
		require.NoError(t, err)
		return trust.NewGrants(all).Has(name, cvr, h.now)
	}

	first, err := g.Add(t.Context(), by, trust.Grant{ID: "mine", Name: "consent.admin", CVR: "99999901", Note: "contract 7", CreatedBy: securing.Development})
	require.NoError(t, err)
	assert.Equal(t, trust.Grant{
		ID: "00000000-0000-4000-8000-000000000001", Name: "consent.admin", CVR: "99999901", Note: "contract 7",
		CreatedBy: "professional/99999903", Valid: validity.Period{From: noon},
	}, first, "the id, the beginning and who made it are ours")
	assert.Equal(t, []string{"Admin/AddGrant user=professional/99999903 filter=consent.admin 99999901 result=" + first.ID}, h.said())
	assert.True(t, holds("consent.admin", "99999901"))

	t.Run("one that is open cannot be given twice", func(t *testing.T) {
		_, err := g.Add(t.Context(), by, admin("99999901"))
		require.ErrorIs(t, err, trust.ErrGrantExists)
	})
	t.Run("SA-44 ended now", func(t *testing.T) {
		h.notes = nil
		h.now = noon.Add(time.Minute)
		require.NoError(t, g.End(t.Context(), by, first.ID))
		assert.False(t, holds("consent.admin", "99999901"))
		assert.Equal(t, []string{"Admin/EndGrant user=professional/99999903 filter=" + first.ID}, h.said())
		h.now = noon.Add(time.Hour)
		require.NoError(t, g.End(t.Context(), by, first.ID), "once more")
		all, err := g.List(t.Context(), by)
		require.NoError(t, err)
		require.Len(t, all, 1, "what ended is shown")
		assert.Equal(t, validity.Period{From: noon, To: noon.Add(time.Minute)}, all[0].Valid)
	})
	t.Run("SA-44 grant *", func(t *testing.T) {
		everybody, err := g.Add(t.Context(), by, admin(trust.AnyCVR))
		require.NoError(t, err)
		assert.True(t, holds("consent.admin", "99999901"))
		require.NoError(t, g.End(t.Context(), by, everybody.ID))
	})
	t.Run("given again after it ended, for a time to come", func(t *testing.T) {
		again := admin("99999901")
		again.Valid = validity.Period{From: noon.Add(2 * time.Hour), To: noon.Add(3 * time.Hour)}
		_, err := g.Add(t.Context(), by, again)
		require.NoError(t, err)
		assert.False(t, holds("consent.admin", "99999901"))
		h.now = noon.Add(2 * time.Hour)
		assert.True(t, holds("consent.admin", "99999901"))
		h.now = noon.Add(3 * time.Hour)
		assert.False(t, holds("consent.admin", "99999901"))
	})
	t.Run("one that is not there", func(t *testing.T) {
		require.ErrorIs(t, g.End(t.Context(), by, "00000000-0000-4000-8000-000000000999"), trust.ErrNoGrant)
	})
	for name, bad := range map[string]trust.Grant{
		"without name":     {CVR: "99999901"},
		"name in capitals": {Name: "Consent", CVR: "99999901"},
		"CVR of 7 digits":  {Name: "sces", CVR: "9999990"},
		"without CVR":      {Name: "sces"},
		"note too long":    {Name: "sces", CVR: "99999901", Note: strings.Repeat("æ", 501)},
		"ends before it begins": {Name: "sces", CVR: "99999901",
			Valid: validity.Period{From: noon, To: noon.Add(-time.Hour)}},
		"ended already": {Name: "sces", CVR: "99999901", Valid: validity.Period{To: noon}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := g.Add(t.Context(), by, bad)
			refusedAs(t, err, fault.Invalid, "invalid_grant")
			assert.False(t, holds("sces", "99999901"))
		})
	}
	t.Run("a note of 500 characters", func(t *testing.T) {
		_, err := g.Add(t.Context(), by, trust.Grant{Name: "sces", CVR: "99999901", Note: strings.Repeat("æ", 500)})
		require.NoError(t, err)
	})
	t.Run("a store that fails", func(t *testing.T) {
		store := &portstest.FailingGrantStore{Store: h.db.Grants()}
		store.OnRead.FailFrom(1, errSecret)
		store.OnUpdate.FailFrom(1, errSecret)
		failing := &securing.Grants{Store: store, Trail: h, Now: h.clock, NewID: h.newID}
		_, err := failing.List(t.Context(), by)
		ours(t, err)
		_, err = failing.Add(t.Context(), by, admin("99999905"))
		ours(t, err)
		ours(t, failing.End(t.Context(), by, first.ID))
	})
}
