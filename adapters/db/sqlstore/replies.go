package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/opennsp/nsp/ports"
)

// replies keeps answers in security_reply. A claim is a row without reply.
type replies struct{ db *DB }

var _ ports.ReplyStore = replies{}

const (
	// lease is how long a claim is held by somebody who neither keeps nor drops it.
	lease = 2 * time.Minute
	// defaultClaimPoll is how often who waits looks whether a claim has lapsed, or was ended by another process; that it ended in this
	// process, it is told.
	defaultClaimPoll = 50 * time.Millisecond
)

// claimReply takes a key that nobody uses, or compares and sets one whose claim has lapsed or that is past its until.
const claimReply = `INSERT INTO security_reply (key_hash, body_hash, claim, lease_until, reply, until) VALUES (?, ?, ?, ?, NULL, ?)
	ON CONFLICT (key_hash) DO UPDATE SET body_hash = excluded.body_hash, claim = excluded.claim, lease_until = excluded.lease_until,
	reply = NULL, until = excluded.until
	WHERE security_reply.until <= ? OR security_reply.reply IS NULL AND security_reply.lease_until <= ?`

const findReply = "SELECT body_hash, reply IS NOT NULL, reply, lease_until FROM security_reply WHERE key_hash = ? AND until > ?"

// Begin waits without a transaction.
func (s replies) Begin(ctx context.Context, key ports.ReplyKey, body [32]byte, until time.Time) ([]byte, *ports.ReplyClaim, error) {
	for {
		claim, err := s.claim(ctx, key, body, until)
		if err != nil || claim != nil {
			return nil, claim, err
		}
		reply, free, err := s.await(ctx, key, body)
		if err != nil || !free {
			return reply, nil, err
		}
	}
}

// claim returns nil if the key is used. It does not wait for the disk: a loss of power ends the call too, and a reply is kept no sooner than
// its claim.
func (s replies) claim(ctx context.Context, key ports.ReplyKey, body [32]byte, until time.Time) (*ports.ReplyClaim, error) {
	now, token := s.db.now(), rand.Int64()
	changed, err := s.db.unsynced(ctx, claimReply, key[:], body[:], token, now.Add(lease).UnixMicro(), until.UnixMicro(), now.UnixMicro(), now.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("claim a reply: %w", err)
	}
	if changed == 0 {
		return nil, nil
	}
	return &ports.ReplyClaim{Key: key, Token: token}, nil
}

// replyRow is what Begin reads of a row that is there.
type replyRow struct {
	there bool
	body  []byte
	kept  bool
	reply []byte
	lease int64
}

// await returns the reply once it is kept; free=true if the key can be claimed.
func (s replies) await(ctx context.Context, key ports.ReplyKey, body [32]byte) (reply []byte, free bool, err error) {
	poll := time.NewTicker(s.db.claimPoll)
	defer poll.Stop()
	for {
		ended, leave := s.db.ended.of(key) // before the query, so that no end is missed
		row, err := s.find(ctx, key)
		switch {
		case err != nil:
		case !row.there || !row.kept && row.lease <= s.db.now().UnixMicro():
			free = true
		case !slices.Equal(row.body, body[:]):
			err = ports.ErrMessageIDReused
		case row.kept:
			reply = row.reply
		default:
			select {
			case <-ended:
			case <-poll.C:
			case <-ctx.Done():
				leave()
				return nil, false, ctx.Err()
			}
			leave()
			continue
		}
		leave()
		return reply, free, err
	}
}

func (s replies) find(ctx context.Context, key ports.ReplyKey) (row replyRow, err error) {
	err = s.db.reading.query(ctx, func(rows *sql.Rows) error {
		row.there = true
		return rows.Scan(&row.body, &row.kept, &row.reply, &row.lease)
	}, findReply, key[:], s.db.now().UnixMicro())
	if err != nil {
		return row, fmt.Errorf("find a reply: %w", translate(err))
	}
	return row, nil
}

const keepReply = "UPDATE security_reply SET reply = ? WHERE key_hash = ? AND claim = ? AND reply IS NULL AND until > ?"

// Keep changes the row of its own claim alone.
func (s replies) Keep(ctx context.Context, claim ports.ReplyClaim, reply []byte) error {
	if reply == nil {
		reply = []byte{} // nil is NULL, a claim that is held
	}
	kept, err := s.db.one(ctx, func() { s.db.ended.wake(claim.Key) }, keepReply, reply, claim.Key[:], claim.Token, s.db.now().UnixMicro())
	if err != nil {
		return fmt.Errorf("keep a reply: %w", err)
	}
	if kept == 0 {
		return ports.ErrClaimLost
	}
	return nil
}

const dropReply = "DELETE FROM security_reply WHERE key_hash = ? AND claim = ? AND reply IS NULL"

// Drop deletes the row of its own claim alone. It does not wait for the disk: what comes back lapses.
func (s replies) Drop(ctx context.Context, claim ports.ReplyClaim) error {
	if _, err := s.db.unsynced(ctx, dropReply, claim.Key[:], claim.Token); err != nil {
		return fmt.Errorf("drop a claim: %w", err)
	}
	s.db.ended.wake(claim.Key)
	return nil
}

const purgeReplies = "DELETE FROM security_reply WHERE key_hash IN (SELECT key_hash FROM security_reply WHERE until <= ? LIMIT ?) AND until <= ?"

// Purge deletes claims that are past their until too.
func (s replies) Purge(ctx context.Context, now time.Time, n int) (done bool, err error) {
	return s.db.purge(ctx, purgeReplies, now, n)
}

// purge runs a statement that deletes at most n rows whose until is at or before now, also when it comes to a row that was changed meanwhile.
func (db *DB) purge(ctx context.Context, text string, now time.Time, n int) (done bool, err error) {
	deleted, err := db.once(ctx, text, now.UnixMicro(), n, now.UnixMicro())
	if err != nil {
		return false, fmt.Errorf("purge: %w", err)
	}
	return deleted < int64(n), nil
}
