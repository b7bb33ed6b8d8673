package bootstrap

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/opennsp/nsp/ports"
)

const (
	purgeInterval = time.Minute
	purgeBatch    = 1000 // rows of one transaction
)

// purging deletes what is past its until from all stores that keep something for a time.
type purging struct {
	stores map[string]ports.Purger // by a name for the log
	now    func() time.Time
	log    *slog.Logger
}

// run purges now and at each tick, until ctx ends.
func (p *purging) run(ctx context.Context, tick <-chan time.Time) {
	for {
		for _, name := range slices.Sorted(maps.Keys(p.stores)) {
			if err := p.purge(ctx, p.stores[name]); err != nil && ctx.Err() == nil {
				p.log.WarnContext(ctx, "store cannot be purged", "store", name, "error", err)
			}
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return
		}
	}
}

// purge deletes in batches, so that nobody waits long for a lock.
func (p *purging) purge(ctx context.Context, store ports.Purger) error {
	for ctx.Err() == nil {
		done, err := store.Purge(ctx, p.now(), purgeBatch)
		if err != nil || done {
			return err
		}
	}
	return nil
}
