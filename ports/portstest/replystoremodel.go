package portstest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/ports"
)

// naiveReply is a row of a store of answers written for the eye.
type naiveReply struct {
	body         [32]byte
	claim        int // index of the latest claim
	kept         bool
	reply        string
	lease, until time.Time
}

func replyStoreModel(t *testing.T, open OpenReplyStore) {
	rapid.Check(t, func(r *rapid.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		hs, clock := open.opened(t)
		rows := map[ports.ReplyKey]*naiveReply{}
		var claims []ports.ReplyClaim
		handle := func(r *rapid.T) Handle[ports.ReplyStore] { return hs.nth(rapid.IntRange(0, 1).Draw(r, "handle")) }
		// held is the row of a claim that is held still, else nil.
		held := func(i int) *naiveReply {
			row := rows[claims[i].Key]
			if row == nil || row.claim != i || row.kept || !row.until.After(clock.now()) {
				return nil
			}
			return row
		}
		anyClaim := func(r *rapid.T) int {
			if len(claims) == 0 {
				r.Skip("no claim yet")
			}
			return rapid.IntRange(0, len(claims)-1).Draw(r, "claim")
		}
		r.Repeat(map[string]func(*rapid.T){
			"begin": func(r *rapid.T) {
				s, now := handle(r).Store, clock.now()
				key := rapid.SampledFrom([]ports.ReplyKey{keyA, keyB}).Draw(r, "key")
				body := rapid.SampledFrom([][32]byte{bodyA, bodyB}).Draw(r, "body")
				until := now.Add(rapid.SampledFrom([]time.Duration{time.Minute, time.Hour}).Draw(r, "until"))
				row := rows[key]
				free := row == nil || !row.until.After(now) || !row.kept && !row.lease.After(now)
				ctx := ctx
				if !free && !row.kept && row.body == body {
					short, cancel := context.WithTimeout(ctx, time.Millisecond)
					defer cancel()
					ctx = short
				}
				reply, claim, err := s.Begin(ctx, key, body, until)
				switch {
				case free:
					require.NoError(r, err)
					require.NotNil(r, claim, "Begin of a free key")
					require.NotContains(r, claims, *claim, "a claim twice")
					rows[key] = &naiveReply{body: body, claim: len(claims), lease: now.Add(2 * time.Minute), until: until}
					claims = append(claims, *claim)
				case row.body != body:
					require.ErrorIs(r, err, ports.ErrMessageIDReused)
				case row.kept:
					require.NoError(r, err)
					require.Nil(r, claim)
					require.Equal(r, row.reply, string(reply))
				default:
					require.ErrorIs(r, err, context.DeadlineExceeded)
				}
			},
			"keep": func(r *rapid.T) {
				h, i := handle(r), anyClaim(r)
				reply := rapid.StringN(0, 8, 8).Draw(r, "reply")
				row := held(i)
				commit := rapid.IntRange(0, 2).Draw(r, "commit") > 0
				var kept error
				err := h.Units.Run(ctx, func(ctx context.Context) error {
					kept = h.Store.Keep(ctx, claims[i], []byte(reply))
					if !commit {
						return errBoom
					}
					return nil
				}, nothing)
				if !commit {
					require.Equal(r, errBoom, err)
				}
				if row == nil {
					require.ErrorIs(r, kept, ports.ErrClaimLost)
					return
				}
				require.NoError(r, kept)
				if commit {
					require.NoError(r, err)
					row.kept, row.reply = true, reply
				}
			},
			"drop": func(r *rapid.T) {
				s, i := handle(r).Store, anyClaim(r)
				require.NoError(r, s.Drop(ctx, claims[i]))
				if held(i) != nil {
					delete(rows, claims[i].Key)
				}
			},
			"purge": func(r *rapid.T) {
				_, err := handle(r).Store.Purge(ctx, clock.now(), rapid.IntRange(1, 2).Draw(r, "n"))
				require.NoError(r, err)
			},
			"wait": func(r *rapid.T) {
				clock.advance(rapid.SampledFrom([]time.Duration{tick, time.Minute - tick, time.Minute, 2 * time.Minute, time.Hour}).Draw(r, "for"))
			},
		})
	})
}
