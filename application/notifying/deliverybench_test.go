package notifying_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// BenchmarkCatchUp fetches all that a subscription of one person in a thousand has to read, and compares that with reading the log alone.
func BenchmarkCatchUp(b *testing.B) {
	const messages, partitions = 1_000_000, 6
	r := newReader(b)
	r.grow(b, partitions)
	p := r.pullPoint(b)
	var points []nas.PullPointID
	for range b.N {
		r.subscribed(b, p, idFilter(nas.IDFilter{IDs: []nas.SingleID{{ID: "0", IDType: numberType}}}))
		points = append(points, p)
		p = r.pullPoint(b)
	}
	content := []byte("<a:NotifyContent xmlns:a=\"http://nsi.dk/advis/v10\">" + fmt.Sprintf("%400d", 1) + "</a:NotifyContent>")
	for from := 0; from < messages; from += 10_000 {
		var recs []messagelog.Record
		for i := range 10_000 {
			head := nas.Head{Topic: cardTopic, ID: fmt.Sprint((from + i) % 1000), IDType: numberType, Published: r.clock()}
			recs = append(recs, messagelog.Record{Topic: nas.InternalTopic(cardTopic), Value: nas.Record{Head: head, Content: content}.Encode(),
				Spread: uint64(from + i/1000)}) //nolint:gosec // positive
		}
		r.pass(time.Millisecond)
		require.NoError(b, r.db.MessageLog().Append(b.Context(), recs))
	}

	b.ResetTimer()
	got := 0
	for i, p := range points {
		for call := 0; ; call++ {
			out := r.fetched(b, fmt.Sprintf("%d-%d", i, call), p)
			got += len(out.Messages)
			if !out.More {
				break
			}
		}
	}
	took := b.Elapsed()
	b.StopTimer()
	require.Equal(b, b.N*messages/1000, got)

	started := time.Now()
	for range b.N {
		scanned(b, r, partitions)
	}
	scan := time.Since(started)
	b.ReportMetric(float64(b.N*messages)/took.Seconds(), "messages/s")
	b.ReportMetric(scan.Seconds()/took.Seconds(), "of-a-bare-scan")
}

// scanned reads the card topic, its partitions in parallel.
func scanned(b *testing.B, r *reader, partitions int) {
	var all sync.WaitGroup
	for part := range partitions {
		all.Go(func() {
			t := nas.InternalTopic(cardTopic)
			bounds, err := r.db.MessageLog().Bounds(context.Background(), []messagelog.Topic{t})
			if err != nil {
				b.Error(err)
				return
			}
			for _, err := range r.db.MessageLog().Read(context.Background(), t, part, 0, bounds[t][part].End, messagelog.ReadOptions{CatchUp: true}) {
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestWhatDoesNotMatchCostsNoMemory: a fetch that passes many records allocates no more than one that passes few, but what the log itself does.
func TestWhatDoesNotMatchCostsNoMemory(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	r.subscribed(t, p, idFilter(nas.IDFilter{IDs: []nas.SingleID{{ID: "0", IDType: numberType}}}))
	r.AdvanceMin = 1 << 40 // every fetch reads all
	r.log.MessageLog = &sameBatches{MessageLog: r.db.MessageLog()}
	fetches := func(n int) float64 {
		r.log.MessageLog.(*sameBatches).records = n
		return testing.AllocsPerRun(3, func() { r.fetched(t, "", p) })
	}
	few, many := fetches(10), fetches(20_000)
	require.Less(t, many-few, 50.0, "got %v allocations for 20,000 messages, %v for 10", many, few)
}

// openReads is a log that counts the reads that are open at once.
type openReads struct {
	ports.MessageLog
	mu         sync.Mutex
	open, most int
}

func (l *openReads) Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		l.count(1)
		defer l.count(-1)
		for batch, err := range l.MessageLog.Read(ctx, t, part, from, to, opt) {
			if !yield(batch, err) {
				return
			}
		}
	}
}

func (l *openReads) count(by int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open += by
	l.most = max(l.most, l.open)
}

// Every read holds megabytes: those of many subscriptions are not open at the same time.
func TestReadsOfOneSubscriptionAtATime(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	const subscriptions, partitions = 10, 3
	for range subscriptions {
		r.subscribed(t, p, nil)
	}
	var sent []string
	for part := range uint64(partitions) {
		sent = append(sent, r.publish(t, cardTopic, part, make([]string, 20)...)...)
	}
	log := &openReads{MessageLog: r.log.MessageLog}
	r.log.MessageLog, r.log.batch = log, 7
	counts := map[string]int{}
	for range 3 {
		for _, content := range contentsOf(r.fetched(t, "", p)) {
			counts[content]++
		}
	}
	require.Len(t, counts, len(sent))
	for _, content := range sent {
		require.Equal(t, subscriptions, counts[content])
	}
	require.LessOrEqual(t, log.most, partitions)
	require.Zero(t, log.open)
}

// After an outage everybody is far behind: only so many read in large pieces, and nobody waits for that or gets less.
func TestLargeReadsAtOnce(t *testing.T) {
	const calls, large = 20, 16
	r := newReader(t)
	r.DeltaMax = 2
	var points []nas.PullPointID
	for range calls + 1 {
		points = append(points, r.pullPoint(t))
		r.subscribed(t, points[len(points)-1], nil)
	}
	sent := r.publish(t, cardTopic, 0, make([]string, 5)...)
	var arrived, all sync.WaitGroup
	arrived.Add(calls)
	r.log.step = func() { arrived.Done(); arrived.Wait() }
	for i := range calls {
		all.Go(func() {
			out, err := r.fetch(fmt.Sprint("m", i), points[i], notifying.NoQuota)
			assert.NoError(t, err)
			assert.Equal(t, sent, contentsOf(out))
		})
	}
	all.Wait()
	require.Equal(t, large, r.log.catchUp)
	r.log.step = nil
	r.fetched(t, "m", points[calls])
	require.Equal(t, large+1, r.log.catchUp, "those before have ended")
}
