package sqlstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/opennsp/nsp/ports"
)

// seen keeps message ids in security_seen.
type seen struct{ db *DB }

var _ ports.SeenStore = seen{}

const markSeen = `INSERT INTO security_seen (signer, id_hash, until) VALUES (?, ?, ?)
	ON CONFLICT (signer, id_hash) DO UPDATE SET until = excluded.until WHERE security_seen.until <= ?`

// Mark inserts the id, or compares and sets one that is past its until.
func (s seen) Mark(ctx context.Context, signer [32]byte, id string, until time.Time) error {
	hash := sha256.Sum256([]byte(id))
	changed, err := s.db.once(ctx, markSeen, signer[:], hash[:], until.UnixMicro(), s.db.now().UnixMicro())
	if err != nil {
		return fmt.Errorf("mark a message id: %w", err)
	}
	if changed == 0 {
		return ports.ErrSeen
	}
	return nil
}

const purgeSeen = "DELETE FROM security_seen WHERE (signer, id_hash) IN (SELECT signer, id_hash FROM security_seen WHERE until <= ? LIMIT ?) AND until <= ?"

func (s seen) Purge(ctx context.Context, now time.Time, n int) (done bool, err error) {
	return s.db.purge(ctx, purgeSeen, now, n)
}
