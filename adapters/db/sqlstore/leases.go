package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/opennsp/nsp/ports"
)

// leases keeps in job_lease who does which job.
type leases struct{ db *DB }

var _ ports.Leases = leases{}

// acquireLease takes a lease that nobody has, or compares and sets one that is the holder's own or has run out.
const acquireLease = `INSERT INTO job_lease (name, holder, until_at, version) VALUES (?, ?, ?, 1)
	ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_at = excluded.until_at, version = job_lease.version + 1
	WHERE job_lease.holder = excluded.holder OR job_lease.until_at <= ?`

func (s leases) Acquire(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (bool, error) {
	changed, err := s.db.once(ctx, acquireLease, job, holder, now.Add(ttl).UnixMicro(), now.UnixMicro())
	if err != nil {
		return false, fmt.Errorf("acquire the lease of %s: %w", job, err)
	}
	return changed > 0, nil
}

// releaseLease leaves the row, so that versions of a name never come again.
const releaseLease = "UPDATE job_lease SET holder = '', until_at = 0, version = version + 1 WHERE name = ? AND holder = ?"

func (s leases) Release(ctx context.Context, job, holder string) error {
	if _, err := s.db.once(ctx, releaseLease, job, holder); err != nil {
		return fmt.Errorf("release the lease of %s: %w", job, err)
	}
	return nil
}

// Held reads every lease that is valid: they are few.
func (s leases) Held(ctx context.Context, prefix string, now time.Time) (map[string]string, error) {
	held := map[string]string{}
	err := s.db.reading.query(ctx, func(rows *sql.Rows) error {
		var name, holder string
		if err := rows.Scan(&name, &holder); err != nil {
			return err
		}
		if strings.HasPrefix(name, prefix) {
			held[name] = holder
		}
		return nil
	}, "SELECT name, holder FROM job_lease WHERE until_at > ?", now.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("find leases: %w", translate(err))
	}
	return held, nil
}
