package memory

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

type topics map[messagelog.Topic][]*partition

// partition holds committed records only: Append adds them at the commit, so that their order is that of the commits.
type partition struct {
	first   int64
	records []messagelog.Record
	grown   chan struct{} // closed and replaced when records arrive
}

func (p *partition) end() int64 { return p.first + int64(len(p.records)) }

func (p *partition) append(recs []messagelog.Record, at time.Time) {
	for _, r := range recs {
		r.Offset, r.AppendedAt = p.end(), at
		p.records = append(p.records, r)
	}
	close(p.grown)
	p.grown = make(chan struct{})
}

type messageLog struct{ db *DB }

var _ ports.MessageLog = messageLog{}

// defaultBatch is how many records a batch holds where the reader names no number.
const defaultBatch = 1000

func (l messageLog) Append(ctx context.Context, recs []messagelog.Record) error {
	return l.db.write(ctx, func(u *unit) error {
		target := map[*partition][]messagelog.Record{}
		for _, r := range recs {
			parts := l.db.topics[r.Topic]
			if parts == nil {
				return messagelog.ErrNoTopic
			}
			r.Partition = r.PartitionOf(len(parts))
			r.Key, r.Value, r.Headers = bytes.Clone(r.Key), bytes.Clone(r.Value), slices.Clone(r.Headers)
			p := parts[r.Partition]
			target[p] = append(target[p], r)
		}
		u.onCommit = append(u.onCommit, func() {
			at := time.UnixMicro(l.db.now().UnixMicro()).UTC()
			for p, recs := range target {
				p.append(recs, at)
			}
		})
		return nil
	})
}

func (l messageLog) Bounds(ctx context.Context, wanted []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	all := map[messagelog.Topic][]messagelog.Bounds{}
	err := l.db.read(ctx, func() error {
		for _, t := range wanted {
			parts := l.db.topics[t]
			if parts == nil {
				return messagelog.ErrNoTopic
			}
			bounds := make([]messagelog.Bounds, len(parts))
			for i, p := range parts {
				bounds[i] = messagelog.Bounds{First: p.first, End: p.end()}
			}
			all[t] = bounds
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (l messageLog) Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		for at := from; to < 0 || at < to; {
			batch, err := l.next(ctx, t, part, at, to, opt)
			if err != nil {
				yield(messagelog.Batch{}, err)
				return
			}
			if batch.Next == at || !yield(batch, nil) {
				return
			}
			at = batch.Next
		}
	}
}

// next returns the batch at from; it waits for one up to the timeout, and returns an empty one with Next = from where none came.
func (l messageLog) next(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) (messagelog.Batch, error) {
	timeout := time.NewTimer(opt.Timeout)
	defer timeout.Stop()
	for {
		batch, grown, err := l.at(ctx, t, part, from, to, opt.MaxRecords)
		if err != nil || batch.Next > from {
			return batch, err
		}
		select {
		case <-grown:
		case <-timeout.C:
			if to >= 0 {
				return batch, messagelog.ErrStalled
			}
			return batch, nil
		case <-ctx.Done():
			return batch, ctx.Err()
		}
	}
}

// at returns copies of the records from..to that are there, and what is closed when more arrive.
func (l messageLog) at(ctx context.Context, t messagelog.Topic, part int, from, to int64, limit int,
) (batch messagelog.Batch, grown <-chan struct{}, err error) {
	if limit <= 0 {
		limit = defaultBatch
	}
	batch.Next = from
	err = l.db.read(ctx, func() error {
		parts := l.db.topics[t]
		if part < 0 || part >= len(parts) {
			return messagelog.ErrNoTopic
		}
		p := parts[part]
		grown = p.grown
		if from < p.first {
			return messagelog.ErrGone
		}
		end := p.end()
		if to >= 0 {
			end = min(end, to)
		}
		if from >= end {
			return nil
		}
		end = min(end, from+int64(limit))
		for _, r := range p.records[from-p.first : end-p.first] {
			r.Key, r.Value, r.Headers = bytes.Clone(r.Key), bytes.Clone(r.Value), slices.Clone(r.Headers)
			batch.Records = append(batch.Records, r)
		}
		batch.Next = end
		return nil
	})
	return batch, grown, err
}

type topicAdmin struct{ db *DB }

var _ ports.TopicAdmin = topicAdmin{}

func (a topicAdmin) CreateTopic(ctx context.Context, t messagelog.Topic, spec messagelog.Spec) error {
	if spec.Partitions < 1 {
		return fmt.Errorf("create topic %s: %d partitions", t, spec.Partitions)
	}
	return a.db.write(ctx, func(u *unit) error {
		if a.db.topics[t] != nil {
			return messagelog.ErrExists
		}
		for range spec.Partitions {
			a.db.topics[t] = append(a.db.topics[t], &partition{grown: make(chan struct{})})
		}
		u.undo = append(u.undo, func() { delete(a.db.topics, t) })
		return nil
	})
}

func (a topicAdmin) GrowTopic(ctx context.Context, t messagelog.Topic, partitions int) error {
	return a.db.write(ctx, func(u *unit) error {
		old := a.db.topics[t]
		if old == nil {
			return messagelog.ErrNoTopic
		}
		grown := slices.Clone(old)
		for len(grown) < partitions {
			grown = append(grown, &partition{grown: make(chan struct{})})
		}
		u.undo = append(u.undo, func() { a.db.topics[t] = old })
		a.db.topics[t] = grown
		return nil
	})
}

func (a topicAdmin) DeleteTopic(ctx context.Context, t messagelog.Topic) error {
	return a.db.write(ctx, func(u *unit) error {
		if old := a.db.topics[t]; old != nil {
			u.undo = append(u.undo, func() { a.db.topics[t] = old })
			delete(a.db.topics, t)
		}
		return nil
	})
}

func (a topicAdmin) Topics(ctx context.Context) (map[messagelog.Topic]int, error) {
	all := map[messagelog.Topic]int{}
	err := a.db.read(ctx, func() error {
		for t, parts := range a.db.topics {
			all[t] = len(parts)
		}
		return nil
	})
	return all, err
}

func (a topicAdmin) Trim(ctx context.Context, t messagelog.Topic, part int, before int64) error {
	return a.db.write(ctx, func(u *unit) error {
		parts := a.db.topics[t]
		if part < 0 || part >= len(parts) {
			return messagelog.ErrNoTopic
		}
		p := parts[part]
		before := min(before, p.end())
		if before <= p.first {
			return nil
		}
		first, records := p.first, p.records
		u.undo = append(u.undo, func() { p.first, p.records = first, records })
		p.first, p.records = before, slices.Clone(records[before-first:])
		return nil
	})
}
