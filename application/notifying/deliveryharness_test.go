package notifying_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// reader is a subscriber: its use cases on stores in memory, called through a gate.
type reader struct {
	*notifying.Subscriptions
	*notifying.Fetching
	db     *memory.DB
	gate   *admitting.Gate
	audit  *memory.AuditLog
	points *watchedPoints
	lists  *watchedLists
	log    *watchedLog
	caller identity.Caller
	*desk
}

// desk is what readers of one database share.
type desk struct {
	mu        sync.Mutex
	now       time.Time
	ids       int
	published int
	lines     []string // of the statistics
	logged    bytes.Buffer
}

const (
	cardTopic  = "http://example.dk/advis/2024/01/01:CardChanged"
	otherTopic = "http://example.dk/advis/2024/01/01:OtherChanged"
	numberType = "http://nsi.dk/advis/v10/CPR"
)

var dayZero = time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)

func (d *desk) locked(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *desk) clock() (now time.Time) {
	d.locked(func() { now = d.now })
	return now
}

func (d *desk) pass(by time.Duration) { d.locked(func() { d.now = d.now.Add(by) }) }

func (d *desk) newID() (id string) {
	d.locked(func() { d.ids++; id = fmt.Sprintf("0d6f2c1e-7a38-4b1e-9a53-%012x", d.ids) })
	return id
}

func (d *desk) tell(line string) { d.locked(func() { d.lines = append(d.lines, line) }) }

// Write keeps what is logged.
func (d *desk) Write(p []byte) (n int, err error) {
	d.locked(func() { n, err = d.logged.Write(p) })
	return n, err
}

func (d *desk) logText() (s string) {
	d.locked(func() { s = d.logged.String() })
	return s
}

// newReader returns a subscriber with two topics that everybody may read, of three partitions each.
func newReader(t require.TestingT) *reader {
	d := &desk{now: dayZero}
	db := memory.New(d.clock)
	r := d.another(db)
	r.topic(t, cardTopic, 3, "ALL")
	r.topic(t, otherTopic, 3, "ALL")
	return r
}

// another is the same subscriber at another server.
func (d *desk) another(db *memory.DB) *reader {
	r := &reader{db: db, desk: d, audit: &memory.AuditLog{}, points: &watchedPoints{PullPointStore: db.PullPoints()},
		lists: &watchedLists{IDListStore: db.IDLists()}, log: &watchedLog{MessageLog: db.MessageLog()}}
	logger := slog.New(slog.NewTextHandler(d, nil))
	r.gate = &admitting.Gate{Audit: r.audit, Units: db.Units(), Replies: db.Replies(), Now: d.clock, Log: logger}
	topics := &notifying.Directory{Store: db.NASTopics(), Now: d.clock, Age: 10 * time.Second}
	r.Subscriptions = &notifying.Subscriptions{
		Store: r.points, Topics: topics, Log: r.log, Lists: r.lists, Filters: wordFilter{}, Trail: admitting.Trail{}, Now: d.clock, NewID: d.newID,
		Statistics: d.tell, MaxPerOwner: 100, MaxPerPullPoint: 50, MaxSingleIDs: 1000, MaxIDs: 500_000,
	}
	r.Fetching = &notifying.Fetching{
		Store: r.points, Topics: topics, Log: r.log, Lists: r.lists, Filters: wordFilter{}, Trail: admitting.Trail{}, Now: d.clock, Logger: logger,
		Statistics: d.tell, Default: 256, Limit: 1000, MaxBytes: 8 << 20, Poll: time.Minute, CatchUpPoll: time.Minute, DeltaMax: 1000, MaxTime: time.Minute,
		AdvanceMin: 1000, OffsetDeltaMin: 100, CacheIDs: 1000,
	}
	r.caller = identity.Caller{Kind: identity.System, Org: identity.Organisation{CVR: "33257872"}, SystemName: "Demo EPJ",
		Credential: identity.Credential{Scheme: identity.DGWS, Level: 3, SubjectSerial: "CVR:33257872-FID:22933922"}}
	return r
}

// as is the reader with another caller.
func (r *reader) as(edit func(*identity.Caller)) *reader {
	other := *r
	edit(&other.caller)
	return &other
}

// call carries a call out through the gate. Answers are kept of all but fetches.
func (r *reader) call(operation, messageID string, work func(context.Context, identity.Caller) error) admitting.Outcome {
	caller := r.caller
	caller.MessageID = messageID
	policy := admitting.Policy{Schemes: []identity.Scheme{identity.DGWS}, MinLevel: 3, Kinds: []identity.Kind{identity.System}, Resend: admitting.Store}
	if operation == string(audit.GetMessages) {
		policy.Resend = admitting.Own
	}
	return r.gate.Do(context.Background(), admitting.Call{
		Service: "nas", Route: audit.NAS, Operation: operation, Policy: policy, Caller: caller,
		Payload: func() ([32]byte, error) { return sha256.Sum256([]byte(operation)), nil },
	}, work, func(error) (admitting.Answer, error) { return admitting.Answer{Code: 200, Body: []byte("answer")}, nil })
}

// fetch is a GetMessages.
func (r *reader) fetch(messageID string, id nas.PullPointID, quota int) (out notifying.Fetched, err error) {
	err = r.call("GetMessages", messageID, func(ctx context.Context, caller identity.Caller) (err error) {
		out, err = r.GetMessages(ctx, caller, string(id), quota)
		return err
	}).Err
	if err != nil {
		return notifying.Fetched{}, err
	}
	return out, nil
}

// fetched is a GetMessages that goes well, of as many messages as the server gives.
func (r *reader) fetched(t require.TestingT, messageID string, id nas.PullPointID) notifying.Fetched {
	out, err := r.fetch(messageID, id, notifying.NoQuota)
	require.NoError(t, err)
	return out
}

func (r *reader) pullPoint(t require.TestingT) (id nas.PullPointID) {
	require.NoError(t, r.call("CreatePullPoint", r.newID(), func(ctx context.Context, caller identity.Caller) (err error) {
		id, err = r.CreatePullPoint(ctx, caller)
		return err
	}).Err)
	return id
}

func (r *reader) subscribe(p nas.PullPointID, edit func(*notifying.Subscribing)) (made notifying.Subscribed, err error) {
	wanted := to(p, cardTopic)
	if edit != nil {
		edit(&wanted)
	}
	err = r.call("Subscribe", r.newID(), func(ctx context.Context, caller identity.Caller) (err error) {
		made, err = r.Subscribe(ctx, caller, wanted)
		return err
	}).Err
	return made, err
}

// subscribed is a Subscribe that goes well, a second after the one before.
func (r *reader) subscribed(t require.TestingT, p nas.PullPointID, edit func(*notifying.Subscribing)) nas.SubscriptionID {
	r.pass(time.Second)
	made, err := r.subscribe(p, edit)
	require.NoError(t, err)
	return made.ID
}

// to asks for all of a topic.
func to(p nas.PullPointID, topic string) notifying.Subscribing {
	return notifying.Subscribing{
		Consumer: "https://nsp.example.dk/nas2/pullpoint/" + string(p),
		Filter:   nas.FilterRequest{Topics: []nas.TopicExpression{{Dialect: nas.Simple, Text: topic}}},
	}
}

// idFilter has a Subscribe ask for what the filter selects.
func idFilter(f nas.IDFilter) func(*notifying.Subscribing) {
	return func(s *notifying.Subscribing) {
		s.Filter.Content = []nas.MessageContent{{Dialect: nas.IDDialect, Filter: &f}}
	}
}

func onTopic(topic string) func(*notifying.Subscribing) {
	return func(s *notifying.Subscribing) { s.Filter.Topics[0].Text = topic }
}

func (r *reader) unsubscribe(messageID string, id nas.SubscriptionID) error {
	return r.call("Unsubscribe", messageID, func(ctx context.Context, caller identity.Caller) error {
		return r.Unsubscribe(ctx, caller, string(id))
	}).Err
}

func (r *reader) destroy(messageID string, id nas.PullPointID) error {
	return r.call("DestroyPullPoint", messageID, func(ctx context.Context, caller identity.Caller) error {
		return r.DestroyPullPoint(ctx, caller, string(id))
	}).Err
}

func (r *reader) list(t require.TestingT, name string, ids ...string) {
	require.NoError(t, r.call("CreateIDList", r.newID(), func(ctx context.Context, caller identity.Caller) error {
		_, err := r.CreateIDList(ctx, caller, nas.IDList{Name: name, IDType: numberType, IDs: ids})
		return err
	}).Err)
}

// topic makes a topic, or gives it other rights.
func (r *reader) topic(t require.TestingT, name nas.TopicName, partitions int, access ...string) {
	r.edit(t, name, func(was *nas.Topic) {
		*was = nas.Topic{Name: name, Log: nas.InternalTopic(name), State: nas.Ready, Active: true, CreatedAt: dayZero,
			Spec: messagelog.Spec{Partitions: partitions}}
		for _, identifier := range access {
			was.Access = append(was.Access, nas.Access{Identifier: identifier, CreatedAt: dayZero})
		}
	})
	err := r.db.Topics().CreateTopic(context.Background(), nas.InternalTopic(name), messagelog.Spec{Partitions: partitions})
	if !errors.Is(err, messagelog.ErrExists) {
		require.NoError(t, err)
	}
}

// edit changes a topic; nobody remembers how it was.
func (r *reader) edit(t require.TestingT, name nas.TopicName, edit func(*nas.Topic)) {
	require.NoError(t, r.db.NASTopics().UpdateTopic(context.Background(), name, func(was nas.Topic) (nas.Topic, error) {
		edit(&was)
		return was, nil
	}))
	r.pass(time.Minute)
}

// publish appends a message about each id, "" = about nobody, and returns their contents. The partition is that of spread.
func (r *reader) publish(t require.TestingT, topic nas.TopicName, spread uint64, ids ...string) (contents []string) {
	var recs []messagelog.Record
	for _, id := range ids {
		rec, content := r.record(topic, id)
		rec.Spread = spread
		recs, contents = append(recs, rec), append(contents, content)
	}
	require.NoError(t, r.db.MessageLog().Append(context.Background(), recs))
	return contents
}

func (r *reader) record(topic nas.TopicName, id string) (rec messagelog.Record, content string) {
	var n int
	r.locked(func() { r.published++; n = r.published })
	content = fmt.Sprintf("<c>%06d</c>", n)
	head := nas.Head{Topic: topic, ID: id, Published: r.clock()}
	if id != "" {
		head.IDType = numberType
	}
	return messagelog.Record{Topic: nas.InternalTopic(topic), Value: nas.Record{Head: head, Content: []byte(content)}.Encode()}, content
}

// contentsOf are those of the messages, in order.
func contentsOf(out notifying.Fetched) []string {
	all := []string{}
	for _, m := range out.Messages {
		all = append(all, string(m.Content))
	}
	return all
}

// faultOf is the fault and the code of an error, such as "ResourceUnknownFault resource_unknown".
func faultOf(err error) string {
	if e, ok := errors.AsType[*nas.Error](err); ok {
		return string(e.Fault) + " " + e.Err.Code
	}
	return fmt.Sprint(err)
}

// notes is what the audit log was told of the last call: "key=value …".
func (r *reader) notes() string {
	lines := r.audit.Lines()
	var parts []string
	for _, c := range lines[len(lines)-1].Notes {
		for _, where := range c.Contexts {
			parts = append(parts, string(c.Component)+"/"+string(where.Context))
			for i := range audit.Flatten(where.Information, 200) {
				parts = append(parts, i.Key+"="+i.Value)
			}
		}
	}
	return strings.Join(parts, " ")
}

// said are the lines of the statistics of an action.
func (r *reader) said(action string) (lines []string) {
	r.locked(func() {
		for _, line := range r.lines {
			if strings.HasPrefix(line, `{"action":"`+action+`"`) {
				lines = append(lines, line)
			}
		}
	})
	return lines
}

// watchedPoints counts what is asked of the store, and fails on demand.
type watchedPoints struct {
	ports.PullPointStore
	mu             sync.Mutex
	reads, answers int
	writes         int
	advance        []error // of each Advance in turn; nil = none
	reading        error
}

func (s *watchedPoints) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *watchedPoints) PullPoint(ctx context.Context, id nas.PullPointID, now time.Time) (nas.PullPoint, error) {
	var err error
	s.locked(func() { s.reads++; err = s.reading })
	if err != nil {
		return nas.PullPoint{}, err
	}
	return s.PullPointStore.PullPoint(ctx, id, now)
}

func (s *watchedPoints) Visit(ctx context.Context, id nas.PullPointID, now time.Time, messageID string) (nas.PullPoint, bool, error) {
	var err error
	s.locked(func() { s.reads++; err = s.reading })
	if err != nil {
		return nas.PullPoint{}, false, err
	}
	return s.PullPointStore.Visit(ctx, id, now, messageID)
}

func (s *watchedPoints) Answer(ctx context.Context, id nas.PullPointID, messageID string) ([]nas.Cursor, error) {
	s.locked(func() { s.answers++ })
	return s.PullPointStore.Answer(ctx, id, messageID)
}

func (s *watchedPoints) Seen(ctx context.Context, id nas.PullPointID, at time.Time) error {
	s.locked(func() { s.writes++ })
	return s.PullPointStore.Seen(ctx, id, at)
}

func (s *watchedPoints) Advance(ctx context.Context, rows []nas.Cursor) error {
	var err error
	s.locked(func() {
		s.writes++
		if len(s.advance) > 0 {
			err, s.advance = s.advance[0], s.advance[1:]
		}
	})
	if err != nil {
		return err
	}
	return s.PullPointStore.Advance(ctx, rows)
}

// watchedLists counts how often a whole list is read, and fails on demand.
type watchedLists struct {
	ports.IDListStore
	mu     sync.Mutex
	loaded int
	err    error
}

func (s *watchedLists) Version(ctx context.Context, o nas.Owner, name string) (int64, bool, error) {
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return 0, false, err
	}
	return s.IDListStore.Version(ctx, o, name)
}

func (s *watchedLists) Load(ctx context.Context, o nas.Owner, name string) (nas.IDList, int64, bool, error) {
	s.mu.Lock()
	s.loaded++
	s.mu.Unlock()
	return s.IDListStore.Load(ctx, o, name)
}

// watchedLog counts what is asked of the log, and gives less than it has.
type watchedLog struct {
	ports.MessageLog
	mu            sync.Mutex
	bounds, reads int
	catchUp       int                    // reads of large pieces
	batch         int                    // records of a batch; 0 = the log's own choice
	wait          bool                   // batches come when the reader's time is over
	options       messagelog.ReadOptions // of the latest read
	marker        bool                   // every partition ends in a marker of a transaction
	parts         int                    // of topics that it knows of at most; 0 = all
	down          error
	gone          int // so many reads find that retention took what they begin at
	stalled       []messagelog.Topic
	step          func() // before each batch
}

func (l *watchedLog) locked(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *watchedLog) Bounds(ctx context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	var marker bool
	var down error
	var parts int
	l.locked(func() { l.bounds++; marker, down, parts = l.marker, l.down, l.parts })
	if down != nil {
		return nil, down
	}
	all, err := l.MessageLog.Bounds(ctx, topics)
	for t, bounds := range all {
		for i := range bounds {
			if marker {
				bounds[i].End++
			}
		}
		if parts > 0 {
			all[t] = bounds[:min(parts, len(bounds))]
		}
	}
	return all, err
}

func (l *watchedLog) Read(ctx context.Context, t messagelog.Topic, part int, from, to int64, opt messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	return func(yield func(messagelog.Batch, error) bool) {
		var fail error
		var marker bool
		var step func()
		l.locked(func() {
			l.reads++
			marker, step, l.options = l.marker, l.step, opt
			if l.batch > 0 {
				opt.MaxRecords = l.batch
			}
			if opt.CatchUp {
				l.catchUp++
			}
			switch {
			case slices.Contains(l.stalled, t):
				fail = messagelog.ErrStalled
			case l.gone > 0:
				l.gone--
				fail = messagelog.ErrGone
			}
		})
		if fail != nil {
			yield(messagelog.Batch{}, fail)
			return
		}
		if marker {
			to--
		}
		if from < to {
			for batch, err := range l.MessageLog.Read(ctx, t, part, from, to, opt) {
				if step != nil {
					step()
				}
				var wait bool
				if l.locked(func() { wait = l.wait }); wait {
					<-ctx.Done()
					yield(messagelog.Batch{}, ctx.Err())
					return
				}
				if !yield(batch, err) {
					return
				}
			}
		}
		if marker {
			yield(messagelog.Batch{Next: to + 1}, nil)
		}
	}
}

// wordFilter is a language whose expression is a word that the content holds.
type wordFilter struct{}

type word string

var (
	_ ports.ContentFilter     = wordFilter{}
	_ ports.ContentExpression = word("")
)

func (wordFilter) Compile(x nas.XPath) (ports.ContentExpression, error) {
	if x.Expression == "$v" {
		return nil, errors.New("a variable")
	}
	return word(x.Expression), nil
}

func (w word) Match(content []byte) (bool, error) {
	switch w {
	case "fails":
		return true, errors.New("too many steps")
	case "panics":
		panic("index out of range")
	}
	return bytes.Contains(content, []byte(w)), nil
}

// noFilter compiles nothing.
type noFilter struct{}

var _ ports.ContentFilter = noFilter{}

func (noFilter) Compile(nas.XPath) (ports.ContentExpression, error) {
	return nil, errors.New("too long")
}

// sameBatches is a log whose first partition of each topic holds so many records, all the same.
type sameBatches struct {
	ports.MessageLog
	records int
}

func (l *sameBatches) Bounds(_ context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	all := map[messagelog.Topic][]messagelog.Bounds{}
	for _, t := range topics {
		all[t] = []messagelog.Bounds{{End: int64(l.records)}, {}, {}}
	}
	return all, nil
}

func (l *sameBatches) Read(_ context.Context, _ messagelog.Topic, _ int, from, to int64, _ messagelog.ReadOptions,
) iter.Seq2[messagelog.Batch, error] {
	value := nas.Record{Head: nas.Head{Topic: cardTopic, ID: "1", IDType: numberType}, Content: []byte("<c/>")}.Encode()
	batch := messagelog.Batch{Records: slices.Repeat([]messagelog.Record{{Value: value}}, 1000)}
	return func(yield func(messagelog.Batch, error) bool) {
		for from < to {
			n := min(1000, to-from)
			for i := range n {
				batch.Records[i].Offset = from + i
			}
			from += n
			if !yield(messagelog.Batch{Records: batch.Records[:n], Next: from}, nil) {
				return
			}
		}
	}
}
