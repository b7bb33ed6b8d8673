package logkeeping

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
)

// Bounds of what a consumer holds in memory: of each partition one portion that is stored, one that is read meanwhile, and one read. A record
// alone may be larger.
const (
	readRecords = 1000     // records of one read
	heldBytes   = 12 << 20 // of all portions of all partitions
	shareBytes  = heldBytes / 5
	smallRead   = 64 << 10 // of what comes in little by little
)

// portion is what one step stores: [from, next) of a partition.
type portion struct {
	from, next int64
	records    int
	dropped    int64
	batch      minlog.Batch
	ids        map[minlog.RegistrationID]bool
	err        error // why nothing follows
	held, used int   // octets of the consumer's room
}

// room counts what all partitions of a consumer hold in memory. It is safe for concurrent use.
type room struct {
	mu    sync.Mutex
	held  int
	freed chan struct{} // closed when some was given back; nil = nobody waits
}

// take takes n octets, where that many are free or nothing is held. Without wait it is false at once where they are not or others wait, else
// where ctx ended first. Who holds some must not wait.
func (r *room) take(ctx context.Context, n int, wait bool) bool {
	for {
		r.mu.Lock()
		if r.held == 0 || r.held+n <= heldBytes && (wait || r.freed == nil) {
			r.held += n
			r.mu.Unlock()
			return true
		}
		if !wait {
			r.mu.Unlock()
			return false
		}
		if r.freed == nil {
			r.freed = make(chan struct{})
		}
		freed := r.freed
		r.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return false
		}
	}
}

func (r *room) give(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held -= n
	if r.freed != nil {
		close(r.freed)
		r.freed = nil
	}
}

// enter takes room for the first read of a portion. Where many records wait it is room for more of them, so that few partitions at a time store
// much at once, rather than all of them little.
func (c *Consumer) enter(ctx context.Context, all *portion, size int) bool {
	want := size
	if size > smallRead {
		want = max(size, shareBytes)
	}
	if !c.room.take(ctx, want, true) {
		return false
	}
	all.held = want
	return true
}

// fits tells whether all has room for a further read.
func (c *Consumer) fits(ctx context.Context, all *portion, size int) bool {
	more := all.used + size - all.held
	if more <= 0 {
		return true
	}
	if !c.room.take(ctx, more, false) {
		return false
	}
	all.held += more
	return true
}

// sizeOf is about what the registrations of read take in memory.
func sizeOf(read []messagelog.Record) (octets int) {
	const decoded = 1000 // of a record, beside its texts
	for _, r := range read {
		octets += len(r.Value) + decoded
	}
	return octets
}

// full tells whether read has to go into another portion.
func (all *portion) full(read []messagelog.Record, maxRecords int) bool {
	return all.records > 0 && all.records+len(read) > maxRecords
}

// decode adds what is to be stored of read: registrations that are alive, none twice. A record of a newer schema is the end.
func (c *Consumer) decode(all *portion, read messagelog.Batch) {
	now := c.Now()
	cutoff := minlog.Cutoff(now, c.RetentionYears)
	if all.ids == nil {
		all.ids = make(map[minlog.RegistrationID]bool, len(read.Records))
	}
	b := &all.batch
	for _, r := range read.Records {
		registration, tally, err := minlog.DecodeRecord(r.Value)
		switch {
		case errors.Is(err, minlog.ErrNewerSchema):
			all.next, all.err = r.Offset, err
			return
		case err != nil:
			b.DeadLetters = append(b.DeadLetters, minlog.DeadLetter{Offset: r.Offset, Reason: err.Error(), Payload: bytes.Clone(r.Value), At: now})
		case tally != nil:
			b.Tallies = append(b.Tallies, *tally)
		case !registration.Entry.To.After(cutoff) || all.ids[registration.ID]:
			all.dropped++
		default:
			all.ids[registration.ID] = true
			b.Registrations = append(b.Registrations, *registration)
		}
		all.records++
	}
	all.next = read.Next
}

func (c *Consumer) store(ctx context.Context, p minlog.Partition, all *portion) error {
	if all.next == all.from {
		return nil
	}
	if _, err := c.Store.Store(ctx, p, all.from, all.next, all.batch); err != nil {
		return err
	}
	c.remember(p, all.next, all.dropped)
	return nil
}

// pump stores what the log has from on, until none came for BatchWait, reading ends, or something fails. What follows is read while the store
// is busy, and thrown away if that fails.
func (c *Consumer) pump(ctx, reading context.Context, p minlog.Partition, from int64) error {
	reading, stop := context.WithCancel(reading)
	portions := make(chan *portion)
	go func() {
		defer close(portions)
		c.readAhead(reading, p, from, portions)
	}()
	defer func() {
		stop()
		for all := range portions { // until the reader has ended
			c.room.give(all.held)
		}
	}()
	for all := range portions {
		err := c.store(ctx, p, all)
		c.room.give(all.held)
		if err != nil {
			return err
		}
		if all.err != nil {
			return all.err
		}
	}
	return nil
}

// readAhead hands over what it reads as soon as the store is idle, else when a portion is full.
func (c *Consumer) readAhead(ctx context.Context, p minlog.Partition, from int64, portions chan<- *portion) {
	all := &portion{from: from, next: from}
	defer func() { c.room.give(all.held) }()
	opt := messagelog.ReadOptions{MaxRecords: min(c.Batch, readRecords), Timeout: c.BatchWait}
	for read, err := range c.Log.Read(ctx, p.Topic, p.Number, from, -1, opt) {
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			all.err = err
			break
		}
		size := sizeOf(read.Records)
		if all.full(read.Records, c.Batch) || all.held > 0 && !c.fits(ctx, all, size) {
			select {
			case portions <- all:
				all = &portion{from: all.next, next: all.next}
			case <-ctx.Done():
				return
			}
		}
		if all.held == 0 && !c.enter(ctx, all, size) {
			return
		}
		all.used += size
		if c.decode(all, read); all.err != nil {
			break
		}
		select {
		case portions <- all:
			all = &portion{from: all.next, next: all.next}
		default:
		}
	}
	if all.next > all.from || all.err != nil {
		select {
		case portions <- all:
			all = &portion{}
		case <-ctx.Done():
		}
	}
}
