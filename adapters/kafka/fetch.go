package kafka

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/domain/messagelog"
)

const (
	// fetchSize and catchUpSize are how many bytes one fetch asks for (NAS-63). A batch that is larger comes whole (KIP-74).
	fetchSize   = 1 << 20
	catchUpSize = 8 << 20
	// defaultBatch is how many records a batch holds where the reader names no number.
	defaultBatch = 1000
	// fetchVersion of the protocol: with leader epochs, without topic ids. Brokers from 2.3 to 4.x take it.
	fetchVersion = 11
	// maxWait is how long a broker may hold back an answer; the connection gives up later than that.
	maxWait = netTimeout / 2
	// maxParked bounds what is kept of readers that went away, and parkedFor how long it is good.
	maxParked = 16
	parkedFor = 5 * time.Second
)

// errNothing: the log goes on, and the leader gives nothing of it.
var errNothing = errors.New("the leader holds back what it has")

// topicPart is one partition of a topic.
type topicPart struct {
	topic  messagelog.Topic
	number int
}

// reader reads partitions up to the last stable offset with fetch requests of its own. sarama's consumer does not tell of commit markers and
// aborted records, which take offsets: a partition that ends in one would never seem to be read to its end.
type reader struct {
	client   sarama.Client
	conns    connections
	patience time.Duration
	ctx      context.Context // ends at close
	cancel   context.CancelFunc
	work     sync.WaitGroup // the fetches in flight

	mu     sync.Mutex // guards what follows, and that no fetch begins after close
	parked map[topicPart]*cursor
	fresh  map[messagelog.Topic]time.Time // when the metadata of a topic was read
	closed bool
}

func newReader(client sarama.Client) *reader {
	ctx, cancel := context.WithCancel(context.Background())
	return &reader{
		client: client, conns: connections{config: client.Config(), idle: map[string][]*connection{}}, patience: patience, ctx: ctx, cancel: cancel,
		parked: map[topicPart]*cursor{}, fresh: map[messagelog.Topic]time.Time{},
	}
}

// close ends every read and its connections.
func (r *reader) close() {
	r.mu.Lock()
	r.closed = true
	clear(r.parked)
	r.mu.Unlock()
	r.cancel()
	r.work.Wait()
	r.conns.close()
}

// Read implements ports.MessageLog.
func (c *Cluster) Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	return c.reader.Read(ctx, t, part, from, to, opt)
}

// Read implements ports.MessageLog. While the caller works on one fetch, the next one is on its way.
func (r *reader) Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		if to >= 0 && from >= to {
			return
		}
		c := r.resume(topicPart{t, part}, from)
		for to < 0 || c.at < to {
			batch, err := c.next(ctx, to, opt)
			if err != nil {
				yield(messagelog.Batch{}, fmt.Errorf("read %s/%d: %w", t, part, err))
				return
			}
			if batch.Next == c.at {
				return
			}
			c.at = batch.Next
			if !yield(batch, nil) {
				if to < 0 && !opt.CatchUp { // which holds a lot
					r.park(c)
				}
				return
			}
		}
	}
}

// cursor is a reader's position in a partition, with what is fetched already.
type cursor struct {
	r     *reader
	p     topicPart
	at    int64
	block block
	ahead *fetching // of block.end; may be nil
	left  time.Time // when it was parked
}

// resume returns a cursor at from: the one that a reader has left there, or a new one.
func (r *reader) resume(p topicPart, from int64) *cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.parked[p]
	delete(r.parked, p)
	if c != nil && c.at == from && time.Since(c.left) < parkedFor {
		return c
	}
	return &cursor{r: r, p: p, at: from}
}

// park keeps the cursor of a reader that follows a partition for its next read.
func (r *reader) park(c *cursor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	c.left = time.Now()
	// What was yielded last is the caller's.
	c.block.records, c.block.headers = make([]messagelog.Record, 0, len(c.block.records)), make([]messagelog.Header, 0, len(c.block.headers))
	r.parked[c.p] = c
	for len(r.parked) > maxParked {
		oldest := c
		for _, other := range r.parked {
			if other.left.Before(oldest.left) {
				oldest = other
			}
		}
		delete(r.parked, oldest.p)
	}
}

// forgetTopic drops what is known and fetched already of a topic.
func (r *reader) forgetTopic(t messagelog.Topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.fresh, t)
	maps.DeleteFunc(r.parked, func(p topicPart, _ *cursor) bool { return p.topic == t })
}

// forget drops what is fetched already of a partition.
func (r *reader) forget(p topicPart) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.parked, p)
}

// next returns the batch at c.at; one with Next = c.at where there is none before opt.Timeout and to < 0.
func (c *cursor) next(ctx context.Context, to int64, opt messagelog.ReadOptions) (messagelog.Batch, error) {
	began, limit, size := time.Now(), opt.MaxRecords, int32(fetchSize)
	if limit <= 0 {
		limit = defaultBatch
	}
	if opt.CatchUp {
		size = catchUpSize
	}
	search := search{r: c.r}
	for {
		if err := ctx.Err(); err != nil {
			return messagelog.Batch{}, err
		}
		if batch := c.block.step(c.p, c.at, to, limit); batch.Next > c.at {
			return batch, nil
		}
		arrived, err := c.fetch(ctx, to, opt.Timeout-time.Since(began), size)
		if err != nil {
			if err := search.again(ctx, err, began.Add(opt.Timeout), c.p.topic); err != nil {
				return messagelog.Batch{}, err
			}
			continue
		}
		search.found()
		switch {
		case arrived, time.Since(began) < opt.Timeout:
		case to >= 0:
			return messagelog.Batch{}, messagelog.ErrStalled
		default:
			return messagelog.Batch{Next: c.at}, nil
		}
	}
}

// fetch waits up to wait for what is at c.at, size bytes of it, and tells whether anything arrived.
func (c *cursor) fetch(ctx context.Context, to int64, wait time.Duration, size int32) (arrived bool, err error) {
	f := c.ahead
	if c.ahead = nil; f == nil {
		f = c.r.fetch(c.p, c.at, wait, size)
	}
	var got fetched
	select {
	case got = <-f.done:
	case <-ctx.Done():
		f.cancel()
		return false, ctx.Err()
	}
	if errors.Is(got.err, sarama.ErrOffsetOutOfRange) {
		return false, c.outside(ctx, wait)
	}
	if got.err != nil {
		return false, got.err
	}
	if err := c.block.load(got.block); err != nil {
		return false, err
	}
	if len(c.block.sets) == 0 || c.block.end <= c.at {
		switch stable := got.block.LastStableOffset; {
		case c.at < stable:
			return false, errNothing
		case c.at > stable:
			return false, sleep(ctx, min(wait, maxPause)) // a leader need not wait for an offset that is not next
		}
		return false, nil
	}
	if c.block.end < got.block.LastStableOffset && (to < 0 || c.block.end < to) {
		c.ahead = c.r.fetch(c.p, c.block.end, 0, size)
	}
	return true, nil
}

// outside tells what is wrong with a position that the leader knows nothing of: ErrGone before the first record; nothing after the last
// one, where it waits a while.
func (c *cursor) outside(ctx context.Context, wait time.Duration) error {
	bounds, err := c.r.Bounds(ctx, []messagelog.Topic{c.p.topic})
	if err != nil {
		return err
	}
	parts := bounds[c.p.topic]
	if c.p.number >= len(parts) {
		return messagelog.ErrNoTopic
	}
	if c.at < parts[c.p.number].First {
		return messagelog.ErrGone
	}
	if c.at < parts[c.p.number].End {
		return errNothing
	}
	return sleep(ctx, min(wait, maxPause))
}

// fetching is a fetch in flight.
type fetching struct {
	done   chan fetched
	cancel context.CancelFunc
}

type fetched struct {
	block *sarama.FetchResponseBlock
	err   error
}

// fetch begins a fetch of size bytes; the broker answers when there is anything, at the latest after wait.
func (r *reader) fetch(p topicPart, at int64, wait time.Duration, size int32) *fetching {
	ctx, cancel := context.WithCancel(r.ctx)
	f := &fetching{done: make(chan fetched, 1), cancel: cancel}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		cancel()
		f.done <- fetched{err: errClosed}
		return f
	}
	r.work.Go(func() {
		defer cancel()
		block, err := r.exchange(ctx, p, at, wait, size)
		if r.ctx.Err() != nil {
			err = errClosed
		}
		f.done <- fetched{block, err}
	})
	return f
}

// exchange sends a fetch to the leader of p and returns its answer.
func (r *reader) exchange(ctx context.Context, p topicPart, at int64, wait time.Duration, size int32) (*sarama.FetchResponseBlock, error) {
	if p.number < 0 || p.number > math.MaxInt32 {
		return nil, messagelog.ErrNoTopic
	}
	topic, number := string(p.topic), int32(p.number)
	var leader *sarama.Broker
	var epoch int32
	if err := within(ctx, func() (err error) {
		leader, epoch, err = r.client.LeaderAndEpoch(topic, number)
		return err
	}); err != nil {
		return nil, missing(err)
	}
	conn, err := r.conns.get(leader.Addr())
	if err != nil {
		return nil, err
	}
	wait = min(max(wait, 0), maxWait)
	request := &sarama.FetchRequest{
		Version: fetchVersion, MaxWaitTime: int32((wait + time.Millisecond - 1) / time.Millisecond), MinBytes: 1,
		MaxBytes:  sarama.MaxResponseSize,                 // of all partitions; size is that of this one
		Isolation: sarama.ReadCommitted, SessionEpoch: -1, // no session: each fetch says all
	}
	request.AddBlock(topic, number, at, size, epoch)
	stop := context.AfterFunc(ctx, conn.abort)
	answer, err := conn.broker.Fetch(request)
	if !stop() || err != nil {
		conn.close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.conns.drop(leader.Addr())
		return nil, err
	}
	r.conns.put(conn)
	block := answer.GetBlock(topic, number)
	if answer.ErrorCode != 0 {
		return nil, sarama.KError(answer.ErrorCode)
	}
	if block == nil {
		return nil, sarama.ErrIncompleteResponse
	}
	if block.Err != sarama.ErrNoError {
		return nil, block.Err
	}
	return block, nil
}
