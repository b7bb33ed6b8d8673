package notifying_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

// tells is a good notification of a service of this process.
func tells(topic, person string) nas.Notification {
	return nas.Notification{Topic: topic, ID: person, IDType: typeCPR, System: true, Payload: []byte("<changed/>")}
}

func TestNotifier(t *testing.T) {
	t.Run("what a service tells is kept when it returns, enclosed, and counted", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		require.NoError(t, h.broker.Notifier().Notify(t.Context(), []nas.Notification{tells(" "+cardChanged, personA), tells(cardChanged, "")}))
		all := h.stored(t, cardChanged)
		require.Len(t, all, 2)
		for _, k := range all {
			assert.Equal(t, nas.Record{Head: nas.Head{Topic: cardChanged, ID: k.ID, IDType: typeCPR, System: true, Published: fixedNow,
				Request: k.Request, Position: k.Position}, Content: content("<changed/>")}, k.Record)
		}
		assert.Equal(t, []string{"", personA}, ids(all))
		assert.Equal(t, []string{`{"action":"notify","info":{"quota":2,"topic":"` + cardChanged + `"}}`}, h.told())
		assert.Equal(t, map[string]int{cardChanged: 2}, h.notified)
		h.nobodyNamed(t)
		require.NoError(t, h.broker.Notifier().Notify(t.Context(), nil))
	})

	t.Run("it is kept also where the call that tells is undone", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		require.Error(t, h.call(t.Context(), publisher(), func(ctx context.Context, _ identity.Caller) error {
			require.NoError(t, h.broker.Notifier().Notify(ctx, []nas.Notification{tells(cardChanged, personA)}))
			assert.Len(t, h.stored(t, cardChanged), 1)
			return errSecret
		}))
		assert.Len(t, h.stored(t, cardChanged), 1)
		assert.Len(t, h.told(), 1)
	})

	t.Run("what can never be taken is refused with why, and with it the others", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		h.broker.MaxBytes = 100
		good := tells(cardChanged, personA)
		for _, c := range []struct {
			change func(*nas.Notification)
			code   string
		}{
			{func(n *nas.Notification) { n.Topic = " " }, nas.TopicMissing},
			{func(n *nas.Notification) { n.Topic = "urn:no:Such" }, nas.TopicUnknown},
			{func(n *nas.Notification) { n.Topic = "a b" }, nas.TopicUnknown},
			{func(n *nas.Notification) { n.Payload = nil }, nas.ContentInvalid},
			{func(n *nas.Notification) { n.Payload = []byte("text") }, nas.ContentInvalid},
			{func(n *nas.Notification) { n.Payload = append([]byte("<"), make([]byte, 100)...) }, nas.TooLarge},
		} {
			bad := good
			c.change(&bad)
			err := h.broker.Notifier().Notify(t.Context(), []nas.Notification{good, bad})
			require.ErrorIs(t, err, nas.ErrRefused)
			assert.Equal(t, c.code, nas.RefusalCode(err))
			assert.Empty(t, h.stored(t, cardChanged))
		}
		assert.Empty(t, h.told())
	})

	t.Run("what may be taken later is not refused: closed topic, log down, topics down", func(t *testing.T) {
		h := newHouse(t)
		h.topic(t, cardChanged)
		later := func() {
			t.Helper()
			err := h.broker.Notifier().Notify(t.Context(), []nas.Notification{tells(cardChanged, personA)})
			require.Error(t, err)
			require.NotErrorIs(t, err, nas.ErrRefused)
			assert.NotContains(t, err.Error(), personA)
			assert.Empty(t, h.stored(t, cardChanged))
		}
		for _, failure := range []error{errSecret, messagelog.ErrNoTopic} {
			h.log.OnAppend.FailFrom(1, failure)
			later()
		}
		h.log.OnAppend.Heal()
		h.topics.fail(errSecret)
		h.pass(time.Minute)
		later()
		h.topics.fail(nil)
		require.NoError(t, h.administer(t, func(ctx context.Context, c identity.Caller) error {
			_, err := h.admin.CloseTopic(ctx, c, nas.InternalTopic(cardChanged))
			return err
		}))
		later()
	})
}
