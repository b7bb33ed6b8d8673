package nas_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
)

func TestNotDelivered(t *testing.T) {
	for _, c := range []struct {
		name  string
		codes []string
		fault nas.Fault
		kind  fault.Kind
		want  []string
	}{
		{
			"T13 valid, unknown topic, not NotifyContent", []string{"", nas.TopicUnknown, nas.ContentInvalid}, nas.NotifyFailed, fault.Invalid,
			[]string{nas.RolledBack, nas.TopicUnknown, nas.ContentInvalid},
		},
		{"T11 an unknown topic at Notify", []string{nas.TopicUnknown}, nas.InvalidTopicExpression, fault.Invalid, []string{nas.TopicUnknown}},
		{
			"T11 topics of every kind wrong, and one good", []string{nas.TopicMissing, nas.TopicDialect, nas.TopicUnknown, nas.TopicClosed, nas.TopicNotAllowed, ""},
			nas.InvalidTopicExpression, fault.Invalid,
			[]string{nas.TopicMissing, nas.TopicDialect, nas.TopicUnknown, nas.TopicClosed, nas.TopicNotAllowed, nas.RolledBack},
		},
		{
			"T14 the log fails", []string{nas.LogUnavailable, nas.LogUnavailable, nas.LogUnavailable}, nas.NotifyFailed, fault.Unavailable,
			[]string{nas.LogUnavailable, nas.LogUnavailable, nas.LogUnavailable},
		},
		{"the outcome is not known", []string{nas.OutcomeUnknown}, nas.NotifyFailed, fault.Unavailable, []string{nas.OutcomeUnknown}},
		{"T17 NotifyContent with two children", []string{nas.ContentInvalid}, nas.NotifyFailed, fault.Invalid, []string{nas.ContentInvalid}},
		{"T17 too large", []string{"", nas.TooLarge}, nas.NotifyFailed, fault.TooLarge, []string{nas.RolledBack, nas.TooLarge}},
		{
			"too large, and another fault", []string{nas.TopicUnknown, nas.TooLarge}, nas.NotifyFailed, fault.Invalid,
			[]string{nas.TopicUnknown, nas.TooLarge},
		},
		{
			"a topic is wrong, and the log fails", []string{nas.TopicUnknown, nas.LogUnavailable}, nas.NotifyFailed, fault.Unavailable,
			[]string{nas.TopicUnknown, nas.LogUnavailable},
		},
		{"nothing has a fault of its own", []string{"", nas.RolledBack}, nas.NotifyFailed, fault.Invalid, []string{nas.RolledBack, nas.RolledBack}},
		{"no notifications", nil, nas.NotifyFailed, fault.Invalid, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cause := errors.New("of ours")
			e := nas.NotDelivered(c.codes, cause)
			assert.Equal(t, c.fault, e.Fault)
			assert.Equal(t, c.kind, e.Err.Kind)
			got := []string{}
			for i, u := range e.Undelivered {
				assert.Equal(t, i+1, u.Position)
				got = append(got, u.Code)
			}
			assert.Equal(t, c.want, got)
			require.ErrorIs(t, e, cause)
			assert.True(t, fault.Is(e, c.kind))
		})
	}
	t.Run("the text counts them", func(t *testing.T) {
		assert.Equal(t, "0 of 2 notifications were delivered", nas.NotDelivered([]string{"", nas.TopicUnknown}, nil).Err.Text)
	})
	t.Run("it is the topics' fault exactly when every own fault is", func(t *testing.T) {
		code := rapid.SampledFrom([]string{"", nas.TopicUnknown, nas.TopicClosed, nas.ContentInvalid, nas.TooLarge, nas.LogUnavailable})
		rapid.Check(t, func(t *rapid.T) {
			codes := rapid.SliceOf(code).Draw(t, "codes")
			topics, others := 0, 0
			for _, c := range codes {
				switch c {
				case "":
				case nas.TopicUnknown, nas.TopicClosed:
					topics++
				default:
					others++
				}
			}
			e := nas.NotDelivered(codes, nil)
			require.Equal(t, topics > 0 && others == 0, e.Fault == nas.InvalidTopicExpression)
			require.Equal(t, e.Fault == nas.InvalidTopicExpression, e.Err.Code == nas.CodeInvalidTopic)
			require.Len(t, e.Undelivered, len(codes))
		})
	})
}

func TestTextsOfUndelivered(t *testing.T) {
	assert.Equal(t, "another notification of the request failed", nas.Undelivered{Code: nas.RolledBack}.Text())
	assert.Equal(t, "the topic is not known", nas.Undelivered{Code: nas.TopicUnknown}.Text())
	seen := map[string]string{nas.Undelivered{Code: "else"}.Text(): "else"}
	for _, code := range []string{
		nas.TopicMissing, nas.TopicDialect, nas.TopicUnknown, nas.TopicClosed, nas.TopicNotAllowed, nas.ContentInvalid, nas.TooLarge, nas.LogUnavailable,
		nas.OutcomeUnknown, nas.RolledBack,
	} {
		text := nas.Undelivered{Code: code}.Text()
		assert.Empty(t, seen[text], "%s has a text of its own", code)
		seen[text] = code
	}
}

func TestErrorTellsItsCauseToTheLogAlone(t *testing.T) {
	cause := errors.New("connection refused")
	e := &nas.Error{Fault: nas.UnableToGetMessages, Err: fault.Error{Kind: fault.Unavailable, Code: nas.CodeUnavailable, Text: "try again"}, Cause: cause}
	assert.Equal(t, "unavailable: try again: connection refused", e.Error())
	require.ErrorIs(t, e, cause)
	told, _ := fault.Of(e)
	assert.NotContains(t, told.Text, "refused")
	e.Cause = nil
	assert.Equal(t, "unavailable: try again", e.Error())
}
