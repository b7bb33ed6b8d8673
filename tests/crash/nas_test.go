package crash

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/tests/kafkatest"
	"github.com/opennsp/nsp/tests/process"
)

// noticeKills is how often processes are killed on each kind of store.
const noticeKills = 26

// TestNASEmbedded kills the only process there is: store and message log are in its file.
func TestNASEmbedded(t *testing.T) {
	skipIfShort(t)
	m := &member{binary: nspd(t), options: process.Options{Dir: t.TempDir(), Env: []string{"NSPD_ROLES=sts,nas-broker,nas-subscriber"}}}
	var err error
	m.options.Addr, err = process.FreeAddr()
	require.NoError(t, err)
	m.options.Admin, err = process.FreeAddr()
	require.NoError(t, err)
	require.NoError(t, m.start(t.Context()))
	t.Cleanup(func() { m.Kill() })
	card, err := m.Client(t.Context(), "epj")
	require.NoError(t, err)

	t.Run("T43 killed after the commit", func(t *testing.T) { unheard(t, newNotices(t, []*member{m}, card, 2), m) })
	t.Run("T43 killed again and again", func(t *testing.T) { killedAgainAndAgain(t, true, card, m) })
	t.Run("T16 many at once", func(t *testing.T) { manyAtOnce(t, newNotices(t, []*member{m}, card, 3), m) })
}

// TestNASCluster has two processes on PostgreSQL and Kafka.
func TestNASCluster(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	c := newCluster(t, 0, kafkatest.Options{}, nil)
	// Whoever waits for the message log waits long: who answers at once does not wait.
	c.env = []string{"NSPD_NAS_KAFKA_POLL_TIMEOUT=10s"}
	var servers []*member
	for i := range 2 {
		servers = append(servers, c.member(t, fmt.Sprint("nas", i), "nas-broker,nas-subscriber", c.database.DSN))
	}
	card, err := c.lookup.Client(t.Context(), "epj")
	require.NoError(t, err)

	t.Run("T15 an open transaction", func(t *testing.T) { openTransaction(t, newNotices(t, servers, card, 1), c.broker.Addr) })
	t.Run("T33 20 at two processes", func(t *testing.T) { fetchedByMany(t, newNotices(t, servers, card, 1)) })
	t.Run("T16 many at once", func(t *testing.T) {
		n := newNotices(t, servers, card, 3)
		var others []raw
		for range 4 {
			others = append(others, newRaw(t, n, c.broker.Addr))
		}
		manyAtOnce(t, n, servers[1], others...)
	})
	t.Run("T30 the answer from another process and after a kill", func(t *testing.T) { unheard(t, newNotices(t, servers, card, 2), servers...) })
	t.Run("T43 killed again and again", func(t *testing.T) { killedAgainAndAgain(t, false, card, servers...) })
	t.Run("OC-21 the message log is away", func(t *testing.T) { logAway(t, c, card, servers) })
}

// killedAgainAndAgain kills any of the processes in the middle of publishing and fetching. In the end every notification that was acknowledged has come once over
// the MessageIDs of fetches that were answered, of every other the whole request has come or nothing of it, and an address that was given out is still one.
func killedAgainAndAgain(t *testing.T, once bool, card *process.Client, servers ...*member) {
	t.Helper()
	n := newNotices(t, servers, card, 2)
	earlier := replays(t, servers...)
	fetchers, stop := n.busy(t)
	defer stop()
	for range noticeKills {
		n.more(t, rand.IntN(20))
		m := servers[rand.IntN(len(servers))]
		m.Kill()
		require.NoError(t, m.start(t.Context()))
	}
	n.more(t, 20)
	stop()
	n.drain(t, fetchers...)
	n.verify(t, once)
	repeated := 0
	for _, f := range fetchers {
		repeated += f.repeated
	}
	t.Logf("%d kills; fetches answered again: %d that clients had heard, about %d that they had not", noticeKills, repeated, replays(t, servers...)-earlier-repeated)
}

// replays counts the fetches that the audit logs call answered again.
func replays(t *testing.T, servers ...*member) (count int) {
	t.Helper()
	for _, s := range servers {
		files, err := filepath.Glob(filepath.Join(s.Dir, "logs", "audit.*.log"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			count += bytes.Count(content, []byte(`{"key":"replay","type":"NPI","value":"true"}`))
		}
	}
	return count
}

// unheard kills a process when it has carried out a fetch. Its client asks again as if it had not heard the answer, there and at the others.
func unheard(t *testing.T, n *notices, servers ...*member) {
	t.Helper()
	earlier := replays(t, servers...)
	_, err := n.notify(t.Context(), 20, 1, false)
	require.NoError(t, err)
	f := n.fetcher(n.pulls[0])
	id := uuid.NewString()
	var first []string
	require.Eventually(t, func() bool {
		first, err = f.ask(t.Context(), t, n.clients[0], id, 7)
		return err != nil || len(first) > 0
	}, time.Minute, time.Millisecond)
	require.NoError(t, err)
	servers[0].Kill()
	require.NoError(t, servers[0].start(t.Context()))
	_, err = n.notify(t.Context(), 3, 1, false)
	require.NoError(t, err)
	for _, c := range n.clients {
		_, err = f.ask(t.Context(), t, c, id, 20) // asserts that it is the same
		require.NoError(t, err)
	}
	assert.Equal(t, len(n.clients), f.repeated)
	assert.Equal(t, len(n.clients), replays(t, servers...)-earlier, "in the audit log")
	n.drain(t, f, n.fetcher(n.pulls[1]))
	n.verify(t, true)
}

// fetchedByMany fetches at all processes, while some is published and when nothing more comes.
func fetchedByMany(t *testing.T, n *notices) {
	t.Helper()
	const clients, requests, size = 20, 60, 20
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var fetching, publishing sync.WaitGroup
	var fetchers []*fetcher
	for range 3 { // who publishes while others fetch
		publishing.Go(func() {
			for range requests / 3 {
				_, err := n.notify(ctx, size, 1, false)
				assert.NoError(t, err)
			}
		})
	}
	for i := range clients {
		f := n.fetcher(n.pulls[i%2])
		fetchers = append(fetchers, f)
		fetching.Go(func() { f.run(ctx, t) })
	}
	publishing.Wait()
	require.Eventually(t, func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.pulls[0].got) == requests*size && len(n.pulls[1].got) == requests*size
	}, time.Minute, 5*time.Millisecond, "all have come")
	stop()
	fetching.Wait()
	n.drain(t, fetchers...)
	n.verify(t, true)
}

// manyAtOnce publishes at all processes and kills one in the middle, while others begin transactions and abort them.
func manyAtOnce(t *testing.T, n *notices, dies *member, others ...raw) {
	t.Helper()
	const calls = 200
	for attempts := 0; n.counts[doubtful] == 0 && attempts < 5; attempts++ { // all may have their answers before the process dies
		var publishing sync.WaitGroup
		enough := n.answered() + calls/4
		for range calls {
			publishing.Go(func() { _, _ = n.notify(t.Context(), 5, 1, false) })
		}
		for _, p := range others {
			publishing.Go(func() {
				for range 10 {
					if !assert.NoError(t, p.open("aborted")) || !assert.NoError(t, p.AbortTxn()) {
						return
					}
				}
			})
		}
		n.until(t, enough)
		dies.Kill()
		publishing.Wait()
		require.NoError(t, dies.start(t.Context()))
	}
	assert.NotZero(t, n.counts[doubtful], "calls that died with the process")
	n.drain(t, n.fetcher(n.pulls[0]), n.fetcher(n.pulls[1]))
	n.verify(t, true)
}

// raw is a publisher that is none of our processes, which holds its transaction as long as it likes.
type raw struct {
	sarama.SyncProducer
	n *notices
}

func newRaw(t *testing.T, n *notices, broker string) raw {
	t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Net.MaxOpenRequests = 1
	config.Producer.Idempotent, config.Producer.RequiredAcks, config.Producer.Return.Successes = true, sarama.WaitForAll, true
	config.Producer.Transaction.ID = uuid.NewString()
	config.Producer.Partitioner = sarama.NewManualPartitioner
	p, err := sarama.NewSyncProducer([]string{broker}, config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return raw{p, n}
}

// open begins a transaction with a notification in each partition of each topic.
func (p raw) open(id string) error {
	if err := p.BeginTxn(); err != nil {
		return err
	}
	var all []*sarama.ProducerMessage
	for i, log := range p.n.logs {
		for part := range int32(noticePartitions) {
			value := nas.Record{Head: nas.Head{Topic: p.n.topics[i], Published: time.Now(), Request: id, Position: len(all) + 1}, Content: fmt.Appendf(nil,
				`<advis:NotifyContent xmlns:advis="http://nsi.dk/advis/v10"><n xmlns="urn:test">%s</n></advis:NotifyContent>`, noticeID(id, len(all)))}
			all = append(all, &sarama.ProducerMessage{Topic: string(log), Partition: part, Value: sarama.ByteEncoder(value.Encode())})
		}
	}
	return p.SendMessages(all)
}

// openTransaction fetches while another's transaction is open: what lies behind it comes when it has ended.
func openTransaction(t *testing.T, n *notices, broker string) {
	t.Helper()
	p, f := newRaw(t, n, broker), n.fetcher(n.pulls[0])
	for _, commits := range []bool{false, true} {
		r := &request{id: uuid.NewString(), size: noticePartitions}
		require.NoError(t, p.open(r.id))
		for range 5 {
			_, err := n.notify(t.Context(), 4, 1, false)
			require.NoError(t, err)
			began := time.Now()
			found, err := f.next(t.Context(), t, notifying.NoQuota)
			require.NoError(t, err)
			assert.Empty(t, found, "the transaction lies before what is published")
			assert.Less(t, time.Since(began), 5*time.Second, "nothing is waited for")
		}
		if commits {
			r.fate, r.landed = acknowledged, 1
			n.sent[r.id] = r
			require.NoError(t, p.CommitTxn())
		} else {
			require.NoError(t, p.AbortTxn())
		}
		n.drain(t, f, n.fetcher(n.pulls[1]))
	}
	n.verify(t, true)
}

// logAway publishes and fetches while Kafka is away: either is refused, and goes on where it was. Others do so all the time.
func logAway(t *testing.T, c *cluster, card *process.Client, servers []*member) {
	t.Helper()
	n, others := newNotices(t, servers, card, 2), newNotices(t, servers, card, 2)
	_, err := n.notify(t.Context(), 10, 1, false)
	require.NoError(t, err)
	f, other := n.fetcher(n.pulls[0]), n.fetcher(n.pulls[1])
	require.Eventually(t, func() bool {
		found, err := f.next(t.Context(), t, 3)
		return err == nil && len(found) > 0
	}, time.Minute, time.Millisecond)
	db, err := sql.Open("pgx", c.database.DSN)
	require.NoError(t, err)
	defer db.Close()
	cursors := func() (rows int) {
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM nas_consumer WHERE pull_point_id::text IN ($1, $2)",
			path.Base(n.pulls[0].address), path.Base(n.pulls[1].address)).Scan(&rows))
		return rows
	}
	before := cursors()
	require.Equal(t, 3+2, before, "the first of each subscription, and those of the fetch")
	fetchers, stop := others.busy(t)
	defer stop()
	others.more(t, 20)

	c.broker.Kill()
	var asking sync.WaitGroup
	for _, size := range []int{1, 3} {
		asking.Go(func() {
			var told *nasws.Refused
			fate, err := n.notify(t.Context(), size, 1, false)
			assert.Equal(t, refused, fate)
			if !assert.ErrorAs(t, err, &told) || !assert.Len(t, told.Undelivered, size) {
				return
			}
			assert.Equal(t, nas.NotifyFailed, told.Name)
			for i, u := range told.Undelivered {
				assert.Equal(t, nas.Undelivered{Position: i + 1, Code: nas.LogUnavailable}, u)
			}
		})
	}
	for _, who := range []*fetcher{f, other} {
		asking.Go(func() {
			var told *nasws.Refused
			_, err := who.ask(t.Context(), t, n.any(), uuid.NewString(), 3)
			if assert.ErrorAs(t, err, &told) {
				assert.Equal(t, nas.UnableToGetMessages, told.Name)
				assert.Equal(t, nas.CodeUnavailable, told.Reason)
			}
		})
	}
	asking.Wait()
	assert.Equal(t, before, cursors(), "no position was moved")
	require.NoError(t, c.broker.Restart(t.Context()))

	require.Eventually(t, func() bool {
		_, err := n.notify(t.Context(), 5, 1, false)
		return err == nil
	}, time.Minute, 10*time.Millisecond, "notifications are taken again")
	others.more(t, 20)
	stop()
	n.drain(t, f, other)
	n.verify(t, true)
	others.drain(t, fetchers...)
	others.verify(t, false)
}
