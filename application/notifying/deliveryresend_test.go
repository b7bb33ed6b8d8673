package notifying_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/nas"
)

func TestT30Resend(t *testing.T) {
	for name, between := range map[string]func(t *testing.T, r *reader){
		"at once":             func(*testing.T, *reader) {},
		"after more arrived":  func(t *testing.T, r *reader) { r.publish(t, cardTopic, 0, "1", "2", "3") },
		"after a list change": func(t *testing.T, r *reader) { r.list(t, "ward-7", "3") },
		"after the list was destroyed": func(t *testing.T, r *reader) {
			_, err := r.DestroyIDList(t.Context(), r.caller, "ward-7")
			require.NoError(t, err)
		},
		"at another server":         func(_ *testing.T, r *reader) { *r = *r.another(r.db) },
		"after the topic was grown": func(t *testing.T, r *reader) { r.grow(t, 5) },
		"a week later":              func(_ *testing.T, r *reader) { r.pass(7 * 24 * time.Hour) },
		"with another maximum":      func(_ *testing.T, r *reader) { r.Default = 1 },
		"after others were given": func(t *testing.T, r *reader) {
			r.publish(t, cardTopic, 1, "1")
			r.fetched(t, "other", r.owned(t)[0].ID)
		},
		"after a new subscription":   func(t *testing.T, r *reader) { r.subscribed(t, r.owned(t)[0].ID, nil) },
		"after one subscribes later": func(t *testing.T, r *reader) { r.pullPoint(t) },
	} {
		t.Run("T30 "+name, func(t *testing.T) {
			r := newReader(t)
			p := r.pullPoint(t)
			r.list(t, "ward-7", "1", "2")
			r.subscribed(t, p, idFilter(nas.IDFilter{Lists: []string{"ward-7"}}))
			r.subscribed(t, p, onTopic(otherTopic))
			r.publish(t, cardTopic, 0, "1", "3", "2", "3", "1", "1")
			r.publish(t, cardTopic, 1, "3", "3", "2")
			r.publish(t, otherTopic, 2, "3")
			r.publish(t, cardTopic, 0, slices.Repeat([]string{"3"}, 70)...)
			r.publish(t, cardTopic, 0, "2")
			first := r.fetched(t, "m", p)
			assert.Len(t, first.Messages, 7)
			assert.False(t, first.Replay)
			assert.Contains(t, r.notes(), "message-count=7 replay=false")
			between(t, r)
			written := r.points.writes
			again := r.fetched(t, "m", p)
			assert.True(t, again.Replay)
			assert.Equal(t, first.Messages, again.Messages)
			assert.Contains(t, r.notes(), "message-count=7 replay=true")
			assert.LessOrEqual(t, r.points.writes-written, 1, "nothing is written, but perhaps that the owner was seen")
		})
	}

	t.Run("T30 after a subscription has expired", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, func(s *notifying.Subscribing) { s.Termination = "PT1H" })
		r.subscribed(t, p, onTopic(otherTopic))
		r.publish(t, cardTopic, 0, "1", "2")
		r.publish(t, otherTopic, 0, "1")
		first := r.fetched(t, "m", p)
		require.Len(t, first.Messages, 3)
		r.publish(t, cardTopic, 0, "3")
		r.pass(time.Hour)
		again := r.fetched(t, "m", p)
		assert.True(t, again.Replay)
		assert.Equal(t, first.Messages, again.Messages)
		assert.False(t, again.More)
		assert.Empty(t, r.fetched(t, "n", p).Messages)
	})

	t.Run("T30 a new MessageID goes on", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		sent := r.publish(t, cardTopic, 0, "1", "2", "3")
		for i, id := range []string{"a", "b", "c"} {
			out, err := r.fetch(id, p, 1)
			require.NoError(t, err)
			assert.Equal(t, sent[i:i+1], contentsOf(out))
		}
	})

	t.Run("a call without MessageID is never given again", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.publish(t, cardTopic, 0, "1")
		assert.Len(t, r.fetched(t, "", p).Messages, 1)
		out := r.fetched(t, "", p)
		assert.Empty(t, out.Messages)
		assert.False(t, out.Replay)
	})

	t.Run("a MessageID that cannot be kept", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.publish(t, cardTopic, 0, "1")
		_, err := r.fetch(strings.Repeat("ø", nas.MaxMessageID+1), p, 1)
		told, _ := fault.Of(err)
		assert.Equal(t, fault.CodeSyntax, told.Code)
		assert.Len(t, r.fetched(t, strings.Repeat("ø", nas.MaxMessageID), p).Messages, 1)
	})
}

func TestT31ResendOfWhatIsGone(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	r.subscribed(t, p, nil)
	r.publish(t, cardTopic, 0, "1", "2")
	r.fetched(t, "m", p)
	rest := r.publish(t, cardTopic, 0, "3")
	r.trim(t, 0, 1)
	_, err := r.fetch("m", p, 10)
	assert.Equal(t, "UnableToGetMessagesFault resend_expired", faultOf(err))
	assert.True(t, fault.Is(err, fault.Gone))
	assert.Equal(t, rest, contentsOf(r.fetched(t, "n", p)))

	t.Run("T31 retention takes them while they are read", func(t *testing.T) {
		r.log.gone = 1
		_, err := r.fetch("n", p, 10)
		assert.Equal(t, "UnableToGetMessagesFault resend_expired", faultOf(err))
	})
}

func TestT32MessageIDsOfTwoOwners(t *testing.T) {
	r := newReader(t)
	other := r.as(func(c *identity.Caller) { c.Org.CVR = "99999999" })
	p, theirs := r.pullPoint(t), other.pullPoint(t)
	second := r.pullPoint(t)
	r.subscribed(t, p, nil)
	r.subscribed(t, second, nil)
	other.subscribed(t, theirs, nil)
	sent := r.publish(t, cardTopic, 0, "1", "2")
	for _, c := range []struct {
		*reader
		id nas.PullPointID
	}{{r, p}, {other, theirs}, {r, second}} {
		out := c.fetched(t, "m", c.id)
		assert.Equal(t, sent, contentsOf(out))
		assert.False(t, out.Replay)
	}
}

func TestT33ConcurrentFetches(t *testing.T) {
	for name, servers := range map[string]int{"of one server": 1, "of two servers": 2} {
		t.Run("T33 "+name, func(t *testing.T) {
			r := newReader(t)
			p := r.pullPoint(t)
			r.subscribed(t, p, nil)
			var sent []string
			for part := range uint64(3) {
				sent = append(sent, r.publish(t, cardTopic, part, make([]string, 100)...)...)
			}
			readers := []*reader{r, r.another(r.db)}[:servers]
			var all sync.WaitGroup
			got := make([][]string, 20)
			for i := range got {
				all.Go(func() {
					for ask := 0; ; ask++ {
						out, err := readers[i%servers].fetch(fmt.Sprintf("m%d-%d", i, ask), p, 15)
						if servers > 1 && faultOf(err) == "UnableToGetMessagesFault concurrent_fetch" {
							continue // nothing was given
						}
						if !assert.NoError(t, err) || len(out.Messages) == 0 {
							return
						}
						got[i] = append(got[i], contentsOf(out)...)
					}
				})
			}
			all.Wait()
			assert.ElementsMatch(t, sent, slices.Concat(got...))
		})
	}
}

func TestT34SameMessageIDAtOnce(t *testing.T) {
	for name, servers := range map[string]int{"at one server": 1, "at two servers": 2} {
		t.Run("T34 "+name, func(t *testing.T) {
			r := newReader(t)
			p := r.pullPoint(t)
			r.subscribed(t, p, nil)
			r.publish(t, cardTopic, 0, make([]string, 100)...)
			readers := []*reader{r, r.another(r.db)}[:servers]
			var all sync.WaitGroup
			var got [4]notifying.Fetched
			for i := range got {
				all.Go(func() {
					var err error
					got[i], err = readers[i%servers].fetch("m", p, 7)
					assert.NoError(t, err)
				})
			}
			all.Wait()
			assert.Len(t, got[0].Messages, 7)
			fresh := 0
			for _, out := range got {
				assert.Equal(t, got[0].Messages, out.Messages)
				if !out.Replay {
					fresh++
				}
			}
			assert.Equal(t, 1, fresh)
		})
	}
}

func TestOvertaken(t *testing.T) {
	t.Run("a fetch that another overtakes twice goes well", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.publish(t, cardTopic, 0, "1")
		r.points.advance = []error{nas.ErrMoved, nas.ErrMoved}
		assert.Len(t, r.fetched(t, "m", p).Messages, 1)
		assert.Len(t, r.said("getmessages"), 1)
	})

	t.Run("one that is overtaken three times is told", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.publish(t, cardTopic, 0, "1")
		r.points.advance = []error{nas.ErrMoved, nas.ErrMoved, nas.ErrMoved}
		_, err := r.fetch("m", p, 1)
		assert.Equal(t, "UnableToGetMessagesFault concurrent_fetch", faultOf(err))
		assert.True(t, fault.Is(err, fault.Conflict))
		assert.Len(t, r.fetched(t, "m", p).Messages, 1)
	})

	t.Run("the turn is kept until the commit, and no longer waited for than a call may take", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.publish(t, cardTopic, 0, "1")
		r.Fetching.MaxTime = time.Millisecond
		var second error
		err := r.call("GetMessages", "m", func(ctx context.Context, caller identity.Caller) error {
			caller.MessageID = "m"
			out, err := r.GetMessages(ctx, caller, string(p), 1)
			assert.Len(t, out.Messages, 1)
			soon, cancel := context.WithTimeout(t.Context(), 5*time.Second) // if it does not wait for its turn, it waits for the store
			defer cancel()
			_, second = r.GetMessages(soon, caller, string(p), 1) // not committed yet
			return err
		}).Err
		require.NoError(t, err)
		assert.Equal(t, "UnableToGetMessagesFault concurrent_fetch", faultOf(second))
		r.Fetching.MaxTime = time.Minute
		assert.True(t, r.fetched(t, "m", p).Replay, "the turn was given back")
	})

	t.Run("retention takes records while they are read", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, nil)
		r.publish(t, cardTopic, 0, "1", "2")
		r.log.gone = 1
		assert.Len(t, r.fetched(t, "m", p).Messages, 2)
		r.publish(t, cardTopic, 0, "1", "2")
		r.log.gone = 3
		_, err := r.fetch("n", p, 1)
		assert.Equal(t, "UnableToGetMessagesFault unavailable", faultOf(err))
	})

	t.Run("a subscription ends while it is read", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		s := r.subscribed(t, p, nil)
		r.subscribed(t, p, onTopic(otherTopic))
		r.publish(t, cardTopic, 0, "1")
		other := r.publish(t, otherTopic, 0, "1")
		var once sync.Once
		r.log.step = func() { once.Do(func() { require.NoError(t, r.unsubscribe("u", s)) }) }
		assert.Equal(t, other, contentsOf(r.fetched(t, "m", p)))
	})
}

func TestT42InsertFails(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	r.subscribed(t, p, nil)
	sent := r.publish(t, cardTopic, 0, "1", "2")
	r.points.advance = []error{errDown}
	_, err := r.fetch("m", p, 10)
	assert.Equal(t, "UnableToGetMessagesFault unavailable", faultOf(err))
	assert.Empty(t, r.said("getmessages"), "what did not happen is not counted")
	r.audit.Fail(nil, errDown)
	_, err = r.fetch("m", p, 10)
	require.Error(t, err, "the insert is undone where the audit line cannot be written")
	r.audit.Fail(nil, nil)
	out := r.fetched(t, "m", p)
	assert.Equal(t, sent, contentsOf(out))
	assert.False(t, out.Replay)
}
