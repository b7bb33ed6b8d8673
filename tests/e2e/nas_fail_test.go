package e2e

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/tests/nsptest"
)

// failingAt fails a method of the stores and of the log of notifications for as long as it is on.
type failingAt struct {
	advance, append atomic.Bool
	stall           atomic.Int32 // Read stalls after so many batches; 0 = it does not
	points          ports.PullPointStore
	log             ports.MessageLog
}

type failingPoints struct {
	ports.PullPointStore
	f *failingAt
}

var errBroken = errors.New("broken for the test")

// Advance fails while that is on.
func (p failingPoints) Advance(ctx context.Context, rows []nas.Cursor) error {
	if p.f.advance.Load() {
		return errBroken
	}
	return p.PullPointStore.Advance(ctx, rows)
}

type failingLog struct {
	ports.MessageLog
	f *failingAt
}

// Append fails while that is on.
func (l failingLog) Append(ctx context.Context, recs []messagelog.Record) error {
	if l.f.append.Load() {
		return errBroken
	}
	return l.MessageLog.Append(ctx, recs)
}

// Read stalls while that is on.
func (l failingLog) Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		after := l.f.stall.Load()
		if after > 0 {
			opt.MaxRecords = 1
		}
		for batch, err := range l.MessageLog.Read(ctx, t, part, from, to, opt) {
			if after == 1 {
				yield(messagelog.Batch{}, messagelog.ErrStalled)
				return
			}
			after--
			if !yield(batch, err) {
				return
			}
		}
	}
}

// TestNASFailures: what fails leaves everything as it was.
func TestNASFailures(t *testing.T) {
	for _, store := range []string{"memory", "sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			var f failingAt
			o := nsptest.Options{
				Store:           store,
				PullPoints:      func(p ports.PullPointStore) ports.PullPointStore { f.points = p; return failingPoints{p, &f} },
				NotificationLog: func(l ports.MessageLog) ports.MessageLog { f.log = l; return failingLog{l, &f} },
			}
			if store == "postgres" {
				o.Kafka = nsptest.Kafka(t)
			}
			s := nsptest.Start(t, o)
			defer watched(t, s)()
			n := subscribing(s, nasCVR)
			topic := newTopic(t, s, 2, nasAllowed)
			pullPoint := n.ready(t, topic, "")

			t.Run("T14 the log fails", func(t *testing.T) {
				ms := []advis{change(topic, nasFirst), change(topic, nasSecond), change(topic, nasThird)}
				f.append.Store(true)
				a := publish(t, s, ms...)
				faults(t, a, "NotifyFailedFault")
				assert.Equal(t, [][2]string{{"1", "log_unavailable"}, {"2", "log_unavailable"}, {"3", "log_unavailable"}}, undelivered(a))
				f.append.Store(false)
				assert.Empty(t, n.fetch(t, pullPoint, ""))
				published(t, s, ms...)
				assert.Len(t, n.fetch(t, pullPoint, ""), 3)
			})

			t.Run("T42 the cursor cannot be kept", func(t *testing.T) {
				m := change(topic, nasFirst)
				published(t, s, m)
				f.advance.Store(true)
				faults(t, n.call(t, local(pullPoint), getMessages("")), "UnableToGetMessagesFault", "unavailable")
				f.advance.Store(false)
				assert.Equal(t, []int{m.version}, n.fetch(t, pullPoint, ""))
			})

			t.Run("T38 nothing is kept of an empty answer", func(t *testing.T) {
				pullPoint := n.pullPoint(t)
				sub := n.subscribe(t, pullPoint, topic, ofIDs(nasFirst))
				id := nas.SubscriptionID(sub[strings.LastIndexByte(sub, '/')+1:])
				m := change(topic, nasFirst)
				published(t, s, m, change(topic, nasSecond))
				require.Equal(t, []int{m.version}, n.fetch(t, pullPoint, ""))
				published(t, s, change(topic, nasSecond))
				for range 5 {
					require.Empty(t, n.fetch(t, pullPoint, ""))
				}
				kept, err := f.points.Subscription(t.Context(), id, s.Clock.Now())
				require.NoError(t, err)
				assert.EqualValues(t, 1, kept.Cursor.Seq)
			})

			t.Run("T35 one subscription far behind", func(t *testing.T) {
				busy := newTopic(t, s, 2, nasAllowed)
				both := n.pullPoint(t)
				n.subscribe(t, both, busy, ofIDs(nasFirst))
				s.Clock.Advance(time.Millisecond)
				n.subscribe(t, both, topic, "")
				record := nas.Record{Head: nas.Head{Topic: nas.TopicName(busy), ID: nasSecond, IDType: nasCPR}, Content: []byte("<a/>")}
				value, at := record.Encode(), messagelog.Topic(internal(t, s, busy))
				for range 5 {
					recs := make([]messagelog.Record, 1000)
					for i := range recs {
						recs[i] = messagelog.Record{Topic: at, Value: value, Spread: uint64(i)} //nolint:gosec // small
					}
					require.NoError(t, f.log.Append(t.Context(), recs))
				}
				m := change(topic, nasFirst)
				published(t, s, m)
				assert.Equal(t, []int{m.version}, n.fetch(t, both, "10"), "in the first answer")
			})

			t.Run("T37 fewer partitions than were read", func(t *testing.T) {
				pullPoint := n.pullPoint(t)
				sub := n.subscribe(t, pullPoint, topic, "")
				p, err := f.points.Subscription(t.Context(), nas.SubscriptionID(sub[strings.LastIndexByte(sub, '/')+1:]), s.Clock.Now())
				require.NoError(t, err)
				lost := p.Cursor
				lost.Seq, lost.Offsets = 1, append(slices.Clone(lost.Offsets), 7, 7, 7)
				require.NoError(t, f.points.Advance(t.Context(), []nas.Cursor{lost}))
				published(t, s, change(topic, nasFirst))
				faults(t, n.call(t, local(pullPoint), getMessages("")), "UnableToGetMessagesFault", "partitions_lost")
				after, err := f.points.Subscription(t.Context(), p.ID, s.Clock.Now())
				require.NoError(t, err)
				assert.EqualValues(t, 1, after.Cursor.Seq, "nothing moves")
			})

			t.Run("T39 the log stalls below its end", func(t *testing.T) {
				one := newTopic(t, s, 1, nasAllowed)
				pullPoint := n.ready(t, one, "")
				first, second := change(one, nasFirst), change(one, nasSecond)
				published(t, s, first)
				published(t, s, second)
				f.stall.Store(1)
				faults(t, n.call(t, local(pullPoint), getMessages("")), "UnableToGetMessagesFault", "log_stalled")
				f.stall.Store(2)
				assert.Equal(t, []int{first.version}, n.fetch(t, pullPoint, ""))
				assert.Contains(t, s.Logs(), `"level":"ERROR","msg":"message log gave nothing before the end"`)
				f.stall.Store(0)
				assert.Equal(t, []int{second.version}, n.fetch(t, pullPoint, ""))
			})

			t.Run("T53 a list is replaced while messages are fetched", func(t *testing.T) {
				var old, other []string
				for i := range 10_000 {
					old, other = append(old, fmt.Sprintf("a%d", i)), append(other, fmt.Sprintf("b%d", i))
				}
				require.Equal(t, http.StatusOK, n.putList(t, "ward-53", old...).Status)
				pullPoint := n.ready(t, topic, ofList("ward-53"))
				var replaced nsptest.Answer
				done := make(chan struct{})
				go func() {
					defer close(done)
					replaced = n.putList(t, "ward-53", other...)
				}()
				for over := false; !over; {
					select {
					case <-done:
						assert.Equal(t, http.StatusOK, replaced.Status)
						over = true
					default:
					}
					whole := []advis{change(topic, "a0"), change(topic, "a9999"), change(topic, "b0"), change(topic, "b9999")}
					published(t, s, whole...)
					got := n.fetch(t, pullPoint, "")
					require.Len(t, got, 2, "the one list or the other, never a part")
					slices.Sort(got)
					assert.Contains(t, [][]int{{whole[0].version, whole[1].version}, {whole[2].version, whole[3].version}}, got)
				}
			})
		})
	}
}
