package logkeeping

import (
	"bytes"
	"context"
	"errors"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
)

// Bounds of what a consumer holds in memory of one partition: one portion that is stored, one that is read meanwhile, and one read. A record
// alone may be larger.
const (
	portionBytes = 16 << 20 // values of the records of one portion
	readRecords  = 1000     // records of one read
)

// portion is what one step stores: [from, next) of a partition.
type portion struct {
	from, next int64
	records    int
	bytes      int
	dropped    int64
	batch      minlog.Batch
	ids        map[minlog.RegistrationID]bool
	err        error // why nothing follows
}

// full tells whether read has to go into another portion.
func (all *portion) full(read []messagelog.Record, maxRecords int) bool {
	size := all.bytes
	for _, r := range read {
		size += len(r.Value)
	}
	return all.records > 0 && (all.records+len(read) > maxRecords || size > portionBytes)
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
		all.bytes += len(r.Value)
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
		for range portions { //nolint:revive // until the reader has ended
		}
	}()
	for all := range portions {
		if err := c.store(ctx, p, all); err != nil {
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
	opt := messagelog.ReadOptions{MaxRecords: min(c.Batch, readRecords), Timeout: c.BatchWait}
	for read, err := range c.Log.Read(ctx, p.Topic, p.Number, from, -1, opt) {
		if err != nil {
			all.err = err
			break
		}
		if all.full(read.Records, c.Batch) {
			select {
			case portions <- all:
				all = &portion{from: all.next, next: all.next}
			case <-ctx.Done():
				return
			}
		}
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
		case <-ctx.Done():
		}
	}
}
