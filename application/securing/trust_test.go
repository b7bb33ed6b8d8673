package securing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
)

// files is a trust source whose files can be changed and broken.
type files struct {
	written, read []trust.Anchor
	broken        error
}

func (f *files) Trust(context.Context) (*trust.Set, error) { return &trust.Set{Anchors: f.read}, nil }

func (f *files) reload(context.Context) error {
	if f.broken == nil {
		f.read = f.written
	}
	return f.broken
}

func (h *house) trust() *securing.Trust {
	f := &files{written: []trust.Anchor{{ID: "a"}}}
	return &securing.Trust{Source: f, Reload: f.reload, Trail: h, Now: h.clock}
}

func TestReadTrustAgain(t *testing.T) {
	h := newHouse()
	f := &files{read: []trust.Anchor{{ID: "a"}, {ID: "b"}}, written: []trust.Anchor{{ID: "b"}}}
	tr := &securing.Trust{Source: f, Reload: f.reload, Trail: h, Now: h.clock}

	anchors, at, err := tr.Anchors(t.Context(), administrator())
	require.NoError(t, err)
	assert.Len(t, anchors, 2)
	assert.Equal(t, noon, at)

	t.Run("SA-24 broken files: what was trusted stays", func(t *testing.T) {
		f.broken = errSecret
		_, _, err := tr.ReadAgain(t.Context(), administrator())
		refusedAs(t, err, fault.Internal, fault.CodeProcessing)
		require.ErrorIs(t, err, errSecret, "the log tells why")
		anchors, _, err := tr.Anchors(t.Context(), administrator())
		require.NoError(t, err)
		assert.Len(t, anchors, 2)
	})
	t.Run("SA-24 an anchor removed", func(t *testing.T) {
		f.broken, h.notes = nil, nil
		anchors, _, err := tr.ReadAgain(t.Context(), administrator())
		require.NoError(t, err)
		assert.Equal(t, []trust.Anchor{{ID: "b"}}, anchors)
		assert.Equal(t, []string{"Admin/ReloadTrust user=professional/99999903 result=1"}, h.said())
	})
}

func TestEvents(t *testing.T) {
	h := newHouse()
	store := h.db.SecurityEvents()
	for i := range 600 {
		event := audit.Refusal{At: noon.Add(time.Duration(i) * time.Second), Code: "not_authorized", Cause: fmt.Sprint(i)}
		require.NoError(t, store.Record(t.Context(), noon.Add(24*time.Hour), event))
	}
	events := &securing.Events{Store: store, Trail: h}
	all, err := events.Since(t.Context(), administrator(), time.Time{})
	require.NoError(t, err)
	require.Len(t, all, 500)
	assert.Equal(t, "599", all[0].Cause, "newest first")
	assert.Equal(t, []string{"Admin/ListEvents user=professional/99999903 result=500"}, h.said())
	some, err := events.Since(t.Context(), administrator(), noon.Add(598*time.Second))
	require.NoError(t, err)
	assert.Len(t, some, 2)
	assert.Equal(t, []string{"Admin/ListEvents user=professional/99999903 filter=since 2026-11-21T12:09:58Z result=2"}, h.said())
}
