package nas

import (
	"time"

	"github.com/opennsp/nsp/domain/messagelog"
)

// TopicName is the name by which publishers and subscribers know a topic: an opaque text <uri>:<localname>, compared octet by octet (NAS-1).
type TopicName string

// TopicState is how far a topic is made, or taken away. The zero TopicState is Creating.
type TopicState uint8

// The states of a topic.
const (
	Creating TopicState = iota
	Ready
	Deleting
)

// Topic maps a name to the topic of the message log, and says who may read it. The zero Topic is none.
type Topic struct {
	Name      TopicName
	Log       messagelog.Topic // the internal topic: no two topics share one
	State     TopicState
	Active    bool      // it takes notifications and new subscriptions
	ClosedAt  time.Time // zero while it is open
	Spec      messagelog.Spec
	Access    []Access // by identifier; none = nobody
	CreatedAt time.Time
	CreatedBy string // of the administrator: kind and organisation, never a person
}

// Access lets whom the identifier names (NAS-6) read a topic.
type Access struct {
	Identifier string
	Comment    string
	CreatedAt  time.Time
}

// Owner has pull points, subscriptions and id lists: a system of an organisation, as its ID card names them (NAS-7).
type Owner struct{ CVR, System string }

// PullPointID is a UUID in lower case.
type PullPointID string

// SubscriptionID is a UUID in lower case.
type SubscriptionID string

// PullPoint is where an owner fetches what its subscriptions select.
type PullPoint struct {
	ID            PullPointID
	Owner         Owner
	CreatedAt     time.Time
	LastSeen      time.Time      // of the owner, at most an hour before it was really; zero = never
	Subscriptions []Subscription // active ones, oldest first (CreatedAt, then ID)
}

// Subscription selects notifications of a topic. It is active in [CreatedAt, Expires).
type Subscription struct {
	ID        SubscriptionID
	PullPoint PullPointID
	Owner     Owner
	Topic     TopicName
	Log       messagelog.Topic
	Filter    Filter
	CreatedAt time.Time
	Expires   time.Time // zero = it does not end
	Cursor    Cursor    // the newest
}

// Cursor is how far a subscription was read, and what was delivered then. Cursors are only inserted; the one with the highest Seq counts
// (NAS-38).
type Cursor struct {
	Subscription SubscriptionID
	PullPoint    PullPointID
	Seq          int64  // 0 = made by Subscribe
	MessageID    string // of the call that it answers; "" = none, which no call repeats
	Offsets      Offsets
	Count        int // of messages delivered
	Delivered    Ranges
	CreatedAt    time.Time
}

// Filter selects notifications of a topic: what it names is all required. The zero Filter selects everything.
type Filter struct {
	IDs   []SingleID `json:"ids,omitempty"`  // one of them; with none, no restriction
	List  string     `json:"list,omitempty"` // name of an id list of the owner; "" = no restriction
	XPath *XPath     `json:"xpath,omitempty"`
}

// SingleID is whom a notification is about.
type SingleID struct {
	ID     string `json:"id"`
	IDType string `json:"idType"`
}

// XPath is an expression of XPath 1.0 with the namespaces of its prefixes.
type XPath struct {
	Expression string            `json:"expression"`
	Namespaces map[string]string `json:"namespaces,omitempty"`
}

// IDList is a list of ids that an owner selects by.
type IDList struct {
	Owner       Owner
	Name        string
	Description string
	IDType      string
	IDs         []string // no two are equal
}

// FilterRequest is the filter of a Subscribe as it was written (NAS-20 to NAS-26): nothing in it is judged.
type FilterRequest struct {
	Topics             []TopicExpression
	Content            []MessageContent
	ProducerProperties bool
	Unknown            []Name // of elements that a filter does not have
}

// TopicExpression is a topic as it was written.
type TopicExpression struct {
	Dialect string // "" = Simple
	Text    string
	Mixed   bool // it has child elements
}

// MessageContent is a filter of contents as it was written.
type MessageContent struct {
	Dialect string
	Filter  *IDFilter // nil: it holds something else than one advis:IDFilter
}

// IDFilter is an advis:IDFilter as it was written.
type IDFilter struct {
	Lists  []string // names
	IDs    []SingleID
	XPaths []XPathFilter
	Other  bool // it holds something else, or one of them is not as the schema has it
}

// XPathFilter is an advis:XPathFilter as it was written, with the prefixes in scope.
type XPathFilter struct {
	Version string
	XPath
}

// Name is the expanded name of an element.
type Name struct{ Space, Local string }

// Record is a notification as the message log keeps it (NAS-14).
type Record struct {
	Head
	Content []byte // advis:NotifyContent with every namespace declared that is in scope
}

// Head is what of a record all filters but XPath look at.
type Head struct {
	Topic     TopicName
	ID        string
	IDType    string
	System    bool
	Producer  []byte    // wsnt:ProducerReference with every namespace declared that is in scope; nil = none
	Published time.Time // milliseconds, UTC
	Request   string    // id of the call that published it
	Position  int       // in the request, from 1
}
