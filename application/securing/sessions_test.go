package securing_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// watched counts what a store of sessions is asked for, and remembers the last key.
type watched struct {
	ports.SessionStore
	puts, gets int
	key        [32]byte
}

func (w *watched) Put(ctx context.Context, token [32]byte, c identity.Caller, until time.Time) error {
	w.puts++
	w.key = token
	return w.SessionStore.Put(ctx, token, c, until)
}

func (w *watched) Get(ctx context.Context, token [32]byte, now time.Time) (identity.Caller, time.Time, error) {
	w.gets++
	return w.SessionStore.Get(ctx, token, now)
}

func (h *house) sessions() (*securing.Sessions, *watched) {
	store := &watched{SessionStore: h.db.Sessions()}
	return &securing.Sessions{Store: store, Trail: h, Now: h.clock}, store
}

func TestOpenSession(t *testing.T) {
	h := newHouse()
	sessions, store := h.sessions()
	s, err := sessions.Open(t.Context(), administrator())
	require.NoError(t, err)

	t.Run("the token is 256 random bits in base64url, and only its hash is kept", func(t *testing.T) {
		secret, err := base64.RawURLEncoding.Strict().DecodeString(s.Token)
		require.NoError(t, err)
		assert.Len(t, secret, 32)
		assert.Equal(t, sha256.Sum256([]byte(s.Token)), store.key)
		other, err := sessions.Open(t.Context(), administrator())
		require.NoError(t, err)
		assert.NotEqual(t, s.Token, other.Token)
	})
	t.Run("it speaks for the caller, and tells what it was opened with", func(t *testing.T) {
		want := administrator()
		want.Credential.Scheme, want.Credential.Origin = identity.Session, identity.DGWS
		assert.Equal(t, want, s.Caller)
		got, err := sessions.Resolve(t.Context(), s.Token)
		require.NoError(t, err)
		assert.Equal(t, s, got)
	})
	t.Run("the audit log is told of the credential and of no person", func(t *testing.T) {
		h.notes = nil
		_, err := sessions.Open(t.Context(), administrator())
		require.NoError(t, err)
		sessions.Read(t.Context(), s.Caller)
		assert.Equal(t, []string{
			"Admin/OpenSession user=professional/99999903 credential=dgws level=4 idcard-id=card-1", "Admin/ReadSession user=professional/99999903",
		}, h.said())
	})
	t.Run("a store that fails opens nothing", func(t *testing.T) {
		failing := &portstest.FailingSessionStore{Sessions: h.db.Sessions()}
		failing.OnWrite.FailFrom(1, errSecret)
		_, err := (&securing.Sessions{Store: failing, Trail: h, Now: h.clock}).Open(t.Context(), administrator())
		ours(t, err)
	})
}

func TestSessionEnds(t *testing.T) {
	for _, c := range []struct {
		name           string
		lifetime       time.Duration
		end            time.Time // of the credential
		expires        time.Time
		mayNotBeOpened bool
	}{
		{name: "SU-5 after an hour", end: noon.Add(23 * time.Hour), expires: noon.Add(time.Hour)},
		{name: "SU-5 with the credential, if that ends before", end: noon.Add(20 * time.Minute), expires: noon.Add(20 * time.Minute)},
		{name: "after the configured time", lifetime: 5 * time.Minute, end: noon.Add(time.Hour), expires: noon.Add(5 * time.Minute)},
		{name: "instants are cut to microseconds", end: noon.Add(20*time.Minute + 999), expires: noon.Add(20 * time.Minute)},
		{name: "after an hour where the credential has no end", expires: noon.Add(time.Hour)},
		{name: "a credential that ends now opens none", end: noon, mayNotBeOpened: true},
		{name: "a credential that ended opens none", end: noon.Add(-time.Second), mayNotBeOpened: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse()
			sessions, store := h.sessions()
			sessions.Lifetime = c.lifetime
			caller := administrator()
			caller.Credential.NotOnOrAfter = c.end
			s, err := sessions.Open(t.Context(), caller)
			if c.mayNotBeOpened {
				refusedAs(t, err, fault.Unauthenticated, fault.CodeExpired)
				assert.Zero(t, store.puts)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.expires, s.Expires)
			h.now = c.expires.Add(-time.Microsecond)
			_, err = sessions.Resolve(t.Context(), s.Token)
			require.NoError(t, err)
			h.now = c.expires
			_, err = sessions.Resolve(t.Context(), s.Token)
			require.ErrorIs(t, err, ports.ErrNoSession)
		})
	}
}

func TestResolve(t *testing.T) {
	h := newHouse()
	sessions, store := h.sessions()
	s, err := sessions.Open(t.Context(), administrator())
	require.NoError(t, err)
	for name, token := range map[string]string{
		"empty": "", "of another": strings.Repeat("A", 43), "short": s.Token[:42], "long": s.Token + "A", "padded": s.Token + "=",
		"with blanks": " " + s.Token, "in standard base64": strings.Repeat("+", 43), "with a second spelling": s.Token[:42] + "B",
		"huge": strings.Repeat("A", 1<<20), "with a line break": s.Token[:20] + "\n" + s.Token[20:],
	} {
		_, err := sessions.Resolve(t.Context(), token)
		require.ErrorIs(t, err, ports.ErrNoSession, name)
	}
	assert.LessOrEqual(t, store.gets, 2, "what is no token is not looked up")

	failing := &portstest.FailingSessionStore{Sessions: h.db.Sessions()}
	failing.OnRead.FailFrom(1, errSecret)
	_, err = (&securing.Sessions{Store: failing, Trail: h, Now: h.clock}).Resolve(t.Context(), s.Token)
	ours(t, err)
}

func TestManySessions(t *testing.T) {
	const many = 10_000
	h := newHouse()
	sessions, store := h.sessions()
	tokens := make([]string, many)
	for i := range tokens {
		s, err := sessions.Open(t.Context(), administrator())
		require.NoError(t, err)
		tokens[i] = s.Token
	}
	resolve := func(token string) error {
		store.gets = 0
		_, err := sessions.Resolve(t.Context(), token)
		assert.Equal(t, 1, store.gets, "one look-up, whatever the number of sessions")
		return err
	}
	t.Run("SA-55 of 10,000 sessions one is revoked", func(t *testing.T) {
		require.NoError(t, resolve(tokens[5000]))
		require.NoError(t, sessions.Close(t.Context(), administrator(), tokens[5000]))
		require.ErrorIs(t, resolve(tokens[5000]), ports.ErrNoSession)
		require.NoError(t, resolve(tokens[4999]))
		require.NoError(t, sessions.Close(t.Context(), administrator(), tokens[5000]), "once more")
	})
	t.Run("SA-55 all expire", func(t *testing.T) {
		h.now = noon.Add(time.Hour)
		for _, i := range []int{0, 4999, many - 1} {
			require.ErrorIs(t, resolve(tokens[i]), ports.ErrNoSession)
		}
	})
}

func TestAnyCallerComesBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHouse()
		sessions, _ := h.sessions()
		caller := portstest.Callers().Draw(r, "caller")
		caller.Credential.NotOnOrAfter = noon.Add(time.Minute)
		s, err := sessions.Open(t.Context(), caller)
		require.NoError(r, err)
		got, err := sessions.Resolve(t.Context(), s.Token)
		require.NoError(r, err)
		got.Caller.Credential.Scheme, got.Caller.Credential.Origin = caller.Credential.Scheme, caller.Credential.Origin
		require.Equal(r, caller, got.Caller)
	})
}

func TestSessionPolicy(t *testing.T) {
	p := securing.SessionPolicy([]string{"https://minlog"})
	assert.Equal(t, []identity.Scheme{identity.DGWS, identity.IDWS}, p.Schemes)
	assert.Equal(t, admitting.Recompute, p.Resend)
	assert.NotContains(t, p.Kinds, identity.Operator)
	assert.Equal(t, []string{"https://minlog"}, p.Audiences)
}
