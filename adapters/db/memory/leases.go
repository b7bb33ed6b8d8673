package memory

import (
	"context"
	"strings"
	"time"

	"github.com/opennsp/nsp/ports"
)

type leaseRow struct {
	holder string
	until  time.Time
}

type leases struct{ db *DB }

var _ ports.Leases = leases{}

func (s leases) Acquire(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (got bool, err error) {
	err = s.db.alone(ctx, func(u *unit) error {
		row, known := s.db.leases[job]
		if got = !known || row.holder == holder || !row.until.After(now); got {
			put(u, s.db.leases, job, leaseRow{holder, instant(now.Add(ttl))})
		}
		return nil
	})
	return got, err
}

func (s leases) Release(ctx context.Context, job, holder string) error {
	return s.db.alone(ctx, func(u *unit) error {
		if row, known := s.db.leases[job]; known && row.holder == holder {
			drop(u, s.db.leases, job)
		}
		return nil
	})
}

func (s leases) Held(ctx context.Context, prefix string, now time.Time) (held map[string]string, err error) {
	err = s.db.read(ctx, func() error {
		held = map[string]string{}
		for job, row := range s.db.leases {
			if strings.HasPrefix(job, prefix) && row.until.After(now) {
				held[job] = row.holder
			}
		}
		return nil
	})
	return held, err
}
