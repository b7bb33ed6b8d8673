package nas

import (
	"fmt"
	"strings"

	"github.com/opennsp/nsp/domain/fault"
)

// Why a notification of a request was not delivered, beside the codes of a Refusal.
const (
	TopicDialect    = "topic_dialect"
	TopicClosed     = "topic_closed"
	TopicNotAllowed = "topic_not_allowed"
	LogUnavailable  = "log_unavailable"
	OutcomeUnknown  = "outcome_unknown"
	RolledBack      = "rolled_back" // it has no fault of its own
)

// The codes of faults that are no Undelivered's. TopicUnknown and TopicClosed are codes of TopicNotSupported too.
const (
	CodeResourceUnknown         = "resource_unknown"
	CodeNotifyFailed            = "notify_failed"
	CodeInvalidFilter           = "invalid_filter"
	CodeTopicDialectUnknown     = "topic_dialect_unknown"
	CodeInvalidTopic            = "invalid_topic_expression"
	CodeInvalidProducer         = "invalid_producer_properties"
	CodeInvalidContent          = "invalid_message_content"
	CodeDialect                 = "dialect"
	CodeIDListUnknown           = "id_list_unknown"
	CodeXPath                   = "xpath"
	CodeUnrecognizedPolicy      = "unrecognized_policy"
	CodeUnsupportedPolicy       = "unsupported_policy"
	CodeUnacceptableTermination = "unacceptable_termination_time"
	CodeTopicAccess             = "topic_access"
	CodePullPointUnknown        = "pull_point_unknown"
	CodePushNotOffered          = "push_not_offered"
	CodeTooManySubscriptions    = "too_many_subscriptions"
	CodeTooManyPullPoints       = "too_many_pull_points"
	CodePartitionsLost          = "partitions_lost"
	CodeLogStalled              = "log_stalled"
	CodeResendExpired           = "resend_expired"
	CodeConcurrentFetch         = "concurrent_fetch"
	CodeUnavailable             = "unavailable"
)

// MaxMessageID bounds the message id of a call, in characters.
const MaxMessageID = 256

// Text tells what the code means.
func (u Undelivered) Text() string {
	switch u.Code {
	case TopicMissing:
		return "the notification has no topic"
	case TopicDialect:
		return "the dialect of the topic is not known"
	case TopicUnknown:
		return "the topic is not known"
	case TopicClosed:
		return "the topic is closed"
	case TopicNotAllowed:
		return "the publisher may not use the topic"
	case ContentInvalid:
		return "the message is not an advis:NotifyContent in its form"
	case TooLarge:
		return "the message is too large"
	case LogUnavailable:
		return "the notification could not be stored, try again"
	case OutcomeUnknown:
		return "whether the notification was stored is not known"
	case RolledBack:
		return "another notification of the request failed"
	}
	return "the notification was refused"
}

// NotDelivered is the failure of a whole request, with one code per notification of it in order; "" = nothing is wrong with that one, it is
// rolled back. Where topics are wrong and nothing else it is InvalidTopicExpression, else NotifyFailed. cause is for the log.
func NotDelivered(codes []string, cause error) *Error {
	e := &Error{Undelivered: make([]Undelivered, len(codes)), Cause: cause}
	var own, topics, large, log int
	for i, code := range codes {
		switch {
		case code == "" || code == RolledBack:
			code = RolledBack
			own--
		case strings.HasPrefix(code, "topic_"):
			topics++
		case code == TooLarge:
			large++
		case code == LogUnavailable || code == OutcomeUnknown:
			log++
		}
		own++
		e.Undelivered[i] = Undelivered{Position: i + 1, Code: code}
	}
	e.Fault, e.Err.Code, e.Err.Kind = NotifyFailed, CodeNotifyFailed, fault.Invalid
	switch {
	case log > 0:
		e.Err.Kind = fault.Unavailable
	case large > 0 && large == own:
		e.Err.Kind = fault.TooLarge
	case topics > 0 && topics == own:
		e.Fault, e.Err.Code = InvalidTopicExpression, CodeInvalidTopic
	}
	e.Err.Text = fmt.Sprintf("0 of %d notifications were delivered", len(codes))
	return e
}
