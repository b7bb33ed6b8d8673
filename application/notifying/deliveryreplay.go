package notifying

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

// near is how many records that were not delivered are read through, rather than beginning another read behind them.
const near = 64

// replay gives the answer of an earlier call again, from the offsets that were delivered (NAS-39): what the lists hold by now does not matter.
func (c fetch) replay(ctx context.Context, p nas.PullPoint) (Fetched, error) {
	rows, err := c.Store.Answer(ctx, c.id, c.caller.MessageID)
	if err != nil {
		return Fetched{}, unreadable("read answer", err)
	}
	var scans []*scan // of the subscriptions that the call was answered for, by creation
	var subs []nas.Subscription
	for _, row := range rows {
		sub, err := c.answered(ctx, p, row)
		switch {
		case errors.Is(err, nas.ErrUnknown):
			continue // its owner has ended it meanwhile
		case err != nil:
			return Fetched{}, unreadable("read subscription", err)
		}
		scans, subs = append(scans, &scan{index: len(scans), sub: sub, was: row}), append(subs, sub)
	}
	if err := c.access(ctx, subs); err != nil {
		return Fetched{}, err
	}
	out := Fetched{Replay: true}
	if len(subs) == 0 {
		return out, nil
	}
	bounds, err := c.bounds(ctx, topicsOf(subs))
	if err != nil {
		return Fetched{}, err
	}
	reading, cancel := context.WithTimeout(ctx, max(0, c.deadline.Sub(c.Now()))+grace)
	defer cancel()
	for _, s := range scans {
		for r := range spans(s.was.Delivered) {
			if err := c.again(reading, s, r, bounds[s.sub.Log]); err != nil {
				if ctx.Err() != nil {
					return Fetched{}, ctx.Err()
				}
				return Fetched{}, err
			}
		}
		if len(s.taken) != s.was.Count {
			return Fetched{}, expired(nil)
		}
		at, err := s.sub.Cursor.Offsets.Against(bounds[s.sub.Log])
		out.More = out.More || err == nil && at.Lag > 0 && s.sub.ActiveAt(c.Now())
	}
	all := answer(scans)
	all.Replay, all.More = true, out.More
	return all, nil
}

// answered is the subscription of a row, as it is or, if it has expired since, as it was: its end takes nothing back that was delivered before.
func (c fetch) answered(ctx context.Context, p nas.PullPoint, row nas.Cursor) (nas.Subscription, error) {
	for _, sub := range p.Subscriptions {
		if sub.ID == row.Subscription {
			return sub, nil
		}
	}
	return c.Store.Subscription(ctx, row.Subscription, row.CreatedAt)
}

func expired(cause error) error {
	return unable(fault.Gone, nas.CodeResendExpired, "the messages of the earlier answer are no longer kept", cause)
}

// spans yields ranges of one partition that lie near each other, to be read at once.
func spans(all nas.Ranges) func(yield func(nas.Ranges) bool) {
	return func(yield func(nas.Ranges) bool) {
		for from := 0; from < len(all); {
			to := from + 1
			for to < len(all) && all[to].Partition == all[from].Partition && all[to].From-all[to-1].To <= near {
				to++
			}
			if !yield(all[from:to]) {
				return
			}
			from = to
		}
	}
}

// again reads what was delivered of a span.
func (c fetch) again(ctx context.Context, s *scan, span nas.Ranges, bounds []messagelog.Bounds) error {
	part, from, to := span[0].Partition, span[0].From, span[len(span)-1].To+1
	switch {
	case part >= len(bounds): // nothing tells that its records are gone: another server of the log may know them
		return partitionsLost(nas.ErrPartitionsLost)
	case from < bounds[part].First || to > bounds[part].End:
		return expired(nil)
	}
	opt := messagelog.ReadOptions{Timeout: c.Poll, MaxRecords: int(min(to-from, 1000))}
	for batch, err := range c.Log.Read(ctx, s.sub.Log, part, from, to, opt) {
		switch {
		case errors.Is(err, messagelog.ErrGone), errors.Is(err, messagelog.ErrNoTopic):
			return expired(err)
		case errors.Is(err, messagelog.ErrStalled):
			return unable(fault.Unavailable, nas.CodeLogStalled, textUnavailable, err)
		case err != nil:
			return unreadable("read the log", err)
		}
		for _, r := range batch.Records {
			within := func(d nas.Range) bool { return d.From <= r.Offset && r.Offset <= d.To }
			if !slices.ContainsFunc(span, within) {
				continue
			}
			record, err := nas.Decode(r.Value)
			if err != nil {
				return expired(fmt.Errorf("read record: %w", err))
			}
			s.taken = append(s.taken, taken{nas.Place{Published: record.Published, Subscription: s.index, Partition: part, Offset: r.Offset}, record})
		}
	}
	return nil
}
