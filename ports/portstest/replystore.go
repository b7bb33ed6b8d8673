package portstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/ports"
)

// OpenReplyStore opens a store of answers.
type OpenReplyStore = Open[ports.ReplyStore]

// ReplyStore runs the contract of ports.ReplyStore.
func ReplyStore(t *testing.T, open OpenReplyStore) {
	t.Run("replies", func(t *testing.T) { replyStoreReplies(t, open) })
	t.Run("waiting", func(t *testing.T) { replyStoreWaiting(t, open) })
	t.Run("claims", func(t *testing.T) { replyStoreClaims(t, open) })
	t.Run("unit of work", func(t *testing.T) { replyStoreUnits(t, open) })
	t.Run("purge", func(t *testing.T) {
		purger(t, func(t *testing.T) purged {
			hs, _ := open.opened(t)
			s := hs.first().Store
			return purged{s, hs.first().Units,
				func(ctx context.Context, row int, until time.Time) {
					_, claim, err := s.Begin(ctx, replyKey(row), bodyA, until)
					require.NoError(t, err)
					if row%2 == 0 { // the others are held still
						require.NoError(t, s.Keep(ctx, *claim, []byte("answer")))
					}
				},
				func(ctx context.Context, row int) bool {
					_, _, err := hs.last().Store.Begin(ctx, replyKey(row), bodyB, noon.Add(day))
					return err != nil
				}}
		})
	})
	t.Run("any run of calls answers as a naive store does", func(t *testing.T) { replyStoreModel(t, open) })
}

const day = 24 * time.Hour

var (
	bodyA, bodyB = sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b"))
	keyA, keyB   = replyKey(1), replyKey(2)
)

func replyKey(n int) ports.ReplyKey { return sha256.Sum256(fmt.Append(nil, "key ", n)) }

// claimed begins a call that nobody carries out.
func claimed(ctx context.Context, t *testing.T, s ports.ReplyStore, key ports.ReplyKey, body [32]byte) ports.ReplyClaim {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // nothing is to be waited for
	defer cancel()
	reply, claim, err := s.Begin(ctx, key, body, noon.Add(day))
	require.NoError(t, err)
	require.Nil(t, reply)
	require.NotNil(t, claim, "Begin: no claim")
	require.Equal(t, key, claim.Key)
	return *claim
}

// requireReply checks that a reply is kept.
func requireReply(ctx context.Context, t *testing.T, s ports.ReplyStore, key ports.ReplyKey, body [32]byte, want string) {
	t.Helper()
	reply, claim, err := s.Begin(ctx, key, body, noon.Add(day))
	require.NoError(t, err)
	require.Nil(t, claim, "Begin: a claim where a reply is kept")
	require.Equal(t, want, string(reply))
}

// requireHeld checks that a claim is held: Begin waits until its context ends.
func requireHeld(t *testing.T, s ports.ReplyStore, key ports.ReplyKey, body [32]byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	_, claim, err := s.Begin(ctx, key, body, noon.Add(day))
	require.Nil(t, claim)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func replyStoreReplies(t *testing.T, open OpenReplyStore) {
	t.Run("a reply that was kept is returned for the same body", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		claim := claimed(ctx, t, hs.first().Store, keyA, bodyA)
		require.NoError(t, hs.first().Store.Keep(ctx, claim, []byte("answer")))
		for range 3 {
			requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
		}
	})

	t.Run("every reply is kept byte by byte", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		for i, reply := range [][]byte{nil, {}, {0}, all, bytes.Repeat(all, 4096)} {
			claim := claimed(ctx, t, hs.first().Store, replyKey(i), bodyA)
			require.NoError(t, hs.first().Store.Keep(ctx, claim, reply))
			requireReply(ctx, t, hs.last().Store, replyKey(i), bodyA, string(reply))
		}
	})

	t.Run("keys have nothing to do with one another", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		a, b := claimed(ctx, t, s, keyA, bodyA), claimed(ctx, t, s, keyB, bodyA)
		require.NoError(t, s.Keep(ctx, b, []byte("answer b")))
		requireHeld(t, s, keyA, bodyA)
		require.NoError(t, s.Keep(ctx, a, []byte("answer a")))
		requireReply(ctx, t, s, keyA, bodyA, "answer a")
		requireReply(ctx, t, s, keyB, bodyA, "answer b")
	})

	t.Run("another body is ErrMessageIDReused, also while the first runs", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		claim := claimed(ctx, t, hs.first().Store, keyA, bodyA)
		for _, when := range []string{"held", "kept"} {
			reply, other, err := hs.last().Store.Begin(ctx, keyA, bodyB, noon.Add(day))
			require.ErrorIs(t, err, ports.ErrMessageIDReused, when)
			require.True(t, fault.Is(err, fault.Malformed), when)
			assert.Nil(t, reply, when)
			assert.Nil(t, other, when)
			if when == "held" {
				require.NoError(t, hs.first().Store.Keep(ctx, claim, []byte("answer")))
			}
		}
		requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
	})

	t.Run("the store keeps a copy, and the caller owns what it gets", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		claim, reply := claimed(ctx, t, s, keyA, bodyA), []byte("answer")
		require.NoError(t, s.Keep(ctx, claim, reply))
		copy(reply, "xxxxxx")
		got, _, err := s.Begin(ctx, keyA, bodyA, noon.Add(day))
		require.NoError(t, err)
		require.Equal(t, "answer", string(got))
		copy(got, "yyyyyy")
		requireReply(ctx, t, s, keyA, bodyA, "answer")
		assert.Equal(t, "yyyyyy", string(got), "what was returned is the caller's")
	})

	t.Run("what is past its until does not exist", func(t *testing.T) {
		hs, clock := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		_, kept, err := s.Begin(ctx, keyA, bodyA, noon.Add(time.Minute))
		require.NoError(t, err)
		_, held, err := s.Begin(ctx, keyB, bodyA, noon.Add(time.Minute))
		require.NoError(t, err)
		require.NoError(t, s.Keep(ctx, *kept, []byte("answer")))
		clock.advance(time.Minute - tick)
		requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
		requireHeld(t, hs.last().Store, keyB, bodyA)
		clock.advance(tick)
		require.ErrorIs(t, s.Keep(ctx, *held, []byte("late")), ports.ErrClaimLost)
		for _, key := range []ports.ReplyKey{keyA, keyB} {
			claim := claimed(ctx, t, hs.last().Store, key, bodyB)
			require.NoError(t, hs.last().Store.Keep(ctx, claim, []byte("new")))
			requireReply(ctx, t, s, key, bodyB, "new")
		}
	})
}

func replyStoreWaiting(t *testing.T, open OpenReplyStore) {
	type outcome struct {
		handle int
		reply  []byte
		claim  *ports.ReplyClaim
		err    error
	}
	// crowd has so many begin at once, and returns their outcomes as they come.
	crowd := func(ctx context.Context, hs handles[ports.ReplyStore], n int) (<-chan outcome, *sync.WaitGroup) {
		outcomes, all := make(chan outcome), &sync.WaitGroup{}
		for i := range n {
			all.Go(func() {
				reply, claim, err := hs.nth(i).Store.Begin(ctx, keyA, bodyA, noon.Add(day))
				outcomes <- outcome{i, reply, claim, err}
			})
		}
		return outcomes, all
	}

	t.Run("SA-20 of 50 that begin at once one gets the claim and 49 its reply", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		outcomes, all := crowd(ctx, hs, 50)
		claims := 0
		for range 50 {
			o := <-outcomes
			require.NoError(t, o.err)
			if o.claim != nil {
				claims++
				requireHeld(t, hs.last().Store, keyA, bodyA)
				require.NoError(t, hs.nth(o.handle).Store.Keep(ctx, *o.claim, []byte("answer")))
			} else {
				assert.Equal(t, "answer", string(o.reply))
			}
		}
		all.Wait()
		assert.Equal(t, 1, claims, "claims")
	})

	t.Run("whenever the claim is dropped one of those who wait gets it", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		outcomes, all := crowd(ctx, hs, 20)
		claims := 0
		for range 20 {
			o := <-outcomes
			require.NoError(t, o.err)
			if o.claim == nil {
				assert.Equal(t, "answer", string(o.reply))
				continue
			}
			if claims++; claims <= 5 {
				require.NoError(t, hs.nth(o.handle).Store.Drop(ctx, *o.claim))
			} else {
				require.NoError(t, hs.nth(o.handle).Store.Keep(ctx, *o.claim, []byte("answer")))
			}
		}
		all.Wait()
		assert.Equal(t, 6, claims, "claims")
	})

	t.Run("other calls go on while some wait", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		claim := claimed(ctx, t, hs.first().Store, keyA, bodyA)
		outcomes, all := crowd(ctx, hs, 8)
		for i := range 50 {
			other := claimed(ctx, t, hs.nth(i).Store, keyB, bodyA)
			require.NoError(t, hs.nth(i).Store.Drop(ctx, other))
		}
		require.NoError(t, hs.first().Store.Keep(ctx, claim, []byte("answer")))
		for range 8 {
			o := <-outcomes
			require.NoError(t, o.err)
			assert.Equal(t, "answer", string(o.reply))
		}
		all.Wait()
	})

	t.Run("the waiting ends with the context, and the claim is still held", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		claim := claimed(ctx, t, hs.first().Store, keyA, bodyA)
		requireHeld(t, hs.last().Store, keyA, bodyA)
		_, _, err := hs.last().Store.Begin(ended(), keyA, bodyA, noon.Add(day))
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, hs.first().Store.Keep(ctx, claim, []byte("answer")))
		requireReply(ctx, t, hs.last().Store, keyA, bodyA, "answer")
	})

	t.Run("a context that has ended claims nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		_, _, err := hs.first().Store.Begin(ended(), keyA, bodyA, noon.Add(day))
		require.ErrorIs(t, err, context.Canceled)
		claimed(bounded(t), t, hs.last().Store, keyA, bodyA)
	})

	t.Run("who waits takes over a claim that lapses", func(t *testing.T) {
		hs, clock := open.opened(t)
		ctx := bounded(t)
		lost := claimed(ctx, t, hs.first().Store, keyA, bodyA)
		outcomes, all := crowd(ctx, hs, 2)
		clock.advance(2 * time.Minute)
		o := <-outcomes
		require.NoError(t, o.err)
		require.NotNil(t, o.claim)
		require.ErrorIs(t, hs.first().Store.Keep(ctx, lost, []byte("late")), ports.ErrClaimLost)
		require.NoError(t, hs.nth(o.handle).Store.Keep(ctx, *o.claim, []byte("answer")))
		o = <-outcomes
		require.NoError(t, o.err)
		assert.Equal(t, "answer", string(o.reply))
		all.Wait()
	})
}
