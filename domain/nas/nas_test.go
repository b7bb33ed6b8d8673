package nas_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/nas"
)

func TestChecked(t *testing.T) {
	good := nas.Notification{Topic: "http://sundhedsdatastyrelsen.dk/eCPR/2020/01/01:PersonIdentifierModification", ID: "1308781QT7",
		IDType: "urn:oid:1.2.208.176.1.6.1.1", Payload: []byte("<PersonIdentifierModification/>")}
	with := func(change func(*nas.Notification)) nas.Notification {
		n := good
		change(&n)
		return n
	}
	for _, c := range []struct {
		name string
		n    nas.Notification
		code string // "" = taken
	}{
		{"whole", good, ""},
		{"about nobody", with(func(n *nas.Notification) { n.ID, n.IDType, n.System = "", "", true }), ""},
		{"a topic that is no name of XML", with(func(n *nas.Notification) { n.Topic = "ørn" }), ""},
		{"the longest", with(func(n *nas.Notification) {
			n.Topic, n.ID, n.IDType = strings.Repeat("ø", nas.MaxTopic), strings.Repeat("ø", nas.MaxID), strings.Repeat("ø", nas.MaxIDType)
			n.Payload = []byte(strings.Repeat("x", nas.MaxPayload))
		}), ""},
		{"no topic", with(func(n *nas.Notification) { n.Topic = " \r\n\t" }), nas.TopicMissing},
		{"a long topic", with(func(n *nas.Notification) { n.Topic = strings.Repeat("x", nas.MaxTopic+1) }), nas.TopicUnknown},
		{"a topic in two parts", with(func(n *nas.Notification) { n.Topic = "a b" }), nas.TopicUnknown},
		{"a control character in the topic", with(func(n *nas.Notification) { n.Topic = "a\x00b" }), nas.TopicUnknown},
		{"a topic that is no text", with(func(n *nas.Notification) { n.Topic = "a\xff" }), nas.TopicUnknown},
		{"a long id", with(func(n *nas.Notification) { n.ID = strings.Repeat("x", nas.MaxID+1) }), nas.ContentInvalid},
		{"a long type of id", with(func(n *nas.Notification) { n.IDType = strings.Repeat("x", nas.MaxIDType+1) }), nas.ContentInvalid},
		{"an id that XML cannot hold", with(func(n *nas.Notification) { n.ID = "a\x01" }), nas.ContentInvalid},
		{"no content", with(func(n *nas.Notification) { n.Payload = nil }), nas.ContentInvalid},
		{"content that is no text", with(func(n *nas.Notification) { n.Payload = []byte("<a>\xff</a>") }), nas.ContentInvalid},
		{"too much content", with(func(n *nas.Notification) { n.Payload = make([]byte, nas.MaxPayload+1) }), nas.TooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.n.Checked()
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, nas.ErrRefused)
			assert.Equal(t, c.code, nas.RefusalCode(fmt.Errorf("notify: %w", err)))
		})
	}

	t.Run("texts are trimmed of the white space of XML, and of no other", func(t *testing.T) {
		got, err := with(func(n *nas.Notification) { n.Topic, n.ID, n.IDType = "\n t:x\t", " 1 ", "\r\nu\u00a0" }).Checked()
		require.NoError(t, err)
		assert.Equal(t, [3]string{"t:x", "1", "u\u00a0"}, [3]string{got.Topic, got.ID, got.IDType})
	})

	t.Run("a refusal without a code has one", func(t *testing.T) {
		assert.Equal(t, "refused", nas.RefusalCode(nas.ErrRefused))
	})
}
