package sqlstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

func hash(n int) [32]byte { return sha256.Sum256(fmt.Append(nil, n)) }

// begun returns the claim of the n-th key, whose body is the key too.
func begun(t *testing.T, db *DB, n int) ports.ReplyClaim {
	t.Helper()
	_, claim, err := db.Replies().Begin(context.Background(), hash(n), hash(n), start.AddDate(100, 0, 0))
	require.NoError(t, err)
	require.NotNil(t, claim)
	return *claim
}

func TestSecurityStatements(t *testing.T) {
	ctx := context.Background()
	now := start
	db := openedBy(t, func() time.Time { return now }, 1)[0]
	until := start.Add(24 * time.Hour)
	require.NoError(t, db.Replies().Keep(ctx, begun(t, db, 1), []byte("kept")))
	claims := []ports.ReplyClaim{}
	for n := 10; n < 15; n++ {
		claims = append(claims, begun(t, db, n))
	}
	now = now.Add(lease) // the claims lapse
	unit := func(keep, before bool) func() error {
		claim := claims[0]
		claims = claims[1:]
		return func() error {
			return db.Units().Run(ctx, func(ctx context.Context) error {
				if before {
					require.NoError(t, db.Sessions().Put(ctx, hash(1), identity.Caller{}, until))
				}
				if keep {
					return db.Replies().Keep(ctx, claim, []byte("reply"))
				}
				return nil
			}, nothing)
		}
	}
	for _, c := range []struct {
		name string
		call func() error
		want int // without the PRAGMAs that say whether to wait for the disk
	}{
		{"Begin of a new key: the claim", func() error { begun(t, db, 2); return nil }, 1},
		{"Begin that takes a claim over", func() error { begun(t, db, 14); return nil }, 1},
		{"Begin of a kept reply: no claim, the reply", func() error {
			_, _, err := db.Replies().Begin(ctx, hash(1), hash(1), until)
			return err
		}, 2},
		{"Keep in a unit of work: begin, reply, commit", unit(true, false), 3},
		{"Keep in a unit of work that has written: the reply and no savepoint", unit(true, true), 4},
		{"that unit without Keep", unit(false, true), 3},
		{"Drop", func() error { return db.Replies().Drop(ctx, claims[0]) }, 1},
		{"Mark of a new id", func() error { return db.Seen().Mark(ctx, hash(1), "m-1", until) }, 1},
		{"Mark of an id that was seen", func() error {
			require.ErrorIs(t, db.Seen().Mark(ctx, hash(1), "m-1", until), ports.ErrSeen)
			return nil
		}, 1},
		{"Put of a session", func() error { return db.Sessions().Put(ctx, hash(1), identity.Caller{}, until) }, 1},
		{"Get of a session", func() error { _, _, err := db.Sessions().Get(ctx, hash(1), now); return err }, 1},
		{"Delete of a session", func() error { return db.Sessions().Delete(ctx, hash(1)) }, 1},
		{"Grants", func() error { _, err := db.Grants().Grants(ctx); return err }, 1},
		{"Update of one grant: begin, all, insert, commit", func() error {
			return db.Grants().Update(ctx, func(all []trust.Grant) ([]trust.Grant, error) { return append(all, trust.Grant{ID: "1"}), nil })
		}, 4},
		{"Record of 50 events: begin, insert, commit", func() error {
			return db.SecurityEvents().Record(ctx, until, make([]audit.Refusal, 50)...)
		}, 3},
		{"Since", func() error { _, err := db.SecurityEvents().Since(ctx, start, 10); return err }, 1},
		{"Purge", func() error { _, err := db.Seen().Purge(ctx, now, 1000); return err }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, pragmas := 0, 0
			db.observe = func(statement string) {
				all++
				if strings.HasPrefix(statement, "PRAGMA synchronous = ") {
					pragmas++
				}
			}
			require.NoError(t, c.call())
			assert.Equal(t, c.want, all-pragmas)
		})
	}
}

func TestSecurityPlans(t *testing.T) {
	db := opened(t)
	for _, c := range []struct {
		name, text string
		args       []any
		want       string // the step that finds rows
	}{
		{"find a reply", findReply, []any{[]byte{1}, 1}, "SEARCH security_reply USING INDEX sqlite_autoindex_security_reply_1 (key_hash=?)"},
		{"keep a reply", keepReply, []any{[]byte{1}, []byte{1}, 1, 1}, "SEARCH security_reply USING INDEX sqlite_autoindex_security_reply_1 (key_hash=?)"},
		{"drop a claim", dropReply, []any{[]byte{1}, 1}, "SEARCH security_reply USING INDEX sqlite_autoindex_security_reply_1 (key_hash=?)"},
		{"SA-55 find a session", findSession, []any{[]byte{1}, 1}, "SEARCH security_session USING INDEX sqlite_autoindex_security_session_1 (token_hash=?)"},
		{"delete a session", deleteSession, []any{[]byte{1}}, "SEARCH security_session USING INDEX sqlite_autoindex_security_session_1 (token_hash=?)"},
		{"find events", findEvents, []any{1, 10}, "SEARCH security_event USING INDEX security_event_at (at>?)"},
		{"purge replies", purgeReplies, []any{1, 10, 1}, "SEARCH security_reply USING INDEX security_reply_until (until<?)"},
		{"purge message ids", purgeSeen, []any{1, 10, 1}, "SEARCH security_seen USING COVERING INDEX security_seen_until (until<?)"},
		{"purge sessions", purgeSessions, []any{1, 10, 1}, "SEARCH security_session USING INDEX security_session_until (until<?)"},
		{"purge events", purgeEvents, []any{1, 10, 1}, "SEARCH security_event USING COVERING INDEX security_event_until (until<?)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := plan(t, db, c.text, c.args...)
			assert.Contains(t, got, c.want)
			assert.NotContains(t, got, "SCAN")
			assert.NotContains(t, got, "TEMP B-TREE")
		})
	}
	// An upsert finds the row by the index whose columns it names; it has no step of its own in the plan.
	for name, text := range map[string]string{"claim a reply": claimReply, "mark a message id": markSeen, "put a session": putSession} {
		t.Run(name, func(t *testing.T) {
			args := make([]any, strings.Count(text, "?"))
			for i := range args {
				args[i] = 1
			}
			assert.NotContains(t, plan(t, db, text, args...), "SCAN")
		})
	}
}

// What does not wait for the disk must not leave the connection so.
func TestUnsynced(t *testing.T) {
	ctx := context.Background()

	t.Run("after Begin and Drop commits wait for the disk again", func(t *testing.T) {
		db := opened(t)
		levels := []string{}
		db.observe = func(statement string) {
			if strings.HasPrefix(statement, "INSERT INTO security") || strings.HasPrefix(statement, "DELETE FROM security") {
				levels = append(levels, pragma(t, lite(db).writing, "synchronous"))
			}
		}
		claim := begun(t, db, 1)
		assert.Equal(t, "2", pragma(t, lite(db).writing, "synchronous"))
		require.NoError(t, db.Replies().Drop(ctx, claim))
		assert.Equal(t, "2", pragma(t, lite(db).writing, "synchronous"))
		require.NoError(t, db.Seen().Mark(ctx, hash(1), "m-1", time.Now().Add(time.Hour)))
		assert.Equal(t, []string{"1", "1", "2"}, levels, "Begin, Drop, and Mark, which is to outlast a loss of power")
	})

	t.Run("also after a statement that fails", func(t *testing.T) {
		db := opened(t)
		_, err := db.unsynced(ctx, "INSERT INTO security_seen (signer) VALUES (1)")
		require.Error(t, err)
		assert.Equal(t, "2", pragma(t, lite(db).writing, "synchronous"))
		begun(t, db, 1)
	})

	t.Run("a connection that does not wait again writes no more", func(t *testing.T) {
		db := opened(t)
		_, err := db.unsynced(ctx, "BEGIN") // within a transaction SQLite keeps the level
		require.NoError(t, err)
		err = db.Seen().Mark(ctx, hash(1), "m-1", time.Now().Add(time.Hour))
		require.True(t, fault.Is(err, fault.Unavailable), "Mark: %v", err)
	})
}

// A store whose one transaction that writes is taken says so instead of waiting for itself.
func TestOwnTransactionWithinUnitThatHasWritten(t *testing.T) {
	db, until := opened(t), time.Now().Add(time.Hour)
	claim := begun(t, db, 1)
	require.NoError(t, db.Units().Run(context.Background(), func(ctx context.Context) error {
		require.NoError(t, db.Sessions().Put(ctx, hash(1), identity.Caller{}, until))
		_, _, begin := db.Replies().Begin(ctx, hash(2), hash(2), until)
		_, purge := db.Seen().Purge(ctx, until, 1)
		for i, err := range []error{begin, purge, db.Replies().Drop(ctx, claim), db.Seen().Mark(ctx, hash(1), "m-1", until),
			db.SecurityEvents().Record(ctx, until, audit.Refusal{})} {
			assert.ErrorIs(t, err, errHeld, "call %d", i)
		}
		return nil
	}, nothing))
	_, _, err := db.Sessions().Get(context.Background(), hash(1), time.Now())
	require.NoError(t, err, "the unit goes on")
}

// A statement that fails within a unit without savepoint takes the unit with it, even if its caller does not.
func TestStatementFailsWithinUnit(t *testing.T) {
	db, until := opened(t), time.Now().Add(time.Hour)
	var commit *ports.CommitError
	err := db.Units().Run(context.Background(), func(ctx context.Context) error {
		require.NoError(t, db.Sessions().Put(ctx, hash(1), identity.Caller{}, until))
		_, failed := db.one(ctx, nil, "INSERT INTO security_seen (signer) VALUES (1)")
		require.Error(t, failed)
		again := db.Sessions().Put(ctx, hash(2), identity.Caller{}, until)
		require.ErrorIs(t, again, failed, "what follows fails likewise")
		return nil
	}, nothing)
	require.ErrorAs(t, err, &commit)
	_, _, err = db.Sessions().Get(context.Background(), hash(1), time.Now())
	require.ErrorIs(t, err, ports.ErrNoSession)
}

// Those who waited leave nothing behind, whether they were woken or gave up.
func TestNobodyWaitsForever(t *testing.T) {
	db := opened(t)
	claim := begun(t, db, 1)
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, _, err := db.Replies().Begin(short, hash(1), hash(1), time.Now().Add(time.Hour))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Empty(t, db.ended.waiting)
	require.NoError(t, db.Replies().Keep(context.Background(), claim, nil))
	_, _, err = db.Replies().Begin(context.Background(), hash(1), hash(1), time.Now().Add(time.Hour))
	require.NoError(t, err)
	assert.Empty(t, db.ended.waiting)
}

// Who waits is woken when the claim ends, also if that happens just after it looked: here nobody looks twice by itself.
func TestWhoWaitsIsWoken(t *testing.T) {
	for name, end := range map[string]func(*DB, ports.ReplyClaim) error{
		"kept": func(db *DB, c ports.ReplyClaim) error {
			return db.Replies().Keep(context.Background(), c, []byte("answer"))
		},
		"dropped": func(db *DB, c ports.ReplyClaim) error { return db.Replies().Drop(context.Background(), c) },
	} {
		t.Run(name, func(t *testing.T) {
			db := opened(t)
			db.claimPoll = time.Hour
			claim, asked := begun(t, db, 1), 0
			db.now = func() time.Time {
				// Begin asks for the time when it claims, when it looks the claim up, and when it has found it.
				if asked++; asked == 3 {
					assert.NoError(t, end(db, claim))
				}
				return time.Now()
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			reply, next, err := db.Replies().Begin(ctx, hash(1), hash(1), time.Now().Add(time.Hour))
			require.NoError(t, err)
			assert.Equal(t, name == "dropped", next != nil)
			assert.Equal(t, name == "kept", string(reply) == "answer")
		})
	}
}
