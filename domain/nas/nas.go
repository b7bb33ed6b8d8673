// Package nas holds the notifications (advis) of the national notification service.
package nas

import "errors"

// Simple is the dialect of topic expressions.
const Simple = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple"

// Notification tells subscribers of a topic that something changed for somebody.
type Notification struct {
	Topic   string // <uri>:<localname>, compared octet by octet
	ID      string // whom it is about, "" = nobody
	IDType  string
	System  bool   // isSystemNotification
	Payload []byte // one XML element
}

// ErrRefused: a notification will never be taken, however often it is sent.
var ErrRefused = errors.New("notification refused")
