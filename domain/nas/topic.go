package nas

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
)

// ParseTopic reads the name of a topic, white space of XML around it cut off (NAS-1, NAS-2). The error is an *Error, InvalidTopicExpression.
func ParseTopic(text string) (TopicName, error) {
	name := trim(text)
	if name == "" || long(name, MaxTopic) || strings.ContainsFunc(name, blank) || !utf8.ValidString(name) {
		return "", &Error{Fault: InvalidTopicExpression, Err: fault.Error{Kind: fault.Invalid, Code: CodeInvalidTopic,
			Text: "the topic is not a text of 1 to 500 characters without white space"}}
	}
	return TopicName(name), nil
}

// ParseTopicIn reads the name of a topic in the dialect given, "" = Simple (NAS-3). The error is an *Error, InvalidTopicExpression or
// TopicExpressionDialectUnknown.
func ParseTopicIn(dialect, text string) (TopicName, error) {
	if d := trim(dialect); d != "" && d != Simple {
		return "", &Error{Fault: TopicExpressionDialectUnknown, Err: fault.Error{Kind: fault.Invalid, Code: CodeTopicDialectUnknown,
			Text: "only simple topic expressions are taken"}}
	}
	return ParseTopic(text)
}

// Open tells whether the topic takes notifications and new subscriptions (NAS-4).
func (t Topic) Open() bool { return t.State == Ready && t.Active }

// maxInternal is how long Kafka lets the name of a topic be.
const maxInternal = 249

// InternalTopic returns the topic of the log for a topic that was given none (NAS-5): "nas.", the local name with "-" for what the log does not
// take, cut to fit, ".", and the first 8 hexadecimal digits of SHA-256 of the whole name.
func InternalTopic(name TopicName) messagelog.Topic {
	local := string(name[strings.LastIndexByte(string(name), ':')+1:])
	local = strings.Map(func(r rune) rune {
		if internal(r) {
			return r
		}
		return '-'
	}, local)
	sum := sha256.Sum256([]byte(name))
	end := "." + hex.EncodeToString(sum[:4])
	return messagelog.Topic("nas." + local[:min(len(local), maxInternal-len("nas.")-len(end))] + end)
}

// ErrInternal: the log cannot have a topic of that name.
var ErrInternal error = fault.Error{Kind: fault.Invalid, Code: "invalid_internal_topic",
	Text: "an internal topic is 1 to 249 letters of A-Z and a-z, digits, dots, hyphens and underscores; not . or .., and not __ first"}

// CheckInternal returns ErrInternal for a name that the log does not take (NAS-5), whosever it is.
func CheckInternal(t messagelog.Topic) error {
	s := string(t)
	switch {
	case s == "", s == ".", s == "..", len(s) > maxInternal, strings.HasPrefix(s, "__"),
		strings.ContainsFunc(s, func(r rune) bool { return !internal(r) }):
		return ErrInternal
	}
	return nil
}

func internal(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-'
}
