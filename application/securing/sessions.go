package securing

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// DefaultLifetime is how long a session lasts at most where nothing else is said.
const DefaultLifetime = time.Hour

// tokenSize is the length of a session token in octets, before it is written in base64url.
const tokenSize = 32

var errNoEnd = fault.Error{Kind: fault.Unauthenticated, Code: fault.CodeExpired, Text: "The credential has ended."}

// SessionPolicy says who may open a session with a signed envelope: whoever has an ID card of level 3, or a token for one of audiences. A
// DGWS message that comes again opens a session of its own; an IDWS message is taken once.
func SessionPolicy(audiences []string) admitting.Policy {
	return admitting.Policy{
		Schemes:   []identity.Scheme{identity.DGWS, identity.IDWS},
		MinLevel:  3,
		Kinds:     []identity.Kind{identity.System, identity.Professional, identity.Citizen},
		Audiences: audiences,
		Resend:    admitting.Recompute,
	}
}

// Session is an open session.
type Session struct {
	Token   string // opaque, 43 characters of base64url; told once, to whoever opened it
	Expires time.Time
	Caller  identity.Caller
}

// Sessions are the sessions of REST clients. Safe for concurrent use.
type Sessions struct {
	Store    ports.SessionStore
	Trail    ports.Trail
	Now      func() time.Time
	Lifetime time.Duration // of a session at most; 0 = DefaultLifetime
}

// Open opens a session that speaks for the caller until its lifetime is over or the caller's credential ends, whichever is first. Of the
// token only its SHA-256 is kept.
func (s *Sessions) Open(ctx context.Context, caller identity.Caller) (Session, error) {
	c := &caller.Credential
	s.Trail.Note(ctx, audit.Admin, audit.OpenSession, audit.User.Is(user(caller)), audit.Credential.Is(c.Scheme.String()),
		audit.Level.Is(strconv.Itoa(c.Level)), audit.IDCardID.Is(c.ID))
	now := instant(s.Now())
	lifetime := s.Lifetime
	if lifetime == 0 {
		lifetime = DefaultLifetime
	}
	expires := now.Add(lifetime)
	if end := instant(c.NotOnOrAfter); !end.IsZero() && end.Before(expires) {
		expires = end
	}
	if !now.Before(expires) {
		return Session{}, errNoEnd
	}
	var secret [tokenSize]byte
	_, _ = rand.Read(secret[:]) // never fails
	token := base64.RawURLEncoding.EncodeToString(secret[:])
	c.Scheme, c.Origin = identity.Session, c.Scheme
	if err := s.Store.Put(ctx, sha256.Sum256([]byte(token)), caller, expires); err != nil {
		return Session{}, fmt.Errorf("keep session: %w", err)
	}
	return Session{Token: token, Expires: expires, Caller: caller}, nil
}

// Resolve returns the session of a token; ports.ErrNoSession if there is none or it has ended. It is one look-up, whatever the number of
// sessions, by a hash: how long it takes tells nothing of the tokens that there are.
func (s *Sessions) Resolve(ctx context.Context, token string) (Session, error) {
	if !wellFormed(token) {
		return Session{}, ports.ErrNoSession
	}
	caller, until, err := s.Store.Get(ctx, sha256.Sum256([]byte(token)), s.Now().UTC())
	if err != nil {
		return Session{}, fmt.Errorf("find session: %w", err)
	}
	return Session{Token: token, Expires: until, Caller: caller}, nil
}

// wellFormed tells whether a text could be a token. A token has one spelling.
func wellFormed(token string) bool {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return err == nil && len(secret) == tokenSize
}

// Read says in the audit log that the caller looked at its session.
func (s *Sessions) Read(ctx context.Context, caller identity.Caller) {
	s.Trail.Note(ctx, audit.Admin, audit.ReadSession, audit.User.Is(user(caller)))
}

// Close ends the caller's session; the token is worth nothing from then on. A session that is not there is left alone.
func (s *Sessions) Close(ctx context.Context, caller identity.Caller, token string) error {
	s.Trail.Note(ctx, audit.Admin, audit.CloseSession, audit.User.Is(user(caller)))
	if err := s.Store.Delete(ctx, sha256.Sum256([]byte(token))); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}
