package notifying

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// Subscriptions is what owners keep: pull points, subscriptions and id lists. It is safe for concurrent use.
type Subscriptions struct {
	Store           ports.PullPointStore
	Topics          *Directory
	Log             ports.MessageLog
	Lists           ports.IDListStore
	Filters         ports.ContentFilter
	Trail           ports.Trail
	Now             func() time.Time
	NewID           func() string     // UUIDs that nobody can guess, in lower case
	Statistics      func(line string) // nil = not wanted
	MaxPerOwner     int               // pull points
	MaxPerPullPoint int               // subscriptions
	MaxLifetime     time.Duration     // of a subscription; 0 = without end
	MaxSingleIDs    int               // of a filter
	MaxIDs          int               // of an id list
}

// Owned is a pull point with how many messages each of its subscriptions has yet to read.
type Owned struct {
	nas.PullPoint
	Lags []int64 // as Subscriptions; -1 = not known, and all are where the log does not answer
}

// What subscribers are told, whoever asks: nobody learns whether there is what is another's.
const (
	textNoPullPoint    = "pull point not known"
	textNoSubscription = "subscription not known"
	textTryAgain       = "not ended, try again"
)

var errLongMessageID = fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: "the message id is too long"}

// failed is a failure with the parts of its fault.
func failed(f nas.Fault, kind fault.Kind, code, text string, cause error) *nas.Error {
	return &nas.Error{Fault: f, Err: fault.Error{Kind: kind, Code: code, Text: text}, Cause: cause}
}

func unknown(text string) error {
	return failed(nas.ResourceUnknown, fault.NotFound, nas.CodeResourceUnknown, text, nil)
}

// ownerOf returns whose resources the caller uses. A caller that its credential does not name owns nothing.
func ownerOf(caller identity.Caller) (nas.Owner, error) {
	o := nas.OwnerOf(caller)
	switch {
	case caller.Kind == identity.Unknown || o.CVR == "" || o.System == "":
		return o, errNobody
	case len(caller.MessageID) > nas.MaxMessageID && utf8.RuneCountInString(caller.MessageID) > nas.MaxMessageID:
		return o, errLongMessageID
	}
	return o, nil
}

func (s *Subscriptions) note(ctx context.Context, where audit.Context, o nas.Owner, info ...audit.Information) {
	note(ctx, s.Trail, where, o, info...)
}

func note(ctx context.Context, trail ports.Trail, where audit.Context, o nas.Owner, info ...audit.Information) {
	trail.Note(ctx, audit.NAS, where, append([]audit.Information{audit.OwnerCVR.Is(o.CVR), audit.OwnerSystem.Is(o.System)}, info...)...)
}

// committed has f run once the call in ctx is committed.
func committed(ctx context.Context, f func()) {
	admitting.AtEnd(ctx, func(committed bool) {
		if committed {
			f()
		}
	})
}

func (s *Subscriptions) tell(ctx context.Context, line string) {
	if s.Statistics != nil {
		committed(ctx, func() { s.Statistics(line) })
	}
}

// CreatePullPoint makes a pull point of the caller's.
func (s *Subscriptions) CreatePullPoint(ctx context.Context, caller identity.Caller) (nas.PullPointID, error) {
	owner, err := ownerOf(caller)
	if err != nil {
		return "", err
	}
	p := nas.PullPoint{ID: nas.PullPointID(s.NewID()), Owner: owner, CreatedAt: s.Now()}
	s.note(ctx, audit.CreatePullPoint, owner, audit.PullPointID.Is(string(p.ID)))
	const text = "pull point not created"
	switch err := s.Store.CreatePullPoint(ctx, p, s.MaxPerOwner); {
	case errors.Is(err, nas.ErrTooMany):
		return "", failed(nas.UnableToCreatePullPoint, fault.Conflict, nas.CodeTooManyPullPoints, text, nil)
	case err != nil:
		return "", failed(nas.UnableToCreatePullPoint, fault.Unavailable, nas.CodeUnavailable, text, err)
	}
	s.tell(ctx, nas.StatisticCreatePullPoint(owner, p.ID))
	return p.ID, nil
}

// DestroyPullPoint ends a pull point of the caller's with its subscriptions. id may be an address.
func (s *Subscriptions) DestroyPullPoint(ctx context.Context, caller identity.Caller, id string) error {
	owner, err := ownerOf(caller)
	if err != nil {
		return err
	}
	p, err := s.own(ctx, audit.DestroyPullPoint, owner, id)
	if err == nil {
		err = s.Store.EndPullPoint(ctx, p.ID, s.Now())
	}
	switch {
	case errors.Is(err, nas.ErrUnknown):
		return unknown(textNoPullPoint)
	case err != nil:
		return failed(nas.UnableToDestroyPullPoint, fault.Unavailable, nas.CodeUnavailable, textTryAgain, err)
	}
	s.tell(ctx, nas.StatisticDestroyPullPoint(owner, p.ID))
	return nil
}

// own returns a live pull point of the owner; nas.ErrUnknown, also if it is another's.
func (s *Subscriptions) own(ctx context.Context, where audit.Context, owner nas.Owner, address string) (nas.PullPoint, error) {
	id, ok := nas.PullPointOf(address)
	s.note(ctx, where, owner, audit.PullPointID.Is(string(id)))
	if !ok {
		return nas.PullPoint{}, nas.ErrUnknown
	}
	p, err := s.Store.PullPoint(ctx, id, s.Now())
	if err == nil && p.Owner != owner {
		return nas.PullPoint{}, nas.ErrUnknown
	}
	return p, err
}

// PullPoints returns what the caller has, oldest first.
func (s *Subscriptions) PullPoints(ctx context.Context, caller identity.Caller) ([]Owned, error) {
	owner, err := ownerOf(caller)
	if err != nil {
		return nil, err
	}
	s.note(ctx, audit.ReadPullPoints, owner)
	ps, err := s.Store.PullPoints(ctx, owner, s.Now())
	if err != nil {
		return nil, failed(nas.UnableToGetMessages, fault.Unavailable, nas.CodeUnavailable, textUnavailable, err)
	}
	return s.behind(ctx, ps), nil
}

// PullPoint returns one of the caller's. id may be an address.
func (s *Subscriptions) PullPoint(ctx context.Context, caller identity.Caller, id string) (Owned, error) {
	owner, err := ownerOf(caller)
	if err != nil {
		return Owned{}, err
	}
	p, err := s.own(ctx, audit.ReadPullPoints, owner, id)
	switch {
	case errors.Is(err, nas.ErrUnknown):
		return Owned{}, unknown(textNoPullPoint)
	case err != nil:
		return Owned{}, failed(nas.UnableToGetMessages, fault.Unavailable, nas.CodeUnavailable, textUnavailable, err)
	}
	return s.behind(ctx, []nas.PullPoint{p})[0], nil
}

// behind adds the lags. A topic that was just deleted, or a log that does not answer, hides nothing else.
func (s *Subscriptions) behind(ctx context.Context, ps []nas.PullPoint) []Owned {
	var topics []messagelog.Topic
	all := make([]Owned, len(ps))
	for i, p := range ps {
		all[i] = Owned{PullPoint: p, Lags: make([]int64, len(p.Subscriptions))}
		topics = append(topics, topicsOf(p.Subscriptions)...)
	}
	slices.Sort(topics)
	bounds := map[messagelog.Topic][]messagelog.Bounds{}
	if topics = slices.Compact(topics); len(topics) > 0 {
		bounds, _ = s.Log.Bounds(ctx, topics) // an error leaves lags that are not known
	}
	for _, p := range all {
		for i, sub := range p.Subscriptions {
			p.Lags[i] = -1
			if b, ok := bounds[sub.Log]; ok {
				if at, err := sub.Cursor.Offsets.Against(b); err == nil {
					p.Lags[i] = at.Lag
				}
			}
		}
	}
	return all
}

// Subscribe makes a subscription, which gets what is published from now on.
func (s *Subscriptions) Subscribe(ctx context.Context, caller identity.Caller, wanted Subscribing) (Subscribed, error) {
	owner, err := ownerOf(caller)
	if err != nil {
		return Subscribed{}, err
	}
	now := s.Now()
	sub := nas.Subscription{ID: nas.SubscriptionID(s.NewID()), Owner: owner, CreatedAt: now}
	p, err := s.consumer(ctx, owner, wanted.Consumer)
	if err != nil {
		return Subscribed{}, err
	}
	sub.PullPoint = p.ID
	if sub.Expires, err = nas.Termination(wanted.Termination, now, s.MaxLifetime); err != nil {
		return Subscribed{}, err
	}
	if err := checkPolicies(wanted.Policies); err != nil {
		return Subscribed{}, err
	}
	if sub.Topic, sub.Filter, err = s.filter(ctx, owner, wanted.Filter); err != nil {
		return Subscribed{}, err
	}
	s.Trail.Note(ctx, audit.NAS, audit.Subscribe, audit.SubscriptionID.Is(string(sub.ID)), audit.TopicName.Is(string(sub.Topic)),
		audit.IDListName.Is(sub.Filter.List))
	if sub.Log, err = s.topic(ctx, caller, sub.Topic); err != nil {
		return Subscribed{}, err
	}
	if len(p.Subscriptions) >= s.MaxPerPullPoint {
		return Subscribed{}, tooManySubscriptions()
	}
	if err := s.store(ctx, sub); err != nil {
		return Subscribed{}, err
	}
	s.tell(ctx, nas.StatisticSubscribe(sub))
	return Subscribed{ID: sub.ID, Now: now, Expires: sub.Expires}, nil
}

// consumer returns the pull point that the address names, a live one of the owner's. Its host is not looked at: a server has many names.
func (s *Subscriptions) consumer(ctx context.Context, owner nas.Owner, address string) (nas.PullPoint, error) {
	p, err := s.own(ctx, audit.Subscribe, owner, address)
	switch _, named := nas.PullPointOf(address); {
	case strings.TrimSpace(address) == "":
		return p, failed(nas.SubscribeCreationFailed, fault.Invalid, nas.CodePullPointUnknown, "the address of a pull point is required", nil)
	case !named:
		return p, failed(nas.SubscribeCreationFailed, fault.Invalid, nas.CodePushNotOffered,
			"notifications are not pushed: the consumer must be a pull point", nil)
	case errors.Is(err, nas.ErrUnknown):
		return p, consumerUnknown()
	case err != nil:
		return p, notSubscribed(err)
	}
	return p, nil
}

func consumerUnknown() error {
	return failed(nas.SubscribeCreationFailed, fault.Invalid, nas.CodePullPointUnknown, textNoPullPoint, nil)
}

func notSubscribed(cause error) error {
	return failed(nas.SubscribeCreationFailed, fault.Unavailable, nas.CodeUnavailable, "the subscription was not created, try again", cause)
}

// useRaw asks for messages without wsnt:Notify around them (WS-BaseNotification 1.3, 4.1).
var useRaw = nas.Name{Space: "http://docs.oasis-open.org/wsn/b-2", Local: "UseRaw"}

// checkPolicies refuses every policy: none is offered.
func checkPolicies(all []nas.Name) error {
	others := slices.DeleteFunc(slices.Clone(all), func(n nas.Name) bool { return n == useRaw })
	switch {
	case len(others) > 0:
		err := failed(nas.UnrecognizedPolicyRequest, fault.Invalid, nas.CodeUnrecognizedPolicy, "the policy is not known", nil)
		err.Names = others
		return err
	case len(all) > 0:
		err := failed(nas.UnsupportedPolicyRequest, fault.Invalid, nas.CodeUnsupportedPolicy, "the policy is not offered", nil)
		err.Names = []nas.Name{useRaw}
		return err
	}
	return nil
}

// filter returns topic and filter that are asked for, with a list that is there and an expression that compiles (NAS-20 to NAS-26).
func (s *Subscriptions) filter(ctx context.Context, owner nas.Owner, wanted nas.FilterRequest) (nas.TopicName, nas.Filter, error) {
	topic, f, err := wanted.Judge(s.MaxSingleIDs)
	if err != nil {
		return "", f, err
	}
	if f.List != "" {
		switch _, ok, err := s.Lists.Version(ctx, owner, f.List); {
		case err != nil:
			return "", f, notSubscribed(fmt.Errorf("look up id list: %w", err))
		case !ok:
			return "", f, nas.UnknownList()
		}
	}
	if f.XPath != nil {
		if _, err := s.Filters.Compile(*f.XPath); err != nil {
			return "", f, nas.InvalidContent(nas.CodeXPath, "the expression is not one of XPath 1.0 that is offered")
		}
	}
	return topic, f, nil
}

// topic returns the log topic of an open topic that the caller may read.
func (s *Subscriptions) topic(ctx context.Context, caller identity.Caller, name nas.TopicName) (messagelog.Topic, error) {
	t, err := s.Topics.Topic(ctx, name)
	switch {
	case errors.Is(err, nas.ErrNoTopic), err == nil && t.State != nas.Ready:
		return "", topicUnknown()
	case err != nil:
		return "", notSubscribed(fmt.Errorf("look up topic: %w", err))
	case !t.Open():
		return "", failed(nas.TopicNotSupported, fault.Invalid, nas.TopicClosed, "the topic is closed", nil)
	case !t.Readable(caller.Org.CVR, caller.Credential.SubjectSerial):
		return "", nas.NoAccess{Topic: name}
	}
	return t.Log, nil
}

func topicUnknown() error {
	return failed(nas.TopicNotSupported, fault.Invalid, nas.TopicUnknown, "the topic is not known", nil)
}

// store keeps the subscription with the ends of its topic, which are read first: what is published after the answer comes after them (NAS-37).
func (s *Subscriptions) store(ctx context.Context, sub nas.Subscription) error {
	bounds, err := s.Log.Bounds(ctx, []messagelog.Topic{sub.Log})
	if err != nil {
		return notSubscribed(fmt.Errorf("read the ends of a topic: %w", err))
	}
	first := nas.Cursor{Subscription: sub.ID, PullPoint: sub.PullPoint, Offsets: nas.Ends(bounds[sub.Log]), CreatedAt: sub.CreatedAt}
	switch err := s.Store.Subscribe(ctx, sub, first, s.MaxPerPullPoint); {
	case errors.Is(err, nas.ErrUnknown):
		return consumerUnknown()
	case errors.Is(err, nas.ErrNoTopic):
		return topicUnknown()
	case errors.Is(err, nas.ErrTooMany):
		return tooManySubscriptions()
	case err != nil:
		return notSubscribed(err)
	}
	return nil
}

func tooManySubscriptions() error {
	return failed(nas.SubscribeCreationFailed, fault.Conflict, nas.CodeTooManySubscriptions, "the pull point has too many subscriptions", nil)
}

// Unsubscribe ends a subscription of the caller's. id may be an address.
func (s *Subscriptions) Unsubscribe(ctx context.Context, caller identity.Caller, id string) error {
	owner, err := ownerOf(caller)
	if err != nil {
		return err
	}
	subscription, ok := nas.SubscriptionOf(id)
	s.note(ctx, audit.Unsubscribe, owner, audit.SubscriptionID.Is(string(subscription)))
	if !ok {
		return unknown(textNoSubscription)
	}
	now := s.Now()
	sub, err := s.Store.Subscription(ctx, subscription, now)
	if err == nil && sub.Owner != owner {
		err = nas.ErrUnknown
	}
	if err == nil {
		err = s.Store.EndSubscription(ctx, subscription, now)
	}
	switch {
	case errors.Is(err, nas.ErrUnknown):
		return unknown(textNoSubscription)
	case err != nil:
		return failed(nas.UnableToDestroySubscription, fault.Unavailable, nas.CodeUnavailable, textTryAgain, err)
	}
	s.tell(ctx, nas.StatisticUnsubscribe(sub))
	return nil
}
