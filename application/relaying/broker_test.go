package relaying_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

const advised nas.TopicName = "urn:test:Changed" // what the notices of the cases are on

// brokered is a bench whose target is the notification service, on the same database as the outbox.
type brokered struct {
	*bench
	admin notifying.Administration
	log   *uncertainLog
}

// uncertainLog is a message log that may keep what it says it does not know of.
type uncertainLog struct {
	ports.MessageLog
	uncertain atomic.Bool
}

func (l *uncertainLog) Append(ctx context.Context, recs []messagelog.Record) error {
	if err := l.MessageLog.Append(ctx, recs); err != nil || !l.uncertain.Load() {
		return err
	}
	return messagelog.ErrOutcomeUnknown
}

// enclosing implements ports.NotifyContents.
type enclosing struct{}

func (enclosing) Enclose(n nas.Notification) ([]byte, error) {
	if !bytes.HasPrefix(n.Payload, []byte("<")) {
		return nil, nas.Refusal{Code: nas.ContentInvalid}
	}
	return n.Payload, nil
}

func newBrokered(t require.TestingT, b *bench) *brokered {
	log := &uncertainLog{MessageLog: b.db.MessageLog()}
	topics := &notifying.Directory{Store: b.db.NASTopics(), Now: time.Now, Age: 10 * time.Second}
	broker := &notifying.Broker{Topics: topics, Log: log, Contents: enclosing{}, Trail: admitting.Trail{}, Now: time.Now, MaxMessages: 100,
		MaxBytes: nas.MaxPayload}
	b.Notifier = broker.Notifier()
	admin := notifying.Administration{Store: b.db.NASTopics(), PullPoints: b.db.PullPoints(), Admin: b.db.Topics(), Topics: topics,
		Trail: admitting.Trail{}, Now: time.Now}
	require.NoError(t, admin.Ensure(context.Background(), advised, nil))
	return &brokered{b, admin, log}
}

// published returns the ids of what the message log keeps, those of a partition in its order.
func (b *brokered) published(t require.TestingT) (all []string) {
	topic := nas.InternalTopic(advised)
	bounds, err := b.db.MessageLog().Bounds(context.Background(), []messagelog.Topic{topic})
	require.NoError(t, err)
	for part, at := range bounds[topic] {
		for batch, err := range b.db.MessageLog().Read(context.Background(), topic, part, at.First, at.End, messagelog.ReadOptions{Timeout: time.Second}) {
			require.NoError(t, err)
			for _, r := range batch.Records {
				n, err := nas.Decode(r.Value)
				require.NoError(t, err)
				all = append(all, string(n.Content))
			}
		}
	}
	return all
}

// tell puts notices about somebody, told apart by their payload.
func (b *brokered) tell(t require.TestingT, key string, payloads ...string) {
	for _, p := range payloads {
		require.NoError(t, b.db.Outbox().Put(context.Background(), notice.Notice{ID: key + p, Key: key, To: notice.NAS, Created: time.Now(),
			Advis: nas.Notification{Topic: string(advised), ID: key, IDType: "urn:test", Payload: []byte(p)}}))
	}
}

func (b *brokered) parked(t require.TestingT) map[string]string {
	all, err := b.db.Outbox().Parked(context.Background(), 10)
	require.NoError(t, err)
	codes := map[string]string{}
	for _, p := range all {
		codes[p.ID] = p.Code
	}
	return codes
}

func TestBroker(t *testing.T) {
	t.Run("notices reach the message log by the broker, those of a key in order", func(t *testing.T) {
		bubble(t, func(t *testing.T, bench *bench) {
			b := newBrokered(t, bench)
			var want []string
			for i := range 20 {
				want = append(want, fmt.Sprintf("<a%d/>", i))
				b.tell(t, "a", fmt.Sprintf("<a%d/>", i))
				b.tell(t, fmt.Sprint("other", i), "<o/>")
			}
			b.start()
			var got []string
			for _, p := range b.published(t) {
				if p != "<o/>" {
					got = append(got, p)
				}
			}
			assert.Equal(t, want, got)
			assert.Len(t, b.published(t), 40)
			assert.Zero(t, b.figures(t).Waiting)
		})
	})

	t.Run("one that the log may have kept is published again, before what follows it", func(t *testing.T) {
		bubble(t, func(t *testing.T, bench *bench) {
			b := newBrokered(t, bench)
			b.log.uncertain.Store(true)
			b.tell(t, "a", "<a1/>", "<a2/>")
			b.start()
			assert.Equal(t, []string{"<a1/>"}, b.published(t))
			assert.Equal(t, 2, b.figures(t).Waiting)
			b.log.uncertain.Store(false)
			pass(time.Minute)
			assert.Equal(t, []string{"<a1/>", "<a1/>", "<a2/>"}, b.published(t))
			assert.Zero(t, b.figures(t).Waiting)
		})
	})

	t.Run("one that can never be taken is parked with the code, and its key goes on", func(t *testing.T) {
		bubble(t, func(t *testing.T, bench *bench) {
			b := newBrokered(t, bench)
			require.NoError(t, b.db.Outbox().Put(t.Context(), notice.Notice{ID: "unknown", Key: "a", To: notice.NAS, Created: time.Now(),
				Advis: nas.Notification{Topic: "urn:no:Such", Payload: []byte("<a/>")}}))
			b.tell(t, "a", "text", "<a1/>")
			b.start()
			pass(time.Minute)
			assert.Equal(t, map[string]string{"unknown": nas.TopicUnknown, "atext": nas.ContentInvalid}, b.parked(t))
			assert.Equal(t, []string{"<a1/>"}, b.published(t))
			assert.Zero(t, b.figures(t).Waiting)

			require.NoError(t, b.admin.Ensure(t.Context(), "urn:no:Such", nil))
			require.NoError(t, b.db.Outbox().Retry(t.Context(), "unknown", time.Now()))
			pass(time.Minute)
			assert.Equal(t, map[string]string{"atext": nas.ContentInvalid}, b.parked(t), "once the topic is made it goes")
		})
	})

	t.Run("while its topic is closed one waits, and goes when it is opened", func(t *testing.T) {
		bubble(t, func(t *testing.T, bench *bench) {
			b := newBrokered(t, bench)
			operator := identity.Caller{Kind: identity.Operator, Administrator: true}
			_, err := b.admin.CloseTopic(t.Context(), operator, nas.InternalTopic(advised))
			require.NoError(t, err)
			b.tell(t, "a", "<a1/>")
			b.start()
			pass(time.Hour)
			assert.Empty(t, b.published(t))
			assert.Equal(t, 1, b.figures(t).Waiting)
			assert.Empty(t, b.parked(t))
			_, err = b.admin.OpenTopic(t.Context(), operator, nas.InternalTopic(advised))
			require.NoError(t, err)
			pass(time.Hour)
			assert.Equal(t, []string{"<a1/>"}, b.published(t))
		})
	})
}
