package memory

import (
	"context"
	"time"

	"github.com/opennsp/nsp/ports"
)

// seenRows is what the store of message ids keeps.
type seenRows struct {
	until  map[seenKey]time.Time
	expiry expiry[seenKey]
}

type seenKey struct {
	signer [32]byte
	id     string
}

func newSeenRows() seenRows { return seenRows{until: map[seenKey]time.Time{}} }

type seen struct{ db *DB }

var _ ports.SeenStore = seen{}

func (s seen) Mark(ctx context.Context, signer [32]byte, id string, until time.Time) error {
	return s.db.alone(ctx, func(u *unit) error {
		key := seenKey{signer, id}
		if old, known := s.db.seen.until[key]; known && old.After(s.db.now()) {
			return ports.ErrSeen
		}
		put(u, s.db.seen.until, key, until)
		s.db.seen.expiry.add(key, until)
		return nil
	})
}

func (s seen) Purge(ctx context.Context, now time.Time, n int) (done bool, err error) {
	err = s.db.alone(ctx, func(u *unit) error {
		var due []seenKey
		due, done = s.db.seen.expiry.due(now, n)
		for _, key := range due {
			if until, known := s.db.seen.until[key]; known && !until.After(now) {
				drop(u, s.db.seen.until, key)
			}
		}
		return nil
	})
	return done, err
}
