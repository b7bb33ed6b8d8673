package memory

import (
	"context"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// event is a refusal and how long it is kept.
type event struct {
	audit.Refusal
	until time.Time
}

type securityEvents struct{ db *DB }

var _ ports.SecurityEvents = securityEvents{}

// maxEvents are kept; of more the oldest are forgotten.
const maxEvents = 100_000

// Record puts each event behind those of the same time.
func (s securityEvents) Record(ctx context.Context, until time.Time, events ...audit.Refusal) error {
	return s.db.alone(ctx, func(*unit) error { // cannot fail: nothing is to be taken back
		for _, e := range events {
			e.At = instant(e.At)
			at, _ := slices.BinarySearchFunc(s.db.events, e.At, func(old event, at time.Time) int {
				if old.At.After(at) {
					return 1
				}
				return -1
			})
			s.db.events = slices.Insert(s.db.events, at, event{e, until})
		}
		if over := len(s.db.events) - maxEvents; over > 0 {
			s.db.events = slices.Delete(s.db.events, 0, over)
		}
		return nil
	})
}

func (s securityEvents) Since(ctx context.Context, since time.Time, n int) (found []audit.Refusal, err error) {
	err = s.db.read(ctx, func() error {
		for _, e := range slices.Backward(s.db.events) {
			if len(found) >= n || e.At.Before(since) {
				break
			}
			found = append(found, e.Refusal)
		}
		return nil
	})
	return found, err
}

func (s securityEvents) Purge(ctx context.Context, now time.Time, n int) (done bool, err error) {
	err = s.db.alone(ctx, func(*unit) error {
		deleted := 0
		done = true
		s.db.events = slices.DeleteFunc(s.db.events, func(e event) bool {
			if e.until.After(now) {
				return false
			}
			if deleted == n {
				done = false
				return false
			}
			deleted++
			return true
		})
		return nil
	})
	return done, err
}
