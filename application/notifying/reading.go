package notifying

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// grace is how long past the end of a call's time a read that has begun may wait: less would make a log look stalled that is only slow.
const grace = 500 * time.Millisecond

// scan reads what one subscription has yet to read: its partitions, each in the order of the log, merged by the time of publishing, so that none
// can starve another. It belongs to one goroutine.
type scan struct {
	index   int // of the subscription, by creation
	sub     nas.Subscription
	at      nas.Position
	catchUp bool // partitions are read in parallel, and in large pieces
	sources []*source
	taken   []taken
	was     nas.Cursor // of a replay: what the earlier call gave
}

// taken is a message of the answer.
type taken struct {
	nas.Place
	nas.Record
}

// source is one partition. What was examined and matches waits in found until it is taken; reading on stays possible in between.
type source struct {
	index int // of the subscription
	part  int
	next  int64 // everything before was examined
	end   int64
	found []taken
	size  int64               // octets of found
	rest  []messagelog.Record // of the batch, not yet examined
	after int64               // the position after that batch

	open    func() iter.Seq2[messagelog.Batch, error]
	pull    func() (messagelog.Batch, error, bool)
	stop    func()
	stalled bool // the log gave nothing although next < end
	late    bool // the call's time was over before the log gave more
	err     error

	sieve
}

// sieve is what a subscription selects. It belongs to one goroutine.
type sieve struct {
	topic   nas.TopicName
	head    nas.Matcher
	content ports.ContentExpression // nil = any
	failed  int                     // how often the expression could not be evaluated
	broken  int                     // how many records could not be read, or are another topic's
}

// examine returns the record if it is selected. One that is not costs no memory.
func (s *sieve) examine(value []byte) (nas.Record, bool) {
	h, err := nas.DecodeHead(value)
	// Who may read this topic may perhaps not read another that was kept under the same name in the log.
	if err != nil || string(h.Topic) != string(s.topic) {
		s.broken++
		return nas.Record{}, false
	}
	if !s.head.Head(h) {
		return nas.Record{}, false
	}
	if s.content != nil {
		ok, err := s.content.Match(h.Content)
		if err != nil {
			s.failed++
		}
		if err != nil || !ok {
			return nas.Record{}, false
		}
	}
	return h.Record(), true
}

// room is what a subscription may still use: messages, octets and time.
type room struct {
	messages int
	bytes    int64     // all messages but the first
	most     int64     // the first
	until    time.Time // for reading; one step is always taken
}

// take takes messages in the order of the answer until a limit is reached or everything up to the ends is examined.
func (s *scan) take(ctx context.Context, r room, now func() time.Time) error {
	count, size := 0, int64(0)
	for again := true; again; again = now().Before(r.until) {
		if err := s.fill(ctx, r.messages-count, r.bytes-size, r.until, now); err != nil {
			return err
		}
		// Only the head of every partition tells which message is the next; without time to read on, those that are there are taken.
		last := !now().Before(r.until)
		for count < r.messages && (last || !s.hungry()) {
			src := s.oldest()
			if src == nil {
				return nil
			}
			m := src.found[0]
			if count == 0 && weight(m) > r.most || count > 0 && size+weight(m) > r.bytes {
				return nil
			}
			src.found, src.size = src.found[1:], src.size-weight(m)
			s.taken = append(s.taken, m)
			count++
			size += weight(m)
		}
		if count == r.messages || !s.hungry() {
			return nil
		}
	}
	return nil
}

func weight(m taken) int64 { return int64(len(m.Content) + len(m.Producer)) }

// hungry tells whether some partition must be read on before the next message is known.
func (s *scan) hungry() bool {
	for _, src := range s.sources {
		if src.hungry() {
			return true
		}
	}
	return false
}

func (src *source) hungry() bool { return len(src.found) == 0 && src.left() }

// left tells whether there is something to read.
func (src *source) left() bool { return src.next < src.end && !src.stalled && !src.late }

// oldest returns the partition whose first message comes first in the answer, nil if none has one.
func (s *scan) oldest() *source {
	var first *source
	for _, src := range s.sources {
		if len(src.found) > 0 && (first == nil || src.found[0].Compare(first.found[0].Place) < 0) {
			first = src
		}
	}
	return first
}

// fill reads on where a partition's next message is not known: in every partition as much as it will give, if all give alike.
func (s *scan) fill(ctx context.Context, messages int, bytes int64, until time.Time, now func() time.Time) error {
	if messages <= 0 || !s.hungry() {
		return nil
	}
	var reading []*source
	for _, src := range s.sources {
		if src.left() {
			reading = append(reading, src)
		}
	}
	want, size := nas.Share(messages, len(reading)), nas.Share(bytes, len(reading))
	if !s.catchUp || len(reading) == 1 {
		for _, src := range reading {
			src.fill(ctx, want, size, until, now)
		}
	} else {
		var all sync.WaitGroup
		for _, src := range reading {
			all.Go(func() { src.fill(ctx, want, size, until, now) })
		}
		all.Wait()
	}
	for _, src := range reading {
		if src.err != nil {
			return src.err
		}
	}
	return nil
}

// fill examines records until so many wait, or octets of them, or the time is over. It takes one step at least, if nothing waits. A panic, such as of
// an expression, is an error: it may run apart from the goroutine of the call.
func (src *source) fill(ctx context.Context, messages int, size int64, until time.Time, now func() time.Time) {
	defer func() {
		if p := recover(); p != nil {
			src.err = fmt.Errorf("panic in a read: %T", p)
		}
	}()
	more := func() bool { return len(src.found) == 0 || len(src.found) < messages && src.size < size }
	for src.left() && more() {
		if len(src.rest) == 0 && !src.step(ctx) {
			return
		}
		for len(src.rest) > 0 && more() {
			r := src.rest[0]
			src.rest = src.rest[1:]
			src.keep(r)
			src.next = r.Offset + 1
			// An expression may take long.
			if src.content != nil && !now().Before(until) {
				break
			}
		}
		if len(src.rest) == 0 {
			src.next = src.after
		}
		if ctx.Err() != nil {
			src.err = ctx.Err()
			return
		}
		if !now().Before(until) {
			return
		}
	}
}

// keep puts the record in found if it is selected.
func (src *source) keep(r messagelog.Record) {
	if record, ok := src.examine(r.Value); ok {
		m := taken{nas.Place{Published: record.Published, Subscription: src.index, Partition: src.part, Offset: r.Offset}, record}
		src.found = append(src.found, m)
		src.size += weight(m)
	}
}

// step reads the next batch; false where there is none. A read is ended with its own context when the time of the call is over.
func (src *source) step(ctx context.Context) bool {
	if src.pull == nil {
		src.pull, src.stop = iter.Pull2(src.open())
	}
	batch, err, ok := src.pull()
	switch {
	case errors.Is(err, messagelog.ErrStalled), err == nil && (!ok || batch.Next <= src.next):
		src.stalled = true
		return false
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		src.late = true
		return false
	case err != nil:
		src.err = err
		return false
	}
	src.rest, src.after = batch.Records, batch.Next
	if len(src.rest) == 0 {
		src.next = src.after
	}
	return true
}

// close ends the reading, and gives back what was fetched and not examined. Taking more begins it anew.
func (s *scan) close() {
	for _, src := range s.sources {
		if src.stop != nil {
			src.stop()
		}
		src.pull, src.stop, src.rest = nil, nil, nil
	}
}

// offsets is where the next call reads on: at the first message of each partition that waits, or after what was examined.
func (s *scan) offsets() nas.Offsets {
	at := append(nas.Offsets{}, s.at.Offsets...)
	for _, src := range s.sources {
		at[src.part] = src.next
		if len(src.found) > 0 {
			at[src.part] = src.found[0].Offset
		}
	}
	return at
}

// places is where the messages taken are.
func (s *scan) places() []nas.Place {
	all := make([]nas.Place, len(s.taken))
	for i, m := range s.taken {
		all[i] = m.Place
	}
	return all
}

// troubles counts what went wrong in the partitions.
type troubles struct {
	stalled, late  int // partitions
	failed, broken int // records
}

func (s *scan) troubles() (all troubles) {
	for _, src := range s.sources {
		all.failed += src.failed
		all.broken += src.broken
		if src.stalled {
			all.stalled++
		}
		if src.late {
			all.late++
		}
	}
	return all
}
