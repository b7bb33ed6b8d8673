package memory

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// Who waits is woken when the claim ends: here nobody looks twice by itself.
func TestWhoWaitsIsWoken(t *testing.T) {
	for name, end := range map[string]func(context.Context, *DB, ports.ReplyClaim) error{
		"kept": func(ctx context.Context, db *DB, c ports.ReplyClaim) error {
			return db.Replies().Keep(ctx, c, []byte("answer"))
		},
		"dropped": func(ctx context.Context, db *DB, c ports.ReplyClaim) error { return db.Replies().Drop(ctx, c) },
		"purged": func(ctx context.Context, db *DB, _ ports.ReplyClaim) error {
			_, err := db.Replies().Purge(ctx, time.Now().Add(day), 1)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			calls, looked := 0, make(chan struct{})
			db := New(func() time.Time { // under the lock
				if calls++; calls == 2 {
					close(looked) // the second Begin has found the claim, once it lets go of the lock
				}
				return time.Now()
			})
			db.claimPoll = time.Hour
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_, claim, err := db.Replies().Begin(ctx, ports.ReplyKey{}, [32]byte{}, time.Now().Add(time.Hour))
			require.NoError(t, err)
			woken := make(chan bool)
			go func() {
				reply, next, err := db.Replies().Begin(ctx, ports.ReplyKey{}, [32]byte{}, time.Now().Add(time.Hour))
				woken <- err == nil && (next != nil) == (name != "kept") && (string(reply) == "answer") == (name == "kept")
			}()
			<-looked
			require.NoError(t, end(ctx, db, *claim))
			assert.True(t, <-woken)
		})
	}
}

const day = 24 * time.Hour

// A database whose lock the unit of work holds says so instead of waiting for itself.
func TestOwnTransactionWithinUnitThatHasWritten(t *testing.T) {
	db, until := New(time.Now), time.Now().Add(time.Hour)
	require.NoError(t, db.Units().Run(context.Background(), func(ctx context.Context) error {
		require.NoError(t, db.Sessions().Put(ctx, [32]byte{}, identity.Caller{}, until))
		_, _, begin := db.Replies().Begin(ctx, ports.ReplyKey{}, [32]byte{}, until)
		_, purge := db.Seen().Purge(ctx, until, 1)
		for i, err := range []error{begin, purge, db.Replies().Drop(ctx, ports.ReplyClaim{}), db.Seen().Mark(ctx, [32]byte{}, "m-1", until),
			db.SecurityEvents().Record(ctx, until, audit.Refusal{})} {
			assert.ErrorIs(t, err, errHeld, "call %d", i)
		}
		return nil
	}, func(context.Context) error { return nil }))
	_, _, err := db.Sessions().Get(context.Background(), [32]byte{}, time.Now())
	require.NoError(t, err, "the unit goes on")
}

func TestLimitedReplies(t *testing.T) {
	ctx, clock := context.Background(), time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	db := New(func() time.Time { return clock })
	db.LimitReplies(10)
	kept := func(key byte, reply string) bool {
		_, claim, err := db.Replies().Begin(ctx, ports.ReplyKey{key}, [32]byte{}, clock.Add(time.Hour))
		require.NoError(t, err)
		require.NotNil(t, claim)
		require.NoError(t, db.Replies().Keep(ctx, *claim, []byte(reply)))
		again, claim, err := db.Replies().Begin(ctx, ports.ReplyKey{key}, [32]byte{}, clock.Add(time.Hour))
		require.NoError(t, err)
		if claim != nil {
			require.NoError(t, db.Replies().Drop(ctx, *claim))
		}
		return string(again) == reply
	}
	assert.True(t, kept(1, "123456"))
	assert.False(t, kept(2, "12345"), "there is place for four octets")
	assert.True(t, kept(3, "1234"))
	clock = clock.Add(time.Hour)
	assert.True(t, kept(1, "123456"), "in the place of one that has ended")
	_, err := db.Replies().Purge(ctx, clock, 10)
	require.NoError(t, err)
	assert.True(t, kept(4, "1234"), "in the place of one that was purged")
	assert.False(t, kept(5, "1"))
}
