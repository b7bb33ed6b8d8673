package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/tests/process"
)

// notices is the notification service in one process or more, and what publishers and subscribers know of their notifications.
type notices struct {
	clients []*process.Client // of a subscriber, one at each process
	topics  []nas.TopicName
	logs    []messagelog.Topic // their names in the message log

	mu      sync.Mutex
	sent    map[string]*request
	pulls   []*pull
	answers int // of both kinds
	counts  map[fate]int
}

// request is a Notify of some notifications, which go round the topics.
type request struct {
	id     string
	size   int
	fate   fate
	landed int // attempts that may have been stored
	once   bool
}

// pull is a pull point, and how often each notification came in an answer to a MessageID.
type pull struct {
	address string
	topics  []nas.TopicName // a subscription each
	got     map[string]int
}

const noticePartitions = 3

// newNotices makes topics and pull points at the first process: one that subscribes to all topics, and one to the first alone.
func newNotices(t *testing.T, servers []*member, card *process.Client, topics int) *notices {
	t.Helper()
	n := &notices{sent: map[string]*request{}, counts: map[fate]int{}}
	for _, s := range servers {
		n.clients = append(n.clients, card.At(s.URL))
	}
	for range topics {
		name := nas.TopicName("urn:test:crash:T" + uuid.NewString())
		log, err := servers[0].CreateTopic(t.Context(), name, noticePartitions)
		require.NoError(t, err)
		n.topics, n.logs = append(n.topics, name), append(n.logs, log)
	}
	n.pulls = []*pull{n.subscribe(t, n.topics...), n.subscribe(t, n.topics[0])}
	return n
}

func (n *notices) subscribe(t *testing.T, topics ...nas.TopicName) *pull {
	t.Helper()
	address, err := n.clients[0].NAS(nasws.PathFactory, "").CreatePullPoint(t.Context())
	require.NoError(t, err)
	for _, topic := range topics {
		_, err := n.clients[0].NAS(nasws.PathManager, "").Subscribe(t.Context(), nasws.Selection{PullPoint: address, Topic: topic})
		require.NoError(t, err)
	}
	return &pull{address: address, topics: topics, got: map[string]int{}}
}

func (n *notices) any() *process.Client { return n.clients[rand.IntN(len(n.clients))] }

func noticeID(request string, i int) string { return fmt.Sprintf("%s/%d", request, i) }

// body are the notifications of a request. Some are about nobody.
func (n *notices) body(r *request) []nas.Notification {
	all := make([]nas.Notification, r.size)
	for i := range all {
		all[i] = nas.Notification{Topic: string(n.topics[i%len(n.topics)]), Payload: fmt.Appendf(nil, `<n xmlns="urn:test">%s</n>`, noticeID(r.id, i))}
		if i%2 == 0 {
			all[i].ID, all[i].IDType = noticeID(r.id, i), "urn:test:id"
		}
	}
	return all
}

// noticeFate tells what an answer to Notify, or none, says of the notifications.
func noticeFate(err error) fate {
	var told *nasws.Refused
	var other *soap.Fault
	unknown := func(u nas.Undelivered) bool { return u.Code == nas.OutcomeUnknown }
	switch {
	case err == nil:
		return acknowledged
	case errors.As(err, &told) && !slices.ContainsFunc(told.Undelivered, unknown), errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case told == nil && errors.As(err, &other) && other.Code != "processing_problem":
		return refused
	default:
		return doubtful
	}
}

// notify sends size notifications, up to attempts times until they are acknowledged. With a card all attempts have one MessageID.
func (n *notices) notify(ctx context.Context, size, attempts int, card bool) (f fate, err error) {
	r := &request{id: uuid.NewString(), size: size, once: card}
	n.mu.Lock()
	n.sent[r.id] = r
	n.mu.Unlock()
	for range attempts {
		publisher := n.any().Publisher()
		if card {
			publisher = n.any().NAS(nasws.PathBroker, r.id)
		}
		err = publisher.Publish(ctx, n.body(r)...)
		f = noticeFate(err)
		n.mu.Lock()
		r.fate = max(r.fate, f)
		n.answers++
		n.counts[f]++
		if f != refused {
			r.landed++
		}
		n.mu.Unlock()
		if f == acknowledged || ctx.Err() != nil {
			return f, err
		}
		pause(ctx)
	}
	return f, err
}

// pause is that of a client that was refused.
func pause(ctx context.Context) {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
	}
}

// publish sends requests until ctx ends.
func (n *notices) publish(ctx context.Context, card bool) {
	for ctx.Err() == nil {
		attempts := 1
		if card {
			attempts = 20
		}
		_, _ = n.notify(ctx, 1+rand.IntN(5), attempts, card)
	}
}

// fetcher is a client that fetches from a pull point: a fetch that got no answer is repeated with its MessageID before another is made. It is not safe
// for concurrent use.
type fetcher struct {
	*notices
	pull     *pull
	pending  string              // MessageID of a fetch that got no answer
	last     string              // of the last one that brought something
	answers  map[string][]string // by MessageID
	repeated int                 // of those that were answered
}

func (n *notices) fetcher(p *pull) *fetcher {
	return &fetcher{notices: n, pull: p, answers: map[string][]string{}}
}

// lines are the messages of an answer in its order, without the host in the addresses of their subscriptions.
func lines(b nasws.Batch) []string {
	all := make([]string, len(b.Messages))
	for i, m := range b.Messages {
		address, _ := url.Parse(m.Subscription)
		all[i] = strings.Join([]string{address.Path, m.Topic, m.ID, string(m.Payload)}, " ")
	}
	return all
}

// noticeOf is the notification in a line.
func noticeOf(line string) string {
	_, payload, _ := strings.Cut(line, "<n ")
	_, text, _ := strings.Cut(payload, ">")
	text, _, _ = strings.Cut(text, "<")
	return text
}

// ask fetches with a MessageID from a client's server, and holds the answer against an earlier one to that MessageID.
func (f *fetcher) ask(ctx context.Context, t *testing.T, c *process.Client, id string, quota int) ([]string, error) {
	t.Helper()
	batch, err := c.NAS(f.pull.address, id).GetMessages(ctx, quota)
	if err != nil {
		return nil, err
	}
	found := lines(batch)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notices.answers++
	if earlier, known := f.answers[id]; known {
		f.repeated++
		assert.Equal(t, earlier, found, "the same MessageID gives the same answer")
		return found, nil
	}
	if len(found) > 0 { // an empty answer is not kept
		f.answers[id], f.last = found, id
		for _, line := range found {
			f.pull.got[noticeOf(line)]++
		}
	}
	return found, nil
}

// next fetches from any server, and now and then repeats a fetch that was answered.
func (f *fetcher) next(ctx context.Context, t *testing.T, quota int) ([]string, error) {
	t.Helper()
	if f.last != "" && f.pending == "" && rand.IntN(8) == 0 {
		if _, err := f.ask(ctx, t, f.any(), f.last, quota); err != nil {
			return nil, err
		}
	}
	if f.pending == "" {
		f.pending = uuid.NewString()
	}
	found, err := f.ask(ctx, t, f.any(), f.pending, quota)
	if err == nil {
		f.pending = ""
	}
	return found, err
}

// run fetches until ctx ends.
func (f *fetcher) run(ctx context.Context, t *testing.T) {
	t.Helper()
	for ctx.Err() == nil {
		if _, err := f.next(ctx, t, 1+rand.IntN(20)); err != nil {
			pause(ctx)
		}
	}
}

// busy has clients publish and fetch until stop, which returns when they have ended and may be called again.
func (n *notices) busy(t *testing.T) (fetchers []*fetcher, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() { n.publish(ctx, i%2 == 0) })
	}
	fetchers = []*fetcher{n.fetcher(n.pulls[0]), n.fetcher(n.pulls[1]), n.fetcher(n.pulls[1])}
	for _, f := range fetchers {
		clients.Go(func() { f.run(ctx, t) })
	}
	return fetchers, func() {
		cancel()
		clients.Wait()
	}
}

// answered returns how many answers there were.
func (n *notices) answered() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.answers
}

// more waits for as many further answers, of clients that go on.
func (n *notices) more(t *testing.T, count int) {
	t.Helper()
	n.until(t, n.answered()+count)
}

// until waits for that many answers in all.
func (n *notices) until(t *testing.T, count int) {
	t.Helper()
	require.Eventually(t, func() bool { return n.answered() >= count }, time.Minute, time.Millisecond, "answers")
}

// drain fetches until the last notifications, which lie behind all others in every partition, have come to every pull point.
func (n *notices) drain(t *testing.T, fetchers ...*fetcher) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	last := &request{id: uuid.NewString(), size: 2 * noticePartitions * len(n.topics), fate: acknowledged, landed: 1}
	body := n.body(last)
	for i := range body {
		body[i].ID, body[i].IDType = "", "" // round the partitions
		body[i].Topic = string(n.topics[i*len(n.topics)/len(body)])
		// where the topic of the i-th is another than in other requests, see due
		body[i].Payload = fmt.Appendf(nil, `<n xmlns="urn:test">last %d %s</n>`, i, last.id)
	}
	require.NoError(t, n.any().Publisher().Publish(ctx, body...))
	arrived := func(p *pull) bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		for i := range body {
			if slices.Contains(p.topics, nas.TopicName(body[i].Topic)) && p.got[fmt.Sprintf("last %d %s", i, last.id)] == 0 {
				return false
			}
		}
		return true
	}
	for _, f := range fetchers {
		for f.pending != "" || !arrived(f.pull) {
			if _, err := f.next(ctx, t, 500); err != nil {
				require.NoError(t, ctx.Err(), "%v", err)
				pause(ctx)
			}
		}
	}
	for _, p := range n.pulls {
		require.True(t, arrived(p), "a pull point without fetcher")
	}
}

// verify holds what came to the pull points against what the publishers know. once says that the repeats of a MessageID are stored once.
func (n *notices) verify(t *testing.T, once bool) {
	t.Helper()
	fates, delivered := map[fate]int{}, 0
	for _, p := range n.pulls {
		known := 0
		for _, r := range n.sent {
			times, least, most := 0, r.landed, 0
			for i := range r.size {
				if !slices.Contains(p.topics, n.topics[i%len(n.topics)]) {
					continue
				}
				got := p.got[noticeID(r.id, i)]
				times, least, most = times+got, min(least, got), max(most, got)
			}
			known += times
			assert.Equal(t, least, most, "a request is delivered as a whole or not at all")
			allowed := r.landed
			if r.once && once {
				allowed = min(1, r.landed)
			}
			assert.LessOrEqual(t, most, allowed, "deliveries of a request, by its attempts")
			switch {
			case r.fate == acknowledged && r.landed == 1:
				assert.Equal(t, 1, most, "deliveries of what was acknowledged")
			case r.fate == acknowledged:
				assert.Positive(t, most, "deliveries of what was acknowledged")
			}
		}
		total := 0
		for id, times := range p.got {
			if strings.HasPrefix(id, "last ") {
				assert.Equal(t, 1, times)
				continue
			}
			total += times
		}
		assert.Equal(t, known, total, "nothing is delivered that nobody sent")
		delivered += total
	}
	for _, r := range n.sent {
		fates[r.fate]++
	}
	require.NotZero(t, fates[acknowledged], "nothing was acknowledged: the test shows nothing")
	t.Logf("requests: %d acknowledged, %d refused, %d in doubt; %d deliveries", fates[acknowledged], fates[refused], fates[doubtful], delivered)
}
