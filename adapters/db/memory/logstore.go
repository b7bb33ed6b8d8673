package memory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// registrations is what the log store keeps. byPerson and byBehalf are ordered by (To, id).
type registrations struct {
	byID     map[minlog.RegistrationID]minlog.Registration
	byPerson map[minlog.Key][]minlog.Cursor
	byBehalf map[minlog.Key][]minlog.Cursor
	next     map[minlog.Partition]int64
	daily    map[countKey]counts
	letters  map[letterKey]minlog.DeadLetter
}

type countKey struct {
	day         calendar.Day
	cvr, system string
}

type counts struct{ stored, rejected int64 }

type letterKey struct {
	partition minlog.Partition
	offset    int64
}

func newRegistrations() registrations {
	return registrations{
		byID:     map[minlog.RegistrationID]minlog.Registration{},
		byPerson: map[minlog.Key][]minlog.Cursor{},
		byBehalf: map[minlog.Key][]minlog.Cursor{},
		next:     map[minlog.Partition]int64{},
		daily:    map[countKey]counts{},
		letters:  map[letterKey]minlog.DeadLetter{},
	}
}

type logStore struct{ db *DB }

var _ ports.LogStore = logStore{}

var (
	errMoved = fault.Error{Kind: fault.Conflict, Code: fault.CodeProcessing, Text: "another consumer went on"}
	errBack  = errors.New("log store: a step backwards")
)

func (s logStore) NextOffset(ctx context.Context, p minlog.Partition) (next int64, ok bool, err error) {
	err = s.db.read(ctx, func() error {
		next, ok = s.db.log.next[p]
		return nil
	})
	return next, ok, err
}

func (s logStore) Store(ctx context.Context, p minlog.Partition, from, to int64, b minlog.Batch) (inserted int, err error) {
	if to < from {
		return 0, errBack
	}
	err = s.db.write(ctx, func(u *unit) error {
		if next, known := s.db.log.next[p]; known && next != from {
			return errMoved
		}
		inserted = s.db.log.store(u, p, to, b)
		return nil
	})
	return inserted, err
}

func (l *registrations) store(u *unit, p minlog.Partition, to int64, b minlog.Batch) (inserted int) {
	put(u, l.next, p, to)
	for _, r := range b.Registrations {
		if _, known := l.byID[r.ID]; known {
			continue
		}
		inserted++
		// Without the JSON it was read from, which would keep the record's memory.
		r = cloneRegistration(minlog.Registration{ID: r.ID, ReceivedAt: instant(r.ReceivedAt), Registrar: r.Registrar, Entry: r.Entry})
		put(u, l.byID, r.ID, r)
		at := minlog.Cursor{At: r.Entry.To, ID: r.ID}
		index(u, l.byPerson, r.Entry.Person.Key(), at)
		if behalf := r.Entry.OnBehalfOf; !behalf.IsZero() {
			index(u, l.byBehalf, behalf.Key(), at)
		}
		l.count(u, countKey{calendar.DayOf(r.ReceivedAt), r.Registrar.CVR, r.Entry.System}, counts{stored: 1})
	}
	for _, t := range b.Tallies {
		for system, n := range t.Rejected {
			l.count(u, countKey{calendar.DayOf(t.ReceivedAt), t.Registrar.CVR, system}, counts{rejected: int64(n)})
		}
	}
	for _, d := range b.DeadLetters {
		key := letterKey{p, d.Offset}
		if _, known := l.letters[key]; known {
			continue
		}
		d.Payload = bytes.Clone(d.Payload)
		put(u, l.letters, key, d)
	}
	return inserted
}

func (l *registrations) count(u *unit, k countKey, add counts) {
	c := l.daily[k]
	put(u, l.daily, k, counts{c.stored + add.stored, c.rejected + add.rejected})
}

func (s logStore) ByPerson(ctx context.Context, key minlog.Key, q minlog.Query, after minlog.Cursor, n int) ([]minlog.Registration, error) {
	return s.find(ctx, s.db.log.byPerson, key, q, after, n)
}

func (s logStore) ByBehalf(ctx context.Context, key minlog.Key, q minlog.Query, after minlog.Cursor, n int) ([]minlog.Registration, error) {
	return s.find(ctx, s.db.log.byBehalf, key, q, after, n)
}

func (s logStore) find(ctx context.Context, by map[minlog.Key][]minlog.Cursor, key minlog.Key, q minlog.Query, after minlog.Cursor, n int,
) (found []minlog.Registration, err error) {
	if q.Empty() {
		return nil, ctx.Err()
	}
	err = s.db.read(ctx, func() error {
		sign, order := 1, slices.All(by[key])
		if !q.Chronologic {
			sign, order = -1, slices.Backward(by[key])
		}
		for _, c := range order {
			if len(found) >= n {
				break
			}
			if after != (minlog.Cursor{}) && c.Compare(after)*sign <= 0 {
				continue
			}
			if r := s.db.log.byID[c.ID]; q.Selects(r.Entry.From, r.Entry.To) {
				found = append(found, cloneRegistration(r))
			}
		}
		return nil
	})
	return found, err
}

// index puts c at its place among the cursors of key, undone by the unit.
func index(u *unit, m map[minlog.Key][]minlog.Cursor, key minlog.Key, c minlog.Cursor) {
	u.undo = append(u.undo, func() { remove(m, key, c) })
	insert(m, key, c)
}

// unindex takes c out of the cursors of key, undone by the unit.
func unindex(u *unit, m map[minlog.Key][]minlog.Cursor, key minlog.Key, c minlog.Cursor) {
	u.undo = append(u.undo, func() { insert(m, key, c) })
	remove(m, key, c)
}

func insert(m map[minlog.Key][]minlog.Cursor, key minlog.Key, c minlog.Cursor) {
	i, _ := slices.BinarySearchFunc(m[key], c, minlog.Cursor.Compare)
	m[key] = slices.Insert(m[key], i, c)
}

func remove(m map[minlog.Key][]minlog.Cursor, key minlog.Key, c minlog.Cursor) {
	i, _ := slices.BinarySearchFunc(m[key], c, minlog.Cursor.Compare)
	if m[key] = slices.Delete(m[key], i, i+1); len(m[key]) == 0 {
		delete(m, key)
	}
}

// expireChunk is how many rows one Expire removes.
const expireChunk = 2_000

func (s logStore) Expire(ctx context.Context, cutoff time.Time) (removed int64, done bool, err error) {
	err = s.db.write(ctx, func(u *unit) error {
		removed, done = s.db.log.expire(u, cutoff)
		return nil
	})
	return removed, done, err
}

func (l *registrations) expire(u *unit, cutoff time.Time) (removed int64, done bool) {
	for id, r := range l.byID {
		if r.Entry.To.After(cutoff) {
			continue
		}
		if removed == expireChunk {
			return removed, false
		}
		removed++
		drop(u, l.byID, id)
		at := minlog.Cursor{At: r.Entry.To, ID: id}
		unindex(u, l.byPerson, r.Entry.Person.Key(), at)
		if behalf := r.Entry.OnBehalfOf; !behalf.IsZero() {
			unindex(u, l.byBehalf, behalf.Key(), at)
		}
	}
	for key, d := range l.letters {
		if d.At.After(cutoff) {
			continue
		}
		if removed == expireChunk {
			return removed, false
		}
		removed++
		drop(u, l.letters, key)
	}
	counts := removed
	for key := range l.daily {
		if !key.day.Before(calendar.DayOf(cutoff)) {
			continue
		}
		if counts == expireChunk {
			return removed, false
		}
		counts++
		drop(u, l.daily, key)
	}
	return removed, true
}

func (s logStore) Daily(ctx context.Context, from, to calendar.Day, cvr string) (rows []minlog.Count, err error) {
	err = s.db.read(ctx, func() error {
		for k, c := range s.db.log.daily {
			if k.day.Before(from) || !k.day.Before(to) || cvr != "" && k.cvr != cvr {
				continue
			}
			rows = append(rows, minlog.Count{Day: k.day, System: k.system, CVR: k.cvr, Stored: c.stored, Rejected: c.rejected})
		}
		return nil
	})
	slices.SortFunc(rows, func(a, b minlog.Count) int {
		return cmp.Or(cmp.Compare(a.Day.String(), b.Day.String()), cmp.Compare(a.CVR, b.CVR), cmp.Compare(a.System, b.System))
	})
	return rows, err
}

func (s logStore) DeadLetters(ctx context.Context, since time.Time) (n int64, err error) {
	err = s.db.read(ctx, func() error {
		for _, d := range s.db.log.letters {
			if !d.At.Before(since) {
				n++
			}
		}
		return nil
	})
	return n, err
}

// put sets m[k], undone by the unit.
func put[K comparable, V any](u *unit, m map[K]V, k K, v V) {
	old, known := m[k]
	u.undo = append(u.undo, func() {
		if known {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
	m[k] = v
}

// drop deletes m[k], undone by the unit.
func drop[K comparable, V any](u *unit, m map[K]V, k K) {
	old := m[k]
	u.undo = append(u.undo, func() { m[k] = old })
	delete(m, k)
}

func cloneRegistration(r minlog.Registration) minlog.Registration {
	r.Entry.Source = cloneChain(r.Entry.Source)
	r.Entry.Filters, r.Recorded = slices.Clone(r.Entry.Filters), ""
	return r
}

func cloneChain(c *minlog.Chain) *minlog.Chain {
	if c == nil {
		return nil
	}
	link := *c
	link.Source = cloneChain(c.Source)
	return &link
}
