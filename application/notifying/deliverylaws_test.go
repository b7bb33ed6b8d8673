package notifying_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

// TestEachMessageOnce: whatever is published, fetched, repeated, grown, trimmed, replaced and fails in between, each message that a subscription
// selects, and that was published after it, is delivered exactly once over the MessageIDs that succeed, and again identically when one comes again.
func TestEachMessageOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"publish":    m.publishes,
			"fetch":      m.fetches,
			"again":      m.repeats,
			"concurrent": m.concurrent,
			"list":       m.replaces,
			"grow":       m.grows,
			"trim":       m.trims,
			"subscribe":  m.subscribes,
		})
		m.drain(t)
	})
}

// model is what a subscriber may expect.
type model struct {
	*reader
	other     *reader // the same subscriber at another server
	point     nas.PullPointID
	parts     int
	ends      []int64
	firsts    []int64
	listed    []string
	published []published
	subs      []nas.SubscriptionID
	since     map[nas.SubscriptionID]int // messages published before it
	byList    map[nas.SubscriptionID]bool
	given     map[nas.SubscriptionID]map[string]int
	answers   map[string]notifying.Fetched // by MessageID, those that hold messages
	mu        sync.Mutex                   // of given and answers
	calls     int
}

// published is a message: where it is, and under how many of the lists since then it is selected.
type published struct {
	content, id string
	part        int
	offset      int64
	always      bool // under every list that there was
	ever        bool // under one of them
}

func newModel(t *rapid.T) *model {
	r := newReader(t)
	m := &model{reader: r, other: r.another(r.db), parts: 3, ends: make([]int64, 3), firsts: make([]int64, 3), since: map[nas.SubscriptionID]int{},
		byList: map[nas.SubscriptionID]bool{}, given: map[nas.SubscriptionID]map[string]int{}, answers: map[string]notifying.Fetched{}}
	m.point = r.pullPoint(t)
	m.listed = []string{"1"}
	r.list(t, "l", m.listed...)
	// Small numbers, so that every limit is met.
	for _, server := range []*reader{m.reader, m.other} {
		server.MaxPerPullPoint = 4
		server.DeltaMax = rapid.Int64Range(0, 5).Draw(t, "delta max")
		server.AdvanceMin = rapid.Int64Range(0, 5).Draw(t, "advance min")
		server.MaxBytes = rapid.SampledFrom([]int64{1, 40, 8 << 20}).Draw(t, "max bytes")
		server.log.batch = rapid.IntRange(1, 4).Draw(t, "batch")
	}
	m.subscribes(t)
	return m
}

func (m *model) subscribes(t *rapid.T) {
	if len(m.subs) == m.MaxPerPullPoint {
		return
	}
	var edit func(*notifying.Subscribing)
	byList := rapid.Bool().Draw(t, "by list")
	if byList {
		edit = idFilter(nas.IDFilter{Lists: []string{"l"}})
	}
	id := m.subscribed(t, m.point, edit)
	m.subs, m.since[id], m.byList[id], m.given[id] = append(m.subs, id), len(m.published), byList, map[string]int{}
}

func (m *model) publishes(t *rapid.T) {
	var recs []messagelog.Record
	for range rapid.IntRange(1, 6).Draw(t, "messages") {
		id := rapid.SampledFrom([]string{"1", "2", "3", ""}).Draw(t, "id")
		rec, content := m.record(cardTopic, id)
		part := rapid.IntRange(0, m.parts-1).Draw(t, "partition")
		rec.Spread = uint64(part) //nolint:gosec // small
		recs = append(recs, rec)
		selected := slices.Contains(m.listed, id)
		m.published = append(m.published, published{content: content, id: id, part: part, offset: m.ends[part], always: selected, ever: selected})
		m.ends[part]++
	}
	require.NoError(t, m.db.MessageLog().Append(context.Background(), recs))
	if rapid.Bool().Draw(t, "time passes") {
		m.pass(time.Millisecond)
	}
}

func (m *model) replaces(t *rapid.T) {
	m.listed = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"1", "2", "3"}), 0, 3, rapid.ID[string]).Draw(t, "ids")
	m.list(t, "l", m.listed...)
	for i := range m.published {
		p := &m.published[i]
		selected := slices.Contains(m.listed, p.id)
		p.always, p.ever = p.always && selected, p.ever || selected
	}
}

func (m *model) grows(t *rapid.T) {
	if m.parts < 6 {
		m.parts++
		m.ends, m.firsts = append(m.ends, 0), append(m.firsts, 0)
		m.grow(t, m.parts)
	}
}

func (m *model) trims(t *rapid.T) {
	part := rapid.IntRange(0, m.parts-1).Draw(t, "partition")
	before := rapid.Int64Range(m.firsts[part], m.ends[part]).Draw(t, "before")
	m.firsts[part] = before
	m.trim(t, part, before)
}

func (m *model) server(t *rapid.T) *reader {
	return rapid.SampledFrom([]*reader{m.reader, m.other}).Draw(t, "server")
}

func (m *model) fetches(t *rapid.T) {
	server := m.server(t)
	moved := nas.ErrMoved
	server.points.advance = rapid.SampledFrom([][]error{nil, nil, {errDown}, {moved}, {moved, moved, moved}}).Draw(t, "inserts")
	m.fetchOnce(t, server, m.messageID(), rapid.IntRange(0, 8).Draw(t, "quota"))
	server.points.advance = nil
}

func (m *model) messageID() string {
	m.calls++
	return fmt.Sprint("m", m.calls)
}

// fetchOnce fetches with a new MessageID. What an error is told of gives nothing.
func (m *model) fetchOnce(t *rapid.T, server *reader, messageID string, quota int) (notifying.Fetched, error) {
	out, err := server.fetch(messageID, m.point, quota)
	if err != nil {
		return out, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	require.LessOrEqual(t, len(out.Messages), quota)
	if !out.Replay {
		for _, d := range out.Messages {
			m.given[d.Subscription][string(d.Content)]++
		}
	}
	if was, ok := m.answers[messageID]; ok {
		require.Equal(t, was.Messages, out.Messages)
	}
	if len(out.Messages) > 0 {
		m.answers[messageID] = out
	}
	return out, nil
}

func (m *model) repeats(t *rapid.T) {
	var all []string
	for id := range m.answers {
		all = append(all, id)
	}
	if len(all) > 0 {
		slices.Sort(all)
		m.again(t, rapid.SampledFrom(all).Draw(t, "answer"))
	}
}

// again repeats a call that was answered with messages.
func (m *model) again(t *rapid.T, messageID string) {
	was := m.answers[messageID]
	out, err := m.server(t).fetch(messageID, m.point, rapid.IntRange(0, 8).Draw(t, "quota"))
	if m.kept(was) {
		require.NoError(t, err)
		require.True(t, out.Replay)
		require.Equal(t, was.Messages, out.Messages)
		return
	}
	require.Equal(t, "UnableToGetMessagesFault resend_expired", faultOf(err))
}

// kept tells whether retention left all that an answer holds.
func (m *model) kept(out notifying.Fetched) bool {
	return !slices.ContainsFunc(out.Messages, func(d notifying.Delivery) bool {
		return slices.ContainsFunc(m.published, func(p published) bool {
			return p.content == string(d.Content) && p.offset < m.firsts[p.part]
		})
	})
}

// concurrent fetches several times at once, at both servers, two with the same MessageID.
func (m *model) concurrent(t *rapid.T) {
	ids := []string{m.messageID(), m.messageID(), m.messageID()}
	ids = append(ids, ids[0])
	quota := rapid.IntRange(1, 8).Draw(t, "quota")
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			server := m.reader
			if i%2 == 1 {
				server = m.other
			}
			out, err := server.fetch(id, m.point, quota)
			m.mu.Lock()
			defer m.mu.Unlock()
			switch {
			case err != nil && faultOf(err) != "UnableToGetMessagesFault concurrent_fetch":
				t.Errorf("fetch: %v", err)
			case err == nil && !out.Replay:
				for _, d := range out.Messages {
					m.given[d.Subscription][string(d.Content)]++
				}
			}
			if err == nil && len(out.Messages) > 0 {
				m.answers[id] = out
			}
		})
	}
	all.Wait()
}

// drain fetches until nothing is left, and sees that everything was delivered, and is again.
func (m *model) drain(t *rapid.T) {
	for more := true; more; {
		out, err := m.fetchOnce(t, m.reader, m.messageID(), 5)
		require.NoError(t, err)
		// A few that do not match are examined again and again.
		more = len(out.Messages) > 0
	}
	for _, sub := range m.subs {
		for i, p := range m.published {
			got, lost := m.given[sub][p.content], p.offset < m.firsts[p.part]
			before := i < m.since[sub]
			always, ever := p.always || !m.byList[sub], p.ever || !m.byList[sub]
			switch {
			case before || !ever:
				require.Zero(t, got, "message %s is delivered though it was published before, or never selected", p.content)
			case always && !lost:
				require.Equal(t, 1, got, "message %s", p.content)
			default:
				require.LessOrEqual(t, got, 1, "message %s", p.content)
			}
		}
	}
	for id := range m.answers {
		m.again(t, id)
	}
}
