// Package notice holds what leaves the database by the outbox.
package notice

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
)

// Target is whom a notice is for.
type Target string

// The targets.
const (
	NAS    Target = "nas"
	MinLog Target = "minlog"
)

// Notice is one message that must be delivered, at least once and, of those to its target, in the order of its key.
type Notice struct {
	ID       string // a UUID; a target that gets a notice again knows it by this
	Key      string // notices of one key to one target are delivered in order; no personal number
	To       Target
	Advis    nas.Notification // of NAS
	Entry    minlog.Entry     // of MinLog
	Created  time.Time
	Attempts int // deliveries that failed since it was put or retried; the outbox counts them
}

// Parked is a notice that its target refused for good.
type Parked struct {
	Notice
	Code string
}

// What is wrong with a notice.
var (
	ErrTarget          = errors.New("notice for an unknown target")
	ErrForm            = errors.New("notice in an unknown form")
	ErrNotParked error = fault.Error{Kind: fault.NotFound, Code: "no_such_notice", Text: "No notice with this id is parked."}
)

// Payload returns what the target gets as JSON, in which a store keeps it. Times are cut to microseconds. ErrTarget if the target is unknown.
func (n *Notice) Payload() (string, error) {
	var content any
	switch n.To {
	case NAS:
		content = advis{n.Advis.Topic, n.Advis.ID, n.Advis.IDType, n.Advis.System, n.Advis.Payload}
	case MinLog:
		entry := n.Entry
		entry.From, entry.To = cut(entry.From), cut(entry.To)
		content = entry
	default:
		return "", ErrTarget
	}
	doc, err := json.Marshal(content)
	return string(doc), err
}

// SetPayload sets what the target gets from what Payload returned; ErrForm if that cannot be read, which tells nothing of it.
func (n *Notice) SetPayload(doc string) (err error) {
	switch n.To {
	case NAS:
		var a advis
		err = json.Unmarshal([]byte(doc), &a)
		n.Advis = nas.Notification{Topic: a.Topic, ID: a.ID, IDType: a.IDType, System: a.System, Payload: a.Payload}
	case MinLog:
		n.Entry, err = minlog.DecodeEntry(doc)
	default:
		return ErrTarget
	}
	if err != nil {
		return ErrForm
	}
	return nil
}

// advis is the stored form of a notification.
type advis struct {
	Topic   string `json:"topic"`
	ID      string `json:"id,omitempty"`
	IDType  string `json:"idType,omitempty"`
	System  bool   `json:"system,omitempty"`
	Payload []byte `json:"payload"` // base64: not an octet of it changes
}

func cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// FirstWait is how long a notice waits after its first delivery that failed.
const FirstWait = time.Second

// Wait returns how long a notice waits after so many deliveries that failed, at least one: twice as long each time, at most limit.
func Wait(failures int, limit time.Duration) time.Duration {
	wait := min(FirstWait, limit)
	for ; failures > 1 && wait < limit; failures-- {
		wait = min(2*wait, limit)
	}
	return wait
}
