package portstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/ports"
)

func replyStoreClaims(t *testing.T, open OpenReplyStore) {
	t.Run("SA-21 after Drop the next Begin gets a claim, of whatever body", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		for _, body := range [][32]byte{bodyA, bodyA, bodyB} {
			claim := claimed(ctx, t, hs.first().Store, keyA, body)
			require.NoError(t, hs.first().Store.Drop(ctx, claim))
		}
		claim := claimed(ctx, t, hs.last().Store, keyA, bodyA)
		require.NoError(t, hs.last().Store.Keep(ctx, claim, []byte("answer")))
		requireReply(ctx, t, hs.first().Store, keyA, bodyA, "answer")
	})

	t.Run("Drop of a claim that is held no more leaves the next one alone", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		dropped := claimed(ctx, t, s, keyA, bodyA)
		require.NoError(t, s.Drop(ctx, dropped))
		require.NoError(t, s.Drop(ctx, dropped))
		next := claimed(ctx, t, s, keyA, bodyA) // of the same time: the clock stands
		require.NotEqual(t, dropped.Token, next.Token)
		require.NoError(t, s.Drop(ctx, dropped))
		requireHeld(t, hs.last().Store, keyA, bodyA)
		require.NoError(t, s.Keep(ctx, next, []byte("answer")))
		require.NoError(t, s.Drop(ctx, next))
		requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
	})

	t.Run("Keep of a claim that has ended, or that never was, is ErrClaimLost and changes nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		dropped := claimed(ctx, t, s, keyA, bodyA)
		require.NoError(t, s.Drop(ctx, dropped))
		err := s.Keep(ctx, dropped, []byte("late"))
		require.ErrorIs(t, err, ports.ErrClaimLost)
		require.True(t, fault.Is(err, fault.Conflict))
		kept := claimed(ctx, t, s, keyA, bodyA)
		require.ErrorIs(t, s.Keep(ctx, dropped, []byte("late")), ports.ErrClaimLost)
		require.ErrorIs(t, s.Keep(ctx, ports.ReplyClaim{Key: keyB, Token: kept.Token}, []byte("another's")), ports.ErrClaimLost)
		requireHeld(t, hs.last().Store, keyA, bodyA)
		require.NoError(t, s.Keep(ctx, kept, []byte("answer")))
		require.ErrorIs(t, s.Keep(ctx, kept, []byte("again")), ports.ErrClaimLost)
		requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
		claimed(ctx, t, hs.last().Store, keyB, bodyA)
	})

	t.Run("a claim lapses after two minutes", func(t *testing.T) {
		for name, body := range map[string][32]byte{"same body": bodyA, "another body": bodyB} {
			t.Run(name, func(t *testing.T) {
				hs, clock := open.opened(t)
				ctx := bounded(t)
				old := claimed(ctx, t, hs.first().Store, keyA, bodyA)
				clock.advance(2*time.Minute - tick)
				requireHeld(t, hs.last().Store, keyA, bodyA)
				clock.advance(tick)
				taken := claimed(ctx, t, hs.last().Store, keyA, body)
				require.NotEqual(t, old.Token, taken.Token)
				require.ErrorIs(t, hs.first().Store.Keep(ctx, old, []byte("late")), ports.ErrClaimLost)
				require.NoError(t, hs.first().Store.Drop(ctx, old))
				clock.advance(2*time.Minute - tick)
				requireHeld(t, hs.first().Store, keyA, body)
				require.NoError(t, hs.last().Store.Keep(ctx, taken, []byte("answer")))
				requireReply(ctx, t, hs.first().Store, keyA, body, "answer")
			})
		}
	})

	t.Run("a claim that lapsed and that nobody took over is still held", func(t *testing.T) {
		hs, clock := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		kept, dropped := claimed(ctx, t, s, keyA, bodyA), claimed(ctx, t, s, keyB, bodyA)
		clock.advance(time.Hour)
		require.NoError(t, s.Keep(ctx, kept, []byte("answer")))
		requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
		require.NoError(t, s.Drop(ctx, dropped))
		claimed(ctx, t, hs.last().Store, keyB, bodyB)
	})

	t.Run("of 20 that find a lapsed claim one takes it over", func(t *testing.T) {
		hs, clock := open.opened(t)
		ctx := bounded(t)
		claimed(ctx, t, hs.first().Store, keyA, bodyA)
		clock.advance(2 * time.Minute)
		waiting, cancel := context.WithCancel(ctx)
		defer cancel()
		claims := make(chan *ports.ReplyClaim)
		for i := range 20 {
			go func() {
				_, claim, err := hs.nth(i).Store.Begin(waiting, keyA, bodyA, noon.Add(day))
				if err != nil && !errors.Is(err, context.Canceled) {
					assert.NoError(t, err)
				}
				claims <- claim
			}()
		}
		require.NotNil(t, <-claims, "the first to return has the claim: the others wait")
		cancel()
		for range 19 {
			assert.Nil(t, <-claims, "a second claim")
		}
	})
}

func replyStoreUnits(t *testing.T, open OpenReplyStore) {
	t.Run("Keep in a unit that commits is seen after the commit", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		claim := claimed(ctx, t, hs.first().Store, keyA, bodyA)
		require.NoError(t, hs.first().Units.Run(ctx, func(ctx context.Context) error {
			return hs.first().Store.Keep(ctx, claim, []byte("answer"))
		}, func(context.Context) error {
			// A backend may have Begin wait for the unit, or give up.
			short, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
			defer cancel()
			reply, other, err := hs.last().Store.Begin(short, keyA, bodyA, noon.Add(day))
			require.Error(t, err)
			require.Nil(t, other)
			require.Empty(t, reply)
			return nil
		}))
		requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
	})

	t.Run("Keep in a unit that rolls back is seen by nobody, and the claim is still held", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		claim := claimed(ctx, t, s, keyA, bodyA)
		waited := make(chan string, 1)
		rolledBack(ctx, t, hs.first().Units, func(inside context.Context) {
			require.NoError(t, s.Keep(inside, claim, []byte("never")))
			go func() {
				reply, other, err := hs.last().Store.Begin(ctx, keyA, bodyA, noon.Add(day))
				if assert.NoError(t, err) && other != nil {
					assert.NoError(t, hs.last().Store.Drop(ctx, *other))
				}
				waited <- string(reply)
			}()
		})
		requireHeld(t, s, keyA, bodyA)
		require.NoError(t, s.Drop(ctx, claim))
		assert.Empty(t, <-waited)
		kept := claimed(ctx, t, s, keyA, bodyA)
		require.NoError(t, s.Keep(ctx, kept, []byte("answer")))
		requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
	})

	t.Run("Keep after a rollback keeps", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		claim := claimed(ctx, t, s, keyA, bodyA)
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) { require.NoError(t, s.Keep(ctx, claim, []byte("never"))) })
		require.NoError(t, s.Keep(ctx, claim, []byte("answer")))
		requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
	})

	t.Run("a unit that finds its claim lost changes nothing", func(t *testing.T) {
		hs, clock := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		lost := claimed(ctx, t, s, keyA, bodyA)
		clock.advance(2 * time.Minute)
		taken := claimed(ctx, t, hs.last().Store, keyA, bodyA)
		effect := claimed(ctx, t, s, keyB, bodyA)
		err := hs.first().Units.Run(ctx, func(ctx context.Context) error {
			require.NoError(t, s.Keep(ctx, effect, []byte("effect")))
			return s.Keep(ctx, lost, []byte("late"))
		}, nothing)
		require.ErrorIs(t, err, ports.ErrClaimLost)
		requireHeld(t, s, keyB, bodyA)
		require.NoError(t, hs.last().Store.Keep(ctx, taken, []byte("answer")))
		requireReply(ctx, t, s, keyA, bodyA, "answer")
	})

	t.Run("a Keep that fails leaves the unit alone", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		claim := claimed(ctx, t, s, keyA, bodyA)
		committed(ctx, t, hs.first().Units, func(ctx context.Context) {
			require.NoError(t, s.Keep(ctx, claim, []byte("answer")))
			require.ErrorIs(t, s.Keep(ctx, claim, []byte("again")), ports.ErrClaimLost)
		})
		requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
	})

	t.Run("Begin and Drop are transactions of their own", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		dropped := claimed(ctx, t, s, keyB, bodyA)
		var claim ports.ReplyClaim
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			claim = claimed(ctx, t, s, keyA, bodyA)
			require.NoError(t, s.Drop(ctx, dropped))
			requireHeld(t, hs.last().Store, keyA, bodyA)
		})
		requireHeld(t, hs.last().Store, keyA, bodyA)
		require.NoError(t, s.Keep(ctx, claim, []byte("answer")))
		claimed(ctx, t, hs.last().Store, keyB, bodyB)
	})

	t.Run("within a unit that has written Begin and Drop work or fail, and never wait for it", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		dropped, written := claimed(ctx, t, s, keyB, bodyA), claimed(ctx, t, s, keyA, bodyA)
		var claim *ports.ReplyClaim
		var began, drop error
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			require.NoError(t, s.Keep(ctx, written, []byte("never")))
			_, claim, began = s.Begin(ctx, replyKey(3), bodyA, noon.Add(day))
			drop = s.Drop(ctx, dropped)
		})
		require.NotErrorIs(t, began, context.DeadlineExceeded)
		require.NotErrorIs(t, drop, context.DeadlineExceeded)
		if began == nil {
			require.NotNil(t, claim)
			requireHeld(t, s, replyKey(3), bodyA)
		} else {
			claimed(ctx, t, s, replyKey(3), bodyB)
		}
		if drop == nil {
			claimed(ctx, t, s, keyB, bodyB)
		} else {
			requireHeld(t, s, keyB, bodyA)
		}
	})

	t.Run("Drop with the context of a unit that has ended works", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		claim := claimed(ctx, t, s, keyA, bodyA)
		var inside context.Context
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			inside = ctx
			require.NoError(t, s.Keep(ctx, claim, []byte("never")))
		})
		require.NoError(t, s.Drop(inside, claim))
		claimed(ctx, t, hs.last().Store, keyA, bodyB)
	})
}
