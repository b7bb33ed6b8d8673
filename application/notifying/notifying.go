// Package notifying is the use cases of the national notification service (NAS2): publishers hand in notifications, all or nothing; subscribers
// fetch them from pull points at their own pace; administrators make topics and say who may read them.
package notifying

import (
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/nas"
)

// Message is one notification as a publisher hands it in.
type Message struct {
	Topic    string // as written; "" = missing
	Dialect  string // of the topic; "" = Simple
	ID       string
	IDType   string
	System   bool
	Content  []byte // advis:NotifyContent with every namespace declared that is in scope; nil = it is none, or not in its form
	Producer []byte // wsnt:ProducerReference, likewise; nil = none
}

// Subscribing is what a subscriber asks for.
type Subscribing struct {
	Consumer    string // address of the pull point
	Filter      nas.FilterRequest
	Termination string     // dateTime or duration; "" = none
	Policies    []nas.Name // children of SubscriptionPolicy
}

// Subscribed is the subscription that was made.
type Subscribed struct {
	ID      nas.SubscriptionID
	Now     time.Time
	Expires time.Time // zero = it does not end
}

// NoQuota asks for as many messages as the server gives by default.
const NoQuota = -1

// Delivery is one message for a subscription.
type Delivery struct {
	Subscription nas.SubscriptionID
	nas.Record
}

// Fetched is what a pull point gives.
type Fetched struct {
	Messages []Delivery
	More     bool // some position is below its end
	Replay   bool // the answer of an earlier call was given again
}

// several is a list of the audit log: none of it is cut off, as a long value would be.
func several(key audit.Key, values []string) audit.Information {
	info := key.Is("")
	info.List = values
	return info
}
