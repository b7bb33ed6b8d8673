// Package nas holds the notifications (advis) of the national notification service.
package nas

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Simple is the dialect of topic expressions.
const Simple = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple"

// The sizes of a notification: NAS-2 and NAS-11 in characters, NAS-13 in octets.
const (
	MaxTopic   = 500
	MaxID      = 200
	MaxIDType  = 500
	MaxPayload = 950_000
)

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

// Why a notification is not taken.
const (
	TopicMissing   = "topic_missing"
	TopicUnknown   = "topic_unknown"
	ContentInvalid = "content_invalid"
	TooLarge       = "too_large"
)

// Refusal is an ErrRefused with the code that tells why.
type Refusal struct{ Code string }

// Error tells the code.
func (r Refusal) Error() string { return ErrRefused.Error() + ": " + r.Code }

// Unwrap returns ErrRefused.
func (Refusal) Unwrap() error { return ErrRefused }

// RefusalCode returns the code of a refusal, "refused" of one that has none.
func RefusalCode(err error) string {
	if r, ok := errors.AsType[Refusal](err); ok {
		return r.Code
	}
	return "refused"
}

// Checked returns n with its texts trimmed, or the Refusal of what can never be taken, whatever topics there are: NAS-1, 2, 10, 11 and 13. What
// the payload holds is not looked at.
func (n Notification) Checked() (Notification, error) {
	n.Topic, n.ID, n.IDType = trim(n.Topic), trim(n.ID), trim(n.IDType)
	switch {
	case n.Topic == "":
		return n, Refusal{TopicMissing}
	case long(n.Topic, MaxTopic) || strings.ContainsFunc(n.Topic, blank) || !utf8.ValidString(n.Topic):
		return n, Refusal{TopicUnknown} // no topic can have that name
	case len(n.Payload) > MaxPayload:
		return n, Refusal{TooLarge}
	case len(n.Payload) == 0 || !utf8.Valid(n.Payload):
		return n, Refusal{ContentInvalid}
	case long(n.ID, MaxID) || long(n.IDType, MaxIDType) || !text(n.ID) || !text(n.IDType):
		return n, Refusal{ContentInvalid}
	}
	return n, nil
}

// trim cuts off the white space of XML.
func trim(s string) string { return strings.Trim(s, " \t\r\n") }

func long(s string, limit int) bool { return len(s) > limit && utf8.RuneCountInString(s) > limit }

func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// text tells whether XML can hold s in an attribute as it is.
func text(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }
