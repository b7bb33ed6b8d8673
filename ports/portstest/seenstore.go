package portstest

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/ports"
)

// OpenSeenStore opens a store of message ids.
type OpenSeenStore = Open[ports.SeenStore]

// SeenStore runs the contract of ports.SeenStore.
func SeenStore(t *testing.T, open OpenSeenStore) {
	signer, another := sha256.Sum256([]byte("signer")), sha256.Sum256([]byte("another"))
	until := noon.Add(15 * time.Minute)

	t.Run("an id is taken once", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		require.NoError(t, hs.first().Store.Mark(ctx, signer, "m-1", until))
		for _, h := range hs {
			err := h.Store.Mark(ctx, signer, "m-1", until)
			require.ErrorIs(t, err, ports.ErrSeen)
			require.True(t, fault.Is(err, fault.Conflict))
		}
	})

	t.Run("ids and signers are told apart", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		long := strings.Repeat("x", 255)
		ids := []string{"m-1", "M-1", "m-1 ", "m-1\x00", "m", "m-11", "", "æ", "æ ", long + "1", long + "2"}
		for _, by := range [][32]byte{signer, another} {
			for _, id := range ids {
				require.NoError(t, s.Mark(ctx, by, id, until), "%q", id)
			}
		}
		for _, id := range ids {
			require.ErrorIs(t, s.Mark(ctx, signer, id, until), ports.ErrSeen, "%q", id)
		}
	})

	t.Run("what is past its until does not exist", func(t *testing.T) {
		hs, clock := open.opened(t)
		ctx, s := bounded(t), hs.last().Store
		require.NoError(t, hs.first().Store.Mark(ctx, signer, "m-1", until))
		clock.advance(15*time.Minute - tick)
		require.ErrorIs(t, s.Mark(ctx, signer, "m-1", until.Add(time.Hour)), ports.ErrSeen)
		clock.advance(tick)
		require.NoError(t, s.Mark(ctx, signer, "m-1", until.Add(time.Hour)), "what was refused did not last longer for it")
		clock.advance(time.Hour - tick)
		require.ErrorIs(t, s.Mark(ctx, signer, "m-1", until.Add(day)), ports.ErrSeen)
	})

	t.Run("SA-41 of 100 at once exactly one succeeds", func(t *testing.T) {
		for _, before := range []string{"a new id", "an id past its until"} {
			t.Run(before, func(t *testing.T) {
				hs, clock := open.opened(t)
				ctx := bounded(t)
				if before != "a new id" {
					require.NoError(t, hs.first().Store.Mark(ctx, signer, "m-1", noon.Add(time.Second)))
					clock.advance(time.Second)
				}
				errs := make(chan error)
				for i := range 100 {
					go func() { errs <- hs.nth(i).Store.Mark(ctx, signer, "m-1", until) }()
				}
				taken := 0
				for range 100 {
					if err := <-errs; err == nil {
						taken++
					} else if !errors.Is(err, ports.ErrSeen) {
						assert.NoError(t, err)
					}
				}
				assert.Equal(t, 1, taken)
			})
		}
	})

	t.Run("Mark is a transaction of its own", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		var inside context.Context
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			inside = ctx
			require.NoError(t, s.Mark(ctx, signer, "m-1", until))
			require.ErrorIs(t, hs.last().Store.Mark(ctx, signer, "m-1", until), ports.ErrSeen)
		})
		require.ErrorIs(t, s.Mark(ctx, signer, "m-1", until), ports.ErrSeen)
		require.NoError(t, s.Mark(inside, signer, "m-2", until), "with the context of a unit that has ended")
	})

	t.Run("a context that has ended marks nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		require.ErrorIs(t, hs.first().Store.Mark(ended(), signer, "m-1", until), context.Canceled)
		require.NoError(t, hs.last().Store.Mark(bounded(t), signer, "m-1", until))
	})

	t.Run("purge", func(t *testing.T) {
		id := func(row int) string { return "m-" + string(rune('a'+row)) }
		purger(t, func(t *testing.T) purged {
			hs, _ := open.opened(t)
			s := hs.first().Store
			return purged{s, hs.first().Units,
				func(ctx context.Context, row int, until time.Time) {
					require.NoError(t, s.Mark(ctx, signer, id(row), until))
				},
				func(ctx context.Context, row int) bool {
					return errors.Is(hs.last().Store.Mark(ctx, signer, id(row), until), ports.ErrSeen)
				}}
		})
	})
}
