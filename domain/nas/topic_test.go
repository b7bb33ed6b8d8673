package nas_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

// told returns the *nas.Error that err is.
func told(t require.TestingT, err error) *nas.Error {
	e, ok := errors.AsType[*nas.Error](err)
	require.True(t, ok, "got %v, want a *nas.Error", err)
	return e
}

const cardChanged = "http://example.dk/advis/2024/01/01:CardChanged"

func TestParseTopic(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       nas.TopicName // "" = refused
	}{
		{"as it is", cardChanged, cardChanged},
		{"T8 white space of XML around it is cut off", "\r\n\t " + cardChanged + "\n", cardChanged},
		{"T8 a blank within", "http://example.dk/advis:Card Changed", ""},
		{"no URI", "TOPIC-1", "TOPIC-1"},
		{"the longest, in characters", strings.Repeat("ø", nas.MaxTopic), nas.TopicName(strings.Repeat("ø", nas.MaxTopic))},
		{"a character too many", strings.Repeat("ø", nas.MaxTopic) + "x", ""},
		{"nothing", "", ""},
		{"nothing but white space", " \n", ""},
		{"a line within", "a\nb", ""},
		{"a space of another kind within", "a\u00a0b", ""},
		{"a space of another kind around it is not cut off", "\u00a0a", ""},
		{"a control character", "a\x00", ""},
		{"no UTF-8", "a\xff", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := nas.ParseTopic(c.text)
			assert.Equal(t, c.want, got)
			if c.want != "" {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, nas.InvalidTopicExpression, told(t, err).Fault)
			assert.True(t, fault.Is(err, fault.Invalid))
		})
	}
	t.Run("names are opaque: letter case and a prefix make another", func(t *testing.T) {
		a, err := nas.ParseTopic("http://Example.dk:x")
		require.NoError(t, err)
		b, err := nas.ParseTopic("http://example.dk:x")
		require.NoError(t, err)
		assert.NotEqual(t, a, b)
	})
}

func TestDialectOfTopics(t *testing.T) {
	for _, taken := range []string{"", nas.Simple, "\n" + nas.Simple + " "} {
		got, err := nas.ParseTopicIn(taken, cardChanged)
		require.NoError(t, err)
		assert.EqualValues(t, cardChanged, got)
	}
	const dialects = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/"
	for _, refused := range []string{dialects + "Concrete", dialects + "Full", "nonsense", strings.ToLower(nas.Simple)} {
		_, err := nas.ParseTopicIn(refused, cardChanged)
		assert.Equal(t, nas.TopicExpressionDialectUnknown, told(t, err).Fault, refused)
	}
}

func TestOpen(t *testing.T) {
	assert.True(t, nas.Topic{State: nas.Ready, Active: true}.Open())
	for name, shut := range map[string]nas.Topic{
		"T12 closed": {State: nas.Ready}, "being made": {Active: true}, "being deleted": {State: nas.Deleting, Active: true}, "none": {},
	} {
		t.Run(name, func(t *testing.T) { assert.False(t, shut.Open()) })
	}
}

func TestInternalTopic(t *testing.T) {
	for name, want := range map[nas.TopicName]messagelog.Topic{ // the digits are those of sha256sum
		cardChanged:         "nas.CardChanged.f3b57d7c",
		"TOPIC-1":           "nas.TOPIC-1.b88c83d0",
		"a:Ændring/æ.b_c-d": "nas.-ndring--.b_c-d.d8906e31",
		"a:":                "nas..bfc622d4",
	} {
		got := nas.InternalTopic(name)
		assert.Equal(t, want, got, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		// No two topics of one local name share an internal one, and each fits into the log.
		local := rapid.StringMatching(`[^:]{0,300}`).Draw(t, "local name")
		a, b := nas.InternalTopic(nas.TopicName("urn:a:"+local)), nas.InternalTopic(nas.TopicName("urn:b:"+local))
		require.NoError(t, nas.CheckInternal(a), a)
		require.NotEqual(t, a, b)
	})
}

func TestCheckInternal(t *testing.T) {
	for _, good := range []messagelog.Topic{"a", "_a", "nas.CardChanged.f3b57d7c", "...", "A_b-9", messagelog.Topic(strings.Repeat("x", 249))} {
		assert.NoError(t, nas.CheckInternal(good), good)
	}
	for _, bad := range []messagelog.Topic{"", ".", "..", "__consumer_offsets", "__", "a b", "a/b", "ø", "a\n", messagelog.Topic(strings.Repeat("x", 250))} {
		assert.ErrorIs(t, nas.CheckInternal(bad), nas.ErrInternal, bad)
	}
}
