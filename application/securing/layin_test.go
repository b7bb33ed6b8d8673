package securing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/trust"
)

// start is what a server does with its grants when it starts, in development or with real data.
func (h *house) start(t *testing.T, mode string, rows ...trust.Grant) {
	t.Helper()
	if mode != securing.Development {
		require.NoError(t, securing.EndDevelopment(t.Context(), h.db.Grants(), h.now))
	}
	require.NoError(t, securing.LayIn(t.Context(), h.db.Grants(), rows, mode, h.newID, h.now))
}

// open returns who holds name now: CVR numbers and who made the grant.
func (h *house) open(t *testing.T, name string) []string {
	t.Helper()
	all, err := h.db.Grants().Grants(t.Context())
	require.NoError(t, err)
	found := []string{}
	for _, g := range all {
		if g.Name == name && g.Valid.Contains(h.now) {
			found = append(found, g.CVR+" by "+g.CreatedBy)
		}
	}
	return found
}

func TestLayIn(t *testing.T) {
	anybody := trust.Grant{Name: "consent.admin", CVR: trust.AnyCVR}
	portal := trust.Grant{Name: trust.HSUIDGrant, CVR: "99999904"}
	real := trust.Grant{Name: "consent.admin", CVR: "33257872"}

	t.Run("at the first start, and not again", func(t *testing.T) {
		h := newHouse()
		h.start(t, securing.Development, anybody, portal)
		h.start(t, securing.Development, anybody, portal, trust.Grant{Name: trust.HSUIDGrant, CVR: "99999901"})
		assert.Equal(t, []string{"* by development"}, h.open(t, "consent.admin"))
		assert.Equal(t, []string{"99999904 by development"}, h.open(t, trust.HSUIDGrant))
		all, err := h.db.Grants().Grants(t.Context())
		require.NoError(t, err)
		assert.Len(t, all, 2)
		assert.Equal(t, noon, all[0].Valid.From)
		assert.NotEqual(t, all[0].ID, all[1].ID)
	})
	t.Run("a name that is new is laid in later", func(t *testing.T) {
		h := newHouse()
		h.start(t, securing.Development, portal)
		h.start(t, securing.Development, portal, anybody)
		assert.Equal(t, []string{"* by development"}, h.open(t, "consent.admin"))
	})
	t.Run("what was ended stays ended", func(t *testing.T) {
		h := newHouse()
		h.start(t, securing.Configuration, real)
		all, err := h.db.Grants().Grants(t.Context())
		require.NoError(t, err)
		require.NoError(t, h.grants().End(t.Context(), administrator(), all[0].ID))
		h.now = h.now.Add(time.Second)
		h.start(t, securing.Configuration, real)
		assert.Empty(t, h.open(t, "consent.admin"))
	})
	t.Run("what was given otherwise is left alone", func(t *testing.T) {
		h := newHouse()
		_, err := h.grants().Add(t.Context(), administrator(), admin("99999901"))
		require.NoError(t, err)
		h.start(t, securing.Configuration, real)
		assert.Equal(t, []string{"99999901 by professional/99999903"}, h.open(t, "consent.admin"))
	})
	t.Run("SEC-46 development's end with the mode, and the configured ones are laid in", func(t *testing.T) {
		h := newHouse()
		h.start(t, securing.Development, anybody, portal)
		_, err := h.grants().Add(t.Context(), administrator(), trust.Grant{Name: "sces", CVR: "99999901"})
		require.NoError(t, err)
		h.now = h.now.Add(time.Hour)
		h.start(t, securing.Configuration, real)
		assert.Equal(t, []string{"33257872 by configuration"}, h.open(t, "consent.admin"))
		assert.Empty(t, h.open(t, trust.HSUIDGrant))
		assert.Equal(t, []string{"99999901 by professional/99999903"}, h.open(t, "sces"), "what an administrator gave stays")
		h.now = h.now.Add(time.Hour)
		h.start(t, securing.Development, anybody)
		assert.Equal(t, []string{"33257872 by configuration"}, h.open(t, "consent.admin"), "back in development nothing is opened again")
	})
	t.Run("rows that do not fit leave nothing behind", func(t *testing.T) {
		h := newHouse()
		for _, rows := range [][]trust.Grant{{anybody, anybody}, {real, {Name: "consent.admin", CVR: "1"}}} {
			err := securing.LayIn(t.Context(), h.db.Grants(), rows, securing.Configuration, h.newID, h.now)
			require.Error(t, err)
			assert.Contains(t, err.Error(), "consent.admin for")
			assert.Empty(t, h.open(t, "consent.admin"))
		}
	})
}
