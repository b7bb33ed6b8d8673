package notifying

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// maxProducer bounds a ProducerReference, in octets.
const maxProducer = 8 << 10

var (
	errNobody  = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "the caller is not known"}
	errNothing = fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: "a notification is required"}
	errLongID  = fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: "the message id is too long"}
)

// Broker takes notifications from publishers: all of a request or none. It is safe for concurrent use, and not copied after its first.
type Broker struct {
	Topics      *Directory
	Log         ports.MessageLog
	Contents    ports.NotifyContents // nil: nothing is published from inside
	Trail       ports.Trail
	Now         func() time.Time
	NewID       func() string             // of a request that has no message id; nil = it has none
	Statistics  func(line string)         // nil = not wanted
	Notified    func(topic string, n int) // counts what was stored; nil = nobody counts
	MaxMessages int                       // of a request
	MaxBytes    int                       // of an advis:NotifyContent

	turn atomic.Uint64 // of what has no id: it goes round the partitions
}

// tooMany refuses a request of n notifications. It lists no more of them than a request may have: a fault is not much larger than its request.
func tooMany(n, most int) error {
	e := nas.NotDelivered(slices.Repeat([]string{nas.TooLarge}, most), nil)
	e.Err.Text = fmt.Sprintf("0 of %d notifications were delivered", n)
	return e
}

// Notify stores the notifications of a request at the commit of the unit of work in ctx, all or none. Every one is checked before the log is
// touched; a *nas.Error tells of each of them what was wrong, and wraps what the caller may be told.
func (b *Broker) Notify(ctx context.Context, caller identity.Caller, ms []Message) error {
	dgws := "present"
	if caller.Credential.Scheme == identity.Address {
		dgws = "absent"
	}
	b.Trail.Note(ctx, audit.NAS, audit.Notify, audit.MessageCount.Is(strconv.Itoa(len(ms))), audit.DGWS.Is(dgws))
	switch {
	case caller.Kind == identity.Unknown:
		return errNobody
	case len(ms) == 0:
		return errNothing
	case len(ms) > b.MaxMessages:
		return tooMany(len(ms), b.MaxMessages)
	case utf8.RuneCountInString(caller.MessageID) > nas.MaxMessageID:
		return errLongID
	}
	recs, published, err := b.prepare(ctx, caller, ms)
	if err != nil {
		return err
	}
	b.Trail.Note(ctx, audit.NAS, audit.Notify, several(audit.TopicName, published.names()))
	if err := b.Log.Append(ctx, recs); err != nil {
		return b.Failed(len(ms), fmt.Errorf("append notifications: %w: %w", errLog, err))
	}
	admitting.AtEnd(ctx, func(committed bool) {
		if committed {
			b.count(caller, published)
		}
	})
	return nil
}

// prepare returns what the log is to keep of the notifications, or a *nas.Error with what is wrong.
func (b *Broker) prepare(ctx context.Context, caller identity.Caller, ms []Message) ([]messagelog.Record, publication, error) {
	recs, codes := make([]messagelog.Record, len(ms)), make([]string, len(ms))
	var published publication
	now, request := b.Now(), b.request(caller)
	wrong := false
	for i, m := range ms {
		topic, code, err := b.check(ctx, caller, &m)
		if err != nil { // nothing can be told of the others either
			return nil, nil, b.Failed(len(ms), fmt.Errorf("look up topic: %w: %w", errLog, err))
		}
		if codes[i] = code; code != "" {
			wrong = true
			continue
		}
		published.add(topic.Name)
		recs[i] = b.record(topic, m, nas.Head{
			Topic: topic.Name, ID: m.ID, IDType: m.IDType, System: m.System, Producer: m.Producer, Published: now, Request: request, Position: i + 1,
		})
	}
	if wrong {
		return nil, nil, nas.NotDelivered(codes, nil)
	}
	return recs, published, nil
}

// check returns the topic of m, whose texts it trims, or the code of what is wrong. An error tells that the topics cannot be read.
func (b *Broker) check(ctx context.Context, caller identity.Caller, m *Message) (topic nas.Topic, code string, err error) {
	n, wrong := nas.Notification{Topic: m.Topic, ID: m.ID, IDType: m.IDType, System: m.System, Payload: m.Content}.Checked()
	m.Topic, m.ID, m.IDType = n.Topic, n.ID, n.IDType
	if wrong != nil {
		code = nas.RefusalCode(wrong)
	}
	switch {
	case code == nas.TopicMissing:
		return topic, code, nil
	case !slices.Contains([]string{"", nas.Simple}, strings.Trim(m.Dialect, " \t\r\n")):
		return topic, nas.TopicDialect, nil
	case caller.Topics != nil && !slices.Contains(caller.Topics, m.Topic): // also of one that there is not
		return topic, nas.TopicNotAllowed, nil
	case code == nas.TopicUnknown:
		return topic, code, nil
	}
	topic, err = b.Topics.Topic(ctx, nas.TopicName(m.Topic))
	switch {
	case errors.Is(err, nas.ErrNoTopic):
		return topic, nas.TopicUnknown, nil
	case err != nil:
		return topic, "", err
	case !topic.Open():
		return topic, nas.TopicClosed, nil
	case code == "" && len(m.Content) > b.MaxBytes:
		return topic, nas.TooLarge, nil
	case code == "" && len(m.Producer) > maxProducer:
		return topic, nas.ContentInvalid, nil
	}
	return topic, code, nil
}

// record is what the log keeps of a notification (NAS-14, NAS-15).
func (b *Broker) record(topic nas.Topic, m Message, head nas.Head) messagelog.Record {
	rec := messagelog.Record{Topic: topic.Log, Value: nas.Record{Head: head, Content: m.Content}.Encode()}
	if m.ID != "" {
		rec.Spread = nas.Spread(m.IDType, m.ID)
	} else {
		rec.Spread = b.turn.Add(1)
	}
	return rec
}

// request is the id of the request.
func (b *Broker) request(caller identity.Caller) string {
	if caller.MessageID == "" && b.NewID != nil {
		return b.NewID()
	}
	return caller.MessageID
}

// count tells the statistics of a request that was stored.
func (b *Broker) count(caller identity.Caller, published publication) {
	if caller.Credential.Scheme == identity.Address {
		b.tell(nas.StatisticAnonymousNotify(caller.Addr))
	}
	for _, p := range published {
		b.tell(nas.StatisticNotify(p.n, string(p.topic)))
		if b.Notified != nil {
			b.Notified(string(p.topic), p.n)
		}
	}
}

func (b *Broker) tell(line string) {
	if b.Statistics != nil {
		b.Statistics(line)
	}
}

// publication is how many notifications a request has on each topic, in the order of the topics' first.
type publication []struct {
	topic nas.TopicName
	n     int
}

func (p *publication) add(topic nas.TopicName) {
	for i := range *p {
		if (*p)[i].topic == topic {
			(*p)[i].n++
			return
		}
	}
	*p = append(*p, struct {
		topic nas.TopicName
		n     int
	}{topic, 1})
}

func (p publication) names() (all []string) {
	for _, t := range p {
		all = append(all, string(t.topic))
	}
	return all
}

// errLog marks what failed in the log or the stores that publishing needs.
var errLog = errors.New("notifications cannot be stored")

// Failed is the failure of a request of n notifications whose commit, or append, failed with err. Another error is returned as it is.
func (b *Broker) Failed(n int, err error) error {
	code := ""
	var told *nas.Error
	var commit *ports.CommitError
	switch {
	case errors.As(err, &told):
		return err
	case errors.Is(err, messagelog.ErrOutcomeUnknown), errors.Is(err, admitting.ErrOutcomeUnknown), errors.As(err, &commit) && commit.Unknown:
		code = nas.OutcomeUnknown
	case errors.Is(err, errLog), errors.Is(err, messagelog.ErrNoTopic), errors.As(err, &commit),
		errors.Is(err, admitting.ErrNotCommitted), errors.Is(err, admitting.ErrTimeout), errors.Is(err, admitting.ErrInternal):
		code = nas.LogUnavailable
	default:
		return err
	}
	return nas.NotDelivered(slices.Repeat([]string{code}, max(n, 1)), err)
}

// Notifier publishes what services of this process have to tell, each call in a transaction of its own. Nobody's rights are checked.
func (b *Broker) Notifier() ports.Notifier { return insider{b} }

// insider implements ports.Notifier.
type insider struct{ *Broker }

var _ ports.Notifier = insider{}

// Notify keeps all of ns or none. One whose topic is closed is refused for now, one whose topic is not known for good.
func (b insider) Notify(ctx context.Context, ns []nas.Notification) error {
	if len(ns) == 0 {
		return nil
	}
	ctx = ports.Apart(ctx)
	ms := make([]Message, len(ns))
	for i, n := range ns {
		n, err := n.Checked()
		if err != nil {
			return err
		}
		content, err := b.Contents.Enclose(n)
		if err != nil {
			return fmt.Errorf("enclose notification: %w", err)
		}
		ms[i] = Message{Topic: n.Topic, ID: n.ID, IDType: n.IDType, System: n.System, Content: content}
	}
	recs, published, err := b.prepare(ctx, identity.Caller{}, ms)
	if err != nil {
		return refused(err)
	}
	if err := b.Log.Append(ctx, recs); err != nil {
		return fmt.Errorf("append notifications: %w", err)
	}
	b.count(identity.Caller{}, published)
	return nil
}

// refused returns the refusal of what can never be taken, where the failure of a request holds one; else the failure.
func refused(err error) error {
	var failed *nas.Error
	if !errors.As(err, &failed) {
		return err
	}
	for _, u := range failed.Undelivered {
		if slices.Contains([]string{nas.TopicMissing, nas.TopicUnknown, nas.ContentInvalid, nas.TooLarge}, u.Code) {
			return nas.Refusal{Code: u.Code}
		}
	}
	return err
}
