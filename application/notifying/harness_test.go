package notifying_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// Topics of the cases, and whom their notifications are about.
const (
	cardChanged = "http://example.dk/advis/2024/01/01:CardChanged"
	moved       = "http://example.dk/advis/2024/01/01:Moved"
	personA     = "2512484916"
	personB     = "0101010101"
	typeCPR     = "http://nsi.dk/advis/v10/CPR"

	topicAge = 10 * time.Second
)

var (
	fixedNow  = time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)
	errSecret = errors.New("a secret cause")
)

// house is the use cases on stores in memory, behind a gate.
type house struct {
	db     *memory.DB
	audit  *memory.AuditLog
	gate   admitting.Gate
	units  *portstest.FailingUnitOfWork
	log    *portstest.FailingMessageLog
	topics *countedTopics

	directory *notifying.Directory
	broker    *notifying.Broker
	admin     *notifying.Administration
	cleanup   *notifying.Cleanup

	mu         sync.Mutex
	now        time.Time
	ids        int
	statistics []string
	notified   map[string]int
	logged     bytes.Buffer
}

func newHouse(t testing.TB) *house {
	h := &house{now: fixedNow, notified: map[string]int{}, audit: &memory.AuditLog{}}
	h.db = memory.New(h.clock)
	h.units = &portstest.FailingUnitOfWork{Units: h.db.Units()}
	h.log = &portstest.FailingMessageLog{Log: h.db.MessageLog()}
	h.topics = &countedTopics{TopicStore: h.db.NASTopics()}
	logger := slog.New(slog.NewTextHandler(h, nil))
	h.gate = admitting.Gate{Audit: h.audit, Units: h.units, Replies: h.db.Replies(), Now: h.clock, Log: logger}
	h.directory = &notifying.Directory{Store: h.topics, Now: h.clock, Age: topicAge}
	h.broker = &notifying.Broker{
		Topics: h.directory, Log: h.log, Contents: contents{}, Trail: admitting.Trail{}, Now: h.clock, NewID: h.newID,
		Statistics: h.statistic, Notified: h.count, MaxMessages: 1000, MaxBytes: nas.MaxPayload,
	}
	h.admin = &notifying.Administration{
		Store: h.topics, PullPoints: h.db.PullPoints(), Lists: h.db.IDLists(), Log: h.log, Admin: h.db.Topics(), Topics: h.directory,
		Trail: admitting.Trail{}, Now: h.clock, Others: []messagelog.Topic{"minlog.registrations.v1"}, CloseDays: 14,
		DefaultRetention: 14 * 24 * time.Hour,
	}
	h.cleanup = &notifying.Cleanup{
		PullPoints: h.db.PullPoints(), Topics: h.db.NASTopics(), Log: h.log, Admin: h.db.Topics(), Trail: admitting.Trail{}, Now: h.clock,
		Statistics: h.statistic, History: 7 * 24 * time.Hour,
	}
	return h
}

func (h *house) locked(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func (h *house) clock() (now time.Time) {
	h.locked(func() { now = h.now })
	return now
}

func (h *house) pass(d time.Duration) { h.locked(func() { h.now = h.now.Add(d) }) }

func (h *house) newID() (id string) {
	h.locked(func() { h.ids++; id = fmt.Sprintf("5b1f0a52-0c0e-4f0c-9d57-%012d", h.ids) })
	return id
}

func (h *house) statistic(line string) {
	h.locked(func() { h.statistics = append(h.statistics, line) })
}

func (h *house) count(topic string, n int) { h.locked(func() { h.notified[topic] += n }) }

// Write keeps what the server logs.
func (h *house) Write(p []byte) (n int, err error) {
	h.locked(func() { n, err = h.logged.Write(p) })
	return n, err
}

// told is the statistics since it was last asked.
func (h *house) told() (lines []string) {
	h.locked(func() { lines, h.statistics = h.statistics, nil })
	return lines
}

// call carries out work for the caller as a server does: at the gate, in a unit of work, audited. It returns what the caller hears.
func (h *house) call(ctx context.Context, caller identity.Caller, work func(context.Context, identity.Caller) error) error {
	call := admitting.Call{
		Service: "nas", Route: audit.NAS, Caller: caller,
		Policy: admitting.Policy{
			Schemes: []identity.Scheme{identity.DGWS, identity.Session, identity.Address, identity.OperatorToken}, MinLevel: 3,
			Kinds: []identity.Kind{identity.System, identity.Professional, identity.Operator}, Addresses: "nas.notify", Resend: admitting.Own,
		},
	}
	return h.gate.Do(ctx, call, work, func(error) (admitting.Answer, error) { return admitting.Answer{Code: 200}, nil }).Err
}

// publish hands in notifications in one request.
func (h *house) publish(ctx context.Context, caller identity.Caller, ms ...notifying.Message) error {
	err := h.call(ctx, caller, func(ctx context.Context, caller identity.Caller) error { return h.broker.Notify(ctx, caller, ms) })
	if err != nil {
		return h.broker.Failed(len(ms), err)
	}
	return nil
}

// topic makes a topic that the identifiers may read.
func (h *house) topic(t testing.TB, name string, access ...string) nas.Topic {
	t.Helper()
	r := notifying.TopicRequest{Topic: name, Partitions: 3}
	for _, a := range access {
		r.Access = append(r.Access, nas.Access{Identifier: a})
	}
	var made nas.Topic
	require.NoError(t, h.call(t.Context(), operator(), func(ctx context.Context, caller identity.Caller) (err error) {
		made, err = h.admin.CreateTopic(ctx, caller, r)
		return err
	}))
	return made
}

// administer carries out what an administrator asks for.
func (h *house) administer(t testing.TB, work func(ctx context.Context, caller identity.Caller) error) error {
	t.Helper()
	return h.call(t.Context(), operator(), work)
}

// stored is what the log keeps of a topic, by partition and offset.
func (h *house) stored(t testing.TB, name string) (all []kept) {
	t.Helper()
	topic, err := h.db.NASTopics().Topic(context.Background(), nas.TopicName(name))
	require.NoError(t, err)
	return h.storedIn(t, topic.Log)
}

// kept is a record with where it is.
type kept struct {
	nas.Record
	partition int
	offset    int64
}

func (h *house) storedIn(t testing.TB, topic messagelog.Topic) (all []kept) {
	t.Helper()
	log := h.db.MessageLog()
	bounds, err := log.Bounds(context.Background(), []messagelog.Topic{topic})
	require.NoError(t, err)
	for part, b := range bounds[topic] {
		for batch, err := range log.Read(context.Background(), topic, part, b.First, b.End, messagelog.ReadOptions{Timeout: time.Second}) {
			require.NoError(t, err)
			for _, r := range batch.Records {
				assert.Empty(t, r.Key, "a person's id must not be a key")
				assert.Empty(t, r.Headers)
				decoded, err := nas.Decode(r.Value)
				require.NoError(t, err)
				all = append(all, kept{decoded, part, r.Offset})
			}
		}
	}
	return all
}

// audited is what the audit log was told, "Context key=value …" a context, without what is empty.
func (h *house) audited() (lines []string) {
	for _, e := range h.audit.Lines() {
		for _, c := range e.Notes {
			for _, where := range c.Contexts {
				line := string(where.Context)
				for i := range audit.Flatten(where.Information, 200) {
					line += " " + i.Key + "=" + i.Value
				}
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// countedTopics counts how often a topic was read, and fails on demand.
type countedTopics struct {
	ports.TopicStore
	mu    sync.Mutex
	reads int
	err   error
}

// Topic counts.
func (c *countedTopics) Topic(ctx context.Context, name nas.TopicName) (nas.Topic, error) {
	c.mu.Lock()
	c.reads++
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return nas.Topic{}, err
	}
	return c.TopicStore.Topic(ctx, name)
}

func (c *countedTopics) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// read is how often a topic was read since it was last asked.
func (c *countedTopics) read() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, c.reads = c.reads, 0
	return n
}

// contents encloses what is one element without looking at it closely.
type contents struct{}

// Enclose implements ports.NotifyContents.
func (contents) Enclose(n nas.Notification) ([]byte, error) {
	if !bytes.HasPrefix(n.Payload, []byte("<")) {
		return nil, nas.Refusal{Code: nas.ContentInvalid}
	}
	return content(string(n.Payload)), nil
}

// content is an advis:NotifyContent around a payload.
func content(payload string) []byte {
	return []byte(`<advis:NotifyContent xmlns:advis="http://nsi.dk/advis/v10">` + payload + `</advis:NotifyContent>`)
}

// about is a good notification about a person.
func about(topic, person string) notifying.Message {
	return notifying.Message{Topic: topic, Dialect: nas.Simple, ID: person, IDType: typeCPR, Content: content("<c/>")}
}

// publisher is a publisher whose address is listed, and who shows no card.
func publisher(topics ...string) identity.Caller {
	return identity.Caller{Kind: identity.System, Addr: "192.0.2.7", Topics: topics, Credential: identity.Credential{Scheme: identity.Address}}
}

// system is a system with an ID card of level 3.
func system(cvr, name, messageID string) identity.Caller {
	return identity.Caller{
		Kind: identity.System, Org: identity.Organisation{CVR: cvr}, SystemName: name, MessageID: messageID, Addr: "192.0.2.8",
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3, SubjectSerial: "CVR:" + cvr + "-FID:22933922"},
	}
}

// operator runs the server.
func operator() identity.Caller {
	return identity.Caller{
		Kind: identity.Operator, Administrator: true, Org: identity.Organisation{CVR: "99999901"},
		Credential: identity.Credential{Scheme: identity.OperatorToken},
	}
}

// undelivered asserts that a request failed with the fault, and with a code for each of its notifications. It returns the error.
func undelivered(t testing.TB, err error, f nas.Fault, codes ...string) *nas.Error {
	t.Helper()
	var failed *nas.Error
	require.ErrorAs(t, err, &failed, "got %v", err)
	got := make([]string, len(failed.Undelivered))
	for i, u := range failed.Undelivered {
		assert.Equal(t, i+1, u.Position)
		got[i] = u.Code
	}
	assert.Equal(t, codes, got)
	assert.Equal(t, f, failed.Fault)
	assert.Equal(t, fmt.Sprintf("0 of %d notifications were delivered", len(codes)), failed.Err.Text)
	return failed
}

// refusedAs asserts what the caller hears; it tells no cause, and names nobody.
func refusedAs(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	f, _ := fault.Of(err)
	require.Equal(t, [2]any{kind, code}, [2]any{f.Kind, f.Code}, "got %v", err)
	assert.NotContains(t, f.Text, errSecret.Error())
	assert.NotRegexp(t, `\d{10}`, f.Text)
}

// nobodyNamed asserts that logs, audit and statistics tell of no person.
func (h *house) nobodyNamed(t testing.TB) {
	t.Helper()
	var said string
	h.locked(func() { said = h.logged.String() + strings.Join(h.statistics, "\n") })
	said += strings.Join(h.audited(), "\n")
	for _, p := range []string{personA, personB} {
		assert.False(t, strings.Contains(said, p), "a person is named")
	}
}

// ids are the ids of records, in order.
func ids(all []kept) (found []string) {
	for _, k := range all {
		found = append(found, k.ID)
	}
	slices.Sort(found)
	return found
}
