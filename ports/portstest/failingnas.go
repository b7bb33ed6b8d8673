package portstest

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// FailingTopics is a store of topics that fails on demand: OnRead in Topic and Topics.
type FailingTopics struct {
	Store            ports.TopicStore
	OnRead, OnUpdate Failure
}

var _ ports.TopicStore = (*FailingTopics)(nil)

// Topic fails as OnRead says.
func (s *FailingTopics) Topic(ctx context.Context, name nas.TopicName) (nas.Topic, error) {
	if err := s.OnRead.next(); err != nil {
		return nas.Topic{}, err
	}
	return s.Store.Topic(ctx, name)
}

// Topics fails as OnRead says.
func (s *FailingTopics) Topics(ctx context.Context) ([]nas.Topic, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Topics(ctx)
}

// UpdateTopic fails as OnUpdate says; edit does not run then.
func (s *FailingTopics) UpdateTopic(ctx context.Context, name nas.TopicName, edit func(nas.Topic) (nas.Topic, error)) error {
	if err := s.OnUpdate.next(); err != nil {
		return err
	}
	return s.Store.UpdateTopic(ctx, name, edit)
}

// FailingPullPoints is a store of pull points that fails on demand: OnRead in what reads, OnCreate in CreatePullPoint, OnSubscribe in Subscribe,
// OnSeen in Seen, OnAdvance in Advance, OnEnd in EndSubscription, EndPullPoint and EndTopic, OnCleanup in Expire and Prune. What fails changes
// nothing.
type FailingPullPoints struct {
	Store                                                              ports.PullPointStore
	OnRead, OnCreate, OnSubscribe, OnSeen, OnAdvance, OnEnd, OnCleanup Failure
}

var _ ports.PullPointStore = (*FailingPullPoints)(nil)

// CreatePullPoint fails as OnCreate says.
func (s *FailingPullPoints) CreatePullPoint(ctx context.Context, p nas.PullPoint, limit int) error {
	if err := s.OnCreate.next(); err != nil {
		return err
	}
	return s.Store.CreatePullPoint(ctx, p, limit)
}

// PullPoint fails as OnRead says.
func (s *FailingPullPoints) PullPoint(ctx context.Context, id nas.PullPointID, now time.Time) (nas.PullPoint, error) {
	if err := s.OnRead.next(); err != nil {
		return nas.PullPoint{}, err
	}
	return s.Store.PullPoint(ctx, id, now)
}

// Visit fails as OnRead says.
func (s *FailingPullPoints) Visit(ctx context.Context, id nas.PullPointID, now time.Time, messageID string) (nas.PullPoint, bool, error) {
	if err := s.OnRead.next(); err != nil {
		return nas.PullPoint{}, false, err
	}
	return s.Store.Visit(ctx, id, now, messageID)
}

// PullPoints fails as OnRead says.
func (s *FailingPullPoints) PullPoints(ctx context.Context, o nas.Owner, now time.Time) ([]nas.PullPoint, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.PullPoints(ctx, o, now)
}

// LivePullPoints fails as OnRead says.
func (s *FailingPullPoints) LivePullPoints(ctx context.Context, after nas.PullPointID, n int, now time.Time) ([]nas.PullPoint, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.LivePullPoints(ctx, after, n, now)
}

// Seen fails as OnSeen says.
func (s *FailingPullPoints) Seen(ctx context.Context, id nas.PullPointID, at time.Time) error {
	if err := s.OnSeen.next(); err != nil {
		return err
	}
	return s.Store.Seen(ctx, id, at)
}

// Subscribe fails as OnSubscribe says.
func (s *FailingPullPoints) Subscribe(ctx context.Context, sub nas.Subscription, first nas.Cursor, limit int) error {
	if err := s.OnSubscribe.next(); err != nil {
		return err
	}
	return s.Store.Subscribe(ctx, sub, first, limit)
}

// Subscription fails as OnRead says.
func (s *FailingPullPoints) Subscription(ctx context.Context, id nas.SubscriptionID, now time.Time) (nas.Subscription, error) {
	if err := s.OnRead.next(); err != nil {
		return nas.Subscription{}, err
	}
	return s.Store.Subscription(ctx, id, now)
}

// EndSubscription fails as OnEnd says.
func (s *FailingPullPoints) EndSubscription(ctx context.Context, id nas.SubscriptionID, at time.Time) error {
	if err := s.OnEnd.next(); err != nil {
		return err
	}
	return s.Store.EndSubscription(ctx, id, at)
}

// EndPullPoint fails as OnEnd says.
func (s *FailingPullPoints) EndPullPoint(ctx context.Context, id nas.PullPointID, at time.Time) error {
	if err := s.OnEnd.next(); err != nil {
		return err
	}
	return s.Store.EndPullPoint(ctx, id, at)
}

// EndTopic fails as OnEnd says.
func (s *FailingPullPoints) EndTopic(ctx context.Context, name nas.TopicName, at time.Time) (int, error) {
	if err := s.OnEnd.next(); err != nil {
		return 0, err
	}
	return s.Store.EndTopic(ctx, name, at)
}

// Advance fails as OnAdvance says.
func (s *FailingPullPoints) Advance(ctx context.Context, rows []nas.Cursor) error {
	if err := s.OnAdvance.next(); err != nil {
		return err
	}
	return s.Store.Advance(ctx, rows)
}

// Answer fails as OnRead says.
func (s *FailingPullPoints) Answer(ctx context.Context, id nas.PullPointID, messageID string) ([]nas.Cursor, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Answer(ctx, id, messageID)
}

// Expire fails as OnCleanup says.
func (s *FailingPullPoints) Expire(ctx context.Context, now time.Time, n int) (int, error) {
	if err := s.OnCleanup.next(); err != nil {
		return 0, err
	}
	return s.Store.Expire(ctx, now, n)
}

// Idle fails as OnRead says.
func (s *FailingPullPoints) Idle(ctx context.Context, before time.Time, n int) ([]nas.PullPointID, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Idle(ctx, before, n)
}

// Prune fails as OnCleanup says.
func (s *FailingPullPoints) Prune(ctx context.Context, before time.Time, n int) (int, bool, error) {
	if err := s.OnCleanup.next(); err != nil {
		return 0, false, err
	}
	return s.Store.Prune(ctx, before, n)
}

// FailingIDLists is a store of id lists that fails on demand: OnRead in Version, Versions and Load, OnWrite in Put and Delete, which then change
// nothing.
type FailingIDLists struct {
	Store           ports.IDListStore
	OnRead, OnWrite Failure
}

var _ ports.IDListStore = (*FailingIDLists)(nil)

// Put fails as OnWrite says.
func (s *FailingIDLists) Put(ctx context.Context, l nas.IDList, at time.Time) (bool, error) {
	if err := s.OnWrite.next(); err != nil {
		return false, err
	}
	return s.Store.Put(ctx, l, at)
}

// Delete fails as OnWrite says.
func (s *FailingIDLists) Delete(ctx context.Context, o nas.Owner, name string) (bool, error) {
	if err := s.OnWrite.next(); err != nil {
		return false, err
	}
	return s.Store.Delete(ctx, o, name)
}

// Version fails as OnRead says.
func (s *FailingIDLists) Version(ctx context.Context, o nas.Owner, name string) (int64, bool, error) {
	if err := s.OnRead.next(); err != nil {
		return 0, false, err
	}
	return s.Store.Version(ctx, o, name)
}

// Versions fails as OnRead says.
func (s *FailingIDLists) Versions(ctx context.Context, o nas.Owner) (map[string]int64, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Versions(ctx, o)
}

// Load fails as OnRead says.
func (s *FailingIDLists) Load(ctx context.Context, o nas.Owner, name string) (nas.IDList, int64, bool, error) {
	if err := s.OnRead.next(); err != nil {
		return nas.IDList{}, 0, false, err
	}
	return s.Store.Load(ctx, o, name)
}
