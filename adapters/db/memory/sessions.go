package memory

import (
	"context"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// sessionRows is what the store of sessions keeps.
type sessionRows struct {
	byToken map[[32]byte]sessionRow
	expiry  expiry[[32]byte]
}

type sessionRow struct {
	caller identity.Caller
	until  time.Time
}

func newSessionRows() sessionRows { return sessionRows{byToken: map[[32]byte]sessionRow{}} }

type sessions struct{ db *DB }

var _ ports.SessionStore = sessions{}

func (s sessions) Put(ctx context.Context, token [32]byte, c identity.Caller, until time.Time) error {
	return s.db.write(ctx, func(u *unit) error {
		put(u, s.db.sessions.byToken, token, sessionRow{cloneCaller(c), instant(until)})
		s.db.sessions.expiry.add(token, until)
		return nil
	})
}

func (s sessions) Get(ctx context.Context, token [32]byte, now time.Time) (c identity.Caller, until time.Time, err error) {
	err = s.db.read(ctx, func() error {
		row, known := s.db.sessions.byToken[token]
		if !known || !row.until.After(now) {
			return ports.ErrNoSession
		}
		c, until = cloneCaller(row.caller), row.until
		return nil
	})
	return c, until, err
}

func (s sessions) Delete(ctx context.Context, token [32]byte) error {
	return s.db.write(ctx, func(u *unit) error {
		if _, known := s.db.sessions.byToken[token]; known {
			drop(u, s.db.sessions.byToken, token)
		}
		return nil
	})
}

func (s sessions) Purge(ctx context.Context, now time.Time, n int) (done bool, err error) {
	err = s.db.alone(ctx, func(u *unit) error {
		var due [][32]byte
		due, done = s.db.sessions.expiry.due(now, n)
		for _, token := range due {
			if row, known := s.db.sessions.byToken[token]; known && !row.until.After(now) {
				drop(u, s.db.sessions.byToken, token)
			}
		}
		return nil
	})
	return done, err
}

func cloneCaller(c identity.Caller) identity.Caller {
	c.Org.IDs = slices.Clone(c.Org.IDs)
	if c.OnBehalfOf != nil {
		principal := *c.OnBehalfOf
		c.OnBehalfOf = &principal
	}
	if c.HSUID != nil {
		hsuid := *c.HSUID
		c.HSUID = &hsuid
	}
	return c
}

// instant is t as a database keeps it: cut to microseconds, UTC.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}
