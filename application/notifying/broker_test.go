package notifying_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

func with(m notifying.Message, change func(*notifying.Message)) notifying.Message {
	change(&m)
	return m
}

func TestNotify(t *testing.T) {
	t.Run("what was handed in is kept, with when, by which call and where in it", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		m := notifying.Message{Topic: "\n " + cardChanged + "\t", ID: " " + personA + "\n", IDType: " " + typeCPR, System: true,
			Content: content("<c/>"), Producer: []byte("<p/>")}
		require.NoError(t, h.publish(t.Context(), system("33257872", "FMK", "m1"), about(cardChanged, personB), m))
		all := h.stored(t, cardChanged)
		require.Len(t, all, 2)
		got := all[0]
		if got.Position != 2 {
			got = all[1]
		}
		assert.Equal(t, nas.Record{Head: nas.Head{Topic: cardChanged, ID: personA, IDType: typeCPR, System: true, Producer: []byte("<p/>"),
			Published: fixedNow, Request: "m1", Position: 2}, Content: content("<c/>")}, got.Record)
		assert.Equal(t, []string{`{"action":"notify","info":{"quota":2,"topic":"` + cardChanged + `"}}`}, h.told())
		assert.Equal(t, map[string]int{cardChanged: 2}, h.notified)
		lines := h.audited()
		assert.Equal(t, "Notify message-count=2 dgws=present topic.0="+cardChanged, lines[len(lines)-1])
		h.nobodyNamed(t)
	})

	t.Run("a request without a message id is given an id of its own", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		require.NoError(t, h.publish(t.Context(), publisher(), about(cardChanged, personA), about(cardChanged, personA)))
		require.NoError(t, h.publish(t.Context(), publisher(), about(cardChanged, personA)))
		var requests []string
		for _, k := range h.stored(t, cardChanged) {
			requests = append(requests, k.Request[len(k.Request)-1:])
		}
		assert.Equal(t, []string{"1", "1", "2"}, requests)
	})

	t.Run("T20 statistics tell of who shows no card, once a request, and of each topic", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		h.topic(t, moved)
		require.NoError(t, h.publish(t.Context(), publisher(), about(moved, ""), about(cardChanged, personA), about(moved, personB)))
		assert.Equal(t, []string{
			`{"action":"notify","info":{"dgws":false,"remote":"192.0.2.7"}}`,
			`{"action":"notify","info":{"quota":2,"topic":"` + moved + `"}}`,
			`{"action":"notify","info":{"quota":1,"topic":"` + cardChanged + `"}}`,
		}, h.told())
		lines := h.audited()
		assert.Equal(t, "Notify message-count=3 dgws=absent topic.0="+moved+" topic.1="+cardChanged, lines[len(lines)-1])
	})

	t.Run("notifications about one person keep their order, those about nobody go round the partitions", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		for i := range 4 {
			a, b := about(cardChanged, personA), about(cardChanged, personA)
			a.Content, b.Content = content(fmt.Sprint("<a", 2*i, "/>")), content(fmt.Sprint("<a", 2*i+1, "/>"))
			require.NoError(t, h.publish(t.Context(), publisher(), a, about(cardChanged, ""), b, about(cardChanged, ""), about(cardChanged, "")))
		}
		var mine []string
		places, nobodys := map[int]bool{}, map[int]int{}
		for _, k := range h.stored(t, cardChanged) {
			if k.ID == "" {
				nobodys[k.partition]++
				continue
			}
			places[k.partition] = true
			mine = append(mine, string(k.Content[len(content(""))-len("</advis:NotifyContent>"):][:4]))
		}
		assert.Equal(t, []string{"<a0/", "<a1/", "<a2/", "<a3/", "<a4/", "<a5/", "<a6/", "<a7/"}, mine)
		assert.Len(t, places, 1)
		assert.Equal(t, map[int]int{0: 4, 1: 4, 2: 4}, nobodys)
	})

	t.Run("who is nobody, and a request of nothing, get no further", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		refusedAs(t, h.broker.Notify(t.Context(), identity.Caller{}, []notifying.Message{about(cardChanged, personA)}), fault.Forbidden, "not_authorized")
		refusedAs(t, h.publish(t.Context(), publisher()), fault.Malformed, "syntax_error")
		long := system("33257872", "FMK", strings.Repeat("æ", 257))
		refusedAs(t, h.publish(t.Context(), long, about(cardChanged, personA)), fault.Malformed, "syntax_error")
		assert.Empty(t, h.stored(t, cardChanged))
		long.MessageID = strings.Repeat("æ", 256)
		require.NoError(t, h.publish(t.Context(), long, about(cardChanged, personA)))
	})
}

func TestNotifyRefused(t *testing.T) {
	const other = "http://example.dk/advis/2024/01/01:Other"
	good := about(cardChanged, personA)
	long := strings.Repeat("x", 501)
	for _, c := range []struct {
		name string
		m    notifying.Message
		code string
	}{
		{"no topic", with(good, func(m *notifying.Message) { m.Topic = " \n" }), nas.TopicMissing},
		{"no topic in another dialect", with(good, func(m *notifying.Message) { m.Topic, m.Dialect = "", "urn:x" }), nas.TopicMissing},
		{"another dialect", with(good, func(m *notifying.Message) { m.Dialect = "urn:x" }), nas.TopicDialect},
		{"T8 an inner blank in the topic", with(good, func(m *notifying.Message) { m.Topic = "a b" }), nas.TopicUnknown},
		{"T11 unknown topic", with(good, func(m *notifying.Message) { m.Topic = "urn:no:Such" }), nas.TopicUnknown},
		{"a topic that the publisher may not use", with(good, func(m *notifying.Message) { m.Topic = other }), nas.TopicNotAllowed},
		{"and it is not told whether that is there", with(good, func(m *notifying.Message) { m.Topic = "urn:no:Such2" }), nas.TopicNotAllowed},
		{"T17 no NotifyContent", with(good, func(m *notifying.Message) { m.Content = nil }), nas.ContentInvalid},
		{"T17 1 MB of payload", with(good, func(m *notifying.Message) { m.Content = make([]byte, 1_000_000) }), nas.TooLarge},
		{"one octet too many", with(good, func(m *notifying.Message) { m.Content = []byte(strings.Repeat("x", 1001)) }), nas.TooLarge},
		{"a long id", with(good, func(m *notifying.Message) { m.ID = long }), nas.ContentInvalid},
		{"a long type of id", with(good, func(m *notifying.Message) { m.IDType = long }), nas.ContentInvalid},
		{"a long producer reference", with(good, func(m *notifying.Message) { m.Producer = make([]byte, 8<<10+1) }), nas.ContentInvalid},
		{"of two faults the topic's is told", with(good, func(m *notifying.Message) { m.Topic, m.Content = "urn:no:Such", nil }), nas.TopicUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.broker.MaxBytes = 1000
			h.topic(t, cardChanged)
			h.topic(t, other)
			fault, kind := nas.NotifyFailed, nas.CodeNotifyFailed
			if strings.HasPrefix(c.code, "topic_") {
				fault, kind = nas.InvalidTopicExpression, nas.CodeInvalidTopic
			}
			p := publisher(cardChanged, "urn:no:Such", "a b")
			failed := undelivered(t, h.publish(t.Context(), p, good, c.m, good), fault, nas.RolledBack, c.code, nas.RolledBack)
			assert.Equal(t, kind, failed.Err.Code)
			require.NoError(t, failed.Cause)
			assert.Empty(t, h.stored(t, cardChanged))
			assert.Empty(t, h.told())
			assert.Empty(t, h.notified)
			h.nobodyNamed(t)
		})
	}

	t.Run("T13 each notification of the request is told of, and nothing is delivered", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		err := h.publish(t.Context(), publisher(), good, with(good, func(m *notifying.Message) { m.Topic = "urn:no:Such" }),
			with(good, func(m *notifying.Message) { m.Content = nil }))
		undelivered(t, err, nas.NotifyFailed, nas.RolledBack, nas.TopicUnknown, nas.ContentInvalid)
		assert.Empty(t, h.stored(t, cardChanged))
	})

	t.Run("T12 a closed topic takes nothing, until it is opened again", func(t *testing.T) {
		h := newHouse(t)
		topic := h.topic(t, cardChanged)
		require.NoError(t, h.publish(t.Context(), publisher(), good))
		require.NoError(t, h.administer(t, func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.CloseTopic(ctx, c, topic.Log)
			return err
		}))
		undelivered(t, h.publish(t.Context(), publisher(), good), nas.InvalidTopicExpression, nas.TopicClosed)
		require.NoError(t, h.administer(t, func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.OpenTopic(ctx, c, topic.Log)
			return err
		}))
		require.NoError(t, h.publish(t.Context(), publisher(), good))
		assert.Len(t, h.stored(t, cardChanged), 2)
	})

	t.Run("more than a request may hold is too large, whatever it is", func(t *testing.T) {
		h := newHouse(t)
		h.broker.MaxMessages = 2
		h.topic(t, cardChanged)
		var failed *nas.Error
		require.ErrorAs(t, h.publish(t.Context(), publisher(), good, good, good), &failed)
		assert.Equal(t, nas.NotifyFailed, failed.Fault)
		assert.Equal(t, fault.Error{Kind: fault.TooLarge, Code: nas.CodeNotifyFailed, Text: "0 of 3 notifications were delivered"}, failed.Err)
		assert.Equal(t, []nas.Undelivered{{Position: 1, Code: nas.TooLarge}, {Position: 2, Code: nas.TooLarge}}, failed.Undelivered, "no more than it may hold")
		require.NoError(t, h.publish(t.Context(), publisher(), good, good))
	})
}

func TestNotifyFails(t *testing.T) {
	three := []notifying.Message{about(cardChanged, personA), about(moved, personB), about(cardChanged, "")}
	for _, c := range []struct {
		name string
		fail func(*house)
		heal func(*house)
		code string
	}{
		{"T14 the log fails", func(h *house) { h.log.OnAppend.FailFrom(1, errSecret) }, func(h *house) { h.log.OnAppend.Heal() }, nas.LogUnavailable},
		{"the commit fails", func(h *house) { h.units.OnCommit.FailFrom(1, errSecret) }, func(h *house) { h.units.OnCommit.Heal() }, nas.LogUnavailable},
		{"the topics cannot be read", func(h *house) { h.topics.fail(errSecret); h.directory.Forget() }, func(h *house) { h.topics.fail(nil) }, nas.LogUnavailable},
		{"the log says that it does not know", func(h *house) { h.log.OnAppend.FailFrom(1, fmt.Errorf("x: %w", messagelog.ErrOutcomeUnknown)) },
			func(h *house) { h.log.OnAppend.Heal() }, nas.OutcomeUnknown},
	} {
		t.Run(c.name+": all are told of, nothing is there, and the same request again stores each once", func(t *testing.T) {
			h := newHouse(t)
			h.topic(t, cardChanged)
			h.topic(t, moved)
			c.fail(h)
			failed := undelivered(t, h.publish(t.Context(), publisher(), three...), nas.NotifyFailed, c.code, c.code, c.code)
			assert.NotContains(t, failed.Err.Text, errSecret.Error())
			c.heal(h)
			assert.Empty(t, h.stored(t, cardChanged))
			assert.Empty(t, h.stored(t, moved))
			assert.Empty(t, h.told())
			require.NoError(t, h.publish(t.Context(), publisher(), three...))
			assert.Equal(t, []string{"", personA}, ids(h.stored(t, cardChanged)))
			assert.Equal(t, []string{personB}, ids(h.stored(t, moved)))
			h.nobodyNamed(t)
		})
	}

	t.Run("T14 the log fails at the second of three: nothing of the first is there, and the request again stores three", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		lost := h.topic(t, moved)
		require.NoError(t, h.db.Topics().DeleteTopic(t.Context(), lost.Log))
		undelivered(t, h.publish(t.Context(), publisher(), three...), nas.NotifyFailed, nas.LogUnavailable, nas.LogUnavailable, nas.LogUnavailable)
		assert.Empty(t, h.stored(t, cardChanged))
		require.NoError(t, h.db.Topics().CreateTopic(t.Context(), lost.Log, lost.Spec))
		require.NoError(t, h.publish(t.Context(), publisher(), three...))
		assert.Len(t, append(h.stored(t, cardChanged), h.stored(t, moved)...), 3)
	})

	t.Run("a commit of which nothing is known may have stored them, and is not counted", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		h.units.OnOutcome.FailFrom(1, errSecret)
		undelivered(t, h.publish(t.Context(), publisher(), three[0]), nas.NotifyFailed, nas.OutcomeUnknown)
		assert.Empty(t, h.told())
	})

	t.Run("a topic that the log has lost is the server's trouble", func(t *testing.T) {
		h := newHouse(t)
		topic := h.topic(t, cardChanged)
		require.NoError(t, h.db.Topics().DeleteTopic(t.Context(), topic.Log))
		failed := undelivered(t, h.publish(t.Context(), publisher(), three[0]), nas.NotifyFailed, nas.LogUnavailable)
		require.ErrorIs(t, failed, messagelog.ErrNoTopic)
	})

	t.Run("other failures of a call stay what they are", func(t *testing.T) {
		h := newHouse(t)
		for _, err := range []error{admitting.ErrAudit, admitting.ErrRunning, errSecret, fault.Error{Kind: fault.Forbidden, Code: "x"}} {
			assert.Equal(t, err, h.broker.Failed(2, err))
		}
		for _, err := range []error{admitting.ErrNotCommitted, admitting.ErrTimeout, admitting.ErrInternal, &ports.CommitError{Err: errSecret}} {
			undelivered(t, h.broker.Failed(2, err), nas.NotifyFailed, nas.LogUnavailable, nas.LogUnavailable)
		}
	})

	t.Run("T15 nothing is there before the commit", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		require.NoError(t, h.call(t.Context(), publisher(), func(ctx context.Context, c identity.Caller) error {
			if err := h.broker.Notify(ctx, c, three[:1]); err != nil {
				return err
			}
			bounds, err := h.log.Bounds(ctx, []messagelog.Topic{nas.InternalTopic(cardChanged)})
			assert.Equal(t, make([]messagelog.Bounds, 3), bounds[nas.InternalTopic(cardChanged)])
			assert.Empty(t, h.told())
			return err
		}))
		assert.Len(t, h.stored(t, cardChanged), 1)
		assert.Len(t, h.told(), 2)
	})
}

func TestT16Parallel(t *testing.T) {
	h := newHouse(t)
	topics := []string{cardChanged, moved, "urn:third:Topic"}
	for _, name := range topics {
		h.topic(t, name)
	}
	var want sync.Map
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			var ms []notifying.Message
			for j := range 5 {
				ms = append(ms, about(topics[(i+j)%3], fmt.Sprintf("%d-%d", i, j)))
			}
			switch i % 5 {
			case 0: // aborted after the append
				_ = h.call(context.Background(), publisher(), func(ctx context.Context, c identity.Caller) error {
					if err := h.broker.Notify(ctx, c, ms); err != nil {
						return err
					}
					return errSecret
				})
				return
			case 1: // refused
				ms[4].Topic = "urn:no:Such"
				assert.Error(t, h.publish(context.Background(), publisher(), ms...))
				return
			}
			if assert.NoError(t, h.publish(context.Background(), publisher(), ms...)) {
				for _, m := range ms {
					want.Store(m.Topic+m.ID, true)
				}
			}
		})
	}
	wg.Wait()
	got := 0
	for _, name := range topics {
		for _, k := range h.stored(t, name) {
			_, ok := want.LoadAndDelete(name + k.ID)
			assert.True(t, ok, "%s is there twice, or was not committed", k.ID)
			got++
		}
	}
	assert.Equal(t, 3*200/5*5, got)
}

// A request of whatever mix is stored as a whole and in order, or not at all; then each of its notifications is told of, in order.
func TestNotifyAllOrNone(t *testing.T) {
	known := []string{cardChanged, moved}
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		for _, name := range known {
			h.topic(t, name)
		}
		n := rapid.IntRange(1, 12).Draw(rt, "n")
		ms, codes := make([]notifying.Message, n), make([]string, n)
		bad, onlyTopics := false, true
		for i := range ms {
			ms[i] = about(rapid.SampledFrom(known).Draw(rt, "topic"), rapid.SampledFrom([]string{"", personA, personB}).Draw(rt, "id"))
			ms[i].Content = content(fmt.Sprint("<n", i, "/>"))
			switch codes[i] = rapid.SampledFrom([]string{"", "", "", "", "", nas.TopicMissing, nas.TopicDialect, nas.TopicUnknown, nas.ContentInvalid, nas.TooLarge}).Draw(rt, "code"); codes[i] {
			case nas.TopicMissing:
				ms[i].Topic = ""
			case nas.TopicDialect:
				ms[i].Dialect = "urn:x"
			case nas.TopicUnknown:
				ms[i].Topic += "x"
			case nas.ContentInvalid:
				ms[i].Content = nil
			case nas.TooLarge:
				ms[i].Content = make([]byte, nas.MaxPayload+1)
			default:
				codes[i] = nas.RolledBack
				continue
			}
			bad = true
			onlyTopics = onlyTopics && strings.HasPrefix(codes[i], "topic_")
		}
		err := h.publish(context.Background(), publisher(), ms...)
		got := map[string][]int{}
		for _, name := range known {
			for _, k := range h.stored(t, name) {
				place := fmt.Sprint(name, k.ID, k.partition)
				if before := got[place]; len(before) > 0 && before[len(before)-1] >= k.Position {
					rt.Fatalf("positions %v then %d in one partition", before, k.Position)
				}
				got[place] = append(got[place], k.Position)
				if want := ms[k.Position-1]; want.Topic != string(k.Topic) || want.ID != k.ID || string(want.Content) != string(k.Content) {
					rt.Fatalf("notification %d is another", k.Position)
				}
			}
		}
		total := 0
		for _, p := range got {
			total += len(p)
		}
		if !bad {
			if err != nil || total != n {
				rt.Fatalf("%d of %d stored, error %v", total, n, err)
			}
			return
		}
		if total != 0 {
			rt.Fatalf("%d stored of a request that failed", total)
		}
		f := nas.NotifyFailed
		if onlyTopics {
			f = nas.InvalidTopicExpression
		}
		undelivered(t, err, f, codes...)
	})
}

func TestDirectory(t *testing.T) {
	t.Run("a topic is read again after its age, and not before", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		h.topics.read()
		for _, c := range []struct {
			pass time.Duration
			want int
		}{{0, 1}, {0, 0}, {topicAge - 1, 0}, {1, 1}, {topicAge, 1}} {
			h.pass(c.pass)
			got, err := h.directory.Topic(t.Context(), cardChanged)
			require.NoError(t, err)
			assert.Equal(t, nas.TopicName(cardChanged), got.Name)
			assert.Equal(t, c.want, h.topics.read(), "after another %v", c.pass)
		}
	})

	t.Run("a topic that there is not is looked up every time", func(t *testing.T) {
		h := newHouse(t)
		for range 2 {
			_, err := h.directory.Topic(t.Context(), cardChanged)
			require.ErrorIs(t, err, nas.ErrNoTopic)
			assert.Equal(t, 1, h.topics.read())
		}
		h.topic(t, cardChanged)
		_, err := h.directory.Topic(t.Context(), cardChanged)
		require.NoError(t, err)
	})

	t.Run("while the store is down what is known is known until it is too old", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		_, err := h.directory.Topic(t.Context(), cardChanged)
		require.NoError(t, err)
		h.topics.fail(errSecret)
		_, err = h.directory.Topic(t.Context(), cardChanged)
		require.NoError(t, err)
		h.pass(topicAge)
		_, err = h.directory.Topic(t.Context(), cardChanged)
		require.ErrorIs(t, err, errSecret)
	})

	t.Run("what a unit of work has not committed is not remembered", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		require.Error(t, h.call(t.Context(), operator(), func(ctx context.Context, _ identity.Caller) error {
			require.NoError(t, h.db.NASTopics().UpdateTopic(ctx, cardChanged, func(t nas.Topic) (nas.Topic, error) {
				t.Access = []nas.Access{{Identifier: nas.Everybody}}
				return t, nil
			}))
			got, err := h.directory.Topic(ctx, cardChanged)
			require.NoError(t, err)
			assert.Len(t, got.Access, 1)
			return errSecret
		}))
		got, err := h.directory.Topic(t.Context(), cardChanged)
		require.NoError(t, err)
		assert.Empty(t, got.Access)
	})

	t.Run("what is being read when it is told to forget is not remembered", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		d := &notifying.Directory{Now: h.clock, Age: time.Hour}
		d.Store = meanwhile{h.topics, d.Forget}
		h.topics.read()
		for range 2 {
			_, err := d.Topic(t.Context(), cardChanged)
			require.NoError(t, err)
			assert.Equal(t, 1, h.topics.read())
		}
	})
}

// meanwhile does something while a topic is read.
type meanwhile struct {
	ports.TopicStore
	does func()
}

// Topic implements ports.TopicStore.
func (m meanwhile) Topic(ctx context.Context, name nas.TopicName) (nas.Topic, error) {
	defer m.does()
	return m.TopicStore.Topic(ctx, name)
}
