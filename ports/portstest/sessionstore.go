package portstest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/ports"
)

// OpenSessionStore opens a store of sessions.
type OpenSessionStore = Open[ports.SessionStore]

func token(n int) [32]byte { return sha256.Sum256(fmt.Append(nil, "token ", n)) }

// citizenCaller returns a new caller with all that a copy must not share.
func citizenCaller(t *testing.T) identity.Caller {
	t.Helper()
	own, err := cpr.Parse("2512489996")
	require.NoError(t, err)
	child, err := cpr.Parse("1101116171")
	require.NoError(t, err)
	return identity.Caller{Kind: identity.Citizen, CPR: own, Name: "Nancy Berggren", OnBehalfOf: &identity.Principal{CPR: child, Kind: relation.Custody},
		HSUID: &identity.HSUID{Citizen: own}, Org: identity.Organisation{IDs: []identity.OrgID{{Scheme: "sor", Code: "999"}}},
		Credential: identity.Credential{Scheme: identity.Session, Origin: identity.IDWS, NotOnOrAfter: noon.Add(time.Hour)}}
}

func requireSession(ctx context.Context, t *testing.T, s ports.SessionStore, token [32]byte, now time.Time, want identity.Caller, until time.Time) {
	t.Helper()
	got, ends, err := s.Get(ctx, token, now)
	require.NoError(t, err)
	require.True(t, sameCaller(want, got), "Get: another caller than was put")
	require.Equal(t, until, ends)
}

func requireNoSession(ctx context.Context, t *testing.T, s ports.SessionStore, token [32]byte, now time.Time) {
	t.Helper()
	c, _, err := s.Get(ctx, token, now)
	require.ErrorIs(t, err, ports.ErrNoSession)
	require.True(t, fault.Is(err, fault.Unauthenticated))
	require.True(t, sameCaller(identity.Caller{}, c), "a caller without session")
}

// sameCaller compares whole callers; a failing test prints nobody.
func sameCaller(a, b identity.Caller) bool { return assert.ObjectsAreEqual(a, b) }

// SessionStore runs the contract of ports.SessionStore.
func SessionStore(t *testing.T, open OpenSessionStore) {
	until := noon.Add(time.Hour)

	t.Run("Get returns the caller that was put, whole", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		row := 0
		rapid.Check(t, func(r *rapid.T) {
			row++
			want := Callers().Draw(r, "caller")
			require.NoError(r, hs.first().Store.Put(ctx, token(row), want, until))
			got, ends, err := hs.last().Store.Get(ctx, token(row), noon)
			require.NoError(r, err)
			require.True(r, sameCaller(want, got), "Get: another caller than was put")
			require.Equal(r, until, ends)
		})
	})

	t.Run("a session that is not there, or has ended, is ErrNoSession", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.last().Store
		requireNoSession(ctx, t, s, token(1), noon)
		require.NoError(t, hs.first().Store.Put(ctx, token(1), citizenCaller(t), until))
		requireNoSession(ctx, t, s, token(2), noon)
		requireSession(ctx, t, s, token(1), until.Add(-tick), citizenCaller(t), until)
		requireNoSession(ctx, t, s, token(1), until)
		requireNoSession(ctx, t, s, token(1), until.Add(time.Hour))
	})

	t.Run("until is cut to microseconds and is UTC", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		require.NoError(t, hs.first().Store.Put(ctx, token(1), citizenCaller(t), until.Add(1999).In(time.FixedZone("CET", 3600))))
		requireSession(ctx, t, hs.last().Store, token(1), noon, citizenCaller(t), until.Add(tick))
		requireNoSession(ctx, t, hs.last().Store, token(1), until.Add(tick))
	})

	t.Run("Put replaces what the token has, until too", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		require.NoError(t, hs.first().Store.Put(ctx, token(1), citizenCaller(t), until))
		operator := identity.Caller{Kind: identity.Operator, Administrator: true}
		require.NoError(t, hs.last().Store.Put(ctx, token(1), operator, until.Add(-time.Minute)))
		requireSession(ctx, t, hs.first().Store, token(1), noon, operator, until.Add(-time.Minute))
	})

	t.Run("SA-55 Delete ends one session and no other", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		require.NoError(t, s.Delete(ctx, token(1)), "one that is not there")
		for n := range 3 {
			require.NoError(t, s.Put(ctx, token(n), citizenCaller(t), until))
		}
		require.NoError(t, s.Delete(ctx, token(1)))
		require.NoError(t, s.Delete(ctx, token(1)))
		requireSession(ctx, t, hs.last().Store, token(0), noon, citizenCaller(t), until)
		requireNoSession(ctx, t, hs.last().Store, token(1), noon)
		requireSession(ctx, t, hs.last().Store, token(2), noon, citizenCaller(t), until)
	})

	t.Run("SA-55 of 10,000 sessions one is ended, and the others go on", func(t *testing.T) {
		const sessions, ended = 10_000, 4711
		hs, _ := open.opened(t)
		ctx := bounded(t)
		committed(ctx, t, hs.first().Units, func(ctx context.Context) {
			for n := range sessions {
				require.NoError(t, hs.first().Store.Put(ctx, token(n), identity.Caller{Kind: identity.Citizen, MessageID: fmt.Sprint(n)}, until))
			}
		})
		require.NoError(t, hs.first().Store.Delete(ctx, token(ended)))
		requireNoSession(ctx, t, hs.last().Store, token(ended), until.Add(-tick))
		for n := 1; n < sessions; n += 10 {
			if n == ended {
				continue
			}
			c, _, err := hs.last().Store.Get(ctx, token(n), until.Add(-tick))
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(n), c.MessageID)
		}
	})

	t.Run("the store keeps a copy, and the caller owns what Get returns", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		spoil := func(c identity.Caller) {
			c.Org.IDs[0].Code, c.OnBehalfOf.Kind, c.HSUID.Citizen = "spoilt", relation.Proxy, cpr.Number{}
		}
		mine := citizenCaller(t)
		require.NoError(t, s.Put(ctx, token(1), mine, until))
		spoil(mine)
		got, _, err := s.Get(ctx, token(1), noon)
		require.NoError(t, err)
		require.True(t, sameCaller(citizenCaller(t), got))
		spoil(got)
		requireSession(ctx, t, s, token(1), noon, citizenCaller(t), until)
	})

	t.Run("Put and Delete join the unit of work", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		require.NoError(t, s.Put(ctx, token(1), citizenCaller(t), until))
		change := func(ctx context.Context) {
			require.NoError(t, s.Delete(ctx, token(1)))
			require.NoError(t, s.Put(ctx, token(2), citizenCaller(t), until))
			requireNoSession(ctx, t, s, token(1), noon)
			requireSession(ctx, t, s, token(2), noon, citizenCaller(t), until)
		}
		rolledBack(ctx, t, hs.first().Units, change)
		requireSession(ctx, t, hs.last().Store, token(1), noon, citizenCaller(t), until)
		requireNoSession(ctx, t, hs.last().Store, token(2), noon)
		committed(ctx, t, hs.first().Units, change)
		requireNoSession(ctx, t, hs.last().Store, token(1), noon)
		requireSession(ctx, t, hs.last().Store, token(2), noon, citizenCaller(t), until)
	})

	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		require.NoError(t, s.Put(ctx, token(1), citizenCaller(t), until))
		require.ErrorIs(t, s.Delete(ended(), token(1)), context.Canceled)
		require.ErrorIs(t, s.Put(ended(), token(2), citizenCaller(t), until), context.Canceled)
		_, _, err := s.Get(ended(), token(1), noon)
		require.ErrorIs(t, err, context.Canceled)
		requireSession(ctx, t, hs.last().Store, token(1), noon, citizenCaller(t), until)
		requireNoSession(ctx, t, hs.last().Store, token(2), noon)
	})

	t.Run("purge", func(t *testing.T) {
		purger(t, func(t *testing.T) purged {
			hs, _ := open.opened(t)
			s := hs.first().Store
			return purged{s, hs.first().Units,
				func(ctx context.Context, row int, until time.Time) {
					require.NoError(t, s.Put(ctx, token(row), citizenCaller(t), until))
				},
				func(ctx context.Context, row int) bool {
					_, _, err := hs.last().Store.Get(ctx, token(row), noon)
					if err != nil && !errors.Is(err, ports.ErrNoSession) {
						require.NoError(t, err)
					}
					return err == nil
				}}
		})
	})

	t.Run("Purge leaves a session that was put again with a later until", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		require.NoError(t, s.Put(ctx, token(1), citizenCaller(t), noon.Add(time.Minute)))
		require.NoError(t, s.Put(ctx, token(1), citizenCaller(t), until))
		_, err := s.Purge(ctx, noon.Add(time.Minute), 10)
		require.NoError(t, err)
		requireSession(ctx, t, s, token(1), noon, citizenCaller(t), until)
	})
}
