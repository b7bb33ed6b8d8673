package ports

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/nas"
)

// TopicStore keeps which topics there are and who may read them. It is safe for concurrent use, also by several processes. Times are cut to
// microseconds; returned memory is the caller's.
type TopicStore interface {
	// Topic returns a topic with its access, by identifier; nas.ErrNoTopic.
	Topic(ctx context.Context, name nas.TopicName) (nas.Topic, error)
	// Topics returns all topics, ordered by name octet by octet.
	Topics(ctx context.Context) ([]nas.Topic, error)
	// UpdateTopic stores what edit makes of the topic (zero if there is none), in the unit of work in ctx or in a transaction of its own. No other
	// UpdateTopic of the name happens in between. A zero result deletes it. edit may run more than once; if it fails nothing changes and
	// UpdateTopic returns its error. nas.ErrTaken if another topic has the internal topic.
	UpdateTopic(ctx context.Context, name nas.TopicName, edit func(nas.Topic) (nas.Topic, error)) error
}

// PullPointStore keeps pull points, subscriptions and their cursors. It is safe for concurrent use, also by several processes. Each write joins
// the unit of work in ctx or is a transaction of its own. Times are cut to microseconds; returned memory is the caller's.
type PullPointStore interface {
	// CreatePullPoint keeps a new one; nas.ErrTooMany if its owner has max live ones already.
	CreatePullPoint(ctx context.Context, p nas.PullPoint, max int) error
	// PullPoint returns a live one with the subscriptions that are active at now, oldest first, each with its newest cursor, in one reading of the
	// database; nas.ErrUnknown.
	PullPoint(ctx context.Context, id nas.PullPointID, now time.Time) (nas.PullPoint, error)
	// Visit is PullPoint, and tells in the same reading whether Answer has something for the call messageID.
	Visit(ctx context.Context, id nas.PullPointID, now time.Time, messageID string) (p nas.PullPoint, answered bool, err error)
	// PullPoints returns the live ones of an owner, oldest first, as PullPoint does; LivePullPoints at most n of all owners with an id after
	// the id given, by id.
	PullPoints(ctx context.Context, o nas.Owner, now time.Time) ([]nas.PullPoint, error)
	LivePullPoints(ctx context.Context, after nas.PullPointID, n int, now time.Time) ([]nas.PullPoint, error)
	// Seen keeps that the owner was seen. It does nothing to one that is not live.
	Seen(ctx context.Context, id nas.PullPointID, at time.Time) error
	// Subscribe keeps a subscription and its first cursor, both or neither. nas.ErrUnknown if the pull point is not live, nas.ErrNoTopic if there
	// is no such topic, nas.ErrTooMany if the pull point has max subscriptions that are active at s.CreatedAt.
	Subscribe(ctx context.Context, s nas.Subscription, first nas.Cursor, max int) error
	// Subscription returns one that is active at now, with its newest cursor; nas.ErrUnknown.
	Subscription(ctx context.Context, id nas.SubscriptionID, now time.Time) (nas.Subscription, error)
	// EndSubscription ends one; nas.ErrUnknown if it was not active at that time. EndPullPoint ends one with its subscriptions; nas.ErrUnknown if it
	// was not live. EndTopic ends the subscriptions of a topic, and returns how many.
	EndSubscription(ctx context.Context, id nas.SubscriptionID, at time.Time) error
	EndPullPoint(ctx context.Context, id nas.PullPointID, at time.Time) error
	EndTopic(ctx context.Context, name nas.TopicName, at time.Time) (int, error)
	// Advance inserts all cursors or none; nas.ErrMoved if a (subscription, Seq) or a (subscription, MessageID) is taken, or the pull point or a
	// subscription was ended meanwhile. Cursors are never altered.
	Advance(ctx context.Context, rows []nas.Cursor) error
	// Answer returns the cursors with which the call messageID was answered at a live pull point, by subscription in the order of PullPoint,
	// subscriptions that ended since left out; none if there was no such call, or messageID is "".
	Answer(ctx context.Context, id nas.PullPointID, messageID string) ([]nas.Cursor, error)
	// Expire ends at most n subscriptions that expired at or before now; Idle returns at most n live pull points that were made and last seen before
	// an instant. Prune deletes at most n cursors that were made before an instant and are not the newest of their subscription, then pull points
	// and subscriptions that ended before it, with their cursors; done=true tells that none is left.
	Expire(ctx context.Context, now time.Time, n int) (ended int, err error)
	Idle(ctx context.Context, before time.Time, n int) ([]nas.PullPointID, error)
	Prune(ctx context.Context, before time.Time, n int) (deleted int, done bool, err error)
}

// IDListStore keeps the id lists of owners. It is safe for concurrent use, also by several processes. Writes join the unit of work in ctx or are
// a transaction of their own; returned memory is the caller's.
type IDListStore interface {
	// Put replaces the list of the owner with this name, whole; replaced=false if there was none. Whoever reads meanwhile sees the old list or the
	// new one. Of two that come at once, both succeed and the later one stays.
	Put(ctx context.Context, l nas.IDList, at time.Time) (replaced bool, err error)
	// Delete removes a list; existed=false if there was none.
	Delete(ctx context.Context, o nas.Owner, name string) (existed bool, err error)
	// Version returns a number that no other content of a list of this owner and name has or had; ok=false if there is none.
	Version(ctx context.Context, o nas.Owner, name string) (version int64, ok bool, err error)
	// Versions returns the version of each list of the owner, by name.
	Versions(ctx context.Context, o nas.Owner) (map[string]int64, error)
	// Load returns a list with its version, read together; ok=false if there is none.
	Load(ctx context.Context, o nas.Owner, name string) (l nas.IDList, version int64, ok bool, err error)
}

// ContentFilter compiles the XPath expressions of filters (NAS-25). It is safe for concurrent use.
type ContentFilter interface {
	// Compile returns the expression, or an error for one that is no XPath 1.0, has an unbound prefix, a variable or an unknown function, or is too long.
	Compile(x nas.XPath) (ContentExpression, error)
}

// ContentExpression is a compiled expression. It is safe for concurrent use.
type ContentExpression interface {
	// Match evaluates the expression at the document whose root is content, an advis:NotifyContent, and returns its boolean value. An error tells that
	// content is no XML, that the evaluation failed, or that it took too many steps; the notification does not match then.
	Match(content []byte) (bool, error)
}

// NotifyContents makes what the message log keeps of a notification whose payload is one XML element. It is safe for concurrent use.
type NotifyContents interface {
	// Enclose returns an advis:NotifyContent around the payload; nas.Refusal with nas.ContentInvalid if that is not one XML element.
	Enclose(n nas.Notification) ([]byte, error)
}
