package nas

import (
	"errors"
	"time"

	"github.com/opennsp/nsp/domain/fault"
)

// Fault is the local name of the fault of WS-BaseNotification 1.3, or of WS-Resource (ResourceUnknown), that tells of an Error.
type Fault string

// The faults that are raised.
const (
	ResourceUnknown                    Fault = "ResourceUnknownFault"
	NotifyFailed                       Fault = "NotifyFailedFault"
	InvalidTopicExpression             Fault = "InvalidTopicExpressionFault"
	TopicExpressionDialectUnknown      Fault = "TopicExpressionDialectUnknownFault"
	TopicNotSupported                  Fault = "TopicNotSupportedFault"
	SubscribeCreationFailed            Fault = "SubscribeCreationFailedFault"
	InvalidFilter                      Fault = "InvalidFilterFault"
	InvalidProducerProperties          Fault = "InvalidProducerPropertiesExpressionFault"
	InvalidMessageContent              Fault = "InvalidMessageContentExpressionFault"
	UnrecognizedPolicyRequest          Fault = "UnrecognizedPolicyRequestFault"
	UnsupportedPolicyRequest           Fault = "UnsupportedPolicyRequestFault"
	UnacceptableInitialTerminationTime Fault = "UnacceptableInitialTerminationTimeFault"
	UnableToGetMessages                Fault = "UnableToGetMessagesFault"
	UnableToCreatePullPoint            Fault = "UnableToCreatePullPointFault"
	UnableToDestroySubscription        Fault = "UnableToDestroySubscriptionFault"
	UnableToDestroyPullPoint           Fault = "UnableToDestroyPullPointFault"
)

// Error is a failure with the parts of its fault. It wraps Err, which is what other interfaces tell.
type Error struct {
	Fault       Fault
	Err         fault.Error
	Names       []Name    // of UnknownFilter, UnrecognizedPolicy, UnsupportedPolicy
	Minimum     time.Time // of UnacceptableInitialTerminationTime
	Maximum     time.Time // zero = none
	Undelivered []Undelivered
	Cause       error // for the log; nil = the caller's doing
}

// Undelivered tells why a notification of a request was not delivered.
type Undelivered struct {
	Position int    // from 1
	Code     string // such as topic_unknown
}

// Error tells Err and the cause.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Err.Error()
	}
	return e.Err.Error() + ": " + e.Cause.Error()
}

// Unwrap returns Err and the cause.
func (e *Error) Unwrap() []error { return []error{e.Err, e.Cause} }

// What the stores and the log of the notification service tell.
var (
	ErrNoTopic = errors.New("no such topic")
	ErrUnknown = errors.New("no such pull point or subscription")
	ErrTooMany = errors.New("too many of one owner or pull point")
	ErrMoved   = errors.New("another call moved the cursors")
	ErrTaken   = errors.New("the internal topic belongs to another topic")
)
