package notifying_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

func TestT12ClosedTopicIsFetched(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	r.subscribed(t, p, nil)
	sent := r.publish(t, cardTopic, 0, "1")
	r.edit(t, cardTopic, func(was *nas.Topic) { was.Active = false })
	assert.Equal(t, sent, contentsOf(r.fetched(t, "m", p)))
}

func TestT23AccessIsRevoked(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	card := r.subscribed(t, p, nil)
	r.subscribed(t, p, onTopic(otherTopic))
	r.publish(t, cardTopic, 0, "1")
	other := r.publish(t, otherTopic, 0, "1")
	r.edit(t, cardTopic, func(was *nas.Topic) { was.Access = nil })
	_, err := r.fetch("m", p, 1)
	assert.ErrorIs(t, err, nas.NoAccess{Topic: cardTopic})
	require.NoError(t, r.unsubscribe("u", card))
	assert.Equal(t, other, contentsOf(r.fetched(t, "m", p)))

	t.Run("T23 a resend of what may no longer be read", func(t *testing.T) {
		r.edit(t, otherTopic, func(was *nas.Topic) { was.Access = nil })
		_, err := r.fetch("m", p, 1)
		assert.ErrorIs(t, err, nas.NoAccess{Topic: otherTopic})
	})
}

func TestT27FetchAtTheEnd(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	r.subscribed(t, p, func(s *notifying.Subscribing) { s.Termination = "PT1H" })
	r.publish(t, cardTopic, 0, "1", "2")
	r.pass(time.Hour - time.Microsecond)
	out, err := r.fetch("m", p, 1)
	require.NoError(t, err)
	assert.Len(t, out.Messages, 1)
	r.pass(time.Microsecond)
	assert.Empty(t, r.fetched(t, "n", p).Messages)
}

func TestT29Quota(t *testing.T) {
	for _, c := range []struct {
		name               string
		waiting, asked     int
		want, wantIfCalled int // at first, and by a call without number after it
	}{
		{"absent", 300, notifying.NoQuota, 256, 44},
		{"0", 3, 0, 0, 3},
		{"1", 3, 1, 1, 2},
		{"5 of 3", 3, 5, 3, 0},
		{"more than the limit", 1100, 1 << 40, 1000, 100},
	} {
		t.Run("T29 "+c.name, func(t *testing.T) {
			r := newReader(t)
			p := r.pullPoint(t)
			r.subscribed(t, p, nil)
			for part := range uint64(3) {
				r.publish(t, cardTopic, part, make([]string, (c.waiting+int(part))/3)...)
			}
			out, err := r.fetch("m", p, c.asked)
			require.NoError(t, err)
			assert.Len(t, out.Messages, c.want)
			assert.Equal(t, c.want < c.waiting, out.More)
			assert.Len(t, r.fetched(t, "n", p).Messages, c.wantIfCalled)
		})
	}

	t.Run("T29 nothing moves at 0", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.fetched(t, "first", p) // of the hour
		r.publish(t, cardTopic, 0, "1")
		_, err := r.fetch("m", p, 0)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 0}, []int{r.points.writes, r.log.reads})
	})
}

// grow gives the card topic so many partitions.
func (r *reader) grow(t require.TestingT, partitions int) {
	require.NoError(t, r.db.Topics().GrowTopic(context.Background(), nas.InternalTopic(cardTopic), partitions))
}

// trim has retention take what is below an offset of a partition of the card topic.
func (r *reader) trim(t require.TestingT, part int, before int64) {
	require.NoError(t, r.db.Topics().Trim(context.Background(), nas.InternalTopic(cardTopic), part, before))
}

func TestT35NobodyStarves(t *testing.T) {
	t.Run("T35 one subscription far behind without matches", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.list(t, "ward-7", "somebody else")
		r.subscribed(t, p, idFilter(nas.IDFilter{Lists: []string{"ward-7"}}))
		r.subscribed(t, p, onTopic(otherTopic))
		for part := range uint64(3) {
			r.publish(t, cardTopic, part, make([]string, 5000)...)
		}
		sent := r.publish(t, otherTopic, 0, "1")
		r.log.step = func() { r.pass(10 * time.Second) } // each batch of 1,000
		out := r.fetched(t, "m", p)
		assert.Equal(t, sent, contentsOf(out))
		assert.True(t, out.More)
		assert.Positive(t, r.log.catchUp)
	})

	t.Run("one message at a time goes to each in turn", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		var subs []nas.SubscriptionID
		for range 3 {
			subs = append(subs, r.subscribed(t, p, nil))
		}
		r.publish(t, cardTopic, 0, make([]string, 10)...)
		var got []nas.SubscriptionID
		for i := range 3 {
			out, err := r.fetch(fmt.Sprint(i), p, 1)
			require.NoError(t, err)
			got = append(got, out.Messages[0].Subscription)
		}
		assert.ElementsMatch(t, subs, got)
	})

	t.Run("quota that one does not use is the others'", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		card := r.subscribed(t, p, nil)
		other := r.subscribed(t, p, onTopic(otherTopic))
		r.publish(t, cardTopic, 0, make([]string, 40)...)
		r.publish(t, otherTopic, 0, "1")
		out, err := r.fetch("m", p, 20)
		require.NoError(t, err)
		counts := map[nas.SubscriptionID]int{}
		for _, m := range out.Messages {
			counts[m.Subscription]++
		}
		assert.Equal(t, map[nas.SubscriptionID]int{card: 19, other: 1}, counts)
	})

	t.Run("partitions of a topic share too: the oldest messages come first", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		var sent []string
		for i := range uint64(9) {
			r.pass(time.Second)
			sent = append(sent, r.publish(t, cardTopic, 2-i%3, "1")...)
		}
		for i := range 3 {
			out, err := r.fetch(fmt.Sprint(i), p, 3)
			require.NoError(t, err)
			assert.Equal(t, sent[3*i:3*i+3], contentsOf(out))
		}
	})
}

func TestT36TwoSubscriptionsMatch(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	first, second := r.subscribed(t, p, nil), r.subscribed(t, p, nil)
	sent := r.publish(t, cardTopic, 0, "1")
	out := r.fetched(t, "m", p)
	assert.Equal(t, []string{sent[0], sent[0]}, contentsOf(out))
	assert.Equal(t, []nas.SubscriptionID{first, second}, []nas.SubscriptionID{out.Messages[0].Subscription, out.Messages[1].Subscription})
}

// TestAuditNamesWhatWasGiven: by the positions of the subscriptions before and after, not by whom it is about.
func TestAuditNamesWhatWasGiven(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	r.publish(t, cardTopic, 0, "1")
	r.subscribed(t, p, nil)
	r.subscribed(t, p, onTopic(otherTopic))
	r.publish(t, cardTopic, 0, "1", "1")
	r.publish(t, cardTopic, 2, "1")
	r.fetched(t, "m", p)
	assert.True(t, strings.HasSuffix(r.notes(), " message-count=3 replay=false offsets-from.0=1,0,0 offsets-from.1=0,0,0 offsets-to.0=3,0,1 offsets-to.1=0,0,0"), r.notes())
	for _, id := range []string{"m", "n"} { // given again, and nothing
		r.fetched(t, id, p)
		assert.NotContains(t, r.notes(), "offsets")
	}
}

func TestOrderOfAnAnswer(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	r.subscribed(t, p, onTopic(otherTopic))
	r.subscribed(t, p, nil)
	var sent []string
	for i, topic := range []nas.TopicName{cardTopic, otherTopic, cardTopic, otherTopic} {
		r.pass(time.Second)
		sent = append(sent, r.publish(t, topic, uint64(2-i/2), "1")...) //nolint:gosec // small
	}
	// At one instant: by subscription, then by partition.
	r.pass(time.Second)
	second, first := r.publish(t, cardTopic, 1, "1", "1"), r.publish(t, cardTopic, 0, "1")
	sent = append(sent, r.publish(t, otherTopic, 2, "1")...)
	assert.Equal(t, slices.Concat(sent, first, second), contentsOf(r.fetched(t, "m", p)))
}

func TestT37Partitions(t *testing.T) {
	t.Run("T37 new ones are read from their beginning", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.publish(t, cardTopic, 0, "1")
		r.fetched(t, "m", p)
		r.grow(t, 5)
		sent := slices.Concat(r.publish(t, cardTopic, 3, "1"), r.publish(t, cardTopic, 4, "1"))
		assert.Equal(t, sent, contentsOf(r.fetched(t, "n", p)))
	})

	t.Run("T37 a cursor of five and a log of three", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.grow(t, 5)
		s := r.subscribed(t, p, nil)
		internal := nas.InternalTopic(cardTopic)
		require.NoError(t, r.db.Topics().DeleteTopic(t.Context(), internal))
		require.NoError(t, r.db.Topics().CreateTopic(t.Context(), internal, messagelog.Spec{Partitions: 3}))
		r.publish(t, cardTopic, 0, "1")
		_, err := r.fetch("m", p, 1)
		assert.Equal(t, "UnableToGetMessagesFault partitions_lost", faultOf(err))
		assert.True(t, fault.Is(err, fault.Internal))
		sub, err := r.points.Subscription(t.Context(), s, r.clock())
		require.NoError(t, err)
		assert.Zero(t, sub.Cursor.Seq, "nothing moves")
	})

	t.Run("T37 a resend of what was in a partition that is not there is not told to be gone", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.grow(t, 5)
		r.publish(t, cardTopic, 4, "1")
		first := r.fetched(t, "m", p)
		require.Len(t, first.Messages, 1)
		r.log.parts = 3 // as a server of the log tells that has not heard of the growth
		_, err := r.fetch("m", p, 1)
		assert.Equal(t, "UnableToGetMessagesFault partitions_lost", faultOf(err))
		r.log.parts = 0
		assert.Equal(t, first.Messages, r.fetched(t, "m", p).Messages)
	})

	t.Run("T37 retention passed the position", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		sent := r.publish(t, cardTopic, 0, make([]string, 10)...)
		r.trim(t, 0, 7)
		assert.Equal(t, sent[7:], contentsOf(r.fetched(t, "m", p)))
		assert.Contains(t, r.logText(), "no longer kept")
		require.Len(t, r.said("retentionGap"), 1)
		assert.Contains(t, r.said("retentionGap")[0], `"gaps":[{"partition":0,"from":0,"to":6}]`)
		r.publish(t, cardTopic, 0, "1")
		r.fetched(t, "n", p)
		assert.Len(t, r.said("retentionGap"), 1, "it is told once")
	})

	t.Run("a topic that was made anew", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.publish(t, cardTopic, 0, "1", "2")
		r.subscribed(t, p, nil)
		internal := nas.InternalTopic(cardTopic)
		require.NoError(t, r.db.Topics().DeleteTopic(t.Context(), internal))
		require.NoError(t, r.db.Topics().CreateTopic(t.Context(), internal, messagelog.Spec{Partitions: 3}))
		assert.Empty(t, r.fetched(t, "m", p).Messages)
		assert.Contains(t, r.logText(), "beyond the end")
	})
}

func TestT38NothingNew(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	s := r.subscribed(t, p, nil)
	r.subscribed(t, p, onTopic(otherTopic))
	r.publish(t, cardTopic, 0, "1")
	r.log.marker = true
	assert.Len(t, r.fetched(t, "m", p).Messages, 1)
	var lags []int64
	r.Lag = func(topic string, lag int64) {
		if topic == cardTopic {
			lags = append(lags, lag)
		}
	}
	r.points.reads, r.points.answers, r.points.writes, r.log.bounds, r.log.reads = 0, 0, 0, 0, 0
	for range 1000 {
		out := r.fetched(t, "", p)
		require.Empty(t, out.Messages)
		require.False(t, out.More)
	}
	assert.Equal(t, [5]int{1000, 0, 0, 1000, 0}, [5]int{r.points.reads, r.points.answers, r.points.writes, r.log.bounds, r.log.reads},
		"readings of the store, answers looked up, writes; bounds and reads of the log")
	assert.Equal(t, make([]int64, 1000), lags)
	sub, err := r.points.Subscription(t.Context(), s, r.clock())
	require.NoError(t, err)
	assert.Equal(t, int64(1), sub.Cursor.Seq)

	t.Run("that the owner was seen is kept once an hour", func(t *testing.T) {
		for range 10 {
			r.pass(time.Hour)
			r.fetched(t, "", p)
			r.fetched(t, "", p)
		}
		assert.Equal(t, 10, r.points.writes)
	})
}

func TestT39TheLogStalls(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	card := r.subscribed(t, p, nil)
	r.subscribed(t, p, onTopic(otherTopic))
	sent := r.publish(t, cardTopic, 0, "1")
	var empty []string
	r.EmptyWithData = func(topic string) { empty = append(empty, topic) }

	t.Run("T39 nothing was found", func(t *testing.T) {
		r.log.stalled = []messagelog.Topic{nas.InternalTopic(cardTopic)}
		_, err := r.fetch("m", p, 1)
		assert.Equal(t, "UnableToGetMessagesFault log_stalled", faultOf(err))
		assert.True(t, fault.Is(err, fault.Unavailable))
		assert.Equal(t, []string{cardTopic}, empty)
		sub, err := r.points.Subscription(t.Context(), card, r.clock())
		require.NoError(t, err)
		assert.Zero(t, sub.Cursor.Seq)
	})

	t.Run("T39 something was found", func(t *testing.T) {
		other := r.publish(t, otherTopic, 0, "1")
		out := r.fetched(t, "m", p)
		assert.Equal(t, other, contentsOf(out))
		assert.True(t, out.More)
		assert.Contains(t, r.logText(), "level=ERROR")
		r.log.stalled = nil
		assert.Equal(t, sent, contentsOf(r.fetched(t, "n", p)))
	})

	t.Run("the log is down", func(t *testing.T) {
		r.log.down = errDown
		_, err := r.fetch("o", p, 1)
		assert.Equal(t, "UnableToGetMessagesFault unavailable", faultOf(err))
		told, _ := fault.Of(err)
		assert.NotContains(t, told.Text, "secret")
	})
}

func TestSizeOfAnAnswer(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	r.subscribed(t, p, nil)
	sent := r.publish(t, cardTopic, 0, make([]string, 10)...)
	size := int64(len(sent[0]))
	for _, c := range []struct {
		limit int64
		want  int
	}{{3 * size, 3}, {3*size - 1, 2}, {1, 1}, {0, 1}, {8 << 20, 3}} {
		r.MaxBytes = c.limit
		out := r.fetched(t, "", p)
		assert.Equal(t, sent[:c.want], contentsOf(out), "%d octets", c.limit)
		sent = sent[c.want:]
	}

	t.Run("two subscriptions share it", func(t *testing.T) {
		r.subscribed(t, p, nil)
		sent := r.publish(t, cardTopic, 0, make([]string, 10)...)
		r.MaxBytes = 4 * int64(len(sent[0]))
		out := r.fetched(t, "", p)
		assert.Equal(t, []string{sent[0], sent[1], sent[0], sent[1]}, contentsOf(out))
	})
}

func TestNewCursors(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	r.AdvanceMin = 10
	s := r.subscribed(t, p, idFilter(nas.IDFilter{IDs: []nas.SingleID{{ID: "1", IDType: numberType}}}))
	other := r.subscribed(t, p, onTopic(otherTopic))
	cursor := func(id nas.SubscriptionID) nas.Cursor {
		sub, err := r.points.Subscription(t.Context(), id, r.clock())
		require.NoError(t, err)
		return sub.Cursor
	}
	r.publish(t, cardTopic, 0, make([]string, 9)...)
	r.fetched(t, "a", p)
	assert.Zero(t, cursor(s).Seq, "a few that do not match are examined again")
	r.publish(t, cardTopic, 0, "")
	r.fetched(t, "b", p)
	assert.Equal(t, nas.Cursor{Subscription: s, PullPoint: p, Seq: 1, MessageID: "b", Offsets: nas.Offsets{10, 0, 0}, CreatedAt: r.clock()}, cursor(s))
	assert.Equal(t, nas.Cursor{Subscription: other, PullPoint: p, Seq: 1, MessageID: "b", Offsets: nas.Offsets{0, 0, 0},
		CreatedAt: r.clock()}, cursor(other),
		"every active subscription has one")
	assert.True(t, r.fetched(t, "b", p).Replay)

	// The quota fills in the middle of a partition; what was read of the others stays unread.
	r.publish(t, cardTopic, 0, "1", "2", "1", "2", "1")
	r.pass(time.Second)
	r.publish(t, cardTopic, 1, "2", "1")
	out, err := r.fetch("c", p, 2)
	require.NoError(t, err)
	assert.Len(t, out.Messages, 2)
	got := cursor(s)
	assert.Equal(t, nas.Ranges{{Partition: 0, From: 10, To: 10}, {Partition: 0, From: 12, To: 12}}, got.Delivered)
	assert.Equal(t, 2, got.Count)
	assert.LessOrEqual(t, got.Offsets[0], int64(14))
	assert.LessOrEqual(t, got.Offsets[1], int64(1))
	assert.Len(t, r.fetched(t, "d", p).Messages, 2)
}

func TestStatisticsOfAFetch(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	s := r.subscribed(t, p, nil)
	r.publish(t, cardTopic, 0, make([]string, 99)...)
	delivered := map[string]int{}
	r.Delivered = func(topic string, n int) { delivered[topic] += n }
	_, err := r.fetch("a", p, 20)
	require.NoError(t, err)
	assert.Equal(t, []string{fmt.Sprintf(
		`{"action":"getmessages","info":{"pullPointId":"%s","subscriptionIds":["%s"],"quota":20,"replay":false}}`, p, s)},
		r.said("getmessages"))
	assert.Empty(t, r.said("offsets"), "it is not far behind")
	r.publish(t, cardTopic, 0, make([]string, 21)...)
	_, err = r.fetch("b", p, 20)
	require.NoError(t, err)
	assert.Equal(t, []string{fmt.Sprintf(`{"action":"offsets","owner":["33257872Demo EPJ"],"endOffsets":["120","0","0"],"maxOffsetDelta":["100"],`+
		`"pullPointId":["%s"],"deltaOffsets":["100","0","0"],"topic":["%s"],"subscriptionId":["%s"]}`, p, cardTopic, s)}, r.said("offsets"))
	r.fetched(t, "b", p)
	assert.Equal(t, map[string]int{cardTopic: 40}, delivered, "a resend is counted once")
	assert.Contains(t, r.said("getmessages")[2], `"replay":true`)
}

func TestTimeOfACall(t *testing.T) {
	t.Run("a log that is slow loses nothing of what was examined", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newReader(t)
			p := r.pullPoint(t)
			s := r.subscribed(t, p, idFilter(nas.IDFilter{IDs: []nas.SingleID{{ID: "1", IDType: numberType}}}))
			r.publish(t, cardTopic, 0, make([]string, 3000)...)
			r.Fetching.MaxTime, r.DeltaMax = time.Minute, 1<<40
			batches := 0
			r.log.step = func() {
				if batches++; batches == 2 {
					r.log.wait = true // longer than a call may take
				}
			}
			started := time.Now()
			out := r.fetched(t, "m", p)
			assert.Empty(t, out.Messages)
			assert.True(t, out.More)
			assert.LessOrEqual(t, time.Since(started), r.Fetching.MaxTime+time.Second)
			sub, err := r.points.Subscription(t.Context(), s, r.clock())
			require.NoError(t, err)
			assert.Equal(t, nas.Offsets{1000, 0, 0}, sub.Cursor.Offsets)
			_, err = r.fetch("n", p, 1)
			assert.Equal(t, "UnableToGetMessagesFault log_stalled", faultOf(err), "nothing was read at all")
		})
	})

	t.Run("a read waits as long as is configured, more where much is to be read", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.Poll, r.CatchUpPoll, r.DeltaMax = time.Second, 5*time.Second, 10
		r.publish(t, cardTopic, 0, make([]string, 10)...)
		_, err := r.fetch("a", p, 3)
		require.NoError(t, err)
		assert.Equal(t, messagelog.ReadOptions{Timeout: time.Second, MaxRecords: 3}, r.log.options)
		r.publish(t, cardTopic, 0, make([]string, 4)...)
		_, err = r.fetch("b", p, 3)
		require.NoError(t, err)
		assert.Equal(t, messagelog.ReadOptions{Timeout: 5 * time.Second, MaxRecords: 3, CatchUp: true}, r.log.options)
	})

	t.Run("what waited until its time was over reads one step all the same", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.publish(t, cardTopic, 0, "1")
		r.Fetching.MaxTime = 0
		assert.Len(t, r.fetched(t, "m", p).Messages, 1)
	})
}
