package memory

import (
	"context"
	"slices"
	"time"

	"github.com/opennsp/nsp/ports"
)

// replyRows is what the store of answers keeps.
type replyRows struct {
	byKey  map[ports.ReplyKey]replyRow
	expiry expiry[ports.ReplyKey]
	token  int64 // of the latest claim
	octets int64 // of the replies that are kept
	limit  int64 // of octets; 0 = none
}

type replyRow struct {
	body  [32]byte
	token int64
	lease time.Time // when the claim lapses
	kept  bool      // the claim has ended with reply
	reply []byte
	until time.Time
	ended chan struct{} // closed when the claim ends or lapses
}

func newReplyRows() replyRows { return replyRows{byKey: map[ports.ReplyKey]replyRow{}} }

type replies struct{ db *DB }

var _ ports.ReplyStore = replies{}

const (
	// lease is how long a claim is held by somebody who neither keeps nor drops it.
	lease = 2 * time.Minute
	// defaultClaimPoll is how often who waits looks whether a claim has lapsed; that it ended, it is told.
	defaultClaimPoll = 250 * time.Millisecond
)

// Begin waits without the lock.
func (s replies) Begin(ctx context.Context, key ports.ReplyKey, body [32]byte, until time.Time) ([]byte, *ports.ReplyClaim, error) {
	for {
		var reply []byte
		var claim *ports.ReplyClaim
		var ended <-chan struct{}
		err := s.db.alone(ctx, func(u *unit) error {
			now := s.db.now()
			row, known := s.db.replies.byKey[key]
			switch {
			case !known || !row.until.After(now) || !row.kept && !row.lease.After(now):
				if known {
					s.db.replies.gone(u, row)
				}
				claim = s.db.replies.claim(u, key, replyRow{body: body, lease: now.Add(lease), until: until})
			case row.body != body:
				return ports.ErrMessageIDReused
			case row.kept:
				reply = slices.Clone(row.reply)
			default:
				ended = row.ended
			}
			return nil
		})
		if err != nil || ended == nil {
			return reply, claim, err
		}
		if err := s.db.waitFor(ctx, ended); err != nil {
			return nil, nil, err
		}
	}
}

func (db *DB) waitFor(ctx context.Context, ended <-chan struct{}) error {
	poll := time.NewTimer(db.claimPoll)
	defer poll.Stop()
	select {
	case <-ended:
	case <-poll.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// gone ends a claim, or gives up the place of a reply.
func (rows *replyRows) gone(u *unit, row replyRow) {
	u.onCommit = append(u.onCommit, func() {
		if row.kept {
			rows.octets -= int64(len(row.reply))
		} else {
			close(row.ended)
		}
	})
}

func (rows *replyRows) claim(u *unit, key ports.ReplyKey, row replyRow) *ports.ReplyClaim {
	rows.token++
	row.token, row.ended = rows.token, make(chan struct{})
	put(u, rows.byKey, key, row)
	rows.expiry.add(key, row.until)
	return &ports.ReplyClaim{Key: key, Token: row.token}
}

// held returns the row of a claim that has not ended and was not taken over.
func (rows *replyRows) held(claim ports.ReplyClaim, now time.Time) (row replyRow, ok bool) {
	row, ok = rows.byKey[claim.Key]
	return row, ok && row.token == claim.Token && !row.kept && row.until.After(now)
}

// Keep tells those who wait at the commit. Where there is no place left the claim is dropped instead: the message is carried out again.
func (s replies) Keep(ctx context.Context, claim ports.ReplyClaim, reply []byte) error {
	return s.db.write(ctx, func(u *unit) error {
		row, ok := s.db.replies.held(claim, s.db.now())
		if !ok {
			return ports.ErrClaimLost
		}
		rows := &s.db.replies
		rows.gone(u, row)
		if rows.limit > 0 && rows.octets+int64(len(reply)) > rows.limit {
			drop(u, rows.byKey, claim.Key)
			return nil
		}
		row.kept, row.reply = true, slices.Clone(reply)
		put(u, rows.byKey, claim.Key, row)
		u.onCommit = append(u.onCommit, func() { rows.octets += int64(len(row.reply)) })
		return nil
	})
}

// Drop forgets the claim.
func (s replies) Drop(ctx context.Context, claim ports.ReplyClaim) error {
	return s.db.alone(ctx, func(u *unit) error {
		if row, ok := s.db.replies.held(claim, s.db.now()); ok {
			s.db.replies.gone(u, row)
			drop(u, s.db.replies.byKey, claim.Key)
		}
		return nil
	})
}

// Purge ends claims that are past their until too.
func (s replies) Purge(ctx context.Context, now time.Time, n int) (done bool, err error) {
	err = s.db.alone(ctx, func(u *unit) error {
		var due []ports.ReplyKey
		due, done = s.db.replies.expiry.due(now, n)
		for _, key := range due {
			row, known := s.db.replies.byKey[key]
			if !known || row.until.After(now) {
				continue
			}
			s.db.replies.gone(u, row)
			drop(u, s.db.replies.byKey, key)
		}
		return nil
	})
	return done, err
}
